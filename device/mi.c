// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The memory interface's commands: stores, registers, jumps, semaphores (PRM volume 2a).
 *
 * Batches are unprivileged: what a command does by way of the global GTT has no effect, but for
 * MI_SEMAPHORE_WAIT and MI_ATOMIC, which use the batch's own address space all the same.
 */
#include "mi.h"
#include "opcodes.h"
#include "span.h"

/* Whether @value stands in the relation to @other that a command's comparison field names. */
static bool compare(unsigned int op, u32 value, u32 other)
{
	switch (op) {
	case 0:
		return value > other;
	case 1:
		return value >= other;
	case 2:
		return value < other;
	case 3:
		return value <= other;
	case 4:
		return value == other;
	case 5:
		return value != other;
	default:
		return false;
	}
}

static void mi_predicate(struct sg_regs *regs, u32 header)
{
	bool old = regs->predicate_result[0] & 1, result;

	switch (MI_PREDICATE_COMPARE(header)) {
	case MI_PREDICATE_TRUE:
		result = true;
		break;
	case MI_PREDICATE_FALSE:
		result = false;
		break;
	case MI_PREDICATE_SRCS_EQUAL:
		result = regs->predicate_src[0] == regs->predicate_src[1];
		break;
	default:	/* the sources' difference is what MI_PREDICATE_DATA says */
		result = regs->predicate_src[0] - regs->predicate_src[1] == regs->predicate_data;
		break;
	}
	switch (MI_PREDICATE_COMBINE(header)) {
	case MI_PREDICATE_AND:
		result = result && old;
		break;
	case MI_PREDICATE_OR:
		result = result || old;
		break;
	case MI_PREDICATE_XOR:
		result = result != old;
		break;
	}
	switch (MI_PREDICATE_LOAD(header)) {
	case MI_PREDICATE_LOADOP_LOAD:
		regs->predicate_result[0] = result;
		break;
	case MI_PREDICATE_LOADOP_LOADINV:
		regs->predicate_result[0] = !result;
		break;
	}
}

static enum sg_mi_result mi_store_data_imm(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;
	bool qword = cmd[0] & MI_STORE_QWORD;

	if (n < 4 || n > SG_MAX_COMMAND || (qword && n % 2 == 0))
		return SG_MI_ERROR;
	if (!(cmd[0] & MI_USE_GGTT))
		sg_write(mem, sg_mi_address(&cmd[1], qword ? 7 : 3), &cmd[3],
			 (n - 3) * sizeof(u32));
	return SG_MI_NEXT;
}

static enum sg_mi_result mi_load_register_imm(struct sg_cs *cs, unsigned int n)
{
	unsigned int i, b, disables = MI_LRI_BYTE_DISABLES(cs->cmd[0]);
	u32 mask = 0;

	if (n < 3 || n % 2 == 0)
		return SG_MI_ERROR;
	for (b = 0; b < 4; b++)
		if (!(disables >> b & 1))
			mask |= 0xffu << 8 * b;
	for (i = 1; i < n; i += 2) {
		u32 offset = cs->cmd[i] & 0x7ffffc, value = cs->cmd[i + 1];

		if (disables)
			value = (value & mask) | (sg_reg_read(&cs->regs, offset) & ~mask);
		sg_reg_write(&cs->regs, offset, value);
	}
	return SG_MI_NEXT;
}

static enum sg_mi_result mi_load_register_mem(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;
	u32 value = 0;

	if (n != 4)
		return SG_MI_ERROR;
	if (!(cmd[0] & MI_USE_GGTT))
		value = sg_read32(mem, sg_mi_address(&cmd[2], 3));
	sg_reg_write(&cs->regs, cmd[1] & 0x7ffffc, value);
	return SG_MI_NEXT;
}

static enum sg_mi_result mi_store_register_mem(struct sg_cs *cs, struct sg_mem *mem,
					       unsigned int n)
{
	const u32 *cmd = cs->cmd;

	if (n != 4)
		return SG_MI_ERROR;
	if (cmd[0] & MI_USE_GGTT ||
	    (cmd[0] & MI_SRM_PREDICATE && !(cs->regs.predicate_result[0] & 1)))
		return SG_MI_NEXT;
	sg_write32(mem, sg_mi_address(&cmd[2], 3), sg_reg_read(&cs->regs, cmd[1] & 0x7ffffc));
	return SG_MI_NEXT;
}

static enum sg_mi_result mi_copy_mem_mem(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;
	u32 value = 0;

	if (n != 5)
		return SG_MI_ERROR;
	if (!(cmd[0] & MI_COPY_SRC_GGTT))
		value = sg_read32(mem, sg_mi_address(&cmd[3], 3));
	if (!(cmd[0] & MI_COPY_DST_GGTT))
		sg_write32(mem, sg_mi_address(&cmd[1], 3), value);
	return SG_MI_NEXT;
}

