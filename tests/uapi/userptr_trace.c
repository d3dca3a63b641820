// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Tracepoints of user pages, read from tracefs: what a person sees who asks whether a submission
 * faulted anything in, who moved the pages, and how long the process had to wait for the GPU.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "restless.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define SIZE	(16 * PAGE)
#define ROOM	256

static char instance[96];

static void path_of(char *path, const char *name)
{
	CHECK(snprintf(path, ROOM, "%s/%s", instance, name) < ROOM);
}

static void remove_instance(void)
{
	rmdir(instance);
}

/* Begin to trace, in a buffer of our own. */
static void trace_start(void)
{
	char path[ROOM];

	if (mount("tracefs", "/sys/kernel/tracing", "tracefs", 0, NULL) && errno != EBUSY)
		tap_note("tracefs: %m");
	/*
	 * No names of processes, in buffers made from now on: to note them the kernel changes the code
	 * of its scheduler, which an emulated processor that runs it just then may not survive.
	 */
	write_file("/sys/kernel/tracing/options/record-cmd", "0");
	snprintf(instance, sizeof(instance), "/sys/kernel/tracing/instances/softgem-%d", getpid());
	if (mkdir(instance, 0700) && errno == ENOENT)
		tap_skip("no tracefs in this kernel");
	atexit(remove_instance);
	path_of(path, "events/softgem/enable");
	CHECK(write_file(path, "1"));
}

/* Forget what was traced so far. */
static void trace_clear(void)
{
	char path[ROOM];
	int fd;

	path_of(path, "trace");
	fd = open(path, O_WRONLY | O_TRUNC | O_CLOEXEC);
	CHECK_SYS(fd);
	close(fd);
}

/**
 * struct event - what was traced under one name, of the object at one address.
 * @count: how often
 * @line: the last one
 */
struct event {
	unsigned int count;
	char line[512];
};

static struct event trace_event(const char *name, const void *ptr)
{
	char path[ROOM], line[512], addr[40], label[64];
	struct event event = {};
	FILE *f;

	path_of(path, "trace");
	snprintf(label, sizeof(label), " %s: ", name);
	snprintf(addr, sizeof(addr), " addr=0x%lx ", (unsigned long)ptr);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (strstr(line, label) && strstr(line, addr)) {
			event.count++;
			strcpy(event.line, line);
		}
	fclose(f);
	return event;
}

/* A number of a traced line. */
static unsigned long long field(const struct event *event, const char *name)
{
	char label[64], *at, *end;
	unsigned long long value;

	snprintf(label, sizeof(label), " %s=", name);
	at = strstr(event->line, label);
	if (!at)
		tap_fail(__FILE__, __LINE__, "got %s expected %s in it", event->line, label);
	at += strlen(label);
	value = *at == '-' ? (unsigned long long)strtoll(at, &end, 0) : strtoull(at, &end, 0);
	CHECK(end > at);
	return value;
}

static void reused(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
	struct event event;

	trace_start();
	gpu_store(fd, handle, 0, 1);
	event = trace_event("userptr_acquire", ptr);
	CHECK_INT(event.count, 1);
	CHECK_INT(field(&event, "owner"), getpid());
	CHECK_INT(field(&event, "size"), SIZE);
	CHECK_INT(field(&event, "pages"), 16);
	CHECK(field(&event, "faults") > 0);
	CHECK_INT(field(&event, "ret"), 0);

	/* A second submission faults nothing in, and does not even look. */
	trace_clear();
	for (unsigned int i = 0; i < 10; i++)
		gpu_store(fd, handle, 4 * i, i);
	CHECK_INT(trace_event("userptr_acquire", ptr).count, 0);
	CHECK_INT(trace_event("userptr_retry", ptr).count, 0);
	event = trace_event("userptr_reuse", ptr);
	CHECK_INT(event.count, 10);
	CHECK_INT(field(&event, "owner"), getpid());

	/* What the process has faulted in already is looked up, and not faulted again. */
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ));
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE));
	memset(ptr, 1, SIZE);
	trace_clear();
	gpu_store(fd, handle, 0, 1);
	event = trace_event("userptr_acquire", ptr);
	CHECK_INT(event.count, 1);
	CHECK_INT(field(&event, "pages"), 16);
	CHECK_INT(field(&event, "faults"), 0);
}

static void failed(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
	struct event event;

	CHECK_SYS(munmap(ptr + PAGE, PAGE));
	trace_start();
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), -EFAULT);
	event = trace_event("userptr_acquire", ptr);
	CHECK_INT(event.count, 1);
	CHECK_INT(field(&event, "ret"), -EFAULT);
}

