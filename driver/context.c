// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Contexts: see context.h. */
#include <linux/dma-fence.h>
#include <linux/slab.h>

#include "client.h"
#include "context.h"
#include "gpu.h"
#include "request.h"
#include "space.h"

static void timeline_init(struct sg_timeline *timeline)
{
	timeline->fence_context = dma_fence_context_alloc(1);
	mutex_init(&timeline->lock);
}

static void timeline_fini(struct sg_timeline *timeline)
{
	dma_fence_put(timeline->last);
	mutex_destroy(&timeline->lock);
}

static void free_rings(struct sg_context *ctx)
{
	unsigned int i;

	for (i = 0; i < SG_MAX_RINGS; i++) {
		if (!ctx->rings[i])
			continue;
		timeline_fini(&ctx->rings[i]->own);
		kvfree(ctx->rings[i]);
	}
}

static void context_free_work(struct work_struct *work)
{
	struct sg_context *ctx = container_of(work, struct sg_context, free_work);

	free_rings(ctx);
	if (ctx->timeline)
		timeline_fini(ctx->timeline);
	kfree(ctx->timeline);
	sg_space_put(ctx->space);
	sg_client_put(ctx->client);
	mutex_destroy(&ctx->lock);
	kfree(ctx);
}

static void context_free(struct kref *kref)
{
	struct sg_context *ctx = container_of(kref, struct sg_context, kref);

	/* the last reference may be an engine's, and an engine has no time for this */
	queue_work(ctx->gpu->free_wq, &ctx->free_work);
}

/**
 * sg_context_put() - drop a reference.
 * @ctx: the context
 *
 * Context: any.
 */
void sg_context_put(struct sg_context *ctx)
{
	kref_put(&ctx->kref, context_free);
}

/**
 * sg_context_create() - make a context on all engines.
 * @gpu: the device
 * @client: whose it is
 * @space: where it works; NULL: an address space of its own
 *
 * Return: the context, with one reference; -ENOMEM.
 */
struct sg_context *sg_context_create(struct sg_gpu *gpu, struct sg_client *client,
				     struct sg_space *space)
{
	struct sg_context *ctx = kzalloc(sizeof(*ctx), GFP_KERNEL_ACCOUNT);
	unsigned int i;

	if (!ctx)
		return ERR_PTR(-ENOMEM);
	ctx->space = space ? sg_space_get(space) :
			     sg_space_create(gpu, client->file);
	if (IS_ERR(ctx->space)) {
		kfree(ctx);
		return ERR_PTR(-ENOMEM);
	}
	kref_init(&ctx->kref);
	ctx->gpu = gpu;
	ctx->client = sg_client_get(client);
	mutex_init(&ctx->lock);
	INIT_WORK(&ctx->free_work, context_free_work);
	ctx->legacy_map = true;
	ctx->nengines = SG_NUM_ENGINES;
	for (i = 0; i < SG_NUM_ENGINES; i++)
		ctx->engines[i] = &gpu->engines[i];
	ctx->bannable = true;
	ctx->recoverable = true;
	ctx->persistent = true;
	return ctx;
}

/**
 * sg_context_set_engines() - choose what a context's indices mean.
 * @ctx: the context
 * @engines: an engine for each index, NULL: none
 * @n: indices, at most SG_MAX_RINGS
 *
 * Return: 0, or -EINVAL if the context is already in use, or has been given a map.
 */
int sg_context_set_engines(struct sg_context *ctx, struct sg_engine *const *engines,
			   unsigned int n)
{
	int ret = -EINVAL;

	mutex_lock(&ctx->lock);
	if (ctx->in_use || !ctx->legacy_map)
		goto unlock;
	ctx->legacy_map = false;
	ctx->nengines = n;
	memset(ctx->engines, 0, sizeof(ctx->engines));
	memcpy(ctx->engines, engines, n * sizeof(*engines));
	ret = 0;
unlock:
	mutex_unlock(&ctx->lock);
	return ret;
}

/**
 * sg_context_set_space() - let a context work in another address space.
 * @ctx: the context
 * @space: the space
 *
 * Return: 0, or -EINVAL if the context is already in use.
 */
int sg_context_set_space(struct sg_context *ctx, struct sg_space *space)
{
	struct sg_space *before = space;
	int ret = -EINVAL;

	sg_space_get(space);
	mutex_lock(&ctx->lock);
	if (!ctx->in_use) {
		before = ctx->space;
		ctx->space = space;
		ret = 0;
	}
	mutex_unlock(&ctx->lock);
	sg_space_put(before);
	return ret;
}

