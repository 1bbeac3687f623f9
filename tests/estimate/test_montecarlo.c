/*
 * Monte Carlo against theory, and what makes replicates reproducible.
 *
 * A cell is run at n and compared within 5 Monte Carlo standard errors, with nothing allowed beside them: n Cov with
 * Gamma (each entry, and again in the directions of the inefficiencies), the bias with its second-order value, coverage
 * with 95 %.  What is left is of order 1/n, and is shown to be small: the same cell at n/16, where it is 16 times as
 * large, must agree too, moments within 5 standard errors (so that this part at n is below (5 + 5)/16 < 0.7 of one) and
 * coverage, which is slower, within 11 (below (11 + 5)/16 = 1).
 *
 * False alarms at n, if the program is right.  With 1600 replicates a studentized variance is off by 5 standard errors
 * with probability 4e-6 (chi-square, lower tail), a mean with 6e-7, a share of 95 % with 1.7e-6 (binomial).  There are
 * 352 comparisons of the first kind and 110 of each other: below 2e-3 in all.  Were the part of order 1/n everywhere as
 * large as the runs at n/16 can hide, it would be 0.04; they see none in the moments (the largest of their departures
 * is 3.3 standard errors).  Seeds are fixed, so that a pass stays a pass.
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

enum { MOST = 5 };

typedef struct {
    sg_model *model;
    int losses;
    sg_loss *loss[MOST];
    sg_asymptotic *a[MOST];
    double bias[MOST][PROBE_M]; /* n E(theta-hat - theta) */
    sg_montecarlo_plan plan;
    bool fewer; /* the run at n / FEWER */
} fixture;

