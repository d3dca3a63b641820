// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Mappings of every kind, looked at by others than the process's own loads and stores: debuggers,
 * /proc/PID/mem, children, and through a part of the object only.
 */
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(16 * PAGE)

/* A kind of mapping, and how the object's bytes lie. */
static const struct kind {
	const char *name;
	uint64_t kind;
	uint32_t tiling;
} kinds[] = {
	{ "WB", I915_MMAP_OFFSET_WB },
	{ "WC", I915_MMAP_OFFSET_WC },
	{ "UC", I915_MMAP_OFFSET_UC },
	{ "GTT", I915_MMAP_OFFSET_GTT },
	{ "GTT, X-tiled", I915_MMAP_OFFSET_GTT, I915_TILING_X },
	{ "GTT, Y-tiled", I915_MMAP_OFFSET_GTT, I915_TILING_Y },
};

static char *map_kind(int fd, const struct kind *k, uint64_t *offset)
{
	uint32_t handle = gem_create(fd, SIZE), mode = k->tiling, stride = 1024, swizzle;
	void *ptr;

	if (mode)
		CHECK_RET(try_set_tiling(fd, handle, &mode, &stride, &swizzle), 0);
	CHECK_RET(try_mmap_offset(fd, handle, k->kind, offset), 0);
	ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, *offset);
	CHECK_SYS(ptr);
	return ptr;
}

/* Run a check for each kind, and say which one fails. */
static void each_kind(void (*check)(int fd, const struct kind *k, char *ptr, uint64_t offset))
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		int fd = gem_open();
		uint64_t offset;
		char *ptr = map_kind(fd, &kinds[i], &offset);

		tap_note("%s", kinds[i].name);
		fill(ptr, SIZE, i);
		check(fd, &kinds[i], ptr, offset);
		munmap(ptr, SIZE);
		close(fd);
	}
}

static void check_parts(int fd, const struct kind *k, char *ptr, uint64_t offset)
{
	(void)k;
	for (size_t page = 0; page < SIZE / PAGE; page += 5) {
		char *part = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd,
				  offset + page * PAGE);

		CHECK_SYS(part);
		CHECK_MEM(part, ptr + page * PAGE, PAGE);
		part[7] ^= 0x55;
		CHECK_INT(part[7], ptr[page * PAGE + 7]);
		munmap(part, PAGE);
	}
	CHECK(mmap(NULL, 2 * PAGE, PROT_READ, MAP_SHARED, fd, offset + SIZE - PAGE) == MAP_FAILED);
	CHECK_RET(-errno, -EINVAL);
}

static void parts(void)
{
	each_kind(check_parts);
}

static void check_proc_mem(int fd, const struct kind *k, char *ptr, uint64_t offset)
{
	int mem = open("/proc/self/mem", O_RDWR);
	char data[3 * PAGE], word[8];

	(void)fd, (void)k, (void)offset;
	CHECK(mem >= 0);
	CHECK_INT(pread(mem, data, sizeof(data), (uintptr_t)ptr + PAGE + 100), sizeof(data));
	CHECK_MEM(data, ptr + PAGE + 100, sizeof(data));
	memset(data, 0x3c, sizeof(data));
	CHECK_INT(pwrite(mem, data, sizeof(data), (uintptr_t)ptr + 5 * PAGE - 9), sizeof(data));
	CHECK_MEM(ptr + 5 * PAGE - 9, data, sizeof(data));
	/* beyond the end nothing is given away, not even what there is */
	CHECK_INT(pread(mem, word, 8, (uintptr_t)ptr + SIZE - 4), -1);
	CHECK_RET(-errno, -EIO);
	CHECK_SYS(munmap(ptr + 8 * PAGE, SIZE - 8 * PAGE));
	CHECK_INT(pread(mem, word, 8, (uintptr_t)ptr + 8 * PAGE - 4), -1);
	CHECK_RET(-errno, -EIO);
	CHECK_INT(pread(mem, word, 8, (uintptr_t)ptr + 8 * PAGE - 8), 8);
	close(mem);
}

static void proc_mem(void)
{
	each_kind(check_proc_mem);
}

