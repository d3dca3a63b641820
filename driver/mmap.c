// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The GPU's buffers in a process's address space: fake offsets, mmap(2), and the fault
 * handlers.
 *
 * An object has a fake offset for each kind, made when somebody first asks for it. A mapping holds
 * a reference to the object. One fault fills the whole mapping; the page table entries hold no
 * reference to the pages, and are taken away by sg_mmap_revoke() before the pages are.
 *
 * The CPU kinds show the bytes as they lie in memory. The aperture shows those of a tiled object as
 * if they were linear: such a mapping is filled in view by view with the object's shadow (see
 * shadow.c), and its entries become writable at the first write to a view, so that what was only
 * read is not written back.
 */
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>

#include "aperture.h"
#include "gpu.h"
#include "mmap.h"
#include "object.h"
#include "prime.h"
#include "shadow.h"

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
	int ret = drm_vma_offset_add(mgr, node, obj->base.size >> PAGE_SHIFT);

	if (ret != -ENOSPC)
		return ret;
	flush_workqueue(sg_object_gpu(obj)->free_wq);
	return drm_vma_offset_add(mgr, node, obj->base.size >> PAGE_SHIFT);
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
 * sg_mmap_offset() - what to pass to mmap(2) to see an object.
 * @obj: the object
 * @kind: how
 * @file: who may use it
 * @offset: the answer, in bytes; always the same for the same object and kind
 *
 * Context: no lock; may wait for the GPU, if all offsets are in use.
 * Return: 0; -ENODEV for objects whose memory is a process's own, and for another device's but
 * through the aperture; -ENOMEM; -ENOSPC.
 */
int sg_mmap_offset(struct sg_object *obj, enum sg_mmap_kind kind, struct drm_file *file,
		   u64 *offset)
{
	struct sg_mmap_offset *mo;
	int ret;

	if (!obj->ops->get_pages && !(sg_object_is_import(obj) && kind == SG_MMAP_GTT))
		return -ENODEV;
	mo = get_offset(obj, kind);
	if (IS_ERR(mo))
		return PTR_ERR(mo);
	ret = drm_vma_node_allow(&mo->node, file);
	if (ret)
		return ret;
	*offset = drm_vma_node_offset_addr(&mo->node);
	return 0;
}

/**
 * struct sg_fill - a mapping being filled in.
 * @obj: what it shows
 * @mm: where
 * @index: page of the object that comes next
 * @prot: protection of the entries
 * @pfn: frame of that page
 * @left: pages of the same run that follow
 */
struct sg_fill {
	const struct sg_object *obj;
	struct mm_struct *mm;
	unsigned long index;
	pgprot_t prot;
	u64 pfn;
	unsigned long left;
};

/* Whether an entry may be written over: it is not that of a page which a private mapping copied. */
static bool may_fill(pte_t pte)
{
	return pte_none(pte) || (pte_present(pte) && pte_special(pte));
}

static int fill_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct sg_fill *fill = data;

	if (!fill->left)
		fill->left = sg_pages_lookup(&fill->obj->pages, fill->index, &fill->pfn);
	if (may_fill(ptep_get(pte)))
		set_pte_at(fill->mm, addr, pte, pte_mkspecial(pfn_pte(fill->pfn, fill->prot)));
	fill->index++;
	fill->pfn++;
	fill->left--;
	return 0;
}

/*
 * Fill in what a mapping, which begins at page @first of the object, shows of its pages @from to
 * @to. The reservation is held, and the pages are there.
 */
static vm_fault_t fill_vma(struct vm_area_struct *vma, const struct sg_object *obj,
			   unsigned long first, unsigned long from, unsigned long to)
{
	struct sg_fill fill = {
		.obj = obj,
		.mm = vma->vm_mm,
		.index = max(from, first),
		/* not the mapping's: where write faults are asked for, that one is read-only */
		.prot = vm_get_page_prot(vma->vm_flags),
	};

	to = min(to, first + vma_pages(vma));
	if (apply_to_page_range(vma->vm_mm, vma->vm_start + ((fill.index - first) << PAGE_SHIFT),
				(to - fill.index) << PAGE_SHIFT, fill_pte, &fill))
		return VM_FAULT_OOM;
	return VM_FAULT_NOPAGE;
}

