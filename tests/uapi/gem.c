// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Ioctl wrappers: see gem.h.
 */
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>
#include <xf86drm.h>

static uint64_t to_user(const void *ptr)
{
	return (uintptr_t)ptr;
}

/* Open the first /dev/dri/@stem<N> that belongs to @driver; its number goes to @number. */
static int open_node(const char *driver, const char *stem, int first, int *number)
{
	for (int i = first; i < first + 64; i++) {
		drmVersionPtr version;
		char path[64];
		bool found;
		int fd;

		snprintf(path, sizeof(path), "/dev/dri/%s%d", stem, i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		found = version && !strcmp(version->name, driver);
		drmFreeVersion(version);
		if (found) {
			if (number)
				*number = i;
			return fd;
		}
		close(fd);
	}
	tap_fail(__FILE__, __LINE__, "got no /dev/dri/%s* expected one of driver %s", stem,
		 driver);
}

int gem_open(void)
{
	return open_node("i915", "renderD", 128, NULL);
}

int gem_open_driver(const char *driver)
{
	return open_node(driver, "renderD", 128, NULL);
}

int gem_open_card(void)
{
	return open_node("i915", "card", 0, NULL);
}

const char *gem_path(int fd)
{
	static char path[64];
	char link[40];
	ssize_t len;

	snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
	len = readlink(link, path, sizeof(path) - 1);
	CHECK(len > 0);
	path[len] = 0;
	return path;
}

int gem_card_minor(void)
{
	int number;

	close(open_node("i915", "card", 0, &number));
	return number;
}

const char *gem_pci_name(void)
{
	static char name[128];
	char path[64], link[128] = "";

	snprintf(path, sizeof(path), "/sys/class/drm/card%d/device", gem_card_minor());
	CHECK(readlink(path, link, sizeof(link) - 1) > 0);
	snprintf(name, sizeof(name), "%s", basename(link));
	return name;
}

void gem_set_bound(const char *name, bool bound)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/bus/pci/drivers/softgem/%s", bound ? "bind" : "unbind");
	CHECK(write_file(path, name));
}

void gem_set_debugfs(const char *name, const char *value)
{
	char path[128];

	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) && errno != EBUSY)
		tap_note("debugfs: %m");
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/%s", gem_card_minor(), name);
	CHECK(write_file(path, value));
}

void gem_set_request_timeout(unsigned int ms)
{
	char text[16];

	snprintf(text, sizeof(text), "%u", ms);
	gem_set_debugfs("i915_params/request_timeout_ms", text);
}

void gem_set_engine(const char *engine, const char *name, const char *value)
{
	char path[128];

	snprintf(path, sizeof(path), "/sys/class/drm/card%d/engine/%s/%s", gem_card_minor(),
		 engine, name);
	CHECK(write_file(path, value));
}

int gem_ioctl_once(int fd, unsigned long request, void *arg)
{
	return ioctl(fd, request, arg) ? -errno : 0;
}

int gem_ioctl(int fd, unsigned long request, void *arg)
{
	int ret;

	do {
		ret = inject_wanted() ? inject_ioctl(fd, request, arg) :
					gem_ioctl_once(fd, request, arg);
	} while (ret == -EINTR || ret == -EAGAIN);
	return ret;
}

int try_getparam(int fd, int param, int *value)
{
	struct drm_i915_getparam arg = { .param = param, .value = value };

	return gem_ioctl(fd, DRM_IOCTL_I915_GETPARAM, &arg);
}

int try_create(int fd, uint64_t *size, uint32_t *handle)
{
	struct drm_i915_gem_create arg = { .size = *size };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_CREATE, &arg);

	*size = arg.size;
	*handle = arg.handle;
	return ret;
}

uint32_t gem_create(int fd, uint64_t size)
{
	uint32_t handle;

	CHECK_RET(try_create(fd, &size, &handle), 0);
	return handle;
}

int try_close(int fd, uint32_t handle)
{
	struct drm_gem_close arg = { .handle = handle };

	return gem_ioctl(fd, DRM_IOCTL_GEM_CLOSE, &arg);
}

void gem_close(int fd, uint32_t handle)
{
	CHECK_RET(try_close(fd, handle), 0);
}

int try_flink(int fd, uint32_t handle, uint32_t *name)
{
	struct drm_gem_flink arg = { .handle = handle };
	int ret = gem_ioctl(fd, DRM_IOCTL_GEM_FLINK, &arg);

	*name = arg.name;
	return ret;
}

