"""Generalized score matching on the orthant as a vectorized NumPy program on one thread, cut normal law, h = min(x, 3).

    orthant.py elements DATA P TIMES     orthant.py fit DATA P TIMES OUT

All elements of the quadratic loss: for each coordinate X' diag(h(x_j)) X, and the linear terms.  The whole fit: these
assembled to the normal equations of K (symmetric) and eta, solved by Cholesky's factor.  Prints the fastest seconds;
writes K_jk, k <= j, row by row, and then eta.
"""
import sys
import time

import numpy as np
from scipy.linalg import cho_factor, cho_solve


def elements(x):
    n, p = x.shape
    h, slope = np.minimum(x, 3), (x < 3) * 1.0
    gram = np.empty((p, p, p))
    for j in range(p):
        w = x * np.sqrt(h[:, j])[:, None]
        gram[j] = w.T @ w  # of the form A'A, which NumPy gives to syrk
    return gram / n, -(h.T @ x) / n, h.mean(0), -(slope.T @ x) / n - np.diag(h.mean(0)), slope.mean(0)


def fit(x):
    p = x.shape[1]
    gram, cross, square, b, b_eta = elements(x)
    lower = np.tril_indices(p)
    pairs = len(lower[0])
    where = np.empty((p, p), int)
    where[lower] = where[lower[::-1]] = np.arange(pairs)
    A, right = np.zeros((pairs + p, pairs + p)), np.zeros(pairs + p)
    for j in range(p):
        own = np.append(where[j], pairs + j)
        part = np.empty((p + 1, p + 1))
        part[:p, :p], part[:p, p], part[p, :p], part[p, p] = gram[j], cross[j], cross[j], square[j]
        A[np.ix_(own, own)] += part
        right[own] += np.append(b[j], b_eta[j])
    return -cho_solve(cho_factor(A, overwrite_a=True), right)


def main():
    what, data, p, times = sys.argv[1], sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    x, fastest = np.fromfile(data).reshape(-1, p), np.inf
    for _ in range(times):
        start = time.perf_counter()
        result = (elements if what == "elements" else fit)(x)
        fastest = min(fastest, time.perf_counter() - start)
    if what == "fit":
        np.savetxt(sys.argv[5], result, fmt="%.17g")
    print(f"{fastest:.6f}")


main()
