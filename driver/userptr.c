// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * User pages, tracked: memory of a process that the GPU uses while it stays the process's.
 *
 * The pages are neither pinned nor referenced. They are looked up in the process's page tables,
 * and an interval notifier tells before anything changes there. What makes that safe:
 *
 *  - Acquire looks up what is missing, with no lock of ours held, since a fault may sleep for as
 *    long as user space likes. It installs chunks under the notifier lock, after a check that no
 *    invalidation of the object has begun since the lookup did. So: a chunk that is present is
 *    valid, unless an invalidation that covers it is under way.
 *  - Submission publishes its fences under the notifier lock (for reading), after the same check.
 *  - The invalidation callback announces itself under the notifier lock (for writing); so it either
 *    makes the check fail or finds the fence. It waits for the fences, takes the chunks away under
 *    the revoke lock, and only then lets the process's change go on.
 *
 * After that no request needs the pages, and no engine, whatever its batch says, can reach them.
 * Who is told again and again that the pages are not valid any more, gets a grip on them (grip.c).
 *
 * There is one case in which it does not wait. Where the kernel merely clears page table entries
 * (to migrate, reclaim, merge or collapse pages, or because a mapping was split somewhere in the
 * same 2 MiB) and requests are under way, the chunk is *held*: its pages are referenced until those
 * requests are over, and the kernel goes on at once. The references keep it from moving the pages
 * meanwhile, so that no write is lost. New requests look the chunk up again.
 *
 * See Documentation/mm/hmm.rst and include/linux/mmu_notifier.h in the kernel's sources.
 */
#include <linux/dma-resv.h>
#include <linux/hmm.h>
#include <linux/magic.h>
#include <linux/mmu_notifier.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "gpu.h"
#include "grip.h"
#include "object.h"
#include "trace.h"
#include "userptr.h"

/* An interval's sequence begins at 1. */
#define SEQ_NEVER	0
/* So many chunks are taken away before the engines are let in again: not a millisecond's work. */
#define CHUNKS_AT_ONCE	1024
/* So often a worker looks pages up again that are taken away meanwhile. */
#define WORKER_ATTEMPTS	64

static struct kmem_cache *userptr_cache;

/**
 * sg_userptr_init() - make what all tracked objects have in common; once for the module.
 *
 * Return: 0 or -ENOMEM.
 */
int __init sg_userptr_init(void)
{
	/* kmalloc() has nothing between 512 and 1024 bytes */
	userptr_cache = KMEM_CACHE(sg_userptr, SLAB_ACCOUNT);
	return userptr_cache ? 0 : -ENOMEM;
}

/** sg_userptr_exit() - end what sg_userptr_init() began; all objects are gone. */
void sg_userptr_exit(void)
{
	kmem_cache_destroy(userptr_cache);
}

/* Memory that has no place in the kernel's own page tables cannot be reached by a software GPU. */
static bool vma_is_secret(const struct vm_area_struct *vma)
{
	return vma->vm_file && file_inode(vma->vm_file)->i_sb->s_magic == SECRETMEM_MAGIC;
}

/*
 * Whether pages of this mapping can be used at all. One that may only be written to is fine; a
 * shadow stack is not: only the processor may write there.
 */
static bool vma_usable(const struct vm_area_struct *vma, bool write)
{
	return !(vma->vm_flags & (VM_IO | VM_PFNMAP | VM_SHADOW_STACK)) &&
	       vma->vm_flags & (write ? VM_WRITE : VM_READ) && !vma_is_secret(vma);
}

/*
 * Whether all of a range can be used; sets @unreadable if there are mappings in it that the process
 * may write to, but not read. mmap_lock is held.
 */
static bool range_usable(struct mm_struct *mm, unsigned long start, unsigned long end, bool write,
			 bool *unreadable)
{
	VMA_ITERATOR(vmi, mm, start);
	struct vm_area_struct *vma;

	*unreadable = false;
	for_each_vma_range(vmi, vma, end) {
		if (vma->vm_start > start || !vma_usable(vma, write))
			return false;
		if (!(vma->vm_flags & VM_READ))
			*unreadable = true;
		start = vma->vm_end;
	}
	return start >= end;
}

