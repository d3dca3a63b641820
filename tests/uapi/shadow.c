// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What a process writes to a tiled object through the aperture goes to a linear copy first. Before
 * anybody can look at the object itself, it must have been written back: each way to look in turn.
 *
 * The witness is the object's file (the legacy MMAP), which the driver neither knows to be read nor
 * can take away: it shows the old bytes until something has written back, and the new ones after.
 */
#include "batch.h"
#include "counters.h"
#include "device.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dma-buf.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#define APERTURE	(256 * MiB)
#define FENCES		32
#define SIZE		(2 * MiB)
#define STRIDE		4096
/* Where the second tile of the first row lies, and the same in the second MiB: another view. */
#define NEAR		PAGE
#define FAR		(MiB + PAGE)

/**
 * struct tiled - a tiled object, and two ways to see it.
 * @fd: the file
 * @handle: the object
 * @tiling: I915_TILING_X or I915_TILING_Y
 * @width: bytes in a row of one tile
 * @gtt: mapped through the aperture
 * @file: its file, mapped
 */
struct tiled {
	int fd;
	uint32_t handle;
	uint32_t tiling;
	uint32_t width;
	char *gtt;
	char *file;
};

static uint32_t word(const char *ptr)
{
	return *(const volatile uint32_t *)ptr;
}

static void set_word(char *ptr, uint32_t value)
{
	*(volatile uint32_t *)ptr = value;
}

static void tiled_init(struct tiled *t, int fd, uint32_t tiling)
{
	uint32_t stride = STRIDE, swizzle;
	void *file;

	*t = (struct tiled){ .fd = fd, .tiling = tiling };
	t->width = tiling == I915_TILING_X ? 512 : 128;
	t->handle = gem_create(fd, SIZE);
	CHECK_RET(try_set_tiling(fd, t->handle, &tiling, &stride, &swizzle), 0);
	CHECK_RET(try_mmap_legacy(fd, t->handle, 0, SIZE, 0, &file), 0);
	t->file = file;
	t->gtt = gem_mmap(fd, t->handle, SIZE, I915_MMAP_OFFSET_GTT);
}

/* Write a word to each of two views. They do not reach the object by themselves. */
static void scribble(struct tiled *t, uint32_t seed)
{
	uint32_t near = word(t->file + NEAR), far = word(t->file + FAR);

	set_word(t->gtt + t->width, seed);
	set_word(t->gtt + MiB + t->width, ~seed);
	CHECK_HEX(word(t->file + NEAR), near);
	CHECK_HEX(word(t->file + FAR), far);
}

static void check_written_back(const struct tiled *t, uint32_t seed)
{
	CHECK_HEX(word(t->file + NEAR), seed);
	CHECK_HEX(word(t->file + FAR), ~seed);
}

static void with_tiling(void (*look)(struct tiled *t), uint32_t tiling)
{
	struct tiled t;

	tiled_init(&t, gem_open(), tiling);
	for (uint32_t seed = 0x1001; seed <= 0x1003; seed++) {
		scribble(&t, seed);
		look(&t);
		check_written_back(&t, seed);
		/* and is seen through the aperture as before */
		CHECK_HEX(word(t.gtt + t.width), seed);
		CHECK_HEX(word(t.gtt + MiB + t.width), ~seed);
		CHECK_HEX(word(t.gtt), 0);
	}
	close(t.fd);
}

/* Write, look, three times over, with both kinds of tiles. */
static void each_tiling(void (*look)(struct tiled *t))
{
	with_tiling(look, I915_TILING_X);
	with_tiling(look, I915_TILING_Y);
}

static void look_set_domain(struct tiled *t)
{
	CHECK_RET(try_set_domain(t->fd, t->handle, I915_GEM_DOMAIN_CPU, 0), 0);
}

static void by_set_domain(void)
{
	each_tiling(look_set_domain);
}

