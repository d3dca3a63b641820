// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What if memory is not to be had, or user memory not to be read or written: every such point of
 * execbuf in all its forms, one at a time. See faults.h.
 */
#include "batch.h"
#include "faults.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define VALUE		0x5ca1ab1e
#define TARGET_AT	0x1000000ull
#define MANY		12

/* What an execbuf is told, in the world's room for an argument. */
struct exec {
	struct drm_i915_gem_execbuffer2 eb;
	struct drm_i915_gem_exec_object2 obj[2];
	struct drm_i915_gem_exec_fence fence[2];
	struct drm_i915_gem_execbuffer_ext_timeline_fences timeline;
	uint64_t points[2];
	/* elsewhere if they are not to be found at first */
	struct drm_i915_gem_relocation_entry reloc;
	uint32_t target;
	bool fence_out;
};

static struct exec *exec_of(struct world *w)
{
	_Static_assert(sizeof(struct exec) <= sizeof(w->arg), "room for the argument");
	return (struct exec *)w->arg.bytes;
}

/* A batch that stores to the first dword of the world's object, which is at a fixed address. */
static void setup_pinned(struct world *w)
{
	const uint32_t dw[] = {
		MI_STORE_DWORD_IMM, TARGET_AT, 0, VALUE, MI_BATCH_BUFFER_END, 0,
	};
	struct exec *e = exec_of(w);

	gem_write(w->fd, w->batch, 0, dw, sizeof(dw));
	e->target = w->handle;
	e->obj[0] = (struct drm_i915_gem_exec_object2){
		.handle = w->handle, .offset = TARGET_AT,
		.flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_WRITE,
	};
	e->obj[1].handle = w->batch;
	e->eb = (struct drm_i915_gem_execbuffer2){
		.buffers_ptr = (uintptr_t)e->obj, .buffer_count = 2, .flags = I915_EXEC_RENDER,
	};
}

static int run_exec(struct world *w)
{
	struct exec *e = exec_of(w);
	int ret = gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_EXECBUFFER2_WR, &e->eb);

	if (!ret && e->fence_out)
		w->fds[0] = e->eb.rsvd2 >> 32;
	return ret;
}

static void check_stored(struct world *w)
{
	CHECK_HEX(gem_read32(w->fd, exec_of(w)->target, 0), VALUE);
	CHECK_INT(gem_read32(w->fd, exec_of(w)->target, 4), 0);
}

static void setup_relocated(struct world *w)
{
	struct exec *e = exec_of(w);

	setup_pinned(w);
	e->obj[0].flags = 0;
	e->obj[0].offset = 0;
	e->reloc = (struct drm_i915_gem_relocation_entry){
		.target_handle = w->handle, .offset = 4, .presumed_offset = -1,
		.read_domains = I915_GEM_DOMAIN_RENDER, .write_domain = I915_GEM_DOMAIN_RENDER,
	};
	e->obj[1].relocs_ptr = (uintptr_t)&e->reloc;
	e->obj[1].relocation_count = 1;
}

/* The relocations are in memory that is not present while locks are held. */
static void setup_relocated_slowly(struct world *w)
{
	struct exec *e = exec_of(w);
	void *shared = map_memfd(PAGE);

	setup_relocated(w);
	memcpy(shared, &e->reloc, sizeof(e->reloc));
	CHECK_SYS(madvise(shared, PAGE, MADV_DONTNEED));
	e->obj[1].relocs_ptr = (uintptr_t)shared;
}

static void setup_user_pages(struct world *w)
{
	struct exec *e = exec_of(w);

	setup_pinned(w);
	memset(w->ptr, 0, FAULT_OBJECT);
	CHECK_SYS(madvise(w->ptr + PAGE, FAULT_OBJECT - PAGE, MADV_DONTNEED));
	e->target = gem_userptr(w->fd, w->ptr, FAULT_OBJECT, 0);
	e->obj[0].handle = e->target;
}

static void check_user_pages(struct world *w)
{
	uint32_t value;

	gem_sync(w->fd, exec_of(w)->target);
	memcpy(&value, w->ptr, sizeof(value));
	CHECK_HEX(value, VALUE);
	check_stored(w);
}

static void setup_fence_out(struct world *w)
{
	setup_pinned(w);
	exec_of(w)->eb.flags |= I915_EXEC_FENCE_OUT;
	exec_of(w)->fence_out = true;
}

static void check_fence_out(struct world *w)
{
	CHECK(fence_signalled(w->fds[0], 5000));
	CHECK_INT(fence_status(w->fds[0]), 1);
	check_stored(w);
}

static void setup_fence_in(struct world *w)
{
	struct batch b;

	setup_pinned(w);
	batch_init(&b, w->fd, I915_EXEC_BLT | I915_EXEC_FENCE_OUT);
	batch_submit(&b);
	w->fds[1] = b.rsvd2 >> 32;
	batch_free(&b);
	exec_of(w)->eb.flags |= I915_EXEC_FENCE_IN;
	exec_of(w)->eb.rsvd2 = w->fds[1];
}

