// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Looking at more through the aperture than it has room for: a process goes through all of it again
 * and again, in the same order, so that what comes next is always what was just thrown out. Each
 * time that a MiB is moved in should cost the same, and no more should be moved than is looked at.
 */
#include "bench.h"
#include "counters.h"

#include <sys/mman.h>
#include <unistd.h>

#define APERTURE	(256 * MiB)
#define OBJECT		(4 * MiB)
#define MOST		(4 * APERTURE / OBJECT)

/* Objects that hold @size bytes together, mapped. */
struct working_set {
	int fd;
	size_t size;
	char *map[MOST];
};

/* They have their memory, and none of it is in the aperture. */
static void working_set_init(struct working_set *w, size_t size, uint32_t tiling)
{
	w->fd = gem_open();
	w->size = size;
	for (size_t i = 0; i < size / OBJECT; i++) {
		uint32_t handle = gem_create(w->fd, OBJECT), mode = tiling, stride = 4096, swizzle;
		void *map = gem_mmap(w->fd, handle, OBJECT, I915_MMAP_OFFSET_WB);

		touch(map, OBJECT);
		CHECK_SYS(munmap(map, OBJECT));
		if (tiling != I915_TILING_NONE)
			CHECK_RET(try_set_tiling(w->fd, handle, &mode, &stride, &swizzle), 0);
		w->map[i] = gem_mmap(w->fd, handle, OBJECT, I915_MMAP_OFFSET_GTT);
	}
}

static void working_set_fini(struct working_set *w)
{
	for (size_t i = 0; i < w->size / OBJECT; i++)
		CHECK_SYS(munmap(w->map[i], OBJECT));
	CHECK_SYS(close(w->fd));
}

/* Go through all of it once. Returns ns for each MiB looked at, of which @moved had to come in. */
static double pass(struct working_set *w, size_t moved)
{
	unsigned long long before = aperture_counter("binds");
	int64_t took = now_ns();

	for (size_t i = 0; i < w->size / OBJECT; i++)
		touch(w->map[i], OBJECT);
	took = now_ns() - took;
	CHECK_INT(aperture_counter("binds") - before, moved / OBJECT);
	return (double)took / (w->size / MiB);
}

static int64_t pass_once(void *arg)
{
	struct working_set *w = arg;

	return (int64_t)pass(w, w->size);
}

/* In turn: a pass that fills the aperture, then the least of some that find it full of others. */
static double in_turn(size_t size, uint32_t tiling, unsigned int passes)
{
	static struct working_set w;
	double best;

	working_set_init(&w, size, tiling);
	pass(&w, size);
	best = best_of(passes, pass_once, &w);
	working_set_fini(&w);
	return best;
}

static void linear(void)
{
	static struct working_set w;
	double first, again, twice;

	working_set_init(&w, APERTURE, I915_TILING_NONE);
	first = pass(&w, APERTURE);
	again = pass(&w, 0);
	row_ratio("1 x the aperture, again", again, "ns/MiB", "the first time", first, NO_TARGET);
	working_set_fini(&w);
	twice = in_turn(2 * APERTURE, I915_TILING_NONE, 2);
	row_ratio("2 x the aperture, in turn", twice, "ns/MiB", "1 x, the first time", first,
		  NO_TARGET);
	row_ratio("4 x the aperture, in turn", in_turn(4 * APERTURE, I915_TILING_NONE, 2), "ns/MiB",
		  "2 x, in turn", twice, 1.05);
}

/* Both ways through the shadow views: each MiB is made linear, and tiled again. */
static void through_shadows(void)
{
	double flat = in_turn(2 * APERTURE, I915_TILING_NONE, 1);

	row_ratio("2 x the aperture, in turn, tiled (X)", in_turn(2 * APERTURE, I915_TILING_X, 1),
		  "ns/MiB", "linear", flat, NO_TARGET);
}

BENCH_MAIN({ "working set of linear objects", linear, 300 },
	   { "working set of tiled objects", through_shadows, 600 })
