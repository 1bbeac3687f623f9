/*
 * What the steps of Lanczos' method and of the filter share: an operator, its null vector and locked eigenvectors, and
 * the vectors that they work on.  Sums run in fixed order over chunks, so no result depends on the number of threads.
 */
#ifndef SG_SPECTRUM_CUBE_KRYLOV_H
#define SG_SPECTRUM_CUBE_KRYLOV_H

#include "cube.h"

typedef struct {
    const sg_lanczos *problem;
    int locked;
    double *const *lock;
    double *v, *w, *y; /* y: NULL until a second run needs it */
    double *partial;   /* [3 chunks] */
    double null2;      /* <null, null> */
} sg_krylov;

/* The start in v, norm 1, the same at every call.  False: nothing is left of it beside null and locked vectors. */
bool sg_krylov_begin(sg_krylov *r);
double sg_krylov_dot(const sg_krylov *r, const double *x, const double *y);
void sg_krylov_add(const sg_krylov *r, double a, const double *x, double *y); /* y += a x */
void sg_krylov_multiply(const sg_krylov *r, double a, double *x);
/* x loses its parts along null and the locked vectors. */
void sg_krylov_project(const sg_krylov *r, double *x);
/* w -= a v + b null; y += c v if c is not zero; returns |w|^2. */
double sg_krylov_subtract(const sg_krylov *r, double a, double b, double c);
bool sg_krylov_stopped(const sg_krylov *r);
void sg_krylov_swap(sg_krylov *r); /* v and w */
/* w = A v_j - beta_j v_{j-1}, where v and w hold v_j beta_j and v_{j-1} beta_{j-1}; sum as sg_lanczos.apply has it. */
void sg_krylov_product(sg_krylov *r, int j, const double *beta, double sum[3]);
/*
 * Step j of Lanczos' process from v = v_0, beta[0] = 1: alpha[j], beta[j + 1] (norm of the next vector before scaling),
 * and in part [1 + locked] what was projected out: w loses its parts along v and null in one pass (what v has of null
 * included), then those along the locked vectors.  v then holds v_{j+1} beta_{j+1}.
 */
void sg_krylov_step(sg_krylov *r, int j, double *alpha, double *beta, double *part);
/* Norm 1 for x; its Rayleigh quotient and the norm of its residual, computed anew; other is work. */
void sg_krylov_measure(const sg_krylov *r, double *x, double *other, sg_lanczos_result *out);

/*
 * v = product of (A - root)/(value - root) times v, degree factors, ordered by Leja's rule: so intermediate results
 * stay of the size of the last one, and what rounding adds is damped by the factors that follow.  Reorders root
 * [degree]; work [degree].  SG_STOPPED.
 */
SG_MUST_CHECK sg_status sg_krylov_filter(sg_krylov *r, int degree, double *root, double value, double *work);

#endif
