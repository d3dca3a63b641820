/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Tiled surfaces: where a pixel is in memory (PRM volume 5, "Memory Views", Address Tiling).
 *
 * A tile is 4 KiB. X: 8 rows of 512 bytes. Y: 8 columns of 32 rows of 16 bytes. Tiles follow each
 * other from left to right, then from top to bottom. No bits are swizzled on this generation.
 */
#ifndef SOFTGEM_DEVICE_TILING_H
#define SOFTGEM_DEVICE_TILING_H

#include "types.h"

/** enum sg_tiling - how the bytes of a surface lie. */
enum sg_tiling { SG_LINEAR, SG_TILE_X, SG_TILE_Y };

#define SG_TILE_SIZE	4096u

/** sg_tile_width() - bytes in a row of a tile. */
static inline u32 sg_tile_width(enum sg_tiling tiling)
{
	return tiling == SG_TILE_X ? 512 : 128;
}

/** sg_tile_height() - rows of a tile. */
static inline u32 sg_tile_height(enum sg_tiling tiling)
{
	return tiling == SG_TILE_X ? 8 : 32;
}

/**
 * sg_tile_offset() - where a byte is.
 * @tiling: X or Y
 * @stride: bytes from a row to the next, a multiple of the tile's width
 * @x: byte in the row
 * @y: row
 *
 * Return: offset from the surface's start.
 */
static inline u64 sg_tile_offset(enum sg_tiling tiling, u32 stride, u32 x, u32 y)
{
	u32 w = sg_tile_width(tiling), h = sg_tile_height(tiling);
	u64 tile = (u64)(y / h) * (stride / w) + x / w;
	u32 in_x = x % w, in_y = y % h;

	if (tiling == SG_TILE_X)
		return tile * SG_TILE_SIZE + in_y * w + in_x;
	return tile * SG_TILE_SIZE + in_x / 16 * 512 + in_y * 16 + in_x % 16;
}

/** sg_tile_run() - how many bytes of a row follow each other in memory from byte @x on. */
static inline u32 sg_tile_run(enum sg_tiling tiling, u32 x)
{
	return tiling == SG_TILE_X ? 512 - x % 512 : 16 - x % 16;
}

/**
 * sg_tile_load() - copy a rectangle of a tile to linear memory.
 * @tiling: X or Y
 * @tile: the tile, 4 KiB
 * @linear: where to
 * @stride: bytes from a row to the next at @linear
 * @x: first byte of the rows
 * @y: first row
 * @w: bytes a row; @x + @w is within the tile
 * @h: rows; likewise
 */
void sg_tile_load(enum sg_tiling tiling, const void *tile, void *linear, size_t stride,
		  u32 x, u32 y, u32 w, u32 h);

/**
 * sg_tile_store() - copy linear memory to a rectangle of a tile.
 * @tiling: X or Y
 * @tile: the tile, 4 KiB
 * @linear: where from
 * @stride: bytes from a row to the next at @linear
 * @x: first byte of the rows
 * @y: first row
 * @w: bytes a row; @x + @w is within the tile
 * @h: rows; likewise
 */
void sg_tile_store(enum sg_tiling tiling, void *tile, const void *linear, size_t stride,
		   u32 x, u32 y, u32 w, u32 h);

#endif
