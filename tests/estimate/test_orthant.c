/*
 * The normal law cut to the orthant, d = 2, and losses with D = diag h(x_j): E psi = 0 where h vanishes at the faces
 * and not where it does not; integration by parts, E[psi S'] = -H; Gamma from psi written down for this law; Monte
 * Carlo against Gamma, with exact draws.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <math.h>
#include <string.h>

#include "../model.h"
#include "../weighted.h"
#include "scoregap/estimate.h"

enum { M = 5, REPLICATES = 1600 };
static const char law[] = "ab-model:d=2,coupling=0.3,eta=0.5";

/* ------------------------------------------------------ the law as it is defined */

static const double K[3] = {1, 0.3, 1}, ETA = 0.5; /* K_00, K_01, K_11 */

/* F, and psi = sum_j h_j (F_jj + s_j F_j) + h'_j F_j, at one point; roots are sqrt(h_j) F_j. */
static void at_point(const double *x, double *F, double *psi, double root[2][M]) {
    const double s[2] = {ETA - K[0] * x[0] - K[1] * x[1], ETA - K[1] * x[0] - K[2] * x[1]};
    const double statistic[M] = {-x[0] * x[0] / 2, -x[0] * x[1], -x[1] * x[1] / 2, x[0], x[1]};
    const double slope[2][M] = {{-x[0], -x[1], 0, 1, 0}, {0, -x[0], -x[1], 0, 1}};
    const double bend[2][M] = {{-1, 0, 0, 0, 0}, {0, 0, -1, 0, 0}};
    memcpy(F, statistic, sizeof statistic);
    for (int k = 0; k < M; k++) {
        psi[k] = 0;
        for (int j = 0; j < 2; j++) {
            psi[k] += h_of(x[j]) * (bend[j][k] + s[j] * slope[j][k]) + h_slope(x[j]) * slope[j][k];
            root[j][k] = sqrt(h_of(x[j])) * slope[j][k];
        }
    }
}

typedef struct {
    double mean[M], H[M * M], psi2[M * M], cross[M * M]; /* E psi, E root root', Cov psi, E psi S' */
    double gamma[M * M];
} moments;

static void moments_of(const sg_nodes *nodes, moments *out) {
    double mean_f[M] = {0};
    memset(out, 0, sizeof *out);
    for (int pass = 0; pass < 2; pass++)
        for (long long i = 0; i < nodes->n; i++) {
            const double x[2] = {nodes->points->x[i], nodes->points->x[nodes->n + i]}, w = nodes->mass[i];
            double F[M], psi[M], root[2][M];
            at_point(x, F, psi, root);
            for (int k = 0; k < M && !pass; k++) mean_f[k] += w * F[k], out->mean[k] += w * psi[k];
            for (int k = 0; k < M && pass; k++)
                for (int l = 0; l < M; l++) {
                    out->H[k + l * M] += w * (root[0][k] * root[0][l] + root[1][k] * root[1][l]);
                    out->psi2[k + l * M] += w * (psi[k] - out->mean[k]) * (psi[l] - out->mean[l]);
                    out->cross[k + l * M] += w * psi[k] * (F[l] - mean_f[l]);
                }
        }
    double inverse[M * M], half[M * M], condition;
    OK(sg_invert(M, out->H, inverse, &condition));
    sg_multiply(M, inverse, out->psi2, half);
    sg_multiply(M, half, inverse, out->gamma);
}

static double worst_mean(const moments *v) {
    double most = 0;
    for (int k = 0; k < M; k++) most = fmax(most, fabs(v->mean[k]) / sqrt(v->psi2[k + k * M]));
    return most;
}

static double difference(const double *a, const double *b, double sign) {
    double most = 0, size = 0;
    for (int k = 0; k < M * M; k++) most = fmax(most, fabs(a[k] - sign * b[k])), size = fmax(size, fabs(b[k]));
    return most / size;
}

/* ----------------------------------------------------------------------- tests */

