/* Node-wise fits against their definition: losses, Newton's method and the sandwich written out over plain data. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/nodewise.h"

enum { D_MOST = 14, T_MOST = D_MOST + 1, M_MOST = D_MOST * (D_MOST + 1) / 2, B = SG_BLOCK };

static void assert_near(double value, double expected, double error) {
    if (!(fabs(value - expected) <= error)) print_error("%.17g is not %.17g\n", value, expected);
    assert_true(fabs(value - expected) <= error);
}

/* A model, data of it as rows, and for every site the parameters that it touches: partner[j] = d is the field. */
typedef struct {
    sg_model *model;
    sg_loss *loss;
    bool rise;
    int d, m, n;
    double *rows;
    int count[D_MOST], list[D_MOST][T_MOST], partner[D_MOST][T_MOST];
    double fixed[D_MOST][D_MOST + 1]; /* fields of what is not free */
    int site;                         /* of the objective */
} setting;

/* What a parameter is, from its name: J%d-%d or h%d. */
static void ends_of(const sg_model *model, int index, int *i, int *j) {
    char name[SG_NAME];
    model->family->parameter(model, index, name);
    *j = model->space.d;
    if (name[0] == 'h')
        assert_int_equal(sscanf(name, "h%d", i), 1);
    else
        assert_int_equal(sscanf(name, "J%d-%d", i, j), 2);
}

static void read_sites(setting *s) {
    for (int a = 0; a < s->model->full; a++) {
        int end[2], parameter = -1;
        ends_of(s->model, a, &end[0], &end[1]);
        for (int j = 0; j < s->m; j++)
            if (s->model->free[j] == a) parameter = j;
        for (int k = 0; k < 2 && end[k] < s->d; k++) {
            const int i = end[k], other = end[1 - k] < s->d && end[1] < s->d ? end[1 - k] : s->d;
            if (parameter < 0) {
                s->fixed[i][other] += s->model->truth[a];
                continue;
            }
            s->list[i][s->count[i]] = parameter;
            s->partner[i][s->count[i]++] = other;
        }
    }
}

static void open_setting(const char *loss, int pairs, const sg_pair *keys, int n, setting *s) {
    memset(s, 0, sizeof *s);
    assert_int_equal(sg_model_new("ising", pairs, keys, &s->model), SG_OK);
    assert_int_equal(sg_loss_new(loss, &s->loss), SG_OK);
    s->rise = strncmp(loss, "rise", 4) == 0;
    s->d = s->model->space.d, s->m = s->model->m, s->n = n;
    assert_int_equal(sg_new(&s->rows, (size_t)n * (size_t)s->d, sizeof(double)), SG_OK);
    read_sites(s);
}

static void close_setting(setting *s) {
    sg_delete(s->rows);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
}

static void draw_rows(setting *s, uint64_t key) {
    static double x[D_MOST * B] __attribute__((aligned(64)));
    sg_sampler *sampler = NULL;
    sg_block block = {.x = x};
    assert_int_equal(sg_sampler_new(s->model, s->model->truth, NULL, &sampler), SG_OK);
    const sg_source source = {.n = s->n, .d = s->d, .sampler = sampler, .key = key};
    for (long long b = 0; b < sg_source_blocks(&source); b++) {
        sg_source_block(&source, b, &block);
        for (int k = 0; k < block.n; k++)
            for (int a = 0; a < s->d; a++) s->rows[(b * B + k) * s->d + a] = x[a * B + k];
    }
    sg_sampler_delete(sampler);
}

/* ------------------------------------------------------------- the definition */

static double rho(const setting *s, double u, double *slope, double *bend) {
    if (s->rise) {
        *slope = 0.5 * exp(0.5 * u), *bend = 0.25 * exp(0.5 * u);
        return exp(0.5 * u);
    }
    *slope = 1 / (1 + exp(-u)), *bend = 1 / (2 + exp(u) + exp(-u));
    return log1p(exp(u));
}

/* One datum x at a site with parameters theta: differences of the statistics at a flip, and the loss. */
static double datum(const setting *s, int site, const double *x, const double *theta, double *difference, double *slope,
                    double *bend) {
    double local = s->fixed[site][s->d];
    for (int j = 0; j < s->d; j++) local += s->fixed[site][j] * x[j];
    for (int a = 0; a < s->count[site]; a++) {
        const double other = s->partner[site][a] < s->d ? x[s->partner[site][a]] : 1;
        difference[a] = -2 * x[site] * other;
        local += theta[a] * other;
    }
    return rho(s, -2 * x[site] * local, slope, bend);
}

