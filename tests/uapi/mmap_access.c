// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What others than the process itself do to a mapping: debuggers, /proc/PID/mem, core dumps; and
 * what stays the process's own in a private one.
 */
#include "device.h"
#include "gem.h"
#include "inject.h"
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
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(64 * PAGE)
#define STRIDE	2048

enum kind { GTT, TILED_X, TILED_Y, WC, WB, UC, DMABUF, LEGACY, KINDS };

static const char *const kind_name[KINDS] = {
	"GTT", "GTT, tiled X", "GTT, tiled Y", "WC", "WB", "UC", "dma-buf", "MMAP",
};

static void *map_kind(int fd, uint32_t handle, enum kind kind)
{
	static const uint64_t offset_kind[] = {
		[GTT] = I915_MMAP_OFFSET_GTT, [TILED_X] = I915_MMAP_OFFSET_GTT,
		[TILED_Y] = I915_MMAP_OFFSET_GTT, [WC] = I915_MMAP_OFFSET_WC,
		[WB] = I915_MMAP_OFFSET_WB, [UC] = I915_MMAP_OFFSET_UC,
	};
	uint32_t mode = kind == TILED_X ? I915_TILING_X : I915_TILING_Y, stride = STRIDE, swizzle;
	void *ptr;
	int dmabuf;

	switch (kind) {
	case TILED_X:
	case TILED_Y:
		CHECK_RET(try_set_tiling(fd, handle, &mode, &stride, &swizzle), 0);
		break;
	case DMABUF:
		CHECK_RET(try_prime_export(fd, handle, O_RDWR, &dmabuf), 0);
		ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
		CHECK_SYS(ptr);
		return ptr;
	case LEGACY:
		CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE, 0, &ptr), 0);
		return ptr;
	default:
		break;
	}
	return gem_mmap(fd, handle, SIZE, offset_kind[kind]);
}

/* A child that has our mappings, stopped under our control. */
static pid_t start_traced(void)
{
	pid_t pid = fork();
	int status;

	CHECK_SYS(pid);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSTOPPED(status));
	return pid;
}

static void end_traced(pid_t pid)
{
	CHECK_SYS(ptrace(PTRACE_CONT, pid, NULL, NULL));
	child_end(pid);
}

static int open_mem(pid_t pid)
{
	char path[40];
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	CHECK_SYS(fd);
	return fd;
}

/* The last page of a row of views, and the first: an access that crosses from one to the next. */
static void peek_and_poke(void)
{
	static uint32_t data[SIZE / 4];

	for (enum kind kind = 0; kind < KINDS; kind++) {
		int fd = gem_open(), mem;
		uint32_t handle = gem_create(fd, SIZE);
		char *ptr = map_kind(fd, handle, kind);
		pid_t pid;
		long word;

		tap_note("%s", kind_name[kind]);
		fill(ptr, SIZE, kind);
		pid = start_traced();
		memcpy(&word, ptr + 5 * PAGE + 8, sizeof(word));
		errno = 0;
		CHECK_HEX(ptrace(PTRACE_PEEKDATA, pid, ptr + 5 * PAGE + 8, NULL), word);
		CHECK_INT(errno, 0);
		CHECK_SYS(ptrace(PTRACE_POKEDATA, pid, ptr + 5 * PAGE + 8, (void *)0x600dcafe));
		CHECK_HEX(*(volatile long *)(ptr + 5 * PAGE + 8), 0x600dcafe);
		CHECK_SYS(ptrace(PTRACE_POKEDATA, pid, ptr + 5 * PAGE + 8, (void *)word));

		mem = open_mem(pid);
		CHECK_INT(pread(mem, data, SIZE, (uintptr_t)ptr), SIZE);
		CHECK_FILL(data, SIZE, kind);
		fill(data, SIZE, kind + 100);
		CHECK_INT(pwrite(mem, data + 3, SIZE - 24, (uintptr_t)ptr + 12), SIZE - 24);
		memcpy(ptr, data, 12);
		memcpy(ptr + SIZE - 12, data + SIZE / 4 - 3, 12);
		CHECK_FILL(ptr, SIZE, kind + 100);
		close(mem);
		end_traced(pid);
	}
}

