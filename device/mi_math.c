// SPDX-License-Identifier: GPL-2.0 OR MIT
/* MI_MATH: the streamer's 64-bit ALU (PRM volume 2a, MI_MATH; volume 3, "Command Streamer ALU") */
#include "mi.h"

#define ALU_OPCODE(dw)	((dw) >> 20)
#define ALU_OPERAND1(dw) ((dw) >> 10 & 0x3ff)
#define ALU_OPERAND2(dw) ((dw) & 0x3ff)

enum { NOOP = 0x000, LOAD = 0x080, LOADINV = 0x480, LOAD0 = 0x081, LOAD1 = 0x481,
	ADD = 0x100, SUB = 0x101, AND = 0x102, OR = 0x103, XOR = 0x104,
	STORE = 0x180, STOREINV = 0x580 };

enum { SRCA = 0x20, SRCB = 0x21, ACCU = 0x31, ZF = 0x32, CF = 0x33 };

struct alu {
	u64 src[2];
	u64 accu;
	bool zero;
	bool carry;
};

static bool load(struct alu *alu, const struct sg_regs *regs, u32 to, u32 from, bool invert)
{
	u64 value;

	if (from < SG_NUM_GPR)
		value = regs->gpr[from];
	else if (from == ACCU)
		value = alu->accu;
	else if (from == ZF)
		value = alu->zero ? ~(u64)0 : 0;
	else if (from == CF)
		value = alu->carry ? ~(u64)0 : 0;
	else
		return false;
	if (to != SRCA && to != SRCB)
		return false;
	alu->src[to - SRCA] = invert ? ~value : value;
	return true;
}

static bool store(const struct alu *alu, struct sg_regs *regs, u32 to, u32 from, bool invert)
{
	u64 value;

	if (to >= SG_NUM_GPR)
		return false;
	if (from == ACCU)
		value = alu->accu;
	else if (from == ZF)
		value = alu->zero ? ~(u64)0 : 0;
	else if (from == CF)
		value = alu->carry ? ~(u64)0 : 0;
	else
		return false;
	regs->gpr[to] = invert ? ~value : value;
	return true;
}

static bool set_constant(struct alu *alu, u32 to, u64 value)
{
	if (to != SRCA && to != SRCB)
		return false;
	alu->src[to - SRCA] = value;
	return true;
}

bool sg_mi_math(struct sg_regs *regs, const u32 *dw, unsigned int n)
{
	struct alu alu = { .src = { 0, 0 } };
	unsigned int i;
	bool ok = true;

	for (i = 0; i < n && ok; i++) {
		u32 a = ALU_OPERAND1(dw[i]), b = ALU_OPERAND2(dw[i]);

		switch (ALU_OPCODE(dw[i])) {
		case NOOP:
			continue;
		case LOAD:
			ok = load(&alu, regs, a, b, false);
			continue;
		case LOADINV:
			ok = load(&alu, regs, a, b, true);
			continue;
		case LOAD0:
			ok = set_constant(&alu, a, 0);
			continue;
		case LOAD1:
			ok = set_constant(&alu, a, ~(u64)0);
			continue;
		case STORE:
			ok = store(&alu, regs, a, b, false);
			continue;
		case STOREINV:
			ok = store(&alu, regs, a, b, true);
			continue;
		case ADD:
			alu.accu = alu.src[0] + alu.src[1];
			alu.carry = alu.accu < alu.src[0];
			break;
		case SUB:
			alu.accu = alu.src[0] - alu.src[1];
			alu.carry = alu.src[0] < alu.src[1];
			break;
		case AND:
			alu.accu = alu.src[0] & alu.src[1];
			alu.carry = false;
			break;
		case OR:
			alu.accu = alu.src[0] | alu.src[1];
			alu.carry = false;
			break;
		case XOR:
			alu.accu = alu.src[0] ^ alu.src[1];
			alu.carry = false;
			break;
		default:
			return false;
		}
		alu.zero = !alu.accu;
	}
	return ok;
}
