// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What one process does must not keep others, or the kernel, waiting beyond measure; nor is it held
 * against a process that others had their turn.
 */
#include "batch.h"
#include "counters.h"
#include "device.h"
#include "exynos.h"
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <xf86drm.h>

/* More than the threads that a workqueue has. */
#define MANY	1200
#define BOUND	300
/* More than a submission waits for before it keeps its place in the queue. */
#define IN_THE_WAY	20

/* Why some cannot be carried out where each ioctl fails again and again. */
#define SO_MANY	"to make so many takes longer than a batch is let run"

/* How many objects there are, while another's are freed as soon as they are closed. */
static long alive_beside_others(void)
{
	long alive;
	int other = gem_open();

	alive = objects_alive();
	for (uint32_t i = 0; i < 10; i++) {
		gem_close(other, gem_create(other, PAGE));
		CHECK(objects_become(alive, 5000));
	}
	return alive;
}

static void closed_and_busy(void)
{
	static struct drm_i915_gem_exec_object2 obj[MANY + 1];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.buffer_count = MANY + 1,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	int fd = gem_open();
	struct spin s;
	long alive;

	inject_skip(SO_MANY);
	gem_set_request_timeout(LONG_TIMEOUT_MS);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	for (uint32_t i = 0; i <= MANY; i++)
		obj[i].handle = gem_create(fd, PAGE);
	gem_write(fd, obj[MANY].handle, 0, &end, sizeof(end));
	CHECK_RET(try_execbuf(fd, &eb), 0);
	for (uint32_t i = 0; i <= MANY; i++)
		gem_close(fd, obj[i].handle);

	alive = alive_beside_others();
	/* they are there for as long as they are in use, and no longer */
	CHECK(alive >= MANY);
	CHECK(objects_alive() >= MANY);
	spin_end(&s);
	CHECK(objects_become(alive - MANY, 5000));
	spin_free(&s);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

struct invalidated {
	struct gate closed, seen;
};

/* Whoever changes the memory waits for a request, and so does the end of every userptr. */
static void child_closes(void *arg)
{
	static struct drm_i915_gem_exec_object2 obj[MANY + 1];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.buffer_count = MANY + 1,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	char *ptr = map_anon((MANY + 1) * PAGE);
	struct invalidated *shared = arg;
	int fd = gem_open();
	struct spin s;
	struct job job;

	for (uint32_t i = 0; i < MANY; i++)
		obj[i].handle = gem_userptr(fd, ptr + (i + 1) * PAGE, PAGE, 0);
	obj[MANY].handle = gem_create(fd, PAGE);
	gem_write(fd, obj[MANY].handle, 0, &end, sizeof(end));
	CHECK_RET(try_execbuf(fd, &eb), 0);
	gem_sync(fd, obj[MANY].handle);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, gem_userptr(fd, ptr, PAGE, 0), EXEC_OBJECT_WRITE);
	mprotect_start(&job, ptr);
	CHECK(!job_done_within(&job, 200));
	for (uint32_t i = 0; i < MANY; i++)
		gem_close(fd, obj[i].handle);
	gate_open(&shared->closed);
	gate_pass(&shared->seen);
	CHECK(!job_done_within(&job, 1));
	spin_end(&s);
	CHECK_INT(job_end(&job), 0);
	spin_free(&s);
}

static void closed_and_invalidated(void)
{
	struct invalidated shared;
	pid_t pid;
	long alive;

	inject_skip(SO_MANY);
	gem_set_request_timeout(LONG_TIMEOUT_MS);
	gate_init(&shared.closed);
	gate_init(&shared.seen);
	pid = child_start(child_closes, &shared);
	gate_pass(&shared.closed);
	alive = alive_beside_others();
	CHECK(alive >= MANY);
	CHECK(objects_alive() >= MANY);
	gate_open(&shared.seen);
	child_end(pid);
	CHECK(objects_become(alive - MANY, 5000));
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

/* Whoever changes the memory holds its lock, and what was pinned of it counts on for so long. */
static void child_unpins(void *arg)
{
	static uint32_t pinned[MANY];
	char *ptr = map_anon((MANY + 1) * PAGE);
	struct invalidated *shared = arg;
	int fd = gem_open(), exynos = exynos_open();
	struct spin s;
	struct job job;

	for (uint32_t i = 0; i < MANY; i++)
		pinned[i] = exynos_userptr(exynos, ptr + (i + 1) * PAGE, PAGE, 0);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, gem_userptr(fd, ptr, PAGE, 0), EXEC_OBJECT_WRITE);
	mprotect_start(&job, ptr);
	CHECK(!job_done_within(&job, 200));
	for (uint32_t i = 0; i < MANY; i++)
		gem_close(exynos, pinned[i]);
	gate_open(&shared->closed);
	gate_pass(&shared->seen);
	CHECK(!job_done_within(&job, 1));
	spin_end(&s);
	CHECK_INT(job_end(&job), 0);
	CHECK(status_kb_becomes(getpid(), "VmLck", 0));
	spin_free(&s);
}

