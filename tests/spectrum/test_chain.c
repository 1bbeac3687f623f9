/*
 * Explicit chains: law, reducibility, gap of reversible chains (dense with relative accuracy, sparse), and of chains
 * that are not reversible.  Metastable references: Sturm's count or dense eigenvalues in mpmath with 60 to 160 digits.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/chain.h"

/* Edges as they are added. */
typedef struct {
    sg_chain chain;
    int *from, *to, room;
    double *log_rate;
} builder;

static builder start(int n, int room) {
    builder b = {.room = room};
    b.from = calloc((size_t)room, sizeof(int));
    b.to = calloc((size_t)room, sizeof(int));
    b.log_rate = calloc((size_t)room, sizeof(double));
    assert_true(b.from && b.to && b.log_rate);
    b.chain = (sg_chain){n, 0, b.from, b.to, b.log_rate, NULL};
    return b;
}

static void edge(builder *b, int from, int to, double log_rate) {
    assert_true(b->chain.edges < b->room);
    b->from[b->chain.edges] = from;
    b->to[b->chain.edges] = to;
    b->log_rate[b->chain.edges++] = log_rate;
}

/* Both ways, reversible for the law exp(-energy) with conductance exp(-barrier). */
static void bond(builder *b, int x, int y, double energy_x, double energy_y, double barrier) {
    edge(b, x, y, energy_x - barrier);
    edge(b, y, x, energy_y - barrier);
}

static void finish(builder *b) {
    free(b->from);
    free(b->to);
    free(b->log_rate);
}

static void assert_relative(double value, double truth, double tolerance) {
    if (!(fabs(value / truth - 1) <= tolerance))
        fail_msg("%.17g is %.3g from %.17g, relative; %g was allowed", value, value / truth - 1, truth, tolerance);
}

static void check(const sg_gap *gap, double truth, double digits) {
    if (gap->status) fail_msg("status %s: %s", sg_status_name(gap->status), gap->message);
    assert_relative(gap->gap, truth, digits);
    if (!(gap->gap_lower <= truth * (1 + digits) && truth * (1 - digits) <= gap->gap_upper))
        fail_msg("%.17g is not in [%.17g, %.17g]", truth, gap->gap_lower, gap->gap_upper);
    assert_true(gap->gap_upper - gap->gap_lower <= 1e-6 * gap->gap);
    assert_true(gap->seconds > 0 && gap->method);
    assert_relative(pow(10, gap->log10_gap), gap->gap, 1e-12);
}

/* ---------------------------------------------------------------------- law */

/* Two states, and three in a circle with rates a, b, c one way: pi ~ 1/rate. */
static void test_law(void **state) {
    (void)state;
    double log_pi[3];
    bool reversible = false;
    builder b = start(2, 4);
    edge(&b, 0, 1, log(.25));
    edge(&b, 1, 0, log(3));
    edge(&b, 0, 1, log(.75)); /* the same transition again adds to it */
    assert_int_equal(sg_chain_law(&b.chain, log_pi, &reversible), SG_OK);
    assert_true(reversible);
    assert_relative(exp(log_pi[0]), .75, 1e-15);
    finish(&b);
    const double rate[] = {1e-30, 2, 1e25};
    b = start(3, 3);
    for (int k = 0; k < 3; k++) edge(&b, k, (k + 1) % 3, log(rate[k]));
    assert_int_equal(sg_chain_law(&b.chain, log_pi, &reversible), SG_OK);
    assert_false(reversible);
    for (int k = 0; k < 3; k++) assert_true(fabs(log_pi[k] - log_pi[0] - log(rate[0] / rate[k])) <= 1e-13);
    finish(&b);
}

/* By elimination the law has relative accuracy: a reversible chain plus a circular flow that keeps its law. */
static void test_law_by_elimination(void **state) {
    (void)state;
    enum { n = 40 };
    double energy[n], log_pi[n], given[n];
    bool reversible = true;
    sg_stream stream;
    sg_stream_open(&stream, 31, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, n, energy);
    for (int x = 0; x < n; x++) energy[x] *= 40;
    builder b = start(n, 4 * n);
    for (int x = 0; x < n; x++) {
        int y = (x + 1) % n;
        double barrier = fmax(energy[x], energy[y]) + 1;
        bond(&b, x, y, energy[x], energy[y], barrier);
        edge(&b, x, y, energy[x] - 3); /* the same flow e^-3 into and out of every state */
    }
    assert_int_equal(sg_chain_law(&b.chain, log_pi, &reversible), SG_OK);
    assert_false(reversible);
    for (int x = 0; x < n; x++) assert_true(fabs(log_pi[x] - log_pi[0] + energy[x] - energy[0]) <= 1e-12);
    for (int x = 0; x < n; x++) given[x] = 7 - energy[x];
    b.chain.log_pi = given;
    assert_int_equal(sg_chain_law(&b.chain, log_pi, &reversible), SG_OK);
    given[3] += 1e-6;
    assert_int_equal(sg_chain_law(&b.chain, log_pi, &reversible), SG_BAD_DATA);
    finish(&b);
}

