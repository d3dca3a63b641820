// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The blitter beside pixman on the processor itself, by the clock: the device, compiled as for the
 * kernel, runs in this process, on memory that is all one span or, as where there are no huge
 * pages, a span a page. There is no kernel and no emulator in between; nor is what the kernel does
 * around a blit in it: the ioctl, the way to the engine, the locks and the look into the page table.
 */
#include "bench.h"

#include "cs.h"

#include <pixman.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define SIDE		4096u
#define PITCH		(4 * SIDE)
#define LEN		((size_t)PITCH * SIDE)
#define SPRITE		32u
#define SPRITES		1000u
#define TIMES		40
#define ONE_SPAN	(1ul << 30)
/* Not behind, as far as a machine can tell that does other things as well. */
#define AS_FAST		1.05

/* Where things are in the one stretch of memory that the GPU knows; its addresses begin at 0. */
#define BATCH		0ul
#define SRC		(2 * MiB)
#define DST		(SRC + LEN)
#define ALL		(DST + LEN)

#define XY_FAST_COPY_BLT	(2u << 29 | 0x42 << 22 | 8)
#define XY_COLOR_BLT		(2u << 29 | 0x50 << 22 | 3u << 20 | 5)
#define DEPTH_32		(3u << 24)
#define ROP_FILL		(0xf0u << 16)
#define MI_BATCH_BUFFER_END	(0x0au << 23)
#define CORNER(x, y)		((uint32_t)(y) << 16 | (x))
#define COLOUR			0x12345678u

/**
 * struct sg_mem - memory that the device sees.
 * @base: address 0
 * @span: no more than this is contiguous, as far as the device is told; a power of two
 */
struct sg_mem {
	uint8_t *base;
	size_t span;
};

void sg_mem_enter(struct sg_mem *mem)
{
	(void)mem;
}

void sg_mem_leave(struct sg_mem *mem)
{
	(void)mem;
}

void *sg_mem_translate(struct sg_mem *mem, u64 addr, size_t *len, enum sg_access access)
{
	size_t left = mem->span - (addr & (mem->span - 1));

	(void)access;
	if (addr >= ALL)
		return NULL;
	*len = min(*len, left);
	return mem->base + addr;
}

u64 sg_timestamp(void)
{
	return 0;
}

/* A batch to be run again and again. */
struct batch {
	struct sg_mem *mem;
	struct sg_cs *cs;
	uint32_t *dw;
	unsigned int n;
};

static struct batch new_batch(size_t span)
{
	struct batch b = { .mem = malloc(sizeof(*b.mem)), .cs = malloc(sizeof(*b.cs)) };

	CHECK(b.mem && b.cs);
	b.mem->base = map_thp(ALL) ?: map_4k(ALL);
	b.mem->span = span;
	b.dw = (uint32_t *)(b.mem->base + BATCH);
	fill(b.mem->base + SRC, LEN, 1);
	sg_cs_init(b.cs, SG_COPY, 0);
	return b;
}

static void free_batch(struct batch *b)
{
	CHECK_SYS(munmap(b->mem->base, ALL));
	free(b->mem);
	free(b->cs);
}

static void emit(struct batch *b, const uint32_t *dw, unsigned int n)
{
	CHECK((b->n + n) * sizeof(*dw) <= SRC - BATCH);
	memcpy(b->dw + b->n, dw, n * sizeof(*dw));
	b->n += n;
}

static void emit_copy(struct batch *b, uint32_t x, uint32_t y, uint32_t w, uint32_t h,
		      uint32_t src_pitch)
{
	const uint32_t dw[] = {
		XY_FAST_COPY_BLT, DEPTH_32 | PITCH, CORNER(x, y), CORNER(x + w, y + h),
		DST, DST >> 32, 0, src_pitch, SRC, SRC >> 32,
	};

	emit(b, dw, ARRAY_SIZE(dw));
}

static void emit_fill(struct batch *b)
{
	const uint32_t dw[] = {
		XY_COLOR_BLT, DEPTH_32 | ROP_FILL | PITCH, 0, CORNER(SIDE, SIDE), DST, DST >> 32,
		COLOUR,
	};

	emit(b, dw, ARRAY_SIZE(dw));
}

static void end_batch(struct batch *b)
{
	emit(b, (const uint32_t []) { MI_BATCH_BUFFER_END, 0 }, 2);
}

