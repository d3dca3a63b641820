/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A fuzzer of the interface: processes with threads that make any calls, on files that they share,
 * while others change the memory that the calls are about.
 *
 * In each process an owner has memory and objects that nobody else knows of. Whatever the others
 * do, nothing of that may change.
 */
#ifndef SOFTGEM_FUZZ_IOCTL_H
#define SOFTGEM_FUZZ_IOCTL_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FILES		6	/* of the device */
#define BUFFERS		12	/* dma-bufs and sync_files */
#define OFFSETS		16	/* for mmap */
#define MAX_CALLS	64

#define COVERAGE_BITS	18	/* of the map of what was reached */
#define STEPS		6	/* that are remembered together */
#define SEQUENCES	2048	/* that are remembered */

#define ARENA_SIZE	(8ul << 20)
#define ARENA_PAGES	(ARENA_SIZE / 4096)
/* Behind the arena nothing is mapped, so that calls may overshoot. */
#define ARENA_GUARD	(8ul << 20)

/**
 * struct step - a call to be made.
 * @call: which kind
 * @seed: what all that is random in it follows from; 0: there is none
 */
struct step {
	uint32_t call;
	uint64_t seed;
};

/** struct sequence - calls of one thread, of which the last reached something new. */
struct sequence {
	struct step steps[STEPS];
};

/**
 * struct shared - what all processes have in common.
 * @stop: time is over
 * @failed: somebody has found something; @message says what
 * @render: path of the device's render node
 * @card: path of its primary node
 * @offsets: fake offsets that some call was given lately
 * @calls: how often each kind of call was made
 * @good: how often it succeeded
 * @checks: how often an owner found its bytes as they should be
 * @no_gpu_writes: owners do not rely on what the GPU writes
 * @no_owners: there are none
 * @reached: a bit for each step that the driver's code was seen to take; several may share one
 * @edges: how many are set
 * @sequences: what reached something new, the oldest overwritten
 * @num_sequences: how many have been written
 */
struct shared {
	atomic_bool stop, failed;
	char message[512];
	char render[64], card[64];
	atomic_uint_least64_t offsets[OFFSETS];
	atomic_ulong calls[MAX_CALLS], good[MAX_CALLS];
	atomic_ulong checks;
	bool no_gpu_writes, no_owners;
	atomic_uchar reached[1 << (COVERAGE_BITS - 3)];
	atomic_ulong edges;
	struct sequence sequences[SEQUENCES];
	atomic_uint num_sequences;
};

extern struct shared *shared;

/**
 * struct process - what the threads of a process have in common.
 * @files: file descriptors of the device; -1: none. Whoever takes one out closes it.
 * @buffers: likewise of other kinds
 * @arena: the memory that calls are about, ARENA_SIZE bytes, of which any part may be missing
 */
struct process {
	atomic_int files[FILES], buffers[BUFFERS];
	uint8_t *arena;
};

extern struct process process;

/** struct thread - one that fuzzes; @random is the state of its numbers. */
struct thread {
	uint64_t random;
};

/** rnd() - a random number below @n. */
uint32_t rnd(struct thread *t, uint32_t n);
/** rnd64() - one of 64 bits. */
uint64_t rnd64(struct thread *t);
/** one_in() - true once in @n times. */
static inline bool one_in(struct thread *t, uint32_t n)
{
	return !rnd(t, n);
}

/**
 * open_file() - open the device.
 * @path: which node
 * @flags: of open(2), besides O_RDWR and O_CLOEXEC
 * @bannable: whether the first context is banned when its batches have hung a few times; all that
 *            is done with it after that is refused
 *
 * Return: the file descriptor, or -1.
 */
int open_file(const char *path, int flags, bool bannable);

/* Numbers as they are given out: small, so that most are in use. */
int random_file(struct thread *t);
uint32_t random_handle(struct thread *t);
/** limit_handles() - close a new handle if it is high, or files would fill up. Return: was it? */
bool limit_handles(int fd, uint32_t handle);
/** random_memory() - an address in the arena, page aligned if @aligned; or, seldom, a bad one. */
uint64_t random_memory(struct thread *t, bool aligned);
/** random_size() - some bytes, pages mostly, that begin in the arena at @at and seldom leave it. */
uint64_t random_size(struct thread *t, uint64_t at);
/** keep_fd() - put a new file descriptor into a place of @table, and close what was there. */
void keep_fd(struct thread *t, atomic_int *table, unsigned int n, int fd);

/**
 * struct call - a kind of call.
 * @name: its name
 * @make: makes one; returns 0 or more if it succeeded
 * @weight: how often
 */
struct call {
	const char *name;
	int (*make)(struct thread *t);
	unsigned int weight;
};

extern const struct call object_calls[], context_calls[], memory_calls[];
extern const size_t num_object_calls, num_context_calls, num_memory_calls;

/** random_call() - a kind of call, by their weights. */
uint32_t random_call(struct thread *t);

/**
 * struct coverage - what a thread's calls reach.
 * @trace: the kernel's list of places, its length first; NULL where it has none
 * @last: the latest steps, the newest last
 * @playing: what is made again
 * @at: the next step of that; STEPS: none
 */
struct coverage {
	uint64_t *trace;
	struct step last[STEPS];
	struct sequence playing;
	unsigned int at;
};

/** coverage_open() - begin to look where the calling thread's calls lead. */
void coverage_open(struct coverage *c);
/** coverage_next() - say what to do next. @chooser: its numbers are used for that */
void coverage_next(struct coverage *c, struct thread *chooser, struct step *step);
/** coverage_begin() - before a step. */
void coverage_begin(struct coverage *c);
/** coverage_end() - after it: remembers it if it reached something new. */
void coverage_end(struct coverage *c, const struct step *step);

/** make_execbuf() - EXECBUFFER2 of anything. */
int make_execbuf(struct thread *t);

/** memory_init() - make the arena, and what resolves its faults. */
void memory_init(void);

/**
 * struct owner_start - what owner_run() is given.
 * @seed: of its numbers
 * @ready: passed when it has mapped all that it ever will: after that the arena may have holes
 */
struct owner_start {
	uint64_t seed;
	pthread_barrier_t *ready;
};

/** owner_run() - be the owner, until time is over. */
void *owner_run(void *start);

#endif
