/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What mappings do when they are touched: see fault.c. */
#ifndef SOFTGEM_FAULT_H
#define SOFTGEM_FAULT_H

#include <linux/mm.h>

/* Mappings by a fake offset: vm_private_data is its struct sg_mmap_offset. */
extern const struct vm_operations_struct sg_cpu_vm_ops;
extern const struct vm_operations_struct sg_gtt_vm_ops;
bool sg_vma_revocable(const struct vm_area_struct *vma);

/* Mappings of a dma-buf: vm_private_data is the struct sg_object. */
extern const struct vm_operations_struct sg_buf_vm_ops;

#endif
