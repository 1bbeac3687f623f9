"""Lifted score matching of a mixture of two normals in R^d as a vectorized NumPy program on one thread.

    lifted.py POINTS FREE READINGS TIMES PIECE OUT

The tapered design at given noised points (x, beta), at the theta and with the schedule of lifted.c: the mean of
s . D s/2 + tr(D Hess log p) + div D . s over them, D = diag(1, .., 1, h(beta)), with its gradient in the weight or in
the means, and its exact Hessian.  PIECE points at a time (0: all at once).  Prints the fastest evaluation's seconds,
noise not counted; writes value, gradient and the lower triangle of the Hessian.
"""
import sys
import time

import numpy as np

D = 8


class Law:
    """w N(a, I) + (1 - w) N(b, I) with variance t added: what the loss needs at all points, written for all components."""

    def __init__(self, w, means, x, beta, lam):
        self.h = 1 / (1 + lam * beta)
        self.u = (x[:, None, :] - means) * self.h[:, None, None]  # [n, K, d], P y
        square = np.einsum("nkd,nkd->nk", self.u, self.u)
        log = -0.5 * square / self.h[:, None]
        phi = np.exp(log - log.max(axis=1, keepdims=True))
        total = phi @ np.array([w, 1 - w])
        self.R = phi / total[:, None]
        self.r = self.R * np.array([w, 1 - w])
        # slopes and bends of log N in x_1 .. x_d, beta: [n, K, d + 1]
        d, lam2 = x.shape[1], lam * lam
        n, count = log.shape
        self.slope = np.empty((n, count, d + 1))
        self.slope[:, :, :d] = -self.u
        self.slope[:, :, d] = 0.5 * lam * (square - d * self.h[:, None])
        self.bend = np.empty((n, count, d + 1))
        self.bend[:, :, :d] = -self.h[:, None, None]
        self.bend[:, :, d] = lam2 * (0.5 * d * self.h[:, None] ** 2 - square * self.h[:, None])


def apply(D, div, score, share, grad, hess):
    """share s . D grad + tr(D hess) + div D . grad; D, score [n, d + 1], grad and hess [n, .., d + 1]."""
    return np.einsum("ne,n...e->n...", D, hess) + np.einsum("ne,n...e->n...", share * D * score + div, grad)


def loss(w, means, x, beta, lam, decay, top, which, hessian):
    n, d = x.shape
    v = 1 / (1 + beta)
    rate, rate_slope = decay * v * v, -2 * decay * v**3
    D, div = np.ones((n, d + 1)), np.zeros((n, d + 1))
    D[:, d] = 4 / top**2 * beta * (top - beta)
    div[:, d] = 4 / top**2 * (top - 2 * beta)
    p = Law(w, means, x, beta, lam)
    mean = np.einsum("nk,nke->ne", p.r, p.slope)
    g = p.slope - mean[:, None, :]  # [n, K, e]
    spread = np.einsum("nk,nke->ne", p.r, g * g)
    mean_bend = np.einsum("nk,nke->ne", p.r, p.bend)
    G = g * g + p.bend - (spread + mean_bend)[:, None, :]  # d_ee r_k = r_k G
    score, curvature = mean.copy(), spread + mean_bend
    score[:, d] += rate
    curvature[:, d] += rate_slope
    value = apply(D, div, score, 0.5, score, curvature)
    if which == "weight":
        W = p.R[:, 0] - p.R[:, 1]
        first = p.R[:, 0, None] * g[:, 0] - p.R[:, 1, None] * g[:, 1]
        second = p.R[:, 0, None] * G[:, 0] - p.R[:, 1, None] * G[:, 1]
        psi = apply(D, div, score, 1, first, second)[:, None]
        if not hessian:
            return value.mean(), psi.mean(axis=0), None
        # T = -W^2
        T1, T2 = -2 * W[:, None] * first, -2 * (first * first + W[:, None] * second)
        H = apply(D, div, score, 1, T1, T2) + np.einsum("ne,ne->n", D * first, first)
        return value.mean(), psi.mean(axis=0), H.mean().reshape(1, 1)
    return value.mean(), *means_part(p, D, div, score, g, G, lam, hessian)


