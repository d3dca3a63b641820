// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fuzz target: any batch on any engine. The device must come back, having touched nothing but what
 * was translated for it (memory.c and the sanitizers see to that), whatever the CPU does to the
 * batch and to the address space meanwhile. If the CPU does nothing, it makes no difference how
 * often the batch is preempted.
 */
#include "testing.h"
#include "nonsense.h"
#include "numbers.h"

#include <stdlib.h>

#define STEPS			300
/* Memory accesses that one command, or one piece of a blit, may begin. */
#define ENTERS_PER_STEP		8

static struct machine *hostile;
static unsigned int enters;

/* An MI command of any length. */
static u32 random_header(void)
{
	return (random32() % 0x40) << 23 | (random32() & 0x7003ff);
}

static void write_batch(struct machine *m)
{
	unsigned int commands = 1 + random32() % 12, i, n;

	for (i = 0; i < commands; i++)
		switch (random32() % 8) {
		case 0:
			for (n = random32() % 16; n; n--)
				EMIT(m, random32());
			break;
		case 1:
			emit_sense(m);
			break;
		case 2:
			emit_sense(m);
			mutate(m);
			break;
		case 3:
			EMIT(m, random_header());
			break;
		default:
			emit_command(m);
			break;
		}
	EMIT(m, BATCH_END);
}

static struct machine *new_machine(const u8 *data, size_t size, bool *is_hostile, bool *chop)
{
	enum sg_engine_class class;
	struct machine *m;
	void *state;

	numbers_begin(data, size);
	class = random32() % 4;
	*is_hostile = random32() % 2;
	*chop = *is_hostile && random32() % 4 == 0;
	nonsense_machine(&state, class);
	m = state;
	write_batch(m);
	load(m);
	return m;
}

static void count(void *arg)
{
	(void)arg;
	enters++;
}

/* What a CPU may do at any time. */
static void interfere(void *arg)
{
	struct machine *m = hostile;
	u64 page = DEST + random32() % 8 * PAGE_BYTES;

	count(arg);
	switch (random32() % 8) {
	case 0:
		put32(m, BATCH + random32() % 64 * 4, random32());
		break;
	case 1:
		/* the very command that is being fetched */
		if (m->cs->ip >= BATCH && m->cs->ip < BATCH + PAGE_BYTES)
			put32(m, m->cs->ip, random_header());
		break;
	case 2:
		if (random32() % 4)
			break;
		memory_unmap(m->mem, page, 1);
		memory_map(m->mem, page, 1, MEMORY_READ_ONLY);
		break;
	}
}

static enum sg_cs_event go(struct machine *m, unsigned int turns, unsigned int budget)
{
	enum sg_cs_event event = SG_CS_PREEMPTED;
	unsigned int i;

	for (i = 0; i < turns && event == SG_CS_PREEMPTED; i++) {
		enters = 0;
		event = sg_cs_run(m->cs, m->mem, budget, &m->stop);
		assert_in_range(event, SG_CS_DONE, SG_CS_ERROR);
		assert_true(enters <= budget * ENTERS_PER_STEP);
		assert_true(m->cs->ip <= SG_ADDRESS_MASK && m->cs->ip % 4 == 0);
	}
	return event;
}

static void check_same(struct machine *a, struct machine *b)
{
	assert_true(a->cs->ip == b->cs->ip);
	assert_int_equal(a->cs->error_header, b->cs->error_header);
	assert_true(a->cs->commands == b->cs->commands);
	assert_memory_equal(&a->cs->regs, &b->cs->regs, sizeof(a->cs->regs));
	memory_assert_same(a->mem, b->mem);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* a check that fails is a crash for the fuzzer to report */
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	bool is_hostile, chop;
	struct machine *m = new_machine(data, size, &is_hostile, &chop), *other;
	u64 locked = get64(m, LOCKED);

	if (is_hostile) {
		hostile = m;
		memory_on_enter(m->mem, interfere, NULL);
		memory_chop(m->mem, chop);
		go(m, 6, STEPS / 6);
	} else {
		memory_on_enter(m->mem, count, NULL);
		go(m, 1, STEPS);
		other = new_machine(data, size, &is_hostile, &chop);
		memory_on_enter(other->mem, count, NULL);
		go(other, STEPS, 1);
		check_same(m, other);
		machine_free(other);
	}
	assert_true(get64(m, LOCKED) == locked);
	machine_free(m);
	return 0;
}
