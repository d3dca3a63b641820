// SPDX-License-Identifier: GPL-2.0 OR MIT
/* MI_ATOMIC: every operation, in both sizes, with operands from the command and from registers. */
#include "testing.h"
#include "machine.h"

enum operation { AND = 1, OR, XOR, MOVE, INC, DEC, ADD, SUB, RSUB, IMAX, IMIN, UMAX, UMIN, CMPWR,
		 PREDEC, OPERATIONS };

#define OPERATION(op, bits)	((u32)(op) << 8 | ((bits) == 64 ? 0x20u << 8 | 1u << 19 : 0))
#define INLINE			(1u << 18)
#define RETURN			(1u << 16)

/* Numbers that differ in both halves, in sign and in the borders of both sizes. */
static const u64 samples[] = {
	0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x123456789abcdef0,
	0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffffffe, 0xffffffffffffffff,
};

/* The table of the PRM, bit by bit or by the sign, with 128 bits so that nothing wraps. */
static u64 expected(enum operation op, unsigned int bits, u64 old, u64 a, u64 b)
{
	const __int128 modulus = (__int128)1 << bits;
	__int128 x, sx, sy, y, r = 0;
	unsigned int i;

	x = old % modulus;
	y = a % modulus;
	sx = x >= modulus / 2 ? x - modulus : x;
	sy = y >= modulus / 2 ? y - modulus : y;
	switch (op) {
	case AND:
	case OR:
	case XOR:
		for (i = 0; i < bits; i++) {
			int sum = (int)(x >> i & 1) + (int)(y >> i & 1);

			if (op == AND ? sum == 2 : op == OR ? sum >= 1 : sum == 1)
				r += (__int128)1 << i;
		}
		break;
	case MOVE:
		r = y;
		break;
	case INC:
		r = x + 1;
		break;
	case DEC:
	case PREDEC:
		r = x - 1;
		break;
	case ADD:
		r = x + y;
		break;
	case SUB:
		r = x - y;
		break;
	case RSUB:
		r = y - x;
		break;
	case IMAX:
		r = sx > sy ? sx : sy;
		break;
	case IMIN:
		r = sx < sy ? sx : sy;
		break;
	case UMAX:
		r = x > y ? x : y;
		break;
	case UMIN:
		r = x < y ? x : y;
		break;
	case CMPWR:
		r = x == y ? (__int128)b : x;
		break;
	default:
		fail();
	}
	return (u64)((r + 2 * modulus) % modulus);
}

/* Execute one and look at memory, at the dword behind, and at what was returned. */
static void check(struct machine *m, enum operation op, unsigned int bits, u64 old, u64 a, u64 b)
{
	u64 mask = bits == 64 ? ~0ull : 0xffffffff;
	u64 want = expected(op, bits, old, a, b), returned = op == PREDEC ? want : old & mask;

	run_to_end(m);
	if (memory_get(m->mem, DATA, 8) != (want | (old & ~mask)))
		fail_msg("operation %d, %u bits, of %llx and %llx gives %llx, not %llx", op, bits,
			 (unsigned long long)old, (unsigned long long)a,
			 (unsigned long long)get64(m, DATA), (unsigned long long)want);
	assert_int_equal(get_gpr(m, 4), returned | (0x5555555555555555ull & ~mask));
}

/* @dwords: how long commands are that carry their operands; otherwise 0. */
static void check_operation(struct machine *m, enum operation op, unsigned int bits,
			    unsigned int dwords)
{
	unsigned int i, n = dwords ? dwords : 3;

	for (i = 0; i < ARRAY_SIZE(samples) * ARRAY_SIZE(samples); i++) {
		u64 old = samples[i / ARRAY_SIZE(samples)], a = samples[i % ARRAY_SIZE(samples)];
		u64 b = 0x0123456789abcdefull * (i + 1);
		const u32 words[11] = { MI(0x2f, n) | OPERATION(op, bits) | RETURN |
					(dwords ? INLINE : 0), LOW(DATA), HIGH(DATA),
					LOW(a), LOW(b), HIGH(a), HIGH(b) };

		put64(m, DATA, old);
		set_gpr(m, 0, dwords ? 0 : a);
		set_gpr(m, 2, dwords ? 0 : b);
		set_gpr(m, 4, 0x5555555555555555ull);
		emit_words(m, words, n);
		check(m, op, bits, old, a, b);
	}
}

