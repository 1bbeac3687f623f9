#!/bin/sh
# efficiency, fit, compare, run and replay on finite sets: values with a closed form, codings of the data, what is refused.
. "$(dirname "$0")/lib.sh"

text() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" out | head -n 1; }
flat() { tr -d ' \n' < out; }
list() { flat | sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p"; }
ring='-p graph=ring -p n=8'

# ------------------------------------------------------------------- efficiency
check "a ring" leaves 0 efficiency ising $ring -p beta=0.6 -p free=beta --loss pseudolikelihood --json
near "its coupling" "$(list inefficiency)" "$(awk 'BEGIN { printf "%.17g", 1 / .666580500219878 }')" 1e-13
check "bound of Kantorovich above" awk -v b="$(value bound_kantorovich)" 'BEGIN { exit !(b > 1.5001939) }'
check "a profile" sh -c 'tr -d " \n" < out | grep -q "\"profile\":{\"eigenvalues\":\[0.4"'
check "two thousand sites that are alike" leaves 0 efficiency ising -p graph=curie-weiss -p n=2000 -p beta=0.5 \
    -p free=h --loss pseudolikelihood --json
near "the field is efficient there" "$(list inefficiency)" 1 1e-6
check "four thousand states" leaves 0 efficiency ising -p graph=ring -p n=12 -p beta=0.6 -p free=beta \
    --loss pseudolikelihood --json
check "have a profile" sh -c 'tr -d " \n" < out | grep -q "\"profile\":{\"eigenvalues\":\[0.3895"'
check "estimates that are averaged" leaves 0 efficiency ising $ring -p beta=0.6 -p free=tied --loss rise --json
check "have none, which is no failure" sh -c 'tr -d " \n" < out | grep -q "\"profile\":null" && test "$(grep -c "not defined for this loss" out)" = 1'
check "masks on forty sites that are alike" leaves 0 efficiency ising -p graph=curie-weiss -p n=40 -p beta=0.5 \
    -p free=h --loss masked:k=2 --json
# Beyond any list of states: closed forms of a ring of hard cores and of parity, strips, a chain from a file.
check "hard cores on a ring" leaves 0 efficiency hardcore -p graph=ring -p n=3000 --loss mle --json
near "their information" "$(list gamma_mle | tr -d '[]')" "$(awk 'BEGIN { printf "%.17g", 5 * sqrt(5) / 3000 }')" 1e-12
leaves 1 efficiency parity -p n=200 -p k=5 -p J=0.7 --loss pseudolikelihood --json
near "parity is efficient" "$(list inefficiency)" 1 1e-12
near "and its information" "$(list gamma_mle | tr -d '[]')" "$(awk 'BEGIN { c = (exp(.7) + exp(-.7)) / 2; printf "%.17g", c * c }')" 1e-12
strip='-p graph=lattice -p shape=12x20 -p boundary=free -p beta=0.3 -p free=tied'
leaves 1 efficiency ising $strip --loss pseudolikelihood --json
wide=$(list inefficiency)
turned='-p graph=lattice -p shape=20x12 -p boundary=free -p beta=0.3 -p free=tied'
leaves 1 efficiency ising $turned --loss masked:k=1 --json
near "twelve sites across, as masks, turned round" "${wide##*,}" "$(list inefficiency | sed 's/.*,//')" 1e-10
awk 'BEGIN { print "n: 500\nq: 3\ncliques:"; for (i = 0; i < 500; i++) {
    printf "  - {sites: [%d], table: [0, .2, -.1]}\n", i
    if (i < 499) printf "  - {sites: [%d, %d], table: [.5, 0, 0, 0, .5, 0, 0, 0, .5]}\n", i, i + 1 } }' > chain.yaml
check "draws of a chain of 500 sites" leaves 0 sample loglinear -p model=@chain.yaml -n 400 -o chain.csv --json
near "are exact" "$(value distribution_error)" 0 0
check "a parameter of it" leaves 0 fit loglinear -p model=@chain.yaml -p free=t7_1/t7-8_1-1 --loss mle --data chain.csv --json
check "is near the truth" awk -v a="$(list theta)" -v s="$(list se)" 'BEGIN { split(a, t, ","); split(s, e, ",")
    exit !((t[1] + .8) ^ 2 < 25 * e[1] ^ 2 && (t[2] - 1) ^ 2 < 25 * e[2] ^ 2) }'
check "hard cores on a strip" leaves 0 sample hardcore -p graph=lattice -p shape=8x30 -p lambda=1.5 -n 1000 -o hard.csv --json
near "are drawn exactly" "$(value distribution_error)" 0 0
check "and fitted" leaves 0 fit hardcore -p graph=lattice -p shape=8x30 --loss mle --data hard.csv --json
near "to log lambda" "$(list theta)" "$(awk 'BEGIN { print log(1.5) }')" 0.09
check "draws that repel are not exact" leaves 0 sample potts -p graph=lattice -p shape=24x24 -p q=3 -p beta=-0.5 -p free=tied \
    -n 2 --json
