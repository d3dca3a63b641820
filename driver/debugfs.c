// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * debugfs: what testers of i915 expect to find in the minor's folder (drop caches, wedge, engine
 * information, parameters), and the counters of user pages.
 *
 * The names are those of i915, because its clients ask for them; root only, like all of debugfs.
 */
#include <linux/debugfs.h>
#include <linux/seq_file.h>
#include <linux/uaccess.h>

#include <drm/drm_file.h>
#include <drm/drm_print.h>

#include "debugfs.h"
#include "gpu.h"
#include "reset.h"
#include "shrink.h"

/* The bits of i915_gem_drop_caches. */
#define DROP_UNBOUND		BIT(0)
#define DROP_BOUND		BIT(1)
#define DROP_RETIRE		BIT(2)
#define DROP_ACTIVE		BIT(3)
#define DROP_FREED		BIT(4)
#define DROP_SHRINK_ALL		BIT(5)
#define DROP_IDLE		BIT(6)
#define DROP_RESET_ACTIVE	BIT(7)
#define DROP_RESET_SEQNO	BIT(8)
#define DROP_RCU		BIT(9)
#define DROP_ALL		GENMASK(9, 0)

/* How long work may take to end by itself before DROP_RESET_ACTIVE ends it. */
#define RESET_GRACE		msecs_to_jiffies(200)

static bool gpu_idle(struct sg_gpu *gpu)
{
	unsigned int i;

	for (i = 0; i < SG_NUM_ENGINES; i++)
		if (!sg_engine_idle(&gpu->engines[i]))
			return false;
	return true;
}

static int wait_idle(struct sg_gpu *gpu, unsigned long timeout)
{
	unsigned long end = jiffies + timeout;

	while (!gpu_idle(gpu)) {
		if (time_after(jiffies, end))
			return -ETIME;
		if (schedule_timeout_interruptible(1) && signal_pending(current))
			return -EINTR;
	}
	return 0;
}

static int drop_caches_get(void *data, u64 *val)
{
	*val = DROP_ALL;
	return 0;
}