static void all(struct machine *m, unsigned int dwords32, unsigned int dwords64)
{
	enum operation op;

	for (op = AND; op < OPERATIONS; op++) {
		check_operation(m, op, 32, dwords32);
		check_operation(m, op, 64, dwords64);
	}
}

static void operands_in_the_command(void **state)
{
	all(*state, 11, 11);
}

/* Only as many operands as the size needs. */
static void operands_in_a_short_command(void **state)
{
	all(*state, 5, 7);
}

/* The first in GPR 0, the second in GPR 2; the answer goes to GPR 4. */
static void operands_in_registers(void **state)
{
	all(*state, 0, 0);
}

static void nothing_is_returned_unasked(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < SG_NUM_GPR; i++)
		set_gpr(m, i, i + 100);
	put64(m, DATA, 5);
	EMIT(m, MI(0x2f, 3) | OPERATION(INC, 32), LOW(DATA), HIGH(DATA));
	run_to_end(m);
	for (i = 0; i < SG_NUM_GPR; i++)
		assert_int_equal(get_gpr(m, i), i + 100);
	assert_int_equal(get64(m, DATA), 6);
}

static void refused(void **state)
{
	struct machine *m = *state;
	const u32 headers[] = {
		MI(0x2f, 3),					/* no operation */
		MI(0x2f, 3) | 0x10 << 8, MI(0x2f, 3) | 0x7f << 8,
		MI(0x2f, 3) | OPERATION(ADD, 32) | 1u << 19,	/* sizes that contradict */
		MI(0x2f, 3) | 0x27 << 8,
		MI(0x2f, 3) | OPERATION(ADD, 32) | 3u << 19,
		MI(0x2f, 3) | OPERATION(ADD, 32) | INLINE,	/* where are they? */
		MI(0x2f, 5) | OPERATION(ADD, 64) | INLINE,
		MI(0x2f, 2) | OPERATION(ADD, 32),
		MI(0x2f, 4) | OPERATION(ADD, 32),
	};
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(headers); i++) {
		put64(m, DATA, 5);
		EMIT(m, headers[i], LOW(DATA), HIGH(DATA), 0, 0, 0, 0, 0, 0, 0, 0, BATCH_END);
		assert_refused(m, BATCH);
		assert_int_equal(get64(m, DATA), 5);
	}
}

static void of_unmapped_memory(void **state)
{
	struct machine *m = *state;

	set_gpr(m, 0, 7);
	set_gpr(m, 4, 9);
	EMIT(m, MI(0x2f, 3) | OPERATION(ADD, 64) | RETURN, LOW(NOWHERE), HIGH(NOWHERE));
	run_to_end(m);
	assert_int_equal(get_gpr(m, 4), 0);
	assert_true(memory_faults(m->mem) > 0);
}

static void of_read_only_memory(void **state)
{
	struct machine *m = *state;

	put64(m, LOCKED, 21);
	EMIT(m, MI(0x2f, 3) | OPERATION(INC, 64) | RETURN, LOW(LOCKED), HIGH(LOCKED));
	run_to_end(m);
	assert_int_equal(get64(m, LOCKED), 21);
	assert_int_equal(get_gpr(m, 4), 21);
}

/* Batches are not privileged: the bit that says "global GTT" is ignored. */
static void by_the_global_gtt(void **state)
{
	struct machine *m = *state;

	put64(m, DATA, 41);
	EMIT(m, MI(0x2f, 3) | GLOBAL | OPERATION(INC, 64) | RETURN, LOW(DATA), HIGH(DATA));
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 42);
	assert_int_equal(get_gpr(m, 4), 41);
}

#define ON(name, machine) \
	{ #name " (" #machine ")", name, machine##_machine, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(operands_in_the_command, render),
		ON(operands_in_a_short_command, copy),
		ON(operands_in_registers, render),
		ON(operands_in_registers, video),
		ON(nothing_is_returned_unasked, render),
		ON(refused, render),
		ON(of_unmapped_memory, render),
		ON(of_read_only_memory, copy),
		ON(by_the_global_gtt, render),
	};

	return cmocka_run_group_tests_name("atomics", tests, NULL, NULL);
}
