// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The engines' view of memory: what device/mem.h asks for.
 *
 * An engine remembers the spans that it hit last, its TLB. Whatever takes memory away does so with
 * the revoke lock held for writing and counts revoke_seq up; so an engine that finds the count
 * unchanged, on entering, may use what it remembers until it leaves.
 */
#include <linux/ktime.h>
#include <linux/math64.h>

#include "gpu.h"
#include "object.h"
#include "space.h"

/**
 * sg_mem_init() - prepare a view, in which nothing is mapped yet.
 * @mem: the view, zeroed
 * @gpu: the device
 */
void sg_mem_init(struct sg_mem *mem, struct sg_gpu *gpu)
{
	mem->gpu = gpu;
	mem->last = mem->tlb;
}

/**
 * sg_mem_set_space() - let an engine run in an address space.
 * @mem: the engine's view
 * @space: the space; the caller keeps it alive until the next call. NULL: nothing is mapped.
 *
 * Context: the engine's thread.
 */
void sg_mem_set_space(struct sg_mem *mem, struct sg_space *space)
{
	mem->space = space;
	memset(mem->tlb, 0, sizeof(mem->tlb));
}

void sg_mem_enter(struct sg_mem *mem)
{
	struct sg_gpu *gpu = mem->gpu;

	down_read(&gpu->revoke);
	if (mem->seq != gpu->revoke_seq) {
		memset(mem->tlb, 0, sizeof(mem->tlb));
		mem->seq = gpu->revoke_seq;
	}
}

void sg_mem_leave(struct sg_mem *mem)
{
	up_read(&mem->gpu->revoke);
}

static bool tlb_hit(const struct sg_tlb_entry *e, u64 addr)
{
	return addr - e->start < e->size;
}

/* Find the contiguous bytes around @addr; false for a hole, with the rest of it in @hole. */
static bool tlb_fill(struct sg_mem *mem, struct sg_tlb_entry *e, u64 addr, u64 *hole)
{
	u64 start, end, offset;
	const struct sg_object *obj;
	struct sg_binding *b;
	size_t len;

	b = sg_space_find(mem->space, addr, &start, &end);
	*hole = end - addr;
	if (!b)
		return false;
	obj = b->obj;
	offset = addr - start;
	if (offset >= obj->base.size)	/* padding */
		return false;
	*hole = PAGE_SIZE - offset_in_page(addr);

	/* the page's start, so that what is remembered serves the whole run */
	offset &= PAGE_MASK;
	len = obj->base.size - offset;
	e->base = sg_object_span(obj, offset, &len);
	if (!e->base)
		return false;
	e->start = start + offset;
	e->size = len;
	e->writable = !obj->read_only;
	return true;
}

void *sg_mem_translate(struct sg_mem *mem, u64 addr, size_t *len, enum sg_access access)
{
	struct sg_tlb_entry *e = mem->last;
	unsigned int i;
	u64 hole;

	addr &= BIT_ULL(SG_ADDRESS_BITS) - 1;
	if (likely(tlb_hit(e, addr)))
		goto hit;
	for (i = 0; i < ARRAY_SIZE(mem->tlb); i++) {
		e = &mem->tlb[i];
		if (tlb_hit(e, addr))
			goto hit;
	}
	e = &mem->tlb[mem->victim++ % ARRAY_SIZE(mem->tlb)];
	e->size = 0;
	if (!mem->space) {
		hole = U64_MAX;
		goto fault;
	}
	if (!tlb_fill(mem, e, addr, &hole)) {
		e->size = 0;
		goto fault;
	}
hit:
	mem->last = e;
	hole = e->size - (addr - e->start);
	*len = min_t(u64, *len, hole);
	if (likely(e->writable || access == SG_READ))
		return e->base + (addr - e->start);
	return NULL;
fault:
	*len = min_t(u64, *len, hole);
	return NULL;
}

u64 sg_timestamp(void)
{
	/* 12 MHz out of nanoseconds: × 12 / 1000 */
	return mul_u64_u32_div(ktime_get_ns(), 12, 1000);
}
