/* Reading losses, their references, preparation and log D. */
#include "setting.h"

/* ------------------------------------------------------------------ reading */

static void check_text(const char *text, const char *canonical) {
    sg_loss *loss, *again;
    OK(sg_loss_new(text, &loss));
    assert_string_equal(loss->text, canonical);
    OK(sg_loss_new(canonical, &again));
    assert_string_equal(again->text, canonical);
    sg_loss_delete(again);
    sg_loss_delete(loss);
}

static void test_canonical_text(void **state) {
    (void)state;
    check_text("mle", "mle");
    check_text("score-matching", "score-matching");
    check_text("preconditioned", "preconditioned");
    check_text("preconditioned:with=constant,value=1,at=truth", "preconditioned");
    check_text("preconditioned:value=2.50", "preconditioned:value=2.5");
    check_text("preconditioned:exponent=-0.5,with=power", "preconditioned:with=power");
    check_text("preconditioned:exponent=1,with=power", "preconditioned:with=power,exponent=1");
    check_text("preconditioned:at=1.0/1e-1,with=exponential", "preconditioned:with=exponential,at=1/0.1");
    check_text("preconditioned:direction=erf,with=stein", "preconditioned:with=stein,direction=erf");
    check_text("preconditioned:with=matrix,matrix=covariance", "preconditioned:with=matrix");
    check_text("preconditioned:at=1/2,with=matrix,matrix=hessian", "preconditioned:with=matrix,matrix=hessian,at=1/2");
    check_text("preconditioned:cap=3.0,h=power,with=coordinates", "preconditioned:with=coordinates,cap=3");
    check_text("preconditioned:h=log1p,with=coordinates", "preconditioned:with=coordinates,h=log1p");
    check_text("preconditioned:with=riemannian,softness=1", "preconditioned:with=riemannian");
    check_text("preconditioned:with=stein,at=pilot", "preconditioned:with=stein,at=pilot");
    check_text("preconditioned:with=stein,direction=erf,at=1e0/-0x1p-2",
               "preconditioned:with=stein,direction=erf,at=1/-0.25");
}

static void check_refused(const char *text, sg_status status, const char *message) {
    sg_loss *loss = (sg_loss *)&loss;
    long live = sg_memory_live();
    assert_int_equal(sg_loss_new(text, &loss), status);
    assert_null(loss);
    assert_int_equal(sg_memory_live(), live);
    assert_string_equal(sg_message(), message);
}

static void test_refusals(void **state) {
    (void)state;
    check_refused("score-machting", SG_UNKNOWN,
                  "unknown loss 'score-machting'; the nearest is 'score-matching' (losses: mle, score-matching, "
                  "preconditioned, lifted, denoising, sliced, "
                  "pseudolikelihood, masked, masked-random, rise, probability-flow, ratio-matching, concrete-score)");
    check_refused("", SG_UNKNOWN,
                  "unknown loss '' (losses: mle, score-matching, preconditioned, lifted, denoising, sliced, "
                  "pseudolikelihood, masked, "
                  "masked-random, rise, probability-flow, ratio-matching, concrete-score)");
    check_refused("mle:draws=3", SG_UNKNOWN, "unknown key 'draws' of loss mle, which takes no keys");
    check_refused("preconditioned:wiht=power", SG_UNKNOWN,
                  "unknown key 'wiht' of loss preconditioned; the nearest is 'with' (keys: with, value, exponent, "
                  "direction, matrix, h, degree, cap, softness, at)");
    check_refused("preconditioned:with=stien", SG_OUT_OF_RANGE,
                  "with = 'stien' of loss preconditioned is out of range: it must be "
                  "constant|power|exponential|stein|matrix|coordinates|riemannian; the nearest is 'stein'");
    check_refused("preconditioned:with=matrix,matrix=hessain", SG_UNKNOWN,
                  "loss preconditioned: unknown matrix 'hessain'; the nearest is 'hessian' (matrices: identity, "
                  "covariance, hessian, @FILE)");
    check_refused("preconditioned:with=coordinates,h=log1p,degree=2", SG_BAD_SYNTAX,
                  "degree of loss preconditioned has no meaning with h=log1p: leave it out");
    check_refused("preconditioned:value=0", SG_OUT_OF_RANGE,
                  "value = 0 of loss preconditioned is out of range: it must be > 0");
    check_refused("preconditioned:with=power,exponent=-1", SG_OUT_OF_RANGE,
                  "exponent = -1 of loss preconditioned is out of range: it must be in (-1, 4]");
    check_refused("preconditioned:with=power,exponent=4.5", SG_OUT_OF_RANGE,
                  "exponent = 4.5 of loss preconditioned is out of range: it must be in (-1, 4]");
    check_refused("preconditioned:value=big", SG_BAD_TYPE,
                  "value = 'big' of loss preconditioned has the wrong type: it must be a number");
    check_refused("preconditioned:with", SG_BAD_SYNTAX,
                  "loss preconditioned: 'with' cannot be read: write key=value, several separated by commas");
    check_refused("preconditioned:value=2,value=3", SG_BAD_SYNTAX,
                  "the key 'value' of loss preconditioned is given twice: keep one");
    check_refused(
        "preconditioned:with=power,at=1//2", SG_BAD_TYPE,
        "at = '1//2' of loss preconditioned has the wrong type: it must be truth, pilot or up to 64 numbers separated "
        "by '/'");
    check_refused("preconditioned:with=power,at=pilote", SG_BAD_TYPE,
                  "at = 'pilote' of loss preconditioned has the wrong type: it must be truth, pilot or up to 64 "
                  "numbers separated "
                  "by '/'");
    check_refused("preconditioned:exponent=2", SG_BAD_SYNTAX,
                  "exponent of loss preconditioned has no meaning with with=constant: leave it out");
    check_refused("preconditioned:with=power,value=2", SG_BAD_SYNTAX,
                  "value of loss preconditioned has no meaning with with=power: leave it out");
    check_refused("preconditioned:with=power,direction=erf", SG_BAD_SYNTAX,
                  "direction of loss preconditioned has no meaning with with=power: leave it out");
    check_refused("preconditioned:at=pilot", SG_BAD_SYNTAX,
                  "at of loss preconditioned has no meaning with with=constant: leave it out");
}

