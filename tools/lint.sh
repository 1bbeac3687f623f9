#!/bin/sh
# lint.sh SHARED-LIBRARY: what a compiler does not check.  Exit status 0 when nothing was found.
set -u
shared=$1
CC=${CC:-gcc}
VERSION=${VERSION:?}
checks=0 failed=0 absent=
findings=$(mktemp) || exit 1
trap 'rm -f "$findings"' EXIT

# verdict NAME: what was found stands in $findings, nothing is good.
verdict() {
    checks=$((checks + 1))
    if [ -s "$findings" ]; then
        failed=$((failed + 1))
        echo "lint: $1"
        sed 's/^/  /' "$findings"
    fi
}

code() { find include src sim tests -name '*.[ch]' | sort; }
scripts() { { find tools tests -name '*.sh'; echo .ci/run; } | sort; }
documents() { ls ./*.md doc/*.md; }
# Lines of C as FILE:LINE: TEXT, without comments and without the insides of strings.
bare() {
    awk 'FNR == 1 { within = 0 } {
        text = $0; gsub(/\\./, "", text); gsub(/"[^"]*"/, "\"\"", text); out = ""
        while (text != "") {
            if (within) { end = index(text, "*/"); if (!end) break; text = substr(text, end + 2); within = 0 }
            else { start = index(text, "/*"); if (!start) { out = out text; break }
                   out = out substr(text, 1, start - 1); text = substr(text, start + 2); within = 1 }
        }
        sub(/\/\/.*/, "", out)
        if (out ~ /[^ \t]/) print FILENAME ":" FNR ": " out }' "$@"
}

if command -v clang-format > /dev/null; then
    # One process a processor; it reads .clang-format beside the Makefile.
    # shellcheck disable=SC2016 # the inner shell expands
    code | xargs -P "$(nproc)" -n 16 sh -c 'clang-format --dry-run --ferror-limit=1 "$@" 2>&1 | grep -E "(error|warning): +code"' - | sort > "$findings"
    verdict "format (clang-format -i FILE mends it)"
else
    absent="$absent clang-format"
fi

