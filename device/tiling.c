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
/* From a column of a Y tile to the next. */
#define COLUMN_STRIDE	512u

/* The size is known at compile time, so that no function is called. */
static inline void copy16(u8 *to, const u8 *from)
{
	__builtin_memcpy(to, from, SG_TILE_Y_COLUMN);
}

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
	u32 i;

	if (tiling == SG_TILE_X) {
		for (from += y * WIDTH_X + x; h; h--, from += WIDTH_X, to += stride)
			memcpy(to, from, w);
	} else if (w < WIDTH_Y) {
		for (from += y * SG_TILE_Y_COLUMN; h; h--, from += SG_TILE_Y_COLUMN, to += stride)
			load_y(from, to, x, w);
	} else {
		for (from += y * SG_TILE_Y_COLUMN; h; h--, from += SG_TILE_Y_COLUMN, to += stride)
			for (i = 0; i < WIDTH_Y / SG_TILE_Y_COLUMN; i++)
				copy16(to + i * SG_TILE_Y_COLUMN, from + i * COLUMN_STRIDE);
	}
}

void sg_tile_store(enum sg_tiling tiling, void *tile, const void *linear, size_t stride,
		   u32 x, u32 y, u32 w, u32 h)
{
	const u8 *from = linear;
	u8 *to = tile;
	u32 i;

	if (tiling == SG_TILE_X) {
		for (to += y * WIDTH_X + x; h; h--, to += WIDTH_X, from += stride)
			memcpy(to, from, w);
	} else if (w < WIDTH_Y) {
		for (to += y * SG_TILE_Y_COLUMN; h; h--, to += SG_TILE_Y_COLUMN, from += stride)
			store_y(to, from, x, w);
	} else {
		for (to += y * SG_TILE_Y_COLUMN; h; h--, to += SG_TILE_Y_COLUMN, from += stride)
			for (i = 0; i < WIDTH_Y / SG_TILE_Y_COLUMN; i++)
				copy16(to + i * COLUMN_STRIDE, from + i * SG_TILE_Y_COLUMN);
	}
}