/* An option that says nothing about the chosen D. */
static void test_idle_options(void **state) {
    (void)state;
    static const char *const list[][3] = {
        {"matrix", "value=2", "value"},
        {"matrix", "degree=2", "degree"},
        {"matrix", "softness=2", "softness"},
        {"matrix", "matrix=identity,at=pilot", "at"},
        {"stein", "matrix=identity", "matrix"},
        {"power", "h=log1p", "h"},
        {"riemannian", "cap=3", "cap"},
        {"riemannian", "exponent=1", "exponent"},
        {"coordinates", "direction=erf", "direction"},
        {"coordinates", "at=1", "at"},
    };
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        char text[128], message[160];
        snprintf(text, sizeof text, "preconditioned:with=%s,%s", list[k][0], list[k][1]);
        snprintf(message, sizeof message, "%s of loss preconditioned has no meaning with with=%s: leave it out",
                 list[k][2], list[k][0]);
        check_refused(text, SG_BAD_SYNTAX, message);
    }
}

/* Too many numbers, and too long a text. */
static void test_long_references(void **state) {
    (void)state;
    char text[2048] = "preconditioned:with=power,at=0";
    sg_loss *loss;
    for (int i = 0; i < SG_REALS; i++) strcat(text, "/0");
    assert_int_equal(sg_loss_new(text, &loss), SG_BAD_TYPE);
    strcpy(text, "preconditioned:with=power,at=0.12345678901234567");
    for (int i = 0; i < 20; i++) strcat(text, "/0.12345678901234567");
    assert_int_equal(sg_loss_new(text, &loss), SG_OUT_OF_RANGE);
}

/* ------------------------------------------------------- a loss and a model */

