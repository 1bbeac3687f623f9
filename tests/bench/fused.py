"""Monte Carlo score matching on bimodal(a = 3), n = 10^4, as a vectorized NumPy program: microseconds a fit.

Inverse-distribution sampling by np.interp in a table, statistics and normal equations on whole arrays, Philox generator.
Prints one line: microseconds a fit, n times the variance of the first parameter.
"""
import sys
import time

import numpy as np

N = 10_000
C = 2 / np.sqrt(np.pi)


def table(cells=20_000):
    """Distribution function on a uniform grid: a table uniform in u would put false mass between the modes."""
    x = np.linspace(-9, 9, cells + 1)
    p = np.exp(x**2 - x**4 / 18)
    cdf = np.concatenate([[0], np.cumsum((p[1:] + p[:-1]) / 2)])
    return cdf / cdf[-1], x


def fit(rng, u_table, x_table):
    x = np.interp(rng.random(N), u_table, x_table)
    x2 = x * x
    e = C * np.exp(-x2)
    f1 = 2 * x - x * x2 * (2 / 9)
    f2 = f1 + e
    g1 = 2 - x2 * (6 / 9)
    g2 = g1 - 2 * x * e
    a = np.array([[f1 @ f1, f1 @ f2], [f1 @ f2, f2 @ f2]])
    return -np.linalg.solve(a, [g1.sum(), g2.sum()])


def main():
    replicates = int(sys.argv[1])
    u_table, x_table = table()
    rng = np.random.Generator(np.random.Philox(1))
    start = time.perf_counter()
    theta = np.array([fit(rng, u_table, x_table) for _ in range(replicates)])
    seconds = time.perf_counter() - start
    print(f"{1e6 * seconds / replicates:.4f} {N * theta[:, 0].var(ddof=1):.4f}")


main()
