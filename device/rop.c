// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Raster operations: see rop.h. */
#include "rop.h"

/* The table, read as a sum of the products whose bit is set; halves that are alike fall away. */
static u64 select(u64 on, u64 a, u64 b)
{
	return (on & a) | (~on & b);
}

static u64 ones(unsigned int bit)
{
	return 0 - (u64)bit;
}

static u64 general(u8 rop, u64 d, u64 s, u64 p)
{
	u64 by_d[4];
	unsigned int i;

	for (i = 0; i < 4; i++)
		by_d[i] = select(d, ones(rop >> (2 * i + 1) & 1), ones(rop >> (2 * i) & 1));
	return select(p, select(s, by_d[3], by_d[2]), select(s, by_d[1], by_d[0]));
}

/* One loop for an operation that is common enough to have its own. */
#define LOOP(expression)					\
	do {							\
		for (i = 0; i < n; i++) {			\
			u64 d = dst[i], s = src[i];		\
			(void)d; (void)s;			\
			dst[i] = (expression);			\
		}						\
		return;						\
	} while (0)

void sg_rop(u8 rop, u64 *dst, const u64 *src, const u64 *pat, size_t n)
{
	size_t i;

	switch (rop) {		/* those of two operands */
	case 0x11:
		LOOP(~(s | d));
	case 0x22:
		LOOP(~s & d);
	case 0x33:
		LOOP(~s);
	case 0x44:
		LOOP(s & ~d);
	case 0x55:
		LOOP(~d);
	case 0x66:
		LOOP(s ^ d);
	case 0x77:
		LOOP(~(s & d));
	case 0x88:
		LOOP(s & d);
	case 0x99:
		LOOP(~(s ^ d));
	case 0xaa:
		return;
	case 0xbb:
		LOOP(~s | d);
	case 0xcc:
		LOOP(s);
	case 0xdd:
		LOOP(s | ~d);
	case 0xee:
		LOOP(s | d);
	}
	for (i = 0; i < n; i++)
		dst[i] = general(rop, dst[i], src[i], pat[i]);
}
