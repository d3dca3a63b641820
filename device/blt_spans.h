/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Between blt_draw.c, which draws blocks, and blt_spans.c, which can draw any of them. */
#ifndef SOFTGEM_DEVICE_BLT_SPANS_H
#define SOFTGEM_DEVICE_BLT_SPANS_H

#include "blt_surface.h"

/**
 * struct sg_block - a part of a blit.
 * @dst_x: its first column in the destination, in bytes
 * @src_x: likewise in the source
 * @dst_y: its first row in the destination
 * @src_y: likewise in the source
 * @bytes: bytes a row
 * @rows: rows
 */
struct sg_block {
	s64 dst_x, src_x;
	s32 dst_y, src_y;
	u32 bytes, rows;
};

/** sg_blt_writes_some() - whether pixels, or bits of them, may have to stay as they are. */
bool sg_blt_writes_some(const struct sg_blt_op *op);

/**
 * sg_blt_draw_spans() - draw a block, whatever the blit is.
 * @blt: the blit; its buffers are used
 * @views: its surfaces
 * @block: what is drawn of it
 */
void sg_blt_draw_spans(struct sg_blt *blt, struct sg_views *views, const struct sg_block *block);

#endif
