// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Submission: the one path from a list of objects to a request in a queue.
 *
 *	acquire user pages		no lock held: may fault, and sleep as user space likes
 *	lock all reservations		wound/wait: order does not matter, deadlocks back off
 *	get pages, bind			may allocate, evict, and wait for the GPU
 *	patch				the client's relocations
 *	collect fences			what others left in the reservations
 *	check the notifiers, publish	the point of no return
 *	queue
 *
 * Every step can back out whole. If user pages moved between the first step and the last but one,
 * everything begins again.
 */
#include <linux/dma-resv.h>
#include <linux/lockdep.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>

#include "context.h"
#include "gpu.h"
#include "grip.h"
#include "object.h"
#include "request.h"
#include "shadow.h"
#include "submit.h"

/* After so many attempts user space is asked to try again: it may have been told to stop. */
#define MAX_ATTEMPTS	64
/* lockdep counts 2047 locks that are held by one ticket; at one more it stops for good. */
#define LOCKDEP_LOCKS	2000
/* So long an address space is locked while objects are given addresses; and then again. */
#define LOCK_JIFFIES	1
/* So often an address space is left to others while something in the way is busy, or pinned. */
#define MAX_WAITS	16

static int submit_acquire(struct sg_submit *s)
{
	unsigned int i;
	int ret;

	for (i = 0; i < s->count; i++) {
		ret = sg_object_acquire(s->objects[i].obj, &s->objects[i].grip);
		if (ret)
			return ret;
	}
	return 0;
}

static void submit_let_go(struct sg_submit *s)
{
	unsigned int i;

	for (i = 0; i < s->count; i++)
		sg_grip_rest(&s->objects[i].grip);
}

/* lockdep sees as many as it can count; it does not matter to it which. */
static int lock_object(struct sg_submit *s, struct sg_object *obj)
{
	bool unseen = IS_ENABLED(CONFIG_LOCKDEP) && s->lockdep == LOCKDEP_LOCKS;
	int ret;

	if (unseen)
		lockdep_off();
	ret = dma_resv_lock_interruptible(obj->base.resv, &s->ww);
	if (unseen)
		lockdep_on();
	else if (!ret)
		s->lockdep++;
	return ret;
}

static int lock_object_slow(struct sg_submit *s, struct sg_object *obj)
{
	int ret = dma_resv_lock_slow_interruptible(obj->base.resv, &s->ww);

	if (!ret)
		s->lockdep++;
	return ret;
}

static void unlock_object(struct sg_submit *s, struct sg_object *obj)
{
	bool unseen = IS_ENABLED(CONFIG_LOCKDEP) && !s->lockdep;

	if (unseen)
		lockdep_off();
	dma_resv_unlock(obj->base.resv);
	if (unseen)
		lockdep_on();
	else
		s->lockdep--;
}

static void unlock_objects(struct sg_submit *s)
{
	while (s->locked) {
		struct sg_submit_object *o = &s->objects[--s->locked];

		if (!o->shared)
			unlock_object(s, o->obj);
	}
	if (s->ahead)
		unlock_object(s, s->ahead);
	s->ahead = NULL;
}

static void submit_unlock(struct sg_submit *s)
{
	unlock_objects(s);
	ww_acquire_fini(&s->ww);
}

/* Lock one object after the other. -EDEADLK: @wanted has to be waited for, with nothing held. */
static int lock_objects(struct sg_submit *s, struct sg_object **wanted)
{
	int ret;

	for (s->locked = 0; s->locked < s->count; s->locked++) {
		struct sg_submit_object *o = &s->objects[s->locked];

		o->shared = false;
		if (o->obj == s->ahead) {
			s->ahead = NULL;
			continue;
		}
		ret = lock_object(s, o->obj);
		/* two imports of one dma-buf, of which one came by name, or one object twice */
		if (ret == -EALREADY) {
			o->shared = true;
			continue;
		}
		*wanted = o->obj;
		if (ret)
			return ret;
	}
	return 0;
}

