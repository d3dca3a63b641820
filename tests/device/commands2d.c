// SPDX-License-Identifier: GPL-2.0 OR MIT
/* 2D commands that are no XY_*_BLT with everything in it: SETUP and its users, the plain and the fast. */
#include "testing.h"
#include "picture.h"

#define DEST		0x10000000ull
#define SOURCE		0x20000000ull
#define PATTERN		0x30000000ull
#define BITS		0x30001000ull
#define SURFACE_PAGES	8

static int pictures(void **state)
{
	struct machine *m;

	copy_machine(state);
	m = *state;
	memory_map(m->mem, DEST, SURFACE_PAGES, 0);
	memory_map(m->mem, SOURCE, SURFACE_PAGES, 0);
	memory_map(m->mem, PATTERN, 1, 0);
	memory_map(m->mem, BITS, 1, 0);
	random_seed(2);
	return 0;
}

static u32 corner(int x, int y)
{
	return (u32)(y & 0xffff) << 16 | (x & 0xffff);
}

static const struct surface surfaces[] = {
	{ DEST + 12, 500, 'L' }, { DEST, 512, 'X' }, { DEST, 256, 'Y' }, { DEST + 40 * 600, -600, 'L' },
};

/* What SETUP says, all but the pattern; a clip rectangle in the middle. */
static struct drawing random_setup(void)
{
	struct drawing d = {
		.dst = surfaces[random32() % ARRAY_SIZE(surfaces)], .depth = random32() % 4,
		.clipped = true, .clip = { 7, 3, random_in(8, 60), random_in(4, 20) },
		.write_alpha = random32() % 4 != 0, .write_rgb = random32() % 4 != 0,
		.fg = random32(), .bg = random32(), .mono_transparent = random32() % 2,
		.pat = PATTERN + 8 * (random32() % 64), .bits = BITS + random32() % 1000,
	};

	d.pat_fg = d.fg;
	d.pat_bg = d.bg;
	return d;
}

static void emit_setup(struct machine *m, u32 opcode, const struct drawing *d)
{
	EMIT(m, LRI, m->base + 0x200, 0x30000 | (d->dst.tiling == 'Y') << 1);
	EMIT(m, 2u << 29 | opcode << 22 | 8 | d->write_alpha << 21 | d->write_rgb << 20 |
	     (d->dst.tiling != 'L') << 11,
	     br13(d) | (u32)(d->pattern == SOLID_PATTERN) << 31, corner(d->clip.x1, d->clip.y1),
	     corner(d->clip.x2, d->clip.y2), LOW(d->dst.base), HIGH(d->dst.base), d->bg, d->fg);
	if (opcode == 0x11)
		EMIT(m, (u32)memory_get(m->mem, d->pat, 4), (u32)memory_get(m->mem, d->pat + 4, 4));
	else
		EMIT(m, LOW(d->pat), HIGH(d->pat));
}

static struct area random_area(void)
{
	struct area a = { random_in(-5, 40), random_in(-5, 12), 0, 0 };

	a.x2 = a.x1 + random_in(1, 40);
	a.y2 = a.y1 + random_in(1, 12);
	return a;
}

static u32 user(const struct drawing *d, u32 opcode, unsigned int n)
{
	return 2u << 29 | opcode << 22 | (d->dst.tiling != 'L') << 11 | (n - 2);
}

static void pixels(void **state)
{
	struct machine *m = *state;
	unsigned int i, j;

	for (i = 0; i < 40; i++) {
		struct drawing d = random_setup();

		d.mono_transparent = false;
		d.pattern = SOLID_PATTERN;
		d.rop = i % 3 ? 0xf0 : 0x5a;
		for (j = 0; j < 4; j++) {
			int x = random_in(5, 62), y = random_in(1, 22);

			d.area = (struct area) { x, y, x + 1, y + 1 };
			d.pattern = NO_PATTERN;		/* the word for solid is not needed */
			emit_setup(m, 0x01, &d);
			d.pattern = SOLID_PATTERN;
			EMIT(m, user(&d, 0x24, 2), corner(x, y));
			check_drawing(m, &d);
		}
	}
}

static void scanlines_color(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		struct drawing d = random_setup();

		d.mono_transparent = false;
		d.pattern = COLOR_PATTERN;
		d.rop = i % 3 ? 0xf0 : 0x5a;
		d.area = random_area();
		d.pat_x = random32() % 8;
		d.pat_y = random32() % 8;
		emit_setup(m, 0x01, &d);
		EMIT(m, user(&d, 0x25, 3) | d.pat_x << 12 | d.pat_y << 8,
		     corner(d.area.x1, d.area.y1), corner(d.area.x2, d.area.y2));
		check_drawing(m, &d);
	}
}

