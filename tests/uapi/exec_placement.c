// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * EXECBUFFER2: where objects lie in the GPU's address space.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>

#define PINNED48	(EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS)
#define TOP		(1ull << 48)

/* A target and a batch that stores into it, both softpinned. */
struct pinned {
	int fd;
	uint64_t ring;
	struct drm_i915_gem_exec_object2 obj[2];
};

static void pinned_init(struct pinned *p)
{
	memset(p, 0, sizeof(*p));
	p->fd = gem_open();
	p->obj[0].handle = gem_create(p->fd, 2 * PAGE);
	p->obj[0].offset = 16 * MiB;
	p->obj[0].flags = PINNED48 | EXEC_OBJECT_WRITE;
	p->obj[1].handle = gem_create(p->fd, 2 * PAGE);
	p->obj[1].offset = 32 * MiB;
	p->obj[1].flags = PINNED48;
}

static int submit(struct pinned *p, uint32_t value)
{
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)p->obj, .buffer_count = 2, .flags = p->ring,
	};
	const uint32_t dw[] = {
		MI_STORE_DWORD_IMM, p->obj[0].offset, p->obj[0].offset >> 32, value,
		MI_BATCH_BUFFER_END, 0,
	};

	gem_write(p->fd, p->obj[1].handle, 0, dw, sizeof(dw));
	return try_execbuf(p->fd, &eb);
}

static uint64_t canonical(uint64_t address)
{
	return (uint64_t)((int64_t)(address << 16) >> 16);
}

static void any_page(void)
{
	static const uint64_t places[] = {
		0, PAGE, 1ull << 31, (1ull << 32) - 2 * PAGE, (1ull << 32) - PAGE, 1ull << 32,
		(1ull << 47) - 2 * PAGE, (1ull << 47) - PAGE, 1ull << 47, TOP - 2 * PAGE,
	};
	struct pinned p;

	pinned_init(&p);
	for (size_t i = 0; i < ARRAY_SIZE(places); i++) {
		p.obj[0].offset = canonical(places[i]);
		CHECK_RET(submit(&p, i + 1), 0);
		CHECK_HEX(p.obj[0].offset, canonical(places[i]));
		CHECK_INT(gem_read32(p.fd, p.obj[0].handle, 0), i + 1);
	}
}

static void misaligned(void)
{
	struct pinned p;

	pinned_init(&p);
	for (uint64_t low = 1; low < PAGE; low <<= 1) {
		p.obj[0].offset = 16 * MiB + low;
		CHECK_RET(submit(&p, 1), -EINVAL);
	}
	/* To the alignment asked for. */
	p.obj[0].offset = 16 * MiB + PAGE;
	p.obj[0].alignment = 64 * 1024;
	CHECK_RET(submit(&p, 1), -EINVAL);
	p.obj[0].offset = 16 * MiB;
	CHECK_RET(submit(&p, 1), 0);
}

static void not_canonical(void)
{
	static const uint64_t bad[] = {
		1ull << 47, TOP - 2 * PAGE, TOP, TOP | 16 * MiB, 1ull << 63, 0xff00000001000000,
	};
	struct pinned p;

	pinned_init(&p);
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		p.obj[0].offset = bad[i];
		CHECK_RET(submit(&p, 1), -EINVAL);
	}
}

static void over_the_top(void)
{
	struct pinned p;

	/* The first of two pages is inside. */
	pinned_init(&p);
	p.obj[0].offset = canonical(TOP - PAGE);
	CHECK_RET(submit(&p, 1), -EINVAL);
}

static void above_32_bits(void)
{
	struct pinned p;

	pinned_init(&p);
	p.obj[0].flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE;
	p.obj[0].offset = 1ull << 32;
	CHECK_RET(submit(&p, 1), -EINVAL);
	/* The last page below 4 GiB is not for such objects either. */
	p.obj[0].offset = (1ull << 32) - 2 * PAGE;
	CHECK_RET(submit(&p, 1), -EINVAL);
	p.obj[0].offset = (1ull << 32) - 3 * PAGE;
	CHECK_RET(submit(&p, 1), 0);
}

