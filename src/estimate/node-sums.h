/*
 * Expectations over the nodes of a finite set, one block after another: never a table of all nodes.  Blocks belong to
 * groups, each summed by one thread, and groups are added in order, so that the bits do not depend on how many threads
 * there are.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_NODE_SUMS_H
#define SG_ESTIMATE_NODE_SUMS_H

#include "estimate/lens.h"
#include "estimate/site-fits.h"

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    int m, threads;
    bool alike;      /* nodes are counts */
    double factor;   /* c of psi = c L S */
    sg_nodes *nodes; /* at the truth */
    sg_prepared *prepared;
    sg_lens **lens;          /* [threads] */
    double *mean;            /* [m] E F */
    sg_site_inverses *sites; /* of losses whose estimates at the sites are averaged; NULL: others */
} sg_node_stream;

/* At the model's truth.  Errors: those of sg_nodes_new, of the row and of sg_lens_new. */
SG_MUST_CHECK sg_status sg_node_stream_new(const sg_model *model, const sg_loss *loss, sg_node_stream **stream);
void sg_node_stream_delete(sg_node_stream *stream);

/*
 * Adds block `lens->block` with its weights to `sum`, which is the group's own; `scratch` [numbers] is the thread's own
 * and `lens` too.
 */
typedef void (*sg_node_visit)(void *context, sg_lens *lens, double *scratch, double *sum);
/* total [numbers] = sum over all blocks of what `visit` adds; `scratch` doubles for each thread. */
SG_MUST_CHECK sg_status sg_node_stream_sum(sg_node_stream *stream, size_t numbers, size_t scratch, sg_node_visit visit,
                                           void *context, double *total);

/* Moments of the scores S and of psi / c = L S along a basis [m,m] (NULL: the free parameters); [m,m] column-major. */
typedef struct {
    int m;
    double *psi_mean;              /* [m] */
    double *score2, *psi2, *cross; /* E S S^T and E psi psi^T, lower triangles; E S psi^T = -H */
    double *dirichlet, *noise;     /* lower triangles, without a basis only */
    double *all;                   /* [sg_node_moments_size] holds them */
} sg_node_moments;
SG_MUST_CHECK sg_status sg_node_moments_new(int m, sg_node_moments *moments);
void sg_node_moments_clear(sg_node_moments *moments);
SG_MUST_CHECK sg_status sg_node_stream_moments(sg_node_stream *stream, const double *basis, sg_node_moments *moments);

/* psi [m][SG_BLOCK] of the lens' block at theta, into lens->datum.psi; of averaged losses, H times their influence. */
void sg_node_psi(const sg_node_stream *stream, sg_lens *lens, const double *theta, int want);

#endif
