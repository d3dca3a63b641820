// SPDX-License-Identifier: GPL-2.0 OR MIT
/* /proc/PID/fdinfo/N of a file: the kernel's drm-usage-stats, which gputop and others read. */
#include <linux/pci.h>
#include <linux/seq_file.h>

#include <drm/drm_drv.h>
#include <drm/drm_print.h>

#include "../client.h"
#include "../usage.h"
#include "i915.h"

/**
 * i915_show_fdinfo() - file_operations.show_fdinfo.
 * @m: where to
 * @filp: the file
 */
void i915_show_fdinfo(struct seq_file *m, struct file *filp)
{
	struct drm_file *file = filp->private_data;
	struct i915_file *fpriv = file->driver_priv;
	struct drm_printer p = drm_seq_file_printer(m);

	drm_printf(&p, "drm-driver:\t%s\n", fpriv->gpu->node.drm.driver->name);
	drm_printf(&p, "drm-pdev:\t%s\n", dev_name(fpriv->gpu->node.drm.dev));
	drm_printf(&p, "drm-client-id:\t%u\n", fpriv->client->id);
	sg_client_show_engines(&p, fpriv->client, fpriv->gpu);
	sg_usage_show(&p, file);
}
