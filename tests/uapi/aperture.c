// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The aperture: what happens when more is looked at through it than there is room for, or registers.
 */
#include "counters.h"
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <unistd.h>

#define APERTURE	(256 * MiB)
#define FENCES		32

/* Whether a page was in this process's page tables: now it is. pagemap does not tell of such pages. */
static bool present(const void *ptr)
{
	struct rusage before, after;

	CHECK_SYS(getrusage(RUSAGE_SELF, &before));
	(void)*(const volatile char *)ptr;
	CHECK_SYS(getrusage(RUSAGE_SELF, &after));
	return after.ru_minflt == before.ru_minflt;
}

static void *map_gtt(int fd, uint32_t handle, size_t size)
{
	return gem_mmap(fd, handle, size, I915_MMAP_OFFSET_GTT);
}

static uint32_t create_tiled(int fd, size_t size, uint32_t mode, uint32_t stride)
{
	uint32_t handle = gem_create(fd, size), swizzle;

	CHECK_RET(try_set_tiling(fd, handle, &mode, &stride, &swizzle), 0);
	return handle;
}

/* One word in every page says which it is. */
static void mark(char *ptr, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i += PAGE)
		*(volatile uint32_t *)(ptr + i) = seed + i / PAGE;
}

static void check_marks(const char *ptr, size_t size, uint32_t seed)
{
	for (size_t i = 0; i < size; i += PAGE)
		CHECK_HEX(*(const volatile uint32_t *)(ptr + i), seed + i / PAGE);
}

static void whole_view(void)
{
	int fd = gem_open();
	char *ptr = map_gtt(fd, gem_create(fd, 16 * MiB), 16 * MiB);

	*(volatile char *)(ptr + 5 * MiB) = 1;
	CHECK(present(ptr + 5 * MiB + PAGE));
	CHECK(present(ptr + 4 * MiB));
	/* huge pages have a fault each */
	CHECK(present(ptr) || huge_entries());
	CHECK(present(ptr + 16 * MiB - PAGE) || huge_entries());
	for (size_t i = 0; i < 16 * MiB; i += PAGE)
		CHECK(present(ptr + i) || (huge_entries() && !(i % (2 * MiB))));
}

static void partial_view(void)
{
	const size_t size = APERTURE + MiB;
	int fd = gem_open();
	char *ptr = map_gtt(fd, gem_create(fd, size), size);

	*(volatile char *)(ptr + 5 * MiB + 7 * PAGE) = 1;
	CHECK(present(ptr + 5 * MiB));
	CHECK(present(ptr + 6 * MiB - PAGE));
	CHECK(!present(ptr + 5 * MiB - PAGE));
	CHECK(!present(ptr + 6 * MiB));
}

static void huge_object(void)
{
	const size_t size = APERTURE + 44 * MiB;
	int fd = gem_open();
	uint32_t handle = gem_create(fd, size);
	char *ptr = map_gtt(fd, handle, size);
	unsigned long long before = aperture_counter("evictions");

	mark(ptr, size, 1);
	CHECK(aperture_counter("evictions") >= before + 44);
	CHECK(!present(ptr));
	check_marks(ptr, size, 1);
	CHECK_HEX(gem_read32(fd, handle, 17 * PAGE), 1 + 17);
}

/* The one that was not touched for the longest time goes, its bytes stay. */
static void oldest_goes(void)
{
	enum { N = 6 };
	const size_t size = APERTURE / 4;
	int fd = gem_open();
	char *ptr[N];

	/* the views of the subtest before go when its objects do, by a worker */
	gem_set_debugfs("i915_gem_drop_caches", "0x10");
	for (int i = 0; i < N; i++)
		ptr[i] = map_gtt(fd, gem_create(fd, size), size);
	for (int i = 0; i < 4; i++)
		mark(ptr[i], size, i << 24);
	for (int i = 0; i < 4; i++)
		CHECK(present(ptr[i]));
	mark(ptr[4], size, 4 << 24);
	CHECK(present(ptr[1]) && present(ptr[2]) && present(ptr[3]) && present(ptr[4]));
	CHECK(!present(ptr[0]));	/* which takes the place of the second */
	mark(ptr[5], size, 5 << 24);
	CHECK(present(ptr[0]) && present(ptr[3]) && present(ptr[4]));
	CHECK(!present(ptr[2]));
	for (int i = 0; i < N; i++)
		check_marks(ptr[i], size, i << 24);
}

