/*
 * Eigenvalues on the circle: closed forms, dense Fourier matrices, metastable pairs by a symmetry that makes them those
 * of an interval, and properties that share no code with the Krylov spaces.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/spectrum.h"

static void near_at(double value, double truth, double tolerance, int line) {
    if (!(fabs(value - truth) <= tolerance))
        fail_msg("line %d: %.17g is not within %g of %.17g", line, value, tolerance, truth);
}
#define assert_near(value, truth, tolerance) near_at(value, truth, tolerance, __LINE__)
enum { WAVES = 4, MODES = 60, SIZE = 2 * MODES + 1 };

/* log q = sum_k a_k cos kx + b_k sin kx on [open, open + 2 pi] */
typedef struct {
    double a[WAVES + 1], b[WAVES + 1], open;
} law;

static void evaluate(const void *context, int n, const double *x, double *logq, double *test) {
    const law *l = context;
    (void)test;
    for (int i = 0; i < n; i++) {
        logq[i] = 0;
        for (int k = 1; k <= WAVES; k++) logq[i] += l->a[k] * cos(k * x[i]) + l->b[k] * sin(k * x[i]);
    }
}

static sg_panels *panels_between(const law *l, double lo, double hi, int level) {
    double at[9], scale[9];
    sg_panels *panels = NULL;
    sg_density density = {
        .context = l, .evaluate = evaluate, .lo = lo, .hi = hi, .landmarks = 9, .landmark = at, .scale = scale};
    for (int k = 0; k < 9; k++) at[k] = lo + (hi - lo) * k / 8.0, scale[k] = 0.1;
    OK(sg_panels_new(&density, 1e-13, 2000, level, &panels));
    return panels;
}

static sg_panels *panels_of(const law *l, int level) {
    return panels_between(l, l->open, l->open + 2 * M_PI, level);
}

static sg_spectrum *spectrum_of(const law *l, int level, int count) {
    sg_panels *panels = panels_of(l, level);
    sg_spectrum *spectrum = NULL;
    OK(sg_circle_spectrum(panels, NULL, count, &spectrum));
    sg_panels_delete(panels);
    return spectrum;
}

/* --------------------------------------------------------------- closed forms */

/* p constant: lambda = k^2, each twice. */
static void test_uniform(void **state) {
    (void)state;
    for (int turn = 0; turn < 3; turn++) {
        law l = {.open = 0.7 * turn - 2};
        sg_spectrum *s = spectrum_of(&l, 1, 12);
        for (int k = 0; k < 12; k++) {
            double truth = (k / 2 + 1) * (k / 2 + 1);
            assert_near(s->value[k] / truth, 1, s->value_error[k]);
            assert_true(s->value_error[k] < 1e-10);
        }
        assert_true(s->orthonormality < 1e-9);
        sg_spectrum_delete(s);
    }
}

/*
 * The Schroedinger operator -u'' + (V'^2/4 - V''/2) u in the basis of complex exponentials; its real symmetric form in
 * cosines and sines is not needed for even laws (b = 0), whose matrix is real.
 */
static void fourier(const law *l, double values[SIZE]) {
    static double matrix[SIZE * SIZE], w[4 * WAVES + 1];
    memset(w, 0, sizeof w);
    for (int j = 1; j <= WAVES; j++) {
        w[2 * WAVES + j] += -0.25 * j * j * l->a[j]; /* -V''/2 = (log q)''/2 = -sum j^2 a_j cos(jx)/2 */
        w[2 * WAVES - j] += -0.25 * j * j * l->a[j];
        for (int k = 1; k <= WAVES; k++) { /* V'^2/4 = sum jk a_j a_k sin sin/4 */
            double c = 0.25 * j * k * l->a[j] * l->a[k] * 0.25;
            w[2 * WAVES + j - k] += c;
            w[2 * WAVES - j + k] += c;
            w[2 * WAVES + j + k] -= c;
            w[2 * WAVES - j - k] -= c;
        }
    }
    for (int j = 0; j < SIZE; j++)
        for (int k = 0; k < SIZE; k++) {
            int d = j - k + 2 * WAVES;
            matrix[j + k * SIZE] = (d >= 0 && d <= 4 * WAVES ? w[d] : 0) + (j == k ? (j - MODES) * (j - MODES) : 0);
        }
    OK(sg_symmetric_eigen(SIZE, matrix, values, NULL));
}

