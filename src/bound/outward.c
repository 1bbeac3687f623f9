#include "outward.h"

#include <math.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"

#define ORDER SG_PANEL_ORDER

void sg_outward_delete(sg_outward *o) {
    if (!o) return;
    double *array[] = {o->log_dp, o->top, o->run[0], o->run[1], o->total, o->log_node, o->log_edge};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(o);
}

static void fill(sg_outward *o, int k) {
    const double *log_dp = o->log_dp + k * ORDER;
    double f[ORDER], total;
    o->top[k] = -INFINITY;
    for (int j = 0; j < ORDER; j++) o->top[k] = sg_larger(o->top[k], -log_dp[j]);
#pragma omp simd
    for (int j = 0; j < ORDER; j++) f[j] = exp(-log_dp[j] - o->top[k]);
    sg_panel_unit_left(f, o->run[SG_TO_THE_RIGHT] + k * ORDER, &total);
    sg_panel_unit_right(f, o->run[SG_TO_THE_LEFT] + k * ORDER, &total);
    o->total[k] = total;
    o->top[k] += log(0.5 * (o->panels->edge[k + 1] - o->panels->edge[k]));
}

sg_status sg_outward_new(const sg_panels *panels, const double *log_d, sg_outward **made) {
    sg_outward *o = NULL;
    size_t n = (size_t)panels->n, count = (size_t)panels->count;
    *made = NULL;
    sg_status status = sg_new(&o, 1, sizeof *o);
    if (status) return status;
    o->panels = panels;
    if ((status = sg_new(&o->log_dp, n, sizeof(double)))) goto out;
    if ((status = sg_new(&o->top, count, sizeof(double)))) goto out;
    if ((status = sg_new(&o->run[0], n, sizeof(double)))) goto out;
    if ((status = sg_new(&o->run[1], n, sizeof(double)))) goto out;
    if ((status = sg_new(&o->total, count, sizeof(double)))) goto out;
    if ((status = sg_new(&o->log_node, n, sizeof(double)))) goto out;
    if ((status = sg_new(&o->log_edge, count + 1, sizeof(double)))) goto out;
    for (size_t i = 0; i < n; i++) {
        o->log_dp[i] = panels->logp[i] + (log_d ? log_d[i] : 0);
        if (isfinite(o->log_dp[i])) continue;
        status = sg_fail(SG_REFUSED, "D p is not positive and finite at x = %g", panels->x[i]);
        goto out;
    }
    for (int k = 0; k < panels->count; k++) fill(o, k);
    *made = o;
    o = NULL;
out:
    sg_outward_delete(o);
    return status;
}

double sg_outward_x(const sg_outward *o, sg_place at) {
    double lo = o->panels->edge[at.panel], hi = o->panels->edge[at.panel + 1];
    return 0.5 * ((1 - at.t) * lo + (1 + at.t) * hi);
}

sg_place sg_outward_place(const sg_outward *o, double x) {
    int k = 0;
    while (k + 1 < o->panels->count && o->panels->edge[k + 1] <= x) k++;
    double lo = o->panels->edge[k], hi = o->panels->edge[k + 1], t = ((x - lo) - (hi - x)) / (hi - lo);
    return (sg_place){k, sg_smaller(1, sg_larger(-1, t))};
}

sg_place sg_outward_median(const sg_outward *o) {
    double lo = o->panels->edge[0], hi = o->panels->edge[o->panels->count];
    for (int i = 0; i < 200; i++) {
        double mid = 0.5 * lo + 0.5 * hi, below, above;
        if (!(mid > lo && mid < hi)) break;
        sg_panels_distribution(o->panels, mid, &below, &above);
        if (below < above)
            lo = mid;
        else
            hi = mid;
    }
    return sg_outward_place(o, 0.5 * lo + 0.5 * hi);
}

/* The integral from the inner edge of the panel to t, scaled. */
static double inside(const sg_outward *o, int side, sg_place at) {
    double c[ORDER];
    sg_legendre_apply(sg_legendre_coefficient, o->run[side] + at.panel * ORDER, c);
    return sg_legendre_sum(c, at.t);
}

static int inner_edge(int side, int k) {
    return side == SG_TO_THE_RIGHT ? k : k + 1;
}

static int outer_edge(int side, int k) {
    return side == SG_TO_THE_RIGHT ? k + 1 : k;
}

/* Panel k: what comes before it (0 in the panel of m) and the unit of its own integral, both in units of
 * exp(*log_unit). */
static void scale(const sg_outward *o, int side, sg_place m, int k, double *start, double *unit, double *log_unit) {
    double before = k == m.panel ? -INFINITY : o->log_edge[inner_edge(side, k)];
    *log_unit = sg_larger(before, o->top[k]);
    *start = exp(before - *log_unit);
    *unit = exp(o->top[k] - *log_unit);
}

void sg_outward_from(sg_outward *o, int side, sg_place m) {
    const int step = side == SG_TO_THE_RIGHT ? 1 : -1;
    o->log_edge[inner_edge(side, m.panel)] = -INFINITY;
    for (int k = m.panel; k >= 0 && k < o->panels->count; k += step) {
        const double *run = o->run[side] + k * ORDER;
        double start, unit, log_unit, skipped = k == m.panel ? inside(o, side, m) : 0, *out = o->log_node + k * ORDER;
        scale(o, side, m, k, &start, &unit, &log_unit);
#pragma omp simd
        for (int j = 0; j < ORDER; j++) {
            double value = start + unit * (run[j] - skipped);
            out[j] = value > 0 ? log(value) + log_unit : -INFINITY;
        }
        double end = start + unit * (o->total[k] - skipped);
        o->log_edge[outer_edge(side, k)] = end > 0 ? log(end) + log_unit : -INFINITY;
    }
}

void sg_outward_panel(const sg_outward *o, int side, sg_place m, int k, double value[ORDER], double *log_unit) {
    const double *run = o->run[side] + k * ORDER;
    double start, unit, skipped = k == m.panel ? inside(o, side, m) : 0;
    scale(o, side, m, k, &start, &unit, log_unit);
    for (int j = 0; j < ORDER; j++) value[j] = start + unit * (run[j] - skipped);
}