static void too_few_fences(void)
{
	enum { N = FENCES + 8 };
	int fd = gem_open();
	unsigned long long before = aperture_counter("steals");
	uint32_t handle[N];
	char *ptr[N];

	for (int i = 0; i < N; i++) {
		handle[i] = create_tiled(fd, 16 * PAGE, i % 2 ? I915_TILING_X : I915_TILING_Y, 1024);
		ptr[i] = map_gtt(fd, handle[i], 16 * PAGE);
		fill(ptr[i], 16 * PAGE, i);
	}
	CHECK(aperture_counter("steals") >= before + 8);
	CHECK_INT(aperture_counter("fences"), FENCES);
	CHECK(present(ptr[N - 1]));
	CHECK(!present(ptr[0]));
	for (int i = 0; i < N; i++)
		CHECK_FILL(ptr[i], 16 * PAGE, i);
	/* what is seen through the aperture is not how the bytes lie */
	CHECK(gem_read32(fd, handle[1], 512) != *(uint32_t *)(ptr[1] + 512));
	/* a linear object needs no register */
	for (int i = 0; i < N; i++)
		gem_close(fd, handle[i]);
	before = aperture_counter("steals");
	for (int i = 0; i < N; i++)
		*(volatile char *)map_gtt(fd, gem_create(fd, PAGE), PAGE) = 1;
	CHECK_INT(aperture_counter("steals"), before);
}

/* Who looks at the object's file sees what was written through the aperture, once it is evicted. */
static void eviction_writes_back(void)
{
	const size_t size = MiB;
	int fd = gem_open();
	uint32_t handle = create_tiled(fd, size, I915_TILING_X, 4096);
	char *ptr = map_gtt(fd, handle, size), *other;
	void *file;

	CHECK_RET(try_mmap_legacy(fd, handle, 0, size, 0, &file), 0);
	CHECK_HEX(*(volatile uint32_t *)file, 0);
	/* the second tile of the first row: 4 KiB on in memory, 512 bytes in what is seen */
	*(volatile uint32_t *)(ptr + 512) = 0xe71c7;
	other = map_gtt(fd, gem_create(fd, APERTURE + MiB), APERTURE + MiB);
	for (size_t i = 0; i < APERTURE; i += MiB)
		*(volatile char *)(other + i) = 1;
	CHECK(!present(ptr));
	CHECK_HEX(*(volatile uint32_t *)((char *)file + PAGE), 0xe71c7);
	CHECK_HEX(*(volatile uint32_t *)(ptr + 512), 0xe71c7);
}

static void suspend(void)
{
	int fd = gem_open();
	char *ptr = map_gtt(fd, gem_create(fd, MiB), MiB), path[80];
	char *tiled = map_gtt(fd, create_tiled(fd, MiB, I915_TILING_Y, 1024), MiB);
	char *cpu = gem_mmap(fd, gem_create(fd, PAGE), PAGE, I915_MMAP_OFFSET_WB);

	mark(ptr, MiB, 1);
	mark(tiled, MiB, 2);
	*(volatile char *)cpu = 3;
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/softgem_suspend", gem_card_minor());
	CHECK(write_file(path, "1"));
	CHECK(present(cpu));
	CHECK(!present(ptr) && !present(tiled));
	CHECK(present(ptr + MiB - PAGE));
	check_marks(ptr, MiB, 1);
	check_marks(tiled, MiB, 2);
}

/* Pages that another process has got meanwhile cannot be seen through an old mapping. */
static void stale_entries(void)
{
	const size_t size = 8 * MiB;
	int fd = gem_open();
	uint32_t handle = gem_create(fd, size), retained;
	char *ptr = map_gtt(fd, handle, size), path[80];

	mark(ptr, size, 1);
	/* the object loses its pages, but not for good: they are given to others, with other bytes */
	gem_write(fd, handle, 0, "x", 1);
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/i915_gem_drop_caches",
		 gem_card_minor());
	CHECK_RET(try_madvise(fd, handle, I915_MADV_DONTNEED, &retained), 0);
	CHECK_INT(retained, 1);
	CHECK(write_file(path, "0x20"));
	for (int i = 0; i < 8; i++)
		memset(map_anon(size), 0x5a, size);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_WILLNEED, &retained), 0);
	CHECK_INT(retained, 0);
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		_exit(*(volatile char *)ptr);
	}
	int status;

	CHECK(child_ended_within(pid, 5000, &status));
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), SIGBUS);
}

