// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * One string instruction each: see kernel_string.h.
 */
#include "kernel_string.h"

void *kernel_memcpy(void *to, const void *from, size_t n)
{
	void *end = to;

	asm volatile("rep movsb" : "+D" (end), "+S" (from), "+c" (n) : : "memory");
	return to;
}

void *kernel_memmove(void *to, const void *from, size_t n)
{
	char *last = (char *)to + n;
	const char *last_from = (const char *)from + n;

	if ((uintptr_t)to - (uintptr_t)from >= n)
		return kernel_memcpy(to, from, n);
	while (n--)
		*--last = *--last_from;
	return to;
}

void *kernel_memset(void *to, int byte, size_t n)
{
	void *end = to;

	asm volatile("rep stosb" : "+D" (end), "+c" (n) : "a" (byte) : "memory");
	return to;
}

void *kernel_memset64(uint64_t *to, uint64_t value, size_t n)
{
	void *end = to;

	asm volatile("rep stosq" : "+D" (end), "+c" (n) : "a" (value) : "memory");
	return to;
}
