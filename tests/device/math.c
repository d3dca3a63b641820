// SPDX-License-Identifier: GPL-2.0 OR MIT
/* MI_MATH: the streamer's adder. */
#include "testing.h"
#include "machine.h"

#define ALU(op, a, b)	((u32)(op) << 20 | (u32)(a) << 10 | (b))

enum {
	LOAD = 0x080, LOADINV = 0x480, LOAD0 = 0x081, LOAD1 = 0x481, ADD = 0x100, SUB, AND, OR, XOR,
	STORE = 0x180, STOREINV = 0x580
};

enum { SRCA = 0x20, SRCB, ACCU = 0x31, ZF, CF };

static const u64 samples[] = { 0, 1, 0xffffffff, 0x100000000, 0x7fffffffffffffff,
	0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff, 0x123456789abcdef0 };

/* A bit at a time, as one does it on paper; the last carry, or borrow, comes back in @carry. */
static u64 by_hand(unsigned int op, u64 a, u64 b, bool *carry)
{
	unsigned int i, c = 0;
	u64 r = 0;

	for (i = 0; i < 64; i++) {
		unsigned int x = a >> i & 1, y = b >> i & 1, bit;

		switch (op) {
		case ADD:
			bit = x ^ y ^ c;
			c = x + y + c >= 2;
			break;
		case SUB:
			bit = x ^ y ^ c;
			c = x < y + c;
			break;
		case AND:
			bit = x && y;
			break;
		case OR:
			bit = x || y;
			break;
		default:
			bit = x != y;
			break;
		}
		r |= (u64)bit << i;
	}
	*carry = c;
	return r;
}

static void check_operation(struct machine *m, unsigned int op, u64 x, u64 y, bool invert_x,
			    bool invert_y)
{
	bool carry;
	u64 r = by_hand(op, invert_x ? ~x : x, invert_y ? ~y : y, &carry);

	set_gpr(m, 14, x);
	set_gpr(m, 15, y);
	EMIT(m, MATH(9), ALU(invert_x ? LOADINV : LOAD, SRCA, 14),
	     ALU(invert_y ? LOADINV : LOAD, SRCB, 15), ALU(op, 0, 0),
	     ALU(STORE, 0, ACCU), ALU(STOREINV, 1, ACCU), ALU(STORE, 2, ZF),
	     ALU(STOREINV, 3, ZF), ALU(STORE, 4, CF), ALU(STOREINV, 5, CF));
	run_to_end(m);
	assert_int_equal(get_gpr(m, 0), r);
	assert_int_equal(get_gpr(m, 1), ~r);
	assert_int_equal(get_gpr(m, 2), r ? 0 : ~0ull);
	assert_int_equal(get_gpr(m, 3), r ? ~0ull : 0);
	if (op <= SUB) {
		assert_int_equal(get_gpr(m, 4), carry ? ~0ull : 0);
		assert_int_equal(get_gpr(m, 5), carry ? 0 : ~0ull);
	}
	assert_int_equal(get_gpr(m, 14), x);
	assert_int_equal(get_gpr(m, 15), y);
}

static void operations(void **state)
{
	unsigned int op, i, j, inverted;

	for (op = ADD; op <= XOR; op++)
		for (i = 0; i < ARRAY_SIZE(samples); i++)
			for (j = 0; j < ARRAY_SIZE(samples); j++)
				for (inverted = 0; inverted < 4; inverted++)
					check_operation(*state, op, samples[i], samples[j],
							inverted & 1, inverted & 2);
}

static void constants(void **state)
{
	struct machine *m = *state;

	EMIT(m, MATH(4), ALU(LOAD1, SRCA, 0), ALU(LOAD0, SRCB, 0), ALU(OR, 0, 0), ALU(STORE, 3, ACCU));
	EMIT(m, MATH(4), ALU(LOAD1, SRCA, 0), ALU(LOAD0, SRCB, 0), ALU(AND, 0, 0), ALU(STORE, 4, ACCU));
	EMIT(m, MATH(4), ALU(LOAD0, SRCA, 0), ALU(LOAD1, SRCB, 0), ALU(SUB, 0, 0), ALU(STORE, 5, ACCU));
	run_to_end(m);
	assert_int_equal(get_gpr(m, 3), ~0ull);
	assert_int_equal(get_gpr(m, 4), 0);
	assert_int_equal(get_gpr(m, 5), 1);
}

/* Every register is a source and a destination. */
static void all_registers(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < SG_NUM_GPR; i++) {
		unsigned int to = (i + 5) % SG_NUM_GPR;

		set_gpr(m, i, 0x100000001ull * (i + 1));
		EMIT(m, MATH(5), 0, ALU(LOAD, SRCA, i), ALU(LOAD0, SRCB, 0), ALU(ADD, 0, 0),
		     ALU(STORE, to, ACCU));
		run_to_end(m);
		assert_int_equal(get_gpr(m, to), 0x100000001ull * (i + 1));
	}
}

/* A sum of as many as one command has room for. */
static void longest(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	set_gpr(m, 0, 0);
	set_gpr(m, 1, 3);
	EMIT(m, MATH(256));
	for (i = 0; i < 64; i++)
		EMIT(m, ALU(LOAD, SRCA, 0), ALU(LOAD, SRCB, 1), ALU(ADD, 0, 0), ALU(STORE, 0, ACCU));
	run_to_end(m);
	assert_int_equal(get_gpr(m, 0), 3 * 64);
}

static void refused(void **state)
{
	static const u32 bad[] = { ALU(0x001, 0, 0), ALU(0x105, 0, 0), ALU(0xfff, 0, 0),
		ALU(LOAD, SRCA, 0x10), ALU(LOAD, SRCA, 0x3ff), ALU(LOAD, 3, 0), ALU(LOAD, 0x22, 0),
		ALU(LOAD0, ACCU, 0), ALU(STORE, 0x10, ACCU), ALU(STORE, SRCA, ACCU),
		ALU(STORE, 0x3ff, ACCU), ALU(STORE, 0, 0x34), ALU(STORE, 0, 1) };
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EMIT(m, MATH(2), ALU(LOAD0, SRCA, 0), bad[i], BATCH_END);
		assert_refused(m, BATCH);
	}
}

#define ON(name, machine) \
	{ #name " (" #machine ")", name, machine##_machine, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(operations, render),
		ON(constants, copy),
		ON(all_registers, render),
		ON(all_registers, video),
		ON(longest, render),
		ON(refused, render),
	};

	return cmocka_run_group_tests_name("math", tests, NULL, NULL);
}
