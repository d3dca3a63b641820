// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * PRIME export of user pages: what another file of the same device and other devices see, who pays
 * for pages that have to stay, and until when.
 */
#include "batch.h"
#include "counters.h"
#include "device.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/dma-buf.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>
#include <xf86drm.h>

#define SIZE	(16 * PAGE)
#define KB	((long)SIZE / 1024)

static long locked_kb(void)
{
	return status_kb(getpid(), "VmLck");
}

static bool locked_kb_becomes(long kb)
{
	return status_kb_becomes(getpid(), "VmLck", kb);
}

static void *replace(void *ptr, size_t len)
{
	CHECK(mmap(ptr, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1,
		   0) == ptr);
	return ptr;
}

static void other_file(void)
{
	int fd = gem_open(), other = gem_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0), imported;

	ptr[0] = 1;
	dmabuf = gem_export(fd, handle);
	imported = gem_import(other, dmabuf);
	CHECK_INT(gpu_read32(other, imported, 0), 1);
	gpu_store(other, imported, 4, 2);
	CHECK_INT(ptr[1], 2);
	close(dmabuf);
	gem_close(fd, handle);
	close(fd);
	gpu_store(other, imported, 8, 3);
	CHECK_INT(ptr[2], 3);
	/* It goes on following the process, and nothing was pinned for it. */
	replace(ptr, SIZE);
	CHECK_INT(gpu_read32(other, imported, 0), 0);
	CHECK_INT(locked_kb(), 0);
	CHECK_SYS(munmap(ptr, SIZE));
	CHECK_RET(try_gpu_store(other, imported, 0, 4), -EFAULT);
}

static void pinned_pages(void)
{
	int fd = gem_open(), dev = device_open();
	uint32_t *ptr = map_anon(SIZE);
	uint32_t handle = gem_userptr(fd, ptr, SIZE, I915_USERPTR_UNSYNCHRONIZED), value;
	int dmabuf = gem_export(fd, handle);

	CHECK_INT(locked_kb(), KB);
	ptr[0] = 1;
	device_attach(dev, dmabuf, false);
	device_map(dev);
	CHECK_INT(locked_kb(), KB);
	CHECK_INT(device_read(dev, 0), 1);
	device_write(dev, SIZE - 4, 2);
	CHECK_INT(ptr[SIZE / 4 - 1], 2);
	CHECK_RET(try_device_peek(dev, SIZE - 4, &value), 0);
	CHECK_INT(value, 2);

	/* The object keeps its pages, and so does whoever has the dma-buf. */
	replace(ptr, SIZE);
	CHECK_INT(device_read(dev, SIZE - 4), 2);
	gpu_store(fd, handle, 4, 3);
	CHECK_INT(device_read(dev, 4), 3);
	CHECK_INT(ptr[1], 0);
	gem_close(fd, handle);
	close(dmabuf);
	CHECK_INT(device_read(dev, 4), 3);
	CHECK_INT(locked_kb(), KB);
	device_detach(dev);
	CHECK(locked_kb_becomes(0));
}

static void child_exports_pinned(void *arg)
{
	struct gate *gates = arg;
	int fd = gem_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE);

	dmabuf = gem_export(fd, gem_userptr(fd, ptr, SIZE, I915_USERPTR_UNSYNCHRONIZED));
	CHECK_SYS(dup2(dmabuf, 100));
	ptr[0] = 0xfeed;
	gate_open(&gates[0]);
	gate_pass(&gates[1]);
	close(100);
	close(dmabuf);
	close(fd);
	gate_open(&gates[0]);
	gate_pass(&gates[1]);
}

