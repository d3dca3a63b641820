// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The owner: buffers that nobody else knows of, each with a pattern, written and read in all ways
 * there are. The helpers of the uAPI tests do the work; a check of theirs that fails ends up in
 * tap_fail() below, and so do errors: nothing that others do is a reason for one.
 */
#include "fuzz.h"
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <i915_drm.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define OWNED		6
#define OWNED_SIZE	(192ul << 10)

/* How the CPU looks at a buffer: user pages, a WB mapping, through the aperture, tiled or not. */
enum kind { USER_PAGES, CPU_MAPPING, APERTURE, APERTURE_TILED };

static const enum kind kinds[OWNED] = {
	USER_PAGES, USER_PAGES, CPU_MAPPING, APERTURE, APERTURE_TILED, USER_PAGES,
};

struct owned {
	uint32_t handle, seed;
	uint8_t *map;
};

static void fail(const char *file, int line, const char *text)
{
	if (!atomic_exchange(&shared->failed, true)) {
		snprintf(shared->message, sizeof(shared->message), "%s:%d %s", file, line, text);
		fprintf(stderr, "%s\n", shared->message);
	}
	atomic_store(&shared->stop, true);
	_exit(1);
}

void tap_fail(const char *file, int line, const char *format, ...)
{
	char text[256];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	fail(file, line, text);
	abort();
}

void tap_skip(const char *format, ...)
{
	fail(__FILE__, __LINE__, format);
	abort();
}

void tap_note(const char *format, ...)
{
	(void)format;
}

unsigned int tap_slow(void)
{
	return 1;
}

void tap_check_int(const char *file, int line, const char *what, long long got, long long want)
{
	if (got != want)
		tap_fail(file, line, "got %lld expected %lld: %s", got, want, what);
}

void tap_check_hex(const char *file, int line, const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		tap_fail(file, line, "got %#lx expected %#lx: %s", got, want, what);
}

void tap_check_ret(const char *file, int line, const char *what, int got, int want)
{
	if (got != want)
		tap_fail(file, line, "got %s expected %s: %s", strerrorname_np(-got) ?: "0",
			 strerrorname_np(-want) ?: "0", what);
}

void tap_check_mem(const char *file, int line, const char *what, const void *got,
		   const void *want, size_t len)
{
	if (memcmp(got, want, len))
		tap_fail(file, line, "bytes differ: %s", what);
}

static void make_owned(struct owned *o, enum kind which, int fd)
{
	uint32_t mode = I915_TILING_X, stride = 512, swizzle;

	if (which == USER_PAGES) {
		o->map = map_anon(OWNED_SIZE);
		o->handle = gem_userptr(fd, o->map, OWNED_SIZE, 0);
	} else {
		o->handle = gem_create(fd, OWNED_SIZE);
		if (which == APERTURE_TILED)
			CHECK_RET(try_set_tiling(fd, o->handle, &mode, &stride, &swizzle), 0);
		o->map = gem_mmap(fd, o->handle, OWNED_SIZE,
				  which == CPU_MAPPING ? I915_MMAP_OFFSET_WB : I915_MMAP_OFFSET_GTT);
	}
	o->seed = 1;
	fill(o->map, OWNED_SIZE, o->seed);
}

/* A tiled buffer's bytes are in another order for all but the aperture. */
static bool is_plain(const struct owned *o, const struct owned *all)
{
	return kinds[o - all] != APERTURE_TILED;
}

/*
 * Copy on the GPU. Return: false if it was cancelled. A fork does that to work which makes it wait
 * too long, behind others' that never ends.
 */
static bool copy(int fd, uint32_t dst, uint32_t src)
{
	struct batch b;
	int fence, status;

	batch_init(&b, fd, I915_EXEC_BLT | I915_EXEC_FENCE_OUT);
	batch_copy_blt(&b, dst, src, OWNED_SIZE);
	batch_submit(&b);
	fence = b.rsvd2 >> 32;
	gem_sync(fd, b.handle);
	status = fence_status(fence);
	close(fence);
	batch_free(&b);
	return status == 1;
}

static void change(struct thread *t, struct owned *all, int fd, uint8_t *buffer)
{
	struct owned *o = &all[rnd(t, OWNED)], *from = &all[rnd(t, OWNED)];

	CHECK_RET(try_set_domain(fd, o->handle, I915_GEM_DOMAIN_GTT, I915_GEM_DOMAIN_GTT), 0);
	switch (rnd(t, 4)) {
	case 0:
		o->seed = rnd64(t);
		fill(o->map, OWNED_SIZE, o->seed);
		break;
	case 1:
		if (!is_plain(o, all))
			break;
		o->seed = rnd64(t);
		fill(buffer, OWNED_SIZE, o->seed);
		gem_write(fd, o->handle, 0, buffer, OWNED_SIZE);
		break;
	case 2:
		if (shared->no_gpu_writes || o == from || !is_plain(o, all) || !is_plain(from, all))
			break;
		o->seed = from->seed;
		if (!copy(fd, o->handle, from->handle))
			fill(o->map, OWNED_SIZE, o->seed);
		break;
	default:
		if (kinds[o - all] == USER_PAGES)
			madvise(o->map, OWNED_SIZE, rnd(t, 2) ? MADV_PAGEOUT : MADV_HUGEPAGE);
		break;
	}
}

static void check(struct thread *t, struct owned *all, int fd, uint8_t *buffer)
{
	struct owned *o = &all[rnd(t, OWNED)];

	if (rnd(t, 2) && is_plain(o, all)) {
		gem_read(fd, o->handle, 0, buffer, OWNED_SIZE);
		CHECK_FILL(buffer, OWNED_SIZE, o->seed);
	} else {
		CHECK_RET(try_set_domain(fd, o->handle, I915_GEM_DOMAIN_GTT, 0), 0);
		CHECK_FILL(o->map, OWNED_SIZE, o->seed);
	}
	atomic_fetch_add(&shared->checks, 1);
}

void *owner_run(void *arg)
{
	struct owner_start *start = arg;
	struct thread t = { .random = start->seed };
	struct owned owned[OWNED];
	int fd = gem_open();
	uint8_t *buffer = map_anon(OWNED_SIZE);

	for (unsigned int i = 0; i < OWNED; i++)
		make_owned(&owned[i], kinds[i], fd);
	pthread_barrier_wait(start->ready);
	while (!atomic_load(&shared->stop)) {
		change(&t, owned, fd, buffer);
		check(&t, owned, fd, buffer);
	}
	return NULL;
}
