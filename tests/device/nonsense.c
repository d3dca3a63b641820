// SPDX-License-Identifier: GPL-2.0 OR MIT
#include "testing.h"
#include "nonsense.h"

int nonsense_machine(void **state, enum sg_engine_class class)
{
	struct machine *m = machine_new(class);

	*state = m;
	memory_map(m->mem, DEST, 8, 0);
	memory_map(m->mem, SOURCE, 4, MEMORY_CONTIGUOUS);
	return 0;
}

/* An address that is worth a try: mapped, or nearly. */
static u64 random_address(void)
{
	static const u64 bases[] = { BATCH, DATA, DATA, DEST, DEST, SOURCE, LOCKED, NOWHERE, 0,
				     SG_ADDRESS_MASK - 0xfff, 0x7fffffffffffull, 0xfffff000 };
	u64 a = bases[random32() % ARRAY_SIZE(bases)];

	switch (random32() % 4) {
	case 0:
		return a;
	case 1:
		return a + PAGE_BYTES - random32() % 16;
	case 2:
		return a + (u64)random_in(-64, 20000);
	default:
		return a + random32() % 512 * 8;
	}
}

/* A dword of a command, of the kind that commands have. */
static void emit_operand(struct machine *m)
{
	u64 a;

	switch (random32() % 6) {
	case 0:
		EMIT(m, random32());
		break;
	case 1:
		EMIT(m, random32() % 300);
		break;
	case 2:
		EMIT(m, random32() & 0x00ff00ff);
		break;
	case 3:
		EMIT(m, m->base + random32() % 0x800);
		break;
	default:
		a = random_address();
		EMIT(m, LOW(a), HIGH(a));
	}
}

/* A command that exists, with operands that are nonsense, and mostly of the right length. */
void emit_command(struct machine *m)
{
	static const u8 mi_long[] = { 0x1a, 0x1c, 0x20, 0x22, 0x24, 0x26, 0x29, 0x2a, 0x2e, 0x2f,
				      0x31, 0x36 };
	static const u8 mi_short[] = { 0x00, 0x01, 0x02, 0x05, 0x08, 0x0c };
	static const u8 two_d[] = { 0x01, 0x03, 0x11, 0x24, 0x25, 0x26, 0x31, 0x40, 0x42, 0x43, 0x50,
		0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57, 0x58, 0x59, 0x71, 0x72, 0x73, 0x74, 0x75,
		0x76, 0x77 };
	unsigned int at = m->n, n = random32() % 16 ? 2 + random32() % 14 : 2 + random32() % 256;
	u32 kind = random32() % 8;

	if (kind == 0) {
		EMIT(m, (u32)mi_short[random32() % ARRAY_SIZE(mi_short)] << 23 |
		     (random32() & random32() & 0x7fffff));
		return;
	}
	if (kind == 1)
		EMIT(m, 3u << 29 | (random32() & 0x1fffff00 & random32()));
	else if (m->cs->class == SG_COPY && kind < 6)
		EMIT(m, 2u << 29 | (u32)two_d[random32() % ARRAY_SIZE(two_d)] << 22 |
		     (random32() & random32() & 0x3fff00) | 3 << 20);
	else
		EMIT(m, (u32)mi_long[random32() % ARRAY_SIZE(mi_long)] << 23 |
		     (random32() & random32() & 0x7fff00));
	while (m->n < at + n)
		emit_operand(m);
	m->dw[at] |= (m->n - at - 2) & 0xff;
}

/* A batch that makes sense to begin with. */
void emit_sense(struct machine *m)
{
	struct drawing d = {
		.dst = { DEST, 512, "LXY"[random32() % 3] }, .depth = random32() % 4,
		.area = { random_in(0, 9), random_in(0, 9), random_in(10, 40), random_in(10, 20) },
		.clipped = random32() % 2, .clip = { 3, 3, 30, 30 }, .rop = (u8)random32(),
		.write_alpha = true, .write_rgb = true, .source = random32() % 3,
		.src = { SOURCE, 512, "LX"[random32() % 2] }, .bits = SOURCE, .bits_align = 16,
		.pattern = random32() % 4, .pat = SOURCE, .pat_x = random32() % 8,
	};
	static const u8 opcodes[3][4] = {
		{ 0x50, 0x50, 0x51, 0x52 }, { 0x53, 0x57, 0x55, 0x57 }, { 0x54, 0x58, 0x56, 0x58 },
	};

	EMIT(m, LRI, m->base + GPR(0), random32());
	EMIT(m, SRM, m->base + GPR(0), LOW(DATA), HIGH(DATA));
	EMIT(m, MI(0x2f, 11) | 1u << 18 | 7u << 8, LOW(DATA), HIGH(DATA), 1, 2, 3, 4, 5, 6, 7, 8);
	EMIT(m, MATH(4), 0x08008000, 0x08008401, 0x10000000, 0x18000031);
	EMIT(m, COPY_MEM, LOW(DATA + 8), HIGH(DATA), LOW(DATA), HIGH(DATA));
	EMIT(m, FLUSH_DW | 1u << 14, LOW(DATA + 16), HIGH(DATA), 1, 2);
	if (m->cs->class == SG_COPY)
		emit_xy(m, opcodes[d.source][d.pattern], &d);
	EMIT(m, WAIT | RELATION(NOT_EQUAL), 0, LOW(DATA), HIGH(DATA));
	if (m->cs->class == SG_RENDER)
		EMIT(m, PREDICATE | 2 << 6 | 2);
	EMIT(m, COND_END, 0, LOW(DATA), HIGH(DATA));
	EMIT(m, CALL, LOW(BATCH + 4 * (m->n + 5)), HIGH(BATCH), ARB_CHECK, BATCH_END, BATCH_END);
}

void mutate(struct machine *m)
{
	unsigned int i, n = 1 + random32() % 4;

	for (i = 0; i < n; i++) {
		unsigned int at = random32() % m->n;

		switch (random32() % 5) {
		case 0:
			m->dw[at] ^= 1u << random32() % 32;
			break;
		case 1:
			m->dw[at] = random32();
			break;
		case 2:
			m->dw[at] = m->dw[random32() % m->n];
			break;
		case 3:
			m->dw[at] = LOW(random_address());
			break;
		default:
			m->dw[at] = (m->dw[at] & ~0xffu) | (random32() & 0xff);
			break;
		}
	}
}
