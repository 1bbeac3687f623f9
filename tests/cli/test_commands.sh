#!/bin/sh
# The contract of the commands that need no experiment file: list, gap, efficiency, fit, compare, sample; and of table.
. "$(dirname "$0")/lib.sh"
# Where the program looks for experiments and figures when it was built elsewhere.
mkdir sim && ln -s "$root/sim/experiments" sim/experiments && ln -s "$root/plots" plots

# keys FILE KEY...: every key stands in the JSON object of FILE.
keys() {
    keys_file=$1
    shift
    for key; do grep -q "^ *\"$key\":" "$keys_file" || { echo "  no key \"$key\""; return 1; }; done
}
# balanced: one object, and neither infinity nor NaN.
balanced() {
    sed 's/\\"//g; s/"[^"]*"/""/g' out | awk '{ n += gsub(/[{[]/, "") - gsub(/[]}]/, "") } /-?(nan|inf)/ { exit 1 } END { exit n != 0 }'
}
# json NAME STATUS KEYS ARGUMENTS...: the command with --json leaves so, and its object has the keys.
json() {
    json_name=$1 json_status=$2 json_keys=$3
    shift 3
    # shellcheck disable=SC2086 # one word a key
    if leaves "$json_status" "$@" --json && keys out $json_keys && balanced; then pass "$json_name"
    else fail "$json_name" "command: scoregap $* --json"
    fi
}
text() { sed -n "s/^ *\"$1\": \"\\(.*\\)\",\\{0,1\\}\$/\\1/p" out | head -n 1; }
flat() { tr -d ' \n' < out; }
first() { flat | sed -n "s/.*\"$1\":\[*\([^],]*\).*/\1/p"; }
last() { flat | sed -n "s/.*\"$1\":\[\([^]]*\)\].*/\1/p" | sed 's/.*,//'; }

# ---------------------------------------------------------------- in general
prints "--version" '^scoregap [0-9]+\.[0-9]+\.[0-9]+$' --version
prints "--help lists the commands" '^  efficiency ' --help
refuses "a command that does not exist" "unknown command 'effciency'; the nearest is 'efficiency'" effciency
check "no command at all" leaves 2
refuses "an option that does not exist" "unknown option '--lss'; the nearest is '--loss'" gap bimodal --lss mle
refuses "an option of another command" "does not take --data" gap bimodal --data x.csv
refuses "an option without its value" "needs a value" gap bimodal --loss
refuses "too few arguments" "usage: scoregap gap FAMILY" gap
refuses "too many arguments" "unexpected argument 'mixture'" gap bimodal mixture
for option in "--seed 3" "--theta 0,1" "--memory 1M"; do
    # shellcheck disable=SC2086 # an option and its value
    check "every command takes $option" leaves 0 gap gaussian $option
done
prints "and --version" '^scoregap [0-9.]+$' gap gaussian --version
for command in list gap efficiency mixing fit compare design sample check run replay table plot; do
    prints "$command --help" '^Example:' $command --help
    example=$(sed -n '/^Example:/{n;p;}' out)
    case $example in *"scoregap $command"*) pass "$command shows an example" ;; *) fail "$command shows an example" "$example" ;; esac
done

# ---------------------------------------------------------------------- list
json "list families" 0 "families name summary keys key type default range role help parameters groups" list families
families=$(sed -n 's/^      "name": "\(.*\)",/\1/p' out | tr '\n' ' ')
registered=$(sed -n 's/^    X(\([a-z0-9_]*\)).*/\1/p' "$root/src/family/registry.c" | tr '_\n' '- ')
check "all families" test "$families" = "$registered"
json "list losses" 0 "losses name summary generator dynamics clock options" list losses
json "list dynamics" 0 "dynamics name clock" list dynamics
json "list experiments" 0 "experiments name file" list experiments
json "list figures" 0 "figures name file" list figures
refuses "list of nothing known" "nearest is 'families'" list famlies

