/* Asymptotic covariances on finite sets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <omp.h>
#include <string.h>

#include "../model.h"
#include "scoregap/estimate.h"

void openblas_set_num_threads(int threads);

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_asymptotic *a;
} finite_case;

static finite_case open_case(const char *family, const char *loss) {
    finite_case c = {.model = model_of(family)};
    if (sg_loss_new(loss, &c.loss)) fail_msg("%s: %s", loss, sg_message());
    if (sg_asymptotic_new(c.model, c.loss, &c.a)) fail_msg("%s %s: %s", family, loss, sg_message());
    if (c.a->status) fail_msg("%s %s: %s", family, loss, c.a->message);
    return c;
}

static void close_case(finite_case *c) {
    sg_asymptotic_delete(c->a);
    sg_loss_delete(c->loss);
    sg_model_delete(c->model);
}

/* As many digits as the oracle was printed with: half a unit of its last one. */
static void near(const char *what, double got, double want, double half) {
    if (!(fabs(got - want) <= half)) fail_msg("%s: %.15g, expected %.15g within %.2g", what, got, want, half);
}

static double efficiency(const sg_asymptotic *a, int j) {
    return a->gamma_mle[j + j * a->m] / a->gamma[j + j * a->m];
}

static void ring(void **state) {
    const double t = tanh(.6);
    (void)state;
    finite_case field = open_case("ising(graph=ring,n=8,beta=0.6,free=h)", "pseudolikelihood");
    finite_case coupling = open_case("ising(graph=ring,n=8,beta=0.6,free=beta)", "pseudolikelihood");
    near("field", efficiency(field.a, 0), 1, 1e-14);
    near("coupling", efficiency(coupling.a, 0), .666580500219878, 5e-15);
    near("1/I", field.a->gamma_mle[0], 1 / (8 * exp(1.2) * (1 - pow(t, 8)) / (1 + pow(t, 8))), 1e-15);
    near("1/I", field.a->gamma_mle[0], .0381740, 5e-8);
    close_case(&field);
    close_case(&coupling);
}

/* By counts, and by all states of the same law on an equal graph whose sites are not known to be alike. */
static void curie_weiss(void **state) {
    static const double want[4][3] = {{.3, 1, 1}, {.8, .9983, .9946}, {1.2, .9831, .8738}, {2, .9308, .0886}};
    char text[128];
    (void)state;
    for (int k = 0; k < 4; k++) {
        snprintf(text, sizeof text, "ising(graph=curie-weiss,n=8,beta=%g,free=tied)", want[k][0]);
        finite_case c = open_case(text, "pseudolikelihood");
        near("coupling", efficiency(c.a, 0), want[k][1], 5e-5);
        near("field", efficiency(c.a, 1), want[k][2], 5e-5);
        close_case(&c);
    }
}

static void ferromagnet(void **state) {
    static const double J[4] = {.1, .3, .6, 1}, pl[4] = {1.00000676, 1.01018279, 2.45171579, 92.3560067};
    static const double half[4] = {5e-9, 5e-9, 5e-9, 5e-8};
    static const double ratio[4] = {1.005, 1.54, 16.6, 311}, wide[4] = {5e-4, 5e-3, .05, .5};
    char text[128];
    (void)state;
    for (int k = 0; k < 4; k++) {
        snprintf(text, sizeof text, "ising(graph=complete,n=4,beta=%g)", J[k]);
        finite_case p = open_case(text, "pseudolikelihood"), r = open_case(text, "ratio-matching");
        near("pseudolikelihood", p.a->inefficiency[p.a->m - 1], pl[k], half[k]);
        near("ratio matching", r.a->inefficiency[r.a->m - 1], ratio[k], wide[k]);
        assert_true(p.a->inefficiency_error < 1e-9 * p.a->inefficiency[p.a->m - 1]);
        close_case(&p);
        close_case(&r);
    }
}

