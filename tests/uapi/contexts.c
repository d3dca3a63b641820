// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Contexts, their parameters, their engines and address spaces.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <linux/capability.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static int try_create_ext(int fd, uint32_t flags, const void *extensions, uint32_t *ctx)
{
	struct drm_i915_gem_context_create_ext arg = {
		.flags = flags, .extensions = (uintptr_t)extensions,
	};
	int ret = gem_ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &arg);

	*ctx = arg.ctx_id;
	return ret;
}

static struct drm_i915_gem_context_create_ext_setparam setparam(uint64_t param, uint64_t value,
								uint32_t size)
{
	return (struct drm_i915_gem_context_create_ext_setparam){
		.base.name = I915_CONTEXT_CREATE_EXT_SETPARAM,
		.param = { .param = param, .value = value, .size = size },
	};
}

static uint64_t get(int fd, uint32_t ctx, uint64_t param)
{
	uint64_t value = 0;

	CHECK_RET(try_context_get(fd, ctx, param, &value, NULL), 0);
	return value;
}

/* A store by @ctx on engine @index of its map, or on a ring. */
static int try_store(int fd, uint32_t ctx, uint64_t flags, uint32_t handle, uint32_t value)
{
	struct batch b;
	int ret;

	batch_init(&b, fd, flags);
	b.ctx = ctx;
	batch_store(&b, handle, 0, value);
	ret = batch_try_submit(&b);
	if (!ret)
		gem_sync(fd, b.handle);
	batch_free(&b);
	return ret;
}

static void create_destroy(void)
{
	int fd = gem_open();
	uint32_t a = gem_context_create(fd), b = gem_context_create(fd);
	uint32_t handle = gem_create(fd, PAGE);

	CHECK(a && b && a != b);
	CHECK_RET(try_store(fd, a, I915_EXEC_RENDER, handle, 1), 0);
	CHECK_RET(try_store(fd, b, I915_EXEC_RENDER, handle, 2), 0);
	CHECK_INT(gem_read32(fd, handle, 0), 2);
	CHECK_RET(try_context_destroy(fd, a), 0);
	CHECK_RET(try_store(fd, a, I915_EXEC_RENDER, handle, 3), -ENOENT);
	CHECK_RET(try_context_destroy(fd, a), -ENOENT);
	CHECK_RET(try_store(fd, b, I915_EXEC_RENDER, handle, 4), 0);
}

static void destroy_errors(void)
{
	int fd = gem_open(), other = gem_open();
	struct drm_i915_gem_context_destroy arg = { .ctx_id = gem_context_create(fd), .pad = 1 };

	CHECK_RET(try_context_destroy(fd, 0), -ENOENT);
	CHECK_RET(try_context_destroy(fd, 0x7ead), -ENOENT);
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &arg), -EINVAL);
	CHECK_RET(try_context_destroy(other, arg.ctx_id), -ENOENT);
	CHECK_RET(try_context_destroy(fd, arg.ctx_id), 0);
}

static void create_errors(void)
{
	struct drm_i915_gem_context_create old = { .pad = 4 };
	struct i915_user_extension unknown = { .name = 0x7ead };
	struct drm_i915_gem_context_create_ext_setparam ext = setparam(0x7ead, 0, 0);
	int fd = gem_open();
	uint32_t ctx;

	/* The old structure's padding is the new one's flags. */
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_CREATE, &old), -EINVAL);
	CHECK_RET(try_create_ext(fd, 1u << 31, NULL, &ctx), -EINVAL);
	CHECK_RET(try_create_ext(fd, I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS, &unknown, &ctx),
		  -EINVAL);
	CHECK_RET(try_create_ext(fd, I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS, &ext, &ctx),
		  -EINVAL);
	/* The context that would be set is the new one: none may be named. */
	ext = setparam(I915_CONTEXT_PARAM_RECOVERABLE, 0, 0);
	ext.param.ctx_id = gem_context_create(fd);
	CHECK_RET(try_create_ext(fd, I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS, &ext, &ctx),
		  -EINVAL);
	CHECK_RET(try_create_ext(fd, I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS,
				 map_hole(PAGE), &ctx), -EFAULT);
}

