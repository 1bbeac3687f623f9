/* Mixing times of finite chains against closed forms, and the methods against one another. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "scoregap/mixing.h"

enum { MOST_STATES = 1024, MOST_EDGES = 1 << 17 };

/* Room for one explicit chain. */
static struct {
    int n;
    long long edges;
    int from[MOST_EDGES], to[MOST_EDGES];
    double log_rate[MOST_EDGES], log_pi[MOST_STATES];
} room;

static void begin(int n) {
    room.n = n;
    room.edges = 0;
}

static void edge(int x, int y, double log_rate) {
    room.from[room.edges] = x;
    room.to[room.edges] = y;
    room.log_rate[room.edges++] = log_rate;
}

static sg_chain chain_here(void) {
    return (sg_chain){room.n, room.edges, room.from, room.to, room.log_rate, room.log_pi};
}

static void assert_near(double value, double truth, double tolerance) {
    if (!(fabs(value - truth) <= tolerance)) fail_msg("%.17g is not within %g of %.17g", value, tolerance, truth);
}

static void assert_ok(sg_status status) {
    if (status) fail_msg("%s: %s", sg_status_name(status), sg_message());
}

static void assert_enclosed(const sg_mixing *m, double truth) {
    assert_true(m->mixing_time_lower <= m->mixing_time && m->mixing_time <= m->mixing_time_upper);
    if (!(m->mixing_time_lower <= truth * (1 + 1e-15) && truth <= m->mixing_time_upper * (1 + 1e-15)))
        fail_msg("%.17g is not in [%.17g, %.17g]", truth, m->mixing_time_lower, m->mixing_time_upper);
}

static void assert_decreasing(const sg_mixing *m) {
    for (int i = 1; i < m->points; i++)
        if (m->distance[i] > m->distance[i - 1] + m->distance_error[i] + m->distance_error[i - 1])
            fail_msg("TV grows from %.15g to %.15g at time %g", m->distance[i - 1], m->distance[i], m->time[i]);
}

static void uniform_law(void) {
    for (int x = 0; x < room.n; x++) room.log_pi[x] = -log(room.n);
}

/* ------------------------------------------------------------ closed forms */

/* TV(t) = (1 - pi(start)) exp(-(up + down) t), from both solvers */
static void test_two_states(void **state) {
    (void)state;
    static const double rates[][2] = {{1, 1}, {0.3, 2}, {1e-6, 5}, {1e-9, 1e-9}};
    for (int k = 0; k < 4; k++) {
        const double up = rates[k][0], down = rates[k][1], epsilon = 0.1, log_up = log(up), log_down = log(down);
        const sg_mixing_settings settings = {.epsilon = epsilon, .points = 9};
        const sg_birth_death path = {2, &log_up, &log_down};
        begin(2);
        edge(0, 1, log_up);
        edge(1, 0, log_down);
        room.log_pi[0] = log(down / (up + down));
        room.log_pi[1] = log(up / (up + down));
        const sg_chain chain = chain_here();
        const double far = fmax(up, down) / (up + down), truth = log(far / epsilon) / (up + down);
        sg_mixing dense = {0}, line = {0};
        assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &dense));
        assert_ok(sg_birth_death_mixing(&path, -1, NULL, &settings, &line));
        assert_int_equal(dense.status, SG_OK);
        assert_int_equal(line.status, SG_OK);
        assert_near(dense.mixing_time / truth, 1, 1e-12);
        assert_near(line.mixing_time / truth, 1, 1e-11);
        assert_enclosed(&dense, truth);
        assert_enclosed(&line, truth);
        assert_near(line.relaxation_time * (up + down), 1, 1e-12);
        for (int i = 0; i < 9; i++) {
            assert_near(dense.distance[i], far * exp(-(up + down) * dense.time[i]), 1e-13);
            assert_near(line.distance[i], far * exp(-(up + down) * line.time[i]), 1e-12);
        }
        sg_mixing_clear(&dense);
        sg_mixing_clear(&line);
    }
}

