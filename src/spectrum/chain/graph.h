/*
 * A finite chain as a graph: arcs sorted by state and target, each with its reverse.  The solvers behind sg_chain_gap
 * take it from here.
 */
#ifndef SG_SPECTRUM_CHAIN_GRAPH_H
#define SG_SPECTRUM_CHAIN_GRAPH_H

#include "scoregap/chain.h"

enum { SG_CHAIN_DENSE = 1500, SG_CHAIN_ELIMINATE = 3000 }; /* most states for matrices, and for a law by elimination */
#define SG_CHAIN_SPAN 5000.0 /* of the logs of rates in an elimination, which runs in long double */

typedef struct {
    int n;
    size_t arcs;
    size_t *start;    /* [n + 1] */
    int *to;          /* [arcs] ascending within a state */
    double *log_rate; /* [arcs] */
    size_t *reverse;  /* [arcs]; SIZE_MAX where there is none */
    double *log_pi;   /* [n] normalized */
    double log_unit;  /* the largest of log_rate */
    bool reversible;
} sg_graph;

/* With its law.  Errors: those of sg_chain_law. */
SG_MUST_CHECK sg_status sg_graph_new(const sg_chain *chain, sg_graph **graph);
void sg_graph_delete(sg_graph *graph);

/* The arcs of x -> y and, reversed in time, y -> x, half each: (L + L*)/2. */
SG_MUST_CHECK sg_status sg_graph_reversibilization(const sg_graph *graph, sg_graph **made);

/*
 * Elimination without subtraction (Grassmann, Taksar and Heyman) on the rates over exp(log_unit), state order[k] in the
 * place k.  On return row k and column k of q [n, n, row-major] are the rates at the moment when place k, the last that
 * was left, was eliminated, and leave [n] its rate away (not for place 0).
 * Errors: SG_OUT_OF_RANGE (rates span more than SG_CHAIN_SPAN).
 */
SG_MUST_CHECK sg_status sg_graph_eliminate(const sg_graph *graph, const int *order, long double *q, long double *leave);

/* The states along a path, ends first or last, if the graph is one: order [n]. */
bool sg_graph_is_path(const sg_graph *graph, int *order);

/* The solvers: eigenvalues ascending over exp(log_unit), with relative errors, at most `count` (lowered to n-1). */
SG_MUST_CHECK sg_status sg_graph_dense(const sg_graph *graph, int *count, double *log_value, double *error);
SG_MUST_CHECK sg_status sg_graph_sparse(const sg_graph *graph, const sg_spectrum_settings *settings, int *count,
                                        double *log_value, double *error, int *steps, const char **method);
SG_MUST_CHECK sg_status sg_graph_general(const sg_graph *graph, int *count, double *log_value, double *error);

#endif
