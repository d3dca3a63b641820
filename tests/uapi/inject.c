// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <i915_drm.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/rseq.h>
#include <sys/syscall.h>
#include <unistd.h>

/*
 * What all processes share. Where the kernel helps itself the ioctl has been carried out, and is not
 * to be repeated: the next one of its kind goes on with the point after that.
 */
static struct {
	atomic_ulong ioctls, points, unnoticed;
	struct {
		atomic_uint first;
		atomic_uint most;
	} kind[256];
} *shared;

/* The thread's own file; a child of fork() is another thread. */
static __thread int nth_fd = -1;
static __thread pid_t nth_tid;

/*
 * On its way back to user space the kernel notes there which processor the thread is on. Where it
 * cannot, as after a fork without memory for the copy of that page, it ends the process.
 */
static void rseq_leave(void)
{
	char *area = (char *)__builtin_thread_pointer() + __rseq_offset;
	/* newer C libraries say less than they registered: how much of it they fill */
	unsigned int size = __rseq_size > sizeof(struct rseq) ? __rseq_size : sizeof(struct rseq);

	if (__rseq_size && syscall(SYS_rseq, area, size, RSEQ_FLAG_UNREGISTER, RSEQ_SIG))
		CHECK_INT(errno, EINVAL);	/* whose child it is has done so before */
}

static bool nth_open(void)
{
	if (nth_fd < 0 || nth_tid != gettid()) {
		rseq_leave();
		nth_fd = open("/proc/thread-self/fail-nth", O_RDWR | O_CLOEXEC);
		nth_tid = gettid();
	}
	return nth_fd >= 0;
}

/* By default only allocations fail that must not sleep. Here those of all kinds do. */
void inject_init(void)
{
	static const char *const settings[][2] = {
		{ "failslab/ignore-gfp-wait", "N" },
		{ "failslab/verbose", "0" },
		{ "fail_page_alloc/ignore-gfp-wait", "N" },
		{ "fail_page_alloc/ignore-gfp-highmem", "N" },
		{ "fail_page_alloc/min-order", "0" },
		{ "fail_page_alloc/verbose", "0" },
		{ "fail_usercopy/verbose", "0" },
	};
	char path[128];

	if (!nth_open())
		tap_skip("the kernel has no fault injection");
	for (size_t i = 0; i < ARRAY_SIZE(settings); i++) {
		snprintf(path, sizeof(path), "/sys/kernel/debug/%s", settings[i][0]);
		CHECK(write_file(path, settings[i][1]));
	}
}

void inject_arm(unsigned int n)
{
	char text[16];
	int len = snprintf(text, sizeof(text), "%u", n);

	CHECK(nth_open());
	CHECK_INT(pwrite(nth_fd, text, len, 0), len);
}

/* Reading and writing the file are user copies too, which may be what fails. */
bool inject_disarm(void)
{
	char text[16] = "";
	ssize_t len = pread(nth_fd, text, sizeof(text) - 1, 0);

	while (pwrite(nth_fd, "0", 1, 0) != 1)
		CHECK_INT(errno, EFAULT);
	return len > 0 && !atoi(text);
}

int inject_ioctl(int fd, unsigned long request, void *arg)
{
	static bool ready;
	char saved[1024];
	size_t size = _IOC_SIZE(request);
	unsigned int nr = _IOC_NR(request), first = shared->kind[nr].first + 1, n;
	int ret;

	if (!ready)
		inject_init();
	ready = true;
	CHECK(size <= sizeof(saved));
	/* they have no results, but are declared to have some, and what is done cannot be done again */
	if (request == DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM || request == DRM_IOCTL_MODE_DESTROY_DUMB)
		request &= ~((unsigned long)_IOC_READ << _IOC_DIRSHIFT);
	if (arg)
		memcpy(saved, arg, size);
	atomic_fetch_add(&shared->ioctls, 1);
	for (n = first; n < first + MAX_POINTS; n++) {
		inject_arm(n);
		ret = ioctl(fd, request, arg) ? -errno : 0;
		if (!inject_disarm()) {
			shared->kind[nr].first = 0;
			return ret;
		}
		atomic_fetch_add(&shared->points, 1);
		if (n > shared->kind[nr].most)
			shared->kind[nr].most = n;
		if (ret != -ENOMEM && ret != -EFAULT) {
			atomic_fetch_add(&shared->unnoticed, 1);
			shared->kind[nr].first = n;
			return ret;
		}
		if (arg)
			memcpy(arg, saved, size);
	}
	tap_fail(__FILE__, __LINE__, "got a failure at point %u expected an end", n);
}

bool inject_wanted(void)
{
	return shared;
}

void inject_skip(const char *why)
{
	if (inject_wanted())
		tap_skip("%s", why);
}

void inject_share(void)
{
	if (!getenv("SOFTGEM_TEST_FAULTS"))
		return;
	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS,
		     -1, 0);
	CHECK(shared != MAP_FAILED);
}

void inject_report(void)
{
	unsigned int kinds = 0, most = 0;

	if (!shared)
		return;
	for (unsigned int i = 0; i < ARRAY_SIZE(shared->kind); i++) {
		kinds += shared->kind[i].most > 0;
		most += shared->kind[i].most;
	}
	tap_note("faults: %lu points failed in %lu ioctls of %u kinds, %u of them in different places; %lu were not noticed",
		 shared->points, shared->ioctls, kinds, most, shared->unnoticed);
}