static void unpinned_and_invalidated(void)
{
	const struct rlimit limit = { .rlim_cur = 8 * PAGE, .rlim_max = 8 * PAGE };
	int exynos = exynos_open();
	void *ptr = map_anon(8 * PAGE);
	struct invalidated shared;
	long long was;
	unsigned int late = 0;
	uint32_t handle;
	pid_t pid;

	inject_skip(SO_MANY);
	counters_settled();
	was = pages_pinned();
	gem_set_request_timeout(LONG_TIMEOUT_MS);
	gate_init(&shared.closed);
	gate_init(&shared.seen);
	pid = child_start(child_unpins, &shared);
	CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
	drop_capability(CAP_IPC_LOCK);
	gate_pass(&shared.closed);
	for (uint32_t i = 0; i < 10; i++) {
		int64_t began = now_ns();

		/* all that may be, and again as soon as it was let go of */
		CHECK_RET(try_exynos_userptr(exynos, ptr, 8 * PAGE, 0, &handle), 0);
		gem_close(exynos, handle);
		if (now_ns() - began > 200 * MSEC * tap_slow())
			late++;
	}
	CHECK(late <= 2);
	CHECK(status_kb_becomes(getpid(), "VmLck", 0));
	/* the others' pages are unpinned too, and count on */
	counters_settled();
	CHECK_INT(pages_pinned(), was);
	CHECK_INT(status_kb(pid, "VmLck"), (long)(MANY * PAGE / 1024));
	gate_open(&shared.seen);
	child_end(pid);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

#define VAST		(16ull << 40)
#define VAST_PART	(2 * MiB)

/* A userptr far larger than what is there of it: no invalidation takes as long as its range. */
static void vast_and_invalidated(void)
{
	int64_t best = INT64_MAX;
	int fd = gem_open();

	for (int i = 0; i < 3; i++) {
		long long revokes;
		uint32_t handle, word;
		int64_t began;
		char *ptr;

		ptr = mmap(NULL, VAST, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1,
			   0);
		CHECK(ptr != MAP_FAILED);
		CHECK_SYS(mprotect(ptr, 2 * VAST_PART, PROT_READ | PROT_WRITE));
		handle = gem_userptr(fd, ptr, VAST, 0);
		/* what is in front of the hole is looked up all the same */
		CHECK_RET(try_read(fd, handle, 0, &word, sizeof(word)), -EFAULT);
		revokes = counters().revokes;
		began = now_ns();
		CHECK_SYS(munmap(ptr, VAST));
		began = now_ns() - began;
		CHECK_INT(counters().revokes, revokes + 1);
		if (began < best)
			best = began;
		gem_close(fd, handle);
		gem_set_debugfs("i915_gem_drop_caches", "0x10");
	}
	tap_note("munmap() took %lld us", (long long)(best / 1000));
	CHECK(best < 50 * MSEC * tap_slow());
}

/* An execbuf that relocates an object which is in use: it waits with the object's reservation. */
struct relocating {
	int fd;
	uint32_t ctx;
	uint32_t object, batch;
};

static long relocates_busy(void *arg)
{
	struct relocating *r = arg;
	struct drm_i915_gem_relocation_entry reloc = {
		.target_handle = r->object,
		.offset = PAGE - 8,
		.presumed_offset = -1,
	};
	struct drm_i915_gem_exec_object2 obj[2] = {
		{ .handle = r->object, .relocs_ptr = (uintptr_t)&reloc, .relocation_count = 1 },
		{ .handle = r->batch },
	};
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.buffer_count = 2,
		.flags = I915_EXEC_RENDER,
		.rsvd1 = r->ctx,
	};

	return try_execbuf(r->fd, &eb);
}

