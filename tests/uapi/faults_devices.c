// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What if memory is not to be had, or user memory not to be read or written, while buffers are shared
 * with other devices, in either direction: every such point, one at a time. See faults.h.
 */
#include "batch.h"
#include "device.h"
#include "faults.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <linux/dma-buf.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* In fds: a dma-buf, and who imports it. */
static void export_to_device(struct world *w, uint32_t handle)
{
	w->fds[0] = gem_export(w->fd, handle);
	w->fds[1] = device_open();
	w->n[0] = handle;
}

static void setup_object(struct world *w)
{
	export_to_device(w, w->handle);
}

static void setup_tracked(struct world *w)
{
	export_to_device(w, gem_userptr(w->fd, w->ptr, FAULT_OBJECT, 0));
}

static void setup_pinned(struct world *w)
{
	export_to_device(w, gem_userptr(w->fd, w->ptr, FAULT_OBJECT, I915_USERPTR_UNSYNCHRONIZED));
}

static int run_attach(struct world *w)
{
	return try_device_attach(w->fds[1], w->fds[0], false);
}

static int run_attach_dynamic(struct world *w)
{
	return try_device_attach(w->fds[1], w->fds[0], true);
}

/* What the device writes the GPU sees. */
static void check_mapped(struct world *w)
{
	device_write(w->fds[1], 16, 0xabcd);
	CHECK_HEX(gpu_read32(w->fd, w->n[0], 16), 0xabcd);
	device_detach(w->fds[1]);
}

static void check_attached(struct world *w)
{
	device_map(w->fds[1]);
	check_mapped(w);
}

static void setup_attached(struct world *w)
{
	setup_object(w);
	CHECK_RET(run_attach(w), 0);
}

static void setup_tracked_attached(struct world *w)
{
	setup_tracked(w);
	CHECK_RET(run_attach_dynamic(w), 0);
}

/* The process's memory has moved since the device attached: mapping may have to be tried again. */
static void setup_tracked_moved(struct world *w)
{
	setup_tracked_attached(w);
	device_map(w->fds[1]);
	device_unmap(w->fds[1]);
	CHECK_SYS(madvise(w->ptr, PAGE, MADV_DONTNEED));
}

static int run_map(struct world *w)
{
	return try_device_map(w->fds[1], true);
}

static int run_map_anew(struct world *w)
{
	int ret;

	while ((ret = run_map(w)) == -EAGAIN)
		sleep_ms(1);
	return ret;
}

static int run_mmap(struct world *w)
{
	void *map = mmap(NULL, FAULT_OBJECT, PROT_READ | PROT_WRITE, MAP_SHARED, w->fds[0], 0);

	w->n[1] = (uintptr_t)map;
	return map == MAP_FAILED ? -errno : 0;
}

static void check_mmap(struct world *w)
{
	uint32_t *map = (uint32_t *)w->n[1];

	map[4] = 11;
	CHECK_INT(gpu_read32(w->fd, w->n[0], 16), 11);
	CHECK_SYS(munmap(map, FAULT_OBJECT));
}

static int run_cpu_access(struct world *w)
{
	struct dma_buf_sync arg = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_RW };

	return gem_ioctl_once(w->fds[0], DMA_BUF_IOCTL_SYNC, &arg);
}

/* Work that does not end yet. */
static struct spin *spin_of(struct world *w)
{
	_Static_assert(sizeof(struct spin) <= sizeof(w->arg), "no room");
	return (struct spin *)&w->arg;
}

static void setup_busy(struct world *w)
{
	setup_object(w);
	spin_start(spin_of(w), w->fd, 0, I915_EXEC_RENDER, w->handle, EXEC_OBJECT_WRITE);
}

static int run_fence_out(struct world *w)
{
	struct dma_buf_export_sync_file arg = { .flags = DMA_BUF_SYNC_READ };
	int ret = gem_ioctl_once(w->fds[0], DMA_BUF_IOCTL_EXPORT_SYNC_FILE, &arg);

	w->fds[2] = ret ? 0 : arg.fd;
	return ret;
}

