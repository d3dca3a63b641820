// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "restless.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <linux/userfaultfd.h>
#include <sys/mman.h>
#include <unistd.h>

static const char zeroes[PAGE];

static void lose(void *page)
{
	CHECK_SYS(madvise(page, PAGE, MADV_DONTNEED));
}

/* Whatever has been found of the memory before is out of date, though nothing is missing. */
static void change(void *page)
{
	CHECK_SYS(mprotect(page, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC));
	CHECK_SYS(mprotect(page, PAGE, PROT_READ | PROT_WRITE));
}

static void *restless_thread(void *arg)
{
	struct restless *r = arg;

	for (;;) {
		void *page = uffd_wait(r->uffd);
		unsigned int left = r->left;

		/* nothing is missing after the last time, so that the pages can be had at once */
		if (left > 1)
			lose(page == r->page[0] ? r->page[1] : r->page[0]);
		else if (left == 1)
			change(r->still);
		if (left)
			r->left = left - 1;
		uffd_copy(r->uffd, page, zeroes);
	}
	return NULL;
}

void restless_init(struct restless *r, void *ptr, size_t size)
{
	r->page[0] = (char *)ptr + size / 2 / PAGE * PAGE;
	r->page[1] = (char *)ptr + size - PAGE;
	r->still = ptr;
	r->left = 0;
	r->uffd = open_userfaultfd(0);
	CHECK_SYS(madvise(ptr, size, MADV_NOHUGEPAGE));
	uffd_register(r->uffd, ptr, size, UFFDIO_REGISTER_MODE_MISSING);
	CHECK_INT(pthread_create(&r->thread, NULL, restless_thread, r), 0);
}

void restless_stir(struct restless *r, unsigned int many)
{
	r->left = many;
	lose(r->page[0]);
}

void restless_end(struct restless *r)
{
	CHECK_INT(pthread_cancel(r->thread), 0);
	CHECK_INT(pthread_join(r->thread, NULL), 0);
	CHECK_SYS(close(r->uffd));
}
