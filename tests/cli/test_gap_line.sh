#!/bin/sh
# `gap` in one dimension through the command line: ends, kinks, tails without a gap, wells, the circle; and what refuses where
# only the dynamics are defined.
. "$(dirname "$0")/lib.sh"

text() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" out | head -n 1; }
flat() { tr -d ' \n' < out; }
list() { flat | sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p"; }
number() { awk "BEGIN { pi = atan2(0, -1); printf \"%.17g\", $1 }"; }

# gap NAME EXPECTED RELATIVE ARGUMENTS...: certified, exit status 0, the value as expected and inside its enclosure.
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
# bottom NAME LOG10 PATTERN ARGUMENTS...: not attained, exit status 1, the reason, log10 of the bottom of the essential spectrum.
bottom() {
    bottom_name=$1 want=$2 pattern=$3
    shift 3
    if ! leaves 1 gap "$@" --json; then fail "$bottom_name"
    elif [ "$(text status)" != not-attained ]; then fail "$bottom_name" "status $(text status): $(text message)"
    elif ! text message | grep -q "$pattern"; then fail "$bottom_name" "message: $(text message)"
    elif [ "$want" = null ]; then check "$bottom_name" test "$(value log10_gap)" = null
    else near "$bottom_name" "$(value log10_gap)" "$want" 1e-9
    fi
}

# ------------------------------------------------------------ ends and weights
gap "gaussian" .25 1e-12 gaussian -p s=2
gap "uniform" "$(number 'pi^2 / 25')" 1e-11 uniform -p lo=-2 -p hi=3
gap "uniform, tilted" "$(number 'pi^2 + 2500')" 1e-11 uniform --theta 100
gap "an interval of the normal law" 3 1e-11 truncated-gaussian
gap "half a normal law" 2 1e-11 truncated-gaussian -p lo=0 -p hi=40
gap "exponential law, Stein's weight" 1 1e-10 exponential --loss preconditioned:with=stein
gap "a weight makes a gap" "$(number 2/3)" 1e-10 student --loss preconditioned:with=power,exponent=-0.5

# --------------------------------------------------------------- without a gap
bottom "laplace" "$(number 'log(.25) / log(10)')" 'essential spectrum' laplace
bottom "laplace, scaled" "$(number 'log(.01) / log(10)')" 'essential spectrum' laplace -p scale=5
bottom "exponential" "$(number 'log(2.25) / log(10)')" 'essential spectrum' exponential -p rate=3
bottom "logistic" "$(number 'log(.25) / log(10)')" 'essential spectrum' logistic
bottom "student" null 'no gap' student
bottom "student, nearly normal" null 'no gap' student -p nu=1e6
check "text says so too" sh -c '"$0" gap student > out 2> err; [ $? = 1 ] && grep -q "no gap" out' "$scoregap"

# ----------------------------------------------------------------------- wells
gap "ripples, e^-114" 2.7678309117500345e-50 1e-12 sinusoid -p omega=4 --theta 1,60 --count 3
near "the second" "$(list eigenvalues | cut -d, -f2)" 4.9334752814903938e-50 1e-12
near "the third" "$(list eigenvalues | cut -d, -f3)" 7.8464743376750558e-50 1e-12
gap "three wells" 3.7249197677939281e-14 1e-12 polynomial -p degree=5 --theta 0,-12,0,9.2,0.3 --count 3
near "the second" "$(list eigenvalues | cut -d, -f2)" .13003527191187174 1e-12
near "the third" "$(list eigenvalues | cut -d, -f3)" 19.07439938622166 1e-12
gap "a secondary well of mass e^-498" 1.25833006476070142e-76 1e-12 double-well --theta 250,800,400

# ---------------------------------------------------------------------- circle
gap "circle" 1 1e-10 von-mises -p kappa=0 --count 4
check "each eigenvalue twice" awk -v list="$(list eigenvalues)" 'BEGIN { n = split(list, v, ","); if (n != 4) exit 1
    for (k = 1; k <= n; k++) if ((v[k] - (k > 2 ? 4 : 1))^2 > 1e-18) exit 1 }'
gap "von Mises" 1.16549653046466 1e-11 von-mises
gap "turned" 1.16549653046466 1e-11 von-mises --theta 0,1
gap "concentrated" 299.498741587 1e-8 von-mises -p kappa=300

# ------------------------------------------- dynamics are defined, losses are not
for family in laplace exponential uniform truncated-gaussian; do
    refuses "efficiency of score matching on $family" 'no valid loss for .*(kink|ends of its support)' efficiency "$family"
    check "its dynamics are simulated" leaves 0 sample "$family" -n 5 --dynamics langevin
    check "likelihood is fine" leaves 0 efficiency "$family" --loss mle
done
check "draws of the exponential law" leaves 0 sample exponential -n 200 -o draws.csv
refuses "fit by score matching" 'no valid loss' fit exponential --loss score-matching --data draws.csv
check "fit by likelihood" leaves 0 fit exponential --loss mle --data draws.csv
check "fit with Stein's weight" leaves 0 fit exponential --loss preconditioned:with=stein --data draws.csv
check "efficiency with Stein's weight" leaves 0 efficiency exponential --loss preconditioned:with=stein --json
near "is full" "$(flat | sed -n 's/.*"inefficiency":\[\([^],]*\).*/\1/p')" 1 1e-10
check "efficiency on the circle" leaves 0 efficiency von-mises --json
near "Poincare constant there" "$(value poincare)" .858003412161 1e-10
cat > smoothless.yaml <<'Y'
schema: scoregap-experiment-1
name: smoothless
claim: refused
seed: 1
family: laplace
losses: [score-matching]
sample_sizes: [100]
replicates: 10
measure: [efficiency]
Y
refuses "an experiment with it" 'no valid loss' check smoothless.yaml

# ------------------------------------------------------------ requests that are wrong
refuses "an empty interval" 'hi must be beyond lo' gap uniform -p lo=2 -p hi=1
refuses "negative rate" 'out of range' gap exponential -p rate=-1
refuses "theta outside" 'no density' gap laplace --theta -1
refuses "too heavy a tail for quadrature" 'out of range' gap student -p nu=0.1
finish
