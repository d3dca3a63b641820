// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The command streamer: fetches commands, steps over those that need hardware which is not there
 * (3D, media, video), and hands the others on.
 *
 * A command is fetched whole each time before it is executed, and nothing is fetched ahead of a
 * jump: the CPU changes batches while they run, to end a loop for instance.
 */
#include "cs.h"
#include "mi.h"
#include "opcodes.h"
#include "span.h"

/* Bytes that are fetched at once; most commands are shorter. */
#define FETCH_BYTES	64
/* What lies behind a page's end may not be mapped; it is fetched if a command reaches there. */
#define FETCH_PAGE	4096
/*
 * Jumps backwards, with nothing done in between, after which a loop counts as waiting; and, with no
 * preemption offered in between, as holding the engine.
 */
#define IDLE_LOOPS	16

u32 sg_cs_mmio_base(enum sg_engine_class class)
{
	switch (class) {
	case SG_RENDER:
		return 0x02000;
	case SG_COPY:
		return 0x22000;
	case SG_VIDEO:
		return 0x12000;
	default:
		return 0x1a000;
	}
}

void sg_cs_init(struct sg_cs *cs, enum sg_engine_class class, unsigned int instance)
{
	(void)instance;		/* there is one engine of each class */
	memset(cs, 0, sizeof(*cs));
	cs->class = class;
	cs->arbitration = true;
	sg_regs_init(&cs->regs, sg_cs_mmio_base(class));
	sg_blt_init(&cs->blt);
}

void sg_cs_start(struct sg_cs *cs, u64 addr)
{
	cs->ip = addr & SG_ADDRESS_MASK & ~(u64)3;
	cs->second_level = false;
	cs->arbitration = true;
	cs->blitting = false;
	cs->loops = 0;
	cs->held_loops = 0;
	cs->error_header = 0;
	cs->regs.set_predicate = 0;	/* its scope is a batch */
}

void sg_cs_enter(struct sg_cs *cs)
{
	cs->regs.entered = sg_timestamp();
}

void sg_cs_leave(struct sg_cs *cs)
{
	cs->regs.runtime += sg_timestamp() - cs->regs.entered;
}

bool sg_cs_arbitration(const struct sg_cs *cs)
{
	return cs->arbitration && !(cs->loops > IDLE_LOOPS && cs->held_loops > IDLE_LOOPS);
}

bool sg_cs_holds(const struct sg_cs *cs)
{
	return !cs->arbitration || cs->held_loops > IDLE_LOOPS;
}

/* Dwords of an MI command. */
static unsigned int mi_length(u32 header)
{
	if (MI_OPCODE(header) < MI_FIRST_LONG)
		return 1;
	switch (MI_OPCODE(header)) {
	case MI_STORE_DATA_IMM:
	case MI_UPDATE_GTT:
	case MI_CLFLUSH:
		return (header & 0x3ff) + 2;
	case MI_FLUSH_DW:
	case MI_LOAD_SCAN_LINES_INCL:
	case MI_LOAD_SCAN_LINES_EXCL:
	case MI_REPORT_PERF_COUNT:
		return (header & 0x3f) + 2;
	default:
		return (header & 0xff) + 2;
	}
}

/* Dwords of a 3D or media command; 0: it does not exist. Flags stand beside short length fields. */
static unsigned int gfx_length(const struct sg_cs *cs, u32 header)
{
	u32 opcode = GFX_OPCODE(header), sub_opcode = GFX_SUB_OPCODE(header);

	if (cs->class == SG_COPY)
		return 0;
	if (GFX_SUBTYPE(header) == GFX_SINGLE_DWORD)
		return 1;
	if (cs->class != SG_RENDER)
		return (header & 0xfff) + 2;
	if (GFX_SUBTYPE(header) == GFX_MEDIA &&
	    !(opcode == 1 && (sub_opcode == GFX_MEDIA_GPGPU_OBJECT ||
			      sub_opcode == GFX_MEDIA_GPGPU_WALKER)))
		return (header & 0xffff) + 2;
	if (GFX_SUBTYPE(header) == GFX_3D &&
	    ((opcode == 1 && sub_opcode == GFX_3D_SO_DECL_LIST) ||
	     (opcode == 0 && sub_opcode >= GFX_3D_BINDING_TABLE_EDIT_VS &&
	      sub_opcode <= GFX_3D_BINDING_TABLE_EDIT_PS)))
		return (header & 0x1ff) + 2;
	return (header & 0xff) + 2;
}

/* Dwords of a command; 0: there is no such command on this engine. */
static unsigned int command_length(const struct sg_cs *cs, u32 header)
{
	switch (CLIENT(header)) {
	case CLIENT_MI:
		return mi_length(header);
	case CLIENT_2D:
		return cs->class == SG_COPY ? (header & 0xff) + 2 : 0;
	case CLIENT_3D:
		return gfx_length(cs, header);
	default:
		return 0;
	}
}

/* Whether more of a command than its length counts. */
static bool is_executed(const struct sg_cs *cs, u32 header)
{
	return CLIENT(header) != CLIENT_3D || (cs->class == SG_RENDER && PIPE_CONTROL(header));
}

/*
 * Fetch the command at ip, as much of it as cs->cmd holds. Returns its dwords; 0: it cannot be
 * executed, since there is no such command, or not all of it is mapped.
 */
