// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Copying between tiles and linear memory: see tiling.h.
 *
 * Y tiles are gone through row by row, not column by column: the tile is small enough to stay in
 * the nearest cache, linear memory is not and likes to be touched in order.
 */
#include "tiling.h"

#define WIDTH_X		512u
#define WIDTH_Y		128u

/* Part of a row of a Y tile; @row is the first byte of the row in the tile. */
static void load_y(const u8 *row, u8 *to, u32 x, u32 w)
{
	u32 n;

	for (; w; x += n, to += n, w -= n) {
		n = min(SG_TILE_Y_COLUMN - x % SG_TILE_Y_COLUMN, w);
		memcpy(to, row + sg_tile_inner(SG_TILE_Y, x, 0), n);
	}
}

static void store_y(u8 *row, const u8 *from, u32 x, u32 w)
{
	u32 n;

	for (; w; x += n, from += n, w -= n) {
		n = min(SG_TILE_Y_COLUMN - x % SG_TILE_Y_COLUMN, w);
		memcpy(row + sg_tile_inner(SG_TILE_Y, x, 0), from, n);
	}
}

void sg_tile_load(enum sg_tiling tiling, const void *tile, void *linear, size_t stride,
		  u32 x, u32 y, u32 w, u32 h)
{
	const u8 *from = tile;
	u8 *to = linear;

	if (tiling == SG_TILE_X) {
		from += y * WIDTH_X + x;
		for (; h; h--, from += WIDTH_X, to += stride)
			if (w == WIDTH_X)
				sg_tile_load_row(SG_TILE_X, from, to);
			else
				memcpy(to, from, w);
	} else {
		from += y * SG_TILE_Y_COLUMN;
		for (; h; h--, from += SG_TILE_Y_COLUMN, to += stride)
			if (w == WIDTH_Y)
				sg_tile_load_row(SG_TILE_Y, from, to);
			else
				load_y(from, to, x, w);
	}
}

void sg_tile_store(enum sg_tiling tiling, void *tile, const void *linear, size_t stride,
		   u32 x, u32 y, u32 w, u32 h)
{
	const u8 *from = linear;
	u8 *to = tile;

	if (tiling == SG_TILE_X) {
		to += y * WIDTH_X + x;
		for (; h; h--, to += WIDTH_X, from += stride)
			if (w == WIDTH_X)
				sg_tile_store_row(SG_TILE_X, to, from);
			else
				memcpy(to, from, w);
	} else {
		to += y * SG_TILE_Y_COLUMN;
		for (; h; h--, to += SG_TILE_Y_COLUMN, from += stride)
			if (w == WIDTH_Y)
				sg_tile_store_row(SG_TILE_Y, to, from);
			else
				store_y(to, from, x, w);
	}
}
