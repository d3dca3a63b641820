/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Small accesses to memory: what commands fetch, load and store. */
#ifndef SOFTGEM_DEVICE_SPAN_H
#define SOFTGEM_DEVICE_SPAN_H

#include "mem.h"
#include "types.h"

/**
 * sg_read() - copy bytes in.
 * @mem: the address space
 * @addr: where from; an aligned qword is loaded in one go, and so is each aligned dword of a longer
 *	span
 * @to: where to; what is not mapped arrives as zeroes
 * @size: bytes, at most SG_PIECE
 *
 * Return: how many bytes from @addr on were mapped without a gap.
 */
size_t sg_read(struct sg_mem *mem, u64 addr, void *to, size_t size);

/**
 * sg_zeroes() - look how many bytes are zero.
 * @mem: the address space
 * @addr: where from; a multiple of 4
 * @size: bytes, 1 to SG_PIECE
 *
 * Return: bytes from @addr on that are mapped and zero, a multiple of 4; maybe not all of them.
 */
size_t sg_zeroes(struct sg_mem *mem, u64 addr, size_t size);

/**
 * sg_write() - copy bytes out.
 * @mem: the address space
 * @addr: where to; stored in one go as sg_read() loads
 * @from: where from
 * @size: bytes, at most SG_PIECE
 */
void sg_write(struct sg_mem *mem, u64 addr, const void *from, size_t size);

static inline u32 sg_read32(struct sg_mem *mem, u64 addr)
{
	u32 value;

	sg_read(mem, addr, &value, sizeof(value));
	return value;
}

static inline void sg_write32(struct sg_mem *mem, u64 addr, u32 value)
{
	sg_write(mem, addr, &value, sizeof(value));
}

static inline void sg_write64(struct sg_mem *mem, u64 addr, u64 value)
{
	sg_write(mem, addr, &value, sizeof(value));
}

#endif
