/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Random drawings, each within what one command can say. */
#ifndef SOFTGEM_TESTS_DRAWINGS_H
#define SOFTGEM_TESTS_DRAWINGS_H

#include "picture.h"

/* Where the pages are that they use, beside a machine's own: destination, source, others. */
#define DEST		0x10000000ull
#define SOURCE		0x0000200000000000ull
#define PATTERN		0x30000000ull
#define BITS		0x30001000ull
#define SURFACE_PAGES	8

/**
 * struct command - an XY command.
 * @opcode: bits 28:22
 * @source: kind of source that it takes
 * @pattern: kind of pattern
 * @chroma: it has a chroma key
 */
struct command {
	u32 opcode;
	enum source_kind source;
	enum pattern_kind pattern;
	bool chroma;
};

/** blits_machine() - fixture for cmocka: a machine with those pages mapped. */
int blits_machine(void **state);

/** width_of() - pixels in a row of a surface. */
int width_of(const struct surface *s, unsigned int cpp);

/** random_drawing() - a drawing that a command can say, all of it inside of those pages. */
struct drawing random_drawing(const struct command *c);

#endif
