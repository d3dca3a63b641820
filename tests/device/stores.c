// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Commands that move data between memory, registers and themselves. */
#include "testing.h"
#include "machine.h"

#define GPR0(m)		((m)->base + GPR(0))

static void store_dword(void **state)
{
	struct machine *m = *state;

	put64(m, DATA, ~0ull);
	EMIT(m, STORE_DWORD, LOW(DATA), HIGH(DATA), 0x12345678);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0xffffffff12345678ull);
	assert_int_equal(memory_faults(m->mem), 0);
}

static void store_qword(void **state)
{
	struct machine *m = *state;

	EMIT(m, STORE_QWORD, LOW(DATA + 8), HIGH(DATA), 0x12345678, 0x9abcdef0);
	run_to_end(m);
	assert_int_equal(get64(m, DATA + 8), 0x9abcdef012345678ull);
}

/* Several dwords follow each other in memory, across the end of a page too. */
static void store_many(void **state)
{
	struct machine *m = *state;
	u64 to = DATA + PAGE_BYTES - 12;
	u32 n, i;

	for (n = 2; n <= 254; n += 21) {
		EMIT(m, MI(0x20, 3 + n), LOW(to), HIGH(to));
		for (i = 0; i < n; i++)
			EMIT(m, 0x1000 * n + i);
		put32(m, to + 4 * n, 0x5555);
		run_to_end(m);
		for (i = 0; i < n; i++)
			assert_int_equal(get32(m, to + 4 * i), 0x1000 * n + i);
		assert_int_equal(get32(m, to + 4 * n), 0x5555);
	}
}

static void store_many_qwords(void **state)
{
	struct machine *m = *state;

	EMIT(m, MI(0x20, 7) | 1u << 21, LOW(DATA + PAGE_BYTES - 8), HIGH(DATA), 1, 2, 3, 4);
	run_to_end(m);
	assert_int_equal(get64(m, DATA + PAGE_BYTES - 8), 0x200000001ull);
	assert_int_equal(get64(m, DATA + PAGE_BYTES), 0x400000003ull);
}

static void store_of_half_a_qword(void **state)
{
	struct machine *m = *state;

	EMIT(m, MI(0x20, 4) | 1u << 21, LOW(DATA), HIGH(DATA), 1, BATCH_END);
	assert_refused(m, BATCH);
}

static void store_of_nothing(void **state)
{
	struct machine *m = *state;

	EMIT(m, MI(0x20, 3), LOW(DATA), HIGH(DATA), BATCH_END);
	assert_refused(m, BATCH);
}

/* Ten bits say how long it is: one that is too long is not taken for a short one. */
static void store_too_long(void **state)
{
	struct machine *m = *state;
	u32 was = get32(m, DATA);

	EMIT(m, MI(0x20, 4) | 1u << 8, LOW(DATA), HIGH(DATA), ~was, BATCH_END);
	assert_refused(m, BATCH);
	assert_int_equal(get32(m, DATA), was);
}

/* Addresses have 48 bits; those above are the sign. */
static void canonical_addresses(void **state)
{
	struct machine *m = *state;
	u64 high = 0xfffffffffffff000ull;

	memory_map(m->mem, high & SG_ADDRESS_MASK, 1, 0);
	EMIT(m, STORE_DWORD, LOW(high), HIGH(high), 77);
	EMIT(m, STORE_DWORD, LOW(DATA), HIGH(DATA) | 0xffff0000, 78);
	EMIT(m, COPY_MEM, LOW(DATA + 4), HIGH(DATA + 4), LOW(high), HIGH(high));
	run_to_end(m);
	assert_int_equal(memory_get(m->mem, high, 4), 77);
	assert_int_equal(get32(m, DATA), 78);
	assert_int_equal(get32(m, DATA + 4), 77);
}

static void load_register_imm(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	EMIT(m, MI(0x22, 1 + 2 * SG_NUM_GPR));
	for (i = 0; i < SG_NUM_GPR; i++)
		EMIT(m, m->base + GPR(i) + 4 * (i & 1), 0xabc0 + i);
	run_to_end(m);
	for (i = 0; i < SG_NUM_GPR; i++)
		assert_int_equal(get_gpr(m, i), (0xabc0ull + i) << 32 * (i & 1));
}

static void load_register_imm_bytes(void **state)
{
	struct machine *m = *state;
	u32 disabled, i, mask;

	for (disabled = 0; disabled < 16; disabled++) {
		for (mask = 0, i = 0; i < 4; i++)
			if (!(disabled & 1u << i))
				mask |= 0xffu << 8 * i;
		EMIT(m, LRI, GPR0(m), 0x11223344);
		EMIT(m, LRI | disabled << 8, GPR0(m), 0xaabbccdd);
		run_to_end(m);
		assert_int_equal(get_gpr(m, 0), (0x11223344 & ~mask) | (0xaabbccdd & mask));
	}
}

