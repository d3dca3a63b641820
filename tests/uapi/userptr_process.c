// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * USERPTR and processes: fork, exec, exit, kill, and files passed to others.
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
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define SIZE	(16 * PAGE)

/* How long to watch that something does not happen. */
#define WATCH_MS	400

/* What the two processes of a subtest share. */
struct shared {
	int fd;
	uint32_t handle, gate;
	uint32_t *ptr;
	struct gate to_child, to_parent;
};

static void shared_init(struct shared *s)
{
	s->fd = gem_open();
	s->ptr = map_anon(SIZE);
	s->handle = gem_userptr(s->fd, s->ptr, SIZE, 0);
	s->gate = gem_create(s->fd, PAGE);
	gate_init(&s->to_child);
	gate_init(&s->to_parent);
}

static void child_uses_handle(void *arg)
{
	struct shared *s = arg;

	/* Our copy of the memory at the same address is not what the object means. */
	s->ptr[0] = 0xc41d;
	CHECK_HEX(gpu_read32(s->fd, s->handle, 0), 0x9a4e);
	gpu_store(s->fd, s->handle, 4, 0x1234);
	CHECK_HEX(s->ptr[1], 0);
	CHECK_HEX(gem_read32(s->fd, s->handle, 4), 0x1234);
	CHECK_RET(try_set_domain(s->fd, s->handle, I915_GEM_DOMAIN_CPU, I915_GEM_DOMAIN_CPU), 0);
}

static void fork_pages_are_creators(void)
{
	struct shared s;

	shared_init(&s);
	s.ptr[0] = 0x9a4e;
	child_end(child_start(child_uses_handle, &s));
	CHECK_HEX(s.ptr[0], 0x9a4e);
	CHECK_HEX(s.ptr[1], 0x1234);
}

static void child_unmaps(void *arg)
{
	struct shared *s = arg;

	CHECK_SYS(munmap(s->ptr, SIZE));
	gpu_store(s->fd, s->handle, 0, 0x5afe);
}

static void fork_child_unmaps(void)
{
	struct shared s;

	/* Its own copy only. */
	shared_init(&s);
	gpu_store(s.fd, s.handle, 0, 1);
	child_end(child_start(child_unmaps, &s));
	CHECK_HEX(s.ptr[0], 0x5afe);
}

static void child_watches_copy(void *arg)
{
	struct shared *s = arg;

	CHECK_HEX(s->ptr[0], 1);
	gate_open(&s->to_parent);
	gate_pass(&s->to_child);
	/* Whatever parent and GPU wrote meanwhile is theirs. */
	CHECK_HEX(s->ptr[0], 1);
	CHECK_HEX(s->ptr[PAGE / 4], 0);
}

static void cow_parent_writes(void)
{
	struct shared s;
	pid_t pid;

	shared_init(&s);
	s.ptr[0] = 1;
	gpu_store(s.fd, s.handle, 2 * PAGE, 1);
	pid = child_start(child_watches_copy, &s);
	gate_pass(&s.to_parent);
	/* The parent gets new pages on its write: the GPU must follow it there. */
	s.ptr[0] = 2;
	CHECK_INT(gpu_read32(s.fd, s.handle, 0), 2);
	gpu_store(s.fd, s.handle, 4, 3);
	CHECK_INT(s.ptr[1], 3);
	gate_open(&s.to_child);
	child_end(pid);
}

static void cow_gpu_writes(void)
{
	struct shared s;
	pid_t pid;

	shared_init(&s);
	s.ptr[0] = 1;
	gpu_store(s.fd, s.handle, 2 * PAGE, 1);
	pid = child_start(child_watches_copy, &s);
	gate_pass(&s.to_parent);
	/* The GPU is the first to write to pages that are shared since the fork. */
	gpu_store(s.fd, s.handle, 0, 4);
	gpu_store(s.fd, s.handle, PAGE, 5);
	CHECK_INT(s.ptr[0], 4);
	CHECK_INT(s.ptr[PAGE / 4], 5);
	gate_open(&s.to_child);
	child_end(pid);
	CHECK_INT(gpu_read32(s.fd, s.handle, 0), 4);
}

static void child_writes_copy(void *arg)
{
	struct shared *s = arg;

	memset(s->ptr, 0xcc, SIZE);
}

static void cow_child_writes(void)
{
	struct shared s;

	shared_init(&s);
	fill(s.ptr, SIZE, 1);
	gpu_store(s.fd, s.handle, 0, 6);
	child_end(child_start(child_writes_copy, &s));
	CHECK_INT(gpu_read32(s.fd, s.handle, 0), 6);
	CHECK_INT(s.ptr[0], 6);
	gpu_store(s.fd, s.handle, 4, 7);
	CHECK_INT(s.ptr[1], 7);
}

