"""grid.py H GAP: the gap of V = h (x^2 - 1)^2 + 2 y^2 + x y / 2 by SciPy on 300 x 300 finite differences.

Lines of label, variant, seconds of processor time, relative error, separated by tabs.  Assembly is included (2 % of it).
  eigsh, as it comes      ARPACK with shift-invert; SuperLU orders the columns as for any matrix
  eigsh, own factor       the same, the matrix ordered and factored as a symmetric one, fewer Lanczos vectors
The box ends where exp(-V) along an axis is e^-18 of its maximum: among 18, 22, .., 40 the most accurate.
"""
import sys
import time

import numpy as np
import scipy.sparse as sparse
from scipy.sparse.linalg import LinearOperator, eigsh, splu

N = 300
DEPTH = 18
SHIFT = -1e-2


def potential(h, x, y):
    return h * (x * x - 1) ** 2 + 2 * y * y + x * y / 2


def generator(h):
    """The generator times sqrt(p) from both sides; entries from differences of V, so nothing underflows."""
    x, dx = np.linspace(-np.sqrt(1 + np.sqrt(DEPTH / h)), np.sqrt(1 + np.sqrt(DEPTH / h)), N, retstep=True)
    y, dy = np.linspace(-np.sqrt(DEPTH / 2), np.sqrt(DEPTH / 2), N, retstep=True)
    v = potential(h, x[:, None], y[None, :])
    node = np.arange(N * N, dtype=np.int32).reshape(N, N)
    diagonal = np.zeros((N, N))
    rows, columns, entries = [], [], []
    for a, b, between, step in (
        (np.s_[:-1, :], np.s_[1:, :], potential(h, (x[1:] - dx / 2)[:, None], y[None, :]), dx),
        (np.s_[:, :-1], np.s_[:, 1:], potential(h, x[:, None], (y[1:] - dy / 2)[None, :]), dy),
    ):
        diagonal[a] += np.exp(v[a] - between) / step**2
        diagonal[b] += np.exp(v[b] - between) / step**2
        off = (-np.exp((v[a] + v[b]) / 2 - between) / step**2).ravel()
        rows += [node[a].ravel(), node[b].ravel()]
        columns += [node[b].ravel(), node[a].ravel()]
        entries += [off, off]
    rows, columns, entries = (np.concatenate(part) for part in (rows, columns, entries))
    a = sparse.csc_matrix((entries, (rows, columns)), shape=(N * N, N * N)) + sparse.diags(diagonal.ravel(), format="csc")
    return a, (np.exp(-v / 2) * (1 + x[:, None])).ravel()


def plain(h):
    a, start = generator(h)
    return eigsh(a, k=2, sigma=SHIFT, v0=start, return_eigenvectors=False).max()


def own_factor(h):
    a, start = generator(h)
    shifted = a - SHIFT * sparse.identity(N * N, format="csc")
    factor = splu(shifted, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0, options={"SymmetricMode": True})
    inverse = LinearOperator(a.shape, matvec=factor.solve, dtype=float)
    return eigsh(inverse, k=2, sigma=SHIFT, OPinv=inverse, v0=start, ncv=NCV, tol=TOL, return_eigenvectors=False).max()


NCV, TOL = 6, 1e-9


def main():
    h, gap = float(sys.argv[1]), float(sys.argv[2])
    for label, method in (("eigsh, as it comes", plain), ("eigsh, own factor", own_factor)):
        begun = time.process_time()
        value = method(h)
        print(f"{label}\t\t{time.process_time() - begun:.6g}\t{value / gap - 1:.3g}")


main()
