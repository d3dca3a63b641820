/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The registers that a batch can reach; each hardware context has its own. */
#ifndef SOFTGEM_DEVICE_REGS_H
#define SOFTGEM_DEVICE_REGS_H

#include "types.h"

#define SG_NUM_GPR	16

/**
 * struct sg_regs - the registers of a context on one engine.
 * @base: where the engine's registers begin
 * @gpr: CS_GPR 0 to 15
 * @predicate_src: MI_PREDICATE_SRC0 and SRC1
 * @predicate_data: MI_PREDICATE_DATA
 * @predicate_result: MI_PREDICATE_RESULT, RESULT_1, RESULT_2
 * @predicated: MI_SET_PREDICATE: commands have no effect now
 * @nopid: MI_NOOP's identification
 * @swctrl: BCS_SWCTRL, of the copy engine
 * @plain: registers that only hold what is written to them; see regs.c
 */
struct sg_regs {
	u32 base;
	u64 gpr[SG_NUM_GPR];
	u64 predicate_src[2];
	u32 predicate_data;
	u32 predicate_result[3];
	bool predicated;
	u32 nopid;
	u32 swctrl;
	u32 plain[192];
};

/**
 * sg_regs_init() - bring the registers into the state that they have after a reset.
 * @regs: the registers
 * @base: where the engine's begin
 */
void sg_regs_init(struct sg_regs *regs, u32 base);

/**
 * sg_reg_read() - read a register.
 * @regs: the registers
 * @offset: its offset in the register file, as commands name it
 *
 * Return: its value, 0 for what is not there or not for batches to read.
 */
u32 sg_reg_read(const struct sg_regs *regs, u32 offset);

/**
 * sg_reg_write() - write a register.
 * @regs: the registers
 * @offset: its offset
 * @value: the value; without effect where batches may not write
 */
void sg_reg_write(struct sg_regs *regs, u32 offset, u32 value);

#endif
