#include "log-sobolev.h"

#include <gsl/gsl_errno.h>
#include <gsl/gsl_multimin.h>
#include <math.h>
#include <string.h>

#include "base/vecmath.h"

enum { STEPS_MOST = 400 };
static const double FIRST_STEP = 0.05, LINE_SEARCH = 0.1, FLAT = 1e-10;
/* Nearer to constants (Var f over E f^2) the quotient is 1 up to that much, and its digits are lost to cancellation. */
static const double CONSTANT = 1e-7;
/* An ascent that comes so near to them from a quotient below 1 goes on to them: either sign of a mode is a start, and
 * that of the larger quotient goes away. */
static const double TOWARDS_CONSTANT = 1e-3;
static const double STALLED = 1e-14; /* gain of PATIENCE steps */
enum { PATIENCE = 5 };

/* ------------------------------------------------------------------ functions */

void sg_entropy_function(const sg_entropy_space *s, const double *x, double *f) {
    for (int i = 0; i < s->nodes; i++) f[i] = x[0];
    for (int k = 0; k < s->count; k++) {
        const double c = x[k + 1] * s->scale[k], *phi = s->function + (size_t)k * (size_t)s->nodes;
        if (c == 0) continue;
#pragma omp simd
        for (int i = 0; i < s->nodes; i++) f[i] += c * phi[i];
    }
}

/* With t = f^2/E f^2 - 1: Ent = E f^2 E[(1 + t) log(1 + t) - t]. */
double sg_entropy_of(int nodes, const double *mass, const double *f, double *size) {
    double total = 0, square = 0, sum = 0;
#pragma omp simd reduction(+ : total, square)
    for (int i = 0; i < nodes; i++) {
        total += mass[i];
        square += mass[i] * f[i] * f[i];
    }
    square /= total;
    if (!(square > 0) || !isfinite(square)) {
        *size = square;
        return NAN;
    }
#pragma omp simd reduction(+ : sum)
    for (int i = 0; i < nodes; i++) {
        const double q = f[i] * f[i] / square, t = q - 1;
        sum += mass[i] * (q * log1p(t > -1 ? t : -1 + 0x1p-53) - t);
    }
    *size = square;
    return square * sum / total;
}

static double length2(const sg_entropy_space *s, const double *x) {
    double sum = 0;
    for (int k = 1; k <= s->count; k++) sum += x[k] * x[k];
    return sum;
}

double sg_entropy_share(const sg_entropy_space *s, const double *x) {
    double sum = 0;
    for (int k = 0; k < s->count; k++) sum += x[k + 1] * s->scale[k] * x[k + 1] * s->scale[k];
    return sum / (sum + x[0] * x[0]);
}

double sg_entropy_quotient(sg_entropy_space *s, const double *x) {
    double size;
    sg_entropy_function(s, x, s->f);
    return sg_entropy_of(s->nodes, s->mass, s->f, &size) / (2 * length2(s, x));
}

/* --------------------------------------------------------------------- ascent */

/* -log quotient + (log E f^2)^2/2: the second term fixes the scale, which the first leaves free. */
static double height(sg_entropy_space *s, const double *x, double *entropy, double *energy, double *size) {
    sg_entropy_function(s, x, s->f);
    *entropy = sg_entropy_of(s->nodes, s->mass, s->f, size);
    *energy = length2(s, x);
    const double value = *entropy / (2 * *energy);
    if (!(value > 0) || !isfinite(value)) return GSL_NAN;
    return -log(value) + 0.5 * log(*size) * log(*size);
}

static double objective(const gsl_vector *v, void *context) {
    double entropy, energy, size;
    return height(context, v->data, &entropy, &energy, &size);
}

static void objective_and_gradient(const gsl_vector *v, void *context, double *value, gsl_vector *gradient) {
    sg_entropy_space *s = context;
    const double *x = v->data;
    double entropy, energy, size, mean = 0, mean_f = 0, *g = gradient->data;
    *value = height(s, x, &entropy, &energy, &size);
#pragma omp simd
    for (int i = 0; i < s->nodes; i++) {
        const double q = s->f[i] * s->f[i] / size;
        s->slope[i] = s->mass[i] * s->f[i] * log(q > 1e-300 ? q : 1);
    }
    for (int i = 0; i < s->nodes; i++) {
        mean += s->slope[i];
        mean_f += s->mass[i] * s->f[i];
    }
    const double pull = 2 * log(size) / size;
    g[0] = -2 * mean / entropy + pull * mean_f;
    for (int k = 0; k < s->count; k++) {
        const double *phi = s->function + (size_t)k * (size_t)s->nodes;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < s->nodes; i++) sum += s->slope[i] * phi[i];
        const double d = x[k + 1], c = d * s->scale[k];
        g[k + 1] = s->scale[k] * (-2 * sum / entropy + pull * c) + 2 * d / energy;
    }
}

