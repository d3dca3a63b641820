// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The Exynos interface: GEM_USERPTR of what a driver has mapped into the process (VM_PFNMAP). The
 * drivers are the two nodes themselves, whose buffers are mapped so, and /dev/mem.
 */
#include "batch.h"
#include "counters.h"
#include "device.h"
#include "exynos.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(64 * PAGE)

/* A mapping of a new contiguous buffer. */
static char *map_contig(int fd, size_t size)
{
	return exynos_mmap(fd, exynos_create(fd, size, EXYNOS_BO_CONTIG), size);
}

static int try_userptr_only(int fd, const void *ptr, uint64_t size)
{
	uint32_t handle;

	return try_exynos_userptr(fd, ptr, size, 0, &handle);
}

static void contiguous(void)
{
	int fd = exynos_open(), i915 = gem_open();
	uint32_t bo = gem_create(i915, 4 * MiB), handle, imported, flags;
	static uint32_t data[4 * MiB / 4];
	struct counters before = counters(), after;
	uint64_t size;
	char *ptr;

	/* more than one chunk of the driver's list of pages, and at any place in it */
	ptr = map_contig(fd, 4 * MiB);
	fill(ptr, 4 * MiB, 1);
	for (size_t start = 0; start < 3 * MiB; start += MiB / 2 + 3 * PAGE) {
		size_t len = 4 * MiB - start;

		handle = exynos_userptr(fd, ptr + start, len, EXYNOS_BO_CACHABLE);
		CHECK_RET(try_exynos_get(fd, handle, &flags, &size), 0);
		CHECK_HEX(flags, EXYNOS_BO_USERPTR | EXYNOS_BO_CACHABLE);
		CHECK_INT(size, len);
		imported = share(fd, handle, i915);
		gpu_copy(i915, bo, imported, len);
		gem_read(i915, bo, 0, data, len);
		CHECK_MEM(data, ptr + start, len);
		gpu_store(i915, imported, len - 4, start + 1);
		CHECK_HEX(*(uint32_t *)(ptr + 4 * MiB - 4), start + 1);
		gem_close(i915, imported);
		gem_close(fd, handle);
	}
	/* neither pinned nor counted: the driver that mapped them has to keep them */
	after = counters();
	CHECK_INT(after.pins, before.pins);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
}

/* A page of a buffer is as good as all of it. */
static void single_pages(void)
{
	int fd = exynos_open(), i915 = gem_open();
	char *ptr = map_contig(fd, SIZE);

	for (size_t i = 0; i < SIZE / PAGE; i += 9) {
		uint32_t handle = exynos_userptr(fd, ptr + i * PAGE, PAGE, 0);

		gpu_store(i915, share(fd, handle, i915), 8, i);
		CHECK_HEX(*(uint32_t *)(ptr + i * PAGE + 8), i);
	}
}

static void read_and_written(void)
{
	int fd = exynos_open(), i915 = gem_open();
	static uint32_t data[SIZE / 4];
	char *ptr = map_contig(fd, SIZE);
	uint32_t handle = share(fd, exynos_userptr(fd, ptr, SIZE, 0), i915);

	fill(ptr, SIZE, 4);
	gem_read(i915, handle, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 4);
	fill(data, SIZE, 5);
	gem_write(i915, handle, 0, data, SIZE);
	CHECK_FILL(ptr, SIZE, 5);
}

static void not_contiguous(void)
{
	int fd = exynos_open();
	uint32_t handle = exynos_create(fd, SIZE, EXYNOS_BO_CONTIG);
	uint64_t offset;
	char *ptr = map_anon(4 * PAGE);

	CHECK_RET(try_exynos_map(fd, handle, &offset), 0);
	for (int i = 0; i < 4; i++)
		CHECK_SYS(mmap(ptr + i * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
			       fd, offset + (i == 3 ? 9 : i) * PAGE));
	/* pages 0 1 2 9 of a buffer */
	CHECK_RET(try_userptr_only(fd, ptr, 4 * PAGE), -EINVAL);
	CHECK_RET(try_userptr_only(fd, ptr + 2 * PAGE, 2 * PAGE), -EINVAL);
	/* several mappings, and yet one piece */
	CHECK_RET(try_userptr_only(fd, ptr, 3 * PAGE), 0);
	/* the same page twice */
	CHECK_SYS(mmap(ptr + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset));
	CHECK_RET(try_userptr_only(fd, ptr, 2 * PAGE), -EINVAL);
}

