#!/bin/sh
# sweep.sh: every experiment of sim/experiments, its result, its figure; then the figure of all, and a table.
# Environment: OUT (where the program is), THREADS, SMOKE.  An experiment that fails does not keep the others from running.
# What is finished is kept: after an interruption the same command goes on.
set -u
OUT=${OUT:-build}
scoregap=$OUT/scoregap
again="make sweep${SMOKE:+ SMOKE=$SMOKE}${THREADS:+ THREADS=$THREADS}"
if [ -n "${SMOKE:-}" ]; then results=$OUT/smoke figures=$OUT/smoke; else results=results figures=plots; fi
table=$OUT/sweep
rm -rf "$table"
mkdir -p "$results" "$figures" "$table" || exit 1

stopped=
trap 'stopped=130' INT
trap 'stopped=143' TERM
stop_here() {
    echo "Stopped.  What is finished is kept; \`$again\` goes on from here." >&2
    exit "$stopped"
}

# draw FIGURE BASE RESULT...: BASE.pdf and BASE.png.
draw() {
    figure=$1 base=$2
    shift 2
    "$scoregap" plot "$@" --figure "$figure" -o "$base.pdf" && "$scoregap" plot "$@" --figure "$figure" -o "$base.png"
}

total=$(find sim/experiments -name '*.yaml' | wc -l) number=0 failed=0
for file in sim/experiments/*.yaml; do
    number=$((number + 1))
    name=$(sed -n 's/^name: *//p' "$file")
    printf '[%d/%d] %s\n' "$number" "$total" "$name"
    "$scoregap" run "$file" -o "$results/$name.h5" --json ${SMOKE:+--smoke} ${THREADS:+--threads "$THREADS"} > "$table/$name.json"
    status=$?
    if [ -n "$stopped" ]; then stop_here; fi
    case $status in
    0) ;;
    130 | 143) stopped=$status; stop_here ;;
    *) failed=$((failed + 1)); echo "$name failed (exit status $status)" >&2; continue ;;
    esac
    figure=$(sed -n 's/^figure: *//p' "$file")
    # The figure of the whole dictionary is drawn at the end, from all results.
    if [ -z "$figure" ] || [ "$figure" = dictionary ]; then continue; fi
    if draw "$figure" "$figures/$name" "$results/$name.h5"; then echo "$figures/$name.pdf" > "$table/$name.figure"
    else failed=$((failed + 1)); echo "the figure of $name failed" >&2
    fi
    if [ -n "$stopped" ]; then stop_here; fi
done

# Where the variance is not the whole story: the quantiles of the error.
if [ -e "$results/bimodal-separation.h5" ]; then
    draw heavy-tails "$figures/heavy-tails" "$results/bimodal-separation.h5" || { failed=$((failed + 1)); echo "the figure of heavy tails failed" >&2; }
fi

# Results of this sweep only: others may lie beside them.
set --
for file in sim/experiments/*.yaml; do
    name=$(sed -n 's/^name: *//p' "$file")
    if [ -s "$table/$name.json" ] && [ -e "$results/$name.h5" ]; then set -- "$@" "$results/$name.h5"; fi
done
if [ $# -gt 0 ] && draw dictionary "$figures/dictionary" "$@"; then
    echo "$figures/dictionary.pdf" > "$table/dictionary.figure"
    # The README's picture is the same one.
    if [ -z "${SMOKE:-}" ] && [ "$failed" = 0 ]; then cp "$figures/dictionary.png" doc/efficiency-mixing.png; fi
else
    failed=$((failed + 1))
    echo "the figure of all results failed" >&2
fi
if [ -n "$stopped" ]; then stop_here; fi

width=160
if [ -t 1 ]; then width=$(tput cols 2> /dev/null || echo 100); fi
echo
for file in sim/experiments/*.yaml; do
    name=$(sed -n 's/^name: *//p' "$file")
    claim=$(sed -n 's/^claim: *//p' "$file")
    figure=$(cat "$table/$name.figure" 2> /dev/null || echo -)
    field() { sed -n "s/^  \"$1\": \([^,]*\),\{0,1\}\$/\1/p" "$table/$name.json" 2> /dev/null | head -n 1; }
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$claim" "$(field cells)" "$(field replicates)" "$(field failures)" "$(field seconds)" "$figure"
done | awk -F '\t' -v width="$width" '
    # One row; the claim goes on below itself.
    function row(claim,    line, words, count, k, first) {
        count = split(claim, words, " "); line = ""; first = 1
        for (k = 1; k <= count + 1; k++) {
            if (k <= count && (line == "" || length(line) + 1 + length(words[k]) <= room)) { line = line (line == "" ? "" : " ") words[k]; continue }
            if (first) printf "%-*s  %-*s  %6s  %11s  %8s  %8s  %s\n", wide, $1, room, line, $3, $4, $5, $6, $7
            else printf "%-*s  %s\n", wide, "", line
            first = 0; line = words[k]
        }
    }
    { name[NR] = $0; if (length($1) > wide) wide = length($1); if (length($7) > last) last = length($7) }
    END {
        if (wide < 10) wide = 10
        room = width - wide - last - 47; if (room < 24) room = 24
        $0 = "experiment\tclaim\tcells\treplicates\tfailures\tseconds\tfigure"; row($2)
        for (n = 1; n <= NR; n++) {
            $0 = name[n]
            $6 = $6 == "" ? "failed" : sprintf("%.1f", $6)
            row($2)
        }
    }'
if [ "$failed" != 0 ]; then
    echo
    echo "$failed failed; \`$again\` tries these again" >&2
    exit 1
fi
