/* Tensorization of entropy for dynamics that resample blocks of sites. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/gap-bounds.h"
#include "estimate/pairwise.h"

enum { STATES_MOST = 1 << 10, PAIRS_MOST = 1 << 16 };

/* Least total rate at which a site is drawn afresh; 0 where one never is. */
static double coverage(int sites, const sg_site_blocks *blocks) {
    double least = INFINITY;
    for (int i = 0; i < sites; i++) {
        double sum = 0;
        for (int b = 0; b < blocks->count; b++) sum += blocks->mask[b] >> i & 1 ? blocks->rate[b] : 0;
        least = fmin(least, sum);
    }
    return least;
}

static sg_status from_product(const sg_model *model, const sg_site_blocks *blocks, const double *log_p,
                              sg_gap_bounds *list) {
    double oscillation, value;
    const double least = coverage(model->space.d, blocks);
    sg_status code =
        sg_bound_product_tensorization_upper(model->space.d, model->space.q, log_p, least, &oscillation, &value);
    if (code == SG_OK && isinf(oscillation))
        return sg_gap_bounds_add(list, "Holley-Stroock", SG_TENSOR_UPPER, code, value, "a state is forbidden");
    return sg_gap_bounds_add(list, "Holley-Stroock", SG_TENSOR_UPPER, code, value,
                             "oscillation %.6g of log p over a product", oscillation);
}

static sg_status from_spectrum(const sg_model *model, sg_gap_bounds *list) {
    sg_pairwise_reading reading = {0};
    double value = NAN, entropy, spread = NAN, log_gap;
    sg_status status = sg_pairwise_read(model, &reading);
    if (status) return status;
    if (reading.is) {
        sg_status code = sg_bound_spectral_lower(&reading.model, &spread, &log_gap);
        if (!code) code = sg_bound_tensorization_upper(&reading.model, &value, &entropy);
        status = sg_gap_bounds_add(list, "spectral condition", SG_TENSOR_UPPER, code, value,
                                   "lmax(J) - lmin(J) = %.6g%s", spread, spread < 1 ? " < 1" : ", not below 1");
    } else {
        status = sg_gap_bounds_add(list, "spectral condition", SG_TENSOR_UPPER, SG_OK, NAN, "%s", reading.why);
    }
    sg_delete(reading.memory);
    return status;
}

/* C_P <= C <= 2 C_LS, and the least upper side is the constant's. */
static sg_status sides(const sg_gap *gap, sg_gap_bounds *list) {
    sg_tensorization *constant = &list->tensorization;
    const sg_log_sobolev *entropy = &list->log_sobolev;
    sg_status status = SG_OK;
    if (gap && gap->gap_upper > 0 && isfinite(gap->gap_upper))
        status = sg_gap_bounds_add(list, "Poincare", SG_TENSOR_LOWER, SG_OK, -log(gap->gap_upper), "C_P <= C_AT");
    if (!status && entropy->upper)
        status = sg_gap_bounds_add(list, "log-Sobolev", SG_TENSOR_UPPER, SG_OK, M_LN2 + entropy->log_upper,
                                   "C_AT <= 2 C_LS, from above by %s", entropy->upper);
    for (int k = 0; k < list->count; k++) {
        const sg_gap_bound *b = &list->bound[k];
        if (!b->holds || strcmp(b->of, "tensorization") != 0) continue;
        if (strcmp(b->side, "upper") == 0 && b->log_value < constant->log_upper) {
            constant->log_upper = b->log_value;
            constant->upper = b->name;
        } else if (strcmp(b->side, "lower") == 0 && b->log_value > constant->log_lower) {
            constant->log_lower = b->log_value;
        }
    }
    return status;
}

static sg_status compute(const sg_model *model, const sg_site_blocks *blocks, const double *log_p,
                         sg_gap_bounds *list) {
    sg_tensorization *out = &list->tensorization;
    sg_status status = sg_law_tensorization(model->space.d, model->space.q, log_p, blocks->count, blocks->mask,
                                            blocks->rate, NULL, out);
    if (!status || status == SG_NO_MEMORY) return status;
    out->status = status;
    snprintf(out->message, sizeof out->message, "%s", sg_message());
    return SG_OK;
}

sg_status sg_gap_bounds_tensor(const sg_model *model, const sg_loss *loss, const sg_gap *gap, sg_gap_bounds *list) {
    const sg_row *row = loss->row;
    const double states = model->space.shape == SG_FINITE ? sg_model_states(model) : INFINITY;
    sg_site_blocks blocks = {0};
    double *log_p = NULL;
    if (row->kind != SG_JUMP || !row->blocks || states > STATES_MOST || !model->family->states) return SG_OK;
    sg_status status = row->blocks(loss->options, model, &blocks);
    if (status) return status;
    if (blocks.count * states > PAIRS_MOST) goto out;
    if ((status = sg_new(&log_p, (size_t)states, sizeof *log_p))) goto out;
    model->family->states(model, model->truth, 0, (int)states, log_p);
    if ((status = compute(model, &blocks, log_p, list))) goto out;
    if ((status = from_product(model, &blocks, log_p, list))) goto out;
    if (row->heat_bath && model->space.q == 2 && (status = from_spectrum(model, list))) goto out;
    status = sides(gap, list);
out:
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    sg_delete(log_p);
    return status;
}
