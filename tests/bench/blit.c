// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The blitter: how much more than the copy itself a copy costs.
 *
 * The peer is the one instruction that the kernel's memcpy() is made of, `rep movsb` (memset():
 * `rep stosb`), over as many bytes of this process's memory in huge pages: nothing else is counted
 * in it, no call, no page, no piece. The loops of the C library, with wide registers, would be no
 * peer where instructions are counted, since an emulator counts the kernel's by the byte.
 */
#include "bench.h"
#include "submission.h"

#include <pixman.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SIDE	4096u
#define PITCH	(4 * SIDE)
#define LEN	((size_t)PITCH * SIDE)
#define SPRITE	32u
#define SPRITES	1000u

#define XY_FAST_COPY_BLT	(2u << 29 | 0x42 << 22 | 8)
#define FAST_SRC_TILING(t)	((t) << 20)
#define FAST_DST_TILING(t)	((t) << 13)
#define FAST_DEPTH_32		(3u << 24)
#define CORNER(x, y)		((uint32_t)(y) << 16 | (x))

enum tiling { LINEAR, TILE_X, TILE_Y };

/* A surface of SIDE x SIDE pixels. */
struct surface {
	uint32_t handle;
	enum tiling tiling;
};

struct spans {
	void *to, *from;
};

static int64_t movsb_once(void *arg)
{
	const struct spans *s = arg;
	void *to = s->to, *from = s->from;
	size_t n = LEN;
	int64_t began = now_ns();

	asm volatile("rep movsb" : "+D" (to), "+S" (from), "+c" (n) : : "memory");
	return now_ns() - began;
}

static int64_t stosb_once(void *arg)
{
	const struct spans *s = arg;
	void *to = s->to;
	size_t n = LEN;
	int64_t began = now_ns();

	asm volatile("rep stosb" : "+D" (to), "+c" (n) : "a" (0x5a) : "memory");
	return now_ns() - began;
}

static void *memory(void)
{
	void *ptr = map_thp(LEN);

	return ptr ?: map_4k(LEN);
}

static double per_page(double ns)
{
	return ns / (LEN / PAGE);
}

static double peer_copy(void)
{
	struct spans s = { memory(), memory() };

	return per_page(best_of(3, movsb_once, &s));
}

static double peer_fill(void)
{
	struct spans s = { memory(), NULL };

	return per_page(best_of(3, stosb_once, &s));
}

static uint32_t pitch_of(enum tiling tiling, uint32_t pitch)
{
	return tiling == LINEAR ? pitch : pitch / 4;
}

/* From (sx, sy) on to (dx, dy) on, w x h pixels. Returns how many dwords. */
static unsigned int copy_command(uint32_t *dw, struct surface dst, uint32_t dst_pitch, uint32_t dx,
				 uint32_t dy, struct surface src, uint32_t src_pitch, uint32_t sx,
				 uint32_t sy, uint32_t w, uint32_t h)
{
	const uint32_t command[] = {
		XY_FAST_COPY_BLT | FAST_SRC_TILING(src.tiling) | FAST_DST_TILING(dst.tiling),
		FAST_DEPTH_32 | pitch_of(dst.tiling, dst_pitch),
		CORNER(dx, dy),
		CORNER(dx + w, dy + h),
		batch_address(dst.handle), batch_address(dst.handle) >> 32,
		CORNER(sx, sy),
		pitch_of(src.tiling, src_pitch),
		batch_address(src.handle), batch_address(src.handle) >> 32,
	};

	memcpy(dw, command, sizeof(command));
	return ARRAY_SIZE(command);
}

static struct surface new_surface(int fd, enum tiling tiling)
{
	return (struct surface) { gem_create(fd, LEN), tiling };
}

static void write_surface(int fd, struct surface s, uint32_t seed)
{
	void *map = gem_mmap(fd, s.handle, LEN, I915_MMAP_OFFSET_WB);

	fill(map, LEN, seed);
}

static void check_surface(int fd, struct surface s, uint32_t seed)
{
	void *map = gem_mmap(fd, s.handle, LEN, I915_MMAP_OFFSET_WB);

	CHECK_FILL(map, LEN, seed);
}

