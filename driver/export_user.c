// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * dma-bufs of tracked user pages. The object goes on following the process; what the other device
 * sees depends on whether it can be told that pages move.
 *
 * It cannot (a static importer; all of them where the kernel is built without
 * CONFIG_DMABUF_MOVE_NOTIFY): the pages are pinned, and counted against the RLIMIT_MEMLOCK of the
 * process whose they are, once however many devices there are. That is done when the device
 * attaches: mapping happens with the reservation held, where user memory cannot be faulted, since
 * mmap_lock comes before reservations; attaching is the only call that comes without. Pinned pages
 * stay the process's too, unless it puts others in their place: then the device keeps the old ones
 * until it attaches anew, as with everything that is pinned.
 *
 * It can: the pages are looked up when it attaches, and mapping succeeds if they are still there;
 * if not it fails with -EAGAIN, and a worker looks them up for the next attempt. The mapping holds
 * references, no pins. An invalidation calls move_notify, and waits for the fences that the device
 * has put into the reservation. It may come in reclaim, or under locks that come after the
 * reservation, so that it only tries the reservation. If somebody else holds that, a worker tells
 * the device instead; until then it sees the old pages, which are not freed under its feet.
 */
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/iosys-map.h>
#include <linux/sched/mm.h>
#include <linux/slab.h>
#include <linux/vmalloc.h>

#include <drm/drm_prime.h>

#include "gpu.h"
#include "prime.h"
#include "userptr.h"

/* How often to begin again if the process changes its mappings meanwhile. */
#define MAX_ATTEMPTS	64

static struct sg_userptr *buf_userptr(struct dma_buf *buf)
{
	return to_sg_userptr(to_sg_object((struct drm_gem_object *)buf->priv));
}

static bool is_told(const struct dma_buf_attachment *attach)
{
	return IS_ENABLED(CONFIG_DMABUF_MOVE_NOTIFY) && attach->importer_ops;
}

/* One more needs the pages as they were last pinned; if @now, they have to be those of now. */
static struct sg_pin *pin_get(struct sg_userptr *u, bool now)
{
	struct sg_pin *pin;

	spin_lock(&u->pin_lock);
	pin = u->pin;
	if (pin && now && mmu_interval_check_retry(&u->notifier, pin->seq))
		pin = NULL;
	if (pin)
		pin->users++;
	spin_unlock(&u->pin_lock);
	return pin;
}

static void pin_put(struct sg_userptr *u, struct sg_pin *pin)
{
	bool last;

	spin_lock(&u->pin_lock);
	last = !--pin->users;
	if (last && u->pin == pin)
		u->pin = NULL;
	spin_unlock(&u->pin_lock);
	if (last) {
		sg_pin_going(pin);
		sg_pin_free_later(pin);
	}
}

/* Pin the pages. @old: what was pinned before; a pin of the same pages is not counted again. */
static struct sg_pin *pin_once(struct sg_userptr *u, struct sg_pin *old)
{
	unsigned long seq;
	struct sg_pin *pin;
	int ret;

	/* faults where pinning would not */
	ret = sg_object_acquire(&u->obj, NULL);
	if (ret)
		return ERR_PTR(ret);
	pin = sg_pin_alloc(sg_object_gpu(&u->obj), &u->owner, sg_userptr_addr(u),
			   u->obj.base.size, !u->obj.read_only);
	if (IS_ERR(pin))
		return pin;
	seq = mmu_interval_read_begin(&u->notifier);
	ret = old ? 0 : sg_pin_count(pin);
	if (!ret)
		ret = sg_pin_pages(pin);
	if ((!ret || ret == -EFAULT) && mmu_interval_check_retry(&u->notifier, seq))
		ret = -EAGAIN;
	if (!ret && old && !sg_pin_equal(pin, old))
		ret = sg_pin_count(pin);
	if (ret) {
		sg_pin_free(pin);
		return ERR_PTR(ret);
	}
	pin->seq = seq;
	return pin;
}

/* The pages of now, pinned. The attach lock is held. */
static struct sg_pin *pin_now(struct sg_userptr *u)
{
	struct sg_pin *pin = pin_get(u, true), *old;
	unsigned int attempt;

