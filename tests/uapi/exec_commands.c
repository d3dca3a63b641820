// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Device commands, end to end: what a batch stores, copies and draws is in the objects.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <string.h>

static const struct {
	uint64_t flags;
	uint32_t mmio;
} engines[] = {
	{ I915_EXEC_RENDER, 0x2000 },
	{ I915_EXEC_BLT, 0x22000 },
	{ I915_EXEC_BSD, 0x12000 },
	{ I915_EXEC_VEBOX, 0x1a000 },
};

static void store_dword(void)
{
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		uint32_t handle = gem_create(fd, 2 * PAGE);
		static uint32_t data[2 * PAGE / 4];
		struct batch b;

		batch_init(&b, fd, engines[i].flags);
		batch_store(&b, handle, 0, 1);
		batch_store(&b, handle, PAGE - 4, 2);
		batch_store(&b, handle, PAGE, 3);
		batch_store(&b, handle, 2 * PAGE - 4, 4);
		batch_submit(&b);
		gem_read(fd, handle, 0, data, sizeof(data));
		for (size_t j = 0; j < 2 * PAGE / 4; j++)
			CHECK_INT(data[j], j == 0 ? 1 : j == PAGE / 4 - 1 ? 2 :
				  j == PAGE / 4 ? 3 : j == 2 * PAGE / 4 - 1 ? 4 : 0);
	}
}

static void store_qword(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);
	uint64_t value[3];
	struct batch b;

	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_dw(&b, MI_STORE_QWORD_IMM);
	batch_addr(&b, batch_obj(&b, handle, EXEC_OBJECT_WRITE) + 8);
	batch_addr(&b, 0x123456789abcdef0);
	batch_submit(&b);
	gem_read(fd, handle, 0, value, sizeof(value));
	CHECK_HEX(value[0], 0);
	CHECK_HEX(value[1], 0x123456789abcdef0);
	CHECK_HEX(value[2], 0);
}

static void copy_mem(void)
{
	int fd = gem_open();
	uint32_t src = gem_create(fd, PAGE), dst = gem_create(fd, PAGE), word = 0x5eed;
	struct batch b;

	gem_write(fd, src, 12, &word, 4);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_copy32(&b, dst, 20, src, 12);
	batch_submit(&b);
	CHECK_HEX(gem_read32(fd, dst, 20), 0x5eed);
	CHECK_HEX(gem_read32(fd, dst, 24), 0);
}

static void registers(void)
{
	int fd = gem_open();
	uint32_t src = gem_create(fd, PAGE), dst = gem_create(fd, PAGE), word = 0xfeed;
	struct batch b;

	/* Memory to register to memory, then immediate to register to memory. */
	gem_write(fd, src, 0, &word, 4);
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_dw(&b, MI_LOAD_REGISTER_MEM);
	batch_dw(&b, RCS_GPR0);
	batch_addr(&b, batch_obj(&b, src, 0));
	batch_dw(&b, MI_LOAD_REGISTER_IMM);
	batch_dw(&b, RCS_GPR0 + 8);
	batch_dw(&b, 0xbead);
	for (int i = 0; i < 2; i++) {
		batch_dw(&b, MI_STORE_REGISTER_MEM);
		batch_dw(&b, RCS_GPR0 + i * 8);
		batch_addr(&b, batch_obj(&b, dst, EXEC_OBJECT_WRITE) + i * 4);
	}
	batch_submit(&b);
	CHECK_HEX(gem_read32(fd, dst, 0), 0xfeed);
	CHECK_HEX(gem_read32(fd, dst, 4), 0xbead);
}

static void timestamps(void)
{
	int fd = gem_open();

	/* Every engine's clock is the one that REG_READ shows. */
	for (size_t i = 0; i < ARRAY_SIZE(engines); i++) {
		struct drm_i915_reg_read before = { .offset = 0x2358 | 1 }, after = before;
		uint32_t dst = gem_create(fd, PAGE);
		struct batch b;
		uint32_t got;

		CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_REG_READ, &before), 0);
		batch_init(&b, fd, engines[i].flags);
		batch_dw(&b, MI_STORE_REGISTER_MEM);
		batch_dw(&b, engines[i].mmio + 0x358);
		batch_addr(&b, batch_obj(&b, dst, EXEC_OBJECT_WRITE));
		batch_submit(&b);
		got = gem_read32(fd, dst, 0);
		CHECK_RET(gem_ioctl(fd, DRM_IOCTL_I915_REG_READ, &after), 0);
		CHECK(got - (uint32_t)before.val <= (uint32_t)after.val - (uint32_t)before.val);
	}
}

