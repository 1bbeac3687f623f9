# shellcheck shell=sh disable=SC2154,SC2034,SC2086
rounds=${ROUNDS:-5}
find_python scipy
echo "generalized score matching on the orthant, cut normal law, h = min(x,3), 1000 data; milliseconds, one core, $rounds rounds"

# The largest difference of the estimates; they must be the same fit, or the run ends here.
agree() { # ours, theirs, tolerance
    paste "$1" "$2" | awk -v tol="$3" '
        { d = $1 - $2; if (d < 0) d = -d; if (!(d <= most)) most = d }
        END { printf "  estimates differ by %.1e", most
              if (NR == 0 || !(most <= tol)) { print ": NOT THE SAME FIT"; exit 1 } print "" }'
}

line() { # name, what
    printf '  %-30s median %8.2f   (%s)\n' "$2" "$(median "$work/$1")" "$(spread "$work/$1")"
}

millis() { # name, command...
    name=$1; shift
    "$@" | awk 'NR==1 {print 1e3 * $1}' >>"$work/$name"
}

for p in 50 100; do
    data=$work/orthant.$p.data
    "$bin/orthant" draw "$data" $p
    for round in $(seq "$rounds"); do
        millis elements-$p $pin "$bin/orthant" elements "$data" $p 5
        millis fit-$p $pin "$bin/orthant" fit "$data" $p 3 "$work/orthant.$p.ours"
        if [ "$python" ]; then millis elements-$p-numpy $pin "$python" "$here/orthant.py" elements "$data" $p 3; fi
    done
    line elements-$p "p = $p, elements, ours"
    line fit-$p "p = $p, whole fit, ours"
    if [ "$python" ]; then
        millis fit-$p-numpy $pin "$python" "$here/orthant.py" fit "$data" $p 1 "$work/orthant.$p.numpy"
        line elements-$p-numpy "p = $p, elements, NumPy"
        line fit-$p-numpy "p = $p, whole fit, NumPy"
        agree "$work/orthant.$p.ours" "$work/orthant.$p.numpy" 1e-8
    else
        scipy_missing
    fi
done
if command -v Rscript >/dev/null && Rscript -e 'library(genscore)' >/dev/null 2>&1; then
    for p in 50 100; do
        millis elements-$p-r $pin Rscript "$here/orthant.R" "$work/orthant.$p.data" $p 3
        line elements-$p-r "p = $p, elements, genscore"
    done
    $pin Rscript "$here/orthant.R" "$work/orthant.50.data" 50 1 "$work/orthant.50.r" >/dev/null
    agree "$work/orthant.50.ours" "$work/orthant.50.r" 1e-6
else
    echo "  R or its package genscore is not installed: install.packages(\"genscore\")"
fi
