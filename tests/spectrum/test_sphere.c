/*
 * Gaps on spheres: the uniform law, the circle, a tridiagonal multiplication by z in harmonics (an independent matrix),
 * turned laws, and the solver around an axis against spherical harmonics.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "../model.h"
#include "spectrum/sphere/sphere.h"

enum { MOST = 12, N = 60 };

static void near(const char *what, double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance * fabs(wanted)))
        fail_msg("%s: %.15g, not %.15g (relative tolerance %.2g)", what, value, wanted, tolerance);
}

/* The gap and the first eigenvalues of a model, which must agree. */
static sg_gap solve(sg_model *model, int count, double *value) {
    sg_eigenvalues *values = NULL;
    sg_loss *loss = NULL;
    sg_gap gap;
    OK(sg_loss_new("score-matching", &loss));
    OK(sg_eigenvalues_new(count, &values));
    OK(sg_spectrum_gap(model, loss, NULL, &gap, values));
    if (gap.status) fail_msg("%s: %s", model->text, gap.message);
    assert_true(gap.gap_lower <= gap.gap && gap.gap <= gap.gap_upper);
    assert_int_equal(values->count, count);
    for (int k = 0; k < count; k++) {
        value[k] = exp(values->log_value[k]);
        if (!(values->error[k] < 1e-6 && (!k || value[k] >= value[k - 1] * (1 - 1e-9))))
            fail_msg("%s: eigenvalue %d is %.12g, error %.2g", model->text, k, value[k], values->error[k]);
    }
    near(model->text, value[0], gap.gap, 1e-6);
    assert_true(value[0] * (1 + values->error[0]) >= gap.gap_lower &&
                value[0] * (1 - values->error[0]) <= gap.gap_upper);
    sg_eigenvalues_delete(values);
    sg_loss_delete(loss);
    return gap;
}

static sg_gap solve_text(const char *text, int count, double *value) {
    sg_model *model = model_of(text);
    const sg_gap gap = solve(model, count, value);
    sg_model_delete(model);
    return gap;
}

/* l(l + d - 2), as often as there are harmonics of degree l; by either solver on S^2. */
static void the_uniform_law(void **state) {
    (void)state;
    for (int d = 2; d <= 16; d += 1 + d / 3) {
        char text[64];
        double value[MOST];
        snprintf(text, sizeof text, "von-mises-fisher:d=%d,kappa=0", d);
        solve_text(text, MOST, value);
        for (int l = 1, k = 0; k < MOST; l++) {
            const double copies = (2 * l + d - 2) * exp(lgamma(l + d - 2) - lgamma(l + 1) - lgamma(d - 1));
            for (int c = 0; c < (int)round(copies) && k < MOST; c++) near(text, value[k++], l * (l + d - 2.), 1e-11);
        }
    }
    sg_model *model = model_of("bingham:concentrations=0");
    const double axes[9] = {1, 0, 0, 0, 1, 0, 0, 0, 1};
    sg_sphere_level level[15];
    int degree;
    OK(sg_sphere_harmonics(model, axes, 0, 15, level, &degree));
    for (int k = 0; k < 15; k++) near("harmonics", level[k].value, k < 3 ? 2 : k < 8 ? 6 : 12, 1e-12);
    sg_model_delete(model);
}

/* d = 2 is the circle, on which another solver works in the angle. */
static void the_circle(void **state) {
    static const double kappas[] = {0.2, 1, 7, 60, 150};
    (void)state;
    for (int k = 0; k < 5; k++) {
        char text[64];
        double value[6], other[6];
        snprintf(text, sizeof text, "von-mises-fisher:d=2,kappa=%g", kappas[k]);
        const sg_gap gap = solve_text(text, 6, value);
        snprintf(text, sizeof text, "von-mises:kappa=%g", kappas[k]);
        const sg_gap circle = solve_text(text, 6, other);
        near(text, gap.gap, circle.gap, 2e-12 + 1e-15 * kappas[k]);
        for (int j = 0; j < 6; j++) near(text, value[j], other[j], 1e-10);
        near("oracle", k == 1 ? 1 / gap.gap : 1, k == 1 ? .858003412161 : 1, 1e-11);
    }
    /* exp(-c x^2) is von Mises' law of twice the angle: its eigenvalues are there four times as large */
    double value[8], other[4];
    solve_text("bingham:d=2,concentrations=6", 8, value);
    solve_text("von-mises:kappa=3", 4, other);
    for (int j = 0; j < 3; j++) {
        double least = INFINITY;
        for (int k = 0; k < 8; k++) least = fmin(least, fabs(value[k] - 4 * other[j]));
        assert_true(least < 1e-9 * other[j]);
    }
}