/* Lock all reservations; on an error none is held. */
static int submit_lock(struct sg_submit *s)
{
	struct sg_object *wanted;
	int ret;

	s->ahead = NULL;
	s->lockdep = 0;
	ww_acquire_init(&s->ww, &reservation_ww_class);
	while ((ret = lock_objects(s, &wanted)) == -EDEADLK) {
		unlock_objects(s);
		ret = lock_object_slow(s, wanted);
		if (ret)
			break;
		s->ahead = wanted;
	}
	if (ret) {
		submit_unlock(s);
		return ret;
	}
	ww_acquire_done(&s->ww);
	return 0;
}

static int submit_populate(struct sg_submit *s)
{
	unsigned int i;
	int ret;

	for (i = 0; i < s->count; i++) {
		struct sg_submit_object *o = &s->objects[i];

		o->moves = sg_object_memory(o->obj)->ops->ready;
		ret = sg_object_get_pages(o->obj);
		if (ret)
			return ret;
		if (o->obj->shadow)
			sg_shadow_flush(o->obj);
		/* one that is read and written under two names has the fence as either */
		ret = dma_resv_reserve_fences(o->obj->base.resv, o->shared ? 2 : 1);
		if (ret)
			return ret;
		o->binding = sg_binding_get(o->obj, s->ctx->space);
		if (IS_ERR(o->binding))
			return PTR_ERR(o->binding);
	}
	return 0;
}

/* Returns whether any of it was in another submission's way. */
static bool unpin_all(struct sg_submit *s)
{
	struct sg_submit_object *o;
	bool in_way = false;

	for (o = s->objects; s->npinned; o++) {
		if (!o->pinned)
			continue;
		in_way |= sg_binding_unpin(o->binding);
		o->pinned = false;
		s->npinned--;
	}
	return in_way;
}

/* Pin those that insist on an address, or all others. */
static int pin_some(struct sg_submit *s, bool fixed, struct dma_fence **busy)
{
	struct sg_space *space = s->ctx->space;
	unsigned long until = jiffies + LOCK_JIFFIES;
	struct sg_submit_object *o;
	int ret;

	for (o = s->objects; o < s->objects + s->count; o++) {
		if (o->pinned || o->place.fixed != fixed)
			continue;
		/* what is pinned stays, as nobody else may pin */
		if (time_after(jiffies, until)) {
			mutex_unlock(&space->lock);
			cond_resched();
			mutex_lock(&space->lock);
			if (fatal_signal_pending(current))
				return -EINTR;
			until = jiffies + LOCK_JIFFIES;
		}
		ret = sg_binding_pin(o->binding, &o->place, s, busy);
		if (ret)
			return ret;
		o->pinned = true;
		o->offset = o->binding->node.start;
		s->npinned++;
	}
	return 0;
}

/*
 * -EBUSY: not all could be pinned as long as a fence has not signalled, which goes to *@busy, or
 * where none does, as long as the space counts no more than *@released.
 */
static int try_pin(struct sg_submit *s, struct dma_fence **busy, unsigned int *released)
{
	struct sg_space *space = s->ctx->space;
	int ret;

	if (mutex_lock_interruptible(&space->lock))
		return -ERESTARTSYS;
	/* those who insist on an address go first; the others find room beside them */
	ret = pin_some(s, true, busy);
	if (!ret && s->npinned < s->count)
		ret = pin_some(s, false, busy);
	*released = space->released;
	mutex_unlock(&space->lock);
	return ret;
}

/* Pin no more for now. It was in nobody's way: it still is the submission's turn. */
static void submit_unpin(struct sg_submit *s)
{
	mutex_lock(&s->ctx->space->lock);
	unpin_all(s);
	mutex_unlock(&s->ctx->space->lock);
}

