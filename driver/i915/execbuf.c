// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Execbuffer2: the arguments are copied in and checked here; the core does the rest (submit.c),
 * with relocations (relocs.c) and syncobjs (execfence.c) as the client's part.
 */
#include <linux/file.h>
#include <linux/sizes.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

#include "../context.h"
#include "../object.h"
#include "../submit.h"
#include "execbuf.h"

/* Addresses above 4 GiB are only for clients that can cope with them. */
#define LOW_END			((4ull << 30) - PAGE_SIZE)
/*
 * What the driver places keeps clear of 0, and so does a batch that is relocated, even if the
 * client has it placed there: relocations may point before their target.
 */
#define LOW_START		(256ull << 10)

/* What is kept of all objects of a submission fits into INT_MAX bytes. */
#define OBJECTS_MAX	(INT_MAX / (sizeof(struct drm_i915_gem_exec_object2) + \
				    sizeof(struct sg_submit_object)) - 1)

static u64 noncanonical(u64 addr)
{
	return addr & (BIT_ULL(SG_ADDRESS_BITS) - 1);
}

static int check_args(const struct drm_i915_gem_execbuffer2 *args)
{
	if (args->flags & __I915_EXEC_UNKNOWN_FLAGS)
		return -EINVAL;
	if (args->flags & I915_EXEC_FENCE_IN && args->flags & I915_EXEC_FENCE_SUBMIT)
		return -EINVAL;
	if (args->flags & I915_EXEC_SECURE)
		return -EPERM;
	/* these had a meaning on older generations only */
	if (args->flags & (I915_EXEC_CONSTANTS_MASK | I915_EXEC_RESOURCE_STREAMER |
			   I915_EXEC_GEN7_SOL_RESET))
		return -EINVAL;
	if (!args->buffer_count || args->buffer_count > OBJECTS_MAX)
		return -EINVAL;
	if (!(args->flags & (I915_EXEC_FENCE_ARRAY | I915_EXEC_USE_EXTENSIONS)) &&
	    (args->num_cliprects || args->cliprects_ptr))
		return -EINVAL;
	if (args->flags & I915_EXEC_FENCE_ARRAY && args->flags & I915_EXEC_USE_EXTENSIONS)
		return -EINVAL;
	/* old X servers leave DR4 as they found it */
	if (args->DR1 || (args->DR4 && args->DR4 != U32_MAX))
		return -EINVAL;
	if ((args->batch_start_offset | args->batch_len) & 7)
		return -EINVAL;
	return 0;
}

static int select_ring(struct i915_exec *exec)
{
	static const unsigned int legacy[] = {
		[I915_EXEC_DEFAULT] = 0,
		[I915_EXEC_RENDER] = 0,
		[I915_EXEC_BSD] = 2,
		[I915_EXEC_BLT] = 1,
		[I915_EXEC_VEBOX] = 3,
	};
	struct sg_context *ctx = exec->submit.ctx;
	u64 flags = exec->args->flags;
	unsigned int index = flags & I915_EXEC_RING_MASK;

	if (ctx->legacy_map) {
		if (index != I915_EXEC_BSD && flags & I915_EXEC_BSD_MASK)
			return -EINVAL;
		if (index >= ARRAY_SIZE(legacy))
			return -EINVAL;
		/* there is but one video engine: the second cannot be asked for */
		if ((flags & I915_EXEC_BSD_MASK) == I915_EXEC_BSD_RING2)
			return -EINVAL;
		index = legacy[index];
	} else if (flags & I915_EXEC_BSD_MASK) {
		return -EINVAL;
	}
	exec->submit.ring = sg_context_ring(ctx, index);
	return PTR_ERR_OR_ZERO(exec->submit.ring);
}

