/*
 * Mixing times on sites with more than two states: product chains, whose distances are those of binomial laws; one law
 * by all eigenpairs, by its evolution on all states, and by classes; explicit chains; what is refused.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "../model.h"
#include "scoregap/mixing.h"
#include "spectrum/chain/jumps.h"
#include "spectrum/chain/sites.h"

void openblas_set_num_threads(int threads);

static sg_status ask(const char *text, const char *loss_text, const char *start, double epsilon, sg_mixing *m) {
    const sg_mixing_settings settings = {.epsilon = epsilon, .points = 5};
    sg_model *model = model_of(text);
    sg_loss *loss = NULL;
    OK(sg_loss_new(loss_text, &loss));
    const sg_status status = sg_spectrum_mixing(model, loss, start, &settings, m);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return status;
}

static sg_mixing answer(const char *text, const char *loss, const char *start, double epsilon) {
    sg_mixing m = {0};
    if (ask(text, loss, start, epsilon, &m)) fail_msg("%s %s %s: %s", text, loss, start, sg_message());
    assert_true(m.mixing_time_lower <= m.mixing_time && m.mixing_time <= m.mixing_time_upper);
    if (isfinite(m.sandwich_lower)) assert_true(m.sandwich_lower <= m.mixing_time_upper);
    if (isfinite(m.sandwich_upper)) assert_true(m.mixing_time_lower <= m.sandwich_upper);
    return m;
}

/* The same process with times `slower` times as long in b. */
static void assert_same(const char *what, sg_mixing *a, sg_mixing *b, double slower, double relative) {
    if (!(fabs(a->mixing_time * slower / b->mixing_time - 1) <= relative))
        fail_msg("%s: %.15g (%s) and %.15g (%s)", what, a->mixing_time * slower, a->method, b->mixing_time, b->method);
    assert_true(a->mixing_time_lower * slower <= b->mixing_time_upper * (1 + 1e-12));
    assert_true(b->mixing_time_lower <= a->mixing_time_upper * slower * (1 + 1e-12));
    for (int i = 0; i < a->points && i < b->points; i++)
        if (!(fabs(a->distance[i] - b->distance[i]) <= 1e-8)) fail_msg("%s: distances differ", what);
    sg_mixing_clear(a);
    sg_mixing_clear(b);
}

/*
 * Without couplings sites are independent; how many are still (or again) in their state of the start is a product of
 * chains on two states, and by symmetry nothing else tells where the start was.
 */
static void products(void **state) {
    static const struct {
        const char *text, *method;
        int n, q;
    } sizes[] = {{"potts(graph=ring,n=5,q=3,beta=0)", "eigenpairs", 5, 3},
                 {"potts(graph=ring,n=3,q=7,beta=0)", "eigenpairs", 3, 7},
                 {"potts(graph=ring,n=9,q=3,beta=0)", "on all 19683 states", 9, 3},
                 {"potts(graph=ring,n=6,q=5,beta=0)", "on all 15625 states", 6, 5},
                 {"potts(graph=complete,n=14,q=3,beta=0,free=tied)", "of classes", 14, 3},
                 {"potts(graph=complete,n=12,q=4,beta=0,free=tied)", "of classes", 12, 4}};
    static const char *const losses[] = {"pseudolikelihood", "probability-flow", "ratio-matching"};
    (void)state;
    for (int k = 0; k < 6; k++)
        for (int l = 0; l < (k < 5 ? 3 : 1); l++) {
            const int n = sizes[k].n, q = sizes[k].q;
            const double each = l == 0 ? 1. / q : l == 1 ? 1 : 0.25; /* rates to each other state; 2 p p^2/(2 p)^3 */
            const sg_mixing_settings settings = {.epsilon = 0.2, .points = 5};
            sg_mixing exact = {0}, m = answer(sizes[k].text, losses[l], "all-1", 0.2);
            OK(sg_product_mixing(n, each, (q - 1) * each, n, &settings, &exact));
            assert_int_equal(m.status, SG_OK);
            if (!strstr(m.method, sizes[k].method)) fail_msg("%s: %s", sizes[k].text, m.method);
            assert_string_equal(m.start, "all in state 1");
            if (k < 4 && l == 0) assert_true(fabs(m.relaxation_time - 1) <= 1e-9);
            assert_same(sizes[k].text, &m, &exact, 1, 1e-9);
        }
    sg_mixing m = answer("potts(graph=ring,n=5,q=3,beta=0)", "pseudolikelihood", "worst", 0.2), exact = {0};
    const sg_mixing_settings settings = {.epsilon = 0.2, .points = 5};
    OK(sg_product_mixing(5, 1. / 3, 2. / 3, 5, &settings, &exact));
    assert_same("worst", &m, &exact, 1, 1e-9);
}