static void create_with_params(void)
{
	struct drm_i915_gem_context_create_ext_setparam second =
		setparam(I915_CONTEXT_PARAM_PRIORITY, -5, 0);
	struct drm_i915_gem_context_create_ext_setparam first =
		setparam(I915_CONTEXT_PARAM_RECOVERABLE, 0, 0);
	int fd = gem_open();
	uint32_t ctx;

	first.base.next_extension = (uintptr_t)&second;
	CHECK_RET(try_create_ext(fd, I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS, &first, &ctx), 0);
	CHECK_INT(get(fd, ctx, I915_CONTEXT_PARAM_RECOVERABLE), 0);
	CHECK_INT((int64_t)get(fd, ctx, I915_CONTEXT_PARAM_PRIORITY), -5);
	CHECK_INT(get(fd, 0, I915_CONTEXT_PARAM_RECOVERABLE), 1);
}

static void param_defaults(void)
{
	int fd = gem_open();
	uint32_t ctxs[2] = { 0, gem_context_create(fd) };

	for (int i = 0; i < 2; i++) {
		CHECK_HEX(get(fd, ctxs[i], I915_CONTEXT_PARAM_GTT_SIZE), 1ull << 48);
		CHECK_INT(get(fd, ctxs[i], I915_CONTEXT_PARAM_NO_ERROR_CAPTURE), 0);
		CHECK_INT(get(fd, ctxs[i], I915_CONTEXT_PARAM_BANNABLE), 1);
		CHECK_INT(get(fd, ctxs[i], I915_CONTEXT_PARAM_RECOVERABLE), 1);
		CHECK_INT(get(fd, ctxs[i], I915_CONTEXT_PARAM_PRIORITY), 0);
		CHECK_INT(get(fd, ctxs[i], I915_CONTEXT_PARAM_PERSISTENCE), 1);
	}
}

static void param_set_get(void)
{
	static const uint64_t booleans[] = {
		I915_CONTEXT_PARAM_NO_ERROR_CAPTURE, I915_CONTEXT_PARAM_BANNABLE,
		I915_CONTEXT_PARAM_RECOVERABLE,
	};
	static const int priorities[] = { -1023, -1, 1, 1023, 0 };
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), size = 99;
	uint64_t value = 0;

	for (size_t i = 0; i < ARRAY_SIZE(booleans); i++) {
		for (int on = 1; on >= 0; on--) {
			CHECK_RET(try_context_set(fd, ctx, booleans[i], on, 0), 0);
			CHECK_INT(get(fd, ctx, booleans[i]), on);
		}
		CHECK_RET(try_context_set(fd, ctx, booleans[i], 1, 8), -EINVAL);
	}
	for (size_t i = 0; i < ARRAY_SIZE(priorities); i++) {
		CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PRIORITY, priorities[i], 0),
			  0);
		CHECK_INT((int64_t)get(fd, ctx, I915_CONTEXT_PARAM_PRIORITY), priorities[i]);
	}
	/* The answer fits into the value itself. */
	CHECK_RET(try_context_get(fd, ctx, I915_CONTEXT_PARAM_PRIORITY, &value, &size), 0);
	CHECK_INT(size, 0);
	/* And the other contexts are as they were. */
	CHECK_INT(get(fd, 0, I915_CONTEXT_PARAM_RECOVERABLE), 1);
}

static void param_errors(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);
	uint64_t value = 0;

	CHECK_RET(try_context_get(fd, ctx, 0x7ead, &value, NULL), -EINVAL);
	CHECK_RET(try_context_set(fd, ctx, 0x7ead, 0, 0), -EINVAL);
	CHECK_RET(try_context_get(fd, 0x7ead, I915_CONTEXT_PARAM_PRIORITY, &value, NULL), -ENOENT);
	CHECK_RET(try_context_set(fd, 0x7ead, I915_CONTEXT_PARAM_PRIORITY, 0, 0), -ENOENT);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_GTT_SIZE, 1ull << 40, 0), -EINVAL);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PRIORITY, 1024, 0), -EINVAL);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PRIORITY, -1024, 0), -EINVAL);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PRIORITY, 0, 8), -EINVAL);
}

static void priority_privilege(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);

	drop_capability(CAP_SYS_NICE);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PRIORITY, 1, 0), -EPERM);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PRIORITY, 0, 0), 0);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PRIORITY, -1023, 0), 0);
}

static void bannable_privilege(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);

	drop_capability(CAP_SYS_ADMIN);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_BANNABLE, 0, 0), -EPERM);
	CHECK_INT(get(fd, ctx, I915_CONTEXT_PARAM_BANNABLE), 1);
}

