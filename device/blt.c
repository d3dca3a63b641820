// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The blitter's commands, decoded: Intel PRM volume 2a, "Command Reference: Instructions",
 * XY_*_BLT, and the copy engine's volume for the registers BR00 to BR21 that they are made of.
 * Since generation 8 addresses take two dwords, of which 48 bits count.
 */
#include "blt.h"
#include "blt_draw.h"
#include "rop.h"

enum {
	SETUP				= 0x01,
	SETUP_CLIP			= 0x03,
	SETUP_MONO_PATTERN_SL		= 0x11,
	PIXEL				= 0x24,
	SCANLINES			= 0x25,
	TEXT				= 0x26,
	TEXT_IMMEDIATE			= 0x31,
	COLOR				= 0x40,
	FAST_COPY			= 0x42,
	SRC_COPY			= 0x43,
	XY_COLOR			= 0x50,
	XY_PAT				= 0x51,
	XY_MONO_PAT			= 0x52,
	XY_SRC_COPY			= 0x53,
	XY_MONO_SRC_COPY		= 0x54,
	XY_FULL				= 0x55,
	XY_FULL_MONO_SRC		= 0x56,
	XY_FULL_MONO_PAT		= 0x57,
	XY_FULL_MONO_PAT_MONO_SRC	= 0x58,
	XY_MONO_PAT_FIXED		= 0x59,
	XY_MONO_SRC_COPY_IMMEDIATE	= 0x71,
	XY_PAT_IMMEDIATE		= 0x72,
	XY_SRC_COPY_CHROMA		= 0x73,
	XY_FULL_IMMEDIATE_PAT		= 0x74,
	XY_FULL_MONO_SRC_IMMEDIATE_PAT	= 0x75,
	XY_PAT_CHROMA			= 0x76,
	XY_PAT_CHROMA_IMMEDIATE		= 0x77,
};

/* Dword 0, BR00 */
#define OPCODE(dw)		((dw) >> 22 & 0x7f)
#define WRITE_ALPHA		BIT(21)
#define WRITE_RGB		BIT(20)
#define MONO_FIRST_BIT(dw)	((dw) >> 17 & 7)
#define KEY_MODE(dw)		((dw) >> 17 & 7)
#define TEXT_BYTE_PACKED	BIT(16)
#define SRC_TILED		BIT(15)
#define FIXED_PATTERN(dw)	((dw) >> 15 & 15)
#define PATTERN_X(dw)		((dw) >> 12 & 7)
#define DST_TILED		BIT(11)
#define PATTERN_Y(dw)		((dw) >> 8 & 7)

/* Dword 1, BR13 or BR01 */
#define SOLID_PATTERN		BIT(31)
#define CLIPPED			BIT(30)
#define SRC_TRANSPARENT		BIT(29)
#define PATTERN_TRANSPARENT	BIT(28)
#define DEPTH(dw)		((dw) >> 24 & 3)
#define DEPTH_565		1
#define ROP(dw)			((dw) >> 16 & 0xff)
#define PITCH(dw)		((s16)((dw) & 0xffff))

/* BCS_SWCTRL */
#define SWCTRL_SRC_Y		BIT(0)
#define SWCTRL_DST_Y		BIT(1)

/* XY_FAST_COPY_BLT has its own */
#define FAST_SRC_TILING(dw0)	((dw0) >> 20 & 3)
#define FAST_DST_TILING(dw0)	((dw0) >> 13 & 3)
#define FAST_SRC_YF		BIT(31)
#define FAST_DST_YF		BIT(30)
#define FAST_DEPTH(dw1)		((dw1) >> 24 & 7)

static s32 low(u32 dw)
{
	return (s16)(dw & 0xffff);
}

static s32 high(u32 dw)
{
	return (s16)(dw >> 16);
}

static u64 address(const u32 *dw)
{
	return (dw[0] | (u64)dw[1] << 32) & SG_ADDRESS_MASK;
}

static struct sg_rect corners(const u32 *dw)
{
	return (struct sg_rect) { low(dw[0]), high(dw[0]), low(dw[1]), high(dw[1]) };
}

/* A tiled surface begins with a tile, and its pitch is counted in dwords. */
static void set_surface(struct sg_surface *surface, u64 base, s32 pitch, enum sg_tiling tiling)
{
	surface->tiling = tiling;
	surface->base = tiling == SG_LINEAR ? base : base & ~(u64)(SG_TILE_SIZE - 1);
	surface->pitch = tiling == SG_LINEAR ? pitch : pitch * 4;
}

