/* Cheeger's bound, test functions with two steps, and the Rayleigh quotient of any test function. */
#include <math.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"
#include "outward.h"
#include "scoregap/bound.h"

#define ORDER SG_PANEL_ORDER

/* log of sqrt(D) p, P and Q on a panel as Legendre series. */
typedef struct {
    double flow[ORDER], below[ORDER], above[ORDER];
} panel_series;

static double log_ratio(const panel_series *s, double t) {
    double below, above;
    sg_legendre_pair(s->below, s->above, t, &below, &above);
    return sg_legendre_sum(s->flow, t) - sg_smaller(below, above);
}

/* Minimum of log(sqrt(D) p / min(P, Q)) near node i, between its neighbours. */
static double refine(const sg_outward *o, const double *flow, int i, double *x) {
    const double golden = 0.6180339887498949;
    int k = i / ORDER, j = i % ORDER;
    double lo = j > 0 ? sg_legendre_node[j - 1] : -1, hi = j < ORDER - 1 ? sg_legendre_node[j + 1] : 1;
    panel_series s;
    sg_legendre_apply(sg_legendre_coefficient, flow + k * ORDER, s.flow);
    sg_legendre_apply(sg_legendre_coefficient, o->panels->log_below + k * ORDER, s.below);
    sg_legendre_apply(sg_legendre_coefficient, o->panels->log_above + k * ORDER, s.above);
    double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo), fa = log_ratio(&s, a), fb = log_ratio(&s, b);
    for (int n = 0; n < 70; n++) {
        if (fa <= fb) {
            hi = b, b = a, fb = fa;
            a = hi - golden * (hi - lo);
            fa = log_ratio(&s, a);
        } else {
            lo = a, a = b, fa = fb;
            b = lo + golden * (hi - lo);
            fb = log_ratio(&s, b);
        }
    }
    *x = sg_outward_x(o, (sg_place){k, fa <= fb ? a : b});
    return sg_smaller(fa, fb);
}

/* Logs of P, Q are singular at the very ends, where series of them would be wrong; the ratio is large there. */
static void isoperimetry(const sg_outward *o, const double *flow, sg_cheeger *out) {
    const sg_panels *p = o->panels;
    int best = 0;
    double least = INFINITY;
    for (int i = 0; i < p->n; i++) {
        double h = flow[i] - sg_smaller(p->log_below[i], p->log_above[i]);
        if (h < least) least = h, best = i;
    }
    out->log_h = least;
    out->h_at = p->x[best];
    bool end = p->count > 1 && (best < ORDER || best >= p->n - ORDER);
    for (int i = best - 1; i <= best + 1 && !end; i++) {
        double x, h;
        if (i < 0 || i >= p->n) continue;
        h = refine(o, flow, i, &x);
        if (h < out->log_h) out->log_h = h, out->h_at = x;
    }
}

/* log(P Q J/(P + Q)) for P = P(X < a), Q = P(X > b), J = int_a^b 1/(D p): a lower bound of log C_P for every a < b. */
static double two_step(double log_p, double log_q, double log_j) {
    double top = sg_larger(log_p, log_q), least = sg_smaller(log_p, log_q);
    return least + log_j - log1p(exp(least - top));
}

/* The best node on one side of m. */
static double best_end(sg_outward *o, int side, sg_place m, double log_mass, int *at) {
    const sg_panels *p = o->panels;
    const double *mass = side == SG_TO_THE_RIGHT ? p->log_above : p->log_below;
    int first = side == SG_TO_THE_RIGHT ? m.panel * ORDER : 0,
        last = side == SG_TO_THE_RIGHT ? p->n : (m.panel + 1) * ORDER;
    double best = -INFINITY;
    sg_outward_from(o, side, m);
    for (int i = first; i < last; i++) {
        if (o->log_node[i] == -INFINITY) continue;
        double value = two_step(log_mass, mass[i], o->log_node[i]);
        if (value > best) best = value, *at = i;
    }
    return best;
}

static sg_place place_of(int i) {
    return (sg_place){i / ORDER, sg_legendre_node[i % ORDER]};
}

/* Alternately the best b for a and the best a for b, from the node where P passes `quantile`. */
static double climb(sg_outward *o, double log_quantile) {
    const sg_panels *p = o->panels;
    int a = 0, b = 0;
    while (a + 2 < p->n && p->log_below[a] < log_quantile) a++;
    double best = -INFINITY;
    for (int i = 0; i < 50; i++) {
        double before = best;
        best = best_end(o, SG_TO_THE_RIGHT, place_of(a), p->log_below[a], &b);
        best = sg_larger(best, best_end(o, SG_TO_THE_LEFT, place_of(b), p->log_above[b], &a));
        if (!(best > before)) break;
    }
    return best;
}

sg_status sg_bound_cheeger(const sg_panels *panels, const double *log_d, sg_cheeger *out) {
    const double log4 = 1.3862943611198906, start[] = {-4.6, -1.4, -0.7, -0.3, -0.05};
    sg_outward *o = NULL;
    double *flow = NULL, best = -INFINITY;
    *out = (sg_cheeger){0};
    sg_status status = sg_outward_new(panels, log_d, &o);
    if (status) return status;
    status = sg_new(&flow, (size_t)panels->n, sizeof(double));
    if (status) goto out;
    for (int i = 0; i < panels->n; i++) flow[i] = panels->logp[i] + (log_d ? 0.5 * log_d[i] : 0);
    isoperimetry(o, flow, out);
    out->log_gap_lower = 2 * out->log_h - log4;
    for (size_t k = 0; k < sizeof start / sizeof *start; k++) best = sg_larger(best, climb(o, start[k]));
    out->log_gap_upper = -best;
out:
    sg_outward_delete(o);
    sg_delete(flow);
    return status;
}

sg_status sg_bound_rayleigh_upper(const sg_panels *panels, const double *log_d, const double *f,
                                  const double *derivative, double *log_gap_upper) {
    double *square = NULL, top = -INFINITY, energy = 0, size = 0;
    sg_status status = sg_new(&square, (size_t)panels->n, sizeof(double));
    if (status) return status;
    double mean = sg_panels_mean(panels, f);
    for (int i = 0; i < panels->n; i++) {
        square[i] = 2 * log(fabs(derivative[i])) + panels->logp[i] + (log_d ? log_d[i] : 0);
        top = sg_larger(top, square[i]);
        size = sg_larger(size, fabs(f[i] - mean));
    }
    if (!(size > 0x1p-45 * fabs(mean)) || !isfinite(size) || !isfinite(top)) {
        status = sg_fail(SG_REFUSED, "a test function of the Rayleigh quotient must be finite and not constant");
        goto out;
    }
    for (int i = 0; i < panels->n; i++) energy += panels->weight[i] * exp(square[i] - top);
    for (int i = 0; i < panels->n; i++) square[i] = (f[i] - mean) / size * ((f[i] - mean) / size);
    *log_gap_upper = log(energy) + top - log(sg_panels_mean(panels, square)) - 2 * log(size);
out:
    sg_delete(square);
    return status;
}
