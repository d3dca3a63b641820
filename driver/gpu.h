/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The device as a whole: what there is one of. */
#ifndef SOFTGEM_GPU_H
#define SOFTGEM_GPU_H

#include <linux/rwsem.h>
#include <linux/spinlock.h>
#include <linux/workqueue.h>
#include <linux/xarray.h>

#include <drm/drm_file.h>

#include "aperture.h"
#include "capture.h"
#include "compat.h"
#include "engine.h"
#include "node.h"
#include "object.h"
#include "stats.h"

/* Bits of a GPU address that mean something: 48, and the half below the sign. */
#define SG_ADDRESS_BITS		48
#define SG_MIN_ADDRESS_BITS	28

/**
 * struct sg_gpu - the device.
 * @node: the first of its DRM nodes, that of the PCI device; the GPU goes with it
 * @aperture: what processes look through
 * @address_bits: how large a context's address space is: %SG_ADDRESS_BITS, or fewer as on older
 *	generations; set before the device is registered
 * @revoke: held for reading by whoever uses memory that was translated (engines: for at most
 *	SG_PIECE bytes at a time), for writing by whoever takes memory away. Nothing is allocated
 *	under it, and no sleeping lock is taken.
 * @revoke_seq: counts revocations; an engine whose TLB is of another count forgets it.
 *	Written under @revoke held for writing.
 * @notifier_lock: orders the publication of a request's fence against the invalidation of user
 *	pages: see userptr.c
 * @sched_lock: guards all queues of all engines: see engine.h. Taken in interrupt context.
 * @requests: all that are queued, ready or running; guarded by @sched_lock
 * @engines: what executes
 * @free_wq: ends the life of objects and contexts; no work there waits for fences
 * @wait_wq: the same, for kinds whose end may have to: see struct sg_object_ops
 * @going: objects of which the last reference is gone, but that are not freed yet
 * @gone: objects that were freed, ever
 * @gone_wq: wakes who waits for one
 * @pin_wq: that of pins; no work there waits for the mmap_lock of their owners
 * @pins_going: how many that has still to do
 * @pins_gone: how many it has done, ever
 * @pin_gone: wakes who waits for one, or for all
 * @gripped: how many pages are pinned for a moment: see grip.c
 * @stats: counters, for people
 * @shmem: the tmpfs that objects have their files in; NULL: the kernel's own
 * @objects: how many objects there are
 * @object_bytes: how many bytes they are
 * @shrink_lock: guards @shrink_list
 * @shrink_list: objects that hold pages of their own, the longest unused first
 * @shrink_count: how many they are
 * @shrink_pages: how many pages they hold
 * @shrinker: tells the kernel's reclaim of us
 * @next_client: numbers open files
 * @completed: how many requests are over: each is told to the driver, as GPUs do by an interrupt
 * @wedged: the GPU was declared dead: submission fails with -EIO
 * @reset_count: how often the GPU, or one of its engines, was reset
 * @captures: the error state
 * @uevent_work: tells user space of a reset of the whole GPU
 * @params: what testers set through debugfs: @reset is 0: a hang makes the GPU dead, 1: it resets
 *	all engines, more: its own engine; @enable_hangcheck: whether anybody looks for hangs;
 *	@request_timeout_ms: how long a request may run at all, 0: for ever
 * @sysfs: folders, of sysfs.c
 */
struct sg_gpu {
	struct sg_node node;
	struct sg_aperture aperture;
	unsigned int address_bits;

	struct rw_semaphore revoke;
	unsigned long revoke_seq;
	rwlock_t notifier_lock;

	spinlock_t sched_lock;
	struct list_head requests;
	struct sg_engine engines[SG_NUM_ENGINES];

	struct workqueue_struct *free_wq;
	struct workqueue_struct *wait_wq;
	atomic_t going;
	atomic_t gone;
	wait_queue_head_t gone_wq;
	struct workqueue_struct *pin_wq;
	atomic_t pins_going;
	atomic_t pins_gone;
	wait_queue_head_t pin_gone;
	atomic_long_t gripped;
	struct sg_stats stats;
	struct vfsmount *shmem;
	atomic_long_t objects;
	atomic64_t object_bytes;

	spinlock_t shrink_lock;
	struct list_head shrink_list;
	atomic_long_t shrink_count;
	atomic_long_t shrink_pages;
	struct sg_shrinker shrinker;

	atomic_t next_client;
	atomic64_t completed;
	bool wedged;
	atomic_t reset_count;
	struct sg_captures captures;
	struct work_struct uevent_work;
	struct {
		u32 reset;
		bool enable_hangcheck;
		u32 request_timeout_ms;
	} params;
	struct {
		struct kobject *engines;
		struct kobject *engine[SG_NUM_ENGINES];
		struct kobject *defaults[SG_NUM_ENGINES];
	} sysfs;
};

/* What a context's address space is as large as, in bytes. */
static inline u64 sg_space_size(const struct sg_gpu *gpu)
{
	return 1ull << gpu->address_bits;
}

static inline struct sg_gpu *sg_object_gpu(const struct sg_object *obj)
{
	return to_sg_gpu(obj->base.dev);
}

#endif
