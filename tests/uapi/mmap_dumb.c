// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Dumb buffers: made, mapped and destroyed by the DRM core's ioctls, on the primary node.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

static int try_create_dumb(int fd, uint32_t width, uint32_t height, uint32_t bpp,
			   struct drm_mode_create_dumb *arg)
{
	*arg = (struct drm_mode_create_dumb){ .width = width, .height = height, .bpp = bpp };
	return gem_ioctl(fd, DRM_IOCTL_MODE_CREATE_DUMB, arg);
}

static int try_map_dumb(int fd, uint32_t handle, uint64_t *offset)
{
	struct drm_mode_map_dumb arg = { .handle = handle };
	int ret = gem_ioctl(fd, DRM_IOCTL_MODE_MAP_DUMB, &arg);

	*offset = arg.offset;
	return ret;
}

static int try_destroy_dumb(int fd, uint32_t handle)
{
	struct drm_mode_destroy_dumb arg = { .handle = handle };

	return gem_ioctl(fd, DRM_IOCTL_MODE_DESTROY_DUMB, &arg);
}

static void capability(void)
{
	struct drm_get_cap cap = { .capability = DRM_CAP_DUMB_BUFFER };
	struct drm_mode_card_res res = {};
	int fd = gem_open_card();

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_GET_CAP, &cap), 0);
	CHECK_INT(cap.value, 1);
	/* and there is nothing to show them on */
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_MODE_GETRESOURCES, &res), 0);
	CHECK_INT(res.count_connectors, 0);
	CHECK_INT(res.count_crtcs, 0);
	CHECK_INT(res.count_encoders, 0);
}

static void no_frame_buffers(void)
{
	struct drm_mode_create_dumb dumb;
	struct drm_mode_fb_cmd2 fb = { .width = 64, .height = 64, .pixel_format = 0x34325258 };
	int fd = gem_open_card();

	CHECK_RET(try_create_dumb(fd, 64, 64, 32, &dumb), 0);
	fb.handles[0] = dumb.handle;
	fb.pitches[0] = dumb.pitch;
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_MODE_ADDFB2, &fb), -EINVAL);
}

static void sizes(void)
{
	static const struct {
		uint32_t width, height, bpp, pitch;
		uint64_t size;
	} want[] = {
		{ 1, 1, 8, 64, PAGE },
		{ 64, 64, 8, 64, PAGE },
		{ 65, 64, 8, 128, 2 * PAGE },
		{ 100, 100, 16, 256, 7 * PAGE },
		{ 100, 10, 15, 256, PAGE },
		{ 1920, 1080, 32, 7680, 2025 * PAGE },
		{ 1920, 1080, 30, 7680, 2025 * PAGE },
	};
	int fd = gem_open_card();

	for (size_t i = 0; i < ARRAY_SIZE(want); i++) {
		struct drm_mode_create_dumb dumb;

		CHECK_RET(try_create_dumb(fd, want[i].width, want[i].height, want[i].bpp, &dumb), 0);
		CHECK(dumb.handle);
		CHECK_INT(dumb.pitch, want[i].pitch);
		CHECK_INT(dumb.size, want[i].size);
		CHECK_RET(try_destroy_dumb(fd, dumb.handle), 0);
	}
}

static void refused(void)
{
	struct drm_mode_create_dumb dumb;
	int fd = gem_open_card(), render = gem_open();
	uint64_t offset;

	CHECK_RET(try_create_dumb(fd, 0, 1, 32, &dumb), -EINVAL);
	CHECK_RET(try_create_dumb(fd, 1, 0, 32, &dumb), -EINVAL);
	CHECK_RET(try_create_dumb(fd, 1, 1, 0, &dumb), -EINVAL);
	CHECK_RET(try_create_dumb(fd, 1, 1, 24, &dumb), -EINVAL);
	CHECK_RET(try_create_dumb(fd, 1, 1, 64, &dumb), -EINVAL);
	CHECK_RET(try_create_dumb(fd, 1, 1, ~0u, &dumb), -EINVAL);
	CHECK_RET(try_create_dumb(fd, 1u << 31, 1, 32, &dumb), -EINVAL);
	CHECK_RET(try_create_dumb(fd, 1u << 20, 1u << 20, 8, &dumb), -EINVAL);
	/* in bytes it fits in 32 bits, as its rows are it does not */
	CHECK_RET(try_create_dumb(fd, 0xffffffff, 1, 8, &dumb), -EINVAL);
	CHECK_RET(try_map_dumb(fd, 12345, &offset), -ENOENT);
	CHECK_RET(try_map_dumb(fd, gem_userptr(fd, map_anon(PAGE), PAGE, 0), &offset), -ENODEV);
	/* not for those who only render */
	CHECK_RET(try_create_dumb(render, 64, 64, 32, &dumb), -EACCES);
	CHECK_RET(try_map_dumb(render, gem_create(render, PAGE), &offset), -EACCES);
}

