/* Models from text, free=, the truth, and panels of a model. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/family.h"

enum { PAIRS_MOST = 8, LONG_TEXT = 1024 };

static sg_status read_model(const char *family, const char *keys, sg_model **model) {
    char text[LONG_TEXT];
    sg_pair pairs[PAIRS_MOST];
    int count = 0;
    snprintf(text, sizeof text, "%s", keys);
    assert_int_equal(sg_pairs_split(text, PAIRS_MOST, pairs, &count), SG_OK);
    return sg_model_new(family, count, pairs, model);
}

static sg_model *good_model(const char *family, const char *keys) {
    sg_model *model = NULL;
    if (read_model(family, keys, &model) != SG_OK) fail_msg("%s %s: %s", family, keys, sg_message());
    return model;
}

static void check_text(const char *family, const char *keys, const char *text, const char *data_text) {
    char data[LONG_TEXT];
    sg_model *model = good_model(family, keys);
    assert_string_equal(model->text, text);
    sg_model_data_text(model, sizeof data, data);
    assert_string_equal(data, data_text);
    sg_model_delete(model);
}

static void text_is_canonical(void **state) {
    (void)state;
    check_text("bimodal", "", "bimodal(a=2,free=base/erf)", "bimodal(a=2)");
    check_text("bimodal", "a=3", "bimodal(a=3,free=base/erf)", "bimodal(a=3)");
    check_text("bimodal", "free=erf/base,a=3.0", "bimodal(a=3,free=base/erf)", "bimodal(a=3)");
    check_text("bimodal", "a=0.1e1,free=erf", "bimodal(a=1,free=erf)", "bimodal(a=1)");
    check_text("bimodal", "free=all", "bimodal(a=2,free=base/erf)", "bimodal(a=2)");
    check_text("mixture", "", "mixture(m=1,w=0.5,free=w)", "mixture(m=1,w=0.5)");
    check_text("mixture", "free=means,w=.25", "mixture(m=1,w=0.25,free=mu1/mu2)", "mixture(m=1,w=0.25)");
    check_text("mixture", "free=all", "mixture(m=1,w=0.5,free=w/mu1/mu2)", "mixture(m=1,w=0.5)");
    check_text("mixture", "free=mu2/w", "mixture(m=1,w=0.5,free=w/mu2)", "mixture(m=1,w=0.5)");
}

static void every_family_has_a_model(void **state) {
    (void)state;
    for (const sg_family *const *family = sg_families; *family; family++) {
        sg_model *model = good_model((*family)->name, "");
        char name[SG_NAME], other[SG_NAME], data[LONG_TEXT];
        assert_ptr_equal(model->family, *family);
        assert_true(model->m >= 1 && model->m <= model->full);
        assert_true((*family)->inside(model, model->truth));
        for (int i = 0; i < model->full; i++) {
            (*family)->parameter(model, i, name);
            assert_true(strlen(name) > 0 && !strpbrk(name, "/,=() "));
            for (int k = 0; k < i; k++) {
                (*family)->parameter(model, k, other);
                assert_string_not_equal(name, other);
            }
        }
        for (int j = 1; j < model->m; j++) assert_true(model->free[j] > model->free[j - 1]);
        sg_model_data_text(model, sizeof data, data);
        assert_null(strstr(data, "free="));
        assert_memory_equal(data, (*family)->name, strlen((*family)->name));
        sg_model_delete(model);
    }
}

static void check_error(const char *family, const char *keys, sg_status code, const char *message) {
    sg_model *model = (sg_model *)&model;
    long live = sg_memory_live();
    sg_status status = read_model(family, keys, &model);
    assert_string_equal(sg_message(), message);
    assert_int_equal(status, code);
    assert_null(model);
    assert_int_equal(sg_memory_live(), live);
}

static void errors_say_what_to_change(void **state) {
    (void)state;
    char names[1024] = "", text[1200];
    for (const sg_family *const *family = sg_families; *family; family++)
        snprintf(names + strlen(names), sizeof names - strlen(names), "%s%s", *names ? ", " : "", (*family)->name);
    snprintf(text, sizeof text, "unknown family 'bimodl'; the nearest is 'bimodal' (families: %s)", names);
    check_error("bimodl", "", SG_UNKNOWN, text);
    snprintf(text, sizeof text, "unknown family 'zzzzzzzzz' (families: %s)", names);
    check_error("zzzzzzzzz", "", SG_UNKNOWN, text);
    check_error("bimodal", "fre=erf", SG_UNKNOWN,
                "unknown key 'fre' of family bimodal; the nearest is 'free' (keys: a, free)");
    check_error("bimodal", "free=bsae", SG_UNKNOWN,
                "unknown parameter 'bsae' in free of family bimodal; the nearest is 'base' (parameters: base, erf; or "
                "all)");
    check_error("bimodal", "free=base/quartic", SG_UNKNOWN,
                "unknown parameter 'quartic' in free of family bimodal (parameters: base, erf; or all)");
    check_error("mixture", "free=maens", SG_UNKNOWN,
                "unknown parameter 'maens' in free of family mixture; the nearest is 'means' (parameters: w, mu1, mu2; "
                "or weight, means, all)");
    check_error("bimodal", "free=erf/erf", SG_BAD_SYNTAX,
                "the parameter 'erf' stands twice in free of family bimodal: keep one");
    check_error("bimodal", "free=", SG_BAD_SYNTAX,
                "free of family bimodal is empty: give parameters separated by '/', or all");
    check_error("bimodal", "free=base/", SG_BAD_SYNTAX,
                "free of family bimodal has an empty name: write parameters separated by single '/'");
    check_error("bimodal", "free=base//erf", SG_BAD_SYNTAX,
                "free of family bimodal has an empty name: write parameters separated by single '/'");
    check_error("bimodal", "free=base,free=erf", SG_BAD_SYNTAX,
                "the key 'free' of family bimodal is given twice: keep one");
    check_error("bimodal", "a=-1", SG_OUT_OF_RANGE, "a = -1 of family bimodal is out of range: it must be > 0");
    check_error("bimodal", "a=x", SG_BAD_TYPE, "a = 'x' of family bimodal has the wrong type: it must be a number");
}

static void a_long_text_is_refused(void **state) {
    (void)state;
    char keys[LONG_TEXT] = "free=";
    for (int i = 0; i < 120; i++) strcat(keys, "/z");
    sg_model *model = NULL;
    assert_int_equal(read_model("bimodal", keys, &model), SG_BAD_SYNTAX); /* "free=/z..": an empty name first */
    memset(keys + 5, 'z', 400);
    assert_int_equal(read_model("bimodal", keys, &model), SG_OUT_OF_RANGE);
    assert_null(model);
}

