/* Muckenhoupt's bounds on the Poincare constant in one dimension, with the balanced split point and with the median. */
#include <math.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"
#include "outward.h"
#include "scoregap/bound.h"

#define ORDER SG_PANEL_ORDER

/* The law on one side: log P(X > x) or log P(X < x) at nodes and edges. */
static const double *node_mass(const sg_panels *p, int side) {
    return side == SG_TO_THE_RIGHT ? p->log_above : p->log_below;
}

static const double *edge_mass(const sg_panels *p, int side) {
    return side == SG_TO_THE_RIGHT ? p->edge_above : p->edge_below;
}

/* sup of log(mass * integral) between nodes: both factors are polynomials on a panel. */
static double refine(const sg_outward *o, int side, sg_place m, int k, double best) {
    const double *mass = node_mass(o->panels, side) + k * ORDER;
    double integral[ORDER], share[ORDER], log_unit, top = -INFINITY, peak, lo = -1, hi = 1;
    if (k < 0 || k >= o->panels->count) return best;
    if ((side == SG_TO_THE_RIGHT ? k < m.panel : k > m.panel)) return best;
    if (k == m.panel && side == SG_TO_THE_RIGHT) lo = m.t;
    if (k == m.panel && side == SG_TO_THE_LEFT) hi = m.t;
    sg_outward_panel(o, side, m, k, integral, &log_unit);
    int at = -1;
    double highest = -INFINITY;
    for (int j = 0; j < ORDER; j++) {
        top = sg_larger(top, mass[j]);
        double here = mass[j] + o->log_node[k * ORDER + j];
        if (here > highest) highest = here, at = j;
    }
    for (int j = 0; j < ORDER; j++) share[j] = exp(mass[j] - top);
    if (at > 0) lo = sg_larger(lo, sg_legendre_node[at - 1]);
    if (at >= 0 && at < ORDER - 1) hi = sg_smaller(hi, sg_legendre_node[at + 1]);
    sg_outward_peak(share, integral, lo, hi, &peak);
    return sg_larger(best, peak + top + log_unit);
}

/* log B_+(m) or log B_-(m). */
static double one_side(sg_outward *o, int side, sg_place m) {
    const sg_panels *p = o->panels;
    const double *mass = node_mass(p, side), *edge = edge_mass(p, side);
    double best = -INFINITY;
    int first = side == SG_TO_THE_RIGHT ? m.panel : 0, last = side == SG_TO_THE_RIGHT ? p->count - 1 : m.panel,
        at = m.panel;
    sg_outward_from(o, side, m);
    for (int k = first; k <= last; k++) {
        double here = -INFINITY;
        for (int i = k * ORDER; i < (k + 1) * ORDER; i++) here = sg_larger(here, mass[i] + o->log_node[i]);
        int outer = side == SG_TO_THE_RIGHT ? k + 1 : k;
        here = sg_larger(here, edge[outer] + o->log_edge[outer]);
        if (here > best) best = here, at = k;
    }
    double around = best;
    for (int k = at - 1; k <= at + 1; k++) around = sg_larger(around, refine(o, side, m, k, best));
    return around;
}

static double imbalance(sg_outward *o, sg_place m, double *larger) {
    double right = one_side(o, SG_TO_THE_RIGHT, m), left = one_side(o, SG_TO_THE_LEFT, m);
    *larger = sg_larger(left, right);
    return right - left;
}

/* The panel in which B_+ - B_- changes sign. */
static int balanced_panel(sg_outward *o) {
    int lo = 0, hi = o->panels->count;
    double larger;
    while (hi - lo > 1) {
        int mid = (lo + hi) / 2;
        if (imbalance(o, (sg_place){mid, -1}, &larger) > 0)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

static sg_status balance(sg_outward *o, sg_place *m, double *log_b) {
    const double tolerance = 1e-11;
    m->panel = balanced_panel(o);
    double a = -1, b = 1, fa = imbalance(o, (sg_place){m->panel, a}, log_b);
    double fb = imbalance(o, (sg_place){m->panel, b}, log_b), f = NAN;
    fa = fa < INFINITY ? fa : 1e3;
    fb = fb > -INFINITY ? fb : -1e3;
    int moved = 0; /* the end that the last step moved: false position with halved weights (Illinois) */
    for (int i = 0; i < 200; i++) {
        bool halve = i % 8 == 7 || !(fa > 0 && fb < 0);
        m->t = halve ? 0.5 * (a + b) : a + (b - a) * (fa / (fa - fb));
        f = imbalance(o, *m, log_b);
        if (fabs(f) <= tolerance || b - a < 1e-15) return SG_OK;
        if (f > 0) {
            a = m->t, fa = f;
            if (moved > 0) fb *= 0.5;
            moved = 1;
        } else {
            b = m->t, fb = f;
            if (moved < 0) fa *= 0.5;
            moved = -1;
        }
    }
    if (fabs(f) < 1e-8) return SG_OK;
    return sg_fail(SG_NOT_CONVERGED, "no balanced point of the Muckenhoupt bound was found near x = %g",
                   sg_outward_x(o, *m));
}

sg_status sg_bound_muckenhoupt(const sg_panels *panels, const double *log_d, sg_muckenhoupt *out) {
    const double log2 = 0.6931471805599453;
    sg_outward *o = NULL;
    sg_place m;
    double log_b;
    *out = (sg_muckenhoupt){0};
    sg_status status = sg_outward_new(panels, log_d, &o);
    if (status) return status;
    status = balance(o, &m, &log_b);
    if (status) goto out;
    out->split = sg_outward_x(o, m);
    out->log_lower = log_b;
    out->log_upper = log_b + 2 * log2;
    imbalance(o, sg_outward_median(o), &log_b);
    out->log_lower_median = log_b - log2;
    out->log_upper_median = log_b + 2 * log2;
out:
    sg_outward_delete(o);
    return status;
}
