/*
 * Gaps from trajectories.  Coverage: in R = 200 repetitions with other seeds the number of 95 % intervals that miss the
 * exact gap is binomial, mean 10; it may be 2 to 23 (false alarms: P(<= 1) = 4e-4, P(>= 24) = 9e-5 for a law).  Other
 * statistical checks take five standard errors (6e-7).  Seeds are fixed.
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
#include <stdlib.h>
#include <string.h>

#include "../model.h"
#include "../tier.h"
#include "scoregap/trajectory.h"

enum { R = 200, FEWEST = 2, MOST = 23 };

static sg_loss *loss_of(const char *text) {
    sg_loss *loss;
    OK(sg_loss_new(text, &loss));
    return loss;
}

/* ------------------------------------------------------------------- coverage */

typedef struct {
    const char *model, *loss;
    int chains, records;
    double step;  /* 0: by the pilot */
    bool slowest; /* the slowest observable is the slowest mode: the integrated interval holds the gap too */
} law;

static bool holds(const sg_gap_estimate *e, double gap) {
    return e->lower <= gap && gap <= e->upper;
}

static void check_coverage(const law *l) {
    sg_model *model = model_of(l->model);
    sg_loss *loss = loss_of(l->loss);
    sg_gap exact;
    int failed = 0, flagged = 0, missed = 0, missed_integrated = 0, below = 0;
    OK(sg_spectrum_gap(model, loss, NULL, &exact, NULL));
    assert_int_equal(exact.status, SG_OK);
#pragma omp parallel for schedule(dynamic, 1) reduction(+ : failed, flagged, missed, missed_integrated, below)
    for (int k = 0; k < R; k++) {
        const sg_trajectory_settings settings = {
            .records = l->records, .chains = l->chains, .step = l->step, .seed = 7000 + (uint64_t)k};
        sg_trajectory t;
        if (sg_trajectory_gap(model, loss, &settings, &t)) {
            failed++;
            continue;
        }
        flagged += t.status != SG_OK;
        missed += !holds(&t.variational, exact.gap);
        missed_integrated += !holds(&t.integrated, exact.gap);
        below += t.integrated.upper < exact.gap;
    }
    if (failed) fail_msg("%s: %d runs failed", l->model, failed);
    if (flagged > R / 20) fail_msg("%s: %d of %d runs are uncertified", l->model, flagged, (int)R);
    if (missed < FEWEST || missed > MOST) fail_msg("%s: %d of %d intervals miss the gap", l->model, missed, (int)R);
    if (l->slowest && missed_integrated > MOST)
        fail_msg("%s: %d of %d integrated intervals miss the gap", l->model, missed_integrated, (int)R);
    if (below > MOST) fail_msg("%s: %d of %d integrated intervals lie below the gap", l->model, below, (int)R);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void intervals_cover(void **state) {
    static const law laws[] = {
        {"gaussian", "score-matching", 16, 256, 0, true},
        {"ising:graph=path,n=2,beta=0.7", "pseudolikelihood", 16, 256, 0, true},
        {"double-well:h=3", "score-matching", 24, 128, 0.5, false},
        {"ising:n=8,beta=0.4", "pseudolikelihood", 16, 256, 0, true},
        {"ising:graph=curie-weiss,n=50,beta=0.8,free=tied", "pseudolikelihood", 16, 128, 0, false},
    };
    (void)state;
    const size_t count = second_tier() ? sizeof laws / sizeof *laws : 2;
    for (size_t k = 0; k < count; k++) check_coverage(&laws[k]);
}

/* Sites with more than two states, and updates in discrete time; Wolff on a path has -0.45 beside the slowest 0.26. */
static void intervals_cover_sites(void **state) {
    static const law laws[] = {
        {"loglinear", "pseudolikelihood", 16, 1024, 0, false},
        {"potts:graph=complete,n=5,q=3,beta=0.6,free=tied", "swendsen-wang", 16, 256, 0, false},
        {"ising:graph=path,n=3,beta=0.5", "wolff", 16, 256, 0, false},
        {"potts:graph=path,n=2,q=4,beta=1.5", "swendsen-wang", 16, 256, 0, true},
        {"ising:graph=curie-weiss,n=8,beta=1.1,free=tied", "swendsen-wang", 16, 256, 0, false},
    };
    (void)state;
    const size_t count = second_tier() ? sizeof laws / sizeof *laws : 3;
    for (size_t k = 0; k < count; k++) check_coverage(&laws[k]);
}

/* One run each: within five standard errors (Student's t with 15 degrees of freedom: 1.6e-4). */
static void other_processes(void **state) {
    static const char *const list[][2] = {
        {"gaussian:s=2", "preconditioned:value=4"},
        {"ising:n=6,beta=0.3,h=0.1", "masked:k=2"},
        {"ising:n=6,beta=0.3,h=0.1", "probability-flow"},
        {"ising:n=6,beta=0.3,h=0.1", "concrete-score"},
        {"hardcore:n=8,lambda=2", "pseudolikelihood"},
        {"parity:n=4,k=4,J=0.5", "pseudolikelihood"},
        {"von-mises", "score-matching"},
        {"mixture", "lifted"},
        {"mixture:m=2,w=0.3", "denoising:sigma=0.5"},
        {"loglinear", "probability-flow"},
        {"loglinear", "masked:k=2"},
        {"potts:graph=complete,n=5,q=3,beta=0.6,free=tied", "wolff"},
        {"ising:graph=curie-weiss,n=9,beta=1.3,free=tied", "wolff"},
    };
    (void)state;
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        sg_model *model = model_of(list[k][0]);
        sg_loss *loss = loss_of(list[k][1]);
        const sg_trajectory_settings settings = {.records = 1024, .chains = 16, .seed = 3};
        sg_gap exact;
        sg_trajectory t;
        OK(sg_spectrum_gap(model, loss, NULL, &exact, NULL));
        OK(sg_trajectory_gap(model, loss, &settings, &t));
        if (!(fabs(t.variational.log_gap - log(exact.gap)) < 5 * t.variational.se) || !(t.variational.se < 0.1))
            fail_msg("%s, %s: %g (se %g of the log), exact %g", list[k][0], list[k][1], t.variational.gap,
                     t.variational.se, exact.gap);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

/* ------------------------------------------------------------------ the start */

/* 24 sites, more than are listed: exact draws all the same.  The exact gap is that of the classes. */
static void large_models(void **state) {
    (void)state;
    sg_model *model = model_of("ising:graph=bipartite,n=24,beta=0.05,free=tied");
    sg_loss *loss = loss_of("pseudolikelihood");
    const sg_trajectory_settings settings = {.records = 512, .seed = 1};
    sg_gap exact;
    sg_trajectory t;
    OK(sg_spectrum_gap(model, loss, NULL, &exact, NULL));
    assert_int_equal(exact.status, SG_OK);
    OK(sg_trajectory_gap(model, loss, &settings, &t));
    if (t.status) fail_msg("%s", t.message);
    assert_string_equal(t.start, "exact draws");
    assert_true(fabs(t.variational.log_gap - log(exact.gap)) < 5 * t.variational.se);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* A family without draws, of too many states to list: started from both ends.  The free sites relax at rate 1, the
 * others at the rate of the formula for parities, n gap = (k/2) (1 - sqrt(1 - 4 (k - 1)/(k cosh J)^2)). */
static void without_a_sampler(void **state) {
    (void)state;
    sg_model *model = model_of("parity:n=24,k=3,J=0.4");
    sg_loss *loss = loss_of("pseudolikelihood");
    const sg_family *parity = model->family;
    sg_family bare = *parity;
    const sg_trajectory_settings settings = {.records = 512, .seed = 1};
    const double gap = 1.5 * (1 - sqrt(1 - 8 / (9 * cosh(0.4) * cosh(0.4))));
    sg_trajectory t;
    bare.draw = NULL;
    bare.factors = NULL;
    model->family = &bare;
    OK(sg_trajectory_gap(model, loss, &settings, &t));
    model->family = parity;
    assert_true(t.burn > 10 && strstr(t.start, "burn-in"));
    /* The slow mode is a product of sites, which the observables need not hold: the estimate is from above. */
    assert_true(t.variational.log_gap > log(gap) - 5 * t.variational.se);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/*
 * Colours without draws: started from both ends.  Swendsen-Wang on a path of 30 sites has the eigenvalue p (1 - 1/q), p
 * = 1
 * - e^-J, whose functions are the bonds; their number is among the observables, though the eigenvalue is multiple.
 */
static void colours_without_a_sampler(void **state) {
    (void)state;
    sg_model *model = model_of("potts:graph=path,n=30,q=3,beta=2,free=tied");
    sg_loss *loss = loss_of("swendsen-wang");
    const sg_family *potts = model->family;
    sg_family bare = *potts;
    const sg_trajectory_settings settings = {.records = 512, .seed = 1};
    const double gap = 1 - (1 - exp(-2)) * 2 / 3;
    sg_trajectory t;
    bare.draw = NULL;
    bare.factors = NULL;
    bare.conditional = NULL;
    model->family = &bare;
    OK(sg_trajectory_gap(model, loss, &settings, &t));
    model->family = potts;
    if (!strstr(t.start, "in state 0, half in 2, burn-in")) fail_msg("%s", t.start);
    assert_true(t.burn > 10 && t.burn == floor(t.burn) && t.step == floor(t.step));
    if (!(fabs(t.integrated.log_gap - log(gap)) < 5 * t.integrated.se)) fail_msg("%g, exact %g", t.integrated.gap, gap);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* Two phases that no chain leaves: said, not estimated. */
static void what_is_not_mixed_is_said(void **state) {
    (void)state;
    sg_model *model = model_of("ising:graph=lattice,shape=6x6,beta=1.2,free=tied");
    sg_loss *loss = loss_of("pseudolikelihood");
    sg_trajectory_settings settings = {.records = 128, .chains = 8, .step = 1};
    sg_trajectory t;
    OK(sg_trajectory_gap(model, loss, &settings, &t));
    assert_int_equal(t.status, SG_UNCERTIFIED);
    assert_true(strlen(t.message) > 20);
    settings.step = 0;
    assert_int_equal(sg_trajectory_gap(model, loss, &settings, &t), SG_NOT_CONVERGED);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* ----------------------------------------------------- series with known answers */

/* f = (y, y^2 - 1) for y_{t+1} = a y_t + sqrt(1 - a^2) z: gap -log(a)/dt, tau* = coth(gap dt/2) = (1 + a)/(1 - a). */
static void autoregression(void **state) {
    enum { CHAINS = 32, RECORDS = 4000 };
    static double f[CHAINS][RECORDS][3];
    const double a = 0.8, dt = 0.5;
    sg_stream stream;
    sg_series_gap out;
    (void)state;
    for (uint32_t c = 0; c < CHAINS; c++) {
        static double z[RECORDS];
        sg_stream_open(&stream, 11, SG_PURPOSE_TEST, c);
        sg_stream_normal(&stream, RECORDS, z);
        double y = z[0];
        for (int t = 0; t < RECORDS; t++) {
            if (t) y = a * y + sqrt(1 - a * a) * z[t];
            f[c][t][0] = 1 + y + y * y;
            f[c][t][1] = y * y - 1;
            f[c][t][2] = 3 * f[c][t][0] - f[c][t][1];
        }
    }
    const sg_series series = {.chains = CHAINS, .records = RECORDS, .count = 3, .dt = dt, .f = &f[0][0][0]};
    OK(sg_series_gap_of(&series, 3, &out));
    assert_int_equal(out.status, SG_OK);
    assert_int_equal(out.rank, 2);
    assert_int_equal(out.lag, 3);
    const double gap = -log(a) / dt;
    assert_true(out.variational.se < 0.02);
    assert_true(fabs(out.variational.log_gap - log(gap)) < 5 * out.variational.se);
    assert_true(fabs(log(out.next / (2 * gap))) < 0.2);
    assert_int_equal(out.slowest, 2); /* 2 y^2 + 3 y + 4 has a larger share of y than 1 + y + y^2 */
    /* Shares of y and of (y^2 - 1)/sqrt 2 in it: 9 and 8; modes a and a^2. */
    const double tau = (9 * (1 + a) / (1 - a) + 8 * (1 + a * a) / (1 - a * a)) / 17;
    assert_true(fabs(out.integrated.log_gap - log(2 / dt * atanh(1 / tau))) < 5 * out.integrated.se + 0.01);
    assert_true(out.integrated.gap > out.variational.upper);
}

static void refusals(void **state) {
    (void)state;
    static double f[8 * 16];
    sg_series series = {.chains = 8, .records = 16, .count = 1, .dt = 1, .f = f};
    sg_series_gap gap;
    assert_int_equal(sg_series_gap_of(&series, 1, &gap), SG_SINGULAR); /* constant */
    series.chains = 7;
    assert_int_equal(sg_series_gap_of(&series, 1, &gap), SG_OUT_OF_RANGE);
    series.chains = 8;
    series.records = 15;
    assert_int_equal(sg_series_gap_of(&series, 1, &gap), SG_OUT_OF_RANGE);
    series.records = 16;
    series.count = 0;
    assert_int_equal(sg_series_gap_of(&series, 1, &gap), SG_OUT_OF_RANGE);
    sg_model *model = model_of("gaussian"), *spins = model_of("ising:n=20");
    sg_loss *kinetic = loss_of("underdamped"), *langevin = loss_of("score-matching"), *wide = loss_of("masked:k=17");
    sg_trajectory t;
    sg_trajectory_settings settings = {.records = 128};
    assert_int_equal(sg_trajectory_gap(model, kinetic, &settings, &t), SG_REFUSED);
    assert_int_equal(sg_trajectory_gap(spins, wide, &settings, &t), SG_OUT_OF_RANGE);
    sg_loss *wolff = loss_of("wolff"), *waves = loss_of("swendsen-wang");
    settings.step = 2;
    assert_int_equal(sg_trajectory_gap(spins, wolff, &settings, &t), SG_OUT_OF_RANGE);
    assert_non_null(strstr(sg_message(), "odd number"));
    settings.step = 0.5;
    assert_int_equal(sg_trajectory_gap(spins, waves, &settings, &t), SG_OUT_OF_RANGE);
    sg_loss_delete(wolff);
    sg_loss_delete(waves);
    settings.step = 0;
    settings.memory = 1000;
    assert_int_equal(sg_trajectory_gap(model, langevin, &settings, &t), SG_NO_MEMORY);
    settings = (sg_trajectory_settings){.records = 127};
    assert_int_equal(sg_trajectory_gap(model, langevin, &settings, &t), SG_OUT_OF_RANGE);
    settings = (sg_trajectory_settings){.records = 128, .chains = 7};
    assert_int_equal(sg_trajectory_gap(model, langevin, &settings, &t), SG_OUT_OF_RANGE);
    static const volatile int stop = 1;
    settings = (sg_trajectory_settings){.records = 128, .stop = &stop};
    assert_int_equal(sg_trajectory_gap(model, langevin, &settings, &t), SG_STOPPED);
    sg_loss_delete(kinetic);
    sg_loss_delete(langevin);
    sg_loss_delete(wide);
    sg_model_delete(model);
    sg_model_delete(spins);
}

static void memory_failures_are_reported(void **state) {
    (void)state;
    sg_model *model = model_of("ising:n=4");
    sg_loss *loss = loss_of("pseudolikelihood");
    const sg_trajectory_settings settings = {.records = 128, .chains = 8, .step = 0.5};
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    sg_trajectory t;
    int k = 1;
    for (; status == SG_NO_MEMORY && k < 5000; k += 1 + k / 8) {
        sg_memory_fail_after(k);
        status = sg_trajectory_gap(model, loss, &settings, &t);
        sg_memory_fail_after(0);
        assert_int_equal(sg_memory_live(), live);
    }
    assert_int_equal(status, SG_OK);
    assert_true(k > 20);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

int main(void) {
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(intervals_cover),
        cmocka_unit_test(intervals_cover_sites),
        cmocka_unit_test(other_processes),
        cmocka_unit_test(large_models),
        cmocka_unit_test(without_a_sampler),
        cmocka_unit_test(colours_without_a_sampler),
        cmocka_unit_test(what_is_not_mixed_is_said),
        cmocka_unit_test(autoregression),
        cmocka_unit_test(refusals),
        cmocka_unit_test(memory_failures_are_reported),
    };
    return cmocka_run_group_tests_name("trajectories", tests, NULL, NULL);
}