static void truth_is_replaced(void **state) {
    (void)state;
    char text[LONG_TEXT];
    sg_model *model = good_model("bimodal", "a=3,free=erf");
    const double one[] = {0.1}, two[] = {2, -0.25}, three[] = {1, 2, 3}, bad[] = {1, -3}, none[] = {NAN};
    assert_int_equal(sg_model_set_truth(model, 1, one), SG_OK);
    assert_true(model->truth[0] == 1 && model->truth[1] == 0.1);
    sg_model_data_text(model, sizeof text, text);
    assert_string_equal(text, "bimodal(a=3);theta=0.9/0.1"); /* alone, erf holds the weight of b, which is base + erf */
    assert_int_equal(sg_model_set_truth(model, 2, two), SG_OK);
    assert_true(model->truth[0] == 1.75 && model->truth[1] == -0.25);
    sg_model_data_text(model, sizeof text, text);
    assert_string_equal(text, "bimodal(a=3);theta=2/-0.25");
    sg_model_data_text(model, 12, text);
    assert_string_equal(text, "bimodal(a=3");
    assert_string_equal(model->text, "bimodal(a=3,free=erf)");
    assert_int_equal(sg_model_set_truth(model, 3, three), SG_OUT_OF_RANGE);
    assert_string_equal(sg_message(),
                        "theta has 3 numbers: bimodal(a=3,free=erf) needs 1 (its free parameters) or 2 (all)");
    assert_int_equal(sg_model_set_truth(model, 2, bad), SG_NOT_INTEGRABLE);
    assert_string_equal(sg_message(), "theta = 1/-3 is no density of family bimodal: not integrable, or a parameter "
                                      "outside its range");
    assert_int_equal(sg_model_set_truth(model, 1, none), SG_NOT_INTEGRABLE);
    assert_true(model->truth[0] == 1.75 && model->truth[1] == -0.25); /* failures change nothing */
    sg_model_delete(model);
    model = good_model("mixture", "");
    const double weight[] = {1};
    assert_int_equal(sg_model_set_truth(model, 1, weight), SG_NOT_INTEGRABLE);
    sg_model_delete(model);
}

