// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The device goes while processes have its buffers mapped and its GPU at work. Each subtest ends
 * with a device that works.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(64 * PAGE)

enum kind { GTT, TILED_X, TILED_Y, WC, WB, UC, KINDS };

static void *map_kind(int fd, uint32_t handle, enum kind kind)
{
	static const uint64_t offset_kind[KINDS] = {
		[GTT] = I915_MMAP_OFFSET_GTT, [TILED_X] = I915_MMAP_OFFSET_GTT,
		[TILED_Y] = I915_MMAP_OFFSET_GTT, [WC] = I915_MMAP_OFFSET_WC,
		[WB] = I915_MMAP_OFFSET_WB, [UC] = I915_MMAP_OFFSET_UC,
	};
	uint32_t mode = kind == TILED_X ? I915_TILING_X : I915_TILING_Y, stride = 2048, swizzle;

	if (kind == TILED_X || kind == TILED_Y)
		CHECK_RET(try_set_tiling(fd, handle, &mode, &stride, &swizzle), 0);
	return gem_mmap(fd, handle, SIZE, offset_kind[kind]);
}

/* The new device does what a device does. */
static void check_works(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	char *ptr = map_kind(fd, handle, TILED_X);

	fill(ptr, SIZE, 1);
	CHECK_FILL(ptr, SIZE, 1);
	gpu_store(fd, handle, 0, 0xa11fe);
	CHECK_HEX(gem_read32(fd, handle, 0), 0xa11fe);
	CHECK_SYS(munmap(ptr, SIZE));
	close(fd);
}

static void every_kind(void)
{
	const char *name = gem_pci_name();
	int fd = gem_open();
	char *touched[KINDS], *fresh[KINDS];

	for (enum kind kind = 0; kind < KINDS; kind++) {
		touched[kind] = map_kind(fd, gem_create(fd, SIZE), kind);
		fresh[kind] = map_kind(fd, gem_create(fd, SIZE), kind);
		fill(touched[kind], SIZE, kind);
	}
	gem_set_bound(name, false);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		tap_note("kind %d", kind);
		check_sigbus(touched[kind] + PAGE, false);
		check_sigbus(touched[kind] + PAGE, true);
		check_sigbus(fresh[kind], false);
	}
	gem_set_bound(name, true);
	/* another device, if at the same place: the old one's mappings stay what they are */
	check_works();
	for (enum kind kind = 0; kind < KINDS; kind++)
		check_sigbus(touched[kind], true);
	for (enum kind kind = 0; kind < KINDS; kind++) {
		CHECK_SYS(munmap(touched[kind], SIZE));
		CHECK_SYS(munmap(fresh[kind] + PAGE, PAGE));
	}
	close(fd);
	check_works();
}

/* What is a file of its own does not go with the device: the legacy ioctl's mapping, and a dma-buf. */
static void files_stay(void)
{
	const char *name = gem_pci_name();
	int fd = gem_open(), dmabuf;
	uint32_t handle = gem_create(fd, SIZE);
	char *legacy, *buf, *fresh;

	CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE, 0, (void **)&legacy), 0);
	CHECK_RET(try_prime_export(fd, handle, O_RDWR, &dmabuf), 0);
	buf = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	CHECK_SYS(buf);
	fresh = mmap(NULL, SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, dmabuf, 0);
	CHECK_SYS(fresh);
	fill(legacy, SIZE, 1);
	CHECK_FILL(buf, SIZE, 1);
	gem_set_bound(name, false);
	close(fd);
	close(dmabuf);
	CHECK_FILL(buf, SIZE, 1);
	CHECK_FILL(fresh, SIZE, 1);
	fill(buf, SIZE, 2);
	CHECK_FILL(legacy, SIZE, 2);
	CHECK_SYS(munmap(buf, SIZE));
	CHECK_SYS(munmap(fresh, SIZE));
	CHECK_FILL(legacy, SIZE, 2);
	gem_set_bound(name, true);
	check_works();
}

static void calls_fail(void)
{
	const char *name = gem_pci_name();
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE), word = 0;
	uint64_t size = PAGE, offset;
	void *ptr;

	CHECK_RET(try_mmap_offset(fd, handle, I915_MMAP_OFFSET_WB, &offset), 0);
	gem_set_bound(name, false);
	CHECK_RET(try_create(fd, &size, &handle), -ENODEV);
	CHECK_RET(try_read(fd, handle, 0, &word, 4), -ENODEV);
	CHECK_RET(try_set_domain(fd, handle, I915_GEM_DOMAIN_CPU, 0), -ENODEV);
	CHECK_RET(try_mmap_offset(fd, handle, I915_MMAP_OFFSET_WB, &offset), -ENODEV);
	CHECK_RET(try_mmap_legacy(fd, handle, 0, SIZE, 0, &ptr), -ENODEV);
	CHECK(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, fd, offset) == MAP_FAILED);
	CHECK_RET(-errno, -ENODEV);
	gem_set_bound(name, true);
	CHECK_RET(try_create(fd, &size, &handle), -ENODEV);
	close(fd);
	check_works();
}