static void check_misfit(const char *text, const char *name, sg_status status, const char *message) {
    sg_loss *loss;
    sg_model *model = model_of(name);
    OK(sg_loss_new(text, &loss));
    assert_int_equal(sg_loss_fits(loss, model), status);
    assert_string_equal(sg_message(), message);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_misfits(void **state) {
    (void)state;
    check_misfit("preconditioned:with=stein", "bimodal:a=3", SG_MISFIT,
                 "the Stein kernel belongs to one parameter and bimodal(a=3,free=base/erf) has 2 free: choose one by "
                 "direction=");
    check_misfit(
        "preconditioned:with=stein,direction=err", "bimodal", SG_UNKNOWN,
        "unknown parameter 'err' in direction of loss preconditioned; the nearest is 'erf' (parameters: base, erf)");
    check_misfit("preconditioned:with=stein,direction=quadratic", "bimodal", SG_UNKNOWN,
                 "unknown parameter 'quadratic' in direction of loss preconditioned (parameters: base, erf)");
}

/* Spaces on which a loss is not defined, by a model whose space was changed. */
static void test_other_spaces(void **state) {
    (void)state;
    sg_model *model = model_of("gaussian");
    sg_loss *plain, *constant, *stein, *mle;
    OK(sg_loss_new("score-matching", &plain));
    OK(sg_loss_new("preconditioned:value=3", &constant));
    OK(sg_loss_new("preconditioned:with=stein,direction=precision", &stein));
    OK(sg_loss_new("mle", &mle));
    model->space.shape = SG_RD;
    OK(sg_loss_fits(plain, model));
    OK(sg_loss_fits(constant, model));
    for (int shape = SG_INTERVAL; shape != SG_FINITE; shape = shape == SG_INTERVAL ? SG_ORTHANT : SG_FINITE) {
        model->space.shape = (sg_shape)shape;
        assert_int_equal(sg_loss_fits(plain, model), SG_MISFIT);
        assert_int_equal(sg_loss_fits(constant, model), SG_MISFIT);
        OK(sg_loss_runs(constant, model));
    }
    model->space.shape = SG_FINITE;
    assert_int_equal(sg_loss_fits(plain, model), SG_MISFIT);
    OK(sg_loss_fits(mle, model));
    model->full = 65;
    model->space.shape = SG_LINE;
    OK(sg_loss_fits(constant, model));
    assert_int_equal(sg_loss_fits(stein, model), SG_MISFIT);
    model->full = 2;
    sg_loss_delete(plain);
    sg_loss_delete(constant);
    sg_loss_delete(stein);
    sg_loss_delete(mle);
    sg_model_delete(model);
}

/* Where each D is one of a diffusion, and of a loss: the space is set by hand, since no family has all of them. */
static void test_spaces_of_preconditioners(void **state) {
    (void)state;
    enum { FITS, RUNS, NOT };
    static const sg_shape shapes[] = {SG_LINE, SG_INTERVAL, SG_CIRCLE, SG_RD, SG_ORTHANT, SG_SPHERE};
    static const struct {
        const char *loss;
        int d, where[6];
    } list[] = {
        {"with=constant", 2, {FITS, RUNS, FITS, FITS, RUNS, NOT}},
        {"with=power", 2, {RUNS, RUNS, RUNS, RUNS, NOT, NOT}},
        {"with=power,exponent=-0.2", 2, {FITS, RUNS, FITS, FITS, NOT, NOT}},
        {"with=power,at=pilot", 1, {FITS, RUNS, FITS, FITS, NOT, NOT}},
        {"with=power,at=pilot", 2, {NOT, NOT, NOT, NOT, NOT, NOT}},
        {"with=stein,direction=precision", 1, {FITS, FITS, NOT, FITS, NOT, NOT}},
        {"with=stein,direction=precision", 2, {NOT, NOT, NOT, NOT, NOT, NOT}},
        {"with=matrix", 2, {FITS, RUNS, FITS, FITS, RUNS, NOT}},
        {"with=matrix,matrix=hessian", 65, {NOT, NOT, NOT, NOT, NOT, NOT}},
        {"with=coordinates,cap=3", 2, {NOT, FITS, NOT, NOT, FITS, NOT}},
        {"with=riemannian", 8, {FITS, NOT, NOT, FITS, NOT, NOT}},
        {"with=riemannian", 9, {NOT, NOT, NOT, NOT, NOT, NOT}},
    };
    sg_model *model = model_of("gaussian");
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        char text[128];
        sg_loss *loss;
        snprintf(text, sizeof text, "preconditioned:%s", list[k].loss);
        OK(sg_loss_new(text, &loss));
        model->space.d = list[k].d;
        for (int j = 0; j < 6; j++) {
            model->space.shape = shapes[j];
            const int wanted = list[k].where[j];
            if (sg_loss_fits(loss, model) != (wanted == FITS ? SG_OK : SG_MISFIT) ||
                sg_loss_runs(loss, model) != (wanted == NOT ? SG_MISFIT : SG_OK))
                fail_msg("%s in %d dimensions, shape %d: %s", text, list[k].d, shapes[j], sg_message());
        }
        sg_loss_delete(loss);
    }
    model->space = (sg_space){.shape = SG_LINE, .d = 1, .lo = -INFINITY, .hi = INFINITY};
    sg_model_delete(model);
}

