/* The log-partition function against closed forms, panels rebuilt at theta, and differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/family.h"

enum { MOST = 8, PAIRS_MOST = 8 };

typedef struct {
    sg_model *model;
    sg_panels *panels;
    sg_chart *chart;
    sg_partition *partition;
} setting;

/* Sizes, for what rounding may do: sum of the sizes of the terms of log q and of each statistic, at its largest. */
typedef struct {
    double log_z, gradient[MOST], hessian[MOST * MOST];
    double terms, part[MOST]; /* where p counts */
    double reach[MOST];       /* where p has any mass */
} values;

static sg_local local_of(values *v) {
    return (sg_local){.gradient = v->gradient, .hessian = v->hessian};
}

static sg_status at(sg_partition *partition, const double *delta, values *v) {
    sg_local local = local_of(v);
    sg_status status = sg_partition_at(partition, delta, &local);
    v->log_z = local.log_z;
    return status;
}

static sg_model *model_of(const char *family, const char *keys) {
    char text[256];
    sg_pair pairs[PAIRS_MOST];
    int count = 0;
    sg_model *model = NULL;
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, PAIRS_MOST, pairs, &count), SG_OK);
    if (sg_model_new(family, count, pairs, &model) != SG_OK) fail_msg("%s", sg_message());
    return model;
}

static sg_nodes nodes_on(const sg_model *model, sg_panels *panels) {
    return (sg_nodes){.model = model, .n = panels->n, .panels = panels};
}

/* Chart and panels are given back at once: the partition may not look at them later. */
static sg_partition *partition_of(const sg_model *model, const sg_panels *panels, const double *whiten) {
    sg_chart *chart = NULL;
    sg_panels *copy = NULL;
    sg_partition *partition = NULL;
    assert_int_equal(sg_chart_new(model, model->truth, whiten, &chart), SG_OK);
    assert_int_equal(sg_panels_copy(panels, &copy), SG_OK);
    const sg_nodes nodes = nodes_on(model, copy);
    if (sg_partition_new(model, chart, &nodes, &partition) != SG_OK) fail_msg("%s", sg_message());
    sg_chart_delete(chart);
    sg_panels_delete(copy);
    return partition;
}

/* whiten = L^-T with Cov = L L^T, so that the statistics along the chart have covariance 1. */
static void whiten_of(int m, const double *covariance, double *whiten) {
    double l[MOST * MOST] = {0};
    for (int j = 0; j < m; j++) {
        for (int i = j; i < m; i++) {
            double sum = covariance[i + j * m];
            for (int k = 0; k < j; k++) sum -= l[i + k * m] * l[j + k * m];
            l[i + j * m] = i == j ? sqrt(sum) : sum / l[j + j * m];
        }
    }
    for (int c = 0; c < m; c++) { /* row c of L^-1 is column c of L^-T */
        for (int i = 0; i < m; i++) {
            double sum = i == c;
            for (int k = 0; k < i; k++) sum -= l[i + k * m] * whiten[c + k * m];
            whiten[c + i * m] = sum / l[i + i * m];
        }
    }
}

/* Whitened with the covariance under the truth. */
static setting open_setting(const char *family, const char *keys) {
    setting s = {.model = model_of(family, keys)};
    values v;
    double whiten[MOST * MOST], zero[MOST] = {0};
    assert_int_equal(sg_model_panels(s.model, s.model->truth, 0, &s.panels), SG_OK);
    sg_partition *plain = partition_of(s.model, s.panels, NULL);
    assert_int_equal(at(plain, zero, &v), SG_OK);
    sg_partition_delete(plain);
    whiten_of(s.model->m, v.hessian, whiten);
    assert_int_equal(sg_chart_new(s.model, s.model->truth, whiten, &s.chart), SG_OK);
    s.partition = partition_of(s.model, s.panels, whiten);
    return s;
}

static void close_setting(setting *s) {
    sg_partition_delete(s->partition);
    sg_chart_delete(s->chart);
    sg_panels_delete(s->panels);
    sg_model_delete(s->model);
}

/*
 * The statistics along a chart at the nodes, [m][n], by plain loops; and how large the numbers are whose rounding
 * errors any program meets.
 */
