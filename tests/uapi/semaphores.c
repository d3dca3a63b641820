// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Semaphores: batches that wait for one another in memory, on one engine and on several, without
 * the kernel's knowledge. I915_SCHEDULER_CAP_SEMAPHORES says that this ends.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <string.h>

/* Polls until the dword at an address has a value; four dwords. */
#define MI_SEMAPHORE_WAIT_EQUAL	(0x1cu << 23 | 1 << 15 | 4 << 12 | 2)
/* Whether the batch may be left. */
#define MI_ARB_OFF		(0x08u << 23)
#define MI_ARB_ON		(0x08u << 23 | 1)

#define PLAYERS		4
#define ROUNDS		16

static void wait_for_value(struct batch *b, uint64_t address, uint32_t value)
{
	batch_dw(b, MI_SEMAPHORE_WAIT_EQUAL);
	batch_dw(b, value);
	batch_addr(b, address);
}

/*
 * Player @self of @n counts the dword up when it is at its turn, ROUNDS times. Each is a context of
 * its own, so that nothing but the memory puts them in order.
 */
static int start_player(int fd, uint32_t handle, unsigned int self, unsigned int n, uint64_t ring)
{
	uint64_t address;
	struct batch b;

	batch_init(&b, fd, ring | I915_EXEC_FENCE_OUT);
	b.ctx = gem_context_create(fd);
	address = batch_obj(&b, handle, EXEC_OBJECT_WRITE | EXEC_OBJECT_ASYNC);
	for (unsigned int i = 0; i < ROUNDS; i++) {
		wait_for_value(&b, address, i * n + self);
		batch_store(&b, handle, 0, i * n + self + 1);
	}
	batch_submit(&b);
	return b.rsvd2 >> 32;
}

static const uint64_t rings[PLAYERS] = {
	I915_EXEC_RENDER, I915_EXEC_BLT, I915_EXEC_BSD, I915_EXEC_VEBOX
};

/* The last to move comes first: whoever is kept waiting by order of submission alone loses. */
static void play(int fd, unsigned int n, const uint64_t *ring)
{
	uint32_t handle = gem_create(fd, PAGE);
	int fence[PLAYERS];

	for (unsigned int i = n; i-- > 0;)
		fence[i] = start_player(fd, handle, i, n, ring[i]);
	for (unsigned int i = 0; i < n; i++) {
		CHECK(fence_signalled(fence[i], 5000));
		CHECK_INT(fence_status(fence[i]), 1);
	}
	CHECK_INT(gem_read32(fd, handle, 0), n * ROUNDS);
}

static void claimed(void)
{
	int fd = gem_open(), value;

	CHECK_RET(try_getparam(fd, I915_PARAM_HAS_SCHEDULER, &value), 0);
	CHECK_HEX(value & I915_SCHEDULER_CAP_SEMAPHORES, I915_SCHEDULER_CAP_SEMAPHORES);
}

static void one_engine(void)
{
	int fd = gem_open();

	for (unsigned int i = 0; i < ARRAY_SIZE(rings); i++) {
		const uint64_t same[PLAYERS] = { rings[i], rings[i], rings[i], rings[i] };

		play(fd, PLAYERS, same);
	}
}

static void many_engines(void)
{
	play(gem_open(), PLAYERS, rings);
}

/*
 * Two pairs, crosswise: on either of two engines the first of one pair stands before the second of
 * the other.
 */
static void crosswise(void)
{
	int fd = gem_open(), fence[4];
	uint32_t handle[2];

	for (int i = 0; i < 2; i++)
		handle[i] = gem_create(fd, PAGE);
	for (int i = 0; i < 2; i++)
		fence[i] = start_player(fd, handle[i], 1, 2, rings[i]);
	for (int i = 0; i < 2; i++)
		fence[2 + i] = start_player(fd, handle[i], 0, 2, rings[!i]);
	for (int i = 0; i < 4; i++) {
		CHECK(fence_signalled(fence[i], 5000));
		CHECK_INT(fence_status(fence[i]), 1);
	}
	for (int i = 0; i < 2; i++)
		CHECK_INT(gem_read32(fd, handle[i], 0), 2 * ROUNDS);
}

