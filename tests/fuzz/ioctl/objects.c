// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Calls about objects: their life, their bytes, their state, PRIME. */
#include "fuzz.h"
#include "tap.h"

#include <drm.h>
#include <fcntl.h>
#include <i915_drm.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define MAX_HANDLE	14

uint32_t random_handle(struct thread *t)
{
	return one_in(t, 32) ? (uint32_t)rnd64(t) : 1 + rnd(t, MAX_HANDLE);
}

bool limit_handles(int fd, uint32_t handle)
{
	struct drm_gem_close arg = { .handle = handle };

	if (handle > MAX_HANDLE)
		ioctl(fd, DRM_IOCTL_GEM_CLOSE, &arg);
	return handle > MAX_HANDLE;
}

static void keep_offset(struct thread *t, uint64_t offset)
{
	atomic_store(&shared->offsets[rnd(t, OFFSETS)], offset);
}

static int create(struct thread *t)
{
	struct drm_i915_gem_create arg = {
		.size = one_in(t, 64) ? rnd64(t) : 1 + rnd(t, one_in(t, 8) ? 4 << 20 : 64 << 10),
	};
	int fd = random_file(t), ret = ioctl(fd, DRM_IOCTL_I915_GEM_CREATE, &arg);

	if (!ret)
		limit_handles(fd, arg.handle);
	return ret;
}

static int create_ext(struct thread *t)
{
	struct drm_i915_gem_memory_class_instance region = { rnd(t, 8) == 7, rnd(t, 8) == 7 };
	struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = rnd(t, 3), .base.next_extension = one_in(t, 8) ? random_memory(t, false) : 0,
		.num_regions = rnd(t, 2) + !one_in(t, 16), .regions = (uintptr_t)&region,
	};
	struct drm_i915_gem_create_ext arg = {
		.size = 1 + rnd(t, 64 << 10), .flags = one_in(t, 16),
		.extensions = one_in(t, 8) ? random_memory(t, false) : (uintptr_t)&regions,
	};
	int fd = random_file(t), ret = ioctl(fd, DRM_IOCTL_I915_GEM_CREATE_EXT, &arg);

	if (!ret)
		limit_handles(fd, arg.handle);
	return ret;
}

static int userptr(struct thread *t)
{
	static const uint32_t flags[] = {
		0, 0, 0, I915_USERPTR_READ_ONLY, I915_USERPTR_PROBE, I915_USERPTR_UNSYNCHRONIZED,
		I915_USERPTR_READ_ONLY | I915_USERPTR_PROBE, 1u << 17,
	};
	struct drm_i915_gem_userptr arg = {
		.user_ptr = random_memory(t, !one_in(t, 32)), .flags = flags[rnd(t, 8)],
	};
	int fd = random_file(t), ret;

	arg.user_size = random_size(t, arg.user_ptr);
	ret = ioctl(fd, DRM_IOCTL_I915_GEM_USERPTR, &arg);
	if (!ret)
		limit_handles(fd, arg.handle);
	return ret;
}

static int gem_close(struct thread *t)
{
	struct drm_gem_close arg = { .handle = random_handle(t) };

	return ioctl(random_file(t), DRM_IOCTL_GEM_CLOSE, &arg);
}

/* Mostly short ones: objects are not large. */
static uint64_t random_length(struct thread *t, uint64_t at)
{
	return rnd(t, 3) ? rnd(t, 6000) : random_size(t, at);
}

static int pread_object(struct thread *t)
{
	struct drm_i915_gem_pread arg = {
		.handle = random_handle(t), .offset = rnd(t, 3) ? 0 : rnd(t, 70000),
		.data_ptr = random_memory(t, false),
	};

	arg.size = random_length(t, arg.data_ptr);
	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_PREAD, &arg);
}

static int pwrite_object(struct thread *t)
{
	struct drm_i915_gem_pwrite arg = {
		.handle = random_handle(t), .offset = rnd(t, 3) ? 0 : rnd(t, 70000),
		.data_ptr = random_memory(t, false),
	};

	arg.size = random_length(t, arg.data_ptr);
	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_PWRITE, &arg);
}