static void test_errors(void **state) {
    (void)state;
    double log_pi[6];
    bool reversible;
    sg_gap gap;
    builder b = start(6, 12);
    for (int x = 0; x < 5; x++)
        if (x != 2) bond(&b, x, x + 1, 0, 0, 0);
    assert_int_equal(sg_chain_law(&b.chain, log_pi, &reversible), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "state 3 cannot be reached from state 0"));
    edge(&b, 2, 3, 0); /* one way only */
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "state 0 cannot be reached from state 3"));
    edge(&b, 3, 2, 0);
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_OK);
    b.to[0] = 0;
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_OUT_OF_RANGE);
    b.to[0] = 6;
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_OUT_OF_RANGE);
    b.to[0] = 1;
    b.log_rate[1] = INFINITY;
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_OUT_OF_RANGE);
    b.chain.n = 1;
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_OUT_OF_RANGE);
    finish(&b);
}

static void test_memory(void **state) {
    (void)state;
    sg_gap gap;
    double decay;
    builder b = start(5, 20);
    for (int x = 0; x < 5; x++) bond(&b, x, (x + 1) % 5, 0, 0, 0), edge(&b, x, (x + 1) % 5, -1);
    long live = sg_memory_live();
    for (int turn = 0; turn < 2; turn++) {
        for (int k = 1;; k++) {
            sg_memory_fail_after(k);
            sg_status status = sg_chain_gap(&b.chain, NULL, &gap, NULL, &decay);
            sg_memory_fail_after(0);
            assert_true(status == SG_NO_MEMORY || status == SG_OK);
            assert_int_equal(sg_memory_live(), live);
            if (!status) break;
            assert_true(k < 200);
        }
        b.chain.edges = 12; /* a path */
        b.from[10] = b.from[0], b.to[10] = b.to[0], b.from[11] = b.from[1], b.to[11] = b.to[1];
        for (int e = 0; e < 12; e++) b.log_rate[e] = 0, b.from[e] = e / 2 % 4 + e % 2, b.to[e] = e / 2 % 4 + !(e % 2);
    }
    finish(&b);
}

/* ------------------------------------------------------------- reversible */

/* Complete graph, circle, star and cube: eigenvalues with their multiplicities. */
static void test_closed_forms(void **state) {
    (void)state;
    sg_gap gap;
    builder b = start(12, 132);
    for (int x = 0; x < 12; x++)
        for (int y = 0; y < 12; y++)
            if (x != y) edge(&b, x, y, log(.5));
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_OK);
    check(&gap, 6, 1e-13);
    finish(&b);
    for (int n = 3; n <= 200; n = 3 * n - 4) {
        sg_eigenvalues *values = NULL;
        b = start(n, 2 * n);
        for (int x = 0; x < n; x++) bond(&b, x, (x + 1) % n, 0, 0, 0);
        assert_int_equal(sg_eigenvalues_new(4, &values), SG_OK);
        assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, values, NULL), SG_OK);
        double sine = sin(M_PI / n);
        check(&gap, 4 * sine * sine, 1e-12);
        assert_int_equal(values->count, n - 1 < 4 ? n - 1 : 4);
        for (int k = 0; k < values->count; k++) {
            sine = sin(M_PI * (k / 2 + 1) / n);
            assert_true(fabs(values->log_value[k] - log(4 * sine * sine)) <= 1e-12);
        }
        sg_eigenvalues_delete(values);
        finish(&b);
    }
}

/* The same path as a chain with its states in disorder, and with one more bond (not a path any more) of no effect. */
static void test_path(void **state) {
    (void)state;
    enum { n = 101 };
    double up[n], down[n];
    sg_gap gap, direct;
    builder b = start(n, 2 * n);
    for (int k = 0; k + 1 < n; k++) {
        double here = 60 * cos(2 * M_PI * k / (n - 1.0)), next = 60 * cos(2 * M_PI * (k + 1) / (n - 1.0));
        up[k] = here - fmax(here, next);
        down[k] = next - fmax(here, next);
        bond(&b, 7 * k % n, 7 * (k + 1) % n, here, next, fmax(here, next));
    }
    sg_birth_death path = {n, up, down};
    assert_int_equal(sg_birth_death_gap(&path, &direct), SG_OK);
    sg_eigenvalues *values = NULL;
    double *all = calloc(n, sizeof(double));
    assert_int_equal(sg_birth_death_spectrum(&path, all, 0, NULL), SG_OK);
    assert_int_equal(sg_eigenvalues_new(5, &values), SG_OK);
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, values, NULL), SG_OK);
    check(&gap, direct.gap, 1e-13);
    assert_string_equal(gap.method, direct.method);
    for (int k = 0; k < 5; k++) assert_true(fabs(values->log_value[k] - all[k]) <= 1e-11);
    bond(&b, 0, 14, 60, 60 * cos(4 * M_PI / (n - 1.0)), 700);
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, values, NULL), SG_OK);
    assert_string_not_equal(gap.method, direct.method);
    check(&gap, direct.gap, 1e-11);
    for (int k = 0; k < 5; k++) assert_true(fabs(values->log_value[k] - all[k]) <= 1e-11);
    sg_eigenvalues_delete(values);
    free(all);
    finish(&b);
}

