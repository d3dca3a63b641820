// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * USERPTR over every kind of memory: the GPU sees the process's bytes, the process the GPU's.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/userfaultfd.h>
#include <mntent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define SIZE	(64 * PAGE)

#define READ_ONLY	I915_USERPTR_READ_ONLY

/* The whole range both ways: GPU reads what the CPU wrote, CPU what the GPU wrote. */
static void check_both_ways(int fd, void *ptr, size_t size)
{
	uint32_t handle = gem_userptr(fd, ptr, size, 0), bo = gem_create(fd, size);
	void *map = gem_mmap(fd, bo, size, I915_MMAP_OFFSET_WB);

	for (uint32_t seed = 1; seed < 4; seed += 2) {
		fill(ptr, size, seed);
		gpu_copy(fd, bo, handle, size);
		CHECK_FILL(map, size, seed);
		fill(map, size, seed + 1);
		gpu_copy(fd, handle, bo, size);
		CHECK_FILL(ptr, size, seed + 1);
	}
	/* First and last word, by stores. */
	gpu_store(fd, handle, 0, 0xf1f1);
	gpu_store(fd, handle, size - 4, 0x1a1a);
	CHECK_HEX(*(uint32_t *)ptr, 0xf1f1);
	CHECK_HEX(*(uint32_t *)((char *)ptr + size - 4), 0x1a1a);
	gem_close(fd, handle);
	gem_close(fd, bo);
	CHECK_SYS(munmap(map, size));
}

static void *map_file(int file, size_t size, int prot, int flags)
{
	void *ptr = mmap(NULL, size, prot, flags, file, 0);

	CHECK_SYS(ptr);
	return ptr;
}

static void anonymous(void)
{
	check_both_ways(gem_open(), map_anon(SIZE), SIZE);
}

static void untouched(void)
{
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);

	/* The GPU is the first to touch these pages, to write and to read. */
	gpu_store(fd, handle, 5 * PAGE, 0x0c0c);
	CHECK_HEX(ptr[5 * PAGE / 4], 0x0c0c);
	CHECK_HEX(gpu_read32(fd, handle, 9 * PAGE), 0);
}

static void malloced(void)
{
	void *ptr = aligned_alloc(PAGE, SIZE);

	CHECK(ptr);
	check_both_ways(gem_open(), ptr, SIZE);
}

static void stack(void)
{
	char room[6 * PAGE];
	char *ptr = (char *)(((uintptr_t)room + PAGE - 1) & ~(PAGE - 1));

	check_both_ways(gem_open(), ptr, 4 * PAGE);
}

static void shared_anonymous(void)
{
	check_both_ways(gem_open(), map_file(-1, SIZE, PROT_READ | PROT_WRITE,
					     MAP_SHARED | MAP_ANONYMOUS), SIZE);
}

static void memfd(void)
{
	check_both_ways(gem_open(), map_memfd(SIZE), SIZE);
}

/* A new file of @size bytes in @folder, already unlinked. */
static int temporary_file(const char *folder, size_t size)
{
	char path[300];
	int file;

	snprintf(path, sizeof(path), "%s/softgem-test-XXXXXX", folder);
	file = mkstemp(path);
	CHECK_SYS(file);
	CHECK_SYS(unlink(path));
	CHECK_SYS(ftruncate(file, size));
	return file;
}

static void check_file_shared(int file)
{
	static uint32_t data[SIZE / 4];
	int fd = gem_open();
	char *ptr = map_file(file, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED);
	uint32_t handle;

	check_both_ways(fd, ptr, SIZE);
	handle = gem_userptr(fd, ptr, SIZE, 0);
	/* What the GPU writes is in the file, before and after the pages went to disk. */
	for (uint32_t round = 1; round < 4; round++) {
		gpu_store(fd, handle, 3 * PAGE + 12, round);
		CHECK_INT(pread(file, data, 4, 3 * PAGE + 12), 4);
		CHECK_INT(data[0], round);
		CHECK_SYS(fsync(file));
	}
	/* What is written to the file the GPU sees. */
	fill(data, SIZE, 9);
	CHECK_INT(pwrite(file, data, SIZE, 0), SIZE);
	memset(data, 0, SIZE);
	gpu_read(fd, handle, data, SIZE);
	CHECK_FILL(data, SIZE, 9);
	/* Dropped from the page cache and read again: the GPU's last write was kept. */
	gpu_store(fd, handle, 0, 0xd15c);
	gem_close(fd, handle);
	CHECK_SYS(munmap(ptr, SIZE));
	CHECK_SYS(fsync(file));
	CHECK_INT(posix_fadvise(file, 0, SIZE, POSIX_FADV_DONTNEED), 0);
	CHECK_INT(pread(file, data, 4, 0), 4);
	CHECK_HEX(data[0], 0xd15c);
}

