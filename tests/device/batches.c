// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The way through a batch: where commands end, what jumps, ends it, or is refused. */
#include "testing.h"
#include "machine.h"

static void ends(void **state)
{
	struct machine *m = *state;

	run_to_end(m);
	assert_int_equal(sg_cs_acthd(m->cs), BATCH);
	assert_int_equal(memory_faults(m->mem), 0);
}

/* A command of @n dwords, the first of them @header, whose others would be refused if executed. */
static void expect_stepped_over(struct machine *m, u32 header, unsigned int n)
{
	unsigned int i;

	put32(m, DATA, 0);
	EMIT(m, header);
	for (i = 1; i < n; i++)
		EMIT(m, 0xffffffff);
	mark(m, 0);
	run_to_end(m);
	if (!marked(m, 0))
		fail_msg("%#x was not stepped over", header);
}

static void stepped_over_mi(void **state)
{
	struct machine *m = *state;

	expect_stepped_over(m, 0x02u << 23, 1);		/* MI_USER_INTERRUPT */
	expect_stepped_over(m, 0x03u << 23, 1);		/* MI_WAIT_FOR_EVENT */
	expect_stepped_over(m, 0x04u << 23 | 0x7f, 1);	/* MI_FLUSH */
	expect_stepped_over(m, 0x05u << 23, 1);		/* MI_ARB_CHECK */
	expect_stepped_over(m, 0x07u << 23, 1);		/* MI_REPORT_HEAD */
	expect_stepped_over(m, 0x08u << 23 | 1, 1);	/* MI_ARB_ON_OFF */
	expect_stepped_over(m, 0x0bu << 23, 1);		/* MI_SUSPEND_FLUSH */
	expect_stepped_over(m, 0x0eu << 23 | 0x3f, 1);	/* MI_SET_APPID */
	expect_stepped_over(m, MI(0x12, 2), 2);		/* MI_LOAD_SCAN_LINES_INCL */
	expect_stepped_over(m, MI(0x13, 2), 2);		/* MI_LOAD_SCAN_LINES_EXCL */
	expect_stepped_over(m, MI(0x14, 3), 3);		/* MI_DISPLAY_FLIP */
	expect_stepped_over(m, MI(0x1b, 2), 2);		/* MI_SEMAPHORE_SIGNAL */
	expect_stepped_over(m, MI(0x21, 3), 3);		/* MI_STORE_DATA_INDEX */
	expect_stepped_over(m, MI(0x23, 6), 6);		/* MI_UPDATE_GTT */
}

static void stepped_over_render_mi(void **state)
{
	struct machine *m = *state;

	expect_stepped_over(m, 0x06u << 23 | 1, 1);	/* MI_RS_CONTROL */
	expect_stepped_over(m, 0x09u << 23, 1);		/* MI_URB_ATOMIC_ALLOC */
	expect_stepped_over(m, 0x0du << 23 | 5, 1);	/* MI_TOPOLOGY_FILTER */
	expect_stepped_over(m, 0x0fu << 23, 1);		/* MI_RS_CONTEXT */
	expect_stepped_over(m, MI(0x18, 2), 2);		/* MI_SET_CONTEXT */
	expect_stepped_over(m, MI(0x19, 2), 2);		/* MI_URB_CLEAR */
	expect_stepped_over(m, MI(0x27, 3), 3);		/* MI_CLFLUSH */
	expect_stepped_over(m, MI(0x27, 200), 200);
	expect_stepped_over(m, MI(0x2b, 4), 4);		/* MI_RS_STORE_DATA_IMM */
	expect_stepped_over(m, MI(0x2c, 3), 3);		/* MI_LOAD_URB_MEM */
	expect_stepped_over(m, MI(0x2d, 3), 3);		/* MI_STORE_URB_MEM */
}