/* What a client asks for one object: checked, and translated into the core's words. */
static int place_object(const struct drm_i915_gem_exec_object2 *entry, struct sg_submit_object *o,
			u64 space_size)
{
	u64 offset = noncanonical(entry->offset);
	struct sg_place *place = &o->place;

	if (entry->flags & __EXEC_OBJECT_UNKNOWN_FLAGS)
		return -EINVAL;
	if (entry->alignment && !is_power_of_2(entry->alignment))
		return -EINVAL;
	if (entry->flags & EXEC_OBJECT_PINNED &&
	    (entry->offset != i915_canonical(offset) || offset_in_page(offset)))
		return -EINVAL;
	place->size = o->obj->base.size;
	if (entry->flags & EXEC_OBJECT_PAD_TO_SIZE) {
		if (offset_in_page(entry->pad_to_size))
			return -EINVAL;
		place->size = max_t(u64, place->size, entry->pad_to_size);
	}
	place->alignment = entry->alignment > PAGE_SIZE ? entry->alignment : 0;
	place->start = 0;
	place->floor = LOW_START;
	place->end = entry->flags & EXEC_OBJECT_SUPPORTS_48B_ADDRESS ?
			space_size : min_t(u64, space_size, LOW_END);
	place->hint = offset & PAGE_MASK;
	place->fixed = entry->flags & EXEC_OBJECT_PINNED;
	if (place->fixed) {
		if (place->hint + place->size > place->end || place->hint + place->size < offset)
			return -EINVAL;
		if (place->alignment && !IS_ALIGNED(place->hint, place->alignment))
			return -EINVAL;
	} else {
		if (place->size > place->end)
			return -ENOSPC;
		/* that is a wish, and gives way to what is as large as the space */
		if (place->size > place->end - place->floor)
			place->floor = 0;
	}
	o->write = entry->flags & EXEC_OBJECT_WRITE;
	o->async = entry->flags & EXEC_OBJECT_ASYNC;
	o->capture = entry->flags & EXEC_OBJECT_CAPTURE;
	return 0;
}

/* So many handles are looked up without a break. */
#define LOOKUP_MAX	64u

/* Look up some more handles. Returns how many, all of them if none is wrong. */
static unsigned int lookup_some(struct i915_exec *exec, unsigned int first, unsigned int n)
{
	struct drm_file *file = exec->file;
	unsigned int i;

	spin_lock(&file->table_lock);
	for (i = first; i < first + n; i++) {
		struct drm_gem_object *gem = idr_find(&file->object_idr, exec->entries[i].handle);

		if (!gem)
			break;
		drm_gem_object_get(gem);
		exec->submit.objects[i] = (struct sg_submit_object) { .obj = to_sg_object(gem) };
	}
	spin_unlock(&file->table_lock);
	return i - first;
}

static int lookup_objects(struct i915_exec *exec)
{
	struct sg_submit *s = &exec->submit;
	u64 space_size = sg_space_size(s->ctx->gpu);
	unsigned int i, n;
	int ret;

	while (exec->nfound < s->count) {
		n = min(s->count - exec->nfound, LOOKUP_MAX);
		i = lookup_some(exec, exec->nfound, n);
		exec->nfound += i;
		if (i < n)
			return -ENOENT;
	}
	for (i = 0; i < s->count; i++) {
		ret = place_object(&exec->entries[i], &s->objects[i], space_size);
		if (ret)
			return ret;
	}
	return 0;
}

static int check_batch(struct i915_exec *exec)
{
	struct sg_submit *s = &exec->submit;
	struct sg_object *obj;

	s->batch = exec->args->flags & I915_EXEC_BATCH_FIRST ? 0 : s->count - 1;
	s->batch_offset = exec->args->batch_start_offset;
	s->batch_len = exec->args->batch_len;
	obj = s->objects[s->batch].obj;
	if (s->objects[s->batch].write)
		return -EINVAL;
	if (s->batch_offset >= obj->base.size ||
	    s->batch_len > obj->base.size - s->batch_offset)
		return -EINVAL;
	if (!s->batch_len)
		s->batch_len = obj->base.size - s->batch_offset;
	if (exec->entries[s->batch].relocation_count) {
		struct sg_place *place = &s->objects[s->batch].place;

		place->start = LOW_START;
		place->floor = LOW_START;
		if (!place->fixed && place->size > place->end - place->start)
			return -ENOSPC;
	}
	return 0;
}

/* So much memory is kept for a file's next submission. */
#define SCRATCH_MAX	SZ_256K