/* Complete graph at rate 1/(n-1) to each other state: TV = (1 - 1/n) exp(-n t/(n-1)). */
static void test_complete_graph(void **state) {
    (void)state;
    for (int n = 2; n <= 64; n *= 2) {
        const double epsilon = 0.05;
        const sg_mixing_settings settings = {.epsilon = epsilon};
        sg_mixing m = {0};
        begin(n);
        for (int x = 0; x < n; x++)
            for (int y = 0; y < n; y++)
                if (x != y) edge(x, y, -log(n - 1.0));
        uniform_law();
        const sg_chain chain = chain_here();
        assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &m));
        const double truth = (n - 1.0) / n * log((1 - 1.0 / n) / epsilon);
        assert_near(m.mixing_time, truth, 1e-12);
        assert_enclosed(&m, truth);
        assert_near(m.relaxation_time, (n - 1.0) / n, 1e-12);
        sg_mixing_clear(&m);
    }
}

/* Rate 1/2 each way round a cycle: eigenvalues 1 - cos(2 pi k/n). */
static double cycle_distance(int n, double t) {
    double sum = 0;
    for (int y = 0; y < n; y++) {
        double p = 0;
        for (int k = 1; k < n; k++) p += cos(2 * M_PI * k * y / n) * exp(-(1 - cos(2 * M_PI * k / n)) * t);
        sum += fabs(p) / n;
    }
    return 0.5 * sum;
}

static void test_cycle(void **state) {
    (void)state;
    for (int n = 3; n <= 60; n += 19) {
        const sg_mixing_settings settings = {.points = 12};
        sg_mixing m = {0};
        begin(n);
        for (int x = 0; x < n; x++) {
            edge(x, (x + 1) % n, -M_LN2);
            edge(x, (x + n - 1) % n, -M_LN2);
        }
        uniform_law();
        const sg_chain chain = chain_here();
        assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &m));
        assert_near(cycle_distance(n, m.mixing_time), 0.25, 1e-12);
        assert_true(cycle_distance(n, m.mixing_time_lower) >= 0.25 - 1e-15);
        assert_true(cycle_distance(n, m.mixing_time_upper) <= 0.25 + 1e-15);
        for (int i = 1; i < m.points; i++) assert_near(m.distance[i], cycle_distance(n, m.time[i]), 1e-12);
        assert_near(m.relaxation_time, 1 / (1 - cos(2 * M_PI / n)), 1e-10 * n * n);
        sg_mixing_clear(&m);
    }
}

/* -------------------------------------------------------- the product chain */

/* The number of ones among n copies is a birth-death chain; all in 0 is one of its states. */
static void count_chain(int n, double up, double down, double *log_up, double *log_down) {
    for (int k = 0; k < n; k++) {
        log_up[k] = log((n - k) * up);
        log_down[k] = log((k + 1) * down);
    }
}

static void test_product(void **state) {
    (void)state;
    static double log_up[4000], log_down[4000];
    static const int size[] = {1, 2, 7, 100, 500, 2000};
    for (int k = 0; k < 6; k++)
        for (int skew = 0; skew < 2; skew++) {
            const int n = size[k];
            const double up = skew ? 0.2 : 0.5, down = 1 - up;
            const sg_mixing_settings settings = {.epsilon = 0.25, .points = n <= 500 ? 11 : 0};
            sg_mixing exact = {0}, path = {0};
            count_chain(n, up, down, log_up, log_down);
            const sg_birth_death chain = {n + 1, log_up, log_down};
            assert_ok(sg_product_mixing(n, up, down, n, &settings, &exact));
            assert_ok(sg_birth_death_mixing(&chain, n, NULL, &settings, &path));
            assert_int_equal(exact.status, SG_OK);
            assert_int_equal(path.status, SG_OK);
            assert_near(path.mixing_time / exact.mixing_time, 1, 1e-10);
            assert_enclosed(&path, exact.mixing_time);
            for (int i = 1; i < exact.points; i++) {
                if (!(fabs(path.time[i] / exact.time[i] - 1) < 1e-10)) fail_msg("times differ");
                assert_near(path.distance[i], exact.distance[i], 1e-9);
                assert_true(fabs(path.distance[i] - exact.distance[i]) <=
                            path.distance_error[i] + exact.distance_error[i] + 1e-10);
            }
            assert_decreasing(&exact);
            sg_mixing_clear(&exact);
            sg_mixing_clear(&path);
        }
}

