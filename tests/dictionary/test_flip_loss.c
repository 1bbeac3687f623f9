/*
 * The local losses on sites: rho against its derivatives and the rates; psi = factor L S, the Dirichlet matrix, E psi =
 * 0 by enumeration; derivatives by differences; alike sites by counts; hooks against fall-backs.
 */
#include "states.h"

#include "dictionary/flip-loss.h"
#include "dictionary/site-view.h"

static const struct {
    const char *name;
    ratio_rate *rate;
} rows[] = {{"pseudolikelihood", bath_rate},
            {"probability-flow", flow_rate},
            {"ratio-matching", ratio_matching_rate},
            {"concrete-score", concrete_rate},
            {"rise:sites=pooled", flow_rate}};
enum { ROWS = sizeof rows / sizeof *rows };

static const char *const models[] = {
    "ising:graph=complete,n=5,couplings=gauss,beta=0.6,h=0.3,coupling-seed=4",
    "ising:graph=complete,n=4,couplings=pm,beta=1.2,h=-0.7,free=J0-1/J2-3/h1",
    "ising:graph=ring,n=5,beta=-0.8,h=0.4,free=tied",
    "ising:graph=ring,n=6,couplings=gauss,beta=0.5,h=0.2,free=beta",
    "parity:n=5,k=3,J=0.8",
};
enum { MODELS = sizeof models / sizeof *models };

static void rho_and_rate_belong_together(void **state) {
    (void)state;
    enum { POINTS = 201 };
    for (int k = 0; k < ROWS; k++) {
        sg_loss *loss;
        double u[POINTS], value[POINTS], slope[POINTS], bend[POINTS], rate[POINTS], up[2][POINTS], down[2][POINTS];
        OK(sg_loss_new(rows[k].name, &loss));
        const double factor = loss->row->factor ? loss->row->factor : 1, h = 1e-4;
        for (int i = 0; i < POINTS; i++) u[i] = 0.06 * (i - POINTS / 2) + 1e-3;
        loss->row->rate(NULL, POINTS, u, rate);
        loss->row->rho(POINTS, u, value, slope, bend);
        for (int i = 0; i < POINTS; i++) u[i] += h;
        loss->row->rho(POINTS, u, up[0], up[1], NULL);
        for (int i = 0; i < POINTS; i++) u[i] -= 2 * h;
        loss->row->rho(POINTS, u, down[0], down[1], NULL);
        for (int i = 0; i < POINTS; i++) {
            assert_near(slope[i], factor * rate[i], 1e-14 * rate[i]);
            assert_near((up[0][i] - down[0][i]) / (2 * h), slope[i], 1e-6 * (1 + fabs(value[i])));
            assert_near((up[1][i] - down[1][i]) / (2 * h), bend[i], 1e-6 * (1 + fabs(value[i])));
        }
        sg_loss_delete(loss);
    }
}

static void nothing_happens_at_forbidden_neighbours(void **state) {
    (void)state;
    const double u[] = {-INFINITY, -1e300, -800, 800, 1e300};
    double value[5], slope[5], bend[5];
    sg_row_find("pseudolikelihood")->rho(5, u, value, slope, bend);
    for (int i = 0; i < 3; i++) assert_true(value[i] == 0 && slope[i] == 0 && bend[i] == 0);
    for (int i = 3; i < 5; i++) assert_true(value[i] == u[i] && slope[i] == 1 && bend[i] == 0);
}

static void losses_belong_to_their_generators(void **state) {
    (void)state;
    for (int a = 0; a < MODELS; a++)
        for (int k = 0; k < ROWS; k++) {
            states *s = open_states(models[a], rows[k].name);
            generate_jumps(s, rows[k].rate, -1);
            check_generator(s, 1e-13);
            close_states(s);
        }
}

static void derivatives_are_those_of_the_value(void **state) {
    (void)state;
    sg_stream stream;
    sg_stream_open(&stream, 11, SG_PURPOSE_TEST, 0);
    for (int a = 0; a < MODELS; a++)
        for (int k = 0; k < ROWS; k++) {
            states *s = open_states(models[a], rows[k].name);
            double theta[64];
            draw_theta(s->model, &stream, 0.4, theta);
            check_derivatives(s, theta, 1e-8);
            close_states(s);
        }
}