static void parameters_are_selected_and_named(void **state) {
    (void)state;
    char name[SG_NAME];
    double theta[3], free_theta[] = {-2.5, 3.5};
    sg_model *model = good_model("mixture", "m=2,free=means");
    sg_model_parameter(model, 1, name);
    assert_string_equal(name, "mu2");
    sg_model_expand(model, free_theta, theta);
    assert_true(theta[0] == 0.5 && theta[1] == -2.5 && theta[2] == 3.5);
    assert_true(model->truth[1] == -2 && model->truth[2] == 2);
    sg_model_delete(model);
}

/* Every allocation fails once: the status says so and nothing stays behind. */
static void new_survives_allocation_failures(void **state) {
    (void)state;
    const char *const keys[][2] = {{"bimodal", "a=3"}, {"mixture", "free=means"}, {"polynomial", "free=x2"}};
    for (int c = 0; c < 3; c++) {
        long live = sg_memory_live();
        for (long k = 1;; k++) {
            sg_model *model = NULL;
            sg_memory_fail_after(k);
            sg_status status = read_model(keys[c][0], keys[c][1], &model);
            sg_memory_fail_after(0);
            if (status == SG_OK) {
                assert_true(k > 5);
                sg_model_delete(model);
                break;
            }
            assert_int_equal(status, SG_NO_MEMORY);
            assert_null(model);
            assert_int_equal(sg_memory_live(), live);
        }
        assert_int_equal(sg_memory_live(), live);
    }
}

static void panels_survive_allocation_failures(void **state) {
    (void)state;
    sg_model *model = good_model("bimodal", "a=3");
    long live = sg_memory_live();
    for (long k = 1;; k++) {
        sg_panels *panels = NULL;
        sg_memory_fail_after(k);
        sg_status status = sg_model_panels(model, model->truth, 0, &panels);
        sg_memory_fail_after(0);
        if (status == SG_OK) {
            assert_true(k > 3);
            sg_panels_delete(panels);
            break;
        }
        assert_int_equal(status, SG_NO_MEMORY);
        assert_null(panels);
        assert_int_equal(sg_memory_live(), live);
    }
    assert_int_equal(sg_memory_live(), live);
    sg_model_delete(model);
}

static void panels_know_log_z(void **state) {
    (void)state;
    const double deviations[] = {1e-6, 0.3, 1, 40, 1e9}, shifts[] = {0, -3, 25};
    for (int c = 0; c < 15; c++) {
        double s = deviations[c % 5], mean = shifts[c / 5] * s, theta[] = {mean / (s * s), 1 / (s * s)};
        sg_model *model = good_model("gaussian", "");
        sg_panels *panels = NULL;
        assert_int_equal(sg_model_panels(model, theta, 0, &panels), SG_OK);
        double wanted = 0.5 * log(2 * M_PI * s * s) + mean * mean / (2 * s * s);
        if (!(fabs(panels->log_z - wanted) <= 1e-13 * (1 + fabs(wanted))))
            fail_msg("s = %g: log Z = %.17g, not %.17g", s, panels->log_z, wanted);
        sg_panels_delete(panels);
        sg_model_delete(model);
    }
}

static void panels_of_a_theta_outside_are_refused(void **state) {
    (void)state;
    sg_model *model = good_model("double-well", "");
    sg_panels *panels = NULL;
    const double theta[] = {0, 1, -1};
    assert_int_equal(sg_model_panels(model, theta, 0, &panels), SG_NOT_INTEGRABLE);
    assert_string_equal(sg_message(), "theta = 0/1/-1 is no density of family double-well: not integrable, or a "
                                      "parameter outside its range");
    assert_null(panels);
    sg_model_delete(model);
}

