/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Submission: from a list of objects and a batch to a request in an engine's queue. */
#ifndef SOFTGEM_SUBMIT_H
#define SOFTGEM_SUBMIT_H

#include <linux/bits.h>
#include <linux/types.h>
#include <linux/ww_mutex.h>

#include "grip.h"
#include "space.h"

struct dma_fence;
struct sg_binding;
struct sg_context;
struct sg_gpu;
struct sg_object;
struct sg_request;
struct sg_ring;
struct sg_submit;

/**
 * struct sg_submit_object - an object in a submission.
 * @obj: the object, with a reference
 * @place: where it is wanted
 * @write: the GPU is going to write to it
 * @async: do not wait for others' use of it
 * @capture: to be seen after a hang
 * @grip: what keeps its pages in place until the submission is done, should they need it
 * @binding: where it is; from sg_submit_ops.patch on
 * @offset: its address; likewise
 * @pinned: it stays there
 * @shared: another one's reservation, which is locked, is its own as well
 * @moves: its memory may be taken away without its reservation: see sg_object_ready()
 */
struct sg_submit_object {
	struct sg_object *obj;
	struct sg_place place;
	bool write;
	bool async;
	bool capture;
	struct sg_grip grip;
	struct sg_binding *binding;
	u64 offset;
	bool pinned;
	bool shared;
	bool moves;
};

/**
 * struct sg_submit_ops - the client's part.
 * @patch: put addresses into the objects' memory. Called with all reservations held and all
 *	objects bound; must not fault user memory. May return -EAGAIN: everything is undone, and the
 *	submission begins again after @prepare.
 * @prepare: called with no lock held after @patch returned -EAGAIN, to copy in what could not be
 *	read, or its owner told of. May fault user memory.
 * @collect: add the fences that the client asks to wait for (sg_request_wait_for()).
 * @publish: make what shows the fence to the client and may fail to be made. The fence is not
 *	public yet; if the submission fails after this, it signals an error.
 * @published: called once, when the request is queued and no lock is held any more: hand the fence
 *	out.
 */
struct sg_submit_ops {
	int (*patch)(struct sg_submit *s);
	int (*prepare)(struct sg_submit *s);
	int (*collect)(struct sg_submit *s, struct sg_request *rq);
	int (*publish)(struct sg_submit *s, struct dma_fence *fence);
	void (*published)(struct sg_submit *s, struct dma_fence *fence);
};

/**
 * struct sg_submit - a submission under way.
 * @gpu: the device
 * @ctx: the context, with a reference
 * @ring: where it shall run
 * @ops: the client's part
 * @objects: the objects
 * @count: how many, at least 1
 * @batch: which of them is the batch
 * @batch_offset: bytes into it
 * @batch_len: bytes
 * @nonblock: do not wait for room in the ring
 * @ww: the reservations' ticket
 * @locked: how many of the objects are locked
 * @lockdep: how many of the locks lockdep knows of
 * @npinned: how many are pinned
 * @ahead: an object that was locked before its turn, since we had to wait for it
 */
struct sg_submit {
	struct sg_gpu *gpu;
	struct sg_context *ctx;
	struct sg_ring *ring;
	const struct sg_submit_ops *ops;
	struct sg_submit_object *objects;
	unsigned int count;
	unsigned int batch;
	u64 batch_offset;
	u64 batch_len;
	bool nonblock;

	struct ww_acquire_ctx ww;
	unsigned int locked;
	unsigned int lockdep;
	unsigned int npinned;
	struct sg_object *ahead;
};

int sg_submit_run(struct sg_submit *s);

#endif
