// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Objects: creation, access by the CPU, properties, waiting. */
#include <linux/dma-resv.h>
#include <linux/mm.h>
#include <linux/mman.h>
#include <linux/uaccess.h>

#include "../context.h"
#include "../mmap.h"
#include "../object.h"
#include "../prime.h"
#include "../request.h"
#include "../shadow.h"
#include "../userptr.h"
#include "i915.h"

/* Requests older than this are waited for by THROTTLE. */
#define THROTTLE_AGE	msecs_to_jiffies(20)

static int create(struct drm_device *dev, struct drm_file *file, u64 *size, u32 *handle)
{
	struct sg_object *obj;

	if (!PAGE_ALIGN(*size))		/* 0, or it wraps */
		return -EINVAL;
	*size = PAGE_ALIGN(*size);
	obj = sg_shmem_create(dev, *size);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	return sg_object_publish(obj, file, handle);
}

I915_IOCTL(gem_create)
{
	struct drm_i915_gem_create *args = data;

	return create(dev, file, &args->size, &args->handle);
}

/* The only region there is: system memory, instance 0. */
static int ext_memory_regions(struct i915_user_extension __user *base, void *data)
{
	struct drm_i915_gem_create_ext_memory_regions ext;
	struct drm_i915_gem_memory_class_instance region;
	bool *seen = data;

	if (*seen)
		return -EINVAL;
	if (copy_from_user(&ext, base, sizeof(ext)))
		return -EFAULT;
	if (ext.pad || ext.num_regions != 1)
		return -EINVAL;
	if (copy_from_user(&region, u64_to_user_ptr(ext.regions), sizeof(region)))
		return -EFAULT;
	if (region.memory_class != I915_MEMORY_CLASS_SYSTEM || region.memory_instance)
		return -EINVAL;
	*seen = true;
	return 0;
}

static int ext_protected(struct i915_user_extension __user *base, void *data)
{
	return -ENODEV;
}

static const i915_extension_fn create_extensions[] = {
	[I915_GEM_CREATE_EXT_MEMORY_REGIONS] = ext_memory_regions,
	[I915_GEM_CREATE_EXT_PROTECTED_CONTENT] = ext_protected,
};

I915_IOCTL(gem_create_ext)
{
	struct drm_i915_gem_create_ext *args = data;
	bool regions = false;
	int ret;

	if (args->flags)
		return -EINVAL;
	ret = i915_for_each_extension(args->extensions, create_extensions,
				      ARRAY_SIZE(create_extensions), &regions);
	if (ret)
		return ret;
	return create(dev, file, &args->size, &args->handle);
}

/* Whether the user's half of memory has room for the range, whatever is mapped there. */
static bool user_range_ok(u64 addr, u64 size)
{
	return access_ok((void __user *)(unsigned long)addr, size);
}

I915_IOCTL(gem_userptr)
{
	struct drm_i915_gem_userptr *args = data;
	bool read_only = args->flags & I915_USERPTR_READ_ONLY;
	struct sg_object *obj;
	int ret;

	if (args->flags & ~(I915_USERPTR_READ_ONLY | I915_USERPTR_PROBE |
			    I915_USERPTR_UNSYNCHRONIZED))
		return -EINVAL;
	if (args->user_size >> SG_ADDRESS_BITS)
		return -E2BIG;
	if (!args->user_size)
		return -EINVAL;
	if (offset_in_page(args->user_ptr | args->user_size))
		return -EINVAL;
	if (!user_range_ok(args->user_ptr, args->user_size))
		return -EFAULT;
	if (args->flags & I915_USERPTR_UNSYNCHRONIZED && !capable(CAP_SYS_ADMIN))
		return -EPERM;
	if (args->flags & I915_USERPTR_PROBE) {
		ret = sg_userptr_probe(args->user_ptr, args->user_size, read_only);
		if (ret)
			return ret;
	}
	obj = args->flags & I915_USERPTR_UNSYNCHRONIZED ?
		sg_pinned_create(dev, args->user_ptr, args->user_size, read_only, true) :
		sg_userptr_create(dev, args->user_ptr, args->user_size, read_only);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	return sg_object_publish(obj, file, &args->handle);
}

static bool range_ok(const struct sg_object *obj, u64 offset, u64 size)
{
	return offset <= obj->base.size && size <= obj->base.size - offset;
}

I915_IOCTL(gem_pread)
{
	struct drm_i915_gem_pread *args = data;
	struct sg_object *obj;
	int ret = -EINVAL;

	if (!args->size)
		return 0;
	if (!user_range_ok(args->data_ptr, args->size))
		return -EFAULT;
	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	if (range_ok(obj, args->offset, args->size))
		ret = sg_object_read(obj, args->offset, u64_to_user_ptr(args->data_ptr),
				     args->size);
	sg_object_put(obj);
	return ret;
}

