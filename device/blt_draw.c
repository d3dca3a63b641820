// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Drawing: a decoded blit is carried out in pieces.
 *
 * Plain copies and fills, which is nearly all that clients do, go straight between the spans that
 * translation gives: as long as memory and tiling allow. All else goes through three buffers of a
 * span each (source, pattern, destination), is combined there a qword at a time, and written back.
 */
#include "blt_draw.h"
#include "rop.h"
#include "span.h"

/* Bytes of a row that a step of the long way draws; it moves three times as many. */
#define GENERAL_PIECE	(SG_PIECE / 4)

/* The address of byte @x of row @y, and in @run how many bytes follow it there. */
static u64 surface_address(const struct sg_surface *s, s64 x, s64 y, u64 *run)
{
	u64 offset;

	if (s->tiling == SG_LINEAR) {
		offset = (u64)y * (u64)(s64)s->pitch + (u64)x;
	} else {
		offset = sg_tile_offset(s->tiling, (u32)s->pitch, (u32)x, (u32)y);
		*run = min(*run, (u64)sg_tile_run(s->tiling, (u32)x));
	}
	return (s->base + offset) & SG_ADDRESS_MASK;
}

/* A span of a surface; see sg_mem_translate(). */
static void *surface_span(struct sg_mem *mem, const struct sg_surface *s, s64 x, s64 y, size_t *len,
			  enum sg_access access)
{
	u64 run = *len;
	u64 addr = surface_address(s, x, y, &run);

	*len = (size_t)run;
	return sg_mem_translate(mem, addr, len, access);
}

static void surface_read(struct sg_mem *mem, const struct sg_surface *s, s64 x, s64 y, u8 *to,
			 size_t n)
{
	while (n) {
		size_t len = n;
		const void *ptr = surface_span(mem, s, x, y, &len, SG_READ);

		if (ptr)
			memcpy(to, ptr, len);
		else
			memset(to, 0, len);
		x += (s64)len;
		to += len;
		n -= len;
	}
}

static void surface_write(struct sg_mem *mem, const struct sg_surface *s, s64 x, s64 y,
			  const u8 *from, size_t n)
{
	while (n) {
		size_t len = n;
		void *ptr = surface_span(mem, s, x, y, &len, SG_WRITE);

		if (ptr)
			memcpy(ptr, from, len);
		x += (s64)len;
		from += len;
		n -= len;
	}
}

/* Where the blit stands: the row, and its first byte, on both surfaces. */
struct place {
	s64 y, x;
	s64 src_y, src_x;
};

static struct place current_place(const struct sg_blt *blt)
{
	const struct sg_blt_op *op = &blt->op;
	u32 row = blt->upwards ? blt->rows - 1 - blt->y : blt->y;
	struct place p;

	p.y = (s64)op->rect.y1 + row;
	p.x = (s64)op->rect.x1 * op->cpp;
	p.src_y = (s64)op->src_y + (op->rect.y1 - op->org_y) + row;
	p.src_x = ((s64)op->src_x + (op->rect.x1 - op->org_x)) * op->cpp;
	return p;
}

/* @n more bytes of the row are done. */
static void advance(struct sg_blt *blt, u64 n)
{
	blt->x += n;
	if (blt->x == blt->row_bytes) {
		blt->x = 0;
		blt->y++;
	}
}

/* Nothing of the pixels that were there before stays. */
static bool writes_all(const struct sg_blt_op *op)
{
	return (op->cpp != 4 || op->mask == ~0u) && op->key == SG_KEY_NONE;
}

static bool is_plain_copy(const struct sg_blt *blt)
{
	return blt->op.rop == SG_ROP_COPY && blt->op.source == SG_SRC_SURFACE &&
	       writes_all(&blt->op) && !blt->leftwards;
}

