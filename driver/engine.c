// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Engines: one kernel thread each, which takes the most important ring that is ready, runs its
 * first request, and looks up between commands.
 *
 * All queues are guarded by one lock of the device, sched_lock. A ring is in its engine's queue
 * when its first request waits for nothing any more and no engine runs it. Fences are signalled
 * without the lock, since their callbacks come back for it.
 *
 * A thread allocates nothing, takes no reservation and faults nothing: it is what reclaim may be
 * waiting for. Lockdep is told by dma_fence_begin_signalling().
 */
#include <linux/kthread.h>
#include <linux/sched/signal.h>

#include "context.h"
#include "engine.h"
#include "gpu.h"
#include "request.h"
#include "space.h"

/* How many commands (or pieces of a blit) an engine executes before it looks at the clock. */
#define BUDGET			256
/* A batch that does not get on is looked at again after so long; doubled up to the second. */
#define SPIN_SLEEP_MIN_US	20
#define SPIN_SLEEP_MAX_US	1000
/*
 * A request that has run for so long is hung. Notifiers, and with them munmap() and reclaim, wait
 * for requests: nothing that a batch contains may keep them for ever.
 */
#define REQUEST_TIMEOUT_MS	20000

static const struct {
	enum sg_engine_class class;
	const char *name;
} engine_table[SG_NUM_ENGINES] = {
	{ SG_RENDER, "rcs0" },
	{ SG_COPY, "bcs0" },
	{ SG_VIDEO, "vcs0" },
	{ SG_VIDEO_ENHANCE, "vecs0" },
};

static struct sg_ring *to_ring(const struct rb_node *node)
{
	return rb_entry(node, struct sg_ring, ready_node);
}

/* The more important first; among equals the one that came first. */
static bool ready_before(struct rb_node *a, const struct rb_node *b)
{
	const struct sg_ring *x = to_ring(a), *y = to_ring(b);

	if (x->ready_priority != y->ready_priority)
		return x->ready_priority > y->ready_priority;
	return x->ready_order < y->ready_order;
}

/* The next ring in the queue, or NULL. */
static struct sg_ring *first_ready(const struct sg_engine *engine)
{
	struct rb_node *node = rb_first_cached(&engine->ready);

	return node ? to_ring(node) : NULL;
}

/* A glance at the queue without the lock: the answer may be old by the time it is used. */
static bool has_ready(const struct sg_engine *engine)
{
	return READ_ONCE(engine->ready.rb_leftmost);
}

static void unqueue(struct sg_engine *engine, struct sg_ring *ring)
{
	rb_erase_cached(&ring->ready_node, &engine->ready);
	RB_CLEAR_NODE(&ring->ready_node);
}

/**
 * sg_engine_make_ready() - queue a ring whose first request may run.
 * @engine: the ring's engine
 * @ring: the ring
 *
 * Context: the device's sched_lock is held.
 */
void sg_engine_make_ready(struct sg_engine *engine, struct sg_ring *ring)
{
	struct sg_request *rq = list_first_entry(&ring->requests, struct sg_request, link);

	lockdep_assert_held(&engine->gpu->sched_lock);
	if (engine->active == ring || !RB_EMPTY_NODE(&ring->ready_node))
		return;
	ring->ready_priority = rq->priority;
	ring->ready_order = engine->next_order++;
	rb_add_cached(&ring->ready_node, &engine->ready, ready_before);
	if (engine->active) {
		struct sg_request *running = list_first_entry(&engine->active->requests,
							      struct sg_request, link);

		if (rq->priority > running->priority)
			WRITE_ONCE(engine->stop, true);
	}
	wake_up(&engine->wq);
}

/**
 * sg_engine_reprioritize() - a request of a ring has become more important.
 * @engine: the ring's engine
 * @ring: the ring
 * @priority: of its first request at least
 *
 * Context: the device's sched_lock is held.
 */
void sg_engine_reprioritize(struct sg_engine *engine, struct sg_ring *ring, int priority)
{
	lockdep_assert_held(&engine->gpu->sched_lock);
	if (RB_EMPTY_NODE(&ring->ready_node) || ring->ready_priority >= priority)
		return;
	unqueue(engine, ring);
	sg_engine_make_ready(engine, ring);
}

static struct sg_ring *engine_next(struct sg_engine *engine)
{
	struct sg_ring *ring;

	spin_lock_irq(&engine->gpu->sched_lock);
	WRITE_ONCE(engine->stop, false);
	ring = first_ready(engine);
	if (ring) {
		unqueue(engine, ring);
		engine->active = ring;
	}
	spin_unlock_irq(&engine->gpu->sched_lock);
	return ring;
}

