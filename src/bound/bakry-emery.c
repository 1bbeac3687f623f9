/* Bakry and Emery's criterion on the line, in the coordinate in which the diffusion has D = 1. */
#include <math.h>

#include "numeric/legendre.h"
#include "scoregap/bound.h"

#define ORDER SG_PANEL_ORDER
enum { BETWEEN = 64 }; /* places of a panel at which the interpolated curvature is looked at */

/* d/dx of f at the nodes of a panel of half-length `half`. */
static void differentiate(const double *f, double half, double *out) {
    double c[ORDER];
    sg_legendre_apply(sg_legendre_coefficient, f, c);
    for (int i = 0; i < ORDER; i++) {
        double t = sg_legendre_node[i], before = 1, here = t, slope_before = 0, slope = 1, sum = c[1];
        for (int k = 2; k < ORDER; k++) { /* P_k' = P_{k-2}' + (2k - 1) P_{k-1} */
            double next = ((2 * k - 1) * t * here - (k - 1) * before) / k;
            double slope_next = slope_before + (2 * k - 1) * here;
            sum += c[k] * slope_next;
            before = here, here = next, slope_before = slope, slope = slope_next;
        }
        out[i] = sum / half;
    }
}

/* With l = (log D)', s = (log p)': V'' = -D (s' + l'/2 + l s/2 + l^2/4) for V = -log(p sqrt D), dy = dx/sqrt(D). */
static void panel_curvature(const double *s, const double *s_prime, const double *log_d, const double *l, double half,
                            double *out) {
    double l_prime[ORDER];
    if (!log_d) {
        for (int j = 0; j < ORDER; j++) out[j] = -s_prime[j];
        return;
    }
    differentiate(l, half, l_prime);
    for (int j = 0; j < ORDER; j++)
        out[j] = -exp(log_d[j]) * (s_prime[j] + 0.5 * l_prime[j] + 0.5 * l[j] * s[j] + 0.25 * l[j] * l[j]);
}

sg_status sg_bound_bakry_emery(const sg_panels *panels, const double *first, const double *second, const double *log_d,
                               const double *slope_d, sg_bakry_emery *out) {
    *out = (sg_bakry_emery){.curvature = INFINITY};
    for (int b = 0; b < panels->count; b++) {
        const double lo = panels->edge[b], hi = panels->edge[b + 1], half = 0.5 * (hi - lo);
        const int at = b * ORDER;
        double curvature[ORDER], c[ORDER];
        panel_curvature(first + at, second + at, log_d ? log_d + at : NULL, slope_d ? slope_d + at : NULL, half,
                        curvature);
        sg_legendre_apply(sg_legendre_coefficient, curvature, c);
        for (int k = 0; k <= BETWEEN; k++) {
            double t = 2.0 * k / BETWEEN - 1, here = sg_legendre_sum(c, t);
            if (here >= out->curvature) continue;
            out->curvature = here;
            out->at = 0.5 * ((1 - t) * lo + (1 + t) * hi);
        }
    }
    if (!isfinite(out->curvature))
        return sg_fail(SG_REFUSED, "Bakry and Emery's criterion needs a finite second derivative at every node");
    out->log_poincare_upper = out->curvature > 0 ? -log(out->curvature) : INFINITY;
    return SG_OK;
}
