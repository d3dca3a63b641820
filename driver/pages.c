// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Runs of page frames: see pages.h. */
#include <linux/slab.h>

#include "compat.h"
#include "pages.h"

/**
 * sg_pages_init() - set up an empty list.
 * @p: to be filled in
 * @npages: pages in the object, at least 1
 * @skew: slot of the first page, below SG_CHUNK_PAGES
 *
 * Context: may sleep.
 * Return: 0, -E2BIG for more chunks than can be counted, -ENOMEM.
 */
int sg_pages_init(struct sg_pages *p, unsigned long npages, unsigned int skew)
{
	unsigned long n = DIV_ROUND_UP(npages + skew, SG_CHUNK_PAGES);

	if (n > INT_MAX)
		return -E2BIG;
	p->npages = npages;
	p->skew = skew;
	p->nchunks = n;
	p->nseen = n;
	p->chunk = kvcalloc(n, sizeof(*p->chunk), GFP_KERNEL_ACCOUNT | __GFP_NOWARN);
	return p->chunk ? 0 : -ENOMEM;
}

/**
 * sg_pages_fini() - free the list; the frames themselves are the owner's affair.
 * @p: what sg_pages_init() set up, or zeroes
 */
void sg_pages_fini(struct sg_pages *p)
{
	unsigned int i;

	if (!p->chunk)
		return;
	for (i = 0; i < p->nseen; i++)
		sg_chunk_free(&p->chunk[i]);
	kvfree(p->chunk);
	p->chunk = NULL;
}

static int build_single(struct sg_chunk *c, const unsigned long *pfns, unsigned int n, gfp_t gfp)
{
	unsigned int i;
	u32 *frames = kmalloc_array(n, sizeof(*frames), gfp);

	if (!frames)
		return -ENOMEM;
	for (i = 0; i < n; i++)
		frames[i] = pfns[i];
	c->frames = frames;
	c->single = true;
	c->nruns = n;
	return 0;
}

/**
 * sg_chunk_build() - make a chunk out of frame numbers.
 * @c: to be filled in; not yet visible to others
 * @slot: where in the chunk the first of them is
 * @pfns: the frames
 * @n: how many, at least 1; @slot + @n is at most SG_CHUNK_PAGES
 * @gfp: how to allocate
 *
 * Return: 0 or -ENOMEM.
 */
int sg_chunk_build(struct sg_chunk *c, unsigned int slot, const unsigned long *pfns,
		   unsigned int n, gfp_t gfp)
{
	unsigned long all = pfns[0];
	unsigned int i, nruns = 1;
	u64 *run;

	for (i = 1; i < n; i++) {
		nruns += pfns[i] != pfns[i - 1] + 1;
		all |= pfns[i];
	}
	if (nruns == 1) {
		c->pfn = pfns[0];
		c->nruns = 1;
		return 0;
	}
	if (nruns > n / 2 && all <= U32_MAX)
		return build_single(c, pfns, n, gfp);

	run = kmalloc_array(nruns, sizeof(*run), gfp);
	if (!run)
		return -ENOMEM;
	c->runs = run;
	c->nruns = nruns;
	for (i = 0; i < n; i++)
		if (!i || pfns[i] != pfns[i - 1] + 1)
			*run++ = (u64)pfns[i] << SG_CHUNK_SHIFT | (slot + i);
	return 0;
}

/**
 * sg_chunk_install() - let readers see a chunk.
 * @to: where; absent until now
 * @from: what sg_chunk_build() made; its memory belongs to @to afterwards
 */
void sg_chunk_install(struct sg_chunk *to, const struct sg_chunk *from)
{
	to->pfn = from->pfn;
	to->single = from->single;
	/* pairs with sg_pages_lookup(): who sees the count sees the rest */
	smp_store_release(&to->nruns, from->nruns);
}

/**
 * sg_pages_install() - let readers see pages that are one run.
 * @p: the pages; absent until now
 * @pfn: the first frame
 *
 * Who sees the first chunk sees them all.
 */
void sg_pages_install(struct sg_pages *p, u64 pfn)
{
	unsigned int i = p->nchunks;

	while (i--) {
		struct sg_chunk chunk = {
			.pfn = pfn + sg_pages_index(p, i),
			.nruns = 1,
		};

		sg_chunk_install(&p->chunk[i], &chunk);
	}
}

/**
 * sg_chunk_take() - make a chunk absent.
 * @c: the chunk
 *
 * Context: no reader may be looking: the revoke lock is held for writing, or the object is not
 * bound anywhere.
 * Return: what it was, for sg_chunk_free().
 */
struct sg_chunk sg_chunk_take(struct sg_chunk *c)
{
	struct sg_chunk was = *c;