static void look_pread(struct tiled *t)
{
	/* of another place: all of the object is one */
	CHECK_HEX(gem_read32(t->fd, t->handle, 64), 0);
}

static void by_pread(void)
{
	each_tiling(look_pread);
}

static void look_pwrite(struct tiled *t)
{
	uint32_t value = 0;

	gem_write(t->fd, t->handle, 64, &value, 4);
}

static void by_pwrite(void)
{
	each_tiling(look_pwrite);
}

static void look_gpu(struct tiled *t)
{
	CHECK_HEX(gpu_read32(t->fd, t->handle, NEAR), word(t->gtt + t->width));
	CHECK_HEX(gpu_read32(t->fd, t->handle, FAR), word(t->gtt + MiB + t->width));
}

/* The GPU reads what was written, and what the GPU writes is seen. */
static void by_execbuf(void)
{
	struct tiled t;

	each_tiling(look_gpu);
	tiled_init(&t, gem_open(), I915_TILING_Y);
	scribble(&t, 0x2001);
	gpu_store(t.fd, t.handle, NEAR + 4, 0x2002);
	check_written_back(&t, 0x2001);
	CHECK_RET(try_set_domain(t.fd, t.handle, I915_GEM_DOMAIN_GTT, 0), 0);
	CHECK_HEX(word(t.gtt + t.width + 4), 0x2002);
}

static void look_cpu(struct tiled *t, uint64_t kind)
{
	char *ptr = gem_mmap(t->fd, t->handle, SIZE, kind);

	/* one fault, anywhere */
	CHECK_HEX(word(ptr + 64), 0);
	CHECK_HEX(word(ptr + NEAR), word(t->file + NEAR));
	CHECK_SYS(munmap(ptr, SIZE));
}

static void look_wb(struct tiled *t)
{
	look_cpu(t, I915_MMAP_OFFSET_WB);
}

static void look_wc(struct tiled *t)
{
	look_cpu(t, I915_MMAP_OFFSET_WC);
}

static void look_uc(struct tiled *t)
{
	look_cpu(t, I915_MMAP_OFFSET_UC);
}

/* A CPU mapping that was touched before loses its entries when somebody goes through the aperture. */
static void by_cpu_mapping(void)
{
	struct tiled t;
	char *cpu;

	each_tiling(look_wb);
	each_tiling(look_wc);
	each_tiling(look_uc);
	tiled_init(&t, gem_open(), I915_TILING_X);
	cpu = gem_mmap(t.fd, t.handle, SIZE, I915_MMAP_OFFSET_WB);
	for (uint32_t seed = 0x3001; seed <= 0x3008; seed++) {
		scribble(&t, seed);
		CHECK_HEX(word(cpu + NEAR), seed);
		CHECK_HEX(word(cpu + FAR), ~seed);
		set_word(cpu + NEAR + 4, seed);
		CHECK_HEX(word(t.gtt + t.width + 4), seed);
	}
}

static void look_debugger(struct tiled *t)
{
	char *cpu = gem_mmap(t->fd, t->handle, SIZE, I915_MMAP_OFFSET_WB);
	int mem = open("/proc/self/mem", O_RDONLY);
	uint32_t value;

	CHECK(mem >= 0);
	CHECK_INT(pread(mem, &value, 4, (uintptr_t)cpu + NEAR), 4);
	CHECK_HEX(value, word(t->gtt + t->width));
	close(mem);
	CHECK_SYS(munmap(cpu, SIZE));
}

static void by_debugger(void)
{
	each_tiling(look_debugger);
}

static void look_sync(struct tiled *t)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };
	int buf;

	CHECK_RET(try_prime_export(t->fd, t->handle, DRM_RDWR, &buf), 0);
	CHECK_SYS(ioctl(buf, DMA_BUF_IOCTL_SYNC, &sync));
	close(buf);
}