static void stepped_over_3d(void **state)
{
	struct machine *m = *state;

	expect_stepped_over(m, 0x61010011, 19);		/* STATE_BASE_ADDRESS */
	expect_stepped_over(m, 0x61020001, 3);		/* STATE_SIP */
	expect_stepped_over(m, 0x69040103, 1);		/* PIPELINE_SELECT */
	expect_stepped_over(m, 0x680b0001, 1);		/* 3DSTATE_VF_STATISTICS */
	expect_stepped_over(m, 0x78080003, 5);		/* 3DSTATE_VERTEX_BUFFERS */
	expect_stepped_over(m, 0x78150009 | 0x7f << 8, 11);	/* 3DSTATE_CONSTANT_VS, caching */
	expect_stepped_over(m, 0x7b000005, 7);		/* 3DPRIMITIVE */
	expect_stepped_over(m, 0x7b000005 | 1 << 10 | 1 << 8, 7);	/* indirect, predicated */
	expect_stepped_over(m, 0x79000002, 4);		/* 3DSTATE_DRAWING_RECTANGLE */
	expect_stepped_over(m, 0x79170101, 259);	/* 3DSTATE_SO_DECL_LIST: nine bits */
	expect_stepped_over(m, 0x78430102, 260);	/* 3DSTATE_BINDING_TABLE_EDIT_VS to PS: likewise */
	expect_stepped_over(m, 0x78470102, 260);
	expect_stepped_over(m, 0x70000007, 9);		/* MEDIA_VFE_STATE */
	expect_stepped_over(m, 0x70020002, 4);		/* MEDIA_INTERFACE_DESCRIPTOR_LOAD */
	expect_stepped_over(m, 0x71000204, 0x206);	/* MEDIA_OBJECT, with much inline data */
	expect_stepped_over(m, 0x7105000d, 15);		/* GPGPU_WALKER */
	expect_stepped_over(m, 0x7105000d | 1 << 10 | 1 << 8, 15);	/* indirect, predicated */
}

static void stepped_over_video(void **state)
{
	struct machine *m = *state;

	expect_stepped_over(m, 0x68000100, 1);		/* MFX_WAIT */
	expect_stepped_over(m, 0x70000003, 5);		/* MFX_PIPE_MODE_SELECT */
	expect_stepped_over(m, 0x70030123, 0x125);	/* twelve bits */
}

static void nops(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < 3000; i++)
		EMIT(m, NOOP);
	mark(m, 0);
	run_to_end(m);
	assert_true(marked(m, 0));
}

/* However many, and wherever they begin: all of them, and no command behind them. */
static void nops_to_a_dword(void **state)
{
	static const unsigned int counts[] = { 1, 15, 16, 17, 18, 23, 24, 25, 31, 1000, 1024, 2100 };
	/* the last one: what is fetched at once ends with the page */
	static const unsigned int firsts[] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 1008 };
	struct machine *m = *state;
	unsigned int f, i, n;

	for (f = 0; f < sizeof(firsts) / sizeof(*firsts); f++) {
		unsigned int first = firsts[f];

		for (i = 0; i < sizeof(counts) / sizeof(*counts); i++) {
			u64 at = BATCH + PAGE_BYTES + 4 * first;
			u64 before = m->cs->commands;

			for (n = 0; n < counts[i]; n++, at += 4)
				put32(m, at, NOOP);
			put32(m, at, BATCH_END);
			m->n = 0;
			EMIT(m, START, LOW(BATCH + PAGE_BYTES + 4 * first), HIGH(BATCH));
			assert_int_equal(run(m), SG_CS_DONE);
			assert_int_equal(sg_cs_acthd(m->cs), at);
			/* one to get there, and one for each page */
			assert_in_range(m->cs->commands - before, 2, 1 + counts[i] / 1024 + 2);
		}
	}
}

/* A batch may end with the last dword that is mapped; what lies behind is not its business. */
static void ends_where_memory_ends(void **state)
{
	struct machine *m = *state;
	u64 last = BATCH + BATCH_PAGES * PAGE_BYTES - 4;

	put32(m, last, BATCH_END);
	put32(m, last - 4, NOOP);
	EMIT(m, START, LOW(last - 4), HIGH(last));
	assert_int_equal(run(m), SG_CS_DONE);
	assert_int_equal(sg_cs_acthd(m->cs), last);
	assert_int_equal(memory_faults(m->mem), 0);
}

