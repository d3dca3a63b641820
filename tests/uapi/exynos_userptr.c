// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The Exynos interface: GEM_USERPTR's arguments, and every kind of memory.
 */
#include "batch.h"
#include "counters.h"
#include "exynos.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SIZE	(64 * PAGE)
#define HUGE	(2 * MiB)

/* The whole range both ways, by the other node's blitter. */
static void check_both_ways(int fd, void *ptr, size_t size)
{
	int i915 = gem_open();
	uint32_t handle = exynos_userptr(fd, ptr, size, 0), imported = share(fd, handle, i915);
	uint32_t bo = gem_create(i915, size);
	void *map = gem_mmap(i915, bo, size, I915_MMAP_OFFSET_WB);

	fill(ptr, size, 1);
	gpu_copy(i915, bo, imported, size);
	CHECK_FILL(map, size, 1);
	fill(map, size, 2);
	gpu_copy(i915, imported, bo, size);
	CHECK_FILL(ptr, size, 2);
	close(i915);
	gem_close(fd, handle);
}

static void accepted(void)
{
	static const uint32_t valid[] = { 0, EXYNOS_BO_CACHABLE, EXYNOS_BO_WC,
					  EXYNOS_BO_CACHABLE | EXYNOS_BO_WC };
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle, flags;
	uint64_t size;

	for (size_t i = 0; i < ARRAY_SIZE(valid); i++) {
		handle = exynos_userptr(fd, ptr, SIZE, valid[i]);
		CHECK_RET(try_exynos_get(fd, handle, &flags, &size), 0);
		CHECK_HEX(flags, valid[i] | EXYNOS_BO_USERPTR);
		CHECK_INT(size, SIZE);
		gem_close(fd, handle);
	}
	/* whole pages */
	handle = exynos_userptr(fd, ptr, PAGE + 1, 0);
	CHECK_RET(try_exynos_get(fd, handle, &flags, &size), 0);
	CHECK_INT(size, 2 * PAGE);
}

static void bad_size(void)
{
	int fd = exynos_open();
	uint64_t limit = exynos_limit();
	char *ptr = map_anon(limit + PAGE);
	uint32_t handle;

	CHECK_RET(try_exynos_userptr(fd, ptr, 0, 0, &handle), -EINVAL);
	CHECK_RET(try_exynos_userptr(fd, ptr, limit + 1, 0, &handle), -EINVAL);
	CHECK_RET(try_exynos_userptr(fd, ptr, limit + PAGE, 0, &handle), -EINVAL);
	CHECK_RET(try_exynos_userptr(fd, ptr, ~0ull, 0, &handle), -EINVAL);
	CHECK_RET(try_exynos_userptr(fd, ptr, limit, 0, &handle), 0);
}

static void limit(void)
{
	static const char path[] = "/sys/module/softgem/parameters/userptr_limit";
	int fd = exynos_open(), fits, over, huge;
	char *ptr = map_anon(SIZE), was[32];
	uint32_t handle;

	CHECK_INT(exynos_limit(), 16 * MiB);
	snprintf(was, sizeof(was), "%llu", (unsigned long long)exynos_limit());
	CHECK(write_file(path, "8192"));
	fits = try_exynos_userptr(fd, ptr, 2 * PAGE, 0, &handle);
	over = try_exynos_userptr(fd, ptr, 2 * PAGE + 1, 0, &handle);
	/* no limit at all: a size that wraps when it is rounded up is still none */
	CHECK(write_file(path, "18446744073709551615"));
	huge = try_exynos_userptr(fd, ptr, ~0ull, 0, &handle);
	CHECK(write_file(path, was));
	CHECK_RET(fits, 0);
	CHECK_RET(over, -EINVAL);
	CHECK_RET(huge, -EINVAL);
	CHECK_RET(try_exynos_userptr(fd, ptr, 2 * PAGE + 1, 0, &handle), 0);
}

static void bad_address(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle;

	for (unsigned int offset = 1; offset < PAGE; offset += offset)
		CHECK_RET(try_exynos_userptr(fd, ptr + offset, PAGE, 0, &handle), -EINVAL);
	CHECK_RET(try_exynos_userptr(fd, NULL, PAGE, 0, &handle), -EFAULT);
	/* no process has anything there */
	CHECK_RET(try_exynos_userptr(fd, (void *)0x7ffffffff000, PAGE, 0, &handle), -EFAULT);
	CHECK_RET(try_exynos_userptr(fd, (void *)0x800000000000, PAGE, 0, &handle), -EFAULT);
	CHECK_RET(try_exynos_userptr(fd, (void *)0xffff888000000000, PAGE, 0, &handle), -EFAULT);
	CHECK_RET(try_exynos_userptr(fd, (void *)-PAGE, 2 * PAGE, 0, &handle), -EFAULT);
}