/* What a debugger writes into a tiled object's view reaches the object. */
static void poke_reaches_the_object(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	char *ptr = map_kind(fd, handle, TILED_X);
	pid_t pid = start_traced();

	/* never touched by the process itself; the second tile is 512 bytes on, 4 KiB in memory */
	CHECK_SYS(ptrace(PTRACE_POKEDATA, pid, ptr + 512, (void *)0x11223344));
	CHECK_HEX(gem_read32(fd, handle, PAGE), 0x11223344);
	CHECK_HEX(*(volatile uint32_t *)(ptr + 512), 0x11223344);
	end_traced(pid);
}

static volatile sig_atomic_t alarms;

static void on_alarm(int sig)
{
	(void)sig;
	alarms++;
}

/* The object's reservation, had by somebody else for a while in which signals come. */
struct holder {
	int dev;
	struct gate holds;
	pid_t pid;
};

static void hold(void *arg)
{
	struct holder *h = arg;

	gate_open(&h->holds);
	device_hold_lock(h->dev, 500 * tap_slow());
}

static void holder_start(struct holder *h, int dmabuf)
{
	const struct itimerval often = { { 0, 20000 }, { 0, 20000 } };
	const struct sigaction action = { .sa_handler = on_alarm };

	device_attach(h->dev, dmabuf, true);
	gate_init(&h->holds);
	h->pid = child_start(hold, h);
	gate_pass(&h->holds);
	sleep_ms(100 * tap_slow());
	alarms = 0;
	CHECK_SYS(sigaction(SIGALRM, &action, NULL));
	CHECK_SYS(setitimer(ITIMER_REAL, &often, NULL));
}

/* Return: whether signals came. None do if this process stood still until the other let go. */
static bool holder_end(struct holder *h)
{
	const struct itimerval off = {};

	CHECK_SYS(setitimer(ITIMER_REAL, &off, NULL));
	child_end(h->pid);
	device_detach(h->dev);
	return alarms > 0;
}

#define ATTEMPTS	20

/* Neither a debugger nor mmap(2) is told of the signals. */
static void interrupted(void)
{
	int fd = gem_open(), mem = open_mem(getpid()), dmabuf;
	struct holder h = { .dev = device_open() };
	static uint32_t data[SIZE / 4];
	int attempts = 0;
	ssize_t n;
	void *ptr;

	inject_skip("a signal's frame is a user copy, too");
	/* the legacy mapping is one of a file */
	for (enum kind kind = 0; kind < LEGACY; kind++) {
		uint32_t handle = gem_create(fd, SIZE);

		tap_note("%s", kind_name[kind]);
		ptr = map_kind(fd, handle, kind);
		fill(ptr, SIZE, kind);
		dmabuf = gem_export(fd, handle);
		do {
			CHECK(attempts++ < ATTEMPTS);
			holder_start(&h, dmabuf);
			n = pread(mem, data, SIZE, (uintptr_t)ptr);
		} while (!holder_end(&h));
		CHECK_INT(n, SIZE);
		CHECK_FILL(data, SIZE, kind);
		close(dmabuf);
	}
	dmabuf = gem_export(fd, gem_create(fd, SIZE));
	do {
		CHECK(attempts++ < ATTEMPTS);
		holder_start(&h, dmabuf);
		ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0);
		CHECK(ptr != MAP_FAILED);
	} while (!holder_end(&h));
}

