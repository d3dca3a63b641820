/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What differs between the kernels that Softgem builds for: 6.1 and later. */
#ifndef SOFTGEM_COMPAT_H
#define SOFTGEM_COMPAT_H

#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/hrtimer.h>
#include <linux/mm.h>
#include <linux/pci.h>
#include <linux/shrinker.h>
#include <linux/version.h>
#include <linux/wait.h>
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 17, 0)
#include <linux/pfn_t.h>
#define SG_PFN_T(pfn)	pfn_to_pfn_t(pfn)
#else
#define SG_PFN_T(pfn)	(pfn)
#endif

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 3, 0)
static inline void vm_flags_set(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags |= flags;
}

static inline void vm_flags_clear(struct vm_area_struct *vma, vm_flags_t flags)
{
	vma->vm_flags &= ~flags;
}
#endif

/* x86 has shadow stacks since 6.6 */
#ifndef VM_SHADOW_STACK
#define VM_SHADOW_STACK	VM_NONE
#endif

/**
 * get_user_page_nofault() - a reference to a page that is present.
 * @mm: whose
 * @addr: where
 * @write: only if it is writable
 * @page: the page
 *
 * Context: mmap_lock is held. get_user_pages_remote() lost an argument in 6.5.
 * Return: 1, or what get_user_pages_remote() says.
 */
static inline long get_user_page_nofault(struct mm_struct *mm, unsigned long addr, bool write,
					 struct page **page)
{
	unsigned int flags = FOLL_NOFAULT | (write ? FOLL_WRITE : 0);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	return get_user_pages_remote(mm, addr, 1, flags, page, NULL, NULL);
#else
	return get_user_pages_remote(mm, addr, 1, flags, page, NULL);
#endif
}

/**
 * pin_pages_of() - pin pages of any process: pin_user_pages_remote(), which lost arguments in 6.5.
 * @mm: whose; mmap_lock is held, and is dropped
 * @addr: where
 * @n: how many
 * @flags: FOLL_LONGTERM and others
 * @pages: where they go
 *
 * Return: how many were pinned, or -errno.
 */
static inline long pin_pages_of(struct mm_struct *mm, unsigned long addr, unsigned long n,
				unsigned int flags, struct page **pages)
{
	long ret;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 5, 0)
	ret = pin_user_pages_remote(mm, addr, n, flags, pages, NULL, NULL);
	mmap_read_unlock(mm);
#else
	int locked = 1;

	ret = pin_user_pages_remote(mm, addr, n, flags, pages, &locked);
	if (locked)
		mmap_read_unlock(mm);
#endif
	return ret;
}

/**
 * sg_mmap_write_trylock() - mmap_write_lock(), if nobody has it: for mmap_write_unlock().
 * @mm: whose
 *
 * The kernel has had nothing of the kind since some time after 6.6; Kbuild looks what it has.
 *
 * Return: whether it is held now.
 */
static inline bool sg_mmap_write_trylock(struct mm_struct *mm)
{
#ifdef SG_HAVE_MMAP_WRITE_TRYLOCK
	return mmap_write_trylock(mm);
#else
	if (!down_write_trylock(&mm->mmap_lock))
		return false;
#ifdef SG_HAVE_MM_LOCK_SEQCOUNT
	mm_lock_seqcount_begin(mm);
#endif
	return true;
#endif
}

/**
 * sg_folio_hold() - keep a folio from being freed or moved, for sg_folio_unhold().
 * @folio: the folio
 *
 * A reference does that. But UFFDIO_MOVE, which came with 6.8, moves pages to other addresses that
 * have any number of references, and asks only whether they may be pinned
 * (folio_maybe_dma_pinned()): so they are counted as pin_user_pages() does.
 */
static inline void sg_folio_hold(struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	folio_get(folio);
#else
	if (folio_test_large(folio)) {
		folio_get(folio);
		atomic_inc(&folio->_pincount);
	} else {
		folio_ref_add(folio, GUP_PIN_COUNTING_BIAS);
	}
#endif
}

/** sg_folio_unhold() - let go of a folio that was held. */
static inline void sg_folio_unhold(struct folio *folio)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 8, 0)
	folio_put(folio);
