// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The Exynos interface: user pages stay where they are, count against RLIMIT_MEMLOCK for as long as
 * their buffer lives, and are given back to the right process whoever ends it.
 */
#include "batch.h"
#include "counters.h"
#include "exynos.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(64 * PAGE)
#define KB(size)	((long)((size) / 1024))

/* The same once earlier subtests' objects are gone. */
static long long settled(void)
{
	const struct counters c = counters_settled();

	return c.pins - c.unpins;
}

static void check_pinned(long long want)
{
	int64_t end = now_ns() + 5 * NSEC * tap_slow();

	while (pages_pinned() != want && now_ns() < end)
		sleep_ms(5);
	CHECK_INT(pages_pinned(), want);
}

static void check_locked(pid_t pid, size_t size)
{
	CHECK(status_kb_becomes(pid, "VmLck", KB(size)));
}

static void before_during_after(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	long long was = settled();
	uint32_t a, b;

	check_locked(getpid(), 0);
	a = exynos_userptr(fd, ptr, SIZE / 2, 0);
	check_locked(getpid(), SIZE / 2);
	check_pinned(was + 32);
	b = exynos_userptr(fd, ptr + SIZE / 2, 3 * PAGE - 1, 0);
	check_locked(getpid(), SIZE / 2 + 3 * PAGE);
	check_pinned(was + 35);
	gem_close(fd, a);
	check_locked(getpid(), 3 * PAGE);
	check_pinned(was + 3);
	gem_close(fd, b);
	check_locked(getpid(), 0);
	check_pinned(was);
	/* the file's end is that of its handles */
	exynos_userptr(fd, ptr, SIZE, 0);
	close(fd);
	check_locked(getpid(), 0);
	check_pinned(was);
}

/* Buffers that are not the process's own memory count for nothing. */
static void only_user_pages(void)
{
	int fd = exynos_open();

	exynos_create(fd, SIZE, EXYNOS_BO_CONTIG);
	memset(exynos_mmap(fd, exynos_create(fd, SIZE, EXYNOS_BO_NONCONTIG), SIZE), 1, SIZE);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
}

static void set_limit(size_t size)
{
	struct rlimit limit = { .rlim_cur = size, .rlim_max = size };

	CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
}

static void over_the_limit(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	long long was = settled();
	uint32_t handle, more;

	set_limit(8 * PAGE);
	drop_capability(CAP_IPC_LOCK);
	CHECK_RET(try_exynos_userptr(fd, ptr, 8 * PAGE + 1, 0, &handle), -ENOMEM);
	CHECK_INT(pages_pinned(), was);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
	for (int i = 0; i < 50; i++) {
		/* all of it, and again as soon as it was let go of */
		CHECK_RET(try_exynos_userptr(fd, ptr, 8 * PAGE, 0, &handle), 0);
		CHECK_RET(try_exynos_userptr(fd, ptr + 8 * PAGE, 1, 0, &more), -ENOMEM);
		CHECK_INT(status_kb(getpid(), "VmLck"), KB(8 * PAGE));
		gem_close(fd, handle);
	}
	/* it is the limit that mlock() has too; what was closed is given back by a worker */
	check_locked(getpid(), 0);
	CHECK_SYS(mlock(ptr, 5 * PAGE));
	CHECK_RET(try_exynos_userptr(fd, ptr + 32 * PAGE, 4 * PAGE, 0, &handle), -ENOMEM);
	CHECK_RET(try_exynos_userptr(fd, ptr + 32 * PAGE, 3 * PAGE, 0, &handle), 0);
	CHECK_INT(mlock(ptr + 16 * PAGE, PAGE), -1);
	CHECK_RET(-errno, -ENOMEM);
	gem_close(fd, handle);
	check_locked(getpid(), 5 * PAGE);
	check_pinned(was);
}

static void no_limit(void)
{
	int fd = exynos_open();
	uint32_t handle;

	/* root has CAP_IPC_LOCK: counted, and not refused */
	set_limit(PAGE);
	handle = exynos_userptr(fd, map_anon(SIZE), SIZE, 0);
	check_locked(getpid(), SIZE);
	gem_close(fd, handle);
	check_locked(getpid(), 0);
}

