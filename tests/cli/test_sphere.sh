#!/bin/sh
# Families on spheres at the command line: gap, efficiency, sample, fit.
. "$(dirname "$0")/lib.sh"

text() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" out | head -n 1; }
within() { awk -v l="$(value gap_lower)" -v g="$(value gap)" -v u="$(value gap_upper)" 'BEGIN { exit !(l <= g && g <= u && u / l - 1 < 1e-9) }'; }

# l(l + d - 2); on the circle von Mises' law (0.858003412161 is its Poincare constant); S^2, kappa = 1: a pentadiagonal
# matrix in harmonics, by NumPy.
check "the uniform law" leaves 0 gap von-mises-fisher -p d=7 -p kappa=0 --json
near "has the gap d - 1" "$(value gap)" 6 1e-11
check "on the circle" leaves 0 gap von-mises-fisher -p d=2 --json
near "it is von Mises' law" "$(value poincare)" 0.858003412161 1e-11
check "on S^2" leaves 0 gap von-mises-fisher --json
near "around an axis" "$(value gap)" 2.14876524126 1e-10
check "within its enclosure" within
check "Bingham's law with three concentrations" leaves 0 gap bingham -p concentrations=1/2 --json
near "by harmonics" "$(value gap)" 1.06423786040 1e-10
check "with their name" test "$(text method)" = "spherical harmonics"
check "two modes, deep" leaves 0 gap bingham -p concentrations=100 --json
near "to full relative accuracy" "$(value gap)" 8.31071221423e-41 1e-10
check "several eigenvalues" leaves 0 gap von-mises-fisher -p kappa=0 --count 8 --json
check "what is not resolved says so" leaves 1 gap bingham -p concentrations=3000/200 --json
check "by its status" test "$(text status)" = uncertified
check "no solver" leaves 1 gap bingham -p d=5 -p concentrations=1/2/3/4 --json
check "by name" grep -q "laws around an axis" out err

# Ric + Hess V >= d - 2 - kappa, d - 2 - 2 (the range of concentrations).
prints "Bakry and Emery's bound" '^Bakry-Emery +gap +lower +2 ' gap von-mises-fisher -p d=5 --bounds
prints "of a law without an axis" '^Bakry-Emery +gap +lower +0\.(6 |599)' gap bingham -p concentrations=0.2/0.1 --bounds
prints "test functions" '^test functions +gap +upper +1\.2401937 ' gap von-mises-fisher -p d=2 --bounds

check "efficiency" leaves 0 efficiency von-mises-fisher -p d=2 -p kappa=3 --loss score-matching --json
near "C_res of the circle" "$(value restricted_poincare)" 0.369853815 1e-8
check "efficiency of maximum likelihood" leaves 0 efficiency bingham --loss mle --json
check "efficiency around an axis" leaves 0 efficiency von-mises-fisher -p d=8 --loss score-matching --json

check "sample" sh -c "\"$scoregap\" sample von-mises-fisher -p d=4 -p kappa=20 --loss mle -n 2000 > x.csv"
check "unit vectors" awk -F, 'NR > 1 { s = $1^2 + $2^2 + $3^2 + $4^2; if (s < 1 - 1e-12 || s > 1 + 1e-12) exit 1 }' x.csv
check "sample by the dynamics" leaves 0 sample bingham -p concentrations=4/1 --loss score-matching -n 50
for loss in mle score-matching; do
    check "fit by $loss" leaves 0 fit von-mises-fisher -p d=4 --data x.csv --loss $loss --json
done
printf '1,2,3\n0,0,1\n1,0,0\n0,1,0\n0.6,0.8,0\n0.8,0,0.6\n' > bad.csv
refuses "data off the sphere" "datum 1 has length 3.74" fit bingham --data bad.csv --loss mle
refuses "a wrong list" "give 1 or 2" gap bingham -p concentrations=1/2/3
refuses "a loss of other spaces" "preconditioned" efficiency von-mises-fisher --loss preconditioned:with=constant
finish
