/* A chain by all its eigenpairs if it is reversible, by powers of its matrix if not, and the distances of all starts.
 */
#ifndef SG_SPECTRUM_MIXING_DENSE_H
#define SG_SPECTRUM_MIXING_DENSE_H

#include "evolve.h"

enum { SG_DENSE_REVERSIBLE = 4096, SG_DENSE_GENERAL = 2048 }; /* most states for matrices */

/* Matrices are column-major [n,n]. */
typedef struct {
    int n;
    bool reversible;
    bool matrices; /* are there any?  Otherwise single starts are evolved by their rates */
    sg_rows_of_rates rows;
    double *log_pi, *pi, *root; /* [n] log pi, pi, sqrt(pi) */
    double *value;              /* [n] of A, ascending; the first is 0; reversible chains only */
    double *vector;             /* in columns; the same */
    double *square, *other;     /* scratch */
    double top;                 /* norm of A */
    double rarest;              /* largest pi^(-1/2) */
    double *coefficient;        /* [n] of the start in use */
    double *scaled, *sum;       /* [n], [64 n] */
    double size;                /* norm of the density of the start in L2(pi) */
    double zero;                /* distance of the start at time 0 */
    sg_flow flow;
    sg_trail trail; /* the start in use, evolved where the expansion is poor */
    bool evolved;   /* was it? */
    bool squared;   /* were all starts found by repeated squaring? */
} sg_dense;

/* `one`: single starts will do, so that chains may have more states than matrices. */
SG_MUST_CHECK sg_status sg_dense_new(const sg_chain *chain, double epsilon, size_t memory, bool one, sg_dense *dense);
void sg_dense_delete(sg_dense *dense);
/* Takes a start: a state, or a law [n] if it is not NULL. */
void sg_dense_start(sg_dense *dense, int state, const double *law);
/*
 * Distances [n] of all starts at time t and their error, by the expansion, or where that is poor by uniformization over
 * a short time and repeated squaring: all terms are positive, and rows are brought back to sum 1.
 */
void sg_dense_all(sg_dense *dense, double t, double *distance, double *error);
/*
 * Context sg_dense: the distance of the start in use, by the expansion; where there is none or it loses too much (rare
 * states, metastable times) by uniformization or repeated squaring, whichever costs less.  Errors: SG_REFUSED (both
 * cost too much).
 */
sg_distance sg_dense_distance;

#endif
