// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * PREAD and PWRITE: bytes, ranges, user buffers that are not there, user buffers that are objects.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE	(16 * PAGE)

static void round_trip(void)
{
	static char image[SIZE], data[SIZE];
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	unsigned int seed = 1;

	/* Against a plain image: odd offsets and lengths, over page ends. */
	for (int i = 0; i < 500; i++) {
		size_t offset = rand_r(&seed) % SIZE;
		size_t len = rand_r(&seed) % (SIZE - offset) % (3 * PAGE) + 1;

		for (size_t j = 0; j < len; j++)
			data[j] = rand_r(&seed);
		memcpy(image + offset, data, len);
		gem_write(fd, handle, offset, data, len);

		offset = rand_r(&seed) % SIZE;
		len = rand_r(&seed) % (SIZE - offset) + 1;
		gem_read(fd, handle, offset, data, len);
		CHECK_MEM(data, image + offset, len);
	}
}

static void read_stays_inside(void)
{
	char data[64];
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	memset(data, 0x5a, sizeof(data));
	gem_read(fd, handle, 8, data + 16, 16);
	for (int i = 0; i < 64; i++)
		CHECK_INT(data[i], i >= 16 && i < 32 ? 0 : 0x5a);
}

static void size_zero(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	CHECK_RET(try_read(fd, handle, 0, NULL, 0), 0);
	CHECK_RET(try_write(fd, handle, 0, NULL, 0), 0);
	/* Nothing is looked at: not even the offset. */
	CHECK_RET(try_read(fd, handle, 5 * PAGE, NULL, 0), 0);
	CHECK_RET(try_write(fd, handle, 5 * PAGE, NULL, 0), 0);
}

static void bad_range(void)
{
	static char data[2 * PAGE];
	static const uint64_t bad[][2] = {
		{ 0, PAGE + 1 }, { 1, PAGE }, { PAGE, 1 }, { PAGE - 1, 2 }, { 2 * PAGE, 1 },
		{ -1ull, 1 }, { -1ull, 2 }, { -(uint64_t)PAGE, PAGE }, { -8ull, 16 },
		{ 1ull << 32, 4 }, { 0, 1ull << 32 }, { 1ull << 63, PAGE },
	};
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		CHECK_RET(try_read(fd, handle, bad[i][0], data, bad[i][1]), -EINVAL);
		CHECK_RET(try_write(fd, handle, bad[i][0], data, bad[i][1]), -EINVAL);
	}
}

static void bad_buffer(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	char *locked = map_anon(PAGE), *constant = map_anon(PAGE), *hole = map_hole(PAGE);
	void *const both[] = {
		NULL, hole, locked, (void *)0xffff800000000000, (void *)-PAGE,
	};

	CHECK_SYS(mprotect(locked, PAGE, PROT_NONE));
	for (size_t i = 0; i < ARRAY_SIZE(both); i++) {
		CHECK_RET(try_read(fd, handle, 0, both[i], 64), -EFAULT);
		CHECK_RET(try_write(fd, handle, 0, both[i], 64), -EFAULT);
	}
	CHECK_SYS(mprotect(constant, PAGE, PROT_READ));
	CHECK_RET(try_write(fd, handle, 0, constant, PAGE), 0);
	CHECK_RET(try_read(fd, handle, 0, constant, PAGE), -EFAULT);
}

static void hole_midway(void)
{
	static char data[SIZE];
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);

	/* The hole at each page in turn. */
	for (size_t at = 0; at < SIZE; at += PAGE) {
		char *ptr = map_anon(SIZE);

		memset(data, 9, SIZE);
		gem_write(fd, handle, 0, data, SIZE);
		memset(ptr, 1, SIZE);
		CHECK_SYS(munmap(ptr + at, PAGE));
		CHECK_RET(try_write(fd, handle, 0, ptr, SIZE), -EFAULT);
		/* what could not be written is what it was */
		gem_read(fd, handle, 0, data, SIZE);
		for (size_t i = at; i < SIZE; i++)
			CHECK_INT(data[i], 9);
		CHECK_RET(try_read(fd, handle, 0, ptr, SIZE), -EFAULT);
		CHECK_SYS(munmap(ptr, SIZE));
	}
	/* The object is as usable as before. */
	memset(data, 7, SIZE);
	gem_write(fd, handle, 0, data, SIZE);
	memset(data, 0, SIZE);
	gem_read(fd, handle, 0, data, SIZE);
	for (size_t i = 0; i < SIZE; i++)
		CHECK_INT(data[i], 7);
}

static void fresh_buffer(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	char *from = map_memfd(SIZE), *to = map_anon(SIZE);

	/* Pages that have to be faulted in while the copy runs. */
	fill(from, SIZE, 3);
	CHECK_SYS(madvise(from, SIZE, MADV_DONTNEED));
	gem_write(fd, handle, 0, from, SIZE);
	gem_read(fd, handle, 0, to, SIZE);
	CHECK_FILL(to, SIZE, 3);
}

