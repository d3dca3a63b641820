# SPDX-License-Identifier: GPL-2.0 OR MIT
# What compat.h cannot tell from a version number.

# Stable kernels got this too.
ccflags-$(shell grep -qs device_set_driver_override $(srctree)/include/linux/device.h && echo y) += \
	-DSG_HAVE_DEVICE_DRIVER_OVERRIDE
