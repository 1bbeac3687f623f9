#include "sweep.h"

#include <math.h>
#include <string.h>

#include "provenance.h"
#include "store.h"

/* A sweep under way. */
typedef struct {
    const sim_plan *plan;
    sim_store *store;
    sim_how how;
    sim_analysis *analysis; /* of group `analysed` */
    int analysed;
    sg_result **part; /* [cells] */
    sim_progress *progress;
    double before; /* work done before the cell in hand */
    int cell;
} sweep;

/* ---------------------------------------------------------------- progress */

/* Drawing and fitting take time in proportion to n, but never none. */
static double work_of(const sim_cell *cell) {
    return cell->replicates ? (double)cell->n * cell->replicates : 1;
}

static void on_replicate(void *context, int done) {
    sweep *w = context;
    const sim_cell *cell = &w->plan->cell[w->cell];
    char note[96];
    snprintf(note, sizeof note, "cell %d of %d, replicate %d of %d", w->cell + 1, w->plan->cells, done,
             cell->replicates);
    sim_progress_at(w->progress, w->before + (double)cell->n * done, note);
}

static void on_loss(void *context, int done, int losses) {
    sweep *w = context;
    char note[96];
    snprintf(note, sizeof note, "cell %d of %d, theory of loss %d of %d", w->cell + 1, w->plan->cells, done, losses);
    sim_progress_at(w->progress, w->before, note);
}

static void open_progress(sweep *w) {
    double total = 0;
    bool sampled = false;
    for (int c = 0; c < w->plan->cells; c++)
        if (!w->part[c]) total += work_of(&w->plan->cell[c]), sampled |= w->plan->cell[c].replicates > 0;
    w->progress = sim_progress_open(w->plan->experiment->name, sampled ? "draws" : "cells", total);
}

/* ------------------------------------------------------------------- cells */

static sg_status load_cells(sweep *w, bool fresh, int *kept) {
    sg_status status = SG_OK;
    *kept = 0;
    for (int c = 0; c < w->plan->cells && status == SG_OK; c++) {
        const sim_cell *cell = &w->plan->cell[c];
        if (fresh)
            sim_store_remove(w->store, cell);
        else
            status = sim_store_load(w->store, cell, &w->part[c]);
        *kept += w->part[c] != NULL;
    }
    return status;
}

static sg_status analyse(sweep *w, int group) {
    if (w->analysis && w->analysed == group) return SG_OK;
    sim_analysis_delete(w->analysis);
    w->analysis = NULL;
    w->analysed = group;
    return sim_analysis_new(&w->plan->group[group], w->plan->experiment->measure, &w->how, &w->analysis);
}

static sg_status compute_cell(sweep *w, int c) {
    const sim_cell *cell = &w->plan->cell[c];
    double start = sim_now();
    w->cell = c;
    if (*w->how.stop) return sg_fail(SG_STOPPED, "stopped by a signal");
    sg_status status = analyse(w, cell->group);
    if (status == SG_OK) status = sim_cell_compute(w->plan, cell, w->analysis, &w->how, &w->part[c]);
    if (status == SG_OK) status = sim_store_save(w->store, cell, w->part[c]);
    if (status != SG_OK) {
        sg_result_delete(w->part[c]);
        w->part[c] = NULL;
        return status;
    }
    sim_store_log(w->store, c, w->plan->group[cell->group].model, cell, sim_now() - start);
    w->before += work_of(cell);
    sim_progress_at(w->progress, w->before, "");
    return SG_OK;
}

static sg_status compute_cells(sweep *w, int *finished) {
    sg_status status = SG_OK;
    open_progress(w);
    for (int c = 0; c < w->plan->cells && status == SG_OK; c++) {
        if (w->part[c]) continue;
        status = compute_cell(w, c);
        *finished += status == SG_OK;
    }
    sim_progress_close(w->progress);
    w->progress = NULL;
    return status;
}

/* ------------------------------------------------------------------- merge */

static sg_status add_axes(const sim_experiment *e, sg_result *frame) {
    sg_status status = SG_OK;
    for (int k = 0; k < e->axes && status == SG_OK; k++) {
        const sim_axis *axis = &e->axis[k];
        double *value = NULL;
        if (!axis->numeric) continue;
        status = sg_new(&value, (size_t)axis->count, sizeof *value);
        for (int i = 0; i < axis->count && status == SG_OK; i++) value[i] = axis->value[i].number;
        if (status == SG_OK) status = sg_result_axis(frame, axis->key, "1", axis->count, value);
        sg_delete(value);
    }
    return status;
}

