/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/*
 * The device and its objects: opening, and one wrapper for each ioctl.
 *
 * A function named try_*() returns 0 or -errno, and the caller checks which. The others fail the
 * subtest on any error, so that a test's set-up needs no checks of its own.
 */
#ifndef SOFTGEM_TESTS_GEM_H
#define SOFTGEM_TESTS_GEM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <drm.h>
#include <i915_drm.h>

#define PAGE	4096ul
#define MiB	(1ul << 20)

#define NSEC	1000000000ll
#define MSEC	1000000ll

/* Extensions that came after some versions of the header had been installed. */
#define GEM_CREATE_EXT_SET_PAT	2

/** gem_open() - open the render node of the driver named "i915". */
int gem_open(void);

/** gem_open_driver() - open the render node of the driver of that name. */
int gem_open_driver(const char *driver);

/** gem_open_card() - open its primary node. */
int gem_open_card(void);

/** gem_path() - the path of the node that @fd is open on, in a buffer that is used each time. */
const char *gem_path(int fd);

/** gem_card_minor() - number N of its primary node /dev/dri/cardN. */
int gem_card_minor(void);

/** gem_pci_name() - its PCI device's name, such as 0001:00:02.0. */
const char *gem_pci_name(void);

/** gem_set_bound() - bind the driver to the PCI device of that name, or unbind it. */
void gem_set_bound(const char *name, bool bound);

/** gem_set_debugfs() - write to a file in its primary node's folder of debugfs. */
void gem_set_debugfs(const char *name, const char *value);

/** gem_set_request_timeout() - how long a request may run, in ms. */
void gem_set_request_timeout(unsigned int ms);
#define REQUEST_TIMEOUT_MS	20000	/* what it is at first */
#define LONG_TIMEOUT_MS		200000	/* for a request that is not to end by itself */

/** gem_set_engine() - write to a setting of an engine, in sysfs. */
void gem_set_engine(const char *engine, const char *name, const char *value);

/**
 * gem_ioctl() - an ioctl, begun again on EINTR and EAGAIN as libdrm does.
 * Return: 0 or -errno.
 */
int gem_ioctl(int fd, unsigned long request, void *arg);

/** gem_ioctl_once() - an ioctl that reports EINTR and EAGAIN too. Return: 0 or -errno. */
int gem_ioctl_once(int fd, unsigned long request, void *arg);

int try_getparam(int fd, int param, int *value);

int try_create(int fd, uint64_t *size, uint32_t *handle);
uint32_t gem_create(int fd, uint64_t size);
int try_close(int fd, uint32_t handle);
void gem_close(int fd, uint32_t handle);
int try_flink(int fd, uint32_t handle, uint32_t *name);
int try_open_name(int fd, uint32_t name, uint32_t *handle, uint64_t *size);

int try_read(int fd, uint32_t handle, uint64_t offset, void *data, uint64_t len);
int try_write(int fd, uint32_t handle, uint64_t offset, const void *data, uint64_t len);
void gem_read(int fd, uint32_t handle, uint64_t offset, void *data, uint64_t len);
void gem_write(int fd, uint32_t handle, uint64_t offset, const void *data, uint64_t len);
/** gem_read32() - the 32-bit word at @offset of an object, by pread. */
uint32_t gem_read32(int fd, uint32_t handle, uint64_t offset);

int try_set_domain(int fd, uint32_t handle, uint32_t read, uint32_t write);
int try_set_caching(int fd, uint32_t handle, uint32_t level);
int try_get_caching(int fd, uint32_t handle, uint32_t *level);
int try_set_tiling(int fd, uint32_t handle, uint32_t *mode, uint32_t *stride, uint32_t *swizzle);
int try_get_tiling(int fd, uint32_t handle, uint32_t *mode, uint32_t *swizzle);
int try_madvise(int fd, uint32_t handle, uint32_t advice, uint32_t *retained);
int try_busy(int fd, uint32_t handle, uint32_t *busy);
/** try_wait() - WAIT; @timeout in ns, the rest of it is written back. */
int try_wait(int fd, uint32_t handle, int64_t *timeout);
/** gem_sync() - wait until the GPU is done with an object. */
void gem_sync(int fd, uint32_t handle);
bool gem_is_busy(int fd, uint32_t handle);

int try_userptr(int fd, const void *ptr, uint64_t size, uint32_t flags, uint32_t *handle);
uint32_t gem_userptr(int fd, const void *ptr, uint64_t size, uint32_t flags);

/** try_mmap_legacy() - I915_GEM_MMAP; the address is written to @addr. */
int try_mmap_legacy(int fd, uint32_t handle, uint64_t offset, uint64_t size, uint64_t flags,
		    void **addr);
/** try_mmap_offset() - I915_GEM_MMAP_OFFSET of kind @kind (I915_MMAP_OFFSET_*). */
int try_mmap_offset(int fd, uint32_t handle, uint64_t kind, uint64_t *offset);
int try_mmap_gtt(int fd, uint32_t handle, uint64_t *offset);
/** gem_mmap() - map an object of @size bytes, kind @kind, readable and writable. */
void *gem_mmap(int fd, uint32_t handle, uint64_t size, uint64_t kind);

int try_prime_export(int fd, uint32_t handle, uint32_t flags, int *dmabuf);
/** gem_export() - a new dma-buf of an object, for reading and writing. */
int gem_export(int fd, uint32_t handle);
int try_prime_import(int fd, int dmabuf, uint32_t *handle);
/** gem_import() - a dma-buf's object in this file. */
uint32_t gem_import(int fd, int dmabuf);

/** gem_syncobj() - a new syncobj without a fence. */
uint32_t gem_syncobj(int fd);

int try_context_create(int fd, uint32_t *ctx);
uint32_t gem_context_create(int fd);
int try_context_destroy(int fd, uint32_t ctx);
int try_context_get(int fd, uint32_t ctx, uint64_t param, uint64_t *value, uint32_t *size);
int try_context_set(int fd, uint32_t ctx, uint64_t param, uint64_t value, uint32_t size);
int try_vm_create(int fd, uint32_t *vm);
int try_vm_destroy(int fd, uint32_t vm);
int try_reset_stats(int fd, uint32_t ctx, struct drm_i915_reset_stats *stats);

#endif
