// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * EXECBUFFER2 with more fences than anybody needs: what that costs is the caller's matter alone.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

/* Requests that wait for @spin, each in a context of its own. */
static void submit_behind(int fd, const struct spin *spin, int *fences, unsigned int n)
{
	for (unsigned int i = 0; i < n; i++) {
		struct batch b;

		batch_init(&b, fd, I915_EXEC_BLT | I915_EXEC_FENCE_IN | I915_EXEC_FENCE_OUT);
		b.ctx = gem_context_create(fd);
		b.rsvd2 = spin->fence;
		batch_submit(&b);
		fences[i] = b.rsvd2 >> 32;
	}
}

/* As many points as that are signalled by one submission. */
#define POINTS		30000u

struct signals {
	int fd;
	uint32_t shared, line;
};

static void child_signals_points(void *arg)
{
	struct signals *signals = arg;
	struct drm_i915_gem_exec_fence *fences = calloc(POINTS, sizeof(*fences));
	uint64_t *points = calloc(POINTS, sizeof(*points));
	struct drm_i915_gem_execbuffer_ext_timeline_fences ext = {
		.base.name = DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES,
		.fence_count = POINTS,
		.handles_ptr = (uintptr_t)fences,
		.values_ptr = (uintptr_t)points,
	};
	struct batch b;

	CHECK(fences && points);
	for (uint32_t i = 0; i < POINTS; i++) {
		fences[i].handle = signals->line;
		fences[i].flags = I915_EXEC_FENCE_SIGNAL;
		points[i] = i + 1;
	}
	batch_init(&b, signals->fd, I915_EXEC_RENDER | I915_EXEC_USE_EXTENSIONS);
	b.cliprects = (uintptr_t)&ext;
	batch_store(&b, signals->shared, 0, 1);
	batch_submit(&b);
}

/*
 * A point costs as much as those before it on the line that have not signalled. Nobody waits for
 * that: the batch runs, and others use the object.
 */
static void points_without_end(void)
{
	struct signals signals = { .fd = gem_open() };
	struct spin spin;
	uint64_t point;
	int status;
	pid_t pid;

	signals.shared = gem_create(signals.fd, PAGE);
	/* until this has ended nothing signals, so that the line gets long */
	spin_start(&spin, signals.fd, gem_context_create(signals.fd), I915_EXEC_RENDER, signals.shared,
		   EXEC_OBJECT_WRITE);
	signals.line = gem_syncobj(signals.fd);
	pid = child_start(child_signals_points, &signals);
	do {
		sleep_ms(10);
		CHECK_INT(drmSyncobjQuery2(signals.fd, &signals.line, &point, 1,
					   DRM_SYNCOBJ_QUERY_FLAGS_LAST_SUBMITTED), 0);
	} while (point < POINTS / 10);
	spin_end(&spin);
	CHECK_INT(gem_read32(signals.fd, signals.shared, 0), 1);
	gpu_store(signals.fd, signals.shared, 0, 2);
	CHECK_INT(gem_read32(signals.fd, signals.shared, 0), 2);
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 3000, &status));
	spin_free(&spin);
}

#define RINGS		8
#define NAMES		(1u << 18)

