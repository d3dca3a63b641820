// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * A device that imports dma-bufs, for tests: it attaches, maps, and reads and writes what it finds
 * at the other end, when and as it is told to.
 */
#include <linux/delay.h>
#include <linux/dma-buf.h>
#include <linux/dma-mapping.h>
#include <linux/dma-resv.h>
#include <linux/fs.h>
#include <linux/iosys-map.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/platform_device.h>
#include <linux/slab.h>
#include <linux/uaccess.h>

#include "../../driver/compat.h"
#include "importer.h"

/**
 * struct importer - an open file.
 * @lock: one call at a time
 * @attach: the dma-buf, if attached
 * @table: its memory, if mapped
 * @dir: for what
 * @moves: how often it moved
 */
struct importer {
	struct mutex lock;
	struct dma_buf_attachment *attach;
	struct sg_table *table;
	enum dma_data_direction dir;
	atomic_t moves;
};

static struct platform_device *pdev;

static void move_notify(struct dma_buf_attachment *attach)
{
	struct importer *imp = attach->importer_priv;

	dma_resv_assert_held(attach->dmabuf->resv);
	atomic_inc(&imp->moves);
}

static const struct dma_buf_attach_ops dynamic_ops = {
	.move_notify = move_notify,
};

static int attach(struct importer *imp, const struct importer_attach __user *user)
{
	struct importer_attach arg;
	struct dma_buf *buf;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (imp->attach)
		return -EBUSY;
	buf = dma_buf_get(arg.fd);
	if (IS_ERR(buf))
		return PTR_ERR(buf);
	imp->attach = dma_buf_dynamic_attach(buf, &pdev->dev, arg.dynamic ? &dynamic_ops : NULL,
					     imp);
	if (IS_ERR(imp->attach)) {
		int ret = PTR_ERR(imp->attach);

		imp->attach = NULL;
		dma_buf_put(buf);
		return ret;
	}
	return 0;
}

static int map(struct importer *imp, bool write)
{
	struct sg_table *table;

	if (!imp->attach)
		return -EINVAL;
	if (imp->table)
		return -EBUSY;
	imp->dir = write ? DMA_BIDIRECTIONAL : DMA_TO_DEVICE;
	dma_resv_lock(imp->attach->dmabuf->resv, NULL);
	table = dma_buf_map_attachment(imp->attach, imp->dir);
	dma_resv_unlock(imp->attach->dmabuf->resv);
	if (IS_ERR(table))
		return PTR_ERR(table);
	imp->table = table;
	return 0;
}

static int unmap(struct importer *imp)
{
	if (!imp->table)
		return -EINVAL;
	dma_resv_lock(imp->attach->dmabuf->resv, NULL);
	dma_buf_unmap_attachment(imp->attach, imp->table, imp->dir);
	dma_resv_unlock(imp->attach->dmabuf->resv);
	imp->table = NULL;
	return 0;
}

static int detach(struct importer *imp)
{
	struct dma_buf *buf;

	if (!imp->attach)
		return -EINVAL;
	unmap(imp);
	buf = imp->attach->dmabuf;
	dma_buf_detach(buf, imp->attach);
	imp->attach = NULL;
	dma_buf_put(buf);
	return 0;
}

