/* The first eigenpairs on the line: eigenvalues by Sturm's count, functions by joined sweeps. */
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "line.h"
#include "shoot.h"
#include "verify.h"

#define MOST_PAIRS 2000
#define GROUP 1e-3  /* relative distance below which functions are made orthogonal explicitly */
#define EQUAL 1e-12 /* relative distance below which eigenvalues are not told apart */
#define TWINS 1e-9  /* relative distance below which one joined function may be a mixture of several */
#define NOISE 1e-13 /* overlap below which functions count as orthogonal */

/* Between lower and upper lie the eigenvalues number below + 1 .. upto (from 1). */
typedef struct {
    sg_scaled lower, upper;
    int below, upto;
} bracket;

typedef struct {
    const sg_panels *panels;
    int n, count;
    double *log_dp;
    sg_shoot *shoot;
    bracket *range;   /* [count] */
    sg_scaled *value; /* [count] */
    sg_spectrum *out;
    bool *avoid;                     /* [panels->count] */
    double *f, *g, *best_f, *best_g; /* [n] candidates */
    double *density;                 /* [n] */
} search;

/* ------------------------------------------------------------- eigenvalues */

/* x as a multiple of 2^e */
static double at_exponent(sg_scaled x, long e) {
    long shift = x.e - e;
    return shift > 1000 ? x.m * INFINITY : shift < -1070 ? 0 : ldexp(x.m, (int)shift);
}

static sg_scaled middle(sg_scaled a, sg_scaled b) {
    if (b.e - a.e > 2) return sg_scaled_of(0.75, (a.e + b.e) / 2);
    return sg_scaled_of(0.5 * (a.m + at_exponent(b, a.e)), a.e);
}

static double relative_width(const bracket *r) {
    return r->upper.e - r->lower.e > 2 ? INFINITY : at_exponent(r->upper, r->lower.e) / r->lower.m - 1;
}

static bool less(sg_scaled a, sg_scaled b) {
    return a.e != b.e ? a.e < b.e : a.m < b.m;
}

/* Counts at lambda and narrows all brackets by it. */
static int probe(search *s, sg_scaled lambda, sg_scaled *end) {
    int below = sg_shoot_count(s->shoot, lambda, end);
    for (int k = 0; k < s->count; k++) {
        bracket *r = &s->range[k];
        if (below <= k && less(r->lower, lambda)) r->lower = lambda, r->below = below;
        if (below > k && less(lambda, r->upper)) r->upper = lambda, r->upto = below;
    }
    return below;
}

/* Cells that carry at least `count` eigenvalues, by trial: log_top is raised until enough are below it. */
static sg_status prepare(search *s, const double *log_d) {
    const sg_panels *p = s->panels;
    double length = 0, log_top;
    for (int i = 0; i < p->n; i++)
        if (p->log_below[i] > -7 && p->log_above[i] > -7) length += p->weight[i] * exp(-0.5 * (log_d ? log_d[i] : 0));
    log_top = 2 * log(M_PI / length);
    for (int k = 0;; k++) {
        sg_shoot_delete(s->shoot);
        sg_status status = sg_shoot_new(p, log_d, log_top, &s->shoot);
        if (status) return status;
        sg_scaled top = sg_scaled_exp(log_top);
        int below = sg_shoot_count(s->shoot, top, NULL);
        if (below >= s->count) {
            for (int j = 0; j < s->count; j++) s->range[j] = (bracket){{0}, top, 0, below};
            return SG_OK;
        }
        if (k == 200) return sg_fail(SG_NOT_CONVERGED, "fewer than %d eigenvalues were found", s->count);
        log_top += fmin(3, fmax(0.7, 1.4 * log((s->count + 1.0) / (below + 1.0))));
    }
}

/* A lower end for all brackets. */
static sg_status set_floor(search *s) {
    sg_scaled at = s->range[0].upper;
    for (long step = 8; s->range[0].lower.m == 0; step *= 2) {
        if (step > 1 << 22) return sg_fail(SG_NOT_CONVERGED, "no lower end of the spectrum was found");
        at = sg_scaled_of(0.5, at.e - step);
        if (probe(s, at, NULL) > 0) continue;
        for (int j = 0; j < s->count; j++)
            if (s->range[j].lower.m == 0) s->range[j].lower = at, s->range[j].below = 0;
    }
    return SG_OK;
}

