// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * DRM nodes that are not the GPU's first one.
 *
 * The GPU lives as long as its first node, that of the PCI device. A further node holds a reference
 * to that one until its own objects are gone.
 */
#include <linux/wait_bit.h>

#include <drm/drm_drv.h>
#include <drm/drm_managed.h>

#include "gpu.h"
#include "node.h"

/* Nobody has a file of the node open any more, nor a dma-buf; objects may still be on their way. */
static void detach(struct drm_device *dev, void *unused)
{
	struct sg_node *node = to_sg_node(dev);

	wait_var_event(&node->objects, !atomic_read(&node->objects));
	drm_dev_put(&node->gpu->node.drm);
}

/**
 * sg_node_attach() - make a further node lead to a GPU.
 * @node: the node, its DRM device initialized and not yet registered
 * @gpu: the GPU, which stays as long as the node does
 *
 * Return: 0 or -ENOMEM.
 */
int sg_node_attach(struct sg_node *node, struct sg_gpu *gpu)
{
	node->gpu = gpu;
	drm_dev_get(&gpu->node.drm);
	return drmm_add_action_or_reset(&node->drm, detach, NULL);
}
