/* Newton's method: quadratic, convex, non-convex and root problems, domains, and every way to fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "scoregap/numeric.h"

enum { MOST = 200 };
static const sg_newton_settings usual = {.tol = 1e-11, .most = 100, .radius = 10, .root = false};
static const sg_newton_settings root = {.tol = 1e-11, .most = 100, .radius = 10, .root = true};

typedef struct {
    int m, calls, kind;
    bool noisy;
    double offset;
    const double *a, *b; /* [m,m], [m] */
} problem;

/* Runs with a workspace of exactly the stated size, ended by a canary. */
static sg_status run(problem *p, sg_objective f, const sg_newton_settings *settings, double *theta, int *steps) {
    size_t size = sg_newton_work(p->m);
    double *work = malloc(sizeof *work * (size + 1));
    assert_non_null(work);
    work[size] = 12345;
    p->calls = 0;
    sg_memory_fail_after(1); /* any allocation by the library would fail */
    sg_status status = sg_newton(p->m, f, p, settings, theta, steps, work);
    sg_memory_fail_after(0);
    assert_true(work[size] == 12345);
    free(work);
    return status;
}

static void random_numbers(uint64_t key, size_t n, double *z) {
    sg_stream stream;
    sg_stream_open(&stream, key, SG_PURPOSE_TEST, 0);
    sg_stream_normal(&stream, n, z);
}

/* --------------------------------------------------------------- quadratics */

/* value = 1/2 theta' A theta - b' theta + offset; as a root problem A need not be symmetric. */
static sg_status quadratic(void *context, const double *theta, double *value, double *gradient, double *hessian) {
    problem *p = context;
    int m = p->m;
    p->calls++;
    if (value) *value = p->offset;
    for (int i = 0; i < m; i++) {
        long double sum = 0;
        for (int j = 0; j < m; j++) sum += (long double)p->a[i + m * j] * theta[j];
        gradient[i] = (double)(sum - p->b[i]);
        if (value) *value += theta[i] * (double)(0.5L * sum - p->b[i]);
    }
    memcpy(hessian, p->a, sizeof *hessian * (size_t)(m * m));
    return SG_OK;
}

/* A = U diag(spread over the condition) U^T, U orthogonal from the eigenvectors of a random symmetric matrix. */
static void spd_matrix(uint64_t key, int m, double condition, double *a) {
    double *z = malloc(sizeof *z * (size_t)(3 * m * m)), *u = z + m * m, *scaled = u + m * m, values[MOST];
    random_numbers(key, (size_t)(m * m), z);
    for (int j = 0; j < m; j++)
        for (int i = 0; i < j; i++) z[i + m * j] = z[j + m * i];
    assert_int_equal(sg_symmetric_eigen(m, z, values, u), SG_OK);
    for (int k = 0; k < m; k++)
        for (int i = 0; i < m; i++) scaled[i + m * k] = u[i + m * k] * pow(condition, -(m > 1 ? k / (m - 1.0) : 0));
    sg_multiply_nt(m, scaled, u, a);
    for (int j = 0; j < m; j++) /* symmetric to the last bit */
        for (int i = 0; i < j; i++) a[i + m * j] = a[j + m * i];
    free(z);
}

/* b = A x in long double, rounded; so x is the solution to eps * condition. */
static void right_side(int m, const double *a, const double *x, double *b) {
    for (int i = 0; i < m; i++) {
        long double sum = 0;
        for (int j = 0; j < m; j++) sum += (long double)a[i + m * j] * x[j];
        b[i] = (double)sum;
    }
}

static void quadratic_in_two_evaluations(void **state) {
    (void)state;
    const int order[] = {1, 2, 3, 9, 40, MOST};
    const double conditions[] = {1, 1e2, 1e6, 1e10}, spreads[] = {1, 1000}, offsets[] = {0, 1e6};
    double *a = malloc(sizeof *a * MOST * MOST), b[MOST], x[MOST], theta[MOST];
    for (int c = 0; c < 6; c++)
        for (int d = 0; d < 4; d++)
            for (int e = 0; e < 2; e++) {
                int m = order[c], steps;
                spd_matrix(10 + (uint64_t)c, m, conditions[d], a);
                random_numbers(20 + (uint64_t)c, (size_t)m, x);
                for (int i = 0; i < m; i++) x[i] *= spreads[e], theta[i] = 0;
                right_side(m, a, x, b);
                problem p = {.m = m, .a = a, .b = b, .offset = offsets[e]};
                assert_int_equal(run(&p, quadratic, &usual, theta, &steps), SG_OK);
                assert_true(p.calls <= 2);
                assert_int_equal(steps, 1);
                double off = 0, size = 0;
                for (int i = 0; i < m; i++) off += (theta[i] - x[i]) * (theta[i] - x[i]), size += x[i] * x[i];
                assert_true(sqrt(off / size) < 4 * 0x1p-53 * conditions[d] * sqrt(m) + 1e-15);
            }
    free(a);
}