static void named_again_and_again(void)
{
	struct drm_i915_gem_exec_fence *names = calloc(NAMES, sizeof(*names));
	uint32_t handles[RINGS];
	int fd = gem_open(), fences[RINGS];
	long long used, before;
	struct spin spin;
	struct batch b;

	CHECK(names);
	gem_set_request_timeout(LONG_TIMEOUT_MS);
	spin_start(&spin, fd, 0, I915_EXEC_RENDER, 0, 0);
	submit_behind(fd, &spin, fences, RINGS);
	for (unsigned int i = 0; i < RINGS; i++) {
		handles[i] = gem_syncobj(fd);
		CHECK_INT(drmSyncobjImportSyncFile(fd, handles[i], fences[i]), 0);
	}
	for (uint32_t i = 0; i < NAMES; i++) {
		names[i].handle = handles[i % RINGS];
		names[i].flags = I915_EXEC_FENCE_WAIT;
	}
	before = number_in("/proc/meminfo", "VmallocUsed");
	batch_init(&b, fd, I915_EXEC_BLT | I915_EXEC_FENCE_ARRAY | I915_EXEC_FENCE_OUT);
	b.ctx = gem_context_create(fd);
	b.cliprects = (uintptr_t)names;
	b.num_cliprects = NAMES;
	batch_submit(&b);
	/* of every timeline it waits for one fence */
	used = number_in("/proc/meminfo", "VmallocUsed") - before;
	tap_note("%lld KiB for %u names of %u fences", used, NAMES, RINGS);
	CHECK(used < 1024);
	CHECK(!fence_signalled(b.rsvd2 >> 32, 100));
	spin_end(&spin);
	CHECK(fence_signalled(b.rsvd2 >> 32, 5000));
	CHECK_INT(fence_status(b.rsvd2 >> 32), 1);
	spin_free(&spin);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

/* More fences than are looked for one by one, some of them several times. */
static void each_is_waited_for(void)
{
	enum { SPINS = 3, EACH = 20, ALL = SPINS * EACH };
	int fd = gem_open(), fences[ALL];
	struct drm_i915_gem_exec_fence names[2 * ALL];
	struct spin spin[SPINS];
	struct batch b;

	for (unsigned int i = 0; i < SPINS; i++) {
		spin_start(&spin[i], fd, gem_context_create(fd), I915_EXEC_RENDER, 0, 0);
		submit_behind(fd, &spin[i], fences + i * EACH, EACH);
	}
	for (unsigned int i = 0; i < 2 * ALL; i++) {
		names[i] = (struct drm_i915_gem_exec_fence){
			.handle = gem_syncobj(fd), .flags = I915_EXEC_FENCE_WAIT,
		};
		CHECK_INT(drmSyncobjImportSyncFile(fd, names[i].handle, fences[i % ALL]), 0);
	}
	batch_init(&b, fd, I915_EXEC_BSD | I915_EXEC_FENCE_ARRAY | I915_EXEC_FENCE_OUT);
	b.cliprects = (uintptr_t)names;
	b.num_cliprects = 2 * ALL;
	batch_submit(&b);
	for (unsigned int i = 0; i < SPINS; i++) {
		CHECK(!fence_signalled(b.rsvd2 >> 32, 200));
		spin_end(&spin[(i + 1) % SPINS]);
	}
	CHECK(fence_signalled(b.rsvd2 >> 32, 5000));
	CHECK_INT(fence_status(b.rsvd2 >> 32), 1);
	for (unsigned int i = 0; i < SPINS; i++)
		spin_free(&spin[i]);
}

#define MERGED		100u
#define LINE		(1000u / tap_slow())	/* what it costs to make grows with the square */
#define ENTRIES		1000u

struct chains {
	struct gate gate;
	int fd;
	uint32_t line;
};

static void child_names_chains(void *arg)
{
	struct chains *chains = arg;
	struct drm_i915_gem_exec_fence *names = calloc(ENTRIES, sizeof(*names));
	struct batch b;

	CHECK(names);
	for (uint32_t i = 0; i < ENTRIES; i++) {
		names[i].handle = chains->line;
		names[i].flags = I915_EXEC_FENCE_WAIT;
	}
	batch_init(&b, chains->fd, I915_EXEC_BSD | I915_EXEC_FENCE_ARRAY);
	b.cliprects = (uintptr_t)names;
	b.num_cliprects = ENTRIES;
	gate_open(&chains->gate);
	batch_submit(&b);
}

/* Each syncobj is the end of a long line, and each point on it stands for many fences. */
static void killed_in_chains(void)
{
	struct chains chains = { .fd = gem_open() };
	struct sync_merge_data merge = {};
	uint32_t all = gem_syncobj(chains.fd);
	int fences[MERGED], merged;
	struct spin spin;

	gem_set_request_timeout(LONG_TIMEOUT_MS);
	spin_start(&spin, chains.fd, 0, I915_EXEC_RENDER, 0, 0);
	submit_behind(chains.fd, &spin, fences, MERGED);
	merged = fences[0];
	for (unsigned int i = 1; i < MERGED; i++) {
		merge = (struct sync_merge_data){ .fd2 = fences[i] };
		CHECK_SYS(ioctl(merged, SYNC_IOC_MERGE, &merge));
		merged = merge.fence;
	}
	CHECK_INT(drmSyncobjImportSyncFile(chains.fd, all, merged), 0);
	chains.line = gem_syncobj(chains.fd);
	for (uint64_t point = 1; point <= LINE; point++)
		CHECK_INT(drmSyncobjTransfer(chains.fd, chains.line, point, all, 0, 0), 0);
	CHECK(!fence_signalled(spin.fence, 0));
	kill_in_call(child_names_chains, &chains, &chains.gate);
	spin_free(&spin);
	gem_set_request_timeout(REQUEST_TIMEOUT_MS);
}

static const struct subtest tests[] = {
	{ "each of many fences is waited for", each_is_waited_for },
	{ "a few fences, named very often, are a few", named_again_and_again, 60 },
	{ "points without end keep nobody else waiting, and SIGKILL ends it", points_without_end, 60 },
	{ "SIGKILL while long lines of fences are looked at", killed_in_chains, 60 },
};

TAP_MAIN(tests)
