// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Raster operations: all 256, by every command that carries them, at every depth. */
#include "testing.h"
#include "picture.h"
#include "rop.h"

#define DEST		0x10000000ull
#define SOURCE		0x20000000ull
#define PATTERN		0x30000000ull
#define BITS		0x30001000ull
#define PITCH		404

static int pictures(void **state)
{
	struct machine *m;

	copy_machine(state);
	m = *state;
	memory_map(m->mem, DEST, 1, 0);
	memory_map(m->mem, SOURCE, 1, 0);
	memory_map(m->mem, PATTERN, 2, 0);
	return 0;
}

/* Of three operands that take all eight combinations, the result is the table itself. */
static void table(void **state)
{
	const u64 p = 0xf0f0f0f0f0f0f0f0ull, s = 0xccccccccccccccccull, d = 0xaaaaaaaaaaaaaaaaull;
	unsigned int rop, i;

	(void)state;
	for (rop = 0; rop < 256; rop++) {
		u64 dst[3] = { d, d, d }, src[3] = { s, s, s }, pat[3] = { p, p, p };

		sg_rop((u8)rop, dst, src, pat, 2);
		for (i = 0; i < 2; i++)
			assert_int_equal(dst[i], rop * 0x0101010101010101ull);
		assert_int_equal(dst[2], d);
		assert_int_equal(src[0], s);
		assert_int_equal(pat[0], p);
	}
}

/* An operand makes a difference if there are values of the others for which it does. */
static void operands_used(void **state)
{
	unsigned int rop, others;

	(void)state;
	for (rop = 0; rop < 256; rop++) {
		bool by[3] = { false, false, false };	/* destination, source, pattern */
		unsigned int bit;

		for (bit = 0; bit < 3; bit++)
			for (others = 0; others < 8; others++)
				if ((rop >> others & 1) != (rop >> (others ^ 1u << bit) & 1))
					by[bit] = true;
		assert_int_equal(sg_rop_uses_dest((u8)rop), by[0]);
		assert_int_equal(sg_rop_uses_source((u8)rop), by[1]);
		assert_int_equal(sg_rop_uses_pattern((u8)rop), by[2]);
	}
}

static struct drawing a_drawing(unsigned int depth, enum source_kind source,
				enum pattern_kind pattern)
{
	return (struct drawing) {
		.dst = { DEST + 4, PITCH, 'L' }, .depth = depth, .area = { 3, 1, 26, 4 },
		.write_alpha = true, .write_rgb = true,
		.source = source, .src = { SOURCE + 8, PITCH, 'L' }, .src_x = 2, .src_y = 3,
		.bits = BITS, .bits_align = 16, .fg = 0x93c5a6f0, .bg = 0x0f5a3c99,
		.pattern = pattern, .pat = PATTERN, .pat_x = 0, .pat_y = 0,
		.pat_fg = 0x5a0ff0c3, .pat_bg = 0x69a53cf0,
	};
}

/* By one command, at all depths: the operations that use no more than it has. */
static void check_command(struct machine *m, u32 opcode, enum source_kind source,
			  enum pattern_kind pattern, unsigned int expected)
{
	unsigned int rop, depth, done;

	for (depth = 0; depth < 4; depth++) {
		for (done = 0, rop = 0; rop < 256; rop++) {
			struct drawing d = a_drawing(depth, source, pattern);

			/* bit 2 of a line of the table is the pattern, bit 1 the source */
			if (pattern == NO_PATTERN && rop >> 4 != (rop & 15))
				continue;
			if (source == NO_SOURCE && (rop >> 2 & 0x33) != (rop & 0x33))
				continue;
			d.rop = (u8)rop;
			emit_xy(m, opcode, &d);
			check_drawing(m, &d);
			done++;
		}
		assert_int_equal(done, expected);
	}
}

static void color(void **state)
{
	check_command(*state, 0x50, NO_SOURCE, SOLID_PATTERN, 16);
}

static void pat(void **state)
{
	check_command(*state, 0x51, NO_SOURCE, COLOR_PATTERN, 16);
}

static void pat_immediate(void **state)
{
	check_command(*state, 0x72, NO_SOURCE, COLOR_PATTERN, 16);
}

static void mono_pat(void **state)
{
	check_command(*state, 0x52, NO_SOURCE, MONO_PATTERN, 16);
}

static void src_copy(void **state)
{
	check_command(*state, 0x53, COLOR_SOURCE, NO_PATTERN, 16);
}

static void mono_src_copy(void **state)
{
	check_command(*state, 0x54, MONO_SOURCE, NO_PATTERN, 16);
}

static void full(void **state)
{
	check_command(*state, 0x55, COLOR_SOURCE, COLOR_PATTERN, 256);
}

static void full_mono_src(void **state)
{
	check_command(*state, 0x56, MONO_SOURCE, COLOR_PATTERN, 256);
}

static void full_mono_pattern(void **state)
{
	check_command(*state, 0x57, COLOR_SOURCE, MONO_PATTERN, 256);
}

static void full_mono_pattern_mono_src(void **state)
{
	check_command(*state, 0x58, MONO_SOURCE, MONO_PATTERN, 256);
}

static void full_immediate_pattern(void **state)
{
	check_command(*state, 0x74, COLOR_SOURCE, COLOR_PATTERN, 256);
}

static void full_mono_src_immediate_pattern(void **state)
{
	check_command(*state, 0x75, MONO_SOURCE, COLOR_PATTERN, 256);
}

#define WITH_PICTURES(name) { #name, name, pictures, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table),
		cmocka_unit_test(operands_used),
		WITH_PICTURES(color),
		WITH_PICTURES(pat),
		WITH_PICTURES(pat_immediate),
		WITH_PICTURES(mono_pat),
		WITH_PICTURES(src_copy),
		WITH_PICTURES(mono_src_copy),
		WITH_PICTURES(full),
		WITH_PICTURES(full_mono_src),
		WITH_PICTURES(full_mono_pattern),
		WITH_PICTURES(full_mono_pattern_mono_src),
		WITH_PICTURES(full_immediate_pattern),
		WITH_PICTURES(full_mono_src_immediate_pattern),
	};

	return cmocka_run_group_tests_name("rops", tests, NULL, NULL);
}