static void runs_out_of_memory(void **state)
{
	struct machine *m = *state;
	u64 end = BATCH + BATCH_PAGES * PAGE_BYTES;

	put32(m, end - 4, NOOP);
	EMIT(m, START, LOW(end - 4), HIGH(end));
	assert_int_equal(run(m), SG_CS_ERROR);
	assert_int_equal(m->cs->ip, end);
}

/* A command whose tail is not mapped is not executed with zeroes in its place. */
static void half_mapped_command(void **state)
{
	struct machine *m = *state;
	u64 at = BATCH + BATCH_PAGES * PAGE_BYTES - 12;

	put32(m, DATA, 0x1234);
	put32(m, at, STORE_DWORD);
	put32(m, at + 4, LOW(DATA));
	put32(m, at + 8, HIGH(DATA));
	EMIT(m, START, LOW(at), HIGH(at));
	assert_refused(m, at);
	assert_int_equal(get32(m, DATA), 0x1234);
}

static void starts_nowhere(void **state)
{
	struct machine *m = *state;

	sg_cs_start(m->cs, NOWHERE);
	assert_int_equal(go_on(m), SG_CS_ERROR);
	assert_int_equal(m->cs->ip, NOWHERE);
}

static void read_only_batch(void **state)
{
	struct machine *m = *state;

	put32(m, LOCKED, BATCH_END);
	sg_cs_start(m->cs, LOCKED);
	assert_int_equal(go_on(m), SG_CS_DONE);
}

/* Commands that lie across the border of two pages, at each dword of them. */
static void commands_across_pages(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < 6; i++) {
		u64 at = BATCH + 2 * PAGE_BYTES - 4 * i;
		const u32 cmd[] = { STORE_QWORD, LOW(DATA + 8), HIGH(DATA), i + 7, i + 8,
				    BATCH_END };

		memory_poke(m->mem, at, cmd, sizeof(cmd));
		EMIT(m, START, LOW(at), HIGH(at));
		assert_int_equal(run(m), SG_CS_DONE);
		assert_int_equal(get64(m, DATA + 8), (i + 8ull) << 32 | (i + 7));
	}
}

static void chains(void **state)
{
	struct machine *m = *state;
	u64 next = DATA + PAGE_BYTES;
	const u32 chained[] = { STORE_DWORD, LOW(DATA + 4), HIGH(DATA), 0x600d, BATCH_END };

	put64(m, DATA, 0);
	memory_poke(m->mem, next, chained, sizeof(chained));
	EMIT(m, START, LOW(next), HIGH(next));
	mark(m, 0);
	run_to_end(m);
	assert_false(marked(m, 0));
	assert_true(marked(m, 1));
	assert_int_equal(sg_cs_acthd(m->cs), next + 16);
}

/* A second-level batch returns behind the command that called it. */
static void calls(void **state)
{
	struct machine *m = *state;
	u64 next = DATA + PAGE_BYTES;
	const u32 called[] = { STORE_DWORD, LOW(DATA + 4), HIGH(DATA), 0x600d, BATCH_END };

	put64(m, DATA, 0);
	memory_poke(m->mem, next, called, sizeof(called));
	EMIT(m, CALL, LOW(next), HIGH(next));
	mark(m, 0);
	EMIT(m, CALL, LOW(next), HIGH(next));
	mark(m, 2);
	run_to_end(m);
	assert_true(marked(m, 0));
	assert_true(marked(m, 1));
	assert_true(marked(m, 2));
}

/* There is no stack: a second-level batch that calls another does not come back to itself. */
static void calls_from_the_second_level(void **state)
{
	struct machine *m = *state;
	u64 second = DATA + PAGE_BYTES, third = DATA + 2 * PAGE_BYTES;
	const u32 calling[] = { CALL, LOW(third), HIGH(third),
				STORE_DWORD, LOW(DATA + 4), HIGH(DATA), 0x600d, BATCH_END };
	const u32 called[] = { STORE_DWORD, LOW(DATA + 8), HIGH(DATA), 0x600d, BATCH_END };

	memset(m->dw, 0, 16);
	memory_poke(m->mem, DATA, m->dw, 16);
	memory_poke(m->mem, second, calling, sizeof(calling));
	memory_poke(m->mem, third, called, sizeof(called));
	EMIT(m, CALL, LOW(second), HIGH(second));
	mark(m, 0);
	run_to_end(m);
	assert_true(marked(m, 0));
	assert_false(marked(m, 1));
	assert_true(marked(m, 2));
}

