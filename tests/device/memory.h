/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Memory for the device under test: what device/mem.h asks for, made as awkward as it allows.
 *
 * Pages that follow each other for the device lie apart on the host, each in an allocation of its
 * own. A byte may be touched only between sg_mem_enter() and sg_mem_leave(), and only if it was
 * handed out there: all others are poisoned. It is a failure if what was handed out for reading
 * changes, or if more than SG_PIECE bytes change at once.
 */
#ifndef SOFTGEM_TESTS_MEMORY_H
#define SOFTGEM_TESTS_MEMORY_H

#include "mem.h"
#include "random.h"

#define PAGE_BYTES	4096u

/* Flags of memory_map(). */
#define MEMORY_READ_ONLY	1u	/* the device may not write */
#define MEMORY_CONTIGUOUS	2u	/* the pages lie together: translations span them */

/** memory_new() - an empty address space. */
struct sg_mem *memory_new(void);

/** memory_free() - give back an address space and all its pages. */
void memory_free(struct sg_mem *mem);

/**
 * memory_clone() - a second address space with the same contents, to compare with later.
 * @mem: the first
 */
struct sg_mem *memory_clone(const struct sg_mem *mem);

/**
 * memory_map() - map pages, filled with a pattern that depends on the address.
 * @mem: the address space
 * @addr: multiple of PAGE_BYTES
 * @pages: how many, none of them mapped yet
 * @flags: MEMORY_*
 */
void memory_map(struct sg_mem *mem, u64 addr, size_t pages, unsigned int flags);

/** memory_unmap() - unmap @pages pages from @addr on. */
void memory_unmap(struct sg_mem *mem, u64 addr, size_t pages);

/** memory_peek() - what a CPU would read; all of it must be mapped. */
void memory_peek(struct sg_mem *mem, u64 addr, void *to, size_t size);

/** memory_poke() - what a CPU would write, whether the device might or not. */
void memory_poke(struct sg_mem *mem, u64 addr, const void *from, size_t size);

/** memory_get() - the little-endian number of @size bytes at @addr; bytes not mapped are 0. */
u64 memory_get(struct sg_mem *mem, u64 addr, size_t size);

/** memory_put() - store the low @size bytes of @value at @addr; bytes not mapped are dropped. */
void memory_put(struct sg_mem *mem, u64 addr, u64 value, size_t size);

/** memory_same() - whether two address spaces have the same contents. */
bool memory_same(struct sg_mem *found, struct sg_mem *expected);

/** memory_assert_same() - fail at the first byte in which two address spaces differ. */
void memory_assert_same(struct sg_mem *found, struct sg_mem *expected);

/** memory_chop() - from now on translations hold for a random part of what was asked for. */
void memory_chop(struct sg_mem *mem, bool on);

/** memory_faults() - how many translations found nothing so far. */
unsigned int memory_faults(const struct sg_mem *mem);

/**
 * memory_on_enter() - call @hook with @arg before each sg_mem_enter().
 *
 * It may use memory_peek(), memory_poke() and memory_unmap(): as a CPU would at that time.
 */
void memory_on_enter(struct sg_mem *mem, void (*hook)(void *arg), void *arg);

/** memory_set_clock() - what sg_timestamp() returns next; each call adds one. */
void memory_set_clock(u64 ticks);

#endif
