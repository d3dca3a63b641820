/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Buffer objects: what every kind of memory that the GPU can use has in common. */
#ifndef SOFTGEM_OBJECT_H
#define SOFTGEM_OBJECT_H

#include <linux/rbtree.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>

#include <drm/drm_gem.h>

#include "../device/tiling.h"
#include "pages.h"

struct sg_gpu;
struct sg_grip;
struct sg_object;
struct sg_shadow;

/**
 * struct sg_object_ops - what differs between kinds of backing store.
 * @acquire: make the memory ready where that may fault user memory or sleep for long; called
 *	with no lock held, before the reservation is taken. NULL where there is nothing to do so.
 * @get_pages: fill in @pages (and @vaddr, for memory that is reached in another way). Called with
 *	the reservation held, unless all are there. NULL where @acquire did it all.
 * @get_range: bring as much of it as has the bytes from @start to @end. Likewise. NULL: it is all
 *	or nothing.
 * @put_pages: give them back. The GPU is done with them and cannot reach them any more.
 *	Called with the reservation held, or when nobody else knows the object. NULL where they
 *	stay until @release. Where there is no @get_pages it is @acquire that brings them again.
 * @may_put: whether nothing would be lost by @put_pages. Called with the reservation held, in
 *	reclaim. NULL: nothing ever is.
 * @write_back: start to write to swap the first so many pages of what @put_pages has just given
 *	back. Called in reclaim, with the reservation held. NULL where that is none of our business.
 * @purge: forget the contents, which nobody reaches through @pages. Called with the reservation
 *	held, in reclaim too. NULL where they are not ours to forget.
 * @ready: called under the notifier lock: whether what @acquire got still stands. NULL: always.
 * @unused: the last reference is gone, and @release is to follow. In any context.
 * @release: frees what is particular to the kind, but not the object itself.
 * @free: last call: frees the object. NULL: it is kmalloc()'s.
 * @release_waits: @release may have to wait for whoever holds a lock, or a notifier, and waits for
 *	fences: on a workqueue where it holds up none but its like
 */
struct sg_object_ops {
	int (*acquire)(struct sg_object *obj, struct sg_grip *grip);
	int (*get_pages)(struct sg_object *obj);
	int (*get_range)(struct sg_object *obj, u64 start, u64 end);
	void (*put_pages)(struct sg_object *obj);
	bool (*may_put)(struct sg_object *obj);
	void (*write_back)(struct sg_object *obj, unsigned long pages);
	void (*purge)(struct sg_object *obj);
	bool (*ready)(struct sg_object *obj);
	void (*unused)(struct sg_object *obj);
	void (*release)(struct sg_object *obj);
	void (*free)(struct sg_object *obj);
	bool release_waits;
};

/* What an object has of its memory. */
#define SG_NO_PAGES	0
#define SG_SOME_PAGES	1	/* what sg_object_get_range() was asked for */
#define SG_ALL_PAGES	2

/** enum sg_madv - whether the backing store may be dropped. */
enum sg_madv {
	SG_MADV_WILLNEED,	/* it is needed */
	SG_MADV_DONTNEED,	/* the shrinker may drop it */
	SG_MADV_PURGED,		/* it was dropped, for good */
};

/**
 * struct sg_object - a buffer object.
 * @base: the DRM core's part: handles, reference count, reservation
 * @ops: its kind
 * @read_only: the GPU's writes are swallowed, and nobody may map it for writing. Never changes.
 * @client_data: for the front end that the object was made through, which alone knows what it means
 * @cpu_cached: SET_CACHING's answer; the device snoops, so that nothing hangs on it
 * @pages: the frames. For whom they are stable: see @ops, and the revoke lock.
 * @vaddr: the memory's address, for kinds that have no frames of their own (imports)
 * @behind: the object of another node of the same GPU that this one stands for; NULL: it has memory
 *	of its own. Never changes.
 * @have_pages: whether what put_pages() gives back is there: SG_NO_PAGES and so on. Guarded by the
 *	reservation.
 * @pages_pin: how many hold the pages by sg_object_pin_pages(). Raised under the reservation.
 * @madv: guarded by the reservation
 * @tiling: how the bytes lie, for those who look through the aperture; guarded by the reservation
 * @stride: bytes from a row to the next, 0 if linear; likewise
 * @shadow: what they see of it, if they do; likewise. There are pages as long as there is one.
 * @exposed: processes have mapped its file, for as long as they like; likewise
 * @bind_lock: guards @bindings; innermost but for the scheduler's locks
 * @bindings: struct sg_binding, by address space
 * @mmap_lock: guards @offsets
 * @offsets: fake mmap offsets that were handed out, one a kind: struct sg_mmap_offset
 * @views: its parts in the aperture: struct sg_aperture_view; guarded by the aperture's lock
 * @free_work: ends its life once the GPU is done with it
 * @free_cb: waits for that; then @free_work is not queued
 * @shrink_link: in the device's list of objects that hold pages; guarded by the shrinker lock
 */
