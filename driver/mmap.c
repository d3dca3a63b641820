// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The GPU's buffers in a process's address space: fake offsets, mmap(2), and revocation.
 *
 * An object has a fake offset for each kind, made when somebody first asks for it. A mapping holds
 * a reference to the object. What it shows is filled in when it is touched: see fault.c. The page
 * table entries hold no reference to the pages, and are taken away by sg_mmap_revoke() before the
 * pages are.
 *
 * A mapping does not hold the client's file, but one that stands for the node: when the last
 * descriptor is closed the client's handles and contexts end, mapped or not.
 */
#include <linux/anon_inodes.h>
#include <linux/dma-resv.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/mm.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "fault.h"
#include "gpu.h"
#include "mmap.h"
#include "object.h"
#include "prime.h"

static struct sg_mmap_offset *find_offset(struct sg_object *obj, enum sg_mmap_kind kind)
{
	struct sg_mmap_offset *mo;

	list_for_each_entry(mo, &obj->offsets, link)
		if (mo->kind == kind)
			return mo;
	return NULL;
}

/*
 * Objects at the end of their life have their offsets until the GPU is done with them. So if there
 * is no room, that is waited for.
 */
static int add_offset(struct sg_object *obj, struct drm_vma_offset_node *node)
{
	struct drm_vma_offset_manager *mgr = obj->base.dev->vma_offset_manager;
	struct sg_gpu *gpu = sg_object_gpu(obj);

	for (;;) {
		int gone = atomic_read(&gpu->gone);
		int ret = drm_vma_offset_add(mgr, node, obj->base.size >> PAGE_SHIFT);

		if (ret != -ENOSPC ||
		    (!atomic_read(&gpu->going) && atomic_read(&gpu->gone) == gone))
			return ret;
		ret = wait_event_interruptible(gpu->gone_wq, atomic_read(&gpu->gone) != gone);
		if (ret)
			return ret;
	}
}

/* Find or make the fake offset for a kind. */
static struct sg_mmap_offset *get_offset(struct sg_object *obj, enum sg_mmap_kind kind)
{
	struct sg_mmap_offset *mo, *fresh;
	int ret;

	spin_lock(&obj->mmap_lock);
	mo = find_offset(obj, kind);
	spin_unlock(&obj->mmap_lock);
	if (mo)
		return mo;

	fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
	if (!fresh)
		return ERR_PTR(-ENOMEM);
	fresh->obj = obj;
	fresh->kind = kind;
	drm_vma_node_reset(&fresh->node);
	ret = add_offset(obj, &fresh->node);
	if (ret) {
		kfree(fresh);
		return ERR_PTR(ret);
	}

	spin_lock(&obj->mmap_lock);
	mo = find_offset(obj, kind);
	if (!mo) {
		list_add(&fresh->link, &obj->offsets);
		mo = fresh;
		fresh = NULL;
	}
	spin_unlock(&obj->mmap_lock);
	if (fresh) {
		drm_vma_offset_remove(obj->base.dev->vma_offset_manager, &fresh->node);
		kfree(fresh);
	}
	return mo;
}

/**
 * sg_mmap_forget() - a client closes a handle: it may not map the object any more.
 * @gem: the object
 * @file: the client's file
 *
 * Context: takes the object's mmap_lock.
 */
void sg_mmap_forget(struct drm_gem_object *gem, struct drm_file *file)
{
	struct sg_object *obj = to_sg_object(gem);
	struct sg_mmap_offset *mo;

	spin_lock(&obj->mmap_lock);
	list_for_each_entry(mo, &obj->offsets, link)
		drm_vma_node_revoke(&mo->node, file);
	spin_unlock(&obj->mmap_lock);
}

/**
 * sg_mmap_offset() - what to pass to mmap(2) to see an object.
 * @obj: the object
 * @kind: how
 * @file: who may use it
 * @offset: the answer, in bytes; always the same for the same object and kind
 *
 * Context: no lock; may wait for the GPU, if all offsets are in use.
 * Return: 0; -ENODEV for objects whose memory is a process's own; -ENOMEM; -ENOSPC;
 * -ERESTARTSYS.
 */
