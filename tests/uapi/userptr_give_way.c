// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Pinned user pages where memory is short: idle ones are unpinned, so that they can be swapped out,
 * and pinned anew by the next use; those that somebody relies on stay, and all go on counting.
 */
#include "batch.h"
#include "counters.h"
#include "device.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define SIZE	(16 * PAGE)
#define KB	((long)SIZE / 1024)
#define UNSYNC	I915_USERPTR_UNSYNCHRONIZED
#define HUGE	(2 * MiB)

static long locked_kb(void)
{
	return status_kb(getpid(), "VmLck");
}

/* Pages, of all objects there are. */
static long long unpinned_by_reclaim(void)
{
	long long was = counters().unpins;

	gem_set_debugfs("i915_gem_drop_caches", "0x20");
	return counters().unpins - was;
}

static void swapped_out(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle;

	counters_settled();
	handle = gem_userptr(fd, ptr, SIZE, UNSYNC);
	gpu_store(fd, handle, 0, 0x11);
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	CHECK(frame_of(ptr));
	for (uint32_t i = 0; i < 3; i++) {
		CHECK_INT(unpinned_by_reclaim(), SIZE / PAGE);
		CHECK_INT(unpinned_by_reclaim(), 0);
		CHECK_INT(pages_pinned(), 0);
		CHECK_INT(locked_kb(), KB);
		page_out_all(ptr, SIZE);
		/* What the GPU has written comes back with the next use, by whatever interface. */
		if (i == 0)
			gpu_store(fd, handle, SIZE - 4, 0x22);
		else if (i == 1)
			CHECK_HEX(gem_read32(fd, handle, SIZE - 4), 0x22);
		else
			gem_write(fd, handle, 4, &i, sizeof(i));
		CHECK_INT(pages_pinned(), SIZE / PAGE);
		CHECK_INT(locked_kb(), KB);
	}
	CHECK_HEX(ptr[0], 0x11);
	CHECK_HEX(ptr[1], 2);
	CHECK_HEX(ptr[SIZE / 4 - 1], 0x22);
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	CHECK(frame_of(ptr));
	CHECK_INT(unpinned_by_reclaim(), SIZE / PAGE);
	gem_close(fd, handle);
	CHECK(status_kb_becomes(getpid(), "VmLck", 0));
	counters_settled();
}

static void replaced_meanwhile(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle;

	counters_settled();
	handle = gem_userptr(fd, ptr, SIZE, UNSYNC);
	CHECK_INT(unpinned_by_reclaim(), SIZE / PAGE);
	CHECK_SYS(munmap(ptr, SIZE));
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), -EFAULT);
	CHECK_INT(pages_pinned(), 0);
	CHECK_INT(locked_kb(), KB);
	CHECK(mmap(ptr, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == ptr);
	gpu_store(fd, handle, 0, 2);
	CHECK_INT(ptr[0], 2);
	CHECK_INT(locked_kb(), KB);
}

static void busy(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle;
	struct spin s;

	counters_settled();
	handle = gem_userptr(fd, ptr, SIZE, UNSYNC);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	CHECK_INT(unpinned_by_reclaim(), 0);
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	CHECK(frame_of(ptr));
	spin_end(&s);
	spin_free(&s);
	gem_sync(fd, handle);
	CHECK_INT(unpinned_by_reclaim(), SIZE / PAGE);
}

static void attached(void)
{
	int fd = gem_open(), dev = device_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE), handle, value;

	counters_settled();
	handle = gem_userptr(fd, ptr, SIZE, UNSYNC);
	gpu_store(fd, handle, 0, 0x11);
	dmabuf = gem_export(fd, handle);
	CHECK_INT(unpinned_by_reclaim(), SIZE / PAGE);
	page_out_all(ptr, SIZE);
	/* Attaching is a use, and lasts. */
	device_attach(dev, dmabuf, false);
	CHECK_INT(unpinned_by_reclaim(), 0);
	device_map(dev);
	CHECK_INT(unpinned_by_reclaim(), 0);
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	CHECK(frame_of(ptr));
	CHECK_HEX(device_read(dev, 0), 0x11);
	device_write(dev, 4, 0x22);
	CHECK_RET(try_device_peek(dev, 4, &value), 0);
	CHECK_HEX(value, 0x22);
	CHECK_INT(unpinned_by_reclaim(), 0);
	CHECK_HEX(ptr[1], 0x22);
	CHECK_INT(locked_kb(), KB);
	device_detach(dev);
	CHECK_INT(unpinned_by_reclaim(), SIZE / PAGE);
	page_out_all(ptr, SIZE);
	CHECK_HEX(gpu_read32(fd, handle, 4), 0x22);
}

