// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Batches that are wrong, or mean harm: who is told, who is not disturbed.
 */
#include "batch.h"
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* Command type 7 exists on no engine. */
#define NO_COMMAND	0xffffffffu
/* XY_COLOR_BLT, but too short for its own operands. */
#define SHORT_BLT	((2u << 29 | 0x50 << 22) | BLT_WRITE_ARGB)

/* A store to @handle, then @command. Return: out-fence. */
static int submit_bad(int fd, uint32_t ctx, uint64_t ring, uint32_t handle, uint32_t command)
{
	struct batch b;

	batch_init(&b, fd, ring | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	if (handle)
		batch_store(&b, handle, 0, 1);
	batch_dw(&b, command);
	if (handle)
		batch_store(&b, handle, 4, 2);
	batch_submit(&b);
	batch_free(&b);
	return b.rsvd2 >> 32;
}

static void check_eio(int fence)
{
	CHECK(fence_signalled(fence, 10000));
	CHECK_RET(fence_status(fence), -EIO);
	close(fence);
}

/* So many failed. A submission whose fence could not be copied out is there, and is made again. */
static void check_active(const struct drm_i915_reset_stats *stats, uint32_t want)
{
	if (inject_wanted())
		CHECK(stats->batch_active >= want);
	else
		CHECK_INT(stats->batch_active, want);
}

static void fails_with_eio(uint64_t ring, uint32_t command)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	check_eio(submit_bad(fd, 0, ring, handle, command));
	/* All before it was carried out, nothing after it. */
	CHECK_HEX(gem_read32(fd, handle, 0), 1);
	CHECK_HEX(gem_read32(fd, handle, 4), 0);
}

static void malformed_each_engine(void)
{
	fails_with_eio(I915_EXEC_RENDER, NO_COMMAND);
	fails_with_eio(I915_EXEC_BLT, NO_COMMAND);
	fails_with_eio(I915_EXEC_BSD, NO_COMMAND);
	fails_with_eio(I915_EXEC_VEBOX, NO_COMMAND);
}

static void malformed_blt(void)
{
	fails_with_eio(I915_EXEC_BLT, SHORT_BLT);
}

static void reset_stats(void)
{
	struct drm_i915_reset_stats guilty, innocent;
	int fd = gem_open();
	uint32_t bad = gem_context_create(fd), good = gem_context_create(fd);

	CHECK_RET(try_reset_stats(fd, bad, &guilty), 0);
	CHECK_INT(guilty.batch_active, 0);
	CHECK_INT(guilty.batch_pending, 0);
	check_eio(submit_bad(fd, bad, I915_EXEC_RENDER, 0, NO_COMMAND));
	CHECK_RET(try_reset_stats(fd, bad, &guilty), 0);
	check_active(&guilty, 1);
	CHECK_RET(try_reset_stats(fd, good, &innocent), 0);
	CHECK_INT(innocent.batch_active, 0);
}

static void reset_stats_errors(void)
{
	struct drm_i915_reset_stats stats = { .flags = 1 };
	int fd = gem_open();

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GET_RESET_STATS, &stats), -EINVAL);
	stats.flags = 0;
	stats.pad = 1;
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GET_RESET_STATS, &stats), -EINVAL);
	CHECK_RET(try_reset_stats(fd, 0x7ead, &stats), -ENOENT);
	CHECK_RET(try_reset_stats(fd, 0, &stats), 0);
}

static void reset_count_privilege(void)
{
	struct drm_i915_reset_stats stats;
	int fd = gem_open();

	check_eio(submit_bad(fd, 0, I915_EXEC_RENDER, 0, NO_COMMAND));
	drop_capability(CAP_SYS_ADMIN);
	CHECK_RET(try_reset_stats(fd, 0, &stats), 0);
	CHECK_INT(stats.reset_count, 0);
	check_active(&stats, 1);
}

static void goes_on(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t mine = gem_create(fd, PAGE), theirs = gem_create(other, PAGE);

	check_eio(submit_bad(fd, 0, I915_EXEC_RENDER, 0, NO_COMMAND));
	/* Nobody is disturbed: neither others, nor this context, which is recoverable. */
	gpu_store(other, theirs, 0, 1);
	CHECK_INT(gem_read32(other, theirs, 0), 1);
	gpu_store(fd, mine, 0, 2);
	CHECK_INT(gem_read32(fd, mine, 0), 2);
}

