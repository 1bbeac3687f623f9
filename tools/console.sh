#!/bin/sh
# console.sh DOCUMENT: the document with the outputs of its console blocks replaced by what the commands print now.  A block
# begins with ```console; in it a line "$ COMMAND" is run, with `scoregap` the program that SCOREGAP names, in an empty
# directory where the repository's sim/experiments and plots can be seen.
# console.sh --check DOCUMENT: says where the document is out of date, up to rounding and times; exit status 1 then.
set -u
check=
if [ "$1" = --check ]; then check=yes; shift; fi
document=$(realpath "$1")
root=$(cd "$(dirname "$0")/.." && pwd)
program=$(realpath "${SCOREGAP:-$root/build/scoregap}")
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/bin" "$work/there/sim" "$work/there/results"
ln -s "$program" "$work/bin/scoregap"
ln -s "$root/sim/experiments" "$work/there/sim/experiments"
ln -s "$root/plots" "$work/there/plots"
PATH=$work/bin:$PATH
cd "$work/there" || exit 1

within=
while IFS= read -r line || [ -n "$line" ]; do
    case $line in
    '```console') within=yes; printf '%s\n' "$line" ;;
    '```'*) within=; printf '%s\n' "$line" ;;
    '$ '*)
        printf '%s\n' "$line"
        if [ -n "$within" ]; then sh -c "${line#'$ '}" 2>&1 < /dev/null; fi
        ;;
    *) if [ -z "$within" ]; then printf '%s\n' "$line"; fi ;;
    esac
done < "$document" > "$work/fresh"
if [ -z "$check" ]; then cat "$work/fresh"; exit 0; fi

# Times and numbers at rounding level masked, other numbers to seven digits.
plain() {
    awk '{
        gsub(/[0-9.]+ s($|[^a-z])/, "T s "); gsub(/[0-9]+ iterations/, "I iterations")
        out = ""
        while (match($0, /[0-9]+(\.[0-9]*)?(e[-+]?[0-9]+)?/)) {
            number = substr($0, RSTART, RLENGTH)
            if (number ~ /e-[1-3][0-9]$/ && number + 0 < 1e-12) number = "tiny"
            else if (number ~ /[.e]/) number = sprintf("%.7g", number)
            out = out substr($0, 1, RSTART - 1) number
            $0 = substr($0, RSTART + RLENGTH)
        }
        out = out $0
        gsub(/[ \t]+/, " ", out)
        print out
    }' "$1"
}
plain "$document" > "$work/old.txt"
plain "$work/fresh" > "$work/new.txt"
diff -U 1 "$work/old.txt" "$work/new.txt"
