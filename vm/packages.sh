# SPDX-License-Identifier: GPL-2.0 OR MIT
# Debian packages: those to install here, and those of other suites to unpack in the cache.
# shellcheck shell=bash

APT_OPTIONS=(-o Acquire::Retries=3 -o Acquire::Check-Valid-Until=false -o DPkg::Lock::Timeout=300)

# again COMMAND...: up to three times. An archive that is being updated is not for a minute.
again() {
	"$@" || { sleep 15; "$@"; } || { sleep 60; "$@"; }
}

# packages NAME...: install those that are missing.
packages() {
	local missing
	find_missing "$@"
	[ ${#missing[@]} != 0 ] || return 0
	mkdir -p "$CACHE"
	(
		flock 8
		find_missing "$@"
		[ ${#missing[@]} = 0 ] || install_missing
	) 8> "$CACHE/packages.lock"
}

find_missing() {
	local -A have=()
	local name
	missing=()
	while read -r name; do
		have[$name]=1
	done < <(dpkg-query -W -f '${db:Status-Abbrev} ${Package}\n' "$@" 2>/dev/null | sed -n 's/^.i  *//p')
	for name; do
		[ -n "${have[$name]:-}" ] || missing+=("$name")
	done
}

update_and_install() {
	as_root apt-get "${APT_OPTIONS[@]}" -qq update &&
		as_root env DEBIAN_FRONTEND=noninteractive apt-get "${APT_OPTIONS[@]}" -qq -y \
			--no-install-recommends install "$@"
}

install_missing() {
	say "installing Debian packages: ${missing[*]}"
	local log=$CACHE/apt.log
	if ! again update_and_install "${missing[@]}" > "$log" 2>&1; then
		tail -n 5 "$log" >&2
		die "apt-get could not install ${missing[*]}; the whole log is $log"
	fi
}

# What apt reads, and of which release: all of it, or what has the properties given.
sources() {
	# shellcheck disable=SC2016	# apt expands it
	apt-get indextargets --format '$(REPO_URI) $(RELEASE)' 'Created-By: Packages' "$@"
}

# The archive that this machine's apt already uses for its own release: other suites are beside it.
# The lists that tell Debian's own from another's may not be there yet. Where a file names several
# archives, as on Debian's cloud images, it is the first.
mirror() {
	local uri release
	while read -r uri release; do
		case $release in *security* | *updates* | *backports*) continue ;; esac
		uri=${uri%/}
		case $uri in mirror+file:*) read -r uri _ < "${uri#mirror+file:}" || : ;; esac
		case $uri in */debian | */debian/*) echo "${uri%/}"; return ;; esac
	done < <(sources 'Origin: Debian'; sources)
	echo http://deb.debian.org/debian
}

# suite_apt DIR SUITE COMMAND...: apt-get or apt-cache with lists of its own below DIR, for SUITE alone.
suite_apt() {
	local dir=$1 suite=$2 tool=$3 source
	shift 3
	source="deb $(mirror) $suite main"
	mkdir -p "$dir"/apt/{lists,cache}/partial
	local options=(-o "Dir::Etc::SourceList=$dir/apt/list" -o Dir::Etc::SourceParts=-
		-o "Dir::State::Lists=$dir/apt/lists" -o "Dir::Cache=$dir/apt/cache"
		-o APT::Sandbox::User= "${APT_OPTIONS[@]}")
	if [ "$source" != "$(cat "$dir/apt/list" 2>/dev/null)" ]; then
		echo "$source" > "$dir/apt/list"
		again apt-get "${options[@]}" -qq --error-on=any update ||
			die "cannot read the package list of Debian $suite"
	fi
	"$tool" "${options[@]}" "$@"
}

# unpack_from_suite DIR SUITE PACKAGE...: the files of the packages, not installed, in DIR.
unpack_from_suite() {
	local dir=$1 suite=$2 deb
	shift 2
	(mkdir -p "$dir/debs" && cd "$dir/debs" && again suite_apt "$dir" "$suite" apt-get -qq download "$@") ||
		die "cannot fetch $* from Debian $suite"
	for deb in "$dir"/debs/*.deb; do
		dpkg-deb -x "$deb" "$dir"
	done
	rm -r "$dir/debs" "$dir/apt"
}
