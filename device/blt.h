/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The blitter: 2D commands of the copy engine, decoded into a blit, which is done in pieces. */
#ifndef SOFTGEM_DEVICE_BLT_H
#define SOFTGEM_DEVICE_BLT_H

#include "mem.h"
#include "types.h"

/* The longest command: its length field has 8 bits and counts from 2. */
#define SG_MAX_COMMAND	257

/**
 * enum sg_blt_status - how a blit gets on.
 * @SG_BLT_DONE: all drawn (or nothing to draw)
 * @SG_BLT_MORE: sg_blt_step() has to be called (again)
 * @SG_BLT_ERROR: the command makes no sense
 */
enum sg_blt_status { SG_BLT_DONE, SG_BLT_MORE, SG_BLT_ERROR };

#include "blt_state.h"

/**
 * sg_blt_init() - bring the blitter of a context into its first state.
 * @blt: the blitter
 */
void sg_blt_init(struct sg_blt *blt);

/**
 * sg_blt_decode() - begin a 2D command.
 * @blt: the blitter; no blit is under way
 * @cmd: the command
 * @n: its dwords, as its length field says; at least 1
 * @swctrl: BCS_SWCTRL: which surfaces of the XY commands that say "tiled" are Y-tiled
 *
 * The SETUP commands are carried out at once; the others are set up for sg_blt_step().
 *
 * Return: SG_BLT_DONE, SG_BLT_MORE or SG_BLT_ERROR.
 */
enum sg_blt_status sg_blt_decode(struct sg_blt *blt, const u32 *cmd, unsigned int n, u32 swctrl);

/**
 * sg_blt_step() - draw the next piece, at most SG_PIECE bytes.
 * @blt: the blitter, a blit under way
 * @mem: the address space
 *
 * Return: SG_BLT_MORE or SG_BLT_DONE.
 */
enum sg_blt_status sg_blt_step(struct sg_blt *blt, struct sg_mem *mem);

#endif
