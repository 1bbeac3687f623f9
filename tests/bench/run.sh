#!/bin/sh
# Benchmarks, each beside what one would run instead, in turn in one run: run.sh BINARY_DIR
# Times come from inside the programs, after set-up.  Other work on the machine disturbs the fastest rounds least.
#   ONLY="fused gap line grid cube moments nodewise orthant lifted"   these alone      ROUNDS=n   rounds of each
#   LARGE=1                           also 22 and 24 spins (two minutes or more)
set -eu
bin=$1
here=$(dirname "$0")
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
. "$here/lib.sh"
# shellcheck source=/dev/null
for entry in ${ONLY:-fused gap line grid cube moments nodewise orthant lifted}; do . "$here/$entry.sh"; done