static unsigned int fetch(struct sg_cs *cs, struct sg_mem *mem)
{
	size_t room = FETCH_PAGE - (size_t)(cs->ip & (FETCH_PAGE - 1));
	size_t size, had = sg_read(mem, cs->ip, cs->cmd, min_t(size_t, room, FETCH_BYTES));
	unsigned int n;

	had &= ~(sizeof(u32) - 1);
	/* an unmapped page reads as zeroes, which are valid commands without end */
	if (!had) {
		cs->cmd[0] = 0;
		return 0;
	}
	n = command_length(cs, cs->cmd[0]);
	/* clients pad with NOOPs, by the thousand: as many as are in a page are one step */
	if (!cs->cmd[0]) {
		while (n < had / sizeof(u32) && !cs->cmd[n])
			n++;
		if (n == FETCH_BYTES / sizeof(u32) && had < room)
			n += sg_zeroes(mem, cs->ip + had, room - had) / sizeof(u32);
		return n;
	}
	size = min_t(size_t, n * sizeof(u32), sizeof(cs->cmd));
	if (size <= had || !is_executed(cs, cs->cmd[0]))
		return n;
	/* the header is not fetched again: it has to stay the one that the length was taken from */
	size -= had;
	return sg_read(mem, cs->ip + had, (u8 *)cs->cmd + had, size) == size ? n : 0;
}

static enum sg_mi_result execute(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	u32 header = cs->cmd[0];

	cs->regs.acthd = cs->ip;
	if (CLIENT(header) == CLIENT_MI)
		return sg_mi_execute(cs, mem, n);
	if (!is_executed(cs, header) || sg_regs_predicated(&cs->regs))
		return SG_MI_NEXT;
	if (CLIENT(header) == CLIENT_3D)
		return sg_pipe_control(cs, mem, n);
	switch (sg_blt_decode(&cs->blt, cs->cmd, n, cs->regs.swctrl)) {
	case SG_BLT_ERROR:
		return SG_MI_ERROR;
	case SG_BLT_MORE:
		cs->blitting = true;
		break;
	case SG_BLT_DONE:
		break;
	}
	return SG_MI_NEXT;
}

/*
 * Whether a command may be part of a loop that merely waits for memory or time to change. A loop
 * of others is at work, however often it goes round.
 */
static bool is_idle(u32 header)
{
	if (CLIENT(header) != CLIENT_MI)
		return false;
	switch (MI_OPCODE(header)) {
	case MI_NOOP:
	case MI_SET_PREDICATE:
	case MI_WAIT_FOR_EVENT:
	case MI_FLUSH:
	case MI_ARB_CHECK:
	case MI_REPORT_HEAD:
	case MI_ARB_ON_OFF:
	case MI_BATCH_BUFFER_END:
	case MI_SUSPEND_FLUSH:
	case MI_PREDICATE:
	case MI_SEMAPHORE_WAIT:
	case MI_LOAD_REGISTER_MEM:
	case MI_BATCH_BUFFER_START:
	case MI_CONDITIONAL_BATCH_BUFFER_END:
		return true;
	case MI_FLUSH_DW:
		return MI_FLUSH_DW_POST_SYNC(header) == POST_SYNC_NONE;
	default:
		return false;
	}
}

/* Whether a command is one at which hardware looks whether somebody else wants the engine. */
static bool offers_preemption(u32 header)
{
	if (CLIENT(header) != CLIENT_MI)
		return false;
	switch (MI_OPCODE(header)) {
	case MI_ARB_CHECK:
	case MI_WAIT_FOR_EVENT:
	case MI_SEMAPHORE_WAIT:
		return true;
	default:
		return false;
	}
}

/* The next command. Returns true if there is something to tell. */
static bool step(struct sg_cs *cs, struct sg_mem *mem, enum sg_cs_event *event)
{
	unsigned int n = fetch(cs, mem), loops;
	enum sg_mi_result result = n ? SG_MI_NEXT : SG_MI_ERROR;

	if (n && !is_idle(cs->cmd[0])) {
		cs->loops = 0;
		cs->work++;
	}
	if (n && offers_preemption(cs->cmd[0]))
		cs->held_loops = 0;
	loops = cs->loops;
	if (n)
		result = execute(cs, mem, n);
	cs->waiting = result == SG_MI_WAIT;
	switch (result) {
	case SG_MI_NEXT:
		cs->ip = (cs->ip + n * sizeof(u32)) & SG_ADDRESS_MASK;
		break;
	case SG_MI_JUMPED:
		break;
	case SG_MI_WAIT:
		*event = SG_CS_SPIN;
		return true;
	case SG_MI_END:
		*event = SG_CS_DONE;
		return true;
	case SG_MI_ERROR:
		cs->error_header = cs->cmd[0];
		*event = SG_CS_ERROR;
		return true;
	}
	cs->commands++;
	*event = SG_CS_SPIN;
	return cs->loops > loops && cs->loops > IDLE_LOOPS;
}

enum sg_cs_event sg_cs_run(struct sg_cs *cs, struct sg_mem *mem, unsigned int budget,
			   const bool *stop)
{
	enum sg_cs_event event;

	while (budget--) {
		if (READ_ONCE(*stop) && sg_cs_arbitration(cs))
			break;
		if (cs->blitting)
			cs->blitting = sg_blt_step(&cs->blt, mem) == SG_BLT_MORE;
		else if (step(cs, mem, &event))
			return event;
	}
	return SG_CS_PREEMPTED;
}