#include "metastable.h"

/* All eigenvalues of networks of wells, not only the smallest. */
static void test_metastable(void **state) {
    (void)state;
    for (size_t t = 0; t < sizeof networks / sizeof *networks; t++) {
        const network *w = &networks[t];
        sg_eigenvalues *values = NULL;
        sg_gap gap;
        builder b = start(w->n, 2 * w->bonds);
        for (int k = 0; k < w->bonds; k++)
            bond(&b, w->bond[k].x, w->bond[k].y, w->energy[w->bond[k].x], w->energy[w->bond[k].y], w->bond[k].barrier);
        assert_int_equal(sg_eigenvalues_new(w->n - 1, &values), SG_OK);
        assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, values, NULL), SG_OK);
        check(&gap, exp(w->log_value[0]), 1e-12);
        for (int k = 0; k + 1 < w->n; k++) {
            if (!(fabs(values->log_value[k] - w->log_value[k]) <=
                  values->error[k] + 2 * DBL_EPSILON * fabs(w->log_value[k])))
                fail_msg("network %zu, eigenvalue %d: log %.17g, not %.17g", t, k, values->log_value[k],
                         w->log_value[k]);
        }
        sg_eigenvalues_delete(values);
        finish(&b);
    }
}

/* Grid m x m in two wells, product of two double wells on a path: its gap is that of the slower factor. */
static void product_of_paths(int m, double depth, double cross, builder *b, double *gap, double *second) {
    double *up = calloc((size_t)m, sizeof(double)), *down = calloc((size_t)m, sizeof(double));
    double *energy = calloc((size_t)m, sizeof(double));
    for (int k = 0; k < m; k++) {
        double x = -1.4 + 2.8 * k / (m - 1);
        energy[k] = depth * (x * x - 1) * (x * x - 1);
    }
    for (int k = 0; k + 1 < m; k++) {
        double barrier = .5 * (energy[k] + energy[k + 1]);
        up[k] = energy[k] - barrier;
        down[k] = energy[k + 1] - barrier;
    }
    *b = start(m * m, 4 * m * m);
    for (int i = 0; i < m; i++)
        for (int k = 0; k + 1 < m; k++) {
            edge(b, i * m + k, i * m + k + 1, up[k]);
            edge(b, i * m + k + 1, i * m + k, down[k]);
            edge(b, k * m + i, k * m + m + i, cross);
            edge(b, k * m + m + i, k * m + i, cross);
        }
    sg_birth_death path = {m, up, down};
    sg_gap found;
    double sine = sin(.5 * M_PI / m), flat = 4 * exp(cross) * sine * sine;
    assert_int_equal(sg_birth_death_gap(&path, &found), SG_OK);
    *gap = fmin(found.gap, flat);
    *second = fmax(found.gap, flat);
    free(up);
    free(down);
    free(energy);
}

static void test_dense_product(void **state) {
    (void)state;
    for (double depth = 2; depth < 200; depth *= 4) {
        builder b;
        double truth, second;
        sg_gap gap;
        product_of_paths(15, depth, 0, &b, &truth, &second);
        assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_OK);
        check(&gap, truth, 1e-12);
        finish(&b);
    }
}

