// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The aperture: the part of the GPU's global address space that processes look through.
 *
 * It is scarce, on real hardware and here: an object that a process touches through it needs an
 * address there, and a tiled one a fence register too. Both are given to views: an object, or a
 * part of one that is too large. When there is no room left, the views that were not faulted in for
 * the longest time make it: their page table entries are taken away, and the next access faults.
 *
 * A view says where the bytes would be, not what they are: taking an object's pages away takes
 * page table entries with them, and leaves its views. So nothing here is needed in reclaim.
 *
 * A view is made, used and taken away under its object's reservation. Who needs room holds that of
 * another object, and only tries: if it is taken, he waits for it with nothing held, and begins
 * again.
 */
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "aperture.h"
#include "gpu.h"
#include "mmap.h"
#include "object.h"
#include "shadow.h"

/* The least part of an object that is bound, in bytes; more where rows of tiles are larger. */
#define VIEW_MIN	SZ_1M
/* An object that would need more than one part in so many of the aperture throws nobody out. */
#define GREEDY		4

/**
 * struct sg_aperture_view - a part of an object, in the aperture.
 * @node: where
 * @obj: the object
 * @start: the part, in bytes of the object: multiples of the page size
 * @end: likewise
 * @fence: its register, or -1
 * @obj_link: in the object's list
 * @lru_link: in the aperture's list
 * @evict_link: while it is being decided who has to go
 */
struct sg_aperture_view {
	struct drm_mm_node node;
	struct sg_object *obj;
	u64 start;
	u64 end;
	int fence;
	struct list_head obj_link;
	struct list_head lru_link;
	struct list_head evict_link;
};

static void view_free(struct sg_aperture *ap, struct sg_aperture_view *view)
{
	if (view->fence >= 0)
		ap->fences[view->fence] = NULL;
	drm_mm_remove_node(&view->node);
	list_del(&view->obj_link);
	list_del(&view->lru_link);
	ap->nviews--;
	kfree(view);
}

/*
 * Nobody is to look through a view any more, until the next fault. @ours: the object whose
 * reservation is held. If that of the view's own object cannot be had, returns -EBUSY and the
 * object, with a reference, in @busy.
 */
static int view_revoke(struct sg_aperture_view *view, struct sg_object *ours,
		       struct sg_object **busy)
{
	struct sg_object *obj = view->obj;

	/* an object at its end is mapped no more; it will come for its views */
	if (!kref_get_unless_zero(&obj->base.refcount))
		return 0;
	if (obj != ours && !dma_resv_trylock(obj->base.resv)) {
		*busy = obj;
		return -EBUSY;
	}
	sg_mmap_revoke_range(obj, SG_MMAP_GTT, view->start, view->end - view->start);
	sg_shadow_flush_range(obj, view->start, view->end);
	if (obj != ours)
		dma_resv_unlock(obj->base.resv);
	sg_object_put(obj);
	return 0;
}

/* Make room for @size bytes. Returns 0; -ENOSPC if there can be none; -EBUSY as view_revoke(). */
static int make_room(struct sg_aperture *ap, u64 size, struct sg_object *ours,
		     struct sg_object **busy)
{
	struct sg_aperture_view *view, *next;
	struct drm_mm_scan scan;
	LIST_HEAD(evict);
	bool found = false;
	int ret;

	drm_mm_scan_init_with_range(&scan, &ap->mm, size, PAGE_SIZE, 0, 0, ap->mappable,
				    DRM_MM_INSERT_BEST);
	list_for_each_entry(view, &ap->lru, lru_link) {
		list_add(&view->evict_link, &evict);
		found = drm_mm_scan_add_block(&scan, &view->node);
		if (found)
			break;
	}
	list_for_each_entry_safe(view, next, &evict, evict_link)
		if (!drm_mm_scan_remove_block(&scan, &view->node))
			list_del(&view->evict_link);
	if (!found)
		return -ENOSPC;
	list_for_each_entry_safe(view, next, &evict, evict_link) {
		ret = view_revoke(view, ours, busy);
		if (ret)
			return ret;
		view_free(ap, view);
		ap->evictions++;
	}
	return 0;
}

/*
 * Give a view a register: a free one, or that of the view which was not used for
 * the longest time.
 */
static int get_fence(struct sg_aperture *ap, struct sg_aperture_view *view,
		     struct sg_object **busy)
{
	struct sg_aperture_view *victim;
	int i, ret;

	for (i = 0; i < SG_NUM_FENCES; i++)
		if (!ap->fences[i])
			goto found;
	list_for_each_entry(victim, &ap->lru, lru_link)
		if (victim->fence >= 0)
			break;
	ret = view_revoke(victim, view->obj, busy);
	if (ret)
		return ret;
	i = victim->fence;
	victim->fence = -1;
	ap->steals++;
found:
	ap->fences[i] = view;
	view->fence = i;
	return 0;
}

static int try_insert(struct sg_aperture *ap, struct sg_aperture_view *view, u64 size)
{
	return drm_mm_insert_node_in_range(&ap->mm, &view->node, size, PAGE_SIZE, 0, 0,
					   ap->mappable, DRM_MM_INSERT_BEST);
}

/**
 * sg_aperture_holds() - whether an object may be in the aperture, and in memory, as a whole.
 * @ap: the aperture
 * @obj: the object
 *
 * Of another, parts are.
 *
 * Context: any.
 */
bool sg_aperture_holds(const struct sg_aperture *ap, const struct sg_object *obj)
{
	return obj->base.size <= ap->mappable && obj->base.size >> PAGE_SHIFT <= totalram_pages();
}