static void child_has_gpu_write(void *arg)
{
	struct shared *s = arg;

	CHECK_INT(s->ptr[0], 9);
}

static void fork_while_busy(void)
{
	struct shared s;
	struct spin spin;
	struct gate ends;
	struct batch b;
	pid_t ender;

	shared_init(&s);
	s.ptr[0] = 1;
	spin_start(&spin, s.fd, 0, I915_EXEC_RENDER, s.gate, EXEC_OBJECT_WRITE);
	ender = spin_ender_start(&spin, &ends, WATCH_MS);
	batch_init(&b, s.fd, I915_EXEC_BLT);
	batch_obj(&b, s.gate, 0);
	batch_store(&b, s.handle, 0, 9);
	batch_submit(&b);
	/* Fork takes the right to write from the pages, and so waits for the store. */
	gate_open(&ends);
	child_end(child_start(child_has_gpu_write, &s));
	child_end(ender);
	CHECK(!gem_is_busy(s.fd, b.handle));
	CHECK_INT(s.ptr[0], 9);
	spin_free(&spin);
}

/* How a child tells the handle of the userptr that it has made. */
static int channel[2];

static void tell(uint32_t handle)
{
	CHECK_INT(write(channel[1], &handle, sizeof(handle)), sizeof(handle));
}

static uint32_t told(void)
{
	uint32_t handle;

	CHECK_INT(read(channel[0], &handle, sizeof(handle)), sizeof(handle));
	return handle;
}

static void child_creates_and_exits(void *arg)
{
	struct shared *s = arg;
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(s->fd, ptr, SIZE, 0);

	gpu_store(s->fd, handle, 0, 1);
	CHECK_INT(ptr[0], 1);
	tell(handle);
	gate_pass(&s->to_child);
}

static void creator_exits(void)
{
	struct shared s;
	uint32_t handle;
	pid_t pid;

	shared_init(&s);
	CHECK_SYS(pipe(channel));
	pid = child_start(child_creates_and_exits, &s);
	handle = told();
	/* The pages are the child's, the file is ours as well. */
	CHECK_INT(gpu_read32(s.fd, handle, 0), 1);
	gate_open(&s.to_child);
	child_end(pid);
	CHECK_RET(try_gpu_store(s.fd, handle, 0, 2), -EFAULT);
	CHECK_RET(try_set_domain(s.fd, handle, I915_GEM_DOMAIN_CPU, 0), -EFAULT);
	gem_close(s.fd, handle);
	gpu_store(s.fd, s.handle, 0, 3);
	CHECK_INT(s.ptr[0], 3);
}

static void child_creates_and_execs(void *arg)
{
	struct shared *s = arg;
	uint32_t handle = gem_userptr(s->fd, map_anon(SIZE), SIZE, 0);

	gpu_store(s->fd, handle, 0, 1);
	tell(handle);
	gate_pass(&s->to_child);
	/* "sleep" in the new image, so that the process lives on without the memory. */
	execlp("sleep", "sleep", "60", NULL);
	tap_fail(__FILE__, __LINE__, "got %m expected exec to succeed");
}

static void creator_execs(void)
{
	struct shared s;
	uint32_t handle;
	int status, ret;
	pid_t pid;

	shared_init(&s);
	CHECK_SYS(pipe(channel));
	pid = child_start(child_creates_and_execs, &s);
	handle = told();
	CHECK_INT(gpu_read32(s.fd, handle, 0), 1);
	gate_open(&s.to_child);
	for (int i = 0; i < 500; i++) {
		ret = try_gpu_store(s.fd, handle, 0, 2);
		if (ret)
			break;
		sleep_ms(10);
	}
	CHECK_RET(ret, -EFAULT);
	CHECK(child_goes_on(pid, 0));
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 5000, &status));
	gem_close(s.fd, handle);
}

/* Queue a store into the child's userptr behind the parent's gate, then end as told. */
static void child_leaves_work(struct shared *s, bool exits)
{
	uint32_t *ptr = map_anon(SIZE), handle = gem_userptr(s->fd, ptr, SIZE, 0);
	struct batch b;

	batch_init(&b, s->fd, I915_EXEC_BLT);
	batch_obj(&b, s->gate, 0);
	batch_store(&b, handle, 0, 1);
	batch_submit(&b);
	CHECK(gem_is_busy(s->fd, handle));
	tell(handle);
	gate_pass(&s->to_child);
	if (!exits)
		pause();
}

static void child_leaves_work_and_exits(void *arg)
{
	child_leaves_work(arg, true);
}