sg_status sim_sweep_frame(const sim_plan *plan, bool seed_given, sg_result **frame) {
    const sim_experiment *e = plan->experiment;
    char seed[24], hash[SG_SHA256_HEX], figures[SIM_FIGURES_TEXT];
    sg_result *r = NULL;
    *frame = NULL;
    snprintf(seed, sizeof seed, "0x%016llx", (unsigned long long)e->seed);
    sg_sha256(e->text, strlen(e->text), hash);
    sim_experiment_figures(e, figures);
    const char *attribute[][2] = {{"title", e->name},
                                  {"experiment", e->name},
                                  {"claim", e->claim},
                                  {"figure", figures},
                                  {"experiment_text", e->text},
                                  {"experiment_sha256", hash},
                                  {"seed", seed},
                                  {"seed_from", seed_given ? "command line" : "experiment file"},
                                  {"smoke", e->smoke ? "1" : "0"}};
    sg_status status = sg_result_new(0, &r);
    for (size_t k = 0; k < sizeof attribute / sizeof *attribute && status == SG_OK; k++)
        status = sg_result_attribute(r, attribute[k][0], attribute[k][1]);
    if (status == SG_OK) status = sim_provenance_add(r);
    if (status == SG_OK) status = add_axes(e, r);
    if (status != SG_OK) {
        sg_result_delete(r);
        return status;
    }
    *frame = r;
    return SG_OK;
}

/* What a part does not know: its place in this plan. */
static void place(const sim_plan *plan, int c, sg_result *part) {
    for (int r = 0; r < part->records; r++) {
        part->record[r].cell = c;
        memcpy(part->record[r].axis, plan->group[plan->cell[c].group].axis, sizeof part->record[r].axis);
    }
}

static sg_status merge(sweep *w, bool seed_given, sg_result **joined) {
    sg_result *frame = NULL;
    *joined = NULL;
    for (int c = 0; c < w->plan->cells; c++) place(w->plan, c, w->part[c]);
    sg_status status = sim_sweep_frame(w->plan, seed_given, &frame);
    if (status == SG_OK) status = sg_result_join(frame, w->plan->cells, (const sg_result *const *)w->part, joined);
    if (status == SG_OK) status = sg_store_write(w->store->output, *joined);
    sg_result_delete(frame);
    return status;
}

/* What does not exist for a loss has not failed. */
static bool is_failure(const char *status) {
    return *status && strcmp(status, sg_status_name(SG_OK)) != 0 && strcmp(status, sg_status_name(SG_UNDEFINED)) != 0;
}

static void count(const sg_result *result, sim_outcome *out) {
    out->records = result->records;
    for (int r = 0; r < result->records; r++) {
        const sg_record *x = &result->record[r];
        bool first = r == 0 || x->cell != result->record[r - 1].cell;
        if (first) out->replicates += x->replicates;
        for (int k = 0; k < SIM_FAILURES; k++) {
            out->failed[k] += sim_failure_count(x, k);
            out->failed_fits += sim_failure_count(x, k);
        }
        out->failed_measures += is_failure(x->status_gap) + is_failure(x->status_efficiency) +
                                is_failure(x->status_profile) + is_failure(x->status_montecarlo) +
                                is_failure(x->status_mixing);
    }
}

/* -------------------------------------------------------------------- runs */

static sg_status explain(sg_status status, const sim_store *s, const sim_outcome *out) {
    char message[400];
    if (status != SG_CANNOT_WRITE || !s->cells) return status;
    snprintf(message, sizeof message, "%s", sg_message());
    return sg_fail(status, "%s; %d of %d cells are finished and kept in %s: make room and run the same command again",
                   message, out->finished, out->cells, s->cells);
}

sg_status sim_sweep_run(const sim_plan *plan, const sim_sweep_how *how, sim_outcome *out) {
    sim_store store;
    sg_result *joined = NULL;
    double start = sim_now();
    sweep w = {.plan = plan,
               .store = &store,
               .how = {.threads = how->threads,
                       .memory = how->memory,
                       .stop = &sim_stop,
                       .progress = on_replicate,
                       .theory = on_loss,
                       .context = &w}};
    *out = (sim_outcome){.cells = plan->cells};
    sg_status status =
        sim_store_open(plan->experiment->name, plan->experiment->smoke, how->output, how->threads, &store);
    if (status != SG_OK) goto out;
    if ((status = sg_new(&out->output, strlen(store.output) + 1, 1))) goto out;
    strcpy(out->output, store.output);
    if ((status = sg_new(&w.part, (size_t)plan->cells, sizeof *w.part))) goto out;
    if ((status = load_cells(&w, how->fresh, &out->kept))) goto out;
    out->finished = out->kept;
    if ((status = compute_cells(&w, &out->finished))) goto out;
    if ((status = merge(&w, how->seed_given, &joined))) goto out;
    count(joined, out);
out:
    status = explain(status, &store, out);
    out->seconds = sim_now() - start;
    for (int c = 0; w.part && c < plan->cells; c++) sg_result_delete(w.part[c]);
    sg_delete(w.part);
    sg_result_delete(joined);
    sim_analysis_delete(w.analysis);
    sim_store_close(&store);
    return status;
}
