/* Nodes of finite sets and of the line, and moments of pairs, against sums over all states in extended precision. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <omp.h>
#include <stdlib.h>

#include "finite.h"

enum { B = SG_BLOCK };
static const double EPS = 0x1p-52;

static sg_nodes *nodes_of(const sg_model *model, bool alike) {
    sg_nodes *nodes = NULL;
    if (sg_nodes_new(model, model->truth, 0, alike, &nodes) != SG_OK) fail_msg("%s: %s", model->text, sg_message());
    return nodes;
}

static void refused(const sg_model *model, const double *theta, bool alike, sg_status code, const char *part) {
    sg_nodes *nodes = NULL;
    const long live = sg_memory_live();
    const sg_status status = sg_nodes_new(model, theta, 0, alike, &nodes);
    if (status != code || !strstr(sg_message(), part)) fail_msg("%s: %d, %s", model->text, status, sg_message());
    assert_null(nodes);
    assert_int_equal(sg_memory_live(), live);
}

static void near_to(const sg_model *model, const char *what, double got, long double want, double tolerance) {
    if (!(fabsl(got - want) <= tolerance))
        fail_msg("%s: %s = %.17g, expected %.17g", model->text, what, got, (double)want);
}

/* ------------------------------------------------------------------ masses */

static const char *const cases[][2] = {{"ising", "graph=ring,n=9,beta=0.7,h=-0.3"},
                                       {"ising", "graph=path,n=1,h=0.4"},
                                       {"ising", "graph=complete,n=12,couplings=gauss,beta=0.7,free=tied"},
                                       {"ising", "graph=lattice,shape=3x4,beta=3,h=0.1"},
                                       {"parity", "n=8,k=5,J=-2"},
                                       {"hardcore", "graph=lattice,shape=3x3,lambda=7"},
                                       {"hardcore", "graph=complete,n=11,lambda=.3"}};
enum { CASES = sizeof cases / sizeof *cases };

/* log p of all states by the jet, in units of exp(*log_z). */
static void by_jet(const sg_model *model, double *logp, double *log_z) {
    const int states = 1 << model->space.d;
    long double total = 0, top = -INFINITY;
    finite_jet(model, model->truth, -1, logp, NULL);
    for (int x = 0; x < states; x++) top = fmaxl(top, logp[x]);
    for (int x = 0; x < states; x++) total += expl(logp[x] - top);
    *log_z = (double)(top + logl(total));
}

static void masses_are_those_of_the_jet(void **state) {
    (void)state;
    static double logp[1 << FINITE_MOST];
    for (int c = 0; c < CASES; c++) {
        sg_model *model = finite_model(cases[c][0], cases[c][1]);
        sg_nodes *nodes = nodes_of(model, false);
        double log_z, size = 0, total = 0;
        by_jet(model, logp, &log_z);
        assert_int_equal(nodes->n, 1 << model->space.d);
        assert_true(sg_model_states(model) == (double)nodes->n);
        for (int x = 0; x < nodes->n; x++)
            if (isfinite(logp[x])) size = fmax(size, fabs(logp[x]));
        near_to(model, "log Z", nodes->log_z, log_z, 8 * EPS * (1 + size));
        for (int x = 0; x < nodes->n; x++) {
            const long double want = expl((long double)logp[x] - log_z);
            near_to(model, "mass", nodes->mass[x], want, (double)want * 16 * EPS * (1 + size));
            total += nodes->mass[x];
        }
        near_to(model, "the sum of the masses", total, 1, 1e-13);
        sg_nodes_delete(nodes);
        sg_model_delete(model);
    }
}

/* The ring has log Z = log((2 cosh b)^n + (2 sinh b)^n); beyond one chunk of states, and on one thread or more. */
static void threads_do_not_change_the_bits(void **state) {
    (void)state;
    const int n = 19, most = omp_get_max_threads();
    const double b = 0.6;
    sg_model *model = finite_model("ising", "graph=ring,n=19,beta=0.6");
    double log_z[2], mean[2][19], product[2][19 * 19];
    omp_set_num_threads(1);
    sg_nodes *one = nodes_of(model, false);
    assert_int_equal(sg_model_moments(model, model->truth, &log_z[0], mean[0], product[0]), SG_OK);
    omp_set_num_threads(3);
    sg_nodes *three = nodes_of(model, false);
    assert_int_equal(sg_model_moments(model, model->truth, &log_z[1], mean[1], product[1]), SG_OK);
    omp_set_num_threads(most);
    assert_memory_equal(one->mass, three->mass, (size_t)one->n * sizeof(double));
    assert_true(one->log_z == three->log_z && log_z[0] == log_z[1]);
    assert_memory_equal(mean[0], mean[1], sizeof mean[0]);
    assert_memory_equal(product[0], product[1], sizeof product[0]);
    near_to(model, "log Z", one->log_z, n * logl(2 * coshl(b)) + log1pl(powl(tanhl(b), n)), 32 * EPS * one->log_z);
    near_to(model, "log Z", log_z[0], n * logl(2 * coshl(b)) + log1pl(powl(tanhl(b), n)), 32 * EPS * one->log_z);
    sg_nodes_delete(one);
    sg_nodes_delete(three);
    sg_model_delete(model);
}

