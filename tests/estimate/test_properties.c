/*
 * What theory says of every (family, row) pair, at random parameters biased to the corners of their ranges (fixed
 * seed). A new family or row joins by its line in the registry and, for a family, one line in `laws` that says where
 * its parameters live.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/lens.h"

enum { DRAWS = 5, LOSSES = 7 };

/* Keys and their ranges: two at most; integers are rounded to the parity that the family asks for. */
static const struct {
    const char *family;
    struct {
        const char *key;
        double lo, hi;
        int step; /* 0: real; otherwise lo + step * integer */
    } key[2];
} laws[] = {
    {"gaussian", {{"s", 0.05, 20, 0}}},
    {"bimodal", {{"a", 0.5, 6, 0}}},
    {"monomial", {{"k", 4, 16, 2}}},
    {"sinusoid", {{"omega", 0.1, 8, 0}}},
    {"polynomial", {{"degree", 3, 7, 2}, {"B", -2, 6, 0}}},
    {"sparse-cut", {{"a", 0.7, 3.5, 0}, {"g", 0.02, 1, 0}}},
    {"double-well", {{"h", 0.1, 25, 0}}},
    {"mixture", {{"m", 0.3, 4, 0}, {"w", 0.05, 0.95, 0}}},
};
enum { LAWS = sizeof laws / sizeof *laws };

static const char *const losses[LOSSES] = {"mle",
                                           "score-matching",
                                           "preconditioned:with=constant,value=2.5",
                                           "preconditioned:with=power,exponent=-0.4",
                                           "preconditioned:with=power,exponent=-0.15",
                                           "preconditioned:with=exponential,exponent=1.5",
                                           "preconditioned:with=exponential,exponent=-0.8"};

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_panels *panels;
    sg_prepared *prepared;
    sg_asymptotic *a;
} fixture;

static void close_fixture(fixture *f) {
    sg_asymptotic_delete(f->a);
    sg_loss_release(f->loss, f->prepared);
    sg_panels_delete(f->panels);
    sg_loss_delete(f->loss);
    sg_model_delete(f->model);
}

static void open_fixture(const char *family, int count, const sg_pair *pairs, const char *loss, fixture *f) {
    memset(f, 0, sizeof *f);
    if (sg_model_new(family, count, pairs, &f->model)) fail_msg("%s: %s", family, sg_message());
    if (sg_loss_new(loss, &f->loss)) fail_msg("%s: %s", loss, sg_message());
    if (sg_model_panels(f->model, f->model->truth, 0, &f->panels)) fail_msg("%s: %s", f->model->text, sg_message());
    if (sg_loss_prepare(f->loss, f->model, f->panels, &f->prepared))
        fail_msg("%s %s: %s", f->model->text, loss, sg_message());
    if (sg_asymptotic_new(f->model, f->loss, &f->a)) fail_msg("%s %s: %s", f->model->text, loss, sg_message());
}

/* Half of the draws at an end of the range, the rest uniform. */
static double corner(double lo, double hi, double u, double v) {
    if (u < 0.25) return lo + 0.02 * (hi - lo) * v;
    if (u < 0.5) return hi - 0.02 * (hi - lo) * v;
    return lo + (hi - lo) * v;
}

static int draw_pairs(int law, int draw, char text[2][SG_NUMBER_TEXT], sg_pair *pairs) {
    sg_stream stream;
    double u[4];
    int count = 0;
    sg_stream_open(&stream, 20240229, SG_PURPOSE_TEST, (uint32_t)(law * DRAWS + draw));
    sg_stream_uniform(&stream, 4, u);
    for (int k = 0; k < 2 && laws[law].key[k].key; k++) {
        double lo = laws[law].key[k].lo, hi = laws[law].key[k].hi, value = corner(lo, hi, u[2 * k], u[2 * k + 1]);
        int step = laws[law].key[k].step;
        if (step) value = lo + step * floor((value - lo) / step + 0.5);
        sg_number_text(value, text[count]);
        pairs[count].key = laws[law].key[k].key;
        pairs[count].value = text[count];
        count++;
    }
    return count;
}

