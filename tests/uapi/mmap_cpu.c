// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects mapped for the CPU: the legacy MMAP ioctl, MMAP_OFFSET of kinds WB, WC and UC.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(16 * PAGE)

static const uint64_t cpu_kinds[] = {
	I915_MMAP_OFFSET_WB, I915_MMAP_OFFSET_WC, I915_MMAP_OFFSET_UC,
};

/* All bytes agree, whichever way they are written and read: mapping, pread/pwrite, GPU. */
static void check_coherent(int fd, uint32_t handle, void *ptr)
{
	static uint32_t data[SIZE / 4];
	uint32_t copy = gem_create(fd, SIZE);

	fill(ptr, SIZE, 1);
	gem_read(fd, handle, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 1);

	fill(data, SIZE, 2);
	gem_write(fd, handle, 0, data, SIZE);
	CHECK_FILL(ptr, SIZE, 2);

	fill(ptr, SIZE, 3);
	gpu_copy(fd, copy, handle, SIZE);
	gem_read(fd, copy, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 3);

	fill(data, SIZE, 4);
	gem_write(fd, copy, 0, data, SIZE);
	gpu_copy(fd, handle, copy, SIZE);
	CHECK_FILL(ptr, SIZE, 4);
	gem_close(fd, copy);
}

static void legacy_bytes(void)
{
	int fd = gem_open();

	for (uint64_t flags = 0; flags <= I915_MMAP_WC; flags += I915_MMAP_WC) {
		uint32_t handle = gem_create(fd, SIZE);
		void *ptr;

		CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE, flags, &ptr), 0);
		CHECK_INT((uintptr_t)ptr % PAGE, 0);
		check_coherent(fd, handle, ptr);
	}
}

static void legacy_part(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE), word = 0x9a97;
	uint32_t *ptr;

	gem_write(fd, handle, 5 * PAGE, &word, 4);
	CHECK_RET(try_mmap_legacy(fd, handle, 5 * PAGE, PAGE, 0, (void **)&ptr), 0);
	CHECK_HEX(ptr[0], 0x9a97);
	ptr[1] = 0x1234;
	CHECK_HEX(gem_read32(fd, handle, 5 * PAGE + 4), 0x1234);
	/* The last page alone. */
	CHECK_RET(try_mmap_legacy(fd, handle, SIZE - PAGE, PAGE, 0, (void **)&ptr), 0);
	CHECK_HEX(ptr[0], 0);
}

static void legacy_errors(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	uint32_t user = gem_userptr(fd, map_anon(PAGE), PAGE, 0);
	void *ptr;

	CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE, 2, &ptr), -EINVAL);
	CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE, ~0ull, &ptr), -EINVAL);
	CHECK_RET(try_mmap_legacy(fd, user, 0, PAGE, 0, &ptr), -ENXIO);
	CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE + PAGE, 0, &ptr), -EINVAL);
	CHECK_RET(try_mmap_legacy(fd, handle, SIZE, PAGE, 0, &ptr), -EINVAL);
	CHECK_RET(try_mmap_legacy(fd, handle, PAGE, SIZE, 0, &ptr), -EINVAL);
	CHECK_RET(try_mmap_legacy(fd, handle, -(uint64_t)PAGE, 2 * PAGE, 0, &ptr), -EINVAL);
	CHECK_RET(try_mmap_legacy(fd, handle, PAGE, -(uint64_t)PAGE, 0, &ptr), -EINVAL);
	CHECK_RET(try_mmap_legacy(fd, handle, 64, PAGE, 0, &ptr), -EINVAL);
	CHECK_RET(try_mmap_legacy(fd, handle, 0, 0, 0, &ptr), -EINVAL);
}

static void legacy_after_close(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	void *ptr;

	CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE, 0, &ptr), 0);
	fill(ptr, SIZE, 1);
	gem_close(fd, handle);
	close(fd);
	CHECK_FILL(ptr, SIZE, 1);
	CHECK_SYS(munmap(ptr, SIZE));
}

