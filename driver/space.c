// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Address spaces.
 *
 * Addresses are allocated, searched and iterated with the kernel's drm_mm, whose interval tree
 * also serves the engines. To bind is to put a node into the tree, to unbind to take it out; both
 * cost the same whatever the size.
 */
#include <linux/dma-resv.h>
#include <linux/slab.h>

#include "gpu.h"
#include "object.h"
#include "space.h"

static struct kmem_cache *binding_cache;

/**
 * sg_space_init() - make what all address spaces have in common; once for the module.
 *
 * Return: 0 or -ENOMEM.
 */
int __init sg_space_init(void)
{
	/* kmalloc() has nothing between 256 and 512 bytes */
	binding_cache = KMEM_CACHE(sg_binding, SLAB_ACCOUNT);
	return binding_cache ? 0 : -ENOMEM;
}

/** sg_space_exit() - end what sg_space_init() began; all address spaces are gone. */
void sg_space_exit(void)
{
	kmem_cache_destroy(binding_cache);
}

/* So many closed objects that are busy are passed over in search of idle ones. */
#define REAP_LOOKS	8

/**
 * sg_space_create() - make an empty address space, of the device's size.
 * @gpu: the device
 * @file: the file whose objects it is for; or NULL
 *
 * Return: the space with one reference, or -ENOMEM.
 */
struct sg_space *sg_space_create(struct sg_gpu *gpu, const struct drm_file *file)
{
	struct sg_space *space = kzalloc(sizeof(*space), GFP_KERNEL_ACCOUNT);

	if (!space)
		return ERR_PTR(-ENOMEM);
	kref_init(&space->kref);
	space->gpu = gpu;
	space->size = sg_space_size(gpu);
	space->file = file;
	mutex_init(&space->turn);
	mutex_init(&space->lock);
	rwlock_init(&space->tree_lock);
	drm_mm_init(&space->mm, 0, space->size);
	INIT_LIST_HEAD(&space->bindings);
	INIT_LIST_HEAD(&space->lru);
	INIT_LIST_HEAD(&space->closed);
	init_waitqueue_head(&space->release);
	return space;
}

/* Take the node out of the tree. The caller sees to it that no engine has it in its TLB. */
static void remove_node(struct sg_binding *b)
{
	write_lock(&b->space->tree_lock);
	drm_mm_remove_node(&b->node);
	write_unlock(&b->space->tree_lock);
	list_del_init(&b->lru_link);
	list_del_init(&b->closed_link);
}

static void unbind(struct sg_binding *b)
{
	struct sg_gpu *gpu = b->space->gpu;

	if (!drm_mm_node_allocated(&b->node))
		return;
	down_write(&gpu->revoke);
	gpu->revoke_seq++;
	remove_node(b);
	up_write(&gpu->revoke);
}

static void free_binding(struct sg_binding *b)
{
	spin_lock(&b->obj->bind_lock);
	rb_erase(&b->obj_node, &b->obj->bindings);
	spin_unlock(&b->obj->bind_lock);
	list_del(&b->space_link);
	kmem_cache_free(binding_cache, b);
}

static void free_space(struct kref *kref)
{
	struct sg_space *space = container_of(kref, struct sg_space, kref);
	struct sg_binding *b, *next;

	/* no context refers to it: no engine looks, and TLBs are emptied between contexts */
	mutex_lock(&space->lock);
	list_for_each_entry_safe(b, next, &space->bindings, space_link) {
		if (drm_mm_node_allocated(&b->node))
			remove_node(b);
		free_binding(b);
	}
	mutex_unlock(&space->lock);
	drm_mm_takedown(&space->mm);
	mutex_destroy(&space->lock);
	mutex_destroy(&space->turn);
	kfree(space);
}

/**
 * sg_space_put() - drop a reference.
 * @space: the space, or NULL
 *
 * Context: may sleep; no lock.
 */
void sg_space_put(struct sg_space *space)
{
	if (space)
		kref_put(&space->kref, free_space);
}

static struct sg_binding *find_binding(struct sg_object *obj, const struct sg_space *space)
{
	struct rb_node *n = obj->bindings.rb_node;

