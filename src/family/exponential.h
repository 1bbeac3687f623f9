/*
 * Exponential families on the line, p ~ h(x) exp<theta, F(x)>: a family supplies its statistics, the jets follow.
 */
#ifndef SG_FAMILY_EXPONENTIAL_H
#define SG_FAMILY_EXPONENTIAL_H

#include "family/line.h"

#define SG_EXPONENTIAL_ROWS 4 /* most statistics of a family that leaves log_density to sg_exponential_jet */

typedef struct {
    /*
     * The k-th x-derivative of F_j at the points x [n] goes to f[k] + j*SG_BLOCK, for those k = 0, 1, 2 whose f[k] is
     * not NULL.  n is a multiple of 8.
     */
    void (*statistics)(const void *own, int n, const double *x, double *const f[3]);
    /*
     * The k-th x-derivative of log h + <theta, F> to out [n].  NULL: the sum over the statistics, with h = 1.  A family
     * whose tails overflow to inf - inf in that sum, or that has a base measure, brings its own.
     */
    void (*log_density)(const void *own, const double *theta, int k, int n, const double *x, double *out);
} sg_exponential;

/* The `jet` of an exponential family: fills what jet->want asks for, nothing else. */
void sg_exponential_jet(const sg_exponential *law, const sg_model *model, const double *theta, const sg_block *block,
                        sg_jet *jet);

#endif
