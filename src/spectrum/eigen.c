/* The first eigenpairs on the line: eigenvalues by Sturm's count, functions by joined sweeps, residuals by the integral operator. */
#include <math.h>
#include <string.h>

#include <cblas.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"
#include "scoregap/spectrum.h"
#include "shoot.h"

#define MOST_PAIRS 2000
#define GROUP 1e-3   /* relative distance below which functions are made orthogonal explicitly */
#define EQUAL 1e-12  /* relative distance below which eigenvalues are not told apart */
#define TWINS 1e-9   /* relative distance below which one joined function may be a mixture of several */
#define NOISE 1e-13  /* overlap below which functions count as orthogonal */
#define SLOW 1e-3    /* eigenvalues that much smaller are projected out of residuals */
#define UNCUT 4      /* safety factor of the estimated effect of the cut */

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
    bool *avoid;                         /* [panels->count] */
    double *f, *g, *best_f, *best_g;     /* [n] candidates */
    double *p, *flux, *work, *sum;       /* [n] */
    double *slow_flux;                   /* [count of slow modes][n] int_lo^x p phi */
    int mode;                            /* panel with the mode */
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
    double a = start.m, b = at_exponent(stop, start.e), fa = at_exponent(lower, unit), fb = at_exponent(upper, unit), last = a;
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
        const double *f = s->out->function + (size_t)j * (size_t)s->n, *g = s->out->derivative + (size_t)j * (size_t)s->n;
        double top = 0;
        for (int i = 0; i < s->n; i++) {
            double energy = g[i] * g[i] * exp(s->log_dp[i] - s->out->log_value[j]);
            s->work[i] = s->p[i] * f[i] * f[i] + energy;
            top = fmax(top, s->work[i]);
        }
        for (int i = 0; i < s->n; i++)
            if (s->work[i] > 1e-3 * top) s->avoid[i / SG_PANEL_ORDER] = true;
    }
}

/* One candidate for function k, made orthonormal to the functions first..k-1; returns the share of its norm that was left. */
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
            if (fabs(c) < NOISE) continue; /* rounding: 1e-16 of a well's function would drown that of a barrier beside it */
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
 * Function k.  Eigenvalues that agree to rounding (wells, or a well and a barrier, that do not see each other) have several functions for one
 * number.  A number a few roundings off gives the one that lives where the sweeps are joined, and nowhere else; the next is joined where no earlier
 * one lives.
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
        return sg_fail(SG_UNDERFLOW, "eigenfunction %d is beyond the range of double precision: ask for fewer eigenpairs", k + 1);
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
    return sg_fail(SG_NOT_CONVERGED, "eigenfunction %d has %d zeros of its derivative instead of %d: take finer panels", k + 1, zeros, k);
}

/* ------------------------------------------------------------------ errors */

/* v = int_lo^x p f, from the end that lies on the same side of the mode: at a barrier both would differ by rounding over p. */
static void running_mass(search *s, const double *f, double *v) {
    for (int i = 0; i < s->n; i++) s->work[i] = s->p[i] * f[i];
    sg_panels_from_left(s->panels, s->work, v, NULL);
    sg_panels_from_right(s->panels, s->work, s->sum, NULL);
    for (int i = s->mode * SG_PANEL_ORDER; i < s->n; i++) v[i] = -s->sum[i];
}

/* |r/(D p)|^2 in the norm of D p, times lambda; weights beyond e^1200 are cut. */
static double norm2(const search *s, const double *r, double log_value) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < s->n; i++) {
        double root = 0.5 * (log_value - s->log_dp[i]), scaled = r[i] * exp(root < 600 ? root : 600);
        sum += s->panels->weight[i] * scaled * scaled;
    }
    return sum;
}

/*
 * Takes the slow modes before k out of r = D p rho, in the form D p g/lambda = -v, which like r is constant to the last bit across a
 * barrier; each pass goes down to rounding of what is there.  Returns the norm.
 */
