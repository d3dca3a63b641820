// SPDX-License-Identifier: GPL-2.0 OR MIT
/* XY commands in all their shapes, each compared with a picture drawn a pixel at a time. */
#include "testing.h"
#include "drawings.h"

/* @n random drawings by one command; some with memory that comes in shreds. */
static void check_command(struct machine *m, const struct command *c, unsigned int n)
{
	unsigned int i;

	for (i = 0; i < n; i++) {
		struct drawing d = random_drawing(c);
		unsigned int cpp = bytes_per_pixel(d.depth);

		/* a command has room for 249 dwords of bits */
		if (c->opcode == 0x71 &&
		    (unsigned int)(d.area.x2 - d.area.x1 + 23) / 16 * 2 *
		    (unsigned int)(d.area.y2 - d.area.y1) > 900)
			continue;
		assert_true(64 * cpp / 4 + 12 < 257);
		memory_chop(m->mem, random32() % 4 == 0);
		emit_xy(m, c->opcode, &d);
		check_drawing(m, &d);
	}
	memory_chop(m->mem, false);
}

#define COMMAND(name, opcode, source, pattern, chroma)				\
	static void name(void **state)						\
	{									\
		static const struct command c = { opcode, source, pattern, chroma };	\
										\
		check_command(*state, &c, 150);					\
	}

COMMAND(color, 0x50, NO_SOURCE, SOLID_PATTERN, false)
COMMAND(pat, 0x51, NO_SOURCE, COLOR_PATTERN, false)
COMMAND(mono_pat, 0x52, NO_SOURCE, MONO_PATTERN, false)
COMMAND(mono_pat_solid, 0x52, NO_SOURCE, SOLID_PATTERN, false)
COMMAND(src_copy, 0x53, COLOR_SOURCE, NO_PATTERN, false)
COMMAND(mono_src_copy, 0x54, MONO_SOURCE, NO_PATTERN, false)
COMMAND(full, 0x55, COLOR_SOURCE, COLOR_PATTERN, false)
COMMAND(full_mono_src, 0x56, MONO_SOURCE, COLOR_PATTERN, false)
COMMAND(full_mono_pattern, 0x57, COLOR_SOURCE, MONO_PATTERN, false)
COMMAND(full_mono_pattern_mono_src, 0x58, MONO_SOURCE, MONO_PATTERN, false)
COMMAND(mono_src_copy_immediate, 0x71, MONO_SOURCE, NO_PATTERN, false)
COMMAND(pat_immediate, 0x72, NO_SOURCE, COLOR_PATTERN, false)
COMMAND(src_copy_chroma, 0x73, COLOR_SOURCE, NO_PATTERN, true)
COMMAND(full_immediate_pattern, 0x74, COLOR_SOURCE, COLOR_PATTERN, false)
COMMAND(full_mono_src_immediate_pattern, 0x75, MONO_SOURCE, COLOR_PATTERN, false)
COMMAND(pat_chroma, 0x76, NO_SOURCE, COLOR_PATTERN, true)
COMMAND(pat_chroma_immediate, 0x77, NO_SOURCE, COLOR_PATTERN, true)

static const struct command copy = { 0x53, COLOR_SOURCE, NO_PATTERN, false };

/* Source and destination are one surface, at every distance up to a few pixels and rows. */
static void check_overlap(struct machine *m, struct surface s, unsigned int depth, u8 rop, int reach,
			  bool write_alpha)
{
	unsigned int cpp = bytes_per_pixel(depth);
	int dx, dy, w = width_of(&s, cpp) - 2 * reach;

	for (dy = -reach; dy <= reach; dy += reach > 4 ? 3 : 1)
		for (dx = -reach; dx <= reach; dx += reach > 4 ? 3 : 1) {
			struct drawing d = {
				.dst = s, .src = s, .depth = depth, .rop = rop,
				.area = { reach, reach, reach + w, reach + 9 },
				.source = COLOR_SOURCE, .src_x = reach + dx, .src_y = reach + dy,
				.write_alpha = write_alpha, .write_rgb = true,
			};

			emit_xy(m, copy.opcode, &d);
			check_drawing(m, &d);
		}
}

static void overlap(void **state)
{
	static const struct surface surfaces[] = {
		{ DEST, 301, 'L' }, { DEST, 640, 'L' }, { DEST + 30 * 640, -640, 'L' },
		{ DEST, 512, 'X' }, { DEST, 256, 'Y' },
	};
	unsigned int i, depth;

	for (i = 0; i < ARRAY_SIZE(surfaces); i++)
		for (depth = 0; depth < 4; depth += depth ? 2 : 1) {
			check_overlap(*state, surfaces[i], depth, 0xcc, 2, true);
			check_overlap(*state, surfaces[i], depth, 0xcc, 1, false);
			check_overlap(*state, surfaces[i], depth, 0x66, 1, true);
		}
	check_overlap(*state, surfaces[1], 3, 0xcc, 12, true);
}