static enum sg_tiling xy_tiling(u32 tiled, u32 is_y)
{
	if (!tiled)
		return SG_LINEAR;
	return is_y ? SG_TILE_Y : SG_TILE_X;
}

/* What the first two dwords say in all commands but XY_FAST_COPY_BLT. */
static void set_common(struct sg_blt_op *op, u32 dw0, u32 dw1)
{
	static const u8 cpp[] = { 1, 2, 2, 4 };

	memset(op, 0, sizeof(*op));
	op->cpp = cpp[DEPTH(dw1)];
	op->key_565 = DEPTH(dw1) == DEPTH_565;
	op->rop = ROP(dw1);
	op->src_transparent = dw1 & SRC_TRANSPARENT;
	op->pat_transparent = dw1 & PATTERN_TRANSPARENT;
	op->mask = ~0u;
	/* smaller pixels are written whole, whatever these bits are */
	if (op->cpp == 4)
		op->mask = (dw0 & WRITE_ALPHA ? 0xff000000 : 0) |
			   (dw0 & WRITE_RGB ? 0x00ffffff : 0);
}

static void set_pattern_seed(struct sg_blt_op *op, u32 dw0)
{
	op->pat_x = PATTERN_X(dw0);
	op->pat_y = PATTERN_Y(dw0);
}

static void set_source(struct sg_blt_op *op, const u32 *cmd, u32 swctrl)
{
	op->source = SG_SRC_SURFACE;
	op->src_x = low(cmd[6]);
	op->src_y = high(cmd[6]);
	set_surface(&op->src, address(&cmd[8]), PITCH(cmd[7]),
		    xy_tiling(cmd[0] & SRC_TILED, swctrl & SWCTRL_SRC_Y));
}

/* Rows of a mono source begin at a multiple of @align bits; the first bits may be skipped. */
static void set_mono_rows(struct sg_blt_op *op, u32 first_bit, u32 align)
{
	s32 width = max(op->rect.x2 - op->rect.x1, 0);

	op->src_x = (s32)first_bit;
	op->mono_pitch = ((u32)width + first_bit + align - 1) / align * align;
}

static void set_mono_source(struct sg_blt_op *op, const u32 *cmd)
{
	op->source = SG_SRC_MONO;
	op->mono_addr = address(&cmd[6]);
	op->bg = cmd[8];
	op->fg = cmd[9];
	set_mono_rows(op, MONO_FIRST_BIT(cmd[0]), 16);
}

/* What is missing of it is zero. */
static void set_immediate_source(struct sg_blt *blt, const u32 *cmd, unsigned int n,
				 unsigned int at)
{
	unsigned int dwords = min_t(unsigned int, n - at, SG_BLT_IMMEDIATE);

	blt->op.source = SG_SRC_MONO_IMMEDIATE;
	memcpy(blt->immediate, &cmd[at], dwords * sizeof(u32));
	memset(&blt->immediate[dwords], 0, (SG_BLT_IMMEDIATE - dwords) * sizeof(u32));
}

static void set_solid_pattern(struct sg_blt_op *op, u32 color)
{
	op->pattern = SG_PAT_SOLID;
	op->pat_fg = color;
}

static void set_memory_pattern(struct sg_blt_op *op, const u32 *dw)
{
	op->pattern = SG_PAT_MEMORY;
	op->pat_addr = address(dw);
}

/* Two colours, and bits; a solid one is the second colour alone. */
static void set_mono_pattern(struct sg_blt_op *op, u32 dw1, const u32 *colors, const u32 *bits)
{
	op->pattern = dw1 & SOLID_PATTERN ? SG_PAT_SOLID : SG_PAT_MONO;
	op->pat_bg = colors[0];
	op->pat_fg = colors[1];
	memcpy(op->pat, bits, 8);
}

static bool set_immediate_pattern(struct sg_blt_op *op, const u32 *cmd, unsigned int n,
				  unsigned int at)
{
	size_t bytes = 8 * 8 * op->cpp;

	if ((n - at) * sizeof(u32) < bytes)
		return false;
	op->pattern = SG_PAT_COLOR;
	memcpy(op->pat, &cmd[at], bytes);
	return true;
}

