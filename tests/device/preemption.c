// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Stopping and going on: whatever the point, the result is that of one run; waiting is told apart. */
#include "testing.h"
#include "machine.h"

#include <stdlib.h>

#define ALU(op, a, b)	((u32)(op) << 20 | (u32)(a) << 10 | (b))
#define PICTURES	0x10000000ull
#define PICTURE_PAGES	96

/* Some of everything that has an effect: a second level, registers, atomics, sums. */
static void emit_commands(struct machine *m)
{
	u64 next = DATA + 2 * PAGE_BYTES;
	const u32 called[] = { STORE_DWORD, LOW(DATA + 64), HIGH(DATA), 0x5ec0,
			       MI(0x2f, 3) | 5u << 8, LOW(DATA + 8), HIGH(DATA), BATCH_END };

	memory_poke(m->mem, next, called, sizeof(called));
	EMIT(m, LRI, m->base + GPR(0), 3, LRI, m->base + GPR(1), 0x10000);
	EMIT(m, STORE_QWORD, LOW(DATA), HIGH(DATA), 1, 2, NOOP, NOOP, NOOP);
	EMIT(m, CALL, LOW(next), HIGH(next));
	EMIT(m, MATH(4), ALU(0x80, 0x20, 0), ALU(0x80, 0x21, 1), ALU(0x100, 0, 0),
	     ALU(0x180, 0, 0x31));
	EMIT(m, SRM, m->base + GPR(0), LOW(DATA + 16), HIGH(DATA));
	EMIT(m, CALL, LOW(next), HIGH(next));
	EMIT(m, COPY_MEM, LOW(DATA + 20), HIGH(DATA), LOW(DATA + 8), HIGH(DATA));
	EMIT(m, WAIT | RELATION(EQUAL), 0x5ec0, LOW(DATA + 64), HIGH(DATA));
	EMIT(m, FLUSH_DW | 1u << 14, LOW(DATA + 24), HIGH(DATA), 7, 8);
	EMIT(m, MI(0x2f, 3) | 5u << 8, LOW(DATA + 8), HIGH(DATA));
	EMIT(m, BATCH_END);
}

static void emit_blit(struct machine *m, u32 op, u32 rop, unsigned int x1, unsigned int y1,
		      unsigned int x2, unsigned int y2, unsigned int sx, unsigned int sy)
{
	EMIT(m, 2u << 29 | op << 22 | 3u << 20 | 8, 3u << 24 | rop << 16 | 1024,
	     y1 << 16 | x1, y2 << 16 | x2, LOW(PICTURES), HIGH(PICTURES),
	     sy << 16 | sx, 1024, LOW(PICTURES), HIGH(PICTURES));
}

/* Blits of several pieces, each of which overlaps itself in another way, and a slow one. */
static void emit_blits(struct machine *m)
{
	memory_map(m->mem, PICTURES, PICTURE_PAGES, 0);
	emit_blit(m, 0x53, 0xcc, 0, 0, 256, 300, 0, 4);
	emit_blit(m, 0x53, 0xcc, 0, 9, 256, 300, 0, 0);
	emit_blit(m, 0x53, 0xcc, 5, 7, 250, 307, 0, 7);
	emit_blit(m, 0x53, 0x66, 0, 0, 200, 300, 3, 1);
	EMIT(m, BATCH_END);
}

/* The memory that the batch leaves behind when it is not disturbed. */
static struct sg_mem *undisturbed(enum sg_engine_class class, void (*emit)(struct machine *))
{
	struct machine *m = machine_new(class);
	struct sg_mem *result;

	emit(m);
	assert_int_equal(run(m), SG_CS_DONE);
	result = memory_clone(m->mem);
	machine_free(m);
	return result;
}

/* Come back after every @budget commands or pieces. Returns how often it did. */
static unsigned int run_in_parts(struct machine *m, unsigned int budget, unsigned int limit)
{
	unsigned int parts = 0;
	enum sg_cs_event event;

	do {
		event = sg_cs_run(m->cs, m->mem, budget, &m->stop);
		assert_true(++parts < limit);
	} while (event == SG_CS_PREEMPTED);
	assert_int_equal(event, SG_CS_DONE);
	return parts;
}

