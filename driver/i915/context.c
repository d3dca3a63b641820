// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Contexts and address spaces as clients know them: by handles, with parameters. */
#include <linux/uaccess.h>

#include "../client.h"
#include "../context.h"
#include "../space.h"
#include "i915.h"

/* A bound on what a client can make the kernel hold on to. */
#define MAX_HANDLES	XA_LIMIT(0, U16_MAX)

/**
 * i915_context_lookup() - find a context by handle.
 * @fpriv: whose
 * @id: the handle
 *
 * Return: the context with a reference, or NULL.
 */
struct sg_context *i915_context_lookup(struct i915_file *fpriv, u32 id)
{
	struct sg_context *ctx;

	xa_lock(&fpriv->contexts);
	ctx = xa_load(&fpriv->contexts, id);
	if (ctx)
		sg_context_get(ctx);
	xa_unlock(&fpriv->contexts);
	return ctx;
}

/**
 * i915_space_lookup() - find an address space by handle.
 * @fpriv: whose
 * @id: the handle
 *
 * Return: the space with a reference, or NULL.
 */
struct sg_space *i915_space_lookup(struct i915_file *fpriv, u32 id)
{
	struct sg_space *space;

	xa_lock(&fpriv->spaces);
	space = xa_load(&fpriv->spaces, id);
	if (space)
		sg_space_get(space);
	xa_unlock(&fpriv->spaces);
	return space;
}

static int set_priority(struct sg_context *ctx, const struct drm_i915_gem_context_param *p)
{
	s64 priority = p->value;

	if (p->size)
		return -EINVAL;
	if (priority > I915_CONTEXT_MAX_USER_PRIORITY ||
	    priority < I915_CONTEXT_MIN_USER_PRIORITY)
		return -EINVAL;
	if (priority > I915_CONTEXT_DEFAULT_PRIORITY && !capable(CAP_SYS_NICE))
		return -EPERM;
	WRITE_ONCE(ctx->priority, priority);
	return 0;
}

