// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Time, threads, processes, patterns and memory: see proc.h.
 */
#include "proc.h"
#include "gem.h"
#include "tap.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/userfaultfd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define NR_HUGEPAGES	"/proc/sys/vm/nr_hugepages"

int64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * NSEC + ts.tv_nsec;
}

void sleep_ms(unsigned int ms)
{
	struct timespec ts = { .tv_sec = ms / 1000, .tv_nsec = ms % 1000 * MSEC };

	while (nanosleep(&ts, &ts))
		;
}

/* R, S, D, Z, ...: see proc(5). 0 if there is no such thread. */
static char thread_state(pid_t pid, pid_t tid)
{
	char path[64], stat[256] = "";
	const char *name_end;
	int fd;

	snprintf(path, sizeof(path), "/proc/%d/task/%d/stat", pid, tid);
	fd = open(path, O_RDONLY);
	if (fd < 0)
		return 0;
	if (read(fd, stat, sizeof(stat) - 1) < 0)
		stat[0] = 0;
	close(fd);
	name_end = strrchr(stat, ')');
	return name_end ? name_end[2] : 0;
}

void print_stacks(pid_t pid, pid_t except)
{
	char path[64], line[160];
	struct dirent *entry;
	DIR *dir;
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/task", pid);
	dir = opendir(path);
	if (!dir)
		return;
	while ((entry = readdir(dir))) {
		pid_t tid = atoi(entry->d_name);

		if (!tid || tid == except)
			continue;
		printf("#   thread %d, state %c\n", tid, thread_state(pid, tid));
		snprintf(path, sizeof(path), "/proc/%d/task/%d/stack", pid, tid);
		f = fopen(path, "r");
		if (!f)
			continue;
		while (fgets(line, sizeof(line), f))
			printf("#     %s", line);
		fclose(f);
	}
	closedir(dir);
	fflush(stdout);
}

static void *job_thread(void *arg)
{
	struct job *job = arg;

	job->tid = gettid();
	atomic_store(&job->begun, true);
	job->ret = job->call(job->arg);
	atomic_store(&job->done, true);
	return NULL;
}

void job_start(struct job *job, long (*call)(void *arg), void *arg)
{
	*job = (struct job){ .call = call, .arg = arg };
	/* called before: once the thread has the lock of the memory, no code can be brought in */
	sleep_ms(1);
	CHECK_INT(pthread_create(&job->thread, NULL, job_thread, job), 0);
	while (!atomic_load(&job->begun))
		sleep_ms(1);
}

bool job_sleeps(struct job *job)
{
	unsigned int in_a_row = 0;

	for (unsigned int i = 0; i < 10000 && in_a_row < 5 && !atomic_load(&job->done); i++) {
		char state;

		sleep_ms(1);
		state = thread_state(getpid(), job->tid);
		in_a_row = state == 'S' || state == 'D' ? in_a_row + 1 : 0;
	}
	return in_a_row == 5;
}

bool job_done_within(struct job *job, unsigned int ms)
{
	/* Counted, not timed: a machine that stands still for a while must not count against it. */
	for (unsigned int i = 0; i < ms && !atomic_load(&job->done); i++)
		sleep_ms(1);
	return atomic_load(&job->done);
}

long job_end(struct job *job)
{
	CHECK(job_done_within(job, 10000 * tap_slow()));
	CHECK_INT(pthread_join(job->thread, NULL), 0);
	return job->ret;
}

pid_t child_start(void (*run)(void *arg), void *arg)
{
	pid_t pid = fork();

	CHECK_SYS(pid);
	if (!pid) {
		run(arg);
		_exit(0);
	}
	return pid;
}

/* Counted, not timed, as above. */
static bool ended_within(pid_t pid, unsigned int ms, int *status)
{
	pid_t ret = waitpid(pid, status, WNOHANG);

	for (unsigned int i = 0; i < ms && !ret; i++) {
		sleep_ms(1);
		ret = waitpid(pid, status, WNOHANG);
	}
	CHECK_SYS(ret);
	return ret;
}

bool child_ended_within(pid_t pid, unsigned int ms, int *status)
{
	return ended_within(pid, ms * tap_slow(), status);
}

bool child_goes_on(pid_t pid, unsigned int ms)
{
	int status;

	return !ended_within(pid, ms, &status);
}

void child_end(pid_t pid)
{
	int status;

	CHECK(child_ended_within(pid, 10000, &status));
	CHECK_INT(status, 0);
}

int take_fd(pid_t pid, int fd)
{
	int pidfd = syscall(SYS_pidfd_open, pid, 0), taken;

	CHECK_SYS(pidfd);
	taken = syscall(SYS_pidfd_getfd, pidfd, fd, 0);
	CHECK_SYS(taken);
	close(pidfd);
	return taken;
}

void gate_init(struct gate *gate)
{
	CHECK_SYS(pipe(gate->fds));
}

void gate_open(struct gate *gate)
{
	CHECK_INT(write(gate->fds[1], "", 1), 1);
}

void gate_pass(struct gate *gate)
{
	char token;

	CHECK_INT(read(gate->fds[0], &token, 1), 1);
}

static uint32_t pattern(size_t index, uint32_t seed)
{
	return (uint32_t)(index * 0x9e3779b1u + 1) ^ (seed * 0x85ebca6bu);
}

