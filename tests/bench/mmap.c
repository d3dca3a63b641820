// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The process looks at an object: mmap and the first touch of each page. Object and memfd have all
 * their pages before; what is measured is how they come into the process's page tables. Tiled
 * objects are seen through the aperture as if they were linear, which costs a copy at least: their
 * peer is a copy of the bytes, by the instruction that the kernel copies with.
 */
#include "bench.h"

#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN	(64 * MiB)
#define PAGES	(LEN / PAGE)
#define STRIDE	4096
#define SHMEM_ENABLED	"/sys/kernel/mm/transparent_hugepage/shmem_enabled"

struct look {
	int fd;
	uint64_t offset;
	uint32_t handle;
	bool write;
};

/* mmap and touch; what comes after that is not measured. */
static int64_t map_once(void *arg)
{
	struct look *l = arg;
	int64_t began = now_ns(), took;
	char *ptr = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, l->offset);

	CHECK_SYS(ptr);
	touch(ptr, LEN);
	took = now_ns() - began;
	CHECK_SYS(munmap(ptr, LEN));
	return took;
}

/* Each page of the object, by pwrite. */
static uint32_t populated_object(int fd)
{
	uint32_t handle = gem_create(fd, LEN);
	char *data = map_4k(LEN);

	fill(data, LEN, 1);
	gem_write(fd, handle, 0, data, LEN);
	CHECK_SYS(munmap(data, LEN));
	return handle;
}

static void mmap_row(const char *name, bool gtt, double target)
{
	struct look file = { .fd = memfd_create("bench", 0) };
	struct look object = { .fd = gem_open() };
	double ours, peers;

	CHECK_SYS(file.fd);
	CHECK_SYS(ftruncate(file.fd, LEN));
	map_once(&file);
	object.handle = populated_object(object.fd);
	if (gtt)
		CHECK_RET(try_mmap_gtt(object.fd, object.handle, &object.offset), 0);
	else
		CHECK_RET(try_mmap_offset(object.fd, object.handle, I915_MMAP_OFFSET_WB,
					  &object.offset), 0);
	peers = best_of(5, map_once, &file) / PAGES;
	ours = best_of(5, map_once, &object) / PAGES;
	row_ratio(name, ours, "ns/page", "memfd", peers, target);
}

static void cpu_huge(void)
{
	mmap_row("CPU mmap, WB", false, 0.05);
}

/* Objects do without huge pages where the administrator forbids them; "never" is how kernels start. */
static void cpu_small(void)
{
	const char *name = "CPU mmap, WB, object in 4 KiB pages";

	if (!write_file(SHMEM_ENABLED, "deny")) {
		row_none(name, "the kernel knows no huge pages");
		return;
	}
	mmap_row(name, false, 0.05);
	CHECK(write_file(SHMEM_ENABLED, "never"));
}

static void gtt_linear(void)
{
	mmap_row("GTT mmap, linear", true, 0.1);
}

static void copy(void *dst, const void *src, size_t len)
{
#ifdef __x86_64__
	asm volatile("rep movsb" : "+D" (dst), "+S" (src), "+c" (len) :: "memory");
#else
	memcpy(dst, src, len);
#endif
}

struct copies {
	char *a, *b;
};

static int64_t copy_once(void *arg)
{
	struct copies *c = arg;
	int64_t began = now_ns();

	copy(c->b, c->a, LEN);
	return now_ns() - began;
}

/* Away and back. */
static int64_t copy_twice(void *arg)
{
	struct copies *c = arg;
	int64_t began = now_ns();

	copy(c->b, c->a, LEN);
	copy(c->a, c->b, LEN);
	return now_ns() - began;
}

/*
 * The object is made to look linear, all of it, and then to look as it is. With @write set each
 * page is written to, so that all bytes have to go back.
 */
static int64_t tiled_once(void *arg)
{
	struct look *l = arg;
	int64_t began = now_ns();
	volatile char *ptr = mmap(NULL, LEN, PROT_READ | PROT_WRITE, MAP_SHARED, l->fd, l->offset);

	CHECK_SYS(ptr);
	for (size_t i = 0; i < LEN; i += PAGE) {
		if (l->write)
			ptr[i] = 1;
		else
			(void)ptr[i];
	}
	CHECK_RET(try_set_domain(l->fd, l->handle, I915_GEM_DOMAIN_CPU, 0), 0);
	began = now_ns() - began;
	CHECK_SYS(munmap((void *)ptr, LEN));
	return began;
}

/* The object's bytes are those of a pattern, wherever tiling has moved them. */
static uint64_t sum(int fd, uint32_t handle)
{
	static uint32_t data[MiB / 4];
	uint64_t total = 0;

	for (size_t i = 0; i < LEN; i += MiB) {
		gem_read(fd, handle, i, data, MiB);
		for (size_t j = 0; j < ARRAY_SIZE(data); j++)
			total += data[j];
	}
	return total;
}

static void tiled_rows(const char *kind, uint32_t tiling)
{
	struct look l = { .fd = gem_open() };
	struct copies c = { map_4k(LEN), map_4k(LEN) };
	uint32_t stride = STRIDE, swizzle;
	char name[64];
	uint64_t before;

	l.handle = populated_object(l.fd);
	before = sum(l.fd, l.handle);
	CHECK_RET(try_set_tiling(l.fd, l.handle, &tiling, &stride, &swizzle), 0);
	CHECK_RET(try_mmap_gtt(l.fd, l.handle, &l.offset), 0);
	snprintf(name, sizeof(name), "GTT mmap, tiled %s, read", kind);
	row_ratio(name, best_of(3, tiled_once, &l) / LEN, "ns/byte", "memcpy",
		  best_of(3, copy_once, &c) / LEN, 1.5);
	CHECK(sum(l.fd, l.handle) == before);
	l.write = true;
	snprintf(name, sizeof(name), "GTT mmap, tiled %s, written to", kind);
	row_ratio(name, best_of(3, tiled_once, &l) / LEN, "ns/byte", "memcpy away and back",
		  best_of(3, copy_twice, &c) / LEN, 1.5);
	CHECK(sum(l.fd, l.handle) != before);
}

static void gtt_x(void)
{
	tiled_rows("X", I915_TILING_X);
}

static void gtt_y(void)
{
	tiled_rows("Y", I915_TILING_Y);
}

BENCH_MAIN({ "CPU mmap, WB", cpu_huge, 120 },
	   { "CPU mmap, WB, object in 4 KiB pages", cpu_small, 120 },
	   { "GTT mmap, linear", gtt_linear, 120 },
	   { "GTT mmap, tiled X", gtt_x, 240 },
	   { "GTT mmap, tiled Y", gtt_y, 240 })