/* The hatches are those of GDI's brushes of these names. */
static bool set_fixed_pattern(struct sg_blt_op *op, u32 number)
{
	static const u8 patterns[][8] = {
		/* horizontal, vertical */
		{ 0x00, 0x00, 0x00, 0xff, 0x00, 0x00, 0x00, 0x00 },
		{ 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08, 0x08 },
		/* falling, rising */
		{ 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01 },
		{ 0x01, 0x02, 0x04, 0x08, 0x10, 0x20, 0x40, 0x80 },
		/* upright cross, diagonal cross */
		{ 0x08, 0x08, 0x08, 0xff, 0x08, 0x08, 0x08, 0x08 },
		{ 0x81, 0x42, 0x24, 0x18, 0x18, 0x24, 0x42, 0x81 },
		{ 0 }, { 0 },	/* reserved */
		/* screen door, wide screen door */
		{ 0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55, 0xaa, 0x55 },
		{ 0xcc, 0xcc, 0x33, 0x33, 0xcc, 0xcc, 0x33, 0x33 },
		/* walking one, walking zero */
		{ 0x80, 0x40, 0x20, 0x10, 0x08, 0x04, 0x02, 0x01 },
		{ 0x7f, 0xbf, 0xdf, 0xef, 0xf7, 0xfb, 0xfd, 0xfe },
	};

	if (number >= ARRAY_SIZE(patterns) || number == 6 || number == 7)
		return false;
	op->pattern = SG_PAT_MONO;
	memcpy(op->pat, patterns[number], sizeof(patterns[number]));
	return true;
}

/* Modes 1 and 3 look at the source, 5 and 7 at the destination; 3 and 5 at alpha, too. */
static void set_key(struct sg_blt_op *op, u32 dw0, const u32 *range)
{
	u32 mode = KEY_MODE(dw0);

	if (mode & 1)
		op->key = mode & 4 ? SG_KEY_DEST : SG_KEY_SOURCE;
	op->key_alpha = mode == 3 || mode == 5;
	op->key_low = range[0];
	op->key_high = range[1];
}

/* Sources move with the rectangle's corner. */
static void clip(struct sg_blt_op *op, const struct sg_rect *to)
{
	struct sg_rect *rect = &op->rect;
	s32 x = max(rect->x1, to->x1), y = max(rect->y1, to->y1);

	op->src_x += x - rect->x1;
	op->src_y += y - rect->y1;
	*rect = (struct sg_rect) { x, y, min(rect->x2, to->x2), min(rect->y2, to->y2) };
}

static enum sg_blt_status begin(struct sg_blt *blt)
{
	const struct sg_rect *rect = &blt->op.rect;

	if (rect->x1 >= rect->x2 || rect->y1 >= rect->y2 || !blt->op.mask)
		return SG_BLT_DONE;
	sg_blt_begin(blt);
	return SG_BLT_MORE;
}

/* The commands that draw with what the last SETUP command said. */
static enum sg_blt_status decode_after_setup(struct sg_blt *blt, const u32 *cmd, unsigned int n,
					     u32 swctrl)
{
	const u32 *setup = blt->setup;
	struct sg_blt_op *op = &blt->op;
	u32 opcode = OPCODE(cmd[0]);

	set_common(op, setup[0], setup[1]);
	set_surface(&op->dst, address(&setup[4]), PITCH(setup[1]),
		    xy_tiling(cmd[0] & DST_TILED, swctrl & SWCTRL_DST_Y));
	op->bg = setup[6];
	op->fg = setup[7];
	if (opcode == PIXEL) {
		op->rect = (struct sg_rect) { low(cmd[1]), high(cmd[1]),
					      low(cmd[1]) + 1, high(cmd[1]) + 1 };
		set_solid_pattern(op, op->fg);
	} else {
		op->rect = corners(&cmd[1]);
	}
	if (opcode == SCANLINES) {
		set_pattern_seed(op, cmd[0]);
		if (OPCODE(setup[0]) == SETUP_MONO_PATTERN_SL)
			set_mono_pattern(op, setup[1], &setup[6], &setup[8]);
		else
			set_memory_pattern(op, &setup[8]);
	} else if (opcode == TEXT || opcode == TEXT_IMMEDIATE) {
		set_mono_rows(op, 0, cmd[0] & TEXT_BYTE_PACKED ? 8 : 1);
		if (opcode == TEXT_IMMEDIATE) {
			set_immediate_source(blt, cmd, n, 3);
		} else {
			op->source = SG_SRC_MONO;
			op->mono_addr = address(&cmd[3]);
		}
	}
	if (setup[1] & CLIPPED)
		clip(op, &blt->clip);
	return begin(blt);
}