struct copying {
	void *ptr;
	struct gate began;
};

static void ignore(int sig)
{
	(void)sig;
}

/* The kernel reads what is mapped, in the middle of a call. */
static void child_copies(void *arg)
{
	struct copying *c = arg;
	int file = memfd_create("copy", 0);

	CHECK_SYS(file);
	CHECK(signal(SIGUSR1, ignore) != SIG_ERR);
	gate_open(&c->began);
	CHECK_INT(write(file, c->ptr, PAGE), (long)PAGE);
}

static pid_t copy_start(void *ptr)
{
	struct copying c = { .ptr = ptr };
	pid_t pid;

	gate_init(&c.began);
	pid = child_start(child_copies, &c);
	gate_pass(&c.began);
	CHECK(child_goes_on(pid, 200));
	return pid;
}

static void copies_from_mapping(void)
{
	static const uint64_t kinds[] = { I915_MMAP_OFFSET_GTT, I915_MMAP_OFFSET_WB };
	const uint32_t end = MI_BATCH_BUFFER_END;
	struct relocating r = { .fd = gem_open() };
	int dmabuf, status;
	struct spin s;
	struct job job;
	void *ptr[3];
	pid_t pid;

	r.ctx = gem_context_create(r.fd);
	r.object = gem_create(r.fd, PAGE);
	r.batch = gem_create(r.fd, PAGE);
	gem_write(r.fd, r.batch, 0, &end, sizeof(end));
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		ptr[i] = gem_mmap(r.fd, r.object, PAGE, kinds[i]);
	CHECK_RET(try_prime_export(r.fd, r.object, DRM_RDWR, &dmabuf), 0);
	ptr[2] = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	CHECK(ptr[2] != MAP_FAILED);

	gem_set_request_timeout(LONG_TIMEOUT_MS);
	spin_start(&s, r.fd, 0, I915_EXEC_RENDER, r.object, EXEC_OBJECT_WRITE);
	job_start(&job, relocates_busy, &r);
	CHECK(job_sleeps(&job));
	CHECK(!job_done_within(&job, 200));
	for (size_t i = 0; i < ARRAY_SIZE(ptr); i++) {
		pid = copy_start(ptr[i]);
		CHECK_SYS(kill(pid, SIGKILL));
		CHECK(child_ended_within(pid, 5000, &status));
		CHECK_INT(status, SIGKILL);
	}
	/* a signal that does not kill is for later, and the copy goes on when it can */
	pid = copy_start(ptr[0]);
	CHECK_SYS(kill(pid, SIGUSR1));
	CHECK(child_goes_on(pid, 500));
	CHECK(!job_done_within(&job, 0));
	spin_end(&s);
	child_end(pid);
	CHECK_RET(job_end(&job), 0);
	spin_free(&s);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

/* An execbuf that waits for its objects' addresses. */
struct in_the_way {
	int fd;
	struct drm_i915_gem_exec_object2 obj[IN_THE_WAY + 1];
};

static long wants_addresses(void *arg)
{
	struct in_the_way *way = arg;
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)way->obj,
		.buffer_count = IN_THE_WAY + 1,
	};

	return try_execbuf(way->fd, &eb);
}

