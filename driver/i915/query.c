// SPDX-License-Identifier: GPL-2.0 OR MIT
/* QUERY: descriptions too large for GETPARAM; and REG_READ. */
#include <linux/mm.h>
#include <linux/overflow.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../device/mem.h"
#include "i915.h"

/*
 * Hand a description out: its size if that is asked for, else the description. A negative length is
 * a very large one, as clients know it.
 */
static int answer(struct drm_i915_query_item *item, const void *data, size_t size)
{
	if (!item->length)
		return size;
	if (item->length < size)
		return -EINVAL;
	return copy_to_user(u64_to_user_ptr(item->data_ptr), data, size) ? -EFAULT : size;
}

/* Clients have to pass zeroes where there is room for future questions. */
static int header_zero(const struct drm_i915_query_item *item, size_t size)
{
	int ret;

	if (!item->length)
		return 0;
	if (item->length < size)
		return -EINVAL;
	ret = check_zeroed_user(u64_to_user_ptr(item->data_ptr), size);
	return ret < 0 ? ret : ret ? 0 : -EINVAL;
}

static int query_topology(struct sg_gpu *gpu, struct drm_i915_query_item *item)
{
	struct {
		struct drm_i915_query_topology_info info;
		u8 slice_mask;
		u8 subslice_mask;
		u8 eu_mask[I915_SUBSLICES];
	} __packed t = {
		.info = {
			.max_slices = I915_SLICES,
			.max_subslices = I915_SUBSLICES,
			.max_eus_per_subslice = I915_EUS,
			.subslice_offset = 1,
			.subslice_stride = 1,
			.eu_offset = 2,
			.eu_stride = 1,
		},
		.slice_mask = GENMASK(I915_SLICES - 1, 0),
		.subslice_mask = GENMASK(I915_SUBSLICES - 1, 0),
	};

	if (item->flags)
		return -EINVAL;
	memset(t.eu_mask, GENMASK(I915_EUS - 1, 0), sizeof(t.eu_mask));
	return answer(item, &t, sizeof(t));
}

static int query_engines(struct sg_gpu *gpu, struct drm_i915_query_item *item)
{
	struct drm_i915_query_engine_info *info;
	size_t size = struct_size(info, engines, SG_NUM_ENGINES);
	unsigned int i;
	int ret;

	if (item->flags)
		return -EINVAL;
	ret = header_zero(item, sizeof(*info));
	if (ret)
		return ret;
	info = kzalloc(size, GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	info->num_engines = SG_NUM_ENGINES;
	for (i = 0; i < SG_NUM_ENGINES; i++) {
		const struct sg_engine *engine = &gpu->engines[i];

		info->engines[i].engine.engine_class = engine->class;
		info->engines[i].engine.engine_instance = engine->instance;
		info->engines[i].flags = I915_ENGINE_INFO_HAS_LOGICAL_INSTANCE;
		info->engines[i].logical_instance = engine->instance;
	}
	ret = answer(item, info, size);
	kfree(info);
	return ret;
}

static int query_regions(struct sg_gpu *gpu, struct drm_i915_query_item *item)
{
	struct drm_i915_query_memory_regions *info;
	size_t size = struct_size(info, regions, 1);
	int ret;

	if (item->flags)
		return -EINVAL;
	ret = header_zero(item, sizeof(*info));
	if (ret)
		return ret;
	info = kzalloc(size, GFP_KERNEL);
	if (!info)
		return -ENOMEM;
	info->num_regions = 1;
	info->regions[0].region.memory_class = I915_MEMORY_CLASS_SYSTEM;
	info->regions[0].probed_size = (u64)totalram_pages() << PAGE_SHIFT;
	info->regions[0].unallocated_size = info->regions[0].probed_size;
	info->regions[0].probed_cpu_visible_size = info->regions[0].probed_size;
	info->regions[0].unallocated_cpu_visible_size = info->regions[0].probed_size;
	ret = answer(item, info, size);
	kfree(info);
	return ret;
}

static int query_item(struct sg_gpu *gpu, struct drm_i915_query_item *item)
{
	switch (item->query_id) {
	case DRM_I915_QUERY_TOPOLOGY_INFO:
		return query_topology(gpu, item);
	case DRM_I915_QUERY_ENGINE_INFO:
		return query_engines(gpu, item);
	case DRM_I915_QUERY_MEMORY_REGIONS:
		return query_regions(gpu, item);
	default:
		return -EINVAL;
	}
}

I915_IOCTL(query)
{
	struct drm_i915_query *args = data;
	struct drm_i915_query_item __user *user = u64_to_user_ptr(args->items_ptr);
	u32 i;

	if (args->flags)
		return -EINVAL;
	for (i = 0; i < args->num_items; i++) {
		struct drm_i915_query_item item;

		/* another signal would have the client ask again with answers for lengths */
		if (fatal_signal_pending(current))
			return -EINTR;
		if (copy_from_user(&item, &user[i], sizeof(item)))
			return -EFAULT;
		if (!item.query_id)
			return -EINVAL;
		item.length = query_item(to_sg_gpu(dev), &item);
		if (put_user(item.length, &user[i].length))
			return -EFAULT;
		cond_resched();
	}
	return 0;
}

/* The render engine's timestamp: whole, or (I915_REG_READ_8B_WA, bit 0) in two reads */
#define RCS_TIMESTAMP	0x2358

I915_IOCTL(reg_read)
{
	struct drm_i915_reg_read *args = data;

	if ((args->offset & ~(u64)I915_REG_READ_8B_WA) != RCS_TIMESTAMP)
		return -EINVAL;
	args->val = sg_timestamp() & GENMASK_ULL(35, 0);
	return 0;
}
