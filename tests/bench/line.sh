# shellcheck shell=sh disable=SC2154,SC2034,SC2086
# The true gaps: 40 to 100 digits, sinc collocation with mpmath on two grids; 12 digits by two other programs.
rounds=${ROUNDS:-5}
find_python scipy
echo "line, V = h (x^2 - 1)^2: milliseconds of processor time a call, one core, $rounds rounds"
echo "  ours: from the model to a two-sided enclosure, without a setting; deep grids: the way of other D and tails"
echo "  peers: matrix and solve, no bound of the error; of each the grid that turns out most accurate (N = 251 .. 16001,"
echo "  sinc 40 .. 140), which takes the true gap to know; columns at the right: how many times the time of ours"
for well in 5:0.055522812731454510 20:7.2772113994504126e-8 100:6.6731623226382493e-42; do
    h=${well%%:*} gap=${well#*:}
    for round in $(seq "$rounds"); do
        $pin "$bin/line" "$h" "$gap" 200
        if [ "$python" ]; then $pin "$python" "$here/line.py" "$h" "$gap"; fi
    done >"$work/line$h"
    echo "h = $h, gap $gap"
    table "$work/line$h" ms
done
if ! [ "$python" ]; then scipy_missing; fi
