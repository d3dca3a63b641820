// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Lets a benchmark of IGT's run on another driver's device than the one that it asks its library
 * for. Preloaded, this stands before two of the library's functions; the program is what it was.
 * $BENCH_DRIVER names the driver. Objects are dumb buffers, which every driver of interest has.
 */
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <xf86drm.h>
#include <xf86drmMode.h>

#define NODES	16

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "%s: %m\n", what);
	exit(1);
}

int drm_open_driver(int chipset)
{
	const char *driver = getenv("BENCH_DRIVER");

	(void)chipset;
	for (int i = 0; driver && i < NODES; i++) {
		drmVersion *version;
		char path[32];
		int fd, other;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR);
		if (fd < 0)
			continue;
		version = drmGetVersion(fd);
		other = !version || strcmp(version->name, driver);
		drmFreeVersion(version);
		if (!other)
			return fd;
		close(fd);
	}
	fail("no device of $BENCH_DRIVER");
}

uint32_t gem_create(int fd, uint64_t size)
{
	uint32_t handle, pitch;
	uint64_t got;

	if (drmModeCreateDumbBuffer(fd, size / 4, 1, 32, 0, &handle, &pitch, &got))
		fail("no dumb buffer");
	return handle;
}
