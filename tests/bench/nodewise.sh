# shellcheck shell=sh disable=SC2154,SC2034,SC2086
rounds=${ROUNDS:-5}
find_python scipy
data=$work/nodewise.data
"$bin/nodewise" draw "$data" 100000
echo "node-wise fits of an Ising model, 20 spins, 10^5 data, all nodes and the joint sandwich; seconds, one core, $rounds rounds"

# The largest difference of the estimates and the largest relative one of the standard errors; both must be small, or
# the run ends here.
agree() { # ours, theirs
    paste "$1" "$2" | awk '
        { d = $1 - $3; if (d < 0) d = -d; e = $2 / $4 - 1; if (e < 0) e = -e; if (d > most) most = d; if (e > worst) worst = e }
        END { printf "  estimates differ by %.1e, standard errors by %.1e of them", most, worst
              if (NR != 210 || !(most <= 1e-8) || !(worst <= 1e-6)) { print ": NOT THE SAME FIT"; exit 1 } print "" }'
}

for loss in pseudolikelihood rise; do
    for round in $(seq "$rounds"); do
        once "$loss-ours" $pin "$bin/nodewise" ours "$data" $loss 2 "$work/$loss.ours"
        if [ "$python" ]; then once "$loss-numpy" $pin "$python" "$here/nodewise.py" "$data" $loss 2 "$work/$loss.numpy"; fi
    done
    printf '  %-24s median %8.4f   (%s)\n' "$loss, ours" "$(median "$work/$loss-ours")" "$(spread "$work/$loss-ours")"
    if [ "$python" ]; then
        printf '  %-24s median %8.4f   (%s)\n' "$loss, NumPy" "$(median "$work/$loss-numpy")" "$(spread "$work/$loss-numpy")"
        echo "  NumPy / ours             $(ratio "$loss-numpy" "$loss-ours")"
        agree "$work/$loss.ours" "$work/$loss.numpy"
    else
        scipy_missing
    fi
done
if command -v Rscript >/dev/null; then
    once pseudolikelihood-r $pin Rscript "$here/nodewise.R" "$data" "$work/pseudolikelihood.r"
    printf '  %-24s        %8.4f   (one round)\n' "pseudolikelihood, R glm" "$(median "$work/pseudolikelihood-r")"
    echo "  R / ours                 $(ratio pseudolikelihood-r pseudolikelihood-ours)"
    agree "$work/pseudolikelihood.ours" "$work/pseudolikelihood.r"
else
    echo "  R is not installed, so there is no glm: apt-get install r-base-core"
fi
