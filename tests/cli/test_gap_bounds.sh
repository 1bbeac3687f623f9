#!/bin/sh
# The bounds beside a gap: table and JSON; what does not apply says so.
. "$(dirname "$0")/lib.sh"

keys() {
    keys_file=$1
    shift
    for key; do grep -q "^ *\"$key\":" "$keys_file" || { echo "  no key \"$key\""; return 1; }; done
}
balanced() {
    sed 's/\\"//g; s/"[^"]*"/""/g' out | awk '{ n += gsub(/[{[]/, "") - gsub(/[]}]/, "") } /-?(nan|inf)/ { exit 1 } END { exit n != 0 }'
}
# json NAME STATUS ARGUMENTS...: the command with --bounds and --json leaves so, with all keys.
json() {
    json_name=$1 json_status=$2
    shift 2
    if leaves "$json_status" "$@" --bounds --json && keys out gap bounds name of side value log10_value ratio holds note log_sobolev && balanced
    then pass "$json_name"
    else fail "$json_name" "command: scoregap $* --bounds --json"
    fi
}

# ------------------------------------------------------------------- the line
prints "a table of bounds" '^Muckenhoupt +gap +lower +0\.0146' gap double-well --bounds
check "Muckenhoupt's sides are a factor of four apart" awk '/^Muckenhoupt  *gap/ { v[$3] = $4 } END { exit !(v["upper"]/v["lower"] > 3.9999 && v["upper"]/v["lower"] < 4.0001) }' out
check "lower sides are below the gap and upper sides above it" awk '
    /^(Muckenhoupt|Cheeger|Chen|Rayleigh|Holley-Stroock) .* gap / && !/does not hold/ {
        for (k = 2; k <= NF; k++) if ($k == "lower" || $k == "upper") { n++; r = $(k + 2); if ($k == "lower" ? r > 1.0000001 : r < 0.9999999) bad = 1 }
    } END { exit bad || n < 6 }' out
check "a hypothesis that fails is named" grep -q "^Bakry-Emery  *gap  *lower  *-  *-  does not hold: inf V'' = -20" out
check "the log-Sobolev constant with its sides" grep -Eq '^log-Sobolev      18\.01061[45]' out
check "and the bound from above" grep -q 'from above by Barthe-Roberto' out
prints "a Gaussian is sharp" 'from above by Bakry-Emery' gap gaussian -p s=3 --bounds
check "both sides of the Gaussian's" grep -Eq '^  sides +\[(9|8\.9999999), 9\]' out
prints "unequal wells" '2\.35309[0-9]* times the Poincare constant' gap mixture -p m=3 -p w=.01 --bounds
check "the mixture's own bound" grep -q '^mixture  *gap  *lower' out
json "JSON on the line" 0 gap double-well
check "JSON has the constant's members" keys out lower upper upper_bound ratio_poincare method status message
json "JSON where some bound does not hold" 0 gap bimodal -p a=3
check "a bound that does not hold has no value" awk '/"holds": false/ { f = 1 } /"value": null/ { n = 1 } END { exit !(f && n) }' out
json "JSON on the circle" 0 gap von-mises
json "JSON without a gap" 1 gap student
check "no log-Sobolev inequality is said" grep -q 'no log-Sobolev inequality' out

# ---------------------------------------------------------------------- spins
prints "Dobrushin's condition" '^Dobrushin +gap +lower +0\.6052493' gap ising -p graph=ring -p n=8 -p beta=0.2 --bounds
check "the spectral condition" grep -Eq '^Eldan-Koehler-Zeitouni +gap +lower +0\.2 ' out
check "test functions" grep -Eq '^linear functions +gap +upper +0\.6200510' out
prints "conditions that fail" '^Dobrushin +gap +lower +- +-  does not hold: influences of spectral radius' gap ising -p graph=ring -p n=8 -p beta=1 --bounds
check "canonical paths stand" grep -Eq '^canonical paths +gap +lower +[0-9.]+' out
json "JSON on spins" 0 gap ising -p n=6 -p beta=0.3
json "a model too large for its gap still has bounds" 1 gap ising -p graph=regular -p n=60 -p beta=0.1
check "Dobrushin's value there" awk '/"name": "Dobrushin"/ { f = 1 } f && /"value": 0\.70/ { found = 1 } END { exit !found }' out
if leaves 1 gap ising -p graph=regular -p n=60 -p beta=0.1 --bounds && grep -q '^Dobrushin' out; then pass "and in the table"; else fail "and in the table" "$(head -n 3 out)"; fi
json "resampling" 0 gap ising -p n=5 --loss mle
json "a loss without pairwise bounds" 0 gap ising -p n=6 --loss masked:k=2

