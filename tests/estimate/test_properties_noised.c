/*
 * What theory says of every pair of a family and a loss on noised data (rows with a coordinate of noise: lifted,
 * denoising).  Options are drawn from the rows' descriptors with fixed seeds, those of the first coordinates on the
 * line; a datum is thousands of points here, so there are few models.
 */
#include "pair_checks.h"

#include <gsl/gsl_errno.h>

enum { VARIANTS = 4, FEWER = 2 };

static const char *const models[] = {
    "mixture:m=1.3,w=0.3",
    "mixture:m=0.8,w=0.6,free=means",
    "mixture:m=1.9,w=0.4,free=all",
    "gaussian-mixture:d=1,k=3,means=-2/0.5/3,weights=0.2/0.5/0.3,free=w1/w2",
};
enum { MODELS = sizeof models / sizeof *models };

static void every_noised_loss(void **state) {
    sg_stream stream;
    sg_model *model = model_of(*state);
    char text[SG_TEXT];
    checked = refused = 0;
    sg_stream_open(&stream, sg_hash64(*state), SG_PURPOSE_TEST, 1000);
    for (int r = 0; sg_rows[r]; r++)
        for (int v = 0; sg_rows[r]->more && v < (model->m > 2 ? FEWER : VARIANTS); v++) {
            draw_loss(sg_rows[r], v, text);
            /* biased, of which test_spread.c knows the size */
            if (text[0] && !strstr(text, "boundary=omitted")) check_couple(model, text, &stream);
        }
    if (checked < FEWER) fail_msg("%s: %d losses checked", model->text, checked);
    sg_model_delete(model);
}

int main(void) {
    struct CMUnitTest tests[MODELS];
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    for (int k = 0; k < MODELS; k++)
        tests[k] = (struct CMUnitTest){models[k], every_noised_loss, NULL, NULL, (void *)models[k]};
    return _cmocka_run_group_tests("properties of losses on noised data", tests, MODELS, NULL, NULL);
}