	if (pin)
		return pin;
	if (!mmget_not_zero(u->owner.mm))
		return ERR_PTR(-EFAULT);
	old = pin_get(u, false);
	pin = ERR_PTR(-EAGAIN);
	for (attempt = 0; pin == ERR_PTR(-EAGAIN) && attempt < MAX_ATTEMPTS; attempt++)
		pin = pin_once(u, old);
	mmput(u->owner.mm);

	if (!IS_ERR(pin)) {
		struct sg_pin *same = !pin->counted ? old : NULL;

		spin_lock(&u->pin_lock);
		if (same) {
			same->seq = pin->seq;
			same->users++;
		} else {
			u->pin = pin;
		}
		spin_unlock(&u->pin_lock);
		if (same) {
			sg_pin_free(pin);
			pin = same;
		}
	}
	if (old)
		pin_put(u, old);
	return pin;
}

static int user_attach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	struct sg_userptr *u = buf_userptr(buf);
	struct sg_pin *pin;

	if (is_told(attach))
		return sg_object_acquire(&u->obj, NULL);
	if (mutex_lock_interruptible(&u->attach_lock))
		return -ERESTARTSYS;
	pin = pin_now(u);
	mutex_unlock(&u->attach_lock);
	if (IS_ERR(pin))
		return PTR_ERR(pin);
	attach->priv = pin;
	return 0;
}

static void user_detach(struct dma_buf *buf, struct dma_buf_attachment *attach)
{
	if (attach->priv)
		pin_put(buf_userptr(buf), attach->priv);
}

/*
 * A device that is told of moves, and yet wants memory that never does (to scan it out): user
 * memory is not for that.
 */
static int __maybe_unused user_pin(struct dma_buf_attachment *attach)
{
	return attach->priv ? 0 : -EBUSY;
}

static void __maybe_unused user_unpin(struct dma_buf_attachment *attach)
{
}

/**
 * struct told - what a device has mapped that is told when the pages move.
 * @table: where they are
 * @u: the object; with a reference while @put_work is queued
 * @put_work: marks the pages dirty that can only be marked under their locks, and lets go of all
 */
struct told {
	struct sg_table table;
	struct sg_userptr *u;
	struct work_struct put_work;
};

/* Returns false if some pages of the first @n runs can only be marked under their locks. */
static bool mark_table_dirty(struct sg_table *table, unsigned int n)
{
	struct scatterlist *sg;
	bool marked = true;
	unsigned int i;

	for_each_sg(table->sgl, sg, n, i) {
		marked &= sg_frames_mark_dirty(page_to_pfn(sg_page(sg)), sg->length >> PAGE_SHIFT);
		cond_resched();
	}
	return marked;
}

static void put_table_pages(struct sg_table *table, unsigned int n)
{
	struct scatterlist *sg;
	unsigned int i;

	for_each_sg(table->sgl, sg, n, i) {
		sg_frames_put(page_to_pfn(sg_page(sg)), sg->length >> PAGE_SHIFT);
		cond_resched();
	}
}

static void free_told(struct told *told)
{
	put_table_pages(&told->table, told->table.orig_nents);
	sg_free_table(&told->table);
	kfree(told);
}

static void put_work(struct work_struct *work)
{
	struct told *told = container_of(work, struct told, put_work);
	struct sg_userptr *u = told->u;
	struct scatterlist *sg;
	unsigned int i, k;

	for_each_sgtable_sg(&told->table, sg, i) {
		for (k = 0; k < sg->length >> PAGE_SHIFT; k++)
			set_page_dirty_lock(nth_page(sg_page(sg), k));
		cond_resched();
	}
	free_told(told);
	sg_object_put(&u->obj);
}

/*
 * Fill in a table with the pages of now, with a reference to each. The reservation is held. They
 * are there for as long as the revoke lock is held, and nobody has replaced them if the object is
 * ready at the end.
 */
