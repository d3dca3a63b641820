/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The command streamer: a hardware context on one engine, and the few calls that a driver makes to
 * it: start, run, look.
 */
#ifndef SOFTGEM_DEVICE_CS_H
#define SOFTGEM_DEVICE_CS_H

#include "blt.h"
#include "mem.h"
#include "regs.h"
#include "types.h"

/** enum sg_engine_class - what an engine can execute; numbered as the uAPI does. */
enum sg_engine_class { SG_RENDER = 0, SG_COPY = 1, SG_VIDEO = 2, SG_VIDEO_ENHANCE = 3 };

/**
 * enum sg_cs_event - why sg_cs_run() came back.
 * @SG_CS_DONE: the batch has ended
 * @SG_CS_PREEMPTED: it was asked to stop, or its budget is used up; the next call goes on exactly
 *	where it stopped
 * @SG_CS_SPIN: it is not getting on: a semaphore that is not satisfied, or a loop without other
 *	work. Let some time pass before the next call.
 * @SG_CS_ERROR: a command that makes no sense: @error_header and @ip say which and where
 */
enum sg_cs_event { SG_CS_DONE, SG_CS_PREEMPTED, SG_CS_SPIN, SG_CS_ERROR };

/**
 * struct sg_cs - a hardware context on one engine.
 * @class: of the engine
 * @ip: GPU address of the command that comes next
 * @ret: where the second level returns to
 * @second_level: @ret is valid
 * @arbitration: it may be preempted (MI_ARB_ON_OFF)
 * @blitting: @blt has a blit under way
 * @waiting: the semaphore that it came to last was not satisfied
 * @error_header: first dword of the command that was refused
 * @loops: jumps backwards since something was written
 * @held_loops: jumps backwards since preemption was last offered (MI_ARB_CHECK, a wait)
 * @commands: executed so far
 * @work: those of them that do not merely wait
 * @regs: the registers
 * @blt: the blitter
 * @cmd: the command being decoded
 */
struct sg_cs {
	enum sg_engine_class class;
	u64 ip;
	u64 ret;
	bool second_level;
	bool arbitration;
	bool blitting;
	bool waiting;
	u32 error_header;
	unsigned int loops;
	unsigned int held_loops;
	u64 commands;
	u64 work;
	struct sg_regs regs;
	struct sg_blt blt;
	u32 cmd[SG_MAX_COMMAND];
};

/**
 * sg_cs_init() - bring a context into the state that it has after a reset.
 * @cs: the context
 * @class: of the engine
 * @instance: number of the engine in its class
 */
void sg_cs_init(struct sg_cs *cs, enum sg_engine_class class, unsigned int instance);

/**
 * sg_cs_start() - begin a batch.
 * @cs: the context; its registers stay as they are
 * @addr: GPU address of the first command
 *
 * It ends where its commands end it; fetching from memory that is not mapped is an error.
 */
void sg_cs_start(struct sg_cs *cs, u64 addr);

/**
 * sg_cs_enter() - let a context onto the engine: from now on it counts its time (CTX_TIMESTAMP).
 * @cs: the context
 */
void sg_cs_enter(struct sg_cs *cs);

/**
 * sg_cs_leave() - take it away from there.
 * @cs: the context
 */
void sg_cs_leave(struct sg_cs *cs);

/**
 * sg_cs_run() - execute.
 * @cs: the context, on the engine, between sg_cs_start() and the event that ends the batch
 * @mem: the address space
 * @budget: commands, or pieces of a blit, after which it comes back in any case
 * @stop: read between commands and pieces: come back as soon as preemption is allowed
 *
 * Return: why it came back.
 */
enum sg_cs_event sg_cs_run(struct sg_cs *cs, struct sg_mem *mem, unsigned int budget,
			   const bool *stop);

/**
 * sg_cs_arbitration() - whether the batch may be preempted now.
 * @cs: the context
 *
 * It may between any two commands, unless it has forbidden that (MI_ARB_ON_OFF), or goes round in a
 * loop that does nothing and offers no preemption, which no hardware would get out of.
 */
bool sg_cs_arbitration(const struct sg_cs *cs);

/**
 * sg_cs_holds() - whether the batch keeps its engine in a way that looks like a hang.
 * @cs: the context
 *
 * Return: preemption is forbidden, or it loops without ever offering it, at work or not.
 */
bool sg_cs_holds(const struct sg_cs *cs);

/** sg_cs_acthd() - the GPU address that the batch has come to. */
static inline u64 sg_cs_acthd(const struct sg_cs *cs)
{
	return cs->ip;
}

/**
 * sg_cs_effort() - what a context has done, where a command counts as much as a KiB of a blit.
 * @cs: the context
 *
 * Unlike the time it took, this does not depend on who else uses the processor.
 */
static inline u64 sg_cs_effort(const struct sg_cs *cs)
{
	return cs->commands + (cs->blt.effort >> 10);
}

/** sg_cs_mmio_base() - where an engine's registers begin. */
u32 sg_cs_mmio_base(enum sg_engine_class class);

#endif
