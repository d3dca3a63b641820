/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The error state: what the first hang that nobody has looked at yet left behind. */
#ifndef SOFTGEM_CAPTURE_H
#define SOFTGEM_CAPTURE_H

#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/types.h>
#include <linux/workqueue.h>

#include "engine.h"

struct sg_context;
struct sg_error;
struct sg_request;

/**
 * struct sg_range - a part of an address space.
 * @addr: its first address
 * @size: bytes
 */
struct sg_range {
	u64 addr;
	u64 size;
};

/**
 * struct sg_captures - a device's error state, and what makes it.
 * @lock: guards @error
 * @error: the state, or NULL
 * @requests: those that wait to be captured; guarded by the device's sched_lock
 * @work: captures them
 * @wq: where @work runs: fences wait for it
 * @mem: what @work sees
 */
struct sg_captures {
	struct mutex lock;
	struct sg_error *error;
	struct list_head requests;
	struct work_struct work;
	struct workqueue_struct *wq;
	struct sg_mem mem;
};

int sg_capture_init(struct sg_gpu *gpu);
void sg_capture_fini(struct sg_gpu *gpu);

bool sg_capture_wanted(struct sg_gpu *gpu, const struct sg_context *ctx);
void sg_capture_start(struct sg_gpu *gpu, struct sg_request *rq);
void sg_capture_note(struct sg_gpu *gpu, const char *what);

ssize_t sg_error_read(struct sg_gpu *gpu, char *buf, loff_t pos, size_t size);
void sg_error_clear(struct sg_gpu *gpu);

#endif