static void load_register_imm_in_halves(void **state)
{
	struct machine *m = *state;

	EMIT(m, MI(0x22, 4), GPR0(m), 1, GPR0(m), BATCH_END);
	assert_refused(m, BATCH);
	EMIT(m, MI(0x22, 2), GPR0(m), BATCH_END);
	assert_refused(m, BATCH);
}

static void load_register_mem(void **state)
{
	struct machine *m = *state;

	put32(m, DATA + 20, 0xfeedface);
	set_gpr(m, 0, ~0ull);
	EMIT(m, LRM, GPR0(m) + 4, LOW(DATA + 20), HIGH(DATA));
	run_to_end(m);
	assert_int_equal(get_gpr(m, 0), 0xfeedfaceffffffffull);
}

static void store_register_mem(void **state)
{
	struct machine *m = *state;

	set_gpr(m, 3, 0x1111222233334444ull);
	put64(m, DATA, 0);
	EMIT(m, SRM, m->base + GPR(3) + 4, LOW(DATA), HIGH(DATA));
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0x11112222);
}

/* MI_STORE_REGISTER_MEM has a bit that makes it depend on MI_PREDICATE's result. */
static void store_register_mem_predicated(void **state)
{
	struct machine *m = *state;
	u32 result;

	for (result = 0; result < 2; result++) {
		put32(m, DATA, 5);
		set_gpr(m, 0, 6);
		EMIT(m, LRI, m->base + 0x418, result);
		EMIT(m, SRM | 1u << 21, GPR0(m), LOW(DATA), HIGH(DATA));
		run_to_end(m);
		assert_int_equal(get32(m, DATA), result ? 6 : 5);
	}
}

static void load_register_reg(void **state)
{
	struct machine *m = *state;

	set_gpr(m, 1, 0x1111222233334444ull);
	set_gpr(m, 2, 0);
	EMIT(m, LRR, m->base + GPR(1), m->base + GPR(2) + 4);
	run_to_end(m);
	assert_int_equal(get_gpr(m, 2), 0x3333444400000000ull);
	assert_int_equal(get_gpr(m, 1), 0x1111222233334444ull);
}

static void copy_mem_mem(void **state)
{
	struct machine *m = *state;
	u64 to = DATA + 3 * PAGE_BYTES;

	put32(m, DATA + 4, 0xcafe);
	put64(m, to, ~0ull);
	EMIT(m, COPY_MEM, LOW(to), HIGH(to), LOW(DATA + 4), HIGH(DATA));
	run_to_end(m);
	assert_int_equal(get64(m, to), 0xffffffff0000cafeull);
}

static void wrong_lengths(void **state)
{
	static const u32 headers[] = { MI(0x24, 3), MI(0x24, 5), MI(0x29, 3), MI(0x29, 5),
		MI(0x2a, 2), MI(0x2a, 4), MI(0x2e, 4), MI(0x2e, 6), MI(0x26, 2), MI(0x26, 6) };
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(headers); i++) {
		EMIT(m, NOOP, USER_INTERRUPT, headers[i], LOW(DATA), HIGH(DATA), LOW(DATA),
		     HIGH(DATA), 0, BATCH_END);
		assert_refused(m, BATCH + 8);
	}
}

static void flush_dw_writes_dword(void **state)
{
	struct machine *m = *state;

	put64(m, DATA, ~0ull);
	EMIT(m, MI(0x26, 4) | 1u << 14, LOW(DATA), HIGH(DATA), 0x1234);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0xffffffff00001234ull);
}

static void flush_dw_writes_qword(void **state)
{
	struct machine *m = *state;

	EMIT(m, FLUSH_DW | 1u << 14, LOW(DATA), HIGH(DATA), 0x1234, 0x5678);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0x567800001234ull);
}

/* The TIMESTAMP register has 36 bits. */
static void flush_dw_writes_timestamp(void **state)
{
	struct machine *m = *state;

	memory_set_clock(0xfabcdef0123456ull);
	EMIT(m, FLUSH_DW | 3u << 14, LOW(DATA), HIGH(DATA), 1, 2);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0xfabcdef0123456ull & 0xfffffffffull);
}

static void flush_dw_writes_nothing(void **state)
{
	struct machine *m = *state;
	u64 was = get64(m, DATA);

	EMIT(m, FLUSH_DW, LOW(DATA), HIGH(DATA), ~LOW(was), 0);
	EMIT(m, MI(0x26, 3), LOW(DATA), HIGH(DATA));
	run_to_end(m);
	assert_int_equal(get64(m, DATA), was);
}