static void statistics(const sg_model *model, const sg_chart *chart, const double *theta, const sg_panels *panels,
                       double *out, values *v) {
    enum { WANT = SG_LOGP | SG_DT };
    const int m = chart->m;
    sg_arena *arena = NULL;
    sg_jet jet;
    assert_int_equal(sg_arena_new(sg_jet_bytes(model->full, 1, WANT) + SG_BLOCK * sizeof(double), &arena), SG_OK);
    assert_int_equal(sg_jet_take(arena, model->full, 1, WANT, &jet), SG_OK);
    sg_block block = {.d = 1, .draws = 1, .x = sg_arena_take(arena, SG_BLOCK, sizeof(double))};
    v->terms = 0;
    for (int j = 0; j < m; j++) v->part[j] = v->reach[j] = 0;
    for (int start = 0; start < panels->n; start += SG_BLOCK) {
        block.n = panels->n - start < SG_BLOCK ? panels->n - start : SG_BLOCK;
        memcpy(block.x, panels->x + start, (size_t)block.n * sizeof(double));
        model->family->jet(model, theta, &block, &jet);
        for (int i = 0; i < block.n; i++) {
            bool counts = panels->mass[start + i] > 1e-6;
            double terms = fabs(jet.logp[i]);
            for (int k = 0; k < model->full; k++) terms += 2 * fabs(theta[k] * jet.dt[k * SG_BLOCK + i]);
            if (counts) v->terms = fmax(v->terms, terms);
            for (int j = 0; j < m; j++) {
                double sum = 0, size = 0;
                for (int k = 0; k < model->full; k++) {
                    double term = chart->basis[k * m + j] * jet.dt[k * SG_BLOCK + i];
                    sum += term;
                    size += fabs(term);
                }
                out[j * panels->n + start + i] = sum;
                if (panels->mass[start + i] > 1e-40) v->reach[j] = fmax(v->reach[j], size);
                if (counts) v->part[j] = fmax(v->part[j], size);
            }
        }
    }
    sg_arena_delete(arena);
}

/* The same as the partition by panels built at theta, halved once, and sums in extended precision. */
static void directly(const setting *s, const double *delta, values *v) {
    const int m = s->chart->m;
    double theta[MOST], *f = NULL;
    sg_panels *panels = NULL;
    sg_chart_theta(s->chart, delta, theta);
    if (sg_model_panels(s->model, theta, 1, &panels) != SG_OK) fail_msg("%s", sg_message());
    assert_int_equal(sg_new(&f, (size_t)(m * panels->n), sizeof(double)), SG_OK);
    statistics(s->model, s->chart, theta, panels, f, v);
    long double mean[MOST];
    v->log_z = panels->log_z;
    for (int j = 0; j < m; j++) {
        mean[j] = 0;
        for (int i = 0; i < panels->n; i++) mean[j] += (long double)panels->mass[i] * f[j * panels->n + i];
        v->gradient[j] = (double)mean[j];
    }
    for (int j = 0; j < m; j++) {
        for (int k = 0; k < m; k++) {
            long double sum = 0;
            for (int i = 0; i < panels->n; i++)
                sum += panels->mass[i] * (f[j * panels->n + i] - mean[j]) * (f[k * panels->n + i] - mean[k]);
            v->hessian[j + k * m] = (double)sum;
        }
    }
    sg_delete(f);
    sg_panels_delete(panels);
}

static void direction(sg_stream *stream, int m, double length, double *delta) {
    double norm = 0;
    sg_stream_normal(stream, (size_t)m, delta);
    for (int j = 0; j < m; j++) norm += delta[j] * delta[j];
    for (int j = 0; j < m; j++) delta[j] *= length / sqrt(norm);
}

static void near_to(const char *what, const char *text, double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance)) fail_msg("%s: %s = %.17g, not %.17g", text, what, value, wanted);
}

/*
 * What two right programs may differ by: QUADRATURE times the natural size, and ROUNDING times the sizes of the terms
 * that are summed before they cancel (an error e in log q moves a mean by e standard deviations at most), and UNSEEN
 * for the panels that the partition leaves out, e^-75 of the heaviest node and less.
 */
static const double QUADRATURE = 3e-13, ROUNDING = 16 * 0x1p-52, UNSEEN = 1e-30;

