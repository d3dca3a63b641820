/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Tiled surfaces: where a byte of a row lies in memory (Intel PRM volume 5, "Memory Views", Address
 * Tiling Function).
 *
 * A tile is 4 KiB. X: 8 rows of 512 bytes. Y: 8 columns of 32 rows of 16 bytes. Tiles follow each
 * other from left to right, then from top to bottom. No address bits are swizzled.
 */
#ifndef SOFTGEM_DEVICE_TILING_H
#define SOFTGEM_DEVICE_TILING_H

#include "types.h"

/** enum sg_tiling - how the bytes of a surface lie. */
enum sg_tiling { SG_LINEAR, SG_TILE_X, SG_TILE_Y };

#define SG_TILE_SIZE	4096u

/* Bytes in a column of a Y tile. */
#define SG_TILE_Y_COLUMN	16u
/* From a column of a Y tile to the next. */
#define SG_TILE_Y_COLUMN_STRIDE	512u

/* Logarithms of a tile's width in bytes and of its height in rows. */
static inline unsigned int sg_tile_width_shift(enum sg_tiling tiling)
{
	return tiling == SG_TILE_X ? 9 : 7;
}

static inline unsigned int sg_tile_height_shift(enum sg_tiling tiling)
{
	return tiling == SG_TILE_X ? 3 : 5;
}

/**
 * sg_tile_width() - bytes in a row of a tile.
 * @tiling: X or Y
 *
 * Return: 512 or 128.
 */
static inline u32 sg_tile_width(enum sg_tiling tiling)
{
	return 1u << sg_tile_width_shift(tiling);
}

/**
 * sg_tile_height() - rows of a tile.
 * @tiling: X or Y
 *
 * Return: 8 or 32.
 */
static inline u32 sg_tile_height(enum sg_tiling tiling)
{
	return 1u << sg_tile_height_shift(tiling);
}

/**
 * sg_tile_inner() - where a byte of a tile is.
 * @tiling: X or Y
 * @x: byte in the row, below sg_tile_width()
 * @y: row, below sg_tile_height()
 *
 * Return: offset from the tile's start.
 */
static inline u32 sg_tile_inner(enum sg_tiling tiling, u32 x, u32 y)
{
	if (tiling == SG_TILE_X)
		return y * 512 + x;
	return x / SG_TILE_Y_COLUMN * SG_TILE_Y_COLUMN_STRIDE + y * SG_TILE_Y_COLUMN +
	       x % SG_TILE_Y_COLUMN;
}

/**
 * sg_tile_start() - where the tile with a byte is.
 * @tiling: X or Y
 * @stride: bytes from a row to the next; less than a whole number of tiles is rounded down
 * @x: byte in the row
 * @y: row; either may be outside the surface
 *
 * Return: offset of the tile from the surface's start, modulo 2^64.
 */
static inline u64 sg_tile_start(enum sg_tiling tiling, s32 stride, s32 x, s32 y)
{
	s64 row = (s64)(y >> sg_tile_height_shift(tiling)) *
		  (stride >> sg_tile_width_shift(tiling));

	return (u64)(row + (x >> sg_tile_width_shift(tiling))) * SG_TILE_SIZE;
}

/**
 * sg_tile_offset() - where a byte is.
 * @tiling: X or Y
 * @stride: bytes from a row to the next, a multiple of the tile's width
 * @x: byte in the row
 * @y: row
 *
 * Return: offset from the surface's start, modulo 2^64.
 */
static inline u64 sg_tile_offset(enum sg_tiling tiling, s32 stride, s32 x, s32 y)
{
	return sg_tile_start(tiling, stride, x, y) +
	       sg_tile_inner(tiling, (u32)x & (sg_tile_width(tiling) - 1),
			     (u32)y & (sg_tile_height(tiling) - 1));
}

/**
 * sg_tile_run() - how many bytes of a row follow each other in memory.
 * @tiling: X or Y
 * @x: first byte in the row
 *
 * Return: bytes from @x on that are contiguous, 1 to 512.
 */
static inline u32 sg_tile_run(enum sg_tiling tiling, s32 x)
{
	u32 run = tiling == SG_TILE_X ? 512 : SG_TILE_Y_COLUMN;

	return run - ((u32)x & (run - 1));
}

/**
 * sg_tile_load_row() - copy a whole row of a tile to linear memory.
 * @tiling: X or Y
 * @row: the row's first byte in the tile
 * @linear: where to, sg_tile_width() bytes
 */
static inline void sg_tile_load_row(enum sg_tiling tiling, const u8 *row, u8 *linear)
{
	unsigned int i;

	if (tiling == SG_TILE_X) {
		memcpy(linear, row, sg_tile_width(tiling));
		return;
	}
	/* of a size that is known, so that no function is called */
#pragma GCC unroll 8
	for (i = 0; i < 8; i++)
		__builtin_memcpy(linear + i * SG_TILE_Y_COLUMN, row + i * SG_TILE_Y_COLUMN_STRIDE,
				 SG_TILE_Y_COLUMN);
}

/**
 * sg_tile_store_row() - copy linear memory to a whole row of a tile.
 * @tiling: X or Y
 * @row: the row's first byte in the tile
 * @linear: where from, sg_tile_width() bytes
 */
static inline void sg_tile_store_row(enum sg_tiling tiling, u8 *row, const u8 *linear)
{
	unsigned int i;

	if (tiling == SG_TILE_X) {
		memcpy(row, linear, sg_tile_width(tiling));
		return;
	}
#pragma GCC unroll 8
	for (i = 0; i < 8; i++)
		__builtin_memcpy(row + i * SG_TILE_Y_COLUMN_STRIDE, linear + i * SG_TILE_Y_COLUMN,
				 SG_TILE_Y_COLUMN);
}

/**
 * sg_tile_load() - copy a rectangle of a tile to linear memory.
 * @tiling: X or Y
 * @tile: the tile, SG_TILE_SIZE bytes
 * @linear: where to
 * @stride: bytes from a row to the next at @linear
 * @x: first byte of the rows
 * @y: first row
 * @w: bytes a row; @x + @w is within the tile
 * @h: rows; @y + @h is within the tile
 *
 * May be called in any context. Nothing but the rectangle is touched, on either side.
 */
void sg_tile_load(enum sg_tiling tiling, const void *tile, void *linear, size_t stride,
		  u32 x, u32 y, u32 w, u32 h);

/**
 * sg_tile_store() - copy linear memory to a rectangle of a tile.
 * @tiling: X or Y
 * @tile: the tile, SG_TILE_SIZE bytes
 * @linear: where from
 * @stride: bytes from a row to the next at @linear
 * @x: first byte of the rows
 * @y: first row
 * @w: bytes a row; @x + @w is within the tile
 * @h: rows; @y + @h is within the tile
 *
 * May be called in any context. Nothing but the rectangle is touched, on either side.
 */
void sg_tile_store(enum sg_tiling tiling, void *tile, const void *linear, size_t stride,
		   u32 x, u32 y, u32 w, u32 h);

#endif