/* The VmFlags line of smaps for the mapping that holds @ptr. */
static void vma_flags(const void *ptr, char *flags, size_t len)
{
	FILE *f = fopen("/proc/self/smaps", "r");
	unsigned long start, end;
	bool found = false;
	char line[512];

	CHECK(f);
	while (fgets(line, sizeof(line), f)) {
		if (sscanf(line, "%lx-%lx ", &start, &end) == 2)
			found = start <= (uintptr_t)ptr && (uintptr_t)ptr < end;
		else if (found && !strncmp(line, "VmFlags:", 8))
			break;
	}
	fclose(f);
	CHECK(!strncmp(line, "VmFlags:", 8));
	snprintf(flags, len, "%s", line);
}

static void page_out(char *ptr, size_t size)
{
	CHECK_SYS(madvise(ptr, size, MADV_PAGEOUT));
}

static void frames(const char *ptr, unsigned int n, uint64_t *frame)
{
	for (unsigned int i = 0; i < n; i++)
		frame[i] = frame_of(ptr + i * PAGE);
}

/* The buffer's pages are the process's, by frame, and present. */
static void check_frames(const char *ptr, unsigned int n, const uint64_t *want)
{
	for (unsigned int i = 0; i < n; i++)
		CHECK_HEX(frame_of(ptr + i * PAGE), want[i]);
}

static void page_out_leaves(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	uint64_t frame[64];
	uint32_t handle;

	fill(ptr, SIZE, 5);
	/* without a buffer they go */
	page_out_all(ptr, SIZE);
	handle = exynos_userptr(fd, ptr, SIZE, 0);
	frames(ptr, 64, frame);
	for (int i = 0; i < 64; i++)
		CHECK(frame[i]);
	page_out(ptr, SIZE);
	check_frames(ptr, 64, frame);
	gem_close(fd, handle);
	check_locked(getpid(), 0);
	page_out_all(ptr, SIZE);
	CHECK_FILL(ptr, SIZE, 5);
}

static void only_what_was_asked_for(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	uint64_t frame[3];
	long long was = settled();

	fill(ptr, SIZE, 6);
	exynos_userptr(fd, ptr + 10 * PAGE, 2 * PAGE + 1, 0);
	check_pinned(was + 3);
	check_locked(getpid(), 3 * PAGE);
	frames(ptr + 10 * PAGE, 3, frame);
	page_out_all(ptr, 10 * PAGE);
	page_out_all(ptr + 13 * PAGE, SIZE - 13 * PAGE);
	page_out(ptr, SIZE);
	check_frames(ptr + 10 * PAGE, 3, frame);
	CHECK_FILL(ptr, SIZE, 6);
}

static void munlock_changes_nothing(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(SIZE), before[512], after[512];
	uint64_t frame[64];

	fill(ptr, SIZE, 5);
	vma_flags(ptr, before, sizeof(before));
	exynos_userptr(fd, ptr, SIZE, 0);
	vma_flags(ptr, after, sizeof(after));
	CHECK(!strcmp(before, after));
	frames(ptr, 64, frame);
	for (int round = 0; round < 3; round++) {
		if (round == 1)
			CHECK_SYS(mlock(ptr, SIZE));
		CHECK_SYS(round < 2 ? munlock(ptr, SIZE) : munlockall());
		CHECK_INT(status_kb(getpid(), "VmLck"), KB(SIZE));
		page_out(ptr, SIZE);
		check_frames(ptr, 64, frame);
	}
	close(fd);
	check_locked(getpid(), 0);
}

/* Neither unmapping nor madvise() takes the pages from the buffer. */
static void madvise_does_not_take(void)
{
	int fd = exynos_open(), i915 = gem_open();
	static uint32_t data[SIZE / 4];
	char *ptr = map_anon(SIZE);
	uint32_t handle;

	fill(ptr, SIZE, 1);
	handle = share(fd, exynos_userptr(fd, ptr, SIZE, 0), i915);
	CHECK_SYS(madvise(ptr, SIZE, MADV_DONTNEED));
	CHECK_INT(ptr[0], 0);
	gpu_read(i915, handle, data, SIZE);
	CHECK_FILL(data, SIZE, 1);
	CHECK_SYS(munmap(ptr, SIZE));
	gpu_store(i915, handle, 0, 0xcafe);
	gpu_read(i915, handle, data, SIZE);
	CHECK_HEX(data[0], 0xcafe);
	/* what counts is the buffer, not the mapping */
	CHECK_INT(status_kb(getpid(), "VmLck"), KB(SIZE));
}

static void compaction_leaves(void)
{
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	uint64_t frame[64];

	memset(ptr, 1, SIZE);
	exynos_userptr(fd, ptr, SIZE, 0);
	frames(ptr, 64, frame);
	if (!write_file("/proc/sys/vm/compact_memory", "1"))
		tap_skip("no compaction in this kernel");
	check_frames(ptr, 64, frame);
}

