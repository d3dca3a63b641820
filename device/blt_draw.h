/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Between blt.c, which decodes, and blt_draw.c, which draws. */
#ifndef SOFTGEM_DEVICE_BLT_DRAW_H
#define SOFTGEM_DEVICE_BLT_DRAW_H

#include "blt.h"

/**
 * sg_blt_begin() - make a decoded blit ready for sg_blt_step().
 * @blt: the blitter, @op complete, its rectangle not empty
 *
 * Chooses how it is drawn, and the order of rows and bytes: where source and destination overlap
 * the result is as if the source had been read first. (The hardware leaves that to whoever
 * programs it, and reads ahead by an amount that it does not tell.) Surfaces that overlap but
 * differ in pitch or tiling are drawn in any order, as are tiled ones of which a row is longer than
 * the pitch, and goes on in the next row of tiles.
 */
void sg_blt_begin(struct sg_blt *blt);

#endif
