// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Hangs: how they are noticed, who is guilty, who is innocent, and what is left of them.
 *
 * Spinning batches here offer no preemption, unless said otherwise: that is what a hang is.
 */
#include "batch.h"
#include "gem.h"
#include "tap.h"

#include <errno.h>
#include <sys/mman.h>
#include <unistd.h>

/* Command type 7 exists on no engine. */
#define NO_COMMAND	0xffffffffu

static const char * const engines[] = { "rcs0", "bcs0", "vcs0", "vecs0" };

/* Hangs are noticed within half a second, and reset one engine ("2"), all ("1") or none ("0"). */
static void be_quick(const char *reset)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		gem_set_engine(engines[i], "heartbeat_interval_ms", "100");
		gem_set_engine(engines[i], "preempt_timeout_ms", "200");
	}
	gem_set_debugfs("i915_params/reset", reset);
}

static void be_slow(void)
{
	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		gem_set_engine(engines[i], "heartbeat_interval_ms", "2500");
		gem_set_engine(engines[i], "preempt_timeout_ms", "640");
	}
	gem_set_debugfs("i915_params/reset", "2");
	gem_set_debugfs("i915_params/enable_hangcheck", "Y");
}

/* spin_start() without the offer, at the batch's only loop. */
static void hang_start(struct spin *s, int fd, uint32_t ctx, uint64_t ring)
{
	spin_start(s, fd, ctx, ring, 0, 0);
	s->map[0] = MI_NOOP;
}

static void hang_free(struct spin *s)
{
	spin_free(s);
}

static void check_eio(int fence)
{
	CHECK(fence_signalled(fence, 10000));
	CHECK_RET(fence_status(fence), -EIO);
}

