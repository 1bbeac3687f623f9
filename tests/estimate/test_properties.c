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

#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "probe.h"

enum { DRAWS = 3, LOSSES = 7 };

/* Keys and their ranges: two at most; integers are rounded to the parity that the family asks for. */
static const struct {
    const char *family;
    struct {
        const char *key;
        double lo, hi;
        int step; /* 0: real; otherwise lo + step * integer */
    } key[2];
    const char *free; /* NULL: as the family has it */
} laws[] = {
    {"gaussian", {{"s", 0.05, 20, 0}}, NULL},
    {"bimodal", {{"a", 0.5, 6, 0}}, NULL},
    {"monomial", {{"k", 4, 16, 2}}, NULL},
    {"sinusoid", {{"omega", 0.1, 8, 0}}, NULL},
    {"polynomial", {{"degree", 3, 7, 2}, {"B", -2, 6, 0}}, NULL},
    {"sparse-cut", {{"a", 0.7, 3.5, 0}, {"g", 0.02, 1, 0}}, NULL},
    {"double-well", {{"h", 0.1, 25, 0}}, NULL},
    {"mixture", {{"m", 0.3, 4, 0}, {"w", 0.05, 0.95, 0}}, NULL},
    {"mixture", {{"m", 0.6, 4, 0}, {"w", 0.05, 0.95, 0}}, "means"},
    {"mixture", {{"m", 0.6, 4, 0}, {"w", 0.05, 0.95, 0}}, "all"},
    {"laplace", {{"scale", 0.1, 10, 0}}, NULL},
    {"exponential", {{"rate", 0.1, 10, 0}}, NULL},
    {"logistic", {{"scale", 0.1, 10, 0}}, NULL},
    {"student", {{"nu", 60, 200, 0}, {"scale", 0.1, 10, 0}}, NULL}, /* moments of L S under every weight below */
    {"uniform", {{"lo", -3, 0, 0}, {"hi", 0.1, 5, 0}}, NULL},
    {"truncated-gaussian", {{"lo", -3, 0, 0}, {"s", 0.3, 5, 0}}, NULL},
    {"von-mises", {{"kappa", 0, 30, 0}}, NULL},
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
    sg_gap gap;
} fixture;

/* One of each pair, opened by the first test that asks and shared by all. */
static fixture shared[LAWS][DRAWS][LOSSES];

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
    if (sg_spectrum_gap(f->model, f->loss, NULL, &f->gap, NULL))
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
    if (laws[law].free) pairs[count++] = (sg_pair){"free", laws[law].free};
    return count;
}

/* Some losses are no losses where the density has ends or a kink. */
static bool fits(int law, const char *text) {
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    assert_int_equal(sg_model_new(laws[law].family, 0, NULL, &model), SG_OK);
    assert_int_equal(sg_loss_new(text, &loss), SG_OK);
    bool yes = sg_loss_fits(loss, model) == SG_OK;
    sg_loss_delete(loss);
    sg_model_delete(model);
    return yes;
}

static void each_pair(void (*check)(fixture *)) {
    for (int law = 0; law < LAWS; law++)
        for (int draw = 0; draw < DRAWS; draw++)
            for (int l = 0; l < LOSSES; l++) {
                char text[2][SG_NUMBER_TEXT];
                sg_pair pairs[3];
                fixture *f = &shared[law][draw][l];
                if (!fits(law, losses[l])) continue;
                if (!f->a) {
                    int count = draw_pairs(law, draw, text, pairs);
                    open_fixture(laws[law].family, count, pairs, losses[l], f);
                }
                check(f);
            }
}

static int close_shared(void **state) {
    (void)state;
    for (int law = 0; law < LAWS; law++)
        for (int draw = 0; draw < DRAWS; draw++)
            for (int l = 0; l < LOSSES; l++) close_fixture(&shared[law][draw][l]);
    return 0;
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
        bool found = !sg_rows[k]->datum; /* a sampler without a loss */
        for (int l = 0; l < LOSSES; l++)
            found = found || !strncmp(losses[l], sg_rows[k]->name, strlen(sg_rows[k]->name));
        if (!found) fail_msg("row %s is missing from the property tests", sg_rows[k]->name);
    }
}

