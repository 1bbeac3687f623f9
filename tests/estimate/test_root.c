/* Roots of estimating equations: from good and bad starts, next to edges, in valleys, and where there is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/root.h"
#include "scoregap/numeric.h"

enum { MOST = 60, DIMENSIONS = 3 };

/* An equation, how often it was asked, and where last. */
typedef struct {
    int m, calls;
    sg_status (*g)(const double *x, const double *p, double *g);
    double p[6], last[DIMENSIONS];
} problem;

static sg_status ask(void *context, const double *x, double *g) {
    problem *p = context;
    p->calls++;
    sg_status status = p->g(x, p->p, g);
    if (!status) memcpy(p->last, x, (size_t)p->m * sizeof *x);
    return status;
}

typedef struct {
    sg_status status;
    sg_root_state state;
    double x[DIMENSIONS], jacobian[DIMENSIONS * DIMENSIONS];
} answer;

/* From `start` with a multiple of the unit matrix; nothing is allocated. */
static answer solve(problem *p, const double *start, double slope) {
    const sg_root_settings settings = {.tol = 1e-8, .most = MOST};
    double work[64];
    answer a = {0};
    assert_true(sg_root_work(p->m) <= 64);
    memcpy(a.x, start, (size_t)p->m * sizeof *start);
    for (int i = 0; i < p->m; i++) a.jacobian[i * (p->m + 1)] = slope;
    a.state.jacobian = a.jacobian;
    p->calls = 0;
    sg_memory_fail_after(1);
    a.status = sg_root(p->m, ask, p, &settings, a.x, &a.state, work);
    sg_memory_fail_after(0);
    assert_true(p->calls <= MOST);
    return a;
}

static double distance(int m, const double *a, const double *b) {
    double sum = 0;
    for (int i = 0; i < m; i++) sum += (a[i] - b[i]) * (a[i] - b[i]);
    return sqrt(sum);
}

/* The answer is `root` to the tolerance, one step from the last evaluation. */
static void check(const problem *p, const answer *a, const double *root, int calls) {
    if (a->status) fail_msg("%s after %d evaluations", sg_message(), p->calls);
    if (!(distance(p->m, a->x, root) <= 2e-8))
        fail_msg("%.12g (%.12g) is off by %g after %d evaluations", a->x[0], root[0], distance(p->m, a->x, root),
                 p->calls);
    if (p->calls > calls) fail_msg("%d evaluations, not %d", p->calls, calls);
    assert_true(distance(p->m, a->x, p->last) <= 1e-3);
    assert_true(a->state.evaluations <= p->calls);
}

/* ------------------------------------------------------------ one parameter */

/* p0 (x - p1) + p2 tanh(p3 (x - p1)) */
static sg_status bent(const double *x, const double *p, double *g) {
    *g = p[0] * (x[0] - p[1]) + p[2] * tanh(p[3] * (x[0] - p[1]));
    return SG_OK;
}

static void test_a_line_takes_one_step(void **state) {
    (void)state;
    problem p = {.m = 1, .g = bent, .p = {2.5, 0.7}};
    answer a = solve(&p, (double[]){-4}, 2.5);
    check(&p, &a, &p.p[1], 2);
    assert_true(fabs(a.state.last_step - 4.7) < 1e-12);
    a = solve(&p, (double[]){-4}, 1);
    check(&p, &a, &p.p[1], 3);
    assert_true(fabs(a.jacobian[0] - 2.5) < 1e-12);
}

/* What a far pilot sees: g is flat, its derivative there is no guide. */
static void test_from_far_out_where_it_is_flat(void **state) {
    (void)state;
    problem p = {.m = 1, .g = bent, .p = {0, 0.02, 1, 1}};
    for (double start = -18; start <= 18; start += 0.37) {
        answer a = solve(&p, &start, 1);
        check(&p, &a, &p.p[1], 28);
        assert_true(a.jacobian[0] > 0);
    }
}

static double between(sg_stream *stream, double lo, double hi) {
    double u;
    sg_stream_uniform(stream, 1, &u);
    return lo + (hi - lo) * u;
}

/* Any increasing g, from slopes 1e-4 to 1e4 against the one it starts with. */
static void test_increasing_functions(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 20240611, 0, 0);
    for (int k = 0; k < 2000; k++) {
        problem p = {.m = 1, .g = bent};
        p.p[0] = exp(between(&stream, -3, 3)), p.p[1] = between(&stream, -5, 5);
        p.p[2] = exp(between(&stream, -3, 3)), p.p[3] = exp(between(&stream, -3, 3));
        double start = between(&stream, -10, 10);
        answer a = solve(&p, &start, exp(between(&stream, -3, 3)));
        check(&p, &a, &p.p[1], 40);
        if (a.state.last_step < 1e-3) assert_true(fabs(a.jacobian[0] / (p.p[0] + p.p[2] * p.p[3]) - 1) < 1e-2);
    }
}

/* log x - p0, which ends at 0; beyond p1 there is nothing either. */
static sg_status half_line(const double *x, const double *p, double *g) {
    if (!(x[0] > 0 && x[0] < p[1])) return SG_NOT_INTEGRABLE;
    *g = log(x[0]) - p[0];
    return SG_OK;
}