static void each_pair(void (*check)(fixture *)) {
    for (int law = 0; law < LAWS; law++)
        for (int draw = 0; draw < DRAWS; draw++)
            for (int l = 0; l < LOSSES; l++) {
                char text[2][SG_NUMBER_TEXT];
                sg_pair pairs[2];
                fixture f;
                int count = draw_pairs(law, draw, text, pairs);
                open_fixture(laws[law].family, count, pairs, losses[l], &f);
                check(&f);
                close_fixture(&f);
            }
}

static void every_family_is_listed(void **state) {
    (void)state;
    for (int k = 0; sg_families[k]; k++) {
        bool found = false;
        for (int law = 0; law < LAWS; law++) found = found || !strcmp(laws[law].family, sg_families[k]->name);
        if (!found && sg_families[k]->can & SG_NODES)
            fail_msg("family %s is missing from the property tests", sg_families[k]->name);
    }
    for (int k = 0; sg_rows[k]; k++) {
        bool found = false;
        for (int l = 0; l < LOSSES; l++)
            found = found || !strncmp(losses[l], sg_rows[k]->name, strlen(sg_rows[k]->name));
        if (!found) fail_msg("row %s is missing from the property tests", sg_rows[k]->name);
    }
}

/* E[L S] = 0; Gamma >= Gamma_MLE; C_res <= C_P, within the stated errors. */
static void check_inequalities(fixture *f) {
    sg_gap gap;
    const char *who = f->model->text, *loss = f->loss->text;
    if (f->a->status) fail_msg("%s %s: %s", who, loss, f->a->message);
    if (!(f->a->mean_psi < 1e-9)) fail_msg("%s %s: E psi is %.2g standard deviations", who, loss, f->a->mean_psi);
    double worst_error = f->a->inefficiency_error / f->a->inefficiency[f->a->m - 1];
    if (!(f->a->inefficiency[0] >= 1 - 1e-11 - worst_error * f->a->inefficiency[0]))
        fail_msg("%s %s: inefficiency %.15g below one", who, loss, f->a->inefficiency[0]);
    assert_int_equal(sg_spectrum_gap(f->model, f->loss, f->prepared, f->panels, &gap), SG_OK);
    if (gap.status) fail_msg("%s %s: gap is %s: %s", who, loss, sg_status_name(gap.status), gap.message);
    if (!(f->a->restricted_poincare - f->a->restricted_poincare_error <= (1 + 1e-12) / gap.gap_lower))
        fail_msg("%s %s: C_res %.15g exceeds C_P %.15g", who, loss, f->a->restricted_poincare, 1 / gap.gap_lower);
}

static void inequalities(void **state) {
    (void)state;
    each_pair(check_inequalities);
}

/* Mean over the law of the row's value at whitened coordinates delta; psi by differences of the value at every node. */
typedef struct {
    fixture *f;
    sg_chart *chart;
    sg_lens *lens;
    sg_partition *partition;
    sg_local local;
    double *value; /* [n] */
} probe;

static void values_at(probe *p, const double *delta, double *value) {
    double theta[SG_REALS];
    sg_chart_theta(p->chart, delta, theta);
    if (p->partition) assert_int_equal(sg_partition_at(p->partition, delta, &p->local), SG_OK);
    for (int first = 0; first < p->f->panels->n; first += SG_BLOCK) {
        sg_lens_nodes(p->lens, p->f->panels, first);
        sg_lens_look(p->lens, p->f->prepared, &p->local, theta, &p->lens->block, SG_VALUE, 0);
        memcpy(value + first, p->lens->datum.value, (size_t)p->lens->block.n * sizeof(double));
    }
}

/* Six-point central difference along coordinate j: error O(h^6). */
static void difference(probe *p, double *delta, int j, double h, double *out, double *scratch) {
    static const double weight[3] = {45. / 60, -9. / 60, 1. / 60};
    int n = p->f->panels->n;
    double at = delta[j];
    memset(out, 0, (size_t)n * sizeof(double));
    for (int k = 1; k <= 3; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            delta[j] = at + sign * k * h;
            values_at(p, delta, scratch);
            for (int i = 0; i < n; i++) out[i] += sign * weight[k - 1] * scratch[i] / h;
        }
    delta[j] = at;
}

