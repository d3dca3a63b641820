/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* A batch that is made once and submitted again and again, with nothing else done in between. */
#ifndef SOFTGEM_BENCH_SUBMISSION_H
#define SOFTGEM_BENCH_SUBMISSION_H

#include "batch.h"

/**
 * struct submission - a batch and the objects it is submitted with.
 * @fd: the file
 * @batch: the batch's object, the last in @obj
 * @obj: the exec objects
 * @eb: the ioctl's argument
 */
struct submission {
	int fd;
	uint32_t batch;
	struct drm_i915_gem_exec_object2 *obj;
	struct drm_i915_gem_execbuffer2 eb;
};

/**
 * submission_init() - make a batch.
 * @s: to be filled in
 * @fd: the file
 * @engine: I915_EXEC_*
 * @handles: other objects, softpinned at batch_address(); the batch is said to write to each
 * @count: how many
 * @dw: commands, without the batch's end; or NULL
 * @n: how many dwords
 */
void submission_init(struct submission *s, int fd, uint64_t engine, const uint32_t *handles,
		     unsigned int count, const uint32_t *dw, unsigned int n);
void submission_free(struct submission *s);
/** submission_run() - submit it, and wait until it is done. */
void submission_run(struct submission *s);
/** submission_time() - the least of @times runs, in ns. */
double submission_time(struct submission *s, unsigned int times);

#endif