int try_open_name(int fd, uint32_t name, uint32_t *handle, uint64_t *size)
{
	struct drm_gem_open arg = { .name = name };
	int ret = gem_ioctl(fd, DRM_IOCTL_GEM_OPEN, &arg);

	*handle = arg.handle;
	*size = arg.size;
	return ret;
}

int try_read(int fd, uint32_t handle, uint64_t offset, void *data, uint64_t len)
{
	struct drm_i915_gem_pread arg = {
		.handle = handle, .offset = offset, .size = len, .data_ptr = to_user(data),
	};

	return gem_ioctl(fd, DRM_IOCTL_I915_GEM_PREAD, &arg);
}

int try_write(int fd, uint32_t handle, uint64_t offset, const void *data, uint64_t len)
{
	struct drm_i915_gem_pwrite arg = {
		.handle = handle, .offset = offset, .size = len, .data_ptr = to_user(data),
	};

	return gem_ioctl(fd, DRM_IOCTL_I915_GEM_PWRITE, &arg);
}

void gem_read(int fd, uint32_t handle, uint64_t offset, void *data, uint64_t len)
{
	CHECK_RET(try_read(fd, handle, offset, data, len), 0);
}

void gem_write(int fd, uint32_t handle, uint64_t offset, const void *data, uint64_t len)
{
	CHECK_RET(try_write(fd, handle, offset, data, len), 0);
}

uint32_t gem_read32(int fd, uint32_t handle, uint64_t offset)
{
	uint32_t value;

	gem_read(fd, handle, offset, &value, sizeof(value));
	return value;
}

int try_set_domain(int fd, uint32_t handle, uint32_t read, uint32_t write)
{
	struct drm_i915_gem_set_domain arg = {
		.handle = handle, .read_domains = read, .write_domain = write,
	};

	return gem_ioctl(fd, DRM_IOCTL_I915_GEM_SET_DOMAIN, &arg);
}

int try_set_caching(int fd, uint32_t handle, uint32_t level)
{
	struct drm_i915_gem_caching arg = { .handle = handle, .caching = level };

	return gem_ioctl(fd, DRM_IOCTL_I915_GEM_SET_CACHING, &arg);
}

int try_get_caching(int fd, uint32_t handle, uint32_t *level)
{
	struct drm_i915_gem_caching arg = { .handle = handle };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_GET_CACHING, &arg);

	*level = arg.caching;
	return ret;
}

int try_set_tiling(int fd, uint32_t handle, uint32_t *mode, uint32_t *stride, uint32_t *swizzle)
{
	struct drm_i915_gem_set_tiling arg = {
		.handle = handle, .tiling_mode = *mode, .stride = *stride,
	};
	/* Not begun again: the ioctl writes its answer over its arguments. */
	int ret = gem_ioctl_once(fd, DRM_IOCTL_I915_GEM_SET_TILING, &arg);

	*mode = arg.tiling_mode;
	*stride = arg.stride;
	*swizzle = arg.swizzle_mode;
	return ret;
}

int try_get_tiling(int fd, uint32_t handle, uint32_t *mode, uint32_t *swizzle)
{
	struct drm_i915_gem_get_tiling arg = { .handle = handle };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_GET_TILING, &arg);

	*mode = arg.tiling_mode;
	*swizzle = arg.swizzle_mode;
	return ret;
}

int try_madvise(int fd, uint32_t handle, uint32_t advice, uint32_t *retained)
{
	struct drm_i915_gem_madvise arg = { .handle = handle, .madv = advice, .retained = ~0u };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_MADVISE, &arg);

	*retained = arg.retained;
	return ret;
}

int try_busy(int fd, uint32_t handle, uint32_t *busy)
{
	struct drm_i915_gem_busy arg = { .handle = handle };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_BUSY, &arg);

	*busy = arg.busy;
	return ret;
}

int try_wait(int fd, uint32_t handle, int64_t *timeout)
{
	struct drm_i915_gem_wait arg = { .bo_handle = handle, .timeout_ns = *timeout };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_WAIT, &arg);

	*timeout = arg.timeout_ns;
	return ret;
}

void gem_sync(int fd, uint32_t handle)
{
	int64_t timeout = -1;

	CHECK_RET(try_wait(fd, handle, &timeout), 0);
}

bool gem_is_busy(int fd, uint32_t handle)
{
	uint32_t busy;

	CHECK_RET(try_busy(fd, handle, &busy), 0);
	return busy;
}

int try_userptr(int fd, const void *ptr, uint64_t size, uint32_t flags, uint32_t *handle)
{
	struct drm_i915_gem_userptr arg = {
		.user_ptr = to_user(ptr), .user_size = size, .flags = flags,
	};
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_USERPTR, &arg);

	*handle = arg.handle;
	return ret;
}

