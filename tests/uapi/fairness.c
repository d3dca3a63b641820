// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fairness: what part of an engine each of several contexts gets, counted in commands.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* MI_ATOMIC, increment of a dword. */
#define MI_ATOMIC_INC	(0x2fu << 23 | 5 << 8 | 1)

/**
 * struct load - a batch that counts for ever, and lets others in.
 * @fence: signals at its end
 * @commands: the batch, mapped
 * @count: where it counts
 */
struct load {
	int fence;
	uint32_t *commands;
	volatile uint32_t *count;
};

static void load_start(struct load *load, int fd, uint32_t ctx, uint64_t ring)
{
	uint32_t handle = gem_create(fd, PAGE);
	uint64_t address;
	struct batch b;

	batch_init(&b, fd, ring | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	address = batch_obj(&b, handle, EXEC_OBJECT_WRITE);
	batch_dw(&b, MI_ARB_CHECK);
	for (int i = 0; i < 64; i++) {
		batch_dw(&b, MI_ATOMIC_INC);
		batch_addr(&b, address);
	}
	batch_dw(&b, MI_BATCH_BUFFER_START);
	batch_addr(&b, b.address);
	load->commands = gem_mmap(fd, b.handle, PAGE, I915_MMAP_OFFSET_WB);
	load->count = gem_mmap(fd, handle, PAGE, I915_MMAP_OFFSET_WB);
	batch_submit(&b);
	load->fence = b.rsvd2 >> 32;
}

static void load_end(struct load *load)
{
	*(volatile uint32_t *)load->commands = MI_BATCH_BUFFER_END;
	CHECK(fence_signalled(load->fence, 5000));
	CHECK_INT(fence_status(load->fence), 1);
}

#define RUN_MS	1500
#define RUNS	8
#define OFF	50	/* permille */

static bool near(uint32_t permille, uint32_t want)
{
	return permille >= want - OFF && permille <= want + OFF;
}

/*
 * What each of @n loads has done while they all ran, in permille of their sum. A host that is busy
 * takes the time of whoever's slice it is, so that where they are not alike there is more to sum
 * up: what is unfair stays so.
 */
static void measure(struct load *loads, unsigned int n, uint32_t *done)
{
	uint32_t start[8];
	bool alike = false;

	for (unsigned int i = 0; i < n; i++)
		while (!*loads[i].count)
			sleep_ms(1);
	for (unsigned int i = 0; i < n; i++)
		start[i] = *loads[i].count;
	for (unsigned int run = 0; run < RUNS && !alike; run++) {
		uint64_t sum = 0;

		sleep_ms(RUN_MS);
		for (unsigned int i = 0; i < n; i++) {
			done[i] = *loads[i].count - start[i];
			sum += done[i];
		}
		CHECK(sum > 1000);
		alike = true;
		for (unsigned int i = 0; i < n; i++) {
			tap_note("%u commands of %llu", done[i], (unsigned long long)sum);
			done[i] = (uint64_t)done[i] * 1000 / sum;
			alike = alike && near(done[i], 1000 / n);
		}
	}
}

static void check_share(uint32_t permille, uint32_t want)
{
	if (!near(permille, want))
		tap_fail(__FILE__, __LINE__, "got %u permille expected %u", permille, want);
}

static void two_contexts(void)
{
	static const uint64_t rings[] = { I915_EXEC_RENDER, I915_EXEC_BLT };
	int fd = gem_open();

	for (unsigned int i = 0; i < ARRAY_SIZE(rings); i++) {
		struct load loads[2];
		uint32_t done[2];

		for (int j = 0; j < 2; j++)
			load_start(&loads[j], fd, gem_context_create(fd), rings[i]);
		measure(loads, 2, done);
		check_share(done[0], 500);
		check_share(done[1], 500);
		load_end(&loads[0]);
		load_end(&loads[1]);
	}
}

static void four_files(void)
{
	struct load loads[4];
	uint32_t done[4];

	for (int i = 0; i < 4; i++)
		load_start(&loads[i], gem_open(), 0, I915_EXEC_RENDER);
	measure(loads, 4, done);
	for (int i = 0; i < 4; i++) {
		check_share(done[i], 250);
		load_end(&loads[i]);
	}
}

static void latecomer(void)
{
	int fd = gem_open();
	struct load loads[2];
	uint32_t done[2];

	/* Neither does the past of the one count, nor the other's idleness. */
	load_start(&loads[0], fd, gem_context_create(fd), I915_EXEC_RENDER);
	sleep_ms(1000);
	load_start(&loads[1], fd, gem_context_create(fd), I915_EXEC_RENDER);
	measure(loads, 2, done);
	check_share(done[0], 500);
	check_share(done[1], 500);
	load_end(&loads[0]);
	load_end(&loads[1]);
}

static void waiters(void)
{
	int fd = gem_open();
	struct spin spins[3];
	struct load loads[2];
	uint32_t done[2], alone;

	load_start(&loads[0], fd, gem_context_create(fd), I915_EXEC_RENDER);
	while (!*loads[0].count)
		sleep_ms(1);
	alone = *loads[0].count;
	sleep_ms(500);
	alone = *loads[0].count - alone;

	/* Batches that only wait take next to nothing from those that work. */
	for (int i = 0; i < 3; i++)
		spin_start(&spins[i], fd, gem_context_create(fd), I915_EXEC_RENDER, 0, 0);
	load_start(&loads[1], fd, gem_context_create(fd), I915_EXEC_RENDER);
	measure(loads, 2, done);
	check_share(done[0], 500);
	check_share(done[1], 500);
	load_end(&loads[1]);
	for (int run = 0; !run || done[0] <= alone / 3; run++) {
		/* on a busy host no two half seconds are alike */
		CHECK(run < RUNS);
		done[0] = *loads[0].count;
		sleep_ms(500);
		done[0] = *loads[0].count - done[0];
		tap_note("%u commands alone, %u beside three that wait", alone, done[0]);
	}
	for (int i = 0; i < 3; i++) {
		CHECK(!fence_signalled(spins[i].fence, 0));
		spin_free(&spins[i]);
	}
	load_end(&loads[0]);
}

/* How often an engine's thread has gone to sleep. */
static unsigned long thread_sleeps(const char *engine)
{
	char path[300], line[128], name[32];
	struct dirent *entry;
	DIR *dir = opendir("/proc");
	unsigned long n = 0;
	FILE *f = NULL;

	CHECK(dir);
	while (!f && (entry = readdir(dir))) {
		snprintf(path, sizeof(path), "/proc/%s/status", entry->d_name);
		f = fopen(path, "r");
		if (f && (fscanf(f, "Name: softgem/%15s", name) != 1 || strcmp(name, engine))) {
			fclose(f);
			f = NULL;
		}
	}
	closedir(dir);
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		sscanf(line, "voluntary_ctxt_switches: %lu", &n);
	fclose(f);
	return n;
}

/* How long a context has had the render engine, in ticks of its timestamp. */
static uint32_t context_time(int fd, uint32_t ctx)
{
	uint32_t handle = gem_create(fd, PAGE);
	struct batch b;

	batch_init(&b, fd, I915_EXEC_RENDER);
	b.ctx = ctx;
	batch_dw(&b, MI_STORE_REGISTER_MEM);
	batch_dw(&b, 0x23a8);
	batch_addr(&b, batch_obj(&b, handle, EXEC_OBJECT_WRITE));
	batch_submit(&b);
	return gem_read32(fd, handle, 0);
}

/* Whether the engine sleeps where all that want it wait, and they share the time. */
static bool waiters_share(int fd)
{
	uint32_t ctx[3], ticks[3], sum = 0;
	struct spin spins[3];
	unsigned long sleeps;
	bool alike = true;

	/* all before the first begins, which has the engine alone until the others do */
	for (int i = 0; i < 3; i++)
		ctx[i] = gem_context_create(fd);
	for (int i = 0; i < 3; i++)
		spin_start(&spins[i], fd, ctx[i], I915_EXEC_RENDER, 0, 0);
	sleep_ms(200);
	sleeps = thread_sleeps("rcs0");
	sleep_ms(RUN_MS);
	sleeps = thread_sleeps("rcs0") - sleeps;
	for (int i = 0; i < 3; i++)
		spin_end(&spins[i]);
	for (int i = 0; i < 3; i++) {
		ticks[i] = context_time(fd, ctx[i]);
		sum += ticks[i];
	}
	tap_note("slept %lu times in %u ms; %u, %u and %u ticks", sleeps, RUN_MS,
		 ticks[0], ticks[1], ticks[2]);
	for (int i = 0; i < 3; i++) {
		alike = alike && near((uint64_t)ticks[i] * 1000 / sum, 333);
		spin_free(&spins[i]);
		CHECK_RET(try_context_destroy(fd, ctx[i]), 0);
	}
	return alike && sleeps > RUN_MS / 20;
}

static void all_wait(void)
{
	int fd = gem_open(), runs = 0;
	struct spin spins[3];
	uint64_t ns;

	/* A machine that stands still takes the time of whoever's turn it is: see measure(). */
	while (!waiters_share(fd))
		CHECK(++runs < RUNS);

	/* It looks up for who comes then. */
	for (int i = 0; i < 3; i++)
		spin_start(&spins[i], fd, gem_context_create(fd), I915_EXEC_RENDER, 0, 0);
	sleep_ms(200);
	ns = now_ns();
	for (int i = 0; i < 50; i++)
		context_time(fd, 0);
	ns = now_ns() - ns;
	tap_note("%u us for a batch among them", (unsigned int)(ns / 50000));
	for (int i = 0; i < 3; i++) {
		CHECK(!fence_signalled(spins[i].fence, 0));
		spin_free(&spins[i]);
	}
}

static void importance(void)
{
	int fd = gem_open();
	uint32_t low = gem_context_create(fd), before;
	struct load loads[2];

	/* Who is more important has all of it, and then the other goes on. */
	CHECK_RET(try_context_set(fd, low, I915_CONTEXT_PARAM_PRIORITY, -1, 0), 0);
	load_start(&loads[0], fd, low, I915_EXEC_RENDER);
	while (!*loads[0].count)
		sleep_ms(1);
	load_start(&loads[1], fd, gem_context_create(fd), I915_EXEC_RENDER);
	while (!*loads[1].count)
		sleep_ms(1);
	before = *loads[0].count;
	sleep_ms(500);
	CHECK_INT(*loads[0].count, before);
	load_end(&loads[1]);
	while (*loads[0].count == before)
		sleep_ms(1);
	load_end(&loads[0]);
}

static void inheritance(void)
{
	int fd = gem_open(), fence;
	uint32_t ctx = gem_context_create(fd), other = gem_context_create(fd);
	uint32_t handle = gem_create(fd, PAGE);
	struct load noise;
	struct batch b;

	/* An important batch, behind an unimportant one of its own context, and of another's. */
	for (int i = 0; i < 2; i++) {
		load_start(&noise, gem_open(), 0, I915_EXEC_RENDER);
		while (!*noise.count)
			sleep_ms(1);
		for (int urgent = 0; urgent < 2; urgent++) {
			uint32_t from = urgent || !i ? ctx : other;

			CHECK_RET(try_context_set(fd, from, I915_CONTEXT_PARAM_PRIORITY,
						  urgent ? 100 : -100, 0), 0);
			batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
			b.ctx = from;
			batch_store(&b, handle, 4 * urgent, 1);
			batch_submit(&b);
			fence = b.rsvd2 >> 32;
			if (!urgent)
				CHECK(!fence_signalled(fence, 200));
		}
		CHECK(fence_signalled(fence, 3000));
		CHECK_INT(fence_status(fence), 1);
		load_end(&noise);
	}
}

/* A context that is given one short batch after the other. */
struct feeder {
	int fd;
	uint32_t handle;
	uint32_t ctx;
	atomic_bool stop;
};

static long feed(void *arg)
{
	struct feeder *f = arg;
	struct batch b;
	uint64_t address;

	batch_init(&b, f->fd, I915_EXEC_RENDER);
	b.ctx = f->ctx;
	address = batch_obj(&b, f->handle, EXEC_OBJECT_WRITE);
	for (int i = 0; i < 320; i++) {
		batch_dw(&b, MI_ATOMIC_INC);
		batch_addr(&b, address);
	}
	batch_submit(&b);
	while (!atomic_load(&f->stop)) {
		struct drm_i915_gem_execbuffer2 eb = {
			.buffers_ptr = (uintptr_t)b.obj, .buffer_count = 2,
			.flags = I915_EXEC_RENDER, .rsvd1 = f->ctx,
		};

		CHECK_RET(try_execbuf(f->fd, &eb), 0);
	}
	return 0;
}

static void short_batches(void)
{
	struct feeder f = { .fd = gem_open() };
	struct load load, fed = { 0 };
	struct load loads[2];
	uint32_t done[2];
	struct job job;

	/* To bring many short batches is as good as to bring a long one. */
	f.ctx = gem_context_create(f.fd);
	f.handle = gem_create(f.fd, PAGE);
	fed.count = gem_mmap(f.fd, f.handle, PAGE, I915_MMAP_OFFSET_WB);
	load_start(&load, gem_open(), 0, I915_EXEC_RENDER);
	job_start(&job, feed, &f);
	loads[0] = load;
	loads[1] = fed;
	measure(loads, 2, done);
	atomic_store(&f.stop, true);
	CHECK_INT(job_end(&job), 0);
	CHECK(done[1] > 350 && done[1] < 650);
	load_end(&load);
}

static const struct subtest tests[] = {
	{ "two equal contexts get half of an engine each", two_contexts, 90 },
	{ "four files get a quarter each", four_files, 60 },
	{ "it does not matter who came first", latecomer, 60 },
	{ "who waits leaves the engine to those who work", waiters, 60 },
	{ "where all wait they share the time, and leave the processor alone", all_wait },
	{ "who is less important gets what the more important leave", importance },
	{ "what an important batch waits for becomes important, in its own context too",
	  inheritance },
	{ "many short batches weigh as much as a long one", short_batches, 60 },
};

TAP_MAIN(tests)