static void only_what_the_process_may(void)
{
	int fd = gem_open(), mem;
	uint32_t handle = gem_create(fd, SIZE);
	uint64_t kinds[] = { I915_MMAP_OFFSET_WB, I915_MMAP_OFFSET_GTT };

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		uint64_t offset;
		char *ptr, buf[8] = "abcdefg";
		pid_t pid;

		CHECK_RET(try_mmap_offset(fd, handle, kinds[i], &offset), 0);
		ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, offset);
		CHECK_SYS(ptr);
		pid = start_traced();
		mem = open_mem(pid);
		CHECK_INT(pread(mem, buf, 8, (uintptr_t)ptr), 8);
		CHECK_INT(pwrite(mem, "XXXXXXXX", 8, (uintptr_t)ptr), -1);
		CHECK(ptrace(PTRACE_POKEDATA, pid, ptr, (void *)1) == -1);
		CHECK_HEX(gem_read32(fd, handle, 0), 0);
		close(mem);
		end_traced(pid);
	}
}

/* A mapping of the object's first page only: what is behind it in the object is not to be had. */
static void not_beyond_the_mapping(void)
{
	int fd = gem_open(), mem;
	uint32_t handle = gem_create(fd, SIZE);
	char *area = map_hole(2 * SIZE), buf[PAGE], *ptr;
	uint64_t offset;
	pid_t pid;

	CHECK_RET(try_mmap_offset(fd, handle, I915_MMAP_OFFSET_WB, &offset), 0);
	ptr = mmap(area, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, fd, offset);
	CHECK_SYS(ptr);
	memset(ptr, 7, SIZE);
	CHECK_SYS(munmap(ptr + PAGE, SIZE - PAGE));
	pid = start_traced();
	mem = open_mem(pid);
	CHECK_INT(pread(mem, buf, PAGE, (uintptr_t)ptr + PAGE - 100), -1);
	CHECK_RET(-errno, -EIO);
	CHECK_INT(pwrite(mem, buf, PAGE, (uintptr_t)ptr + PAGE - 100), -1);
	CHECK_RET(-errno, -EIO);
	CHECK_INT(pread(mem, buf, 100, (uintptr_t)ptr + PAGE - 100), 100);
	close(mem);
	end_traced(pid);
}

/* How often 16 bytes are there twice in a row; once they are among the program's own constants. */
static unsigned int count_pairs(const char *bytes, size_t len, const char *mark)
{
	unsigned int found = 0;

	for (const char *p = bytes; p + 32 <= bytes + len; p++) {
		p = memchr(p, mark[0], bytes + len - p - 31);
		if (!p)
			break;
		found += !memcmp(p, mark, 16) && !memcmp(p + 16, mark, 16);
	}
	return found;
}

static void core_dump(void)
{
	static const char gone[] = "softgem-mappings", kept[] = "ordinary-mapping";
	char dir[] = "/tmp/core.XXXXXX", pattern[64], path[64], *bytes;
	struct rlimit unlimited = { RLIM_INFINITY, RLIM_INFINITY };
	int fd = gem_open(), status, core;
	struct stat st;
	pid_t pid;

	CHECK(mkdtemp(dir));
	snprintf(pattern, sizeof(pattern), "%s/core.%%p", dir);
	CHECK(write_file("/proc/sys/kernel/core_pattern", pattern));
	CHECK_SYS(setrlimit(RLIMIT_CORE, &unlimited));
	pid = fork();
	CHECK_SYS(pid);
	if (!pid) {
		/* shared mappings of files too */
		CHECK(write_file("/proc/self/coredump_filter", "0xff"));
		for (enum kind kind = 0; kind < KINDS; kind++) {
			char *ptr = map_kind(fd, gem_create(fd, SIZE), kind);

			/* the legacy ioctl's is an ordinary mapping of an ordinary file */
			for (size_t i = 0; i < SIZE; i += 16)
				memcpy(ptr + i, kind == LEGACY ? kept : gone, 16);
		}
		signal(SIGSEGV, SIG_DFL);
		*(volatile int *)map_hole(PAGE) = 1;
		_exit(1);
	}
	CHECK(child_ended_within(pid, 20000, &status));
	CHECK(WIFSIGNALED(status) && WCOREDUMP(status));
	snprintf(path, sizeof(path), "%s/core.%d", dir, pid);
	core = open(path, O_RDONLY | O_CLOEXEC);
	CHECK_SYS(core);
	CHECK_SYS(fstat(core, &st));
	bytes = mmap(NULL, st.st_size, PROT_READ, MAP_PRIVATE, core, 0);
	CHECK_SYS(bytes);
	CHECK_INT(count_pairs(bytes, st.st_size, gone), 0);
	CHECK(count_pairs(bytes, st.st_size, kept) > 0);
}