	while (n) {
		struct sg_binding *b = rb_entry(n, struct sg_binding, obj_node);

		if (b->space == space)
			return b;
		n = space < b->space ? n->rb_left : n->rb_right;
	}
	return NULL;
}

static bool binding_less(struct rb_node *a, const struct rb_node *b)
{
	return rb_entry(a, struct sg_binding, obj_node)->space <
	       rb_entry(b, struct sg_binding, obj_node)->space;
}

/**
 * sg_binding_exists() - whether an object was ever used in a space.
 * @obj: the object
 * @space: the space; only its address matters
 *
 * Context: process context; takes the object's bind_lock.
 */
bool sg_binding_exists(struct sg_object *obj, const struct sg_space *space)
{
	bool exists;

	spin_lock(&obj->bind_lock);
	exists = find_binding(obj, space);
	spin_unlock(&obj->bind_lock);
	return exists;
}

/**
 * sg_binding_get() - find or make the binding of an object in a space.
 * @obj: the object
 * @space: the space
 *
 * Context: the object's reservation is held; takes the space's lock.
 * Return: the binding, valid while references to both are held; -ENOMEM.
 */
struct sg_binding *sg_binding_get(struct sg_object *obj, struct sg_space *space)
{
	struct sg_binding *b;

	dma_resv_assert_held(obj->base.resv);
	spin_lock(&obj->bind_lock);
	b = find_binding(obj, space);
	spin_unlock(&obj->bind_lock);
	if (b)
		return b;

	b = kmem_cache_zalloc(binding_cache, GFP_KERNEL);
	if (!b)
		return ERR_PTR(-ENOMEM);
	b->space = space;
	b->obj = obj;
	INIT_LIST_HEAD(&b->lru_link);
	INIT_LIST_HEAD(&b->closed_link);
	mutex_lock(&space->lock);
	spin_lock(&obj->bind_lock);
	rb_add(&b->obj_node, &obj->bindings, binding_less);
	spin_unlock(&obj->bind_lock);
	list_add_tail(&b->space_link, &space->bindings);
	mutex_unlock(&space->lock);
	return b;
}

/* The first fence of the work that uses an object, referenced, or NULL. */
static struct dma_fence *busy_fence(struct sg_object *obj)
{
	struct dma_resv_iter iter;
	struct dma_fence *fence;

	dma_resv_iter_begin(&iter, obj->base.resv, dma_resv_usage_rw(true));
	dma_resv_for_each_fence_unlocked(&iter, fence) {
		dma_fence_get(fence);
		break;
	}
	dma_resv_iter_end(&iter);
	return fence;
}

/* Take an object's address away, unless it is pinned, or the GPU not done with it: see *@busy. */
static int evict(struct sg_binding *b, struct dma_fence **busy)
{
	if (b->pinned)
		return -EBUSY;
	*busy = busy_fence(b->obj);
	if (*busy)
		return -EBUSY;
	unbind(b);
	return 0;
}

static int reserve(struct sg_binding *b, const struct sg_place *place)
{
	struct sg_space *space = b->space;
	int ret;

	memset(&b->node, 0, sizeof(b->node));
	b->node.start = place->hint;
	b->node.size = place->size;
	write_lock(&space->tree_lock);
	ret = drm_mm_reserve_node(&space->mm, &b->node);
	write_unlock(&space->tree_lock);
	return ret;
}

/*
 * Make way where nothing is in it but idle objects that nobody knows any more: they merely wait for
 * the worker that frees them. Who closes an object and makes another counts on its place.
 */
static bool evict_forgotten(struct sg_space *space, u64 start, u64 end)
{
	struct drm_mm_node *node;
	struct sg_binding *b;

	for (;;) {
		node = __drm_mm_interval_first(&space->mm, start, end - 1);
		if (node->start >= end || !drm_mm_node_allocated(node))
			return true;
		b = container_of(node, struct sg_binding, node);
		if (b->pinned || kref_read(&b->obj->base.refcount) ||
		    !dma_resv_test_signaled(b->obj->base.resv, DMA_RESV_USAGE_BOOKKEEP))
			return false;
		unbind(b);
	}
}

