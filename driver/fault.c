// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What happens when a process touches a mapping, or a debugger does.
 *
 * One fault fills in as much as there is to see: the CPU kinds whole, with the bytes as they lie in
 * memory; the aperture a view at a time. That shows the bytes of a tiled object as if they were
 * linear: it is filled in with the object's shadow (see shadow.c), and its entries become writable
 * at the first write to a view, so that what was only read is not written back.
 *
 * The reservation keeps the pages in place meanwhile, and has page table entries come and go in
 * order. Nobody who holds it takes mmap_lock, or faults.
 */
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/sched/signal.h>
#include <linux/vmalloc.h>

#include <drm/drm_drv.h>

#include "aperture.h"
#include "compat.h"
#include "fault.h"
#include "mmap.h"
#include "object.h"
#include "shadow.h"

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

/**
 * struct sg_window - what a mapping shows, and may be filled in with.
 * @vma: the mapping
 * @obj: the object; its reservation is held, and its pages are there
 * @first: page of the object that the mapping begins with
 * @start: the first address that may be filled in
 * @end: behind the last one
 */
struct sg_window {
	struct vm_area_struct *vma;
	const struct sg_object *obj;
	unsigned long first;
	unsigned long start;
	unsigned long end;
};

/*
 * Whether the PMD_SIZE bytes at an address are to be mapped with one entry: all of them may be
 * filled in, and what is behind them is as large and as aligned. As long as nothing is revoked,
 * the answer is the same each time: areas with an entry of their own never get small ones.
 */
static bool huge_area(const struct sg_window *w, unsigned long addr, u64 *pfn)
{
	unsigned long index = w->first + ((addr - w->vma->vm_start) >> PAGE_SHIFT);

	if (!SG_HAVE_PMD_PFNMAP || is_cow_mapping(w->vma->vm_flags))
		return false;
	if (addr < w->start || addr >= w->end || w->end - addr < PMD_SIZE)
		return false;
	return sg_pages_lookup(&w->obj->pages, index, pfn) >= PMD_SIZE >> PAGE_SHIFT &&
	       IS_ALIGNED(*pfn, PMD_SIZE >> PAGE_SHIFT);
}

/* Fill in small entries. */
static vm_fault_t fill_small(const struct sg_window *w, unsigned long start, unsigned long end)
{
	struct sg_fill fill = {
		.obj = w->obj,
		.mm = w->vma->vm_mm,
		.index = w->first + ((start - w->vma->vm_start) >> PAGE_SHIFT),
		/* not the mapping's: where write faults are asked for, that one is read-only */
		.prot = vm_get_page_prot(w->vma->vm_flags),
	};

	if (apply_to_page_range(fill.mm, start, end - start, fill_pte, &fill))
		return VM_FAULT_OOM;
	return VM_FAULT_NOPAGE;
}

/*
 * Fill in what there is around a fault: one huge entry, or all that is to have small ones up to the
 * next area that is to have a huge one. With small pages that is the whole window.
 */
static vm_fault_t fill_window(struct vm_fault *vmf, const struct sg_window *w)
{
	unsigned long start = vmf->address & PMD_MASK, end = start + PMD_SIZE;
	u64 pfn;

	if (huge_area(w, start, &pfn)) {
		if (pmd_none(*vmf->pmd))
			return sg_insert_pmd(vmf, pfn, w->vma->vm_flags & VM_WRITE);
		if (pmd_leaf(*vmf->pmd))
			return VM_FAULT_NOPAGE;		/* somebody else was faster */
		/* a page table that was once needed here stays */
		return fill_small(w, start, end);
	}
	while (start > w->start && !huge_area(w, start - PMD_SIZE, &pfn))
		start -= PMD_SIZE;
	while (end < w->end && !huge_area(w, end, &pfn))
		end += PMD_SIZE;
	return fill_small(w, max(start, w->start), min(end, w->end));
}

/* The part of a mapping that shows the object's pages @from to @to. */
static struct sg_window window(struct vm_area_struct *vma, const struct sg_object *obj,
			       unsigned long first, unsigned long from, unsigned long to)
{
	from = max(from, first);
	to = min(to, first + vma_pages(vma));
	return (struct sg_window) {
		.vma = vma,
		.obj = obj,
		.first = first,
		.start = vma->vm_start + ((from - first) << PAGE_SHIFT),
		.end = vma->vm_start + ((to - first) << PAGE_SHIFT),
	};
}