static void look_buf_mmap(struct tiled *t)
{
	int buf;
	char *ptr;

	CHECK_RET(try_prime_export(t->fd, t->handle, DRM_RDWR, &buf), 0);
	ptr = mmap(NULL, SIZE, PROT_READ, MAP_SHARED, buf, 0);
	CHECK_SYS(ptr);
	CHECK_HEX(word(ptr + 64), 0);
	CHECK_SYS(munmap(ptr, SIZE));
	close(buf);
}

static void by_dma_buf(void)
{
	each_tiling(look_sync);
	each_tiling(look_buf_mmap);
}

static void look_device(struct tiled *t)
{
	int dev = device_open(), buf;

	CHECK_RET(try_prime_export(t->fd, t->handle, DRM_RDWR, &buf), 0);
	device_attach(dev, buf, false);
	check_written_back(t, word(t->gtt + t->width));
	device_map(dev);
	CHECK_HEX(device_read(dev, NEAR), word(t->file + NEAR));
	device_unmap(dev);
	device_detach(dev);
	close(buf);
	close(dev);
}

/* Another device that has been there for long maps it anew each time it looks. */
static void look_mapped(struct tiled *t, int dev, uint32_t seed)
{
	scribble(t, seed);
	device_map(dev);
	CHECK_HEX(device_read(dev, NEAR), seed);
	CHECK_HEX(device_read(dev, FAR), ~seed);
	device_write(dev, NEAR + 4, seed);
	device_unmap(dev);
	check_written_back(t, seed);
	CHECK_RET(try_set_domain(t->fd, t->handle, I915_GEM_DOMAIN_GTT, 0), 0);
	CHECK_HEX(word(t->gtt + t->width + 4), seed);
}

static void by_device(void)
{
	struct tiled t;
	int dev, buf;

	each_tiling(look_device);
	dev = device_open();
	tiled_init(&t, gem_open(), I915_TILING_X);
	CHECK_RET(try_prime_export(t.fd, t.handle, DRM_RDWR, &buf), 0);
	device_attach(dev, buf, false);
	for (uint32_t seed = 0x4001; seed <= 0x4004; seed++)
		look_mapped(&t, dev, seed);
}

static void look_kernel(struct tiled *t)
{
	int dev = device_open(), buf;
	uint32_t value;

	CHECK_RET(try_prime_export(t->fd, t->handle, DRM_RDWR, &buf), 0);
	device_attach(dev, buf, false);
	set_word(t->gtt + t->width, word(t->gtt + t->width));
	CHECK_RET(try_device_peek(dev, NEAR, &value), 0);
	CHECK_HEX(value, word(t->gtt + t->width));
	device_detach(dev);
	close(buf);
	close(dev);
}

static void by_kernel(void)
{
	each_tiling(look_kernel);
}

/* Others fill the aperture. */
static void look_eviction(struct tiled *t)
{
	uint32_t handle = gem_create(t->fd, APERTURE + MiB);
	char *ptr = gem_mmap(t->fd, handle, APERTURE + MiB, I915_MMAP_OFFSET_GTT);

	for (size_t i = 0; i < APERTURE; i += MiB)
		set_word(ptr + i, 1);
	CHECK_SYS(munmap(ptr, APERTURE + MiB));
	gem_close(t->fd, handle);
}

static void by_eviction(void)
{
	each_tiling(look_eviction);
}

/* Others take all the registers. The bytes need not be written back, but must not be lost. */
static void by_register_theft(void)
{
	unsigned long long steals = aperture_counter("steals");
	struct tiled t[FENCES + 1];
	int fd = gem_open();

	for (uint32_t i = 0; i <= FENCES; i++) {
		tiled_init(&t[i], fd, i % 2 ? I915_TILING_X : I915_TILING_Y);
		scribble(&t[i], i + 1);
	}
	CHECK(aperture_counter("steals") > steals);
	for (uint32_t i = 0; i <= FENCES; i++) {
		CHECK_HEX(word(t[i].gtt + t[i].width), i + 1);
		CHECK_HEX(word(t[i].gtt + MiB + t[i].width), ~(i + 1));
		CHECK_HEX(gem_read32(fd, t[i].handle, NEAR), i + 1);
		CHECK_HEX(gem_read32(fd, t[i].handle, FAR), ~(i + 1));
	}
}

