// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What if memory is not to be had, or user memory not to be read or written: every such point of
 * what is done to objects and mappings, one at a time. See faults.h.
 */
#include "batch.h"
#include "counters.h"
#include "faults.h"
#include "gem.h"
#include "proc.h"
#include "restless.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

static void setup_open(struct world *w)
{
	snprintf((char *)w->arg.bytes, sizeof(w->arg.bytes), "%s", gem_path(w->fd));
}

static int run_open(struct world *w)
{
	w->fds[0] = open((char *)w->arg.bytes, O_RDWR | O_CLOEXEC);
	return w->fds[0] < 0 ? -errno : 0;
}

static int run_getparam(struct world *w)
{
	int value = -1;
	struct drm_i915_getparam arg = { .param = I915_PARAM_CHIPSET_ID, .value = &value };
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GETPARAM, &arg);

	w->n[0] = value;
	return ret;
}

static void check_getparam(struct world *w)
{
	CHECK_HEX(w->n[0], 0x1912);
}

static int run_create(struct world *w)
{
	struct drm_i915_gem_create arg = { .size = FAULT_OBJECT };
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_CREATE, &arg);

	w->n[0] = arg.handle;
	return ret;
}

static void check_created(struct world *w)
{
	CHECK_INT(gem_read32(w->fd, w->n[0], FAULT_OBJECT - 4), 0);
	gpu_store(w->fd, w->n[0], 0, 5);
	CHECK_INT(gem_read32(w->fd, w->n[0], 0), 5);
	gem_close(w->fd, w->n[0]);
}

static int run_create_ext(struct world *w)
{
	struct drm_i915_gem_memory_class_instance region = { I915_MEMORY_CLASS_SYSTEM, 0 };
	struct drm_i915_gem_create_ext_memory_regions regions = {
		.base.name = I915_GEM_CREATE_EXT_MEMORY_REGIONS,
		.num_regions = 1, .regions = (uintptr_t)&region,
	};
	struct drm_i915_gem_create_ext arg = {
		.size = FAULT_OBJECT, .extensions = (uintptr_t)&regions,
	};
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_CREATE_EXT, &arg);

	w->n[0] = arg.handle;
	return ret;
}

static int userptr(struct world *w, uint32_t flags)
{
	struct drm_i915_gem_userptr arg = {
		.user_ptr = (uintptr_t)w->ptr, .user_size = FAULT_OBJECT, .flags = flags,
	};
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_USERPTR, &arg);

	w->n[0] = arg.handle;
	return ret;
}

static int run_userptr(struct world *w)
{
	return userptr(w, 0);
}

static int run_userptr_probe(struct world *w)
{
	return userptr(w, I915_USERPTR_PROBE);
}

static int run_userptr_pinned(struct world *w)
{
	return userptr(w, I915_USERPTR_UNSYNCHRONIZED);
}

static void check_userptr(struct world *w)
{
	uint32_t value;

	CHECK_FILL(w->ptr, FAULT_OBJECT, 1);
	gpu_store(w->fd, w->n[0], 4, 77);
	memcpy(&value, w->ptr + 4, sizeof(value));
	CHECK_INT(value, 77);
	gem_close(w->fd, w->n[0]);
}

static void setup_userptr(struct world *w)
{
	w->n[0] = gem_userptr(w->fd, w->ptr, FAULT_OBJECT, 0);
}

static void setup_userptr_absent(struct world *w)
{
	setup_userptr(w);
	CHECK_SYS(madvise(w->ptr, FAULT_OBJECT, MADV_DONTNEED));
}

static int set_domain(struct world *w, uint32_t handle)
{
	struct drm_i915_gem_set_domain arg = {
		.handle = handle, .read_domains = I915_GEM_DOMAIN_CPU,
		.write_domain = I915_GEM_DOMAIN_CPU,
	};

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_SET_DOMAIN, &arg);
}

static int run_set_domain(struct world *w)
{
	return set_domain(w, w->handle);
}

static int run_acquire(struct world *w)
{
	return set_domain(w, w->n[0]);
}

/* Memory that is looked up in vain until it is pinned, where it can be. */
static struct restless restless;

