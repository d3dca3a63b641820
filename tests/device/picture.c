// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "testing.h"
#include "picture.h"

#include <stdio.h>

unsigned int bytes_per_pixel(unsigned int depth)
{
	return depth == 0 ? 1 : depth == 3 ? 4 : 2;
}

u32 rop_by_table(u8 rop, u32 pattern, u32 source, u32 dest)
{
	u32 result = 0;
	unsigned int i;

	for (i = 0; i < 32; i++) {
		unsigned int line = (pattern >> i & 1) * 4 + (source >> i & 1) * 2 + (dest >> i & 1);

		if (rop & 1u << line)
			result |= 1u << i;
	}
	return result;
}

/*
 * Address bits of a tiled surface, as the PRM draws them. In an X tile: 3 of the row, 9 of the
 * column. In a Y tile: 3 of the column (of 16 bytes), 5 of the row, 4 of the column.
 */
u64 byte_address(const struct surface *s, int x, int y)
{
	u64 tile;

	if (s->tiling == 'L')
		return (s->base + (u64)(s64)(y * s->pitch + x)) & SG_ADDRESS_MASK;
	if (s->tiling == 'X') {
		tile = (u64)(y >> 3) * (u64)(s->pitch >> 9) + (u64)(x >> 9);
		return s->base + (tile << 12 | (y & 7) << 9 | (x & 0x1ff));
	}
	tile = (u64)(y >> 5) * (u64)(s->pitch >> 7) + (u64)(x >> 7);
	return s->base + (tile << 12 | (x & 0x70) << 5 | (y & 31) << 4 | (x & 15));
}

static u32 get_pixel(struct sg_mem *mem, const struct surface *s, unsigned int cpp, int x, int y)
{
	u32 v = 0, i;

	for (i = 0; i < cpp; i++)
		v |= (u32)memory_get(mem, byte_address(s, x * (int)cpp + (int)i, y), 1) << 8 * i;
	return v;
}

static void put_pixel(struct sg_mem *mem, const struct surface *s, unsigned int cpp, int x, int y,
		      u32 v)
{
	u32 i;

	for (i = 0; i < cpp; i++)
		memory_put(mem, byte_address(s, x * (int)cpp + (int)i, y), v >> 8 * i & 0xff, 1);
}

/* Bit @n from @addr on, where the highest bit of a byte is the first. */
static bool get_bit(struct sg_mem *mem, u64 addr, u64 n)
{
	return memory_get(mem, addr + n / 8, 1) & 0x80u >> n % 8;
}

/* Whether all components of @v are within the range; of those with alpha, alpha only if asked. */
static bool in_range(const struct drawing *d, u32 v, bool alpha)
{
	static const struct { u8 at, width; } parts[4][4] = {
		{ { 0, 8 } }, { { 0, 5 }, { 5, 6 }, { 11, 5 } },
		{ { 0, 5 }, { 5, 5 }, { 10, 5 }, { 15, 1 } },
		{ { 0, 8 }, { 8, 8 }, { 16, 8 }, { 24, 8 } },
	};
	unsigned int i;

	for (i = 0; i < (alpha ? 4 : 3) && parts[d->depth][i].width; i++) {
		unsigned int at = parts[d->depth][i].at, mask = (1u << parts[d->depth][i].width) - 1;

		if ((v >> at & mask) < (d->key_low >> at & mask) ||
		    (v >> at & mask) > (d->key_high >> at & mask))
			return false;
	}
	return true;
}

static bool within(const struct area *a, int x, int y)
{
	return x >= a->x1 && x < a->x2 && y >= a->y1 && y < a->y2;
}

