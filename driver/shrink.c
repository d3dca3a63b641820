// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The shrinker: idle objects of our own memory let go of their pages, which the kernel can then
 * swap out, or which we write to swap at once for kswapd; those that their owner has declared
 * unneeded lose their contents, too. Idle objects of pinned user pages unpin what the process still
 * has, and that can then be swapped out, too.
 *
 * It runs in reclaim, under whatever locks the caller of an allocation holds: it tries reservations
 * and never waits for one, nor for a fence. Tracked user pages hold nothing back and are not here.
 */
#include <linux/dma-resv.h>
#include <linux/shrinker.h>
#include <linux/swap.h>

#include "gpu.h"
#include "object.h"
#include "shrink.h"

/*
 * Whether an object can do without its pages, and somebody gains by it: without swap, the kernel
 * can do nothing with pages whose contents matter. Its reservation is held.
 */
static bool can_shrink(struct sg_object *obj)
{
	return obj->have_pages && !atomic_read(&obj->pages_pin) &&
	       (obj->madv == SG_MADV_DONTNEED || get_nr_swap_pages() > 0) &&
	       dma_resv_test_signaled(obj->base.resv, DMA_RESV_USAGE_BOOKKEEP);
}

/* The first object of the list that can do without, referenced, its reservation held. */
static struct sg_object *next_victim(struct sg_gpu *gpu, unsigned long *looks)
{
	struct sg_object *obj, *next;

	spin_lock(&gpu->shrink_lock);
	list_for_each_entry_safe(obj, next, &gpu->shrink_list, shrink_link) {
		if (!*looks)
			break;
		--*looks;
		list_move_tail(&obj->shrink_link, &gpu->shrink_list);
		if (!kref_get_unless_zero(&obj->base.refcount))
			continue;
		if (dma_resv_trylock(obj->base.resv)) {
			if (can_shrink(obj)) {
				spin_unlock(&gpu->shrink_lock);
				return obj;
			}
			dma_resv_unlock(obj->base.resv);
		}
		/* if this is the last one, a worker does the rest */
		sg_object_put(obj);
	}
	spin_unlock(&gpu->shrink_lock);
	return NULL;
}

static unsigned long shrink(struct sg_gpu *gpu, unsigned long target, bool write_back)
{
	unsigned long freed = 0, looks = atomic_long_read(&gpu->shrink_count);
	struct sg_object *obj;

	while (freed < target && (obj = next_victim(gpu, &looks))) {
		if (!obj->ops->may_put || obj->ops->may_put(obj)) {
			freed += sg_object_pages(obj);
			sg_object_put_pages(obj);
			if (write_back && obj->ops->write_back && obj->madv == SG_MADV_WILLNEED)
				obj->ops->write_back(obj, target);
		}
		dma_resv_unlock(obj->base.resv);
		sg_object_put(obj);
	}
	return freed;
}

static unsigned long shrinker_count(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct sg_gpu *gpu = container_of(to_sg_shrinker(shrinker), struct sg_gpu, shrinker);

	return atomic_long_read(&gpu->shrink_pages) ?: SHRINK_EMPTY;
}

static unsigned long shrinker_scan(struct shrinker *shrinker, struct shrink_control *sc)
{
	struct sg_gpu *gpu = container_of(to_sg_shrinker(shrinker), struct sg_gpu, shrinker);

	return shrink(gpu, sc->nr_to_scan, current_is_kswapd()) ?: SHRINK_STOP;
}

/**
 * sg_shrink_init() - tell the kernel's reclaim of us.
 * @gpu: the device
 *
 * Return: 0 or -ENOMEM.
 */
int sg_shrink_init(struct sg_gpu *gpu)
{
	spin_lock_init(&gpu->shrink_lock);
	INIT_LIST_HEAD(&gpu->shrink_list);
	return sg_shrinker_register(&gpu->shrinker, shrinker_count, shrinker_scan, "softgem");
}

/** sg_shrink_fini() - end what sg_shrink_init() began. */
void sg_shrink_fini(struct sg_gpu *gpu)
{
	sg_shrinker_unregister(&gpu->shrinker);
}

/**
 * sg_shrink_add() - an object has more pages now.
 * @obj: the object
 * @pages: how many more; if it is none, nothing happens
 *
 * Context: reservation held.
 */
void sg_shrink_add(struct sg_object *obj, unsigned long pages)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);

	if (!pages)
		return;
	atomic_long_add(pages, &gpu->shrink_pages);
	if (!list_empty(&obj->shrink_link))
		return;
	spin_lock(&gpu->shrink_lock);
	list_add_tail(&obj->shrink_link, &gpu->shrink_list);
	spin_unlock(&gpu->shrink_lock);
	atomic_long_inc(&gpu->shrink_count);
}

/**
 * sg_shrink_remove() - an object has no pages any more.
 * @obj: the object; nothing happens if it is not on the list
 * @pages: how many it had
 */
void sg_shrink_remove(struct sg_object *obj, unsigned long pages)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);

	if (list_empty(&obj->shrink_link))
		return;
	spin_lock(&gpu->shrink_lock);
	list_del_init(&obj->shrink_link);
	spin_unlock(&gpu->shrink_lock);
	atomic_long_dec(&gpu->shrink_count);
	atomic_long_sub(pages, &gpu->shrink_pages);
}

/**
 * sg_shrink_all() - let go of all that can be let go of.
 * @gpu: the device
 *
 * Return: pages freed.
 */
unsigned long sg_shrink_all(struct sg_gpu *gpu)
{
	return shrink(gpu, ULONG_MAX, false);
}