static vm_fault_t fault_code(int err)
{
	switch (err) {
	case 0:
	case -EAGAIN:
	case -EINTR:
	case -ERESTARTSYS:
	case -EBUSY:
		return VM_FAULT_NOPAGE;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

/* Who looks at an object keeps the device from going, and holds the reservation. */
static int look_begin(struct sg_object *obj, int *idx)
{
	int ret;

	if (!drm_dev_enter(obj->base.dev, idx))
		return -ENODEV;
	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		drm_dev_exit(*idx);
	return ret;
}

static void look_end(struct sg_object *obj, int idx)
{
	dma_resv_unlock(obj->base.resv);
	drm_dev_exit(idx);
}

/* Fill in a mapping that begins at page @first of the object, whose reservation is held. */
static vm_fault_t fill_object(struct vm_area_struct *vma, struct sg_object *obj,
			      unsigned long first)
{
	int ret = sg_object_get_pages(obj);

	if (ret)
		return fault_code(ret);
	sg_shadow_flush(obj);
	return fill_vma(vma, obj, first, 0, ULONG_MAX);
}

/*
 * A debugger reads or writes: the kernel cannot look at such a mapping by itself. He may do what the
 * process may, but for a range that leaves the mapping: he is not given a part of it. What a private
 * mapping has copied is not the object's, and out of our sight. Returns how many bytes, or -errno.
 */
static int access_len(const struct vm_area_struct *vma, unsigned long addr, int len, int write)
{
	if (is_cow_mapping(vma->vm_flags))
		return -EFAULT;
	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;
	return len > vma->vm_end - addr ? -EINVAL : len;
}

/* Copy a part of an object whose reservation is held. Returns the bytes copied, or -errno. */
static int access_pages(struct sg_object *obj, u64 offset, void *buf, int len, int write)
{
	int done, ret = sg_object_get_pages(obj);
	size_t n;

	if (ret)
		return ret;
	sg_shadow_flush(obj);
	for (done = 0; done < len; done += n) {
		void *ptr;

		n = len - done;
		ptr = sg_object_span(obj, offset + done, &n);
		if (write)
			memcpy(ptr, buf + done, n);
		else
			memcpy(buf + done, ptr, n);
	}
	return len;
}

/* The page of the object that a mapping by a fake offset begins with. */
static unsigned long offset_first(const struct vm_area_struct *vma)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;

	return vma->vm_pgoff - drm_vma_node_start(&mo->node);
}

/* The byte of the object at an address. */
static u64 offset_at(const struct vm_area_struct *vma, unsigned long addr)
{
	return ((u64)offset_first(vma) << PAGE_SHIFT) + addr - vma->vm_start;
}

static vm_fault_t cpu_fault(struct vm_fault *vmf)
{
	struct sg_mmap_offset *mo = vmf->vma->vm_private_data;
	vm_fault_t fault;
	int ret, idx;

	ret = look_begin(mo->obj, &idx);
	if (ret)
		return fault_code(ret);
	fault = fill_object(vmf->vma, mo->obj, offset_first(vmf->vma));
	look_end(mo->obj, idx);
	return fault;
}

static int cpu_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
		      int write)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;
	int ret, idx;

	len = access_len(vma, addr, len, write);
	if (len < 0)
		return len;
	ret = look_begin(mo->obj, &idx);
	if (ret)
		return ret;
	ret = access_pages(mo->obj, offset_at(vma, addr), buf, len, write);
	look_end(mo->obj, idx);
	return ret;
}

/**
 * struct sg_view_fill - a mapping being filled in with a part of a view.
 * @mm: where
 * @mem: the page of the view that comes next
 * @prot: protection of the entries
 */
struct sg_view_fill {
	struct mm_struct *mm;
	void *mem;
	pgprot_t prot;
};

static int fill_view_pte(pte_t *pte, unsigned long addr, void *data)
{
	struct sg_view_fill *fill = data;

	if (may_fill(ptep_get(pte)))
		set_pte_at(fill->mm, addr, pte,
			   pte_mkspecial(pfn_pte(vmalloc_to_pfn(fill->mem), fill->prot)));
	fill->mem += PAGE_SIZE;
	return 0;
}

