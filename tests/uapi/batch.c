// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Command batches: see batch.h.
 */
#include "batch.h"
#include "tap.h"

#include <errno.h>
#include <linux/sync_file.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define PINNED	(EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS)

/*
 * Batches, 64 KiB apart, from 64 MiB on: tests that choose addresses themselves do so below.
 * Processes that share a file, and with it an address space, begin at different places.
 */
static uint64_t next_batch_address(void)
{
	static atomic_uint count;
	unsigned int slot = getpid() * 0x3c1u + atomic_fetch_add(&count, 1);

	return 64 * MiB + (uint64_t)(slot % 0xe000) * 0x10000;
}

uint64_t batch_address(uint32_t handle)
{
	/* 4 GiB apart; so small a handle keeps to the lower, canonical half. */
	CHECK(handle && handle < 0x8000);
	return (uint64_t)handle << 32;
}

void batch_init(struct batch *b, int fd, uint64_t flags)
{
	memset(b, 0, sizeof(*b));
	b->fd = fd;
	b->flags = flags;
	b->handle = gem_create(fd, sizeof(b->dw));
	b->address = next_batch_address();
}

void batch_free(struct batch *b)
{
	gem_close(b->fd, b->handle);
}

void batch_dw(struct batch *b, uint32_t dword)
{
	CHECK(b->n < BATCH_DWORDS);
	b->dw[b->n++] = dword;
}

void batch_addr(struct batch *b, uint64_t address)
{
	batch_dw(b, address);
	batch_dw(b, address >> 32);
}

uint64_t batch_obj(struct batch *b, uint32_t handle, uint64_t flags)
{
	unsigned int i;

	for (i = 0; i < b->nobj; i++)
		if (b->obj[i].handle == handle)
			break;
	if (i == b->nobj) {
		CHECK(b->nobj < BATCH_OBJECTS - 1);
		b->nobj++;
		b->obj[i].handle = handle;
		b->obj[i].offset = batch_address(handle);
		b->obj[i].flags = PINNED;
	}
	b->obj[i].flags |= flags;
	return b->obj[i].offset;
}

void batch_store(struct batch *b, uint32_t handle, uint64_t offset, uint32_t value)
{
	uint64_t address = batch_obj(b, handle, EXEC_OBJECT_WRITE) + offset;

	batch_dw(b, MI_STORE_DWORD_IMM);
	batch_addr(b, address);
	batch_dw(b, value);
}

void batch_copy32(struct batch *b, uint32_t dst, uint64_t dst_offset, uint32_t src,
		  uint64_t src_offset)
{
	uint64_t to = batch_obj(b, dst, EXEC_OBJECT_WRITE) + dst_offset;
	uint64_t from = batch_obj(b, src, 0) + src_offset;

	batch_dw(b, MI_COPY_MEM_MEM);
	batch_addr(b, to);
	batch_addr(b, from);
}

/* A run of bytes as a rectangle of 32-bit pixels, a page a row. */
static void rectangle(uint64_t len, uint32_t *width, uint32_t *height)
{
	CHECK(len % 4 == 0 && (len <= PAGE || len % PAGE == 0));
	*width = (len < PAGE ? len : PAGE) / 4;
	*height = len < PAGE ? 1 : len / PAGE;
	CHECK(*height < 0x8000);
}

void batch_fill_blt(struct batch *b, uint32_t dst, uint64_t offset, uint64_t len, uint32_t colour)
{
	uint64_t to = batch_obj(b, dst, EXEC_OBJECT_WRITE) + offset;
	uint32_t width, height;

	rectangle(len, &width, &height);
	batch_dw(b, XY_COLOR_BLT | BLT_WRITE_ARGB);
	batch_dw(b, BLT_DEPTH_32 | ROP_FILL | PAGE);
	batch_dw(b, 0);
	batch_dw(b, height << 16 | width);
	batch_addr(b, to);
	batch_dw(b, colour);
}

void batch_copy_blt(struct batch *b, uint32_t dst, uint32_t src, uint64_t len)
{
	uint64_t to = batch_obj(b, dst, EXEC_OBJECT_WRITE);
	uint64_t from = batch_obj(b, src, 0);
	uint32_t width, height;

	rectangle(len, &width, &height);
	batch_dw(b, XY_SRC_COPY_BLT | BLT_WRITE_ARGB);
	batch_dw(b, BLT_DEPTH_32 | ROP_COPY | PAGE);
	batch_dw(b, 0);
	batch_dw(b, height << 16 | width);
	batch_addr(b, to);
	batch_dw(b, 0);
	batch_dw(b, PAGE);
	batch_addr(b, from);
}

int try_execbuf(int fd, struct drm_i915_gem_execbuffer2 *eb)
{
	return gem_ioctl(fd, DRM_IOCTL_I915_GEM_EXECBUFFER2_WR, eb);
}