/*
 * Rate 1 a site, fair: the number of ones is normal with mean shift sqrt(n)/2 e^-t in units of its standard deviation
 * sqrt(n)/2, so that TV((1/2) log n + c) -> 2 Phi(e^-c / 2) - 1 (Levin and Peres, chapter 18), within O(1/sqrt n).
 */
static void test_product_cutoff(void **state) {
    (void)state;
    for (int n = 100; n <= 1000000; n *= 100)
        for (double epsilon = 0.05; epsilon < 1; epsilon += 0.3) {
            const sg_mixing_settings settings = {.epsilon = epsilon};
            sg_mixing m = {0};
            double lo = -20, hi = 20;
            for (int i = 0; i < 100; i++) {
                double c = 0.5 * (lo + hi);
                if (erf(exp(-c) / 2 * M_SQRT1_2) > epsilon)
                    lo = c;
                else
                    hi = c;
            }
            assert_ok(sg_product_mixing(n, 0.5, 0.5, -1, &settings, &m));
            assert_near(m.mixing_time - 0.5 * log(n), lo, 3 / sqrt(n));
            assert_int_equal(m.status, SG_OK);
            sg_mixing_clear(&m);
        }
}

/* All 2^n states of five copies: the worst start, and which it is. */
static void test_product_worst(void **state) {
    (void)state;
    static const double up[] = {0.5, 0.2, 0.9};
    for (int k = 0; k < 3; k++) {
        const int n = 5;
        const sg_mixing_settings settings = {.epsilon = 0.15};
        sg_mixing exact = {0}, all = {0};
        begin(1 << n);
        for (int x = 0; x < room.n; x++) {
            room.log_pi[x] = 0;
            for (int i = 0; i < n; i++) {
                room.log_pi[x] += log(x >> i & 1 ? up[k] : 1 - up[k]);
                edge(x, x ^ 1 << i, log(x >> i & 1 ? 1 - up[k] : up[k]));
            }
        }
        const sg_chain chain = chain_here();
        assert_ok(sg_product_mixing(n, up[k], 1 - up[k], -1, &settings, &exact));
        assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &all));
        assert_near(all.mixing_time / exact.mixing_time, 1, 1e-11);
        assert_enclosed(&all, exact.mixing_time);
        sg_mixing_clear(&exact);
        sg_mixing_clear(&all);
    }
}

/* -------------------------------------------------------------- Curie-Weiss */

/* Magnetization under the heat bath at rate 1 a site: k pluses, S = 2k - n. */
static void curie_weiss(int n, double beta, double *log_up, double *log_down) {
    for (int k = 0; k < n; k++) {
        const double s = 2 * k - n;
        log_up[k] = log((n - k) / (1 + exp(-2 * beta * (s + 1) / n)));
        log_down[k] = log((k + 1) / (1 + exp(2 * beta * (s + 1) / n)));
    }
}

/*
 * Below the critical temperature the cutoff is at log n/(2 (1 - beta)) with a window of order 1 (Levin, Luczak and
 * Peres 2010, n log n/(2 (1 - beta)) steps of one site): the times from n to 4 n differ by log 4/(2 (1 - beta)) in the
 * limit.
 */
static void test_curie_weiss_cutoff(void **state) {
    (void)state;
    static double log_up[4096], log_down[4096];
    for (double beta = 0; beta < 0.7; beta += 0.3) {
        double last = NAN, distance = INFINITY;
        for (int n = 128; n <= 2048; n *= 4) {
            const sg_mixing_settings settings = {.epsilon = 0.25};
            sg_mixing m = {0};
            curie_weiss(n, beta, log_up, log_down);
            const sg_birth_death chain = {n + 1, log_up, log_down};
            assert_ok(sg_birth_death_mixing(&chain, n, NULL, &settings, &m));
            assert_int_equal(m.status, SG_OK);
            double off = fabs((m.mixing_time - last) * 2 * (1 - beta) / log(4) - 1);
            if (n > 128) assert_true(off < distance && off < 10.0 / sqrt(n));
            if (n > 128) distance = off;
            last = m.mixing_time;
            sg_mixing_clear(&m);
        }
    }
}

