// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects of physically contiguous memory. It is had when the object is made, and kept until it
 * goes: there is nowhere to swap it out to from where it would come back in one piece.
 */
#include <linux/dma-resv.h>
#include <linux/gfp.h>
#include <linux/mm.h>
#include <linux/slab.h>

#include "gpu.h"
#include "object.h"

static int contig_get_pages(struct sg_object *obj)
{
	struct sg_pages *p = &obj->pages;
	void *mem;
	int ret;

	mem = alloc_pages_exact(obj->base.size, GFP_USER | __GFP_ZERO | __GFP_ACCOUNT |
						__GFP_RETRY_MAYFAIL | __GFP_NOWARN);
	if (!mem)
		return -ENOMEM;
	ret = sg_pages_init(p, obj->base.size >> PAGE_SHIFT, 0);
	if (ret) {
		free_pages_exact(mem, obj->base.size);
		return ret;
	}
	sg_pages_install(p, page_to_pfn(virt_to_page(mem)));
	return 0;
}

static void contig_release(struct sg_object *obj)
{
	u64 pfn;

	if (!obj->have_pages)
		return;
	sg_pages_lookup(&obj->pages, 0, &pfn);
	free_pages_exact(page_address(pfn_to_page(pfn)), obj->base.size);
	sg_pages_fini(&obj->pages);
}

static const struct sg_object_ops contig_ops = {
	.get_pages = contig_get_pages,
	.release = contig_release,
};

/**
 * sg_contig_create() - make an object of zeroed, physically contiguous memory.
 * @dev: the node
 * @size: bytes, a multiple of the page size, not 0
 *
 * Context: may sleep.
 * Return: the object, with one reference; -ENOMEM where there is no such memory.
 */
struct sg_object *sg_contig_create(struct drm_device *dev, u64 size)
{
	struct sg_object *obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!obj)
		return ERR_PTR(-ENOMEM);
	drm_gem_private_object_init(dev, &obj->base, size);
	sg_object_init(obj, &contig_ops);
	dma_resv_lock(obj->base.resv, NULL);
	ret = sg_object_get_pages(obj);
	dma_resv_unlock(obj->base.resv);
	if (!ret)
		return obj;
	sg_object_put(obj);
	return ERR_PTR(ret);
}
