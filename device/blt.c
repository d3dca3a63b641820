// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The blitter's commands, decoded: PRM volume 2a, XY_* and XY_FAST_COPY_BLT, and volume 10,
 * "Copy Engine". Addresses have 48 bits, in two dwords, as from generation 8 on.
 */
#include "blt.h"
#include "blt_draw.h"
#include "rop.h"

enum {
	SETUP = 0x01, SETUP_CLIP = 0x03, SETUP_MONO_PATTERN_SL = 0x11, PIXEL = 0x24,
	SCANLINES = 0x25, TEXT = 0x26, TEXT_IMMEDIATE = 0x31, COLOR = 0x40, FAST_COPY = 0x42,
	SRC_COPY = 0x43, XY_COLOR = 0x50, XY_PAT = 0x51, XY_MONO_PAT = 0x52, XY_SRC_COPY = 0x53,
	XY_MONO_SRC_COPY = 0x54, XY_FULL = 0x55, XY_FULL_MONO_SRC = 0x56,
	XY_FULL_MONO_PATTERN = 0x57, XY_FULL_MONO_PATTERN_MONO_SRC = 0x58,
	XY_MONO_SRC_COPY_IMMEDIATE = 0x71, XY_PAT_IMMEDIATE = 0x72, XY_SRC_COPY_CHROMA = 0x73,
	XY_FULL_IMMEDIATE_PATTERN = 0x74, XY_FULL_MONO_SRC_IMMEDIATE_PATTERN = 0x75,
	XY_PAT_CHROMA = 0x76, XY_PAT_CHROMA_IMMEDIATE = 0x77,
};

#define OPCODE(dw0)		((dw0) >> 22 & 0x7f)
#define WRITE_ALPHA		BIT(21)
#define WRITE_RGB		BIT(20)
#define SRC_TILED		BIT(15)
#define DST_TILED		BIT(11)
#define MONO_START(dw0)		((dw0) >> 17 & 7)
#define PAT_X(dw0)		((dw0) >> 12 & 7)
#define PAT_Y(dw0)		((dw0) >> 8 & 7)
#define TEXT_BYTE_PACKED	BIT(16)
#define CHROMA_KEY(dw0)		((dw0) >> 17 & 7)

#define BR13_SOLID		BIT(31)
#define BR13_CLIP		BIT(30)
#define BR13_MONO_TRANSPARENT	BIT(29)
#define BR13_PAT_TRANSPARENT	BIT(28)
#define BR13_DEPTH(dw)		((dw) >> 24 & 3)
#define BR13_ROP(dw)		((dw) >> 16 & 0xff)
#define BR13_PITCH(dw)		((s16)((dw) & 0xffff))

#define SWCTRL_SRC_Y		BIT(0)
#define SWCTRL_DST_Y		BIT(1)

#define FAST_SRC_TILING(dw0)	((dw0) >> 20 & 3)
#define FAST_DST_TILING(dw0)	((dw0) >> 13 & 3)
#define FAST_SRC_YF		BIT(31)
#define FAST_DST_YF		BIT(30)
#define FAST_DEPTH(dw1)		((dw1) >> 24 & 7)

static s32 low16(u32 dw)
{
	return (s16)(dw & 0xffff);
}

static s32 high16(u32 dw)
{
	return (s16)(dw >> 16);
}

static u64 address(const u32 *dw)
{
	return dw[0] | (u64)(dw[1] & 0xffff) << 32;
}

/* BR13: depth, raster operation, pitch; and with them what of a pixel is written. */
static void decode_br13(struct sg_blt_op *op, u32 dw0, u32 br13)
{
	static const u8 cpp[] = { 1, 2, 2, 4 };

	op->cpp = cpp[BR13_DEPTH(br13)];
	op->rop = BR13_ROP(br13);
	op->dst.pitch = BR13_PITCH(br13);
	op->mask = ~0u;
	if (op->cpp == 4)
		op->mask = (dw0 & WRITE_ALPHA ? 0xff000000u : 0) |
			   (dw0 & WRITE_RGB ? 0x00ffffffu : 0);
	op->mono_transparent = br13 & BR13_MONO_TRANSPARENT;
	op->pat_transparent = br13 & BR13_PAT_TRANSPARENT;
}