static void test_against_fourier(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 31, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 12; trial++) {
        law l = {.open = -M_PI};
        double u[WAVES], values[SIZE];
        sg_stream_uniform(&stream, WAVES, u);
        for (int k = 1; k <= WAVES; k++) l.a[k] = trial == 0 ? (k == 1) : 3 * (u[k - 1] - 0.5);
        fourier(&l, values);
        assert_near(values[0], 0, 1e-10);
        sg_spectrum *s = spectrum_of(&l, 1, 8);
        for (int k = 0; k < 8; k++) {
            assert_near(s->value[k], values[k + 1], 1e-10 + s->value_error[k] * values[k + 1]);
            assert_true(s->value_error[k] < 1e-8);
        }
        if (trial == 0) assert_near(s->value[0], 1.165496530, 1e-9); /* von Mises, kappa = 1: C_P = .8580034 */
        sg_spectrum_delete(s);
    }
}

/* p constant, D = 1 + c cos x: -(D f')' in the basis of exponentials is j k D_(j-k). */
static void test_weights(void **state) {
    (void)state;
    for (double c = -0.9; c < 1; c += 0.45) {
        static double matrix[SIZE * SIZE];
        double values[SIZE];
        law l = {.open = 0};
        sg_panels *panels = panels_of(&l, 1);
        sg_spectrum *s = NULL;
        double *log_d = NULL;
        OK(sg_new(&log_d, (size_t)panels->n, sizeof(double)));
        for (int i = 0; i < panels->n; i++) log_d[i] = log(1 + c * cos(panels->x[i]));
        memset(matrix, 0, sizeof matrix);
        for (int j = 0; j < SIZE; j++) {
            matrix[j + j * SIZE] = (j - MODES) * (j - MODES);
            if (j + 1 < SIZE)
                matrix[j + 1 + j * SIZE] = matrix[j + (j + 1) * SIZE] = 0.5 * c * (j - MODES) * (j + 1 - MODES);
        }
        OK(sg_symmetric_eigen(SIZE, matrix, values, NULL));
        OK(sg_circle_spectrum(panels, log_d, 6, &s));
        for (int k = 0; k < 6; k++) assert_near(s->value[k], values[k + 1], 1e-9 + s->value_error[k] * values[k + 1]);
        sg_spectrum_delete(s);
        sg_delete(log_d);
        sg_panels_delete(panels);
    }
}

/* ---------------------------------------------------------------- metastable */

/*
 * Two wells, log q = h cos 2x: the slow function is even about the floor of a well and odd about the tops, so that it
 * is the slow one of the interval between two floors, reflected: relative accuracy at any depth from sg_line_gap.
 */
static void test_deep_wells(void **state) {
    (void)state;
    const double depth[] = {1, 5, 20, 60, 120};
    for (int k = 0; k < 5; k++) {
        law l = {.open = -1};
        sg_gap line, circle;
        l.a[2] = depth[k];
        sg_panels *half = panels_between(&l, 0, M_PI, 0), *finer_half = panels_between(&l, 0, M_PI, 1);
        sg_panels *whole = panels_of(&l, 1), *finer = panels_of(&l, 2);
        OK(sg_line_gap(half, NULL, finer_half, NULL, &line));
        OK(sg_circle_gap(whole, NULL, finer, NULL, &circle));
        assert_int_equal(line.status, SG_OK);
        assert_int_equal(circle.status, SG_OK);
        assert_near(circle.gap / line.gap, 1, 1e-9);
        assert_true(circle.gap_lower <= line.gap_upper && line.gap_lower <= circle.gap_upper);
        assert_true(circle.gap_lower <= circle.gap && circle.gap <= circle.gap_upper);
        sg_panels *all[] = {half, finer_half, whole, finer};
        for (int i = 0; i < 4; i++) sg_panels_delete(all[i]);
    }
}

