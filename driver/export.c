// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * dma-bufs of our objects, but for tracked user pages (export_user.c). The pages stay in place
 * while anybody is attached, or has the object mapped in the kernel.
 *
 * See Documentation/driver-api/dma-buf.rst in the kernel's sources.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/vmalloc.h>

#include <drm/drm_prime.h>

#include "gpu.h"
#include "grip.h"
#include "mmap.h"
#include "object.h"
#include "prime.h"
#include "shadow.h"
#include "userptr.h"

static struct sg_object *buf_object(struct dma_buf *buf)
{
	return to_sg_object((struct drm_gem_object *)buf->priv);
}

static int export_attach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	struct sg_object *obj = buf_object(buf);
	struct sg_grip grip = {};
	int ret;

	if (obj->ops->ready)	/* it may be taken away at any time, and nobody would be told */
		return -EOPNOTSUPP;
	do {
		/* the one call that comes without the reservation, and may fault user memory */
		ret = sg_object_acquire(obj, &grip);
		if (ret)
			break;
		if (dma_resv_lock_interruptible(obj->base.resv, NULL)) {
			ret = -ERESTARTSYS;
			break;
		}
		ret = sg_object_pin_pages(obj);
		sg_shadow_flush(obj);
		dma_resv_unlock(obj->base.resv);
	} while (ret == -EAGAIN);
	sg_grip_drop(&grip);
	return ret;
}

static void export_detach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	sg_object_unpin_pages(buf_object(buf));
}

/**
 * sg_prime_table() - make a table of pages for another device, not yet mapped for it.
 * @table: to be filled in
 * @pages: the pages, all of them there to stay
 *
 * Return: 0 or -ENOMEM.
 */
int sg_prime_table(struct sg_table *table, const struct sg_pages *pages)
{
	unsigned long index, n;
	unsigned int nruns = 0;
	struct scatterlist *sg;
	u64 pfn;
	int ret;

	sg_pages_for_each_run(pages, index, pfn, n)
		nruns++;
	ret = sg_alloc_table(table, nruns, GFP_KERNEL);
	if (ret)
		return ret;
	sg = table->sgl;
	sg_pages_for_each_run(pages, index, pfn, n) {
		sg_set_page(sg, pfn_to_page(pfn), n << PAGE_SHIFT, 0);
		sg = sg_next(sg);
	}
	return 0;
}

static struct sg_table *export_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct sg_object *obj = buf_object(attach->dmabuf);
	struct sg_table *table;
	bool locked;
	int ret;

	if (obj->read_only && dir != DMA_TO_DEVICE)
		return ERR_PTR(-EACCES);
	/* somebody may have gone through the aperture since the device was attached */
	locked = sg_dma_buf_map_lock(obj->base.resv);
	sg_shadow_flush(obj);
	if (locked)
		dma_resv_unlock(obj->base.resv);
	table = kzalloc(sizeof(*table), GFP_KERNEL);
	if (!table)
		return ERR_PTR(-ENOMEM);
	ret = sg_prime_table(table, &obj->pages);
	if (ret)
		goto free;
	ret = dma_map_sgtable(attach->dev, table, dir, SG_DMA_ATTRS);
	if (!ret)
		return table;
	sg_free_table(table);
free:
	kfree(table);
	return ERR_PTR(ret);
}

static void export_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
			 enum dma_data_direction dir)
{
	dma_unmap_sgtable(attach->dev, table, dir, SG_DMA_ATTRS);
	sg_free_table(table);
	kfree(table);
}

/**
 * sg_prime_vmap() - map pages into the kernel.
 * @pages: the pages, all of them there to stay
 * @read_only: the kernel must not write to them either
 * @map: where they are
 *
 * Return: 0 or -ENOMEM.
 */
