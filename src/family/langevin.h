/*
 * Metropolis-adjusted Langevin steps of a block of independent chains on R^d, or on the orthant in the coordinates
 * y = log x:  y' = y + L (e^2/2 w + e z), w = L' grad log p(y), accepted by the Metropolis-Hastings ratio, whose
 * proposals are exp((|z|^2 - |z'|^2)/2) with z' = z + e/2 (w + w').  L L' stands for the covariance.  Of the steps 70%
 * have the full length e, the others 1/2, 1/5 or 1/20 of it.
 */
#ifndef SG_FAMILY_LANGEVIN_H
#define SG_FAMILY_LANGEVIN_H

#include "scoregap/family.h"

typedef struct {
    const sg_model *model;
    const double *theta;
    bool positive;  /* on the orthant */
    double *factor; /* [d][d] row-major, L lower */
} sg_langevin;

/* One block of chains; arrays [d][SG_BLOCK] or [SG_BLOCK]. */
typedef struct {
    double *y, *x; /* x is y on R^d */
    double *w, *logp;
    double *step; /* e of each chain */
    double *now, *next_y, *next_x, *next_w, *next_logp, *z, *slope, *u, *gain;
} sg_langevin_state;

/* Bytes of a state, and a state in memory of that size, aligned; step is 1. */
size_t sg_langevin_bytes(int d);
void sg_langevin_take(const sg_langevin *kernel, void *memory, sg_langevin_state *state);
/* x, log p and w from y. */
void sg_langevin_start(const sg_langevin *kernel, sg_langevin_state *state);
/* One step of every chain; returns how many moved.  `adapt`: a chain that moved lengthens its step, others shorten it.
 */
int sg_langevin_step(const sg_langevin *kernel, sg_stream *stream, bool adapt, sg_langevin_state *state);

#endif