/**
 * sg_userptr_probe() - whether a range could be used now.
 * @addr: where it begins in the current process
 * @size: bytes
 * @read_only: whether the GPU is only going to read
 *
 * Context: may sleep; takes mmap_lock.
 * Return: 0, or -EFAULT if there are holes or mappings of other than ordinary memory.
 */
int sg_userptr_probe(unsigned long addr, u64 size, bool read_only)
{
	struct mm_struct *mm = current->mm;
	bool usable, unreadable;

	if (mmap_read_lock_killable(mm))
		return -EINTR;
	usable = range_usable(mm, addr, addr + size, !read_only, &unreadable);
	mmap_read_unlock(mm);
	return usable ? 0 : -EFAULT;
}

/**
 * struct acquire - what an attempt to acquire an object has done.
 * @pfns: room for the frames of a chunk
 * @pages: pages that were found
 * @faults: of these, those that had to be faulted in
 */
struct acquire {
	unsigned long *pfns;
	unsigned long pages;
	unsigned long faults;
};

/*
 * Have a page made present (and writable). hmm_range_fault() can fault too, but does so without
 * leave to drop mmap_lock, which userfaultfd insists on, and without an ear for signals.
 *
 * mmap_lock is held. Returns 0 with it still held; any other value with it dropped: -EAGAIN where
 * it had to be dropped on the way, and the caller looks again. A worker of ours, which no signal
 * can reach, does not wait for what user space may never do: -EBUSY.
 */
static int fault_in(struct mm_struct *mm, unsigned long addr, bool write)
{
	bool worker = current->flags & PF_KTHREAD;
	unsigned int flags = FAULT_FLAG_DEFAULT | FAULT_FLAG_REMOTE |
			     (write ? FAULT_FLAG_WRITE : 0) |
			     (worker ? FAULT_FLAG_RETRY_NOWAIT : 0);
	struct vm_area_struct *vma = vma_lookup(mm, addr);
	vm_fault_t fault;
	int ret = -EFAULT;

	if (!vma || !vma_usable(vma, write))
		goto unlock;
	fault = handle_mm_fault(vma, addr, flags, NULL);
	if (fault & VM_FAULT_COMPLETED)
		return -EAGAIN;
	if (fault & VM_FAULT_RETRY && worker) {
		ret = -EBUSY;
		goto unlock;
	}
	if (fault & VM_FAULT_RETRY)
		return signal_pending(current) ? -ERESTARTSYS : -EAGAIN;
	if (!(fault & VM_FAULT_ERROR))
		return 0;
	ret = fault & VM_FAULT_OOM ? -ENOMEM : -EFAULT;
unlock:
	mmap_read_unlock(mm);
	return ret;
}

static bool pfn_wanting(unsigned long hmm_pfn, bool write)
{
	unsigned long want = HMM_PFN_VALID | (write ? HMM_PFN_WRITE : 0);

	return (hmm_pfn & want) != want;
}

/* Whether @n pages from @addr on, of which the first is @hmm_pfn, are mapped as one huge page. */
static bool is_huge(unsigned long hmm_pfn, unsigned long addr, unsigned int n)
{
	unsigned long size = 1ul << hmm_pfn_to_map_order(hmm_pfn);

	return hmm_pfn & HMM_PFN_VALID && ((addr >> PAGE_SHIFT) & (size - 1)) + n <= size;
}

/*
 * Look up the frames of [start, end) where there are mappings that may be written to but not read;
 * hmm_range_fault() will have none of them. The references are dropped at once: it is the sequence,
 * checked later, that says whether the frames are still the right ones. mmap_lock is held, and is
 * dropped.
 */
static int lookup_unreadable(struct sg_userptr *u, unsigned long start, unsigned long end,
			     struct acquire *a)
{
	unsigned long *pfns = a->pfns;
	struct mm_struct *mm = u->notifier.mm;
	int ret;