	c->nruns = 0;
	c->pfn = 0;
	c->single = false;
	c->held = false;
	return was;
}

/**
 * sg_chunk_free() - free what sg_chunk_build() allocated.
 * @c: a chunk that nobody sees any more; absent ones are fine
 */
void sg_chunk_free(const struct sg_chunk *c)
{
	if (c->nruns > 1)
		kfree(c->runs);
}

/**
 * sg_chunk_equal() - whether two chunks name the same frames.
 * @a: a chunk
 * @b: another, for the same slots
 */
bool sg_chunk_equal(const struct sg_chunk *a, const struct sg_chunk *b)
{
	if (a->nruns != b->nruns || a->single != b->single)
		return false;
	if (a->nruns == 1)
		return a->pfn == b->pfn;
	if (a->single)
		return !memcmp(a->frames, b->frames, a->nruns * sizeof(*a->frames));
	return !memcmp(a->runs, b->runs, a->nruns * sizeof(*a->runs));
}

/**
 * sg_chunk_for_each() - walk the runs of a chunk.
 * @c: the chunk; it may be absent
 * @slot: its first slot that is in use
 * @n: how many are
 * @fn: called for each run, with its first frame and its pages; false ends the walk
 *
 * Return: whether it came to the end.
 */
bool sg_chunk_for_each(const struct sg_chunk *c, unsigned int slot, unsigned int n,
		       bool (*fn)(u64 pfn, unsigned int n))
{
	unsigned int i;

	if (c->nruns == 1)
		return fn(c->pfn, n);
	for (i = 0; c->single && i < c->nruns; i++)
		if (!fn(c->frames[i], 1))
			return false;
	for (i = 0; !c->single && i < c->nruns; i++) {
		unsigned int from = c->runs[i] & SG_CHUNK_MASK;
		unsigned int to = i + 1 < c->nruns ? c->runs[i + 1] & SG_CHUNK_MASK : slot + n;

		if (!fn(c->runs[i] >> SG_CHUNK_SHIFT, to - from))
			return false;
	}
	return true;
}

/*
 * Adjacent frames are kept by a reference to each of their folios, not of their pages: the kernel
 * does not split a folio that somebody has a reference to, so that whoever lets go of the frames
 * finds the folios that were there. Frames of no folio, of a device's memory, are not ours to keep.
 */
static struct folio *next_folio(u64 *pfn, unsigned int *n)
{
	struct folio *folio = page_folio(pfn_to_page(*pfn));
	unsigned int part = min_t(u64, *n, folio_pfn(folio) + folio_nr_pages(folio) - *pfn);

	*pfn += part;
	*n -= part;
	return folio;
}

static bool lives_in_swap(struct folio *folio)
{
	return folio_test_swapbacked(folio) || folio_test_anon(folio);
}

/* A folio's references are counted in 31 bits. */
static bool has_few_references(struct folio *folio)
{
	unsigned int refs = folio_ref_count(folio);

	return refs && refs <= INT_MAX / 2;
}

/**
 * sg_frames_may_get() - whether frames can be kept that are only read.
 * @pfn: the first
 * @n: how many, adjacent
 *
 * A process can map a page as often as it likes, and have each of the mappings kept.
 *
 * Context: any; the folios are in use, and stay what they are.
 * Return: false if one of the folios has very many references already.
 */
bool sg_frames_may_get(u64 pfn, unsigned int n)
{
	while (n)
		if (!has_few_references(next_folio(&pfn, &n)))
			return false;
	return true;
}

/**
 * sg_frames_may_get_written() - whether frames can be kept that are written to.
 * @pfn: the first
 * @n: how many, adjacent
 *
 * Those of a file cannot: it writes them back, and has them clean when it thinks that nobody has
 * them mapped. Nor can those of hugetlbfs: fork says that it unmaps them where it shares them, and
 * a reference does not make it copy them, so that what is written later would be the child's.
 *
 * Context: as sg_frames_may_get().
 * Return: as sg_frames_may_get(); or false for such memory.
 */
bool sg_frames_may_get_written(u64 pfn, unsigned int n)
{
	while (n) {
		struct folio *folio = next_folio(&pfn, &n);

		if (folio_test_hugetlb(folio) || !lives_in_swap(folio) ||
		    !has_few_references(folio))
			return false;
	}
	return true;
}

/** sg_frames_get() - keep frames that may be; returns true. */
bool sg_frames_get(u64 pfn, unsigned int n)
{
	while (n)
		folio_get(next_folio(&pfn, &n));
	return true;
}

/** sg_frames_put() - let go of frames that were kept; returns true. */
bool sg_frames_put(u64 pfn, unsigned int n)
{
	while (n)
		folio_put(next_folio(&pfn, &n));
	return true;
}