# ----------------------------------------------------------------------- gap
gap_keys="gap gap_lower gap_upper log10_gap poincare relaxation_time clock method status message seconds"
json "gap" 0 "$gap_keys" gap bimodal -p a=3
near "gap of the bimodal law" "$(value poincare)" 110.0185703 1e-9
ordered() { awk -v l="$(value gap_lower)" -v g="$(value gap)" -v u="$(value gap_upper)" 'BEGIN { exit !(l <= g && g <= u && u / l - 1 < 1e-10) }'; }
check "its enclosure holds it" ordered
for family in $families; do
    case $family in laplace|exponential|logistic|student) status=1 ;; *) status=0 ;; esac # tails without a gap
    json "gap $family" $status "$gap_keys" gap "$family"
done
for family in ${families%ising*}; do # the densities
    second=preconditioned:with=power,exponent=-0.6
    case $family in
    von-mises-fisher | bingham) second=score-matching ;; # no such D on spheres
    gaussian-mixture) second=preconditioned:with=matrix ;; # D of the density is beyond the Lanczos iteration there
    esac
    for loss in mle $second; do check "gap $family, $loss" leaves 0 gap "$family" --loss "$loss"; done
done
prints "a gap of 1e-42" '^gap +6\.67316232264e-42$' gap double-well -p h=100
prints "the process by its name" 'langevin' gap gaussian --dynamics langevin
json "a gap below the range of numbers" 1 "$gap_keys" gap bimodal -p a=40
check "is null, and its status says so" test "$(value gap) $(text status)" = "null underflow"
near "its logarithm is there" "$(value log10_gap)" -347.48 1e-4
refuses "unknown family" "unknown family 'bimodl'; the nearest is 'bimodal'" gap bimodl
refuses "unknown key" "unknown key 'omgea' of family sinusoid; the nearest is 'omega'" gap sinusoid -p omgea=2
refuses "wrong type" "a = 'x' of family bimodal.*must be a number" gap bimodal -p a=x
refuses "out of range" "a = -1 of family bimodal.*must be > 0" gap bimodal -p a=-1
refuses "odd where even is asked for" "k = 5 of family monomial.*even" gap monomial -p k=5
refuses "a key twice" "a" gap bimodal -p a=1 -p a=2
refuses "no key=value" "key=value" gap bimodal -p a
refuses "unknown free parameter" "nearest is 'erf'" gap bimodal -p free=erff
refuses "unknown loss" "unknown loss 'score-machting'; the nearest is 'score-matching'" gap bimodal --loss score-machting
refuses "unknown option of a loss" "nearest is 'with'" gap bimodal --loss preconditioned:wiht=stein
refuses "value of an option out of range" "value.*> 0" gap bimodal --loss preconditioned:value=-1
refuses "a loss that does not fit" "one parameter and .* has 2 free" gap bimodal --loss preconditioned:with=stein
refuses "unknown dynamics" "nearest is 'langevin'" gap bimodal --dynamics langevine
refuses "loss and dynamics at once" "not both" gap bimodal --loss mle --dynamics langevin
refuses "theta of a wrong length" "needs 2" gap bimodal --theta 1
refuses "theta that is no density" "not integrable" gap bimodal --theta=-1,0
refuses "theta of words" "separated by commas" gap bimodal --theta 1,x

# ---------------------------------------------------------------- efficiency
efficiency_keys="parameters theta gamma_mle gamma gamma_error inefficiency restricted_poincare restricted_poincare_error poincare
    poincare_lower poincare_upper bound_kantorovich bound_khr profile eigenvalues weights remainder status message seconds"
json "efficiency" 0 "$efficiency_keys" efficiency bimodal -p a=3 --loss score-matching
near "worst inefficiency" "$(last inefficiency)" 5.64078747 1e-8
near "restricted Poincare constant" "$(value restricted_poincare)" 108.41921 1e-7
near "Poincare constant" "$(value poincare)" 110.0185703 1e-9
json "efficiency of likelihood" 0 "$efficiency_keys" efficiency mixture -p m=2 --loss mle
near "is one" "$(first inefficiency)" 1 1e-9
near "variance of the weight" "$(first gamma_mle)" 0.268412395 1e-8
json "efficiency of the Stein kernel" 0 "$efficiency_keys" efficiency bimodal -p a=3 -p free=erf --loss preconditioned:with=stein
near "is that of likelihood" "$(first inefficiency)" 1 1e-8
json "a law at another theta" 0 "$efficiency_keys" efficiency gaussian --theta 0,4 --loss score-matching
near "has the variance of that theta" "$(value poincare)" 0.25 1e-9
json "beyond the last digit" 1 "gamma gamma_mle inefficiency restricted_poincare poincare profile status message" efficiency bimodal -p a=13 --loss score-matching
check "is null" test "$(value gamma) $(value restricted_poincare)" = "null null"
refused() { leaves 1 efficiency sinusoid -p free=sine --loss preconditioned:with=stein && [ "$(wc -l < err)" = 1 ] && grep -q 'changes sign' err; }
check "a Stein kernel that does not exist" refused