I915_IOCTL(gem_pwrite)
{
	struct drm_i915_gem_pwrite *args = data;
	struct sg_object *obj;
	int ret = -EINVAL;

	if (!args->size)
		return 0;
	if (!user_range_ok(args->data_ptr, args->size))
		return -EFAULT;
	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	if (range_ok(obj, args->offset, args->size) && !obj->read_only)
		ret = sg_object_write(obj, args->offset, u64_to_user_ptr(args->data_ptr),
				      args->size);
	sg_object_put(obj);
	return ret;
}

I915_IOCTL(gem_mmap)
{
	struct drm_i915_gem_mmap *args = data;
	struct sg_object *obj;
	unsigned long addr;

	if (args->flags & ~I915_MMAP_WC)
		return -EINVAL;
	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	if (!obj->base.filp)
		addr = -ENXIO;
	else if (!range_ok(obj, args->offset, args->size))
		addr = -EINVAL;
	else
		addr = sg_shadow_expose(obj) ?:
		       vm_mmap(obj->base.filp, 0, args->size, PROT_READ | PROT_WRITE, MAP_SHARED,
			       args->offset);
	sg_object_put(obj);
	if (IS_ERR_VALUE(addr))
		return addr;
	args->addr_ptr = addr;
	return 0;
}

I915_IOCTL(gem_mmap_offset)
{
	struct drm_i915_gem_mmap_offset *args = data;
	enum sg_mmap_kind kind;
	struct sg_object *obj;
	int ret;

	switch (args->flags) {
	case I915_MMAP_OFFSET_GTT:
		kind = SG_MMAP_GTT;
		break;
	case I915_MMAP_OFFSET_WC:
		kind = SG_MMAP_WC;
		break;
	case I915_MMAP_OFFSET_WB:
		kind = SG_MMAP_WB;
		break;
	case I915_MMAP_OFFSET_UC:
		kind = SG_MMAP_UC;
		break;
	case I915_MMAP_OFFSET_FIXED:
		kind = SG_MMAP_KINDS;
		break;
	default:
		return -EINVAL;
	}
	ret = i915_for_each_extension(args->extensions, NULL, 0, NULL);
	if (ret)
		return ret;
	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	/* FIXED is for devices whose memory has but one way to be looked at; an import's is GTT */
	if (kind == SG_MMAP_KINDS || (sg_object_is_import(obj) && kind != SG_MMAP_GTT))
		ret = -ENODEV;
	else
		ret = sg_mmap_offset(obj, kind, file, &args->offset);
	sg_object_put(obj);
	return ret;
}

I915_IOCTL(gem_set_domain)
{
	struct drm_i915_gem_set_domain *args = data;
	struct sg_object *obj;
	int ret;

	if ((args->read_domains | args->write_domain) & ~I915_GEM_CPU_DOMAINS)
		return -EINVAL;
	if (args->write_domain && args->read_domains != args->write_domain)
		return -EINVAL;
	if (!args->read_domains)
		return 0;
	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	ret = sg_object_wait(obj, args->write_domain, true, MAX_SCHEDULE_TIMEOUT);
	if (!ret)
		ret = sg_object_acquire(obj, NULL);
	if (ret || !obj->ops->get_pages)
		goto put;
	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		goto put;
	ret = obj->madv == SG_MADV_WILLNEED ? 0 : -EFAULT;
	if (args->read_domains == I915_GEM_DOMAIN_GTT) {
		/* of what is too large for aperture or memory each look brings in its own part */
		if (!ret && sg_aperture_holds(&sg_object_gpu(obj)->aperture, obj))
			ret = sg_object_get_pages(obj);
		sg_shadow_refresh(obj);
	} else {
		/* what nobody has used yet is in the CPU's domain, and need not fit into memory */
		sg_shadow_flush(obj);
	}
	dma_resv_unlock(obj->base.resv);
put:
	sg_object_put(obj);
	return ret;
}

I915_IOCTL(gem_sw_finish)
{
	struct drm_i915_gem_sw_finish *args = data;
	struct sg_object *obj = sg_object_lookup(file, args->handle);

	if (!obj)
		return -ENOENT;
	sg_object_put(obj);
	return 0;
}

I915_IOCTL(gem_set_caching)
{
	struct drm_i915_gem_caching *args = data;
	struct sg_object *obj;
	bool cached;
	int ret = 0;

	switch (args->caching) {
	case I915_CACHING_NONE:
	case I915_CACHING_DISPLAY:
		cached = false;
		break;
	case I915_CACHING_CACHED:
		cached = true;
		break;
	default:
		return -EINVAL;
	}
	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	if (!obj->ops->get_pages && (sg_object_is_import(obj) || !cached))
		ret = -ENXIO;
	else
		obj->cpu_cached = cached;
	sg_object_put(obj);
	return ret;
}