/* A tiled surface's pitch is counted in dwords. Returns false for one that is no row of tiles. */
static bool set_tiling(struct sg_surface *s, bool tiled, bool y)
{
	s->tiling = !tiled ? SG_LINEAR : y ? SG_TILE_Y : SG_TILE_X;
	if (!tiled)
		return true;
	s->pitch *= 4;
	return s->pitch > 0 && s->pitch % (s32)sg_tile_width(s->tiling) == 0;
}

static void set_rect(struct sg_blt_op *op, s32 x1, s32 y1, s32 x2, s32 y2)
{
	op->rect.x1 = x1;
	op->rect.y1 = y1;
	op->rect.x2 = x2;
	op->rect.y2 = y2;
	op->org_x = x1;
	op->org_y = y1;
}

static void clip(struct sg_blt *blt)
{
	struct sg_rect *r = &blt->op.rect;

	r->x1 = max(r->x1, blt->clip.x1);
	r->y1 = max(r->y1, blt->clip.y1);
	r->x2 = min(r->x2, blt->clip.x2);
	r->y2 = min(r->y2, blt->clip.y2);
}

static void set_source(struct sg_blt_op *op, const u32 *cmd)
{
	op->source = SG_SRC_SURFACE;
	op->src_x = low16(cmd[6]);
	op->src_y = high16(cmd[6]);
	op->src.pitch = BR13_PITCH(cmd[7]);
	op->src.base = address(&cmd[8]);
}

static void set_mono_source(struct sg_blt_op *op, const u32 *cmd, unsigned int at)
{
	op->source = SG_SRC_MONO_MEM;
	op->mono_addr = address(&cmd[at]);
	op->mono_start = MONO_START(cmd[0]);
	op->bg = cmd[at + 2];
	op->fg = cmd[at + 3];
}

/* Rows of a mono source are packed to bytes in commands, and to words in memory. */
static void set_mono_pitch(struct sg_blt_op *op, u32 align)
{
	u32 bits = op->mono_start + (u32)max(op->rect.x2 - op->rect.x1, 0);

	op->mono_pitch = (bits + align - 1) / align * align;
}

static bool set_immediate(struct sg_blt *blt, const u32 *cmd, unsigned int n, unsigned int at)
{
	struct sg_blt_op *op = &blt->op;
	u64 rows = (u64)max(op->rect.y2 - op->rect.y1, 0);

	op->source = SG_SRC_MONO_IMM;
	if (rows * op->mono_pitch > (u64)(n - at) * 32)
		return false;
	memcpy(blt->imm, &cmd[at], (n - at) * sizeof(u32));
	return true;
}

static bool set_pattern_immediate(struct sg_blt_op *op, const u32 *cmd, unsigned int n,
				  unsigned int at)
{
	u32 bytes = 64 * op->cpp;

	op->pattern = SG_PAT_COLOR;
	if ((u64)(n - at) * sizeof(u32) < bytes)
		return false;
	memcpy(op->pat, &cmd[at], bytes);
	return true;
}

static void set_pattern_memory(struct sg_blt_op *op, const u32 *cmd, unsigned int at)
{
	op->pattern = SG_PAT_COLOR_MEM;
	op->pat_addr = address(&cmd[at]);
}

static void set_mono_pattern(struct sg_blt_op *op, const u32 *cmd, unsigned int at)
{
	op->pattern = cmd[1] & BR13_SOLID ? SG_PAT_SOLID : SG_PAT_MONO_MEM;
	op->pat_addr = address(&cmd[at]);
	op->pat_bg = cmd[at + 2];
	op->pat_fg = cmd[at + 3];
}

static void set_key(struct sg_blt_op *op, enum sg_blt_key key, u32 low, u32 high)
{
	op->key = key;
	op->key_low = low;
	op->key_high = high;
}

