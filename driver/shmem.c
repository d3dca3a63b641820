// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Objects whose memory is ours: pages of an shmem file, which can be swapped out while idle.
 *
 * The files are in a tmpfs of our own, which may use transparent huge pages as far as they are
 * within a file. The kernel's own one may not, unless the administrator has said so for the whole
 * system. What he says in /sys/kernel/mm/transparent_hugepage/shmem_enabled to forbid them ("deny")
 * goes for ours too.
 */
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/mount.h>
#include <linux/pagemap.h>
#include <linux/pagevec.h>
#include <linux/shmem_fs.h>
#include <linux/slab.h>
#include <linux/swap.h>
#include <linux/writeback.h>

#include <drm/drm_print.h>

#include "gpu.h"
#include "object.h"

#define CHUNK_SHIFT	(SG_CHUNK_SHIFT + PAGE_SHIFT)
#define CHUNK_SIZE	(1ull << CHUNK_SHIFT)

/**
 * sg_shmem_init() - make the tmpfs.
 * @gpu: the device
 *
 * Where that is not to be had, objects do with small pages.
 */
void sg_shmem_init(struct sg_gpu *gpu)
{
	struct file_system_type *type = get_fs_type("tmpfs");
	char options[] = "huge=within_size";
	struct vfsmount *mnt;

	if (!type)
		return;
	mnt = vfs_kern_mount(type, SB_KERNMOUNT, type->name, options);
	if (IS_ERR(mnt))
		drm_info(&gpu->node.drm, "no huge pages for objects: %ld\n", PTR_ERR(mnt));
	else
		gpu->shmem = mnt;
}

/** sg_shmem_fini() - give it up; files that processes have mapped keep what they need. */
void sg_shmem_fini(struct sg_gpu *gpu)
{
	if (gpu->shmem)
		kern_unmount(gpu->shmem);
}

/*
 * How many of the @n pages that follow each other from @pfn on belong to the same folio. It is held
 * once for all of those that are in a chunk, which keeps it from being split.
 */