I915_IOCTL(gem_get_caching)
{
	struct drm_i915_gem_caching *args = data;
	struct sg_object *obj = sg_object_lookup(file, args->handle);

	if (!obj)
		return -ENOENT;
	args->caching = obj->cpu_cached ? I915_CACHING_CACHED : I915_CACHING_NONE;
	sg_object_put(obj);
	return 0;
}

I915_IOCTL(gem_madvise)
{
	struct drm_i915_gem_madvise *args = data;
	struct sg_object *obj;
	enum sg_madv madv;
	int ret;

	switch (args->madv) {
	case I915_MADV_WILLNEED:
		madv = SG_MADV_WILLNEED;
		break;
	case I915_MADV_DONTNEED:
		madv = SG_MADV_DONTNEED;
		break;
	default:
		return -EINVAL;
	}
	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (!ret) {
		args->retained = sg_object_madvise(obj, madv);
		dma_resv_unlock(obj->base.resv);
	}
	sg_object_put(obj);
	return ret;
}

I915_IOCTL(gem_busy)
{
	struct drm_i915_gem_busy *args = data;
	struct dma_resv_iter cursor;
	struct dma_fence *fence;
	struct sg_object *obj;

	obj = sg_object_lookup(file, args->handle);
	if (!obj)
		return -ENOENT;
	args->busy = 0;
	dma_resv_iter_begin(&cursor, obj->base.resv, DMA_RESV_USAGE_READ);
	dma_resv_for_each_fence_unlocked(&cursor, fence) {
		struct sg_request *rq = sg_fence_to_request(sg_object_gpu(obj), fence);

		if (dma_resv_iter_is_restarted(&cursor))
			args->busy = 0;
		/* what others do with it is none of the engines' business */
		if (!rq || dma_fence_is_signaled(fence))
			continue;
		args->busy |= BIT(16 + rq->engine_class);
		if (dma_resv_iter_usage(&cursor) <= DMA_RESV_USAGE_WRITE)
			args->busy |= rq->engine_class + 1;
	}
	dma_resv_iter_end(&cursor);
	sg_object_put(obj);
	return 0;
}

/* A timeout in jiffies, rounded up: never too early. */
static long timeout_jiffies(s64 ns)
{
	if (ns < 0)
		return MAX_SCHEDULE_TIMEOUT;
	if (!ns)
		return 0;
	return min_t(u64, nsecs_to_jiffies64(ns) + 1, MAX_SCHEDULE_TIMEOUT - 1);
}

I915_IOCTL(gem_wait)
{
	struct drm_i915_gem_wait *args = data;
	struct sg_object *obj;
	ktime_t start;
	int ret;

	if (args->flags)
		return -EINVAL;
	obj = sg_object_lookup(file, args->bo_handle);
	if (!obj)
		return -ENOENT;
	/* jiffies may lag behind, and then a timeout in jiffies is over too early */
	do {
		start = ktime_get();
		ret = sg_object_wait(obj, true, true, timeout_jiffies(args->timeout_ns));
		if (args->timeout_ns <= 0)
			break;
		/* a wait that is restarted goes on with what is left */
		args->timeout_ns -= ktime_to_ns(ktime_sub(ktime_get(), start));
		if (args->timeout_ns < 0)
			args->timeout_ns = 0;
	} while (ret == -ETIME && args->timeout_ns);
	sg_object_put(obj);
	return ret;
}

I915_IOCTL(gem_throttle)
{
	struct i915_file *fpriv = file->driver_priv;
	unsigned long before = jiffies - THROTTLE_AGE;
	struct sg_context *ctx;
	unsigned long id;
	int ret = 0;

	if (READ_ONCE(fpriv->gpu->wedged))
		return -EIO;
	for (id = 0; !ret; id++) {
		xa_lock(&fpriv->contexts);
		ctx = xa_find(&fpriv->contexts, &id, ULONG_MAX, XA_PRESENT);
		if (ctx)
			sg_context_get(ctx);
		xa_unlock(&fpriv->contexts);
		if (!ctx)
			break;
		ret = sg_context_wait(ctx, before);
		sg_context_put(ctx);
	}
	return ret;
}

I915_IOCTL(gem_get_aperture)
{
	struct drm_i915_gem_get_aperture *args = data;

	args->aper_size = to_sg_gpu(dev)->aperture.size;
	args->aper_available_size = args->aper_size;
	return 0;
}
