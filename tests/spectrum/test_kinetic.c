/*
 * Underdamped Langevin dynamics and chains that are not reversible: the gap as a real part, the L2 decay rate apart;
 * the step leaves p and the normal velocity invariant.  Statistical checks take five standard errors (6e-7); fixed
 * seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../ok.h"
#include "scoregap/spectrum.h"

enum { B = SG_BLOCK };

static sg_model *model_of(const char *family, const char *key, const char *value) {
    const sg_pair pair = {key, value};
    sg_model *model;
    OK(sg_model_new(family, key ? 1 : 0, &pair, &model));
    return model;
}

static sg_gap gap_of(const sg_model *model, const char *text) {
    sg_loss *loss;
    sg_gap gap;
    OK(sg_loss_new(text, &loss));
    OK(sg_loss_runs(loss, model));
    OK(sg_spectrum_gap(model, loss, NULL, &gap, NULL));
    sg_loss_delete(loss);
    return gap;
}

/* On N(0, s^2) the eigenvalues are sums of (g +- sqrt(g^2 - 4/s^2))/2: the gap is the real part of the smaller. */
static void normal_law(void **state) {
    static const double friction[] = {0.05, 0.5, 0.9, 2.5, 5, 40};
    (void)state;
    for (int s = 1; s <= 2; s++) {
        sg_model *model = model_of("gaussian", "s", s == 1 ? "1" : "2");
        for (int k = 0; k < 6; k++) {
            const double g = friction[k], root = g * g - 4.0 / (s * s);
            /* the smaller root without subtraction */
            const double exact = root > 0 ? 2.0 / (s * s) / (g + sqrt(root)) : g / 2;
            char text[64];
            snprintf(text, sizeof text, "underdamped:friction=%.17g", g);
            const sg_gap gap = gap_of(model, text);
            assert_int_equal(gap.status, SG_OK);
            if (!(fabs(gap.gap / exact - 1) < 1e-10)) fail_msg("friction %g: %.15g, exact %.15g", g, gap.gap, exact);
            assert_true(gap.gap_lower <= exact * (1 + 1e-15) && exact <= gap.gap_upper * (1 + 1e-15));
            assert_true(gap.irreversible && gap.decay_rate == 0);
        }
        sg_model_delete(model);
    }
}

/* At friction 2 two eigenvalues of N(0, 1) meet and share one function: half of the digits, and the error says so. */
static void double_eigenvalue(void **state) {
    (void)state;
    sg_model *model = model_of("gaussian", NULL, NULL);
    const sg_gap gap = gap_of(model, "underdamped");
    assert_true(gap.gap_lower <= 1 && 1 <= gap.gap_upper);
    assert_true(fabs(gap.gap - 1) < 1e-6);
    sg_model_delete(model);
}

/* Large friction: friction times the gap tends to Langevin's, with a relative error of the order of 1/friction^2. */
static void overdamped_limit(void **state) {
    (void)state;
    sg_model *model = model_of("double-well", "h", "2");
    const sg_gap langevin = gap_of(model, "score-matching");
    const sg_gap first = gap_of(model, "underdamped:friction=50"), second = gap_of(model, "underdamped:friction=200");
    const double near = 50 * first.gap / langevin.gap - 1, nearer = 200 * second.gap / langevin.gap - 1;
    assert_int_equal(first.status, SG_OK);
    assert_int_equal(second.status, SG_OK);
    assert_true(fabs(near) < 0.02 && fabs(near) > 1e-6);
    assert_true(fabs(nearer / near - 1.0 / 16) < 0.01);
    sg_model_delete(model);
}

static void refused_and_uncertified(void **state) {
    (void)state;
    sg_model *heavy = model_of("student", NULL, NULL), *spins = model_of("ising", NULL, NULL),
             *kink = model_of("laplace", NULL, NULL);
    sg_loss *loss;
    sg_gap gap;
    OK(sg_loss_new("underdamped", &loss));
    assert_int_equal(sg_loss_fits(loss, heavy), SG_MISFIT);
    assert_non_null(strstr(sg_message(), "no loss"));
    assert_int_equal(sg_loss_runs(loss, spins), SG_MISFIT);
    assert_int_equal(sg_loss_runs(loss, kink), SG_MISFIT);
    OK(sg_loss_runs(loss, heavy));
    assert_int_equal(sg_spectrum_gap(heavy, loss, NULL, &gap, NULL), SG_REFUSED);
    sg_loss_delete(loss);
    assert_int_equal(sg_loss_new("underdamped:friction=0", &loss), SG_OUT_OF_RANGE);
    sg_model_delete(heavy);
    sg_model_delete(spins);
    sg_model_delete(kink);
}

/* ------------------------------------------------------------------- the step */