/* One to wait for, that has signalled, and one to signal. */
static void setup_syncobjs(struct world *w)
{
	struct exec *e = exec_of(w);
	uint32_t syncobj[2];

	setup_pinned(w);
	CHECK_SYS(drmSyncobjCreate(w->fd, DRM_SYNCOBJ_CREATE_SIGNALED, &syncobj[0]));
	CHECK_SYS(drmSyncobjCreate(w->fd, 0, &syncobj[1]));
	e->fence[0] = (struct drm_i915_gem_exec_fence){ syncobj[0], I915_EXEC_FENCE_WAIT };
	e->fence[1] = (struct drm_i915_gem_exec_fence){ syncobj[1], I915_EXEC_FENCE_SIGNAL };
	e->eb.flags |= I915_EXEC_FENCE_ARRAY;
	e->eb.cliprects_ptr = (uintptr_t)e->fence;
	e->eb.num_cliprects = 2;
}

static void check_syncobjs(struct world *w)
{
	CHECK_SYS(drmSyncobjWait(w->fd, &exec_of(w)->fence[1].handle, 1, INT64_MAX, 0, NULL));
	check_stored(w);
}

static void setup_timeline(struct world *w)
{
	struct exec *e = exec_of(w);

	setup_syncobjs(w);
	e->points[1] = 7;
	e->timeline = (struct drm_i915_gem_execbuffer_ext_timeline_fences){
		.base.name = DRM_I915_GEM_EXECBUFFER_EXT_TIMELINE_FENCES, .fence_count = 2,
		.handles_ptr = (uintptr_t)e->fence, .values_ptr = (uintptr_t)e->points,
	};
	e->eb.flags = I915_EXEC_RENDER | I915_EXEC_USE_EXTENSIONS;
	e->eb.cliprects_ptr = (uintptr_t)&e->timeline;
	e->eb.num_cliprects = 0;
}

/* What succeeded at a second attempt may have been there at the first, and signalled its point. */
static void check_timeline(struct world *w)
{
	uint64_t point = 7;

	CHECK_SYS(drmSyncobjTimelineWait(w->fd, &exec_of(w)->fence[1].handle, &point, 1, INT64_MAX,
					 0, NULL));
	check_stored(w);
}

static void setup_many(struct world *w)
{
	struct drm_i915_gem_exec_object2 *obj = (void *)w->ptr;
	struct exec *e = exec_of(w);

	setup_pinned(w);
	memset(obj, 0, (MANY + 2) * sizeof(*obj));
	for (int i = 0; i < MANY; i++)
		obj[i].handle = gem_create(w->fd, PAGE);
	obj[MANY] = e->obj[0];
	obj[MANY + 1] = e->obj[1];
	e->eb.buffers_ptr = (uintptr_t)obj;
	e->eb.buffer_count = MANY + 2;
}

/* A context whose ring and whose space are still to be made. */
static void setup_new_context(struct world *w)
{
	struct exec *e = exec_of(w);
	uint32_t vm, ctx = gem_context_create(w->fd);

	setup_pinned(w);
	CHECK_RET(try_vm_create(w->fd, &vm), 0);
	CHECK_RET(try_context_set(w->fd, ctx, I915_CONTEXT_PARAM_VM, vm, 0), 0);
	e->eb.rsvd1 = ctx;
}

static void setup_captured(struct world *w)
{
	setup_pinned(w);
	exec_of(w)->obj[0].flags |= EXEC_OBJECT_CAPTURE;
	exec_of(w)->obj[1].flags |= EXEC_OBJECT_CAPTURE;
}

SCENARIO(pinned, .setup = setup_pinned, .run = run_exec, .check = check_stored)
SCENARIO(relocated, .setup = setup_relocated, .run = run_exec, .check = check_stored)
SCENARIO(relocated_slowly, .setup = setup_relocated_slowly, .run = run_exec, .check = check_stored)
SCENARIO(user_pages, .setup = setup_user_pages, .run = run_exec, .check = check_user_pages)
SCENARIO(fence_out, .setup = setup_fence_out, .run = run_exec, .check = check_fence_out)
SCENARIO(fence_in, .setup = setup_fence_in, .run = run_exec, .check = check_stored)
SCENARIO(syncobjs, .setup = setup_syncobjs, .run = run_exec, .check = check_syncobjs)
SCENARIO(timeline, .setup = setup_timeline, .run = run_exec, .check = check_timeline)
SCENARIO(many_objects, .setup = setup_many, .run = run_exec, .check = check_stored)
SCENARIO(new_context, .setup = setup_new_context, .run = run_exec, .check = check_stored)
SCENARIO(captured, .setup = setup_captured, .run = run_exec, .check = check_stored)

static const struct subtest tests[] = {
	FAULTS(pinned),
	FAULTS(relocated),
	FAULTS(relocated_slowly),
	FAULTS(user_pages),
	FAULTS(fence_out),
	FAULTS(fence_in),
	FAULTS(syncobjs),
	FAULTS(timeline),
	FAULTS(many_objects),
	FAULTS(new_context),
	FAULTS(captured),
};

TAP_MAIN(tests)
