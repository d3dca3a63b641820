// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Fences that execbuf is given explicitly: sync_files, syncobjs, points on timelines. */
#include <linux/dma-fence-chain.h>
#include <linux/file.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include <drm/drm_syncobj.h>

#include "../request.h"
#include "execbuf.h"

/* So many are handed out even if the process is being killed: nobody has a reason to name more. */
#define FEW	64

static int add_fence(struct i915_exec *exec, u32 handle, u32 flags, u64 point)
{
	struct i915_exec_fence *f = &exec->fences[exec->nfences];
	int ret;

	if (flags & __I915_EXEC_FENCE_UNKNOWN_FLAGS)
		return -EINVAL;
	/* a point of a timeline signals once: it cannot come before itself */
	if (point && flags & I915_EXEC_FENCE_WAIT && flags & I915_EXEC_FENCE_SIGNAL)
		return -EINVAL;
	f->syncobj = drm_syncobj_find(exec->file, handle);
	if (!f->syncobj)
		return -ENOENT;
	exec->nfences++;	/* from here on i915_exec_put_fences() cleans up */
	f->point = point;
	f->signal = flags & I915_EXEC_FENCE_SIGNAL;

	if (flags & I915_EXEC_FENCE_WAIT) {
		f->fence = drm_syncobj_fence_get(f->syncobj);
		if (!f->fence)
			return -EINVAL;
		if (point) {
			ret = dma_fence_chain_find_seqno(&f->fence, point);
			if (ret)
				return ret;
		}
	}
	if (f->signal && point) {
		f->chain = dma_fence_chain_alloc();
		if (!f->chain)
			return -ENOMEM;
	}
	return 0;
}

/* Room for @n more. */
static int alloc_fences(struct i915_exec *exec, u64 n)
{
	struct i915_exec_fence *fences;

	if (n > min_t(u64, ULONG_MAX / sizeof(struct drm_i915_gem_exec_fence),
		      SIZE_MAX / sizeof(*fences)) - exec->nfences)
		return -EINVAL;
	fences = kvcalloc(exec->nfences + n, sizeof(*fences), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	if (!fences)
		return -ENOMEM;
	if (exec->nfences)
		memcpy(fences, exec->fences, exec->nfences * sizeof(*fences));
	kvfree(exec->fences);
	exec->fences = fences;
	return 0;
}

static int add_fences(struct i915_exec *exec, u64 user, u64 values, u64 n)
{
	struct drm_i915_gem_exec_fence __user *ufence = u64_to_user_ptr(user);
	u64 __user *uvalue = u64_to_user_ptr(values);
	u64 i;
	int ret;

	if (!n)
		return 0;
	ret = alloc_fences(exec, n);
	if (ret)
		return ret;
	for (i = 0; i < n; i++) {
		struct drm_i915_gem_exec_fence f;
		u64 point = 0;

		/* there may be millions, and each may be the end of a long chain */
		if (i915_let_others_run())
			return -EINTR;
		if (copy_from_user(&f, &ufence[i], sizeof(f)))
			return -EFAULT;
		if (values && get_user(point, &uvalue[i]))
			return -EFAULT;
		ret = add_fence(exec, f.handle, f.flags, point);
		if (ret)
			return ret;
	}
	return 0;
}

static int timeline_fences(struct i915_user_extension __user *base, void *data)
{
	struct drm_i915_gem_execbuffer_ext_timeline_fences ext;
	struct i915_exec *exec = data;

	if (copy_from_user(&ext, base, sizeof(ext)))
		return -EFAULT;
	return add_fences(exec, ext.handles_ptr, ext.values_ptr, ext.fence_count);
}

static const i915_extension_fn execbuf_extensions[] = {
	[DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES] = timeline_fences,
};

/**
 * i915_exec_get_fences() - look up all syncobjs that an execbuf names.
 * @exec: the execbuf
 *
 * Return: 0; -ENOENT, -EINVAL, -EFAULT, -ENOMEM; -EINTR: the process is being killed.
 * i915_exec_put_fences() cleans up in any case.
 */
int i915_exec_get_fences(struct i915_exec *exec)
{
	const struct drm_i915_gem_execbuffer2 *args = exec->args;

	if (args->flags & I915_EXEC_USE_EXTENSIONS)
		return args->num_cliprects ? -EINVAL :
			i915_for_each_extension(args->cliprects_ptr, execbuf_extensions,
						ARRAY_SIZE(execbuf_extensions), exec);
	if (args->flags & I915_EXEC_FENCE_ARRAY)
		return add_fences(exec, args->cliprects_ptr, 0, args->num_cliprects);
	return 0;
}

/** i915_exec_put_fences() - let go of what i915_exec_get_fences() found. */
void i915_exec_put_fences(struct i915_exec *exec)
{
	while (exec->nfences--) {
		struct i915_exec_fence *f = &exec->fences[exec->nfences];

		cond_resched();
		dma_fence_chain_free(f->chain);
		dma_fence_put(f->fence);
		drm_syncobj_put(f->syncobj);
	}
	kvfree(exec->fences);
}

/** i915_exec_collect() - sg_submit_ops.collect: have the request wait for what the client named. */
int i915_exec_collect(struct sg_submit *s, struct sg_request *rq)
{
	struct i915_exec *exec = to_i915_exec(s);
	unsigned int i;
	int ret;

	ret = sg_request_wait_for(rq, exec->in_fence,
				  exec->args->flags & I915_EXEC_FENCE_SUBMIT);
	for (i = 0; i < exec->nfences && !ret; i++) {
		if (i915_let_others_run())
			return -EINTR;
		ret = sg_request_wait_for(rq, exec->fences[i].fence, false);
	}
	return ret;
}

/** i915_exec_publish() - sg_submit_ops.publish: make what may fail to be made. */
int i915_exec_publish(struct sg_submit *s, struct dma_fence *fence)
{
	struct i915_exec *exec = to_i915_exec(s);

	if (!(exec->args->flags & I915_EXEC_FENCE_OUT))
		return 0;
	/* that of an attempt that failed shows a fence that has signalled an error */
	if (exec->out)
		fput(exec->out->file);
	exec->out = sync_file_create(fence);
	return exec->out ? 0 : -ENOMEM;
}

/**
 * i915_exec_published() - sg_submit_ops.published: hand the fence to the syncobjs.
 * @s: the submission
 * @fence: its fence
 *
 * A point on a timeline costs a walk along those that have not signalled: nobody else waits for
 * this, and a process that is being killed leaves all but the first few.
 */
void i915_exec_published(struct sg_submit *s, struct dma_fence *fence)
{
	struct i915_exec *exec = to_i915_exec(s);
	unsigned int i;

	for (i = 0; i < exec->nfences; i++) {
		struct i915_exec_fence *f = &exec->fences[i];

		if (i915_let_others_run() && i >= FEW)
			return;
		if (!f->signal)
			continue;
		if (f->chain) {
			drm_syncobj_add_point(f->syncobj, f->chain, fence, f->point);
			f->chain = NULL;
		} else {
			drm_syncobj_replace_fence(f->syncobj, fence);
		}
	}
}
