/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The Exynos front end: arguments are copied in, checked, handed to the core, and results copied
 * out. Structures and constants come from <drm/exynos_drm.h> and exynos_userptr.h, which the core
 * never sees.
 */
#ifndef SOFTGEM_EXYNOS_H
#define SOFTGEM_EXYNOS_H

#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>

struct dma_buf;
struct sg_gpu;

extern const struct drm_ioctl_desc exynos_ioctls[];
extern const int exynos_num_ioctls;

struct drm_gem_object *exynos_prime_import(struct drm_device *dev, struct dma_buf *buf);

int exynos_init(void);
void exynos_exit(void);
int exynos_add(struct sg_gpu *gpu);

#endif