/* Overlap at distances near the length of the spans that a blit is cut into. */
static void overlap_far(void **state)
{
	struct machine *m = *state;
	int dx;

	for (dx = -520; dx <= 520; dx += 13) {
		struct drawing d = {
			.dst = { DEST, 2000, 'L' }, .src = { DEST, 2000, 'L' }, .depth = 0,
			.rop = 0xcc, .area = { 600, 2, 1300, 5 }, .source = COLOR_SOURCE,
			.src_x = 600 + dx, .src_y = 2 + (dx % 2 ? 0 : 1),
			.write_alpha = true, .write_rgb = true,
		};

		emit_xy(m, copy.opcode, &d);
		check_drawing(m, &d);
	}
}

/* Clipped overlap: the direction counts from what is drawn, the source moves along. */
static void overlap_clipped(void **state)
{
	struct machine *m = *state;
	int dx, dy;

	for (dy = -1; dy <= 1; dy++)
		for (dx = -1; dx <= 1; dx++) {
			struct drawing d = {
				.dst = { DEST, 400, 'L' }, .src = { DEST, 400, 'L' }, .depth = 1,
				.rop = 0xcc, .area = { 10, 10, 90, 30 }, .clipped = true,
				.clip = { 31, 13, 77, 29 }, .source = COLOR_SOURCE,
				.src_x = 10 + dx * 3, .src_y = 10 + dy * 2,
				.write_alpha = true, .write_rgb = true,
			};

			emit_xy(m, copy.opcode, &d);
			check_drawing(m, &d);
		}
}

/* The clip rectangle shows a part of a drawing that begins above and left of the surface. */
static void negative_coordinates(void **state)
{
	static const struct command commands[] = {
		{ 0x50, NO_SOURCE, SOLID_PATTERN, false }, { 0x51, NO_SOURCE, COLOR_PATTERN, false },
		{ 0x53, COLOR_SOURCE, NO_PATTERN, false }, { 0x54, MONO_SOURCE, NO_PATTERN, false },
		{ 0x58, MONO_SOURCE, MONO_PATTERN, false },
	};
	unsigned int i, j;

	for (i = 0; i < ARRAY_SIZE(commands); i++)
		for (j = 0; j < 60; j++) {
			struct drawing d = random_drawing(&commands[i]);
			int w = d.area.x2 - d.area.x1, h = d.area.y2 - d.area.y1;

			d.area = (struct area) { random_in(-w, 0), random_in(-h, 0), 0, 0 };
			d.area.x2 = d.area.x1 + w;
			d.area.y2 = d.area.y1 + h;
			d.clipped = true;
			d.clip = (struct area) { 0, 0, random_in(0, 50), random_in(0, 20) };
			emit_xy(*state, commands[i].opcode, &d);
			check_drawing(*state, &d);
		}
}

/* Without clipping they are just addresses before the base. */
static void negative_coordinates_unclipped(void **state)
{
	struct drawing d = {
		.dst = { DEST + 4000, 200, 'L' }, .src = { SOURCE + 9000, 300, 'L' }, .depth = 3,
		.rop = 0xcc, .area = { -20, -9, 10, 7 }, .source = COLOR_SOURCE,
		.src_x = -30, .src_y = -20, .write_alpha = true, .write_rgb = true,
	};

	emit_xy(*state, copy.opcode, &d);
	check_drawing(*state, &d);
}

static void empty_areas(void **state)
{
	static const struct area areas[] = { { 5, 5, 5, 9 }, { 5, 5, 9, 5 }, { 9, 5, 5, 9 },
		{ 5, 9, 9, 5 }, { 32767, 0, -32768, 1 }, { 0, 0, 0, 0 } };
	struct machine *m = *state;
	struct sg_mem *before;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(areas); i++) {
		struct drawing d = random_drawing(&copy);

		d.area = areas[i];
		emit_xy(m, copy.opcode, &d);
		EMIT(m, BATCH_END);
		load(m);
		before = memory_clone(m->mem);
		assert_int_equal(go_on(m), SG_CS_DONE);
		memory_assert_same(m->mem, before);
		memory_free(before);
	}
}

