/* Bounds for diffusions on R^2 and R^3. */
#include "estimate/gap-bounds-grid.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

static const double DEPTH = 60; /* of the box in which infima are taken */

/* Logs of the least and the largest eigenvalue of D where D is constant, as far as points of the box show. */
typedef struct {
    double low, high;
    bool constant;
} range;

static sg_status eigenvalues_of(int d, sg_d_shape shape, const double *D, range *out) {
    double full[SG_BOUND_D * SG_BOUND_D], values[SG_BOUND_D];
    for (int a = 0, row = 0; a < d; a++)
        for (int b = 0; b <= a; b++, row++) {
            const int from = shape == SG_D_MATRIX ? row : shape == SG_D_DIAGONAL ? a : 0;
            full[a + b * d] = full[b + a * d] = shape == SG_D_MATRIX || a == b ? D[from * SG_BLOCK] : 0;
        }
    sg_status status = sg_symmetric_eigen(d, full, values, NULL);
    out->low = log(values[0]);
    out->high = log(values[d - 1]);
    return status;
}

static sg_status diffusion_of(sg_turned *t, const sg_loss *loss, range *out) {
    sg_prepared *prepared = NULL;
    double D[SG_BOUND_D * (SG_BOUND_D + 1) / 2 * SG_BLOCK], div[SG_BOUND_D * SG_BLOCK], u[SG_BOUND_D * SG_BLOCK];
    *out = (range){.constant = true};
    if (!loss->row->diffusion) return SG_OK;
    sg_status status = sg_loss_prepare(loss, t->model, NULL, &prepared);
    if (status) return status;
    for (int i = 0; i < SG_BLOCK; i++)
        for (int a = 0, rest = i; a < t->d; a++, rest /= 6)
            u[a * SG_BLOCK + i] = t->lo[a] + (t->hi[a] - t->lo[a]) * (rest % 6 + 0.5) / 6;
    sg_turned_look(t, SG_LOGP, SG_BLOCK, u);
    const sg_block block = {.n = SG_BLOCK, .d = t->d, .draws = 1, .x = t->x};
    const sg_d_shape shape = loss->row->shape ? loss->row->shape(prepared) : SG_D_SCALAR;
    loss->row->diffusion(prepared, &block, D, div);
    for (int row = 0; row < sg_d_rows(shape, t->d); row++)
        for (int i = 1; i < SG_BLOCK; i++) {
            const double here = D[row * SG_BLOCK + i], first = D[row * SG_BLOCK];
            out->constant = out->constant && fabs(here - first) <= 1e-14 * fabs(first);
        }
    if (out->constant) status = eigenvalues_of(t->d, shape, D, out);
    sg_loss_release(loss, prepared);
    return status;
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
    range d;
    sg_status status = sg_turned_new(model, &t);
    if (!status) status = sg_turned_box(t, DEPTH);
    if (!status) status = diffusion_of(t, loss, &d);
    if (!status && !d.constant) {
        status = sg_gap_bounds_add(list, "conditional gaps", SG_GAP_LOWER, SG_OK, NAN, "D is not constant");
    } else if (!status) {
        status = lower(t, d.low, list); /* energies of D lie between its eigenvalues times those of D = 1 */
        if (!status) status = sg_gap_bounds_trial(t, d.high, list);
    }
    if (!status) status = sg_gap_bounds_mixture(model, d.constant && d.low == d.high, d.low, list);
    sg_turned_delete(t);
    return status;
}
