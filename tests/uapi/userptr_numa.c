// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Several nodes of memory (numa=fake=2 will do): what the kernel does to see who uses a page, and to
 * move it there, an object of user pages comes through.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <limits.h>
#include <linux/mempolicy.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#define SIZE		(16 * PAGE)
#define SCANNED		(1 * MiB)
#define PAGES		((unsigned int)(SCANNED / PAGE))
#define BALANCING	"/proc/sys/kernel/numa_balancing"
#define SCAN		"/sys/kernel/debug/sched/numa_balancing/"

static void need_nodes(void)
{
	if (access("/sys/devices/system/node/node1", F_OK))
		tap_skip("only one node of memory in this machine");
}

/* Write a number to a file. Return: what was there. */
static int exchange(const char *path, int value)
{
	char text[16];
	int was = -1;
	FILE *f = fopen(path, "r");

	CHECK(f && fscanf(f, "%d", &was) == 1);
	fclose(f);
	snprintf(text, sizeof(text), "%d", value);
	CHECK(write_file(path, text));
	return was;
}

static long long hinted(void)
{
	return number_in("/proc/vmstat", "numa_pte_updates");
}

static void work_for(unsigned int ms)
{
	int64_t end = now_ns() + ms * (NSEC / 1000);

	while (now_ns() < end)
		;
}

struct other {
	volatile uint32_t *ptr;
	atomic_bool stop;
};

/* Where there is but one thread the kernel leaves pages alone that are on its node. */
static long touch(void *arg)
{
	struct other *other = arg;

	while (!other->stop) {
		(void)other->ptr[2];
		sleep_ms(5);
	}
	return 0;
}

/* The kernel takes the process's pages out of reach, to see by the faults who uses them. */
static void hinting(void)
{
	int fd = gem_open(), balancing, delay, min;
	int64_t end = now_ns() + 60 * NSEC;
	uint32_t *ptr, handle, rounds = 0;
	struct counters before, after;
	struct other other = {};
	long long updates;
	struct job job;

	need_nodes();
	if (access(BALANCING, F_OK) || access(SCAN, F_OK))
		tap_skip("no NUMA balancing in this kernel");
	balancing = exchange(BALANCING, 0);
	delay = exchange(SCAN "scan_delay_ms", 1);
	min = exchange(SCAN "scan_period_min_ms", 10);
	other.ptr = ptr = map_anon(SCANNED);
	handle = gem_userptr(fd, ptr, SCANNED, 0);
	fill(ptr, SCANNED, 1);
	gpu_store(fd, handle, 0, 0);
	job_start(&job, touch, &other);
	updates = hinted();
	before = counters();
	exchange(BALANCING, 1);
	do {
		uint32_t at = rounds++ % PAGES * 1024;

		work_for(20);
		/* Whoever comes first finds the page out of reach: once the GPU, once the process. */
		if (rounds & 1)
			ptr[at] = ~rounds;
		gpu_store(fd, handle, at * 4 + 4, rounds);
		CHECK_INT(ptr[at + 1], rounds);
		if (rounds & 1)
			CHECK_HEX(gpu_read32(fd, handle, at * 4), ~rounds);
		after = counters();
		CHECK(now_ns() < end);
	} while (rounds < 50 || hinted() < updates + PAGES || after.faults == before.faults);
	other.stop = true;
	CHECK_INT(job_end(&job), 0);

	exchange(BALANCING, balancing);
	exchange(SCAN "scan_period_min_ms", min);
	exchange(SCAN "scan_delay_ms", delay);
	CHECK(after.invalidations > before.invalidations);
	for (uint32_t i = 0; i < rounds && i < PAGES; i++)
		CHECK(ptr[i * 1024 + 1] % PAGES == (i + 1) % PAGES);
}

/* Move the page to a node. Return: the node where it is then, or -errno. */
static int move_page(void *ptr, int node)
{
	int status = INT_MIN;

	CHECK(syscall(SYS_move_pages, 0, 1l, &ptr, &node, &status, MPOL_MF_MOVE) >= 0);
	return status;
}

static void moved(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	uint64_t frame;

	need_nodes();
	fill(ptr, SIZE, 1);
	for (uint32_t round = 0; round < 10; round++) {
		gpu_store(fd, handle, 0, round);
		CHECK_RET(move_page(ptr, !(round & 1)), !(round & 1));
		frame = frame_of(ptr);
		CHECK_INT(ptr[0], round);
		gpu_store(fd, handle, 4, ~round);
		CHECK_HEX(ptr[1], ~round);
		CHECK_HEX(frame_of(ptr), frame);
		CHECK_RET(move_page(ptr, round & 1), round & 1);
		CHECK(frame_of(ptr) != frame);
		CHECK_HEX(gpu_read32(fd, handle, 4), ~round);
	}
}

static void moved_busy(void)
{
	int fd = gem_open(), node, ret = -1;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	uint64_t frame;
	struct spin s;

	need_nodes();
	fill(ptr, SIZE, 1);
	node = move_page(ptr, 0) == 0;
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	frame = frame_of(ptr);
	/* Held for the batch, and nobody waits for that. */
	CHECK(move_page(ptr, node) != node);
	CHECK(gem_is_busy(fd, handle));
	CHECK_HEX(frame_of(ptr), frame);
	spin_end(&s);
	gem_sync(fd, handle);
	spin_free(&s);
	/* it is let go of a moment later */
	for (unsigned int i = 0; i < 500 && (ret = move_page(ptr, node)) != node; i++)
		sleep_ms(10);
	CHECK_RET(ret, node);
	gpu_store(fd, handle, 0, 7);
	CHECK_INT(ptr[0], 7);
}

static void pinned_stays(void)
{
	int fd = gem_open(), node;
	uint32_t *ptr = map_anon(SIZE), handle;
	uint64_t frame;

	need_nodes();
	fill(ptr, SIZE, 1);
	node = move_page(ptr, 0) == 0;
	handle = gem_userptr(fd, ptr, SIZE, I915_USERPTR_UNSYNCHRONIZED);
	frame = frame_of(ptr);
	CHECK(move_page(ptr, node) != node);
	CHECK_HEX(frame_of(ptr), frame);
	gpu_store(fd, handle, 0, 8);
	CHECK_INT(ptr[0], 8);
	gem_close(fd, handle);
	counters_settled();
	CHECK_RET(move_page(ptr, node), node);
	CHECK_INT(ptr[0], 8);
}

static const struct subtest tests[] = {
	{ "hinting faults: the GPU, too, brings pages back into reach", hinting, 90 },
	{ "moved between nodes: the GPU writes the new frame", moved },
	{ "moved between nodes under a batch: the page stays for it", moved_busy },
	{ "moved between nodes while pinned: the page stays", pinned_stays },
};

TAP_MAIN(tests)
