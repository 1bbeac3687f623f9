/*
 * Spectral measures on finite sets three ways that share no code: all eigenpairs by LAPACK, numbers of sites in state 1
 * with their own chain, and Lanczos' processes.
 */
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
#include "spectrum/chain/operator.h"

void openblas_set_num_threads(int threads);

enum { FUNCTIONS = 3, MANY = 40 };

/* The number of sites in state 1 with a slope, a number that is drawn for each state, an indicator. */
static sg_status drawn(void *context, bool by_counts, int first, int functions, double *f) {
    const sg_model *model = context;
    const int q = model->space.q;
    const size_t n = by_counts ? (size_t)model->space.d + 1 : (size_t)llround(sg_model_states(model));
    sg_stream stream;
    assert_false(by_counts);
    for (int j = first; j < first + functions; j++, f += n) {
        sg_stream_open(&stream, 77, SG_PURPOSE_TEST, (uint32_t)j);
        if (j == 1) sg_stream_normal(&stream, n, f);
        for (size_t x = 0; x < n && j != 1; x++) {
            size_t left = x;
            double sum = 0;
            for (int i = 0; i < model->space.d; i++, left /= (size_t)q)
                sum += (1 + .1 * i) * (double)(left % (size_t)q);
            f[x] = j == 0 ? sum : x == 1;
        }
    }
    return SG_OK;
}

/* Functions of the number of sites in state 1. */
static sg_status counted(void *context, bool by_counts, int first, int functions, double *f) {
    const sg_model *model = context;
    const size_t n = by_counts ? (size_t)model->space.d + 1 : (size_t)1 << model->space.d;
    for (int j = first; j < first + functions; j++, f += n)
        for (size_t x = 0; x < n; x++) {
            const double k = by_counts ? (double)x : __builtin_popcountll(x);
            f[x] = j == 0 ? k : j == 1 ? exp(-k) : cos(3 * k);
        }
    return SG_OK;
}

static double total(const sg_measures *m, int j, int power) {
    double sum = 0;
    for (int k = 0; k < m->count; k++) sum += m->weight[j * m->count + k] * pow(m->value[k], power);
    return sum;
}

/* The moments of all, and every eigenvalue below the limit with its weights. */
static void compare(const char *what, const sg_measures *all, const sg_measures *some) {
    assert_true(all->limit == INFINITY && some->steps > 0);
    if (!some->count) fail_msg("%s: none of %d has converged, limit %g", what, all->count, some->limit);
    for (int j = 0; j < all->functions; j++)
        for (int i = 0; i < 3; i++) {
            const double want = total(all, j, i), got = some->moment[3 * j + i];
            if (!(fabs(got / want - 1) <= 1e-11))
                fail_msg("%s: moment %d of function %d: %.15g, expected %.15g", what, i, j, got, want);
        }
    int at = 0;
    for (int k = 0; k < all->count; k++) {
        double share = 0;
        for (int j = 0; j < all->functions; j++)
            share = fmax(share, all->weight[j * all->count + k] / total(all, j, 0));
        if (share < 1e-11) continue;
        while (at < some->count && some->value[at] < all->value[k] - some->error[at] - all->error[k]) at++;
        const bool last = at == some->count;
        if (last && all->value[k] >= some->limit) break;
        if (last && some->count == MANY) break;
        if (last || fabs(some->value[at] - all->value[k]) > some->error[at] + all->error[k])
            fail_msg("%s: eigenvalue %.15g with a share of %.3g is not found; limit %.15g, the last %.15g", what,
                     all->value[k], share, some->limit, some->value[some->count - 1]);
        for (int j = 0; j < all->functions; j++) {
            const double want = all->weight[j * all->count + k], got = some->weight[j * some->count + at];
            if (!(fabs(got - want) <= 1e-9 * total(all, j, 0)))
                fail_msg("%s: weight of %d at %.15g: %.15g, expected %.15g", what, j, all->value[k], got, want);
        }
    }
}

static sg_loss *loss_of(const char *text) {
    sg_loss *loss = NULL;
    OK(sg_loss_new(text, &loss));
    return loss;
}

static const char *const losses[] = {"pseudolikelihood",       "masked:k=2",       "masked:blocks=contiguous,k=3",
                                     "masked-random:rate=0.4", "probability-flow", "ratio-matching",
                                     "concrete-score"};
enum { LOSSES = sizeof losses / sizeof *losses };

