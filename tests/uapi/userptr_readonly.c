// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * READ_ONLY objects against everything that a batch can write with, on every engine. Each batch
 * writes to an ordinary object too, so that a command that does nothing at all is noticed.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#define SIZE	(16 * PAGE)
#define SEED	0x10101010u

/* MI_ATOMIC, MOVE of a dword that is in the command. */
#define MI_ATOMIC_MOVE		(0x2fu << 23 | 1 << 18 | 4 << 8 | 9)
/* Post-sync operation: write what is in the command. */
#define MI_FLUSH_DW_WRITE	(0x26u << 23 | 1 << 14 | 3)
#define PIPE_CONTROL		(0x7a000000u | 4)
#define PIPE_CONTROL_WRITE	(1u << 14)

static const uint64_t engines[] = {
	I915_EXEC_RENDER, I915_EXEC_BLT, I915_EXEC_BSD, I915_EXEC_VEBOX,
};

typedef void write_fn(struct batch *b, uint32_t handle, uint64_t offset, uint32_t value);

static void write_qword(struct batch *b, uint32_t handle, uint64_t offset, uint32_t value)
{
	uint64_t address = batch_obj(b, handle, EXEC_OBJECT_WRITE) + offset;

	batch_dw(b, MI_STORE_QWORD_IMM);
	batch_addr(b, address);
	batch_dw(b, value);
	batch_dw(b, 0);
}

static void write_atomic(struct batch *b, uint32_t handle, uint64_t offset, uint32_t value)
{
	uint64_t address = batch_obj(b, handle, EXEC_OBJECT_WRITE) + offset;

	batch_dw(b, MI_ATOMIC_MOVE);
	batch_addr(b, address);
	batch_dw(b, value);
	for (unsigned int i = 0; i < 7; i++)
		batch_dw(b, 0);
}

static void write_post_sync(struct batch *b, uint32_t handle, uint64_t offset, uint32_t value)
{
	uint64_t address = batch_obj(b, handle, EXEC_OBJECT_WRITE) + offset;

	if (b->flags & I915_EXEC_RING_MASK && (b->flags & I915_EXEC_RING_MASK) != I915_EXEC_RENDER) {
		batch_dw(b, MI_FLUSH_DW_WRITE);
	} else {
		batch_dw(b, PIPE_CONTROL);
		batch_dw(b, PIPE_CONTROL_WRITE);
	}
	batch_addr(b, address);
	batch_dw(b, value);
	batch_dw(b, 0);
}

static void write_blt(struct batch *b, uint32_t handle, uint64_t offset, uint32_t value)
{
	batch_fill_blt(b, handle, offset, PAGE, value);
}

/* Write to a read-only object and to an ordinary one: only the latter changes. */
static void check_swallowed(write_fn *write, uint64_t engine)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE), *plain = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, I915_USERPTR_READ_ONLY);
	uint32_t other = gem_userptr(fd, plain, SIZE, 0);

	fill(ptr, SIZE, SEED);
	for (unsigned int protected = 0; protected < 2; protected++) {
		struct batch b;

		/* over memory that the process may write, and over memory that it may not */
		if (protected)
			CHECK_SYS(mprotect(ptr, SIZE, PROT_READ));
		memset(plain, 0, SIZE);
		batch_init(&b, fd, engine);
		write(&b, handle, 0, 0xbad);
		write(&b, handle, SIZE - PAGE, 0xbad);
		write(&b, other, PAGE, 0x600d);
		batch_submit(&b);
		gem_sync(fd, b.handle);
		batch_free(&b);
		CHECK_FILL(ptr, SIZE, SEED);
		CHECK_HEX(*(uint32_t *)(plain + PAGE), 0x600d);
	}
}

static void everywhere(write_fn *write)
{
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		check_swallowed(write, engines[i]);
}

static void stores(void)
{
	everywhere(batch_store);
}

static void qwords(void)
{
	everywhere(write_qword);
}

static void atomics(void)
{
	everywhere(write_atomic);
}

static void post_sync(void)
{
	everywhere(write_post_sync);
}

static void blits(void)
{
	check_swallowed(write_blt, I915_EXEC_BLT);
}

/* A relocation is a write, too, by the kernel. */
static void relocations(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, I915_USERPTR_READ_ONLY);
	uint32_t end = MI_BATCH_BUFFER_END, batch = gem_create(fd, PAGE);

	fill(ptr, SIZE, SEED);
	gem_write(fd, batch, 0, &end, 4);
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		struct drm_i915_gem_relocation_entry reloc = {
			.target_handle = batch,
			.offset = 64,
			.presumed_offset = -1,
			.read_domains = I915_GEM_DOMAIN_COMMAND,
		};
		struct drm_i915_gem_exec_object2 obj[2] = {
			{ .handle = handle, .relocation_count = 1, .relocs_ptr = (uintptr_t)&reloc },
			{ .handle = batch },
		};
		struct drm_i915_gem_execbuffer2 eb = {
			.buffers_ptr = (uintptr_t)obj,
			.buffer_count = 2,
			.flags = engines[i],
		};

		CHECK_RET(try_execbuf(fd, &eb), -EINVAL);
		CHECK_FILL(ptr, SIZE, SEED);
	}
}

static const struct subtest tests[] = {
	{ "MI_STORE_DWORD_IMM is swallowed on every engine", stores },
	{ "MI_STORE_QWORD_IMM is swallowed on every engine", qwords },
	{ "MI_ATOMIC is swallowed on every engine", atomics },
	{ "post-sync writes are swallowed on every engine", post_sync },
	{ "blits are swallowed", blits },
	{ "relocations into it are EINVAL on every engine", relocations },
};

TAP_MAIN(tests)