static void check_fence_out(struct world *w)
{
	CHECK(!fence_signalled(w->fds[2], 0));
	spin_free(spin_of(w));
	CHECK(fence_signalled(w->fds[2], 10000));
}

static void setup_fence(struct world *w)
{
	setup_busy(w);
	CHECK_RET(run_fence_out(w), 0);
	w->fds[3] = gem_export(w->fd, w->batch);
}

static int run_fence_in(struct world *w)
{
	struct dma_buf_import_sync_file arg = { .flags = DMA_BUF_SYNC_WRITE, .fd = w->fds[2] };

	return gem_ioctl_once(w->fds[3], DMA_BUF_IOCTL_IMPORT_SYNC_FILE, &arg);
}

static void check_fence_in(struct world *w)
{
	CHECK(gem_is_busy(w->fd, w->batch));
	check_fence_out(w);
	gem_sync(w->fd, w->batch);
}

/* A buffer of another driver's, which has not been used here yet. */
static void setup_foreign(struct world *w)
{
	struct drm_mode_create_dumb create = { .width = FAULT_OBJECT / 4, .height = 1, .bpp = 32 };
	static int vgem;

	if (!vgem)
		vgem = vgem_open();
	CHECK_RET(gem_ioctl_once(vgem, DRM_IOCTL_MODE_CREATE_DUMB, &create), 0);
	w->fds[0] = gem_export(vgem, create.handle);
	gem_close(vgem, create.handle);
}

static int run_import(struct world *w)
{
	struct drm_prime_handle arg = { .fd = w->fds[0] };
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);

	w->n[0] = arg.handle;
	return ret;
}

static void check_import(struct world *w)
{
	uint32_t *map;

	CHECK_RET(run_mmap(w), 0);
	map = (uint32_t *)w->n[1];
	gpu_store(w->fd, w->n[0], 8, 31);
	CHECK_INT(map[2], 31);
	CHECK_SYS(munmap(map, FAULT_OBJECT));
}

SCENARIO(attach, .setup = setup_object, .run = run_attach, .check = check_attached)
SCENARIO(attach_dynamic, .setup = setup_object, .run = run_attach_dynamic, .check = check_attached)
SCENARIO(attach_tracked, .setup = setup_tracked, .run = run_attach, .check = check_attached)
SCENARIO(attach_tracked_dynamic, .setup = setup_tracked, .run = run_attach_dynamic,
	 .check = check_attached)
SCENARIO(attach_pinned, .setup = setup_pinned, .run = run_attach, .check = check_attached)
SCENARIO(map, .setup = setup_attached, .run = run_map, .check = check_mapped)
SCENARIO(map_tracked, .setup = setup_tracked_attached, .run = run_map_anew, .check = check_mapped)
SCENARIO(map_moved, .setup = setup_tracked_moved, .run = run_map_anew, .check = check_mapped)
SCENARIO(mmap_dmabuf, .setup = setup_object, .run = run_mmap, .check = check_mmap)
SCENARIO(cpu_access, .setup = setup_object, .run = run_cpu_access)
SCENARIO(cpu_access_tracked, .setup = setup_tracked, .run = run_cpu_access)
SCENARIO(fence_out, .setup = setup_busy, .run = run_fence_out, .check = check_fence_out)
SCENARIO(fence_in, .setup = setup_fence, .run = run_fence_in, .check = check_fence_in)
SCENARIO(import, .setup = setup_foreign, .run = run_import, .check = check_import)

static const struct subtest tests[] = {
	FAULTS(attach),
	FAULTS(attach_dynamic),
	FAULTS(attach_tracked),
	FAULTS(attach_tracked_dynamic),
	FAULTS(attach_pinned),
	FAULTS(map),
	FAULTS(map_tracked),
	FAULTS(map_moved),
	FAULTS(mmap_dmabuf),
	FAULTS(cpu_access),
	FAULTS(cpu_access_tracked),
	FAULTS(fence_out),
	FAULTS(fence_in),
	FAULTS(import),
};

TAP_MAIN(tests)