/* After a fork the buffer's pages are the parent's still, whoever writes first. */
static void fork_leaves(void)
{
	int fd = exynos_open(), i915 = gem_open(), status;
	uint32_t *ptr = map_anon(SIZE), handle;
	uint64_t frame[64];
	pid_t pid;

	fill(ptr, SIZE, 1);
	handle = share(fd, exynos_userptr(fd, ptr, SIZE, 0), i915);
	frames((char *)ptr, 64, frame);
	pid = fork();
	CHECK_SYS(pid);
	if (!pid) {
		memset(ptr, 0xff, SIZE);
		_exit(0);
	}
	ptr[0] = 0x1234;
	CHECK_INT(waitpid(pid, &status, 0), pid);
	check_frames((char *)ptr, 64, frame);
	CHECK_HEX(gpu_read32(i915, handle, 0), 0x1234);
	gpu_store(i915, handle, 4, 0x5678);
	CHECK_HEX(ptr[1], 0x5678);
}

/* A process that makes a buffer and waits. */
struct maker {
	struct gate made;
	struct gate go_on;
	int dmabuf;
	bool export;
};

static void make_and_wait(void *arg)
{
	struct maker *m = arg;
	int fd = exynos_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle;

	fill(ptr, SIZE, 8);
	handle = exynos_userptr(fd, ptr, SIZE, 0);
	if (m->export) {
		CHECK_RET(try_prime_export(fd, handle, DRM_RDWR, &m->dmabuf), 0);
		CHECK_INT(dup2(m->dmabuf, 100), 100);
	}
	gate_open(&m->made);
	gate_pass(&m->go_on);
}

static pid_t maker_start(struct maker *m, bool export)
{
	pid_t pid;

	m->export = export;
	gate_init(&m->made);
	gate_init(&m->go_on);
	pid = child_start(make_and_wait, m);
	gate_pass(&m->made);
	CHECK_INT(status_kb(pid, "VmLck"), KB(SIZE));
	return pid;
}

static void exit_gives_back(void)
{
	long long was = settled();
	struct maker m;
	pid_t pid = maker_start(&m, false);

	check_pinned(was + 64);
	gate_open(&m.go_on);
	child_end(pid);
	check_pinned(was);
}

static void kill_gives_back(void)
{
	long long was = settled();
	struct maker m;
	pid_t pid = maker_start(&m, false);
	int status;

	check_pinned(was + 64);
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 10000, &status));
	CHECK(WIFSIGNALED(status));
	check_pinned(was);
}

/* The killed process shares its memory with this one, where the count can be seen to go. */
struct twin {
	int fd;
	char *ptr;
	struct gate made;
};

/* It has this process's thread-local storage too, and uses the kernel only. */
static int twin_main(void *arg)
{
	struct twin *t = arg;
	struct drm_exynos_gem_userptr userptr = { .userptr = (uintptr_t)t->ptr, .size = SIZE };

	/* the file table is a copy: closed here, this is the last file */
	if (ioctl(t->fd, DRM_IOCTL_EXYNOS_GEM_USERPTR, &userptr))
		_exit(1);
	if (write(t->made.fds[1], "", 1) != 1)
		_exit(2);
	for (;;)
		pause();
}

static void kill_gives_back_to_the_living(void)
{
	static char stack[16 * 4096] __attribute__((aligned(16)));
	struct twin t = { .fd = exynos_open(), .ptr = map_anon(SIZE) };
	int status;
	pid_t pid;

	gate_init(&t.made);
	pid = clone(twin_main, stack + sizeof(stack), CLONE_VM | SIGCHLD, &t);
	CHECK_SYS(pid);
	close(t.fd);
	gate_pass(&t.made);
	CHECK_INT(status_kb(getpid(), "VmLck"), KB(SIZE));
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK_INT(waitpid(pid, &status, 0), pid);
	CHECK(WIFSIGNALED(status));
	check_locked(getpid(), 0);
}

static void keep_dmabuf(void *arg)
{
	struct maker *m = arg;

	gate_open(&m->made);
	gate_pass(&m->go_on);
}

