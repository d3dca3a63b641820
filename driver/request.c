// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The life of a request: created and given its waits while submission may still fail; its fence
 * initialized and published; queued; made ready by the last fence that it waited for; executed and
 * completed by an engine (engine.c).
 *
 * From the publication of the fence until it signals nothing is allocated, no reservation and no
 * mmap_lock is taken: others, the kernel's reclaim among them, wait for it.
 */
#include <linux/dma-fence-unwrap.h>
#include <linux/hash.h>
#include <linux/module.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "context.h"
#include "gpu.h"
#include "request.h"

static const char *fence_driver_name(struct dma_fence *fence)
{
	return "i915";
}

static const char *fence_timeline_name(struct dma_fence *fence)
{
	/* the ring may be gone when somebody asks after a fence that has signalled */
	return "softgem";
}

static void fence_free(struct rcu_head *rcu)
{
	struct dma_fence *fence = container_of(rcu, struct dma_fence, rcu);

	kfree(container_of(fence, struct sg_request, fence));
	/* sg_exit() waits until this has returned */
	module_put(THIS_MODULE);
}

/* Others may still look at it, under RCU. */
static void fence_release(struct dma_fence *fence)
{
	call_rcu(&fence->rcu, fence_free);
}

static const struct dma_fence_ops request_fence_ops = {
	.get_driver_name = fence_driver_name,
	.get_timeline_name = fence_timeline_name,
	.release = fence_release,
};

/**
 * sg_fence_to_request() - the request behind a fence.
 * @gpu: the device
 * @fence: any fence
 *
 * Return: the request, or NULL if the fence is somebody else's: also if that is a device of ours
 * that was unbound, of which fences are all that is left.
 */
struct sg_request *sg_fence_to_request(const struct sg_gpu *gpu, struct dma_fence *fence)
{
	struct sg_request *rq = container_of(fence, struct sg_request, fence);

	return fence->ops == &request_fence_ops && rq->gpu == gpu ? rq : NULL;
}

/**
 * sg_request_create() - make a request.
 * @ring: where it shall run
 *
 * Context: may sleep.
 * Return: the request, to be ended by sg_request_discard() or sg_request_queue(); -ENOMEM.
 */
struct sg_request *sg_request_create(struct sg_ring *ring)
{
	struct sg_request *rq = kzalloc(sizeof(*rq), GFP_KERNEL_ACCOUNT);

	if (!rq)
		return ERR_PTR(-ENOMEM);
	spin_lock_init(&rq->lock);
	rq->gpu = ring->engine->gpu;
	rq->ring = ring;
	rq->space = ring->ctx->space;
	rq->engine_class = ring->engine->class;
	rq->priority = READ_ONCE(ring->ctx->priority);
	INIT_LIST_HEAD(&rq->link);
	INIT_LIST_HEAD(&rq->gpu_link);
	INIT_LIST_HEAD(&rq->raise_link);
	INIT_LIST_HEAD(&rq->capture_link);
	INIT_LIST_HEAD(&rq->start_waits);
	atomic_set(&rq->pending, 1);
	sg_context_get(ring->ctx);
	return rq;
}

static void drop_waits(struct sg_wait *waits, unsigned int n)
{
	while (n--) {
		dma_fence_put(waits[n].fence);
		if (n % 1024 == 0)
			cond_resched();
	}
}

/**
 * sg_request_discard() - give up a request that was not published.
 * @rq: the request
 *
 * Whoever was shown its fence already sees it end with -ECANCELED.
 *
 * Context: the timeline's lock is held if the fence was initialized.
 */
void sg_request_discard(struct sg_request *rq)
{
	struct sg_context *ctx = rq->ring->ctx;

	drop_waits(rq->waits, rq->nwaits);
	kvfree(rq->waits);
	kvfree(rq->wait_table);
	kvfree(rq->captures);
	if (rq->fence.ops) {
		rq->ring->timeline->seqno--;
		dma_fence_set_error(&rq->fence, -ECANCELED);
		dma_fence_signal(&rq->fence);
		dma_fence_put(&rq->fence);
	} else {
		kfree(rq);
	}
	sg_context_put(ctx);
}

/* It has signalled, or is before it in its own ring, and so comes first in any case. */
static bool comes_first(const struct sg_request *rq, struct dma_fence *fence)
{
	struct sg_request *other = sg_fence_to_request(rq->gpu, fence);

	return dma_fence_is_signaled(fence) || (other && other->ring == rq->ring);
}

/* So many waits are looked through one by one; of more there is a table. */
#define FEW_WAITS	8u

