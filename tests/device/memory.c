// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "testing.h"
#include "memory.h"

#include <sanitizer/asan_interface.h>
#include <stdlib.h>

struct page {
	u64 number;
	u8 *data;
	bool own;		/* allocated for itself */
	bool read_only;
	bool handed_out;	/* since sg_mem_enter() */
	u8 *before;		/* what it was then */
	u8 *writable;		/* for each byte: handed out for writing */
};

struct sg_mem {
	struct page *pages;	/* ascending */
	size_t count, room;
	size_t *touched;	/* indices of the pages that are handed out */
	size_t touched_count;
	u8 **blocks;		/* what contiguous pages lie in */
	size_t block_count;
	bool entered;
	bool chop;
	size_t translations;	/* since sg_mem_enter() */
	unsigned int faults;
	void (*hook)(void *arg);
	void *hook_arg;
};

static u64 ticks;

static void *allocate(size_t size)
{
	void *p = calloc(1, size);

	assert_non_null(p);
	return p;
}

struct sg_mem *memory_new(void)
{
	return allocate(sizeof(struct sg_mem));
}

static void free_page(struct page *p)
{
	ASAN_UNPOISON_MEMORY_REGION(p->data, PAGE_BYTES);
	if (p->own)
		free(p->data);
	free(p->before);
	free(p->writable);
}

void memory_free(struct sg_mem *mem)
{
	size_t i;

	for (i = 0; i < mem->count; i++)
		free_page(&mem->pages[i]);
	for (i = 0; i < mem->block_count; i++)
		free(mem->blocks[i]);
	free(mem->pages);
	free(mem->touched);
	free(mem->blocks);
	free(mem);
}