static void check_ptrace(int fd, const struct kind *k, char *ptr, uint64_t offset)
{
	long *words = (long *)ptr;
	int status;
	pid_t pid = fork();

	(void)fd, (void)k, (void)offset;
	CHECK(pid >= 0);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(words[513] == 0x1234567 ? 0 : 1);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSTOPPED(status));
	errno = 0;
	CHECK_HEX(ptrace(PTRACE_PEEKDATA, pid, &words[512], NULL), words[512]);
	CHECK_INT(errno, 0);
	CHECK_SYS(ptrace(PTRACE_POKEDATA, pid, &words[513], (void *)0x1234567));
	CHECK_HEX(words[513], 0x1234567);
	CHECK_SYS(ptrace(PTRACE_CONT, pid, NULL, NULL));
	CHECK(waitpid(pid, &status, 0) == pid);
	CHECK_INT(status, 0);
}

static void debugger(void)
{
	each_kind(check_ptrace);
}

static void check_layout(int fd, const struct kind *k, char *ptr, uint64_t offset)
{
	char *moved, *place = map_hole(SIZE), data[PAGE];
	int status;
	pid_t pid;

	(void)fd, (void)k, (void)offset;
	memcpy(data, ptr + 3 * PAGE, PAGE);

	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		ptr[3 * PAGE] ^= 1;
		munmap(ptr, SIZE);
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && !status);
	data[0] ^= 1;
	CHECK_MEM(ptr + 3 * PAGE, data, PAGE);

	CHECK(mremap(ptr, SIZE, 2 * SIZE, MREMAP_MAYMOVE) == MAP_FAILED);
	moved = mremap(ptr, SIZE, SIZE, MREMAP_MAYMOVE | MREMAP_FIXED, place);
	CHECK(moved == place);
	CHECK_MEM(moved + 3 * PAGE, data, PAGE);

	/* a mapping over its middle is not the object's, and both ends still are */
	CHECK(mmap(moved + 4 * PAGE, PAGE, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == moved + 4 * PAGE);
	CHECK_INT(moved[4 * PAGE], 0);
	CHECK_MEM(moved + 3 * PAGE, data, PAGE);
	moved[5 * PAGE] = 0x21;
	CHECK_INT(moved[5 * PAGE], 0x21);

	CHECK_SYS(mprotect(moved, 4 * PAGE, PROT_READ));
	pid = fork();
	CHECK(pid >= 0);
	if (!pid) {
		signal(SIGSEGV, SIG_DFL);
		*(volatile char *)moved = 1;
		_exit(0);
	}
	CHECK(waitpid(pid, &status, 0) == pid && WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), SIGSEGV);
	CHECK_SYS(mprotect(moved, 4 * PAGE, PROT_READ | PROT_WRITE));
	moved[1] = 0x22;
	CHECK_INT(moved[1], 0x22);
	munmap(moved, SIZE);
}

static void layout(void)
{
	each_kind(check_layout);
}

/* The kernel says in smaps that a core dump leaves it out ("dd") and that it does not grow ("de"). */
static void check_not_dumped(int fd, const struct kind *k, char *ptr, uint64_t offset)
{
	FILE *smaps = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	char line[512];
	bool here = false;

	(void)fd, (void)k, (void)offset;
	CHECK(smaps);
	while (fgets(line, sizeof(line), smaps)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			here = start == (uintptr_t)ptr;
		if (here && !strncmp(line, "VmFlags:", 8)) {
			CHECK(strstr(line, " dd"));
			CHECK(strstr(line, " de"));
			fclose(smaps);
			return;
		}
	}
	tap_fail(__FILE__, __LINE__, "the mapping is not in smaps");
}

static void not_dumped(void)
{
	each_kind(check_not_dumped);
}

static const struct subtest tests[] = {
	{ "a part of the object can be mapped, beyond its end nothing", parts },
	{ "/proc/PID/mem reads and writes all kinds, and stops at the end", proc_mem },
	{ "a debugger peeks and pokes all kinds", debugger },
	{ "fork, mremap, MAP_FIXED over it, mprotect: all kinds", layout },
	{ "core dumps leave it out", not_dumped },
};

TAP_MAIN(tests)
