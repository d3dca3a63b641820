// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Tracked pages are nobody's to keep: what has been looked up can be reclaimed before it is used.
 * A process comes through that, since it needs but one page at a time; the GPU needs all those of
 * an object at once, and where memory is short the kernel may take pages away as fast as they are
 * brought in, for ever.
 *
 * So whoever has looked up an object's pages in vain a few times pins them, until their use has
 * been published. Reclaim leaves pinned pages alone, and looks for others; changes that the process
 * makes go on as ever, and mean one attempt more. As for direct I/O, nothing is counted against the
 * process: the pages are its own, and the pin ends with the call that made it.
 *
 * That call lets go of it before it copies from or to other memory of the process, which comes when
 * its owner likes. So do pages of this object, and of others in the same submission, which have to
 * be there at a time; therefore all pins of this kind together are no more than half of memory.
 *
 * See Documentation/core-api/pin_user_pages.rst in the kernel's sources, case 1.
 */
#include <linux/log2.h>
#include <linux/mm.h>
#include <linux/sched.h>

#include "gpu.h"
#include "grip.h"
#include "object.h"
#include "trace.h"
#include "userptr.h"

/* So often it may happen; then at every doubling, since what is pinned may have been replaced. */
#define VAIN_FEW	8

static bool may_grip(struct sg_gpu *gpu, unsigned long npages)
{
	if (atomic_long_add_return(npages, &gpu->gripped) <= totalram_pages() / 2)
		return true;
	atomic_long_sub(npages, &gpu->gripped);
	return false;
}

/**
 * sg_grip_vain() - an object's pages were looked up in vain.
 * @grip: by whom
 * @u: the object
 *
 * Pins the pages if that has happened often enough. That they cannot be pinned, or too many are, is
 * no error: the next attempt to look them up finds what is wrong, or comes through. A worker of
 * ours does not wait for what user space may never do, and pins nothing.
 *
 * Context: no driver lock, no reservation, no mmap_lock; mm_users of the process is held. May fault
 * user memory.
 */
void sg_grip_vain(struct sg_grip *grip, struct sg_userptr *u)
{
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	unsigned long npages = u->obj.base.size >> PAGE_SHIFT;
	struct sg_pin *pin;

	grip->vain++;
	if (grip->vain < VAIN_FEW || !is_power_of_2(grip->vain) || current->flags & PF_KTHREAD)
		return;
	sg_grip_drop(grip);
	if (!may_grip(gpu, npages))
		return;
	pin = sg_pin_alloc(gpu, &u->owner, sg_userptr_addr(u), u->obj.base.size, !u->obj.read_only);
	if (IS_ERR(pin))
		goto give_back;
	pin->brief = true;
	if (sg_pin_pages(pin))
		goto free_pin;
	grip->pin = pin;
	atomic64_inc(&gpu->stats.grips);
	trace_userptr_grip(u);
	return;

free_pin:
	sg_pin_free(pin);
give_back:
	atomic_long_sub(npages, &gpu->gripped);
}

/**
 * sg_grip_rest() - let go of the pages, for as long as other memory is touched.
 * @grip: by whom; who had to pin does so again the next time that the pages are looked up in vain
 *
 * Context: may sleep.
 */
void sg_grip_rest(struct sg_grip *grip)
{
	if (grip->pin)
		grip->vain = VAIN_FEW - 1;
	sg_grip_drop(grip);
}

/** sg_grip_unpin() - sg_grip_drop(), where there is something to let go of. */
void sg_grip_unpin(struct sg_grip *grip)
{
	if (grip->pin) {
		struct sg_gpu *gpu = grip->pin->gpu;
		unsigned long npages = grip->pin->pages.npages;

		sg_pin_free(grip->pin);
		atomic_long_sub(npages, &gpu->gripped);
	}
	grip->pin = NULL;
	if (grip->kept)
		sg_object_unpin_pages(grip->kept);
	grip->kept = NULL;
}