static void processes_and_pairs(void **state) {
    static const char *const models[] = {"ising(graph=complete,n=8,beta=0.3,h=0.2,couplings=gauss)",
                                         "ising(graph=ring,n=9,beta=0.8)",
                                         "hardcore(graph=path,n=9,lambda=1.7)",
                                         "potts(graph=ring,n=5,q=3,beta=0.6)",
                                         "potts(graph=complete,n=4,q=4,beta=0.4)",
                                         "parity(n=6,k=3,J=0.7)"};
    (void)state;
    int done = 0;
    for (int i = 0; i < 6; i++) {
        sg_model *model = model_of(models[i]);
        for (int l = 0; l < LOSSES; l++) {
            char what[160];
            sg_loss *loss = loss_of(losses[l]);
            sg_measures *all = NULL, *some = NULL;
            snprintf(what, sizeof what, "%s %s", models[i], losses[l]);
            if (!sg_loss_fits(loss, model)) {
                OK(sg_measures_new(model, loss, FUNCTIONS, drawn, model, MANY, &all));
                OK(sg_measures_by_processes(model, loss, FUNCTIONS, drawn, model, MANY, &some));
                assert_true(!all->moment && all->steps == 0);
                compare(what, all, some);
                done++;
            }
            sg_measures_delete(all);
            sg_measures_delete(some);
            sg_loss_delete(loss);
        }
        sg_model_delete(model);
    }
    assert_true(done >= 35);
}

