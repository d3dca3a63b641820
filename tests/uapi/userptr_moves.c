// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Pages move although an object covers them: they are swapped out, collapsed, compacted, merged and
 * freed lazily, and what the GPU writes afterwards lands where the process sees it.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <linux/userfaultfd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE	(16 * PAGE)
#define HUGE	(2 * MiB)

#ifndef MADV_SOFT_OFFLINE
#define MADV_SOFT_OFFLINE	101
#endif
#ifndef MADV_COLLAPSE
#define MADV_COLLAPSE	25
#endif

/* Whether there is swap: without, nothing anonymous can be paged out. */
static void need_swap(void)
{
	char line[256];
	unsigned int lines = 0;
	FILE *f = fopen("/proc/swaps", "r");

	while (f && fgets(line, sizeof(line), f))
		lines++;
	if (f)
		fclose(f);
	if (lines < 2)
		tap_skip("no swap in this machine");
}

static void paged_out(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	struct counters before, after;
	uint64_t frame;

	need_swap();
	for (uint32_t round = 1; round < 10; round++) {
		fill(ptr, SIZE, round);
		gpu_store(fd, handle, 8, round);
		frame = frame_of(ptr);
		CHECK(frame);
		/* Idle, the object keeps none of them: all go, bytes by the GPU with them. */
		page_out_all(ptr, SIZE);
		before = counters_settled();
		gpu_store(fd, handle, 12, ~round);
		after = counters();
		CHECK_INT(after.faults - before.faults, 16);
		/* Back, and where the process sees it. */
		CHECK(frame_of(ptr));
		CHECK_INT(ptr[2], round);
		CHECK_INT(ptr[3], ~round);
		ptr[2] = 0x9e3779b1u * 2 + 1;
	}
	CHECK_INT(counters().pins, before.pins);
}

static void paged_out_busy(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	struct batch b;
	struct spin s;

	need_swap();
	fill(ptr, SIZE, 1);
	/* A store that is only carried out after the attempt to take the page away. */
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, handle, 0, 0x1234);
	batch_store(&b, handle, SIZE - 4, 0x5678);
	batch_submit(&b);
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	spin_end(&s);
	gem_sync(fd, handle);
	CHECK_HEX(ptr[0], 0x1234);
	CHECK_HEX(ptr[SIZE / 4 - 1], 0x5678);
	page_out_all(ptr, SIZE);
	CHECK_HEX(ptr[0], 0x1234);
	CHECK_HEX(ptr[SIZE / 4 - 1], 0x5678);
	spin_free(&s);
}

/* A range of 2 MiB, aligned to that, of small pages. */
static char *map_small_pages(void)
{
	char *room = map_anon(2 * HUGE);
	char *ptr = (char *)(((uintptr_t)room + HUGE - 1) & ~(HUGE - 1));

	if (madvise(ptr, HUGE, MADV_NOHUGEPAGE))
		tap_skip("no transparent huge pages in this kernel");
	/* in no order, lest the frames be those of a huge page already */
	for (size_t i = 0; i < HUGE / PAGE; i++)
		ptr[i * 307 % (HUGE / PAGE) * PAGE] = 1;
	return ptr;
}

/* Only now, lest khugepaged be faster. */
static int collapse(char *ptr)
{
	CHECK_SYS(madvise(ptr, HUGE, MADV_HUGEPAGE));
	return madvise(ptr, HUGE, MADV_COLLAPSE);
}

static unsigned int frames_moved(const char *ptr, const uint64_t *frame, size_t n)
{
	unsigned int moved = 0;

	for (size_t i = 0; i < n; i++) {
		uint64_t now = frame_of(ptr + i * PAGE);

		moved += now && now != frame[i];
	}
	return moved;
}

static void note_frames(const char *ptr, uint64_t *frame, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		frame[i] = frame_of(ptr + i * PAGE);
		CHECK(frame[i]);
	}
}

