// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The Exynos node comes and goes: with its GPU, alone, or not at all. Each subtest ends with a
 * device that has both nodes.
 */
#include "batch.h"
#include "counters.h"
#include "exynos.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define SIZE		(64 * PAGE)
#define PARAMETER	"/sys/module/softgem/parameters/exynos"
#define DRIVER		"/sys/bus/platform/drivers/softgem-exynos/"
#define DEVICE		"softgem-exynos"

static void rebind(void)
{
	const char *name = gem_pci_name();

	gem_set_bound(name, false);
	gem_set_bound(name, true);
}

/* How many render nodes belong to that driver. */
static int nodes(const char *driver)
{
	drmDevicePtr devices[16];
	int n = drmGetDevices2(0, devices, ARRAY_SIZE(devices)), found = 0;

	CHECK_SYS(n);
	for (int i = 0; i < n; i++) {
		drmVersionPtr version;
		int fd;

		if (!(devices[i]->available_nodes & 1 << DRM_NODE_RENDER))
			continue;
		fd = open(devices[i]->nodes[DRM_NODE_RENDER], O_RDWR | O_CLOEXEC);
		CHECK_SYS(fd);
		version = drmGetVersion(fd);
		found += !strcmp(version->name, driver);
		drmFreeVersion(version);
		close(fd);
	}
	drmFreeDevices(devices, n);
	return found;
}

static void check_i915_works(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);

	gpu_store(fd, handle, 0, 0xa11fe);
	CHECK_HEX(gem_read32(fd, handle, 0), 0xa11fe);
	close(fd);
}

/* A buffer filled through the new node is read by the other. */
static void check_both_work(void)
{
	static uint32_t data[SIZE / 4];
	int fd = exynos_open(), i915 = gem_open();
	uint32_t handle = exynos_create(fd, SIZE, EXYNOS_BO_NONCONTIG);
	void *ptr = exynos_mmap(fd, handle, SIZE);

	fill(ptr, SIZE, 3);
	gpu_read(i915, share(fd, handle, i915), data, SIZE);
	CHECK_FILL(data, SIZE, 3);
	CHECK_SYS(munmap(ptr, SIZE));
	close(fd);
	close(i915);
}

static void left_out(void)
{
	int with, without;

	CHECK_INT(nodes("exynos"), 1);
	CHECK(write_file(PARAMETER, "0"));
	CHECK_INT(nodes("exynos"), 1);
	rebind();
	without = nodes("exynos");
	check_i915_works();
	CHECK(write_file(PARAMETER, "1"));
	rebind();
	with = nodes("exynos");
	CHECK_INT(without, 0);
	CHECK_INT(with, 1);
	check_both_work();
}

/* What a client of the node may hold. */
struct held {
	int fd;
	uint32_t handle, user;
	char *ptr, *fresh, *memory;
	long long pinned;
};

static void hold(struct held *h)
{
	counters_settled();
	h->pinned = pages_pinned();
	h->fd = exynos_open();
	h->handle = exynos_create(h->fd, SIZE, EXYNOS_BO_CONTIG);
	h->ptr = exynos_mmap(h->fd, h->handle, SIZE);
	h->fresh = exynos_mmap(h->fd, exynos_create(h->fd, SIZE, EXYNOS_BO_NONCONTIG), SIZE);
	h->memory = map_anon(SIZE);
	fill(h->ptr, SIZE, 1);
	fill(h->memory, SIZE, 2);
	h->user = exynos_userptr(h->fd, h->memory, SIZE, 0);
	CHECK_INT(pages_pinned(), h->pinned + (long long)(SIZE / PAGE));
	CHECK_INT(status_kb(getpid(), "VmLck"), SIZE / 1024);
}

static void check_gone(struct held *h)
{
	uint32_t handle, flags;
	uint64_t offset, size;

	check_sigbus(h->ptr, true);
	check_sigbus(h->fresh, false);
	CHECK_RET(try_exynos_create(h->fd, SIZE, 0, &handle), -ENODEV);
	CHECK_RET(try_exynos_userptr(h->fd, h->memory, SIZE, 0, &handle), -ENODEV);
	CHECK_RET(try_exynos_map(h->fd, h->handle, &offset), -ENODEV);
	CHECK_RET(try_exynos_get(h->fd, h->handle, &flags, &size), -ENODEV);
	CHECK_FILL(h->memory, SIZE, 2);
}

static void let_go(struct held *h)
{
	CHECK_SYS(munmap(h->ptr, SIZE));
	CHECK_SYS(munmap(h->fresh, SIZE));
	close(h->fd);
	CHECK_FILL(h->memory, SIZE, 2);
	CHECK_SYS(munmap(h->memory, SIZE));
}

static void check_given_back(const struct held *h)
{
	CHECK(status_kb_becomes(getpid(), "VmLck", 0));
	CHECK_INT(pages_pinned(), h->pinned);
}

static void with_its_gpu(void)
{
	const char *name = gem_pci_name();
	int i915 = gem_open();
	struct spin spin;
	struct held h;

	hold(&h);
	spin_start(&spin, i915, 0, I915_EXEC_RENDER, share(h.fd, h.user, i915), 0);
	gem_set_bound(name, false);
	CHECK(fence_signalled(spin.fence, 5000));
	CHECK_RET(fence_status(spin.fence), -EIO);
	check_gone(&h);
	gem_set_bound(name, true);
	check_both_work();
	check_gone(&h);
	close(i915);
	let_go(&h);
	CHECK(status_kb_becomes(getpid(), "VmLck", 0));
}

/* The GPU stays, and so does what its own node has imported. */
static void alone(void)
{
	static uint32_t data[SIZE / 4];
	int i915 = gem_open();
	uint32_t imported, user;
	struct held h;

	hold(&h);
	imported = share(h.fd, h.handle, i915);
	user = share(h.fd, h.user, i915);
	CHECK(write_file(DRIVER "unbind", DEVICE));
	CHECK_INT(nodes("exynos"), 0);
	check_gone(&h);
	gpu_read(i915, imported, data, SIZE);
	CHECK_FILL(data, SIZE, 1);
	gpu_store(i915, user, 0, ((uint32_t *)h.memory)[0]);
	let_go(&h);
	/* they have a name here still */
	CHECK_INT(status_kb(getpid(), "VmLck"), SIZE / 1024);
	CHECK(write_file(DRIVER "bind", DEVICE));
	check_both_work();
	gpu_read(i915, imported, data, SIZE);
	CHECK_FILL(data, SIZE, 1);
	close(i915);
	check_given_back(&h);
	check_both_work();
}

static const struct subtest tests[] = {
	{ "exynos=0: the next device has no such node", left_out },
	{ "the device goes while buffers are mapped, pinned, shared and busy", with_its_gpu, 60 },
	{ "the node goes alone: what the other has imported stays", alone, 60 },
};

TAP_MAIN(tests)