/* Variables in units from 10^-8 to 10^8: the scaled Cholesky factor keeps every one to its own relative accuracy. */
static void quadratic_in_odd_units(void **state) {
    (void)state;
    enum { M = 5 };
    double a[M * M], b[M], x[M], theta[M] = {0};
    spd_matrix(31, M, 100, a);
    random_numbers(32, M, x);
    for (int j = 0; j < M; j++) {
        x[j] = (1 + fabs(x[j])) * pow(10, 4 * j - 8);
        for (int i = 0; i < M; i++) a[i + M * j] /= pow(10, 4 * (i + j) - 16);
    }
    right_side(M, a, x, b);
    problem p = {.m = M, .a = a, .b = b};
    assert_int_equal(run(&p, quadratic, &usual, theta, NULL), SG_OK);
    assert_true(p.calls <= 2);
    for (int i = 0; i < M; i++) assert_true(fabs(theta[i] / x[i] - 1) < 1e-12);
}

/* A start at the solution needs one evaluation. */
static void quadratic_at_the_solution(void **state) {
    (void)state;
    double a[4] = {2, 1, 1, 2}, b[2] = {3, 3}, theta[2] = {1, 1};
    int steps = -1;
    problem p = {.m = 2, .a = a, .b = b};
    assert_int_equal(run(&p, quadratic, &usual, theta, &steps), SG_OK);
    assert_int_equal(p.calls, 1);
    assert_int_equal(steps, 0);
    assert_true(theta[0] == 1 && theta[1] == 1);
}

static void linear_root_in_two_evaluations(void **state) {
    (void)state;
    for (int m = 1; m <= 30; m += 7) {
        double a[900], b[30], x[30], theta[30] = {0};
        int steps;
        random_numbers(40 + (uint64_t)m, (size_t)(m * m), a);
        for (int i = 0; i < m; i++) a[i + m * i] += 2 * m;
        random_numbers(41 + (uint64_t)m, (size_t)m, x);
        for (int i = 0; i < m; i++) x[i] *= 100; /* beyond the radius */
        right_side(m, a, x, b);
        problem p = {.m = m, .a = a, .b = b};
        assert_int_equal(run(&p, quadratic, &root, theta, &steps), SG_OK);
        assert_int_equal(p.calls, 2);
        for (int i = 0; i < m; i++) assert_true(fabs(theta[i] - x[i]) < 1e-11);
    }
}

/* --------------------------------------------------------- convex functions */

/* sum_j of the columns: log sum_i exp(a_i theta) - b theta + offset over the rows of a [m,m] and the origin. */
static sg_status log_partition(void *context, const double *theta, double *value, double *gradient, double *hessian) {
    problem *p = context;
    int m = p->m;
    double e[MOST], top = 0, sum;
    p->calls++;
    for (int i = 0; i < m; i++) {
        e[i] = 0;
        for (int j = 0; j < m; j++) e[i] += p->a[i + m * j] * theta[j];
        top = fmax(top, e[i]);
    }
    sum = exp(-top);
    for (int i = 0; i < m; i++) sum += e[i] = exp(e[i] - top);
    *value = log(sum) + top + p->offset;
    for (int j = 0; j < m; j++) {
        gradient[j] = 0;
        for (int i = 0; i < m; i++) gradient[j] += e[i] / sum * p->a[i + m * j];
    }
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) {
            double h = 0;
            for (int i = 0; i < m; i++) h += e[i] / sum * p->a[i + m * j] * p->a[i + m * k];
            hessian[j + m * k] = h - gradient[j] * gradient[k];
        }
    for (int j = 0; j < m; j++) {
        gradient[j] -= p->b[j];
        *value -= p->b[j] * theta[j];
    }
    if (p->noisy) *value += 1e-7 * sin(1e12 * (theta[0] + theta[m - 1])); /* as cancellation would leave it */
    return SG_OK;
}