static void draw_pixel(struct sg_mem *before, struct sg_mem *after, const struct drawing *d, int x,
		       int y)
{
	unsigned int cpp = bytes_per_pixel(d->depth);
	u32 dest = get_pixel(before, &d->dst, cpp, x, y), source = 0, pattern = 0, mask = ~0u;
	int column = x - d->area.x1, row = y - d->area.y1;
	unsigned int px = (unsigned int)(x + (int)d->pat_x) % 8, py = (unsigned int)(y + (int)d->pat_y) % 8;
	struct surface tile = { d->pat, 8 * (int)cpp, 'L' };
	u64 row_bits;

	switch (d->source) {
	case NO_SOURCE:
		break;
	case COLOR_SOURCE:
		source = get_pixel(before, &d->src, cpp, d->src_x + column, d->src_y + row);
		break;
	case MONO_SOURCE:
		row_bits = d->bits_skip + (u64)(d->area.x2 - d->area.x1);
		row_bits += (d->bits_align - row_bits % d->bits_align) % d->bits_align;
		source = d->fg;
		if (!get_bit(before, d->bits, row_bits * (u64)row + d->bits_skip + (u64)column)) {
			source = d->bg;
			if (d->mono_transparent)
				return;
		}
		break;
	}
	switch (d->pattern) {
	case NO_PATTERN:
		break;
	case SOLID_PATTERN:
		pattern = d->pat_fg;
		break;
	case COLOR_PATTERN:
		pattern = get_pixel(before, &tile, cpp, (int)px, (int)py);
		break;
	case MONO_PATTERN:
		pattern = d->pat_fg;
		if (!get_bit(before, d->pat, 8 * py + px)) {
			pattern = d->pat_bg;
			if (d->pat_transparent)
				return;
		}
		break;
	}
	if (d->key == 1 || d->key == 3)
		if (in_range(d, source, d->key == 3))
			return;
	if (d->key == 5 || d->key == 7)
		if (!in_range(d, dest, d->key == 5))
			return;
	if (d->depth == 3)
		mask = (d->write_alpha ? 0xff000000 : 0) | (d->write_rgb ? 0xffffff : 0);
	put_pixel(after, &d->dst, cpp, x, y,
		  (rop_by_table(d->rop, pattern, source, dest) & mask) | (dest & ~mask));
}

void draw(struct sg_mem *before, struct sg_mem *after, const struct drawing *d)
{
	int x, y;

	for (y = d->area.y1; y < d->area.y2; y++)
		for (x = d->area.x1; x < d->area.x2; x++)
			if (!d->clipped || within(&d->clip, x, y))
				draw_pixel(before, after, d, x, y);
}

u32 br13(const struct drawing *d)
{
	int pitch = d->dst.tiling == 'L' ? d->dst.pitch : d->dst.pitch / 4;

	return d->clipped << 30 | d->mono_transparent << 29 | d->pat_transparent << 28 |
	       d->depth << 24 | d->rop << 16 | (pitch & 0xffff);
}

static u32 corner(int x, int y)
{
	return (u32)(y & 0xffff) << 16 | (x & 0xffff);
}

void emit_clip(struct machine *m, const struct area *clip)
{
	EMIT(m, 2u << 29 | 0x03u << 22 | 1, corner(clip->x1, clip->y1), corner(clip->x2, clip->y2));
}

static void emit_color_source(struct machine *m, const struct drawing *d)
{
	int pitch = d->src.tiling == 'L' ? d->src.pitch : d->src.pitch / 4;

	EMIT(m, corner(d->src_x, d->src_y), pitch & 0xffff, LOW(d->src.base), HIGH(d->src.base));
}

/* Bytes from memory as part of the command. */
static void emit_bytes(struct machine *m, u64 addr, unsigned int size)
{
	unsigned int i;

	for (i = 0; i < size; i += 4)
		EMIT(m, (u32)memory_get(m->mem, addr + i, 4));
}

/* Colours, and the bits themselves. */
static void emit_mono_pattern(struct machine *m, const struct drawing *d)
{
	EMIT(m, d->pat_bg, d->pat_fg);
	emit_bytes(m, d->pat, 8);
}

static unsigned int mono_bytes(const struct drawing *d)
{
	unsigned int row = d->bits_skip + (unsigned int)(d->area.x2 - d->area.x1);

	row = (row + d->bits_align - 1) / d->bits_align * d->bits_align;
	return (row * (unsigned int)(d->area.y2 - d->area.y1) + 63) / 64 * 8;
}

