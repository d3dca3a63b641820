/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Contexts: whose work it is, where it runs, and how important it is. */
#ifndef SOFTGEM_CONTEXT_H
#define SOFTGEM_CONTEXT_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/workqueue.h>

#include "../device/cs.h"

struct dma_fence;
struct sg_client;
struct sg_context;
struct sg_engine;
struct sg_gpu;
struct sg_space;

/**
 * struct sg_timeline - requests that are carried out in the order of their submission.
 * @fence_context: their fences'
 * @lock: held from the choice of a sequence number until the request is queued
 * @seqno: the last one given out; guarded by @lock
 * @last: the last fence, if several rings share the timeline; likewise
 */
struct sg_timeline {
	u64 fence_context;
	struct mutex lock;
	u64 seqno;
	struct dma_fence *last;
};

/**
 * struct sg_ring - a context on an engine: its state there, and its requests in their order.
 * @ctx: the context; the ring lives as long as it does
 * @engine: the engine
 * @timeline: the order of its requests: @own, or the context's
 * @own: its own
 * @requests: those not yet completed; guarded by the device's sched_lock
 * @nrequests: how many they are; guarded likewise
 * @ready_node: in the engine's queue; guarded likewise
 * @ready_priority: its place there: first by importance,
 * @vtime: then by how much of the engine it has had, in ns,
 * @ready_order: then by age
 * @cs: the state of the hardware context; of the engine's thread while it runs
 * @restart: that state when its first request began, to begin again from
 */
struct sg_ring {
	struct sg_context *ctx;
	struct sg_engine *engine;
	struct sg_timeline *timeline;
	struct sg_timeline own;
	struct list_head requests;
	unsigned int nrequests;
	struct rb_node ready_node;
	int ready_priority;
	u64 vtime;
	u64 ready_order;
	struct sg_cs cs;
	struct sg_cs restart;
};

#define SG_MAX_RINGS		64
#define SG_MAX_PRIORITY		1023

/* What a request takes of a ring: about what it would be on hardware. */
#define SG_REQUEST_BYTES	256
#define SG_RING_SIZE		(16u << 10)

/* One hang more than these, within SG_HANGS_FAST, bans a context. */
#define SG_HANGS_REMEMBERED	2
#define SG_HANGS_FAST		(120 * HZ)

/**
 * struct sg_context - a context.
 * @kref: the file, submissions and requests hold references
 * @gpu: the device
 * @client: the file it belongs to
 * @space: its address space
 * @lock: guards @in_use and the making of @rings; until @in_use also @space, @engines, @nengines,
 *	@legacy_map
 * @in_use: something was submitted
 * @rings: where it can run. With @legacy_map the engines' own order, else as the client chose;
 *	made at the first use
 * @engines: which engine entry i of the map is; NULL: none
 * @nengines: entries in the map
 * @legacy_map: the client did not set a map: execbuf's ring flags name engines
 * @timeline: the order of all its requests; NULL: each ring has its own
 * @priority: of new requests, ±SG_MAX_PRIORITY
 * @bannable: too many hangs forbid further work
 * @recoverable: a hang does not end the context
 * @no_error_capture: a hang leaves no error state
 * @persistent: work goes on after the context is closed
 * @banned: no further work
 * @closed: the client has let go of it
 * @cancelled: what it was given is not to be carried out any more
 * @guilty: requests that were thrown out for hanging
 * @innocent: requests that lost what they had done to another's hang, and began again
 * @hangs: when the last of the former were, in jiffies, 0: never; guarded by sched_lock
 * @id: for people
 * @free_work: ends its life
 */
struct sg_context {
	struct kref kref;
	struct sg_gpu *gpu;
	struct sg_client *client;
	struct sg_space *space;

	struct mutex lock;
	bool in_use;
	struct sg_ring *rings[SG_MAX_RINGS];
	struct sg_engine *engines[SG_MAX_RINGS];
	unsigned int nengines;
	bool legacy_map;

	struct sg_timeline *timeline;
	int priority;
	bool bannable;
	bool recoverable;
	bool no_error_capture;
	bool persistent;
	bool banned;
	bool closed;
	bool cancelled;
	atomic_t guilty;
	atomic_t innocent;
	unsigned long hangs[SG_HANGS_REMEMBERED];
	u32 id;
	struct work_struct free_work;
};

struct sg_context *sg_context_create(struct sg_gpu *gpu, struct sg_client *client,
				     struct sg_space *space);
int sg_context_set_engines(struct sg_context *ctx, struct sg_engine *const *engines,
			   unsigned int n);
int sg_context_set_space(struct sg_context *ctx, struct sg_space *space);
struct sg_space *sg_context_space(struct sg_context *ctx);
int sg_context_share_timeline(struct sg_context *ctx);
struct sg_engine *sg_context_engine(struct sg_context *ctx, unsigned int index);
struct sg_ring *sg_context_ring(struct sg_context *ctx, unsigned int index);
int sg_ring_throttle(struct sg_ring *ring, bool nonblock);
int sg_context_wait(struct sg_context *ctx, unsigned long before);
void sg_context_guilty(struct sg_context *ctx);
bool sg_context_doomed(const struct sg_context *ctx, const struct sg_engine *engine);
void sg_context_close(struct sg_context *ctx);
void sg_context_put(struct sg_context *ctx);
static inline struct sg_context *sg_context_get(struct sg_context *ctx)
{
	kref_get(&ctx->kref);
	return ctx;
}

#endif
