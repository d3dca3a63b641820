/* SPDX-License-Identifier: GPL-2.0 OR MIT */
/* What a uAPI test asks the importer to do: ioctls of /dev/softgem-importer, one dma-buf a file. */
#ifndef SOFTGEM_TESTS_IMPORTER_H
#define SOFTGEM_TESTS_IMPORTER_H

#include <linux/ioctl.h>
#include <linux/types.h>

/**
 * struct importer_attach - attach to a dma-buf.
 * @fd: the dma-buf
 * @dynamic: as a device that can be told of moves
 */
struct importer_attach {
	__s32 fd;
	__u32 dynamic;
};

/**
 * struct importer_word - a 32-bit word of the memory that is mapped.
 * @offset: where, in bytes; a multiple of 4
 * @value: what is to be written, or was read
 */
struct importer_word {
	__u64 offset;
	__u32 value;
	__u32 pad;
};

/* EBUSY: attached already; else what attaching says. */
#define IMPORTER_ATTACH	_IOW('S', 0, struct importer_attach)
/* EINVAL: not attached. What is mapped is unmapped first. */
#define IMPORTER_DETACH	_IO('S', 1)
/* The argument: whether the device is going to write. EBUSY: mapped already. */
#define IMPORTER_MAP	_IO('S', 2)
/* EINVAL: not mapped. */
#define IMPORTER_UNMAP	_IO('S', 3)
/* EINVAL: not mapped, or no such word. They do not care whether the memory has moved. */
#define IMPORTER_READ	_IOWR('S', 4, struct importer_word)
#define IMPORTER_WRITE	_IOW('S', 5, struct importer_word)
/* Returns how often it was told of a move. */
#define IMPORTER_MOVES	_IO('S', 6)
/* Read a word through a mapping in the kernel, made and taken away for it. */
#define IMPORTER_PEEK	_IOWR('S', 7, struct importer_word)
/* As a dynamic importer, ask for the memory to stay where it is, and let go again. */
#define IMPORTER_PIN	_IO('S', 8)
/* Hold the dma-buf's reservation for so many milliseconds. */
#define IMPORTER_LOCK	_IO('S', 9)

#endif
