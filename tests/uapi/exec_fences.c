// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * EXECBUFFER2: who waits for whom. Sync files, syncobjs, implicit fences.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <xf86drm.h>

/* Long enough for a batch that does not wait to have run. */
#define SETTLE_MS	150

/* A store on @ring into @handle with @rsvd2 as fence argument. Return: its rsvd2. */
static uint64_t store(int fd, uint64_t flags, uint32_t handle, uint32_t value, uint64_t rsvd2)
{
	struct batch b;

	batch_init(&b, fd, flags);
	batch_store(&b, handle, 0, value);
	b.rsvd2 = rsvd2;
	batch_submit(&b);
	batch_free(&b);
	return b.rsvd2;
}

static void fence_out(void)
{
	int fd = gem_open(), fence;
	uint32_t handle = gem_create(fd, PAGE);
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	fence = store(fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT, handle, 1, 0) >> 32;
	CHECK(fence > 2);
	CHECK(!fence_signalled(fence, 50));
	CHECK_INT(fence_status(fence), 0);
	spin_end(&s);
	CHECK(fence_signalled(fence, 5000));
	CHECK_INT(fence_status(fence), 1);
	CHECK(!gem_is_busy(fd, handle));
	spin_free(&s);
}

/* How many files, mappings, buffers and fences of the driver's there are. */
static long long module_users(void)
{
	FILE *file = fopen("/sys/module/softgem/refcnt", "r");
	long long users;

	CHECK(file);
	CHECK_INT(fscanf(file, "%lld", &users), 1);
	fclose(file);
	return users;
}

/* They change a moment after what they count. */
static bool users_become(long long users)
{
	int64_t end = now_ns() + 5 * NSEC * tap_slow();

	while (module_users() != users)
		if (now_ns() > end)
			return false;
	return true;
}

static void fence_keeps_module(void)
{
	int fd, fence;

	CHECK(users_become(0));
	fd = gem_open();
	fence = store(fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT, gem_create(fd, PAGE), 1, 0) >> 32;
	CHECK(fence_signalled(fence, 5000));
	close(fd);
	CHECK(users_become(1));
	sleep_ms(200);
	CHECK_INT(module_users(), 1);
	close(fence);
	CHECK(users_become(0));
}

static void fence_out_keeps_lower_half(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	int first = store(fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT, handle, 1, 0) >> 32;
	uint64_t rsvd2 = store(fd, I915_EXEC_RENDER | I915_EXEC_FENCE_IN | I915_EXEC_FENCE_OUT,
			       handle, 2, first);

	CHECK_INT(rsvd2 & 0xffffffff, first);
	CHECK((int)(rsvd2 >> 32) != first);
	CHECK(fence_signalled(rsvd2 >> 32, 5000));
}

static void fence_in(void)
{
	static const uint64_t rings[] = {
		I915_EXEC_RENDER, I915_EXEC_BLT, I915_EXEC_BSD, I915_EXEC_VEBOX,
	};
	int fd = gem_open(), other = gem_open();
	uint32_t handles[4];
	struct spin s;

	/* The spinner is another file's: nothing but the fence holds the stores back. */
	spin_start(&s, other, 0, I915_EXEC_BLT, 0, 0);
	for (int i = 0; i < 4; i++) {
		handles[i] = gem_create(fd, PAGE);
		store(fd, rings[i] | I915_EXEC_FENCE_IN, handles[i], i + 1, s.fence);
	}
	sleep_ms(SETTLE_MS);
	for (int i = 0; i < 4; i++)
		CHECK(gem_is_busy(fd, handles[i]));
	spin_end(&s);
	for (int i = 0; i < 4; i++)
		CHECK_INT(gem_read32(fd, handles[i], 0), i + 1);
	spin_free(&s);
}

static void fence_in_file_closed(void)
{
	int fd = gem_open(), other = gem_open(), copy;
	uint32_t handle = gem_create(fd, PAGE);
	struct spin s;

	/* Execbuf took what it needs: the descriptor may go at once. */
	spin_start(&s, other, 0, I915_EXEC_RENDER, 0, 0);
	copy = dup(s.fence);
	store(fd, I915_EXEC_BLT | I915_EXEC_FENCE_IN, handle, 7, copy);
	close(copy);
	sleep_ms(SETTLE_MS);
	CHECK(gem_is_busy(fd, handle));
	spin_end(&s);
	CHECK_INT(gem_read32(fd, handle, 0), 7);
	spin_free(&s);
}