static void overlapping(void)
{
	struct pinned p;

	pinned_init(&p);
	p.obj[0].offset = p.obj[1].offset;
	CHECK_RET(submit(&p, 1), -ENOSPC);
	p.obj[0].offset = p.obj[1].offset + PAGE;
	CHECK_RET(submit(&p, 1), -ENOSPC);
	p.obj[0].offset = p.obj[1].offset - PAGE;
	CHECK_RET(submit(&p, 1), -ENOSPC);
	/* Side by side is fine. */
	p.obj[0].offset = p.obj[1].offset - 2 * PAGE;
	CHECK_RET(submit(&p, 1), 0);
	p.obj[0].offset = p.obj[1].offset + 2 * PAGE;
	CHECK_RET(submit(&p, 2), 0);
	CHECK_INT(gem_read32(p.fd, p.obj[0].handle, 0), 2);
}

static void evicts_idle(void)
{
	struct pinned p;
	uint32_t first;

	/* What lay there before is idle: it makes room, and its bytes stay. */
	pinned_init(&p);
	first = p.obj[0].handle;
	CHECK_RET(submit(&p, 1), 0);
	p.obj[0].handle = gem_create(p.fd, 2 * PAGE);
	p.obj[0].offset += PAGE;
	CHECK_RET(submit(&p, 2), 0);
	CHECK_INT(gem_read32(p.fd, first, 0), 1);
	CHECK_INT(gem_read32(p.fd, first, PAGE), 0);
	CHECK_INT(gem_read32(p.fd, p.obj[0].handle, 0), 2);
}

static long submit_call(void *arg)
{
	return submit(arg, 0xe71c);
}

static long store_call(void *arg)
{
	struct batch *b = arg;

	batch_submit(b);
	gem_sync(b->fd, b->handle);
	return 0;
}

/* Whoever needs a busy object's place waits; the rest of the address space does not. */
static void evicts_busy(void)
{
	struct job waits, works;
	struct batch store;
	struct pinned p;
	uint32_t busy, other;
	struct spin s;

	pinned_init(&p);
	busy = gem_create(p.fd, PAGE);
	other = gem_create(p.fd, PAGE);
	spin_start(&s, p.fd, 0, I915_EXEC_RENDER, busy, 0);
	p.obj[0].offset = batch_address(busy);
	p.ring = I915_EXEC_BLT;
	job_start(&waits, submit_call, &p);
	CHECK(!job_done_within(&waits, 300));

	batch_init(&store, p.fd, I915_EXEC_VEBOX);
	batch_store(&store, other, 0, 0x07e5);
	job_start(&works, store_call, &store);
	CHECK(job_done_within(&works, 5000));
	CHECK_HEX(gem_read32(p.fd, other, 0), 0x07e5);

	CHECK(!job_done_within(&waits, 0));
	spin_end(&s);
	CHECK_INT(job_end(&waits), 0);
	CHECK_HEX(gem_read32(p.fd, p.obj[0].handle, 0), 0xe71c);
	CHECK_INT(job_end(&works), 0);
	spin_free(&s);
}

/* An execbuf of up to three objects, the last of them the batch. */
struct large {
	int fd;
	unsigned int count;
	struct drm_i915_gem_exec_object2 obj[3];
	struct drm_i915_gem_relocation_entry reloc;
};

/* It takes so much below 4 GiB that there is room for one. */
#define LARGE	(5ull << 29)
/* More than somebody who waits for room is woken up for without a result. */
#define OTHERS	100

static long large_call(void *arg)
{
	struct large *l = arg;
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)l->obj, .buffer_count = l->count,
	};

	return gem_ioctl_once(l->fd, DRM_IOCTL_I915_GEM_EXECBUFFER2_WR, &eb);
}

static void child_large(void *arg)
{
	CHECK_RET(large_call(arg), 0);
}

/* All but the first object are out of the way, above 4 GiB. */
static void large_add(struct large *l, uint32_t handle)
{
	const uint32_t end = MI_BATCH_BUFFER_END;

	l->obj[l->count].handle = handle;
	l->obj[l->count].offset = batch_address(handle);
	l->obj[l->count].flags = PINNED48;
	l->count++;
	gem_write(l->fd, handle, 0, &end, sizeof(end));
}

/* The large object comes to lie where it fits, or @at an address. */
static void large_init(struct large *l, int fd, uint64_t at)
{
	*l = (struct large){ .fd = fd, .count = 1 };
	l->obj[0].handle = gem_create(fd, PAGE);
	l->obj[0].pad_to_size = LARGE;
	l->obj[0].offset = at;
	l->obj[0].flags = EXEC_OBJECT_PAD_TO_SIZE | (at ? EXEC_OBJECT_PINNED : 0);
}

