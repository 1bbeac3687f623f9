/* The time to come down from an infinite end, by its mean and variance. */
#include <math.h>
#include <string.h>

#include "line.h"

#define COMES_DOWN 1.15 /* P(X > y)/(D p) falls faster than this power of y: the time from infinity is finite */
#define STAYS 1.02
#define BOUNDED 1e-3 /* a cut end this near, relative to the distance from the median, is a finite one */
#define NODES 6      /* from which tails are extrapolated */

/* z is the distance from the median, w(z) = P(X > z)/(D p) the mean time spent per unit of length on the way in. */
typedef struct {
    const sg_panels *panels;
    const double *log_d;
    bool right;
    double centre;
    int node[NODES]; /* from far out inwards */
    double z[NODES];
} end;

static double log_w(const end *e, int i) {
    const sg_panels *p = e->panels;
    return (e->right ? p->log_above[i] : p->log_below[i]) - p->logp[i] - (e->log_d ? e->log_d[i] : 0);
}

/* Nodes at which log p has fallen by shares of the way to the cut. */
static void find_nodes(const double share[NODES], end *e) {
    const sg_panels *p = e->panels;
    const int first = e->right ? p->n - 1 : 0, step = e->right ? -1 : 1;
    double top = -INFINITY;
    for (int k = 0; k < p->n; k++) top = fmax(top, p->logp[k]);
    for (int k = 0, i = first; k < NODES; k++) {
        while (p->logp[i] < top - share[k] * (top - p->logp[first])) i += step;
        e->node[k] = i;
        e->z[k] = fabs(p->x[i] - e->centre);
    }
}

/* ------------------------------------------------------------ extrapolation */

/* Of w falling like z^-power: local powers, extrapolated as a constant and a term in 1/z^2. */
static double power_at_infinity(const double *z, const double *w) {
    const double first = -log(w[0] / w[1]) / log(z[0] / z[1]), a = z[0] * z[1];
    const double second = -log(w[2] / w[3]) / log(z[2] / z[3]), b = z[2] * z[3];
    return (first * a - second * b) / (a - b);
}

/*
 * w on a tail as z^-power times a polynomial in 1/z through the first `nodes` nodes; its integral from z to infinity. A
 * power near a whole number is taken for it: then this is the form of w for polynomial potentials.
 */
static double beyond(int nodes, const double *z, const double *w, double from) {
    const double found = power_at_infinity(z, w), whole = nearbyint(found);
    const double power = fabs(found - whole) < 0.1 ? whole : found, scale = z[0];
    double c[NODES], sum = 0;
    for (int i = 0; i < nodes; i++) c[i] = w[i] * pow(z[i] / scale, power);
    for (int k = 1; k < nodes; k++) /* divided differences in v = scale / z */
        for (int i = nodes - 1; i >= k; i--) c[i] = (c[i] - c[i - 1]) / (scale / z[i] - scale / z[i - k]);
    double poly[NODES] = {c[nodes - 1]};
    for (int k = nodes - 2; k >= 0; k--) { /* Newton's form to powers */
        for (int i = nodes - 1 - k; i > 0; i--) poly[i] = poly[i - 1] - poly[i] * (scale / z[k]);
        poly[0] = c[k] - poly[0] * (scale / z[k]);
    }
    for (int k = 0; k < nodes; k++) sum += poly[k] * from * pow(from / scale, -power - k) / (power + k - 1);
    return sum;
}

/* --------------------------------------------------------- mean and variance */

/* The integral of w from x to the outermost of the nodes, on the panels of e. */
static sg_status inside(const end *e, const double x[2], double sum[2]) {
    const sg_panels *p = e->panels;
    const double last = p->x[e->node[0]];
    double *w = NULL, *running = NULL, at_last;
    sg_status status = sg_new(&w, (size_t)p->n, sizeof(double));
    if (!status) status = sg_new(&running, (size_t)p->n, sizeof(double));
    if (status) goto out;
    for (int i = 0; i < p->n; i++) /* to the side of the median alone: beyond it w may overflow */
        w[i] = (e->right ? p->x[i] > e->centre : p->x[i] < e->centre) ? exp(log_w(e, i)) : 0;
    (e->right ? sg_panels_from_right : sg_panels_from_left)(p, w, running, NULL);
    sg_panels_coefficients(p, running, w);
    sg_panels_interpolate(p, w, 1, &last, &at_last);
    sg_panels_interpolate(p, w, 2, x, sum);
    for (int k = 0; k < 2; k++) sum[k] -= at_last;
out:
    sg_delete(w);
    sg_delete(running);
    return status;
}

