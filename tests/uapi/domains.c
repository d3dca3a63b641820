// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * State of an object: SET_DOMAIN, SW_FINISH, caching, tiling, madvise.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>

#define CPU	I915_GEM_DOMAIN_CPU
#define GTT	I915_GEM_DOMAIN_GTT
#define WC	I915_GEM_DOMAIN_WC

static void set_domain_valid(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	CHECK_RET(try_set_domain(fd, handle, CPU, 0), 0);
	CHECK_RET(try_set_domain(fd, handle, CPU, CPU), 0);
	CHECK_RET(try_set_domain(fd, handle, GTT, GTT), 0);
	CHECK_RET(try_set_domain(fd, handle, GTT, 0), 0);
	CHECK_RET(try_set_domain(fd, handle, WC, WC), 0);
	CHECK_RET(try_set_domain(fd, handle, CPU | GTT, 0), 0);
}

static void set_domain_gpu(void)
{
	static const uint32_t gpu[] = {
		I915_GEM_DOMAIN_RENDER, I915_GEM_DOMAIN_SAMPLER, I915_GEM_DOMAIN_COMMAND,
		I915_GEM_DOMAIN_INSTRUCTION, I915_GEM_DOMAIN_VERTEX,
	};
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	for (size_t i = 0; i < ARRAY_SIZE(gpu); i++) {
		CHECK_RET(try_set_domain(fd, handle, gpu[i], 0), -EINVAL);
		CHECK_RET(try_set_domain(fd, handle, gpu[i], gpu[i]), -EINVAL);
		CHECK_RET(try_set_domain(fd, handle, CPU | gpu[i], 0), -EINVAL);
	}
	CHECK_RET(try_set_domain(fd, handle, 1u << 30, 0), -EINVAL);
}

static void set_domain_two_writers(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	CHECK_RET(try_set_domain(fd, handle, CPU, GTT), -EINVAL);
	CHECK_RET(try_set_domain(fd, handle, CPU | GTT, CPU), -EINVAL);
	CHECK_RET(try_set_domain(fd, handle, 0, CPU), -EINVAL);
}

static long block_on_domain(void *arg)
{
	uint32_t *args = arg;

	return try_set_domain(args[0], args[1], args[2], args[3]);
}

static void set_domain_none(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), args[4] = { fd, handle, 0, 0 };
	struct job job;
	struct spin s;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	job_start(&job, block_on_domain, args);
	CHECK(job_done_within(&job, 5000));
	CHECK_RET(job_end(&job), 0);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&s);
}

/* Does going to @read/@write wait @ms for a batch that uses the object with @flags? */
static bool domain_waits(uint64_t flags, uint32_t read, uint32_t write, unsigned int ms)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), args[4] = { fd, handle, read, write };
	struct job job;
	struct spin s;
	bool waited;

	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, flags);
	job_start(&job, block_on_domain, args);
	waited = !job_done_within(&job, ms);
	CHECK(!fence_signalled(s.fence, 0));
	spin_free(&s);
	CHECK_RET(job_end(&job), 0);
	return waited;
}

static void set_domain_waits(void)
{
	CHECK(domain_waits(EXEC_OBJECT_WRITE, CPU, 0, 300));
	CHECK(domain_waits(EXEC_OBJECT_WRITE, CPU, CPU, 300));
	CHECK(domain_waits(EXEC_OBJECT_WRITE, GTT, GTT, 300));
	CHECK(domain_waits(0, CPU, CPU, 300));
	CHECK(domain_waits(0, GTT, GTT, 300));
	CHECK(!domain_waits(0, CPU, 0, 5000));
}

static void sw_finish(void)
{
	int fd = gem_open();
	struct drm_i915_gem_sw_finish arg = { .handle = gem_create(fd, PAGE) };

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_SW_FINISH, &arg), 0);
	arg.handle = 0x7ead;
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_SW_FINISH, &arg), -ENOENT);
}

static void caching(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), level;

	/* With a shared last level cache everything starts cached. */
	CHECK_RET(try_get_caching(fd, handle, &level), 0);
	CHECK_INT(level, I915_CACHING_CACHED);
	CHECK_RET(try_set_caching(fd, handle, I915_CACHING_NONE), 0);
	CHECK_RET(try_get_caching(fd, handle, &level), 0);
	CHECK_INT(level, I915_CACHING_NONE);
	CHECK_RET(try_set_caching(fd, handle, I915_CACHING_CACHED), 0);
	CHECK_RET(try_get_caching(fd, handle, &level), 0);
	CHECK_INT(level, I915_CACHING_CACHED);
	/* No write-through cache here. */
	CHECK_RET(try_set_caching(fd, handle, I915_CACHING_DISPLAY), 0);
	CHECK_RET(try_get_caching(fd, handle, &level), 0);
	CHECK_INT(level, I915_CACHING_NONE);

	CHECK_RET(try_set_caching(fd, handle, 3), -EINVAL);
	CHECK_RET(try_set_caching(fd, handle, ~0u), -EINVAL);
}

