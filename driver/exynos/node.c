// SPDX-License-Identifier: GPL-2.0 OR MIT
/*
 * The second DRM node: a platform device below the PCI device, as the Exynos' own is one below its
 * bus, and the driver for it.
 */
#include <linux/module.h>
#include <linux/platform_device.h>

#include <drm/drm_drv.h>
#include <drm/drm_prime.h>

#include "../gpu.h"
#include "exynos.h"

#define DEVICE_NAME	"softgem-exynos"

static const struct file_operations exynos_fops = {
	SG_NODE_FOPS
};

static struct drm_driver exynos_drm_driver = {
	.driver_features = DRIVER_GEM | DRIVER_RENDER,
	.gem_prime_import = exynos_prime_import,
	SG_DRM_PRIME_HELPERS
	.ioctls = exynos_ioctls,
	.fops = &exynos_fops,
	.name = "exynos",
	.desc = "Softgem: a GPU made of software",
	SG_DRM_DATE("20180330")
	.major = 1,
	.minor = 1,
};

static void unplug(void *drm)
{
	drm_dev_unplug(drm);
}

static int exynos_probe(struct platform_device *pdev)
{
	struct sg_gpu **gpu = dev_get_platdata(&pdev->dev);
	struct sg_node *node;
	int ret;

	node = devm_drm_dev_alloc(&pdev->dev, &exynos_drm_driver, struct sg_node, drm);
	if (IS_ERR(node))
		return PTR_ERR(node);
	ret = sg_node_attach(node, *gpu);
	if (ret)
		return ret;
	ret = drm_dev_register(&node->drm, 0);
	if (ret)
		return ret;
	return devm_add_action_or_reset(&pdev->dev, unplug, &node->drm);
}

static struct platform_driver exynos_driver = {
	.driver.name = DEVICE_NAME,
	.probe = exynos_probe,
};

static void remove(void *pdev)
{
	platform_device_unregister(pdev);
}

/**
 * exynos_add() - give a GPU a node of the Exynos interface.
 * @gpu: the GPU, its own node registered; the new one goes before its PCI device does
 *
 * That it is bound to its driver is the driver core's business, which says so where it fails.
 *
 * Context: may sleep.
 * Return: 0 or -errno.
 */
int exynos_add(struct sg_gpu *gpu)
{
	struct device *dev = gpu->node.drm.dev;
	struct platform_device *pdev;

	pdev = platform_device_register_data(dev, DEVICE_NAME, PLATFORM_DEVID_NONE, &gpu,
					     sizeof(gpu));
	if (IS_ERR(pdev))
		return PTR_ERR(pdev);
	return devm_add_action_or_reset(dev, remove, pdev);
}

/** exynos_init() - register the driver; GPUs may be added. */
int exynos_init(void)
{
	exynos_drm_driver.num_ioctls = exynos_num_ioctls;
	return platform_driver_register(&exynos_driver);
}

/** exynos_exit() - end what exynos_init() began; all GPUs have gone. */
void exynos_exit(void)
{
	platform_driver_unregister(&exynos_driver);
}
