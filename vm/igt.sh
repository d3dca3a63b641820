# SPDX-License-Identifier: GPL-2.0 OR MIT
# softgem igt: IGT's tests, as Debian ships them, in the guest image.
# shellcheck shell=bash

# The lines of a list (see tests/igt/):
#   PATTERN                 run these; PATTERN is TEST or TEST@SUBTEST, with wildcards
#   PATTERN  skip: REASON   run these, they may skip
#   PATTERN  fail: REASON   run these, they are known not to pass
#   PATTERN  slow: REASON   likewise, but only on kernels that check what they do (debug, kcsan)
# A ! before the pattern takes away from what stands above. # begins a comment.

# run_igt TEST|LIST...: prints a line for each test, and what the kernel complained about. Exit
# status 0: all passed, or did what the list says they may.
run_igt() {
	local word
	packages jq
	use_image
	new_job image
	for word; do
		if [ -f "$word" ]; then cat "$word"; else echo "$word"; fi
	done > "$RUN/patterns"
	expand_patterns < "$RUN/patterns" | awk -v i="${PART%/*}" -v n="${PART#*/}" 'NR % n == i % n' > "$RUN/tests"
	awk -F '\t' '$1 == "" { print "igt@" $2 }' "$RUN/tests" > "$JOB/list"
	if [ -s "$JOB/list" ]; then
		write_igt_job
		run_igt_job
		igt_results > "$RUN/results"
	else
		: > "$RUN/results"
	fi
	[ -z "$OUT" ] || keep_igt_logs
	judge_igt
}

# Patterns -> lines of PROBLEM, TEST, ANNOTATION, tab-separated: a problem means it cannot be run.
expand_patterns() {
	local line pattern note
	while IFS= read -r line; do
		line=${line%%#*}
		read -r pattern note <<< "$line" || :
		pattern=${pattern#igt@}
		case $pattern:$note in
		:) continue ;;
		*:|*:skip:\ ?*|*:fail:\ ?*|*:slow:\ ?*) ;;
		*) printf 'bad line\t%s\t\n' "$line"; continue ;;
		esac
		case $pattern in
		!*) printf -- '-\t%s\t\n' "${pattern#!}" ;;
		*@*) matching_tests "$pattern" "$note" ;;
		*) matching_tests "$pattern@*" "$note" ;;
		esac
	done | awk -F '\t' '
		function glob(p) {	# to a regular expression
			gsub(/[.+^$(){}|\\]/, "\\\\&", p); gsub(/\*/, ".*", p); gsub(/\?/, ".", p)
			return "^" p (p ~ /@/ ? "" : "(@.*)?") "$"
		}
		$1 == "-" { re = glob($2); for (t in note) if (t ~ re) delete note[t]; next }
		$1 != "" { print; next }
		!($2 in place) { place[$2] = ++n; test[n] = $2 }
		{ note[$2] = $3 }
		END { for (i = 1; i <= n; i++) if (test[i] in note) print "\t" test[i] "\t" note[test[i]] }'
}

