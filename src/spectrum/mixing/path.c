/*
 * Birth-death chains: the law at time t by the inverse Laplace transform of the resolvent.
 *
 * (s - L^T) p = initial is tridiagonal.  With rho_k what leaves 0..k for good, per unit of mass in k,
 *     rho_k = s + down_{k-1} rho_{k-1} / (up_{k-1} + rho_{k-1}),
 *     b_k = initial_k + b_{k-1} up_{k-1} / (up_{k-1} + rho_{k-1}),   p_k = (b_k + down_k p_{k+1}) / (up_k + rho_k):
 * no subtraction anywhere, so an error is one of the rates, to which laws are well conditioned at any time (the
 * elimination of Grassmann, Taksar and Heyman with killing).  For complex s all terms stay in the cone between 1 and s.
 */
#include <math.h>
#include <stdio.h>

#include "evolve.h"
#include "finite.h"
#include "spectrum/finite.h"

#define ALL_STATES 2048
#define CANDIDATES 64
#define PRECISION 0x1p-52
#define SLACK 1e-9     /* relative, beyond the latest crossing: starts that are alike are then near */
#define POOR 1e-11     /* errors of the contour above which laws are evolved instead, if that costs no more than */
#define AFFORDABLE 2e9 /* operations */

typedef struct {
    int n;
    double *up, *down; /* [n - 1] k -> k+1, k+1 -> k */
    double *pi, *log_pi;
    double condition;   /* relative error of a rate, with what elimination adds */
    sg_contour contour; /* in use, its size the level */
    int level;
    sg_complex *pivot;     /* [contour][n] 1 / (up + rho); at n - 1: 1 / rho */
    double factored_for;   /* the time of the pivots */
    sg_complex *b;         /* [n] */
    double *law;           /* [n] */
    const double *initial; /* [n] or NULL: all of it in `start` */
    int start;
    sg_flow flow;
    double *stay; /* [n] 1 - exit/q */
    sg_trail trail;
    int trail_start; /* the start that it has; -2: none */
    bool evolved;    /* did any distance need it? */
} path;

static void release(path *p) {
    double *part[] = {p->up, p->down, p->pi, p->log_pi, p->law, p->stay};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
    sg_delete(p->pivot);
    sg_delete(p->b);
    sg_trail_delete(&p->trail);
}

/* One jump of the uniformized chain. */
static void jump(const void *context, const double *in, double *out) {
    const path *p = context;
    const double each = 1 / p->flow.q;
    out[0] = in[0] * p->stay[0] + in[1] * (p->down[0] * each);
    for (int k = 1; k + 1 < p->n; k++)
        out[k] = in[k] * p->stay[k] + (in[k - 1] * p->up[k - 1] + in[k + 1] * p->down[k]) * each;
    out[p->n - 1] = in[p->n - 1] * p->stay[p->n - 1] + in[p->n - 2] * (p->up[p->n - 2] * each);
}

static sg_status fill_flow(path *p, double epsilon) {
    p->flow = (sg_flow){.n = (size_t)p->n, .apply = jump, .context = p};
    for (int k = 0; k < p->n; k++) {
        p->stay[k] = (k + 1 < p->n ? p->up[k] : 0) + (k > 0 ? p->down[k - 1] : 0);
        p->flow.q = fmax(p->flow.q, p->stay[k]);
    }
    for (int k = 0; k < p->n; k++) p->stay[k] = 1 - p->stay[k] / p->flow.q;
    p->trail_start = -2;
    return sg_trail_new(&p->flow, p->pi, epsilon, &p->trail);
}

static sg_status fill(const sg_birth_death *chain, double epsilon, path *p) {
    size_t n = (size_t)chain->n;
    double most = 0;
    double **part[] = {&p->up, &p->down, &p->pi, &p->log_pi, &p->law, &p->stay};
    if (chain->n < 2) return sg_fail(SG_OUT_OF_RANGE, "a birth-death chain has at least 2 states, not %d", chain->n);
    p->n = chain->n;
    sg_status status = SG_OK;
    for (size_t k = 0; !status && k < sizeof part / sizeof *part; k++) status = sg_new(part[k], n, sizeof(double));
    if (!status) status = sg_new(&p->pivot, n * SG_CONTOUR, sizeof *p->pivot);
    if (!status) status = sg_new(&p->b, n, sizeof *p->b);
    if (!status) status = sg_birth_death_law(chain, p->log_pi);
    if (status) return status;
    for (size_t k = 0; k < n; k++) p->pi[k] = exp(p->log_pi[k]);
    for (size_t k = 0; k + 1 < n; k++) {
        most = fmax(most, fmax(fabs(chain->log_up[k]), fabs(chain->log_down[k])));
        p->up[k] = exp(chain->log_up[k]);
        p->down[k] = exp(chain->log_down[k]);
    }
    if (!(most < 690))
        return sg_fail(SG_OUT_OF_RANGE, "rates must lie between e^-690 and e^690 for mixing times; change the unit");
    p->condition = PRECISION * (4 + most + sqrt((double)n));
    p->factored_for = NAN;
    return fill_flow(p, epsilon);
}