static void debuggers_fail(void)
{
	const char *name = gem_pci_name();
	int fd = gem_open(), status;
	char *ptr[2];
	pid_t pid;

	ptr[0] = map_kind(fd, gem_create(fd, SIZE), WB);
	ptr[1] = map_kind(fd, gem_create(fd, SIZE), TILED_X);
	fill(ptr[0], SIZE, 1);
	fill(ptr[1], SIZE, 1);
	pid = fork();
	CHECK_SYS(pid);
	if (!pid) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		raise(SIGSTOP);
		_exit(0);
	}
	CHECK_INT(waitpid(pid, &status, 0), pid);
	errno = 0;
	ptrace(PTRACE_PEEKDATA, pid, ptr[0], NULL);
	CHECK_INT(errno, 0);
	gem_set_bound(name, false);
	for (int i = 0; i < 2; i++) {
		errno = 0;
		CHECK_INT(ptrace(PTRACE_PEEKDATA, pid, ptr[i], NULL), -1);
		CHECK_INT(errno, EIO);
		CHECK_INT(ptrace(PTRACE_POKEDATA, pid, ptr[i], (void *)1), -1);
	}
	CHECK_SYS(ptrace(PTRACE_CONT, pid, NULL, NULL));
	child_end(pid);
	gem_set_bound(name, true);
	check_works();
}

/* Requests that would never end do so, with an error. */
static void work_ends(void)
{
	const char *name = gem_pci_name();
	int fd = gem_open();
	uint32_t handle = gem_create(fd, SIZE);
	char *ptr = map_kind(fd, handle, GTT), *user = map_anon(SIZE);
	uint32_t tracked = gem_userptr(fd, user, SIZE, 0);
	struct spin spin, other;
	int64_t start;

	fill(ptr, SIZE, 1);
	spin_start(&spin, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	spin_start(&other, fd, 0, I915_EXEC_BLT, tracked, EXEC_OBJECT_WRITE);
	start = now_ns();
	gem_set_bound(name, false);
	CHECK(now_ns() - start < 15 * NSEC);
	CHECK(fence_signalled(spin.fence, 5000));
	CHECK_RET(fence_status(spin.fence), -EIO);
	CHECK(fence_signalled(other.fence, 5000));
	CHECK_RET(fence_status(other.fence), -EIO);
	check_sigbus(ptr, true);
	/* the pages are the process's own again, at once */
	CHECK_SYS(munmap(user, SIZE));
	gem_set_bound(name, true);
	check_works();
}

struct relocated {
	int fd;
	uint32_t handle;
	void *ptr;
};

/* Relocates into an object: while that is in use, the call has its reservation and waits. */
static long call_relocate(void *arg)
{
	struct relocated *r = arg;
	struct drm_i915_gem_relocation_entry reloc = {
		.target_handle = gem_create(r->fd, PAGE), .presumed_offset = -1,
	};
	struct drm_i915_gem_exec_object2 obj[] = {
		{ .handle = reloc.target_handle },
		{ .handle = r->handle, .relocs_ptr = (uintptr_t)&reloc, .relocation_count = 1 },
		{ .handle = gem_create(r->fd, PAGE) },
	};
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = ARRAY_SIZE(obj),
	};
	const uint32_t end = MI_BATCH_BUFFER_END;

	gem_write(r->fd, obj[2].handle, 0, &end, sizeof(end));
	return try_execbuf(r->fd, &eb);
}

/* The kernel reads an object through its mapping. */
static long call_look(void *arg)
{
	struct relocated *r = arg;
	int fds[2];

	CHECK_SYS(pipe2(fds, O_CLOEXEC));
	return write(fds[1], r->ptr, 8) < 0 ? -errno : 0;
}

/* Nobody who waits in a call for the GPU, or for such a call, keeps the device from going. */
static void waits_end(void)
{
	const char *name = gem_pci_name();
	struct relocated r = { .fd = gem_open() };
	struct job relocates, looks;
	struct spin spin;
	int64_t start;
	long ret;

	gem_set_request_timeout(LONG_TIMEOUT_MS);
	r.handle = gem_create(r.fd, SIZE);
	r.ptr = map_kind(r.fd, r.handle, GTT);
	spin_start(&spin, r.fd, 0, I915_EXEC_RENDER, r.handle, EXEC_OBJECT_WRITE);
	job_start(&relocates, call_relocate, &r);
	CHECK(job_sleeps(&relocates));
	job_start(&looks, call_look, &r);
	CHECK(job_sleeps(&looks));
	start = now_ns();
	gem_set_bound(name, false);
	CHECK(now_ns() - start < 15 * NSEC * tap_slow());
	ret = job_end(&relocates);
	CHECK(ret == 0 || ret == -ENODEV);
	ret = job_end(&looks);
	CHECK(ret == 0 || ret == -EFAULT);
	CHECK(fence_signalled(spin.fence, 5000));
	gem_set_bound(name, true);
	check_works();
}