/* A map of @count engines as SETPARAM's value. */
struct map {
	struct i915_context_param_engines base;
	struct i915_engine_class_instance engine[8];
};

static uint32_t map_size(unsigned int count)
{
	return sizeof(struct i915_context_param_engines) +
	       count * sizeof(struct i915_engine_class_instance);
}

static void engine_map(void)
{
	struct map map = {
		.engine = {
			{ I915_ENGINE_CLASS_COPY, 0 },
			{ I915_ENGINE_CLASS_INVALID, I915_ENGINE_CLASS_INVALID_NONE },
			{ I915_ENGINE_CLASS_RENDER, 0 },
			{ I915_ENGINE_CLASS_COPY, 0 },
		},
	};
	struct drm_i915_gem_context_create_ext_setparam ext =
		setparam(I915_CONTEXT_PARAM_ENGINES, (uintptr_t)&map, map_size(4));
	int fd = gem_open();
	uint32_t ctx, handle = gem_create(fd, PAGE), busy;
	struct batch b;
	struct spin s;

	CHECK_RET(try_create_ext(fd, I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS, &ext, &ctx), 0);
	/* Index 0 is the blitter: it draws. */
	batch_init(&b, fd, 0);
	b.ctx = ctx;
	batch_fill_blt(&b, handle, 0, PAGE, 0xb117b117);
	batch_submit(&b);
	CHECK_HEX(gem_read32(fd, handle, PAGE - 4), 0xb117b117);
	/* Index 2 is the render engine. */
	spin_start(&s, fd, ctx, 2, handle, 0);
	CHECK_RET(try_busy(fd, handle, &busy), 0);
	CHECK_HEX(busy, 0x10000u << I915_ENGINE_CLASS_RENDER);
	spin_free(&s);

	CHECK_RET(try_store(fd, ctx, 3, handle, 1), 0);
	CHECK_RET(try_store(fd, ctx, 1, handle, 1), -EINVAL);
	CHECK_RET(try_store(fd, ctx, 4, handle, 1), -EINVAL);
	CHECK_RET(try_store(fd, ctx, I915_EXEC_RING_MASK, handle, 1), -EINVAL);
}

static void engine_map_set_later(void)
{
	struct map map = { .engine = { { I915_ENGINE_CLASS_VIDEO, 0 } } };
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), handle = gem_create(fd, PAGE), busy;
	struct spin s;

	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_ENGINES, (uintptr_t)&map,
				  map_size(1)), 0);
	spin_start(&s, fd, ctx, 0, handle, 0);
	CHECK_RET(try_busy(fd, handle, &busy), 0);
	CHECK_HEX(busy, 0x10000u << I915_ENGINE_CLASS_VIDEO);
	spin_free(&s);
	CHECK_RET(try_store(fd, ctx, 1, handle, 1), -EINVAL);
}

static void engine_map_errors(void)
{
	struct map map = { .engine = { { I915_ENGINE_CLASS_RENDER, 0 } } };
	struct i915_user_extension unknown = { .name = 0x7ead };
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);
	const uint64_t param = I915_CONTEXT_PARAM_ENGINES;

	map.engine[0].engine_instance = 1;
	CHECK_RET(try_context_set(fd, ctx, param, (uintptr_t)&map, map_size(1)), -ENOENT);
	map.engine[0].engine_class = 77;
	CHECK_RET(try_context_set(fd, ctx, param, (uintptr_t)&map, map_size(1)), -ENOENT);
	map.engine[0] = (struct i915_engine_class_instance){ I915_ENGINE_CLASS_RENDER, 0 };
	CHECK_RET(try_context_set(fd, ctx, param, (uintptr_t)&map, map_size(1) - 1), -EINVAL);
	CHECK_RET(try_context_set(fd, ctx, param, (uintptr_t)&map, 4), -EINVAL);
	CHECK_RET(try_context_set(fd, ctx, param, (uintptr_t)map_hole(PAGE), map_size(1)), -EFAULT);
	CHECK_RET(try_context_set(fd, ctx, param, (uintptr_t)&map, map_size(66)), -EINVAL);
	map.base.extensions = (uintptr_t)&unknown;
	CHECK_RET(try_context_set(fd, ctx, param, (uintptr_t)&map, map_size(1)), -EINVAL);
	map.base.extensions = 0;
	CHECK_RET(try_context_set(fd, ctx, param, (uintptr_t)&map, map_size(1)), 0);
}