/* Above it the chain is metastable: TV(t) is near 1/2 exp(-gap t) from a deep well, at times up to 1e143. */
static void test_curie_weiss_metastable(void **state) {
    (void)state;
    static double log_up[1000], log_down[1000];
    for (int n = 10; n <= 1000; n *= 10) {
        sg_mixing m = {0};
        sg_gap gap;
        curie_weiss(n, 2, log_up, log_down);
        const sg_birth_death chain = {n + 1, log_up, log_down};
        assert_ok(sg_birth_death_gap(&chain, &gap));
        assert_ok(sg_birth_death_mixing(&chain, n, NULL, NULL, &m));
        assert_int_equal(m.status, SG_OK);
        assert_near(m.mixing_time * gap.gap / M_LN2, 1, n >= 100 ? 1e-3 : 0.3);
        assert_near(m.relaxation_time * gap.gap, 1, 1e-12);
        sg_mixing_clear(&m);
    }
}

/* All states of a small one against its magnetization: the all-plus start is worst there, and both agree on it. */
static void test_curie_weiss_states(void **state) {
    (void)state;
    const int n = 8;
    for (double beta = 0.2; beta < 2; beta += 0.5) {
        double log_up[8], log_down[8];
        const sg_mixing_settings settings = {.epsilon = 0.25, .points = 7};
        sg_mixing all = {0}, path = {0}, one = {0};
        begin(1 << n);
        for (int x = 0; x < room.n; x++) {
            const double s = 2 * __builtin_popcount((unsigned)x) - n;
            room.log_pi[x] = 0.5 * beta * s * s / n;
            for (int i = 0; i < n; i++) {
                const double now = x >> i & 1 ? 1 : -1;
                edge(x, x ^ 1 << i, -log1p(exp(2 * beta * now * (s - now) / n)));
            }
        }
        curie_weiss(n, beta, log_up, log_down);
        const sg_chain chain = chain_here();
        const sg_birth_death magnetization = {n + 1, log_up, log_down};
        assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &all));
        assert_ok(sg_chain_mixing(&chain, room.n - 1, NULL, &settings, &one));
        assert_ok(sg_birth_death_mixing(&magnetization, n, NULL, &settings, &path));
        assert_near(one.mixing_time / path.mixing_time, 1, 1e-10);
        for (int i = 0; i < 7; i++) assert_near(one.distance[i], path.distance[i], 1e-10);
        assert_true(all.mixing_time >= one.mixing_time * (1 - 1e-12));
        assert_near(all.mixing_time / one.mixing_time, 1, 1e-10);
        assert_decreasing(&all);
        sg_mixing_clear(&all);
        sg_mixing_clear(&one);
        sg_mixing_clear(&path);
    }
}

/* ---------------------------------------------------- random chains, methods */

/* A reversible chain on a random connected graph, law over `span` units of log. */
static void random_chain(sg_stream *stream, int n, double span) {
    double u[3];
    begin(n);
    for (int x = 0; x < n; x++) {
        sg_stream_uniform(stream, 1, u);
        room.log_pi[x] = -span * u[0];
    }
    for (int x = 1; x < n; x++)
        for (int y = 0; y < x; y++) {
            sg_stream_uniform(stream, 3, u);
            if (y != (int)(u[2] * x) && u[0] > 0.3) continue;
            const double flow = 0.5 * (room.log_pi[x] + room.log_pi[y]) + 3 * u[1];
            edge(x, y, flow - room.log_pi[x]);
            edge(y, x, flow - room.log_pi[y]);
        }
    for (int x = 1; x < n; x++) { /* connected whatever was drawn */
        edge(x, x - 1, -4 - 0.5 * (room.log_pi[x] - room.log_pi[x - 1]));
        edge(x - 1, x, -4 - 0.5 * (room.log_pi[x - 1] - room.log_pi[x]));
    }
}

