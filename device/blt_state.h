/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The state of the blitter: what the SETUP commands left, and the blit under way. */
#ifndef SOFTGEM_DEVICE_BLT_STATE_H
#define SOFTGEM_DEVICE_BLT_STATE_H

#include "tiling.h"
#include "types.h"

/* Bytes of a row that are worked on at once where a plain copy will not do. */
#define SG_BLT_SPAN	512

/**
 * struct sg_surface - a picture in memory.
 * @base: its GPU address
 * @pitch: bytes from a row to the next; linear ones may run upwards
 * @tiling: how its bytes lie
 */
struct sg_surface {
	u64 base;
	s32 pitch;
	enum sg_tiling tiling;
};

/** struct sg_rect - from (@x1, @y1) up to, but not including, (@x2, @y2). */
struct sg_rect {
	s32 x1, y1, x2, y2;
};

/** enum sg_blt_source - where a blit's source comes from. */
enum sg_blt_source { SG_SRC_NONE, SG_SRC_SURFACE, SG_SRC_MONO_MEM, SG_SRC_MONO_IMM };

/** enum sg_blt_pattern - what a blit's pattern is. */
enum sg_blt_pattern { SG_PAT_NONE, SG_PAT_SOLID, SG_PAT_COLOR_MEM, SG_PAT_COLOR, SG_PAT_MONO_MEM,
		      SG_PAT_MONO };

/** enum sg_blt_key - which pixels a blit leaves out. */
enum sg_blt_key { SG_KEY_NONE, SG_KEY_SOURCE, SG_KEY_PATTERN, SG_KEY_DEST };

/**
 * struct sg_blt_op - a blit.
 * @dst: where to
 * @cpp: bytes a pixel
 * @rect: what is drawn, clipped
 * @org_x: where the rectangle began before it was clipped: sources begin there
 * @org_y: likewise
 * @rop: the raster operation
 * @mask: bits of a pixel that are written
 * @source: kind of source
 * @src: the surface
 * @src_x: pixel of it that belongs to @org
 * @src_y: its row
 * @mono_addr: address of a mono source in memory
 * @mono_pitch: bits from a row of it to the next
 * @mono_start: bits to be skipped in each of its rows
 * @fg: colour of its ones
 * @bg: colour of its zeroes
 * @mono_transparent: zeroes are not drawn
 * @pattern: kind of pattern
 * @pat_addr: its address, if it is in memory
 * @pat: 8 × 8 pixels, or for a mono one 8 bytes
 * @pat_x: column of it that belongs to column 0
 * @pat_y: likewise its row
 * @pat_fg: colour of a mono one's ones; of a solid one
 * @pat_bg: colour of its zeroes
 * @pat_transparent: zeroes are not drawn
 * @key: which of the three is compared
 * @key_low: pixels from here
 * @key_high: to here are left out
 */
struct sg_blt_op {
	struct sg_surface dst;
	u32 cpp;
	struct sg_rect rect;
	s32 org_x, org_y;
	u8 rop;
	u32 mask;

	enum sg_blt_source source;
	struct sg_surface src;
	s32 src_x, src_y;
	u64 mono_addr;
	u32 mono_pitch;
	u32 mono_start;
	u32 fg, bg;
	bool mono_transparent;

	enum sg_blt_pattern pattern;
	u64 pat_addr;
	u8 pat[8 * 8 * 4];
	u32 pat_x, pat_y;
	u32 pat_fg, pat_bg;
	bool pat_transparent;

	enum sg_blt_key key;
	u32 key_low, key_high;
};

/**
 * struct sg_blt - the blitter.
 * @setup: what the SETUP commands said
 * @clip: the clipping rectangle
 * @op: the blit under way
 * @rows: how many rows it has; where rows follow each other without a gap, they are one
 * @row_bytes: bytes in each
 * @y: rows of it that are done
 * @x: bytes of the next row that are done
 * @upwards: rows are drawn from the last to the first
 * @leftwards: and bytes from right to left, since source and destination overlap
 * @imm: a mono source that came with the command
 * @src: the source of a span
 * @pat: its pattern
 * @dst: its destination
 */
struct sg_blt {
	struct sg_blt_op setup;
	struct sg_rect clip;
	struct sg_blt_op op;
	u32 rows;
	u64 row_bytes;
	u32 y;
	u64 x;
	bool upwards;
	bool leftwards;
	u32 imm[256];
	u64 src[SG_BLT_SPAN / 8];
	u64 pat[SG_BLT_SPAN / 8];
	u64 dst[SG_BLT_SPAN / 8];
};

#endif
