/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What the driver and the kernel count. */
#ifndef SOFTGEM_TESTS_COUNTERS_H
#define SOFTGEM_TESTS_COUNTERS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct job;

/** struct counters - what happened to user pages: debugfs, softgem_userptr. */
struct counters {
	long long acquires, reuses, retries, faults, invalidations, revokes, grips, pins, unpins;
};

struct counters counters(void);

/**
 * mprotect_start() - make a page read-only, in a thread; return when the notifier of a userptr is
 * there that is to wait. Whoever changes the memory holds its lock: until the job is done, the
 * caller must touch nothing for the first time.
 * @job: its result is 0 or -errno
 * @ptr: the page
 */
void mprotect_start(struct job *job, void *ptr);

/** number_in() - a number, 0 or more, from a file of "name number" or "name: number" lines. */
long long number_in(const char *path, const char *name);

/**
 * counters_settled() - the same, once what others pinned is unpinned: an object that is closed is
 * freed a moment later. Waits 5 s at most, more on slow kernels.
 */
struct counters counters_settled(void);

/** pages_pinned() - what the driver has pinned by now. */
long long pages_pinned(void);

/** objects_alive() - buffer objects that there are, of all processes. */
long objects_alive(void);

/**
 * objects_become() - wait until there are no more than @n, at most @ms, longer on a slow kernel.
 * Return: whether it is so.
 */
bool objects_become(long n, unsigned int ms);

/** aperture_counter() - a value in debugfs's softgem_aperture, such as "binds". */
unsigned long long aperture_counter(const char *name);

/** status_kb() - a line of /proc/PID/status that ends in kB, such as "VmLck". */
long status_kb(pid_t pid, const char *field);

/** status_kb_becomes() - wait 5 s, or more on slow kernels, until it is @kb. Return: whether it is. */
bool status_kb_becomes(pid_t pid, const char *field, long kb);

/** pmu_read() - the first line of a file in the PMU's folder in sysfs. */
void pmu_read(const char *name, char *value, size_t size);
/** pmu_number() - that, where it is a number. */
unsigned int pmu_number(const char *name);

/** frame_of() - the page frame behind an address of this process, 0 if none is present. */
uint64_t frame_of(const void *ptr);

/** page_out_all() - have the kernel page a whole range out, in 5 s, or in more on slow kernels. */
void page_out_all(void *ptr, size_t len);

#endif