static void invalidated(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE), *other = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
	struct counters before;
	struct event event;

	gpu_store(fd, handle, 0, 1);
	trace_start();
	before = counters_settled();
	CHECK_SYS(munmap(other, SIZE));
	CHECK_INT(trace_event("userptr_invalidate", ptr).count, 0);
	CHECK_SYS(munmap(ptr + PAGE, PAGE));
	event = trace_event("userptr_invalidate", ptr);
	CHECK_INT(event.count, 1);
	CHECK_HEX(field(&event, "start"), (uintptr_t)ptr + PAGE);
	CHECK_HEX(field(&event, "end"), (uintptr_t)ptr + 2 * PAGE);
	CHECK_INT(field(&event, "held"), 0);
	event = trace_event("userptr_revoke", ptr);
	CHECK_INT(event.count, 1);
	CHECK_HEX(field(&event, "start"), (uintptr_t)ptr + PAGE);
	CHECK_INT(counters().revokes - before.revokes, 1);
	CHECK_INT(counters().invalidations - before.invalidations, 1);

	/* There is nothing left to take away. */
	trace_clear();
	CHECK_SYS(munmap(ptr, PAGE));
	CHECK_INT(trace_event("userptr_invalidate", ptr).count, 1);
	CHECK_INT(trace_event("userptr_revoke", ptr).count, 0);
}

static long call_munmap(void *ptr)
{
	return munmap(ptr, SIZE);
}

static void waited(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
	struct event event;
	struct job job;
	struct spin s;

	trace_start();
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	job_start(&job, call_munmap, ptr);
	CHECK(job_sleeps(&job));
	CHECK(!job_done_within(&job, 300));
	CHECK_INT(trace_event("userptr_revoke", ptr).count, 0);
	spin_end(&s);
	CHECK_INT(job_end(&job), 0);
	spin_free(&s);
	event = trace_event("userptr_invalidate", ptr);
	CHECK_INT(event.count, 1);
	CHECK(field(&event, "waited_ns") >= 250 * MSEC);
	CHECK(field(&event, "waited_ns") < 10 * NSEC);
	CHECK_INT(trace_event("userptr_revoke", ptr).count, 1);
}

static void held(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, 0);
	struct event event;
	struct spin s;

	trace_start();
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	CHECK_SYS(madvise(ptr, SIZE, MADV_DONTNEED));
	event = trace_event("userptr_invalidate", ptr);
	CHECK_INT(event.count, 1);
	CHECK_INT(field(&event, "held"), 1);
	CHECK(field(&event, "waited_ns") < 100 * MSEC);
	spin_free(&s);
}

static void pins(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	struct counters before = counters_settled();
	struct event event;
	uint32_t handle;
	int64_t end;

	trace_start();
	handle = gem_userptr(fd, ptr, SIZE, I915_USERPTR_UNSYNCHRONIZED);
	event = trace_event("userptr_pin", ptr);
	CHECK_INT(event.count, 1);
	CHECK_INT(field(&event, "pages"), 16);
	CHECK_INT(field(&event, "owner"), getpid());
	CHECK_INT(counters().pins - before.pins, 16);
	gpu_store(fd, handle, 0, 1);
	CHECK_INT(trace_event("userptr_unpin", ptr).count, 0);
	gem_close(fd, handle);
	for (end = now_ns() + 5 * NSEC; !trace_event("userptr_unpin", ptr).count && now_ns() < end;)
		sleep_ms(5);
	event = trace_event("userptr_unpin", ptr);
	CHECK_INT(event.count, 1);
	CHECK_INT(field(&event, "pages"), 16);
	CHECK_INT(counters().unpins - before.unpins, 16);
	CHECK_INT(trace_event("userptr_acquire", ptr).count, 0);
}

static void retried(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	struct restless restless;
	struct counters before;
	unsigned int retries;
	uint32_t handle;

	memset(ptr, 1, SIZE);
	restless_init(&restless, ptr, SIZE);
	handle = gem_userptr(fd, ptr, SIZE, 0);
	before = counters_settled();
	trace_start();
	restless_stir(&restless, VAIN_FEW);
	gpu_store(fd, handle, PAGE, 1);
	CHECK_INT(restless.left, 0);
	retries = trace_event("userptr_retry", ptr).count;
	CHECK(retries >= VAIN_FEW);
	CHECK_INT(counters().retries - before.retries, retries);
	CHECK_INT(trace_event("userptr_grip", ptr).count, 1);
	CHECK_INT(counters().grips - before.grips, 1);
}

static const struct subtest tests[] = {
	{ "a second submission reuses the pages, and looks nothing up", reused },
	{ "an acquisition that fails says so", failed },
	{ "a change is traced where it meets an object, and the revocation with it", invalidated },
	{ "how long a change waited for the GPU", waited },
	{ "a change that does not wait holds the pages", held },
	{ "pins and unpins", pins },
	{ "attempts that were in vain, and what comes of them", retried },
};

TAP_MAIN(tests)
