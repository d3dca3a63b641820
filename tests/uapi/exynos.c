// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The Exynos node: see exynos.h.
 */
#include "exynos.h"
#include "gem.h"
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

int exynos_open(void)
{
	return gem_open_driver("exynos");
}

int try_exynos_create(int fd, uint64_t size, uint32_t flags, uint32_t *handle)
{
	struct drm_exynos_gem_create arg = { .size = size, .flags = flags };
	int ret = gem_ioctl(fd, DRM_IOCTL_EXYNOS_GEM_CREATE, &arg);

	*handle = arg.handle;
	return ret;
}

uint32_t exynos_create(int fd, uint64_t size, uint32_t flags)
{
	uint32_t handle;

	CHECK_RET(try_exynos_create(fd, size, flags, &handle), 0);
	CHECK(handle);
	return handle;
}

int try_exynos_map(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_exynos_gem_map arg = { .handle = handle };
	int ret = gem_ioctl(fd, DRM_IOCTL_EXYNOS_GEM_MAP, &arg);

	*offset = arg.offset;
	return ret;
}

void *exynos_mmap(int fd, uint32_t handle, size_t size)
{
	uint64_t offset;
	void *ptr;

	CHECK_RET(try_exynos_map(fd, handle, &offset), 0);
	ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	CHECK_SYS(ptr);
	return ptr;
}

int try_exynos_get(int fd, uint32_t handle, uint32_t *flags, uint64_t *size)
{
	struct drm_exynos_gem_info arg = { .handle = handle };
	int ret = gem_ioctl(fd, DRM_IOCTL_EXYNOS_GEM_GET, &arg);

	*flags = arg.flags;
	*size = arg.size;
	return ret;
}

int try_exynos_userptr(int fd, const void *ptr, uint64_t size, uint32_t flags, uint32_t *handle)
{
	struct drm_exynos_gem_userptr arg = {
		.userptr = (uintptr_t)ptr,
		.size = size,
		.flags = flags,
	};
	int ret = gem_ioctl(fd, DRM_IOCTL_EXYNOS_GEM_USERPTR, &arg);

	*handle = arg.handle;
	return ret;
}

uint32_t exynos_userptr(int fd, const void *ptr, uint64_t size, uint32_t flags)
{
	uint32_t handle;

	CHECK_RET(try_exynos_userptr(fd, ptr, size, flags, &handle), 0);
	CHECK(handle);
	return handle;
}

uint64_t exynos_limit(void)
{
	FILE *f = fopen("/sys/module/softgem/parameters/userptr_limit", "r");
	unsigned long limit = 0;

	CHECK(f);
	CHECK_INT(fscanf(f, "%lu", &limit), 1);
	fclose(f);
	return limit;
}

uint32_t share(int fd, uint32_t handle, int other)
{
	uint32_t imported;
	int dmabuf;

	dmabuf = gem_export(fd, handle);
	imported = gem_import(other, dmabuf);
	close(dmabuf);
	return imported;
}
