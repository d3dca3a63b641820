/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Objects whose memory is a process's own. */
#ifndef SOFTGEM_USERPTR_H
#define SOFTGEM_USERPTR_H

#include <linux/types.h>

struct sg_gpu;
struct sg_object;

struct sg_object *sg_userptr_create(struct sg_gpu *gpu, unsigned long addr, u64 size,
				    bool read_only);
struct sg_object *sg_pinned_create(struct sg_gpu *gpu, unsigned long addr, u64 size,
				   bool read_only);
int sg_userptr_probe(unsigned long addr, u64 size, bool read_only);
bool sg_object_is_userptr(const struct sg_object *obj);

#endif
