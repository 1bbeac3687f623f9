/*
 * One site at a time: RISE and pseudolikelihood of a single site in its parameters belong to the generator that moves
 * that site alone; the option sites=; the information at a site; mle on states.
 */
#include "states.h"

#include "dictionary/flip-loss.h"
#include "dictionary/site-view.h"

static const struct {
    const char *row;
    ratio_rate *rate;
} rows[] = {{"rise", flow_rate}, {"pseudolikelihood", bath_rate}};

static const char *const models[] = {"ising:graph=complete,n=4,couplings=gauss,beta=0.7,h=0.4",
                                     "ising:graph=ring,n=5,couplings=pm,beta=0.9,h=-0.3",
                                     "ising:graph=path,n=5,beta=1.1,h=0.2,free=tied"};
enum { MODELS = sizeof models / sizeof *models };

/* The model with the parameters of site `site` free alone. */
static sg_model *model_at(const char *text, int site) {
    sg_model *whole = model_of(text);
    char list[200] = "", longer[256], name[SG_NAME];
    size_t used = 0;
    int count;
    const int *touched = whole->family->touched(whole, site, &count);
    for (int a = 0; a < count; a++) {
        whole->family->parameter(whole, touched[a], name);
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", a ? "/" : "", name);
    }
    snprintf(longer, sizeof longer, "%s,free=%s", text, list);
    sg_model_delete(whole);
    return model_of(longer);
}

/* psi = factor L_i S, E psi = 0 and H = -E S L_i S^T, in the parameters of the site. */
static void a_site_belongs_to_its_generator(void **state) {
    (void)state;
    for (int a = 0; a < 2; a++)
        for (int r = 0; r < 2; r++)
            for (int site = 0; site < 4; site++) {
                char text[64];
                snprintf(text, sizeof text, "%s:sites=%d", rows[r].row, site);
                states *s = open_states_of(model_at(models[a], site), text);
                generate_jumps(s, rows[r].rate, site);
                check_generator(s, 1e-13);
                check_derivatives(s, s->theta, 1e-9);
                close_states(s);
            }
}

/* In the tied model every site touches all parameters. */
static void tied_parameters_are_everywhere(void **state) {
    (void)state;
    for (int r = 0; r < 2; r++) {
        char text[64];
        snprintf(text, sizeof text, "%s:sites=2", rows[r].row);
        states *s = open_states(models[2], text);
        generate_jumps(s, rows[r].rate, 2);
        check_generator(s, 1e-13);
        close_states(s);
    }
}

/* sg_flip_loss_site in its own parameters is sites=I in the model where they are the free ones. */
static void one_site_by_itself(void **state) {
    (void)state;
    for (int a = 0; a < 2; a++)
        for (int r = 0; r < 2; r++)
            for (int site = 0; site < 4; site++) {
                static double value[SG_BLOCK], psi[FREE * SG_BLOCK], curvature[FREE * FREE], dirichlet[FREE * FREE];
                char text[64];
                snprintf(text, sizeof text, "%s:sites=%d", rows[r].row, site);
                states *s = open_states_of(model_at(models[a], site), text);
                sg_model *whole = model_of(models[a]);
                sg_site_view *view;
                const sg_block block = all_states(s);
                const int *list;
                OK(sg_site_view_new(whole, &view));
                sg_site_view_at(view, s->theta, &block);
                sg_datum datum = {.m = sg_site_view_list(view, site, &list),
                                  .want = SG_VALUE | SG_PSI | SG_CURVATURE | SG_DIRICHLET,
                                  .value = value,
                                  .psi = psi,
                                  .curvature_sum = curvature,
                                  .dirichlet_sum = dirichlet};
                memset(curvature, 0, sizeof curvature);
                memset(dirichlet, 0, sizeof dirichlet);
                assert_int_equal(datum.m, s->m);
                for (int j = 0; j < s->m; j++) assert_int_equal(whole->free[list[j]], s->model->free[j]);
                sg_flip_loss_site(s->loss->row, s->prepared, site, view, &datum);
                look(s, s->theta, &block, ALL_WANT);
                assert_memory_equal(value, s->datum.value, (size_t)s->states * sizeof(double));
                for (int j = 0; j < s->m; j++)
                    assert_memory_equal(psi + j * SG_BLOCK, s->datum.psi + j * SG_BLOCK,
                                        (size_t)s->states * sizeof(double));
                assert_memory_equal(curvature, s->datum.curvature_sum, (size_t)(s->m * s->m) * sizeof(double));
                assert_memory_equal(dirichlet, s->datum.dirichlet_sum, (size_t)(s->m * s->m) * sizeof(double));
                sg_site_view_delete(view);
                sg_model_delete(whole);
                close_states(s);
            }
}

/* The sites' losses add up to the pooled one, RISE's to probability flow. */
static void sites_add_up(void **state) {
    (void)state;
    static const char *const pooled[] = {"probability-flow", "pseudolikelihood"};
    for (int r = 0; r < 2; r++) {
        static double value[SG_BLOCK], psi[2][SG_BLOCK];
        states *s = open_states(models[2], pooled[r]);
        const sg_block block = all_states(s);
        look(s, s->theta, &block, ALL_WANT);
        memset(value, 0, sizeof value);
        memset(psi, 0, sizeof psi);
        for (int site = 0; site < s->d; site++) {
            char text[64];
            snprintf(text, sizeof text, "%s:sites=%d", rows[r].row, site);
            states *t = open_states(models[2], text);
            look(t, s->theta, &block, ALL_WANT);
            for (int x = 0; x < s->states; x++) {
                value[x] += t->datum.value[x];
                for (int j = 0; j < 2; j++) psi[j][x] += t->datum.psi[j * SG_BLOCK + x];
            }
            close_states(t);
        }
        for (int x = 0; x < s->states; x++) {
            assert_near(value[x], s->datum.value[x], 1e-13 * s->datum.value[x]);
            for (int j = 0; j < 2; j++) assert_near(psi[j][x], s->datum.psi[j * SG_BLOCK + x], 1e-13 * value[x]);
        }
        close_states(s);
    }
}