static sg_status objective(void *context, const double *theta, double *value, double *gradient, double *hessian) {
    const setting *s = context;
    const int t = s->count[s->site];
    double difference[T_MOST], slope, bend, sum = 0;
    if (gradient) memset(gradient, 0, (size_t)t * sizeof(double));
    if (hessian) memset(hessian, 0, (size_t)(t * t) * sizeof(double));
    for (int k = 0; k < s->n; k++) {
        sum += datum(s, s->site, s->rows + k * s->d, theta, difference, &slope, &bend) / s->n;
        for (int a = 0; a < t; a++) {
            if (gradient) gradient[a] += slope * difference[a] / s->n;
            for (int b = 0; hessian && b < t; b++) hessian[a + b * t] += bend * difference[a] * difference[b] / s->n;
        }
    }
    if (value) *value = sum;
    return SG_OK;
}

static void plain_fit(setting *s, double theta[D_MOST][T_MOST], double *average) {
    const sg_newton_settings settings = {.tol = 1e-12, .most = 100, .radius = 10};
    double *work = NULL, sites[M_MOST] = {0};
    int iterations;
    assert_int_equal(sg_new(&work, sg_newton_work(T_MOST), sizeof(double)), SG_OK);
    memset(average, 0, (size_t)s->m * sizeof(double));
    for (s->site = 0; s->site < s->d; s->site++) {
        memset(theta[s->site], 0, sizeof theta[s->site]);
        if (s->count[s->site] == 0) continue;
        assert_int_equal(sg_newton(s->count[s->site], objective, s, &settings, theta[s->site], &iterations, work),
                         SG_OK);
        for (int a = 0; a < s->count[s->site]; a++) {
            average[s->list[s->site][a]] += theta[s->site][a];
            sites[s->list[s->site][a]]++;
        }
    }
    for (int j = 0; j < s->m; j++) average[j] /= sites[j];
    sg_delete(work);
}

/* Influences of a point, -(mean over its sites of H^-1 psi), all parameters; inverse [D_MOST][T_MOST^2]. */
static void influence(const setting *s, const double *x, double theta[D_MOST][T_MOST],
                      double inverse[D_MOST][T_MOST * T_MOST], double *out) {
    double difference[T_MOST], slope, bend, sites[M_MOST] = {0};
    memset(out, 0, (size_t)s->m * sizeof(double));
    for (int i = 0; i < s->d; i++) {
        const int t = s->count[i];
        datum(s, i, x, theta[i], difference, &slope, &bend);
        for (int a = 0; a < t; a++) {
            sites[s->list[i][a]]++;
            for (int b = 0; b < t; b++) out[s->list[i][a]] -= inverse[i][a + b * t] * slope * difference[b];
        }
    }
    for (int j = 0; j < s->m; j++) out[j] /= sites[j];
}

static void plain_sandwich(setting *s, double theta[D_MOST][T_MOST], double *covariance) {
    static double inverse[D_MOST][T_MOST * T_MOST];
    double hessian[T_MOST * T_MOST], row[M_MOST], condition;
    for (s->site = 0; s->site < s->d; s->site++) {
        if (s->count[s->site] == 0) continue;
        assert_int_equal(objective(s, theta[s->site], NULL, NULL, hessian), SG_OK);
        assert_int_equal(sg_invert(s->count[s->site], hessian, inverse[s->site], &condition), SG_OK);
    }
    memset(covariance, 0, (size_t)(s->m * s->m) * sizeof(double));
    for (int k = 0; k < s->n; k++) {
        influence(s, s->rows + k * s->d, theta, inverse, row);
        for (int a = 0; a < s->m; a++)
            for (int b = 0; b < s->m; b++) covariance[a + b * s->m] += row[a] * row[b] / s->n / s->n;
    }
}

/* --------------------------------------------------------------------- fits */

