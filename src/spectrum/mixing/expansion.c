/* The distance on the line by the spectral expansion, to check the evolved law with. */
#include <math.h>

#include "base/vecmath.h"
#include "line.h"

#define FIRST_PAIRS 24
#define MOST_PAIRS 192
#define NEGLIGIBLE 1e-12

/* phi_k(x), or the mean of phi_k over what lies left of x. */
static double coefficient(const sg_panels *p, const double *phi, double x, bool warm, double mass, double *work,
                          double *series) {
    double at;
    if (warm) {
        for (int i = 0; i < p->n; i++) series[i] = exp(p->logp[i]) * phi[i];
        sg_panels_from_left(p, series, work, NULL);
        phi = work;
    }
    sg_panels_coefficients(p, phi, series);
    sg_panels_interpolate(p, series, 1, &x, &at);
    return warm ? at / mass : at;
}

/* Fills slope with h_t - 1 at the nodes; false when the last terms are not small enough. */
static bool expand(const sg_panels *p, const sg_spectrum *s, double x, bool warm, double t, double *slope, double *work,
                   double *series) {
    double mass, above, last = 0;
    sg_panels_distribution(p, x, &mass, &above);
    for (int i = 0; i < p->n; i++) slope[i] = 0;
    for (int k = 0; k < s->count; k++) {
        const double *phi = s->function + (size_t)k * (size_t)p->n;
        const double c = coefficient(p, phi, x, warm, mass, work, series) * exp(-s->value[k] * t);
        for (int i = 0; i < p->n; i++) slope[i] += c * phi[i];
        if (k >= s->count - 4) last = fmax(last, fabs(c));
    }
    return last < NEGLIGIBLE;
}

sg_status sg_line_expansion(const sg_panels *panels, const double *log_d, double x, bool warm, double t,
                            double *distance, bool *known) {
    const size_t n = (size_t)panels->n;
    sg_spectrum *s = NULL;
    double *slope = NULL, *work = NULL, *series = NULL;
    sg_status status = sg_new(&slope, n, sizeof(double));
    if (!status) status = sg_new(&work, n, sizeof(double));
    if (!status) status = sg_new(&series, n, sizeof(double));
    *known = false;
    for (int pairs = FIRST_PAIRS; !status && !*known && pairs <= MOST_PAIRS; pairs *= 2) {
        sg_spectrum_delete(s);
        s = NULL;
        if ((status = sg_line_spectrum(panels, log_d, pairs, &s))) break;
        *known = expand(panels, s, x, warm, t, slope, work, series);
    }
    if (status || !*known) goto out;
    for (size_t i = 0; i < n; i++) work[i] = exp(panels->logp[i]) * slope[i];
    sg_panels_from_left(panels, work, series, NULL);
    *distance = sg_half_variation(panels->count, series, slope);
out:
    sg_spectrum_delete(s);
    sg_delete(slope);
    sg_delete(work);
    sg_delete(series);
    return status;
}
