// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What if memory is not to be had, or user memory not to be read or written, while a process changes
 * memory that the GPU uses, or is looked at by a debugger: every such point, one at a time. See
 * faults.h.
 */
#include "batch.h"
#include "faults.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/* The page that is changed, and a word of it. */
#define CHANGED		(5 * PAGE)
#define MARK		0xc0ffee

static void setup_mapping(struct world *w, uint64_t kind)
{
	w->n[0] = (uintptr_t)gem_mmap(w->fd, w->handle, FAULT_OBJECT, kind);
	w->fds[0] = open("/proc/self/mem", O_RDWR | O_CLOEXEC);
	CHECK_SYS(w->fds[0]);
}

static void setup_gtt(struct world *w)
{
	setup_mapping(w, I915_MMAP_OFFSET_GTT);
}

static void setup_tiled(struct world *w)
{
	uint32_t mode = I915_TILING_X, stride = 512, swizzle;

	CHECK_RET(try_set_tiling(w->fd, w->handle, &mode, &stride, &swizzle), 0);
	setup_gtt(w);
}

static void setup_wb(struct world *w)
{
	setup_mapping(w, I915_MMAP_OFFSET_WB);
}

/* As a debugger writes: it is told how much could be, or that nothing could. */
static int run_poke(struct world *w)
{
	ssize_t n = pwrite(w->fds[0], w->ptr, FAULT_OBJECT, w->n[0]);

	return n < 0 ? -errno : n < (ssize_t)FAULT_OBJECT ? -EIO : 0;
}

static int run_peek(struct world *w)
{
	ssize_t n = pread(w->fds[0], w->ptr, FAULT_OBJECT, w->n[0]);

	return n < 0 ? -errno : n < (ssize_t)FAULT_OBJECT ? -EIO : 0;
}

static void check_poked(struct world *w)
{
	void *map = (void *)w->n[0];

	CHECK_FILL(map, FAULT_OBJECT, 1);
	CHECK_SYS(munmap(map, FAULT_OBJECT));
}

static void check_peeked(struct world *w)
{
	for (size_t i = 0; i < FAULT_OBJECT; i++)
		CHECK_INT(w->ptr[i], 0);
	CHECK_SYS(munmap((void *)w->n[0], FAULT_OBJECT));
}

/* Memory that the GPU has used, so that the driver is told of what becomes of it. */
static void setup_used(struct world *w)
{
	w->n[0] = gem_userptr(w->fd, w->ptr, FAULT_OBJECT, 0);
	gpu_store(w->fd, w->n[0], CHANGED, MARK);
}

static uint32_t changed_word(struct world *w)
{
	return *(volatile uint32_t *)(w->ptr + CHANGED);
}

static int run_protect(struct world *w)
{
	return mprotect(w->ptr + CHANGED, PAGE, PROT_READ) ? -errno : 0;
}

static void check_protected(struct world *w)
{
	CHECK_RET(try_gpu_store(w->fd, w->n[0], CHANGED, 1), -EFAULT);
	CHECK_HEX(changed_word(w), MARK);
	CHECK_SYS(mprotect(w->ptr, FAULT_OBJECT, PROT_READ | PROT_WRITE));
	gpu_store(w->fd, w->n[0], CHANGED, 2);
	CHECK_INT(changed_word(w), 2);
}

static int run_unmap(struct world *w)
{
	return munmap(w->ptr + CHANGED, PAGE) ? -errno : 0;
}

static void check_unmapped(struct world *w)
{
	static uint8_t whole[FAULT_OBJECT];
	const size_t behind = CHANGED + PAGE;

	CHECK_RET(try_gpu_store(w->fd, w->n[0], 0, 1), -EFAULT);
	fill(whole, FAULT_OBJECT, 1);
	CHECK_MEM(w->ptr, whole, CHANGED);
	CHECK_MEM(w->ptr + behind, whole + behind, FAULT_OBJECT - behind);
}

static void setup_target(struct world *w)
{
	setup_used(w);
	w->n[1] = (uintptr_t)map_hole(PAGE);
}

static int run_move(struct world *w)
{
	void *to = (void *)w->n[1];
	void *ret = mremap(w->ptr + CHANGED, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, to);

	return ret == MAP_FAILED ? -errno : 0;
}

static void check_moved(struct world *w)
{
	uint32_t *moved = (uint32_t *)w->n[1];

	/* the kernel may have found no memory to split the mapping, and left an empty page behind */
	CHECK_SYS(munmap(w->ptr + CHANGED, PAGE));
	check_unmapped(w);
	CHECK_HEX(moved[0], MARK);
	CHECK_SYS(munmap((uint8_t *)moved - PAGE, 3 * PAGE));
}

