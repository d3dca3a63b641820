# SPDX-License-Identifier: GPL-2.0 OR MIT
# The module for the kernel in use. Built in the cache, in a copy for each kernel: builds for
# several kernels do not disturb each other, nor what make module left in the checkout.
# shellcheck shell=bash

# build_module FILE: builds the checkout's module for $KERNEL_DIR and copies it to FILE. With
# STRICT=1 a warning is an error; with CHECK=PROGRAM that looks at every source file too. The log is
# left in $BUILD_LOG. NAME FOLDER: another module of the checkout, that the tests need.
build_module() {
	local name=${2:-softgem} folder=${3:-driver} copy lock flags=(W=1)
	[ "${STRICT:-0}" = 0 ] || flags+=(KCFLAGS=-Werror)
	[ -z "${CHECK:-}" ] || flags+=(C=2 "CHECK=$CHECK")
	[ -f "$TOP/$folder/Kbuild" ] || die "no $folder/Kbuild in $TOP"
	packages gcc make libc6-dev
	copy=$CACHE/module-$KERNEL-$(cksum <<< "$TOP ${flags[*]}" | cut -d' ' -f1)
	BUILD_LOG=$copy/build.log
	mkdir -p "$copy"
	exec {lock}<"$copy"
	flock "$lock"
	if [ "$KERNEL_DIR" != "$(cat "$copy/kernel" 2>/dev/null)" ]; then
		rm -rf "${copy:?}"/*
		echo "$KERNEL_DIR" > "$copy/kernel"
	fi
	# make builds what changed here: only what differs is copied, and files that went go
	(cd "$TOP" && find device driver include tests/importer tests/sw_sync -name '*.[chS]' -o -name '*.mk' -o -name Kbuild -o -name Makefile) \
		2>/dev/null | grep -v '\.mod\.c$' | sort > "$copy/files" || :
	comm -23 <(sort "$copy/files.last" 2>/dev/null) "$copy/files" | (cd "$copy" && xargs -r -d '\n' rm -f)
	mv "$copy/files" "$copy/files.last"
	local file
	while IFS= read -r file; do
		cmp -s "$TOP/$file" "$copy/$file" || install -D -m 644 "$TOP/$file" "$copy/$file"
	done < "$copy/files.last"
	make -C "$KERNEL_DIR/build" M="$copy/$folder" "${flags[@]}" -j"$(nproc)" modules > "$BUILD_LOG" 2>&1 || {
		grep -E 'error|warning|\*\*\*' -A 6 "$BUILD_LOG" | sed "s,$copy/,,g" | head -n 60 >&2
		die "the module $name does not build for kernel $KERNEL_RELEASE; the whole log is $BUILD_LOG"
	}
	cp "$copy/$folder/$name.ko" "$1"
	exec {lock}>&-
}