static int64_t run_once(void *arg)
{
	static const bool stop;
	struct batch *b = arg;
	enum sg_cs_event event;
	int64_t began = now_ns(), took;

	sg_cs_start(b->cs, BATCH);
	event = sg_cs_run(b->cs, b->mem, UINT32_MAX, &stop);
	took = now_ns() - began;
	CHECK_INT(event, SG_CS_DONE);
	return took;
}

static uint32_t *pixels(const struct batch *b, uint64_t at)
{
	return (uint32_t *)(b->mem->base + at);
}

static int64_t pixman_copy_once(void *arg)
{
	struct batch *b = arg;
	int64_t began = now_ns();

	CHECK(pixman_blt(pixels(b, SRC), pixels(b, DST), SIDE, SIDE, 32, 32, 0, 0, 0, 0, SIDE,
			 SIDE));
	return now_ns() - began;
}

static int64_t pixman_fill_once(void *arg)
{
	struct batch *b = arg;
	int64_t began = now_ns();

	CHECK(pixman_fill(pixels(b, DST), SIDE, 32, 0, 0, SIDE, SIDE, COLOUR));
	return now_ns() - began;
}

static uint32_t sprite_x(unsigned int i)
{
	return i * 97 % (SIDE - SPRITE);
}

static uint32_t sprite_y(unsigned int i)
{
	return i * 61 % (SIDE - SPRITE);
}

static int64_t pixman_sprites_once(void *arg)
{
	struct batch *b = arg;
	int64_t began = now_ns();

	for (unsigned int i = 0; i < SPRITES; i++)
		CHECK(pixman_blt(pixels(b, SRC), pixels(b, DST), SIDE, SIDE, 32, 32, 0, 0,
				 sprite_x(i), sprite_y(i), SPRITE, SPRITE));
	return now_ns() - began;
}

/* In turn, so that both have the same share of a machine that others use too. */
static void beside(const char *name, struct batch *b, int64_t (*peer)(void *batch),
		   const char *peer_name, unsigned int units, const char *unit, double target)
{
	int64_t ours = INT64_MAX, theirs = INT64_MAX;

	for (unsigned int i = 0; i < TIMES; i++) {
		ours = min(ours, run_once(b));
		theirs = min(theirs, peer(b));
	}
	row_ratio(name, (double)ours / units, unit, peer_name, (double)theirs / units,
		  target);
}

static void copy(size_t span, const char *name)
{
	struct batch b = new_batch(span);

	emit_copy(&b, 0, 0, SIDE, SIDE, PITCH);
	end_batch(&b);
	run_once(&b);
	CHECK_FILL(pixels(&b, DST), LEN, 1);
	beside(name, &b, pixman_copy_once, "pixman_blt", LEN / PAGE, "ns/page",
	       AS_FAST);
	free_batch(&b);
}

static void fill_all(size_t span, const char *name)
{
	struct batch b = new_batch(span);

	emit_fill(&b);
	end_batch(&b);
	run_once(&b);
	CHECK_HEX(*pixels(&b, DST), COLOUR);
	CHECK_HEX(*pixels(&b, ALL - sizeof(uint32_t)), COLOUR);
	beside(name, &b, pixman_fill_once, "pixman_fill", LEN / PAGE, "ns/page",
	       AS_FAST);
	free_batch(&b);
}

static void sprites(const char *name)
{
	struct batch b = new_batch(ONE_SPAN);

	for (unsigned int i = 0; i < SPRITES; i++)
		emit_copy(&b, sprite_x(i), sprite_y(i), SPRITE, SPRITE, PITCH);
	end_batch(&b);
	run_once(&b);
	for (unsigned int i = 0; i < SPRITE; i++)
		CHECK_MEM(pixels(&b, DST) + (sprite_y(1) + i) * SIDE + sprite_x(1),
			  pixels(&b, SRC) + i * SIDE, 4 * SPRITE);
	beside(name, &b, pixman_sprites_once, "pixman_blt", SPRITES, "ns/sprite", NO_TARGET);
	free_batch(&b);
}

static void natively(void)
{
	if (!by_the_clock()) {
		row_none("on the processor itself, beside pixman",
			 "there instructions are not counted: CLOCK=wall");
		return;
	}
	copy(ONE_SPAN, "copy of 64 MiB, on the processor itself");
	copy(PAGE, "copy of 64 MiB in single pages, on the processor itself");
	fill_all(ONE_SPAN, "fill of 64 MiB, on the processor itself");
	fill_all(PAGE, "fill of 64 MiB in single pages, on the processor itself");
	sprites("sprites of 32 x 32, on the processor itself");
}

BENCH_MAIN({ "on the processor itself", natively, 120 })
