/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Command batches for generation 9, and the usual things to run.
 *
 * Objects are softpinned: an object's address follows from its handle (batch_address()), batches
 * have addresses of their own below 4 GiB. So a batch's bytes do not depend on the kernel's
 * choices, and nothing that is busy ever has to move. Relocations have tests of their own, which
 * fill in the structures by hand.
 *
 * Command formats: Intel PRM for Skylake, volume 2a (command reference: instructions).
 */
#ifndef SOFTGEM_TESTS_BATCH_H
#define SOFTGEM_TESTS_BATCH_H

#include "gem.h"
#include "proc.h"

#define MI_NOOP			0u
#define MI_ARB_CHECK		(0x05u << 23)
#define MI_BATCH_BUFFER_END	(0x0au << 23)
/* Per-process address, three dwords. */
#define MI_BATCH_BUFFER_START	(0x31u << 23 | 1 << 8 | 1)
#define MI_STORE_DWORD_IMM	(0x20u << 23 | 2)
#define MI_STORE_QWORD_IMM	(0x20u << 23 | 1 << 21 | 3)
#define MI_LOAD_REGISTER_IMM	(0x22u << 23 | 1)
#define MI_STORE_REGISTER_MEM	(0x24u << 23 | 2)
#define MI_LOAD_REGISTER_MEM	(0x29u << 23 | 2)
#define MI_COPY_MEM_MEM		(0x2eu << 23 | 3)
#define XY_COLOR_BLT		(2u << 29 | 0x50 << 22 | 5)
#define XY_SRC_COPY_BLT		(2u << 29 | 0x53 << 22 | 8)
#define BLT_WRITE_ARGB		(3u << 20)
#define BLT_DEPTH_32		(3u << 24)
#define ROP_COPY		(0xccu << 16)
#define ROP_FILL		(0xf0u << 16)
/* General purpose register 0 of the render engine, and of the others by their base. */
#define RCS_GPR0		0x2600

#define BATCH_DWORDS	1024
#define BATCH_OBJECTS	32

/**
 * struct batch - a batch being built.
 * @fd: the file
 * @handle: the batch's own object
 * @address: its GPU address
 * @ctx: context to run in; 0 is the file's default
 * @flags: I915_EXEC_* flags, the engine among them
 * @rsvd2: fences: in, lower half; out, upper half once submitted
 * @cliprects: where its fences or extensions are, if @flags say that there are some
 * @num_cliprects: how many fences
 * @dw: commands
 * @n: how many dwords of @dw are in use
 * @obj: the exec objects; the batch itself comes last when it is submitted
 * @nobj: how many, the batch itself not counted
 */
struct batch {
	int fd;
	uint32_t handle;
	uint64_t address;
	uint32_t ctx;
	uint64_t flags;
	uint64_t rsvd2;
	uint64_t cliprects;
	uint32_t num_cliprects;
	uint32_t dw[BATCH_DWORDS];
	unsigned int n;
	struct drm_i915_gem_exec_object2 obj[BATCH_OBJECTS];
	unsigned int nobj;
};

/** batch_address() - the address at which an object is bound, wherever these helpers bind it. */
uint64_t batch_address(uint32_t handle);

void batch_init(struct batch *b, int fd, uint64_t flags);
/** batch_free() - close the batch's object. */
void batch_free(struct batch *b);

void batch_dw(struct batch *b, uint32_t dword);
void batch_addr(struct batch *b, uint64_t address);
/**
 * batch_obj() - have an object bound and synchronised with.
 * @flags: EXEC_OBJECT_WRITE and the like; added to those of an earlier call for the same object
 * Return: its address
 */
uint64_t batch_obj(struct batch *b, uint32_t handle, uint64_t flags);

void batch_store(struct batch *b, uint32_t handle, uint64_t offset, uint32_t value);
/** batch_copy32() - MI_COPY_MEM_MEM of one dword. */
void batch_copy32(struct batch *b, uint32_t dst, uint64_t dst_offset, uint32_t src,
		  uint64_t src_offset);
/** batch_fill_blt() - XY_COLOR_BLT of @len bytes, a multiple of 4; for the blitter engine. */
void batch_fill_blt(struct batch *b, uint32_t dst, uint64_t offset, uint64_t len, uint32_t colour);
/** batch_copy_blt() - XY_SRC_COPY_BLT of @len bytes from start to start. */
void batch_copy_blt(struct batch *b, uint32_t dst, uint32_t src, uint64_t len);

/** batch_try_submit() - end the batch and run it. Return: 0 or -errno. */
int batch_try_submit(struct batch *b);
void batch_submit(struct batch *b);

/** try_execbuf() - EXECBUFFER2_WR. Return: 0 or -errno. */
int try_execbuf(int fd, struct drm_i915_gem_execbuffer2 *eb);

/* One batch, submitted and waited for. try_gpu_store() gives execbuf's error. */
int try_gpu_store(int fd, uint32_t handle, uint64_t offset, uint32_t value);
void gpu_store(int fd, uint32_t handle, uint64_t offset, uint32_t value);
void gpu_copy(int fd, uint32_t dst, uint32_t src, uint64_t len);
/** gpu_read() - what the GPU sees in the first @len bytes of an object. */
void gpu_read(int fd, uint32_t handle, void *data, uint64_t len);
uint32_t gpu_read32(int fd, uint32_t handle, uint64_t offset);

/**
 * struct spin - a batch that runs until the CPU ends it.
 * @fd: its file
 * @handle: its batch object
 * @map: the batch, mapped
 * @fence: sync_file that signals at its end
 */
struct spin {
	int fd;
	uint32_t handle;
	uint32_t *map;
	int fence;
};

/**
 * spin_start() - submit a spinning batch.
 * @ctx: its context
 * @flags: its engine
 * @object: an object it uses, or 0
 * @object_flags: EXEC_OBJECT_WRITE if as a target
 */
void spin_start(struct spin *s, int fd, uint32_t ctx, uint64_t flags, uint32_t object,
		uint64_t object_flags);
/** spin_end() - let it end. Asynchronous: its fence signals soon. */
void spin_end(struct spin *s);
/** spin_free() - end it, wait for that, release what it holds. */
void spin_free(struct spin *s);

/**
 * spin_ender_start() - start a child that ends a spinner.
 * @s: which; it goes on until then
 * @gate: made by the call; opened to have it ended
 * @ms: how long after that
 *
 * For callers that wait for it in fork(): a thread of theirs could not even write to its stack
 * meanwhile.
 *
 * Return: the child, for child_end().
 */
pid_t spin_ender_start(struct spin *s, struct gate *gate, unsigned int ms);

/** fence_signalled() - has a sync_file signalled, or does it within @ms? */
bool fence_signalled(int fence, unsigned int ms);
/** fence_status() - 1 signalled, 0 not yet, negative errno of what went wrong. */
int fence_status(int fence);

#endif
