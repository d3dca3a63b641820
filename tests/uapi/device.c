// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "../importer/importer.h"
#include "device.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <xf86drm.h>

#define NODE	"/dev/softgem-importer"
#define MODULE	"/run/softgem/importer.ko"

int device_open(void)
{
	int fd = open(NODE, O_RDWR | O_CLOEXEC), module;

	if (fd >= 0)
		return fd;
	module = open(MODULE, O_RDONLY | O_CLOEXEC);
	if (module < 0)
		tap_skip("no importer's module " MODULE);
	if (syscall(SYS_finit_module, module, "", 0) && errno != EEXIST)
		tap_fail(__FILE__, __LINE__, "got %m expected " MODULE " to load");
	close(module);
	for (unsigned int i = 0; fd < 0 && i < 100; i++) {
		fd = open(NODE, O_RDWR | O_CLOEXEC);
		if (fd < 0)
			sleep_ms(20);
	}
	CHECK_SYS(fd);
	return fd;
}

static int call(int dev, unsigned long request, unsigned long arg)
{
	int ret = ioctl(dev, request, arg);

	return ret < 0 ? -errno : ret;
}

int try_device_attach(int dev, int dmabuf, bool dynamic)
{
	struct importer_attach arg = { .fd = dmabuf, .dynamic = dynamic };

	return call(dev, IMPORTER_ATTACH, (unsigned long)&arg);
}

void device_attach(int dev, int dmabuf, bool dynamic)
{
	CHECK_RET(try_device_attach(dev, dmabuf, dynamic), 0);
}

void device_detach(int dev)
{
	CHECK_RET(call(dev, IMPORTER_DETACH, 0), 0);
}

int try_device_map(int dev, bool write)
{
	return call(dev, IMPORTER_MAP, write);
}

void device_map(int dev)
{
	int64_t end = now_ns() + 5 * NSEC * tap_slow();
	int ret;

	while ((ret = try_device_map(dev, true)) == -EAGAIN && now_ns() < end)
		sleep_ms(1);
	CHECK_RET(ret, 0);
}

void device_unmap(int dev)
{
	CHECK_RET(call(dev, IMPORTER_UNMAP, 0), 0);
}

uint32_t device_read(int dev, uint64_t offset)
{
	struct importer_word arg = { .offset = offset };

	CHECK_RET(call(dev, IMPORTER_READ, (unsigned long)&arg), 0);
	return arg.value;
}

void device_write(int dev, uint64_t offset, uint32_t value)
{
	struct importer_word arg = { .offset = offset, .value = value };

	CHECK_RET(call(dev, IMPORTER_WRITE, (unsigned long)&arg), 0);
}

int device_moves(int dev)
{
	int ret = call(dev, IMPORTER_MOVES, 0);

	CHECK(ret >= 0);
	return ret;
}

int try_device_peek(int dev, uint64_t offset, uint32_t *value)
{
	struct importer_word arg = { .offset = offset };
	int ret = call(dev, IMPORTER_PEEK, (unsigned long)&arg);

	*value = arg.value;
	return ret;
}

int try_device_pin(int dev)
{
	return call(dev, IMPORTER_PIN, 0);
}

void device_hold_lock(int dev, unsigned int ms)
{
	CHECK_RET(call(dev, IMPORTER_LOCK, ms), 0);
}

int vgem_open(void)
{
	int fd = -1;

	if (system("modprobe vgem 2>/dev/null"))
		tap_note("modprobe vgem failed; trying without");
	for (int i = 0; i < 16 && fd < 0; i++) {
		char path[32];
		drmVersionPtr version;

		snprintf(path, sizeof(path), "/dev/dri/card%d", i);
		fd = open(path, O_RDWR | O_CLOEXEC);
		version = fd < 0 ? NULL : drmGetVersion(fd);
		if (fd >= 0 && (!version || strcmp(version->name, "vgem"))) {
			close(fd);
			fd = -1;
		}
		drmFreeVersion(version);
	}
	if (fd < 0)
		tap_skip("no vgem in this kernel");
	return fd;
}
