/*
 * log Z of finite sets and its derivatives, in each of the ways there are to it, against sums over all states written
 * out here (statistics from the names of the parameters, extended precision), against closed forms and sums over
 * counts, and against differences.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <stdlib.h>

#include "finite.h"

enum { MOST = 136 };
static const double EPS = 0x1p-52;

static void near_to(const char *text, const char *what, double got, long double want, double tolerance) {
    if (!(fabsl(got - want) <= tolerance))
        fail_msg("%s: %s = %.17g, expected %.17g, tolerance %.2g", text, what, got, (double)want, tolerance);
}

/* ------------------------------------------------------------ the partition */

typedef struct {
    sg_model *model;
    sg_family family; /* of the model, without log_z and factors: all states are taken */
    sg_chart *chart;
    sg_partition *partition;
    double log_z, *gradient, *hessian;
} setting;

/* basis = direction * (identity + noise), so that nothing is diagonal. */
static sg_chart *chart_of(const sg_model *model, sg_stream *stream) {
    const size_t m = (size_t)model->m;
    double *whiten = NULL;
    sg_chart *chart = NULL;
    assert_int_equal(sg_new(&whiten, m * m, sizeof(double)), SG_OK);
    sg_stream_normal(stream, m * m, whiten);
    for (size_t k = 0; k < m * m; k++) whiten[k] = (k % (m + 1) == 0) + 0.3 * whiten[k] / (double)m;
    assert_int_equal(sg_chart_new(model, model->truth, whiten, &chart), SG_OK);
    sg_delete(whiten);
    return chart;
}

/* Chart and nodes are given back at once: the partition may not look at them later. */
static sg_partition *partition_of(const sg_model *model, const sg_chart *chart, bool alike) {
    sg_chart *copy = NULL;
    sg_nodes *nodes = NULL;
    sg_partition *partition = NULL;
    assert_int_equal(sg_chart_new(model, chart->origin, NULL, &copy), SG_OK);
    memcpy(copy->basis, chart->basis, (size_t)chart->full * (size_t)chart->m * sizeof(double));
    assert_int_equal(sg_nodes_new(model, model->truth, 0, alike, &nodes), SG_OK);
    if (sg_partition_new(model, copy, nodes, &partition) != SG_OK) fail_msg("%s: %s", model->text, sg_message());
    sg_nodes_delete(nodes);
    sg_chart_delete(copy);
    return partition;
}

static setting *open_setting(const char *family, const char *keys, bool alike, sg_stream *stream) {
    setting *s = NULL;
    assert_int_equal(sg_new(&s, 1, sizeof *s), SG_OK);
    s->model = finite_model(family, keys);
    s->family = *s->model->family;
    s->family.log_z = NULL;
    s->family.factors = NULL;
    s->model->family = &s->family;
    s->chart = chart_of(s->model, stream);
    s->partition = partition_of(s->model, s->chart, alike);
    const size_t m = (size_t)s->model->m;
    assert_int_equal(sg_new(&s->gradient, m, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&s->hessian, m * m, sizeof(double)), SG_OK);
    return s;
}

static void close_setting(setting *s) {
    sg_partition_delete(s->partition);
    sg_chart_delete(s->chart);
    sg_model_delete(s->model);
    sg_delete(s->gradient);
    sg_delete(s->hessian);
    sg_delete(s);
}

static void at(setting *s, const double *delta) {
    sg_local local = {.gradient = s->gradient, .hessian = s->hessian};
    if (sg_partition_at(s->partition, delta, &local) != SG_OK) fail_msg("%s: %s", s->model->text, sg_message());
    s->log_z = local.log_z;
    const int m = s->model->m;
    for (int j = 0; j < m; j++)
        for (int k = 0; k < j; k++) assert_true(s->hessian[j + k * m] == s->hessian[k + j * m]);
}

static void direction(sg_stream *stream, int m, double length, double *delta) {
    double norm = 0;
    sg_stream_normal(stream, (size_t)m, delta);
    for (int j = 0; j < m; j++) norm += delta[j] * delta[j];
    for (int j = 0; j < m; j++) delta[j] *= length / sqrt(norm);
}

/* ------------------------------------------------------------------- by hand */