void kill_in_call(void (*call)(void *arg), void *arg, struct gate *gate)
{
	int status;
	pid_t pid;

	gate_init(gate);
	pid = child_start(call, arg);
	gate_pass(gate);
	sleep_ms(1000);
	CHECK_SYS(kill(pid, SIGKILL));
	CHECK(child_ended_within(pid, 3000, &status));
	CHECK_INT(status, SIGKILL);
}

void fill(void *ptr, size_t len, uint32_t seed)
{
	uint32_t *word = ptr;

	for (size_t i = 0; i < len / 4; i++)
		word[i] = pattern(i, seed);
}

void check_fill(const char *file, int line, const void *ptr, size_t len, uint32_t seed)
{
	const uint32_t *word = ptr;

	for (size_t i = 0; i < len / 4; i++)
		if (word[i] != pattern(i, seed))
			tap_fail(file, line, "got word %#x expected %#x at offset %zu of %zu",
				 word[i], pattern(i, seed), i * 4, len);
}

void *map_anon(size_t len)
{
	char *room = mmap(NULL, len + 2 * PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	/*
	 * Left alone at both ends. Beside other memory of its kind it would become one mapping with
	 * that; and when the kernel splits a mapping, it invalidates the 2 MiB around the place if the
	 * mapping spans them all: objects that are near by, but have nothing to do with it, too.
	 */
	CHECK_SYS(room);
	CHECK_SYS(mprotect(room + PAGE, len, PROT_READ | PROT_WRITE));
	return room + PAGE;
}

void *map_memfd(size_t len)
{
	int fd = memfd_create("softgem", MFD_CLOEXEC);
	void *ptr;

	CHECK_SYS(fd);
	CHECK_SYS(ftruncate(fd, len));
	ptr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	CHECK_SYS(ptr);
	close(fd);
	return ptr;
}

void *map_hole(size_t len)
{
	void *ptr = map_anon(len);

	CHECK_SYS(munmap(ptr, len));
	return ptr;
}

void *map_hugetlb(size_t len)
{
	void *ptr;

	if (!write_file(NR_HUGEPAGES, "4"))
		tap_skip("no hugetlb in this kernel");
	ptr = mmap(NULL, len, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB,
		   -1, 0);
	if (ptr == MAP_FAILED)
		tap_skip("no hugetlb pages can be had");
	return ptr;
}

void unmap_hugetlb(void *ptr, size_t len)
{
	CHECK_SYS(munmap(ptr, len));
	CHECK(write_file(NR_HUGEPAGES, "0"));
}

int open_userfaultfd(uint64_t features)
{
	struct uffdio_api api = { .api = UFFD_API, .features = features };
	int uffd = syscall(SYS_userfaultfd, O_CLOEXEC);

	if (uffd < 0 && errno == ENOSYS)
		tap_skip("no userfaultfd in this kernel");
	CHECK_SYS(uffd);
	if (ioctl(uffd, UFFDIO_API, &api))
		tap_skip("no such userfaultfd in this kernel: %m");
	return uffd;
}

void uffd_register(int uffd, void *ptr, size_t len, uint64_t mode)
{
	struct uffdio_register reg = { .range = { (uintptr_t)ptr, len }, .mode = mode };

	CHECK_SYS(ioctl(uffd, UFFDIO_REGISTER, &reg));
}

void *uffd_wait(int uffd)
{
	struct uffd_msg msg;

	CHECK_INT(read(uffd, &msg, sizeof(msg)), sizeof(msg));
	CHECK_INT(msg.event, UFFD_EVENT_PAGEFAULT);
	return (void *)(uintptr_t)(msg.arg.pagefault.address & -PAGE);
}

void uffd_copy(int uffd, void *page, const void *content)
{
	struct uffdio_copy copy = {
		.dst = (uintptr_t)page, .src = (uintptr_t)content, .len = PAGE,
	};

	CHECK_SYS(ioctl(uffd, UFFDIO_COPY, &copy));
}

bool huge_entries(void)
{
	struct utsname name;
	long major, minor;
	char *end;

	CHECK_SYS(uname(&name));
	major = strtol(name.release, &end, 10);
	CHECK_INT(*end, '.');
	minor = strtol(end + 1, NULL, 10);
	return major > 6 || (major == 6 && minor >= 12);
}

void check_sigbus(void *ptr, bool write)
{
	pid_t pid = fork();
	int status;

	CHECK_SYS(pid);
	if (!pid) {
		signal(SIGBUS, SIG_DFL);
		if (write)
			*(volatile char *)ptr = 1;
		else
			(void)*(volatile char *)ptr;
		_exit(0);
	}
	CHECK(child_ended_within(pid, 10000, &status));
	CHECK(WIFSIGNALED(status));
	CHECK_INT(WTERMSIG(status), SIGBUS);
}

void drop_capability(int cap)
{
	struct __user_cap_header_struct header = { .version = _LINUX_CAPABILITY_VERSION_3 };
	struct __user_cap_data_struct data[2];

	CHECK_SYS(syscall(SYS_capget, &header, data));
	data[cap / 32].effective &= ~(1u << cap % 32);
	data[cap / 32].permitted &= ~(1u << cap % 32);
	data[cap / 32].inheritable &= ~(1u << cap % 32);
	CHECK_SYS(syscall(SYS_capset, &header, data));
}

bool write_file(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);
	ssize_t n;

	if (fd < 0)
		return false;
	n = write(fd, text, strlen(text));
	close(fd);
	return n == (ssize_t)strlen(text);
}