void emit_xy(struct machine *m, u32 opcode, const struct drawing *d)
{
	unsigned int header, cpp = bytes_per_pixel(d->depth);

	EMIT(m, LRI, m->base + 0x200,
	     0x30000 | (d->src.tiling == 'Y') | (d->dst.tiling == 'Y') << 1);
	if (d->clipped)
		emit_clip(m, &d->clip);
	header = m->n;
	EMIT(m, 2u << 29 | opcode << 22 | d->write_alpha << 21 | d->write_rgb << 20 |
	     d->bits_skip << 17 | d->key << 17 | (d->dst.tiling != 'L') << 11,
	     br13(d), corner(d->area.x1, d->area.y1), corner(d->area.x2, d->area.y2),
	     LOW(d->dst.base), HIGH(d->dst.base));
	if (d->source == COLOR_SOURCE)
		m->dw[header] |= (d->src.tiling != 'L') << 15;
	if (d->pattern != NO_PATTERN)
		m->dw[header] |= d->pat_x << 12 | d->pat_y << 8;

	if (opcode == 0x50) {
		EMIT(m, d->pat_fg);
	} else if (opcode == 0x71) {
		EMIT(m, d->bg, d->fg);
		emit_bytes(m, d->bits, mono_bytes(d));
	} else if (opcode == 0x77) {
		EMIT(m, d->key_low, d->key_high);
		emit_bytes(m, d->pat, 64 * cpp);
	} else {
		if (d->source == COLOR_SOURCE)
			emit_color_source(m, d);
		if (d->source == MONO_SOURCE)
			EMIT(m, LOW(d->bits), HIGH(d->bits), d->bg, d->fg);
		if (opcode == 0x72 || opcode == 0x74 || opcode == 0x75)
			emit_bytes(m, d->pat, 64 * cpp);
		else if (d->pattern == COLOR_PATTERN)
			EMIT(m, LOW(d->pat), HIGH(d->pat));
		else if (d->pattern != NO_PATTERN)
			emit_mono_pattern(m, d);
		if (opcode == 0x73 || opcode == 0x76)
			EMIT(m, d->key_low, d->key_high);
	}
	if (d->pattern == SOLID_PATTERN && opcode != 0x50)
		m->dw[header + 1] |= 1u << 31;
	m->dw[header] |= m->n - header - 2;
}

const char *describe(const struct drawing *d)
{
	static char text[512];

	snprintf(text, sizeof(text), "rop %02x depth %u %c%d [%d,%d %d,%d) clip %d [%d,%d %d,%d) "
		 "source %d %c%d (%d,%d) skip %u pattern %d seed %u,%u key %u write %d%d "
		 "transparent %d%d", d->rop, d->depth, d->dst.tiling, d->dst.pitch, d->area.x1,
		 d->area.y1, d->area.x2, d->area.y2, d->clipped, d->clip.x1, d->clip.y1, d->clip.x2,
		 d->clip.y2, d->source, d->src.tiling ? d->src.tiling : '-', d->src.pitch, d->src_x,
		 d->src_y, d->bits_skip, d->pattern, d->pat_x, d->pat_y, d->key, d->write_alpha,
		 d->write_rgb, d->mono_transparent, d->pat_transparent);
	return text;
}

void check_drawing(struct machine *m, const struct drawing *d)
{
	struct sg_mem *expected;
	enum sg_cs_event event;

	EMIT(m, BATCH_END);
	load(m);
	expected = memory_clone(m->mem);
	draw(m->mem, expected, d);
	event = go_on(m);
	if (event != SG_CS_DONE)
		fail_msg("event %d, command %#x: %s", event, m->cs->error_header, describe(d));
	if (!memory_same(m->mem, expected)) {
		print_error("%s\n", describe(d));
		memory_assert_same(m->mem, expected);
	}
	memory_free(expected);
}
