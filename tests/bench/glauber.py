"""glauber.py FILE: the gap of the Glauber dynamics of the Ising model in a graph file by SciPy's eigsh.

The generator times sqrt(pi) from both sides is assembled as a sparse matrix, site after site on whole arrays.  ARPACK
finds one eigenvalue ('SA') of A + n s s', where s = sqrt(pi) is the known null vector: half the products of k = 2.  It
starts from a combination of single sites, as the peer does, which saves more.  The tolerance makes the residual that of
the other side, some 1e-8 of the gap.
Prints, separated by blanks: seconds of processor time of assembly and of eigsh, the same by the wall clock; the gap;
residual over gap; products; MiB of memory at the peak, of the process, and before assembly.
"""
import resource
import sys
import time

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import LinearOperator, eigsh

TOLERANCE = 1e-7


def peak():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def read(path):
    words = [line.split() for line in open(path) if line.strip() and not line.startswith("#")]
    n = 1 + max(int(w) for line in words for w in line[:-1])
    couplings, fields = np.zeros((n, n)), np.zeros(n)
    for line in words:
        if len(line) == 3:
            couplings[int(line[0]), int(line[1])] = couplings[int(line[1]), int(line[0])] = float(line[2])
        else:
            fields[int(line[0])] = float(line[1])
    return couplings, fields


def assemble(couplings, fields):
    """Rates 1/(1 + exp(2 x_i f_i)) on the diagonal, -1/(2 cosh f_i) beside it, f_i the local field."""
    n = len(fields)
    states = 1 << n
    code = np.arange(states, dtype=np.int32)
    spin = np.array([2 * (code >> i & 1).astype(np.int8) - 1 for i in range(n)])
    entry = np.empty((states, n + 1))
    column = np.empty((states, n + 1), dtype=np.int32)
    energy, diagonal = np.zeros(states), np.zeros(states)
    for i in range(n):
        local = np.zeros(states)
        for j in np.flatnonzero(couplings[i]):
            local += couplings[i, j] * spin[j]
        energy += spin[i] * (local / 2 + fields[i])
        local += fields[i]
        diagonal += 1 / (1 + np.exp(2 * spin[i] * local))
        entry[:, i] = -0.5 / np.cosh(local)
        column[:, i] = code ^ (1 << i)
    entry[:, n], column[:, n] = diagonal, code
    pointer = np.arange(0, states * (n + 1) + 1, n + 1, dtype=np.int32)
    matrix = sparse.csr_matrix((entry.ravel(), column.ravel(), pointer), shape=(states, states))
    root = np.exp((energy - energy.max()) / 2)
    root /= np.linalg.norm(root)
    slope = np.random.default_rng(1).normal(size=n)
    start = sum(slope[i] * spin[i] for i in range(n)) * root
    return matrix, root, start - root * (root @ start)


def main():
    before = peak()
    couplings, fields = read(sys.argv[1])
    n = len(fields)
    wall, processor = [time.perf_counter()], [time.process_time()]
    matrix, root, start = assemble(couplings, fields)
    wall.append(time.perf_counter())
    processor.append(time.process_time())
    products = 0

    def apply(x):
        nonlocal products
        products += 1
        y = matrix @ x
        y += (n * (root @ x)) * root
        return y

    deflated = LinearOperator(matrix.shape, matvec=apply, dtype=float)
    value, vector = eigsh(deflated, k=1, which="SA", v0=start, tol=TOLERANCE)
    wall.append(time.perf_counter())
    processor.append(time.process_time())
    memory = peak()
    residual = np.linalg.norm(matrix @ vector[:, 0] - value[0] * vector[:, 0]) / value[0]
    seconds = [b - a for times in (processor, wall) for a, b in zip(times, times[1:])]
    print(*(f"{s:.6g}" for s in seconds), f"{value[0]:.14g} {residual:.2g} {products} {memory:.1f} {before:.1f}")


main()
