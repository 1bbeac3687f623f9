/* Cubature in two and three dimensions against closed forms: mass, moments, error estimates, refusals. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/numeric.h"

enum { B = 256 };
static const double BELOW[3] = {-INFINITY, -INFINITY, -INFINITY}, ABOVE[3] = {INFINITY, INFINITY, INFINITY};

typedef struct {
    const char *name;
    void (*evaluate)(const void *context, int n, const double *x, double *logq, double *test);
    double context;
    int d, places;
    double place[6], scale[6];
    double log_z, moment; /* E of `function` */
    double (*function)(const double *x);
    double tol;
} law;

static void correlated(const void *context, int n, const double *x, double *logq, double *test) {
    const double r = *(const double *)context;
    for (int i = 0; i < n; i++) {
        const double a = x[i], b = x[B + i];
        logq[i] = -(a * a - 2 * r * a * b + b * b) / (2 * (1 - r * r));
        test[i] = a * b;
    }
}

static void two_modes(const void *context, int n, const double *x, double *logq, double *test) {
    const double m = *(const double *)context;
    for (int i = 0; i < n; i++) {
        const double a = x[i], b = x[B + i];
        const double u = -0.5 * ((a - m) * (a - m) + b * b), v = -0.5 * ((a + m) * (a + m) + b * b) + log(0.1);
        logq[i] = fmax(u, v) + log1p(exp(-fabs(u - v)));
        test[i] = a * a;
    }
}

/* y given x is normal about x^2, far from where the search begins. */
static void banana(const void *context, int n, const double *x, double *logq, double *test) {
    const double precision = *(const double *)context;
    for (int i = 0; i < n; i++) {
        const double a = x[i], b = x[B + i] - a * a;
        logq[i] = -0.5 * (a * a + precision * b * b);
        test[i] = x[B + i];
    }
}

static void three(const void *context, int n, const double *x, double *logq, double *test) {
    const double c = *(const double *)context;
    for (int i = 0; i < n; i++) {
        const double a = x[i], b = x[B + i], e = x[2 * B + i];
        logq[i] = -0.5 * (a * a + b * b + e * e + 2 * c * a * b);
        test[i] = a * a;
    }
}

/* Independent exponential laws on the quadrant: the density does not vanish at its edges. */
static void quadrant(const void *context, int n, const double *x, double *logq, double *test) {
    const double rate = *(const double *)context;
    for (int i = 0; i < n; i++) logq[i] = -rate * x[i] - x[B + i], test[i] = x[i];
}

static double product(const double *x) {
    return x[0] * x[1];
}
static double fourth(const double *x) {
    return x[0] * x[0] * x[0] * x[0];
}
static double second(const double *x) {
    return x[1] * x[1];
}

static double mean_of(const sg_cubature *c, double (*f)(const double *)) {
    double sum = 0;
    for (long long i = 0; i < c->n; i++) {
        double x[3];
        for (int a = 0; a < c->d; a++) x[a] = c->x[a * c->n + i];
        sum += c->mass[i] * f(x);
        if (!(fabs(c->logp[i]) < 1e3)) fail_msg("log p is %g at point %lld", c->logp[i], i);
    }
    assert_true(fabs(sg_sum((size_t)c->n, c->mass) - 1) < 1e-14);
    return sum;
}

static void check(const law *l, const double *lo) {
    for (int level = 0; level < 2; level++) {
        const sg_density_space q = {.context = &l->context,
                                    .evaluate = l->evaluate,
                                    .d = l->d,
                                    .tests = 1,
                                    .lo = lo,
                                    .hi = ABOVE,
                                    .places = l->places,
                                    .place = l->place,
                                    .scale = l->scale};
        sg_cubature *c = NULL;
        OK(sg_cubature_new(&q, l->d == 3 ? 1e-9 : 1e-13, 60, level, &c));
        const double off = fabs(mean_of(c, l->function) / l->moment - 1), z = fabs(c->log_z - l->log_z);
        if (!(off < l->tol && z < l->tol))
            fail_msg("%s, level %d, %lld points: moment off by %.2g, log Z by %.2g", l->name, level, c->n, off, z);
        assert_true(z <= (level ? 1e-13 : c->error + 1e-13));
        assert_int_equal(c->level, level);
        sg_cubature_delete(c);
        if (l->d == 3) break;
    }
}