/* Masks of one site run n times as slowly as Glauber; they know no classes, so that the same law comes in another way.
 */
static void classes_and_states(void **state) {
    static const char *const start[] = {"all-0", "all-2", "warm"};
    (void)state;
    for (int k = 0; k < 2; k++)
        for (int i = 0; i < 3; i++) {
            char text[80];
            snprintf(text, sizeof text, "potts(graph=complete,n=8,q=3,beta=%g,free=tied)", k ? -.15 : .25);
            sg_mixing classes = answer(text, "pseudolikelihood", start[i], 0.2);
            sg_mixing states = answer(text, "masked", start[i], 0.2);
            assert_non_null(strstr(classes.method, "classes"));
            assert_non_null(strstr(states.method, "on all 6561 states"));
            assert_string_equal(classes.start, states.start);
            assert_true(fabs(classes.relaxation_time * 8 / states.relaxation_time - 1) <= 1e-8);
            assert_same(text, &classes, &states, 8, 1e-9);
        }
}

/* All eigenpairs against uniformization of the explicit chain: no start is above epsilon, and the worst is there. */
static void worst_of_all(void **state) {
    static const struct {
        const char *text, *loss;
    } some[] = {{"potts(graph=path,n=4,q=3,beta=0.8)", "pseudolikelihood"},
                {"potts(graph=ring,n=4,q=3,beta=-0.9)", "probability-flow"},
                {"potts(graph=ring,n=4,q=3,beta=0.7)", "masked:k=2"},
                {"potts(graph=path,n=3,q=4,beta=1.2)", "concrete-score"}};
    (void)state;
    for (int k = 0; k < 4; k++) {
        sg_mixing m = answer(some[k].text, some[k].loss, "worst", 0.25);
        sg_model *model = model_of(some[k].text);
        sg_jumps jumps;
        sg_site_blocks blocks = {0};
        sg_chain chain;
        sg_loss *loss;
        int *from, *to;
        double *log_rate;
        OK(sg_loss_new(some[k].loss, &loss));
        OK(sg_jumps_open(model, loss, &jumps));
        OK(sg_jumps_list(&jumps));
        if (loss->row->blocks) OK(loss->row->blocks(loss->options, model, &blocks));
        const sg_sites sites = {model->space.d, model->space.q, jumps.log_p, loss->row->blocks ? &blocks : NULL,
                                sg_jumps_rate,  &jumps};
        OK(sg_sites_chain(&sites, &chain, &from, &to, &log_rate));
        for (int x = 0; x < chain.n; x++) {
            double distance, error;
            OK(sg_chain_distance(&chain, x, m.mixing_time, &distance, &error));
            if (!(distance <= 0.25 + 1e-9)) fail_msg("%s: state %d is at %.12g", some[k].text, x, distance);
            if (x == m.state && !(fabs(distance - 0.25) <= 1e-9)) fail_msg("%s: %.12g", some[k].text, distance);
        }
        sg_delete(from);
        sg_delete(to);
        sg_delete(log_rate);
        sg_delete(blocks.mask);
        sg_delete(blocks.rate);
        sg_jumps_close(&jumps);
        sg_loss_delete(loss);
        sg_model_delete(model);
        sg_mixing_clear(&m);
    }
}

