// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "counters.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <unistd.h>

#define PATH_LEN	96

/* The path of a file of the driver's in debugfs. */
static void debugfs_path(char path[PATH_LEN], const char *name)
{
	if (mount("debugfs", "/sys/kernel/debug", "debugfs", 0, NULL) && errno != EBUSY)
		tap_note("debugfs: %m");
	snprintf(path, PATH_LEN, "/sys/kernel/debug/dri/%d/%s", gem_card_minor(), name);
}

static FILE *open_file(const char *path)
{
	FILE *f = fopen(path, "r");

	if (!f)
		tap_fail(__FILE__, __LINE__, "got %m expected a file %s", path);
	return f;
}

long long number_in(const char *path, const char *name)
{
	long long value = -1;
	char line[256];
	size_t len = strlen(name);
	FILE *f = open_file(path);

	while (fgets(line, sizeof(line), f))
		if (!strncmp(line, name, len) && strchr(": ", line[len]))
			CHECK_INT(sscanf(line + len + 1, "%lld", &value), 1);
	fclose(f);
	if (value < 0)
		tap_fail(__FILE__, __LINE__, "got no such value expected %s in %s", name, path);
	return value;
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
	char path[PATH_LEN], name[64];
	unsigned int seen = 0;
	long long value;
	FILE *f;

	debugfs_path(path, "softgem_userptr");
	f = open_file(path);
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
	int64_t end = now_ns() + 5 * NSEC * tap_slow();
	struct counters c = counters();

	while (c.pins != c.unpins && now_ns() < end) {
		sleep_ms(5);
		c = counters();
	}
	CHECK_INT(c.unpins, c.pins);
	return c;
}

static long call_mprotect(void *ptr)
{
	return mprotect(ptr, PAGE, PROT_READ) ? -errno : 0;
}

/* Without stdio, which allocates. */
static long long count_invalidations(int fd)
{
	char text[1024] = "";
	const char *at;

	CHECK(pread(fd, text, sizeof(text) - 1, 0) > 0);
	at = strstr(text, "invalidations ");
	CHECK(at);
	sleep_ms(1);
	return strtoll(at + strlen("invalidations "), NULL, 10);
}

void mprotect_start(struct job *job, void *ptr)
{
	char path[PATH_LEN];
	long long was;
	int fd;

	debugfs_path(path, "softgem_userptr");
	fd = open(path, O_RDONLY);
	CHECK_SYS(fd);
	was = count_invalidations(fd);
	job_start(job, call_mprotect, ptr);
	for (unsigned int i = 0; i < 10000 && count_invalidations(fd) == was; i++)
		;
	CHECK(count_invalidations(fd) > was);
	close(fd);
}

long long pages_pinned(void)
{
	const struct counters c = counters();

	return c.pins - c.unpins;
}

unsigned long long aperture_counter(const char *name)
{
	char path[PATH_LEN];

	debugfs_path(path, "softgem_aperture");
	return number_in(path, name);
}

long objects_alive(void)
{
	char path[PATH_LEN];
	long n = -1;
	FILE *f;

	debugfs_path(path, "i915_gem_objects");
	f = open_file(path);
	CHECK_INT(fscanf(f, "%ld objects,", &n), 1);
	fclose(f);
	return n;
}

bool objects_become(long n, unsigned int ms)
{
	/* counted, not timed, as in job_done_within() */
	for (unsigned int i = 0; i < ms * tap_slow(); i += 5) {
		if (objects_alive() <= n)
			return true;
		sleep_ms(5);
	}
	return objects_alive() <= n;
}

long status_kb(pid_t pid, const char *field)
{
	char path[PATH_LEN];

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	return number_in(path, field);
}

bool status_kb_becomes(pid_t pid, const char *field, long kb)
{
	int64_t end = now_ns() + 5 * NSEC * tap_slow();

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

static size_t pages_present(const char *ptr, size_t len)
{
	size_t n = 0;

	for (size_t at = 0; at < len; at += PAGE)
		n += frame_of(ptr + at) != 0;
	return n;
}

void page_out_all(void *ptr, size_t len)
{
	int64_t end = now_ns() + 5 * NSEC * tap_slow();
	cpu_set_t allowed, one;

	CHECK_SYS(sched_getaffinity(0, sizeof(allowed), &allowed));
	/*
	 * Pages on their way to the LRU lie in a batch of the processor that put them there, where
	 * reclaim does not find them. madvise() empties the batch of the processor that it runs on
	 * alone, and that of an idle one never fills: go round.
	 */
	for (size_t cpu = 0; pages_present(ptr, len); cpu = (cpu + 1) % CPU_SETSIZE) {
		if (!CPU_ISSET(cpu, &allowed))
			continue;
		CHECK(now_ns() < end);
		CPU_ZERO(&one);
		CPU_SET(cpu, &one);
		CHECK_SYS(sched_setaffinity(0, sizeof(one), &one));
		CHECK_SYS(madvise(ptr, len, MADV_PAGEOUT));
	}
	CHECK_SYS(sched_setaffinity(0, sizeof(allowed), &allowed));
}

void pmu_read(const char *name, char *value, size_t size)
{
	static char device[32];
	char path[128], *colon;
	FILE *file;

	/* it has a name while it is bound only */
	if (!device[0])
		snprintf(device, sizeof(device), "%s", gem_pci_name());
	snprintf(path, sizeof(path), "/sys/bus/event_source/devices/i915_%s/%s", device, name);
	while ((colon = strchr(path, ':')))
		*colon = '_';
	file = fopen(path, "r");
	if (!file)
		tap_fail(__FILE__, __LINE__, "no %s: %m", path);
	CHECK(fgets(value, size, file));
	value[strcspn(value, "\n")] = 0;
	fclose(file);
}

unsigned int pmu_number(const char *name)
{
	char value[64];

	pmu_read(name, value, sizeof(value));
	return strtoul(value, NULL, 10);
}