static void collapsed(void)
{
	static uint64_t frame[HUGE / PAGE];
	int fd = gem_open();
	char *ptr = map_small_pages();
	uint32_t handle = gem_userptr(fd, ptr, HUGE, 0);
	int64_t end = now_ns() + 10 * NSEC * tap_slow();

	gpu_store(fd, handle, 0, 0x11);
	note_frames(ptr, frame, HUGE / PAGE);
	while (collapse(ptr)) {
		if (errno == EINVAL)
			tap_skip("no MADV_COLLAPSE in this kernel");
		/* a huge page may be hard to find */
		CHECK(errno == EAGAIN || errno == EBUSY || errno == ENOMEM);
		CHECK(now_ns() < end);
	}
	CHECK(frames_moved(ptr, frame, HUGE / PAGE) > HUGE / PAGE / 2);
	for (size_t i = 1; i < HUGE / PAGE; i++)
		CHECK_HEX(frame_of(ptr + i * PAGE), frame_of(ptr) + i);
	CHECK_HEX(*(uint32_t *)ptr, 0x11);
	/* In the new frames, both ways, at both ends. */
	gpu_store(fd, handle, HUGE - 4, 0x22);
	CHECK_HEX(*(uint32_t *)(ptr + HUGE - 4), 0x22);
	*(uint32_t *)(ptr + PAGE) = 0x33;
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 0x33);
}

static void collapsed_busy(void)
{
	int fd = gem_open();
	char *ptr = map_small_pages();
	uint32_t handle = gem_userptr(fd, ptr, HUGE, 0);
	struct batch b;
	struct spin s;
	int64_t start;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, handle, HUGE - 4, 0x44);
	batch_submit(&b);
	/* It neither waits for the GPU, nor takes away what that is going to write to. */
	start = now_ns();
	collapse(ptr);
	CHECK(now_ns() - start < 5 * NSEC);
	CHECK(gem_is_busy(fd, handle));
	spin_end(&s);
	gem_sync(fd, handle);
	CHECK_HEX(*(uint32_t *)(ptr + HUGE - 4), 0x44);
	gpu_store(fd, handle, 0, 0x55);
	CHECK_HEX(*(uint32_t *)ptr, 0x55);
	spin_free(&s);
}

static void migrated(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	uint64_t frame;

	fill(ptr, SIZE, 1);
	gpu_store(fd, handle, 0, 1);
	for (uint32_t round = 1; round < 5; round++) {
		frame = frame_of(ptr);
		/* The kernel suspects the frame to be failing, and moves the page to another. */
		if (madvise(ptr, PAGE, MADV_SOFT_OFFLINE) && errno == EINVAL)
			tap_skip("no soft offlining in this kernel");
		CHECK(frame_of(ptr));
		CHECK(frame_of(ptr) != frame);
		CHECK_INT(ptr[0], round);
		gpu_store(fd, handle, 0, round + 1);
		CHECK_INT(ptr[0], round + 1);
		ptr[1] = round;
		CHECK_INT(gpu_read32(fd, handle, 4), round);
	}
}

static void migrated_busy(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	uint64_t frame;
	struct batch b;
	struct spin s;
	int ret;

	fill(ptr, SIZE, 1);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, handle, 0, 0x66);
	batch_submit(&b);
	frame = frame_of(ptr);
	ret = madvise(ptr, PAGE, MADV_SOFT_OFFLINE);
	if (ret && errno == EINVAL)
		tap_skip("no soft offlining in this kernel");
	/* Held for the batch: it has to stay, and nobody waits. */
	CHECK_RET(ret ? -errno : 0, -EBUSY);
	CHECK(gem_is_busy(fd, handle));
	CHECK_HEX(frame_of(ptr), frame);
	spin_end(&s);
	gem_sync(fd, handle);
	CHECK_HEX(ptr[0], 0x66);
	CHECK_HEX(frame_of(ptr), frame);
	spin_free(&s);
}