/* Beyond what can be tried: a candidate, and a bound over all starts that holds for another one. */
static void candidates(void **state) {
    (void)state;
    const char *text = "potts(graph=ring,n=8,q=3,beta=0.5)";
    sg_mixing m = answer(text, "pseudolikelihood", "worst", 0.25);
    sg_mixing other = answer(text, "pseudolikelihood", "state:01201201", 0.25);
    assert_int_equal(m.status, SG_UNCERTIFIED);
    assert_non_null(strstr(m.start, "worst of 3"));
    assert_string_equal(other.start, "state 01201201");
    assert_true(other.mixing_time <= m.mixing_time_upper && isfinite(m.mixing_time_upper));
    sg_mixing_clear(&m);
    sg_mixing_clear(&other);
    m = answer("potts(graph=complete,n=24,q=3,beta=0.02,free=tied)", "pseudolikelihood", "worst", 0.25);
    assert_int_equal(m.status, SG_UNCERTIFIED);
    assert_true(m.mixing_time > 0 && isnan(m.relaxation_time) && m.mixing_time_upper == INFINITY);
    sg_mixing_clear(&m);
}

/* Two states by either name; a start given by its sites. */
static void two_states(void **state) {
    static const char *const start[] = {"worst", "all-plus", "state:01101", "warm"};
    (void)state;
    for (int i = 0; i < 4; i++) {
        sg_mixing a = answer("potts(graph=ring,n=5,q=2,beta=0.8,free=tied)", "pseudolikelihood", start[i], 0.1);
        sg_mixing b = answer("ising(graph=ring,n=5,beta=0.4,free=tied)", "pseudolikelihood", start[i], 0.1);
        assert_same(start[i], &a, &b, 1, 1e-10);
    }
}

/* TV = exp(-t) (1 - pi), by all states and by classes; warm starts are half of the law. */
static void resampling(void **state) {
    (void)state;
    const double J = 0.3, z = 3 * exp(3 * J) + 18 * exp(J) + 6; /* three sites of three states, all joined */
    sg_mixing m = answer("potts(graph=complete,n=3,q=3,beta=0.3,free=tied)", "mle", "all-2", 0.1);
    assert_true(fabs(m.distance[0] - (1 - exp(3 * J) / z)) <= 1e-14);
    assert_true(fabs(m.mixing_time - log(m.distance[0] / 0.1)) <= 1e-12);
    sg_mixing_clear(&m);
    m = answer("potts(graph=complete,n=3,q=3,beta=0.3,free=tied)", "mle", "worst", 0.1);
    assert_true(fabs(m.distance[0] - (1 - 1 / z)) <= 1e-14);
    sg_mixing_clear(&m);
    m = answer("potts(graph=complete,n=60,q=3,beta=0,free=tied)", "mle", "all-2", 0.1);
    assert_true(fabs(m.mixing_time - log(10)) <= 1e-12);
    sg_mixing_clear(&m);
    m = answer("potts(graph=complete,n=4,q=3,beta=0.3,free=tied)", "mle", "warm", 0.1);
    sg_mixing whole = answer("potts(graph=complete,n=4,q=3,beta=0.3,free=tied)", "masked:k=4", "warm", 0.1);
    assert_true(m.distance[0] <= 0.5 + 1e-12);
    assert_same("warm", &m, &whole, 1, 1e-10);
}

/*
 * Swendsen-Wang on one bond, q states: after an update all states are alike given 1{x_1 = x_2}, whose chain has the
 * eigenvalue l = (1 - e^-J)(1 - 1/q) and the law a = e^J/(e^J + q - 1): TV = max(a, 1 - a) l^k after k updates.
 */
static void one_bond(void **state) {
    (void)state;
    for (int q = 3; q <= 6; q += 3)
        for (double J = 0.5; J < 4; J += 0.9) {
            char text[80];
            const double l = -expm1(-J) * (1 - 1. / q), a = exp(J) / (exp(J) + q - 1), most = fmax(a, 1 - a);
            snprintf(text, sizeof text, "potts(graph=path,n=2,q=%d,beta=%.17g)", q, J);
            for (double epsilon = 0.3; epsilon > 1e-4; epsilon /= 7) {
                sg_mixing m = answer(text, "swendsen-wang", "worst", epsilon);
                const double want = fmax(1, ceil(log(most / epsilon) / -log(l)));
                if (m.mixing_time != want) fail_msg("%s: %g updates, %g expected", text, m.mixing_time, want);
                assert_true(fabs(m.relaxation_time * (1 - l) - 1) <= 1e-12);
                sg_mixing_clear(&m);
            }
        }
    sg_mixing m = answer("potts(graph=ring,n=7,q=3,beta=0.5)", "wolff", "all-1", 0.2);
    assert_true(m.mixing_time >= 1 && m.mixing_time == floor(m.mixing_time));
    assert_string_equal(m.start, "all in state 1");
    sg_mixing_clear(&m);
}

