// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The life of a buffer object.
 *
 * Handles, mappings, dma-bufs and submissions that are being put together hold references.
 * Requests do not: when the last reference goes, the object stays as it is, reachable for the GPU,
 * until the fences in its reservation have signalled; the last of them has a worker end it. So the
 * object costs a submission nothing, and ends on a thread where it may wait for a notifier and for
 * other objects' address spaces.
 */
#include <linux/dma-resv.h>
#include <linux/wait_bit.h>

#include "aperture.h"
#include "gpu.h"
#include "mmap.h"
#include "object.h"
#include "prime.h"
#include "request.h"
#include "shadow.h"
#include "shrink.h"
#include "space.h"

/**
 * sg_object_queue() - queue work that uses an object, and drops the reference that it comes with.
 * @obj: the object; for one at its end nothing happens
 * @wq: the device's free_wq, or wait_wq
 * @work: the work; if it is queued already, that is enough
 *
 * Context: any.
 */
void sg_object_queue(struct sg_object *obj, struct workqueue_struct *wq, struct work_struct *work)
{
	if (kref_get_unless_zero(&obj->base.refcount) && !queue_work(wq, work))
		sg_object_put(obj);
}

/*
 * Whether the work behind a fence, which somebody has put into an object's reservation, can reach
 * the object: that of our requests that do has its address. A reservation can be shared with other
 * objects, and any process can put any fence into that of a dma-buf. Where other nodes' requests
 * use the object through objects of their own, all are taken for such.
 */
static bool reaches(struct sg_object *obj, const struct sg_request *rq)
{
	return obj->base.dev != &rq->gpu->node.drm || sg_binding_exists(obj, rq->space);
}

/**
 * sg_object_call_back() - have something done once the GPU is done with an object.
 * @obj: the object
 * @cb: for the callback
 * @func: called in any context when one of the object's fences has signalled: ask again then, there
 *	may be others. Has to drop the reference to the fence.
 *
 * For an import only work that uses it through this object counts: the rest is the exporter's.
 *
 * Context: process context; takes the object's bind_lock.
 * Return: whether @func is called, or was, and the object may be gone; else it is idle.
 */
bool sg_object_call_back(struct sg_object *obj, struct dma_fence_cb *cb, dma_fence_func_t func)
{
	bool busy = false, import = sg_object_is_import(obj);
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_iter_begin(&cursor, obj->base.resv, DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		if (import) {
			struct sg_request *rq = sg_fence_to_request(sg_object_gpu(obj), fence);

			if (!rq || !sg_binding_exists(obj, rq->space))
				continue;
		}
		dma_fence_get(fence);
		busy = !dma_fence_add_callback(fence, cb, func);
		if (busy)
			break;
		dma_fence_put(fence);
	}
	dma_resv_iter_end(&cursor);	/* does not look at the reservation */
	return busy;
}

static void sg_object_free_work(struct work_struct *work);

static void queue_free(struct sg_object *obj)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);

	queue_work(obj->ops->release_waits ? gpu->wait_wq : gpu->free_wq, &obj->free_work);
}

/* The work and the callback take turns in the same memory. */
static void free_again(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	struct sg_object *obj = container_of(cb, struct sg_object, free_cb);

	INIT_WORK(&obj->free_work, sg_object_free_work);
	queue_free(obj);
	dma_fence_put(fence);
}

static void sg_object_free_work(struct work_struct *work)
{
	struct sg_object *obj = container_of(work, struct sg_object, free_work);
	struct sg_gpu *gpu = sg_object_gpu(obj);
	struct sg_node *node = to_sg_node(obj->base.dev);

	/* it is a client that says how long that takes: no worker may wait for it */
	if (sg_object_call_back(obj, &obj->free_cb, free_again))
		return;
	sg_bindings_destroy(obj);
	sg_shrink_remove(obj, sg_object_pages(obj));
	sg_aperture_unbind(obj);
	sg_shadow_fini(obj);
	if (obj->have_pages && obj->ops->put_pages)
		obj->ops->put_pages(obj);
	obj->ops->release(obj);
	sg_mmap_release(obj);
	atomic_long_dec(&gpu->objects);
	atomic64_sub(obj->base.size, &gpu->object_bytes);
	drm_gem_object_release(&obj->base);
	if (obj->ops->free)
		obj->ops->free(obj);
	else
		kfree(obj);
	atomic_inc(&gpu->gone);
	atomic_dec(&gpu->going);
	wake_up_all(&gpu->gone_wq);
	/* the node may go from here on: its address is no more than a name */
	if (atomic_dec_and_test(&node->objects))
		wake_up_var(&node->objects);
}

