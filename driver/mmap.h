/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* The GPU's buffers in a process's address space. */
#ifndef SOFTGEM_MMAP_H
#define SOFTGEM_MMAP_H

#include <linux/list.h>
#include <linux/types.h>

#include <drm/drm_vma_manager.h>

struct drm_file;
struct drm_gem_object;
struct file;
struct sg_object;
struct vm_area_struct;

/** enum sg_mmap_kind - how a process wants to see an object. */
enum sg_mmap_kind {
	SG_MMAP_GTT,	/* through the aperture */
	SG_MMAP_WC,
	SG_MMAP_WB,
	SG_MMAP_UC,
	SG_MMAP_KINDS
};

/**
 * struct sg_mmap_offset - a fake offset: what a process passes to mmap(2).
 * @node: the offset
 * @obj: the object, which owns this
 * @kind: how it is seen
 * @link: in the object's list; guarded by its mmap_lock
 */
struct sg_mmap_offset {
	struct drm_vma_offset_node node;
	struct sg_object *obj;
	enum sg_mmap_kind kind;
	struct list_head link;
};

int sg_mmap_offset(struct sg_object *obj, enum sg_mmap_kind kind, struct drm_file *file,
		   u64 *offset);
void sg_mmap_forget(struct drm_gem_object *gem, struct drm_file *file);
int sg_mmap(struct file *filp, struct vm_area_struct *vma);
int sg_mmap_object(struct sg_object *obj, struct vm_area_struct *vma);
void sg_mmap_revoke(struct sg_object *obj);
void sg_mmap_revoke_kind(struct sg_object *obj, enum sg_mmap_kind kind);
void sg_mmap_revoke_range(struct sg_object *obj, enum sg_mmap_kind kind, u64 start, u64 len);
void sg_mmap_release(struct sg_object *obj);

#endif
