# SPDX-License-Identifier: GPL-2.0 OR MIT
# The device's objects, for all who build it.
SG_DEVICE_OBJS := cs.o mi.o mi_atomic.o mi_math.o regs.o span.o \
	blt.o blt_draw.o blt_spans.o blt_surface.o rop.o tiling.o
