/* Poincare constants of mixtures of normals on (x, beta), from those of the level alone. */
#include <math.h>

#include "numeric/legendre.h"
#include "scoregap/bound.h"

enum { STEPS = 12, TRIES = 40 };
static const double NEAR = 1e-3; /* how near to the least constant the search goes */

/* ------------------------------------------------------------------- one component */

typedef struct {
    int d;
    double lambda, top;   /* beta_max */
    const double *spread; /* [d] eigenvalues of its covariance, ascending */
    const sg_panels *level;
    const double *log_h;
    double *log_d; /* [n] */
} component;

/* k(beta) = (lambda^2/4) tr (S + lambda beta)^-1 */
static double coupling(const component *c, double beta) {
    double sum = 0;
    for (int a = 0; a < c->d; a++) sum += 1 / (c->spread[a] + c->lambda * beta);
    return 0.25 * c->lambda * c->lambda * sum;
}

/* log C_P(r, h_C) from above; C = INFINITY stands for h itself.  In u = log(1 + beta) a coefficient is divided by (1 +
 * beta)^2. */
static sg_status level_constant(component *c, double constant, double *log_upper) {
    sg_chen chen;
    for (int i = 0; i < c->level->n; i++) {
        const double u = c->level->x[i], beta = expm1(u), wide = c->spread[c->d - 1] + c->lambda * beta;
        const double k = isinf(constant) ? 0 : coupling(c, beta) * constant / (constant - wide);
        c->log_d[i] = c->log_h[i] - log1p(k * exp(c->log_h[i])) - 2 * u;
    }
    sg_status status = sg_bound_chen(c->level, c->log_d, STEPS, &chen);
    *log_upper = chen.log_upper;
    return status;
}

/*
 * C_P(r, h_C) falls as C grows: between a value that is too small and one that holds, and the constant at one that
 * holds is again no larger than the root.
 */
static sg_status component_constant(component *c, double *log_constant) {
    double at, low = log(c->spread[c->d - 1] + c->lambda * c->top), high = INFINITY;
    sg_status status = level_constant(c, INFINITY, &at);
    if (status) return status;
    low = sg_larger(low, at);
    for (int k = 0; k < TRIES && high - low > NEAR; k++) {
        const double guess = isinf(high) ? low + NEAR * exp2(k) : 0.5 * (low + high);
        if ((status = level_constant(c, exp(guess), &at))) return status;
        if (at <= guess) {
            high = guess;
            low = sg_larger(low, at);
        } else {
            low = guess;
        }
    }
    *log_constant = high;
    return isinf(high) ? sg_fail(SG_NOT_CONVERGED, "no bound on the Poincare constant of a component was found")
                       : SG_OK;
}

/* ---------------------------------------------------------------------- the mixture */

/* S + lambda beta */
static void widen(int d, const double *covariance, double add, double *out) {
    for (int a = 0; a < d * d; a++) out[a] = covariance[a] + (a % (d + 1) ? 0 : add);
}

/* log int r chi^2(N_j || N_i); infinite where it is at beta = 0, for it falls as beta grows. */
static sg_status log_overlap(const sg_tempered_normals *law, int i, int j, double *room, double *out) {
    const int d = law->d, square = d * d;
    const double *mean_i = law->mean + i * d, *mean_j = law->mean + j * d;
    const double *one = law->covariance + i * square, *other = law->covariance + j * square;
    double at, top = -INFINITY, sum = 0;
    sg_status status = sg_bound_normals_log_chi2(d, mean_i, one, mean_j, other, out);
    if (status || *out == INFINITY) return status;
    for (int k = 0; k < law->level->n && !status; k++) {
        const double add = law->lambda * expm1(law->level->x[k]);
        if (!(law->level->mass[k] > 0)) continue;
        widen(d, one, add, room);
        widen(d, other, add, room + square);
        status = sg_bound_normals_log_chi2(d, mean_i, room, mean_j, room + square, &at);
        at += log(law->level->mass[k]);
        if (at == -INFINITY) continue;
        sum = at > top ? sum * exp(top - at) + 1 : sum + exp(at - top);
        top = sg_larger(top, at);
    }
    *out = top + log(sum);
    if (top == -INFINITY) *out = -INFINITY;
    return status;
}

static bool same(int count, const double *a, const double *b) {
    for (int k = 0; k < count; k++)
        if (a[k] != b[k]) return false;
    return true;
}

static sg_status all_constants(const sg_tempered_normals *law, double *spread, double *log_d, double *log_c) {
    const int d = law->d;
    sg_status status = SG_OK;
    for (int i = 0; i < law->count && !status; i++) {
        double *own = spread + i * d;
        component c = {.d = d, .lambda = law->lambda, .spread = own, .level = law->level, .log_h = law->log_h};
        c.log_d = log_d;
        c.top = expm1(law->level->edge[law->level->count]);
        if ((status = sg_symmetric_eigen(d, law->covariance + i * d * d, own, NULL))) return status;
        if (!(own[0] > 0)) return sg_fail(SG_OUT_OF_RANGE, "the covariance of a component is not positive definite");
        if (i > 0 && same(d, own, own - d))
            log_c[i] = log_c[i - 1];
        else
            status = component_constant(&c, &log_c[i]);
    }
    return status;
}

sg_status sg_bound_tempered_upper(const sg_tempered_normals *law, double *log_poincare_upper) {
    const size_t count = (size_t)(law->count > 0 ? law->count : 0), d = (size_t)law->d, n = (size_t)law->level->n;
    double *work = NULL;
    *log_poincare_upper = INFINITY;
    sg_status status = sg_new(&work, count + count * count + count * d + n + 2 * d * d, sizeof *work);
    if (status) return status;
    double *log_c = work, *log_chi2 = log_c + count, *spread = log_chi2 + count * count, *log_d = spread + count * d;
    double *room = log_d + n;
    status = all_constants(law, spread, log_d, log_c);
    for (size_t k = 0; k < count * count && !status; k++)
        status = log_overlap(law, (int)(k / count), (int)(k % count), room, &log_chi2[k]);
    if (!status) status = sg_bound_mixture_upper(law->count, law->weight, log_c, log_chi2, log_poincare_upper);
    sg_delete(work);
    return status;
}

double sg_bound_tempered_scales_upper(int d, double lambda_min, double lambda_max, double diameter2) {
    const double R = diameter2 / lambda_min, top = 14 * R - 1;
    if (!(d > 0 && lambda_min > 0 && lambda_max >= lambda_min && top > 0)) return NAN;
    const double wide = lambda_max + lambda_min * top, level = top * top / (M_PI * M_PI);
    const double b = wide + level * (1 + 0.25 * d * lambda_min), root = sqrt(b * b - 4 * wide * level);
    return log(0.5 * (b + root)) + log1p(0.5 * sg_larger(1, 14 * R));
}
