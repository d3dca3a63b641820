// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "random.h"

static u64 random_state = 1;

void random_seed(u64 seed)
{
	random_state = seed * 0x9e3779b97f4a7c15ull + 1;
}

u32 random32(void)
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return (u32)(random_state >> 24);
}
