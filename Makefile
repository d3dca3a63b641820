# SPDX-License-Identifier: GPL-2.0 OR MIT
# What there is to do with this checkout; the work is done by the scripts named here.

# Kernel build directory for `make module`: of the running kernel, or the newest that is installed.
KDIR ?= $(firstword $(wildcard /lib/modules/$(shell uname -r)/build) \
	$(shell ls -d /lib/modules/*/build 2>/dev/null | sort -rV))
IMAGE ?=
LISTS ?=
TARGET ?=
SECONDS ?= 60
MINUTES ?= 10
SEED ?= 1
CLOCK ?= icount
BENCH ?=
FAULTS ?=
export KERNEL ?= stock

help:
	@echo 'make demo [IMAGE=file.png]   a picture through the GPU and back, into out/demo/'
	@echo 'make test                    the tests; the last line says how many passed'
	@echo 'make conformance [LISTS=..]  all of IGT'\''s tests for this device, a table in out/conformance/'
	@echo 'make fuzz [TARGET=cs|blt] [SECONDS=60]   libFuzzer over the device'
	@echo 'make faults [FAULTS=..]      uAPI tests, each allocation and user copy failing once; out/faults/'
	@echo 'make stress [MINUTES=n]      random mixes in a guest, with resets, reclaim and rebinding'
	@echo 'make bench [CLOCK=wall] [BENCH=..]   what things cost, beside what others do; out/bench/'
	@echo 'make module [KDIR=..]        driver/softgem.ko alone, for the kernel built in KDIR'
	@echo 'make lint                    style and static checks'
	@echo 'make debug-kernel            the kernel with KASAN, lockdep and more, for KERNEL=debug'
	@echo 'make clean                   remove what was built here (the cache stays)'
	@echo
	@echo 'KERNEL=stock|6.12|debug|kcsan picks the kernel that all but faults boot, which needs debug.'
	@echo './softgem --help says how to run programs, a shell or IGT tests beside the driver.'

module:
	@test -n '$(KDIR)' || { echo 'no kernel headers: install linux-headers-amd64, or give KDIR=' >&2; exit 1; }
	$(MAKE) -C $(KDIR) M=$(CURDIR)/driver W=1 modules

demo:
	@scripts/demo '$(IMAGE)'

test:
	@tests/run/all

conformance:
	@tests/run/conformance $(LISTS)

fuzz:
	@FUZZ_SECONDS='$(SECONDS)' tests/run/fuzz $(TARGET)

faults:
	@tests/run/faults $(FAULTS)

stress:
	@tests/run/stress '$(MINUTES)' '$(SEED)'

bench:
	@tests/run/bench '$(CLOCK)' $(BENCH)

lint:
	@scripts/lint

debug-kernel:
	@./softgem setup --kernel debug

clean:
	rm -rf out
	@for d in device tests/device tests/fuzz tests/fuzz/ioctl tests/uapi tests/bench demo; do \
		[ ! -f $$d/Makefile ] || $(MAKE) -C $$d clean; done
	@find driver device tests/importer tests/sw_sync \( -name '*.o' -o -name '*.ko' -o -name '*.mod' -o -name '*.mod.c' -o -name '.*.cmd' \
		-o -name modules.order -o -name Module.symvers -o -name '.*.d' \) -delete

.PHONY: help module demo test conformance fuzz faults stress bench lint debug-kernel clean