static void scanlines_mono(void **state)
{
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < 100; i++) {
		struct drawing d = random_setup();

		d.mono_transparent = false;
		d.pattern = i % 5 ? MONO_PATTERN : SOLID_PATTERN;
		d.pat_transparent = d.pattern == MONO_PATTERN && random32() % 2;
		if (d.pattern == SOLID_PATTERN)
			d.bg = d.pat_bg = d.fg;
		d.rop = i % 3 ? 0xf0 : 0x5a;
		d.area = random_area();
		if (d.pattern == MONO_PATTERN) {
			d.pat_x = random32() % 8;
			d.pat_y = random32() % 8;
		}
		emit_setup(m, 0x11, &d);
		EMIT(m, user(&d, 0x25, 3) | d.pat_x << 12 | d.pat_y << 8,
		     corner(d.area.x1, d.area.y1), corner(d.area.x2, d.area.y2));
		check_drawing(m, &d);
	}
}

static void check_text(struct machine *m, bool immediate, unsigned int align)
{
	unsigned int i, j, dwords;

	for (i = 0; i < 100; i++) {
		struct drawing d = random_setup();

		d.source = MONO_SOURCE;
		d.bits_align = align;
		d.rop = i % 3 ? 0xcc : 0x66;
		d.area = random_area();
		emit_setup(m, 0x01, &d);
		dwords = (unsigned int)(d.area.x2 - d.area.x1 + 7) / 8 *
			 (unsigned int)(d.area.y2 - d.area.y1);
		dwords = (dwords + 3) / 4;
		EMIT(m, user(&d, immediate ? 0x31 : 0x26, immediate ? 3 + dwords : 5) |
		     (align == 8) << 16,
		     corner(d.area.x1, d.area.y1), corner(d.area.x2, d.area.y2));
		if (!immediate)
			EMIT(m, LOW(d.bits), HIGH(d.bits));
		for (j = 0; immediate && j < dwords; j++)
			EMIT(m, (u32)memory_get(m->mem, d.bits + 4 * j, 4));
		check_drawing(m, &d);
	}
}

static void text(void **state)
{
	check_text(*state, false, 8);
	check_text(*state, false, 1);
}

static void text_immediate(void **state)
{
	check_text(*state, true, 8);
	check_text(*state, true, 1);
}

/* XY_MONO_PAT_FIXED_BLT: how many of the 64 pixels of each pattern are ones; 0: it does not exist. */
static void fixed_patterns(void **state)
{
	static const unsigned int ones[16] = {
		[0] = 8, [1] = 8, [2] = 8, [3] = 8, [4] = 15, [5] = 16, [8] = 32, [9] = 32,
		[10] = 8, [11] = 56,
	};
	struct machine *m = *state;
	unsigned int i, found;
	u64 at;

	for (i = 0; i < 16; i++) {
		EMIT(m, 2u << 29 | 0x59u << 22 | 6 | i << 15, 0xf0 << 16 | 8, 0, corner(8, 8),
		     LOW(DEST), HIGH(DEST), 0, 1, BATCH_END);
		if (!ones[i]) {
			assert_refused(m, BATCH);
			continue;
		}
		assert_int_equal(run(m), SG_CS_DONE);
		for (found = 0, at = DEST; at < DEST + 64; at++)
			found += (unsigned int)memory_get(m->mem, at, 1);
		assert_int_equal(found, ones[i]);
	}
}

/* XY_SETUP_CLIP_BLT replaces the rectangle and nothing else. */
static void setup_clip(void **state)
{
	struct machine *m = *state;
	struct drawing d = random_setup();

	d.dst = surfaces[0];
	d.mono_transparent = false;
	d.pattern = COLOR_PATTERN;
	d.rop = 0xf0;
	d.area = (struct area) { 0, 0, 50, 20 };
	emit_setup(m, 0x01, &d);
	d.clip = (struct area) { 20, 10, 31, 14 };
	emit_clip(m, &d.clip);
	EMIT(m, user(&d, 0x25, 3), corner(0, 0), corner(50, 20));
	check_drawing(m, &d);
}