static void check_budgets(enum sg_engine_class class, void (*emit)(struct machine *),
			  unsigned int least)
{
	struct sg_mem *expected = undisturbed(class, emit);
	unsigned int budget;

	for (budget = 1; budget <= 7; budget++) {
		struct machine *m = machine_new(class);
		unsigned int parts;

		emit(m);
		load(m);
		parts = run_in_parts(m, budget, 2000);
		assert_true(parts * budget >= least);
		memory_assert_same(m->mem, expected);
		machine_free(m);
	}
	memory_free(expected);
}

static void budgets_in_commands(void **state)
{
	(void)state;
	check_budgets(SG_RENDER, emit_commands, 15);
}

/* 300 rows of 1 KiB are 5 pieces at least. */
static void budgets_in_blits(void **state)
{
	(void)state;
	check_budgets(SG_COPY, emit_blits, 4 * 5);
}

struct stop_at {
	struct machine *m;
	unsigned int left;
};

static void stop_later(void *arg)
{
	struct stop_at *at = arg;

	if (at->left && !--at->left)
		at->m->stop = true;
}

/*
 * Be asked to stop while memory is in use for the n-th time, for each n. In the meantime another
 * context runs, and this one is moved in memory: nothing may hang on where it is.
 */
static void check_stops(enum sg_engine_class class, void (*emit)(struct machine *),
			unsigned int step)
{
	struct sg_mem *expected = undisturbed(class, emit);
	unsigned int n = 1;
	bool stopped = true;

	while (stopped) {
		struct machine *m = machine_new(class), *other = machine_new(class);
		struct stop_at at = { m, n };
		enum sg_cs_event event;

		emit(m);
		load(m);
		memory_on_enter(m->mem, stop_later, &at);
		event = go_on(m);
		stopped = m->stop;
		if (event == SG_CS_PREEMPTED) {
			struct sg_cs *moved = malloc(sizeof(*moved));

			assert_non_null(moved);
			memcpy(moved, m->cs, sizeof(*moved));
			memset(m->cs, 0xee, sizeof(*m->cs));
			free(m->cs);
			m->cs = moved;
			emit(other);
			assert_int_equal(run(other), SG_CS_DONE);
			m->stop = false;
			event = go_on(m);
		}
		assert_int_equal(event, SG_CS_DONE);
		memory_assert_same(m->mem, expected);
		machine_free(m);
		machine_free(other);
		n += step;
	}
	assert_true(n > 20);
	memory_free(expected);
}

static void stops_in_commands(void **state)
{
	(void)state;
	check_stops(SG_RENDER, emit_commands, 1);
}

static void stops_in_blits(void **state)
{
	(void)state;
	check_stops(SG_COPY, emit_blits, 1);
}

static void stops_at_once(void **state)
{
	struct machine *m = *state;

	EMIT(m, USER_INTERRUPT, BATCH_END);
	load(m);
	m->stop = true;
	assert_int_equal(sg_cs_run(m->cs, m->mem, 100, &m->stop), SG_CS_PREEMPTED);
	assert_int_equal(sg_cs_acthd(m->cs), BATCH);
}

/* With arbitration off nothing stops it but its end, an error, waiting, and the budget. */
static void arbitration_off(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	EMIT(m, ARB_OFF);
	for (i = 0; i < 20; i++)
		EMIT(m, STORE_DWORD, LOW(DATA + 4 * i), HIGH(DATA), i);
	EMIT(m, ARB_ON, USER_INTERRUPT, STORE_DWORD, LOW(DATA), HIGH(DATA), 99, BATCH_END);
	load(m);
	assert_int_equal(sg_cs_run(m->cs, m->mem, 1, &m->stop), SG_CS_PREEMPTED);
	assert_false(sg_cs_arbitration(m->cs));
	m->stop = true;
	assert_int_equal(sg_cs_run(m->cs, m->mem, 3, &m->stop), SG_CS_PREEMPTED);
	assert_int_equal(sg_cs_acthd(m->cs), BATCH + 4 + 3 * 16);
	assert_int_equal(sg_cs_run(m->cs, m->mem, 1000, &m->stop), SG_CS_PREEMPTED);
	assert_true(sg_cs_arbitration(m->cs));
	for (i = 0; i < 20; i++)
		assert_int_equal(get32(m, DATA + 4 * i), i);
	m->stop = false;
	assert_int_equal(go_on(m), SG_CS_DONE);
	assert_int_equal(get32(m, DATA), 99);
}

