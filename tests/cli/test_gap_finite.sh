#!/bin/sh
# `gap` on finite sets: exact values of spin models through the command line, several eigenvalues, what is refused and how.
. "$(dirname "$0")/lib.sh"

text() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" out | head -n 1; }
flat() { tr -d ' \n' < out; }
list() { flat | sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p"; }
keys() { for key; do grep -q "^ *\"$key\":" out || { echo "  no key \"$key\""; return 1; }; done; }
number() { awk "BEGIN { printf \"%.17g\", $1 }"; }

# gap NAME EXPECTED RELATIVE FAMILY ARGUMENTS...: status ok, exit status 0, the gap as expected, and in its enclosure.
gap() {
    gap_name=$1 want=$2 tolerance=$3
    shift 3
    if ! leaves 0 gap "$@" --json; then fail "$gap_name"
    elif [ "$(text status)" != ok ]; then fail "$gap_name" "status $(text status): $(text message)"
    else
        near "$gap_name" "$(value gap)" "$want" "$tolerance"
        check "$gap_name: enclosure" awk -v l="$(value gap_lower)" -v g="$(value gap)" -v u="$(value gap_upper)" \
            'BEGIN { exit !(l <= g && g <= u && u / l - 1 < 1e-6) }'
    fi
}
tanh='function tanh(x) { return (exp(x) - exp(-x)) / (exp(x) + exp(-x)) }'
formula() { awk "$tanh BEGIN { pi = atan2(0, -1); printf \"%.17g\", $1 }"; }

# ------------------------------------------------------- values, in the generator's own time
gap "ring, n = 8" "$(formula '1 - tanh(1.2)')" 1e-9 ising -p beta=0.6
gap "ring, n = 13" "$(formula '1 - tanh(0.8)')" 1e-9 ising -p n=13 -p beta=0.4
gap "ring, even, negative beta" "$(formula '1 - tanh(1)')" 1e-9 ising -p n=10 -p beta=-0.5
gap "ring, odd, negative beta" "$(formula '1 - tanh(1) * cos(pi / 9)')" 1e-9 ising -p n=9 -p beta=-0.5
gap "path" .0686205506 2e-9 ising -p graph=path -p n=7
gap "two spins" "$(formula '1 - tanh(0.7)')" 1e-9 ising -p graph=path -p n=2 -p beta=0.7
gap "product measure" 1 1e-9 ising -p n=6 -p beta=0 -p h=0.5
gap "product measure, masks of three" 0.5 1e-9 ising -p n=6 -p beta=0 -p h=0.5 --loss masked:k=3
near "in sweeps" "$(value relaxation_sweeps)" 1 1e-9
gap "runs of three on the ring" "$(formula '(3 - 2 * (tanh(.5) - tanh(.5)^4) / ((1 - tanh(.5)) * (1 + tanh(.5)^4))) / 9')" 1e-9 \
    ising -p n=9 -p beta=.5 --loss masked:k=3,blocks=contiguous
gap "curie-weiss, beta = .3" .700338 1e-6 ising -p graph=curie-weiss -p n=1000 -p beta=.3
gap "curie-weiss, beta = .6" .401133 2e-6 ising -p graph=curie-weiss -p n=1000 -p beta=.6
gap "curie-weiss, beta = .9" .107126 5e-6 ising -p graph=curie-weiss -p n=1000 -p beta=.9
gap "curie-weiss, critical, n = 100" "$(number '.753025 / 10')" 1e-6 ising -p graph=curie-weiss -p n=100
gap "curie-weiss, critical, n = 1000" "$(number '.777076 / sqrt(1000)')" 1e-6 ising -p graph=curie-weiss -p n=1000
gap "curie-weiss, critical, n = 4000" "$(number '.783454 / sqrt(4000)')" 1e-6 ising -p graph=curie-weiss -p n=4000
gap "curie-weiss, cold" 4.5e-143 1e-2 ising -p graph=curie-weiss -p n=1000 -p beta=2
gap "curie-weiss, negative beta" .8819 1e-4 ising -p graph=curie-weiss -p n=8 -p beta=-1
check "curie-weiss, colder" leaves 1 gap ising -p graph=curie-weiss -p n=4000 -p beta=2 --json
check "is null" test "$(value gap) $(value relaxation_sweeps) $(text status)" = "null null underflow"
near "its logarithm" "$(value log10_gap)" -567.766893 1e-9
gap "parity" "$(number '2 * (1 - sqrt(1 - 0.75 / ((exp(1) + exp(-1)) / 2)^2))')" 1e-12 parity -p k=4
gap "hardcore, complete" 0.25 1e-12 hardcore -p graph=complete -p n=50 -p lambda=3
gap "hardcore, K_4,4" "$(number '8 * .0134513')" 5e-6 hardcore -p graph=bipartite
gap "hardcore, K_24,24" "$(number '48 * 1.4217e-8')" 5e-5 hardcore -p graph=bipartite -p n=48
gap "likelihood" 1 0 ising --loss mle
gap "the process by its name" "$(formula '1 - tanh(1.2)')" 1e-9 ising -p beta=0.6 --dynamics glauber
check "is glauber" test "$(text dynamics)" = glauber
# The matrix of all states, built and diagonalized by another program.
spins='ising -p n=6 -p beta=.3 -p h=.1 --loss'
# shellcheck disable=SC2086 # a family and its keys
{
    gap "probability flow" 1.0262572925265352 1e-9 $spins probability-flow
    gap "ratio matching" 0.19533667483760284 1e-9 $spins ratio-matching
    gap "concrete score" 7.161282888094464 1e-9 $spins concrete-score
    gap "masks of two" 0.17950950905331248 1e-9 $spins masked:k=2
    gap "masks of three" 0.30977452947141026 1e-9 $spins masked:k=3
}
for process in block-glauber flow-jumps ratio-jumps concrete-jumps; do
    check "gap by $process" leaves 0 gap ising -p n=6 -p beta=.2 --dynamics $process
done
# Clusters, in updates of discrete time: exact on trees; the ring by another program.
half() { awk "BEGIN { printf \"%.17g\", (1 + exp(-2 * $1)) / 2 }"; }
gap "swendsen-wang on a tree" "$(half 0.7)" 1e-12 ising -p graph=tree -p n=9 -p beta=.7 --dynamics swendsen-wang
check "has no sweeps" test "$(value relaxation_sweeps) $(text loss)" = "null swendsen-wang"
gap "on a path" "$(half 1.5)" 1e-12 ising -p graph=path -p n=11 -p beta=1.5 --dynamics swendsen-wang --count 3
gap "of signs" "$(half 0.4)" 1e-12 ising -p graph=path -p n=5 -p beta=.4 -p couplings=pm --dynamics swendsen-wang
gap "swendsen-wang on a ring" 0.639349573203632 1e-12 ising -p n=10 -p beta=.6 --dynamics swendsen-wang
gap "wolff on a ring" 0.335340742476116 1e-12 ising -p n=10 -p beta=.6 --dynamics wolff
check "wolff's smallest eigenvalue" grep -q 'smallest eigenvalue is -0.246107' out
check "clusters of too many sites" leaves 1 gap ising -p n=14 --dynamics swendsen-wang
check "tells how many" grep -q 'at most 13 sites' err
refuses "no pairs" 'need couplings between pairs' gap hardcore --dynamics wolff
prints "listed" '^swendsen-wang .*discrete time.*loss: none' list dynamics
check "their gap from a trajectory" leaves 0 gap ising -p graph=path -p n=3 -p beta=.5 --dynamics wolff --trajectory 500 --json
check "holds the exact one" awk -v a="$(value confidence_lower)" -v b="$(value confidence_upper)" 'BEGIN { exit !(a < .738 && .738 < b) }'
gap "swendsen-wang on a tree of colours" "$(awk 'BEGIN { printf "%.17g", 1 - (1 - exp(-.7)) * 2 / 3 }')" 1e-12 \
    potts -p graph=tree -p n=6 -p q=3 -p beta=.7 --dynamics swendsen-wang
check "clusters of colours that repel" leaves 2 gap potts -p n=4 -p beta=-1 --dynamics wolff
check "are none" grep -q 'is negative' err
check "mixing in updates" leaves 0 mixing ising -p n=4 -p beta=.9 --dynamics swendsen-wang --json
near "three of them" "$(value mixing_time)" 3 0
prints "text says sweeps" 'in sweeps' gap ising -p n=4
prints "and the reason" 'attractive: the slowest mode' gap ising -p graph=curie-weiss -p n=30

# ------------------------------------------------------------------ eigenvalues
check "several eigenvalues" leaves 0 gap ising -p graph=path -p n=4 -p beta=0 --count 6 --json
check "in the object" keys eigenvalues log10_eigenvalues eigenvalue_errors relaxation_sweeps
check "four ones, then twos" awk -v list="$(list eigenvalues)" 'BEGIN { n = split(list, v, ","); if (n != 6) exit 1
    for (k = 1; k <= n; k++) if ((v[k] - (k > 4 ? 2 : 1))^2 > 1e-16) exit 1 }'
