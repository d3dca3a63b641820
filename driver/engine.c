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
#include <linux/math64.h>
#include <linux/sched/signal.h>

#include "capture.h"
#include "client.h"
#include "context.h"
#include "engine.h"
#include "gpu.h"
#include "request.h"
#include "reset.h"
#include "space.h"

/* How many commands (or pieces of a blit) an engine executes before it looks at the clock. */
#define BUDGET			256
/*
 * What a ring that has been waiting may be behind others. And what it costs a batch to wait: it
 * makes way at once, but if that were for nothing several that wait would leave no room for one
 * that works. Where all wait they take turns of PATIENCE_NS, asleep, and pay for nothing but time.
 */
#define LAG_NS			(2 * NSEC_PER_MSEC)
#define WAIT_NS			(3 * NSEC_PER_MSEC)
/* A batch that does not get on is looked at again after so long; doubled up to the second. */
#define SPIN_SLEEP_MIN_US	20
#define SPIN_SLEEP_MAX_US	1000
#define PATIENCE_NS		NSEC_PER_MSEC
/*
 * An engine that works without end makes room on its processor so often. The kernel looks at that
 * only at its tick, as much as 10 ms apart, which is too coarse where engines share a processor.
 */
#define SHARE_NS		(250 * NSEC_PER_USEC)
/*
 * Where a look at the clock finds that more has passed than this, the engine was not there: a
 * virtual machine was stopped, or others had all processors. That is held against nobody.
 */
#define LOOK_NS			(100 * NSEC_PER_MSEC)
/* The grain of an engine's pace, and what that is before it is known, in ns. */
#define PACE_ONE		64
#define PACE_FIRST_NS		200
/*
 * After so many intervals of its heartbeat an engine has been asked with all urgency to take up
 * something else; if it can be reset alone it gets the preemption timeout on top, else
 */
#define HEARTBEATS		2
/* it is given so many. */
#define HEARTBEATS_FULL		4

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

/*
 * The more important first; among equals the one that has had less of the engine; then the one that
 * came first.
 */
static bool ready_before(struct rb_node *a, const struct rb_node *b)
{
	const struct sg_ring *x = to_ring(a), *y = to_ring(b);

	if (x->ready_priority != y->ready_priority)
		return x->ready_priority > y->ready_priority;
	if (x->vtime != y->vtime)
		return x->vtime < y->vtime;
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
	engine->nready--;
}

static struct sg_request *first_request(const struct sg_ring *ring)
{
	return list_first_entry(&ring->requests, struct sg_request, link);
}

/* To end what is not to be carried out takes no time, and others may wait for its fences. */
static int ring_priority(const struct sg_ring *ring)
{
	const struct sg_request *rq = first_request(ring);

	return rq->condemned || sg_context_doomed(ring->ctx, ring->engine) ? INT_MAX : rq->priority;
}