static void check_file_private(int file)
{
	static uint32_t data[SIZE / 4];
	int fd = gem_open();
	char *ptr = map_file(file, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);

	fill(data, SIZE, 5);
	CHECK_INT(pwrite(file, data, SIZE, 0), SIZE);
	gpu_read(fd, handle, data, SIZE);
	CHECK_FILL(data, SIZE, 5);
	/* The GPU's write is the process's own, like the process's. */
	gpu_store(fd, handle, 0, 0x10ca1);
	CHECK_HEX(*(uint32_t *)ptr, 0x10ca1);
	CHECK_INT(pread(file, data, SIZE, 0), SIZE);
	CHECK_FILL(data, SIZE, 5);
}

static void tmpfs_file(void)
{
	char folder[] = "/tmp/softgem-tmpfs-XXXXXX";

	CHECK(mkdtemp(folder));
	CHECK_SYS(mount("none", folder, "tmpfs", 0, NULL));
	int shared = temporary_file(folder, SIZE), private = temporary_file(folder, SIZE);

	CHECK_SYS(umount2(folder, MNT_DETACH));
	rmdir(folder);
	check_file_shared(shared);
	check_file_private(private);
}

/* Find a writable ext4, or make one in a loop device on memory. Return: its folder. */
static const char *ext4_folder(void)
{
	static char folder[64] = "/tmp/softgem-ext4-XXXXXX";
	FILE *mounts = setmntent("/proc/self/mounts", "r");
	struct mntent *m;
	char command[400];

	CHECK(mounts);
	while ((m = getmntent(mounts)))
		if (!strcmp(m->mnt_type, "ext4") && hasmntopt(m, "rw") && !access(m->mnt_dir, W_OK))
			return strdup(m->mnt_dir);
	endmntent(mounts);

	CHECK(mkdtemp(folder));
	snprintf(command, sizeof(command),
		 "{ modprobe -q loop; modprobe -q ext4; cd %s && mount -t tmpfs none . && cd %s &&"
		 " truncate -s 16M image && mke2fs -q -t ext4 -F image && mkdir -p fs &&"
		 " mount -o loop image fs; } >/dev/null 2>&1", folder, folder);
	if (system(command))
		return NULL;
	strcat(strcpy(command, folder), "/fs");
	return strdup(command);
}

static void ext4_file(void)
{
	const char *folder = ext4_folder();

	if (!folder)
		tap_skip("no ext4 here, and none can be made");
	check_file_shared(temporary_file(folder, SIZE));
	check_file_private(temporary_file(folder, SIZE));
}

static void file_end(void)
{
	int fd = gem_open(), file = memfd_create("end", 0);
	uint32_t handle;
	char *ptr;

	/* Mapped beyond the file's end: SIGBUS to the CPU, EFAULT here. */
	CHECK_SYS(ftruncate(file, 2 * PAGE));
	ptr = map_file(file, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED);
	handle = gem_userptr(fd, ptr, 4 * PAGE, 0);
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), -EFAULT);
	CHECK_SYS(ftruncate(file, 4 * PAGE));
	CHECK_RET(try_gpu_store(fd, handle, 3 * PAGE, 1), 0);
	CHECK_INT(*(uint32_t *)(ptr + 3 * PAGE), 1);
	CHECK_SYS(ftruncate(file, PAGE));
	CHECK_RET(try_gpu_store(fd, handle, 0, 2), -EFAULT);
}

static size_t smaps_value(const void *ptr, const char *key)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long start, end, kb = 0, value;
	bool inside = false;
	char line[300], name[64];

	CHECK(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			inside = (uintptr_t)ptr >= start && (uintptr_t)ptr < end;
		else if (inside && sscanf(line, "%63[^:]: %lu kB", name, &value) == 2 &&
			 !strcmp(name, key))
			kb = value;
	}
	fclose(smaps);
	return kb * 1024;
}

