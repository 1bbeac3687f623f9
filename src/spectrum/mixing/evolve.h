/* Laws evolved by uniformization: all terms positive, so that rounding stays relative and the rest is a Poisson tail.
 */
#ifndef SG_SPECTRUM_MIXING_EVOLVE_H
#define SG_SPECTRUM_MIXING_EVOLVE_H

#include "solve.h"

/* A jump process through P = 1 + L/q, q at least the largest exit rate. */
typedef struct {
    size_t n;
    double q;
    void (*apply)(const void *context, const double *in, double *out); /* out = in P, for laws (row vectors) [n] */
    const void *context;
} sg_flow;

/* law <- law exp(t L).  work [2 n].  *error grows by a bound on what truncation and rounding did in L1. */
void sg_evolve(const sg_flow *flow, double t, double *law, double *work, double *error);

/*
 * A law that is asked for at many times: kept at the latest time whose distance was above epsilon, so that a search
 * does not begin again at zero.
 */
typedef struct {
    const sg_flow *flow;
    const double *pi; /* [n] */
    double epsilon;
    double *initial, *kept, *now, *work; /* [n] x 3, [2 n] */
    double kept_at, kept_error;
} sg_trail;
SG_MUST_CHECK sg_status sg_trail_new(const sg_flow *flow, const double *pi, double epsilon, sg_trail *trail);
void sg_trail_delete(sg_trail *trail);
void sg_trail_begin(sg_trail *trail); /* after trail->initial was filled, or to go back to time 0 */
double sg_trail_at_zero(const sg_trail *trail);
sg_distance sg_trail_distance; /* context: sg_trail */

/* The edges of an explicit chain as rows, and its flow. */
typedef struct {
    int n;
    int *first, *to;            /* [n + 1], [edges] */
    double *rate, *exit, *stay; /* [edges] over q, [n], [n] */
    double q;
} sg_rows_of_rates;
SG_MUST_CHECK sg_status sg_rows_of_rates_new(const sg_chain *chain, sg_rows_of_rates *rows);
void sg_rows_of_rates_delete(sg_rows_of_rates *rows);
sg_flow sg_rows_flow(const sg_rows_of_rates *rows);

#endif