	while (start < end) {
		struct page *page;

		if (get_user_page_nofault(mm, start, true, &page) == 1) {
			*pfns++ = page_to_pfn(page);
			put_page(page);
			start += PAGE_SIZE;
			continue;
		}
		/* to one that is being killed the kernel gives no page, though it faults them in */
		if (signal_pending(current)) {
			mmap_read_unlock(mm);
			return -ERESTARTSYS;
		}
		a->faults++;
		ret = fault_in(mm, start, true);
		if (ret == -EAGAIN)
			ret = mmap_read_lock_killable(mm);
		if (ret)
			return ret;
		cond_resched();
	}
	mmap_read_unlock(mm);
	return 0;
}

/*
 * Look up the frames of [start, end), at most a chunk, faulting in what is missing.
 * Returns 0 with the frames filled in, and what hmm says of them; -EAGAIN: an invalidation has
 * begun meanwhile.
 */
static int lookup(struct sg_userptr *u, unsigned long seq, unsigned long start, unsigned long end,
		  struct acquire *a)
{
	struct mm_struct *mm = u->notifier.mm;
	unsigned long *pfns = a->pfns;
	bool write = !u->obj.read_only, first = true, unreadable;
	unsigned int i, faulted, distinct, n = (end - start) >> PAGE_SHIFT;
	struct hmm_range range = {
		.notifier = &u->notifier,
		.notifier_seq = seq,
		.start = start,
		.end = end,
		.hmm_pfns = pfns,
	};
	int ret;

again:
	if (signal_pending(current))
		return -ERESTARTSYS;
	if (mmap_read_lock_killable(mm))
		return -EINTR;
	ret = -EFAULT;
	if (!range_usable(mm, start, end, write, &unreadable))
		goto unlock;
	if (unreadable)
		return lookup_unreadable(u, start, end, a);
	/* nothing is asked for by page: what the array contains does not matter */
	ret = hmm_range_fault(&range);
	if (ret)
		goto unlock;

	/* of a huge page all are alike */
	distinct = is_huge(pfns[0], start, n) ? 1 : n;
	for (i = 0, faulted = 0; i < distinct; i++) {
		ret = -EFAULT;
		if (pfns[i] & HMM_PFN_ERROR)
			goto unlock;
		if (!pfn_wanting(pfns[i], write))
			continue;
		a->faults++;
		ret = fault_in(mm, start + ((unsigned long)i << PAGE_SHIFT), write);
		if (ret == -EAGAIN)
			goto again;
		if (ret)
			return ret;
		faulted++;
		/* that may have been a huge page: look what it brought before taking more */
		if (first)
			break;
	}
	first = false;
	mmap_read_unlock(mm);
	if (faulted)
		goto again;
	return 0;

unlock:
	mmap_read_unlock(mm);
	return ret == -EBUSY ? -EAGAIN : ret;
}

/*
 * The GPU writes without the CPU's page tables noticing. A page may be mapped writable and yet be
 * clean (shmem; anonymous memory after MADV_FREE), and reclaim would drop it. Cleaning a page that
 * stays mapped invalidates first, so that once per lookup is enough. The notifier lock is held,
 * and the pages are known to be valid.
 */
static void mark_dirty(const unsigned long *pfns, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct folio *folio = page_folio(pfn_to_page(pfns[i]));

		if (!folio_test_dirty(folio))
			folio_mark_dirty(folio);
	}
}

static bool chunk_for_each(struct sg_userptr *u, unsigned int i, const struct sg_chunk *c,
			   bool (*fn)(u64 pfn, unsigned int n))
{
	struct sg_pages *p = &u->obj.pages;

	return sg_chunk_for_each(c, sg_pages_slot(p, i), sg_pages_count(p, i), fn);
}

/* Frames that are only read may be moved to another address of the process's. */
static void hold_frames(struct sg_userptr *u, unsigned int i, const struct sg_chunk *c)
{
	chunk_for_each(u, i, c, u->obj.read_only ? sg_frames_get : sg_frames_hold);
}

static void unhold_frames(struct sg_userptr *u, unsigned int i, const struct sg_chunk *c)
{
	chunk_for_each(u, i, c, u->obj.read_only ? sg_frames_put : sg_frames_unhold);
}

/* A chunk that was held is no longer in use. */
static void release_held(struct sg_userptr *u, unsigned int i, const struct sg_chunk *was)
{
	if (!u->obj.read_only)
		chunk_for_each(u, i, was, sg_frames_mark_dirty);
	unhold_frames(u, i, was);
}

