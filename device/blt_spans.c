// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Drawing by the long way: source, pattern and destination are brought into buffers, a span at a
 * time, combined there, and written back.
 */
#include "blt_spans.h"
#include "rop.h"

static u32 get_pixel(const void *buffer, u32 cpp, u32 i)
{
	const u8 *p = (const u8 *)buffer + (size_t)i * cpp;

	if (cpp == 4)
		return p[0] | p[1] << 8 | p[2] << 16 | (u32)p[3] << 24;
	return cpp == 2 ? p[0] | p[1] << 8 : p[0];
}

static void put_pixel(void *buffer, u32 cpp, u32 i, u32 pixel)
{
	u8 *p = (u8 *)buffer + (size_t)i * cpp;

	if (cpp == 4)
		__builtin_memcpy(p, &pixel, 4);
	else if (cpp == 2)
		__builtin_memcpy(p, &pixel, 2);
	else
		*p = (u8)pixel;
}

static void leave_out(struct sg_blt *blt, u32 i)
{
	put_pixel(blt->write, blt->op.cpp, i, 0);
}

bool sg_blt_writes_some(const struct sg_blt_op *op)
{
	return op->mask != ~0u || op->key != SG_KEY_NONE ||
	       (op->source >= SG_SRC_MONO && op->src_transparent) ||
	       (op->pattern == SG_PAT_MONO && op->pat_transparent);
}

static void expand_mono_source(struct sg_blt *blt, struct sg_views *views,
			       const struct sg_block *block, u32 pixels)
{
	const struct sg_blt_op *op = &blt->op;
	u64 bit = (u64)block->src_y * op->mono_pitch + (u64)block->src_x / op->cpp;
	u32 shift = bit & 7, bytes = (shift + pixels + 7) / 8, i;
	u8 bits[SG_BLT_SPAN / 8 + 1];

	if (op->source == SG_SRC_MONO) {
		sg_view_load(&views->src, (s64)(bit / 8), 0, bits, bytes);
	} else {
		const u8 *from = (const u8 *)blt->immediate;

		for (i = 0; i < bytes; i++)
			bits[i] = bit / 8 + i < sizeof(blt->immediate) ? from[bit / 8 + i] : 0;
	}
	for (i = 0; i < pixels; i++) {
		u32 at = shift + i, one = bits[at / 8] << at % 8 & 0x80;

		put_pixel(blt->src, op->cpp, i, one ? op->fg : op->bg);
		if (!one && op->src_transparent)
			leave_out(blt, i);
	}
}

/* Eight pixels of the pattern, over and over; SG_BLT_SPAN is a multiple of them. */
static void repeat_pattern(struct sg_blt *blt, const struct sg_block *block, u32 pixels)
{
	const struct sg_blt_op *op = &blt->op;
	u32 x = ((u32)(block->dst_x / (s32)op->cpp) + op->pat_x) & 7;
	u32 y = ((u32)block->dst_y + op->pat_y) & 7, period = 8 * op->cpp, i;

	for (i = 0; i < 8; i++) {
		u32 color = op->pat_fg;

		if (op->pattern == SG_PAT_COLOR)
			color = get_pixel(op->pat, op->cpp, y * 8 + ((x + i) & 7));
		else if (op->pattern == SG_PAT_MONO && !(op->pat[y] << ((x + i) & 7) & 0x80))
			color = op->pat_bg;
		put_pixel(blt->pat, op->cpp, i, color);
	}
	for (i = period; i < pixels * op->cpp; i += period)
		memcpy((u8 *)blt->pat + i, blt->pat, period);
	if (op->pattern == SG_PAT_MONO && op->pat_transparent)
		for (i = 0; i < pixels; i++)
			if (!(op->pat[y] << ((x + i) & 7) & 0x80))
				leave_out(blt, i);
}

static bool in_key_range(const struct sg_blt_op *op, u32 pixel)
{
	static const u32 channels[][4] = {
		{ 0xff },
		{ 0x1f, 0x3e0, 0x7c00, 0x8000 },
		{ 0x1f, 0x7e0, 0xf800 },
		{ 0xff, 0xff00, 0xff0000, 0xff000000 },
	};
	const u32 *mask = channels[op->cpp != 2 ? op->cpp - 1 : op->key_565 ? 2 : 1];
	unsigned int i;

	for (i = 0; i < (op->key_alpha ? 4 : 3); i++)
		if ((pixel & mask[i]) < (op->key_low & mask[i]) ||
		    (pixel & mask[i]) > (op->key_high & mask[i]))
			return false;
	return true;
}

static void apply_key(struct sg_blt *blt, u32 pixels)
{
	const struct sg_blt_op *op = &blt->op;
	bool leave = op->key == SG_KEY_SOURCE;
	const u64 *buffer = op->source == SG_SRC_NONE ? blt->pat : blt->src;
	u32 i;

	if (!leave)
		buffer = blt->dst;
	for (i = 0; i < pixels; i++)
		if (in_key_range(op, get_pixel(buffer, op->cpp, i)) == leave)
			leave_out(blt, i);
}

/* At most SG_BLT_SPAN bytes of a row, by the long way. */
static void draw_span(struct sg_blt *blt, struct sg_views *views, const struct sg_block *block)
{
	const struct sg_blt_op *op = &blt->op;
	u32 n = block->bytes, pixels = n / op->cpp, i;
	bool some = sg_blt_writes_some(op);

	if (some)
		for (i = 0; i < pixels; i++)
			put_pixel(blt->write, op->cpp, i, op->mask);
	if (op->source == SG_SRC_SURFACE)
		sg_view_load(&views->src, block->src_x, block->src_y, (u8 *)blt->src, n);
	else if (op->source != SG_SRC_NONE)
		expand_mono_source(blt, views, block, pixels);
	if (op->pattern != SG_PAT_NONE)
		repeat_pattern(blt, block, pixels);
	if (op->key == SG_KEY_DEST || sg_rop_uses_dest(op->rop))
		sg_view_load(&views->before, block->dst_x, block->dst_y, (u8 *)blt->dst, n);
	if (op->key != SG_KEY_NONE)
		apply_key(blt, pixels);
	sg_rop(op->rop, blt->dst, blt->src, blt->pat, (n + sizeof(u64) - 1) / sizeof(u64));
	if (some)
		sg_view_store_some(&views->dst, block->dst_x, block->dst_y, (u8 *)blt->dst,
				   (u8 *)blt->write, n);
	else
		sg_view_store(&views->dst, block->dst_x, block->dst_y, (u8 *)blt->dst, n);
}

void sg_blt_draw_spans(struct sg_blt *blt, struct sg_views *views, const struct sg_block *block)
{
	struct sg_block span = *block;
	u32 x, row;

	span.rows = 1;
	for (row = 0; row < block->rows; row++)
		for (x = 0; x < block->bytes; x += span.bytes) {
			span.bytes = min_t(u32, block->bytes - x, SG_BLT_SPAN);
			span.dst_x = block->dst_x + x;
			span.src_x = block->src_x + x;
			span.dst_y = block->dst_y + (s32)row;
			span.src_y = block->src_y + (s32)row;
			draw_span(blt, views, &span);
		}
}