static void fit_of(const setting *s, const double *start, bool gathered, sg_fit *fit) {
    sg_fitter *fitter = NULL;
    sg_gathered *form = NULL;
    sg_source source = {.n = s->n, .d = s->d, .rows = s->rows};
    assert_int_equal(sg_fitter_new(s->model, s->loss, start, NULL, NULL, &fitter), SG_OK);
    if (gathered) {
        assert_int_equal(sg_gathered_new(s->model, s->n, SG_GATHER_DISTINCT, &form), SG_OK);
        sg_source_gather(&source, form);
    }
    assert_int_equal(sg_fit_source(fitter, &source, SG_FIT_SANDWICH, fit), SG_OK);
    sg_gathered_delete(form);
    sg_fitter_delete(fitter);
}

static void assert_pairwise(const setting *s, bool yes) {
    sg_nodewise *w = NULL;
    assert_int_equal(sg_nodewise_new(s->model, s->loss->row, s->model->truth, &w), SG_OK);
    assert_int_equal(w != NULL, yes);
    sg_nodewise_delete(w);
}

static void check_fit(const char *loss, int pairs, const sg_pair *keys, int n, bool gathered) {
    static double theta[D_MOST][T_MOST], average[M_MOST], covariance[M_MOST * M_MOST];
    static double mine[M_MOST], sandwich[M_MOST * M_MOST];
    setting s;
    sg_fit fit = {.theta = mine, .covariance = sandwich};
    open_setting(loss, pairs, keys, n, &s);
    assert_pairwise(&s, true);
    draw_rows(&s, 7);
    plain_fit(&s, theta, average);
    plain_sandwich(&s, theta, covariance);
    fit_of(&s, s.model->truth, gathered, &fit);
    assert_int_equal(fit.status, SG_OK);
    assert_true(fit.passes >= fit.iterations && fit.iterations > 1);
    for (int j = 0; j < s.m; j++) assert_near(mine[j], average[j], 1e-10);
    for (int j = 0; j < s.m; j++)
        for (int k = 0; k < s.m; k++)
            assert_near(sandwich[j + k * s.m], covariance[j + k * s.m],
                        1e-9 * sqrt(covariance[j + j * s.m] * covariance[k + k * s.m]));
    close_setting(&s);
}

static const char *const losses[] = {"pseudolikelihood:sites=averaged", "rise:sites=averaged"};

static void test_definition(void **state) {
    (void)state;
    const sg_pair two[] = {{"n", "2"}, {"graph", "path"}, {"beta", "0.4"}, {"h", "0.3"}, {"free", "all"}};
    const sg_pair six[] = {{"n", "6"}, {"graph", "complete"}, {"beta", "0.2"}, {"h", "-0.1"}, {"free", "all"}};
    const sg_pair ring[] = {{"n", "7"}, {"graph", "ring"}, {"beta", "0.5"}, {"h", "0.2"}, {"free", "J0-1/J2-3/h0/h5"}};
    const sg_pair grid[] = {{"n", "9"}, {"graph", "ring"}, {"couplings", "gauss"}, {"beta", "0.5"}, {"free", "all"}};
    const sg_pair many[] = {{"n", "13"},     {"graph", "complete"}, {"couplings", "sk"},
                            {"beta", "0.5"}, {"h", "0.1"},          {"free", "all"}};
    for (int l = 0; l < 2; l++) {
        check_fit(losses[l], 5, two, 300, false);
        check_fit(losses[l], 5, six, 700, true);
        check_fit(losses[l], 5, ring, 900, false);
        check_fit(losses[l], 5, grid, 900, true);
        check_fit(losses[l], 6, many, 3000, l == 0); /* more states than a chunk */
    }
}

/* Where a fit begins does not matter, nor in which form data come. */
static void test_starts(void **state) {
    (void)state;
    static double near[M_MOST], far[M_MOST], covariance[M_MOST * M_MOST], start[M_MOST];
    const sg_pair keys[] = {{"n", "5"}, {"graph", "complete"}, {"beta", "0.3"}, {"free", "all"}};
    for (int l = 0; l < 2; l++) {
        setting s;
        open_setting(losses[l], 4, keys, 1000, &s);
        draw_rows(&s, 3);
        sg_fit fit = {.theta = near, .covariance = covariance};
        fit_of(&s, s.model->truth, true, &fit);
        assert_int_equal(fit.status, SG_OK);
        for (int j = 0; j < s.m; j++) start[j] = j % 2 ? 2.5 : -2.5;
        fit.theta = far;
        fit_of(&s, start, false, &fit);
        assert_int_equal(fit.status, SG_OK);
        for (int j = 0; j < s.m; j++) assert_near(near[j], far[j], 1e-10);
        close_setting(&s);
    }
}

