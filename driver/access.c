// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * pread and pwrite: bytes between an object and a process's buffer.
 *
 * The buffer may fault, and the fault handler may be our own (the buffer may be a mapping of an
 * object, of this one too), so that no lock that a fault takes can be held while it is touched.
 * Where the object's pages can be kept in place they are, and the copy is direct. Tracked user
 * pages cannot: they move when the process says so, and a copy that faults in the middle may be
 * waiting for exactly that. They go through a bounce buffer, and are touched as the engines touch
 * them: under the revoke lock.
 */
#include <linux/dma-resv.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "gpu.h"
#include "grip.h"
#include "object.h"
#include "shadow.h"

#define BOUNCE_SIZE	SZ_64K

static int copy_direct(struct sg_object *obj, u64 offset, void __user *user, u64 size, bool write)
{
	int ret;

	ret = dma_resv_lock_interruptible(obj->base.resv, NULL);
	if (ret)
		return ret;
	ret = sg_object_pin_pages(obj);
	sg_shadow_flush(obj);
	dma_resv_unlock(obj->base.resv);
	if (ret)
		return ret;

	while (size) {
		size_t len = min_t(u64, size, SZ_2M);
		void *ptr = sg_object_span(obj, offset, &len);

		if (fatal_signal_pending(current)) {
			ret = -EINTR;
			break;
		}
		/* copy_from_user() would zero what cannot be copied: somebody's data */
		if (write ? __copy_from_user(ptr, user, len) : __copy_to_user(user, ptr, len)) {
			ret = -EFAULT;
			break;
		}
		offset += len;
		user += len;
		size -= len;
		cond_resched();
	}
	sg_object_unpin_pages(obj);
	return ret;
}

/**
 * sg_object_copy_kernel() - copy between an object and kernel memory.
 * @obj: the object
 * @offset: where in it
 * @buf: the kernel memory
 * @size: bytes, at most SG_PIECE; the range lies in the object
 * @write: towards the object
 *
 * Context: no fault of user memory happens; takes the revoke lock.
 * Return: 0, or -EAGAIN if the object's memory is not there (now).
 */
int sg_object_copy_kernel(struct sg_object *obj, u64 offset, void *buf, size_t size, bool write)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);
	int ret = 0;

	down_read(&gpu->revoke);
	while (size) {
		size_t len = size;
		void *ptr = sg_object_span(obj, offset, &len);

		if (!ptr) {
			ret = -EAGAIN;
			break;
		}
		if (write)
			memcpy(ptr, buf, len);
		else
			memcpy(buf, ptr, len);
		offset += len;
		buf += len;
		size -= len;
	}
	up_read(&gpu->revoke);
	return ret;
}

static int copy_bounced(struct sg_object *obj, u64 offset, void __user *user, u64 size, bool write)
{
	size_t room = min_t(u64, size, BOUNCE_SIZE);
	void *bounce = kvmalloc(room, GFP_KERNEL);
	struct sg_grip grip = {};
	int ret = 0;

	if (!bounce)
		return -ENOMEM;
	while (size && !ret) {
		size_t len = min_t(u64, size, room);

		if (write && copy_from_user(bounce, user, len)) {
			ret = -EFAULT;
			break;
		}
		do {
			if (signal_pending(current))
				ret = -ERESTARTSYS;
			else
				ret = sg_object_acquire(obj, &grip) ?:
				      sg_object_copy_kernel(obj, offset, bounce, len, write);
		} while (ret == -EAGAIN);
		/* the buffer may fault for as long as its owner likes */
		sg_grip_rest(&grip);
		if (!ret && !write && copy_to_user(user, bounce, len))
			ret = -EFAULT;
		offset += len;
		user += len;
		size -= len;
	}
	kvfree(bounce);
	return ret;
}

static int copy_any(struct sg_object *obj, u64 offset, void __user *user, u64 size, bool write)
{
	int ret;

	if (!access_ok(user, size))
		return -EFAULT;
	ret = sg_object_wait(obj, write, true, MAX_SCHEDULE_TIMEOUT);
	if (ret)
		return ret;
	obj = sg_object_memory(obj);
	if (obj->ops->get_pages)
		return copy_direct(obj, offset, user, size, write);
	return copy_bounced(obj, offset, user, size, write);
}

/**
 * sg_object_read() - pread: from an object to a process.
 * @obj: the object
 * @offset: where in it; the range lies in the object
 * @to: the process's buffer
 * @size: bytes
 *
 * Waits for the GPU's writes. Of a copy that fails in the middle, some bytes may have arrived; the
 * others are what they were.
 *
 * Context: no lock; faults user memory.
 * Return: 0; -EFAULT for a bad buffer or memory that is gone; -ERESTARTSYS; -EINTR: the process is
 * being killed; -ENOMEM.
 */
int sg_object_read(struct sg_object *obj, u64 offset, void __user *to, u64 size)
{
	return copy_any(obj, offset, to, size, false);
}

/**
 * sg_object_write() - pwrite: from a process to an object.
 * @obj: the object; not a read-only one
 * @offset: where in it; the range lies in the object
 * @from: the process's buffer
 * @size: bytes
 *
 * Waits for all of the GPU's work on it.
 *
 * Context, Return: as sg_object_read().
 */
int sg_object_write(struct sg_object *obj, u64 offset, const void __user *from, u64 size)
{
	return copy_any(obj, offset, (void __user *)from, size, true);
}
