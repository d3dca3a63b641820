// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Engine maps: several instances, load balancing, bonds, and what is refused; timelines; slices.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#define HOLE	{ I915_ENGINE_CLASS_INVALID, I915_ENGINE_CLASS_INVALID_NONE }
#define RCS	{ I915_ENGINE_CLASS_RENDER, 0 }
#define BCS	{ I915_ENGINE_CLASS_COPY, 0 }
#define VCS	{ I915_ENGINE_CLASS_VIDEO, 0 }

struct map {
	struct i915_context_param_engines base;
	struct i915_engine_class_instance engine[8];
};

struct balance {
	struct i915_context_engines_load_balance base;
	struct i915_engine_class_instance engine[4];
};

struct bond {
	struct i915_context_engines_bond base;
	struct i915_engine_class_instance engine[4];
};

struct parallel {
	struct i915_context_engines_parallel_submit base;
	struct i915_engine_class_instance engine[4];
};

static int try_set_map(int fd, uint32_t ctx, struct map *map, unsigned int count,
		       const void *extensions)
{
	map->base.extensions = (uintptr_t)extensions;
	return try_context_set(fd, ctx, I915_CONTEXT_PARAM_ENGINES, (uintptr_t)map,
			       sizeof(map->base) + count * sizeof(struct i915_engine_class_instance));
}

/* The same, in a context of its own. */
static int try_map(int fd, struct map *map, unsigned int count, const void *extensions)
{
	uint32_t ctx = gem_context_create(fd);
	int ret = try_set_map(fd, ctx, map, count, extensions);

	CHECK_RET(try_context_destroy(fd, ctx), 0);
	return ret;
}

static int try_noop(int fd, uint32_t ctx, uint64_t index)
{
	struct batch b;
	int ret;

	batch_init(&b, fd, index);
	b.ctx = ctx;
	ret = batch_try_submit(&b);
	batch_free(&b);
	return ret;
}

/* Which class an index of the map leads to: the bit that BUSY has for it. */
static void check_class(int fd, uint32_t ctx, uint64_t index, unsigned int class)
{
	uint32_t handle = gem_create(fd, PAGE), busy;
	struct spin s;

	spin_start(&s, fd, ctx, index, handle, 0);
	CHECK_RET(try_busy(fd, handle, &busy), 0);
	CHECK_HEX(busy, 0x10000u << class);
	spin_free(&s);
	gem_close(fd, handle);
}

static void same_engine_twice(void)
{
	struct map map = { .engine = { BCS, BCS } };
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), handle = gem_create(fd, PAGE);
	struct batch b;
	struct spin s;

	/* Two queues in front of one engine: the second does not wait for the first... */
	CHECK_RET(try_set_map(fd, ctx, &map, 2, NULL), 0);
	spin_start(&s, fd, ctx, 0, 0, 0);
	batch_init(&b, fd, 1 | I915_EXEC_FENCE_OUT);
	b.ctx = ctx;
	/* ...and has registers of its own: general purpose register 3 of the other stays 0. */
	batch_dw(&b, MI_LOAD_REGISTER_IMM);
	batch_dw(&b, 0x22618);
	batch_dw(&b, 0x1234);
	batch_dw(&b, MI_STORE_REGISTER_MEM);
	batch_dw(&b, 0x22618);
	batch_addr(&b, batch_obj(&b, handle, EXEC_OBJECT_WRITE));
	batch_submit(&b);
	CHECK(fence_signalled(b.rsvd2 >> 32, 3000));
	CHECK(!fence_signalled(s.fence, 0));
	CHECK_HEX(gem_read32(fd, handle, 0), 0x1234);
	spin_free(&s);

	batch_init(&b, fd, 0);
	b.ctx = ctx;
	batch_dw(&b, MI_STORE_REGISTER_MEM);
	batch_dw(&b, 0x22618);
	batch_addr(&b, batch_obj(&b, handle, EXEC_OBJECT_WRITE));
	batch_submit(&b);
	CHECK_HEX(gem_read32(fd, handle, 0), 0);
}

static void balanced(void)
{
	struct map map = { .engine = { HOLE, RCS, HOLE } };
	struct balance second = {
		.base = { .base.name = I915_CONTEXT_ENGINES_EXT_LOAD_BALANCE, .engine_index = 2,
			  .num_siblings = 1 },
		.engine = { VCS },
	};
	struct balance first = {
		.base = { .base = { .name = I915_CONTEXT_ENGINES_EXT_LOAD_BALANCE,
				    .next_extension = (uintptr_t)&second },
			  .num_siblings = 1 },
		.engine = { BCS },
	};
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);

	CHECK_RET(try_set_map(fd, ctx, &map, 3, &first), 0);
	check_class(fd, ctx, 0, I915_ENGINE_CLASS_COPY);
	check_class(fd, ctx, 1, I915_ENGINE_CLASS_RENDER);
	check_class(fd, ctx, 2, I915_ENGINE_CLASS_VIDEO);

	/* Nothing to choose from: the place stays empty. */
	ctx = gem_context_create(fd);
	second.base.num_siblings = 0;
	CHECK_RET(try_set_map(fd, ctx, &map, 3, &first), 0);
	check_class(fd, ctx, 0, I915_ENGINE_CLASS_COPY);
	CHECK_RET(try_noop(fd, ctx, 2), -EINVAL);
}