static double project(search *s, int k, double *r) {
    double log_value = s->out->log_value[k], before = INFINITY, norm = norm2(s, r, log_value);
    for (int pass = 0; pass < 40 && norm < 0.25 * before; pass++) {
        for (int j = 0; j < k && s->out->log_value[j] < log_value + log(SLOW); j++) {
            const double *g = s->out->derivative + (size_t)j * (size_t)s->n, *v = s->slow_flux + (size_t)j * (size_t)s->n;
            double c = 0;
#pragma omp simd reduction(+ : c)
            for (int i = 0; i < s->n; i++) c += s->panels->weight[i] * g[i] * r[i];
            add(s, c, v, r);
        }
        before = norm;
        norm = norm2(s, r, log_value);
    }
    return norm;
}

/* Mean square of what f' = g misses between neighbouring nodes: locally, since int g loses the wells beside a barrier. */
static double mismatch2(search *s, const double *f, const double *g) {
    const sg_panels *p = s->panels;
    double sum = 0, rest = 0;
    for (int b = 0; b < p->count; b++) {
        double inner[SG_PANEL_ORDER], total, half = 0.5 * (p->edge[b + 1] - p->edge[b]);
        const double *fb = f + b * SG_PANEL_ORDER;
        sg_panel_unit_left(g + b * SG_PANEL_ORDER, inner, &total);
        for (int j = b == 0; j < SG_PANEL_ORDER; j++) {
            double step = half * (j > 0 ? inner[j] - inner[j - 1] : inner[0]) + (j > 0 ? 0 : rest);
            double d = (fb[j] - fb[j - 1]) - step;
            sum += p->mass[b * SG_PANEL_ORDER + j] * d * d;
        }
        rest = half * (total - inner[SG_PANEL_ORDER - 1]);
    }
    return sum;
}

/*
 * Relative residual |T g - g/lambda| lambda in the norm of D p, with T g = -(1/(D p)) int_lo^x p f, f' = g; slow modes are projected out (rounding
 * in their direction is 1/lambda_slow).  *shift: the relative difference of the Rayleigh quotient from 1/lambda.
 */
static double residual(search *s, int k, double *shift) {
    const double *f = s->out->function + (size_t)k * (size_t)s->n, *g = s->out->derivative + (size_t)k * (size_t)s->n;
    double log_value = s->out->log_value[k], sum = 0;
    running_mass(s, f, s->flux);
    if (log_value < s->out->log_value[s->count - 1] + log(SLOW))
        memcpy(s->slow_flux + (size_t)k * (size_t)s->n, s->flux, (size_t)s->n * sizeof(double));
#pragma omp simd
    for (int i = 0; i < s->n; i++) s->flux[i] += exp(s->log_dp[i] - log_value) * g[i];
    double norm = project(s, k, s->flux);
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < s->n; i++) sum += s->panels->weight[i] * g[i] * s->flux[i];
    *shift = fabs(sum);
    return sqrt(norm + mismatch2(s, f, g));
}

/* Distance of 1/lambda_k from the others, relative; the last is as far from what follows as from what precedes. */
static double isolation(const search *s, int k) {
    const double *l = s->out->log_value;
    double below = k > 0 ? fmax(0, expm1(l[k] - l[k - 1])) : INFINITY;
    double above = k + 1 < s->count ? fmax(0, -expm1(l[k] - l[k + 1])) : INFINITY;
    return k + 1 < s->count ? fmin(below, above) : fmin(below, 1);
}

/*
 * Relative change of eigenvalue k when the cut at one end is moved out to infinity.  In the coordinate dy = dx/sqrt(D) the density p sqrt(D)
 * falls like exp(-s y) and f^2 grows by what an eigenfunction may; all of it, when the tail is too flat for a decaying solution.
 */
static double cut_effect(const search *s, int k, int side) {
    const sg_panels *p = s->panels;
    const int b = side < 0 ? 0 : p->count - 1, i = side < 0 ? 0 : s->n - 1;
    double root[SG_PANEL_ORDER], c[SG_PANEL_ORDER];
    if ((side < 0 ? p->log_tail_lo : p->log_tail_hi) == -INFINITY) return 0;
    for (int j = 0; j < SG_PANEL_ORDER; j++) {
        int at = b * SG_PANEL_ORDER + j;
        root[j] = 0.5 * (p->logp[at] + s->log_dp[at]);
    }
    sg_legendre_apply(sg_legendre_coefficient, root, c);
    double fall = -side * sg_legendre_slope(c, side) / (0.5 * (p->edge[b + 1] - p->edge[b]));
    double f = s->out->function[(size_t)k * (size_t)s->n + (size_t)i], log_d = s->log_dp[i] - p->logp[i];
    double q = 4 * exp(s->out->log_value[k] - log_d) / (fall * fall);
    return fall > 0 && q < 1 ? fmin(1, UNCUT * f * f * exp(p->logp[i]) / (fall * sqrt(1 - q))) : 1;
}

