// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Huge pages: behind objects, and in the page tables of those who map them, where the kernel has
 * them for drivers.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#define HUGE	(2 * MiB)

/* What objects and other shared memory have in huge pages, in KiB. */
static unsigned long huge_kb(void)
{
	return number_in("/proc/meminfo", "ShmemHugePages");
}

/* How many free blocks of memory are as large as a huge page, or larger. */
static unsigned long huge_blocks(void)
{
	unsigned long n = 0;
	char line[512];
	FILE *file = fopen("/proc/buddyinfo", "r");

	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		char *word = strtok(line, "\n ");
		int field;

		/* "Node", "0,", "zone", its name; then a number for each order */
		for (field = 0; word; field++, word = strtok(NULL, "\n "))
			if (field >= 4 + 9)
				n += strtoul(word, NULL, 10) << (field - 4 - 9);
	}
	fclose(file);
	return n;
}

/*
 * Fragmentation must not keep the kernel from giving what it has. To compact all memory takes it
 * minutes on a slow machine, and nobody can stop it: only where it has to be.
 */
static void compact(void)
{
	CHECK(write_file("/proc/sys/vm/drop_caches", "3"));
	if (huge_blocks() < 64)
		CHECK(write_file("/proc/sys/vm/compact_memory", "1"));
}

static long minor_faults(void)
{
	struct rusage usage;

	CHECK_SYS(getrusage(RUSAGE_SELF, &usage));
	return usage.ru_minflt;
}

/* The faults that it takes to write to every page. */
static long touch(char *ptr, size_t size, uint32_t seed)
{
	long before = minor_faults();

	for (size_t i = 0; i < size; i += PAGE)
		*(volatile uint32_t *)(ptr + i) = seed + i;
	return minor_faults() - before;
}

static void check_touched(const char *ptr, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i += PAGE)
		CHECK_HEX(*(const volatile uint32_t *)(ptr + i), seed + i);
}

static void backing(void)
{
	int fd = gem_open();
	unsigned long before;
	uint32_t handle;
	char *ptr;

	compact();
	before = huge_kb();
	handle = gem_create(fd, 16 * MiB);
	ptr = gem_mmap(fd, handle, 16 * MiB, I915_MMAP_OFFSET_WB);
	touch(ptr, 16 * MiB, 1);
	CHECK(huge_kb() >= before + 8 * 1024);
	/* an object of less than a huge page has small ones */
	before = huge_kb();
	touch(gem_mmap(fd, gem_create(fd, HUGE - PAGE), HUGE - PAGE, I915_MMAP_OFFSET_WB),
	      HUGE - PAGE, 1);
	CHECK_INT(huge_kb(), before);
	check_touched(ptr, 16 * MiB, 1);
	CHECK_HEX(gem_read32(fd, handle, 5 * PAGE), 1 + 5 * PAGE);
}

/* The tail, which is less than a huge page, and what comes after the object is freed. */
static void given_back(void)
{
	const size_t size = 9 * HUGE + 5 * PAGE;
	unsigned long before = huge_kb();
	int fd = gem_open();

	for (int i = 0; i < 8; i++) {
		uint32_t handle = gem_create(fd, size), retained;
		char *ptr = gem_mmap(fd, handle, size, I915_MMAP_OFFSET_GTT);

		touch(ptr, size, i);
		CHECK_RET(try_madvise(fd, handle, I915_MADV_DONTNEED, &retained), 0);
		if (i % 2)
			gem_set_debugfs("i915_gem_drop_caches", "0x21");
		CHECK_SYS(munmap(ptr, size));
		gem_close(fd, handle);
	}
	gem_set_debugfs("i915_gem_drop_caches", "0x10");
	/* files that a worker has closed last are given up by another a moment later: fput() */
	for (unsigned int ms = 0; ms < 5000 && huge_kb() > before; ms++)
		sleep_ms(1);
	CHECK(huge_kb() <= before);
}