static void look_other_tiling(struct tiled *t)
{
	uint32_t mode = I915_TILING_NONE, stride = 0, swizzle;

	CHECK_RET(try_set_tiling(t->fd, t->handle, &mode, &stride, &swizzle), 0);
	CHECK_HEX(word(t->gtt + NEAR), word(t->file + NEAR));
	CHECK_HEX(word(t->gtt + FAR), word(t->file + FAR));
	mode = t->tiling;
	stride = STRIDE;
	CHECK_RET(try_set_tiling(t->fd, t->handle, &mode, &stride, &swizzle), 0);
}

static void by_change_of_tiling(void)
{
	each_tiling(look_other_tiling);
}

/* The shrinker: DROP_UNBOUND, BOUND and SHRINK_ALL. */
static void look_shrinker(struct tiled *t)
{
	(void)t;
	gem_set_debugfs("i915_gem_drop_caches", "0x23");
}

static void by_shrinker(void)
{
	each_tiling(look_shrinker);
}

static void last_look(uint32_t tiling, bool handle_first)
{
	struct tiled t;

	tiled_init(&t, gem_open(), tiling);
	scribble(&t, 0x5001);
	if (handle_first) {
		gem_close(t.fd, t.handle);
		CHECK_SYS(munmap(t.gtt, SIZE));
	} else {
		CHECK_SYS(munmap(t.gtt, SIZE));
		close(t.fd);
	}
	/* by a worker, a moment later */
	for (int i = 0; i < 500 && word(t.file + FAR) != ~0x5001u; i++)
		sleep_ms(10);
	check_written_back(&t, 0x5001);
}

static void at_the_end(void)
{
	last_look(I915_TILING_X, true);
	last_look(I915_TILING_X, false);
	last_look(I915_TILING_Y, true);
	last_look(I915_TILING_Y, false);
}

/* Nothing is written over with what somebody has only read. */
static void read_only(void)
{
	struct tiled t;

	tiled_init(&t, gem_open(), I915_TILING_X);
	CHECK_HEX(word(t.gtt + t.width), 0);
	CHECK_HEX(word(t.gtt + MiB + t.width), 0);
	set_word(t.file + NEAR, 0x6001);
	set_word(t.file + FAR, 0x6002);
	look_set_domain(&t);
	CHECK_HEX(word(t.file + NEAR), 0x6001);
	CHECK_HEX(word(t.file + FAR), 0x6002);
	CHECK_RET(try_set_domain(t.fd, t.handle, I915_GEM_DOMAIN_GTT, 0), 0);
	CHECK_HEX(word(t.gtt + t.width), 0x6001);
	CHECK_HEX(word(t.gtt + MiB + t.width), 0x6002);
}

static const struct subtest tests[] = {
	{ "SET_DOMAIN to the CPU writes back", by_set_domain },
	{ "PREAD writes back", by_pread },
	{ "PWRITE writes back", by_pwrite },
	{ "execbuf writes back", by_execbuf },
	{ "a fault in a CPU mapping writes back", by_cpu_mapping },
	{ "a debugger's look writes back", by_debugger },
	{ "a dma-buf that is read or mapped by the CPU writes back", by_dma_buf },
	{ "another device that attaches and maps writes back", by_device },
	{ "the kernel's own mapping of a dma-buf writes back", by_kernel },
	{ "eviction writes back", by_eviction, 120 },
	{ "theft of the register loses nothing", by_register_theft },
	{ "a change of tiling writes back", by_change_of_tiling },
	{ "the shrinker writes back", by_shrinker, 60 },
	{ "the end of the object writes back", at_the_end },
	{ "what was only read is not written back", read_only },
};

TAP_MAIN(tests)