static int mmap_legacy(struct thread *t)
{
	struct drm_i915_gem_mmap arg = {
		.handle = random_handle(t), .offset = one_in(t, 4) ? 4096 * rnd(t, 9) : 0,
		.size = 1 + rnd(t, rnd(t, 2) ? 4096 : 64 << 10), .flags = rnd(t, 4) == 1,
	};
	int ret = ioctl(random_file(t), DRM_IOCTL_I915_GEM_MMAP, &arg);

	/* from where it lies to a place in the arena, where all can see it */
	if (!ret) {
		uint64_t size = (arg.size + 4095) & ~4095ull;
		void *to = process.arena + rnd(t, ARENA_PAGES - size / 4096) * 4096;

		if (mremap((void *)arg.addr_ptr, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == MAP_FAILED)
			munmap((void *)arg.addr_ptr, size);
	}
	return ret;
}

static int mmap_offset(struct thread *t)
{
	struct drm_i915_gem_mmap_offset arg = {
		.handle = random_handle(t), .flags = rnd(t, one_in(t, 8) ? 6 : 4),
		.extensions = one_in(t, 32) ? random_memory(t, false) : 0,
	};
	int ret = ioctl(random_file(t), DRM_IOCTL_I915_GEM_MMAP_OFFSET, &arg);

	if (!ret)
		keep_offset(t, arg.offset);
	return ret;
}

static int set_domain(struct thread *t)
{
	static const uint32_t domains[] = { 0, 1, 0x40, 0x80, 2, 0x41 };
	struct drm_i915_gem_set_domain arg = {
		.handle = random_handle(t), .read_domains = domains[rnd(t, 6)],
	};

	arg.write_domain = rnd(t, 2) ? arg.read_domains : domains[rnd(t, 6)];
	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_SET_DOMAIN, &arg);
}

static int set_tiling(struct thread *t)
{
	struct drm_i915_gem_set_tiling arg = {
		.handle = random_handle(t), .tiling_mode = rnd(t, 4),
		.stride = one_in(t, 16) ? rnd64(t) : 128u << rnd(t, 4),
	};

	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_SET_TILING, &arg);
}

static int get_tiling(struct thread *t)
{
	struct drm_i915_gem_get_tiling arg = { .handle = random_handle(t) };

	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_GET_TILING, &arg);
}

static int set_caching(struct thread *t)
{
	struct drm_i915_gem_caching arg = { .handle = random_handle(t), .caching = rnd(t, 4) };

	return ioctl(random_file(t), rnd(t, 2) ? DRM_IOCTL_I915_GEM_SET_CACHING :
						 DRM_IOCTL_I915_GEM_GET_CACHING, &arg);
}

static int madvise_object(struct thread *t)
{
	struct drm_i915_gem_madvise arg = { .handle = random_handle(t), .madv = rnd(t, 3) };

	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_MADVISE, &arg);
}

static int busy(struct thread *t)
{
	struct drm_i915_gem_busy arg = { .handle = random_handle(t) };

	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_BUSY, &arg);
}

static int wait_object(struct thread *t)
{
	struct drm_i915_gem_wait arg = {
		.bo_handle = random_handle(t), .timeout_ns = rnd(t, 10000000),
	};

	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_WAIT, &arg);
}

static int throttle(struct thread *t)
{
	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_THROTTLE, NULL);
}

static int flink(struct thread *t)
{
	struct drm_gem_flink arg = { .handle = random_handle(t) };

	return ioctl(random_file(t), DRM_IOCTL_GEM_FLINK, &arg);
}

static int open_name(struct thread *t)
{
	struct drm_gem_open arg = { .name = 1 + rnd(t, 20) };
	int fd = random_file(t), ret = ioctl(fd, DRM_IOCTL_GEM_OPEN, &arg);

	if (!ret)
		limit_handles(fd, arg.handle);
	return ret;
}

