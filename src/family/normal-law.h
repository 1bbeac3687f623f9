/*
 * The normal law on R^d in natural parameters, log p = sum_a location_a x_a - x'P x/2 up to log Z: what its precision
 * matrix gives.  Parameters theta [SG_NORMAL_FULL(d)]: location [d], the diagonal of P [d], then P_ab, b < a, row by
 * row; their statistics are x_a, -x_a^2/2 and -x_a x_b.
 */
#ifndef SG_FAMILY_NORMAL_LAW_H
#define SG_FAMILY_NORMAL_LAW_H

#include "scoregap/family.h"

enum { SG_NORMAL_MOST = 64 }; /* dimensions */
#define SG_NORMAL_FULL(d) (2 * (d) + (d) * ((d)-1) / 2)

/* Where P_ab stands in theta. */
static inline int sg_normal_entry(int d, int a, int b) {
    const int high = a > b ? a : b, low = a > b ? b : a;
    return high == low ? d + high : 2 * d + high * (high - 1) / 2 + low;
}

typedef struct {
    int d;
    double mean[SG_NORMAL_MOST];
    double factor[SG_NORMAL_MOST][SG_NORMAL_MOST]; /* L, lower: P = L L' */
} sg_normal_law;

/* False when theta is not finite or P is not positive definite (by its Cholesky factor).  O(d^3), on the stack. */
bool sg_normal_law_of(int d, const double *theta, sg_normal_law *law);
/* log Z, and in the order of theta E F [full] and Cov F [full,full] (NULL: not wanted). */
double sg_normal_log_z(const sg_normal_law *law, double *gradient, double *hessian);
/* Exact draws: x = mean + L^-T z. */
void sg_normal_draw(const sg_normal_law *law, sg_stream *stream, sg_block *block);

#endif
