/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Subtests, checks and their report in TAP (Test Anything Protocol).
 *
 * Every subtest runs in a process of its own, with a time limit: what it does to its memory, its
 * files or its privileges ends with it, and a hang costs one subtest and not the run. The first
 * check that fails ends the subtest, whichever of its processes or threads it happens in.
 */
#ifndef SOFTGEM_TESTS_TAP_H
#define SOFTGEM_TESTS_TAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/**
 * struct subtest - one rule to be checked.
 * @name: the rule, as a sentence
 * @run: checks it; returns if it holds
 * @seconds: time limit; 0 for the usual one of 20 s
 */
struct subtest {
	const char *name;
	void (*run)(void);
	unsigned int seconds;
};

/**
 * tap_run() - run subtests and report them on stdout.
 * @tests: the subtests
 * @count: how many they are
 * @argc: from main(); with arguments only the subtests whose name contains one of them run
 * @argv: from main(); a single "--list" prints the names
 *
 * SOFTGEM_TEST_SLOW in the environment multiplies all time limits, for slow kernels.
 *
 * Return: exit status for main(): 0 if nothing failed.
 */
int tap_run(const struct subtest *tests, size_t count, int argc, char **argv);

/** tap_slow() - by how much SOFTGEM_TEST_SLOW multiplies time limits. */
unsigned int tap_slow(void);

#define TAP_MAIN(tests) \
	int main(int argc, char **argv) \
	{ \
		return tap_run(tests, sizeof(tests) / sizeof((tests)[0]), argc, argv); \
	}

/** tap_fail() - end the subtest as failed, from any of its processes or threads. */
void tap_fail(const char *file, int line, const char *format, ...)
	__attribute__((noreturn, format(printf, 3, 4)));

/** tap_skip() - end the subtest as skipped: only for what the kernel's configuration lacks. */
void tap_skip(const char *format, ...) __attribute__((noreturn, format(printf, 1, 2)));

/** tap_note() - print a comment line. */
void tap_note(const char *format, ...) __attribute__((format(printf, 1, 2)));

void tap_check_int(const char *file, int line, const char *what, long long got, long long want);
void tap_check_hex(const char *file, int line, const char *what, uint64_t got, uint64_t want);
void tap_check_ret(const char *file, int line, const char *what, int got, int want);
void tap_check_mem(const char *file, int line, const char *what, const void *got,
		   const void *want, size_t len);

/* Is it true? */
#define CHECK(cond) \
	do { \
		if (!(cond)) \
			tap_fail(__FILE__, __LINE__, "got false expected %s", #cond); \
	} while (0)
/* Equal numbers, shown in decimal or hexadecimal. */
#define CHECK_INT(got, want) \
	tap_check_int(__FILE__, __LINE__, #got, (long long)(got), (long long)(want))
#define CHECK_HEX(got, want) \
	tap_check_hex(__FILE__, __LINE__, #got, (uint64_t)(got), (uint64_t)(want))
/* Equal results of a call that returns 0 or -errno. */
#define CHECK_RET(got, want)	tap_check_ret(__FILE__, __LINE__, #got, got, want)
/* A system call that returns -1 and errno on failure must succeed. */
#define CHECK_SYS(call) \
	do { \
		if ((long)(call) == -1) \
			tap_fail(__FILE__, __LINE__, "got errno %m expected success of %s", #call); \
	} while (0)
/* Equal bytes. */
#define CHECK_MEM(got, want, len) \
	tap_check_mem(__FILE__, __LINE__, #got, got, want, len)

#define ARRAY_SIZE(a)	(sizeof(a) / sizeof((a)[0]))

#endif
