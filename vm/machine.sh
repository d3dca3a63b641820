#!/bin/bash
# SPDX-License-Identifier: GPL-2.0 OR MIT
# machine.sh LIMIT STARTED COMMAND...: runs a virtual machine until it is off, or for LIMIT seconds
# (0: any time). One that does not come as far as making the file STARTED is started again: an emulated
# processor may lose its timer while the kernel boots, one in hundreds does, and then the machine waits
# for ever.
set -u
limit=$1 started=$2
shift 2
each=${SOFTGEM_START_LIMIT:-180}	# seconds
stopped=
trap 'stopped=1; kill "$machine"' TERM
for again in 'once more' 'once more' 'given up'; do
	rm -f -- "$started"
	touch -- "${started%/*}"	# for who watches whether anything changes there
	began=$SECONDS
	# whatever happens to this script, the machine goes with it
	setpriv --pdeathsig TERM timeout --foreground -k 60 "$limit" \
		setpriv --pdeathsig KILL "$@" <&0 &
	machine=$!
	late=
	while kill -0 "$machine" 2>/dev/null; do
		if [ -e "$started" ] || [ "$late" ]; then
			wait "$machine"
		elif [ $((SECONDS - began)) -ge "$each" ]; then
			late=1
			kill "$machine"
		else
			sleep 0.5 &
			wait -n "$machine" $!
		fi
	done
	wait "$machine"
	status=$?
	[ "$late" ] && [ ! "$stopped" ] || exit "$status"
	echo "softgem: the guest had not started after $each s: $again" >&2
	[ "$limit" = 0 ] || [ "$limit" -gt "$each" ] || exit 124
	[ "$limit" = 0 ] || limit=$((limit - each))
done
exit "$status"