/* Where some states are forbidden pseudolikelihood stands alone. */
static void forbidden_states_have_no_part(void **state) {
    (void)state;
    static const char *const hard[] = {"hardcore:graph=ring,n=5,lambda=1.7", "hardcore:graph=path,n=4,lambda=0.6",
                                       "hardcore:graph=complete,n=4,lambda=2"};
    for (int a = 0; a < 3; a++) {
        states *s = open_states(hard[a], "pseudolikelihood");
        generate_jumps(s, bath_rate, -1);
        check_generator(s, 1e-13);
        check_derivatives(s, s->theta, 1e-9);
        for (int k = 1; k < ROWS; k++) {
            sg_loss *loss;
            OK(sg_loss_new(rows[k].name, &loss));
            assert_int_equal(sg_loss_fits(loss, s->model), SG_MISFIT);
            sg_loss_delete(loss);
        }
        close_states(s);
    }
}

/* Several states a site, without hooks: all moves of a site. */
static void more_states_a_site(void **state) {
    (void)state;
    for (int k = 1; k < ROWS; k++) {
        states *s = open_states_of(jet_model(&plain_family, 4, 3), rows[k].name);
        generate_jumps(s, rows[k].rate, -1);
        check_generator(s, 1e-13);
        check_derivatives(s, s->theta, 1e-7);
        close_states(s);
    }
}

/* ------------------------------------------------------------------ sites alike */

static void alike_sites_are_counted(void **state) {
    (void)state;
    for (int k = 0; k < ROWS; k++) {
        check_counts("ising:graph=curie-weiss,n=6,beta=1.3,h=0.2,free=tied", rows[k].name);
        check_counts("ising:graph=complete,n=5,beta=-0.4,h=-0.3,free=h", rows[k].name);
        check_counts("parity:n=6,k=6,J=0.9", rows[k].name);
    }
    check_counts("hardcore:graph=complete,n=6,lambda=1.4", "pseudolikelihood");
}

/* --------------------------------------------------------------- hooks, options */

static void fall_backs_equal_hooks(void **state) {
    (void)state;
    for (int a = 0; a < MODELS; a++)
        for (int k = 0; k < ROWS; k++) {
            sg_family family;
            states *s = open_states_of(stripped(models[a], &family), rows[k].name);
            states *t = open_states(models[a], rows[k].name);
            const sg_block block = all_states(s);
            look(s, s->theta, &block, ALL_WANT);
            look(t, s->theta, &block, ALL_WANT);
            for (int x = 0; x < s->states; x++) {
                assert_near(t->datum.value[x], s->datum.value[x], 1e-11 * (1 + fabs(s->datum.value[x])));
                for (int j = 0; j < s->m; j++)
                    assert_near(t->datum.psi[j * SG_BLOCK + x], s->datum.psi[j * SG_BLOCK + x],
                                1e-11 * (1 + fabs(s->datum.psi[j * SG_BLOCK + x])));
            }
            for (int j = 0; j < s->m * s->m; j++) {
                assert_near(t->datum.curvature_sum[j], s->datum.curvature_sum[j],
                            1e-11 * (1 + fabs(s->datum.curvature_sum[j])));
                assert_near(t->datum.dirichlet_sum[j], s->datum.dirichlet_sum[j],
                            1e-11 * (1 + fabs(s->datum.dirichlet_sum[j])));
            }
            close_states(s);
            close_states(t);
        }
}

/* Readings that are asked for alone are the same, and a block without weights has weights of one. */
static void readings_do_not_depend_on_each_other(void **state) {
    (void)state;
    static const int alone[] = {SG_VALUE, SG_PSI, SG_CURVATURE, SG_DIRICHLET, SG_SCORE};
    states *s = open_states(models[0], "ratio-matching"), *t = open_states(models[0], "ratio-matching");
    sg_block block = all_states(s);
    double ones[SG_BLOCK];
    for (int i = 0; i < SG_BLOCK; i++) ones[i] = 1;
    block.weight = ones;
    look(s, s->theta, &block, ALL_WANT);
    block.weight = NULL;
    for (int k = 0; k < 5; k++) {
        look(t, s->theta, &block, alone[k]);
        const size_t square = (size_t)(s->m * s->m) * sizeof(double);
        if (k == 0) assert_memory_equal(t->datum.value, s->datum.value, (size_t)s->states * sizeof(double));
        for (int j = 0; k == 1 && j < s->m; j++)
            assert_memory_equal(t->datum.psi + j * SG_BLOCK, s->datum.psi + j * SG_BLOCK,
                                (size_t)s->states * sizeof(double));
        if (k == 2) assert_memory_equal(t->datum.curvature_sum, s->datum.curvature_sum, square);
        if (k == 3) assert_memory_equal(t->datum.dirichlet_sum, s->datum.dirichlet_sum, square);
    }
    close_states(s);
    close_states(t);
}

