/*
 * line H GAP COUNT: the gap of the double well V = h (x^2 - 1)^2, whose true gap is GAP.  Lines of label, variant,
 * milliseconds of processor time a call, relative error, separated by tabs:
 *   the certified gap (panels at two depths, enclosure, what lies beyond the cut);
 *   one set of panels cut where p is e^-40 of its maximum, which is as deep as the peers' grids, and the operator.
 */
#include <cblas.h>
#include <gsl/gsl_errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "scoregap/spectrum.h"

#define DEPTH 40

static double now(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static sg_status certified(const sg_model *model, const sg_loss *loss, sg_gap *gap) {
    return sg_spectrum_gap(model, loss, NULL, gap, NULL);
}

static sg_status one_grid(const sg_model *model, const sg_loss *loss, sg_gap *gap) {
    sg_panels *panels = NULL;
    (void)loss;
    sg_status status = sg_model_panels_deep(model, model->truth, DEPTH, 0, &panels);
    if (!status) status = sg_line_gap(panels, NULL, NULL, NULL, gap);
    sg_panels_delete(panels);
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
    if (!status) status = measure("ours, one grid", one_grid, model, loss, truth, count);
    if (status) fprintf(stderr, "line: %s\n", sg_message());
    sg_loss_delete(loss);
    sg_model_delete(model);
    return status != SG_OK;
}