static void bad_flags(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle;

	for (int bit = 0; bit < 32; bit++) {
		uint32_t flag = 1u << bit;

		if (flag != EXYNOS_BO_CACHABLE && flag != EXYNOS_BO_WC)
			CHECK_RET(try_exynos_userptr(fd, ptr, SIZE, flag, &handle), -EINVAL);
	}
	/* before the memory is looked at */
	CHECK_RET(try_exynos_userptr(fd, map_hole(SIZE), SIZE, EXYNOS_BO_NONCONTIG, &handle),
		  -EINVAL);
}

/* EFAULT, with nothing pinned or counted. */
static void check_refused(int fd, void *ptr, size_t size, int error)
{
	struct counters before, after;
	uint32_t handle;

	/* what others closed a moment ago is counted first */
	before = counters_settled();
	CHECK_RET(try_exynos_userptr(fd, ptr, size, 0, &handle), error);
	after = counters();
	CHECK_INT(after.pins - before.pins, after.unpins - before.unpins);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
	CHECK_INT(status_kb(getpid(), "VmPin"), 0);
}

static void holes(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(1024 * PAGE);

	check_refused(fd, map_hole(SIZE), SIZE, -EFAULT);
	CHECK_SYS(munmap(ptr + 700 * PAGE, PAGE));
	check_refused(fd, ptr, 1024 * PAGE, -EFAULT);
	check_refused(fd, ptr + 640 * PAGE, SIZE, -EFAULT);
	check_refused(fd, ptr + 700 * PAGE, SIZE, -EFAULT);
	check_refused(fd, ptr + 637 * PAGE, SIZE, -EFAULT);
	/* up to the hole, and beside it */
	check_both_ways(fd, ptr + 636 * PAGE, SIZE);
	check_both_ways(fd, ptr + 701 * PAGE, SIZE);
}

static void forbidden(void)
{
	int fd = exynos_open(), file;
	char *ptr = map_anon(SIZE);

	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ));
	check_refused(fd, ptr, SIZE, -EFAULT);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_NONE));
	check_refused(fd, ptr, SIZE, -EFAULT);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE));
	CHECK_SYS(mprotect(ptr + SIZE - PAGE, PAGE, PROT_READ));
	check_refused(fd, ptr, SIZE, -EFAULT);
	file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	CHECK_SYS(file);
	ptr = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, file, 0);
	CHECK_SYS(ptr);
	check_refused(fd, ptr, PAGE, -EFAULT);
}

/* A page of a file that the file no longer has. */
static void beyond_file(void)
{
	int fd = exynos_open(), file = memfd_create("softgem", MFD_CLOEXEC);
	void *ptr;

	CHECK_SYS(file);
	CHECK_SYS(ftruncate(file, SIZE - PAGE));
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0);
	CHECK_SYS(ptr);
	check_refused(fd, ptr, SIZE, -EFAULT);
	check_both_ways(fd, ptr, SIZE - PAGE);
}

static void anonymous(void)
{
	check_both_ways(exynos_open(), map_anon(SIZE), SIZE);
}

static void malloced(void)
{
	void *ptr = aligned_alloc(PAGE, SIZE);

	CHECK(ptr);
	check_both_ways(exynos_open(), ptr, SIZE);
}

static void shared_memory(void)
{
	check_both_ways(exynos_open(), map_memfd(SIZE), SIZE);
}

/* A private mapping of a file: the process's own copy is pinned, and the file stays as it is. */
static void file_private(void)
{
	int fd = exynos_open(), file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	char was[PAGE], is[PAGE];
	void *ptr;

	CHECK_SYS(file);
	CHECK_INT(pread(file, was, PAGE, 0), PAGE);
	ptr = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE, file, 0);
	CHECK_SYS(ptr);
	check_both_ways(fd, ptr, 2 * PAGE);
	CHECK_INT(pread(file, is, PAGE, 0), PAGE);
	CHECK_MEM(is, was, PAGE);
}

