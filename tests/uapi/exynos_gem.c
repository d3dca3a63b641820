// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The Exynos interface: GEM_CREATE, GEM_MAP, GEM_GET, and PRIME with the i915 node.
 */
#include "batch.h"
#include "exynos.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define SIZE	(64 * PAGE)

/* All that GEM_CREATE knows. */
static const uint32_t valid_flags[] = {
	EXYNOS_BO_CONTIG | EXYNOS_BO_NONCACHABLE,
	EXYNOS_BO_NONCONTIG,
	EXYNOS_BO_CACHABLE,
	EXYNOS_BO_WC,
	EXYNOS_BO_NONCONTIG | EXYNOS_BO_CACHABLE,
	EXYNOS_BO_NONCONTIG | EXYNOS_BO_WC,
	EXYNOS_BO_MASK,
};

static void check_info(int fd, uint32_t handle, uint32_t want_flags, uint64_t want_size)
{
	uint32_t flags;
	uint64_t size;

	CHECK_RET(try_exynos_get(fd, handle, &flags, &size), 0);
	CHECK_HEX(flags, want_flags);
	CHECK_INT(size, want_size);
}

static bool is_zero(const uint32_t *word, size_t len)
{
	for (size_t i = 0; i < len / 4; i++)
		if (word[i])
			return false;
	return true;
}

static void node(void)
{
	int fd = exynos_open();
	drmVersionPtr version = drmGetVersion(fd);
	struct drm_get_cap cap = { .capability = DRM_CAP_PRIME };

	CHECK(version);
	CHECK(!strcmp(version->name, "exynos"));
	CHECK_INT(version->version_major, 1);
	drmFreeVersion(version);
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_GET_CAP, &cap), 0);
	CHECK_INT(cap.value, DRM_PRIME_CAP_IMPORT | DRM_PRIME_CAP_EXPORT);
}

/* Both nodes are found, each for what it is, and i915's comes first. */
static void enumeration(void)
{
	drmDevicePtr devices[16];
	int n = drmGetDevices2(0, devices, 16), i915 = -1, exynos = -1;

	CHECK(n >= 2);
	for (int i = 0; i < n; i++) {
		const char *path = devices[i]->nodes[DRM_NODE_RENDER];
		drmVersionPtr version;
		int fd;

		if (!(devices[i]->available_nodes & 1 << DRM_NODE_RENDER))
			continue;
		fd = open(path, O_RDWR | O_CLOEXEC);
		CHECK_SYS(fd);
		version = drmGetVersion(fd);
		CHECK(version);
		if (!strcmp(version->name, "i915")) {
			CHECK_INT(devices[i]->bustype, DRM_BUS_PCI);
			i915 = atoi(path + strlen("/dev/dri/renderD"));
		} else if (!strcmp(version->name, "exynos")) {
			CHECK_INT(devices[i]->bustype, DRM_BUS_PLATFORM);
			exynos = atoi(path + strlen("/dev/dri/renderD"));
		}
		drmFreeVersion(version);
		close(fd);
	}
	drmFreeDevices(devices, n);
	CHECK(i915 >= 128);
	CHECK(exynos > i915);
}

static void create(void)
{
	int fd = exynos_open();

	for (size_t i = 0; i < ARRAY_SIZE(valid_flags); i++) {
		uint32_t handle = exynos_create(fd, SIZE - 5, valid_flags[i]);
		uint32_t *ptr = exynos_mmap(fd, handle, SIZE);

		check_info(fd, handle, valid_flags[i], SIZE);
		CHECK(is_zero(ptr, SIZE));
		fill(ptr, SIZE, i + 1);
		CHECK_FILL(ptr, SIZE, i + 1);
		CHECK_SYS(munmap(ptr, SIZE));
		gem_close(fd, handle);
	}
	for (uint64_t size = 1; size <= 3 * PAGE; size += PAGE / 2) {
		uint32_t handle = exynos_create(fd, size, EXYNOS_BO_NONCONTIG);

		check_info(fd, handle, EXYNOS_BO_NONCONTIG, (size + PAGE - 1) & ~(PAGE - 1));
		gem_close(fd, handle);
	}
}

static void create_errors(void)
{
	int fd = exynos_open();
	uint32_t handle;

	for (uint32_t flags = 0; flags < 2; flags++) {
		CHECK_RET(try_exynos_create(fd, 0, flags, &handle), -EINVAL);
		CHECK_RET(try_exynos_create(fd, ~0ull, flags, &handle), -EINVAL);
		CHECK_RET(try_exynos_create(fd, ~0ull - PAGE + 2, flags, &handle), -EINVAL);
	}
	for (int bit = 0; bit < 32; bit++)
		if (!(1u << bit & EXYNOS_BO_MASK))
			CHECK_RET(try_exynos_create(fd, PAGE, 1u << bit, &handle), -EINVAL);
	CHECK_RET(try_exynos_create(fd, PAGE, EXYNOS_BO_USERPTR, &handle), -EINVAL);
	CHECK_RET(try_exynos_create(fd, 1ull << 62, EXYNOS_BO_NONCONTIG, &handle), -E2BIG);
}