check "not asked for" leaves 0 gap ising --json
check "not there" test "$(list eigenvalues)" = ""
check "on the line" leaves 0 gap gaussian -p s=2 --count 3 --json
check "k/s^2" awk -v list="$(list eigenvalues)" 'BEGIN { n = split(list, v, ","); if (n != 3) exit 1
    for (k = 1; k <= n; k++) if ((v[k] / (k / 4) - 1)^2 > 1e-16) exit 1 }'
check "below the range of numbers" leaves 1 gap ising -p graph=curie-weiss -p n=4000 -p beta=2 --count 2 --json
check "null, with a logarithm" test "$(list eigenvalues)" = null
prints "in text" '^eigenvalues +0\.25 \(relative error' gap gaussian -p s=2 --count 2
refuses "no eigenvalues" "out of range" gap ising --count 0
refuses "an option of gap alone" "does not take --count" sample gaussian -n 2 --count 2

# ------------------------------------------------- what cannot be had is said, with exit status 1
check "an upper bound only" leaves 1 gap ising -p graph=curie-weiss -p n=30 -p beta=-1 --json
check "no gap, no lower bound" test "$(value gap) $(value gap_lower) $(text status)" = "null 0.0 uncertified"
check "the bound, and why" sh -c '[ -n "$1" ] && [ "$1" != null ] && grep -q "only an upper bound" out' - "$(value gap_upper)"
check "too many states" leaves 1 gap ising -p n=25
check "one sentence" test "$(wc -l < err)" = 1
check "that tells the largest n" grep -q 'n <= 24' err
check "as an object" leaves 1 gap ising -p n=25 --json
check "status refused" test "$(value gap) $(text status)" = "null refused"
check "more memory than allowed" leaves 1 gap ising -p n=20 --memory 1M
check "tells how much" grep -q 'MiB' err
# ------------------------------------------------------------- more than two states
gap "one edge of five colours" "$(number '5 / (exp(1.3) + 4)')" 1e-9 potts -p graph=path -p n=2 -p q=5 -p beta=1.3
gap "potts of two states is ising" "$(formula '1 - tanh(1.2)')" 1e-9 potts -p q=2 -p beta=1.2
gap "independent sites, masks of two" 0.4 1e-9 potts -p n=5 -p q=4 -p beta=0 --loss masked:k=2
near "in sweeps" "$(value relaxation_sweeps)" 1 1e-9
for process in glauber block-glauber flow-jumps ratio-jumps concrete-jumps; do
    check "gap of potts by $process" leaves 0 gap potts -p n=4 -p beta=.2 --dynamics $process