/* The last reference is another process's: the pages count against the one that made the buffer. */
static void last_reference_elsewhere(void)
{
	int fd = exynos_open(), status;
	char *ptr = map_anon(SIZE);
	uint32_t handle = exynos_userptr(fd, ptr, SIZE, 0);
	struct maker m;
	pid_t pid;

	for (int round = 0; round < 2; round++) {
		if (!handle)
			handle = exynos_userptr(fd, ptr, SIZE, 0);
		m.dmabuf = gem_export(fd, handle);
		gate_init(&m.made);
		gate_init(&m.go_on);
		pid = child_start(keep_dmabuf, &m);
		gate_pass(&m.made);
		close(m.dmabuf);
		gem_close(fd, handle);
		handle = 0;
		sleep_ms(100);
		CHECK_INT(status_kb(getpid(), "VmLck"), KB(SIZE));
		CHECK_INT(status_kb(pid, "VmLck"), 0);
		if (round) {
			CHECK_SYS(kill(pid, SIGKILL));
			CHECK(child_ended_within(pid, 10000, &status));
		} else {
			gate_open(&m.go_on);
			child_end(pid);
		}
		check_locked(getpid(), 0);
	}
}

/* The maker is killed; the buffer lives on here, with its bytes, and counts against nobody else. */
static void buffer_outlives_maker(void)
{
	int i915 = gem_open(), status, dmabuf;
	static uint32_t data[SIZE / 4];
	long long was = settled();
	struct maker m;
	pid_t pid = maker_start(&m, true);
	uint32_t imported;

	dmabuf = take_fd(pid, 100);
	imported = gem_import(i915, dmabuf);
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 10000, &status));
	CHECK_INT(pages_pinned(), was + 64);
	gpu_read(i915, imported, data, SIZE);
	CHECK_FILL(data, SIZE, 8);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
	gem_close(i915, imported);
	CHECK_INT(pages_pinned(), was + 64);
	close(dmabuf);
	check_pinned(was);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
}

/* The file is inherited, and its last user a child: the pages count against the parent. */
static void file_closed_by_child(void)
{
	int fd = exynos_open();
	struct maker m;
	pid_t pid;

	exynos_userptr(fd, map_anon(SIZE), SIZE, 0);
	gate_init(&m.made);
	gate_init(&m.go_on);
	pid = child_start(keep_dmabuf, &m);
	gate_pass(&m.made);
	close(fd);
	sleep_ms(100);
	CHECK_INT(status_kb(getpid(), "VmLck"), KB(SIZE));
	CHECK_INT(status_kb(pid, "VmLck"), 0);
	gate_open(&m.go_on);
	child_end(pid);
	check_locked(getpid(), 0);
}

/* After an exec the memory is another: what is given back is no business of the new program's. */
static void exec_starts_anew(void)
{
	long long was = settled();
	char command[160];
	int fd, status;
	pid_t pid = fork();

	CHECK_SYS(pid);
	if (!pid) {
		fd = exynos_open();
		exynos_userptr(fd, map_anon(SIZE), SIZE, 0);
		CHECK_INT(dup2(fd, 9), 9);
		snprintf(command, sizeof(command),
			 "locked() { grep -q '^VmLck:[^0-9]*0 kB' /proc/$$/status; }; "
			 "locked && exec 9>&- && sleep 0.3 && locked");
		execl("/bin/sh", "sh", "-c", command, NULL);
		_exit(99);
	}
	CHECK(child_ended_within(pid, 10000, &status));
	CHECK_INT(status, 0);
	check_pinned(was);
}

static const struct subtest tests[] = {
	{ "counted while the buffer lives: before, during, after close of handle and file",
	  before_during_after },
	{ "buffers that are no user pages count for nothing", only_user_pages },
	{ "over RLIMIT_MEMLOCK is ENOMEM, until something is closed", over_the_limit },
	{ "CAP_IPC_LOCK knows no limit", no_limit },
	{ "MADV_PAGEOUT leaves the frames where they are", page_out_leaves },
	{ "pages that were not asked for are neither held nor counted", only_what_was_asked_for },
	{ "munlock changes nothing, and the mapping's flags are not touched", munlock_changes_nothing },
	{ "MADV_DONTNEED and munmap do not take the pages from the buffer", madvise_does_not_take },
	{ "compaction leaves the frames where they are", compaction_leaves, 120 },
	{ "fork leaves the frames with the process that made the buffer", fork_leaves },
	{ "exit gives back", exit_gives_back },
	{ "kill -9 gives back", kill_gives_back },
	{ "kill -9 gives back to a process that shares the memory", kill_gives_back_to_the_living },
	{ "a last dma-buf reference in another process gives back to the right one",
	  last_reference_elsewhere },
	{ "a buffer outlives the process that made it, with its bytes", buffer_outlives_maker },
	{ "a file that a child closes last gives back to the parent", file_closed_by_child },
	{ "a program that was executed does not inherit the count", exec_starts_anew },
};

TAP_MAIN(tests)