/* Huge pages are split on their way to swap, and the bytes come back. */
static void swapped(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, 8 * MiB);
	char *ptr = gem_mmap(fd, handle, 8 * MiB, I915_MMAP_OFFSET_WB);

	touch(ptr, 8 * MiB, 77);
	gem_set_debugfs("i915_gem_drop_caches", "0x21");
	CHECK(write_file("/sys/fs/cgroup/memory.reclaim", "64M") ||
	      write_file("/proc/sys/vm/drop_caches", "3"));
	check_touched(ptr, 8 * MiB, 77);
	gpu_store(fd, handle, 3 * MiB, 0x5a5a);
	CHECK_HEX(*(volatile uint32_t *)(ptr + 3 * MiB), 0x5a5a);
}

/* Who has the object's file mapped may punch a hole into the middle of a huge page. */
static void hole_in_the_file(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, 4 * MiB);
	char *ptr = gem_mmap(fd, handle, 4 * MiB, I915_MMAP_OFFSET_WB), *file;

	compact();
	touch(ptr, 4 * MiB, 5);
	CHECK_RET(try_mmap_legacy(fd, handle, 0, 4 * MiB, 0, (void **)&file), 0);
	CHECK_SYS(madvise(file + 100 * PAGE, 16 * PAGE, MADV_REMOVE));
	CHECK_SYS(madvise(file + HUGE, HUGE, MADV_REMOVE));
	/* what is left is what it was, for everybody, and all goes back to where it came from */
	check_touched(ptr, 100 * PAGE, 5);
	check_touched(file, 100 * PAGE, 5);
	gpu_store(fd, handle, 110 * PAGE, 1);
	gpu_store(fd, handle, HUGE + 5 * PAGE, 2);
	gem_set_debugfs("i915_gem_drop_caches", "0x21");
	check_touched(ptr, 100 * PAGE, 5);
	CHECK_HEX(*(volatile uint32_t *)(ptr + HUGE), 0);
}

static const uint64_t kinds[] = { I915_MMAP_OFFSET_WB, I915_MMAP_OFFSET_GTT };

/* One fault for each huge page, or one for all. */
static void few_faults(void)
{
	const long most = huge_entries() ? 16 : 1;
	int fd = gem_open();

	compact();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t handle = gem_create(fd, 32 * MiB);
		char *ptr = gem_mmap(fd, handle, 32 * MiB, kinds[i]);
		long faults = touch(ptr, 32 * MiB, i);

		CHECK(faults >= 1 && faults <= most);
		if (huge_entries())
			CHECK_INT((uintptr_t)ptr % HUGE, 0);
		check_touched(ptr, 32 * MiB, i);
		CHECK_INT(touch(ptr, 32 * MiB, i + 1), 0);
		CHECK_SYS(munmap(ptr, 32 * MiB));
		gem_close(fd, handle);
	}
}

/* What a process may do to a mapping, in the middle of huge pages too. */
static void cut_and_moved(void)
{
	const size_t size = 8 * MiB;
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t handle = gem_create(fd, size);
		char *area = map_hole(4 * size), *ptr = gem_mmap(fd, handle, size, kinds[i]), *moved;

		touch(ptr, size, 9);
		CHECK_SYS(mprotect(ptr + MiB, PAGE, PROT_READ));
		check_touched(ptr, size, 9);
		CHECK_SYS(mprotect(ptr + MiB, PAGE, PROT_READ | PROT_WRITE));
		touch(ptr, size, 10);
		CHECK_SYS(munmap(ptr, size));
		/* to where it is not aligned any more */
		ptr = gem_mmap(fd, handle, size, kinds[i]);
		check_touched(ptr, size, 10);
		moved = mremap(ptr, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
			       (void *)(((uintptr_t)area + HUGE) / HUGE * HUGE + 3 * PAGE));
		CHECK_SYS(moved);
		check_touched(moved, size, 10);
		touch(moved, size, 11);
		CHECK_SYS(munmap(moved + 3 * MiB, PAGE));
		check_touched(moved, 3 * MiB, 11);
		check_touched(moved + 3 * MiB + PAGE, size - 3 * MiB - PAGE, 11 + 3 * MiB + PAGE);
		CHECK_SYS(munmap(moved, size));
		/* a part of the object, of which small entries stay behind when it is revoked */
		ptr = gem_mmap(fd, handle, size, kinds[i]);
		CHECK_SYS(munmap(ptr + HUGE + PAGE, size - HUGE - PAGE));
		check_touched(ptr, HUGE + PAGE, 11);
		gem_set_debugfs("i915_gem_drop_caches", "0x21");
		touch(ptr, HUGE + PAGE, 12);
		check_touched(ptr, HUGE + PAGE, 12);
		CHECK_SYS(munmap(ptr, HUGE + PAGE));
	}
}

