// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What of the driver the calls reach, by the kernel's KCOV (Documentation/dev-tools/kcov.rst), and
 * a memory of the calls that reached something first: they are made again, with what led to them
 * and with variations. All processes share both.
 *
 * A call is made of a number, from which all that is random in it follows: to remember it is to
 * remember that number. Where the kernel has no KCOV all calls are new.
 */
#include "fuzz.h"

#include <fcntl.h>
#include <linux/kcov.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

/* Program counters that one call can leave: the rest of a longer one is not seen. */
#define TRACE_WORDS	(64ul << 10)

/* A step from one place to the next, as a bit of the map. */
static uint32_t edge(uint64_t from, uint64_t to)
{
	uint64_t mixed = (to ^ from << 1) * 0x9e3779b97f4a7c15ull;

	return mixed >> (64 - COVERAGE_BITS);
}

void coverage_open(struct coverage *c)
{
	int fd = open("/sys/kernel/debug/kcov", O_RDWR | O_CLOEXEC);

	*c = (struct coverage){ .at = STEPS };
	if (fd < 0)
		return;
	if (!ioctl(fd, KCOV_INIT_TRACE, TRACE_WORDS)) {
		c->trace = mmap(NULL, TRACE_WORDS * sizeof(*c->trace), PROT_READ | PROT_WRITE,
				MAP_SHARED, fd, 0);
		if (c->trace == MAP_FAILED || ioctl(fd, KCOV_ENABLE, KCOV_TRACE_PC))
			c->trace = NULL;
	}
	/* which the mapping and the thread keep */
	close(fd);
}

/* Add what the last call reached to the map. Return: how much of it nobody had reached before. */
static unsigned int coverage_collect(struct coverage *c)
{
	uint64_t n = __atomic_load_n(&c->trace[0], __ATOMIC_RELAXED), last = 0;
	unsigned int new = 0;

	for (uint64_t i = 1; i <= n && i < TRACE_WORDS; i++) {
		uint32_t bit = edge(last, c->trace[i]);
		uint8_t mask = 1 << bit % 8;

		last = c->trace[i];
		if (!(atomic_load_explicit(&shared->reached[bit / 8], memory_order_relaxed) & mask) &&
		    !(atomic_fetch_or(&shared->reached[bit / 8], mask) & mask))
			new++;
	}
	if (new)
		atomic_fetch_add(&shared->edges, new);
	return new;
}

/* The last steps of this thread, the newest last, become something to begin with. */
static void remember(const struct coverage *c)
{
	struct sequence *s;

	s = &shared->sequences[atomic_fetch_add(&shared->num_sequences, 1) % SEQUENCES];
	/* others may read it meanwhile: a mixture of two is as good as either */
	memcpy(s->steps, c->last, sizeof(s->steps));
}

void coverage_next(struct coverage *c, struct thread *chooser, struct step *step)
{
	uint32_t n = atomic_load(&shared->num_sequences);

	if (c->at == STEPS && n && one_in(chooser, 4)) {
		c->playing = shared->sequences[rnd(chooser, n < SEQUENCES ? n : SEQUENCES)];
		c->at = 0;
	}
	if (c->at < STEPS) {
		*step = c->playing.steps[c->at++];
		if (step->seed && !one_in(chooser, 4))
			return;
		/* another call, or the same with other arguments */
		if (step->seed && one_in(chooser, 2)) {
			step->seed = rnd64(chooser) | 1;
			return;
		}
	}
	step->call = random_call(chooser);
	step->seed = rnd64(chooser) | 1;
}

void coverage_begin(struct coverage *c)
{
	if (c->trace)
		__atomic_store_n(&c->trace[0], 0, __ATOMIC_RELAXED);
}

void coverage_end(struct coverage *c, const struct step *step)
{
	memmove(&c->last[0], &c->last[1], (STEPS - 1) * sizeof(c->last[0]));
	c->last[STEPS - 1] = *step;
	if (c->trace && coverage_collect(c))
		remember(c);
}
