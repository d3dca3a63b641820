/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* DRM nodes: the doors to the GPU, one for each interface that it is used by. */
#ifndef SOFTGEM_NODE_H
#define SOFTGEM_NODE_H

#include <linux/atomic.h>
#include <linux/fs.h>
#include <linux/module.h>

#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>

#include "compat.h"
#include "mmap.h"

struct sg_gpu;

/**
 * struct sg_node - a DRM device that leads to a GPU.
 * @drm: the DRM core's part: files, handles, mmap offsets
 * @gpu: the GPU
 * @objects: its objects, until they are freed
 * @mapped: the file that all mappings hold (see mmap.c), or NULL: there are none
 */
struct sg_node {
	struct drm_device drm;
	struct sg_gpu *gpu;
	atomic_t objects;
	struct file *mapped;
};

#define to_sg_node(dev)	container_of(dev, struct sg_node, drm)
#define to_sg_gpu(dev)	(to_sg_node(dev)->gpu)

/* What the files of all nodes do, for a struct file_operations. */
#define SG_NODE_FOPS				\
	.owner = THIS_MODULE,			\
	.open = drm_open,			\
	.release = drm_release,			\
	.unlocked_ioctl = drm_ioctl,		\
	.compat_ioctl = drm_compat_ioctl,	\
	.poll = drm_poll,			\
	.read = drm_read,			\
	.llseek = noop_llseek,			\
	.mmap = sg_mmap,			\
	SG_FOP_UNMAPPED_AREA			\
	SG_FOP_FLAGS

int sg_node_attach(struct sg_node *node, struct sg_gpu *gpu);

#endif
