/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Pages of a process that stay where they are, and are counted. */
#ifndef SOFTGEM_PIN_H
#define SOFTGEM_PIN_H

#include <linux/types.h>
#include <linux/workqueue.h>

#include "pages.h"

struct mm_struct;
struct sg_gpu;
struct task_struct;

/**
 * struct sg_owner - whose memory it is, and whose limit it counts against.
 * @mm: the memory; holds mm_count
 * @task: the group leader of the process; its limits stay readable when it is gone
 * @no_limit: it had CAP_IPC_LOCK
 */
struct sg_owner {
	struct mm_struct *mm;
	struct task_struct *task;
	bool no_limit;
};

void sg_owner_get(struct sg_owner *owner);
void sg_owner_put(struct sg_owner *owner);

/**
 * struct sg_pin - pinned pages of a range.
 * @gpu: the device
 * @owner: whose they are
 * @addr: where the range begins
 * @write: they may be written to
 * @brief: they are going to be unpinned in a moment: they need not be moved to where they can stay,
 *	and nobody counts them
 * @counted: they count against the owner's limit
 * @pages: the frames: all of them, or none
 * @users: for whoever shares it
 * @seq: likewise
 * @free_work: frees it
 * @again: after how many jiffies that was tried again
 */
struct sg_pin {
	struct sg_gpu *gpu;
	struct sg_owner owner;
	unsigned long addr;
	bool write;
	bool brief;
	bool counted;
	struct sg_pages pages;

	unsigned int users;
	unsigned long seq;

	struct delayed_work free_work;
	unsigned long again;
};

struct sg_pin *sg_pin_alloc(struct sg_gpu *gpu, const struct sg_owner *owner, unsigned long addr,
			    u64 size, bool write);
int sg_pin_count(struct sg_pin *pin);
int sg_pin_pages(struct sg_pin *pin);
bool sg_pin_equal(const struct sg_pin *a, const struct sg_pin *b);
void sg_pin_free(struct sg_pin *pin);
bool sg_pin_dispensable(const struct sg_pin *pin);
void sg_pin_unpin(struct sg_pin *pin);
void sg_pin_going(struct sg_pin *pin);
void sg_pin_free_later(struct sg_pin *pin);

#endif
