// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Resets.
 *
 * A request that hangs is thrown out: its fence gets -EIO, its context is guilty and begins with
 * fresh registers, and everything else goes on. That is the reset of an engine, and what there is
 * by default. Testers may ask for less by the parameter "reset". A reset of the whole GPU loses
 * what other engines were at: their contexts are innocent, and their requests begin again. Without
 * any reset the GPU is dead after a hang, or "wedged": all that there is ends with -EIO, and there
 * is nothing new, until somebody asks for a reset by i915_wedged in debugfs.
 */
#include <linux/kobject.h>

#include <drm/drm_file.h>

#include "context.h"
#include "gpu.h"
#include "request.h"
#include "reset.h"

/* How long somebody who asks for a reset waits to see its effect. */
#define RESET_TIMEOUT	(5 * HZ)

/* Have all engines look up from their work. */
static void kick_engines(struct sg_gpu *gpu)
{
	unsigned int i;

	for (i = 0; i < SG_NUM_ENGINES; i++) {
		WRITE_ONCE(gpu->engines[i].stop, true);
		wake_up(&gpu->engines[i].wq);
	}
}

/* The messages that i915 sends, which tell daemons to collect the error state. */
static void uevent_work(struct work_struct *work)
{
	struct sg_gpu *gpu = container_of(work, struct sg_gpu, uevent_work);
	struct kobject *kobj = &gpu->node.drm.primary->kdev->kobj;

	kobject_uevent_env(kobj, KOBJ_CHANGE, (char *[]) { "ERROR=1", NULL });
	kobject_uevent_env(kobj, KOBJ_CHANGE, (char *[]) { "RESET=1", NULL });
	kobject_uevent_env(kobj, KOBJ_CHANGE, (char *[]) { "ERROR=0", NULL });
}

/** sg_reset_init() - prepare a device for resets. */
void sg_reset_init(struct sg_gpu *gpu)
{
	INIT_WORK(&gpu->uevent_work, uevent_work);
}

/** sg_reset_fini() - wait for what resets have left to do; there are none any more. */
void sg_reset_fini(struct sg_gpu *gpu)
{
	cancel_work_sync(&gpu->uevent_work);
}

/* What runs on an engine, or NULL. Under sched_lock. */
static struct sg_request *running(struct sg_engine *engine)
{
	return engine->active ? list_first_entry_or_null(&engine->active->requests,
							 struct sg_request, link) : NULL;
}

/*
 * A reset of the whole GPU: all engines but those in @mask lose their place, unless they come to
 * rest by themselves in the time that they are given. Under sched_lock.
 */
static void disturb_innocents(struct sg_gpu *gpu, u64 mask)
{
	struct sg_request *rq;
	unsigned int i;

	for (i = 0; i < SG_NUM_ENGINES; i++) {
		struct sg_engine *engine = &gpu->engines[i];

		rq = running(engine);
		if (mask & BIT(i) || !rq || !rq->started ||
		    READ_ONCE(rq->reset) != SG_RESET_NONE)
			continue;
		rq->restart_ns = ktime_get_ns() +
				 READ_ONCE(engine->props.stop_timeout) * (u64)NSEC_PER_MSEC;
		/* pairs with engine_turn() */
		smp_store_release(&rq->reset, SG_RESET_INNOCENT);
	}
}

/**
 * sg_reset_throw_out() - reset an engine from under the request that runs on it.
 * @engine: the engine
 * @rq: the request; it is for the caller to complete it with -EIO
 *
 * Context: the engine's thread.
 */
void sg_reset_throw_out(struct sg_engine *engine, struct sg_request *rq)
{
	struct sg_gpu *gpu = engine->gpu;
	struct sg_ring *ring = rq->ring;

	drm_dbg(&gpu->node.drm, "%s: context %u: request %llu thrown out at %#llx\n", engine->name,
		ring->ctx->id, rq->fence.seqno, sg_cs_acthd(&ring->cs));
	sg_context_guilty(ring->ctx);
	sg_cs_init(&ring->cs, engine->class, engine->instance);

	spin_lock_irq(&gpu->sched_lock);
	engine->reset_count++;
	/* those who asked for this reset have counted it, and seen to the other engines */
	if (rq->reset == SG_RESET_NONE) {
		atomic_inc(&gpu->reset_count);
		if (READ_ONCE(gpu->params.reset) == 1) {
			disturb_innocents(gpu, BIT(engine->index));
			queue_work(system_highpri_wq, &gpu->uevent_work);
		}
	}
	spin_unlock_irq(&gpu->sched_lock);
	kick_engines(gpu);
}

/* Throw out what runs on the engines in @mask. Returns how many fences there are in @fences. */
static unsigned int reset_engines(struct sg_gpu *gpu, u64 mask, struct dma_fence **fences)
{
	bool full = READ_ONCE(gpu->params.reset) == 1;
	struct sg_request *rq;
	unsigned int i, n = 0;

	spin_lock_irq(&gpu->sched_lock);
	atomic_inc(&gpu->reset_count);
	for (i = 0; i < SG_NUM_ENGINES; i++) {
		rq = running(&gpu->engines[i]);
		if (!(mask & BIT(i)) || !rq || !rq->started)
			continue;
		WRITE_ONCE(rq->reset, SG_RESET_GUILTY);
		fences[n++] = dma_fence_get(&rq->fence);
	}
	if (full) {
		disturb_innocents(gpu, mask);
		queue_work(system_highpri_wq, &gpu->uevent_work);
	}
	spin_unlock_irq(&gpu->sched_lock);
	kick_engines(gpu);
	return n;
}

/**
 * sg_gpu_reset() - reset engines because somebody says so.
 * @gpu: the device
 * @mask: a bit for each engine that hangs, by index
 *
 * A dead GPU lives again; if resets are switched off, one that lives is dead.
 *
 * Context: may sleep; no lock. No signal ends it: who writes to a file would write again, and reset
 * what has nothing to do with it.
 */
void sg_gpu_reset(struct sg_gpu *gpu, u64 mask)
{
	struct dma_fence *fences[SG_NUM_ENGINES];
	unsigned int n;

	if (!READ_ONCE(gpu->params.reset)) {
		sg_gpu_set_wedged(gpu, true);
		sg_capture_note(gpu, "declared dead by hand");
		return;
	}
	sg_gpu_set_wedged(gpu, false);
	n = reset_engines(gpu, mask, fences);
	while (n--) {
		dma_fence_wait_timeout(fences[n], false, RESET_TIMEOUT);
		dma_fence_put(fences[n]);
	}
	/* those that were thrown out have left more, unless there were none, or not to be seen */
	sg_capture_note(gpu, "reset by hand");
}

/**
 * sg_gpu_set_wedged() - declare the GPU dead, or mended.
 * @gpu: the device
 * @wedged: which
 *
 * All that was submitted to a dead GPU ends with -EIO, once it waits for nothing any more.
 *
 * Context: any but interrupts.
 */
void sg_gpu_set_wedged(struct sg_gpu *gpu, bool wedged)
{
	WRITE_ONCE(gpu->wedged, wedged);
	if (wedged)
		sg_gpu_cancel_all(gpu);
}

/**
 * sg_gpu_cancel_all() - throw out all that was submitted until now.
 * @gpu: the device
 *
 * What still waits for fences ends when they have signalled.
 *
 * Context: any but interrupts.
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
