// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The life of an object: CREATE, CREATE_EXT, CLOSE, FLINK, OPEN.
 */
#include "batch.h"
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

static int try_create_ext(int fd, uint64_t size, uint32_t flags, const void *extensions,
			  uint32_t *handle)
{
	struct drm_i915_gem_create_ext arg = {
		.size = size, .flags = flags, .extensions = (uintptr_t)extensions,
	};
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_CREATE_EXT, &arg);

	if (!ret)
		CHECK_INT(arg.size % PAGE, 0);
	*handle = arg.handle;
	return ret;
}

static void create_rounds_up(void)
{
	static const uint64_t sizes[][2] = {
		{ 1, PAGE }, { PAGE - 1, PAGE }, { PAGE, PAGE }, { PAGE + 1, 2 * PAGE },
		{ 3 * MiB + 5, 3 * MiB + PAGE },
	};
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		uint64_t size = sizes[i][0];
		uint32_t handle = 0, word = 0x600d600d;

		CHECK_RET(try_create(fd, &size, &handle), 0);
		CHECK_HEX(size, sizes[i][1]);
		CHECK(handle);
		/* All of it is there, and nothing more. */
		gem_write(fd, handle, size - 4, &word, 4);
		CHECK_HEX(gem_read32(fd, handle, size - 4), 0x600d600d);
		CHECK_RET(try_write(fd, handle, size, &word, 4), -EINVAL);
		gem_close(fd, handle);
	}
}

static void create_zeroed(void)
{
	static char zero[256 * PAGE], data[256 * PAGE];
	int fd = gem_open();

	/* Dirty pages, so that the second round may meet them again. */
	for (int round = 0; round < 2; round++) {
		uint32_t handle = gem_create(fd, sizeof(data));

		gem_read(fd, handle, 0, data, sizeof(data));
		CHECK_MEM(data, zero, sizeof(data));
		memset(data, 0xa5, sizeof(data));
		gem_write(fd, handle, 0, data, sizeof(data));
		gem_close(fd, handle);
	}
}

static void create_bad_size(void)
{
	int fd = gem_open();
	uint64_t size = 0;
	uint32_t handle;

	CHECK_RET(try_create(fd, &size, &handle), -EINVAL);
	CHECK_INT(handle, 0);
	/* Rounds up to nothing. */
	size = -1;
	CHECK_RET(try_create(fd, &size, &handle), -EINVAL);
	size = 0xffffffff00000000;
	CHECK_RET(try_create(fd, &size, &handle), -E2BIG);
	CHECK_INT(handle, 0);
}

static void create_ext_plain(void)
{
	int fd = gem_open();
	uint32_t handle;

	CHECK_RET(try_create_ext(fd, 5000, 0, NULL, &handle), 0);
	CHECK_HEX(gem_read32(fd, handle, 2 * PAGE - 4), 0);
	CHECK_RET(try_create_ext(fd, 0, 0, NULL, &handle), -EINVAL);
	CHECK_RET(try_create_ext(fd, PAGE, 1u << 31, NULL, &handle), -EINVAL);
}

static struct drm_i915_gem_create_ext_memory_regions placement(const void *regions, uint32_t count)
{
	return (struct drm_i915_gem_create_ext_memory_regions){
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = count,
		.regions = (uintptr_t)regions,
	};
}

static void create_ext_regions(void)
{
	struct drm_i915_gem_memory_class_instance system = { I915_MEMORY_CLASS_SYSTEM, 0 };
	struct drm_i915_gem_memory_class_instance twice[2] = { system, system };
	struct drm_i915_gem_memory_class_instance other = { I915_MEMORY_CLASS_SYSTEM, 1 };
	struct drm_i915_gem_memory_class_instance local = { I915_MEMORY_CLASS_DEVICE, 0 };
	struct drm_i915_gem_create_ext_memory_regions ext;
	int fd = gem_open();
	uint32_t handle;

	ext = placement(&system, 1);
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), 0);
	gem_close(fd, handle);

	ext = placement(&other, 1);
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	ext = placement(&local, 1);
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	ext = placement(twice, 2);
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	ext = placement(&system, 0);
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	ext = placement(map_hole(PAGE), 1);
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EFAULT);
	ext = placement(&system, 1);
	ext.pad = 1;
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	CHECK_INT(handle, 0);
}