/* Fill in what a mapping shows of the view at @addr. The reservation is held. */
static vm_fault_t fill_view(struct vm_area_struct *vma, struct sg_object *obj, unsigned long addr,
			    bool write)
{
	u64 first = (u64)offset_first(vma) << PAGE_SHIFT, start, len, end;
	struct sg_view_fill fill = { .mm = vma->vm_mm };
	struct sg_shadow_view *view;

	view = sg_shadow_get(obj, first + (addr & PAGE_MASK) - vma->vm_start, &start, &len);
	if (IS_ERR(view))
		return fault_code(PTR_ERR(view));
	if (write)
		view->dirty = true;
	/* once it will be written back anyhow, there is nothing to be told of any more */
	fill.prot = vm_get_page_prot(view->dirty ? vma->vm_flags : vma->vm_flags & ~VM_SHARED);
	end = min(start + len, first + (vma->vm_end - vma->vm_start));
	fill.mem = view->mem;
	if (start < first) {
		fill.mem += first - start;
		start = first;
	}
	if (apply_to_page_range(vma->vm_mm, vma->vm_start + (start - first), end - start,
				fill_view_pte, &fill))
		return VM_FAULT_OOM;
	return VM_FAULT_NOPAGE;
}

/* The reservation of an object is in the way: the fault is retried when it has been given up. */
static void wait_for(struct sg_object *busy)
{
	if (!busy)
		return;
	if (!dma_resv_lock_interruptible(busy->base.resv, NULL))
		dma_resv_unlock(busy->base.resv);
	sg_object_put(busy);
}

static vm_fault_t gtt_fault(struct vm_fault *vmf)
{
	struct vm_area_struct *vma = vmf->vma;
	struct sg_mmap_offset *mo = vma->vm_private_data;
	struct sg_object *obj = mo->obj;
	/* what is written to a private mapping goes to a copy */
	bool write = vmf->flags & FAULT_FLAG_WRITE && vma->vm_flags & VM_SHARED;
	struct sg_object *busy = NULL;
	vm_fault_t fault;
	u64 start, end;
	int ret, idx;

	ret = look_begin(obj, &idx);
	if (ret)
		return fault_code(ret);
	ret = sg_object_get_pages(obj) ?:
	      sg_aperture_bind(obj, offset_at(vma, vmf->address), &start, &end, &busy);
	if (ret)
		fault = fault_code(ret);
	else if (obj->tiling == SG_LINEAR)
		fault = fill_vma(vma, obj, offset_first(vma), start >> PAGE_SHIFT,
				 end >> PAGE_SHIFT);
	else
		fault = fill_view(vma, obj, vmf->address, write);
	look_end(obj, idx);
	wait_for(busy);
	return fault;
}

/* Copy a part of a view of a tiled object's shadow: what the process sees. Returns the bytes copied. */
static int access_view(struct sg_object *obj, u64 offset, void *buf, int len, int write)
{
	struct sg_shadow_view *view;
	u64 start, size;
	int ret;

	ret = sg_object_get_pages(obj);
	if (ret)
		return ret;
	view = sg_shadow_get(obj, offset, &start, &size);
	if (IS_ERR(view))
		return PTR_ERR(view);
	/* the caller asks again for what is beyond the view */
	len = min_t(u64, len, start + size - offset);
	if (write) {
		view->dirty = true;
		memcpy(view->mem + (offset - start), buf, len);
	} else {
		memcpy(buf, view->mem + (offset - start), len);
	}
	return len;
}

static int gtt_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
		      int write)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;
	struct sg_object *obj = mo->obj;
	int ret, idx;

	len = access_len(vma, addr, len, write);
	if (len < 0)
		return len;
	ret = look_begin(obj, &idx);
	if (ret)
		return ret;
	if (obj->tiling == SG_LINEAR)
		ret = access_pages(obj, offset_at(vma, addr), buf, len, write);
	else
		ret = access_view(obj, offset_at(vma, addr), buf, len, write);
	look_end(obj, idx);
	return ret;
}

static void cpu_open(struct vm_area_struct *vma)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;

	sg_object_get(mo->obj);
}

static void cpu_close(struct vm_area_struct *vma)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;

	sg_object_put(mo->obj);
}

static const struct vm_operations_struct cpu_ops = {
	.open = cpu_open,
	.close = cpu_close,
	.fault = cpu_fault,
	.access = cpu_access,
};