static void contig_enomem(void)
{
	int fd = exynos_open();
	uint32_t handle;

	CHECK_RET(try_exynos_create(fd, 1ull << 40, EXYNOS_BO_CONTIG, &handle), -ENOMEM);
	CHECK_RET(try_exynos_create(fd, 1ull << 62, EXYNOS_BO_CONTIG, &handle), -ENOMEM);
	/* it has harmed nothing */
	exynos_create(fd, SIZE, EXYNOS_BO_CONTIG);
}

static void contig_survives_reclaim(void)
{
	int fd = exynos_open();
	uint32_t handle = exynos_create(fd, MiB, EXYNOS_BO_CONTIG);
	uint32_t *ptr = exynos_mmap(fd, handle, MiB);
	char path[64];

	fill(ptr, MiB, 7);
	CHECK_SYS(munmap(ptr, MiB));
	/* the shrinker is told to give back all that it can */
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/i915_gem_drop_caches",
		 gem_card_minor());
	CHECK(write_file(path, "0x3ff"));
	ptr = exynos_mmap(fd, handle, MiB);
	CHECK_FILL(ptr, MiB, 7);
}

static void map(void)
{
	int fd = exynos_open(), other = exynos_open();
	uint32_t handle = exynos_create(fd, SIZE, EXYNOS_BO_NONCONTIG);
	uint64_t offset, again;
	uint32_t *ptr, *part;

	CHECK_RET(try_exynos_map(fd, handle, &offset), 0);
	CHECK(offset && !(offset % PAGE));
	CHECK_RET(try_exynos_map(fd, handle, &again), 0);
	CHECK_HEX(again, offset);
	ptr = exynos_mmap(fd, handle, SIZE);
	part = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, offset + 3 * PAGE);
	CHECK_SYS(part);
	fill(ptr, SIZE, 3);
	CHECK_MEM(part, ptr + 3 * PAGE / 4, PAGE);
	/* another file was not given it */
	CHECK(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, other, offset) == MAP_FAILED);
	CHECK_RET(-errno, -EACCES);
	CHECK(mmap(NULL, SIZE + PAGE, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
	CHECK_RET(-errno, -EINVAL);
	/* the mapping outlives the handle and the file */
	gem_close(fd, handle);
	close(fd);
	CHECK_FILL(ptr, SIZE, 3);
}

static void bad_handles(void)
{
	int fd = exynos_open();
	uint64_t offset, size;
	uint32_t flags;

	CHECK_RET(try_exynos_map(fd, 0, &offset), -ENOENT);
	CHECK_RET(try_exynos_map(fd, 0x7ead, &offset), -ENOENT);
	CHECK_RET(try_exynos_get(fd, 0, &flags, &size), -ENOENT);
	CHECK_RET(try_exynos_get(fd, 0x7ead, &flags, &size), -ENOENT);
	CHECK_RET(try_close(fd, 0x7ead), -EINVAL);
}

/* What i915's clients may do, an Exynos node does not know, and the other way round. */
static void not_the_other(void)
{
	int fd = exynos_open(), i915 = gem_open(), value;
	struct drm_exynos_gem_userptr arg = { .size = PAGE };

	CHECK_RET(try_getparam(fd, I915_PARAM_CHIPSET_ID, &value), -EINVAL);
	CHECK_RET(gem_ioctl(i915, DRM_IOCTL_EXYNOS_GEM_USERPTR, &arg), -EINVAL);
}

static void shared_to_i915(uint32_t flags)
{
	static uint32_t data[SIZE / 4];
	int fd = exynos_open(), i915 = gem_open();
	uint32_t handle = exynos_create(fd, SIZE, flags), copy = gem_create(i915, SIZE);
	uint32_t imported = share(fd, handle, i915);
	uint32_t *ptr = exynos_mmap(fd, handle, SIZE);

	/* the blitter reads what was written through the Exynos node, and writes what is read there */
	fill(ptr, SIZE, 1);
	gpu_copy(i915, copy, imported, SIZE);
	gem_read(i915, copy, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 1);
	fill(data, SIZE, 2);
	gem_write(i915, copy, 0, data, SIZE);
	gpu_copy(i915, imported, copy, SIZE);
	CHECK_FILL(ptr, SIZE, 2);
	/* pread and pwrite on the import */
	gem_read(i915, imported, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 2);
	fill(data, SIZE, 3);
	gem_write(i915, imported, 0, data, SIZE);
	CHECK_FILL(ptr, SIZE, 3);
	/* the import lives on by itself */
	CHECK_SYS(munmap(ptr, SIZE));
	gem_close(fd, handle);
	close(fd);
	gpu_copy(i915, copy, imported, SIZE);
	gem_read(i915, copy, 0, data, SIZE);
	CHECK_FILL(data, SIZE, 3);
}

static void contig_to_i915(void)
{
	shared_to_i915(EXYNOS_BO_CONTIG);
}

static void noncontig_to_i915(void)
{
	shared_to_i915(EXYNOS_BO_NONCONTIG);
}

static void from_i915(void)
{
	int fd = exynos_open(), i915 = gem_open();
	uint32_t handle = gem_create(i915, SIZE), imported = share(i915, handle, fd);
	uint32_t *ptr, *part, *direct;
	uint64_t offset;

	check_info(fd, imported, EXYNOS_BO_NONCONTIG | EXYNOS_BO_CACHABLE, SIZE);
	ptr = exynos_mmap(fd, imported, SIZE);
	fill(ptr, SIZE, 1);
	direct = gem_mmap(i915, handle, SIZE, I915_MMAP_OFFSET_WB);
	CHECK_FILL(direct, SIZE, 1);
	gpu_store(i915, handle, 5 * PAGE, 0xfeed);
	CHECK_HEX(ptr[5 * PAGE / 4], 0xfeed);
	CHECK_RET(try_exynos_map(fd, imported, &offset), 0);
	part = mmap(NULL, PAGE, PROT_READ, MAP_SHARED, fd, offset + 5 * PAGE);
	CHECK_SYS(part);
	CHECK_HEX(part[0], 0xfeed);
	gem_close(i915, handle);
	close(i915);
	CHECK_HEX(ptr[5 * PAGE / 4], 0xfeed);
}

/* A buffer that has gone round is the same one, on either side. */
static void round_trip(void)
{
	int fd = exynos_open(), i915 = gem_open();
	uint32_t handle = exynos_create(fd, SIZE, EXYNOS_BO_NONCONTIG);
	uint32_t there = share(fd, handle, i915), native = gem_create(i915, SIZE), here;

	CHECK_INT(share(i915, there, fd), handle);
	CHECK_INT(share(fd, handle, i915), there);
	here = share(i915, native, fd);
	CHECK_INT(share(fd, here, i915), native);
}

/* No access through one node without waiting for the GPU's work through the other. */
static void shared_fences(void)
{
	int fd = exynos_open(), i915 = gem_open();
	uint32_t handle = exynos_create(fd, SIZE, EXYNOS_BO_NONCONTIG);
	uint32_t imported = share(fd, handle, i915), again;
	int other = gem_open();
	struct spin s;

	again = share(fd, handle, other);
	spin_start(&s, i915, 0, I915_EXEC_RENDER, imported, EXEC_OBJECT_WRITE);
	CHECK(gem_is_busy(other, again));
	/* the object goes when the GPU is done with it */
	gem_close(fd, handle);
	gem_close(other, again);
	gem_close(i915, imported);
	CHECK(!fence_signalled(s.fence, 0));
	spin_end(&s);
	CHECK(fence_signalled(s.fence, 5000));
	CHECK_INT(fence_status(s.fence), 1);
	spin_free(&s);
}

/* The shrinker takes an idle buffer's pages away, and no mapping or node goes on with the old ones. */
static void shared_and_shrunk(void)
{
	static uint32_t data[SIZE / 4];
	int fd = exynos_open(), i915 = gem_open();
	uint32_t handle = exynos_create(fd, SIZE, EXYNOS_BO_NONCONTIG);
	uint32_t imported = share(fd, handle, i915), *ptr = exynos_mmap(fd, handle, SIZE);
	char path[64];

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/i915_gem_drop_caches",
		 gem_card_minor());
	for (uint32_t seed = 1; seed < 4; seed++) {
		fill(ptr, SIZE, seed);
		CHECK(write_file(path, "0x3ff"));
		gpu_read(i915, imported, data, SIZE);
		CHECK_FILL(data, SIZE, seed);
		gpu_store(i915, imported, 0, seed);
		CHECK(write_file(path, "0x3ff"));
		CHECK_HEX(ptr[0], seed);
		CHECK_HEX(gem_read32(i915, imported, 0), seed);
	}
}

