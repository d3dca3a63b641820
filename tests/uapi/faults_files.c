// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What if memory is not to be had, or user memory not to be read or written, when the driver is
 * unbound from its device, and in what it says in files: every such point, one at a time. See faults.h.
 */
#include "batch.h"
#include "counters.h"
#include "faults.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#define DRIVER	"/sys/bus/pci/drivers/softgem/"

/* Command type 7 exists on no engine: it ends its batch at once. */
#define NO_COMMAND	0xffffffffu

static const char *pci_name;

static void setup_bound(struct world *w)
{
	pci_name = gem_pci_name();
	w->fds[0] = open(DRIVER "unbind", O_WRONLY | O_CLOEXEC);
	CHECK_SYS(w->fds[0]);
}

static int run_write_name(struct world *w)
{
	return write(w->fds[0], pci_name, strlen(pci_name)) < 0 ? -errno : 0;
}

static void check_unbound(struct world *w)
{
	CHECK_RET(gem_ioctl_once(w->fd, DRM_IOCTL_I915_GEM_THROTTLE, NULL), -ENODEV);
	gem_set_bound(pci_name, true);
}

/* A file is to be read from the beginning, whatever has become of it before. */
static void open_text(struct world *w, const char *path)
{
	w->fds[0] = open(path, O_RDONLY | O_CLOEXEC);
	if (w->fds[0] < 0)
		tap_fail(__FILE__, __LINE__, "got %s: %m expected a file", path);
}

static void setup_fdinfo(struct world *w)
{
	char path[40];

	snprintf(path, sizeof(path), "/proc/self/fdinfo/%d", w->fd);
	gpu_store(w->fd, w->handle, 0, 1);
	open_text(w, path);
}

static void open_debugfs(struct world *w, const char *name)
{
	char path[80];

	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d/%s", gem_card_minor(), name);
	open_text(w, path);
}

static void setup_userptr(struct world *w)
{
	gem_userptr(w->fd, w->ptr, FAULT_OBJECT, 0);
	open_debugfs(w, "softgem_userptr");
}

static void setup_aperture(struct world *w)
{
	open_debugfs(w, "softgem_aperture");
}

/* Most of what is there to be read. */
static int run_read(struct world *w)
{
	ssize_t n = pread(w->fds[0], w->ptr, FAULT_OBJECT - 1, 0);

	if (n < 0)
		return -errno;
	w->ptr[n] = 0;
	return 0;
}

static void check_fdinfo(struct world *w)
{
	CHECK(strstr((char *)w->ptr, "drm-driver:\ti915\n"));
	CHECK(strstr((char *)w->ptr, "drm-total-system0:"));
}

static void check_userptr(struct world *w)
{
	CHECK(strstr((char *)w->ptr, "acquires"));
}

static void check_aperture(struct world *w)
{
	CHECK(strstr((char *)w->ptr, "binds"));
}

static void open_error(struct world *w, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/sys/class/drm/card%d/error", gem_card_minor());
	w->fds[0] = open(path, flags | O_CLOEXEC);
	CHECK_SYS(w->fds[0]);
}

static int run_clear(struct world *w)
{
	return write(w->fds[0], "x", 1) < 0 ? -errno : 0;
}

/* An error state with an object that the client marked. */
static void setup_error(struct world *w)
{
	struct batch b;

	open_error(w, O_WRONLY);
	CHECK_RET(run_clear(w), 0);
	close(w->fds[0]);
	memcpy(w->ptr, "softgem", 8);
	gem_write(w->fd, w->handle, 0, w->ptr, FAULT_OBJECT);
	batch_init(&b, w->fd, 0);
	batch_obj(&b, w->handle, EXEC_OBJECT_CAPTURE);
	batch_dw(&b, NO_COMMAND);
	batch_submit(&b);
	gem_sync(w->fd, b.handle);
	batch_free(&b);
	open_error(w, O_RDWR);
}

static void check_error(struct world *w)
{
	CHECK(strstr((char *)w->ptr, "invalid command"));
	CHECK(strstr((char *)w->ptr, " --- user = "));
	CHECK_RET(run_clear(w), 0);
	CHECK_RET(run_read(w), 0);
	CHECK(strstr((char *)w->ptr, "No error state collected"));
}

static void check_cleared(struct world *w)
{
	CHECK_RET(run_read(w), 0);
	CHECK(strstr((char *)w->ptr, "No error state collected"));
}

static void setup_event(struct world *w)
{
	w->n[0] = pmu_number("type");
	w->n[1] = pmu_number("cpumask");
}

static int run_event(struct world *w)
{
	struct perf_event_attr attr = {
		.size = sizeof(attr), .type = w->n[0],
		.config = I915_PMU_ENGINE_BUSY(I915_ENGINE_CLASS_RENDER, 0),
	};
	int fd = syscall(SYS_perf_event_open, &attr, -1, w->n[1], -1, PERF_FLAG_FD_CLOEXEC);

	w->fds[0] = fd < 0 ? 0 : fd;
	return fd < 0 ? -errno : 0;
}

static void check_event(struct world *w)
{
	uint64_t before, after;

	CHECK_INT(read(w->fds[0], &before, sizeof(before)), sizeof(before));
	gpu_store(w->fd, w->handle, 0, 1);
	CHECK_INT(read(w->fds[0], &after, sizeof(after)), sizeof(after));
	CHECK(after > before);
}

SCENARIO(unbind, .setup = setup_bound, .run = run_write_name, .check = check_unbound)
SCENARIO(fdinfo, .setup = setup_fdinfo, .run = run_read, .check = check_fdinfo)
SCENARIO(debugfs_userptr, .setup = setup_userptr, .run = run_read, .check = check_userptr)
SCENARIO(debugfs_aperture, .setup = setup_aperture, .run = run_read, .check = check_aperture)
SCENARIO(error_state, .setup = setup_error, .run = run_read, .check = check_error)
SCENARIO(error_clear, .setup = setup_error, .run = run_clear, .check = check_cleared)
SCENARIO(perf_event, .setup = setup_event, .run = run_event, .check = check_event)

static const struct subtest tests[] = {
	FAULTS(unbind),
	FAULTS(fdinfo),
	FAULTS(debugfs_userptr),
	FAULTS(debugfs_aperture),
	FAULTS(error_state),
	FAULTS(error_clear),
	FAULTS(perf_event),
};

TAP_MAIN(tests)
