#!/bin/bash
# Experiments from the command line: check, run, replay.  What a file may say, what stops a run, and that the bits never depend on threads,
# on interruptions or on what else is in the plan.
# usage: test_run.sh [PROGRAM]
case ${1:-} in "") ;; /*) SCOREGAP=$1 ;; *) SCOREGAP=$PWD/$1 ;; esac
. "$(dirname "$0")/lib.sh"
# Where the program looks for figures when it was built elsewhere.
ln -s "$root/plots" plots

write_good() {
    cat > good.yaml << 'END'
schema: scoregap-experiment-1
name: good
claim: Something holds.
seed: 7
family: bimodal
losses: [mle, score-matching]
grid:
  a: [1, 2]
sample_sizes: [300]
replicates: 12
measure: [gap, efficiency, bounds, montecarlo, kl]
smoke:
  replicates: 5
END
}
write_good

# bad NAME PATTERN SED: the good file, changed so, is refused by check and by run, with this sentence, before anything is made.
bad() {
    sed "$3" good.yaml > bad.yaml
    refuses "$1" "$2" check bad.yaml
    if leaves 2 run bad.yaml -o bad.h5 && [ "$(wc -l < err)" = 1 ] && grep -Eq -- "$2" err && [ ! -e bad.h5 ] && [ ! -e bad.cells ]
    then pass "$1 (run)"; else fail "$1 (run)" "$(cat err)"; fi
}

# --------------------------------------------------------------- what a file may not say
prints "check of a good file" '2 cells, 4 records' check good.yaml
prints "check as JSON" '"status": "ok"' check good.yaml --json
check "and its cost" test "$(value bytes)" -gt 1000
prints "check of the smoke version" 'n = 300, 5 replicates' check good.yaml --smoke
bad "misspelt key" "^scoregap: bad.yaml:4: unknown key 'sead'; the nearest is 'seed'" 's/^seed:/sead:/'
bad "misspelt key in smoke" "bad.yaml:13: unknown key 'replicats'; the nearest is 'replicates'" 's/^  replicates/  replicats/'
bad "misspelt key of the family in the grid" "bad.yaml:8: unknown key 'aa' in grid: family bimodal .*nearest is 'a'" 's/^  a:/  aa:/'
bad "misspelt parameter" "bad.yaml:5:.*unknown key 'fre'.*nearest is 'free'" 's/^family: bimodal/family: [{name: bimodal, parameters: {fre: erf}}]/'
bad "unknown family" "bad.yaml:5:9: unknown family 'bimodel'; the nearest is 'bimodal'" 's/bimodal/bimodel/'
bad "unknown loss" "bad.yaml:6:15: unknown loss 'score-macthing'; the nearest is 'score-matching'" 's/score-matching/score-macthing/'
bad "unknown option of a loss" "bad.yaml:6:15: unknown key 'wiht'.*nearest is 'with'" 's/score-matching/"preconditioned:wiht=power"/'
bad "unknown measure" "bad.yaml:11:.*unknown measure 'gapp'; the nearest is 'gap'" 's/measure: \[gap,/measure: [gapp,/'
bad "loss that does not fit the family" "bad.yaml:6:15:.*preconditioned:with=stein.*bimodal\(a=1" 's/score-matching/"preconditioned:with=stein,direction=w"/'
bad "text for a number" "bad.yaml:10:13: replicates must be a whole number, not 'many'" 's/^replicates: 12/replicates: many/'
bad "list for a number" "bad.yaml:10:13: replicates must be a whole number, not a list" 's/^replicates: 12/replicates: [12]/'
bad "fraction for a count" "bad.yaml:10:.*whole number" 's/^replicates: 12/replicates: 1.5/'
bad "text for a list" "bad.yaml:6:9: losses must be a list, not 'mle'" 's/^losses: .*/losses: mle/'
bad "text for a value of the grid" "bad.yaml:8:7: .*'x'" 's/\[1, 2\]/[x, 2]/'
bad "seed that is no number" "bad.yaml:4:7: seed must be a whole number" 's/^seed: 7/seed: seven/'
bad "seed below zero" "bad.yaml:4:7: seed must be" 's/^seed: 7/seed: -7/'
bad "seed of 65 bits" "bad.yaml:4:7: seed .* out of range" 's/^seed: 7/seed: 0x10000000000000000/'
bad "replicates out of range" "bad.yaml:10:13: replicates 0 is out of range: it must be >= 1" 's/^replicates: 12/replicates: 0/'
bad "value of the grid out of range" "bad.yaml:8:10: .*out of range.*> 0" 's/\[1, 2\]/[1, -2]/'
bad "sample size out of range" "bad.yaml:9:16: the sample size 0 must be" 's/\[300\]/[0]/'
bad "empty grid" "bad.yaml:8:6: the grid is empty" 's/\[1, 2\]/[]/'
bad "grid without keys" "the grid is empty" '/^  a:/d'
bad "range without steps" "bad.yaml:8:6: the range of a needs 'steps'" 's/\[1, 2\]/{from: 1, to: 2}/'
bad "range of no steps" "'steps' in the range of a" 's/\[1, 2\]/{from: 1, to: 2, steps: 0}/'
bad "misspelt key of a range" "bad.yaml:8: unknown key 'step'.*nearest is 'steps'" 's/\[1, 2\]/{from: 1, to: 2, step: 2}/'
bad "logarithmic range through zero" "scale log: from and to must be > 0" 's/\[1, 2\]/{from: 0, to: 2, steps: 3, scale: log}/'
bad "lists of a zip differ" "bad.yaml:9:.*one length: a has 2 values and free has 1" 's/^  a: .*/  a: [1, 2]\n  free: [erf]\n  mode: zip/'
bad "mode that does not exist" "mode of grid must be product or zip" 's/^  a: .*/  a: [1, 2]\n  mode: zap/'
bad "value twice" "bad.yaml:8:10: bimodal.* stands twice" 's/\[1, 2\]/[1, 1.0]/'
bad "loss twice" "bad.yaml:6:.*the loss 'mle' stands twice" 's/\[mle,/[mle, mle,/'
bad "sample size twice" "bad.yaml:9:.*300 stands twice" 's/\[300\]/[300, 300]/'
bad "key twice" "bad.yaml:5:1: the key 'seed' stands here and in line 4" 's/^seed: 7/seed: 7\nseed: 8/'
bad "no losses" "bad.yaml:6:9: losses is empty" 's/^losses: .*/losses: []/'
bad "no family" "bad.yaml: the key 'family' is missing" '/^family/d'
bad "no replicates" "measure has montecarlo: give replicates" '/replicates/d; /^smoke/d'
bad "no sample sizes" "measure has montecarlo: give sample_sizes" '/^sample_sizes/d'
bad "kl without fits" "kl.*add montecarlo" 's/ montecarlo,//'
bad "key in grid and parameters" "bad.yaml:8: the key 'a' stands in grid and in parameters" 's/^family: bimodal/family: [{name: bimodal, parameters: {a: 3}}]/'
bad "misspelt figure" "bad.yaml:11:9: unknown figure 'swep'; the nearest is 'sweep'" 's/^measure/figure: swep\nmeasure/'
bad "misspelt figure in a list" "bad.yaml:11:17: unknown figure 'heavy-tail'; the nearest is 'heavy-tails'" 's/^measure/figure: [sweep, heavy-tail]\nmeasure/'
bad "figure twice" "bad.yaml:11:17: the figure 'sweep' stands twice" 's/^measure/figure: [sweep, sweep]\nmeasure/'
bad "figure that is no name" "bad.yaml:11:9: figure must be a name or a list of names, not a mapping" 's/^measure/figure: {name: sweep}\nmeasure/'
bad "mixing without its measure" "bad.yaml:[0-9]+:.*mixing is given: add mixing to measure" 's/^measure/mixing: {epsilon: 0.1}\nmeasure/'
bad "misspelt key of mixing" "unknown key 'epsilom'.*nearest is 'epsilon'" 's/^measure/mixing: {epsilom: 0.1}\nmeasure/'
bad "epsilon out of range" "epsilon 1 of mixing is out of range" 's/^measure/mixing: {epsilon: 1}\nmeasure/'
bad "start that does not fit" "bad.yaml:[0-9]+:.*the start 'all-plus' does not fit bimodal" 's/^measure: \[gap,/mixing: {start: all-plus}\nmeasure: [mixing,/'
bad "another schema" "bad.yaml:1:9: the schema is 'scoregap-experiment-9', this program reads 'scoregap-experiment-1'" 's/experiment-1/experiment-9/'
bad "name that is a path" "bad.yaml:2:7: name '../good'" 's/^name: good/name: ..\/good/'
bad "no YAML" "bad.yaml:[0-9]+:[0-9]+: this is no YAML" 's/\[1, 2\]/[1, 2/'
bad "tabs" "bad.yaml:8:1: this is no YAML" 's/^  a:/\ta:/'
bad "second document" "bad.yaml:.*second document" '$a ---\na: 1'
bad "value that is deeper than anything" "too deeply" "s/^claim: .*/claim: $(printf '[%.0s' {1..40})$(printf ']%.0s' {1..40})/"
{ echo 'a: &a [x, x, x, x, x, x, x, x, x, x]'; for k in b c d e f g h; do prev=$(echo $k | tr b-h a-g); echo "$k: &$k [*$prev, *$prev, *$prev, *$prev, *$prev, *$prev, *$prev, *$prev, *$prev, *$prev]"; done; } > bad.yaml
refuses "aliases that unfold without end" "bad.yaml:.*too many values" check bad.yaml
printf 'claim: \377\376\n' > bad.yaml
refuses "bytes that are no text" "bad.yaml:1:8: this is no YAML" check bad.yaml
printf 'claim: a\0b\n' > bad.yaml
refuses "zero bytes" "bad.yaml is no text" check bad.yaml
: > bad.yaml
refuses "empty file" "bad.yaml: the file is empty" check bad.yaml
refuses "file that is not there" "nowhere.yaml cannot be read: No such file" run nowhere.yaml
refuses "directory for a file" "cannot be read: Is a directory" run .
refuses "negative threads" "threads" run good.yaml --threads 0