static void create_ext_others(void)
{
	struct drm_i915_gem_create_ext_protected_content protect = {
		.base.name = I915_GEM_CREATE_EXT_PROTECTED_CONTENT,
	};
	/* Room for what follows the name in any extension. */
	struct {
		struct i915_user_extension base;
		uint64_t rest[4];
	} ext = { .base.name = GEM_CREATE_EXT_SET_PAT };
	int fd = gem_open();
	uint32_t handle;

	CHECK_RET(try_create_ext(fd, PAGE, 0, &protect, &handle), -ENODEV);
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	ext.base.name = 0x7ead;
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	CHECK_RET(try_create_ext(fd, PAGE, 0, map_hole(PAGE), &handle), -EFAULT);
}

static void create_ext_bad_chain(void)
{
	struct drm_i915_gem_memory_class_instance system = { I915_MEMORY_CLASS_SYSTEM, 0 };
	struct drm_i915_gem_create_ext_memory_regions ext = placement(&system, 1);
	int fd = gem_open(), ret;
	uint32_t handle;

	ext.base.flags = 1;
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	ext.base.flags = 0;
	ext.base.rsvd[2] = 1;
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EINVAL);
	ext.base.rsvd[2] = 0;
	/* A chain that bites its tail: the placement given twice, or a chain too long. */
	ext.base.next_extension = (uintptr_t)&ext;
	ret = try_create_ext(fd, PAGE, 0, &ext, &handle);
	CHECK(ret == -EINVAL || ret == -E2BIG);
	/* A good extension, followed by one that cannot be read. */
	ext.base.next_extension = (uintptr_t)map_hole(PAGE);
	CHECK_RET(try_create_ext(fd, PAGE, 0, &ext, &handle), -EFAULT);
}

static void close_bad_handle(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	/* EINVAL, not ENOENT: this ioctl is DRM's own. */
	CHECK_RET(try_close(fd, 0), -EINVAL);
	CHECK_RET(try_close(fd, 0x7ead), -EINVAL);
	CHECK_RET(try_close(other, handle), -EINVAL);
	gem_close(fd, handle);
	CHECK_RET(try_close(fd, handle), -EINVAL);
}

static void bad_handle_everywhere(void)
{
	int fd = gem_open();
	uint32_t bad = 0x7ead, word = 0, name;
	uint32_t mode = I915_TILING_NONE, stride = 0, swizzle;
	int64_t timeout = 0;
	uint64_t offset;
	void *addr;
	int dmabuf;

	CHECK_RET(try_read(fd, bad, 0, &word, 4), -ENOENT);
	CHECK_RET(try_write(fd, bad, 0, &word, 4), -ENOENT);
	CHECK_RET(try_set_domain(fd, bad, I915_GEM_DOMAIN_CPU, 0), -ENOENT);
	CHECK_RET(try_set_caching(fd, bad, I915_CACHING_CACHED), -ENOENT);
	CHECK_RET(try_get_caching(fd, bad, &word), -ENOENT);
	CHECK_RET(try_set_tiling(fd, bad, &mode, &stride, &swizzle), -ENOENT);
	CHECK_RET(try_get_tiling(fd, bad, &mode, &swizzle), -ENOENT);
	CHECK_RET(try_madvise(fd, bad, I915_MADV_WILLNEED, &word), -ENOENT);
	CHECK_RET(try_busy(fd, bad, &word), -ENOENT);
	CHECK_RET(try_wait(fd, bad, &timeout), -ENOENT);
	CHECK_RET(try_mmap_legacy(fd, bad, 0, PAGE, 0, &addr), -ENOENT);
	CHECK_RET(try_mmap_offset(fd, bad, I915_MMAP_OFFSET_WB, &offset), -ENOENT);
	CHECK_RET(try_mmap_gtt(fd, bad, &offset), -ENOENT);
	CHECK_RET(try_prime_export(fd, bad, 0, &dmabuf), -ENOENT);
	CHECK_RET(try_flink(gem_open_card(), bad, &name), -ENOENT);
}

static void close_while_busy(void)
{
	static uint32_t data[1024];
	int fd = gem_open();
	uint32_t src = gem_create(fd, PAGE), dst = gem_create(fd, PAGE);
	uint32_t gate = gem_create(fd, PAGE);
	struct batch b;
	struct spin s;

	fill(data, sizeof(data), 1);
	gem_write(fd, src, 0, data, sizeof(data));
	spin_start(&s, fd, 0, I915_EXEC_RENDER, gate, EXEC_OBJECT_WRITE);

	batch_init(&b, fd, I915_EXEC_BLT);
	batch_obj(&b, gate, 0);
	batch_copy_blt(&b, dst, src, PAGE);
	batch_submit(&b);
	/* Queued behind the spinner: nothing has run when the source and the batch are closed. */
	gem_close(fd, src);
	batch_free(&b);
	CHECK(gem_is_busy(fd, dst));
	/* Whoever gets those pages now must not be what is copied. */
	for (int i = 0; i < 16; i++)
		gem_create(fd, PAGE);

	spin_free(&s);
	memset(data, 0, sizeof(data));
	gem_read(fd, dst, 0, data, sizeof(data));
	CHECK_FILL(data, sizeof(data), 1);
}

