// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

/* A file of the driver's in debugfs. */
static FILE *open_debugfs(const char *name)
{
	char path[96];
	FILE *f;

	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) && errno != EBUSY)
		tap_note("debugfs: %m");
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/%s", gem_card_minor(), name);
	f = fopen(path, "r");
	if (!f)
		tap_fail(__FILE__, __LINE__, "got %m expected a file %s", path);
	return f;
}

struct counters counters(void)
{
	struct counters c;
	const struct {
		const char *name;
		long long *value;
	} fields[] = {
		{ "acquires", &c.acquires }, { "reuses", &c.reuses }, { "retries", &c.retries },
		{ "faults", &c.faults }, { "invalidations", &c.invalidations },
		{ "revokes", &c.revokes }, { "grips", &c.grips }, { "pins", &c.pins },
		{ "unpins", &c.unpins },
	};
	FILE *f = open_debugfs("softgem_userptr");
	unsigned int seen = 0;
	long long value;
	char name[64];

	while (fscanf(f, " %63s %lld", name, &value) == 2)
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			if (!strcmp(name, fields[i].name)) {
				*fields[i].value = value;
				seen |= 1u << i;
			}
	fclose(f);
	CHECK_HEX(seen, (1u << ARRAY_SIZE(fields)) - 1);
	return c;
}

struct counters counters_settled(void)
{
	int64_t end = now_ns() + 5 * NSEC;
	struct counters c = counters();

	while (c.pins != c.unpins && now_ns() < end) {
		sleep_ms(5);
		c = counters();
	}
	CHECK_INT(c.unpins, c.pins);
	return c;
}

unsigned long long aperture_counter(const char *name)
{
	FILE *f = open_debugfs("softgem_aperture");
	unsigned long long value, found = 0;
	bool seen = false;
	char word[32];

	while (fscanf(f, "%31s %llu", word, &value) == 2)
		if (!strcmp(word, name)) {
			found = value;
			seen = true;
		}
	fclose(f);
	if (!seen)
		tap_fail(__FILE__, __LINE__, "got no such value expected %s", name);
	return found;
}

long status_kb(pid_t pid, const char *field)
{
	size_t len = strlen(field);
	char path[48], line[256];
	long kb = -1;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, field, len) && line[len] == ':')
			CHECK_INT(sscanf(line + len + 1, " %ld kB", &kb), 1);
	fclose(f);
	CHECK(kb >= 0);
	return kb;
}

bool status_kb_becomes(pid_t pid, const char *field, long kb)
{
	int64_t end = now_ns() + 5 * NSEC;

	while (status_kb(pid, field) != kb) {
		if (now_ns() > end)
			return false;
		sleep_ms(5);
	}
	return true;
}

uint64_t frame_of(const void *ptr)
{
	int fd = open("/proc/self/pagemap", O_RDONLY | O_CLOEXEC);
	uint64_t entry;

	CHECK_SYS(fd);
	CHECK_INT(pread(fd, &entry, 8, (uintptr_t)ptr / PAGE * 8), 8);
	close(fd);
	/* Documentation/admin-guide/mm/pagemap.rst: bit 63 present, bits 0 to 54 the frame */
	return entry >> 63 ? entry & ((1ull << 55) - 1) : 0;
}
