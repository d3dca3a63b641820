// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The same drawing by the CPU, as plainly as can be: a pixel at a time, and bit by bit after the
 * definition where it is not simply filling or copying. The GPU's result must be this one.
 */
#include <stdlib.h>

#include "demo.h"

static uint32_t raster_operation(uint8_t rop, uint32_t p, uint32_t s, uint32_t d)
{
	uint32_t result = 0;
	int i;

	if (rop == ROP_SRC)
		return s;
	if (rop == ROP_PAT)
		return p;
	for (i = 0; i < 8; i++)
		if (rop & 1 << i)
			result |= (i & 4 ? p : ~p) & (i & 2 ? s : ~s) & (i & 1 ? d : ~d);
	return result;
}

static bool inside(const struct rect *r, int x, int y)
{
	return x >= r->x && x < r->x + r->w && y >= r->y && y < r->y + r->h;
}

/**
 * reference_run() - draws.
 * @ops: what to draw
 * @picture: what to copy from
 * @canvas: what to draw on
 */
void reference_run(const struct ops *ops, const struct image *picture, struct image *canvas)
{
	/* What a move reads: all of it is read before any of it is written. */
	uint32_t *moved = malloc(canvas->bytes);
	unsigned int i;

	if (!moved)
		die("out of memory");

	for (i = 0; i < ops->n; i++) {
		const struct op *op = &ops->op[i];
		const struct rect *to = &op->to;
		uint32_t alpha = op->keep_alpha ? 0xff000000 : 0;
		int x, y;

		if (op->kind == OP_MOVE)
			for (y = 0; y < to->h; y++)
				for (x = 0; x < to->w; x++)
					moved[(size_t)y * to->w + x] =
						canvas->pixels[(size_t)(op->from_y + y) *
							       canvas->width + op->from_x + x];

		for (y = 0; y < to->h; y++) {
			for (x = 0; x < to->w; x++) {
				uint32_t *d = &canvas->pixels[(size_t)(to->y + y) * canvas->width +
							      to->x + x];
				uint32_t s = 0, new;

				if (op->clip.w && !inside(&op->clip, to->x + x, to->y + y))
					continue;
				if (op->kind == OP_COPY)
					s = picture->pixels[(size_t)(op->from_y + y) *
							    picture->width + op->from_x + x];
				else if (op->kind == OP_MOVE)
					s = moved[(size_t)y * to->w + x];
				new = raster_operation(op->rop, op->color, s, *d);
				*d = (*d & alpha) | (new & ~alpha);
			}
		}
	}
	free(moved);
}
