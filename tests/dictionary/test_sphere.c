/*
 * Score matching and Langevin's dynamics on spheres: the loss against derivatives along great circles, which know
 * nothing of the space around; the step against the law that it keeps and, for the uniform law, against its own.
 *
 * False alarms: means over independent chains are held to 6 standard errors, 2e-9 each, about 100 of them.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <gsl/gsl_errno.h>
#include <gsl/gsl_integration.h>
#include <math.h>

#include "../model.h"
#include "dictionary/sphere.h"

enum { B = SG_BLOCK, MOST = 8, FULL = 35 };

static void near(const char *what, double value, double wanted, double tolerance) {
    if (!(fabs(value - wanted) <= tolerance))
        fail_msg("%s: %.15g, not %.15g (tolerance %.2g)", what, value, wanted, tolerance);
}

/* ---------------------------------------------------------------------- loss */

/* A model with a jet at any point, and room for a block. */
typedef struct {
    sg_model *model;
    int d, full;
    double theta[FULL];
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
    sg_datum datum;
} setting;

static setting open_setting(const char *text, sg_stream *stream) {
    enum { READINGS = SG_PSI | SG_ROOT | SG_VALUE | SG_CURVATURE };
    setting s = {.model = model_of(text)};
    s.d = s.model->space.d, s.full = s.model->full;
    const size_t points = (size_t)s.d * B * sizeof(double);
    OK(sg_arena_new(points + sg_jet_bytes(s.full, s.d, SG_JET_ALL) + sg_datum_bytes(s.full, s.d, READINGS), &s.arena));
    OK(sg_jet_take(s.arena, s.full, s.d, SG_JET_ALL, &s.jet));
    OK(sg_datum_take(s.arena, s.full, s.d, READINGS, &s.datum));
    s.block = (sg_block){.n = 9, .d = s.d, .draws = 1, .x = sg_arena_take(s.arena, (size_t)s.d * B, sizeof(double))};
    for (int i = 0; i < B; i++) {
        double x[MOST], norm2 = 0;
        sg_stream_normal(stream, (size_t)s.d, x);
        for (int a = 0; a < s.d; a++) norm2 += x[a] * x[a];
        for (int a = 0; a < s.d; a++) s.block.x[a * B + i] = x[a] / sqrt(norm2);
    }
    double u[FULL];
    sg_stream_uniform(stream, (size_t)s.full, u);
    for (int j = 0; j < s.full; j++) s.theta[j] = 6 * u[j] - 3;
    return s;
}

static void close_setting(setting *s) {
    sg_arena_delete(s->arena);
    sg_model_delete(s->model);
}

/* Statistic j, or log p for j = full, at one point. */
static double value_at(setting *s, int j, const double *x) {
    double row[MOST * B] = {0}, logp[B], dt[FULL * B];
    const sg_block one = {.n = 1, .d = s->d, .draws = 1, .x = row};
    sg_jet jet = {.m = s->full, .d = s->d, .want = SG_LOGP | SG_DT, .logp = logp, .dt = dt};
    for (int a = 0; a < s->d; a++) row[a * B] = x[a];
    s->model->family->jet(s->model, s->theta, &one, &jet);
    return j == s->full ? logp[0] : dt[j * B];
}

/* An orthonormal basis of the tangent space at x, by Gram and Schmidt from the axes. */
static void tangent_basis(int d, const double *x, double basis[MOST][MOST]) {
    int count = 0;
    for (int axis = 0; axis < d && count < d - 1; axis++) {
        double v[MOST] = {0}, norm2 = 0;
        v[axis] = 1;
        for (int turn = 0; turn < 2; turn++)
            for (int k = -1; k < count; k++) {
                const double *u = k < 0 ? x : basis[k];
                double product = 0;
                for (int a = 0; a < d; a++) product += u[a] * v[a];
                for (int a = 0; a < d; a++) v[a] -= product * u[a];
            }
        for (int a = 0; a < d; a++) norm2 += v[a] * v[a];
        if (norm2 < 1e-3) continue;
        for (int a = 0; a < d; a++) basis[count][a] = v[a] / sqrt(norm2);
        count++;
    }
    assert_int_equal(count, d - 1);
}

