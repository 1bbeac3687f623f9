# lib.sh: checks of a program from the shell.  Source it first: it makes an empty directory, goes there, and sets
# scoregap to the program (SCOREGAP in the environment, or build/scoregap).  Every check prints one line,
# "ok NAME" or "not ok NAME"; call `finish` last.
# shellcheck shell=sh
set -u
root=$(cd "$(dirname "$0")/../.." && pwd)
scoregap=${SCOREGAP:-$root/build/scoregap}
work=$(mktemp -d) || exit 1
cd "$work" || exit 1
trap 'cd /; rm -rf "$work"' EXIT
failures=0

pass() { echo "ok $1"; }
fail() { # name explanation...
    echo "not ok $1"
    shift
    printf '  %s\n' "$@"
    failures=$((failures + 1))
}

# check NAME COMMAND...: the command succeeds.
check() {
    check_name=$1
    shift
    if "$@"; then pass "$check_name"; else fail "$check_name" "command: $*"; fi
}

# leaves STATUS ARGUMENTS...: runs the program into the files out and err; the exit status is as given.
leaves() {
    expected=$1
    shift
    "$scoregap" "$@" > out 2> err
    got=$?
    if [ "$got" = "$expected" ]; then return 0; fi
    echo "  exit status $got, expected $expected: scoregap $*"
    sed 's/^/  | /' err
    return 1
}

# refuses NAME PATTERN ARGUMENTS...: exit status 2, nothing on standard output, and one sentence on standard error in which the
# (extended) pattern is found.
refuses() {
    refuses_name=$1 pattern=$2
    shift 2
    if ! leaves 2 "$@"; then fail "$refuses_name"
    elif [ -s out ]; then fail "$refuses_name" "it printed: $(head -n 3 out)"
    elif [ "$(wc -l < err)" != 1 ]; then fail "$refuses_name" "not one line on standard error: $(cat err)"
    elif ! grep -Eq -- "$pattern" err; then fail "$refuses_name" "pattern: $pattern" "message: $(cat err)"
    else pass "$refuses_name"
    fi
}

# prints NAME PATTERN ARGUMENTS...: exit status 0, and the (extended) pattern is found on standard output.
prints() {
    prints_name=$1 pattern=$2
    shift 2
    if ! leaves 0 "$@"; then fail "$prints_name"
    elif ! grep -Eq -- "$pattern" out; then fail "$prints_name" "pattern: $pattern" "printed: $(head -n 5 out)"
    else pass "$prints_name"
    fi
}

# value KEY [FILE]: the number that follows "KEY": in JSON as scoregap prints it (the first one).
value() {
    sed -n "s/^ *\"$1\": *\\([^,]*\\),\\{0,1\\}\$/\\1/p" "${2:-out}" | head -n 1
}

# near NAME GOT EXPECTED RELATIVE: two numbers agree to the relative tolerance.
near() {
    if awk -v got="$2" -v want="$3" -v tol="$4" 'BEGIN {
        d = got - want; if (d < 0) d = -d; w = want < 0 ? -want : want; exit !(got != "" && got != "null" && d <= tol * w) }'; then pass "$1"
    else fail "$1" "got $2, expected $3 within $4"
    fi
}

finish() { [ "$failures" = 0 ]; }
