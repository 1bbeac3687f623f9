/*
 * Integrals int_m^x dy/(D p) outwards from a point m, in logarithms: differences of integrals from one end would lose
 * everything where 1/(D p) has been larger before.
 */
#ifndef SG_BOUND_OUTWARD_H
#define SG_BOUND_OUTWARD_H

#include "scoregap/numeric.h"

enum { SG_TO_THE_LEFT, SG_TO_THE_RIGHT };

typedef struct {
    const sg_panels *panels; /* borrowed */
    double *log_dp;          /* [n] */
    double *top;             /* [count] largest of -log D p in a panel */
    double *run[2];   /* [n] int of 1/(D p) from the left, from the right edge of the panel (the inner one when going
                         right, left), scaled */
    double *total;    /* [count] over the panel, scaled by exp(top) and half its length */
    double *log_node; /* [n] */
    double *log_edge; /* [count + 1] */
} sg_outward;

typedef struct {
    int panel;
    double t; /* in [-1, 1] */
} sg_place;

/* log_d [n] or NULL.  Errors: SG_NO_MEMORY; SG_REFUSED where D p is not positive and finite. */
SG_MUST_CHECK sg_status sg_outward_new(const sg_panels *panels, const double *log_d, sg_outward **outward);
void sg_outward_delete(sg_outward *outward);

double sg_outward_x(const sg_outward *o, sg_place at);
sg_place sg_outward_place(const sg_outward *o, double x);
sg_place sg_outward_median(const sg_outward *o);

/* Fills log_node and log_edge on the given side of m (-INFINITY before m in its panel); nothing else is touched. */
void sg_outward_from(sg_outward *o, int side, sg_place m);

/* The integral at the nodes of panel k, as a smooth function on all of it, in units of exp(*log_unit); after
 * sg_outward_from. */
void sg_outward_panel(const sg_outward *o, int side, sg_place m, int k, double value[SG_PANEL_ORDER], double *log_unit);

/*
 * log sup over x beyond m of w(Q(x)) int_m^x 1/(D p), Q the mass beyond x, the weight w in logs (increasing; NULL: Q
 * itself); between nodes by interpolation of Q and of the integral.  Calls sg_outward_from.
 */
typedef double (*sg_tail_weight)(double log_mass);
double sg_outward_supremum(sg_outward *o, int side, sg_place m, sg_tail_weight weight);

#endif
