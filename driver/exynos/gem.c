// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Buffers: creation, user pages, mmap offsets, information. All of it is open to render nodes. */
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sizes.h>
#include <linux/uaccess.h>

#include <uapi/drm/exynos_drm.h>

#include "../../include/uapi/exynos_userptr.h"
#include "../gpu.h"
#include "../mmap.h"
#include "../object.h"
#include "../prime.h"
#include "../userptr.h"
#include "exynos.h"

#define CACHE_FLAGS	(EXYNOS_BO_CACHABLE | EXYNOS_BO_WC)

static unsigned long userptr_limit = SZ_16M;
module_param(userptr_limit, ulong, 0644);
MODULE_PARM_DESC(userptr_limit, "Exynos: largest buffer of user pages, in bytes (16 MiB)");

static int publish(struct sg_object *obj, struct drm_file *file, u32 flags, u32 *handle)
{
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	atomic_set(&obj->client_data, flags);
	return sg_object_publish(obj, file, handle);
}

static int gem_create(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_exynos_gem_create *args = data;
	u64 size = PAGE_ALIGN(args->size);
	struct sg_object *obj;

	if (args->flags & ~(EXYNOS_BO_NONCONTIG | CACHE_FLAGS))
		return -EINVAL;
	if (!size)	/* 0, or it wraps */
		return -EINVAL;
	obj = args->flags & EXYNOS_BO_NONCONTIG ? sg_shmem_create(dev, size) :
						  sg_contig_create(dev, size);
	return publish(obj, file, args->flags, &args->handle);
}

static struct sg_object *userptr_create(struct drm_device *dev, unsigned long addr, u64 size)
{
	int pfnmap;

	if (!access_ok((void __user *)addr, size))
		return ERR_PTR(-EFAULT);
	pfnmap = sg_pfnmap_at(addr);
	if (pfnmap < 0)
		return ERR_PTR(pfnmap);
	return pfnmap ? sg_pfnmap_create(dev, addr, size) :
			sg_pinned_create(dev, addr, size, false, false);
}

static int gem_userptr(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_exynos_gem_userptr *args = data;
	u64 size = PAGE_ALIGN(args->size);

	if (args->flags & ~CACHE_FLAGS)
		return -EINVAL;
	if (args->size > READ_ONCE(userptr_limit) || !size)
		return -EINVAL;
	if (offset_in_page(args->userptr))
		return -EINVAL;
	return publish(userptr_create(dev, args->userptr, size), file,
		       args->flags | EXYNOS_BO_USERPTR, &args->handle);
}

static int gem_map(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_exynos_gem_map *args = data;
	struct sg_object *obj = sg_object_lookup(file, args->handle);
	int ret;

	if (!obj)
		return -ENOENT;
	ret = sg_mmap_offset(obj, SG_MMAP_WB, file, &args->offset);
	sg_object_put(obj);
	return ret;
}

static int gem_get(struct drm_device *dev, void *data, struct drm_file *file)
{
	struct drm_exynos_gem_info *args = data;
	struct sg_object *obj = sg_object_lookup(file, args->handle);

	if (!obj)
		return -ENOENT;
	args->flags = atomic_read(&obj->client_data);
	args->size = obj->base.size;
	sg_object_put(obj);
	return 0;
}

/**
 * exynos_prime_import() - sg_prime_import(), for buffers that are asked for their flags.
 * @dev: the node
 * @buf: the dma-buf
 *
 * Return: as sg_prime_import().
 */
struct drm_gem_object *exynos_prime_import(struct drm_device *dev, struct dma_buf *buf)
{
	struct drm_gem_object *gem = sg_prime_import(dev, buf);

	if (!IS_ERR(gem) && sg_object_is_import(to_sg_object(gem)))
		atomic_set(&to_sg_object(gem)->client_data,
			   EXYNOS_BO_NONCONTIG | EXYNOS_BO_CACHABLE);
	return gem;
}

const struct drm_ioctl_desc exynos_ioctls[] = {
	DRM_IOCTL_DEF_DRV(EXYNOS_GEM_CREATE, gem_create, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(EXYNOS_GEM_MAP, gem_map, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(EXYNOS_GEM_USERPTR, gem_userptr, DRM_RENDER_ALLOW),
	DRM_IOCTL_DEF_DRV(EXYNOS_GEM_GET, gem_get, DRM_RENDER_ALLOW),
};

const int exynos_num_ioctls = ARRAY_SIZE(exynos_ioctls);
