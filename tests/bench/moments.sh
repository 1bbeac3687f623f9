# shellcheck shell=sh disable=SC2154,SC2034,SC2086
# Processor time on one core, the wall clock on all.  OMP_WAIT_POLICY=passive: threads that wait do not take the
# processor from those they wait for when the machine is shared.
rounds=${ROUNDS:-7}
cores=$(nproc)
find_python numpy
moments="env OMP_WAIT_POLICY=passive $bin/moments"

# One run of each side on these cores: rows of the table, and the times of ours and of the floor.
moments_round() { # name, field of the time (1: processor, 2: wall clock), threads, prefix of commands
    name=$1 field=$2 threads=$3
    shift 3
    for side in ours floor; do
        "$@" $moments $side "$work/spins" "$threads" 20 >"$work/$side"
        awk -v f="$field" '{ print $f }' "$work/$side" >>"$work/$name.$side"
    done
    awk -v f="$field" -v OFS='\t' '{ print "ours, log p included", "", $f, 0 }' "$work/ours" >>"$work/$name"
    awk -v f="$field" -v OFS='\t' '{ print "floor: exp and a read of given lists", "", $f, 0 }' "$work/floor" >>"$work/$name"
    if ! [ "$python" ]; then return; fi
    "$@" "$python" "$here/moments.py" "$work/spins" 1 "$work/values" >"$work/peer"
    awk -v f="$field" -v OFS='\t' '{ print ($1 == "matrix" ? "NumPy, matrix of states given" : "NumPy, folding"), "", $(f + 1), $4 }' \
        "$work/peer" >>"$work/$name"
}

"$bin/cube" write random 20 1 >"$work/spins"
$moments value "$work/spins" >"$work/values"
for round in $(seq "$rounds"); do
    moments_round moments.one 1 1 $pin
    moments_round moments.all 2 "$cores" env -u OPENBLAS_NUM_THREADS
done
echo "all 190 products of pairs of 20 spins by their 2^20 states, $rounds rounds; the error of a peer is its difference from ours"
echo "milliseconds of processor time, one core"
table "$work/moments.one" ms
echo "  ours / floor   $(ratio moments.one.ours moments.one.floor)"
echo "milliseconds of the wall clock, $cores cores"
table "$work/moments.all" ms
echo "  ours / floor   $(ratio moments.all.ours moments.all.floor)"
if ! [ "$python" ]; then echo "  NumPy is not installed, so there is no peer: apt-get install python3-numpy"; fi
