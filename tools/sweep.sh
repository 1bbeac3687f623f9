#!/bin/sh
# sweep.sh: every experiment of sim/experiments, its result, its figures; then the figure of all, and a table.
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
    # The first figure is named like the experiment, others add their own name.  That of the whole dictionary is drawn at the end.
    base=$figures/$name place=0
    for figure in $(sed -n 's/^  "figure": "\(.*\)",$/\1/p' "$table/$name.json" | tr / ' '); do
        place=$((place + 1))
        if [ "$figure" = dictionary ]; then continue; fi
        if [ $place -gt 1 ]; then base=$figures/$name-$figure; fi
        if draw "$figure" "$base" "$results/$name.h5"; then echo "$base.pdf" >> "$table/$name.figure"
        else failed=$((failed + 1)); echo "the figure $figure of $name failed" >&2
        fi
        if [ -n "$stopped" ]; then stop_here; fi
    done
done

# Results of this sweep only: others may lie beside them.  Those without an inefficiency and a relaxation time have no place there.
set --
for file in sim/experiments/*.yaml; do
    if ! grep -q '^measure:.*gap.*efficiency' "$file"; then continue; fi
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
    figure=$(tr '\n' ' ' < "$table/$name.figure" 2> /dev/null || echo -)
    field() { sed -n "s/^  \"$1\": \([^,]*\),\{0,1\}\$/\1/p" "$table/$name.json" 2> /dev/null | head -n 1; }
    printf '%s\t%s\t%s\t%s\t%s\t%s\t%s\n' "$name" "$claim" "$(field cells)" "$(field replicates)" "$(field failures)" "$(field seconds)" "$figure"
done | awk -F '\t' -v width="$width" '
    # Letters, not bytes.
    function letters(text) { gsub(/[\200-\277]/, "", text); return length(text) }
    function padded(text) { while (letters(text) < room) text = text " "; return text }
    # One row; claim and figures go on below themselves.
    function row(claim,    line, words, count, k, figures, figure, rows, text) {
        count = split(claim, words, " "); figures = split($7, figure, " "); line = ""; rows = 0
        for (k = 1; k <= count + 1; k++) {
            if (k <= count && (line == "" || letters(line) + 1 + letters(words[k]) <= room)) { line = line (line == "" ? "" : " ") words[k]; continue }
            text[++rows] = line; line = words[k]
        }
        for (k = 1; k <= rows || k <= figures; k++) {
            if (k == 1) line = sprintf("%-*s  %s  %6s  %11s  %8s  %8s  %s", wide, $1, padded(text[1]), $3, $4, $5, $6, figure[1])
            else line = sprintf("%-*s  %s  %39s  %s", wide, "", padded(text[k]), "", figure[k])
            sub(/ +$/, "", line)
            print line
        }
    }
    { name[NR] = $0; if (length($1) > wide) wide = length($1)
      for (k = split($7, figure, " "); k > 0; k--) if (length(figure[k]) > last) last = length(figure[k]) }
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
