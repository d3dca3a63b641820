// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects larger than all memory, in a machine whose aperture is larger still (mappable_mb=4096):
 * they are looked at in parts.
 */
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <string.h>
#include <sys/mman.h>

#define STEP	(16 * MiB)

static uint64_t beyond_memory(void)
{
	uint64_t memory = number_in("/proc/meminfo", "MemTotal") << 10;
	uint64_t size = memory - memory % STEP + 8 * STEP;

	if (size > aperture_counter("mappable"))
		tap_skip("all of the memory fits into the aperture: a machine of 3 GiB with mappable_mb=4096 has less");
	return size;
}

static void look(int fd, uint32_t handle, uint64_t size)
{
	volatile uint64_t *map = gem_mmap(fd, handle, size, I915_MMAP_OFFSET_GTT);

	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, I915_GEM_DOMAIN_GTT), 0);
	for (uint64_t at = 0; at < size; at += STEP)
		map[at / sizeof(*map)] = at;
	for (uint64_t at = 0; at < size; at += STEP) {
		CHECK_HEX(map[at / sizeof(*map)], at);
		CHECK_HEX(map[at / sizeof(*map) + 1], 0);
	}
	CHECK_SYS(munmap((void *)map, size));
	gem_close(fd, handle);
}

static void linear(void)
{
	uint64_t size = beyond_memory();
	int fd = gem_open();

	look(fd, gem_create(fd, size), size);
}

static void tiled(void)
{
	uint64_t size = beyond_memory();
	int fd = gem_open();
	uint32_t handle = gem_create(fd, size), mode = I915_TILING_X, stride = 4096, swizzle;

	CHECK_RET(try_set_tiling(fd, handle, &mode, &stride, &swizzle), 0);
	look(fd, handle, size);
}

static const struct subtest tests[] = {
	{ "an object larger than memory can be looked at through the aperture", linear, 60 },
	{ "a tiled one, too", tiled, 60 },
};

TAP_MAIN(tests)
