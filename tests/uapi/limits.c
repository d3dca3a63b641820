// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What a process can take from the others: kernel memory that nobody pays for, and files that are
 * none of its business.
 */
#include "batch.h"
#include "gem.h"
#include "proc.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#define GROUP		"/sys/fs/cgroup/softgem-limits"
#define GROUP_MAX	(24 * MiB)
/* Of what takes 128 bytes or more nobody gets so many within the limit. */
#define TOO_MANY	(GROUP_MAX / 128)
/* So many objects are bound at a time: a context that they are bound in is small beside that. */
#define BOUND		500u

/**
 * struct hoard - something that a process can have many of.
 * @name: what
 * @get: get more. Return: 0 or -errno
 * @each: how many that are
 * @fd: the device
 * @ptr: a page
 */
struct hoard {
	const char *name;
	int (*get)(const struct hoard *h);
	unsigned int each;
	int fd;
	void *ptr;
};

static int get_object(const struct hoard *h)
{
	uint64_t size = MiB;
	uint32_t handle;

	return try_create(h->fd, &size, &handle);
}

static int get_userptr(const struct hoard *h)
{
	uint32_t handle;

	return try_userptr(h->fd, h->ptr, PAGE, 0, &handle);
}

static int get_context(const struct hoard *h)
{
	uint32_t ctx;

	return try_context_create(h->fd, &ctx);
}

static int get_space(const struct hoard *h)
{
	uint32_t vm;

	return try_vm_create(h->fd, &vm);
}

static int get_offset(const struct hoard *h)
{
	uint64_t size = PAGE, offset;
	uint32_t handle;
	int ret = try_create(h->fd, &size, &handle);

	for (uint64_t kind = I915_MMAP_OFFSET_GTT; kind <= I915_MMAP_OFFSET_UC && !ret; kind++)
		ret = try_mmap_offset(h->fd, handle, kind, &offset);
	return ret;
}

static int get_binding(const struct hoard *h)
{
	static struct drm_i915_gem_exec_object2 obj[BOUND];
	const uint32_t end[] = { MI_BATCH_BUFFER_END, 0 };
	struct drm_i915_gem_execbuffer2 eb = {
		.buffers_ptr = (uintptr_t)obj, .buffer_count = BOUND, .flags = I915_EXEC_RENDER,
	};
	uint32_t ctx;
	int ret;

	for (unsigned int i = 0; i < BOUND && !obj[i].handle; i++) {
		obj[i].handle = gem_create(h->fd, PAGE);
		obj[i].offset = batch_address(obj[i].handle);
		obj[i].flags = EXEC_OBJECT_PINNED | EXEC_OBJECT_SUPPORTS_48B_ADDRESS;
		gem_write(h->fd, obj[i].handle, 0, end, sizeof(end));
	}
	ret = try_context_create(h->fd, &ctx);
	if (ret)
		return ret;
	eb.rsvd1 = ctx;
	return try_execbuf(h->fd, &eb);
}

static int get_file(const struct hoard *h)
{
	return open(gem_path(h->fd), O_RDWR) < 0 ? -errno : 0;
}

static const struct hoard hoards[] = {
	{ "objects", get_object, 1 },
	{ "userptr objects", get_userptr, 1 },
	{ "contexts", get_context, 1 },
	{ "address spaces", get_space, 1 },
	{ "offsets, each with its object", get_offset, 1 },
	{ "bindings", get_binding, BOUND },
	{ "files", get_file, 1 },
};

/* Ends with status 0 when there is no memory for one more, with 3 if that was not the reason. */
static void be_greedy(const struct hoard *kind, const struct gate *ready)
{
	struct rlimit files = { 1 << 19, 1 << 19 };
	struct hoard h = *kind;
	unsigned long n;
	int ret = 0;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	h.fd = gem_open();
	h.ptr = map_anon(PAGE);
	setrlimit(RLIMIT_NOFILE, &files);
	CHECK(write_file("/proc/self/oom_score_adj", "1000"));
	CHECK(write_file(GROUP "/cgroup.procs", "0"));
	gate_pass((struct gate *)ready);
	for (n = 0; n < TOO_MANY && !ret; n += h.each)
		ret = h.get(&h);
	_exit(ret == -ENOMEM ? 0 : 3);
}

