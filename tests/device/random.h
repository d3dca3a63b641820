/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Where tests take their numbers from; the fuzzers have another source of them. */
#ifndef SOFTGEM_TESTS_RANDOM_H
#define SOFTGEM_TESTS_RANDOM_H

#include "types.h"

/** random32() - the next number of a generator that always begins alike. */
u32 random32(void);

/** random_seed() - begin again. */
void random_seed(u64 seed);

/** random_in() - a random number from @low to @high. */
static inline int random_in(int low, int high)
{
	return low + (int)(random32() % (u32)(high - low + 1));
}

#endif