/* Means over replicates of x^2, v^2, x v, x^4 v^2 after steps large enough that some are refused. */
static void step_keeps_the_law(void **state) {
    enum { REPLICATES = 40, STEPS = 25, F = 4 };
    (void)state;
    sg_model *model = model_of("double-well", "h", "2");
    sg_panels *panels;
    sg_sampler *sampler;
    sg_loss *loss;
    sg_prepared *prepared;
    double sum[F] = {0}, square[F] = {0}, second = 0, fourth = 0;
    long long proposed = 0, accepted = 0;
    OK(sg_model_panels(model, model->truth, 0, &panels));
    OK(sg_sampler_new(model, model->truth, panels, &sampler));
    OK(sg_loss_new("underdamped:friction=1.5", &loss));
    OK(sg_loss_prepare(loss, model, panels, &prepared));
    for (int i = 0; i < panels->n; i++) {
        const double x = panels->x[i];
        second += panels->mass[i] * x * x;
        fourth += panels->mass[i] * x * x * x * x;
    }
    for (uint32_t r = 0; r < REPLICATES; r++) {
        sg_walk *walk;
        OK(sg_walk_new(model, model->truth, sampler, B, 12, r, 0.35, &walk));
        sg_walk_advance(loss, prepared, walk, STEPS);
        for (int i = 0; i < B; i++) {
            const double x = walk->block.x[i], v = walk->velocity[i];
            const double f[F] = {x * x, v * v, x * v, x * x * x * x * v * v};
            for (int k = 0; k < F; k++) {
                sum[k] += f[k];
                square[k] += f[k] * f[k];
            }
        }
        proposed += walk->proposed;
        accepted += walk->accepted;
        sg_walk_delete(walk);
    }
    const double n = (double)REPLICATES * B, exact[F] = {second, 1, 0, fourth};
    for (int k = 0; k < F; k++) {
        const double mean = sum[k] / n, se = sqrt((square[k] / n - mean * mean) / n);
        if (!(fabs(mean - exact[k]) < 5 * se)) fail_msg("moment %d: %g, exact %g, se %g", k, mean, exact[k], se);
    }
    assert_true(accepted < 0.99 * (double)proposed && accepted > 0.5 * (double)proposed);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_sampler_delete(sampler);
    sg_panels_delete(panels);
    sg_model_delete(model);
}

/* On N(0, 1): E X_0 X_t = exp(-g t/2) (cos w t + g/(2 w) sin w t), w = sqrt(1 - g^2/4); the step has an error O(dt^2).
 */
static void step_moves_like_the_process(void **state) {
    enum { REPLICATES = 100, STEPS = 60 };
    const double dt = 0.02, g = 1, w = sqrt(0.75), t = STEPS * dt;
    (void)state;
    sg_model *model = model_of("gaussian", NULL, NULL);
    sg_sampler *sampler;
    sg_loss *loss;
    sg_prepared *prepared;
    double sum = 0, square = 0;
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    OK(sg_loss_new("underdamped:friction=1", &loss));
    OK(sg_loss_prepare(loss, model, NULL, &prepared));
    for (uint32_t r = 0; r < REPLICATES; r++) {
        double before[B];
        sg_walk *walk;
        OK(sg_walk_new(model, model->truth, sampler, B, 13, r, dt, &walk));
        memcpy(before, walk->block.x, sizeof before);
        sg_walk_advance(loss, prepared, walk, STEPS);
        for (int i = 0; i < B; i++) {
            const double f = before[i] * walk->block.x[i];
            sum += f;
            square += f * f;
        }
        sg_walk_delete(walk);
    }
    const double n = (double)REPLICATES * B, mean = sum / n, se = sqrt((square / n - mean * mean) / n);
    const double exact = exp(-g * t / 2) * (cos(w * t) + g / (2 * w) * sin(w * t));
    if (!(fabs(mean - exact) < 5 * se + dt * dt)) fail_msg("%g, exact %g, se %g", mean, exact, se);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

/* ------------------------------------------------------------------ lifted walk */

/* Ring of 8, turns at rate r = 1/4: wave k has 1 - cos(k) + r +- sqrt(r^2 - sin^2 k), its symmetric part 1 - cos(k) or
 * 1 - cos(k) + 2 r. */
static void lifted_walk(void **state) {
    (void)state;
    const double r = 0.25;
    double gap = INFINITY, decay = INFINITY;
    for (int k = 0; k < 8; k++) {
        const double angle = 2 * M_PI * k / 8, slow = 1 - cos(angle), root = r * r - sin(angle) * sin(angle);
        if (k) gap = fmin(gap, slow + r - (root > 0 ? sqrt(root) : 0));
        gap = fmin(gap, slow + r + (root > 0 ? sqrt(root) : 0));
        if (k) decay = fmin(decay, slow);
        decay = fmin(decay, slow + 2 * r);
    }
    sg_model *model = model_of("chain", NULL, NULL), *fast = model_of("chain", "speed", "3");
    const sg_gap found = gap_of(model, "jumps"), faster = gap_of(fast, "jumps");
    assert_true(found.irreversible && found.status == SG_OK);
    assert_true(fabs(found.gap / gap - 1) < 1e-12);
    assert_true(fabs(found.decay_rate / decay - 1) < 1e-12);
    assert_true(found.decay_rate < 0.6 * found.gap);
    assert_true(fabs(found.poincare * decay - 1) < 1e-12);
    assert_true(fabs(faster.gap / (3 * gap) - 1) < 1e-12);
    sg_loss *mle;
    OK(sg_loss_new("mle", &mle));
    assert_int_equal(sg_loss_runs(mle, model), SG_MISFIT);
    sg_loss_delete(mle);
    sg_model_delete(model);
    sg_model_delete(fast);
}

int main(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(normal_law),         cmocka_unit_test(double_eigenvalue),
        cmocka_unit_test(overdamped_limit),   cmocka_unit_test(refused_and_uncertified),
        cmocka_unit_test(step_keeps_the_law), cmocka_unit_test(step_moves_like_the_process),
        cmocka_unit_test(lifted_walk),
    };
    return cmocka_run_group_tests_name("processes that are not reversible", tests, NULL, NULL);
}