# -------------------------------------------------------------------- sample
check "sample" leaves 0 sample bimodal -p a=2 -n 3000 --seed 7 -o x.csv
shape() { [ "$(head -n 1 x.csv)" = x ] && [ "$(wc -l < x.csv)" = 3001 ] && ! sed 1d x.csv | grep -qv '^-\{0,1\}[0-9.e-]*$'; }
check "writes a header and a number a row" shape
again() { leaves 0 sample bimodal -p a=2 -n 3000 --seed "$1" && cmp -s out x.csv; }
check "the same seed, the same draws" again 7
check "in hexadecimal too" again 0x7
other() { ! again 8; }
check "another seed, other draws" other
longer() { leaves 0 sample bimodal -p a=2 -n 3500 --seed 7 && head -n 3001 out | cmp -s - x.csv; }
check "more draws extend fewer" longer
json "sample" 0 "family dynamics n seed draws distribution_error" sample mixture -n 4
draws() { [ "$(flat | sed 's/.*"draws":\[\([^]]*\)\].*/\1/' | awk -F , '{ print NF }')" = 4 ]; }
check "has its draws" draws
for name in resampling langevin preconditioned-langevin; do
    prints "sample by $name" '^-?[0-9]' sample bimodal --dynamics $name -n 20 --thin 2 --seed 3
done
levels() { leaves 0 sample mixture -p d=2 --dynamics tempered-langevin -n 50 --seed 3 && [ "$(head -n 1 out)" = x1,x2,beta ] && awk -F , 'NR > 1 && !($3 >= 0 && $3 <= 55) { exit 1 }' out; }
check "sample by tempered-langevin" levels
noisy() { leaves 0 sample mixture --loss denoising:sigma=2 -n 50 --seed 3 && [ "$(head -n 1 out)" = x ]; }
check "sample by smoothed-langevin" noisy
refuses "sample by several noise levels" "take one level" sample mixture --loss denoising:sigma-max=2 -n 5
refuses "their gap" "take one level" gap mixture --loss denoising:sigma-max=2
chains() { leaves 0 sample gaussian --loss score-matching --step 0.5 --chains 3 -n 6 && [ "$(cut -d, -f1 out | tr '\n' ' ')" = "chain 0 1 2 0 1 2 " ]; }
check "chains side by side" chains
refuses "sample without -n" "give the number of draws with -n" sample bimodal
refuses "no draws" "out of range" sample bimodal -n 0
refuses "half a draw" "whole number" sample bimodal -n 2.5
refuses "a step that is none" "out of range" sample gaussian --loss score-matching --step 0 -n 5
refuses "output that cannot be created" "cannot be created" sample bimodal -n 3 -o "$work/missing/x.csv"
refuses "a seed that is none" "whole number" sample bimodal -n 3 --seed -1
full() { leaves 1 sample bimodal -n 100000 -o /dev/full && [ "$(wc -l < err)" = 1 ]; }
if [ -c /dev/full ]; then check "a full disk" full; fi

# ----------------------------------------------------------------------- fit
fit_keys="parameters theta se interval covariance n status message"
json "fit" 0 "$fit_keys" fit bimodal -p a=2 --loss score-matching --data x.csv
check "counts its data" test "$(value n)" = 3000
within() { awk -v t="$1" -v se="$2" -v truth="$3" 'BEGIN { d = t - truth; if (d < 0) d = -d; exit !(se > 0 && d < 5 * se) }'; }
check "finds the first parameter within five standard errors" within "$(first theta)" "$(first se)" 1
check "and the last one" within "$(last theta)" "$(last se)" 0
for loss in mle preconditioned:with=power preconditioned:with=stein,direction=erf,at=pilot; do
    json "fit by $loss" 0 "$fit_keys" fit bimodal -p a=2 --loss $loss --data x.csv
    check "is right by $loss" within "$(last theta)" "$(last se)" 0