/* E[L S] = 0; Gamma >= Gamma_MLE; C_res <= C_P, within the stated errors. */
static void check_inequalities(fixture *f) {
    const sg_gap *gap = &f->gap;
    const char *who = f->model->text, *loss = f->loss->text;
    if (f->a->status) fail_msg("%s %s: %s", who, loss, f->a->message);
    if (!(f->a->mean_psi < 1e-9)) fail_msg("%s %s: E psi is %.2g standard deviations", who, loss, f->a->mean_psi);
    double worst_error = f->a->inefficiency_error / f->a->inefficiency[f->a->m - 1];
    if (!(f->a->inefficiency[0] >= 1 - 1e-11 - worst_error * f->a->inefficiency[0]))
        fail_msg("%s %s: inefficiency %.15g below one", who, loss, f->a->inefficiency[0]);
    if (gap->status == SG_NOT_ATTAINED) return; /* nothing bounds C_P then */
    if (gap->status) fail_msg("%s %s: gap is %s: %s", who, loss, sg_status_name(gap->status), gap->message);
    if (!(f->a->restricted_poincare - f->a->restricted_poincare_error <= (1 + 1e-12) / gap->gap_lower))
        fail_msg("%s %s: C_res %.15g exceeds C_P %.15g", who, loss, f->a->restricted_poincare, 1 / gap->gap_lower);
}

static void inequalities(void **state) {
    (void)state;
    each_pair(check_inequalities);
}

static double covariance(const sg_panels *panels, const double *x, const double *y) {
    double mx = sg_panels_mean(panels, x), my = sg_panels_mean(panels, y), sum = 0;
    for (int i = 0; i < panels->n; i++) sum += panels->mass[i] * (x[i] - mx) * (y[i] - my);
    return sum;
}

/* Gamma in whitened coordinates from the values of the loss alone. */
static void gamma_of_values(fixture *f, probe *p, double *gamma) {
    int m = f->model->m;
    double *psi[PROBE_M] = {0}, hessian[64], cov[64], inverse[64], product[64], condition;
    for (int j = 0; j < m; j++) {
        double direction[PROBE_M] = {0};
        direction[j] = 1;
        assert_int_equal(sg_new(&psi[j], (size_t)f->panels->n, sizeof(double)), SG_OK);
        probe_along(p, direction, psi[j], &hessian[j + j * m]);
    }
    for (int j = 0; j < m; j++)
        for (int k = 0; k <= j; k++) {
            double direction[PROBE_M] = {0}, both;
            direction[j] = direction[k] = 1;
            if (k != j) probe_along(p, direction, NULL, &both);
            if (k != j)
                hessian[j + k * m] = hessian[k + j * m] = 0.5 * (both - hessian[j + j * m] - hessian[k + k * m]);
            cov[j + k * m] = cov[k + j * m] = covariance(f->panels, psi[j], psi[k]);
        }
    for (int j = 0; j < m; j++) {
        double mean = sg_panels_mean(f->panels, psi[j]), size = sqrt(cov[j + j * m]);
        if (!(fabs(mean) <= 1e-9 * size))
            fail_msg("%s %s: the mean loss has slope %.2g at the truth", f->model->text, f->loss->text, mean / size);
        sg_delete(psi[j]);
    }
    assert_int_equal(sg_invert(m, hessian, inverse, &condition), SG_OK);
    sg_multiply(m, inverse, cov, product);
    sg_multiply(m, product, inverse, gamma);
}

/*
 * Gamma from derivatives of the loss's value alone against H^-1 Cov(L S) H^-1 of the generator.  No case is left out:
 * differences in whitened coordinates do not suffer from the condition of the statistics.
 */
static void check_identity(fixture *f) {
    int m = f->model->m;
    probe p;
    double gamma[64], metric[64], product[64], values[PROBE_M], worst = f->a->inefficiency[m - 1];
    probe_open(f->model, f->loss, f->panels, f->a, SG_VALUE, false, &p);
    double tolerance = p.quadratic ? 1e-10 : 5e-7;
    gamma_of_values(f, &p, gamma);
    probe_close(&p);
    sg_multiply(m, f->a->metric_root, f->a->whiten, metric);
    sg_multiply(m, metric, gamma, product);
    sg_multiply_nt(m, product, metric, gamma);
    assert_int_equal(sg_symmetric_eigen(m, gamma, values, NULL), SG_OK);
    for (int j = 0; j < m; j++)
        if (!(fabs(values[j] - f->a->inefficiency[j]) < tolerance * worst))
            fail_msg("%s %s: inefficiency %.12g from the loss, %.12g from the generator", f->model->text, f->loss->text,
                     values[j], f->a->inefficiency[j]);
}

static void identity(void **state) {
    (void)state;
    each_pair(check_identity);
}

/* The first eigenvalue of the other solver lies in the enclosure, and the spectral form gives the quadrature's number.
 */
