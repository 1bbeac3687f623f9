/*
 * Draws by chains on R^d and the orthant.  Tests of means are at 6 standard errors (2e-9 each), of laws at 1e-8 each by
 * Massart's inequality; the stated bias of a draw, below 1e-3 standard deviations, is far below what they see.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>
#include <omp.h>
#include <stdlib.h>

#include "../model.h"

enum { BLOCKS = 128, N = BLOCKS * SG_BLOCK, D_MOST = 5 };

/* All draws, x [d][N]. */
static double *draw_all(const sg_sampler *sampler, int d) {
    double *x = NULL, *room = NULL;
    sg_stream stream;
    OK(sg_new(&x, (size_t)d * N, sizeof *x));
    OK(sg_new(&room, (size_t)d * SG_BLOCK, sizeof *x));
    sg_block block = {.n = SG_BLOCK, .d = d, .draws = 1, .x = room};
    sg_stream_open(&stream, 4711, SG_PURPOSE_TEST, 0);
    for (int b = 0; b < BLOCKS; b++) {
        sg_stream_seek(&stream, (uint32_t)b);
        sg_sampler_draw(sampler, &stream, &block);
        for (int a = 0; a < d; a++) memcpy(x + a * N + b * SG_BLOCK, room + a * SG_BLOCK, SG_BLOCK * sizeof *x);
    }
    sg_delete(room);
    return x;
}

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Kolmogorov's distance of u = F(x), which are sorted, to the uniform law. */
static void check_uniform(const char *what, double *u) {
    double worst = 0;
    qsort(u, N, sizeof *u, ascending);
    for (int i = 0; i < N; i++) worst = fmax(worst, fmax(fabs(u[i] - (double)i / N), fabs(u[i] - (i + 1.0) / N)));
    const double most = sqrt(log(2 / 1e-8) / (2.0 * N));
    if (!(worst < most)) fail_msg("%s: D = %g, at most %g", what, worst, most);
}

static void check_mean(const char *what, const double *f, double mean) {
    double sum = 0, square = 0;
    for (int i = 0; i < N; i++) sum += f[i] - mean, square += (f[i] - mean) * (f[i] - mean);
    const double z = sum / sqrt(square);
    if (!(fabs(z) < 6)) fail_msg("%s: the mean is off by %g standard errors", what, z);
}

static sg_sampler *sampler_of(const sg_model *model) {
    sg_sampler *sampler = NULL;
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    assert_true(sg_sampler_error(sampler) > 0 && sg_sampler_error(sampler) < 1e-3);
    assert_non_null(strstr(sg_sampler_method(sampler), "steps a draw"));
    return sampler;
}

/* --------------------------------------------------------------------- laws */

/* Turned back, the coordinates are a double well on the line and a normal law. */
static void a_turned_double_well(void **state) {
    (void)state;
    sg_model *model = model_of("rotated-wells:h=1.5,s=0.3,angle=0.7"), *well = model_of("double-well:h=1.5");
    sg_panels *panels = NULL;
    sg_sampler *sampler = sampler_of(model);
    double *x = draw_all(sampler, 2), *y = x + N, above;
    assert_non_null(strstr(sg_sampler_method(sampler), "cubature"));
    OK(sg_model_panels(well, well->truth, 0, &panels));
    for (int i = 0; i < N; i++) {
        const double u = cos(.7) * x[i] + sin(.7) * y[i], v = cos(.7) * y[i] - sin(.7) * x[i];
        sg_panels_distribution(panels, u, &x[i], &above);
        y[i] = 0.5 * erfc(-v / (0.3 * sqrt(2)));
    }
    check_uniform("the wells", x);
    check_uniform("the normal law", y);
    sg_delete(x);
    sg_panels_delete(panels);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
    sg_model_delete(well);
}

/* The normal law without its own sampler: five dimensions, no places, variances from 1/10 to 10. */
static sg_model *normal_by_chains(sg_family *family, const char *text) {
    sg_model *model = model_of(text);
    *family = *model->family;
    family->draw = NULL;
    family->log_z = NULL;
    family->places = NULL;
    model->family = family;
    return model;
}

