// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Pages of a process that stay where they are, whatever it does to its mappings, and that count
 * against its RLIMIT_MEMLOCK for as long as they do.
 *
 * Two use them: objects of pinned user pages (pinned.c), and devices that import tracked ones and
 * cannot be told when those move (export_user.c). A third pins for a moment only, and is not
 * counted (grip.c).
 *
 * See Documentation/core-api/pin_user_pages.rst in the kernel's sources, case 2.
 */
#include <linux/capability.h>
#include <linux/mm.h>
#include <linux/pagemap.h>
#include <linux/sched/mm.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/slab.h>
#include <linux/user_namespace.h>

#include "compat.h"
#include "gpu.h"
#include "pin.h"
#include "trace.h"

/* How long to wait for pins that are being let go of. */
#define GOING_TIMEOUT	(2 * HZ)
/* How long a worker leaves an mmap_lock alone that it has found taken, at most. */
#define AGAIN_MAX	(HZ / 10)

/** sg_owner_get() - the current process is to be an owner; for sg_owner_put(). */
void sg_owner_get(struct sg_owner *owner)
{
	owner->mm = current->mm;
	owner->task = current->group_leader;
	/* it is no denial worth a record in the audit log */
	owner->no_limit = ns_capable_noaudit(&init_user_ns, CAP_IPC_LOCK);
	mmgrab(owner->mm);
	get_task_struct(owner->task);
}

/** sg_owner_put() - end what sg_owner_get() began. */
void sg_owner_put(struct sg_owner *owner)
{
	put_task_struct(owner->task);
	mmdrop(owner->mm);
}

static void pin_free_work(struct work_struct *work);

/**
 * sg_pin_alloc() - get ready to pin a range.
 * @gpu: the device
 * @owner: whose memory it is
 * @addr: where the range begins, page aligned
 * @size: its bytes, a multiple of the page size, not 0
 * @write: the pages are going to be written to
 *
 * Return: nothing pinned and nothing counted yet; -ENOMEM, -E2BIG.
 */
struct sg_pin *sg_pin_alloc(struct sg_gpu *gpu, const struct sg_owner *owner, unsigned long addr,
			    u64 size, bool write)
{
	struct sg_pin *pin = kzalloc(sizeof(*pin), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!pin)
		return ERR_PTR(-ENOMEM);
	ret = sg_pages_init(&pin->pages, size >> PAGE_SHIFT, (addr >> PAGE_SHIFT) & SG_CHUNK_MASK);
	if (ret) {
		kfree(pin);
		return ERR_PTR(ret);
	}
	pin->gpu = gpu;
	pin->owner = *owner;
	mmgrab(owner->mm);
	get_task_struct(owner->task);
	pin->addr = addr;
	pin->write = write;
	pin->users = 1;
	INIT_DELAYED_WORK(&pin->free_work, pin_free_work);
	return pin;
}

/* The owner's mmap_lock is held for writing, and is let go of. */
static int count_unlock(struct sg_pin *pin, bool more)
{
	struct sg_owner *owner = &pin->owner;
	int ret = __account_locked_vm(owner->mm, pin->pages.npages, more, owner->task,
				      owner->no_limit);

	mmap_write_unlock(owner->mm);
	return ret;
}

/* The owner decides how long its mmap_lock is held, whoever asks. */
static int count_more(struct sg_pin *pin)
{
	if (mmap_write_lock_killable(pin->owner.mm))
		return -EINTR;
	return count_unlock(pin, true);
}

/**
 * sg_pin_count() - have the pages counted against the owner's RLIMIT_MEMLOCK.
 * @pin: not yet counted
 *
 * Context: may sleep; takes the owner's mmap_lock.
 * Return: 0; -ENOMEM if the limit forbids it; -EINTR if the caller is being killed.
 */
int sg_pin_count(struct sg_pin *pin)
{
	struct sg_gpu *gpu = pin->gpu;
	long left = GOING_TIMEOUT;
	bool going;
	int gone, ret;

	/*
	 * What was let go of a moment ago may not have been given back yet. Some of it may be
	 * others', and they decide how long their mmap_lock is held: so look again at each.
	 */
	do {
		gone = atomic_read_acquire(&gpu->pins_gone);
		going = atomic_read(&gpu->pins_going);
		ret = count_more(pin);
		if (ret != -ENOMEM || !going)
			break;
		left = wait_event_killable_timeout(gpu->pin_gone,
						   atomic_read(&gpu->pins_gone) != gone, left);
	} while (left > 0);
	pin->counted = !ret;
	return left < 0 ? -EINTR : ret;
}

/* Pin what can be: as pin_user_pages(). */
static long pin_some(struct sg_pin *pin, unsigned long addr, unsigned int n, bool write,
		     struct page **pages)
{
	unsigned int flags = (pin->brief ? 0 : FOLL_LONGTERM) | (write ? FOLL_WRITE : 0);
	struct mm_struct *mm = pin->owner.mm;

