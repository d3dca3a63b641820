// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How much memory each file has, as fdinfo tells it: total, shared, resident, purgeable, active.
 */
#include "batch.h"
#include "device.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <xf86drm.h>

#define SIZE	(16 * PAGE)
/* Long and not aligned to its length, so that it spans several of the driver's pieces. */
#define LARGE	(6 * MiB)

/* What fdinfo says, in bytes. */
struct usage {
	uint64_t total, shared, active, resident, purgeable;
};

static uint64_t bytes_of(const char *text)
{
	unsigned long long value;
	char unit[8] = "";

	CHECK(sscanf(text, " %llu %7s", &value, unit) >= 1);
	if (!strcmp(unit, "KiB"))
		return value << 10;
	if (!strcmp(unit, "MiB"))
		return value << 20;
	CHECK(!unit[0]);
	return value;
}

static struct usage usage_of(int fd)
{
	struct usage usage;
	const struct {
		const char *key;
		uint64_t *bytes;
	} fields[] = {
		{ "drm-total-system0:", &usage.total },
		{ "drm-shared-system0:", &usage.shared },
		{ "drm-active-system0:", &usage.active },
		{ "drm-resident-system0:", &usage.resident },
		{ "drm-purgeable-system0:", &usage.purgeable },
	};
	char path[64], line[256];
	unsigned int seen = 0;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", fd);
	f = fopen(path, "r");
	CHECK(f);
	while (fgets(line, sizeof(line), f))
		for (size_t i = 0; i < ARRAY_SIZE(fields); i++)
			if (!strncmp(line, fields[i].key, strlen(fields[i].key))) {
				*fields[i].bytes = bytes_of(line + strlen(fields[i].key));
				seen |= 1u << i;
			}
	fclose(f);
	CHECK_HEX(seen, 0x1f);
	return usage;
}

static void total(void)
{
	int fd = gem_open(), other = gem_open();
	uint32_t a, b;

	CHECK_INT(usage_of(fd).total, 0);
	CHECK_INT(usage_of(fd).resident, 0);
	a = gem_create(fd, SIZE);
	b = gem_create(fd, 3 * MiB);
	CHECK_INT(usage_of(fd).total, SIZE + 3 * MiB);
	CHECK_INT(usage_of(other).total, 0);
	gem_close(fd, a);
	CHECK_INT(usage_of(fd).total, 3 * MiB);
	gem_close(fd, b);
	CHECK_INT(usage_of(fd).total, 0);
}

static void resident(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE), word = 1, retained;

	CHECK_INT(usage_of(fd).resident, 0);
	gem_write(fd, handle, 0, &word, 4);
	CHECK_INT(usage_of(fd).resident, SIZE);
	CHECK_INT(usage_of(fd).purgeable, 0);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_DONTNEED, &retained), 0);
	CHECK_INT(usage_of(fd).purgeable, SIZE);
	CHECK_RET(try_madvise(fd, handle, I915_MADV_WILLNEED, &retained), 0);
	CHECK_INT(usage_of(fd).purgeable, 0);
	gem_close(fd, handle);
	CHECK_INT(usage_of(fd).resident, 0);
}

static uint32_t word(const char *ptr)
{
	return *(const volatile uint32_t *)ptr;
}

/* Of an object that does not fit into the aperture, what is looked at is in memory: 2 MiB each time. */
static void in_parts(void)
{
	const size_t size = 300 * MiB;
	int fd = gem_open();
	uint32_t handle = gem_create(fd, size);
	char *ptr = gem_mmap(fd, handle, size, I915_MMAP_OFFSET_GTT);

	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_GTT, I915_GEM_DOMAIN_GTT), 0);
	CHECK_INT(usage_of(fd).resident, 0);
	*(volatile uint32_t *)(ptr + 5 * MiB) = 0x11;
	CHECK_INT(usage_of(fd).resident, 2 * MiB);
	*(volatile uint32_t *)(ptr + 4 * MiB) = 0x22;
	CHECK_INT(usage_of(fd).resident, 2 * MiB);
	*(volatile uint32_t *)(ptr + size - PAGE) = 0x33;
	CHECK_INT(usage_of(fd).resident, 4 * MiB);
	gem_set_debugfs("i915_gem_drop_caches", "0x23");
	CHECK_INT(usage_of(fd).resident, 0);
	CHECK_HEX(word(ptr + 4 * MiB), 0x22);
	CHECK_INT(usage_of(fd).resident, 2 * MiB);
	/* the GPU sees all of it, and so it has to be there */
	CHECK_HEX(gpu_read32(fd, handle, 5 * MiB), 0x11);
	CHECK(usage_of(fd).resident >= size);
	CHECK_HEX(gpu_read32(fd, handle, size - PAGE), 0x33);
	gpu_store(fd, handle, 100 * MiB, 0x44);
	CHECK_HEX(word(ptr + 100 * MiB), 0x44);
	gem_set_debugfs("i915_gem_drop_caches", "0x23");
	CHECK_INT(usage_of(fd).resident, 0);
	CHECK_HEX(word(ptr + 100 * MiB), 0x44);
	CHECK_HEX(word(ptr + 5 * MiB), 0x11);
	CHECK_HEX(gem_read32(fd, handle, size - PAGE), 0x33);
	gem_close(fd, handle);
	CHECK_HEX(word(ptr + 4 * MiB), 0x22);
}