static void innocents_in_the_queue(void)
{
	int fd = gem_open(), other = gem_open(), bad, good;
	uint32_t handle = gem_create(other, PAGE);
	struct batch b;
	struct spin s;

	/* All three on one engine, queued before any has run. */
	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	bad = submit_bad(fd, 0, I915_EXEC_RENDER, 0, NO_COMMAND);
	batch_init(&b, other, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	batch_store(&b, handle, 0, 7);
	batch_submit(&b);
	good = b.rsvd2 >> 32;
	spin_free(&s);
	check_eio(bad);
	CHECK(fence_signalled(good, 5000));
	CHECK_INT(fence_status(good), 1);
	CHECK_INT(gem_read32(other, handle, 0), 7);
}

static void not_recoverable(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), handle = gem_create(fd, PAGE);
	struct batch b;

	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_RECOVERABLE, 0, 0), 0);
	check_eio(submit_bad(fd, ctx, I915_EXEC_RENDER, 0, NO_COMMAND));
	batch_init(&b, fd, I915_EXEC_RENDER);
	b.ctx = ctx;
	batch_store(&b, handle, 0, 1);
	CHECK_RET(batch_try_submit(&b), -EIO);
	/* It is the context that is banned. */
	gpu_store(fd, handle, 0, 2);
	CHECK_INT(gem_read32(fd, handle, 0), 2);
}

static void not_bannable(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), handle = gem_create(fd, PAGE);
	struct drm_i915_reset_stats stats;
	struct batch b;

	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_BANNABLE, 0, 0), 0);
	for (int i = 0; i < 12; i++)
		check_eio(submit_bad(fd, ctx, I915_EXEC_RENDER, 0, NO_COMMAND));
	CHECK_RET(try_reset_stats(fd, ctx, &stats), 0);
	check_active(&stats, 12);
	batch_init(&b, fd, I915_EXEC_RENDER);
	b.ctx = ctx;
	batch_store(&b, handle, 0, 3);
	batch_submit(&b);
	CHECK_INT(gem_read32(fd, handle, 0), 3);
}

#define OWN_WORD	0x1
#define ATTACK_WORD	0xbadbad

/*
 * Read and write @address from @fd/@ctx, where nothing is bound to it. What was bound there until
 * now may go a little later: if @was_own, its words may still be seen, since they are the file's.
 */
static void attack(int fd, uint32_t ctx, uint64_t address, bool was_own)
{
	uint32_t loot = gem_create(fd, PAGE), word = ~0u;
	struct batch b;

	gem_write(fd, loot, 0, &word, 4);
	batch_init(&b, fd, I915_EXEC_RENDER);
	b.ctx = ctx;
	batch_dw(&b, MI_COPY_MEM_MEM);
	batch_addr(&b, batch_obj(&b, loot, EXEC_OBJECT_WRITE));
	batch_addr(&b, address);
	batch_dw(&b, MI_STORE_DWORD_IMM);
	batch_addr(&b, address);
	batch_dw(&b, ATTACK_WORD);
	batch_submit(&b);
	word = gem_read32(fd, loot, 0);
	if (!was_own || word != OWN_WORD)
		CHECK_HEX(word, 0);

	/* The same by blits. */
	word = ~0u;
	gem_write(fd, loot, 0, &word, 4);
	batch_init(&b, fd, I915_EXEC_BLT);
	b.ctx = ctx;
	batch_dw(&b, XY_SRC_COPY_BLT | BLT_WRITE_ARGB);
	batch_dw(&b, BLT_DEPTH_32 | ROP_COPY | PAGE);
	batch_dw(&b, 0);
	batch_dw(&b, 1 << 16 | PAGE / 4);
	batch_addr(&b, batch_obj(&b, loot, EXEC_OBJECT_WRITE));
	batch_dw(&b, 0);
	batch_dw(&b, PAGE);
	batch_addr(&b, address);
	batch_dw(&b, XY_COLOR_BLT | BLT_WRITE_ARGB);
	batch_dw(&b, BLT_DEPTH_32 | ROP_FILL | PAGE);
	batch_dw(&b, 0);
	batch_dw(&b, 1 << 16 | PAGE / 4);
	batch_addr(&b, address);
	batch_dw(&b, ATTACK_WORD);
	batch_submit(&b);
	word = gem_read32(fd, loot, 0);
	if (!was_own || word != ATTACK_WORD)
		CHECK_HEX(word, 0);
}

