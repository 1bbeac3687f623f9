#!/bin/sh
# Every figure from small results, in every format and on a terminal; what a figure cannot draw is said in a sentence; nothing is left behind.
# The program is the first argument, else as in lib.sh.
if [ $# -gt 0 ]; then SCOREGAP=$(cd "$(dirname "$1")" && pwd)/$(basename "$1"); fi
. "$(dirname "$0")/lib.sh"
# Where the program looks for experiments and figures when it was built elsewhere.
mkdir sim plain temporary && ln -s "$root/sim/experiments" sim/experiments && ln -s "$root/plots" plots
TMPDIR=$work/temporary
export TMPDIR
unset NO_COLOR

# result NAME LINE...: NAME.h5, of an experiment with these lines.
result() {
    result_name=$1
    shift
    {
        echo "schema: scoregap-experiment-1"
        echo "name: $result_name"
        echo "claim: A claim with 'quotes', \"more of them\", a {brace} and a_low line."
        echo "seed: 7"
        printf '%s\n' "$@"
    } > "plain/$result_name.yaml"
    check "the result $result_name" leaves 0 run "plain/$result_name.yaml" -o "$result_name.h5"
}
check "a smoke result" leaves 0 run "$root/sim/experiments/bimodal-separation.yaml" --smoke -o sweep.h5
check "a smoke result of the Stein kernel" leaves 0 run "$root/sim/experiments/stein-bimodal.yaml" --smoke -o stein.h5
check "a smoke result over sample sizes" leaves 0 run "$root/sim/experiments/sample-size.yaml" --smoke -o sizes.h5
check "a smoke result whose key is called like a column" leaves 0 run "$root/sim/experiments/mixture-separation.yaml" --smoke -o mixture.h5
for name in masks masks-kl spin-glass transition-lattice sliced lifting lifting-design separation decomposition; do
    check "a smoke result of $name" leaves 0 run "$root/sim/experiments/$name.yaml" --smoke -o "$(echo $name | tr -d -).h5"
done
check "a smoke result of mixing times" leaves 0 run "$root/sim/experiments/cutoff.yaml" --smoke -o cutoff.h5
result gap "family: bimodal" "losses: [mle, score-matching]" "grid: {a: [1, 2]}" "measure: [gap]"
result single "family: bimodal" "losses: [mle, score-matching]" "grid: {a: [2]}" "sample_sizes: [300]" "replicates: 10" "measure: [gap, efficiency, bounds, montecarlo]"
result fixed "family: gaussian" "losses: [mle, score-matching]" "sample_sizes: [300]" "replicates: 10" "measure: [gap, efficiency, montecarlo]" "figure: [dictionary, sample-size]"

# format_of FILE: what the file is by its first bytes.
format_of() {
    case $(head -c 8 "$1" | od -An -tx1 | tr -d ' \n') in
    255044462d*) echo pdf ;;
    89504e470d0a1a0a) echo png ;;
    *) if head -n 3 "$1" | grep -q '<svg'; then echo svg; else echo unknown; fi ;;
    esac
}
# draws NAME FIGURE RESULT...: in the three formats, and with letters.
draws() {
    draws_name=$1 figure=$2
    shift 2
    for format in pdf png svg; do
        rm -f "o.$format"
        if ! leaves 0 plot "$@" --figure "$figure" -o "o.$format"; then fail "$draws_name: $format"
        elif [ -s out ] || [ -s err ]; then fail "$draws_name: $format" "it printed: $(cat out err)"
        elif [ "$(format_of "o.$format")" != "$format" ]; then fail "$draws_name: $format" "it is: $(format_of "o.$format")"
        elif [ "$(wc -c < "o.$format")" -lt 4000 ]; then fail "$draws_name: $format" "only $(wc -c < "o.$format") bytes"
        else pass "$draws_name: $format"
        fi
    done
    if ! leaves 0 plot "$@" --figure "$figure"; then fail "$draws_name: letters"
    elif [ "$(wc -l < out)" -lt 20 ] || ! grep -q 'scoregap 0' out; then fail "$draws_name: letters" "$(cat out)"
    elif [ "$(tr -dc '\033' < out | wc -c)" != 0 ]; then fail "$draws_name: letters" "colour in a file"
    else pass "$draws_name: letters"
    fi
}
# contains NAME FILE TEXT: an SVG keeps its words.
contains() {
    if grep -q -- "$3" "$2"; then pass "$1"; else fail "$1" "no '$3' in $2"; fi
}

