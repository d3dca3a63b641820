// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Many threads at once, on one file and on several: nobody's bytes get lost or mixed up.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define THREADS	4
#define ROUNDS	40

/* Pages of the memory that all threads share: one for each to check, the rest to stir up. */
#define NOISE	28

struct worker {
	unsigned int index;
	int fd;
	char *memory;
	struct job job;
};

static struct worker workers[THREADS];

/* Run @call in all threads, on one file if @shared. */
static void run_all(long (*call)(void *arg), bool shared)
{
	int fd = gem_open();
	char *memory = map_anon((THREADS + NOISE) * PAGE);

	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i].index = i;
		workers[i].fd = shared ? fd : gem_open();
		workers[i].memory = memory;
	}
	for (unsigned int i = 0; i < THREADS; i++)
		job_start(&workers[i].job, call, &workers[i]);
	for (unsigned int i = 0; i < THREADS; i++) {
		while (!job_done_within(&workers[i].job, 1000))
			;
		CHECK_INT(job_end(&workers[i].job), 0);
	}
}

static long objects(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 1; i <= ROUNDS; i++) {
		uint32_t handle = gem_create(w->fd, 4 * PAGE), value = w->index << 16 | i;

		gpu_store(w->fd, handle, 3 * PAGE, value);
		CHECK_HEX(gem_read32(w->fd, handle, 3 * PAGE), value);
		CHECK_HEX(gem_read32(w->fd, handle, 0), 0);
		gem_close(w->fd, handle);
	}
	return 0;
}

static void objects_one_file(void)
{
	run_all(objects, true);
}

static void objects_own_files(void)
{
	run_all(objects, false);
}

static long mappings(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 1; i <= ROUNDS; i++) {
		uint32_t handle = gem_create(w->fd, PAGE), value = w->index << 16 | i;
		uint32_t *ptr = gem_mmap(w->fd, handle, PAGE, i % 2 ? I915_MMAP_OFFSET_WB :
					 I915_MMAP_OFFSET_WC);

		ptr[1] = value;
		CHECK_HEX(gpu_read32(w->fd, handle, 4), value);
		gem_close(w->fd, handle);
		CHECK_HEX(ptr[1], value);
		CHECK_SYS(munmap(ptr, PAGE));
	}
	return 0;
}

static void mappings_one_file(void)
{
	run_all(mappings, true);
}

static long userptrs(void *arg)
{
	struct worker *w = arg;
	size_t mine = w->index * PAGE;
	volatile uint32_t *word = (volatile uint32_t *)(w->memory + mine);

	for (uint32_t i = 1; i <= ROUNDS; i++) {
		/* All objects overlap; every change disturbs all of them. */
		uint32_t handle = gem_userptr(w->fd, w->memory, (THREADS + NOISE) * PAGE, 0);

		gpu_store(w->fd, handle, mine, i);
		CHECK_INT(*word, i);
		*word = ~i;
		CHECK_SYS(madvise(w->memory + (THREADS + (i * 7 + w->index) % NOISE) * PAGE, PAGE,
				  MADV_DONTNEED));
		CHECK_HEX(gpu_read32(w->fd, handle, mine), ~i);
		gem_close(w->fd, handle);
	}
	return 0;
}

static void userptrs_one_file(void)
{
	run_all(userptrs, true);
}

static void userptrs_own_files(void)
{
	run_all(userptrs, false);
}

static long unmaps(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 1; i <= ROUNDS; i++) {
		uint32_t *ptr = map_anon(8 * PAGE);
		uint32_t handle = gem_userptr(w->fd, ptr, 8 * PAGE, 0);
		struct batch b;

		/* Unmapped and closed in every order, the batch under way. */
		batch_init(&b, w->fd, 1 + i % 4);
		batch_store(&b, handle, 4 * PAGE, i);
		batch_submit(&b);
		if (i & 4)
			gem_close(w->fd, handle);
		if (i & 8)
			gem_sync(w->fd, b.handle);
		CHECK_SYS(munmap(ptr, 8 * PAGE));
		CHECK(!gem_is_busy(w->fd, b.handle));
		if (!(i & 4))
			gem_close(w->fd, handle);
		batch_free(&b);
	}
	return 0;
}

static void unmaps_one_file(void)
{
	run_all(unmaps, true);
}

static long contexts(void *arg)
{
	struct worker *w = arg;

	for (uint32_t i = 1; i <= ROUNDS; i++) {
		uint32_t ctx = gem_context_create(w->fd), handle = gem_create(w->fd, PAGE);
		struct batch b;

		batch_init(&b, w->fd, 1 + i % 4);
		b.ctx = ctx;
		batch_store(&b, handle, 8, i);
		batch_submit(&b);
		batch_free(&b);
		CHECK_RET(try_context_destroy(w->fd, ctx), 0);
		CHECK_INT(gem_read32(w->fd, handle, 8), i);
		gem_close(w->fd, handle);
	}
	return 0;
}

static void contexts_one_file(void)
{
	run_all(contexts, true);
}

static uint32_t shared_objects[8];

static long write_shared(void *arg)
{
	struct worker *w = arg;

	/* Each submission takes all the reservations, in an order of its own. */
	for (uint32_t i = 1; i <= ROUNDS; i++) {
		struct batch b;

		batch_init(&b, w->fd, 1 + w->index);
		for (unsigned int j = 0; j < 8; j++) {
			unsigned int k = w->index % 2 ? 7 - j : (j + w->index) % 8;

			batch_store(&b, shared_objects[k], w->index * 4, i);
		}
		batch_submit(&b);
		batch_free(&b);
	}
	return 0;
}

static void shared_in_any_order(void)
{
	int fd = gem_open();

	for (int i = 0; i < 8; i++)
		shared_objects[i] = gem_create(fd, PAGE);
	for (unsigned int i = 0; i < THREADS; i++) {
		workers[i].index = i;
		workers[i].fd = fd;
		job_start(&workers[i].job, write_shared, &workers[i]);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		while (!job_done_within(&workers[i].job, 1000))
			;
		CHECK_INT(job_end(&workers[i].job), 0);
	}
	for (int i = 0; i < 8; i++)
		for (unsigned int j = 0; j < THREADS; j++)
			CHECK_INT(gem_read32(fd, shared_objects[i], j * 4), ROUNDS);
}

static const struct subtest tests[] = {
	{ "threads with objects of their own, on one file", objects_one_file, 60 },
	{ "threads with objects of their own, on files of their own", objects_own_files, 60 },
	{ "threads that map, draw, close and unmap", mappings_one_file, 60 },
	{ "threads with overlapping userptrs and changing memory, on one file",
	  userptrs_one_file, 60 },
	{ "threads with overlapping userptrs and changing memory, on files of their own",
	  userptrs_own_files, 60 },
	{ "threads that unmap and close userptrs under way", unmaps_one_file, 60 },
	{ "threads that create and destroy contexts", contexts_one_file, 60 },
	{ "threads that write the same objects, named in different orders", shared_in_any_order,
	  60 },
};

TAP_MAIN(tests)