static void importance(void)
{
	int fd = gem_open(), first, second;
	uint32_t low = gem_context_create(fd), high = gem_context_create(fd);
	uint32_t handle = gem_create(fd, PAGE);
	uint64_t address;
	struct batch b;

	/* An important batch that waits for an unimportant one's memory, and says so by a fence. */
	CHECK_RET(try_context_set(fd, low, I915_CONTEXT_PARAM_PRIORITY, -100, 0), 0);
	CHECK_RET(try_context_set(fd, high, I915_CONTEXT_PARAM_PRIORITY, 100, 0), 0);
	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	b.ctx = low;
	address = batch_obj(&b, handle, EXEC_OBJECT_WRITE | EXEC_OBJECT_ASYNC);
	wait_for_value(&b, address, 1);
	batch_store(&b, handle, 0, 2);
	batch_submit(&b);
	first = b.rsvd2 >> 32;

	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_SUBMIT | I915_EXEC_FENCE_OUT);
	b.ctx = high;
	b.rsvd2 = first;
	batch_obj(&b, handle, EXEC_OBJECT_WRITE | EXEC_OBJECT_ASYNC);
	batch_store(&b, handle, 0, 1);
	wait_for_value(&b, address, 2);
	batch_submit(&b);
	second = b.rsvd2 >> 32;

	CHECK(fence_signalled(second, 5000));
	CHECK_INT(fence_status(first), 1);
	CHECK_INT(fence_status(second), 1);
	CHECK_INT(gem_read32(fd, handle, 0), 2);
}

/* What a batch of forbidden_until() does, dword by dword of its object. */
enum { GO_ON, BEGUN, GOES_ON };

/*
 * A batch that forbids to be left until the semaphore lets it go on, and then loops for ever, at
 * work and with an offer each time. It begins @loop there.
 */
static int forbidden_until(int fd, uint32_t handle, volatile uint32_t **loop)
{
	uint64_t address, start;
	uint32_t *commands;
	struct batch b;

	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	address = batch_obj(&b, handle, EXEC_OBJECT_WRITE);
	batch_dw(&b, MI_ARB_OFF);
	batch_store(&b, handle, 4 * BEGUN, 1);
	wait_for_value(&b, address + 4 * GO_ON, 1);
	batch_dw(&b, MI_ARB_ON);
	commands = gem_mmap(fd, b.handle, PAGE, I915_MMAP_OFFSET_WB);
	*loop = commands + b.n;
	start = b.address + 4 * b.n;
	batch_dw(&b, MI_ARB_CHECK);
	batch_store(&b, handle, 4 * GOES_ON, 1);
	batch_dw(&b, MI_BATCH_BUFFER_START);
	batch_addr(&b, start);
	batch_submit(&b);
	return b.rsvd2 >> 32;
}

static bool becomes(volatile uint32_t *dword, uint32_t value)
{
	for (int64_t end = now_ns() + 5 * NSEC; now_ns() < end; sleep_ms(1))
		if (*dword == value)
			return true;
	return *dword == value;
}

/* Nothing but their importance makes one batch leave the engine to another. */
static void importance_is_kept(void)
{
	int fd = gem_open(), first, second;
	uint32_t high = gem_context_create(fd), handle = gem_create(fd, PAGE);
	volatile uint32_t *memory = gem_mmap(fd, handle, PAGE, I915_MMAP_OFFSET_WB), *loop;
	bool begun, early, left, goes_on;
	struct batch b;

	CHECK_RET(try_context_set(fd, high, I915_CONTEXT_PARAM_PRIORITY, 100, 0), 0);
	gem_set_engine("rcs0", "timeslice_duration_ms", "0");
	gem_set_engine("rcs0", "preempt_timeout_ms", "0");
	first = forbidden_until(fd, handle, &loop);
	begun = becomes(&memory[BEGUN], 1);

	/* It comes too early, and has its turn as soon as the other may be left. */
	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	b.ctx = high;
	batch_submit(&b);
	second = b.rsvd2 >> 32;
	early = fence_signalled(second, 50);
	memory[GO_ON] = 1;
	left = fence_signalled(second, 5000);
	memory[GOES_ON] = 0;
	goes_on = becomes(&memory[GOES_ON], 1);
	*loop = MI_BATCH_BUFFER_END;
	CHECK(fence_signalled(first, 5000));
	gem_set_engine("rcs0", "timeslice_duration_ms", "1");
	gem_set_engine("rcs0", "preempt_timeout_ms", "640");

	CHECK(begun);
	CHECK(!early);
	CHECK(left);
	CHECK(goes_on);
	CHECK_INT(fence_status(first), 1);
	CHECK_INT(fence_status(second), 1);
}

static const struct subtest tests[] = {
	{ "the scheduler says that batches may wait for each other by semaphores", claimed },
	{ "four batches on one engine take turns by semaphores, on every engine", one_engine },
	{ "four engines do", many_engines },
	{ "two pairs crosswise on two engines do", crosswise },
	{ "an important batch may wait for an unimportant one behind its submit fence",
	  importance },
	{ "an important batch that comes while another forbids to be left has its turn afterwards",
	  importance_is_kept },
};

TAP_MAIN(tests)