def mean_functions(p, lam):
    """u_kc of each mean with its slopes and bends along x_1 .. x_d, beta: [n, K, d], [n, K, d, d + 1] twice."""
    n, count, d = p.u.shape
    slope, bend = np.zeros((n, count, d, d + 1)), np.zeros((n, count, d, d + 1))
    c = np.arange(d)
    slope[:, :, c, c] = p.h[:, None, None]
    slope[:, :, :, d] = -lam * p.h[:, None, None] * p.u
    bend[:, :, :, d] = 2 * lam * lam * (p.h**2)[:, None, None] * p.u
    return p.u, slope, bend


def product(f, g):
    """Value, slope and bend of a product."""
    return f[0] * g[0], f[1] * g[0][..., None] + f[0][..., None] * g[1], f[2] * g[0][..., None] + 2 * f[1] * g[1] + f[0][..., None] * g[2]


def means_part(p, D, div, score, g, G, lam, hessian):
    n, count, d = p.u.shape
    r = p.r[:, :, None]
    weight = r, (p.r[:, :, None] * g)[:, :, None, :], (p.r[:, :, None] * G)[:, :, None, :]
    u = mean_functions(p, lam)
    _, first, second = product(weight, u)
    m = count * d
    first, second = first.reshape(n, m, d + 1), second.reshape(n, m, d + 1)
    psi = apply(D, div, score, 1, first, second)
    if not hessian:
        return psi.mean(axis=0), None
    H = np.einsum("ne,nje,nke->jk", D, first, first) / n
    for k in range(count):
        for j in range(count):
            # of r_k (1{j = k} - r_j) u_k u_j, and -r_k P on the diagonal
            rest = (float(j == k) - p.r[:, j], -p.r[:, j, None] * g[:, j], -p.r[:, j, None] * G[:, j])
            both = product((p.r[:, k], weight[1][:, k, 0], weight[2][:, k, 0]), rest)
            pair = product(tuple(f[:, k, :, None] for f in u), tuple(f[:, j, None, :] for f in u))
            _, T1, T2 = product(tuple(f[:, None, None] for f in both), pair)
            block = H[k * d : (k + 1) * d, j * d : (j + 1) * d]
            block += apply(D, div, score, 1, T1, T2).mean(axis=0)
            if j == k:
                zero = np.zeros_like(g[:, k])
                slope, bend = zero.copy(), zero.copy()
                slope[:, d], bend[:, d] = -lam * p.h**2, 2 * lam**2 * p.h**3
                _, T1, T2 = product((p.r[:, k], weight[1][:, k, 0], weight[2][:, k, 0]), (p.h, slope, bend))
                block[np.diag_indices(d)] -= apply(D, div, score, 1, T1, T2).mean()
    return psi.mean(axis=0), H


def main(path, which, readings, times, piece, out):
    points = np.fromfile(path).reshape(-1, D + 1)
    x, beta = points[:, :D], points[:, D]
    means = np.zeros((2, D))
    means[0, 0], means[1, 0] = -2, 2
    R = ((means[0] - means[1]) ** 2).sum()
    decay, top = 7 * R, 14 * R - 1
    means += 0.05 * (np.arange(1, 2 * D + 1) % 3).reshape(2, D)
    size = int(piece) or len(x)
    cuts = range(0, len(x), size)
    pieces = [(np.ascontiguousarray(x[i : i + size]), beta[i : i + size].copy()) for i in cuts]
    fastest = np.inf
    for _ in range(int(times)):
        start = time.perf_counter()
        parts = [loss(0.32, means, a, b, 1.0, decay, top, which, readings == "hessian") for a, b in pieces]
        share = np.array([len(b) for _, b in pieces]) / len(x)
        value, psi, H = (sum(s * p[k] for s, p in zip(share, parts)) if parts[0][k] is not None else None for k in range(3))
        fastest = min(fastest, time.perf_counter() - start)
    print(f"{fastest:.6g}")
    lower = [] if H is None else H[np.tril_indices(len(H))]
    np.savetxt(out, np.concatenate([[value], psi, lower]), fmt="%.17g")


if __name__ == "__main__":
    main(*sys.argv[1:7])