/* ------------------------------------------------------------------- laws */

static void factor(path *p, int points, double t) {
    if (p->factored_for == t && p->contour.n == points) return;
    sg_contour_make(points, &p->contour);
    for (int j = 0; j < p->contour.n; j++) {
        sg_complex s = p->contour.node[j] / t, rho = s, *pivot = p->pivot + (size_t)j * (size_t)p->n;
        for (int k = 0; k + 1 < p->n; k++) {
            pivot[k] = 1 / (p->up[k] + rho);
            rho = s + p->down[k] * (rho * pivot[k]);
        }
        pivot[p->n - 1] = 1 / rho;
    }
    p->factored_for = t;
}

/* Adds the law of one point of the contour. */
static void solve(path *p, int j, double t) {
    const sg_complex *pivot = p->pivot + (size_t)j * (size_t)p->n, weight = p->contour.weight[j] / t;
    sg_complex above = 0;
    for (int k = 0; k < p->n; k++) {
        double source = p->initial ? p->initial[k] : k == p->start;
        p->b[k] = source + (k > 0 ? p->b[k - 1] * (p->up[k - 1] * pivot[k - 1]) : 0);
    }
    for (int k = p->n - 1; k >= 0; k--) {
        above = (p->b[k] + (k + 1 < p->n ? p->down[k] * above : 0)) * pivot[k];
        p->law[k] += creal(weight * above);
    }
}

static sg_status distance_by(void *context, int points, double t, double *distance) {
    path *p = context;
    double total = 0;
    factor(p, points, t);
    for (int k = 0; k < p->n; k++) p->law[k] = 0;
    for (int j = 0; j < points; j++) solve(p, j, t);
    for (int k = 0; k < p->n; k++) total += fabs(p->law[k] - p->pi[k]);
    *distance = 0.5 * total;
    return SG_OK;
}

static sg_status distance(void *context, double t, double *distance, double *error) {
    path *p = context;
    sg_status status = sg_contour_distance(distance_by, p, t, &p->level, distance, error);
    *error += p->condition;
    if (status || *error < POOR || !(p->flow.q * t * p->n < AFFORDABLE)) return status;
    if (p->trail_start != p->start) {
        for (int k = 0; k < p->n; k++) p->trail.initial[k] = p->initial ? p->initial[k] : k == p->start;
        sg_trail_begin(&p->trail);
        p->trail_start = p->start;
    }
    p->evolved = true;
    return sg_trail_distance(&p->trail, t, distance, error);
}

static double at_zero(const path *p) {
    double sum = 0;
    if (!p->initial) return 1 - p->pi[p->start];
    for (int k = 0; k < p->n; k++) sum += fabs(p->initial[k] - p->pi[k]);
    return 0.5 * sum;
}

/* ------------------------------------------------------------------ starts */

/* The state to try as number i of `count`. */
static int candidate(const path *p, int i, int count) {
    return (int)((long long)i * (p->n - 1) / (count - 1));
}

/* Its crossing; its trail, if it needs one, begins at time 0. */
static sg_status cross(path *p, int start, double guess, sg_mixing *out) {
    p->start = start;
    sg_mixing_again(out);
    sg_status status = sg_mixing_cross(distance, p, at_zero(p), guess, out);
    out->state = start;
    return status;
}

/*
 * One pass: each state is near by the latest time so far, or has a crossing of its own, which may be the latest; those
 * before remain near.  It begins with the worse end.
 */
static sg_status worst(path *p, double guess, sg_mixing *out) {
    const int count = p->n <= ALL_STATES ? p->n : CANDIDATES + 2;
    double first = 0, last = 0, d, e;
    sg_mixing other = *out;
    p->start = 0;
    sg_status status = distance(p, guess, &first, &e);
    p->start = p->n - 1;
    if (!status) status = distance(p, guess, &last, &e);
    if (!status) status = cross(p, first > last ? 0 : p->n - 1, guess, out);
    double upper = out->mixing_time_upper;
    for (int i = 0; !status && out->status != SG_UNDERFLOW && i < count; i++) {
        const int start = candidate(p, i, count);
        if (start == out->state) continue;
        p->start = start;
        upper = fmax(upper, out->mixing_time * (1 + SLACK));
        d = at_zero(p), e = 0;
        if (upper > 0) status = distance(p, upper, &d, &e);
        if (status || d + e <= out->epsilon) continue;
        if ((status = cross(p, start, upper > 0 ? upper : guess, &other))) break;
        upper = fmax(upper, other.mixing_time_upper);
        if (other.mixing_time > out->mixing_time) *out = other;
    }
    p->start = out->state;
    if (out->status != SG_UNDERFLOW) out->mixing_time_upper = upper;
    snprintf(out->start, sizeof out->start, "worst: state %d of %d", p->start, p->n);
    if (status || out->status == SG_UNDERFLOW) return status;
    if (!(upper <= out->mixing_time_lower * (1 + SG_FINITE_CERTIFIED)))
        sg_mixing_say(out, SG_UNCERTIFIED, "the states are too much alike to tell the worst of them");
    if (count < p->n)
        sg_mixing_say(out, SG_UNCERTIFIED,
                      "the worst start was sought among %d of the %d states; the upper end bounds all of them", count,
                      p->n);
    return SG_OK;
}

