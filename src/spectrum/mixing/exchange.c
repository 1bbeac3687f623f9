/* All starts of an exchangeable chain of single flips, up to permutations of the sites. */
#include <math.h>
#include <stdio.h>

#include "evolve.h"
#include "finite.h"
#include "spectrum/finite.h"

/* From `ones` ones: (a, b), a of 0..ones still or again among those, b of 0..n-ones among the others, at a (n-ones+1) +
 * b. */
typedef struct {
    int n, ones;
    double *up, *down; /* [n + 1] rate of one site, by the number of ones */
    double *log_pi;    /* [n + 1] of the number of ones */
    double q;
    double *pi; /* of the pairs, room for the largest */
    sg_flow flow;
    sg_trail trail;
} pairs;

static void jump(const void *context, const double *in, double *out) {
    const pairs *p = context;
    const int k = p->ones, m = p->n - k, width = m + 1;
    const double each = 1 / p->q;
    for (int i = 0; i < (k + 1) * width; i++) out[i] = 0;
    for (int a = 0; a <= k; a++)
        for (int b = 0; b <= m; b++) {
            const int s = a + b, at = a * width + b;
            const double mass = in[at] * each, up = p->up[s] * mass, down = p->down[s] * mass;
            if (mass == 0) continue;
            out[at] += in[at] - ((p->n - s) * up + s * down);
            if (a < k) out[at + width] += (k - a) * up;
            if (b < m) out[at + 1] += (m - b) * up;
            if (a > 0) out[at - width] += a * down;
            if (b > 0) out[at - 1] += b * down;
        }
}

static double log_binomial(int n, int k) {
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

/* Takes a start. */
static sg_status begin(pairs *p, int ones, double epsilon) {
    const int k = ones, m = p->n - ones;
    double sum = 0;
    sg_trail_delete(&p->trail);
    p->ones = ones;
    p->flow = (sg_flow){.n = (size_t)(k + 1) * (size_t)(m + 1), .q = p->q, .apply = jump, .context = p};
    sg_status status = sg_trail_new(&p->flow, p->pi, epsilon, &p->trail);
    if (status) return status;
    for (int a = 0; a <= k; a++)
        for (int b = 0; b <= m; b++) {
            double *pi = &p->pi[a * (m + 1) + b];
            *pi = exp(log_binomial(k, a) + log_binomial(m, b) - log_binomial(p->n, a + b) + p->log_pi[a + b]);
            sum += *pi;
        }
    for (size_t i = 0; i < p->flow.n; i++) p->pi[i] /= sum;
    p->trail.initial[k * (m + 1)] = 1;
    sg_trail_begin(&p->trail);
    return SG_OK;
}

static void release(pairs *p) {
    sg_delete(p->up);
    sg_delete(p->down);
    sg_delete(p->log_pi);
    sg_delete(p->pi);
    sg_trail_delete(&p->trail);
}

static sg_status fill(const sg_birth_death *chain, pairs *p) {
    const size_t n = (size_t)chain->n - 1;
    sg_status status = sg_new(&p->up, n + 1, sizeof(double));
    p->n = (int)n;
    if (!status) status = sg_new(&p->down, n + 1, sizeof(double));
    if (!status) status = sg_new(&p->log_pi, n + 1, sizeof(double));
    if (!status) status = sg_new(&p->pi, (n / 2 + 1) * (n - n / 2 + 1), sizeof(double));
    if (!status) status = sg_birth_death_law(chain, p->log_pi);
    if (status) return status;
    for (int s = 0; s < p->n; s++) p->up[s] = exp(chain->log_up[s]) / (p->n - s);
    for (int s = 1; s <= p->n; s++) p->down[s] = exp(chain->log_down[s - 1]) / s;
    for (int s = 0; s <= p->n; s++) p->q = fmax(p->q, (p->n - s) * p->up[s] + s * p->down[s]);
    return SG_OK;
}

static double operations(const pairs *p, double t) {
    const double n = p->n;
    return 8 * p->q * t * n * n * n / 6;
}

/* The distance of every start at time t: the largest of those that exceed epsilon with certainty, else `here`; and the
 * largest that any may have. */
static sg_status try_all(pairs *p, double t, double epsilon, int here, int *worst, double *most) {
    double record = epsilon;
    *worst = here;
    *most = 0;
    for (int k = 0; k <= p->n; k++) {
        double d, e;
        sg_status status = begin(p, k, epsilon);
        if (!status) status = sg_trail_distance(&p->trail, t, &d, &e);
        if (status) return status;
        *most = fmax(*most, d + e);
        if (k != here && d - 2 * e > record) record = d, *worst = k;
    }
    return SG_OK;
}

static sg_status search(pairs *p, double most, const sg_mixing_settings *settings, bool *known, sg_mixing *out) {
    int here = p->n, next = here;
    double t = out->mixing_time, reach;
    sg_status status = SG_OK;
    for (int round = 0; round < 20; round++) {
        const double epsilon = out->epsilon;
        if ((status = begin(p, here, epsilon))) return status;
        sg_mixing_again(out);
        if ((status = sg_mixing_cross(sg_trail_distance, &p->trail, sg_trail_at_zero(&p->trail), t, out)))
            return status;
        t = out->mixing_time;
        if (!(t > 0 && operations(p, t) < most)) return SG_OK;
        if ((status = try_all(p, t, epsilon, here, &next, &reach))) return status;
        if (next == here) break;
        here = next;
    }
    if ((status = try_all(p, out->mixing_time_upper, out->epsilon, here, &next, &reach))) return status;
    for (double step = 1e-12; reach > out->epsilon && step < 1e-3; step *= 8) {
        out->mixing_time_upper = t * (1 + step);
        if ((status = try_all(p, out->mixing_time_upper, out->epsilon, here, &next, &reach))) return status;
    }
    if (!(out->mixing_time_upper <= t * (1 + SG_FINITE_CERTIFIED)))
        sg_mixing_say(out, SG_UNCERTIFIED, "the starts are too much alike to tell the worst of them");
    *known = true;
    snprintf(out->start, sizeof out->start, "worst: %d of %d sites +1", here, p->n);
    snprintf(out->method, sizeof out->method, "all starts up to permutations of the %d sites, by uniformization", p->n);
    if ((status = begin(p, here, out->epsilon))) return status;
    return sg_mixing_profile(sg_trail_distance, &p->trail, sg_trail_at_zero(&p->trail), settings, out);
}

sg_status sg_exchangeable_mixing(const sg_birth_death *chain, double most, const sg_mixing_settings *settings,
                                 bool *known, sg_mixing *out) {
    pairs p = {0};
    *known = false;
    sg_status status = fill(chain, &p);
    /* out->mixing_time is a guess here */
    if (!status && operations(&p, out->mixing_time) < most) status = search(&p, most, settings, known, out);
    release(&p);
    return status;
}