/*
 * Let go of the held chunks, if the requests that they were held for are over. No new ones use
 * them: submission has them looked up again first, but then they may be held again for those.
 * Returns whether some were left.
 */
static bool drop_held(struct sg_userptr *u)
{
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	struct sg_pages *p = &u->obj.pages;
	unsigned int i, n = READ_ONCE(p->nseen);
	bool left = false;

	for (i = 0; i < n; i++) {
		struct sg_chunk was = {};

		if (!READ_ONCE(p->chunk[i].held))
			continue;
		down_write(&gpu->revoke);
		gpu->revoke_seq++;
		write_lock(&gpu->notifier_lock);
		if (p->chunk[i].held) {
			if (dma_resv_test_signaled(u->obj.base.resv, DMA_RESV_USAGE_BOOKKEEP))
				was = sg_chunk_take(&p->chunk[i]);
			else
				left = true;
		}
		write_unlock(&gpu->notifier_lock);
		up_write(&gpu->revoke);
		release_held(u, i, &was);
		sg_chunk_free(&was);
	}
	return left;
}

/* One of the requests that chunks are held for is over: look again. In any context. */
static void drop_again(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct sg_userptr *u = container_of(cb, struct sg_userptr, drop_cb);

	atomic_set(&u->drop_waits, false);
	/* if it is queued, that has a reference of its own */
	if (!queue_work(sg_object_gpu(&u->obj)->free_wq, &u->drop_work))
		sg_object_put(&u->obj);
	dma_fence_put(fence);
}

static void drop_work(struct work_struct *work)
{
	struct sg_userptr *u = container_of(work, struct sg_userptr, drop_work);

	while (drop_held(u)) {
		/* who waits already does the rest */
		if (atomic_xchg(&u->drop_waits, true))
			break;
		if (sg_object_call_back(&u->obj, &u->drop_cb, drop_again))
			return;		/* it has the reference now */
		atomic_set(&u->drop_waits, false);
	}
	sg_object_put(&u->obj);
}

/*
 * Hold the chunks from first to before end, and see to it that they are let go of. They are of an
 * object that is being invalidated, so that none is added, but some may be let go of meanwhile.
 * Returns false if some cannot be held.
 */
static bool hold_chunks(struct sg_userptr *u, unsigned int first, unsigned int end)
{
	bool (*may_get)(u64, unsigned int) = u->obj.read_only ? sg_frames_may_get :
								 sg_frames_may_get_written;
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	struct sg_pages *p = &u->obj.pages;
	bool all = true;
	unsigned int i;

	/* an object may be large, and submissions wait for this lock: not long at a time */
	for (i = first; all && i < end; i++) {
		struct sg_chunk *c = &p->chunk[i];

		if (!READ_ONCE(c->nruns) || READ_ONCE(c->held))
			continue;
		write_lock(&gpu->notifier_lock);
		if (c->nruns && !c->held) {
			all = chunk_for_each(u, i, c, may_get);
			if (all)
				hold_frames(u, i, c);
			WRITE_ONCE(c->held, all);
		}
		write_unlock(&gpu->notifier_lock);
	}
	/* an object at its end lets go of everything itself */
	sg_object_queue(&u->obj, gpu->free_wq, &u->drop_work);
	return all;
}

/*
 * A chunk was looked up that is held. If it is where it was, it is as good as new; else the
 * requests that use it have to be over first. Returns whether it is. The notifier lock is held for
 * writing.
 */
static bool unhold_chunk(struct sg_chunk *c, const struct sg_chunk *found)
{
	if (!sg_chunk_equal(c, found))
		return false;
	WRITE_ONCE(c->held, false);
	return true;
}

static int acquire_chunk(struct sg_userptr *u, unsigned int i, unsigned long seq,
			 struct acquire *a)
{
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	struct sg_pages *p = &u->obj.pages;
	unsigned long start = sg_userptr_addr(u) + (sg_pages_index(p, i) << PAGE_SHIFT);
	unsigned int k, n = sg_pages_count(p, i);
	struct sg_chunk found = {};
	bool unheld = false, moved = false;
	unsigned long *pfns = a->pfns;
	int ret;