/* The ring makes way; it is queued again if it has anything to do. */
static void engine_yield(struct sg_engine *engine)
{
	struct sg_ring *ring = engine->active;
	struct sg_request *rq;

	spin_lock_irq(&engine->gpu->sched_lock);
	engine->active = NULL;
	rq = list_first_entry_or_null(&ring->requests, struct sg_request, link);
	if (rq && !atomic_read(&rq->pending))
		sg_engine_make_ready(engine, ring);
	spin_unlock_irq(&engine->gpu->sched_lock);
}

/* The first request of the active ring is over. */
static void engine_complete(struct sg_engine *engine, struct sg_request *rq, int error)
{
	struct sg_ring *ring = rq->ring;

	sg_context_get(ring->ctx);
	spin_lock_irq(&engine->gpu->sched_lock);
	list_del_init(&rq->link);
	list_del(&rq->gpu_link);
	ring->nrequests--;
	spin_unlock_irq(&engine->gpu->sched_lock);
	sg_request_complete(rq, error);
	engine_yield(engine);
	sg_context_put(ring->ctx);
}

/* Throw out a request that hangs, or cannot be executed. */
static void engine_reset(struct sg_engine *engine, struct sg_request *rq, int error)
{
	struct sg_context *ctx = rq->ring->ctx;

	drm_dbg(&engine->gpu->drm, "%s: context %u: request %llu thrown out at %#llx\n",
		engine->name, ctx->id, rq->fence.seqno, sg_cs_acthd(&rq->ring->cs));
	atomic_inc(&ctx->guilty);
	spin_lock_irq(&engine->gpu->sched_lock);
	engine->reset_count++;
	spin_unlock_irq(&engine->gpu->sched_lock);
	if (!ctx->recoverable)
		WRITE_ONCE(ctx->banned, true);
	sg_cs_init(&rq->ring->cs, engine->class, engine->instance);
	engine_complete(engine, rq, error);
}

/* Why a request may not go on: -errno, or 0. */
static int request_verdict(struct sg_engine *engine, struct sg_request *rq)
{
	if (READ_ONCE(engine->gpu->wedged) || READ_ONCE(rq->ring->ctx->banned))
		return -EIO;
	return READ_ONCE(rq->error);
}

/* Whether somebody at least as important waits for the engine. */
static bool engine_wanted(struct sg_engine *engine, struct sg_request *rq)
{
	struct sg_ring *other;
	bool wanted;

	if (!has_ready(engine))
		return false;
	spin_lock_irq(&engine->gpu->sched_lock);
	other = first_ready(engine);
	wanted = other && other->ready_priority >= rq->priority;
	spin_unlock_irq(&engine->gpu->sched_lock);
	return wanted;
}

/* Run the first request of the active ring, until it is over or has to make way. */
static void engine_run(struct sg_engine *engine)
{
	struct sg_ring *ring = engine->active;
	struct sg_request *rq = list_first_entry(&ring->requests, struct sg_request, link);
	u64 began = ktime_get_ns(), now = began, blocked = 0;
	unsigned int sleep = SPIN_SLEEP_MIN_US;
	int error;

	if (!rq->started) {
		error = request_verdict(engine, rq);
		if (error) {
			engine_complete(engine, rq, error);
			return;
		}
		sg_request_started(rq);
		rq->start_ns = began;
		sg_cs_start(&ring->cs, rq->batch);
	}
	sg_mem_set_space(&engine->mem, ring->ctx->space);

	for (;;) {
		enum sg_cs_event event = sg_cs_run(&ring->cs, &engine->mem, BUDGET, &engine->stop);
		bool wanted, may_leave = sg_cs_arbitration(&ring->cs);

		if (event == SG_CS_DONE) {
			engine->busy_ns += ktime_get_ns() - began;
			engine_complete(engine, rq, 0);
			return;
		}
		error = event == SG_CS_ERROR ? -EIO : request_verdict(engine, rq);
		now = ktime_get_ns();
		wanted = engine_wanted(engine, rq);
		if (!wanted || may_leave)
			blocked = now;
		if (now - rq->start_ns > REQUEST_TIMEOUT_MS * NSEC_PER_MSEC ||
		    (engine->props.preempt_timeout && wanted && !may_leave &&
		     now - blocked > engine->props.preempt_timeout * NSEC_PER_MSEC))
			error = -EIO;
		if (error) {
			engine->busy_ns += now - began;
			engine_reset(engine, rq, error);
			return;
		}

		if (wanted && may_leave &&
		    (event == SG_CS_SPIN || READ_ONCE(engine->stop) ||
		     (engine->props.timeslice &&
		      now - began > engine->props.timeslice * NSEC_PER_MSEC)))
			break;
		WRITE_ONCE(engine->stop, false);
		if (event == SG_CS_SPIN) {
			wait_event_interruptible_hrtimeout(engine->wq, READ_ONCE(engine->stop),
							   ns_to_ktime(sleep * NSEC_PER_USEC));
			sleep = min_t(unsigned int, 2 * sleep, SPIN_SLEEP_MAX_US);
		} else {
			sleep = SPIN_SLEEP_MIN_US;
			cond_resched();
		}
	}
	engine->busy_ns += now - began;
	engine_yield(engine);
}