int sg_mmap_offset(struct sg_object *obj, enum sg_mmap_kind kind, struct drm_file *file,
		   u64 *offset)
{
	const struct sg_object *memory = sg_object_memory(obj);
	struct sg_mmap_offset *mo;
	int ret;

	if (!memory->ops->get_pages && !sg_object_is_import(memory))
		return -ENODEV;
	mo = get_offset(obj, kind);
	if (IS_ERR(mo))
		return PTR_ERR(mo);
	/* however often the client asks */
	ret = drm_vma_node_allow_once(&mo->node, file);
	if (ret)
		return ret;
	*offset = drm_vma_node_offset_addr(&mo->node);
	return 0;
}

/* Guards all nodes' @mapped. Taken inside mmap_lock. */
static DEFINE_MUTEX(mapped_lock);

static int mapped_release(struct inode *inode, struct file *file)
{
	struct sg_node *node = file->private_data;

	mutex_lock(&mapped_lock);
	/* whoever came since this one was given up has made another */
	if (node->mapped == file)
		node->mapped = NULL;
	mutex_unlock(&mapped_lock);
	drm_dev_put(&node->drm);
	return 0;
}

static const struct file_operations mapped_fops = {
	.owner = THIS_MODULE,
	.release = mapped_release,
};

/*
 * The file for a node's mappings, referenced. Its pages are those of the node's own files, so that
 * they are revoked together.
 */
static struct file *mapped_file(struct sg_node *node)
{
	struct file *file;

	mutex_lock(&mapped_lock);
	file = sg_get_file_active(&node->mapped);
	if (file)
		goto unlock;
	file = anon_inode_getfile("softgem", &mapped_fops, node, O_RDWR);
	if (IS_ERR(file))
		goto unlock;
	file->f_mapping = node->drm.anon_inode->i_mapping;
	drm_dev_get(&node->drm);
	node->mapped = file;
unlock:
	mutex_unlock(&mapped_lock);
	return file;
}

/* What all mappings have in common. */
static int prepare_vma(struct vm_area_struct *vma, const struct sg_object *obj)
{
	if (obj->read_only) {
		if (vma->vm_flags & VM_WRITE)
			return -EINVAL;
		vm_flags_clear(vma, VM_MAYWRITE);
	}
	vm_flags_set(vma, VM_IO | VM_PFNMAP | VM_DONTEXPAND | VM_DONTDUMP);
	/* the device snoops: all kinds are cached and coherent, and no attributes alias */
	vma->vm_page_prot = vm_get_page_prot(vma->vm_flags);
	return 0;
}

/**
 * sg_mmap() - mmap(2) of the device.
 * @filp: the device's file
 * @vma: the mapping
 *
 * Context: mmap_lock is held for writing.
 * Return: 0; -EINVAL for an offset that was never given out, a size beyond its end, or a writable
 * mapping of a read-only object; -EACCES for an offset that was given to others; -ENODEV; -ENOMEM,
 * -ENFILE.
 */
int sg_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct drm_file *file = filp->private_data;
	struct drm_device *dev = file->minor->dev;
	struct drm_vma_offset_node *node;
	struct sg_object *obj = NULL;
	struct sg_mmap_offset *mo;
	struct file *mapped;
	int ret = 0;

	if (drm_dev_is_unplugged(dev))
		return -ENODEV;
	drm_vma_offset_lock_lookup(dev->vma_offset_manager);
	node = drm_vma_offset_lookup_locked(dev->vma_offset_manager, vma->vm_pgoff, vma_pages(vma));
	if (node) {
		mo = container_of(node, struct sg_mmap_offset, node);
		obj = mo->obj;
		/* an object at the end of its life takes its offsets away under the same lock */
		if (!kref_get_unless_zero(&obj->base.refcount))
			obj = NULL;
		/*
		 * An offset that was given to nobody may be about to go, see get_offset(), and must
		 * not be touched without the lock. The object keeps one that was.
		 */
		else if (!drm_vma_node_is_allowed(node, file))
			ret = -EACCES;
	}
	drm_vma_offset_unlock_lookup(dev->vma_offset_manager);
	if (!obj)
		return -EINVAL;

	if (!ret && sg_object_is_import(obj)) {
		ret = sg_prime_import_mmap(obj, vma,
					   vma->vm_pgoff - drm_vma_node_start(&mo->node));
		sg_object_put(obj);
		return ret;
	}
	ret = ret ?: prepare_vma(vma, obj);
	if (ret)
		goto put;
	mapped = mapped_file(to_sg_node(dev));
	if (IS_ERR(mapped)) {
		ret = PTR_ERR(mapped);
		goto put;
	}
	vma_set_file(vma, mapped);
	fput(mapped);
	vma->vm_private_data = mo;
	vma->vm_ops = mo->kind == SG_MMAP_GTT ? &sg_gtt_vm_ops : &sg_cpu_vm_ops;
	return 0;