/* ---------------------------------------------------------------- properties */

static law random_law(sg_stream *stream) {
    law l;
    double u[2 * WAVES + 2];
    sg_stream_uniform(stream, 2 * WAVES + 2, u);
    const double height = exp(log(0.01) + u[2 * WAVES] * log(500)); /* 0.01 .. 5 */
    l.a[0] = l.b[0] = 0;
    for (int k = 1; k <= WAVES; k++) {
        l.a[k] = height * (u[k - 1] - 0.5);
        l.b[k] = height * (u[WAVES + k - 1] - 0.5);
    }
    l.open = 6 * u[2 * WAVES + 1];
    return l;
}

/*
 * Opened anywhere the circle has the same spectrum; the eigenvalues of the opened circle, reflecting, interlace with
 * it; functions are orthonormal and periodic.
 */
static void test_properties(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 77, SG_PURPOSE_TEST, 0);
    for (int trial = 0; trial < 40; trial++) {
        law l = random_law(&stream), other = l;
        other.open += 1.234;
        sg_panels *panels = panels_of(&l, 1);
        sg_spectrum *s = NULL, *t = spectrum_of(&other, 1, 4), *nu = NULL;
        OK(sg_circle_spectrum(panels, NULL, 4, &s));
        OK(sg_line_spectrum(panels, NULL, 5, &nu));
        for (int k = 0; k < 4; k++) {
            double error = s->value_error[k] + t->value_error[k];
            assert_true(error < 1e-6);
            assert_near(log(t->value[k] / s->value[k]), 0, error);
            assert_true(nu->log_value[k] <= s->log_value[k] + s->value_error[k] + nu->value_error[k]);
            assert_true(s->log_value[k] <= nu->log_value[k + 1] + s->value_error[k] + nu->value_error[k + 1]);
            const double *f = s->function + k * s->n;
            double size = 0;
            for (int i = 0; i < s->n; i++) size = fmax(size, fabs(f[i]));
            double jump = fabs(f[0] - f[s->n - 1]), slope = 0;
            for (int i = 0; i < s->n; i++) slope = fmax(slope, fabs(s->derivative[k * s->n + i]));
            assert_true(jump <= 1e-6 * size + slope * (panels->x[0] + 2 * M_PI - panels->x[s->n - 1]));
        }
        assert_true(s->orthonormality < 1e-6);
        sg_spectrum_delete(s);
        sg_spectrum_delete(t);
        sg_spectrum_delete(nu);
        sg_panels_delete(panels);
    }
}

/* --------------------------------------------------------------- from a model */