static int set_bannable(struct sg_context *ctx, const struct drm_i915_gem_context_param *p)
{
	if (p->size)
		return -EINVAL;
	if (!p->value && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	ctx->bannable = p->value;
	return 0;
}

/* Taken, like the map of engines, only by a context that is not in use yet. */
static int set_space(struct i915_file *fpriv, struct sg_context *ctx,
		     const struct drm_i915_gem_context_param *p)
{
	struct sg_space *space;
	int ret;

	if (p->size)
		return -EINVAL;
	if (upper_32_bits(p->value))
		return -ENOENT;
	space = i915_space_lookup(fpriv, p->value);
	if (!space)
		return -ENOENT;
	ret = sg_context_set_space(ctx, space);
	sg_space_put(space);
	return ret;
}

static int get_space(struct i915_file *fpriv, struct sg_context *ctx,
		     struct drm_i915_gem_context_param *p)
{
	struct sg_space *space = sg_context_space(ctx);
	u32 id;
	int ret;

	ret = xa_alloc(&fpriv->spaces, &id, space, xa_limit_16b, GFP_KERNEL);
	if (ret) {
		sg_space_put(space);
		return ret;
	}
	p->size = 0;
	p->value = id;
	return 0;
}

/* What a context sees of the render engine's slices. It is all there is, and stays so. */
static int get_sseu(struct sg_context *ctx, struct drm_i915_gem_context_param *p)
{
	struct drm_i915_gem_context_param_sseu __user *user = u64_to_user_ptr(p->value);
	struct drm_i915_gem_context_param_sseu sseu;
	const struct sg_engine *engine;
	bool by_index;

	if (!p->size) {
		p->size = sizeof(sseu);
		return 0;
	}
	if (p->size < sizeof(sseu))
		return -EINVAL;
	if (copy_from_user(&sseu, user, sizeof(sseu)))
		return -EFAULT;
	if (sseu.rsvd || sseu.flags & ~I915_CONTEXT_SSEU_FLAG_ENGINE_INDEX)
		return -EINVAL;
	/* an engine of the context's own map by its index, or else any by its name */
	by_index = sseu.flags & I915_CONTEXT_SSEU_FLAG_ENGINE_INDEX;
	if (by_index == ctx->legacy_map)
		return -EINVAL;
	engine = by_index ? sg_context_engine(ctx, sseu.engine.engine_instance) :
			    sg_engine_find(ctx->gpu, sseu.engine.engine_class,
					   sseu.engine.engine_instance);
	if (!engine)
		return -EINVAL;
	sseu.slice_mask = GENMASK(I915_SLICES - 1, 0);
	sseu.subslice_mask = GENMASK(I915_SUBSLICES - 1, 0);
	sseu.min_eus_per_subslice = I915_EUS;
	sseu.max_eus_per_subslice = I915_EUS;
	p->size = sizeof(sseu);
	return copy_to_user(user, &sseu, sizeof(sseu)) ? -EFAULT : 0;
}

static int set_sseu(struct sg_context *ctx, const struct drm_i915_gem_context_param *p)
{
	if (p->size < sizeof(struct drm_i915_gem_context_param_sseu))
		return -EINVAL;
	return -ENODEV;	/* slices are switched on and off on generation 11 alone */
}

static int set_param(struct i915_file *fpriv, struct sg_context *ctx,
		     const struct drm_i915_gem_context_param *p)
{
	switch (p->param) {
	case I915_CONTEXT_PARAM_NO_ERROR_CAPTURE:
		if (p->size)
			return -EINVAL;
		ctx->no_error_capture = p->value;
		return 0;
	case I915_CONTEXT_PARAM_BANNABLE:
		return set_bannable(ctx, p);
	case I915_CONTEXT_PARAM_RECOVERABLE:
		if (p->size)
			return -EINVAL;
		ctx->recoverable = p->value;
		return 0;
	case I915_CONTEXT_PARAM_PRIORITY:
		return set_priority(ctx, p);
	case I915_CONTEXT_PARAM_PERSISTENCE:
		if (p->size)
			return -EINVAL;
		ctx->persistent = p->value;
		return 0;
	case I915_CONTEXT_PARAM_SSEU:
		return set_sseu(ctx, p);
	case I915_CONTEXT_PARAM_VM:
		return set_space(fpriv, ctx, p);
	case I915_CONTEXT_PARAM_ENGINES:
		return i915_set_engines(ctx, p);
	default:
		return -EINVAL;
	}
}

static int get_param(struct i915_file *fpriv, struct sg_context *ctx,
		     struct drm_i915_gem_context_param *p)
{
	switch (p->param) {
	case I915_CONTEXT_PARAM_GTT_SIZE:
		p->value = sg_space_size(ctx->gpu);
		break;
	case I915_CONTEXT_PARAM_NO_ERROR_CAPTURE:
		p->value = ctx->no_error_capture;
		break;
	case I915_CONTEXT_PARAM_BANNABLE:
		p->value = ctx->bannable;
		break;
	case I915_CONTEXT_PARAM_RECOVERABLE:
		p->value = ctx->recoverable;
		break;
	case I915_CONTEXT_PARAM_PRIORITY:
		p->value = ctx->priority;
		break;
	case I915_CONTEXT_PARAM_PERSISTENCE:
		p->value = ctx->persistent;
		break;
	case I915_CONTEXT_PARAM_VM:
		return get_space(fpriv, ctx, p);
	case I915_CONTEXT_PARAM_SSEU:
		return get_sseu(ctx, p);
	default:
		return -EINVAL;
	}
	p->size = 0;
	return 0;
}

/* What the extensions of CONTEXT_CREATE work on. */
struct create {
	struct i915_file *fpriv;
	struct sg_context *ctx;
};

static int create_setparam(struct i915_user_extension __user *base, void *data)
{
	struct drm_i915_gem_context_create_ext_setparam ext;
	struct create *create = data;

	if (copy_from_user(&ext, base, sizeof(ext)))
		return -EFAULT;
	if (ext.param.ctx_id)
		return -EINVAL;
	return set_param(create->fpriv, create->ctx, &ext.param);
}

static const i915_extension_fn create_extensions[] = {
	[I915_CONTEXT_CREATE_EXT_SETPARAM] = create_setparam,
};

I915_IOCTL(gem_context_create)
{
	struct drm_i915_gem_context_create_ext *args = data;
	struct create create = { .fpriv = file->driver_priv };
	u32 id;
	int ret;

	if (args->flags & I915_CONTEXT_CREATE_FLAGS_UNKNOWN)
		return -EINVAL;
	if (READ_ONCE(create.fpriv->gpu->wedged) || sg_client_banned(create.fpriv->client))
		return -EIO;
	create.ctx = sg_context_create(create.fpriv->gpu, create.fpriv->client, NULL);
	if (IS_ERR(create.ctx))
		return PTR_ERR(create.ctx);
	if (args->flags & I915_CONTEXT_CREATE_FLAGS_SINGLE_TIMELINE) {
		ret = sg_context_share_timeline(create.ctx);
		if (ret)
			goto put;
	}
	if (args->flags & I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS) {
		ret = i915_for_each_extension(args->extensions, create_extensions,
					      ARRAY_SIZE(create_extensions), &create);
		if (ret)
			goto put;
	}
	/* another thread may guess the number, and destroy the context at once */
	sg_context_get(create.ctx);
	ret = xa_alloc(&create.fpriv->contexts, &id, create.ctx, MAX_HANDLES, GFP_KERNEL);
	if (ret) {
		sg_context_put(create.ctx);
		goto put;
	}
	create.ctx->id = id;
	args->ctx_id = id;
put:
	sg_context_put(create.ctx);
	return ret;
}

I915_IOCTL(gem_context_destroy)
{
	struct drm_i915_gem_context_destroy *args = data;
	struct i915_file *fpriv = file->driver_priv;
	struct sg_context *ctx;

	if (args->pad)
		return -EINVAL;
	if (!args->ctx_id)
		return -ENOENT;
	ctx = xa_erase(&fpriv->contexts, args->ctx_id);
	if (!ctx)
		return -ENOENT;
	sg_context_close(ctx);
	return 0;
}

I915_IOCTL(gem_context_getparam)
{
	struct drm_i915_gem_context_param *args = data;
	struct i915_file *fpriv = file->driver_priv;
	struct sg_context *ctx = i915_context_lookup(fpriv, args->ctx_id);
	int ret;

	if (!ctx)
		return -ENOENT;
	ret = get_param(fpriv, ctx, args);
	sg_context_put(ctx);
	return ret;
}

I915_IOCTL(gem_context_setparam)
{
	struct drm_i915_gem_context_param *args = data;
	struct i915_file *fpriv = file->driver_priv;
	struct sg_context *ctx = i915_context_lookup(fpriv, args->ctx_id);
	int ret;

	if (!ctx)
		return -ENOENT;
	/* what the default context is, is settled when the file is opened */
	if (!args->ctx_id && (args->param == I915_CONTEXT_PARAM_VM ||
			      args->param == I915_CONTEXT_PARAM_ENGINES))
		ret = -EINVAL;
	else
		ret = set_param(fpriv, ctx, args);
	sg_context_put(ctx);
	return ret;
}

I915_IOCTL(get_reset_stats)
{
	struct drm_i915_reset_stats *args = data;
	struct i915_file *fpriv = file->driver_priv;
	struct sg_context *ctx;

	if (args->flags || args->pad)
		return -EINVAL;
	ctx = i915_context_lookup(fpriv, args->ctx_id);
	if (!ctx)
		return -ENOENT;
	args->reset_count = capable(CAP_SYS_ADMIN) ? atomic_read(&fpriv->gpu->reset_count) : 0;
	args->batch_active = atomic_read(&ctx->guilty);
	args->batch_pending = atomic_read(&ctx->innocent);
	sg_context_put(ctx);
	return 0;
}

I915_IOCTL(gem_vm_create)
{
	struct drm_i915_gem_vm_control *args = data;
	struct i915_file *fpriv = file->driver_priv;
	struct sg_space *space;
	u32 id;
	int ret;

	if (args->flags)
		return -EINVAL;
	ret = i915_for_each_extension(args->extensions, NULL, 0, NULL);
	if (ret)
		return ret;
	space = sg_space_create(fpriv->gpu, file);
	if (IS_ERR(space))
		return PTR_ERR(space);
	ret = xa_alloc(&fpriv->spaces, &id, space, xa_limit_16b, GFP_KERNEL);
	if (ret) {
		sg_space_put(space);
		return ret;
	}
	args->vm_id = id;
	return 0;
}

I915_IOCTL(gem_vm_destroy)
{
	struct drm_i915_gem_vm_control *args = data;
	struct i915_file *fpriv = file->driver_priv;
	struct sg_space *space;

	if (args->flags || args->extensions)
		return -EINVAL;
	space = xa_erase(&fpriv->spaces, args->vm_id);
	if (!space)
		return -ENOENT;
	sg_space_put(space);
	return 0;
}