int batch_try_submit(struct batch *b)
{
	struct drm_i915_gem_exec_object2 *self = &b->obj[b->nobj];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)b->obj,
		.buffer_count = b->nobj + 1,
		.cliprects_ptr = b->cliprects,
		.num_cliprects = b->num_cliprects,
		.flags = b->flags,
		.rsvd1 = b->ctx,
		.rsvd2 = b->rsvd2,
	};
	int ret;

	batch_dw(b, MI_BATCH_BUFFER_END);
	if (b->n & 1)
		batch_dw(b, MI_NOOP);
	gem_write(b->fd, b->handle, 0, b->dw, b->n * 4);

	*self = (struct drm_i915_gem_exec_object2){
		.handle = b->handle,
		.offset = b->address,
		.flags = PINNED,
	};
	ret = try_execbuf(b->fd, &eb);
	b->rsvd2 = eb.rsvd2;
	return ret;
}

void batch_submit(struct batch *b)
{
	CHECK_RET(batch_try_submit(b), 0);
}

int try_gpu_store(int fd, uint32_t handle, uint64_t offset, uint32_t value)
{
	struct batch b;
	int ret;

	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_store(&b, handle, offset, value);
	ret = batch_try_submit(&b);
	if (!ret)
		gem_sync(fd, b.handle);
	batch_free(&b);
	return ret;
}

void gpu_store(int fd, uint32_t handle, uint64_t offset, uint32_t value)
{
	CHECK_RET(try_gpu_store(fd, handle, offset, value), 0);
}

void gpu_copy(int fd, uint32_t dst, uint32_t src, uint64_t len)
{
	struct batch b;

	batch_init(&b, fd, I915_EXEC_BLT);
	batch_copy_blt(&b, dst, src, len);
	batch_submit(&b);
	gem_sync(fd, b.handle);
	batch_free(&b);
}

void gpu_read(int fd, uint32_t handle, void *data, uint64_t len)
{
	uint32_t copy = gem_create(fd, len);

	gpu_copy(fd, copy, handle, len);
	gem_read(fd, copy, 0, data, len);
	gem_close(fd, copy);
}

uint32_t gpu_read32(int fd, uint32_t handle, uint64_t offset)
{
	uint32_t copy = gem_create(fd, PAGE), value;
	struct batch b;

	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_copy32(&b, copy, 0, handle, offset);
	batch_submit(&b);
	value = gem_read32(fd, copy, 0);
	batch_free(&b);
	gem_close(fd, copy);
	return value;
}

void spin_start(struct spin *s, int fd, uint32_t ctx, uint64_t flags, uint32_t object,
		uint64_t object_flags)
{
	struct drm_i915_gem_exec_object2 obj[2];
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj,
		.flags = flags | I915_EXEC_FENCE_OUT,
		.rsvd1 = ctx,
	};
	uint64_t address = next_batch_address();

	memset(obj, 0, sizeof(obj));
	if (object) {
		obj[0].handle = object;
		obj[0].offset = batch_address(object);
		obj[0].flags = PINNED | object_flags;
		eb.buffer_count = 1;
	}

	s->fd = fd;
	s->handle = gem_create(fd, PAGE);
	s->map = gem_mmap(fd, s->handle, PAGE, I915_MMAP_OFFSET_WB);
	s->map[0] = MI_ARB_CHECK;
	s->map[1] = MI_BATCH_BUFFER_START;
	s->map[2] = address;
	s->map[3] = address >> 32;

	obj[eb.buffer_count].handle = s->handle;
	obj[eb.buffer_count].offset = address;
	obj[eb.buffer_count].flags = PINNED;
	eb.buffer_count++;
	CHECK_RET(try_execbuf(fd, &eb), 0);
	s->fence = eb.rsvd2 >> 32;
}

void spin_end(struct spin *s)
{
	atomic_store((_Atomic uint32_t *)s->map, MI_BATCH_BUFFER_END);
}

void spin_free(struct spin *s)
{
	spin_end(s);
	CHECK(fence_signalled(s->fence, 5000));
	close(s->fence);
	CHECK_SYS(munmap(s->map, PAGE));
	gem_close(s->fd, s->handle);
}

struct ender {
	struct spin *spin;
	struct gate *gate;
	unsigned int ms;
};

static void end_spin(void *arg)
{
	struct ender *e = arg;

	gate_pass(e->gate);
	sleep_ms(e->ms);
	spin_end(e->spin);
}

pid_t spin_ender_start(struct spin *s, struct gate *gate, unsigned int ms)
{
	struct ender e = { .spin = s, .gate = gate, .ms = ms };

	gate_init(gate);
	return child_start(end_spin, &e);
}

bool fence_signalled(int fence, unsigned int ms)
{
	struct pollfd pollfd = { .fd = fence, .events = POLLIN };
	int ret;

	do {
		ret = poll(&pollfd, 1, ms);
	} while (ret < 0 && errno == EINTR);
	CHECK_SYS(ret);
	return ret && pollfd.revents & POLLIN;
}

int fence_status(int fence)
{
	struct sync_file_info info = { 0 };

	CHECK_SYS(ioctl(fence, SYNC_IOC_FILE_INFO, &info));
	return info.status;
}