# matching_tests TEST@SUBTEST NOTE: those that exist.
matching_tests() {
	local binary name sub found=
	for binary in "$IMAGE_DIR/root$IGT_DIR"/${1%%@*}; do
		[ -x "$binary" ] || continue
		name=${binary##*/}
		in_image "$IGT_DIR/$name" --list-subtests > "$RUN/subtests" 2>/dev/null || :
		if [ ! -s "$RUN/subtests" ] && [ "${1#*@}" = '*' ]; then
			# a test of one piece
			printf '\t%s\t%s\n' "$name" "$2"
			found=1
		fi
		while read -r sub; do
			# shellcheck disable=SC2053	# a pattern
			[[ $sub == ${1#*@} ]] || continue
			printf '\t%s\t%s\n' "$name@$sub" "$2"
			found=1
		done < "$RUN/subtests"
	done
	[ "$found" ] || printf 'no such test\t%s\t\n' "$1"
}

# igt_runner gives each subtest a process and a time. It leaves a test that does not react to
# SIGQUIT for two minutes; the watchdog kills it sooner, and resets a machine in which that does not
# help. After a reboot igt_resume goes on with the next test.
write_igt_job() {
	{
		echo "IGT=$IGT_DIR TEST_TIMEOUT=$TEST_TIMEOUT"
		echo "MAP_CACHE=$MAP_CACHE MEMORY_GROUP=$MEMORY_GROUP"
		cat "$TOP/vm/guest/igt"
	} > "$JOB/job"
	: > "$JOB/out/died"
	[ "$MAP_CACHE" = 0 ] || build_for_guest map_cache
	if [ "$MEMORY_GROUP" != 0 ]; then
		build_for_guest memory_group
		# what the kernel allocates for them is not counted: that would fail, and could not wait
		APPEND+=' cgroup.memory=nokmem'
	fi
}

build_for_guest() {
	packages gcc libc6-dev
	gcc -static -O2 -Wall -o "$JOB/$1" "$TOP/vm/guest/$1.c"
}

# Boots until all tests were gone through. A machine that dies takes one test with it, and must have
# come further than the one before.
run_igt_job() {
	local end=$((SECONDS + (TIMEOUT ? TIMEOUT : 3600))) before='' now watch
	if [ -t 2 ]; then
		# igt_runner says what it is at
		tail -q -F "$JOB/out/igt.log" 2>/dev/null >&2 &
		CHILDREN+=("$!")
	fi
	while [ "$SECONDS" -lt "$end" ]; do
		boot $((end - SECONDS)) < /dev/null
		# nothing is heard until the end of one that can be suspended
		reset_when_silent $((SUSPEND ? end - SECONDS : TEST_TIMEOUT + 90)) & watch=$!
		CHILDREN+=("$watch")
		wait_off || :
		kill "$watch" 2>/dev/null || :
		require_loaded
		[ ! -e "$JOB/out/done" ] || return 0
		now=$(started_tests)
		[ "$now" != "$before" ] || die "the machine dies before a test begins: $(tail -n 3 "$RUN/console.log")"
		before=$now
		say "the machine died or was reset in test $now; going on after it"
	done
	say "stopped after $((TIMEOUT ? TIMEOUT : 3600)) s"
}

started_tests() { find "$JOB/out/results" -maxdepth 1 -name '[0-9]*' 2>/dev/null | wc -l; }

# A guest too dead for its own watchdog writes nothing any more (but kernel messages).
reset_when_silent() {
	touch "$JOB/out"
	while sleep 5; do
		[ -n "$(find "$JOB/out" ! -name dmesg.txt -newermt "$1 seconds ago" -print -quit)" ] || kill "$QEMU"
	done
}

# What a test says when it fails -> where, and what did not hold.
# shellcheck disable=SC2016
IGT_WHY='def why: [(.out, .err) // "" | capture(
	"file (?:[^ \n]*/)?(?<at>[^/ \n]+:[0-9]+):\n[^\n]*Failed assertion: (?<what>[^\n]*)" +
	"(?:\n[^\n]*Last errno: [^\n]*)?(?:\n[^\n]*CRITICAL: (?:error: )?(?<error>[^\n]*))?")][0] |
	if . then "\(.at): \(.what)" + if .error then " (\(.error))" else "" end else "" end;'

# Lines of RESULT, TEST, SECONDS, NUMBER, WHY for each that was to be run.
igt_results() {
	local results=$JOB/out/results
	[ -e "$results/joblist.txt" ] || { cat "$JOB/out/igt.log" >&2; die "igt_runner did not start"; }
	[ -e "$JOB/out/done" ] || started_tests >> "$JOB/out/died"
	in_image /usr/bin/igt_results "$results" > "$RUN/igt_results.log" 2>&1 || cat "$RUN/igt_results.log" >&2
	jq -r "$IGT_WHY"'.tests | to_entries[] | [(.key | ascii_downcase), (.value.result // "incomplete"),
		((.value.time.end // 0) * 10 | round / 10), (.value | why)] | @tsv' \
		"$results/results.json" > "$RUN/json.tsv"
	# igt_runner says nothing of a test that died before its first word
	awk -F '\t' -v results="$results" '
		FILENAME ~ /died$/ { died[$1]; next }
		FILENAME ~ /json.tsv$/ { result[$1] = $2; time[$1] = $3; why[$1] = $4; next }
		{
			name = tolower($1)
			r = name in result ? result[name] : "incomplete"
			if (r == "incomplete")
				r = FNR in died ? "machine died" : FNR > started ? "not run" : "crash"
			else if (r == "dmesg-warn")
				r = "pass"	# the splats say whether it mattered
			print r "\t" substr($1, 5) "\t" time[name] + 0 "\t" FNR - 1 "\t" why[name]
		}' started="$(started_tests)" "$JOB/out/died" "$RUN/json.tsv" "$JOB/list"
}

# One file a test: what it printed, and what the kernel did meanwhile.
keep_igt_logs() {
	local result name seconds number
	mkdir -p "$OUT"
	cp "$RUN/console.log" "$OUT/console.log"
	while IFS=$'\t' read -r result name seconds number _; do
		{
			# what was printed may be in igt_runner's own format: igt_results has unpacked it
			jq -r --arg name "igt@${name,,}" '.tests | to_entries[] |
				select((.key | ascii_downcase) == $name) | .value.out, .value.err' \
				"$JOB/out/results/results.json"
			cat "$JOB/out/results/$number/dmesg.txt"
		} > "$OUT/$name.log" 2>/dev/null || :
	done < "$RUN/results"
}

# Results and annotations -> the lines for people, and our exit status. With OUT they are also left
# there, in OUT/results: VERDICT, TEST, SECONDS, REMARK, tab-separated.
judge_igt() {
	local table=$RUN/verdicts
	awk -F '\t' -v OFS='\t' -v kernel="$KERNEL" '
		FILENAME ~ /results$/ { result[$2] = $1; time[$2] = $3; why[$2] = $5; next }
		$1 != "" { print "fail", $2, 0, $1; next }
		{
			r = result[$2]; kind = substr($3, 1, 4); reason = substr($3, 7)
			if (kind == "slow")
				kind = kernel == "debug" || kernel == "kcsan" ? "fail" : ""
			if (r == "pass") print "pass", $2, time[$2], kind == "fail" ? "listed as failing: " reason : ""
			else if (r == "skip" && kind != "") print "skip", $2, time[$2], reason
			else if (kind == "fail") print "known", $2, time[$2], reason
			else if (r == "skip") print "fail", $2, time[$2], "skipped, and should not"
			else print "fail", $2, time[$2], why[$2] == "" ? r : r == "fail" ? why[$2] : r ": " why[$2]
		}' "$RUN/results" "$RUN/tests" > "$table"
	splats "$RUN/console.log" | awk -v OFS='\t' '{ print "splat", $0, 0, "" }' >> "$table"
	[ -z "$OUT" ] || cp "$table" "$OUT/results"
	awk -F '\t' '{ c[$1]++; printf "%-5s %s%s\n", $1, $2, $4 == "" ? "" : "  # " $4 }
		END {
			failed = c["fail"] + c["splat"]
			printf "%d passed, %d failed, %d skipped%s\n", c["pass"], failed, c["skip"],
				c["known"] ? ", " c["known"] " known failures" : ""
			exit failed > 0
		}' "$table"
}