/* Zero of v at the right end in a bracket with one eigenvalue: false position with weights (Anderson and Bjorck). */
static sg_scaled polish(search *s, int k) {
    bracket *r = &s->range[k];
    sg_scaled lower, upper, here, lambda = r->lower;
    const sg_scaled start = r->lower, stop = r->upper;
    sg_shoot_count(s->shoot, start, &lower);
    sg_shoot_count(s->shoot, stop, &upper);
    long unit = lower.e > upper.e ? lower.e : upper.e;
    double a = start.m, b = at_exponent(stop, start.e), fa = at_exponent(lower, unit), fb = at_exponent(upper, unit),
           last = a;
    for (int i = 0; i < 100; i++) {
        double x = i % 8 == 7 || !(fa * fb < 0) ? 0.5 * (a + b) : b - fb * ((b - a) / (fb - fa));
        if (!(x > a && x < b)) x = 0.5 * (a + b);
        lambda = sg_scaled_of(x, start.e);
        bool above = probe(s, lambda, &here) > k;
        double f = at_exponent(here, unit), damp;
        if (above) {
            damp = 1 - f / fb;
            fa *= i > 0 && last == b ? (damp > 0 ? damp : 0.5) : 1;
            b = last = x, fb = f;
        } else {
            damp = 1 - f / fa;
            fb *= i > 0 && last == a ? (damp > 0 ? damp : 0.5) : 1;
            a = last = x, fa = f;
        }
        if (f == 0 || b - a <= 0x1p-51 * a) break;
    }
    return lambda;
}

static void find_values(search *s) {
    for (int k = 0; k < s->count; k++) {
        bracket *r = &s->range[k];
        while (relative_width(r) > 0x1p-50 && !(r->below == k && r->upto == k + 1 && relative_width(r) < 2))
            probe(s, middle(r->lower, r->upper), NULL);
        s->value[k] = relative_width(r) > 0x1p-50 ? polish(s, k) : middle(r->lower, r->upper);
        s->out->log_value[k] = sg_scaled_log(s->value[k]);
        s->out->value[k] = sg_scaled_value(s->value[k]);
    }
}

/* --------------------------------------------------------------- functions */

static double inner(const search *s, const double *a, const double *b) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < s->n; i++) sum += s->panels->mass[i] * a[i] * b[i];
    return sum;
}

static void add(const search *s, double c, const double *x, double *y) {
    for (int i = 0; i < s->n; i++) y[i] += c * x[i];
}

static void scale(const search *s, double c, double *x) {
    for (int i = 0; i < s->n; i++) x[i] *= c;
}

static void centre(const search *s, double *f) {
    double mean = sg_panels_mean(s->panels, f);
    for (int i = 0; i < s->n; i++) f[i] -= mean;
}

static bool close(const search *s, int j, int k, double distance) {
    return s->out->log_value[k] - s->out->log_value[j] < distance;
}

/* Marks the panels where the functions j..k-1 live. */
static void mark(search *s, int j, int k) {
    memset(s->avoid, 0, (size_t)s->panels->count * sizeof *s->avoid);
    for (; j < k; j++) {
        const double *f = s->out->function + (size_t)j * (size_t)s->n,
                     *g = s->out->derivative + (size_t)j * (size_t)s->n;
        double top = 0;
        for (int i = 0; i < s->n; i++) {
            double energy = g[i] * g[i] * exp(s->log_dp[i] - s->out->log_value[j]);
            s->density[i] = exp(s->panels->logp[i]) * f[i] * f[i] + energy;
            top = fmax(top, s->density[i]);
        }
        for (int i = 0; i < s->n; i++)
            if (s->density[i] > 1e-3 * top) s->avoid[i / SG_PANEL_ORDER] = true;
    }
}