static enum sg_blt_status begin(struct sg_blt *blt)
{
	const struct sg_rect *r = &blt->op.rect;

	if (r->x1 >= r->x2 || r->y1 >= r->y2 || !blt->op.mask)
		return SG_BLT_DONE;
	sg_blt_begin(blt);
	return SG_BLT_MORE;
}

/* Dwords that a command has at least; 0: it is not one. */
static unsigned int least_length(u32 opcode)
{
	switch (opcode) {
	case PIXEL:
		return 2;
	case SETUP_CLIP:
	case SCANLINES:
	case TEXT_IMMEDIATE:
		return 3;
	case TEXT:
		return 5;
	case COLOR:
	case XY_PAT_IMMEDIATE:
		return 6;
	case XY_COLOR:
		return 7;
	case SRC_COPY:
	case XY_PAT:
	case XY_MONO_SRC_COPY_IMMEDIATE:
	case XY_PAT_CHROMA_IMMEDIATE:
		return 8;
	case SETUP:
	case SETUP_MONO_PATTERN_SL:
	case FAST_COPY:
	case XY_MONO_PAT:
	case XY_SRC_COPY:
	case XY_MONO_SRC_COPY:
	case XY_FULL_IMMEDIATE_PATTERN:
	case XY_FULL_MONO_SRC_IMMEDIATE_PATTERN:
	case XY_PAT_CHROMA:
		return 10;
	case XY_FULL:
	case XY_FULL_MONO_SRC:
	case XY_SRC_COPY_CHROMA:
		return 12;
	case XY_FULL_MONO_PATTERN:
	case XY_FULL_MONO_PATTERN_MONO_SRC:
		return 14;
	default:
		return 0;
	}
}

static enum sg_blt_status setup(struct sg_blt *blt, const u32 *cmd, u32 swctrl)
{
	struct sg_blt_op *op = &blt->setup;

	memset(op, 0, sizeof(*op));
	decode_br13(op, cmd[0], cmd[1]);
	blt->clip = (struct sg_rect) { low16(cmd[2]), high16(cmd[2]), low16(cmd[3]),
				       high16(cmd[3]) };
	op->dst.base = address(&cmd[4]);
	if (!set_tiling(&op->dst, cmd[0] & DST_TILED, swctrl & SWCTRL_DST_Y))
		return SG_BLT_ERROR;
	op->bg = cmd[6];
	op->fg = cmd[7];
	op->pat_bg = cmd[6];
	op->pat_fg = cmd[7];
	if (OPCODE(cmd[0]) == SETUP_MONO_PATTERN_SL) {
		op->pattern = cmd[1] & BR13_SOLID ? SG_PAT_SOLID : SG_PAT_MONO;
		memcpy(op->pat, &cmd[8], 8);
	} else {
		set_pattern_memory(op, cmd, 8);
	}
	return SG_BLT_DONE;
}

/* The commands that draw with what SETUP left. They are always clipped. */
static enum sg_blt_status decode_setup_user(struct sg_blt *blt, const u32 *cmd, unsigned int n)
{
	struct sg_blt_op *op = &blt->op;
	bool ok = true;

	if (!blt->setup.cpp)
		return SG_BLT_ERROR;
	*op = blt->setup;
	op->pat_x = PAT_X(cmd[0]);
	op->pat_y = PAT_Y(cmd[0]);
	if (OPCODE(cmd[0]) == PIXEL) {
		set_rect(op, low16(cmd[1]), high16(cmd[1]), low16(cmd[1]) + 1, high16(cmd[1]) + 1);
		op->pattern = SG_PAT_SOLID;
	} else {
		set_rect(op, low16(cmd[1]), high16(cmd[1]), low16(cmd[2]), high16(cmd[2]));
	}
	if (OPCODE(cmd[0]) == TEXT || OPCODE(cmd[0]) == TEXT_IMMEDIATE) {
		op->source = SG_SRC_MONO_MEM;
		set_mono_pitch(op, cmd[0] & TEXT_BYTE_PACKED ? 8 : 1);
		if (OPCODE(cmd[0]) == TEXT)
			op->mono_addr = address(&cmd[3]);
		else
			ok = set_immediate(blt, cmd, n, 3);
	}
	clip(blt);
	return ok ? begin(blt) : SG_BLT_ERROR;
}

