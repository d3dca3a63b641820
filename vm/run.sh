# SPDX-License-Identifier: GPL-2.0 OR MIT
# softgem run, softgem shell: a program of the host's in the guest.
# shellcheck shell=bash

# run_program PROGRAM ARGS...: returns its exit status. With TTY=1 it gets the terminal that we
# have, else its standard streams are carried one by one.
run_program() {
	local cwd=$PWD
	new_job host
	# / itself stays read-only
	[ "$cwd" = / ] || echo "CWD=$(shell_quote "$cwd")" >> "$JOB/config"
	{
		# shellcheck disable=SC2016	# for the guest to expand
		echo 'echo $$ > "$group/cgroup.procs"; unset group'
		export_environment
		echo "cd $(shell_quote "$cwd") || exit $EX_FAILED"
		printf 'exec'
		local arg
		for arg; do
			printf ' %s' "$(shell_quote "$arg")"
		done
		echo
	} > "$JOB/program"
	cp "$TOP/vm/guest/program" "$JOB/job"

	local qemu=(-device virtio-serial-pci)
	[ "$cwd" = / ] || add_share cwd "$cwd" off
	if [ "${TTY:-}" ]; then
		on_terminal "${qemu[@]}"
	else
		on_streams "${qemu[@]}"
	fi
}

# Variables that a shell can name, but for those that are about this shell.
export_environment() {
	local name
	while read -r name; do
		case $name in
		''|*[!A-Za-z0-9_]*|_|PWD|OLDPWD|SHLVL|MAKEFLAGS|MAKELEVEL|MFLAGS|BASHOPTS|SHELLOPTS) continue ;;
		esac
		echo "export $name=$(shell_quote "${!name}")"
	done < <(compgen -e)
}

# The machine's console is our terminal: QEMU puts it into raw mode, and back.
on_terminal() {
	local rows cols
	read -r rows cols < <(stty size)
	echo "TTY='rows $rows cols $cols'" >> "$JOB/config"
	boot "$TIMEOUT" "$@" -chardev stdio,id=tty,signal=off -device virtconsole,chardev=tty
	end_run
}

# Each stream has a port. What the guest writes goes through files: QEMU never has to wait for
# whoever reads our output, so nothing is still under way when the guest turns the machine off.
on_streams() {
	local out err copy
	echo "TTY=" >> "$JOB/config"
	: > "$RUN/stdout"
	: > "$RUN/stderr"
	# a cat in between: QEMU makes its standard input non-blocking, for all who share it
	exec {copy}< <(exec cat <&0)
	CHILDREN+=("$!")
	boot "$TIMEOUT" "$@" -chardev stdio,id=in,signal=off -device virtserialport,chardev=in,name=in \
		-chardev "file,id=out,path=$RUN/stdout" -device virtserialport,chardev=out,name=out \
		-chardev "file,id=err,path=$RUN/stderr" -device virtserialport,chardev=err,name=err \
		<&"$copy" > "$RUN/qemu.out"
	follow "$RUN/stdout" & out=$!
	follow "$RUN/stderr" >&2 & err=$!
	CHILDREN+=("$out" "$err")
	stop_without_reader "$out" & CHILDREN+=("$!")
	end_run "$out" "$err"
}

# shellcheck disable=SC2153	# not qemu
follow() { exec tail -q -f -c +1 -s 0.1 --pid="$QEMU" "$1"; }

# Nobody reads our output any more: then the program need not go on, as in a pipe.
stop_without_reader() {
	while kill -0 "$QEMU" 2>/dev/null; do
		sleep 1
		if ! kill -0 "$1" 2>/dev/null; then
			# it also ends when the machine does, as it may have by now
			kill -0 "$QEMU" 2>/dev/null || return 0
			touch "$RUN/no-reader"
			kill "$QEMU" 2>/dev/null
			return
		fi
	done
}

end_run() {
	local status=0 found
	wait_off || status=$?
	[ $# = 0 ] || wait "$@" 2>/dev/null || :
	found=$(splats "$RUN/console.log")
	[ -z "$found" ] || say "the kernel complained:"$'\n'"$found"
	[ "$status" != 124 ] || { say "stopped after $TIMEOUT s"; exit "$EX_TIMEOUT"; }
	[ ! -e "$RUN/no-reader" ] || exit 141	# as if SIGPIPE had ended us
	require_loaded
	[ -s "$JOB/out/status" ] || die "the machine stopped before the program ended"
	status=$(cat "$JOB/out/status")
	[ -e "$JOB/out/done" ] || die "the machine stopped before the module was unloaded"
	[ "$status" != 0 ] || [ -z "$found" ] || status=$EX_FAILED
	exit "$status"
}
