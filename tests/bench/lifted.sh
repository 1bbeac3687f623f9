# shellcheck shell=sh disable=SC2154,SC2034,SC2086
rounds=${ROUNDS:-5}
find_python numpy
data=$work/lifted.data points=$work/lifted.points
"$bin/lifted" draw "$data" 1000 "$points"
echo "lifted score matching, two normals in R^8, 1000 data with 10 draws each; one evaluation, milliseconds, one core, $rounds rounds"
echo "  both have their noise in memory, as all evaluations of a fit but the first; NumPy takes all points at once, or 1024 at a time"

# The largest difference, in units of the largest number; it must be small, or the run ends here.
same() { # ours, theirs
    paste "$1" "$2" | awk '
        function size(x) { return x < 0 ? -x : x }
        { if (size($1 - $2) > most) most = size($1 - $2); if (size($1) > largest) largest = size($1) }
        END { printf "  value and derivatives differ by %.1e of the largest", most / largest
              if (NR < 2 || !(most <= 1e-10 * largest)) { print ": NOT THE SAME LOSS"; exit 1 } print "" }'
}

lifted_line() { # label, file
    awk '{print 1000 * $1}' "$work/$2" >"$work/$2.ms"
    printf '  %-40s median %9.3f   (%s)\n' "$1" "$(median "$work/$2.ms")" "$(spread "$work/$2.ms")"
}

for free in weight means; do
    for readings in gradient hessian; do
        of=$free-$readings
        times=20
        if [ $of = means-hessian ]; then times=2; fi
        for round in $(seq "$rounds"); do
            $pin "$bin/lifted" ours "$data" $free $readings $times "$work/$of.ours" >"$work/both"
            awk '{print $1}' "$work/both" >>"$work/$of-ours"
            awk '{print $2}' "$work/both" >>"$work/$of-drawing"
            for piece in 0 1024; do
                if [ "$python" ]; then
                    once "$of-$piece" $pin "$python" "$here/lifted.py" "$points" $free $readings $((times / 2)) $piece "$work/$of.numpy"
                fi
            done
        done
        lifted_line "$free, $readings, ours" "$of-ours"
        lifted_line "$free, $readings, ours, noise drawn" "$of-drawing"
        if [ "$python" ]; then
            lifted_line "$free, $readings, NumPy at once" "$of-0"
            lifted_line "$free, $readings, NumPy in pieces" "$of-1024"
            echo "  NumPy at once / ours        $(ratio "$of-0" "$of-ours")"
            echo "  NumPy in pieces / ours      $(ratio "$of-1024" "$of-ours")"
            same "$work/$of.ours" "$work/$of.numpy"
        else
            echo "  NumPy is not installed, so there is no peer: apt-get install python3-numpy"
        fi
    done
done