static void check_spectrum(fixture *f) {
    const sg_gap *gap = &f->gap;
    sg_profile *profile = NULL;
    if (gap->status == SG_NOT_ATTAINED) return; /* no eigenfunctions, or not of all of S */
    if (sg_profile_new(f->model, f->loss, f->a, 40, &profile))
        fail_msg("%s %s: %s", f->model->text, f->loss->text, sg_message());
    double first = profile->eigenvalue[0], slack = 1e-9 * gap->gap;
    if (!(first >= gap->gap_lower - slack && first <= gap->gap_upper + slack))
        fail_msg("%s %s: eigenvalue %.12g outside [%.12g, %.12g]", f->model->text, f->loss->text, first, gap->gap_lower,
                 gap->gap_upper);
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
                 {"mixture", "m", "2", "w"}};
    for (size_t k = 0; k < sizeof cases / sizeof *cases; k++) {
        sg_pair pairs[] = {{cases[k].key, cases[k].value}, {"free", cases[k].free}};
        char loss[64];
        fixture f;
        snprintf(loss, sizeof loss, "preconditioned:with=stein,direction=%s", cases[k].free);
        open_fixture(cases[k].family, 2, pairs, loss, &f);
        if (!(fabs(f.a->inefficiency[0] - 1) < 1e-8))
            fail_msg("%s: inefficiency %.12g", f.model->text, f.a->inefficiency[0]);
        if (!(fabs(f.gap.gap - 1) < 1e-9)) fail_msg("%s: gap %.12g", f.model->text, f.gap.gap);
        close_fixture(&f);
    }
}

/* A row in disguise: it notes its preparations, and is made at a reference off by a factor that depends on the grid. */
static struct {
    const sg_row *row;
    int calls, nodes[4];
    double off[2]; /* by level */
} spy;

static sg_status spying_prepare(const void *options, const sg_model *model, const double *theta,
                                const sg_panels *panels, sg_prepared **prepared) {
    double moved[SG_REALS];
    if (spy.calls < 4) spy.nodes[spy.calls] = panels->n;
    spy.calls++;
    for (int j = 0; j < model->full; j++) moved[j] = theta[j] * (1 + spy.off[panels->level]);
    return spy.row->prepare(options, model, moved, panels, prepared);
}

static void spied_asymptotic(const sg_model *model, const char *text, double coarse, double fine, sg_asymptotic **a) {
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new(text, &loss), SG_OK);
    sg_row row = *loss->row;
    spy.row = loss->row, spy.calls = 0, spy.off[0] = coarse, spy.off[1] = fine;
    row.prepare = spying_prepare;
    loss->row = &row;
    if (sg_asymptotic_new(model, loss, a)) fail_msg("%s %s: %s", model->text, text, sg_message());
    loss->row = spy.row;
    sg_loss_delete(loss);
}

/*
 * The error estimate compares two grids, and what a row makes on a grid (the kernel of a reference, be it the truth or
 * not) must be made on both: otherwise its own error would be in both values and in no estimate.  So a kernel that is
 * wrong on the coarse grid alone must show in the estimate, by as much as it is wrong, and leave the value.
 */
static void errors_hold_those_of_the_row(void **state) {
    (void)state;
    static const char *const texts[] = {
        "preconditioned:with=stein,direction=erf",      "preconditioned:with=stein,direction=erf,at=1/0.3",
        "preconditioned:with=power,exponent=-0.2",      "preconditioned:with=power,exponent=-0.2,at=1.1/0.2",
        "preconditioned:with=exponential,exponent=0.8", "preconditioned:with=exponential,exponent=0.8,at=1.1/0.2"};
    sg_model *model = NULL;
    sg_pair pairs[] = {{"a", "2"}};
    assert_int_equal(sg_model_new("bimodal", 1, pairs, &model), SG_OK);
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++) {
        sg_asymptotic *good = NULL, *bad = NULL, *wrong = NULL;
        spied_asymptotic(model, texts[k], 0, 0, &good);
        assert_int_equal(spy.nodes[1], 2 * spy.nodes[0]);
        spied_asymptotic(model, texts[k], 1e-4, 0, &bad);
        spied_asymptotic(model, texts[k], 1e-4, 1e-4, &wrong);
        double value = good->inefficiency[1], error = fabs(wrong->inefficiency[1] - value);
        assert_true(bad->inefficiency[1] == value);
        if (!(good->inefficiency_error < 1e-12 * value && error > 1e-7 * value))
            fail_msg("%s: error estimate %.2g, wrong by %.2g, of %.4g", texts[k], good->inefficiency_error, error,
                     value);
        if (!(fabs(bad->inefficiency_error / error - 1) < 1e-3))
            fail_msg("%s: a kernel wrong by %.4g gives the estimate %.4g", texts[k], error, bad->inefficiency_error);
        sg_asymptotic_delete(good);
        sg_asymptotic_delete(bad);
        sg_asymptotic_delete(wrong);
    }
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_family_is_listed),
                                       cmocka_unit_test(inequalities),
                                       cmocka_unit_test(identity),
                                       cmocka_unit_test(spectral_form),
                                       cmocka_unit_test(stein),
                                       cmocka_unit_test(errors_hold_those_of_the_row)};
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests(tests, NULL, close_shared);
}