/* Who waited for one object after the other keeps others out of the address space, not for ever. */
static void waiting_for_addresses(void)
{
	static struct in_the_way way;
	static struct drm_i915_gem_exec_object2 obj[BOUND + 1];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.buffer_count = BOUND + 1,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	int fd = gem_open(), other = gem_open();
	struct spin s[IN_THE_WAY];
	struct job job;
	long alive;

	for (uint32_t i = 0; i <= BOUND; i++)
		obj[i].handle = gem_create(fd, PAGE);
	gem_write(fd, obj[BOUND].handle, 0, &end, sizeof(end));
	CHECK_RET(try_execbuf(fd, &eb), 0);
	gem_sync(fd, obj[BOUND].handle);

	way.fd = fd;
	for (uint32_t i = 0; i <= IN_THE_WAY; i++)
		way.obj[i].handle = gem_create(fd, PAGE);
	gem_write(fd, way.obj[IN_THE_WAY].handle, 0, &end, sizeof(end));
	for (uint32_t i = 0; i < IN_THE_WAY; i++) {
		uint32_t handle = gem_create(fd, PAGE);

		spin_start(&s[i], fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
		way.obj[i].offset = batch_address(handle);
		way.obj[i].flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
	}
	job_start(&job, wants_addresses, &way);
	for (uint32_t i = 0; i < IN_THE_WAY - 1; i++) {
		CHECK(!job_done_within(&job, 100));
		spin_end(&s[i]);
		CHECK(fence_signalled(s[i].fence, 5000));
	}
	CHECK(!job_done_within(&job, 100));

	/* idle ones of that address space go, and so do others' */
	alive = objects_alive();
	for (uint32_t i = 0; i < BOUND; i++)
		gem_close(fd, obj[i].handle);
	CHECK(objects_become(alive - BOUND, 5000));
	gem_close(other, gem_create(other, PAGE));
	CHECK(objects_become(alive - BOUND, 5000));
	CHECK(!job_done_within(&job, 0));
	spin_end(&s[IN_THE_WAY - 1]);
	CHECK_RET(job_end(&job), 0);
	for (uint32_t i = 0; i < IN_THE_WAY; i++)
		spin_free(&s[i]);
}

/* A space that is full of objects, those used one after the other nowhere near each other. */
#define CROWD		(1u << 14)
#define CROWD_STEP	((1ull << 32) / CROWD)
#define AT_ONCE		(1u << 11)
#define LARGE		800

static void crowd(int fd, uint32_t *handles)
{
	static struct drm_i915_gem_exec_object2 obj[AT_ONCE];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.buffer_count = AT_ONCE,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;

	for (uint32_t i = 0; i < CROWD; i++) {
		uint32_t place = i * 7919 % CROWD;

		handles[i] = gem_create(fd, PAGE);
		obj[i % AT_ONCE] = (struct drm_i915_gem_exec_object2){
			.handle = handles[i],
			.offset = place * CROWD_STEP,
			.pad_to_size = place < CROWD - 1 ? CROWD_STEP : PAGE,
			.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_PAD_TO_SIZE,
		};
		if (i % AT_ONCE < AT_ONCE - 1)
			continue;
		gem_write(fd, handles[i], 0, &end, sizeof(end));
		CHECK_RET(try_execbuf(fd, &eb), 0);
		gem_sync(fd, handles[i]);
	}
}

struct crowded {
	int fd;
	struct gate gate;
};

/* Each takes the place of sixteen, of which the last was used long after the first. */
static void child_searches(void *arg)
{
	static struct drm_i915_gem_exec_object2 obj[LARGE];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.buffer_count = LARGE,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;
	struct crowded *c = arg;

	for (uint32_t i = 0; i < LARGE; i++)
		obj[i] = (struct drm_i915_gem_exec_object2){
			.handle = gem_create(c->fd, PAGE),
			.alignment = 16 * CROWD_STEP,
			.pad_to_size = 16 * CROWD_STEP,
			.flags = EXEC_OBJECT_PAD_TO_SIZE,
		};
	gem_write(c->fd, obj[LARGE - 1].handle, 0, &end, sizeof(end));
	gate_open(&c->gate);
	for (;;)
		try_execbuf(c->fd, &eb);
}

static void searching_for_addresses(void)
{
	static uint32_t handles[CROWD];
	struct crowded c = { .fd = gem_open() };
	int64_t best = INT64_MAX;
	int status;
	pid_t pid;

	crowd(c.fd, handles);
	gate_init(&c.gate);
	pid = child_start(child_searches, &c);
	gate_pass(&c.gate);
	for (uint32_t i = 0; i < 3; i++) {
		int64_t began = now_ns();
		long alive = objects_alive();

		sleep_ms(100);
		gem_close(c.fd, handles[CROWD - 1 - i]);
		CHECK(objects_become(alive - 1, 10000));
		began = now_ns() - began;
		tap_note("freed in %lld ms", (long long)(began / MSEC));
		if (began < best)
			best = began;
	}
	CHECK(best < 1000 * MSEC * tap_slow());
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 3000, &status));
	CHECK_INT(status, SIGKILL);
}