/* The statistics of coordinates: coordinate k is the sum of weight x_i x_j (j = -1: x_i) over its terms. */
typedef struct {
    int full, terms;
    struct {
        int k, i, j;
        double weight;
    } term[512];
} recipe;

static void add_term(recipe *r, int k, int i, int j, double weight) {
    assert_true(r->terms < 512);
    r->term[r->terms].k = k;
    r->term[r->terms].i = i;
    r->term[r->terms].j = j;
    r->term[r->terms++].weight = weight;
}

/* Of an Ising model whose coordinates are all couplings and fields, or if `beta` is given (beta J_e, h) tied. */
static recipe recipe_of(const sg_model *all, double beta) {
    recipe r = {.full = beta != 0 ? 2 : all->full};
    for (int k = 0; k < all->full; k++) {
        char name[SG_NAME];
        int i, j = -1;
        all->family->parameter(all, k, name);
        if (sscanf(name, "J%d-%d", &i, &j) != 2) assert_int_equal(sscanf(name, "h%d", &i), 1);
        add_term(&r, beta == 0 ? k : j < 0, i, j, beta == 0 || j < 0 ? 1 : all->truth[k] / beta);
    }
    return r;
}

static void statistics(const recipe *r, uint64_t code, double *f) {
    for (int k = 0; k < r->full; k++) f[k] = 0;
    for (int t = 0; t < r->terms; t++) {
        const int i = r->term[t].i, j = r->term[t].j;
        const bool plus = j < 0 ? code >> i & 1 : !((code >> i ^ code >> j) & 1);
        f[r->term[t].k] += plus ? r->term[t].weight : -r->term[t].weight;
    }
}

typedef struct {
    int full, columns;
    double log_z, mean[MOST], size[MOST]; /* size: the largest |F_k| */
    double *product;                      /* [columns][full]: Cov(F) v of each column v [full] */
} law;

static law by_hand(const recipe *r, int d, const double *theta, int columns, const double *v) {
    const size_t states = (size_t)1 << d, full = (size_t)r->full, several = (size_t)columns;
    law l = {.full = r->full, .columns = columns};
    double *logp = NULL, *f = NULL;
    long double top = -INFINITY, total = 0, sum[MOST] = {0}, *product = NULL;
    assert_int_equal(sg_new(&logp, states, sizeof *logp), SG_OK);
    assert_int_equal(sg_new(&f, states * full, sizeof *f), SG_OK);
    assert_int_equal(sg_new(&product, several * full, sizeof *product), SG_OK);
    assert_int_equal(sg_new(&l.product, several * full, sizeof(double)), SG_OK);
    for (size_t x = 0; x < states; x++) {
        long double value = 0;
        statistics(r, x, f + x * full);
        for (size_t k = 0; k < full; k++) {
            value += (long double)theta[k] * f[x * full + k];
            l.size[k] = fmax(l.size[k], fabs(f[x * full + k]));
        }
        logp[x] = (double)value;
        top = fmaxl(top, logp[x]);
    }
    for (size_t x = 0; x < states; x++) {
        const long double w = expl(logp[x] - top);
        total += w;
        for (size_t k = 0; k < full; k++) sum[k] += w * f[x * full + k];
    }
    for (size_t k = 0; k < full; k++) l.mean[k] = (double)(sum[k] /= total);
    for (size_t x = 0; x < states; x++) {
        const long double w = expl(logp[x] - top) / total;
        for (size_t k = 0; k < full; k++) f[x * full + k] -= l.mean[k];
        for (size_t c = 0; c < several; c++) {
            long double along = 0;
            for (size_t k = 0; k < full; k++) along += v[c * full + k] * f[x * full + k];
            for (size_t k = 0; k < full; k++) product[c * full + k] += w * along * f[x * full + k];
        }
    }
    for (size_t k = 0; k < several * full; k++) l.product[k] = (double)product[k];
    l.log_z = (double)(top + logl(total));
    sg_delete(logp);
    sg_delete(f);
    sg_delete(product);
    return l;
}

/*
 * Rounding: an error e in log p moves a mean by e standard deviations at most, and log p has errors of eps times the
 * sizes of its terms, those along the chart included; ROUNDING of them in a sum of that many roundings.
 */