/* ---------------------------------------------------------------------- options */

static void check_fit(const char *loss_text, const char *model_text, bool run, sg_status expected, const char *part) {
    sg_model *model = model_of(model_text);
    sg_loss *loss;
    OK(sg_loss_new(loss_text, &loss));
    const sg_status status = (run ? sg_loss_runs : sg_loss_fits)(loss, model);
    if (status != expected || (status && !strstr(sg_message(), part))) fail_msg("%d %s", status, sg_message());
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void sites_are_checked(void **state) {
    (void)state;
    check_fit("rise", "ising:n=6", false, SG_OK, "");
    check_fit("rise", "hardcore:n=6", false, SG_MISFIT, "forbids some");
    check_fit("rise", "gaussian", false, SG_MISFIT, "finite space");
    check_fit("rise:sites=6", "ising:n=6", false, SG_MISFIT, "sites 0 to 5");
    check_fit("rise:sites=0", "ising:graph=path,n=3", false, SG_MISFIT, "take free=J0-1/h0");
    check_fit("rise:sites=0", "ising:graph=path,n=3,free=J0-1/h0", false, SG_OK, "");
    check_fit("rise:sites=0", "ising:graph=path,n=3,free=h0", false, SG_OK, "");
    check_fit("rise:sites=2", "ising:graph=path,n=3,free=h0", false, SG_MISFIT, "take free=J1-2/h2");
    check_fit("pseudolikelihood:sites=1", "ising:graph=path,n=3", false, SG_MISFIT, "take free=J0-1/J1-2/h1");
    check_fit("pseudolikelihood:sites=averaged", "ising:n=6", false, SG_OK, "");
    check_fit("rise", "ising:n=6", true, SG_OK, "");
    check_fit("rise:sites=0", "ising:n=6,free=tied", true, SG_MISFIT, "moves no other site");
    check_fit("pseudolikelihood:sites=3", "ising:n=6,free=tied", true, SG_MISFIT, "moves no other site");
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new("rise:sites=-1", &loss), SG_OUT_OF_RANGE);
    assert_int_equal(sg_loss_new("rise:sites=1.5", &loss), SG_OUT_OF_RANGE);
    assert_int_equal(sg_loss_new("rise:sites=pool", &loss), SG_OUT_OF_RANGE);
}

static void texts_are_canonical(void **state) {
    (void)state;
    static const struct {
        const char *given, *text;
        bool averaged;
    } table[] = {{"rise", "rise", true},
                 {"rise:sites=averaged", "rise", true},
                 {"rise:sites=pooled", "rise:sites=pooled", false},
                 {"rise:sites=03", "rise:sites=3", false},
                 {"pseudolikelihood", "pseudolikelihood", false},
                 {"pseudolikelihood:sites=pooled", "pseudolikelihood", false},
                 {"pseudolikelihood:sites=averaged", "pseudolikelihood:sites=averaged", true}};
    for (size_t t = 0; t < sizeof table / sizeof *table; t++) {
        sg_loss *loss;
        OK(sg_loss_new(table[t].given, &loss));
        assert_string_equal(loss->text, table[t].text);
        assert_true(loss->row->averaged(loss->options) == table[t].averaged);
        sg_loss_delete(loss);
    }
}

/* ----------------------------------------------------------- maximum likelihood */

/* psi = L S = -S with L f = E f - f; value = -log p; curvature and the mean square of S are the information. */
static void likelihood_on_states(void **state) {
    (void)state;
    static const char *const texts[] = {"ising:graph=complete,n=4,couplings=gauss,beta=0.7,h=0.4",
                                        "ising:graph=ring,n=5,beta=0.3,h=0.2,free=h",
                                        "ising:graph=curie-weiss,n=6,beta=1.2,h=0.1,free=tied", "parity:n=4,k=2,J=-0.6",
                                        "hardcore:graph=ring,n=5,lambda=1.3"};
    for (int a = 0; a < 5; a++) {
        states *s = open_states(texts[a], "mle");
        const sg_block block = all_states(s);
        for (int x = 0; x < s->states; x++)
            for (int y = 0; y < s->states; y++) s->L[x][y] = s->p[x] > 0 ? s->p[y] - (x == y) : 0;
        check_generator(s, 1e-13);
        look(s, s->theta, &block, ALL_WANT);
        for (int x = 0; x < s->states; x++)
            if (s->p[x] > 0) assert_near(s->datum.value[x], -log(s->p[x]), 1e-13 * (1 + fabs(s->logp[x])));
        close_states(s);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_site_belongs_to_its_generator),
        cmocka_unit_test(tied_parameters_are_everywhere),
        cmocka_unit_test(one_site_by_itself),
        cmocka_unit_test(sites_add_up),
        cmocka_unit_test(sites_are_checked),
        cmocka_unit_test(texts_are_canonical),
        cmocka_unit_test(likelihood_on_states),
    };
    return cmocka_run_group_tests_name("one site", tests, NULL, NULL);
}
