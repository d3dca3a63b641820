// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Printing and measuring: see bench.h.
 */
#include "bench.h"

#include <cpuid.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define HUGE	(2 * MiB)

bool by_the_clock(void)
{
	const char *clock = getenv("CLOCK");

	return clock && !strcmp(clock, "wall");
}

/* QEMU's emulator. */
static bool emulated(void)
{
	unsigned int eax, id[3];

	__cpuid(0x40000000, eax, id[0], id[1], id[2]);
	return !memcmp(id, "TCGTCGTCGTCG", sizeof(id));
}

/* On an emulator the clock shows what the emulator costs. */
static double meant(double target)
{
	return by_the_clock() && emulated() ? NO_TARGET : target;
}

void row_ratio(const char *name, double value, const char *unit, const char *peer,
	       double peer_value, double target)
{
	printf("row\t%s\t%.6g\t%s\t%s\t%.6g\t", name, value, unit, peer, peer_value);
	if (meant(target) == NO_TARGET)
		puts("-");
	else
		printf("x%g\n", target);
	fflush(stdout);
}

void row_limit(const char *name, double value, const char *unit, double target)
{
	printf("row\t%s\t%.6g\t%s\t-\t-\t", name, value, unit);
	if (meant(target) == NO_TARGET)
		puts("-");
	else
		printf("%g\n", target);
	fflush(stdout);
}

void row_none(const char *name, const char *format, ...)
{
	va_list args;

	printf("none\t%s\t", name);
	va_start(args, format);
	vprintf(format, args);
	va_end(args);
	putchar('\n');
	fflush(stdout);
}

void plot_begin(const char *plot, const char *title, const char *x_axis, const char *y_axis)
{
	printf("plot\t%s\t%s\t%s\t%s\n", plot, title, x_axis, y_axis);
}

void plot_point(const char *plot, const char *series, double x, double y)
{
	printf("point\t%s\t%s\t%g\t%.6g\n", plot, series, x, y);
	fflush(stdout);
}

double best_of(unsigned int times, int64_t (*once)(void *arg), void *arg)
{
	int64_t best = INT64_MAX;

	while (times--) {
		int64_t t = once(arg);

		if (t < best)
			best = t;
	}
	return best;
}

void settle(void)
{
	struct sched_param param = { 0 };

	CHECK_SYS(sched_setscheduler(0, SCHED_IDLE, &param));
	for (int i = 0; i < 3; i++)
		sched_yield();
	CHECK_SYS(sched_setscheduler(0, SCHED_OTHER, &param));
}

void touch(void *ptr, size_t len)
{
	for (size_t i = 0; i < len; i += PAGE)
		((volatile char *)ptr)[i] = 1;
}

void *map_4k(size_t len)
{
	void *ptr = map_anon(len);

	CHECK_SYS(madvise(ptr, len, MADV_NOHUGEPAGE));
	touch(ptr, len);
	return ptr;
}

/* Whether memory has as much in huge pages as its length. */
static bool all_huge(const void *ptr, size_t len)
{
	char line[256], start[32];
	long kb = 0;
	bool here = false;
	FILE *f = fopen("/proc/self/smaps", "r");

	CHECK(f);
	snprintf(start, sizeof(start), "%lx-", (unsigned long)ptr);
	while (fgets(line, sizeof(line), f)) {
		if (!strncmp(line, start, strlen(start)))
			here = true;
		else if (here && sscanf(line, "AnonHugePages: %ld kB", &kb) == 1)
			break;
	}
	fclose(f);
	return (size_t)kb * 1024 == len;
}

void *map_thp(size_t len)
{
	char *hole = map_hole(len + HUGE);
	char *ptr = (char *)(((uintptr_t)hole + HUGE - 1) & -HUGE);

	CHECK_SYS(munmap(hole, len + HUGE));
	CHECK(mmap(ptr, len, PROT_READ | PROT_WRITE,
		   MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0) == ptr);
	CHECK_SYS(madvise(ptr, len, MADV_HUGEPAGE));
	touch(ptr, len);
	if (all_huge(ptr, len))
		return ptr;
	CHECK_SYS(munmap(ptr, len));
	return NULL;
}

void *map_hugetlbfs(size_t len)
{
	void *ptr = mmap(NULL, len, PROT_READ | PROT_WRITE,
			 MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB, -1, 0);

	if (ptr == MAP_FAILED)
		return NULL;
	touch(ptr, len);
	return ptr;
}
