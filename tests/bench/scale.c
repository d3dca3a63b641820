// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Many objects: what one more of them costs, and what all of them cost the process, while there are
 * a hundred, and while there are a hundred thousand. Trees may grow with the logarithm of their
 * number, nothing with the number.
 */
#include "bench.h"
#include "batch.h"
#include "counters.h"

#include <math.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/sysinfo.h>

#define LEAST		100u
#define MOST		100000u
#define STEPS		4
/* How often each thing is done at each number. */
#define SAMPLES		50u
/* Objects that are bound together, where it is not measured. */
#define TOGETHER	500u
/* What an object of a page takes with all that belongs to it, and as much again: the kernel's part. */
#define BYTES_EACH	(16ul << 10)
#define ELSEWHERE	(64ul << 10)

/* Objects of one file, alive and bound; @area is the memory of those that are userptr. */
struct crowd {
	int fd;
	uint32_t batch;
	char *area;
	unsigned int count;
	uint32_t handles[MOST];
};

static void crowd_init(struct crowd *c)
{
	static const uint32_t end[2] = { MI_BATCH_BUFFER_END, MI_NOOP };

	c->fd = gem_open();
	c->batch = gem_create(c->fd, PAGE);
	gem_write(c->fd, c->batch, 0, end, sizeof(end));
}

static void add(struct crowd *c)
{
	unsigned int i = c->count++;

	c->handles[i] = c->area ? gem_userptr(c->fd, c->area + i * PAGE, PAGE, 0) :
				  gem_create(c->fd, PAGE);
}

/*
 * Have a batch use the last @n objects, and wait for it. They lie at addresses of their own, or
 * else wherever the kernel finds one of that alignment.
 */
static int64_t use_last(struct crowd *c, unsigned int n, uint64_t alignment)
{
	static struct drm_i915_gem_exec_object2 obj[TOGETHER + 1];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.buffer_count = n + 1,
		.flags = I915_EXEC_RENDER | I915_EXEC_NO_RELOC,
	};
	uint64_t pinned = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
	int64_t began;

	for (unsigned int i = 0; i < n; i++) {
		uint32_t handle = c->handles[c->count - n + i];

		obj[i] = (struct drm_i915_gem_exec_object2){
			.handle = handle,
			.offset = (uint64_t)handle << 16,
			.flags = alignment ? EXEC_OBJECT_SUPPORTS_48B_ADDRESS : pinned,
			.alignment = alignment,
		};
	}
	obj[n] = (struct drm_i915_gem_exec_object2){
		.handle = c->batch, .offset = PAGE, .flags = pinned,
	};
	began = now_ns();
	CHECK_RET(try_execbuf(c->fd, &eb), 0);
	gem_sync(c->fd, c->batch);
	return now_ns() - began;
}

static void grow(struct crowd *c, unsigned int count)
{
	while (c->count < count) {
		unsigned int n = count - c->count;

		if (n > TOGETHER)
			n = TOGETHER;
		for (unsigned int i = 0; i < n; i++)
			add(c);
		use_last(c, n, 0);
	}
}

static double create(struct crowd *c)
{
	int64_t began = now_ns();

	for (unsigned int i = 0; i < SAMPLES; i++)
		add(c);
	return (double)(now_ns() - began) / SAMPLES;
}

/* Those just made: the first batch binds them, a second one has only to find them. */
static double bind(struct crowd *c)
{
	int64_t first = use_last(c, SAMPLES, 0);

	return (double)(first - use_last(c, SAMPLES, 0)) / SAMPLES;
}

/* The same objects have to lie elsewhere: at none of the holes that all others leave. */
static double align(struct crowd *c)
{
	int64_t first = use_last(c, SAMPLES, MiB);

	return (double)(first - use_last(c, SAMPLES, MiB)) / SAMPLES;
}