# --------------------------------------------------------------- outputs that cannot be made
refuses "output in no directory" "nowhere/x.cells cannot be created: No such file" run good.yaml -o nowhere/x.h5
refuses "output below a file" "good.yaml/x.h5 cannot be created: Not a directory" run good.yaml -o good.yaml/x.h5
mkdir directory.h5
refuses "output that is a directory" "directory.h5 is there and is no regular file" run good.yaml -o directory.h5
refuses "output without a name" "is no name of a file" run good.yaml -o directory.h5/
: > taken.cells
refuses "cells that are a file" "taken.cells is there and is no directory" run good.yaml -o taken.h5
check "nothing else was made" test "$(echo *.h5 *.cells)" = "directory.h5 taken.cells"

# --------------------------------------------------------------- runs and their bits
run() { leaves 0 run "$@"; }
prints "run" '^good  .* 2 .* 24 .* 0 ' run good.yaml -o one.h5 --threads 1
prints "run as JSON" '"experiment": "good"' run good.yaml -o two.h5 --threads 2 --json
check "cells" test "$(value cells) $(value records) $(value replicates) $(value failures) $(value resumed)" = "2 4 24 0 0"
check "7 threads" run good.yaml -o seven.h5 --threads 7
check "1 and 2 threads: the same bytes" cmp one.h5 two.h5
check "1 and 7 threads: the same bytes" cmp one.h5 seven.h5
check "data drawn anew at each pass" run good.yaml -o anew.h5 --memory 0
check "the same bytes" cmp one.h5 anew.h5
check "results/NAME.h5 without -o" run good.yaml
check "the same bytes there" cmp one.h5 results/good.h5
check "a log beside it" test "$(head -n 1 one.log.tsv)" = "cell	family	parameters	n	seconds	threads	host"
check "with a line a cell" test "$(wc -l < one.log.tsv)" = 3
prints "a finished run again" '"resumed": 2' run good.yaml -o one.h5 --json
check "changes no byte" cmp one.h5 two.h5
prints "--fresh computes again" '"resumed": 0' run good.yaml -o one.h5 --json --fresh
check "and changes no byte" cmp one.h5 two.h5
printf 'damage' | dd of="$(ls one.cells/*.h5 | head -n 1)" bs=1 seek=500 conv=notrunc 2> /dev/null
prints "a damaged cell is computed again" '"resumed": 1' run good.yaml -o one.h5 --json
check "to the same bytes" cmp one.h5 two.h5
check "--seed" run good.yaml -o seed.h5 --seed 8
check "gives other data" test "$("$scoregap" table seed.h5 theta | tail -n 1)" != "$("$scoregap" table one.h5 theta | tail -n 1)"
prints "and is recorded" 'seed	0x0000000000000008' table seed.h5 attributes
prints "with where it came from" 'seed_from	command line' table seed.h5 attributes
check "a smoke run without -o" run good.yaml --smoke
prints "goes to results/NAME-smoke.h5 and is recorded" 'smoke	1' table results/good-smoke.h5 attributes
check "and leaves the whole result and its cells" cmp one.h5 results/good.h5
check "as they are" test "$(find results/good.cells -name '*.h5' | wc -l) $(find results/good-smoke.cells -name '*.h5' | wc -l)" = "2 2"
# pairs LOSS: eigenvalues of each record of the loss.
pairs() { "$scoregap" table one.h5 profile/eigenvalues | awk -F '\t' -v loss="$1" 'NR == 1 { for (k = 1; k <= NF; k++) at[$k] = k; next }
    $at["loss"] == loss && $NF != "NaN" { count[$at["record"]]++; last[$at["record"]] = $NF } END { for (r in count) printf "%d:%.12g ", count[r], last[r] }'; }
check "the profile of maximum likelihood is its one eigenvalue" test "$(pairs mle)" = "1:1 1:1 "
check "that of score matching has many" test "$(pairs score-matching | tr ' ' '\n' | awk -F : '$1 >= 8 && $2 > 10' | wc -l)" = 2
# What the pairs leave of the variance of the score is nothing, and the rest of the arrays is empty.
left() { "$scoregap" table one.h5 "$1" | awk -F '\t' 'NR == 1 { for (k = 1; k <= NF; k++) at[$k] = k; next }
    $at["loss"] == "mle" && $NF != "NaN" { n++; v = $NF < 0 ? -$NF : $NF; if (v > most) most = v } END { print n, most < 1e-12 }'; }
check "which carries all weight" test "$(left profile/weights | cut -d ' ' -f 1) $(left profile/remainder)" = "4 4 1"

# --------------------------------------------------------------- plans that grow
cells_of() { (cd "$1" && sha256sum -- *.h5); }
cells_of two.cells > before
sed 's/\[1, 2\]/[1, 1.5, 2]/' good.yaml > grown.yaml
cp two.h5 grown.h5 && cp -r two.cells grown.cells
prints "a grid value is added" '"resumed": 2' run grown.yaml -o grown.h5 --json
check "old cells keep their bits" sh -c 'cd grown.cells && sha256sum --quiet -c ../before'
# rows FILE: the table cells without the numbers of the cells.
rows() { "$scoregap" table "$1" cells | awk -F '\t' 'NR == 1 { for (k = 1; k <= NF; k++) if ($k == "cell" || $k == "record") skip[k] = 1 }
    { for (k = 1; k <= NF; k++) if (!(k in skip)) printf "%s\t", $k; print "" }' | grep -v 'a=1.5'; }
check "and so do their rows" test "$(rows grown.h5)" = "$(rows two.h5)"
check "a fresh run of the grown plan" run grown.yaml -o grown-fresh.h5
check "gives the bytes of the resumed one" cmp grown.h5 grown-fresh.h5
prints "replay of an old cell" 'the stored bits agree' replay grown.h5 --cell 2 --replicate 3
# theta FILE LOSS: estimates of cell 0 in the first 12 replicates.
theta() { "$scoregap" table "$1" theta | awk -F '\t' -v loss="$2" 'NR == 1 { for (k = 1; k <= NF; k++) at[$k] = k; next }
    $at["cell"] == 0 && $at["loss"] == loss && $at["index1"] < 12 { print $NF }'; }
sed 's/^replicates: 12/replicates: 20/' good.yaml > longer.yaml
check "more replicates" run longer.yaml -o longer.h5
check "begin with the old ones" test "$(theta longer.h5 mle | wc -l) $(theta longer.h5 mle | md5sum)" = "24 $(theta two.h5 mle | md5sum)"
sed 's/\[mle, score-matching\]/[score-matching]/; s/ efficiency,//' good.yaml > fewer.yaml
check "fewer losses and measures" run fewer.yaml -o fewer.h5
check "the estimates of a loss stay" test "$(theta fewer.h5 score-matching | wc -l) $(theta fewer.h5 score-matching | md5sum)" = "24 $(theta two.h5 score-matching | md5sum)"

# --------------------------------------------------------------- replay
prints "replay" 'the stored bits agree' replay two.h5 --cell 1 --replicate 11
prints "replay as JSON" '"same": true' replay two.h5 --cell 0 --replicate 0 --json
prints "replay of one loss" '^score-matching: ok' replay two.h5 --cell 0 --replicate 0 --loss score-matching
check "and no other" test "$(grep -c '^mle' out)" = 0
refuses "replay of a cell that is not there" "cells 0 to 1" replay two.h5 --cell 2 --replicate 0
refuses "replay of a replicate that is not there" "replicates 0 to 11" replay two.h5 --cell 0 --replicate 12
refuses "replay without a replicate" "needs --cell I and --replicate R" replay two.h5 --cell 0
refuses "replay of a loss that is not there" "no loss 'preconditioned:with=power'" replay two.h5 --cell 0 --replicate 0 --loss preconditioned:with=power
refuses "replay of a file that is not there" "nowhere.h5" replay nowhere.h5 --cell 0 --replicate 0
refuses "replay of an experiment file" "good.yaml" replay good.yaml --cell 0 --replicate 0
refuses "replay of a cell file" "holds no experiment" replay "$(ls two.cells/*.h5 | head -n 1)" --cell 0 --replicate 0
# shellcheck disable=SC2046 # one word an option
make_other() { ${CC:-gcc} "$root/tests/cli/other_schema.c" $(pkg-config --cflags --libs hdf5) -o other && ./other other.h5; }
check "a file of another schema" make_other
refuses "replay of a result of another schema" "scoregap-result-0.*scoregap-result-1" replay other.h5 --cell 0 --replicate 0

# --------------------------------------------------------------- failures that are data
cat > refused.yaml << 'END'
schema: scoregap-experiment-1
name: refused
claim: A loss that is refused takes no other with it.
seed: 1
family: gaussian
parameters: {free: precision}
losses: [mle, "preconditioned:with=stein"]
sample_sizes: [100]
replicates: 8
measure: [gap, efficiency, montecarlo]
END
prints "a loss that is refused" '"status": "ok"' run refused.yaml -o refused.h5 --json
check "is counted" test "$(value failed_measures)" -ge 3
column() { "$scoregap" table "$1" cells | awk -F '\t' -v want="$2" -v row="$3" 'NR == 1 { for (k = 1; k <= NF; k++) if ($k == want) at = k } NR == row + 1 { print $at }'; }
check "with its status" test "$(column refused.h5 status_montecarlo 2)" = refused
check "and the other one is there" test "$(column refused.h5 used 1) $(column refused.h5 status_montecarlo 1)" = "8 ok"
prints "replay passes over it" '^mle: ok' replay refused.h5 --cell 0 --replicate 7
check "and stops when it is asked for" leaves 1 replay refused.h5 --cell 0 --replicate 7 --loss preconditioned:with=stein

# --------------------------------------------------------------- interruptions
cat > long.yaml << 'END'
schema: scoregap-experiment-1
name: long
claim: This takes a while.
seed: 11
family: bimodal
losses: [mle, score-matching]
grid: {a: {from: 1, to: 3, steps: 12}}
sample_sizes: [4000]
replicates: 150
measure: [gap, montecarlo, kl]
END
check "an unbroken run" run long.yaml -o unbroken.h5
finished() { find "$1.cells" -name '*.h5' 2> /dev/null | wc -l; }
# begin NAME CELLS [OPTION...]: starts the run and waits until so many cells are there.
begin() {
    begin_name=$1 begin_cells=$2
    shift 2
    "$scoregap" run long.yaml -o "$begin_name.h5" "$@" > begun.out 2> begun.err &
    runner=$!
    for _ in $(seq 3000); do
        if [ "$(finished "$begin_name")" -ge "$begin_cells" ] || ! kill -0 $runner 2> /dev/null; then return; fi
        sleep 0.01
    done
}
# ended STATUS: the run that was begun ends so.
ended() { wait $runner; got=$?; [ $got = "$1" ] || { echo "  exit status $got, expected $1"; cat begun.err; return 1; }; }

for most in 1 4 8; do
    begin killed $most
    kill -9 $runner
    wait $runner 2> /dev/null
    check "kill -9 leaves no result" test ! -e killed.h5
    check "and the cells" test "$(finished killed)" -ge $most
done
touch killed.cells/0123456789abcdef.h5.tmp.1 killed.h5.tmp.1
prints "a run goes on after kill -9" '"status": "ok"' run long.yaml -o killed.h5 --json --threads 1
check "from where it was" test "$(value resumed)" -ge 8
check "with the bytes of an unbroken run" cmp killed.h5 unbroken.h5
check "and removes what the kill left" test -z "$(find . -path './killed*' -name '*.tmp.*')"

begin stopped 2 --threads 2
kill -INT $runner
check "Ctrl-C leaves with 130" ended 130
check "and says how to go on" grep -q '^scoregap: stopped; continue with: scoregap run long.yaml -o stopped.h5 --threads 2$' begun.err
check "and leaves no result" test ! -e stopped.h5
begin stopped 5 --fresh
kill -TERM $runner
check "SIGTERM leaves with 143" ended 143
check "and goes on without --fresh" grep -q 'continue with: scoregap run long.yaml -o stopped.h5$' begun.err
prints "the rest of the run" '"status": "ok"' run long.yaml -o stopped.h5 --json
check "keeps the finished cells" test "$(value resumed)" -ge 5
check "with the bytes of an unbroken run" cmp stopped.h5 unbroken.h5

begin busy 1
check "a second run beside the first" leaves 1 run long.yaml -o busy.h5
check "is told so" grep -q 'another run is writing busy.h5' err
kill -TERM $runner
check "the first one is not disturbed" ended 143

# --------------------------------------------------------------- a full disk
most_cell=$(stat -c %s unbroken.cells/*.h5 | sort -n | tail -n 1)
check "the result is larger than a cell" test "$(stat -c %s unbroken.h5)" -gt $((2 * most_cell))
mkdir full.cells
for cell in $(ls unbroken.cells/*.h5 | head -n 10); do cp "$cell" full.cells; done
limited() { (ulimit -f "$1" && leaves 1 run long.yaml -o full.h5); }
check "a disk that holds the cells and not the result" limited $((most_cell / 1024 + 1))
check "says where, and what is kept" grep -Eq 'full.h5 cannot be written: File too large; 12 of 12 cells are finished and kept in full.cells' err
check "leaves no result" test ! -e full.h5
check "and no temporary file" test -z "$(find . -path './full*' -name '*.tmp.*')"
prints "with more room" '"resumed": 12' run long.yaml -o full.h5 --json
check "the result is that of an unbroken run" cmp full.h5 unbroken.h5
sed 's/^  a: .*/  a: [1]/' good.yaml > small.yaml
fuller() { (ulimit -f 2 && leaves 1 run small.yaml -o fuller.h5); }
check "a disk that does not hold a cell" fuller
check "says so" grep -Eq 'fuller.cells/.* cannot be written: File too large; 0 of 1 cells' err
old_result() { cp one.h5 old.h5 && (ulimit -f 2 && leaves 1 run small.yaml -o old.h5) && cmp old.h5 one.h5; }
check "an old result stays when the new one does not fit" old_result

# --------------------------------------------------------------- gaps alone, where there is no loss to fit
cat > spins.yaml << 'END'
schema: scoregap-experiment-1
name: spins
claim: Larger blocks relax in fewer updates.
seed: 7
family: ising
parameters: {n: 4, free: tied}
losses: ["masked:k=1", "masked:k=2", "masked:k=4"]
grid: {beta: [0.3]}
measure: [gap]
smoke: {grid: {beta: [0.2]}}
END
leaves 0 run spins.yaml -o spins.h5
# Two of four sites are drawn a unit of time, one, or all.
sweeps() { leaves 0 table spins.h5 && awk -F'\t' 'NR == 1 { for (i = 1; i <= NF; i++) at[$i] = i; next }
    { drawn = NR - 1; if (drawn == 3) drawn = 4; if (($at["relaxation_sweeps"] / $at["relaxation_time"] - drawn / 4)^2 > 1e-20) exit 1 }
    END { if (NR != 4) exit 1 }' out; }
check "relaxation in sweeps" sweeps

# --------------------------------------------------------------- the experiments that come along
TIMEFORMAT="%U %S"
for file in "$root"/sim/experiments/*.yaml; do
    name=$(basename "$file" .yaml)
    # Both versions are read and planned; the cost is that of the small one.
    check "$name is valid" leaves 0 check "$file" --smoke --threads 1
    check "$name is named like its file" grep -q "^name: $name\$" "$file"
    # Seconds of the processor: other tests run at the same time.
    { time check "smoke of $name" run "$file" --smoke --threads 1 -o "smoke-$name.h5" --json 2>&1; } 2> took
    if [ -z "${BUILD:-}" ]; then check "in less than 5 s" awk '{ exit !($1 + $2 > 0 && $1 + $2 < 5) }' took; fi
done
finish
