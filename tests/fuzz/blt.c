// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fuzz target: one drawing, by any of the blitter's commands, compared with the one that draws a
 * pixel at a time; with holes in the surfaces, memory in shreds, sources that overlap.
 */
#include "testing.h"
#include "drawings.h"
#include "numbers.h"

#include <stdlib.h>

#define FAST_COPY	0x42

static const struct command commands[] = {
	{ 0x50, NO_SOURCE, SOLID_PATTERN, false },
	{ 0x51, NO_SOURCE, COLOR_PATTERN, false },
	{ 0x52, NO_SOURCE, MONO_PATTERN, false },
	{ 0x52, NO_SOURCE, SOLID_PATTERN, false },
	{ 0x53, COLOR_SOURCE, NO_PATTERN, false },
	{ 0x54, MONO_SOURCE, NO_PATTERN, false },
	{ 0x55, COLOR_SOURCE, COLOR_PATTERN, false },
	{ 0x56, MONO_SOURCE, COLOR_PATTERN, false },
	{ 0x57, COLOR_SOURCE, MONO_PATTERN, false },
	{ 0x57, COLOR_SOURCE, SOLID_PATTERN, false },
	{ 0x58, MONO_SOURCE, MONO_PATTERN, false },
	{ 0x58, MONO_SOURCE, SOLID_PATTERN, false },
	{ 0x71, MONO_SOURCE, NO_PATTERN, false },
	{ 0x72, NO_SOURCE, COLOR_PATTERN, false },
	{ 0x73, COLOR_SOURCE, NO_PATTERN, true },
	{ 0x74, COLOR_SOURCE, COLOR_PATTERN, false },
	{ 0x75, MONO_SOURCE, COLOR_PATTERN, false },
	{ 0x76, NO_SOURCE, COLOR_PATTERN, true },
	{ 0x77, NO_SOURCE, COLOR_PATTERN, true },
	{ FAST_COPY, COLOR_SOURCE, NO_PATTERN, false },
};

/* Some pages of a surface are not there, or must not be written. */
static void make_holes(struct machine *m, u64 base)
{
	u32 pages = random32();
	unsigned int i;

	for (i = 0; i < SURFACE_PAGES; i++, pages >>= 4) {
		u64 at = base + i * PAGE_BYTES;

		if (pages & 0xc)
			continue;
		memory_unmap(m->mem, at, 1);
		if (pages & 1)
			memory_map(m->mem, at, 1, pages & 2 ? MEMORY_READ_ONLY : MEMORY_CONTIGUOUS);
	}
}

/*
 * A source that is the destination, somewhere near. That the result is as if all of it had been
 * read first is only promised of surfaces that are laid out alike, and tiled ones' rows are not
 * where one reaches into the next row of tiles.
 */
static void overlap(struct drawing *d)
{
	int most = width_of(&d->dst, bytes_per_pixel(d->depth)) - (d->area.x2 - d->area.x1);

	if (d->dst.tiling != 'L' && d->area.x1 > most)
		return;
	d->src = d->dst;
	d->src_x = d->area.x1 + random_in(-20, 20);
	d->src_y = d->area.y1 + random_in(-3, 3);
	if (d->dst.tiling != 'L') {
		d->src_x = min(max(d->src_x, 0), most);
		d->src_y = max(d->src_y, 0);
	}
}

static u32 corner(int x, int y)
{
	return (u32)(y & 0xffff) << 16 | (x & 0xffff);
}

static u32 fast_tiling(const struct surface *s)
{
	return s->tiling == 'L' ? 0 : s->tiling == 'X' ? 1 : 2;
}

static void emit_fast_copy(struct machine *m, const struct drawing *d)
{
	static const u32 depths[] = { 0, 1, 1, 3 };
	u32 to = fast_tiling(&d->dst), from = fast_tiling(&d->src);

	EMIT(m, 2u << 29 | FAST_COPY << 22 | 8 | from << 20 | to << 13,
	     depths[d->depth] << 24 | ((u32)(to ? d->dst.pitch / 4 : d->dst.pitch) & 0xffff),
	     corner(d->area.x1, d->area.y1), corner(d->area.x2, d->area.y2), LOW(d->dst.base),
	     HIGH(d->dst.base), corner(d->src_x, d->src_y),
	     (u32)(from ? d->src.pitch / 4 : d->src.pitch) & 0xffff, LOW(d->src.base),
	     HIGH(d->src.base));
}

/* Whether all bits of the source have room in the command. */
static bool fits(const struct drawing *d)
{
	return (d->area.x2 - d->area.x1 + 23) / 16 * 2 * (d->area.y2 - d->area.y1) <= 900;
}

static struct drawing choose(struct machine *m)
{
	const struct command *c = &commands[random32() % ARRAY_SIZE(commands)];
	u32 how = random32();
	struct drawing d;

	if (how & 1)
		make_holes(m, DEST);
	if (how & 2)
		make_holes(m, SOURCE);
	memory_chop(m->mem, !(how & 0xc));
	d = random_drawing(c);
	if (c->source == COLOR_SOURCE && !(how & 0x30))
		overlap(&d);
	if (c->opcode == 0x71 && !fits(&d))
		d.area.y2 = d.area.y1 + 1;
	if (c->opcode == FAST_COPY) {
		d.clipped = false;
		d.write_alpha = d.write_rgb = true;
		d.rop = 0xcc;
		emit_fast_copy(m, &d);
	} else {
		emit_xy(m, c->opcode, &d);
	}
	EMIT(m, BATCH_END);
	return d;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	/* a check that fails is a crash for the fuzzer to report */
	return setenv("CMOCKA_TEST_ABORT", "1", 1);
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	enum sg_cs_event event = SG_CS_PREEMPTED;
	struct sg_mem *expected;
	struct machine *m;
	unsigned int budget;
	struct drawing d;
	void *state;

	numbers_begin(data, size);
	blits_machine(&state);
	m = state;
	budget = 1 + random32() % 4;
	d = choose(m);
	load(m);
	expected = memory_clone(m->mem);
	draw(m->mem, expected, &d);
	while (event == SG_CS_PREEMPTED)
		event = sg_cs_run(m->cs, m->mem, budget, &m->stop);
	if (event != SG_CS_DONE)
		fail_msg("event %d, command %#x: %s", event, m->cs->error_header, describe(&d));
	if (!memory_same(m->mem, expected)) {
		print_error("%s\n", describe(&d));
		memory_assert_same(m->mem, expected);
	}
	memory_free(expected);
	machine_free(m);
	return 0;
}
