# SPDX-License-Identifier: GPL-2.0 OR MIT
# Reads the module's lines of /proc/kallsyms, then kmemleak's report; prints one line for each place
# that leaked: how many objects of which size, and who allocated them.

function flush()
{
	if (place)
		count[place]++
	place = ""
	depth = 9
}

# The module is gone, so the report has bare addresses: the last symbol that does not lie behind.
# All have 16 digits, which makes their order as strings that of the numbers.
function name_of(address,	i, best)
{
	for (i = 1; i <= symbols; i++)
		if (at[i] "" <= address "" && (!best || at[i] "" > at[best] ""))
			best = i
	return best ? symbol[best] : address
}

FILENAME ~ /symbols$/ {
	at[++symbols] = "0x" $1
	symbol[symbols] = $3
	next
}
/^unreferenced object/ {
	flush()
	place = $4 " " $5 " from"
	next
}
/^ *backtrace/ {
	depth = 0
	next
}
depth < 5 {
	caller = $2 ~ /^0x/ ? name_of($2) : $2
	sub(/\+.*/, "", caller)
	if (caller !~ /^_*(kmalloc|kmem_cache|kvmalloc|krealloc|slab)/) {
		place = place " " caller
		depth++
	}
}
END {
	flush()
	for (place in count)
		print count[place] " unreferenced, " place
}
