// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * PREAD and PWRITE, beside pread(2) and pwrite(2) on a memfd. Object and memfd have all their pages
 * before, and so does the buffer.
 */
#include "bench.h"

#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>

#define LEN	(64 * MiB)

struct transfer {
	int fd;
	uint32_t handle;
	char *data;
	size_t len;
};

static int64_t object_read(void *arg)
{
	struct transfer *t = arg;
	int64_t began = now_ns();

	gem_read(t->fd, t->handle, 0, t->data, t->len);
	return now_ns() - began;
}

static int64_t object_write(void *arg)
{
	struct transfer *t = arg;
	int64_t began = now_ns();

	gem_write(t->fd, t->handle, 0, t->data, t->len);
	return now_ns() - began;
}

static int64_t file_read(void *arg)
{
	struct transfer *t = arg;
	int64_t began = now_ns();

	CHECK(pread(t->fd, t->data, t->len, 0) == (ssize_t)t->len);
	return now_ns() - began;
}

static int64_t file_write(void *arg)
{
	struct transfer *t = arg;
	int64_t began = now_ns();

	CHECK(pwrite(t->fd, t->data, t->len, 0) == (ssize_t)t->len);
	return now_ns() - began;
}

static const struct size {
	const char *name;
	size_t len;
	unsigned int times;
	double target;
} sizes[] = {
	{ "4 KiB", PAGE, 50, 1.2 },
	{ "64 KiB", 16 * PAGE, 20, 0.8 },
	{ "1 MiB", MiB, 10, 0.8 },
	{ "64 MiB", LEN, 3, 0.8 },
};

static void rows(const char *name, const char *peer, int64_t (*ours)(void *arg),
		 int64_t (*theirs)(void *arg))
{
	struct transfer object = { .fd = gem_open(), .data = map_4k(LEN) };
	struct transfer file = { .fd = memfd_create("bench", 0), .data = object.data };
	char row[64];

	CHECK_SYS(file.fd);
	object.handle = gem_create(object.fd, LEN);
	fill(object.data, LEN, 1);
	gem_write(object.fd, object.handle, 0, object.data, LEN);
	CHECK(pwrite(file.fd, file.data, LEN, 0) == (ssize_t)LEN);
	for (size_t i = 0; i < ARRAY_SIZE(sizes); i++) {
		const struct size *s = &sizes[i];
		double theirs_ns;

		object.len = file.len = s->len;
		theirs_ns = best_of(s->times, theirs, &file);
		snprintf(row, sizeof(row), "%s, %s", name, s->name);
		row_ratio(row, best_of(s->times, ours, &object), "ns", peer, theirs_ns, s->target);
		CHECK_FILL(object.data, s->len, 1);
	}
}

static void reading(void)
{
	rows("PREAD", "pread of a memfd", object_read, file_read);
}

static void writing(void)
{
	rows("PWRITE", "pwrite to a memfd", object_write, file_write);
}

BENCH_MAIN({ "PREAD", reading, 240 },
	   { "PWRITE", writing, 240 })