static const double ROUNDING = 16 * 0x1p-52;

static void compare(setting *s, const recipe *r, const double *delta, int columns) {
    const int m = s->model->m, full = r->full;
    const double *basis = s->chart->basis;
    const char *text = s->model->text;
    double theta[MOST], *v = NULL, *u = NULL, terms = 1;
    sg_stream stream;
    sg_stream_open(&stream, 11, SG_PURPOSE_TEST, 0);
    assert_int_equal(sg_new(&u, (size_t)columns * (size_t)m, sizeof(double)), SG_OK);
    assert_int_equal(sg_new(&v, (size_t)columns * (size_t)full, sizeof(double)), SG_OK);
    sg_stream_normal(&stream, (size_t)columns * (size_t)m, u);
    for (int c = 0; c < columns; c++)
        for (int k = 0; k < full; k++)
            for (int j = 0; j < m; j++) v[c * full + k] += basis[k * m + j] * u[c * m + j];
    sg_chart_theta(s->chart, delta, theta);
    law l = by_hand(r, s->model->space.d, theta, columns, v);
    for (int k = 0; k < full; k++) terms += (fabs(theta[k]) + fabs(s->chart->origin[k])) * l.size[k];
    at(s, delta);
    near_to(text, "log Z", s->log_z, l.log_z, ROUNDING * terms);
    for (int j = 0; j < m; j++) {
        long double mean = 0;
        double size = 0;
        for (int k = 0; k < full; k++) {
            mean += (long double)basis[k * m + j] * l.mean[k];
            size += fabs(basis[k * m + j]) * l.size[k];
        }
        near_to(text, "gradient", s->gradient[j], mean, ROUNDING * terms * size);
        for (int c = 0; c < columns; c++) {
            long double got = 0, want = 0;
            double other = 0;
            for (int i = 0; i < m; i++) got += (long double)s->hessian[j + i * m] * u[c * m + i];
            for (int k = 0; k < full; k++) {
                want += (long double)basis[k * m + j] * l.product[c * full + k];
                other += fabs(v[c * full + k]) * l.size[k];
            }
            near_to(text, "Hessian", (double)got, want, ROUNDING * terms * size * other);
        }
    }
    sg_delete(l.product);
    sg_delete(u);
    sg_delete(v);
}

static void agrees_by_hand(const char *keys, double beta, int columns, int lengths, const double *length) {
    char text[SG_TEXT];
    sg_stream stream;
    sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 0);
    snprintf(text, sizeof text, "%.*s", (int)strcspn(keys, "!"), keys);
    sg_model *all = finite_model("ising", text);
    snprintf(text, sizeof text, "%.*s%s", (int)strcspn(keys, "!"), keys,
             strchr(keys, '!') ? strchr(keys, '!') + 1 : "");
    setting *s = open_setting("ising", text, false, &stream);
    const recipe r = recipe_of(all, beta);
    for (int k = 0; k < lengths; k++) {
        double delta[MOST];
        direction(&stream, s->model->m, length[k], delta);
        compare(s, &r, delta, columns);
    }
    close_setting(s);
    sg_model_delete(all);
}

/* What follows the ! is of the model alone, not of that which names all couplings and fields. */
static void kept_statistics_agree_with_all_states(void **state) {
    (void)state;
    static const double lengths[] = {0, 1e-6, 0.1, 1, 10};
    agrees_by_hand("graph=path,n=1,h=0.4!", 0, 1, 5, lengths);
    agrees_by_hand("graph=ring,n=5,beta=0.7,h=-0.3!", 0, 10, 5, lengths);
    agrees_by_hand("graph=ring,n=9,beta=0.7,h=-0.3!,free=h3/J0-1/J3-4", 0, 3, 5, lengths);
    agrees_by_hand("graph=complete,n=9,couplings=gauss,beta=0.4!", 0, 45, 2, lengths + 2);
    agrees_by_hand("graph=complete,n=10,couplings=gauss,beta=0.4,h=.2!,free=tied", 0.4, 2, 5, lengths);
    agrees_by_hand("graph=lattice,shape=3x4,beta=2!,free=beta", 2, 1, 5, lengths);
}

