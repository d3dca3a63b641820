// SPDX-License-Identifier: GPL-2.0 OR MIT
/* What makes a batch wait, end or leave commands out, as memory and registers say. */
#include "testing.h"
#include "machine.h"

/* IGT's batches loop with this until a time is over: MI_PREDICATE_RESULT_1 says whether. */
static void predicated_jump(void **state)
{
	struct machine *m = *state;
	u64 next = DATA + PAGE_BYTES;
	u32 result;

	put32(m, next, BATCH_END);
	for (result = 0; result < 2; result++) {
		put32(m, DATA, 0);
		EMIT(m, LRI, m->base + 0x418, !result);
		EMIT(m, LRI, m->base + 0x41c, result);
		EMIT(m, LRI, m->base + 0x3bc, !result);
		EMIT(m, START | 1u << 15, LOW(next), HIGH(next));
		mark(m, 0);
		run_to_end(m);
		assert_int_equal(marked(m, 0), !result);
	}
}

static const u32 samples[] = { 0, 1, 2, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff };

/* What a comparison field says, of memory on the left and the command on the right. */
static bool holds(unsigned int op, u32 memory, u32 command)
{
	const bool table[][3] = {	/* less, equal, greater */
		[GREATER] = { 0, 0, 1 }, [GREATER_EQUAL] = { 0, 1, 1 }, [LESS] = { 1, 0, 0 },
		[LESS_EQUAL] = { 1, 1, 0 }, [EQUAL] = { 0, 1, 0 }, [NOT_EQUAL] = { 1, 0, 1 },
	};

	return table[op][(memory >= command) + (memory > command)];
}

static void semaphores(void **state)
{
	struct machine *m = *state;
	unsigned int op, i, j;

	for (op = GREATER; op <= NOT_EQUAL; op++)
		for (i = 0; i < ARRAY_SIZE(samples); i++)
			for (j = 0; j < ARRAY_SIZE(samples); j++) {
				put32(m, DATA, samples[i]);
				EMIT(m, WAIT | RELATION(op), samples[j], LOW(DATA), HIGH(DATA),
				     BATCH_END);
				assert_int_equal(run(m), holds(op, samples[i], samples[j]) ?
						 SG_CS_DONE : SG_CS_SPIN);
			}
}

/* MI_SEMAPHORE_WAIT in signal mode: the value counts, and so does nobody's signal. */
static void semaphore_signal_mode(void **state)
{
	struct machine *m = *state;

	put32(m, DATA, 1);
	EMIT(m, MI(0x1c, 4) | RELATION(EQUAL), 2, LOW(DATA), HIGH(DATA), BATCH_END);
	assert_int_equal(run(m), SG_CS_SPIN);
	put32(m, DATA, 2);
	assert_int_equal(go_on(m), SG_CS_DONE);
}

/* What is polled may be a register, for privileged batches; others do not wait for it. */
static void semaphore_of_a_register(void **state)
{
	struct machine *m = *state;

	EMIT(m, WAIT | 1u << 16 | RELATION(EQUAL), 0x12345678, m->base + GPR(0), 0);
	run_to_end(m);
}

/* Batches are not privileged: the bit that says "global GTT" is ignored. */
static void semaphore_by_the_global_gtt(void **state)
{
	struct machine *m = *state;

	put32(m, DATA, 1);
	EMIT(m, WAIT | GLOBAL | RELATION(EQUAL), 0, LOW(DATA), HIGH(DATA), BATCH_END);
	assert_int_equal(run(m), SG_CS_SPIN);
	put32(m, DATA, 0);
	assert_int_equal(go_on(m), SG_CS_DONE);
}

static void semaphore_lengths(void **state)
{
	struct machine *m = *state;

	EMIT(m, MI(0x1c, 3), 0, LOW(DATA), HIGH(DATA), BATCH_END);
	assert_refused(m, BATCH);
	EMIT(m, MI(0x31, 2), LOW(BATCH), HIGH(BATCH), BATCH_END);
	assert_refused(m, BATCH);
	EMIT(m, MI(0x36, 2) | 1u << 21, 0, LOW(DATA), HIGH(DATA), BATCH_END);
	assert_refused(m, BATCH);
}

/* It goes on while memory is greater. */
static void conditional_end(void **state)
{
	struct machine *m = *state;
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(samples); i++)
		for (j = 0; j < ARRAY_SIZE(samples); j++) {
			put64(m, DATA, 0);
			put32(m, DATA + 8, samples[i]);
			EMIT(m, COND_END, samples[j], LOW(DATA + 8), HIGH(DATA));
			mark(m, 0);
			run_to_end(m);
			assert_int_equal(marked(m, 0), samples[i] > samples[j]);
		}
}

