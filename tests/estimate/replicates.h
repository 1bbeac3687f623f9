/*
 * Replicates of fits against theory: n Cov(theta-hat) with Gamma, each entry and again in the directions of the
 * inefficiencies, the bias with its second-order value, coverage with 95 %.
 */
#ifndef SG_TESTS_ESTIMATE_REPLICATES_H
#define SG_TESTS_ESTIMATE_REPLICATES_H

#include "site_parts.h"

enum { MOST = 40 };

typedef struct {
    sg_model *model;
    int losses;
    sg_loss *loss[MOST];
    sg_asymptotic *a[MOST];
    double bias[MOST][PROBE_M]; /* n E(theta-hat - theta) */
    sg_montecarlo_plan plan;
    bool fewer; /* the run at n / FEWER */
} fixture;

static inline void open_fixture(sg_model *model, int losses, const char *const *texts, long long n, int replicates,
                                fixture *f) {
    memset(f, 0, sizeof *f);
    f->losses = losses;
    f->model = model;
    for (int l = 0; l < losses; l++) {
        if (sg_loss_new(texts[l], &f->loss[l])) fail_msg("%s", sg_message());
        if (sg_asymptotic_new(f->model, f->loss[l], &f->a[l]))
            fail_msg("%s %s: %s", model->text, texts[l], sg_message());
    }
    f->plan = (sg_montecarlo_plan){.model = f->model,
                                   .losses = losses,
                                   .loss = (const sg_loss *const *)f->loss,
                                   .asymptotic = (const sg_asymptotic *const *)f->a,
                                   .n = n,
                                   .replicates = replicates,
                                   .key = sg_cell_key(7, f->model, n),
                                   .memory = (size_t)64 << 20,
                                   .kl = true};
}

static inline void close_fixture(fixture *f) {
    for (int l = 0; l < f->losses; l++) {
        sg_asymptotic_delete(f->a[l]);
        sg_loss_delete(f->loss[l]);
    }
    sg_model_delete(f->model);
}

/* ---- what n Cov(theta-hat) and E theta-hat - theta must be */

/* Standard errors that a comparison may be off, and coverage in the run at n / FEWER. */
enum { FEWER = 16, LIMIT = 5, LIMIT_FEWER = 11, REPLICATES = 1600 };

static inline void check_near(const fixture *f, int l, const char *what, int j, int k, double value, double se,
                              double expected) {
    int limit = f->fewer && strcmp(what, "coverage") == 0 ? LIMIT_FEWER : LIMIT;
    if (!(fabs(value - expected) <= limit * se))
        fail_msg("%s %s, n = %lld: %s[%d,%d] = %.6g +- %.2g, theory %.6g", f->model->text, f->loss[l]->text, f->plan.n,
                 what, j, k, value, se, expected);
}

static inline void check_small(const fixture *f, int l, double se, double expected) {
    if (!(se < 0.05 * expected))
        fail_msg("%s %s: the standard error %.3g of %.3g is too large to test", f->model->text, f->loss[l]->text, se,
                 expected);
}

/*
 * The same in the directions of the theory's inefficiencies, where n Cov should be diagonal with these on the diagonal:
 * no direction is hidden behind a larger one.  The summary's worst is the last of them.
 */
