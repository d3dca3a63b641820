/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Objects whose memory is a process's own. */
#ifndef SOFTGEM_USERPTR_H
#define SOFTGEM_USERPTR_H

#include <linux/dma-fence.h>
#include <linux/mmu_notifier.h>
#include <linux/mutex.h>
#include <linux/workqueue.h>

#include "object.h"
#include "pin.h"

struct dma_buf;
struct dma_buf_ops;

/**
 * struct sg_userptr - an object of tracked user pages.
 * @obj: the object
 * @notifier: tells of changes; holds mm_count, so that the mm_struct (not the memory) stays
 * @owner: the process; its mm is the notifier's
 * @seq: the notifier's sequence at which all chunks were known to be present, or SEQ_NEVER.
 *	Written under the notifier lock held for writing.
 * @drop_work: lets go of held chunks
 * @drop_cb: at a fence that this waits for
 * @drop_waits: whether it does
 * @attach_lock: held while a device attaches that has to have the pages pinned; user memory is
 *	faulted under it
 * @pin_lock: guards @pin, and all pins' users
 * @pin: the pages as they were last pinned, if somebody still needs them
 * @vmap_pin: those that the kernel's mapping of the dma-buf shows, if there is one
 * @nmapped: dma-buf mappings of devices that are told when the pages move. Changed under the
 *	reservation and the notifier lock: either is enough for a look.
 * @buf: the dma-buf that they have mapped; guarded by the reservation
 * @moved_work: tells them where the invalidation could not
 * @refill_work: looks the pages up again for them
 */
struct sg_userptr {
	struct sg_object obj;
	struct mmu_interval_notifier notifier;
	struct sg_owner owner;
	unsigned long seq;
	struct work_struct drop_work;
	struct dma_fence_cb drop_cb;
	atomic_t drop_waits;

	struct mutex attach_lock;
	spinlock_t pin_lock;
	struct sg_pin *pin;
	struct sg_pin *vmap_pin;
	unsigned int nmapped;
	struct dma_buf *buf;
	struct work_struct moved_work;
	struct work_struct refill_work;
};

#define to_sg_userptr(o)	container_of(o, struct sg_userptr, obj)

/** sg_userptr_addr() - where the range begins. */
static inline unsigned long sg_userptr_addr(const struct sg_userptr *u)
{
	return u->notifier.interval_tree.start;
}

int sg_userptr_init(void);
void sg_userptr_exit(void);
struct sg_object *sg_userptr_create(struct drm_device *dev, unsigned long addr, u64 size,
				    bool read_only);
struct sg_object *sg_pinned_create(struct drm_device *dev, unsigned long addr, u64 size,
				   bool read_only, bool lazy);
struct sg_object *sg_pfnmap_create(struct drm_device *dev, unsigned long addr, u64 size);
int sg_pfnmap_at(unsigned long addr);
int sg_userptr_probe(unsigned long addr, u64 size, bool read_only);
bool sg_object_is_userptr(const struct sg_object *obj);

/** enum sg_tell - how those who map the dma-buf learn that the pages move. */
enum sg_tell {
	SG_TELL_NOBODY,		/* there are none */
	SG_TELL_NOW,		/* the reservation is held for it */
	SG_TELL_LATER,		/* it could not be had: by a worker */
};

extern const struct dma_buf_ops sg_userptr_buf_ops;
void sg_userptr_export_init(struct sg_userptr *u);
void sg_userptr_export_fini(struct sg_userptr *u);
enum sg_tell sg_userptr_tell_prepare(struct sg_userptr *u, bool blockable);
void sg_userptr_tell(struct sg_userptr *u, enum sg_tell how);

#endif