static void child_leaves_work_and_stays(void *arg)
{
	child_leaves_work(arg, false);
}

/* The child ends, by exit or SIGKILL, but not before the GPU is done with its memory. */
static void end_while_busy(bool killed)
{
	struct shared s;
	struct spin spin;
	uint32_t handle;
	int status;
	pid_t pid;

	shared_init(&s);
	CHECK_SYS(pipe(channel));
	spin_start(&spin, s.fd, 0, I915_EXEC_RENDER, s.gate, EXEC_OBJECT_WRITE);
	pid = child_start(killed ? child_leaves_work_and_stays : child_leaves_work_and_exits, &s);
	handle = told();
	gate_open(&s.to_child);
	if (killed)
		CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_goes_on(pid, WATCH_MS));
	CHECK(!fence_signalled(spin.fence, 0));
	spin_end(&spin);
	CHECK(child_ended_within(pid, 10000, &status));
	CHECK_INT(status, killed ? SIGKILL : 0);
	CHECK(!gem_is_busy(s.fd, handle));
	CHECK_RET(try_gpu_store(s.fd, handle, 0, 2), -EFAULT);
	gem_close(s.fd, handle);
	spin_free(&spin);
	gpu_store(s.fd, s.handle, 0, 3);
	CHECK_INT(s.ptr[0], 3);
}

static void exit_while_busy(void)
{
	end_while_busy(false);
}

static void kill_while_busy(void)
{
	end_while_busy(true);
}

static void child_spins(void *arg)
{
	struct shared *s = arg;
	int fd = gem_open();
	uint32_t handle = gem_userptr(fd, map_anon(SIZE), SIZE, 0);
	struct spin spin;

	/* All of it the child's own: file, context, spinner and memory. */
	spin_start(&spin, fd, gem_context_create(fd), I915_EXEC_RENDER, handle,
		   EXEC_OBJECT_WRITE);
	gate_open(&s->to_parent);
	gate_pass(&s->to_child);
	spin_end(&spin);
	pause();
}

static void kill_own_work(void)
{
	struct shared s;
	int status;
	pid_t pid;

	shared_init(&s);
	pid = child_start(child_spins, &s);
	gate_pass(&s.to_parent);
	gate_open(&s.to_child);
	sleep_ms(50);
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 10000, &status));
	CHECK_INT(status, SIGKILL);
	/* Engine and driver are there for the next. */
	gpu_store(s.fd, s.handle, 0, 1);
	CHECK_INT(s.ptr[0], 1);
}

static void child_makes_many(void *arg)
{
	int fd = gem_open();
	char *ptr = map_anon(200 * PAGE);

	(void)arg;
	for (int i = 0; i < 200; i++) {
		uint32_t handle = gem_userptr(fd, ptr + i * PAGE, PAGE, 0);

		if (i % 8 == 0)
			gpu_store(fd, handle, 0, i);
	}
	/* Exits with all of it open. */
}

static void exit_with_many(void)
{
	int fd = gem_open();
	uint32_t handle = gem_create(fd, PAGE);

	for (int i = 0; i < 5; i++)
		child_end(child_start(child_makes_many, NULL));
	gpu_store(fd, handle, 0, 1);
	CHECK_INT(gem_read32(fd, handle, 0), 1);
}

static void send_fd(int socket, int fd)
{
	char payload = 0, control[CMSG_SPACE(sizeof(int))] = { 0 };
	struct iovec iov = { &payload, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&msg);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(c), &fd, sizeof(int));
	CHECK_INT(sendmsg(socket, &msg, 0), 1);
}

static int receive_fd(int socket)
{
	char payload, control[CMSG_SPACE(sizeof(int))];
	struct iovec iov = { &payload, 1 };
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1,
		.msg_control = control, .msg_controllen = sizeof(control),
	};
	int fd;

	CHECK_INT(recvmsg(socket, &msg, 0), 1);
	CHECK(CMSG_FIRSTHDR(&msg));
	memcpy(&fd, CMSG_DATA(CMSG_FIRSTHDR(&msg)), sizeof(int));
	return fd;
}

static int sockets[2];

static void child_receives_file(void *arg)
{
	struct shared *s = arg;
	int fd = receive_fd(sockets[1]);
	uint32_t handle, *own = map_anon(SIZE);

	/* The handle of an object over memory that we never had. */
	CHECK_INT(read(channel[0], &handle, sizeof(handle)), sizeof(handle));
	CHECK_HEX(gpu_read32(fd, handle, 0), 0x0e27);
	gpu_store(fd, handle, 4, 0x9135);
	/* And one of our own on the same file. */
	handle = gem_userptr(fd, own, SIZE, 0);
	gpu_store(fd, handle, 0, 0x0111);
	CHECK_HEX(own[0], 0x0111);
	gate_open(&s->to_parent);
}

