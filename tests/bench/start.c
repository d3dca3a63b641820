// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * From nothing to the GPU's first answer: the module is loaded, its node opened, and an empty batch
 * is done. The machine has booted without the module, whose file $SOFTGEM_MODULE names.
 *
 * Counted is what insmod asks of the kernel, from finit_module() on; not that insmod has to be
 * started, nor that the modules softgem.ko needs are loaded, which a desktop has done long before.
 */
#include "bench.h"
#include "submission.h"

#include <fcntl.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#define MODULE		"/run/softgem.ko"
#define LOADS		5
#define TARGET_MS	50
#define TO_MS(ns)	((ns) / 1e6)

static int64_t start_once(void *arg)
{
	int module = open(MODULE, O_RDONLY | O_CLOEXEC), fd;
	struct submission s;
	int64_t began, took;

	(void)arg;
	CHECK_SYS(module);
	began = now_ns();
	CHECK_SYS(syscall(SYS_finit_module, module, "", 0));
	fd = gem_open();
	submission_init(&s, fd, I915_EXEC_RENDER, NULL, 0, NULL, 0);
	submission_run(&s);
	took = now_ns() - began;
	submission_free(&s);
	CHECK_SYS(close(fd));
	CHECK_SYS(close(module));
	CHECK_SYS(syscall(SYS_delete_module, "softgem", O_NONBLOCK));
	return took;
}

static void start(void)
{
	double target = by_the_clock() ? TARGET_MS : NO_TARGET;

	/* to where it is in memory, so that no disk is measured */
	CHECK_INT(system("cp \"$SOFTGEM_MODULE\" " MODULE), 0);
	CHECK_INT(system("modprobe -a $(modinfo -F depends " MODULE " | tr , ' ')"), 0);
	row_limit("insmod to first batch done, first time since boot", TO_MS(start_once(NULL)),
		  "ms", target);
	row_limit("insmod to first batch done, again", TO_MS(best_of(LOADS, start_once, NULL)),
		  "ms", target);
}

BENCH_MAIN({ "insmod to the first batch done", start, 60 })