	if (mm == current->mm)
		return pin_user_pages_fast(addr, n, flags, pages);
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	return pin_pages_of(mm, addr, n, flags, pages);
}

/*
 * Pinning may fault without leave to drop mmap_lock, and then gets no answer from userfaultfd:
 * where it fails, touch the page first as the process itself would.
 */
static bool touch(struct sg_pin *pin, unsigned long addr)
{
	if (pin->owner.mm != current->mm)
		return false;
	if (pin->write)
		return !fault_in_safe_writeable((char __user *)addr, PAGE_SIZE);
	return !fault_in_readable((char __user *)addr, PAGE_SIZE);
}

/* Pin the pages of a chunk. @pages has room for one. */
static int pin_chunk(struct sg_pin *pin, unsigned int i, struct page **pages)
{
	struct sg_pages *p = &pin->pages;
	unsigned long addr = pin->addr + (sg_pages_index(p, i) << PAGE_SHIFT);
	unsigned int k, done = 0, n = sg_pages_count(p, i);
	unsigned long *pfns = (unsigned long *)pages;
	bool touched = false;
	long ret;

	while (done < n) {
		unsigned long at = addr + ((unsigned long)done << PAGE_SHIFT);

		ret = pin_some(pin, at, n - done, pin->write, pages + done);
		/* the process may write there, but not read: good enough for a device that reads */
		if (ret == -EFAULT && !pin->write)
			ret = pin_some(pin, at, n - done, true, pages + done);
		if (ret == -EFAULT && !touched && touch(pin, at)) {
			touched = true;
			continue;
		}
		if (ret <= 0) {
			ret = ret ?: -EFAULT;
			goto unpin;
		}
		touched = false;
		done += ret;
	}
	/* a frame number takes the place of each page's address */
	for (k = 0; k < n; k++)
		pfns[k] = page_to_pfn(pages[k]);
	ret = sg_chunk_build(&p->chunk[i], sg_pages_slot(p, i), pfns, n, GFP_KERNEL_ACCOUNT);
	if (!ret) {
		if (!pin->brief)
			atomic64_add(n, &pin->gpu->stats.pins);
		return 0;
	}
	for (k = 0; k < n; k++)
		pages[k] = pfn_to_page(pfns[k]);
unpin:
	unpin_user_pages(pages, done);
	return ret;
}

static void unpin_all(struct sg_pin *pin)
{
	bool dirty = pin->write && !pin->brief;
	struct sg_pages *p = &pin->pages;
	unsigned long index, n, total = 0;
	unsigned int i;
	u64 pfn;

	sg_pages_for_each_run(p, index, pfn, n) {
		bool lock = dirty && !sg_frames_mark_dirty(pfn, n);

		unpin_user_page_range_dirty_lock(pfn_to_page(pfn), n, lock);
		total += n;
		cond_resched();
	}
	if (total && !pin->brief) {
		atomic64_add(total, &pin->gpu->stats.unpins);
		trace_userptr_unpin(pin, total);
	}
	for (i = 0; i < p->nchunks; i++) {
		struct sg_chunk was = sg_chunk_take(&p->chunk[i]);

		sg_chunk_free(&was);
	}
}

/**
 * sg_pin_pages() - pin the pages.
 * @pin: with nothing pinned
 *
 * Context: may sleep; takes mmap_lock, faults user memory. The caller holds the owner's mm_users.
 * Return: 0; -EFAULT for holes and memory that cannot be pinned; -ENOMEM; -ERESTARTSYS and its
 * like.
 * On an error nothing is pinned.
 */
int sg_pin_pages(struct sg_pin *pin)
{
	struct sg_pages *p = &pin->pages;
	struct page **pages;
	unsigned int i;
	int ret = -ENOMEM;

	pages = kmalloc_array(SG_CHUNK_PAGES, sizeof(*pages), GFP_KERNEL);
	for (i = 0; pages && i < p->nchunks; i++) {
		ret = signal_pending(current) ? -ERESTARTSYS :
			pin_chunk(pin, i, pages);
		if (ret)
			break;
		cond_resched();
	}
	kfree(pages);
	if (ret)
		unpin_all(pin);
	else if (!pin->brief)
		trace_userptr_pin(pin, p->npages);
	return ret;
}

/* Whether a page of a file would be found again. It need not be mapped: reclaim may have tried. */
static bool in_file(struct vm_area_struct *vma, unsigned long addr, const struct page *page,
		    bool write)
{
	const struct folio *folio = page_folio(page);

	if (!vma->vm_file || vma->vm_file->f_mapping != folio->mapping)
		return false;
	if (write && (vma->vm_flags & (VM_WRITE | VM_SHARED)) != (VM_WRITE | VM_SHARED))
		return false;
	return (vma->vm_flags & (VM_WRITE | VM_READ)) &&
	       folio->index + folio_page_idx(folio, page) ==
			vma->vm_pgoff + ((addr - vma->vm_start) >> PAGE_SHIFT);
}