static void setup_userptr_restless(struct world *w)
{
	restless_init(&restless, w->ptr, FAULT_OBJECT);
	setup_userptr(w);
	w->n[1] = counters_settled().grips;
	restless_stir(&restless, VAIN_FEW);
}

static void check_acquired(struct world *w)
{
	static bool again;

	/* the first time nothing fails */
	CHECK(again || counters().grips > (long long)w->n[1]);
	again = true;
	CHECK_INT(restless.left, 0);
	restless_end(&restless);
	gpu_store(w->fd, w->n[0], 4, 7);
	CHECK_INT(*(volatile uint32_t *)(w->ptr + 4), 7);
}

static int run_pread(struct world *w)
{
	struct drm_i915_gem_pread arg = {
		.handle = w->handle, .size = FAULT_OBJECT, .data_ptr = (uintptr_t)w->ptr,
	};

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_PREAD, &arg);
}

static void check_pread(struct world *w)
{
	for (size_t i = 0; i < FAULT_OBJECT; i++)
		CHECK_INT(w->ptr[i], 0);
}

static int run_pwrite(struct world *w)
{
	struct drm_i915_gem_pwrite arg = {
		.handle = w->handle, .size = FAULT_OBJECT, .data_ptr = (uintptr_t)w->ptr,
	};

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_PWRITE, &arg);
}

static void check_pwrite(struct world *w)
{
	memset(w->ptr, 0, FAULT_OBJECT);
	gem_read(w->fd, w->handle, 0, w->ptr, FAULT_OBJECT);
	CHECK_FILL(w->ptr, FAULT_OBJECT, 1);
}

/* The user's own buffer is a mapping of an object with no pages yet. */
static void setup_pwrite_from_a_mapping(struct world *w)
{
	uint32_t other = gem_create(w->fd, FAULT_OBJECT);

	munmap(w->ptr, FAULT_OBJECT);
	w->ptr = gem_mmap(w->fd, other, FAULT_OBJECT, I915_MMAP_OFFSET_GTT);
}

static int run_mmap_legacy(struct world *w)
{
	struct drm_i915_gem_mmap arg = { .handle = w->handle, .size = FAULT_OBJECT };
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_MMAP, &arg);

	w->n[0] = arg.addr_ptr;
	return ret;
}

static void check_mapping(struct world *w)
{
	uint32_t *map = (uint32_t *)w->n[0];

	map[3] = 99;
	CHECK_INT(gem_read32(w->fd, w->handle, 12), 99);
	CHECK_SYS(munmap(map, FAULT_OBJECT));
}

static int mmap_offset(struct world *w, uint64_t kind)
{
	struct drm_i915_gem_mmap_offset arg = { .handle = w->handle, .flags = kind };
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_MMAP_OFFSET, &arg);

	w->n[1] = arg.offset;
	return ret;
}

static int run_mmap_offset(struct world *w)
{
	return mmap_offset(w, I915_MMAP_OFFSET_WB);
}

static int run_mmap_gtt(struct world *w)
{
	struct drm_i915_gem_mmap_gtt arg = { .handle = w->handle };
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_MMAP_GTT, &arg);

	w->n[1] = arg.offset;
	return ret;
}

static int run_mmap(struct world *w)
{
	void *map = mmap(NULL, FAULT_OBJECT, PROT_READ | PROT_WRITE, MAP_SHARED, w->fd, w->n[1]);

	w->n[0] = (uintptr_t)map;
	return map == MAP_FAILED ? -errno : 0;
}

static void check_offset(struct world *w)
{
	CHECK_RET(run_mmap(w), 0);
	check_mapping(w);
}

static sigjmp_buf touched;

static void on_sigbus(int signal)
{
	(void)signal;
	siglongjmp(touched, 1);
}

static void catch_sigbus(void)
{
	const struct sigaction action = { .sa_handler = on_sigbus, .sa_flags = SA_NODEFER };

	CHECK_SYS(sigaction(SIGBUS, &action, NULL));
}

static void setup_offset_wb(struct world *w)
{
	catch_sigbus();
	CHECK_RET(mmap_offset(w, I915_MMAP_OFFSET_WB), 0);
}

static void setup_offset_gtt(struct world *w)
{
	catch_sigbus();
	CHECK_RET(mmap_offset(w, I915_MMAP_OFFSET_GTT), 0);
}