/**
 * sg_object_free() - the last reference is gone.
 * @gem: the object
 *
 * Context: any that may take a mutex; mmap_lock and reservations of other objects may be held.
 */
void sg_object_free(struct drm_gem_object *gem)
{
	struct sg_object *obj = to_sg_object(gem);

	if (obj->ops->unused)
		obj->ops->unused(obj);
	atomic_inc(&sg_object_gpu(obj)->going);
	queue_free(obj);
}

/**
 * sg_object_init() - fill in what all kinds have in common; nothing can fail any more.
 * @obj: zeroed, but for @obj->base, which drm_gem_object_init() or its like has initialized
 * @ops: the kind
 */
void sg_object_init(struct sg_object *obj, const struct sg_object_ops *ops)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);

	obj->base.funcs = &sg_object_funcs;
	obj->ops = ops;
	obj->cpu_cached = true;
	spin_lock_init(&obj->bind_lock);
	obj->bindings = RB_ROOT;
	spin_lock_init(&obj->mmap_lock);
	INIT_LIST_HEAD(&obj->offsets);
	INIT_LIST_HEAD(&obj->views);
	INIT_WORK(&obj->free_work, sg_object_free_work);
	INIT_LIST_HEAD(&obj->shrink_link);
	atomic_set(&obj->pages_pin, 0);
	atomic_inc(&to_sg_node(obj->base.dev)->objects);
	atomic_long_inc(&gpu->objects);
	atomic64_add(obj->base.size, &gpu->object_bytes);
}

/**
 * sg_object_get_pages() - make sure that the object has its memory.
 * @obj: the object
 *
 * Context: reservation held; may allocate.
 * Return: 0; -EFAULT if it was purged, or may be; -EAGAIN if the shrinker took it since it was
 * acquired, which is to be done again; -ENOMEM and what the backing store says.
 */
int sg_object_get_pages(struct sg_object *obj)
{
	unsigned long before;
	int ret;

	dma_resv_assert_held(obj->base.resv);
	obj = sg_object_memory(obj);
	if (!obj->ops->get_pages)
		return obj->ops->put_pages && !obj->have_pages ? -EAGAIN : 0;
	/*
	 * what is not needed may go at any time: it is not to be relied upon, even if
	 * it is there
	 */
	if (obj->madv != SG_MADV_WILLNEED)
		return -EFAULT;
	if (obj->have_pages == SG_ALL_PAGES)
		return 0;
	before = sg_object_pages(obj);
	ret = obj->ops->get_pages(obj);
	if (!ret)
		smp_store_release(&obj->have_pages, SG_ALL_PAGES); /* pairs with sg_object_span() */
	if (obj->ops->put_pages)
		sg_shrink_add(obj, sg_object_pages(obj) - before);
	return ret;
}

/**
 * sg_object_get_range() - make sure that the object has a part of its memory.
 * @obj: the object
 * @start: the part's first byte
 * @end: its end
 *
 * For who looks at a part only; what the GPU or other devices are to see is there as a whole.
 *
 * Context: as sg_object_get_pages().
 * Return: likewise.
 */
int sg_object_get_range(struct sg_object *obj, u64 start, u64 end)
{
	unsigned long before;
	int ret;

	obj = sg_object_memory(obj);
	if (!obj->ops->get_range || obj->have_pages == SG_ALL_PAGES ||
	    end - start == obj->base.size)
		return sg_object_get_pages(obj);
	dma_resv_assert_held(obj->base.resv);
	if (obj->madv != SG_MADV_WILLNEED)
		return -EFAULT;
	before = sg_object_pages(obj);
	ret = obj->ops->get_range(obj, start, end);
	if (!ret && !obj->have_pages) {
		/* pairs with sg_object_span() */
		smp_store_release(&obj->have_pages, SG_SOME_PAGES);
	}
	sg_shrink_add(obj, sg_object_pages(obj) - before);
	return ret;
}

/**
 * sg_object_pages() - how many pages of what put_pages() gives back there are.
 * @obj: the object
 *
 * Context: reservation held; or the revoke lock for reading, and then it is a moment's look.
 */
unsigned long sg_object_pages(const struct sg_object *obj)
{
	switch (smp_load_acquire(&obj->have_pages)) {	/* pairs with those who store it */
	case SG_NO_PAGES:
		return 0;
	case SG_ALL_PAGES:
		return obj->base.size >> PAGE_SHIFT;
	default:
		return sg_pages_present(&obj->pages);
	}
}