static bool is_plain_fill(const struct sg_blt *blt)
{
	const struct sg_blt_op *op = &blt->op;

	return writes_all(op) && (op->rop == SG_ROP_BLACK || op->rop == SG_ROP_WHITE ||
				  (op->rop == SG_ROP_PATTERN && op->pattern == SG_PAT_SOLID));
}

static void copy_piece(struct sg_blt *blt, struct sg_mem *mem)
{
	const struct sg_blt_op *op = &blt->op;
	u64 budget = SG_PIECE;

	while (budget && blt->y < blt->rows) {
		struct place p = current_place(blt);
		size_t n = (size_t)min(blt->row_bytes - blt->x, budget);
		const void *from = surface_span(mem, &op->src, p.src_x + (s64)blt->x, p.src_y, &n,
						SG_READ);
		void *to = surface_span(mem, &op->dst, p.x + (s64)blt->x, p.y, &n, SG_WRITE);

		if (to && from)
			memmove(to, from, n);
		else if (to)
			memset(to, 0, n);
		advance(blt, n);
		budget -= n;
	}
}

/* The bytes of a pixel, repeated to a qword, from byte @phase on. */
static u64 fill_word(const struct sg_blt_op *op, u64 phase)
{
	u32 color = op->rop == SG_ROP_BLACK ? 0 : op->rop == SG_ROP_WHITE ? ~0u : op->pat_fg;
	u8 bytes[8];
	unsigned int i;
	u64 word;

	for (i = 0; i < 8; i++)
		bytes[i] = (u8)(color >> 8 * ((phase + i) % op->cpp));
	memcpy(&word, bytes, sizeof(word));
	return word;
}

static void fill(u8 *to, u64 word, size_t n)
{
	if (word == (word & 0xff) * 0x0101010101010101ull) {
		memset(to, (int)(word & 0xff), n);
		return;
	}
	for (; n >= 8; n -= 8, to += 8)
		memcpy(to, &word, 8);
	memcpy(to, &word, n);
}

static void fill_piece(struct sg_blt *blt, struct sg_mem *mem)
{
	const struct sg_blt_op *op = &blt->op;
	u64 budget = SG_PIECE;

	while (budget && blt->y < blt->rows) {
		struct place p = current_place(blt);
		size_t n = (size_t)min(blt->row_bytes - blt->x, budget);
		void *to = surface_span(mem, &op->dst, p.x + (s64)blt->x, p.y, &n, SG_WRITE);

		if (to)
			fill(to, fill_word(op, blt->x), n);
		advance(blt, n);
		budget -= n;
	}
}

static u32 get_pixel(const void *buf, u32 cpp, u32 i)
{
	u32 v = 0;

	memcpy(&v, (const u8 *)buf + i * cpp, min(cpp, 4u));
	return v;
}

static void put_pixel(void *buf, u32 cpp, u32 i, u32 v)
{
	memcpy((u8 *)buf + i * cpp, &v, min(cpp, 4u));
}

/* Whether a mono source has a one for pixel @i of the span; @bits is as mono_fetch() left it. */
static bool mono_bit(const u8 *bits, u32 i)
{
	return bits[i / 8] >> (7 - i % 8) & 1;
}

/* Get the bits of @n pixels, the first in the highest bit of the first byte. */
static void mono_fetch(struct sg_blt *blt, struct sg_mem *mem, u32 col, u32 row, u32 n, u8 *bits)
{
	const struct sg_blt_op *op = &blt->op;
	u64 first = (u64)row * op->mono_pitch + op->mono_start + col;
	u32 shift = (u32)(first % 8), i, bytes = (shift + n + 7) / 8;
	u8 raw[SG_BLT_SPAN / 8 + 1];

	if (op->source == SG_SRC_MONO_IMM) {
		u64 at = first / 8;

		for (i = 0; i < bytes; i++, at++)
			raw[i] = at < sizeof(blt->imm) ? ((const u8 *)blt->imm)[at] : 0;
	} else {
		struct sg_surface s = { .base = op->mono_addr };

		surface_read(mem, &s, (s64)(first / 8), 0, raw, bytes);
	}
	for (i = 0; i < (n + 7) / 8; i++)
		bits[i] = (u8)(raw[i] << shift |
			       (shift && i + 1 < bytes ? raw[i + 1] >> (8 - shift) : 0));
}

