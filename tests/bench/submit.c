// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Submitting: the way to the engine and back, how much of it is paid when nobody waits, and what
 * each further object of a batch costs.
 */
#include "bench.h"
#include "submission.h"

#include <linux/futex.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define TURNS	100
#define DEPTH	64

/* Two threads that wake each other: what any round trip to another thread costs. */
struct pingpong {
	pthread_t thread;
	atomic_int ball;
};

static void pass_on(struct pingpong *p, int to)
{
	atomic_store(&p->ball, to);
	CHECK_SYS(syscall(SYS_futex, &p->ball, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0));
}

/* EAGAIN says that the ball has come meanwhile. */
static void wait_for(struct pingpong *p, int mine, int theirs)
{
	while (atomic_load(&p->ball) != mine)
		syscall(SYS_futex, &p->ball, FUTEX_WAIT_PRIVATE, theirs, NULL, NULL, 0);
}

static void *ponger(void *arg)
{
	struct pingpong *p = arg;

	for (int i = 0; i < TURNS; i++) {
		wait_for(p, 1, 0);
		pass_on(p, 0);
	}
	return NULL;
}

static int64_t pingpong_once(void *arg)
{
	struct pingpong *p = arg;
	int64_t began, took;

	CHECK_INT(pthread_create(&p->thread, NULL, ponger, p), 0);
	settle();
	began = now_ns();
	for (int i = 0; i < TURNS; i++) {
		pass_on(p, 1);
		wait_for(p, 0, 1);
	}
	took = now_ns() - began;
	CHECK_INT(pthread_join(p->thread, NULL), 0);
	return took;
}

static void round_trip(void)
{
	struct pingpong p = { 0 };
	struct submission s;
	double peer = best_of(5, pingpong_once, &p) / TURNS;

	submission_init(&s, gem_open(), I915_EXEC_RENDER, NULL, 0, NULL, 0);
	row_ratio("empty batch, submit and wait", submission_time(&s, TURNS), "ns",
		  "futex, there and back", peer, 3);
}

/* An ioctl that looks at nothing but its argument. */
static int64_t null_once(void *arg)
{
	struct submission *s = arg;
	int value;
	int64_t began = now_ns();

	for (int i = 0; i < DEPTH; i++)
		CHECK_RET(try_getparam(s->fd, I915_PARAM_CHIPSET_ID, &value), 0);
	return now_ns() - began;
}

static int64_t pipeline_once(void *arg)
{
	struct submission *s = arg;
	int64_t began = now_ns();

	for (int i = 0; i < DEPTH; i++)
		CHECK_RET(gem_ioctl(s->fd, DRM_IOCTL_I915_GEM_EXECBUFFER2, &s->eb), 0);
	gem_sync(s->fd, s->batch);
	return now_ns() - began;
}

static void pipelined(void)
{
	struct submission s;
	double peer;

	submission_init(&s, gem_open(), I915_EXEC_RENDER, NULL, 0, NULL, 0);
	submission_run(&s);
	peer = best_of(5, null_once, &s) / DEPTH;
	row_ratio("empty batches, 64 submitted and the last waited for",
		  best_of(20, pipeline_once, &s) / DEPTH, "ns/batch", "an ioctl that does nothing",
		  peer, NO_TARGET);
}

static double with_objects(int fd, unsigned int count)
{
	uint32_t *handles = calloc(count, sizeof(*handles));
	struct submission s;
	double took;

	CHECK(handles);
	for (unsigned int i = 0; i < count; i++)
		handles[i] = gem_create(fd, PAGE);
	submission_init(&s, fd, I915_EXEC_RENDER, handles, count, NULL, 0);
	submission_run(&s);
	took = submission_time(&s, 20);
	submission_free(&s);
	for (unsigned int i = 0; i < count; i++)
		gem_close(fd, handles[i]);
	free(handles);
	return took;
}

static void objects(void)
{
	int fd = gem_open();
	double none = with_objects(fd, 0);

	for (unsigned int count = 1; count <= 1000; count *= 10) {
		char name[64];

		snprintf(name, sizeof(name), "batch with %u softpinned, NO_RELOC", count);
		row_limit(name, (with_objects(fd, count) - none) / count, "ns/object", 150);
	}
}

BENCH_MAIN({ "empty batch, submit and wait", round_trip, 60 },
	   { "empty batches, pipelined", pipelined, 60 },
	   { "softpinned objects", objects, 120 })