/* @at: where the second is to lie, or 0 */
static void makes_way_later(uint64_t at)
{
	struct large has, wants, killed;
	struct drm_i915_gem_exec_object2 obj = { .flags = PINNED48 };
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)&obj, .buffer_count = 1,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	int fd = gem_open(), status;
	struct job first, second;
	uint32_t busy;
	struct spin s;
	pid_t pid;

	/* One has its addresses, and is to change commands that are in use elsewhere. */
	large_init(&has, fd, 0);
	busy = gem_create(fd, PAGE);
	large_add(&has, busy);
	large_add(&has, gem_create(fd, PAGE));
	has.reloc.target_handle = has.obj[0].handle;
	has.reloc.presumed_offset = TOP;
	has.reloc.read_domains = I915_GEM_DOMAIN_RENDER;
	has.obj[1].relocs_ptr = (uintptr_t)&has.reloc;
	has.obj[1].relocation_count = 1;
	spin_start(&s, fd, gem_context_create(fd), I915_EXEC_BLT, busy, 0);
	job_start(&first, large_call, &has);
	CHECK(job_sleeps(&first));
	CHECK(!job_done_within(&first, 200));

	/* Others wait for it, */
	large_init(&wants, fd, at);
	large_add(&wants, gem_create(fd, PAGE));
	job_start(&second, large_call, &wants);
	large_init(&killed, fd, at);
	large_add(&killed, gem_create(fd, PAGE));
	pid = child_start(child_large, &killed);
	CHECK(child_goes_on(pid, 200));
	CHECK(!job_done_within(&second, 0));
	/* unless they are killed, */
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 3000, &status));
	/* or want another place. */
	obj.handle = gem_create(fd, PAGE);
	obj.offset = batch_address(obj.handle);
	gem_write(fd, obj.handle, 0, &end, sizeof(end));
	for (int i = 0; i < OTHERS; i++)
		CHECK_RET(try_execbuf(fd, &eb), 0);

	CHECK(!job_done_within(&first, 0));
	CHECK(!job_done_within(&second, 0));
	spin_end(&s);
	CHECK_RET(job_end(&first), 0);
	CHECK_RET(job_end(&second), 0);
	spin_free(&s);
}

static void evicts_later(void)
{
	makes_way_later(0);
	makes_way_later(1ull << 30);
}

static void moves(void)
{
	struct pinned p;

	/* After a move the old address leads nowhere. */
	pinned_init(&p);
	CHECK_RET(submit(&p, 1), 0);
	p.obj[0].offset += MiB;
	CHECK_RET(submit(&p, 2), 0);
	CHECK_INT(gem_read32(p.fd, p.obj[0].handle, 0), 2);

	struct batch b;

	batch_init(&b, p.fd, I915_EXEC_RENDER);
	batch_dw(&b, MI_STORE_DWORD_IMM);
	batch_addr(&b, 16 * MiB);
	batch_dw(&b, 3);
	batch_submit(&b);
	gem_sync(p.fd, b.handle);
	CHECK_INT(gem_read32(p.fd, p.obj[0].handle, 0), 2);
}

static void alignment(void)
{
	struct pinned p;

	pinned_init(&p);
	for (uint64_t align = PAGE; align <= 1ull << 30; align <<= 1) {
		p.obj[0].handle = gem_create(p.fd, PAGE);
		p.obj[0].flags = EXEC_OBJECT_WRITE;
		p.obj[0].offset = 12345;
		p.obj[0].alignment = align;
		CHECK_RET(submit(&p, 1), 0);
		CHECK_HEX(p.obj[0].offset & (align - 1), 0);
	}
}

/* Two holes of which only the second has room, and no more than that, at a multiple of its size. */
static void only_aligned_place(void)
{
	static const struct {
		uint64_t start, end;
	} taken[] = {
		{ 0, MiB + PAGE }, { 2 * MiB + PAGE, 8 * MiB },
		{ 9 * MiB + PAGE, (1ull << 32) - PAGE },
	};
	struct drm_i915_gem_exec_object2 obj[4] = { { .alignment = MiB, .pad_to_size = MiB } };
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = ARRAY_SIZE(obj),
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(obj); i++) {
		obj[i].handle = gem_create(fd, PAGE);
		obj[i].flags = EXEC_OBJECT_PAD_TO_SIZE;
	}
	for (size_t i = 0; i < ARRAY_SIZE(taken); i++) {
		obj[i + 1].flags |= EXEC_OBJECT_PINNED;
		obj[i + 1].offset = taken[i].start;
		obj[i + 1].pad_to_size = taken[i].end - taken[i].start;
	}
	gem_write(fd, obj[3].handle, 0, &end, sizeof(end));
	CHECK_RET(try_execbuf(fd, &eb), 0);
	CHECK_HEX(obj[0].offset, 8 * MiB);
	/* nor is there room for more */
	obj[0].pad_to_size = MiB + 2 * PAGE;
	CHECK_RET(try_execbuf(fd, &eb), -ENOSPC);
}

