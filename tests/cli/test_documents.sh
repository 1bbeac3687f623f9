#!/bin/sh
# What the documents show works: the consoles of the README print what it says, the examples of --help and of the man page
# run, and the man page knows every command and option.
. "$(dirname "$0")/lib.sh"
mkdir sim bin results && ln -s "$root/sim/experiments" sim/experiments && ln -s "$root/plots" plots && ln -s "$scoregap" bin/scoregap
PATH=$work/bin:$PATH

console() { SCOREGAP=$scoregap "$root/tools/console.sh" --check "$root/README.md" > console.log 2>&1 || { head -n 40 console.log; false; }; }
check "the README's consoles" console

# A small result under the name that the examples use, with as many replicates as they want.
sed 's/^  replicates: .*/  replicates: 100/; s/^  sample_sizes: .*/  sample_sizes: [200]/' sim/experiments/bimodal-separation.yaml > small.yaml
check "a result for the examples" leaves 0 run small.yaml --smoke -o results/bimodal-separation.h5
"$scoregap" sample bimodal -p a=2 -n 500 -o x.csv
for command in list gap efficiency fit compare sample check run replay table plot; do
    example=$("$scoregap" $command --help | sed -n "/^Example:/{n;s/^  //;s|/tmp/|$work/|g;p;}")
    works() { sh -c "$example" > example.log 2>&1 || { head -n 5 example.log; false; }; }
    check "$command --help: $example" works
done

sed -n '/^\.SH EXAMPLES/,/^\.SH SEE/p' "$root/doc/scoregap.1" | sed -e ':a' -e '/\\e$/{N;s/\\e\n//;ba' -e '}' -e 's/\\-/-/g' | grep '^scoregap' |
    grep -v '^scoregap run' > examples
check "the man page has examples" test -s examples
while IFS= read -r example; do check "man page: $example" works; done < examples
for command in $("$scoregap" --help | awk '/^  [a-z]/ { print $1 }'); do
    check "the man page has $command" grep -q "^\.BR $command " "$root/doc/scoregap.1"
    "$scoregap" "$command" --help
done | tee helps | grep -E '^(not )?ok|^  command:'
if grep -q '^not ok' helps; then failures=$((failures + 1)); fi
for option in $(sed -n 's/^  \(--*[a-z]*\) .*/\1/p' helps | sort -u); do
    check "the man page has $option" grep -q -- "$(echo "$option" | sed 's/-/\\\\\\{0,1\\}-/g')" "$root/doc/scoregap.1"
done
finish