/* What is written to a private mapping is the process's own, whatever becomes of the object. */
static void private_copies(void)
{
	static const uint64_t kinds[] = { I915_MMAP_OFFSET_WB, I915_MMAP_OFFSET_GTT };

	for (int tiled = 0; tiled < 2; tiled++) {
		for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
			uint32_t mode = I915_TILING_X, stride = STRIDE, swizzle, word;
			int fd = gem_open();
			uint32_t handle = gem_create(fd, SIZE);
			uint64_t offset;
			char *ptr;

			if (tiled)
				CHECK_RET(try_set_tiling(fd, handle, &mode, &stride, &swizzle), 0);
			CHECK_RET(try_mmap_offset(fd, handle, kinds[i], &offset), 0);
			ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);
			CHECK_SYS(ptr);
			CHECK_HEX(*(volatile uint32_t *)ptr, 0);
			*(volatile uint32_t *)(ptr + PAGE) = 0x0e1f;
			CHECK_HEX(gem_read32(fd, handle, PAGE), 0);
			/* the object's pages go, and come back when the rest is looked at again */
			gem_set_debugfs("i915_gem_drop_caches", "0x21");
			word = 0x1234;
			gem_write(fd, handle, 0, &word, 4);
			CHECK_HEX(*(volatile uint32_t *)ptr, 0x1234);
			CHECK_HEX(*(volatile uint32_t *)(ptr + PAGE), 0x0e1f);
			CHECK_HEX(gem_read32(fd, handle, PAGE), 0);
			CHECK_SYS(munmap(ptr, SIZE));
			close(fd);
		}
	}
}

static struct {
	char *ptr;
	atomic_int round;
	atomic_uint arrived;
} race;

static long race_reader(void *arg)
{
	(void)arg;
	for (int round = 1; round <= 200; round++) {
		while (atomic_load(&race.round) < round)
			;
		(void)*(volatile char *)(race.ptr + 2 * PAGE);
		atomic_fetch_add(&race.arrived, 1);
	}
	return 0;
}

/* One thread's fault fills in the whole mapping while another one's copy is already in it. */
static void private_race(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	uint64_t offset;
	struct job job;

	CHECK_RET(try_mmap_offset(fd, handle, I915_MMAP_OFFSET_WB, &offset), 0);
	job_start(&job, race_reader, NULL);
	for (int round = 1; round <= 200; round++) {
		race.ptr = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, offset);
		CHECK_SYS(race.ptr);
		atomic_store(&race.round, round);
		*(volatile uint32_t *)(race.ptr + PAGE) = round;
		while (atomic_load(&race.arrived) < (unsigned int)round)
			;
		CHECK_INT(*(volatile uint32_t *)(race.ptr + PAGE), round);
		CHECK_SYS(munmap(race.ptr, SIZE));
	}
	CHECK_INT(job_end(&job), 0);
}

static const struct subtest tests[] = {
	{ "a debugger reads and writes mappings of every kind", peek_and_poke },
	{ "what a debugger writes to a tiled view reaches the object", poke_reaches_the_object },
	{ "a debugger may not write where the process may not", only_what_the_process_may },
	{ "a debugger does not see beyond the mapping", not_beyond_the_mapping },
	{ "signals are nothing to a debugger, nor to mmap(2) of a dma-buf", interrupted, 60 },
	{ "core dumps leave mappings out", core_dump, 60 },
	{ "what a private mapping has copied survives eviction", private_copies },
	{ "two faults in a private mapping lose no copy", private_race, 60 },
};

TAP_MAIN(tests)
