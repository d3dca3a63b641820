// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Tiling: how the bytes of an object lie, for those who look at it through the aperture. */
#include <linux/dma-resv.h>

#include "../object.h"
#include "../shadow.h"
#include "i915.h"

/* The longest row that a fence register can describe, since generation 7. */
#define MAX_STRIDE	(256u << 10)

/* No address bits are swizzled on this generation, so that the uAPI's modes are the device's. */
static const enum sg_tiling tilings[] = {
	[I915_TILING_NONE] = SG_LINEAR,
	[I915_TILING_X] = SG_TILE_X,
	[I915_TILING_Y] = SG_TILE_Y,
};

static u32 uapi_tiling(enum sg_tiling tiling)
{
	switch (tiling) {
	case SG_TILE_X:
		return I915_TILING_X;
	case SG_TILE_Y:
		return I915_TILING_Y;
	default:
		return I915_TILING_NONE;
	}
}

static bool stride_ok(enum sg_tiling tiling, u32 stride)
{
	return tiling == SG_LINEAR ||
	       (stride && stride <= MAX_STRIDE && IS_ALIGNED(stride, sg_tile_width(tiling)));
}

I915_IOCTL(gem_set_tiling)
{
	struct drm_i915_gem_set_tiling *args = data;
	enum sg_tiling tiling;
	struct sg_object *obj;
	int ret;

	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	ret = -ENXIO;
	if (!obj->ops->get_pages)
		goto put;
	ret = -EINVAL;
	if (args->tiling_mode > I915_TILING_LAST)
		goto put;
	tiling = tilings[args->tiling_mode];
	if (!stride_ok(tiling, args->stride))
		goto put;
	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		goto put;
	sg_shadow_set_tiling(obj, tiling, tiling == SG_LINEAR ? 0 : args->stride);
	args->stride = obj->stride;
	args->swizzle_mode = I915_BIT_6_SWIZZLE_NONE;
	dma_resv_unlock(obj->base.resv);
put:
	sg_object_put(obj);
	return ret;
}

I915_IOCTL(gem_get_tiling)
{
	struct drm_i915_gem_get_tiling *args = data;
	struct sg_object *obj = sg_object_lookup(file, args->handle);

	if (!obj)
		return -ENOENT;
	args->tiling_mode = uapi_tiling(READ_ONCE(obj->tiling));
	args->swizzle_mode = I915_BIT_6_SWIZZLE_NONE;
	args->phys_swizzle_mode = I915_BIT_6_SWIZZLE_NONE;
	sg_object_put(obj);
	return 0;
}