static int drop_caches_set(void *data, u64 val)
{
	struct sg_gpu *gpu = data;
	int ret = 0;

	if (val & DROP_RESET_ACTIVE)
		ret = wait_idle(gpu, RESET_GRACE);
	if (ret == -ETIME) {
		sg_gpu_cancel_all(gpu);
		ret = 0;
	}
	if (!ret && val & (DROP_RETIRE | DROP_ACTIVE | DROP_IDLE | DROP_RESET_SEQNO))
		ret = wait_idle(gpu, MAX_JIFFY_OFFSET);
	if (ret)
		return ret;
	if (val & (DROP_BOUND | DROP_UNBOUND | DROP_SHRINK_ALL))
		sg_shrink_all(gpu);
	if (val & DROP_RCU)
		rcu_barrier();
	if (val & DROP_FREED) {
		flush_workqueue(gpu->free_wq);
		flush_workqueue(gpu->wait_wq);
		/* not for those whose owners' mmap_lock is taken, nor for those in use */
		flush_workqueue(gpu->pin_wq);
	}
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(drop_caches_fops, drop_caches_get, drop_caches_set, "0x%08llx\n");

static int wedged_get(void *data, u64 *val)
{
	struct sg_gpu *gpu = data;

	*val = READ_ONCE(gpu->wedged);
	return 0;
}

/* A mask of engines: what runs on them is thrown out; a dead GPU lives again. */
static int wedged_set(void *data, u64 val)
{
	sg_gpu_reset(data, val);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(wedged_fops, wedged_get, wedged_set, "%llu\n");

static ssize_t error_state_read(struct file *file, char __user *ubuf, size_t size, loff_t *pos)
{
	struct sg_gpu *gpu = file_inode(file)->i_private;
	char *buf = (char *)__get_free_page(GFP_KERNEL);
	ssize_t ret;

	if (!buf)
		return -ENOMEM;
	ret = sg_error_read(gpu, buf, *pos, min_t(size_t, size, PAGE_SIZE));
	if (ret > 0 && copy_to_user(ubuf, buf, ret))
		ret = -EFAULT;
	if (ret > 0)
		*pos += ret;
	free_page((unsigned long)buf);
	return ret;
}

static ssize_t error_state_write(struct file *file, const char __user *ubuf, size_t size,
				 loff_t *pos)
{
	sg_error_clear(file_inode(file)->i_private);
	return size;
}

static const struct file_operations error_state_fops = {
	.owner = THIS_MODULE,
	.open = simple_open,
	.read = error_state_read,
	.write = error_state_write,
	.llseek = default_llseek,
};

static int engine_info_show(struct seq_file *m, void *unused)
{
	struct sg_gpu *gpu = m->private;
	unsigned int i;

	seq_printf(m, "GT awake? %s\n", gpu_idle(gpu) ? "no" : "yes");
	for (i = 0; i < SG_NUM_ENGINES; i++) {
		const struct sg_engine *engine = &gpu->engines[i];

		seq_printf(m, "%s\n", engine->name);
		seq_printf(m, "\tReset count: %u\n", READ_ONCE(engine->reset_count));
		seq_printf(m, "\tBusy: %llu ns\n", sg_engine_busy(engine, NULL));
	}
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(engine_info);

static int objects_show(struct seq_file *m, void *unused)
{
	struct sg_gpu *gpu = m->private;

	seq_printf(m, "%ld objects, %lld bytes\n", atomic_long_read(&gpu->objects),
		   atomic64_read(&gpu->object_bytes));
	seq_printf(m, "%ld shrinkable objects, %lu pages\n", atomic_long_read(&gpu->shrink_count),
		   atomic_long_read(&gpu->shrink_pages));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(objects);

static int userptr_show(struct seq_file *m, void *unused)
{
	struct sg_stats *s = &((struct sg_gpu *)m->private)->stats;

	seq_printf(m, "acquires %lld\n", atomic64_read(&s->acquires));
	seq_printf(m, "reuses %lld\n", atomic64_read(&s->reuses));
	seq_printf(m, "faults %lld\n", atomic64_read(&s->faults));
	seq_printf(m, "faulted %lld\n", atomic64_read(&s->faulted));
	seq_printf(m, "retries %lld\n", atomic64_read(&s->retries));
	seq_printf(m, "invalidations %lld\n", atomic64_read(&s->invalidations));
	seq_printf(m, "revokes %lld\n", atomic64_read(&s->revokes));
	seq_printf(m, "holds %lld\n", atomic64_read(&s->holds));
	seq_printf(m, "grips %lld\n", atomic64_read(&s->grips));
	seq_printf(m, "waited_ns %lld\n", atomic64_read(&s->waited_ns));
	seq_printf(m, "pins %lld\n", atomic64_read(&s->pins));
	seq_printf(m, "unpins %lld\n", atomic64_read(&s->unpins));
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(userptr);

static int aperture_show(struct seq_file *m, void *unused)
{
	struct sg_aperture *ap = &((struct sg_gpu *)m->private)->aperture;
	unsigned int i, fences = 0;

	mutex_lock(&ap->lock);
	for (i = 0; i < SG_NUM_FENCES; i++)
		fences += !!ap->fences[i];
	seq_printf(m, "mappable %llu\n", ap->mappable);
	seq_printf(m, "views %u\n", ap->nviews);
	seq_printf(m, "fences %u\n", fences);
	seq_printf(m, "binds %llu\n", ap->binds);
	seq_printf(m, "evictions %llu\n", ap->evictions);
	seq_printf(m, "steals %llu\n", ap->steals);
	mutex_unlock(&ap->lock);
	return 0;
}
DEFINE_SHOW_ATTRIBUTE(aperture);

/* What suspending the device does to it. */
static int suspend_set(void *data, u64 val)
{
	sg_aperture_revoke_all(data);
	return 0;
}

DEFINE_DEBUGFS_ATTRIBUTE(suspend_fops, NULL, suspend_set, "%llu\n");

/**
 * sg_debugfs_register() - make the files.
 * @gpu: the device, registered; they go with its minor
 */
void sg_debugfs_register(struct sg_gpu *gpu)
{
	struct dentry *root = gpu->node.drm.primary->debugfs_root;
	struct dentry *params = debugfs_create_dir("i915_params", root);

	debugfs_create_file("i915_gem_drop_caches", 0644, root, gpu, &drop_caches_fops);
	debugfs_create_file("i915_wedged", 0644, root, gpu, &wedged_fops);
	debugfs_create_file("i915_error_state", 0600, root, gpu, &error_state_fops);
	debugfs_create_file("i915_engine_info", 0444, root, gpu, &engine_info_fops);
	debugfs_create_file("i915_gem_objects", 0444, root, gpu, &objects_fops);
	debugfs_create_file("softgem_userptr", 0444, root, gpu, &userptr_fops);
	debugfs_create_file("softgem_aperture", 0444, root, gpu, &aperture_fops);
	debugfs_create_file("softgem_suspend", 0200, root, gpu, &suspend_fops);
	debugfs_create_u32("reset", 0600, params, &gpu->params.reset);
	debugfs_create_bool("enable_hangcheck", 0600, params, &gpu->params.enable_hangcheck);
	debugfs_create_u32("request_timeout_ms", 0600, params, &gpu->params.request_timeout_ms);
}