static void fence_submit(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	struct spin s;

	/* Runs together with the other, not after it. */
	spin_start(&s, other, 0, I915_EXEC_BLT, 0, 0);
	store(fd, I915_EXEC_RENDER | I915_EXEC_FENCE_SUBMIT, handle, 5, s.fence);
	CHECK_INT(gem_read32(fd, handle, 0), 5);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&s);
}

/* Is a batch on @ring that uses an object with @flags held back by a spinner with @spin_flags? */
static bool held_back(uint64_t spin_flags, uint64_t ring, uint64_t flags, unsigned int ms)
{
	int fd = gem_open();
	uint32_t shared = gem_create(fd, PAGE), own = gem_create(fd, PAGE);
	struct batch b;
	struct spin s;
	bool busy;

	spin_start(&s, fd, 0, I915_EXEC_BLT, shared, spin_flags);
	batch_init(&b, fd, ring | I915_EXEC_FENCE_OUT);
	batch_obj(&b, shared, flags);
	batch_store(&b, own, 0, 1);
	batch_submit(&b);
	busy = !fence_signalled(b.rsvd2 >> 32, ms);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&s);
	CHECK_INT(gem_read32(fd, own, 0), 1);
	close(b.rsvd2 >> 32);
	batch_free(&b);
	return busy;
}

static void implicit(void)
{
	static const uint64_t rings[] = { I915_EXEC_RENDER, I915_EXEC_BSD, I915_EXEC_VEBOX };

	for (size_t i = 0; i < ARRAY_SIZE(rings); i++) {
		CHECK(held_back(EXEC_OBJECT_WRITE, rings[i], 0, SETTLE_MS));
		CHECK(held_back(EXEC_OBJECT_WRITE, rings[i], EXEC_OBJECT_WRITE, SETTLE_MS));
		CHECK(held_back(0, rings[i], EXEC_OBJECT_WRITE, SETTLE_MS));
	}
}

static void implicit_readers(void)
{
	CHECK(!held_back(0, I915_EXEC_RENDER, 0, 5000));
}

static void implicit_async(void)
{
	CHECK(!held_back(EXEC_OBJECT_WRITE, I915_EXEC_RENDER, EXEC_OBJECT_ASYNC, 5000));
	CHECK(!held_back(EXEC_OBJECT_WRITE, I915_EXEC_RENDER,
			 EXEC_OBJECT_ASYNC | EXEC_OBJECT_WRITE, 5000));
}

static void implicit_bytes(void)
{
	enum { ROUNDS = 100 };
	static const uint64_t rings[] = {
		I915_EXEC_RENDER, I915_EXEC_BLT, I915_EXEC_BSD, I915_EXEC_VEBOX,
	};
	int fd = gem_open();
	uint32_t shared = gem_create(fd, PAGE), log = gem_create(fd, PAGE);

	/* Write on one engine, copy on another, without a word from the CPU. */
	for (int i = 0; i < ROUNDS; i++) {
		struct batch b;

		store(fd, rings[i % 4], shared, i + 1, 0);
		batch_init(&b, fd, rings[(i + 1 + i / 4) % 4]);
		batch_copy32(&b, log, i * 4, shared, 0);
		batch_submit(&b);
		batch_free(&b);
	}
	for (int i = 0; i < ROUNDS; i++)
		CHECK_INT(gem_read32(fd, log, i * 4), i + 1);
}

static void same_context_in_order(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	struct batch b;

	/* ASYNC takes implicit fences away, not the order of one context on one engine. */
	for (int i = 1; i <= 64; i++) {
		batch_init(&b, fd, I915_EXEC_RENDER);
		batch_obj(&b, handle, EXEC_OBJECT_ASYNC);
		batch_store(&b, handle, 0, i);
		batch_submit(&b);
		batch_free(&b);
	}
	CHECK_INT(gem_read32(fd, handle, 0), 64);
}

/* A store into @handle, through an execbuf whose flags and cliprects fields are set already. */
static int try_store(int fd, uint32_t handle, uint32_t value, struct drm_i915_gem_execbuffer2 *eb)
{
	uint64_t address = batch_address(handle);
	const uint32_t dw[] = {
		MI_STORE_DWORD_IMM, address, address >> 32, value, MI_BATCH_BUFFER_END, 0,
	};
	uint32_t batch = gem_create(fd, PAGE);
	struct drm_i915_gem_exec_object2 obj[] = {
		{
			.handle = handle, .offset = address,
			.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS |
				 EXEC_OBJECT_WRITE,
		},
		{ .handle = batch },
	};
	int ret;

	gem_write(fd, batch, 0, dw, sizeof(dw));
	eb->buffers_ptr = (uintptr_t)obj;
	eb->buffer_count = 2;
	ret = try_execbuf(fd, eb);
	gem_close(fd, batch);
	return ret;
}

