/* Nodes that are drawn, against the closed forms of the normal law. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>

#include "../model.h"

enum { D = 5, FULL = 20, N = 1 << 16 };
static const char *const TEXT = "gaussian:d=5,rho=0.4,condition=10";

static sg_nodes *nodes_of(const sg_model *model, const double *theta, int level) {
    sg_nodes *nodes = NULL;
    OK(sg_nodes_new(model, theta, level, false, &nodes));
    return nodes;
}

/* Statistic j at all nodes. */
static void statistics(const sg_nodes *nodes, const double *theta, int j, double *f) {
    const sg_model *model = nodes->model;
    double weight[SG_BLOCK];
    sg_arena *arena = NULL;
    sg_jet jet;
    OK(sg_arena_new(sg_jet_bytes(FULL, D, SG_DT) + D * SG_BLOCK * sizeof(double), &arena));
    OK(sg_jet_take(arena, FULL, D, SG_DT, &jet));
    sg_block block = {.x = sg_arena_take(arena, D * SG_BLOCK, sizeof(double))};
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &block, weight);
        assert_true(block.n == SG_BLOCK && block.d == D && block.draws == 1 && block.weight == weight);
        for (int i = 0; i < SG_BLOCK; i++) {
            assert_true(weight[i] == 1.0 / (double)nodes->n);
            for (int a = 0; a < D; a++)
                assert_true(block.x[a * SG_BLOCK + i] == nodes->x[a * nodes->n + b * SG_BLOCK + i]);
        }
        model->family->jet(model, theta, &block, &jet);
        memcpy(f + b * SG_BLOCK, jet.dt + j * SG_BLOCK, SG_BLOCK * sizeof(double));
    }
    sg_arena_delete(arena);
}

/*
 * Every mean lies within 6 of its standard errors (false alarms 2e-9 each), and the variance of a mean as the groups
 * give it, a chi-square with 15 degrees of freedom, within a factor 6 up and 16 down (below 1e-6 each).
 */
static void means_have_their_errors(void **state) {
    (void)state;
    sg_model *model = model_of(TEXT);
    double theta[FULL], log_z, mean[FULL], covariance[FULL * FULL], *f = NULL;
    memcpy(theta, model->truth, sizeof theta);
    theta[0] = 1, theta[7] = 2;
    OK(sg_model_log_z(model, theta, &log_z, mean, covariance));
    OK(sg_new(&f, 2 * N, sizeof *f));
    for (int level = 0; level < 2; level++) {
        sg_nodes *nodes = nodes_of(model, theta, level);
        assert_true(nodes->drawn && nodes->groups == SG_DRAWN_GROUPS && nodes->n == N << level);
        assert_true(nodes->n % (nodes->groups * SG_BLOCK) == 0);
        for (int j = 0; j < FULL; j++) {
            const double variance = covariance[j + j * FULL] / (double)nodes->n;
            const long long size = nodes->n / nodes->groups;
            double spread = 0;
            statistics(nodes, theta, j, f);
            const double got = sg_nodes_mean(nodes, f), z = (got - mean[j]) / sqrt(variance);
            if (!(fabs(z) < 6)) fail_msg("statistic %d is off by %g standard errors", j, z);
            for (int g = 0; g < nodes->groups; g++) {
                double own = 0;
                for (long long i = 0; i < size; i++) own += f[g * size + i];
                spread += pow(own / (double)size - got, 2);
            }
            spread /= nodes->groups * (nodes->groups - 1) * variance;
            if (!(spread < 6 && spread > 1. / 16)) fail_msg("statistic %d has %g times its variance", j, spread);
        }
        sg_nodes_delete(nodes);
    }
    sg_delete(f);
    sg_model_delete(model);
}