static void several_vmas(void)
{
	int fd = exynos_open(), file = memfd_create("softgem", MFD_CLOEXEC);
	char *ptr = map_anon(SIZE);

	CHECK_SYS(file);
	CHECK_SYS(ftruncate(file, SIZE));
	CHECK_SYS(mmap(ptr + 5 * PAGE, 3 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED,
		       file, 7 * PAGE));
	CHECK_SYS(madvise(ptr + 20 * PAGE, 4 * PAGE, MADV_DONTFORK));
	CHECK_SYS(mprotect(ptr + 30 * PAGE, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	check_both_ways(fd, ptr, SIZE);
}

static void huge_pages(void)
{
	int fd = exynos_open();
	char *room = map_anon(3 * HUGE), *ptr;

	ptr = (char *)(((uintptr_t)room + HUGE - 1) & ~(HUGE - 1));
	if (madvise(ptr, HUGE, MADV_HUGEPAGE))
		tap_skip("no transparent huge pages in this kernel");
	memset(ptr, 1, HUGE);
	check_both_ways(fd, ptr, HUGE);
	/* a part of one */
	check_both_ways(fd, ptr + 9 * PAGE, SIZE);
}

static void hugetlb_pages(void)
{
	void *ptr = map_hugetlb(2 * HUGE);

	check_both_ways(exynos_open(), ptr, 2 * HUGE);
	check_both_ways(exynos_open(), (char *)ptr + 3 * PAGE, SIZE);
	unmap_hugetlb(ptr, 2 * HUGE);
}

/* Memory of the process's that has never been touched; the buffer is the first to. */
static void untouched(void)
{
	int fd = exynos_open(), i915 = gem_open();
	uint32_t *ptr = map_anon(SIZE);
	uint32_t handle = share(fd, exynos_userptr(fd, ptr, SIZE, 0), i915);

	gpu_store(i915, handle, 5 * PAGE, 0x0c0c);
	CHECK_HEX(ptr[5 * PAGE / 4], 0x0c0c);
	CHECK_HEX(gpu_read32(i915, handle, 9 * PAGE), 0);
}

/* The process has the memory already: there is nothing to map. */
static void no_map(void)
{
	int fd = exynos_open();
	uint64_t offset;

	CHECK_RET(try_exynos_map(fd, exynos_userptr(fd, map_anon(SIZE), SIZE, 0), &offset), -ENODEV);
}

/*
 * From malloc'd memory of this process to a userptr of another's, by the i915 node: no CPU copies.
 */
struct other {
	int dmabuf;
	struct gate ready;
};

static void blit_to_own_userptr(void *arg)
{
	struct other *o = arg;
	int i915 = gem_open();
	uint32_t *mine = map_anon(SIZE), imported, target;

	fill(mine, SIZE, 99);
	gate_pass(&o->ready);
	imported = gem_import(i915, o->dmabuf);
	target = gem_userptr(i915, mine, SIZE, 0);
	gpu_copy(i915, target, imported, SIZE);
	CHECK_FILL(mine, SIZE, 42);
}

static void to_another_process(void)
{
	int fd = exynos_open();
	void *ptr = aligned_alloc(PAGE, SIZE);
	struct other o;
	pid_t pid;

	CHECK(ptr);
	CHECK_RET(try_prime_export(fd, exynos_userptr(fd, ptr, SIZE, 0), DRM_CLOEXEC | DRM_RDWR,
				   &o.dmabuf), 0);
	gate_init(&o.ready);
	/* filled after the fork: the other process has no other way to these bytes */
	pid = child_start(blit_to_own_userptr, &o);
	fill(ptr, SIZE, 42);
	gate_open(&o.ready);
	child_end(pid);
}

static const struct subtest tests[] = {
	{ "page-aligned memory with cache flags; GEM_GET tells flags, type and whole pages", accepted },
	{ "size 0, or one over the limit, is EINVAL", bad_size },
	{ "the limit is a parameter of the module, 16 MiB", limit },
	{ "an address that is not page aligned is EINVAL, one out of reach EFAULT", bad_address },
	{ "flags other than the cache's are EINVAL, each of them", bad_flags },
	{ "a hole anywhere is EFAULT, and nothing stays pinned", holes },
	{ "memory that may not be written to is EFAULT", forbidden },
	{ "a page beyond the end of a file is EFAULT", beyond_file },
	{ "anonymous memory", anonymous },
	{ "malloc'd memory", malloced },
	{ "shared memory", shared_memory },
	{ "a file's private mapping: the file does not change", file_private },
	{ "several VMAs", several_vmas },
	{ "transparent huge pages, and parts of them", huge_pages, 60 },
	{ "hugetlb pages, and parts of them", hugetlb_pages, 60 },
	{ "memory that was never touched", untouched },
	{ "GEM_MAP of user pages is ENODEV", no_map },
	{ "exported, and blitted by the i915 node into a userptr of another process",
	  to_another_process },
};

TAP_MAIN(tests)