done
check "mean field, too many states" leaves 1 gap potts -p graph=curie-weiss -p n=20 -p free=tied -p beta=3.5 --json
check "an upper bound" grep -q 'only an upper bound' out
check "mixing of several states" leaves 0 mixing potts -p n=4
cat > model.yaml << 'END'
# Two couplings and a field.
n: 3
q: 2
cliques:
  - {sites: [0, 1], weight: 1}
  - {sites: [1, 2], weight: 0.5}
  - sites: [2]
    weight: 0.1
END
gap "a log-linear model" .211193693456753 1e-9 loglinear -p model=@model.yaml
check "sealed" grep -q 'loglinear(model=@model.yaml#[0-9a-f]\{16\},free=all)' out
printf 'n: 2\nq: 3\ncliques:\n  - {sites: [0, 1], table: [1.3, 0, 0, 0, 1.3, 0, 0, 0, 1.3]}\n' > edge.yaml
gap "an edge as a table" "$(number '3 / (exp(1.3) + 2)')" 1e-9 loglinear -p model=@edge.yaml
gap "the usual model" .42 1 loglinear
printf 'n: 2\nq: 2\ncliques:\n  - {sites: [0, 2], weight: 1}\n' > bad.yaml
refuses "a site that is not there" 'bad\.yaml:4:17: a site = 2 is out of range' gap loglinear -p model=@bad.yaml
refuses "no such model" 'missing\.yaml cannot be read' gap loglinear -p model=@missing.yaml
refuses "a spin glass elsewhere" 'couplings=sk of family ising belongs to graph=complete' gap ising -p couplings=sk
gap "a mean-field spin glass" 0.3 1 ising -p graph=complete -p couplings=sk -p n=7
# ---------------------------------------------------------------------- samples
spins_only() { [ "$(sed 1d draws.csv | tr -d '\n,1-' | wc -c)" = 0 ] && [ "$(wc -l < draws.csv)" = "$1" ]; }
check "exact draws" leaves 0 sample ising -n 300 -o draws.csv
check "are spins" spins_only 301
for process in glauber block-glauber swendsen-wang wolff resampling; do
    check "draws by $process" leaves 0 sample ising -p h=.1 -n 50 --dynamics $process -o draws.csv
    check "are spins" spins_only 51
    check "from an exact draw" grep -q "$process, .*started from exact draws" err
