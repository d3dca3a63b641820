// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What userptr objects cost the process that has them, in what it does with memory: where it does
 * something elsewhere, and where it forks, which takes the pages away from all of them. The peer is
 * the same process with the same memory before the first object is made.
 */
#include "bench.h"
#include "submission.h"

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define LEN		(16 * PAGE)
#define ELSEWHERE	10000
#define FORKED		1000
/* Objects in one batch. */
#define GROUP		1000

/* Objects of @size bytes each that lie side by side, and batches that use them all. */
struct objects {
	int fd;
	char *ptr;
	size_t size;
	unsigned int count;
	struct submission use[ELSEWHERE / GROUP];
};

static void objects_use(struct objects *o)
{
	for (unsigned int i = 0; i < o->count / GROUP; i++)
		submission_run(&o->use[i]);
}

static void objects_create(struct objects *o)
{
	uint32_t handles[GROUP];

	o->fd = gem_open();
	for (unsigned int i = 0; i < o->count; i++) {
		handles[i % GROUP] = gem_userptr(o->fd, o->ptr + i * o->size, o->size, 0);
		if (i % GROUP == GROUP - 1)
			submission_init(&o->use[i / GROUP], o->fd, I915_EXEC_RENDER, handles, GROUP,
					NULL, 0);
	}
	objects_use(o);
}

/* At an address with nothing near that it could be merged with. */
static int64_t map_once(void *arg)
{
	int64_t began = now_ns();

	CHECK(mmap(arg, LEN, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == arg);
	touch(arg, LEN);
	CHECK_SYS(munmap(arg, LEN));
	return now_ns() - began;
}

static void mapping(void)
{
	struct objects o = {
		.ptr = map_4k(ELSEWHERE * PAGE), .size = PAGE, .count = ELSEWHERE,
	};
	char *hole = (char *)map_hole(2 * MiB) + MiB;
	double without = best_of(100, map_once, hole);

	objects_create(&o);
	row_ratio("64 KiB mmap, touch, munmap; 10 000 userptr objects elsewhere",
		  best_of(100, map_once, hole), "ns", "no objects", without, 1.03);
}

/* The pages are the process's own and writable, as they are again after a use by the GPU. */
static int64_t fork_unused(void *arg)
{
	struct objects *o = arg;
	int64_t began;
	pid_t pid;

	touch(o->ptr, o->count * o->size);
	began = now_ns();
	pid = fork();
	if (!pid)
		_exit(0);
	began = now_ns() - began;
	CHECK_SYS(pid);
	CHECK(waitpid(pid, NULL, 0) == pid);
	return began;
}

static int64_t fork_used(void *arg)
{
	objects_use(arg);
	return fork_unused(arg);
}

static void forking(void)
{
	struct objects o = { .ptr = map_4k(FORKED * LEN), .size = LEN, .count = FORKED };
	double without = best_of(20, fork_unused, &o);

	objects_create(&o);
	row_ratio("fork, 1 000 userptr objects of 64 KiB, used before", best_of(20, fork_used, &o),
		  "ns", "no objects", without, 1.03);
	row_ratio("fork, 1 000 userptr objects of 64 KiB, not used since the last fork",
		  best_of(20, fork_unused, &o), "ns", "no objects", without, 1.03);
}

BENCH_MAIN({ "mmap, touch, munmap elsewhere", mapping, 120 },
	   { "fork", forking, 120 })
