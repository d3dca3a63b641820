// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * memory_group FOLDER MIB FILE... - a control group, FOLDER/tests, of processes that can have so much
 * memory, until one of them has found out. They are made of the files, which do not count.
 *
 * IGT learns how much memory can be locked by locking it until that fails, in one child after the
 * other. Of the machine's memory that ends in the OOM killer, which does not choose as the test
 * hopes; a version 1 control group whose OOM killer is off has mlock() fail instead. It leaves
 * nothing for what the processes do next: a page fault waits until somebody raises the limit, so
 * that this is done, a little, when one waits and when a child has ended. That must not become a
 * habit: where nothing is swapped out and the programs stay in memory, they hardly fault.
 *
 * When the test has found out, it is to be the machine that is short of memory, not the group, and
 * the limit (which had better be somewhat below what the machine has) goes: that is when a process
 * has unlocked all, having locked half the limit or more. It comes back with that process's end.
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#define PIDS	(1 << 15)

static const char *group;
static bool had_locked[PIDS];

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static FILE *group_file(const char *name, const char *mode)
{
	char path[256];
	FILE *file;

	snprintf(path, sizeof(path), "%s/tests/%s", group, name);
	file = fopen(path, mode);
	if (!file)
		fail(path);
	return file;
}

static bool set(const char *name, long long value)
{
	FILE *file = group_file(name, "w");
	bool written = fprintf(file, "%lld", value) > 0;

	return !fclose(file) && written;
}

/* What a process has locked, in KiB; -1: there is no such process, or it is at its end. */
static long locked_kb(int pid)
{
	char path[64], line[256];
	long kb = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%d/status", pid);
	file = fopen(path, "r");
	while (file && kb < 0 && fgets(line, sizeof(line), file))
		sscanf(line, "VmLck: %ld", &kb);
	if (file)
		fclose(file);
	return kb;
}

/*
 * A process that has locked that much memory, and unlocked all of it; 0: there is none. *@processes
 * becomes the number of those in the group.
 */
static int who_has_unlocked(long much_kb, int *processes)
{
	FILE *file = group_file("cgroup.procs", "r");
	int pid, found = 0;

	for (*processes = 0; fscanf(file, "%d", &pid) == 1; ++*processes) {
		long kb = pid < PIDS ? locked_kb(pid) : -1;

		if (!kb && had_locked[pid])
			found = pid;
		else if (pid < PIDS)
			had_locked[pid] = had_locked[pid] ? kb >= 0 : kb >= much_kb;
	}
	fclose(file);
	return found;
}

/* Whether a process of the group cannot go on for want of memory. */
static bool stuck(void)
{
	FILE *file = group_file("memory.oom_control", "r");
	char line[64];
	int under = 0;

	while (fgets(line, sizeof(line), file))
		sscanf(line, "under_oom %d", &under);
	fclose(file);
	return under;
}

/* Until mlockall() and the end, so that it is us who pay for it. */
static void map_file(const char *path)
{
	int fd = open(path, O_RDONLY);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) ||
	    mmap(NULL, st.st_size, PROT_READ, MAP_SHARED | MAP_POPULATE, fd, 0) == MAP_FAILED)
		fail(path);
	close(fd);
}

static bool limit_to(long long limit)
{
	return set("memory.limit_in_bytes", limit) && set("memory.swappiness", 0);
}

int main(int argc, char **argv)
{
	long long limit = argc > 2 ? atoll(argv[2]) << 20 : 0, now;
	int processes = 0;
	char path[256];

	if (!limit) {
		fputs("memory_group FOLDER MIB FILE...\n", stderr);
		return 1;
	}
	group = argv[1];
	snprintf(path, sizeof(path), "%s/tests", group);
	if (mkdir(group, 0755) || mount("memory", group, "cgroup", 0, "memory") || mkdir(path, 0755))
		fail(group);
	if (!limit_to(limit) || !set("memory.oom_control", 1))
		fail(path);
	while (argc-- > 3)
		map_file(argv[argc]);
	/* it has to act where no memory is left */
	if (mlockall(MCL_CURRENT | MCL_FUTURE))
		fail("mlockall");
	puts("limited");
	fflush(stdout);
	now = limit;
	for (;;) {
		int before = processes, pid = who_has_unlocked(limit >> 11, &processes);

		if (pid) {
			set("memory.limit_in_bytes", -1);
			set("memory.swappiness", 60);
			while (locked_kb(pid) >= 0)
				usleep(20000);
			had_locked[pid] = false;
		} else if (processes && (processes < before || stuck())) {
			now += 1 << 20;
			set("memory.limit_in_bytes", now);
			/* who waits is told, and may take a while to get a processor */
			for (int i = 0; i < 200 && stuck(); i++)
				usleep(5000);
		}
		if (pid || (!processes && now != limit)) {
			while (!limit_to(limit))
				usleep(20000);
			now = limit;
		}
		usleep(5000);
	}
}
