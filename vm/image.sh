# SPDX-License-Identifier: GPL-2.0 OR MIT
# The guest image: a small Debian that has IGT's tests, which Debian 12 has not. Its root tree is
# kept beside the image: the host lists the tests, and reads their results, with the same binaries.
# shellcheck shell=bash

IMAGE_SUITE=forky
IMAGE_PACKAGES=kmod,igt-gpu-tools,igt-gpu-tools-tests
IGT_DIR=/usr/libexec/igt-gpu-tools

# Leaves the folder in $IMAGE_DIR: root.ext4, and root/ with the same files.
use_image() {
	packages mmdebstrap gpg e2fsprogs ca-certificates debian-archive-keyring
	lock image
	cached image "$IMAGE_SUITE $IMAGE_PACKAGES $(declare -f fill_image)" fill_image
	IMAGE_DIR=$cached
	exec {IMAGE_LOCK}<"$IMAGE_DIR"
	flock -s "$IMAGE_LOCK"
	unlock
}

fill_image() {
	local dir=$1
	say "making the guest image from Debian $IMAGE_SUITE"
	# trixie is signed by keys that are known here, and knows those of its successors
	mkdir "$dir/keys"
	unpack_from_suite "$dir/keys" trixie debian-archive-keyring
	as_root mmdebstrap --quiet --mode=root --variant=apt --keyring="$dir/keys/usr/share/keyrings" \
		--aptopt='Acquire::Check-Valid-Until "false"' --aptopt='Acquire::Retries "3"' \
		--include="$IMAGE_PACKAGES" "$IMAGE_SUITE" "$dir/root" "$(mirror)" ||
		die "mmdebstrap could not make the guest image"
	as_root chown -R "$(id -u):$(id -g)" "$dir/root"
	rm -r "$dir/keys"
	mke2fs -q -t ext4 -E root_owner=0:0 -d "$dir/root" -F "$dir/root.ext4" 1G > /dev/null
}

# in_image PROGRAM ARGS...: runs a program of the image here, with the image's libraries.
in_image() {
	local program=$1
	shift
	"$IMAGE_DIR/root/lib64/ld-linux-x86-64.so.2" --library-path "$IMAGE_DIR/root/usr/lib/x86_64-linux-gnu" \
		"$IMAGE_DIR/root$program" "$@"
}