static int try_fence_array(int fd, uint64_t ring, uint32_t handle, uint32_t value,
			   const struct drm_i915_gem_exec_fence *fences, uint32_t count)
{
	struct drm_i915_gem_execbuffer2 eb = {
		.flags = ring | I915_EXEC_FENCE_ARRAY,
		.cliprects_ptr = (uintptr_t)fences,
		.num_cliprects = count,
	};

	return try_store(fd, handle, value, &eb);
}

static int wait_syncobj(int fd, uint32_t handle, int64_t ns)
{
	int64_t end = ns ? now_ns() + ns : 0;

	return drmSyncobjWait(fd, &handle, 1, end, 0, NULL);
}

static void array_signal(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	struct drm_i915_gem_exec_fence fence = { .flags = I915_EXEC_FENCE_SIGNAL };
	struct spin s;

	fence.handle = gem_syncobj(fd);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	CHECK_RET(try_fence_array(fd, I915_EXEC_BLT, handle, 9, &fence, 1), 0);
	CHECK_RET(wait_syncobj(fd, fence.handle, 0), -ETIME);
	spin_end(&s);
	CHECK_RET(wait_syncobj(fd, fence.handle, 5 * NSEC), 0);
	CHECK_INT(gem_read32(fd, handle, 0), 9);
	spin_free(&s);
}

static void array_wait(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	struct drm_i915_gem_exec_fence fences[2] = {
		{ .flags = I915_EXEC_FENCE_WAIT }, { .flags = I915_EXEC_FENCE_WAIT },
	};
	struct spin s[2];

	for (int i = 0; i < 2; i++) {
		fences[i].handle = gem_syncobj(fd);
		spin_start(&s[i], other, 0, i ? I915_EXEC_BSD : I915_EXEC_BLT, 0, 0);
		CHECK_INT(drmSyncobjImportSyncFile(fd, fences[i].handle, s[i].fence), 0);
	}
	CHECK_RET(try_fence_array(fd, I915_EXEC_RENDER, handle, 3, fences, 2), 0);
	/* All of them. */
	spin_free(&s[0]);
	sleep_ms(SETTLE_MS);
	CHECK(gem_is_busy(fd, handle));
	spin_free(&s[1]);
	CHECK_INT(gem_read32(fd, handle, 0), 3);
}

static void array_wait_and_signal(void)
{
	int fd = gem_open();
	uint32_t handles[2] = { gem_create(fd, PAGE), gem_create(fd, PAGE) };
	struct drm_i915_gem_exec_fence first = { .flags = I915_EXEC_FENCE_SIGNAL };
	struct drm_i915_gem_exec_fence both = {
		.flags = I915_EXEC_FENCE_SIGNAL | I915_EXEC_FENCE_WAIT,
	};
	struct spin s;

	/* One syncobj through a chain: wait for what is in it, replace it. */
	first.handle = both.handle = gem_syncobj(fd);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handles[0], 0);
	CHECK_RET(try_fence_array(fd, I915_EXEC_RENDER, handles[0], 1, &first, 1), 0);
	CHECK_RET(try_fence_array(fd, I915_EXEC_BLT, handles[1], 2, &both, 1), 0);
	sleep_ms(SETTLE_MS);
	CHECK(gem_is_busy(fd, handles[1]));
	spin_end(&s);
	CHECK_RET(wait_syncobj(fd, both.handle, 5 * NSEC), 0);
	CHECK(!gem_is_busy(fd, handles[1]));
	CHECK_INT(gem_read32(fd, handles[1], 0), 2);
	spin_free(&s);
}