/* COLOR_BLT and SRC_COPY_BLT: bytes and rows from an address on, never tiled or clipped. */
static enum sg_blt_status decode_plain(struct sg_blt *blt, const u32 *cmd)
{
	struct sg_blt_op *op = &blt->op;

	set_common(op, cmd[0], cmd[1]);
	op->rect.x2 = (s32)((cmd[2] & 0xffff) / op->cpp);
	op->rect.y2 = (s32)(cmd[2] >> 16);
	set_surface(&op->dst, address(&cmd[3]), PITCH(cmd[1]), SG_LINEAR);
	if (OPCODE(cmd[0]) == COLOR) {
		set_solid_pattern(op, cmd[5]);
	} else {
		op->source = SG_SRC_SURFACE;
		set_surface(&op->src, address(&cmd[6]), PITCH(cmd[5]), SG_LINEAR);
	}
	return begin(blt);
}

static enum sg_blt_status decode_fast_copy(struct sg_blt *blt, const u32 *cmd)
{
	static const enum sg_tiling tilings[] = { SG_LINEAR, SG_TILE_X, SG_TILE_Y };
	static const u8 cpp[] = { 1, 2, 0, 4, 8, 16 };
	u32 dst = FAST_DST_TILING(cmd[0]), src = FAST_SRC_TILING(cmd[0]);
	struct sg_blt_op *op = &blt->op;

	memset(op, 0, sizeof(*op));
	if (FAST_DEPTH(cmd[1]) >= ARRAY_SIZE(cpp) || !cpp[FAST_DEPTH(cmd[1])])
		return SG_BLT_ERROR;
	/* Yf and Ys: tiles of another shape */
	if (dst == 3 || src == 3 || (dst == 2 && cmd[1] & FAST_DST_YF) ||
	    (src == 2 && cmd[1] & FAST_SRC_YF))
		return SG_BLT_ERROR;
	op->cpp = cpp[FAST_DEPTH(cmd[1])];
	op->rop = SG_ROP_COPY;
	op->mask = ~0u;
	op->rect = corners(&cmd[2]);
	op->source = SG_SRC_SURFACE;
	op->src_x = low(cmd[6]);
	op->src_y = high(cmd[6]);
	set_surface(&op->dst, address(&cmd[4]), PITCH(cmd[1]), tilings[dst]);
	set_surface(&op->src, address(&cmd[8]), PITCH(cmd[7]), tilings[src]);
	return begin(blt);
}

/* What is behind the destination in the XY commands, which up to there are all alike. */
static bool decode_operands(struct sg_blt *blt, const u32 *cmd, unsigned int n, u32 swctrl)
{
	struct sg_blt_op *op = &blt->op;

	switch (OPCODE(cmd[0])) {
	case XY_COLOR:
		set_solid_pattern(op, cmd[6]);
		return true;
	case XY_PAT_CHROMA:
		set_key(op, cmd[0], &cmd[8]);
		fallthrough;
	case XY_PAT:
		set_memory_pattern(op, &cmd[6]);
		return true;
	case XY_PAT_CHROMA_IMMEDIATE:
		set_key(op, cmd[0], &cmd[6]);
		return set_immediate_pattern(op, cmd, n, 8);
	case XY_PAT_IMMEDIATE:
		return set_immediate_pattern(op, cmd, n, 6);
	case XY_MONO_PAT:
		set_mono_pattern(op, cmd[1], &cmd[6], &cmd[8]);
		return true;
	case XY_MONO_PAT_FIXED:
		op->pat_bg = cmd[6];
		op->pat_fg = cmd[7];
		return set_fixed_pattern(op, FIXED_PATTERN(cmd[0]));
	case XY_SRC_COPY_CHROMA:
		set_key(op, cmd[0], &cmd[10]);
		fallthrough;
	case XY_SRC_COPY:
		set_source(op, cmd, swctrl);
		return true;
	case XY_FULL:
		set_source(op, cmd, swctrl);
		set_memory_pattern(op, &cmd[10]);
		return true;
	case XY_FULL_IMMEDIATE_PAT:
		set_source(op, cmd, swctrl);
		return set_immediate_pattern(op, cmd, n, 10);
	case XY_FULL_MONO_PAT:
		set_source(op, cmd, swctrl);
		set_mono_pattern(op, cmd[1], &cmd[10], &cmd[12]);
		return true;
	case XY_MONO_SRC_COPY:
		set_mono_source(op, cmd);
		return true;
	case XY_FULL_MONO_SRC:
		set_mono_source(op, cmd);
		set_memory_pattern(op, &cmd[10]);
		return true;
	case XY_FULL_MONO_SRC_IMMEDIATE_PAT:
		set_mono_source(op, cmd);
		return set_immediate_pattern(op, cmd, n, 10);
	case XY_FULL_MONO_PAT_MONO_SRC:
		set_mono_source(op, cmd);
		set_mono_pattern(op, cmd[1], &cmd[10], &cmd[12]);
		return true;
	case XY_MONO_SRC_COPY_IMMEDIATE:
		op->bg = cmd[6];
		op->fg = cmd[7];
		set_mono_rows(op, MONO_FIRST_BIT(cmd[0]), 16);
		set_immediate_source(blt, cmd, n, 8);
		return true;
	default:
		return false;
	}
}

