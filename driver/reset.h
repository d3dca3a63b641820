/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Resets: what becomes of a hang, of the request that caused it, and of everybody else. */
#ifndef SOFTGEM_RESET_H
#define SOFTGEM_RESET_H

#include <linux/types.h>

struct sg_engine;
struct sg_gpu;
struct sg_request;

/*
 * How long a request may run unless an administrator says otherwise. Notifiers, and with them
 * munmap() and reclaim, wait for requests: nothing that a batch contains may keep them for ever.
 */
#define SG_REQUEST_TIMEOUT_MS	20000

void sg_reset_init(struct sg_gpu *gpu);
void sg_reset_fini(struct sg_gpu *gpu);

void sg_reset_throw_out(struct sg_engine *engine, struct sg_request *rq);
void sg_gpu_reset(struct sg_gpu *gpu, u64 mask);
void sg_gpu_set_wedged(struct sg_gpu *gpu, bool wedged);
void sg_gpu_cancel_all(struct sg_gpu *gpu);

#endif
