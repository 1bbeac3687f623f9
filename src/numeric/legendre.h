/*
 * Gauss-Legendre constants of one panel, t in [-1, 1], and the product of a constant matrix with a panel's values.
 */
#ifndef SG_NUMERIC_LEGENDRE_H
#define SG_NUMERIC_LEGENDRE_H

#include "scoregap/numeric.h"

#pragma GCC diagnostic ignored "-Wpsabi" /* vectors are passed only to functions that are inlined */

extern const double sg_legendre_node[SG_PANEL_ORDER]; /* ascending */
extern const double sg_legendre_weight[SG_PANEL_ORDER];

/* Both by columns, m[j][i]: what the value at node j adds to output i. */
extern const double sg_legendre_left[SG_PANEL_ORDER][SG_PANEL_ORDER];        /* int_{-1}^{t_i} */
extern const double sg_legendre_coefficient[SG_PANEL_ORDER][SG_PANEL_ORDER]; /* of P_i, i = 0..15 */

/* fmax and fmin are calls without -ffinite-math-only; these vectorize.  The second argument wins over a NaN. */
static inline double sg_larger(double a, double b) {
    return a > b ? a : b;
}
static inline double sg_smaller(double a, double b) {
    return a < b ? a : b;
}

typedef double sg_four __attribute__((vector_size(32)));
typedef double sg_four_any __attribute__((vector_size(32), aligned(8), may_alias)); /* four doubles anywhere */

static inline sg_four sg_load(const double *from) {
    return *(const sg_four_any *)from;
}
static inline void sg_store(double *to, sg_four value) {
    *(sg_four_any *)to = value;
}

/* out_i = sum_j matrix[j][i] f_j, in the order of j; unrolled, the four sums would be added up one after the other. */
static inline void sg_legendre_apply(const double matrix[SG_PANEL_ORDER][SG_PANEL_ORDER], const double *f,
                                     double *out) {
    sg_four s0 = {0}, s1 = {0}, s2 = {0}, s3 = {0};
#pragma GCC unroll 1
    for (int j = 0; j < SG_PANEL_ORDER; j++) {
        const sg_four *column = (const sg_four *)matrix[j];
        s0 += column[0] * f[j];
        s1 += column[1] * f[j];
        s2 += column[2] * f[j];
        s3 += column[3] * f[j];
    }
    sg_store(out, s0);
    sg_store(out + 4, s1);
    sg_store(out + 8, s2);
    sg_store(out + 12, s3);
}

/* Size of the last and the last but one pair of Legendre coefficients of f. */
static inline void sg_legendre_tail(const double *f, double *last, double *before) {
    sg_four sum = {0};
    for (int j = 0; j < SG_PANEL_ORDER; j++) sum += ((const sg_four *)sg_legendre_coefficient[j])[3] * f[j];
    *before = __builtin_fabs(sum[0]) + __builtin_fabs(sum[1]);
    *last = __builtin_fabs(sum[2]) + __builtin_fabs(sum[3]);
}

/* Estimated size of what the series of degree 15 leaves out: the decay of the last pairs goes on, at 1/16 at best. */
double sg_legendre_rest(const double *f);

/* sum_k c_k P_k(t) by Clenshaw's recurrence. */
double sg_legendre_sum(const double c[SG_PANEL_ORDER], double t);

/* Two series at one t. */
void sg_legendre_pair(const double c[SG_PANEL_ORDER], const double d[SG_PANEL_ORDER], double t, double *at_c,
                      double *at_d);

/* out[l] = the series of panel[l] (coefficients at c + 16 panel[l]) at t[l], for 8 points at once. */
void sg_legendre_sum8(const double *c, const int panel[8], const double t[8], double out[8]);

/* d/dt of the series at t = -1 (side < 0) or t = 1. */
double sg_legendre_slope(const double c[SG_PANEL_ORDER], int side);

/*
 * The running integrals of a density f near either end of a panel, without loss of relative accuracy: coefficients of
 *   left(t)  = 1/(1+t) int_{-1}^t f,    right(t) = 1/(1-t) int_t^1 f,
 * polynomials of degree 15 when f is one.
 */
void sg_legendre_means(const double f[SG_PANEL_ORDER], double left[SG_PANEL_ORDER], double right[SG_PANEL_ORDER]);

#endif
