/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* How much memory an open file has. */
#ifndef SOFTGEM_USAGE_H
#define SOFTGEM_USAGE_H

struct drm_file;
struct drm_printer;

void sg_usage_show(struct drm_printer *p, struct drm_file *file);

#endif