static void caching_userptr(void)
{
	int fd = gem_open();
	uint32_t handle = gem_userptr(fd, map_anon(PAGE), PAGE, 0), level;

	CHECK_RET(try_get_caching(fd, handle, &level), 0);
	CHECK_INT(level, I915_CACHING_CACHED);
	CHECK_RET(try_set_caching(fd, handle, I915_CACHING_CACHED), 0);
	CHECK_RET(try_set_caching(fd, handle, I915_CACHING_NONE), -ENXIO);
	CHECK_RET(try_set_caching(fd, handle, I915_CACHING_DISPLAY), -ENXIO);
	/* Unknown anywhere. */
	CHECK_RET(try_set_caching(fd, handle, 3), -EINVAL);
}

static int set_tiling(int fd, uint32_t handle, uint32_t mode, uint32_t stride)
{
	uint32_t swizzle;

	return try_set_tiling(fd, handle, &mode, &stride, &swizzle);
}

static void tiling(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, 64 * PAGE), mode, stride, swizzle;

	CHECK_RET(try_get_tiling(fd, handle, &mode, &swizzle), 0);
	CHECK_INT(mode, I915_TILING_NONE);

	mode = I915_TILING_X, stride = 1024;
	CHECK_RET(try_set_tiling(fd, handle, &mode, &stride, &swizzle), 0);
	CHECK_INT(mode, I915_TILING_X);
	CHECK_INT(stride, 1024);
	CHECK_INT(swizzle, I915_BIT_6_SWIZZLE_NONE);
	CHECK_RET(try_get_tiling(fd, handle, &mode, &swizzle), 0);
	CHECK_INT(mode, I915_TILING_X);
	CHECK_INT(swizzle, I915_BIT_6_SWIZZLE_NONE);

	CHECK_RET(set_tiling(fd, handle, I915_TILING_Y, 128), 0);
	CHECK_RET(set_tiling(fd, handle, I915_TILING_X, 128 * 1024), 0);
	CHECK_RET(set_tiling(fd, handle, I915_TILING_NONE, 0), 0);
	CHECK_RET(try_get_tiling(fd, handle, &mode, &swizzle), 0);
	CHECK_INT(mode, I915_TILING_NONE);
}

static void tiling_errors(void)
{
	static const uint32_t bad[][2] = {
		{ I915_TILING_X, 0 }, { I915_TILING_X, 256 }, { I915_TILING_X, 512 + 128 },
		{ I915_TILING_X, 256 * 1024 + 512 }, { I915_TILING_Y, 64 }, { I915_TILING_Y, 192 },
		{ I915_TILING_Y, 256 * 1024 + 128 }, { 3, 512 }, { ~0u, 512 },
	};
	int fd = gem_open();
	uint32_t handle = gem_create(fd, 64 * PAGE), mode, swizzle;

	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		CHECK_RET(set_tiling(fd, handle, bad[i][0], bad[i][1]), -EINVAL);
	CHECK_RET(try_get_tiling(fd, handle, &mode, &swizzle), 0);
	CHECK_INT(mode, I915_TILING_NONE);
}

static void tiling_userptr(void)
{
	int fd = gem_open();
	uint32_t handle = gem_userptr(fd, map_anon(64 * PAGE), 64 * PAGE, 0), mode, swizzle;

	CHECK_RET(set_tiling(fd, handle, I915_TILING_X, 512), -ENXIO);
	CHECK_RET(set_tiling(fd, handle, I915_TILING_Y, 128), -ENXIO);
	CHECK_RET(try_get_tiling(fd, handle, &mode, &swizzle), 0);
	CHECK_INT(mode, I915_TILING_NONE);
}

static void madvise_retained(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), retained, word = 0x4ead;

	gem_write(fd, handle, 0, &word, 4);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_WILLNEED, &retained), 0);
	CHECK_INT(retained, 1);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_DONTNEED, &retained), 0);
	CHECK_INT(retained, 1);
	/* Nobody needed memory meanwhile. */
	CHECK_RET(try_madvise(fd, handle, I915_MADV_WILLNEED, &retained), 0);
	CHECK_INT(retained, 1);
	CHECK_HEX(gem_read32(fd, handle, 0), 0x4ead);
}

static void madvise_unknown(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), retained;

	CHECK_RET(try_madvise(fd, handle, 2, &retained), -EINVAL);
	CHECK_RET(try_madvise(fd, handle, ~0u, &retained), -EINVAL);
}

/* Have the shrinkers drop all that they may. */
static void reclaim(void)
{
	char path[96];

	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) && errno != EBUSY)
		tap_note("debugfs: %m");
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/i915_gem_drop_caches",
		 gem_card_minor());
	/* DROP_UNBOUND, BOUND, RETIRE, ACTIVE, FREED, SHRINK_ALL. */
	CHECK(write_file(path, "0x3f"));
	CHECK(write_file("/proc/sys/vm/drop_caches", "2"));
}