static sg_status check(const sg_birth_death *chain, int start, const double *initial) {
    double sum = 0;
    if (start < -1 || start >= chain->n)
        return sg_fail(SG_OUT_OF_RANGE, "start %d is out of range: states are 0 to %d, -1 is the worst", start,
                       chain->n - 1);
    for (int k = 0; initial && k < chain->n; k++) sum += initial[k] >= 0 ? initial[k] : NAN;
    if (initial && !(fabs(sum - 1) < 1e-9))
        return sg_fail(SG_OUT_OF_RANGE, "the initial law must be nonnegative with sum 1, not %g", sum);
    return SG_OK;
}

sg_status sg_birth_death_mixing(const sg_birth_death *chain, int start, const double *initial,
                                const sg_mixing_settings *settings, sg_mixing *out) {
    path p = {.initial = initial, .start = start};
    sg_gap gap;
    double least = 0, guess, begun = sg_finite_now();
    sg_status status = sg_mixing_begin(settings, out);
    if (!status) status = check(chain, start, initial);
    if (!status) status = fill(chain, out->epsilon, &p);
    if (!status) status = sg_birth_death_gap(chain, &gap);
    if (status) goto out;
    out->relaxation_time = gap.gap > 0 ? gap.relaxation_time : INFINITY;
    guess = isfinite(out->relaxation_time) ? out->relaxation_time : 1e280;
    if (!initial && start < 0) {
        status = worst(&p, guess, out);
        for (int k = 0; k < p.n; k++) least = fmin(least, p.log_pi[k]);
        if (!status) sg_mixing_sandwich(out->relaxation_time, -least, out);
        if (p.n > ALL_STATES && out->sandwich_upper > 0)
            out->mixing_time_upper = fmax(out->mixing_time_upper, out->sandwich_upper * (1 + 1e-9));
    } else {
        snprintf(out->start, sizeof out->start, initial ? "given law" : "state %d", start);
        out->state = initial ? -1 : start;
        status = sg_mixing_cross(distance, &p, at_zero(&p), guess, out);
    }
    if (!status) status = sg_mixing_profile(distance, &p, at_zero(&p), settings, out);
    snprintf(out->method, sizeof out->method, "birth-death chain of %d states, inverse Laplace transform%s", p.n,
             p.evolved ? " and uniformization" : "");
    out->seconds = sg_finite_now() - begun;
out:
    release(&p);
    return status;
}

/* ---------------------------------------------------------------- coupling */

/* E X_t from the right end less that from the left end. */
static sg_status spread_by(void *context, int points, double t, double *spread) {
    path *p = context;
    double sum = 0, ignored;
    sg_status status = distance_by(p, points, t, &ignored);
    for (int k = 0; k < p->n; k++) sum += k * p->law[k];
    *spread = sum;
    return status;
}

static sg_status spread(void *context, double t, double *value, double *error) {
    path *p = context;
    sg_status status = sg_contour_distance(spread_by, p, t, &p->level, value, error);
    *error += p->n * p->condition;
    return status;
}

sg_status sg_birth_death_coupling(const sg_birth_death *chain, double epsilon, double guess, double *time) {
    path p = {.start = 0};
    sg_mixing crossing = {0};
    double *ends = NULL;
    const sg_mixing_settings settings = {.epsilon = epsilon};
    *time = INFINITY;
    sg_status status = sg_mixing_begin(&settings, &crossing);
    if (!status) status = fill(chain, epsilon, &p);
    if (!status) status = sg_new(&ends, (size_t)p.n, sizeof(double));
    if (status) goto out;
    ends[0] = -1, ends[p.n - 1] = 1;
    p.initial = ends;
    status = sg_mixing_cross(spread, &p, p.n - 1, guess, &crossing);
    if (!status && crossing.mixing_time_upper > 0) *time = crossing.mixing_time_upper;
out:
    sg_delete(ends);
    release(&p);
    return status;
}