static void test_sandwich(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 7, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 60; trial++) {
        const int n = 2 + trial % 29;
        const sg_mixing_settings settings = {.epsilon = trial % 3 == 0   ? 0.25
                                                        : trial % 3 == 1 ? 0.4
                                                                         : 1e-4,
                                             .points = 9};
        sg_mixing m = {0};
        random_chain(&stream, n, trial % 5 * 2.0);
        const sg_chain chain = chain_here();
        assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &m));
        assert_int_equal(m.status, SG_OK);
        assert_true(m.sandwich_lower <= m.mixing_time_upper);
        assert_true(m.mixing_time_lower <= m.sandwich_upper);
        assert_true(m.sandwich_lower > 0 && isfinite(m.sandwich_upper));
        assert_decreasing(&m);
        for (int start = 0; start < n; start += 5) { /* no start is later */
            sg_mixing one = {0};
            assert_ok(sg_chain_mixing(&chain, start, NULL, &settings, &one));
            assert_true(one.mixing_time <= m.mixing_time_upper);
            sg_mixing_clear(&one);
        }
        sg_mixing_clear(&m);
    }
}

static void test_expansion_against_uniformization(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 8, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 12; trial++) {
        const int n = 5 + 6 * trial;
        const sg_mixing_settings settings = {.epsilon = 0.2, .points = 6};
        sg_mixing m = {0};
        random_chain(&stream, n, trial % 4 * 3.0);
        const sg_chain chain = chain_here();
        assert_ok(sg_chain_mixing(&chain, n / 2, NULL, &settings, &m));
        for (int i = 1; i < m.points; i++) {
            double d, e;
            assert_ok(sg_chain_distance(&chain, n / 2, m.time[i], &d, &e));
            assert_true(e < 1e-9 && m.distance_error[i] < 1e-9);
            if (!(fabs(d - m.distance[i]) <= e + m.distance_error[i]))
                fail_msg("n = %d: %.15g +- %g and %.15g +- %g", n, d, e, m.distance[i], m.distance_error[i]);
        }
        sg_mixing_clear(&m);
    }
}

/* Random birth-death chains: the inverse transform against all eigenpairs, from every kind of start. */
static void test_path_against_expansion(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 9, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 30; trial++) {
        const int n = 2 + 3 * trial;
        double log_up[100], log_down[100], u[2], initial[100] = {0};
        const sg_mixing_settings settings = {.epsilon = 0.1, .points = 6};
        begin(n);
        room.log_pi[0] = 0;
        for (int k = 0; k + 1 < n; k++) {
            sg_stream_uniform(&stream, 2, u);
            log_up[k] = 2 * u[0] - 1;
            log_down[k] = 2 * u[1] - 1;
            edge(k, k + 1, log_up[k]);
            edge(k + 1, k, log_down[k]);
            room.log_pi[k + 1] = room.log_pi[k] + log_up[k] - log_down[k];
        }
        initial[0] = initial[n - 1] = 0.5;
        const sg_chain chain = chain_here();
        const sg_birth_death path = {n, log_up, log_down};
        for (int kind = 0; kind < 3; kind++) {
            sg_mixing a = {0}, b = {0};
            const int start = kind == 0 ? -1 : n / 3;
            assert_ok(sg_birth_death_mixing(&path, start, kind == 2 ? initial : NULL, &settings, &a));
            assert_ok(sg_chain_mixing(&chain, start, kind == 2 ? initial : NULL, &settings, &b));
            assert_int_equal(a.status, SG_OK);
            assert_int_equal(b.status, SG_OK);
            if (b.mixing_time > 0) assert_near(a.mixing_time / b.mixing_time, 1, 1e-9);
            assert_true(a.mixing_time_lower <= b.mixing_time_upper && b.mixing_time_lower <= a.mixing_time_upper);
            for (int i = 0; i < a.points; i++)
                assert_near(a.distance[i], b.distance[i], 1e-9 + a.distance_error[i] + b.distance_error[i]);
            if (kind == 0) assert_true(a.sandwich_lower <= a.mixing_time && a.mixing_time <= a.sandwich_upper);
            sg_mixing_clear(&a);
            sg_mixing_clear(&b);
        }
    }
}