static void shared(void)
{
	int fd = gem_open(), other = gem_open(), dmabuf;
	uint32_t handle = gem_create(fd, SIZE), second;

	gem_create(fd, PAGE);
	CHECK_INT(usage_of(fd).shared, 0);
	dmabuf = gem_export(fd, handle);
	CHECK_INT(usage_of(fd).shared, SIZE);
	second = gem_import(other, dmabuf);
	close(dmabuf);
	CHECK_INT(usage_of(fd).shared, SIZE);
	CHECK_INT(usage_of(other).shared, SIZE);
	CHECK_INT(usage_of(other).total, SIZE);
	gem_close(other, second);
	CHECK_INT(usage_of(other).total, 0);
}

static void active(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE), batch = gem_create(fd, PAGE);
	struct usage usage;
	struct spin s;

	gem_close(fd, batch);
	CHECK_INT(usage_of(fd).active, 0);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, 0);
	usage = usage_of(fd);
	/* the object, and the batch itself */
	CHECK(usage.active >= SIZE + PAGE);
	CHECK_INT(usage.active, usage.total);
	spin_free(&s);
	CHECK_INT(usage_of(fd).active, 0);
}

static void tracked(void)
{
	int fd = gem_open();
	char *room = map_anon(LARGE + 4 * MiB);
	char *ptr = (char *)(((uintptr_t)room + 2 * MiB - 1) & ~(2 * MiB - 1)) + 5 * PAGE;
	uint32_t handle = gem_userptr(fd, ptr, LARGE, 0);

	CHECK_INT(usage_of(fd).total, LARGE);
	CHECK_INT(usage_of(fd).resident, 0);
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_CPU, 0), 0);
	CHECK_INT(usage_of(fd).resident, LARGE);
	/* What changes is taken away, in pieces that begin at 2 MiB of the address space. */
	CHECK_SYS(mprotect(ptr - 5 * PAGE, 2 * MiB, PROT_READ));
	CHECK_INT(usage_of(fd).resident, LARGE - (2 * MiB - 5 * PAGE));
	CHECK_INT(usage_of(fd).purgeable, 0);
	CHECK_SYS(munmap(ptr, LARGE));
	CHECK_INT(usage_of(fd).resident, 0);
	CHECK_INT(usage_of(fd).total, LARGE);
	gem_close(fd, handle);
	CHECK_INT(usage_of(fd).total, 0);
}

static void pinned(void)
{
	int fd = gem_open();
	char *ptr = map_anon(LARGE);

	gem_userptr(fd, ptr, LARGE, I915_USERPTR_UNSYNCHRONIZED);
	CHECK_INT(usage_of(fd).resident, LARGE);
	CHECK_SYS(munmap(ptr, LARGE));
	CHECK_INT(usage_of(fd).resident, LARGE);
}

static const struct subtest tests[] = {
	{ "total: what the file has handles for", total },
	{ "resident and purgeable: from the first use, as madvise says", resident },
	{ "what does not fit into the aperture is resident as far as it was looked at", in_parts, 60 },
	{ "shared: what others have, too", shared },
	{ "active: what the GPU is at work on", active },
	{ "tracked user pages are resident while the GPU knows them", tracked },
	{ "pinned user pages are resident", pinned },
};

TAP_MAIN(tests)
