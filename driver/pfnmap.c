// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Memory that a driver has mapped into a process (VM_PFNMAP), tracked. Such pages belong to whoever
 * mapped them: they cannot be pinned, not even be referenced, and are good exactly as long as they
 * stay mapped. An interval notifier says when that ends; the rules are those of userptr.c.
 *
 * It has to be memory that the kernel reaches as it reaches its own, and in one piece: an object
 * has one run of frames or, after an invalidation, none. The next use looks whether there is one
 * again. Nor can it be memory that this driver itself takes away, from a buffer that is idle or out
 * of the aperture: that would be to wait, in reclaim, for a GPU of which it knows nothing.
 *
 * No other device can have such an object, since nobody could keep the pages for it, and a notifier
 * cannot wait for it to let go.
 */
#include <linux/dma-resv.h>
#include <linux/ioport.h>
#include <linux/mm.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "fault.h"
#include "gpu.h"
#include "object.h"
#include "userptr.h"

/* How often to begin again if the mapping changes meanwhile. */
#define MAX_ATTEMPTS	64

/**
 * struct sg_pfnmap - an object of memory that a driver has mapped.
 * @obj: the object; its list of chunks is made with it
 * @notifier: tells of changes; holds mm_count
 * @seq: the notifier's sequence at which the frames were there, if they are. Written under the
 *	notifier lock held for writing.
 */
struct sg_pfnmap {
	struct sg_object obj;
	struct mmu_interval_notifier notifier;
	unsigned long seq;
};

#define to_pfnmap(o)	container_of(o, struct sg_pfnmap, obj)

static bool present(const struct sg_pfnmap *pm)
{
	return READ_ONCE(pm->obj.pages.chunk[0].nruns);
}

/* The frame of a page, faulted in for writing. mmap_lock is held; -EAGAIN: look again. */
static int lookup_page(struct vm_area_struct *vma, unsigned long addr, unsigned long *pfn)
{
	bool dropped = false, writable;
	int ret;

	ret = sg_follow_pfn(vma, addr, pfn, &writable);
	if (!ret && writable)
		return 0;
	ret = fixup_user_fault(vma->vm_mm, addr, FAULT_FLAG_WRITE, &dropped);
	if (ret)
		return ret == -ENOMEM ? -ENOMEM : -EFAULT;
	if (dropped)
		return -EAGAIN;
	ret = sg_follow_pfn(vma, addr, pfn, &writable);
	return !ret && writable ? 0 : -EAGAIN;
}

/* Find the first of the frames; all others follow it. mmap_lock is held. */
static int lookup_all(struct sg_pfnmap *pm, unsigned long *first)
{
	unsigned long addr = pm->notifier.interval_tree.start, i, pfn;
	struct vm_area_struct *vma = NULL;
	int ret;

	for (i = 0; i < pm->obj.pages.npages; i++, addr += PAGE_SIZE) {
		if (!vma || addr >= vma->vm_end)
			vma = vma_lookup(pm->notifier.mm, addr);
		if (!vma || !(vma->vm_flags & VM_PFNMAP) || !(vma->vm_flags & VM_WRITE))
			return -EFAULT;
		/* of a private mapping the process would write to copies */
		if (!(vma->vm_flags & VM_SHARED) || sg_vma_revocable(vma))
			return -EINVAL;
		ret = lookup_page(vma, addr, &pfn);
		if (ret)
			return ret;
		if (!i)
			*first = pfn;
		else if (pfn != *first + i)
			return -EINVAL;
	}
	if (region_intersects(PFN_PHYS(*first), pm->obj.base.size, IORESOURCE_SYSTEM_RAM,
			      IORES_DESC_NONE) != REGION_INTERSECTS)
		return -EINVAL;
	return 0;
}

static int acquire_once(struct sg_pfnmap *pm)
{
	struct sg_gpu *gpu = sg_object_gpu(&pm->obj);
	struct sg_pages *p = &pm->obj.pages;
	struct mm_struct *mm = pm->notifier.mm;
	unsigned long seq, first;
	int ret;

	if (signal_pending(current))
		return -ERESTARTSYS;
	seq = mmu_interval_read_begin(&pm->notifier);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = lookup_all(pm, &first);
	mmap_read_unlock(mm);
	if (ret)
		return ret;
	atomic64_add(p->npages, &gpu->stats.faults);

	write_lock(&gpu->notifier_lock);
	if (mmu_interval_read_retry(&pm->notifier, seq)) {
		ret = -EAGAIN;
	} else {
		/* what is there, no invalidation has taken away: it is what was found now */
		if (!present(pm))
			sg_pages_install(p, first);
		pm->seq = seq;
	}
	write_unlock(&gpu->notifier_lock);
	return ret;
}