static uint32_t context_in_vm(int fd, uint32_t vm)
{
	struct drm_i915_gem_context_create_ext_setparam ext =
		setparam(I915_CONTEXT_PARAM_VM, vm, 0);
	uint32_t ctx;

	CHECK_RET(try_create_ext(fd, I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS, &ext, &ctx), 0);
	return ctx;
}

/* Does a batch of @ctx that names no object but itself reach @address? */
static bool reaches(int fd, uint32_t ctx, uint64_t address, uint32_t handle)
{
	static uint32_t token = 0x10000;
	struct batch b;

	token++;
	batch_init(&b, fd, I915_EXEC_RENDER);
	b.ctx = ctx;
	batch_dw(&b, MI_STORE_DWORD_IMM);
	batch_addr(&b, address);
	batch_dw(&b, token);
	batch_submit(&b);
	gem_sync(fd, b.handle);
	batch_free(&b);
	return gem_read32(fd, handle, 0) == token;
}

static void vm_shared(void)
{
	int fd = gem_open();
	uint32_t vm, other_vm, handle = gem_create(fd, PAGE), a, b, c;

	CHECK_RET(try_vm_create(fd, &vm), 0);
	CHECK_RET(try_vm_create(fd, &other_vm), 0);
	CHECK(vm && other_vm && vm != other_vm);
	a = context_in_vm(fd, vm);
	b = context_in_vm(fd, vm);
	c = context_in_vm(fd, other_vm);
	/* Bound through one context, it is there for the other of the same VM. */
	CHECK_RET(try_store(fd, a, I915_EXEC_RENDER, handle, 1), 0);
	CHECK(reaches(fd, b, batch_address(handle), handle));
	CHECK(!reaches(fd, c, batch_address(handle), handle));
	CHECK(!reaches(fd, 0, batch_address(handle), handle));
}

static void vm_outlives_id(void)
{
	int fd = gem_open();
	uint32_t vm, handle = gem_create(fd, PAGE), ctx;

	CHECK_RET(try_vm_create(fd, &vm), 0);
	ctx = context_in_vm(fd, vm);
	CHECK_RET(try_vm_destroy(fd, vm), 0);
	CHECK_RET(try_vm_destroy(fd, vm), -ENOENT);
	CHECK_RET(try_store(fd, ctx, I915_EXEC_RENDER, handle, 8), 0);
	CHECK_INT(gem_read32(fd, handle, 0), 8);
}

static void vm_of_context(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE), twin;
	uint32_t vm = get(fd, 0, I915_CONTEXT_PARAM_VM);

	/* The VM of a context that was made without one can be had, and shared. */
	CHECK(vm);
	twin = context_in_vm(fd, vm);
	CHECK_RET(try_store(fd, 0, I915_EXEC_RENDER, handle, 1), 0);
	CHECK(reaches(fd, twin, batch_address(handle), handle));
	CHECK_RET(try_vm_destroy(fd, vm), 0);
}

static void vm_errors(void)
{
	struct i915_user_extension unknown = { .name = 0x7ead };
	struct drm_i915_gem_vm_control arg = { .flags = 1 };
	struct drm_i915_gem_context_create_ext_setparam ext =
		setparam(I915_CONTEXT_PARAM_VM, 0x7ead, 0);
	int fd = gem_open();
	uint32_t ctx;

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_VM_CREATE, &arg), -EINVAL);
	arg.flags = 0;
	arg.extensions = (uintptr_t)&unknown;
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_VM_CREATE, &arg), -EINVAL);
	CHECK_RET(try_vm_destroy(fd, 0), -ENOENT);
	CHECK_RET(try_vm_destroy(fd, 0x7ead), -ENOENT);
	arg = (struct drm_i915_gem_vm_control){ .flags = 1 };
	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_VM_DESTROY, &arg), -EINVAL);
	CHECK_RET(try_create_ext(fd, I915_CONTEXT_CREATE_FLAGS_USE_EXTENSIONS, &ext, &ctx),
		  -ENOENT);
}

