"""moments.py FILE COUNT VALUES: all products of pairs of the spins of the Ising model in a graph file, in NumPy.

`matrix`: the list of all states as a matrix S is given; log p, exp, and S' diag(p) S by BLAS.  `folding`: no matrix; log
p site after site on whole arrays, and the products by adding and subtracting halves, the algorithm of the other side.
VALUES holds the other side's log Z and products.  Prints for each way: its name, milliseconds of processor time and of
the wall clock a call, the largest difference of a product.
"""
import sys
import time

import numpy as np


def read(path):
    words = [line.split() for line in open(path) if line.strip() and not line.startswith("#")]
    n = 1 + max(int(w) for line in words for w in line[:-1])
    couplings, fields = np.zeros((n, n)), np.zeros(n)
    for line in words:
        if len(line) == 3:
            i, j = sorted((int(line[0]), int(line[1])))
            couplings[j, i] = float(line[2])
        else:
            fields[int(line[0])] = float(line[1])
    return couplings, fields


def normalized(log_p):
    log_p -= log_p.max()
    np.exp(log_p, out=log_p)
    log_p /= log_p.sum()
    return log_p


def by_matrix(couplings, fields, states):
    p = normalized(((states @ couplings + fields) * states).sum(axis=1))
    return states.T @ (states * p[:, None])


def all_log_p(couplings, fields):
    """Site i doubles the list; its local field depends on the sites before it."""
    energy = np.zeros(1)
    for i, row in enumerate(couplings):
        local = np.array([fields[i]])
        for j in range(i):
            local = np.concatenate((local - row[j], local + row[j]))
        energy = np.concatenate((energy - local, energy + local))
    return energy


def first_moments(p, n):
    mean = np.empty(n)
    for i in reversed(range(n)):
        half = 1 << i
        mean[i] = p[half:].sum() - p[:half].sum()
        p = p[:half] + p[half:]
    return mean


def by_folding(couplings, fields, _):
    p, n = normalized(all_log_p(couplings, fields)), len(fields)
    products = np.eye(n)
    for i in reversed(range(n)):
        half = 1 << i
        products[i, :i] = products[:i, i] = first_moments(p[half:] - p[:half], i)
        p = p[:half] + p[half:]
    return products


def main():
    couplings, fields = read(sys.argv[1])
    n, count = len(fields), int(sys.argv[2])
    other = np.loadtxt(sys.argv[3])[1:]
    codes = np.arange(1 << n)[:, None]
    states = 2.0 * (codes >> np.arange(n) & 1) - 1
    for name, way in (("matrix", by_matrix), ("folding", by_folding)):
        products = way(couplings, fields, states)
        processor, wall = time.process_time(), time.perf_counter()
        for _ in range(count):
            way(couplings, fields, states)
        processor, wall = time.process_time() - processor, time.perf_counter() - wall
        error = np.abs(products[np.triu_indices(n, 1)] - other).max()
        print(name, 1e3 * processor / count, 1e3 * wall / count, error)


main()