static bool hint_will_do(const struct sg_place *place)
{
	return place->hint >= place->start && place->hint + place->size <= place->end &&
	       (!place->alignment || IS_ALIGNED(place->hint, place->alignment));
}

/* The tree is locked for writing. */
static int insert_best(struct sg_binding *b, const struct sg_place *place, u64 size, u64 alignment,
		       unsigned int once)
{
	memset(&b->node, 0, sizeof(b->node));
	return drm_mm_insert_node_in_range(&b->space->mm, &b->node, size, alignment, 0,
					   place->floor, place->end, DRM_MM_INSERT_BEST | once);
}

/*
 * Where holes are many and small it would take as long as they are many to find one that begins
 * where it should. So the smallest that will do is looked at, and next the smallest in which there
 * is room wherever it begins. The tree is locked for writing.
 */
static int insert_aligned(struct sg_binding *b, const struct sg_place *place)
{
	int ret = insert_best(b, place, place->size, place->alignment, DRM_MM_INSERT_ONCE);

	if (!ret)
		return 0;
	ret = insert_best(b, place, place->size + place->alignment - PAGE_SIZE, 0, 0);
	if (ret)
		return ret;
	drm_mm_remove_node(&b->node);
	b->node.start = ALIGN(b->node.start, place->alignment);
	b->node.size = place->size;
	return drm_mm_reserve_node(&b->space->mm, &b->node);
}

static int insert(struct sg_binding *b, const struct sg_place *place)
{
	struct sg_space *space = b->space;
	int ret = -ENOSPC;

	if (place->fixed)
		return reserve(b, place);
	if (hint_will_do(place)) {
		ret = reserve(b, place);
		if (ret && evict_forgotten(space, place->hint, place->hint + place->size))
			ret = reserve(b, place);
		if (!ret)
			return 0;
	}
	write_lock(&space->tree_lock);
	if (place->alignment > PAGE_SIZE)
		ret = insert_aligned(b, place);
	if (ret)
		ret = insert_best(b, place, place->size, place->alignment, 0);
	write_unlock(&space->tree_lock);
	return ret;
}

/* Make way for a fixed address. */
static int evict_range(struct sg_space *space, const struct sg_place *place,
		       const struct sg_submit *submit, struct dma_fence **busy)
{
	u64 start = place->hint, end = start + place->size;
	struct drm_mm_node *node, *next;
	struct sg_binding *b;
	bool wait = false;
	int ret;

	drm_mm_for_each_node_in_range(node, &space->mm, start, end) {
		b = container_of(node, struct sg_binding, node);
		if (b->pinned == submit)
			return -ENOSPC;
		if (b->pinned) {
			b->in_way = true;
			wait = true;
		}
	}
	if (wait)
		return -EBUSY;
	for (;;) {
		next = __drm_mm_interval_first(&space->mm, start, end - 1);
		if (next->start >= end || !drm_mm_node_allocated(next))
			return 0;
		ret = evict(container_of(next, struct sg_binding, node), busy);
		if (ret)
			return ret;
	}
}

/*
 * Make way for any address, until a hole is large enough: those that were bound first go first. Who
 * was used again since, or since he was last passed over, goes to the end instead.
 */
