/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The Exynos node and its buffers: one wrapper for each ioctl. As in gem.h, what is named try_*()
 * returns 0 or -errno, and all else fails the subtest on any error.
 */
#ifndef SOFTGEM_TESTS_EXYNOS_H
#define SOFTGEM_TESTS_EXYNOS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <drm.h>
#include <exynos_drm.h>

#include "../../include/uapi/exynos_userptr.h"

/** exynos_open() - open the render node of the driver named "exynos". */
int exynos_open(void);

int try_exynos_create(int fd, uint64_t size, uint32_t flags, uint32_t *handle);
uint32_t exynos_create(int fd, uint64_t size, uint32_t flags);
int try_exynos_map(int fd, uint32_t handle, uint64_t *offset);
/** exynos_mmap() - map the first @size bytes of a buffer, readable and writable. */
void *exynos_mmap(int fd, uint32_t handle, size_t size);
int try_exynos_get(int fd, uint32_t handle, uint32_t *flags, uint64_t *size);
int try_exynos_userptr(int fd, const void *ptr, uint64_t size, uint32_t flags, uint32_t *handle);
uint32_t exynos_userptr(int fd, const void *ptr, uint64_t size, uint32_t flags);

/** exynos_limit() - the module's userptr_limit, in bytes. */
uint64_t exynos_limit(void);

/** share() - export @handle of @fd and import it into @other. Return: the handle there. */
uint32_t share(int fd, uint32_t handle, int other);

#endif