	ret = lookup(u, seq, start, start + ((unsigned long)n << PAGE_SHIFT), a);
	if (ret)
		return ret;
	a->pages += n;
	/* a huge page is one run and one folio: its first frame says it all */
	if (is_huge(pfns[0], start, n))
		n = 1;
	for (k = 0; k < n; k++)
		pfns[k] &= ~HMM_PFN_FLAGS;
	ret = sg_chunk_build(&found, sg_pages_slot(p, i), pfns, n, GFP_KERNEL_ACCOUNT);
	if (ret)
		return ret;

	write_lock(&gpu->notifier_lock);
	if (mmu_interval_read_retry(&u->notifier, seq)) {
		ret = -EAGAIN;
	} else if (!p->chunk[i].nruns) {
		if (!u->obj.read_only)
			mark_dirty(pfns, n);
		WRITE_ONCE(p->nseen, max(p->nseen, i + 1));
		sg_chunk_install(&p->chunk[i], &found);
		found.nruns = 0;
	} else if (p->chunk[i].held) {		/* else another thread was faster */
		unheld = unhold_chunk(&p->chunk[i], &found);
		moved = !unheld;
		if (unheld && !u->obj.read_only)
			mark_dirty(pfns, n);
	}
	write_unlock(&gpu->notifier_lock);

	if (unheld)
		unhold_frames(u, i, &found);
	sg_chunk_free(&found);
	if (moved) {
		ret = sg_object_wait(&u->obj, true, true, MAX_SCHEDULE_TIMEOUT);
		if (!ret) {
			drop_held(u);
			ret = -EAGAIN;
		}
	}
	return ret;
}

static int acquire_once(struct sg_userptr *u, struct acquire *a)
{
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	struct sg_pages *p = &u->obj.pages;
	unsigned long seq = mmu_interval_read_begin(&u->notifier);
	unsigned int i;
	int ret = 0;

	for (i = 0; i < p->nchunks; i++) {
		if (READ_ONCE(p->chunk[i].nruns) && !READ_ONCE(p->chunk[i].held))
			continue;
		ret = acquire_chunk(u, i, seq, a);
		if (ret)
			return ret;
		cond_resched();
	}

	write_lock(&gpu->notifier_lock);
	if (mmu_interval_read_retry(&u->notifier, seq))
		ret = -EAGAIN;
	else
		u->seq = seq;
	write_unlock(&gpu->notifier_lock);
	return ret;
}

/* The list of chunks comes with the first use: an object that nobody uses is small. */
static int acquire_list(struct sg_userptr *u)
{
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	unsigned long first = sg_userptr_addr(u) >> PAGE_SHIFT;
	struct sg_pages pages;
	int ret;

	if (smp_load_acquire(&u->obj.pages.chunk))	/* pairs with the release below */
		return 0;
	ret = sg_pages_init(&pages, u->obj.base.size >> PAGE_SHIFT, first & SG_CHUNK_MASK);
	if (ret)
		return ret;

	write_lock(&gpu->notifier_lock);
	if (!u->obj.pages.chunk) {
		u->obj.pages.npages = pages.npages;
		u->obj.pages.skew = pages.skew;
		u->obj.pages.nchunks = pages.nchunks;
		u->obj.pages.nseen = 0;
		/* who looks without the lock sees the rest too: above, and sg_object_span() */
		smp_store_release(&u->obj.pages.chunk, pages.chunk);
		pages.chunk = NULL;
	}
	write_unlock(&gpu->notifier_lock);
	kvfree(pages.chunk);
	return 0;
}