static int fill_table(struct sg_userptr *u, struct sg_table *table)
{
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	struct scatterlist *sg = table->sgl;
	unsigned long index, n, had = 0;
	unsigned int filled = 0;
	bool ready = false;
	u64 pfn;

	down_read(&gpu->revoke);
	sg_pages_for_each_run(&u->obj.pages, index, pfn, n) {
		if (filled == table->orig_nents)
			break;
		if (!sg_frames_may_get(pfn, n))
			break;
		sg_frames_get(pfn, n);
		sg_set_page(sg, pfn_to_page(pfn), n << PAGE_SHIFT, 0);
		sg = sg_next(sg);
		filled++;
		had += n;
	}
	up_read(&gpu->revoke);

	if (had == u->obj.base.size >> PAGE_SHIFT && filled == table->orig_nents) {
		read_lock(&gpu->notifier_lock);
		ready = u->obj.ops->ready(&u->obj);
		if (ready)
			u->nmapped++;
		read_unlock(&gpu->notifier_lock);
	}
	if (ready)
		return 0;
	put_table_pages(table, filled);
	return -EAGAIN;
}

static int map_told(struct sg_userptr *u, struct sg_table *table)
{
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);
	unsigned int nruns = 0;
	unsigned long index, n;
	u64 pfn;
	int ret;

	down_read(&gpu->revoke);
	sg_pages_for_each_run(&u->obj.pages, index, pfn, n)
		nruns++;
	up_read(&gpu->revoke);
	ret = nruns ? sg_alloc_table(table, nruns, GFP_KERNEL) : -EAGAIN;
	if (ret)
		return ret;
	ret = fill_table(u, table);
	if (ret)
		sg_free_table(table);
	return ret;
}

/*
 * The device has it mapped no longer. It may say so when it is told, in reclaim, which may have
 * locked any of the pages.
 */
static void unmap_told(struct told *told, bool dirty)
{
	struct sg_userptr *u = told->u;
	struct sg_gpu *gpu = sg_object_gpu(&u->obj);

	write_lock(&gpu->notifier_lock);
	u->nmapped--;
	write_unlock(&gpu->notifier_lock);
	/* the dma-buf keeps the object meanwhile */
	if (dirty && !mark_table_dirty(&told->table, told->table.orig_nents))
		sg_object_queue(&u->obj, gpu->wait_wq, &told->put_work);
	else
		free_told(told);
}

static struct sg_table *user_map(struct dma_buf_attachment *attach, enum dma_data_direction dir)
{
	struct sg_userptr *u = buf_userptr(attach->dmabuf);
	struct sg_pin *pin = attach->priv;
	struct told *told;
	int ret;

	if (u->obj.read_only && dir != DMA_TO_DEVICE)
		return ERR_PTR(-EACCES);
	told = kzalloc(sizeof(*told), GFP_KERNEL);
	if (!told)
		return ERR_PTR(-ENOMEM);
	told->u = u;
	INIT_WORK(&told->put_work, put_work);
	/* the handle, and the object's pointer with it, may go before those who have it mapped */
	u->buf = attach->dmabuf;
	ret = pin ? sg_prime_table(&told->table, &pin->pages) : map_told(u, &told->table);
	if (ret)
		goto free;
	ret = dma_map_sgtable(attach->dev, &told->table, dir, SG_DMA_ATTRS);
	if (!ret)
		return &told->table;
	if (!pin) {
		unmap_told(told, false);
		return ERR_PTR(ret);
	}
	sg_free_table(&told->table);
free:
	kfree(told);
	if (ret == -EAGAIN)
		sg_object_queue(&u->obj, sg_object_gpu(&u->obj)->wait_wq, &u->refill_work);
	return ERR_PTR(ret);
}

static void user_unmap(struct dma_buf_attachment *attach, struct sg_table *table,
		       enum dma_data_direction dir)
{
	struct told *told = container_of(table, struct told, table);

	dma_unmap_sgtable(attach->dev, table, dir, SG_DMA_ATTRS);
	if (!attach->priv) {
		unmap_told(told, dir != DMA_TO_DEVICE);
		return;
	}
	sg_free_table(table);
	kfree(told);
}

/* For those who have attached: the reservation may be held, so that nothing can be pinned here. */
static int user_vmap(struct dma_buf *buf, struct iosys_map *map)
{
	struct sg_userptr *u = buf_userptr(buf);
	struct sg_pin *pin = pin_get(u, false);
	int ret;

	if (!pin)
		return -EOPNOTSUPP;
	ret = sg_prime_vmap(&pin->pages, u->obj.read_only, map);
	if (ret)
		pin_put(u, pin);
	else
		u->vmap_pin = pin;
	return ret;
}

