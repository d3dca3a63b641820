// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Is the GPU done? BUSY, WAIT, THROTTLE.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>

static const struct {
	uint64_t flags;
	unsigned int class;
} engines[] = {
	{ I915_EXEC_RENDER, I915_ENGINE_CLASS_RENDER },
	{ I915_EXEC_BLT, I915_ENGINE_CLASS_COPY },
	{ I915_EXEC_BSD, I915_ENGINE_CLASS_VIDEO },
	{ I915_EXEC_VEBOX, I915_ENGINE_CLASS_VIDEO_ENHANCE },
};

static void busy_idle(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), busy = ~0u;

	CHECK_RET(try_busy(fd, handle, &busy), 0);
	CHECK_HEX(busy, 0);
	gpu_store(fd, handle, 0, 1);
	CHECK_RET(try_busy(fd, handle, &busy), 0);
	CHECK_HEX(busy, 0);
}

static void busy_reader(void)
{
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		uint32_t handle = gem_create(fd, PAGE), busy;
		struct spin s;

		spin_start(&s, fd, 0, engines[i].flags, handle, 0);
		CHECK_RET(try_busy(fd, handle, &busy), 0);
		CHECK_HEX(busy, 0x10000u << engines[i].class);
		spin_free(&s);
		CHECK_RET(try_busy(fd, handle, &busy), 0);
		CHECK_HEX(busy, 0);
	}
}

static void busy_writer(void)
{
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		uint32_t handle = gem_create(fd, PAGE), busy;
		struct spin s;

		spin_start(&s, fd, 0, engines[i].flags, handle, EXEC_OBJECT_WRITE);
		CHECK_RET(try_busy(fd, handle, &busy), 0);
		CHECK_HEX(busy, 0x10000u << engines[i].class | (engines[i].class + 1));
		spin_free(&s);
		CHECK_RET(try_busy(fd, handle, &busy), 0);
		CHECK_HEX(busy, 0);
	}
}

static void busy_all_readers(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), busy;
	struct spin s[ARRAY_SIZE(engines)];

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++)
		spin_start(&s[i], fd, 0, engines[i].flags, handle, 0);
	CHECK_RET(try_busy(fd, handle, &busy), 0);
	CHECK_HEX(busy, 0xf0000);
	spin_free(&s[0]);
	CHECK_RET(try_busy(fd, handle, &busy), 0);
	CHECK_HEX(busy, 0xe0000);
	for (size_t i = 1; i < ARRAY_SIZE(engines); i++)
		spin_free(&s[i]);
	CHECK(!gem_is_busy(fd, handle));
}

static void wait_flags(void)
{
	int fd = gem_open();
	struct drm_i915_gem_wait arg = { .bo_handle = gem_create(fd, PAGE), .flags = 1 };

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_WAIT, &arg), -EINVAL);
	arg.flags = 1u << 31;
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_WAIT, &arg), -EINVAL);
}

static void wait_idle(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	int64_t timeout = 0;

	CHECK_RET(try_wait(fd, handle, &timeout), 0);
	CHECK_INT(timeout, 0);
	timeout = NSEC;
	CHECK_RET(try_wait(fd, handle, &timeout), 0);
	CHECK(timeout > 0 && timeout <= NSEC);
	timeout = -1;
	CHECK_RET(try_wait(fd, handle, &timeout), 0);
	CHECK_INT(timeout, -1);
}

static void wait_poll(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	int64_t timeout = 0;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, 0);
	CHECK_RET(try_wait(fd, handle, &timeout), -ETIME);
	CHECK_INT(timeout, 0);
	spin_free(&s);
	CHECK_RET(try_wait(fd, handle, &timeout), 0);
}

static void wait_times_out(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	int64_t timeout = 150 * MSEC, start;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, 0);
	start = now_ns();
	CHECK_RET(try_wait(fd, handle, &timeout), -ETIME);
	CHECK(now_ns() - start >= 150 * MSEC);
	CHECK_INT(timeout, 0);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&s);
}

struct wait_args {
	int fd;
	uint32_t handle;
	int64_t timeout;
};

static long call_wait(void *arg)
{
	struct wait_args *args = arg;

	return try_wait(args->fd, args->handle, &args->timeout);
}

static void wait_remaining(void)
{
	struct wait_args args = { .fd = gem_open(), .timeout = 10 * NSEC };
	struct job job;
	struct spin s;

	args.handle = gem_create(args.fd, PAGE);
	spin_start(&s, args.fd, 0, I915_EXEC_RENDER, args.handle, 0);
	job_start(&job, call_wait, &args);
	CHECK(job_sleeps(&job));
	CHECK(!job_done_within(&job, 300));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	/* Some 300 ms are gone; how much later it was woken is the machine's business. */
	CHECK(args.timeout <= 10 * NSEC - 250 * MSEC);
	CHECK(args.timeout > 0);
	spin_free(&s);
}

