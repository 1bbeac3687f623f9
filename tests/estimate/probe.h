/*
 * What a row says of the nodes of the law, as a function of theta: values and derivatives by differences, in whitened
 * coordinates delta around the truth (there the Hessian of the loss is the identity, however ill-conditioned the
 * statistics are).
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

#include "estimate/lens.h"

enum { PROBE_M = 8 };

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_panels *panels; /* of the truth */
    int want, rows;          /* SG_VALUE: 1 row; SG_PSI: m */
    bool follows;            /* the row is prepared at theta, not at its reference */
    bool quadratic;          /* psi is linear in theta */
    double step;             /* for differences */
    sg_prepared *prepared;
    sg_chart *chart;
    sg_lens *lens;
    sg_partition *partition;
    sg_local local;
    double *now, *centre; /* [rows][n]; centre: at delta = 0 */
} probe;

/*
 * A loss that is quadratic in theta is differenced exactly by a step of any length, and a long one loses no digits to
 * cancellation; others need one that is small against their curvature, and where the density itself bends it is 2e-3
 * standard errors of maximum likelihood with the other parameters known.
 */
static inline double probe_step(const probe *p, const sg_asymptotic *a) {
    double h = p->quadratic ? 0.5 : 3e-3;
    for (int j = 0; j < a->m && !(p->model->family->can & SG_LINEAR); j++)
        for (int k = 0; k < a->m; k++)
            h = fmin(h, 2e-3 / (sqrt(a->fisher[j + j * a->m]) * fabs(a->whiten[j + k * a->m]) + 1e-300));
    return h;
}

/* What `want` says at delta: out [rows][n]. */
static inline void probe_at(probe *p, const double *delta, double *out) {
    double theta[SG_REALS];
    sg_panels *panels = NULL;
    int n = p->panels->n;
    sg_chart_theta(p->chart, delta, theta);
    if (p->partition) assert_int_equal(sg_partition_at(p->partition, delta, &p->local), SG_OK);
    if (p->follows) {
        assert_int_equal(sg_model_panels(p->model, theta, 0, &panels), SG_OK);
        assert_int_equal(p->loss->row->prepare(p->loss->options, p->model, theta, panels, &p->prepared), SG_OK);
        sg_panels_delete(panels);
    }
    for (int first = 0; first < n; first += SG_BLOCK) {
        sg_lens_nodes(p->lens, p->panels, first);
        sg_lens_look(p->lens, p->prepared, &p->local, theta, &p->lens->block, p->want, 0);
        const double *row = p->want == SG_VALUE ? p->lens->datum.value : p->lens->datum.psi;
        for (int j = 0; j < p->rows; j++)
            memcpy(out + (size_t)j * (size_t)n + first, row + j * SG_BLOCK, (size_t)p->lens->block.n * sizeof(double));
    }
}

static inline void probe_open(const sg_model *model, const sg_loss *loss, const sg_panels *panels,
                              const sg_asymptotic *a, int want, bool follows, probe *p) {
    size_t m = (size_t)model->m;
    const double zero[PROBE_M] = {0};
    *p = (probe){.model = model, .loss = loss, .panels = panels, .want = want, .follows = follows};
    p->rows = want == SG_VALUE ? 1 : model->m;
    p->quadratic = (model->family->can & SG_LINEAR) && loss->row->fit == SG_QUADRATIC && !follows;
    p->step = probe_step(p, a);
    assert_true(model->m <= PROBE_M);
    assert_int_equal(sg_loss_prepare(loss, model, panels, &p->prepared), SG_OK);
    assert_int_equal(sg_chart_new(model, model->truth, a->whiten, &p->chart), SG_OK);
    assert_int_equal(sg_lens_new(model, loss, p->chart, want, 0, &p->lens), SG_OK);
    assert_int_equal(sg_new(&p->now, (size_t)p->rows * (size_t)panels->n, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&p->centre, (size_t)p->rows * (size_t)panels->n, sizeof(double)), SG_OK);
    if (loss->row->local) {
        assert_int_equal(sg_new(&p->local.gradient, m, sizeof(double)), SG_OK);
        assert_int_equal(sg_new(&p->local.hessian, m * m, sizeof(double)), SG_OK);
        const sg_nodes nodes = {.model = model, .n = panels->n, .panels = (sg_panels *)panels};
        assert_int_equal(sg_partition_new(model, p->chart, &nodes, &p->partition), SG_OK);
    }
    probe_at(p, zero, p->centre);
}

static inline void probe_close(probe *p) {
    sg_delete(p->now);
    sg_delete(p->centre);
    sg_delete(p->local.gradient);
    sg_delete(p->local.hessian);
    sg_partition_delete(p->partition);
    sg_lens_delete(p->lens);
    sg_chart_delete(p->chart);
    sg_loss_release(p->loss, p->prepared);
}

/* Along `direction`: first derivatives at the nodes if wanted, slope [rows][n], and the second derivative of the mean
 * of each row, bend [rows]; from the six points +-h, +-2h, +-3h, with error O(h^6). */
static inline void probe_along(probe *p, const double *direction, double *slope, double *bend) {
    static const double first[3] = {45. / 60, -9. / 60, 1. / 60}, second[3] = {3. / 2, -3. / 20, 1. / 90};
    size_t n = (size_t)p->panels->n, all = (size_t)p->rows * n;
    double delta[PROBE_M], h = p->step;
    if (slope) memset(slope, 0, all * sizeof(double));
    memset(bend, 0, (size_t)p->rows * sizeof(double));
    for (int k = 1; k <= 3; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            for (int j = 0; j < p->model->m; j++) delta[j] = sign * k * h * direction[j];
            probe_at(p, delta, p->now);
            for (size_t i = 0; i < all; i++) p->now[i] -= p->centre[i];
            for (size_t i = 0; slope && i < all; i++) slope[i] += sign * first[k - 1] * p->now[i] / h;
            for (int j = 0; j < p->rows; j++)
                bend[j] += second[k - 1] * sg_panels_mean(p->panels, p->now + (size_t)j * n) / (h * h);
        }
}

#endif