/* Nothing needs to stay where it is any more: have those try again in whose way it was. */
static void submit_release(struct sg_submit *s)
{
	struct sg_space *space = s->ctx->space;
	bool in_way;

	mutex_lock(&space->lock);
	in_way = unpin_all(s);
	if (in_way)
		WRITE_ONCE(space->released, space->released + 1);
	mutex_unlock(&space->lock);
	if (in_way)
		wake_up_all(&space->release);
}

/*
 * Pin all or none. Others in the space may have pinned all that they need, and be waiting for the
 * GPU before they change their commands. They are waited for like the GPU: they want no further
 * address and no further reservation, so that none of them can be waiting for us in turn.
 */
static int submit_pin(struct sg_submit *s)
{
	struct sg_space *space = s->ctx->space;
	unsigned int waits = 0;
	bool turn = false;
	int ret;

	ret = submit_populate(s);
	while (!ret) {
		struct dma_fence *busy = NULL;
		unsigned int released;

		if (!turn && mutex_lock_interruptible(&space->turn)) {
			ret = -ERESTARTSYS;
			break;
		}
		turn = true;
		ret = try_pin(s, &busy, &released);
		if (ret != -EBUSY)
			break;
		/* let others in meanwhile; but they must not get ahead for ever */
		if (waits++ < MAX_WAITS) {
			submit_unpin(s);
			mutex_unlock(&space->turn);
			turn = false;
		}
		ret = busy ? dma_fence_wait(busy, true) :
			     wait_event_interruptible(space->release,
						      READ_ONCE(space->released) != released);
		dma_fence_put(busy);
	}
	if (ret)
		submit_unpin(s);
	if (turn)
		mutex_unlock(&space->turn);
	return ret;
}

/* What is to be kept of the memory if the request hangs. */
static int submit_captures(struct sg_submit *s, struct sg_request *rq)
{
	const struct sg_submit_object *o, *batch = &s->objects[s->batch];
	unsigned int n = 0;

	rq->batch_object.addr = batch->offset;
	rq->batch_object.size = batch->obj->base.size;
	for (o = s->objects; o < s->objects + s->count; o++)
		n += o->capture;
	if (!n)
		return 0;
	rq->captures = kvmalloc_array(n, sizeof(*rq->captures), GFP_KERNEL_ACCOUNT);
	if (!rq->captures)
		return -ENOMEM;
	for (o = s->objects; o < s->objects + s->count; o++)
		if (o->capture)
			rq->captures[rq->ncaptures++] = (struct sg_range) {
				.addr = o->offset,
				.size = o->obj->base.size,
			};
	return 0;
}

static int submit_collect(struct sg_submit *s, struct sg_request *rq)
{
	unsigned int i;
	int ret;

	for (i = 0; i < s->count; i++) {
		struct sg_submit_object *o = &s->objects[i];
		enum dma_resv_usage usage = o->async ? DMA_RESV_USAGE_KERNEL :
						       dma_resv_usage_rw(o->write);
		struct dma_resv_iter iter;
		struct dma_fence *fence;

		dma_resv_for_each_fence(&iter, o->obj->base.resv, usage, fence) {
			if (dma_fence_is_signaled(fence))
				continue;
			ret = sg_request_wait_for(rq, fence, false);
			if (ret)
				return ret;
		}
	}
	return s->ops->collect ? s->ops->collect(s, rq) : 0;
}

/* Add a fence to all objects whose memory may be taken away without a reservation, or not. */
static void add_fences(struct sg_submit *s, struct dma_fence *fence, bool moves)
{
	const struct sg_submit_object *o;

	for (o = s->objects; o < s->objects + s->count; o++)
		if (o->moves == moves)
			dma_resv_add_fence(o->obj->base.resv, fence,
					   o->write ? DMA_RESV_USAGE_WRITE : DMA_RESV_USAGE_READ);
}

static bool all_ready(const struct sg_submit *s)
{
	const struct sg_submit_object *o;

	for (o = s->objects; o < s->objects + s->count; o++)
		if (o->moves && !sg_object_ready(o->obj))
			return false;
	return true;
}

