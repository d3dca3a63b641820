# SPDX-License-Identifier: GPL-2.0 OR MIT
# Stages of tests and their results. Sourced by the scripts here.
# shellcheck shell=bash
for part in common packages initrd kernel module image splats boot; do
	# shellcheck source=/dev/null
	. "$(dirname "${BASH_SOURCE[0]}")/../../vm/$part.sh"
done
cd "$TOP"
LOGS=$TOP/out/test/${KERNEL:-stock}

# stage NAME COMMAND...: runs a group of tests, which appends to $RESULTS lines of VERDICT, TEST,
# REMARK, tab-separated; verdicts are pass, fail, skip. Prints one line for the group, and the
# failures with the end of the group's log.
stage() {
	local name=$1 start=$SECONDS status=0
	shift
	RESULTS=$LOGS/$name.results
	STAGE_LOG=$LOGS/$name.log
	STAGE_DIR=$LOGS/$name
	rm -rf "$STAGE_DIR"
	mkdir -p "$STAGE_DIR"
	: > "$RESULTS"
	printf '%-10s' "$name"
	# in a shell of its own, for set -e to hold in it
	( "$@" ) > "$STAGE_LOG" 2>&1 &
	CHILDREN=("$!")
	wait "$!" || status=$?
	CHILDREN=()
	[ "$status" -lt 128 ] || exit "$status"
	[ -s "$RESULTS" ] || [ "$status" != 0 ] || status=1
	[ "$status" = 0 ] || grep -q '^fail' "$RESULTS" || fail "$name did not come to its end"
	awk -F '\t' -v time=$((SECONDS - start)) '{ c[$1]++ }
		END { printf "%d passed, %d failed, %d skipped (%d s)\n", c["pass"], c["fail"], c["skip"], time }' "$RESULTS"
	if grep -q '^fail' "$RESULTS"; then
		awk -F '\t' '/^fail/ && ++n <= 40 { print "    FAIL  " $2 ($3 == "" ? "" : "  # " $3) }
			END { if (n > 40) print "    and " n - 40 " more" }' "$RESULTS"
		echo "    the end of ${STAGE_LOG#"$TOP"/}:"
		tail -n 20 "$STAGE_LOG" | sed 's/^/    | /'
	fi
}

# A machine that is up when the tests are interrupted goes with them.
softgem() { setpriv --pdeathsig TERM "$TOP/softgem" "$@"; }

verdict() { printf '%s\t%s\t%s\n' "$1" "$2" "${3:-}" >> "$RESULTS"; }
pass() { verdict pass "$@"; }
fail() { verdict fail "$@"; }

# tap NAME FILE: TAP of one program or, after lines "# program P", of several. A plan that is not
# kept is a failure.
tap() {
	awk -v OFS='\t' -v program="$1" '
		function finish() {
			if (plan != "" && plan != seen)
				print "fail", program, seen + 0 " of " plan " tests were run"
			plan = ""; seen = 0
		}
		/^# program / { finish(); program = $3; next }
		/^1\.\.[0-9]+/ { plan = substr($1, 4) + 0; next }
		/^(not )?ok( |$)/ {
			verdict = /^not/ ? "fail" : /# SKIP/ ? "skip" : "pass"
			seen += /^(not )?ok [0-9]/	# what a runner adds has no number
			sub(/^(not )?ok *[0-9]* *(- )?/, "")
			remark = ""
			if (match($0, / *# (SKIP *)?/)) {
				remark = substr($0, RSTART + RLENGTH)
				$0 = substr($0, 1, RSTART - 1)
			}
			print verdict, program ": " $0, remark
		}
		END { finish() }' "$2" >> "$RESULTS"
}

# A complaint of the guest's kernel is a failure.
check_console() {
	local line
	while read -r line; do
		fail "the kernel complained" "$line"
	done < <(splats "$1")
}

total() {
	cat "$LOGS"/*.results | awk -F '\t' '{ c[$1]++ }
		END {
			printf "%d passed, %d failed%s\n", c["pass"], c["fail"], c["skip"] ? ", " c["skip"] " skipped" : ""
			exit c["fail"] > 0 || !c["pass"]
		}'
}