/* exp(log p) overflows, and all but the two ground states have a mass below the smallest number. */
static void low_temperatures_do_not_overflow(void **state) {
    (void)state;
    sg_model *model = finite_model("ising", "graph=ring,n=10,beta=300");
    sg_nodes *nodes = nodes_of(model, false);
    double log_z, mean[10], product[100];
    near_to(model, "log Z", nodes->log_z, 3000 + logl(2), 2 * EPS * 3000);
    for (int x = 0; x < nodes->n; x++) assert_true(nodes->mass[x] == (x == 0 || x == 1023 ? 0.5 : 0));
    assert_int_equal(sg_model_moments(model, model->truth, &log_z, mean, product), SG_OK);
    near_to(model, "log Z", log_z, 3000 + logl(2), 2 * EPS * 3000);
    for (int k = 0; k < 100; k++) assert_true(product[k] == 1 && mean[k % 10] == 0);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

/* ------------------------------------------------------------------ blocks */

static void check_blocks(const sg_nodes *nodes) {
    const sg_model *model = nodes->model;
    const int d = model->space.d, q = model->space.q;
    double weight[B], *x = NULL;
    long long seen = 0;
    assert_int_equal(sg_new(&x, (size_t)d * B, sizeof(double)), SG_OK);
    sg_block block = {.x = x};
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        for (int k = 0; k < d * B; k++) x[k] = NAN;
        sg_nodes_block(nodes, b, &block, weight);
        assert_true(block.d == d && block.draws == 1 && block.weight == weight && !block.count && !block.tag);
        assert_true(block.n == (nodes->n - b * B < B ? nodes->n - b * B : B));
        for (int i = 0; i < B; i++) {
            const long long code = b * B + (i < block.n ? i : block.n - 1);
            long long rest = code;
            assert_true(weight[i] == (i < block.n ? nodes->mass[code] : 0));
            for (int a = 0; a < d; a++, rest /= q)
                assert_true(x[a * B + i] == (double)(q == 2 ? 2 * (rest % q) - 1 : rest % q));
            seen += i < block.n;
        }
    }
    assert_true(seen == nodes->n);
    sg_delete(x);
}

static void blocks_have_all_states(void **state) {
    (void)state;
    static const char *const sizes[] = {"n=3", "n=8", "n=9", "n=13"};
    for (int k = 0; k < 4; k++) {
        sg_model *model = finite_model("ising", sizes[k]);
        sg_nodes *nodes = nodes_of(model, false);
        check_blocks(nodes);
        sg_nodes_delete(nodes);
        sg_model_delete(model);
    }
}

/* A law on q states a site, made here: log p is a sum over sites of a wave of the state. */
static double wave(int site, long long state) {
    return cos(1.7 * site + 2.3 * (double)state);
}

static void wave_states(const sg_model *model, const double *theta, uint64_t first, int count, double *logp) {
    for (int i = 0; i < count; i++) {
        uint64_t rest = first + (uint64_t)i;
        logp[i] = 0;
        for (int a = 0; a < model->space.d; a++, rest /= (uint64_t)model->space.q)
            logp[i] += theta[0] * wave(a, (long long)(rest % (uint64_t)model->space.q));
    }
}

static bool anywhere(const sg_model *model, const double *theta) {
    (void)model;
    return isfinite(theta[0]);
}