static void offset_bytes(void)
{
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(cpu_kinds); i++) {
		uint32_t handle = gem_create(fd, SIZE);

		check_coherent(fd, handle, gem_mmap(fd, handle, SIZE, cpu_kinds[i]));
	}
}

static void kinds_agree(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	char *wb = gem_mmap(fd, handle, SIZE, I915_MMAP_OFFSET_WB);
	char *wc = gem_mmap(fd, handle, SIZE, I915_MMAP_OFFSET_WC);
	char *uc = gem_mmap(fd, handle, SIZE, I915_MMAP_OFFSET_UC);
	void *legacy;

	CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE, 0, &legacy), 0);
	fill(wb, SIZE, 1);
	CHECK_FILL(wc, SIZE, 1);
	fill(uc, SIZE, 2);
	CHECK_FILL(wb, SIZE, 2);
	fill(wc, SIZE, 3);
	CHECK_FILL(legacy, SIZE, 3);
}

static void offset_stable(void)
{
	static const uint64_t kinds[] = {
		I915_MMAP_OFFSET_GTT, I915_MMAP_OFFSET_WC, I915_MMAP_OFFSET_WB, I915_MMAP_OFFSET_UC,
	};
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	uint64_t first[ARRAY_SIZE(kinds)], again;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CHECK_RET(try_mmap_offset(fd, handle, kinds[i], &first[i]), 0);
		CHECK(first[i] && first[i] % PAGE == 0);
		for (size_t j = 0; j < i; j++)
			CHECK(first[i] != first[j]);
	}
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CHECK_RET(try_mmap_offset(fd, handle, kinds[i], &again), 0);
		CHECK_HEX(again, first[i]);
	}
	CHECK_RET(try_mmap_gtt(fd, handle, &again), 0);
	CHECK_HEX(again, first[0]);
}

static void offset_errors(void)
{
	struct i915_user_extension ext = { .name = 0x7ead };
	int fd = gem_open();
	struct drm_i915_gem_mmap_offset arg = {
		.handle = gem_create(fd, PAGE), .flags = I915_MMAP_OFFSET_WB,
	};
	uint64_t offset;

	CHECK_RET(try_mmap_offset(fd, arg.handle, I915_MMAP_OFFSET_FIXED, &offset), -ENODEV);
	CHECK_RET(try_mmap_offset(fd, arg.handle, 5, &offset), -EINVAL);
	CHECK_RET(try_mmap_offset(fd, arg.handle, ~0ull, &offset), -EINVAL);
	arg.extensions = (uintptr_t)&ext;
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &arg), -EINVAL);
	arg.extensions = (uintptr_t)map_hole(PAGE);
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &arg), -EFAULT);
	/* Not looked at. */
	arg.extensions = 0;
	arg.pad = 1;
	arg.offset = 12345;
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &arg), 0);
	CHECK_INT(arg.offset % PAGE, 0);
}

static void offset_userptr(void)
{
	int fd = gem_open();
	uint32_t handle = gem_userptr(fd, map_anon(PAGE), PAGE, 0);
	uint64_t offset;

	for (uint64_t kind = 0; kind <= I915_MMAP_OFFSET_UC; kind++)
		CHECK_RET(try_mmap_offset(fd, handle, kind, &offset), -ENODEV);
	CHECK_RET(try_mmap_gtt(fd, handle, &offset), -ENODEV);
}

static int try_map(int fd, uint64_t offset, size_t len)
{
	void *ptr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);

	if (ptr == MAP_FAILED)
		return -errno;
	munmap(ptr, len);
	return 0;
}

