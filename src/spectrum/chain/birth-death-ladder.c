/* Rates, masses and flows of a birth-death chain, Sturm's count, and the eigenfunction of the gap. */
#include <float.h>

#include "birth-death.h"

static sg_status check(const sg_birth_death *chain) {
    if (chain->n < 2)
        return sg_fail(SG_OUT_OF_RANGE, "a birth-death chain of %d states has no gap: n must be at least 2", chain->n);
    for (int k = 0; k + 1 < chain->n; k++) {
        if (isfinite(chain->log_up[k]) && isfinite(chain->log_down[k])) continue;
        return sg_fail(SG_OUT_OF_RANGE,
                       "the logs of the rates between states %d and %d are %g and %g: both rates must be positive and "
                       "finite",
                       k, k + 1, chain->log_up[k], chain->log_down[k]);
    }
    return SG_OK;
}

static void fill(const sg_birth_death *chain, sg_ladder *l) {
    double turns = 0;
    sg_scaled sum = sg_scaled_of(1, 0), total;
    l->pi[0] = sum;
    for (int k = 0; k < l->edges; k++) {
        double log_ratio = chain->log_up[k] - chain->log_down[k];
        l->up[k] = sg_scaled_exp(chain->log_up[k]);
        l->down[k] = sg_scaled_exp(chain->log_down[k]);
        l->pi[k + 1] = sg_scaled_product(l->pi[k], sg_scaled_exp(log_ratio));
        l->below[k] = sum;
        sum = sg_scaled_sum(sum, l->pi[k + 1]);
        turns += fabs(log_ratio);
    }
    total = sum;
    for (int k = 0; k < l->n; k++) l->pi[k] = sg_scaled_quotient(l->pi[k], total);
    sum = (sg_scaled){0, 0};
    for (int k = l->edges - 1; k >= 0; k--) {
        l->above[k] = sum = sg_scaled_sum(sum, l->pi[k + 1]);
        l->below[k] = sg_scaled_quotient(l->below[k], total);
        l->flow[k] = sg_scaled_product(l->pi[k], l->up[k]);
    }
    l->floor = 0.5 * DBL_EPSILON * (12.0 * l->n + 64 + 2 * turns);
}

sg_status sg_ladder_new(const sg_birth_death *chain, sg_ladder **made) {
    sg_ladder *l = NULL;
    *made = NULL;
    sg_status status = check(chain);
    if (!status) status = sg_new(&l, 1, sizeof *l);
    if (status) return status;
    l->n = chain->n;
    l->edges = chain->n - 1;
    sg_scaled **array[] = {&l->up, &l->down, &l->pi, &l->flow, &l->below, &l->above, &l->forth, &l->back};
    for (size_t k = 0; !status && k < sizeof array / sizeof *array; k++)
        status = sg_new(array[k], (size_t)l->n, sizeof(sg_scaled));
    if (status) {
        sg_ladder_delete(l);
        return status;
    }
    fill(chain, l);
    *made = l;
    return SG_OK;
}

void sg_ladder_delete(sg_ladder *l) {
    if (!l) return;
    sg_scaled *array[] = {l->up, l->down, l->pi, l->flow, l->below, l->above, l->forth, l->back};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(l);
}

/*
 * B B^T - lambda = L D L^T in the differential form (Fernando and Parlett): D_k = down_k + t_k, t_0 = up_0 - lambda,
 * t_{k+1} = t_k up_{k+1} / D_k - lambda.  A pivot that cancels exactly is moved by its rounding error.
 */
static sg_scaled pivot(sg_scaled rate, sg_scaled t) {
    sg_scaled d = sg_scaled_sum(rate, t);
    return d.m != 0 ? d : sg_scaled_shift(rate, DBL_EPSILON, 0);
}

static sg_scaled advance(sg_scaled t, sg_scaled rate, sg_scaled d, sg_scaled lambda) {
    return sg_scaled_combine(1, sg_scaled_quotient(sg_scaled_product(t, rate), d), -1, lambda);
}

int sg_ladder_count(const sg_ladder *l, sg_scaled lambda) {
    int count = 0;
    sg_scaled t = sg_scaled_combine(1, l->up[0], -1, lambda);
    for (int k = 0;; k++) {
        sg_scaled d = pivot(l->down[k], t);
        count += d.m < 0;
        if (k + 1 == l->edges) return count;
        t = advance(t, l->up[k + 1], d, lambda);
    }
}

void sg_ladder_bisect(const sg_ladder *l, int index, sg_scaled unit, double *lo, double *hi) {
    for (int k = 0; k < 200 && *hi - *lo > 0.5 * DBL_EPSILON; k++) {
        double mid = *lo + 0.5 * (*hi - *lo);
        if (mid <= *lo || mid >= *hi) break;
        if (sg_ladder_count(l, sg_scaled_product(unit, sg_scaled_exp(mid))) > index)
            *hi = mid;
        else
            *lo = mid;
    }
}

/* Twisted factorization: pivots from both ends meet where D_k + E_k - (diagonal) = t_k + s_k + lambda is smallest. */
bool sg_ladder_slope(sg_ladder *l, sg_scaled lambda, sg_scaled *g) {
    const int last = l->edges - 1;
    int twist = 0;
    sg_scaled least = {0, 0};
    l->forth[0] = sg_scaled_combine(1, l->up[0], -1, lambda);
    for (int k = 0; k < last; k++)
        l->forth[k + 1] = advance(l->forth[k], l->up[k + 1], pivot(l->down[k], l->forth[k]), lambda);
    l->back[last] = sg_scaled_combine(1, l->down[last], -1, lambda);
    for (int k = last; k > 0; k--)
        l->back[k - 1] = advance(l->back[k], l->down[k - 1], pivot(l->up[k], l->back[k]), lambda);
    for (int k = 0; k <= last; k++) {
        sg_scaled gamma = sg_scaled_sum(sg_scaled_sum(l->forth[k], l->back[k]), lambda);
        gamma.m = fabs(gamma.m);
        if (k > 0 && !sg_scaled_less(gamma, least)) continue;
        least = gamma;
        twist = k;
    }
    g[twist] = sg_scaled_of(1, 0);
    for (int k = twist; k < last; k++)
        g[k + 1] = sg_scaled_quotient(sg_scaled_product(g[k], l->down[k]), pivot(l->up[k + 1], l->back[k + 1]));
    for (int k = twist; k > 0; k--)
        g[k - 1] = sg_scaled_quotient(sg_scaled_product(g[k], l->up[k]), pivot(l->down[k - 1], l->forth[k - 1]));
    for (int k = 0; k <= last; k++)
        if (!(g[k].m > 0)) return false;
    return true;
}
