// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What if memory is not to be had, or user memory not to be read or written: every such point of
 * what is done to contexts, queries and PRIME, one at a time. See faults.h.
 */
#include "batch.h"
#include "faults.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

static int run_context_create(struct world *w)
{
	struct i915_engine_class_instance *engine;
	uint8_t map[sizeof(uint64_t) + 2 * sizeof(*engine)] __attribute__((aligned(8))) = { 0 };
	struct drm_i915_gem_context_create_ext_setparam engines = {
		.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,
		.param = {
			.param = I915_CONTEXT_PARAM_ENGINES, .value = (uintptr_t)map,
			.size = sizeof(map),
		},
	};
	struct drm_i915_gem_context_create_ext arg = {
		.flags = I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS,
		.extensions = (uintptr_t)&engines,
	};
	int ret;

	engine = (struct i915_engine_class_instance *)(map + sizeof(uint64_t));
	engine[0].engine_class = I915_ENGINE_CLASS_COPY;
	engine[1].engine_class = I915_ENGINE_CLASS_RENDER;
	ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &arg);
	w->n[0] = arg.ctx_id;
	return ret;
}

static void check_context(struct world *w)
{
	struct batch b;

	batch_init(&b, w->fd, 1);
	b.ctx = w->n[0];
	batch_store(&b, w->handle, 0, 1);
	batch_submit(&b);
	batch_free(&b);
	CHECK_INT(gem_read32(w->fd, w->handle, 0), 1);
	CHECK_RET(try_context_destroy(w->fd, w->n[0]), 0);
}

static void setup_vm(struct world *w)
{
	uint32_t vm;

	w->n[0] = gem_context_create(w->fd);
	CHECK_RET(try_vm_create(w->fd, &vm), 0);
	w->n[1] = vm;
}

static int run_set_vm(struct world *w)
{
	struct drm_i915_gem_context_param arg = {
		.ctx_id = w->n[0], .param = I915_CONTEXT_PARAM_VM, .value = w->n[1],
	};

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM, &arg);
}

static int run_get_vm(struct world *w)
{
	struct drm_i915_gem_context_param arg = {
		.ctx_id = w->n[0], .param = I915_CONTEXT_PARAM_VM,
	};

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &arg);
}

static void setup_context(struct world *w)
{
	CHECK_RET(run_context_create(w), 0);
}

static int run_get_sseu(struct world *w)
{
	struct drm_i915_gem_context_param_sseu sseu = {
		.flags = I915_CONTEXT_SSEU_FLAG_ENGINE_INDEX,
	};
	struct drm_i915_gem_context_param arg = {
		.ctx_id = w->n[0], .param = I915_CONTEXT_PARAM_SSEU,
		.value = (uintptr_t)&sseu, .size = sizeof(sseu),
	};
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &arg);

	w->n[1] = sseu.slice_mask;
	return ret;
}

static void check_sseu(struct world *w)
{
	CHECK(w->n[1]);
}

static int run_vm_create(struct world *w)
{
	struct drm_i915_gem_vm_control arg = { 0 };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_VM_CREATE, &arg);
}

static int run_reset_stats(struct world *w)
{
	struct drm_i915_reset_stats arg = { 0 };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_GET_RESET_STATS, &arg);
}

static int run_reg_read(struct world *w)
{
	struct drm_i915_reg_read arg = { .offset = 0x2358 | I915_REG_READ_8B_WA };

	return gem_ioctl_once(w->fd, DRM_IOCTL_I915_REG_READ, &arg);
}

static int query(struct world *w, uint64_t id)
{
	struct drm_i915_query_item item = {
		.query_id = id, .length = FAULT_OBJECT, .data_ptr = (uintptr_t)w->ptr,
	};
	struct drm_i915_query arg = { .num_items = 1, .items_ptr = (uintptr_t)&item };
	int ret;

	memset(w->ptr, 0, 4096);
	ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_QUERY, &arg);
	/* an item's error stands where its length would */
	return ret ?: item.length < 0 ? item.length : 0;
}

static int run_query_engines(struct world *w)
{
	return query(w, DRM_I915_QUERY_ENGINE_INFO);
}

static int run_query_topology(struct world *w)
{
	return query(w, DRM_I915_QUERY_TOPOLOGY_INFO);
}

static int run_query_regions(struct world *w)
{
	return query(w, DRM_I915_QUERY_MEMORY_REGIONS);
}

static int run_export(struct world *w)
{
	struct drm_prime_handle arg = { .handle = w->handle, .flags = DRM_CLOEXEC | DRM_RDWR };
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_PRIME_HANDLE_TO_FD, &arg);

	if (!ret)
		w->fds[0] = arg.fd;
	return ret;
}

static void check_dmabuf(struct world *w)
{
	uint32_t *map = mmap(NULL, FAULT_OBJECT, PROT_READ | PROT_WRITE, MAP_SHARED, w->fds[0], 0);

	CHECK(map != MAP_FAILED);
	map[0] = 7;
	CHECK_INT(gem_read32(w->fd, w->handle, 0), 7);
	CHECK_SYS(munmap(map, FAULT_OBJECT));
}

static void setup_dmabuf(struct world *w)
{
	CHECK_RET(run_export(w), 0);
	w->fds[1] = gem_open();
}

static int run_import(struct world *w)
{
	struct drm_prime_handle arg = { .fd = w->fds[0] };
	int ret = gem_ioctl_once(w->fds[1], DRM_IOCTL_PRIME_FD_TO_HANDLE, &arg);

	w->n[0] = arg.handle;
	return ret;
}

static void check_imported(struct world *w)
{
	gpu_store(w->fds[1], w->n[0], 0, 1);
	CHECK_INT(gem_read32(w->fd, w->handle, 0), 1);
}

SCENARIO(context_create, .run = run_context_create, .check = check_context)
SCENARIO(set_vm, .setup = setup_vm, .run = run_set_vm)
SCENARIO(get_vm, .setup = setup_vm, .run = run_get_vm)
SCENARIO(get_sseu, .setup = setup_context, .run = run_get_sseu, .check = check_sseu)
SCENARIO(vm_create, .run = run_vm_create)
SCENARIO(reset_stats, .run = run_reset_stats)
SCENARIO(reg_read, .run = run_reg_read)
SCENARIO(query_engines, .run = run_query_engines)
SCENARIO(query_topology, .run = run_query_topology)
SCENARIO(query_regions, .run = run_query_regions)
SCENARIO(export, .run = run_export, .check = check_dmabuf)
SCENARIO(import, .setup = setup_dmabuf, .run = run_import, .check = check_imported)

static const struct subtest tests[] = {
	FAULTS(context_create),
	FAULTS(set_vm),
	FAULTS(get_vm),
	FAULTS(get_sseu),
	FAULTS(vm_create),
	FAULTS(reset_stats),
	FAULTS(reg_read),
	FAULTS(query_engines),
	FAULTS(query_topology),
	FAULTS(query_regions),
	FAULTS(export),
	FAULTS(import),
};

TAP_MAIN(tests)
