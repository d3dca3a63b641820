# SPDX-License-Identifier: GPL-2.0 OR MIT
# From a kernel's files to what QEMU boots.
# shellcheck shell=bash

# make_bootable DIR: fills DIR for use_kernel, which has set release, image, modules and build.
make_bootable() {
	local dir=$1 offset
	ln -s "$modules" "$dir/modules"
	ln -s "$build" "$dir/build"
	# Unpacked, the stock kernel boots 2 s sooner without KVM. One with KASAN cannot be booted so.
	offset=$(LC_ALL=C grep -obaP '\xFD7zXZ\x00' "$image" | head -n 1 | cut -d: -f1) || :
	if [ -n "$offset" ]; then
		tail -c "+$((offset + 1))" "$image" | xz -dc --single-stream > "$dir/kernel" 2>/dev/null || :
	fi
	[ "$(head -c 4 "$dir/kernel" 2>/dev/null | tail -c 3)" = ELF ] || cp "$image" "$dir/kernel"
	make_initrd "$dir"
	echo "$release" > "$dir/release"
}

make_initrd() {
	local dir=$1 tree=$1/tree name file
	mkdir -p "$tree"/{bin,mods,proc,sys,dev,job,root}
	cp "$(command -v busybox)" "$tree/bin/busybox"
	install -m 755 "$TOP/vm/guest/init" "$tree/init"
	for name in "${BOOT_MODULES[@]}"; do
		modprobe -d "${modules%/lib/modules/*}/" -S "$release" --show-depends "$name" 2>/dev/null || :
	done | awk '$1 == "insmod" && !seen[$2]++ { print $2 }' | while read -r file; do
		name=${file##*/}
		case $file in
		*.xz) xz -dc "$file" > "$tree/mods/${name%.xz}" ;;
		*) cp "$file" "$tree/mods/" ;;
		esac
		echo "${name%.xz}"
	done > "$tree/order"
	(cd "$tree" && find . | cpio -o -H newc --quiet) > "$dir/initrd"
	rm -r "$tree"
}
