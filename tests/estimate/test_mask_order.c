/*
 * How masked prediction depends on the number k of masked sites: one random mask is monotone in the order of matrices,
 * all masks averaged are never worse than one, but are not monotone.
 */
#include "generator.h"

#include <gsl/gsl_errno.h>

void openblas_set_num_threads(int threads);

/* Every finite family, three random models of each. */
enum { DRAWS = 3 };

static void each_model(void (*check)(sg_model *)) {
    for (int k = 0; sg_families[k]; k++)
        for (int draw = 0; draw < DRAWS && sg_families[k]->can & SG_STATES; draw++) {
            sg_model *model = draw_model(sg_families[k], draw);
            check(model);
            sg_model_delete(model);
        }
}

/* H_k grows with k, so that one random mask of k sites a datum gets better with k: the program's own matrices. */
static void check_monotone(sg_model *model) {
    const int m = model->m;
    double before[SQUARE];
    for (int k = 1; k <= model->space.d; k++) {
        char text[32];
        sg_loss *loss;
        sg_asymptotic *a = NULL;
        double difference[SQUARE], root[SQUARE], value[FREE];
        snprintf(text, sizeof text, "masked-random:k=%d", k);
        OK(sg_loss_new(text, &loss));
        if (sg_asymptotic_new(model, loss, &a)) fail_msg("%s %s: %s", model->text, text, sg_message());
        if (k > 1) {
            for (int i = 0; i < m * m; i++) difference[i] = before[i] - a->gamma[i];
            const double condition = power(m, before, -0.5, root);
            framed(m, root, difference, value);
            if (!(value[0] >= -1e-13 * condition))
                fail_msg("%s: k = %d is worse than %d by %.3g", model->text, k, k - 1, -value[0]);
        }
        memcpy(before, a->gamma, (size_t)(m * m) * sizeof(double));
        if (k == model->space.d) assert_near(a->inefficiency[m - 1], 1, 1e-10);
        sg_asymptotic_delete(a);
        sg_loss_delete(loss);
    }
}

static void random_masks_are_monotone(void **state) {
    (void)state;
    each_model(check_monotone);
}

/*
 * Averaged masks are not monotone.  Found by a search over random laws of 4 spins and random sub-families: the worst
 * inefficiency grows from k to k + 1.  Parameters: six couplings, four fields.  Inefficiencies of k = 1 .. 4 by a
 * program of its own kind (NumPy, double precision).
 */
static const struct {
    const char *free;
    double theta[10], worst[4];
    int k;
} found[] = {
    {"J0-2",
     {-0.3, 0, 2.8, -0.2, -2.1, 1.2, -0.5, -2.2, 0.8, 0.4},
     {1.0418497001353693, 1.0591523992962315, 1.0667197029550404, 1},
     1},
    {"J1-3",
     {2.3, 2.4, 0.5, -0.3, -0.8, 1.4, 1.4, -0.5, -0.1, 1},
     {1.041130798464195, 1.0250715305426807, 1.0399996384906858, 1},
     2},
    {"J0-3/J2-3",
     {-1.2, 1.6, 0.5, -3.1, -1.1, 0.5, -0.6, 0.3, -0.7, -1.3},
     {1.1101713112871592, 1.0598843408472838, 1.0832717671806738, 1},
     2},
};

static void averaged_masks_are_not_monotone(void **state) {
    (void)state;
    for (size_t c = 0; c < sizeof found / sizeof *found; c++) {
        double by_program[4], by_states[4];
        for (int k = 1; k <= 4; k++) {
            char text[64], loss[32];
            oracle o;
            sg_asymptotic *a = NULL;
            snprintf(text, sizeof text, "ising:graph=complete,n=4,free=%s", found[c].free);
            snprintf(loss, sizeof loss, "masked:k=%d", k);
            sg_model *model = model_of(text);
            OK(sg_model_set_truth(model, model->full, found[c].theta));
            states *s = open_states_of(model, loss);
            open_oracle(s, &o);
            if (sg_asymptotic_new(model, s->loss, &a)) fail_msg("%s: %s", model->text, sg_message());
            by_program[k - 1] = a->inefficiency[a->m - 1];
            by_states[k - 1] = o.worst;
            assert_near(by_program[k - 1], by_states[k - 1], 1e-12);
            assert_near(by_program[k - 1], found[c].worst[k - 1], 1e-12);
            sg_asymptotic_delete(a);
            close_oracle(&o);
            close_states(s);
        }
        assert_true(by_program[found[c].k] > by_program[found[c].k - 1] * 1.01);
        assert_true(by_states[found[c].k] > by_states[found[c].k - 1] * 1.01);
    }
}

/* Averaging all masks of a datum is never worse than one random mask. */
static void check_averaging(sg_model *model) {
    const int m = model->m;
    for (int k = 1; k <= 3 && k <= model->space.d; k++) {
        sg_asymptotic *a[2] = {NULL, NULL};
        double difference[SQUARE], root[SQUARE], value[FREE];
        for (int drawn = 0; drawn < 2; drawn++) {
            char text[32];
            sg_loss *loss;
            snprintf(text, sizeof text, "masked%s:k=%d", drawn ? "-random" : "", k);
            OK(sg_loss_new(text, &loss));
            if (sg_asymptotic_new(model, loss, &a[drawn])) fail_msg("%s %s: %s", model->text, text, sg_message());
            sg_loss_delete(loss);
        }
        for (int i = 0; i < m * m; i++) difference[i] = a[1]->gamma[i] - a[0]->gamma[i];
        const double condition = power(m, a[1]->gamma, -0.5, root);
        framed(m, root, difference, value);
        if (!(value[0] >= -1e-13 * condition)) fail_msg("%s, k = %d: %.3g", model->text, k, value[0]);
        sg_asymptotic_delete(a[0]);
        sg_asymptotic_delete(a[1]);
    }
}

static void averaging_is_never_worse(void **state) {
    (void)state;
    each_model(check_averaging);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(random_masks_are_monotone),
        cmocka_unit_test(averaging_is_never_worse),
        cmocka_unit_test(averaged_masks_are_not_monotone),
    };
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests_name("order of masks", tests, NULL, NULL);
}