/* The batch before ended on the second level: the next begins on the first all the same. */
static void levels_do_not_outlive_the_batch(void **state)
{
	struct machine *m = *state;
	u64 next = DATA + PAGE_BYTES;

	put32(m, next, 0xffffffff);
	EMIT(m, CALL, LOW(next), HIGH(next));
	assert_refused(m, next);
	run_to_end(m);
}

/* A bit of the jump adds BB_OFFSET to its target. */
static void jump_by_an_offset(void **state)
{
	struct machine *m = *state;
	u64 next = DATA + PAGE_BYTES;

	put32(m, next, 0xffffffff);
	put32(m, next + 0x40, BATCH_END);
	EMIT(m, LRI, m->base + 0x158, 0x40);
	EMIT(m, START | 1u << 16, LOW(next), HIGH(next));
	assert_int_equal(run(m), SG_CS_DONE);
	assert_int_equal(sg_cs_acthd(m->cs), next + 0x40);
	EMIT(m, START, LOW(next + 0x40), HIGH(next));
	assert_int_equal(run(m), SG_CS_DONE);
}

static void noop_identification(void **state)
{
	struct machine *m = *state;

	EMIT(m, NOOP | 1u << 22 | 0x2abcde);
	EMIT(m, NOOP | 0x111111);
	run_to_end(m);
	assert_int_equal(sg_reg_read(&m->cs->regs, m->base + 0x94), 0x2abcde);
}

/* Jumps are to dwords: the low bits of the address are not looked at. */
static void low_bits_of_addresses(void **state)
{
	struct machine *m = *state;

	put64(m, DATA, 0);
	put32(m, DATA + 16, BATCH_END);
	EMIT(m, STORE_DWORD, LOW(DATA + 4) | 2, HIGH(DATA), 0x600d);
	EMIT(m, START, LOW(DATA + 16) | 3, HIGH(DATA));
	assert_int_equal(run(m), SG_CS_DONE);
	assert_true(marked(m, 1));
	assert_int_equal(sg_cs_acthd(m->cs), DATA + 16);
}

/* Refused commands stop the batch where they stand; what came before has happened. */
static void unknown_commands(void **state)
{
	static const u32 headers[] = {
		0x80000000, 0x20000000, 0xa0000000, 0xffffffff,		/* clients that are not there */
		MI(0x10, 2), MI(0x11, 2), MI(0x15, 2), MI(0x1e, 2),
		MI(0x25, 2), MI(0x30, 2), MI(0x32, 3), MI(0x3f, 2),
	};
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(headers); i++) {
		put64(m, DATA, 0);
		mark(m, 0);
		EMIT(m, headers[i], 0, 0, 0);
		mark(m, 1);
		EMIT(m, BATCH_END);
		if (m->cs->class == SG_COPY && headers[i] >> 29 == 2)
			continue;
		assert_refused(m, BATCH + 16);
		assert_true(marked(m, 0));
		assert_false(marked(m, 1));
	}
}

