/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* MI commands: between cs.c, which fetches, and mi.c, which executes. */
#ifndef SOFTGEM_DEVICE_MI_H
#define SOFTGEM_DEVICE_MI_H

#include "cs.h"

/**
 * enum sg_mi_result - what a command means for the streamer.
 * @SG_MI_NEXT: go on behind it
 * @SG_MI_JUMPED: the instruction pointer has been set
 * @SG_MI_WAIT: not yet: the same command again, later
 * @SG_MI_END: the batch is over
 * @SG_MI_ERROR: it makes no sense
 */
enum sg_mi_result { SG_MI_NEXT, SG_MI_JUMPED, SG_MI_WAIT, SG_MI_END, SG_MI_ERROR };

/**
 * sg_mi_execute() - execute the MI command in cs->cmd.
 * @cs: the context
 * @mem: the address space
 * @n: its dwords
 */
enum sg_mi_result sg_mi_execute(struct sg_cs *cs, struct sg_mem *mem, unsigned int n);

/**
 * sg_pipe_control() - execute the PIPE_CONTROL in cs->cmd.
 * @cs: the context
 * @mem: the address space
 * @n: its dwords
 */
enum sg_mi_result sg_pipe_control(struct sg_cs *cs, struct sg_mem *mem, unsigned int n);

/**
 * sg_mi_math() - execute the instructions of an MI_MATH.
 * @regs: the registers it works on
 * @alu: the instructions
 * @n: how many
 *
 * Return: false for an instruction that does not exist.
 */
bool sg_mi_math(struct sg_regs *regs, const u32 *alu, unsigned int n);

/**
 * sg_mi_atomic() - execute the MI_ATOMIC in cs->cmd.
 * @cs: the context
 * @mem: the address space
 * @n: its dwords
 */
enum sg_mi_result sg_mi_atomic(struct sg_cs *cs, struct sg_mem *mem, unsigned int n);

/** sg_mi_address() - the 48-bit address in two dwords of a command, with low bits cleared. */
static inline u64 sg_mi_address(const u32 *dw, u32 low_mask)
{
	return ((u64)(dw[1] & 0xffff) << 32) | (dw[0] & ~low_mask);
}

#endif
