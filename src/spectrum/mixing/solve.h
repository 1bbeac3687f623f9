/* What all mixing times share: the crossing of a nonincreasing distance, and the contour of the inverse transform. */
#ifndef SG_SPECTRUM_MIXING_SOLVE_H
#define SG_SPECTRUM_MIXING_SOLVE_H

#include <complex.h>

#include "scoregap/mixing.h"

typedef double complex sg_complex;

/* Total variation at time t > 0 with an error estimate; times come in any order. */
typedef sg_status sg_distance(void *context, double t, double *distance, double *error);

/* Clears `out` and takes epsilon.  Errors: SG_OUT_OF_RANGE. */
SG_MUST_CHECK sg_status sg_mixing_begin(const sg_mixing_settings *settings, sg_mixing *out);

/* Back to what begin left, but for epsilon and relaxation time: before another start is tried. */
void sg_mixing_again(sg_mixing *out);

/*
 * mixing_time and its enclosure of out->epsilon, by false position in log t from `guess`; `at_zero` is the distance at
 * time 0.  What cannot be enclosed is said in out->status.  Errors: those of `distance`.
 */
SG_MUST_CHECK sg_status sg_mixing_cross(sg_distance *distance, void *context, double at_zero, double guess,
                                        sg_mixing *out);

/* The profile that `settings` asks for, by growing times; none when there is no time to scale it with. */
SG_MUST_CHECK sg_status sg_mixing_profile(sg_distance *distance, void *context, double at_zero,
                                          const sg_mixing_settings *settings, sg_mixing *out);

/* Relaxation time; the sandwich of the worst start by log(1/pi_min) (INFINITY: no upper side). */
void sg_mixing_sandwich(double relaxation_time, double log_inverse_pi_min, sg_mixing *out);
/* Another status, with its sentence; the first one stays. */
void sg_mixing_say(sg_mixing *out, sg_status status, const char *format, ...) __attribute__((format(printf, 3, 4)));
/* No finite answer. */
void sg_mixing_refuse(sg_mixing *out, const char *format, ...) __attribute__((format(printf, 2, 3)));

/*
 * f(t) = Re sum_j weight_j F(node_j / t) / t for a transform F that is analytic off the negative half-axis: Talbot's
 * contour with 2 n midpoints (Weideman's parameters; Trefethen, Weideman and Schmelzer 2006), of which the upper half
 * is enough.  Truncation 3.89^(-2 n) when F is the transform of what begins at once; laws that come from far need more
 * points.  Rounding grows like exp(0.34 n).
 */
#define SG_CONTOUR 40 /* most points */
typedef struct {
    int n;
    sg_complex node[SG_CONTOUR], weight[SG_CONTOUR];
} sg_contour;
void sg_contour_make(int n, sg_contour *contour);
double sg_contour_reach(const sg_contour *contour); /* largest |node| */

/*
 * A distance by contours of growing size until two of them agree to 1e-12; the difference is the error.  `by` computes
 * it with n points.  *level, in and out, is where the last search ended.
 */
SG_MUST_CHECK sg_status sg_contour_distance(sg_status (*by)(void *context, int n, double t, double *distance),
                                            void *context, double t, int *level, double *distance, double *error);
int sg_contour_points(int level);

#endif