static void more_states_a_site(void **state) {
    (void)state;
    static const int table[][2] = {{3, 1}, {3, 5}, {3, 10}, {5, 7}, {7, 3}, {300, 2}, {1, 4}};
    const sg_family family = {.name = "wave", .inside = anywhere, .states = wave_states, .can = SG_LINEAR | SG_STATES};
    double theta = 1.3;
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        const int q = table[k][0], d = table[k][1];
        const sg_model model = {.family = &family,
                                .space = {.shape = SG_FINITE, .d = d, .q = q},
                                .full = 1,
                                .truth = &theta,
                                .text = "wave"};
        sg_nodes *nodes = nodes_of(&model, false);
        long double log_z = 0; /* of a product */
        for (int a = 0; a < d; a++) {
            long double sum = 0;
            for (int s = 0; s < q; s++) sum += expl((long double)theta * wave(a, s));
            log_z += logl(sum);
        }
        near_to(&model, "log Z", nodes->log_z, log_z, 32 * EPS * (1 + d));
        check_blocks(nodes);
        for (long long x = 0; x < nodes->n; x += 1 + x / 3) {
            long double want = -log_z;
            long long rest = x;
            for (int a = 0; a < d; a++, rest /= q) want += (long double)theta * wave(a, rest % q);
            near_to(&model, "mass", nodes->mass[x], expl(want), (double)expl(want) * 64 * EPS * (1 + d));
        }
        sg_nodes_delete(nodes);
        assert_int_equal(sg_model_moments(&model, &theta, NULL, NULL, NULL), SG_REFUSED);
    }
}

static void nodes_of_the_line_are_its_panels(void **state) {
    (void)state;
    sg_model *model = finite_model("bimodal", "a=3");
    sg_panels *panels = NULL;
    sg_nodes *nodes = NULL;
    double weight[B], x[B];
    sg_block block = {.x = x};
    assert_int_equal(sg_model_panels(model, model->truth, 1, &panels), SG_OK);
    assert_int_equal(sg_nodes_new(model, model->truth, 1, false, &nodes), SG_OK);
    assert_true(nodes->panels && nodes->mass == nodes->panels->mass && nodes->n == panels->n &&
                nodes->panels->level == 1);
    assert_true(sg_model_states(model) == INFINITY);
    long long seen = 0;
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &block, weight);
        for (int i = 0; i < B; i++) {
            const long long at = i < block.n ? seen + i : seen + block.n - 1;
            assert_true(x[i] == panels->x[at] && weight[i] == (i < block.n ? panels->mass[at] : 0));
        }
        seen += block.n;
    }
    assert_true(seen == panels->n);
    sg_nodes_delete(nodes);
    sg_panels_delete(panels);
    refused(model, model->truth, true, SG_REFUSED, "no sites");
    sg_model_delete(model);
}

/* A double well turned by 0.7 in the plane: moments of its own axes are those of the line and of a normal law. */
static void nodes_of_the_plane(void **state) {
    (void)state;
    sg_model *line = finite_model("double-well", "h=2"), *plane = finite_model("rotated-wells", "h=2,s=0.5,angle=0.7");
    sg_nodes *nodes[2];
    double weight[B], x[2 * B], sum[3] = {0}, fourth = 0;
    sg_block block = {.x = x};
    nodes[0] = nodes_of(line, false), nodes[1] = nodes_of(plane, false);
    for (int side = 0; side < 2; side++)
        for (long long b = 0; b < sg_nodes_blocks(nodes[side]); b++) {
            sg_nodes_block(nodes[side], b, &block, weight);
            for (int i = 0; i < block.n; i++) {
                const double u = side ? cos(0.7) * x[i] + sin(0.7) * x[B + i] : x[i];
                const double v = side ? cos(0.7) * x[B + i] - sin(0.7) * x[i] : 0;
                fourth += (side ? -1 : 1) * weight[i] * u * u * u * u;
                sum[0] += side * weight[i], sum[1] += side * weight[i] * v * v, sum[2] += side * weight[i] * u * v;
            }
        }
    near_to(plane, "mass", sum[0], 1, 1e-12);
    near_to(plane, "E v^2", sum[1], 0.25L, 1e-12);
    near_to(plane, "E u v", sum[2], 0, 1e-12);
    near_to(plane, "E u^4 less that of the line", fourth, 0, 1e-11);
    assert_true(nodes[1]->points && !nodes[1]->panels && sg_nodes_logp(nodes[1]) == nodes[1]->points->logp);
    for (int side = 0; side < 2; side++) sg_nodes_delete(nodes[side]);
    sg_model_delete(line);
    sg_model_delete(plane);
}

/* ------------------------------------------------------------------ counts */

