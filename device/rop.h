/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Raster operations: a function of three bits (pattern, source, destination), given as its truth
 * table of eight bits (Intel PRM, copy engine, "Bit-wise operations and 8-bit codes").
 */
#ifndef SOFTGEM_DEVICE_ROP_H
#define SOFTGEM_DEVICE_ROP_H

#include "types.h"

#define SG_ROP_COPY		0xcc	/* the source */
#define SG_ROP_PATTERN		0xf0	/* the pattern */
#define SG_ROP_BLACK		0x00
#define SG_ROP_WHITE		0xff

/**
 * sg_rop_uses_pattern() - whether the pattern makes a difference.
 * @rop: raster operation
 *
 * Return: false if the result is the same for any pattern.
 */
static inline bool sg_rop_uses_pattern(u8 rop)
{
	return ((rop >> 4) ^ rop) & 0x0f;
}

/**
 * sg_rop_uses_source() - whether the source makes a difference.
 * @rop: raster operation
 *
 * Return: false if the result is the same for any source.
 */
static inline bool sg_rop_uses_source(u8 rop)
{
	return ((rop >> 2) ^ rop) & 0x33;
}

/**
 * sg_rop_uses_dest() - whether what was there before makes a difference.
 * @rop: raster operation
 *
 * Return: false if the result is the same for any destination.
 */
static inline bool sg_rop_uses_dest(u8 rop)
{
	return ((rop >> 1) ^ rop) & 0x55;
}

/**
 * sg_rop() - apply a raster operation.
 * @rop: its table: bit (p << 2 | s << 1 | d) is the result
 * @dst: what was there before; the result replaces it
 * @src: the source; not looked at if it makes no difference
 * @pat: the pattern; not looked at if it makes no difference
 * @n: qwords in each
 *
 * May be called in any context.
 */
void sg_rop(u8 rop, u64 *dst, const u64 *src, const u64 *pat, size_t n);

#endif
