// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Dumb buffers: linear pictures for programs that know nothing of the device, made and mapped by
 * the DRM core's own ioctls on the primary node.
 */
#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_mode_config.h>
#include <uapi/drm/drm_mode.h>

#include "dumb.h"
#include "gpu.h"
#include "mmap.h"
#include "object.h"

/* A row begins where the display engine of this generation could fetch it. */
#define PITCH_ALIGN	64

/* There is no display yet: as frame buffers cannot have a size, none can be made. */
static const struct drm_mode_config_funcs no_display;

/**
 * sg_dumb_init() - prepare for what the core does only for devices that have a display.
 * @gpu: the device, before it is registered
 *
 * That is, to tell of dumb buffers. There is not one connector.
 *
 * Return: 0 or -errno; what it sets up goes with the device.
 */
int sg_dumb_init(struct sg_gpu *gpu)
{
	int ret = drmm_mode_config_init(&gpu->node.drm);

	if (!ret)
		gpu->node.drm.mode_config.funcs = &no_display;
	return ret;
}

/**
 * sg_dumb_create() - DRM_IOCTL_MODE_CREATE_DUMB.
 * @file: who asks
 * @dev: the device
 * @args: in: a picture's size and bits per pixel, which the core has checked for overflow; out: its
 *	handle, bytes per row, and bytes
 *
 * Return: 0; -EINVAL for what no format has, or is too large; -ENOMEM.
 */
int sg_dumb_create(struct drm_file *file, struct drm_device *dev,
		   struct drm_mode_create_dumb *args)
{
	u32 bytes = DIV_ROUND_UP(args->bpp, 8);
	struct sg_object *obj;
	u64 pitch, size;
	int ret;

	if (bytes != 1 && bytes != 2 && bytes != 4)
		return -EINVAL;
	pitch = ALIGN((u64)args->width * bytes, PITCH_ALIGN);
	if (pitch > U32_MAX)
		return -EINVAL;
	size = PAGE_ALIGN(pitch * args->height);
	obj = sg_shmem_create(dev, size);
	if (IS_ERR(obj))
		return PTR_ERR(obj);
	ret = drm_gem_handle_create(file, &obj->base, &args->handle);
	sg_object_put(obj);
	if (ret)
		return ret;
	args->pitch = pitch;
	args->size = size;
	return 0;
}

/**
 * sg_dumb_map_offset() - DRM_IOCTL_MODE_MAP_DUMB.
 * @file: who asks
 * @dev: the device
 * @handle: any object that he has, not of dumb buffers only
 * @offset: what to pass to mmap(2): the kind is WC
 *
 * Return: 0; -ENOENT; as sg_mmap_offset().
 */
int sg_dumb_map_offset(struct drm_file *file, struct drm_device *dev, u32 handle, u64 *offset)
{
	struct sg_object *obj = sg_object_lookup(file, handle);
	int ret;

	if (!obj)
		return -ENOENT;
	ret = sg_mmap_offset(obj, SG_MMAP_WC, file, offset);
	sg_object_put(obj);
	return ret;
}
