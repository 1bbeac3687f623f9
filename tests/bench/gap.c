/* gap COUNT: milliseconds for one gap of bimodal(3) with its enclosure, panels included. */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scoregap/spectrum.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

int main(int argc, char **argv) {
    int count = argc > 1 ? atoi(argv[1]) : 100;
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_gap gap = {0};
    const sg_pair pair = {"a", "3"};
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    if (sg_model_new("bimodal", 1, &pair, &model) || sg_loss_new("score-matching", &loss)) return 1;
    double start = now();
    for (int k = 0; k < count; k++)
        if (sg_spectrum_gap(model, loss, NULL, &gap, NULL)) return fprintf(stderr, "gap: %s\n", sg_message()), 1;
    printf("%.4f %.10g\n", 1e3 * (now() - start) / count, gap.gap);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return 0;
}
