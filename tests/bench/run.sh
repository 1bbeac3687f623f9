#!/bin/sh
# Benchmarks, each beside what one would run instead, in turn in one run: bench BINARY_DIR
# Prints medians and the ratio of medians.  Times come from inside the programs, after set-up.
set -eu
bin=$1
here=$(dirname "$0")
rounds=${ROUNDS:-7}
python=${PYTHON:-python3}
pin="taskset -c 0"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

median() { sort -g "$1" | awk '{v[NR]=$1} END {print NR % 2 ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2}'; }
spread() { sort -g "$1" | awk '{v[NR]=$1} END {printf "%.4g .. %.4g", v[1], v[NR]}'; }

once() { # name, command...: the first number that it prints
    name=$1; shift
    "$@" | awk 'NR==1 {print $1}' >>"$work/$name"
}

numpy=no
if "$python" -c 'import numpy' 2>/dev/null; then numpy=yes; fi

echo "fused Monte Carlo score matching, bimodal(a=3), n = 10^4; microseconds a fit, $rounds rounds"
for round in $(seq "$rounds"); do
    once ours1 $pin "$bin/fused" ours 4000 1
    once floor $pin "$bin/fused" floor 4000
    if [ $numpy = yes ]; then once numpy $pin "$python" "$here/fused.py" 400; fi
    once ours2 "$bin/fused" ours 8000 2
    once oursall "$bin/fused" ours 8000 "$(nproc)"
done
for name in ours1 floor numpy ours2 oursall; do
    [ -s "$work/$name" ] || continue
    printf '  %-8s median %9.3f   (%s)\n' "$name" "$(median "$work/$name")" "$(spread "$work/$name")"
done
ratio() { awk -v a="$(median "$work/$1")" -v b="$(median "$work/$2")" 'BEGIN {printf "%.2f", a / b}'; }
[ $numpy = yes ] && echo "  NumPy / one thread       $(ratio numpy ours1)"
[ $numpy = yes ] || echo "  NumPy is not installed: apt-get install python3-numpy"
echo "  one thread / floor       $(ratio ours1 floor)"
echo "  one thread / two threads $(ratio ours1 ours2)"

echo "gap with enclosure, bimodal(a=3): milliseconds a call"
for round in $(seq "$rounds"); do once gap $pin "$bin/gap" 200; done
printf '  median %.3f   (%s)\n' "$(median "$work/gap")" "$(spread "$work/gap")"