/* Run commands on the blitter: once for it to find all its memory, then to be measured. */
static double commands_time(int fd, struct surface a, struct surface b, const uint32_t *dw,
			    unsigned int n, unsigned int times)
{
	const uint32_t handles[] = { a.handle, b.handle };
	struct submission s;
	double best;

	submission_init(&s, fd, I915_EXEC_BLT, handles, a.handle == b.handle ? 1 : 2, dw, n);
	submission_run(&s);
	best = times ? submission_time(&s, times) : 0;
	submission_free(&s);
	return best;
}

static double copy_time(int fd, struct surface dst, struct surface src, unsigned int times)
{
	uint32_t dw[16];
	unsigned int n = copy_command(dw, dst, PITCH, 0, 0, src, PITCH, 0, 0, SIDE, SIDE);

	return commands_time(fd, dst, src, dw, n, times);
}

static double fill_time(int fd, struct surface dst, uint32_t colour)
{
	const uint32_t dw[] = {
		XY_COLOR_BLT | BLT_WRITE_ARGB,
		BLT_DEPTH_32 | ROP_FILL | PITCH,
		0,
		CORNER(SIDE, SIDE),
		batch_address(dst.handle), batch_address(dst.handle) >> 32,
		colour,
	};
	double ns = commands_time(fd, dst, dst, dw, ARRAY_SIZE(dw), 3);

	CHECK_HEX(gem_read32(fd, dst.handle, 0), colour);
	CHECK_HEX(gem_read32(fd, dst.handle, LEN - 4), colour);
	return ns;
}

static void linear(void)
{
	int fd = gem_open();
	struct surface src = new_surface(fd, LINEAR), dst = new_surface(fd, LINEAR);
	double copy;

	write_surface(fd, src, 1);
	copy = copy_time(fd, dst, src, 3);
	check_surface(fd, dst, 1);
	row_ratio("copy of 64 MiB", per_page(copy), "ns/page", "rep movsb", peer_copy(), 1.05);
	row_ratio("fill of 64 MiB, all bytes alike", per_page(fill_time(fd, dst, 0x5a5a5a5a)),
		  "ns/page", "rep stosb", peer_fill(), 1.05);
	/* by qwords: fewer instructions, not fewer bytes */
	row_ratio("fill of 64 MiB, a colour", per_page(fill_time(fd, dst, 0x12345678)),
		  "ns/page", "rep stosb", peer_fill(), 1.05);
}

/* What has been tiled and made linear again is what it was; tiled, it is not. */
static void tiled(enum tiling tiling, char letter)
{
	int fd = gem_open();
	struct surface from = new_surface(fd, LINEAR), to = new_surface(fd, LINEAR);
	struct surface tiles = new_surface(fd, tiling);
	double there, back, peer = peer_copy();
	uint32_t row[2];
	char name[64];

	write_surface(fd, from, 2);
	there = copy_time(fd, tiles, from, 3);
	back = copy_time(fd, to, tiles, 3);
	check_surface(fd, to, 2);
	gem_read(fd, from.handle, PITCH, &row[0], 4);
	gem_read(fd, tiles.handle, tiling == TILE_X ? 512 : 16, &row[1], 4);
	CHECK_HEX(row[1], row[0]);
	snprintf(name, sizeof(name), "copy of 64 MiB, linear to tiles (%c)", letter);
	row_ratio(name, per_page(there), "ns/page", "rep movsb", peer, 1.3);
	snprintf(name, sizeof(name), "copy of 64 MiB, tiles (%c) to linear", letter);
	row_ratio(name, per_page(back), "ns/page", "rep movsb", peer, 1.3);
}

static void x_tiled(void)
{
	tiled(TILE_X, 'X');
}

static void y_tiled(void)
{
	tiled(TILE_Y, 'Y');
}