/* COLOR_BLT and SRC_COPY_BLT: width in bytes and height instead of corners. */
static enum sg_blt_status decode_plain(struct sg_blt *blt, const u32 *cmd)
{
	struct sg_blt_op *op = &blt->op;
	s32 bytes = (s32)(cmd[2] & 0xffff), rows = (s32)(cmd[2] >> 16);

	memset(op, 0, sizeof(*op));
	decode_br13(op, cmd[0], cmd[1]);
	op->dst.base = address(&cmd[3]);
	set_rect(op, 0, 0, bytes / (s32)op->cpp, rows);
	if (OPCODE(cmd[0]) == COLOR) {
		op->pattern = SG_PAT_SOLID;
		op->pat_fg = cmd[5];
	} else {
		op->source = SG_SRC_SURFACE;
		op->src.pitch = BR13_PITCH(cmd[5]);
		op->src.base = address(&cmd[6]);
	}
	return begin(blt);
}

static bool fast_tiling(struct sg_surface *s, unsigned int field, bool yf)
{
	if (field == 3 || (field == 2 && yf))
		return false;	/* Ys and Yf: tiles of another shape */
	return set_tiling(s, field, field == 2);
}

static enum sg_blt_status decode_fast_copy(struct sg_blt *blt, const u32 *cmd)
{
	struct sg_blt_op *op = &blt->op;
	unsigned int depth = FAST_DEPTH(cmd[1]);

	memset(op, 0, sizeof(*op));
	if (depth == 2 || depth > 5)
		return SG_BLT_ERROR;
	op->cpp = depth < 2 ? 1u << depth : 1u << (depth - 1);
	op->rop = SG_ROP_COPY;
	op->mask = ~0u;
	set_rect(op, low16(cmd[2]), high16(cmd[2]), low16(cmd[3]), high16(cmd[3]));
	op->dst.pitch = BR13_PITCH(cmd[1]);
	op->dst.base = address(&cmd[4]);
	set_source(op, cmd);
	if (!fast_tiling(&op->dst, FAST_DST_TILING(cmd[0]), cmd[1] & FAST_DST_YF) ||
	    !fast_tiling(&op->src, FAST_SRC_TILING(cmd[0]), cmd[1] & FAST_SRC_YF))
		return SG_BLT_ERROR;
	return begin(blt);
}