static void counts_gather_states(void **state) {
    (void)state;
    static const char *const table[][2] = {{"ising", "graph=curie-weiss,n=12,beta=1.3,h=0.2,free=tied"},
                                           {"ising", "graph=complete,n=9,beta=-0.4,free=h"},
                                           {"parity", "n=9,k=9"},
                                           {"hardcore", "graph=complete,n=8,lambda=3"}};
    for (int c = 0; c < 4; c++) {
        sg_model *model = finite_model(table[c][0], table[c][1]);
        const int d = model->space.d;
        sg_nodes *states = nodes_of(model, false), *counts = nodes_of(model, true);
        double weight[B], x[B];
        sg_block block = {.x = x};
        long double want[FINITE_MOST + 1] = {0};
        for (int k = 0; k < states->n; k++) want[__builtin_popcount((unsigned)k)] += states->mass[k];
        assert_true(counts->alike && counts->n == d + 1);
        near_to(model, "log Z", counts->log_z, states->log_z, 1e-14 * (1 + fabs(states->log_z)));
        for (int k = 0; k <= d; k++) near_to(model, "mass", counts->mass[k], want[k], (double)want[k] * 1e-13);
        assert_int_equal(sg_nodes_blocks(counts), 1);
        sg_nodes_block(counts, 0, &block, weight);
        assert_true(block.count == x && block.x == x && block.n == d + 1 && block.d == d);
        for (int k = 0; k < B; k++)
            assert_true(x[k] == (k <= d ? k : d) && weight[k] == (k <= d ? counts->mass[k] : 0));
        sg_nodes_delete(states);
        sg_nodes_delete(counts);
        sg_model_delete(model);
    }
}

/* log p of k pluses and all that have them; what rounding may do to it in doubles, `size` eps. */
static long double count_log_p(const sg_model *model, int k, double *size) {
    const int n = model->space.d;
    const long double m = 2.0L * k - n, pairs = model->truth[0] * (m * m - n) / (2.0L * n), field = model->truth[1] * m;
    *size = (double)(fabsl(pairs) + fabsl(field));
    return lgammal(n + 1.0L) - lgammal(k + 1.0L) - lgammal(n - k + 1.0L) + pairs + field;
}

/*
 * `unknown` bounds the error of lgammal here.  log p in doubles has errors of eps times its terms, and the mass those
 * of its own logarithm; no more may be lost, though log C(n,k) and log Z are large.
 */