/* Index of the first page whose number is not less. */
static size_t find(const struct sg_mem *mem, u64 number)
{
	size_t low = 0, high = mem->count;

	while (low < high) {
		size_t middle = (low + high) / 2;

		if (mem->pages[middle].number < number)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static struct page *lookup(const struct sg_mem *mem, u64 addr)
{
	u64 number = (addr & SG_ADDRESS_MASK) / PAGE_BYTES;
	size_t i = find(mem, number);

	return i < mem->count && mem->pages[i].number == number ? &mem->pages[i] : NULL;
}

static void insert(struct sg_mem *mem, u64 number, u8 *data, bool own, bool read_only)
{
	size_t i = find(mem, number);

	assert_false(i < mem->count && mem->pages[i].number == number);
	assert_false(mem->entered);
	if (mem->count == mem->room) {
		mem->room = 2 * mem->room + 16;
		mem->pages = realloc(mem->pages, mem->room * sizeof(*mem->pages));
		mem->touched = realloc(mem->touched, mem->room * sizeof(*mem->touched));
		assert_non_null(mem->pages);
		assert_non_null(mem->touched);
	}
	memmove(&mem->pages[i + 1], &mem->pages[i], (mem->count - i) * sizeof(*mem->pages));
	mem->count++;
	mem->pages[i] = (struct page) {
		.number = number, .data = data, .own = own, .read_only = read_only,
	};
	ASAN_POISON_MEMORY_REGION(data, PAGE_BYTES);
}

static u8 *new_block(struct sg_mem *mem, size_t pages)
{
	u8 *block = allocate(pages * PAGE_BYTES);

	mem->blocks = realloc(mem->blocks, (mem->block_count + 1) * sizeof(*mem->blocks));
	assert_non_null(mem->blocks);
	mem->blocks[mem->block_count++] = block;
	return block;
}

void memory_map(struct sg_mem *mem, u64 addr, size_t pages, unsigned int flags)
{
	u8 *block = flags & MEMORY_CONTIGUOUS ? new_block(mem, pages) : NULL;
	size_t i, j;

	assert_int_equal(addr % PAGE_BYTES, 0);
	for (i = 0; i < pages; i++, addr += PAGE_BYTES) {
		u8 *data = block ? block + i * PAGE_BYTES : allocate(PAGE_BYTES);

		for (j = 0; j < PAGE_BYTES; j++)
			data[j] = (u8)((addr + j) * 0x9e3779b97f4a7c15ull >> 47);
		insert(mem, addr / PAGE_BYTES, data, !block, flags & MEMORY_READ_ONLY);
	}
}

void memory_unmap(struct sg_mem *mem, u64 addr, size_t pages)
{
	assert_false(mem->entered);
	for (; pages; pages--, addr += PAGE_BYTES) {
		struct page *p = lookup(mem, addr);
		size_t i;

		assert_non_null(p);
		i = (size_t)(p - mem->pages);
		free_page(p);
		mem->count--;
		memmove(p, p + 1, (mem->count - i) * sizeof(*p));
	}
}

struct sg_mem *memory_clone(const struct sg_mem *mem)
{
	struct sg_mem *clone = memory_new();
	u8 *block = new_block(clone, mem->count ? mem->count : 1);
	size_t i;

	for (i = 0; i < mem->count; i++, block += PAGE_BYTES) {
		const struct page *p = &mem->pages[i];

		ASAN_UNPOISON_MEMORY_REGION(p->data, PAGE_BYTES);
		memcpy(block, p->data, PAGE_BYTES);
		ASAN_POISON_MEMORY_REGION(p->data, PAGE_BYTES);
		insert(clone, p->number, block, false, p->read_only);
	}
	return clone;
}

/* Copy between the bytes of a page and @buf. */
static void access_page(struct page *p, size_t offset, void *buf, size_t size, bool write)
{
	ASAN_UNPOISON_MEMORY_REGION(p->data, PAGE_BYTES);
	if (write)
		memcpy(p->data + offset, buf, size);
	else
		memcpy(buf, p->data + offset, size);
	ASAN_POISON_MEMORY_REGION(p->data, PAGE_BYTES);
}

static void access_all(struct sg_mem *mem, u64 addr, u8 *buf, size_t size, bool write)
{
	assert_false(mem->entered);
	while (size) {
		size_t offset = addr % PAGE_BYTES, n = min(size, PAGE_BYTES - offset);
		struct page *p = lookup(mem, addr);

		assert_non_null(p);
		access_page(p, offset, buf, n, write);
		addr += n;
		buf += n;
		size -= n;
	}
}

void memory_peek(struct sg_mem *mem, u64 addr, void *to, size_t size)
{
	access_all(mem, addr, to, size, false);
}

void memory_poke(struct sg_mem *mem, u64 addr, const void *from, size_t size)
{
	access_all(mem, addr, (u8 *)from, size, true);
}

/* Single bytes, often: the poison is looked past instead of being taken off. */
__attribute__((no_sanitize("address"))) static u8 get_byte(const struct page *p, u64 addr)
{
	return p->data[addr % PAGE_BYTES];
}

__attribute__((no_sanitize("address"))) static void set_byte(struct page *p, u64 addr, u8 value)
{
	p->data[addr % PAGE_BYTES] = value;
}

u64 memory_get(struct sg_mem *mem, u64 addr, size_t size)
{
	u64 value = 0;
	size_t i;

	for (i = 0; i < size; i++) {
		struct page *p = lookup(mem, addr + i);

		if (p)
			value |= (u64)get_byte(p, addr + i) << 8 * i;
	}
	return value;
}

void memory_put(struct sg_mem *mem, u64 addr, u64 value, size_t size)
{
	size_t i;

	for (i = 0; i < size; i++) {
		struct page *p = lookup(mem, addr + i);

		if (p && !p->read_only)
			set_byte(p, addr + i, (u8)(value >> 8 * i));
	}
}

/* Find the first byte in which they differ. */
static bool find_difference(struct sg_mem *found, struct sg_mem *expected, u64 *at)
{
	u8 a[PAGE_BYTES], b[PAGE_BYTES];
	size_t i, j;

	assert_int_equal(found->count, expected->count);
	for (i = 0; i < found->count; i++) {
		struct page *p = &found->pages[i], *q = &expected->pages[i];

		assert_int_equal(p->number, q->number);
		access_page(p, 0, a, PAGE_BYTES, false);
		access_page(q, 0, b, PAGE_BYTES, false);
		if (!memcmp(a, b, PAGE_BYTES))
			continue;
		for (j = 0; a[j] == b[j]; j++)
			;
		*at = p->number * PAGE_BYTES + j;
		return true;
	}
	return false;
}

bool memory_same(struct sg_mem *found, struct sg_mem *expected)
{
	u64 at;

	return !find_difference(found, expected, &at);
}

void memory_assert_same(struct sg_mem *found, struct sg_mem *expected)
{
	u64 at;

	if (find_difference(found, expected, &at))
		fail_msg("byte at %#llx is %02x, not %02x", (unsigned long long)at,
			 (unsigned int)memory_get(found, at, 1),
			 (unsigned int)memory_get(expected, at, 1));
}

void memory_chop(struct sg_mem *mem, bool on)
{
	mem->chop = on;
}

unsigned int memory_faults(const struct sg_mem *mem)
{
	return mem->faults;
}

void memory_on_enter(struct sg_mem *mem, void (*hook)(void *arg), void *arg)
{
	mem->hook = hook;
	mem->hook_arg = arg;
}

void memory_set_clock(u64 t)
{
	ticks = t;
}

u64 sg_timestamp(void)
{
	return ticks++;
}

void sg_mem_enter(struct sg_mem *mem)
{
	if (mem->entered)
		fail_msg("%s() is nested", __func__);
	if (mem->hook)
		mem->hook(mem->hook_arg);
	mem->entered = true;
	mem->translations = 0;
	mem->touched_count = 0;
}

/* How many bytes have changed; what was handed out for reading only must not have. */
static size_t count_changes(const struct page *p)
{
	size_t i, changes = 0;

	if (!memcmp(p->data, p->before, PAGE_BYTES))
		return 0;
	for (i = 0; i < PAGE_BYTES; i++) {
		if (p->data[i] == p->before[i])
			continue;
		if (!p->writable[i])
			fail_msg("byte at %#llx, which was not translated for writing, is changed",
				 (unsigned long long)(p->number * PAGE_BYTES + i));
		changes++;
	}
	return changes;
}

void sg_mem_leave(struct sg_mem *mem)
{
	size_t i, changes = 0;

	if (!mem->entered)
		fail_msg("%s() is not the end of anything", __func__);
	mem->entered = false;
	for (i = 0; i < mem->touched_count; i++) {
		struct page *p = &mem->pages[mem->touched[i]];

		ASAN_UNPOISON_MEMORY_REGION(p->data, PAGE_BYTES);
		changes += count_changes(p);
		ASAN_POISON_MEMORY_REGION(p->data, PAGE_BYTES);
		p->handed_out = false;
	}
	if (changes > SG_PIECE)
		fail_msg("%zu bytes are written at once", changes);
}

static void hand_out(struct sg_mem *mem, struct page *p, size_t offset, size_t n,
		     enum sg_access access)
{
	if (!p->before) {
		p->before = allocate(PAGE_BYTES);
		p->writable = allocate(PAGE_BYTES);
	}
	if (!p->handed_out) {
		p->handed_out = true;
		mem->touched[mem->touched_count++] = (size_t)(p - mem->pages);
		ASAN_UNPOISON_MEMORY_REGION(p->data, PAGE_BYTES);
		memcpy(p->before, p->data, PAGE_BYTES);
		ASAN_POISON_MEMORY_REGION(p->data, PAGE_BYTES);
		memset(p->writable, 0, PAGE_BYTES);
	}
	if (access == SG_WRITE)
		memset(p->writable + offset, 1, n);
	ASAN_UNPOISON_MEMORY_REGION(p->data + offset, n);
}

static bool usable(const struct page *p, enum sg_access access)
{
	return p && !(access == SG_WRITE && p->read_only);
}

void *sg_mem_translate(struct sg_mem *mem, u64 addr, size_t *len, enum sg_access access)
{
	size_t offset = addr % PAGE_BYTES, wanted = *len, n;
	struct page *p = lookup(mem, addr), *first = p;

	if (!mem->entered)
		fail_msg("%s() where memory may not be used", __func__);
	if (!wanted || wanted > SG_PIECE)
		fail_msg("%zu bytes are wanted at once", wanted);
	if (mem->translations++ > SG_PIECE)
		fail_msg("more translations than a piece has bytes");
	if (mem->chop)
		wanted = 1 + random32() % wanted;
	n = min(wanted, PAGE_BYTES - offset);
	if (!usable(p, access)) {
		mem->faults++;
		*len = n;
		return NULL;
	}
	hand_out(mem, p, offset, n, access);
	/* on into the pages that lie behind it on the host too */
	while (n < wanted && !first->own) {
		struct page *next = lookup(mem, addr + n);
		size_t more = min(wanted - n, (size_t)PAGE_BYTES);

		if (!usable(next, access) || next->own || next->data != p->data + PAGE_BYTES)
			break;
		hand_out(mem, next, 0, more, access);
		n += more;
		p = next;
	}
	*len = n;
	return first->data + offset;
}
