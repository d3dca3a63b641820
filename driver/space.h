/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Address spaces: what a GPU address means. */
#ifndef SOFTGEM_SPACE_H
#define SOFTGEM_SPACE_H

#include <linux/kref.h>
#include <linux/mutex.h>
#include <linux/rbtree.h>
#include <linux/types.h>
#include <linux/wait.h>

#include <drm/drm_mm.h>

struct dma_fence;
struct drm_file;
struct sg_gpu;
struct sg_object;
struct sg_submit;

/**
 * struct sg_space - an address space.
 * @kref: contexts, files and whoever is at work on it hold references
 * @gpu: the device
 * @size: bytes, a power of two
 * @file: whose handles name what is bound here; to be compared with and nothing else
 * @turn: held by the submission that may pin, which waits under it, if it has to, for fences, and
 *	for those that have pinned all they need. Taken inside reservations.
 * @lock: guards @mm, @bindings, @lru, @closed and @released, and what the bindings say is guarded
 *	by it. Taken inside reservations and @turn; nothing is waited for under it, since the worker
 *	that frees everybody's objects takes it, too.
 * @tree_lock: guards @mm's tree against the engines, which look addresses up in it. Held for
 *	writing, under @lock, for the moment of an insertion or removal; innermost.
 * @mm: the nodes of all bindings that have an address
 * @bindings: all bindings
 * @lru: those that have an address, in the order in which they are to lose it
 * @closed: those that have an address though their file has let go of the object, the longest first
 * @released: counts the submissions that had pinned all they need, some of it in the way of others,
 *	and have let go of it; read without @lock, too
 * @release: where those others wait
 */
struct sg_space {
	struct kref kref;
	struct sg_gpu *gpu;
	u64 size;
	const struct drm_file *file;

	struct mutex turn;
	struct mutex lock;
	rwlock_t tree_lock;
	struct drm_mm mm;
	struct list_head bindings;
	struct list_head lru;
	struct list_head closed;
	unsigned int released;
	wait_queue_head_t release;
};

/**
 * struct sg_binding - an object in an address space.
 *
 * Made at the first use and kept until the object or the space goes. It says where the object is,
 * not what its memory is: pages come and go behind it. The address is taken back after the space's
 * file has closed its handle.
 *
 * @space: the space
 * @obj: the object
 * @obj_node: in the object's tree; guarded by the object's bind_lock
 * @space_link: in the space's list; guarded by its lock
 * @lru_link: likewise
 * @closed_link: likewise
 * @node: the address, if allocated; guarded by the space's lock and tree_lock
 * @pinned: the submission under way, which holds the object's reservation, that needs the address
 *	to stay, or NULL; to be compared with and nothing else; guarded by the space's lock
 * @in_way: another one wanted its place since it was pinned; likewise
 * @used: it was used since it got its place in the list; likewise
 */
struct sg_binding {
	struct sg_space *space;
	struct sg_object *obj;
	struct rb_node obj_node;
	struct list_head space_link;
	struct list_head lru_link;
	struct list_head closed_link;
	struct drm_mm_node node;
	const struct sg_submit *pinned;
	bool in_way;
	bool used;
};

/**
 * struct sg_place - where a binding is wanted.
 * @hint: address that is tried first, if @fixed that it must be
 * @fixed: no other address will do
 * @size: bytes, at least the object's, a multiple of the page size
 * @alignment: power of two, or 0
 * @start: lowest address, unless @fixed
 * @floor: lowest address that is chosen if @hint is taken or out of range; at least @start
 * @end: address that it has to stay below
 */
struct sg_place {
	u64 hint;
	bool fixed;
	u64 size;
	u64 alignment;
	u64 start;
	u64 floor;
	u64 end;
};

int sg_space_init(void);
void sg_space_exit(void);
struct sg_space *sg_space_create(struct sg_gpu *gpu, const struct drm_file *file);
void sg_space_put(struct sg_space *space);
static inline struct sg_space *sg_space_get(struct sg_space *space)
{
	kref_get(&space->kref);
	return space;
}

struct sg_binding *sg_binding_get(struct sg_object *obj, struct sg_space *space);
int sg_binding_pin(struct sg_binding *b, const struct sg_place *place,
		   const struct sg_submit *submit, struct dma_fence **busy);
void sg_bindings_close(struct sg_object *obj, const struct drm_file *file);
bool sg_binding_exists(struct sg_object *obj, const struct sg_space *space);
void sg_bindings_destroy(struct sg_object *obj);

/**
 * sg_binding_unpin() - let the address be evicted again.
 * @b: the binding, pinned
 *
 * Context: the space's lock is held. Fences that protect the address have been published.
 * Return: whether it was in another submission's way.
 */
static inline bool sg_binding_unpin(struct sg_binding *b)
{
	lockdep_assert_held(&b->space->lock);
	b->pinned = NULL;
	return b->in_way;
}

struct sg_binding *sg_space_find(struct sg_space *space, u64 addr, u64 *start, u64 *end);

#endif