static void bytes(void)
{
	int fd = gem_open_card(), other = gem_open_card();
	struct drm_mode_create_dumb dumb;
	uint64_t offset, again;
	uint32_t handle;
	void *ptr;

	CHECK_RET(try_create_dumb(fd, 256, 64, 32, &dumb), 0);
	CHECK_RET(try_map_dumb(fd, dumb.handle, &offset), 0);
	ptr = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	CHECK_SYS(ptr);
	for (size_t i = 0; i < dumb.size; i++)
		CHECK_INT(((volatile char *)ptr)[i], 0);
	fill(ptr, dumb.size, 1);
	handle = gem_create(fd, dumb.size);
	gpu_copy(fd, handle, dumb.handle, dumb.size);
	CHECK_FILL(gem_mmap(fd, handle, dumb.size, I915_MMAP_OFFSET_WB), dumb.size, 1);
	/* an offset like any other: of kind WC, and for this file only */
	CHECK_RET(try_mmap_offset(fd, dumb.handle, I915_MMAP_OFFSET_WC, &again), 0);
	CHECK_HEX(again, offset);
	CHECK(mmap(NULL, dumb.size, PROT_READ, MAP_SHARED, other, offset) == MAP_FAILED);
	CHECK_RET(-errno, -EACCES);
	/* and any object has one */
	CHECK_RET(try_map_dumb(fd, handle, &again), 0);
	ptr = mmap(NULL, dumb.size, PROT_READ, MAP_SHARED, fd, again);
	CHECK_SYS(ptr);
	CHECK_FILL(ptr, dumb.size, 1);
}

static void destroyed(void)
{
	int fd = gem_open_card();
	struct drm_mode_create_dumb dumb;
	uint64_t offset;
	uint32_t word;
	void *ptr;

	CHECK_RET(try_create_dumb(fd, 64, 64, 32, &dumb), 0);
	CHECK_RET(try_map_dumb(fd, dumb.handle, &offset), 0);
	ptr = mmap(NULL, dumb.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	CHECK_SYS(ptr);
	fill(ptr, dumb.size, 3);
	CHECK_RET(try_destroy_dumb(fd, dumb.handle), 0);
	CHECK_RET(try_read(fd, dumb.handle, 0, &word, 4), -ENOENT);
	CHECK_RET(try_map_dumb(fd, dumb.handle, &offset), -ENOENT);
	CHECK(try_destroy_dumb(fd, dumb.handle) < 0);
	/* who has mapped it may look at it */
	CHECK_FILL(ptr, dumb.size, 3);
	CHECK_SYS(munmap(ptr, dumb.size));
	CHECK(mmap(NULL, dumb.size, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
	CHECK_RET(-errno, -EINVAL);
}

static const struct subtest tests[] = {
	{ "there are dumb buffers, and no display", capability },
	{ "no frame buffer can be made", no_frame_buffers },
	{ "rows are multiples of 64 bytes, sizes of the page size", sizes },
	{ "what is no picture is EINVAL; render nodes have no dumb buffers", refused },
	{ "CPU and GPU agree on a dumb buffer's bytes, and others may not map it", bytes },
	{ "a destroyed one is gone, but for those who have mapped it", destroyed },
};

TAP_MAIN(tests)