static void last_reference_elsewhere(void)
{
	struct gate gates[2];
	int dev = device_open(), dmabuf;
	pid_t pid;

	gate_init(&gates[0]);
	gate_init(&gates[1]);
	pid = child_start(child_exports_pinned, gates);
	gate_pass(&gates[0]);
	dmabuf = take_fd(pid, 100);
	gate_open(&gates[1]);
	gate_pass(&gates[0]);

	device_attach(dev, dmabuf, false);
	device_map(dev);
	CHECK_HEX(device_read(dev, 0), 0xfeed);
	CHECK_INT(locked_kb(), 0);
	CHECK_INT(status_kb(pid, "VmLck"), KB);
	device_detach(dev);
	CHECK_INT(status_kb(pid, "VmLck"), KB);
	close(dmabuf);
	CHECK(status_kb_becomes(pid, "VmLck", 0));
	gate_open(&gates[1]);
	child_end(pid);
}

static void attached_is_pinned(void)
{
	int fd = gem_open(), dev = device_open(), second = device_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0), value;
	struct counters before, after;

	dmabuf = gem_export(fd, handle);
	CHECK_INT(locked_kb(), 0);
	before = counters_settled();
	device_attach(dev, dmabuf, false);
	CHECK_INT(locked_kb(), KB);
	CHECK_INT(counters().pins - before.pins, 16);
	device_map(dev);

	/* All three see the same bytes. */
	ptr[0] = 1;
	CHECK_INT(device_read(dev, 0), 1);
	device_write(dev, SIZE - 4, 2);
	CHECK_INT(ptr[SIZE / 4 - 1], 2);
	CHECK_INT(gpu_read32(fd, handle, SIZE - 4), 2);
	gpu_store(fd, handle, PAGE, 3);
	CHECK_INT(device_read(dev, PAGE), 3);
	CHECK_RET(try_device_peek(dev, PAGE, &value), 0);
	CHECK_INT(value, 3);

	/* However many there are, the pages count once. */
	device_attach(second, dmabuf, false);
	CHECK_INT(counters().pins - before.pins, 16);
	device_map(second);
	CHECK_INT(device_read(second, PAGE), 3);
	CHECK_INT(locked_kb(), KB);
	device_detach(dev);
	CHECK_INT(locked_kb(), KB);
	CHECK_INT(device_read(second, PAGE), 3);
	device_detach(second);
	CHECK(locked_kb_becomes(0));
	after = counters();
	CHECK_INT(after.unpins - before.unpins, after.pins - before.pins);

	/* And again. */
	device_attach(dev, dmabuf, false);
	CHECK_INT(locked_kb(), KB);
	device_detach(dev);
	CHECK(locked_kb_becomes(0));
}

/* Protected and unprotected again, the pages are the same: that is no reason to count them twice. */
static void same_pages_count_once(void)
{
	int fd = gem_open(), dev = device_open(), second = device_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE);
	struct rlimit limit = { SIZE, SIZE };

	drop_capability(CAP_IPC_LOCK);
	CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
	dmabuf = gem_export(fd, gem_userptr(fd, ptr, SIZE, 0));
	device_attach(dev, dmabuf, false);
	CHECK_SYS(mprotect(ptr, SIZE, PROT_NONE));
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ | PROT_WRITE));
	device_attach(second, dmabuf, false);
	CHECK_INT(locked_kb(), KB);
	device_map(second);
	device_detach(dev);
	ptr[0] = 7;
	CHECK_INT(device_read(second, 0), 7);
	CHECK_INT(locked_kb(), KB);
	device_detach(second);
	CHECK(locked_kb_becomes(0));
}

static void limit(void)
{
	int fd = gem_open(), dev = device_open(), dmabuf;
	struct rlimit limit = { SIZE - PAGE, SIZE };
	struct counters before;

	drop_capability(CAP_IPC_LOCK);
	CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
	dmabuf = gem_export(fd, gem_userptr(fd, map_anon(SIZE), SIZE, 0));
	before = counters_settled();
	CHECK_RET(try_device_attach(dev, dmabuf, false), -ENOMEM);
	CHECK_INT(locked_kb(), 0);
	CHECK_INT(counters().pins - before.pins, counters().unpins - before.unpins);
	limit.rlim_cur = SIZE;
	CHECK_SYS(setrlimit(RLIMIT_MEMLOCK, &limit));
	for (unsigned int i = 0; i < 100; i++) {
		device_attach(dev, dmabuf, false);
		device_detach(dev);
	}
	CHECK(locked_kb_becomes(0));
}