/*
 * psi = sqrt(p) f in the harmonics Y_n of angular momentum l across, z Y_n = a_n Y_{n-1} + a_{n+1} Y_{n+1}, a_n^2 =
 * (n-l)(n+l+d-3)/((2n+d-2)(2n+d-4)): -L becomes n(n+d-2) - (d-1) kappa z/2 + kappa^2 (1 - z^2)/4.
 */
static void matrix_of(int d, double kappa, int l, double *h) {
    double z[(N + 2) * (N + 2)] = {0};
    for (int i = 1; i < N + 2; i++) {
        const double n = l + i;
        const double a2 = d == 2 && n == 1 ? 0.5 : (n - l) * (n + l + d - 3) / ((2 * n + d - 2) * (2 * n + d - 4));
        z[i + (i - 1) * (N + 2)] = z[i - 1 + i * (N + 2)] = sqrt(a2);
    }
    for (int i = 0; i < N; i++)
        for (int j = 0; j < N; j++) {
            double square = 0;
            for (int k = 0; k < N + 2; k++) square += z[i + k * (N + 2)] * z[k + j * (N + 2)];
            h[i + j * N] = (i == j ? (l + i) * (l + i + d - 2.) + 0.25 * kappa * kappa : 0) -
                           0.5 * (d - 1) * kappa * z[i + j * (N + 2)] - 0.25 * kappa * kappa * square;
        }
}

static void von_mises_and_fisher(void **state) {
    static const double kappas[] = {0.3, 1, 4, 15};
    static double h[N * N], all[N];
    (void)state;
    for (int d = 2; d <= 10; d += 1 + d / 4)
        for (int k = 0; k < 4; k++) {
            char text[64];
            double value[2], least = INFINITY;
            for (int l = 0; l < 2; l++) {
                matrix_of(d, kappas[k], l, h);
                OK(sg_symmetric_eigen(N, h, all, NULL));
                if (l == 0) assert_true(fabs(all[0]) < 1e-10);
                least = fmin(least, all[l == 0]);
            }
            snprintf(text, sizeof text, "von-mises-fisher:d=%d,kappa=%g", d, kappas[k]);
            const sg_gap gap = solve_text(text, 2, value);
            near(text, gap.gap, least, 3e-12);
            /* Bakry and Emery, Ric + Hess V >= d - 2 - kappa; the test function x_1 */
            assert_true(gap.gap_lower >= d - 2 - kappas[k]);
            assert_true(gap.gap_upper <= d - 1 + kappas[k] + 1e-9);
        }
}

/* Sharp laws are normal: kappa, 2 kappa to first order, the next term -(d-1)/2 ... is below 1 in kappa. */
static void sharp_laws(void **state) {
    (void)state;
    for (int d = 3; d <= 9; d += 2) {
        char text[64];
        double value[1];
        snprintf(text, sizeof text, "von-mises-fisher:d=%d,kappa=1e6", d);
        near(text, solve_text(text, 1, value).gap, 1e6, 1e-5);
    }
}

/* p of an axis and one that is almost the same but has none: two solvers; turned laws: the same numbers. */
static void two_solvers_agree(void **state) {
    static const double cs[] = {-25, -4, 1, 6, 14};
    (void)state;
    for (int k = 0; k < 5; k++) {
        char text[96];
        double value[8], axes[9], sharp;
        bool axial;
        sg_sphere_level level[8];
        int degree;
        snprintf(text, sizeof text, "bingham:concentrations=%g", cs[k]);
        sg_model *model = model_of(text);
        model->family->frame(model, model->truth, axes, &sharp, &axial);
        assert_true(axial);
        const sg_gap gap = solve(model, 8, value);
        OK(sg_sphere_harmonics(model, axes, sharp, 8, level, &degree));
        near(text, level[0].value, gap.gap, 1e-9);
        for (int j = 0; j < 8; j++) near(text, level[j].value, value[j], 1e-9);
        if (!(level[0].lower <= gap.gap_upper && gap.gap_lower <= level[0].upper))
            fail_msg("%s: [%.16g, %.16g] and [%.16g, %.16g] are apart", text, gap.gap_lower, gap.gap_upper,
                     level[0].lower, level[0].upper);
        /* without reflections: another frame */
        const double c = cos(0.4), s = sin(0.4), other[9] = {c, s, 0, -s * c, c * c, s, s * s, -s * c, c};
        if (k == 2) {
            OK(sg_sphere_harmonics(model, other, sharp, 8, level, &degree));
            for (int j = 0; j < 8; j++) near("another frame", level[j].value, value[j], 1e-9);
        }
        sg_model_delete(model);
    }
}