static const struct vm_operations_struct gtt_ops = {
	.open = cpu_open,
	.close = cpu_close,
	.fault = gtt_fault,
	.pfn_mkwrite = gtt_fault,	/* which fills in again, writable now */
	.access = gtt_access,
};

/*
 * A mapping of a dma-buf is one of the dma-buf's file, where revocation would not find it; so it
 * keeps the pages in place. It works for as long as it is there, whether the device does or not.
 */
static vm_fault_t buf_fault(struct vm_fault *vmf)
{
	struct sg_object *obj = vmf->vma->vm_private_data;
	vm_fault_t fault;
	int ret;

	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		return fault_code(ret);
	fault = fill_object(vmf->vma, obj, vmf->vma->vm_pgoff);
	dma_resv_unlock(obj->base.resv);
	return fault;
}

static int buf_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
		      int write)
{
	u64 offset = ((u64)vma->vm_pgoff << PAGE_SHIFT) + addr - vma->vm_start;
	struct sg_object *obj = vma->vm_private_data;
	int ret;

	len = access_len(vma, addr, len, write);
	if (len < 0)
		return len;
	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		return ret;
	ret = access_pages(obj, offset, buf, len, write);
	dma_resv_unlock(obj->base.resv);
	return ret;
}

static void buf_open(struct vm_area_struct *vma)
{
	struct sg_object *obj = vma->vm_private_data;

	sg_object_get(obj);
	atomic_inc(&obj->pages_pin);	/* like the mapping that this one was split off */
}

static void buf_close(struct vm_area_struct *vma)
{
	struct sg_object *obj = vma->vm_private_data;

	sg_object_unpin_pages(obj);
	sg_object_put(obj);
}

static const struct vm_operations_struct buf_ops = {
	.open = buf_open,
	.close = buf_close,
	.fault = buf_fault,
	.access = buf_access,
};

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
 * Return: 0; -EINVAL for an offset that was never given out, a size beyond its end, or a writable mapping of
 * a read-only object; -EACCES for an offset that was given to others; -ENODEV.
 */
int sg_mmap(struct file *filp, struct vm_area_struct *vma)
{
	struct drm_file *file = filp->private_data;
	struct drm_device *dev = file->minor->dev;
	struct drm_vma_offset_node *node;
	struct sg_mmap_offset *mo = NULL;
	int ret;

	if (drm_dev_is_unplugged(dev))
		return -ENODEV;
	drm_vma_offset_lock_lookup(dev->vma_offset_manager);
	node = drm_vma_offset_lookup_locked(dev->vma_offset_manager, vma->vm_pgoff, vma_pages(vma));
	if (node) {
		mo = container_of(node, struct sg_mmap_offset, node);
		/* an object at the end of its life takes its offsets away under the same lock */
		if (!kref_get_unless_zero(&mo->obj->base.refcount))
			mo = NULL;
	}
	drm_vma_offset_unlock_lookup(dev->vma_offset_manager);
	if (!mo)
		return -EINVAL;

	ret = drm_vma_node_is_allowed(&mo->node, file) ? 0 : -EACCES;
	if (!ret && sg_object_is_import(mo->obj)) {
		ret = sg_prime_import_mmap(mo->obj, vma);
		sg_object_put(mo->obj);
		return ret;
	}
	ret = ret ?: prepare_vma(vma, mo->obj);
	if (ret) {
		sg_object_put(mo->obj);
		return ret;
	}
	vma->vm_private_data = mo;
	vma->vm_ops = mo->kind == SG_MMAP_GTT ? &gtt_ops : &cpu_ops;
	return 0;
}

/**
 * sg_mmap_object() - map an object that is not named by a fake offset, but by its dma-buf.
 * @obj: the object
 * @vma: the mapping, its offset counted from the object's start
 *
 * Return: 0; -EINVAL, -ENOMEM.
 */
int sg_mmap_object(struct sg_object *obj, struct vm_area_struct *vma)
{
	int ret;

	if (vma->vm_pgoff + vma_pages(vma) > obj->base.size >> PAGE_SHIFT)
		return -EINVAL;
	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		return ret;
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
	vma->vm_ops = &buf_ops;
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
	struct sg_mmap_offset *mo, *next;

	list_for_each_entry_safe(mo, next, &obj->offsets, link) {
		drm_vma_offset_remove(obj->base.dev->vma_offset_manager, &mo->node);
		kfree(mo);
	}
}
