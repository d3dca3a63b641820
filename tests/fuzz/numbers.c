// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "numbers.h"

static const u8 *input;
static size_t left;
static u64 rest;

void numbers_begin(const u8 *data, size_t size)
{
	size_t i;

	input = data;
	left = size;
	rest = 0xcbf29ce484222325ull;
	for (i = 0; i < size; i++)
		rest = (rest ^ data[i]) * 0x100000001b3ull;
}

u32 random32(void)
{
	u32 n;

	if (left >= sizeof(n)) {
		memcpy(&n, input, sizeof(n));
		input += sizeof(n);
		left -= sizeof(n);
		return n;
	}
	rest = rest * 6364136223846793005ull + 1442695040888963407ull;
	return (u32)(rest >> 32);
}