/* One candidate for function k, made orthonormal to the functions first..k-1; returns the share of its norm that was
 * left. */
static double candidate(search *s, int k, int first, double lambda_shift, const bool *avoid) {
    sg_scaled lambda = sg_scaled_of(s->value[k].m * (1 + lambda_shift), s->value[k].e);
    sg_shoot_sweep(s->shoot, lambda);
    int join = sg_shoot_join(s->shoot, avoid);
    if (join < 0) return 0;
    sg_shoot_vector(s->shoot, join, s->f, s->g, NULL);
    centre(s, s->f);
    double norm = sqrt(inner(s, s->f, s->f)), left = 1;
    scale(s, 1 / norm, s->f);
    scale(s, 1 / norm, s->g);
    for (int pass = 0; pass < 2; pass++) {
        for (int j = first; j < k; j++) {
            const double *f = s->out->function + (size_t)j * (size_t)s->n;
            double c = inner(s, f, s->f);
            if (fabs(c) < NOISE)
                continue; /* rounding: 1e-16 of a well's function would drown that of a barrier beside it */
            add(s, -c, f, s->f);
            add(s, -c, s->out->derivative + (size_t)j * (size_t)s->n, s->g);
        }
        norm = sqrt(inner(s, s->f, s->f));
        left *= norm;
        scale(s, 1 / norm, s->f);
        scale(s, 1 / norm, s->g);
    }
    return left;
}

static void keep(search *s) {
    size_t bytes = (size_t)s->n * sizeof(double);
    memcpy(s->best_f, s->f, bytes);
    memcpy(s->best_g, s->g, bytes);
}

/*
 * Function k.  Eigenvalues that agree to rounding (wells, or a well and a barrier, that do not see each other) have
 * several functions for one number.  A number a few roundings off gives the one that lives where the sweeps are joined,
 * and nowhere else; the next is joined where no earlier one lives.
 */
static sg_status find_function(search *s, int k) {
    static const double shift[] = {0, 0x1p-45, -0x1p-45, 0x1p-43, -0x1p-43, 0};
    int first = k, twin = k;
    while (first > 0 && close(s, first - 1, first, GROUP)) first--;
    while (twin > 0 && close(s, twin - 1, k, TWINS)) twin--;
    bool equal = (k > 0 && close(s, k - 1, k, EQUAL)) || (k + 1 < s->count && close(s, k, k + 1, EQUAL));
    mark(s, twin, k);
    double best = 0;
    for (int t = equal; t < 6 && best < 0.7; t++) {
        double left = candidate(s, k, first, shift[t], t > 0 && twin < k ? s->avoid : NULL);
        if (left > best) keep(s), best = left;
    }
    if (!(best > 0 && isfinite(inner(s, s->best_f, s->best_f))))
        return sg_fail(SG_UNDERFLOW,
                       "eigenfunction %d is beyond the range of double precision: ask for fewer eigenpairs", k + 1);
    double sign = s->best_f[s->n - 1] < 0 ? -1 : 1, *f = s->out->function + (size_t)k * (size_t)s->n;
    double *g = s->out->derivative + (size_t)k * (size_t)s->n;
    for (int i = 0; i < s->n; i++) f[i] = sign * s->best_f[i];
    for (int i = 0; i < s->n; i++) g[i] = sign * s->best_g[i];
    return SG_OK;
}

/* The derivative of function number k >= 1 has k - 1 zeros (not asked of functions that may be mixtures). */
static sg_status check_zeros(const search *s, int k) {
    const double *g = s->out->derivative + (size_t)k * (size_t)s->n;
    if ((k > 0 && close(s, k - 1, k, GROUP)) || (k + 1 < s->count && close(s, k, k + 1, GROUP))) return SG_OK;
    int zeros = 0;
    double last = 0;
    for (int i = 0; i < s->n; i++) {
        if (g[i] == 0) continue;
        zeros += last * g[i] < 0;
        last = g[i] > 0 ? 1 : -1;
    }
    if (zeros == k) return SG_OK;
    return sg_fail(SG_NOT_CONVERGED, "eigenfunction %d has %d zeros of its derivative instead of %d: take finer panels",
                   k + 1, zeros, k);
}

