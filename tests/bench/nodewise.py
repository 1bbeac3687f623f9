"""Node-wise fits of an Ising model, 20 spins, as a vectorized NumPy program on one thread: seconds a fit.

    nodewise.py DATA LOSS FITS OUT

Newton's method at each node in turn, from zero, the Hessian left as it is once steps are small; X' W X by BLAS (of the
form A'A, which NumPy gives to syrk); equal states together, in pieces that stay in the cache.  Then the joint sandwich
covariance of the couplings, each averaged over its two nodes, and of the fields.  Prints the fastest fit's seconds;
writes estimates and standard errors, couplings J0-1, J0-2, ... and then fields.
"""
import sys
import time

import numpy as np
from scipy.linalg import cho_factor, cho_solve

SPINS = 20
PIECE = 4096


def derivatives(loss, u):
    """rho' and rho'' of log(1 + e^u) or e^(u/2)."""
    if loss == "pseudolikelihood":
        slope = 1 / (1 + np.exp(-u))
        return slope, slope - slope * slope
    root = np.exp(0.5 * u)
    return 0.5 * root, 0.25 * root


def sums(loss, pieces, node, theta, hessian):
    """Gradient and Hessian (or None).  Pieces are Fortran-ordered; in the design of a node its own column is 1."""
    gradient, matrix = np.zeros(SPINS), np.zeros((SPINS, SPINS))
    for z, share in pieces:
        own = z[:, node].copy()
        z[:, node] = 1
        sign = -2 * own
        slope, bend = derivatives(loss, sign * (z @ theta))
        gradient += z.T @ (slope * sign * share)
        if hessian:
            w = z * np.sqrt(bend * share)[:, None]
            matrix += w.T @ w
        z[:, node] = own
    return gradient, 4 * matrix


def fit_node(loss, pieces, node):
    theta, size = np.zeros(SPINS), np.inf
    while size > 1e-9:
        gradient, matrix = sums(loss, pieces, node, theta, size > 1e-3)
        if size > 1e-3:
            factor = cho_factor(matrix)
        step = cho_solve(factor, -gradient)
        theta += step
        size = abs(step).max()
    _, matrix = sums(loss, pieces, node, theta, True)
    return theta, cho_solve(cho_factor(matrix), np.eye(SPINS))


def places():
    """Where the parameters of each node stand among all of them, its own column the field; and their shares."""
    edges = {e: k for k, e in enumerate((i, j) for i in range(SPINS) for j in range(i + 1, SPINS))}
    where = np.empty((SPINS, SPINS), int)
    for i in range(SPINS):
        for j in range(SPINS):
            where[i, j] = len(edges) + i if i == j else edges[min(i, j), max(i, j)]
    return where, np.where(np.eye(SPINS) == 1, 1, 0.5), len(edges) + SPINS


def covariance(loss, pieces, theta, inverse):
    """Mean product of the influences.  The fields' columns come last, in order."""
    where, share, m = places()
    total = np.zeros((m, m))
    for z, weight in pieces:
        influence = np.zeros((len(z), m), order="F")
        for node in range(SPINS):
            own = z[:, node].copy()
            z[:, node] = 1
            sign = -2 * own
            slope, _ = derivatives(loss, sign * (z @ theta[node]))
            slope *= sign * np.sqrt(weight)
            part = (inverse[node] * share[node]).T @ z.T
            part *= slope
            for j in range(SPINS):
                influence[:, where[node, j]] += part[j]
            z[:, node] = own
        total += influence.T @ influence
    return total


def distinct(x):
    """The different states with their shares of the data, in pieces."""
    code, count = np.unique((x > 0) @ (1 << np.arange(SPINS)), return_counts=True)
    state = 2.0 * (code[:, None] >> np.arange(SPINS) & 1) - 1
    return [
        (np.asfortranarray(state[k : k + PIECE]), count[k : k + PIECE] / len(x)) for k in range(0, len(state), PIECE)
    ]


def fit(loss, x):
    where, share, m = places()
    pieces = distinct(x)
    theta, inverse = zip(*(fit_node(loss, pieces, node) for node in range(SPINS)))
    estimate = np.zeros(m)
    for node in range(SPINS):
        estimate[where[node]] += share[node] * theta[node]
    return estimate, np.sqrt(np.diag(covariance(loss, pieces, theta, inverse)) / len(x))


def main():
    data, loss, fits, out = sys.argv[1:]
    x = np.fromfile(data, dtype=np.int8).reshape(-1, SPINS).astype(float)
    fastest = np.inf
    for _ in range(int(fits)):
        start = time.perf_counter()
        estimate, error = fit(loss, x)
        fastest = min(fastest, time.perf_counter() - start)
    np.savetxt(out, np.column_stack([estimate, error]), fmt="%.17g")
    print(f"{fastest:.6f}")


main()
