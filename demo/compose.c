// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * What is drawn: four panels on a canvas, each made of the picture in a different way. A blitter
 * fills, copies and combines; so that is all that happens here.
 */
#include <math.h>
#include <stdlib.h>

#include "demo.h"

#define PANELS	4

static int margin(const struct image *picture)
{
	int m = (picture->width + picture->height) / 32;

	return m < 8 ? 8 : m > 48 ? 48 : m;
}

/* Two by two, or below each other if that is too wide. */
static int columns(const struct image *picture)
{
	return 2 * picture->width + 3 * margin(picture) <= MAX_WIDTH ? 2 : 1;
}

/**
 * canvas_size() - how large a canvas a picture needs.
 * @picture: only its size is looked at
 * @width: returns the canvas's, in pixels
 * @height: ditto
 *
 * Return: whether the blitter, and memory, can take a canvas of that size.
 */
bool canvas_size(const struct image *picture, int *width, int *height)
{
	int c = columns(picture), m = margin(picture);

	*width = c * picture->width + (c + 1) * m;
	*height = PANELS / c * picture->height + (PANELS / c + 1) * m;
	return *width <= MAX_WIDTH && *height <= MAX_HEIGHT &&
	       (size_t)*width * *height * 4 <= MAX_BYTES;
}

static void add(struct ops *ops, struct op op)
{
	if (op.to.w <= 0 || op.to.h <= 0)
		return;
	if (!(ops->n & (ops->n - 1))) {
		ops->op = realloc(ops->op, (ops->n ? 2 * ops->n : 1) * sizeof(op));
		if (!ops->op)
			die("out of memory");
	}
	ops->op[ops->n++] = op;
}

static void fill(struct ops *ops, struct rect to, uint32_t color, uint8_t rop)
{
	struct op op = { .kind = OP_FILL, .to = to, .color = color, .rop = rop };

	add(ops, op);
}

/* A part of the picture, @part, to the same place on the panel. */
static void copy(struct ops *ops, struct rect panel, struct rect part, uint8_t rop)
{
	struct op op = {
		.kind = OP_COPY,
		.to = { panel.x + part.x, panel.y + part.y, part.w, part.h },
		.from_x = part.x,
		.from_y = part.y,
		.rop = rop,
		.keep_alpha = rop != ROP_SRC,
	};

	add(ops, op);
}

/* A part of the canvas a little further; what it uncovers stays as it was. */
static void shift(struct ops *ops, struct rect part, int dx, int dy)
{
	struct op op = {
		.kind = OP_MOVE,
		.to = { part.x + (dx > 0 ? dx : 0), part.y + (dy > 0 ? dy : 0),
			part.w - abs(dx), part.h - abs(dy) },
		.from_x = part.x + (dx < 0 ? -dx : 0),
		.from_y = part.y + (dy < 0 ? -dy : 0),
		.rop = ROP_SRC,
	};

	if (dx || dy)
		add(ops, op);
}

/* The i-th of n parts of about the same size: where it begins; where n parts end, for i = n. */
static int nth(int size, int i, int n)
{
	return (int)((long long)size * i / n);
}

static void background(struct ops *ops, const struct image *canvas)
{
	int i, y, n = 48;

	for (i = 0; i < n; i++) {
		y = nth(canvas->height, i, n);
		fill(ops, (struct rect){ 0, y, canvas->width, nth(canvas->height, i + 1, n) - y },
		     0xff000000 | (20 + i) << 16 | (26 + i / 3) << 8 | (52 + i), ROP_PAT);
	}
}

static void frame(struct ops *ops, struct rect panel, int m)
{
	int shadow = m / 3, border = m / 8;
	struct rect r = panel;

	r.x += shadow;
	r.y += shadow;
	fill(ops, r, 0xff0c0b16, ROP_PAT);
	r = (struct rect){ panel.x - border, panel.y - border,
			   panel.w + 2 * border, panel.h + 2 * border };
	fill(ops, r, 0xfff4f0e8, ROP_PAT);
}