/* Rare states: expansions from them need repeated squaring first. */
static void test_rare_starts(void **state) {
    (void)state;
    const int n = 60;
    double log_up[60], log_down[60];
    const sg_mixing_settings settings = {.epsilon = 0.25};
    sg_mixing a = {0}, b = {0};
    begin(n);
    room.log_pi[0] = 0;
    for (int k = 0; k + 1 < n; k++) { /* pi falls by e^2 a step: e^-118 in all */
        log_up[k] = -2;
        log_down[k] = 0;
        edge(k, k + 1, log_up[k]);
        edge(k + 1, k, log_down[k]);
        room.log_pi[k + 1] = room.log_pi[k] - 2;
    }
    const sg_chain chain = chain_here();
    const sg_birth_death path = {n, log_up, log_down};
    assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &a));
    assert_ok(sg_birth_death_mixing(&path, -1, NULL, &settings, &b));
    assert_int_equal(a.status, SG_OK);
    assert_int_equal(b.status, SG_OK);
    assert_non_null(strstr(a.method, "squaring"));
    assert_non_null(strstr(a.start, "59"));
    assert_near(a.mixing_time / b.mixing_time, 1, 1e-8);
    assert_true(a.mixing_time_lower <= b.mixing_time_upper && b.mixing_time_lower <= a.mixing_time_upper);
    sg_mixing_clear(&a);
    sg_mixing_clear(&b);
}

/* ------------------------------------------------- chains not reversible */

/* One way round at rate 1: the number of steps is a Poisson number, here to t = 100. */
static double one_way_distance(int n, double t) {
    double place[64] = {0}, weight = exp(-t), sum = 0;
    for (int k = 0; k < 400; k++) {
        place[k % n] += weight;
        weight *= t / (k + 1);
    }
    for (int x = 0; x < n; x++) sum += 0.5 * fabs(place[x] - 1.0 / n);
    return sum;
}

static void test_one_way(void **state) {
    (void)state;
    for (int n = 3; n <= 9; n += 3) {
        const sg_mixing_settings settings = {.epsilon = 0.1, .points = 8};
        sg_mixing m = {0}, one = {0};
        begin(n);
        for (int x = 0; x < n; x++) edge(x, (x + 1) % n, 0);
        uniform_law();
        const sg_chain chain = chain_here();
        assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &m));
        assert_ok(sg_chain_mixing(&chain, n - 1, NULL, &settings, &one));
        assert_int_equal(m.status, SG_OK);
        assert_near(one_way_distance(n, m.mixing_time), 0.1, 1e-11);
        assert_true(one_way_distance(n, m.mixing_time_lower) >= 0.1 - 1e-15);
        assert_true(one_way_distance(n, m.mixing_time_upper) <= 0.1 + 1e-15);
        assert_near(one.mixing_time / m.mixing_time, 1, 1e-10);
        for (int i = 1; i < m.points; i++) assert_near(m.distance[i], one_way_distance(n, m.time[i]), 1e-11);
        assert_near(m.relaxation_time, 1 / (1 - cos(2 * M_PI / n)), 1e-10 * n * n);
        /* the symmetric part walks both ways at rate 1/2: the same real part */
        assert_near(m.sandwich_upper, (0.5 * log(n) - log(2 * 0.1)) * m.relaxation_time, 1e-8);
        assert_true(m.sandwich_lower <= m.mixing_time_upper && m.mixing_time_lower <= m.sandwich_upper);
        sg_mixing_clear(&m);
        sg_mixing_clear(&one);
    }
}

