# shellcheck shell=sh disable=SC2154,SC2034,SC2086
rounds=${ROUNDS:-3}
find_python scipy
echo "plane, V = h (x^2 - 1)^2 + 2 y^2 + x y / 2, the peer on 300 x 300: seconds of processor time, one core, $rounds rounds"
for h in 5 10; do
    "$bin/grid" reference "$h" >"$work/reference"
    read -r gap error moved <"$work/reference"
    for round in $(seq "$rounds"); do
        $pin "$bin/grid" time "$h" "$gap"
        if [ "$python" ]; then $pin "$python" "$here/grid.py" "$h" "$gap"; fi
    done >"$work/grid$h"
    echo "h = $h, gap $gap (order 16, error $error; a wider box changes $moved)"
    table "$work/grid$h" s
done
if ! [ "$python" ]; then scipy_missing; fi
