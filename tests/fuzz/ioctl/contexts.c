// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Calls about contexts, address spaces, syncobjs and queries, and execbuf. */
#include "fuzz.h"
#include "tap.h"

#include <drm.h>
#include <i915_drm.h>
#include <string.h>
#include <sys/ioctl.h>

/* Contexts and address spaces above are destroyed at once. */
#define MAX_ID		4
#define MAX_OBJECTS	6
#define TRIES		4
#define MAX_RELOCS	4
#define BATCH_DWORDS	64
/* Where objects lie in an address space: few places, or commands would seldom find one. */
#define PLACES		16

static uint32_t random_id(struct thread *t)
{
	return one_in(t, 32) ? (uint32_t)rnd64(t) : rnd(t, MAX_ID);
}

static int getparam(struct thread *t)
{
	int value;
	struct drm_i915_getparam arg = {
		.param = rnd(t, 64), .value = one_in(t, 8) ? (int *)random_memory(t, false) : &value,
	};

	return ioctl(random_file(t), DRM_IOCTL_I915_GETPARAM, &arg);
}

static void random_param(struct thread *t, struct drm_i915_gem_context_param *p, uint8_t *room)
{
	p->param = rnd(t, 16);
	p->size = rnd(t, 3) ? 0 : rnd(t, 64);
	switch (p->param) {
	case I915_CONTEXT_PARAM_ENGINES:
		memset(room, 0, 64);
		for (unsigned int i = 0; i < 8; i++) {
			room[8 + 4 * i] = rnd(t, 5);
			room[10 + 4 * i] = one_in(t, 32);
		}
		p->size = one_in(t, 8) ? rnd(t, 64) : 8 + 4 * rnd(t, 8);
		p->value = one_in(t, 8) ? random_memory(t, false) : (uintptr_t)room;
		break;
	case I915_CONTEXT_PARAM_PRIORITY:
		p->value = rnd(t, 2100) - 1050;
		break;
	case I915_CONTEXT_PARAM_VM:
		p->value = random_id(t);
		break;
	default:
		p->value = one_in(t, 8) ? rnd64(t) : rnd(t, 4);
		break;
	}
}

static void limit_contexts(int fd, uint32_t id)
{
	struct drm_i915_gem_context_destroy arg = { .ctx_id = id };

	if (id > MAX_ID)
		ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &arg);
}

static int context_create(struct thread *t)
{
	uint8_t room[64] __attribute__((aligned(8)));
	struct drm_i915_gem_context_create_ext_setparam set = {
		.base.name = one_in(t, 8) ? rnd(t, 4) : I915_CONTEXT_CREATE_EXT_SETPARAM,
		.base.next_extension = one_in(t, 16) ? random_memory(t, false) : 0,
	};
	struct drm_i915_gem_context_create_ext arg = {
		.flags = one_in(t, 16) ? rnd(t, 8) : rnd(t, 2),
		.extensions = one_in(t, 8) ? random_memory(t, false) : (uintptr_t)&set,
	};
	int fd = random_file(t), ret;

	random_param(t, &set.param, room);
	ret = ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_CREATE_EXT, &arg);
	if (!ret)
		limit_contexts(fd, arg.ctx_id);
	return ret;
}

static int context_destroy(struct thread *t)
{
	struct drm_i915_gem_context_destroy arg = { .ctx_id = random_id(t) };

	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_CONTEXT_DESTROY, &arg);
}

static int context_setparam(struct thread *t)
{
	uint8_t room[64] __attribute__((aligned(8)));
	struct drm_i915_gem_context_param arg = { .ctx_id = random_id(t) };

	random_param(t, &arg, room);
	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM, &arg);
}

static int context_getparam(struct thread *t)
{
	uint8_t room[64] __attribute__((aligned(8)));
	struct drm_i915_gem_context_param arg = { .ctx_id = random_id(t) };

	random_param(t, &arg, room);
	if (arg.param != I915_CONTEXT_PARAM_ENGINES)
		arg.value = random_memory(t, false);
	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_CONTEXT_GETPARAM, &arg);
}

static int vm_create(struct thread *t)
{
	struct drm_i915_gem_vm_control arg = { .flags = one_in(t, 32) }, gone;
	int fd = random_file(t), ret = ioctl(fd, DRM_IOCTL_I915_GEM_VM_CREATE, &arg);

	if (!ret && arg.vm_id > MAX_ID) {
		gone = (struct drm_i915_gem_vm_control){ .vm_id = arg.vm_id };
		ioctl(fd, DRM_IOCTL_I915_GEM_VM_DESTROY, &gone);
	}
	return ret;
}