prints "tensorization of entropy" '^tensorization +4\.063085[67]' gap parity -p n=5 -p k=3 --bounds
check "with sides" grep -q '^  sides .*from above by Holley-Stroock' out
check "below the value, C_P" grep -Eq '^Poincare +tensorization +lower +3\.19954' out
prints "of masks" '^tensorization +6\.545168[89]' gap ising -p n=5 -p graph=complete -p beta=0.2 --loss masked:k=2 --bounds
prints "a product" '^tensorization +1 ' gap ising -p n=5 -p graph=path -p beta=0 -p h=1 --bounds
json "JSON of more than two states" 0 gap potts -p n=3 -p graph=path -p q=3
check "has the constant" keys out tensorization ratio_poincare share upper_bound
if leaves 0 gap ising -p n=6 -p graph=ring --loss probability-flow --bounds && ! grep -q '^tensorization' out; then pass "none where nothing is resampled"; else fail "none where nothing is resampled" "$(head -n 3 out)"; fi

# ------------------------------------------------------------------------ R^d
prints "conditional gaps in the plane are exact for turned products" '^conditional gaps +gap +lower +0\.0555228[0-9]* +1 +axes turned by 0\.7' gap rotated-wells -p angle=.7 --bounds
check "they fail in other axes, and say so" grep -q '^conditional gaps  *gap  *lower  *-  *-  does not hold: axes of x: couplings outweigh' out
check "no convexity between wells" grep -q '^Bakry-Emery  *gap  *lower  *-  *-  does not hold: inf lmin(Hess V) = -20, not positive' out
check "an indicator across the pass is near" awk '/^smoothed indicator/ { r = $6; found = 1 } END { exit !(found && r >= 1 && r < 1.02) }' out
prints "low wells with a coupling" '^conditional gaps +gap +lower +0\.681[0-9]* ' gap rotated-wells -p h=.2 -p c=.5 --bounds
check "upper sides are above the gap in the plane" awk '
    /^(linear functions|score functions|smoothed indicator)/ { n++; if ($6 < 0.9999999) bad = 1 } END { exit bad || n != 3 }' out
prints "a normal law in the plane is sharp" '^Bakry-Emery +gap +lower +1\.5 ' gap rotated-wells --theta=0,-1,0,.5,2 --bounds
json "JSON in the plane" 0 gap rotated-wells -p h=1 -p angle=.3

# --------------------------------------------------------- blocks, and a velocity
prints "blocks by comparison with single sites" '^Dobrushin +gap +lower +0\.100083.*share of the single-site form' gap ising -p n=8 -p beta=.1 --loss masked:k=2 --bounds
check "a site is resampled no faster than its blocks" grep -Eq '^one site +gap +upper +0\.25 ' out
prints "underdamped dynamics of a convex potential" "^synchronous coupling +gap +lower +0\.125 .*U'' in \[0\.25, 0\.25\]" gap gaussian -p s=2 --dynamics underdamped-langevin:friction=2 --bounds
check "no quotient is a bound there" grep -q '^Rayleigh  *gap  *upper  *-  *-  does not hold: the process is not reversible' out
check "and no Poincare constant is made of its gap" sh -c '! grep -q "^Poincare  *log-sobolev" out'

# --------------------------------------------------------------------- options
refuses "--bounds belongs to gap" "does not take --bounds" efficiency bimodal --loss mle --bounds
if leaves 0 gap gaussian --json && ! grep -q '"bounds"' out; then pass "no bounds unless asked for"; else fail "no bounds unless asked for"; fi
finish
