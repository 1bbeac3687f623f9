/*
 * Laws with closed forms for the tests of panels and of the inverse table: unnormalized log density, log of its
 * integral, logs of both tails.  GSL supplies log erfc.
 */
#ifndef SG_TESTS_NUMERIC_LAWS_H
#define SG_TESTS_NUMERIC_LAWS_H

#include <gsl/gsl_sf_erf.h>
#include <math.h>

#include "scoregap/numeric.h"

typedef struct {
    const char *name;
    double (*logq)(double x);
    double lo, hi, log_z;
    double (*below)(double x); /* log P(X <= x) */
    double (*above)(double x); /* log P(X > x) */
} law;

static inline double gauss_logq(double x) {
    return -0.5 * x * x;
}
static inline double gauss_below(double x) {
    return gsl_sf_log_erfc(-x / M_SQRT2) - M_LN2;
}
static inline double gauss_above(double x) {
    return gauss_below(-x);
}

static inline double logistic_logq(double x) {
    return -fabs(x) - 2 * log1p(exp(-fabs(x)));
}
static inline double logistic_below(double x) {
    return x < 0 ? x - log1p(exp(x)) : -log1p(exp(-x));
}
static inline double logistic_above(double x) {
    return logistic_below(-x);
}

static inline double exponential_logq(double x) {
    return -x;
}
static inline double exponential_below(double x) {
    return log(-expm1(-x));
}

static inline double uniform_logq(double x) {
    return 7 + 0 * x;
}
static inline double uniform_below(double x) {
    return log(x);
}
static inline double uniform_above(double x) {
    return log1p(-x);
}

static inline double laplace_logq(double x) {
    return -fabs(x);
}
static inline double laplace_below(double x) {
    return x < 0 ? x - M_LN2 : log1p(-0.5 * exp(-x));
}
static inline double laplace_above(double x) {
    return laplace_below(-x);
}

static inline double cauchy_logq(double x) {
    return -log1p(x * x);
}
static inline double cauchy_below(double x) {
    return x < 0 ? log(atan(-1 / x) / M_PI) : log(0.5 + atan(x) / M_PI);
}
static inline double cauchy_above(double x) {
    return cauchy_below(-x);
}

static const law laws[] = {
    {"gauss", gauss_logq, -INFINITY, INFINITY, 0.91893853320467274178, gauss_below, gauss_above},
    {"logistic", logistic_logq, -INFINITY, INFINITY, 0, logistic_below, logistic_above},
    {"exponential", exponential_logq, 0, INFINITY, 0, exponential_below, exponential_logq},
    {"uniform", uniform_logq, 0, 1, 7, uniform_below, uniform_above},
    {"laplace", laplace_logq, -INFINITY, INFINITY, M_LN2, laplace_below, laplace_above},
    {"cauchy", cauchy_logq, -INFINITY, INFINITY, 1.1447298858494001741, cauchy_below, cauchy_above},
};
enum { LAWS = sizeof laws / sizeof *laws };

static inline void law_evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const law *l = context;
    (void)test;
    for (int i = 0; i < n; i++) logq[i] = l->logq(x[i]);
}

static inline sg_density law_density(const law *l) {
    return (sg_density){.context = l, .evaluate = law_evaluate, .lo = l->lo, .hi = l->hi};
}

/* p ~ exp(-h (x^2 - 1)^2 - tilt x) with tests 1, x, x^2, V'. */
typedef struct {
    double h, tilt;
} wells;

static inline void wells_evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const wells *w = context;
    for (int i = 0; i < n; i++) {
        double y = x[i] * x[i] - 1;
        logq[i] = -w->h * y * y - w->tilt * x[i];
        if (!test) continue;
        test[i] = 1;
        test[n + i] = x[i];
        test[2 * n + i] = x[i] * x[i];
        test[3 * n + i] = 4 * w->h * x[i] * y + w->tilt;
    }
}

#endif
