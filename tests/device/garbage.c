// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Batches that make no sense, by the thousand: the device comes back each time, having touched
 * nothing that was not translated for it. Memory and the sanitizers look on; nothing else is asked.
 */
#include "testing.h"
#include "nonsense.h"

#include <time.h>

#define BUDGET		50
#define SECONDS		1.5

/* Memory accesses that one command, or one piece of a blit, may begin. */
#define ENTERS_PER_STEP	8

static int render_pictures(void **state)
{
	return nonsense_machine(state, SG_RENDER);
}

static int copy_pictures(void **state)
{
	return nonsense_machine(state, SG_COPY);
}

static int video_pictures(void **state)
{
	return nonsense_machine(state, SG_VIDEO);
}

static int video_enhance_pictures(void **state)
{
	return nonsense_machine(state, SG_VIDEO_ENHANCE);
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
