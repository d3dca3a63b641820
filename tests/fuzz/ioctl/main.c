// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * ioctl_fuzz [-g] [-o] [SEED [SECONDS [PROCESSES]]]: see fuzz.h. To be run as root in a guest.
 * -g: owners do not have the GPU write, since somebody resets it; -o: there are no owners, since
 * somebody takes the device away.
 *
 * Prints how often each call was made, and how often it succeeded. Exit status 0 if all owners
 * found what is theirs unchanged, and every process that was killed has gone.
 */
#include "fuzz.h"
#include "gem.h"
#include "proc.h"

#include <drm.h>
#include <errno.h>
#include <fcntl.h>
#include <i915_drm.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define THREADS		3
#define MAX_PROCESSES	8
/* A killed process may have to wait for requests, and for whoever else is killed. */
#define REAP_SECONDS	120

struct shared *shared;
struct process process;

static struct call calls[MAX_CALLS];
static size_t num_calls;
static unsigned int total_weight;

uint64_t rnd64(struct thread *t)
{
	t->random ^= t->random << 13;
	t->random ^= t->random >> 7;
	t->random ^= t->random << 17;
	return t->random * 0x2545f4914f6cdd1dull;
}

uint32_t rnd(struct thread *t, uint32_t n)
{
	return (rnd64(t) >> 32) % n;
}

static uint64_t seed_of(uint64_t seed, unsigned int n)
{
	return (seed + n) * 0x9e3779b97f4a7c15ull | 1;
}

int random_file(struct thread *t)
{
	return atomic_load(&process.files[rnd(t, FILES)]);
}

int open_file(const char *path, int flags, bool bannable)
{
	struct drm_i915_gem_context_param arg = { .param = I915_CONTEXT_PARAM_BANNABLE };
	int fd = open(path, O_RDWR | O_CLOEXEC | flags);

	if (fd >= 0 && !bannable)
		ioctl(fd, DRM_IOCTL_I915_GEM_CONTEXT_SETPARAM, &arg);
	return fd;
}

void keep_fd(struct thread *t, atomic_int *table, unsigned int n, int fd)
{
	int old = atomic_exchange(&table[rnd(t, n)], fd);

	if (old >= 0)
		close(old);
}

static void add_calls(const struct call *table, size_t n)
{
	for (size_t i = 0; i < n && num_calls < MAX_CALLS; i++) {
		calls[num_calls++] = table[i];
		total_weight += table[i].weight;
	}
}

uint32_t random_call(struct thread *t)
{
	uint32_t at = rnd(t, total_weight), i = 0;

	while (at >= calls[i].weight)
		at -= calls[i++].weight;
	return i;
}

static void *fuzz(void *arg)
{
	struct thread chooser = { .random = *(uint64_t *)arg };
	struct coverage coverage;

	coverage_open(&coverage);
	while (!atomic_load(&shared->stop)) {
		struct thread t;
		struct step step;

		coverage_next(&coverage, &chooser, &step);
		t.random = step.seed;
		atomic_fetch_add(&shared->calls[step.call], 1);
		coverage_begin(&coverage);
		if (calls[step.call].make(&t) >= 0)
			atomic_fetch_add(&shared->good[step.call], 1);
		coverage_end(&coverage, &step);
	}
	return NULL;
}

/* A process; the files that it finds in the table are shared with all others. */
static void be_process(uint64_t seed)
{
	pthread_t threads[THREADS], owner;
	uint64_t seeds[THREADS];
	pthread_barrier_t ready;
	struct owner_start start = { .seed = seed_of(seed, 99), .ready = &ready };

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	process.files[0] = open_file(shared->render, 0, seed & 128);
	process.files[1] = open_file(shared->card, seed & 64 ? O_NONBLOCK : 0, seed & 256);
	for (unsigned int i = 0; i < BUFFERS; i++)
		process.buffers[i] = -1;
	memory_init();
	pthread_barrier_init(&ready, NULL, 2);
	if (!shared->no_owners) {
		if (pthread_create(&owner, NULL, owner_run, &start))
			_exit(2);
		pthread_barrier_wait(&ready);
	}
	for (unsigned int i = 0; i < THREADS; i++) {
		seeds[i] = seed_of(seed, i);
		if (pthread_create(&threads[i], NULL, fuzz, &seeds[i]))
			_exit(2);
	}
	if (!shared->no_owners)
		pthread_join(owner, NULL);
	for (unsigned int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	_exit(0);
}

static pid_t start_process(uint64_t seed)
{
	pid_t pid = fork();

	if (!pid)
		be_process(seed);
	return pid;
}

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec + t.tv_nsec * 1e-9;
}

