// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * User pages that were looked up in vain too often are pinned until they have been used, and
 * nobody counts them: so they must not stay so while other memory is faulted in, which takes as
 * long as its owner likes.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "restless.h"
#include "tap.h"

#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/mman.h>

#define PAGES	2048ul
#define SIZE	(PAGES * PAGE)
/* PREAD and PWRITE of user pages go by such pieces. */
#define PIECE	(64ul << 10)

/*
 * An object whose pages are looked up in vain until they are pinned; memory for another purpose, of
 * which the last page comes late, in the middle of a call that needs both.
 */
struct late {
	int fd, uffd;
	char *ptr, *memory;
	uint32_t handle;
	struct restless restless;
	struct job call;
};

static void late_init(struct late *late)
{
	late->uffd = open_userfaultfd(0);
	late->fd = gem_open();
	late->ptr = map_anon(SIZE);
	memset(late->ptr, 0x5a, SIZE);
	restless_init(&late->restless, late->ptr, SIZE);
	late->handle = gem_userptr(late->fd, late->ptr, SIZE, 0);
	late->memory = map_anon(PIECE + PAGE);
	CHECK_SYS(madvise(late->memory, PIECE + PAGE, MADV_NOHUGEPAGE));
	memset(late->memory, 0x5a, PIECE);
	uffd_register(late->uffd, late->memory + PIECE, PAGE, UFFDIO_REGISTER_MODE_MISSING);
}

/* By the kernel's count, which each processor adds to now and then. */
static long long pinned_by_anyone(void)
{
	return number_in("/proc/vmstat", "nr_foll_pin_acquired") -
	       number_in("/proc/vmstat", "nr_foll_pin_released");
}

/* Make a call that has to pin the pages, and look whether they are when it comes to the late one. */
static void check_let_go(struct late *late, long (*call)(void *arg), const void *content)
{
	long long grips = counters_settled().grips, before = pinned_by_anyone(), during;

	restless_stir(&late->restless, VAIN_FEW);
	job_start(&late->call, call, late);
	CHECK(uffd_wait(late->uffd) == late->memory + PIECE);
	CHECK_INT(late->restless.left, 0);
	CHECK(job_sleeps(&late->call));
	CHECK_INT(counters().grips - grips, 1);
	during = pinned_by_anyone();
	uffd_copy(late->uffd, late->memory + PIECE, content);
	CHECK_INT(job_end(&late->call), 0);
	tap_note("%lld of %lu pages were pinned", during - before, PAGES);
	CHECK(during - before < (long long)PAGES / 2);
}

static long call_read(void *arg)
{
	struct late *late = arg;

	return try_read(late->fd, late->handle, 0, late->memory + PIECE, PAGE);
}

static void read_into_it(void)
{
	static char zero[PAGE];
	struct late late;

	late_init(&late);
	check_let_go(&late, call_read, zero);
	CHECK_MEM(late.memory + PIECE, late.ptr, PAGE);
}

static long call_write(void *arg)
{
	struct late *late = arg;

	return try_write(late->fd, late->handle, 0, late->memory, PIECE + PAGE);
}

static void written_from_it(void)
{
	static char content[PAGE];
	struct late late;

	late_init(&late);
	memset(late.memory, 0xa5, PIECE);
	memset(content, 0xc3, PAGE);
	check_let_go(&late, call_write, content);
	CHECK_MEM(late.ptr, late.memory, PIECE);
	CHECK_MEM(late.ptr + PIECE, content, PAGE);
}

static long call_execbuf(void *arg)
{
	struct late *late = arg;
	const uint32_t end[] = { MI_STORE_DWORD_IMM, 0, 0, 0x77, MI_BATCH_BUFFER_END, 0 };
	struct drm_i915_gem_exec_object2 obj[2] = {
		{ .handle = late->handle },
		{
			.handle = gem_create(late->fd, PAGE), .relocation_count = 1,
			.relocs_ptr = (uintptr_t)late->memory + PIECE,
		},
	};
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = 2, .flags = I915_EXEC_RENDER,
	};
	int ret;

	gem_write(late->fd, obj[1].handle, 0, end, sizeof(end));
	ret = try_execbuf(late->fd, &eb);
	gem_sync(late->fd, late->handle);
	gem_close(late->fd, obj[1].handle);
	return ret;
}

static void relocations_in_it(void)
{
	static union {
		struct drm_i915_gem_relocation_entry reloc;
		char page[PAGE];
	} content;
	struct late late;

	late_init(&late);
	content.reloc = (struct drm_i915_gem_relocation_entry){
		.target_handle = late.handle, .offset = 4, .delta = 8, .presumed_offset = ~0ull,
		.read_domains = I915_GEM_DOMAIN_RENDER, .write_domain = I915_GEM_DOMAIN_RENDER,
	};
	check_let_go(&late, call_execbuf, &content);
	CHECK_HEX(*(uint32_t *)(late.ptr + 8), 0x77);
}

static const struct subtest tests[] = {
	{ "pinned for a moment: not while the buffer of a PREAD is faulted in", read_into_it },
	{ "nor while that of a PWRITE is", written_from_it },
	{ "nor while relocations are", relocations_in_it },
};

TAP_MAIN(tests)