static void pinned_stays(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, I915_USERPTR_UNSYNCHRONIZED);
	uint64_t frame = frame_of(ptr);
	int ret;

	CHECK(frame);
	ret = madvise(ptr, PAGE, MADV_SOFT_OFFLINE);
	if (ret && errno == EINVAL)
		tap_skip("no soft offlining in this kernel");
	CHECK_RET(ret ? -errno : 0, -EBUSY);
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	CHECK_HEX(frame_of(ptr), frame);
	gpu_store(fd, handle, 0, 3);
	CHECK_INT(ptr[0], 3);
	CHECK_HEX(frame_of(ptr), frame);
}

#define HOLED	(64 * MiB)

/* Memory with a hole beside each page, for the kernel to move together. */
static char *map_holed(char **holes)
{
	char *ptr = map_anon(HOLED);

	*holes = map_anon(HOLED);
	CHECK_SYS(madvise(ptr, HOLED, MADV_NOHUGEPAGE));
	CHECK_SYS(madvise(*holes, HOLED, MADV_NOHUGEPAGE));
	for (size_t at = 0; at < HOLED; at += PAGE) {
		*(uint64_t *)(ptr + at) = at;
		(*holes)[at] = 1;
	}
	CHECK_SYS(munmap(*holes, HOLED));
	return ptr;
}

static void compacted(void)
{
	static uint64_t frame[HOLED / PAGE];
	static bool has_moved[HOLED / PAGE];
	int fd = gem_open();
	unsigned int moved = 0;
	uint32_t handle;
	char *ptr, *holes;
	uint32_t word;

	if (access("/proc/sys/vm/compact_memory", W_OK))
		tap_skip("no compaction in this kernel");
	ptr = map_holed(&holes);
	handle = gem_userptr(fd, ptr, HOLED, 0);
	gpu_store(fd, handle, 12, 1);
	note_frames(ptr, frame, HOLED / PAGE);
	CHECK(write_file("/proc/sys/vm/compact_memory", "1"));
	for (size_t i = 0; i < HOLED / PAGE; i++) {
		has_moved[i] = frame_of(ptr + i * PAGE) != frame[i];
		moved += has_moved[i];
	}
	/* all, some or none: that depends on where they were */
	tap_note("%u of %lu pages were moved", moved, HOLED / PAGE);
	/* Written by the GPU, all over: seen by the process, in the frames of now. */
	for (size_t i = 0; i < HOLED / PAGE; i += HOLED / PAGE / 64) {
		size_t at = i;

		while (moved && at < HOLED / PAGE - 1 && !has_moved[at])
			at++;
		gpu_store(fd, handle, at * PAGE + 8, at);
		CHECK_INT(*(uint32_t *)(ptr + at * PAGE + 8), at);
		word = gpu_read32(fd, handle, at * PAGE);
		CHECK_HEX(word, at * PAGE);
	}
	for (size_t at = 0; at < HOLED; at += PAGE)
		CHECK_HEX(*(uint64_t *)(ptr + at), at);
}

#define KSM	"/sys/kernel/mm/ksm/"

static void ksm_stop(void)
{
	/* what is merged is taken apart again */
	write_file(KSM "run", "2");
}

static bool same_frame(const char *a, const char *b)
{
	return frame_of(a) && frame_of(a) == frame_of(b);
}

