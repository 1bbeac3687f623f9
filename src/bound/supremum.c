/* sup over x beyond m of a weight of the tail times the outward integral: what the criteria of Hardy's type are made
 * of.
 */
#include <math.h>

#include "numeric/legendre.h"
#include "outward.h"

#define ORDER SG_PANEL_ORDER

/* The law on one side: log P(X > x) or log P(X < x) at nodes and edges. */
static const double *node_mass(const sg_panels *p, int side) {
    return side == SG_TO_THE_RIGHT ? p->log_above : p->log_below;
}

static const double *edge_mass(const sg_panels *p, int side) {
    return side == SG_TO_THE_RIGHT ? p->edge_above : p->edge_below;
}

static inline double weigh(sg_tail_weight weight, double log_mass) {
    return weight ? weight(log_mass) : log_mass;
}

/* On one panel: Legendre coefficients of mass (in units of exp(top)) and integral (of exp(log_unit)). */
typedef struct {
    sg_tail_weight weight;
    double share[ORDER], integral[ORDER], top, log_unit;
} peak;

static double product(const peak *p, double t) {
    double mass, integral;
    sg_legendre_pair(p->share, p->integral, t, &mass, &integral);
    if (!(mass > 0 && integral > 0)) return -INFINITY;
    return weigh(p->weight, log(mass) + p->top) + log(integral) + p->log_unit;
}

/* Golden section. */
static double highest_between(const peak *p, double lo, double hi) {
    const double golden = 0.6180339887498949;
    double a = hi - golden * (hi - lo), b = lo + golden * (hi - lo), fa = product(p, a), fb = product(p, b);
    for (int i = 0; i < 40; i++) {
        if (fa >= fb) {
            hi = b, b = a, fb = fa;
            a = hi - golden * (hi - lo);
            fa = product(p, a);
        } else {
            lo = a, a = b, fa = fb;
            b = lo + golden * (hi - lo);
            fb = product(p, b);
        }
    }
    return sg_larger(fa, fb);
}

/* The supremum between the nodes around the largest one: both factors are polynomials on a panel. */
static double refine(const sg_outward *o, int side, sg_place m, sg_tail_weight weight, int k, double best) {
    const double *mass = node_mass(o->panels, side) + k * ORDER;
    double integral[ORDER], lo = -1, hi = 1;
    if (k < 0 || k >= o->panels->count) return best;
    if ((side == SG_TO_THE_RIGHT ? k < m.panel : k > m.panel)) return best;
    if (k == m.panel && side == SG_TO_THE_RIGHT) lo = m.t;
    if (k == m.panel && side == SG_TO_THE_LEFT) hi = m.t;
    peak p = {.weight = weight, .top = -INFINITY};
    sg_outward_panel(o, side, m, k, integral, &p.log_unit);
    int at = -1;
    double highest = -INFINITY;
    for (int j = 0; j < ORDER; j++) {
        p.top = sg_larger(p.top, mass[j]);
        double here = weigh(weight, mass[j]) + o->log_node[k * ORDER + j];
        if (here > highest) highest = here, at = j;
    }
    double share[ORDER];
    for (int j = 0; j < ORDER; j++) share[j] = exp(mass[j] - p.top);
    if (at > 0) lo = sg_larger(lo, sg_legendre_node[at - 1]);
    if (at >= 0 && at < ORDER - 1) hi = sg_smaller(hi, sg_legendre_node[at + 1]);
    sg_legendre_apply(sg_legendre_coefficient, share, p.share);
    sg_legendre_apply(sg_legendre_coefficient, integral, p.integral);
    return sg_larger(best, highest_between(&p, lo, hi));
}

double sg_outward_supremum(sg_outward *o, int side, sg_place m, sg_tail_weight weight) {
    const double *node = node_mass(o->panels, side), *edge = edge_mass(o->panels, side);
    double best = -INFINITY;
    int first = side == SG_TO_THE_RIGHT ? m.panel : 0;
    int last = side == SG_TO_THE_RIGHT ? o->panels->count - 1 : m.panel, at = m.panel;
    sg_outward_from(o, side, m);
    for (int k = first; k <= last; k++) {
        double here = -INFINITY;
        for (int i = k * ORDER; i < (k + 1) * ORDER; i++)
            here = sg_larger(here, weigh(weight, node[i]) + o->log_node[i]);
        int outer = side == SG_TO_THE_RIGHT ? k + 1 : k;
        here = sg_larger(here, weigh(weight, edge[outer]) + o->log_edge[outer]);
        if (here > best) best = here, at = k;
    }
    double around = best;
    for (int k = at - 1; k <= at + 1; k++) around = sg_larger(around, refine(o, side, m, weight, k, best));
    return around;
}
