# SPDX-License-Identifier: GPL-2.0 OR MIT
# What compat.h cannot tell from a version number.

# Stable kernels got this too.
ccflags-$(shell grep -qs device_set_driver_override $(srctree)/include/linux/device.h && echo y) += \
	-DSG_HAVE_DEVICE_DRIVER_OVERRIDE

# The kernel lost this when nobody used it. What belongs to the lock since, stable kernels got too.
ccflags-$(shell grep -qs mmap_write_trylock $(srctree)/include/linux/mmap_lock.h && echo y) += \
	-DSG_HAVE_MMAP_WRITE_TRYLOCK
ccflags-$(shell grep -qs mm_lock_seqcount_begin $(srctree)/include/linux/mmap_lock.h && echo y) += \
	-DSG_HAVE_MM_LOCK_SEQCOUNT