static bool in_key(const struct sg_blt_op *op, u32 pixel)
{
	unsigned int i;

	if (op->cpp != 4)
		return pixel >= op->key_low && pixel <= op->key_high;
	for (i = 0; i < 24; i += 8) {
		u32 c = pixel >> i & 0xff;

		if (c < (op->key_low >> i & 0xff) || c > (op->key_high >> i & 0xff))
			return false;
	}
	return true;
}

/* Fill in the source of a span; mark in @skip the pixels that are not drawn. */
static void make_source(struct sg_blt *blt, struct sg_mem *mem, const struct place *p, u32 n,
			u8 *skip)
{
	const struct sg_blt_op *op = &blt->op;
	u32 col = (u32)(op->rect.x1 - op->org_x) + (u32)(blt->x / op->cpp), i;
	u8 bits[SG_BLT_SPAN / 8];

	if (op->source == SG_SRC_SURFACE) {
		surface_read(mem, &op->src, p->src_x + (s64)blt->x, p->src_y, (u8 *)blt->src,
			     n * op->cpp);
		return;
	}
	if (op->source == SG_SRC_NONE)
		return;
	mono_fetch(blt, mem, col, (u32)(p->y - op->org_y), n, bits);
	for (i = 0; i < n; i++) {
		bool one = mono_bit(bits, i);

		put_pixel(blt->src, op->cpp, i, one ? op->fg : op->bg);
		if (!one && op->mono_transparent)
			skip[i / 8] |= 1u << i % 8;
	}
}

static void make_pattern(struct sg_blt *blt, const struct place *p, u32 n, u8 *skip)
{
	const struct sg_blt_op *op = &blt->op;
	u32 x = (u32)((p->x + (s64)blt->x) / op->cpp) + op->pat_x, y = ((u32)p->y + op->pat_y) & 7;
	u32 i;

	for (i = 0; i < n; i++, x++) {
		u32 color = op->pat_fg;

		if (op->pattern == SG_PAT_COLOR) {
			color = get_pixel(op->pat, op->cpp, y * 8 + (x & 7));
		} else if (op->pattern == SG_PAT_MONO && !(op->pat[y] >> (7 - (x & 7)) & 1)) {
			color = op->pat_bg;
			if (op->pat_transparent)
				skip[i / 8] |= 1u << i % 8;
		}
		put_pixel(blt->pat, op->cpp, i, color);
	}
}

static void apply_key(struct sg_blt *blt, u32 n, u8 *skip)
{
	const struct sg_blt_op *op = &blt->op;
	const u64 *buf = op->key == SG_KEY_SOURCE ? blt->src :
			 op->key == SG_KEY_PATTERN ? blt->pat : blt->dst;
	u32 i;

	if (op->key == SG_KEY_NONE)
		return;
	for (i = 0; i < n; i++)
		if (in_key(op, get_pixel(buf, op->cpp, i)))
			skip[i / 8] |= 1u << i % 8;
}

/* Draw a span by the long way. */
static void general_span(struct sg_blt *blt, struct sg_mem *mem, u32 n)
{
	const struct sg_blt_op *op = &blt->op;
	struct place p = current_place(blt);
	u32 bytes = n * op->cpp, i;
	u8 skip[SG_BLT_SPAN / 8] = { 0 };
	u64 old[SG_BLT_SPAN / 8 / 2];

	surface_read(mem, &op->dst, p.x + (s64)blt->x, p.y, (u8 *)blt->dst, bytes);
	memcpy(old, blt->dst, bytes);
	make_source(blt, mem, &p, n, skip);
	if (op->pattern != SG_PAT_NONE)
		make_pattern(blt, &p, n, skip);
	apply_key(blt, n, skip);
	sg_rop(op->rop, blt->dst, blt->src, blt->pat, (bytes + 7) / 8);
	if (op->cpp <= 4)
		for (i = 0; i < n; i++) {
			u32 was = get_pixel(old, op->cpp, i);
			u32 mask = skip[i / 8] >> i % 8 & 1 ? 0 : op->mask;

			put_pixel(blt->dst, op->cpp, i,
				  (get_pixel(blt->dst, op->cpp, i) & mask) | (was & ~mask));
		}
	surface_write(mem, &op->dst, p.x + (s64)blt->x, p.y, (const u8 *)blt->dst, bytes);
}

