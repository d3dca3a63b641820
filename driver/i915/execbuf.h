/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Execbuffer2: shared between its files. */
#ifndef SOFTGEM_I915_EXECBUF_H
#define SOFTGEM_I915_EXECBUF_H

#include <linux/bitops.h>
#include <linux/sched/signal.h>

#include "../gpu.h"
#include "../submit.h"
#include "i915.h"

struct dma_fence_chain;
struct drm_syncobj;
struct i915_reloc_target;
struct sync_file;

/**
 * struct i915_exec_fence - a syncobj that execbuf waits for or signals.
 * @syncobj: the syncobj, with a reference
 * @fence: what to wait for, or NULL
 * @chain: room for a point to be signalled on a timeline, or NULL
 * @point: that point
 * @signal: whether to signal
 */
struct i915_exec_fence {
	struct drm_syncobj *syncobj;
	struct dma_fence *fence;
	struct dma_fence_chain *chain;
	u64 point;
	bool signal;
};

/**
 * struct i915_scratch - memory that submissions use one after the other.
 * @size: bytes in @data
 * @data: arrays, of whoever has it; not cleared
 */
struct i915_scratch {
	size_t size;
	u8 data[] __aligned(8);
};

/**
 * struct i915_copied - the relocations of an object that had to be copied in.
 * @relocs: the relocations
 * @changes: what the object's client_data was when they said what its commands contain
 */
struct i915_copied {
	struct drm_i915_gem_relocation_entry *relocs;
	int changes;
};

/**
 * struct i915_exec - an execbuffer2 ioctl under way.
 * @submit: the core's part
 * @file: the caller
 * @args: the ioctl's arguments
 * @scratch: where @entries and @submit's objects are
 * @entries: the objects as the client described them
 * @nfound: how many of them were looked up
 * @copied: for each object, its relocations, once they had to be copied in; or NULL
 * @targets: by what relocations name them, if there are any; see relocs.c
 * @target_mask: entries of @targets, less one
 * @moved: some object was not where the client took it to be, in this attempt or one before it
 * @changed: commands were changed
 * @fences: syncobjs
 * @nfences: how many
 * @in_fence: FENCE_IN's or FENCE_SUBMIT's, or NULL
 * @out: FENCE_OUT's, or NULL; made by each attempt
 */
struct i915_exec {
	struct sg_submit submit;
	struct drm_file *file;
	struct drm_i915_gem_execbuffer2 *args;
	struct i915_scratch *scratch;
	struct drm_i915_gem_exec_object2 *entries;
	unsigned int nfound;
	struct i915_copied *copied;
	struct i915_reloc_target *targets;
	u32 target_mask;
	bool moved;
	bool changed;
	struct i915_exec_fence *fences;
	unsigned int nfences;
	struct dma_fence *in_fence;
	struct sync_file *out;
};

#define to_i915_exec(s)	container_of(s, struct i915_exec, submit)

/** i915_canonical() - an address as the client sees it: sign extended from bit 47. */
static inline u64 i915_canonical(u64 addr)
{
	return sign_extend64(addr, SG_ADDRESS_BITS - 1);
}

/**
 * i915_let_others_run() - what who goes through an array of the client's does now and then.
 *
 * Context: may sleep.
 * Return: 0; -EINTR: the process is being killed, and nobody wants the rest any more.
 */
static inline int i915_let_others_run(void)
{
	cond_resched();
	return fatal_signal_pending(current) ? -EINTR : 0;
}

int i915_relocate(struct sg_submit *s);
int i915_copy_relocations(struct sg_submit *s);
int i915_check_relocations(struct i915_exec *exec);
void i915_list_stale(struct i915_exec *exec);
void i915_free_relocations(struct i915_exec *exec);

int i915_exec_get_fences(struct i915_exec *exec);
void i915_exec_put_fences(struct i915_exec *exec);
int i915_exec_collect(struct sg_submit *s, struct sg_request *rq);
int i915_exec_publish(struct sg_submit *s, struct dma_fence *fence);
void i915_exec_published(struct sg_submit *s, struct dma_fence *fence);

#endif