done
# Normal law: both losses give the sample mean and variance, theta = (mean, 1)/variance.
printf 'x\n1\n2\n4\n7\n6\n' > five.csv
json "fit of five numbers" 0 "$fit_keys" fit gaussian --loss mle --data five.csv
near "by likelihood, location" "$(first theta)" 0.76923076923076923 1e-12
near "by likelihood, precision" "$(last theta)" 0.19230769230769231 1e-12
json "fit of five numbers" 0 "$fit_keys" fit gaussian --loss score-matching --data five.csv
near "by score matching, location" "$(first theta)" 0.76923076923076923 1e-12
near "by score matching, precision" "$(last theta)" 0.19230769230769231 1e-12
start() { leaves 0 fit gaussian --loss score-matching --data five.csv && cp out one && leaves 0 fit gaussian --theta 1,4 --loss score-matching --data five.csv && cmp -s out one; }
check "a convex fit does not depend on its start" start
tr '\n' ';' < five.csv | sed 's/;$//; s/;/\n/g' | sed '1i # a comment' > comment.csv
check "comments in data" leaves 0 fit gaussian --data comment.csv
printf 'x\n1\nnan\n3\n4\n' > nan.csv
refuses "NaN in data names its place" "nan.csv, line 3, column 1" fit gaussian --data nan.csv
printf '1\n2\nfoo\n' > word.csv
refuses "a word in data names its place" "word.csv, line 3, column 1: 'foo'" fit gaussian --data word.csv
printf '1,2\n3,4\n5,6\n' > two.csv
refuses "data of another dimension" "2 columns" fit gaussian --data two.csv
: > empty.csv
refuses "no data" "no rows" fit gaussian --data empty.csv
refuses "data that are not there" "nowhere.csv" fit gaussian --data nowhere.csv
refuses "fit without data" "give the data with --data" fit gaussian
printf '3\n3\n3\n3\n' > same.csv
singular() { leaves 1 fit gaussian --loss score-matching --data same.csv --json && [ "$(first theta) $(text status)" = "null singular" ]; }
check "equal data: an answer with its status, exit status 1" singular

"$scoregap" sample mixture -p m=2 -p w=0.3 -n 400 --seed 3 -o mixed.csv
json "a fit from many starts" 0 "$fit_keys starts best_starts other_starts failed_starts" fit mixture -p m=2 -p free=all --loss mle --data mixed.csv
total() { [ "$(value starts)" = 8 ] && [ $(($(value best_starts) + $(value other_starts) + $(value failed_starts))) = 8 ]; }
check "counts them" total
alone() { leaves 0 fit mixture -p m=2 -p free=all --loss mle --data mixed.csv --starts 1 --json && [ "$(value starts) $(value best_starts)" = "1 1" ]; }
check "one start" alone
convex() { leaves 0 fit gaussian --loss score-matching --data five.csv --starts 5 --json && [ "$(value starts)" = 1 ]; }
check "a convex fit takes one" convex
refuses "no start" "out of range" fit gaussian --data five.csv --starts 0
refuses "a loss that is theory alone" "estimates nothing" fit mixture --loss lifted:boundary=interior --data mixed.csv
biased() { leaves 1 efficiency mixture -p m=1 -p w=0.3 --loss lifted:boundary=omitted --json && [ "$(text status)" = uncertified ] && grep -q 'biased' out && [ "$(first gamma)" != null ]; }
check "a biased estimate is flagged" biased

# ------------------------------------------------------------------- compare
json "compare" 0 "losses loss theta se inefficiency gap recommended" compare bimodal -p a=2 --data x.csv --loss mle --loss score-matching
check "compares two" test "$(grep -c '"loss":' out)" = 2
json "compare all" 0 "losses recommended" compare bimodal -p a=2 --data x.csv
fitting=0
for loss in $("$scoregap" list losses | grep '^[a-z]'); do
    if "$scoregap" gap bimodal --loss "$loss" > /dev/null 2>&1; then fitting=$((fitting + 1)); fi
done
check "compares every row that fits" test "$(grep -c '"loss":' out)" = "$fitting"
prints "compare as text" '^score-matching .* ok' compare bimodal -p a=2 --data x.csv
refuses "compare with an unknown loss" "nearest is 'mle'" compare bimodal --data x.csv --loss mlee
refuses "compare without data" "give the data with --data" compare bimodal

