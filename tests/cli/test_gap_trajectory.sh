#!/bin/sh
# `gap --trajectory` (an estimate with an interval), processes that are not reversible, chains from files of rates.
. "$(dirname "$0")/lib.sh"

text() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" out | head -n 1; }
keys() { for key; do grep -q "^ *\"$key\":" out || { echo "  no key \"$key\""; return 1; }; done; }
number() { awk "BEGIN { printf \"%.17g\", $1 }"; }
# between LOWER VALUE UPPER
between() { awk -v l="$1" -v v="$2" -v u="$3" 'BEGIN { exit !(l != "" && u != "" && v != "null" && l + 0 <= v + 0 && v + 0 <= u + 0) }'; }

# ------------------------------------------------------------------ trajectories
check "a trajectory" leaves 0 gap gaussian --trajectory 600 --json
check "its keys" keys gap gap_lower gap_upper confidence_lower confidence_upper relaxation_time integrated integrated_time \
    effective_samples observables lag chains steps step inner_step start seed method status message seconds
check "no enclosure" test "$(value gap_lower) $(value gap_upper) $(text status)" = "null null ok"
check "the method says so" test "$(text method)" = "trajectory: variational on observables, jackknife over chains"
check "the exact gap within five half-widths" between 0.7 "$(value gap)" 1.4
check "the interval holds the estimate" between "$(value confidence_lower)" "$(value gap)" "$(value confidence_upper)"
cp out first
check "the same again" leaves 0 gap gaussian --trajectory 600 --json
check "is the same" test "$(value gap)" = "$(value gap first)"
check "another seed" leaves 0 gap gaussian --trajectory 600 --seed 2 --json
check "is another estimate" test "$(value gap)" != "$(value gap first)"

# 256 sites: too large to diagonalize.
check "a lattice of 256 spins" leaves 0 gap ising -p graph=lattice -p shape=16x16 -p beta=.3 -p free=tied --trajectory 300 \
    --chains 16 --json
check "has an estimate" between 0.06 "$(value gap)" 0.13
check "and its start" sh -c 'grep -q "\"start\": \"exact draws\"" out'
prints "in words" '95 % +\[' gap ising -p beta=.4 --trajectory 300 --step 0.6
check "observables by name" grep -q 'observables +magnetization' -E out
check "too short is said" leaves 1 gap double-well -p h=3 --trajectory 128 --step 0.05 --json
check "status uncertified" test "$(text status)" = uncertified
check "metastable: no step is found" leaves 1 gap ising -p graph=lattice -p shape=8x8 -p beta=1.5 -p free=tied --trajectory 200
check "one sentence" test "$(wc -l < err)" = 1
refuses "too few steps" 'at least 128' gap gaussian --trajectory 20
refuses "too few chains" '8 to 256' gap gaussian --trajectory 200 --chains 2
refuses "chains without a trajectory" 'belong to --trajectory' gap gaussian --chains 16
refuses "bounds of an estimate" 'no meaning beside --trajectory' gap gaussian --trajectory 200 --bounds
check "not reversible" leaves 1 gap gaussian --dynamics underdamped-langevin --trajectory 200
check "is said" grep -q 'not reversible' err

# --------------------------------------------------------------- underdamped
check "underdamped" leaves 0 gap gaussian --dynamics underdamped-langevin:friction=2.5 --json
near "(g - sqrt(g^2 - 4))/2" "$(value gap)" 0.5 1e-10
check "no decay from the start" test "$(value decay_rate) $(value reversible)" = "0.0 false"
check "the same by its name as a row" leaves 0 gap gaussian --loss underdamped:friction=1 --json
near "g/2" "$(value gap)" 0.5 1e-10
check "reversible ones" leaves 0 gap gaussian --json
check "have one rate" test "$(value decay_rate) $(value reversible)" = "$(value gap) true"
refuses "no friction" 'friction = 0 of loss underdamped is out of range' gap gaussian --loss underdamped:friction=0
refuses "not on spins" 'needs a smooth density on the line' gap ising --loss underdamped
refuses "it has no loss" 'has no loss' efficiency gaussian --loss underdamped
refuses "an unknown process with options" "nearest is 'underdamped-langevin'" gap gaussian --dynamics underdamped-langevim:friction=1
check "losses" leaves 0 list losses
check "without those that have none" sh -c '! grep -q underdamped out && ! grep -q "^jumps" out'
prints "dynamics" 'underdamped-langevin .*loss: none' list dynamics
check "draws of it" leaves 0 sample double-well -n 50 --dynamics underdamped-langevin --chains 5
check "five columns of chains" test "$(grep -c '^4,' out)" = 10

# ------------------------------------------------------------------------- chains
check "a lifted walk" leaves 0 gap chain -p file=@"$root"/doc/lifted-ring.txt --json
near "its gap" "$(value gap)" "$(number '1 - cos(atan2(0, -1)/6) + 1/6')" 1e-10
near "its decay rate" "$(value decay_rate)" "$(number '1 - cos(atan2(0, -1)/6)')" 1e-10
check "is not reversible" test "$(value reversible) $(text status)" = "false ok"
printf '0 1 2\n1 0 1 # back\n1 2 2\n2 1 4\n' > path.txt
check "a path" leaves 0 gap chain -p file=@path.txt --json
near "its gap" "$(value gap)" "$(number '(9 - sqrt(17)) / 2')" 1e-10
check "is reversible" test "$(value reversible) $(value decay_rate)" = "true $(value gap)"
check "twice as fast" leaves 0 gap chain -p file=@path.txt -p speed=2 --json
near "twice the gap" "$(value gap)" "$(number '9 - sqrt(17)')" 1e-10
prints "in words" 'reversible +no' gap chain
printf '0 1 2\n1 0\n' > bad.txt
refuses "a line that is none" 'bad\.txt, line 2: a line is `i j rate`' gap chain -p file=@bad.txt
printf '0 1 2\n1 0 -1\n' > bad.txt
refuses "a rate below 0" "line 2: '-1' is no rate" gap chain -p file=@bad.txt
printf '0 1 2\n1 0 1\n0 1 3\n' > bad.txt
refuses "a rate twice" 'line 3: the rate from 0 to 1 stands already in line 1' gap chain -p file=@bad.txt
printf '0 1.5 2\n' > bad.txt
refuses "a state that is none" "'1.5' is no state" gap chain -p file=@bad.txt
refuses "no file" 'missing\.txt cannot be read' gap chain -p file=@missing.txt
refuses "a word that is none" 'must be @FILE or lifted' gap chain -p file=rates.txt
printf '0 1 1\n' > bad.txt
check "no way back" leaves 1 gap chain -p file=@bad.txt
refuses "another process" 'jumps needs a chain' gap ising --dynamics jumps
check "its mixing time" leaves 0 mixing chain

finish
