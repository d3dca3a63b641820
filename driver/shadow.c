// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Shadows of tiled objects. Where hardware has fence registers, which make a tiled object look
 * linear to whoever goes through the aperture (Intel PRM volume 5, "Memory Views"), there is a copy
 * here: linear, made when somebody looks, part by part, and written back if somebody wrote to it.
 *
 * The bytes are in one place at a time only. Everything that is going to look at the object itself
 * flushes the shadow first, which takes it out of all page tables, writes it back and frees it. The
 * next access through the aperture makes a new one, and takes the object out of the page tables in
 * turn, so that the CPU's next look at it comes here as well. Where that cannot be done (the GPU is
 * at work on it, other devices know its pages, its file is mapped) the shadow is known to be
 * doubtful, and lasts until the client next says that it is going to look.
 *
 * A part is a view: whole rows of tiles, so that the bytes of a view are the same ones in both
 * layouts. Of the last row of tiles the object may lack some, as it is as large as its owner likes:
 * there reads give zeroes, and writes are lost.
 */
#include <linux/dma-resv.h>
#include <linux/math64.h>
#include <linux/mm.h>
#include <linux/sched.h>
#include <linux/sizes.h>
#include <linux/vmalloc.h>

#include "aperture.h"
#include "mmap.h"
#include "object.h"
#include "shadow.h"

/* The least size of a view: few faults for who goes through it all, little to copy for others. */
#define VIEW_MIN	SZ_1M

/**
 * struct sg_shadow - an object's shadow.
 * @view_size: bytes a view, but for the last one
 * @nviews: entries in @view
 * @doubtful: the object may have changed behind it
 * @view: the views, in the order of the linear bytes
 */
struct sg_shadow {
	u32 view_size;
	unsigned int nviews;
	bool doubtful;
	struct sg_shadow_view view[];
};

/* Bytes in a row of tiles. */
static u32 tile_row_size(const struct sg_object *obj)
{
	return obj->stride << sg_tile_height_shift(obj->tiling);
}

/**
 * sg_shadow_view_size() - bytes in a view of an object's shadow, but for the last one.
 * @obj: the object, tiled
 */
u32 sg_shadow_view_size(const struct sg_object *obj)
{
	return roundup(VIEW_MIN, tile_row_size(obj));
}

static u64 view_len(const struct sg_object *obj, u64 start)
{
	return min_t(u64, obj->shadow->view_size, obj->base.size - start);
}

/* Copy a tile, as far as the view has its bytes. @linear: where it begins in the view */
static void copy_tile(const struct sg_object *obj, void *tile, void *mem, u32 linear, u32 len,
		      bool store)
{
	u32 width = sg_tile_width(obj->tiling), height = sg_tile_height(obj->tiling);

	if (linear >= len)
		return;
	/* lengths and strides are multiples of the width: a row is there whole or not at all */
	height = min(height, DIV_ROUND_UP(len - linear, obj->stride));
	if (store)
		sg_tile_store(obj->tiling, tile, mem + linear, obj->stride, 0, 0, width, height);
	else
		sg_tile_load(obj->tiling, tile, mem + linear, obj->stride, 0, 0, width, height);
}

/* Copy a view; the reservation keeps the pages in place. */
static void copy_view(const struct sg_object *obj, void *mem, u64 start, bool store)
{
	u32 width = sg_tile_width(obj->tiling), row_size = tile_row_size(obj);
	u32 row, x, len = view_len(obj, start);
	u64 offset = start;

	for (row = 0; row < len; row += row_size) {
		for (x = 0; x < obj->stride; x += width) {
			size_t span = SG_TILE_SIZE;
			void *tile;

			if (offset >= obj->base.size)
				return;
			tile = sg_object_span(obj, offset, &span);
			copy_tile(obj, tile, mem, row + x, len, store);
			offset += SG_TILE_SIZE;
		}
		cond_resched();
	}
}

/* Whether there are others who can reach the object's bytes without asking. */
static bool shared(const struct sg_object *obj)
{
	return obj->exposed || atomic_read(&obj->pages_pin) ||
	       !dma_resv_test_signaled(obj->base.resv, DMA_RESV_USAGE_READ);
}

static struct sg_shadow *shadow_create(struct sg_object *obj)
{
	u32 size = sg_shadow_view_size(obj);
	unsigned int n = div_u64(obj->base.size + size - 1, size);
	struct sg_shadow *shadow;

	shadow = kvzalloc(struct_size(shadow, view, n), GFP_KERNEL_ACCOUNT);
	if (!shadow)
		return NULL;
	shadow->view_size = size;
	shadow->nviews = n;
	sg_mmap_revoke_kind(obj, SG_MMAP_WC);
	sg_mmap_revoke_kind(obj, SG_MMAP_WB);
	sg_mmap_revoke_kind(obj, SG_MMAP_UC);
	return shadow;
}

/**
 * sg_shadow_get() - the view that has a byte.
 * @obj: the object: tiled, its pages there
 * @offset: the byte, in the linear order, below the object's size
 * @start: the first byte of the view, a multiple of the page size
 * @len: bytes in the view, likewise
 *
 * Whoever is going to write to it sets its @dirty. It stays until the reservation is given up and
 * somebody flushes it.
 *
 * Context: reservation held; may allocate. May be called within a fault.
 * Return: the view, its memory there; -ENOMEM.
 */
