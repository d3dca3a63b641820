/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * How the device sees memory, and all that it sees of the outside.
 *
 * Whoever links the device (the kernel driver; the unit tests; the fuzzers) provides these few
 * functions. They are resolved by the linker and not through pointers: a translation is the
 * hottest path there is.
 */
#ifndef SOFTGEM_DEVICE_MEM_H
#define SOFTGEM_DEVICE_MEM_H

#include "types.h"

/**
 * SG_PIECE - the most bytes that the device moves between sg_mem_enter() and sg_mem_leave().
 *
 * It bounds how long whoever takes memory away from the device has to wait for it.
 */
#define SG_PIECE	(64u << 10)

/* Addresses have 48 bits. */
#define SG_ADDRESS_MASK	0xffffffffffffull

/** struct sg_mem - an address space seen from one engine; opaque to the device. */
struct sg_mem;

/**
 * enum sg_access - what the device is about to do with a span.
 * @SG_READ: read only
 * @SG_WRITE: write, or read and write
 */
enum sg_access { SG_READ, SG_WRITE };

/**
 * sg_mem_enter() - begin to use memory.
 * @mem: the address space
 *
 * Pointers from sg_mem_translate() are valid until sg_mem_leave(). The pair does not nest, encloses
 * at most SG_PIECE bytes of work, and nothing may sleep in between but in sg_mem_enter() itself.
 */
void sg_mem_enter(struct sg_mem *mem);

/**
 * sg_mem_leave() - end what sg_mem_enter() began; every pointer becomes invalid.
 * @mem: the address space
 */
void sg_mem_leave(struct sg_mem *mem);

/**
 * sg_mem_translate() - find the bytes behind a device address.
 * @mem: the address space
 * @addr: device address, canonical 48 bit; higher bits are ignored
 * @len: in: bytes wanted, at least 1; out: bytes for which the answer holds, 1 to what was wanted
 * @access: what will be done with them
 *
 * Return: a pointer to *@len bytes that are contiguous, or NULL where nothing is mapped in
 * [@addr, @addr + *@len) or it may not be written: reads there are zero, writes are swallowed.
 * The implementation counts that as a fault of whatever runs.
 */
void *sg_mem_translate(struct sg_mem *mem, u64 addr, size_t *len, enum sg_access access);

/**
 * sg_timestamp() - the device's clock.
 *
 * Return: ticks of 12 MHz since an arbitrary start, monotonic, the same for all engines.
 */
u64 sg_timestamp(void);

#endif