static void arbitration_off_ends_with_the_batch(void **state)
{
	struct machine *m = *state;

	EMIT(m, ARB_OFF);
	run_to_end(m);
	EMIT(m, USER_INTERRUPT, BATCH_END);
	load(m);
	assert_true(sg_cs_arbitration(m->cs));
}

static void blit_with_arbitration_off(void **state)
{
	struct machine *m = *state;

	EMIT(m, ARB_OFF);
	emit_blits(m);
	load(m);
	assert_int_equal(sg_cs_run(m->cs, m->mem, 3, &m->stop), SG_CS_PREEMPTED);
	m->stop = true;
	assert_int_equal(sg_cs_run(m->cs, m->mem, 10000, &m->stop), SG_CS_DONE);
}

/* A semaphore waits, again and again, where it stands, until memory says otherwise. */
static void semaphore_spins(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	put64(m, DATA, 0);
	EMIT(m, STORE_DWORD, LOW(DATA + 4), HIGH(DATA), 1);
	EMIT(m, WAIT | RELATION(NOT_EQUAL), 0, LOW(DATA), HIGH(DATA));
	EMIT(m, STORE_DWORD, LOW(DATA + 4), HIGH(DATA), 2, BATCH_END);
	load(m);
	for (i = 0; i < 5; i++) {
		assert_int_equal(go_on(m), SG_CS_SPIN);
		assert_int_equal(sg_cs_acthd(m->cs), BATCH + 16);
		assert_int_equal(get32(m, DATA + 4), 1);
	}
	m->stop = true;
	assert_int_equal(sg_cs_run(m->cs, m->mem, 100, &m->stop), SG_CS_PREEMPTED);
	m->stop = false;
	put32(m, DATA, 1);
	assert_int_equal(go_on(m), SG_CS_DONE);
	assert_int_equal(get32(m, DATA + 4), 2);
}

static void semaphore_of_nothing_spins(void **state)
{
	struct machine *m = *state;

	EMIT(m, ARB_OFF, WAIT | RELATION(EQUAL), 1, LOW(NOWHERE), HIGH(NOWHERE), BATCH_END);
	assert_int_equal(run(m), SG_CS_SPIN);
	assert_int_equal(go_on(m), SG_CS_SPIN);
}

/* IGT's dummy load: a batch that jumps to its beginning until the CPU puts an end into it. */
static void check_self_loop(struct machine *m, unsigned int padding)
{
	u64 commands;
	unsigned int i;

	for (i = 0; i < padding; i++)
		EMIT(m, NOOP);
	EMIT(m, ARB_CHECK, START, LOW(BATCH), HIGH(BATCH));
	load(m);
	for (i = 0; i < 5; i++) {
		commands = m->cs->commands;
		assert_int_equal(go_on(m), SG_CS_SPIN);
		assert_true(m->cs->commands - commands < 100 * (padding + 2));
	}
	put32(m, BATCH, BATCH_END);
	assert_int_equal(go_on(m), SG_CS_DONE);
}

static void self_loop(void **state)
{
	check_self_loop(*state, 0);
	check_self_loop(*state, 1);
	check_self_loop(*state, 64);
	check_self_loop(*state, 1000);
}

/* The same by way of a conditional end, and with the two jumping to each other. */
static void waiting_loops(void **state)
{
	struct machine *m = *state;
	u64 next = DATA + PAGE_BYTES;
	const u32 back[] = { START, LOW(BATCH), HIGH(BATCH) };

	put64(m, DATA, 5);
	EMIT(m, COND_END, 0, LOW(DATA), HIGH(DATA), START, LOW(BATCH), HIGH(BATCH));
	assert_int_equal(run(m), SG_CS_SPIN);
	put64(m, DATA, 0);
	assert_int_equal(go_on(m), SG_CS_DONE);

	memory_poke(m->mem, next, back, sizeof(back));
	EMIT(m, START, LOW(next), HIGH(next));
	assert_int_equal(run(m), SG_CS_SPIN);
	put32(m, next, BATCH_END);
	assert_int_equal(go_on(m), SG_CS_DONE);
}

