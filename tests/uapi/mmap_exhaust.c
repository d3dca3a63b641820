// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fake offsets are a TiB in all. Objects that have no memory yet use them up in no time.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Three fit, a fourth does not. */
#define LARGE	(300ull << 30)

struct ask {
	int fd;
	uint32_t handle;
	uint64_t kind;
	uint64_t offset;
};

static long ask_offset(void *arg)
{
	struct ask *ask = arg;

	return try_mmap_offset(ask->fd, ask->handle, ask->kind, &ask->offset);
}

/* Objects that leave no room for another of their size. */
static void use_up(int fd, uint32_t *handle)
{
	uint64_t offset;

	for (int i = 0; i < 3; i++) {
		handle[i] = gem_create(fd, LARGE);
		CHECK_RET(try_mmap_offset(fd, handle[i], I915_MMAP_OFFSET_WB, &offset), 0);
	}
}

static void full(void)
{
	int fd = gem_open();
	uint32_t handle[3], small;
	uint64_t offset, again;

	use_up(fd, handle);
	CHECK_RET(try_mmap_offset(fd, handle[0], I915_MMAP_OFFSET_WC, &offset), -ENOSPC);
	CHECK_RET(try_mmap_gtt(fd, gem_create(fd, LARGE), &offset), -ENOSPC);
	/* what there is goes on working */
	CHECK_RET(try_mmap_offset(fd, handle[0], I915_MMAP_OFFSET_WB, &again), 0);
	small = gem_create(fd, PAGE);
	*(volatile uint32_t *)gem_mmap(fd, small, PAGE, I915_MMAP_OFFSET_GTT) = 0x5a11;
	CHECK_HEX(gem_read32(fd, small, 0), 0x5a11);
}

/* Each time there is room only because the one before has just been closed. */
static void closed_ones_make_room(void)
{
	int fd = gem_open();
	uint32_t handle[3];
	uint64_t offset;

	use_up(fd, handle);
	for (int i = 0; i < 300; i++) {
		gem_close(fd, handle[i % 3]);
		handle[i % 3] = gem_create(fd, LARGE);
		CHECK_RET(try_mmap_offset(fd, handle[i % 3], I915_MMAP_OFFSET_WB, &offset), 0);
	}
}

static void others_make_room(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t handle[3];
	uint64_t offset;

	use_up(other, handle);
	CHECK_RET(try_mmap_gtt(fd, gem_create(fd, LARGE), &offset), -ENOSPC);
	close(other);
	CHECK_RET(try_mmap_gtt(fd, gem_create(fd, LARGE), &offset), 0);
}

/* Have an object wait for a fence, without giving it memory. */
static void make_busy(int fd, uint32_t handle, int fence)
{
	struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE, .fd = fence };
	int dmabuf;

	CHECK_RET(try_prime_export(fd, handle, O_RDWR, &dmabuf), 0);
	CHECK_SYS(ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg));
	CHECK_SYS(close(dmabuf));
}

static void busy_ones_are_waited_for(void)
{
	int fd = gem_open();
	uint32_t handle[3];
	struct spin spin;
	struct ask ask = { .fd = fd, .kind = I915_MMAP_OFFSET_WC };
	struct job job;

	use_up(fd, handle);
	spin_start(&spin, fd, 0, I915_EXEC_RENDER, 0, 0);
	make_busy(fd, handle[1], spin.fence);
	CHECK_INT(fence_status(spin.fence), 0);
	gem_close(fd, handle[1]);
	ask.handle = gem_create(fd, LARGE);
	job_start(&job, ask_offset, &ask);
	CHECK(!job_done_within(&job, 300));
	spin_end(&spin);
	CHECK_RET(job_end(&job), 0);
	CHECK(ask.offset && ask.offset % PAGE == 0);
	spin_free(&spin);
}

static const struct subtest tests[] = {
	{ "when offsets run out it is ENOSPC, and what has one goes on", full },
	{ "what has just been closed makes room", closed_ones_make_room, 60 },
	{ "a file that is closed makes room", others_make_room },
	{ "a closed object that is busy is waited for", busy_ones_are_waited_for },
};

TAP_MAIN(tests)