/* 2^21 states with two statistics and 2^16 with 136 of them would take more than 64 MiB. */
static void passing_states_agree_with_all_states(void **state) {
    (void)state;
    static const double lengths[] = {0.3, 3};
    agrees_by_hand("graph=ring,n=21,beta=0.4,h=-0.1!,free=h3/J0-1", 0, 1, 1, lengths);
    agrees_by_hand("graph=tree,n=21,couplings=gauss,beta=0.4,h=-0.1!,free=tied", 0.4, 2, 1, lengths + 1);
    agrees_by_hand("graph=complete,n=16,couplings=gauss,beta=0.2,h=0.3!", 0, 1, 1, lengths);
}

/* ------------------------------------------------------------- closed forms */

/* Parity: Z = 2^n cosh J.  Hardcore on the complete graph: Z = 1 + n lambda; most states are forbidden. */
static void closed_forms(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 4, SG_PURPOSE_TEST, 0);
    for (int way = 0; way < 4; way++) {
        const bool hard = way % 2, alike = way / 2;
        setting *s = hard ? open_setting("hardcore", "graph=complete,n=9,lambda=2", alike, &stream)
                          : open_setting("parity", alike ? "n=9,k=9,J=-0.5" : "n=9,k=4,J=-0.5", alike, &stream);
        const double step = s->chart->basis[0];
        for (double delta = -4; delta <= 4; delta += 0.5) {
            const long double theta = s->model->truth[0] + (long double)step * delta, n = 9;
            const long double share = n * expl(theta) / (1 + n * expl(theta)), t = tanhl(theta);
            const double size = fabs(step), terms = 8 + fabs((double)theta);
            at(s, &delta);
            near_to(s->model->text, "log Z", s->log_z,
                    hard ? log1pl(n * expl(theta)) : n * logl(2) + logl(coshl(theta)), ROUNDING * terms);
            near_to(s->model->text, "gradient", s->gradient[0], step * (hard ? share : t), ROUNDING * terms * size);
            near_to(s->model->text, "Hessian", s->hessian[0], step * step * (hard ? share * (1 - share) : 1 - t * t),
                    ROUNDING * terms * size * size);
        }
        close_setting(s);
    }
}

/* ----------------------------------------------------------------- counts */

/* Curie-Weiss in (beta, h) by sums over the number of pluses. */
static void counted_by_hand(int n, const double *theta, long double *log_z, long double *mean, long double *second) {
    long double *log_p = NULL, top = -INFINITY, total = 0;
    assert_int_equal(sg_new(&log_p, (size_t)n + 1, sizeof *log_p), SG_OK);
    for (int k = 0; k <= n; k++) {
        const long double m = 2.0L * k - n;
        log_p[k] = lgammal(n + 1.0L) - lgammal(k + 1.0L) - lgammal(n - k + 1.0L) + theta[0] * (m * m - n) / (2.0L * n) +
                   theta[1] * m;
        top = fmaxl(top, log_p[k]);
    }
    for (int k = 0; k <= n; k++) total += log_p[k] = expl(log_p[k] - top);
    mean[0] = mean[1] = second[0] = second[1] = second[2] = 0;
    for (int pass = 0; pass < 2; pass++)
        for (int k = 0; k <= n; k++) {
            const long double m = 2.0L * k - n, f[] = {(m * m - n) / (2.0L * n), m}, w = log_p[k] / total;
            for (int i = 0; i < 2 && !pass; i++) mean[i] += w * f[i];
            for (int i = 0; i < 2 && pass; i++)
                for (int j = 0; j <= i; j++) second[i + j] += w * (f[i] - mean[i]) * (f[j] - mean[j]);
        }
    *log_z = top + logl(total);
    sg_delete(log_p);
}