uint32_t gem_userptr(int fd, const void *ptr, uint64_t size, uint32_t flags)
{
	uint32_t handle;

	CHECK_RET(try_userptr(fd, ptr, size, flags, &handle), 0);
	return handle;
}

int try_mmap_legacy(int fd, uint32_t handle, uint64_t offset, uint64_t size, uint64_t flags,
		    void **addr)
{
	struct drm_i915_gem_mmap arg = {
		.handle = handle, .offset = offset, .size = size, .flags = flags,
	};
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_MMAP, &arg);

	*addr = (void *)(uintptr_t)arg.addr_ptr;
	return ret;
}

int try_mmap_offset(int fd, uint32_t handle, uint64_t kind, uint64_t *offset)
{
	struct drm_i915_gem_mmap_offset arg = { .handle = handle, .flags = kind };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &arg);

	*offset = arg.offset;
	return ret;
}

int try_mmap_gtt(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_i915_gem_mmap_gtt arg = { .handle = handle };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_MMAP_GTT, &arg);

	*offset = arg.offset;
	return ret;
}

void *gem_mmap(int fd, uint32_t handle, uint64_t size, uint64_t kind)
{
	uint64_t offset;
	void *ptr;

	CHECK_RET(try_mmap_offset(fd, handle, kind, &offset), 0);
	ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	CHECK_SYS(ptr);
	return ptr;
}

int try_prime_export(int fd, uint32_t handle, uint32_t flags, int *dmabuf)
{
	struct drm_prime_handle arg = { .handle = handle, .flags = flags, .fd = -1 };
	int ret = gem_ioctl(fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg);

	*dmabuf = arg.fd;
	return ret;
}

int gem_export(int fd, uint32_t handle)
{
	int dmabuf;

	CHECK_RET(try_prime_export(fd, handle, DRM_CLOEXEC | DRM_RDWR, &dmabuf), 0);
	CHECK(dmabuf >= 0);
	return dmabuf;
}

int try_prime_import(int fd, int dmabuf, uint32_t *handle)
{
	struct drm_prime_handle arg = { .fd = dmabuf };
	int ret = gem_ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);

	*handle = arg.handle;
	return ret;
}

uint32_t gem_import(int fd, int dmabuf)
{
	uint32_t handle;

	CHECK_RET(try_prime_import(fd, dmabuf, &handle), 0);
	return handle;
}

uint32_t gem_syncobj(int fd)
{
	struct drm_syncobj_create arg = {};

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &arg), 0);
	return arg.handle;
}

int try_context_create(int fd, uint32_t *ctx)
{
	struct drm_i915_gem_context_create arg = { 0 };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_CREATE, &arg);

	*ctx = arg.ctx_id;
	return ret;
}

uint32_t gem_context_create(int fd)
{
	uint32_t ctx;

	CHECK_RET(try_context_create(fd, &ctx), 0);
	return ctx;
}

int try_context_destroy(int fd, uint32_t ctx)
{
	struct drm_i915_gem_context_destroy arg = { .ctx_id = ctx };

	return gem_ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &arg);
}

int try_context_get(int fd, uint32_t ctx, uint64_t param, uint64_t *value, uint32_t *size)
{
	struct drm_i915_gem_context_param arg = {
		.ctx_id = ctx, .param = param, .value = *value, .size = size ? *size : 0,
	};
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &arg);

	*value = arg.value;
	if (size)
		*size = arg.size;
	return ret;
}

int try_context_set(int fd, uint32_t ctx, uint64_t param, uint64_t value, uint32_t size)
{
	struct drm_i915_gem_context_param arg = {
		.ctx_id = ctx, .param = param, .value = value, .size = size,
	};

	return gem_ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM, &arg);
}

int try_vm_create(int fd, uint32_t *vm)
{
	struct drm_i915_gem_vm_control arg = { 0 };
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_VM_CREATE, &arg);

	*vm = arg.vm_id;
	return ret;
}

int try_vm_destroy(int fd, uint32_t vm)
{
	struct drm_i915_gem_vm_control arg = { .vm_id = vm };

	return gem_ioctl(fd, DRM_IOCTL_I915_GEM_VM_DESTROY, &arg);
}

int try_reset_stats(int fd, uint32_t ctx, struct drm_i915_reset_stats *stats)
{
	memset(stats, 0, sizeof(*stats));
	stats->ctx_id = ctx;
	return gem_ioctl(fd, DRM_IOCTL_I915_GET_RESET_STATS, stats);
}
