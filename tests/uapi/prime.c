// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects as dma-bufs: PRIME export and import, mmap, sync, fences.
 */
#include "batch.h"
#include "device.h"
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define SIZE	(16 * PAGE)

static void self_import_same_file(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	int dmabuf = gem_export(fd, handle);

	CHECK_INT(gem_import(fd, dmabuf), handle);
	CHECK_INT(gem_import(fd, dmabuf), handle);
	/* The same object again, not another export. */
	CHECK_INT(gem_import(fd, gem_export(fd, handle)), handle);
}

static void self_import_other_file(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t handle = gem_create(fd, SIZE), word = 0xabcd;
	uint32_t imported = gem_import(other, gem_export(fd, handle));

	gem_write(fd, handle, PAGE, &word, 4);
	CHECK_HEX(gem_read32(other, imported, PAGE), 0xabcd);
	gpu_store(other, imported, PAGE + 4, 0x1234);
	CHECK_HEX(gem_read32(fd, handle, PAGE + 4), 0x1234);
	/* The same object: legacy MMAP works, it has a file. */
	CHECK_RET(try_set_domain(other, imported, I915_GEM_DOMAIN_CPU, 0), 0);
}

static void outlives_exporter(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t handle = gem_create(fd, SIZE), word = 0xabcd, imported;
	int dmabuf;

	gem_write(fd, handle, 0, &word, 4);
	dmabuf = gem_export(fd, handle);
	gem_close(fd, handle);
	close(fd);
	imported = gem_import(other, dmabuf);
	CHECK_HEX(gem_read32(other, imported, 0), 0xabcd);
	close(dmabuf);
	CHECK_HEX(gpu_read32(other, imported, 0), 0xabcd);
}

static void size_by_lseek(void)
{
	int fd = gem_open(), dmabuf = gem_export(fd, gem_create(fd, 5 * PAGE - 3));

	CHECK_INT(lseek(dmabuf, 0, SEEK_END), 5 * PAGE);
	CHECK_INT(lseek(dmabuf, 0, SEEK_SET), 0);
	CHECK_INT(lseek(dmabuf, 1, SEEK_SET), -1);
	CHECK_RET(-errno, -EINVAL);
}

static void errors(void)
{
	int fd = gem_open(), dmabuf, pipes[2];
	uint32_t handle = gem_create(fd, PAGE), imported;

	CHECK_RET(try_prime_export(fd, 0x7ead, 0, &dmabuf), -ENOENT);
	CHECK_RET(try_prime_export(fd, handle, ~0u, &dmabuf), -EINVAL);
	CHECK_SYS(pipe(pipes));
	CHECK_RET(try_prime_import(fd, pipes[0], &imported), -EINVAL);
	CHECK_RET(try_prime_import(fd, -1, &imported), -EBADF);
}

static int try_sync(int dmabuf, uint64_t flags)
{
	struct dma_buf_sync arg = { .flags = flags };

	return ioctl(dmabuf, DMA_BUF_IOCTL_SYNC, &arg) ? -errno : 0;
}

static void mmap_bytes(void)
{
	static uint32_t data[SIZE / 4];
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE), copy = gem_create(fd, SIZE);
	int dmabuf = gem_export(fd, handle);
	void *ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	CHECK_SYS(ptr);
	CHECK_RET(try_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_WRITE), 0);
	fill(ptr, SIZE, 1);
	CHECK_RET(try_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_WRITE), 0);
	gpu_copy(fd, copy, handle, SIZE);
	gem_read(fd, copy, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 1);

	fill(data, SIZE, 2);
	gem_write(fd, copy, 0, data, SIZE);
	gpu_copy(fd, handle, copy, SIZE);
	CHECK_RET(try_sync(dmabuf, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ), 0);
	CHECK_FILL(ptr, SIZE, 2);
	CHECK_RET(try_sync(dmabuf, DMA_BUF_SYNC_END | DMA_BUF_SYNC_READ), 0);

	/* Mapping, descriptor and handle go in any order. */
	gem_close(fd, handle);
	close(dmabuf);
	CHECK_FILL(ptr, SIZE, 2);
}