/*
 * The point of no return. An invalidation that begins after the check finds the fences and waits
 * for them; one that began before makes the check fail.
 */
static int submit_publish(struct sg_submit *s, struct sg_request *rq)
{
	bool ready;

	read_lock(&s->gpu->notifier_lock);
	ready = all_ready(s);
	if (ready)
		add_fences(s, &rq->fence, true);
	read_unlock(&s->gpu->notifier_lock);
	/* what invalidations are not about: there may be very many, and none shall wait for them */
	if (ready)
		add_fences(s, &rq->fence, false);
	return ready ? 0 : -EAGAIN;
}

static int submit_once(struct sg_submit *s, bool *prepare)
{
	struct sg_timeline *timeline = s->ring->timeline;
	struct dma_fence *fence = NULL;
	struct sg_request *rq;
	bool cookie;
	int ret;

	ret = submit_acquire(s);
	if (ret)
		return ret;
	ret = submit_lock(s);
	if (ret)
		return ret;
	ret = submit_pin(s);
	if (ret)
		goto unlock;
	if (s->ops->patch) {
		ret = s->ops->patch(s);
		if (ret) {
			*prepare = ret == -EAGAIN;
			goto unpin;
		}
	}

	rq = sg_request_create(s->ring);
	if (IS_ERR(rq)) {
		ret = PTR_ERR(rq);
		goto unpin;
	}
	rq->batch = s->objects[s->batch].offset + s->batch_offset;
	rq->batch_len = s->batch_len;
	ret = submit_captures(s, rq) ?: submit_collect(s, rq);
	if (!ret && mutex_lock_interruptible(&timeline->lock))
		ret = -ERESTARTSYS;
	if (ret) {
		sg_request_discard(rq);
		goto unpin;
	}
	sg_request_init_fence(rq);
	fence = dma_fence_get(&rq->fence);
	ret = sg_request_wait_for(rq, timeline->last, false) ?: s->ops->publish(s, &rq->fence);
	if (ret)
		goto discard;
	cookie = dma_fence_begin_signalling();
	ret = submit_publish(s, rq);
	if (!ret)
		sg_request_queue(rq);
	dma_fence_end_signalling(cookie);
	if (ret)
		atomic64_inc(&s->gpu->stats.retries);
discard:
	if (ret)
		sg_request_discard(rq);
	mutex_unlock(&timeline->lock);
unpin:
	submit_release(s);
unlock:
	submit_unlock(s);
	/* this may take long: nobody waits for it but the caller */
	if (!ret)
		s->ops->published(s, fence);
	dma_fence_put(fence);
	return ret;
}

/**
 * sg_submit_run() - carry out a submission.
 * @s: filled in down to @nonblock
 *
 * Context: no lock; may fault user memory of the processes whose pages it uses.
 * Return: 0: it is queued. -EAGAIN: user pages would not stand still. -EINVAL: an object twice.
 * -ENOSPC: it does not fit, or fixed addresses collide. -EFAULT: memory that cannot be had.
 * -EIO: the GPU is dead or the context banned. -ENOMEM, -ERESTARTSYS.
 */
int sg_submit_run(struct sg_submit *s)
{
	unsigned int attempt;
	bool prepare;
	int ret;

	if (READ_ONCE(s->gpu->wedged) || READ_ONCE(s->ctx->banned))
		return -EIO;
	ret = sg_ring_throttle(s->ring, s->nonblock);
	if (ret)
		return ret;
	for (attempt = 0; attempt < MAX_ATTEMPTS; attempt++) {
		prepare = false;
		ret = submit_once(s, &prepare);
		if (ret != -EAGAIN)
			break;
		ret = signal_pending(current) ? -ERESTARTSYS : 0;
		if (!ret && prepare) {
			/* user memory may fault for as long as its owner likes */
			submit_let_go(s);
			ret = s->ops->prepare(s);
		}
		if (ret)
			break;
		ret = -EAGAIN;
	}
	submit_let_go(s);
	return ret;
}