/* E |F|, E F'^2 and E F''^2 of every parameter over some panels: [3][full]. */
static void integrals(const sg_model *model, const sg_panels *panels, double *out) {
    enum { WANT = SG_DT | SG_DT_DX | SG_DT_DXX };
    sg_arena *arena = NULL;
    sg_jet jet;
    double x[SG_BLOCK] __attribute__((aligned(SG_ALIGN)));
    assert_int_equal(sg_arena_new(sg_jet_bytes(model->full, 1, WANT), &arena), SG_OK);
    assert_int_equal(sg_jet_take(arena, model->full, 1, WANT, &jet), SG_OK);
    memset(out, 0, 3 * (size_t)model->full * sizeof(double));
    for (int start = 0; start < panels->n; start += SG_BLOCK) {
        sg_block block = {.n = panels->n - start < SG_BLOCK ? panels->n - start : SG_BLOCK, .d = 1, .draws = 1, .x = x};
        memcpy(x, panels->x + start, (size_t)block.n * sizeof(double));
        model->family->jet(model, model->truth, &block, &jet);
        for (int j = 0; j < model->full; j++) {
            for (int i = 0; i < block.n; i++) {
                double mass = panels->mass[start + i];
                out[j] += mass * jet.dt[j * SG_BLOCK + i];
                out[model->full + j] += mass * jet.dt_dx[j * SG_BLOCK + i] * jet.dt_dx[j * SG_BLOCK + i];
                out[2 * model->full + j] += mass * jet.dt_dxx[j * SG_BLOCK + i] * jet.dt_dxx[j * SG_BLOCK + i];
            }
        }
    }
    sg_arena_delete(arena);
}

static void halving_every_panel_changes_nothing(void **state) {
    (void)state;
    const char *const keys[][2] = {{"gaussian", "s=0.01"},  {"bimodal", "a=1"},          {"bimodal", "a=6"},
                                   {"monomial", "k=4"},     {"monomial", "k=16"},        {"sinusoid", "omega=8"},
                                   {"polynomial", "B=6"},   {"polynomial", "degree=7"},  {"sparse-cut", "a=2,g=.001"},
                                   {"double-well", "h=20"}, {"mixture", "m=4,free=all"}, {"mixture", "w=.001,m=2"}};
    for (size_t c = 0; c < sizeof keys / sizeof keys[0]; c++) {
        sg_model *model = good_model(keys[c][0], keys[c][1]);
        sg_panels *coarse = NULL, *fine = NULL;
        double a[64], b[64];
        assert_true(3 * model->full <= 64);
        assert_int_equal(sg_model_panels(model, model->truth, 0, &coarse), SG_OK);
        assert_int_equal(sg_model_panels(model, model->truth, 1, &fine), SG_OK);
        assert_true(fine->count == 2 * coarse->count);
        assert_true(fabs(coarse->log_z - fine->log_z) <= 1e-12 * (1 + fabs(fine->log_z)));
        integrals(model, coarse, a);
        integrals(model, fine, b);
        for (int k = 0; k < 3 * model->full; k++)
            if (!(fabs(a[k] - b[k]) <= 1e-12 * (1 + fabs(b[k]))))
                fail_msg("%s, integral %d: %.17g, halved %.17g", model->text, k, a[k], b[k]);
        sg_panels_delete(coarse);
        sg_panels_delete(fine);
        sg_model_delete(model);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(text_is_canonical),
        cmocka_unit_test(every_family_has_a_model),
        cmocka_unit_test(errors_say_what_to_change),
        cmocka_unit_test(a_long_text_is_refused),
        cmocka_unit_test(truth_is_replaced),
        cmocka_unit_test(parameters_are_selected_and_named),
        cmocka_unit_test(new_survives_allocation_failures),
        cmocka_unit_test(panels_survive_allocation_failures),
        cmocka_unit_test(panels_know_log_z),
        cmocka_unit_test(panels_of_a_theta_outside_are_refused),
        cmocka_unit_test(halving_every_panel_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