static void check_model(const char *kappa, int theta, const double *at, double gap, sg_status wanted) {
    sg_pair pair = {"kappa", kappa};
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_gap out;
    OK(sg_model_new("von-mises", 1, &pair, &model));
    if (theta) OK(sg_model_set_truth(model, theta, at));
    OK(sg_loss_new("score-matching", &loss));
    OK(sg_loss_fits(loss, model));
    assert_int_equal(sg_spectrum_gap(model, loss, NULL, &out, NULL), wanted);
    if (!wanted) {
        assert_int_equal(out.status, SG_OK);
        assert_near(out.gap / gap, 1, 1e-9);
        assert_true(out.gap_lower <= gap * (1 + 1e-11) && gap * (1 - 1e-11) <= out.gap_upper);
    }
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* References by the Fourier matrix: of dimension 121 for kappa <= 10, of 501 (numpy, in the same form) for 300. */
static void test_von_mises(void **state) {
    (void)state;
    const double turned[] = {0, 1}, back[] = {-300, 0};
    double values[SIZE];
    const char *kappa[] = {"0", "1", "10"};
    const double number[] = {0, 1, 10};
    for (int k = 0; k < 3; k++) {
        law l = {.open = 0};
        l.a[1] = number[k];
        fourier(&l, values);
        check_model(kappa[k], 0, NULL, values[1], SG_OK);
    }
    check_model("1", 2, turned, 1.16549653046, SG_OK);
    check_model("1", 2, back, 299.498741587, SG_OK);
    check_model("1e5", 0, NULL, 0, SG_REFUSED);
}

static void test_values(void **state) {
    (void)state;
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_gap out;
    sg_eigenvalues *values = NULL;
    sg_pair pair = {"kappa", "0"};
    OK(sg_model_new("von-mises", 1, &pair, &model));
    OK(sg_loss_new("preconditioned:value=3", &loss));
    OK(sg_eigenvalues_new(6, &values));
    OK(sg_spectrum_gap(model, loss, NULL, &out, values));
    assert_int_equal(values->count, 6);
    for (int k = 0; k < 6; k++) {
        assert_near(values->log_value[k], log(3.0 * (k / 2 + 1) * (k / 2 + 1)), 1e-10);
        assert_true(values->error[k] < 1e-9);
    }
    sg_eigenvalues_delete(values);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* ------------------------------------------------------------------- errors */

static void test_refusals(void **state) {
    (void)state;
    law l = {.open = 0};
    sg_panels *panels = panels_of(&l, 0), *cut = NULL;
    sg_spectrum *s = NULL;
    assert_int_equal(sg_circle_spectrum(panels, NULL, 0, &s), SG_OUT_OF_RANGE);
    assert_int_equal(sg_circle_spectrum(panels, NULL, 201, &s), SG_OUT_OF_RANGE);
    assert_int_equal(sg_circle_spectrum(panels, NULL, 200, &s), SG_NOT_CONVERGED);
    double *log_d = NULL;
    OK(sg_new(&log_d, (size_t)panels->n, sizeof(double)));
    log_d[3] = -INFINITY;
    assert_int_equal(sg_circle_spectrum(panels, log_d, 1, &s), SG_REFUSED);
    log_d[3] = -600;
    assert_int_equal(sg_circle_spectrum(panels, log_d, 1, &s), SG_REFUSED);
    assert_null(s);
    sg_delete(log_d);
    sg_panels_delete(panels);
    l.a[1] = 200;
    l.open = -M_PI;
    sg_density density = {.context = &l, .evaluate = evaluate, .lo = -M_PI, .hi = M_PI};
    OK(sg_panels_new(&density, 1e-13, 100, 0, &cut));
    assert_int_equal(sg_circle_spectrum(cut, NULL, 1, &s), SG_REFUSED);
    sg_panels_delete(cut);
}

static void test_memory(void **state) {
    (void)state;
    const char *kappa[] = {"1", "250"};
    for (int which = 0; which < 2; which++) {
        sg_pair pair = {"kappa", kappa[which]};
        sg_model *model = NULL;
        sg_loss *loss = NULL;
        sg_gap gap;
        OK(sg_model_new("von-mises", 1, &pair, &model));
        OK(sg_loss_new("score-matching", &loss));
        long live = sg_memory_live();
        sg_status status = SG_NO_MEMORY;
        int failures = 0;
        for (long k = 1; status == SG_NO_MEMORY; k += which ? 7 : 1) {
            sg_memory_fail_after(k);
            status = sg_spectrum_gap(model, loss, NULL, &gap, NULL);
            failures += status == SG_NO_MEMORY;
            assert_int_equal(sg_memory_live(), live);
        }
        sg_memory_fail_after(0);
        assert_int_equal(status, SG_OK);
        assert_true(failures > 5);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_uniform),    cmocka_unit_test(test_against_fourier), cmocka_unit_test(test_weights),
        cmocka_unit_test(test_deep_wells), cmocka_unit_test(test_properties),      cmocka_unit_test(test_von_mises),
        cmocka_unit_test(test_values),     cmocka_unit_test(test_refusals),        cmocka_unit_test(test_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