static void balance_errors(void)
{
	const struct balance good = {
		.base = { .base.name = I915_CONTEXT_ENGINES_EXT_LOAD_BALANCE, .num_siblings = 1 },
		.engine = { RCS, RCS },
	};
	struct map map = { .engine = { HOLE, RCS } };
	struct balance ext = good;
	int fd = gem_open();

	CHECK_RET(try_map(fd, &map, 2, &ext), 0);
	ext.base.engine_index = 1;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EEXIST);
	ext.base.engine_index = 2;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext = good;
	ext.base.flags = 1;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext = good;
	ext.base.mbz64 = 1;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext = good;
	ext.engine[0].engine_instance = 1;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	/* The same engine twice, engines of two classes. */
	ext = good;
	ext.base.num_siblings = 2;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext.engine[1] = (struct i915_engine_class_instance)BCS;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	/* The same place twice. */
	ext = good;
	ext.base.base.next_extension = (uintptr_t)&ext;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EEXIST);
	CHECK_RET(try_map(fd, &map, 2, map_hole(PAGE)), -EFAULT);
}

static void bonds(void)
{
	const struct bond good = {
		.base = { .base.name = I915_CONTEXT_ENGINES_EXT_BOND, .master = RCS,
			  .virtual_index = 1, .num_bonds = 1 },
		.engine = { VCS },
	};
	struct map map = { .engine = { HOLE, VCS } };
	struct bond ext = good;
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);

	CHECK_RET(try_set_map(fd, ctx, &map, 2, &ext), 0);
	check_class(fd, ctx, 1, I915_ENGINE_CLASS_VIDEO);

	ext.base.virtual_index = 0;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext.base.virtual_index = 2;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext = good;
	ext.base.flags = 1;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext = good;
	ext.base.mbz64[3] = 1;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext = good;
	ext.base.master.engine_class = 77;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
	ext = good;
	ext.engine[0].engine_instance = 1;
	CHECK_RET(try_map(fd, &map, 2, &ext), -EINVAL);
}

static void parallel(void)
{
	struct map map = { .engine = { HOLE } };
	struct parallel ext = {
		.base = { .base.name = I915_CONTEXT_ENGINES_EXT_PARALLEL_SUBMIT, .width = 2,
			  .num_siblings = 1 },
		.engine = { VCS, VCS },
	};
	int fd = gem_open();

	/* It takes two engines of a class. */
	CHECK_RET(try_map(fd, &map, 1, &ext), -EINVAL);
	ext.engine[1] = (struct i915_engine_class_instance)BCS;
	CHECK_RET(try_map(fd, &map, 1, &ext), -EINVAL);
}

static void map_is_final(void)
{
	struct map map = { .engine = { RCS, BCS } };
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);
	uint64_t value = 0;

	CHECK_RET(try_set_map(fd, ctx, &map, 2, NULL), 0);
	CHECK_RET(try_set_map(fd, ctx, &map, 1, NULL), -EINVAL);
	CHECK_RET(try_noop(fd, ctx, 1), 0);
	/* Nor can that be changed which has been used, or that which every file has. */
	ctx = gem_context_create(fd);
	CHECK_RET(try_noop(fd, ctx, I915_EXEC_RENDER), 0);
	CHECK_RET(try_set_map(fd, ctx, &map, 2, NULL), -EINVAL);
	CHECK_RET(try_set_map(fd, 0, &map, 2, NULL), -EINVAL);
	CHECK_RET(try_context_set(fd, gem_context_create(fd), I915_CONTEXT_PARAM_ENGINES, 0, 0),
		  -EINVAL);
	CHECK_RET(try_context_get(fd, ctx, I915_CONTEXT_PARAM_ENGINES, &value, NULL), -EINVAL);

	/* A map without engines. */
	ctx = gem_context_create(fd);
	CHECK_RET(try_set_map(fd, ctx, &map, 0, NULL), 0);
	for (uint64_t index = 0; index <= I915_EXEC_RING_MASK; index++)
		CHECK_RET(try_noop(fd, ctx, index), -EINVAL);
}

static void removed_params(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), vm;
	uint64_t value = 0;

	/* These numbers once had a meaning. */
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_RINGSIZE, 8192, 0), -EINVAL);
	CHECK_RET(try_context_get(fd, ctx, I915_CONTEXT_PARAM_RINGSIZE, &value, NULL), -EINVAL);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_NO_ZEROMAP, 1, 0), -EINVAL);
	CHECK_RET(try_vm_create(fd, &vm), 0);
	CHECK_RET(try_context_set(fd, 0, I915_CONTEXT_PARAM_VM, vm, 0), -EINVAL);
}