/* More than 1500 states: with a factor, and, with little memory, without one. */
static void test_sparse(void **state) {
    (void)state;
    builder b;
    double truth, second;
    sg_gap gap;
    sg_eigenvalues *values = NULL;
    product_of_paths(60, 3, -2, &b, &truth, &second);
    assert_int_equal(sg_eigenvalues_new(2, &values), SG_OK);
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, values, NULL), SG_OK);
    assert_string_equal(gap.method, "shift-invert Lanczos");
    check(&gap, truth, 1e-11);
    assert_relative(exp(values->log_value[1]), second, 1e-10);
    sg_spectrum_settings settings = {.memory = 1000};
    assert_int_equal(sg_chain_gap(&b.chain, &settings, &gap, values, NULL), SG_OK);
    assert_string_equal(gap.method, "Lanczos");
    check(&gap, truth, 1e-10);
    assert_relative(exp(values->log_value[1]), second, 1e-9);
    volatile int stop = 1;
    settings = (sg_spectrum_settings){.stop = &stop};
    assert_int_equal(sg_chain_gap(&b.chain, &settings, &gap, values, NULL), SG_STOPPED);
    sg_eigenvalues_delete(values);
    finish(&b);
    product_of_paths(50, 30, 0, &b, &truth, &second); /* gap over top about 1e-16: no certificate */
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, NULL), SG_OK);
    assert_int_equal(gap.status, SG_UNCERTIFIED);
    assert_true(gap.message[0]);
    finish(&b);
}

/* ---------------------------------------------------------- not reversible */

/* Walk on a circle, p one way and q the other: p + q - (p + q) cos t + i (p - q) sin t, t = 2 pi k/n. */
static void test_biased_circle(void **state) {
    (void)state;
    static const struct {
        int n;
        double p, q;
    } table[] = {{3, 1, 0}, {5, .9, .1}, {64, 2, 1e-3}, {201, 1, .7}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        const int n = table[t].n;
        builder b = start(n, 2 * n);
        sg_gap gap;
        double decay = 0, sine = sin(M_PI / n), truth = 2 * (table[t].p + table[t].q) * sine * sine;
        sg_eigenvalues *values = NULL;
        for (int x = 0; x < n; x++) {
            edge(&b, x, (x + 1) % n, log(table[t].p));
            if (table[t].q > 0) edge(&b, (x + 1) % n, x, log(table[t].q));
        }
        assert_int_equal(sg_eigenvalues_new(n, &values), SG_OK);
        assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, values, &decay), SG_OK);
        check(&gap, truth, 1e-9);
        assert_relative(decay, truth, 1e-12);
        assert_int_equal(values->count, n - 1);
        for (int k = 0; k + 1 < n; k++) {
            sine = sin(M_PI * (k / 2 + 1) / n);
            assert_relative(exp(values->log_value[k]), 2 * (table[t].p + table[t].q) * sine * sine, 1e-8);
        }
        sg_eigenvalues_delete(values);
        finish(&b);
    }
}

/*
 * Persistent walk on a circle: speed 1 in either direction, turning at rate r.  At wave number t:
 * lambda^2 - 2 (1 - cos t + r) lambda + 2 (1 - cos t)(1 + r) = 0 ; the decay rate from t = 0 is that of
 * (L + L*)/2, a walk with rates 1/2 both ways and turning: min(2 r, 1 - cos(2 pi/n)).
 */
static void test_persistent_walk(void **state) {
    (void)state;
    for (double r = .01; r < 3; r *= 3) {
        const int n = 31;
        builder b = start(2 * n, 4 * n);
        double truth = 2 * r, decay, a, root;
        sg_gap gap;
        for (int x = 0; x < n; x++) {
            edge(&b, x, (x + 1) % n, 0);
            edge(&b, n + (x + 1) % n, n + x, 0);
            edge(&b, x, n + x, log(r));
            edge(&b, n + x, x, log(r));
        }
        for (int k = 1; k < n; k++) {
            a = 1 - cos(2 * M_PI * k / n);
            root = (a + r) * (a + r) - 2 * a * (1 + r); /* of half the discriminant, squared */
            truth = fmin(truth, root > 0 ? a + r - sqrt(root) : a + r);
        }
        assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, &decay), SG_OK);
        check(&gap, truth, 1e-7);
        a = 1 - cos(2 * M_PI / n);
        assert_relative(decay, fmin(2 * r, a), 1e-12);
        assert_true(decay <= gap.gap_upper);
        finish(&b);
    }
}

/* A reversible chain gives the same number both ways. */
static void test_decay_of_reversible(void **state) {
    (void)state;
    builder b = start(9, 40);
    double decay;
    sg_gap gap;
    for (int x = 0; x < 9; x++) bond(&b, x, (x + 1) % 9, sin(x), sin((x + 1) % 9), 0);
    assert_int_equal(sg_chain_gap(&b.chain, NULL, &gap, NULL, &decay), SG_OK);
    assert_true(decay == gap.gap);
    finish(&b);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_law),
        cmocka_unit_test(test_law_by_elimination),
        cmocka_unit_test(test_errors),
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_closed_forms),
        cmocka_unit_test(test_path),
        cmocka_unit_test(test_metastable),
        cmocka_unit_test(test_dense_product),
        cmocka_unit_test(test_sparse),
        cmocka_unit_test(test_biased_circle),
        cmocka_unit_test(test_persistent_walk),
        cmocka_unit_test(test_decay_of_reversible),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
