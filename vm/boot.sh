# SPDX-License-Identifier: GPL-2.0 OR MIT
# One run of the virtual machine.
# shellcheck shell=bash

# Settings of a run, from the command line or the environment.
KERNEL=${KERNEL:-stock}
MEM=${MEM:-2G}
SMP=${SMP:-2}
TIMEOUT=${TIMEOUT:-0}		# seconds for a whole run, 0: no limit
MODULE=softgem			# a .ko file, or empty for none
MODULE_PARAMS=
APPEND=
LEAK_CHECK=
SUSPEND=			# the guest can be suspended
ICOUNT=				# the clock counts instructions: nanoseconds of one, a power of two
LOG=				# where to leave the guest's console log

KERNEL_ARGS="console=ttyS0 ignore_loglevel printk.devkmsg=on log_buf_len=8M mitigations=off
	tsc=reliable no_timer_check watchdog_thresh=30 rcupdate.rcu_cpu_stall_timeout=60
	oops=panic panic=-1 kasan_multi_shot"

# new_job host|image: makes the folder $RUN, with job/ that the guest shares, and all that the guest
# wants to find there but the job itself.
new_job() {
	packages qemu-system-x86 util-linux
	use_kernel "$KERNEL"
	choose_accelerator
	# instructions can be counted only where they run one after the other, in the emulator
	# and all the time passes at once that is spent waiting for the host: nothing hangs
	[ -z "$ICOUNT" ] || ACCEL=tcg,thread=single SMP=1 APPEND+=' sysctl.kernel.hung_task_timeout_secs=0'
	new_scratch run
	RUN=$scratch
	JOB=$RUN/job
	mkdir -p "$JOB/out"
	: > "$RUN/console.log"
	case $MODULE in
	'') ;;
	softgem)
		build_module "$JOB/module.ko"
		build_module "$JOB/importer.ko" softgem-importer tests/importer
		[ "$1" = host ] || build_module "$JOB/sw_sync.ko" softgem-sw-sync tests/sw_sync
		;;
	*) cp -- "$MODULE" "$JOB/module.ko" ;;
	esac
	cp "$TOP/vm/guest/main" "$TOP/vm/guest/leaks.awk" "$JOB/"
	{
		echo "ROOT=$1"
		echo "MODULE=${MODULE:+$(modinfo -F name "$JOB/module.ko")}"
		echo "MODULE_PARAMS=$(shell_quote "$MODULE_PARAMS")"
		echo "LEAK_CHECK=$LEAK_CHECK"
		echo "SUSPEND=$SUSPEND"
		echo "CWD="
	} > "$JOB/config"
	truncate -s 2G "$RUN/swap"
	ROOT=$1
}

shell_quote() { printf "'%s'" "${1//\'/\'\\\'\'}"; }

# A node that cannot be opened, and one with which a guest only spins, are both no KVM. The answer
# holds until the host boots again.
choose_accelerator() {
	local answer
	answer=$CACHE/kvm-$(cat /proc/sys/kernel/random/boot_id)
	if [ ! -f "$answer" ]; then
		rm -f "$CACHE"/kvm-*
		if kvm_works; then echo kvm > "$answer.$$"; else echo tcg,thread=multi > "$answer.$$"; fi
		mv "$answer.$$" "$answer"
	fi
	ACCEL=${ACCEL:-$(cat "$answer")}
}

kvm_works() {
	[ -r /dev/kvm ] && [ -w /dev/kvm ] || return
	local log=$CACHE/tmp.$$.kvm qemu deadline=$((SECONDS + 6)) works=1
	qemu-system-x86_64 -M q35 -nodefaults -display none -no-reboot -accel kvm -cpu max -m 512M \
		-kernel "$KERNEL_DIR/kernel" -append "console=ttyS0 earlyprintk=ttyS0" -serial "file:$log" \
		< /dev/null > /dev/null 2>&1 &
	qemu=$!
	CHILDREN+=("$qemu")
	SCRATCH+=("$log")
	while [ "$SECONDS" -lt "$deadline" ] && kill -0 "$qemu" 2>/dev/null; do
		[ ! -s "$log" ] || { works=0; break; }
		sleep 0.1
	done
	kill -9 "$qemu" 2>/dev/null || :
	wait "$qemu" 2>/dev/null || :
	return "$works"
}