/* ------------------------------------------------------------------------- sizes */

/* A thousand sites: the mean of psi in a tied model, sites one by one and counted. */
static void a_thousand_sites(void **state) {
    (void)state;
    sg_family family;
    enum { N = 1000, POINTS = 64 };
    const char *text = "ising:graph=curie-weiss,n=1000,beta=0.9,h=0.1,free=tied";
    sg_model *model = model_of(text), *plain = model_of(text);
    family = *plain->family;
    family.exchangeable = NULL;
    plain->family = &family;
    double *x, *u;
    sg_stream stream;
    sg_stream_open(&stream, 5, SG_PURPOSE_TEST, 0);
    OK(sg_new(&x, (size_t)N * SG_BLOCK, sizeof(double)));
    OK(sg_new(&u, N, sizeof(double)));
    for (int i = 0; i < POINTS; i++) {
        sg_stream_uniform(&stream, N, u);
        for (int a = 0; a < N; a++) x[a * SG_BLOCK + i] = u[a] < 0.3 + 0.005 * i ? 1 : -1;
    }
    const sg_block block = {.n = POINTS, .d = N, .draws = 1, .x = x};
    for (int k = 0; k < ROWS; k++) {
        sg_loss *loss;
        sg_prepared *prepared;
        static double value[2][SG_BLOCK], psi[2][2 * SG_BLOCK], curvature[2][4], dirichlet[2][4];
        memset(curvature, 0, sizeof curvature);
        memset(dirichlet, 0, sizeof dirichlet);
        OK(sg_loss_new(rows[k].name, &loss));
        OK(sg_loss_prepare(loss, model, NULL, &prepared));
        for (int turn = 0; turn < 2; turn++) {
            sg_site_view *view;
            sg_datum datum = {.m = 2,
                              .want = SG_VALUE | SG_PSI | SG_CURVATURE | SG_DIRICHLET,
                              .value = value[turn],
                              .psi = psi[turn],
                              .curvature_sum = curvature[turn],
                              .dirichlet_sum = dirichlet[turn]};
            OK(sg_site_view_new(turn ? plain : model, &view));
            sg_site_view_at(view, model->truth, &block);
            loss->row->sites(prepared, NULL, view, &datum);
            sg_site_view_delete(view);
        }
        for (int i = 0; i < POINTS; i++) {
            assert_near(value[0][i], value[1][i], 1e-10 * fabs(value[1][i]));
            for (int j = 0; j < 2; j++) assert_near(psi[0][j * SG_BLOCK + i], psi[1][j * SG_BLOCK + i], 1e-9 * N);
        }
        for (int at = 0; at < 4; at++) {
            assert_near(curvature[0][at], curvature[1][at], 1e-10 * fabs(curvature[1][at]));
            assert_near(dirichlet[0][at], dirichlet[1][at], 1e-10 * fabs(dirichlet[1][at]));
        }
        sg_loss_release(loss, prepared);
        sg_loss_delete(loss);
    }
    sg_delete(x);
    sg_delete(u);
    sg_model_delete(model);
    sg_model_delete(plain);
}

static void views_leak_nothing(void **state) {
    (void)state;
    sg_model *model = model_of(models[0]);
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status != SG_OK; k++) {
        sg_site_view *view;
        sg_memory_fail_after(k);
        status = sg_site_view_new(model, &view);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        sg_site_view_delete(view);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rho_and_rate_belong_together),
        cmocka_unit_test(nothing_happens_at_forbidden_neighbours),
        cmocka_unit_test(losses_belong_to_their_generators),
        cmocka_unit_test(derivatives_are_those_of_the_value),
        cmocka_unit_test(forbidden_states_have_no_part),
        cmocka_unit_test(more_states_a_site),
        cmocka_unit_test(alike_sites_are_counted),
        cmocka_unit_test(fall_backs_equal_hooks),
        cmocka_unit_test(readings_do_not_depend_on_each_other),
        cmocka_unit_test(a_thousand_sites),
        cmocka_unit_test(views_leak_nothing),
    };
    return cmocka_run_group_tests_name("local losses", tests, NULL, NULL);
}
