/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Requests: a batch on its way through an engine, and the fence that says when it is done. */
#ifndef SOFTGEM_REQUEST_H
#define SOFTGEM_REQUEST_H

#include <linux/dma-fence.h>
#include <linux/ktime.h>
#include <linux/timer.h>

#include "../device/cs.h"
#include "capture.h"

struct sg_gpu;
struct sg_request;
struct sg_ring;
struct sg_space;

/**
 * struct sg_wait - a fence that a request waits for.
 * @cb: our callback at the fence
 * @fence: the fence; a reference is held until the request ends
 * @request: who waits
 * @until_start: it is enough that the request behind the fence has begun to run
 * @start_link: in that request's list then; guarded by the device's sched_lock
 */
struct sg_wait {
	struct dma_fence_cb cb;
	struct dma_fence *fence;
	struct sg_request *request;
	bool until_start;
	struct list_head start_link;
};

/**
 * enum sg_reset - what an engine's reset means for a request that runs on it.
 * @SG_RESET_NONE: there was none
 * @SG_RESET_GUILTY: it is thrown out
 * @SG_RESET_INNOCENT: it begins again: where it was is lost
 */
enum sg_reset { SG_RESET_NONE, SG_RESET_GUILTY, SG_RESET_INNOCENT };

/**
 * struct sg_request - a batch that was submitted.
 * @fence: signals when it is done. First, so that the core can free the request with it.
 * @lock: the fence's
 * @gpu: the device
 * @ring: where it runs; the context is kept alive until the end
 * @space: where its addresses are; to be compared with and nothing else, once it has ended
 * @engine_class: of the engine it runs on; still to be asked for when @ring is gone
 * @link: in the ring's list, in the order of submission; guarded by the device's sched_lock
 * @gpu_link: in the device's list; guarded likewise
 * @batch: GPU address of the first command
 * @batch_len: bytes
 * @priority: of the context, or higher if somebody important waits; guarded by sched_lock
 * @pending: fences that have not signalled yet, and one more until the request is queued
 * @error: -errno to fail with instead of running; set by whoever notices
 * @overdue: a fence from outside had not signalled in time; written by the timer
 * @started: the engine has seen it; written by the engine's thread, under sched_lock
 * @start_waits: waits of others that end when it starts; guarded by sched_lock
 * @ran_ns: how long it has had the engine, but for its present turn; of the engine's thread
 * @held_ns: how long it has run without an offer to leave the engine; likewise
 * @hung: it came to a command that cannot be executed; likewise
 * @reset: what became of its engine; set under sched_lock, taken back by the engine's thread
 * @restart_ns: when it begins again after a reset that it is not to blame for, unless it has ended
 *	by then; written before @reset
 * @condemned: it is going to be thrown out; of the engine's thread
 * @capture_link: in the list of those that are captured before that; guarded by sched_lock
 * @batch_object: where the object is that the batch is in
 * @captures: what of the address space the client wants to see after a hang, besides
 * @ncaptures: how many
 * @submitted: when, in jiffies
 * @waits: what it waits for, @nwaits entries with room for @room; gone when it has ended (under
 *	sched_lock)
 * @nwaits: how many
 * @room: how many fit
 * @wait_table: where to find them, by fence: twice as many entries, each one more than an index, or
 *	0; NULL as long as they are few
 * @timer: gives up on fences from outside
 * @raise_link: work list of raise() in request.c; guarded by sched_lock
 */
struct sg_request {
	struct dma_fence fence;
	spinlock_t lock;
	struct sg_gpu *gpu;
	struct sg_ring *ring;
	const struct sg_space *space;
	enum sg_engine_class engine_class;
	struct list_head link;
	struct list_head gpu_link;
	u64 batch;
	u64 batch_len;
	int priority;
	atomic_t pending;
	int error;
	bool overdue;
	bool started;
	struct list_head start_waits;
	u64 ran_ns;
	u64 held_ns;
	bool hung;
	enum sg_reset reset;
	u64 restart_ns;
	bool condemned;
	struct list_head capture_link;
	struct sg_range batch_object;
	struct sg_range *captures;
	unsigned int ncaptures;
	unsigned long submitted;
	struct sg_wait *waits;
	unsigned int nwaits;
	unsigned int room;
	u32 *wait_table;
	struct timer_list timer;
	struct list_head raise_link;
};

/* A fence from outside that has not signalled by then is not waited for any longer. */
#define SG_FOREIGN_FENCE_TIMEOUT	(10 * HZ)

struct sg_request *sg_request_create(struct sg_ring *ring);
void sg_request_discard(struct sg_request *rq);
int sg_request_wait_for(struct sg_request *rq, struct dma_fence *fence, bool until_start);
void sg_request_init_fence(struct sg_request *rq);
void sg_request_queue(struct sg_request *rq);
void sg_request_started(struct sg_request *rq);
void sg_request_cancel(struct sg_request *rq);
void sg_request_complete(struct sg_request *rq, int error);

struct sg_request *sg_fence_to_request(const struct sg_gpu *gpu, struct dma_fence *fence);

#endif
