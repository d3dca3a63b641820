// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Relocations: many in one batch, whose presumed offsets are right, so that each is only looked at,
 * or wrong, so that each is written to the batch. What the batch costs without them is taken away.
 */
#include "bench.h"
#include "submission.h"

#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#define RELOCS	1000
#define TARGETS	10

struct patched {
	struct submission s;
	uint64_t presumed[TARGETS];
	struct drm_i915_gem_relocation_entry relocs[RELOCS];
};

/*
 * Placed by the kernel, which leaves them where they are. Each relocation has a qword of its own
 * behind the batch's end, since the batch is to take no time.
 */
static void patched_init(struct patched *p)
{
	struct drm_i915_gem_exec_object2 *batch;
	uint32_t *dw = calloc(2 * RELOCS + 2, sizeof(*dw)), handles[TARGETS];

	CHECK(dw);
	dw[0] = MI_BATCH_BUFFER_END;
	p->s.fd = gem_open();
	for (unsigned int i = 0; i < TARGETS; i++)
		handles[i] = gem_create(p->s.fd, PAGE);
	submission_init(&p->s, p->s.fd, I915_EXEC_RENDER, handles, TARGETS, dw, 2 * RELOCS + 2);
	free(dw);
	for (unsigned int i = 0; i <= TARGETS; i++)
		p->s.obj[i].flags = 0;
	/* without NO_RELOC the kernel does not rely on what is said of the objects */
	p->s.eb.flags = I915_EXEC_RENDER;
	submission_run(&p->s);

	for (unsigned int i = 0; i < TARGETS; i++)
		p->presumed[i] = p->s.obj[i].offset;
	for (unsigned int i = 0; i < RELOCS; i++)
		p->relocs[i] = (struct drm_i915_gem_relocation_entry) {
			.target_handle = handles[i % TARGETS],
			.offset = 8 * (i + 1),
			.presumed_offset = p->presumed[i % TARGETS],
			.read_domains = I915_GEM_DOMAIN_RENDER,
		};
	batch = &p->s.obj[TARGETS];
	batch->relocs_ptr = (uintptr_t)p->relocs;
}

/* Each run with offsets that are wrong: the kernel corrects them. */
static int64_t wrong_once(void *arg)
{
	struct patched *p = arg;
	int64_t began;

	for (unsigned int i = 0; i < RELOCS; i++)
		p->relocs[i].presumed_offset = 0x1000;
	began = now_ns();
	submission_run(&p->s);
	return now_ns() - began;
}

static void check_patched(struct patched *p)
{
	static uint64_t q[RELOCS];

	gem_read(p->s.fd, p->s.batch, 8, q, sizeof(q));
	for (unsigned int i = 0; i < RELOCS; i++) {
		CHECK_HEX(q[i], p->presumed[i % TARGETS]);
		CHECK_HEX(p->relocs[i].presumed_offset, p->presumed[i % TARGETS]);
	}
}

static void thousand(void)
{
	static struct patched p;
	double none, right, wrong, by_index;

	patched_init(&p);
	none = submission_time(&p.s, 20);
	p.s.obj[TARGETS].relocation_count = RELOCS;
	wrong = best_of(10, wrong_once, &p);
	check_patched(&p);
	right = submission_time(&p.s, 20);
	check_patched(&p);
	for (unsigned int i = 0; i < RELOCS; i++)
		p.relocs[i].target_handle = i % TARGETS;
	p.s.eb.flags |= I915_EXEC_HANDLE_LUT;
	by_index = submission_time(&p.s, 20);
	row_limit("1000 relocations, presumed offsets right", (right - none) / RELOCS,
		  "ns/relocation", 20);
	row_limit("1000 relocations, presumed offsets right, HANDLE_LUT", (by_index - none) / RELOCS,
		  "ns/relocation", 20);
	row_limit("1000 relocations, presumed offsets wrong", (wrong - none) / RELOCS,
		  "ns/relocation", NO_TARGET);
}

/* The same, in memory that may only be read: nobody can be told what was wrong. */
static void read_only(void)
{
	static struct patched p;
	void *relocs = map_anon(sizeof(p.relocs));
	double none;

	patched_init(&p);
	none = submission_time(&p.s, 20);
	for (unsigned int i = 0; i < RELOCS; i++)
		p.relocs[i].presumed_offset = 0x1000;
	memcpy(relocs, p.relocs, sizeof(p.relocs));
	CHECK_SYS(mprotect(relocs, sizeof(p.relocs), PROT_READ));
	p.s.obj[TARGETS].relocs_ptr = (uintptr_t)relocs;
	p.s.obj[TARGETS].relocation_count = RELOCS;
	row_limit("1000 relocations, presumed offsets wrong, read-only",
		  (submission_time(&p.s, 10) - none) / RELOCS, "ns/relocation", NO_TARGET);
}

BENCH_MAIN({ "relocations", thousand, 60 },
	   { "relocations that cannot be written to", read_only, 60 })