static void mmap_other_file(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	uint64_t offset;

	for (size_t i = 0; i < ARRAY_SIZE(cpu_kinds); i++) {
		CHECK_RET(try_mmap_offset(fd, handle, cpu_kinds[i], &offset), 0);
		CHECK_RET(try_map(other, offset, SIZE), -EACCES);
		CHECK_RET(try_map(fd, offset, SIZE), 0);
	}
}

static void mmap_granted_to_both(void)
{
	int fd = gem_open(), other = gem_open(), dmabuf;
	uint32_t handle = gem_create(fd, SIZE), imported;
	uint64_t offset, second;

	CHECK_RET(try_mmap_offset(fd, handle, I915_MMAP_OFFSET_WB, &offset), 0);
	CHECK_RET(try_prime_export(fd, handle, O_RDWR, &dmabuf), 0);
	imported = gem_import(other, dmabuf);
	/* Having the object is not enough: the file must have asked for the offset. */
	CHECK_RET(try_map(other, offset, SIZE), -EACCES);
	CHECK_RET(try_mmap_offset(other, imported, I915_MMAP_OFFSET_WB, &second), 0);
	CHECK_HEX(second, offset);
	CHECK_RET(try_map(other, offset, SIZE), 0);
}

/* A client that has closed its handle may not map, though others have the object still. */
static void mmap_after_handle_close(void)
{
	int fd = gem_open(), other = gem_open(), dmabuf;
	uint32_t handle = gem_create(fd, SIZE), imported;
	uint64_t offset, again;

	CHECK_RET(try_prime_export(fd, handle, O_RDWR, &dmabuf), 0);
	imported = gem_import(other, dmabuf);
	CHECK_RET(try_mmap_offset(other, imported, I915_MMAP_OFFSET_WC, &again), 0);
	for (size_t i = 0; i < ARRAY_SIZE(cpu_kinds); i++) {
		CHECK_RET(try_mmap_offset(fd, handle, cpu_kinds[i], &offset), 0);
		CHECK_RET(try_mmap_offset(fd, handle, cpu_kinds[i], &again), 0);
		CHECK_HEX(again, offset);
		CHECK_RET(try_map(fd, offset, SIZE), 0);
	}
	gem_close(fd, handle);
	for (size_t i = 0; i < ARRAY_SIZE(cpu_kinds); i++) {
		CHECK_RET(try_mmap_offset(other, imported, cpu_kinds[i], &offset), 0);
		CHECK_RET(try_map(fd, offset, SIZE), -EACCES);
		CHECK_RET(try_map(other, offset, SIZE), 0);
	}
	/* Back again, it has to ask again. */
	handle = gem_import(fd, dmabuf);
	CHECK_RET(try_map(fd, offset, SIZE), -EACCES);
	CHECK_RET(try_mmap_offset(fd, handle, cpu_kinds[ARRAY_SIZE(cpu_kinds) - 1], &offset), 0);
	CHECK_RET(try_map(fd, offset, SIZE), 0);
}

static void mmap_bad_range(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	uint64_t offset;

	CHECK_RET(try_mmap_offset(fd, handle, I915_MMAP_OFFSET_WB, &offset), 0);
	CHECK_RET(try_map(fd, offset, SIZE + PAGE), -EINVAL);
	CHECK_RET(try_map(fd, offset + PAGE, SIZE), -EINVAL);
	CHECK_RET(try_map(fd, offset + (1ull << 40), PAGE), -EINVAL);
	CHECK_RET(try_map(fd, 0, PAGE), -EINVAL);
	CHECK_RET(try_map(fd, offset, SIZE), 0);
	gem_close(fd, handle);
	CHECK_RET(try_map(fd, offset, SIZE), -EINVAL);
}

static void mmap_after_close(void)
{
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(cpu_kinds); i++) {
		uint32_t handle = gem_create(fd, SIZE);
		char *ptr = gem_mmap(fd, handle, SIZE, cpu_kinds[i]);

		fill(ptr, SIZE, 1);
		gem_close(fd, handle);
		CHECK_FILL(ptr, SIZE, 1);
		/* First touched after the close. */
		handle = gem_create(fd, SIZE);
		ptr = gem_mmap(fd, handle, SIZE, cpu_kinds[i]);
		gem_close(fd, handle);
		fill(ptr, SIZE, 2);
		CHECK_FILL(ptr, SIZE, 2);
	}
}