/* To rounding, also for min(x, 3), whose kink cubature is told of. */
static void theory(void **state) {
    (void)state;
    sg_model *model = model_of(law);
    sg_nodes *nodes = NULL;
    const double tol = 1e-10, kink = 3;
    OK(sg_nodes_cut(model, model->truth, 1, 1, &kink, &nodes));
    for (h_now = H_ONE; h_now <= H_LOG; h_now++) {
        moments v;
        sg_asymptotic *a = NULL;
        moments_of(nodes, &v);
        if (h_now == H_ONE) { /* the flux through the faces is lost */
            assert_true(worst_mean(&v) > 0.1);
            assert_true(difference(v.cross, v.H, -1) > 0.1);
            continue;
        }
        if (!(worst_mean(&v) < tol)) fail_msg("h %d: E psi = %g standard deviations", h_now, worst_mean(&v));
        if (!(difference(v.cross, v.H, -1) < tol))
            fail_msg("h %d: E[psi S'] + H = %g of H", h_now, difference(v.cross, v.H, -1));
        OK(sg_asymptotic_new(model, &weighted_loss, &a));
        assert_int_equal(a->status, SG_OK);
        assert_true(a->mean_psi < tol);
        if (!(difference(a->gamma, v.gamma, 1) < 1e-9))
            fail_msg("h %d: Gamma differs by %g", h_now, difference(a->gamma, v.gamma, 1));
        assert_true(a->inefficiency[0] > 1 - tol);
        sg_asymptotic_delete(a);
    }
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

/*
 * 1600 replicates of n = 6400.  An entry of n Cov is off by 5 of its standard errors with probability 4e-6
 * (chi-square, lower tail), the bias by 5 with 6e-7: 45 and 15 comparisons, together below 2e-4.  Terms of order 1/n:
 * rho/n, the relative variance of the Hessian of the data, is below 0.002, a tenth of the standard error of a variance,
 * 1/28.
 */
static void monte_carlo(void **state) {
    (void)state;
    const sg_loss *losses[] = {&weighted_loss};
    for (h_now = H_MINIMUM; h_now <= H_LOG; h_now++) {
        sg_model *model = model_of(law);
        sg_asymptotic *a = NULL;
        sg_montecarlo *out = NULL;
        sg_summary *s = NULL;
        OK(sg_asymptotic_new(model, &weighted_loss, &a));
        const sg_asymptotic *const asymptotic[] = {a};
        const sg_montecarlo_plan plan = {.model = model,
                                         .losses = 1,
                                         .loss = losses,
                                         .asymptotic = asymptotic,
                                         .n = 6400,
                                         .replicates = REPLICATES,
                                         .key = sg_cell_key(11, model, 6400),
                                         .memory = 1 << 26,
                                         .threads = 1,
                                         .skip_se = true};
        if (!(a->rho / 6400 < 0.005)) fail_msg("rho/n = %g", a->rho / 6400);
        OK(sg_montecarlo_run(&plan, &out));
        OK(sg_summary_new(&plan, out, 0, &s));
        assert_int_equal(s->used, REPLICATES);
        for (int k = 0; k < M; k++) {
            if (!(fabs(s->bias[k]) < 5 * s->bias_se[k] + a->rho / 6400))
                fail_msg("h %d: bias %d is %g, se %g", h_now, k, s->bias[k], s->bias_se[k]);
            for (int l = 0; l < M; l++) {
                const double off = s->covariance[k + l * M] - a->gamma[k + l * M], se = s->covariance_se[k + l * M];
                if (!(fabs(off) < 5 * se))
                    fail_msg("h %d: n Cov %d,%d is off by %g standard errors", h_now, k, l, off / se);
            }
        }
        sg_summary_delete(s);
        sg_montecarlo_delete(out);
        sg_asymptotic_delete(a);
        sg_model_delete(model);
    }
}

/* With S = log x and p ~ x^eta, L S for h = x is of order 1/x, without a variance for eta <= 1; h = x^2 takes any. */
static void faces(void **state) {
    (void)state;
    static const struct {
        const char *text;
        double power;
        sg_status status;
    } table[] = {{"ab-model", 0, SG_MISFIT},           {"ab-model", 1, SG_OK},
                 {"ab-model:b=0,eta=1.1", 1, SG_OK},   {"ab-model:b=0,eta=0.9", 1, SG_MISFIT},
                 {"ab-model:b=0,eta=0", 1, SG_MISFIT}, {"ab-model:b=0,eta=-0.9", 2, SG_OK},
                 {"ab-model:a=0.5,b=0.5", 1.1, SG_OK}, {"ab-model:a=0.5,b=0.5", 1, SG_MISFIT},
                 {"ab-model:a=0,b=0", 0, SG_OK},       {"ab-model:a=2,b=3,centred=yes", 0, SG_OK},
                 {"ab-model:space=reals", 0, SG_OK}};
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) {
        sg_model *model = model_of(table[k].text);
        if (sg_diffusion_faces("this loss", table[k].power, model) != table[k].status)
            fail_msg("%s, power %g", table[k].text, table[k].power);
        sg_model_delete(model);
    }
}

int main(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(theory),
        cmocka_unit_test(faces),
        cmocka_unit_test(monte_carlo),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