static void general_piece(struct sg_blt *blt, struct sg_mem *mem)
{
	u64 budget = GENERAL_PIECE, done, n;

	while (budget && blt->y < blt->rows) {
		n = min(min(blt->row_bytes - blt->x, budget), (u64)SG_BLT_SPAN / 2);
		done = blt->x;
		if (blt->leftwards)
			blt->x = blt->row_bytes - done - n;
		general_span(blt, mem, (u32)n / blt->op.cpp);
		blt->x = done;
		advance(blt, n);
		budget -= n;
	}
}

/* Patterns in memory are read once, when the blit begins to draw. */
static void fetch_pattern(struct sg_blt_op *op, struct sg_mem *mem)
{
	if (op->pattern == SG_PAT_COLOR_MEM) {
		sg_read(mem, op->pat_addr, op->pat, 64 * op->cpp);
		op->pattern = SG_PAT_COLOR;
	} else if (op->pattern == SG_PAT_MONO_MEM) {
		sg_read(mem, op->pat_addr, op->pat, 8);
		op->pattern = SG_PAT_MONO;
	}
}

void sg_blt_begin(struct sg_blt *blt)
{
	const struct sg_blt_op *op = &blt->op;
	const struct sg_surface *d = &op->dst, *s = &op->src;
	bool gapless = d->tiling == SG_LINEAR;
	struct place p;

	blt->x = 0;
	blt->y = 0;
	blt->upwards = false;
	blt->leftwards = false;
	blt->rows = (u32)(op->rect.y2 - op->rect.y1);
	blt->row_bytes = (u64)(u32)(op->rect.x2 - op->rect.x1) * op->cpp;
	p = current_place(blt);
	if (op->source == SG_SRC_SURFACE) {
		u64 whole = blt->row_bytes, run = 1;
		u64 from = surface_address(s, p.src_x, p.src_y, &run);
		u64 to = surface_address(d, p.x, p.y, &run);

		if (s->base == d->base && s->pitch == d->pitch && s->tiling == d->tiling) {
			blt->upwards = p.y > p.src_y;
			blt->leftwards = p.y == p.src_y && p.x > p.src_x &&
					 p.x - p.src_x < (s64)whole;
		} else if (s->tiling == SG_LINEAR && d->tiling == SG_LINEAR && to > from) {
			/* two names for the same memory */
			blt->upwards = true;
			blt->leftwards = to - from < whole;
		}
		gapless &= s->tiling == SG_LINEAR && s->pitch == d->pitch &&
			   !blt->upwards && !blt->leftwards;
	}
	if (gapless && d->pitch > 0 && (u64)d->pitch == blt->row_bytes &&
	    (is_plain_copy(blt) || is_plain_fill(blt))) {
		blt->row_bytes *= blt->rows;
		blt->rows = 1;
	}
}

enum sg_blt_status sg_blt_step(struct sg_blt *blt, struct sg_mem *mem)
{
	fetch_pattern(&blt->op, mem);
	sg_mem_enter(mem);
	if (is_plain_copy(blt))
		copy_piece(blt, mem);
	else if (is_plain_fill(blt))
		fill_piece(blt, mem);
	else
		general_piece(blt, mem);
	sg_mem_leave(mem);
	return blt->y < blt->rows ? SG_BLT_MORE : SG_BLT_DONE;
}