static void below_4g_unless_allowed(void)
{
	struct pinned p;

	pinned_init(&p);
	for (int i = 0; i < 64; i++) {
		p.obj[0].handle = gem_create(p.fd, PAGE);
		p.obj[0].flags = EXEC_OBJECT_WRITE;
		CHECK_RET(submit(&p, 1), 0);
		CHECK(p.obj[0].offset < 1ull << 32);
	}
}

static void offset_is_hint(void)
{
	struct pinned p;
	uint64_t offset;

	/* Unpinned, an object stays where it is, whatever offset is given. */
	pinned_init(&p);
	p.obj[0].flags = EXEC_OBJECT_WRITE;
	CHECK_RET(submit(&p, 1), 0);
	offset = p.obj[0].offset;
	for (int i = 0; i < 4; i++)
		CHECK_RET(submit(&p, i), 0);
	CHECK_HEX(p.obj[0].offset, offset);
}

/* So many are closed at once that whoever frees them is not done at once. */
#define CLOSED	64

static void closed_makes_way(void)
{
	uint32_t closed[CLOSED];
	struct pinned p;

	pinned_init(&p);
	p.obj[0].flags = EXEC_OBJECT_WRITE;
	p.obj[1].flags = 0;
	for (int round = 0; round < 20; round++) {
		CHECK_RET(submit(&p, round), 0);
		CHECK_HEX(p.obj[0].offset, 16 * MiB);
		gem_sync(p.fd, p.obj[1].handle);
		for (int i = 0; i < CLOSED; i++) {
			closed[i] = gem_create(p.fd, 256 * 1024);
			gem_write(p.fd, closed[i], 0, &round, sizeof(round));
		}
		for (int i = 0; i < CLOSED; i++)
			gem_close(p.fd, closed[i]);
		gem_close(p.fd, p.obj[0].handle);
		p.obj[0].handle = gem_create(p.fd, 2 * PAGE);
	}
}

static void closed(void)
{
	int other = gem_open(), dmabuf;
	uint32_t own = gem_create(other, PAGE), handle;
	struct pinned p;
	uint64_t first;
	struct batch b;
	struct spin s;

	/* The object lives on in another file; its address in this one is free again. */
	CHECK_RET(try_prime_export(other, own, DRM_CLOEXEC, &dmabuf), 0);
	pinned_init(&p);
	gem_close(p.fd, p.obj[0].handle);
	p.obj[0].handle = gem_import(p.fd, dmabuf);
	p.obj[0].flags = EXEC_OBJECT_WRITE | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
	p.obj[0].offset = 0;
	CHECK_RET(submit(&p, 1), 0);
	first = p.obj[0].offset;
	gem_sync(p.fd, p.obj[0].handle);
	gem_close(p.fd, p.obj[0].handle);

	/* Nothing is found there any more, */
	batch_init(&b, p.fd, I915_EXEC_RENDER);
	batch_dw(&b, MI_STORE_DWORD_IMM);
	batch_addr(&b, first);
	batch_dw(&b, 2);
	batch_submit(&b);
	gem_sync(p.fd, b.handle);
	CHECK_INT(gem_read32(other, own, 0), 1);

	/* and what is new gets it. */
	p.obj[0].handle = gem_create(p.fd, PAGE);
	p.obj[0].offset = 0;
	CHECK_RET(submit(&p, 3), 0);
	CHECK_HEX(p.obj[0].offset, first);

	/* While the GPU uses it, it stays; and then it goes as well. */
	handle = gem_import(p.fd, dmabuf);
	spin_start(&s, p.fd, 0, I915_EXEC_BLT, handle, 0);
	gem_close(p.fd, handle);
	p.obj[0].handle = gem_create(p.fd, PAGE);
	p.obj[0].offset = batch_address(handle);
	CHECK_RET(submit(&p, 4), 0);
	CHECK(p.obj[0].offset != batch_address(handle));
	spin_free(&s);
	p.obj[0].handle = gem_create(p.fd, PAGE);
	p.obj[0].offset = batch_address(handle);
	CHECK_RET(submit(&p, 5), 0);
	CHECK_HEX(p.obj[0].offset, batch_address(handle));
}