static int acquire(struct sg_pfnmap *pm)
{
	struct sg_gpu *gpu = sg_object_gpu(&pm->obj);
	unsigned int attempt;
	int ret = -EAGAIN;

	if (!mmget_not_zero(pm->notifier.mm))
		return -EFAULT;
	atomic64_inc(&gpu->stats.acquires);
	for (attempt = 0; ret == -EAGAIN && attempt < MAX_ATTEMPTS; attempt++) {
		if (attempt)
			atomic64_inc(&gpu->stats.retries);
		ret = acquire_once(pm);
	}
	mmput(pm->notifier.mm);
	return ret;
}

static bool pfnmap_ready(struct sg_object *obj)
{
	struct sg_pfnmap *pm = to_pfnmap(obj);

	return present(pm) && !mmu_interval_read_retry(&pm->notifier, pm->seq);
}

static int pfnmap_acquire(struct sg_object *obj, struct sg_grip *grip)
{
	struct sg_pfnmap *pm = to_pfnmap(obj);
	int ret;

	if (present(pm) && !mmu_interval_check_retry(&pm->notifier, READ_ONCE(pm->seq))) {
		atomic64_inc(&sg_object_gpu(obj)->stats.reuses);
		return 0;
	}
	ret = acquire(pm);
	/* it was good once: what it was is gone */
	return ret == -EINVAL ? -EFAULT : ret;
}

static void pfnmap_release(struct sg_object *obj)
{
	mmu_interval_notifier_remove(&to_pfnmap(obj)->notifier);
	sg_pages_fini(&obj->pages);
}

static const struct sg_object_ops pfnmap_ops = {
	.acquire = pfnmap_acquire,
	.ready = pfnmap_ready,
	.release = pfnmap_release,
	/* an invalidation of the process's may be under way */
	.release_waits = true,
};

/* As userptr_invalidate(): until it returns, the pages stay as they are. */
static bool pfnmap_invalidate(struct mmu_interval_notifier *notifier,
			      const struct mmu_notifier_range *range, unsigned long cur_seq)
{
	struct sg_pfnmap *pm = container_of(notifier, struct sg_pfnmap, notifier);
	struct sg_gpu *gpu = sg_object_gpu(&pm->obj);
	struct sg_pages *p = &pm->obj.pages;
	unsigned int i;
	bool was_present;

	write_lock(&gpu->notifier_lock);
	mmu_interval_set_seq(notifier, cur_seq);
	was_present = present(pm);
	write_unlock(&gpu->notifier_lock);
	atomic64_inc(&gpu->stats.invalidations);
	if (!was_present)
		return true;
	if (!sg_object_revoke_begin(&pm->obj, mmu_notifier_range_blockable(range)))
		return false;
	for (i = 0; i < p->nchunks; i++)
		sg_chunk_take(&p->chunk[i]);
	sg_object_revoke_end(&pm->obj);
	return true;
}

static const struct mmu_interval_notifier_ops pfnmap_notifier_ops = {
	.invalidate = pfnmap_invalidate,
};

/**
 * sg_pfnmap_at() - whether a driver's memory is mapped at an address of the current process.
 * @addr: the address
 *
 * Context: may sleep; takes mmap_lock.
 * Return: 1 or 0, or -EINTR.
 */
int sg_pfnmap_at(unsigned long addr)
{
	struct vm_area_struct *vma;
	int ret;

	if (mmap_read_lock_killable(current->mm))
		return -EINTR;
	vma = vma_lookup(current->mm, addr);
	ret = vma && vma->vm_flags & VM_PFNMAP;
	mmap_read_unlock(current->mm);
	return ret;
}

/**
 * sg_pfnmap_create() - make an object of memory that a driver has mapped into the current process.
 * @dev: the node
 * @addr: where the range begins, page aligned
 * @size: its bytes, a multiple of the page size, not 0; the end does not wrap
 *
 * Context: may sleep; takes mmap_lock, faults user memory.
 * Return: the object, with one reference; -EINVAL if it is not contiguous or not memory; -EFAULT
 * for holes, other mappings, and those that may not be written to; -ENOMEM, -ERESTARTSYS.
 */
struct sg_object *sg_pfnmap_create(struct drm_device *dev, unsigned long addr, u64 size)
{
	struct sg_pfnmap *pm = kzalloc(sizeof(*pm), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!pm)
		return ERR_PTR(-ENOMEM);
	drm_gem_private_object_init(dev, &pm->obj.base, size);
	ret = sg_pages_init(&pm->obj.pages, size >> PAGE_SHIFT,
			    (addr >> PAGE_SHIFT) & SG_CHUNK_MASK);
	if (ret)
		goto free;
	ret = mmu_interval_notifier_insert(&pm->notifier, current->mm, addr, size,
					   &pfnmap_notifier_ops);
	if (ret)
		goto fini;
	ret = acquire(pm);
	if (ret)
		goto remove;
	sg_object_init(&pm->obj, &pfnmap_ops);
	return &pm->obj;

remove:
	mmu_interval_notifier_remove(&pm->notifier);
fini:
	sg_pages_fini(&pm->obj.pages);
free:
	drm_gem_object_release(&pm->obj.base);
	kfree(pm);
	return ERR_PTR(ret);
}