static void other_mappings(void)
{
	int fd = exynos_open();
	uint32_t handle = exynos_create(fd, SIZE, EXYNOS_BO_CONTIG);
	char *ptr = map_contig(fd, SIZE);
	uint64_t offset;

	/* a hole, or the process's own memory, in the middle */
	CHECK_SYS(munmap(ptr + 40 * PAGE, PAGE));
	CHECK_RET(try_userptr_only(fd, ptr, SIZE), -EFAULT);
	CHECK_SYS(mmap(ptr + 40 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
	CHECK_RET(try_userptr_only(fd, ptr, SIZE), -EFAULT);
	CHECK_RET(try_userptr_only(fd, ptr + 40 * PAGE, 2 * PAGE), -EFAULT);
	CHECK_RET(try_userptr_only(fd, ptr, 40 * PAGE), 0);
	/* one that may not be written to, and one where writing makes copies */
	CHECK_SYS(mprotect(ptr + 10 * PAGE, PAGE, PROT_READ));
	CHECK_RET(try_userptr_only(fd, ptr, 40 * PAGE), -EFAULT);
	CHECK_RET(try_userptr_only(fd, ptr + 10 * PAGE, PAGE), -EFAULT);
	CHECK_RET(try_exynos_map(fd, handle, &offset), 0);
	ptr = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);
	CHECK_SYS(ptr);
	CHECK_RET(try_userptr_only(fd, ptr, PAGE), -EINVAL);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
}

/* A mapping of physical addresses, by another driver. */
static void dev_mem(void)
{
	int fd = exynos_open(), i915 = gem_open(), mem = open("/dev/mem", O_RDWR | O_CLOEXEC);
	uint32_t handle;
	char *ptr;

	if (mem < 0)
		tap_skip("no /dev/mem in this kernel");
	/* the VGA's window is no memory */
	ptr = mmap(NULL, SIZE / 4, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0xa0000);
	CHECK_SYS(ptr);
	CHECK_RET(try_userptr_only(fd, ptr, SIZE / 4), -EINVAL);
	CHECK_RET(try_userptr_only(fd, ptr + PAGE, PAGE), -EINVAL);
	/* half of it memory */
	ptr = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0xa0000 - PAGE);
	if (ptr != MAP_FAILED)
		CHECK_RET(try_userptr_only(fd, ptr, 2 * PAGE), -EINVAL);
	/* the first MiB is open even where the rest is not; only read, it is not ours */
	ptr = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, mem, 0x10000);
	CHECK_SYS(ptr);
	handle = share(fd, exynos_userptr(fd, ptr, 4 * PAGE, 0), i915);
	for (size_t at = 0; at < 4 * PAGE; at += PAGE / 2)
		CHECK_HEX(gpu_read32(i915, handle, at), *(uint32_t *)(ptr + at));
}

/* Use of a buffer whose pages are gone, in all ways. */
static void check_gone(int i915, uint32_t handle)
{
	uint32_t word = 1;

	CHECK_RET(try_gpu_store(i915, handle, 0, 1), -EFAULT);
	CHECK_RET(try_read(i915, handle, 0, &word, 4), -EFAULT);
	CHECK_RET(try_write(i915, handle, 0, &word, 4), -EFAULT);
	CHECK_RET(try_set_domain(i915, handle, I915_GEM_DOMAIN_CPU, 0), -EFAULT);
}