static int create_dumb(struct thread *t)
{
	struct drm_mode_create_dumb arg = {
		.width = rnd(t, 200), .height = rnd(t, 200), .bpp = 8 << rnd(t, 3),
	};
	int fd = random_file(t), ret;

	if (one_in(t, 32))
		arg.height = rnd64(t);
	ret = ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, &arg);
	if (!ret)
		limit_handles(fd, arg.handle);
	return ret;
}

static int export(struct thread *t)
{
	struct drm_prime_handle arg = {
		.handle = random_handle(t), .flags = DRM_CLOEXEC | (rnd(t, 4) ? DRM_RDWR : 0),
	};
	int ret = ioctl(random_file(t), DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg);

	if (!ret)
		keep_fd(t, process.buffers, BUFFERS, arg.fd);
	return ret;
}

static int import(struct thread *t)
{
	struct drm_prime_handle arg = { .fd = process.buffers[rnd(t, BUFFERS)] };
	int fd = random_file(t), ret = ioctl(fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);

	if (!ret)
		limit_handles(fd, arg.handle);
	return ret;
}

static int sync_dmabuf(struct thread *t)
{
	struct dma_buf_sync arg = { .flags = rnd(t, 8) };

	return ioctl(process.buffers[rnd(t, BUFFERS)], DMA_BUF_IOCTL_SYNC, &arg);
}

static int export_sync_file(struct thread *t)
{
	struct { uint32_t flags; int32_t fd; } arg = { .flags = 1 + rnd(t, 3) };
	int ret = ioctl(process.buffers[rnd(t, BUFFERS)], _IOWR('b', 2, arg), &arg);

	if (!ret)
		keep_fd(t, process.buffers, BUFFERS, arg.fd);
	return ret;
}

static int import_sync_file(struct thread *t)
{
	struct { uint32_t flags; int32_t fd; } arg = {
		.flags = 1 + rnd(t, 3), .fd = process.buffers[rnd(t, BUFFERS)],
	};

	return ioctl(process.buffers[rnd(t, BUFFERS)], _IOW('b', 3, arg), &arg);
}

static int reopen(struct thread *t)
{
	int fd = open_file(rnd(t, 3) ? shared->render : shared->card, 0, one_in(t, 4));

	if (fd >= 0)
		keep_fd(t, process.files, FILES, fd);
	return fd;
}

/* Any DRM ioctl with any bytes as its argument, which may go away while it is read. */
static int anything(struct thread *t)
{
	unsigned int nr = rnd(t, 2) ? 0x40 + rnd(t, 0x40) : rnd(t, 256);
	unsigned long request = _IOC(rnd(t, 4), 'd', nr, 8 * rnd(t, 20));

	return ioctl(random_file(t), request, random_memory(t, false));
}

const struct call object_calls[] = {
	{ "CREATE", create, 12 },
	{ "CREATE_EXT", create_ext, 2 },
	{ "USERPTR", userptr, 16 },
	{ "GEM_CLOSE", gem_close, 6 },
	{ "PREAD", pread_object, 6 },
	{ "PWRITE", pwrite_object, 6 },
	{ "MMAP", mmap_legacy, 3 },
	{ "MMAP_OFFSET", mmap_offset, 8 },
	{ "SET_DOMAIN", set_domain, 8 },
	{ "SET_TILING", set_tiling, 4 },
	{ "GET_TILING", get_tiling, 1 },
	{ "CACHING", set_caching, 2 },
	{ "MADVISE", madvise_object, 4 },
	{ "BUSY", busy, 2 },
	{ "WAIT", wait_object, 3 },
	{ "THROTTLE", throttle, 1 },
	{ "FLINK", flink, 1 },
	{ "OPEN", open_name, 2 },
	{ "CREATE_DUMB", create_dumb, 1 },
	{ "PRIME export", export, 5 },
	{ "PRIME import", import, 5 },
	{ "DMA_BUF_SYNC", sync_dmabuf, 1 },
	{ "EXPORT_SYNC_FILE", export_sync_file, 1 },
	{ "IMPORT_SYNC_FILE", import_sync_file, 1 },
	{ "open", reopen, 1 },
	{ "any ioctl", anything, 3 },
};

const size_t num_object_calls = ARRAY_SIZE(object_calls);
