// SPDX-License-Identifier: GPL-2.0 OR MIT
/* Objects whose memory is ours: pages of an shmem file, which can be swapped out while idle. */
#include <linux/dma-resv.h>
#include <linux/pagemap.h>
#include <linux/pagevec.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/writeback.h>

#include "gpu.h"
#include "object.h"

/* Pages in the file are ours until we let go of them: reclaim need not look at them. */
static void shmem_release_batch(struct folio_batch *batch)
{
	check_move_unevictable_folios(batch);
	folio_batch_release(batch);
	cond_resched();
}

/*
 * Give back the pages of all chunks that are filled in. @dirty: the GPU, or whoever mapped the
 * object, may have written to them; nobody kept track of which.
 */
static void shmem_drop(struct sg_object *obj, bool dirty)
{
	struct folio_batch batch;
	unsigned long index, n, i;
	u64 pfn;

	mapping_clear_unevictable(obj->base.filp->f_mapping);
	folio_batch_init(&batch);
	sg_pages_for_each_run(&obj->pages, index, pfn, n) {
		for (i = 0; i < n; i++) {
			struct folio *folio = page_folio(pfn_to_page(pfn + i));

			if (dirty && !folio_test_dirty(folio))
				folio_mark_dirty(folio);
			if (!folio_batch_add(&batch, folio))
				shmem_release_batch(&batch);
		}
	}
	if (folio_batch_count(&batch))
		shmem_release_batch(&batch);
	sg_pages_fini(&obj->pages);
}

static int shmem_get_pages(struct sg_object *obj)
{
	struct address_space *mapping = obj->base.filp->f_mapping;
	gfp_t gfp = mapping_gfp_mask(mapping);
	unsigned long *pfns;
	unsigned int i, k, n;
	int ret;

	if (obj->base.size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	pfns = kmalloc_array(SG_CHUNK_PAGES, sizeof(*pfns), GFP_KERNEL);
	if (!pfns)
		return -ENOMEM;
	ret = sg_pages_init(&obj->pages, obj->base.size >> PAGE_SHIFT, 0);
	if (ret)
		goto free_pfns;

	mapping_set_unevictable(mapping);
	for (i = 0; i < obj->pages.nchunks; i++) {
		unsigned long first = sg_pages_index(&obj->pages, i);

		n = sg_pages_count(&obj->pages, i);
		for (k = 0; k < n; k++) {
			struct page *page = shmem_read_mapping_page_gfp(mapping, first + k, gfp);

			if (IS_ERR(page)) {
				ret = PTR_ERR(page);
				goto drop_chunk;
			}
			pfns[k] = page_to_pfn(page);
		}
		ret = sg_chunk_build(&obj->pages.chunk[i], 0, pfns, n, GFP_KERNEL);
		if (ret)
			goto drop_chunk;
		cond_resched();
	}
	kfree(pfns);
	return 0;

drop_chunk:
	while (k--)
		put_page(pfn_to_page(pfns[k]));
	shmem_drop(obj, false);
free_pfns:
	kfree(pfns);
	/* a full or failing swap device is no business of the caller's */
	return ret == -ENOSPC ? -ENOMEM : ret;
}

static void shmem_put_pages(struct sg_object *obj)
{
	if (obj->madv == SG_MADV_DONTNEED) {
		obj->madv = SG_MADV_PURGED;
		shmem_drop(obj, false);
		shmem_truncate_range(file_inode(obj->base.filp), 0, (loff_t)-1);
		return;
	}
	shmem_drop(obj, true);
}

/* Write a page out to swap, if it is there, and nobody is at work on it. */
static void shmem_write_page(struct address_space *mapping, unsigned long index)
{
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = SWAP_CLUSTER_MAX,
		.range_end = LLONG_MAX,
		.for_reclaim = 1,
	};
	struct page *page = pagecache_get_page(mapping, index, FGP_LOCK | FGP_NOWAIT, 0);
	struct folio *folio;

	if (!page)
		return;
	folio = page_folio(page);
	if (folio_mapped(folio) || !folio_clear_dirty_for_io(folio))
		goto unlock;
	folio_set_reclaim(folio);
	/* on success it has unlocked the page */
	if (!mapping->a_ops->writepage(&folio->page, &wbc)) {
		if (!folio_test_writeback(folio))
			folio_clear_reclaim(folio);
		goto put;
	}
	folio_clear_reclaim(folio);
unlock:
	folio_unlock(folio);
put:
	folio_put(folio);	/* not the page: writing may have split the folio */
}

/*
 * Dropped pages are on the kernel's lists like others, and it would find them in time. kswapd has
 * been told that they are free now, so that they had better be soon.
 */
static void shmem_write_back(struct sg_object *obj)
{
	struct address_space *mapping = obj->base.filp->f_mapping;
	unsigned long i, n = obj->base.size >> PAGE_SHIFT;

	for (i = 0; i < n; i++) {
		shmem_write_page(mapping, i);
		cond_resched();
	}
}

static void shmem_release(struct sg_object *obj)
{
}

static const struct sg_object_ops shmem_ops = {
	.get_pages = shmem_get_pages,
	.put_pages = shmem_put_pages,
	.write_back = shmem_write_back,
	.release = shmem_release,
};

/**
 * sg_shmem_create() - make an object of zeroed memory.
 * @dev: the node
 * @size: bytes, a multiple of the page size, not 0
 *
 * No memory is allocated until somebody uses it.
 *
 * Context: may sleep.
 * Return: the object, with one reference; -E2BIG, -ENOMEM.
 */
struct sg_object *sg_shmem_create(struct drm_device *dev, u64 size)
{
	struct sg_object *obj;
	gfp_t gfp;
	int ret;

	if (size > MAX_LFS_FILESIZE || size >> PAGE_SHIFT > INT_MAX)
		return ERR_PTR(-E2BIG);
	obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	ret = drm_gem_object_init(dev, &obj->base, size);
	if (ret) {
		kfree(obj);
		/* shmem says so when it finds no memory for an inode */
		return ERR_PTR(ret == -ENOSPC ? -ENOMEM : ret);
	}
	sg_object_init(obj, &shmem_ops);
	gfp = GFP_USER | __GFP_RECLAIMABLE;
	gfp |= __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	mapping_set_gfp_mask(obj->base.filp->f_mapping, gfp);
	return obj;
}
