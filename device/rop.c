// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Raster operations: see rop.h. */
#include "rop.h"

/* One loop for one operation: with the test inside of the loop it would be several times slower. */
#define EACH(expression)				\
	do {						\
		for (i = 0; i < n; i++) {		\
			u64 d = dst[i], s = op[i];	\
							\
			(void)d;			\
			(void)s;			\
			dst[i] = (expression);		\
		}					\
	} while (0)

/* Those of the destination and one operand; bit (s << 1 | d) of @table is the result. */
static void two_operands(unsigned int table, u64 *dst, const u64 *op, size_t n)
{
	size_t i;

	switch (table) {
	case 0x0:
		memset(dst, 0, n * sizeof(*dst));
		break;
	case 0x1:
		EACH(~(s | d));
		break;
	case 0x2:
		EACH(~s & d);
		break;
	case 0x3:
		EACH(~s);
		break;
	case 0x4:
		EACH(s & ~d);
		break;
	case 0x5:
		EACH(~d);
		break;
	case 0x6:
		EACH(s ^ d);
		break;
	case 0x7:
		EACH(~(s & d));
		break;
	case 0x8:
		EACH(s & d);
		break;
	case 0x9:
		EACH(~(s ^ d));
		break;
	case 0xa:
		break;
	case 0xb:
		EACH(~s | d);
		break;
	case 0xc:
		memcpy(dst, op, n * sizeof(*dst));
		break;
	case 0xd:
		EACH(s | ~d);
		break;
	case 0xe:
		EACH(s | d);
		break;
	case 0xf:
		memset(dst, 0xff, n * sizeof(*dst));
		break;
	}
}

/* The one of two words that @by chooses, bit by bit. */
static inline u64 choose(u64 by, u64 one, u64 zero)
{
	return zero ^ (by & (one ^ zero));
}

static void three_operands(u8 rop, u64 *dst, const u64 *src, const u64 *pat, size_t n)
{
	u64 table[8];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(table); i++)
		table[i] = 0 - (u64)(rop >> i & 1);
	for (i = 0; i < n; i++) {
		u64 d = dst[i], s = src[i];
		u64 zero = choose(s, choose(d, table[3], table[2]), choose(d, table[1], table[0]));
		u64 one = choose(s, choose(d, table[7], table[6]), choose(d, table[5], table[4]));

		dst[i] = choose(pat[i], one, zero);
	}
}

void sg_rop(u8 rop, u64 *dst, const u64 *src, const u64 *pat, size_t n)
{
	if (!sg_rop_uses_pattern(rop))
		two_operands(rop & 0xf, dst, src, n);
	else if (!sg_rop_uses_source(rop))
		two_operands((rop >> 2 & 0xc) | (rop & 0x3), dst, pat, n);
	else
		three_operands(rop, dst, src, pat, n);
}
