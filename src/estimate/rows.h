/*
 * The tall matrices of quadrature: one weighted row a node (and a root), one column a parameter, read through a lens
 * along a chart.  Internal to the estimate module.
 */
#ifndef SG_ESTIMATE_ROWS_H
#define SG_ESTIMATE_ROWS_H

#include "estimate/lens.h"

typedef struct {
    int n, m, roots;
    double *root;      /* [n*roots][m] column-major: sqrt(p w) root */
    double *psi;       /* [n][m] sqrt(p w)(psi - E psi) */
    double *score;     /* [n][m] sqrt(p w)(S - E S) */
    double *curvature; /* [n][m(m+1)/2] sqrt(p w) times the Hessian of one datum */
    double *mean_psi;  /* [m] E psi */
    double *work;      /* for sg_qr_factor */
} sg_rows_table;

/* Fills a table at theta = chart origin.  Allocates; sg_rows_table_delete. */
SG_MUST_CHECK sg_status sg_rows_table_new(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                                          const sg_chart *chart, const sg_nodes *nodes, sg_rows_table **table);
void sg_rows_table_delete(sg_rows_table *table);

/* R^-1 of the Dirichlet rows, at the chart's coordinates: SG_SINGULAR names the direction by parameter names. */
SG_MUST_CHECK sg_status sg_rows_whitening(const sg_model *model, sg_rows_table *table, double *whiten,
                                          double *condition);

/* max over directions v of E (v'Av)^2 / (v'v)^2 - 1 in whitened coordinates, by ascent from many starts. */
double sg_rows_worst_hessian(const sg_rows_table *table);
/* The same from the second moments of the packed Hessians, [pairs,pairs]; m <= SG_REALS. */
double sg_worst_quartic(int m, const double *moment);

#endif
