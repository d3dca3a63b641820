// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * User pages, pinned: the object keeps the frames that it found when it was made, whatever the
 * process does to its mappings. All of them count against RLIMIT_MEMLOCK of the process that made
 * it, once, until the object goes.
 *
 * See Documentation/core-api/pin_user_pages.rst in the kernel's sources, case 2.
 */
#include <linux/mm.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "gpu.h"
#include "object.h"
#include "userptr.h"

/**
 * struct sg_pinned - an object of pinned user pages.
 * @obj: the object
 * @mm: whose limit they count against; holds mm_count
 */
struct sg_pinned {
	struct sg_object obj;
	struct mm_struct *mm;
};

#define to_pinned(o)	container_of(o, struct sg_pinned, obj)

static void unpin_all(struct sg_object *obj)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);
	unsigned long index, n;
	u64 pfn;

	sg_pages_for_each_run(&obj->pages, index, pfn, n) {
		unpin_user_page_range_dirty_lock(pfn_to_page(pfn), n, !obj->read_only);
		atomic64_add(n, &gpu->stats.unpins);
		cond_resched();
	}
	sg_pages_fini(&obj->pages);
}

/* Pin the pages of a chunk. @pages has room for one. */
static int pin_chunk(struct sg_object *obj, unsigned int i, unsigned long addr,
		     struct page **pages)
{
	unsigned int flags = FOLL_LONGTERM | (obj->read_only ? 0 : FOLL_WRITE);
	struct sg_pages *p = &obj->pages;
	unsigned int k, done = 0, n = sg_pages_count(p, i);
	unsigned long *pfns = (unsigned long *)pages;
	int ret;

	while (done < n) {
		ret = pin_user_pages_fast(addr + ((unsigned long)done << PAGE_SHIFT), n - done,
					  flags, pages + done);
		if (ret <= 0) {
			ret = ret ?: -EFAULT;
			goto unpin;
		}
		done += ret;
	}
	/* a frame number takes the place of each page's address */
	for (k = 0; k < n; k++)
		pfns[k] = page_to_pfn(pages[k]);
	ret = sg_chunk_build(&p->chunk[i], sg_pages_slot(p, i), pfns, n, GFP_KERNEL_ACCOUNT);
	if (!ret) {
		atomic64_add(n, &sg_object_gpu(obj)->stats.pins);
		return 0;
	}
	for (k = 0; k < n; k++)
		pages[k] = pfn_to_page(pfns[k]);
unpin:
	unpin_user_pages(pages, done);
	return ret;
}

static int pin_all(struct sg_object *obj, unsigned long addr)
{
	struct sg_pages *p = &obj->pages;
	struct page **pages;
	unsigned int i;
	int ret;

	ret = sg_pages_init(p, obj->base.size >> PAGE_SHIFT, (addr >> PAGE_SHIFT) & SG_CHUNK_MASK);
	if (ret)
		return ret;
	ret = -ENOMEM;
	pages = kmalloc_array(SG_CHUNK_PAGES, sizeof(*pages), GFP_KERNEL);
	for (i = 0; pages && i < p->nchunks; i++) {
		ret = signal_pending(current) ? -ERESTARTSYS :
			pin_chunk(obj, i, addr + (sg_pages_index(p, i) << PAGE_SHIFT), pages);
		if (ret)
			break;
		cond_resched();
	}
	kfree(pages);
	if (ret)
		unpin_all(obj);
	return ret;
}

static void pinned_release(struct sg_object *obj)
{
	struct sg_pinned *pinned = to_pinned(obj);

	unpin_all(obj);
	account_locked_vm(pinned->mm, obj->base.size >> PAGE_SHIFT, false);
	mmdrop(pinned->mm);
}

static const struct sg_object_ops pinned_ops = {
	.release = pinned_release,
};

/**
 * sg_pinned_create() - make an object of a range of the current process's memory, and pin it.
 * @gpu: the device
 * @addr: where the range begins, page aligned
 * @size: its bytes, a multiple of the page size, not 0; the end does not wrap
 * @read_only: the GPU is only going to read
 *
 * Context: may sleep; takes mmap_lock, faults user memory.
 * Return: the object, with one reference; -ENOMEM if RLIMIT_MEMLOCK forbids it; -EFAULT for holes
 * and memory that cannot be pinned; -ERESTARTSYS. On an error nothing stays pinned or counted.
 */
struct sg_object *sg_pinned_create(struct sg_gpu *gpu, unsigned long addr, u64 size,
				   bool read_only)
{
	struct sg_pinned *pinned = kzalloc(sizeof(*pinned), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!pinned)
		return ERR_PTR(-ENOMEM);
	sg_object_init(&pinned->obj, gpu, &pinned_ops);
	drm_gem_private_object_init(&gpu->drm, &pinned->obj.base, size);
	pinned->obj.read_only = read_only;
	pinned->mm = current->mm;
	ret = account_locked_vm(pinned->mm, size >> PAGE_SHIFT, true);
	if (ret == -ENOMEM) {
		/* what was closed a moment ago may not have been given back yet */
		flush_workqueue(gpu->free_wq);
		ret = account_locked_vm(pinned->mm, size >> PAGE_SHIFT, true);
	}
	if (ret)
		goto free;
	ret = pin_all(&pinned->obj, addr);
	if (ret)
		goto unaccount;
	mmgrab(pinned->mm);
	return &pinned->obj;

unaccount:
	account_locked_vm(pinned->mm, size >> PAGE_SHIFT, false);
free:
	drm_gem_object_release(&pinned->obj.base);
	kfree(pinned);
	return ERR_PTR(ret);
}