/* A store; returns its fence. */
static int queue_store(int fd, uint32_t ctx, uint64_t ring, uint32_t handle, uint32_t value)
{
	struct batch b;

	batch_init(&b, fd, ring | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	batch_store(&b, handle, 0, value);
	batch_submit(&b);
	batch_free(&b);
	return b.rsvd2 >> 32;
}

static int try_noop(int fd, uint32_t ctx, uint64_t ring)
{
	struct batch b;
	int ret;

	batch_init(&b, fd, ring);
	b.ctx = ctx;
	ret = batch_try_submit(&b);
	batch_free(&b);
	return ret;
}

static struct drm_i915_reset_stats stats_of(int fd, uint32_t ctx)
{
	struct drm_i915_reset_stats stats;

	CHECK_RET(try_reset_stats(fd, ctx, &stats), 0);
	return stats;
}

static void heartbeat(void)
{
	static const uint64_t rings[] = {
		I915_EXEC_RENDER, I915_EXEC_BLT, I915_EXEC_BSD, I915_EXEC_VEBOX,
	};
	int fd = gem_open();
	struct spin s;

	be_quick("2");
	for (unsigned int i = 0; i < ARRAY_SIZE(rings); i++) {
		gem_set_engine(engines[i], "heartbeat_interval_ms", "300");
		hang_start(&s, fd, gem_context_create(fd), rings[i]);
		CHECK(!fence_signalled(s.fence, 50));
		/* Nobody else wants the engine: it is the heartbeat that notices. */
		CHECK(fence_signalled(s.fence, 10000));
		CHECK_RET(fence_status(s.fence), -EIO);
		hang_free(&s);
	}
	be_slow();
}

static void heartbeat_off(void)
{
	int fd = gem_open();
	struct spin s;

	be_quick("2");
	gem_set_engine("rcs0", "heartbeat_interval_ms", "0");
	hang_start(&s, fd, 0, I915_EXEC_RENDER);
	CHECK(!fence_signalled(s.fence, 1500));
	gem_set_debugfs("i915_params/enable_hangcheck", "N");
	gem_set_engine("rcs0", "heartbeat_interval_ms", "100");
	CHECK(!fence_signalled(s.fence, 1500));
	gem_set_debugfs("i915_params/enable_hangcheck", "Y");
	check_eio(s.fence);
	hang_free(&s);
	be_slow();
}

static void offers_are_no_hangs(void)
{
	int fd = gem_open();
	struct spin s;

	be_quick("2");
	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	CHECK(!fence_signalled(s.fence, 2000));
	spin_end(&s);
	CHECK(fence_signalled(s.fence, 2000));
	CHECK_INT(fence_status(s.fence), 1);
	spin_free(&s);
	be_slow();
}

static void work_without_offer(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	struct batch b;

	/* A loop that works for ever is a hang too. */
	be_quick("2");
	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	batch_store(&b, handle, 0, 1);
	batch_dw(&b, MI_BATCH_BUFFER_START);
	batch_addr(&b, b.address);
	batch_submit(&b);
	check_eio(b.rsvd2 >> 32);
	CHECK_INT(gem_read32(fd, handle, 0), 1);
	be_slow();
}

static void preempt_timeout(void)
{
	int fd = gem_open(), fence;
	uint32_t high = gem_context_create(fd), handle = gem_create(fd, PAGE);
	struct spin s;

	be_quick("2");
	gem_set_engine("rcs0", "heartbeat_interval_ms", "0");
	CHECK_RET(try_context_set(fd, high, I915_CONTEXT_PARAM_PRIORITY, 500, 0), 0);
	hang_start(&s, fd, 0, I915_EXEC_RENDER);
	CHECK(!fence_signalled(s.fence, 500));
	fence = queue_store(fd, high, I915_EXEC_RENDER, handle, 5);
	CHECK(fence_signalled(fence, 3000));
	CHECK_INT(fence_status(fence), 1);
	CHECK_INT(gem_read32(fd, handle, 0), 5);
	CHECK(fence_signalled(s.fence, 0));
	CHECK_RET(fence_status(s.fence), -EIO);
	hang_free(&s);
	be_slow();
}

static void guilty_and_innocent(void)
{
	int fd = gem_open(), other = gem_open(), mine, theirs;
	uint32_t a = gem_create(fd, PAGE), b = gem_create(other, PAGE);
	struct drm_i915_reset_stats before = stats_of(fd, 0);
	struct spin s;

	be_quick("2");
	hang_start(&s, fd, 0, I915_EXEC_RENDER);
	mine = queue_store(fd, 0, I915_EXEC_RENDER, a, 1);
	theirs = queue_store(other, 0, I915_EXEC_RENDER, b, 2);
	check_eio(s.fence);
	/* Neither what came after it in its own context, nor the other's work, is lost. */
	CHECK(fence_signalled(mine, 5000));
	CHECK_INT(fence_status(mine), 1);
	CHECK(fence_signalled(theirs, 5000));
	CHECK_INT(fence_status(theirs), 1);
	CHECK_INT(gem_read32(fd, a, 0), 1);
	CHECK_INT(gem_read32(other, b, 0), 2);
	CHECK_INT(stats_of(fd, 0).batch_active, 1);
	CHECK_INT(stats_of(fd, 0).batch_pending, 0);
	CHECK_INT(stats_of(other, 0).batch_active, 0);
	CHECK_INT(stats_of(other, 0).batch_pending, 0);
	CHECK_INT(stats_of(fd, 0).reset_count, before.reset_count + 1);
	hang_free(&s);
	be_slow();
}

/**
 * struct innocent - a batch that adds one to a word, once, and then waits where it offers preemption.
 * @seen: the word
 * @end: the command that it waits at
 * @fence: signals at its end
 */
struct innocent {
	volatile uint32_t *seen;
	volatile uint32_t *end;
	int fence;
};

static void innocent_start(struct innocent *in, int fd)
{
	uint32_t handle = gem_create(fd, PAGE);
	uint32_t *commands;
	unsigned int loop;
	struct batch b;

	in->seen = gem_mmap(fd, handle, PAGE, I915_MMAP_OFFSET_WB);
	batch_init(&b, fd, I915_EXEC_BLT | I915_EXEC_FENCE_OUT);
	batch_dw(&b, MI_LOAD_REGISTER_MEM);
	batch_dw(&b, 0x22600);
	batch_addr(&b, batch_obj(&b, handle, EXEC_OBJECT_WRITE));
	batch_dw(&b, MI_LOAD_REGISTER_IMM);
	batch_dw(&b, 0x22608);
	batch_dw(&b, 1);
	batch_dw(&b, 0x1au << 23 | 3);			/* MI_MATH: R0 = R0 + R1 */
	batch_dw(&b, 0x080u << 20 | 0x20u << 10 | 0x00);
	batch_dw(&b, 0x080u << 20 | 0x21u << 10 | 0x01);
	batch_dw(&b, 0x100u << 20);
	batch_dw(&b, 0x180u << 20 | 0x00u << 10 | 0x31);
	batch_dw(&b, MI_STORE_REGISTER_MEM);
	batch_dw(&b, 0x22600);
	batch_addr(&b, batch_address(handle));
	loop = b.n;
	batch_dw(&b, MI_ARB_CHECK);
	batch_dw(&b, MI_BATCH_BUFFER_START);
	batch_addr(&b, b.address + 4 * loop);
	commands = gem_mmap(fd, b.handle, PAGE, I915_MMAP_OFFSET_WB);
	in->end = &commands[loop];
	batch_submit(&b);
	in->fence = b.rsvd2 >> 32;
	while (!*in->seen)
		usleep(1000);
}

static void innocent_end(struct innocent *in)
{
	*in->end = MI_BATCH_BUFFER_END;
	CHECK(fence_signalled(in->fence, 3000));
	CHECK_INT(fence_status(in->fence), 1);
}

static void full_reset(void)
{
	int fd = gem_open(), other = gem_open();
	struct drm_i915_reset_stats before = stats_of(fd, 0);
	struct innocent in;
	struct spin s;

	be_quick("1");
	innocent_start(&in, other);
	hang_start(&s, fd, 0, I915_EXEC_RENDER);
	check_eio(s.fence);
	for (int i = 0; i < 500 && *in.seen < 2; i++)
		usleep(10000);
	CHECK_INT(*in.seen, 2);
	CHECK_INT(stats_of(fd, 0).batch_active, 1);
	CHECK_INT(stats_of(other, 0).batch_active, 0);
	CHECK_INT(stats_of(other, 0).batch_pending, 1);
	CHECK_INT(stats_of(fd, 0).reset_count, before.reset_count + 1);
	innocent_end(&in);
	hang_free(&s);
	be_slow();
}

static void stop_timeout(void)
{
	int fd = gem_open(), other = gem_open();
	struct innocent in;
	struct spin s;

	/* Who ends in time has nothing to begin again. */
	be_quick("1");
	gem_set_engine("bcs0", "stop_timeout_ms", "20000");
	innocent_start(&in, other);
	hang_start(&s, fd, 0, I915_EXEC_RENDER);
	check_eio(s.fence);
	usleep(200000);
	CHECK_INT(*in.seen, 1);
	innocent_end(&in);
	CHECK_INT(*in.seen, 1);
	CHECK_INT(stats_of(fd, 0).batch_active, 1);
	CHECK_INT(stats_of(other, 0).batch_pending, 0);
	gem_set_engine("bcs0", "stop_timeout_ms", "100");
	hang_free(&s);
	be_slow();
}

static void ban(void)
{
	int fd = gem_open(), other = gem_open(), queued = -1;
	uint32_t ctx = gem_context_create(fd), handle = gem_create(fd, PAGE);
	struct spin s;

	be_quick("2");
	for (int i = 0; i < 3; i++) {
		CHECK_RET(try_noop(fd, ctx, I915_EXEC_RENDER), 0);
		hang_start(&s, fd, ctx, I915_EXEC_RENDER);
		if (i == 2)
			queued = queue_store(fd, ctx, I915_EXEC_RENDER, handle, 1);
		check_eio(s.fence);
		hang_free(&s);
	}
	/* Three hangs in two minutes: the context is banned, with what it had queued. */
	CHECK_RET(try_noop(fd, ctx, I915_EXEC_RENDER), -EIO);
	check_eio(queued);
	CHECK_INT(gem_read32(fd, handle, 0), 0);
	CHECK_INT(stats_of(fd, ctx).batch_active, 3);
	CHECK_RET(try_noop(fd, 0, I915_EXEC_RENDER), 0);
	CHECK_RET(try_noop(other, 0, I915_EXEC_RENDER), 0);
	be_slow();
}

static void client_ban(void)
{
	int fd = gem_open(), other = gem_open(), ret = 0, hangs;
	uint32_t ctx;

	be_quick("2");
	for (hangs = 0; hangs < 40; hangs++) {
		struct batch b;

		ret = try_context_create(fd, &ctx);
		if (ret)
			break;
		/* One malformed batch for each context: none of them is banned. */
		batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
		b.ctx = ctx;
		batch_dw(&b, NO_COMMAND);
		batch_submit(&b);
		batch_free(&b);
		check_eio(b.rsvd2 >> 32);
		close(b.rsvd2 >> 32);
	}
	CHECK_RET(ret, -EIO);
	CHECK_INT(hangs, 10);
	/* Contexts that it has, and other files, go on. */
	CHECK_RET(try_noop(fd, 0, I915_EXEC_RENDER), 0);
	CHECK_RET(try_context_create(other, &ctx), 0);
	be_slow();
}

static void not_persistent(void)
{
	int fd = gem_open(), other = gem_open(), fence;
	uint32_t ctx = gem_context_create(fd), handle = gem_create(fd, PAGE);
	struct spin s, file;

	be_slow();
	/* What runs and what is queued; within less than any timeout. */
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PERSISTENCE, 0, 0), 0);
	hang_start(&s, fd, ctx, I915_EXEC_RENDER);
	fence = queue_store(fd, ctx, I915_EXEC_RENDER, handle, 1);
	CHECK_RET(try_context_destroy(fd, ctx), 0);
	CHECK(fence_signalled(s.fence, 4000));
	CHECK_RET(fence_status(s.fence), -EIO);
	CHECK(fence_signalled(fence, 4000));
	CHECK_RET(fence_status(fence), -EIO);
	CHECK_INT(gem_read32(fd, handle, 0), 0);
	hang_free(&s);

	CHECK_RET(try_context_set(other, 0, I915_CONTEXT_PARAM_PERSISTENCE, 0, 0), 0);
	spin_start(&file, other, 0, I915_EXEC_RENDER, 0, 0);
	/* A mapping keeps the file open. */
	CHECK_SYS(munmap(file.map, PAGE));
	close(other);
	CHECK(fence_signalled(file.fence, 4000));
	CHECK_RET(fence_status(file.fence), -EIO);
}

