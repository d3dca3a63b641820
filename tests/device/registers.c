// SPDX-License-Identifier: GPL-2.0 OR MIT
/* The register file: what a batch can reach keeps what is written, for its context alone. */
#include "testing.h"
#include "machine.h"

#include <stdlib.h>

/**
 * struct known - registers that follow each other (PRM volume 2c and 3, non-privileged registers).
 * @offset: the first
 * @count: dwords
 * @bits: those that a batch can count on
 * @masked: the upper half of a write says which bits of the lower are written
 */
struct known {
	u32 offset;
	u32 count;
	u32 bits;
	bool masked;
};

static const struct known render_registers[] = {
	{ 0x2094, 1, 0x3fffff, false },	/* NOPID */
	{ 0x20c0, 1, 0x100, true },	/* INSTPM */
	{ 0x2290, 2, ~0u, false },	/* GPGPU_THREADS_DISPATCHED */
	{ 0x22c8, 2, ~3u, false },	/* PS_INVOCATION_COUNT */
	{ 0x22d8, 2, ~0u, false },	/* PS_DEPTH_COUNT */
	{ 0x22f0, 2, ~3u, false },	/* both again, slice 1 */
	{ 0x22f8, 2, ~0u, false },
	{ 0x2300, 16, ~0u, false },	/* pipeline statistics, HS to CL */
	{ 0x2360, 2, ~0u, false },	/* OA_CTX_CONTROL, OACTXID */
	{ 0x23bc, 1, 1, false },	/* MI_PREDICATE_RESULT_2 */
	{ 0x2400, 5, ~0u, false },	/* MI_PREDICATE_SRC0, SRC1, DATA */
	{ 0x2418, 1, 1, false },	/* MI_PREDICATE_RESULT */
	{ 0x241c, 1, 1, false },	/* MI_PREDICATE_RESULT_1 */
	{ 0x2420, 1, ~0u, false },	/* 3DPRIM_END_OFFSET */
	{ 0x2430, 5, ~0u, false },	/* 3DPRIM_START_VERTEX and on */
	{ 0x2448, 2, ~3u, false },	/* PS_INVOCATION_COUNT, slice 2 */
	{ 0x2450, 2, ~0u, false },	/* PS_DEPTH_COUNT, slice 2 */
	{ 0x2500, 3, ~0u, false },	/* GPGPU_DISPATCHDIM */
	{ 0x2580, 1, 0xffff, true },	/* CS_CHICKEN1 */
	{ 0x2600, 32, ~0u, false },	/* CS_GPR */
	{ 0x5200, 8, ~0u, false },	/* SO_NUM_PRIMS_WRITTEN */
	{ 0x5240, 8, ~0u, false },	/* SO_PRIM_STORAGE_NEEDED */
	{ 0x5280, 4, ~3u, false },	/* SO_WRITE_OFFSET */
	{ 0x7000, 1, 0xfeff, true },	/* CACHE_MODE_0 */
	{ 0x7004, 1, 0xffff, true },	/* CACHE_MODE_1 */
	{ 0x7008, 1, 0xffff, true },	/* GT_MODE */
	{ 0x7014, 1, 0xffff, true },	/* COMMON_SLICE_CHICKEN2 */
	{ 0x7034, 1, ~0u, false },	/* L3CNTLREG */
	{ 0x7304, 1, 0xffff, true },	/* HDC_CHICKEN1 */
	{ 0xe400, 1, 0xffff, false },	/* TD_CTL */
	{ 0xe404, 1, ~0u, false },	/* TD_CTL2 */
};

static const struct known copy_registers[] = {
	{ 0x22200, 1, 3, true },	/* BCS_SWCTRL */
	{ 0x22600, 32, ~0u, false },
};

static const struct known video_registers[] = {
	{ 0x12600, 32, ~0u, false },
};

static const struct known *known_of(const struct machine *m, unsigned int *n)
{
	switch (m->cs->class) {
	case SG_RENDER:
		*n = ARRAY_SIZE(render_registers);
		return render_registers;
	case SG_COPY:
		*n = ARRAY_SIZE(copy_registers);
		return copy_registers;
	default:
		*n = ARRAY_SIZE(video_registers);
		return video_registers;
	}
}

/* What a command writes so that the register's bits are those of @value. */
static u32 to_write(const struct known *k, u32 value)
{
	return k->masked ? 0xffff0000 | (value & 0xffff) : value;
}