static void replaced_while_attached(void)
{
	int fd = gem_open(), dev = device_open(), second = device_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);

	ptr[0] = 1;
	dmabuf = gem_export(fd, handle);
	device_attach(dev, dmabuf, false);
	device_map(dev);
	replace(ptr, SIZE);
	ptr[0] = 2;
	/* The GPU follows the process; the device has what was there when it attached. */
	CHECK_INT(gpu_read32(fd, handle, 0), 2);
	CHECK_INT(device_read(dev, 0), 1);
	device_write(dev, 0, 3);
	CHECK_INT(ptr[0], 2);
	/* Attached anew, it sees what is there now; both ranges count. */
	device_attach(second, dmabuf, false);
	device_map(second);
	CHECK_INT(device_read(second, 0), 2);
	CHECK_INT(device_read(dev, 0), 3);
	CHECK_INT(locked_kb(), 2 * KB);
	device_detach(dev);
	CHECK(locked_kb_becomes(KB));
	device_write(second, 0, 4);
	CHECK_INT(ptr[0], 4);
	device_detach(second);
	CHECK(locked_kb_becomes(0));
}

static void nothing(void *arg)
{
	(void)arg;
}

static void fork_while_attached(void)
{
	int fd = gem_open(), dev = device_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	struct gate gate;
	uint64_t frame;
	pid_t pid;

	gate_init(&gate);
	ptr[0] = 1;
	dmabuf = gem_export(fd, handle);
	device_attach(dev, dmabuf, false);
	device_map(dev);
	frame = frame_of(ptr);
	pid = fork();
	CHECK_SYS(pid);
	if (!pid) {
		gate_pass(&gate);
		_exit(ptr[0] != 1);	/* its copy has not seen what came later */
	}
	ptr[0] = 2;
	CHECK_HEX(frame_of(ptr), frame);
	CHECK_INT(device_read(dev, 0), 2);
	device_write(dev, 0, 3);
	CHECK_INT(ptr[0], 3);
	CHECK_INT(gpu_read32(fd, handle, 0), 3);
	gate_open(&gate);
	child_end(pid);
	device_detach(dev);
	child_end(child_start(nothing, NULL));
}

static void child_exports_and_ends(void *arg)
{
	struct gate *gates = arg;
	int fd = gem_open();
	uint32_t *ptr = map_anon(SIZE);

	ptr[0] = 0xbeef;
	CHECK_SYS(dup2(gem_export(fd, gem_userptr(fd, ptr, SIZE, 0)), 100));
	gate_open(&gates[0]);
	gate_pass(&gates[1]);
}

static void owner_ends(void)
{
	int dev = device_open(), second = device_open(), dmabuf;
	struct gate gates[2];
	pid_t pid;

	gate_init(&gates[0]);
	gate_init(&gates[1]);
	pid = child_start(child_exports_and_ends, gates);
	gate_pass(&gates[0]);
	dmabuf = take_fd(pid, 100);
	device_attach(dev, dmabuf, false);
	device_map(dev);
	CHECK_INT(status_kb(pid, "VmLck"), KB);
	CHECK_INT(locked_kb(), 0);
	gate_open(&gates[1]);
	child_end(pid);

	/* What is attached keeps its pages; there is nothing left to attach to. */
	CHECK_HEX(device_read(dev, 0), 0xbeef);
	device_write(dev, 4, 1);
	CHECK_RET(try_device_attach(second, dmabuf, false), -EFAULT);
	device_detach(dev);
	CHECK_RET(try_device_attach(dev, dmabuf, false), -EFAULT);
	CHECK_RET(try_device_attach(dev, dmabuf, true), -EFAULT);
}

