// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A context's map of engines, and its extensions.
 *
 * There is one engine of each class. So there is nothing to balance: a load balancer has one
 * engine, and is it. A bond restricts where a batch may go that has one choice. And batches that
 * are to run side by side would need two engines of a class.
 */
#include <linux/nospec.h>
#include <linux/uaccess.h>

#include "../context.h"
#include "i915.h"

/**
 * struct map - a map being made.
 * @gpu: the device
 * @engines: the engines, NULL: none
 * @n: entries
 */
struct map {
	struct sg_gpu *gpu;
	struct sg_engine *engines[SG_MAX_RINGS];
	unsigned int n;
};

static bool is_hole(const struct i915_engine_class_instance *ci)
{
	return ci->engine_class == (u16)I915_ENGINE_CLASS_INVALID &&
	       ci->engine_instance == (u16)I915_ENGINE_CLASS_INVALID_NONE;
}

/* Engine @i of an extension's list. */
static int get_engine(struct map *map, struct i915_engine_class_instance __user *list,
		      unsigned int i, struct sg_engine **engine)
{
	struct i915_engine_class_instance ci;

	if (copy_from_user(&ci, &list[i], sizeof(ci)))
		return -EFAULT;
	*engine = sg_engine_find(map->gpu, ci.engine_class, ci.engine_instance);
	return *engine ? 0 : -EINVAL;
}

static bool all_zero(const u64 *words, unsigned int n)
{
	return !memchr_inv(words, 0, n * sizeof(*words));
}

static int load_balance(struct i915_user_extension __user *base, void *data)
{
	struct i915_context_engines_load_balance __user *user = (void __user *)base;
	struct i915_context_engines_load_balance ext;
	struct sg_engine *engine, *chosen = NULL;
	struct map *map = data;
	unsigned int i;
	int ret;

	if (copy_from_user(&ext, user, sizeof(ext)))
		return -EFAULT;
	if (ext.engine_index >= map->n)
		return -EINVAL;
	ext.engine_index = array_index_nospec(ext.engine_index, map->n);
	if (map->engines[ext.engine_index])
		return -EEXIST;
	if (ext.flags || ext.mbz64)
		return -EINVAL;
	for (i = 0; i < ext.num_siblings; i++) {
		ret = get_engine(map, user->engines, i, &engine);
		if (ret)
			return ret;
		/* another class, or the same one twice */
		if (chosen)
			return -EINVAL;
		chosen = engine;
	}
	map->engines[ext.engine_index] = chosen;
	return 0;
}

static int bond(struct i915_user_extension __user *base, void *data)
{
	struct i915_context_engines_bond __user *user = (void __user *)base;
	struct i915_context_engines_bond ext;
	struct sg_engine *engine;
	struct map *map = data;
	unsigned int i;
	int ret;

	if (copy_from_user(&ext, user, sizeof(ext)))
		return -EFAULT;
	if (ext.virtual_index >= map->n)
		return -EINVAL;
	if (!map->engines[array_index_nospec(ext.virtual_index, map->n)])
		return -EINVAL;
	if (ext.flags || !all_zero(ext.mbz64, ARRAY_SIZE(ext.mbz64)))
		return -EINVAL;
	if (!sg_engine_find(map->gpu, ext.master.engine_class, ext.master.engine_instance))
		return -EINVAL;
	for (i = 0; i < ext.num_bonds; i++) {
		ret = get_engine(map, user->engines, i, &engine);
		if (ret)
			return ret;
	}
	return 0;
}

static int parallel_submit(struct i915_user_extension __user *base, void *data)
{
	struct i915_context_engines_parallel_submit ext;

	if (copy_from_user(&ext, base, sizeof(ext)))
		return -EFAULT;
	return -EINVAL;
}

static const i915_extension_fn extensions[] = {
	[I915_CONTEXT_ENGINES_EXT_LOAD_BALANCE] = load_balance,
	[I915_CONTEXT_ENGINES_EXT_BOND] = bond,
	[I915_CONTEXT_ENGINES_EXT_PARALLEL_SUBMIT] = parallel_submit,
};

/**
 * i915_set_engines() - I915_CONTEXT_PARAM_ENGINES: choose what execbuf's ring index means.
 * @ctx: the context
 * @p: the parameter
 *
 * Return: 0; -EINVAL: malformed, or the context is in use or has a map; -ENOENT: there is no such
 * engine; -EEXIST: an extension wants a place that is taken; -EFAULT, -ENOMEM.
 */
int i915_set_engines(struct sg_context *ctx, const struct drm_i915_gem_context_param *p)
{
	struct i915_context_param_engines __user *user = u64_to_user_ptr(p->value);
	struct map map = { .gpu = ctx->gpu };
	u64 chain;
	unsigned int i;
	int ret;

	if (p->size < sizeof(*user) ||
	    !IS_ALIGNED(p->size - sizeof(*user), sizeof(*user->engines)))
		return -EINVAL;
	map.n = (p->size - sizeof(*user)) / sizeof(*user->engines);
	if (map.n > SG_MAX_RINGS)
		return -EINVAL;
	for (i = 0; i < map.n; i++) {
		struct i915_engine_class_instance ci;

		if (copy_from_user(&ci, &user->engines[i], sizeof(ci)))
			return -EFAULT;
		if (is_hole(&ci))
			continue;
		map.engines[i] = sg_engine_find(ctx->gpu, ci.engine_class, ci.engine_instance);
		if (!map.engines[i])
			return -ENOENT;
	}
	if (get_user(chain, &user->extensions))
		return -EFAULT;
	ret = i915_for_each_extension(chain, extensions, ARRAY_SIZE(extensions), &map);
	return ret ?: sg_context_set_engines(ctx, map.engines, map.n);
}
