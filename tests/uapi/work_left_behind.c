// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Batches that never end, of processes that are gone.
 *
 * This program comes last in a run: what it leaves behind is still on the engines when the machine
 * is done, has it ended, and unloads the module, which has to go without a complaint of the kernel's.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

/* The driver's limit for one request is 20 s. */
#define PATIENCE_MS	40000

static struct gate ready;

static void spin_on_userptr(void *arg)
{
	int fd = gem_open();
	struct spin s;

	(void)arg;
	spin_start(&s, fd, 0, I915_EXEC_RENDER, gem_userptr(fd, map_anon(PAGE), PAGE, 0),
		   EXEC_OBJECT_WRITE);
	gate_open(&ready);
	pause();
}

static void check_engines(void)
{
	int fd = gem_open();

	for (uint64_t ring = I915_EXEC_RENDER; ring <= I915_EXEC_VEBOX; ring++) {
		uint32_t handle = gem_create(fd, PAGE);
		struct batch b;

		batch_init(&b, fd, ring);
		batch_store(&b, handle, 0, 0xa11 + ring);
		batch_submit(&b);
		CHECK_HEX(gem_read32(fd, handle, 0), 0xa11 + ring);
	}
}

static void killed_with_memory(void)
{
	int status;
	pid_t pid;

	gate_init(&ready);
	pid = child_start(spin_on_userptr, NULL);
	gate_pass(&ready);
	CHECK_SYS(kill(pid, SIGKILL));
	check_engines();
	/* The process's end has to wait for the batch, but not for ever. */
	CHECK(child_ended_within(pid, PATIENCE_MS, &status));
	CHECK_INT(status, SIGKILL);
	check_engines();
}

static void leave_spinners(void *arg)
{
	(void)arg;
	for (int i = 0; i < 40; i++) {
		struct spin s;

		spin_start(&s, gem_open(), 0, 1 + i % 4, 0, 0);
	}
}

static void left_on_every_engine(void)
{
	child_end(child_start(leave_spinners, NULL));
	check_engines();
}

static const struct subtest tests[] = {
	{ "a process whose batch never ends can be killed; others run meanwhile",
	  killed_with_memory, 60 },
	{ "forty endless batches left behind: every engine serves others", left_on_every_engine },
};

TAP_MAIN(tests)
