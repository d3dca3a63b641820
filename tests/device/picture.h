/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A blitter to compare with: a pixel at a time, a bit at a time, each byte's address by formula.
 * And the commands that say the same to the device.
 */
#ifndef SOFTGEM_TESTS_PICTURE_H
#define SOFTGEM_TESTS_PICTURE_H

#include "machine.h"

/**
 * struct surface - a picture.
 * @base: its address
 * @pitch: bytes from row to row
 * @tiling: 'L', 'X' or 'Y'
 */
struct surface {
	u64 base;
	int pitch;
	char tiling;
};

/** struct area - from (@x1, @y1) up to, not including, (@x2, @y2). */
struct area {
	int x1, y1, x2, y2;
};

enum source_kind { NO_SOURCE, COLOR_SOURCE, MONO_SOURCE };
enum pattern_kind { NO_PATTERN, SOLID_PATTERN, COLOR_PATTERN, MONO_PATTERN };

/**
 * struct drawing - what is to be drawn.
 * @dst: where
 * @depth: as commands say it: 0: 8 bits a pixel, 1: 565, 2: 1555, 3: 32
 * @area: which pixels
 * @clipped: only those within @clip
 * @clip: likewise
 * @rop: table of the raster operation
 * @write_alpha: of pixels of 32 bits, bits 31:24 are written
 * @write_rgb: likewise bits 23:0
 *
 * @source: kind of source
 * @src: its surface, if it has colours
 * @src_x: the column of it that belongs to @area.x1
 * @src_y: the row that belongs to @area.y1
 * @bits: its address, if it has ones and zeroes
 * @bits_align: bits that its rows are a multiple of
 * @bits_skip: bits of each row that come before the first pixel
 * @fg: colour of ones
 * @bg: colour of zeroes
 * @mono_transparent: zeroes are not drawn
 *
 * @pattern: kind of pattern
 * @pat: the address of its 64 pixels, or of its 64 bits
 * @pat_x: seeds: how far it is shifted
 * @pat_y: likewise
 * @pat_fg: colour of ones; of a solid one
 * @pat_bg: colour of zeroes
 * @pat_transparent: zeroes are not drawn
 *
 * @key: transparency range mode, bits 19:17 of commands with a chroma key
 * @key_low: the range
 * @key_high: likewise
 */
struct drawing {
	struct surface dst;
	unsigned int depth;
	struct area area;
	bool clipped;
	struct area clip;
	u8 rop;
	bool write_alpha, write_rgb;

	enum source_kind source;
	struct surface src;
	int src_x, src_y;
	u64 bits;
	unsigned int bits_align, bits_skip;
	u32 fg, bg;
	bool mono_transparent;

	enum pattern_kind pattern;
	u64 pat;
	unsigned int pat_x, pat_y;
	u32 pat_fg, pat_bg;
	bool pat_transparent;

	unsigned int key;
	u32 key_low, key_high;
};

/** bytes_per_pixel() - for a depth as commands say it. */
unsigned int bytes_per_pixel(unsigned int depth);

/** rop_by_table() - a raster operation of two 32-bit operands and a pattern, bit by bit. */
u32 rop_by_table(u8 rop, u32 pattern, u32 source, u32 dest);

/** byte_address() - where byte @x of row @y of a surface is. */
u64 byte_address(const struct surface *s, int x, int y);

/**
 * draw() - carry out a drawing.
 * @before: memory as it is
 * @after: a clone of it, into which is drawn
 * @d: the drawing
 */
void draw(struct sg_mem *before, struct sg_mem *after, const struct drawing *d);

/**
 * emit_xy() - emit the XY command for a drawing; BCS_SWCTRL and the clip rectangle before it.
 * @m: where to
 * @opcode: bits 28:22; it has to be one that can say what the drawing wants
 * @d: the drawing
 */
void emit_xy(struct machine *m, u32 opcode, const struct drawing *d);

/** emit_clip() - emit XY_SETUP_CLIP_BLT. */
void emit_clip(struct machine *m, const struct area *clip);

/** br13() - second dword of a command: pitch, raster operation, depth and flags. */
u32 br13(const struct drawing *d);

/**
 * check_drawing() - run what is emitted; memory then has to be as draw() leaves it.
 * @m: the machine
 * @d: the drawing
 */
void check_drawing(struct machine *m, const struct drawing *d);

/** describe() - a drawing in words, for the message of a test that fails. */
const char *describe(const struct drawing *d);

#endif
