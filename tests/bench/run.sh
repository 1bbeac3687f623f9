#!/bin/sh
# Benchmarks, each beside what one would run instead, in turn in one run: bench BINARY_DIR
# Times come from inside the programs, after set-up.  Prints medians with their range, and two ratios: of medians, and
# of the fastest rounds, which other work on the machine disturbs least.
set -eu
bin=$1
here=$(dirname "$0")
rounds=${ROUNDS:-31}
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
for python in ${PYTHON:-python3 /usr/bin/python3}; do
    if "$python" -c 'import numpy' 2>/dev/null; then numpy=yes; break; fi
done

echo "fused Monte Carlo score matching, bimodal(a=3), n = 10^4; microseconds a fit, $rounds rounds"
for round in $(seq "$rounds"); do
    once ours1 $pin "$bin/fused" ours 2000 1
    once floor $pin "$bin/fused" floor 2000
    if [ $numpy = yes ]; then once numpy $pin "$python" "$here/fused.py" 100; fi
    once ours2 "$bin/fused" ours 4000 2
    # What two threads could gain at most here: two processes at once, half a fit's time each.
    $pin "$bin/fused" ours 2000 1 >"$work/first" & taskset -c 1 "$bin/fused" ours 2000 1 >"$work/second" || true
    wait
    cat "$work/first" "$work/second" | awk 'NF { n++; if ($1 > t) t = $1 } END { print n == 2 ? t / 2 : "" }' | grep . >>"$work/pair" || true
    if [ "$(nproc)" -gt 2 ]; then once oursall "$bin/fused" ours 4000 "$(nproc)"; fi
done
for name in ours1 floor numpy ours2 pair oursall; do
    [ -s "$work/$name" ] || continue
    printf '  %-8s median %9.3f   (%s)\n' "$name" "$(median "$work/$name")" "$(spread "$work/$name")"
done
fastest() { sort -g "$1" | head -n 1; }
ratio() {
    awk -v a="$(median "$work/$1")" -v b="$(median "$work/$2")" -v c="$(fastest "$work/$1")" \
        -v d="$(fastest "$work/$2")" 'BEGIN { printf "%.2f   (fastest rounds %.2f)", a / b, c / d }'
}
[ $numpy = yes ] && echo "  NumPy / one thread       $(ratio numpy ours1)"
[ $numpy = yes ] || echo "  NumPy is not installed: apt-get install python3-numpy"
echo "  one thread / floor       $(ratio ours1 floor)"
echo "  one thread / two threads $(ratio ours1 ours2)"
[ -s "$work/pair" ] && echo "  one process / two        $(ratio ours1 pair)"

echo "gap with enclosure, bimodal(a=3): milliseconds a call"
for round in $(seq "$rounds"); do once gap $pin "$bin/gap" 60; done
printf '  median %.3f   (%s)\n' "$(median "$work/gap")" "$(spread "$work/gap")"