/* One fitter, data sets of different sizes one after the other: nothing of the last one is left. */
static void test_again(void **state) {
    (void)state;
    double first[M_MOST], again[M_MOST], covariance[M_MOST * M_MOST], once[M_MOST * M_MOST];
    const sg_pair keys[] = {{"n", "5"}, {"graph", "complete"}, {"beta", "0.2"}, {"free", "all"}};
    setting s;
    sg_fitter *fitter = NULL;
    open_setting(losses[0], 4, keys, 2000, &s);
    draw_rows(&s, 4);
    assert_int_equal(sg_fitter_new(s.model, s.loss, s.model->truth, NULL, NULL, &fitter), SG_OK);
    for (int turn = 0; turn < 3; turn++) {
        sg_fit fit = {.theta = turn ? again : first, .covariance = turn ? covariance : once};
        const sg_source source = {.n = turn == 1 ? 2000 : 600, .d = s.d, .rows = s.rows};
        assert_int_equal(sg_fit_source(fitter, &source, SG_FIT_SANDWICH, &fit), SG_OK);
        assert_int_equal(fit.status, SG_OK);
    }
    assert_memory_equal(first, again, (size_t)s.m * sizeof(double));
    assert_memory_equal(once, covariance, (size_t)(s.m * s.m) * sizeof(double));
    sg_fitter_delete(fitter);
    close_setting(&s);
}

/* ---------------------------------------------------------------- separation */

enum { CONSTANT, COPY, IMPLIED, ALMOST, FEW };

/* Site 1 is always +1; or always as site 0; or +1 whenever site 0 is; or that but for one datum. */
static void spoil(setting *s, int how) {
    for (int k = 0; k < s->n; k++) {
        double *x = s->rows + k * s->d;
        if (how == CONSTANT) x[1] = 1;
        if (how == COPY) x[1] = x[0];
        if ((how == IMPLIED || (how == ALMOST && k)) && x[0] > 0) x[1] = 1;
        if (how == ALMOST && k == 0) x[0] = 1, x[1] = -1;
    }
}

static void test_separation(void **state) {
    (void)state;
    double theta[M_MOST], covariance[M_MOST * M_MOST];
    const sg_pair keys[] = {{"n", "5"}, {"graph", "complete"}, {"beta", "0.2"}, {"free", "all"}};
    for (int l = 0; l < 2; l++)
        for (int how = CONSTANT; how <= FEW; how++) {
            setting s;
            open_setting(losses[l], 4, keys, how == FEW ? 4 : 2000, &s);
            draw_rows(&s, 5);
            spoil(&s, how);
            sg_fit fit = {.theta = theta, .covariance = covariance};
            fit_of(&s, s.model->truth, true, &fit);
            if (how == FEW) /* fewer data than parameters at a site */
                assert_true(fit.status == SG_SINGULAR || fit.status == SG_SEPARATED);
            else
                assert_int_equal(fit.status, how == ALMOST ? SG_OK : SG_SEPARATED);
            for (int j = 0; j < s.m; j++) assert_int_equal(isnan(theta[j]), how != ALMOST);
            close_setting(&s);
        }
}

static void test_other_models(void **state) {
    (void)state;
    const sg_pair tied[] = {{"n", "5"}, {"graph", "ring"}, {"beta", "0.2"}, {"free", "tied"}};
    sg_model *model = NULL;
    sg_nodewise *w = NULL;
    assert_int_equal(sg_model_new("ising", 4, tied, &model), SG_OK);
    assert_int_equal(sg_nodewise_new(model, sg_row_find("rise"), model->truth, &w), SG_OK);
    assert_null(w); /* its two statistics are those of all sites */
    sg_model_delete(model);
}

/* -------------------------------------------------------------------- theory */

static double log_p(const sg_model *model, const double *theta, int code) {
    double value;
    model->family->states(model, theta, (uint64_t)code, 1, &value);
    return value;
}