/* b is the mean of the statistics at a known theta, so the minimum is there; also with a value drowned in rounding. */
static void likelihood_of_an_exponential_family(void **state) {
    (void)state;
    const double offsets[] = {0, 1e7, 0};
    for (int m = 1; m <= 12; m += 3)
        for (int o = 0; o < 3; o++) {
            double a[144], b[12] = {0}, g[12], h[144], truth[12], theta[12], value;
            random_numbers(50 + (uint64_t)m, (size_t)(m * m), a);
            for (int i = 0; i < m; i++) a[i + m * i] += 2;
            random_numbers(60 + (uint64_t)m, (size_t)m, truth);
            problem p = {.m = m, .a = a, .b = b, .offset = offsets[o], .noisy = o == 2};
            assert_int_equal(log_partition(&p, truth, &value, g, h), SG_OK);
            memcpy(b, g, sizeof b);
            for (int i = 0; i < m; i++) theta[i] = (i % 2 ? -6 : 6);
            assert_int_equal(run(&p, log_partition, &usual, theta, NULL), SG_OK);
            assert_true(p.calls < 60);
            for (int i = 0; i < m; i++) assert_true(fabs(theta[i] - truth[i]) < 1e-10);
        }
}

/* sum (theta_i - log theta_i), refused outside theta > 0: from 1e-3 and from 40 the minimum is at 1. */
static sg_status barrier(void *context, const double *theta, double *value, double *gradient, double *hessian) {
    problem *p = context;
    p->calls++;
    *value = 0;
    memset(hessian, 0, sizeof *hessian * (size_t)(p->m * p->m));
    for (int i = 0; i < p->m; i++)
        if (!(theta[i] > 0)) return SG_NOT_INTEGRABLE;
    for (int i = 0; i < p->m; i++) {
        *value += theta[i] - log(theta[i]);
        gradient[i] = 1 - 1 / theta[i];
        hessian[i * (p->m + 1)] = 1 / (theta[i] * theta[i]);
    }
    return SG_OK;
}

static void steps_out_of_the_domain_are_shortened(void **state) {
    (void)state;
    double theta[3] = {1e-3, 3.5, 40};
    problem p = {.m = 3};
    assert_int_equal(run(&p, barrier, &usual, theta, NULL), SG_OK);
    for (int i = 0; i < 3; i++) assert_true(fabs(theta[i] - 1) < 1e-13);
    assert_true(p.calls < 80);
    theta[1] = -1; /* refused at the start: what evaluate returned */
    assert_int_equal(run(&p, barrier, &usual, theta, NULL), SG_NOT_INTEGRABLE);
    assert_int_equal(p.calls, 1);
}

/* ----------------------------------------------------- non-convex functions */

enum { ROSENBROCK, WELLS, MONKEY, HIMMELBLAU, QUARTIC };

static sg_status landscape(void *context, const double *t, double *value, double *g, double *h) {
    problem *p = context;
    p->calls++;
    double x = t[0], y = p->m > 1 ? t[1] : 0, u, v;
    switch (p->kind) {
    case ROSENBROCK:
        u = 1 - x, v = y - x * x;
        *value = u * u + 100 * v * v;
        g[0] = -2 * u - 400 * x * v, g[1] = 200 * v;
        h[0] = 2 + 1200 * x * x - 400 * y, h[1] = h[2] = -400 * x, h[3] = 200;
        break;
    case WELLS: /* saddle at 0, minima at (+-1, 0) */
        *value = x * x * x * x / 4 - x * x / 2 + y * y / 2;
        g[0] = x * x * x - x, g[1] = y;
        h[0] = 3 * x * x - 1, h[1] = h[2] = 0, h[3] = 1;
        break;
    case MONKEY: /* a degenerate saddle at 0, with walls */
        *value = x * x * x - 3 * x * y * y + (x * x + y * y) * (x * x + y * y);
        g[0] = 3 * x * x - 3 * y * y + 4 * x * (x * x + y * y), g[1] = -6 * x * y + 4 * y * (x * x + y * y);
        h[0] = 6 * x + 12 * x * x + 4 * y * y, h[3] = -6 * x + 4 * x * x + 12 * y * y;
        h[1] = h[2] = -6 * y + 8 * x * y;
        break;
    case HIMMELBLAU:
        u = x * x + y - 11, v = x + y * y - 7;
        *value = u * u + v * v;
        g[0] = 4 * x * u + 2 * v, g[1] = 2 * u + 4 * y * v;
        h[0] = 12 * x * x + 4 * y - 42, h[1] = h[2] = 4 * (x + y), h[3] = 12 * y * y + 4 * x - 26;
        break;
    default: /* flat at the minimum: Newton converges only linearly */
        *value = x * x * x * x;
        g[0] = 4 * x * x * x;
        h[0] = 12 * x * x;
    }
    return SG_OK;
}