static void cancelled_behind_others(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), high = gem_context_create(fd);
	struct spin s, queued;

	/* The engine is another's, who is more important: it still does not take long. */
	CHECK_RET(try_context_set(fd, high, I915_CONTEXT_PARAM_PRIORITY, 100, 0), 0);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PERSISTENCE, 0, 0), 0);
	spin_start(&s, fd, high, I915_EXEC_RENDER, 0, 0);
	spin_start(&queued, fd, ctx, I915_EXEC_RENDER, 0, 0);
	CHECK(!fence_signalled(queued.fence, 200));
	CHECK_RET(try_context_destroy(fd, ctx), 0);
	check_eio(queued.fence);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&queued);
	spin_free(&s);
}

static void nobody_watches(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);
	struct spin s;

	/* A persistent context's work does not outlive it if there is no hang detection... */
	gem_set_debugfs("i915_params/enable_hangcheck", "N");
	hang_start(&s, fd, ctx, I915_EXEC_RENDER);
	CHECK(!fence_signalled(s.fence, 100));
	CHECK_RET(try_context_destroy(fd, ctx), 0);
	check_eio(s.fence);
	hang_free(&s);
	be_slow();

	/* ...or no heartbeat. */
	ctx = gem_context_create(fd);
	spin_start(&s, fd, ctx, I915_EXEC_RENDER, 0, 0);
	CHECK_RET(try_context_destroy(fd, ctx), 0);
	CHECK(!fence_signalled(s.fence, 300));
	gem_set_engine("rcs0", "heartbeat_interval_ms", "0");
	check_eio(s.fence);
	spin_free(&s);
	be_slow();
}

