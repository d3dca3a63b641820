/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Fault injection: what is asked of the kernel fails at a point of one's choice, an allocation or a
 * copy from or to user space (CONFIG_FAULT_INJECTION, which KERNEL=debug has).
 */
#ifndef SOFTGEM_TESTS_INJECT_H
#define SOFTGEM_TESTS_INJECT_H

#include <stdbool.h>

/** MAX_POINTS - more than any operation has. */
#define MAX_POINTS	3000

/** inject_init() - have allocations of all kinds fail when they are to. Skips where none can. */
void inject_init(void);

/** inject_arm() - the @n-th point (from 1 on) that this thread comes to from now on fails. */
void inject_arm(unsigned int n);

/** inject_disarm() - nothing fails any more. Return: whether something did. */
bool inject_disarm(void);

/**
 * inject_ioctl() - an ioctl whose 1st, 2nd, 3rd, ... point fails, until it succeeds or nothing fails.
 * @fd: as ioctl(2)
 * @request: likewise
 * @arg: likewise; what a failure left in it is undone before the next time
 *
 * An ioctl that fails for want of memory, or at a copy, has changed nothing that a test could see:
 * so a test need not know that it is carried out by this one. The exception is what the DRM core
 * does: it copies results out when all is done.
 *
 * Return: 0 or -errno of the last time.
 */
int inject_ioctl(int fd, unsigned long request, void *arg);

/** inject_wanted() - whether SOFTGEM_TEST_FAULTS in the environment asks for inject_ioctl(). */
bool inject_wanted(void);

/** inject_skip() - skip the subtest if inject_wanted(), for it is not fit for that: @why. */
void inject_skip(const char *why);

/** inject_share() - have processes that are forked from now on count their points together. */
void inject_share(void);

/** inject_report() - say in a TAP comment how many points of how many ioctls failed, if wanted. */
void inject_report(void);

#endif