static int vm_destroy(struct thread *t)
{
	struct drm_i915_gem_vm_control arg = { .vm_id = random_id(t) };

	return ioctl(random_file(t), DRM_IOCTL_I915_GEM_VM_DESTROY, &arg);
}

static int reset_stats(struct thread *t)
{
	struct drm_i915_reset_stats arg = { .ctx_id = random_id(t) };

	return ioctl(random_file(t), DRM_IOCTL_I915_GET_RESET_STATS, &arg);
}

static int reg_read(struct thread *t)
{
	struct drm_i915_reg_read arg = { .offset = rnd(t, 2) ? 0x2358 | rnd(t, 2) : rnd64(t) };

	return ioctl(random_file(t), DRM_IOCTL_I915_REG_READ, &arg);
}

static int query(struct thread *t)
{
	struct drm_i915_query_item item[2];
	struct drm_i915_query arg = {
		.num_items = rnd(t, 3), .items_ptr = one_in(t, 8) ? random_memory(t, false) : (uintptr_t)item,
	};

	for (unsigned int i = 0; i < 2; i++)
		item[i] = (struct drm_i915_query_item){
			.query_id = rnd(t, 7), .length = rnd(t, 2) ? 0 : (int)rnd(t, 5000) - 8,
			.data_ptr = random_memory(t, false),
		};
	return ioctl(random_file(t), DRM_IOCTL_I915_QUERY, &arg);
}