static void holes(void)
{
	int fd = gem_open(), dev = device_open(), dmabuf;
	char *ptr = map_anon(SIZE);
	struct counters before = counters_settled();

	dmabuf = gem_export(fd, gem_userptr(fd, ptr, SIZE, 0));
	CHECK_SYS(munmap(ptr + 8 * PAGE, PAGE));
	CHECK_RET(try_device_attach(dev, dmabuf, false), -EFAULT);
	CHECK_RET(try_device_attach(dev, dmabuf, true), -EFAULT);
	CHECK_INT(locked_kb(), 0);
	CHECK_INT(counters().pins - before.pins, counters().unpins - before.unpins);
}

static void read_only(unsigned int flags)
{
	int fd = gem_open(), dev = device_open(), dmabuf, ret;
	uint32_t *ptr = map_anon(SIZE);

	ptr[0] = 1;
	CHECK_SYS(mprotect(ptr, SIZE, PROT_READ));
	dmabuf = gem_export(fd, gem_userptr(fd, ptr, SIZE, I915_USERPTR_READ_ONLY | flags));
	ret = try_device_attach(dev, dmabuf, false);
	if (ret) {
		/* the kernel maps static importers for both directions as they attach */
		CHECK_RET(ret, -EACCES);
		CHECK(locked_kb_becomes(flags ? KB : 0));
		return;
	}
	CHECK_RET(try_device_map(dev, true), -EACCES);
	CHECK_RET(try_device_map(dev, false), 0);
	CHECK_INT(device_read(dev, 0), 1);
	device_detach(dev);
}

static void read_only_tracked(void)
{
	read_only(0);
}

static void read_only_pinned(void)
{
	read_only(I915_USERPTR_UNSYNCHRONIZED);
}

static void no_mmap(void)
{
	int fd = gem_open(), dmabuf;
	const unsigned int flags[] = { 0, I915_USERPTR_UNSYNCHRONIZED };

	for (size_t i = 0; i < ARRAY_SIZE(flags); i++) {
		dmabuf = gem_export(fd, gem_userptr(fd, map_anon(SIZE), SIZE, flags[i]));
		CHECK(mmap(NULL, SIZE, PROT_READ, MAP_SHARED, dmabuf, 0) == MAP_FAILED);
		CHECK_RET(-errno, -ENODEV);
		CHECK_INT(lseek(dmabuf, 0, SEEK_END), SIZE);
	}
}

static long call_sync(void *arg)
{
	struct dma_buf_sync sync = { .flags = DMA_BUF_SYNC_START | DMA_BUF_SYNC_READ };

	return ioctl(*(int *)arg, DMA_BUF_IOCTL_SYNC, &sync) ? -errno : 0;
}

static void sync_waits(void)
{
	int fd = gem_open(), dmabuf;
	uint32_t handle = gem_userptr(fd, map_anon(SIZE), SIZE, 0);
	struct job job;
	struct spin s;

	dmabuf = gem_export(fd, handle);
	spin_start(&s, fd, 0, I915_EXEC_RENDER, handle, EXEC_OBJECT_WRITE);
	job_start(&job, call_sync, &dmabuf);
	CHECK(!job_done_within(&job, 200));
	spin_end(&s);
	CHECK_RET(job_end(&job), 0);
	spin_free(&s);
}

static void vgem(void)
{
	int fd = gem_open(), other = vgem_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0), imported;

	dmabuf = gem_export(fd, handle);
	for (unsigned int i = 0; i < 3; i++) {
		imported = gem_import(other, dmabuf);
		CHECK_INT(locked_kb(), KB);
		gpu_store(fd, handle, 0, i);
		CHECK_INT(ptr[0], i);
		gem_close(other, imported);
		CHECK(locked_kb_becomes(0));
	}
	gem_import(other, dmabuf);
	CHECK_INT(locked_kb(), KB);
	close(other);
	CHECK(locked_kb_becomes(0));
}

/*
 * Attach as a device that can be told of moves. Where the kernel is not built for that, check that
 * it is pinned like the others, and skip the rest.
 */