draws sweep sweep sweep.h5
contains "the caption names experiment and smoke" o.svg 'bimodal-separation; scoregap 0.*commit .*smoke run'
contains "the key names the losses" o.svg 'maximum likelihood'
draws "sweep, the key called like a column" sweep mixture.h5
contains "its axis has the values of the key" o.svg 'the true means are'
contains "its axis has the value 1.2" o.svg '>[[:space:]]*1.2<'
draws "sweep, variants" sweep stein.h5
contains "short names of long losses" o.svg 'Stein kernel of erf at a pilot'
draws "sweep, one cell" sweep single.h5
contains "a claim with quotes and braces is text" o.svg 'a {brace} and a_low line'
if grep -q 'smoke run' o.svg; then fail "no smoke in the caption of a whole run"; else pass "no smoke in the caption of a whole run"; fi
draws dictionary dictionary sweep.h5 stein.h5 mixture.h5 sizes.h5
contains "several files in the caption" o.svg 'mixture-separation'
draws "dictionary without a grid" dictionary fixed.h5
draws sample-size sample-size sizes.h5
draws "sample-size, one size" sample-size single.h5
contains "the axis has a number on each side of the size" o.svg '>[[:space:]]*200<'
contains "and on the other" o.svg '>[[:space:]]*500<'
draws profile profile sweep.h5
contains "the profile shows maximum likelihood" o.svg 'maximum likelihood'
draws ellipses ellipses sweep.h5
draws heavy-tails heavy-tails sweep.h5
draws stein stein stein.h5 sweep.h5
draws slack slack sweep.h5
draws cutoff cutoff cutoff.h5
contains "the key has the values of the grid" o.svg 'n = 64'
contains "the panels are the other keys" o.svg 'beta=1'
draws masks masks masks.h5
contains "against an option of the losses" o.svg 'masked sites k'
contains "the masks are told apart" o.svg 'one random mask a datum'
draws joint joint maskskl.h5
contains "masks have their sizes" o.svg 'masks of 4'
draws temperature temperature spinglass.h5
contains "failures have a panel" o.svg 'share of failed fits'
draws transition transition transitionlattice.h5
contains "parameters have their panels" o.svg 'field h'
contains "the critical point is marked" o.svg 'critical, infinite graph'
draws "random draws" draws sliced.h5
draws "bounds by decomposition" decomposition decomposition.h5
draws "designs of a loss" lifting-design liftingdesign.h5
draws "relaxation time and inefficiency" lifting lifting.h5
draws "parameters side by side" separation separation.h5
draws "dictionary with sites" dictionary sweep.h5 spinglass.h5
contains "two panels" o.svg 'sites with finitely many states'
refuses "an option that no loss has" "finds nothing to draw" plot sweep.h5 --figure masks -o o.pdf

# Every shipped figure is one of the above.
for script in "$root"/plots/fig-*.gp; do
    figure=$(basename "$script" .gp)
    if grep -Eq "^draws .*${figure#fig-} [a-z]+\.h5" "$root/tests/cli/test_plot.sh"; then pass "${figure#fig-} is tested"; else fail "${figure#fig-} is tested"; fi
done
prints "the list of figures" '^sweep ' list figures

# The figure of the experiment, then sweep.
check "the figure that the experiment names" leaves 0 plot sizes.h5 -o o.svg --json
contains "--json names it" out '"figure": "sample-size"'
contains "--json names the output" out '"output": "o.svg"'
contains "--json has the seconds" out '"seconds": [0-9.]'
prints "the figures of an experiment" '^figure	sweep/heavy-tails' table sweep.h5 attributes
check "the first of several figures" leaves 0 plot fixed.h5 -o o.svg --json
contains "--json names the first" out '"figure": "dictionary"'
check "sweep where none is named" leaves 0 plot single.h5 -o o.SVG --json
contains "--json names sweep" out '"figure": "sweep"'

# Directories are known by what they hold: a program in a directory that is called like them finds the right ones.
mkdir -p elsewhere/plots elsewhere/sim/experiments elsewhere/share/scoregap/plots && cp "$scoregap" elsewhere/plots/scoregap
echo "no experiment" > elsewhere/sim/experiments/notes.txt
for what in figures experiments; do
    elsewhere/plots/scoregap list "$what" > out
    if grep -q "^sweep\|^bimodal-separation" out && ! grep -q elsewhere out; then pass "$what beside directories of that name"; else fail "$what beside directories of that name" "$(cat out)"; fi
done
check "and draws with them" elsewhere/plots/scoregap plot sweep.h5 -o o.svg