/* Memory for all that is said of the objects: of the file's last submission, if there is enough. */
static int get_scratch(struct i915_exec *exec)
{
	struct i915_file *fpriv = exec->file->driver_priv;
	size_t n = exec->args->buffer_count;
	size_t size = n * (sizeof(*exec->entries) + sizeof(*exec->submit.objects));

	exec->scratch = xchg(&fpriv->scratch, NULL);
	if (!exec->scratch || exec->scratch->size < size) {
		kvfree(exec->scratch);
		exec->scratch = kvmalloc(struct_size(exec->scratch, data, size),
					 GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
		if (!exec->scratch)
			return -ENOMEM;
		exec->scratch->size = size;
	}
	exec->submit.objects = (void *)exec->scratch->data;
	exec->entries = (void *)(exec->submit.objects + n);
	return 0;
}

static void put_scratch(struct i915_exec *exec)
{
	struct i915_file *fpriv = exec->file->driver_priv;
	struct i915_scratch *scratch = exec->scratch;

	if (scratch && scratch->size <= SCRATCH_MAX)
		scratch = xchg(&fpriv->scratch, scratch);
	kvfree(scratch);
}

static int copy_entries(struct i915_exec *exec)
{
	u64 user = exec->args->buffers_ptr;
	unsigned int n = exec->args->buffer_count;

	if (copy_from_user(exec->entries, u64_to_user_ptr(user), n * sizeof(*exec->entries)))
		return -EFAULT;
	exec->submit.count = n;
	return 0;
}

/* Tell the client where its objects are. Too late to fail. */
static void write_offsets(struct i915_exec *exec)
{
	struct drm_i915_gem_exec_object2 __user *user =
		u64_to_user_ptr(exec->args->buffers_ptr);
	unsigned int i, n = exec->submit.count;

	for (i = 0; i < n; i++) {
		u64 offset = i915_canonical(exec->submit.objects[i].offset);

		if (exec->entries[i].offset == offset)
			continue;
		if (put_user(offset, &user[i].offset)) {
			i915_list_stale(exec);
			return;
		}
	}
}

static const struct sg_submit_ops i915_submit_ops = {
	.patch = i915_relocate,
	.prepare = i915_copy_relocations,
	.collect = i915_exec_collect,
	.publish = i915_exec_publish,
	.published = i915_exec_published,
};

static int execbuf(struct i915_exec *exec)
{
	struct sg_submit *s = &exec->submit;
	int ret;

	ret = get_scratch(exec) ?: copy_entries(exec) ?: lookup_objects(exec) ?:
	      check_batch(exec) ?: i915_check_relocations(exec) ?: select_ring(exec) ?:
	      i915_exec_get_fences(exec) ?: sg_submit_run(s);
	if (ret)
		i915_list_stale(exec);
	else
		write_offsets(exec);
	return ret;
}

static void put_objects(struct i915_exec *exec)
{
	unsigned int i;

	for (i = 0; i < exec->nfound; i++)
		sg_object_put(exec->submit.objects[i].obj);
}

I915_IOCTL(gem_execbuffer)
{
	return -EINVAL;	/* its addresses are of the first generations */
}

I915_IOCTL(gem_execbuffer2)
{
	struct drm_i915_gem_execbuffer2 *args = data;
	struct i915_file *fpriv = file->driver_priv;
	int out_fd = -1;
	struct i915_exec exec = {
		.submit.gpu = to_sg_gpu(dev),
		.submit.ops = &i915_submit_ops,
		.submit.nonblock = file->filp->f_flags & O_NONBLOCK,
		.file = file,
		.args = args,
	};
	int ret;

	ret = check_args(args);
	if (ret)
		return ret;
	exec.submit.ctx = i915_context_lookup(fpriv, i915_execbuffer2_get_context_id(*args));
	if (!exec.submit.ctx)
		return -ENOENT;

	ret = -EINVAL;
	if (args->flags & (I915_EXEC_FENCE_IN | I915_EXEC_FENCE_SUBMIT)) {
		exec.in_fence = sync_file_get_fence(lower_32_bits(args->rsvd2));
		if (!exec.in_fence)
			goto out;
	}
	if (args->flags & I915_EXEC_FENCE_OUT) {
		out_fd = get_unused_fd_flags(O_CLOEXEC);
		if (out_fd < 0) {
			ret = out_fd;
			goto out;
		}
	}

	ret = execbuf(&exec);

	if (!ret && out_fd >= 0) {
		fd_install(out_fd, exec.out->file);
		args->rsvd2 &= U32_MAX;
		args->rsvd2 |= (u64)out_fd << 32;
		out_fd = -1;
	}
out:
	if (out_fd >= 0) {
		put_unused_fd(out_fd);
		if (exec.out)
			fput(exec.out->file);
	}
	dma_fence_put(exec.in_fence);
	i915_exec_put_fences(&exec);
	i915_free_relocations(&exec);
	put_objects(&exec);
	put_scratch(&exec);
	sg_context_put(exec.submit.ctx);
	return ret;
}