static int evict_lru(struct sg_space *space, const struct sg_place *place,
		     const struct sg_submit *submit, struct dma_fence **busy)
{
	struct sg_binding *b, *next, *victim;
	struct drm_mm_scan scan;
	LIST_HEAD(scanned);
	LIST_HEAD(victims);
	bool found = false, wait = false;
	int ret = 0;

	drm_mm_scan_init_with_range(&scan, &space->mm, place->size, place->alignment, 0,
				    place->floor, place->end, DRM_MM_INSERT_BEST);
	list_for_each_entry_safe(b, next, &space->lru, lru_link) {
		if (b->pinned) {
			if (b->pinned != submit && b->node.start < place->end &&
			    b->node.start + b->node.size > place->floor) {
				b->in_way = true;
				wait = true;
			}
			continue;
		}
		if (b->used) {
			b->used = false;
			list_move_tail(&b->lru_link, &space->lru);
			/* it was the last: it comes next */
			if (&next->lru_link == &space->lru)
				next = b;
			continue;
		}
		list_move(&b->lru_link, &scanned);
		if (drm_mm_scan_add_block(&scan, &b->node)) {
			found = true;
			break;
		}
	}
	list_for_each_entry_safe(b, next, &scanned, lru_link) {
		if (drm_mm_scan_remove_block(&scan, &b->node) && found)
			list_move(&b->lru_link, &victims);
	}
	/* back to the front of the list, in the order that they had there */
	list_for_each_entry_safe(b, next, &scanned, lru_link)
		list_move(&b->lru_link, &space->lru);
	if (!found)
		return wait ? -EBUSY : -ENOSPC;

	while ((victim = list_first_entry_or_null(&victims, struct sg_binding, lru_link))) {
		ret = evict(victim, busy);
		if (ret)
			break;
	}
	list_splice(&victims, &space->lru);
	return ret;
}

/* Whether an address can be taken away at once. The space's lock is held. */
static bool idle(const struct sg_binding *b)
{
	return !b->pinned && dma_resv_test_signaled(b->obj->base.resv, dma_resv_usage_rw(true));
}

/* Take back addresses of what its file has closed: as many as can be had for little. */
static void reap_closed(struct sg_space *space)
{
	unsigned int looks = REAP_LOOKS;
	struct sg_binding *b, *next;

	list_for_each_entry_safe(b, next, &space->closed, closed_link) {
		if (idle(b))
			unbind(b);
		else if (!--looks)
			break;
	}
}

static bool misplaced(const struct sg_binding *b, const struct sg_place *place)
{
	const struct drm_mm_node *node = &b->node;

	if (place->fixed)
		return node->start != place->hint || node->size < place->size;
	return node->size < place->size || node->start < place->start ||
	       node->start + node->size > place->end ||
	       (place->alignment && !IS_ALIGNED(node->start, place->alignment));
}

/**
 * sg_binding_pin() - give a binding an address that stays until sg_binding_unpin().
 * @b: the binding
 * @place: where; an address that it has and that will do is kept
 * @submit: the submission that needs it
 * @busy: where the first fence of a busy object in the way is left, with a reference; NULL before
 *
 * Evicts objects that are in the way.
 *
 * Context: the space's lock is held, and it is the caller's turn.
 * Return: 0; -EBUSY with a fence in *@busy, or without where others have pinned what is in the way;
 * -EINVAL: the submission has pinned it already; -ENOSPC where there is not enough room beside what
 * it has pinned.
 */
int sg_binding_pin(struct sg_binding *b, const struct sg_place *place,
		   const struct sg_submit *submit, struct dma_fence **busy)
{
	struct sg_space *space = b->space;
	int ret;

	lockdep_assert_held(&space->lock);
	lockdep_assert_held(&space->turn);
	/* nobody else can have: the caller holds the reservation */
	if (b->pinned)
		return -EINVAL;
	if (drm_mm_node_allocated(&b->node)) {
		if (!misplaced(b, place)) {
			b->used = true;
			goto pinned;
		}
		ret = evict(b, busy);
		if (ret)
			return ret;
	}
	reap_closed(space);
	while ((ret = insert(b, place)) == -ENOSPC) {
		ret = place->fixed ? evict_range(space, place, submit, busy) :
				     evict_lru(space, place, submit, busy);
		if (ret)
			return ret;
	}
	if (ret)
		return ret;
	b->used = false;
	list_add_tail(&b->lru_link, &space->lru);
pinned:
	if (!list_empty(&b->closed_link))
		list_del_init(&b->closed_link);
	b->pinned = submit;
	b->in_way = false;
	return 0;
}

/* The object's first binding behind @after, in the order of its tree; NULL: the first of all. */
static struct sg_binding *binding_after(struct sg_object *obj, const struct sg_space *after)
{
	struct sg_binding *found = NULL;
	struct rb_node *n = obj->bindings.rb_node;