/* A loop that counts is at work: it comes to its end without being taken for one that waits. */
static void counting_loop(void **state)
{
	struct machine *m = *state;
	const u64 rounds = 2000;
	u64 top;

	set_gpr(m, 0, rounds);
	set_gpr(m, 1, 1);
	put64(m, DATA, 0);
	top = HERE(m);
	EMIT(m, MATH(5), ALU(0x80, 0x20, 0), ALU(0x80, 0x21, 1), ALU(0x101, 0, 0),
	     ALU(0x180, 0, 0x31), ALU(0x580, 2, 0x32));
	EMIT(m, LRR, m->base + GPR(2), m->base + 0x41c);
	EMIT(m, START | 1u << 15, LOW(top), HIGH(top));
	EMIT(m, STORE_DWORD, LOW(DATA), HIGH(DATA), 1);
	run_to_end(m);
	assert_int_equal(get_gpr(m, 0), 0);
	assert_int_equal(get32(m, DATA), 1);
	assert_true(m->cs->commands >= 3 * rounds);
}

/* Endless work comes back when the budget says so, and is not waiting. */
static void endless_work(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	put32(m, DATA, 0);
	EMIT(m, MI(0x2f, 3) | 5u << 8, LOW(DATA), HIGH(DATA), START, LOW(BATCH), HIGH(BATCH));
	load(m);
	for (i = 0; i < 10; i++)
		assert_int_equal(sg_cs_run(m->cs, m->mem, 100, &m->stop), SG_CS_PREEMPTED);
	assert_int_equal(get32(m, DATA), 500);
}

static void endless_blits(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	memory_map(m->mem, PICTURES, PICTURE_PAGES, 0);
	emit_blit(m, 0x53, 0x66, 0, 0, 9, 1, 9, 9);
	EMIT(m, START, LOW(BATCH), HIGH(BATCH));
	load(m);
	for (i = 0; i < 10; i++)
		assert_int_equal(sg_cs_run(m->cs, m->mem, 100, &m->stop), SG_CS_PREEMPTED);
}

/* A loop that waits may be left if it offers that, one that does nothing else may not. */
static void loops_that_hold(void **state)
{
	static const u32 offers[] = { ARB_CHECK, WAIT_FOR_EVENT };
	struct machine *m = *state;
	unsigned int i;

	EMIT(m, NOOP, START, LOW(BATCH), HIGH(BATCH));
	load(m);
	assert_false(sg_cs_holds(m->cs));
	assert_int_equal(go_on(m), SG_CS_SPIN);
	assert_true(sg_cs_holds(m->cs));
	assert_false(sg_cs_arbitration(m->cs));

	for (i = 0; i < ARRAY_SIZE(offers); i++) {
		EMIT(m, offers[i], NOOP, START, LOW(BATCH), HIGH(BATCH));
		load(m);
		assert_int_equal(go_on(m), SG_CS_SPIN);
		assert_false(sg_cs_holds(m->cs));
		assert_true(sg_cs_arbitration(m->cs));
	}
}

/* One that works can be stopped anywhere, but it has not offered that. */
static void work_that_holds(void **state)
{
	struct machine *m = *state;

	EMIT(m, STORE_DWORD, LOW(DATA), HIGH(DATA), 1, START, LOW(BATCH), HIGH(BATCH));
	load(m);
	assert_int_equal(sg_cs_run(m->cs, m->mem, 100, &m->stop), SG_CS_PREEMPTED);
	assert_true(sg_cs_holds(m->cs));
	assert_true(sg_cs_arbitration(m->cs));
}

#define ON(name, machine) \
	{ #name " (" #machine ")", name, machine##_machine, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(budgets_in_commands),
		cmocka_unit_test(budgets_in_blits),
		cmocka_unit_test(stops_in_commands),
		cmocka_unit_test(stops_in_blits),
		ON(stops_at_once, render),
		ON(arbitration_off, render),
		ON(arbitration_off_ends_with_the_batch, copy),
		ON(blit_with_arbitration_off, copy),
		ON(semaphore_spins, render),
		ON(semaphore_of_nothing_spins, copy),
		ON(self_loop, render),
		ON(self_loop, copy),
		ON(self_loop, video),
		ON(waiting_loops, render),
		ON(counting_loop, render),
		ON(counting_loop, video),
		ON(endless_work, render),
		ON(endless_blits, copy),
		ON(loops_that_hold, render),
		ON(loops_that_hold, copy),
		ON(work_that_holds, video),
	};

	return cmocka_run_group_tests_name("preemption", tests, NULL, NULL);
}