static void compare(const setting *s, const values *v, const values *wanted) {
    const int m = s->chart->m;
    const char *text = s->model->text;
    double shift = ROUNDING * wanted->terms;
    near_to("log Z", text, v->log_z, wanted->log_z, QUADRATURE + shift);
    for (int j = 0; j < m; j++) {
        double sd_j = sqrt(fmax(wanted->hessian[j + j * m], 0)), part_j = ROUNDING * wanted->part[j];
        near_to("gradient", text, v->gradient[j], wanted->gradient[j],
                (QUADRATURE + shift) * sd_j + part_j + UNSEEN * wanted->reach[j]);
        for (int k = 0; k < m; k++) {
            double sd_k = sqrt(fmax(wanted->hessian[k + k * m], 0)), part_k = ROUNDING * wanted->part[k];
            near_to("hessian", text, v->hessian[j + k * m], wanted->hessian[j + k * m],
                    2 * (QUADRATURE + shift) * sd_j * sd_k + part_j * sd_k + part_k * sd_j + part_j * part_k +
                        UNSEEN * wanted->reach[j] * wanted->reach[k]);
        }
    }
}

static const char *const linear[][2] = {
    {"gaussian", "s=2"},        {"gaussian", "free=precision"},  {"bimodal", "a=1"},
    {"bimodal", "a=3"},         {"bimodal", "a=4,free=erf"},     {"monomial", "k=4"},
    {"monomial", "k=16"},       {"sinusoid", "omega=1"},         {"sinusoid", "omega=8"},
    {"polynomial", "B=0"},      {"polynomial", "B=4"},           {"polynomial", "degree=5"},
    {"sparse-cut", "a=2,g=.1"}, {"sparse-cut", "g=.001"},        {"double-well", "h=1"},
    {"double-well", "h=5"},     {"polynomial", "B=2,free=x1/x3"}};
enum { LINEAR = sizeof linear / sizeof linear[0] };

/* Would the evaluation build panels anew?  Then its first allocation is made to fail. */
static bool needs_panels(sg_partition *partition, const double *delta) {
    values v;
    sg_memory_fail_after(1);
    sg_status status = at(partition, delta, &v);
    sg_memory_fail_after(0);
    return status == SG_NO_MEMORY;
}

static void agrees_with_panels_at_theta(void **state) {
    (void)state;
    const double lengths[] = {0, 1e-6, 0.01, 0.1, 0.3, 1, 3, 10, 30};
    int rebuilt = 0, borrowed = 0, outside = 0;
    sg_stream stream;
    sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 0);
    for (int c = 0; c < LINEAR; c++) {
        setting s = open_setting(linear[c][0], linear[c][1]);
        /* Three whitened units give x^5 a coefficient near 20; at thirty log q is 1e14 and has no digit after the
         * point. */
        const int count = strstr(s.model->text, "degree=5") ? 7 : 9;
        for (int trial = 0; trial < 4 * count; trial++) {
            double delta[MOST], theta[MOST];
            values v, wanted;
            direction(&stream, s.chart->m, lengths[trial % count], delta);
            sg_chart_theta(s.chart, delta, theta);
            if (!s.model->family->inside(s.model, theta)) {
                assert_int_equal(at(s.partition, delta, &v), SG_NOT_INTEGRABLE);
                outside++;
                continue;
            }
            bool anew = needs_panels(s.partition, delta);
            rebuilt += anew;
            borrowed += !anew;
            directly(&s, delta, &wanted);
            assert_int_equal(at(s.partition, delta, &v), SG_OK);
            compare(&s, &v, &wanted);
        }
        close_setting(&s);
    }
    assert_true(rebuilt > 30 && borrowed > 200 && outside > 30); /* all three ways were taken */
}

static void small_steps_need_no_panels(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 4, SG_PURPOSE_TEST, 0);
    for (int c = 0; c < LINEAR; c++) {
        setting s = open_setting(linear[c][0], linear[c][1]);
        double delta[MOST] = {0};
        values v;
        assert_int_equal(at(s.partition, delta, &v), SG_OK); /* takes room for the first Hessian */
        for (int trial = 0; trial < 50; trial++) {
            direction(&stream, s.chart->m, 0.05, delta);
            if (needs_panels(s.partition, delta)) fail_msg("%s rebuilds its panels", s.model->text);
        }
        close_setting(&s);
    }
}

