/* Jumps on a finite set, from the model and the loss: what its spectral measures and its top share. */
#ifndef SG_SPECTRUM_CHAIN_JUMPS_H
#define SG_SPECTRUM_CHAIN_JUMPS_H

#include "scoregap/chain.h"

enum { SG_JUMPS_STATES = 1 << 24 }; /* that are visited */

/* log p of all states by their codes, as the family gives it, and normalized; new.  threads <= 0: as many as there are.
 * The bits do not depend on them. */
SG_MUST_CHECK sg_status sg_jumps_states(const sg_model *model, int threads, double **log_p);
SG_MUST_CHECK sg_status sg_jumps_law(const sg_model *model, double **log_p);

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    sg_prepared *prepared;
    int states;
    double *log_p; /* [states] normalized; NULL until listed */
} sg_jumps;
/* Errors: SG_MISFIT (no jumps on a finite set), those of the row. */
SG_MUST_CHECK sg_status sg_jumps_open(const sg_model *model, const sg_loss *loss, sg_jumps *jumps);
SG_MUST_CHECK sg_status sg_jumps_list(sg_jumps *jumps); /* log_p of all states; as many as int holds */
void sg_jumps_close(sg_jumps *jumps);
/* sqrt(rate(u) rate(-u)) and *rate = rate(u), from |u|, where the rate keeps its accuracy: rate(u) = e^u rate(-u). */
double sg_jumps_conductance(const sg_jumps *jumps, double u, double *rate);
void sg_jumps_rate(const void *jumps, int n, const double *log_ratio, double *rate); /* as sg_flip_rate */

/* Where the classes of the model are the numbers of sites in state 1, and single flips go along them. */
typedef struct {
    int n;
    double *up, *down;          /* [n] logs of rates k -> k+1 and k+1 -> k */
    double *conductance, *exit; /* [n] */
} sg_jumps_path;
SG_MUST_CHECK sg_status sg_jumps_path_find(const sg_jumps *jumps, bool *found, sg_jumps_path *path);
void sg_jumps_path_close(sg_jumps_path *path);

/* Logs of the rates of single-site moves between the classes of a model [edges]. */
SG_MUST_CHECK sg_status sg_jumps_class_rates(const sg_loss *loss, const sg_prepared *prepared, const sg_lumped *lumped,
                                             double *log_rate);

/* The symmetric form [states,states] of listed states, cleared by the caller; 0 in rows of forbidden states. */
SG_MUST_CHECK sg_status sg_jumps_matrix(const sg_jumps *jumps, double *a);
/*
 * Blocks drawn afresh that do not tell sites apart, in a law that does not (a path of numbers of sites in state 1):
 * logs of the masses of the numbers [d + 1], and their symmetric form [d + 1, d + 1], both new.  *found: it is such a
 * case. O(d^3) for each size of blocks; up to SG_SPECTRUM_STATES - 1 sites.
 */
SG_MUST_CHECK sg_status sg_jumps_counts(const sg_jumps *jumps, bool *found, double **log_class, double **a);

#endif