static double sprites_time(int fd, struct surface dst)
{
	struct surface src = { gem_create(fd, 4 * SPRITE * SPRITE), LINEAR };
	uint32_t *dw = calloc(10 * SPRITES, sizeof(*dw)), pixels[SPRITE * SPRITE];
	unsigned int n = 0;
	double ns;

	CHECK(dw);
	fill(pixels, sizeof(pixels), 3);
	gem_write(fd, src.handle, 0, pixels, sizeof(pixels));
	for (unsigned int i = 0; i < SPRITES; i++)
		n += copy_command(dw + n, dst, PITCH, i * 97 % (SIDE - SPRITE),
				  i * 61 % (SIDE - SPRITE), src, 4 * SPRITE, 0, 0, SPRITE, SPRITE);
	ns = commands_time(fd, dst, src, dw, n, 3);
	free(dw);
	return ns / SPRITES;
}

static void small_copies(void)
{
	int fd = gem_open();
	double peer = peer_copy();

	row_ratio("sprites of 32 x 32, linear", sprites_time(fd, new_surface(fd, LINEAR)),
		  "ns/sprite", "rep movsb", peer, NO_TARGET);
	row_ratio("sprites of 32 x 32, to tiles (X)", sprites_time(fd, new_surface(fd, TILE_X)),
		  "ns/sprite", "rep movsb", peer, NO_TARGET);
	row_ratio("sprites of 32 x 32, to tiles (Y)", sprites_time(fd, new_surface(fd, TILE_Y)),
		  "ns/sprite", "rep movsb", peer, NO_TARGET);
}

/* A surface onto itself, some pixels further. */
static double scroll_time(int fd, struct surface s, unsigned int right, unsigned int down)
{
	uint32_t dw[16];
	unsigned int n = copy_command(dw, s, PITCH, right, down, s, PITCH, 0, 0, SIDE - right,
				      SIDE - down);

	return per_page(commands_time(fd, s, s, dw, n, 2));
}

static void scrolls(void)
{
	int fd = gem_open();
	struct surface flat = new_surface(fd, LINEAR), tiles = new_surface(fd, TILE_X);
	double peer = peer_copy();

	row_ratio("scroll by a row, linear", scroll_time(fd, flat, 0, 1), "ns/page", "rep movsb",
		  peer, NO_TARGET);
	row_ratio("scroll by a pixel, linear", scroll_time(fd, flat, 1, 0), "ns/page", "rep movsb",
		  peer, NO_TARGET);
	row_ratio("scroll by a row, tiles (X)", scroll_time(fd, tiles, 0, 1), "ns/page",
		  "rep movsb", peer, NO_TARGET);
}

static int64_t pixman_copy_once(void *arg)
{
	const struct spans *s = arg;
	int64_t began = now_ns();

	CHECK(pixman_blt(s->from, s->to, SIDE, SIDE, 32, 32, 0, 0, 0, 0, SIDE, SIDE));
	return now_ns() - began;
}

static int64_t pixman_fill_once(void *arg)
{
	const struct spans *s = arg;
	int64_t began = now_ns();

	CHECK(pixman_fill(s->to, SIDE, 32, 0, 0, SIDE, SIDE, 0x12345678));
	return now_ns() - began;
}

static void beside_pixman(void)
{
	struct surface src, dst;
	struct spans s;
	int fd;

	if (!by_the_clock()) {
		row_none("copy of 64 MiB, beside pixman", "pixman's wide registers are no peer where "
			 "instructions are counted: CLOCK=wall");
		return;
	}
	fd = gem_open();
	src = new_surface(fd, LINEAR);
	dst = new_surface(fd, LINEAR);
	s = (struct spans) { memory(), memory() };
	row_ratio("copy of 64 MiB, beside pixman", per_page(copy_time(fd, dst, src, 5)), "ns/page",
		  "pixman_blt", per_page(best_of(5, pixman_copy_once, &s)), 1);
	row_ratio("fill of 64 MiB, beside pixman", per_page(fill_time(fd, dst, 0x12345678)),
		  "ns/page", "pixman_fill", per_page(best_of(5, pixman_fill_once, &s)), 1);
}

BENCH_MAIN({ "linear copy and fill", linear, 120 },
	   { "X-tiled copies", x_tiled, 120 },
	   { "Y-tiled copies", y_tiled, 120 },
	   { "sprites", small_copies, 60 },
	   { "overlapping scrolls", scrolls, 120 },
	   { "beside pixman", beside_pixman, 120 })