static void merged(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0), other = gem_userptr(fd, ptr, SIZE, 0);
	int64_t end = now_ns() + 15 * NSEC * tap_slow();

	if (access(KSM "run", W_OK))
		tap_skip("no KSM in this kernel");
	memset(ptr, 0x5a, SIZE);
	gpu_store(fd, handle, 0, 0x5a5a5a5a);
	gpu_store(fd, other, PAGE, 0x5a5a5a5a);
	CHECK(!same_frame(ptr, ptr + PAGE));
	CHECK_SYS(madvise(ptr, SIZE, MADV_MERGEABLE));
	CHECK(write_file(KSM "sleep_millisecs", "0"));
	CHECK(write_file(KSM "pages_to_scan", "10000"));
	atexit(ksm_stop);
	CHECK(write_file(KSM "run", "1"));
	while (!same_frame(ptr, ptr + PAGE) && now_ns() < end)
		sleep_ms(10);
	CHECK(same_frame(ptr, ptr + PAGE));

	/* The GPU's write takes one out again, for itself and the process; the others keep theirs. */
	gpu_store(fd, handle, 8, 0x11111111);
	CHECK_HEX(*(uint32_t *)(ptr + 8), 0x11111111);
	CHECK_HEX(*(uint32_t *)(ptr + PAGE + 8), 0x5a5a5a5a);
	CHECK_HEX(gpu_read32(fd, other, 8), 0x11111111);
	CHECK_HEX(gpu_read32(fd, other, PAGE + 8), 0x5a5a5a5a);
	CHECK(!same_frame(ptr, ptr + PAGE));
	ksm_stop();
	gpu_store(fd, other, PAGE, 0x22222222);
	CHECK_HEX(*(uint32_t *)(ptr + PAGE), 0x22222222);
	CHECK_HEX(*(uint32_t *)(ptr + 2 * PAGE), 0x5a5a5a5a);
}

static void read_only_merged(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, I915_USERPTR_READ_ONLY);
	int64_t end = now_ns() + 15 * NSEC * tap_slow();

	if (access(KSM "run", W_OK))
		tap_skip("no KSM in this kernel");
	memset(ptr, 0x6b, SIZE);
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 0x6b6b6b6b);
	CHECK_SYS(madvise(ptr, SIZE, MADV_MERGEABLE));
	CHECK(write_file(KSM "sleep_millisecs", "0"));
	CHECK(write_file(KSM "pages_to_scan", "10000"));
	atexit(ksm_stop);
	CHECK(write_file(KSM "run", "1"));
	while (!same_frame(ptr, ptr + PAGE) && now_ns() < end)
		sleep_ms(10);
	CHECK(same_frame(ptr, ptr + PAGE));
	/* A GPU that only reads leaves them merged, and sees what the process makes of them. */
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 0x6b6b6b6b);
	gpu_store(fd, handle, 0, 0xbad);
	CHECK(same_frame(ptr, ptr + PAGE));
	ptr[PAGE] = 1;
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 0x6b6b6b01);
	CHECK_HEX(gpu_read32(fd, handle, 0), 0x6b6b6b6b);
	ksm_stop();
}

static void freed_lazily(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);

	for (uint32_t round = 1; round < 10; round++) {
		fill(ptr, SIZE, round);
		gpu_store(fd, handle, 0, round);
		CHECK_SYS(madvise(ptr, SIZE, MADV_FREE));
		/* The process may lose what it had; not what the GPU writes from now on. */
		gpu_store(fd, handle, PAGE, round);
		CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
		CHECK_INT(ptr[PAGE / 4], round);
		CHECK_INT(gpu_read32(fd, handle, PAGE), round);
	}
	CHECK_SYS(madvise(ptr, SIZE, MADV_FREE));
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	for (size_t i = 0; i < SIZE / PAGE; i++) {
		uint32_t word = gpu_read32(fd, handle, i * PAGE);

		CHECK_HEX(word, ptr[i * PAGE / 4]);
	}
}

static void freed_lazily_once(uint32_t round)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	struct batch b;
	struct spin s;

	fill(ptr, SIZE, round);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	CHECK_SYS(madvise(ptr, SIZE, MADV_FREE));
	/* queued after it, behind the spinner */
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, handle, PAGE, 0x77);
	batch_submit(&b);
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	spin_end(&s);
	gem_sync(fd, handle);
	CHECK_SYS(madvise(ptr, SIZE, MADV_PAGEOUT));
	CHECK_HEX(ptr[PAGE / 4], 0x77);
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 0x77);
	spin_free(&s);
	batch_free(&b);
	gem_close(fd, handle);
	CHECK_SYS(munmap(ptr, SIZE));
	close(fd);
}