/* First-order effect of relative errors of p and D p on the panels: their shares of the norm and of the energy. */
static double defect_effect(const search *s, int k) {
    const double *f = s->out->function + (size_t)k * (size_t)s->n, *g = s->out->derivative + (size_t)k * (size_t)s->n, *of_p, *of_dp;
    double sum = 0;
    sg_shoot_defects(s->shoot, &of_p, &of_dp);
    for (int b = 0; b < s->panels->count; b++) {
        double norm = 0, energy = 0;
#pragma omp simd reduction(+ : norm, energy)
        for (int i = b * SG_PANEL_ORDER; i < (b + 1) * SG_PANEL_ORDER; i++) {
            norm += s->panels->mass[i] * f[i] * f[i];
            energy += s->panels->weight[i] * exp(s->log_dp[i] - s->out->log_value[k]) * g[i] * g[i];
        }
        sum += norm * of_p[b] + energy * of_dp[b];
    }
    return sum;
}

/* Kato and Temple: off by at most residual^2 over the distance from the Rayleigh quotient; Weyl: by the residual. */
static sg_status find_errors(search *s) {
    const sg_panels *p = s->panels;
    double depth = 0;
    for (int i = 0; i < s->n; i++) depth = fmax(depth, fmax(fabs(p->logp[i]), fabs(s->log_dp[i])));
    size_t slow = 0;
    while (s->out->log_value[slow] < s->out->log_value[s->count - 1] + log(SLOW)) slow++;
    sg_status status = sg_new(&s->slow_flux, slow * (size_t)s->n, sizeof(double));
    if (status) return status;
    double floor = 0x1p-52 * (4 * depth + 8 * sg_shoot_cells(s->shoot) + 64) + p->error;
    for (int k = 0; k < s->count; k++) {
        double other = cut_effect(s, k, -1) + cut_effect(s, k, 1) + defect_effect(s, k);
        double shift, r = residual(s, k, &shift);
        s->out->residual = fmax(s->out->residual, r);
        s->out->value_error[k] = floor + fmin(r, shift + r * r / isolation(s, k)) + other;
    }
    return SG_OK;
}

static sg_status find_orthonormality(search *s) {
    size_t n = (size_t)s->n, count = (size_t)s->count;
    double *x = NULL, *gram = NULL;
    sg_status status = sg_new(&x, n * count, sizeof(double));
    if (status) goto out;
    if ((status = sg_new(&gram, count * count, sizeof(double)))) goto out;
    for (size_t k = 0; k < count; k++)
        for (size_t i = 0; i < n; i++) x[k * n + i] = sqrt(s->panels->mass[i]) * s->out->function[k * n + i];
    cblas_dsyrk(CblasColMajor, CblasUpper, CblasTrans, s->count, s->n, 1, x, s->n, 0, gram, s->count);
    for (size_t k = 0; k < count; k++)
        for (size_t j = 0; j <= k; j++)
            s->out->orthonormality = fmax(s->out->orthonormality, fabs(gram[j + k * count] - (j == k)));
out:
    sg_delete(x);
    sg_delete(gram);
    return status;
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
    double **nodes[] = {&s->log_dp, &s->f, &s->g, &s->best_f, &s->best_g, &s->p, &s->flux, &s->work, &s->sum};
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
    double *nodes[] = {s->log_dp, s->f, s->g, s->best_f, s->best_g, s->p, s->flux, s->work, s->sum};
    for (size_t k = 0; k < sizeof nodes / sizeof *nodes; k++) sg_delete(nodes[k]);
    sg_delete(s->slow_flux);
    sg_delete(s->avoid);
    sg_delete(s->range);
    sg_delete(s->value);
    sg_shoot_delete(s->shoot);
    sg_spectrum_delete(s->out);
}