/* An ioctl that does no more than look an object up, on some from all over. */
static double look_up(struct crowd *c)
{
	uint32_t level;
	int64_t began = now_ns();

	for (unsigned int i = 0; i < SAMPLES; i++)
		CHECK_RET(try_get_caching(c->fd, c->handles[i * (c->count / SAMPLES)], &level), 0);
	return (double)(now_ns() - began) / SAMPLES;
}

/* The process gives up memory that no object has to do with. */
static double unmap_elsewhere(struct crowd *c)
{
	int64_t took = 0;

	(void)c;
	for (unsigned int i = 0; i < SAMPLES; i++) {
		void *ptr = map_anon(ELSEWHERE);
		int64_t began;

		touch(ptr, ELSEWHERE);
		began = now_ns();
		CHECK_SYS(munmap(ptr, ELSEWHERE));
		took += now_ns() - began;
	}
	return (double)took / SAMPLES;
}

/* It gives up the page of one object, which has been used: all others stay as they are. */
static double invalidate(struct crowd *c)
{
	long long before = counters().invalidations;
	int64_t took = 0;

	for (unsigned int i = 0; i < SAMPLES; i++) {
		char *page = c->area + (c->count - 1 - i) * PAGE;
		int64_t began = now_ns();

		CHECK_SYS(madvise(page, PAGE, MADV_DONTNEED));
		took += now_ns() - began;
	}
	CHECK_INT(counters().invalidations - before, SAMPLES);
	return (double)took / SAMPLES;
}

/**
 * struct measure - something that is measured at each number of objects.
 * @name: what
 * @once: does it, and returns ns
 * @at: what it gave
 */
struct measure {
	const char *name;
	double (*once)(struct crowd *c);
	double at[STEPS];
};

static bool room_for(unsigned int count)
{
	struct sysinfo info;

	CHECK_SYS(sysinfo(&info));
	return (uint64_t)info.freeram * info.mem_unit > count * BYTES_EACH;
}

static void climb(struct crowd *c, const char *kind, struct measure *m, unsigned int n)
{
	unsigned int count = LEAST, step;
	char name[96], peer[64];

	for (step = 0; step < STEPS; step++, count *= 10) {
		if (!room_for(count)) {
			row_none(kind, "no memory for %u of them", count);
			break;
		}
		/* what is measured adds to them */
		grow(c, count - SAMPLES);
		for (unsigned int i = 0; i < n; i++) {
			m[i].at[step] = m[i].once(c);
			snprintf(name, sizeof(name), "%s: %s", kind, m[i].name);
			plot_point("scale", name, count, m[i].at[step]);
		}
		CHECK_INT(c->count, count);
	}
	if (step < 2)
		return;
	for (unsigned int i = 0; i < n; i++) {
		snprintf(name, sizeof(name), "%s of %u alive: %s", kind, count / 10, m[i].name);
		snprintf(peer, sizeof(peer), "of %u", LEAST);
		row_ratio(name, m[i].at[step - 1], "ns", peer, m[i].at[0],
			  log(count / 10) / log(LEAST));
	}
}

static void plain(void)
{
	static struct crowd c;
	struct measure m[] = {
		{ "create", create },
		{ "bind", bind },
		{ "bind at multiples of 1 MiB", align },
		{ "look up", look_up },
	};

	plot_begin("scale", "What one object costs beside others", "objects alive", "ns");
	crowd_init(&c);
	climb(&c, "objects", m, ARRAY_SIZE(m));
}

static void userptr(void)
{
	static struct crowd c;
	struct measure m[] = {
		{ "create", create },
		{ "bind", bind },
		{ "munmap of 64 KiB elsewhere", unmap_elsewhere },
		{ "invalidate one", invalidate },
	};

	crowd_init(&c);
	c.area = map_4k(MOST * PAGE);
	climb(&c, "userptr", m, ARRAY_SIZE(m));
}

BENCH_MAIN({ "objects", plain, 600 },
	   { "userptr", userptr, 600 })