/* No huge entry is there: each takes a fault. */
static void check_absent(const char *ptr, size_t size)
{
	for (size_t at = 0; at < size; at += HUGE) {
		long before = minor_faults();

		(void)*(const volatile char *)(ptr + at);
		CHECK(minor_faults() > before);
	}
}

static void forked(void)
{
	int fd = gem_open();

	compact();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t handle = gem_create(fd, 4 * MiB);
		char *ptr = gem_mmap(fd, handle, 4 * MiB, kinds[i]);
		unsigned long before = huge_kb();
		bool huge;
		pid_t pid;

		touch(ptr, 4 * MiB, 3);
		huge = huge_entries() && huge_kb() >= before + 4 * 1024;
		pid = fork();
		CHECK_SYS(pid);
		if (!pid) {
			/* the kernel would copy huge entries without a look under their locks */
			if (huge)
				check_absent(ptr, 4 * MiB);
			check_touched(ptr, 4 * MiB, 3);
			touch(ptr, 4 * MiB, 4);
			_exit(0);
		}
		child_end(pid);
		check_touched(ptr, 4 * MiB, 4);
	}
}

/* A huge entry is no way round what is refused of small ones: references to the pages. */
static void no_references(void)
{
	int fd = gem_open(), pipes[2];

	CHECK_SYS(pipe(pipes));
	compact();
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint32_t handle = gem_create(fd, 4 * MiB);
		char *ptr = gem_mmap(fd, handle, 4 * MiB, kinds[i]);
		struct iovec iov = { ptr + MiB, PAGE };
		uint32_t user;

		touch(ptr, 4 * MiB, 1);
		CHECK_INT(vmsplice(pipes[1], &iov, 1, 0), -1);
		CHECK_INT(errno, EFAULT);
		CHECK_RET(try_userptr(fd, ptr, 2 * HUGE, I915_USERPTR_PROBE, &user), -EFAULT);
		user = gem_userptr(fd, ptr, 2 * HUGE, I915_USERPTR_UNSYNCHRONIZED);
		CHECK_RET(try_gpu_store(fd, user, MiB, 1), -EFAULT);
	}
}

/* Two mappings that are aligned differently, many threads, and revocation all the time. */
static struct {
	char *ptr[2];
	atomic_bool stop;
} both;

static long hammer(void *arg)
{
	uintptr_t which = (uintptr_t)arg;

	for (unsigned int n = 0; !atomic_load(&both.stop); n++)
		*(volatile uint32_t *)(both.ptr[which % 2] + which * 4 + n * 997ul * PAGE % (8 * MiB)) = 1;
	return 0;
}

static void revoked_all_the_time(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, 8 * MiB);
	struct job job[4];

	both.ptr[0] = gem_mmap(fd, handle, 8 * MiB, I915_MMAP_OFFSET_GTT);
	both.ptr[1] = gem_mmap(fd, handle, 8 * MiB, I915_MMAP_OFFSET_WB);
	for (uintptr_t i = 0; i < 4; i++)
		job_start(&job[i], hammer, (void *)i);
	for (int i = 0; i < 60; i++) {
		gem_set_debugfs(i % 2 ? "softgem_suspend" : "i915_gem_drop_caches", "0x21");
		sleep_ms(5);
	}
	atomic_store(&both.stop, true);
	for (int i = 0; i < 4; i++)
		CHECK_INT(job_end(&job[i]), 0);
}

static const struct subtest tests[] = {
	{ "objects have huge pages as far as they are large enough", backing, 120 },
	{ "and give all of them back", given_back, 120 },
	{ "swapping keeps the bytes", swapped, 120 },
	{ "a hole that is punched into the file hurts nobody", hole_in_the_file, 120 },
	{ "a mapping takes a fault for each huge page, or one for all", few_faults, 120 },
	{ "mappings are cut, protected and moved in the middle of huge pages", cut_and_moved },
	{ "a forked child shares them", forked },
	{ "a huge entry gives away no reference to the pages", no_references, 120 },
	{ "threads that write and revocation get along", revoked_all_the_time, 60 },
};

TAP_MAIN(tests)
