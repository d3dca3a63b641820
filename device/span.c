// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Small accesses to memory: see span.h. */
#include "span.h"

/*
 * CPUs and other engines look on, and change batches while they run: an aligned qword, and each
 * aligned dword of what is longer, is moved in one go. memcpy() may go byte by byte.
 */
static void load(void *to, const void *from, size_t size)
{
	if (size == 8 && !((size_t)from & 7)) {
		u64 v = READ_ONCE(*(const u64 *)from);

		memcpy(to, &v, sizeof(v));
		return;
	}
	if (!((size_t)from & 3))
		for (; size >= 4; size -= 4, from = (const u32 *)from + 1, to = (u8 *)to + 4) {
			u32 v = READ_ONCE(*(const u32 *)from);

			memcpy(to, &v, sizeof(v));
		}
	memcpy(to, from, size);
}

static void store(void *to, const void *from, size_t size)
{
	if (size == 8 && !((size_t)to & 7)) {
		u64 v;

		memcpy(&v, from, sizeof(v));
		WRITE_ONCE(*(u64 *)to, v);
		return;
	}
	if (!((size_t)to & 3))
		for (; size >= 4; size -= 4, to = (u32 *)to + 1, from = (const u8 *)from + 4) {
			u32 v;

			memcpy(&v, from, sizeof(v));
			WRITE_ONCE(*(u32 *)to, v);
		}
	memcpy(to, from, size);
}

size_t sg_read(struct sg_mem *mem, u64 addr, void *to, size_t size)
{
	size_t done = 0, mapped = 0;
	bool gap = false;

	sg_mem_enter(mem);
	while (done < size) {
		size_t len = size - done;
		const void *ptr = sg_mem_translate(mem, addr + done, &len, SG_READ);

		if (ptr)
			load((u8 *)to + done, ptr, len);
		else
			memset((u8 *)to + done, 0, len);
		gap |= !ptr;
		if (!gap)
			mapped += len;
		done += len;
	}
	sg_mem_leave(mem);
	return mapped;
}

/* How many bytes are zero dwords. CPUs look on, and may change what was not. */
static size_t zeroes(const u8 *from, size_t size)
{
	size_t n = 0;

	if ((size_t)from & 3)
		return 0;
	if ((size_t)from & 4 && size >= 4 && !READ_ONCE(*(const u32 *)from))
		n = 4;
	for (; !((size_t)(from + n) & 7) && size - n >= 32; n += 32) {
		const u64 *v = (const u64 *)(from + n);

		if (READ_ONCE(v[0]) | READ_ONCE(v[1]) | READ_ONCE(v[2]) | READ_ONCE(v[3]))
			break;
	}
	while (size - n >= 4 && !READ_ONCE(*(const u32 *)(from + n)))
		n += 4;
	return n;
}

size_t sg_zeroes(struct sg_mem *mem, u64 addr, size_t size)
{
	const void *ptr;
	size_t n = 0;

	sg_mem_enter(mem);
	ptr = sg_mem_translate(mem, addr, &size, SG_READ);
	if (ptr)
		n = zeroes(ptr, size);
	sg_mem_leave(mem);
	return n;
}

void sg_write(struct sg_mem *mem, u64 addr, const void *from, size_t size)
{
	size_t done = 0;

	/* what came before is seen before */
	__atomic_thread_fence(__ATOMIC_RELEASE);
	sg_mem_enter(mem);
	while (done < size) {
		size_t len = size - done;
		void *ptr = sg_mem_translate(mem, addr + done, &len, SG_WRITE);

		if (ptr)
			store(ptr, (const u8 *)from + done, len);
		done += len;
	}
	sg_mem_leave(mem);
}
