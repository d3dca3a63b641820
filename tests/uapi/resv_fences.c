// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fences in a dma-buf's reservation that are none of the object's: any process that has the dma-buf
 * may put them there.
 */
#include "batch.h"
#include "counters.h"
#include "exynos.h"
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <linux/dma-buf.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define TIMEOUT_MS	500u
/* So many times as long whoever changes his memory waits for a request. */
#define FACTOR		3

static void put_fence(int dmabuf, int fence)
{
	struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE, .fd = fence };

	CHECK_SYS(ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg));
}

struct putter {
	struct gate begin, begun;
	int dmabuf;
};

/* A queue that gets longer and longer, each request of it said to use the object. */
static void child_puts_fences(void *arg)
{
	struct putter *putter = arg;
	int fd = gem_open();
	struct spin spin;

	gate_pass(&putter->begin);
	for (unsigned int i = 0;; i++) {
		spin_start(&spin, fd, gem_context_create(fd), I915_EXEC_RENDER, 0, 0);
		put_fence(putter->dmabuf, spin.fence);
		if (i == 3)
			gate_open(&putter->begun);
		sleep_ms(TIMEOUT_MS / 3);
	}
}

static void put_without_end(void)
{
	uint32_t *ptr = map_anon(PAGE), handle;
	int fd = gem_open(), status;
	struct putter putter;
	int64_t began;
	pid_t pid;

	gem_set_request_timeout(TIMEOUT_MS);
	handle = gem_userptr(fd, ptr, PAGE, 0);
	putter.dmabuf = gem_export(fd, handle);
	gate_init(&putter.begin);
	gate_init(&putter.begun);
	pid = child_start(child_puts_fences, &putter);
	/* after the fork, which takes the page away */
	gpu_store(fd, handle, 0, 1);
	gate_open(&putter.begin);
	gate_pass(&putter.begun);
	began = now_ns();
	CHECK_SYS(mprotect(ptr, PAGE, PROT_READ));
	began = now_ns() - began;
	tap_note("mprotect() took %lld ms", (long long)(began / MSEC));
	CHECK(began < 2 * TIMEOUT_MS * MSEC * tap_slow());
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 3000, &status));
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

/* What uses the object has its fence replaced by a later one of its timeline, that does not. */
static void put_in_place(void)
{
	uint32_t *ptr = map_anon(PAGE), handle, ctx;
	int fd = gem_open(), dmabuf;
	struct spin first, user;
	struct job job;
	struct batch b;

	handle = gem_userptr(fd, ptr, PAGE, 0);
	ctx = gem_context_create(fd);
	dmabuf = gem_export(fd, handle);
	/* a fence that is looked at first: its request could reach the object */
	spin_start(&first, fd, ctx, I915_EXEC_BLT, 0, 0);
	put_fence(dmabuf, first.fence);
	spin_start(&user, fd, ctx, I915_EXEC_RENDER, 0, 0);
	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	batch_obj(&b, handle, EXEC_OBJECT_ASYNC | EXEC_OBJECT_WRITE);
	batch_store(&b, handle, 0, 1);
	batch_submit(&b);
	close(b.rsvd2 >> 32);
	mprotect_start(&job, ptr);
	CHECK(!job_done_within(&job, 200));

	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	batch_submit(&b);
	put_fence(dmabuf, b.rsvd2 >> 32);
	spin_end(&first);
	CHECK(!job_done_within(&job, 500));
	spin_end(&user);
	CHECK_INT(job_end(&job), 0);
	CHECK_INT(*(volatile uint32_t *)ptr, 1);
	spin_free(&first);
	spin_free(&user);
}

/* A request that is old because others were before it; it has nothing to do with the memory. */
static void anothers_request(void)
{
	enum { BEFORE = 8 };
	uint32_t *ptr = map_anon(PAGE), handle, target, ctx;
	int fd = gem_open(), other = gem_open(), fence;
	struct spin spin[BEFORE];
	struct batch b;

	inject_skip("so many ioctls take as long as those before it");
	gem_set_request_timeout(TIMEOUT_MS);
	for (unsigned int i = 0; i < BEFORE; i++)
		spin_start(&spin[i], other, gem_context_create(other), I915_EXEC_RENDER, 0, 0);
	target = gem_create(other, PAGE);
	ctx = gem_context_create(other);
	CHECK_RET(try_context_set(other, ctx, I915_CONTEXT_PARAM_PRIORITY, -1, 0), 0);
	batch_init(&b, other, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	batch_store(&b, target, 0, 1);
	batch_submit(&b);
	fence = b.rsvd2 >> 32;

	handle = gem_userptr(fd, ptr, PAGE, 0);
	gpu_read32(fd, handle, 0);
	put_fence(gem_export(fd, handle), fence);
	sleep_ms(FACTOR * TIMEOUT_MS + 100);
	CHECK(!fence_signalled(fence, 0));
	CHECK_SYS(mprotect(ptr, PAGE, PROT_READ));
	CHECK(fence_signalled(fence, 2 * BEFORE * TIMEOUT_MS));
	CHECK_INT(fence_status(fence), 1);
	CHECK_INT(gem_read32(other, target, 0), 1);
	for (unsigned int i = 0; i < BEFORE; i++)
		spin_free(&spin[i]);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

/* Somebody else uses the buffer all the time: the importer's end does not depend on that. */
static void imports_of_busy(void)
{
	int fd = gem_open(), other = exynos_open(), dmabuf;
	uint32_t handle = gem_create(fd, PAGE), imported;
	struct spin spin;
	long alive;

	dmabuf = gem_export(fd, handle);
	spin_start(&spin, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	alive = objects_alive();
	for (unsigned int i = 0; i < 100; i++) {
		imported = gem_import(other, dmabuf);
		gem_close(other, imported);
	}
	CHECK(objects_become(alive, 5000));
	CHECK(!fence_signalled(spin.fence, 0));
	spin_free(&spin);
}

/* Where it is the importer that uses it, it stays until he is done. */
static void imports_in_use(void)
{
	int fd = gem_open(), other = exynos_open(), dmabuf;
	uint32_t handle = exynos_create(other, PAGE, 0), imported;
	struct batch b;
	struct spin spin;
	long alive;

	dmabuf = gem_export(other, handle);
	imported = gem_import(fd, dmabuf);
	spin_start(&spin, fd, 0, I915_EXEC_RENDER, imported, EXEC_OBJECT_WRITE);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, imported, 0, 0x1dea);
	batch_submit(&b);
	gem_close(fd, imported);
	sleep_ms(300);
	alive = objects_alive();
	spin_end(&spin);
	gem_sync(fd, b.handle);
	CHECK_HEX(*(uint32_t *)exynos_mmap(other, handle, PAGE), 0x1dea);
	batch_free(&b);
	spin_free(&spin);
	/* the import, and two batches */
	CHECK(objects_become(alive - 3, 5000));
}

static const struct subtest tests[] = {
	{ "who changes his memory waits for users of the object alone", put_without_end, 60 },
	{ "also where a fence that is none of theirs stands for one", put_in_place },
	{ "and ends nobody else's request", anothers_request, 60 },
	{ "an import of a buffer that others use goes when it is closed", imports_of_busy },
	{ "one that is in use itself does not", imports_in_use },
};

TAP_MAIN(tests)
