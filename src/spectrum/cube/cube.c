/* Gaps of dynamics on the hypercube: one eigenpair after the other, and what is reported. */
#include <float.h>
#include <string.h>

#include "base/vecmath.h"
#include "cube.h"
#include "spectrum/finite.h"

typedef struct {
    sg_cube_problem cube;
    int count, known;         /* eigenvalues asked for and found */
    double **lock;            /* [count] eigenvectors */
    sg_lanczos_result *found; /* [count] */
} solver;

static void release(solver *s) {
    for (int k = 0; s->lock && k < s->count; k++) sg_delete(s->lock[k]);
    sg_cube_close(&s->cube);
    sg_delete(s->lock);
    sg_delete(s->found);
}

/* --------------------------------------------------------------------- solve */

/* One eigenpair after the other, each orthogonal to those before: so multiple eigenvalues come as often as they are. */
static sg_status solve(solver *s) {
    for (s->known = 0; s->known < s->count; s->known++) {
        const int k = s->known;
        sg_status status = sg_lanczos_smallest(&s->cube.lanczos, k, s->lock, &s->lock[k], &s->found[k]);
        if (status) return status;
        if (s->found[k].hopeless) { /* what is orthogonal to a vector that has not converged means nothing */
            s->known++;
            return SG_OK;
        }
    }
    return SG_OK;
}

static void sort(solver *s) {
    for (int i = 1; i < s->known; i++)
        for (int k = i; k > 0 && s->found[k].value < s->found[k - 1].value; k--) {
            sg_lanczos_result held = s->found[k];
            double *vector = s->lock[k];
            s->found[k] = s->found[k - 1];
            s->lock[k] = s->lock[k - 1];
            s->found[k - 1] = held;
            s->lock[k - 1] = vector;
        }
}

/* -------------------------------------------------------------------- report */

static double top_of(const solver *s) {
    double top = 0;
    for (int k = 0; k < s->known; k++) top = fmax(top, fmax(s->found[k].top, s->found[k].value));
    return top;
}

static double floor_of(const solver *s) {
    return sg_cube_floor(&s->cube, top_of(s));
}

static double error_of(const solver *s, int k) {
    return s->found[k].residual + floor_of(s);
}

static void report(const solver *s, sg_gap *out) {
    const sg_lanczos_result *first = &s->found[0];
    const double floor = floor_of(s);
    double value = fmax(first->value, DBL_MIN);
    sg_finite_report(sg_scaled_of(value, 0), first->hopeless ? INFINITY : error_of(s, 0) / value, floor / value,
                     first->steps, "Lanczos on the cube", out);
    if (out->status == SG_UNCERTIFIED)
        snprintf(out->message, sizeof out->message,
                 "after %d Lanczos steps the gap is at most %.3g, the top of the spectrum %.3g: too far apart for "
                 "double precision, or for the steps that are allowed",
                 first->steps, out->gap_upper, top_of(s));
}

/* The eigenvector of A becomes a function: f = y / pi^{1/2}. */
static void make_function(const solver *s, double *y) {
    const sg_cube_operator *op = &s->cube.op;
    const size_t n = s->cube.lanczos.n;
    const double *root = s->cube.root, size = sqrt(sg_cube_dot(n, op->threads, root, root, op->partial));
    for (size_t x = 0; x < n; x++) y[x] = root[x] > 0 ? y[x] / root[x] * size : 0;
}

static sg_status give(solver *s, sg_chain_spectrum **spectrum) {
    sg_chain_spectrum *made = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (!status) status = sg_new(&made->value, (size_t)s->count, sizeof(double));
    if (!status) status = sg_new(&made->error, (size_t)s->count, sizeof(double));
    if (status) {
        sg_chain_spectrum_delete(made);
        return status;
    }
    made->count = s->known;
    made->largest = top_of(s);
    made->bytes = s->cube.bytes;
    for (int k = 0; k < s->known; k++) {
        made->value[k] = s->found[k].value;
        made->error[k] = error_of(s, k);
        made->products += s->found[k].products;
    }
    made->vector = s->lock[0];
    s->lock[0] = NULL;
    make_function(s, made->vector);
    *spectrum = made;
    return SG_OK;
}

void sg_chain_spectrum_delete(sg_chain_spectrum *spectrum) {
    if (!spectrum) return;
    sg_delete(spectrum->value);
    sg_delete(spectrum->error);
    sg_delete(spectrum->vector);
    sg_delete(spectrum);
}

static sg_status open_solver(solver *s, int count) {
    sg_status status = sg_cube_check(&s->cube);
    if (status) return status;
    s->count = (size_t)count < s->cube.states ? count : (int)(s->cube.states - 1);
    status = sg_cube_open(&s->cube, s->count + 2);
    if (!status) status = sg_new(&s->lock, (size_t)s->count, sizeof *s->lock);
    if (!status) status = sg_new(&s->found, (size_t)s->count, sizeof *s->found);
    return status;
}

static sg_status run(solver *s, int count, sg_gap *out, sg_chain_spectrum **spectrum) {
    const double start = sg_finite_now();
    const sg_cube_problem *c = &s->cube;
    if (spectrum) *spectrum = NULL;
    *out = (sg_gap){0};
    if (count < 1) return sg_fail(SG_OUT_OF_RANGE, "%d eigenvalues were asked for: it must be at least 1", count);
    sg_status status = open_solver(s, count);
    if (!status) status = solve(s);
    if (status) goto out;
    sort(s);
    report(s, out);
    if (spectrum && (status = give(s, spectrum))) goto out;
    if (out->status == SG_UNCERTIFIED)
        status = sg_cube_small(c->cube, c->rate, c->context, c->states, s->count, out, spectrum ? *spectrum : NULL);
out:
    release(s);
    out->seconds = sg_finite_now() - start;
    return status;
}

sg_status sg_cube_gap(const sg_cube *cube, const sg_spectrum_settings *settings, int count, sg_gap *out,
                      sg_chain_spectrum **spectrum) {
    solver s = {.cube = {.cube = cube, .settings = settings}};
    return run(&s, count, out, spectrum);
}

sg_status sg_cube_gap_over(const sg_cube *cube, double *log_p, const sg_spectrum_settings *settings, int count,
                           sg_gap *out, sg_chain_spectrum **spectrum) {
    sg_cube own = *cube;
    own.log_p = log_p;
    solver s = {.cube = {.cube = &own, .settings = settings}};
    if (own.n >= 1 && own.n <= SG_CUBE_MOST && !sg_cube_is_small(&own)) s.cube.over = log_p;
    return run(&s, count, out, spectrum);
}

sg_status sg_flip_gap(int n, const double *log_p, sg_flip_rate rate, const void *context,
                      const sg_spectrum_settings *settings, int count, sg_gap *out, sg_chain_spectrum **spectrum) {
    uint32_t block[SG_CUBE_MOST];
    double weight[SG_CUBE_MOST];
    for (int i = 0; i < SG_CUBE_MOST; i++) block[i] = (uint32_t)1 << i, weight[i] = 1;
    sg_cube cube = {n, n, block, weight, log_p};
    solver s = {.cube = {.cube = &cube, .rate = rate, .context = context, .settings = settings}};
    return run(&s, count, out, spectrum);
}