sg_status sg_line_spectrum(const sg_panels *panels, const double *log_d, int count, sg_spectrum **spectrum) {
    search s = {.panels = panels, .n = panels->n, .count = count};
    *spectrum = NULL;
    if (count < 1 || count > MOST_PAIRS)
        return sg_fail(SG_OUT_OF_RANGE, "the number of eigenpairs must lie in [1, %d], not %d", MOST_PAIRS, count);
    sg_status status = allocate(&s);
    if (status) goto out;
    for (int i = 0; i < s.n; i++) {
        s.log_dp[i] = panels->logp[i] + (log_d ? log_d[i] : 0);
        if (isfinite(s.log_dp[i])) continue;
        status = sg_fail(SG_REFUSED, "D p is not positive and finite at x = %g", panels->x[i]);
        goto out;
    }
    for (int i = 0; i < s.n; i++) {
        s.p[i] = exp(panels->logp[i]);
        if (s.p[i] > s.p[s.mode * SG_PANEL_ORDER]) s.mode = i / SG_PANEL_ORDER;
    }
    if ((status = prepare(&s, log_d))) goto out;
    if ((status = set_floor(&s))) goto out;
    find_values(&s);
    for (int k = 0; k < count; k++)
        if ((status = find_function(&s, k))) goto out;
    for (int k = 0; k < count; k++)
        if ((status = check_zeros(&s, k))) goto out;
    if ((status = find_errors(&s))) goto out;
    if ((status = find_orthonormality(&s))) goto out;
    *spectrum = s.out;
    s.out = NULL;
out:
    release(&s);
    return status;
}

/*
 * int S' D p g / lambda dx = -int S' v dx.  Where the gap is beyond the range of double precision g has underflown in the wells, and v is the
 * running integral of p phi.
 */
static sg_status kernel_of(const sg_panels *panels, const double *log_d, const sg_spectrum *spectrum, int k, double *work, double *u) {
    size_t n = (size_t)panels->n;
    const double *f = spectrum->function + (size_t)k * n, *g = spectrum->derivative + (size_t)k * n;
    double log_value = spectrum->log_value[k];
    if (log_value > -600) {
        for (size_t i = 0; i < n; i++) {
            double log_dp = panels->logp[i] + (log_d ? log_d[i] : 0);
            u[i] = panels->weight[i] * exp(log_dp - log_value) * g[i];
        }
        return SG_OK;
    }
    double *right = NULL;
    sg_status status = sg_new(&right, n, sizeof(double));
    if (status) return status;
    for (size_t i = 0; i < n; i++) work[i] = exp(panels->logp[i]) * f[i];
    sg_panels_from_left(panels, work, u, NULL);
    sg_panels_from_right(panels, work, right, NULL);
    for (size_t i = 0; i < n; i++)
        u[i] = -panels->weight[i] * (panels->log_below[i] < panels->log_above[i] ? u[i] : -right[i]);
    sg_delete(right);
    return SG_OK;
}

sg_status sg_line_profile(const sg_panels *panels, const double *log_d, const sg_spectrum *spectrum, int m,
                          const double *score_derivative, double *coefficient) {
    double *u = NULL, *work = NULL;
    size_t n = (size_t)panels->n;
    if (spectrum->n != panels->n) return sg_fail(SG_INTERNAL, "the spectrum belongs to other panels");
    sg_status status = sg_new(&u, n, sizeof(double));
    if (status) goto out;
    if ((status = sg_new(&work, n, sizeof(double)))) goto out;
    for (int k = 0; k < spectrum->count; k++) {
        if ((status = kernel_of(panels, log_d, spectrum, k, work, u))) goto out;
        for (int j = 0; j < m; j++) {
            const double *s = score_derivative + (size_t)j * n;
            for (size_t i = 0; i < n; i++) work[i] = u[i] * s[i];
            coefficient[(size_t)j * (size_t)spectrum->count + (size_t)k] = sg_sum(n, work);
        }
    }
out:
    sg_delete(u);
    sg_delete(work);
    return status;
}
