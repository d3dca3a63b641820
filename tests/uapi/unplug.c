// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The driver is unbound from the device while processes have files, mappings, dma-bufs and requests.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define DRIVER	"/sys/bus/pci/drivers/softgem"
#define SIZE	(4 * PAGE)

static char device[NAME_MAX + 1];

static void find_device(void)
{
	DIR *dir = opendir(DRIVER);
	struct dirent *d;

	CHECK(dir);
	while ((d = readdir(dir)))
		if (strchr(d->d_name, ':'))
			snprintf(device, sizeof(device), "%s", d->d_name);
	closedir(dir);
	CHECK(*device);
}

static void unbind(void)
{
	find_device();
	CHECK(write_file(DRIVER "/unbind", device));
}

static void bind_again(void)
{
	uint32_t handle;
	int fd;

	CHECK(write_file(DRIVER "/bind", device));
	fd = gem_open();
	handle = gem_create(fd, PAGE);
	gpu_store(fd, handle, 4, 0xb1bd);
	CHECK_HEX(gem_read32(fd, handle, 4), 0xb1bd);
	close(fd);
}

/* Whether touching a byte is SIGBUS. */
static bool is_dead(const char *ptr)
{
	int status;
	pid_t pid = fork();

	CHECK(pid >= 0);
	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		_exit(*(volatile const char *)ptr);
	}
	CHECK(waitpid(pid, &status, 0) == pid);
	return WIFSIGNALED(status) && WTERMSIG(status) == SIGBUS;
}

static void mappings(void)
{
	static const uint64_t kinds[] = { I915_MMAP_OFFSET_WB, I915_MMAP_OFFSET_WC,
					  I915_MMAP_OFFSET_UC, I915_MMAP_OFFSET_GTT };
	uint32_t mode = I915_TILING_X, stride = 512, swizzle, tiled;
	int fd = gem_open();
	char *ptr[5], *untouched;

	for (int i = 0; i < 4; i++)
		ptr[i] = gem_mmap(fd, gem_create(fd, SIZE), SIZE, kinds[i]);
	tiled = gem_create(fd, SIZE);
	CHECK_RET(try_set_tiling(fd, tiled, &mode, &stride, &swizzle), 0);
	ptr[4] = gem_mmap(fd, tiled, SIZE, I915_MMAP_OFFSET_GTT);
	untouched = gem_mmap(fd, gem_create(fd, SIZE), SIZE, I915_MMAP_OFFSET_WB);
	for (int i = 0; i < 5; i++)
		fill(ptr[i], SIZE, i);

	unbind();
	for (int i = 0; i < 5; i++)
		CHECK(is_dead(ptr[i] + PAGE));
	CHECK(is_dead(untouched));
	CHECK_SYS(munmap(ptr[0], SIZE));
	CHECK_SYS(munmap(ptr[1] + PAGE, PAGE));
	close(fd);
	CHECK(is_dead(ptr[2]));
	bind_again();
	CHECK(is_dead(ptr[3]));
}

static void ioctls(void)
{
	int fd = gem_open(), value;
	uint32_t handle = gem_create(fd, SIZE);
	uint64_t size = PAGE, offset;

	CHECK_RET(try_mmap_offset(fd, handle, I915_MMAP_OFFSET_WB, &offset), 0);
	unbind();
	CHECK_RET(try_getparam(fd, I915_PARAM_CHIPSET_ID, &value), -ENODEV);
	CHECK_RET(try_create(fd, &size, &handle), -ENODEV);
	CHECK_RET(try_mmap_gtt(fd, handle, &offset), -ENODEV);
	CHECK(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
	close(fd);
	bind_again();
}

static long unbind_job(void *arg)
{
	(void)arg;
	unbind();
	return 0;
}

/* What the GPU was at ends, user memory and all, and nobody waits for it for ever. */
static void requests(void)
{
	char *user = map_anon(SIZE), *imported;
	int fd = gem_open(), dmabuf;
	uint32_t shared = gem_create(fd, SIZE);
	struct spin s, queued;
	struct job job;

	CHECK_RET(try_prime_export(fd, shared, DRM_CLOEXEC | DRM_RDWR, &dmabuf), 0);
	imported = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	CHECK_SYS(imported);
	fill(imported, SIZE, 5);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, gem_userptr(fd, user, SIZE, 0), EXEC_OBJECT_WRITE);
	spin_start(&queued, fd, 0, I915_EXEC_BLT, shared, EXEC_OBJECT_WRITE);
	job_start(&job, unbind_job, NULL);
	CHECK(job_done_within(&job, 10000));
	CHECK_INT(job_end(&job), 0);
	/* the notifier waits for the request, which has to have ended */
	CHECK_SYS(munmap(user, SIZE));
	close(fd);
	close(dmabuf);
	CHECK_SYS(munmap(imported, SIZE));
	bind_again();
}

static void again_and_again(void)
{
	for (int i = 0; i < 10; i++) {
		int fd = gem_open();
		char *ptr = gem_mmap(fd, gem_create(fd, SIZE), SIZE, I915_MMAP_OFFSET_GTT);

		fill(ptr, SIZE, i);
		unbind();
		close(fd);
		CHECK_SYS(munmap(ptr, SIZE));
		bind_again();
	}
}

static const struct subtest tests[] = {
	{ "mappings of a device that is gone are SIGBUS, and can be unmapped", mappings },
	{ "its ioctls and mmap(2) fail with ENODEV", ioctls },
	{ "requests end, with the memory that they hold", requests, 60 },
	{ "unbind and bind, ten times", again_and_again, 60 },
};

TAP_MAIN(tests)