/* First and second derivative along the great circle from x towards u, by differences of order six. */
static void along_circle(setting *s, int j, const double *x, const double *u, double *first, double *second) {
    static const double one[3] = {45. / 60, -9. / 60, 1. / 60}, two[3] = {3. / 2, -3. / 20, 1. / 90};
    const double h = 0.02, centre = value_at(s, j, x);
    *first = *second = 0;
    for (int k = 1; k <= 3; k++)
        for (int sign = -1; sign <= 1; sign += 2) {
            double y[MOST];
            for (int a = 0; a < s->d; a++) y[a] = cos(k * h) * x[a] + sin(sign * k * h) * u[a];
            const double f = value_at(s, j, y) - centre;
            *first += sign * one[k - 1] * f / h;
            *second += two[k - 1] * f / (h * h);
        }
}

static void check_point(setting *s, int i) {
    double x[MOST], basis[MOST][MOST], slope[FULL + 1][MOST], laplacian[FULL + 1];
    for (int a = 0; a < s->d; a++) x[a] = s->block.x[a * B + i];
    tangent_basis(s->d, x, basis);
    for (int j = 0; j <= s->full; j++) {
        laplacian[j] = 0;
        for (int k = 0; k + 1 < s->d; k++) {
            double second;
            along_circle(s, j, x, basis[k], &slope[j][k], &second);
            laplacian[j] += second;
        }
    }
    const double *score = slope[s->full], close = 2e-8; /* of the differences */
    double value = laplacian[s->full];
    for (int k = 0; k + 1 < s->d; k++) value += 0.5 * score[k] * score[k];
    near("value", s->datum.value[i], value, close * (1 + fabs(value)));
    for (int j = 0; j < s->full; j++) {
        double psi = laplacian[j];
        for (int k = 0; k + 1 < s->d; k++) psi += score[k] * slope[j][k];
        near("psi", s->datum.psi[j * B + i], psi, close * (1 + fabs(psi)));
        for (int a = 0; a < s->d; a++) {
            double root = 0;
            for (int k = 0; k + 1 < s->d; k++) root += slope[j][k] * basis[k][a];
            near("root", s->datum.root[(j * s->d + a) * B + i], root, close);
        }
        for (int l = 0; l <= j; l++) {
            double product = 0;
            for (int k = 0; k + 1 < s->d; k++) product += slope[j][k] * slope[l][k];
            near("curvature", s->datum.curvature[(j * (j + 1) / 2 + l) * B + i], product, close);
        }
    }
}

static void the_loss_is_intrinsic(void **state) {
    static const char *const models[] = {"von-mises-fisher:d=2", "von-mises-fisher:d=3", "von-mises-fisher:d=6",
                                         "bingham:d=2",          "bingham:d=3",          "bingham:d=5"};
    sg_stream stream;
    (void)state;
    sg_stream_open(&stream, 20261111, SG_PURPOSE_TEST, 0);
    for (int k = 0; k < 6; k++) {
        setting s = open_setting(models[k], &stream);
        s.model->family->jet(s.model, s.theta, &s.block, &s.jet);
        for (int linear = 0; linear < 2; linear++) { /* second theta-derivatives are zero either way */
            sg_sphere_datum(linear, &s.block, &s.jet, &s.datum);
            for (int i = 0; i < s.block.n; i++) check_point(&s, i);
        }
        close_setting(&s);
    }
}

/* ---------------------------------------------------------------------- step */

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_sampler *sampler;
    sg_prepared *prepared;
} dynamics;