static int run_page_out(struct world *w)
{
	return madvise(w->ptr, FAULT_OBJECT, MADV_PAGEOUT) ? -errno : 0;
}

static void check_used(struct world *w)
{
	CHECK_FILL(w->ptr, CHANGED, 1);
	CHECK_HEX(gpu_read32(w->fd, w->n[0], CHANGED), MARK);
	gpu_store(w->fd, w->n[0], CHANGED, 3);
	CHECK_INT(changed_word(w), 3);
}

/* By which the parent lets the child look. */
static struct gate *gate_of(struct world *w)
{
	_Static_assert(sizeof(struct gate) <= sizeof(w->arg), "no room");
	return (struct gate *)&w->arg;
}

/* A mapping of an object, too, goes to the child. */
static void setup_parent(struct world *w)
{
	uint32_t *map = gem_mmap(w->fd, w->handle, FAULT_OBJECT, I915_MMAP_OFFSET_GTT);

	setup_used(w);
	map[0] = MARK;
	w->n[1] = (uintptr_t)map;
	gate_init(gate_of(w));
}

/* Its memory is that of before, but for the object's. */
static void child(struct world *w)
{
	volatile uint32_t *map = (uint32_t *)w->n[1];

	gate_pass(gate_of(w));
	CHECK_HEX(changed_word(w), MARK);
	CHECK_INT(map[0], 4);
	_exit(0);
}

static int run_fork(struct world *w)
{
	pid_t pid = fork();

	if (!pid)
		child(w);
	w->n[2] = pid;
	return pid < 0 ? -errno : 0;
}

static void end_child(struct world *w)
{
	gpu_store(w->fd, w->handle, 0, 4);
	gate_open(gate_of(w));
	child_end(w->n[2]);
	close(gate_of(w)->fds[0]);
	close(gate_of(w)->fds[1]);
	CHECK_SYS(munmap((void *)w->n[1], FAULT_OBJECT));
}

static void check_forked(struct world *w)
{
	gpu_store(w->fd, w->n[0], CHANGED, 5);
	CHECK_INT(changed_word(w), 5);
	end_child(w);
}

/* The GPU reads the page that the child has, too. */
static void setup_shared_with_child(struct world *w)
{
	setup_parent(w);
	gem_close(w->fd, w->n[0]);
	CHECK_RET(run_fork(w), 0);
	w->n[0] = gem_userptr(w->fd, w->ptr, FAULT_OBJECT, I915_USERPTR_READ_ONLY);
	CHECK_HEX(gpu_read32(w->fd, w->n[0], CHANGED), MARK);
}

/* The process gets a page of its own. A fault that finds none is tried again by the kernel. */
static int run_copy_on_write(struct world *w)
{
	*(volatile uint32_t *)(w->ptr + CHANGED) = 6;
	return 0;
}

static void check_copied(struct world *w)
{
	CHECK_INT(gpu_read32(w->fd, w->n[0], CHANGED), 6);
	end_child(w);
}

SCENARIO(poke_gtt, .setup = setup_gtt, .run = run_poke, .check = check_poked, .allowed = -EIO)
SCENARIO(poke_tiled, .setup = setup_tiled, .run = run_poke, .check = check_poked, .allowed = -EIO)
SCENARIO(poke_wb, .setup = setup_wb, .run = run_poke, .check = check_poked, .allowed = -EIO)
SCENARIO(peek_gtt, .setup = setup_gtt, .run = run_peek, .check = check_peeked, .allowed = -EIO)
SCENARIO(peek_tiled, .setup = setup_tiled, .run = run_peek, .check = check_peeked, .allowed = -EIO)
SCENARIO(peek_wb, .setup = setup_wb, .run = run_peek, .check = check_peeked, .allowed = -EIO)
SCENARIO(protect, .setup = setup_used, .run = run_protect, .check = check_protected)
SCENARIO(unmap, .setup = setup_used, .run = run_unmap, .check = check_unmapped)
SCENARIO(move, .setup = setup_target, .run = run_move, .check = check_moved)
SCENARIO(page_out, .setup = setup_used, .run = run_page_out, .check = check_used)
SCENARIO(fork_process, .setup = setup_parent, .run = run_fork, .check = check_forked)
SCENARIO(copy_on_write, .setup = setup_shared_with_child, .run = run_copy_on_write,
	 .check = check_copied)

static const struct subtest tests[] = {
	FAULTS(poke_gtt),
	FAULTS(poke_tiled),
	FAULTS(poke_wb),
	FAULTS(peek_gtt),
	FAULTS(peek_tiled),
	FAULTS(peek_wb),
	FAULTS(protect),
	FAULTS(unmap),
	FAULTS(move),
	FAULTS(page_out),
	FAULTS(fork_process),
	FAULTS(copy_on_write),
};

TAP_MAIN(tests)