static void wait_forever(void)
{
	struct wait_args args = { .fd = gem_open(), .timeout = -5 };
	struct job job;
	struct spin s;

	args.handle = gem_create(args.fd, PAGE);
	spin_start(&s, args.fd, 0, I915_EXEC_RENDER, args.handle, 0);
	job_start(&job, call_wait, &args);
	CHECK(!job_done_within(&job, 300));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	CHECK(args.timeout < 0);
	spin_free(&s);
}

static void nothing(int sig)
{
	(void)sig;
}

static void wait_interrupted(void)
{
	/* and again: the first may come before the call waits */
	const struct itimerval soon = {
		.it_value.tv_usec = 200000, .it_interval.tv_usec = 200000,
	};
	const struct sigaction action = { .sa_handler = nothing };
	int fd = gem_open();
	struct drm_i915_gem_wait arg = { .bo_handle = gem_create(fd, PAGE) };
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, arg.bo_handle, 0);
	CHECK_SYS(sigaction(SIGALRM, &action, NULL));
	CHECK_SYS(setitimer(ITIMER_REAL, &soon, NULL));
	arg.timeout_ns = 10 * NSEC;
	CHECK_RET(gem_ioctl_once(fd, DRM_IOCTL_I915_GEM_WAIT, &arg), -EINTR);
	/* So that calling again with the same structure waits 10 s in all. */
	CHECK(arg.timeout_ns <= 10 * NSEC - 100 * MSEC && arg.timeout_ns > 0);

	CHECK_SYS(setitimer(ITIMER_REAL, &soon, NULL));
	arg.timeout_ns = -1;
	CHECK_RET(gem_ioctl_once(fd, DRM_IOCTL_I915_GEM_WAIT, &arg), -EINTR);
	CHECK(arg.timeout_ns < 0);
	spin_free(&s);
}

static void wait_all_users(void)
{
	struct wait_args args = { .fd = gem_open(), .timeout = -1 };
	struct spin reader, other;
	struct job job;

	/* Two readers, on different engines, ended one after the other. */
	args.handle = gem_create(args.fd, PAGE);
	spin_start(&reader, args.fd, 0, I915_EXEC_RENDER, args.handle, 0);
	spin_start(&other, args.fd, 0, I915_EXEC_BLT, args.handle, 0);
	job_start(&job, call_wait, &args);
	spin_free(&reader);
	CHECK(!job_done_within(&job, 200));
	spin_free(&other);
	CHECK_RET(job_end(&job), 0);
}

static long call_throttle(void *arg)
{
	return gem_ioctl(*(int *)arg, DRM_IOCTL_I915_GEM_THROTTLE, NULL);
}

static void throttle_idle(void)
{
	int fd = gem_open();

	CHECK_RET(call_throttle(&fd), 0);
	gpu_store(fd, gem_create(fd, PAGE), 0, 1);
	CHECK_RET(call_throttle(&fd), 0);
}

static void throttle_old(void)
{
	int fd = gem_open();
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	sleep_ms(60);
	job_start(&job, call_throttle, &fd);
	CHECK(!job_done_within(&job, 200));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	spin_free(&s);
}

static void throttle_other_file(void)
{
	int fd = gem_open(), other = gem_open();
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	sleep_ms(60);
	job_start(&job, call_throttle, &other);
	CHECK(job_done_within(&job, 5000));
	CHECK_RET(job_end(&job), 0);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&s);
}

static const struct subtest tests[] = {
	{ "BUSY of an idle object is 0", busy_idle },
	{ "BUSY of what an engine reads has the bit of its class", busy_reader },
	{ "BUSY of what an engine writes names it as reader and writer", busy_writer },
	{ "BUSY collects the classes of all readers", busy_all_readers },
	{ "WAIT with flags is EINVAL", wait_flags },
	{ "WAIT for an idle object returns at once", wait_idle },
	{ "WAIT with timeout 0 polls: ETIME while busy", wait_poll },
	{ "WAIT takes its time, then ETIME with nothing left", wait_times_out },
	{ "WAIT writes back the time that is left", wait_remaining },
	{ "WAIT with a negative timeout waits for ever", wait_forever },
	{ "WAIT ends with EINTR on a signal, the time left written back", wait_interrupted },
	{ "WAIT waits for every engine that uses the object", wait_all_users },
	{ "THROTTLE of an idle file returns 0", throttle_idle },
	{ "THROTTLE waits for a request that is older than 20 ms", throttle_old },
	{ "THROTTLE does not wait for another file's requests", throttle_other_file },
};

TAP_MAIN(tests)