static void setup_map_wb(struct world *w)
{
	setup_offset_wb(w);
	CHECK_RET(run_mmap(w), 0);
}

static void setup_map_gtt(struct world *w)
{
	setup_offset_gtt(w);
	CHECK_RET(run_mmap(w), 0);
}

static void setup_map_tiled(struct world *w)
{
	uint32_t mode = I915_TILING_X, stride = 512, swizzle;

	CHECK_RET(try_set_tiling(w->fd, w->handle, &mode, &stride, &swizzle), 0);
	setup_map_gtt(w);
}

/* A fault of the CPU's. One that finds no memory is tried again by the kernel, or is a SIGBUS. */
static int run_touch(struct world *w)
{
	volatile uint32_t *map = (uint32_t *)w->n[0];

	/* without the signal mask: a system call here would be what fails */
	if (sigsetjmp(touched, 0))
		return -EFAULT;
	map[1024] = 3;
	return 0;
}

static void check_touched(struct world *w)
{
	uint32_t *map = (uint32_t *)w->n[0];

	CHECK_INT(map[1024], 3);
	CHECK_INT(map[1025], 0);
	check_mapping(w);
}

static int run_set_tiling(struct world *w)
{
	struct drm_i915_gem_set_tiling arg = {
		.handle = w->handle, .tiling_mode = I915_TILING_Y, .stride = 128,
	};

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_SET_TILING, &arg);
}

static void check_tiling(struct world *w)
{
	uint32_t mode, swizzle;

	CHECK_RET(try_get_tiling(w->fd, w->handle, &mode, &swizzle), 0);
	CHECK_INT(mode, I915_TILING_Y);
}

static int run_get_tiling(struct world *w)
{
	struct drm_i915_gem_get_tiling arg = { .handle = w->handle };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_GET_TILING, &arg);
}

static int run_set_caching(struct world *w)
{
	struct drm_i915_gem_caching arg = { .handle = w->handle, .caching = I915_CACHING_CACHED };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_SET_CACHING, &arg);
}

static int run_madvise(struct world *w)
{
	struct drm_i915_gem_madvise arg = { .handle = w->handle, .madv = I915_MADV_DONTNEED };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_MADVISE, &arg);
}

static int run_busy(struct world *w)
{
	struct drm_i915_gem_busy arg = { .handle = w->handle };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_BUSY, &arg);
}

static void setup_store(struct world *w)
{
	struct batch b;

	batch_init(&b, w->fd, I915_EXEC_RENDER);
	batch_store(&b, w->handle, 0, 1);
	batch_submit(&b);
	batch_free(&b);
}

static int run_wait(struct world *w)
{
	struct drm_i915_gem_wait arg = { .bo_handle = w->handle, .timeout_ns = -1 };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_WAIT, &arg);
}

static void check_stored(struct world *w)
{
	CHECK_INT(gem_read32(w->fd, w->handle, 0), 1);
}

static int run_throttle(struct world *w)
{
	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_THROTTLE, NULL);
}

static int run_get_aperture(struct world *w)
{
	struct drm_i915_gem_get_aperture arg = { 0 };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_GET_APERTURE, &arg);
}

static int run_flink(struct world *w)
{
	struct drm_gem_flink arg = { .handle = w->handle };

	return gem_ioctl_once(w->fds[0], DRM_IOCTL_GEM_FLINK, &arg);
}

/* Names are for the primary node. */
static void setup_card(struct world *w)
{
	w->fds[0] = gem_open_card();
	w->handle = gem_create(w->fds[0], FAULT_OBJECT);
}

static void setup_name(struct world *w)
{
	uint32_t name;

	setup_card(w);
	CHECK_RET(try_flink(w->fds[0], w->handle, &name), 0);
	w->n[1] = name;
	w->fds[1] = gem_open_card();
}

static int run_open_name(struct world *w)
{
	struct drm_gem_open arg = { .name = w->n[1] };
	int ret = gem_ioctl_once(w->fds[1], DRM_IOCTL_GEM_OPEN, &arg);

	w->n[0] = arg.handle;
	return ret;
}