/* `way` 0: by counts; 1: by what the family says of log Z. */
static void check_curie_weiss(setting *s, int n, const double *delta) {
    const double *b = s->chart->basis;
    double theta[2];
    long double log_z, mean[2], second[3];
    sg_chart_theta(s->chart, delta, theta);
    counted_by_hand(n, theta, &log_z, mean, second);
    at(s, delta);
    /* eps times the terms of log p where most of the mass is, at the origin and here, in units of standard deviations
     */
    const double shift = ROUNDING * (double)(fabsl(log_z) + fabsl(mean[0] * theta[0]) + fabsl(mean[1] * theta[1]) +
                                             fabsl(mean[0]) * (fabs(s->chart->origin[0]) + 1) + 10);
    const char *text = s->model->text;
    near_to(text, "log Z", s->log_z, log_z, shift);
    for (int j = 0; j < 2; j++) {
        const long double along = b[j] * mean[0] + b[2 + j] * mean[1];
        const double size = (double)(fabsl(b[j] * mean[0]) + fabsl(b[2 + j] * mean[1]));
        const long double sd_j =
            sqrtl(b[j] * b[j] * second[0] + 2 * b[j] * b[2 + j] * second[1] + b[2 + j] * b[2 + j] * second[2]);
        near_to(text, "gradient", s->gradient[j], along, shift * (double)sd_j + 4 * EPS * size);
        for (int k = 0; k < 2; k++) {
            const long double sd_k =
                sqrtl(b[k] * b[k] * second[0] + 2 * b[k] * b[2 + k] * second[1] + b[2 + k] * b[2 + k] * second[2]);
            const long double want = b[j] * b[k] * second[0] + (b[j] * b[2 + k] + b[2 + j] * b[k]) * second[1] +
                                     b[2 + j] * b[2 + k] * second[2];
            near_to(text, "Hessian", s->hessian[j + 2 * k], want, 4 * shift * (double)(sd_j * sd_k));
        }
    }
}

static void curie_weiss_by_counts(void **state) {
    (void)state;
    static const double betas[] = {0.5, 1, 1.6}, lengths[] = {0, 1e-3, 0.1, 1};
    sg_stream stream;
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
    for (int c = 0; c < 3; c++) {
        char keys[SG_TEXT];
        snprintf(keys, sizeof keys, "graph=curie-weiss,n=1000,beta=%g,h=0.01,free=tied", betas[c]);
        setting *s = open_setting("ising", keys, true, &stream);
        for (int k = 0; k < 12; k++) {
            double delta[2];
            direction(&stream, 2, lengths[k % 4], delta);
            check_curie_weiss(s, 1000, delta);
        }
        close_setting(s);
    }
}

/* ----------------------------------------------------------- by the family */

static int asked;

static sg_status closed_log_z(const sg_model *model, const double *theta, double *value, double *gradient,
                              double *hessian) {
    long double log_z, mean[2], second[3];
    counted_by_hand(model->space.d, theta, &log_z, mean, second);
    asked++;
    *value = (double)log_z;
    for (int i = 0; i < 2 && gradient; i++) gradient[i] = (double)mean[i];
    for (int i = 0; i < 2 && hessian; i++)
        for (int j = 0; j < 2; j++) hessian[2 * i + j] = (double)second[i + j];
    return SG_OK;
}

static sg_status unknown_log_z(const sg_model *model, const double *theta, double *value, double *gradient,
                               double *hessian) {
    (void)theta, (void)value, (void)gradient, (void)hessian;
    asked++;
    return sg_fail(SG_REFUSED, "%s has no structure", model->text);
}

static void families_that_know_log_z_are_asked(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 6, SG_PURPOSE_TEST, 0);
    for (int listed = 0; listed < 2; listed++) { /* more states are listed than are kept, or nothing is */
        setting *s = open_setting("ising", "graph=curie-weiss,n=21,beta=1.2,h=.1,free=tied", false, &stream);
        sg_nodes *nodes = NULL;
        const double delta[] = {0.3, -0.2};
        s->family.log_z = closed_log_z;
        sg_partition_delete(s->partition);
        asked = 0;
        if (listed) assert_int_equal(sg_nodes_new(s->model, s->model->truth, 0, false, &nodes), SG_OK);
        assert_int_equal(sg_partition_new(s->model, s->chart, nodes, &s->partition), SG_OK);
        sg_nodes_delete(nodes);
        check_curie_weiss(s, 21, delta);
        assert_int_equal(asked, 2);
        sg_local only_value = {0};
        assert_int_equal(sg_partition_at(s->partition, delta, &only_value), SG_OK);
        assert_true(only_value.log_z == s->log_z);
        close_setting(s);
    }
    setting *s = open_setting("ising", "graph=curie-weiss,n=21,beta=1.2,h=.1,free=tied", false, &stream);
    sg_partition *none = NULL;
    assert_int_equal(sg_partition_new(s->model, s->chart, NULL, &none), SG_REFUSED);
    assert_null(none);
    s->family.log_z = unknown_log_z;
    assert_int_equal(sg_partition_new(s->model, s->chart, NULL, &none), SG_REFUSED);
    assert_null(none);
    sg_partition_delete(s->partition);
    asked = 0;
    s->partition = partition_of(s->model, s->chart, false);
    assert_int_equal(asked, 1);
    check_curie_weiss(s, 21, (double[]){-0.3, 0.1});
    close_setting(s);
}