/* Forget the contents if nobody needs them. The reservation is held, and there are no pages. */
static void purge_unneeded(struct sg_object *obj)
{
	if (obj->madv != SG_MADV_DONTNEED || !obj->ops->purge)
		return;
	obj->madv = SG_MADV_PURGED;
	obj->ops->purge(obj);
}

/**
 * sg_object_put_pages() - take the memory away from everybody and give it back.
 * @obj: the object; idle, and not pinned
 *
 * Context: reservation held. Takes the revoke lock. Allocates nothing: the shrinker calls this.
 */
void sg_object_put_pages(struct sg_object *obj)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);
	unsigned long pages;

	dma_resv_assert_held(obj->base.resv);
	if (!obj->have_pages)
		return;
	sg_shadow_flush(obj);
	sg_mmap_revoke(obj);
	down_write(&gpu->revoke);
	gpu->revoke_seq++;
	pages = sg_object_pages(obj);
	obj->have_pages = SG_NO_PAGES;
	up_write(&gpu->revoke);
	sg_shrink_remove(obj, pages);
	obj->ops->put_pages(obj);
	purge_unneeded(obj);
}

/**
 * sg_object_madvise() - say whether the contents are needed.
 * @obj: the object
 * @madv: SG_MADV_WILLNEED or SG_MADV_DONTNEED
 *
 * What is not needed goes when the shrinker comes for its pages. If it has none to come for, the
 * contents are in the page cache or in swap only, where nothing would ever end them: they go now.
 *
 * Context: reservation held.
 * Return: whether the contents are still there.
 */
bool sg_object_madvise(struct sg_object *obj, enum sg_madv madv)
{
	dma_resv_assert_held(obj->base.resv);
	if (obj->madv == SG_MADV_PURGED)
		return false;
	obj->madv = madv;
	if (!obj->have_pages)
		purge_unneeded(obj);
	return obj->madv != SG_MADV_PURGED;
}

/**
 * sg_object_pin_pages() - keep the memory where it is until sg_object_unpin_pages().
 * @obj: the object; not one of user pages that are merely tracked
 *
 * Context: reservation held.
 * Return: 0 or as sg_object_get_pages().
 */
int sg_object_pin_pages(struct sg_object *obj)
{
	int ret = sg_object_get_pages(obj);

	if (!ret)
		atomic_inc(&obj->pages_pin);
	return ret;
}

/** sg_object_unpin_pages() - end what sg_object_pin_pages() began; any context. */
void sg_object_unpin_pages(struct sg_object *obj)
{
	atomic_dec(&obj->pages_pin);
}

/*
 * So many times as long as it may run the kernel waits for a request, from its submission on, where
 * a process changes its memory. There may be any number in front of it, and it may be the writeback
 * of a disk that waits, or the end of a process that was killed.
 */
#define REVOKE_FACTOR	3

/*
 * Wait for those who use an object of which nothing new can be used; what has been submitted too
 * long ago does not run any more. It does not take longer than one request may, whoever puts what
 * into the reservation meanwhile. A request that was submitted since does not use it, but its fence
 * may have been put in the place of an earlier one of its ring.
 */
static void wait_or_cancel(struct sg_object *obj)
{
	unsigned long begin = jiffies;
	struct sg_gpu *gpu = sg_object_gpu(obj);
	unsigned int ms = REVOKE_FACTOR * min(READ_ONCE(gpu->params.request_timeout_ms),
					      UINT_MAX / REVOKE_FACTOR);
	unsigned long timeout = ms ? msecs_to_jiffies(ms) : MAX_SCHEDULE_TIMEOUT / 2;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;

	dma_resv_iter_begin(&cursor, obj->base.resv, DMA_RESV_USAGE_BOOKKEEP);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		struct sg_request *rq = sg_fence_to_request(gpu, fence);
		unsigned long since = rq ? READ_ONCE(rq->submitted) : begin;
		long left = (time_before(since, begin) ? since : begin) + timeout - jiffies;

		if (rq && !reaches(obj, rq))
			continue;
		if (left > 0 && dma_fence_wait_timeout(fence, false, left) > 0)
			continue;
		if (rq)
			sg_request_cancel(rq);
	}
	dma_resv_iter_end(&cursor);
}