static void wedge_and_mend(void)
{
	int fd = gem_open(), queued, value;
	uint32_t handle = gem_create(fd, PAGE), ctx;
	struct spin s;

	be_quick("0");
	CHECK_RET(try_getparam(fd, I915_PARAM_HAS_GPU_RESET, &value), 0);
	CHECK_INT(value, 0);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	queued = queue_store(fd, 0, I915_EXEC_RENDER, handle, 1);
	gem_set_debugfs("i915_wedged", "1");
	check_eio(s.fence);
	check_eio(queued);
	CHECK_RET(try_noop(fd, 0, I915_EXEC_RENDER), -EIO);
	CHECK_RET(try_context_create(fd, &ctx), -EIO);
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_THROTTLE, NULL), -EIO);
	/* Memory is not the GPU. */
	gem_close(fd, gem_create(fd, PAGE));
	CHECK_INT(gem_read32(fd, handle, 0), 0);
	be_slow();
	gem_set_debugfs("i915_wedged", "1");
	gpu_store(fd, handle, 0, 2);
	CHECK_INT(gem_read32(fd, handle, 0), 2);
	spin_free(&s);

	/* A hang does the same. */
	be_quick("0");
	hang_start(&s, fd, 0, I915_EXEC_RENDER);
	check_eio(s.fence);
	CHECK_RET(try_noop(fd, 0, I915_EXEC_RENDER), -EIO);
	be_slow();
	gem_set_debugfs("i915_wedged", "18446744073709551615");
	CHECK_RET(try_noop(fd, 0, I915_EXEC_RENDER), 0);
	hang_free(&s);
}