/* Let a batch store the register's value to memory, as only a batch can. */
static u32 stored(struct machine *m, u32 offset)
{
	EMIT(m, SRM, offset, LOW(DATA), HIGH(DATA));
	run_to_end(m);
	return get32(m, DATA);
}

static void keep_what_is_written(void **state)
{
	static const u32 values[] = { ~0u, 0, 0xaaaaaaaa, 0x55555555, 0xdeadbeef };
	struct machine *m = *state;
	unsigned int n, i, j, v;
	const struct known *k = known_of(m, &n);

	for (v = 0; v < ARRAY_SIZE(values); v++)
		for (i = 0; i < n; i++)
			for (j = 0; j < k[i].count; j++) {
				u32 offset = k[i].offset + 4 * j, found;

				EMIT(m, LRI, offset, to_write(&k[i], values[v]));
				found = stored(m, offset);
				if ((found ^ values[v]) & k[i].bits)
					fail_msg("%#x: %#x was written, %#x is read", offset,
						 values[v], found);
			}
}

/* Each has a value of its own, all at a time. */
static void are_apart(void **state)
{
	struct machine *m = *state;
	unsigned int n, i, j;
	const struct known *k = known_of(m, &n);

	for (i = 0; i < n; i++)
		for (j = 0; j < k[i].count; j++) {
			u32 offset = k[i].offset + 4 * j;

			EMIT(m, LRI, offset, to_write(&k[i], offset * 0x9e3779b1));
		}
	run_to_end(m);
	for (i = 0; i < n; i++)
		for (j = 0; j < k[i].count; j++) {
			u32 offset = k[i].offset + 4 * j;

			if ((stored(m, offset) ^ offset * 0x9e3779b1) & k[i].bits)
				fail_msg("%#x was changed by the write to another", offset);
		}
}

static void masked_writes(void **state)
{
	struct machine *m = *state;
	unsigned int n, i, bit;
	const struct known *k = known_of(m, &n);

	for (i = 0; i < n; i++) {
		if (!k[i].masked)
			continue;
		for (bit = 0; bit < 16; bit++) {
			if (!(k[i].bits >> bit & 1))
				continue;
			EMIT(m, LRI, k[i].offset, 0xffff0000);
			EMIT(m, LRI, k[i].offset, 0x00010001u << bit);
			assert_int_equal(stored(m, k[i].offset) & k[i].bits, 1u << bit);
			EMIT(m, LRI, k[i].offset, 0xffffu & ~(1u << bit));
			assert_int_equal(stored(m, k[i].offset) & k[i].bits, 1u << bit);
			EMIT(m, LRI, k[i].offset, 0x00010000u << bit | 0xffff);
			EMIT(m, LRI, k[i].offset, 0x00010000u << bit);
			assert_int_equal(stored(m, k[i].offset) & k[i].bits, 0);
		}
	}
}

/* Whatever one context writes to whatever register, another does not see it. */
static void isolation(void **state)
{
	struct machine *m = *state, *other = machine_new(m->cs->class);
	u32 *before = calloc(0x40000 / 4, sizeof(u32));
	u32 offset;

	assert_non_null(before);
	memory_set_clock(0);
	for (offset = 0; offset < 0x40000; offset += 4)
		before[offset / 4] = sg_reg_read(&other->cs->regs, offset);
	EMIT(other, USER_INTERRUPT, BATCH_END);
	load(other);
	for (offset = 0; offset < 0x40000; offset += 4) {
		EMIT(m, LRI, offset, 0xffffffff);
		if (m->n > 6000 || offset == 0x3fffc)
			run_to_end(m);
	}
	memory_set_clock(0);
	for (offset = 0; offset < 0x40000; offset += 4)
		assert_int_equal(sg_reg_read(&other->cs->regs, offset), before[offset / 4]);
	assert_int_equal(go_on(other), SG_CS_DONE);
	/* and the one that wrote is none the worse */
	run_to_end(m);
	free(before);
	machine_free(other);
}

/* A new context has none of what the last one left. */
static void fresh(void **state)
{
	struct machine *m = *state;
	unsigned int n, i, j;
	const struct known *k = known_of(m, &n);

	for (i = 0; i < n; i++)
		for (j = 0; j < k[i].count; j++)
			EMIT(m, LRI, k[i].offset + 4 * j, 0xffffffff);
	run_to_end(m);
	sg_cs_init(m->cs, m->cs->class, 0);
	for (i = 0; i < n; i++)
		for (j = 0; j < k[i].count; j++)
			assert_int_equal(stored(m, k[i].offset + 4 * j) & k[i].bits, 0);
}

