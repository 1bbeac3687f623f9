#!/bin/sh
# verify.sh [--make]: compares every result with results/expected/NAME.csv (SMOKE=1: NAME-smoke.csv), to the tolerances of
# tools/verify.txt.  --make writes those files instead.
set -u
OUT=${OUT:-build}
if [ -n "${SMOKE:-}" ]; then results=$OUT/smoke suffix=-smoke; else results=results suffix=; fi

# The compared columns of a result as CSV, with what names a row in front.
columns() {
    "$OUT/scoregap" table "$1" cells | awk -F '\t' -v OFS=, '
        FILENAME == "tools/verify.txt" { if ($0 !~ /^#/) { split($0, part, " "); want[++count] = part[1] } next }
        FNR == 1 { for (k = 1; k <= NF; k++) at[$k] = k }
        {
            line = FNR == 1 ? "family,parameters,loss,n" : $at["family"] ",\"" $at["parameters"] "\",\"" $at["loss"] "\"," $at["n"]
            for (k = 1; k <= count; k++) line = line "," (FNR == 1 ? want[k] : $at[want[k]])
            print line
        }' tools/verify.txt -
}

if [ "${1:-}" = --make ]; then
    mkdir -p results/expected
    for file in "$results"/*.h5; do
        case $file in *-smoke.h5) continue ;; esac # of a run by hand
        columns "$file" > "results/expected/$(basename "$file" .h5)$suffix.csv" || exit 1
    done
    exit 0
fi

compared=0 differing=0
for expected in results/expected/*.csv; do
    name=$(basename "$expected" .csv)
    case $name in
    *-smoke) if [ -z "$suffix" ]; then continue; fi ;;
    *) if [ -n "$suffix" ]; then continue; fi ;;
    esac
    result=$results/${name%"$suffix"}.h5
    if [ ! -e "$result" ]; then
        echo "$result is not there: run make sweep${SMOKE:+ SMOKE=$SMOKE}" >&2
        differing=$((differing + 1))
        continue
    fi
    compared=$((compared + 1))
    { columns "$result"; echo; "$OUT/scoregap" table "$result" cells; } > "$OUT/verify.tmp" || exit 1
    awk -v result="$result" '
        # Fields of a CSV line, quoted or not.
        function fields(line, out,    n, rest) {
            n = 0; rest = line
            while (rest != "") {
                n++
                if (substr(rest, 1, 1) == "\"") { rest = substr(rest, 2); out[n] = substr(rest, 1, index(rest, "\"") - 1); rest = substr(rest, length(out[n]) + 3) }
                else { out[n] = rest; sub(/,.*/, "", out[n]); rest = substr(rest, length(out[n]) + 2) }
            }
            return n
        }
        function special(text) { return text == "NaN" || text == "inf" || text == "-inf" }
        function differ(got, want, relative, extra,    d) {
            if (special(got) || special(want)) return got != want
            d = got - want; if (d < 0) d = -d
            return d > relative * (want < 0 ? -want : want) + (special(extra) ? 0 : extra)
        }
        FILENAME == "tools/verify.txt" { if ($0 !~ /^#/) { split($0, part, " "); relative[part[1]] = part[2]; extra[part[1]] = part[3] } next }
        FILENAME ~ /expected/ { want[FNR] = $0; wanted = FNR; next }
        $0 == "" { cells = FNR; next }
        !cells { got[FNR] = $0; rows = FNR; next }
        FNR == cells + 1 { n = split($0, part, "\t"); for (k = 1; k <= n; k++) at[part[k]] = k; next }
        { cell[FNR - cells] = $0 }
        END {
            if (rows != wanted) { print result ": " rows - 1 " records, expected " wanted - 1; exit 1 }
            width = fields(want[1], name)
            for (r = 2; r <= rows; r++) {
                fields(want[r], w); fields(got[r], g); split(cell[r], c, "\t")
                for (k = 1; k <= width; k++) {
                    if (k <= 4) bad = g[k] != w[k]
                    else bad = differ(g[k], w[k], relative[name[k]], extra[name[k]] == "-" ? 0 : c[at[extra[name[k]]]])
                    if (bad) { print result ": " w[1] "(" w[2] "), " w[3] ", n = " w[4] ": " name[k] " is " g[k] ", expected " w[k]; failed = 1 }
                }
            }
            exit failed
        }' tools/verify.txt "$expected" "$OUT/verify.tmp" || differing=$((differing + 1))
done
rm -f "$OUT/verify.tmp"
echo "verify: $compared results compared, $differing differ"
[ "$differing" = 0 ] && [ "$compared" != 0 ]