static sg_status put_mean(const end *e, sg_descent *out) {
    double w[NODES];
    sg_status status = inside(e, out->x, out->time);
    for (int k = 0; k < NODES; k++) w[k] = exp(log_w(e, e->node[k]));
    const double rest = beyond(NODES, e->z, w, e->z[0]);
    out->doubt = fabs(rest - beyond(NODES - 1, e->z, w, e->z[0]));
    for (int k = 0; k < 2; k++) out->time[k] += rest;
    return status;
}

/*
 * The variance that the time to come down gains per unit of length, 2/(D p) int_z^inf P(X > y)^2/(D p) dy: the time
 * from y to z has mean M with M' = w and a variance v with L v = -2 D w^2.
 */
static sg_status put_variance(const end *e, sg_descent *out) {
    const sg_panels *p = e->panels;
    double *square = NULL, *rate = NULL, r[NODES];
    sg_status status = sg_new(&square, (size_t)p->n, sizeof(double));
    if (!status) status = sg_new(&rate, (size_t)p->n, sizeof(double));
    if (status) goto out;
    for (int i = 0; i < p->n; i++) square[i] = exp(log_w(e, i) + (e->right ? p->log_above[i] : p->log_below[i]));
    (e->right ? sg_panels_from_right : sg_panels_from_left)(p, square, rate, NULL);
    for (int k = 0; k < NODES; k++) {
        const int i = e->node[k];
        r[k] = 2 * rate[i] * exp(-p->logp[i] - (e->log_d ? e->log_d[i] : 0));
    }
    for (int k = 0; k < 2; k++) out->variance[k] = beyond(NODES, e->z, r, e->z[2 * k]);
out:
    sg_delete(square);
    sg_delete(rate);
    return status;
}

sg_status sg_descent_find(const sg_panels *panels, const double *log_d, const sg_panels *far, const double *log_d_far,
                          bool right, double centre, sg_descent *out) {
    static const double share[NODES] = {0.75, 0.52, 0.36, 0.25, 0.17, 0.12};
    static const double far_share[NODES] = {0.75, 0.45, 0.27, 0.16, 0.1, 0.06};
    end near = {.panels = panels, .log_d = log_d, .right = right, .centre = centre}, away = near;
    const double cut = panels->edge[right ? panels->count : 0], reach = fabs(cut - centre), *z = near.z;
    double w[NODES];
    memset(out, 0, sizeof *out);
    out->infinite = (right ? panels->log_tail_hi : panels->log_tail_lo) > -INFINITY;
    out->x[0] = out->x[1] = cut;
    if (!out->infinite) return SG_OK;
    find_nodes(share, &near);
    for (int k = 0; k < NODES; k++) w[k] = exp(log_w(&near, near.node[k]));
    if (reach - z[0] < BOUNDED * z[0]) { /* p falls to zero at a finite end: w below 1/distance, or it is not reached */
        const double power = log(w[0] / w[1]) / log((reach - z[1]) / (reach - z[0]));
        out->comes_down = power < 2 - COMES_DOWN;
        out->doubtful = power < 2 - STAYS && !out->comes_down;
        out->infinite = !out->comes_down;
        return SG_OK;
    }
    const double power = -log(w[0] / w[1]) / log(z[0] / z[1]);
    out->comes_down = power > COMES_DOWN;
    out->doubtful = power > STAYS && !out->comes_down;
    if (!out->comes_down) return SG_OK;
    for (int k = 0; k < 2; k++) out->x[k] = panels->x[near.node[2 * k]];
    if (far) away.panels = far, away.log_d = log_d_far;
    find_nodes(far ? far_share : share, &away);
    sg_status status = put_mean(&away, out);
    return status ? status : put_variance(&near, out);
}
