// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * User pages, pinned: the object keeps the frames that it found when it was made, whatever the
 * process does to its mappings. All of them count against RLIMIT_MEMLOCK of the process that made
 * it, once, until the object goes. Where there is nothing that could be pinned yet, that is an
 * error, or they are pinned at the first use that finds it.
 *
 * An object that can wait for its first use can wait for the next one, too: where memory is short
 * the shrinker unpins an idle one, so that its pages can be swapped out, and the next use pins what
 * is there then. Not if the process has let go of the pages: nobody else has what is in them.
 */
#include <linux/dma-resv.h>
#include <linux/mutex.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>

#include "gpu.h"
#include "grip.h"
#include "object.h"
#include "pin.h"
#include "shrink.h"
#include "userptr.h"

/**
 * struct sg_pinned - an object of pinned user pages.
 * @obj: the object; its list of frames, once there is one, is @pin's
 * @pin: the pages
 * @lock: only one pins
 */
struct sg_pinned {
	struct sg_object obj;
	struct sg_pin *pin;
	struct mutex lock;
};

#define to_pinned(o)	container_of(o, struct sg_pinned, obj)

/* The frames are there from now on, and stay until the grip is dropped, if there is one. */
static void publish(struct sg_pinned *pinned, struct sg_grip *grip)
{
	struct sg_object *obj = &pinned->obj;
	struct sg_pages *p = &obj->pages;

	dma_resv_lock(obj->base.resv, NULL);
	p->npages = pinned->pin->pages.npages;
	p->skew = pinned->pin->pages.skew;
	p->nchunks = pinned->pin->pages.nchunks;
	p->nseen = pinned->pin->pages.nseen;
	/* pairs with usage.c */
	smp_store_release(&p->chunk, pinned->pin->pages.chunk);
	/* pairs with pinned_acquire(), and with sg_object_span() */
	smp_store_release(&obj->have_pages, SG_ALL_PAGES);
	if (grip && !grip->kept) {
		grip->kept = obj;
		atomic_inc(&obj->pages_pin);
	}
	if (obj->ops->put_pages)
		sg_shrink_add(obj, sg_object_pages(obj));
	dma_resv_unlock(obj->base.resv);
}

/* The lock is held: nobody else pins. */
static int pin_anew(struct sg_pinned *pinned, struct sg_grip *grip)
{
	struct dma_resv *resv = pinned->obj.base.resv;
	struct sg_pin *pin = pinned->pin;
	int ret;

	/*
	 * The shrinker says that there are no pages, and then unpins them: wait for the end of
	 * that. It does both under the reservation, and does not come again until there are some.
	 */
	if (dma_resv_lock_interruptible(resv, NULL))
		return -ERESTARTSYS;
	dma_resv_unlock(resv);
	if (!mmget_not_zero(pin->owner.mm))
		return -EFAULT;
	ret = sg_pin_pages(pin);
	mmput(pin->owner.mm);
	if (!ret)
		publish(pinned, grip);
	return ret;
}

static int pinned_acquire(struct sg_object *obj, struct sg_grip *grip)
{
	struct sg_pinned *pinned = to_pinned(obj);
	int ret = 0;

	if (smp_load_acquire(&obj->have_pages))		/* pairs with publish() */
		return 0;
	if (mutex_lock_interruptible(&pinned->lock))
		return -ERESTARTSYS;
	if (!READ_ONCE(obj->have_pages))
		ret = pin_anew(pinned, grip);
	mutex_unlock(&pinned->lock);
	return ret;
}

static bool pinned_may_put(struct sg_object *obj)
{
	return sg_pin_dispensable(to_pinned(obj)->pin);
}

static void pinned_put_pages(struct sg_object *obj)
{
	sg_pin_unpin(to_pinned(obj)->pin);
}

static void pinned_unused(struct sg_object *obj)
{
	sg_pin_going(to_pinned(obj)->pin);
}

static void pinned_release(struct sg_object *obj)
{
	struct sg_pinned *pinned = to_pinned(obj);

	sg_pin_free_later(pinned->pin);
	mutex_destroy(&pinned->lock);
}

static const struct sg_object_ops pinned_ops = {
	.acquire = pinned_acquire,
	.unused = pinned_unused,
	.release = pinned_release,
};

static const struct sg_object_ops lazy_ops = {
	.acquire = pinned_acquire,
	.put_pages = pinned_put_pages,
	.may_put = pinned_may_put,
	.unused = pinned_unused,
	.release = pinned_release,
};

static struct sg_pin *pin_alloc_current(struct sg_gpu *gpu, unsigned long addr, u64 size,
					bool write)
{
	struct sg_owner owner;
	struct sg_pin *pin;
	int ret;

	sg_owner_get(&owner);
	pin = sg_pin_alloc(gpu, &owner, addr, size, write);
	sg_owner_put(&owner);
	if (IS_ERR(pin))
		return pin;
	ret = sg_pin_count(pin);
	if (!ret)
		return pin;
	sg_pin_free(pin);
	return ERR_PTR(ret);
}

/**
 * sg_pinned_create() - make an object of a range of the current process's memory, and pin it.
 * @dev: the node
 * @addr: where the range begins, page aligned
 * @size: its bytes, a multiple of the page size, not 0; the end does not wrap
 * @read_only: the GPU is only going to read
 * @lazy: a range that is not mapped, or not with memory that can be pinned, is no error; it is
 *	counted all the same, and using the object fails with -EFAULT until that has changed. Under
 *	memory pressure an idle object goes back to that state.
 *
 * Context: may sleep; takes mmap_lock, faults user memory.
 * Return: the object, with one reference; -ENOMEM if RLIMIT_MEMLOCK forbids it; -EFAULT, if not
 * @lazy; -ERESTARTSYS. On an error nothing stays pinned; what was counted goes, maybe a
 * moment later.
 */
struct sg_object *sg_pinned_create(struct drm_device *dev, unsigned long addr, u64 size,
				   bool read_only, bool lazy)
{
	struct sg_pinned *pinned = kzalloc(sizeof(*pinned), GFP_KERNEL_ACCOUNT);
	int ret;

	if (!pinned)
		return ERR_PTR(-ENOMEM);
	pinned->pin = pin_alloc_current(to_sg_gpu(dev), addr, size, !read_only);
	if (IS_ERR(pinned->pin)) {
		ret = PTR_ERR(pinned->pin);
		goto free;
	}
	ret = sg_pin_pages(pinned->pin);
	if (ret && !(lazy && ret == -EFAULT))
		goto free_pin;
	mutex_init(&pinned->lock);
	drm_gem_private_object_init(dev, &pinned->obj.base, size);
	sg_object_init(&pinned->obj, lazy ? &lazy_ops : &pinned_ops);
	pinned->obj.read_only = read_only;
	if (!ret)
		publish(pinned, NULL);
	return &pinned->obj;

free_pin:
	sg_pin_free(pinned->pin);
free:
	kfree(pinned);
	return ERR_PTR(ret);
}