static void other_file(void)
{
	static uint32_t data[PAGE / 4];
	int fd = gem_open(), other = gem_open();
	uint32_t secret = 0;
	struct spin s;

	/* Handles, and with them addresses, that the other file does not use. */
	for (int i = 0; i < 50; i++)
		secret = gem_create(fd, PAGE);
	fill(data, PAGE, 1);
	gem_write(fd, secret, 0, data, PAGE);
	/* Bound now, and in use, while the other tries. */
	spin_start(&s, fd, 0, I915_EXEC_BSD, secret, 0);
	attack(other, 0, batch_address(secret), false);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&s);
	gem_read(fd, secret, 0, data, PAGE);
	CHECK_FILL(data, PAGE, 1);
}

static void other_context(void)
{
	static uint32_t data[PAGE / 4];
	int fd = gem_open();
	uint32_t secret = gem_create(fd, PAGE), ctx = gem_context_create(fd);
	struct spin s;

	fill(data, PAGE, 1);
	gem_write(fd, secret, 0, data, PAGE);
	spin_start(&s, fd, 0, I915_EXEC_BSD, secret, 0);
	attack(fd, ctx, batch_address(secret), false);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&s);
	gem_read(fd, secret, 0, data, PAGE);
	CHECK_FILL(data, PAGE, 1);
}

static void closed_object(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t handle = gem_create(fd, PAGE), fresh;
	uint64_t address = batch_address(handle);
	static uint32_t data[PAGE / 4];

	/* Bound, used, closed; its pages may be another's by now. */
	gpu_store(fd, handle, 0, OWN_WORD);
	gem_close(fd, handle);
	fill(data, PAGE, 3);
	for (int i = 0; i < 8; i++) {
		fresh = gem_create(other, PAGE);
		gem_write(other, fresh, 0, data, PAGE);
	}
	/* Keep the handle, and so the address, from being used again. */
	gem_create(fd, PAGE);
	attack(fd, 0, address, true);
	gem_read(other, fresh, 0, data, PAGE);
	CHECK_FILL(data, PAGE, 3);
}

/*
 * A batch that reads @victim for ever, which it does not list, so that nothing waits for it: what it
 * has translated once must not be good any longer than the memory is the object's.
 */
static void check_loses(int fd, uint32_t victim, void (*take)(int fd, uint32_t victim, void *arg),
			void *arg)
{
	uint32_t witness = gem_create(fd, PAGE), *commands;
	volatile uint32_t *seen = gem_mmap(fd, witness, PAGE, I915_MMAP_OFFSET_WB);
	struct batch b;

	gpu_store(fd, victim, 0, OWN_WORD);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_copy32(&b, witness, 0, victim, 0);
	batch_dw(&b, MI_ARB_CHECK);
	batch_dw(&b, MI_BATCH_BUFFER_START);
	batch_addr(&b, b.address);
	b.nobj = 0;
	batch_obj(&b, witness, EXEC_OBJECT_WRITE);
	batch_submit(&b);
	for (int i = 0; *seen != OWN_WORD && i < 5000; i++)
		sleep_ms(1);
	CHECK_HEX(*seen, OWN_WORD);
	take(fd, victim, arg);
	for (int i = 0; *seen && i < 5000; i++)
		sleep_ms(1);
	CHECK_HEX(*seen, 0);
	CHECK(gem_is_busy(fd, witness));
	commands = gem_mmap(fd, b.handle, PAGE, I915_MMAP_OFFSET_WB);
	*commands = MI_BATCH_BUFFER_END;
	gem_sync(fd, witness);
}

static void take_by_close(int fd, uint32_t victim, void *arg)
{
	(void)arg;
	gem_close(fd, victim);
}

static void closed_under_batch(void)
{
	uint32_t *ptr = map_anon(PAGE);
	int fd = gem_open();

	check_loses(fd, gem_userptr(fd, ptr, PAGE, 0), take_by_close, NULL);
	/* what it read was in the page all the time */
	CHECK_HEX(*ptr, OWN_WORD);
}

static void take_by_process(int fd, uint32_t victim, void *arg)
{
	(void)fd;
	(void)victim;
	CHECK_SYS(munmap(arg, PAGE));
}

static void unmapped_under_batch(void)
{
	uint32_t *ptr = map_memfd(PAGE), *again;
	int fd = gem_open();

	again = mremap(ptr, 0, PAGE, MREMAP_MAYMOVE);
	CHECK(again != MAP_FAILED);
	check_loses(fd, gem_userptr(fd, ptr, PAGE, 0), take_by_process, ptr);
	CHECK_HEX(*again, OWN_WORD);
}