/* The sources and patterns of the XY commands, which otherwise are all alike. */
static bool decode_operands(struct sg_blt *blt, const u32 *cmd, unsigned int n)
{
	struct sg_blt_op *op = &blt->op;

	switch (OPCODE(cmd[0])) {
	case XY_COLOR:
		op->pattern = SG_PAT_SOLID;
		op->pat_fg = cmd[6];
		return true;
	case XY_PAT:
		set_pattern_memory(op, cmd, 6);
		return true;
	case XY_PAT_IMMEDIATE:
		return set_pattern_immediate(op, cmd, n, 6);
	case XY_PAT_CHROMA:
		set_pattern_memory(op, cmd, 6);
		set_key(op, SG_KEY_PATTERN, cmd[8], cmd[9]);
		return true;
	case XY_PAT_CHROMA_IMMEDIATE:
		set_key(op, SG_KEY_PATTERN, cmd[6], cmd[7]);
		return set_pattern_immediate(op, cmd, n, 8);
	case XY_MONO_PAT:
		set_mono_pattern(op, cmd, 6);
		return true;
	case XY_SRC_COPY_CHROMA:
		set_key(op, CHROMA_KEY(cmd[0]) & 4 ? SG_KEY_DEST : SG_KEY_SOURCE, cmd[10], cmd[11]);
		fallthrough;
	case XY_SRC_COPY:
		set_source(op, cmd);
		return true;
	case XY_FULL:
		set_source(op, cmd);
		set_pattern_memory(op, cmd, 10);
		return true;
	case XY_FULL_IMMEDIATE_PATTERN:
		set_source(op, cmd);
		return set_pattern_immediate(op, cmd, n, 10);
	case XY_FULL_MONO_PATTERN:
		set_source(op, cmd);
		set_mono_pattern(op, cmd, 10);
		return true;
	case XY_MONO_SRC_COPY:
		set_mono_source(op, cmd, 6);
		return true;
	case XY_FULL_MONO_SRC:
		set_mono_source(op, cmd, 6);
		set_pattern_memory(op, cmd, 10);
		return true;
	case XY_FULL_MONO_SRC_IMMEDIATE_PATTERN:
		set_mono_source(op, cmd, 6);
		return set_pattern_immediate(op, cmd, n, 10);
	case XY_FULL_MONO_PATTERN_MONO_SRC:
		set_mono_source(op, cmd, 6);
		set_mono_pattern(op, cmd, 10);
		return true;
	case XY_MONO_SRC_COPY_IMMEDIATE:
		op->mono_start = MONO_START(cmd[0]);
		op->bg = cmd[6];
		op->fg = cmd[7];
		set_mono_pitch(op, 8);
		return set_immediate(blt, cmd, n, 8);
	default:
		return false;
	}
}

static enum sg_blt_status decode_xy(struct sg_blt *blt, const u32 *cmd, unsigned int n, u32 swctrl)
{
	struct sg_blt_op *op = &blt->op;

	memset(op, 0, sizeof(*op));
	decode_br13(op, cmd[0], cmd[1]);
	set_rect(op, low16(cmd[2]), high16(cmd[2]), low16(cmd[3]), high16(cmd[3]));
	op->dst.base = address(&cmd[4]);
	op->pat_x = PAT_X(cmd[0]);
	op->pat_y = PAT_Y(cmd[0]);
	if (!set_tiling(&op->dst, cmd[0] & DST_TILED, swctrl & SWCTRL_DST_Y) ||
	    !decode_operands(blt, cmd, n))
		return SG_BLT_ERROR;
	if (op->source == SG_SRC_SURFACE &&
	    !set_tiling(&op->src, cmd[0] & SRC_TILED, swctrl & SWCTRL_SRC_Y))
		return SG_BLT_ERROR;
	if (op->source == SG_SRC_MONO_MEM)
		set_mono_pitch(op, 16);
	if (cmd[1] & BR13_CLIP)
		clip(blt);
	return begin(blt);
}

void sg_blt_init(struct sg_blt *blt)
{
	memset(blt, 0, sizeof(*blt));
	blt->clip = (struct sg_rect) { -32768, -32768, 32767, 32767 };
}

enum sg_blt_status sg_blt_decode(struct sg_blt *blt, const u32 *cmd, unsigned int n, u32 swctrl)
{
	u32 opcode = OPCODE(cmd[0]);

	if (!least_length(opcode) || n < least_length(opcode))
		return SG_BLT_ERROR;
	switch (opcode) {
	case SETUP:
	case SETUP_MONO_PATTERN_SL:
		return setup(blt, cmd, swctrl);
	case SETUP_CLIP:
		blt->clip = (struct sg_rect) { low16(cmd[1]), high16(cmd[1]), low16(cmd[2]),
					       high16(cmd[2]) };
		return SG_BLT_DONE;
	case PIXEL:
	case SCANLINES:
	case TEXT:
	case TEXT_IMMEDIATE:
		return decode_setup_user(blt, cmd, n);
	case COLOR:
	case SRC_COPY:
		return decode_plain(blt, cmd);
	case FAST_COPY:
		return decode_fast_copy(blt, cmd);
	default:
		return decode_xy(blt, cmd, n, swctrl);
	}
}
