/*
 * line H GAP COUNT: the gap of the double well V = h (x^2 - 1)^2, whose true gap is GAP.  Lines of label, variant,
 * milliseconds of processor time a call, relative error, separated by tabs; both with a two-sided enclosure:
 *   the gap as the program gives it, from the model on;
 *   the same by panels at two depths that also resolve the statistics, which is what other D and other tails take.
 */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scoregap/spectrum.h"

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sg_status certified(const sg_model *model, const sg_loss *loss, sg_gap *gap) {
    return sg_spectrum_gap(model, loss, NULL, gap, NULL);
}

static sg_status deep(const sg_model *model, const sg_loss *loss, sg_gap *gap) {
    sg_panels *panels = NULL, *finer = NULL;
    (void)loss;
    sg_status status = sg_model_panels_deep(model, model->truth, 200, 0, &panels);
    if (!status) status = sg_model_panels_deep(model, model->truth, 260, 1, &finer);
    if (!status) status = sg_line_gap(panels, NULL, finer, NULL, gap);
    sg_panels_delete(panels);
    sg_panels_delete(finer);
    return status;
}

typedef sg_status method(const sg_model *model, const sg_loss *loss, sg_gap *gap);

static sg_status measure(const char *label, method *run, const sg_model *model, const sg_loss *loss, double truth,
                         int count) {
    sg_gap gap = {0};
    sg_status status = run(model, loss, &gap);
    const double start = now();
    for (int k = 0; k < count && !status; k++) status = run(model, loss, &gap);
    if (!status) printf("%s\t\t%.6g\t%.3g\n", label, 1e3 * (now() - start) / count, gap.gap / truth - 1);
    return status;
}

int main(int argc, char **argv) {
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    if (argc != 4) return fprintf(stderr, "usage: line H GAP COUNT\n"), 2;
    const sg_pair pair = {"h", argv[1]};
    const double truth = strtod(argv[2], NULL);
    const int count = atoi(argv[3]);
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    sg_status status = sg_model_new("double-well", 1, &pair, &model);
    if (!status) status = sg_loss_new("score-matching", &loss);
    if (!status) status = measure("ours, certified", certified, model, loss, truth, count);
    if (!status) status = measure("ours, deep grids", deep, model, loss, truth, count);
    if (status) fprintf(stderr, "line: %s\n", sg_message());
    sg_loss_delete(loss);
    sg_model_delete(model);
    return status != SG_OK;
}
