# shellcheck shell=sh disable=SC2154,SC2034,SC2086
# The true gaps: 40 to 100 digits, sinc collocation with mpmath on two grids; 12 digits by two other programs.
rounds=${ROUNDS:-5}
find_python scipy
echo "line, V = h (x^2 - 1)^2: milliseconds of processor time, one core, $rounds rounds; of each peer the most accurate grid"
for well in 5:0.055522812731454510 20:7.2772113994504126e-8 100:6.6731623226382493e-42; do
    h=${well%%:*} gap=${well#*:}
    for round in $(seq "$rounds"); do
        $pin "$bin/line" "$h" "$gap" 40
        if [ "$python" ]; then $pin "$python" "$here/line.py" "$h" "$gap"; fi
    done >"$work/line$h"
    echo "h = $h, gap $gap"
    table "$work/line$h" ms
done
if ! [ "$python" ]; then scipy_missing; fi