static void same_address(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), handles[2], words[2];
	struct drm_i915_gem_exec_object2 obj[2];
	const uint64_t address = 0x40000000;
	const uint32_t dw[] = {
		MI_STORE_DWORD_IMM, address, 0, 0x1000, MI_BATCH_BUFFER_END, 0,
	};

	/* One address, two contexts, two objects: each gets its own. */
	for (uint32_t i = 0; i < 2; i++) {
		uint32_t own[ARRAY_SIZE(dw)];
		struct drm_i915_gem_execbuffer2 eb = {
			.buffers_ptr = (uintptr_t)obj, .buffer_count = 2, .rsvd1 = i ? ctx : 0,
		};

		memcpy(own, dw, sizeof(dw));
		own[3] += i;
		memset(obj, 0, sizeof(obj));
		handles[i] = obj[0].handle = gem_create(fd, PAGE);
		obj[0].offset = address;
		obj[0].flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE;
		obj[1].handle = gem_create(fd, PAGE);
		gem_write(fd, obj[1].handle, 0, own, sizeof(own));
		CHECK_RET(try_execbuf(fd, &eb), 0);
	}
	for (int i = 0; i < 2; i++)
		words[i] = gem_read32(fd, handles[i], 0);
	CHECK_HEX(words[0], 0x1000);
	CHECK_HEX(words[1], 0x1001);
}

static void random_batches(void)
{
	enum { ROUNDS = 200, DWORDS = 64 };
	static uint32_t data[PAGE / 4];
	int fd = gem_open(), other = gem_open();
	uint32_t witness = gem_create(other, PAGE), seed = 12345;

	fill(data, PAGE, 1);
	gem_write(other, witness, 0, data, PAGE);
	for (int i = 0; i < ROUNDS; i++) {
		uint32_t ctx = gem_context_create(fd);
		struct batch b;

		/* Own contexts, and none that can be banned: nothing is to be stopped. */
		CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_BANNABLE, 0, 0), 0);
		batch_init(&b, fd, 1 + i % 4);
		b.ctx = ctx;
		for (int j = 0; j < DWORDS; j++) {
			uint32_t dw;

			seed = seed * 1664525 + 1013904223;
			/* Commands of type MI or 2D with short lengths get further. */
			dw = seed & 0x40000000 ? seed & 0x5fc00007 : seed & 0x1f800003;
			/* No jumps and no waits: a hang is another test's. */
			switch (dw >> 23) {
			case 0x31: case 0x1c: case 0x1b: case 0x03: case 0x36:
				dw = MI_NOOP;
			}
			batch_dw(&b, dw);
		}
		batch_submit(&b);
		batch_free(&b);
		CHECK_RET(try_context_destroy(fd, ctx), 0);
	}
	/* Everyone else's GPU works, everyone else's memory is as it was. */
	gpu_read(other, witness, data, PAGE);
	CHECK_FILL(data, PAGE, 1);
	gpu_store(other, witness, 0, 5);
	CHECK_INT(gem_read32(other, witness, 0), 5);
}

static const struct subtest tests[] = {
	{ "a malformed command ends the batch with EIO on its fence, on every engine",
	  malformed_each_engine },
	{ "a blit too short for its operands ends the batch with EIO", malformed_blt },
	{ "GET_RESET_STATS counts the guilty context's batch, and no other's", reset_stats },
	{ "GET_RESET_STATS: flags and pad EINVAL, unknown context ENOENT", reset_stats_errors },
	{ "GET_RESET_STATS tells the count of all resets to CAP_SYS_ADMIN only",
	  reset_count_privilege },
	{ "after a malformed batch the context and everyone else go on", goes_on },
	{ "what is queued behind a malformed batch runs", innocents_in_the_queue },
	{ "a context that is not recoverable is banned by its first error: EIO", not_recoverable },
	{ "a context that is not bannable is never banned", not_bannable },
	{ "no batch reaches another file's memory", other_file },
	{ "no batch reaches another context's memory", other_context },
	{ "no batch reaches what a closed object's pages are used for next", closed_object },
	{ "a batch at work loses an object that is closed", closed_under_batch },
	{ "a batch at work loses memory that the process gives up", unmapped_under_batch },
	{ "one address in two contexts is two objects", same_address },
	{ "200 random batches disturb nobody else", random_batches, 60 },
};

TAP_MAIN(tests)