/*
 * Find room for the object whole, or if that would cost too much, for the part that has the byte.
 * Tiled objects come in whole rows of tiles, a last one too that is not all there.
 */
static int insert_view(struct sg_aperture *ap, struct sg_aperture_view *view, u64 offset,
		       struct sg_object **busy)
{
	struct sg_object *obj = view->obj;
	u64 size = obj->base.size, part = VIEW_MIN;
	int ret = -ENOSPC;

	if (obj->tiling != SG_LINEAR)
		part = sg_shadow_view_size(obj);
	view->start = 0;
	view->end = size;
	if (sg_aperture_holds(ap, obj)) {
		ret = try_insert(ap, view, size);
		if (ret == -ENOSPC && size <= ap->mappable / GREEDY)
			ret = make_room(ap, size, obj, busy) ?: try_insert(ap, view, size);
	}
	if (ret != -ENOSPC || size <= part)
		return ret;

	view->start = offset - offset % part;
	view->end = min(view->start + part, size);
	ret = try_insert(ap, view, part);
	return ret == -ENOSPC ? make_room(ap, part, obj, busy) ?: try_insert(ap, view, part) : ret;
}

static struct sg_aperture_view *find_view(struct sg_object *obj, u64 offset)
{
	struct sg_aperture_view *view;

	list_for_each_entry(view, &obj->views, obj_link)
		if (view->start <= offset && offset < view->end)
			return view;
	return NULL;
}

/**
 * sg_aperture_bind() - see to it that a byte of an object can be looked at through the aperture.
 * @obj: the object
 * @offset: the byte
 * @start: the first byte of the object's part that is bound now
 * @end: the end of that part
 * @busy: on -EBUSY an object whose reservation is in the way, with a reference: the caller gives
 *	up what he holds, waits for it, and begins again
 *
 * The part stays bound for as long as the reservation is held.
 *
 * Context: reservation held; may allocate, and take other views away.
 * Return: 0; -ENOMEM; -ENOSPC if the aperture is too small for it; -EBUSY.
 */
int sg_aperture_bind(struct sg_object *obj, u64 offset, u64 *start, u64 *end,
		     struct sg_object **busy)
{
	struct sg_aperture *ap = &sg_object_gpu(obj)->aperture;
	struct sg_aperture_view *view, *fresh = NULL;
	int ret = 0;

	dma_resv_assert_held(obj->base.resv);
	mutex_lock(&ap->lock);
	view = find_view(obj, offset);
	mutex_unlock(&ap->lock);
	if (!view) {
		/* the reservation keeps others from making one meanwhile */
		fresh = kzalloc(sizeof(*fresh), GFP_KERNEL_ACCOUNT);
		if (!fresh)
			return -ENOMEM;
		fresh->obj = obj;
		fresh->fence = -1;
	}

	mutex_lock(&ap->lock);
	if (fresh) {
		ret = insert_view(ap, fresh, offset, busy);
		if (ret)
			goto unlock;
		view = fresh;
		fresh = NULL;
		list_add(&view->obj_link, &obj->views);
		list_add_tail(&view->lru_link, &ap->lru);
		ap->nviews++;
		ap->binds++;
	} else {
		list_move_tail(&view->lru_link, &ap->lru);
	}
	if (obj->tiling != SG_LINEAR && view->fence < 0)
		ret = get_fence(ap, view, busy);
	*start = view->start;
	*end = view->end;
unlock:
	mutex_unlock(&ap->lock);
	kfree(fresh);
	return ret;
}

/**
 * sg_aperture_unbind() - an object is in the aperture no more.
 * @obj: the object, of which nothing is mapped
 *
 * Context: reservation held, or nobody knows the object any more.
 */
void sg_aperture_unbind(struct sg_object *obj)
{
	struct sg_aperture *ap = &sg_object_gpu(obj)->aperture;
	struct sg_aperture_view *view, *next;

	mutex_lock(&ap->lock);
	list_for_each_entry_safe(view, next, &obj->views, obj_link)
		view_free(ap, view);
	mutex_unlock(&ap->lock);
}

/**
 * sg_aperture_revoke_all() - have every access through the aperture fault anew.
 * @gpu: the device
 *
 * What a device does that loses its address space when it is suspended.
 *
 * Context: may sleep.
 */
void sg_aperture_revoke_all(struct sg_gpu *gpu)
{
	struct sg_aperture *ap = &gpu->aperture;
	struct sg_aperture_view *view;

	/* who fills one in again meanwhile comes after us; shadows stay, and what is in them */
	mutex_lock(&ap->lock);
	list_for_each_entry(view, &ap->lru, lru_link)
		sg_mmap_revoke_range(view->obj, SG_MMAP_GTT, view->start, view->end - view->start);
	mutex_unlock(&ap->lock);
}

/**
 * sg_aperture_init() - an empty aperture.
 * @ap: to be filled in
 * @size: bytes of the global address space
 * @mappable: bytes that processes can look through, if there are as many
 */
void sg_aperture_init(struct sg_aperture *ap, u64 size, u64 mappable)
{
	ap->size = size;
	ap->mappable = min(mappable, size);
	mutex_init(&ap->lock);
	drm_mm_init(&ap->mm, 0, size);
	INIT_LIST_HEAD(&ap->lru);
}

/** sg_aperture_fini() - end it; no object has a view in it any more. */
void sg_aperture_fini(struct sg_aperture *ap)
{
	drm_mm_takedown(&ap->mm);
	mutex_destroy(&ap->lock);
}