static int userptr_acquire(struct sg_object *obj, struct sg_grip *grip)
{
	struct sg_userptr *u = to_sg_userptr(obj);
	struct sg_gpu *gpu = sg_object_gpu(obj);
	struct sg_grip mine = {};
	struct acquire a = {};
	unsigned int attempts = 0;
	int ret;

	grip = grip ?: &mine;

	if (READ_ONCE(u->seq) != SEQ_NEVER &&
	    !mmu_interval_check_retry(&u->notifier, READ_ONCE(u->seq))) {
		atomic64_inc(&gpu->stats.reuses);
		trace_userptr_reuse(u);
		return 0;
	}

	atomic64_inc(&gpu->stats.acquires);
	if (!mmget_not_zero(u->notifier.mm))
		return -EFAULT;
	ret = -ENOMEM;
	a.pfns = kcalloc(SG_CHUNK_PAGES, sizeof(*a.pfns), GFP_KERNEL);
	if (!a.pfns)
		goto put_mm;
	ret = acquire_list(u);
	if (ret)
		goto free_pfns;
	if (grip->found)
		sg_grip_vain(grip, u);
	while ((ret = acquire_once(u, &a)) == -EAGAIN) {
		/* no signal ends a worker of ours; whoever it works for asks again */
		if (current->flags & PF_KTHREAD && ++attempts == WORKER_ATTEMPTS)
			break;
		atomic64_inc(&gpu->stats.retries);
		trace_userptr_retry(u);
		sg_grip_vain(grip, u);
	}
	atomic64_add(a.pages, &gpu->stats.faults);
	atomic64_add(a.faults, &gpu->stats.faulted);
	trace_userptr_acquire(u, a.pages, a.faults, ret);
	grip->found = !ret;
	sg_grip_drop(&mine);
free_pfns:
	kfree(a.pfns);
put_mm:
	mmput(u->notifier.mm);
	return ret;
}

static bool userptr_ready(struct sg_object *obj)
{
	struct sg_userptr *u = to_sg_userptr(obj);

	if (u->seq != SEQ_NEVER && !mmu_interval_read_retry(&u->notifier, u->seq))
		return true;
	trace_userptr_retry(u);
	return false;
}

static void userptr_release(struct sg_object *obj)
{
	struct sg_userptr *u = to_sg_userptr(obj);

	mmu_interval_notifier_remove(&u->notifier);
	drop_held(u);
	sg_pages_fini(&obj->pages);
	sg_userptr_export_fini(u);
	sg_owner_put(&u->owner);
}

static void userptr_free(struct sg_object *obj)
{
	kmem_cache_free(userptr_cache, to_sg_userptr(obj));
}

static const struct sg_object_ops userptr_ops = {
	.acquire = userptr_acquire,
	.ready = userptr_ready,
	.release = userptr_release,
	.free = userptr_free,
	/* an invalidation of the process's may be under way */
	.release_waits = true,
};

/**
 * sg_object_is_userptr() - whether an object is one of user pages.
 * @obj: the object
 */
bool sg_object_is_userptr(const struct sg_object *obj)
{
	return obj->ops == &userptr_ops;
}

/* The first of the chunks from @first to before @end that is there, or @end. */
static unsigned int next_present(const struct sg_pages *p, unsigned int first, unsigned int end)
{
	while (first < end && !READ_ONCE(p->chunk[first].nruns))
		first++;
	return first;
}

/*
 * Take the chunks from @first to before @end away. Nobody installs one meanwhile: the sequence
 * stays odd until the invalidation ends. The revoke lock is held for writing; if @may_wait, the
 * engines are let in now and then. What they can still reach then is what is still to be taken.
 */
static void take_chunks(struct sg_userptr *u, unsigned int first, unsigned int end, bool may_wait)
{
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	struct sg_pages *p = &u->obj.pages;
	unsigned int i, taken = 0;

	for (i = next_present(p, first, end); i < end; i = next_present(p, i + 1, end)) {
		struct sg_chunk was;

		/* another invalidation may be about to hold it */
		write_lock(&gpu->notifier_lock);
		was = sg_chunk_take(&p->chunk[i]);
		write_unlock(&gpu->notifier_lock);
		if (was.held)
			release_held(u, i, &was);
		sg_chunk_free(&was);
		if (may_wait && ++taken % CHUNKS_AT_ONCE == 0)
			sg_object_revoke_pause(&u->obj);
	}
}

/*
 * The process's mapping is about to change. Called under any of the mm's locks, and in reclaim:
 * takes the notifier lock and the revoke lock, waits for fences without a reservation, and
 * allocates nothing. Until it returns the pages stay as they are.
 */