/* Also: variances of the means of blocks, which correlated draws would inflate; a chi-square with 127 degrees. */
static void a_normal_law(void **state) {
    (void)state;
    enum { FULL = 20 };
    sg_family family;
    sg_model *model = normal_by_chains(&family, "gaussian:d=5,rho=0.4,condition=100,axes=turned"),
             *known = model_of("gaussian:d=5,rho=0.4,condition=100,axes=turned");
    sg_sampler *sampler = sampler_of(model);
    double log_z, gradient[FULL], hessian[FULL * FULL], *f = NULL, *x = draw_all(sampler, 5);
    OK(sg_model_log_z(known, known->truth, &log_z, gradient, hessian));
    OK(sg_new(&f, N, sizeof *f));
    for (int a = 0; a < 5; a++)
        for (int b = 0; b <= a; b++) {
            const int j = a == b ? 5 + a : 10 + a * (a - 1) / 2 + b;
            double spread = 0;
            for (int i = 0; i < N; i++) f[i] = (a == b ? -0.5 : -1) * x[a * N + i] * x[b * N + i];
            check_mean("a product", f, gradient[j]);
            for (int c = 0; c < BLOCKS; c++) {
                double sum = 0;
                for (int i = 0; i < SG_BLOCK; i++) sum += f[c * SG_BLOCK + i] - gradient[j];
                spread += sum * sum / SG_BLOCK / hessian[j + j * FULL] / BLOCKS;
            }
            if (!(fabs(spread - 1) < 1)) fail_msg("means of blocks have %g times their variance", spread);
        }
    for (int a = 0; a < 5; a++) {
        for (int i = 0; i < N; i++) f[i] = 0.5 * erfc(-x[a * N + i] / sqrt(2 * hessian[a + a * FULL]));
        check_uniform("a coordinate", f);
    }
    sg_delete(f);
    sg_delete(x);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
    sg_model_delete(known);
}

/* Half-normal coordinates. */
static void the_orthant(void **state) {
    (void)state;
    sg_family family;
    sg_model *model = normal_by_chains(&family, "gaussian:d=2,condition=16");
    model->space.shape = SG_ORTHANT;
    model->space.lo = 0;
    sg_sampler *sampler = sampler_of(model);
    double *x = draw_all(sampler, 2);
    for (int a = 0; a < 2; a++) {
        for (int i = 0; i < N; i++) x[a * N + i] = erf(x[a * N + i] * sqrt(0.5 * model->truth[2 + a]));
        check_uniform("a half-normal law", x + a * N);
    }
    sg_delete(x);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

/* ----------------------------------------------------------------- refusals */

static void refused(const sg_model *model, const char *part) {
    sg_sampler *sampler = NULL;
    const long live = sg_memory_live();
    assert_int_equal(sg_sampler_new(model, model->truth, NULL, &sampler), SG_REFUSED);
    if (!strstr(sg_message(), part)) fail_msg("%s", sg_message());
    assert_null(sampler);
    assert_int_equal(sg_memory_live(), live);
}

static void deep_wells_are_refused(void **state) {
    (void)state;
    sg_model *model = model_of("rotated-wells:h=8");
    refused(model, "do not mix");
    sg_model_delete(model);
}

static void steep_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet) {
    const sg_family *gaussian = sg_family_find("gaussian");
    gaussian->jet(model, theta, block, jet);
    for (int r = 0; r < model->space.d * SG_BLOCK && jet->dx; r++) jet->dx[r] *= 1.05;
}

/* Metropolis's correction makes any drift right, so that only the identities can see a wrong slope. */
static void wrong_slopes_are_noticed(void **state) {
    (void)state;
    sg_family family;
    sg_model *model = normal_by_chains(&family, "gaussian:d=4");
    family.jet = steep_jet;
    refused(model, "identity");
    sg_model_delete(model);
}

