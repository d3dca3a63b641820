// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Batches that make no sense, by the thousand: the device comes back each time, having touched
 * nothing that was not translated for it. Memory and the sanitizers look on; nothing else is asked.
 */
#include "testing.h"
#include "picture.h"

#include <time.h>

#define DEST		0x10000000ull
#define SOURCE		0x20000000ull
#define BUDGET		50
#define SECONDS		1.5

/* Memory accesses that one command, or one piece of a blit, may begin. */
#define ENTERS_PER_STEP	8

static int pictures(void **state, enum sg_engine_class class)
{
	struct machine *m = machine_new(class);

	*state = m;
	memory_map(m->mem, DEST, 8, 0);
	memory_map(m->mem, SOURCE, 4, MEMORY_CONTIGUOUS);
	random_seed(3);
	return 0;
}

static int render_pictures(void **state)
{
	return pictures(state, SG_RENDER);
}

static int copy_pictures(void **state)
{
	return pictures(state, SG_COPY);
}

static int video_pictures(void **state)
{
	return pictures(state, SG_VIDEO);
}

static int video_enhance_pictures(void **state)
{
	return pictures(state, SG_VIDEO_ENHANCE);
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void count(void *arg)
{
	++*(unsigned int *)arg;
}

/* Run what was emitted for a while. */
static void suffer(struct machine *m)
{
	enum sg_cs_event event = SG_CS_PREEMPTED;
	unsigned int turns, enters = 0;
	u64 locked = get64(m, LOCKED);

	while (m->n < 4 || m->n % 8)
		EMIT(m, random32());
	memory_chop(m->mem, random32() % 8 == 0);
	memory_on_enter(m->mem, count, &enters);
	load(m);
	for (turns = 0; turns < 6 && event != SG_CS_DONE && event != SG_CS_ERROR; turns++) {
		enters = 0;
		m->stop = turns == 4;
		event = sg_cs_run(m->cs, m->mem, BUDGET, &m->stop);
		assert_in_range(event, SG_CS_DONE, SG_CS_ERROR);
		assert_true(enters <= BUDGET * ENTERS_PER_STEP);
		assert_true(m->cs->ip <= SG_ADDRESS_MASK);
	}
	m->stop = false;
	memory_on_enter(m->mem, NULL, NULL);
	memory_chop(m->mem, false);
	assert_int_equal(get64(m, LOCKED), locked);
}

/* After all that a batch that makes sense works. */
static void check_sane(struct machine *m)
{
	EMIT(m, STORE_QWORD, LOW(DATA), HIGH(DATA), 1, 2);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0x200000001ull);
}

/* An address that is worth a try: mapped, or nearly. */
static u64 random_address(void)
{
	static const u64 bases[] = { BATCH, DATA, DATA, DEST, DEST, SOURCE, LOCKED, NOWHERE, 0,
				     SG_ADDRESS_MASK - 0xfff, 0x7fffffffffffull, 0xfffff000 };
	u64 a = bases[random32() % ARRAY_SIZE(bases)];

	switch (random32() % 4) {
	case 0:
		return a;
	case 1:
		return a + PAGE_BYTES - random32() % 16;
	case 2:
		return a + (u64)random_in(-64, 20000);
	default:
		return a + random32() % 512 * 8;
	}
}

/* A dword of a command, of the kind that commands have. */
static void emit_operand(struct machine *m)
{
	u64 a;

	switch (random32() % 6) {
	case 0:
		EMIT(m, random32());
		break;
	case 1:
		EMIT(m, random32() % 300);
		break;
	case 2:
		EMIT(m, random32() & 0x00ff00ff);
		break;
	case 3:
		EMIT(m, m->base + random32() % 0x800);
		break;
	default:
		a = random_address();
		EMIT(m, LOW(a), HIGH(a));
	}
}

/* A command that exists, with operands that are nonsense, and mostly of the right length. */
static void emit_command(struct machine *m)
{
	static const u8 mi_long[] = { 0x1a, 0x1c, 0x20, 0x22, 0x24, 0x26, 0x29, 0x2a, 0x2e, 0x2f,
				      0x31, 0x36 };
	static const u8 mi_short[] = { 0x00, 0x01, 0x02, 0x05, 0x08, 0x0c };
	static const u8 two_d[] = { 0x01, 0x03, 0x11, 0x24, 0x25, 0x26, 0x31, 0x40, 0x42, 0x43, 0x50,
		0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x71, 0x72, 0x73, 0x74, 0x75,
		0x76, 0x77 };
	unsigned int at = m->n, n = random32() % 16 ? 2 + random32() % 14 : 2 + random32() % 256;
	u32 kind = random32() % 8;

	if (kind == 0) {
		EMIT(m, (u32)mi_short[random32() % ARRAY_SIZE(mi_short)] << 23 |
		     (random32() & random32() & 0x7fffff));
		return;
	}
	if (kind == 1)
		EMIT(m, 3u << 29 | (random32() & 0x1fffff00 & random32()));
	else if (m->cs->class == SG_COPY && kind < 6)
		EMIT(m, 2u << 29 | (u32)two_d[random32() % ARRAY_SIZE(two_d)] << 22 |
		     (random32() & random32() & 0x3fff00) | 3 << 20);
	else
		EMIT(m, (u32)mi_long[random32() % ARRAY_SIZE(mi_long)] << 23 |
		     (random32() & random32() & 0x7fff00));
	while (m->n < at + n)
		emit_operand(m);
	m->dw[at] |= (m->n - at - 2) & 0xff;
}

