// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The TAP runner: see tap.h.
 */
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define SUBTEST_SECONDS	20
/* How long a killed process may take to go before it counts as stuck in the kernel. */
#define REAP_SECONDS	10

enum outcome { RUNNING, FAILED, SKIPPED };

/* The result of the running subtest, shared by all its processes: the first to report wins. */
static struct report {
	atomic_int outcome;
	char text[512];
} *report;

static pid_t running;

static void conclude(enum outcome outcome, const char *text)
{
	int expected = RUNNING;

	if (atomic_compare_exchange_strong(&report->outcome, &expected, outcome)) {
		snprintf(report->text, sizeof(report->text), "%s", text);
		/* Often enough it is another thread that did not do as expected. */
		if (outcome == FAILED)
			print_stacks(getpid(), gettid());
	}
	_exit(1);
}

void tap_fail(const char *file, int line, const char *format, ...)
{
	int saved = errno;
	char text[512];
	va_list args;
	int n;

	n = snprintf(text, sizeof(text), "%s:%d ", file, line);
	va_start(args, format);
	errno = saved;
	vsnprintf(text + n, sizeof(text) - n, format, args);
	va_end(args);
	conclude(FAILED, text);
	__builtin_unreachable();
}

void tap_skip(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	conclude(SKIPPED, text);
	__builtin_unreachable();
}

void tap_note(const char *format, ...)
{
	char text[512];
	va_list args;

	va_start(args, format);
	vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	printf("# %s\n", text);
	fflush(stdout);
}

void tap_check_int(const char *file, int line, const char *what, long long got, long long want)
{
	if (got != want)
		tap_fail(file, line, "got %lld expected %lld: %s", got, want, what);
}

void tap_check_hex(const char *file, int line, const char *what, uint64_t got, uint64_t want)
{
	if (got != want)
		tap_fail(file, line, "got %#llx expected %#llx: %s", (unsigned long long)got,
			 (unsigned long long)want, what);
}

static const char *errno_name(int ret)
{
	return ret < 0 ? strerrorname_np(-ret) ?: "?" : "no error";
}

void tap_check_ret(const char *file, int line, const char *what, int got, int want)
{
	if (got != want)
		tap_fail(file, line, "got %d (%s) expected %d (%s): %s", got, errno_name(got),
			 want, errno_name(want), what);
}

void tap_check_mem(const char *file, int line, const char *what, const void *got,
		   const void *want, size_t len)
{
	const unsigned char *g = got, *w = want;

	if (!memcmp(g, w, len))
		return;
	for (size_t i = 0; i < len; i++)
		if (g[i] != w[i])
			tap_fail(file, line, "got byte %#x expected %#x at offset %zu of %zu: %s",
				 g[i], w[i], i, len, what);
	/* The two differ for memcmp() only: someone is still writing. */
	tap_fail(file, line, "got bytes that change expected stable ones: %s", what);
}

/* Wait for @pid for at most @seconds. Return: true when it has ended. */
static bool reap(pid_t pid, unsigned int seconds, int *status)
{
	const struct timespec pause = { .tv_nsec = 5000000 };

	for (unsigned int i = 0; i < seconds * 200; i++) {
		if (waitpid(pid, status, WNOHANG) == pid)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

static void run_child(const struct subtest *test)
{
	/* A process group, so that no process of the subtest outlives it. */
	setpgid(0, 0);
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	test->run();
	_exit(0);
}

/* Print the result line. Return: true if @test failed. */
static bool run_one(const struct subtest *test, size_t number, unsigned int slow)
{
	unsigned int seconds = (test->seconds ?: SUBTEST_SECONDS) * slow;
	bool ended, killed = false;
	int status = 0;

	memset(report, 0, sizeof(*report));
	fflush(stdout);
	running = fork();
	if (running < 0) {
		printf("not ok %zu - %s # fork: %m\n", number, test->name);
		return true;
	}
	if (!running)
		run_child(test);
	setpgid(running, running);

	ended = reap(running, seconds, &status);
	if (!ended) {
		print_stacks(running, 0);
		killed = true;
	}
	kill(-running, SIGKILL);
	if (!ended)
		ended = reap(running, REAP_SECONDS, &status);

	if (atomic_load(&report->outcome) == SKIPPED && !killed) {
		printf("ok %zu - %s # SKIP %s\n", number, test->name, report->text);
	} else if (atomic_load(&report->outcome) == FAILED) {
		printf("not ok %zu - %s # %s\n", number, test->name, report->text);
	} else if (!ended) {
		print_stacks(running, 0);
		printf("not ok %zu - %s # %s:0 got a process that SIGKILL does not end expected an end in %u s\n",
		       number, test->name, program_invocation_short_name, seconds);
	} else if (killed) {
		printf("not ok %zu - %s # %s:0 got no end expected one in %u s\n", number,
		       test->name, program_invocation_short_name, seconds);
	} else if (WIFSIGNALED(status)) {
		printf("not ok %zu - %s # %s:0 got signal %s expected exit 0\n", number,
		       test->name, program_invocation_short_name,
		       sigabbrev_np(WTERMSIG(status)));
	} else if (WEXITSTATUS(status)) {
		printf("not ok %zu - %s # %s:0 got exit %d expected 0\n", number, test->name,
		       program_invocation_short_name, WEXITSTATUS(status));
	} else {
		printf("ok %zu - %s\n", number, test->name);
		fflush(stdout);
		return false;
	}
	fflush(stdout);
	return atomic_load(&report->outcome) != SKIPPED || killed;
}

static bool selected(const struct subtest *test, int argc, char **argv)
{
	if (argc < 2)
		return true;
	for (int i = 1; i < argc; i++)
		if (strstr(test->name, argv[i]))
			return true;
	return false;
}

static void time_is_up(int sig)
{
	static const char text[] = "Bail out! the program's time is up\n";

	(void)sig;
	if (running > 0)
		kill(-running, SIGKILL);
	if (write(STDOUT_FILENO, text, sizeof(text) - 1) < 0)
		_exit(3);
	_exit(2);
}

unsigned int tap_slow(void)
{
	const char *factor = getenv("SOFTGEM_TEST_SLOW");

	return factor && atoi(factor) > 0 ? atoi(factor) : 1;
}

int tap_run(const struct subtest *tests, size_t count, int argc, char **argv)
{
	unsigned int slow = tap_slow();
	size_t chosen = 0, number = 0, failed = 0;
	unsigned int total = 10;

	if (argc == 2 && !strcmp(argv[1], "--list")) {
		for (size_t i = 0; i < count; i++)
			puts(tests[i].name);
		return 0;
	}

	report = mmap(NULL, sizeof(*report), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		      -1, 0);
	if (report == MAP_FAILED) {
		printf("Bail out! mmap: %m\n");
		return 2;
	}
	inject_share();

	for (size_t i = 0; i < count; i++) {
		if (!selected(&tests[i], argc, argv))
			continue;
		chosen++;
		total += (tests[i].seconds ?: SUBTEST_SECONDS) + REAP_SECONDS;
	}
	signal(SIGALRM, time_is_up);
	/* the subtests have limits of their own, which are counted, not timed: this is for the rest */
	alarm(4 * total * slow);

	printf("1..%zu\n", chosen);
	for (size_t i = 0; i < count; i++)
		if (selected(&tests[i], argc, argv))
			failed += run_one(&tests[i], ++number, slow);
	inject_report();
	return failed ? 1 : 0;
}
