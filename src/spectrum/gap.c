/* The gap of the generator that belongs to a loss, by the kind of its row and the space of the model. */
#include <math.h>
#include <time.h>

#include "kinds.h"

static double seconds_since(const struct timespec *start) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - start->tv_sec) + 1e-9 * (double)(now.tv_nsec - start->tv_nsec);
}

/* E f - f: every function that is not constant has eigenvalue 1. */
static sg_status resampling(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                            sg_gap *out, sg_eigenvalues *values) {
    (void)model, (void)loss, (void)settings;
    *out = (sg_gap){.gap = 1,
                    .gap_lower = 1,
                    .gap_upper = 1,
                    .poincare = 1,
                    .relaxation_time = 1,
                    .method = "resampling",
                    .status = SG_OK};
    for (int k = 0; values && k < values->count; k++) values->log_value[k] = values->error[k] = 0;
    return SG_OK;
}

static sg_status refused(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                         sg_eigenvalues *values) {
    (void)settings, (void)out, (void)values;
    return sg_fail(SG_REFUSED,
                   "there is no solver for the dynamics of %s on %s: take a diffusion in at most three dimensions, "
                   "jumps on a finite set, or mle",
                   loss->text, model->text);
}

static sg_gap_solver *solver_of(const sg_model *model, const sg_loss *loss) {
    if (loss->row->kind == SG_RESAMPLE) return resampling;
    if (loss->row->kind == SG_DIFFUSION && model->space.shape == SG_SPHERE) return sg_gap_on_sphere;
    if (loss->row->kind == SG_DIFFUSION && model->space.shape == SG_CIRCLE) return sg_gap_on_circle;
    const bool orthant = model->space.shape == SG_ORTHANT, flat = model->space.shape == SG_RD || orthant;
    if (loss->row->kind == SG_DIFFUSION && model->space.d == 1 && !orthant && !loss->row->more) return sg_gap_on_line;
    if (loss->row->kind == SG_DIFFUSION && loss->row->diffusion && loss->row->more)
        return model->space.d + loss->row->more <= 3 ? sg_gap_on_grid : refused;
    if (loss->row->kind == SG_DIFFUSION && flat && model->space.d <= 3 && !loss->row->more) return sg_gap_on_grid;
    if (loss->row->kind == SG_KINETIC && model->space.shape == SG_LINE) return sg_gap_kinetic;
    if (loss->row->kind == SG_JUMP && model->family->rates) return sg_gap_of_rates;
    if (loss->row->kind == SG_JUMP && model->space.shape == SG_FINITE) return sg_gap_on_states;
    if (loss->row->kind == SG_KERNEL && model->space.shape == SG_FINITE) return sg_gap_of_kernel;
    return refused;
}

/* Langevin's diffusion in the law of noised data. */
static sg_status of_noised(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                           sg_gap *out, sg_eigenvalues *values) {
    sg_prepared *prepared = NULL;
    sg_loss *plain = NULL;
    const sg_model *law;
    sg_status status = sg_loss_prepare(loss, model, NULL, &prepared);
    if (!status) status = sg_loss_law(loss, prepared, model, &law);
    if (!status) status = sg_loss_new("score-matching", &plain);
    if (!status) status = solver_of(law, plain)(law, plain, settings, out, values);
    sg_loss_delete(plain);
    sg_loss_release(loss, prepared);
    return status;
}

sg_status sg_spectrum_gap(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings, sg_gap *out,
                          sg_eigenvalues *values) {
    static const sg_spectrum_settings plain = {0};
    struct timespec start;
    clock_gettime(CLOCK_MONOTONIC, &start);
    sg_gap_solver *solver = loss->row->more && !loss->row->diffusion ? of_noised : solver_of(model, loss);
    sg_status status = solver(model, loss, settings ? settings : &plain, out, values);
    if (!status) out->seconds = seconds_since(&start);
    return status;
}

sg_status sg_eigenvalues_new(int count, sg_eigenvalues **values) {
    sg_eigenvalues *made = NULL;
    *values = NULL;
    if (count < 1) return sg_fail(SG_OUT_OF_RANGE, "%d eigenvalues were asked for: it must be at least 1", count);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (!status) status = sg_new(&made->log_value, (size_t)count, sizeof(double));
    if (!status) status = sg_new(&made->error, (size_t)count, sizeof(double));
    if (status) {
        sg_eigenvalues_delete(made);
        return status;
    }
    made->count = count;
    *values = made;
    return SG_OK;
}

void sg_eigenvalues_delete(sg_eigenvalues *values) {
    if (!values) return;
    sg_delete(values->log_value);
    sg_delete(values->error);
    sg_delete(values);
}