static void unmapped(void)
{
	int fd = exynos_open(), i915 = gem_open();
	char *ptr = map_contig(fd, SIZE), *copy;
	uint32_t handle = exynos_userptr(fd, ptr, SIZE, 0), imported = share(fd, handle, i915);

	gpu_store(i915, imported, 0, 1);
	CHECK_SYS(munmap(ptr, SIZE));
	check_gone(i915, imported);
	/* a new import is no better */
	gem_close(i915, imported);
	imported = share(fd, handle, i915);
	check_gone(i915, imported);
	/* something else in its place is not what the buffer was made of */
	copy = mmap(ptr, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
	CHECK(copy == ptr);
	check_gone(i915, imported);
	CHECK_HEX(*(uint32_t *)ptr, 0);
	gem_close(fd, handle);
	gem_close(i915, imported);
}

static void partly_unmapped(void)
{
	int fd = exynos_open(), i915 = gem_open();
	char *ptr = map_contig(fd, SIZE);
	uint32_t handle = share(fd, exynos_userptr(fd, ptr, SIZE, 0), i915);
	uint32_t half = share(fd, exynos_userptr(fd, ptr, SIZE / 2, 0), i915);

	gpu_store(i915, handle, 0, 1);
	gpu_store(i915, half, 4, 2);
	CHECK_SYS(munmap(ptr + SIZE - PAGE, PAGE));
	check_gone(i915, handle);
	gpu_store(i915, half, 8, 3);
	CHECK_HEX(((uint32_t *)ptr)[2], 3);
	/* moved away is gone too */
	CHECK_SYS(mremap(ptr, SIZE / 2, SIZE / 2, MREMAP_MAYMOVE | MREMAP_FIXED, map_hole(SIZE)));
	check_gone(i915, half);
}

static long call_munmap(void *ptr)
{
	return munmap(ptr, SIZE);
}

static void unmapping_waits(void)
{
	int fd = exynos_open(), i915 = gem_open();
	char *ptr = map_contig(fd, SIZE);
	uint32_t handle = share(fd, exynos_userptr(fd, ptr, SIZE, 0), i915);
	struct job job;
	struct spin s;

	spin_start(&s, i915, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	job_start(&job, call_munmap, ptr);
	CHECK(!job_done_within(&job, 300));
	spin_end(&s);
	CHECK_INT(job_end(&job), 0);
	spin_free(&s);
	check_gone(i915, handle);
}

/* What changes about the mapping but leaves it where it is does no harm. */
static void still_mapped(void)
{
	int fd = exynos_open(), i915 = gem_open(), status;
	char *ptr = map_contig(fd, SIZE);
	uint32_t handle = share(fd, exynos_userptr(fd, ptr, SIZE, 0), i915);
	pid_t pid;

	gpu_store(i915, handle, 0, 1);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ));
	CHECK_RET(try_gpu_store(i915, handle, 0, 2), -EFAULT);
	CHECK_HEX(*(uint32_t *)ptr, 1);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE));
	gpu_store(i915, handle, 0, 3);
	CHECK_HEX(*(uint32_t *)ptr, 3);
	CHECK(write_file("/proc/self/clear_refs", "4"));
	gpu_store(i915, handle, 0, 4);
	CHECK_HEX(*(uint32_t *)ptr, 4);
	pid = fork();
	CHECK_SYS(pid);
	if (!pid)
		_exit(munmap(ptr, SIZE));
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK_INT(status, 0);
	gpu_store(i915, handle, 0, 5);
	CHECK_HEX(*(uint32_t *)ptr, 5);
}

/* What this driver takes from idle buffers under pressure, or out of the aperture. */
static void taken_by_the_driver(void)
{
	int fd = exynos_open(), i915 = gem_open();
	uint32_t bo = exynos_create(fd, PAGE, EXYNOS_BO_NONCONTIG), handle;
	char *ptr = gem_mmap(i915, gem_create(i915, SIZE), SIZE, I915_MMAP_OFFSET_WB);

	ptr[0] = 1;
	CHECK_RET(try_exynos_userptr(fd, ptr, PAGE, 0, &handle), -EINVAL);
	ptr = gem_mmap(i915, gem_create(i915, SIZE), SIZE, I915_MMAP_OFFSET_GTT);
	ptr[0] = 1;
	CHECK_RET(try_exynos_userptr(fd, ptr, PAGE, 0, &handle), -EINVAL);
	ptr = exynos_mmap(fd, bo, PAGE);
	ptr[0] = 1;
	CHECK_RET(try_exynos_userptr(fd, ptr, PAGE, 0, &handle), -EINVAL);
	exynos_userptr(fd, map_contig(fd, PAGE), PAGE, 0);
}