/* Scores [states][m] by differences of log p, which is linear in theta up to log Z, and masses. */
static void scores(const sg_model *model, double *mass, double *score) {
    const int states = 1 << model->space.d, m = model->m;
    double theta[M_MOST], mean[M_MOST] = {0}, z = 0;
    memcpy(theta, model->truth, (size_t)model->full * sizeof(double));
    for (int c = 0; c < states; c++) z += mass[c] = exp(log_p(model, theta, c));
    for (int c = 0; c < states; c++) mass[c] /= z;
    for (int j = 0; j < m; j++) {
        const double here = theta[model->free[j]];
        for (int c = 0; c < states; c++) {
            theta[model->free[j]] = here + 1;
            score[c * m + j] = log_p(model, theta, c);
            theta[model->free[j]] = here - 1;
            score[c * m + j] = (score[c * m + j] - log_p(model, theta, c)) / 2;
            mean[j] += mass[c] * score[c * m + j];
        }
        theta[model->free[j]] = here;
    }
    for (int c = 0; c < states; c++)
        for (int j = 0; j < m; j++) score[c * m + j] -= mean[j];
}

/* Rate at which site `site` flips, from log p alone. */
static double rate_of(const setting *s, int site, int code) {
    const double u = log_p(s->model, s->model->truth, code ^ 1 << site) - log_p(s->model, s->model->truth, code);
    return s->rise ? exp(0.5 * u) : 1 / (1 + exp(-u));
}

/* By the generators L_i alone: influences H_i^-1 L_i S, H_i = -E S L_i S, on the parameters at site i. */
static void gamma_by_generators(const setting *s, const double *mass, const double *score, double *gamma,
                                double site_gamma[D_MOST][T_MOST * T_MOST]) {
    const int states = 1 << s->d, m = s->m;
    static double all[1 << 5][M_MOST], one[T_MOST];
    double sites[M_MOST] = {0}, h[T_MOST * T_MOST], inverse[T_MOST * T_MOST], condition;
    memset(all, 0, sizeof all);
    for (int i = 0; i < s->d; i++) {
        const int t = s->count[i], *list = s->list[i];
        memset(h, 0, sizeof h);
        memset(site_gamma[i], 0, sizeof site_gamma[i]);
        for (int c = 0; c < states; c++)
            for (int a = 0; a < t; a++)
                for (int b = 0; b < t; b++)
                    h[a + b * t] -= mass[c] * score[c * m + list[a]] * rate_of(s, i, c) *
                                    (score[(c ^ 1 << i) * m + list[b]] - score[c * m + list[b]]);
        assert_int_equal(sg_invert(t, h, inverse, &condition), SG_OK);
        for (int a = 0; a < t; a++) sites[list[a]]++;
        for (int c = 0; c < states; c++) {
            for (int a = 0; a < t; a++) {
                one[a] = 0;
                for (int b = 0; b < t; b++)
                    one[a] += inverse[a + b * t] * rate_of(s, i, c) *
                              (score[(c ^ 1 << i) * m + list[b]] - score[c * m + list[b]]);
                all[c][list[a]] += one[a];
            }
            for (int a = 0; a < t; a++)
                for (int b = 0; b < t; b++) site_gamma[i][a + b * t] += mass[c] * one[a] * one[b];
        }
    }
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) {
            gamma[j + k * m] = 0;
            for (int c = 0; c < states; c++)
                gamma[j + k * m] += mass[c] * all[c][j] * all[c][k] / (sites[j] * sites[k]);
        }
}

static void near_all(int count, const double *got, const double *want) {
    for (int k = 0; k < count; k++) assert_near(got[k], want[k], 1e-11 * (1 + fabs(want[k])));
}