static void commands_of_other_engines(void **state)
{
	static const u32 render[] = { 0x06u << 23, 0x09u << 23, 0x0du << 23, 0x0fu << 23,
		MI(0x18, 2), MI(0x19, 2), MI(0x27, 3), MI(0x2b, 4), MI(0x2c, 3), MI(0x2d, 3) };
	static const u32 copy[] = { 0x54000005 /* XY_COLOR_BLT */, 0x50800008 /* XY_FAST_COPY */,
		0x54c00008 /* XY_SRC_COPY_BLT */, 0x40400008 /* XY_SETUP_BLT */ };
	static const u32 gfx[] = { 0x7a000004 /* PIPE_CONTROL */, 0x69040000 /* PIPELINE_SELECT */,
		0x7b000005 /* 3DPRIMITIVE */, 0x70000003 };
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; m->cs->class != SG_RENDER && i < ARRAY_SIZE(render); i++) {
		EMIT(m, render[i], 0, 0, 0, 0, 0, 0, 0, BATCH_END);
		assert_refused(m, BATCH);
	}
	for (i = 0; m->cs->class != SG_COPY && i < ARRAY_SIZE(copy); i++) {
		EMIT(m, copy[i], 0, 0, 0, 0, 0, 0, 0, 0, 0, BATCH_END);
		assert_refused(m, BATCH);
	}
	for (i = 0; m->cs->class == SG_COPY && i < ARRAY_SIZE(gfx); i++) {
		EMIT(m, gfx[i], 0, 0, 0, 0, 0, 0, 0, 0, 0, BATCH_END);
		assert_refused(m, BATCH);
	}
}

/* After an error the context is as good as new for the next batch. */
static void goes_on_after_an_error(void **state)
{
	struct machine *m = *state;

	set_gpr(m, 7, 0x77);
	EMIT(m, ARB_OFF, 0xffffffff, BATCH_END);
	assert_refused(m, BATCH + 4);
	put32(m, DATA, 0);
	mark(m, 0);
	run_to_end(m);
	assert_true(marked(m, 0));
	assert_true(sg_cs_arbitration(m->cs));
	assert_int_equal(get_gpr(m, 7), 0x77);
	assert_int_equal(m->cs->error_header, 0);
}

static unsigned int enters;

/* The CPU, after the first fetch: what was a long command is another one now. */
static void change_command(void *arg)
{
	if (++enters == 2)
		put32(arg, BATCH, LRI | 0xff);
}

/*
 * A command that is longer than what is fetched at once is fetched in two parts. Its length is that
 * of the header that came first, and so is what it does: together with another header it would
 * reach behind what was fetched.
 */
static void command_changed_while_fetched(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	EMIT(m, 0x23u << 23 | 0x3ff);	/* MI_UPDATE_GTT, 1025 dwords */
	for (i = 1; i < 1025; i++)
		EMIT(m, m->base + GPR(0));
	mark(m, 0);
	EMIT(m, BATCH_END);
	enters = 0;
	memory_on_enter(m->mem, change_command, m);
	assert_int_equal(run(m), SG_CS_DONE);
	memory_on_enter(m->mem, NULL, NULL);
	assert_true(marked(m, 0));
	assert_int_equal(get32(m, BATCH), LRI | 0xff);
	assert_int_equal(get_gpr(m, 0), 0);
}

#define ON(name, machine) \
	{ #name " (" #machine ")", name, machine##_machine, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(ends, render),
		ON(ends, copy),
		ON(stepped_over_mi, render),
		ON(stepped_over_mi, copy),
		ON(stepped_over_mi, video),
		ON(stepped_over_render_mi, render),
		ON(stepped_over_3d, render),
		ON(stepped_over_video, video),
		ON(nops, render),
		ON(nops_to_a_dword, render),
		ON(ends_where_memory_ends, render),
		ON(runs_out_of_memory, render),
		ON(half_mapped_command, render),
		ON(starts_nowhere, copy),
		ON(read_only_batch, render),
		ON(commands_across_pages, copy),
		ON(chains, render),
		ON(calls, render),
		ON(calls_from_the_second_level, render),
		ON(levels_do_not_outlive_the_batch, render),
		ON(jump_by_an_offset, render),
		ON(noop_identification, copy),
		ON(low_bits_of_addresses, render),
		ON(unknown_commands, render),
		ON(unknown_commands, copy),
		ON(commands_of_other_engines, render),
		ON(commands_of_other_engines, copy),
		ON(commands_of_other_engines, video),
		ON(goes_on_after_an_error, render),
		ON(command_changed_while_fetched, render),
	};

	return cmocka_run_group_tests_name("batches", tests, NULL, NULL);
}