static double covariance(const sg_panels *panels, const double *x, const double *y) {
    double mx = sg_panels_mean(panels, x), my = sg_panels_mean(panels, y), sum = 0;
    for (int i = 0; i < panels->n; i++) sum += panels->mass[i] * (x[i] - mx) * (y[i] - my);
    return sum;
}

/*
 * Gamma from derivatives of the loss's value alone (differences in whitened coordinates, where the Hessian is near the
 * identity) against H^-1 Cov(L S) H^-1 of the generator.
 */
static void check_identity(fixture *f) {
    int m = f->model->m, n = f->panels->n;
    probe p = {.f = f};
    double *psi[SG_REALS] = {0}, *scratch = NULL, *shifted = NULL, *mean = NULL;
    double delta[SG_REALS] = {0}, hessian[64], cov[64], inverse[64], a[64], b[64], metric[64], condition, h = 3e-3;
    bool linear = f->model->family->can & SG_LINEAR; /* quadratic losses: any step is exact, long ones lose no digits */
    /* otherwise small against the curvature of the loss too: 1e-3 standard errors of maximum likelihood */
    for (int j = 0; j < m && !linear; j++)
        for (int k = 0; k < m; k++)
            h = fmin(h, 1e-3 * sqrt(f->a->gamma_mle[j + j * m]) / (fabs(f->a->whiten[j + k * m]) + 1e-300));
    if (f->a->condition > 1e4) return; /* differences lose too many digits there */
    assert_int_equal(sg_chart_new(f->model, f->model->truth, f->a->whiten, &p.chart), SG_OK);
    assert_int_equal(sg_lens_new(f->model, f->loss, p.chart, SG_VALUE, 0, &p.lens), SG_OK);
    if (f->loss->row->local) {
        assert_int_equal(sg_new(&p.local.gradient, (size_t)m, sizeof(double)), SG_OK);
        assert_int_equal(sg_new(&p.local.hessian, (size_t)(m * m), sizeof(double)), SG_OK);
        assert_int_equal(sg_partition_new(f->model, p.chart, f->panels, &p.partition), SG_OK);
    }
    assert_int_equal(sg_new(&scratch, (size_t)n, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&shifted, (size_t)n, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&mean, (size_t)n, sizeof(double)), SG_OK);
    for (int j = 0; j < m; j++) {
        assert_int_equal(sg_new(&psi[j], (size_t)n, sizeof(double)), SG_OK);
        difference(&p, delta, j, h, psi[j], scratch);
    }
    for (int j = 0; j < m; j++)
        for (int k = 0; k <= j; k++) {
            double up, down, up2, down2;
            delta[k] = h, difference(&p, delta, j, h, shifted, scratch), up = sg_panels_mean(f->panels, shifted);
            delta[k] = -h, difference(&p, delta, j, h, shifted, scratch), down = sg_panels_mean(f->panels, shifted);
            delta[k] = 2 * h, difference(&p, delta, j, h, shifted, scratch), up2 = sg_panels_mean(f->panels, shifted);
            delta[k] = -2 * h, difference(&p, delta, j, h, shifted, scratch),
            down2 = sg_panels_mean(f->panels, shifted);
            delta[k] = 0;
            hessian[j + k * m] = hessian[k + j * m] = (8 * (up - down) - (up2 - down2)) / (12 * h);
            cov[j + k * m] = cov[k + j * m] = covariance(f->panels, psi[j], psi[k]);
        }
    assert_int_equal(sg_invert(m, hessian, inverse, &condition), SG_OK);
    sg_multiply(m, inverse, cov, a);
    sg_multiply(m, a, inverse, b); /* Gamma in whitened coordinates */
    sg_multiply(m, f->a->metric_root, f->a->whiten, metric);
    sg_multiply(m, metric, b, a);
    sg_multiply_nt(m, a, metric, b);
    double values[8], worst = f->a->inefficiency[m - 1];
    assert_int_equal(sg_symmetric_eigen(m, b, values, NULL), SG_OK);
    if (!(fabs(values[m - 1] / worst - 1) < 2e-6))
        fail_msg("%s %s: inefficiency %.9g from the loss, %.9g from the generator", f->model->text, f->loss->text,
                 values[m - 1], worst);
    for (int j = 0; j < m; j++) sg_delete(psi[j]);
    sg_delete(scratch);
    sg_delete(shifted);
    sg_delete(mean);
    sg_delete(p.local.gradient);
    sg_delete(p.local.hessian);
    sg_partition_delete(p.partition);
    sg_lens_delete(p.lens);
    sg_chart_delete(p.chart);
}

