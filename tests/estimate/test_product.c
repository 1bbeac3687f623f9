/* Score matching and maximum likelihood on products: block diagonal, each block that of its factor on the line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <math.h>

#include "../model.h"
#include "scoregap/estimate.h"

static const char *const NAMES[] = {"bimodal:a=1.5", "gaussian:s=2"};

static sg_asymptotic *asymptotic_of(const sg_model *model, const char *text) {
    sg_loss *loss = NULL;
    sg_asymptotic *a = NULL;
    OK(sg_loss_new(text, &loss));
    if (sg_asymptotic_new(model, loss, &a)) fail_msg("%s: %s", model->text, sg_message());
    sg_loss_delete(loss);
    return a;
}

static double size_of(const sg_asymptotic *a, const double *matrix, int j, int k) {
    return sqrt(matrix[j * (a->m + 1)] * matrix[k * (a->m + 1)]);
}

/* The block from `first` on, and nothing beside it. */
static void check_block(const sg_asymptotic *whole, const sg_asymptotic *part, int first, double tolerance) {
    const double *const matrix[][2] = {{whole->gamma, part->gamma}, {whole->gamma_mle, part->gamma_mle}};
    for (int g = 0; g < 2; g++)
        for (int j = 0; j < part->m; j++)
            for (int k = 0; k < whole->m; k++) {
                const bool own = k >= first && k < first + part->m;
                const double got = matrix[g][0][first + j + k * whole->m],
                             want = own ? matrix[g][1][j + (k - first) * part->m] : 0,
                             size = size_of(whole, matrix[g][0], first + j, k);
                if (!(fabs(got - want) < tolerance * size))
                    fail_msg("%s of the factor at %d: (%d,%d) is %.15g, not %.15g", g ? "Gamma_MLE" : "Gamma", first, j,
                             k - first, got, want);
            }
}

static void check(const char *text, int count, const char *loss, double tolerance) {
    sg_model *model = model_of(text);
    sg_asymptotic *whole = asymptotic_of(model, loss);
    int first = 0;
    assert_int_equal(whole->status, SG_OK);
    for (int k = 0; k < count; k++) {
        sg_model *line = model_of(NAMES[k]);
        sg_asymptotic *part = asymptotic_of(line, loss);
        check_block(whole, part, first, tolerance);
        first += part->m;
        sg_asymptotic_delete(part);
        sg_model_delete(line);
    }
    assert_int_equal(first, whole->m);
    sg_asymptotic_delete(whole);
    sg_model_delete(model);
}

static void two_factors(void **state) {
    (void)state;
    check("product:of=bimodal:a=1.5/gaussian:s=2,copies=1", 2, "score-matching", 1e-11);
    check("product:of=bimodal:a=1.5/gaussian:s=2,copies=1", 2, "mle", 1e-11);
}

int main(void) {
    const struct CMUnitTest tests[] = {cmocka_unit_test(two_factors)};
    return cmocka_run_group_tests_name("products", tests, NULL, NULL);
}