/* Numbers are the free parameters or all; bimodal's coordinates are the weights of its b and of erf x. */
static void test_reference(void **state) {
    (void)state;
    static const struct {
        const char *model, *loss;
        sg_at at;
        double theta[2];
    } list[] = {
        {"sparse-cut:free=cut", "mle", SG_AT_TRUTH, {1, 0}},
        {"sparse-cut:free=cut", "preconditioned:with=stein", SG_AT_TRUTH, {1, 0}},
        {"sparse-cut:free=cut", "preconditioned:with=stein,at=pilot", SG_AT_PILOT, {1, 0}},
        {"sparse-cut:free=cut", "preconditioned:with=stein,at=0.5", SG_AT_GIVEN, {1, 0.5}},
        {"sparse-cut:free=cut", "preconditioned:with=power,at=2/-0.5", SG_AT_GIVEN, {2, -0.5}},
        {"bimodal:free=erf", "preconditioned:with=stein,at=0.5", SG_AT_GIVEN, {1, 0.5}},
        {"bimodal:free=erf", "preconditioned:with=stein,at=1/0.5", SG_AT_GIVEN, {1.5, 0.5}},
        {"bimodal", "preconditioned:with=power,at=1/0.5", SG_AT_GIVEN, {1.5, 0.5}},
    };
    for (size_t k = 0; k < sizeof list / sizeof *list; k++) {
        sg_model *model = model_of(list[k].model);
        sg_loss *loss;
        sg_at at;
        double theta[2];
        OK(sg_loss_new(list[k].loss, &loss));
        OK(sg_loss_reference(loss, model, theta, &at));
        assert_int_equal(at, list[k].at);
        assert_memory_equal(theta, list[k].theta, sizeof theta);
        sg_loss_delete(loss);
        sg_model_delete(model);
    }
}

