# shellcheck shell=sh disable=SC2154,SC2034,SC2086
# Graph files with the same couplings for both sides.  OMP_WAIT_POLICY=passive: threads that wait do not take the
# processor from those they wait for when the machine is shared.
rounds=${ROUNDS:-3}
cores=$(nproc)
find_python scipy
cube="env OMP_WAIT_POLICY=passive $bin/cube"

# One run of each side on these cores: rows of the table, and the memory of both.
cube_round() { # graph, name, field of the time (1: processor, 2: wall clock), calls, threads, prefix of commands
    graph=$1 name=$2 field=$3 calls=$4 threads=$5
    shift 5
    "$@" $cube gap "$work/$graph" "$threads" "$calls" >"$work/ours"
    awk -v f="$field" -v OFS='\t' '{ print "ours", "", $f, $5 / $4 - 1 }' "$work/ours" >>"$work/$name"
    awk '{ print $7, $7 - $8 }' "$work/ours" >>"$work/$graph.memory"
    if ! [ "$python" ]; then return; fi
    "$@" "$python" "$here/glauber.py" "$work/$graph" >"$work/peer"
    awk -v f="$field" -v OFS='\t' '{ a = $(2 * f - 1); e = $(2 * f)
        print "eigsh, its matrix given", "", e, $6; print "eigsh and assembly", "", a + e, $6 }' "$work/peer" >>"$work/$name"
    awk '{ print $8, $8 - $9 }' "$work/peer" >>"$work/$graph.peer.memory"
    paste -d ' ' "$work/ours" "$work/peer" | awk '{ print $3, $13, $3 / $13 - 1 }' >"$work/$graph.gaps"
}

cube_memory() { # graph
    [ "$python" ] || return 0
    sort -g "$work/$1.memory" | tail -n 1 | tr '\n' ' ' | cat - "$work/$1.peer.memory" | awk 'NR == 1 {
        printf "  memory at the peak: %.1f MiB, the peer %.1f (%.3f of it); without what each process had before: %.1f and %.1f (%.3f)\n",
            $1, $3, $1 / $3, $2, $4, $2 / $4 }'
    awk '{ printf "  gap %s, the peer %s: relative difference %.1e\n", $1, $2, $3 }' "$work/$1.gaps"
}

$cube write random 18 1 >"$work/random"
$cube write equal 18 0.6 >"$work/equal"
for round in $(seq "$rounds"); do
    cube_round random random.one 1 1 1 $pin
    cube_round random random.all 2 1 "$cores" env -u OPENBLAS_NUM_THREADS
    cube_round equal equal.one 1 200 1 $pin
done
echo "Glauber on 18 spins, couplings and fields N(0, 0.2^2), $rounds rounds; the error is that which the residual allows"
echo "seconds of processor time, one core"
table "$work/random.one" s
echo "seconds of the wall clock, $cores cores (what SciPy does of it runs on one)"
table "$work/random.all" s
cube_memory random
echo "18 spins, all couplings 0.6/18, which is a symmetry: seconds of processor time, one core"
table "$work/equal.one" s
cube_memory equal
if ! [ "$python" ]; then scipy_missing; fi

echo "the random couplings, single flips at other rates: seconds of processor time, one core"
for loss in pseudolikelihood probability-flow ratio-matching; do
    for round in $(seq "$rounds"); do $pin $cube gap "$work/random" 1 1 $loss; done |
        awk -v loss=$loss 'NR == 1 || $1 < least { least = $1 } END { printf "  %-18s %.3g, %d steps\n", loss, least, $6 }'
done

if [ "${LARGE:-}" ]; then
    for n in 22 24; do
        $cube write random $n 1 >"$work/large"
        $cube gap "$work/large" "$cores" 1 | awk -v n=$n -v cores="$cores" '{
            printf "%d spins, couplings and fields N(0, 0.2^2), %d cores: %.1f s (%.1f s of processor time), %.0f MiB, gap %s in [%s, %s], gap/lmax >= %.1e\n",
                n, cores, $2, $1, $7, $3, $4, $5, $3 / n }'
    done
else
    echo "22 and 24 spins: make bench LARGE=1"
fi
