/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * A device under test: a context, memory, and a batch that is written a command at a time.
 *
 * The words of commands are spelled out here a second time, after the PRM, so that a slip in the
 * device's own definitions shows.
 */
#ifndef SOFTGEM_TESTS_MACHINE_H
#define SOFTGEM_TESTS_MACHINE_H

#include "cs.h"
#include "memory.h"

/* Where things are: the batch, pages of data, a page that the device may not write, no page. */
#define BATCH		0x0000000000100000ull
#define BATCH_PAGES	8
#define DATA		0x0000123400200000ull
#define DATA_PAGES	4
#define LOCKED		0x0000000000400000ull
#define NOWHERE		0x0000000000600000ull

#define LOW(a)		((u32)(a))
#define HIGH(a)		((u32)((u64)(a) >> 32))

/** MI() - the first dword of an MI command of @n dwords. */
#define MI(opcode, n)	((u32)(opcode) << 23 | ((n) - 2))
#define NOOP		0u
#define SET_PREDICATE	(0x01u << 23)
#define USER_INTERRUPT	(0x02u << 23)
#define WAIT_FOR_EVENT	(0x03u << 23)
#define ARB_CHECK	(0x05u << 23)
#define ARB_OFF		(0x08u << 23)
#define ARB_ON		(0x08u << 23 | 1)
#define BATCH_END	(0x0au << 23)
#define PREDICATE	(0x0cu << 23)
#define MATH(n)		MI(0x1a, 1 + (n))
#define WAIT		(MI(0x1c, 4) | 1u << 15)
#define STORE_DWORD	MI(0x20, 4)
#define STORE_QWORD	(MI(0x20, 5) | 1u << 21)
#define LRI		MI(0x22, 3)
#define SRM		MI(0x24, 4)
#define FLUSH_DW	MI(0x26, 5)
#define LRM		MI(0x29, 4)
#define LRR		MI(0x2a, 3)
#define COPY_MEM	MI(0x2e, 5)
#define START		(MI(0x31, 3) | 1u << 8)
#define CALL		(START | 1u << 22)
#define COND_END	(MI(0x36, 4) | 1u << 21)
#define GLOBAL		(1u << 22)
#define PIPE_CONTROL6	0x7a000004u

enum { GREATER, GREATER_EQUAL, LESS, LESS_EQUAL, EQUAL, NOT_EQUAL };

/** RELATION() - the field of MI_SEMAPHORE_WAIT that says what is waited for. */
#define RELATION(op)	((u32)(op) << 12)

/* Offsets of registers from the engine's base. */
#define GPR(n)		(0x600u + 8 * (n))

/**
 * struct machine - the device under test.
 * @mem: its memory
 * @cs: its context
 * @base: where the engine's registers begin
 * @stop: what sg_cs_run() gets as @stop
 * @dw: the batch so far
 * @n: its dwords
 */
struct machine {
	struct sg_mem *mem;
	struct sg_cs *cs;
	u32 base;
	bool stop;
	u32 dw[BATCH_PAGES * PAGE_BYTES / 4];
	unsigned int n;
};

/** machine_new() - a machine with the pages named above mapped. */
struct machine *machine_new(enum sg_engine_class class);
void machine_free(struct machine *m);

/* Fixtures for cmocka: a machine in *state. */
int render_machine(void **state);
int copy_machine(void **state);
int video_machine(void **state);
int end_machine(void **state);

/** emit_words() - append to the batch; see EMIT(). */
void emit_words(struct machine *m, const u32 *dw, unsigned int n);

/** EMIT() - append the dwords given to the batch. */
#define EMIT(m, ...)							\
	emit_words(m, (const u32[]) { __VA_ARGS__ },			\
		   sizeof((const u32[]) { __VA_ARGS__ }) / sizeof(u32))

/** HERE() - the GPU address of what is emitted next. */
#define HERE(m)		(BATCH + 4ull * (m)->n)

/** mark() - emit a store that tells, in dword @n of DATA, that the way led here. */
void mark(struct machine *m, unsigned int n);

/** marked() - whether mark() has been passed. */
bool marked(struct machine *m, unsigned int n);

/** set_gpr(), get_gpr() - a general purpose register, past the commands. */
void set_gpr(struct machine *m, unsigned int n, u64 value);
u64 get_gpr(struct machine *m, unsigned int n);

/** load() - write the batch to memory and start it; it is empty again then. */
void load(struct machine *m);

/** go_on() - sg_cs_run() until it says something else than SG_CS_PREEMPTED; not for ever. */
enum sg_cs_event go_on(struct machine *m);

/** run() - load() and go_on(). */
enum sg_cs_event run(struct machine *m);

/** run_to_end() - append MI_BATCH_BUFFER_END, run, fail if that is not how it ends. */
void run_to_end(struct machine *m);

/** assert_refused() - run; fail if it does not end in an error at @at with the header there. */
void assert_refused(struct machine *m, u64 at);

/** get32(), get64() - memory, as a CPU sees it. */
static inline u32 get32(struct machine *m, u64 addr)
{
	return (u32)memory_get(m->mem, addr, 4);
}

static inline u64 get64(struct machine *m, u64 addr)
{
	return memory_get(m->mem, addr, 8);
}

static inline void put32(struct machine *m, u64 addr, u32 value)
{
	memory_poke(m->mem, addr, &value, sizeof(value));
}

static inline void put64(struct machine *m, u64 addr, u64 value)
{
	memory_poke(m->mem, addr, &value, sizeof(value));
}

#endif
