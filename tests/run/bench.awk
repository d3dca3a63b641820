# SPDX-License-Identifier: GPL-2.0 OR MIT
# What benchmarks print (tests/bench/bench.h) becomes dir/table.md and dir/table.csv, and a script
# for gnuplot for each plot.
BEGIN {
	FS = "\t"
	md = dir "/table.md"
	csv = dir "/table.csv"
	print "# Benchmarks\n" > md
	if (clock == "icount")
		print "Kernel " kernel ", one processor; a nanosecond is an instruction.\n" > md
	else
		print "Kernel " kernel ", by the clock.\n" > md
	print "| what | value | peer | its value | ratio | target | |" > md
	print "|---|---:|---|---:|---:|---:|---|" > md
	print "what,value,unit,peer,peer_value,ratio,target,result" > csv
	ratios = dir "/targets.gnuplot"
}

function quoted(text) { gsub(/"/, "\"\"", text); return "\"" text "\"" }
function plain(text) { gsub(/"/, "", text); return "\"" text "\"" }

# A number as people write it, with a separator of thousands.
function human(n,	text, i) {
	if (n < 1000)
		return sprintf("%.4g", n)
	text = sprintf("%.0f", n)
	for (i = length(text) - 3; i > 0; i -= 3)
		text = substr(text, 1, i) " " substr(text, i + 1)
	return text
}

function line(name, value, unit, peer, peer_value, ratio, target, result) {
	printf "| %s | %s %s | %s | %s | %s | %s | %s |\n", name, value, unit, peer,
		peer_value == "" ? "" : human(peer_value), ratio, target, result > md
}

$1 == "row" {
	value = $3 + 0
	peer = $5 == "-" ? "" : $5
	peer_value = peer == "" ? "" : $6 + 0
	ratio = peer_value > 0 ? sprintf("%.3g", value / peer_value) : ""
	target = $7 == "-" ? "" : $7
	result = ""
	if (target ~ /^x/) {
		limit = substr(target, 2) * peer_value
		target = "≤ " substr(target, 2) " ×"
	} else if (target != "") {
		limit = target + 0
		target = "≤ " human(limit)
	}
	if (target != "") {
		result = value <= limit ? "met" : "missed"
		used[++n] = limit > 0 ? value / limit : 0
		names[n] = $2
		results[n] = result
		count[result]++
	}
	line($2, human(value), $4, peer, peer_value, ratio, target, result)
	printf "%s,%s,%s,%s,%s,%s,%s,%s\n", quoted($2), $3, quoted($4), quoted(peer), peer_value, ratio,
		quoted(target), result > csv
}

function none(name, reason) {
	gsub(/\|/, "\\|", reason)
	line(name, "none:", reason, "", "", "", "", "not measured")
	printf "%s,,,,,,,%s\n", quoted(name), quoted("not measured: " reason) > csv
	count["not measured"]++
}

$1 == "none" { none($2, $3) }

# a benchmark that failed, or could not run
/^not ok |^ok .* # SKIP/ {
	reason = $0
	sub(/^[^#]*# (SKIP )?/, "", reason)
	sub(/^(not )?ok [0-9]* - /, "")
	sub(/ # .*/, "")
	none($0, reason)
}

$1 == "plot" {
	plot = $2
	title[plot] = $3
	x_axis[plot] = $4
	y_axis[plot] = $5
}

$1 == "point" {
	if (!(($2, $3) in points))
		series[$2, ++lines[$2]] = $3
	points[$2, $3] = points[$2, $3] $4 " " $5 "\n"
}

END {
	printf "\n%d met, %d missed, %d not measured.\n", count["met"], count["missed"], count["not measured"] > md
	for (plot in title) {
		file = dir "/" plot ".gnuplot"
		printf "set title %s\nset xlabel %s\nset ylabel %s\n", plain(title[plot]),
			plain(x_axis[plot]), plain(y_axis[plot]) > file
		print "set logscale xy\nset key below noenhanced\nset format x '10^{%T}'" > file
		for (i = 1; i <= lines[plot]; i++)
			printf "$s%d << EOD\n%sEOD\n", i, points[plot, series[plot, i]] > file
		printf "plot " > file
		for (i = 1; i <= lines[plot]; i++)
			printf("%s$s%d with linespoints linewidth 2 title %s", i == 1 ? "" : ", ", i,
				plain(series[plot, i])) > file
		printf "\n" > file
		close(file)
	}
	if (!n)
		exit
	# bars: how much of its target each row takes
	printf "set title 'as a part of the target'\nset ytics noenhanced font \",9\"\n" > ratios
	printf "set logscale x\nset xrange [0.01:*]\nset yrange [%d:0]\nunset key\nset grid x\n", n + 1 > ratios
	printf "set boxwidth 0.7\nset style fill solid\nset arrow from 1,0 to 1,%d nohead linewidth 2\n", n + 1 > ratios
	printf "$rows << EOD\n" > ratios
	for (i = 1; i <= n; i++)
		printf("%d %g %s %d\n", i, used[i] < 0.011 ? 0.011 : used[i], plain(names[i]),
			results[i] == "met" ? 2 : 7) > ratios
	printf "EOD\nplot $rows using (0.01):1:(0.01):2:($1-0.35):($1+0.35):4:ytic(3) with boxxyerror lc variable\n" > ratios
}