# An emulator's guest has the host's time stamp counter, and measures its rate by timers that are
# late where the host is busy: its clock then ran eight times too fast. A host that is a virtual
# machine itself says the rate, as that of its processors.
tsc_rate() {
	[ -z "$ICOUNT" ] && [ "$ACCEL" != kvm ] && grep -qw hypervisor /proc/cpuinfo || return 0
	awk '/^cpu MHz/ { printf "tsc_early_khz=%d", $4 * 1000; exit }' /proc/cpuinfo
}

# To an emulator each byte of "rep stosb" is an instruction. On a busy host a guest stalled for a
# minute in the middle of clearing a page so, a byte further at each tick, it seems. The kernel clears
# by eight bytes where the processor does not say that this is fast. With a clock that counts
# instructions it says so, since what counts there is what is so elsewhere.
processor() {
	[ -n "$ICOUNT" ] || [ "$ACCEL" = kvm ] || { echo max,la57=off,erms=off,fsrm=off; return; }
	echo max,la57=off
}

log2() {
	local n=0
	while [ $((1 << n)) -lt "$1" ]; do n=$((n + 1)); done
	echo $n
}

# boot LIMIT [QEMU-ARGS...]: starts the machine in the background, its process in $QEMU, with what
# is our file descriptor 0 as its own. The guest resets it when all is done; after LIMIT seconds
# (0: never) it is stopped.
boot() {
	local limit=$1 qemu
	shift
	# shellcheck disable=SC2054	# the commas are QEMU's
	qemu=(qemu-system-x86_64 -M q35 -nodefaults -no-user-config -display none -vga none -no-reboot
		-monitor none -accel "$ACCEL" -cpu "$(processor)" -smp "$SMP" -m "$MEM"
		-kernel "$KERNEL_DIR/kernel" -initrd "$KERNEL_DIR/initrd" -append "${KERNEL_ARGS//[$'\n\t']/ } $(tsc_rate) $APPEND"
		-serial "file:$RUN/console"
		-drive "file=$RUN/swap,format=raw,if=none,id=swap,discard=unmap" -device virtio-blk-pci,drive=swap,addr=0x8)
	[ -z "$ICOUNT" ] || qemu+=(-icount "shift=$(log2 "$ICOUNT"),sleep=off")
	add_share job "$JOB" off
	add_share modules "$KERNEL_DIR/modules/" on
	if [ "$ROOT" = host ]; then
		add_share root / on
	else
		# shellcheck disable=SC2054
		qemu+=(-drive "file=$IMAGE_DIR/root.ext4,format=raw,if=none,id=root,snapshot=on"
			-device virtio-blk-pci,drive=root,addr=0x9)
	fi
	# Its job begins with the driver; of one that can be suspended nothing is seen here any more then.
	local started=loaded
	[ -z "$SUSPEND" ] || started=started
	# whatever happens to this script, the machine goes with it
	setpriv --pdeathsig TERM "$TOP/vm/machine.sh" "$limit" "$JOB/out/$started" "${qemu[@]}" "$@" \
		<&0 2> "$RUN/qemu.log" &
	QEMU=$!
	CHILDREN+=("$QEMU")
}

add_share() {	# TAG FOLDER READ-ONLY; for boot and its callers
	qemu+=(-fsdev "local,id=$1,path=${2//,/,,},security_model=none,readonly=$3,multidevs=remap"
		-device "virtio-9p-pci,fsdev=$1,mount_tag=$1")
}

# Waits for the machine to be off.
wait_off() {
	local status=0
	wait "$QEMU" || status=$?
	grep -v 'terminating on signal' "$RUN/qemu.log" >&2 || :
	cat "$RUN/console" >> "$RUN/console.log" 2>/dev/null || :
	rm -f "$RUN/console"
	[ -z "$LOG" ] || cp "$RUN/console.log" "$LOG"
	return "$status"
}

# Ends the run when the guest did not come as far as the job.
require_loaded() {
	[ ! -e "$JOB/out/loaded" ] || return 0
	[ ! -s "$JOB/out/main.log" ] || cat "$JOB/out/main.log" >&2
	tail -n 15 "$RUN/console.log" | tr -d '\r' >&2
	if [ -e "$JOB/out/not-loaded" ]; then
		die "the module did not load (see above)"
	fi
	die "the guest did not start (see above)"
}
