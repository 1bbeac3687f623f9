# shellcheck shell=sh disable=SC2154,SC2034,SC2086
# What the benchmarks share; read by run.sh.  $work is a directory of their own, $bin that of the programs.
pin="taskset -c 0"
export OPENBLAS_NUM_THREADS=1

median() { sort -g "$1" | awk '{v[NR]=$1} END {print NR % 2 ? v[(NR+1)/2] : (v[NR/2]+v[NR/2+1])/2}'; }
spread() { sort -g "$1" | awk '{v[NR]=$1} END {printf "%.4g .. %.4g", v[1], v[NR]}'; }
fastest() { sort -g "$1" | head -n 1; }

ratio() {
    awk -v a="$(median "$work/$1")" -v b="$(median "$work/$2")" -v c="$(fastest "$work/$1")" \
        -v d="$(fastest "$work/$2")" 'BEGIN { printf "%.2f   (fastest rounds %.2f)", a / b, c / d }'
}

once() { # name, command...: the first number that it prints
    name=$1; shift
    "$@" | awk 'NR==1 {print $1}' >>"$work/$name"
}

# The first Python that has these modules, in $python; empty if there is none.
find_python() {
    for python in ${PYTHON:-python3 /usr/bin/python3}; do
        if "$python" -c "import $1" 2>/dev/null; then return; fi
    done
    python=
}

scipy_missing() { echo "  SciPy is not installed, so there is no peer: apt-get install python3-scipy"; }

# Lines "label TAB variant TAB time TAB relative error" of all rounds: a row a label, see table.awk.
table() { # file, unit
    awk -F '\t' -v unit="$2" -f "$here/table.awk" "$1"
}