static void gaussian_has_its_closed_form(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
    setting s = open_setting("gaussian", "s=0.5");
    for (int trial = 0; trial < 200; trial++) {
        double delta[2], theta[2];
        values v, wanted;
        direction(&stream, 2, pow(10, -3 + trial % 6), delta);
        sg_chart_theta(s.chart, delta, theta);
        if (!(theta[1] > 0)) {
            assert_int_equal(at(s.partition, delta, &v), SG_NOT_INTEGRABLE);
            continue;
        }
        directly(&s, delta, &wanted); /* for the sizes */
        double mean = theta[0] / theta[1], variance = 1 / theta[1];
        double first[] = {mean, -0.5 * (mean * mean + variance)};
        double second[] = {variance, -mean * variance, variance * (0.5 * variance + mean * mean)};
        const double *b = s.chart->basis;
        wanted.log_z = 0.5 * log(2 * M_PI * variance) + 0.5 * mean * theta[0];
        for (int j = 0; j < 2; j++) {
            wanted.gradient[j] = b[j] * first[0] + b[2 + j] * first[1];
            for (int k = 0; k < 2; k++)
                wanted.hessian[j + 2 * k] = b[j] * b[k] * second[0] + (b[j] * b[2 + k] + b[2 + j] * b[k]) * second[1] +
                                            b[2 + j] * b[2 + k] * second[2];
        }
        assert_int_equal(at(s.partition, delta, &v), SG_OK);
        compare(&s, &v, &wanted);
    }
    close_setting(&s);
}

/* Richardson's central differences, error O(h^4), in units in which derivatives are of order 1. */
static void derivatives_are_derivatives(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 6, SG_PURPOSE_TEST, 0);
    const double h = 2e-4;
    for (int c = 0; c < LINEAR; c++) {
        setting s = open_setting(linear[c][0], linear[c][1]);
        double delta[MOST];
        values v, shifted[4];
        const int m = s.chart->m;
        direction(&stream, m, 0.05, delta);
        assert_int_equal(at(s.partition, delta, &v), SG_OK);
        for (int j = 0; j < m; j++) {
            const double steps[] = {-2 * h, -h, h, 2 * h};
            for (int k = 0; k < 4; k++) {
                double moved[MOST];
                memcpy(moved, delta, sizeof moved);
                moved[j] += steps[k];
                assert_int_equal(at(s.partition, moved, &shifted[k]), SG_OK);
            }
#define SLOPE(member) \
    ((8 * (shifted[2].member - shifted[1].member) - (shifted[3].member - shifted[0].member)) / (12 * h))
            near_to("gradient", s.model->text, v.gradient[j], SLOPE(log_z), 1e-9 * (1 + fabs(v.gradient[j])));
            for (int k = 0; k < m; k++)
                near_to("hessian", s.model->text, v.hessian[j + k * m], SLOPE(gradient[k]),
                        1e-9 * (1 + fabs(v.hessian[j + k * m])));
        }
        close_setting(&s);
    }
}

static void falls_back_to_its_reference(void **state) {
    (void)state;
    setting s = open_setting("bimodal", "a=3");
    double near_delta[] = {0.03, -0.02}, far_delta[] = {30, 20};
    values before, after, far_away;
    assert_int_equal(at(s.partition, near_delta, &before), SG_OK);
    assert_true(needs_panels(s.partition, far_delta));
    assert_int_equal(at(s.partition, far_delta, &far_away), SG_OK);
    assert_int_equal(at(s.partition, near_delta, &after), SG_OK);
    assert_true(before.log_z == after.log_z);
    assert_memory_equal(before.gradient, after.gradient, 2 * sizeof(double));
    assert_memory_equal(before.hessian, after.hessian, 4 * sizeof(double));
    sg_local only_value = {0};
    assert_int_equal(sg_partition_at(s.partition, near_delta, &only_value), SG_OK);
    assert_true(only_value.log_z == before.log_z);
    close_setting(&s);
}

