#!/bin/sh
# The contract of `scoregap mixing`, and mixing times in experiments.
. "$(dirname "$0")/lib.sh"
mkdir sim && ln -s "$root/sim/experiments" sim/experiments && ln -s "$root/plots" plots

keys() {
    keys_file=$1
    shift
    for key; do grep -q "^ *\"$key\":" "$keys_file" || { echo "  no key \"$key\""; return 1; }; done
}
# json NAME STATUS KEYS ARGUMENTS...
json() {
    json_name=$1 json_status=$2 json_keys=$3
    shift 3
    # shellcheck disable=SC2086 # one word a key
    if leaves "$json_status" "$@" --json && keys out $json_keys && ! grep -Eq ': -?(nan|inf)' out; then pass "$json_name"
    else fail "$json_name" "command: scoregap $* --json"
    fi
}
text() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" out | head -n 1; }
flat() { tr -d ' \n' < out; }
count() { flat | sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p" | tr ',' '\n' | grep -c .; }
ordered() { awk -v l="$(value mixing_time_lower)" -v m="$(value mixing_time)" -v u="$(value mixing_time_upper)" 'BEGIN { exit !(l <= m && m <= u) }'; }

all_keys="family loss dynamics mixing_time mixing_time_lower mixing_time_upper epsilon start relaxation_time sandwich_lower sandwich_upper clock method status message seconds"
prints "mixing --help" '^Example:' mixing --help
check "its example works" leaves 0 mixing gaussian --start x=3 --epsilon 0.1

# ------------------------------------------------------------------ the line
json "from a point" 0 "$all_keys" mixing gaussian --start x=3
# N(3 e^-t, 1 - e^-2t) against N(0,1): the time at which their distance is 1/4, from scipy
near "in closed form" "$(value mixing_time)" 1.56098975617 1e-10
check "enclosed" ordered
check "its start is named" test "$(text start)" = "x = 3"
json "from half of the law" 0 "$all_keys" mixing gaussian --start warm --epsilon 0.1
near "in closed form too" "$(value mixing_time)" 1.17435900561962 1e-10 # -log sin(pi/10)
json "no finite answer" 1 "$all_keys" mixing gaussian
check "is null, and its status says so" test "$(value mixing_time) $(text status)" = "null refused"
check "with a way out" grep -q -- '--start' out
check "in text as well" leaves 1 mixing gaussian
json "a law that comes down from infinity" 0 "$all_keys" mixing bimodal -p a=3
near "its relaxation time" "$(value relaxation_time)" 110.0185703 1e-9
json "a profile" 0 "time distance distance_error" mixing gaussian --start x=1 --points 7
check "of as many points" test "$(count time) $(count distance)" = "7 7"
prints "a profile as text" '^time.distance.distance_error$' mixing gaussian --start x=1 --points 3
json "resampling" 0 "$all_keys" mixing bimodal --loss mle --epsilon 0.5
near "log 2" "$(value mixing_time)" 0.693147180559945 1e-13

# ---------------------------------------------------------------- the circle
json "on the circle" 0 "$all_keys" mixing von-mises -p kappa=0 --start x=1
near "the heat kernel" "$(value mixing_time)" 0.93633497348 1e-10 # wrapped normal law of variance 2t against 1/(2 pi)
json "from its worst start" 0 "$all_keys" mixing von-mises -p kappa=2
check "enclosed as well" ordered
json "no worst start of a deep one" 1 "$all_keys" mixing von-mises -p kappa=1000
check "with a way out too" grep -q -- '--start' out

# ---------------------------------------------------------- chains by rates
printf '0 1 1\n1 2 1\n2 0 1\n' > round.chain
json "a chain that is not reversible" 0 "$all_keys" mixing chain -p file=@round.chain
check "between its bounds" sh -c 'test "$(grep -c sandwich out)" = 2'
near "one way round" "$(value mixing_time)" 0.569336744284134 1e-10 # mpmath: Poisson law modulo 3
json "from one of its states" 0 "$all_keys" mixing chain -p file=@round.chain --start state:2
refuses "a state that is none" "the states of .* are 0 to 2" mixing chain -p file=@round.chain --start state:3
check "its law is drawn from" leaves 0 sample chain -p file=@round.chain -n 100
check "a hundred states" test "$(wc -l < out)" = 101
check "states they are" test "$(sed 1d out | sort -u | tr '\n' ' ')" = "0 1 2 "
check "and walked on" leaves 0 sample chain -p file=@round.chain -n 100 --dynamics jumps --step 0.5

# --------------------------------------------------------------------- spins
json "all states" 0 "$all_keys" mixing ising -p graph=ring -p n=6
check "enclosed again" ordered
sandwich() { awk -v l="$(value sandwich_lower)" -v m="$(value mixing_time)" -v u="$(value sandwich_upper)" 'BEGIN { exit !(l <= m && m <= u) }'; }
check "between the bounds of the relaxation time" sandwich
near "which is known" "$(value relaxation_time)" 27.7990750166 1e-9 # 1/(1 - tanh 2)
json "Curie-Weiss" 0 "$all_keys" mixing ising -p graph=curie-weiss -p n=50 -p beta=0.5 -p free=tied
worst=$(value mixing_time)
json "and from one of its starts" 0 "$all_keys" mixing ising -p graph=curie-weiss -p n=50 -p beta=0.5 -p free=tied --start all-plus
near "which is its worst" "$(value mixing_time)" "$worst" 1e-9
json "a metastable one" 0 "$all_keys" mixing ising -p graph=curie-weiss -p n=1000 -p beta=2 -p free=tied --start all-minus
near "at any time" "$(value mixing_time)" 1.53309963717e+142 1e-9
json "a worst start that cannot be tried" 1 "$all_keys" mixing ising -p graph=ring -p n=12 -p free=tied -p beta=0.3
check "is uncertified" test "$(text status)" = uncertified
check "but bounded" ordered
json "masks on more sites" 0 "$all_keys" mixing ising -p graph=curie-weiss -p n=16 -p free=tied -p beta=0.5 --loss masked:k=2
check "from all starts" grep -q 'all starts up to permutations' out
json "and without a symmetry" 0 "$all_keys" mixing ising -p graph=ring -p n=12 -p free=tied -p beta=0.3 --loss masked:k=2 --start warm
check "colours" leaves 0 mixing potts -p graph=ring -p n=5 -p q=3 -p beta=0 --start all-2 --epsilon 0.1 --json
near "of free sites" "$(value mixing_time)" 2.5312829367614 1e-11
check "colours by their sites" leaves 0 mixing potts -p graph=ring -p n=5 -p q=3 --start state:01202
refuses "a start of spins on colours" "take all-0 to all-2, state:0120" mixing potts -p graph=ring -p n=5 -p q=3 --start all-plus
check "a state by its sites" leaves 0 mixing ising -p graph=ring -p n=5 --start state:01101

# ------------------------------------------------------------------ requests
refuses "epsilon of one" "epsilon 1 is out of range" mixing gaussian --start x=1 --epsilon 1
refuses "epsilon of nothing" "epsilon 0 is out of range: it must be > 0" mixing gaussian --start x=1 --epsilon 0
refuses "unknown start" "unknown start 'wrst'; the nearest is 'worst'" mixing gaussian --start wrst
refuses "a start of spins on the line" "'all-plus' does not fit gaussian" mixing gaussian --start all-plus
refuses "a start of the line on spins" "'x=1' does not fit ising" mixing ising -p graph=ring -p n=5 --start x=1
refuses "a state of too few sites" "must have 5 digits 0 or 1" mixing ising -p graph=ring -p n=5 --start state:01
refuses "a start beyond the panels" "out of range: it must lie between" mixing gaussian --start x=1e9
leaves 1 mixing rotated-wells
check "what can be had instead" grep -q 'gives its relaxation time' err
refuses "a number that is none" "the start x= takes a number" mixing gaussian --start x=abc

# --------------------------------------------------------------- experiments
cat > cut.yaml <<'YAML'
schema: scoregap-experiment-1
name: cut
claim: It mixes.
seed: 1
family: ising
parameters: {graph: curie-weiss, free: tied}
losses: [pseudolikelihood, mle]
grid:
  n: [8, 32]
  beta: [0, 1]
measure: [gap, mixing]
mixing: {epsilon: 0.1, start: all-plus, points: 9}
figure: cutoff
YAML
check "an experiment is planned" leaves 0 check cut.yaml
check "and run" leaves 0 run cut.yaml -o cut.h5
leaves 0 table cut.h5
column() { awk -F '\t' -v name="$1" -v row="$2" 'NR == 1 { for (k = 1; k <= NF; k++) if ($k == name) at = k } NR == row + 1 { print $at }' out; }
check "its status" test "$(column status_mixing 1) $(column mixing_start 1) $(column mixing_epsilon 1)" = "ok all +1 0.1"
stored=$(column mixing_time 1)
leaves 0 mixing ising -p graph=curie-weiss -p free=tied -p n=8 -p beta=0 --epsilon 0.1 --start all-plus --json
near "its mixing time is that of the command" "$stored" "$(value mixing_time)" 1e-15
leaves 0 table cut.h5 tv/distance
check "its profiles are there" test "$(wc -l < out)" = 73
check "and drawn" leaves 0 plot cut.h5 -o cut.svg
check "as a figure" grep -q 'time / mixing time' cut.svg
cp cut.yaml two.yaml
sed -i 's/epsilon: 0.1/epsilon: 0.2/' two.yaml
check "another epsilon is another cell" leaves 0 run two.yaml -o cut.h5
leaves 0 table cut.h5
check "and computed anew" test "$(column mixing_epsilon 1)" = 0.2
finish
