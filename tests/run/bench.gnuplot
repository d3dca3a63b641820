# SPDX-License-Identifier: GPL-2.0 OR MIT
# A plot as base.type, from the script that bench.awk wrote.
if (type eq 'svg') set terminal svg size 1000,700 font 'sans,12' background 'white'
if (type eq 'png') set terminal png size 1000,700
set output base.'.'.type
