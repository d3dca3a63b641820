/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Counters that people look at, in debugfs: softgem_userptr. */
#ifndef SOFTGEM_STATS_H
#define SOFTGEM_STATS_H

#include <linux/atomic.h>

/**
 * struct sg_stats - what happened to user pages.
 * @acquires: the pages of a tracked object were looked up, all or some
 * @reuses: they were not, because nothing had moved
 * @faults: pages that were found by a lookup
 * @faulted: of these, those that had to be faulted in
 * @retries: a lookup or a submission had to begin again, because something moved meanwhile
 * @invalidations: the process changed a range that an object covers
 * @revokes: of these, those that took pages away
 * @holds: of these, those that held pages instead, for requests that used them
 * @grips: an acquisition pinned the pages, for as long as it took, since they were taken away again
 *	and again
 * @waited_ns: how long the kernel has waited for those that took pages away
 * @pins: pages pinned
 * @unpins: pages unpinned
 */
struct sg_stats {
	atomic64_t acquires;
	atomic64_t reuses;
	atomic64_t faults;
	atomic64_t faulted;
	atomic64_t retries;
	atomic64_t invalidations;
	atomic64_t revokes;
	atomic64_t holds;
	atomic64_t grips;
	atomic64_t waited_ns;
	atomic64_t pins;
	atomic64_t unpins;
};

#endif
