// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects of others' dma-bufs. A GPU made of software reaches them as the kernel does: through the
 * exporter's vmap. The reservation is the dma-buf's, so that fences are seen on both sides.
 *
 * What another node of the same GPU exports needs no mapping: the import stands for the object
 * itself, whose memory, and the rules for it, are those of its kind (sg_object_memory()).
 */
#include <linux/dma-buf.h>
#include <linux/iosys-map.h>
#include <linux/slab.h>

#include "gpu.h"
#include "object.h"
#include "prime.h"

/**
 * struct sg_import - an object of a dma-buf.
 * @obj: the object
 * @buf: the dma-buf
 * @lock: guards the making of @map
 * @map: where it is
 */
struct sg_import {
	struct sg_object obj;
	struct dma_buf *buf;
	struct mutex lock;
	struct iosys_map map;
};

#define to_import(o)	container_of(o, struct sg_import, obj)

/* The exporter may want the reservation for this: it is not for get_pages(). */
static int import_acquire(struct sg_object *obj, struct sg_grip *grip)
{
	struct sg_import *import = to_import(obj);
	int ret = 0;

	if (smp_load_acquire(&obj->vaddr))	/* pairs with the release below */
		return 0;
	if (mutex_lock_interruptible(&import->lock))
		return -ERESTARTSYS;
	if (!obj->vaddr) {
		ret = dma_buf_vmap_unlocked(import->buf, &import->map);
		if (!ret && import->map.is_iomem) {
			dma_buf_vunmap_unlocked(import->buf, &import->map);
			ret = -EFAULT;
		}
		if (!ret)	/* who sees the address sees the map too */
			smp_store_release(&obj->vaddr, import->map.vaddr);
	}
	mutex_unlock(&import->lock);
	return ret;
}

static void import_release(struct sg_object *obj)
{
	struct sg_import *import = to_import(obj);

	if (obj->vaddr)
		dma_buf_vunmap_unlocked(import->buf, &import->map);
	mutex_destroy(&import->lock);
	/* the reservation goes with the dma-buf; the object's own one takes its place */
	obj->base.resv = &obj->base._resv;
	dma_buf_put(import->buf);
}

static const struct sg_object_ops import_ops = {
	.acquire = import_acquire,
	.release = import_release,
	/* it takes the dma-buf's reservation, which others share */
	.release_waits = true,
};

/**
 * sg_object_is_import() - whether an object is another device's.
 * @obj: the object
 */
bool sg_object_is_import(const struct sg_object *obj)
{
	return obj->ops == &import_ops;
}

/**
 * sg_prime_import_mmap() - map another device's memory into a process: as its owner does.
 * @obj: an import
 * @vma: the mapping
 * @first: the page of the object that it begins with
 *
 * The mapping becomes one of the dma-buf: it needs the object no longer.
 *
 * Context: mmap_lock is held for writing.
 * Return: 0; -EINVAL if it is too large; what the exporter says.
 */
int sg_prime_import_mmap(struct sg_object *obj, struct vm_area_struct *vma, unsigned long first)
{
	return dma_buf_mmap(to_import(obj)->buf, vma, first);
}

/**
 * sg_prime_import() - make an object of a dma-buf.
 * @dev: the device
 * @buf: the dma-buf; if it is one of this node's own, its object is returned
 *
 * Return: the object with a reference; -ENOMEM, -EINVAL.
 */
struct drm_gem_object *sg_prime_import(struct drm_device *dev, struct dma_buf *buf)
{
	struct sg_object *own = sg_prime_own(to_sg_gpu(dev), buf);
	struct sg_import *import;

	if (own && own->base.dev == dev)
		return &sg_object_get(own)->base;
	if (!buf->size || !PAGE_ALIGNED(buf->size))
		return ERR_PTR(-EINVAL);
	import = kzalloc(sizeof(*import), GFP_KERNEL_ACCOUNT);
	if (!import)
		return ERR_PTR(-ENOMEM);
	import->obj.base.resv = buf->resv;
	import->obj.behind = own;
	import->obj.read_only = own && own->read_only;
	drm_gem_private_object_init(dev, &import->obj.base, buf->size);
	sg_object_init(&import->obj, &import_ops);
	mutex_init(&import->lock);
	get_dma_buf(buf);
	import->buf = buf;
	return &import->obj.base;
}