static int engine_thread(void *data)
{
	struct sg_engine *engine = data;

	while (!kthread_should_stop()) {
		bool cookie;

		wait_event_idle(engine->wq, kthread_should_stop() ||
				has_ready(engine));
		cookie = dma_fence_begin_signalling();
		if (engine_next(engine))
			engine_run(engine);
		dma_fence_end_signalling(cookie);
	}
	return 0;
}

/**
 * sg_engines_start() - make the engines.
 * @gpu: the device, its sched_lock and revoke lock initialized
 *
 * Return: 0; -ENOMEM, -EINTR: sg_engines_stop() cleans up then too.
 */
int sg_engines_start(struct sg_gpu *gpu)
{
	unsigned int i;

	for (i = 0; i < SG_NUM_ENGINES; i++) {
		struct sg_engine *engine = &gpu->engines[i];

		engine->gpu = gpu;
		engine->class = engine_table[i].class;
		engine->index = i;
		strscpy(engine->name, engine_table[i].name, sizeof(engine->name));
		init_waitqueue_head(&engine->wq);
		engine->ready = RB_ROOT_CACHED;
		engine->mem.gpu = gpu;
		engine->mem.last = engine->mem.tlb;
		engine->defaults = (struct sg_engine_props) {
			.heartbeat_interval = 2500,
			.preempt_timeout = 640,
			.timeslice = 1,
			.stop_timeout = 100,
			.max_busywait_ns = 8000,
		};
		engine->props = engine->defaults;
	}
	for (i = 0; i < SG_NUM_ENGINES; i++) {
		struct sg_engine *engine = &gpu->engines[i];
		struct task_struct *thread;

		thread = kthread_run(engine_thread, engine, "softgem/%s", engine->name);
		if (IS_ERR(thread))
			return PTR_ERR(thread);
		engine->thread = thread;
	}
	return 0;
}

/**
 * sg_engines_stop() - end what is still queued, and the engines' threads.
 * @gpu: the device; nothing can be submitted any more
 */
void sg_engines_stop(struct sg_gpu *gpu)
{
	unsigned int i;

	/* requests that wait for others' fences do so for a bounded time */
	sg_gpu_set_wedged(gpu, true);
	while (!list_empty_careful(&gpu->requests))
		schedule_timeout_uninterruptible(1);
	for (i = 0; i < SG_NUM_ENGINES; i++) {
		if (gpu->engines[i].thread)
			kthread_stop(gpu->engines[i].thread);
		gpu->engines[i].thread = NULL;
	}
}

/**
 * sg_engine_find() - an engine by class and number.
 * @gpu: the device
 * @class: the class, as the uAPI counts
 * @instance: its number in the class
 *
 * Return: the engine or NULL.
 */
struct sg_engine *sg_engine_find(struct sg_gpu *gpu, unsigned int class, unsigned int instance)
{
	unsigned int i;

	for (i = 0; i < SG_NUM_ENGINES; i++)
		if (gpu->engines[i].class == class && gpu->engines[i].instance == instance)
			return &gpu->engines[i];
	return NULL;
}

/**
 * sg_engine_idle() - whether nothing runs or is ready to.
 * @engine: the engine
 */
bool sg_engine_idle(struct sg_engine *engine)
{
	bool idle;

	spin_lock_irq(&engine->gpu->sched_lock);
	idle = !engine->active && !has_ready(engine);
	spin_unlock_irq(&engine->gpu->sched_lock);
	return idle;
}

/* Have all engines look up from their work. */
static void kick_engines(struct sg_gpu *gpu)
{
	unsigned int i;

	for (i = 0; i < SG_NUM_ENGINES; i++) {
		WRITE_ONCE(gpu->engines[i].stop, true);
		wake_up(&gpu->engines[i].wq);
	}
}

/**
 * sg_gpu_set_wedged() - declare the GPU dead, or mended.
 * @gpu: the device
 * @wedged: which
 *
 * All that runs or waits for an engine on a dead GPU ends with -EIO.
 */
void sg_gpu_set_wedged(struct sg_gpu *gpu, bool wedged)
{
	WRITE_ONCE(gpu->wedged, wedged);
	if (wedged)
		kick_engines(gpu);
}

/**
 * sg_gpu_cancel_all() - throw out all that was submitted until now.
 * @gpu: the device
 *
 * What still waits for fences ends when they have signalled.
 */
void sg_gpu_cancel_all(struct sg_gpu *gpu)
{
	struct sg_request *rq;

	spin_lock_irq(&gpu->sched_lock);
	list_for_each_entry(rq, &gpu->requests, gpu_link)
		WRITE_ONCE(rq->error, -EIO);
	spin_unlock_irq(&gpu->sched_lock);
	kick_engines(gpu);
}