put:
	sg_object_put(obj);
	return ret;
}

/**
 * sg_mmap_object() - map an object that is not named by a fake offset, but by its dma-buf.
 * @obj: the object
 * @vma: the mapping, its offset counted from the object's start
 *
 * Return: 0; -EINVAL, -ENOMEM; -ERESTARTNOINTR.
 */
int sg_mmap_object(struct sg_object *obj, struct vm_area_struct *vma)
{
	int ret;

	if (vma->vm_pgoff + vma_pages(vma) > obj->base.size >> PAGE_SHIFT)
		return -EINVAL;
	/* nobody expects mmap(2) to be interrupted */
	if (dma_resv_lock_interruptible(obj->base.resv, NULL))
		return -ERESTARTNOINTR;
	ret = sg_object_pin_pages(obj);
	dma_resv_unlock(obj->base.resv);
	if (ret)
		return ret;
	ret = prepare_vma(vma, obj);
	if (ret) {
		sg_object_unpin_pages(obj);
		return ret;
	}
	vma->vm_private_data = sg_object_get(obj);
	vma->vm_ops = &sg_buf_vm_ops;
	return 0;
}

/**
 * sg_mmap_revoke() - take an object's pages out of all processes' page tables.
 * @obj: the object
 *
 * The next access faults. Context: the reservation is held, so that no fault fills them in again.
 */
void sg_mmap_revoke(struct sg_object *obj)
{
	enum sg_mmap_kind kind;

	for (kind = 0; kind < SG_MMAP_KINDS; kind++)
		sg_mmap_revoke_kind(obj, kind);
}

/**
 * sg_mmap_revoke_kind() - sg_mmap_revoke(), for the mappings of one kind.
 * @obj: the object
 * @kind: the kind
 *
 * Context: the reservation is held. Allocates nothing.
 */
void sg_mmap_revoke_kind(struct sg_object *obj, enum sg_mmap_kind kind)
{
	sg_mmap_revoke_range(obj, kind, 0, obj->base.size);
}

/**
 * sg_mmap_revoke_range() - sg_mmap_revoke_kind(), for a part of the object.
 * @obj: the object
 * @kind: the kind
 * @start: first byte of the part, a multiple of the page size
 * @len: its bytes, likewise
 *
 * Context: the reservation is held, or it does not matter if a fault fills them in again. Allocates
 * nothing.
 */
void sg_mmap_revoke_range(struct sg_object *obj, enum sg_mmap_kind kind, u64 start, u64 len)
{
	struct sg_mmap_offset *mo;

	spin_lock(&obj->mmap_lock);
	mo = find_offset(obj, kind);
	spin_unlock(&obj->mmap_lock);
	/* what a private mapping has copied is the process's own, and stays */
	if (mo)
		unmap_mapping_range(obj->base.dev->anon_inode->i_mapping,
				    drm_vma_node_offset_addr(&mo->node) + start, len, 0);
}

/**
 * sg_mmap_release() - give back an object's fake offsets.
 * @obj: the object, no longer mapped nor known to anybody
 */
void sg_mmap_release(struct sg_object *obj)
{
	struct drm_vma_offset_file *allowed, *following;
	struct sg_mmap_offset *mo, *next;

	list_for_each_entry_safe(mo, next, &obj->offsets, link) {
		/* who asked while another of its threads closed the handle */
		rbtree_postorder_for_each_entry_safe(allowed, following, &mo->node.vm_files, vm_rb)
			kfree(allowed);
		drm_vma_offset_remove(obj->base.dev->vma_offset_manager, &mo->node);
		kfree(mo);
	}
}
