// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * User pages, pinned: the object keeps the frames that it found when it was made, whatever the
 * process does to its mappings. All of them count against RLIMIT_MEMLOCK of the process that made
 * it, once, until the object goes.
 */
#include <linux/slab.h>

#include "gpu.h"
#include "object.h"
#include "pin.h"
#include "userptr.h"

/**
 * struct sg_pinned - an object of pinned user pages.
 * @obj: the object; its list of frames is @pin's
 * @pin: the pages
 */
struct sg_pinned {
	struct sg_object obj;
	struct sg_pin *pin;
};

#define to_pinned(o)	container_of(o, struct sg_pinned, obj)

static void pinned_release(struct sg_object *obj)
{
	sg_pin_free(to_pinned(obj)->pin);
}

static const struct sg_object_ops pinned_ops = {
	.release = pinned_release,
};

static struct sg_pin *pin_current(struct sg_gpu *gpu, unsigned long addr, u64 size, bool write)
{
	struct sg_owner owner;
	struct sg_pin *pin;
	int ret;

	sg_owner_get(&owner);
	pin = sg_pin_alloc(gpu, &owner, addr, size, write);
	sg_owner_put(&owner);
	if (IS_ERR(pin))
		return pin;
	ret = sg_pin_count(pin) ?: sg_pin_pages(pin, addr);
	if (!ret)
		return pin;
	sg_pin_free(pin);
	return ERR_PTR(ret);
}

/**
 * sg_pinned_create() - make an object of a range of the current process's memory, and pin it.
 * @gpu: the device
 * @addr: where the range begins, page aligned
 * @size: its bytes, a multiple of the page size, not 0; the end does not wrap
 * @read_only: the GPU is only going to read
 *
 * Context: may sleep; takes mmap_lock, faults user memory.
 * Return: the object, with one reference; -ENOMEM if RLIMIT_MEMLOCK forbids it; -EFAULT for holes
 * and memory that cannot be pinned; -ERESTARTSYS. On an error nothing stays pinned or counted.
 */
struct sg_object *sg_pinned_create(struct sg_gpu *gpu, unsigned long addr, u64 size,
				   bool read_only)
{
	struct sg_pinned *pinned = kzalloc(sizeof(*pinned), GFP_KERNEL_ACCOUNT);

	if (!pinned)
		return ERR_PTR(-ENOMEM);
	pinned->pin = pin_current(gpu, addr, size, !read_only);
	if (IS_ERR(pinned->pin)) {
		int ret = PTR_ERR(pinned->pin);

		kfree(pinned);
		return ERR_PTR(ret);
	}
	sg_object_init(&pinned->obj, gpu, &pinned_ops);
	drm_gem_private_object_init(&gpu->drm, &pinned->obj.base, size);
	pinned->obj.read_only = read_only;
	pinned->obj.pages = pinned->pin->pages;
	return &pinned->obj;
}