/* log p is normalized: its mean is the negative entropy, and its variance is d/2. */
static void log_p_is_normalized(void **state) {
    (void)state;
    sg_model *model = model_of(TEXT);
    sg_nodes *nodes = nodes_of(model, model->truth, 0);
    double log_z, gradient[FULL], entropy;
    OK(sg_model_log_z(model, model->truth, &log_z, gradient, NULL));
    entropy = log_z;
    for (int j = 0; j < FULL; j++) entropy -= model->truth[j] * gradient[j];
    const double z = (sg_nodes_mean(nodes, sg_nodes_logp(nodes)) + entropy) / sqrt(D / 2. / N);
    if (!(fabs(z) < 6)) fail_msg("the mean of log p is off by %g standard errors", z);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

static bool equal(const sg_nodes *a, const sg_nodes *b) {
    return a->n == b->n && !memcmp(a->x, b->x, (size_t)(D * a->n) * sizeof(double)) &&
           !memcmp(a->logp, b->logp, (size_t)a->n * sizeof(double));
}

static void points_depend_on_law_and_level_alone(void **state) {
    (void)state;
    const int most = omp_get_max_threads();
    sg_model *model = model_of(TEXT), *same = model_of("gaussian:d=5,rho=0.4,condition=10,free=location1");
    double theta[FULL];
    memcpy(theta, model->truth, sizeof theta);
    theta[1] += 1e-3;
    omp_set_num_threads(1);
    sg_nodes *one = nodes_of(model, model->truth, 0);
    omp_set_num_threads(3);
    sg_nodes *three = nodes_of(same, model->truth, 0), *fine = nodes_of(model, model->truth, 1),
             *moved = nodes_of(model, theta, 0);
    omp_set_num_threads(most);
    assert_true(equal(one, three));
    assert_false(equal(one, moved));
    int shared = 0; /* a uniform has 2^52 values */
    for (long long i = 0; i < one->n; i++) shared += one->x[i] == fine->x[i] || one->x[i] == fine->x[one->n + i];
    assert_int_equal(shared, 0);
    sg_nodes_delete(one);
    sg_nodes_delete(three);
    sg_nodes_delete(fine);
    sg_nodes_delete(moved);
    sg_model_delete(same);
    sg_model_delete(model);
}

/* Without a closed form: mean and covariance of the nodes at the reference, a refusal elsewhere. */
static void log_z_is_not_known_from_draws(void **state) {
    (void)state;
    sg_model *model = model_of("gaussian:d=5,rho=0.4,condition=10,free=location1/precision11/precision43");
    sg_family other = *model->family;
    double gradient[3], hessian[9], exact[FULL], all[FULL * FULL], value, *f = NULL, delta[3] = {0};
    sg_local local = {.gradient = gradient, .hessian = hessian};
    sg_chart *chart = NULL;
    sg_partition *partition = NULL;
    OK(sg_model_log_z(model, model->truth, &value, exact, all));
    other.log_z = NULL;
    model->family = &other;
    sg_nodes *nodes = nodes_of(model, model->truth, 0);
    assert_null(sg_nodes_logp(nodes));
    OK(sg_chart_new(model, model->truth, NULL, &chart));
    OK(sg_partition_new(model, chart, nodes, &partition));
    OK(sg_partition_at(partition, delta, &local));
    assert_true(isnan(local.log_z));
    OK(sg_new(&f, N, sizeof *f));
    for (int j = 0; j < 3; j++) {
        statistics(nodes, model->truth, model->free[j], f);
        const double mean = sg_nodes_mean(nodes, f), variance = all[model->free[j] * (FULL + 1)];
        double square = 0;
        for (int i = 0; i < N; i++) square += (f[i] - mean) * (f[i] - mean) / N;
        assert_true(fabs(gradient[j] - mean) < 1e-12 * sqrt(variance));
        assert_true(fabs(hessian[4 * j] - square) < 1e-12 * variance);
    }
    delta[2] = 1e-8;
    assert_int_equal(sg_partition_at(partition, delta, &local), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "log Z"));
    sg_delete(f);
    sg_partition_delete(partition);
    sg_chart_delete(chart);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

static void what_cannot_be_drawn_is_refused(void **state) {
    (void)state;
    sg_model *model = model_of(TEXT);
    sg_nodes *nodes = NULL;
    double theta[FULL];
    memcpy(theta, model->truth, sizeof theta);
    assert_int_equal(sg_nodes_new(model, theta, -1, false, &nodes), SG_OUT_OF_RANGE);
    theta[D] = -1;
    assert_int_equal(sg_nodes_new(model, theta, 0, false, &nodes), SG_NOT_INTEGRABLE);
    assert_int_equal(sg_nodes_new(model, model->truth, 0, true, &nodes), SG_REFUSED);
    assert_null(nodes);
    sg_model_delete(model);
}

static void allocation_failures_leave_nothing(void **state) {
    (void)state;
    sg_model *model = model_of(TEXT);
    const long live = sg_memory_live();
    for (long k = 1;; k++) {
        sg_nodes *nodes = NULL;
        sg_memory_fail_after(k);
        const sg_status status = sg_nodes_new(model, model->truth, 0, false, &nodes);
        sg_memory_fail_after(0);
        sg_nodes_delete(nodes);
        assert_int_equal(sg_memory_live(), live);
        if (status == SG_OK) {
            assert_true(k > 5);
            break;
        }
        assert_int_equal(status, SG_NO_MEMORY);
        assert_null(nodes);
    }
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(means_have_their_errors),
        cmocka_unit_test(log_p_is_normalized),
        cmocka_unit_test(points_depend_on_law_and_level_alone),
        cmocka_unit_test(log_z_is_not_known_from_draws),
        cmocka_unit_test(what_cannot_be_drawn_is_refused),
        cmocka_unit_test(allocation_failures_leave_nothing),
    };
    return cmocka_run_group_tests_name("drawn nodes", tests, NULL, NULL);
}