static bool in_place(const struct sg_pin *pin, unsigned long addr, struct page *page)
{
	struct vm_area_struct *vma = vma_lookup(pin->owner.mm, addr);
	struct folio *folio = page_folio(page);
	struct page *there;
	bool same;

	if (!vma || vma->vm_flags & VM_LOCKED)
		return false;
	if (!folio_test_swapbacked(folio) || folio_test_hugetlb(folio))
		return false;
	if (!folio_test_anon(folio))
		return in_file(vma, addr, page, pin->write);
	if (get_user_page_nofault(pin->owner.mm, addr, pin->write, &there) != 1)
		return false;
	same = there == page;
	put_page(there);
	return same;
}

/**
 * sg_pin_dispensable() - whether the pages can be unpinned now: nothing is lost, and memory gained.
 * @pin: the pages, pinned
 *
 * They have to be the process's still, and where they were, or else only the pin keeps what is in
 * them; and of the kind that can be swapped out, as far as it lies with the process.
 *
 * Context: reclaim; tries the owner's mmap_lock, and answers no where it is not to be had.
 */
bool sg_pin_dispensable(const struct sg_pin *pin)
{
	struct mm_struct *mm = pin->owner.mm;
	unsigned long index, n, i;
	bool ret;
	u64 pfn;

	if (!mmap_read_trylock(mm))
		return false;
	/* what a process at its end has mapped cannot go before this lock does */
	ret = atomic_read(&mm->mm_users);
	sg_pages_for_each_run(&pin->pages, index, pfn, n) {
		for (i = 0; ret && i < n; i++)
			ret = in_place(pin, pin->addr + ((index + i) << PAGE_SHIFT),
				       pfn_to_page(pfn + i));
		if (!ret)
			break;
	}
	mmap_read_unlock(mm);
	return ret;
}

/**
 * sg_pin_unpin() - unpin the pages; sg_pin_pages() may follow. What they count, they count on.
 * @pin: the pages; in reclaim only those that sg_pin_dispensable() has just approved of
 *
 * Context: may sleep, or reclaim.
 */
void sg_pin_unpin(struct sg_pin *pin)
{
	unpin_all(pin);
}

/** sg_pin_equal() - whether two pins of the same range found the same frames. */
bool sg_pin_equal(const struct sg_pin *a, const struct sg_pin *b)
{
	unsigned int i;

	for (i = 0; i < a->pages.nchunks; i++)
		if (!sg_chunk_equal(&a->pages.chunk[i], &b->pages.chunk[i]))
			return false;
	return true;
}

/* Unpin the pages, for good; a second time is fine. */
static void put_pages(struct sg_pin *pin)
{
	if (!pin->pages.chunk)
		return;
	unpin_all(pin);
	sg_pages_fini(&pin->pages);
}

/* They are unpinned, and count for nothing any more. */
static void pin_destroy(struct sg_pin *pin)
{
	sg_owner_put(&pin->owner);
	kfree(pin);
}

/*
 * Give back what they counted. That is the owner's own affair, who may hold his mmap_lock for long,
 * waiting for the GPU for one. Return: false if he does just now.
 */
static bool count_less(struct sg_pin *pin)
{
	if (!pin->counted)
		return true;
	if (!sg_mmap_write_trylock(pin->owner.mm))
		return false;
	count_unlock(pin, false);
	return true;
}

/* The pages go at once. For what they counted the worker does not wait: it does others' work. */
static void pin_free_work(struct work_struct *work)
{
	struct sg_pin *pin = container_of(to_delayed_work(work), struct sg_pin, free_work);
	struct sg_gpu *gpu = pin->gpu;

	put_pages(pin);
	if (!count_less(pin)) {
		pin->again = clamp_t(unsigned long, 2 * pin->again, 1, AGAIN_MAX);
		queue_delayed_work(gpu->pin_wq, &pin->free_work, pin->again);
		return;
	}
	pin_destroy(pin);
	atomic_inc(&gpu->pins_gone);
	atomic_dec(&gpu->pins_going);
	wake_up_all(&gpu->pin_gone);
}

/** sg_pin_going() - a pin is going to be freed: who is over his limit may wait for it. */
void sg_pin_going(struct sg_pin *pin)
{
	atomic_inc(&pin->gpu->pins_going);
}

/** sg_pin_free_later() - as sg_pin_free(), where mmap_lock may be held; after sg_pin_going(). */
void sg_pin_free_later(struct sg_pin *pin)
{
	queue_delayed_work(pin->gpu->pin_wq, &pin->free_work, 0);
}

/**
 * sg_pin_free() - unpin the pages, give back what they counted, and free it.
 * @pin: nobody uses it any more
 *
 * What they counted may be given back later, if the owner's mmap_lock is taken.
 *
 * Context: may sleep.
 */
void sg_pin_free(struct sg_pin *pin)
{
	put_pages(pin);
	if (count_less(pin)) {
		pin_destroy(pin);
		return;
	}
	sg_pin_going(pin);
	sg_pin_free_later(pin);
}