/* Values of 40-digit arithmetic. */
static void random_masks(void **state) {
    static const double inverse_gap[2] = {5.655125025009, 1540.807199}, few[2] = {1e-12, 1e-6};
    static const struct {
        double J, want[4];
        double half[4];
    } cases[] = {{.1, {5.655111491511, 2.551696860909, 1.517232286970, 1}, {5e-13, 5e-13, 5e-13, 1e-14}},
                 {.5, {47.93806117332, 16.41476265272, 6.138254217572, 1}, {5e-12, 5e-12, 5e-13, 1e-13}},
                 {1, {1193.765794260, 357.2196995585, 119.7398998528405, 1}, {5e-10, 5e-11, 5e-11, 1e-12}}};
    char text[128], loss[64];
    (void)state;
    for (int c = 0; c < 3; c++)
        for (int k = 1; k <= 4; k++) {
            snprintf(text, sizeof text, "ising(graph=complete,n=4,beta=%g)", cases[c].J);
            snprintf(loss, sizeof loss, "masked-random:k=%d", k);
            finite_case x = open_case(text, loss);
            near(loss, x.a->inefficiency[x.a->m - 1], cases[c].want[k - 1], cases[c].half[k - 1]);
            for (int i = 0; i < x.a->m * x.a->m; i++) /* Gamma = H^-1: the middle is H */
                near("middle", x.a->cov_psi[i], x.a->dirichlet[i], 1e-15);
            sg_gap gap;
            sg_bounds bounds;
            OK(sg_spectrum_gap(x.model, x.loss, NULL, &gap, NULL));
            OK(sg_bounds_of(x.model, x.loss, x.a, &gap, &bounds));
            const double worst = x.a->inefficiency[x.a->m - 1];
            assert_true(worst <= bounds.kantorovich * (1 + 1e-6));
            if (k > 1) near("attained", worst, bounds.kantorovich, 1e-6 * worst);
            if (k == 1 && c != 1) near("1/gap", bounds.kantorovich, inverse_gap[c / 2], few[c / 2] + 1e-8 * worst);
            if (k == 1 && c == 2) assert_true(worst > 2 * sg_bound_kantorovich_upper(gap.gap, 1));
            close_case(&x);
        }
}

/* All pairs and fields: averaging all masks of at least n - 2 sites is efficient (LI). */
static void averaged_masks(void **state) {
    (void)state;
    for (int k = 3; k <= 5; k++) {
        char loss[32];
        snprintf(loss, sizeof loss, "masked:k=%d", k);
        finite_case c = open_case("ising(graph=complete,n=5,beta=0.4,h=0.3)", loss);
        for (int j = 0; j < c.a->m; j++) near(loss, c.a->inefficiency[j], 1, 1e-12);
        close_case(&c);
    }
}

/* Sums over counts against sums over all states: a complete graph of the same couplings, whose sites are not taken for
 * alike when its couplings are free one by one and tied by hand. */
static void counts_and_states(void **state) {
    static const char *const losses[] = {"pseudolikelihood", "masked:k=3", "probability-flow", "masked-random:k=2",
                                         "mle"};
    (void)state;
    for (int l = 0; l < 5; l++) {
        finite_case alike = open_case("ising(graph=curie-weiss,n=7,beta=1.4,h=0.1,free=h)", losses[l]);
        finite_case all = open_case("ising(graph=complete,n=7,beta=0.2,h=0.1)", losses[l]);
        double gamma = 0, fisher = 0, h = 0;
        const int m = all.a->m, edges = m - 7;
        assert_true(sg_model_exchangeable(alike.model) && !sg_model_exchangeable(all.model));
        for (int j = edges; j < m; j++) /* one field for all: Cov psi and H of the sum */
            for (int k = edges; k < m; k++) {
                gamma += all.a->cov_psi[j + k * m];
                fisher += all.a->fisher[j + k * m];
                h += all.a->dirichlet[j + k * m];
            }
        near(losses[l], alike.a->fisher[0] / fisher, 1, 1e-13);
        near(losses[l], alike.a->gamma[0] / (gamma / h / h), 1, 1e-12);
        close_case(&alike);
        close_case(&all);
    }
}

/* ---------------------------------------------------------------------- profiles */

static double weights_of(const sg_profile *p, int j, int power) {
    double sum = 0;
    for (int k = 0; k < p->count; k++) sum += p->weight[j * p->count + k] * pow(p->eigenvalue[k], power);
    return sum;
}

/*
 * More states than are diagonalized.  What pairs and the rest add up to is known by psi and by differences of the
 * statistics, which no Lanczos process has seen, and the mean of the rest lies above all pairs.
 */