static enum sg_blt_status decode_xy(struct sg_blt *blt, const u32 *cmd, unsigned int n, u32 swctrl)
{
	struct sg_blt_op *op = &blt->op;

	set_common(op, cmd[0], cmd[1]);
	set_pattern_seed(op, cmd[0]);
	op->rect = corners(&cmd[2]);
	set_surface(&op->dst, address(&cmd[4]), PITCH(cmd[1]),
		    xy_tiling(cmd[0] & DST_TILED, swctrl & SWCTRL_DST_Y));
	if (!decode_operands(blt, cmd, n, swctrl))
		return SG_BLT_ERROR;
	if (cmd[1] & CLIPPED)
		clip(op, &blt->clip);
	return begin(blt);
}

/* Dwords that a command has at least; 0: there is no such command. */
static unsigned int least_length(u32 opcode)
{
	static const u8 lengths[128] = {
		[SETUP]				= 10,
		[SETUP_CLIP]			= 3,
		[SETUP_MONO_PATTERN_SL]		= 10,
		[PIXEL]				= 2,
		[SCANLINES]			= 3,
		[TEXT]				= 5,
		[TEXT_IMMEDIATE]		= 3,
		[COLOR]				= 6,
		[FAST_COPY]			= 10,
		[SRC_COPY]			= 8,
		[XY_COLOR]			= 7,
		[XY_PAT]			= 8,
		[XY_MONO_PAT]			= 10,
		[XY_SRC_COPY]			= 10,
		[XY_MONO_SRC_COPY]		= 10,
		[XY_FULL]			= 12,
		[XY_FULL_MONO_SRC]		= 12,
		[XY_FULL_MONO_PAT]		= 14,
		[XY_FULL_MONO_PAT_MONO_SRC]	= 14,
		[XY_MONO_PAT_FIXED]		= 8,
		[XY_MONO_SRC_COPY_IMMEDIATE]	= 8,
		[XY_PAT_IMMEDIATE]		= 6,
		[XY_SRC_COPY_CHROMA]		= 12,
		[XY_FULL_IMMEDIATE_PAT]		= 10,
		[XY_FULL_MONO_SRC_IMMEDIATE_PAT] = 10,
		[XY_PAT_CHROMA]			= 10,
		[XY_PAT_CHROMA_IMMEDIATE]	= 8,
	};

	return lengths[opcode];
}

void sg_blt_init(struct sg_blt *blt)
{
	memset(blt, 0, sizeof(*blt));
}

enum sg_blt_status sg_blt_decode(struct sg_blt *blt, const u32 *cmd, unsigned int n, u32 swctrl)
{
	u32 opcode = OPCODE(cmd[0]);

	if (!least_length(opcode) || n < least_length(opcode))
		return SG_BLT_ERROR;
	switch (opcode) {
	case SETUP:
	case SETUP_MONO_PATTERN_SL:
		memcpy(blt->setup, cmd, sizeof(blt->setup));
		blt->clip = corners(&cmd[2]);
		return SG_BLT_DONE;
	case SETUP_CLIP:
		blt->clip = corners(&cmd[1]);
		return SG_BLT_DONE;
	case PIXEL:
	case SCANLINES:
	case TEXT:
	case TEXT_IMMEDIATE:
		return decode_after_setup(blt, cmd, n, swctrl);
	case COLOR:
	case SRC_COPY:
		return decode_plain(blt, cmd);
	case FAST_COPY:
		return decode_fast_copy(blt, cmd);
	default:
		return decode_xy(blt, cmd, n, swctrl);
	}
}