static void check_reference(const char *text, const char *name, sg_status status, const char *message) {
    sg_loss *loss;
    sg_at at;
    double theta[8];
    sg_model *model = model_of(name);
    OK(sg_loss_new(text, &loss));
    assert_int_equal(sg_loss_reference(loss, model, theta, &at), status);
    assert_string_equal(sg_message(), message);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_wrong_references(void **state) {
    (void)state;
    check_reference(
        "preconditioned:with=power,at=1/2/3", "sparse-cut:free=cut", SG_OUT_OF_RANGE,
        "the reference of loss preconditioned has 3 numbers: sparse-cut(a=2,g=0.1,free=cut) needs 1 (its free "
        "parameters) or 2 (all)");
    check_reference("preconditioned:with=power,at=1", "bimodal:a=3", SG_OUT_OF_RANGE,
                    "the reference of loss preconditioned has 1 numbers: bimodal(a=3,free=base/erf) needs 2");
    check_reference(
        "preconditioned:with=power,at=-1/0", "bimodal:a=3", SG_NOT_INTEGRABLE,
        "the reference of loss preconditioned is no density of bimodal(a=3,free=base/erf): move it inside the domain");
}

/* ------------------------------------------------------------------ log D */

/* The maximum of bimodal(3) is b(3) = 9/2, at no node in general. */
static void test_log_diffusion(void **state) {
    (void)state;
    static const char *const losses[] = {"score-matching", "preconditioned:value=3",
                                         "preconditioned:with=power,exponent=2",
                                         "preconditioned:with=exponential,exponent=-0.9"};
    for (int k = 0; k < 4; k++) {
        setting s = open_setting("bimodal:a=3", losses[k]);
        static double log_d[20000];
        assert_true(s.panels->n <= 20000);
        const double top = 4.5 - s.panels->log_z;
        OK(sg_loss_log_diffusion(s.loss, s.prepared, s.panels, log_d));
        for (int i = 0; i < s.panels->n; i++) {
            double depth = s.panels->logp[i] - top;
            double known[] = {0, log(3), 2 * depth, -0.9 * exp(depth)};
            assert_near(log_d[i], known[k], 1e-12 * (1 + fabs(known[k])));
        }
        close_setting(&s);
    }
}

static void test_log_diffusion_of_a_jump(void **state) {
    (void)state;
    setting s = open_setting("gaussian", "mle");
    double log_d[1];
    assert_int_equal(sg_loss_log_diffusion(s.loss, s.prepared, s.panels, log_d), SG_MISFIT);
    close_setting(&s);
}

/* D at a reference away from the truth is D of the model that has its truth there. */
static void test_reference_moves_the_diffusion(void **state) {
    (void)state;
    setting s = open_setting("double-well:h=2,free=tilt", "preconditioned:with=stein,at=0.7");
    sg_model *moved = model_of("double-well:h=2,free=tilt");
    const double theta = 0.7;
    OK(sg_model_set_truth(moved, 1, &theta));
    setting t = open_model(moved, "preconditioned:with=stein");
    static double first[20000], second[20000];
    OK(sg_loss_log_diffusion(s.loss, s.prepared, t.panels, first));
    OK(sg_loss_log_diffusion(t.loss, t.prepared, t.panels, second));
    assert_memory_equal(first, second, (size_t)t.panels->n * sizeof(double));
    close_setting(&s);
    close_setting(&t);
}

/* ------------------------------------------------------------------ memory */

static void test_datum(void **state) {
    (void)state;
    sg_arena *arena;
    sg_datum datum;
    assert_int_equal(sg_datum_bytes(3, 2, WANT_ALL), (1 + 3 + 6 + 6 + 2 * 2) * B * sizeof(double));
    OK(sg_arena_new(sg_datum_bytes(3, 2, WANT_ALL), &arena));
    OK(sg_datum_take(arena, 3, 2, WANT_ALL, &datum));
    const double *member[] = {datum.value, datum.psi, datum.root, datum.curvature};
    for (int k = 0; k < 4; k++) assert_int_equal((uintptr_t)member[k] % SG_ALIGN, 0);
    assert_true(datum.m == 3 && datum.roots == 2 && datum.want == WANT_ALL);
    sg_arena_rewind(arena, 0);
    assert_int_equal(sg_datum_take(arena, 4, 2, WANT_ALL, &datum), SG_NO_MEMORY);
    sg_arena_rewind(arena, 0);
    OK(sg_datum_take(arena, 3, 2, SG_PSI, &datum));
    assert_true(datum.psi && !datum.value && !datum.root && !datum.curvature);
    sg_arena_delete(arena);
}

static sg_status read_and_prepare(const sg_model *model, const sg_panels *panels, const char *text) {
    sg_loss *loss = NULL;
    sg_prepared *prepared = NULL;
    sg_status status = sg_loss_new(text, &loss);
    if (status == SG_OK) status = sg_loss_prepare(loss, model, panels, &prepared);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    return status;
}

/* Every allocation fails in turn: the status says so and nothing is left behind. */
static void test_memory_runs_out(void **state) {
    (void)state;
    static const char *const losses[] = {"mle",
                                         "score-matching",
                                         "preconditioned:value=2",
                                         "preconditioned:with=power",
                                         "preconditioned:with=stein",
                                         "preconditioned:with=stein,at=0.5"};
    sg_model *model = model_of("sparse-cut:g=0.5,free=cut");
    sg_panels *panels;
    OK(sg_model_panels(model, model->truth, 0, &panels));
    const long live = sg_memory_live();
    for (int l = 0; l < 6; l++) {
        sg_status status = SG_NO_MEMORY;
        long k = 0;
        while (status == SG_NO_MEMORY) {
            sg_memory_fail_after(++k);
            status = read_and_prepare(model, panels, losses[l]);
            sg_memory_fail_after(0);
            assert_int_equal(sg_memory_live(), live);
        }
        assert_int_equal(status, SG_OK);
        assert_true(k > 4);
    }
    sg_panels_delete(panels);
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical_text),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_idle_options),
        cmocka_unit_test(test_long_references),
        cmocka_unit_test(test_misfits),
        cmocka_unit_test(test_other_spaces),
        cmocka_unit_test(test_spaces_of_preconditioners),
        cmocka_unit_test(test_reference),
        cmocka_unit_test(test_wrong_references),
        cmocka_unit_test(test_log_diffusion),
        cmocka_unit_test(test_log_diffusion_of_a_jump),
        cmocka_unit_test(test_reference_moves_the_diffusion),
        cmocka_unit_test(test_datum),
        cmocka_unit_test(test_memory_runs_out),
    };
    return cmocka_run_group_tests_name("losses", tests, NULL, NULL);
}
