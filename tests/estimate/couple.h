/*
 * A model and a loss with all that is known of the two: Gamma, the gap, and on finite sets the oracle; and the
 * influence of a datum on the estimate from values of the loss alone.
 */
#ifndef SG_TESTS_ESTIMATE_COUPLE_H
#define SG_TESTS_ESTIMATE_COUPLE_H

#include <cblas.h>

#include "generator.h"
#include "probe.h"
#include "site_parts.h"

/* ---------------------------------------------------------------------- pairs */

typedef struct {
    sg_model *model; /* borrowed */
    sg_loss *loss;
    sg_nodes *nodes;
    sg_asymptotic *a;
    sg_gap gap;
    bool finite, averaged;
    states *s; /* finite sets, with the oracle */
    oracle o;
} couple;

static int checked, refused;

static inline void close_couple(couple *c) {
    if (c->s) {
        close_oracle(&c->o);
        c->s->model = NULL;
        close_states(c->s);
    }
    sg_asymptotic_delete(c->a);
    sg_nodes_delete(c->nodes);
    sg_loss_delete(c->loss);
}

/* false: the loss is none for the model, or its matrices are singular there, which the oracle must confirm. */
static inline bool open_couple(sg_model *model, const char *text, couple *c) {
    *c = (couple){.model = model, .finite = model->space.shape == SG_FINITE};
    OK(sg_loss_new(text, &c->loss));
    if (sg_loss_fits(c->loss, model) || sg_loss_estimates(c->loss, model)) return false;
    const sg_row *row = c->loss->row;
    c->averaged = row->averaged && row->averaged(c->loss->options);
    if (c->finite) {
        c->s = open_states_of(model, text);
        open_oracle(c->s, &c->o);
    }
    const sg_status status = sg_asymptotic_new(model, c->loss, &c->a);
    if (status == SG_SINGULAR && c->finite && (c->o.singular || c->averaged)) {
        refused++;
        return false;
    }
    if (status) fail_msg("%s %s: %s", model->text, text, sg_message());
    if (c->a->status == SG_NO_DIGITS && c->finite && c->o.condition > 1e12) {
        refused++;
        return false;
    }
    if (c->a->status) fail_msg("%s %s: %s", model->text, text, c->a->message);
    /* of cubature the points of the generator itself: the weights of a loss strain coarser ones */
    const int level = model->space.d > 1 && !c->finite;
    OK(sg_nodes_new(model, model->truth, level, false, &c->nodes));
    const sg_status gap = sg_spectrum_gap(model, c->loss, NULL, &c->gap, NULL);
    if ((gap == SG_REFUSED || gap == SG_MISFIT) && row->more)
        c->gap.status = SG_NOT_ATTAINED; /* dynamics without a solver */
    else if (gap)
        fail_msg("%s %s: %s", model->text, text, sg_message());
    checked++;
    return true;
}

static inline void below(const couple *c, const char *what, double value, double bound, double relative) {
    if (!(value <= bound + relative * fabs(bound)))
        fail_msg("%s %s: %s: %.15g is above %.15g", c->model->text, c->loss->text, what, value, bound);
}

static inline void agree(const couple *c, const char *what, double value, double known, double relative) {
    if (!(fabs(value - known) <= relative * fabs(known)))
        fail_msg("%s %s: %s is %.15g, expected %.15g, tolerance %.2g", c->model->text, c->loss->text, what, value,
                 known, relative);
}

/* Of the oracle's inverses of m x m matrices. */
static inline double rounding(const oracle *o) {
    return 1024 * DBL_EPSILON * o->m * (1 + o->condition);
}

static inline void near_matrix(const couple *c, const char *what, int m, const double *got, const double *want,
                               double tol) {
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) {
            const double scale = sqrt(fabs(want[j + j * m] * want[k + k * m])) + 1e-300;
            if (!(fabs(got[j + k * m] - want[j + k * m]) <= tol * scale))
                fail_msg("%s %s: %s[%d,%d] is %.15g, expected %.15g", c->model->text, c->loss->text, what, j, k,
                         got[j + k * m], want[j + k * m]);
        }
}

/* ------------------------------------------------------- identity of the loss */

/*
 * The influence -H^-1 psi of each point on the parameters [m][n], from values of the loss alone, in the parameters
 * themselves; and how much the second derivatives differ from those of the generator, times c.
 */
static inline void influence_of_values(const sg_model *model, const sg_loss *loss, const sg_nodes *nodes,
                                       const sg_asymptotic *a, probe *p, double *influence) {
    const int m = model->m;
    double hessian[PROBE_SQUARE], inverse[PROBE_SQUARE], moved[PROBE_SQUARE], condition, *psi = NULL;
    probe_open(model, loss, nodes, a->whiten, a->fisher, SG_VALUE, false, p);
    const size_t n = (size_t)p->n;
    OK(sg_new(&psi, (size_t)m * n, sizeof(double)));
    for (int j = 0; j < m; j++) {
        double direction[PROBE_M] = {0};
        direction[j] = 1;
        probe_along(p, direction, psi + (size_t)j * n, &hessian[j + j * m]);
        const double mean = probe_mean(p, psi + (size_t)j * n);
        const double size = sqrt(probe_product(p, psi + (size_t)j * n, psi + (size_t)j * n));
        if (!(fabs(mean) <= 1e-9 * size))
            fail_msg("%s %s: the mean loss has slope %.2g at the truth", model->text, loss->text, mean / size);
    }
    for (int j = 0; j < m; j++)
        for (int k = 0; k < j; k++) {
            double direction[PROBE_M] = {0}, both;
            direction[j] = direction[k] = 1;
            probe_along(p, direction, NULL, &both);
            hessian[j + k * m] = hessian[k + j * m] = 0.5 * (both - hessian[j + j * m] - hessian[k + k * m]);
        }
    OK(sg_invert(m, hessian, inverse, &condition));
    sg_multiply(m, a->whiten, inverse, moved);
    memset(influence, 0, (size_t)m * n * sizeof(double));
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++)
            cblas_daxpy((int)n, -moved[j + k * m], psi + (size_t)k * n, 1, influence + (size_t)j * n, 1);
    sg_delete(psi);
}

typedef struct {
    int n;
    double *one, *influence; /* of a site, [m][n]; of all */
} site_influence;

static inline void add_influence(const site_part *part, void *context) {
    site_influence *s = context;
    const size_t n = (size_t)s->n;
    sg_nodes *nodes = NULL;
    probe p;
    OK(sg_nodes_new(part->model, part->model->truth, 0, false, &nodes));
    influence_of_values(part->model, part->loss, nodes, part->a, &p, s->one);
    for (int k = 0; k < part->m; k++)
        cblas_daxpy(s->n, 1 / part->sites[part->place[k]], s->one + (size_t)k * n, 1,
                    s->influence + (size_t)part->place[k] * n, 1);
    probe_close(&p);
    sg_nodes_delete(nodes);
}

/* Estimates at the sites, averaged: the mean of the influences of the losses of one site. */
static inline void influence_of_sites(const couple *c, double *influence) {
    site_influence s = {.n = (int)c->nodes->n, .influence = influence};
    const size_t n = (size_t)s.n;
    OK(sg_new(&s.one, PROBE_M * n, sizeof(double)));
    memset(influence, 0, (size_t)c->model->m * n * sizeof(double));
    each_site(c->model, c->loss->row, add_influence, &s);
    sg_delete(s.one);
}

#endif