static void mmap_grow(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	char *ptr = gem_mmap(fd, handle, SIZE, I915_MMAP_OFFSET_WB), *moved;

	CHECK(mremap(ptr, SIZE, 2 * SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	CHECK_RET(-errno, -EFAULT);
	/* Moving it is fine. */
	fill(ptr, SIZE, 1);
	moved = mremap(ptr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, map_hole(SIZE));
	CHECK_SYS(moved);
	CHECK_FILL(moved, SIZE, 1);
}

static void mmap_partial_unmap(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE), word = 0xcafe;
	char *ptr = gem_mmap(fd, handle, SIZE, I915_MMAP_OFFSET_WB);

	memset(ptr, 1, SIZE);
	CHECK_SYS(munmap(ptr + 4 * PAGE, 4 * PAGE));
	gem_write(fd, handle, 8 * PAGE, &word, 4);
	CHECK_HEX(*(uint32_t *)(ptr + 8 * PAGE), 0xcafe);
	CHECK_INT(ptr[4 * PAGE - 1], 1);
	/* What is gone is gone for pread, too. */
	CHECK_RET(try_read(fd, handle, 0, ptr, SIZE), -EFAULT);
}

static void mmap_fork(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	uint32_t *touched = gem_mmap(fd, handle, SIZE, I915_MMAP_OFFSET_WB);
	uint32_t *fresh = gem_mmap(fd, handle, SIZE, I915_MMAP_OFFSET_WC);
	pid_t pid;

	touched[0] = 1;
	pid = fork();
	CHECK_SYS(pid);
	if (!pid) {
		CHECK_INT(touched[0], 1);
		fresh[PAGE / 4] = 2;
		_exit(0);
	}
	child_end(pid);
	/* Shared, not copied. */
	CHECK_INT(touched[PAGE / 4], 2);
	CHECK_INT(gem_read32(fd, handle, PAGE), 2);
}

static const struct subtest tests[] = {
	{ "MMAP, WB and WC: CPU, PREAD/PWRITE and GPU agree on all bytes", legacy_bytes },
	{ "MMAP of a part of the object", legacy_part },
	{ "MMAP with unknown flags or a bad range is EINVAL, of a userptr ENXIO", legacy_errors },
	{ "MMAP outlives handle and file", legacy_after_close },
	{ "MMAP_OFFSET, WB, WC and UC: CPU, PREAD/PWRITE and GPU agree on all bytes",
	  offset_bytes },
	{ "all kinds of mapping show the same bytes at the same time", kinds_agree },
	{ "MMAP_OFFSET gives an offset a kind, the same each time", offset_stable },
	{ "MMAP_OFFSET: FIXED is ENODEV, an unknown kind or extension EINVAL, pad not checked",
	  offset_errors },
	{ "MMAP_OFFSET and MMAP_GTT of a userptr are ENODEV", offset_userptr },
	{ "mmap(2) by a file that was not given the offset is EACCES", mmap_other_file },
	{ "mmap(2) by a file that has the object but did not ask is EACCES", mmap_granted_to_both },
	{ "mmap(2) by a file that has closed its handle is EACCES", mmap_after_handle_close },
	{ "mmap(2) of no such offset, beyond the end or of a closed object is EINVAL", mmap_bad_range },
	{ "a mapping outlives its handle, touched before or not", mmap_after_close },
	{ "mremap may move a mapping, not grow it", mmap_grow },
	{ "unmapping a part leaves the rest", mmap_partial_unmap },
	{ "a forked child shares the mapping", mmap_fork },
};

TAP_MAIN(tests)