/**
 * sg_object_revoke_begin() - wait until the GPU is done with an object, and keep it from going on.
 * @obj: the object, whose memory is going to be taken away; no new request is let near it
 * @may_wait: or else: only if that is so already
 *
 * A request that was submitted three times as long ago as it may run is not waited for: it ends
 * with -EIO.
 *
 * Context: that of a notifier's callback: no reservation, no allocation. Takes the revoke lock.
 * Return: whether sg_object_revoke_end() has to follow; false only if not @may_wait.
 */
bool sg_object_revoke_begin(struct sg_object *obj, bool may_wait)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);
	struct dma_resv *resv = obj->base.resv;

	if (may_wait) {
		wait_or_cancel(obj);
		down_write(&gpu->revoke);
	} else {
		if (!dma_resv_test_signaled(resv, DMA_RESV_USAGE_BOOKKEEP) ||
		    !down_write_trylock(&gpu->revoke))
			return false;
	}
	gpu->revoke_seq++;
	return true;
}

/**
 * sg_object_revoke_pause() - let the engines in for a moment.
 * @obj: the object, some of whose memory is still to be taken away
 *
 * Context: between sg_object_revoke_begin() and sg_object_revoke_end(); may sleep.
 */
void sg_object_revoke_pause(struct sg_object *obj)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);

	up_write(&gpu->revoke);
	cond_resched();
	down_write(&gpu->revoke);
	/* they may have looked up again what goes next */
	gpu->revoke_seq++;
}

/** sg_object_revoke_end() - the memory is out of reach: the engines go on. */
void sg_object_revoke_end(struct sg_object *obj)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);

	up_write(&gpu->revoke);
	atomic64_inc(&gpu->stats.revokes);
}

/**
 * sg_object_publish() - give a new object to the process that asked for it.
 * @obj: the object; the caller's reference goes
 * @file: whose handle it gets
 * @handle: the handle
 *
 * Return: 0, or what drm_gem_handle_create() says: then the object is gone.
 */
int sg_object_publish(struct sg_object *obj, struct drm_file *file, u32 *handle)
{
	int ret = drm_gem_handle_create(file, &obj->base, handle);

	sg_object_put(obj);
	return ret;
}

/**
 * sg_object_wait() - wait until the GPU is done with an object.
 * @obj: the object
 * @write: the caller is going to write: wait for readers too
 * @interruptible: whether a signal ends the wait
 * @timeout: in jiffies
 *
 * Context: no lock that a fence's signalling needs.
 * Return: 0, -ETIME, or -ERESTARTSYS.
 */
int sg_object_wait(struct sg_object *obj, bool write, bool interruptible, long timeout)
{
	long ret = dma_resv_wait_timeout(obj->base.resv, dma_resv_usage_rw(write), interruptible,
					 timeout);

	return ret > 0 ? 0 : ret < 0 ? ret : -ETIME;
}

/**
 * sg_object_span() - the bytes at an offset, as far as they are contiguous.
 * @obj: the object
 * @offset: bytes, below its size
 * @len: in: bytes wanted; out: bytes had
 *
 * Context: the pages are pinned, or the revoke lock is held for reading.
 * Return: their address, or NULL if the memory is not there (now).
 */
void *sg_object_span(const struct sg_object *obj, u64 offset, size_t *len)
{
	unsigned long n;
	u64 pfn;

	if (obj->behind)
		obj = obj->behind;
	/* pairs with sg_object_get_pages() and those who acquire */
	if ((obj->ops->get_pages || obj->ops->put_pages) && !smp_load_acquire(&obj->have_pages))
		return NULL;
	if (obj->vaddr) {
		*len = min_t(u64, *len, obj->base.size - offset);
		return obj->vaddr + offset;
	}
	if (!smp_load_acquire(&obj->pages.chunk))	/* pairs with those who acquire */
		return NULL;
	n = sg_pages_lookup(&obj->pages, offset >> PAGE_SHIFT, &pfn);
	if (!n)
		return NULL;
	*len = min_t(u64, *len, ((u64)n << PAGE_SHIFT) - offset_in_page(offset));
	return page_address(pfn_to_page(pfn)) + offset_in_page(offset);
}

/* A file closes a handle. */
static void object_close(struct drm_gem_object *gem, struct drm_file *file)
{
	sg_mmap_forget(gem, file);
	/* if there is nobody else, all of it goes presently; all handles hold one reference */
	if (kref_read(&gem->refcount) > 1 || READ_ONCE(gem->handle_count) > 1)
		sg_bindings_close(to_sg_object(gem), file);
}

const struct drm_gem_object_funcs sg_object_funcs = {
	.free = sg_object_free,
	.close = object_close,
	.export = sg_prime_export,
};
