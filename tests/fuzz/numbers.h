/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The fuzzer's input as a source of numbers: what the unit tests choose at random, it chooses. */
#ifndef SOFTGEM_FUZZ_NUMBERS_H
#define SOFTGEM_FUZZ_NUMBERS_H

#include "random.h"

/**
 * numbers_begin() - from now on random32() gives this input's numbers.
 * @data: the input; four bytes for each number
 * @size: its bytes; numbers behind its end depend on all of it
 */
void numbers_begin(const u8 *data, size_t size);

/* What libFuzzer calls: once, and with each input. */
int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const u8 *data, size_t size);

#endif