static void handles_are_per_file(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t a = gem_create(fd, PAGE), b = gem_create(other, PAGE), word = 0xa;

	/* The same number most likely; not the same object in any case. */
	gem_write(fd, a, 0, &word, 4);
	CHECK_HEX(gem_read32(other, b, 0), 0);
}

static void handles_reused(void)
{
	int fd = gem_open();
	uint32_t first = gem_create(fd, PAGE);

	inject_skip("handles that could not be copied out are never closed");
	gem_close(fd, first);
	/* A handle that leaks would make the numbers grow. */
	for (int i = 0; i < 2000; i++) {
		uint32_t handle = gem_create(fd, PAGE);

		CHECK(handle <= first + 1);
		gem_close(fd, handle);
	}
}

static void flink_shares(void)
{
	int fd = gem_open_card(), other = gem_open_card();
	uint32_t handle = gem_create(fd, 3 * PAGE), word = 0xf11f;
	uint32_t name, again, opened;
	uint64_t size;

	CHECK_RET(try_flink(fd, handle, &name), 0);
	CHECK(name);
	CHECK_RET(try_flink(fd, handle, &again), 0);
	CHECK_INT(again, name);
	CHECK_RET(try_open_name(other, name, &opened, &size), 0);
	CHECK_INT(size, 3 * PAGE);
	gem_write(other, opened, 2 * PAGE, &word, 4);
	CHECK_HEX(gem_read32(fd, handle, 2 * PAGE), 0xf11f);

	/* The creator goes: name and bytes stay with the other. */
	close(fd);
	CHECK_HEX(gem_read32(other, opened, 2 * PAGE), 0xf11f);
	fd = gem_open_card();
	CHECK_RET(try_open_name(fd, name, &handle, &size), 0);
	gem_close(fd, handle);
	gem_close(other, opened);
	CHECK_RET(try_open_name(fd, name, &handle, &size), -ENOENT);
}

static void flink_gpu(void)
{
	int fd = gem_open_card(), other = gem_open_card();
	uint32_t handle = gem_create(fd, PAGE), name, opened;
	uint64_t size;

	CHECK_RET(try_flink(fd, handle, &name), 0);
	CHECK_RET(try_open_name(other, name, &opened, &size), 0);
	gpu_store(other, opened, 64, 0xbeef);
	CHECK_HEX(gem_read32(fd, handle, 64), 0xbeef);
}

static void flink_errors(void)
{
	int card = gem_open_card(), render = gem_open();
	uint32_t handle = gem_create(render, PAGE), name;
	uint64_t size;

	/* Global names are for primary nodes. */
	CHECK_RET(try_flink(render, handle, &name), -EACCES);
	CHECK_RET(try_open_name(card, 0x7ead7ead, &handle, &size), -ENOENT);
}

static const struct subtest tests[] = {
	{ "CREATE rounds the size up to a page and writes it back", create_rounds_up },
	{ "CREATE gives pages that read as zero", create_zeroed },
	{ "CREATE of size 0 is EINVAL, of a size beyond reason E2BIG", create_bad_size },
	{ "CREATE_EXT without extensions is CREATE; size 0 and unknown flags are EINVAL",
	  create_ext_plain },
	{ "CREATE_EXT placement takes system memory alone", create_ext_regions },
	{ "CREATE_EXT protected content is ENODEV, PAT and unknown extensions EINVAL",
	  create_ext_others },
	{ "CREATE_EXT with a malformed or unreadable chain is EINVAL or EFAULT",
	  create_ext_bad_chain },
	{ "CLOSE of a handle that is not there is EINVAL", close_bad_handle },
	{ "every other GEM ioctl says ENOENT to a bad handle", bad_handle_everywhere },
	{ "CLOSE while the GPU still has to use the object is safe", close_while_busy },
	{ "handles belong to their file", handles_are_per_file },
	{ "closed handles are used again", handles_reused },
	{ "FLINK and OPEN share bytes; the name lives as long as a handle", flink_shares },
	{ "FLINK and OPEN: the GPU writes through one file, the other reads", flink_gpu },
	{ "OPEN of an unknown name is ENOENT; FLINK on a render node EACCES", flink_errors },
};

TAP_MAIN(tests)
