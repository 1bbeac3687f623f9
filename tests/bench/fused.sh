# shellcheck shell=sh disable=SC2154,SC2034,SC2086
rounds=${ROUNDS:-31}
find_python numpy
echo "fused Monte Carlo score matching, bimodal(a=3), n = 10^4; microseconds a fit, $rounds rounds"
for round in $(seq "$rounds"); do
    once ours1 $pin "$bin/fused" ours 2000 1
    once floor $pin "$bin/fused" floor 2000
    if [ "$python" ]; then once numpy $pin "$python" "$here/fused.py" 100; fi
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
if [ "$python" ]; then
    echo "  NumPy / one thread       $(ratio numpy ours1)"
else
    echo "  NumPy is not installed: apt-get install python3-numpy"
fi
echo "  one thread / floor       $(ratio ours1 floor)"
echo "  one thread / two threads $(ratio ours1 ours2)"
if [ -s "$work/pair" ]; then echo "  one process / two        $(ratio ours1 pair)"; fi