/* It is refused, or killed for it; which also frees everything. */
static void check_greedy(const struct hoard *h)
{
	struct gate ready;
	int status;
	pid_t pid;

	gate_init(&ready);
	pid = fork();
	CHECK(pid >= 0);
	if (!pid)
		be_greedy(h, &ready);
	gate_open(&ready);
	CHECK(child_ended_within(pid, 100000, &status));
	if (WIFSIGNALED(status) ? WTERMSIG(status) != SIGKILL : WEXITSTATUS(status))
		tap_fail(__FILE__, __LINE__, "%s: got status %#x expected to be refused or killed",
			 h->name, status);
}

static void nobody_hoards(void)
{
	char max[32];

	if (!write_file("/sys/fs/cgroup/cgroup.subtree_control", "+memory"))
		tap_skip("no control groups for memory");
	CHECK(!mkdir(GROUP, 0755) || errno == EEXIST);
	snprintf(max, sizeof(max), "%lu", GROUP_MAX);
	CHECK(write_file(GROUP "/memory.max", max));
	CHECK(write_file(GROUP "/memory.swap.max", "0"));
	for (size_t i = 0; i < ARRAY_SIZE(hoards); i++)
		check_greedy(&hoards[i]);
	/* what they had is given back, a moment later */
	for (int i = 0; rmdir(GROUP) && i < 500; i++)
		sleep_ms(10);
	CHECK(access(GROUP, F_OK));
}

/* Files of a folder and those below it. */
static void check_folder(const char *path, void (*check)(const char *path, const struct stat *st))
{
	DIR *dir = opendir(path);
	struct dirent *entry;

	CHECK(dir);
	while ((entry = readdir(dir))) {
		char name[512];
		struct stat st;

		if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, ".."))
			continue;
		snprintf(name, sizeof(name), "%s/%s", path, entry->d_name);
		CHECK_SYS(lstat(name, &st));
		if (S_ISDIR(st.st_mode))
			check_folder(name, check);
		else if (S_ISREG(st.st_mode))
			check(name, &st);
	}
	closedir(dir);
}

static void check_written_by_root(const char *path, const struct stat *st)
{
	if (st->st_uid || st->st_mode & 0022)
		tap_fail(__FILE__, __LINE__, "%s: got owner %u mode %#o expected to be root's to write",
			 path, st->st_uid, st->st_mode);
}

/* Nobody but root gets into debugfs; of sysfs others may read what says nothing of processes. */
static void files_of_root(void)
{
	char path[128];
	struct stat st;

	CHECK_SYS(stat("/sys/kernel/debug", &st));
	CHECK_INT(st.st_mode & 0777, 0700);
	CHECK_INT(st.st_uid, 0);
	snprintf(path, sizeof(path), "/sys/kernel/debug/dri/%d", gem_card_minor());
	check_folder(path, check_written_by_root);
	snprintf(path, sizeof(path), "/sys/class/drm/card%d/engine", gem_card_minor());
	check_folder(path, check_written_by_root);
	snprintf(path, sizeof(path), "/sys/class/drm/card%d/error", gem_card_minor());
	CHECK_SYS(stat(path, &st));
	CHECK_INT(st.st_mode & 0777, 0600);
	CHECK_INT(st.st_uid, 0);
}

static void of_the_module(void)
{
	check_folder("/sys/module/softgem/parameters", check_written_by_root);
}

static const struct subtest tests[] = {
	{ "who hoards objects, contexts or files is stopped by his own group's limit", nobody_hoards,
	  300 },
	{ "what is in debugfs and sysfs is root's to change, and what batches hold root's to read",
	  files_of_root },
	{ "the module's parameters are root's", of_the_module },
};

TAP_MAIN(tests)
