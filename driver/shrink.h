/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Giving memory back when the kernel is short of it. */
#ifndef SOFTGEM_SHRINK_H
#define SOFTGEM_SHRINK_H

struct sg_gpu;
struct sg_object;

int sg_shrink_init(struct sg_gpu *gpu);
void sg_shrink_fini(struct sg_gpu *gpu);
void sg_shrink_add(struct sg_object *obj, unsigned long pages);
void sg_shrink_remove(struct sg_object *obj, unsigned long pages);
unsigned long sg_shrink_all(struct sg_gpu *gpu);

#endif