static void identity(void **state) {
    (void)state;
    each_pair(check_identity);
}

/* The first eigenvalue of the other solver lies in the enclosure, and the spectral form gives the quadrature's number.
 */
static void check_spectrum(fixture *f) {
    sg_gap gap;
    sg_profile *profile = NULL;
    assert_int_equal(sg_spectrum_gap(f->model, f->loss, f->prepared, f->panels, &gap), SG_OK);
    if (sg_profile_new(f->model, f->loss, f->a, 48, &profile))
        fail_msg("%s %s: %s", f->model->text, f->loss->text, sg_message());
    double first = profile->eigenvalue[0], slack = 1e-9 * gap.gap;
    if (!(first >= gap.gap_lower - slack && first <= gap.gap_upper + slack))
        fail_msg("%s %s: eigenvalue %.12g outside [%.12g, %.12g]", f->model->text, f->loss->text, first, gap.gap_lower,
                 gap.gap_upper);
    if (profile->status) fail_msg("%s %s: %s", f->model->text, f->loss->text, profile->message);
    for (int j = 0; j < f->model->m; j++) {
        double gap_of_forms = fabs(profile->ratio_spectral[j] - profile->ratio_quadrature[j]);
        assert_true(gap_of_forms <= profile->ratio_bound[j]);
    }
    sg_profile_delete(profile);
}

static void spectral_form(void **state) {
    (void)state;
    each_pair(check_spectrum);
}

/* The Stein kernel of a monotone score at the truth is efficient and has gap 1. */
static void stein(void **state) {
    (void)state;
    static const struct {
        const char *family, *key, *value, *free;
    } cases[] = {{"bimodal", "a", "1.3", "erf"},     {"bimodal", "a", "4.5", "erf"},
                 {"gaussian", "s", "3", "location"}, {"double-well", "h", "9", "tilt"},
                 {"sparse-cut", "g", "0.3", "cut"},  {"polynomial", "B", "3", "x1"},
                 {"polynomial", "B", "4.4", "x3"},   {"mixture", "m", "2", "w"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sg_pair pairs[] = {{cases[k].key, cases[k].value}, {"free", cases[k].free}};
        char loss[64];
        fixture f;
        sg_gap gap;
        snprintf(loss, sizeof loss, "preconditioned:with=stein,direction=%s", cases[k].free);
        if (!strcmp(cases[k].free, "x3")) continue; /* S' = 3 x^2 touches zero: refused, see below */
        open_fixture(cases[k].family, 2, pairs, loss, &f);
        if (!(fabs(f.a->inefficiency[0] - 1) < 1e-8))
            fail_msg("%s: inefficiency %.12g", f.model->text, f.a->inefficiency[0]);
        assert_int_equal(sg_spectrum_gap(f.model, f.loss, f.prepared, f.panels, &gap), SG_OK);
        if (!(fabs(gap.gap - 1) < 1e-9)) fail_msg("%s: gap %.12g", f.model->text, gap.gap);
        close_fixture(&f);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_family_is_listed), cmocka_unit_test(inequalities),
                                       cmocka_unit_test(identity), cmocka_unit_test(spectral_form),
                                       cmocka_unit_test(stein)};
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
