# SPDX-License-Identifier: GPL-2.0 OR MIT
# What every part of the harness uses: messages, the cache, locks. Sourced, not run.
# shellcheck shell=bash
set -euo pipefail
PATH=$PATH:/usr/sbin:/sbin

TOP=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
CACHE=${XDG_CACHE_HOME:-$HOME/.cache}/softgem

# Exit statuses of our own, as in env(1) and timeout(1): a program that runs in the guest seldom
# uses them.
EX_TIMEOUT=124
EX_FAILED=125

say() { printf 'softgem: %s\n' "$*" >&2; }
die() { say "$*"; exit "$EX_FAILED"; }

as_root() {
	if [ "$(id -u)" = 0 ]; then
		"$@"
	elif command -v sudo >/dev/null; then
		sudo -- "$@"
	else
		die "needs root for: $* (run as root, or install sudo)"
	fi
}

# Every file or folder that must not outlive this process, whatever ends it.
SCRATCH=()
CHILDREN=()
cleanup() {
	local status=$?
	trap - EXIT
	trap '' INT TERM HUP
	[ ${#CHILDREN[@]} = 0 ] || kill "${CHILDREN[@]}" 2>/dev/null || :
	# the machine writes into the folders: wait for it before they go
	[ ${#CHILDREN[@]} = 0 ] || wait "${CHILDREN[@]}" 2>/dev/null || :
	[ ${#SCRATCH[@]} = 0 ] || rm -rf -- "${SCRATCH[@]}"
	exit "$status"
}
trap cleanup EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

# new_scratch NAME: makes a folder in the cache that is gone when we are; its path in $scratch.
new_scratch() {
	scratch=$(mktemp -d "$CACHE/tmp.$$.$1.XXXXXX")
	SCRATCH+=("$scratch")
}

# What those left that had no time to clean up.
sweep() {
	local dir pid
	for dir in "$CACHE"/tmp.*; do
		pid=${dir#"$CACHE"/tmp.}
		[ -e "/proc/${pid%%.*}" ] || rm -rf -- "$dir"
	done
}

# lock NAME: one process at a time makes one thing of the cache; the others wait, and then find the
# work done. Different things do not wait for each other.
lock() {
	mkdir -p "$CACHE"
	exec {CACHE_LOCK}>"$CACHE/$1.lock"
	flock -n "$CACHE_LOCK" || { say "waiting for another softgem ($1)"; flock "$CACHE_LOCK"; }
	sweep
}
unlock() { exec {CACHE_LOCK}>&-; }

# cached NAME KEY COMMAND ARGS...: the folder $CACHE/NAME-<hash of KEY>, made by COMMAND ARGS... DIR
# in a scratch folder and renamed when it is whole: what an interruption leaves is not there under
# this name. What other keys have left is removed. KEY holds all that the folder is made from. The
# path is left in $cached. The caller holds the lock of NAME.
cached() {
	local name=$1 key=$2 old
	shift 2
	cached=$CACHE/$name-$(sha256sum <<< "$key" | cut -c1-12)
	[ ! -d "$cached" ] || return 0
	new_scratch "making-$name"
	"$@" "$scratch"
	chmod 755 "$scratch"
	mv -T "$scratch" "$cached"
	for old in "$CACHE/$name"-????????????; do
		[ "$old" = "$cached" ] || drop_old "$old"
	done
}

# A machine that still runs from an old folder holds a shared lock on it.
drop_old() {
	if flock -n -x "$1" true; then
		rm -rf -- "$1"
	fi
}