#else
	if (folio_test_large(folio)) {
		atomic_dec(&folio->_pincount);
		folio_put(folio);
	} else {
		folio_put_refs(folio, GUP_PIN_COUNTING_BIAS);
	}
#endif
}

/**
 * sg_follow_pfn() - the frame behind an address where a driver's memory is mapped.
 * @vma: the mapping, of VM_PFNMAP
 * @addr: where
 * @pfn: the frame
 * @writable: whether the process may write to it without a fault
 *
 * Context: mmap_lock is held. follow_pte() got another argument in 6.10, and a successor in 6.12.
 * Return: 0, or -EINVAL if there is none.
 */
static inline int sg_follow_pfn(struct vm_area_struct *vma, unsigned long addr,
				unsigned long *pfn, bool *writable)
{
	int ret;
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
	spinlock_t *lock;
	pte_t *pte;

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 10, 0)
	ret = follow_pte(vma->vm_mm, addr, &pte, &lock);
#else
	ret = follow_pte(vma, addr, &pte, &lock);
#endif
	if (ret)
		return ret;
	__acquire(lock);	/* as sparse is not told */
	*pfn = pte_pfn(*pte);
	*writable = pte_write(*pte);
	pte_unmap_unlock(pte, lock);
#else
	struct follow_pfnmap_args args = { .vma = vma, .address = addr };

	ret = follow_pfnmap_start(&args);
	if (ret)
		return ret;
	*pfn = args.pfn;
	*writable = args.writable;
	follow_pfnmap_end(&args);
#endif
	return 0;
}

/**
 * sg_get_file_active() - a reference to a file, unless it is being given up.
 * @file: where it stands, or NULL does; whoever gives the file up clears that under a lock
 *
 * Context: that lock is held. get_file_rcu() changed in 6.7.
 * Return: the file, or NULL.
 */
static inline struct file *sg_get_file_active(struct file **file)
{
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
	return *file && get_file_rcu(*file) ? *file : NULL;
#else
	return get_file_active(file);
#endif
}

/* Where huge entries have no special bit, get_user_pages_fast() hands out what is behind them. */
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
#define SG_HAVE_PMD_PFNMAP	true
#define SG_FOP_UNMAPPED_AREA	.get_unmapped_area = sg_get_unmapped_area,
#else
#define SG_HAVE_PMD_PFNMAP	false
#define SG_FOP_UNMAPPED_AREA
#endif

/**
 * sg_insert_pmd() - map page frames with one entry of PMD_SIZE.
 * @vmf: a fault in that area of a shared VM_PFNMAP mapping, where nothing is mapped
 * @pfn: the first frame
 * @write: whether the mapping is writable
 *
 * Context: SG_HAVE_PMD_PFNMAP. pfn_t went in 6.17.
 * Return: as a fault handler.
 */
static inline vm_fault_t sg_insert_pmd(struct vm_fault *vmf, u64 pfn, bool write)
{
#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
	return vmf_insert_pfn_pmd(vmf, SG_PFN_T(pfn), write);
#else
	return VM_FAULT_SIGBUS;
#endif
}

#ifdef CONFIG_ARCH_SUPPORTS_PMD_PFNMAP
/* Where an object's start is aligned like the huge pages behind it; the fake offset is not. */
static inline unsigned long sg_get_unmapped_area(struct file *filp, unsigned long addr,
						 unsigned long len, unsigned long pgoff,
						 unsigned long flags)
{
	return thp_get_unmapped_area(filp, addr, len, 0, flags);
}
#endif

/**
 * sg_set_driver_override() - only the driver of this name may bind to a device.
 * @pdev: the device
 * @name: the driver's name
 *
 * Where the name is kept moved from the buses to the driver core; Kbuild looks which it is.
 *
 * Context: may sleep; takes the device's lock in the older kernels.
 * Return: 0 or -errno.
 */
static inline int sg_set_driver_override(struct pci_dev *pdev, const char *name)
{
#ifdef SG_HAVE_DEVICE_DRIVER_OVERRIDE
	return device_set_driver_override(&pdev->dev, name);
#else
	return driver_set_override(&pdev->dev, &pdev->driver_override, name, strlen(name));
#endif
}