static int word(struct importer *imp, struct importer_word __user *user, bool write)
{
	struct importer_word arg;
	struct scatterlist *sg;
	unsigned int i;
	u64 offset;
	u32 *ptr;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (!imp->table || arg.offset % 4)
		return -EINVAL;
	offset = arg.offset;
	for_each_sgtable_sg(imp->table, sg, i) {
		if (offset < sg->length)
			break;
		offset -= sg->length;
	}
	if (!sg)
		return -EINVAL;
	ptr = page_address(sg_page(sg)) + sg->offset + offset;
	if (write) {
		WRITE_ONCE(*ptr, arg.value);
		return 0;
	}
	arg.value = READ_ONCE(*ptr);
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static int peek(struct importer *imp, struct importer_word __user *user)
{
	struct importer_word arg;
	struct iosys_map vmap;
	int ret;

	if (copy_from_user(&arg, user, sizeof(arg)))
		return -EFAULT;
	if (!imp->attach || arg.offset % 4 || arg.offset >= imp->attach->dmabuf->size)
		return -EINVAL;
	ret = dma_buf_vmap_unlocked(imp->attach->dmabuf, &vmap);
	if (ret)
		return ret;
	arg.value = iosys_map_rd(&vmap, arg.offset, u32);
	dma_buf_vunmap_unlocked(imp->attach->dmabuf, &vmap);
	return copy_to_user(user, &arg, sizeof(arg)) ? -EFAULT : 0;
}

static int pin(struct importer *imp)
{
	int ret;

	if (!imp->attach || !imp->attach->importer_ops)
		return -EINVAL;
	dma_resv_lock(imp->attach->dmabuf->resv, NULL);
	ret = dma_buf_pin(imp->attach);
	if (!ret)
		dma_buf_unpin(imp->attach);
	dma_resv_unlock(imp->attach->dmabuf->resv);
	return ret;
}

static int hold_lock(struct importer *imp, unsigned long ms)
{
	if (!imp->attach || ms > 10000)
		return -EINVAL;
	dma_resv_lock(imp->attach->dmabuf->resv, NULL);
	msleep(ms);
	dma_resv_unlock(imp->attach->dmabuf->resv);
	return 0;
}

static long importer_ioctl(struct file *file, unsigned int cmd, unsigned long arg)
{
	struct importer *imp = file->private_data;
	void __user *user = (void __user *)arg;
	long ret;

	if (cmd == IMPORTER_MOVES)
		return atomic_read(&imp->moves);
	mutex_lock(&imp->lock);
	switch (cmd) {
	case IMPORTER_ATTACH:
		ret = attach(imp, user);
		break;
	case IMPORTER_DETACH:
		ret = detach(imp);
		break;
	case IMPORTER_MAP:
		ret = map(imp, arg);
		break;
	case IMPORTER_UNMAP:
		ret = unmap(imp);
		break;
	case IMPORTER_READ:
		ret = word(imp, user, false);
		break;
	case IMPORTER_WRITE:
		ret = word(imp, user, true);
		break;
	case IMPORTER_PEEK:
		ret = peek(imp, user);
		break;
	case IMPORTER_PIN:
		ret = pin(imp);
		break;
	case IMPORTER_LOCK:
		ret = hold_lock(imp, arg);
		break;
	default:
		ret = -ENOTTY;
		break;
	}
	mutex_unlock(&imp->lock);
	return ret;
}

static int importer_open(struct inode *inode, struct file *file)
{
	struct importer *imp = kzalloc(sizeof(*imp), GFP_KERNEL);

	if (!imp)
		return -ENOMEM;
	mutex_init(&imp->lock);
	file->private_data = imp;
	return 0;
}

static int importer_release(struct inode *inode, struct file *file)
{
	struct importer *imp = file->private_data;

	detach(imp);
	kfree(imp);
	return 0;
}

static const struct file_operations importer_fops = {
	.owner = THIS_MODULE,
	.open = importer_open,
	.release = importer_release,
	.unlocked_ioctl = importer_ioctl,
};

static struct miscdevice importer_misc = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "softgem-importer",
	.fops = &importer_fops,
};

static int __init importer_init(void)
{
	int ret;

	pdev = platform_device_register_simple("softgem-importer", PLATFORM_DEVID_NONE, NULL, 0);
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	/* or else the kernel's checks have it that a huge page is too much for it */
	dma_set_max_seg_size(&pdev->dev, UINT_MAX);
	ret = dma_coerce_mask_and_coherent(&pdev->dev, DMA_BIT_MASK(64));
	if (!ret)
		ret = misc_register(&importer_misc);
	if (ret)
		platform_device_unregister(pdev);
	return ret;
}

static void __exit importer_exit(void)
{
	misc_deregister(&importer_misc);
	platform_device_unregister(pdev);
}

module_init(importer_init);
module_exit(importer_exit);

MODULE_DESCRIPTION("An importer of dma-bufs, for tests of Softgem");
MODULE_AUTHOR("The Softgem developers");
MODULE_LICENSE("Dual MIT/GPL");
SG_IMPORT_NS(DMA_BUF);