static void mmap_errors(void)
{
	int fd = gem_open(), dmabuf;
	uint32_t handle = gem_create(fd, SIZE);

	dmabuf = gem_export(fd, handle);
	CHECK(mmap(NULL, SIZE + PAGE, PROT_READ, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	CHECK_RET(-errno, -EINVAL);
	CHECK(mmap(NULL, PAGE, PROT_READ, MAP_SHARED, dmabuf, SIZE) == MAP_FAILED);
	CHECK_RET(-errno, -EINVAL);
	CHECK_RET(try_sync(dmabuf, 0), -EINVAL);
	CHECK_RET(try_sync(dmabuf, ~0ull), -EINVAL);

	/* A dma-buf is exported once: the access mode is that of the first export. */
	CHECK_RET(try_prime_export(fd, gem_create(fd, SIZE), 0, &dmabuf), 0);
	CHECK(mmap(NULL, SIZE, PROT_WRITE, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	CHECK_RET(-errno, -EACCES);
}

static long call_sync(void *arg)
{
	return try_sync(*(int *)arg, DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ);
}

static void sync_waits(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	int dmabuf = gem_export(fd, handle);
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	job_start(&job, call_sync, &dmabuf);
	CHECK(!job_done_within(&job, 200));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	spin_free(&s);
}

static bool poll_dmabuf(int dmabuf, short events, int ms)
{
	struct pollfd pollfd = { .fd = dmabuf, .events = events };
	int ret = poll(&pollfd, 1, ms);

	CHECK_SYS(ret);
	return ret && pollfd.revents & events;
}

static void poll_shows_fences(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	int dmabuf = gem_export(fd, handle);
	struct spin s;

	CHECK(poll_dmabuf(dmabuf, POLLIN, 0));
	CHECK(poll_dmabuf(dmabuf, POLLOUT, 0));
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, 0);
	CHECK(poll_dmabuf(dmabuf, POLLIN, 0));
	CHECK(!poll_dmabuf(dmabuf, POLLOUT, 0));
	spin_end(&s);
	CHECK(poll_dmabuf(dmabuf, POLLOUT, 5000));
	spin_free(&s);

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	CHECK(!poll_dmabuf(dmabuf, POLLIN, 0));
	spin_end(&s);
	CHECK(poll_dmabuf(dmabuf, POLLIN, 5000));
	spin_free(&s);
}

static void export_sync_file(void)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_READ };
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	int dmabuf = gem_export(fd, handle);
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	CHECK_SYS(ioctl(dmabuf, DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg));
	CHECK(!fence_signalled(arg.fd, 0));
	spin_end(&s);
	CHECK(fence_signalled(arg.fd, 5000));
	CHECK_INT(fence_status(arg.fd), 1);
	spin_free(&s);
}

static void import_sync_file(void)
{
	struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE };
	int fd = gem_open(), other = gem_open();
	uint32_t handle = gem_create(other, PAGE), copy = gem_create(other, PAGE), word = 1;
	int dmabuf = gem_export(other, handle);
	struct batch b;
	struct spin s;

	/* A fence of work that knows nothing of the object, made its writer. */
	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	gem_write(other, handle, 0, &word, 4);
	arg.fd = s.fence;
	CHECK_SYS(ioctl(dmabuf, DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg));
	CHECK(gem_is_busy(other, handle) || !poll_dmabuf(dmabuf, POLLIN, 0));

	batch_init(&b, other, I915_EXEC_BLT);
	batch_copy_blt(&b, copy, handle, PAGE);
	batch_submit(&b);
	sleep_ms(100);
	CHECK(gem_is_busy(other, copy));
	spin_end(&s);
	CHECK_INT(gem_read32(other, copy, 0), 1);
	spin_free(&s);
}

/* A buffer of another driver's, as a dma-buf. */
static int vgem_buffer(size_t size)
{
	struct drm_mode_create_dumb create = { .width = size / 4, .height = 1, .bpp = 32 };
	int fd = vgem_open(), dmabuf;

	inject_skip("dma_buf_vmap() warns where an exporter has no memory");
	CHECK_RET(gem_ioctl_once(fd, DRM_IOCTL_MODE_CREATE_DUMB, &create), 0);
	dmabuf = gem_export(fd, create.handle);
	return dmabuf;
}

static void import_bytes(void)
{
	static uint32_t data[SIZE / 4];
	int fd = gem_open(), dmabuf = vgem_buffer(SIZE);
	uint32_t imported = gem_import(fd, dmabuf), copy = gem_create(fd, SIZE);
	void *ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);

	CHECK_SYS(ptr);
	fill(ptr, SIZE, 1);
	gpu_copy(fd, copy, imported, SIZE);
	gem_read(fd, copy, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 1);
	fill(data, SIZE, 2);
	gem_write(fd, copy, 0, data, SIZE);
	gpu_copy(fd, imported, copy, SIZE);
	CHECK_FILL(ptr, SIZE, 2);
}

/* An import, for a job. */
struct imported {
	int fd;
	uint32_t handle;
};

static long call_set_domain(void *arg)
{
	struct imported *i = arg;

	return try_set_domain(i->fd, i->handle, I915_GEM_DOMAIN_GTT, 0);
}

static void import_set_domain(void)
{
	struct imported i = { .fd = gem_open() };
	struct job job;
	struct spin s;

	i.handle = gem_import(i.fd, vgem_buffer(SIZE));
	CHECK_RET(try_set_domain(i.fd, i.handle, I915_GEM_DOMAIN_CPU, I915_GEM_DOMAIN_CPU), 0);
	spin_start(&s, i.fd, 0, I915_EXEC_RENDER, i.handle, EXEC_OBJECT_WRITE);
	job_start(&job, call_set_domain, &i);
	CHECK(!job_done_within(&job, 200));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	spin_free(&s);
}

