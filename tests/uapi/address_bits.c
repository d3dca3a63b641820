// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A GPU whose address spaces are smaller than 48 bits (module parameter address_bits).
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#define PARAMETER	"/sys/module/softgem/parameters/address_bits"

static int address_bits(void)
{
	int fd = open(PARAMETER, O_RDONLY);
	char text[16] = "";

	CHECK_SYS(fd);
	CHECK(read(fd, text, sizeof(text) - 1) > 0);
	close(fd);
	return atoi(text);
}

static uint64_t space_size(int fd)
{
	uint64_t value = 0;

	CHECK_RET(try_context_get(fd, 0, I915_CONTEXT_PARAM_GTT_SIZE, &value, NULL), 0);
	return value;
}

static int ppgtt(int fd)
{
	int value;

	CHECK_RET(try_getparam(fd, I915_PARAM_HAS_ALIASING_PPGTT, &value), 0);
	return value;
}

/* Run @checks against a device of so many bits, in a process that may fail; then it is as before. */
static void with_bits(const char *bits, void (*checks)(void *arg))
{
	const char *name = gem_pci_name();
	int status;
	pid_t pid;

	CHECK(write_file(PARAMETER, bits));
	gem_set_bound(name, false);
	gem_set_bound(name, true);
	pid = child_start(checks, (void *)bits);
	CHECK(child_ended_within(pid, 15000, &status));
	CHECK(write_file(PARAMETER, "48"));
	gem_set_bound(name, false);
	gem_set_bound(name, true);
	CHECK_INT(status, 0);
	CHECK_HEX(space_size(gem_open()), 1ull << 48);
}

static void refused(void)
{
	CHECK(!write_file(PARAMETER, "27"));
	CHECK(!write_file(PARAMETER, "49"));
	CHECK(!write_file(PARAMETER, "x"));
	CHECK_INT(address_bits(), 48);
}

/* How many bytes a space has by what with_bits() was told. */
static uint64_t told(void *bits)
{
	return 1ull << atoi(bits);
}

static void check_reported(void *bits)
{
	struct drm_i915_gem_get_aperture global = {};
	uint64_t size = told(bits);
	int fd = gem_open();

	CHECK_HEX(space_size(fd), size);
	CHECK_INT(ppgtt(fd), 2);
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_GET_APERTURE, &global), 0);
	CHECK_HEX(global.aper_size, size);
	CHECK_HEX(space_size(gem_open()), size);
}

static void reported(void)
{
	CHECK_INT(ppgtt(gem_open()), 3);
	with_bits("31", check_reported);
	with_bits("28", check_reported);
}

/* Submit an object and an empty batch. @obj tells where they are, and is told. */
static int submit(int fd, struct drm_i915_gem_exec_object2 *obj, unsigned int count)
{
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = count,
	};
	const uint32_t end = MI_BATCH_BUFFER_END;

	gem_write(fd, obj[count - 1].handle, 0, &end, sizeof(end));
	return try_execbuf(fd, &eb);
}

static void check_placement(void *bits)
{
	struct drm_i915_gem_exec_object2 obj[2] = { { .flags = EXEC_OBJECT_SUPPORTS_48B_ADDRESS } };
	uint64_t size = told(bits);
	int fd = gem_open();

	obj[0].handle = gem_create(fd, 2 * PAGE);
	obj[1].handle = gem_create(fd, PAGE);
	/* asked for above the end, it comes to lie below */
	obj[0].offset = size + size / 2;
	CHECK_RET(submit(fd, obj, 2), 0);
	CHECK(obj[0].offset + 2 * PAGE <= size);
	CHECK(obj[1].offset + PAGE <= size);

	obj[0].flags |= EXEC_OBJECT_PINNED;
	obj[0].offset = size - 2 * PAGE;
	CHECK_RET(submit(fd, obj, 2), 0);
	obj[0].offset = size - PAGE;
	CHECK_RET(submit(fd, obj, 2), -EINVAL);
	obj[0].offset = size;
	CHECK_RET(submit(fd, obj, 2), -EINVAL);
}

static void placement(void)
{
	with_bits("31", check_placement);
	with_bits("28", check_placement);
}

static void check_full(void *bits)
{
	struct drm_i915_gem_exec_object2 obj[4] = {};
	uint64_t size = told(bits);
	int fd = gem_open();

	for (int i = 0; i < 4; i++) {
		obj[i].handle = gem_create(fd, PAGE);
		obj[i].flags = EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
		/* the lowest address that is given out unasked for: one makes way for another */
		obj[i].offset = 256 << 10;
		if (i < 3) {
			obj[i].flags |= EXEC_OBJECT_PAD_TO_SIZE;
			obj[i].pad_to_size = size / 2 - MiB;
		}
	}
	CHECK_RET(submit(fd, obj, 4), -ENOSPC);
	/* two and the batch fit, whichever two: the third makes way */
	for (int i = 0; i < 6; i++) {
		struct drm_i915_gem_exec_object2 some[3] = { obj[i % 3], obj[(i + 1) % 3], obj[3] };

		CHECK_RET(submit(fd, some, 3), 0);
	}
	obj[0].pad_to_size = size;
	CHECK_RET(submit(fd, obj, 4), -ENOSPC);
}

static void full(void)
{
	with_bits("31", check_full);
	with_bits("28", check_full);
}

static const struct subtest tests[] = {
	{ "less than 28 and more than 48 bits are refused", refused },
	{ "GTT_SIZE and HAS_ALIASING_PPGTT say how large spaces are", reported },
	{ "objects lie below the end of a smaller space", placement },
	{ "what does not fit into a smaller space is ENOSPC; else it evicts", full },
};

TAP_MAIN(tests)