/* One plan serves all evaluations: after the first Hessian nothing is allocated, and bits do not depend on the past. */
static void elimination_keeps_its_plan(void **state) {
    (void)state;
    static const char *const keys[] = {"graph=ring,n=2000,beta=.5,free=tied", "graph=lattice,shape=4x8,beta=.3",
                                       "graph=ring,n=200,beta=.4,free=h"};
    for (int c = 0; c < 3; c++) {
        sg_model *model = finite_model("ising", keys[c]);
        const size_t m = (size_t)model->m;
        sg_chart *chart = NULL;
        sg_partition *partition = NULL, *fresh = NULL;
        double *delta = NULL, *gradient = NULL, *hessian = NULL, *again = NULL;
        assert_int_equal(sg_new(&delta, m, sizeof(double)), SG_OK);
        assert_int_equal(sg_new(&gradient, m, sizeof(double)), SG_OK);
        assert_int_equal(sg_new(&hessian, m * m, sizeof(double)), SG_OK);
        assert_int_equal(sg_new(&again, m * m, sizeof(double)), SG_OK);
        assert_int_equal(sg_chart_new(model, model->truth, NULL, &chart), SG_OK);
        assert_int_equal(sg_partition_new(model, chart, NULL, &partition), SG_OK);
        assert_int_equal(sg_partition_new(model, chart, NULL, &fresh), SG_OK);
        sg_local all = {.gradient = gradient, .hessian = hessian}, value = {0}, other = {.hessian = again};
        assert_int_equal(sg_partition_at(partition, delta, &all), SG_OK);
        sg_memory_fail_after(1);
        for (int k = 0; k < 3; k++) {
            delta[0] = 0.1 * (k + 1);
            assert_int_equal(sg_partition_at(partition, delta, &value), SG_OK);
            assert_int_equal(sg_partition_at(partition, delta, &all), SG_OK);
            assert_true(fabs(value.log_z - all.log_z) <= 1e-12 * fabs(all.log_z));
        }
        sg_memory_fail_after(0);
        assert_int_equal(sg_partition_at(fresh, delta, &other), SG_OK);
        assert_true(other.log_z == all.log_z);
        assert_memory_equal(again, hessian, m * m * sizeof(double));
        sg_partition_delete(partition);
        sg_partition_delete(fresh);
        sg_chart_delete(chart);
        sg_delete(delta);
        sg_delete(gradient);
        sg_delete(hessian);
        sg_delete(again);
        sg_model_delete(model);
    }
}

/* ------------------------------------------------------------- the rest */

