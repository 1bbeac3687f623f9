#!/bin/sh
# "Add a loss or a family", as the README tells it: one new file and one line in a registry each, nothing else; then the
# program knows them.  The templates' answers are compared with closed forms.
. "$(dirname "$0")/../cli/lib.sh"
OUT=${OUT:-build}
case $OUT in /*) ;; *) OUT=$root/$OUT ;; esac
CC=${CC:-gcc}
CFLAGS=${CFLAGS:-$(sed "s/^$CC //" "$OUT/flags")}

# The new files, and the two registries with one more line.
mkdir -p src/family src/dictionary
cp "$root/tests/install/template_family.c" src/family/secant.c
cp "$root/tests/install/template_row.c" src/dictionary/growing.c
sed 's|X(mixture)|X(mixture) X(secant)|' "$root/src/family/registry.c" > src/family/registry.c
sed 's|X(preconditioned)|X(preconditioned) X(growing)|' "$root/src/dictionary/registry.c" > src/dictionary/registry.c
registered() { grep -q 'X(secant)' src/family/registry.c && grep -q 'X(growing)' src/dictionary/registry.c; }
check "the registries take a line" registered

compile() {
    for file in src/family/secant src/family/registry src/dictionary/growing src/dictionary/registry; do
        # shellcheck disable=SC2086 # one word an option
        $CC $CFLAGS -Werror -I"$root/include" -I"$root/src" -c $file.c -o "$(echo $file | tr / -).o" || return 1
    done
    # The new registries stand before the library, whose own are then not taken.
    # shellcheck disable=SC2086 # one word an option
    $CC $LDFLAGS "$OUT"/sim/*.o ./*.o "$OUT/libscoregap.a" $DEPLIBS -o extended
}
check "the templates compile without warnings" compile
scoregap=$work/extended

prints "the family is listed" '^secant$' list families
prints "the loss is listed" '^growing$' list losses
prints "the dynamics are listed" '^growing-langevin' list dynamics
refuses "its keys are checked" "s = -1 of family secant is out of range" gap secant -p s=-1
refuses "its options are checked" "nearest is 'scale'" gap gaussian --loss growing:scal=2

# Secant law: S = tanh(z)/s, E sech(z)^(2, 4, 6) = 1/2, 3/8, 5/16, L S = -3 tanh sech^2/s^3.
entry() { tr -d ' \n' < out | sed -n "s/.*\"$1\":\[*\([^],]*\).*/\1/p"; }
leaves 0 efficiency secant -p s=2 --loss mle --json
near "Gamma_MLE of the secant law is 2 s^2" "$(entry gamma_mle)" 8 1e-10
leaves 1 efficiency secant -p s=2 -p mu=5 --loss score-matching --json
near "score matching there: 4 s^2" "$(entry gamma)" 16 1e-10
near "inefficiency 2" "$(entry inefficiency)" 2 1e-10

# Growing, normal law: psi = (x - x^3, x^4 - 2x^2 - 1), H = diag(2, 4), Gamma = diag(10/4, 56/16), Gamma_MLE = diag(1, 2).
leaves 0 efficiency gaussian --loss growing --json
near "growing at the normal law, location" "$(entry gamma)" 2.5 1e-10
second() { tr -d ' \n' < out | sed 's/.*"inefficiency":\[\([^]]*\)\].*/\1/' | cut -d, -f"$1"; }
near "its smaller inefficiency is 7/4" "$(second 1)" 1.75 1e-10
near "its larger one is 5/2" "$(second 2)" 2.5 1e-10

# Both together, on data: theta-hat within five standard errors of the truth, and the sampler runs.
leaves 0 sample secant -p mu=1 -n 20000 --seed 11 -o data.csv
leaves 0 fit secant --loss growing --data data.csv --json
covers() { awk -v t="$(entry theta)" -v se="$(entry se)" 'BEGIN { d = t - 1; if (d < 0) d = -d; exit !(se > 0 && d < 5 * se) }'; }
check "a fit of the one by the other" covers
prints "the new chain runs" '^x$' sample secant --loss growing -n 10 --seed 3
refuses "and says what a wrong word could mean" "nearest is 'growing'" fit secant --loss growin --data data.csv
finish
