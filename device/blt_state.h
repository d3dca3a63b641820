/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The state of the blitter: what the SETUP commands left, and the blit under way. */
#ifndef SOFTGEM_DEVICE_BLT_STATE_H
#define SOFTGEM_DEVICE_BLT_STATE_H

#include "tiling.h"
#include "types.h"

/* Bytes of a row that are combined at once where a plain copy will not do: whole pixels. */
#define SG_BLT_SPAN		256
/* Dwords of the longest SETUP command, and of the longest picture inside of a command. */
#define SG_BLT_SETUP		10
#define SG_BLT_IMMEDIATE	254

/**
 * struct sg_surface - a picture in memory.
 * @base: its GPU address; of a tiled one, that of its first tile
 * @pitch: bytes from a row to the next; a negative one runs upwards
 * @tiling: how its bytes lie
 */
struct sg_surface {
	u64 base;
	s32 pitch;
	enum sg_tiling tiling;
};

/** struct sg_rect - pixels from (@x1, @y1) up to, but not including, (@x2, @y2). */
struct sg_rect {
	s32 x1, y1, x2, y2;
};

/**
 * enum sg_blt_source - where a blit's source comes from.
 * @SG_SRC_NONE: it has none
 * @SG_SRC_SURFACE: a surface with pixels like those of the destination
 * @SG_SRC_MONO: bits in memory, expanded to two colours
 * @SG_SRC_MONO_IMMEDIATE: bits that came with the command
 */
enum sg_blt_source { SG_SRC_NONE, SG_SRC_SURFACE, SG_SRC_MONO, SG_SRC_MONO_IMMEDIATE };

/**
 * enum sg_blt_pattern - what a blit's pattern is.
 * @SG_PAT_NONE: it has none
 * @SG_PAT_SOLID: one colour
 * @SG_PAT_COLOR: 8 × 8 pixels
 * @SG_PAT_MEMORY: 8 × 8 pixels that are still to be read
 * @SG_PAT_MONO: 8 × 8 bits, expanded to two colours
 */
enum sg_blt_pattern { SG_PAT_NONE, SG_PAT_SOLID, SG_PAT_COLOR, SG_PAT_MEMORY, SG_PAT_MONO };

/**
 * enum sg_blt_key - which pixels a blit leaves as they are.
 * @SG_KEY_NONE: none
 * @SG_KEY_SOURCE: those whose source (pattern, if there is none) is inside of the range
 * @SG_KEY_DEST: those that are outside of the range themselves
 */
enum sg_blt_key { SG_KEY_NONE, SG_KEY_SOURCE, SG_KEY_DEST };

/**
 * enum sg_blt_way - how a blit is drawn.
 * @SG_WAY_SPANS: span by span, through buffers
 * @SG_WAY_COPY: straight from memory to memory, both linear
 * @SG_WAY_TILES: straight from memory to memory, tile by tile
 * @SG_WAY_FILL: one colour
 */
enum sg_blt_way { SG_WAY_SPANS, SG_WAY_COPY, SG_WAY_TILES, SG_WAY_FILL };

/**
 * struct sg_blt_op - a blit, as the command said; clipped.
 * @dst: where to
 * @cpp: bytes a pixel; 8 and 16 only for plain copies
 * @rect: what is drawn
 * @rop: the raster operation, see rop.h
 * @mask: bits of a pixel that are written
 * @source: kind of source
 * @src: the surface
 * @src_x: column of the source, or bit of its rows, that belongs to the rectangle's left
 * @src_y: row of the source that belongs to the rectangle's top
 * @mono_addr: address of a mono source in memory
 * @mono_pitch: bits from one of its rows to the next
 * @fg: colour of a mono source's ones
 * @bg: colour of its zeroes
 * @src_transparent: its zeroes are not drawn
 * @pattern: kind of pattern
 * @pat_addr: its address, if it is still in memory
 * @pat: its 8 × 8 pixels; of a mono one the 8 × 8 bits, leftmost in the highest
 * @pat_x: column of it that belongs to column 0 of the destination
 * @pat_y: likewise its row
 * @pat_fg: colour of a mono one's ones, or of a solid one
 * @pat_bg: colour of a mono one's zeroes
 * @pat_transparent: its zeroes are not drawn
 * @key: what is compared with the range of colours
 * @key_alpha: alpha is compared as well
 * @key_low: least of the range, in each channel
 * @key_high: greatest of the range, in each channel
 * @key_565: 16 bits a pixel are 5, 6 and 5, not 1, 5, 5 and 5
 */
struct sg_blt_op {
	struct sg_surface dst;
	u32 cpp;
	struct sg_rect rect;
	u8 rop;
	u32 mask;

	enum sg_blt_source source;
	struct sg_surface src;
	s32 src_x, src_y;
	u64 mono_addr;
	u32 mono_pitch;
	u32 fg, bg;
	bool src_transparent;

	enum sg_blt_pattern pattern;
	u64 pat_addr;
	u8 pat[8 * 8 * sizeof(u32)];
	u32 pat_x, pat_y;
	u32 pat_fg, pat_bg;
	bool pat_transparent;

	enum sg_blt_key key;
	bool key_alpha, key_565;
	u32 key_low, key_high;
};

/**
 * struct sg_blt - the blitter of a context.
 * @setup: the last SETUP command with colours
 * @clip: the clipping rectangle
 * @op: the blit under way
 * @way: how it is drawn
 * @by_tile: from tile to tile, not from row to row
 * @upwards: rows are drawn from the last to the first
 * @leftwards: and each of them from right to left
 * @rows: how many rows are drawn; rows that follow each other without a gap are one
 * @row_bytes: bytes in each
 * @y: rows that are done
 * @x: bytes of the next row, or row of tiles, that are done
 * @effort: what all blits have cost until now, in bytes
 * @immediate: a mono source that came with the command
 * @src: source of a span
 * @pat: pattern of a span
 * @dst: destination of a span
 * @write: ones for what is written of a span
 *
 * Holds no pointers: what is in it stays valid however long a blit is interrupted.
 */
struct sg_blt {
	u32 setup[SG_BLT_SETUP];
	struct sg_rect clip;

	struct sg_blt_op op;
	enum sg_blt_way way;
	bool by_tile, upwards, leftwards;
	u32 rows;
	u64 row_bytes;
	u32 y;
	u64 x;
	u64 effort;

	u32 immediate[SG_BLT_IMMEDIATE];
	u64 src[SG_BLT_SPAN / sizeof(u64)];
	u64 pat[SG_BLT_SPAN / sizeof(u64)];
	u64 dst[SG_BLT_SPAN / sizeof(u64)];
	u64 write[SG_BLT_SPAN / sizeof(u64)];
};

#endif
