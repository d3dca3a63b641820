# SPDX-License-Identifier: GPL-2.0 OR MIT
# What a kernel says when it has found something wrong.
# shellcheck shell=bash

SPLATS='BUG[: ]|WARNING:|KASAN:|KCSAN:|UBSAN:|PANIC:|Oops|general protection fault|Kernel panic
possible (circular|recursive|irq|deadlock)|inconsistent lock state|bad unlock balance
suspicious RCU|non-static key|lock held when returning|held lock freed|invalid wait context
ODEBUG:|DMA-API: .*(device driver|exceeded|mapping error)|refcount_t:|list_(add|del) corruption
sleeping function|blocked for more than|soft lockup|hard LOCKUP|self-detected stall|detected stalls
softgem: (rmmod failed|kmemleak|a process cannot be killed)'
SPLATS=${SPLATS//$'\n'/|}

# splats CONSOLE-LOG: such lines without their time stamps, once each, and in which test they came. Of
# data races only those of the driver, or of what it calls: the kernel has some of its own.
splats() {
	tr -d '\r' < "$1" | LC_ALL=C awk -v splats="$SPLATS" '
		{ sub(/^[^[]*\[ *[0-9]+\.[0-9]+\](\[[^]]*\])? */, "") }
		/^\[IGT\] [^ ]*: (executing|starting subtest)/ {
			split($2, name, ":")
			test = " (in " name[1] ($3 == "starting" ? "@" $5 : "") ")"
		}
		/^softgem: test / { test = " (in " $3 ")" }
		/KCSAN: data-race in/ && !/\[(softgem|drm|gpu_sched)\]| (drm|dma|sync_file|mmu_interval)_/ { next }
		!/^\[IGT\]/ && $0 ~ splats && !seen[$0]++ { print $0 test }'
}