static dynamics open_dynamics(const char *text) {
    dynamics y = {.model = model_of(text)};
    OK(sg_loss_new("score-matching", &y.loss));
    OK(sg_loss_runs(y.loss, y.model));
    OK(sg_loss_fits(y.loss, y.model));
    OK(sg_sampler_new(y.model, y.model->truth, NULL, &y.sampler));
    OK(sg_loss_prepare(y.loss, y.model, NULL, &y.prepared));
    return y;
}

static void close_dynamics(dynamics *y) {
    sg_loss_release(y->loss, y->prepared);
    sg_sampler_delete(y->sampler);
    sg_loss_delete(y->loss);
    sg_model_delete(y->model);
}

/*
 * Exact draws stay exact draws: means and variances of the statistics after some steps, over 256 chains and 60
 * replicates, are those of log Z.  Steps from a tenth of the curvature's length to some times round the sphere.
 */
static void check_invariance(const char *text, double dt, int steps, double least) {
    enum { REPLICATES = 60, N = REPLICATES * B };
    dynamics y = open_dynamics(text);
    const int d = y.model->space.d, full = y.model->full;
    double value, gradient[FULL], hessian[FULL * FULL], sum[FULL] = {0}, square[FULL] = {0}, fourth[FULL] = {0};
    double rows[FULL * B], longest = 0;
    long long accepted = 0, proposed = 0;
    OK(sg_model_log_z(y.model, y.model->truth, &value, gradient, hessian));
    for (int r = 0; r < REPLICATES; r++) {
        sg_walk *walk = NULL;
        OK(sg_walk_new(y.model, y.model->truth, y.sampler, B, 20261112, (uint32_t)r, dt, &walk));
        sg_walk_advance(y.loss, y.prepared, walk, steps);
        sg_jet jet = {.m = full, .d = d, .want = SG_DT, .dt = rows};
        y.model->family->jet(y.model, y.model->truth, &walk->block, &jet);
        for (int i = 0; i < B; i++) {
            double length = 0;
            for (int a = 0; a < d; a++) length += walk->block.x[a * B + i] * walk->block.x[a * B + i];
            longest = fmax(longest, fabs(length - 1));
            for (int j = 0; j < full; j++) {
                const double f = rows[j * B + i] - gradient[j];
                sum[j] += f, square[j] += f * f, fourth[j] += f * f * f * f;
            }
        }
        accepted += walk->accepted, proposed += walk->proposed;
        sg_walk_delete(walk);
    }
    near("length", longest, 0, 1e-13);
    assert_int_equal(proposed, (long long)N * steps);
    if (!((double)accepted / (double)proposed > least && (accepted < proposed || least > 0.9)))
        fail_msg("%s, dt = %g: %lld of %lld accepted", text, dt, accepted, proposed);
    for (int j = 0; j < full; j++) {
        const double variance = hessian[j * full + j], spread = sqrt((fourth[j] / N - variance * variance) / N);
        near(text, sum[j] / N, 0, 6 * sqrt(variance / N));
        near(text, square[j] / N, variance, 6 * spread);
    }
    close_dynamics(&y);
}

static void steps_keep_the_law(void **state) {
    (void)state;
    check_invariance("von-mises-fisher:d=2,kappa=3", 0.1, 20, 0.8);
    check_invariance("von-mises-fisher:d=2,kappa=1", 8, 10, 0.05);
    check_invariance("von-mises-fisher:d=3,kappa=5", 0.1, 20, 0.6);
    check_invariance("von-mises-fisher:d=3,kappa=1.5", 4, 10, 0.02);
    check_invariance("von-mises-fisher:d=8,kappa=6", 0.1, 10, 0.5);
    check_invariance("bingham:concentrations=4/1", 0.1, 15, 0.6);
    check_invariance("bingham:concentrations=-3/2", 1, 10, 0.02);
    check_invariance("bingham:d=4,concentrations=5/3/-2", 0.05, 15, 0.7);
}

/* For the uniform law every proposal is accepted, and E x.y = E cos(sqrt(2 dt) R), R of the chi law with d - 1 degrees
 * of freedom. */