/* The device's IDs are those of a real chip; and whoever wants to have it bound to another may try. */
static void others_device(void)
{
	const char *other = "0000:00:00.0";
	char path[80];
	int fd;

	snprintf(path, sizeof(path), "/sys/bus/pci/devices/%s/driver_override", other);
	CHECK(write_file(path, "softgem"));
	fd = open("/sys/bus/pci/drivers/softgem/bind", O_WRONLY | O_CLOEXEC);
	CHECK_SYS(fd);
	CHECK_INT(write(fd, other, strlen(other)), -1);
	CHECK_RET(-errno, -ENODEV);
	close(fd);
	CHECK(write_file(path, "\n"));
	check_works();
}

static void on_sigbus(int sig)
{
	(void)sig;
	_exit(42);
}

/*
 * Two of these walk through more than the aperture holds: they fault, evict and write back all the
 * time. A third one keeps to itself.
 */
struct walker {
	unsigned int which;
	struct gate walks;
};

static void walk(void *arg)
{
	struct walker *w = arg;
	const size_t size = 40 * MiB;
	int fd = gem_open();
	char *ptr[4];

	signal(SIGBUS, on_sigbus);
	for (int i = 0; i < 4; i++) {
		uint32_t handle = gem_create(fd, size), mode = I915_TILING_X, stride = 4096, swizzle;

		if (w->which & 1)
			CHECK_RET(try_set_tiling(fd, handle, &mode, &stride, &swizzle), 0);
		ptr[i] = gem_mmap(fd, handle, size,
				  w->which & 2 ? I915_MMAP_OFFSET_WB : I915_MMAP_OFFSET_GTT);
	}
	gate_open(&w->walks);
	for (unsigned int n = 0;; n++)
		*(volatile char *)(ptr[n % 4] + (n * 7919ul * PAGE) % size) = n;
}

static void while_faulting(void)
{
	static const unsigned int wait_ms[] = { 20, 300, 1000 };
	const char *name = gem_pci_name();

	for (size_t round = 0; round < ARRAY_SIZE(wait_ms); round++) {
		struct walker w[3];
		pid_t pid[3];

		for (unsigned int i = 0; i < 3; i++) {
			w[i].which = i;
			gate_init(&w[i].walks);
			pid[i] = child_start(walk, &w[i]);
		}
		for (int i = 0; i < 3; i++)
			gate_pass(&w[i].walks);
		sleep_ms(wait_ms[round]);
		gem_set_bound(name, false);
		for (int i = 0; i < 3; i++) {
			int status;

			CHECK(child_ended_within(pid[i], 20000, &status));
			CHECK(WIFEXITED(status));
			CHECK_INT(WEXITSTATUS(status), 42);
		}
		gem_set_bound(name, true);
		check_works();
	}
}

/* A process that is told nothing and does nothing, and ends long after the device. */
static void released_at_exit(void)
{
	const char *name = gem_pci_name();
	struct gate ready, go;
	int status;
	pid_t pid;

	gate_init(&ready);
	gate_init(&go);
	pid = fork();
	CHECK_SYS(pid);
	if (!pid) {
		int fd = gem_open();
		uint32_t handle = gem_create(fd, SIZE);
		char *ptr = map_kind(fd, handle, TILED_Y), *grandchild;

		fill(ptr, SIZE, 1);
		gem_close(fd, gem_create(fd, 8 * MiB));
		grandchild = map_kind(fd, handle, WC);
		(void)*(volatile char *)grandchild;
		if (!fork()) {
			sleep_ms(300);
			_exit(0);
		}
		gate_open(&ready);
		gate_pass(&go);
		_exit(7);
	}
	gate_pass(&ready);
	gem_set_bound(name, false);
	gem_set_bound(name, true);
	check_works();
	gate_open(&go);
	CHECK(child_ended_within(pid, 10000, &status));
	CHECK(WIFEXITED(status));
	CHECK_INT(WEXITSTATUS(status), 7);
	check_works();
}

static const struct subtest tests[] = {
	{ "mappings of every kind are SIGBUS, touched before or not", every_kind, 60 },
	{ "mappings of a dma-buf and of an object's file stay", files_stay },
	{ "calls and mmap(2) are ENODEV", calls_fail },
	{ "a debugger gets EIO", debuggers_fail },
	{ "work under way ends with EIO, and lets go of user pages", work_ends, 60 },
	{ "calls that wait for work under way end with it", waits_end, 60 },
	{ "no other device is bound", others_device },
	{ "processes in the middle of faults get SIGBUS", while_faulting, 120 },
	{ "what a process holds is released when it exits", released_at_exit },
};

TAP_MAIN(tests)