static void post_sync(struct sg_mem *mem, unsigned int op, u64 addr, const u32 *imm, unsigned int n)
{
	u64 value = 0;

	switch (op) {
	case POST_SYNC_NONE:
		return;
	case POST_SYNC_IMMEDIATE:
		value = imm[0] | (n > 1 ? (u64)imm[1] << 32 : 0);
		break;
	case POST_SYNC_TIMESTAMP:
		value = sg_timestamp() & SG_TIMESTAMP_MASK;
		break;
	}
	if (op == POST_SYNC_IMMEDIATE && n == 1)
		sg_write32(mem, addr, (u32)value);
	else
		sg_write64(mem, addr, value);
}

static enum sg_mi_result mi_flush_dw(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;

	if (n < 3 || n > 5)
		return SG_MI_ERROR;
	if (n < 4 || cmd[0] & MI_FLUSH_DW_INDEX || cmd[1] & MI_FLUSH_DW_GGTT)
		return SG_MI_NEXT;
	post_sync(mem, MI_FLUSH_DW_POST_SYNC(cmd[0]), sg_mi_address(&cmd[1], 7), &cmd[3], n - 3);
	return SG_MI_NEXT;
}

enum sg_mi_result sg_pipe_control(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;

	if (cs->class != SG_RENDER || n < 2 || n > 6)
		return SG_MI_ERROR;
	if (n < 5 || cmd[1] & (PIPE_CONTROL_INDEX | PIPE_CONTROL_GGTT))
		return SG_MI_NEXT;
	/* nothing is drawn: depth counts are 0 */
	post_sync(mem, PIPE_CONTROL_POST_SYNC(cmd[1]), sg_mi_address(&cmd[2], 3), &cmd[4], n - 4);
	return SG_MI_NEXT;
}

static enum sg_mi_result mi_semaphore_wait(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;
	u32 value;

	if (n != 4)
		return SG_MI_ERROR;
	if (cmd[0] & MI_SEMAPHORE_POLL_REGISTER)	/* for privileged batches only */
		return SG_MI_NEXT;
	value = sg_read32(mem, sg_mi_address(&cmd[2], 3));
	/* whoever waits for a signal looks for its effect just the same */
	return compare(MI_COMPARE_OP(cmd[0]), value, cmd[1]) ? SG_MI_NEXT : SG_MI_WAIT;
}

/* The end of this level of batches. */
static enum sg_mi_result mi_batch_end(struct sg_cs *cs)
{
	if (!cs->second_level)
		return SG_MI_END;
	cs->second_level = false;
	cs->ip = cs->ret;
	return SG_MI_JUMPED;
}

static enum sg_mi_result mi_conditional_end(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;
	u32 data[2] = { 0, 0 };

	if (n != 4)
		return SG_MI_ERROR;
	if (!(cmd[0] & MI_CBBE_COMPARE))
		return SG_MI_NEXT;
	if (!(cmd[0] & MI_USE_GGTT))
		sg_read(mem, sg_mi_address(&cmd[2], 7), data,
			cmd[0] & MI_CBBE_MASK ? sizeof(data) : sizeof(data[0]));
	if (cmd[0] & MI_CBBE_MASK)
		data[0] &= data[1];
	/*
	 * It goes on while the relation holds; else all levels end. Skylake knows "greater" alone,
	 * which is 0 in the field that Kaby Lake has for the relation.
	 */
	return compare(MI_COMPARE_OP(cmd[0]), data[0], cmd[1]) ? SG_MI_NEXT : SG_MI_END;
}

/*
 * A jump to a second level is a call; a jump on the second level stays there. The address space
 * that the command names has no say: it is the parent's, the context's own.
 */
static enum sg_mi_result mi_batch_start(struct sg_cs *cs, unsigned int n)
{
	const u32 *cmd = cs->cmd;
	u64 target;

	if (n != 3)
		return SG_MI_ERROR;
	if (cmd[0] & MI_BBS_PREDICATE && !(cs->regs.predicate_result[1] & 1))
		return SG_MI_NEXT;
	target = sg_mi_address(&cmd[1], 3);
	if (cmd[0] & MI_BBS_ADD_OFFSET)
		target += sg_reg_read(&cs->regs, BB_OFFSET) & ~3u;
	target &= SG_ADDRESS_MASK;
	if (cmd[0] & MI_BBS_SECOND_LEVEL && !cs->second_level) {
		cs->ret = (cs->ip + n * sizeof(u32)) & SG_ADDRESS_MASK;
		cs->second_level = true;
	}
	if (target <= cs->ip) {
		cs->loops++;
		cs->held_loops++;
	}
	cs->ip = target;
	return SG_MI_JUMPED;
}

static enum sg_mi_result mi_load_register_reg(struct sg_cs *cs, unsigned int n)
{
	if (n != 3)
		return SG_MI_ERROR;
	sg_reg_write(&cs->regs, cs->cmd[2] & 0x7ffffc,
		     sg_reg_read(&cs->regs, cs->cmd[1] & 0x7ffffc));
	return SG_MI_NEXT;
}

