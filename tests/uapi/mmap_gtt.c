// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects mapped through the aperture: MMAP_GTT.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE	(16 * PAGE)

static void *map_gtt(int fd, uint32_t handle, size_t size)
{
	uint64_t offset;
	void *ptr;

	CHECK_RET(try_mmap_gtt(fd, handle, &offset), 0);
	CHECK(offset && offset % PAGE == 0);
	ptr = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
	CHECK_SYS(ptr);
	return ptr;
}

static void bytes(void)
{
	static uint32_t data[SIZE / 4];
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE), copy = gem_create(fd, SIZE);
	void *ptr = map_gtt(fd, handle, SIZE);

	fill(data, SIZE, 1);
	gem_write(fd, handle, 0, data, SIZE);
	CHECK_FILL(ptr, SIZE, 1);
	fill(ptr, SIZE, 2);
	gem_read(fd, handle, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 2);
	fill(ptr, SIZE, 3);
	gpu_copy(fd, copy, handle, SIZE);
	gem_read(fd, copy, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 3);
	fill(data, SIZE, 4);
	gem_write(fd, copy, 0, data, SIZE);
	gpu_copy(fd, handle, copy, SIZE);
	CHECK_FILL(ptr, SIZE, 4);
}

static void agrees_with_cpu(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	void *gtt = map_gtt(fd, handle, SIZE);
	void *cpu = gem_mmap(fd, handle, SIZE, I915_MMAP_OFFSET_WB);

	fill(gtt, SIZE, 1);
	CHECK_FILL(cpu, SIZE, 1);
	fill(cpu, SIZE, 2);
	CHECK_FILL(gtt, SIZE, 2);
}

static void snooped(void)
{
	static const uint32_t levels[] = { I915_CACHING_NONE, I915_CACHING_CACHED };
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(levels); i++) {
		uint32_t handle = gem_create(fd, PAGE);
		uint32_t *ptr = map_gtt(fd, handle, PAGE);

		ptr[0] = 1;
		CHECK_RET(try_set_caching(fd, handle, levels[i]), 0);
		CHECK_INT(ptr[0], 1);
		ptr[1] = 2;
		CHECK_INT(gem_read32(fd, handle, 4), 2);
	}
}

static void userptr_refused(void)
{
	int fd = gem_open();
	uint64_t offset;

	CHECK_RET(try_mmap_gtt(fd, gem_userptr(fd, map_anon(PAGE), PAGE, 0), &offset), -ENODEV);
}

static void refused_mmaps(void)
{
	int fd = gem_open(), other = gem_open();
	uint64_t offset;

	CHECK_RET(try_mmap_gtt(fd, gem_create(fd, SIZE), &offset), 0);
	CHECK(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, other, offset) == MAP_FAILED);
	CHECK_RET(-errno, -EACCES);
	CHECK(mmap(NULL, SIZE + PAGE, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
	CHECK_RET(-errno, -EINVAL);
}

static void after_close(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	void *ptr = map_gtt(fd, handle, SIZE);

	fill(ptr, SIZE / 2, 1);
	gem_close(fd, handle);
	close(fd);
	CHECK_FILL(ptr, SIZE / 2, 1);
	fill(ptr, SIZE, 2);
	CHECK_FILL(ptr, SIZE, 2);
}

static void larger_than_aperture(void)
{
	const size_t size = 300 * MiB;
	int fd = gem_open();
	uint32_t handle = gem_create(fd, size);
	char *ptr = map_gtt(fd, handle, size);

	for (size_t i = 0; i < size; i += 20 * MiB)
		*(uint32_t *)(ptr + i) = i + 1;
	for (size_t i = 0; i < size; i += 20 * MiB) {
		CHECK_HEX(*(uint32_t *)(ptr + i), i + 1);
		CHECK_HEX(gem_read32(fd, handle, i), i + 1);
	}
}

static const struct subtest tests[] = {
	{ "MMAP_GTT: CPU, PREAD/PWRITE and GPU agree on all bytes", bytes },
	{ "a GTT and a CPU mapping show the same bytes at the same time", agrees_with_cpu },
	{ "a GTT mapping works whatever the caching level", snooped },
	{ "MMAP_GTT of a userptr is ENODEV", userptr_refused },
	{ "mmap(2) by another file is EACCES, of a wrong size EINVAL", refused_mmaps },
	{ "a GTT mapping outlives handle and file", after_close },
	{ "an object larger than the aperture can be mapped", larger_than_aperture, 60 },
};

TAP_MAIN(tests)
