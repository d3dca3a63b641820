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
#include "tap.h"

#include <linux/userfaultfd.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PAGES	2048ul
#define SIZE	(PAGES * PAGE)
/* PREAD and PWRITE of user pages go by such pieces. */
#define PIECE	(64ul << 10)

/*
 * Pages of an object that are taken away all the time until they are pinned; memory for another
 * purpose, of which the last page comes late, in the middle of a call that needs both.
 */
struct late {
	int fd, uffd;
	char *ptr, *memory;
	uint32_t handle;
	long long grips;
	atomic_bool still;
	struct job call, stir;
};

static void late_init(struct late *late)
{
	struct uffdio_register reg = { .mode = UFFDIO_REGISTER_MODE_MISSING };

	late->uffd = open_userfaultfd(0);
	late->fd = gem_open();
	late->ptr = map_anon(SIZE);
	CHECK_SYS(madvise(late->ptr, SIZE, MADV_NOHUGEPAGE));
	memset(late->ptr, 0x5a, SIZE);
	late->handle = gem_userptr(late->fd, late->ptr, SIZE, 0);
	late->memory = map_anon(PIECE + PAGE);
	CHECK_SYS(madvise(late->memory, PIECE + PAGE, MADV_NOHUGEPAGE));
	memset(late->memory, 0x5a, PIECE);
	reg.range.start = (uintptr_t)late->memory + PIECE;
	reg.range.len = PAGE;
	CHECK_SYS(ioctl(late->uffd, UFFDIO_REGISTER, &reg));
	counters_settled();
}

/* Each change of the rights, which matters to nobody, takes the pages from the GPU. */
static long stir(void *arg)
{
	struct late *late = arg;

	while (!late->still && counters().grips == late->grips) {
		for (int i = 0; i < 8; i++) {
			CHECK_SYS(mprotect(late->ptr, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC));
			CHECK_SYS(mprotect(late->ptr, SIZE, PROT_READ | PROT_WRITE));
		}
	}
	return 0;
}

/* By the kernel's count, which each processor adds to now and then. */
static long long pinned_by_anyone(void)
{
	return number_in("/proc/vmstat", "nr_foll_pin_acquired") -
	       number_in("/proc/vmstat", "nr_foll_pin_released");
}

/* Make a call that may have to pin. Return: whether it had, when it came to the late page. */
static bool pins(struct late *late, long (*call)(void *arg), const void *content)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)late->memory + PIECE, .src = (uintptr_t)content, .len = PAGE,
	};
	long long before = pinned_by_anyone(), during;
	struct uffd_msg msg;
	bool pinned;

	CHECK_SYS(madvise(late->memory + PIECE, PAGE, MADV_DONTNEED));
	late->grips = counters().grips;
	late->still = false;
	job_start(&late->stir, stir, late);
	job_start(&late->call, call, late);
	CHECK_INT(read(late->uffd, &msg, sizeof(msg)), sizeof(msg));
	CHECK_INT(msg.event, UFFD_EVENT_PAGEFAULT);
	late->still = true;
	CHECK_INT(job_end(&late->stir), 0);
	CHECK(job_sleeps(&late->call));
	pinned = counters().grips > late->grips;
	during = pinned_by_anyone();
	CHECK_SYS(ioctl(late->uffd, UFFDIO_COPY, &copy));
	CHECK_INT(job_end(&late->call), 0);
	if (pinned)
		tap_note("%lld of %lu pages were pinned", during - before, PAGES);
	CHECK(during - before < (long long)PAGES / 2);
	return pinned;
}

static void check_let_go(struct late *late, long (*call)(void *arg), const void *content)
{
	int64_t end = now_ns() + 30 * NSEC * tap_slow();

	while (!pins(late, call, content))
		CHECK(now_ns() < end);
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
	{ "pinned for a moment: not while the buffer of a PREAD is faulted in", read_into_it, 90 },
	{ "nor while that of a PWRITE is", written_from_it, 90 },
	{ "nor while relocations are", relocations_in_it, 90 },
};

TAP_MAIN(tests)