static void requests(void **state) {
    static const struct {
        const char *text, *loss, *start;
        sg_status status;
    } wrong[] = {
        {"potts(n=4,q=3)", "pseudolikelihood", "all-plus", SG_MISFIT},
        {"potts(n=4,q=3)", "pseudolikelihood", "all-3", SG_MISFIT},
        {"ising(n=4)", "pseudolikelihood", "all-1", SG_MISFIT},
        {"potts(n=4,q=3)", "pseudolikelihood", "x=1", SG_MISFIT},
        {"potts(n=4,q=3)", "pseudolikelihood", "state:012", SG_BAD_SYNTAX},
        {"potts(n=4,q=3)", "pseudolikelihood", "state:01203", SG_BAD_SYNTAX},
        {"potts(n=4,q=3)", "pseudolikelihood", "state:0123", SG_BAD_SYNTAX},
        {"potts(n=4,q=3)", "pseudolikelihood", "warmer", SG_UNKNOWN},
        {"potts(n=20,q=3,free=tied)", "pseudolikelihood", "all-0", SG_REFUSED},
        {"potts(n=8,q=3)", "swendsen-wang", "all-0", SG_REFUSED},
        {"potts(n=4,q=3,beta=-1)", "swendsen-wang", "all-0", SG_OUT_OF_RANGE},
    };
    (void)state;
    for (size_t k = 0; k < sizeof wrong / sizeof *wrong; k++) {
        sg_mixing m = {0};
        const sg_status status = ask(wrong[k].text, wrong[k].loss, wrong[k].start, 0.25, &m);
        if (status != wrong[k].status)
            fail_msg("%s %s %s: %s", wrong[k].text, wrong[k].loss, wrong[k].start, sg_status_name(status));
    }
    assert_int_equal(sg_memory_live(), 0);
}

static void failed_allocations_leave_nothing(void **state) {
    static const struct {
        const char *text, *loss, *start;
    } job[] = {{"potts(graph=ring,n=3,q=3,beta=0.3)", "masked:k=2", "worst"},
               {"potts(graph=ring,n=8,q=3,beta=0.1)", "masked", "warm"},
               {"potts(graph=ring,n=8,q=3,beta=0.1)", "probability-flow", "all-0"},
               {"potts(graph=complete,n=14,q=3,beta=0.01,free=tied)", "pseudolikelihood", "warm"},
               {"potts(graph=ring,n=3,q=3,beta=0.3)", "swendsen-wang", "worst"}};
    (void)state;
    for (size_t j = 0; j < sizeof job / sizeof *job; j++) {
        const sg_mixing_settings settings = {.epsilon = 0.4, .points = 3};
        sg_model *model = model_of(job[j].text);
        sg_loss *loss = NULL;
        OK(sg_loss_new(job[j].loss, &loss));
        bool ended = true;
        for (long k = 1; ended; k += 1 + k / 8) {
            sg_mixing m = {0};
            const long before = sg_memory_live();
            sg_memory_fail_after(k);
            const sg_status status = sg_spectrum_mixing(model, loss, job[j].start, &settings, &m);
            sg_memory_fail_after(0);
            if (status && status != SG_NO_MEMORY) fail_msg("%s, call %ld: %s", job[j].text, k, sg_message());
            ended = status == SG_NO_MEMORY || k < 40;
            sg_mixing_clear(&m);
            assert_int_equal(sg_memory_live(), before);
        }
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products),
        cmocka_unit_test(classes_and_states),
        cmocka_unit_test(worst_of_all),
        cmocka_unit_test(candidates),
        cmocka_unit_test(two_states),
        cmocka_unit_test(resampling),
        cmocka_unit_test(one_bond),
        cmocka_unit_test(requests),
        cmocka_unit_test(failed_allocations_leave_nothing),
    };
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