static void array_errors(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	struct drm_i915_gem_exec_fence fence = {
		.handle = 0x7ead, .flags = I915_EXEC_FENCE_SIGNAL,
	};

	CHECK_RET(try_fence_array(fd, I915_EXEC_RENDER, handle, 1, &fence, 1), -ENOENT);
	fence.handle = gem_syncobj(fd);
	fence.flags = 4;
	CHECK_RET(try_fence_array(fd, I915_EXEC_RENDER, handle, 1, &fence, 1), -EINVAL);
	/* Nothing in it to wait for. */
	fence.flags = I915_EXEC_FENCE_WAIT;
	CHECK_RET(try_fence_array(fd, I915_EXEC_RENDER, handle, 1, &fence, 1), -EINVAL);
	CHECK_RET(try_fence_array(fd, I915_EXEC_RENDER, handle, 1, map_hole(PAGE), 1), -EFAULT);
	CHECK_RET(try_fence_array(fd, I915_EXEC_RENDER, handle, 1, NULL, 0), 0);
	CHECK_INT(gem_read32(fd, handle, 0), 1);
}

static int try_timeline(int fd, uint32_t handle, uint32_t value, uint32_t obj_handle,
			uint64_t point, uint32_t flags)
{
	struct drm_i915_gem_exec_fence fence = { .handle = obj_handle, .flags = flags };
	struct drm_i915_gem_execbuffer_ext_timeline_fences ext = {
		.base.name = DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES,
		.fence_count = 1,
		.handles_ptr = (uintptr_t)&fence,
		.values_ptr = (uintptr_t)&point,
	};
	struct drm_i915_gem_execbuffer2 eb = {
		.flags = I915_EXEC_RENDER | I915_EXEC_USE_EXTENSIONS,
		.cliprects_ptr = (uintptr_t)&ext,
	};

	return try_store(fd, handle, value, &eb);
}

static void timeline(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), line = gem_syncobj(fd);
	uint64_t point = 0;

	CHECK_RET(try_timeline(fd, handle, 1, line, 10, I915_EXEC_FENCE_SIGNAL), 0);
	CHECK_RET(try_timeline(fd, handle, 2, line, 20, I915_EXEC_FENCE_SIGNAL), 0);
	CHECK_RET(try_timeline(fd, handle, 3, line, 20, I915_EXEC_FENCE_WAIT), 0);
	CHECK_INT(gem_read32(fd, handle, 0), 3);
	CHECK_INT(drmSyncobjQuery(fd, &line, &point, 1), 0);
	CHECK_INT(point, 20);
}

static void timeline_chain(void)
{
	struct drm_i915_gem_execbuffer_ext_timeline_fences ext[3] = { 0 };
	struct drm_i915_gem_exec_fence fence[3] = { 0 };
	struct drm_i915_gem_execbuffer2 eb = {
		.flags = I915_EXEC_RENDER | I915_EXEC_USE_EXTENSIONS,
		.cliprects_ptr = (uintptr_t)&ext[0],
	};
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), lines[2] = { gem_syncobj(fd), gem_syncobj(fd) };
	const uint64_t points[3] = { 7, 3, 9 };
	uint64_t seen[2] = { 0 };

	/* Several of these extensions are taken one after the other. */
	for (int i = 0; i < 3; i++) {
		fence[i].handle = lines[i % 2];
		fence[i].flags = I915_EXEC_FENCE_SIGNAL;
		ext[i].base.name = DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES;
		ext[i].base.next_extension = i < 2 ? (uintptr_t)&ext[i + 1] : 0;
		ext[i].fence_count = 1;
		ext[i].handles_ptr = (uintptr_t)&fence[i];
		ext[i].values_ptr = (uintptr_t)&points[i];
	}
	CHECK_RET(try_store(fd, handle, 1, &eb), 0);
	CHECK_INT(gem_read32(fd, handle, 0), 1);
	CHECK_INT(drmSyncobjQuery(fd, lines, seen, 2), 0);
	CHECK_INT(seen[0], 9);
	CHECK_INT(seen[1], 3);

	/* All or none: the last one is no syncobj. */
	fence[2].handle = 0x7ead;
	CHECK_RET(try_store(fd, handle, 2, &eb), -ENOENT);
	CHECK_INT(gem_read32(fd, handle, 0), 1);
}

static void timeline_errors(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), line = gem_syncobj(fd);

	CHECK_RET(try_timeline(fd, handle, 1, 0x7ead, 1, I915_EXEC_FENCE_SIGNAL), -ENOENT);
	CHECK_RET(try_timeline(fd, handle, 1, line, 1, 4), -EINVAL);
	/* A point that nobody has promised. */
	CHECK_RET(try_timeline(fd, handle, 1, line, 1, I915_EXEC_FENCE_WAIT), -EINVAL);
	/* One that is promised, and would have to come before itself. */
	CHECK_RET(try_timeline(fd, handle, 0, line, 2, I915_EXEC_FENCE_SIGNAL), 0);
	CHECK_RET(try_timeline(fd, handle, 1, line, 2,
			       I915_EXEC_FENCE_WAIT | I915_EXEC_FENCE_SIGNAL), -EINVAL);
	CHECK_INT(gem_read32(fd, handle, 0), 0);
}

