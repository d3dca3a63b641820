/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Dumb buffers: see dumb.c. */
#ifndef SOFTGEM_DUMB_H
#define SOFTGEM_DUMB_H

#include <linux/types.h>

struct drm_device;
struct drm_file;
struct drm_mode_create_dumb;
struct sg_gpu;

int sg_dumb_init(struct sg_gpu *gpu);
int sg_dumb_create(struct drm_file *file, struct drm_device *dev,
		   struct drm_mode_create_dumb *args);
int sg_dumb_map_offset(struct drm_file *file, struct drm_device *dev, u32 handle, u64 *offset);

#endif
