/* The log-Sobolev constant on the line and on the circle: nested bases of eigenfunctions. */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "log-sobolev.h"

enum { FEWEST = 8, USUAL = 64, MODES = 3 };
static const double CONVERGED = 1e-6;

typedef sg_status eigenfunctions(const sg_panels *panels, const double *log_d, int count, sg_spectrum **spectrum);

typedef struct {
    const sg_panels *panels;
    sg_spectrum *spectrum;
    sg_entropy_space space;
    double *x, *work, *f, *scale;
    double ratio;
} problem;

static void clear(problem *p) {
    sg_spectrum_delete(p->spectrum);
    double *array[] = {p->x, p->work, p->f, p->scale, p->space.f, p->space.slope};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
}

/* As many eigenfunctions as the panels resolve. */
static sg_status open(problem *p, eigenfunctions *solve, const sg_panels *panels, const double *log_d, int *count) {
    sg_status status = solve(panels, log_d, *count, &p->spectrum);
    while (status == SG_NOT_CONVERGED && *count >= 2 * FEWEST) {
        *count /= 2;
        status = solve(panels, log_d, *count, &p->spectrum);
    }
    const int most = *count;
    const size_t n = (size_t)panels->n, size = (size_t)most + 1;
    p->panels = panels;
    p->ratio = 1;
    if (!status) status = sg_new(&p->x, size, sizeof(double));
    if (!status) status = sg_new(&p->work, size, sizeof(double));
    if (!status) status = sg_new(&p->scale, size, sizeof(double));
    if (!status) status = sg_new(&p->f, n, sizeof(double));
    if (!status) status = sg_new(&p->space.f, n, sizeof(double));
    if (!status) status = sg_new(&p->space.slope, n, sizeof(double));
    if (status) return status;
    for (int k = 0; k < most; k++) p->scale[k] = exp(0.5 * (p->spectrum->log_value[0] - p->spectrum->log_value[k]));
    p->space.nodes = panels->n;
    p->space.mass = panels->mass;
    p->space.scale = p->scale;
    p->space.function = p->spectrum->function;
    return SG_OK;
}

/* exp(t x), the maximizers of a Gaussian law. */
static sg_status exponentials(problem *p) {
    static const double tilt[] = {-3, -1, 1, 3};
    const sg_panels *panels = p->panels;
    const double mean = sg_panels_mean(panels, panels->x);
    for (int i = 0; i < panels->n; i++) p->f[i] = (panels->x[i] - mean) * (panels->x[i] - mean);
    const double sd = sqrt(sg_panels_mean(panels, p->f));
    if (!isfinite(sd)) return SG_OK;
    for (size_t k = 0; k < sizeof tilt / sizeof *tilt; k++) {
        for (int i = 0; i < panels->n; i++) p->f[i] = exp(fmin(300, 0.5 * tilt[k] * (panels->x[i] - mean) / sd));
        sg_status status = sg_entropy_from(&p->space, p->f, p->work, p->x, &p->ratio);
        if (status) return status;
    }
    return SG_OK;
}

/* With `count` functions: from what the smaller basis has found, then from the starts. */
static sg_status level(problem *p, int count, bool starts) {
    sg_entropy_space *s = &p->space;
    double again;
    sg_status status = SG_OK;
    s->count = count;
    if (p->ratio > 1) {
        memcpy(p->work, p->x, ((size_t)count + 1) * sizeof(double));
        if ((status = sg_entropy_climb(s, 1, p->work, &again))) return status;
        if (again > p->ratio) {
            p->ratio = again;
            memcpy(p->x, p->work, ((size_t)count + 1) * sizeof(double));
        }
    }
    if (!starts) return status;
    status = sg_entropy_modes(s, MODES, p->work, p->x, &p->ratio);
    return status ? status : exponentials(p);
}

/* Relative error of the energy of x by the errors of the eigenpairs that it is made of. */
static double energy_error(const problem *p) {
    const double *x = p->x;
    double sum = 0, error = 0;
    if (!(p->ratio > 1)) return p->spectrum->value_error[0];
    for (int k = 0; k < p->space.count; k++) {
        sum += x[k + 1] * x[k + 1];
        error += x[k + 1] * x[k + 1] * fmin(1, p->spectrum->value_error[k]);
    }
    return error / sum + 2 * p->spectrum->orthonormality;
}

static void report(const problem *p, double before, sg_log_sobolev *out) {
    const double error = energy_error(p);
    out->ratio = p->ratio;
    out->log_value = log(p->ratio) - p->spectrum->log_value[0];
    out->log_lower = out->log_value + log1p(-fmin(error, 1 - DBL_EPSILON));
    out->change = fabs(p->ratio / before - 1);
    out->share = p->ratio > 1 ? sg_entropy_share(&p->space, p->x) : 0;
    out->basis = p->space.count + 1;
    out->iterations = p->space.iterations;
    if (out->change <= CONVERGED) return;
    out->status = SG_UNCERTIFIED;
    snprintf(out->message, sizeof out->message,
             "the largest quotient still grows with the basis: by %.2g from %d to %d functions", out->change,
             p->space.count / 2, p->space.count);
}

static sg_status find(eigenfunctions *solve, const sg_panels *panels, const double *log_d, int most,
                      sg_log_sobolev *out) {
    problem p = {0};
    double before = 1;
    *out = (sg_log_sobolev){.log_value = NAN,
                            .log_lower = -INFINITY,
                            .log_upper = INFINITY,
                            .ratio = NAN,
                            .change = NAN,
                            .share = NAN,
                            .method = "Galerkin on eigenfunctions"};
    if (most == 0) most = USUAL;
    if (most < FEWEST || most > 512)
        return sg_fail(SG_OUT_OF_RANGE, "the log-Sobolev constant takes 8 to 512 eigenfunctions, not %d", most);
    sg_status status = open(&p, solve, panels, log_d, &most);
    if (status == SG_UNDERFLOW) {
        out->status = status;
        snprintf(out->message, sizeof out->message, "%s", sg_message());
        status = SG_OK;
        goto out;
    }
    for (int count = FEWEST; !status && count <= most; count *= 2) {
        before = p.ratio;
        status = level(&p, count, count <= 2 * FEWEST);
    }
    if (!status) report(&p, before, out);
out:
    clear(&p);
    return status;
}

sg_status sg_line_log_sobolev(const sg_panels *panels, const double *log_d, int most, sg_log_sobolev *out) {
    return find(sg_line_spectrum, panels, log_d, most, out);
}

sg_status sg_circle_log_sobolev(const sg_panels *panels, const double *log_d, int most, sg_log_sobolev *out) {
    return find(sg_circle_spectrum, panels, log_d, most, out);
}