static void import_errors(void)
{
	int fd = gem_open();
	uint32_t imported = gem_import(fd, vgem_buffer(SIZE));
	uint32_t mode = I915_TILING_X, stride = 512, swizzle;
	void *ptr;

	CHECK_RET(try_set_caching(fd, imported, I915_CACHING_NONE), -ENXIO);
	CHECK_RET(try_set_tiling(fd, imported, &mode, &stride, &swizzle), -ENXIO);
	CHECK_RET(try_mmap_legacy(fd, imported, 0, SIZE, 0, &ptr), -ENXIO);
}

static void import_gtt(void)
{
	int fd = gem_open(), dmabuf = vgem_buffer(SIZE);
	uint32_t imported = gem_import(fd, dmabuf), copy = gem_create(fd, SIZE);
	uint32_t *theirs = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	uint32_t *ours = gem_mmap(fd, imported, SIZE, I915_MMAP_OFFSET_GTT);
	static uint32_t data[SIZE / 4];
	uint64_t offset;

	CHECK_SYS(theirs);
	fill(theirs, SIZE, 1);
	CHECK_FILL(ours, SIZE, 1);
	fill(ours, SIZE, 2);
	CHECK_FILL(theirs, SIZE, 2);
	gpu_copy(fd, copy, imported, SIZE);
	gem_read(fd, copy, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 2);
	/* the mapping needs neither handle nor descriptor */
	gem_close(fd, imported);
	close(dmabuf);
	CHECK_FILL(ours, SIZE, 2);
	ours[0] = 3;
	CHECK_INT(theirs[0], 3);
	CHECK_RET(try_mmap_offset(fd, gem_import(fd, vgem_buffer(SIZE)), I915_MMAP_OFFSET_WB,
				  &offset), -ENODEV);
}

/* Another file's import of the same dma-buf, by its name: two objects here, one reservation. */
static void import_twice(void)
{
	int fd = gem_open_card(), other = gem_open_card(), dmabuf = vgem_buffer(SIZE);
	uint32_t one = gem_import(fd, dmabuf), two, name, *ptr;
	uint64_t size;
	struct batch b;

	CHECK_RET(try_flink(other, gem_import(other, dmabuf), &name), 0);
	CHECK_RET(try_open_name(fd, name, &two, &size), 0);
	CHECK(one != two);
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	CHECK_SYS(ptr);
	ptr[0] = 0xabcd;
	for (int i = 0; i < 2; i++) {
		batch_init(&b, fd, I915_EXEC_RENDER);
		/* read and written under either name, in either order */
		batch_copy32(&b, i ? one : two, PAGE + 4 * i, i ? two : one, 0);
		batch_submit(&b);
		gem_sync(fd, i ? one : two);
		CHECK_HEX(ptr[PAGE / 4 + i], 0xabcd);
		CHECK_RET(gem_is_busy(fd, one) || gem_is_busy(fd, two), 0);
		/* the reservation is not locked any more */
		CHECK_RET(try_set_domain(other, gem_import(other, dmabuf), I915_GEM_DOMAIN_CPU, 0), 0);
		/* but one object, twice, is one too many */
		b.obj[0].handle = b.obj[1].handle;
		CHECK_RET(batch_try_submit(&b), -EINVAL);
		batch_free(&b);
	}
}

static const struct subtest tests[] = {
	{ "importing one's own export gives the same handle", self_import_same_file },
	{ "importing into another file gives the same object", self_import_other_file },
	{ "a dma-buf outlives its exporter, an import the dma-buf", outlives_exporter },
	{ "lseek tells a dma-buf's size", size_by_lseek },
	{ "a bad handle is ENOENT, bad flags and a file that is no dma-buf EINVAL", errors },
	{ "mmap of a dma-buf: CPU and GPU agree on all bytes between syncs", mmap_bytes },
	{ "mmap of a dma-buf: out of range EINVAL, beyond its mode EACCES", mmap_errors },
	{ "DMA_BUF_IOCTL_SYNC waits for the GPU's writer", sync_waits },
	{ "poll on a dma-buf shows the GPU's readers and writers", poll_shows_fences },
	{ "a sync_file exported from a dma-buf signals with the GPU's writer", export_sync_file },
	{ "the GPU waits for a sync_file imported into a dma-buf", import_sync_file },
	{ "an import: the GPU reads and writes the other device's bytes", import_bytes },
	{ "an import: mapped through the aperture, all see the same bytes", import_gtt },
	{ "an import: beside another of the same dma-buf in one submission", import_twice },
	{ "an import: SET_DOMAIN waits for the GPU", import_set_domain },
	{ "an import: SET_CACHING, SET_TILING and MMAP are ENXIO", import_errors },
};

TAP_MAIN(tests)