/* From 60 random starts and the given one: a zero of the gradient with a positive definite Hessian. */
static void finds_minima(int kind, double x, double y) {
    double z[120], theta[2], value, g[2] = {0}, h[4] = {0}, eigen[2];
    random_numbers(70 + (uint64_t)kind, 120, z);
    for (int r = 0; r < 61; r++) {
        theta[0] = r ? 4 * z[2 * r - 2] : x;
        theta[1] = r ? 4 * z[2 * r - 1] : y;
        problem p = {.m = 2, .kind = kind};
        assert_int_equal(run(&p, landscape, &usual, theta, NULL), SG_OK);
        assert_int_equal(landscape(&p, theta, &value, g, h), SG_OK);
        assert_int_equal(sg_symmetric_eigen(2, h, eigen, NULL), SG_OK);
        assert_true(eigen[0] > 0.1);
        assert_true(fabs(g[0]) < 1e-10 && fabs(g[1]) < 1e-10);
        assert_true(p.calls < 250);
    }
}

static void non_convex(void **state) {
    (void)state;
    finds_minima(ROSENBROCK, -1.2, 1);
    finds_minima(WELLS, 0, 0); /* exactly on the saddle */
    finds_minima(WELLS, 0, 3); /* on the line that leads to it */
    finds_minima(WELLS, 1e-9, 0);
    finds_minima(MONKEY, 0.1, 0);                   /* towards a point where the Hessian vanishes */
    finds_minima(HIMMELBLAU, -0.270845, -0.923039); /* near its maximum */
}

static void linear_convergence(void **state) {
    (void)state;
    double theta = 3;
    problem p = {.m = 1, .kind = QUARTIC};
    assert_int_equal(run(&p, landscape, &usual, &theta, NULL), SG_OK);
    assert_true(fabs(theta) < 2.1e-11);
}

/* -------------------------------------------------------------------- roots */

enum { ARCTANGENT, ROTATED, CUBIC };

static sg_status equations(void *context, const double *t, double *value, double *g, double *h) {
    problem *p = context;
    p->calls++;
    if (value) return SG_INTERNAL; /* there is none */
    switch (p->kind) {
    case ARCTANGENT: /* Newton's full step diverges beyond 1.39 */
        g[0] = atan(t[0] - 1);
        h[0] = 1 / (1 + (t[0] - 1) * (t[0] - 1));
        break;
    case ROTATED: /* far from symmetric, in units of 10^6 and 10^-6; root at (.5, -.25) */
        g[0] = 1e6 * (t[0] - 0.5 + 5 * sinh(t[1] + 0.25)), g[1] = 1e-6 * (t[1] + 0.25 - 5 * sinh(t[0] - 0.5));
        h[0] = 1e6, h[2] = 5e6 * cosh(t[1] + 0.25), h[1] = -5e-6 * cosh(t[0] - 0.5), h[3] = 1e-6;
        break;
    default: /* refused below 0; root at 2 */
        if (t[0] < 0) return SG_NOT_INTEGRABLE;
        g[0] = t[0] * t[0] * t[0] - 8;
        h[0] = 3 * t[0] * t[0];
    }
    return SG_OK;
}

static void roots(void **state) {
    (void)state;
    for (double start = -30; start <= 30; start += 4) {
        double x = start, y[2] = {start / 10, -start / 20}, z = 0.01 + fabs(start);
        problem p = {.m = 1, .kind = ARCTANGENT};
        assert_int_equal(run(&p, equations, &root, &x, NULL), SG_OK);
        assert_true(fabs(x - 1) < 1e-13);
        p = (problem){.m = 2, .kind = ROTATED};
        assert_int_equal(run(&p, equations, &root, y, NULL), SG_OK);
        assert_true(fabs(y[0] - 0.5) < 1e-13 && fabs(y[1] + 0.25) < 1e-13);
        p = (problem){.m = 1, .kind = CUBIC};
        assert_int_equal(run(&p, equations, &root, &z, NULL), SG_OK);
        assert_true(fabs(z - 2) < 1e-13);
    }
}

