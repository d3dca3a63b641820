/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The kernel's memcpy() and its like, as they are on a processor with fast string instructions. In
 * a program the device would get the C library's, with registers that the kernel does not touch.
 *
 * Included before all else of the device's files. Their calls of memcpy(), memmove() and memset()
 * are renamed once they are compiled, so that what the compiler puts in line is what it puts there
 * in the kernel.
 */
#ifndef SOFTGEM_BENCH_KERNEL_STRING_H
#define SOFTGEM_BENCH_KERNEL_STRING_H

#include <stddef.h>
#include <stdint.h>

#define memset64	kernel_memset64

void *kernel_memcpy(void *to, const void *from, size_t n);
void *kernel_memmove(void *to, const void *from, size_t n);
void *kernel_memset(void *to, int byte, size_t n);
/** kernel_memset64() - @n aligned qwords. */
void *kernel_memset64(uint64_t *to, uint64_t value, size_t n);

#endif
