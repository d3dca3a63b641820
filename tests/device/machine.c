// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "testing.h"
#include "machine.h"

#include <stdlib.h>

struct machine *machine_new(enum sg_engine_class class)
{
	struct machine *m = calloc(1, sizeof(*m));

	assert_non_null(m);
	m->mem = memory_new();
	memory_map(m->mem, BATCH, BATCH_PAGES, 0);
	memory_map(m->mem, DATA, DATA_PAGES, 0);
	memory_map(m->mem, LOCKED, 1, MEMORY_READ_ONLY);
	m->cs = malloc(sizeof(*m->cs));
	assert_non_null(m->cs);
	sg_cs_init(m->cs, class, 0);
	m->base = sg_cs_mmio_base(class);
	memory_set_clock(1000);
	return m;
}

void machine_free(struct machine *m)
{
	memory_free(m->mem);
	free(m->cs);
	free(m);
}

int render_machine(void **state)
{
	*state = machine_new(SG_RENDER);
	return 0;
}

int copy_machine(void **state)
{
	*state = machine_new(SG_COPY);
	return 0;
}

int video_machine(void **state)
{
	*state = machine_new(SG_VIDEO);
	return 0;
}

int end_machine(void **state)
{
	machine_free(*state);
	return 0;
}

void emit_words(struct machine *m, const u32 *dw, unsigned int n)
{
	assert_true(m->n + n <= ARRAY_SIZE(m->dw));
	memcpy(&m->dw[m->n], dw, n * sizeof(u32));
	m->n += n;
}

void mark(struct machine *m, unsigned int n)
{
	EMIT(m, STORE_DWORD, LOW(DATA + 4 * n), HIGH(DATA), 0x600d);
}

bool marked(struct machine *m, unsigned int n)
{
	return get32(m, DATA + 4 * n) == 0x600d;
}

void set_gpr(struct machine *m, unsigned int n, u64 value)
{
	sg_reg_write(&m->cs->regs, m->base + GPR(n), LOW(value));
	sg_reg_write(&m->cs->regs, m->base + GPR(n) + 4, HIGH(value));
}

u64 get_gpr(struct machine *m, unsigned int n)
{
	return sg_reg_read(&m->cs->regs, m->base + GPR(n)) |
	       (u64)sg_reg_read(&m->cs->regs, m->base + GPR(n) + 4) << 32;
}

void load(struct machine *m)
{
	memory_poke(m->mem, BATCH, m->dw, m->n * sizeof(u32));
	sg_cs_start(m->cs, BATCH);
	m->n = 0;
}

enum sg_cs_event go_on(struct machine *m)
{
	enum sg_cs_event event = SG_CS_PREEMPTED;
	unsigned int i;

	for (i = 0; i < 1000 && event == SG_CS_PREEMPTED; i++)
		event = sg_cs_run(m->cs, m->mem, 1000, &m->stop);
	return event;
}

enum sg_cs_event run(struct machine *m)
{
	load(m);
	return go_on(m);
}

void run_to_end(struct machine *m)
{
	enum sg_cs_event event;

	EMIT(m, BATCH_END);
	event = run(m);
	if (event != SG_CS_DONE)
		fail_msg("event %d at %#llx, command %#x", event,
			 (unsigned long long)m->cs->ip, m->cs->error_header);
}

void assert_refused(struct machine *m, u64 at)
{
	enum sg_cs_event event = run(m);

	if (event != SG_CS_ERROR || m->cs->ip != at ||
	    m->cs->error_header != memory_get(m->mem, at, 4))
		fail_msg("event %d at %#llx, not an error at %#llx, command %#x", event,
			 (unsigned long long)m->cs->ip, (unsigned long long)at, get32(m, at));
}