/* Kill a process. It must go, whatever it is in the middle of. Return: had it gone before? */
static bool reap(pid_t pid)
{
	int status, turns = 0;

	if (waitpid(pid, &status, WNOHANG) == pid) {
		if (status)
			printf("a process died by itself, status %#x\n", status);
		return true;
	}
	kill(pid, SIGKILL);
	while (waitpid(pid, &status, WNOHANG) == 0) {
		usleep(10000);
		/* counted, not timed: a machine that stands still must not count against it */
		if (++turns < REAP_SECONDS * 100)
			continue;
		printf("a killed process does not end:\n");
		print_stacks(pid, 0);
		exit(1);
	}
	return false;
}

/* A device that went while it was in use may have the first numbers still. */
static void find_nodes(void)
{
	int render = gem_open(), card = gem_open_card();

	snprintf(shared->render, sizeof(shared->render), "%s", gem_path(render));
	snprintf(shared->card, sizeof(shared->card), "%s", gem_path(card));
	close(render);
	close(card);
}

static void report(uint64_t seed, unsigned int killed, unsigned int died)
{
	unsigned long all = 0;

	for (size_t i = 0; i < num_calls; i++) {
		printf("%-18s %9lu %9lu\n", calls[i].name, shared->calls[i], shared->good[i]);
		all += shared->calls[i];
	}
	if (shared->edges)
		printf("%lu edges of the driver reached, by %u sequences that were first\n", shared->edges,
		       shared->num_sequences);
	printf("seed %lu: %lu calls, %u processes killed, %u died, %lu checks by owners: %s\n", seed, all,
	       killed, died, shared->checks, shared->failed ? shared->message : "nothing found");
}

int main(int argc, char **argv)
{
	unsigned int n = 3, killed = 0, died = 0, started = 0;
	const struct rlimit files = { 4096, 4096 };
	double seconds = 60, end;
	pid_t pids[MAX_PROCESSES];
	uint64_t seed = 1;
	struct thread t;
	int option;

	shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (shared == MAP_FAILED)
		return 2;
	while ((option = getopt(argc, argv, "go")) != -1)
		switch (option) {
		case 'g':
			shared->no_gpu_writes = true;
			break;
		case 'o':
			shared->no_owners = true;
			break;
		default:
			return 2;
		}
	if (optind < argc)
		seed = strtoull(argv[optind++], NULL, 0);
	if (optind < argc)
		seconds = atof(argv[optind++]);
	if (optind < argc)
		n = atoi(argv[optind++]);
	if (n < 1 || n > MAX_PROCESSES)
		return 2;
	t.random = seed_of(seed, 1000);
	end = now() + seconds;
	setrlimit(RLIMIT_NOFILE, &files);
	find_nodes();
	/* batches that do not end: soon enough not to hold up the others */
	gem_set_request_timeout(1000);
	add_calls(object_calls, num_object_calls);
	add_calls(context_calls, num_context_calls);
	add_calls(memory_calls, num_memory_calls);
	for (unsigned int i = 0; i < FILES; i++)
		process.files[i] = i < 2 ? -1 : open_file(shared->render, 0, false);
	if (process.files[2] < 0) {
		perror(shared->render);
		return 2;
	}
	for (unsigned int i = 0; i < n; i++)
		pids[i] = start_process(seed_of(seed, started++));
	while (now() < end && !shared->failed) {
		unsigned int victim = rnd(&t, n);

		usleep(200000 + rnd(&t, 2000000));
		if (shared->failed)
			break;
		if (reap(pids[victim]))
			died++;
		else
			killed++;
		pids[victim] = start_process(seed_of(seed, started++));
	}
	shared->stop = true;
	for (unsigned int i = 0; i < n; i++)
		reap(pids[i]);
	report(seed, killed, died);
	return shared->failed;
}
