/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Between blt.c, which decodes, and blt_draw.c, which draws. */
#ifndef SOFTGEM_DEVICE_BLT_DRAW_H
#define SOFTGEM_DEVICE_BLT_DRAW_H

#include "blt.h"

/**
 * sg_blt_begin() - make a decoded blit ready for sg_blt_step().
 * @blt: the blitter, its rectangle not empty
 *
 * Chooses the order of rows and bytes so that where source and destination overlap the result is
 * as if the source had been read first.
 */
void sg_blt_begin(struct sg_blt *blt);

#endif