static void attach_told(int dev, int dmabuf)
{
	long before = locked_kb();

	device_attach(dev, dmabuf, true);
	if (locked_kb() == before)
		return;
	CHECK_INT(locked_kb(), KB);
	device_detach(dev);
	CHECK(locked_kb_becomes(before));
	tap_skip("no CONFIG_DMABUF_MOVE_NOTIFY in this kernel: pinned, and counted");
}

static void told_of_moves(void)
{
	int fd = gem_open(), dev = device_open(), dmabuf, moves;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	struct counters before = counters_settled();

	ptr[0] = 1;
	dmabuf = gem_export(fd, handle);
	attach_told(dev, dmabuf);
	device_map(dev);
	CHECK_INT(device_read(dev, 0), 1);
	device_write(dev, 4, 2);
	CHECK_INT(ptr[1], 2);
	CHECK_INT(gpu_read32(fd, handle, 4), 2);
	CHECK_INT(counters().pins, before.pins);
	CHECK_INT(device_moves(dev), 0);

	for (uint32_t i = 1; i < 10; i++) {
		moves = device_moves(dev);
		replace(ptr, SIZE);
		ptr[0] = 10 + i;
		CHECK_INT(device_moves(dev), moves + 1);
		/* still the old page, until it maps again */
		device_write(dev, 8, 0xbad);
		CHECK_INT(ptr[2], 0);
		device_unmap(dev);
		device_map(dev);
		CHECK_INT(device_read(dev, 0), 10 + i);
		device_write(dev, 4, i);
		CHECK_INT(ptr[1], i);
	}

	/* as those do who have passed the dma-buf on */
	gem_close(fd, handle);
	moves = device_moves(dev);
	replace(ptr, SIZE);
	CHECK_INT(device_moves(dev), moves + 1);
	device_unmap(dev);
	device_map(dev);

	/* what changes elsewhere is no move; unmapped, there is nobody to be told */
	moves = device_moves(dev);
	CHECK_SYS(munmap(map_anon(SIZE), SIZE));
	CHECK_INT(device_moves(dev), moves);
	device_unmap(dev);
	replace(ptr, SIZE);
	CHECK_INT(device_moves(dev), moves);
	CHECK_RET(try_device_pin(dev), -EBUSY);
	CHECK_SYS(munmap(ptr, SIZE));
	CHECK_RET(try_device_map(dev, true), -EAGAIN);
	device_detach(dev);
	CHECK_INT(counters().pins, before.pins);
	CHECK_INT(locked_kb(), 0);
}

static void told_pages_move(void)
{
	int fd = gem_open(), dev = device_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);

	ptr[0] = 1;
	dmabuf = gem_export(fd, handle);
	attach_told(dev, dmabuf);
	device_map(dev);
	/* Written to by the device, then taken out by reclaim: nothing is lost. */
	device_write(dev, 0, 2);
	page_out_all(ptr, SIZE);
	CHECK(device_moves(dev) > 0);
	device_unmap(dev);
	CHECK_HEX(frame_of(ptr), 0);
	device_map(dev);
	CHECK(frame_of(ptr));
	CHECK_INT(device_read(dev, 0), 2);
	device_write(dev, 4, 3);
	CHECK_INT(ptr[1], 3);
}

static long call_hold_lock(void *arg)
{
	device_hold_lock(*(int *)arg, 3000);
	return 0;
}

static void told_later(void)
{
	int fd = gem_open(), dev = device_open(), holder = device_open(), dmabuf;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(fd, ptr, SIZE, 0);
	int64_t start, end;
	struct job job;

	dmabuf = gem_export(fd, handle);
	attach_told(dev, dmabuf);
	device_attach(holder, dmabuf, true);
	device_map(dev);
	job_start(&job, call_hold_lock, &holder);
	CHECK(!job_done_within(&job, 100));
	/* Whoever holds the reservation may be waiting for this: it is not waited for. */
	start = now_ns();
	replace(ptr, SIZE);
	CHECK(now_ns() - start < 1500 * MSEC);
	CHECK_INT(device_moves(dev), 0);
	CHECK_INT(job_end(&job), 0);
	for (end = now_ns() + 5 * NSEC; !device_moves(dev) && now_ns() < end;)
		sleep_ms(1);
	CHECK_INT(device_moves(dev), 1);
	device_unmap(dev);
	device_map(dev);
	ptr[0] = 5;
	CHECK_INT(device_read(dev, 0), 5);
}