/* ------------------------------------------------------------------- whole */

void sg_spectrum_delete(sg_spectrum *spectrum) {
    if (!spectrum) return;
    sg_delete(spectrum->value);
    sg_delete(spectrum->value_error);
    sg_delete(spectrum->log_value);
    sg_delete(spectrum->function);
    sg_delete(spectrum->derivative);
    sg_delete(spectrum);
}

static sg_status allocate(search *s) {
    size_t n = (size_t)s->n, count = (size_t)s->count;
    sg_spectrum *out;
    sg_status status = sg_new(&s->out, 1, sizeof *s->out);
    if (status) return status;
    out = s->out;
    out->count = s->count;
    out->n = s->n;
    double **pairs[] = {&out->value, &out->value_error, &out->log_value};
    double **nodes[] = {&s->log_dp, &s->f, &s->g, &s->best_f, &s->best_g, &s->density};
    for (size_t k = 0; k < sizeof pairs / sizeof *pairs; k++)
        if ((status = sg_new(pairs[k], count, sizeof(double)))) return status;
    for (size_t k = 0; k < sizeof nodes / sizeof *nodes; k++)
        if ((status = sg_new(nodes[k], n, sizeof(double)))) return status;
    if ((status = sg_new(&out->function, n * count, sizeof(double)))) return status;
    if ((status = sg_new(&out->derivative, n * count, sizeof(double)))) return status;
    if ((status = sg_new(&s->avoid, (size_t)s->panels->count, sizeof *s->avoid))) return status;
    if ((status = sg_new(&s->range, count, sizeof *s->range))) return status;
    return sg_new(&s->value, count, sizeof *s->value);
}

static void release(search *s) {
    double *nodes[] = {s->log_dp, s->f, s->g, s->best_f, s->best_g, s->density};
    for (size_t k = 0; k < sizeof nodes / sizeof *nodes; k++) sg_delete(nodes[k]);
    sg_delete(s->avoid);
    sg_delete(s->range);
    sg_delete(s->value);
    sg_shoot_delete(s->shoot);
    sg_spectrum_delete(s->out);
}

static sg_status open_search(search *s, const double *log_d) {
    if (s->count < 1 || s->count > MOST_PAIRS)
        return sg_fail(SG_OUT_OF_RANGE, "the number of eigenpairs must lie in [1, %d], not %d", MOST_PAIRS, s->count);
    sg_status status = allocate(s);
    for (int i = 0; i < s->n && !status; i++) {
        s->log_dp[i] = s->panels->logp[i] + (log_d ? log_d[i] : 0);
        if (!isfinite(s->log_dp[i]))
            status = sg_fail(SG_REFUSED, "D p is not positive and finite at x = %g", s->panels->x[i]);
    }
    if (!status) status = prepare(s, log_d);
    if (!status) status = set_floor(s);
    if (!status) find_values(s);
    return status;
}

sg_status sg_line_spectrum(const sg_panels *panels, const double *log_d, int count, sg_spectrum **spectrum) {
    search s = {.panels = panels, .n = panels->n, .count = count};
    *spectrum = NULL;
    sg_status status = open_search(&s, log_d);
    if (status) goto out;
    for (int k = 0; k < count; k++)
        if ((status = find_function(&s, k))) goto out;
    for (int k = 0; k < count; k++)
        if ((status = check_zeros(&s, k))) goto out;
    if ((status = sg_spectrum_verify(panels, s.log_dp, s.shoot, s.out))) goto out;
    *spectrum = s.out;
    s.out = NULL;
out:
    release(&s);
    return status;
}

sg_status sg_line_values(const sg_panels *panels, const double *log_d, int count, double *log_value) {
    search s = {.panels = panels, .n = panels->n, .count = count};
    sg_status status = open_search(&s, log_d);
    if (!status) memcpy(log_value, s.out->log_value, (size_t)count * sizeof *log_value);
    release(&s);
    return status;
}