# In the terminal: its width, colour unless NO_COLOR.
if script -qec true /dev/null > /dev/null 2>&1; then
    seen() { script -qec "stty cols 90 rows 40; env $1 '$scoregap' plot sweep.h5" /dev/null < /dev/null > screen 2>&1; }
    if seen TERM=xterm && grep -q "$(printf '\033')" screen; then pass "colour on a terminal"; else fail "colour on a terminal" "$(head -n 3 screen)"; fi
    if seen "TERM=xterm NO_COLOR=1" && ! grep -q "$(printf '\033')" screen; then pass "NO_COLOR"; else fail "NO_COLOR" "$(head -n 3 screen)"; fi
    wide=$(tr -d '\r' < screen | LC_ALL=C.UTF-8 wc -L) high=$(wc -l < screen)
    if [ "$wide" -gt 80 ] && [ "$wide" -le 90 ] && [ "$high" -gt 35 ] && [ "$high" -le 40 ]; then pass "the size of the terminal"
    else fail "the size of the terminal" "$wide x $high"
    fi
fi

# Requests that are wrong.
refuses "unknown ending" "'o\.jpeg'.*\.pdf, \.png or \.svg" plot sweep.h5 -o o.jpeg
refuses "no ending" "cannot tell the format" plot sweep.h5 -o picture
refuses "unknown figure" "unknown figure 'swep'; the nearest is 'sweep'" plot sweep.h5 --figure swep -o o.pdf
refuses "a figure that leads elsewhere" "unknown figure" plot sweep.h5 --figure ../plots/sweep -o o.pdf
refuses "missing file" "missing\.h5" plot missing.h5 -o o.pdf
echo "no result" > text.h5
refuses "a file of another kind" "text\.h5" plot text.h5 -o o.pdf
refuses "no result at all" "too few arguments" plot -o o.pdf
refuses "--json without -o" "needs -o" plot sweep.h5 --json
refuses "an output in a directory that is not there" "nowhere/o\.pdf cannot be created" plot sweep.h5 -o nowhere/o.pdf
mkdir taken.pdf
refuses "a directory as output" "taken\.pdf is a directory" plot sweep.h5 -o taken.pdf
refuses "a column without values" "figure 'sweep' needs the column 'inefficiency_max'.*gap\.h5" plot gap.h5 --figure sweep -o o.pdf
refuses "the second file lacks a column" "needs the column.*gap\.h5" plot sweep.h5 gap.h5 --figure dictionary -o o.pdf
refuses "an array that is not there" "figure 'profile' needs the array 'profile/eigenvalues'.*gap\.h5" plot gap.h5 --figure profile -o o.pdf
refuses "no sample size" "figure 'sample-size'.*gap\.h5" plot gap.h5 --figure sample-size -o o.pdf
refuses "no grid" "figure 'sweep' draws against a key of the grid.*fixed\.h5" plot fixed.h5 --figure sweep -o o.pdf
refuses "not two parameters" "figure 'ellipses' draws cells with 2 free parameters.*stein\.h5" plot stein.h5 --figure ellipses -o o.pdf
refuses "different keys" "'a' in sweep\.h5 but 'm' in mixture\.h5" plot sweep.h5 mixture.h5 --figure sweep -o o.pdf

# Work that fails leaves what was there.
mkdir bin
ln -s "$(command -v env)" bin/env
echo before > kept.pdf
check "without gnuplot: status 1" env PATH="$work/bin" "$(command -v sh)" -c '"$1" plot sweep.h5 -o kept.pdf 2> err; [ $? = 1 ]' sh "$scoregap"
contains "without gnuplot: what to install" err '^scoregap: gnuplot is not installed: apt-get install gnuplot-nox$'
printf '#!/bin/sh\necho half > "$0.half"\nprintf "\\n\\"x\\" line 3: it broke\\n" >&2\nexit 1\n' > bin/gnuplot
chmod +x bin/gnuplot
PATH_BEFORE=$PATH
PATH=$work/bin:$PATH
check "gnuplot fails: status 1" leaves 1 plot sweep.h5 -o kept.pdf
contains "gnuplot fails: one sentence" err "gnuplot failed on figure 'sweep': .*it broke"
printf '#!/bin/sh\nexit 0\n' > bin/gnuplot
check "gnuplot writes nothing: status 1" leaves 1 plot sweep.h5 -o kept.pdf
printf '#!/bin/sh\nkill -SEGV $$\n' > bin/gnuplot
check "gnuplot dies: status 1" leaves 1 plot sweep.h5 -o kept.pdf
contains "gnuplot dies: one sentence" err "^scoregap: gnuplot died of signal 11 on figure 'sweep'$"
PATH=$PATH_BEFORE
contains "a failed plot leaves the old file" kept.pdf before
check "an old file is replaced" leaves 0 plot sweep.h5 -o kept.pdf
if [ "$(format_of kept.pdf)" = pdf ]; then pass "by the new one"; else fail "by the new one"; fi

if [ -z "$(find temporary -mindepth 1 -name 'scoregap*')" ] && [ -z "$(find . -name '*.tmp')" ]; then pass "nothing is left behind"
else fail "nothing is left behind" "$(find temporary . -name '*.tmp' -o -name 'scoregap-plot*')"
fi
finish