/**
 * sg_context_space() - the address space of a context.
 * @ctx: the context
 *
 * Return: the space, with a reference.
 */
struct sg_space *sg_context_space(struct sg_context *ctx)
{
	struct sg_space *space;

	mutex_lock(&ctx->lock);
	space = sg_space_get(ctx->space);
	mutex_unlock(&ctx->lock);
	return space;
}

/**
 * sg_context_share_timeline() - have all rings of a context work as one.
 * @ctx: the context, which nobody else knows yet
 *
 * Return: 0 or -ENOMEM.
 */
int sg_context_share_timeline(struct sg_context *ctx)
{
	ctx->timeline = kzalloc(sizeof(*ctx->timeline), GFP_KERNEL_ACCOUNT);
	if (!ctx->timeline)
		return -ENOMEM;
	timeline_init(ctx->timeline);
	return 0;
}

/**
 * sg_context_engine() - where an index of a context's map leads to.
 * @ctx: the context
 * @index: the index
 *
 * Return: the engine, or NULL.
 */
struct sg_engine *sg_context_engine(struct sg_context *ctx, unsigned int index)
{
	struct sg_engine *engine = NULL;

	mutex_lock(&ctx->lock);
	if (index < ctx->nengines)
		engine = ctx->engines[index];
	mutex_unlock(&ctx->lock);
	return engine;
}

static struct sg_ring *ring_create(struct sg_context *ctx, struct sg_engine *engine)
{
	struct sg_ring *ring = kvzalloc(sizeof(*ring), GFP_KERNEL_ACCOUNT);

	if (!ring)
		return ERR_PTR(-ENOMEM);
	ring->ctx = ctx;
	ring->engine = engine;
	timeline_init(&ring->own);
	ring->timeline = ctx->timeline ?: &ring->own;
	INIT_LIST_HEAD(&ring->requests);
	RB_CLEAR_NODE(&ring->ready_node);
	sg_cs_init(&ring->cs, engine->class, engine->instance);
	return ring;
}

/**
 * sg_context_ring() - where a context runs.
 * @ctx: the context
 * @index: an index of its map
 *
 * Context: may allocate.
 * Return: the ring, valid as long as the context; -EINVAL for an index that names nothing; -ENOMEM.
 */
struct sg_ring *sg_context_ring(struct sg_context *ctx, unsigned int index)
{
	struct sg_ring *ring;

	if (index >= SG_MAX_RINGS)
		return ERR_PTR(-EINVAL);
	ring = smp_load_acquire(&ctx->rings[index]);	/* pairs with the release below */
	if (ring)
		return ring;

	mutex_lock(&ctx->lock);
	ring = ctx->rings[index];
	if (!ring && (index >= ctx->nengines || !ctx->engines[index]))
		ring = ERR_PTR(-EINVAL);
	if (!ring) {
		ring = ring_create(ctx, ctx->engines[index]);
		if (!IS_ERR(ring)) {
			ctx->in_use = true;	/* its map and its space do not change any more */
			/* pairs with the acquire above and in sg_context_wait() */
			smp_store_release(&ctx->rings[index], ring);
		}
	}
	mutex_unlock(&ctx->lock);
	return ring;
}

/**
 * sg_ring_throttle() - wait until a ring has room for a request.
 * @ring: the ring
 * @nonblock: do not wait
 *
 * What a client can make the kernel hold on to is bounded by this.
 *
 * Context: may sleep; no lock.
 * Return: 0; -EAGAIN if it is full and the caller will not wait; -ERESTARTSYS.
 */
int sg_ring_throttle(struct sg_ring *ring, bool nonblock)
{
	const unsigned int limit = SG_RING_SIZE / SG_REQUEST_BYTES;

	for (;;) {
		struct dma_fence *fence = NULL;
		int ret;

		if (likely(READ_ONCE(ring->nrequests) < limit))
			return 0;
		if (nonblock)
			return -EAGAIN;
		spin_lock_irq(&ring->engine->gpu->sched_lock);
		if (ring->nrequests >= limit)
			fence = dma_fence_get(&list_first_entry(&ring->requests,
								struct sg_request, link)->fence);
		spin_unlock_irq(&ring->engine->gpu->sched_lock);
		if (!fence)
			return 0;
		ret = dma_fence_wait(fence, true);
		dma_fence_put(fence);
		if (ret)
			return ret;
	}
}

