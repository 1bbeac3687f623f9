/* The gap of the generator that belongs to a loss, by the kind of its row. */
#include <time.h>

#include "scoregap/spectrum.h"

#define FINER_DEPTH 260 /* of the second grid; that of the first is 200 */

static double seconds_since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* E f - f: every function that is not constant has eigenvalue 1. */
static void resampling(sg_gap *out) {
    *out = (sg_gap){.gap = 1,
                    .gap_lower = 1,
                    .gap_upper = 1,
                    .poincare = 1,
                    .relaxation_time = 1,
                    .method = "resampling",
                    .status = SG_OK};
}

static sg_status diffusion(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                           const sg_panels *panels, sg_gap *out) {
    sg_panels *finer = NULL;
    double *log_d = NULL, *log_d_finer = NULL;
    sg_status status = sg_model_panels_deep(model, model->truth, FINER_DEPTH, 1, &finer);
    if (status) goto out;
    if ((status = sg_new(&log_d, (size_t)panels->n, sizeof(double)))) goto out;
    if ((status = sg_new(&log_d_finer, (size_t)finer->n, sizeof(double)))) goto out;
    if ((status = sg_loss_log_diffusion(loss, prepared, panels, log_d))) goto out;
    if ((status = sg_loss_log_diffusion(loss, prepared, finer, log_d_finer))) goto out;
    status = sg_line_gap(panels, log_d, finer, log_d_finer, out);
out:
    sg_panels_delete(finer);
    sg_delete(log_d);
    sg_delete(log_d_finer);
    return status;
}

sg_status sg_spectrum_gap(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                          const sg_panels *panels, sg_gap *out) {
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    sg_status status = SG_OK;
    switch (loss->row->kind) {
    case SG_RESAMPLE:
        resampling(out);
        break;
    case SG_DIFFUSION:
        status = diffusion(model, loss, prepared, panels, out);
        break;
    default:
        status = sg_fail(SG_REFUSED, "the gap of the dynamics of %s is not implemented: take a diffusion or mle",
                         loss->text);
    }
    if (!status) out->seconds = seconds_since(&start);
    return status;
}
