// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The module: the PCI driver, the DRM driver, and the order in which the device comes and goes.
 */
#include <linux/module.h>
#include <linux/pci.h>

#include <drm/drm_drv.h>
#include <drm/drm_file.h>
#include <drm/drm_gem.h>
#include <drm/drm_managed.h>
#include <drm/drm_prime.h>

#include "bus.h"
#include "debugfs.h"
#include "dumb.h"
#include "exynos/exynos.h"
#include "gpu.h"
#include "i915/i915.h"
#include "object.h"
#include "prime.h"
#include "reset.h"
#include "shrink.h"
#include "space.h"
#include "sysfs.h"
#include "userptr.h"

static unsigned int mappable_mb = 256;
module_param(mappable_mb, uint, 0444);
MODULE_PARM_DESC(mappable_mb, "MiB of the aperture: a power of two, 16 to 4096 (256)");

static int set_address_bits(const char *value, const struct kernel_param *param)
{
	return param_set_uint_minmax(value, param, SG_MIN_ADDRESS_BITS, SG_ADDRESS_BITS);
}

static const struct kernel_param_ops address_bits_ops = {
	.set = set_address_bits,
	.get = param_get_uint,
};

/* for the next device that is bound */
static unsigned int address_bits = SG_ADDRESS_BITS;
module_param_cb(address_bits, &address_bits_ops, &address_bits, 0644);
MODULE_PARM_DESC(address_bits, "Size of a context's address space: 28 to 48 bits (48)");

/* likewise */
static bool exynos = true;
module_param(exynos, bool, 0644);
MODULE_PARM_DESC(exynos, "Have a second node with the Exynos interface (default: yes)");

static const struct file_operations i915_fops = {
	.show_fdinfo = i915_show_fdinfo,
	SG_NODE_FOPS
};

static struct drm_driver sg_drm_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER | DRIVER_SYNCOBJ | DRIVER_SYNCOBJ_TIMELINE |
			   DRIVER_MODESET,
	.open = i915_open,
	.postclose = i915_postclose,
	.dumb_create = sg_dumb_create,
	.dumb_map_offset = sg_dumb_map_offset,
	.gem_prime_import = sg_prime_import,
	SG_DRM_PRIME_HELPERS
	.ioctls = i915_ioctls,
	.fops = &i915_fops,
	.name = "i915",
	.desc = "Softgem: a GPU made of software",
	SG_DRM_DATE("20201103")
	.major = 1,
	.minor = 6,
	.patchlevel = 0,
};

/* Managed releases: carried out in reverse order when the last user of the device is gone. */
static void release_workqueue(struct drm_device *dev, void *wq)
{
	destroy_workqueue(wq);
}

/* All of them help reclaim on. Return: 0 or -ENOMEM. */
static int init_workqueue(struct sg_gpu *gpu, struct workqueue_struct **wq, const char *name)
{
	*wq = alloc_workqueue("%s", WQ_UNBOUND | WQ_MEM_RECLAIM, 0, name);
	if (!*wq)
		return -ENOMEM;
	return drmm_add_action_or_reset(&gpu->node.drm, release_workqueue, *wq);
}

static void release_engines(struct drm_device *dev, void *unused)
{
	struct sg_gpu *gpu = to_sg_gpu(dev);

	sg_engines_stop(gpu);
	sg_reset_fini(gpu);
	sg_capture_fini(gpu);
	/* which may have the last reference to an object */
	sg_shrink_fini(gpu);
	/* others' fences may still keep some alive */
	wait_var_event(&gpu->node.objects, !atomic_read(&gpu->node.objects));
	drain_workqueue(gpu->free_wq);
	drain_workqueue(gpu->wait_wq);
	/* those that wait for their time are not in the queue, and must not come meanwhile */
	wait_event(gpu->pin_gone, !atomic_read(&gpu->pins_going));
	drain_workqueue(gpu->pin_wq);
	sg_aperture_fini(&gpu->aperture);
	sg_shmem_fini(gpu);
}

static int gpu_init(struct sg_gpu *gpu)
{
	int ret;

	gpu->node.gpu = gpu;
	gpu->address_bits = address_bits;
	gpu->params.reset = 2;
	gpu->params.enable_hangcheck = true;
	gpu->params.request_timeout_ms = SG_REQUEST_TIMEOUT_MS;
	init_rwsem(&gpu->revoke);
	rwlock_init(&gpu->notifier_lock);
	spin_lock_init(&gpu->sched_lock);
	INIT_LIST_HEAD(&gpu->requests);
	sg_reset_init(gpu);
	init_waitqueue_head(&gpu->gone_wq);
	init_waitqueue_head(&gpu->pin_gone);
	ret = init_workqueue(gpu, &gpu->free_wq, "softgem-free");
	if (!ret)
		ret = init_workqueue(gpu, &gpu->wait_wq, "softgem-wait");
	if (!ret)
		ret = init_workqueue(gpu, &gpu->pin_wq, "softgem-pin");
	if (ret)
		return ret;
	sg_shmem_init(gpu);
	ret = sg_shrink_init(gpu);
	if (ret)
		goto fini_shmem;
	ret = sg_capture_init(gpu);
	if (ret)
		goto fini_shrink;
	sg_aperture_init(&gpu->aperture, min(SG_GGTT_SIZE, 1ull << gpu->address_bits),
			 (u64)mappable_mb << 20);
	ret = drmm_add_action(&gpu->node.drm, release_engines, NULL);
	if (ret)
		goto fini_aperture;
	return sg_engines_start(gpu);

fini_aperture:
	sg_aperture_fini(&gpu->aperture);
	sg_capture_fini(gpu);
fini_shrink:
	sg_shrink_fini(gpu);
fini_shmem:
	sg_shmem_fini(gpu);
	return ret;
}