/* Whether what an engine runs is to make way for something so important. */
static bool makes_way(const struct sg_engine *engine, int priority)
{
	const struct sg_request *rq = list_first_entry_or_null(&engine->active->requests,
							       struct sg_request, link);

	/* one that has just ended does so anyway */
	return rq && (READ_ONCE(engine->patient) || priority > rq->priority);
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
	lockdep_assert_held(&engine->gpu->sched_lock);
	if (engine->active == ring || !RB_EMPTY_NODE(&ring->ready_node))
		return;
	ring->ready_priority = ring_priority(ring);
	/* to have been idle is no merit: not beside one that has not been, and is alone */
	if (engine->active && !has_ready(engine))
		engine->vtime = max(engine->vtime, engine->active->vtime);
	ring->vtime = max(ring->vtime, engine->vtime);
	ring->ready_order = engine->next_order++;
	rb_add_cached(&ring->ready_node, &engine->ready, ready_before);
	engine->nready++;
	if (engine->active && makes_way(engine, ring->ready_priority))
		WRITE_ONCE(engine->stop, true);
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

/**
 * sg_engine_hurry() - a ring's context has become doomed: have its requests end.
 * @engine: the ring's engine
 * @ring: the ring
 *
 * Context: the device's sched_lock is held.
 */
void sg_engine_hurry(struct sg_engine *engine, struct sg_ring *ring)
{
	lockdep_assert_held(&engine->gpu->sched_lock);
	if (engine->active == ring) {
		WRITE_ONCE(engine->stop, true);
		wake_up(&engine->wq);
	} else if (!RB_EMPTY_NODE(&ring->ready_node)) {
		unqueue(engine, ring);
		sg_engine_make_ready(engine, ring);
	}
}

static struct sg_ring *engine_next(struct sg_engine *engine)
{
	struct sg_ring *ring;

	spin_lock_irq(&engine->gpu->sched_lock);
	WRITE_ONCE(engine->stop, false);
	ring = first_ready(engine);
	if (ring) {
		unqueue(engine, ring);
		/* nor is to have waited for the more important, but for a little */
		if (ring->vtime + LAG_NS < engine->vtime)
			ring->vtime = engine->vtime - LAG_NS;
		engine->vtime = max(engine->vtime, ring->vtime);
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

/* A request that hangs leaves the engine to others while its memory is captured. */
static void engine_capture(struct sg_engine *engine, struct sg_request *rq)
{
	spin_lock_irq(&engine->gpu->sched_lock);
	engine->active = NULL;
	sg_capture_start(engine->gpu, rq);
	spin_unlock_irq(&engine->gpu->sched_lock);
}

/* A request hangs: who is to be told, and what is done, is for the parameters to say. */
static void engine_hung(struct sg_engine *engine, struct sg_request *rq)
{
	bool again = rq->condemned;

	rq->condemned = true;
	if (!again && sg_capture_wanted(engine->gpu, rq->ring->ctx)) {
		engine_capture(engine, rq);
		return;
	}
	if (READ_ONCE(engine->gpu->params.reset))
		sg_reset_throw_out(engine, rq);
	else
		sg_gpu_set_wedged(engine->gpu, true);
	engine_complete(engine, rq, -EIO);
}

/* A request is not carried out to its end, for a reason that needs no reset. */
static void engine_cancel(struct sg_engine *engine, struct sg_request *rq, int error)
{
	if (rq->started)
		sg_cs_init(&rq->ring->cs, engine->class, engine->instance);
	engine_complete(engine, rq, error);
}

/* Why a request may not go on: -errno, or 0. */
static int request_verdict(struct sg_engine *engine, struct sg_request *rq)
{
	if (READ_ONCE(engine->gpu->wedged) || sg_context_doomed(rq->ring->ctx, engine))
		return -EIO;
	return READ_ONCE(rq->error);
}

/* Whether somebody at least as important waits for the engine, and whether he is more so. */
static bool engine_wanted(struct sg_engine *engine, struct sg_request *rq, bool *urgent)
{
	struct sg_ring *other;
	bool wanted;

	*urgent = false;
	if (!has_ready(engine))
		return false;
	spin_lock_irq(&engine->gpu->sched_lock);
	other = first_ready(engine);
	wanted = other && other->ready_priority >= rq->priority;
	*urgent = other && other->ready_priority > rq->priority;
	spin_unlock_irq(&engine->gpu->sched_lock);
	return wanted;
}

/**
 * struct turn - a request's time on an engine, until it is over or makes way.
 * @rq: the request
 * @began: when, in ns
 * @now: the time
 * @left: when the engine could last be left, or nobody wanted it
 * @patience: how long it stays though it does not get on, in ns
 * @offered: when the batch last offered to leave it, had that been its only turn
 * @sleep: how long to sleep if it does not get on, in us
 * @waits: it does not get on
 * @error: why it is not to go on, or 0
 */
struct turn {
	struct sg_request *rq;
	u64 began;
	u64 now;
	u64 left;
	u64 patience;
	u64 offered;
	unsigned int sleep;
	bool waits;
	int error;
};

/*
 * Book the time until now on the client whose work has been running, if any, and begin to run that
 * of @client, if any.
 */
static void count_time(struct sg_engine *engine, struct sg_client *was, struct sg_client *client,
		       u64 now)
{
	/* readers spin, and perf does so in interrupts */
	local_irq_disable();
	write_seqcount_begin(&engine->busy_seq);
	if (was) {
		u64 ns = now - engine->busy_since;

		engine->busy_ns += ns;
		atomic64_add(ns, &was->busy_ns[engine->index]);
	}
	engine->busy_client = client;
	engine->busy_since = now;
	write_seqcount_end(&engine->busy_seq);
	local_irq_enable();
}

/* Book the time until now if the engine sat on a semaphore, and say whether it does from now on. */
static void count_wait(struct sg_engine *engine, bool waits, u64 now)
{
	if (waits == engine->waits)
		return;
	local_irq_disable();
	write_seqcount_begin(&engine->busy_seq);
	if (!waits)
		engine->waited_ns += now - engine->waits_since;
	engine->waits = waits;
	engine->waits_since = now;
	write_seqcount_end(&engine->busy_seq);
	local_irq_enable();
}

static bool elapsed(const struct turn *turn, u64 since, u64 ms)
{
	return turn->now - since > ms * NSEC_PER_MSEC;
}

/* Whether the request has been running for longer than any may. */
static bool request_late(struct sg_engine *engine, const struct turn *turn)
{
	unsigned int timeout = READ_ONCE(engine->gpu->params.request_timeout_ms);

	return timeout && elapsed(turn, turn->began - turn->rq->ran_ns, timeout);
}

/*
 * Whether the request hangs: it cannot be executed, it keeps others waiting though it was asked to
 * make way, or it has not reacted to the heartbeat.
 */
static bool request_hangs(struct sg_engine *engine, struct turn *turn, bool wanted, bool may_leave)
{
	const struct sg_engine_props *props = &engine->props;
	unsigned int interval = READ_ONCE(props->heartbeat_interval);
	unsigned int preempt = READ_ONCE(props->preempt_timeout);
	struct sg_request *rq = turn->rq;

	if (READ_ONCE(engine->gpu->params.reset) < 2)
		preempt = 0;	/* not for such a reason, if it hits everybody */
	else if (rq->hung)
		return true;
	if (!wanted || may_leave)
		turn->left = turn->now;
	if (preempt && elapsed(turn, turn->left, preempt))
		return true;

	if (!rq->hung && !sg_cs_holds(&rq->ring->cs))
		turn->offered = turn->now;
	return interval && READ_ONCE(engine->gpu->params.enable_hangcheck) &&
	       elapsed(turn, turn->offered, preempt ? HEARTBEATS * (u64)interval + preempt :
						      HEARTBEATS_FULL * (u64)interval);
}

/* The engine was reset under a request that had nothing to do with it. */
static void request_restart(struct sg_request *rq)
{
	struct sg_ring *ring = rq->ring;

	/* found guilty meanwhile: see reset_engines() */
	if (cmpxchg(&rq->reset, SG_RESET_INNOCENT, SG_RESET_NONE) != SG_RESET_INNOCENT)
		return;
	rq->hung = false;
	atomic_inc(&ring->ctx->innocent);
	ring->cs = ring->restart;
	sg_cs_start(&ring->cs, rq->batch);
	sg_cs_enter(&ring->cs);
}

/* How a request's turn ended. */
enum outcome {
	TURN_DONE,	/* the batch has ended */
	TURN_LEFT,	/* it makes way for another */
	TURN_CANCELLED,	/* it is not to go on: see struct turn's error */
	TURN_HUNG,
};

/* What the engine makes of where the batch has come to. Returns false if it simply goes on. */
static bool turn_over(struct sg_engine *engine, struct turn *turn, enum sg_cs_event event,
		      enum outcome *outcome)
{
	struct sg_request *rq = turn->rq;
	struct sg_ring *ring = rq->ring;
	bool wanted, urgent, may_leave, stop;

	*outcome = TURN_DONE;
	if (event == SG_CS_DONE)
		return true;
	/* before the rest is looked at: what comes to be later asks for another look */
	stop = xchg(&engine->stop, false);
	rq->hung |= event == SG_CS_ERROR;
	*outcome = TURN_CANCELLED;
	turn->error = request_verdict(engine, rq);
	if (!turn->error && request_late(engine, turn)) {
		sg_context_guilty(ring->ctx);
		turn->error = -EIO;
	}
	if (turn->error)
		return true;

	may_leave = !rq->hung && sg_cs_arbitration(&ring->cs);
	wanted = engine_wanted(engine, rq, &urgent);
	*outcome = TURN_HUNG;
	if (READ_ONCE(rq->reset) == SG_RESET_GUILTY ||
	    request_hangs(engine, turn, wanted, may_leave))
		return true;
	*outcome = TURN_LEFT;
	if (!wanted || !may_leave)
		return false;
	if (event == SG_CS_SPIN && turn->now - turn->began >= turn->patience)
		return true;
	/* who is more important may have come when the batch could not be left */
	return urgent || stop ||
	       (engine->props.timeslice && elapsed(turn, turn->began, engine->props.timeslice));
}

/* The active ring has had so much of the engine. */
static void engine_charge(struct sg_engine *engine, u64 ns)
{
	spin_lock_irq(&engine->gpu->sched_lock);
	engine->active->vtime += ns;
	spin_unlock_irq(&engine->gpu->sched_lock);
}

/*
 * What is to be paid for an effort that took so long. The processor is not ours alone, and whoever
 * runs when it is taken away for a while is not to blame: the price is what efforts usually cost.
 */
static u64 price(struct sg_engine *engine, u64 effort, u64 ns)
{
	u64 sample;

	if (!effort)
		return 0;
	sample = min(div64_u64(ns * PACE_ONE, effort), 2 * engine->pace);
	engine->pace = max_t(u64, (15 * engine->pace + sample) / 16, PACE_ONE);
	return effort * engine->pace / PACE_ONE;
}

/* Let others have the processor, if they are due. */
static void share_processor(struct sg_engine *engine, u64 now)
{
	if (now - engine->shared_at < SHARE_NS) {
		cond_resched();
		return;
	}
	schedule();
	engine->shared_at = ktime_get_ns();
}

/* Look at the clock. Returns the time since the last look, in ns, so far as it counts. */
static u64 turn_look(struct turn *turn)
{
	u64 before = turn->now, ns;

	turn->now = ktime_get_ns();
	ns = turn->now - before;
	if (ns > LOOK_NS) {
		turn->began += ns - LOOK_NS;
		turn->left += ns - LOOK_NS;
		turn->offered += ns - LOOK_NS;
	}
	return min_t(u64, ns, LOOK_NS);
}

/* Run a request until it is over or has to make way. */
static enum outcome engine_turn(struct sg_engine *engine, struct turn *turn)
{
	struct sg_request *rq = turn->rq;
	struct sg_ring *ring = rq->ring;
	enum outcome outcome;

	for (;;) {
		enum sg_cs_event event = SG_CS_SPIN;
		u64 effort, ns;

		/* pairs with disturb_innocents() */
		if (smp_load_acquire(&rq->reset) == SG_RESET_INNOCENT &&
		    ktime_get_ns() >= rq->restart_ns)
			request_restart(rq);
		effort = sg_cs_effort(&ring->cs);
		if (!rq->hung)
			event = sg_cs_run(&ring->cs, &engine->mem, BUDGET, &engine->stop);
		ns = turn_look(turn);
		engine_charge(engine, turn->patience ? ns :
				      price(engine, sg_cs_effort(&ring->cs) - effort, ns));
		turn->waits = event == SG_CS_SPIN;
		count_wait(engine, turn->waits && ring->cs.waiting, turn->now);
		if (turn_over(engine, turn, event, &outcome))
			return outcome;
		if (turn->waits || rq->hung) {
			ktime_t sleep = ns_to_ktime(turn->sleep * NSEC_PER_USEC);

			wait_event_interruptible_hrtimeout(engine->wq, READ_ONCE(engine->stop),
							   sleep);
			engine_charge(engine, turn_look(turn));
			turn->sleep = min_t(unsigned int, 2 * turn->sleep, SPIN_SLEEP_MAX_US);
		} else {
			turn->sleep = SPIN_SLEEP_MIN_US;
			share_processor(engine, turn->now);
			/* what others did meanwhile is no effort of the batch's */
			turn_look(turn);
		}
	}
}

/* Do all that want the engine only wait? So they did when each was last looked at. */
static bool all_wait(struct sg_engine *engine)
{
	bool patient;

	spin_lock_irq(&engine->gpu->sched_lock);
	patient = engine->vain > engine->nready;
	WRITE_ONCE(engine->patient, patient);
	spin_unlock_irq(&engine->gpu->sched_lock);
	return patient;
}

/* Give the first request of the active ring its turn. */
static void engine_run(struct sg_engine *engine)
{
	struct sg_ring *ring = engine->active;
	struct sg_request *rq = first_request(ring);
	struct sg_client *client = ring->ctx->client;
	struct turn turn = {
		.rq = rq,
		.began = ktime_get_ns(),
		.sleep = SPIN_SLEEP_MIN_US,
		.error = request_verdict(engine, rq),
	};
	enum outcome outcome;
	u64 work;

	if (rq->condemned) {
		engine_hung(engine, rq);
		return;
	}
	if (turn.error) {
		engine_cancel(engine, rq, turn.error);
		return;
	}
	if (!rq->started) {
		sg_request_started(rq);
		ring->restart = ring->cs;
		sg_cs_start(&ring->cs, rq->batch);
	}
	turn.now = turn.began;
	turn.left = turn.began;
	turn.offered = turn.began - rq->held_ns;
	sg_mem_set_space(&engine->mem, ring->ctx->space);
	if (all_wait(engine)) {
		turn.patience = PATIENCE_NS;
		turn.sleep = SPIN_SLEEP_MAX_US;
	}
	work = ring->cs.work;

	count_time(engine, NULL, client, turn.began);
	sg_cs_enter(&ring->cs);
	outcome = engine_turn(engine, &turn);
	sg_cs_leave(&ring->cs);
	count_wait(engine, false, turn.now);
	count_time(engine, client, NULL, turn.now);
	turn.waits &= outcome == TURN_LEFT;
	if (turn.waits && !turn.patience)
		engine_charge(engine, WAIT_NS);
	engine->vain = turn.waits && ring->cs.work == work ? engine->vain + 1 : 0;
	rq->held_ns = turn.now - turn.offered;
	rq->ran_ns += turn.now - turn.began;

	switch (outcome) {
	case TURN_DONE:
		/* what was to be cancelled may have come to its end without its memory */
		engine_complete(engine, rq, READ_ONCE(rq->error));
		break;
	case TURN_LEFT:
		engine_yield(engine);
		break;
	case TURN_CANCELLED:
		engine_cancel(engine, rq, turn.error);
		break;
	case TURN_HUNG:
		engine_hung(engine, rq);
		break;
	}
	/* who is waited for by something urgent does not wait */
	if (outcome != TURN_LEFT)
		share_processor(engine, turn.now);
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
		engine->pace = PACE_FIRST_NS * PACE_ONE;
		seqcount_init(&engine->busy_seq);
		sg_mem_init(&engine->mem, gpu);
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
 * sg_engine_busy() - how long an engine has been running, in ns.
 * @engine: the engine
 * @client: for this client; NULL: for anybody
 *
 * Context: any.
 */
u64 sg_engine_busy(const struct sg_engine *engine, const struct sg_client *client)
{
	const struct sg_client *runs;
	unsigned int seq;
	u64 ns, since;

	do {
		seq = read_seqcount_begin(&engine->busy_seq);
		ns = client ? atomic64_read(&client->busy_ns[engine->index]) : engine->busy_ns;
		runs = engine->busy_client;
		since = engine->busy_since;
	} while (read_seqcount_retry(&engine->busy_seq, seq));
	if (runs && (!client || runs == client))
		ns += ktime_get_ns() - since;
	return ns;
}

/**
 * sg_engine_waited() - how long an engine has sat on semaphores, with nothing else to do, in ns.
 * @engine: the engine
 *
 * Context: any.
 */
u64 sg_engine_waited(const struct sg_engine *engine)
{
	unsigned int seq;
	u64 ns, since;
	bool waits;

	do {
		seq = read_seqcount_begin(&engine->busy_seq);
		ns = engine->waited_ns;
		waits = engine->waits;
		since = engine->waits_since;
	} while (read_seqcount_retry(&engine->busy_seq, seq));
	return waits ? ns + ktime_get_ns() - since : ns;
}

/**
 * sg_engine_idle() - whether nothing runs or is ready to.
 * @engine: the engine
 */
bool sg_engine_idle(struct sg_engine *engine)
{
	bool idle;

	spin_lock_irq(&engine->gpu->sched_lock);
	idle = !engine->active && !engine->capturing && !has_ready(engine);
	spin_unlock_irq(&engine->gpu->sched_lock);
	return idle;
}
