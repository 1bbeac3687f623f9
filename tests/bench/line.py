"""line.py H GAP: the gap of the double well V = h (x^2 - 1)^2 by SciPy, on several grids each.

Lines of label, variant, milliseconds of processor time, relative error, separated by tabs.
  eigsh, finite differences   the generator times sqrt(p) from both sides on a uniform grid, symmetric and tridiagonal;
                              ARPACK with shift-invert, SuperLU
  eigsh, LDL' of LAPACK       the same, the shifted matrix factored by dpttrf
  eigh_tridiagonal            the same matrix, LAPACK's eigenvalues of tridiagonal matrices
  eigsh, sinc                 the Schroedinger form -f'' + (V'^2/4 - V''/2) f by collocation, exponentially accurate;
                              ARPACK with shift-invert, dense factor
  eigh, sinc                  the same matrix, LAPACK's dense solver
The interval ends where p is e^-35 of its maximum: a longer one costs accuracy of the peers, a shorter one as well.
"""
import sys
import time

import numpy as np
import scipy.sparse as sparse
from scipy.linalg import eigh, eigh_tridiagonal, lapack
from scipy.sparse.linalg import LinearOperator, eigsh

DEPTH = 35


def tridiagonal(h, n):
    """Conductances exp(-V) at midpoints over exp(-V) at nodes; entries from differences of V, so nothing underflows."""
    x, dx = np.linspace(-np.sqrt(1 + np.sqrt(DEPTH / h)), np.sqrt(1 + np.sqrt(DEPTH / h)), n, retstep=True)
    v = h * (x * x - 1) ** 2
    between = h * ((x[1:] - dx / 2) ** 2 - 1) ** 2
    off = -np.exp((v[1:] + v[:-1]) / 2 - between) / dx**2
    diagonal = np.zeros(n)
    diagonal[:-1] += np.exp(v[:-1] - between)
    diagonal[1:] += np.exp(v[1:] - between)
    return x, v, diagonal / dx**2, off


def start(x, v):
    return (1 + x) * np.exp(-v / 2)


def finite_differences(h, n, shift):
    x, v, diagonal, off = tridiagonal(h, n)
    a = sparse.diags([off, diagonal, off], [-1, 0, 1], format="csc")
    return eigsh(a, k=2, sigma=shift, v0=start(x, v), return_eigenvectors=False).max()


def factored(h, n, shift):
    x, v, diagonal, off = tridiagonal(h, n)
    d, e, _ = lapack.dpttrf(diagonal - shift, off)
    inverse = LinearOperator((n, n), matvec=lambda b: lapack.dpttrs(d, e, b)[0], dtype=float)
    return eigsh(inverse, k=2, sigma=shift, OPinv=inverse, v0=start(x, v), ncv=8, return_eigenvectors=False).max()


def lapack_tridiagonal(h, n, _):
    _, _, diagonal, off = tridiagonal(h, n)
    return eigh_tridiagonal(diagonal, off, eigvals_only=True, select="i", select_range=(0, 1))[1]


def sinc_matrix(h, n):
    x, dx = np.linspace(-np.sqrt(1 + np.sqrt(DEPTH / h)), np.sqrt(1 + np.sqrt(DEPTH / h)), n, retstep=True)
    k = np.arange(1, n)
    column = np.concatenate([[np.pi**2 / 3], 2 * (-1.0) ** k / k**2]) / dx**2
    a = column[np.abs(np.subtract.outer(np.arange(n), np.arange(n)))]
    a[np.diag_indices(n)] += (4 * h * x * (x * x - 1)) ** 2 / 4 - 2 * h * (3 * x * x - 1)
    return x, a


def sinc_arpack(h, n, shift):
    x, a = sinc_matrix(h, n)
    return eigsh(a, k=2, sigma=shift, v0=start(x, h * (x * x - 1) ** 2), ncv=8, return_eigenvectors=False).max()


def sinc_lapack(h, n, _):
    return eigh(sinc_matrix(h, n)[1], eigvals_only=True, subset_by_index=(0, 1))[1]


FINE = [251, 501, 1001, 2001, 4001, 8001, 16001]
COARSE = [40, 60, 80, 100, 140]
METHODS = [
    ("eigsh, finite differences", finite_differences, FINE),
    ("eigsh, LDL' of LAPACK", factored, FINE),
    ("eigh_tridiagonal", lapack_tridiagonal, FINE),
    ("eigsh, sinc", sinc_arpack, COARSE),
    ("eigh, sinc", sinc_lapack, COARSE),
]


def main():
    h, gap = float(sys.argv[1]), float(sys.argv[2])
    for label, method, sizes in METHODS:
        for n in sizes:
            best, value = np.inf, np.nan
            for _ in range(3):
                begun = time.process_time()
                try:
                    value = method(h, n, -1e-2)
                except Exception as error:  # a singular factor, an iteration without end: part of the answer
                    print(f"line.py: {label}, N = {n}: {error}", file=sys.stderr)
                    break
                best = min(best, time.process_time() - begun)
            else:
                print(f"{label}\tN = {n}\t{1e3 * best:.6g}\t{value / gap - 1:.3g}")


main()