/* Bits that say what else to flush, next to the length: 7 is of the video engines. */
static void flush_dw_flags(void **state)
{
	struct machine *m = *state;

	EMIT(m, FLUSH_DW | 1u << 14 | 1u << 7 | 1u << 8 | 1u << 9 | 1u << 18,
	     LOW(DATA), HIGH(DATA), 0x1234, 0x5678);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0x567800001234ull);
}

static void pipe_control_writes(void **state)
{
	struct machine *m = *state;

	EMIT(m, PIPE_CONTROL6, 1u << 14 | 1u << 20, LOW(DATA), HIGH(DATA), 0x1234, 0x5678);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0x567800001234ull);

	memory_set_clock(0x7ffffffffull);
	EMIT(m, PIPE_CONTROL6, 3u << 14 | 1u << 20, LOW(DATA), HIGH(DATA), 0x1234, 0x5678);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0x7ffffffffull);

	/* nothing was drawn, so no pixel passed the depth test */
	EMIT(m, PIPE_CONTROL6, 2u << 14 | 1u << 13, LOW(DATA), HIGH(DATA), 0x1234, 0x5678);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 0);

	put64(m, DATA, 99);
	EMIT(m, PIPE_CONTROL6, 1u << 20, LOW(DATA), HIGH(DATA), 0x1234, 0x5678);
	run_to_end(m);
	assert_int_equal(get64(m, DATA), 99);
}

static void pipe_control_lengths(void **state)
{
	struct machine *m = *state;
	u64 was = get64(m, DATA);

	EMIT(m, 0x7a000000, 1u << 14);
	EMIT(m, 0x7a000002, 1u << 14, LOW(DATA), HIGH(DATA));
	run_to_end(m);
	assert_int_equal(get64(m, DATA), was);
	EMIT(m, 0x7a000005, 1u << 14, LOW(DATA), HIGH(DATA), 1, 2, 3, BATCH_END);
	assert_refused(m, BATCH);
}

/* MI_REPORT_PERF_COUNT: 64 bytes, of which this device knows the first two dwords. */
static void report_of_counters(void **state)
{
	struct machine *m = *state;
	struct sg_mem *expected;
	u64 to = DATA + 128;
	unsigned int i;

	memory_set_clock(0x123456789);
	EMIT(m, MI(0x28, 4), LOW(to) | 1 << 4, HIGH(to), 0x1dea, BATCH_END);
	load(m);
	expected = memory_clone(m->mem);
	memory_put(expected, to, 0x1dea, 4);
	memory_put(expected, to + 4, 0x23456789, 4);
	for (i = 2; i < 16; i++)
		memory_put(expected, to + 4 * i, 0, 4);
	assert_int_equal(go_on(m), SG_CS_DONE);
	memory_assert_same(m->mem, expected);
	memory_free(expected);

	EMIT(m, MI(0x28, 5), LOW(to), HIGH(to), 0, 0, BATCH_END);
	assert_refused(m, BATCH);
}

/* A batch may not use the global GTT: stores there do nothing, here or there. */
static void global_addresses(void **state)
{
	struct machine *m = *state;
	struct sg_mem *before;

	set_gpr(m, 0, 0x77777777);
	EMIT(m, STORE_DWORD | GLOBAL, LOW(DATA), HIGH(DATA), 1);
	EMIT(m, STORE_QWORD | GLOBAL, LOW(DATA), HIGH(DATA), 1, 2);
	EMIT(m, SRM | GLOBAL, GPR0(m), LOW(DATA), HIGH(DATA));
	EMIT(m, COPY_MEM | 1u << 21, LOW(DATA), HIGH(DATA), LOW(DATA + 4), HIGH(DATA));
	EMIT(m, FLUSH_DW | 1u << 14, LOW(DATA) | 1u << 2, HIGH(DATA), 1, 2);
	EMIT(m, FLUSH_DW | 1u << 14 | 1u << 21, LOW(DATA), HIGH(DATA), 1, 2);
	if (m->cs->class == SG_RENDER) {
		EMIT(m, PIPE_CONTROL6, 1u << 14 | 1u << 24, LOW(DATA), HIGH(DATA), 1, 2);
		EMIT(m, PIPE_CONTROL6, 1u << 14 | 1u << 21, LOW(DATA), HIGH(DATA), 1, 2);
		EMIT(m, MI(0x28, 4), LOW(DATA) | 1, HIGH(DATA), 1);
	}
	EMIT(m, MI(0x23, 4) | GLOBAL, LOW(DATA), HIGH(DATA), 1);	/* MI_UPDATE_GTT */
	EMIT(m, MI(0x21, 3), 0x40, 1);					/* MI_STORE_DATA_INDEX */
	EMIT(m, BATCH_END);
	memory_poke(m->mem, BATCH, m->dw, m->n * 4);
	before = memory_clone(m->mem);
	assert_int_equal(run(m), SG_CS_DONE);
	memory_assert_same(m->mem, before);
	memory_free(before);
}

