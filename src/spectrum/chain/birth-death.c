/* The law of a birth-death chain and its gap by power steps with the positive operator T. */
#include <float.h>

#include "birth-death.h"
#include "spectrum/finite.h"

#define MOST_STEPS 40
#define WIDTH 1e-13 /* asked for */
#define PATIENCE 12 /* power steps that may still be needed before bisection is cheaper */

/* What is known of 1/gap. */
typedef struct {
    sg_scaled lower, upper; /* 0 < lower <= 1/gap <= upper, up to rounding */
    int steps;
} enclosure;

static double excess(sg_scaled upper, sg_scaled lower) {
    return sg_scaled_value(sg_scaled_quotient(upper, lower)) - 1;
}

/* next = T g; its quotients and the Rayleigh quotient narrow the enclosure.  Returns the spread of the quotients. */
static double power_step(sg_ladder *l, const sg_scaled *g, sg_scaled *next, enclosure *e) {
    sg_scaled sum = {0, 0}, most = {0, 0}, least = {0, 0}, top = {0, 0}, bottom = {0, 0};
    for (int k = 0; k < l->edges; k++) l->forth[k] = sum = sg_scaled_sum(sum, sg_scaled_product(l->below[k], g[k]));
    sum = (sg_scaled){0, 0};
    for (int k = l->edges - 1; k >= 0; k--) {
        sg_scaled left = sg_scaled_product(l->above[k], l->forth[k]), right = sg_scaled_product(l->below[k], sum);
        next[k] = sg_scaled_quotient(sg_scaled_sum(left, right), l->flow[k]);
        sum = sg_scaled_sum(sum, sg_scaled_product(l->above[k], g[k]));
        sg_scaled ratio = sg_scaled_quotient(next[k], g[k]), weight = sg_scaled_product(l->flow[k], g[k]);
        if (k == l->edges - 1 || sg_scaled_less(ratio, least)) least = ratio;
        if (sg_scaled_less(most, ratio)) most = ratio;
        top = sg_scaled_sum(top, sg_scaled_product(weight, next[k]));
        bottom = sg_scaled_sum(bottom, sg_scaled_product(weight, g[k]));
    }
    sg_scaled rayleigh = sg_scaled_quotient(top, bottom); /* least <= it <= 1/gap <= most */
    if (e->steps == 0 || sg_scaled_less(e->lower, rayleigh)) e->lower = rayleigh;
    if (e->steps == 0 || sg_scaled_less(most, e->upper)) e->upper = most;
    e->steps++;
    return excess(most, least);
}

static void exchange(sg_scaled **a, sg_scaled **b) {
    sg_scaled *held = *a;
    *a = *b;
    *b = held;
}

/* True when the enclosure is as narrow as asked for or as rounding lets it be; false when steps converge slowly. */
static bool power_steps(sg_ladder *l, sg_scaled **g, sg_scaled **next, enclosure *e) {
    double before = INFINITY;
    for (int k = 0; k < MOST_STEPS; k++) {
        double spread = power_step(l, *g, *next, e), rate = spread / before;
        exchange(g, next);
        if (excess(e->upper, e->lower) <= WIDTH || spread <= 0.1 * l->floor) return true;
        if (k > 1 && (rate > 0.9 || log(WIDTH / spread) / log(rate) > PATIENCE)) return spread < l->floor;
        before = spread;
    }
    return false;
}

/*
 * Sturm's count encloses too: each count is that of a chain whose rates differ by a few roundings, so its ends are good
 * to the floor.
 */
static void bisect(sg_ladder *l, sg_scaled **g, sg_scaled **next, enclosure *e) {
    double hi = log1p(excess(e->upper, e->lower)) + 2 * l->floor, lo = -2 * l->floor; /* log(gap * upper) */
    sg_scaled unit = sg_scaled_quotient(sg_scaled_of(1, 0), e->upper);
    if (hi > 700) hi = sg_scaled_log(e->upper) - sg_scaled_log(e->lower) + 1;
    sg_ladder_bisect(l, 0, unit, &lo, &hi);
    sg_scaled below = sg_scaled_product(unit, sg_scaled_exp(lo)), above = sg_scaled_product(unit, sg_scaled_exp(hi));
    if (sg_ladder_slope(l, below, *next)) {
        exchange(g, next);
        for (int k = 0; k < 3; k++) {
            power_step(l, *g, *next, e);
            exchange(g, next);
        }
    }
    sg_scaled least = sg_scaled_quotient(sg_scaled_of(1, 0), above);
    sg_scaled most = sg_scaled_quotient(sg_scaled_of(1, 0), below);
    if (sg_scaled_less(e->lower, least)) e->lower = least;
    if (sg_scaled_less(most, e->upper)) e->upper = most;
}

sg_status sg_birth_death_gap(const sg_birth_death *chain, sg_gap *out) {
    const double start = sg_finite_now();
    sg_ladder *l = NULL;
    sg_scaled *g = NULL, *next = NULL;
    enclosure e = {0};
    *out = (sg_gap){0};
    sg_status status = sg_ladder_new(chain, &l);
    if (status) goto out;
    if ((status = sg_new(&g, (size_t)l->edges, sizeof *g))) goto out;
    if ((status = sg_new(&next, (size_t)l->edges, sizeof *next))) goto out;
    for (int k = 0; k < l->edges; k++) g[k] = sg_scaled_of(1, 0);
    if (!power_steps(l, &g, &next, &e)) bisect(l, &g, &next, &e);
    double width = fmax(excess(e.upper, e.lower), 0);
    sg_scaled gap = sg_scaled_quotient(sg_scaled_of(1 / sqrt(1 + width), 0), e.lower);
    sg_finite_report(gap, 0.5 * width + l->floor, 0.5 * width + l->floor, e.steps, "discrete integral operator", out);
out:
    sg_ladder_delete(l);
    sg_delete(g);
    sg_delete(next);
    out->seconds = sg_finite_now() - start;
    return status;
}

sg_status sg_birth_death_law(const sg_birth_death *chain, double *log_pi) {
    sg_ladder *l = NULL;
    sg_status status = sg_ladder_new(chain, &l);
    if (status) return status;
    for (int k = 0; k < l->n; k++) log_pi[k] = sg_scaled_log(l->pi[k]);
    sg_ladder_delete(l);
    return SG_OK;
}