static inline void check_directions(const fixture *f, const sg_montecarlo *out, const sg_summary *s, int l) {
    const sg_asymptotic *a = f->a[l];
    int m = a->m, count = f->plan.replicates;
    double product[PROBE_SQUARE], ratio[PROBE_SQUARE], values[PROBE_M], vectors[PROBE_SQUARE], basis[PROBE_SQUARE],
        *moved = NULL;
    double mean[PROBE_M], bias[PROBE_M], bias_se[PROBE_M], covariance[PROBE_SQUARE], se[PROBE_SQUARE],
        zero[PROBE_M] = {0};
    sg_moments moments = {
        .mean = mean, .bias = bias, .bias_se = bias_se, .covariance = covariance, .covariance_se = se};
    sg_multiply(m, a->metric_root, a->gamma, product);
    sg_multiply_nt(m, product, a->metric_root, ratio);
    assert_int_equal(sg_symmetric_eigen(m, ratio, values, vectors), SG_OK);
    sg_multiply_tn(m, vectors, a->metric_root, basis);
    assert_int_equal(sg_new(&moved, (size_t)count * (size_t)m, sizeof(double)), SG_OK);
    for (int r = 0; r < count; r++)
        for (int j = 0; j < m; j++)
            for (int k = 0; k < m; k++)
                moved[r * m + j] +=
                    basis[j + k * m] * sqrt((double)f->plan.n) * (out->loss[l].theta[r * m + k] - a->theta[k]);
    assert_int_equal(sg_moments_of(count, m, moved, NULL, zero, &moments), SG_OK);
    for (int j = 0; j < m; j++) {
        for (int k = 0; k <= j; k++)
            check_near(f, l, "inefficiency", j, k, covariance[j + k * m], se[j + k * m], j == k ? values[j] : 0);
        check_small(f, l, se[j + j * m], values[j]);
    }
    check_near(f, l, "worst", m - 1, m - 1, s->worst, s->worst_se, values[m - 1]);
    if (m < 2 || values[m - 2] < 0.99 * values[m - 1]) { /* one direction: the same number, and the same error */
        assert_true(fabs(s->worst / covariance[m * m - 1] - 1) <= 1e-6);
        assert_true(fabs(s->worst_se / se[m * m - 1] - 1) <= 1e-6);
    }
    sg_delete(moved);
}

static inline void check_moments(const fixture *f, const sg_summary *s, int l) {
    const sg_asymptotic *a = f->a[l];
    int m = a->m;
    for (int j = 0; j < m; j++) {
        for (int k = 0; k <= j; k++)
            check_near(f, l, "n Cov", j, k, s->covariance[j + k * m], s->covariance_se[j + k * m], a->gamma[j + k * m]);
        check_small(f, l, s->covariance_se[j + j * m], a->gamma[j + j * m]);
        check_near(f, l, "bias", j, j, s->bias[j], s->bias_se[j], f->bias[l][j] / (double)f->plan.n);
        check_near(f, l, "coverage", j, j, s->coverage[j], sqrt(.95 * .05 / s->used), 0.95);
    }
}

/*
 * n E(theta-hat - theta) for n large.  With psi the row's gradient, A its theta-derivative, J = E A and
 * G = J^-1 Cov(psi) J^-T, two terms of the expansion of mean psi(theta-hat) = 0 give
 *   J^-1 (E A J^-1 psi - 1/2 sum_kl G_kl d_k d_l E psi),
 * all of it by quadrature, with the derivatives by differences.  The kernel of a pilot moves with theta, for the
 * estimate is iterated until the kernel is its own.
 */
typedef struct {
    int m;
    size_t n;
    double *slope;                                      /* [m][m][n]: d psi_j / d delta_k at (k m + j) n */
    double bend[PROBE_M][PROBE_M][PROBE_M];             /* d_k d_l E psi_j at [k][l][j] */
    double inverse[PROBE_SQUARE], spread[PROBE_SQUARE]; /* J^-1, G */
} expansion;

static inline void expand(probe *p, expansion *e) {
    int m = e->m;
    double jacobian[PROBE_SQUARE], condition;
    for (int k = 0; k < m; k++) {
        double direction[PROBE_M] = {0};
        direction[k] = 1;
        probe_along(p, direction, e->slope + (size_t)(k * m) * e->n, e->bend[k][k]);
        for (int j = 0; j < m; j++) jacobian[j + k * m] = probe_mean(p, e->slope + (size_t)(k * m + j) * e->n);
    }
    for (int k = 0; k < m; k++)
        for (int l = 0; l < k; l++) {
            double direction[PROBE_M] = {0};
            direction[k] = direction[l] = 1;
            probe_along(p, direction, NULL, e->bend[k][l]);
            for (int j = 0; j < m; j++)
                e->bend[l][k][j] = e->bend[k][l][j] = 0.5 * (e->bend[k][l][j] - e->bend[k][k][j] - e->bend[l][l][j]);
        }
    assert_int_equal(sg_invert(m, jacobian, e->inverse, &condition), SG_OK);
}