static void theta_outside_is_refused(void **state) {
    (void)state;
    setting s = open_setting("gaussian", "");
    /* the precision is 1 + basis[3] delta[1] when delta[0] = 0 */
    double none[] = {NAN, 0}, flat[] = {0, -1 / s.chart->basis[3]}, negative[] = {0, -1.5 / s.chart->basis[3]};
    values v;
    assert_int_equal(at(s.partition, none, &v), SG_NOT_INTEGRABLE);
    assert_int_equal(at(s.partition, flat, &v), SG_NOT_INTEGRABLE);
    assert_int_equal(at(s.partition, negative, &v), SG_NOT_INTEGRABLE);
    assert_non_null(strstr(sg_message(), "family gaussian"));
    close_setting(&s);
}

static void normalized_families_have_log_z_zero(void **state) {
    (void)state;
    sg_model *model = model_of("mixture", "free=all");
    sg_chart *chart = NULL;
    sg_partition *partition = NULL;
    assert_int_equal(sg_chart_new(model, model->truth, NULL, &chart), SG_OK);
    assert_int_equal(sg_partition_new(model, chart, NULL, &partition), SG_OK);
    double inside[] = {0.1, 0.5, 0.5}, outside[] = {0.6, 0, 0};
    values v = {.log_z = 1, .gradient = {1, 1, 1}, .hessian = {1, 1, 1, 1, 1, 1, 1, 1, 1}};
    assert_int_equal(at(partition, inside, &v), SG_OK);
    assert_true(v.log_z == 0);
    for (int k = 0; k < 9; k++) assert_true(v.hessian[k] == 0 && v.gradient[k % 3] == 0);
    assert_int_equal(at(partition, outside, &v), SG_NOT_INTEGRABLE);
    sg_partition_delete(partition);
    sg_chart_delete(chart);
    sg_model_delete(model);
}

static void other_families_are_refused(void **state) {
    (void)state;
    sg_model *model = model_of("gaussian", "");
    sg_family family = *model->family;
    sg_panels *panels = NULL;
    sg_chart *chart = NULL;
    sg_partition *partition = NULL;
    assert_int_equal(sg_model_panels(model, model->truth, 0, &panels), SG_OK);
    assert_int_equal(sg_chart_new(model, model->truth, NULL, &chart), SG_OK);
    family.can &= ~(uint32_t)SG_LINEAR;
    model->family = &family;
    const sg_nodes nodes = nodes_on(model, panels);
    assert_int_equal(sg_partition_new(model, chart, &nodes, &partition), SG_REFUSED);
    assert_null(partition);
    sg_panels_delete(panels);
    sg_chart_delete(chart);
    sg_model_delete(model);
}

static void allocation_failures_leave_nothing(void **state) {
    (void)state;
    setting s = open_setting("bimodal", "a=3");
    double far_delta[] = {30, 20};
    long live = sg_memory_live(), k;
    for (k = 1;; k++) {
        sg_partition *partition = NULL;
        sg_memory_fail_after(k);
        const sg_nodes nodes = nodes_on(s.model, s.panels);
        sg_status status = sg_partition_new(s.model, s.chart, &nodes, &partition);
        sg_memory_fail_after(0);
        sg_partition_delete(partition);
        assert_int_equal(sg_memory_live(), live);
        if (status == SG_OK) break;
        assert_int_equal(status, SG_NO_MEMORY);
        assert_null(partition);
    }
    assert_true(k > 4);
    for (k = 1;; k++) {
        values v;
        sg_memory_fail_after(k);
        sg_status status = at(s.partition, far_delta, &v);
        sg_memory_fail_after(0);
        assert_int_equal(sg_memory_live(), live);
        if (status == SG_OK) break;
        assert_int_equal(status, SG_NO_MEMORY);
    }
    assert_true(k > 4);
    close_setting(&s);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(agrees_with_panels_at_theta),         cmocka_unit_test(small_steps_need_no_panels),
        cmocka_unit_test(gaussian_has_its_closed_form),        cmocka_unit_test(derivatives_are_derivatives),
        cmocka_unit_test(falls_back_to_its_reference),         cmocka_unit_test(theta_outside_is_refused),
        cmocka_unit_test(normalized_families_have_log_z_zero), cmocka_unit_test(other_families_are_refused),
        cmocka_unit_test(allocation_failures_leave_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