struct sg_object {
	struct drm_gem_object base;
	const struct sg_object_ops *ops;

	/* without holes: 512 bytes on 6.1, and kmalloc() has nothing between that and 1024 */
	bool read_only;
	bool cpu_cached;
	u8 have_pages;
	bool exposed;
	atomic_t client_data;
	struct sg_pages pages;
	void *vaddr;
	struct sg_object *behind;
	atomic_t pages_pin;
	enum sg_madv madv;

	enum sg_tiling tiling;
	u32 stride;
	struct sg_shadow *shadow;

	spinlock_t bind_lock;
	spinlock_t mmap_lock;
	struct rb_root bindings;
	struct list_head offsets;

	struct list_head views;

	union {
		struct work_struct free_work;
		struct dma_fence_cb free_cb;
	};
	struct list_head shrink_link;
};

#define to_sg_object(gem)	container_of(gem, struct sg_object, base)

void sg_object_init(struct sg_object *obj, const struct sg_object_ops *ops);
void sg_object_free(struct drm_gem_object *gem);
void sg_object_queue(struct sg_object *obj, struct workqueue_struct *wq, struct work_struct *work);
bool sg_object_call_back(struct sg_object *obj, struct dma_fence_cb *cb, dma_fence_func_t func);

int sg_object_get_pages(struct sg_object *obj);
int sg_object_get_range(struct sg_object *obj, u64 start, u64 end);
unsigned long sg_object_pages(const struct sg_object *obj);
void sg_object_put_pages(struct sg_object *obj);
bool sg_object_madvise(struct sg_object *obj, enum sg_madv madv);
int sg_object_pin_pages(struct sg_object *obj);
void sg_object_unpin_pages(struct sg_object *obj);
void *sg_object_span(const struct sg_object *obj, u64 offset, size_t *len);
bool sg_object_revoke_begin(struct sg_object *obj, bool may_wait);
void sg_object_revoke_pause(struct sg_object *obj);
void sg_object_revoke_end(struct sg_object *obj);
int sg_object_publish(struct sg_object *obj, struct drm_file *file, u32 *handle);
int sg_object_wait(struct sg_object *obj, bool write, bool interruptible, long timeout);

void sg_shmem_init(struct sg_gpu *gpu);
void sg_shmem_fini(struct sg_gpu *gpu);
struct sg_object *sg_shmem_create(struct drm_device *dev, u64 size);
struct sg_object *sg_contig_create(struct drm_device *dev, u64 size);

int sg_object_read(struct sg_object *obj, u64 offset, void __user *to, u64 size);
int sg_object_write(struct sg_object *obj, u64 offset, const void __user *from, u64 size);

int sg_object_copy_kernel(struct sg_object *obj, u64 offset, void *buf, size_t size, bool write);

extern const struct drm_gem_object_funcs sg_object_funcs;

/** sg_object_memory() - the object that has the memory: another one where @obj is another's. */
static inline struct sg_object *sg_object_memory(struct sg_object *obj)
{
	return obj->behind ?: obj;
}

/**
 * sg_object_acquire() - do what has to be done before any lock is taken.
 * @obj: the object
 * @grip: where to keep hold of pages that are taken away again and again, until the caller is
 *	done with what it needs them for, and sg_grip_drop()s it; or NULL. At first filled with
 *	zeros; the same for each attempt at the same thing.
 *
 * Context: no driver lock, no reservation, no mmap_lock. May fault user memory.
 * Return: 0; -EFAULT where the memory cannot be had; -EINTR and its like.
 */
static inline int sg_object_acquire(struct sg_object *obj, struct sg_grip *grip)
{
	obj = sg_object_memory(obj);
	return obj->ops->acquire ? obj->ops->acquire(obj, grip) : 0;
}

/**
 * sg_object_ready() - whether what sg_object_acquire() got still stands.
 * @obj: the object
 *
 * Context: the notifier lock is held.
 */
static inline bool sg_object_ready(struct sg_object *obj)
{
	obj = sg_object_memory(obj);
	return !obj->ops->ready || obj->ops->ready(obj);
}

static inline struct sg_object *sg_object_lookup(struct drm_file *file, u32 handle)
{
	struct drm_gem_object *gem = drm_gem_object_lookup(file, handle);

	return gem ? to_sg_object(gem) : NULL;
}

static inline struct sg_object *sg_object_get(struct sg_object *obj)
{
	drm_gem_object_get(&obj->base);
	return obj;
}

static inline void sg_object_put(struct sg_object *obj)
{
	if (obj)
		drm_gem_object_put(&obj->base);
}

#endif
