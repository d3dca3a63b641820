// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Copying between tiles and linear memory: see tiling.h. */
#include "tiling.h"

/* A whole column of 16 bytes: the size is known, so that no call is made for it. */
static void copy16(void *to, const void *from)
{
	__builtin_memcpy(to, from, 16);
}

void sg_tile_load(enum sg_tiling tiling, const void *tile, void *linear, size_t stride,
		  u32 x, u32 y, u32 w, u32 h)
{
	const u8 *from = tile;
	u8 *to = linear;
	u32 row, at, n;

	if (tiling == SG_TILE_X) {
		for (row = 0; row < h; row++)
			memcpy(to + row * stride, from + (y + row) * 512 + x, w);
		return;
	}
	for (at = 0; at < w; at += n) {
		const u8 *column = from + (x + at) / 16 * 512 + y * 16 + (x + at) % 16;

		n = min(16 - (x + at) % 16, w - at);
		if (n == 16)
			for (row = 0; row < h; row++)
				copy16(to + row * stride + at, column + row * 16);
		else
			for (row = 0; row < h; row++)
				memcpy(to + row * stride + at, column + row * 16, n);
	}
}

void sg_tile_store(enum sg_tiling tiling, void *tile, const void *linear, size_t stride,
		   u32 x, u32 y, u32 w, u32 h)
{
	const u8 *from = linear;
	u8 *to = tile;
	u32 row, at, n;

	if (tiling == SG_TILE_X) {
		for (row = 0; row < h; row++)
			memcpy(to + (y + row) * 512 + x, from + row * stride, w);
		return;
	}
	for (at = 0; at < w; at += n) {
		u8 *column = to + (x + at) / 16 * 512 + y * 16 + (x + at) % 16;

		n = min(16 - (x + at) % 16, w - at);
		if (n == 16)
			for (row = 0; row < h; row++)
				copy16(column + row * 16, from + row * stride + at);
		else
			for (row = 0; row < h; row++)
				memcpy(column + row * 16, from + row * stride + at, n);
	}
}
