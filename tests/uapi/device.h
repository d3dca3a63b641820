/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* Another device that imports dma-bufs: tests/importer, and vgem. */
#ifndef SOFTGEM_TESTS_DEVICE_H
#define SOFTGEM_TESTS_DEVICE_H

#include <stdbool.h>
#include <stdint.h>

/** device_open() - open /dev/softgem-importer, loading its module if need be; else skip. */
int device_open(void);

/** try_device_attach() - attach to a dma-buf. Return: 0 or -errno. */
int try_device_attach(int dev, int dmabuf, bool dynamic);
void device_attach(int dev, int dmabuf, bool dynamic);
void device_detach(int dev);
/** try_device_map() - map it, for writing too. Return: 0 or -errno. */
int try_device_map(int dev, bool write);
/** device_map() - map it for reading and writing, which may need some attempts. */
void device_map(int dev);
void device_unmap(int dev);
uint32_t device_read(int dev, uint64_t offset);
void device_write(int dev, uint64_t offset, uint32_t value);
int device_moves(int dev);
/** try_device_peek() - read a word through the exporter's mapping in the kernel. */
int try_device_peek(int dev, uint64_t offset, uint32_t *value);
int try_device_pin(int dev);
void device_hold_lock(int dev, unsigned int ms);

/** vgem_open() - open vgem's card, loading its module if need be; else skip. */
int vgem_open(void);

#endif
