/* The list of bounds on a gap and on the log-Sobolev constant. */
#include "estimate/gap-bounds.h"

#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

sg_status sg_gap_bounds_add(sg_gap_bounds *list, const char *name, sg_bound_side side, sg_status status,
                            double log_value, const char *format, ...) {
    static const char *const objects[] = {"gap", "log-sobolev", "tensorization"};
    if (status == SG_NO_MEMORY || status == SG_STOPPED) return status;
    if (list->count == SG_GAP_BOUNDS_MOST)
        return sg_fail(SG_INTERNAL, "there are more than %d bounds", SG_GAP_BOUNDS_MOST);
    sg_gap_bound *bound = &list->bound[list->count++];
    *bound = (sg_gap_bound){.name = name, .side = side % 2 ? "upper" : "lower", .of = objects[side / 2]};
    bound->holds = status == SG_OK && isfinite(log_value);
    bound->log_value = bound->holds ? log_value : NAN;
    if (status) {
        snprintf(bound->note, sizeof bound->note, "%s", sg_message());
    } else {
        va_list values;
        va_start(values, format);
        vsnprintf(bound->note, sizeof bound->note, format, values);
        va_end(values);
    }
    return SG_OK;
}

void sg_gap_bounds_deny(sg_gap_bounds *list, const char *why) {
    sg_gap_bound *bound = &list->bound[list->count - 1];
    if (!bound->holds) return;
    bound->holds = false;
    bound->log_value = NAN;
    snprintf(bound->note, sizeof bound->note, "%s", why);
}

sg_status sg_gap_bounds_mixture(const sg_model *model, bool constant, double log_d, sg_gap_bounds *list) {
    sg_components *c = NULL;
    double value = INFINITY;
    if (!model->family->components) return SG_OK;
    sg_status status = model->family->components(model, model->truth, &c);
    if (status) return status;
    if (constant) status = sg_bound_normals_upper(c->d, c->count, c->weight, c->mean, c->covariance, &value);
    sg_delete(c);
    return sg_gap_bounds_add(list, "mixture", SG_GAP_LOWER, status, log_d - value,
                             constant ? "decomposition by the overlaps (chi-square) of the components"
                                      : "D is not constant");
}

/* C_P <= C_LS, and the least upper side is the constant's. */
static sg_status finish(const sg_gap *gap, sg_gap_bounds *list) {
    sg_log_sobolev *entropy = &list->log_sobolev;
    sg_status status = SG_OK;
    if (!entropy->method && !list->count) return SG_OK; /* nothing is known of these dynamics */
    if (gap && gap->irreversible) return SG_OK;         /* 1/gap is no Poincare constant */
    if (gap && gap->gap_upper > 0 && isfinite(gap->gap_upper))
        status = sg_gap_bounds_add(list, "Poincare", SG_ENTROPY_LOWER, SG_OK, -log(gap->gap_upper), "C_P <= C_LS");
    else if (gap && gap->status == SG_UNDERFLOW)
        status = sg_gap_bounds_add(list, "Poincare", SG_ENTROPY_LOWER, SG_OK, -gap->log10_gap * M_LN10, "C_P <= C_LS");
    for (int k = 0; k < list->count; k++) {
        const sg_gap_bound *b = &list->bound[k];
        if (!b->holds || strcmp(b->of, "log-sobolev") != 0) continue;
        if (strcmp(b->side, "upper") == 0 && b->log_value < entropy->log_upper) {
            entropy->log_upper = b->log_value;
            entropy->upper = b->name;
        } else if (strcmp(b->side, "lower") == 0 && b->log_value > entropy->log_lower) {
            entropy->log_lower = b->log_value;
        }
    }
    return status;
}

/* Langevin's diffusion in the law of noised data; without one level there is none. */
static sg_status of_noised(const sg_model *model, const sg_loss *loss, const sg_gap *gap, sg_gap_bounds *out) {
    sg_prepared *prepared = NULL;
    sg_loss *plain = NULL;
    const sg_model *law;
    sg_status status = sg_loss_prepare(loss, model, NULL, &prepared);
    if (status) return status;
    if (sg_loss_law(loss, prepared, model, &law)) goto out;
    status = sg_loss_new("score-matching", &plain);
    if (!status) status = sg_gap_bounds_of(law, plain, gap, out);
    sg_loss_delete(plain);
out:
    sg_loss_release(loss, prepared);
    return status;
}

sg_status sg_gap_bounds_of(const sg_model *model, const sg_loss *loss, const sg_gap *gap, sg_gap_bounds *out) {
    const sg_kind kind = loss->row->kind;
    sg_status status = SG_OK;
    *out = (sg_gap_bounds){
        .log_sobolev = {.log_value = NAN,
                        .log_lower = -INFINITY,
                        .log_upper = INFINITY,
                        .ratio = NAN,
                        .change = NAN,
                        .share = NAN},
        .tensorization = {.log_value = NAN, .log_lower = -INFINITY, .log_upper = INFINITY, .ratio = NAN, .share = NAN}};
    if (loss->row->more && !loss->row->diffusion) return of_noised(model, loss, gap, out);
    if (loss->row->more) { /* a process on more coordinates than those of the model */
        if (model->family->components) status = sg_gap_bounds_lifted(model, loss, out);
        return status ? status : finish(gap, out);
    }
    if (kind == SG_DIFFUSION && model->space.shape == SG_CIRCLE)
        status = sg_gap_bounds_circle(model, loss, gap, out);
    else if (kind == SG_DIFFUSION && model->space.shape == SG_SPHERE)
        status = sg_gap_bounds_sphere(model, loss, out);
    else if (kind == SG_DIFFUSION && model->space.d == 1 && model->space.shape != SG_ORTHANT)
        status = sg_gap_bounds_line(model, loss, gap, out);
    else if (kind == SG_DIFFUSION && model->space.shape == SG_RD)
        status = sg_gap_bounds_grid(model, loss, out);
    else if (kind == SG_KINETIC && model->space.shape == SG_LINE)
        status = sg_gap_bounds_kinetic(model, loss, out);
    else if (kind == SG_JUMP && model->family->rates)
        status = sg_gap_bounds_chain(model, gap, out);
    else if (model->space.shape == SG_FINITE && !model->family->rates &&
             (kind == SG_RESAMPLE || (kind == SG_JUMP && (loss->row->rate || loss->row->blocks))))
        status = sg_gap_bounds_states(model, loss, gap, out);
    if (!status) status = finish(gap, out);
    return status ? status : sg_gap_bounds_tensor(model, loss, gap, out);
}
