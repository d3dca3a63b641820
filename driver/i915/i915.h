/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The i915 front end: arguments are copied in, checked, handed to the core, and results copied
 * out. Structures and constants come from <drm/i915_drm.h>, which the core never sees.
 */
#ifndef SOFTGEM_I915_H
#define SOFTGEM_I915_H

#include <linux/mutex.h>
#include <linux/xarray.h>

#include <drm/drm_device.h>
#include <drm/drm_file.h>
#include <drm/drm_ioctl.h>
#include <uapi/drm/i915_drm.h>

#include "../gpu.h"

struct i915_scratch;
struct seq_file;
struct sg_client;
struct sg_context;
struct sg_object;
struct sg_space;

/**
 * struct i915_file - an open file of the device.
 * @gpu: the device
 * @contexts: struct sg_context by handle; 0 is the default one
 * @spaces: struct sg_space by handle, from 1
 * @client: the file as its contexts know it
 * @scratch: memory for the next submission, or NULL: somebody has it
 */
struct i915_file {
	struct sg_gpu *gpu;
	struct xarray contexts;
	struct xarray spaces;
	struct sg_client *client;
	struct i915_scratch *scratch;
};

/* A Skylake GT2: one slice of three subslices with eight EUs each. */
#define I915_SLICES	1
#define I915_SUBSLICES	3
#define I915_EUS	8

/* The domains that only the GPU sees. */
#define I915_GEM_GPU_DOMAINS	(I915_GEM_DOMAIN_RENDER | I915_GEM_DOMAIN_SAMPLER |	\
				 I915_GEM_DOMAIN_COMMAND | I915_GEM_DOMAIN_INSTRUCTION |	\
				 I915_GEM_DOMAIN_VERTEX)

/* Those that the CPU looks through. */
#define I915_GEM_CPU_DOMAINS	(I915_GEM_DOMAIN_CPU | I915_GEM_DOMAIN_GTT | I915_GEM_DOMAIN_WC)

extern const struct drm_ioctl_desc i915_ioctls[];
extern const int i915_num_ioctls;

int i915_open(struct drm_device *dev, struct drm_file *file);
void i915_postclose(struct drm_device *dev, struct drm_file *file);
void i915_show_fdinfo(struct seq_file *m, struct file *filp);

struct sg_context *i915_context_lookup(struct i915_file *fpriv, u32 id);
int i915_set_engines(struct sg_context *ctx, const struct drm_i915_gem_context_param *p);
struct sg_space *i915_space_lookup(struct i915_file *fpriv, u32 id);

/** i915_for_each_extension() callbacks: one a name, an unknown name is -EINVAL. */
typedef int (*i915_extension_fn)(struct i915_user_extension __user *ext, void *data);
int i915_for_each_extension(u64 user, const i915_extension_fn *table, unsigned int n, void *data);

#define I915_IOCTL(name) \
	int i915_##name##_ioctl(struct drm_device *dev, void *data, struct drm_file *file)

void i915_pmu_attach(struct sg_gpu *gpu);
void i915_pmu_detach(struct sg_gpu *gpu);
void i915_pmu_exit(void);

I915_IOCTL(getparam);
I915_IOCTL(gem_create);
I915_IOCTL(gem_create_ext);
I915_IOCTL(gem_userptr);
I915_IOCTL(gem_pread);
I915_IOCTL(gem_pwrite);
I915_IOCTL(gem_mmap);
I915_IOCTL(gem_mmap_offset);
I915_IOCTL(gem_set_domain);
I915_IOCTL(gem_sw_finish);
I915_IOCTL(gem_set_caching);
I915_IOCTL(gem_get_caching);
I915_IOCTL(gem_set_tiling);
I915_IOCTL(gem_get_tiling);
I915_IOCTL(gem_madvise);
I915_IOCTL(gem_busy);
I915_IOCTL(gem_wait);
I915_IOCTL(gem_throttle);
I915_IOCTL(gem_get_aperture);
I915_IOCTL(gem_execbuffer);
I915_IOCTL(gem_execbuffer2);
I915_IOCTL(gem_context_create);
I915_IOCTL(gem_context_destroy);
I915_IOCTL(gem_context_getparam);
I915_IOCTL(gem_context_setparam);
I915_IOCTL(gem_vm_create);
I915_IOCTL(gem_vm_destroy);
I915_IOCTL(get_reset_stats);
I915_IOCTL(reg_read);
I915_IOCTL(query);

#endif