static void chained(void)
{
	enum { LINKS = 20 };
	uint32_t batches[LINKS];
	int fd = gem_open();
	uint32_t dst = gem_create(fd, PAGE);
	struct batch b;

	/* Each link is an object of its own: store, then on to the next. */
	batch_init(&b, fd, I915_EXEC_RENDER);
	for (int i = 0; i < LINKS; i++)
		batches[i] = gem_create(fd, PAGE);
	for (int i = 0; i < LINKS; i++) {
		uint64_t target = batch_obj(&b, dst, EXEC_OBJECT_WRITE) + i * 4;
		uint64_t next = i + 1 < LINKS ? batch_address(batches[i + 1]) : 0;
		const uint32_t dw[] = {
			MI_STORE_DWORD_IMM, target, target >> 32, i + 1,
			next ? MI_BATCH_BUFFER_START : MI_BATCH_BUFFER_END, next, next >> 32, 0,
		};

		batch_obj(&b, batches[i], 0);
		gem_write(fd, batches[i], 0, dw, sizeof(dw));
	}
	batch_dw(&b, MI_BATCH_BUFFER_START);
	batch_addr(&b, batch_address(batches[0]));
	batch_submit(&b);
	for (int i = 0; i < LINKS; i++)
		CHECK_INT(gem_read32(fd, dst, i * 4), i + 1);
	CHECK_INT(gem_read32(fd, dst, LINKS * 4), 0);
}

static void colour_blt(void)
{
	static uint32_t data[16 * PAGE / 4];
	int fd = gem_open();
	uint32_t dst = gem_create(fd, sizeof(data));
	struct batch b;

	batch_init(&b, fd, I915_EXEC_BLT);
	batch_fill_blt(&b, dst, 2 * PAGE, 3 * PAGE, 0xc0102030);
	batch_fill_blt(&b, dst, 8 * PAGE + 64, 128, 0x11223344);
	batch_submit(&b);
	gem_read(fd, dst, 0, data, sizeof(data));
	for (size_t i = 0; i < ARRAY_SIZE(data); i++) {
		size_t at = i * 4;
		bool first = at >= 2 * PAGE && at < 5 * PAGE;
		bool second = at >= 8 * PAGE + 64 && at < 8 * PAGE + 192;

		CHECK_HEX(data[i], first ? 0xc0102030 : second ? 0x11223344 : 0);
	}
}

static void rectangle_blt(void)
{
	enum { W = 64, H = 32, X = 5, Y = 3, RW = 17, RH = 9, SX = 11, SY = 2 };
	static uint32_t src_data[H][W], data[H][W];
	int fd = gem_open();
	uint32_t src = gem_create(fd, sizeof(data)), dst = gem_create(fd, sizeof(data));
	struct batch b;

	/* A rectangle inside another picture: not a byte beside it. */
	fill(src_data, sizeof(src_data), 1);
	gem_write(fd, src, 0, src_data, sizeof(src_data));
	batch_init(&b, fd, I915_EXEC_BLT);
	batch_dw(&b, XY_SRC_COPY_BLT | BLT_WRITE_ARGB);
	batch_dw(&b, BLT_DEPTH_32 | ROP_COPY | W * 4);
	batch_dw(&b, Y << 16 | X);
	batch_dw(&b, (Y + RH) << 16 | (X + RW));
	batch_addr(&b, batch_obj(&b, dst, EXEC_OBJECT_WRITE));
	batch_dw(&b, SY << 16 | SX);
	batch_dw(&b, W * 4);
	batch_addr(&b, batch_obj(&b, src, 0));
	batch_submit(&b);
	gem_read(fd, dst, 0, data, sizeof(data));
	for (int y = 0; y < H; y++) {
		for (int x = 0; x < W; x++) {
			bool inside = x >= X && x < X + RW && y >= Y && y < Y + RH;

			CHECK_HEX(data[y][x], inside ? src_data[y - Y + SY][x - X + SX] : 0);
		}
	}
}

static void large_blt(void)
{
	const size_t size = 8 * MiB;
	int fd = gem_open();
	uint32_t src = gem_create(fd, size), dst = gem_create(fd, size);
	void *from = gem_mmap(fd, src, size, I915_MMAP_OFFSET_WB);
	void *to = gem_mmap(fd, dst, size, I915_MMAP_OFFSET_WB);

	fill(from, size, 2);
	gpu_copy(fd, dst, src, size);
	CHECK_FILL(to, size, 2);
}