static void gradient_only(const gsl_vector *v, void *context, gsl_vector *gradient) {
    double value;
    objective_and_gradient(v, context, &value, gradient);
}

static void normalize(sg_entropy_space *s, double *x) {
    double size;
    sg_entropy_function(s, x, s->f);
    (void)sg_entropy_of(s->nodes, s->mass, s->f, &size);
    for (int k = 0; k <= s->count; k++) x[k] /= sqrt(size);
}

sg_status sg_entropy_climb(sg_entropy_space *s, double best, double *x, double *ratio) {
    const size_t size = (size_t)s->count + 1;
    *ratio = 1;
    if (!(sg_entropy_quotient(s, x) > 0)) return SG_OK;
    normalize(s, x);
    gsl_multimin_function_fdf target = {objective, gradient_only, objective_and_gradient, size, s};
    gsl_multimin_fdfminimizer *m = gsl_multimin_fdfminimizer_alloc(gsl_multimin_fdfminimizer_vector_bfgs2, size);
    if (!m) return sg_fail(SG_NO_MEMORY, "memory for the log-Sobolev constant is exhausted");
    gsl_vector_view start = gsl_vector_view_array(x, size);
    int failed = gsl_multimin_fdfminimizer_set(m, &target, &start.vector, FIRST_STEP, LINE_SEARCH);
    double before = m->f;
    for (int step = 1; step <= STEPS_MOST && !failed; step++) {
        failed = gsl_multimin_fdfminimizer_iterate(m);
        s->iterations++;
        if (gsl_multimin_test_gradient(m->gradient, FLAT) == GSL_SUCCESS) break;
        const double share = sg_entropy_share(s, m->x->data);
        if (share < CONSTANT || (share < TOWARDS_CONSTANT && m->f > 0)) break;
        if (step % PATIENCE) continue;
        const double gain = before - m->f, behind = m->f + log(best);
        if (!(gain > STALLED) || behind > gain * STEPS_MOST / PATIENCE) break; /* at this pace it never gets there */
        before = m->f;
    }
    if (isfinite(m->f)) memcpy(x, m->x->data, size * sizeof *x);
    gsl_multimin_fdfminimizer_free(m);
    const double reached = sg_entropy_quotient(s, x);
    if (reached > 1 && sg_entropy_share(s, x) >= CONSTANT) *ratio = reached;
    return SG_OK;
}

/* --------------------------------------------------------------------- starts */

static sg_status better(sg_entropy_space *s, double *work, double *x, double *ratio) {
    double reached;
    sg_status status = sg_entropy_climb(s, *ratio, work, &reached);
    if (status || !(reached > *ratio)) return status;
    *ratio = reached;
    memcpy(x, work, ((size_t)s->count + 1) * sizeof *x);
    return SG_OK;
}

sg_status sg_entropy_modes(sg_entropy_space *s, int modes, double *work, double *x, double *ratio) {
    static const double mean[] = {0.999, 0.98, 0.93, 0.8, 0.6, 0.4, 0.2, 0.1, 0.03};
    const int given = sizeof mean / sizeof *mean, deep = 24;
    for (int k = 0; k < modes && k < s->count; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            double best = 0, best_mean = 0;
            memset(work, 0, ((size_t)s->count + 1) * sizeof *work);
            for (int j = 0; j < given + deep; j++) {
                work[0] = j < given ? mean[j] : pow(10, -2 - 2 * (j - given)); /* E f, as E f^2 = 1 */
                work[k + 1] = sign * sqrt(1 - work[0] * work[0]) / s->scale[k];
                const double value = sg_entropy_quotient(s, work);
                if (value > best) best = value, best_mean = work[0];
            }
            work[0] = best_mean;
            work[k + 1] = sign * sqrt(1 - best_mean * best_mean) / s->scale[k];
            sg_status status = better(s, work, x, ratio);
            if (status) return status;
        }
    return SG_OK;
}

sg_status sg_entropy_from(sg_entropy_space *s, const double *f, double *work, double *x, double *ratio) {
    double mean = 0, size = 0;
    for (int i = 0; i < s->nodes; i++) {
        mean += s->mass[i] * f[i];
        size += s->mass[i] * f[i] * f[i];
    }
    if (!(size > 0) || !isfinite(size)) return SG_OK;
    work[0] = mean;
    for (int k = 0; k < s->count; k++) {
        const double *phi = s->function + (size_t)k * (size_t)s->nodes;
        double sum = 0;
        for (int i = 0; i < s->nodes; i++) sum += s->mass[i] * f[i] * phi[i];
        work[k + 1] = sum / s->scale[k];
    }
    return length2(s, work) > 0 ? better(s, work, x, ratio) : SG_OK;
}