static void check_counts(int n, double beta, double unknown) {
    char keys[SG_TEXT];
    snprintf(keys, sizeof keys, "graph=curie-weiss,n=%d,beta=%g,h=0.001,free=tied", n, beta);
    sg_model *model = finite_model("ising", keys);
    sg_nodes *nodes = nodes_of(model, true);
    long double *log_p = NULL, top = -INFINITY, total = 0;
    double size;
    assert_int_equal(sg_new(&log_p, (size_t)n + 1, sizeof *log_p), SG_OK);
    for (int k = 0; k <= n; k++) top = fmaxl(top, log_p[k] = count_log_p(model, k, &size));
    for (int k = 0; k <= n; k++) total += expl(log_p[k] - top);
    const long double log_z = top + logl(total);
    near_to(model, "log Z", nodes->log_z, log_z, 4 * EPS * (double)log_z);
    for (int k = 0; k <= n; k++) {
        const long double own = log_p[k] - log_z, want = expl(own);
        count_log_p(model, k, &size);
        near_to(model, "mass", nodes->mass[k], want,
                0x1p-1073 + (double)(want * (unknown + 4 * EPS * (1 + size + (double)fabsl(own)))));
    }
    sg_delete(log_p);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

static void many_sites_are_counted(void **state) {
    (void)state;
    check_counts(60, 0.5, 0);
    check_counts(60, 1.5, 0);
    check_counts(10000, 0.5, 5e-14);
    check_counts(10000, 1, 5e-14);
    check_counts(10000, 1.5, 5e-14);
}

/* ----------------------------------------------------------------- moments */

/* By the masses of all states and extended precision: absolute errors are a few eps. */
static void check_moments(const char *family, const char *keys) {
    enum { SITES = 16 };
    sg_model *model = finite_model(family, keys);
    const int d = model->space.d;
    double log_z, mean[SITES], product[SITES * SITES];
    sg_nodes *nodes = nodes_of(model, false);
    assert_in_range(d, 1, SITES);
    if (sg_model_moments(model, model->truth, &log_z, mean, product) != SG_OK) fail_msg("%s", sg_message());
    near_to(model, "log Z", log_z, nodes->log_z, 1e-14 * (1 + fabs(nodes->log_z)));
    for (int i = 0; i < d; i++) {
        long double first = 0;
        for (int k = 0; k < nodes->n; k++) first += k >> i & 1 ? nodes->mass[k] : -nodes->mass[k];
        near_to(model, "mean", mean[i], first, 1e-14);
        for (int j = 0; j <= i; j++) {
            long double second = 0;
            for (int k = 0; k < nodes->n; k++) second += (k >> i ^ k >> j) & 1 ? -nodes->mass[k] : nodes->mass[k];
            near_to(model, "product", product[i * d + j], second, 1e-14);
            assert_true(product[j * d + i] == product[i * d + j]);
        }
    }
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

static void moments_are_sums_over_states(void **state) {
    (void)state;
    char keys[SG_TEXT];
    for (int n = 1; n <= 16; n++) {
        snprintf(keys, sizeof keys, "graph=complete,n=%d,couplings=gauss,beta=0.3,h=%g,coupling-seed=%d", n,
                 0.3 * (n % 3 - 1), n);
        check_moments("ising", keys);
    }
    check_moments("ising", "graph=complete,n=14,couplings=pm,beta=40,h=0.5");
    check_moments("parity", "n=15,k=2,J=-1.2");
    check_moments("hardcore", "graph=lattice,shape=4x4,lambda=1.7");
    check_moments("hardcore", "graph=bipartite,n=14,lambda=5");
    for (int c = 0; c < 2; c++) { /* by counts */
        snprintf(keys, sizeof keys, "graph=curie-weiss,n=11,beta=1.4,h=%g,free=tied", 0.1 * c);
        check_moments("ising", keys);
    }
    check_moments("ising", "graph=complete,n=1,h=.4,free=tied");
    check_moments("hardcore", "graph=complete,n=6,lambda=3");
}

static void what_cannot_be_is_refused(void **state) {
    (void)state;
    double number, nan = NAN, mean[27], product[27 * 27];
    sg_model *model = finite_model("ising", "n=27");
    refused(model, model->truth, false, SG_REFUSED, "2^27 states, more than the 67108864");
    refused(model, model->truth, true, SG_REFUSED, "not alike");
    assert_int_equal(sg_model_moments(model, model->truth, &number, mean, product), SG_REFUSED);
    sg_model_delete(model);
    model = finite_model("parity", "n=100000,k=2");
    refused(model, model->truth, false, SG_REFUSED, "fewer sites");
    sg_model_delete(model);
    model = finite_model("parity", "n=3");
    refused(model, &nan, false, SG_NOT_INTEGRABLE, "family parity");
    assert_int_equal(sg_model_moments(model, &nan, &number, mean, product), SG_NOT_INTEGRABLE);
    sg_model_delete(model);
    model = finite_model("rotated-wells", "");
    assert_int_equal(sg_model_moments(model, model->truth, &number, mean, product), SG_REFUSED);
    sg_model_delete(model);
}

static sg_status make_all(const sg_model *model, bool alike) {
    sg_nodes *nodes = NULL;
    double log_z, mean[16], product[256];
    sg_status status = sg_nodes_new(model, model->truth, 0, alike, &nodes);
    sg_nodes_delete(nodes);
    return status == SG_OK ? sg_model_moments(model, model->truth, &log_z, mean, product) : status;
}

static void allocation_failures_leave_nothing(void **state) {
    (void)state;
    for (int alike = 0; alike < 2; alike++) {
        sg_model *model = finite_model("ising", alike ? "graph=complete,n=13,free=tied" : "n=13");
        const long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        long k;
        for (k = 1; status != SG_OK; k++) {
            sg_memory_fail_after(k);
            status = make_all(model, alike);
            sg_memory_fail_after(0);
            assert_true(status == SG_OK || status == SG_NO_MEMORY);
            assert_int_equal(sg_memory_live(), live);
        }
        assert_true(k > 5);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(masses_are_those_of_the_jet),
        cmocka_unit_test(threads_do_not_change_the_bits),
        cmocka_unit_test(low_temperatures_do_not_overflow),
        cmocka_unit_test(blocks_have_all_states),
        cmocka_unit_test(more_states_a_site),
        cmocka_unit_test(nodes_of_the_line_are_its_panels),
        cmocka_unit_test(nodes_of_the_plane),
        cmocka_unit_test(counts_gather_states),
        cmocka_unit_test(many_sites_are_counted),
        cmocka_unit_test(moments_are_sums_over_states),
        cmocka_unit_test(what_cannot_be_is_refused),
        cmocka_unit_test(allocation_failures_leave_nothing),
    };
    return cmocka_run_group_tests_name("nodes", tests, NULL, NULL);
}
