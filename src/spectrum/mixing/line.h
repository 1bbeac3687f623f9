/* The law of a diffusion on the line at time t, by the inverse Laplace transform of its resolvent on cells. */
#ifndef SG_SPECTRUM_MIXING_LINE_H
#define SG_SPECTRUM_MIXING_LINE_H

#include "solve.h"

typedef struct sg_line_law sg_line_law;

/* Borrows panels and log_d [n] (or NULL).  Errors: SG_NO_MEMORY, SG_UNDERFLOW (p varies by more than e^680). */
SG_MUST_CHECK sg_status sg_line_law_new(const sg_panels *panels, const double *log_d, sg_line_law **law);
void sg_line_law_delete(sg_line_law *law);
/* Takes a start: the point x, or (warm) p restricted to what lies left of x. */
void sg_line_law_start(sg_line_law *law, double x, bool warm);
double sg_line_law_at_zero(const sg_line_law *law);
/* Context sg_line_law.  Errors: those of cells. */
sg_distance sg_line_law_distance;
/* The same with the smaller of two contours only, whose error is not known. */
SG_MUST_CHECK sg_status sg_line_law_look(sg_line_law *law, double t, double *distance);

/*
 * Half the total variation of a function on [lo, hi] that vanishes at both ends, from its values and the sign of its
 * derivative at the Gauss-Legendre nodes of `count` neighbouring cells, [count][SG_PANEL_ORDER] each: its extremes are
 * where the derivative changes sign.
 */
double sg_half_variation(int count, const double *value, const double *slope);

/*
 * One end: where it is, or, if it is infinite, whether the process comes down from there (int^inf P(X > y)/(D p) dy
 * finite, judged by the power with which the integrand falls), two places in the tail, and mean and variance of the
 * time from infinity to them.  The mean is integrated on `far` (the same law cut much deeper, or NULL) and extrapolated
 * from its end; doubt: what one node less makes of that.  centre: the median.  Errors: SG_NO_MEMORY.
 */
typedef struct {
    bool infinite, comes_down, doubtful;
    double x[2], time[2], variance[2], doubt;
} sg_descent;
SG_MUST_CHECK sg_status sg_descent_find(const sg_panels *panels, const double *log_d, const sg_panels *far,
                                        const double *log_d_far, bool right, double centre, sg_descent *out);

/* sg_line_mixing with panels for the time from infinity. */
SG_MUST_CHECK sg_status sg_line_mixing_far(const sg_panels *panels, const double *log_d, const sg_panels *far,
                                           const double *log_d_far, sg_start start, double x,
                                           const sg_mixing_settings *settings, sg_mixing *out);

/*
 * The same distance by the first eigenpairs, at one time; *known is false where the expansion does not converge within
 * 256 of them.  Errors: those of sg_line_spectrum.
 */
SG_MUST_CHECK sg_status sg_line_expansion(const sg_panels *panels, const double *log_d, double x, bool warm, double t,
                                          double *distance, bool *known);

#endif
