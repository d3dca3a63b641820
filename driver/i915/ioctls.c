// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The table of ioctls. All of GEM is open to render nodes. */
#include "i915.h"

#define RENDER(name, func) \
	DRM_IOCTL_DEF_DRV(I915_##name, i915_##func##_ioctl, DRM_RENDER_ALLOW)

const struct drm_ioctl_desc i915_ioctls[] = {
	RENDER(GETPARAM, getparam),
	RENDER(GEM_CREATE, gem_create),
	RENDER(GEM_CREATE_EXT, gem_create_ext),
	RENDER(GEM_USERPTR, gem_userptr),
	RENDER(GEM_PREAD, gem_pread),
	RENDER(GEM_PWRITE, gem_pwrite),
	RENDER(GEM_MMAP, gem_mmap),
	RENDER(GEM_MMAP_OFFSET, gem_mmap_offset),
	RENDER(GEM_SET_DOMAIN, gem_set_domain),
	RENDER(GEM_SW_FINISH, gem_sw_finish),
	RENDER(GEM_SET_CACHING, gem_set_caching),
	RENDER(GEM_GET_CACHING, gem_get_caching),
	RENDER(GEM_SET_TILING, gem_set_tiling),
	RENDER(GEM_GET_TILING, gem_get_tiling),
	RENDER(GEM_MADVISE, gem_madvise),
	RENDER(GEM_BUSY, gem_busy),
	RENDER(GEM_WAIT, gem_wait),
	RENDER(GEM_THROTTLE, gem_throttle),
	RENDER(GEM_GET_APERTURE, gem_get_aperture),
	RENDER(GEM_EXECBUFFER, gem_execbuffer),
	RENDER(GEM_EXECBUFFER2_WR, gem_execbuffer2),
	RENDER(GEM_CONTEXT_CREATE_EXT, gem_context_create),
	RENDER(GEM_CONTEXT_DESTROY, gem_context_destroy),
	RENDER(GEM_CONTEXT_GETPARAM, gem_context_getparam),
	RENDER(GEM_CONTEXT_SETPARAM, gem_context_setparam),
	RENDER(GEM_VM_CREATE, gem_vm_create),
	RENDER(GEM_VM_DESTROY, gem_vm_destroy),
	RENDER(GET_RESET_STATS, get_reset_stats),
	RENDER(REG_READ, reg_read),
	RENDER(QUERY, query),
};

const int i915_num_ioctls = ARRAY_SIZE(i915_ioctls);
