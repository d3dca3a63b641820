/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Time, threads that may block, processes, patterns and memory: what is not about the GPU.
 */
#ifndef SOFTGEM_TESTS_PROC_H
#define SOFTGEM_TESTS_PROC_H

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

/** now_ns() - CLOCK_MONOTONIC in ns. */
int64_t now_ns(void);
void sleep_ms(unsigned int ms);

/** print_stacks() - where the threads of @pid but @except are in the kernel, for whoever looks. */
void print_stacks(pid_t pid, pid_t except);

/**
 * struct job - a call made in a thread, to see whether it blocks.
 * @thread: who makes it
 * @tid: the same, as the kernel calls it
 * @call: the call
 * @arg: its argument
 * @ret: what it returned
 * @begun: set when the thread is about to make it
 * @done: set when it has returned
 */
struct job {
	pthread_t thread;
	pid_t tid;
	long (*call)(void *arg);
	void *arg;
	long ret;
	atomic_bool begun, done;
};

/** job_start() - start a thread that makes the call @call(@arg); return when it is about to. */
void job_start(struct job *job, long (*call)(void *arg), void *arg);
/** job_sleeps() - wait until the call waits, at most 10 s. Return: whether it does. */
bool job_sleeps(struct job *job);
/** job_done_within() - wait for the call to return. Return: true if it did within @ms. */
bool job_done_within(struct job *job, unsigned int ms);
/** job_end() - the call's result; it must return within 10 s, more on slow kernels. */
long job_end(struct job *job);

/** child_start() - fork a child that runs @run and exits with status 0. */
pid_t child_start(void (*run)(void *arg), void *arg);
/**
 * child_ended_within() - wait at most @ms, more on slow kernels.
 *
 * Return: true if @pid ended; its status in @status.
 */
bool child_ended_within(pid_t pid, unsigned int ms, int *status);
/** child_goes_on() - whether @pid has not ended after @ms. */
bool child_goes_on(pid_t pid, unsigned int ms);
/** child_end() - wait for @pid (10 s at most), which must exit with status 0. */
void child_end(pid_t pid);

/** take_fd() - a file of another process's, by its number there. Return: its number here. */
int take_fd(pid_t pid, int fd);

/** struct gate - a pipe by which one process or thread lets another go on. */
struct gate {
	int fds[2];
};
void gate_init(struct gate *gate);
/** gate_open() - let the other side pass, once. */
void gate_open(struct gate *gate);
/** gate_pass() - wait until the other side has opened it. */
void gate_pass(struct gate *gate);

/**
 * kill_in_call() - kill a child in the middle of a call; it has to end at once.
 * @call: what it runs
 * @arg: its argument
 * @gate: which it opens when it makes the call, a second before it is killed
 */
void kill_in_call(void (*call)(void *arg), void *arg, struct gate *gate);

/** fill() - a pattern of 32-bit words that depends on @seed and the position. */
void fill(void *ptr, size_t len, uint32_t seed);
/** check_fill() - fail, naming @line of @file, unless @ptr holds fill()'s pattern. */
void check_fill(const char *file, int line, const void *ptr, size_t len, uint32_t seed);
#define CHECK_FILL(ptr, len, seed)	check_fill(__FILE__, __LINE__, ptr, len, seed)

/** map_anon() - private anonymous memory, zero, a mapping of its own. */
void *map_anon(size_t len);
/** map_memfd() - shared memory of a new memfd, zero; MADV_DONTNEED makes it not present. */
void *map_memfd(size_t len);
/** map_hole() - an address range of @len bytes where nothing is mapped. */
void *map_hole(size_t len);
/** map_hugetlb() - private memory of up to four hugetlb pages of 2 MiB; skips if there are none. */
void *map_hugetlb(size_t len);
/** unmap_hugetlb() - give it up, and all hugetlb pages with it. */
void unmap_hugetlb(void *ptr, size_t len);

/** open_userfaultfd() - a new one that can do @features; skips where the kernel has no such. */
int open_userfaultfd(uint64_t features);
/** uffd_register() - have it told of faults in [@ptr, @ptr + @len), which is not registered yet. */
void uffd_register(int uffd, void *ptr, size_t len, uint64_t mode);
/** uffd_wait() - wait for a fault. Return: the page. */
void *uffd_wait(int uffd);
/** uffd_copy() - let who misses @page have one with the bytes of the page @content. */
void uffd_copy(int uffd, void *page, const void *content);

/** huge_entries() - whether page tables can have huge entries for what drivers map: from 6.12 on. */
bool huge_entries(void);

/** check_sigbus() - fail unless an access to *@ptr ends a process with SIGBUS. */
void check_sigbus(void *ptr, bool write);

/** drop_capability() - give up CAP_*, for good. */
void drop_capability(int cap);

/** write_file() - write a string to a (pseudo) file. Return: false if that fails. */
bool write_file(const char *path, const char *text);

#endif