/* COLOR_BLT: a width in bytes, and no corners. */
static void color_plain(void **state)
{
	static const u8 rops[] = { 0xf0, 0x00, 0xff, 0x5a, 0x0f };
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < 60; i++) {
		struct drawing d = {
			.depth = random32() % 4, .write_alpha = i % 4 != 1, .write_rgb = i % 4 != 2,
			.pattern = SOLID_PATTERN, .pat_fg = random32(),
			.rop = rops[random32() % ARRAY_SIZE(rops)],
			.area = { 0, 0, random_in(1, 100), random_in(1, 9) },
		};
		unsigned int cpp = bytes_per_pixel(d.depth);

		d.dst = (struct surface) { DEST + 8 * cpp, random_in(400, 900), 'L' };
		EMIT(m, 2u << 29 | 0x40u << 22 | 4 | d.write_alpha << 21 | d.write_rgb << 20, br13(&d),
		     (u32)d.area.y2 << 16 | (u32)d.area.x2 * cpp, LOW(DEST + 8 * cpp), HIGH(DEST),
		     d.pat_fg);
		check_drawing(m, &d);
	}
}

static void src_copy_plain(void **state)
{
	static const u8 rops[] = { 0xcc, 0x00, 0x33, 0x66, 0x88, 0xee, 0xdd, 0xaa };
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < 60; i++) {
		struct drawing d = {
			.dst = { DEST + 16, random_in(400, 900), 'L' },
			.src = { SOURCE + 20, random_in(400, 900), 'L' },
			.depth = random32() % 4, .write_alpha = i % 4 != 1, .write_rgb = i % 4 != 2,
			.source = COLOR_SOURCE, .rop = rops[i % ARRAY_SIZE(rops)],
			.area = { 0, 0, random_in(1, 100), random_in(1, 9) },
		};

		EMIT(m, 2u << 29 | 0x43u << 22 | 6 | d.write_alpha << 21 | d.write_rgb << 20, br13(&d),
		     (u32)d.area.y2 << 16 | (u32)d.area.x2 * bytes_per_pixel(d.depth),
		     LOW(d.dst.base), HIGH(d.dst.base), (u32)d.src.pitch, LOW(d.src.base),
		     HIGH(d.src.base));
		check_drawing(m, &d);
	}
}

/* What XY_FAST_COPY_BLT says of depths up to 128 bits, and as how many pixels that is drawn here. */
static const struct { u32 field; unsigned int depth; int pixels; } fast_depths[] = {
	{ 0, 0, 1 }, { 1, 1, 1 }, { 3, 3, 1 }, { 4, 3, 2 }, { 5, 3, 4 },
};

static u32 fast_tiling(const struct surface *s)
{
	return s->tiling == 'L' ? 0 : s->tiling == 'X' ? 1 : 2;
}

static void check_fast_copy(struct machine *m, struct surface to, struct surface from,
			    unsigned int depth, struct area area, int sx, int sy)
{
	int px = fast_depths[depth].pixels;
	struct drawing d = {
		.dst = to, .src = from, .depth = fast_depths[depth].depth, .rop = 0xcc,
		.area = { area.x1 * px, area.y1, area.x2 * px, area.y2 }, .source = COLOR_SOURCE,
		.src_x = sx * px, .src_y = sy, .write_alpha = true, .write_rgb = true,
	};

	EMIT(m, 2u << 29 | 0x42u << 22 | 8 | fast_tiling(&from) << 20 | fast_tiling(&to) << 13,
	     fast_depths[depth].field << 24 | (u32)(fast_tiling(&to) ? to.pitch / 4 : to.pitch),
	     corner(area.x1, area.y1), corner(area.x2, area.y2), LOW(to.base), HIGH(to.base),
	     corner(sx, sy), (u32)(fast_tiling(&from) ? from.pitch / 4 : from.pitch),
	     LOW(from.base), HIGH(from.base));
	check_drawing(m, &d);
}

static void fast_copy(void **state)
{
	static const struct surface from[] = {
		{ SOURCE + 64, 592, 'L' }, { SOURCE, 1024, 'X' }, { SOURCE, 384, 'Y' },
	};
	struct machine *m = *state;
	unsigned int i, depth;

	for (depth = 0; depth < ARRAY_SIZE(fast_depths); depth++)
		for (i = 0; i < 6 * 9; i++) {
			struct area area = { random_in(0, 6), random_in(0, 20), 0, 0 };

			area.x2 = area.x1 + random_in(1, 8);
			area.y2 = area.y1 + random_in(1, 12);
			memory_chop(m->mem, i % 6 == 5);
			check_fast_copy(m, surfaces[i % 3], from[i / 3 % 3], depth, area,
					random_in(0, 7), random_in(0, 9));
		}
}