static const struct subtest tests[] = {
	{ "the node names itself exynos, and does PRIME both ways", node },
	{ "libdrm finds both nodes for what they are, i915's first", enumeration },
	{ "GEM_CREATE: zeroed, whole pages, GEM_GET tells its flags and size", create },
	{ "GEM_CREATE: size 0 or one that wraps is EINVAL, so is any unknown flag", create_errors },
	{ "GEM_CREATE: contiguous memory that is not there is ENOMEM", contig_enomem },
	{ "contiguous memory stays when memory is short", contig_survives_reclaim },
	{ "GEM_MAP: one offset, for this file only; mappings outlive handle and file", map },
	{ "a bad handle is ENOENT", bad_handles },
	{ "neither node knows the other's ioctls", not_the_other },
	{ "contiguous: blitted and read by the i915 node, no copy", contig_to_i915 },
	{ "not contiguous: blitted and read by the i915 node, no copy", noncontig_to_i915 },
	{ "an i915 buffer through the Exynos node, no copy", from_i915 },
	{ "a buffer that went to the other node and back is the same", round_trip },
	{ "both nodes see the GPU's work on a shared buffer", shared_fences },
	{ "the shrinker takes a shared buffer's pages from both nodes", shared_and_shrunk },
};

TAP_MAIN(tests)