static void check_opened(struct world *w)
{
	gem_write(w->fds[1], w->n[0], 0, "abcd", 4);
	CHECK_HEX(gem_read32(w->fds[0], w->handle, 0), 0x64636261);
}

SCENARIO(open_node, .setup = setup_open, .run = run_open)
SCENARIO(getparam, .run = run_getparam, .check = check_getparam)
SCENARIO(create, .run = run_create, .check = check_created)
SCENARIO(create_ext, .run = run_create_ext, .check = check_created)
SCENARIO(userptr_tracked, .run = run_userptr, .check = check_userptr)
SCENARIO(userptr_probe, .run = run_userptr_probe, .check = check_userptr)
SCENARIO(userptr_pinned, .run = run_userptr_pinned, .check = check_userptr)
SCENARIO(acquire, .setup = setup_userptr, .run = run_acquire, .check = check_userptr)
SCENARIO(acquire_absent, .setup = setup_userptr_absent, .run = run_acquire)
SCENARIO(acquire_restless, .setup = setup_userptr_restless, .run = run_acquire,
	 .check = check_acquired)
SCENARIO(set_domain_object, .run = run_set_domain)
SCENARIO(pread_object, .run = run_pread, .check = check_pread)
SCENARIO(pwrite_object, .run = run_pwrite, .check = check_pwrite)
SCENARIO(pwrite_from_a_mapping, .setup = setup_pwrite_from_a_mapping, .run = run_pwrite)
SCENARIO(mmap_legacy, .run = run_mmap_legacy, .check = check_mapping)
SCENARIO(mmap_offset_wb, .run = run_mmap_offset, .check = check_offset)
SCENARIO(mmap_gtt, .run = run_mmap_gtt, .check = check_offset)
SCENARIO(mmap_wb, .setup = setup_offset_wb, .run = run_mmap, .check = check_mapping)
SCENARIO(mmap_of_gtt, .setup = setup_offset_gtt, .run = run_mmap, .check = check_mapping)
SCENARIO(touch_wb, .setup = setup_map_wb, .run = run_touch, .check = check_touched)
SCENARIO(touch_gtt, .setup = setup_map_gtt, .run = run_touch, .check = check_touched)
SCENARIO(touch_tiled, .setup = setup_map_tiled, .run = run_touch)
SCENARIO(set_tiling, .run = run_set_tiling, .check = check_tiling)
SCENARIO(get_tiling, .run = run_get_tiling)
SCENARIO(set_caching, .run = run_set_caching)
SCENARIO(madvise_object, .run = run_madvise)
SCENARIO(busy, .setup = setup_store, .run = run_busy, .check = check_stored)
SCENARIO(wait_object, .setup = setup_store, .run = run_wait, .check = check_stored)
SCENARIO(throttle, .setup = setup_store, .run = run_throttle, .check = check_stored)
SCENARIO(get_aperture, .run = run_get_aperture)
SCENARIO(flink, .setup = setup_card, .run = run_flink)
SCENARIO(open_name, .setup = setup_name, .run = run_open_name, .check = check_opened)

static const struct subtest tests[] = {
	FAULTS(open_node),
	FAULTS(getparam),
	FAULTS(create),
	FAULTS(create_ext),
	FAULTS(userptr_tracked),
	FAULTS(userptr_probe),
	FAULTS(userptr_pinned),
	FAULTS(acquire),
	FAULTS(acquire_absent),
	FAULTS(acquire_restless),
	FAULTS(set_domain_object),
	FAULTS(pread_object),
	FAULTS(pwrite_object),
	FAULTS(pwrite_from_a_mapping),
	FAULTS(mmap_legacy),
	FAULTS(mmap_offset_wb),
	FAULTS(mmap_gtt),
	FAULTS(mmap_wb),
	FAULTS(mmap_of_gtt),
	FAULTS(touch_wb),
	FAULTS(touch_gtt),
	FAULTS(touch_tiled),
	FAULTS(set_tiling),
	FAULTS(get_tiling),
	FAULTS(set_caching),
	FAULTS(madvise_object),
	FAULTS(busy),
	FAULTS(wait_object),
	FAULTS(throttle),
	FAULTS(get_aperture),
	FAULTS(flink),
	FAULTS(open_name),
};

TAP_MAIN(tests)