static void freed_lazily_busy(void)
{
	for (uint32_t round = 1; round <= 30; round++)
		freed_lazily_once(round);
}

/* As in Linux 6.8's <linux/userfaultfd.h>. */
#define FEATURE_MOVE	(1 << 16)
struct move {
	uint64_t dst, src, len, mode;
	int64_t moved;
};
#define MOVE		_IOWR(UFFDIO, 0x05, struct move)

static int try_move(int uffd, void *dst, void *src, size_t len)
{
	struct move move = { .dst = (uintptr_t)dst, .src = (uintptr_t)src, .len = len };

	return ioctl(uffd, MOVE, &move) ? -errno : 0;
}

/* Memory that is moved to another address: a write that is still to come does not follow it. */
static void move_busy(int uffd, size_t len)
{
	char *memory = map_anon(4 * HUGE);
	/* both aligned, for huge pages */
	uint32_t *src = (uint32_t *)(((uintptr_t)memory + HUGE - 1) & -HUGE);
	uint32_t *dst = (void *)((char *)src + HUGE);
	int fd = gem_open(), ret;
	uint32_t handle;
	struct spin spin;
	struct batch b;

	CHECK_SYS(madvise(src, len, len == HUGE ? MADV_HUGEPAGE : MADV_NOHUGEPAGE));
	src[0] = 1;
	handle = gem_userptr(fd, src, len, 0);
	uffd_register(uffd, dst, len, UFFDIO_REGISTER_MODE_MISSING);
	spin_start(&spin, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, handle, 0, 2);
	batch_submit(&b);
	ret = try_move(uffd, dst, src, len);
	CHECK_RET(ret, -EBUSY);
	spin_end(&spin);
	gem_sync(fd, b.handle);
	CHECK_INT(src[0], 2);
	/* what it was held for is over: it is let go of a moment later */
	for (unsigned int i = 0; i < 500 && (ret = try_move(uffd, dst, src, len)) == -EBUSY; i++)
		sleep_ms(10);
	CHECK_RET(ret, 0);
	CHECK_INT(dst[0], 2);
	spin_free(&spin);
	CHECK_RET(try_gpu_store(fd, handle, 0, 3), 0);
	CHECK_INT(dst[0], 2);
	CHECK_INT(src[0], 3);
	CHECK_SYS(munmap(memory, 4 * HUGE));
}

static void moved_by_userfaultfd(void)
{
	int uffd = open_userfaultfd(FEATURE_MOVE);

	move_busy(uffd, PAGE);
	move_busy(uffd, HUGE);
}

static const struct subtest tests[] = {
	{ "paged out while idle, faulted in for the GPU, no byte lost", paged_out, 60 },
	{ "paged out under a batch: its write is not lost", paged_out_busy, 60 },
	{ "collapsed into a huge page: the GPU writes the new frames", collapsed },
	{ "collapsed under a batch: nobody waits, no write is lost", collapsed_busy },
	{ "migrated: the GPU writes the new frame", migrated },
	{ "migrated under a batch: the page stays for it, and its write", migrated_busy },
	{ "pinned pages stay where they are", pinned_stays },
	{ "compacted: process and GPU agree on where the pages went", compacted, 120 },
	{ "merged by KSM: a GPU write takes the page out again", merged, 40 },
	{ "merged by KSM: a GPU that reads leaves pages merged", read_only_merged, 40 },
	{ "UFFDIO_MOVE under a batch: the pages stay for it", moved_by_userfaultfd },
	{ "MADV_FREE: what the GPU writes afterwards stays", freed_lazily },
	{ "MADV_FREE under a batch: its write stays", freed_lazily_busy },
};

TAP_MAIN(tests)