/* What comes of an error; VM_FAULT_RETRY is for fault_end() alone. */
static vm_fault_t fault_code(int err)
{
	switch (err) {
	case 0:
		return VM_FAULT_NOPAGE;
	case -EAGAIN:
	case -EINTR:
	case -ERESTARTSYS:
	case -EBUSY:
		return VM_FAULT_RETRY;
	case -ENOMEM:
		return VM_FAULT_OOM;
	default:
		return VM_FAULT_SIGBUS;
	}
}

/*
 * A fault ends, with no lock of ours held. One that was interrupted, or found something in its way,
 * comes again: that of a program once it has seen to its signals. But the kernel's own, where it
 * copies from or to a program's memory, comes again at once, to be interrupted by the same signal:
 * so it pauses, and where the signal kills, the copy has to fail.
 */
static vm_fault_t fault_end(const struct vm_fault *vmf, vm_fault_t fault)
{
	if (!(fault & VM_FAULT_RETRY))
		return fault;
	if (fatal_signal_pending(current))
		return VM_FAULT_SIGBUS;
	if (signal_pending(current) && !(vmf->flags & FAULT_FLAG_USER))
		schedule_timeout_killable(1);
	return VM_FAULT_NOPAGE;
}

/* Who looks at an object keeps the device from going, and holds the reservation. */
static int look_begin(struct sg_object *obj, int *idx)
{
	int ret;

	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		return ret;
	/* who unplugs it, or any other GPU, waits for who is in here: so wait for nobody */
	if (!drm_dev_enter(obj->base.dev, idx)) {
		dma_resv_unlock(obj->base.resv);
		return -ENODEV;
	}
	return 0;
}

static void look_end(struct sg_object *obj, int idx)
{
	drm_dev_exit(idx);
	dma_resv_unlock(obj->base.resv);
}

/* To kill somebody else does not help where there would never be memory enough. */
static vm_fault_t object_fault_code(const struct sg_object *obj, int err)
{
	return err == -ENOMEM && obj->base.size >> PAGE_SHIFT > totalram_pages() ?
	       VM_FAULT_SIGBUS : fault_code(err);
}

/* Fill in a mapping that begins at page @first of the object, whose reservation is held. */
static vm_fault_t fill_object(struct vm_fault *vmf, struct sg_object *obj, unsigned long first)
{
	struct sg_window w = window(vmf->vma, obj, first, 0, ULONG_MAX);
	int ret = sg_object_get_pages(obj);

	if (ret)
		return object_fault_code(obj, ret);
	sg_shadow_flush(obj);
	return fill_window(vmf, &w);
}

/*
 * A debugger reads or writes: the kernel cannot look at such a mapping by itself. He may do what
 * the process may. What a private mapping has copied is not the object's, and out of our sight.
 * Returns how many of the bytes that he wants are in the mapping, or -errno.
 */
static int access_len(const struct vm_area_struct *vma, unsigned long addr, int len, int write)
{
	if (is_cow_mapping(vma->vm_flags))
		return -EFAULT;
	if (write && !(vma->vm_flags & VM_WRITE))
		return -EACCES;
	return len > vma->vm_end - addr ? -EINVAL : len;
}

/*
 * Whether an access is to be tried again that has got @ret: a debugger who is interrupted is told
 * of an error, and nobody would begin anew. It pauses, as the signal stays.
 */
static bool access_again(int ret)
{
	if (ret != -EINTR || fatal_signal_pending(current))
		return false;
	schedule_timeout_killable(1);
	return true;
}

/* As look_begin(), for a debugger. */
static int access_begin(struct sg_object *obj, int *idx)
{
	int ret;

	do {
		ret = look_begin(obj, idx);
	} while (access_again(ret));
	return ret;
}

/* Copy a part of an object whose reservation is held. Returns the bytes copied, or -errno. */
static int access_pages(struct sg_object *obj, u64 offset, void *buf, int len, int write)
{
	int done, ret = sg_object_get_range(obj, offset, offset + len);
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
		return fault_end(vmf, fault_code(ret));
	fault = fill_object(vmf, mo->obj, offset_first(vmf->vma));
	look_end(mo->obj, idx);
	return fault_end(vmf, fault);
}

static int cpu_access(struct vm_area_struct *vma, unsigned long addr, void *buf, int len,
		      int write)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;
	int ret, idx;

	len = access_len(vma, addr, len, write);
	if (len < 0)
		return len;
	ret = access_begin(mo->obj, &idx);
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

