/*
 * The positive integral operator of theory.md section 4,
 *     (T g)(x) = [Q(x) A(x) + P(x) B(x)] / (D p),   A(x) = int_lo^x P g,   B(x) = int_x^hi Q g.
 * A function is kept as numbers of order one with a binary exponent a panel, and so are p, P, Q and the running
 * integrals: nothing over- or underflows at any depth, and a step takes no exponential and no logarithm.
 */
#ifndef SG_SPECTRUM_OPERATOR_H
#define SG_SPECTRUM_OPERATOR_H

#include "scoregap/numeric.h"

/* A positive function: value[i] 2^unit[panel of i]. */
typedef struct {
    double *value; /* [n] */
    long *unit;    /* [count] */
} sg_wave;
SG_MUST_CHECK sg_status sg_wave_new(int count, sg_wave *wave);
void sg_wave_delete(sg_wave *wave);

/* g = exp(log_g [n]). */
void sg_wave_set(int count, const double *log_g, sg_wave *g);

/* A law and D on panels, without anything that follows from them. */
typedef struct {
    int count;
    const double *edge;     /* [count + 1] */
    const double *logp;     /* [n] up to a constant */
    const double *log_d;    /* [n] or NULL: D = 1 */
    bool open_lo, open_hi;  /* the law goes on beyond that end */
    const sg_panels *whole; /* the panels that this is of; NULL: there are none */
} sg_line_law;
sg_line_law sg_line_law_of(const sg_panels *panels, const double *log_d);

typedef struct {
    int count, n;
    double *dp, *below, *above;              /* [n] D p, P and Q */
    long *dp_unit, *below_unit, *above_unit; /* [count] */
    double *half;                            /* [count] half-length of a panel, */
    long *half_unit;                         /* [count] with its exponent */
    double *total_b, *start_a, *scale_a;     /* [count] scratch: B over a panel; A = start + scale inner */
    long *sum_unit;                          /* [count] scratch: the unit of A */
    double log_mass;                         /* log int p, p as given */
} sg_operator;

/* What one application says of g: logs of the range of T g / g over the nodes and of int D p g T g / int D p g^2. */
typedef struct {
    double least, most, rayleigh;
} sg_quotients;

/* Room for `count` panels.  Errors: SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_operator_new(int count, sg_operator **op);
void sg_operator_delete(sg_operator *op);

/* law->logp may be op->dp, which is overwritten.  Errors: SG_REFUSED where D p is not positive and finite. */
SG_MUST_CHECK sg_status sg_operator_fill(sg_operator *op, const sg_line_law *law);

/*
 * g becomes T g - shift g, shift in units of exp(log_unit) and below the least quotient.  Two 16 x 16 products a panel.
 */
void sg_operator_apply(sg_operator *op, double shift, double log_unit, sg_wave *g, sg_quotients *q);

#endif