static void open_fixture(const char *family, int count, const sg_pair *pairs, int losses, const char *const *texts,
                         long long n, int replicates, fixture *f) {
    memset(f, 0, sizeof *f);
    f->losses = losses;
    if (sg_model_new(family, count, pairs, &f->model)) fail_msg("%s", sg_message());
    for (int l = 0; l < losses; l++) {
        if (sg_loss_new(texts[l], &f->loss[l])) fail_msg("%s", sg_message());
        if (sg_asymptotic_new(f->model, f->loss[l], &f->a[l])) fail_msg("%s %s: %s", family, texts[l], sg_message());
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

static void close_fixture(fixture *f) {
    for (int l = 0; l < f->losses; l++) {
        sg_asymptotic_delete(f->a[l]);
        sg_loss_delete(f->loss[l]);
    }
    sg_model_delete(f->model);
}

/* ---- what n Cov(theta-hat) and E theta-hat - theta must be */

static double mean_product(const sg_panels *panels, const double *x, const double *y) {
    double sum = 0;
    for (int i = 0; i < panels->n; i++) sum += panels->mass[i] * x[i] * y[i];
    return sum;
}

/* Standard errors that a comparison may be off, and coverage in the run at n / FEWER. */
enum { FEWER = 16, LIMIT = 5, LIMIT_FEWER = 11, REPLICATES = 1600 };

static void check_near(const fixture *f, int l, const char *what, int j, int k, double value, double se,
                       double expected) {
    int limit = f->fewer && strcmp(what, "coverage") == 0 ? LIMIT_FEWER : LIMIT;
    if (!(fabs(value - expected) <= limit * se))
        fail_msg("%s %s, n = %lld: %s[%d,%d] = %.6g +- %.2g, theory %.6g", f->model->text, f->loss[l]->text, f->plan.n,
                 what, j, k, value, se, expected);
}

static void check_small(const fixture *f, int l, double se, double expected) {
    if (!(se < 0.05 * expected))
        fail_msg("%s %s: the standard error %.3g of %.3g is too large to test", f->model->text, f->loss[l]->text, se,
                 expected);
}

/*
 * The same in the directions of the theory's inefficiencies, where n Cov should be diagonal with these on the diagonal:
 * no direction is hidden behind a larger one.  The summary's worst is the last of them.
 */
static void check_directions(const fixture *f, const sg_montecarlo *out, const sg_summary *s, int l) {
    const sg_asymptotic *a = f->a[l];
    int m = a->m, count = f->plan.replicates;
    double product[64], ratio[64], values[PROBE_M], vectors[64], basis[64], *moved = NULL;
    double mean[PROBE_M], bias[PROBE_M], bias_se[PROBE_M], covariance[64], se[64], zero[PROBE_M] = {0};
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

static void check_moments(const fixture *f, const sg_summary *s, int l) {
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
    double *slope;                          /* [m][m][n]: d psi_j / d delta_k at (k m + j) n */
    double bend[PROBE_M][PROBE_M][PROBE_M]; /* d_k d_l E psi_j at [k][l][j] */
    double inverse[64], spread[64];         /* J^-1, G */
} expansion;

static void expand(probe *p, expansion *e) {
    int m = e->m;
    double jacobian[64], condition;
    for (int k = 0; k < m; k++) {
        double direction[PROBE_M] = {0};
        direction[k] = 1;
        probe_along(p, direction, e->slope + (size_t)(k * m) * e->n, e->bend[k][k]);
        for (int j = 0; j < m; j++)
            jacobian[j + k * m] = sg_panels_mean(p->panels, e->slope + (size_t)(k * m + j) * e->n);
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
static void influence(const sg_panels *panels, expansion *e, double *psi) {
    for (size_t i = 0; i < e->n; i++) {
        double out[PROBE_M] = {0};
        for (int j = 0; j < e->m; j++)
            for (int k = 0; k < e->m; k++) out[j] += e->inverse[j + k * e->m] * psi[(size_t)k * e->n + i];
        for (int j = 0; j < e->m; j++) psi[(size_t)j * e->n + i] = out[j];
    }
    for (int j = 0; j < e->m; j++)
        for (int k = 0; k < e->m; k++)
            e->spread[j + k * e->m] = mean_product(panels, psi + (size_t)j * e->n, psi + (size_t)k * e->n);
}

static void second_order_bias(const fixture *f, int l, double *bias) {
    sg_panels *panels = NULL;
    sg_at at;
    probe p;
    expansion e = {.m = f->model->m};
    int m = e.m;
    double theta[SG_REALS], pull[PROBE_M] = {0}, white[PROBE_M] = {0};
    assert_int_equal(sg_loss_reference(f->loss[l], f->model, theta, &at), SG_OK);
    assert_int_equal(sg_model_panels(f->model, f->model->truth, 0, &panels), SG_OK);
    probe_open(f->model, f->loss[l], panels, f->a[l], SG_PSI, at == SG_AT_PILOT, &p);
    e.n = (size_t)panels->n;
    assert_int_equal(sg_new(&e.slope, (size_t)(m * m) * e.n, sizeof(double)), SG_OK);
    expand(&p, &e);
    influence(panels, &e, p.centre);
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) {
            pull[j] += mean_product(panels, e.slope + (size_t)(k * m + j) * e.n, p.centre + (size_t)k * e.n);
            for (int q = 0; q < m; q++) pull[j] -= 0.5 * e.bend[k][q][j] * e.spread[k + q * m];
        }
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) white[j] += e.inverse[j + k * m] * pull[k];
    for (int j = 0; j < m; j++) {
        bias[j] = 0;
        for (int k = 0; k < m; k++) bias[j] += f->a[l]->whiten[j + k * m] * white[k];
    }
    sg_delete(e.slope);
    probe_close(&p);
    sg_panels_delete(panels);
}

static void check_loss(const fixture *f, const sg_montecarlo *out, int l) {
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

static void run_cell(const char *family, int count, const sg_pair *pairs, int losses, const char *const *texts,
                     long long n) {
    fixture f;
    open_fixture(family, count, pairs, losses, texts, n, REPLICATES, &f);
    f.plan.kl = false;
    for (int l = 0; l < losses; l++) second_order_bias(&f, l, f.bias[l]);
    for (int run = 0; run < 2; run++) {
        sg_montecarlo *out = NULL;
        f.plan.n = run ? n : n / FEWER;
        f.plan.key = sg_cell_key(7, f.model, f.plan.n);
        f.fewer = !run;
        if (sg_montecarlo_run(&f.plan, &out)) fail_msg("%s", sg_message());
        for (int l = 0; l < losses; l++) check_loss(&f, out, l);
        sg_montecarlo_delete(out);
    }
    close_fixture(&f);
}

#define PAIRS(...)                                                         \
    (int)(sizeof(sg_pair[]){__VA_ARGS__} / sizeof(sg_pair)), (sg_pair[]) { \
        __VA_ARGS__                                                        \
    }
#define TEXTS(...)                                                                 \
    (int)(sizeof(char *[]){__VA_ARGS__} / sizeof(char *)), (const char *const[]) { \
        __VA_ARGS__                                                                \
    }
/* Powers below these have gradients with such tails that more than the terms of order 1/n count at these n. */
#define PLAIN                                                                      \
    TEXTS("mle", "score-matching", "preconditioned:with=exponential,exponent=0.8", \
          "preconditioned:with=power,exponent=0.3", "preconditioned:with=power,exponent=-0.1")

static void agrees_with_gamma(void **state) {
    (void)state;
    run_cell("gaussian", PAIRS({"s", "2"}), PLAIN, 6400);
    run_cell("bimodal", PAIRS({"a", "2"}), PLAIN, 6400);
    run_cell("monomial", PAIRS({"k", "6"}),
             TEXTS("mle", "score-matching", "preconditioned:with=exponential,exponent=0.8",
                   "preconditioned:with=power,exponent=-0.05"),
             20000);
    run_cell("sinusoid", PAIRS({"omega", "2"}), PLAIN, 6400);
    run_cell("polynomial", PAIRS({"B", "1"}), PLAIN, 6400);
    run_cell("sparse-cut", PAIRS({"a", "1.5"}, {"g", "0.3"}), PLAIN, 6400);
    run_cell("double-well", PAIRS({"h", "1"}), PLAIN, 6400);
}

/* The score is not linear in theta: fits by Newton's method, a pass over the data an evaluation. */
static void agrees_with_gamma_of_mixtures(void **state) {
    (void)state;
#define FEW TEXTS("mle", "score-matching", "preconditioned:with=exponential,exponent=0.8")
    run_cell("mixture", PAIRS({"m", "1.5"}, {"w", "0.4"}), FEW, 4000);
    run_cell("mixture", PAIRS({"m", "2"}, {"free", "means"}), FEW, 4000);
    run_cell("mixture", PAIRS({"m", "2"}, {"free", "all"}), FEW, 4000);
}

/* Stein kernels: one parameter, its score monotone. */
static void agrees_with_gamma_of_stein_kernels(void **state) {
    (void)state;
#define STEIN TEXTS("preconditioned:value=2", "preconditioned:with=stein")
    run_cell("gaussian", PAIRS({"s", "2"}, {"free", "location"}), STEIN, 6400);
    run_cell("bimodal", PAIRS({"a", "1.6"}, {"free", "erf"}),
             TEXTS("mle", "preconditioned:with=stein", "preconditioned:with=stein,at=0.1",
                   "preconditioned:with=stein,at=pilot"),
             5000);
    run_cell("polynomial", PAIRS({"B", "1"}, {"free", "x1"}), STEIN, 6400);
    run_cell("sparse-cut", PAIRS({"a", "1.5"}, {"g", "0.3"}, {"free", "cut"}), STEIN, 6400);
    run_cell("double-well", PAIRS({"h", "1"}, {"free", "tilt"}), STEIN, 6400);
    run_cell("mixture", PAIRS({"m", "1.5"}, {"w", "0.4"}), STEIN, 4000);
}

static void same_bits(const sg_montecarlo *x, const sg_montecarlo *y, int replicates) {
    for (int l = 0; l < x->losses; l++) {
        size_t count = (size_t)replicates * (size_t)x->m * sizeof(double);
        assert_memory_equal(x->loss[l].theta, y->loss[l].theta, count);
        assert_memory_equal(x->loss[l].se, y->loss[l].se, count);
        assert_memory_equal(x->loss[l].kl, y->loss[l].kl, (size_t)replicates * sizeof(double));
        assert_memory_equal(x->loss[l].status, y->loss[l].status, (size_t)replicates);
    }
}

/* Threads, memory budget, number of replicates and company of other losses change no bit of a replicate. */
static void replicates_are_functions_of_their_number(void **state) {
    (void)state;
    static const char *const texts[] = {"mle", "score-matching", "preconditioned:with=stein,direction=erf,at=pilot"};
    fixture f;
    sg_montecarlo *one = NULL, *seven = NULL, *tight = NULL, *fewer = NULL;
    open_fixture("bimodal", 2, (sg_pair[]){{"a", "2.3"}, {"free", "erf"}}, 3, texts, 1500, 40, &f);
    f.plan.threads = 1;
    assert_int_equal(sg_montecarlo_run(&f.plan, &one), SG_OK);
    f.plan.threads = 7;
    assert_int_equal(sg_montecarlo_run(&f.plan, &seven), SG_OK);
    same_bits(one, seven, 40);
    f.plan.memory = 0; /* data drawn anew at each pass */
    assert_int_equal(sg_montecarlo_run(&f.plan, &tight), SG_OK);
    same_bits(one, tight, 40);
    f.plan.replicates = 11;
    assert_int_equal(sg_montecarlo_run(&f.plan, &fewer), SG_OK);
    same_bits(one, fewer, 11);
    for (int l = 0; l < 3; l++) {
        double theta[1], se[1], covariance[1], kl;
        sg_fit fit = {.covariance = covariance};
        f.plan.replicates = 40;
        assert_int_equal(sg_montecarlo_replay(&f.plan, l, 33, theta, se, &kl, &fit), SG_OK);
        assert_memory_equal(theta, one->loss[l].theta + 33, sizeof theta);
        assert_memory_equal(se, one->loss[l].se + 33, sizeof se);
        assert_memory_equal(&kl, one->loss[l].kl + 33, sizeof kl);
    }
    sg_montecarlo_delete(one);
    sg_montecarlo_delete(seven);
    sg_montecarlo_delete(tight);
    sg_montecarlo_delete(fewer);
    close_fixture(&f);
}

/* Few data and well separated modes: fits fail, and are counted by kind. */
static void failures_are_data(void **state) {
    (void)state;
    static const char *const texts[] = {"mle", "score-matching"};
    fixture f;
    sg_montecarlo *out = NULL;
    open_fixture("bimodal", 1, (sg_pair[]){{"a", "4"}}, 2, texts, 30, 200, &f);
    assert_int_equal(sg_montecarlo_run(&f.plan, &out), SG_OK);
    for (int l = 0; l < 2; l++) {
        sg_summary *s = NULL;
        int total = 0;
        assert_int_equal(sg_summary_new(&f.plan, out, l, &s), SG_OK);
        for (int k = 0; k < SG_STATUS_COUNT; k++) total += s->failed[k];
        assert_int_equal(total, 200);
        assert_false(l == 1 && s->asymptotic);
        for (int r = 0; r < 200; r++) {
            const sg_replicates *reps = &out->loss[l];
            if (reps->status[r] == SG_NOT_INTEGRABLE) assert_true(isinf(reps->kl[r]) || isnan(reps->theta[2 * r]));
            if (reps->status[r] == SG_OK) assert_true(reps->kl[r] >= 0);
        }
        sg_summary_delete(s);
    }
    sg_montecarlo_delete(out);
    close_fixture(&f);
}

static void stops_when_asked(void **state) {
    (void)state;
    static const char *const texts[] = {"score-matching"};
    fixture f;
    sg_montecarlo *out = NULL;
    volatile int stop = 2;
    open_fixture("gaussian", 0, NULL, 1, texts, 1000, 50, &f);
    f.plan.stop = &stop;
    assert_int_equal(sg_montecarlo_run(&f.plan, &out), SG_STOPPED);
    assert_null(out);
    close_fixture(&f);
}

/* KL near the truth is half the squared distance in the information metric. */
static void kl_is_quadratic(void **state) {
    (void)state;
    const char *families[] = {"bimodal", "gaussian", "mixture"};
    for (int k = 0; k < 3; k++) {
        sg_model *model = NULL;
        sg_loss *loss = NULL;
        sg_asymptotic *a = NULL;
        sg_nodes *nodes = NULL;
        assert_int_equal(sg_model_new(families[k], 0, NULL, &model), SG_OK);
        assert_int_equal(sg_loss_new("mle", &loss), SG_OK);
        assert_int_equal(sg_asymptotic_new(model, loss, &a), SG_OK);
        assert_int_equal(sg_nodes_new(model, model->truth, 0, false, &nodes), SG_OK);
        double theta[3], kl, quadratic = 0, step = 1e-4;
        for (int j = 0; j < a->m; j++) theta[j] = a->theta[j] + step;
        for (int i = 0; i < a->m * a->m; i++) quadratic += 0.5 * step * step * a->fisher[i];
        assert_int_equal(sg_kl(model, nodes, theta, &kl), SG_OK);
        if (!(fabs(kl / quadratic - 1) < 2e-3))
            fail_msg("%s: KL %.6g, quadratic form %.6g", families[k], kl, quadratic);
        sg_nodes_delete(nodes);
        sg_asymptotic_delete(a);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(agrees_with_gamma),
                                       cmocka_unit_test(agrees_with_gamma_of_mixtures),
                                       cmocka_unit_test(agrees_with_gamma_of_stein_kernels),
                                       cmocka_unit_test(replicates_are_functions_of_their_number),
                                       cmocka_unit_test(failures_are_data),
                                       cmocka_unit_test(stops_when_asked),
                                       cmocka_unit_test(kl_is_quadratic)};
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