struct sg_shadow_view *sg_shadow_get(struct sg_object *obj, u64 offset, u64 *start, u64 *len)
{
	struct sg_shadow_view *view;
	unsigned int index;

	dma_resv_assert_held(obj->base.resv);
	if (!obj->shadow)
		obj->shadow = shadow_create(obj);
	if (!obj->shadow)
		return ERR_PTR(-ENOMEM);
	index = div_u64(offset, obj->shadow->view_size);
	*start = (u64)index * obj->shadow->view_size;
	*len = view_len(obj, *start);
	view = &obj->shadow->view[index];
	if (!view->mem) {
		view->mem = __vmalloc(*len, GFP_KERNEL_ACCOUNT | __GFP_ZERO | __GFP_NOWARN);
		if (!view->mem)
			return ERR_PTR(-ENOMEM);
		obj->shadow->doubtful |= shared(obj);
		copy_view(obj, view->mem, *start, false);
	}
	return view;
}

static void view_fini(struct sg_object *obj, unsigned int i)
{
	struct sg_shadow_view *view = &obj->shadow->view[i];

	if (view->dirty)
		copy_view(obj, view->mem, (u64)i * obj->shadow->view_size, true);
	vfree(view->mem);
	view->mem = NULL;
	view->dirty = false;
}

/**
 * sg_shadow_fini() - the end of an object's shadow, if it has one.
 * @obj: the object, no longer mapped nor known to anybody; its pages are still there
 *
 * What was written is not lost: processes may have the object's file mapped.
 */
void sg_shadow_fini(struct sg_object *obj)
{
	struct sg_shadow *shadow = obj->shadow;
	unsigned int i;

	if (!shadow)
		return;
	for (i = 0; i < shadow->nviews; i++)
		view_fini(obj, i);
	obj->shadow = NULL;
	kvfree(shadow);
}

/**
 * sg_shadow_flush() - make the object's own bytes the ones that count.
 * @obj: the object
 *
 * To be called by everybody who looks at them other than through the aperture, before he does.
 *
 * Context: reservation held. Allocates nothing: the shrinker calls this.
 */
void sg_shadow_flush(struct sg_object *obj)
{
	dma_resv_assert_held(obj->base.resv);
	if (!obj->shadow)
		return;
	/* first, so that nobody writes to what was written back already */
	sg_mmap_revoke_kind(obj, SG_MMAP_GTT);
	sg_shadow_fini(obj);
}

/**
 * sg_shadow_flush_range() - sg_shadow_flush(), for a part of the object.
 * @obj: the object
 * @start: the first byte of the part, which begins with a view
 * @end: its end
 *
 * Context: reservation held; nobody has the part mapped. Allocates nothing.
 */
void sg_shadow_flush_range(struct sg_object *obj, u64 start, u64 end)
{
	unsigned int i;

	dma_resv_assert_held(obj->base.resv);
	if (!obj->shadow)
		return;
	for (i = div_u64(start, obj->shadow->view_size); i < obj->shadow->nviews; i++) {
		if ((u64)i * obj->shadow->view_size >= end)
			break;
		view_fini(obj, i);
	}
}

/**
 * sg_shadow_refresh() - somebody is going to look at an object through the aperture.
 * @obj: the object; the GPU is done with it
 *
 * Makes sure that he sees what others did to it; a shadow that is right stays.
 *
 * Context: reservation held. Allocates nothing.
 */
void sg_shadow_refresh(struct sg_object *obj)
{
	dma_resv_assert_held(obj->base.resv);
	if (obj->shadow && obj->shadow->doubtful)
		sg_shadow_flush(obj);
}

/**
 * sg_shadow_sync() - sg_shadow_flush(), for those who do not hold the reservation.
 * @obj: the object
 *
 * Return: 0 or -EINTR.
 */
int sg_shadow_sync(struct sg_object *obj)
{
	int ret = dma_resv_lock_interruptible(obj->base.resv, NULL);

	if (ret)
		return ret;
	sg_shadow_flush(obj);
	dma_resv_unlock(obj->base.resv);
	return 0;
}

/**
 * sg_shadow_expose() - an object's file is going to be mapped: its pages are out of our hands.
 * @obj: the object
 *
 * Return: 0 or -EINTR.
 */
int sg_shadow_expose(struct sg_object *obj)
{
	int ret = dma_resv_lock_interruptible(obj->base.resv, NULL);

	if (ret)
		return ret;
	sg_shadow_flush(obj);
	obj->exposed = true;
	dma_resv_unlock(obj->base.resv);
	return 0;
}

/**
 * sg_shadow_set_tiling() - say how the bytes of an object lie.
 * @obj: the object
 * @tiling: how
 * @stride: bytes from a row to the next, a multiple of the tile's width, at most 256 KiB; or 0
 *
 * The bytes stay where they are. What is seen through the aperture changes.
 *
 * Context: reservation held.
 */
void sg_shadow_set_tiling(struct sg_object *obj, enum sg_tiling tiling, u32 stride)
{
	dma_resv_assert_held(obj->base.resv);
	if (obj->tiling == tiling && obj->stride == stride)
		return;
	sg_shadow_flush(obj);
	sg_mmap_revoke_kind(obj, SG_MMAP_GTT);
	/* its parts, and whether they need a register, depend on it */
	sg_aperture_unbind(obj);
	WRITE_ONCE(obj->tiling, tiling);	/* GET_TILING takes no lock */
	obj->stride = stride;
}
