// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * USERPTR while the process changes its mappings: the next use sees what is there now, and what
 * is taken away is not taken before the GPU is done with it.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#define SIZE	(16 * PAGE)

static void *replace(void *ptr, size_t len)
{
	void *fresh = mmap(ptr, len, PROT_READ | PROT_WRITE,
			   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);

	CHECK(fresh == ptr);
	return fresh;
}

static void unmapped(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);

	gpu_store(fd, handle, 0, 1);
	CHECK_SYS(munmap(ptr, SIZE));
	CHECK_RET(try_gpu_store(fd, handle, 0, 2), -EFAULT);
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_CPU, 0), -EFAULT);
	gem_close(fd, handle);
}

static void remapped(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);

	for (uint32_t round = 1; round < 20; round++) {
		ptr[8] = round;
		CHECK_INT(gpu_read32(fd, handle, 32), round);
		gpu_store(fd, handle, 64, round);
		CHECK_INT(ptr[16], round);
		/* The old pages with the old bytes are gone, the new ones are zero. */
		replace(ptr, SIZE);
		CHECK_INT(gpu_read32(fd, handle, 32), 0);
		CHECK_INT(gpu_read32(fd, handle, 64), 0);
	}
}

static void remapped_to_file(void)
{
	int fd = gem_open(), file = memfd_create("other", 0);
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0), word;

	gpu_store(fd, handle, 0, 1);
	CHECK_SYS(ftruncate(file, SIZE));
	CHECK(mmap(ptr, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file, 0) == ptr);
	gpu_store(fd, handle, 0, 2);
	CHECK_INT(pread(file, &word, 4, 0), 4);
	CHECK_INT(word, 2);
}

static void moved_away(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	uint32_t *moved = map_hole(SIZE);

	gpu_store(fd, handle, 0, 1);
	CHECK(mremap(ptr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, moved) == moved);
	/* The object is the address, not the pages. */
	CHECK_RET(try_gpu_store(fd, handle, 0, 2), -EFAULT);
	CHECK_INT(moved[0], 1);
	handle = gem_userptr(fd, moved, SIZE, 0);
	gpu_store(fd, handle, 0, 3);
	CHECK_INT(moved[0], 3);
}

static void protected(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);

	gpu_store(fd, handle, 0, 1);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ));
	CHECK_RET(try_gpu_store(fd, handle, 0, 2), -EFAULT);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_NONE));
	CHECK_RET(try_gpu_store(fd, handle, 0, 3), -EFAULT);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE));
	CHECK_INT(ptr[0], 1);
	gpu_store(fd, handle, 0, 4);
	CHECK_INT(ptr[0], 4);
}

static void dropped(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);

	memset(ptr, 7, SIZE);
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 0x07070707);
	CHECK_SYS(madvise(ptr, SIZE, MADV_DONTNEED));
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 0);
	gpu_store(fd, handle, PAGE, 5);
	CHECK_INT(ptr[PAGE / 4], 5);
	CHECK_INT(ptr[0], 0);
}

static void hole_punched(void)
{
	int fd = gem_open(), file = memfd_create("punch", 0);
	uint32_t *ptr, handle;

	CHECK_SYS(ftruncate(file, SIZE));
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK_SYS(ptr);
	handle = gem_userptr(fd, ptr, SIZE, 0);
	memset(ptr, 7, SIZE);
	gpu_store(fd, handle, 0, 1);
	CHECK_SYS(madvise(ptr, 2 * PAGE, MADV_REMOVE));
	CHECK_HEX(gpu_read32(fd, handle, 0), 0);
	CHECK_HEX(gpu_read32(fd, handle, 2 * PAGE), 0x07070707);
	gpu_store(fd, handle, PAGE, 9);
	CHECK_INT(ptr[PAGE / 4], 9);
}

struct span {
	void *ptr;
	size_t len;
};

static long call_munmap(void *arg)
{
	struct span *span = arg;

	return munmap(span->ptr, span->len) ? -errno : 0;
}

static long call_replace(void *arg)
{
	struct span *span = arg;

	replace(span->ptr, span->len);
	return 0;
}

static long call_protect(void *arg)
{
	struct span *span = arg;

	return mprotect(span->ptr, span->len, PROT_NONE) ? -errno : 0;
}

