// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * When the machine is short of memory: what is idle is swapped out and comes back with its bytes,
 * and what the OOM killer ends gives back what it had.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"
#define TIMEOUT_FILE	"/sys/kernel/debug/dri/%d/i915_params/request_timeout_ms"

static uint64_t memory(const char *name)
{
	return (uint64_t)number_in("/proc/meminfo", name) << 10;
}

/* What is available, once what went before has been given back. */
static uint64_t settled(void)
{
	uint64_t last = 0, now = memory("MemAvailable");

	for (unsigned int i = 0; i < 50 && now / MiB != last / MiB; i++) {
		sleep_ms(200);
		last = now;
		now = memory("MemAvailable");
	}
	return now;
}

/* Wait until a file is restored that the subtest before has changed, and keep the next one off. */
static int claim(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	CHECK_SYS(fd);
	CHECK_SYS(flock(fd, LOCK_EX));
	return fd;
}

/*
 * Have a process write something to a file when this one is gone, whichever way it goes. The claim
 * to it becomes that process's.
 */
static void restore_at_end(int claimed, const char *path, const char *text)
{
	int fds[2];
	pid_t pid;
	char c;

	CHECK_SYS(pipe(fds));
	pid = fork();
	CHECK_SYS(pid);
	if (pid) {
		close(fds[0]);	/* the other end is closed at our end */
		close(claimed);
		return;
	}
	setsid();
	/* nothing of the test's is to be kept from ending */
	for (int fd = 0; fd < 64; fd++)
		if (fd != fds[0] && fd != claimed)
			close(fd);
	if (!read(fds[0], &c, 1))
		write_file(path, text);
	_exit(0);
}

/* Leave about @keep bytes of memory free, by means of huge pages that nobody may use. */
static void squeeze(uint64_t keep)
{
	int claimed = claim(NR_HUGEPAGES);
	unsigned long long pages = number_in("/proc/meminfo", "HugePages_Free");
	unsigned int good = 0;
	char text[32];

	if (memory("SwapFree") < 3 * keep)
		tap_skip("no swap, or not enough");
	/* some machines have a few for tests that use them */
	snprintf(text, sizeof(text), "%llu", pages);
	restore_at_end(claimed, NR_HUGEPAGES, text);
	CHECK(write_file("/proc/sys/vm/drop_caches", "3"));
	for (unsigned int i = 0; i < 50 && good < 5; i++) {
		uint64_t free = memory("MemFree");

		if (free > keep + 16 * MiB) {
			pages = number_in("/proc/meminfo", "HugePages_Total");
			snprintf(text, sizeof(text), "%llu", pages + (free - keep) / (2 * MiB));
			CHECK(write_file(NR_HUGEPAGES, text));
			good = 0;
		} else {
			good++;
		}
		sleep_ms(20);
	}
	tap_note("%llu MiB of memory are free", (unsigned long long)memory("MemFree") / MiB);
}

/* Touch so much memory that others have to make room, and let go of it. */
static void press(size_t len)
{
	char *ptr = map_anon(len);

	for (size_t i = 0; i < len; i += PAGE)
		ptr[i] = 1;
	CHECK_SYS(munmap(ptr, len));
}

#define KEEP	(256 * MiB)
#define EACH	(8 * MiB)
#define TAKEN	(32 * MiB)
#define COUNT	20

static uint64_t resident_bytes(int fd)
{
	char path[64], line[256], unit[8] = "";
	unsigned long long bytes = ~0ull;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (sscanf(line, "drm-resident-system0: %llu %7s", &bytes, unit) >= 1)
			bytes <<= !strcmp(unit, "MiB") ? 20 : !strcmp(unit, "KiB") ? 10 : 0;
	fclose(f);
	CHECK(bytes != ~0ull);
	return bytes;
}