static void reset_by_hand(void)
{
	int fd = gem_open(), value;
	struct spin rcs, bcs;

	be_slow();
	CHECK_RET(try_getparam(fd, I915_PARAM_HAS_GPU_RESET, &value), 0);
	CHECK_INT(value, 2);
	spin_start(&rcs, fd, 0, I915_EXEC_RENDER, 0, 0);
	spin_start(&bcs, fd, gem_context_create(fd), I915_EXEC_BLT, 0, 0);
	/* The first engine alone, as soon as it has begun. */
	for (int i = 0; i < 50 && !fence_signalled(rcs.fence, 0); i++) {
		usleep(100000);
		gem_set_debugfs("i915_wedged", "1");
	}
	CHECK(fence_signalled(rcs.fence, 0));
	CHECK_RET(fence_status(rcs.fence), -EIO);
	CHECK(!fence_signalled(bcs.fence, 100));
	CHECK_INT(stats_of(fd, 0).batch_active, 1);
	spin_free(&rcs);
	spin_free(&bcs);
}

static const struct subtest tests[] = {
	{ "the heartbeat ends a batch that does not offer preemption, on every engine", heartbeat },
	{ "without heartbeat, or with hang detection off, it goes on", heartbeat_off },
	{ "a batch that offers preemption is no hang", offers_are_no_hangs },
	{ "a loop that works but never offers preemption is a hang", work_without_offer },
	{ "who keeps somebody important waiting is reset after the preemption timeout",
	  preempt_timeout },
	{ "only the guilty request gets EIO; the reset is counted once", guilty_and_innocent },
	{ "a reset of the whole GPU has innocents begin again, and counts them", full_reset },
	{ "but not those that end before their engine's stop timeout", stop_timeout },
	{ "the third hang in a short time bans the context", ban },
	{ "a file whose contexts hang again and again gets no new ones", client_ban, 40 },
	{ "work of a context that is not persistent ends with the context or the file",
	  not_persistent },
	{ "it does so behind more important work", cancelled_behind_others },
	{ "while nobody watches for hangs no work outlives its context", nobody_watches },
	{ "a dead GPU: EIO for work and contexts, until a reset", wedge_and_mend },
	{ "i915_wedged resets the engines in its mask", reset_by_hand },
};

TAP_MAIN(tests)