/* The interface of the kernel's SW_SYNC, which has no header: fences that a process signals. */
struct sw_sync_fence {
	uint32_t value;
	char name[32];
	int32_t fence;
};

#define SW_SYNC_CREATE_FENCE	_IOWR('W', 0, struct sw_sync_fence)

/* A sync_file that signals when the timeline is closed. */
static int sw_sync_fence(int *timeline)
{
	struct sw_sync_fence arg = { .value = 1 };

	*timeline = open("/sys/kernel/debug/sync/sw_sync", O_RDWR | O_CLOEXEC);
	if (*timeline < 0)
		tap_skip("this kernel has no SW_SYNC");
	CHECK_SYS(ioctl(*timeline, SW_SYNC_CREATE_FENCE, &arg));
	return arg.fence;
}

static void outside(void)
{
	int fd = gem_open(), timeline, fence = sw_sync_fence(&timeline), out;
	uint32_t handle = gem_create(fd, PAGE);

	out = store(fd, I915_EXEC_RENDER | I915_EXEC_FENCE_IN | I915_EXEC_FENCE_OUT, handle, 1,
		    fence) >> 32;
	CHECK(!fence_signalled(out, SETTLE_MS));
	CHECK(gem_is_busy(fd, handle));
	close(timeline);
	CHECK(fence_signalled(out, 5000));
	CHECK_INT(fence_status(out), 1);
	CHECK_HEX(gem_read32(fd, handle, 0), 1);
}

/* The driver's limit is 10 s. What follows is not held up any longer, and is no failure. */
static void outside_never(void)
{
	int fd = gem_open(), timeline, fence = sw_sync_fence(&timeline), out, next;
	uint32_t handle = gem_create(fd, PAGE);

	out = store(fd, I915_EXEC_RENDER | I915_EXEC_FENCE_IN | I915_EXEC_FENCE_OUT, handle, 1,
		    fence) >> 32;
	next = store(fd, I915_EXEC_BLT | I915_EXEC_FENCE_OUT, handle, 2, 0) >> 32;
	CHECK(!fence_signalled(out, 5000));
	CHECK(fence_signalled(out, 20000));
	CHECK_INT(fence_status(out), -ETIMEDOUT);
	CHECK(fence_signalled(next, 5000));
	CHECK_INT(fence_status(next), 1);
	CHECK_HEX(gem_read32(fd, handle, 0), 2);
	close(timeline);
}

static const struct subtest tests[] = {
	{ "FENCE_OUT gives a sync_file that signals when the batch is done", fence_out },
	{ "the module stays for as long as there is a fence", fence_keeps_module },
	{ "FENCE_OUT leaves the in-fence in the lower half of rsvd2", fence_out_keeps_lower_half },
	{ "FENCE_IN holds a batch back, on every engine", fence_in },
	{ "FENCE_IN: the sync_file may be closed after execbuf", fence_in_file_closed },
	{ "FENCE_SUBMIT lets a batch run beside the other", fence_submit },
	{ "implicit: a read waits for the writer, a write for readers and the writer", implicit,
	  40 },
	{ "implicit: readers run side by side", implicit_readers },
	{ "EXEC_OBJECT_ASYNC: no implicit fence", implicit_async },
	{ "implicit: write on one engine, read on another, a hundred times", implicit_bytes },
	{ "one context on one engine runs in order", same_context_in_order },
	{ "FENCE_ARRAY: SIGNAL puts the batch's fence into the syncobj", array_signal },
	{ "FENCE_ARRAY: WAIT waits for all syncobjs", array_wait },
	{ "FENCE_ARRAY: WAIT and SIGNAL of the same syncobj", array_wait_and_signal },
	{ "FENCE_ARRAY: bad handle ENOENT, flags or empty syncobj EINVAL, array EFAULT",
	  array_errors },
	{ "timeline fences: points signalled and waited for", timeline },
	{ "timeline fences: several extensions count together", timeline_chain },
	{ "timeline fences: bad handle ENOENT, flags or point EINVAL", timeline_errors },
	{ "a fence from outside is waited for", outside },
	{ "a fence from outside that never signals: ETIMEDOUT after 10 s, and the work is done",
	  outside_never, 60 },
};

TAP_MAIN(tests)