/*
 * A report in the format that is in force after a reset, A12 and 64 bytes long: identification,
 * time, context, then counters, which without an OA unit have not counted anything.
 */
static enum sg_mi_result mi_report_perf_count(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;
	u32 report[16] = { 0 };

	if (n != 4)
		return SG_MI_ERROR;
	report[0] = cmd[3];
	report[1] = (u32)sg_timestamp();
	if (!(cmd[1] & MI_RPC_GGTT))
		sg_write(mem, sg_mi_address(&cmd[1], sizeof(report) - 1), report, sizeof(report));
	return SG_MI_NEXT;
}

/* What only the render engine has. */
static bool render_only(unsigned int opcode)
{
	switch (opcode) {
	case MI_RS_CONTROL:
	case MI_URB_ATOMIC_ALLOC:
	case MI_PREDICATE:
	case MI_TOPOLOGY_FILTER:
	case MI_RS_CONTEXT:
	case MI_SET_CONTEXT:
	case MI_URB_CLEAR:
	case MI_CLFLUSH:
	case MI_REPORT_PERF_COUNT:
	case MI_RS_STORE_DATA_IMM:
	case MI_LOAD_URB_MEM:
	case MI_STORE_URB_MEM:
		return true;
	default:
		return false;
	}
}

enum sg_mi_result sg_mi_execute(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	u32 header = cs->cmd[0];
	unsigned int opcode = MI_OPCODE(header);

	if (render_only(opcode) && cs->class != SG_RENDER)
		return SG_MI_ERROR;
	/* what has been predicated away is stepped over, but for what ends that */
	if (opcode != MI_SET_PREDICATE && opcode != MI_BATCH_BUFFER_END &&
	    sg_regs_predicated(&cs->regs))
		return SG_MI_NEXT;

	switch (opcode) {
	case MI_NOOP:
		if (header & MI_NOOP_WRITE_ID)
			cs->regs.nopid = MI_NOOP_ID(header);
		return SG_MI_NEXT;
	case MI_SET_PREDICATE:
		cs->regs.set_predicate = MI_SET_PREDICATE_ENABLE(header);
		return SG_MI_NEXT;
	case MI_ARB_ON_OFF:
		cs->arbitration = header & MI_ARB_ON;
		return SG_MI_NEXT;
	case MI_PREDICATE:
		mi_predicate(&cs->regs, header);
		return SG_MI_NEXT;
	case MI_BATCH_BUFFER_END:
		return mi_batch_end(cs);
	case MI_MATH:
		return sg_mi_math(&cs->regs, &cs->cmd[1], n - 1) ? SG_MI_NEXT : SG_MI_ERROR;
	case MI_SEMAPHORE_WAIT:
		return mi_semaphore_wait(cs, mem, n);
	case MI_STORE_DATA_IMM:
		return mi_store_data_imm(cs, mem, n);
	case MI_LOAD_REGISTER_IMM:
		return mi_load_register_imm(cs, n);
	case MI_STORE_REGISTER_MEM:
		return mi_store_register_mem(cs, mem, n);
	case MI_FLUSH_DW:
		return mi_flush_dw(cs, mem, n);
	case MI_LOAD_REGISTER_MEM:
		return mi_load_register_mem(cs, mem, n);
	case MI_LOAD_REGISTER_REG:
		return mi_load_register_reg(cs, n);
	case MI_COPY_MEM_MEM:
		return mi_copy_mem_mem(cs, mem, n);
	case MI_ATOMIC:
		return sg_mi_atomic(cs, mem, n);
	case MI_BATCH_BUFFER_START:
		return mi_batch_start(cs, n);
	case MI_CONDITIONAL_BATCH_BUFFER_END:
		return mi_conditional_end(cs, mem, n);
	case MI_REPORT_PERF_COUNT:
		return mi_report_perf_count(cs, mem, n);

	/* no display, no interrupts, no status page, no caches that do not snoop: nothing to do */
	case MI_USER_INTERRUPT:
	case MI_WAIT_FOR_EVENT:
	case MI_FLUSH:
	case MI_ARB_CHECK:
	case MI_RS_CONTROL:
	case MI_REPORT_HEAD:
	case MI_URB_ATOMIC_ALLOC:
	case MI_SUSPEND_FLUSH:
	case MI_TOPOLOGY_FILTER:
	case MI_SET_APPID:
	case MI_RS_CONTEXT:
	case MI_LOAD_SCAN_LINES_INCL:
	case MI_LOAD_SCAN_LINES_EXCL:
	case MI_DISPLAY_FLIP:
	case MI_SET_CONTEXT:
	case MI_URB_CLEAR:
	case MI_SEMAPHORE_SIGNAL:
	case MI_FORCE_WAKEUP:
	case MI_STORE_DATA_INDEX:
	case MI_UPDATE_GTT:
	case MI_CLFLUSH:
	case MI_RS_STORE_DATA_IMM:
	case MI_LOAD_URB_MEM:
	case MI_STORE_URB_MEM:
		return SG_MI_NEXT;
	default:
		return SG_MI_ERROR;
	}
}