/* Richardson's central differences, error O(h^4). */
static void derivatives_are_derivatives(void **state) {
    (void)state;
    static const struct {
        const char *family, *keys;
        bool alike;
    } table[] = {{"ising", "graph=ring,n=6,beta=0.7,h=-0.3", false},
                 {"ising", "graph=curie-weiss,n=30,beta=1.1,h=0.02,free=tied", true},
                 {"hardcore", "graph=lattice,shape=3x3", false},
                 {"parity", "n=4,k=3", false}};
    const double h = 1e-3, steps[] = {-2 * h, -h, h, 2 * h};
    sg_stream stream;
    sg_stream_open(&stream, 7, SG_PURPOSE_TEST, 0);
    for (size_t c = 0; c < sizeof table / sizeof *table; c++) {
        setting *s = open_setting(table[c].family, table[c].keys, table[c].alike, &stream);
        const int m = s->model->m;
        double delta[MOST], log_z[4], gradient[4][MOST];
        direction(&stream, m, 0.1, delta);
        for (int j = 0; j < m; j++) {
            for (int k = 0; k < 4; k++) {
                double moved[MOST];
                memcpy(moved, delta, sizeof moved);
                moved[j] += steps[k];
                at(s, moved);
                log_z[k] = s->log_z;
                memcpy(gradient[k], s->gradient, (size_t)m * sizeof(double));
            }
            at(s, delta);
            near_to(s->model->text, "gradient", s->gradient[j],
                    (8 * (log_z[2] - log_z[1]) - (log_z[3] - log_z[0])) / (12 * h), 1e-8 * (1 + fabs(s->gradient[j])));
            for (int k = 0; k < m; k++)
                near_to(s->model->text, "Hessian", s->hessian[j + k * m],
                        (8 * (gradient[2][k] - gradient[1][k]) - (gradient[3][k] - gradient[0][k])) / (12 * h),
                        1e-8 * (1 + fabs(s->hessian[j + j * m]) + fabs(s->hessian[k + k * m])));
        }
        close_setting(s);
    }
}

static void what_is_not_wanted_changes_nothing(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 8, SG_PURPOSE_TEST, 0);
    static const char *const keys[] = {"n=7", "n=21,free=h3/J0-1"};
    for (int c = 0; c < 2; c++) {
        setting *s = open_setting("ising", keys[c], false, &stream);
        double delta[MOST], gradient[MOST];
        direction(&stream, s->model->m, 0.5, delta);
        at(s, delta);
        sg_local value = {0}, slope = {.gradient = gradient};
        assert_int_equal(sg_partition_at(s->partition, delta, &value), SG_OK);
        assert_int_equal(sg_partition_at(s->partition, delta, &slope), SG_OK);
        assert_true(value.log_z == s->log_z && slope.log_z == s->log_z);
        assert_memory_equal(gradient, s->gradient, (size_t)s->model->m * sizeof(double));
        delta[0] = NAN;
        assert_int_equal(sg_partition_at(s->partition, delta, &value), SG_NOT_INTEGRABLE);
        close_setting(s);
    }
}

static void allocation_failures_leave_nothing(void **state) {
    (void)state;
    static const char *const keys[] = {"graph=ring,n=6", "graph=complete,n=6,free=tied",
                                       "graph=ring,n=21,free=h3/J0-1"};
    sg_stream stream;
    sg_stream_open(&stream, 9, SG_PURPOSE_TEST, 0);
    for (int c = 0; c < 3; c++) {
        sg_model *model = finite_model("ising", keys[c]);
        sg_family family = *model->family;
        family.log_z = NULL;
        family.factors = NULL;
        model->family = &family;
        sg_chart *chart = chart_of(model, &stream);
        sg_nodes *nodes = NULL;
        assert_int_equal(sg_nodes_new(model, model->truth, 0, c == 1, &nodes), SG_OK);
        const long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        long k;
        for (k = 1; status != SG_OK; k++) {
            sg_partition *partition = NULL;
            sg_memory_fail_after(k);
            status = sg_partition_new(model, chart, nodes, &partition);
            sg_memory_fail_after(0);
            assert_true(status == SG_OK ? partition != NULL : status == SG_NO_MEMORY && !partition);
            sg_partition_delete(partition);
            assert_int_equal(sg_memory_live(), live);
        }
        assert_true(k > 8);
        sg_nodes_delete(nodes);
        sg_chart_delete(chart);
        sg_model_delete(model);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(kept_statistics_agree_with_all_states),
        cmocka_unit_test(passing_states_agree_with_all_states),
        cmocka_unit_test(closed_forms),
        cmocka_unit_test(curie_weiss_by_counts),
        cmocka_unit_test(families_that_know_log_z_are_asked),
        cmocka_unit_test(elimination_keeps_its_plan),
        cmocka_unit_test(derivatives_are_derivatives),
        cmocka_unit_test(what_is_not_wanted_changes_nothing),
        cmocka_unit_test(allocation_failures_leave_nothing),
    };
    return cmocka_run_group_tests_name("partition on finite sets", tests, NULL, NULL);
}