static int try_sseu(int fd, uint32_t ctx, struct drm_i915_gem_context_param_sseu *sseu, bool set)
{
	struct drm_i915_gem_context_param arg = {
		.ctx_id = ctx, .param = I915_CONTEXT_PARAM_SSEU, .size = sizeof(*sseu),
		.value = (uintptr_t)sseu,
	};

	return gem_ioctl(fd, set ? DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM :
				   DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &arg);
}

static void slices(void)
{
	struct drm_i915_gem_context_param_sseu sseu = { .engine = RCS };
	struct map map = { .engine = { BCS, RCS } };
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd), size = 0;
	uint64_t value = 0;

	CHECK_RET(try_context_get(fd, ctx, I915_CONTEXT_PARAM_SSEU, &value, &size), 0);
	CHECK_INT(size, sizeof(sseu));
	size = 4;
	CHECK_RET(try_context_get(fd, ctx, I915_CONTEXT_PARAM_SSEU, &value, &size), -EINVAL);
	CHECK_RET(try_sseu(fd, ctx, &sseu, false), 0);
	CHECK_HEX(sseu.slice_mask, 1);
	CHECK_HEX(sseu.subslice_mask, 7);
	CHECK_INT(sseu.min_eus_per_subslice, 8);
	CHECK_INT(sseu.max_eus_per_subslice, 8);
	CHECK_RET(try_sseu(fd, ctx, &sseu, true), -ENODEV);
	CHECK_RET(try_context_set(fd, ctx, I915_CONTEXT_PARAM_SSEU, 0, 4), -EINVAL);

	sseu.rsvd = 1;
	CHECK_RET(try_sseu(fd, ctx, &sseu, false), -EINVAL);
	sseu.rsvd = 0;
	sseu.engine.engine_instance = 1;
	CHECK_RET(try_sseu(fd, ctx, &sseu, false), -EINVAL);
	sseu.flags = I915_CONTEXT_SSEU_FLAG_ENGINE_INDEX;
	CHECK_RET(try_sseu(fd, ctx, &sseu, false), -EINVAL);
	CHECK_RET(try_set_map(fd, ctx, &map, 2, NULL), 0);
	CHECK_RET(try_sseu(fd, ctx, &sseu, false), 0);
	sseu.engine.engine_instance = 2;
	CHECK_RET(try_sseu(fd, ctx, &sseu, false), -EINVAL);
	sseu.flags = 2;
	CHECK_RET(try_sseu(fd, ctx, &sseu, false), -EINVAL);
}

static void single_timeline(void)
{
	struct drm_i915_gem_context_create_ext create = {
		.flags = I915_CONTEXT_CREATE_FLAGS_SINGLE_TIMELINE,
	};
	struct sync_merge_data merge = { .name = "both" };
	struct sync_file_info info = { 0 };
	int fd = gem_open();
	struct batch b;
	struct spin s;

	CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &create), 0);
	/* One engine after the other, as if they were one. */
	spin_start(&s, fd, create.ctx_id, I915_EXEC_RENDER, 0, 0);
	batch_init(&b, fd, I915_EXEC_BLT | I915_EXEC_FENCE_OUT);
	b.ctx = create.ctx_id;
	batch_submit(&b);
	CHECK(!fence_signalled(b.rsvd2 >> 32, 300));
	/* The later fence stands for both. */
	merge.fd2 = b.rsvd2 >> 32;
	CHECK_SYS(ioctl(s.fence, SYNC_IOC_MERGE, &merge));
	CHECK_SYS(ioctl(merge.fence, SYNC_IOC_FILE_INFO, &info));
	CHECK_INT(info.num_fences, 1);
	spin_end(&s);
	CHECK(fence_signalled(b.rsvd2 >> 32, 3000));
	spin_free(&s);

	/* And other contexts' engines do not. */
	spin_start(&s, fd, 0, I915_EXEC_RENDER, 0, 0);
	batch_init(&b, fd, I915_EXEC_BLT | I915_EXEC_FENCE_OUT);
	batch_submit(&b);
	CHECK(fence_signalled(b.rsvd2 >> 32, 3000));
	spin_free(&s);
}

static const struct subtest tests[] = {
	{ "an engine listed twice is two queues with registers of their own", same_engine_twice },
	{ "a load balancer of one engine is that engine", balanced },
	{ "a load balancer: bad index, fields, engines EINVAL, place taken EEXIST", balance_errors },
	{ "a bond is checked, and leaves its engine what it is", bonds },
	{ "parallel submission wants more engines than there are: EINVAL", parallel },
	{ "a map is set once, before the first use, and not for the default context",
	  map_is_final },
	{ "parameters that are gone, and the default context's VM: EINVAL", removed_params },
	{ "SSEU is answered, and cannot be set", slices },
	{ "a context with a single timeline works in order across engines", single_timeline },
};

TAP_MAIN(tests)