/* Several pieces, between all kinds of surfaces; tiles that are copied whole, and into holes. */
static void fast_copy_large(void **state)
{
	const u64 from = 0x40000000, to = 0x50000000;
	struct machine *m = *state;
	unsigned int i;

	memory_map(m->mem, from, 40, 0);
	memory_map(m->mem, to, 40, MEMORY_CONTIGUOUS);
	for (i = 0; i < 2 * 9; i++) {
		struct surface dst = { to, 1024, "LXY"[i % 3] }, src = { from, 1024, "LXY"[i / 3 % 3] };

		if (i == 9) {
			memory_unmap(m->mem, from + 5 * PAGE_BYTES, 1);
			memory_unmap(m->mem, to + 7 * PAGE_BYTES, 1);
			memory_unmap(m->mem, to + 21 * PAGE_BYTES, 2);
			memory_map(m->mem, to + 22 * PAGE_BYTES, 1, MEMORY_READ_ONLY);
		}
		check_fast_copy(m, dst, src, 2, (struct area) { 1, 2, 250, 130 }, 3, 1);
		check_fast_copy(m, dst, src, 2, (struct area) { 0, 0, 256, 128 }, 0, 0);
		check_fast_copy(m, dst, src, 2, (struct area) { 128, 32, 256, 96 }, 0, 64);
	}
}

static void fast_copy_refused(void **state)
{
	static const struct { u32 dw0, dw1; } bad[] = {
		{ 3 << 20, 3 << 24 | 256 }, { 3 << 13, 3 << 24 | 256 },		/* Ys */
		{ 2 << 20, 1u << 31 | 3 << 24 | 256 }, { 2 << 13, 1 << 30 | 3 << 24 | 256 }, /* Yf */
		{ 0, 2 << 24 | 256 }, { 0, 6 << 24 | 256 }, { 0, 7 << 24 | 256 },	/* depths */
	};
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		EMIT(m, 2u << 29 | 0x42u << 22 | 8 | bad[i].dw0, bad[i].dw1, 0, corner(9, 9), LOW(DEST),
		     HIGH(DEST), 0, 256, LOW(SOURCE), HIGH(SOURCE), BATCH_END);
		assert_refused(m, BATCH);
	}
}

/* Commands that end before their last operand. */
static void too_short(void **state)
{
	static const struct { u32 opcode; unsigned int n; } least[] = {
		{ 0x01, 10 }, { 0x03, 3 }, { 0x11, 10 }, { 0x25, 3 }, { 0x26, 5 },
		{ 0x31, 3 }, { 0x40, 6 }, { 0x42, 10 }, { 0x43, 8 }, { 0x50, 7 }, { 0x51, 8 },
		{ 0x52, 10 }, { 0x53, 10 }, { 0x54, 10 }, { 0x55, 12 }, { 0x56, 12 }, { 0x57, 14 },
		{ 0x58, 14 }, { 0x71, 8 }, { 0x72, 6 + 16 }, { 0x73, 12 }, { 0x74, 10 + 16 },
		{ 0x75, 10 + 16 }, { 0x76, 10 }, { 0x77, 8 + 16 },
	};
	struct machine *m = *state;
	unsigned int i, n, j;

	for (i = 0; i < ARRAY_SIZE(least); i++)
		for (n = 2; n < least[i].n; n++) {
			EMIT(m, 2u << 29 | least[i].opcode << 22 | (n - 2));
			for (j = 1; j < n; j++)
				EMIT(m, 0);
			EMIT(m, BATCH_END);
			assert_refused(m, BATCH);
		}
}

/* Run what makes no sense, if not to the device: whatever it does, it stays within the area. */
static void check_nonsense(struct machine *m, const struct area *area)
{
	struct sg_mem *expected;
	enum sg_cs_event event;
	u64 at;

	EMIT(m, BATCH_END);
	load(m);
	expected = memory_clone(m->mem);
	event = go_on(m);
	assert_true(event == SG_CS_DONE || event == SG_CS_ERROR);
	for (at = DEST; at < DEST + SURFACE_PAGES * PAGE_BYTES; at++)
		if (at - DEST < (u64)(area->y2 * 500) && (at - DEST) % 500 < (u64)(area->x2 * 4))
			memory_put(expected, at, memory_get(m->mem, at, 1), 1);
	memory_assert_same(m->mem, expected);
	memory_free(expected);
}

