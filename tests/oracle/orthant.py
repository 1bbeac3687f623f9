#!/usr/bin/env python3
"""Generalized score matching for a-b models, written down directly: writes orthant.h.

    python3 tests/oracle/orthant.py > tests/oracle/orthant.h

log p = -(1/2a) sum_jk K_jk x_j^a x_k^a + (1/b) sum_j eta_j x_j^b (log x in place of x^a/a and of x^b/b at 0), D = diag h(x_j).
Every datum has its Jacobian J [m,d] of the statistics and their second derivatives along the axes; with A = mean J D J' and
b = mean (h F_jj + h' F_j) the estimate is -A^-1 b and its covariance A^-1 mean(psi psi') A^-1 / n.  Nothing is shared with the C
code but the data: a linear congruential generator, state = 6364136223846793005 state + 1442695040888963407 mod 2^64, from the
number of the case, u = (state >> 11) 2^-53, row by row, x = u (on R^d: 2 u - 1), then x_j += x_(j-1)/2 along a row, then, on the
orthant, x = 4 x^2 + 0.02.
"""
import numpy as np

CASES = [  # d, n, a, b, centred, reals, h
    (1, 30, 1, 1, 0, 0, "min"), (2, 40, 1, 1, 0, 0, "min"), (2, 40, 1, 1, 0, 1, "one"), (2, 40, 1, 1, 0, 0, "square"),
    (2, 40, 1, 1, 0, 0, "log1p"), (3, 60, 1, 1, 1, 0, "min"), (3, 60, 0.5, 0.5, 0, 0, "min"), (3, 60, 0.5, 0.5, 0, 0, "log1p"),
    (3, 60, 1, 0, 0, 0, "square"), (3, 60, 0, 0, 0, 0, "square"), (3, 60, 0, 0, 1, 0, "log1p"), (4, 80, 1.5, 0.7, 0, 0, "min"),
    (4, 80, 2, 1, 0, 0, "min"), (5, 300, 1, 1, 0, 0, "min"), (5, 300, 0.5, 0, 0, 0, "square"), (6, 300, 1, 1, 0, 1, "one"),
    (6, 700, 2, 1.5, 0, 0, "log1p"), (8, 700, 1, 1, 0, 0, "min"),
]
H = {
    "one": (lambda x: np.ones_like(x), lambda x: np.zeros_like(x)),
    "min": (lambda x: np.minimum(x, 3), lambda x: (x < 3) * 1.0),
    "square": (lambda x: x * x, lambda x: 2 * x),
    "log1p": (np.log1p, lambda x: 1 / (1 + x)),
}


def data(case, d, n, reals):
    state, u = case, np.empty(n * d)
    for k in range(n * d):
        state = (6364136223846793005 * state + 1442695040888963407) % 2**64
        u[k] = (state >> 11) * 2.0**-53
    x = u.reshape(n, d)
    if reals:
        x = 2 * x - 1
    for j in range(1, d):
        x[:, j] += x[:, j - 1] / 2
    return x if reals else 4 * x * x + 0.02


def power(x, c):
    """x^c/c or log x, and two derivatives."""
    if c == 0:
        return np.log(x), 1 / x, -1 / x**2
    return x**c / c, x ** (c - 1), (c - 1) * x ** (c - 2)


def fit(x, a, b, centred, name):
    n, d = x.shape
    pairs = [(i, j) for i in range(d) for j in range(i + 1)]
    m = len(pairs) + (0 if centred else d)
    h, slope = H[name][0](x), H[name][1](x)
    scale = a if a > 0 else 1  # (x^a)(x^a)/a = a (x^a/a)(x^a/a)
    f, f1, f2 = power(x, a)
    v, v1, v2 = power(x, b)
    J, S = np.zeros((n, m, d)), np.zeros((n, m, d))
    for p, (i, j) in enumerate(pairs):
        if i == j:
            J[:, p, i] = -scale * f[:, i] * f1[:, i]
            S[:, p, i] = -scale * (f1[:, i] ** 2 + f[:, i] * f2[:, i])
        else:
            for k, l in ((i, j), (j, i)):
                J[:, p, k] = -scale * f1[:, k] * f[:, l]
                S[:, p, k] = -scale * f2[:, k] * f[:, l]
    if not centred:
        for j in range(d):
            J[:, len(pairs) + j, j], S[:, len(pairs) + j, j] = v1[:, j], v2[:, j]
    A = np.einsum("npj,nj,nqj->pq", J, h, J) / n
    rhs = (np.einsum("npj,nj->np", S, h) + np.einsum("npj,nj->np", J, slope))
    unit = 1 / np.sqrt(np.diag(A))  # a unit diagonal keeps the digits of columns of different size
    inverse = np.linalg.inv(A * np.outer(unit, unit)) * np.outer(unit, unit)
    theta = -inverse @ rhs.mean(0)
    theta -= inverse @ (A @ theta + rhs.mean(0))
    psi = np.einsum("npj,nj,nj->np", J, h, np.einsum("npj,p->nj", J, theta)) + rhs
    covariance = inverse @ (psi.T @ psi / n) @ inverse / n
    return theta, np.sqrt(np.diag(covariance)), np.linalg.cond(A * np.outer(unit, unit))


def main():
    print("/* Written by orthant.py beside it: generalized score matching for a-b models on data of a linear congruential\n"
          " * generator, in NumPy.  Do not edit. */")
    print("/* clang-format off */")
    print("static const struct {\n    int d, n, m, centred, reals;\n    double a, b;\n    const char *h;\n"
          "    double theta[44], se[44];\n} orthant_fits[] = {")
    for case, (d, n, a, b, centred, reals, h) in enumerate(CASES, 1):
        theta, se, condition = fit(data(case, d, n, reals), a, b, centred, h)
        assert condition < 1e5, (case, condition)
        numbers = ["{" + ", ".join("%.17g" % t for t in row) + "}" for row in (theta, se)]
        print('    {%d, %d, %d, %d, %d, %.17g, %.17g, "%s", %s, %s},' % (d, n, len(theta), centred, reals, a, b, h, *numbers))
    print("};\n/* clang-format on */")


main()
