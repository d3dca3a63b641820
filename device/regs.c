// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The register file as unprivileged batches see it: the streamer's own registers, and those of the
 * render engine that the hardware lets such batches write (PRM volume 3, "User Mode
 * Non-Privileged Registers"; some others that drivers open to them for workarounds). Everything
 * else reads 0 and swallows writes.
 */
#include "mem.h"
#include "regs.h"

/* Offsets from the engine's base. */
#define REG_RING_CTL		0x03c
#define REG_ACTHD_HIGH		0x05c
#define REG_ACTHD		0x074
#define REG_NOPID		0x094
#define REG_INSTPM		0x0c0
#define REG_BB_ADDR		0x140
#define REG_BB_ADDR_HIGH	0x168
#define REG_SWCTRL		0x200	/* copy engine only */
#define REG_TIMESTAMP		0x358
#define REG_CTX_TIMESTAMP	0x3a8
#define REG_PREDICATE_RESULT_2	0x3bc
#define REG_PREDICATE_SRC0	0x400
#define REG_PREDICATE_SRC1	0x408
#define REG_PREDICATE_DATA	0x410
#define REG_PREDICATE_RESULT	0x418
#define REG_PREDICATE_RESULT_1	0x41c
#define REG_GPR			0x600

#define RENDER_BASE		0x02000
#define COPY_BASE		0x22000

#define RING_CTL_ENABLE		BIT(0)
#define NOPID_MASK		0x3fffffu
#define SWCTRL_MASK		0x3u

/**
 * struct plain_range - registers of the render engine that only hold a value.
 * @offset: the first
 * @count: how many dwords
 * @bits: those that exist in each
 * @masked: the upper half of a write says which bits of the lower half it means
 */
struct plain_range {
	u32 offset;
	u32 count;
	u32 bits;
	bool masked;
};

#define ALL_BITS	(~0u)
#define LOW_HALF	0xffffu

/* All counts together: SG_NUM_PLAIN at most. */
static const struct plain_range plain_ranges[] = {
	{ 0x2158, 1, ALL_BITS, false },	/* BB_OFFSET */
	{ 0x2248, 1, ALL_BITS, false },	/* CTX_PREEMPTION */
	{ 0x2290, 2, ALL_BITS, false },	/* GPGPU_THREADS_DISPATCHED */
	{ 0x22c8, 2, ALL_BITS, false },	/* PS_INVOCATION_COUNT, slice 0 */
	{ 0x22d8, 2, ALL_BITS, false },	/* PS_DEPTH_COUNT, slice 0 */
	{ 0x22f0, 2, ALL_BITS, false },	/* PS_INVOCATION_COUNT, slice 1 */
	{ 0x22f8, 2, ALL_BITS, false },	/* PS_DEPTH_COUNT, slice 1 */
	{ 0x2300, 4, ALL_BITS, false },	/* HS_, DS_INVOCATION_COUNT */
	{ 0x2310, 4, ALL_BITS, false },	/* IA_VERTICES_, PRIMITIVES_COUNT */
	{ 0x2320, 2, ALL_BITS, false },	/* VS_INVOCATION_COUNT */
	{ 0x2328, 4, ALL_BITS, false },	/* GS_INVOCATION_, PRIMITIVES_COUNT */
	{ 0x2338, 4, ALL_BITS, false },	/* CL_INVOCATION_, PRIMITIVES_COUNT */
	{ 0x2360, 2, ALL_BITS, false },	/* OA_CTX_CONTROL, OACTXID */
	{ 0x2420, 1, ALL_BITS, false },	/* 3DPRIM_END_OFFSET */
	{ 0x2430, 5, ALL_BITS, false },	/* 3DPRIM_START_VERTEX to BASE_VERTEX */
	{ 0x2448, 4, ALL_BITS, false },	/* PS_INVOCATION_, DEPTH_COUNT, slice 2 */
	{ 0x2500, 3, ALL_BITS, false },	/* GPGPU_DISPATCHDIMX, Y, Z */
	{ 0x2580, 1, LOW_HALF, true },	/* CS_CHICKEN1 */
	{ 0x5200, 8, ALL_BITS, false },	/* SO_NUM_PRIMS_WRITTEN */
	{ 0x5240, 8, ALL_BITS, false },	/* SO_PRIM_STORAGE_NEEDED */
	{ 0x5280, 4, ~3u, false },	/* SO_WRITE_OFFSET: of dwords */
	{ 0x7000, 1, LOW_HALF, true },	/* CACHE_MODE_0 */
	{ 0x7004, 1, LOW_HALF, true },	/* CACHE_MODE_1 */
	{ 0x7008, 1, LOW_HALF, true },	/* GT_MODE */
	{ 0x7014, 1, LOW_HALF, true },	/* COMMON_SLICE_CHICKEN2 */
	{ 0x7034, 1, ALL_BITS, false },	/* L3CNTLREG */
	{ 0x7304, 1, LOW_HALF, true },	/* HDC_CHICKEN1 */
	{ 0xb118, 1, ALL_BITS, false },	/* L3SQCREG4 */
	{ 0xe400, 1, LOW_HALF, false },	/* TD_CTL */
	{ 0xe404, 1, ALL_BITS, false },	/* TD_CTL2 */
};

/* The upper half of @value says which bits of the lower one go to the register. */
static u32 masked_write(u32 old, u32 value)
{
	u32 mask = value >> 16;

	return (old & ~mask) | (value & mask);
}

/* Index into regs->plain, or -1. */
static int plain_index(const struct sg_regs *regs, u32 offset, const struct plain_range **range)
{
	unsigned int i, index = 0;

	if (regs->base != RENDER_BASE)
		return -1;
	for (i = 0; i < ARRAY_SIZE(plain_ranges); i++) {
		const struct plain_range *r = &plain_ranges[i];

		if (offset >= r->offset && offset - r->offset < 4 * r->count) {
			index += (offset - r->offset) / 4;
			*range = r;
			return index < SG_NUM_PLAIN ? (int)index : -1;
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

/* The 64-bit register that @rel, an offset from the engine's base, is half of; or NULL. */
static u64 *wide(struct sg_regs *regs, u32 rel)
{
	if (rel >= REG_GPR && rel < REG_GPR + 8 * SG_NUM_GPR)
		return &regs->gpr[(rel - REG_GPR) / 8];
	switch (rel & ~4u) {
	case REG_PREDICATE_SRC0:
		return &regs->predicate_src[0];
	case REG_PREDICATE_SRC1:
		return &regs->predicate_src[1];
	case REG_PREDICATE_DATA:
		return &regs->predicate_data;
	default:
		return NULL;
	}
}

void sg_regs_init(struct sg_regs *regs, u32 base)
{
	memset(regs, 0, sizeof(*regs));
	regs->base = base;
}

bool sg_regs_predicated(const struct sg_regs *regs)
{
	switch (regs->set_predicate) {
	case 1:
		return !(regs->predicate_result[2] & 1);
	case 2:
		return regs->predicate_result[2] & 1;
	case 3:
		return !(regs->predicate_result[0] & 1);
	case 4:
		return regs->predicate_result[0] & 1;
	case 6:		/* only with two slices */
	case 7:		/* only with three: this device has one */
	case 15:
		return true;
	default:
		return false;
	}
}

u32 sg_reg_read(const struct sg_regs *regs, u32 offset)
{
	u32 rel = (offset & ~3u) - regs->base;
	const struct plain_range *range;
	const u64 *reg = wide((struct sg_regs *)regs, rel);
	int i;

	if (reg)
		return half(*reg, rel);
	switch (rel) {
	case REG_RING_CTL:
		return RING_CTL_ENABLE;
	case REG_ACTHD:
	case REG_BB_ADDR:
		return (u32)regs->acthd;
	case REG_ACTHD_HIGH:
	case REG_BB_ADDR_HIGH:
		return (u32)(regs->acthd >> 32);
	case REG_NOPID:
		return regs->nopid;
	case REG_INSTPM:
		return regs->instpm;
	case REG_TIMESTAMP:
	case REG_TIMESTAMP + 4:
		return half(sg_timestamp() & SG_TIMESTAMP_MASK, rel);
	case REG_CTX_TIMESTAMP:
		return (u32)(regs->runtime + sg_timestamp() - regs->entered);
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
	i = plain_index(regs, offset & ~3u, &range);
	return i >= 0 ? regs->plain[i] : 0;
}

void sg_reg_write(struct sg_regs *regs, u32 offset, u32 value)
{
	u32 rel = (offset & ~3u) - regs->base;
	const struct plain_range *range;
	u64 *reg = wide(regs, rel);
	int i;

	if (reg) {
		set_half(reg, rel, value);
		return;
	}
	switch (rel) {
	case REG_NOPID:
		regs->nopid = value & NOPID_MASK;
		return;
	case REG_INSTPM:
		regs->instpm = masked_write(regs->instpm, value);
		return;
	case REG_PREDICATE_RESULT:
		regs->predicate_result[0] = value & 1;
		return;
	case REG_PREDICATE_RESULT_1:
		regs->predicate_result[1] = value;
		return;
	case REG_PREDICATE_RESULT_2:
		regs->predicate_result[2] = value;
		return;
	case REG_SWCTRL:
		if (regs->base == COPY_BASE) {
			regs->swctrl = masked_write(regs->swctrl, value) & SWCTRL_MASK;
			return;
		}
		break;
	}
	i = plain_index(regs, offset & ~3u, &range);
	if (i >= 0)
		regs->plain[i] = (range->masked ? masked_write(regs->plain[i], value) : value) &
				 range->bits;
}
