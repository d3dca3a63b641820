// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Where a surface's bytes are: see blt_surface.h. */
#include "blt_surface.h"

/* Linear memory is looked up by the page, when not all that follows is wanted. */
#define PAGE_BYTES	4096u

static void find(struct sg_view *view, struct sg_found *found, u64 addr, u32 len)
{
	size_t n = len;

	found->addr = addr & SG_ADDRESS_MASK;
	found->ptr = sg_mem_translate(view->mem, addr, &n, view->access);
	found->len = (u32)n;
}

struct sg_found *sg_view_tile(struct sg_view *view, s32 x, s32 y)
{
	const struct sg_surface *s = view->surface;
	struct sg_found *found = &view->last[x >> sg_tile_width_shift(s->tiling) & 1];
	u64 addr = (s->base + sg_tile_start(s->tiling, s->pitch, x, y)) & SG_ADDRESS_MASK;

	if (!found->len || found->addr != addr)
		find(view, found, addr, SG_TILE_SIZE);
	return found;
}

u8 *sg_view_bytes(struct sg_view *view, s64 x, s32 y, u32 *len)
{
	const struct sg_surface *s = view->surface;
	struct sg_found *found, exact;
	u64 at;

	if (s->tiling == SG_LINEAR) {
		u64 addr = sg_linear_address(s, x, y);

		found = &view->last[0];
		at = addr - found->addr;
		if (at >= found->len) {
			find(view, found, addr, PAGE_BYTES - addr % PAGE_BYTES);
			at = 0;
		}
	} else {
		*len = min(*len, sg_tile_run(s->tiling, (s32)x));
		at = sg_tile_inner(s->tiling, (u32)x & (sg_tile_width(s->tiling) - 1),
				   (u32)y & (sg_tile_height(s->tiling) - 1));
		found = sg_view_tile(view, (s32)x, y);
		if (at >= found->len) {
			find(view, &exact, found->addr + at, *len);
			found = &exact;
			at = 0;
		}
	}
	*len = (u32)min((u64)*len, found->len - at);
	return found->ptr ? found->ptr + at : NULL;
}

/* Bytes of a row that can be moved as part of a tile; 0: none. */
static u32 tile_row(struct sg_view *view, s64 x, s32 y, u32 n, u8 **tile)
{
	enum sg_tiling tiling = view->surface->tiling;
	struct sg_found *found;

	if (tiling == SG_LINEAR)
		return 0;
	found = sg_view_tile(view, (s32)x, y);
	*tile = found->ptr;
	if (found->len < SG_TILE_SIZE)
		return 0;
	return min(n, sg_tile_width(tiling) - ((u32)x & (sg_tile_width(tiling) - 1)));
}

void sg_view_load(struct sg_view *view, s64 x, s32 y, u8 *to, u32 n)
{
	enum sg_tiling tiling = view->surface->tiling;
	u32 len;

	for (; n; x += len, to += len, n -= len) {
		u8 *ptr;

		len = tile_row(view, x, y, n, &ptr);
		if (len && ptr) {
			sg_tile_load(tiling, ptr, to, 0, (u32)x & (sg_tile_width(tiling) - 1),
				     (u32)y & (sg_tile_height(tiling) - 1), len, 1);
			continue;
		}
		if (!len) {
			len = n;
			ptr = sg_view_bytes(view, x, y, &len);
		}
		if (ptr)
			memcpy(to, ptr, len);
		else
			memset(to, 0, len);
	}
}

static void put(u8 *to, const u8 *from, u32 n)
{
	/* a pixel is one store: somebody may be waiting for it */
	if (n == sizeof(u32))
		__builtin_memcpy(to, from, sizeof(u32));
	else
		memcpy(to, from, n);
}

void sg_view_store(struct sg_view *view, s64 x, s32 y, const u8 *from, u32 n)
{
	enum sg_tiling tiling = view->surface->tiling;
	u32 len;

	for (; n; x += len, from += len, n -= len) {
		u8 *ptr;

		len = tile_row(view, x, y, n, &ptr);
		if (len && ptr) {
			sg_tile_store(tiling, ptr, from, 0, (u32)x & (sg_tile_width(tiling) - 1),
				      (u32)y & (sg_tile_height(tiling) - 1), len, 1);
			continue;
		}
		if (!len) {
			len = n;
			ptr = sg_view_bytes(view, x, y, &len);
		}
		if (ptr)
			put(ptr, from, len);
	}
}

static void put_some(u8 *to, const u8 *from, const u8 *write, u32 n)
{
	u32 i;

	for (i = 0; i < n; i++)
		if (write[i])
			to[i] = from[i];
}

void sg_view_store_some(struct sg_view *view, s64 x, s32 y, const u8 *from, const u8 *write, u32 n)
{
	u32 len, i;

	for (; n; x += len, from += len, write += len, n -= len) {
		u8 *ptr;

		len = n;
		ptr = sg_view_bytes(view, x, y, &len);
		if (!ptr)
			continue;
		for (i = 0; len - i >= sizeof(u32); i += sizeof(u32)) {
			u32 which;

			__builtin_memcpy(&which, write + i, sizeof(which));
			if (which == ~0u)
				put(ptr + i, from + i, sizeof(u32));
			else if (which)
				put_some(ptr + i, from + i, write + i, sizeof(u32));
		}
		put_some(ptr + i, from + i, write + i, len - i);
	}
}
