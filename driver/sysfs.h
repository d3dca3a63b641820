/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef SOFTGEM_SYSFS_H
#define SOFTGEM_SYSFS_H

struct sg_gpu;

int sg_sysfs_register(struct sg_gpu *gpu);
void sg_sysfs_unregister(struct sg_gpu *gpu);

#endif