/* Nor do loads tell what is at the same address in the batch's own space. */
static void global_loads(void **state)
{
	struct machine *m = *state;

	put32(m, DATA, 0x5ec2e7);
	put32(m, DATA + 4, 0);
	set_gpr(m, 0, 0);
	EMIT(m, LRM | GLOBAL, GPR0(m), LOW(DATA), HIGH(DATA));
	EMIT(m, COPY_MEM | GLOBAL, LOW(DATA + 4), HIGH(DATA), LOW(DATA), HIGH(DATA));
	run_to_end(m);
	assert_int_equal(get_gpr(m, 0), 0);
	assert_int_equal(get32(m, DATA + 4), 0);
}

static void unmapped_data(void **state)
{
	struct machine *m = *state;

	set_gpr(m, 0, 0x1111);
	put32(m, DATA, 0x2222);
	EMIT(m, STORE_DWORD, LOW(NOWHERE), HIGH(NOWHERE), 1);
	EMIT(m, LRM, GPR0(m), LOW(NOWHERE), HIGH(NOWHERE));
	EMIT(m, COPY_MEM, LOW(DATA), HIGH(DATA), LOW(NOWHERE), HIGH(NOWHERE));
	EMIT(m, COPY_MEM, LOW(NOWHERE), HIGH(NOWHERE), LOW(DATA), HIGH(DATA));
	EMIT(m, FLUSH_DW | 1u << 14, LOW(NOWHERE), HIGH(NOWHERE), 1, 2);
	run_to_end(m);
	assert_int_equal(get_gpr(m, 0), 0);
	assert_int_equal(get32(m, DATA), 0);
	assert_int_equal(memory_faults(m->mem), 5);
}

/* Of a store that ends outside, what lies inside arrives. */
static void partly_mapped_data(void **state)
{
	struct machine *m = *state;
	u64 end = DATA + DATA_PAGES * PAGE_BYTES;

	EMIT(m, MI(0x20, 7), LOW(end - 8), HIGH(end), 1, 2, 3, 4);
	run_to_end(m);
	assert_int_equal(get64(m, end - 8), 0x200000001ull);
}

static void read_only_data(void **state)
{
	struct machine *m = *state;
	struct sg_mem *before;

	put32(m, LOCKED, 0x1234);
	EMIT(m, STORE_DWORD, LOW(LOCKED), HIGH(LOCKED), 1);
	EMIT(m, SRM, GPR0(m), LOW(LOCKED), HIGH(LOCKED));
	EMIT(m, COPY_MEM, LOW(LOCKED), HIGH(LOCKED), LOW(DATA), HIGH(DATA));
	EMIT(m, FLUSH_DW | 1u << 14, LOW(LOCKED), HIGH(LOCKED), 1, 2);
	EMIT(m, MI(0x2f, 3) | 5u << 8, LOW(LOCKED), HIGH(LOCKED));
	EMIT(m, LRM, GPR0(m), LOW(LOCKED), HIGH(LOCKED));
	EMIT(m, BATCH_END);
	memory_poke(m->mem, BATCH, m->dw, m->n * 4);
	before = memory_clone(m->mem);
	assert_int_equal(run(m), SG_CS_DONE);
	memory_assert_same(m->mem, before);
	assert_int_equal(get_gpr(m, 0), 0x1234);
	memory_free(before);
}

#define ON(name, machine) \
	{ #name " (" #machine ")", name, machine##_machine, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(store_dword, render),
		ON(store_dword, copy),
		ON(store_qword, render),
		ON(store_many, render),
		ON(store_many_qwords, video),
		ON(store_of_half_a_qword, render),
		ON(store_of_nothing, render),
		ON(store_too_long, render),
		ON(canonical_addresses, copy),
		ON(load_register_imm, render),
		ON(load_register_imm, video),
		ON(load_register_imm_bytes, copy),
		ON(load_register_imm_in_halves, render),
		ON(load_register_mem, render),
		ON(load_register_mem, copy),
		ON(store_register_mem, render),
		ON(store_register_mem_predicated, render),
		ON(load_register_reg, video),
		ON(copy_mem_mem, render),
		ON(wrong_lengths, render),
		ON(flush_dw_writes_dword, copy),
		ON(flush_dw_writes_qword, copy),
		ON(flush_dw_writes_timestamp, copy),
		ON(flush_dw_writes_nothing, copy),
		ON(flush_dw_flags, video),
		ON(pipe_control_writes, render),
		ON(pipe_control_lengths, render),
		ON(report_of_counters, render),
		ON(global_addresses, render),
		ON(global_addresses, copy),
		ON(global_loads, render),
		ON(unmapped_data, render),
		ON(partly_mapped_data, copy),
		ON(read_only_data, render),
	};

	return cmocka_run_group_tests_name("stores", tests, NULL, NULL);
}
