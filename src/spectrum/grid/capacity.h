/*
 * Slow eigenvalues of a Dirichlet form by the conductances between its wells, to relative accuracy at any size.
 *
 * One node is marked in each well.  Every function is f = sum_i f(c_i) h_i + g, h_i harmonic outside the marked nodes
 * and g zero there; with K the form, M the masses, and K_0, M_0 their parts outside the marked nodes, an eigenvector of
 * K f = lambda M f satisfies exactly
 *     S_0 a = lambda (S_1 + lambda S_2 + lambda^2 S_3 + ...) a,    a_i = f(c_i),
 *     S_0 = H'KH,   S_1 = H'MH,   S_k+1 = H'M (K_0^-1 M_0)^(k-1) K_0^-1 M H outside the marked nodes,
 * as many rows as wells, and the series converges for lambda below the first eigenvalue of (K_0, M_0), which is not
 * small.  Nothing here subtracts: the entries of S_k, k >= 1, are integrals of positive functions, and S_0 is a graph
 * Laplacian whose conductances are fluxes, -S_0[i][j] = E(s(h_i), h_j) with s a smooth step from 0 to 1: that integral
 * lives where h_i changes, on the barrier, so that the rounding errors of the solution in the wells, where the density
 * is e^100 times larger, do not enter.  The small problem is solved by Grassmann-Taksar-Heyman elimination.
 */
#ifndef SG_SPECTRUM_CAPACITY_H
#define SG_SPECTRUM_CAPACITY_H

#include "sparse.h"

enum { SG_WELLS = 16 };

/* K and M on n nodes, rows and columns divided by the roots of M's diagonal.  energy: e^-shift u'Kv, as a sum over
 * places in which a function that is constant there takes no part, exactly. */
typedef struct {
    int n;
    sg_sparse *a, *m;  /* K and M; M may be NULL for 1 */
    double *log_scale; /* [n] log of the root of M's diagonal before */
    double (*energy)(const void *context, double shift, const double *u, const double *v);
    const void *context;
} sg_form;

typedef struct {
    int wells, count;           /* eigenvalues found: those below a tenth of `killed`, at most wells - 1 */
    double log_value[SG_WELLS]; /* ascending */
    double noise;               /* relative rounding error: what two choices of s differ by, and sum_i h_i from 1 */
    double killed;              /* estimate of the first eigenvalue of (K_0, M_0) */
    double shift;               /* conductances were taken times e^-shift */
    double mode[SG_WELLS][SG_WELLS]; /* eigenvector k is about sum_i mode[k][i] h_i */
    double *h;                       /* [wells][n] */
    double *function; /* [count][n] the eigenvectors, of mean 0; those that are too slow for it constant in wells,
                         exactly */
} sg_capacity;

/*
 * `well` [wells] nodes, 2 <= wells <= SG_WELLS; `pass` the log of the density where the barrier is crossed (only a
 * scale).  Cost: one factorization, about 5 wells solutions.  Errors: those of sg_sparse_factor,
 * SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_capacity_solve(const sg_form *form, int wells, const int *well, double pass, size_t memory,
                                          sg_capacity *out);
void sg_capacity_clear(sg_capacity *capacity);

#endif
