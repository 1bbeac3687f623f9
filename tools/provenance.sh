#!/bin/sh
# provenance.sh FLAGS: what goes into every result about the program, as options of the compiler, one a line.
# Without git the commit is read from .git itself; without .git (a tarball) it is "unknown".
set -u
flags=$1
commit=unknown dirty=unknown

# The hash that .git/HEAD names: at once, by a file, or by a line of packed-refs.
read_head() {
    head=$(cat .git/HEAD 2>/dev/null) || return 0
    case $head in
    "ref: "*) name=${head#ref: } ;;
    *) echo "$head"; return 0 ;;
    esac
    if [ -f ".git/$name" ]; then cat ".git/$name"
    else awk -v name="$name" '$2 == name { print $1 }' .git/packed-refs 2>/dev/null
    fi
}

if [ -e .git ]; then
    if found=$(git rev-parse HEAD 2>/dev/null); then
        commit=$found
        # Only what the program is made of: a changed README makes no other program.
        if changed=$(git status --porcelain -- Makefile include src sim/'*.c' sim/'*.h' 2>/dev/null); then
            if [ -n "$changed" ]; then dirty=yes; else dirty=no; fi
        fi
    else
        found=$(read_head)
        if [ -n "$found" ]; then commit=$found; fi
    fi
fi
printf "'-DSG_GIT_COMMIT=\"%s\"'\n'-DSG_GIT_DIRTY=\"%s\"'\n'-DSG_FLAGS=\"%s\"'\n" "$commit" "$dirty" "$flags"
