/*
 * Mixing times of the cluster processes, in updates: distances of rings from the powers of the matrix by another
 * program (numpy, from the sum over all states of the bonds), one update at infinite temperature, the sandwich, ties.
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

#include "../ok.h"
#include "scoregap/mixing.h"

static sg_model *model_of(const char *text) {
    char copy[256];
    sg_pair pairs[8];
    int count = 0;
    sg_model *model;
    snprintf(copy, sizeof copy, "%s", text);
    OK(sg_pairs_split(copy, 8, pairs, &count));
    OK(sg_model_new("ising", count, pairs, &model));
    return model;
}

static sg_mixing mixing_of(const char *text, const char *row, const char *start, const sg_mixing_settings *settings) {
    sg_model *model = model_of(text);
    sg_loss *loss;
    sg_mixing m;
    OK(sg_loss_new(row, &loss));
    OK(sg_spectrum_mixing(model, loss, start, settings, &m));
    sg_loss_delete(loss);
    sg_model_delete(model);
    return m;
}

static void check_time(const sg_mixing *m, double exact) {
    if (m->status != SG_OK) fail_msg("%s: %s", sg_status_name(m->status), m->message);
    if (m->mixing_time != exact || m->mixing_time_lower != exact || m->mixing_time_upper != exact)
        fail_msg("%g in [%g, %g], exact %g", m->mixing_time, m->mixing_time_lower, m->mixing_time_upper, exact);
}

/* TV from the worst start of a ring of 4 at beta = 0.9 after 1, 2, ... updates. */
static const double all[] = {0.733598362537403, 0.4110331825281104, 0.21488523436447593, 0.11066093929070477,
                             0.056791716856095645},
                    one[] = {0.9530797932966563, 0.3976400075782246, 0.35030102833434396, 0.3085777061891707,
                             0.2718202115646303};

static void ring_of_four(void **state) {
    static const char *const row[] = {"swendsen-wang", "wolff"};
    static const double *const exact[] = {all, one};
    (void)state;
    for (int r = 0; r < 2; r++)
        for (int t = 0; t < 5; t++)
            for (int side = -1; side <= 1; side += 2) {
                const sg_mixing_settings settings = {.epsilon = exact[r][t] + side * 1e-12};
                sg_mixing m = mixing_of("n=4,beta=0.9", row[r], NULL, &settings);
                check_time(&m, side > 0 ? t + 1 : t + 2);
                assert_true(m.mixing_time <= m.sandwich_upper && m.mixing_time >= m.sandwich_lower);
                sg_mixing_clear(&m);
            }
    sg_mixing m = mixing_of("n=4,beta=0.9", "wolff", NULL, NULL);
    assert_true(fabs(m.relaxation_time * (1 - 0.8808785937639974) - 1) < 1e-12); /* lambda_min = -0.88 */
    sg_mixing_clear(&m);
}

/* All sites are drawn afresh; with ties in the distance the enclosure says what rounding leaves open. */
static void infinite_temperature(void **state) {
    const sg_mixing_settings tie = {.epsilon = 0.5};
    (void)state;
    sg_mixing m = mixing_of("n=6,beta=0", "swendsen-wang", "state:010110", NULL);
    check_time(&m, 1);
    assert_string_equal(m.start, "state 010110");
    assert_true(isnan(m.sandwich_lower));
    sg_mixing_clear(&m);
    m = mixing_of("n=6,beta=0", "wolff", NULL, NULL); /* alternates for ever */
    assert_int_equal(m.status, SG_REFUSED);
    assert_true(isnan(m.mixing_time) && m.relaxation_time > 1e12);
    sg_mixing_clear(&m);
    m = mixing_of("graph=path,n=2,beta=0", "wolff", "all-plus", &tie); /* the distance stays 1/2 */
    assert_true(m.mixing_time_lower <= 1 && (m.status == SG_OK ? m.mixing_time == 1 : m.mixing_time_upper > 1));
    sg_mixing_clear(&m);
}

/* Fields, couplings of both signs, from quick to slow: the sandwich; a profile that falls through epsilon at the time.
 */
static void sandwich(void **state) {
    static const char *const texts[] = {"n=7,beta=1,h=0.4", "graph=complete,n=6,beta=2,couplings=gauss,coupling-seed=1",
                                        "graph=complete,n=6,beta=-0.4", "graph=tree,n=7,couplings=pm,h=-1"};
    static const char *const row[] = {"swendsen-wang", "wolff"};
    (void)state;
    for (size_t k = 0; k < sizeof texts / sizeof *texts; k++)
        for (int r = 0; r < 2; r++) {
            const sg_mixing_settings settings = {.epsilon = 0.2, .points = 7};
            sg_mixing m = mixing_of(texts[k], row[r], NULL, &settings), named;
            check_time(&m, m.mixing_time);
            assert_true(m.mixing_time >= m.sandwich_lower && m.mixing_time <= m.sandwich_upper);
            assert_int_equal(m.points, 7);
            for (int i = 0; i < m.points; i++) {
                assert_true(m.time[i] == rint(m.time[i]) && (i == 0 || m.distance[i] <= m.distance[i - 1] + 1e-12));
                assert_true((m.distance[i] <= 0.2) == (m.time[i] >= m.mixing_time));
            }
            named = mixing_of(texts[k], row[r], "all-plus", &settings);
            assert_true(named.mixing_time <= m.mixing_time);
            sg_mixing_clear(&named);
            named = mixing_of(texts[k], row[r], "warm", &settings);
            assert_true(named.mixing_time <= m.mixing_time);
            sg_mixing_clear(&named);
            sg_mixing_clear(&m);
        }
}

static void what_is_refused(void **state) {
    sg_model *large = model_of("n=12"), *small = model_of("n=7");
    sg_loss *loss;
    sg_mixing m;
    const sg_mixing_settings little = {.memory = 200000};
    (void)state;
    OK(sg_loss_new("swendsen-wang", &loss));
    assert_int_equal(sg_spectrum_mixing(large, loss, NULL, NULL, &m), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "at most 11 sites"));
    assert_int_equal(sg_spectrum_mixing(small, loss, NULL, &little, &m), SG_NO_MEMORY);
    sg_loss_delete(loss);
    sg_model_delete(large);
    sg_model_delete(small);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ring_of_four),
        cmocka_unit_test(infinite_temperature),
        cmocka_unit_test(sandwich),
        cmocka_unit_test(what_is_refused),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("mixing in discrete time", tests, NULL, NULL);
}