static void user_vunmap(struct dma_buf *buf, struct iosys_map *map)
{
	struct sg_userptr *u = buf_userptr(buf);

	vunmap(map->vaddr);
	pin_put(u, u->vmap_pin);
	u->vmap_pin = NULL;
}

/* The process has the memory mapped already, and nobody else shall: as MMAP_OFFSET answers. */
static int user_mmap(struct dma_buf *buf, struct vm_area_struct *vma)
{
	return -ENODEV;
}

static int user_begin_cpu(struct dma_buf *buf, enum dma_data_direction dir)
{
	bool write = dir == DMA_BIDIRECTIONAL || dir == DMA_TO_DEVICE;

	return sg_object_wait(&buf_userptr(buf)->obj, write, true, MAX_SCHEDULE_TIMEOUT);
}

const struct dma_buf_ops sg_userptr_buf_ops = {
	.attach = user_attach,
	.detach = user_detach,
	/* an exporter that has these is told of reservations held, and tells of moves */
#ifdef CONFIG_DMABUF_MOVE_NOTIFY
	.pin = user_pin,
	.unpin = user_unpin,
#endif
	.map_dma_buf = user_map,
	.unmap_dma_buf = user_unmap,
	.release = drm_gem_dmabuf_release,
	.mmap = user_mmap,
	.vmap = user_vmap,
	.vunmap = user_vunmap,
	.begin_cpu_access = user_begin_cpu,
};

/**
 * sg_userptr_tell_prepare() - the pages are going to move: who has to be told, and how?
 * @u: the object
 * @blockable: whether the caller may sleep
 *
 * Context: the notifier lock is held for writing.
 * Return: for sg_userptr_tell(), which has to be called, with no lock of ours, unless the answer is
 * SG_TELL_NOBODY. With SG_TELL_NOW the reservation is held until then.
 */
enum sg_tell sg_userptr_tell_prepare(struct sg_userptr *u, bool blockable)
{
	if (!u->nmapped)
		return SG_TELL_NOBODY;
	return blockable && dma_resv_trylock(u->obj.base.resv) ? SG_TELL_NOW : SG_TELL_LATER;
}

/*
 * The reservation is held: who has it mapped stays, and keeps the dma-buf, of which an object has
 * one at a time.
 */
static void tell_mapped(struct sg_userptr *u)
{
	unsigned int flags;

	if (!u->nmapped)
		return;
	/* whatever the device allocates, reclaim cannot wait for it here */
	flags = memalloc_noreclaim_save();
	dma_buf_move_notify(u->buf);
	memalloc_noreclaim_restore(flags);
}

/**
 * sg_userptr_tell() - tell those who have the dma-buf mapped that the pages move.
 * @u: the object
 * @how: what sg_userptr_tell_prepare() said
 *
 * Context: as the invalidation of the range.
 */
void sg_userptr_tell(struct sg_userptr *u, enum sg_tell how)
{
	if (how == SG_TELL_NOW) {
		tell_mapped(u);
		dma_resv_unlock(u->obj.base.resv);
	} else if (how == SG_TELL_LATER) {
		sg_object_queue(&u->obj, sg_object_gpu(&u->obj)->wait_wq, &u->moved_work);
	}
}

static void moved_work(struct work_struct *work)
{
	struct sg_userptr *u = container_of(work, struct sg_userptr, moved_work);

	dma_resv_lock(u->obj.base.resv, NULL);
	tell_mapped(u);
	dma_resv_unlock(u->obj.base.resv);
	sg_object_put(&u->obj);
}

/* On an error the next attempt to map fails again, and asks for this again. */
static void refill_work(struct work_struct *work)
{
	struct sg_userptr *u = container_of(work, struct sg_userptr, refill_work);

	sg_object_acquire(&u->obj, NULL);
	sg_object_put(&u->obj);
}

/** sg_userptr_export_init() - the object can be exported. */
void sg_userptr_export_init(struct sg_userptr *u)
{
	mutex_init(&u->attach_lock);
	spin_lock_init(&u->pin_lock);
	INIT_WORK(&u->moved_work, moved_work);
	INIT_WORK(&u->refill_work, refill_work);
}

/** sg_userptr_export_fini() - it is at its end, and nobody is attached any more. */
void sg_userptr_export_fini(struct sg_userptr *u)
{
	mutex_destroy(&u->attach_lock);
}
