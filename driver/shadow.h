/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a tiled object looks like through the aperture: linear. */
#ifndef SOFTGEM_SHADOW_H
#define SOFTGEM_SHADOW_H

#include <linux/types.h>

#include "../device/tiling.h"

struct sg_object;

/**
 * struct sg_shadow_view - a part of an object, linear.
 * @mem: its bytes, from vmalloc(); NULL: nobody looks at this part
 * @dirty: they may be newer than the object's
 */
struct sg_shadow_view {
	void *mem;
	bool dirty;
};

struct sg_shadow_view *sg_shadow_get(struct sg_object *obj, u64 offset, u64 *start, u64 *len);
u32 sg_shadow_view_size(const struct sg_object *obj);
void sg_shadow_flush(struct sg_object *obj);
void sg_shadow_flush_range(struct sg_object *obj, u64 start, u64 end);
void sg_shadow_refresh(struct sg_object *obj);
void sg_shadow_fini(struct sg_object *obj);
int sg_shadow_sync(struct sg_object *obj);
int sg_shadow_expose(struct sg_object *obj);
void sg_shadow_set_tiling(struct sg_object *obj, enum sg_tiling tiling, u32 stride);

#endif
