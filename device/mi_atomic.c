// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * MI_ATOMIC: read, modify and write a dword or a qword that CPUs and other engines may be working
 * on too (PRM volume 2a, MI_ATOMIC; volume 7, "Atomics").
 */
#include "mi.h"
#include "opcodes.h"
#include "span.h"

/* The low five bits of the opcode; bit 5 says that the operands are qwords. */
enum { AND = 1, OR, XOR, MOVE, INC, DEC, ADD, SUB, RSUB, IMAX, IMIN, UMAX, UMIN, CMPWR, PREDEC };

#define OP_QWORD	0x20

/* Where operands are that are not in the command, and where the answer goes. */
#define OPERAND1_GPR	0
#define OPERAND2_GPR	2
#define RETURN_GPR	4

static bool apply(unsigned int op, unsigned int bits, u64 old, u64 a, u64 b, u64 *result)
{
	unsigned int up = 64 - bits;
	s64 sold = (s64)(old << up), sa = (s64)(a << up);

	switch (op) {
	case AND:
		*result = old & a;
		return true;
	case OR:
		*result = old | a;
		return true;
	case XOR:
		*result = old ^ a;
		return true;
	case MOVE:
		*result = a;
		return true;
	case INC:
		*result = old + 1;
		return true;
	case DEC:
	case PREDEC:
		*result = old - 1;
		return true;
	case ADD:
		*result = old + a;
		return true;
	case SUB:
		*result = old - a;
		return true;
	case RSUB:
		*result = a - old;
		return true;
	case IMAX:
		*result = sold > sa ? old : a;
		return true;
	case IMIN:
		*result = sold < sa ? old : a;
		return true;
	case UMAX:
		*result = old > a ? old : a;
		return true;
	case UMIN:
		*result = old < a ? old : a;
		return true;
	case CMPWR:
		*result = old == a ? b : old;
		return true;
	default:
		return false;
	}
}

static u64 update32(u32 *ptr, unsigned int op, u64 a, u64 b)
{
	u32 old = __atomic_load_n(ptr, __ATOMIC_RELAXED);
	u64 result;

	do
		apply(op, 32, old, (u32)a, (u32)b, &result);
	while (!__atomic_compare_exchange_n(ptr, &old, (u32)result, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED));
	return op == PREDEC ? (u32)result : old;
}

static u64 update64(u64 *ptr, unsigned int op, u64 a, u64 b)
{
	u64 old = __atomic_load_n(ptr, __ATOMIC_RELAXED);
	u64 result;

	do
		apply(op, 64, old, a, b, &result);
	while (!__atomic_compare_exchange_n(ptr, &old, result, false, __ATOMIC_SEQ_CST,
					    __ATOMIC_RELAXED));
	return op == PREDEC ? result : old;
}

enum sg_mi_result sg_mi_atomic(struct sg_cs *cs, struct sg_mem *mem, unsigned int n)
{
	const u32 *cmd = cs->cmd;
	unsigned int op = MI_ATOMIC_OP(cmd[0]);
	bool qword = op & OP_QWORD;
	size_t size = qword ? 8 : 4, len = size;
	u64 addr, a, b, old = 0;
	void *ptr;

	op &= ~OP_QWORD;
	if (op < AND || op > PREDEC || MI_ATOMIC_SIZE(cmd[0]) != qword)
		return SG_MI_ERROR;
	/* operands take as much as the size needs, or the most that there is */
	if (cmd[0] & MI_ATOMIC_INLINE ? n != (qword ? 7u : 5u) && n != 11 : n != 3)
		return SG_MI_ERROR;
	addr = sg_mi_address(&cmd[1], (u32)size - 1);
	if (cmd[0] & MI_ATOMIC_INLINE) {
		/* dwords of the two operands alternate */
		a = cmd[3] | (qword ? (u64)cmd[5] << 32 : 0);
		b = cmd[4] | (qword ? (u64)cmd[6] << 32 : 0);
	} else {
		a = cs->regs.gpr[OPERAND1_GPR];
		b = cs->regs.gpr[OPERAND2_GPR];
	}

	sg_mem_enter(mem);
	ptr = sg_mem_translate(mem, addr, &len, SG_WRITE);
	if (ptr && len == size)
		old = qword ? update64(ptr, op, a, b) : update32(ptr, op, a, b);
	sg_mem_leave(mem);
	if (!ptr)	/* nothing there, or not for writing */
		sg_read(mem, addr, &old, size);
	if (cmd[0] & MI_ATOMIC_RETURN) {
		u64 *to = &cs->regs.gpr[RETURN_GPR];

		*to = qword ? old : (*to & ~(u64)0xffffffffu) | (u32)old;
	}
	return SG_MI_NEXT;
}
