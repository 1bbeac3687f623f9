/* The log-Sobolev constant of a small reversible chain: all of its functions. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "log-sobolev.h"

enum { STATES_MOST = 512, MODES = 4, LIGHTEST = 4 };

typedef struct {
    const sg_chain *chain;
    sg_entropy_space space;
    double *log_pi, *mass, *value, *function, *scale, *x, *work, *f;
    double ratio, unit; /* unit: of the eigenvalues, the smallest nonzero one */
} problem;

static void clear(problem *p) {
    double *array[] = {p->log_pi, p->mass, p->value, p->function, p->scale,
                       p->x,      p->work, p->f,     p->space.f,  p->space.slope};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
}

static sg_status take(problem *p, int n) {
    const size_t size = (size_t)n;
    double **array[] = {&p->log_pi, &p->mass, &p->value,   &p->scale,      &p->x,
                        &p->work,   &p->f,    &p->space.f, &p->space.slope};
    sg_status status = sg_new(&p->function, size * size, sizeof(double));
    for (size_t k = 0; !status && k < sizeof array / sizeof *array; k++)
        status = sg_new(array[k], size, sizeof(double));
    return status;
}

/* E(f,f) = 1/2 sum_x pi(x) sum_y q(x,y) (f(x) - f(y))^2 */
static double energy(const problem *p, const double *f) {
    const sg_chain *c = p->chain;
    double sum = 0;
    for (long long e = 0; e < c->edges; e++) {
        const double d = f[c->from[e]] - f[c->to[e]];
        sum += 0.5 * exp(p->log_pi[c->from[e]] + c->log_rate[e]) * d * d;
    }
    return sum;
}

/* Columns of the symmetric form, over its square root of pi: orthonormal functions. */
static sg_status decompose(problem *p) {
    const sg_chain *c = p->chain;
    const size_t n = (size_t)c->n;
    double *a = p->function, *vector = NULL;
    sg_status status = sg_new(&vector, n * n, sizeof *vector);
    if (status) return status;
    for (long long e = 0; e < c->edges; e++) {
        const size_t x = (size_t)c->from[e], y = (size_t)c->to[e];
        const double rate = exp(c->log_rate[e]), half = 0.5 * (p->log_pi[x] - p->log_pi[y]);
        a[x + x * n] += rate;
        a[x + y * n] -= 0.5 * rate * exp(half);
        a[y + x * n] -= 0.5 * rate * exp(half);
    }
    status = sg_symmetric_eigen(c->n, a, p->value, vector);
    for (size_t k = 1; k < n && !status; k++)
        for (size_t x = 0; x < n; x++) p->function[(k - 1) * n + x] = vector[k * n + x] * exp(-0.5 * p->log_pi[x]);
    sg_delete(vector);
    return status;
}

/* Energies from the functions themselves: differences have no cancellation of large terms. */
static sg_status basis(problem *p) {
    const size_t n = (size_t)p->chain->n;
    for (size_t k = 0; k + 1 < n; k++) {
        const double *phi = p->function + k * n;
        double mean = 0, size = 0;
        for (size_t x = 0; x < n; x++) mean += p->mass[x] * phi[x];
        for (size_t x = 0; x < n; x++) size += p->mass[x] * (phi[x] - mean) * (phi[x] - mean);
        p->value[k] = energy(p, phi) / size;
    }
    p->unit = p->value[0];
    for (size_t k = 1; k + 1 < n; k++) p->unit = fmin(p->unit, p->value[k]);
    if (!(p->unit > 0)) return sg_fail(SG_REFUSED, "the chain is reducible: it has no log-Sobolev constant");
    for (size_t k = 0; k + 1 < n; k++) p->scale[k] = sqrt(p->unit / p->value[k]);
    p->space.nodes = p->chain->n;
    p->space.count = p->chain->n - 1;
    p->space.mass = p->mass;
    p->space.scale = p->scale;
    p->space.function = p->function;
    return SG_OK;
}

/* sqrt of the law with most of its mass on one of the lightest states, over that of the chain. */
static sg_status light_states(problem *p) {
    const int n = p->chain->n;
    for (int k = 0; k < LIGHTEST && k < n; k++) {
        int at = -1;
        for (int x = 0; x < n; x++) {
            int lighter = 0;
            for (int y = 0; y < n; y++)
                lighter += p->log_pi[y] < p->log_pi[x] || (p->log_pi[y] == p->log_pi[x] && y < x);
            if (lighter == k) at = x;
        }
        for (int x = 0; x < n; x++) p->f[x] = 0.5;
        p->f[at] += exp(-0.5 * p->log_pi[at]);
        sg_status status = sg_entropy_from(&p->space, p->f, p->work, p->x, &p->ratio);
        if (status) return status;
    }
    return SG_OK;
}

/* The quotient of the maximizer from its differences: a lower side whatever the eigenfunctions are worth. */
static void report(problem *p, sg_log_sobolev *out) {
    const int n = p->chain->n;
    double size;
    out->log_value = -log(p->unit);
    if (p->ratio > 1) {
        sg_entropy_function(&p->space, p->x, p->f);
        const double entropy = sg_entropy_of(n, p->mass, p->f, &size), quotient = entropy / (2 * energy(p, p->f));
        if (isfinite(quotient)) out->log_value = fmax(out->log_value, log(quotient));
        out->share = sg_entropy_share(&p->space, p->x);
    }
    out->log_lower = out->log_value - 4 * n * DBL_EPSILON;
    out->ratio = fmax(1, exp(out->log_value + log(p->unit)));
    out->basis = n;
    out->iterations = p->space.iterations;
}

sg_status sg_chain_log_sobolev(const sg_chain *chain, sg_log_sobolev *out) {
    problem p = {.chain = chain, .ratio = 1};
    bool reversible;
    *out = (sg_log_sobolev){.log_value = NAN,
                            .log_lower = -INFINITY,
                            .log_upper = INFINITY,
                            .ratio = NAN,
                            .method = "ascent over all functions"};
    if (chain->n < 2 || chain->n > STATES_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "the log-Sobolev constant is for chains of 2 to %d states, not %d",
                       (int)STATES_MOST, chain->n);
    sg_status status = take(&p, chain->n);
    if (!status) status = sg_chain_law(chain, p.log_pi, &reversible);
    if (!status && !reversible)
        status = sg_fail(SG_REFUSED, "the log-Sobolev constant is for reversible chains, and this one is not");
    if (status) goto out;
    double total = 0;
    for (int x = 0; x < chain->n; x++) total += exp(p.log_pi[x]);
    for (int x = 0; x < chain->n; x++) {
        p.log_pi[x] -= log(total);
        p.mass[x] = exp(p.log_pi[x]);
    }
    if ((status = decompose(&p))) goto out;
    if ((status = basis(&p))) goto out;
    if ((status = sg_entropy_modes(&p.space, MODES, p.work, p.x, &p.ratio))) goto out;
    if ((status = light_states(&p))) goto out;
    report(&p, out);
out:
    clear(&p);
    return status;
}
