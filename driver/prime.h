/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Sharing with other devices: dma-bufs of our objects, objects of others' dma-bufs. */
#ifndef SOFTGEM_PRIME_H
#define SOFTGEM_PRIME_H

#include <linux/dma-mapping.h>
#include <linux/types.h>

/* All devices are coherent, and what they mapped may overlap. */
#define SG_DMA_ATTRS	DMA_ATTR_SKIP_CPU_SYNC

struct dma_buf;
struct drm_device;
struct drm_gem_object;
struct iosys_map;
struct sg_gpu;
struct sg_object;
struct sg_pages;
struct sg_table;
struct vm_area_struct;

struct dma_buf *sg_prime_export(struct drm_gem_object *gem, int flags);
struct drm_gem_object *sg_prime_import(struct drm_device *dev, struct dma_buf *buf);
struct sg_object *sg_prime_own(struct sg_gpu *gpu, struct dma_buf *buf);
int sg_prime_table(struct sg_table *table, const struct sg_pages *pages);
int sg_prime_vmap(const struct sg_pages *pages, bool read_only, struct iosys_map *map);
int sg_prime_import_mmap(struct sg_object *obj, struct vm_area_struct *vma, unsigned long first);
bool sg_object_is_import(const struct sg_object *obj);

#endif
