#!/bin/sh
# scoregap gap on R^2: a law that is no product of the axes, and what the command says of it.
. "$(dirname "$0")/lib.sh"

text() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" out | head -n 1; }
within() { awk -v l="$(value gap_lower)" -v g="$(value gap)" -v u="$(value gap_upper)" 'BEGIN { exit !(l <= g && g <= u && u / l - 1 < 1e-7) }'; }

# The gap of V = h (x^2 - 1)^2, whatever the turn; that of the other direction is 1/s^2 = 4.
for angle in 0 0.5 2; do
    check "h = 20, turned by $angle" leaves 0 gap rotated-wells -p d=2 -p h=20 -p angle=$angle --json
    near "its gap" "$(value gap)" 7.27721139945e-08 1e-8
    check "between its bounds" within
    check "which are called an estimate" sh -c "grep -q 'error estimate' out"
done
check "h = 100" leaves 0 gap rotated-wells -p h=100 -p angle=0.7 --json
near "its gap" "$(value gap)" 6.67316232264e-42 1e-8
near "and its logarithm" "$(value log10_gap)" -41.17566831 1e-9
check "its method" test "$(text method | sed 's/;.*//')" = "spectral elements, conductances between wells"
check "a wide other direction" leaves 0 gap rotated-wells -p h=5 -p s=6 -p angle=0.4 --json
near "is the slower" "$(value gap)" 0.027777777777778 1e-8
check "V = 5 (x^2 - 1)^2 + 2 y^2 + xy/2" leaves 0 gap rotated-wells -p c=0.5 --json
near "by a dense Schroedinger operator" "$(value gap)" 0.0538086582853 1e-8
check "constant D multiplies it" leaves 0 gap rotated-wells -p c=0.5 --loss preconditioned:with=constant,value=3 --json
near "by three" "$(value gap)" 0.1614259748559 1e-8
check "another truth" leaves 0 gap rotated-wells -p h=9 --theta 0,10,5,0,4 --json
near "h = 5 again" "$(value gap)" 0.0555228127315 1e-8
check "a gap beyond double precision" leaves 1 gap rotated-wells -p h=900 -p angle=0.3 --json
check "says so" test "$(text status)" = underflow
near "and has a logarithm, that of the line" "$(value log10_gap)" -387.65554724458 1e-9
for angle in 0 0.4; do
    check "three dimensions, turned by $angle" leaves 0 gap rotated-wells -p d=3 -p h=5 -p angle=$angle --json
    near "the gap of the line again" "$(value gap)" 0.0555228127315 1e-6
done
check "three dimensions, h = 20" leaves 0 gap rotated-wells -p d=3 -p h=20 -p angle=0.8 --json
near "its gap" "$(value gap)" 7.27721139945e-08 1e-6
refuses "four dimensions" "d = 4 of family rotated-wells" gap rotated-wells -p d=4
refuses "no height" "h = 0 of family rotated-wells" gap rotated-wells -p h=0
finish
