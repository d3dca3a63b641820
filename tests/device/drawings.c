// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "testing.h"
#include "drawings.h"

int blits_machine(void **state)
{
	struct machine *m;

	copy_machine(state);
	m = *state;
	memory_map(m->mem, DEST, SURFACE_PAGES, 0);
	memory_map(m->mem, SOURCE, SURFACE_PAGES, 0);
	memory_map(m->mem, PATTERN, 1, 0);
	memory_map(m->mem, BITS, 2, 0);
	return 0;
}

/* A surface in the pages from @base on. @rows: how many it has. */
static struct surface random_surface(u64 base, unsigned int cpp, int *rows)
{
	const int bytes = SURFACE_PAGES * (int)PAGE_BYTES;
	struct surface s = { base, 0, 'L' };

	switch (random32() % 4) {
	case 0:
		s.tiling = 'X';
		s.pitch = 512 * random_in(1, 2);
		*rows = bytes / s.pitch;
		break;
	case 1:
		s.tiling = 'Y';
		s.pitch = 128 * (1 << random_in(0, 2));
		*rows = bytes / s.pitch;
		break;
	default:
		s.pitch = random_in(250, 700);
		*rows = (bytes - 64) / s.pitch;
		s.base += (u64)random_in(0, 15) * cpp;
		if (random32() % 5 == 0) {
			s.base += (u64)(s.pitch * (*rows - 1));
			s.pitch = -s.pitch;
		}
	}
	return s;
}

int width_of(const struct surface *s, unsigned int cpp)
{
	return (s->pitch < 0 ? -s->pitch : s->pitch) / (int)cpp;
}

static u8 random_rop(const struct command *c)
{
	static const u8 of_source[] = { 0x00, 0x11, 0x22, 0x33, 0x44, 0x55, 0x66, 0x77, 0x88, 0x99,
					0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff };
	u8 x = (u8)random_in(0, 15);

	if (random32() % 3 == 0)
		return c->source != NO_SOURCE ? 0xcc : 0xf0;
	if (c->source == NO_SOURCE)	/* a table without the source: 0xf0, 0x5a, ... */
		return (u8)((x & 3) * 5 | (x >> 2) * 0x50);
	return c->pattern == NO_PATTERN ? of_source[x] : (u8)random32();
}

struct drawing random_drawing(const struct command *c)
{
	struct drawing d = { .depth = random32() % 4, .source = c->source, .pattern = c->pattern };
	unsigned int cpp = bytes_per_pixel(d.depth);
	int rows, src_rows, w, h, src_w, limit;

	d.dst = random_surface(DEST, cpp, &rows);
	d.src = random_surface(SOURCE, cpp, &src_rows);
	w = width_of(&d.dst, cpp);
	src_w = width_of(&d.src, cpp);
	d.area.x1 = random_in(0, w - 1);
	d.area.y1 = random_in(0, rows - 1);
	/* of those that take more than one piece a few will do */
	limit = random32() % 16 ? 1 : 100;
	w = random_in(1, min(min(130 * limit, w - d.area.x1), src_w));
	h = random_in(1, min(min(12 * limit, rows - d.area.y1), src_rows));
	d.area.x2 = d.area.x1 + w;
	d.area.y2 = d.area.y1 + h;
	d.src_x = random_in(0, src_w - w);
	d.src_y = random_in(0, src_rows - h);
	if (random32() % 3 == 0) {
		d.clipped = true;
		d.clip.x1 = d.area.x1 + random_in(-3, w);
		d.clip.y1 = d.area.y1 + random_in(-3, h);
		d.clip.x2 = d.area.x2 + random_in(-w, 3);
		d.clip.y2 = d.area.y2 + random_in(-h, 3);
	}
	d.rop = random_rop(c);
	d.write_alpha = random32() % 4 != 0;
	d.write_rgb = random32() % 4 != 0;
	d.bits = BITS + (random32() % 64) * 2;
	d.bits_align = 16;
	if (c->source == MONO_SOURCE) {
		d.bits_skip = random32() % 8;
		d.mono_transparent = random32() % 2;
	}
	d.fg = random32();
	d.bg = random32();
	d.pat = PATTERN + 256 * (random32() % 16);
	if (c->pattern == COLOR_PATTERN || c->pattern == MONO_PATTERN) {
		d.pat_x = random32() % 8;
		d.pat_y = random32() % 8;
	}
	d.pat_fg = random32();
	d.pat_bg = c->pattern == SOLID_PATTERN ? d.pat_fg : random32();
	d.pat_transparent = c->pattern == MONO_PATTERN && random32() % 2;
	if (c->chroma) {
		static const u8 modes[] = { 0, 1, 3, 5, 7 }, without_source[] = { 0, 5, 7, 5, 7 };

		d.key = (c->source == NO_SOURCE ? without_source : modes)[random32() % 5];
		d.key_low = random32() & 0x5f5f5f5f;
		d.key_high = random32() | 0xa0a0a0a0;
	}
	return d;
}