/* Each site alone, in the parameters that it touches. */
static void check_site(const setting *s, const sg_pair *keys, int site, const double *gamma) {
    char names[256] = "", name[SG_NAME], text[64];
    sg_pair alone[6];
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_asymptotic *a = NULL;
    memcpy(alone, keys, sizeof alone);
    for (int k = 0; k < s->count[site]; k++) {
        sg_model_parameter(s->model, s->list[site][k], name);
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", k ? "/" : "", name);
    }
    alone[5].value = names;
    snprintf(text, sizeof text, "%s:sites=%d", s->rise ? "rise" : "pseudolikelihood", site);
    assert_int_equal(sg_model_new("ising", 6, alone, &model), SG_OK);
    assert_int_equal(sg_loss_new(text, &loss), SG_OK);
    assert_int_equal(sg_asymptotic_new(model, loss, &a), SG_OK);
    assert_int_equal(a->m, s->count[site]);
    near_all(a->m * a->m, a->gamma, gamma);
    sg_asymptotic_delete(a);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* Gamma of the averaged estimates and of each site's, against generators built from log p alone. */
static void test_theory(void **state) {
    (void)state;
    static double mass[1 << 5], score[(1 << 5) * M_MOST], gamma[M_MOST * M_MOST];
    static double site_gamma[D_MOST][T_MOST * T_MOST];
    const sg_pair keys[] = {{"n", "5"},      {"graph", "complete"}, {"couplings", "sk"},
                            {"beta", "0.7"}, {"h", "0.2"},          {"free", "all"}};
    for (int l = 0; l < 2; l++) {
        setting s;
        sg_asymptotic *a = NULL;
        open_setting(losses[l], 6, keys, 1, &s);
        scores(s.model, mass, score);
        gamma_by_generators(&s, mass, score, gamma, site_gamma);
        assert_int_equal(sg_asymptotic_new(s.model, s.loss, &a), SG_OK);
        near_all(s.m * s.m, a->gamma, gamma);
        for (int i = 0; i < s.d; i++) check_site(&s, keys, i, site_gamma[i]);
        sg_asymptotic_delete(a);
        close_setting(&s);
    }
}

/* --------------------------------------------------------------- Monte Carlo */

/*
 * n Cov of 400 estimates from 4000 data each against Gamma: all of its 55 entries within 5 standard errors (false
 * alarms: 55 * 6e-7 = 3e-5 a loss for normal errors; terms of order 1/n are a hundredth of a standard error).
 */
static void test_monte_carlo(void **state) {
    (void)state;
    enum { REPLICATES = 400, N = 4000, M = 10 };
    static double theta[REPLICATES * M], score[16 * M], mass[16];
    static double site_gamma[D_MOST][T_MOST * T_MOST];
    double gamma[M * M], covariance[M * M], mean[M], bias[M], bias_se[M], moment[M * M], moment_se[M * M];
    uint8_t use[REPLICATES];
    const sg_pair keys[] = {{"n", "4"}, {"graph", "complete"}, {"beta", "0.3"}, {"h", "0.2"}, {"free", "all"}};
    for (int l = 0; l < 2; l++) {
        setting s;
        sg_sampler *sampler = NULL;
        sg_fitter *fitter = NULL;
        open_setting(losses[l], 5, keys, N, &s);
        scores(s.model, mass, score);
        gamma_by_generators(&s, mass, score, gamma, site_gamma);
        assert_int_equal(sg_sampler_new(s.model, s.model->truth, NULL, &sampler), SG_OK);
        assert_int_equal(sg_fitter_new(s.model, s.loss, s.model->truth, NULL, NULL, &fitter), SG_OK);
        for (int r = 0; r < REPLICATES; r++) {
            sg_fit fit = {.theta = theta + r * M, .covariance = covariance};
            const sg_source source = {
                .n = N, .d = 4, .sampler = sampler, .key = 20 + (uint64_t)l, .replicate = (uint32_t)r};
            assert_int_equal(sg_fit_source(fitter, &source, 0, &fit), SG_OK);
            use[r] = fit.status == SG_OK;
            assert_true(use[r]);
        }
        sg_moments out = {
            .mean = mean, .bias = bias, .bias_se = bias_se, .covariance = moment, .covariance_se = moment_se};
        assert_int_equal(sg_moments_of(REPLICATES, M, theta, use, s.model->truth, &out), SG_OK);
        for (int k = 0; k < M * M; k++) assert_true(fabs(N * moment[k] - gamma[k]) <= 5 * N * moment_se[k]);
        sg_fitter_delete(fitter);
        sg_sampler_delete(sampler);
        close_setting(&s);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_definition),  cmocka_unit_test(test_starts),       cmocka_unit_test(test_again),
        cmocka_unit_test(test_separation),  cmocka_unit_test(test_other_models), cmocka_unit_test(test_theory),
        cmocka_unit_test(test_monte_carlo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