static void objects_swapped(void)
{
	int fd = gem_open();
	uint32_t handle[COUNT], word;
	long long out;

	squeeze(KEEP);
	out = number_in("/proc/vmstat", "pswpout");
	for (uint32_t i = 0; i < COUNT; i++) {
		struct batch b;

		handle[i] = gem_create(fd, EACH);
		batch_init(&b, fd, I915_EXEC_BLT);
		batch_fill_blt(&b, handle[i], 0, EACH, 0xabc00000 + i);
		batch_submit(&b);
		batch_free(&b);
	}
	gem_sync(fd, handle[COUNT - 1]);
	press(KEEP);
	tap_note("%llu of %lu MiB of objects are resident, %lld pages were swapped out",
		 (unsigned long long)resident_bytes(fd) / MiB, COUNT * EACH / MiB,
		 number_in("/proc/vmstat", "pswpout") - out);
	CHECK(resident_bytes(fd) < COUNT * EACH);
	CHECK(number_in("/proc/vmstat", "pswpout") - out > 1000);
	for (uint32_t i = 0; i < COUNT; i++)
		for (uint64_t at = 0; at < EACH; at += EACH / 8) {
			gem_read(fd, handle[i], at, &word, 4);
			CHECK_HEX(word, 0xabc00000 + i);
		}
}

static void purged_first(void)
{
	int fd = gem_open();
	uint32_t handle[COUNT], word = 1, retained, gone = 0;

	squeeze(KEEP);
	for (uint32_t i = 0; i < COUNT; i++) {
		handle[i] = gem_create(fd, EACH);
		gem_write(fd, handle[i], 0, &word, 4);
		CHECK_RET(try_madvise(fd, handle[i], I915_MADV_DONTNEED, &retained), 0);
	}
	press(KEEP);
	for (uint32_t i = 0; i < COUNT; i++) {
		CHECK_RET(try_madvise(fd, handle[i], I915_MADV_WILLNEED, &retained), 0);
		gone += !retained;
	}
	tap_note("%u of %u objects were purged", gone, COUNT);
	CHECK(gone > 0);
}

/* The GPU needs all of it at once: it must fit into what the kernel leaves to processes. */
static void tracked_swapped(void)
{
	const size_t len = COUNT / 2 * EACH;
	int fd = gem_open();
	struct counters before = counters_settled();
	char *ptr;
	uint32_t handle;
	struct batch b;

	squeeze(KEEP);
	ptr = map_anon(len);
	handle = gem_userptr(fd, ptr, len, 0);
	batch_init(&b, fd, I915_EXEC_BLT);
	for (size_t at = 0; at < len; at += EACH)
		batch_fill_blt(&b, handle, at, EACH, 0xfeedbeef);
	batch_submit(&b);
	gem_sync(fd, handle);
	CHECK_INT(counters().pins, before.pins);
	/* whose pages go first is the kernel's choice */
	for (int i = 0; i < 8 && status_kb(getpid(), "VmSwap") <= 16 << 10; i++)
		press(KEEP);
	tap_note("%ld MiB of the process are in swap", status_kb(getpid(), "VmSwap") >> 10);
	CHECK(status_kb(getpid(), "VmSwap") > 16 << 10);
	CHECK(resident_bytes(fd) < len);
	/* Nothing that the GPU wrote is lost, whoever looks at it. */
	CHECK_HEX(gpu_read32(fd, handle, len / 2), 0xfeedbeef);
	for (size_t at = 0; at < len; at += PAGE)
		CHECK_HEX(*(uint32_t *)(ptr + at), 0xfeedbeef);
	CHECK_INT(status_kb(getpid(), "VmPin"), 0);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
}

/*
 * A group of two processes with less memory than they use between them: the GPU's object, which
 * alone would fit, and as much again that the other touches all the time. Whoever brings in a page
 * of the one makes the kernel take one of the other.
 */
#define GROUP		"/sys/fs/cgroup/softgem-pressure"
#define GROUP_MAX	"50331648"	/* bytes: TAKEN * 3 / 2 */

static void child_touches(void *arg)
{
	char *ptr = map_anon(TAKEN);

	CHECK(write_file(GROUP "/cgroup.procs", "0"));
	memset(ptr, 1, TAKEN);
	gate_open(arg);
	for (size_t i = 0;; i = (i + PAGE) % TAKEN)
		ptr[i]++;
}