# -------------------------------------------------------------------- design
json "design" 0 "family best inefficiency inefficiency_error relaxation_time points varied key value lo hi at_end given score_matching clock evaluations settled" \
    design bimodal -p a=2 --loss preconditioned:with=power --vary exponent=-0.4..0.4 --evaluations 30
check "no worse than score matching" awk -v best="$(grep '"inefficiency":' out | sed -n '1s/[^0-9.]//gp')" \
    -v plain="$(grep '"inefficiency":' out | sed -n '3s/[^0-9.]//gp')" 'BEGIN { exit !(best > 1 && best <= plain) }'
prints "design as text" '^as given .* preconditioned:with=power$' design bimodal --loss preconditioned:with=power --evaluations 5
json "within a relaxation time" 0 best design bimodal -p a=2 --loss preconditioned --vary value=0.1..100 --max-relaxation 1 --evaluations 12
check "that is kept" awk -v t="$(value relaxation_time)" 'BEGIN { exit !(t > 0 && t <= 1) }'
refuses "design of what cannot be varied" "nothing to vary in loss mle" design bimodal --loss mle
refuses "an option that the loss does not have" "nearest is 'exponent'" design bimodal --loss preconditioned:with=power --vary exponnt=0..1
refuses "a range without its end" "KEY=LO..HI" design bimodal --loss preconditioned:with=power --vary exponent=0
refuses "a range out of range" "leaves the values" design bimodal --loss preconditioned:with=power --vary exponent=-2..0
refuses "design without a loss" "give one --loss" design bimodal
check "nothing is fast enough" leaves 1 design bimodal --loss preconditioned --vary value=0.1..1 --max-relaxation 0.001 --evaluations 5

# --------------------------------------------------------------------- table
cat > small.yaml <<'YAML'
schema: scoregap-experiment-1
name: small
claim: None, it is small.
seed: 1
family: bimodal
losses: [mle, score-matching]
grid: {a: [1, 2]}
sample_sizes: [100]
replicates: 8
measure: [gap, efficiency, montecarlo]
YAML
check "a result to read" leaves 0 run small.yaml -o small.h5
check "table" leaves 0 table small.h5
rows() { [ "$(wc -l < out)" = 5 ] && awk -F '\t' 'NR == 1 { n = NF } NF != n { exit 1 }' out; }
check "has a row a cell and loss, all of one width" rows
column() { awk -F '\t' -v name="$1" -v row="$2" 'NR == 1 { for (k = 1; k <= NF; k++) if ($k == name) c = k } NR == row + 1 && c { print $c }' out; }
near "and the numbers of gap" "$(column poincare 4)" 8.799977785 1e-9
near "and those of efficiency" "$(column inefficiency_max 4)" 1.67766206 1e-8
check "and the grid" test "$(column a 4)" = 2
prints "table of attributes" '^program_version	' table small.h5 attributes
prints "table of estimates" '^record	cell	' table small.h5 theta
check "an entry a replicate and parameter" test "$(wc -l < out)" = 65
json "table" 0 "family loss gap inefficiency_max" table small.h5
refuses "a table that is not there" "nearest is 'theta'" table small.h5 tehta
refuses "a file that is not there" "nowhere.h5" table nowhere.h5
refuses "a file that is no result" "x.csv" table x.csv
# shellcheck disable=SC2046 # one word an option
make_other() { ${CC:-gcc} "$root/tests/cli/other_schema.c" $(pkg-config --cflags --libs hdf5) -o other && ./other other.h5; }
check "a file of another schema to read" make_other
refuses "a result of another schema" "scoregap-result-0.*scoregap-result-1" table other.h5
LC_ALL=C sed 's/langevin/langevim/; s/bimodal/bimodel/' small.h5 > damaged.h5
refuses "a result whose bytes were changed" "damaged.h5" table damaged.h5
head -c 2000 small.h5 > half.h5
refuses "half a result" "half.h5" table half.h5
full_table() { "$scoregap" table small.h5 theta > /dev/full 2> err; [ $? = 1 ]; }
if [ -c /dev/full ]; then check "a table on a full disk" full_table; fi
finish