static void early_allocation_failures_leave_nothing(void **state) {
    (void)state;
    static const long calls[] = {1, 2, 3, 4, 5, 6, 7, 9, 12};
    sg_model *model = model_of("rotated-wells:h=1");
    const long live = sg_memory_live();
    for (int k = 0; k < 9; k++) {
        sg_sampler *sampler = NULL;
        sg_memory_fail_after(calls[k]);
        assert_int_equal(sg_sampler_new(model, model->truth, NULL, &sampler), SG_NO_MEMORY);
        sg_memory_fail_after(0);
        assert_null(sampler);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_model_delete(model);
}

/* -------------------------------------------------------------- pure functions */

static void blocks_depend_on_their_stream_alone(void **state) {
    (void)state;
    const int most = omp_get_max_threads();
    double x[2][3][2 * SG_BLOCK], part[2 * SG_BLOCK];
    sg_model *model = model_of("rotated-wells:h=0.5");
    void *probe = NULL;
    for (int k = 0; k < 2; k++) {
        omp_set_num_threads(k ? 3 : 1);
        sg_sampler *sampler = sampler_of(model);
        for (int b = 0; b < 3; b++) { /* in another order the second time */
            const int at = k ? 2 - b : b;
            sg_stream stream;
            sg_block block = {.n = SG_BLOCK, .d = 2, .draws = 1, .x = x[k][at]};
            sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 1);
            sg_stream_seek(&stream, (uint32_t)at);
            sg_memory_fail_after(1);
            sg_sampler_draw(sampler, &stream, &block);
            assert_int_equal(sg_new(&probe, 1, 1), SG_NO_MEMORY); /* no allocation took the failure */
            sg_memory_fail_after(0);
        }
        sg_stream stream;
        sg_block block = {.n = 7, .d = 2, .draws = 1, .x = part};
        for (int i = 0; i < 2 * SG_BLOCK; i++) part[i] = -1234;
        sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 1);
        sg_stream_seek(&stream, 2);
        sg_sampler_draw(sampler, &stream, &block);
        for (int i = 0; i < 2 * SG_BLOCK; i++) assert_true(part[i] == (i % SG_BLOCK < 7 ? x[k][2][i] : -1234));
        sg_sampler_delete(sampler);
    }
    omp_set_num_threads(most);
    assert_memory_equal(x[0], x[1], sizeof x[0]);
    sg_model_delete(model);
}

/* -------------------------------------------------------------- correlation time */

/* x_t = phi x_{t-1} + z has the time (1 + phi)/(1 - phi); the estimate has a relative error of a few per cent. */
static void times_of_autoregressions(void **state) {
    (void)state;
    enum { CHAINS = 256, LENGTH = 400 };
    static const double phi[] = {0, 0.5, 0.9}, tolerance[] = {0.03, 0.05, 0.1};
    double *x = NULL;
    sg_stream stream;
    OK(sg_new(&x, CHAINS * LENGTH, sizeof *x));
    for (int k = 0; k < 3; k++) {
        const double want = (1 + phi[k]) / (1 - phi[k]);
        sg_stream_open(&stream, 8, SG_PURPOSE_TEST, (uint32_t)k);
        sg_stream_normal(&stream, CHAINS * LENGTH, x);
        for (int c = 0; c < CHAINS; c++) x[c] /= sqrt(1 - phi[k] * phi[k]);
        for (int i = CHAINS; i < CHAINS * LENGTH; i++) x[i] += phi[k] * x[i - CHAINS];
        const double got = sg_autocorrelation_time(CHAINS, LENGTH, x);
        if (!(fabs(got / want - 1) < tolerance[k])) fail_msg("phi = %g: %g, not %g", phi[k], got, want);
    }
    for (int i = 0; i < CHAINS * LENGTH; i++) x[i] = i % 2; /* chains that stay where they are */
    assert_true(sg_autocorrelation_time(CHAINS, LENGTH, x) == INFINITY);
    for (int i = 0; i < CHAINS * LENGTH; i++) x[i] = 3;
    assert_true(sg_autocorrelation_time(CHAINS, LENGTH, x) == 1);
    sg_delete(x);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_turned_double_well),
        cmocka_unit_test(a_normal_law),
        cmocka_unit_test(the_orthant),
        cmocka_unit_test(deep_wells_are_refused),
        cmocka_unit_test(wrong_slopes_are_noticed),
        cmocka_unit_test(early_allocation_failures_leave_nothing),
        cmocka_unit_test(blocks_depend_on_their_stream_alone),
        cmocka_unit_test(times_of_autoregressions),
    };
    return cmocka_run_group_tests_name("samplers in several dimensions", tests, NULL, NULL);
}