static void profiles_of_many_states(void **state) {
    static const char *const models[] = {"ising(graph=complete,n=11,beta=0.25,h=0.1,couplings=gauss,free=tied)",
                                         "ising(graph=path,n=11,beta=0.9,free=J0-1/h4)",
                                         "potts(graph=path,n=7,q=3,beta=0.7,free=tied)",
                                         "hardcore(graph=ring,n=12,lambda=0.8)"};
    static const char *const some[] = {"pseudolikelihood", "masked:k=2",     "masked-random:k=2",
                                       "probability-flow", "ratio-matching", "concrete-score"};
    int beyond = 0;
    (void)state;
    for (int i = 0; i < 4; i++)
        for (int l = 0; l < 6; l++) {
            finite_case c = {.model = model_of(models[i])};
            sg_profile *p = NULL;
            assert_int_equal(sg_loss_new(some[l], &c.loss), SG_OK);
            if (!sg_loss_fits(c.loss, c.model)) {
                OK(sg_asymptotic_new(c.model, c.loss, &c.a));
                OK(sg_profile_new(c.model, c.loss, c.a, 12, &p));
                if (p->status) fail_msg("%s %s: %s", models[i], some[l], p->message);
                assert_true(p->count <= 12);
                for (int j = 0; j < p->m; j++) {
                    const int at = j + j * p->m;
                    const double left = c.a->fisher[at] - weights_of(p, j, 0);
                    assert_true(fabs(left - p->remainder[j]) <= 1e-12 * c.a->fisher[at]);
                    if (isnan(p->remainder_mean[j])) continue;
                    beyond++;
                    near("mean", p->remainder_mean[j], (c.a->dirichlet[at] - weights_of(p, j, 1)) / p->remainder[j],
                         1e-9 * p->remainder_mean[j]);
                    assert_true(p->remainder_mean[j] > p->eigenvalue[p->count - 1]);
                }
            }
            sg_profile_delete(p);
            close_case(&c);
        }
    assert_true(beyond >= 15);
}

/* A covariance that is not that of the process is seen, in each of its moments. */
static void profiles_of_another_covariance(void **state) {
    finite_case c = open_case("ising(graph=complete,n=11,beta=0.25,h=0.1,couplings=gauss,free=h)", "probability-flow");
    double *part[3] = {c.a->fisher, c.a->dirichlet, c.a->cov_psi};
    (void)state;
    for (int k = 0; k < 3; k++) {
        sg_profile *p = NULL;
        char moment[16];
        const double held = *part[k];
        *part[k] *= 1 + 1e-7;
        OK(sg_profile_new(c.model, c.loss, c.a, 0, &p));
        *part[k] = held;
        snprintf(moment, sizeof moment, "moment %d", k);
        assert_int_equal(p->status, SG_UNCERTIFIED);
        if (!strstr(p->message, moment)) fail_msg("%s", p->message);
        sg_profile_delete(p);
    }
    close_case(&c);
}

/* ------------------------------------------------------------------- ill-conditioned */

/*
 * Two fields of sites that are all but glued together: their difference has a variance of 4 e^{-2J}, and the
 * efficiency of the pair is known from the four states.  Plain sums lose all digits at J = 18.
 */
static void nearly_dependent(void **state) {
    (void)state;
    for (int J = 6; J <= 16; J += 5) {
        char text[64];
        snprintf(text, sizeof text, "ising(graph=path,n=2,beta=%d,free=h0/h1)", J);
        finite_case c = open_case(text, "mle");
        /* Cov S = [[1, t], [t, 1]]: variances 1 + t and 1 - t of the sum and the difference over sqrt 2 */
        const double minus = 2 / (1 + exp(2. * J)), sum = 1 / (2 - minus), difference = 1 / minus;
        const double want[2] = {(sum + difference) / 2, (sum - difference) / 2};
        if (!(fabs(c.a->gamma_mle[0] / want[0] - 1) <= 1e-8 && fabs(c.a->gamma_mle[1] / want[1] - 1) <= 1e-8))
            fail_msg("%s: %.15g %.15g, expected %.15g %.15g", text, c.a->gamma_mle[0], c.a->gamma_mle[1], want[0],
                     want[1]);
        if (!(fabs(c.a->inefficiency[1] - 1) <= 1e-9 + c.a->inefficiency_error))
            fail_msg("%s: %.17g", text, c.a->inefficiency[1]);
        close_case(&c);
    }
}

/* Two sites that are always equal: no single-site move is possible. */
static sg_family glued;
static const sg_family *ising;

static void glued_states(const sg_model *model, const double *theta, uint64_t first, int count, double *logp) {
    ising->states(model, theta, first, count, logp);
    for (int k = 0; k < count; k++)
        if (((first + (uint64_t)k) & 1) != ((first + (uint64_t)k) >> 1 & 1)) logp[k] = -INFINITY;
}