static double chi_integrand(double r, void *context) {
    const double *c = context; /* dt, d - 1 */
    return cos(sqrt(2 * c[0]) * r) *
           exp((c[1] - 1) * log(r) - 0.5 * r * r - (0.5 * c[1] - 1) * M_LN2 - lgamma(0.5 * c[1]));
}

static double mean_cosine(double dt, int d) {
    double c[2] = {dt, d - 1.}, value, error;
    gsl_function f = {chi_integrand, c};
    gsl_integration_workspace *w = gsl_integration_workspace_alloc(1000);
    assert_int_equal(gsl_integration_qag(&f, 0, 12, 1e-12, 1e-12, 1000, 3, w, &value, &error), 0);
    gsl_integration_workspace_free(w);
    return value;
}

static void steps_have_the_length_of_the_diffusion(void **state) {
    enum { REPLICATES = 40, N = REPLICATES * B };
    static const double times[] = {0.01, 0.3, 4};
    (void)state;
    for (int d = 2; d <= 6; d += 2)
        for (int k = 0; k < 3; k++) {
            char text[64];
            snprintf(text, sizeof text, "von-mises-fisher:d=%d,kappa=0", d);
            dynamics y = open_dynamics(text);
            double sum = 0, square = 0, before[MOST * B];
            for (int r = 0; r < REPLICATES; r++) {
                sg_walk *walk = NULL;
                OK(sg_walk_new(y.model, y.model->truth, y.sampler, B, 20261113, (uint32_t)r, times[k], &walk));
                memcpy(before, walk->block.x, (size_t)d * B * sizeof(double));
                sg_walk_advance(y.loss, y.prepared, walk, 1);
                assert_int_equal(walk->accepted, walk->proposed);
                for (int i = 0; i < B; i++) {
                    double cosine = 0;
                    for (int a = 0; a < d; a++) cosine += before[a * B + i] * walk->block.x[a * B + i];
                    sum += cosine, square += cosine * cosine;
                }
                sg_walk_delete(walk);
            }
            const double mean = sum / N, deviation = sqrt((square / N - mean * mean) / N);
            near("mean cosine", mean, mean_cosine(times[k], d), 6 * deviation + 1e-12);
            close_dynamics(&y);
        }
}

/* Chain i does not depend on how many chains there are. */
static void chains_are_their_own(void **state) {
    dynamics y = open_dynamics("bingham:concentrations=4/1");
    sg_walk *many = NULL, *few = NULL;
    (void)state;
    OK(sg_walk_new(y.model, y.model->truth, y.sampler, B, 7, 3, 0.2, &many));
    OK(sg_walk_new(y.model, y.model->truth, y.sampler, 11, 7, 3, 0.2, &few));
    sg_walk_advance(y.loss, y.prepared, many, 5);
    sg_walk_advance(y.loss, y.prepared, few, 5);
    for (int a = 0; a < 3; a++) assert_memory_equal(many->block.x + a * B, few->block.x + a * B, 11 * sizeof(double));
    sg_walk_delete(many);
    sg_walk_delete(few);
    close_dynamics(&y);
}

/* Losses of other spaces are refused by name. */
static void other_losses_refuse(void **state) {
    static const char *const losses[] = {"preconditioned:with=constant", "pseudolikelihood", "lifted", "sliced"};
    sg_model *model = model_of("von-mises-fisher:d=3");
    (void)state;
    for (int k = 0; k < 4; k++) {
        sg_loss *loss = NULL;
        OK(sg_loss_new(losses[k], &loss));
        if (sg_loss_fits(loss, model) != SG_MISFIT) fail_msg("%s: %s", losses[k], sg_message());
        sg_loss_delete(loss);
    }
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_loss_is_intrinsic),
        cmocka_unit_test(steps_keep_the_law),
        cmocka_unit_test(steps_have_the_length_of_the_diffusion),
        cmocka_unit_test(chains_are_their_own),
        cmocka_unit_test(other_losses_refuse),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("diffusion on spheres", tests, NULL, NULL);
}