/* J^-1 psi at the nodes, in place of psi, and its covariance. */
static inline void influence(const probe *p, expansion *e, double *psi) {
    for (size_t i = 0; i < e->n; i++) {
        double out[PROBE_M] = {0};
        for (int j = 0; j < e->m; j++)
            for (int k = 0; k < e->m; k++) out[j] += e->inverse[j + k * e->m] * psi[(size_t)k * e->n + i];
        for (int j = 0; j < e->m; j++) psi[(size_t)j * e->n + i] = out[j];
    }
    for (int j = 0; j < e->m; j++)
        for (int k = 0; k < e->m; k++)
            e->spread[j + k * e->m] = probe_product(p, psi + (size_t)j * e->n, psi + (size_t)k * e->n);
}

static inline void bias_of(const sg_model *model, const sg_loss *loss, const sg_asymptotic *a, double *bias) {
    sg_nodes *nodes = NULL;
    sg_at at;
    probe p;
    expansion e = {.m = model->m};
    int m = e.m;
    double theta[SG_REALS], pull[PROBE_M] = {0}, white[PROBE_M] = {0};
    OK(sg_loss_reference(loss, model, theta, &at));
    OK(sg_nodes_new(model, model->truth, 0, false, &nodes));
    probe_open(model, loss, nodes, a->whiten, a->fisher, SG_PSI, at == SG_AT_PILOT, &p);
    e.n = (size_t)p.n;
    OK(sg_new(&e.slope, (size_t)(m * m) * e.n, sizeof(double)));
    expand(&p, &e);
    influence(&p, &e, p.centre);
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) {
            pull[j] += probe_product(&p, e.slope + (size_t)(k * m + j) * e.n, p.centre + (size_t)k * e.n);
            for (int q = 0; q < m; q++) pull[j] -= 0.5 * e.bend[k][q][j] * e.spread[k + q * m];
        }
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) white[j] += e.inverse[j + k * m] * pull[k];
    for (int j = 0; j < m; j++) {
        bias[j] = 0;
        for (int k = 0; k < m; k++) bias[j] += a->whiten[j + k * m] * white[k];
    }
    sg_delete(e.slope);
    probe_close(&p);
    sg_nodes_delete(nodes);
}

static inline void add_bias(const site_part *part, void *context) {
    double one[PROBE_M], *bias = context;
    bias_of(part->model, part->loss, part->a, one);
    for (int k = 0; k < part->m; k++) bias[part->place[k]] += one[k] / part->sites[part->place[k]];
}

static inline void second_order_bias(const fixture *f, int l, double *bias) {
    const sg_row *row = f->loss[l]->row;
    if (!row->averaged || !row->averaged(f->loss[l]->options)) {
        bias_of(f->model, f->loss[l], f->a[l], bias);
        return;
    }
    memset(bias, 0, PROBE_M * sizeof(double));
    each_site(f->model, row, add_bias, bias);
}

static inline void check_loss(const fixture *f, const sg_montecarlo *out, int l) {
    sg_summary *s = NULL;
    assert_int_equal(sg_summary_new(&f->plan, out, l, &s), SG_OK);
    if (!f->fewer && !s->asymptotic)
        fail_msg("%s %s: rho/n = %.3g, the cell is not asymptotic: choose a larger n", f->model->text, f->loss[l]->text,
                 f->a[l]->rho / (double)f->plan.n);
    if (s->failed[SG_OK] != f->plan.replicates)
        fail_msg("%s %s: %d fits failed", f->model->text, f->loss[l]->text, f->plan.replicates - s->failed[SG_OK]);
    check_moments(f, s, l);
    check_directions(f, out, s, l);
    sg_summary_delete(s);
}

#endif
