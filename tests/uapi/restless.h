/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Memory that is looked up in vain as often as a test likes. Whoever looks it up waits for a page
 * of it; before that comes, another is gone, for which the next attempt waits.
 */
#ifndef SOFTGEM_TESTS_RESTLESS_H
#define SOFTGEM_TESTS_RESTLESS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

/** VAIN_FEW - who has looked pages up in vain so often pins them: see driver/grip.c. */
#define VAIN_FEW	8

/**
 * struct restless - such memory.
 * @uffd: what tells of missing pages
 * @page: those that go and come back, the one in the middle and the last
 * @still: one that stays, the first; a change of its rights is of use where none may go
 * @left: so many more attempts will be in vain
 * @thread: who sees to it
 */
struct restless {
	int uffd;
	void *page[2], *still;
	atomic_uint left;
	pthread_t thread;
};

/**
 * restless_init() - make it of [@ptr, @ptr + @size), at least three pages, which are there.
 *
 * The two pages come back as zeroes. Skips where the kernel has no userfaultfd.
 */
void restless_init(struct restless *r, void *ptr, size_t size);

/** restless_stir() - the next attempts to look it up, so @many, are in vain. */
void restless_stir(struct restless *r, unsigned int many);

/** restless_end() - it is memory as any other from now on. Nobody looks it up meanwhile. */
void restless_end(struct restless *r);

#endif