	while (n) {
		struct sg_binding *b = rb_entry(n, struct sg_binding, obj_node);

		if (b->space > after) {
			found = b;
			n = n->rb_left;
		} else {
			n = n->rb_right;
		}
	}
	return found;
}

/* The next space behind @after that belongs to a file and has the object bound, referenced. */
static struct sg_space *next_space(struct sg_object *obj, const struct drm_file *file,
				   const struct sg_space *after)
{
	struct sg_space *space = NULL;
	struct sg_binding *b;

	spin_lock(&obj->bind_lock);
	while ((b = binding_after(obj, after))) {
		after = b->space;
		/* one that is going takes its bindings along */
		if (b->space->file == file && kref_get_unless_zero(&b->space->kref)) {
			space = b->space;
			break;
		}
	}
	spin_unlock(&obj->bind_lock);
	return space;
}

/**
 * sg_bindings_close() - a file closes a handle: take the object's addresses in its spaces back.
 * @obj: the object
 * @file: the file
 *
 * Those that are still in use are taken back when an address is wanted later. If the file has
 * another handle of the same object, it gets an address at its next use.
 *
 * Context: may sleep; no lock. The caller holds a reference to the object.
 */
void sg_bindings_close(struct sg_object *obj, const struct drm_file *file)
{
	struct sg_space *space = NULL, *before;
	struct sg_binding *b;

	for (;;) {
		before = space;
		space = next_space(obj, file, before);
		sg_space_put(before);
		if (!space)
			return;
		mutex_lock(&space->lock);
		spin_lock(&obj->bind_lock);
		b = find_binding(obj, space);
		spin_unlock(&obj->bind_lock);
		if (b && drm_mm_node_allocated(&b->node)) {
			if (idle(b))
				unbind(b);
			else if (list_empty(&b->closed_link))
				list_add_tail(&b->closed_link, &space->closed);
		}
		mutex_unlock(&space->lock);
	}
}

/**
 * sg_bindings_destroy() - remove an object from all spaces.
 * @obj: the object, idle and no longer known to anybody
 *
 * Context: may sleep; no lock.
 */
void sg_bindings_destroy(struct sg_object *obj)
{
	struct sg_binding *b;
	struct sg_space *space;
	struct rb_node *n;

	for (;;) {
		spin_lock(&obj->bind_lock);
		n = rb_first(&obj->bindings);
		if (!n) {
			spin_unlock(&obj->bind_lock);
			return;
		}
		space = rb_entry(n, struct sg_binding, obj_node)->space;
		if (!kref_get_unless_zero(&space->kref)) {
			/* it is going, and will take its bindings along */
			spin_unlock(&obj->bind_lock);
			schedule_timeout_uninterruptible(1);
			continue;
		}
		spin_unlock(&obj->bind_lock);

		mutex_lock(&space->lock);
		spin_lock(&obj->bind_lock);
		b = find_binding(obj, space);
		spin_unlock(&obj->bind_lock);
		if (b) {
			unbind(b);
			free_binding(b);
		}
		mutex_unlock(&space->lock);
		sg_space_put(space);
	}
}

/**
 * sg_space_find() - look up an address for an engine.
 * @space: the space
 * @addr: the address
 * @start: the start of the answer's range
 * @end: its end: the binding's, or that of the hole
 *
 * Context: the revoke lock is held for reading, which keeps the binding and its node.
 * Return: the binding, or NULL if nothing is bound there.
 */
struct sg_binding *sg_space_find(struct sg_space *space, u64 addr, u64 *start, u64 *end)
{
	struct drm_mm_node *node;
	struct sg_binding *b = NULL;

	*start = addr;
	*end = space->size;
	if (addr >= space->size) {
		*end = U64_MAX;
		return NULL;
	}
	read_lock(&space->tree_lock);
	node = __drm_mm_interval_first(&space->mm, addr, space->size - 1);
	if (node != &space->mm.head_node) {
		if (node->start <= addr) {
			b = container_of(node, struct sg_binding, node);
			*start = node->start;
			*end = node->start + node->size;
		} else {
			*end = node->start;
		}
	}
	read_unlock(&space->tree_lock);
	return b;
}