/* Where to look for a fence: one of ours by its timeline, of which only the latest counts. */
static u32 wait_hash(const struct sg_request *rq, struct dma_fence *fence)
{
	return sg_fence_to_request(rq->gpu, fence) ? hash_64(fence->context, 32) :
						     hash_64((unsigned long)fence, 32);
}

/* Whether an entry is for a fence, or for an earlier or later one of the same timeline. */
static bool is_wait_for(const struct sg_request *rq, const struct sg_wait *wait,
			struct dma_fence *fence)
{
	return !wait->until_start &&
	       (wait->fence == fence || (sg_fence_to_request(rq->gpu, fence) &&
					 wait->fence->context == fence->context));
}

/* The place in the table where the entry for a fence is, or is to go. */
static u32 *wait_slot(struct sg_request *rq, struct dma_fence *fence)
{
	u32 mask = 2 * rq->room - 1, i = wait_hash(rq, fence);

	while (rq->wait_table[i & mask] &&
	       !is_wait_for(rq, &rq->waits[rq->wait_table[i & mask] - 1], fence))
		i++;
	return &rq->wait_table[i & mask];
}

static struct sg_wait *find_wait(struct sg_request *rq, struct dma_fence *fence)
{
	unsigned int i;

	if (rq->wait_table) {
		i = *wait_slot(rq, fence);
		return i ? &rq->waits[i - 1] : NULL;
	}
	for (i = 0; i < rq->nwaits; i++)
		if (is_wait_for(rq, &rq->waits[i], fence))
			return &rq->waits[i];
	return NULL;
}

/* Room for twice as many waits. */
static int grow_waits(struct sg_request *rq)
{
	const gfp_t gfp = GFP_KERNEL_ACCOUNT | __GFP_NOWARN;
	unsigned int i, room = max(FEW_WAITS, 2 * rq->room);
	struct sg_wait *waits = kvmalloc_array(room, sizeof(*waits), gfp);
	u32 *table = room > FEW_WAITS ? kvcalloc(room, 2 * sizeof(*table), gfp) : NULL;

	if (!waits || (room > FEW_WAITS && !table)) {
		kvfree(waits);
		kvfree(table);
		return -ENOMEM;
	}
	if (rq->nwaits)
		memcpy(waits, rq->waits, rq->nwaits * sizeof(*waits));
	kvfree(rq->waits);
	kvfree(rq->wait_table);
	rq->waits = waits;
	rq->wait_table = table;
	rq->room = room;
	for (i = 0; table && i < rq->nwaits; i++)
		if (!waits[i].until_start)
			*wait_slot(rq, waits[i].fence) = i + 1;
	return 0;
}

static int add_wait(struct sg_request *rq, struct dma_fence *fence, bool until_start)
{
	struct sg_wait *wait;
	int ret;

	if (comes_first(rq, fence))
		return 0;
	/* of others' work there is nothing to be seen but its end */
	until_start = until_start && sg_fence_to_request(rq->gpu, fence);
	wait = until_start ? NULL : find_wait(rq, fence);
	if (wait) {
		if (wait->fence != fence && dma_fence_is_later(fence, wait->fence)) {
			dma_fence_put(wait->fence);
			wait->fence = dma_fence_get(fence);
		}
		return 0;
	}
	if (rq->nwaits == rq->room) {
		ret = grow_waits(rq);
		if (ret)
			return ret;
	}
	wait = &rq->waits[rq->nwaits++];
	wait->fence = dma_fence_get(fence);
	wait->until_start = until_start;
	wait->request = rq;
	if (rq->wait_table && !until_start)
		*wait_slot(rq, fence) = rq->nwaits;
	return 0;
}

/* So many fences are looked at before others get a chance to run. */
#define AT_A_TIME	1024u

/**
 * sg_request_wait_for() - have a request wait for a fence.
 * @rq: the request, not published yet
 * @fence: the fence, taken apart if it is a container; NULL is fine
 * @until_start: wait only until the work behind it has begun to run
 *
 * Context: may allocate.
 * Return: 0 or -ENOMEM; -EINTR: the process is being killed.
 */
int sg_request_wait_for(struct sg_request *rq, struct dma_fence *fence, bool until_start)
{
	struct dma_fence_unwrap iter;
	unsigned int n = 0;
	struct dma_fence *f;
	int ret = 0;

	/* as most do: it need not be taken apart */
	if (!fence || comes_first(rq, fence))
		return 0;
	dma_fence_unwrap_for_each(f, &iter, fence) {
		ret = add_wait(rq, f, until_start);
		if (!ret && ++n % AT_A_TIME == 0) {
			cond_resched();
			ret = fatal_signal_pending(current) ? -EINTR : 0;
		}
		if (ret) {
			/* where the walk has come to */
			dma_fence_put(iter.chain);
			break;
		}
	}
	return ret;
}

