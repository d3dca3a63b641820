/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The registers that a batch can reach; each hardware context has its own. */
#ifndef SOFTGEM_DEVICE_REGS_H
#define SOFTGEM_DEVICE_REGS_H

#include "types.h"

#define SG_NUM_GPR	16
#define SG_NUM_PLAIN	96

/* Timestamps have 36 bits, whether they are read or stored. */
#define SG_TIMESTAMP_MASK	0xfffffffffull

/**
 * struct sg_regs - the registers of a context on one engine.
 * @base: where the engine's registers begin
 * @gpr: CS_GPR 0 to 15
 * @predicate_src: MI_PREDICATE_SRC0 and SRC1
 * @predicate_data: MI_PREDICATE_DATA
 * @predicate_result: MI_PREDICATE_RESULT, RESULT_1, RESULT_2; bit 0 is what counts
 * @set_predicate: what MI_SET_PREDICATE asked for; see sg_regs_predicated()
 * @nopid: MI_NOOP's identification
 * @instpm: INSTPM
 * @swctrl: BCS_SWCTRL, of the copy engine
 * @acthd: address of the command being executed, kept by the streamer
 * @runtime: how long the context has run before it was let onto the engine, in ticks
 * @entered: when that was
 * @plain: registers that only hold what is written to them; see regs.c
 */
struct sg_regs {
	u32 base;
	u64 gpr[SG_NUM_GPR];
	u64 predicate_src[2];
	u64 predicate_data;
	u32 predicate_result[3];
	u32 set_predicate;
	u32 nopid;
	u32 instpm;
	u32 swctrl;
	u64 acthd;
	u64 runtime;
	u64 entered;
	u32 plain[SG_NUM_PLAIN];
};

/**
 * sg_regs_init() - bring the registers into the state that they have after a reset.
 * @regs: the registers
 * @base: where the engine's begin, as sg_cs_mmio_base() says
 */
void sg_regs_init(struct sg_regs *regs, u32 base);

/**
 * sg_regs_predicated() - whether MI_SET_PREDICATE takes commands' effect away.
 * @regs: the registers
 *
 * The results that it refers to count as they are now, not as they were then (PRM volume 2a,
 * MI_SET_PREDICATE).
 */
bool sg_regs_predicated(const struct sg_regs *regs);

/**
 * sg_reg_read() - read a register.
 * @regs: the registers
 * @offset: its offset in the register file, as commands name it; its low two bits are ignored
 *
 * Return: its value, 0 for what is not there or not for batches to read.
 */
u32 sg_reg_read(const struct sg_regs *regs, u32 offset);

/**
 * sg_reg_write() - write a register.
 * @regs: the registers
 * @offset: its offset, as for sg_reg_read()
 * @value: the value; without effect where batches may not write
 */
void sg_reg_write(struct sg_regs *regs, u32 offset, u32 value);

#endif