static bool userptr_invalidate(struct mmu_interval_notifier *notifier,
			       const struct mmu_notifier_range *range, unsigned long cur_seq)
{
	struct sg_userptr *u = container_of(notifier, struct sg_userptr, notifier);
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	struct dma_resv *resv = u->obj.base.resv;
	struct sg_pages *p = &u->obj.pages;
	unsigned long start = max(range->start, sg_userptr_addr(u));
	unsigned long last = min(range->end - 1, u->notifier.interval_tree.last);
	bool may_wait = mmu_notifier_range_blockable(range), present, held = false;
	enum sg_tell tell = SG_TELL_NOBODY;
	unsigned int first = 0, end = 0;
	u64 waited = 0;

	write_lock(&gpu->notifier_lock);
	mmu_interval_set_seq(notifier, cur_seq);
	if (p->chunk) {
		first = sg_pages_chunk(p, (start - sg_userptr_addr(u)) >> PAGE_SHIFT);
		end = sg_pages_chunk(p, (last - sg_userptr_addr(u)) >> PAGE_SHIFT) + 1;
		/* a range may be a thousand times as large as what was ever there of it */
		end = min(end, p->nseen);
	}
	write_unlock(&gpu->notifier_lock);
	/* from here on nothing is added: not a chunk, nor a request that uses them */
	first = next_present(p, first, end);
	present = first < end;
	if (present && range->event == MMU_NOTIFY_CLEAR &&
	    !dma_resv_test_signaled(resv, DMA_RESV_USAGE_BOOKKEEP))
		held = hold_chunks(u, first, end);
	if (present) {
		write_lock(&gpu->notifier_lock);
		tell = sg_userptr_tell_prepare(u, may_wait);
		write_unlock(&gpu->notifier_lock);
	}
	sg_userptr_tell(u, tell);
	atomic64_inc(&gpu->stats.invalidations);
	if (held)
		atomic64_inc(&gpu->stats.holds);
	if (!present || held)
		goto done;

	waited = ktime_get_ns();
	if (!sg_object_revoke_begin(&u->obj, may_wait))
		return false;
	take_chunks(u, first, end, may_wait);
	sg_object_revoke_end(&u->obj);
	waited = ktime_get_ns() - waited;
	atomic64_add(waited, &gpu->stats.waited_ns);
	trace_userptr_revoke(u, start, last + 1);
done:
	trace_userptr_invalidate(u, range, held, waited);
	return true;
}

static const struct mmu_interval_notifier_ops userptr_notifier_ops = {
	.invalidate = userptr_invalidate,
};

/**
 * sg_userptr_create() - make an object of a range of the current process's memory.
 * @dev: the node
 * @addr: where the range begins, page aligned
 * @size: its bytes, a multiple of the page size, not 0; the end does not wrap
 * @read_only: the GPU is only going to read
 *
 * Nothing is looked up yet, and the range need not be mapped.
 *
 * Context: may sleep; takes mmap_lock.
 * Return: the object, with one reference; -ENOMEM, -EOVERFLOW, -EINTR.
 */
struct sg_object *sg_userptr_create(struct drm_device *dev, unsigned long addr, u64 size,
				    bool read_only)
{
	struct sg_userptr *u = kmem_cache_zalloc(userptr_cache, GFP_KERNEL);
	int ret;

	if (!u)
		return ERR_PTR(-ENOMEM);
	drm_gem_private_object_init(dev, &u->obj.base, size);
	u->obj.read_only = read_only;
	u->seq = SEQ_NEVER;
	INIT_WORK(&u->drop_work, drop_work);
	sg_owner_get(&u->owner);
	sg_userptr_export_init(u);
	ret = mmu_interval_notifier_insert(&u->notifier, current->mm, addr, size,
					   &userptr_notifier_ops);
	if (ret) {
		sg_userptr_export_fini(u);
		sg_owner_put(&u->owner);
		drm_gem_object_release(&u->obj.base);
		userptr_free(&u->obj);
		return ERR_PTR(ret);
	}
	sg_object_init(&u->obj, &userptr_ops);
	return &u->obj;
}
