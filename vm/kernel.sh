# SPDX-License-Identifier: GPL-2.0 OR MIT
# Kernels to boot, and where each comes from. One that is ready is a folder in the cache:
#   kernel    what QEMU boots        initrd   busybox and the modules that lead to the root
#   release   what uname -r says     modules  its /lib/modules/RELEASE
#   build     what modules are built against (KDIR)
# shellcheck shell=bash

# What the initramfs loads, in this order, if the kernel has it as a module.
BOOT_MODULES=(virtio_pci virtio_console virtio_blk 9p 9pnet_virtio ext4 overlay)

# use_kernel NAME: makes the kernel if need be. Leaves its folder in $KERNEL_DIR and the release in
# $KERNEL_RELEASE.
use_kernel() {
	local release image modules build
	packages busybox-static cpio kmod xz-utils
	lock "kernel-$1"
	case $1 in
	stock) stock_kernel ;;
	6.12) packaged_kernel 6.12 bookworm-backports ;;
	debug|kcsan) built_kernel "$1" ;;
	*) die "no such kernel: $1 (there are: stock 6.12 debug kcsan)" ;;
	esac
	cached "kernel-$1" "$release $image $(stat -c '%s %Y' "$image") $(cat "$TOP/vm/guest/init") $(declare -f make_bootable make_initrd) \
		${BOOT_MODULES[*]} $(stat -c '%s %Y' "$(command -v busybox)")" make_bootable
	KERNEL_DIR=$cached
	# keeps the folder from being dropped while we use it
	exec {KERNEL_LOCK}<"$KERNEL_DIR"
	flock -s "$KERNEL_LOCK"
	unlock
	KERNEL_RELEASE=$release
}

# Each of the following says where things are: sets release, image (a bzImage), modules and build.

# The newest of the kernels that Debian's packages installed here, with headers.
stock_kernel() {
	local dir
	packages linux-image-amd64 linux-headers-amd64
	release=
	for dir in $(printf '%s\n' /lib/modules/*-amd64 | sort -V); do
		[ ! -f "/boot/vmlinuz-${dir##*/}" ] || [ ! -e "$dir/build/Makefile" ] || release=${dir##*/}
	done
	[ -n "$release" ] || die "no kernel in /boot with its headers in /lib/modules/*/build"
	image=/boot/vmlinuz-$release
	modules=/lib/modules/$release
	build=$modules/build
}

# packaged_kernel VERSION SUITE: a kernel of another Debian suite, unpacked and not installed.
packaged_kernel() {
	cached "tree-$1" "$2" unpack_kernel "$1" "$2"
	tree_kernel
}

unpack_kernel() {
	local version=$1 suite=$2 dir=$3 headers
	release=$(suite_apt "$dir" "$suite" apt-cache depends linux-image-amd64 |
		sed -n 's/^ *Depends: linux-image-\([^ ]*\)$/\1/p' | head -n 1)
	case $release in
	"$version".*) ;;
	*) die "Debian $suite has kernel ${release:-none}, not $version" ;;
	esac
	say "fetching kernel $release from Debian $suite"
	headers=linux-headers-$release
	unpack_from_suite "$dir" "$suite" "linux-image-$release" "$headers" "${headers%-amd64}-common" \
		"linux-kbuild-$version*"
	# they name each other by the place where they would be installed
	# shellcheck disable=SC2016	# make expands it
	sed -i "s,^include /usr/src/,include \$(dir \$(lastword \$(MAKEFILE_LIST)))../," "$dir/usr/src/$headers/Makefile"
	# vmlinux is there for type information that modules can do without, and that needs pahole
	rm -rf "${dir:?}/usr/share" "$dir/usr/src/$headers/vmlinux"
	depmod -b "$dir" "$release"
	ln -s "usr/src/$headers" "$dir/build"
	ln -s "boot/vmlinuz-$release" "$dir/bzImage"
	echo "$release" > "$dir/release"
}

# What is in the tree that was made last: bzImage, lib/modules, build, release.
tree_kernel() {
	release=$(cat "$cached/release")
	image=$cached/bzImage
	modules=$cached/lib/modules/$release
	build=$cached/build
}

# built_kernel NAME: built from Debian's source package with vm/NAME.config over the defaults.
built_kernel() {
	local config=("$TOP/vm/debug.config") version
	[ "$1" = debug ] || config+=("$TOP/vm/$1.config")
	packages linux-source-6.1 gcc make libc6-dev bison flex bc libelf-dev libssl-dev perl
	version=$(dpkg-query -W -f '${Version}' linux-source-6.1)
	cached "tree-$1" "$version $(cat "${config[@]}")" build_tree "$1" "$version" "${config[@]}"
	tree_kernel
}

build_tree() {
	local name=$1 version=$2 dir=${!#} config=("${@:3:$#-3}") log=$CACHE/kernel-$1.log source=$CACHE/source-$1
	say "building the $name kernel (8 minutes on 2 cores), log: $log"
	build_kernel "$source" "$version" "${config[@]}" > "$log" 2>&1 || {
		tail -n 20 "$log" >&2
		die "the $name kernel does not build; the whole log is $log"
	}
	make -s -C "$source" INSTALL_MOD_PATH="$dir" INSTALL_MOD_STRIP=1 modules_install >> "$log" 2>&1
	cp "$source/include/config/kernel.release" "$dir/release"
	rm -f "$dir"/lib/modules/*/{build,source}
	cp "$source/arch/x86/boot/bzImage" "$dir/bzImage"
	mv "$source" "$dir/build"
}

# The source stays where it is until all is built: make goes on where an interruption left it.
build_kernel() {
	local source=$1 key
	key=$2$(cat "${@:3}")
	if [ "$key" != "$(cat "$source/softgem.key" 2>/dev/null)" ]; then
		rm -rf "$source"
		mkdir -p "$source"
		tar -C "$source" --strip-components=1 -xf /usr/src/linux-source-6.1.tar.xz || return
		(cd "$source" && make -s x86_64_defconfig && scripts/kconfig/merge_config.sh -m .config "${@:3}" &&
			make -s olddefconfig) || return
		check_config "$source/.config" "${@:3}" || return
		echo "$key" > "$source/softgem.key"
	fi
	make -C "$source" -j"$(nproc)" bzImage modules
}

# What a fragment asks for and the kernel's own rules drop would be missed much later.
check_config() {
	local result=$1 line last wrong=0
	shift
	while read -r line; do
		! grep -qxF -- "$line" "$result" || continue
		last=$(cat "$@" | grep -E "^${line%%=*}=|^# ${line%%=*} is not set" | tail -n 1)
		[ "$last" != "$line" ] || { echo "the configuration did not take: $line"; wrong=1; }
	done < <(cat "$@" | grep '^CONFIG_')
	return "$wrong"
}