/* ----------------------------------------------------------------- failures */

static void singular_problems(void **state) {
    (void)state;
    double a[9] = {2, 1, 3, 1, 2, 3, 3, 3, 6}, b[3] = {1, 1, 2}, theta[3] = {0}; /* third = first + second */
    problem p = {.m = 3, .a = a, .b = b};
    assert_int_equal(run(&p, quadratic, &usual, theta, NULL), SG_SINGULAR);
    assert_non_null(strstr(sg_message(), "eigenvalues"));
    assert_true(p.calls <= 3);
    memset(theta, 0, sizeof theta);
    assert_int_equal(run(&p, quadratic, &root, theta, NULL), SG_SINGULAR);
    double nothing[9] = {0}, none[3] = {0};
    p = (problem){.m = 3, .a = nothing, .b = none}; /* a constant function */
    assert_int_equal(run(&p, quadratic, &usual, theta, NULL), SG_SINGULAR);
}

enum { DOWNHILL, TRAP, STOPPED, NOT_A_NUMBER, LYING };

static sg_status trouble(void *context, const double *t, double *value, double *g, double *h) {
    problem *p = context;
    p->calls++;
    *value = exp(-t[0]); /* no minimum */
    g[0] = -exp(-t[0]);
    h[0] = exp(-t[0]);
    if (p->kind == TRAP && p->calls > 1) return SG_NOT_INTEGRABLE;
    if (p->kind == STOPPED && p->calls > 1) return SG_STOPPED;
    if (p->kind == NOT_A_NUMBER) g[0] = NAN;
    if (p->kind == LYING) g[0] = -g[0]; /* a gradient of the wrong sign */
    return SG_OK;
}

static void failures(void **state) {
    (void)state;
    double theta = 0;
    int steps;
    sg_newton_settings few = usual;
    few.most = 30;
    problem p = {.m = 1, .kind = DOWNHILL};
    assert_int_equal(run(&p, trouble, &few, &theta, &steps), SG_NOT_CONVERGED);
    assert_int_equal(steps, 30);
    assert_non_null(strstr(sg_message(), "steps"));
    p.kind = TRAP, theta = 0;
    assert_int_equal(run(&p, trouble, &usual, &theta, &steps), SG_NOT_CONVERGED);
    assert_non_null(strstr(sg_message(), "domain"));
    assert_true(p.calls <= 43 && theta == 0);
    p.kind = STOPPED;
    assert_int_equal(run(&p, trouble, &usual, &theta, &steps), SG_STOPPED);
    assert_int_equal(p.calls, 2);
    p.kind = NOT_A_NUMBER;
    assert_int_equal(run(&p, trouble, &usual, &theta, &steps), SG_NOT_CONVERGED);
    assert_int_equal(p.calls, 1);
    p.kind = LYING;
    assert_int_equal(run(&p, trouble, &usual, &theta, &steps), SG_NOT_CONVERGED);
    assert_true(p.calls <= 43);
    few.most = 0;
    p.kind = DOWNHILL;
    assert_int_equal(run(&p, trouble, &few, &theta, &steps), SG_NOT_CONVERGED);
    assert_int_equal(p.calls, 1);
    assert_int_equal(sg_newton(0, trouble, &p, &usual, &theta, &steps, NULL), SG_OUT_OF_RANGE);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(quadratic_in_two_evaluations),
        cmocka_unit_test(quadratic_in_odd_units),
        cmocka_unit_test(quadratic_at_the_solution),
        cmocka_unit_test(linear_root_in_two_evaluations),
        cmocka_unit_test(likelihood_of_an_exponential_family),
        cmocka_unit_test(steps_out_of_the_domain_are_shortened),
        cmocka_unit_test(non_convex),
        cmocka_unit_test(linear_convergence),
        cmocka_unit_test(roots),
        cmocka_unit_test(singular_problems),
        cmocka_unit_test(failures),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