/* Fill in what a mapping shows of an object that is not tiled, of the bytes @start to @end. */
static vm_fault_t fill_linear_view(struct vm_fault *vmf, struct sg_object *obj, u64 start, u64 end)
{
	struct sg_window w = window(vmf->vma, obj, offset_first(vmf->vma), start >> PAGE_SHIFT,
				    end >> PAGE_SHIFT);

	return fill_window(vmf, &w);
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
		return fault_end(vmf, fault_code(ret));
	ret = sg_aperture_bind(obj, offset_at(vma, vmf->address), &start, &end, &busy) ?:
	      sg_object_get_range(obj, start, end);
	if (ret)
		fault = fault_code(ret);
	else if (obj->tiling == SG_LINEAR)
		fault = fill_linear_view(vmf, obj, start, end);
	else
		fault = fill_view(vma, obj, vmf->address, write);
	look_end(obj, idx);
	wait_for(busy);
	return fault_end(vmf, fault);
}

/*
 * Copy a part of a view of a tiled object's shadow: what the process sees. Returns
 * the bytes copied.
 */
static int access_view(struct sg_object *obj, u64 offset, void *buf, int len, int write)
{
	struct sg_shadow_view *view;
	u64 start, size = sg_shadow_view_size(obj);
	int ret;

	start = offset - offset % size;
	ret = sg_object_get_range(obj, start, min(start + size, (u64)obj->base.size));
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
	ret = access_begin(obj, &idx);
	if (ret)
		return ret;
	if (obj->tiling == SG_LINEAR)
		ret = access_pages(obj, offset_at(vma, addr), buf, len, write);
	else
		ret = access_view(obj, offset_at(vma, addr), buf, len, write);
	look_end(obj, idx);
	return ret;
}

/* Whether there is room for a huge entry. */
static bool may_be_huge(const struct vm_area_struct *vma)
{
	unsigned long start = ALIGN(vma->vm_start, PMD_SIZE);

	return SG_HAVE_PMD_PFNMAP && !is_cow_mapping(vma->vm_flags) &&
	       start < vma->vm_end && vma->vm_end - start >= PMD_SIZE;
}

/*
 * A fork copies small entries under their locks, and finds what was revoked gone. A huge one it
 * looks at before it takes them, and not again: a revocation in between would miss the child's. So
 * it is to find none. This comes before it copies, and the parent's mapping is locked, so that no
 * fault fills it in again until the child's can be found too.
 */
static void before_fork(struct vm_area_struct *vma)
{
	unmap_mapping_range(vma->vm_file->f_mapping, (loff_t)vma->vm_pgoff << PAGE_SHIFT,
			    vma->vm_end - vma->vm_start, 0);
}

static void offset_open(struct vm_area_struct *vma)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;

	sg_object_get(mo->obj);
	if (vma->vm_mm != current->mm && may_be_huge(vma))
		before_fork(vma);
}

static void offset_close(struct vm_area_struct *vma)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;

	sg_object_put(mo->obj);
}

/**
 * sg_vma_revocable() - whether this driver mapped it, and takes its memory away when it likes.
 * @vma: a mapping of anything
 *
 * Context: mmap_lock is held.
 */
bool sg_vma_revocable(const struct vm_area_struct *vma)
{
	struct sg_mmap_offset *mo = vma->vm_private_data;

	if (vma->vm_ops == &sg_gtt_vm_ops)
		return true;
	return vma->vm_ops == &sg_cpu_vm_ops && sg_object_memory(mo->obj)->ops->put_pages;
}

const struct vm_operations_struct sg_cpu_vm_ops = {
	.open = offset_open,
	.close = offset_close,
	.fault = cpu_fault,
	.access = cpu_access,
};

const struct vm_operations_struct sg_gtt_vm_ops = {
	.open = offset_open,
	.close = offset_close,
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
		return fault_end(vmf, fault_code(ret));
	fault = fill_object(vmf, obj, vmf->vma->vm_pgoff);
	dma_resv_unlock(obj->base.resv);
	return fault_end(vmf, fault);
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
	do {
		ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	} while (access_again(ret));
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

const struct vm_operations_struct sg_buf_vm_ops = {
	.open = buf_open,
	.close = buf_close,
	.fault = buf_fault,
	.access = buf_access,
};
