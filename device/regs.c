// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The register file as unprivileged batches see it: the streamer's own registers, and those that
 * the hardware lets such batches write (PRM, "user mode privileged commands": the non-privileged
 * registers). Everything else reads 0 and swallows writes.
 */
#include "mem.h"
#include "regs.h"

/* Offsets from the engine's base. */
#define REG_NOPID		0x094
#define REG_SWCTRL		0x200	/* copy engine only */
#define REG_TIMESTAMP		0x358
#define REG_CTX_TIMESTAMP	0x3a8
#define REG_PREDICATE_SRC0	0x400
#define REG_PREDICATE_SRC1	0x408
#define REG_PREDICATE_DATA	0x410
#define REG_PREDICATE_RESULT	0x418
#define REG_PREDICATE_RESULT_1	0x41c
#define REG_PREDICATE_RESULT_2	0x3bc
#define REG_GPR			0x600

#define RENDER_BASE		0x02000
#define COPY_BASE		0x22000

/* The timestamp has 36 bits. */
#define TIMESTAMP_HIGH_MASK	0xf

/**
 * struct plain_range - registers of the render engine that only hold a value.
 * @offset: the first
 * @count: how many dwords
 * @masked: the upper half of a write says which bits of the lower half it means
 */
struct plain_range {
	u32 offset;
	u16 count;
	bool masked;
};

static const struct plain_range plain_ranges[] = {
	{ 0x2290, 2, false },	/* PS_INVOCATION_COUNT's neighbours: pipeline statistics */
	{ 0x2300, 22, false },	/* HS, DS, IA, VS, GS, CL, PS counters */
	{ 0x2420, 1, false },	/* 3DPRIM_END_OFFSET */
	{ 0x2430, 6, false },	/* 3DPRIM_START_VERTEX … BASE_VERTEX */
	{ 0x2500, 3, false },	/* GPGPU_DISPATCHDIM */
	{ 0x2580, 1, true },	/* CS_CHICKEN1 */
	{ 0x5200, 16, false },	/* SO_NUM_PRIMS_WRITTEN, SO_PRIM_STORAGE_NEEDED */
	{ 0x5240, 8, false },	/* SO_WRITE_OFFSET */
	{ 0x7000, 1, true },	/* CACHE_MODE_0 */
	{ 0x7004, 1, true },	/* CACHE_MODE_1 */
	{ 0x7010, 1, true },	/* GT_MODE's neighbours */
	{ 0x7018, 1, true },
	{ 0x7300, 1, true },	/* HDC_CHICKEN1 */
	{ 0x8380, 1, false },	/* OA_CTX_CONTROL's neighbour, L3 messages */
	{ 0x83a8, 1, false },
	{ 0xb118, 1, false },	/* L3SQCREG4 */
	{ 0xe180, 1, true },	/* HALF_SLICE_CHICKEN2's neighbours */
	{ 0xe184, 1, true },
	{ 0xe188, 1, true },
	{ 0xe194, 1, true },
};

static u32 masked(u32 old, u32 value)
{
	u32 mask = value >> 16;

	return (old & ~mask) | (value & mask);
}

/* Index into regs->plain, or -1. */
static int plain_index(const struct sg_regs *regs, u32 offset, bool *is_masked)
{
	unsigned int i, index = 0;

	if (regs->base != RENDER_BASE)
		return -1;
	for (i = 0; i < ARRAY_SIZE(plain_ranges); i++) {
		const struct plain_range *r = &plain_ranges[i];

		if (offset >= r->offset && offset - r->offset < 4u * r->count) {
			*is_masked = r->masked;
			return (int)(index + (offset - r->offset) / 4);
		}
		index += r->count;
	}
	return -1;
}

static u32 half(u64 value, u32 offset)
{
	return (u32)(offset & 4 ? value >> 32 : value);
}

static void set_half(u64 *reg, u32 offset, u32 value)
{
	if (offset & 4)
		*reg = (*reg & 0xffffffffu) | (u64)value << 32;
	else
		*reg = (*reg & ~(u64)0xffffffffu) | value;
}

void sg_regs_init(struct sg_regs *regs, u32 base)
{
	memset(regs, 0, sizeof(*regs));
	regs->base = base;
}

u32 sg_reg_read(const struct sg_regs *regs, u32 offset)
{
	u32 rel = (offset & ~3u) - regs->base;
	bool is_masked;
	int i;

	offset &= ~3u;
	if (rel >= REG_GPR && rel < REG_GPR + 8 * SG_NUM_GPR)
		return half(regs->gpr[(rel - REG_GPR) / 8], rel);
	switch (rel) {
	case REG_TIMESTAMP:
		return (u32)sg_timestamp();
	case REG_TIMESTAMP + 4:
		return (u32)(sg_timestamp() >> 32) & TIMESTAMP_HIGH_MASK;
	case REG_CTX_TIMESTAMP:
		return (u32)sg_timestamp();
	case REG_NOPID:
		return regs->nopid;
	case REG_PREDICATE_SRC0:
	case REG_PREDICATE_SRC0 + 4:
		return half(regs->predicate_src[0], rel);
	case REG_PREDICATE_SRC1:
	case REG_PREDICATE_SRC1 + 4:
		return half(regs->predicate_src[1], rel);
	case REG_PREDICATE_DATA:
		return regs->predicate_data;
	case REG_PREDICATE_RESULT:
		return regs->predicate_result[0];
	case REG_PREDICATE_RESULT_1:
		return regs->predicate_result[1];
	case REG_PREDICATE_RESULT_2:
		return regs->predicate_result[2];
	case REG_SWCTRL:
		if (regs->base == COPY_BASE)
			return regs->swctrl;
		break;
	}
	i = plain_index(regs, offset, &is_masked);
	return i >= 0 ? regs->plain[i] : 0;
}

void sg_reg_write(struct sg_regs *regs, u32 offset, u32 value)
{
	u32 rel = (offset & ~3u) - regs->base;
	bool is_masked;
	int i;

	offset &= ~3u;
	if (rel >= REG_GPR && rel < REG_GPR + 8 * SG_NUM_GPR) {
		set_half(&regs->gpr[(rel - REG_GPR) / 8], rel, value);
		return;
	}
	switch (rel) {
	case REG_NOPID:
		regs->nopid = value & 0x3fffff;
		return;
	case REG_PREDICATE_SRC0:
	case REG_PREDICATE_SRC0 + 4:
		set_half(&regs->predicate_src[0], rel, value);
		return;
	case REG_PREDICATE_SRC1:
	case REG_PREDICATE_SRC1 + 4:
		set_half(&regs->predicate_src[1], rel, value);
		return;
	case REG_PREDICATE_DATA:
		regs->predicate_data = value;
		return;
	case REG_PREDICATE_RESULT:
		regs->predicate_result[0] = value & 1;
		return;
	case REG_PREDICATE_RESULT_1:
		regs->predicate_result[1] = value & 1;
		return;
	case REG_PREDICATE_RESULT_2:
		regs->predicate_result[2] = value & 1;
		return;
	case REG_SWCTRL:
		if (regs->base == COPY_BASE) {
			regs->swctrl = masked(regs->swctrl, value);
			return;
		}
		break;
	}
	i = plain_index(regs, offset, &is_masked);
	if (i >= 0)
		regs->plain[i] = is_masked ? masked(regs->plain[i], value) : value;
}