static uint32_t purged_object(int fd)
{
	uint32_t handle = gem_create(fd, MiB), retained, word = 1;

	gem_write(fd, handle, 0, &word, 4);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_DONTNEED, &retained), 0);
	reclaim();
	CHECK_RET(try_madvise(fd, handle, I915_MADV_WILLNEED, &retained), 0);
	CHECK_INT(retained, 0);
	return handle;
}

static void purged_pread_pwrite(void)
{
	int fd = gem_open();
	uint32_t handle = purged_object(fd), word = 0;

	CHECK_RET(try_read(fd, handle, 0, &word, 4), -EFAULT);
	CHECK_RET(try_write(fd, handle, 0, &word, 4), -EFAULT);
}

static void purged_execbuf(void)
{
	int fd = gem_open();

	CHECK_RET(try_gpu_store(fd, purged_object(fd), 0, 1), -EFAULT);
}

static sigjmp_buf bus_jump;

static void on_bus_error(int sig)
{
	(void)sig;
	siglongjmp(bus_jump, 1);
}

static void purged_mmap(void)
{
	int fd = gem_open();
	volatile uint32_t *ptr;

	ptr = gem_mmap(fd, purged_object(fd), MiB, I915_MMAP_OFFSET_WB);
	signal(SIGBUS, on_bus_error);
	if (!sigsetjmp(bus_jump, 1))
		tap_fail(__FILE__, __LINE__, "got word %#x expected SIGBUS", *ptr);
}

/* Contents that only the page cache has: the shrinker, which comes for pages, never hears of them. */
static void purged_at_once(void)
{
	const long long size = 64 * MiB;
	int fd = gem_open();
	uint32_t handle = gem_create(fd, size), retained;
	long long before, filled;
	volatile unsigned char *ptr;
	void *addr;

	before = number_in("/proc/meminfo", "Shmem");
	CHECK_RET(try_mmap_legacy(fd, handle, 0, size, 0, &addr), 0);
	ptr = addr;
	memset(addr, 0x5a, size);
	filled = number_in("/proc/meminfo", "Shmem");
	CHECK(filled >= before + (size >> 10) * 7 / 8);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_DONTNEED, &retained), 0);
	CHECK_INT(retained, 0);
	CHECK(number_in("/proc/meminfo", "Shmem") <= before + (size >> 10) / 8);
	CHECK_INT(*ptr, 0);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_WILLNEED, &retained), 0);
	CHECK_INT(retained, 0);
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), -EFAULT);
}

static void larger_than_aperture(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, aperture_counter("mappable") + PAGE), retained;

	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, I915_GEM_DOMAIN_GTT), 0);
	/* it has no pages yet */
	CHECK_RET(try_madvise(fd, handle, I915_MADV_DONTNEED, &retained), 0);
	CHECK_INT(retained, 0);
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, 0), -EFAULT);
}

static void needed_survives_reclaim(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, MiB), word = 0x5a5e;

	gem_write(fd, handle, PAGE, &word, 4);
	reclaim();
	CHECK_HEX(gem_read32(fd, handle, PAGE), 0x5a5e);
	CHECK_HEX(gpu_read32(fd, handle, PAGE), 0x5a5e);
}

static const struct subtest tests[] = {
	{ "SET_DOMAIN to CPU, GTT and WC succeeds", set_domain_valid },
	{ "SET_DOMAIN to a GPU domain is EINVAL", set_domain_gpu },
	{ "SET_DOMAIN: a write domain that is not the only read domain is EINVAL",
	  set_domain_two_writers },
	{ "SET_DOMAIN without a read domain returns 0 at once", set_domain_none },
	{ "SET_DOMAIN waits for the GPU: to read for writers only, to write for all",
	  set_domain_waits, 40 },
	{ "SW_FINISH does nothing, ENOENT for a bad handle", sw_finish },
	{ "SET_CACHING takes each level; DISPLAY reads back as NONE; unknown is EINVAL", caching },
	{ "SET_CACHING of a userptr: CACHED is fine, else ENXIO", caching_userptr },
	{ "SET_TILING takes X and Y, writes back what is in force; GET_TILING reports it", tiling },
	{ "SET_TILING with an impossible stride or mode is EINVAL and changes nothing",
	  tiling_errors },
	{ "SET_TILING of a userptr is ENXIO, GET_TILING says NONE", tiling_userptr },
	{ "MADVISE reports what is retained; bytes survive DONTNEED and WILLNEED",
	  madvise_retained },
	{ "MADVISE with an unknown advice is EINVAL", madvise_unknown },
	{ "a purged object: PREAD and PWRITE are EFAULT", purged_pread_pwrite },
	{ "a purged object: execbuf is EFAULT", purged_execbuf },
	{ "a purged object: access through mmap is SIGBUS", purged_mmap },
	{ "DONTNEED of what the page cache alone has ends it at once", purged_at_once },
	{ "SET_DOMAIN to GTT of what is larger than the aperture brings nothing in",
	  larger_than_aperture },
	{ "an object that is needed keeps its bytes under reclaim", needed_survives_reclaim },
};

TAP_MAIN(tests)