static void file_passed_on(void)
{
	struct shared s;
	uint32_t *ptr, handle;
	int fd;
	pid_t pid;

	shared_init(&s);
	CHECK_SYS(pipe(channel));
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	pid = child_start(child_receives_file, &s);
	/* All of it made after the fork. */
	fd = gem_open();
	ptr = map_anon(SIZE);
	ptr[0] = 0x0e27;
	handle = gem_userptr(fd, ptr, SIZE, 0);
	send_fd(sockets[0], fd);
	tell(handle);
	gate_pass(&s.to_parent);
	child_end(pid);
	CHECK_HEX(ptr[1], 0x9135);
}

static void child_keeps_file(void *arg)
{
	struct shared *s = arg;
	int fd = receive_fd(sockets[1]);
	uint32_t handle = told();

	gate_open(&s->to_parent);
	gate_pass(&s->to_child);
	/* The creator is gone; the file lives in us. */
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), -EFAULT);
	gem_close(fd, handle);
	gpu_store(fd, gem_create(fd, PAGE), 0, 1);
	gate_open(&s->to_parent);
}

static void child_gives_file_away(void *arg)
{
	struct shared *s = arg;
	int fd = gem_open();
	uint32_t handle = gem_userptr(fd, map_anon(SIZE), SIZE, 0);

	(void)s;
	gpu_store(fd, handle, 0, 1);
	send_fd(sockets[0], fd);
	tell(handle);
	pause();
}

static void creator_killed_file_lives(void)
{
	struct shared s;
	pid_t creator, keeper;
	int status;

	shared_init(&s);
	CHECK_SYS(pipe(channel));
	CHECK_SYS(socketpair(AF_UNIX, SOCK_STREAM, 0, sockets));
	keeper = child_start(child_keeps_file, &s);
	creator = child_start(child_gives_file_away, &s);
	gate_pass(&s.to_parent);
	CHECK_SYS(kill(creator, SIGKILL));
	CHECK(child_ended_within(creator, 5000, &status));
	gate_open(&s.to_child);
	gate_pass(&s.to_parent);
	child_end(keeper);
}

/* Memory that may be written to but not read is looked up page by page, in a way of its own. */
static void child_faults_unreadable(void *arg)
{
	const size_t size = 256 * MiB;
	int fd = gem_open();
	void *ptr = mmap(NULL, size, PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint32_t handle;

	CHECK(ptr != MAP_FAILED);
	CHECK_SYS(madvise(ptr, size, MADV_NOHUGEPAGE));
	handle = gem_userptr(fd, ptr, size, 0);
	gate_open(arg);
	CHECK_RET(try_gpu_store(fd, handle, 0, 1), 0);
	pause();
}

static void killed_while_faulting(void)
{
	for (unsigned int ms = 5; ms <= 40; ms += 5) {
		struct gate gate;
		int status;
		pid_t pid;

		gate_init(&gate);
		pid = child_start(child_faults_unreadable, &gate);
		gate_pass(&gate);
		sleep_ms(ms);
		CHECK_SYS(kill(pid, SIGKILL));
		CHECK(child_ended_within(pid, 10000, &status));
		CHECK_INT(status, SIGKILL);
	}
}

static const struct subtest tests[] = {
	{ "a forked child uses the handle: the pages are the creator's", fork_pages_are_creators },
	{ "a forked child unmaps its copy: the object does not mind", fork_child_unmaps },
	{ "copy on write: the parent writes, the GPU follows the parent", cow_parent_writes },
	{ "copy on write: the GPU writes, the parent sees it, the child does not", cow_gpu_writes },
	{ "copy on write: the child writes, parent and GPU keep their bytes", cow_child_writes },
	{ "fork while a batch writes the memory: the write is not lost", fork_while_busy },
	{ "the creator exits: the handle is EFAULT to those who share the file", creator_exits },
	{ "the creator execs: the handle is EFAULT, the process lives on", creator_execs },
	{ "exit waits for a queued batch that writes the memory", exit_while_busy, 30 },
	{ "SIGKILL waits for a queued batch that writes the memory", kill_while_busy, 30 },
	{ "SIGKILL of a process whose own work ends", kill_own_work },
	{ "exit with 200 objects open, five times", exit_with_many, 60 },
	{ "a file passed to another process: handles mean the creator's pages", file_passed_on },
	{ "the creator is killed, the file lives on elsewhere", creator_killed_file_lives },
	{ "SIGKILL while unreadable memory is faulted in", killed_while_faulting, 60 },
};

TAP_MAIN(tests)
