/* Extreme eigenpairs of operators that are functions. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <string.h>

#include "spectrum/arpack.h"

enum { N = 300, COUNT = 5 };

/* Second differences on N points, ends fixed: eigenvalues 4 sin^2(pi k / (2 (N + 1))). */
static sg_status chain(void *context, const double *x, double *y) {
    (void)context;
    for (int i = 0; i < N; i++) y[i] = 2 * x[i] - (i ? x[i - 1] : 0) - (i + 1 < N ? x[i + 1] : 0);
    return SG_OK;
}

static double eigenvalue(int k) {
    const double s = sin(0.5 * M_PI * k / (N + 1));
    return 4 * s * s;
}

static void check_vectors(const double *value, const double *vector) {
    double image[N];
    for (int k = 0; k < COUNT; k++) {
        double worst = 0;
        assert_int_equal(chain(NULL, vector + k * N, image), SG_OK);
        for (int i = 0; i < N; i++) worst = fmax(worst, fabs(image[i] - value[k] * vector[k * N + i]));
        assert_true(worst < 1e-11);
        for (int j = 0; j <= k; j++) {
            double product = 0;
            for (int i = 0; i < N; i++) product += vector[j * N + i] * vector[k * N + i];
            assert_true(fabs(product - (j == k)) < 1e-11);
        }
    }
}

static void both_ends(void **state) {
    (void)state;
    static double vector[COUNT * N];
    double value[COUNT];
    for (int smallest = 0; smallest < 2; smallest++) {
        const sg_arpack_settings s = {
            .n = N, .count = COUNT, .vectors = 60, .most = 2000, .tol = 1e-14, .smallest = smallest};
        int products = 0;
        assert_int_equal(sg_arpack_symmetric(&s, chain, NULL, value, vector, &products), SG_OK);
        assert_true(products > COUNT);
        for (int k = 0; k < COUNT; k++) assert_true(fabs(value[k] - eigenvalue(smallest ? k + 1 : N - k)) < 1e-12);
        check_vectors(value, vector);
    }
}

/* ARPACK keeps its state in static variables: solves at once give the same bits as one alone. */
static void threads(void **state) {
    (void)state;
    double value[8][COUNT];
    sg_status status[8];
    const sg_arpack_settings s = {.n = N, .count = COUNT, .vectors = 40, .most = 2000, .tol = 1e-10};
#pragma omp parallel for num_threads(4) schedule(static, 1)
    for (int t = 0; t < 8; t++) status[t] = sg_arpack_symmetric(&s, chain, NULL, value[t], NULL, NULL);
    for (int t = 0; t < 8; t++) {
        assert_int_equal(status[t], SG_OK);
        assert_memory_equal(value[t], value[0], sizeof value[0]);
    }
}

static sg_status refusing(void *context, const double *x, double *y) {
    (void)x, (void)y;
    return --*(int *)context > 0 ? chain(NULL, x, y) : sg_fail(SG_SINGULAR, "no more products");
}

static void errors(void **state) {
    (void)state;
    double value[N];
    int calls = 3;
    const volatile int stop = 1;
    const long live = sg_memory_live();
    sg_arpack_settings s = {.n = N, .count = COUNT};
    assert_int_equal(sg_arpack_symmetric(&s, refusing, &calls, value, NULL, NULL), SG_SINGULAR);
    s.count = N;
    assert_int_equal(sg_arpack_symmetric(&s, chain, NULL, value, NULL, NULL), SG_OUT_OF_RANGE);
    s.count = 0;
    assert_int_equal(sg_arpack_symmetric(&s, chain, NULL, value, NULL, NULL), SG_OUT_OF_RANGE);
    s = (sg_arpack_settings){.n = N, .count = COUNT, .most = 1, .smallest = true};
    assert_int_equal(sg_arpack_symmetric(&s, chain, NULL, value, NULL, NULL), SG_NOT_CONVERGED);
    s = (sg_arpack_settings){.n = N, .count = COUNT, .stop = &stop};
    assert_int_equal(sg_arpack_symmetric(&s, chain, NULL, value, NULL, NULL), SG_STOPPED);
    s.stop = NULL;
    for (long k = 1; k <= 6; k++) {
        sg_memory_fail_after(k);
        assert_int_equal(sg_arpack_symmetric(&s, chain, NULL, value, NULL, NULL), SG_NO_MEMORY);
    }
    sg_memory_fail_after(0);
    assert_int_equal(sg_memory_live(), live);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_ends),
        cmocka_unit_test(threads),
        cmocka_unit_test(errors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