static void child_uses_taken(void *arg)
{
	const struct counters before = counters_settled();
	uint32_t *ptr, handle, value = 0;
	int fd = gem_open();
	int64_t end;

	(void)arg;
	CHECK(write_file(GROUP "/cgroup.procs", "0"));
	ptr = map_anon(TAKEN);
	CHECK_SYS(madvise(ptr, TAKEN, MADV_NOHUGEPAGE));
	handle = gem_userptr(fd, ptr, TAKEN, 0);
	/* how often it is taken depends on who runs when */
	end = now_ns() + 30 * NSEC * tap_slow();
	do {
		for (uint32_t i = 0; i < 4; i++) {
			gpu_store(fd, handle, i * TAKEN / 4, ++value);
			CHECK_HEX(ptr[i * TAKEN / 16], value);
		}
	} while (counters().grips == before.grips && now_ns() < end);
	CHECK(counters().grips > before.grips);
	CHECK_INT(counters().pins, before.pins);
	CHECK_INT(status_kb(getpid(), "VmPin"), 0);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
	tap_note("%lld retries, %lld grips", counters().retries - before.retries,
		 counters().grips - before.grips);
	/* nothing is kept that is not in use */
	CHECK_SYS(madvise(ptr, TAKEN, MADV_PAGEOUT));
	CHECK(status_kb(getpid(), "VmSwap") > (long)(TAKEN >> 11));
}

static void taken_as_fast(void)
{
	struct gate gate;
	pid_t pid, other;
	int status;

	if (memory("SwapFree") < 4 * TAKEN)
		tap_skip("no swap, or not enough");
	CHECK(write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory"));
	CHECK(!mkdir(GROUP, 0755) || errno == EEXIST);
	CHECK(write_file(GROUP "/memory.max", GROUP_MAX));
	gate_init(&gate);
	other = child_start(child_touches, &gate);
	gate_pass(&gate);
	pid = child_start(child_uses_taken, NULL);
	CHECK(child_ended_within(pid, 100000, &status));
	CHECK_INT(status, 0);
	CHECK_SYS(kill(other, SIGKILL));
	CHECK(child_ended_within(other, 10000, &status));
	CHECK_SYS(rmdir(GROUP));
}

#define VICTIM	(256 * MiB)

static void child_is_victim(void *arg)
{
	int fd = gem_open();
	char *ptr = map_anon(VICTIM);
	uint32_t handle = gem_userptr(fd, ptr, VICTIM, 0);
	struct spin s;

	CHECK(write_file("/proc/self/oom_score_adj", "1000"));
	memset(ptr, 1, VICTIM);
	spin_start(&s, fd, gem_context_create(fd), I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	gate_open(arg);
	pause();
}

static void killed_for_memory(void)
{
	uint32_t *ptr = map_anon(PAGE), handle;
	int fd = gem_open(), status = 0;
	struct gate gate;
	uint64_t before, during, after = 0;
	char path[128];
	int64_t end;
	pid_t pid;

	/* What it has left on the GPU ends by time out, and not at once. */
	snprintf(path, sizeof(path), TIMEOUT_FILE, gem_card_minor());
	restore_at_end(claim(path), path, "20000");
	CHECK(write_file(path, "3000"));
	handle = gem_userptr(fd, ptr, PAGE, 0);
	gate_init(&gate);
	before = settled();
	pid = child_start(child_is_victim, &gate);
	gate_pass(&gate);
	during = memory("MemAvailable");
	CHECK(during < before - VICTIM / 4 * 3);
	CHECK(write_file("/proc/sysrq-trigger", "f"));
	CHECK(child_ended_within(pid, 10000, &status));
	CHECK_INT(status, SIGKILL);
	for (end = now_ns() + 10 * NSEC; now_ns() < end; sleep_ms(50)) {
		after = memory("MemAvailable");
		if (after > before - VICTIM / 4)
			break;
	}
	tap_note("%llu, %llu and %llu MiB were available before, with, and after it",
		 (unsigned long long)before / MiB, (unsigned long long)during / MiB,
		 (unsigned long long)after / MiB);
	CHECK(after > before - VICTIM / 4);
	gpu_store(fd, handle, 0, 5);
	CHECK_INT(ptr[0], 5);
}

static const struct subtest tests[] = {
	{ "idle objects are swapped out, and come back with their bytes", objects_swapped, 240 },
	{ "objects that are not needed are dropped", purged_first, 240 },
	{ "tracked user pages are swapped out, and no GPU write is lost", tracked_swapped, 240 },
	{ "the GPU gets pages that are reclaimed as fast as they are brought in", taken_as_fast, 120 },
	{ "the OOM killer gets back the memory that the GPU was at work on", killed_for_memory, 60 },
};

TAP_MAIN(tests)