static void glued_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet) {
    ising->jet(model, theta, block, jet);
    for (int i = 0; jet->logp && i < block->n; i++)
        if (block->x[i] != block->x[SG_BLOCK + i]) jet->logp[i] = -INFINITY;
}

static void refuses(const char *text, const char *loss, const char *part, const char *other) {
    sg_model *model = model_of(text);
    sg_loss *l = NULL;
    sg_asymptotic *a = NULL;
    const long live = sg_memory_live();
    model->family = &glued;
    assert_int_equal(sg_loss_new(loss, &l), SG_OK);
    const sg_status status = sg_asymptotic_new(model, l, &a);
    if (status != SG_SINGULAR || !strstr(sg_message(), part) || !strstr(sg_message(), other))
        fail_msg("%s %s: %d %s", text, loss, status, status ? sg_message() : "");
    sg_loss_delete(l);
    assert_int_equal(sg_memory_live(), live);
    model->family = ising;
    sg_model_delete(model);
}

static void singular_directions(void **state) {
    (void)state;
    ising = sg_family_find("ising");
    glued = *ising;
    glued.states = glued_states;
    glued.jet = glued_jet;
    glued.move = NULL;
    glued.lump = NULL;
    glued.factors = NULL;
    glued.exchangeable = NULL;
    glued.can |= SG_HARD;
    refuses("ising(graph=path,n=2,free=h0)", "pseudolikelihood", "Dirichlet", "(1 h0)");
    refuses("ising(graph=path,n=2,free=h0)", "masked:k=1", "Dirichlet", "(1 h0)");
    refuses("ising(graph=path,n=2,free=J0-1)", "pseudolikelihood", "Fisher", "(1 J0-1)");
    refuses("ising(graph=path,n=2,free=h0/h1)", "mle", "Fisher", "1 h0, ");
}

/* --------------------------------------------------------------------------- bits */

static void threads_leave_the_bits(void **state) {
    static const char *const some[] = {"pseudolikelihood", "masked-random:k=2", "mle", "rise"};
    const int before = omp_get_max_threads();
    (void)state;
    for (int l = 0; l < 4; l++) {
        double bits[3][8];
        for (int t = 1; t <= 3; t++) {
            omp_set_num_threads(t);
            finite_case c = open_case("ising(graph=ring,n=12,beta=0.4,h=0.1,free=tied)", some[l]);
            double *to = bits[t - 1];
            memcpy(to, c.a->gamma, 4 * sizeof(double));
            memcpy(to + 4, c.a->inefficiency, 2 * sizeof(double));
            to[6] = c.a->restricted_poincare, to[7] = c.a->rho;
            close_case(&c);
        }
        assert_memory_equal(bits[0], bits[1], sizeof bits[0]);
        assert_memory_equal(bits[0], bits[2], sizeof bits[0]);
    }
    omp_set_num_threads(before);
}

static void failed_allocations_leave_nothing(void **state) {
    sg_model *model = model_of("ising(graph=ring,n=4,beta=0.4,free=tied)");
    (void)state;
    for (int l = 0; l < 3; l++) {
        static const char *const some[] = {"masked-random:k=2", "rise", "mle"};
        sg_loss *loss = NULL;
        assert_int_equal(sg_loss_new(some[l], &loss), SG_OK);
        const long live = sg_memory_live();
        for (long k = 1;; k++) {
            sg_asymptotic *a = NULL;
            sg_memory_fail_after(k);
            const sg_status status = sg_asymptotic_new(model, loss, &a);
            sg_memory_fail_after(0);
            sg_asymptotic_delete(a);
            assert_int_equal(sg_memory_live(), live);
            if (!status) break;
            assert_int_equal(status, SG_NO_MEMORY);
        }
        sg_loss_delete(loss);
    }
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring),
        cmocka_unit_test(curie_weiss),
        cmocka_unit_test(ferromagnet),
        cmocka_unit_test(random_masks),
        cmocka_unit_test(averaged_masks),
        cmocka_unit_test(counts_and_states),
        cmocka_unit_test(profiles_of_many_states),
        cmocka_unit_test(profiles_of_another_covariance),
        cmocka_unit_test(nearly_dependent),
        cmocka_unit_test(singular_directions),
        cmocka_unit_test(threads_leave_the_bits),
        cmocka_unit_test(failed_allocations_leave_nothing),
    };
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests_name("finite", tests, NULL, NULL);
}
