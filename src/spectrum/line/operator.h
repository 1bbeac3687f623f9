/*
 * The positive integral operator of theory.md section 4,
 *     (T g)(x) = [Q(x) A(x) + P(x) B(x)] / (D p),   A(x) = int_lo^x P g,   B(x) = int_x^hi Q g,
 * scaled so that nothing over- or underflows: functions are quotients gamma = g / g_ref with a positive reference known
 * by its logarithm, and the running integrals of every panel are in units of those of the reference.
 */
#ifndef SG_SPECTRUM_OPERATOR_H
#define SG_SPECTRUM_OPERATOR_H

#include "scoregap/numeric.h"

typedef struct {
    const sg_panels *panels; /* borrowed */
    int n, count;
    double *log_dp;            /* [n] log D p */
    double *half;              /* [count] half-length of a panel */
    double *log_g;             /* [n] the reference */
    double *log_t;             /* [n] log of T applied to it */
    double *unit_a, *unit_b;   /* [count] logs of A at the right, of B at the left edge of a panel, for the reference */
    double *in_a, *in_b;       /* [n] integrands of A and B for gamma = 1, in those units */
    double *out_a, *out_b;     /* [n] what A and B contribute to T g / (g_ref exp(log_scale)) */
    double *carry_a, *carry_b; /* [count] from the unit of the panel before to its own, <= 1 */
    double *weight;            /* [n] of the inner product int D p g h, up to a factor */
    double *a, *b;             /* [n] scratch */
    double log_scale;
    double (*right)[SG_PANEL_ORDER]; /* the constant matrix of int_{t_i}^1 */
} sg_operator;

/* log_d [n] or NULL (D = 1).  Errors: SG_NO_MEMORY; SG_REFUSED where D p is not positive and finite. */
SG_MUST_CHECK sg_status sg_operator_new(const sg_panels *panels, const double *log_d, sg_operator **op);
void sg_operator_delete(sg_operator *op);

/* Makes exp(log_g [n]) the reference and fills log_t; about 10 vector exponentials and logarithms a node. */
void sg_operator_refer(sg_operator *op, const double *log_g);

/* The range of T g / g over the nodes for the reference, as logs. */
void sg_operator_log_range(const sg_operator *op, double *least, double *most);

/* Prepares sg_operator_apply around the reference. */
void sg_operator_linearize(sg_operator *op);

/* out = T gamma, both as quotients by the reference, in units of exp(log_scale).  Two 16 x 16 products a panel. */
void sg_operator_apply(sg_operator *op, const double *gamma, double *out);

/* int D p g T g / int D p g^2 in units of exp(log_scale), for out = T gamma. */
double sg_operator_rayleigh(const sg_operator *op, const double *gamma, const double *out);

#endif