/* Less immediate data than the rows have bits. */
static void immediate_too_short(void **state)
{
	static const struct area area = { 0, 0, 40, 60 };
	struct machine *m = *state;
	struct drawing d = random_setup();
	unsigned int n, i;

	d.dst = (struct surface) { DEST, 500, 'L' };
	d.clip = area;
	for (n = 1; n < 40; n += 7) {
		EMIT(m, 2u << 29 | 0x71u << 22 | (6 + n) | 3 << 20, 3 << 24 | 0xcc << 16 | 500, 0,
		     corner(area.x2, area.y2), LOW(DEST), HIGH(DEST), 0, ~0u);
		for (i = 0; i < n; i++)
			EMIT(m, 0x12345678);
		check_nonsense(m, &area);
		emit_setup(m, 0x01, &d);
		EMIT(m, user(&d, 0x31, 3 + n) | 1 << 16, 0, corner(area.x2, area.y2));
		for (i = 0; i < n; i++)
			EMIT(m, 0x12345678);
		check_nonsense(m, &area);
	}
}

static void unknown(void **state)
{
	static const u32 opcodes[] = { 0x00, 0x02, 0x04, 0x10, 0x20, 0x27, 0x30, 0x41, 0x44, 0x5a,
				       0x60, 0x70, 0x78, 0x7f };
	struct machine *m = *state;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(opcodes); i++) {
		EMIT(m, 2u << 29 | opcodes[i] << 22 | 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, BATCH_END);
		assert_refused(m, BATCH);
	}
}

/* The pitch of a tiled surface is a whole number of tiles; others may do anything but harm. */
static void tiled_pitches(void **state)
{
	static const struct { int pitch; u32 swctrl; bool good; } pitches[] = {
		{ 128, 0, true }, { 256, 0, true }, { 32, 3, true }, { 96, 3, true },
		{ 0, 0, false }, { 127, 0, false }, { 32, 0, false }, { 31, 3, false },
		{ -128, 0, false }, { -32, 3, false }, { -32768, 3, false }, { 32767, 3, false },
	};
	struct machine *m = *state;
	enum sg_cs_event event;
	unsigned int i;

	for (i = 0; i < ARRAY_SIZE(pitches); i++) {
		EMIT(m, LRI, m->base + 0x200, pitches[i].swctrl | 0x30000);
		EMIT(m, 2u << 29 | 0x50u << 22 | 5 | 3 << 20 | 1 << 11,
		     3 << 24 | 0xf0 << 16 | (pitches[i].pitch & 0xffff), 0, corner(40, 40), LOW(DEST),
		     HIGH(DEST), 0, BATCH_END);
		event = run(m);
		assert_true(event == SG_CS_DONE || (event == SG_CS_ERROR && !pitches[i].good));
		EMIT(m, 2u << 29 | 0x53u << 22 | 8 | 3 << 20 | 1 << 15, 3 << 24 | 0xcc << 16 | 512, 0,
		     corner(40, 40), LOW(DEST), HIGH(DEST), 0, pitches[i].pitch & 0xffff, LOW(SOURCE),
		     HIGH(SOURCE), BATCH_END);
		event = run(m);
		assert_true(event == SG_CS_DONE || (event == SG_CS_ERROR && !pitches[i].good));
	}
}

#define WITH_PICTURES(name) { #name, name, pictures, end_machine, NULL }

int main(void)
{
	const struct CMUnitTest tests[] = {
		WITH_PICTURES(pixels),
		WITH_PICTURES(scanlines_color),
		WITH_PICTURES(scanlines_mono),
		WITH_PICTURES(text),
		WITH_PICTURES(text_immediate),
		WITH_PICTURES(setup_clip),
		WITH_PICTURES(fixed_patterns),
		WITH_PICTURES(color_plain),
		WITH_PICTURES(src_copy_plain),
		WITH_PICTURES(fast_copy),
		WITH_PICTURES(fast_copy_large),
		WITH_PICTURES(fast_copy_refused),
		WITH_PICTURES(too_short),
		WITH_PICTURES(immediate_too_short),
		WITH_PICTURES(unknown),
		WITH_PICTURES(tiled_pitches),
	};

	return cmocka_run_group_tests_name("commands2d", tests, NULL, NULL);
}
