// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What objects cost in memory, beside their pages: what the kernel's allocators gave away while
 * some hundreds or thousands were made, by their own count (/proc/meminfo). That has all in it that
 * somebody allocated for an object, the driver or others on its behalf: what is for the file behind
 * an object is measured by making as many memfds.
 */
#include "bench.h"
#include "batch.h"
#include "counters.h"

#include <glob.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#define OBJECTS		10000
/* For what pages cost: objects that all show the same range. */
#define SHOWN		(256 * MiB)
#define SHOWING		100
#define HUGE		(2 * MiB)
/* What comes and goes all the time. */
#define NOISE		(16 * 1024)

/* The kernel's slab caches are to give back what they keep for later. */
static void shrink_caches(void)
{
	glob_t files;

	if (glob("/sys/kernel/slab/*/shrink", 0, NULL, &files))
		return;		/* another allocator, or one that says nothing of itself */
	for (size_t i = 0; i < files.gl_pathc; i++)
		CHECK(write_file(files.gl_pathv[i], "1"));
	globfree(&files);
}

/* What slab (with large kmallocs), vmalloc and per-cpu memory have in use. */
static double meminfo_bytes(void)
{
	return 1024.0 * (number_in("/proc/meminfo", "Slab") +
			 number_in("/proc/meminfo", "VmallocUsed") +
			 number_in("/proc/meminfo", "Percpu"));
}

/* The same once it has come to rest: much is freed after a grace period, or by a worker. */
static double kernel_bytes(void)
{
	double was, is = 0;

	sleep_ms(1000);
	shrink_caches();
	for (int i = 0; i < 50; i++) {
		was = is;
		sleep_ms(200);
		is = meminfo_bytes();
		if (fabs(is - was) <= NOISE)
			return is;
	}
	tap_fail(__FILE__, __LINE__, "the kernel's memory does not come to rest");
}

/* Bytes for each of @count things that are there afterwards. */
static double cost(unsigned int count, void (*make)(void *arg, unsigned int i), void *arg)
{
	double before = kernel_bytes();

	for (unsigned int i = 0; i < count; i++)
		make(arg, i);
	return (kernel_bytes() - before) / count;
}

struct objects {
	int fd;
	char *ptr;
	size_t len;
	uint32_t handle[OBJECTS];
};

static void make_object(void *arg, unsigned int i)
{
	struct objects *o = arg;

	o->handle[i] = gem_create(o->fd, PAGE);
}

static void make_userptr(void *arg, unsigned int i)
{
	struct objects *o = arg;

	o->handle[i] = gem_userptr(o->fd, o->ptr, o->len, 0);
}

static void make_memfd(void *arg, unsigned int i)
{
	int fd = memfd_create("bench", 0);

	(void)arg;
	(void)i;
	CHECK_SYS(fd);
	CHECK_SYS(ftruncate(fd, PAGE));
}

static struct objects objects;

static void idle_object(void)
{
	struct rlimit limit = { 2 * OBJECTS, 2 * OBJECTS };
	double object, file;

	CHECK_SYS(setrlimit(RLIMIT_NOFILE, &limit));
	objects.fd = gem_open();
	make_object(&objects, 0);
	make_memfd(NULL, 0);
	object = cost(OBJECTS, make_object, &objects);
	file = cost(OBJECTS, make_memfd, NULL);
	row_limit("memory of an idle object, its shmem file not counted", object - file, "bytes",
		  1024);
	row_ratio("memory of an idle object, all of it", object, "bytes", "memfd", file,
		  NO_TARGET);
}

static void idle_userptr(void)
{
	objects.fd = gem_open();
	objects.ptr = map_4k(PAGE);
	objects.len = PAGE;
	make_userptr(&objects, 0);
	row_limit("memory of an idle userptr", cost(OBJECTS, make_userptr, &objects), "bytes",
		  1024);
}

/* Userptr objects of the same range, each used by the GPU: they hold what is there. */
static void make_used(void *arg, unsigned int i)
{
	struct objects *o = arg;

	make_userptr(o, i);
	gpu_store(o->fd, o->handle[i], 0, 1);
}

static void used_userptr(void)
{
	objects.fd = gem_open();
	objects.ptr = map_4k(PAGE);
	objects.len = PAGE;
	make_used(&objects, 0);
	row_limit("memory of a userptr of a page, used and idle again",
		  cost(OBJECTS, make_used, &objects), "bytes", 1024);
}

/* What an object of much memory costs more than one of a page, for each of its pages. */
static double page_cost(char *ptr, size_t page)
{
	double small, large;

	objects.fd = gem_open();
	objects.ptr = ptr;
	objects.len = PAGE;
	make_used(&objects, 0);
	small = cost(SHOWING, make_used, &objects);
	objects.len = SHOWN;
	large = cost(SHOWING, make_used, &objects);
	return (large - small) / (SHOWN / page);
}

/* No two pages that follow each other do so in memory: every other one is allocated first. */
static void small_pages(void)
{
	char *ptr = map_anon(SHOWN);
	unsigned int adjacent = 0;

	CHECK_SYS(madvise(ptr, SHOWN, MADV_NOHUGEPAGE));
	for (size_t i = 0; i < SHOWN; i += 2 * PAGE)
		ptr[i] = 1;
	for (size_t i = PAGE; i < SHOWN; i += 2 * PAGE)
		ptr[i] = 1;
	for (size_t i = PAGE; i < SHOWN; i += PAGE)
		adjacent += frame_of(ptr + i) == frame_of(ptr + i - PAGE) + 1;
	tap_note("adjacent pages: %u of %lu", adjacent, SHOWN / PAGE);
	CHECK(adjacent < SHOWN / PAGE / 10);
	row_limit("memory for a 4 KiB page held, none adjacent", page_cost(ptr, PAGE),
		  "bytes/page", 8);
}

static void huge_pages(void)
{
	const char *name = "memory for a 2 MiB page held";
	char *ptr = map_thp(SHOWN);

	if (ptr)
		row_limit(name, page_cost(ptr, HUGE), "bytes/page", 32);
	else
		row_none(name, "the kernel has no such pages to give");
}

BENCH_MAIN({ "memory of an idle object", idle_object, 120 },
	   { "memory of an idle userptr", idle_userptr, 120 },
	   { "memory of a used userptr", used_userptr, 120 },
	   { "memory for a 4 KiB page held", small_pages, 240 },
	   { "memory for a 2 MiB page held", huge_pages, 120 })
