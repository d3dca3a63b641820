/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * What a benchmark prints, and how it measures.
 *
 * One line for each result, its fields separated by tabs:
 *
 *	row	NAME	VALUE	UNIT	PEER	PEER_VALUE	TARGET
 *	none	NAME	REASON
 *	plot	PLOT	TITLE	X_AXIS	Y_AXIS
 *	point	PLOT	SERIES	X	Y
 *
 * TARGET is "x0.15": at most so many times the peer's value; "150": at most that, in the row's
 * unit; or "-": there is none. A row without a peer has "-" for both fields.
 *
 * Each benchmark is a subtest: it has a process of its own and a time limit, and what it checks on
 * the way makes it fail, so that nothing is measured that does not work.
 */
#ifndef SOFTGEM_BENCH_H
#define SOFTGEM_BENCH_H

#include <stddef.h>
#include <stdint.h>

#include "gem.h"
#include "proc.h"
#include "tap.h"

/** NO_TARGET - a row that is only reported. */
#define NO_TARGET	(-1.0)

/**
 * row_ratio() - a result that is to be at most @target times its peer's.
 *
 * By the clock of an emulated machine no row has a target.
 */
void row_ratio(const char *name, double value, const char *unit, const char *peer,
	       double peer_value, double target);
/** row_limit() - a result that is to be at most @target. */
void row_limit(const char *name, double value, const char *unit, double target);
/** row_none() - a result that cannot be had here, and why. */
void row_none(const char *name, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** plot_begin() - a plot, both axes logarithmic; @plot is its file's name. */
void plot_begin(const char *plot, const char *title, const char *x_axis, const char *y_axis);
/** plot_point() - a point of a line in a plot. */
void plot_point(const char *plot, const char *series, double x, double y);

/** by_the_clock() - whether times are the clock's ($CLOCK is wall), and not instructions counted. */
bool by_the_clock(void);

/**
 * best_of() - the least of some repetitions, in ns.
 * @times: how often
 * @once: carries it out, and returns how long it took: it begins and ends the measurement itself
 * @arg: its argument
 */
double best_of(unsigned int times, int64_t (*once)(void *arg), void *arg);

/**
 * settle() - let the kernel's threads do what was left to them.
 *
 * What an ioctl leaves to a worker is part of its cost. Where there is one processor, all that can
 * run has run when this returns; where there are more, it is an attempt.
 */
void settle(void);

/** touch() - write to each page. */
void touch(void *ptr, size_t len);
/** map_4k() - private memory in 4 KiB pages, touched. */
void *map_4k(size_t len);
/** map_thp() - in transparent huge pages, touched. Return: NULL if the kernel has none to give. */
void *map_thp(size_t len);
/** map_hugetlbfs() - in 2 MiB pages of hugetlbfs, touched. Return: NULL if there are none. */
void *map_hugetlbfs(size_t len);

/** BENCH_MAIN() - run benchmarks (struct subtest) one by one; each prints its rows. */
#define BENCH_MAIN(...) \
	static const struct subtest benchmarks[] = { __VA_ARGS__ }; \
	TAP_MAIN(benchmarks)

#endif