/* The user buffer is a mapping of @source's object; @dest may be the same one. */
static void through_mapping(uint64_t kind, bool same)
{
	static char data[SIZE];
	int fd = gem_open();
	uint32_t a = gem_create(fd, SIZE), b = same ? a : gem_create(fd, SIZE);
	char *ptr = gem_mmap(fd, a, SIZE, kind);

	fill(data, SIZE, 4);
	gem_write(fd, a, 0, data, SIZE);
	/* Nothing has been touched through the mapping: the copy itself faults. */
	gem_write(fd, b, 0, ptr, SIZE);
	gem_read(fd, b, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 4);

	CHECK_SYS(munmap(ptr, SIZE));
	ptr = gem_mmap(fd, a, SIZE, kind);
	fill(data, SIZE, 5);
	gem_write(fd, b, 0, data, SIZE);
	gem_read(fd, b, 0, ptr, SIZE);
	CHECK_FILL(ptr, SIZE, 5);
}

static void buffer_is_cpu_mmap(void)
{
	through_mapping(I915_MMAP_OFFSET_WB, false);
	through_mapping(I915_MMAP_OFFSET_WC, false);
}

static void buffer_is_own_cpu_mmap(void)
{
	through_mapping(I915_MMAP_OFFSET_WB, true);
	through_mapping(I915_MMAP_OFFSET_WC, true);
}

static void buffer_is_gtt_mmap(void)
{
	through_mapping(I915_MMAP_OFFSET_GTT, false);
}

static void buffer_is_own_gtt_mmap(void)
{
	through_mapping(I915_MMAP_OFFSET_GTT, true);
}

static long blocked_read(void *arg)
{
	uint32_t *handles = arg, word = 0;
	int ret = try_read(handles[0], handles[1], 0, &word, 4);

	return ret ?: (long)word;
}

static void read_waits_for_writer(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), args[2] = { fd, handle };
	struct batch b;
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, handle, 0, 0x1234);
	batch_submit(&b);

	job_start(&job, blocked_read, args);
	CHECK(!job_done_within(&job, 200));
	spin_end(&s);
	CHECK_HEX(job_end(&job), 0x1234);
	spin_free(&s);
}

static void read_ignores_readers(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), args[2] = { fd, handle };
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, 0);
	job_start(&job, blocked_read, args);
	CHECK(job_done_within(&job, 5000));
	CHECK(!fence_signalled(s.fence, 0));
	CHECK_INT(job_end(&job), 0);
	spin_free(&s);
}

static long blocked_write(void *arg)
{
	uint32_t *handles = arg, word = 0x77;

	return try_write(handles[0], handles[1], 0, &word, 4);
}

static void write_waits_for_reader(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), args[2] = { fd, handle };
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, 0);
	job_start(&job, blocked_write, args);
	CHECK(!job_done_within(&job, 200));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	CHECK_HEX(gem_read32(fd, handle, 0), 0x77);
	spin_free(&s);
}

static void gpu_sees_write(void)
{
	static uint32_t data[SIZE / 4];
	int fd = gem_open();
	uint32_t src = gem_create(fd, SIZE), dst = gem_create(fd, SIZE);

	for (uint32_t seed = 1; seed < 4; seed++) {
		fill(data, SIZE, seed);
		gem_write(fd, src, 0, data, SIZE);
		gpu_copy(fd, dst, src, SIZE);
		memset(data, 0, SIZE);
		gem_read(fd, dst, 0, data, SIZE);
		CHECK_FILL(data, SIZE, seed);
	}
}

static const struct subtest tests[] = {
	{ "PWRITE then PREAD give the same bytes at any offset and length", round_trip },
	{ "PREAD writes exactly the bytes asked for", read_stays_inside },
	{ "size 0 returns 0 whatever else is said", size_zero },
	{ "a range outside the object is EINVAL", bad_range },
	{ "a user range that cannot be accessed is EFAULT", bad_buffer },
	{ "a hole midway in the user range is EFAULT, wherever it is", hole_midway },
	{ "user pages that are not present are faulted in", fresh_buffer },
	{ "the user buffer may be a CPU mmap of another object", buffer_is_cpu_mmap },
	{ "the user buffer may be a CPU mmap of the very object", buffer_is_own_cpu_mmap },
	{ "the user buffer may be a GTT mmap of another object", buffer_is_gtt_mmap },
	{ "the user buffer may be a GTT mmap of the very object", buffer_is_own_gtt_mmap },
	{ "PREAD waits for the GPU's writer and sees what it wrote", read_waits_for_writer },
	{ "PREAD does not wait for the GPU's readers", read_ignores_readers },
	{ "PWRITE waits for the GPU's readers", write_waits_for_reader },
	{ "the GPU sees what PWRITE wrote, PREAD what the GPU wrote", gpu_sees_write },
};

TAP_MAIN(tests)
