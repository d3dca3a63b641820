// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How long each file's work has kept each engine busy, as fdinfo tells it.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const struct {
	const char *name;
	uint64_t ring;
} engines[] = {
	{ "render", I915_EXEC_RENDER },
	{ "copy", I915_EXEC_BLT },
	{ "video", I915_EXEC_BSD },
	{ "video-enhance", I915_EXEC_VEBOX },
};

/* The value of a key of a file's fdinfo, as it stands there. */
static void value_of(int fd, const char *key, char *value, size_t size)
{
	char path[64], line[256];
	size_t len = strlen(key);
	FILE *file;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	file = fopen(path, "r");
	CHECK(file);
	while (fgets(line, sizeof(line), file)) {
		if (strncmp(line, key, len) || line[len] != ':')
			continue;
		line[strcspn(line, "\n")] = 0;
		snprintf(value, size, "%s", line + len + 1 + strspn(line + len + 1, " \t"));
		fclose(file);
		return;
	}
	tap_fail(__FILE__, __LINE__, "no %s in %s", key, path);
}

static int64_t busy_of(int fd, unsigned int engine)
{
	char key[64], value[64], *end;
	int64_t ns;

	snprintf(key, sizeof(key), "drm-engine-%s", engines[engine].name);
	value_of(fd, key, value, sizeof(value));
	ns = strtoll(value, &end, 10);
	CHECK(!strcmp(end, " ns"));
	return ns;
}

static void identity(void)
{
	int a = gem_open(), b = gem_open(), twin = dup(a);
	char first[64], second[64], value[64];

	value_of(a, "drm-driver", value, sizeof(value));
	CHECK(!strcmp(value, "i915"));
	value_of(a, "drm-pdev", value, sizeof(value));
	CHECK(strlen(value) == strlen("0000:00:02.0"));
	/* A number for each open file. */
	value_of(a, "drm-client-id", first, sizeof(first));
	value_of(b, "drm-client-id", second, sizeof(second));
	CHECK(strcmp(first, second));
	value_of(twin, "drm-client-id", second, sizeof(second));
	CHECK(!strcmp(first, second));
	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		snprintf(first, sizeof(first), "drm-engine-capacity-%s", engines[i].name);
		value_of(a, first, value, sizeof(value));
		CHECK(!strcmp(value, "1"));
		CHECK_INT(busy_of(a, i), 0);
	}
}

#define RUN_MS	300

/* Let a spinner begin: what there is of its file's time at least. */
static int64_t busy_becomes(int fd, unsigned int engine, int64_t least)
{
	int64_t ns;

	for (int i = 0; i < 5000; i++) {
		ns = busy_of(fd, engine);
		if (ns >= least)
			return ns;
		sleep_ms(1);
	}
	tap_fail(__FILE__, __LINE__, "%s does not begin", engines[engine].name);
}

static void busy(void)
{
	int fd = gem_open(), other = gem_open();

	for (unsigned int i = 0; i < ARRAY_SIZE(engines); i++) {
		int64_t before, ns, outer, inner;
		struct spin s;

		spin_start(&s, fd, 0, engines[i].ring, 0, 0);
		busy_becomes(fd, i, 1);
		/* While it runs; its own time and nobody else's. */
		outer = now_ns();
		before = busy_of(fd, i);
		inner = now_ns();
		sleep_ms(RUN_MS);
		inner = now_ns() - inner;
		ns = busy_of(fd, i) - before;
		outer = now_ns() - outer;
		CHECK(ns > inner - inner / 10 && ns < outer + outer / 10);
		spin_free(&s);
		for (unsigned int j = i + 1; j < ARRAY_SIZE(engines); j++)
			CHECK_INT(busy_of(fd, j), 0);
		for (unsigned int j = 0; j < ARRAY_SIZE(engines); j++)
			CHECK_INT(busy_of(other, j), 0);

		/* It is over. */
		before = busy_of(fd, i);
		sleep_ms(50);
		CHECK_INT(busy_of(fd, i), before);
	}
}

static void contexts_that_went(void)
{
	int fd = gem_open();
	uint32_t ctx = gem_context_create(fd);
	int64_t before;
	struct spin s;

	spin_start(&s, fd, ctx, I915_EXEC_RENDER, 0, 0);
	busy_becomes(fd, 0, 50 * MSEC);
	spin_free(&s);
	before = busy_of(fd, 0);
	CHECK(before > 50 * MSEC);
	CHECK_RET(try_context_destroy(fd, ctx), 0);
	sleep_ms(100);
	CHECK_INT(busy_of(fd, 0), before);
}

static void shared_engine(void)
{
	int a = gem_open(), b = gem_open();
	int64_t began, ns_a, ns_b, a_began, b_began;
	struct spin x, y;

	spin_start(&x, a, 0, I915_EXEC_RENDER, 0, 0);
	spin_start(&y, b, 0, I915_EXEC_RENDER, 0, 0);
	began = now_ns();
	a_began = busy_of(a, 0);
	b_began = busy_of(b, 0);
	sleep_ms(RUN_MS);
	/* Each gets some of it. */
	ns_a = busy_becomes(a, 0, a_began + 1) - a_began;
	ns_b = busy_becomes(b, 0, b_began + 1) - b_began;
	began = now_ns() - began;
	/* Two files on one engine do not have more of it than there is. */
	CHECK(ns_a + ns_b < began + began / 20);
	spin_free(&x);
	spin_free(&y);
}

static const struct subtest tests[] = {
	{ "fdinfo names the driver, the device and the client, and all engines", identity },
	{ "it counts the time of a file's work on each engine, as it passes", busy },
	{ "the time of contexts that are gone stays", contexts_that_went },
	{ "files that share an engine share its time", shared_engine },
};

TAP_MAIN(tests)
