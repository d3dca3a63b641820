/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Keeping hold of user pages for as long as it takes to publish their use. */
#ifndef SOFTGEM_GRIP_H
#define SOFTGEM_GRIP_H

#include <linux/types.h>

struct sg_object;
struct sg_pin;
struct sg_userptr;

/**
 * struct sg_grip - what an attempt to use an object has met with.
 * @vain: how often the pages were looked up, and were taken away before they could be used
 * @found: they were looked up, and were all there
 * @pin: they are pinned since that happened too often, or NULL
 * @kept: an object that pins its pages itself, and had to do so again: the shrinker leaves it alone
 */
struct sg_grip {
	unsigned int vain;
	bool found;
	struct sg_pin *pin;
	struct sg_object *kept;
};

void sg_grip_vain(struct sg_grip *grip, struct sg_userptr *u);
void sg_grip_rest(struct sg_grip *grip);
void sg_grip_unpin(struct sg_grip *grip);

/**
 * sg_grip_drop() - let go of the pages, if they are pinned or kept.
 * @grip: by whom; may be used again
 *
 * Context: may sleep.
 */
static inline void sg_grip_drop(struct sg_grip *grip)
{
	if (grip->pin || grip->kept)
		sg_grip_unpin(grip);
}

#endif