/* The same, where the contents are not lost: they are read in again, whoever has the pages now. */
static void stale_entries_of_swapped(void)
{
	static const uint64_t kinds[] = {
		I915_MMAP_OFFSET_GTT, I915_MMAP_OFFSET_WB, I915_MMAP_OFFSET_WC, I915_MMAP_OFFSET_UC,
	};
	const size_t size = 8 * MiB;
	char *ptr[ARRAY_SIZE(kinds)];
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		ptr[i] = gem_mmap(fd, gem_create(fd, size), size, kinds[i]);
		fill(ptr[i], size, i);
		CHECK(present(ptr[i] + size - PAGE));
	}
	gem_set_debugfs("i915_gem_drop_caches", "0x23");
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		memset(map_anon(2 * size), 0x5a, 2 * size);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		CHECK(!present(ptr[i] + size - PAGE));
		CHECK_FILL(ptr[i], size, i);
	}
}

static void walk(void *arg)
{
	const size_t size = APERTURE + 8 * MiB;
	uint32_t seed = (uintptr_t)arg;
	int fd = gem_open();
	char *ptr = map_gtt(fd, gem_create(fd, size), size);

	mark(ptr, size, seed);
	check_marks(ptr, size, seed);
}

static void walk_tiled(void *arg)
{
	uint32_t seed = (uintptr_t)arg;
	int fd = gem_open();
	char *ptr[12];

	for (int i = 0; i < 12; i++)
		ptr[i] = map_gtt(fd, create_tiled(fd, 2 * MiB, I915_TILING_X, 8192), 2 * MiB);
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < 12; i++)
			mark(ptr[i], 2 * MiB, seed + (round * 12 + i) * MiB);
		for (int i = 0; i < 12; i++)
			check_marks(ptr[i], 2 * MiB, seed + (round * 12 + i) * MiB);
	}
}

static void fight(void)
{
	pid_t pid[4];

	for (int i = 0; i < 4; i++)
		pid[i] = child_start(i < 2 ? walk : walk_tiled, (void *)(uintptr_t)(i << 28));
	for (int i = 0; i < 4; i++) {
		int status;

		CHECK(child_ended_within(pid[i], 60000, &status));
		CHECK_INT(status, 0);
	}
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* A fault that a signal has cut short begins again, and loses nothing. */
static void signals(void)
{
	const struct itimerval fast = { { 0, 200 }, { 0, 200 } }, off = {};
	struct sigaction action = { .sa_handler = on_alarm };
	pid_t other;

	inject_skip("a signal's frame is a user copy, too");
	other = child_start(walk_tiled, (void *)(uintptr_t)0x70000000);
	CHECK_SYS(sigaction(SIGALRM, &action, NULL));
	CHECK_SYS(setitimer(ITIMER_REAL, &fast, NULL));
	walk_tiled((void *)(uintptr_t)0x60000000);
	CHECK_SYS(setitimer(ITIMER_REAL, &off, NULL));
	CHECK(alarms > 10);
	int status;

	CHECK(child_ended_within(other, 60000, &status));
	CHECK_INT(status, 0);
}

static void query(void)
{
	struct drm_i915_gem_get_aperture arg = {};
	int fd = gem_open(), fences = 0;

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_GET_APERTURE, &arg), 0);
	CHECK_HEX(arg.aper_size, 4ull << 30);
	CHECK(arg.aper_available_size <= arg.aper_size);
	CHECK_RET(try_getparam(fd, I915_PARAM_NUM_FENCES_AVAIL, &fences), 0);
	CHECK_INT(fences, FENCES);
	CHECK_INT(aperture_counter("mappable"), APERTURE);
}

static const struct subtest tests[] = {
	{ "one fault fills a whole view", whole_view },
	{ "of an object that does not fit, a MiB is seen at a time", partial_view },
	{ "an object larger than the aperture keeps all its bytes", huge_object, 120 },
	{ "what was not touched for the longest time makes room", oldest_goes, 60 },
	{ "40 tiled objects share 32 fence registers", too_few_fences },
	{ "eviction writes a tiled object back", eviction_writes_back, 60 },
	{ "suspending takes every view away, and nothing else", suspend },
	{ "a purged object's old pages cannot be seen any more", stale_entries },
	{ "a swapped-out object's old pages cannot be seen any more", stale_entries_of_swapped, 60 },
	{ "four processes fight for the aperture", fight, 120 },
	{ "signals interrupt faults, and nothing is lost", signals, 120 },
	{ "GET_APERTURE and NUM_FENCES_AVAIL tell what there is", query },
};

TAP_MAIN(tests)