static void closed_forms(void **state) {
    (void)state;
    const double tau = 2 * M_PI;
    const law laws[] = {
        {"correlated", correlated, 0.99, 2, 1, {0}, {1, 1}, log(tau * sqrt(1 - 0.99 * 0.99)), 0.99, product, 1e-11},
        {"two modes", two_modes, 3, 2, 2, {3, 0, -3, 0}, {1, 1, 1, 1}, log(1.1 * tau), 81 + 54 + 3, fourth, 1e-11},
        {"far modes",
         two_modes,
         40,
         2,
         2,
         {40, 0, -40, 0},
         {1, 1, 1, 1},
         log(1.1 * tau),
         2560000 + 9600 + 3,
         fourth,
         1e-11},
        {"banana", banana, 25, 2, 1, {0}, {1, 1}, log(tau / 5), 3 + 1.0 / 25, second, 1e-10},
        {"three", three, 0.5, 3, 1, {0}, {1, 1, 1}, 1.5 * log(tau) - 0.5 * log(0.75), 3 / (0.75 * 0.75), fourth, 1e-8},
    };
    for (size_t k = 0; k < sizeof laws / sizeof *laws; k++) check(&laws[k], BELOW);
    const law edges = {"quadrant", quadrant, 2, 2, 1, {0.5, 1}, {0.5, 1}, -log(2), 24.0 / 16, fourth, 1e-11};
    const double zero[2] = {0, 0};
    check(&edges, zero);
}

static void flat(const void *context, int n, const double *x, double *logq, double *test) {
    (void)context;
    for (int i = 0; i < n; i++) logq[i] = -x[i] * x[i], test[i] = x[B + i];
}

static void wrong(const void *context, int n, const double *x, double *logq, double *test) {
    (void)context;
    for (int i = 0; i < n; i++) logq[i] = x[i] > 1 ? NAN : -x[i] * x[i] - x[B + i] * x[B + i], test[i] = 1;
}

static void refusals(void **state) {
    (void)state;
    const double place[4] = {0}, scale[4] = {1, 1, 1, 1};
    sg_cubature *c = NULL;
    sg_density_space q = {
        .evaluate = flat, .d = 2, .tests = 1, .lo = BELOW, .hi = ABOVE, .places = 1, .place = place, .scale = scale};
    assert_int_equal(sg_cubature_new(&q, 1e-12, 60, 0, &c), SG_NOT_INTEGRABLE);
    assert_null(c);
    q.evaluate = wrong;
    assert_int_equal(sg_cubature_new(&q, 1e-12, 60, 0, &c), SG_NOT_INTEGRABLE);
    q.d = 4;
    assert_int_equal(sg_cubature_new(&q, 1e-12, 60, 0, &c), SG_OUT_OF_RANGE);
    const double r = 0.5;
    q = (sg_density_space){.context = &r,
                           .evaluate = correlated,
                           .d = 2,
                           .tests = 1,
                           .lo = BELOW,
                           .hi = ABOVE,
                           .places = 1,
                           .place = place,
                           .scale = scale};
    const long live = sg_memory_live();
    for (long k = 1; k <= 6; k++) {
        sg_memory_fail_after(k);
        assert_int_equal(sg_cubature_new(&q, 1e-12, 60, 0, &c), SG_NO_MEMORY);
        assert_null(c);
    }
    sg_memory_fail_after(0);
    assert_int_equal(sg_memory_live(), live);
}

int main(void) {
    gsl_set_error_handler_off();
    const struct CMUnitTest tests[] = {cmocka_unit_test(closed_forms), cmocka_unit_test(refusals)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
