/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Surfaces as memory: where the bytes of a picture are, linear or tiled, mapped or not. All of it
 * is for use between sg_mem_enter() and sg_mem_leave().
 */
#ifndef SOFTGEM_DEVICE_BLT_SURFACE_H
#define SOFTGEM_DEVICE_BLT_SURFACE_H

#include "blt_state.h"
#include "mem.h"

/**
 * struct sg_found - what a translation has found.
 * @addr: the address
 * @ptr: its bytes, or NULL if they are not mapped
 * @len: how many; 0 if nothing was looked up yet
 */
struct sg_found {
	u64 addr;
	u8 *ptr;
	u32 len;
};

/**
 * struct sg_view - a surface, and what was found of it last.
 * @mem: the address space
 * @surface: the surface
 * @access: what it is looked up for
 * @last: of tiles, those of even and of odd columns; else only the first is used
 */
struct sg_view {
	struct sg_mem *mem;
	const struct sg_surface *surface;
	enum sg_access access;
	struct sg_found last[2];
};

/**
 * struct sg_views - the surfaces of a blit.
 * @dst: the destination, for writing
 * @before: the destination, for reading: what may not be written can be read
 * @src: the source
 */
struct sg_views {
	struct sg_view dst, before, src;
};

/** sg_view_init() - begin to look at a surface. */
static inline void sg_view_init(struct sg_view *view, struct sg_mem *mem,
				const struct sg_surface *surface, enum sg_access access)
{
	memset(view, 0, sizeof(*view));
	view->mem = mem;
	view->surface = surface;
	view->access = access;
}

/** sg_linear_address() - where byte @x of row @y of a linear surface is. */
static inline u64 sg_linear_address(const struct sg_surface *surface, s64 x, s32 y)
{
	return (surface->base + (u64)((s64)y * surface->pitch + x)) & SG_ADDRESS_MASK;
}

/**
 * sg_view_tile() - find the tile that a byte of a tiled surface is in.
 * @view: the surface
 * @x: the byte
 * @y: its row
 *
 * Return: it, whole unless its length is less than SG_TILE_SIZE; valid until the next call.
 */
struct sg_found *sg_view_tile(struct sg_view *view, s32 x, s32 y);

/**
 * sg_view_bytes() - find the bytes from byte @x of row @y on.
 * @view: the surface
 * @x: the byte
 * @y: the row
 * @len: in: how many are wanted; out: how many are contiguous, or not mapped
 *
 * Return: the bytes, or NULL if they are not mapped.
 */
u8 *sg_view_bytes(struct sg_view *view, s64 x, s32 y, u32 *len);

/** sg_view_load() - copy @n bytes of row @y, from byte @x on, to @to. */
void sg_view_load(struct sg_view *view, s64 x, s32 y, u8 *to, u32 n);

/** sg_view_store() - copy @n bytes from @from to row @y, from byte @x on. */
void sg_view_store(struct sg_view *view, s64 x, s32 y, const u8 *from, u32 n);

/**
 * sg_view_store_some() - the same, for some of the bytes.
 * @view: the surface
 * @x: the first byte
 * @y: its row
 * @from: the bytes
 * @write: which of them are to be written: those that are not zero here
 * @n: how many
 *
 * What is left out is not written, not even with itself.
 */
void sg_view_store_some(struct sg_view *view, s64 x, s32 y, const u8 *from, const u8 *write, u32 n);

#endif