#define QUEUE	12

/* Each may run for half a second, one after the other; nobody is to wait for all of them. */
static void queue_in_front(void)
{
	uint32_t *ptr = map_anon(PAGE), handle;
	struct spin s[QUEUE];
	int fd = gem_open();
	struct job job;
	int64_t began;

	gem_set_request_timeout(500);
	handle = gem_userptr(fd, ptr, PAGE, 0);
	for (unsigned int i = 0; i < QUEUE; i++)
		spin_start(&s[i], fd, gem_context_create(fd), I915_EXEC_RENDER, handle,
			   EXEC_OBJECT_WRITE);
	began = now_ns();
	mprotect_start(&job, ptr);
	CHECK(!job_done_within(&job, 50));
	CHECK(job_done_within(&job, 4000));
	tap_note("mprotect() took %lld ms", (long long)((now_ns() - began) / MSEC));
	CHECK_INT(job_end(&job), 0);
	for (unsigned int i = 0; i < QUEUE; i++) {
		CHECK(fence_signalled(s[i].fence, 3000));
		CHECK_RET(fence_status(s[i].fence), -EIO);
		spin_free(&s[i]);
	}
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

/* Three of equal importance: each has a third of the engine. */
static void time_of_others(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);
	struct drm_i915_reset_stats stats;
	struct spin s[3];

	gem_set_request_timeout(3000);
	for (unsigned int i = 0; i < 3; i++)
		spin_start(&s[i], fd, i ? gem_context_create(fd) : ctx, I915_EXEC_RENDER, 0, 0);
	CHECK(!fence_signalled(s[0].fence, 4500));
	spin_end(&s[0]);
	CHECK(fence_signalled(s[0].fence, 5000));
	CHECK_INT(fence_status(s[0].fence), 1);
	CHECK_RET(try_reset_stats(fd, ctx, &stats), 0);
	CHECK_INT(stats.batch_active, 0);
	/* but its own time ends */
	CHECK(fence_signalled(s[1].fence, 6000));
	CHECK_RET(fence_status(s[1].fence), -EIO);
	for (unsigned int i = 0; i < 3; i++)
		spin_free(&s[i]);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

/* What takes a processor for itself, but for the twentieth part that the kernel keeps back. */
struct hog {
	int cpu;
	struct spin *ends;
	struct job job;
};

static long takes_processor(void *arg)
{
	const struct sched_param param = { .sched_priority = 50 };
	struct hog *hog = arg;
	cpu_set_t set;
	int64_t end;

	CPU_ZERO(&set);
	CPU_SET(hog->cpu, &set);
	CHECK_SYS(sched_setaffinity(0, sizeof(set), &set));
	CHECK_SYS(sched_setscheduler(0, SCHED_FIFO, &param));
	for (end = now_ns() + 3000 * MSEC; now_ns() < end;)
		;
	if (hog->ends)
		spin_end(hog->ends);
	return 0;
}

#define HOGS	16

static void time_of_nobody(void)
{
	int n = sysconf(_SC_NPROCESSORS_ONLN);
	struct hog hogs[HOGS];
	int fd = gem_open();
	struct spin s;

	/* All processors are taken away; the batch ends before they are given back. */
	if (n > HOGS)
		tap_skip("more than 16 processors");
	gem_set_request_timeout(1500);
	spin_start(&s, fd, gem_context_create(fd), I915_EXEC_RENDER, 0, 0);
	CHECK(!fence_signalled(s.fence, 100));
	for (int i = 0; i < n; i++) {
		hogs[i] = (struct hog){ .cpu = i, .ends = i ? NULL : &s };
		job_start(&hogs[i].job, takes_processor, &hogs[i]);
	}
	for (int i = 0; i < n; i++)
		CHECK_INT(job_end(&hogs[i].job), 0);
	CHECK(fence_signalled(s.fence, 1000));
	CHECK_INT(fence_status(s.fence), 1);
	spin_free(&s);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

#define RELOCS		(1u << 26)
#define RELOCS_COPIED	(1u << 24)
#define RELOCATED	64

/* What a child relocates: @count of them an object, wrong if the first object is not at 0. */
struct relocates {
	struct gate gate;
	uint32_t count;
	uint64_t offset;
};

/* A process's memory that another device is to have, and the file it is exported as. */
struct exported {
	struct gate ready, done, calls;
	int dmabuf, dev;
};

/* Its own memory is being changed meanwhile, which waits for the GPU. */
static void child_exports(void *arg)
{
	char *ptr = map_anon(2 * PAGE);
	struct exported *e = arg;
	int fd = gem_open();
	uint32_t handle = gem_userptr(fd, ptr + PAGE, PAGE, 0);
	struct spin s;
	struct job job;

	gpu_store(fd, handle, 0, 1);
	CHECK_INT(dup2(gem_export(fd, handle), e->dmabuf), e->dmabuf);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, gem_userptr(fd, ptr, PAGE, 0), EXEC_OBJECT_WRITE);
	mprotect_start(&job, ptr);
	gate_open(&e->ready);
	gate_pass(&e->done);
	CHECK(!job_done_within(&job, 1));
	spin_end(&s);
	CHECK_INT(job_end(&job), 0);
	spin_free(&s);
}

static void child_attaches(void *arg)
{
	struct exported *e = arg;

	gate_open(&e->calls);
	try_device_attach(e->dev, e->dmabuf, false);
}

static void killed_while_attaching(void)
{
	struct exported e = { .dmabuf = 500, .dev = device_open() };
	pid_t pid;

	gem_set_request_timeout(LONG_TIMEOUT_MS);
	gate_init(&e.ready);
	gate_init(&e.done);
	pid = child_start(child_exports, &e);
	gate_pass(&e.ready);
	e.dmabuf = take_fd(pid, e.dmabuf);
	kill_in_call(child_attaches, &e, &e.calls);
	gate_open(&e.done);
	child_end(pid);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

/* Relocations without end: up to 2 GiB of them, all zero, for each of many objects. */
static void child_relocates(void *arg)
{
	struct relocates *r = arg;
	static struct drm_i915_gem_exec_object2 obj[RELOCATED + 2];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.buffer_count = RELOCATED + 2,
		.flags = I915_EXEC_HANDLE_LUT,
	};
	const size_t size = (size_t)r->count * sizeof(struct drm_i915_gem_relocation_entry);
	const uint32_t end = MI_BATCH_BUFFER_END;
	int fd = gem_open();
	void *relocs;

	relocs = mmap(NULL, size, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(relocs != MAP_FAILED);
	/* all of it is the huge zero page */
	CHECK_SYS(madvise(relocs, size, MADV_HUGEPAGE));
	CHECK_SYS(madvise(relocs, size, MADV_POPULATE_READ));
	for (uint32_t i = 0; i < RELOCATED + 2; i++) {
		obj[i].handle = gem_create(fd, PAGE);
		obj[i].relocs_ptr = (uintptr_t)relocs;
		obj[i].relocation_count = i && i <= RELOCATED ? r->count : 0;
	}
	/* what they all point to */
	obj[0].flags = EXEC_OBJECT_PINNED;
	obj[0].offset = r->offset;
	gem_write(fd, obj[RELOCATED + 1].handle, 0, &end, sizeof(end));
	gate_open(&r->gate);
	/* it does not come to an end of itself */
	CHECK_RET(try_execbuf(fd, &eb), -EINTR);
}

/* By then it has all of the objects, or brings the relocations in. */
static void kill_while_relocating(uint32_t count, uint64_t offset)
{
	struct relocates r = { .count = count, .offset = offset };

	kill_in_call(child_relocates, &r, &r.gate);
}

/* They say where the object is. */
static void killed_while_relocating(void)
{
	kill_while_relocating(RELOCS, 0);
}

/* They do not, and cannot be told: they are copied. */
static void killed_while_copying(void)
{
	kill_while_relocating(RELOCS_COPIED, MiB);
}

#define FENCES		(1u << 24)
#define FENCES_PART	(2 * MiB)

/* Fences without end: the same syncobj again and again. */
static void child_names_fences(void *arg)
{
	const size_t size = FENCES * sizeof(struct drm_i915_gem_exec_fence);
	const uint32_t end = MI_BATCH_BUFFER_END;
	struct drm_i915_gem_exec_object2 obj = {};
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)&obj,
		.buffer_count = 1,
		.flags = I915_EXEC_FENCE_ARRAY,
		.num_cliprects = FENCES,
	};
	int fd = gem_open(), mem = memfd_create("fences", 0);
	struct drm_i915_gem_exec_fence fence = {
		.flags = I915_EXEC_FENCE_WAIT | I915_EXEC_FENCE_SIGNAL,
	}, *fences;

	CHECK_INT(drmSyncobjCreate(fd, DRM_SYNCOBJ_CREATE_SIGNALED, &fence.handle), 0);
	CHECK_SYS(mem);
	CHECK_SYS(ftruncate(mem, FENCES_PART));
	fences = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	CHECK(fences != MAP_FAILED);
	for (size_t at = 0; at < size; at += FENCES_PART)
		CHECK(mmap((char *)fences + at, FENCES_PART, PROT_READ | PROT_WRITE,
			   MAP_SHARED | MAP_FIXED, mem, 0) != MAP_FAILED);
	for (size_t i = 0; i < FENCES_PART / sizeof(fence); i++)
		fences[i] = fence;
	eb.cliprects_ptr = (uintptr_t)fences;
	obj.handle = gem_create(fd, PAGE);
	gem_write(fd, obj.handle, 0, &end, sizeof(end));
	gate_open(arg);
	CHECK_RET(try_execbuf(fd, &eb), -EINTR);
}

