// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * Fences that a test signals itself, for kernels without CONFIG_SW_SYNC: IGT plugs a GPU's queues
 * with them. Each open file of sync/sw_sync in debugfs is a timeline, which is at 0; one ioctl makes
 * a fence that signals when the timeline gets to a given point, another one moves the timeline on.
 *
 * Fences outlive files, and call what is here: the module stays until the machine goes.
 */
#include <linux/debugfs.h>
#include <linux/dma-fence.h>
#include <linux/fcntl.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/kref.h>
#include <linux/module.h>
#include <linux/slab.h>
#include <linux/sync_file.h>
#include <linux/uaccess.h>

/* The interface of CONFIG_SW_SYNC, which no header of the kernel exports. */
struct sw_sync_fence {
	__u32 point;
	char name[32];
	__s32 fd;
};

#define SW_SYNC_CREATE_FENCE	_IOWR('W', 0, struct sw_sync_fence)
#define SW_SYNC_INC		_IOW('W', 1, __u32)

/**
 * struct timeline - an open file.
 * @ref: of the file, and of each fence
 * @context: its fences' context
 * @name: of the process that opened it
 * @lock: the fences' lock; guards what follows
 * @point: where it is; goes round
 * @fences: those that have not signalled, ordered by their points; without a reference
 */
struct timeline {
	struct kref ref;
	u64 context;
	char name[TASK_COMM_LEN];
	spinlock_t lock;
	u32 point;
	struct list_head fences;
};

/**
 * struct point - a fence.
 * @base: the fence
 * @timeline: whose; a reference
 * @link: in its fences, or empty
 */
struct point {
	struct dma_fence base;
	struct timeline *timeline;
	struct list_head link;
};

static void timeline_free(struct kref *ref)
{
	kfree(container_of(ref, struct timeline, ref));
}

static bool is_before(u32 a, u32 b)
{
	return (s32)(a - b) < 0;
}

static const char *driver_name(struct dma_fence *fence)
{
	return "sw_sync";
}

static const char *timeline_name(struct dma_fence *fence)
{
	return container_of(fence, struct point, base)->timeline->name;
}

static bool is_reached(struct dma_fence *fence)
{
	struct point *point = container_of(fence, struct point, base);

	return !is_before(READ_ONCE(point->timeline->point), fence->seqno);
}

static void point_release(struct dma_fence *fence)
{
	struct point *point = container_of(fence, struct point, base);
	struct timeline *timeline = point->timeline;
	unsigned long flags;

	spin_lock_irqsave(&timeline->lock, flags);
	list_del(&point->link);
	spin_unlock_irqrestore(&timeline->lock, flags);
	dma_fence_free(fence);
	kref_put(&timeline->ref, timeline_free);
}

static const struct dma_fence_ops point_ops = {
	.get_driver_name = driver_name,
	.get_timeline_name = timeline_name,
	.signaled = is_reached,
	.release = point_release,
};

/*
 * Signals what the timeline has come to, or, if @error is not 0, all that is left. A callback of a
 * fence may drop others of ours, so none is called under the lock.
 */
static void signal(struct timeline *timeline, int error)
{
	struct point *point, *next;
	LIST_HEAD(reached);

	spin_lock_irq(&timeline->lock);
	list_for_each_entry_safe(point, next, &timeline->fences, link) {
		if (!error && is_before(timeline->point, point->base.seqno))
			break;
		/* what has no reference is on its way to point_release() */
		if (dma_fence_get_rcu(&point->base))
			list_move_tail(&point->link, &reached);
	}
	spin_unlock_irq(&timeline->lock);

	while (!list_empty(&reached)) {
		point = list_first_entry(&reached, struct point, link);
		list_del_init(&point->link);
		if (error)
			dma_fence_set_error(&point->base, error);
		dma_fence_signal(&point->base);
		dma_fence_put(&point->base);
	}
}

static int create_fence(struct timeline *timeline, struct sw_sync_fence __user *user)
{
	struct sw_sync_fence arg;
	struct sync_file *file;
	struct point *point, *before;
	int fd;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	fd = get_unused_fd_flags(O_CLOEXEC);
	if (fd < 0)
		return fd;
	point = kzalloc(sizeof(*point), GFP_KERNEL);
	if (!point) {
		put_unused_fd(fd);
		return -ENOMEM;
	}
	kref_get(&timeline->ref);
	point->timeline = timeline;
	INIT_LIST_HEAD(&point->link);
	dma_fence_init(&point->base, &point_ops, &timeline->lock, timeline->context, arg.point);

	spin_lock_irq(&timeline->lock);
	if (is_before(timeline->point, arg.point)) {
		list_for_each_entry_reverse(before, &timeline->fences, link)
			if (!is_before(arg.point, before->base.seqno))
				break;
		list_add(&point->link, &before->link);
	}
	spin_unlock_irq(&timeline->lock);
	if (list_empty(&point->link))
		dma_fence_signal(&point->base);

	file = sync_file_create(&point->base);
	dma_fence_put(&point->base);
	if (!file) {
		put_unused_fd(fd);
		return -ENOMEM;
	}
	arg.fd = fd;
	if (copy_to_user(user, &arg, sizeof(arg))) {
		fput(file->file);
		put_unused_fd(fd);
		return -EFAULT;
	}
	fd_install(fd, file->file);
	return 0;
}

static int move_on(struct timeline *timeline, const u32 __user *user)
{
	u32 by;

	if (get_user(by, user))
		return -EFAULT;
	/* what is further away than that is taken for passed */
	while (by) {
		u32 step = min_t(u32, by, S32_MAX);

		spin_lock_irq(&timeline->lock);
		WRITE_ONCE(timeline->point, timeline->point + step);
		spin_unlock_irq(&timeline->lock);
		signal(timeline, 0);
		by -= step;
	}
	return 0;
}

static long sw_sync_ioctl(struct file *file, unsigned int request, unsigned long arg)
{
	switch (request) {
	case SW_SYNC_CREATE_FENCE:
		return create_fence(file->private_data, (void __user *)arg);
	case SW_SYNC_INC:
		return move_on(file->private_data, (void __user *)arg);
	default:
		return -ENOTTY;
	}
}

static int sw_sync_open(struct inode *inode, struct file *file)
{
	struct timeline *timeline = kzalloc(sizeof(*timeline), GFP_KERNEL);

	if (!timeline)
		return -ENOMEM;
	kref_init(&timeline->ref);
	timeline->context = dma_fence_context_alloc(1);
	get_task_comm(timeline->name, current);
	spin_lock_init(&timeline->lock);
	INIT_LIST_HEAD(&timeline->fences);
	file->private_data = timeline;
	return 0;
}

static int sw_sync_release(struct inode *inode, struct file *file)
{
	struct timeline *timeline = file->private_data;

	signal(timeline, -ENOENT);
	kref_put(&timeline->ref, timeline_free);
	return 0;
}

static const struct file_operations sw_sync_fops = {
	.owner = THIS_MODULE,
	.open = sw_sync_open,
	.release = sw_sync_release,
	.unlocked_ioctl = sw_sync_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static int __init sw_sync_init(void)
{
	struct dentry *dir;

	/* where the kernel has its own, the folder is there */
	dir = debugfs_create_dir("sync", NULL);
	if (IS_ERR(dir))
		return PTR_ERR(dir);
	debugfs_create_file("sw_sync", 0600, dir, NULL, &sw_sync_fops);
	return 0;
}
module_init(sw_sync_init);

MODULE_DESCRIPTION("Fences that tests signal");
MODULE_LICENSE("Dual MIT/GPL");