/* law exp(t L) by short steps of its series in long double: no method of the library. */
static double direct_distance(const sg_chain *chain, const double *pi, int start, double t) {
    enum { STEPS = 4000 };
    static long double law[64], term[64], next[64], sum[64];
    for (int x = 0; x < chain->n; x++) law[x] = x == start;
    for (int step = 0; step < STEPS; step++) {
        for (int x = 0; x < chain->n; x++) term[x] = sum[x] = law[x];
        for (int k = 1; k <= 6; k++) {
            for (int x = 0; x < chain->n; x++) next[x] = 0;
            for (long long e = 0; e < chain->edges; e++) {
                const long double flow = term[chain->from[e]] * expl(chain->log_rate[e]);
                next[chain->to[e]] += flow, next[chain->from[e]] -= flow;
            }
            for (int x = 0; x < chain->n; x++) sum[x] += term[x] = next[x] * (t / STEPS) / k;
        }
        memcpy(law, sum, sizeof law);
    }
    double distance = 0;
    for (int x = 0; x < chain->n; x++) distance += 0.5 * fabs((double)law[x] - pi[x]);
    return distance;
}

/* Random rates, no balance: the worst of all starts, at the crossing and nowhere above it. */
static void test_irreversible(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 10, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 6; trial++) {
        const int n = 3 + 2 * trial;
        const sg_mixing_settings settings = {.epsilon = trial % 2 ? 0.25 : 0.02};
        double pi[64], u[2], most = 0;
        bool reversible = true;
        sg_mixing m = {0};
        begin(n);
        for (int x = 0; x < n; x++)
            for (int y = 0; y < n; y++) {
                sg_stream_uniform(&stream, 2, u);
                if (x != y && (u[0] < 0.4 || y == (x + 1) % n)) edge(x, y, 3 * u[1] - 2);
            }
        sg_chain chain = chain_here();
        chain.log_pi = NULL;
        assert_ok(sg_chain_law(&chain, pi, &reversible));
        assert_false(reversible);
        for (int x = 0; x < n; x++) pi[x] = exp(pi[x]);
        assert_ok(sg_chain_mixing(&chain, -1, NULL, &settings, &m));
        assert_int_equal(m.status, SG_OK);
        assert_true(m.sandwich_lower <= m.mixing_time_upper && m.mixing_time_lower <= m.sandwich_upper);
        for (int x = 0; x < n; x++) most = fmax(most, direct_distance(&chain, pi, x, m.mixing_time));
        assert_near(most, settings.epsilon, 1e-9);
        assert_near(direct_distance(&chain, pi, m.state, m.mixing_time), settings.epsilon, 1e-9);
        sg_mixing_clear(&m);
    }
}

/* Thirteen copies of a chain on {0,1}, all 8192 states: more than matrices take, from one start. */
static void test_many_states(void **state) {
    (void)state;
    enum { COPIES = 13, STATES = 1 << COPIES };
    static int from[STATES * COPIES], to[STATES * COPIES];
    static double log_rate[STATES * COPIES], log_pi[STATES];
    const double up = 0.3, down = 0.7;
    const sg_mixing_settings settings = {.epsilon = 0.2, .points = 5};
    for (int x = 0, e = 0; x < STATES; x++)
        for (int i = 0; i < COPIES; i++, e++) {
            from[e] = x, to[e] = x ^ 1 << i;
            log_rate[e] = log(x >> i & 1 ? down : up);
            log_pi[x] += log(x >> i & 1 ? up : down);
        }
    const sg_chain chain = {STATES, STATES * COPIES, from, to, log_rate, log_pi};
    sg_mixing m = {0}, exact = {0};
    assert_ok(sg_chain_mixing(&chain, 0x155, NULL, &settings, &m));
    assert_ok(sg_product_mixing(COPIES, up, down, 5, &settings, &exact));
    assert_non_null(strstr(m.method, "uniformization"));
    assert_near(m.mixing_time / exact.mixing_time, 1, 1e-9);
    assert_near(m.relaxation_time, 1, 1e-8);
    assert_enclosed(&m, exact.mixing_time);
    for (int i = 0; i < 5; i++) assert_near(m.distance[i], exact.distance[i], 1e-9);
    sg_mixing_clear(&m);
    sg_mixing_clear(&exact);
    assert_int_equal(sg_chain_mixing(&chain, -1, NULL, NULL, &m), SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "give one"));
}