int sg_prime_vmap(const struct sg_pages *pages, bool read_only, struct iosys_map *map)
{
	unsigned long index, n, i;
	struct page **list;
	void *vaddr;
	u64 pfn;

	list = kvmalloc_array(pages->npages, sizeof(*list), GFP_KERNEL);
	if (!list)
		return -ENOMEM;
	sg_pages_for_each_run(pages, index, pfn, n)
		for (i = 0; i < n; i++)
			list[index + i] = pfn_to_page(pfn + i);
	vaddr = vmap(list, pages->npages, VM_MAP, read_only ? PAGE_KERNEL_RO : PAGE_KERNEL);
	kvfree(list);
	if (!vaddr)
		return -ENOMEM;
	iosys_map_set_vaddr(map, vaddr);
	return 0;
}

static int export_vmap(struct dma_buf *buf, struct iosys_map *map)
{
	struct sg_object *obj = buf_object(buf);
	int ret;

	if (obj->ops->ready)
		return -EOPNOTSUPP;
	sg_dma_buf_vmap_lock(obj->base.resv);
	ret = sg_object_pin_pages(obj);
	sg_shadow_flush(obj);
	sg_dma_buf_vmap_unlock(obj->base.resv);
	if (ret)
		return ret;
	ret = sg_prime_vmap(&obj->pages, obj->read_only, map);
	if (ret)
		sg_object_unpin_pages(obj);
	return ret;
}

static void export_vunmap(struct dma_buf *buf, struct iosys_map *map)
{
	vunmap(map->vaddr);
	sg_object_unpin_pages(buf_object(buf));
}

static int export_mmap(struct dma_buf *buf, struct vm_area_struct *vma)
{
	struct sg_object *obj = buf_object(buf);

	/* pinned user pages: the process has them mapped already */
	if (!obj->ops->get_pages)
		return -ENODEV;
	return sg_mmap_object(obj, vma);
}

static int export_begin_cpu(struct dma_buf *buf, enum dma_data_direction dir)
{
	bool write = dir == DMA_BIDIRECTIONAL || dir == DMA_TO_DEVICE;

	return sg_object_wait(buf_object(buf), write, true, MAX_SCHEDULE_TIMEOUT) ?:
	       sg_shadow_sync(buf_object(buf));
}

static const struct dma_buf_ops export_ops = {
	.attach = export_attach,
	.detach = export_detach,
	.map_dma_buf = export_map,
	.unmap_dma_buf = export_unmap,
	.release = drm_gem_dmabuf_release,
	.mmap = export_mmap,
	.vmap = export_vmap,
	.vunmap = export_vunmap,
	.begin_cpu_access = export_begin_cpu,
};

/**
 * sg_prime_export() - make a dma-buf of an object.
 * @gem: the object
 * @flags: of the new file
 *
 * Return: the dma-buf; -EOPNOTSUPP for one that is itself made of another device's; -ENOMEM.
 */
struct dma_buf *sg_prime_export(struct drm_gem_object *gem, int flags)
{
	struct sg_object *obj = to_sg_object(gem);
	struct dma_buf_export_info info = {
		.exp_name = KBUILD_MODNAME,
		.owner = THIS_MODULE,
		.ops = sg_object_is_userptr(obj) ? &sg_userptr_buf_ops : &export_ops,
		.size = gem->size,
		.flags = flags,
		.resv = gem->resv,
		.priv = gem,
	};

	if (sg_object_is_import(obj))
		return ERR_PTR(-EOPNOTSUPP);
	return drm_gem_dmabuf_export(gem->dev, &info);
}

/**
 * sg_prime_own() - the object behind a dma-buf, if it is one of ours.
 * @gpu: whose, by whichever of its nodes
 * @buf: the dma-buf
 *
 * Return: the object, without a reference, or NULL.
 */
struct sg_object *sg_prime_own(struct sg_gpu *gpu, struct dma_buf *buf)
{
	if (buf->ops != &export_ops && buf->ops != &sg_userptr_buf_ops)
		return NULL;
	return sg_object_gpu(buf_object(buf)) == gpu ? buf_object(buf) : NULL;
}
