/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * User pages through the Exynos interface: what <drm/exynos_drm.h> lacks. To be included after it.
 */
#ifndef SOFTGEM_UAPI_EXYNOS_USERPTR_H
#define SOFTGEM_UAPI_EXYNOS_USERPTR_H

/* One more type of memory, beside EXYNOS_BO_CONTIG and EXYNOS_BO_NONCONTIG; GEM_GET reports it. */
#define EXYNOS_BO_USERPTR	(1 << 3)

/**
 * struct drm_exynos_gem_userptr - make a buffer of memory that the process has.
 * @userptr: where it begins; a multiple of the page size
 * @size: bytes, rounded up to whole pages; at most the module's parameter userptr_limit
 * @flags: cache attributes: EXYNOS_BO_CACHABLE, EXYNOS_BO_WC, or none
 * @handle: returned
 *
 * Ordinary memory is pinned and counts against RLIMIT_MEMLOCK for as long as the buffer lives. What
 * a driver has mapped (VM_PFNMAP) is used for as long as it stays mapped.
 *
 * Errors: EINVAL: an argument is out of bounds, or what a driver has mapped is no physically
 * contiguous memory, or no memory. EFAULT: the range has holes, or may not be written to. ENOMEM:
 * RLIMIT_MEMLOCK, or no memory.
 */
struct drm_exynos_gem_userptr {
	__u64 userptr;
	__u64 size;
	__u32 flags;
	__u32 handle;
};

#define DRM_EXYNOS_GEM_USERPTR	0x03

#define DRM_IOCTL_EXYNOS_GEM_USERPTR \
	DRM_IOWR(DRM_COMMAND_BASE + DRM_EXYNOS_GEM_USERPTR, struct drm_exynos_gem_userptr)

#endif
