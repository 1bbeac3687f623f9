/* Two-sided bounds of C_P of a law on one set of panels, by power steps with the positive integral operator. */
#ifndef SG_SPECTRUM_ENCLOSE_H
#define SG_SPECTRUM_ENCLOSE_H

#include "operator.h"

#define SG_LINE_WIDTH 1e-12 /* relative width asked for */

typedef struct {
    double log_lower, log_upper, log_value; /* of C_P */
    double floor;                           /* rounding, relative */
    double outside;                         /* share of the Dirichlet energy next to the cuts */
    int steps;
} sg_enclosure;

/* g = D^-1/2, which has finite energy for every D. */
void sg_enclose_start(const sg_line_law *law, sg_wave *g);

/*
 * From g, which becomes the slowest mode; where power steps are slow, from the function that shooting finds.  `op` was
 * filled with `law`; without law->logp, floor and outside are left at 0.  Errors: SG_NO_MEMORY; SG_NOT_CONVERGED (power
 * steps are slow and law->whole is NULL).
 */
SG_MUST_CHECK sg_status sg_enclose(const sg_line_law *law, sg_operator *op, sg_wave *g, sg_enclosure *out);

/* Rounding, relative: of log p and log D p as numbers, and of the sums. */
double sg_enclose_rounding(const sg_line_law *law, double log_mass);

/* log of the Rayleigh quotient <g, T g>/<g, g>, a lower bound of C_P of `law`; g becomes T g. */
SG_MUST_CHECK sg_status sg_enclose_below(const sg_line_law *law, sg_wave *g, double *log_value);

/* `g` on the panels of `from`, carried over to those of `to` by its Legendre series; flat (but for D^-1/2) beyond. */
void sg_wave_carry(const sg_line_law *from, const sg_wave *g, const sg_line_law *to, sg_wave *out);

#endif
