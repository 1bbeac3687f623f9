/*
 * Holley and Stroock's perturbation bound, against the law whose potential is the convex envelope of -log p: that law
 * is log-concave, and its own constants are bounded by the criteria of Muckenhoupt and of Barthe and Roberto.
 */
#include <math.h>

#include "numeric/legendre.h"
#include "scoregap/bound.h"

/* The envelope has corners in its second derivative, which Gauss's rule does not resolve: 1e-4 is several times what
 * halving the panels changes. */
static const double QUADRATURE = 1e-4;

/* Corners of the lower convex hull of the points (x_i, -logp_i), by their numbers; returns how many. */
static int hull(int n, const double *x, const double *logp, int *corner) {
    int count = 0;
    for (int i = 0; i < n; i++) {
        while (count > 1) {
            int a = corner[count - 2], b = corner[count - 1];
            double slope_b = (logp[a] - logp[b]) / (x[b] - x[a]), slope_i = (logp[a] - logp[i]) / (x[i] - x[a]);
            if (slope_b < slope_i) break;
            count--;
        }
        corner[count++] = i;
    }
    return count;
}

/* log q at the nodes; returns the largest difference log q - log p. */
static double envelope(const sg_panels *p, const int *corner, int count, double *log_q) {
    double most = 0;
    for (int c = 0; c + 1 < count; c++) {
        int a = corner[c], b = corner[c + 1];
        double width = p->x[b] - p->x[a];
        for (int i = a; i <= b; i++) {
            double share = (p->x[i] - p->x[a]) / width;
            log_q[i] = (1 - share) * p->logp[a] + share * p->logp[b];
            most = sg_larger(most, log_q[i] - p->logp[i]);
        }
    }
    return most;
}

sg_status sg_bound_holley_stroock(const sg_panels *panels, const double *log_d, sg_holley_stroock *out) {
    const size_t n = (size_t)panels->n;
    sg_panels *convex = NULL;
    double *log_q = NULL;
    int *corner = NULL;
    sg_muckenhoupt muckenhoupt;
    sg_log_sobolev_bounds entropy;
    *out = (sg_holley_stroock){0};
    sg_status status = sg_new(&log_q, n, sizeof *log_q);
    if (!status) status = sg_new(&corner, n, sizeof *corner);
    if (!status) status = sg_panels_copy(panels, &convex);
    if (status) goto out;
    out->oscillation = envelope(panels, corner, hull(panels->n, panels->x, panels->logp, corner), log_q);
    if ((status = sg_panels_reweight(panels, log_q, convex))) goto out;
    if ((status = sg_bound_muckenhoupt(convex, log_d, &muckenhoupt))) goto out;
    if ((status = sg_bound_log_sobolev(convex, log_d, &entropy))) goto out;
    out->log_poincare_upper = out->oscillation + muckenhoupt.log_upper + QUADRATURE;
    out->log_log_sobolev_upper = out->oscillation + entropy.log_upper + QUADRATURE;
out:
    sg_panels_delete(convex);
    sg_delete(log_q);
    sg_delete(corner);
    return status;
}

/* The extremes of log(p sqrt D) by the series of each panel, which reach its edges. */
sg_status sg_bound_holley_stroock_circle(const sg_panels *panels, const double *log_d, sg_holley_stroock *out) {
    const double two_pi = 6.283185307179586;
    double least = INFINITY, most = -INFINITY, length = 0;
    *out = (sg_holley_stroock){0};
    for (int k = 0; k < panels->count; k++) {
        double f[SG_PANEL_ORDER], c[SG_PANEL_ORDER];
        for (int j = 0; j < SG_PANEL_ORDER; j++) {
            const int i = k * SG_PANEL_ORDER + j;
            f[j] = panels->logp[i] + (log_d ? 0.5 * log_d[i] : 0);
            length += panels->weight[i] * (log_d ? exp(-0.5 * log_d[i]) : 1);
        }
        sg_legendre_apply(sg_legendre_coefficient, f, c);
        for (int s = 0; s <= 32; s++) {
            const double here = sg_legendre_sum(c, s / 16.0 - 1);
            least = sg_smaller(least, here);
            most = sg_larger(most, here);
        }
    }
    if (!isfinite(least) || !isfinite(most) || !isfinite(length))
        return sg_fail(SG_REFUSED, "Holley and Stroock's bound needs D p positive and finite at every node");
    out->oscillation = most - least;
    out->log_poincare_upper = out->log_log_sobolev_upper = out->oscillation + QUADRATURE + 2 * log(length / two_pi);
    return SG_OK;
}