static void unmapped_reads_zero(void)
{
	static const uint64_t nowhere[] = {
		0x0000100000000000, 0x00007ffffffff000, 0xffff800000000000, 0xfffffffffffff000,
	};
	int fd = gem_open();

	for (size_t i = 0; i < ARRAY_SIZE(nowhere); i++) {
		uint32_t dst = gem_create(fd, PAGE), word = ~0u;
		struct batch b;

		gem_write(fd, dst, 0, &word, 4);
		batch_init(&b, fd, I915_EXEC_RENDER);
		batch_dw(&b, MI_COPY_MEM_MEM);
		batch_addr(&b, batch_obj(&b, dst, EXEC_OBJECT_WRITE));
		batch_addr(&b, nowhere[i]);
		batch_submit(&b);
		CHECK_HEX(gem_read32(fd, dst, 0), 0);
	}
}

static void unmapped_swallows(void)
{
	int fd = gem_open();
	uint32_t dst = gem_create(fd, PAGE);
	struct batch b;

	/* Written, read back: still nothing there. And what follows is carried out. */
	batch_init(&b, fd, I915_EXEC_RENDER);
	batch_dw(&b, MI_STORE_DWORD_IMM);
	batch_addr(&b, 0x0000100000000000);
	batch_dw(&b, 0xbad);
	batch_store(&b, dst, 0, ~0u);
	batch_dw(&b, MI_COPY_MEM_MEM);
	batch_addr(&b, batch_obj(&b, dst, EXEC_OBJECT_WRITE));
	batch_addr(&b, 0x0000100000000000);
	batch_store(&b, dst, 4, 0x600d);
	batch_submit(&b);
	CHECK_HEX(gem_read32(fd, dst, 0), 0);
	CHECK_HEX(gem_read32(fd, dst, 4), 0x600d);
}

static void blt_over_the_end(void)
{
	static uint32_t data[PAGE / 4];
	int fd = gem_open();
	uint32_t src = gem_create(fd, PAGE), dst = gem_create(fd, 4 * PAGE);
	struct batch b;

	/* Four pages from an object of one: the others read as zero. */
	fill(data, PAGE, 1);
	gem_write(fd, src, 0, data, PAGE);
	for (int i = 0; i < 4; i++)
		gem_write(fd, dst, i * PAGE, data, PAGE);
	gpu_copy(fd, dst, src, 4 * PAGE);
	gem_read(fd, dst, 0, data, PAGE);
	CHECK_FILL(data, PAGE, 1);
	for (int i = 1; i < 4; i++) {
		gem_read(fd, dst, i * PAGE, data, PAGE);
		for (size_t j = 0; j < PAGE / 4; j++)
			CHECK_HEX(data[j], 0);
	}
	/* Four pages into an object of one. */
	batch_init(&b, fd, I915_EXEC_BLT);
	batch_fill_blt(&b, src, 0, 4 * PAGE, 0xf111f111);
	batch_submit(&b);
	gem_read(fd, src, 0, data, PAGE);
	for (size_t j = 0; j < PAGE / 4; j++)
		CHECK_HEX(data[j], 0xf111f111);
}

static const struct subtest tests[] = {
	{ "MI_STORE_DWORD_IMM stores one dword, on every engine", store_dword },
	{ "MI_STORE_QWORD_IMM stores one qword", store_qword },
	{ "MI_COPY_MEM_MEM copies one dword", copy_mem },
	{ "registers: loaded from memory and immediate, stored to memory", registers },
	{ "an engine's timestamp lies between two REG_READs around it", timestamps },
	{ "twenty chained batches run one after the other", chained },
	{ "XY_COLOR_BLT fills what it says and nothing else", colour_blt },
	{ "XY_SRC_COPY_BLT copies a rectangle and nothing beside it", rectangle_blt },
	{ "XY_SRC_COPY_BLT copies 8 MiB", large_blt, 60 },
	{ "an unmapped address reads zero", unmapped_reads_zero },
	{ "an unmapped address swallows writes, and the batch goes on", unmapped_swallows },
	{ "a blit over an object's end reads zeros there, and writes nothing", blt_over_the_end },
};

TAP_MAIN(tests)