/* Few were asked for: the slowest of them, and the rest lies above. */
static void slowest(void **state) {
    (void)state;
    sg_model *model = model_of("ising(graph=complete,n=9,beta=0.5,h=0.1,couplings=gauss)");
    sg_loss *loss = loss_of("pseudolikelihood");
    sg_measures *all = NULL, *some = NULL;
    OK(sg_measures_new(model, loss, 1, drawn, model, MANY, &all));
    OK(sg_measures_by_processes(model, loss, 1, drawn, model, 7, &some));
    assert_int_equal(some->count, 7);
    for (int k = 0; k < 7; k++) assert_true(fabs(some->value[k] - all->value[k]) <= some->error[k] + all->error[k]);
    assert_true(some->limit > some->value[6] && some->limit <= all->value[7] + all->error[7]);
    sg_measures_delete(all);
    sg_measures_delete(some);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void counts_and_processes(void **state) {
    static const char *const some_losses[] = {"pseudolikelihood", "probability-flow",  "masked:k=2",
                                              "masked:k=7",       "masked-random:k=3", "masked-random:rate=0.3",
                                              "concrete-score"};
    (void)state;
    sg_model *model = model_of("ising(graph=curie-weiss,n=9,beta=0.7,h=0.05,free=tied)");
    for (int l = 0; l < 7; l++) {
        sg_loss *loss = loss_of(some_losses[l]);
        sg_measures *all = NULL, *some = NULL;
        OK(sg_measures_new(model, loss, FUNCTIONS, counted, model, MANY, &all));
        OK(sg_measures_by_processes(model, loss, FUNCTIONS, counted, model, MANY, &some));
        assert_true(all->count <= 9);
        compare(some_losses[l], all, some);
        sg_measures_delete(all);
        sg_measures_delete(some);
        sg_loss_delete(loss);
    }
    sg_model_delete(model);
}

/* Masks at sizes without a list: product measures have the gap k/n; in an attractive law the slowest mode is symmetric.
 */
static void masks_beyond_lists(void **state) {
    (void)state;
    for (int n = 30; n <= 36; n += 6)
        for (int k = 2; k <= 5; k += 3)
            for (int b = 0; b < 2; b++) {
                char text[96], name[32];
                sg_gap gap;
                sg_measures *m = NULL;
                snprintf(text, sizeof text, "ising(graph=curie-weiss,n=%d,beta=%g,free=tied)", n, b ? .8 : 0);
                snprintf(name, sizeof name, "masked:k=%d", k);
                sg_model *model = model_of(text);
                sg_loss *loss = loss_of(name);
                double updates;
                OK(sg_spectrum_gap(model, loss, NULL, &gap, NULL));
                OK(sg_measures_new(model, loss, 1, counted, model, MANY, &m));
                OK(sg_loss_updates(loss, model, &updates));
                assert_int_equal(gap.status, SG_OK);
                if (!(fabs(m->value[0] / gap.gap - 1) <= 1e-9))
                    fail_msg("%s %s: gap %.15g, slowest symmetric mode %.15g", text, name, gap.gap, m->value[0]);
                if (b == 0 && !(fabs(gap.gap * n / k - 1) <= 1e-11)) fail_msg("%s %s: gap %.15g", text, name, gap.gap);
                assert_true(fabs(updates * n / k - 1) <= 1e-14);
                sg_measures_delete(m);
                sg_loss_delete(loss);
                sg_model_delete(model);
            }
}

/* The top is above the largest eigenvalue, and not far. */
static void top(void **state) {
    static const char *const models[] = {"ising(graph=complete,n=6,beta=0.5,h=0.2,couplings=gauss)",
                                         "potts(graph=ring,n=5,q=3,beta=0.9)", "potts(graph=complete,n=4,q=4,beta=0.8)",
                                         "potts(graph=path,n=3,q=6,beta=1.4)", "hardcore(graph=ring,n=7,lambda=2)"};
    (void)state;
    for (int i = 0; i < 5; i++)
        for (int l = 0; l < LOSSES; l++) {
            sg_model *model = model_of(models[i]);
            sg_loss *loss = loss_of(losses[l]);
            sg_measures *all = NULL;
            double most;
            if (!sg_loss_fits(loss, model)) {
                OK(sg_measures_new(model, loss, FUNCTIONS, drawn, model, MANY, &all));
                OK(sg_jumps_top(model, loss, &most));
                const double largest = all->value[all->count - 1];
                const bool tight = model->space.q == 2 && loss->row->rate && !loss->row->heat_bath;
                if (!(most >= largest * (1 - 1e-12) && most <= (tight ? 1 + 1e-5 : 2.2) * largest))
                    fail_msg("%s %s: largest eigenvalue %.15g, top %.15g", models[i], losses[l], largest, most);
            }
            sg_measures_delete(all);
            sg_loss_delete(loss);
            sg_model_delete(model);
        }
    sg_model *free_sites = model_of("potts(graph=ring,n=5,q=4,beta=0)");
    sg_loss *flow = loss_of("probability-flow");
    double most;
    OK(sg_jumps_top(free_sites, flow, &most)); /* each site moves to the three others at rate 1: eigenvalues 0 and 4 */
    assert_true(fabs(most / 20 - 1) <= 1e-12);
    sg_loss_delete(flow);
    sg_model_delete(free_sites);
}

static void threads_leave_the_bits(void **state) {
    const int before = omp_get_max_threads();
    sg_model *model = model_of("ising(graph=path,n=17,beta=0.4,h=0.1)");
    sg_loss *loss = loss_of("probability-flow");
    double value[2][4];
    (void)state;
    for (int t = 0; t < 2; t++) {
        sg_measures *m = NULL;
        omp_set_num_threads(1 + 2 * t);
        OK(sg_measures_new(model, loss, 1, counted, model, 3, &m));
        assert_int_equal(m->count, 3);
        memcpy(value[t], m->weight, 3 * sizeof(double));
        value[t][3] = m->value[2];
        sg_measures_delete(m);
    }
    omp_set_num_threads(before);
    assert_memory_equal(value[0], value[1], sizeof value[0]);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void refusals(void **state) {
    (void)state;
    sg_model *large = model_of("ising(graph=ring,n=2000,beta=0.4,free=tied)"), *line = model_of("gaussian");
    sg_loss *pl = loss_of("pseudolikelihood"), *sm = loss_of("score-matching");
    sg_measures *m = NULL;
    assert_int_equal(sg_measures_new(large, pl, 1, counted, large, 5, &m), SG_REFUSED);
    assert_non_null(strstr(sg_message(), "2^2000"));
    assert_int_equal(sg_measures_new(line, sm, 1, counted, line, 5, &m), SG_MISFIT);
    assert_null(m);
    sg_loss_delete(pl);
    sg_loss_delete(sm);
    sg_model_delete(large);
    sg_model_delete(line);
}

static void failed_allocations_leave_nothing(void **state) {
    static const char *const models[] = {"ising(graph=path,n=4,beta=0.4)", "potts(graph=path,n=3,q=3,beta=0.4)",
                                         "ising(graph=curie-weiss,n=5,beta=0.4,free=tied)"};
    static const char *const some[] = {"probability-flow", "masked:k=2"};
    (void)state;
    for (int i = 0; i < 12; i++) {
        sg_model *model = model_of(models[i / 4]);
        sg_loss *loss = loss_of(some[i % 2]);
        const long live = sg_memory_live();
        for (long k = 1;; k++) {
            sg_measures *m = NULL;
            sg_memory_fail_after(k);
            const sg_status status = (i / 2 % 2 ? sg_measures_new : sg_measures_by_processes)(
                model, loss, 2, i / 4 == 2 ? counted : drawn, model, 5, &m);
            sg_memory_fail_after(0);
            sg_measures_delete(m);
            assert_int_equal(sg_memory_live(), live);
            if (!status) break;
            assert_int_equal(status, SG_NO_MEMORY);
        }
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(processes_and_pairs),
        cmocka_unit_test(slowest),
        cmocka_unit_test(counts_and_processes),
        cmocka_unit_test(masks_beyond_lists),
        cmocka_unit_test(top),
        cmocka_unit_test(threads_leave_the_bits),
        cmocka_unit_test(refusals),
        cmocka_unit_test(failed_allocations_leave_nothing),
    };
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
