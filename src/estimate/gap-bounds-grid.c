/* Bounds for diffusions on R^2 and R^3. */
#include "estimate/gap-bounds-grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double DEPTH = 60; /* of the box in which infima are taken */

/* log D where D is one number, as far as points of the box show; otherwise *constant is false. */
static sg_status diffusion_of(sg_turned *t, const sg_loss *loss, double *log_d, bool *constant) {
    sg_prepared *prepared = NULL;
    double D[SG_BLOCK], slope[SG_BOUND_D * SG_BLOCK], u[SG_BOUND_D * SG_BLOCK];
    *log_d = 0;
    *constant = true;
    if (!loss->row->diffusion) return SG_OK;
    sg_status status = sg_loss_prepare(loss, t->model, NULL, &prepared);
    if (status) return status;
    if (loss->row->shape && loss->row->shape(prepared) != SG_D_SCALAR) {
        *constant = false;
        goto out;
    }
    for (int i = 0; i < SG_BLOCK; i++)
        for (int a = 0, rest = i; a < t->d; a++, rest /= 6)
            u[a * SG_BLOCK + i] = t->lo[a] + (t->hi[a] - t->lo[a]) * (rest % 6 + 0.5) / 6;
    sg_turned_look(t, SG_LOGP, SG_BLOCK, u);
    const sg_block block = {.n = SG_BLOCK, .d = t->d, .draws = 1, .x = t->x};
    loss->row->diffusion(prepared, &block, D, slope);
    for (int i = 1; i < SG_BLOCK; i++) *constant = *constant && fabs(D[i] - D[0]) <= 1e-14 * D[0];
    *log_d = log(D[0]);
out:
    sg_loss_release(loss, prepared);
    return SG_OK;
}

/* Also of C_LS. */
static sg_status bakry_emery(sg_turned *t, double log_d, sg_gap_bounds *list) {
    const sg_potential potential = {.context = t, .d = t->d, .hessian = sg_turned_potential};
    sg_convexity b = {0};
    char note[160];
    sg_status code = sg_bound_convexity_lower(&potential, t->lo, t->hi, &b), status = SG_OK;
    if (b.curvature > 0 && b.beyond >= b.curvature)
        snprintf(note, sizeof note, "inf lmin(Hess V) >= %.6g on %d cells of a box; assumed no lower beyond 1000 boxes",
                 b.curvature, b.cells);
    else if (b.curvature > 0)
        snprintf(note, sizeof note, "lmin(Hess V) is at least %.6g in the box but falls to %.6g beyond", b.curvature,
                 b.beyond);
    else
        snprintf(note, sizeof note, "inf lmin(Hess V) = %.6g%s", b.seen,
                 b.seen > 0 ? " as far as seen, but it could not be covered" : ", not positive");
    for (int side = 0; side < 2 && !status; side++)
        status = sg_gap_bounds_add(list, "Bakry-Emery", side ? SG_ENTROPY_UPPER : SG_GAP_LOWER, code,
                                   (side ? -1 : 1) * (b.log_gap_lower + log_d), "%s", note);
    return status;
}

static sg_status lower(sg_turned *t, double log_d, sg_gap_bounds *list) {
    bool same = true;
    char frame[64];
    sg_status status = sg_gap_bounds_conditional(t, "axes of x", log_d, list);
    if (!status) status = sg_turned_least_coupling(t, &same);
    if (!status) status = sg_turned_box(t, DEPTH);
    if (!status && !same) {
        if (t->d == 2)
            snprintf(frame, sizeof frame, "axes turned by %.4g", atan2(t->turn[1], t->turn[0]));
        else
            snprintf(frame, sizeof frame, "axes of least coupling");
        status = sg_gap_bounds_conditional(t, frame, log_d, list);
    }
    return status ? status : bakry_emery(t, log_d, list);
}

sg_status sg_gap_bounds_grid(const sg_model *model, const sg_loss *loss, sg_gap_bounds *list) {
    sg_turned *t = NULL;
    double log_d;
    bool constant;
    sg_status status = sg_turned_new(model, &t);
    if (!status) status = sg_turned_box(t, DEPTH);
    if (!status) status = diffusion_of(t, loss, &log_d, &constant);
    if (!status && !constant) {
        status = sg_gap_bounds_add(list, "conditional gaps", SG_GAP_LOWER, SG_OK, NAN, "D is not constant");
    } else if (!status) {
        status = lower(t, log_d, list);
        if (!status) status = sg_gap_bounds_trial(t, log_d, list);
    }
    if (!status) status = sg_gap_bounds_mixture(model, constant, log_d, list);
    sg_turned_delete(t);
    return status;
}