static void test_beside_an_edge(void **state) {
    (void)state;
    const double roots[] = {1e-3, 0.5, 3, 9.99};
    for (int k = 0; k < 4; k++)
        for (double start = 0.05; start < 10; start += 1.1) {
            problem p = {.m = 1, .g = half_line, .p = {log(roots[k]), 10}};
            answer a = solve(&p, &start, 0.05);
            check(&p, &a, &roots[k], 45);
        }
    problem p = {.m = 1, .g = half_line, .p = {log(12), 10}}; /* the root lies beyond the edge */
    answer a = solve(&p, (double[]){4}, 1);
    assert_int_equal(a.status, SG_NOT_CONVERGED);
    a = solve(&p, (double[]){11}, 1); /* and so does the start */
    assert_int_equal(a.status, SG_NOT_INTEGRABLE);
    assert_int_equal(a.state.evaluations, 0);
}

static sg_status no_root(const double *x, const double *p, double *g) {
    *g = p[0] > 0 ? exp(x[0]) : 1 + x[0] * x[0];
    return SG_OK;
}

static sg_status not_finite(const double *x, const double *p, double *g) {
    *g = x[0] < p[0] ? NAN : x[0] - 1;
    return SG_OK;
}

static sg_status no_memory(const double *x, const double *p, double *g) {
    *g = x[0];
    return x[0] < p[0] ? SG_NO_MEMORY : SG_OK;
}

static void test_where_there_is_no_root(void **state) {
    (void)state;
    problem p = {.m = 1, .g = no_root, .p = {1}};
    assert_int_equal(solve(&p, (double[]){0.3}, 1).status, SG_NOT_CONVERGED);
    p.p[0] = -1;
    assert_int_equal(solve(&p, (double[]){0.3}, 1).status, SG_NOT_CONVERGED);
    problem q = {.m = 1, .g = not_finite, .p = {0.5}}; /* the first step falls where there is no number */
    answer a = solve(&q, (double[]){2}, 0.3);
    check(&q, &a, (double[]){1}, 20);
    problem r = {.m = 1, .g = no_memory, .p = {0.5}};
    assert_int_equal(solve(&r, (double[]){2}, 0.3).status, SG_NO_MEMORY);
}

/* ---------------------------------------------------------- more parameters */

/* A (x - r) + p3 tanh of each, A far from the unit matrix: the gradient of a convex function and a rotation. */
static sg_status coupled(const double *x, const double *p, double *g) {
    const double r[3] = {p[0], p[1], p[2]}, y[3] = {x[0] - r[0], x[1] - r[1], x[2] - r[2]};
    g[0] = 2 * y[0] + p[4] * y[1] + p[3] * tanh(3 * y[0]);
    g[1] = -p[4] * y[0] + 0.3 * y[1] + 0.1 * y[2] + p[3] * tanh(y[1] + y[2]);
    g[2] = 0.1 * y[1] + 5 * y[2] + p[3] * tanh(y[1] + y[2]);
    return SG_OK;
}

static void test_three_parameters(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 20240612, 0, 0);
    for (int k = 0; k < 500; k++) {
        problem p = {.m = 3, .g = coupled};
        double start[3];
        for (int i = 0; i < 3; i++) p.p[i] = between(&stream, -1, 1), start[i] = between(&stream, -2, 2);
        p.p[3] = between(&stream, 0, 1), p.p[4] = between(&stream, -1, 1);
        answer a = solve(&p, start, 1);
        check(&p, &a, p.p, MOST);
    }
}

/* Rosenbrock's valley as an equation: the derivative turns along it. */
static sg_status valley(const double *x, const double *p, double *g) {
    (void)p;
    g[0] = 10 * (x[1] - x[0] * x[0]);
    g[1] = 1 - x[0];
    return SG_OK;
}

/* exp(x0) + x1^2, x1: no root. */
static sg_status ridge(const double *x, const double *p, double *g) {
    (void)p;
    g[0] = exp(x[0]) + x[1] * x[1];
    g[1] = x[1];
    return SG_OK;
}

static void test_a_valley(void **state) {
    (void)state;
    problem p = {.m = 2, .g = valley};
    answer a = solve(&p, (double[]){-1.2, 1}, 1); /* the derivative is no multiple of this one, not even by sign */
    check(&p, &a, (double[]){1, 1}, MOST);
    problem q = {.m = 2, .g = ridge};
    assert_int_equal(solve(&q, (double[]){0.5, 1}, 1).status, SG_NOT_CONVERGED);
}

/* The unit of x_i is max(1, |x_i|): a root far out is found to nine digits, in either coordinate. */
static sg_status far_out(const double *x, const double *p, double *g) {
    g[0] = (x[0] - p[0]) * 1e-5;
    g[1] = tanh(x[1] - p[1] + 1e-7 * (x[0] - p[0]));
    return SG_OK;
}

static void test_uneven_units(void **state) {
    (void)state;
    problem p = {.m = 2, .g = far_out, .p = {2e5, 0.4}};
    answer a = solve(&p, (double[]){0, 0}, 1);
    assert_int_equal(a.status, SG_OK);
    assert_true(fabs(a.x[0] / 2e5 - 1) < 1e-8);
    assert_true(fabs(a.x[1] - 0.4) < 1e-8);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_a_line_takes_one_step),
                                       cmocka_unit_test(test_from_far_out_where_it_is_flat),
                                       cmocka_unit_test(test_increasing_functions),
                                       cmocka_unit_test(test_beside_an_edge),
                                       cmocka_unit_test(test_where_there_is_no_root),
                                       cmocka_unit_test(test_three_parameters),
                                       cmocka_unit_test(test_a_valley),
                                       cmocka_unit_test(test_uneven_units)};
    gsl_set_error_handler_off();
    return cmocka_run_group_tests(tests, NULL, NULL);
}
