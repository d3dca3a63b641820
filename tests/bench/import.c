// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Handing memory of the process to the GPU: importing it, using it again, using it after a page has
 * changed. The peer is what else takes hold of user memory for later: io_uring's registered buffers.
 */
#include "bench.h"
#include "submission.h"

#include <linux/io_uring.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#define LEN	(64 * MiB)
#define PAGES	(LEN / PAGE)
#define BIG	(256 * MiB)

struct import {
	int fd, ring;
	char *ptr;
	size_t len;
};

/* Create, first use by the GPU, close, all of it. */
static int64_t import_once(void *arg)
{
	struct import *im = arg;
	int64_t began = now_ns();
	uint32_t handle = gem_userptr(im->fd, im->ptr, im->len, 0);

	gpu_store(im->fd, handle, 0, began);
	gem_close(im->fd, handle);
	settle();
	began = now_ns() - began;
	return began;
}

static int64_t ring_once(void *arg)
{
	struct import *im = arg;
	struct iovec iov = { im->ptr, im->len };
	int64_t began = now_ns();

	CHECK_SYS(syscall(SYS_io_uring_register, im->ring, IORING_REGISTER_BUFFERS, &iov, 1));
	CHECK_SYS(syscall(SYS_io_uring_register, im->ring, IORING_UNREGISTER_BUFFERS, NULL, 0));
	settle();
	return now_ns() - began;
}

static void import_row(const char *name, void *ptr, double target)
{
	struct io_uring_params params = { 0 };
	struct import im = { .fd = gem_open(), .ptr = ptr, .len = LEN };
	double ours, peers;

	if (!ptr) {
		row_none(name, "the kernel has no such pages to give");
		return;
	}
	im.ring = syscall(SYS_io_uring_setup, 1, &params);
	CHECK_SYS(im.ring);
	peers = best_of(5, ring_once, &im) / PAGES;
	ours = best_of(5, import_once, &im) / PAGES;
	row_ratio(name, ours, "ns/page", "io_uring registered buffers", peers, target);
}

static void import_4k(void)
{
	import_row("import, 4 KiB pages", map_4k(LEN), 0.15);
}

static void import_thp(void)
{
	import_row("import, transparent huge pages", map_thp(LEN), 0.02);
}

static void import_hugetlb(void)
{
	import_row("import, hugetlb pages", map_hugetlbfs(LEN), 0.02);
}

static void store_submission(struct submission *s, int fd, uint32_t handle)
{
	const uint32_t dw[] = {
		MI_STORE_DWORD_IMM, batch_address(handle), batch_address(handle) >> 32, 1,
	};

	submission_init(s, fd, I915_EXEC_RENDER, &handle, 1, dw, ARRAY_SIZE(dw));
}

static double again(int fd, size_t len)
{
	struct submission s;

	store_submission(&s, fd, gem_userptr(fd, map_4k(len), len, 0));
	submission_run(&s);
	return submission_time(&s, 50);
}

static void using_again(void)
{
	int fd = gem_open();
	double page = again(fd, PAGE);

	row_ratio("using it again, 256 MiB unchanged", again(fd, BIG), "ns", "a page", page, 1.02);
}

struct change {
	struct import im;
	struct submission s;
};

/* What the process does to its memory is its own affair; the next use of it is what is measured. */
static int64_t use_changed(void *arg)
{
	struct change *c = arg;
	char *page = c->im.ptr + BIG / 2;
	int64_t began;

	CHECK_SYS(munmap(page, PAGE));
	CHECK(mmap(page, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == page);
	touch(page, PAGE);
	began = now_ns();
	submission_run(&c->s);
	return now_ns() - began;
}

static void one_page_changed(void)
{
	struct change c = { .im = { .fd = gem_open(), .ptr = map_4k(BIG), .len = BIG } };
	double first = best_of(3, import_once, &c.im);

	store_submission(&c.s, c.im.fd, gem_userptr(c.im.fd, c.im.ptr, BIG, 0));
	submission_run(&c.s);
	row_ratio("using 256 MiB after one page changed", best_of(5, use_changed, &c), "ns",
		  "a first import", first, 0.05);
}

BENCH_MAIN({ "import, 4 KiB pages", import_4k, 120 },
	   { "import, transparent huge pages", import_thp, 120 },
	   { "import, hugetlb pages", import_hugetlb, 120 },
	   { "using it again, 256 MiB unchanged", using_again, 120 },
	   { "using 256 MiB after one page changed", one_page_changed, 120 })