/* A = -diag(5, 2, 0) turned by an orthogonal matrix; less its last diagonal entry times the identity. */
static void turned_laws(void **state) {
    const double c = cos(0.7), s = sin(0.7), lambda[3] = {-5, -2, 0};
    const double q[3][3] = {{c, s, 0}, {-s * c, c * c, s}, {s * s, -s * c, c}};
    double a[3][3] = {{0}}, theta[5], value[6], turned[6];
    (void)state;
    for (int i = 0; i < 3; i++)
        for (int j = 0; j < 3; j++)
            for (int k = 0; k < 3; k++) a[i][j] += lambda[k] * q[k][i] * q[k][j];
    theta[0] = a[0][0] - a[2][2], theta[1] = 2 * a[1][0], theta[2] = a[1][1] - a[2][2];
    theta[3] = 2 * a[2][0], theta[4] = 2 * a[2][1];
    sg_model *model = model_of("bingham:concentrations=5/2");
    const sg_gap straight = solve(model, 6, value);
    OK(sg_model_set_truth(model, 5, theta));
    near("turned", solve(model, 6, turned).gap, straight.gap, 1e-9);
    for (int k = 0; k < 6; k++) near("turned", turned[k], value[k], 1e-9);
    sg_model_delete(model);
    model = model_of("von-mises-fisher:d=5,kappa=3");
    const double direction[5] = {1, -1, 2, 1, sqrt(2)};
    const sg_gap along = solve(model, 6, value);
    OK(sg_model_set_truth(model, 5, direction));
    near("turned", solve(model, 6, turned).gap, along.gap, 1e-11);
    sg_model_delete(model);
}

/*
 * Two modes: gaps that are exponentially small.  Around an axis with relative accuracy; harmonics lose digits as they
 * say: a law that differs by 1e-8 in one concentration has the gap of the other to about that.
 */
static void deep_wells(void **state) {
    double value[1];
    (void)state;
    const sg_gap axis = solve_text("bingham:concentrations=30", 1, value);
    const sg_gap harmonics = solve_text("bingham:concentrations=30/30.00000001", 1, value);
    assert_string_equal(harmonics.method, "spherical harmonics");
    assert_true(fabs(harmonics.gap - axis.gap) <= harmonics.gap_upper - harmonics.gap_lower + 2e-8 * axis.gap);
    near("two modes", harmonics.gap, axis.gap, 1e-7);
    /* Kramers on the sphere: 2 c^{3/2} e^{-c}/sqrt(pi) * (2/pi) ... grows like c^{3/2} e^{-c} */
    const sg_gap deeper = solve_text("bingham:concentrations=120", 1, value),
                 next = solve_text("bingham:concentrations=121", 1, value);
    near("Kramers", log(next.gap / deeper.gap), -1 + 1.5 * log(121. / 120), 1e-3);
}

static void refusals(void **state) {
    sg_model *model = model_of("bingham:d=4,concentrations=3/2/1");
    sg_loss *loss = NULL;
    sg_gap gap;
    (void)state;
    OK(sg_loss_new("score-matching", &loss));
    assert_int_equal(sg_spectrum_gap(model, loss, NULL, &gap, NULL), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "d = 3, or for laws around an axis"));
    sg_model_delete(model);
    model = model_of("bingham:concentrations=3000/200"); /* not resolved: said so */
    OK(sg_spectrum_gap(model, loss, NULL, &gap, NULL));
    assert_int_equal(gap.status, SG_UNCERTIFIED);
    assert_true(gap.gap_lower < 1e-6 * gap.gap_upper);
    sg_model_delete(model);
    sg_loss_delete(loss);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_uniform_law), cmocka_unit_test(the_circle),        cmocka_unit_test(von_mises_and_fisher),
        cmocka_unit_test(sharp_laws),      cmocka_unit_test(two_solvers_agree), cmocka_unit_test(turned_laws),
        cmocka_unit_test(deep_wells),      cmocka_unit_test(refusals),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("gaps on spheres", tests, NULL, NULL);
}