static void killed_while_naming_fences(void)
{
	struct gate gate;

	kill_in_call(child_names_fences, &gate, &gate);
}

static volatile bool stop;

static long destroys_by_number(void *arg)
{
	int fd = *(int *)arg;

	for (uint32_t ctx = 1; !stop; ctx = ctx % 4 + 1)
		try_context_destroy(fd, ctx);
	return 0;
}

static void context_guessed(void)
{
	int fd = gem_open();
	unsigned int created = 0, gone = 0;
	struct job job;
	int64_t began;

	stop = false;
	job_start(&job, destroys_by_number, &fd);
	for (began = now_ns(); now_ns() - began < (gone ? 2 : 30 * tap_slow()) * NSEC; created++) {
		uint32_t ctx = gem_context_create(fd);

		CHECK(ctx > 0);
		gone += try_context_destroy(fd, ctx) == -ENOENT;
	}
	stop = true;
	CHECK_INT(job_end(&job), 0);
	tap_note("%u contexts, %u gone by another's hand", created, gone);
	CHECK(gone > 0);
}

static const struct subtest tests[] = {
	{ "objects closed while in use do not keep others' from being freed", closed_and_busy, 60 },
	{ "nor do userptrs closed while their memory is taken away", closed_and_invalidated, 60 },
	{ "nor do pinned pages let go of then", unpinned_and_invalidated, 60 },
	{ "nor does who waits for addresses", waiting_for_addresses, 60 },
	{ "who searches for addresses lets others in, and can be killed", searching_for_addresses, 60 },
	{ "who changes his memory waits a bounded time for the queue in front", queue_in_front, 60 },
	{ "userptrs of which little is there are invalidated at once", vast_and_invalidated, 60 },
	{ "what others had of the engine does not count as a request's time", time_of_others, 60 },
	{ "nor does time in which its engine had no processor", time_of_nobody },
	{ "SIGKILL while it relocates without end", killed_while_relocating, 60 },
	{ "SIGKILL while relocations are copied", killed_while_copying, 60 },
	{ "SIGKILL while fences are looked up", killed_while_naming_fences, 60 },
	{ "SIGKILL while another's memory is pinned for a device", killed_while_attaching, 60 },
	{ "SIGKILL while the kernel copies from a mapping that is in use", copies_from_mapping, 60 },
	{ "contexts destroyed by number while they are created", context_guessed, 60 },
};

TAP_MAIN(tests)