/* Kept by the core alone from 6.6 on. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 6, 0)
#define SG_DRM_PRIME_HELPERS						\
	.prime_handle_to_fd = drm_gem_prime_handle_to_fd,		\
	.prime_fd_to_handle = drm_gem_prime_fd_to_handle,
#else
#define SG_DRM_PRIME_HELPERS
#endif

/* Gone in 6.14. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 14, 0)
#define SG_DRM_DATE(d)	.date = d,
#else
#define SG_DRM_DATE(d)
#endif

/* DRM's files have large offsets, and say so from 6.12 on. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 12, 0)
#define SG_FOP_FLAGS
#else
#define SG_FOP_FLAGS	.fop_flags = FOP_UNSIGNED_OFFSET,
#endif

/* The name of a namespace is a string from 6.13 on. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 13, 0)
#define SG_IMPORT_NS(ns)	MODULE_IMPORT_NS(ns)
#else
#define SG_IMPORT_NS(ns)	MODULE_IMPORT_NS(#ns)
#endif

/* kobject_init_and_add() takes a const type from 6.2 on. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define SG_KOBJ_TYPE(t)	((struct kobj_type *)(t))
#else
#define SG_KOBJ_TYPE(t)	(t)
#endif

/* From 6.2 on the core takes the reservation around an exporter's vmap. */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
#define dma_buf_vmap_unlocked		dma_buf_vmap
#define dma_buf_vunmap_unlocked		dma_buf_vunmap
#define sg_dma_buf_vmap_lock(resv)	dma_resv_lock(resv, NULL)
#define sg_dma_buf_vmap_unlock(resv)	dma_resv_unlock(resv)
#else
#define sg_dma_buf_vmap_lock(resv)	dma_resv_assert_held(resv)
#define sg_dma_buf_vmap_unlock(resv)	do { } while (0)
#endif

/*
 * From 6.2 on the core sees to it that an exporter's reservation is held while somebody maps.
 * Before that whoever asks may hold it, or not.
 */
#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 2, 0)
static inline bool sg_dma_buf_map_lock(struct dma_resv *resv)
{
	/* the mutex's owner, below whose address it keeps three flags */
	if ((atomic_long_read(&resv->lock.base.owner) & ~7ul) == (unsigned long)current)
		return false;
	dma_resv_lock(resv, NULL);
	return true;
}
#else
static inline bool sg_dma_buf_map_lock(struct dma_resv *resv)
{
	dma_resv_assert_held(resv);
	return false;
}
#endif

/* From 6.7 on shrinkers are allocated by the core. */
typedef unsigned long (*sg_shrinker_fn)(struct shrinker *shrinker, struct shrink_control *sc);

#if LINUX_VERSION_CODE < KERNEL_VERSION(6, 7, 0)
struct sg_shrinker {
	struct shrinker shrinker;
};

static inline struct sg_shrinker *to_sg_shrinker(struct shrinker *shrinker)
{
	return container_of(shrinker, struct sg_shrinker, shrinker);
}

static inline int sg_shrinker_register(struct sg_shrinker *s, sg_shrinker_fn count,
				       sg_shrinker_fn scan, const char *name)
{
	s->shrinker.count_objects = count;
	s->shrinker.scan_objects = scan;
	s->shrinker.seeks = DEFAULT_SEEKS;
	return register_shrinker(&s->shrinker, "%s", name);
}

static inline void sg_shrinker_unregister(struct sg_shrinker *s)
{
	unregister_shrinker(&s->shrinker);
}
#else
struct sg_shrinker {
	struct shrinker *shrinker;
};

static inline struct sg_shrinker *to_sg_shrinker(struct shrinker *shrinker)
{
	return shrinker->private_data;
}

static inline int sg_shrinker_register(struct sg_shrinker *s, sg_shrinker_fn count,
				       sg_shrinker_fn scan, const char *name)
{
	s->shrinker = shrinker_alloc(0, "%s", name);
	if (!s->shrinker)
		return -ENOMEM;
	s->shrinker->count_objects = count;
	s->shrinker->scan_objects = scan;
	s->shrinker->private_data = s;
	shrinker_register(s->shrinker);
	return 0;
}

static inline void sg_shrinker_unregister(struct sg_shrinker *s)
{
	shrinker_free(s->shrinker);
}
#endif

#endif