done
check "ten thousand sites" leaves 0 sample ising -p graph=lattice -p shape=100x100 -p beta=.3 -p free=tied \
    --dynamics swendsen-wang -n 8 --thin 5 -o draws.csv
check "are spins" spins_only 9
check "the start is told, here by coupling from the past" grep -q 'swendsen-wang, .*started from exact draws' err
check "draws of a model without an exact sampler" leaves 0 sample ising -p graph=complete -p couplings=sk -p n=60 -p beta=2 \
    --dynamics glauber -n 2
check "tell their start" grep -q 'glauber, .*all sites at -1, not yet from the law' err
check "the last draw has lost it" awk -F, 'END { for (i = 1; i <= NF; i++) s += $i; exit !(NF == 10000 && s * s < 1e6) }' draws.csv
leaves 0 sample ising -n 9 --dynamics wolff --seed 5 > /dev/null && awk 'NR % 3 == 1' out > thinned
check "three updates a draw" leaves 0 sample ising -n 3 --dynamics wolff --seed 5 --step 3
check "are three draws of one" cmp -s out thinned
refuses "half an update" 'whole number of updates' sample ising -n 3 --dynamics wolff --step .5

# ---------------------------------------------------------------- requests that are wrong
printf '0 1 1\n1 2 0.5\n2 0.1\n' > good.txt
gap "a graph from a file" .211193693456753 1e-9 ising -p graph=@good.txt
check "its sites" sh -c 'grep -q "n=3" out'
printf '0 1 1\n1 2\n2 2 1\n' > bad.txt
refuses "an error in a graph file has its line" 'bad\.txt, line 3: an edge joins two different sites' gap ising -p graph=@bad.txt
printf '0 1 1\n# two\n0 nan\n' > bad.txt
refuses "a field that is no number" "bad\.txt, line 3: 'nan' is no finite number" gap ising -p graph=@bad.txt
refuses "a graph file that is not there" 'missing\.txt cannot be read' gap ising -p graph=@missing.txt
refuses "edges with weights" 'good\.txt, line 1: a line is `i j`' gap hardcore -p graph=@good.txt
refuses "an unknown graph" "unknown graph 'lattise' of family ising; the nearest is 'lattice'" gap ising -p graph=lattise
refuses "a key without meaning" 'shape has no meaning beside graph=ring' gap ising -p shape=3x3
refuses "a ring of two" 'at least 3 sites' gap ising -p n=2
refuses "too many parameters" 'take free=tied' gap ising -p graph=curie-weiss -p n=20000
refuses "a mask larger than the set" 'masked with k = 9' gap ising --loss masked:k=9
refuses "masks of an unknown kind" "nearest is 'subsets'" gap ising --loss masked:blocks=subset
printf '0 1\n9\n' > blocks.txt
refuses "an error in a file of blocks" "blocks\.txt, line 2: '9' is no site" gap ising --loss masked:blocks=@blocks.txt
printf '0 1\n2 3 4\n5 6 7\n' > blocks.txt
check "blocks from a file" leaves 0 gap ising -p beta=0 --loss masked:blocks=@blocks.txt --json
near "one of three" "$(value gap)" "$(number 1/3)" 1e-9
near "8/3 sites in a unit of time" "$(value relaxation_sweeps)" 1 1e-9
refuses "forbidden neighbours" 'forbids some' gap hardcore --loss probability-flow
refuses "a loss of the line" 'score-matching needs a density' gap ising --loss score-matching
refuses "a loss of finite sets" 'pseudolikelihood needs a finite space' gap bimodal --loss pseudolikelihood
refuses "theta of a wrong length" 'needs 16' gap ising --theta 1
gap "theta of the right length" "$(formula '1 - tanh(0.6)')" 1e-9 ising -p free=tied --theta 0.3,0

finish