/**
 * struct crowd - threads that attach to the same dma-buf while the process changes its memory.
 */
struct crowd {
	int dmabuf;
	char *ptr;
	atomic_bool stop;
	atomic_uint rounds;
};

static long attach_and_detach(void *arg)
{
	struct crowd *c = arg;
	int dev = device_open();

	for (unsigned int i = 0; !c->stop; i++) {
		int ret = try_device_attach(dev, c->dmabuf, i % 2);

		CHECK(!ret || ret == -EAGAIN);
		if (ret)
			continue;
		if (!try_device_map(dev, true)) {
			device_write(dev, i % 16 * PAGE, i);
			device_read(dev, SIZE - 4);
		}
		device_detach(dev);
		c->rounds++;
	}
	return 0;
}

static long change(void *arg)
{
	struct crowd *c = arg;

	while (!c->stop) {
		CHECK_SYS(madvise(c->ptr, SIZE / 2, MADV_DONTNEED));
		CHECK_SYS(mprotect(c->ptr, SIZE, PROT_READ | PROT_WRITE));
		sleep_ms(1);
	}
	return 0;
}

static void crowded(void)
{
	int fd = gem_open();
	struct crowd c = { .ptr = map_anon(SIZE) };
	uint32_t handle = gem_userptr(fd, c.ptr, SIZE, 0);
	struct counters before = counters_settled(), after;
	int64_t end = now_ns() + 3 * NSEC;
	struct job jobs[4];

	c.dmabuf = gem_export(fd, handle);
	for (size_t i = 0; i < 3; i++)
		job_start(&jobs[i], attach_and_detach, &c);
	job_start(&jobs[3], change, &c);
	while (now_ns() < end || c.rounds < 10)
		gpu_store(fd, handle, 64, 1);
	c.stop = true;
	for (size_t i = 0; i < 4; i++)
		CHECK_INT(job_end(&jobs[i]), 0);
	CHECK(locked_kb_becomes(0));
	after = counters();
	CHECK_INT(after.pins - before.pins, after.unpins - before.unpins);
	tap_note("%u times attached", c.rounds);
}

static const struct subtest tests[] = {
	{ "another file of the device gets the same object, which follows the process", other_file },
	{ "pinned: a device sees the pages that the object holds, counted once", pinned_pages },
	{ "pinned: counted until the last reference goes, in another process",
	  last_reference_elsewhere },
	{ "tracked: pages are pinned while devices are attached, and count once", attached_is_pinned },
	{ "tracked: pages that stayed the same count once", same_pages_count_once },
	{ "tracked: beyond RLIMIT_MEMLOCK attaching is ENOMEM and counts nothing", limit },
	{ "tracked: a device keeps what it attached to, the GPU follows the process",
	  replaced_while_attached },
	{ "tracked: pages that are pinned stay the parent's across fork", fork_while_attached },
	{ "tracked: the owner's end leaves what is attached, and nothing to attach to", owner_ends },
	{ "tracked: attaching to a range with a hole is EFAULT and counts nothing", holes },
	{ "read-only, tracked: a device may not map it for writing", read_only_tracked },
	{ "read-only, pinned: a device may not map it for writing", read_only_pinned },
	{ "mmap of the dma-buf is ENODEV, lseek tells its size", no_mmap },
	{ "DMA_BUF_IOCTL_SYNC waits for the GPU", sync_waits },
	{ "vgem imports it, and pays back on close", vgem },
	{ "a device that can be told is told of moves, and nothing is pinned", told_of_moves },
	{ "a device that can be told: pages are swapped out, no write is lost", told_pages_move },
	{ "a device is told later if the reservation is taken", told_later },
	{ "devices attach and detach while the process changes its memory", crowded, 60 },
};

TAP_MAIN(tests)