# Includes go down only, by layers.txt.
includes() {
    find include src sim -name '*.[ch]' | sort | xargs awk '
        FILENAME == "tools/layers.txt" && /^#/ { next }
        FILENAME == "tools/layers.txt" && /:/ { owner = $1; sub(/:/, "", owner); for (k = 2; k <= NF; k++) home[$k] = owner; next }
        FILENAME == "tools/layers.txt" { line++; for (k = 1; k <= NF; k++) rank[$k] = line; next }
        /^[ \t]*#[ \t]*include[ \t]*"/ {
            split(FILENAME, part, "/")
            module = part[1] == "sim" ? "sim" : part[2]
            if (part[1] == "include" && part[2] == "scoregap.h") next
            if (part[1] == "include") { module = part[3]; sub(/\.h$/, "", module) }
            path = $0; sub(/^[^"]*"/, "", path); sub(/".*/, "", path)
            if (path !~ /\//) next # a file beside it
            split(path, step, "/"); other = step[1]
            if (other == "scoregap") { other = step[2]; sub(/\.h$/, "", other) }
            if (module in home) module = home[module]
            if (other in home) other = home[other]
            if (!(module in rank)) print FILENAME ":" FNR ": module " module " is not in tools/layers.txt"
            else if (!(other in rank)) print FILENAME ":" FNR ": includes " path ", whose module is not in tools/layers.txt"
            else if (other != module && rank[other] >= rank[module]) print FILENAME ":" FNR ": " module " includes " other
        }' tools/layers.txt
}
includes > "$findings"
verdict "includes go down only"

find include src sim -name '*.[ch]' | grep -v '^src/store/' | xargs grep -nE '#[ ]*include[ ]*<hdf5' > "$findings"
verdict "only src/store includes hdf5.h"

# shellcheck disable=SC2046 # one word a file
bare $(find include src -name '*.[ch]' | sort) |
    grep -E '[^a-zA-Z0-9_](printf|fprintf|vprintf|vfprintf|puts|fputs|putchar|perror|exit|_exit|abort|getenv|secure_getenv|setenv|system) *\(' |
    grep -vE 'format *\(printf' > "$findings"
verdict "the library prints nothing, does not exit and does not read the environment"

: > "$findings"
for header in include/scoregap.h include/scoregap/*.h; do
    name=${header#include/}
    echo "#include \"$name\"" | $CC -std=c17 -Wall -Wextra -Wpedantic -Werror -Iinclude -fsyntax-only -x c - >> "$findings" 2>&1
    if command -v g++ > /dev/null; then
        echo "#include \"$name\"" | g++ -std=c++17 -Wall -Wextra -Werror -Iinclude -fsyntax-only -x c++ - >> "$findings" 2>&1
    fi
done
command -v g++ > /dev/null || absent="$absent g++"
verdict "every public header compiles alone, as C and as C++"

: > "$findings"
for header in src/*/*.h src/*/*/*.h sim/*.h; do
    # shellcheck disable=SC2046 # one word an option
    echo "#include \"$header\"" | $CC -std=gnu17 -D_GNU_SOURCE -fopenmp -I. -Iinclude -Isrc -Isim \
        $(pkg-config --cflags gsl hdf5 jansson yaml-0.1 2> /dev/null) -fsyntax-only -x c - >> "$findings" 2>&1
done
verdict "every header of ours compiles alone"

nm -D --defined-only "$shared" | awk '$2 ~ /[A-TV-Z]/ && $3 !~ /^(\.gomp_critical_user_)?sg_/ { print $3 }' > "$findings"
verdict "exported symbols begin with sg_"

grep -v '^#' tools/words.txt > "$findings.words"
{ find include src sim tests tools doc plots .ci -type f ! -name '*.png' ! -name '*.pdf'
  ls Makefile ./*.md packages*.txt scoregap.pc.in; } | sort |
    xargs grep -nIE -f "$findings.words" > "$findings"
rm -f "$findings.words"
verdict "words of tools/words.txt"

: > "$findings"
for script in $(scripts); do
    case $(head -n 1 "$script") in *bash*) bash -n "$script" ;; *) sh -n "$script" ;; esac 2>> "$findings"
done
verdict "shell scripts parse"
if command -v shellcheck > /dev/null; then
    scripts | xargs shellcheck -S warning -e SC2154,SC2034 -f gcc > "$findings"
    verdict "shellcheck"
else
    absent="$absent shellcheck"
fi

find src sim -name '*.[ch]' -exec wc -l {} + | awk '$1 > 600 && $2 != "total" { print $2 ": " $1 " lines" }' > "$findings"
verdict "no file has more than 600 lines"

# One version, in five places.
{
    grep -q "define SIM_VERSION \"$VERSION\"" sim/sim.h || echo "sim/sim.h: SIM_VERSION is not $VERSION"
    grep -q "define SCOREGAP_VERSION \"$VERSION\"" include/scoregap.h || echo "include/scoregap.h: SCOREGAP_VERSION is not $VERSION"
    grep -q "scoregap $VERSION" doc/scoregap.1 || echo "doc/scoregap.1: not of version $VERSION"
    [ "$(sed -n 's/^## \([0-9.]*\).*/\1/p' CHANGELOG.md | head -n 1)" = "$VERSION" ] || echo "CHANGELOG.md: its first entry is not $VERSION"
} > "$findings"
verdict "the version of the Makefile stands everywhere"

# Files that the documents link to.
for document in $(documents); do
    grep -oE '\]\([^)#:]+\)' "$document" | sed 's/^](//; s/)$//' | while read -r target; do
        [ -e "$(dirname "$document")/$target" ] || echo "$document: $target is not there"
    done
done > "$findings"
verdict "links of the documents"

if command -v groff > /dev/null; then
    groff -man -Tutf8 -ww -z doc/scoregap.1 > "$findings" 2>&1
    verdict "the man page is clean"
else
    absent="$absent groff"
fi

if [ -n "$absent" ]; then echo "lint: not checked, for want of$absent (packages-lint.txt)"; fi
echo "lint: $checks checks, $failed failed"
[ "$failed" = 0 ]
