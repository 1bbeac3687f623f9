/*
 * What a row says of the nodes of the law, as a function of theta: values and derivatives by differences, in whitened
 * coordinates delta around the truth (there the Hessian of the loss is the identity, however ill-conditioned the
 * statistics are).  Where the loss draws a mask for each datum, a point is a node with a mask.
 */
#ifndef SG_TESTS_ESTIMATE_PROBE_H
#define SG_TESTS_ESTIMATE_PROBE_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../ok.h"
#include "estimate/lens.h"

enum { PROBE_M = 16, PROBE_SQUARE = PROBE_M * PROBE_M };

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_nodes *nodes; /* of the truth */
    int m, n;              /* parameters, points */
    sg_site_blocks masks;  /* of a loss that draws; none otherwise */
    double *mass;          /* [n] */
    int want, rows;        /* SG_VALUE: 1 row; SG_PSI: m */
    bool follows;          /* the row is prepared at theta, not at its reference */
    bool quadratic;        /* psi is linear in theta */
    double step;           /* for differences */
    sg_prepared *prepared;
    sg_chart *chart;
    sg_lens *lens;
    sg_partition *partition;
    sg_local local, none; /* none: finite sets, E F = 0 in the free parameters */
    double *now, *centre; /* [rows][n]; centre: at delta = 0 */
} probe;

static inline double probe_mean(const probe *p, const double *f) {
    long double sum = 0;
    for (int i = 0; i < p->n; i++) sum += p->mass[i] > 0 ? (long double)p->mass[i] * f[i] : 0;
    return (double)sum;
}

static inline double probe_product(const probe *p, const double *f, const double *g) {
    long double sum = 0;
    for (int i = 0; i < p->n; i++) sum += p->mass[i] > 0 ? (long double)p->mass[i] * f[i] * g[i] : 0;
    return (double)sum;
}

/*
 * A loss that is quadratic in theta is differenced exactly by a step of any length, and a long one loses no digits to
 * cancellation; others need one that is small against their curvature, and where the density itself bends it is 2e-3
 * standard errors of maximum likelihood with the other parameters known.  On finite sets it is small for the log-ratios
 * of neighbours.
 */
static inline double probe_step(const probe *p, const double *whiten, const double *fisher) {
    double h = p->quadratic ? 0.5 : 3e-3, longest = 0;
    for (int j = 0; j < p->m; j++)
        for (int k = 0; k < p->m; k++) {
            const double w = whiten ? fabs(whiten[j + k * p->m]) : j == k;
            longest = fmax(longest, w);
            if (!(p->model->family->can & SG_LINEAR)) h = fmin(h, 2e-3 / (sqrt(fisher[j + j * p->m]) * w + 1e-300));
        }
    return p->nodes->panels || p->nodes->points ? h : fmin(h, 4e-3 / longest);
}

static inline void probe_take(probe *p, const sg_block *block, long long at, double *out) {
    const sg_datum *datum = &p->lens->datum;
    const size_t bytes = (size_t)block->n * sizeof(double);
    if (p->want == SG_VALUE) {
        memcpy(out + at, datum->value, bytes);
        return;
    }
    for (int j = 0; j < p->m; j++) {
        double *to = out + (size_t)j * (size_t)p->n + at;
        for (int i = 0; i < block->n; i++) to[i] = p->partition && p->lens->view ? p->local.gradient[j] : 0;
        for (int k = 0; k < p->m; k++) {
            const double w = p->lens->view && p->lens->basis ? p->lens->basis[k + j * p->m] : j == k;
            for (int i = 0; i < block->n && w != 0; i++) to[i] += w * datum->psi[k * SG_BLOCK + i];
        }
    }
}

/* What `want` says at delta: out [rows][n]. */
static inline void probe_at(probe *p, const double *delta, double *out) {
    double theta[SG_REALS], weight[SG_BLOCK];
    uint32_t tag[SG_BLOCK];
    sg_panels *panels = NULL;
    const int turns = p->masks.count ? p->masks.count : 1;
    const long long blocks = sg_nodes_blocks(p->nodes);
    sg_chart_theta(p->chart, delta, theta);
    if (p->partition) OK(sg_partition_at(p->partition, delta, &p->local));
    if (p->follows) {
        OK(sg_model_panels(p->model, theta, 0, &panels));
        OK(p->loss->row->prepare(p->loss->options, p->model, theta, panels, &p->prepared));
        sg_panels_delete(panels);
    }
    const sg_local local = {.log_z = p->local.log_z, .gradient = p->none.gradient, .hessian = p->none.hessian};
    for (int turn = 0; turn < turns; turn++)
        for (long long b = 0; b < blocks; b++) {
            sg_block *block = &p->lens->block;
            sg_nodes_block(p->nodes, b, block, weight);
            for (int i = 0; i < SG_BLOCK; i++) tag[i] = p->masks.count ? p->masks.mask[turn] : 0;
            block->tag = p->masks.count ? tag : NULL;
            sg_lens_clear(p->lens);
            sg_lens_look(p->lens, p->prepared, p->lens->view ? &local : &p->local, theta, block, p->want, 0);
            probe_take(p, block, turn * p->nodes->n + b * SG_BLOCK, out);
        }
}