/* The device goes, though somebody may use it. */
static void unplug(struct sg_gpu *gpu)
{
	/* what is queued ends with -EIO: calls that have to return first may be waiting for it */
	sg_gpu_set_wedged(gpu, true);
	drm_dev_unplug(&gpu->node.drm);
	/* until then somebody could mend it */
	sg_gpu_set_wedged(gpu, true);
}

static int sg_pci_probe(struct pci_dev *pdev, const struct pci_device_id *id)
{
	struct sg_gpu *gpu;
	int ret;

	/* the IDs are those of a real chip, which a machine may have too */
	if (!sg_bus_has(pdev))
		return -ENODEV;
	ret = pcim_enable_device(pdev);
	if (ret)
		return ret;
	gpu = devm_drm_dev_alloc(&pdev->dev, &sg_drm_driver, struct sg_gpu, node.drm);
	if (IS_ERR(gpu))
		return PTR_ERR(gpu);
	pci_set_drvdata(pdev, gpu);
	ret = gpu_init(gpu);
	if (ret)
		return ret;
	ret = sg_dumb_init(gpu);
	if (ret)
		return ret;
	ret = drm_dev_register(&gpu->node.drm, 0);
	if (ret)
		return ret;
	sg_debugfs_register(gpu);
	ret = sg_sysfs_register(gpu);
	if (ret)
		goto unregister;
	ret = exynos ? exynos_add(gpu) : 0;
	if (ret)
		goto unregister_sysfs;
	i915_pmu_attach(gpu);
	return 0;

unregister_sysfs:
	sg_sysfs_unregister(gpu);
unregister:
	unplug(gpu);
	return ret;
}

static void sg_pci_remove(struct pci_dev *pdev)
{
	struct sg_gpu *gpu = pci_get_drvdata(pdev);

	i915_pmu_detach(gpu);
	sg_sysfs_unregister(gpu);
	unplug(gpu);
}

/*
 * Whoever looked through the aperture faults again, as with any GPU. The engines go on for as long
 * as there are processors: reclaim may be waiting for them.
 */
static int sg_pm_suspend(struct device *dev)
{
	sg_aperture_revoke_all(dev_get_drvdata(dev));
	return 0;
}

static DEFINE_SIMPLE_DEV_PM_OPS(sg_pm_ops, sg_pm_suspend, NULL);

static const struct pci_device_id sg_pci_ids[] = {
	{ PCI_DEVICE(PCI_VENDOR_ID_INTEL, 0x1912) },
	{ }
};

static struct pci_driver sg_pci_driver = {
	.name = "softgem",
	.id_table = sg_pci_ids,
	.probe = sg_pci_probe,
	.remove = sg_pci_remove,
	.driver.pm = pm_sleep_ptr(&sg_pm_ops),
};

static int __init sg_init(void)
{
	int ret;

	if (mappable_mb < 16 || mappable_mb > 4096 || !is_power_of_2(mappable_mb)) {
		pr_err("softgem: mappable_mb has to be a power of two, 16 to 4096\n");
		return -EINVAL;
	}
	sg_drm_driver.num_ioctls = i915_num_ioctls;
	ret = sg_userptr_init();
	if (ret)
		return ret;
	ret = sg_space_init();
	if (ret)
		goto exit_userptr;
	ret = exynos_init();
	if (ret)
		goto exit_space;
	ret = pci_register_driver(&sg_pci_driver);
	if (ret)
		goto exit_exynos;
	ret = sg_bus_create((resource_size_t)mappable_mb << 20);
	if (ret)
		goto unregister;
	return 0;

unregister:
	pci_unregister_driver(&sg_pci_driver);
exit_exynos:
	exynos_exit();
	i915_pmu_exit();
exit_space:
	sg_space_exit();
exit_userptr:
	sg_userptr_exit();
	return ret;
}

static void __exit sg_exit(void)
{
	sg_bus_destroy();
	pci_unregister_driver(&sg_pci_driver);
	exynos_exit();
	i915_pmu_exit();
	sg_space_exit();
	sg_userptr_exit();
	/* the last fences are gone, but who has freed them may not have returned */
	rcu_barrier();
}

module_init(sg_init);
module_exit(sg_exit);

MODULE_DESCRIPTION("Softgem: a GPU made of software behind the i915 GEM interface");
MODULE_AUTHOR("The Softgem developers");
MODULE_LICENSE("Dual MIT/GPL");
SG_IMPORT_NS(DMA_BUF);
