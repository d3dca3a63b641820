// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "faults.h"
#include "batch.h"
#include "gem.h"
#include "inject.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static void world_begin(struct world *w)
{
	const uint32_t end = MI_BATCH_BUFFER_END;

	memset(w, 0, sizeof(*w));
	w->fd = gem_open();
	w->handle = gem_create(w->fd, FAULT_OBJECT);
	w->batch = gem_create(w->fd, PAGE);
	gem_write(w->fd, w->batch, 0, &end, sizeof(end));
	w->ptr = map_anon(FAULT_OBJECT);
	w->room = w->ptr - PAGE;
	fill(w->ptr, FAULT_OBJECT, 1);
}

static void world_end(struct world *w)
{
	for (size_t i = 0; i < ARRAY_SIZE(w->fds); i++)
		if (w->fds[i] > 0)
			close(w->fds[i]);
	CHECK_SYS(munmap(w->ptr, FAULT_OBJECT));
	/* nothing stays: there would be more to copy for each fork, and so one point more each time */
	CHECK_SYS(munmap(w->room, FAULT_OBJECT + 2 * PAGE));
	close(w->fd);
}

/* The driver works as ever, for others too. */
static void check_usable(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	gpu_store(fd, handle, 8, 0x600d);
	CHECK_HEX(gem_read32(fd, handle, 8), 0x600d);
	close(fd);
}

static void check_allowed(const struct scenario *s, int ret, unsigned int n)
{
	if (ret != -ENOMEM && ret != -EFAULT && (!s->allowed || ret != s->allowed))
		tap_fail(__FILE__, __LINE__, "got %s expected ENOMEM or EFAULT: point %u failed",
			 strerrorname_np(-ret), n);
}

void fail_each(const struct scenario *s)
{
	unsigned int n, survived = 0;
	struct world w;
	bool failed = true;
	int ret;

	inject_init();
	/* the first time nothing fails: what is read from a disk, or done once, has been then */
	for (n = 0; failed; n++) {
		CHECK(n < MAX_POINTS);
		world_begin(&w);
		if (s->setup)
			s->setup(&w);
		inject_arm(n);
		ret = s->run(&w);
		failed = inject_disarm() || !n;
		if (!failed || !n) {
			CHECK_RET(ret, 0);
		} else if (ret) {
			check_allowed(s, ret, n);
			CHECK_RET(s->run(&w), 0);
		} else {
			survived++;
		}
		if (s->check)
			s->check(&w);
		world_end(&w);
		check_usable();
	}
	n -= 2;
	tap_note("%u points failed, %u of them without being noticed", n, survived);
	CHECK(n > 0);
}
