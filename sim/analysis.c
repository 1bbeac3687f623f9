#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "cell.h"

enum { NEEDS_ASYMPTOTIC = SIM_EFFICIENCY | SIM_BOUNDS | SIM_MONTECARLO, NEEDS_GAP = SIM_GAP | SIM_BOUNDS };

/* Keeps a failure as data; exhausted memory is the only one that ends the work. */
static sg_status keep(sim_reading *r, sg_status status, sg_status *where) {
    *where = status;
    if (status != SG_OK && !*r->message) snprintf(r->message, sizeof r->message, "%s", sg_message());
    return status == SG_NO_MEMORY ? status : SG_OK;
}

static void note(sim_reading *r, const char *message) {
    if (*message && !*r->message) snprintf(r->message, sizeof r->message, "%s", message);
}

static sg_status read_gap(const sg_model *model, const sg_loss *loss, sim_reading *r) {
    sg_status status = sg_loss_updates(loss, model, &r->updates);
    if (status == SG_OK) status = sg_spectrum_gap(model, loss, NULL, &r->gap, NULL);
    if (status != SG_OK) return keep(r, status, &r->gap_status);
    r->gap_status = r->gap.status;
    note(r, r->gap.message);
    return SG_OK;
}

static sg_status read_asymptotic(const sg_model *model, const sg_loss *loss, sim_reading *r) {
    sg_status status = sg_asymptotic_new(model, loss, &r->asymptotic);
    if (status != SG_OK) return keep(r, status, &r->efficiency_status);
    r->efficiency_status = r->asymptotic->status;
    note(r, r->asymptotic->message);
    return sg_loss_points(loss, model, &r->points);
}

static sg_status read_profile(const sg_model *model, const sg_loss *loss, sim_reading *r) {
    if (!r->asymptotic) {
        r->profile_status = r->efficiency_status;
        return SG_OK;
    }
    if (model->space.shape == SG_RD && model->space.d > 1) { /* seconds a loss: the efficiency command has them */
        r->profile_status = SG_UNDEFINED;
        return SG_OK;
    }
    sg_status status = sg_profile_new(model, loss, r->asymptotic, SIM_PROFILE_PAIRS, &r->profile);
    if (status != SG_OK) return keep(r, status, &r->profile_status);
    r->profile_status = r->profile->status;
    note(r, r->profile->message);
    return SG_OK;
}

/* Bounds with a constant that is no number would be none; the others need neither Gamma nor gap. */
static sg_status read_bounds(const sg_model *model, const sg_loss *loss, sim_reading *r) {
    const sg_asymptotic *a = r->efficiency_status == SG_OK ? r->asymptotic : NULL;
    bool known = r->gap_status == SG_OK || r->gap_status == SG_UNCERTIFIED;
    return keep(r, sg_bounds_of(model, loss, a, known ? &r->gap : NULL, &r->bounds), &r->bounds_status);
}

static sg_status read_mixing(const sg_model *model, const sg_loss *loss, const sim_mixing *choice, sim_reading *r) {
    const sg_mixing_settings settings = {.epsilon = choice->epsilon, .points = choice->points};
    sg_status status = sg_spectrum_mixing(model, loss, choice->start, &settings, &r->mixing);
    if (status != SG_OK) return keep(r, status, &r->mixing_status);
    r->mixing_status = r->mixing.status;
    note(r, r->mixing.message);
    return SG_OK;
}

static sg_status read_loss(const sim_group *group, const sg_loss *loss, unsigned measure, sim_reading *r) {
    const sg_model *model = group->model;
    sg_status status = SG_OK;
    if (measure & NEEDS_GAP) status = read_gap(model, loss, r);
    if (status == SG_OK && (measure & NEEDS_ASYMPTOTIC)) status = read_asymptotic(model, loss, r);
    if (status == SG_OK && (measure & SIM_EFFICIENCY)) status = read_profile(model, loss, r);
    if (status == SG_OK && (measure & SIM_BOUNDS)) status = read_bounds(model, loss, r);
    if (status == SG_OK && (measure & SIM_MIXING)) status = read_mixing(model, loss, group->mixing, r);
    return status;
}

static void report(const sim_how *how, int losses, int *done) {
#pragma omp critical(sim_analysis_report)
    {
        ++*done;
        if (how->theory) how->theory(how->context, *done, losses);
    }
}

sg_status sim_analysis_new(const sim_group *group, unsigned measure, const sim_how *how, sim_analysis **result) {
    sim_analysis *a = NULL;
    int exhausted = 0, done = 0;
    *result = NULL;
    sg_status status = sg_new(&a, 1, sizeof *a);
    if (status != SG_OK) return status;
    a->losses = group->losses;
    status = sg_new(&a->reading, (size_t)group->losses, sizeof *a->reading);
    if (status != SG_OK) goto out;
#pragma omp parallel for schedule(dynamic, 1) num_threads(how->threads) reduction(| : exhausted)
    for (int l = 0; l < group->losses; l++) {
        if (how->stop && *how->stop) continue;
        exhausted |= read_loss(group, group->loss[l], measure, &a->reading[l]) != SG_OK;
        report(how, group->losses, &done);
    }
    if (exhausted) status = sg_fail(SG_NO_MEMORY, "memory is exhausted by the quadrature of %s", group->model->text);
    if (!status && done < group->losses) status = sg_fail(SG_STOPPED, "stopped by a signal");
out:
    if (status != SG_OK) {
        sim_analysis_delete(a);
        return status;
    }
    *result = a;
    return SG_OK;
}

void sim_analysis_delete(sim_analysis *a) {
    if (!a) return;
    for (int l = 0; a->reading && l < a->losses; l++) {
        sg_asymptotic_delete(a->reading[l].asymptotic);
        sg_profile_delete(a->reading[l].profile);
        sg_mixing_clear(&a->reading[l].mixing);
    }
    sg_delete(a->reading);
    sg_delete(a);
}