static inline void probe_masses(probe *p) {
    const long long n = p->nodes->n;
    OK(sg_new(&p->mass, (size_t)p->n, sizeof(double)));
    for (int i = 0; i < p->n; i++)
        p->mass[i] = (p->nodes->panels ? p->nodes->panels->mass[i % n] : p->nodes->mass[i % n]) *
                     (p->masks.count ? p->masks.rate[i / n] : 1);
}

static inline void probe_local(probe *p) {
    const size_t m = (size_t)p->m;
    if (!p->loss->row->local) return;
    OK(sg_new(&p->local.gradient, m, sizeof(double)));
    OK(sg_new(&p->local.hessian, m * m, sizeof(double)));
    OK(sg_new(&p->none.gradient, m, sizeof(double)));
    OK(sg_new(&p->none.hessian, m * m, sizeof(double)));
    OK(sg_partition_new(p->model, p->chart, p->nodes, &p->partition));
}

/* `whiten` [m,m], NULL: the parameters themselves; `fisher` [m,m] is that of the law. */
static inline void probe_open(const sg_model *model, const sg_loss *loss, const sg_nodes *nodes, const double *whiten,
                              const double *fisher, int want, bool follows, probe *p) {
    const double zero[PROBE_M] = {0};
    *p = (probe){.model = model, .loss = loss, .nodes = nodes, .m = model->m, .want = want, .follows = follows};
    p->rows = want == SG_VALUE ? 1 : model->m;
    p->quadratic = (model->family->can & SG_LINEAR) && loss->row->fit == SG_QUADRATIC && !follows;
    p->step = probe_step(p, whiten, fisher);
    assert_true(model->m <= PROBE_M);
    if (loss->row->tag) OK(loss->row->blocks(loss->options, model, &p->masks));
    p->n = (int)nodes->n * (p->masks.count ? p->masks.count : 1);
    probe_masses(p);
    OK(sg_loss_prepare(loss, model, nodes->panels, &p->prepared));
    OK(sg_chart_new(model, model->truth, whiten, &p->chart));
    OK(sg_lens_new(model, loss, p->chart, want, 0, &p->lens));
    OK(sg_new(&p->now, (size_t)p->rows * (size_t)p->n, sizeof(double)));
    OK(sg_new(&p->centre, (size_t)p->rows * (size_t)p->n, sizeof(double)));
    probe_local(p);
    probe_at(p, zero, p->centre);
}

static inline void probe_close(probe *p) {
    double *array[] = {p->now,           p->centre,        p->mass,        p->local.gradient,
                       p->local.hessian, p->none.gradient, p->none.hessian};
    for (int k = 0; k < 7; k++) sg_delete(array[k]);
    sg_delete(p->masks.mask);
    sg_delete(p->masks.rate);
    sg_partition_delete(p->partition);
    sg_lens_delete(p->lens);
    sg_chart_delete(p->chart);
    sg_loss_release(p->loss, p->prepared);
}

/* What rounding of the values leaves in second derivatives, of a loss whose Hessian is the identity. */
static inline double probe_noise(const probe *p) {
    long double size = 1 + fabs(p->local.log_z) + fabs(p->nodes->log_z); /* log p is found to eps of its size */
    for (int i = 0; i < p->n; i++) size += p->mass[i] > 0 ? (long double)p->mass[i] * fabs(p->centre[i]) : 0;
    return 20 * p->m * 2.2e-16 * (double)size / (p->step * p->step);
}

/* Along `direction`: first derivatives at the points if wanted, slope [rows][n], and the second derivative of the mean
 * of each row, bend [rows]; from the six points +-h, +-2h, +-3h, with error O(h^6). */
static inline void probe_along(probe *p, const double *direction, double *slope, double *bend) {
    static const double first[3] = {45. / 60, -9. / 60, 1. / 60}, second[3] = {3. / 2, -3. / 20, 1. / 90};
    size_t n = (size_t)p->n, all = (size_t)p->rows * n;
    double delta[PROBE_M], h = p->step;
    if (slope) memset(slope, 0, all * sizeof(double));
    memset(bend, 0, (size_t)p->rows * sizeof(double));
    for (int k = 1; k <= 3; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            for (int j = 0; j < p->m; j++) delta[j] = sign * k * h * direction[j];
            probe_at(p, delta, p->now);
            for (size_t i = 0; i < all; i++) p->now[i] -= p->centre[i];
            for (size_t i = 0; slope && i < all; i++) slope[i] += sign * first[k - 1] * p->now[i] / h;
            for (int j = 0; j < p->rows; j++)
                bend[j] += second[k - 1] * probe_mean(p, p->now + (size_t)j * n) / (h * h);
        }
}

#endif