struct held {
	int dmabuf;
	struct gate made, go_on;
};

static void make_export_end(void *arg)
{
	struct held *h = arg;
	int fd = exynos_open(), i915 = gem_open(), dmabuf;
	char *ptr = map_contig(fd, SIZE);
	uint32_t imported;

	fill(ptr, SIZE, 8);
	CHECK_RET(try_prime_export(fd, exynos_userptr(fd, ptr, SIZE, 0), DRM_RDWR, &dmabuf), 0);
	/* the file of the dma-buf that is shared with the parent, which holds it on */
	imported = gem_import(i915, dmabuf);
	CHECK_HEX(gpu_read32(i915, imported, 0), *(uint32_t *)ptr);
	CHECK_INT(dup2(dmabuf, 100), 100);
	gate_open(&h->made);
	gate_pass(&h->go_on);
}

/* The process ends, and its mapping with it; the buffer is held here. */
static void process_ends(void)
{
	static uint32_t data[SIZE / 4];
	int i915 = gem_open(), dmabuf;
	uint32_t handle;
	struct held h;
	pid_t pid;

	gate_init(&h.made);
	gate_init(&h.go_on);
	pid = child_start(make_export_end, &h);
	gate_pass(&h.made);
	dmabuf = take_fd(pid, 100);
	handle = gem_import(i915, dmabuf);
	gpu_read(i915, handle, data, SIZE);
	CHECK_FILL(data, SIZE, 8);
	gate_open(&h.go_on);
	child_end(pid);
	check_gone(i915, handle);
	close(dmabuf);
}

static void no_other_device(void)
{
	int fd = exynos_open(), dev = device_open(), dmabuf;
	char *ptr = map_contig(fd, SIZE);
	uint32_t handle = exynos_userptr(fd, ptr, SIZE, 0);
	uint64_t offset;

	dmabuf = gem_export(fd, handle);
	CHECK_RET(try_device_attach(dev, dmabuf, false), -EOPNOTSUPP);
	CHECK_RET(try_device_attach(dev, dmabuf, true), -EOPNOTSUPP);
	CHECK(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
	CHECK_RET(-errno, -ENODEV);
	CHECK_RET(try_exynos_map(fd, handle, &offset), -ENODEV);
	/* nothing keeps the process from unmapping */
	CHECK_SYS(munmap(ptr, SIZE));
}

/* i915's own userptr takes no such memory. */
static void not_for_i915(void)
{
	int fd = exynos_open(), i915 = gem_open();
	char *ptr = map_contig(fd, SIZE);

	CHECK_RET(try_gpu_store(i915, gem_userptr(i915, ptr, SIZE, 0), 0, 1), -EFAULT);
}

static const struct subtest tests[] = {
	{ "contiguous memory is accepted at any size and place, neither pinned nor counted", contiguous },
	{ "single pages of a buffer", single_pages },
	{ "pread and pwrite", read_and_written },
	{ "what is not contiguous is EINVAL", not_contiguous },
	{ "holes, other memory and read-only mappings are EFAULT, private ones EINVAL", other_mappings },
	{ "what is no memory is EINVAL; a foreign driver's memory is accepted", dev_mem },
	{ "unmapped while held: use is EFAULT", unmapped },
	{ "unmapped in part, or moved: use is EFAULT, beside it is not", partly_unmapped },
	{ "unmapping waits for the GPU", unmapping_waits },
	{ "mprotect, soft-dirty and fork leave the buffer usable", still_mapped },
	{ "memory that this driver takes away when it likes is EINVAL", taken_by_the_driver },
	{ "a process that ends: use elsewhere is EFAULT", process_ends },
	{ "another device cannot have it, nor can it be mapped", no_other_device },
	{ "it is not for i915's userptr", not_for_i915 },
};

TAP_MAIN(tests)