/* @change must not return before the spinner that uses the object is done. */
static void waits_for_gpu(long (*change)(void *arg), uint64_t flags)
{
	int fd = gem_open();
	struct span span = { map_anon(SIZE), SIZE };
	uint32_t handle = gem_userptr(fd, span.ptr, SIZE, 0);
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, flags);
	job_start(&job, change, &span);
	CHECK(!job_done_within(&job, 400));
	CHECK(!fence_signalled(s.fence, 0));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	spin_free(&s);
}

static void munmap_waits(void)
{
	waits_for_gpu(call_munmap, EXEC_OBJECT_WRITE);
	waits_for_gpu(call_munmap, 0);
}

static void others_wait(void)
{
	waits_for_gpu(call_replace, EXEC_OBJECT_WRITE);
	waits_for_gpu(call_protect, EXEC_OBJECT_WRITE);
}

static void waits_for_queued(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), gate = gem_create(fd, PAGE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
	uint32_t witness = gem_create(fd, PAGE);
	struct span part = { ptr + PAGE / 4, PAGE };
	struct batch b;
	struct job job;
	struct spin s;

	/* Submitted, but not running: the spinner is before it. */
	ptr[0] = 0x0dd;
	spin_start(&s, fd, 0, I915_EXEC_BLT, gate, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_obj(&b, gate, 0);
	batch_copy32(&b, witness, 0, handle, 0);
	batch_store(&b, handle, PAGE, 1);
	batch_submit(&b);
	job_start(&job, call_munmap, &part);
	CHECK(!job_done_within(&job, 400));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	/* The batch was done when munmap returned. */
	CHECK(!gem_is_busy(fd, b.handle));
	CHECK_HEX(gem_read32(fd, witness, 0), 0x0dd);
	spin_free(&s);
}

static long end_spin_later(void *arg)
{
	sleep_ms(400);
	spin_end(arg);
	return 0;
}

static void dropped_under_way(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), gate = gem_create(fd, PAGE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
	struct batch b;
	struct job job;
	struct spin s;

	ptr[0] = 1;
	spin_start(&s, fd, 0, I915_EXEC_BLT, gate, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_obj(&b, gate, 0);
	batch_store(&b, handle, 0, 2);
	batch_store(&b, handle, PAGE, 3);
	batch_submit(&b);
	/* Whether this waits for the batch or not, the store is to what is dropped. */
	job_start(&job, end_spin_later, &s);
	CHECK_SYS(madvise(ptr, SIZE, MADV_DONTNEED));
	CHECK_INT(ptr[0], 0);
	ptr[1] = 4;
	CHECK_INT(job_end(&job), 0);
	gem_sync(fd, b.handle);
	CHECK_INT(ptr[0], 0);
	CHECK_INT(ptr[PAGE / 4], 0);
	/* And the next batch writes to what is there now. */
	gpu_store(fd, handle, 0, 5);
	CHECK_INT(ptr[0], 5);
	CHECK_INT(ptr[1], 4);
	spin_free(&s);
}

static void shared_dropped_under_way(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_memfd(SIZE), gate = gem_create(fd, PAGE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
	struct batch b;
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_BLT, gate, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_obj(&b, gate, 0);
	batch_store(&b, handle, 0, 2);
	batch_submit(&b);
	/* Only the mapping's entries go; the file's pages are the same ones. */
	job_start(&job, end_spin_later, &s);
	CHECK_SYS(madvise(ptr, SIZE, MADV_DONTNEED));
	CHECK_INT(job_end(&job), 0);
	gem_sync(fd, b.handle);
	CHECK_INT(ptr[0], 2);
	spin_free(&s);
}

static void closed_still_waits(void)
{
	int fd = gem_open();
	struct span span = { map_anon(SIZE), SIZE };
	uint32_t handle = gem_userptr(fd, span.ptr, SIZE, 0);
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	gem_close(fd, handle);
	job_start(&job, call_munmap, &span);
	CHECK(!job_done_within(&job, 400));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	spin_free(&s);
}

static void idle_is_quick(void)
{
	int fd = gem_open();
	struct span span = { map_anon(SIZE), SIZE };
	uint32_t handle = gem_userptr(fd, span.ptr, SIZE, 0);
	struct job job;
	struct spin s;

	/* Used once, idle now, while the GPU is busy with something else. */
	gpu_store(fd, handle, 0, 1);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	job_start(&job, call_munmap, &span);
	CHECK(job_done_within(&job, 2000));
	CHECK(!fence_signalled(s.fence, 0));
	CHECK_RET(job_end(&job), 0);
	spin_free(&s);
}

static void neighbour_is_quick(void)
{
	int fd = gem_open();
	char *ptr = map_anon(3 * SIZE);
	uint32_t handle = gem_userptr(fd, ptr + SIZE, SIZE, 0);
	struct span before = { ptr, SIZE }, after = { ptr + 2 * SIZE, SIZE };
	struct job job[2];
	struct spin s;

	/* Right before and right behind what the GPU uses. */
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	job_start(&job[0], call_munmap, &before);
	CHECK(job_done_within(&job[0], 2000));
	job_start(&job[1], call_munmap, &after);
	CHECK(job_done_within(&job[1], 2000));
	CHECK(!fence_signalled(s.fence, 0));
	CHECK_RET(job_end(&job[0]), 0);
	CHECK_RET(job_end(&job[1]), 0);
	spin_free(&s);
}

static void nothing_left_behind(void)
{
	enum { ROUNDS = 50 };
	int fd = gem_open();

	/* The GPU's last write is never in memory that is somebody else's by then. */
	for (int i = 0; i < ROUNDS; i++) {
		char *ptr = map_anon(SIZE);
		uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
		struct batch b;

		batch_init(&b, fd, I915_EXEC_BLT);
		batch_fill_blt(&b, handle, 0, SIZE, 0xdeadbeef);
		batch_submit(&b);
		CHECK_SYS(munmap(ptr, SIZE));
		char *other = map_anon(SIZE);

		for (size_t at = 0; at < SIZE; at += 64)
			CHECK_INT(other[at], 0);
		CHECK_SYS(munmap(other, SIZE));
		batch_free(&b);
		gem_close(fd, handle);
	}
}

static void second_use_faults_nothing(void)
{
	static const size_t sizes[] = { PAGE, 16 * MiB };
	int fd = gem_open();

	inject_skip("what failed is counted too");
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		char *ptr = map_anon(sizes[i]);
		uint32_t handle = gem_userptr(fd, ptr, sizes[i], 0);
		struct counters before = counters(), first, second;

		gpu_store(fd, handle, 0, 1);
		first = counters();
		CHECK_INT(first.acquires - before.acquires, 1);
		CHECK_INT(first.reuses - before.reuses, 0);
		CHECK(first.faults > before.faults);
		for (int round = 0; round < 5; round++)
			gpu_store(fd, handle, 0, 2);
		second = counters();
		CHECK_INT(second.faults, first.faults);
		CHECK_INT(second.reuses - first.reuses, 5);
		CHECK_INT(second.invalidations, first.invalidations);
		gem_close(fd, handle);
		CHECK_SYS(munmap(ptr, sizes[i]));
	}
}

static void change_is_counted(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	struct counters before, changed, after;

	inject_skip("what failed is counted too");
	gpu_store(fd, handle, 0, 1);
	before = counters();
	CHECK_SYS(madvise(ptr, SIZE, MADV_DONTNEED));
	changed = counters();
	CHECK(changed.invalidations > before.invalidations);
	CHECK(changed.revokes > before.revokes);
	CHECK_INT(changed.faults, before.faults);
	gpu_store(fd, handle, 0, 2);
	after = counters();
	CHECK(after.faults > changed.faults);
	CHECK_INT(after.reuses, changed.reuses);
	CHECK_INT(ptr[0], 2);
}

static void tracked_pins_nothing(void)
{
	int fd = gem_open();
	struct counters before = counters(), after;
	uint32_t handle = gem_userptr(fd, map_anon(SIZE), SIZE, 0);

	gpu_store(fd, handle, 0, 1);
	gem_close(fd, handle);
	after = counters();
	CHECK_INT(after.pins, before.pins);
	CHECK_INT(after.unpins, before.unpins);
}

static void elsewhere_costs_nothing(void)
{
	enum { OBJECTS = 200 };
	int fd = gem_open();
	char *ptr = map_anon((2 * OBJECTS + 1) * PAGE);
	struct counters before, after;

	/* Objects on every other page, changes on the pages between. */
	for (int i = 0; i < OBJECTS; i++)
		gpu_store(fd, gem_userptr(fd, ptr + (2 * i + 1) * PAGE, PAGE, 0), 0, i);
	for (int i = 0; i <= OBJECTS; i++)
		ptr[2 * i * PAGE] = 1;
	before = counters();
	for (int i = 0; i <= OBJECTS; i++)
		CHECK_SYS(madvise(ptr + 2 * i * PAGE, PAGE, MADV_DONTNEED));
	after = counters();
	CHECK_INT(after.invalidations, before.invalidations);
	CHECK_INT(after.revokes, before.revokes);
	for (int i = 0; i < OBJECTS; i++)
		CHECK_INT(*(int *)(ptr + (2 * i + 1) * PAGE), i);
}

struct storm {
	char *ptr;
	atomic_bool stop;
};

static long change_for_ever(void *arg)
{
	struct storm *storm = arg;
	long rounds = 0;

	while (!atomic_load(&storm->stop)) {
		mprotect(storm->ptr, PAGE, PROT_READ);
		mprotect(storm->ptr, PAGE, PROT_READ | PROT_WRITE);
		rounds++;
	}
	return rounds;
}

static void progress_against_changes(void)
{
	int fd = gem_open();
	struct storm storm = { .ptr = map_anon(SIZE) };
	uint32_t handle = gem_userptr(fd, storm.ptr, SIZE, 0);
	uint32_t *last = (uint32_t *)(storm.ptr + SIZE - 4);
	int64_t end = now_ns() + 10 * NSEC * tap_slow();
	unsigned int landed = 0;
	struct job job;

	/*
	 * One thread does nothing but change the rights of the first page; for as long as it is kept
	 * from the processor they stay what they are.
	 */
	job_start(&job, change_for_ever, &storm);
	for (uint32_t i = 1; landed < 10; i++) {
		int ret = try_gpu_store(fd, handle, SIZE - 4, i);

		/* Caught while read-only: an honest answer. */
		CHECK(ret == 0 || ret == -EFAULT);
		if (!ret) {
			CHECK_INT(*last, i);
			landed++;
		}
		CHECK(now_ns() < end);
	}
	atomic_store(&storm.stop, true);
	CHECK(job_end(&job) > 0);
	gpu_store(fd, handle, SIZE - 4, 77);
	CHECK_INT(*last, 77);
}

static const struct subtest tests[] = {
	{ "after munmap use is EFAULT, and close is safe", unmapped },
	{ "after a new mapping at the address the GPU sees the new bytes", remapped },
	{ "after a file is mapped over it the GPU writes the file", remapped_to_file },
	{ "after mremap the old object is EFAULT, a new one has the bytes", moved_away },
	{ "after mprotect use is EFAULT until the rights are back", protected },
	{ "after MADV_DONTNEED both sides see new zero pages", dropped },
	{ "after a hole is punched into a memfd both sides see zeros there", hole_punched },
	{ "munmap waits while a batch that uses the object runs", munmap_waits, 30 },
	{ "mmap over it and mprotect wait, too", others_wait, 30 },
	{ "munmap of one page waits for a batch that is only queued", waits_for_queued },
	{ "MADV_DONTNEED under a batch: its stores do not land in the new pages",
	  dropped_under_way },
	{ "MADV_DONTNEED of a memfd under a batch: no store is lost", shared_dropped_under_way },
	{ "munmap waits for the batch though the handle is closed", closed_still_waits },
	{ "munmap of an idle object does not wait for other work", idle_is_quick },
	{ "munmap next to a busy object does not wait", neighbour_is_quick },
	{ "no GPU write lands in memory after munmap has returned", nothing_left_behind, 40 },
	{ "an unchanged object is used again without a fault, whatever its size",
	  second_use_faults_nothing },
	{ "a change invalidates and revokes once, the next use faults anew", change_is_counted },
	{ "a tracked object pins nothing", tracked_pins_nothing },
	{ "changes beside 200 objects invalidate none of them", elsewhere_costs_nothing, 60 },
	{ "submission makes progress against endless mprotect", progress_against_changes, 60 },
};

TAP_MAIN(tests)
