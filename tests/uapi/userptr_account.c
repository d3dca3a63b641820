// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What pinned user pages count, for whom, and when it is given back, whichever way the object ends;
 * and that submission gets ahead of a thread that changes the range without pause.
 */
#include "batch.h"
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(16 * PAGE)
#define KB	((long)SIZE / 1024)
#define UNSYNC	I915_USERPTR_UNSYNCHRONIZED

static void before_during_after(void)
{
	int fd = gem_open();
	char *ptr = map_anon(SIZE);
	uint32_t first, second;

	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
	first = gem_userptr(fd, ptr, SIZE, UNSYNC);
	CHECK_INT(status_kb(getpid(), "VmLck"), KB);
	/* Once an object, however often it is used; and each object by itself. */
	for (uint32_t i = 0; i < 5; i++)
		gpu_store(fd, first, 0, i);
	CHECK_INT(status_kb(getpid(), "VmLck"), KB);
	second = gem_userptr(fd, ptr, SIZE, UNSYNC);
	CHECK_INT(status_kb(getpid(), "VmLck"), 2 * KB);
	gem_close(fd, first);
	CHECK(status_kb_becomes(getpid(), "VmLck", KB));
	CHECK_SYS(munmap(ptr, SIZE));
	CHECK_INT(status_kb(getpid(), "VmLck"), KB);
	gem_close(fd, second);
	CHECK(status_kb_becomes(getpid(), "VmLck", 0));
	gem_userptr(fd, map_anon(SIZE), SIZE, UNSYNC);
	CHECK_INT(status_kb(getpid(), "VmLck"), KB);
	close(fd);
	CHECK(status_kb_becomes(getpid(), "VmLck", 0));
}

/* A file that parent and child share, and what the child made there. */
struct shared {
	int fd;
	uint32_t *handle;
	struct gate made, go;
};

static void shared_init(struct shared *s)
{
	s->fd = gem_open();
	s->handle = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	CHECK_SYS(s->handle);
	gate_init(&s->made);
	gate_init(&s->go);
}

static void child_pins(void *arg)
{
	struct shared *s = arg;

	*s->handle = gem_userptr(s->fd, map_anon(SIZE), SIZE, UNSYNC);
	gate_open(&s->made);
	gate_pass(&s->go);
}

static void closed_by_another(void)
{
	struct shared s;
	pid_t pid;

	shared_init(&s);
	pid = child_start(child_pins, &s);
	gate_pass(&s.made);
	CHECK_INT(status_kb(pid, "VmLck"), KB);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
	gem_close(s.fd, *s.handle);
	CHECK(status_kb_becomes(pid, "VmLck", 0));
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
	gate_open(&s.go);
	child_end(pid);
}

static void owner_killed(void)
{
	struct counters before = counters_settled();
	int64_t end = now_ns() + 5 * NSEC;
	struct shared s;
	int status;
	pid_t pid;

	shared_init(&s);
	pid = child_start(child_pins, &s);
	gate_pass(&s.made);
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 10000, &status));
	/* The object outlives the process, and so do its pages; nobody else pays for them. */
	gpu_store(s.fd, *s.handle, 0, 0x77);
	CHECK_HEX(gpu_read32(s.fd, *s.handle, 0), 0x77);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
	gem_close(s.fd, *s.handle);
	while (counters().unpins - before.unpins < 16 && now_ns() < end)
		sleep_ms(5);
	CHECK_INT(counters().unpins - before.unpins, 16);
	CHECK_INT(status_kb(getpid(), "VmLck"), 0);
}

static void child_pins_and_execs(void *arg)
{
	struct shared *s = arg;

	*s->handle = gem_userptr(s->fd, map_anon(SIZE), SIZE, UNSYNC);
	execl("/bin/sleep", "sleep", "1000", NULL);
	tap_fail(__FILE__, __LINE__, "got %m expected exec to succeed");
}

static void owner_execs(void)
{
	int64_t end = now_ns() + 10 * NSEC;
	struct counters before = counters_settled();
	char path[48], name[32] = "";
	struct shared s;
	int status;
	pid_t pid;

	shared_init(&s);
	pid = child_start(child_pins_and_execs, &s);
	snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	while (strcmp(name, "sleep\n") && now_ns() < end) {
		FILE *f = fopen(path, "r");

		CHECK(f);
		if (!fgets(name, sizeof(name), f))
			name[0] = 0;
		fclose(f);
		sleep_ms(5);
	}
	/* Its new memory has nothing to do with it: not now, and not when the object goes. */
	CHECK_INT(status_kb(pid, "VmLck"), 0);
	gem_close(s.fd, *s.handle);
	while (counters().unpins - before.unpins < 16 && now_ns() < end)
		sleep_ms(5);
	CHECK_INT(counters().unpins - before.unpins, 16);
	CHECK_INT(status_kb(pid, "VmLck"), 0);
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 10000, &status));
}

/* A range that is always there and always writable, and never left alone. */
struct storm {
	char *ptr;
	atomic_bool stop;
	atomic_uint rounds;
};

static long protect_only(void *arg)
{
	struct storm *s = arg;

	while (!s->stop) {
		CHECK_SYS(mprotect(s->ptr, SIZE, PROT_READ | PROT_WRITE | PROT_EXEC));
		CHECK_SYS(mprotect(s->ptr, SIZE, PROT_READ | PROT_WRITE));
		s->rounds++;
	}
	return 0;
}

static void no_livelock(void)
{
	int fd = gem_open();
	struct storm s = { .ptr = map_anon(SIZE) };
	uint32_t handle = gem_userptr(fd, s.ptr, SIZE, 0);
	uint32_t *last = (uint32_t *)(s.ptr + SIZE - 4);
	unsigned int rounds;
	struct job job;

	job_start(&job, protect_only, &s);
	while (s.rounds < 10)
		sleep_ms(1);
	rounds = s.rounds;
	/* There is never a reason to fail; every one gets through, and the thread goes on, too. */
	for (uint32_t i = 1; i <= 100; i++) {
		CHECK_RET(try_gpu_store(fd, handle, SIZE - 4, i), 0);
		CHECK_INT(*last, i);
	}
	CHECK(s.rounds > rounds);
	s.stop = true;
	CHECK_INT(job_end(&job), 0);
}

static const struct subtest tests[] = {
	{ "pinned: counted once an object, from making to closing", before_during_after },
	{ "pinned: closed by another process, given back to the owner", closed_by_another },
	{ "pinned: the owner is killed, the object lives on and then ends", owner_killed },
	{ "pinned: the owner execs, its new memory counts nothing", owner_execs },
	{ "100 submissions get through against a thread that only calls mprotect", no_livelock, 60 },
};

TAP_MAIN(tests)
