/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Fault injection: an operation is carried out again and again, its 1st, 2nd, 3rd, ... allocation or
 * copy from or to user space failing, until one goes through untouched.
 *
 * A kernel without fault injection skips these tests; KERNEL=debug has it.
 */
#ifndef SOFTGEM_TESTS_FAULTS_H
#define SOFTGEM_TESTS_FAULTS_H

#include <stddef.h>
#include <stdint.h>

#define FAULT_OBJECT	(64 * 1024ul)

/**
 * struct world - what an operation works on; a new one for each time.
 * @fd: the device, opened anew
 * @handle: an object of FAULT_OBJECT bytes
 * @batch: an object with a batch that ends at once
 * @ptr: memory of the process, FAULT_OBJECT bytes
 * @room: where that was at first, with a page that is not to be touched at each end
 * @fds: file descriptors that the set-up or the operation made, closed at the end; 0: none
 * @n: numbers for the scenario's own use
 * @arg: room for the operation's argument
 */
struct world {
	int fd;
	uint32_t handle, batch;
	uint8_t *ptr;
	uint8_t *room;
	int fds[4];
	uint64_t n[4];
	union {
		uint64_t align;
		uint8_t bytes[1024];
	} arg;
};

/**
 * struct scenario - an operation, and what has to be true of it.
 * @setup: before it; may be NULL
 * @run: the operation itself. Return: 0 or -errno
 * @check: after it has succeeded, be it that nothing failed or that the kernel helped itself; may
 *	be NULL
 * @allowed: an error that it may end in beside -ENOMEM and -EFAULT, or 0
 */
struct scenario {
	void (*setup)(struct world *w);
	int (*run)(struct world *w);
	void (*check)(struct world *w);
	int allowed;
};

/**
 * fail_each() - carry out a scenario until nothing fails any more.
 *
 * Each time the operation must end in success or in an error that is allowed, and then succeed at
 * once, in the same world, when it is tried again. Prints how many points were failed.
 */
void fail_each(const struct scenario *s);

/** SCENARIO() - define a subtest that carries out a scenario. */
#define SCENARIO(name, ...) \
	static void name(void) \
	{ \
		static const struct scenario s = { __VA_ARGS__ }; \
		fail_each(&s); \
	}

/** FAULTS() - its entry in the list of subtests, with time for hundreds of rounds. */
#define FAULTS(name)	{ #name, name, 120 }

#endif