static void huge_pages(void)
{
	const size_t huge = 2 * MiB;
	char *room = map_anon(4 * huge);
	char *ptr = (char *)(((uintptr_t)room + huge - 1) & ~(huge - 1));
	int fd = gem_open();

	if (madvise(ptr, 2 * huge, MADV_HUGEPAGE))
		tap_skip("no transparent huge pages in this kernel");
	memset(ptr, 1, 2 * huge);
	CHECK(smaps_value(ptr, "AnonHugePages") >= huge);
	check_both_ways(fd, ptr, 2 * huge);
	/* Beginning and ending inside one. */
	check_both_ways(fd, ptr + 3 * PAGE, huge);
}

static void huge_page_split(void)
{
	const size_t huge = 2 * MiB;
	char *room = map_anon(2 * huge);
	char *ptr = (char *)(((uintptr_t)room + huge - 1) & ~(huge - 1));
	int fd = gem_open();
	uint32_t handle = gem_userptr(fd, ptr, huge, 0);

	if (madvise(ptr, huge, MADV_HUGEPAGE))
		tap_skip("no transparent huge pages in this kernel");
	memset(ptr, 1, huge);
	gpu_store(fd, handle, 0, 1);
	/* One page of it changes its rights, another goes and comes back. */
	CHECK_SYS(mprotect(ptr + 5 * PAGE, PAGE, PROT_READ));
	CHECK_RET(try_gpu_store(fd, handle, 0, 2), -EFAULT);
	CHECK_SYS(mprotect(ptr + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE));
	CHECK_SYS(madvise(ptr + 7 * PAGE, PAGE, MADV_DONTNEED));
	gpu_store(fd, handle, 7 * PAGE, 3);
	CHECK_INT(*(uint32_t *)(ptr + 7 * PAGE), 3);
	CHECK_INT(ptr[7 * PAGE + 4], 0);
	CHECK_INT(ptr[6 * PAGE], 1);
	CHECK_INT(*(uint32_t *)ptr, 1);
}

static void hugetlb_pages(void)
{
	const size_t huge = 2 * MiB;
	char *ptr = map_hugetlb(2 * huge);

	check_both_ways(gem_open(), ptr, 2 * huge);
	check_both_ways(gem_open(), ptr + huge - 5 * PAGE, 10 * PAGE);
	unmap_hugetlb(ptr, 2 * huge);
}

static void child_looks(void *arg)
{
	gate_pass(arg);
}

/* Fork shares the page, and the process's own next write copies it: what the GPU writes must follow. */
static void hugetlb_fork(void)
{
	const size_t huge = 2 * MiB;
	int fd = gem_open();
	uint32_t *ptr = map_hugetlb(huge), handle;
	struct gate gate, ends;
	struct batch b;
	struct spin s;
	pid_t pid, ender;

	gate_init(&gate);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	ender = spin_ender_start(&s, &ends, 500);
	ptr[0] = 1;
	handle = gem_userptr(fd, ptr, huge, 0);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, handle, PAGE, 2);
	batch_submit(&b);
	gate_open(&ends);
	pid = child_start(child_looks, &gate);
	ptr[1] = 3;
	gem_sync(fd, b.handle);
	child_end(ender);
	CHECK_INT(ptr[PAGE / 4], 2);
	CHECK_INT(ptr[0], 1);
	gate_open(&gate);
	child_end(pid);
	unmap_hugetlb(ptr, huge);
}

static void mixed_vmas(void)
{
	char *ptr = map_anon(8 * PAGE);
	int file = memfd_create("part", 0);

	CHECK_SYS(ftruncate(file, 4 * PAGE));
	CHECK(mmap(ptr + 2 * PAGE, 2 * PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file,
		   PAGE) == ptr + 2 * PAGE);
	CHECK(mmap(ptr + 5 * PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED, file,
		   0) == ptr + 5 * PAGE);
	check_both_ways(gem_open(), ptr, 8 * PAGE);
}