/* The last request of a ring that was submitted before a time, referenced. */
static struct dma_fence *last_before(struct sg_ring *ring, unsigned long before)
{
	struct dma_fence *fence = NULL;
	struct sg_request *rq;

	spin_lock_irq(&ring->engine->gpu->sched_lock);
	list_for_each_entry_reverse(rq, &ring->requests, link)
		if (time_before_eq(rq->submitted, before)) {
			fence = dma_fence_get(&rq->fence);
			break;
		}
	spin_unlock_irq(&ring->engine->gpu->sched_lock);
	return fence;
}

/**
 * sg_context_wait() - wait for what a context was given before a time.
 * @ctx: the context
 * @before: in jiffies
 *
 * Context: may sleep; no lock.
 * Return: 0 or -ERESTARTSYS.
 */
int sg_context_wait(struct sg_context *ctx, unsigned long before)
{
	unsigned int i;
	int ret = 0;

	for (i = 0; i < SG_MAX_RINGS && !ret; i++) {
		/* pairs with sg_context_ring() */
		struct sg_ring *ring = smp_load_acquire(&ctx->rings[i]);
		struct dma_fence *fence = ring ? last_before(ring, before) : NULL;

		if (!fence)
			continue;
		ret = dma_fence_wait(fence, true);
		dma_fence_put(fence);
	}
	return ret;
}

/**
 * sg_context_guilty() - a request of a context is thrown out for what it did.
 * @ctx: the context
 *
 * Counts, and bans the context if it does not recover from hangs or has them too often. One that
 * cannot be banned is for those who hang on purpose, to test.
 *
 * Context: any.
 */
void sg_context_guilty(struct sg_context *ctx)
{
	unsigned long flags, first;
	bool banned;

	atomic_inc(&ctx->guilty);
	spin_lock_irqsave(&ctx->gpu->sched_lock, flags);
	first = ctx->hangs[0];
	memmove(ctx->hangs, ctx->hangs + 1, sizeof(ctx->hangs) - sizeof(ctx->hangs[0]));
	ctx->hangs[SG_HANGS_REMEMBERED - 1] = jiffies | 1;
	banned = ctx->bannable && first && time_before(jiffies, first + SG_HANGS_FAST);
	spin_unlock_irqrestore(&ctx->gpu->sched_lock, flags);
	banned |= !ctx->recoverable;
	if (banned)
		WRITE_ONCE(ctx->banned, true);
	if (ctx->bannable)
		sg_client_guilty(ctx->client, banned);
}

/**
 * sg_context_doomed() - whether a context's work is not to be carried out any more.
 * @ctx: the context
 * @engine: where it would be
 *
 * It was cancelled, or banned; or nobody holds it any more, and nobody watches the engine either.
 */
bool sg_context_doomed(const struct sg_context *ctx, const struct sg_engine *engine)
{
	return READ_ONCE(ctx->banned) || READ_ONCE(ctx->cancelled) ||
	       (READ_ONCE(ctx->closed) && !READ_ONCE(engine->props.heartbeat_interval));
}

/* Have the engines end what they have of a context that is doomed, before anything else. */
static void hurry(struct sg_context *ctx)
{
	unsigned int i;

	spin_lock_irq(&ctx->gpu->sched_lock);
	for (i = 0; i < SG_MAX_RINGS; i++) {
		/* pairs with the release in sg_context_ring() */
		struct sg_ring *ring = smp_load_acquire(&ctx->rings[i]);

		if (ring)
			sg_engine_hurry(ring->engine, ring);
	}
	spin_unlock_irq(&ctx->gpu->sched_lock);
}

/**
 * sg_context_close() - the client lets go of a context.
 * @ctx: the context; the file's reference is dropped
 *
 * Work that was submitted is carried out, unless the context is not persistent. It is not either
 * while nobody looks for hangs: it might never end, and there is nobody left to notice.
 */
void sg_context_close(struct sg_context *ctx)
{
	WRITE_ONCE(ctx->closed, true);
	if (!ctx->persistent || !READ_ONCE(ctx->gpu->params.enable_hangcheck))
		WRITE_ONCE(ctx->cancelled, true);
	hurry(ctx);
	sg_context_put(ctx);
}
