#!/bin/sh
# run-tests.sh PROGRAM...: runs test programs, a few at a time, shows what they say in the order given, counts.
# A program is a cmocka binary or a script that prints a line "ok NAME" or "not ok NAME" a check.
# The last line is "N passed, N failed"; the exit status is 0 when nothing failed.
set -u
OUT=${OUT:-build}
export OUT SCOREGAP="$PWD/$OUT/scoregap"
case $OUT in /*) SCOREGAP=$OUT/scoregap ;; esac
jobs=${TEST_JOBS:-$(nproc 2>/dev/null || echo 2)}
if [ "$jobs" -gt 4 ]; then jobs=4; fi
# Programs that run side by side share the processors.
: "${OMP_NUM_THREADS:=2}"
export OMP_NUM_THREADS OMP_WAIT_POLICY=passive
logs=$(mktemp -d) || exit 1
running=
# shellcheck disable=SC2086 # one word a process
trap 'trap - EXIT INT TERM; kill $running 2>/dev/null; rm -rf "$logs"; echo "stopped" >&2; exit 130' INT TERM
trap 'rm -rf "$logs"' EXIT

run_one() { # number program
    start=$(date +%s%N)
    "$2" > "$logs/$1.log" 2>&1 < /dev/null
    echo "$? $((($(date +%s%N) - start) / 1000000))" > "$logs/$1.new"
    mv "$logs/$1.new" "$logs/$1.done"
}

# Counts of one log: passed failed skipped.
count() { # log status
    awk -v status="$2" '
        /^\[==========\] (.*: )?Running [0-9]+ test/ { for (k = 1; k < NF; k++) if ($k == "Running") planned += $(k + 1) }
        /^\[ +OK \]/ { passed++ }
        /^\[  SKIPPED \] [^0-9]/ { skipped++ }
        /^ok / { said++; passed++ }
        /^not ok / { said++; failed++ }
        END {
            if (skipped > 0) skipped /= 2 # cmocka lists them twice
            if (planned > 0) failed += planned - passed - skipped
            if (failed < 0) failed = 0
            if (status != 0 && failed == 0) failed = 1
            if (planned + said == 0) failed = failed > 0 ? failed : 1
            printf "%d %d %d\n", passed, failed, skipped
        }' "$1"
}

report() { # number program
    read -r status ms < "$logs/$1.done"
    # shellcheck disable=SC2046 # three numbers
    set -- "$1" "$2" $(count "$logs/$1.log" "$status")
    passed=$((passed + $3)) failed=$((failed + $4)) skipped=$((skipped + $5))
    mark=ok
    if [ "$4" != 0 ]; then mark=FAILED; fi
    printf '%-6s %-44s %3d passed, %d failed  %d.%02d s\n' "$mark" "${2#"$OUT"/}" "$3" "$4" $((ms / 1000)) $((ms % 1000 / 10))
    if [ "$4" != 0 ]; then grep -vE '^ok |^\[ (RUN  |      OK) ' "$logs/$1.log" | sed 's/^/    /'; fi
}

# Shows what is finished, in order; waits for one program to end where `most` or more are running.
next=1 started=0 passed=0 failed=0 skipped=0
drain() { # most
    while :; do
        while [ $next -le $started ] && [ -e "$logs/$next.done" ]; do
            eval "report $next \"\$program_$next\""
            next=$((next + 1))
        done
        alive=0
        for k in $(seq $next $started); do [ -e "$logs/$k.done" ] || alive=$((alive + 1)); done
        if [ $alive -lt "$1" ]; then return; fi
        sleep 0.05
    done
}

for program; do
    drain "$jobs"
    started=$((started + 1))
    case $program in /*|./*) ;; *) program=./$program ;; esac
    eval "program_$started=\${program#./}"
    run_one $started "$program" &
    running="$running $!"
done
drain 1
if [ "$skipped" != 0 ]; then echo "$skipped skipped"; fi
echo "$passed passed, $failed failed"
[ "$failed" = 0 ] && [ "$passed" != 0 ]