static void read_only_vma(void)
{
	static uint32_t data[SIZE / 4];
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, READ_ONLY), bo = gem_create(fd, SIZE);
	uint32_t plain = gem_userptr(fd, ptr, SIZE, 0);

	fill(ptr, SIZE, 1);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ));
	gpu_read(fd, handle, data, SIZE);
	CHECK_FILL(data, SIZE, 1);
	/* Stores, blits: carried out, and nothing happens. */
	gpu_store(fd, handle, 0, 0xbad);
	gpu_store(fd, handle, SIZE - 4, 0xbad);
	gpu_copy(fd, handle, bo, SIZE);
	CHECK_FILL(ptr, SIZE, 1);
	gpu_read(fd, handle, data, SIZE);
	CHECK_FILL(data, SIZE, 1);
	/* Without the flag the pages would have to be writable. */
	CHECK_RET(try_gpu_store(fd, plain, 0, 0xbad), -EFAULT);
	CHECK_FILL(ptr, SIZE, 1);
}

static void read_only_file(void)
{
	char exe[PAGE], *ptr;
	static uint32_t data[PAGE / 4];
	int fd = gem_open(), file = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint32_t handle;

	/* This very program's first page: text that nobody may write. */
	CHECK_SYS(file);
	CHECK_INT(read(file, exe, PAGE), PAGE);
	ptr = map_file(file, PAGE, PROT_READ, MAP_SHARED);
	handle = gem_userptr(fd, ptr, PAGE, READ_ONLY);
	gpu_read(fd, handle, data, PAGE);
	CHECK_MEM(data, exe, PAGE);
	gpu_store(fd, handle, 0, 0xbad);
	CHECK_MEM(ptr, exe, PAGE);
	CHECK_RET(try_gpu_store(fd, gem_userptr(fd, ptr, PAGE, 0), 0, 0xbad), -EFAULT);
}

static void read_only_writable_vma(void)
{
	static const uint64_t engines[] = {
		I915_EXEC_RENDER, I915_EXEC_BLT, I915_EXEC_BSD, I915_EXEC_VEBOX,
	};
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, READ_ONLY);

	fill(ptr, SIZE, 1);
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		struct batch b;

		batch_init(&b, fd, engines[i]);
		batch_store(&b, handle, i * PAGE, 0xbad);
		batch_submit(&b);
		gem_sync(fd, b.handle);
	}
	CHECK_FILL(ptr, SIZE, 1);
	/* The process goes on writing, and the GPU sees it. */
	fill(ptr, SIZE, 2);
	CHECK_HEX(gpu_read32(fd, handle, 0), *(uint32_t *)ptr);
	CHECK_FILL(ptr, SIZE, 2);
}

static void read_only_zero_page(void)
{
	static uint32_t data[SIZE / 4];
	int fd = gem_open();
	char *ptr = map_anon(SIZE), *other = map_anon(PAGE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, READ_ONLY);

	/* Never written: the kernel's one zero page, which everybody shares. */
	gpu_store(fd, handle, 0, 0xbad);
	gpu_read(fd, handle, data, SIZE);
	for (size_t i = 0; i < SIZE / 4; i++)
		CHECK_HEX(data[i], 0);
	CHECK_INT(other[0], 0);
	/* A page of one's own replaces it. */
	ptr[PAGE] = 9;
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 9);
}

static void overlapping(void)
{
	int fd = gem_open(), other = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t whole = gem_userptr(fd, ptr, SIZE, 0), same = gem_userptr(fd, ptr, SIZE, 0);
	uint32_t part = gem_userptr(fd, ptr + 8 * PAGE, 8 * PAGE, 0);
	uint32_t foreign = gem_userptr(other, ptr + 4 * PAGE, 8 * PAGE, 0);
	uint32_t viewer = gem_userptr(fd, ptr, SIZE, READ_ONLY);
	struct batch b;

	/* Written through one, read through the others. */
	gpu_store(fd, part, 4, 0x9a97);
	CHECK_HEX(gpu_read32(fd, whole, 8 * PAGE + 4), 0x9a97);
	CHECK_HEX(gpu_read32(fd, same, 8 * PAGE + 4), 0x9a97);
	CHECK_HEX(gpu_read32(fd, viewer, 8 * PAGE + 4), 0x9a97);
	CHECK_HEX(gpu_read32(other, foreign, 4 * PAGE + 4), 0x9a97);
	gpu_store(other, foreign, 4 * PAGE + 4, 0xf0e1);
	CHECK_HEX(gpu_read32(fd, part, 4), 0xf0e1);

	/* All in one batch. */
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_obj(&b, viewer, 0);
	batch_store(&b, whole, 8 * PAGE, 1);
	batch_copy32(&b, same, 0, part, 0);
	batch_submit(&b);
	gem_sync(fd, b.handle);
	CHECK_INT(*(uint32_t *)ptr, 1);

	/* One goes, the rest stay. */
	gem_close(fd, whole);
	gpu_store(fd, same, 16, 0x57a7);
	CHECK_HEX(*(uint32_t *)(ptr + 16), 0x57a7);
}

