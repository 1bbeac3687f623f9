/* Residuals of eigenpairs on the line by the integral operator, error bounds of eigenvalues, orthonormality. */
#include "verify.h"

#include <math.h>
#include <string.h>

#include <cblas.h>

#include "base/vecmath.h"
#include "numeric/legendre.h"

#define SLOW 1e-3 /* eigenvalues that much smaller are projected out of residuals */
#define UNCUT 4   /* safety factor of the estimated effect of the cut */

typedef struct {
    const sg_panels *panels;
    const double *log_dp; /* [n] */
    const sg_shoot *shoot;
    sg_spectrum *out;
    int n, count;
    double *p, *flux, *work, *sum; /* [n] */
    double *slow_flux;             /* [count of slow modes][n] int_lo^x p phi */
    int mode;                      /* panel with the mode */
} verification;

/* v = int_lo^x p f, from the end that lies on the same side of the mode: at a barrier both would differ by rounding
 * over p. */
static void running_mass(verification *s, const double *f, double *v) {
    for (int i = 0; i < s->n; i++) s->work[i] = s->p[i] * f[i];
    sg_panels_from_left(s->panels, s->work, v, NULL);
    sg_panels_from_right(s->panels, s->work, s->sum, NULL);
    for (int i = s->mode * SG_PANEL_ORDER; i < s->n; i++) v[i] = -s->sum[i];
}

/* |r/(D p)|^2 in the norm of D p, times lambda; weights beyond e^1200 are cut. */
static double norm2(const verification *s, const double *r, double log_value) {
    double sum = 0;
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < s->n; i++) {
        double root = 0.5 * (log_value - s->log_dp[i]), scaled = r[i] * exp(root < 600 ? root : 600);
        sum += s->panels->weight[i] * scaled * scaled;
    }
    return sum;
}

/*
 * Takes the slow modes before k out of r = D p rho, in the form D p g/lambda = -v, which like r is constant to the last
 * bit across a barrier; each pass goes down to rounding of what is there.  Returns the norm.
 */
static double project(verification *s, int k, double *r) {
    double log_value = s->out->log_value[k], before = INFINITY, norm = norm2(s, r, log_value);
    for (int pass = 0; pass < 40 && norm < 0.25 * before; pass++) {
        for (int j = 0; j < k && s->out->log_value[j] < log_value + log(SLOW); j++) {
            const double *g = s->out->derivative + (size_t)j * (size_t)s->n,
                         *v = s->slow_flux + (size_t)j * (size_t)s->n;
            double c = 0;
#pragma omp simd reduction(+ : c)
            for (int i = 0; i < s->n; i++) c += s->panels->weight[i] * g[i] * r[i];
            for (int i = 0; i < s->n; i++) r[i] += c * v[i];
        }
        before = norm;
        norm = norm2(s, r, log_value);
    }
    return norm;
}

/* Mean square of what f' = g misses between neighbouring nodes: locally, since int g loses the wells beside a barrier.
 */
static double mismatch2(verification *s, const double *f, const double *g) {
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
 * Relative residual |T g - g/lambda| lambda in the norm of D p, with T g = -(1/(D p)) int_lo^x p f, f' = g; slow modes
 * are projected out (rounding in their direction is 1/lambda_slow).  *shift: the relative difference of the Rayleigh
 * quotient from 1/lambda.
 */
static double residual(verification *s, int k, double *shift) {
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
static double isolation(const verification *s, int k) {
    const double *l = s->out->log_value;
    double below = k > 0 ? fmax(0, expm1(l[k] - l[k - 1])) : INFINITY;
    double above = k + 1 < s->count ? fmax(0, -expm1(l[k] - l[k + 1])) : INFINITY;
    return k + 1 < s->count ? fmin(below, above) : fmin(below, 1);
}

/*
 * Relative change of eigenvalue k when the cut at one end is moved out to infinity.  In the coordinate dy = dx/sqrt(D)
 * the density p sqrt(D) falls like exp(-s y) and f^2 grows by what an eigenfunction may; all of it, when the tail is
 * too flat for a decaying solution.
 */
static double cut_effect(const verification *s, int k, int side) {
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
static double defect_effect(const verification *s, int k) {
    const double *f = s->out->function + (size_t)k * (size_t)s->n, *g = s->out->derivative + (size_t)k * (size_t)s->n,
                 *of_p, *of_dp;
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
static sg_status find_errors(verification *s) {
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

static sg_status find_orthonormality(verification *s) {
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

static sg_status prepare(verification *s) {
    double **node[] = {&s->p, &s->flux, &s->work, &s->sum};
    for (size_t k = 0; k < sizeof node / sizeof *node; k++) {
        sg_status status = sg_new(node[k], (size_t)s->n, sizeof(double));
        if (status) return status;
    }
    for (int i = 0; i < s->n; i++) {
        s->p[i] = exp(s->panels->logp[i]);
        if (s->p[i] > s->p[s->mode * SG_PANEL_ORDER]) s->mode = i / SG_PANEL_ORDER;
    }
    return SG_OK;
}

sg_status sg_spectrum_verify(const sg_panels *panels, const double *log_dp, const sg_shoot *shoot,
                             sg_spectrum *spectrum) {
    verification s = {.panels = panels,
                      .log_dp = log_dp,
                      .shoot = shoot,
                      .out = spectrum,
                      .n = spectrum->n,
                      .count = spectrum->count};
    sg_status status = prepare(&s);
    if (!status) status = find_errors(&s);
    if (!status) status = find_orthonormality(&s);
    double *array[] = {s.p, s.flux, s.work, s.sum, s.slow_flux};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    return status;
}