/**
 * sg_request_init_fence() - make the fence, so that it can be published.
 * @rq: the request
 *
 * Context: the timeline's lock is held until after sg_request_queue(): what is published first
 * runs first.
 */
void sg_request_init_fence(struct sg_request *rq)
{
	struct sg_timeline *timeline = rq->ring->timeline;

	lockdep_assert_held(&timeline->lock);
	/*
	 * It may outlive all files and mappings, in a file of its own or in another driver's
	 * buffer, and whoever has it calls its operations.
	 */
	__module_get(THIS_MODULE);
	/* who sees the fence asks how old it is */
	rq->submitted = jiffies;
	dma_fence_init(&rq->fence, &request_fence_ops, &rq->lock, timeline->fence_context,
		       ++timeline->seqno);
}

/*
 * So much is looked at to raise what a request waits for; what is behind it in a web of many
 * thousands keeps its own priority. Interrupts are off meanwhile.
 */
#define RAISE_MAX	(1u << 14)

/* Raise @rq, and what it waits for, to a priority. The sched_lock is held. */
static void raise(struct sg_request *rq, int priority)
{
	unsigned int i, looked = 0;
	LIST_HEAD(work);

	list_add(&rq->raise_link, &work);
	while ((rq = list_first_entry_or_null(&work, struct sg_request, raise_link))) {
		struct sg_ring *ring = rq->ring;
		struct sg_request *before = rq;

		list_del_init(&rq->raise_link);
		if (rq->priority >= priority || list_empty(&rq->link) || looked > RAISE_MAX)
			continue;
		rq->priority = priority;
		sg_engine_reprioritize(ring->engine, ring, priority);
		looked++;
		/* it cannot run before those in front of it */
		list_for_each_entry_continue_reverse(before, &ring->requests, link) {
			if (before->priority >= priority || looked++ > RAISE_MAX)
				break;
			if (list_empty(&before->raise_link))
				list_add_tail(&before->raise_link, &work);
		}
		for (i = 0; i < rq->nwaits && looked <= RAISE_MAX; i++, looked++) {
			struct sg_request *other = sg_fence_to_request(rq->gpu, rq->waits[i].fence);

			if (other && list_empty(&other->raise_link))
				list_add_tail(&other->raise_link, &work);
		}
	}
}

/* One thing less to wait for; the last one makes the request ready. */
static void one_less(struct sg_request *rq)
{
	struct sg_gpu *gpu = rq->gpu;
	unsigned long flags;

	/* once the lock is free the request may run, end, and be gone */
	if (!atomic_dec_and_lock_irqsave(&rq->pending, &gpu->sched_lock, flags))
		return;
	if (list_first_entry(&rq->ring->requests, struct sg_request, link) == rq)
		sg_engine_make_ready(rq->ring->engine, rq->ring);
	spin_unlock_irqrestore(&gpu->sched_lock, flags);
}

static void wait_is_over(struct dma_fence *fence, struct dma_fence_cb *cb)
{
	one_less(container_of(cb, struct sg_wait, cb)->request);
}

/* Those who gave us the fence had their time: the request goes on without them, and says so. */
static void give_up_waiting(struct timer_list *timer)
{
	struct sg_request *rq = from_timer(rq, timer, timer);
	unsigned int i;

	for (i = 0; i < rq->nwaits; i++) {
		struct sg_wait *w = &rq->waits[i];

		if (sg_fence_to_request(rq->gpu, w->fence) ||
		    !dma_fence_remove_callback(w->fence, &w->cb))
			continue;
		rq->overdue = true;
		one_less(rq);
	}
}

/* Returns false if the request behind the fence has already begun to run. */
static bool wait_for_start(struct sg_gpu *gpu, struct sg_wait *wait)
{
	struct sg_request *other = sg_fence_to_request(gpu, wait->fence);
	bool wait_for = false;

	spin_lock_irq(&gpu->sched_lock);
	if (!other->started) {
		list_add_tail(&wait->start_link, &other->start_waits);
		wait_for = true;
	}
	spin_unlock_irq(&gpu->sched_lock);
	return wait_for;
}