check "and say so" sh -c 'grep -q "not exact" out'
check "with an error" awk -v e="$(value distribution_error)" 'BEGIN { exit !(e > 0 && e < 1e-6) }'
check "a wide graph" leaves 1 efficiency ising -p graph=lattice -p shape=12x12 -p free=tied --loss pseudolikelihood
check "has limits that are named" grep -q 'may be 800 long' out
# ------------------------------------------------------------------------- data
"$scoregap" sample ising $ring -p beta=0.6 -p free=tied -n 4000 -o spins.csv 2> /dev/null
sed 's/-1/0/g' spins.csv > bits.csv
check "signs" leaves 0 fit ising $ring -p free=tied --loss pseudolikelihood --data spins.csv --json
signs=$(list theta)
check "bits" leaves 0 fit ising $ring -p free=tied --loss pseudolikelihood --data bits.csv --json
check "are the same" test "$(list theta)" = "$signs"
{ cat spins.csv; echo '1,1,1,0,1,1,1,1'; } > mixed.csv
refuses "a mixture of both" 'row 4001, column 4: 0 beside -1' fit ising $ring --data mixed.csv --loss pseudolikelihood
{ cat spins.csv; echo '1,1,2,1,1,1,1,1'; } > wrong.csv
refuses "another number" 'row 4001, column 3: 2 is no state' fit ising $ring --data wrong.csv --loss pseudolikelihood
refuses "too few columns" 'dimension 6' fit ising -p graph=ring -p n=6 --data spins.csv --loss pseudolikelihood
printf '1,1,0\n0,1,0\n1,0,1\n0,0,0\n' > hard.csv
refuses "a forbidden state" 'row 1 is a state that' fit hardcore -p graph=path -p n=3 --data hard.csv --loss pseudolikelihood
printf '0,1,2\n2,2,3\n0,0,0\n1,0,0\n' > colours.csv
refuses "a colour too many" 'row 2, column 3: 3 is no state' fit potts -p graph=path -p n=3 -p q=3 -p free=tied \
    --data colours.csv --loss pseudolikelihood

# ------------------------------------------------------------------------- fits
printf '1,1\n1,1\n-1,1\n1,1\n' > up.csv
check "separated data" leaves 1 fit ising -p graph=path -p n=2 -p beta=0 -p free=h1 --loss pseudolikelihood \
    --data up.csv --json
check "are said to be" test "$(text status)" = separated
check "and along what" sh -c 'grep -q "(1 h1)" out'
check "all losses" leaves 0 compare ising $ring -p free=tied --data spins.csv --json
check "nine of them" test "$(grep -c '"loss"' out)" -ge 8
check "one is recommended" test -n "$(text recommended)"
awk 'BEGIN { srand(3); for (i = 0; i < 60; i++) { s = 1; for (a = 0; a < 900; a++) {
    if (rand() < 0.35) s = -s; printf "%d%s", s, a < 899 ? "," : "\n" } } }' > long.csv
check "nine hundred sites" leaves 0 fit ising -p graph=path -p n=900 -p free=beta --loss pseudolikelihood \
    --data long.csv --json
near "by pseudolikelihood" "$(list theta)" 0.3095 0.1

# ---------------------------------------------------------------- run and replay
cat > spins.yaml << 'END'
schema: scoregap-experiment-1
name: spins
claim: A ring of spins.
seed: 5
family: ising
parameters: {graph: ring, n: 6, free: tied}
losses: [mle, pseudolikelihood, "masked-random:k=2", rise]
grid:
  beta: [0.3, 1.2]
sample_sizes: [30]
replicates: 40
measure: [gap, efficiency, bounds, montecarlo, kl]
END
check "an experiment" leaves 0 run spins.yaml -o spins.h5 --threads 1
check "again" leaves 0 run spins.yaml -o again.h5 --threads 3
check "the same bytes on three threads" cmp spins.h5 again.h5
check "what does not exist is no failure" leaves 0 run spins.yaml -o once.h5 --threads 1 --json
check "of a measure, only the summary over too few fits is" grep -q '"failed_measures": 1' out
check "a table" leaves 0 table spins.h5
check "counts what is separated" awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "failed_separated") c = i }
    NR > 1 { sum += $c } END { exit !(c && sum > 0) }' out
total() { awk -F '\t' -v name="$1" 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == name) c = i } NR > 1 { sum += $c }
    END { print sum + 0 }' "$2"; }
cp out cells.tsv
check "failures by kind" leaves 0 table spins.h5 failures
check "as many as in the cells" test "$(awk -F '\t' '$9 == "separated" { sum += $10 } END { print sum }' out)" = \
    "$(total failed_separated cells.tsv)"
check "in words" grep -q "the estimate lies at infinity	take a larger sample" out
check "the same as JSON" leaves 0 table spins.h5 failures --json
check "with kinds" grep -q '"separated"' out
refuses "another table as JSON" "'cells' and 'failures' only" table spins.h5 theta --json
sed -e 's/name: spins/name: cold/' -e 's/^losses:.*/losses: [concrete-score]/' -e 's/0.3, 1.2/1.2/' spins.yaml > cold.yaml
prints "a run explains its failures" 'fits no-minimum: .* without bound' run cold.yaml -o cold.h5
prints "and counts them in JSON" '"no-minimum": [1-9]' run cold.yaml -o cold.h5 --json
sed 's/^family:.*/family: potts/; s/^parameters:.*/parameters: {graph: lattice, shape: 24x24, q: 3, free: tied}/
    s/^losses:.*/losses: [pseudolikelihood]/; s/\[0.3, 1.2\]/[-0.5]/; s/^measure:.*/measure: [montecarlo]/' spins.yaml > repel.yaml
check "draws that repel" leaves 0 run repel.yaml -o repel.h5
check "are no Monte Carlo" leaves 0 table repel.h5
check "but refused" awk -F '\t' 'NR == 1 { for (i = 1; i <= NF; i++) if ($i == "status_montecarlo") c = i }
    NR == 2 { exit !($c == "refused") }' out
check "replay" leaves 0 replay spins.h5 --cell 1 --replicate 3
check "has the bits" test "$(grep -c 'stored bits agree' out)" = 4
finish