static void large(void)
{
	const size_t size = 64 * MiB;
	int fd = gem_open();
	uint32_t *ptr = map_anon(size), handle = gem_userptr(fd, ptr, size, 0);

	for (size_t i = 0; i < size; i += 7 * MiB)
		gpu_store(fd, handle, i, i + 1);
	for (size_t i = 0; i < size; i += 7 * MiB)
		CHECK_HEX(ptr[i / 4], i + 1);
}

/* The pages of a userptr come from a thread that uses the GPU meanwhile. */
struct pager {
	int uffd, fd;
	uint32_t handle;
	char *memory;
	unsigned int faults;
};

static void *pager_thread(void *arg)
{
	struct pager *pager = arg;
	static char content[PAGE];

	for (;;) {
		void *page = uffd_wait(pager->uffd);

		memset(content, ++pager->faults, PAGE);
		/* Deadlocks if the submission that faults holds any lock of the driver's. */
		gpu_store(pager->fd, pager->handle, 0, pager->faults);
		uffd_copy(pager->uffd, page, content);
	}
	return NULL;
}

static void userfault(void)
{
	struct pager pager = { .fd = gem_open() };
	static uint32_t data[4 * PAGE / 4];
	uint32_t handle, shared = gem_create(pager.fd, PAGE);
	pthread_t thread;
	struct batch b;

	pager.uffd = open_userfaultfd(0);
	pager.memory = map_anon(4 * PAGE);
	pager.handle = shared;
	uffd_register(pager.uffd, pager.memory, 4 * PAGE, UFFDIO_REGISTER_MODE_MISSING);
	CHECK_INT(pthread_create(&thread, NULL, pager_thread, &pager), 0);

	/* The batch uses the very object that the pager writes. */
	handle = gem_userptr(pager.fd, pager.memory, 4 * PAGE, 0);
	batch_init(&b, pager.fd, I915_EXEC_BLT);
	batch_obj(&b, shared, EXEC_OBJECT_WRITE);
	uint32_t copy = gem_create(pager.fd, 4 * PAGE);

	batch_copy_blt(&b, copy, handle, 4 * PAGE);
	batch_submit(&b);
	gem_read(pager.fd, copy, 0, data, sizeof(data));
	CHECK_INT(pager.faults, 4);
	CHECK_MEM(data, pager.memory, sizeof(data));
	for (int i = 0; i < 4; i++)
		CHECK(pager.memory[i * PAGE] >= 1 && pager.memory[i * PAGE] <= 4);
}

static const struct subtest tests[] = {
	{ "anonymous memory", anonymous },
	{ "memory that nobody has touched before the GPU", untouched },
	{ "memory from malloc", malloced },
	{ "memory on the stack", stack },
	{ "shared anonymous memory", shared_anonymous },
	{ "a memfd", memfd },
	{ "a file in tmpfs, shared and private", tmpfs_file },
	{ "a file in ext4, shared and private, over write-back", ext4_file, 60 },
	{ "beyond a file's end is EFAULT, before and after truncation", file_end },
	{ "transparent huge pages", huge_pages, 60 },
	{ "a transparent huge page that is split", huge_page_split },
	{ "hugetlb pages", hugetlb_pages, 60 },
	{ "hugetlb pages, a fork while the GPU is at work on them", hugetlb_fork, 60 },
	{ "VMAs of several kinds side by side", mixed_vmas },
	{ "READ_ONLY over a read-only VMA: read, writes swallowed; without it EFAULT",
	  read_only_vma },
	{ "READ_ONLY over a file that may not be written", read_only_file },
	{ "READ_ONLY over a writable VMA: writes swallowed on every engine",
	  read_only_writable_vma },
	{ "READ_ONLY over the zero page: it stays zero for everyone", read_only_zero_page },
	{ "overlapping objects show the same bytes", overlapping },
	{ "64 MiB at once", large, 60 },
	{ "pages by userfaultfd, from a thread that uses the same objects", userfault },
};

TAP_MAIN(tests)
