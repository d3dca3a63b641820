// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Open files, and chains of extensions. */
#include <linux/nospec.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../client.h"
#include "../context.h"
#include "../space.h"
#include "i915.h"

/* A chain that is longer is a loop. */
#define MAX_EXTENSIONS	512

/**
 * i915_for_each_extension() - walk a chain of struct i915_user_extension.
 * @user: its head in user memory, or 0
 * @table: what to call, by name
 * @n: entries in @table
 * @data: for the callbacks
 *
 * Return: 0; -EINVAL for unknown names and flags; -E2BIG for chains that are too long; -EINTR;
 * -EFAULT; what a callback says.
 */
int i915_for_each_extension(u64 user, const i915_extension_fn *table, unsigned int n, void *data)
{
	struct i915_user_extension __user *ext = u64_to_user_ptr(user);
	unsigned int count, i;

	for (count = 0; ext; count++) {
		struct i915_user_extension e;
		int ret;

		if (count == MAX_EXTENSIONS)
			return -E2BIG;
		if (signal_pending(current))
			return -EINTR;
		if (copy_from_user(&e, ext, sizeof(e)))
			return -EFAULT;
		if (e.flags)
			return -EINVAL;
		for (i = 0; i < ARRAY_SIZE(e.rsvd); i++)
			if (e.rsvd[i])
				return -EINVAL;
		if (e.name >= n)
			return -EINVAL;
		e.name = array_index_nospec(e.name, n);
		if (!table[e.name])
			return -EINVAL;
		ret = table[e.name](ext, data);
		if (ret)
			return ret;
		ext = u64_to_user_ptr(e.next_extension);
	}
	return 0;
}

/** i915_open() - a process opens the device: it gets a default context. */
int i915_open(struct drm_device *dev, struct drm_file *file)
{
	struct sg_gpu *gpu = to_sg_gpu(dev);
	struct i915_file *fpriv;
	struct sg_context *ctx;
	int ret;

	fpriv = kzalloc(sizeof(*fpriv), GFP_KERNEL_ACCOUNT);
	if (!fpriv)
		return -ENOMEM;
	fpriv->gpu = gpu;
	fpriv->client = sg_client_create(gpu, file);
	if (!fpriv->client) {
		ret = -ENOMEM;
		goto free;
	}
	xa_init_flags(&fpriv->contexts, XA_FLAGS_ALLOC);
	xa_init_flags(&fpriv->spaces, XA_FLAGS_ALLOC1);
	ctx = sg_context_create(gpu, fpriv->client, NULL);
	if (IS_ERR(ctx)) {
		ret = PTR_ERR(ctx);
		goto put_client;
	}
	ret = xa_err(xa_store(&fpriv->contexts, 0, ctx, GFP_KERNEL));
	if (ret)
		goto put;
	file->driver_priv = fpriv;
	return 0;

put:
	sg_context_put(ctx);
put_client:
	xa_destroy(&fpriv->contexts);
	sg_client_put(fpriv->client);
free:
	kfree(fpriv);
	return ret;
}

/** i915_postclose() - the last reference to an open file is gone. */
void i915_postclose(struct drm_device *dev, struct drm_file *file)
{
	struct i915_file *fpriv = file->driver_priv;
	struct sg_context *ctx;
	struct sg_space *space;
	unsigned long id;

	xa_for_each(&fpriv->contexts, id, ctx)
		sg_context_close(ctx);
	xa_destroy(&fpriv->contexts);
	xa_for_each(&fpriv->spaces, id, space)
		sg_space_put(space);
	xa_destroy(&fpriv->spaces);
	sg_client_put(fpriv->client);
	kvfree(fpriv->scratch);
	kfree(fpriv);
}