/** sg_frames_hold() - keep frames that may be, and where they are in the process; returns true. */
bool sg_frames_hold(u64 pfn, unsigned int n)
{
	while (n)
		sg_folio_hold(next_folio(&pfn, &n));
	return true;
}

/** sg_frames_unhold() - let go of frames that were held; returns true. */
bool sg_frames_unhold(u64 pfn, unsigned int n)
{
	while (n)
		sg_folio_unhold(next_folio(&pfn, &n));
	return true;
}

/**
 * sg_frames_mark_dirty() - frames were written to.
 * @pfn: the first
 * @n: how many, adjacent, and kept
 *
 * Reclaim may have written them out, and have found them clean, while the GPU was writing. Memory
 * that lives in swap has no buffers that a folio's lock would have to guard, so that it need not be
 * waited for, which reclaim must not do. What the folio belongs to stays while it is marked.
 *
 * Context: any.
 * Return: false if some are of other memory, and have to be marked under their folios' locks.
 */
bool sg_frames_mark_dirty(u64 pfn, unsigned int n)
{
	bool marked = true;

	rcu_read_lock();
	while (n && marked) {
		struct folio *folio = next_folio(&pfn, &n);

		marked = lives_in_swap(folio);
		if (marked)
			folio_mark_dirty(folio);
	}
	rcu_read_unlock();
	return marked;
}

/**
 * sg_pages_present() - how many pages have a frame that is known.
 * @p: the pages, whose list of chunks stays
 *
 * Context: any; chunks may come and go meanwhile.
 */
unsigned long sg_pages_present(const struct sg_pages *p)
{
	unsigned int i, n = READ_ONCE(p->nseen);
	unsigned long pages = 0;

	for (i = 0; i < n; i++)
		if (READ_ONCE(p->chunk[i].nruns))
			pages += sg_pages_count(p, i);
	return pages;
}

/* sg_pages_lookup() in a chunk whose frames are listed one by one; @i is counted from the first. */
static unsigned long lookup_single(const struct sg_chunk *c, unsigned int i, u64 *pfn)
{
	unsigned int end = i + 1;

	*pfn = c->frames[i];
	while (end < c->nruns && c->frames[end] == c->frames[end - 1] + 1)
		end++;
	return end - i;
}

/**
 * sg_pages_lookup() - find the frame behind a page.
 * @p: the pages
 * @index: page of the object, below @p->npages
 * @pfn: its frame number
 *
 * Context: as the owner of @p says; see the top of this file.
 * Return: how many pages from @index on are contiguous in memory, or 0 if the chunk is absent.
 */
unsigned long sg_pages_lookup(const struct sg_pages *p, unsigned long index, u64 *pfn)
{
	unsigned int i = sg_pages_chunk(p, index);
	unsigned int slot = (index + p->skew) & SG_CHUNK_MASK;
	unsigned int end = sg_pages_slot(p, i) + sg_pages_count(p, i);
	const struct sg_chunk *c = &p->chunk[i];
	/* pairs with sg_chunk_install() */
	unsigned int lo, hi, nruns = smp_load_acquire(&c->nruns);

	if (!nruns)
		return 0;
	if (nruns == 1) {
		*pfn = c->pfn + (slot - sg_pages_slot(p, i));
		return end - slot;
	}
	if (c->single)
		return lookup_single(c, slot - sg_pages_slot(p, i), pfn);

	/* the last run that begins at or before the slot */
	lo = 0;
	hi = nruns;
	while (hi - lo > 1) {
		unsigned int mid = (lo + hi) / 2;

		if ((c->runs[mid] & SG_CHUNK_MASK) <= slot)
			lo = mid;
		else
			hi = mid;
	}
	*pfn = (c->runs[lo] >> SG_CHUNK_SHIFT) + (slot - (c->runs[lo] & SG_CHUNK_MASK));
	return (hi < nruns ? c->runs[hi] & SG_CHUNK_MASK : end) - slot;
}

/**
 * sg_pages_next_run() - find the first run at or after a page.
 * @p: the pages
 * @index: page of the object; set to where the run begins, past chunks that are absent
 * @pfn: its first frame
 *
 * Context: as sg_pages_lookup().
 * Return: pages in the run, or 0 if there is none.
 */
unsigned long sg_pages_next_run(const struct sg_pages *p, unsigned long *index, u64 *pfn)
{
	while (*index < p->npages) {
		unsigned long n = sg_pages_lookup(p, *index, pfn);

		if (n)
			return n;
		*index = sg_pages_index(p, sg_pages_chunk(p, *index) + 1);
	}
	return 0;
}
