// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * How much memory an open file has: the kernel's drm-usage-stats. An object counts for every file
 * that has a handle for it.
 *
 * See Documentation/gpu/drm-usage-stats.rst in the kernel's sources.
 */
#include <linux/dma-resv.h>
#include <linux/idr.h>
#include <linux/sched/signal.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "gpu.h"
#include "object.h"
#include "prime.h"
#include "usage.h"

/* The only region that there is, by the name that i915 gives it. */
#define REGION	"system0"

/**
 * struct usage - of an open file, in bytes.
 * @total: all its objects
 * @shared: those that others have too
 * @resident: what of them is in memory, as far as the GPU has to do with it
 * @purgeable: what of that may be dropped
 * @active: objects that the GPU is at work on
 */
struct usage {
	u64 total;
	u64 shared;
	u64 resident;
	u64 purgeable;
	u64 active;
};

/* A moment's look. */
static u64 resident(const struct sg_object *obj)
{
	struct sg_gpu *gpu = sg_object_gpu(obj);
	unsigned long pages;

	if (obj->ops->get_pages) {
		/* their list of chunks goes with the pages, unless the revoke lock keeps it */
		down_read(&gpu->revoke);
		pages = sg_object_pages(obj);
		up_read(&gpu->revoke);
		return (u64)pages << PAGE_SHIFT;
	}
	if (smp_load_acquire(&obj->vaddr))	/* pairs with import_acquire() */
		return obj->base.size;
	if (!smp_load_acquire(&obj->pages.chunk))	/* pairs with those who acquire */
		return 0;
	/* that of user pages stays as long as the object: nobody is held up, however long it is */
	return (u64)sg_pages_present(&obj->pages) << PAGE_SHIFT;
}

static void add_object(struct usage *usage, const struct sg_object *obj)
{
	u64 here = resident(obj);

	usage->total += obj->base.size;
	if (READ_ONCE(obj->base.handle_count) > 1 || READ_ONCE(obj->base.dma_buf) ||
	    sg_object_is_import(obj))
		usage->shared += obj->base.size;
	usage->resident += here;
	if (!dma_resv_test_signaled(obj->base.resv, DMA_RESV_USAGE_READ))
		usage->active += obj->base.size;
	else if (READ_ONCE(obj->madv) != SG_MADV_WILLNEED)
		usage->purgeable += here;
}

static void show(struct drm_printer *p, const char *what, u64 bytes)
{
	static const char * const units[] = { "", " KiB", " MiB" };
	unsigned int u = 0;

	while (u < ARRAY_SIZE(units) - 1 && bytes && !(bytes % 1024)) {
		bytes /= 1024;
		u++;
	}
	drm_printf(p, "drm-%s-" REGION ":\t%llu%s\n", what, bytes, units[u]);
}

/* The file's next object from a handle on, with a reference; or NULL. */
static struct sg_object *next_object(struct drm_file *file, int *handle)
{
	struct drm_gem_object *gem;

	spin_lock(&file->table_lock);
	gem = idr_get_next(&file->object_idr, handle);
	if (gem)
		drm_gem_object_get(gem);
	spin_unlock(&file->table_lock);
	return gem ? to_sg_object(gem) : NULL;
}

/**
 * sg_usage_show() - print how much memory an open file has, for its fdinfo.
 * @p: where to
 * @file: the file
 */
void sg_usage_show(struct drm_printer *p, struct drm_file *file)
{
	struct usage usage = {};
	struct sg_object *obj;
	int handle = 0;

	/* there may be very many, and very large ones: nobody is to wait until all are counted */
	while (!fatal_signal_pending(current) && (obj = next_object(file, &handle))) {
		add_object(&usage, obj);
		sg_object_put(obj);
		handle++;
		cond_resched();
	}

	show(p, "total", usage.total);
	show(p, "shared", usage.shared);
	show(p, "active", usage.active);
	show(p, "resident", usage.resident);
	show(p, "purgeable", usage.purgeable);
}