/* They belong to the context, not to the batch. */
static void outlive_a_batch(void **state)
{
	struct machine *m = *state;

	EMIT(m, LRI, m->base + GPR(5), 0x1234);
	run_to_end(m);
	EMIT(m, NOOP);
	run_to_end(m);
	assert_int_equal(stored(m, m->base + GPR(5)), 0x1234);
}

static void timestamp(void **state)
{
	struct machine *m = *state;
	u32 first, second;

	memory_set_clock(0xf123456789abull);
	EMIT(m, LRI, m->base + 0x358, 5, LRI, m->base + 0x35c, 5);
	first = stored(m, m->base + 0x358);
	second = stored(m, m->base + 0x358);
	assert_true(first >= 0x456789ab - 0x400 && first < 0x456789ab + 0x400);
	assert_true(second > first && second - first < 0x400);
	/* 36 bits */
	assert_int_equal(stored(m, m->base + 0x35c), 0x3);
}

static void context_timestamp(void **state)
{
	struct machine *m = *state;
	u32 first;

	EMIT(m, LRI, m->base + 0x3a8, 0x80000000);
	first = stored(m, m->base + 0x3a8);
	assert_true(first < 0x80000000);
	assert_true(stored(m, m->base + 0x3a8) >= first);
}

/* It stands still while others have the engine. */
static void context_timestamp_stands_still(void **state)
{
	struct machine *m = *state;

	memory_set_clock(1000000);
	sg_cs_enter(m->cs);
	assert_in_range(stored(m, m->base + 0x3a8), 0, 1000);
	memory_set_clock(2000000);
	assert_in_range(stored(m, m->base + 0x3a8), 1000000, 1001000);
	sg_cs_leave(m->cs);
	memory_set_clock(9000000);
	sg_cs_enter(m->cs);
	assert_in_range(stored(m, m->base + 0x3a8), 1000000, 1001000);
}

/* What runs the engine is not for batches: ring, contexts, page tables, interrupts, resets. */
static void privileged(void **state)
{
	static const u32 offsets[] = { 0x20, 0x30, 0x34, 0x38, 0x80, 0x98, 0xa8, 0xd0, 0x230, 0x244,
				       0x270, 0x274, 0x510, 0x550 };
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(offsets); i++) {
		u32 before = stored(m, m->base + offsets[i]);

		EMIT(m, LRI, m->base + offsets[i], ~before);
		assert_int_equal(stored(m, m->base + offsets[i]), before);
	}
}

/* An engine reaches its own registers only. */
static void other_engines(void **state)
{
	static const u32 bases[] = { 0x02000, 0x12000, 0x1a000, 0x1c000, 0x22000 };
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bases); i++) {
		if (bases[i] == m->base)
			continue;
		EMIT(m, LRI, bases[i] + GPR(0), 0x1234);
		assert_int_equal(stored(m, bases[i] + GPR(0)), 0);
		assert_int_equal(get_gpr(m, 0), 0);
	}
	EMIT(m, LRI, m->base == 0x22000 ? 0x7000 : 0x22200, 0xffffffff);
	assert_int_equal(stored(m, m->base == 0x22000 ? 0x7000 : 0x22200), 0);
}

#define ON(name, machine) \
	{ #name " (" #machine ")", name, machine##_machine, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		ON(keep_what_is_written, render),
		ON(keep_what_is_written, copy),
		ON(keep_what_is_written, video),
		ON(are_apart, render),
		ON(are_apart, copy),
		ON(masked_writes, render),
		ON(masked_writes, copy),
		ON(isolation, render),
		ON(isolation, copy),
		ON(isolation, video),
		ON(fresh, render),
		ON(fresh, copy),
		ON(outlive_a_batch, render),
		ON(timestamp, render),
		ON(timestamp, copy),
		ON(context_timestamp, render),
		ON(context_timestamp, video),
		ON(context_timestamp_stands_still, render),
		ON(privileged, render),
		ON(privileged, copy),
		ON(other_engines, render),
		ON(other_engines, copy),
	};

	return cmocka_run_group_tests_name("registers", tests, NULL, NULL);
}