/* Many copies of the whole picture, of each of which one tile is to be seen, a little displaced. */
static void mosaic(struct ops *ops, struct rect panel)
{
	int nx = 16, ny = 11, i, j;
	int far = 1 + (panel.w + panel.h) / 160, n = 2 * far + 1;

	fill(ops, panel, 0xff18141c, ROP_PAT);
	for (j = 0; j < ny; j++) {
		for (i = 0; i < nx; i++) {
			int x = nth(panel.w, i, nx), y = nth(panel.h, j, ny);
			int w = nth(panel.w, i + 1, nx) - x, h = nth(panel.h, j + 1, ny) - y;
			int gap = 1 + (w + h) / 30;
			int dx = (i * 7 + j * 13) % n - far, dy = (i * 11 + j * 5) % n - far;
			struct op op = {
				.kind = OP_COPY,
				.to = { panel.x + (dx > 0 ? dx : 0), panel.y + (dy > 0 ? dy : 0),
					panel.w - abs(dx), panel.h - abs(dy) },
				.from_x = dx < 0 ? -dx : 0,
				.from_y = dy < 0 ? -dy : 0,
				.clip = { panel.x + x, panel.y + y, w - gap, h - gap },
				.rop = ROP_SRC,
			};

			if (w > gap && h > gap)
				add(ops, op);
		}
	}
}

/* The picture moved within itself: rows to the sides, then columns up and down. */
static void ripples(struct ops *ops, struct rect panel)
{
	int n = panel.h < 160 ? panel.h / 2 : 80, i, at;
	double size = panel.w / 32.0;
	struct rect row, column;

	copy(ops, panel, (struct rect){ 0, 0, panel.w, panel.h }, ROP_SRC);
	for (i = 0; i < n; i++) {
		at = nth(panel.h, i, n);
		row = (struct rect){ panel.x, panel.y + at, panel.w, nth(panel.h, i + 1, n) - at };
		shift(ops, row, lround(size * sin(i * 0.3)), 0);
	}
	n = panel.w < 160 ? panel.w / 2 : 80;
	for (i = 0; i < n; i++) {
		at = nth(panel.w, i, n);
		column = (struct rect){ panel.x + at, panel.y,
					nth(panel.w, i + 1, n) - at, panel.h };
		shift(ops, column, 0, lround(size / 2 * cos(i * 0.25)));
	}
}

/* A quarter each: inverted; without most of its blue; with the colours mixed up; brightened. */
static void raster_operations(struct ops *ops, struct rect panel)
{
	int w = panel.w / 2, h = panel.h / 2;
	struct rect quarter[4] = {
		{ 0, 0, w, h }, { w, 0, panel.w - w, h },
		{ 0, h, w, panel.h - h }, { w, h, panel.w - w, panel.h - h },
	};
	int i;

	for (i = 0; i < 4; i++) {
		struct rect to = { panel.x + quarter[i].x, panel.y + quarter[i].y,
				   quarter[i].w, quarter[i].h };

		copy(ops, panel, quarter[i], i ? ROP_SRC : ROP_NOT_SRC);
		if (i == 1)
			fill(ops, to, 0xffffe07f, ROP_PAT_AND);
		else if (i == 2)
			fill(ops, to, 0x0000a0ff, ROP_PAT_XOR);
		else if (i == 3)
			fill(ops, to, 0x00604020, ROP_PAT_OR);
	}
}

/**
 * compose() - says what to draw.
 * @ops: filled in; the caller frees @ops->op
 * @picture: what to draw it from; only its size is looked at
 * @canvas: what to draw it on; only its size, from canvas_size(), is looked at
 */
void compose(struct ops *ops, const struct image *picture, const struct image *canvas)
{
	int c = columns(picture), m = margin(picture), i;

	*ops = (struct ops){ 0 };
	background(ops, canvas);
	for (i = 0; i < PANELS; i++) {
		struct rect panel = {
			.x = m + i % c * (picture->width + m),
			.y = m + i / c * (picture->height + m),
			.w = picture->width,
			.h = picture->height,
		};

		frame(ops, panel, m);
		switch (i) {
		case 0:
			copy(ops, panel, (struct rect){ 0, 0, panel.w, panel.h }, ROP_SRC);
			break;
		case 1:
			mosaic(ops, panel);
			break;
		case 2:
			ripples(ops, panel);
			break;
		case 3:
			raster_operations(ops, panel);
			break;
		}
	}
}