/* A batch that makes sense to begin with. */
static void emit_sense(struct machine *m)
{
	struct drawing d = {
		.dst = { DEST, 512, "LXY"[random32() % 3] }, .depth = random32() % 4,
		.area = { random_in(0, 9), random_in(0, 9), random_in(10, 40), random_in(10, 20) },
		.clipped = random32() % 2, .clip = { 3, 3, 30, 30 }, .rop = (u8)random32(),
		.write_alpha = true, .write_rgb = true, .source = random32() % 3,
		.src = { SOURCE, 512, "LX"[random32() % 2] }, .bits = SOURCE, .bits_align = 16,
		.pattern = random32() % 4, .pat = SOURCE, .pat_x = random32() % 8,
	};
	static const u8 opcodes[3][4] = {
		{ 0x50, 0x50, 0x51, 0x52 }, { 0x53, 0x57, 0x55, 0x57 }, { 0x54, 0x58, 0x56, 0x58 },
	};

	EMIT(m, LRI, m->base + GPR(0), random32());
	EMIT(m, SRM, m->base + GPR(0), LOW(DATA), HIGH(DATA));
	EMIT(m, MI(0x2f, 11) | 1u << 18 | 7u << 8, LOW(DATA), HIGH(DATA), 1, 2, 3, 4, 5, 6, 7, 8);
	EMIT(m, MATH(4), 0x08008000, 0x08008401, 0x10000000, 0x18000031);
	EMIT(m, COPY_MEM, LOW(DATA + 8), HIGH(DATA), LOW(DATA), HIGH(DATA));
	EMIT(m, FLUSH_DW | 1u << 14, LOW(DATA + 16), HIGH(DATA), 1, 2);
	if (m->cs->class == SG_COPY)
		emit_xy(m, opcodes[d.source][d.pattern], &d);
	EMIT(m, WAIT | RELATION(NOT_EQUAL), 0, LOW(DATA), HIGH(DATA));
	if (m->cs->class == SG_RENDER)
		EMIT(m, PREDICATE | 2 << 6 | 2);
	EMIT(m, COND_END, 0, LOW(DATA), HIGH(DATA));
	EMIT(m, CALL, LOW(BATCH + 4 * (m->n + 5)), HIGH(BATCH), ARB_CHECK, BATCH_END, BATCH_END);
}

static void mutate(struct machine *m)
{
	unsigned int i, n = 1 + random32() % 4;

	for (i = 0; i < n; i++) {
		unsigned int at = random32() % m->n;

		switch (random32() % 5) {
		case 0:
			m->dw[at] ^= 1u << random32() % 32;
			break;
		case 1:
			m->dw[at] = random32();
			break;
		case 2:
			m->dw[at] = m->dw[random32() % m->n];
			break;
		case 3:
			m->dw[at] = LOW(random_address());
			break;
		default:
			m->dw[at] = (m->dw[at] & ~0xffu) | (random32() & 0xff);
			break;
		}
	}
}

static void random_dwords(void **state)
{
	struct machine *m = *state;
	unsigned int round, i;

	for (round = 0; round < 3000; round++) {
		for (i = 0; i < 32; i++)
			EMIT(m, random32() & (random32() % 2 ? ~0u : 0x1fffffff));
		suffer(m);
	}
	check_sane(m);
}

/* For some time, but some rounds at least; those that are reached are always the same. */
static void random_commands(void **state)
{
	struct machine *m = *state;
	double end = now() + SECONDS;
	unsigned int round, i;

	for (round = 0; round < 100 || now() < end; round++) {
		for (i = 0; i < 12; i++)
			emit_command(m);
		suffer(m);
	}
	check_sane(m);
}

static void mutated_batches(void **state)
{
	struct machine *m = *state;
	double end = now() + SECONDS;
	unsigned int round;

	for (round = 0; round < 100 || now() < end; round++) {
		emit_sense(m);
		if (round)
			mutate(m);
		suffer(m);
	}
	check_sane(m);
}

/* The batch that the others are mutants of does make sense. */
static void unmutated_batches(void **state)
{
	struct machine *m = *state;
	unsigned int round;

	for (round = 0; round < 50; round++) {
		put64(m, DATA, 0);
		emit_sense(m);
		assert_int_equal(run(m), SG_CS_DONE);
	}
}

#define ON(name, machine) \
	{ #name " (" #machine ")", name, machine##_pictures, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(random_dwords, render),
		ON(random_dwords, copy),
		ON(random_dwords, video),
		ON(random_dwords, video_enhance),
		ON(random_commands, render),
		ON(random_commands, copy),
		ON(unmutated_batches, render),
		ON(unmutated_batches, copy),
		ON(mutated_batches, render),
		ON(mutated_batches, copy),
	};

	return cmocka_run_group_tests_name("garbage", tests, NULL, NULL);
}