/* Whether an object of a range keeps its pages, and what is in them, after a change to the range. */
static void check_stays(char *ptr, size_t len, void (*change)(char *ptr))
{
	int fd = gem_open();
	uint32_t handle;

	counters_settled();
	handle = gem_userptr(fd, ptr, len, UNSYNC);
	gpu_store(fd, handle, 0, 0x33);
	gpu_store(fd, handle, len - 4, 0x44);
	change(ptr);
	CHECK_INT(unpinned_by_reclaim(), 0);
	CHECK_HEX(gem_read32(fd, handle, 0), 0x33);
	CHECK_HEX(gpu_read32(fd, handle, len - 4), 0x44);
	gem_close(fd, handle);
	counters_settled();
	close(fd);
}

static void unmap_end(char *ptr)
{
	CHECK_SYS(munmap(ptr + SIZE - PAGE, PAGE));
}

static void discard(char *ptr)
{
	CHECK_SYS(madvise(ptr + PAGE, PAGE, MADV_DONTNEED));
	ptr[PAGE] = 1;
}

static void move(char *ptr)
{
	CHECK(mremap(ptr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, map_hole(SIZE)) != ptr);
}

static void protect(char *ptr)
{
	CHECK_SYS(mprotect(ptr, PAGE, PROT_READ));
}

static void punch(char *ptr)
{
	CHECK_SYS(madvise(ptr + PAGE, PAGE, MADV_REMOVE));
}

static void lock(char *ptr)
{
	CHECK_SYS(mlock(ptr, SIZE));
}

static void unmap_end_of_huge(char *ptr)
{
	CHECK_SYS(munmap(ptr + HUGE - PAGE, PAGE));
}

static void not_in_place(void)
{
	char *area = map_anon(2 * HUGE), *huge;

	check_stays(map_anon(SIZE), SIZE, unmap_end);
	check_stays(map_anon(SIZE), SIZE, discard);
	check_stays(map_anon(SIZE), SIZE, move);
	check_stays(map_anon(SIZE), SIZE, protect);
	check_stays(map_anon(SIZE), SIZE, lock);
	check_stays(map_memfd(SIZE), SIZE, unmap_end);
	check_stays(map_memfd(SIZE), SIZE, move);
	check_stays(map_memfd(SIZE), SIZE, protect);
	check_stays(map_memfd(SIZE), SIZE, punch);
	huge = (char *)(((uintptr_t)area + HUGE - 1) & -HUGE);
	CHECK_SYS(madvise(huge, HUGE, MADV_HUGEPAGE));
	memset(huge, 0, HUGE);
	check_stays(huge, HUGE, unmap_end_of_huge);
}

static void shared_memory(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_memfd(SIZE), handle;

	counters_settled();
	handle = gem_userptr(fd, ptr, SIZE, UNSYNC);
	gpu_store(fd, handle, 0, 0x55);
	/* The kernel tries, and unmaps them before it finds that they are pinned. */
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	CHECK_INT(unpinned_by_reclaim(), SIZE / PAGE);
	page_out_all(ptr, SIZE);
	CHECK_HEX(gpu_read32(fd, handle, 0), 0x55);
	CHECK_HEX(ptr[0], 0x55);
}

struct storm {
	atomic_bool stop;
	unsigned int rounds;
};

static long reclaim(void *arg)
{
	struct storm *s = arg;

	while (!s->stop) {
		gem_set_debugfs("i915_gem_drop_caches", "0x20");
		s->rounds++;
	}
	return 0;
}

static void crowded(void)
{
	int fd = gem_open();
	struct storm s = {};
	uint32_t *ptr = map_anon(HUGE), handle;
	struct job jobs[2];
	long long unpins;

	unpins = counters_settled().unpins;
	handle = gem_userptr(fd, ptr, HUGE, UNSYNC);
	job_start(&jobs[0], reclaim, &s);
	job_start(&jobs[1], reclaim, &s);
	for (uint32_t i = 0; i < 300; i++) {
		gpu_store(fd, handle, HUGE - PAGE * (i % 512) - 4, i);
		CHECK_INT(ptr[(HUGE - PAGE * (i % 512)) / 4 - 1], i);
		CHECK_HEX(gem_read32(fd, handle, HUGE - PAGE * (i % 512) - 4), i);
	}
	s.stop = true;
	CHECK_INT(job_end(&jobs[0]), 0);
	CHECK_INT(job_end(&jobs[1]), 0);
	/* No page is unpinned more often than it was pinned, and it was pinned more than once. */
	CHECK(counters().unpins > unpins + 2 * (long long)(HUGE / PAGE));
	CHECK_INT(locked_kb(), HUGE / 1024);
	gem_close(fd, handle);
	counters_settled();
	CHECK(status_kb_becomes(getpid(), "VmLck", 0));
}

static const struct subtest tests[] = {
	{ "idle: unpinned and swapped out, brought back by the next use, counted", swapped_out },
	{ "idle: the next use finds what the process has put there meanwhile", replaced_meanwhile },
	{ "busy: stays pinned until the GPU is done", busy },
	{ "a device is attached: stays pinned until it detaches", attached },
	{ "pages that are no longer in place stay, with what is in them", not_in_place },
	{ "shared memory is unpinned and swapped out, too", shared_memory },
	{ "reclaim without pause: all uses get through, all is unpinned once", crowded, 60 },
};

TAP_MAIN(tests)