static void destroy_while_busy(void)
{
	int fd = gem_open(), fence;
	uint32_t ctx = gem_context_create(fd), handle = gem_create(fd, PAGE);
	struct batch b;
	struct spin s;

	/* What was submitted runs, its context destroyed or not. */
	spin_start(&s, fd, ctx, I915_EXEC_RENDER, 0, 0);
	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	batch_store(&b, handle, 0, 6);
	batch_submit(&b);
	fence = b.rsvd2 >> 32;
	CHECK_RET(try_context_destroy(fd, ctx), 0);
	CHECK(!fence_signalled(fence, 100));
	spin_end(&s);
	CHECK(fence_signalled(fence, 5000));
	CHECK_INT(fence_status(fence), 1);
	CHECK_INT(gem_read32(fd, handle, 0), 6);
	spin_free(&s);
}

static void file_closed_while_busy(void)
{
	int fd = gem_open(), other = gem_open(), fence;
	uint32_t handle = gem_create(fd, PAGE);
	struct spin s, held;

	/* The queued store's file goes while it waits for a fence. */
	spin_start(&held, other, 0, I915_EXEC_BLT, 0, 0);
	struct batch b;

	batch_init(&b, fd, I915_EXEC_RENDER | I915_EXEC_FENCE_IN | I915_EXEC_FENCE_OUT);
	b.rsvd2 = held.fence;
	batch_store(&b, handle, 0, 1);
	batch_submit(&b);
	fence = b.rsvd2 >> 32;
	close(fd);
	spin_free(&held);
	CHECK(fence_signalled(fence, 5000));

	/* And the engine serves the next. */
	spin_start(&s, other, 0, I915_EXEC_RENDER, 0, 0);
	spin_free(&s);
}

/* The last descriptor goes while objects are mapped: the contexts end, the mappings stay. */
static void file_closed_while_mapped(void)
{
	static const uint64_t kinds[] = { I915_MMAP_OFFSET_WB, I915_MMAP_OFFSET_GTT };
	uint32_t *maps[ARRAY_SIZE(kinds)];
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), handle = gem_create(fd, PAGE);
	struct spin s;

	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		maps[i] = gem_mmap(fd, handle, PAGE, kinds[i]);
	maps[0][0] = 0xb0;
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_PERSISTENCE, 0, 0), 0);
	spin_start(&s, fd, ctx, I915_EXEC_RENDER, 0, 0);
	CHECK(!fence_signalled(s.fence, 100));
	close(fd);
	CHECK(fence_signalled(s.fence, 5000));
	CHECK_INT(fence_status(s.fence), -EIO);
	CHECK_HEX(maps[1][0], 0xb0);
	maps[1][PAGE / 4 - 1] = 0xb1;
	CHECK_HEX(maps[0][PAGE / 4 - 1], 0xb1);
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++)
		CHECK_SYS(munmap(maps[i], PAGE));
}

static const struct subtest tests[] = {
	{ "CONTEXT_CREATE gives contexts that run until CONTEXT_DESTROY", create_destroy },
	{ "CONTEXT_DESTROY: the default or a foreign one ENOENT, pad EINVAL", destroy_errors },
	{ "CONTEXT_CREATE: bad flags, pad, extensions and parameters EINVAL", create_errors },
	{ "CONTEXT_CREATE_EXT sets parameters on creation", create_with_params },
	{ "CONTEXT_GETPARAM: defaults", param_defaults },
	{ "CONTEXT_SETPARAM: what is set is read back", param_set_get },
	{ "CONTEXT_SETPARAM and GETPARAM: unknown or out of range EINVAL, no context ENOENT",
	  param_errors },
	{ "a positive priority needs CAP_SYS_NICE", priority_privilege },
	{ "taking BANNABLE away needs CAP_SYS_ADMIN", bannable_privilege },
	{ "an engine map decides what execbuf's ring index means", engine_map },
	{ "an engine map can be set after creation", engine_map_set_later },
	{ "an engine map: no such engine ENOENT, bad size or extension EINVAL, unreadable EFAULT",
	  engine_map_errors },
	{ "contexts that share a VM see each other's objects, others do not", vm_shared },
	{ "a VM lives as long as its contexts", vm_outlives_id },
	{ "the VM of a context can be shared with another", vm_of_context },
	{ "VM_CREATE and VM_DESTROY: flags and extensions EINVAL, unknown ENOENT", vm_errors },
	{ "what was submitted runs though its context is destroyed", destroy_while_busy },
	{ "what was submitted ends though its file is closed", file_closed_while_busy },
	{ "a closed file's contexts end though its objects are mapped, which stay so",
	  file_closed_while_mapped },
};

TAP_MAIN(tests)
