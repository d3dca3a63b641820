/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * Which page frames stand behind an object.
 *
 * A list of runs: a run is a number of frames that follow each other in physical memory. Runs are
 * grouped in chunks of 2 MiB of the process's address space (user pages) or of the object (all
 * others), so that a chunk can come and go without touching its neighbours, and so that a
 * transparent huge page is exactly one run. The cost is 16 bytes a chunk, and 8 bytes a run where a
 * chunk has more than one. Where that would be more than 4 bytes a page, the frames are listed one
 * by one instead.
 *
 * Who may change a chunk is the owner's affair (see userptr.c, shmem.c); readers that race with it
 * hold the revoke lock.
 */
#ifndef SOFTGEM_PAGES_H
#define SOFTGEM_PAGES_H

#include <linux/mm.h>
#include <linux/types.h>

#define SG_CHUNK_SHIFT	9				/* pages a chunk, log 2 */
#define SG_CHUNK_PAGES	(1u << SG_CHUNK_SHIFT)
#define SG_CHUNK_MASK	(SG_CHUNK_PAGES - 1)

/**
 * struct sg_chunk - 2 MiB worth of frames.
 * @pfn: the first frame, if @nruns is 1
 * @runs: one word a run, ascending, if @nruns is more: the slot (page within the chunk) at which it
 *	begins in the low SG_CHUNK_SHIFT bits, the first frame above
 * @frames: if @single: one frame a page
 * @nruns: entries in @runs or @frames. 0: nothing is known of this chunk. Written last when a chunk
 *	comes, first when it goes.
 * @single: each page is a run, and its slot goes without saying
 * @held: for the owner
 */
struct sg_chunk {
	union {
		u64 pfn;
		u64 *runs;
		u32 *frames;
	};
	u32 nruns;
	bool single;
	bool held;
};

/**
 * struct sg_pages - the frames behind an object.
 * @npages: pages in the object
 * @skew: slot of the object's first page in its first chunk
 * @nchunks: entries in @chunk
 * @nseen: the chunks from this one on have never been there. As many as @nchunks, unless the owner
 *	keeps count; it never falls.
 * @chunk: the chunks
 */
struct sg_pages {
	u64 npages : 48;
	u64 skew : 16;	/* less than SG_CHUNK_PAGES; every object has one of these */
	unsigned int nchunks;
	unsigned int nseen;
	struct sg_chunk *chunk;
};

int sg_pages_init(struct sg_pages *p, unsigned long npages, unsigned int skew);
void sg_pages_fini(struct sg_pages *p);
void sg_pages_install(struct sg_pages *p, u64 pfn);

int sg_chunk_build(struct sg_chunk *c, unsigned int slot, const unsigned long *pfns,
		   unsigned int n, gfp_t gfp);
void sg_chunk_install(struct sg_chunk *to, const struct sg_chunk *from);
struct sg_chunk sg_chunk_take(struct sg_chunk *c);
void sg_chunk_free(const struct sg_chunk *c);

bool sg_chunk_equal(const struct sg_chunk *a, const struct sg_chunk *b);
bool sg_chunk_for_each(const struct sg_chunk *c, unsigned int slot, unsigned int n,
		       bool (*fn)(u64 pfn, unsigned int n));

bool sg_frames_may_get(u64 pfn, unsigned int n);
bool sg_frames_may_get_written(u64 pfn, unsigned int n);
bool sg_frames_get(u64 pfn, unsigned int n);
bool sg_frames_put(u64 pfn, unsigned int n);
bool sg_frames_hold(u64 pfn, unsigned int n);
bool sg_frames_unhold(u64 pfn, unsigned int n);
bool sg_frames_mark_dirty(u64 pfn, unsigned int n);

unsigned long sg_pages_present(const struct sg_pages *p);
unsigned long sg_pages_lookup(const struct sg_pages *p, unsigned long index, u64 *pfn);

/** sg_pages_index() - the first page of chunk @i that belongs to the object. */
static inline unsigned long sg_pages_index(const struct sg_pages *p, unsigned int i)
{
	return i ? ((unsigned long)i << SG_CHUNK_SHIFT) - p->skew : 0;
}

/** sg_pages_count() - how many pages of the object are in chunk @i. */
static inline unsigned int sg_pages_count(const struct sg_pages *p, unsigned int i)
{
	return min_t(u64, sg_pages_index(p, i + 1), p->npages) - sg_pages_index(p, i);
}

/** sg_pages_slot() - the slot of the object's first page in chunk @i. */
static inline unsigned int sg_pages_slot(const struct sg_pages *p, unsigned int i)
{
	return i ? 0 : p->skew;
}

/** sg_pages_chunk() - the chunk that holds page @index of the object. */
static inline unsigned int sg_pages_chunk(const struct sg_pages *p, unsigned long index)
{
	return (index + p->skew) >> SG_CHUNK_SHIFT;
}

unsigned long sg_pages_next_run(const struct sg_pages *p, unsigned long *index, u64 *pfn);

/**
 * sg_pages_for_each_run() - walk the runs that are known.
 * @p: the pages
 * @index: page of the object (unsigned long), the start of the run in the body
 * @pfn: its first frame (u64)
 * @n: pages in it (unsigned long)
 *
 * Chunks that are absent are passed over.
 */
#define sg_pages_for_each_run(p, index, pfn, n)						\
	for ((index) = 0; ((n) = sg_pages_next_run(p, &(index), &(pfn))); (index) += (n))

#endif