static void test_requests(void **state) {
    (void)state;
    const double log_rate[] = {0, 0, 0};
    const sg_birth_death path = {4, log_rate, log_rate};
    sg_mixing_settings settings = {.epsilon = -0.1};
    sg_mixing m = {0};
    assert_int_equal(sg_birth_death_mixing(&path, 0, NULL, &settings, &m), SG_OUT_OF_RANGE);
    assert_int_equal(sg_birth_death_mixing(&path, 4, NULL, NULL, &m), SG_OUT_OF_RANGE);
    assert_int_equal(sg_birth_death_mixing(&path, 0, (double[]){0.5, 0.5, 0.5, 0}, NULL, &m), SG_OUT_OF_RANGE);
    assert_int_equal(sg_product_mixing(0, 1, 1, -1, NULL, &m), SG_OUT_OF_RANGE);
    assert_int_equal(sg_product_mixing(3, 1, 0, -1, NULL, &m), SG_OUT_OF_RANGE);
    begin(4); /* two pairs that do not communicate */
    edge(0, 1, 0), edge(1, 0, 0), edge(2, 3, 0), edge(3, 2, 0);
    uniform_law();
    sg_chain chain = chain_here();
    assert_int_equal(sg_chain_mixing(&chain, -1, NULL, NULL, &m), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "communicate"));
    begin(1024); /* too large for the memory, unless one start is asked for */
    for (int x = 0; x < 1024; x++) edge(x, (x + 1) % 1024, 0), edge((x + 1) % 1024, x, 1);
    uniform_law();
    chain = chain_here();
    settings = (sg_mixing_settings){.epsilon = 0.25, .memory = 1 << 20};
    assert_int_equal(sg_chain_mixing(&chain, -1, NULL, &settings, &m), SG_NO_MEMORY);
    sg_mixing_clear(&m);
    settings = (sg_mixing_settings){.epsilon = 0.9};
    assert_ok(sg_birth_death_mixing(&path, 0, NULL, &settings, &m));
    assert_true(m.mixing_time == 0);
    sg_mixing_clear(&m);
    assert_int_equal(sg_memory_live(), 0);
}

static void test_no_memory(void **state) {
    (void)state;
    begin(3);
    edge(0, 1, 0), edge(1, 0, 0), edge(1, 2, 0), edge(2, 1, 0);
    uniform_law();
    const sg_chain chain = chain_here();
    const sg_mixing_settings settings = {.points = 3};
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status == SG_NO_MEMORY; k++) {
        sg_mixing m = {0};
        assert_true(k < 200);
        sg_memory_fail_after(k);
        status = sg_chain_mixing(&chain, -1, NULL, &settings, &m);
        sg_memory_fail_after(0);
        sg_mixing_clear(&m);
        assert_int_equal(sg_memory_live(), 0);
    }
    assert_int_equal(status, SG_OK);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_two_states),
        cmocka_unit_test(test_complete_graph),
        cmocka_unit_test(test_cycle),
        cmocka_unit_test(test_product),
        cmocka_unit_test(test_product_cutoff),
        cmocka_unit_test(test_product_worst),
        cmocka_unit_test(test_curie_weiss_cutoff),
        cmocka_unit_test(test_curie_weiss_metastable),
        cmocka_unit_test(test_curie_weiss_states),
        cmocka_unit_test(test_sandwich),
        cmocka_unit_test(test_expansion_against_uniformization),
        cmocka_unit_test(test_path_against_expansion),
        cmocka_unit_test(test_rare_starts),
        cmocka_unit_test(test_one_way),
        cmocka_unit_test(test_irreversible),
        cmocka_unit_test(test_many_states),
        cmocka_unit_test(test_requests),
        cmocka_unit_test(test_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