/**
 * sg_request_started() - a request begins to run, or has ended without.
 * @rq: the request
 *
 * Context: the engine's thread.
 */
void sg_request_started(struct sg_request *rq)
{
	struct sg_gpu *gpu = rq->ring->engine->gpu;
	struct sg_wait *wait, *next;
	LIST_HEAD(waits);

	spin_lock_irq(&gpu->sched_lock);
	rq->started = true;
	list_splice_init(&rq->start_waits, &waits);
	spin_unlock_irq(&gpu->sched_lock);
	/* each of them may be gone as soon as it has been told */
	list_for_each_entry_safe(wait, next, &waits, start_link)
		one_less(wait->request);
}

/**
 * sg_request_queue() - let a request run once its fences have signalled.
 * @rq: the request, its fence published; the reference is the engine's from now on
 *
 * Context: the timeline's lock is held. Cannot fail.
 */
void sg_request_queue(struct sg_request *rq)
{
	struct sg_gpu *gpu = rq->ring->engine->gpu;
	int priority = rq->priority;
	bool foreign = false;
	unsigned int i;

	if (rq->ring->timeline != &rq->ring->own) {
		dma_fence_put(rq->ring->timeline->last);
		rq->ring->timeline->last = dma_fence_get(&rq->fence);
	}
	timer_setup(&rq->timer, give_up_waiting, 0);
	for (i = 0; i < rq->nwaits; i++)
		foreign |= !sg_fence_to_request(rq->gpu, rq->waits[i].fence);
	spin_lock_irq(&gpu->sched_lock);
	list_add_tail(&rq->link, &rq->ring->requests);
	rq->ring->nrequests++;
	list_add_tail(&rq->gpu_link, &gpu->requests);
	/* what it waits for, and what is before it in its ring, becomes as important */
	rq->priority = INT_MIN;
	raise(rq, priority);
	spin_unlock_irq(&gpu->sched_lock);

	for (i = 0; i < rq->nwaits; i++) {
		atomic_inc(&rq->pending);
		if (rq->waits[i].until_start) {
			if (!wait_for_start(gpu, &rq->waits[i]))
				atomic_dec(&rq->pending);
			continue;
		}
		if (dma_fence_add_callback(rq->waits[i].fence, &rq->waits[i].cb, wait_is_over))
			atomic_dec(&rq->pending);
	}
	/* before the last count goes: afterwards the request may end at any time */
	if (foreign)
		mod_timer(&rq->timer, jiffies + SG_FOREIGN_FENCE_TIMEOUT);
	one_less(rq);
}

/**
 * sg_request_cancel() - a request is not to go on, nor are those before it in its ring.
 * @rq: the request; its fence may stand for theirs
 *
 * They end with -EIO when they have the engine, or would have it, next.
 *
 * Context: any; a reference to the fence is held.
 */
void sg_request_cancel(struct sg_request *rq)
{
	struct sg_gpu *gpu = rq->gpu;
	struct sg_request *before = rq;
	unsigned long flags;

	spin_lock_irqsave(&gpu->sched_lock, flags);
	WRITE_ONCE(rq->error, -EIO);
	if (!list_empty(&rq->link))
		list_for_each_entry_continue_reverse(before, &rq->ring->requests, link)
			WRITE_ONCE(before->error, -EIO);
	spin_unlock_irqrestore(&gpu->sched_lock, flags);
}

/**
 * sg_request_complete() - a request is over.
 * @rq: the request, no longer in its ring's list
 * @error: 0 or -errno for whoever looks at the fence
 *
 * Context: the engine's thread. The caller's reference is dropped.
 */
void sg_request_complete(struct sg_request *rq, int error)
{
	struct sg_gpu *gpu = rq->ring->engine->gpu;
	struct sg_context *ctx = rq->ring->ctx;
	struct sg_wait *waits;
	unsigned int n;

	del_timer_sync(&rq->timer);
	sg_request_started(rq);
	if (!error && rq->overdue)
		error = -ETIMEDOUT;
	if (error)
		dma_fence_set_error(&rq->fence, error);

	spin_lock_irq(&gpu->sched_lock);
	waits = rq->waits;
	n = rq->nwaits;
	rq->waits = NULL;
	rq->nwaits = 0;
	spin_unlock_irq(&gpu->sched_lock);

	atomic64_inc(&gpu->completed);
	dma_fence_signal(&rq->fence);
	drop_waits(waits, n);
	kvfree(waits);
	kvfree(rq->wait_table);
	kvfree(rq->captures);
	dma_fence_put(&rq->fence);
	sg_context_put(ctx);
}
