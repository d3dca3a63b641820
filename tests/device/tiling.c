// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Tiles: every byte's place, and copies of rectangles in and out at all alignments. */
#include "testing.h"
#include "picture.h"
#include "tiling.h"

#include <stdlib.h>

static const struct { enum sg_tiling tiling; char letter; u32 w, h; } kinds[] = {
	{ SG_TILE_X, 'X', 512, 8 }, { SG_TILE_Y, 'Y', 128, 32 },
};

static void sizes(void **state)
{
	unsigned int k;

	(void)state;
	for (k = 0; k < 2; k++) {
		assert_int_equal(sg_tile_width(kinds[k].tiling), kinds[k].w);
		assert_int_equal(sg_tile_height(kinds[k].tiling), kinds[k].h);
		assert_int_equal(kinds[k].w * kinds[k].h, SG_TILE_SIZE);
	}
}

/* Every byte of some tiles is where the formula says, and no two are in one place. */
static void places(void **state)
{
	unsigned int k, across, x, y;

	(void)state;
	for (k = 0; k < 2; k++)
		for (across = 1; across <= 4; across++) {
			unsigned int stride = across * kinds[k].w, rows = 3 * kinds[k].h;
			struct surface s = { 0, (int)stride, kinds[k].letter };
			u8 *used = calloc(stride, rows);

			assert_non_null(used);
			for (y = 0; y < rows; y++)
				for (x = 0; x < stride; x++) {
					u64 at = sg_tile_offset(kinds[k].tiling, stride, x, y);

					if (at != byte_address(&s, (int)x, (int)y) ||
					    at >= stride * rows || used[at]++)
						fail_msg("%c, %u across: (%u, %u) is at %llu",
							 kinds[k].letter, across, x, y,
							 (unsigned long long)at);
				}
			free(used);
		}
}

/* Bytes of a run follow each other; the next does not, unless the next tile happens to begin. */
static void runs(void **state)
{
	unsigned int k, x, i;

	(void)state;
	for (k = 0; k < 2; k++)
		for (x = 0; x < 2 * kinds[k].w; x++) {
			u32 run = sg_tile_run(kinds[k].tiling, x);
			u64 at = sg_tile_offset(kinds[k].tiling, 4 * kinds[k].w, x, 3);

			assert_true(run >= 1);
			for (i = 0; i <= run; i++) {
				u64 next = sg_tile_offset(kinds[k].tiling, 4 * kinds[k].w, x + i, 3);

				assert_int_equal(next == at + i, i < run);
			}
		}
}

/* One rectangle, in buffers that are no larger than it takes; @skew is to the linear's alignment. */
static void check_rectangle(unsigned int k, bool to_tile, u32 x, u32 y, u32 w, u32 h, size_t stride,
			    unsigned int skew)
{
	struct surface s = { 0, (int)kinds[k].w, kinds[k].letter };
	size_t size = (h - 1) * stride + w;
	u8 *tile = malloc(SG_TILE_SIZE), *expected = malloc(SG_TILE_SIZE + size);
	u8 *linear = malloc(skew + size), *at = linear + skew;
	size_t i, j;

	assert_non_null(tile);
	assert_non_null(expected);
	assert_non_null(linear);
	for (i = 0; i < SG_TILE_SIZE; i++)
		tile[i] = (u8)(i * 7 + (i >> 8));
	for (i = 0; i < size; i++)
		at[i] = (u8)(i * 13 + 101 + (i >> 8));
	memcpy(expected, tile, SG_TILE_SIZE);
	memcpy(expected + SG_TILE_SIZE, at, size);
	for (j = 0; j < h; j++)
		for (i = 0; i < w; i++) {
			u8 *in_tile = &expected[byte_address(&s, (int)(x + i), (int)(y + j))];
			u8 *in_linear = &expected[SG_TILE_SIZE + j * stride + i];

			if (to_tile)
				*in_tile = *in_linear;
			else
				*in_linear = *in_tile;
		}
	if (to_tile)
		sg_tile_store(kinds[k].tiling, tile, at, stride, x, y, w, h);
	else
		sg_tile_load(kinds[k].tiling, tile, at, stride, x, y, w, h);
	if (memcmp(tile, expected, SG_TILE_SIZE) || memcmp(at, expected + SG_TILE_SIZE, size))
		fail_msg("%c %s (%u, %u), %u by %u, stride %zu", kinds[k].letter,
			 to_tile ? "store" : "load", x, y, w, h, stride);
	free(tile);
	free(expected);
	free(linear);
}

/* All beginnings and lengths of rows, in steps that meet every alignment to a column of 16. */
static void check_columns(bool to_tile)
{
	unsigned int k, x, w, step;

	for (k = 0; k < 2; k++) {
		step = kinds[k].w / 128;
		for (x = 0; x < kinds[k].w; x += x % 16 < 15 ? 1 : step * 16 - 15)
			for (w = 1; x + w <= kinds[k].w; w += w < 34 ? 1 : step * 7)
				check_rectangle(k, to_tile, x, 2, w, 3, w + x % 5, x % 8);
	}
}

static void check_rows(bool to_tile)
{
	unsigned int k, y, h;

	for (k = 0; k < 2; k++)
		for (y = 0; y < kinds[k].h; y++)
			for (h = 1; y + h <= kinds[k].h; h++) {
				check_rectangle(k, to_tile, 5, y, 40, h, 43, 1);
				check_rectangle(k, to_tile, 0, y, kinds[k].w, h, kinds[k].w, 0);
			}
}

static void load_columns(void **state)
{
	(void)state;
	check_columns(false);
}

static void store_columns(void **state)
{
	(void)state;
	check_columns(true);
}

static void load_rows(void **state)
{
	(void)state;
	check_rows(false);
}

static void store_rows(void **state)
{
	(void)state;
	check_rows(true);
}

/* What is stored and loaded again is what it was. */
static void there_and_back(void **state)
{
	u8 *tile = malloc(SG_TILE_SIZE), *linear = malloc(SG_TILE_SIZE), *back = malloc(SG_TILE_SIZE);
	unsigned int k, i;

	(void)state;
	for (i = 0; i < SG_TILE_SIZE; i++)
		linear[i] = (u8)random32();
	for (k = 0; k < 2; k++) {
		sg_tile_store(kinds[k].tiling, tile, linear, kinds[k].w, 0, 0, kinds[k].w, kinds[k].h);
		memset(back, 0, SG_TILE_SIZE);
		sg_tile_load(kinds[k].tiling, tile, back, kinds[k].w, 0, 0, kinds[k].w, kinds[k].h);
		assert_memory_equal(linear, back, SG_TILE_SIZE);
	}
	free(tile);
	free(linear);
	free(back);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sizes),
		cmocka_unit_test(places),
		cmocka_unit_test(runs),
		cmocka_unit_test(load_columns),
		cmocka_unit_test(store_columns),
		cmocka_unit_test(load_rows),
		cmocka_unit_test(store_rows),
		cmocka_unit_test(there_and_back),
	};

	return cmocka_run_group_tests_name("tiling", tests, NULL, NULL);
}