static int syncobj(struct thread *t)
{
	struct drm_syncobj_create create = { .flags = rnd(t, 2) };
	struct drm_syncobj_destroy destroy = { .handle = 1 + rnd(t, MAX_ID) };
	int fd = random_file(t), ret;

	if (one_in(t, 4))
		return ioctl(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
	ret = ioctl(fd, DRM_IOCTL_SYNCOBJ_CREATE, &create);
	destroy.handle = create.handle;
	if (!ret && create.handle > MAX_ID)
		ioctl(fd, DRM_IOCTL_SYNCOBJ_DESTROY, &destroy);
	return ret;
}

static int syncobj_signal(struct thread *t)
{
	uint32_t handles[2] = { 1 + rnd(t, MAX_ID), 1 + rnd(t, MAX_ID) };
	struct drm_syncobj_array arg = { .handles = (uintptr_t)handles, .count_handles = 1 + rnd(t, 2) };

	return ioctl(random_file(t), rnd(t, 2) ? DRM_IOCTL_SYNCOBJ_SIGNAL : DRM_IOCTL_SYNCOBJ_RESET, &arg);
}

/* An address at which something may be: execbuf below binds objects at such. */
static uint64_t random_address(struct thread *t)
{
	switch (rnd(t, 12)) {
	case 0:
		return rnd64(t);
	case 1:
		return ~0ull << 47 | 0x100000ull * rnd(t, PLACES);
	default:
		return 0x100000ull * rnd(t, PLACES) + (rnd(t, 3) ? 0 : 8 * rnd(t, 8192));
	}
}

/* Commands that copy, fill, store, wait and jump; or none. Returns how many dwords. */
static unsigned int random_batch(struct thread *t, uint32_t *dw)
{
	unsigned int n = 0;
	uint64_t a, b;

	while (n < BATCH_DWORDS - 12 && !one_in(t, 4)) {
		a = random_address(t);
		b = random_address(t);
		switch (rnd(t, 9)) {
		case 0:	/* XY_COLOR_BLT, XY_SRC_COPY_BLT */
			dw[n++] = 2u << 29 | 0x50 << 22 | 5 | 3 << 20;
			dw[n++] = 3u << 24 | 0xf0u << 16 | 4096;
			dw[n++] = 0;
			dw[n++] = (1 + rnd(t, 40)) << 16 | rnd(t, 1025);
			dw[n++] = a;
			dw[n++] = a >> 32;
			dw[n++] = rnd64(t);
			break;
		case 1:
			dw[n++] = 2u << 29 | 0x53 << 22 | 8 | 3 << 20;
			dw[n++] = 3u << 24 | 0xccu << 16 | 4096;
			dw[n++] = 0;
			dw[n++] = (1 + rnd(t, 40)) << 16 | rnd(t, 1025);
			dw[n++] = a;
			dw[n++] = a >> 32;
			dw[n++] = 0;
			dw[n++] = 4096;
			dw[n++] = b;
			dw[n++] = b >> 32;
			break;
		case 2:	/* MI_SEMAPHORE_WAIT, which may be for ever */
			if (rnd(t, 8))
				break;
			dw[n++] = 0x1cu << 23 | 1 << 15 | rnd(t, 6) << 12 | 2;
			dw[n++] = rnd(t, 2);
			dw[n++] = a;
			dw[n++] = a >> 32;
			break;
		case 3:	/* MI_BATCH_BUFFER_START */
			dw[n++] = 0x31u << 23 | 1 << 8 | 1;
			dw[n++] = a;
			dw[n++] = a >> 32;
			break;
		case 4:	/* MI_COPY_MEM_MEM */
			dw[n++] = 0x2eu << 23 | 3;
			dw[n++] = a;
			dw[n++] = a >> 32;
			dw[n++] = b;
			dw[n++] = b >> 32;
			break;
		case 5:
			if (!rnd(t, 8))
				dw[n++] = rnd64(t);
			break;
		default:	/* MI_STORE_DWORD_IMM */
			dw[n++] = 0x20u << 23 | 2;
			dw[n++] = a;
			dw[n++] = a >> 32;
			dw[n++] = rnd64(t);
			break;
		}
	}
	if (!one_in(t, 64))
		dw[n++] = 0x0au << 23;
	return n;
}

static void write_batch(struct thread *t, int fd, uint32_t handle)
{
	uint32_t dw[BATCH_DWORDS];
	struct drm_i915_gem_pwrite arg = {
		.handle = handle, .size = 4 * random_batch(t, dw), .data_ptr = (uintptr_t)dw,
	};

	ioctl(fd, DRM_IOCTL_I915_GEM_PWRITE, &arg);
}

static void random_fences(struct thread *t, struct drm_i915_gem_exec_fence *fence, unsigned int n)
{
	while (n--)
		fence[n] = (struct drm_i915_gem_exec_fence){
			1 + rnd(t, MAX_ID), one_in(t, 16) ? rnd(t, 8) : 1 + rnd(t, 2),
		};
}

/*
 * Mostly a handle that is in use: a submission of several objects would seldom succeed otherwise.
 * Where nobody has done much, a new one.
 */
static uint32_t used_handle(struct thread *t, int fd)
{
	struct drm_i915_gem_create create = { .size = 1 + rnd(t, 64 << 10) };
	struct drm_i915_gem_busy busy = { .handle = random_handle(t) };

	for (unsigned int i = 0; i < TRIES; i++) {
		if (!ioctl(fd, DRM_IOCTL_I915_GEM_BUSY, &busy))
			return busy.handle;
		busy.handle = random_handle(t);
	}
	if (!ioctl(fd, DRM_IOCTL_I915_GEM_CREATE, &create) && !limit_handles(fd, create.handle))
		return create.handle;
	return busy.handle;
}

/* Mostly a context that there is, and the first one of the file most often. */
static uint32_t used_context(struct thread *t, int fd)
{
	struct drm_i915_reset_stats arg = { .ctx_id = one_in(t, 2) ? 0 : random_id(t) };

	for (unsigned int i = 0; i < TRIES && ioctl(fd, DRM_IOCTL_I915_GET_RESET_STATS, &arg); i++)
		arg.ctx_id = random_id(t);
	return arg.ctx_id;
}

static bool has_handle(const struct drm_i915_gem_exec_object2 *obj, unsigned int n, uint32_t handle)
{
	while (n--)
		if (obj[n].handle == handle)
			return true;
	return false;
}

int make_execbuf(struct thread *t)
{
	int fd = random_file(t), ret;
	struct drm_i915_gem_relocation_entry reloc[MAX_RELOCS];
	struct drm_i915_gem_exec_object2 obj[MAX_OBJECTS];
	struct drm_i915_gem_exec_fence fence[2];
	uint64_t points[2] = { rnd(t, 4), rnd(t, 4) };
	struct drm_i915_gem_execbuffer_ext_timeline_fences timeline = {
		.base.name = rnd(t, 16) == 1, .fence_count = 2,
		.handles_ptr = (uintptr_t)fence, .values_ptr = (uintptr_t)points,
	};
	struct drm_i915_gem_execbuffer2 eb = {
		.buffer_count = 1 + rnd(t, 1 + rnd(t, MAX_OBJECTS)), .rsvd1 = used_context(t, fd),
		.buffers_ptr = one_in(t, 64) ? random_memory(t, false) : (uintptr_t)obj,
		.batch_start_offset = one_in(t, 16) ? 8 * rnd(t, 64) : 0,
		.flags = rnd(t, 5) | (rnd(t, 3) ? 0 : I915_EXEC_NO_RELOC),
	};

	memset(obj, 0, sizeof(obj));
	for (unsigned int i = 0; i < eb.buffer_count; i++) {
		obj[i].handle = used_handle(t, fd);
		/* they have to be different */
		if (has_handle(obj, i, obj[i].handle) && !one_in(t, 32)) {
			eb.buffer_count = i;
			break;
		}
		obj[i].offset = 0x100000ull * rnd(t, PLACES);
		obj[i].flags = EXEC_OBJECT_WRITE * rnd(t, 2) |
			       EXEC_OBJECT_PINNED * !one_in(t, 3) |
			       EXEC_OBJECT_SUPPORTS_48B_ADDRESS * one_in(t, 4) |
			       EXEC_OBJECT_ASYNC * one_in(t, 8) |
			       EXEC_OBJECT_CAPTURE * one_in(t, 8) |
			       EXEC_OBJECT_NEEDS_GTT * one_in(t, 16);
	}
	if (rnd(t, 2))
		eb.flags |= I915_EXEC_HANDLE_LUT;
	if (one_in(t, 3)) {
		bool by_index = one_in(t, 8) ? rnd(t, 2) : eb.flags & I915_EXEC_HANDLE_LUT;
		unsigned int last = eb.buffer_count - 1;

		obj[last].relocs_ptr = one_in(t, 8) ? random_memory(t, false) : (uintptr_t)reloc;
		obj[last].relocation_count = rnd(t, MAX_RELOCS + 1);
		for (unsigned int i = 0; i < MAX_RELOCS; i++)
			reloc[i] = (struct drm_i915_gem_relocation_entry){
				.target_handle = by_index ? rnd(t, eb.buffer_count) :
							    obj[rnd(t, eb.buffer_count)].handle,
				.offset = 4 * rnd(t, 64), .delta = rnd(t, 4096), .presumed_offset = -1,
				.read_domains = 2, .write_domain = rnd(t, 2) ? 2 : 0,
			};
	}
	if (one_in(t, 4))
		eb.flags |= I915_EXEC_FENCE_OUT;
	if (one_in(t, 12)) {
		eb.flags |= rnd(t, 4) ? I915_EXEC_FENCE_IN : I915_EXEC_FENCE_SUBMIT;
		eb.rsvd2 = (uint32_t)process.buffers[rnd(t, BUFFERS)];
	}
	random_fences(t, fence, 2);
	if (one_in(t, 8)) {
		eb.flags |= I915_EXEC_FENCE_ARRAY;
		eb.cliprects_ptr = (uintptr_t)fence;
		eb.num_cliprects = 1 + rnd(t, 2);
	} else if (one_in(t, 8)) {
		eb.flags |= I915_EXEC_USE_EXTENSIONS;
		eb.cliprects_ptr = one_in(t, 8) ? random_memory(t, false) : (uintptr_t)&timeline;
	}
	if (one_in(t, 64))
		eb.flags ^= 1ull << rnd(t, 24);
	if (!one_in(t, 16))
		obj[eb.buffer_count - 1].flags &= ~EXEC_OBJECT_WRITE;
	if (!one_in(t, 4))
		write_batch(t, fd, obj[eb.buffer_count - 1].handle);
	ret = ioctl(fd, DRM_IOCTL_I915_GEM_EXECBUFFER2_WR, &eb);
	if (!ret && eb.flags & I915_EXEC_FENCE_OUT)
		keep_fd(t, process.buffers, BUFFERS, eb.rsvd2 >> 32);
	return ret;
}

const struct call context_calls[] = {
	{ "EXECBUFFER2", make_execbuf, 40 },
	{ "GETPARAM", getparam, 1 },
	{ "CONTEXT_CREATE", context_create, 4 },
	{ "CONTEXT_DESTROY", context_destroy, 3 },
	{ "CONTEXT_SETPARAM", context_setparam, 4 },
	{ "CONTEXT_GETPARAM", context_getparam, 2 },
	{ "VM_CREATE", vm_create, 2 },
	{ "VM_DESTROY", vm_destroy, 1 },
	{ "GET_RESET_STATS", reset_stats, 1 },
	{ "REG_READ", reg_read, 1 },
	{ "QUERY", query, 2 },
	{ "SYNCOBJ", syncobj, 3 },
	{ "SYNCOBJ_SIGNAL", syncobj_signal, 1 },
};

const size_t num_context_calls = ARRAY_SIZE(context_calls);