static void conditional_end_masked(void **state)
{
	struct machine *m = *state;

	put64(m, DATA, 0);
	put64(m, DATA + 8, 0xf7ull << 32 | 0x0f);
	EMIT(m, COND_END | 1u << 19, 6, LOW(DATA + 8), HIGH(DATA));
	mark(m, 0);
	EMIT(m, COND_END | 1u << 19, 7, LOW(DATA + 8), HIGH(DATA));
	mark(m, 1);
	run_to_end(m);
	assert_true(marked(m, 0));
	assert_false(marked(m, 1));
}

static void conditional_end_without_condition(void **state)
{
	struct machine *m = *state;

	put32(m, DATA, 0);
	EMIT(m, COND_END & ~(1u << 21), 7, LOW(DATA), HIGH(DATA));
	mark(m, 0);
	run_to_end(m);
	assert_true(marked(m, 0));
}

/* On the second level it ends the first too. */
static void conditional_end_of_all_levels(void **state)
{
	struct machine *m = *state;
	u64 next = DATA + PAGE_BYTES;
	const u32 called[] = { COND_END, 1, LOW(DATA), HIGH(DATA), BATCH_END };

	put64(m, DATA, 1);
	memory_poke(m->mem, next, called, sizeof(called));
	EMIT(m, CALL, LOW(next), HIGH(next));
	mark(m, 1);
	run_to_end(m);
	assert_false(marked(m, 1));
	assert_int_equal(sg_cs_acthd(m->cs), next);

	put64(m, DATA, 2);
	EMIT(m, CALL, LOW(next), HIGH(next));
	mark(m, 1);
	run_to_end(m);
	assert_true(marked(m, 1));
}

static u32 predicate_result(struct machine *m)
{
	return sg_reg_read(&m->cs->regs, m->base + 0x418);
}

/* All ways to load, combine and compare; with each state before, sources equal or not. */
static void predicates(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < 256; i++) {
		const unsigned int load_op = i >> 6, combine = i >> 4 & 3, compare = i >> 2 & 3;
		const unsigned int before = i >> 1 & 1, equal = i & 1;
		/* true, false, sources equal, difference equal to MI_PREDICATE_DATA */
		const unsigned int compared[] = { 1, 0, equal, !equal }, c = compared[compare];
		const unsigned int combined[] = { c, c & before, c | before, c ^ before };
		const unsigned int r = combined[combine];

		if (load_op == 1)
			continue;	/* reserved */
		EMIT(m, MI(0x22, 15), m->base + 0x400, 7 + !equal, m->base + 0x404, 0x11,
		     m->base + 0x408, 7, m->base + 0x40c, 0x11,
		     m->base + 0x410, 1, m->base + 0x414, 0, m->base + 0x418, before);
		EMIT(m, PREDICATE | load_op << 6 | combine << 3 | compare);
		run_to_end(m);
		assert_int_equal(predicate_result(m), load_op == 0 ? before : load_op == 2 ? r : !r);
	}
}

/* MI_SET_PREDICATE: what follows is left out, as it and the two results say. */
static void set_predicate(void **state)
{
	struct machine *m = *state;
	u32 results;

	for (results = 0; results < 4; results++) {
		const u32 result = results & 1, result2 = results >> 1;
		const bool left_out[16] = { [1] = !result2, [2] = result2, [3] = !result,
			[4] = result, [5] = false, [6] = true, [7] = true, [15] = true };
		static const u32 defined[] = { 0, 1, 2, 3, 4, 5, 6, 7, 15 };
		unsigned int i;

		for (i = 0; i < ARRAY_SIZE(defined); i++) {
			put64(m, DATA, 0);
			EMIT(m, LRI, m->base + 0x418, result, LRI, m->base + 0x3bc, result2);
			EMIT(m, SET_PREDICATE | defined[i]);
			mark(m, 0);
			EMIT(m, SET_PREDICATE);
			mark(m, 1);
			run_to_end(m);
			assert_int_equal(marked(m, 0), !left_out[defined[i]]);
			assert_true(marked(m, 1));
		}
	}
}

static void set_predicate_ends_with_the_batch(void **state)
{
	struct machine *m = *state;

	put32(m, DATA, 0);
	EMIT(m, SET_PREDICATE | 15);
	mark(m, 0);
	run_to_end(m);
	assert_false(marked(m, 0));
	mark(m, 0);
	run_to_end(m);
	assert_true(marked(m, 0));
}

#define ON(name, machine) \
	{ #name " (" #machine ")", name, machine##_machine, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(predicated_jump, render),
		ON(predicated_jump, copy),
		ON(semaphores, render),
		ON(semaphore_signal_mode, video),
		ON(semaphore_of_a_register, render),
		ON(semaphore_by_the_global_gtt, render),
		ON(semaphore_by_the_global_gtt, copy),
		ON(semaphore_lengths, copy),
		ON(conditional_end, render),
		ON(conditional_end_masked, render),
		ON(conditional_end_without_condition, render),
		ON(conditional_end_of_all_levels, render),
		ON(predicates, render),
		ON(set_predicate, render),
		ON(set_predicate_ends_with_the_batch, render),
	};

	return cmocka_run_group_tests_name("conditions", tests, NULL, NULL);
}