static unsigned int folio_part(u64 pfn, unsigned int n)
{
	struct page *page = pfn_to_page(pfn);
	struct folio *folio = page_folio(page);

	return min_t(unsigned long, n, folio_nr_pages(folio) - folio_page_idx(folio, page));
}

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
	unsigned int part;
	u64 pfn;

	mapping_clear_unevictable(obj->base.filp->f_mapping);
	folio_batch_init(&batch);
	sg_pages_for_each_run(&obj->pages, index, pfn, n) {
		for (i = 0; i < n; i += part) {
			struct folio *folio = page_folio(pfn_to_page(pfn + i));

			part = folio_part(pfn + i, n - i);	/* while the folio is there */
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

/* Let go of pages that are in no chunk yet. */
static void release_pfns(const unsigned long *pfns, unsigned int n)
{
	unsigned int k, part;

	for (k = 0; k < n; k += part) {
		part = folio_part(pfns[k], n - k);
		put_page(pfn_to_page(pfns[k]));
	}
}

/* Find or make the pages of a chunk, from page @first of the file on. */
static int read_pfns(struct address_space *mapping, unsigned long first, unsigned long *pfns,
		     unsigned int n)
{
	gfp_t gfp = mapping_gfp_mask(mapping);
	unsigned int k = 0, part;

	while (k < n) {
		struct page *page = shmem_read_mapping_page_gfp(mapping, first + k, gfp);
		unsigned long pfn;

		if (IS_ERR(page)) {
			release_pfns(pfns, k);
			return PTR_ERR(page);
		}
		pfn = page_to_pfn(page);
		for (part = folio_part(pfn, n - k); part; part--)
			pfns[k++] = pfn++;
	}
	return 0;
}

/* Fill in chunk @i. Engines may look at it meanwhile. */
static int fill_chunk(struct sg_object *obj, unsigned int i, unsigned long *pfns)
{
	struct sg_pages *p = &obj->pages;
	unsigned int n = sg_pages_count(p, i);
	struct sg_chunk found = {};
	int ret;

	ret = read_pfns(obj->base.filp->f_mapping, sg_pages_index(p, i), pfns, n);
	if (ret)
		return ret;
	ret = sg_chunk_build(&found, 0, pfns, n, GFP_KERNEL_ACCOUNT);
	if (ret)
		release_pfns(pfns, n);
	else
		sg_chunk_install(&p->chunk[i], &found);
	return ret;
}

/* Fill in what is missing of the chunks from @first to before @end. */
static int fill_chunks(struct sg_object *obj, unsigned int first, unsigned int end)
{
	unsigned long *pfns = kmalloc_array(SG_CHUNK_PAGES, sizeof(*pfns), GFP_KERNEL);
	unsigned int i;
	int ret = 0;

	if (!pfns)
		return -ENOMEM;
	for (i = first; i < end && !ret; i++) {
		if (!obj->pages.chunk[i].nruns)
			ret = fatal_signal_pending(current) ? -EINTR : fill_chunk(obj, i, pfns);
		cond_resched();
	}
	kfree(pfns);
	/* a full or failing swap device is no business of the caller's */
	return ret == -ENOSPC ? -ENOMEM : ret;
}

static int shmem_init_pages(struct sg_object *obj)
{
	return obj->have_pages ? 0 : sg_pages_init(&obj->pages, obj->base.size >> PAGE_SHIFT, 0);
}

static int shmem_get_pages(struct sg_object *obj)
{
	int ret;

	if (obj->base.size >> PAGE_SHIFT > totalram_pages())
		return -ENOMEM;
	ret = shmem_init_pages(obj);
	if (ret)
		return ret;
	ret = fill_chunks(obj, 0, obj->pages.nchunks);
	/* only now: pages that are not ours would be taken off reclaim's lists for good */
	if (!ret)
		mapping_set_unevictable(obj->base.filp->f_mapping);
	else if (!obj->have_pages)
		shmem_drop(obj, false);
	return ret;
}

static int shmem_get_range(struct sg_object *obj, u64 start, u64 end)
{
	int ret = shmem_init_pages(obj);

	if (ret)
		return ret;
	ret = fill_chunks(obj, start >> CHUNK_SHIFT, (end + CHUNK_SIZE - 1) >> CHUNK_SHIFT);
	if (ret && !obj->have_pages)
		shmem_drop(obj, false);
	return ret;
}

static void shmem_put_pages(struct sg_object *obj)
{
	shmem_drop(obj, obj->madv == SG_MADV_WILLNEED);
}

static void shmem_purge(struct sg_object *obj)
{
	shmem_truncate_range(file_inode(obj->base.filp), 0, (loff_t)-1);
}

/* Write pages out to swap, if nobody is at work on them. Return: how many. */
static unsigned long shmem_write_folio(struct address_space *mapping, struct folio *folio)
{
	struct writeback_control wbc = {
		.sync_mode = WB_SYNC_NONE,
		.nr_to_write = SWAP_CLUSTER_MAX,
		.range_end = LLONG_MAX,
		.for_reclaim = 1,
	};
	int ret;

	if (!folio_trylock(folio))
		return 0;
	if (folio->mapping != mapping || folio_mapped(folio) || !folio_clear_dirty_for_io(folio))
		goto unlock;
	folio_set_reclaim(folio);
	ret = mapping->a_ops->writepage(&folio->page, &wbc);
	if (ret != AOP_WRITEPAGE_ACTIVATE) {
		/* it has unlocked the folio */
		if (!folio_test_writeback(folio))
			folio_clear_reclaim(folio);
		return ret ? 0 : folio_nr_pages(folio);
	}
	folio_clear_reclaim(folio);
unlock:
	folio_unlock(folio);
	return 0;
}

/*
 * Dropped pages are on the kernel's lists like others, and it would find them in time. kswapd has
 * been told that they are free now, so that as many as it wants had better be soon. Not more: until
 * they are reclaimed they take both memory and swap, and once that is full nothing reclaims them.
 */
static void shmem_write_back(struct sg_object *obj, unsigned long pages)
{
	struct address_space *mapping = obj->base.filp->f_mapping;
	pgoff_t next = 0, end = (obj->base.size >> PAGE_SHIFT) - 1;
	unsigned long written = 0;
	struct folio_batch batch;
	unsigned int i;

	folio_batch_init(&batch);
	while (written < pages && filemap_get_folios(mapping, &next, end, &batch)) {
		for (i = 0; i < folio_batch_count(&batch) && written < pages; i++) {
			struct folio *folio = batch.folios[i];
			bool large = folio_test_large(folio);
			pgoff_t index = folio->index;

			written += shmem_write_folio(mapping, folio);
			if (large && !folio_test_large(folio)) {
				/* it was split for its first page's sake: on to the others */
				next = index + 1;
				break;
			}
		}
		folio_batch_release(&batch);
		cond_resched();
	}
}

static void shmem_release(struct sg_object *obj)
{
}

static const struct sg_object_ops shmem_ops = {
	.get_pages = shmem_get_pages,
	.get_range = shmem_get_range,
	.put_pages = shmem_put_pages,
	.write_back = shmem_write_back,
	.purge = shmem_purge,
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
	struct sg_gpu *gpu = to_sg_gpu(dev);
	struct sg_object *obj;
	struct file *file;
	gfp_t gfp;

	if (size > MAX_LFS_FILESIZE || size >> PAGE_SHIFT > INT_MAX)
		return ERR_PTR(-E2BIG);
	obj = kzalloc(sizeof(*obj), GFP_KERNEL_ACCOUNT);
	if (!obj)
		return ERR_PTR(-ENOMEM);
	file = gpu->shmem ? shmem_file_setup_with_mnt(gpu->shmem, "softgem", size, VM_NORESERVE) :
			    shmem_file_setup("softgem", size, VM_NORESERVE);
	if (IS_ERR(file)) {
		kfree(obj);
		/* shmem says so when it finds no memory for an inode */
		return file == ERR_PTR(-ENOSPC) ? ERR_PTR(-ENOMEM) : ERR_CAST(file);
	}
	drm_gem_private_object_init(dev, &obj->base, size);
	obj->base.filp = file;
	sg_object_init(obj, &shmem_ops);
	gfp = GFP_USER | __GFP_RECLAIMABLE;
	gfp |= __GFP_RETRY_MAYFAIL | __GFP_NOWARN;
	mapping_set_gfp_mask(file->f_mapping, gfp);
	return obj;
}