static void closed_name(void)
{
	struct drm_i915_gem_exec_object2 obj = { 0 };
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)&obj, .buffer_count = 1,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	int fd = gem_open_card(), other = gem_open_card();
	uint32_t handle = gem_create(other, PAGE), name;
	uint64_t first, size;

	/* Likewise if nothing but handles is left of the object. */
	gem_write(other, handle, 0, &end, sizeof(end));
	CHECK_RET(try_flink(other, handle, &name), 0);
	CHECK_RET(try_open_name(fd, name, &obj.handle, &size), 0);
	CHECK_RET(try_execbuf(fd, &eb), 0);
	first = obj.offset;
	gem_sync(fd, obj.handle);
	gem_close(fd, obj.handle);
	obj.handle = gem_create(fd, PAGE);
	obj.offset = first;
	gem_write(fd, obj.handle, 0, &end, sizeof(end));
	CHECK_RET(try_execbuf(fd, &eb), 0);
	CHECK_HEX(obj.offset, first);
}

static void padded(void)
{
	struct drm_i915_gem_exec_object2 obj = {
		.flags = EXEC_OBJECT_SUPPORTS_48B_ADDRESS | EXEC_OBJECT_PAD_TO_SIZE,
	};
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)&obj, .buffer_count = 1,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	int fd = gem_open();
	uint64_t size;

	/* An object may have the whole address space for itself, and not more. */
	CHECK_RET(try_context_get(fd, 0, I915_CONTEXT_PARAM_GTT_SIZE, &size, NULL), 0);
	gpu_store(fd, gem_create(fd, PAGE), 0, 1);
	obj.handle = gem_create(fd, PAGE);
	gem_write(fd, obj.handle, 0, &end, sizeof(end));
	obj.pad_to_size = size;
	CHECK_RET(try_execbuf(fd, &eb), 0);
	CHECK_HEX(obj.offset, 0);
	obj.pad_to_size = size + PAGE;
	CHECK_RET(try_execbuf(fd, &eb), -ENOSPC);
	obj.pad_to_size = PAGE / 2;
	CHECK_RET(try_execbuf(fd, &eb), -EINVAL);
}

#define MANY	2500

/* More than lockdep counts, where the kernel has it. */
static void many_at_once(void)
{
	static struct drm_i915_gem_exec_object2 obj[MANY];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = MANY,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	int fd = gem_open();

	for (uint32_t i = 0; i < MANY; i++) {
		obj[i].handle = gem_create(fd, PAGE);
		obj[i].flags = i < MANY - 1 ? EXEC_OBJECT_WRITE : 0;
	}
	gem_write(fd, obj[MANY - 1].handle, 0, &end, sizeof(end));
	for (int i = 0; i < 2; i++)
		CHECK_RET(try_execbuf(fd, &eb), 0);
	/* whether it succeeds or not, all are let go of */
	obj[MANY - 2].handle = obj[0].handle;
	CHECK_RET(try_execbuf(fd, &eb), -EINVAL);
	for (uint32_t i = 0; i < MANY; i++)
		CHECK_RET(try_set_domain(fd, obj[i].handle, I915_GEM_DOMAIN_GTT, 0), 0);
}

static const struct subtest tests[] = {
	{ "softpin puts an object at any page of the 48-bit space", any_page },
	{ "softpin misaligned is EINVAL", misaligned },
	{ "softpin to a non-canonical address is EINVAL", not_canonical },
	{ "softpin over the end of the address space is EINVAL", over_the_top },
	{ "softpin above 4 GiB without SUPPORTS_48B_ADDRESS is EINVAL", above_32_bits },
	{ "softpin of overlapping objects is ENOSPC", overlapping },
	{ "softpin evicts what is idle; it keeps its bytes", evicts_idle },
	{ "softpin waits for what is busy, and only who needs the place does", evicts_busy },
	{ "who needs the place of a submission that is not through waits for it", evicts_later },
	{ "a moved object is gone from its old address", moves },
	{ "alignment is kept", alignment },
	{ "an aligned object finds the only place where it fits", only_aligned_place },
	{ "without SUPPORTS_48B_ADDRESS objects lie below 4 GiB", below_4g_unless_allowed },
	{ "an object stays where it is from one execbuf to the next", offset_is_hint },
	{ "an object that is closed and idle makes way at once", closed_makes_way },
	{ "an address is free again once the handle is closed, though the object lives", closed },
	{ "so it is if only another file's handle is left", closed_name },
	{ "2 500 objects in one submission", many_at_once, 60 },
	{ "PAD_TO_SIZE may take the whole address space", padded },
};

TAP_MAIN(tests)
