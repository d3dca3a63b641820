/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Batches that make no sense, or hardly any. */
#ifndef SOFTGEM_TESTS_NONSENSE_H
#define SOFTGEM_TESTS_NONSENSE_H

#include "picture.h"

/* Pages that their addresses may point to, beside a machine's own. */
#define DEST		0x10000000ull
#define SOURCE		0x20000000ull

/** nonsense_machine() - a machine with those pages mapped, in *@state. */
int nonsense_machine(void **state, enum sg_engine_class class);

/** emit_command() - emit a command that exists, mostly as long as it should be, with any operands. */
void emit_command(struct machine *m);

/** emit_sense() - emit a batch that makes sense, to begin with. */
void emit_sense(struct machine *m);

/** mutate() - change some dwords of what was emitted. */
void mutate(struct machine *m);

#endif