/* Holes and read-only pages in both surfaces: reads give 0, writes are dropped, the rest is drawn. */
static void holes(void **state)
{
	static const struct command commands[] = {
		{ 0x50, NO_SOURCE, SOLID_PATTERN, false }, { 0x53, COLOR_SOURCE, NO_PATTERN, false },
		{ 0x54, MONO_SOURCE, NO_PATTERN, false }, { 0x55, COLOR_SOURCE, COLOR_PATTERN, false },
	};
	struct machine *m = *state;
	unsigned int i, j;

	memory_unmap(m->mem, DEST + 2 * PAGE_BYTES, 1);
	memory_unmap(m->mem, DEST + 5 * PAGE_BYTES, 2);
	memory_map(m->mem, DEST + 6 * PAGE_BYTES, 1, MEMORY_READ_ONLY);
	memory_unmap(m->mem, SOURCE + PAGE_BYTES, 2);
	memory_map(m->mem, SOURCE + 2 * PAGE_BYTES, 1, MEMORY_READ_ONLY);
	memory_unmap(m->mem, BITS, 1);
	for (i = 0; i < ARRAY_SIZE(commands); i++)
		for (j = 0; j < 60; j++) {
			struct drawing d = random_drawing(&commands[i]);

			d.bits = BITS + PAGE_BYTES - 20;
			emit_xy(m, commands[i].opcode, &d);
			check_drawing(m, &d);
		}
	assert_true(memory_faults(m->mem) > 0);
}

/* The half of a pixel that is in a read-only page counts for the key, as all of it does. */
static void key_of_a_read_only_half(void **state)
{
	struct machine *m = *state;
	struct drawing d = {
		.dst = { DEST + PAGE_BYTES - 2, 512, 'L' }, .depth = 3, .area = { 0, 0, 1, 1 },
		.rop = 0xf0, .write_alpha = true, .write_rgb = true,
		.pattern = COLOR_PATTERN, .pat = PATTERN, .key = 7,
	};
	u32 old;

	memory_unmap(m->mem, DEST + PAGE_BYTES, 1);
	memory_map(m->mem, DEST + PAGE_BYTES, 1, MEMORY_READ_ONLY);
	old = (u32)memory_get(m->mem, d.dst.base, 4);
	assert_true(old & 0xff0000);
	d.key_low = old;
	d.key_high = old;
	emit_xy(m, 0x76, &d);
	check_drawing(m, &d);
	assert_true(memory_get(m->mem, d.dst.base, 2) == memory_get(m->mem, PATTERN, 2));
}

/* Surfaces larger than a piece, that lie together on the host or not, with all pitches near theirs. */
static void large(void **state)
{
	const u64 from = 0x40000000, to = 0x50000000;
	struct machine *m = *state;
	unsigned int i;

	memory_map(m->mem, from, 36, MEMORY_CONTIGUOUS);
	memory_map(m->mem, to, 20, MEMORY_CONTIGUOUS);
	memory_map(m->mem, to + 20 * PAGE_BYTES, 16, 0);
	for (i = 0; i < 8; i++) {
		struct drawing d = {
			.dst = { to, i & 1 ? 1024 : 1028, 'L' }, .depth = 3, .area = { 0, 0, 256, 140 },
			.src = { from, i & 2 ? 1024 : 1028, 'L' }, .rop = 0xcc,
			.write_alpha = true, .write_rgb = true, .source = COLOR_SOURCE,
			.pat_fg = 0x01020304,
		};

		if (i & 4) {
			d.source = NO_SOURCE;
			d.pattern = SOLID_PATTERN;
			d.rop = 0xf0;
		}
		emit_xy(m, i & 4 ? 0x50 : 0x53, &d);
		check_drawing(m, &d);
	}
}

#define WITH_PICTURES(name) { #name, name, blits_machine, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PICTURES(color),
		WITH_PICTURES(pat),
		WITH_PICTURES(mono_pat),
		WITH_PICTURES(mono_pat_solid),
		WITH_PICTURES(src_copy),
		WITH_PICTURES(mono_src_copy),
		WITH_PICTURES(full),
		WITH_PICTURES(full_mono_src),
		WITH_PICTURES(full_mono_pattern),
		WITH_PICTURES(full_mono_pattern_mono_src),
		WITH_PICTURES(mono_src_copy_immediate),
		WITH_PICTURES(pat_immediate),
		WITH_PICTURES(src_copy_chroma),
		WITH_PICTURES(full_immediate_pattern),
		WITH_PICTURES(full_mono_src_immediate_pattern),
		WITH_PICTURES(pat_chroma),
		WITH_PICTURES(pat_chroma_immediate),
		WITH_PICTURES(overlap),
		WITH_PICTURES(overlap_far),
		WITH_PICTURES(overlap_clipped),
		WITH_PICTURES(negative_coordinates),
		WITH_PICTURES(negative_coordinates_unclipped),
		WITH_PICTURES(empty_areas),
		WITH_PICTURES(holes),
		WITH_PICTURES(key_of_a_read_only_half),
		WITH_PICTURES(large),
	};

	return cmocka_run_group_tests_name("blits", tests, NULL, NULL);
}
