/* SPDX-License-Identifier: GPL-2.0 OR MIT */
#ifndef SOFTGEM_DEBUGFS_H
#define SOFTGEM_DEBUGFS_H

struct sg_gpu;

void sg_debugfs_register(struct sg_gpu *gpu);

#endif
