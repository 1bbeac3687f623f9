#include <math.h>
#include <omp.h>
#include <stdio.h>
#include <string.h>

#include "estimate/kl.h"

/* What all threads share. */
typedef struct {
    const sg_montecarlo_plan *plan;
    sg_nodes *nodes; /* NULL: no loss needs any */
    int forms;       /* of data on finite sets that fit in memory */
    sg_sampler *sampler;
} shared;

/* What one thread owns. */
typedef struct {
    sg_fitter **fitter; /* [losses] */
    sg_kl_tool *kl;
    double *packed; /* NULL, both: data are drawn anew at each pass */
    sg_gathered *gathered;
    double *theta, *covariance;
} worker;

uint64_t sg_cell_key(uint64_t seed, const sg_model *model, long long n) {
    char data[640], text[768];
    sg_model_data_text(model, sizeof data, data);
    snprintf(text, sizeof text, "seed=%llu;%s;n=%lld", (unsigned long long)seed, data, n);
    return sg_hash64(text);
}

static sg_status open_nodes(shared *s) {
    const sg_montecarlo_plan *plan = s->plan;
    sg_status status = SG_OK;
    for (int l = 0; l < plan->losses && !s->nodes && !status; l++)
        status = sg_fit_nodes(plan->model, plan->loss[l], plan->model->truth, plan->kl, &s->nodes);
    return status;
}

/* Whether a form is kept depends on it alone: one loss that is run again must see the same sums. */
static void choose_forms(shared *s) {
    const sg_montecarlo_plan *plan = s->plan;
    for (int l = 0; l < plan->losses; l++) {
        const int form = sg_loss_form(plan->model, plan->loss[l]);
        if (form && sg_gathered_bytes(plan->model, plan->n, form) <= plan->memory / 2) s->forms |= form;
    }
}

static sg_status open_shared(const sg_montecarlo_plan *plan, shared *s) {
    sg_status status;
    s->plan = plan;
    if (plan->n < 1 || plan->n > 0xffffffffLL * SG_BLOCK)
        return sg_fail(SG_OUT_OF_RANGE, "the sample size %lld is out of range: it must be >= 1 and < 1e12", plan->n);
    if ((status = open_nodes(s))) return status;
    choose_forms(s);
    const sg_panels *panels = s->nodes ? s->nodes->panels : NULL;
    if ((status = sg_sampler_new(plan->model, plan->model->truth, panels, &s->sampler))) return status;
    if (plan->model->space.shape == SG_FINITE && !sg_sampler_exact(s->sampler))
        return sg_fail(SG_REFUSED, "there are no exact draws from %s, and Monte Carlo needs them: take fewer sites",
                       plan->model->text);
    return SG_OK;
}

static void close_shared(shared *s) {
    sg_sampler_delete(s->sampler);
    sg_nodes_delete(s->nodes);
}

static void close_worker(const sg_montecarlo_plan *plan, worker *w) {
    for (int l = 0; w->fitter && l < plan->losses; l++) sg_fitter_delete(w->fitter[l]);
    sg_delete(w->fitter);
    sg_kl_tool_delete(w->kl);
    sg_delete(w->packed);
    sg_gathered_delete(w->gathered);
    sg_delete(w->theta);
    sg_delete(w->covariance);
}

/* Doubles that the data take. */
static size_t points_of(const sg_montecarlo_plan *plan) {
    return (size_t)((plan->n + SG_BLOCK - 1) / SG_BLOCK) * SG_BLOCK * (size_t)plan->model->space.d;
}

static sg_status open_worker(const shared *s, worker *w) {
    const sg_montecarlo_plan *plan = s->plan;
    const sg_model *model = plan->model;
    sg_status status = SG_OK;
    size_t m = (size_t)model->m;
    const size_t points = points_of(plan);
    if ((status = sg_new(&w->fitter, (size_t)plan->losses, sizeof *w->fitter))) return status;
    if ((status = sg_new(&w->theta, m, sizeof(double)))) return status;
    if ((status = sg_new(&w->covariance, m * m, sizeof(double)))) return status;
    if (s->forms && (status = sg_gathered_new(model, plan->n, s->forms, &w->gathered))) return status;
    if (!s->forms && points <= plan->memory / sizeof(double) && (status = sg_new(&w->packed, points, sizeof(double))))
        return status;
    if (plan->kl && (status = sg_kl_tool_new(model, s->nodes, &w->kl))) return status;
    for (int l = 0; l < plan->losses; l++) {
        const sg_asymptotic *a = plan->asymptotic ? plan->asymptotic[l] : NULL;
        status = sg_fitter_new(model, plan->loss[l], model->truth, a ? a->whiten : NULL, s->nodes, &w->fitter[l]);
        if (status) return status;
    }
    return SG_OK;
}

static sg_source replicate_source(const shared *s, const worker *w, int replicate) {
    sg_source source = {.n = s->plan->n,
                        .d = s->plan->model->space.d,
                        .sampler = s->sampler,
                        .key = s->plan->key,
                        .replicate = (uint32_t)replicate};
    const size_t packed = w->packed ? points_of(s->plan) * sizeof(double) : 0;
    source.memory = (s->plan->memory - packed) / (size_t)s->plan->losses;
    if (w->packed) sg_source_pack(&source, w->packed);
    if (w->gathered) sg_source_gather(&source, w->gathered);
    return source;
}

/* Standard errors and KL of one fit. */
static sg_status finish(const shared *s, worker *w, const sg_fit *fit, double *se, double *kl) {
    int m = s->plan->model->m;
    for (int j = 0; j < m; j++) {
        double variance = fit->covariance[j + j * m];
        se[j] = variance >= 0 ? sqrt(variance) : NAN;
    }
    *kl = NAN;
    if (!w->kl) return SG_OK;
    if (fit->status == SG_SEPARATED || fit->status == SG_NO_MINIMUM) { /* the law in the limit forbids states of p */
        *kl = INFINITY;
        return SG_OK;
    }
    return sg_kl_tool_at(w->kl, fit->theta, kl);
}

static sg_status run_replicate(const shared *s, worker *w, int replicate, sg_montecarlo *out) {
    int m = out->m;
    sg_source source = replicate_source(s, w, replicate);
    for (int l = 0; l < out->losses; l++) {
        sg_replicates *r = &out->loss[l];
        sg_fit fit = {.theta = r->theta + (size_t)replicate * m, .covariance = w->covariance};
        sg_status status = sg_fit_source(w->fitter[l], &source, s->plan->skip_se ? 0 : SG_FIT_SANDWICH, &fit);
        if (!status) status = finish(s, w, &fit, r->se + (size_t)replicate * m, r->kl + replicate);
        if (status) return status;
        r->status[replicate] = (uint8_t)fit.status;
    }
    return SG_OK;
}

static sg_status new_output(const sg_montecarlo_plan *plan, sg_montecarlo **result) {
    sg_status status;
    sg_montecarlo *out = NULL;
    size_t count = (size_t)plan->replicates, m = (size_t)plan->model->m;
    if ((status = sg_new(&out, 1, sizeof *out))) return status;
    *result = out;
    out->losses = plan->losses, out->replicates = plan->replicates, out->m = plan->model->m;
    if ((status = sg_new(&out->loss, (size_t)plan->losses, sizeof *out->loss))) return status;
    for (int l = 0; l < plan->losses; l++) {
        sg_replicates *r = &out->loss[l];
        if ((status = sg_new(&r->theta, count * m, sizeof(double)))) return status;
        if ((status = sg_new(&r->se, count * m, sizeof(double)))) return status;
        if ((status = sg_new(&r->kl, count, sizeof(double)))) return status;
        if ((status = sg_new(&r->status, count, 1))) return status;
    }
    return SG_OK;
}

void sg_montecarlo_delete(sg_montecarlo *out) {
    if (!out) return;
    for (int l = 0; out->loss && l < out->losses; l++) {
        sg_delete(out->loss[l].theta);
        sg_delete(out->loss[l].se);
        sg_delete(out->loss[l].kl);
        sg_delete(out->loss[l].status);
    }
    sg_delete(out->loss);
    sg_delete(out);
}

static void replicate_loop(const shared *s, sg_montecarlo *out, int threads, sg_failure *first) {
    const sg_montecarlo_plan *plan = s->plan;
    int failed = 0, done = 0;
#pragma omp parallel num_threads(threads)
    {
        worker w = {0};
        sg_status status = open_worker(s, &w);
        if (status) {
            sg_failure_keep(first, status);
#pragma omp atomic write
            failed = 1;
        }
#pragma omp for schedule(dynamic, 1)
        for (int r = 0; r < plan->replicates; r++) {
            int skip;
#pragma omp atomic read
            skip = failed;
            if (skip || (plan->stop && *plan->stop)) continue;
            status = run_replicate(s, &w, r, out);
            if (status) {
                sg_failure_keep(first, status);
#pragma omp atomic write
                failed = 1;
            }
#pragma omp critical(sg_montecarlo_progress)
            {
                done++;
                if (plan->progress) plan->progress(plan->context, done);
            }
        }
        close_worker(plan, &w);
    }
    if (!first->status && done < plan->replicates) {
        first->status = SG_STOPPED;
        snprintf(first->message, sizeof first->message, "stopped after %d of %d replicates", done, plan->replicates);
    }
}

sg_status sg_montecarlo_run(const sg_montecarlo_plan *plan, sg_montecarlo **result) {
    sg_status status = SG_OK;
    shared s = {0};
    sg_failure first = {0};
    sg_montecarlo *out = NULL;
    *result = NULL;
    if ((status = open_shared(plan, &s))) goto out;
    if ((status = new_output(plan, &out))) goto out;
    replicate_loop(&s, out, plan->threads > 0 ? plan->threads : omp_get_max_threads(), &first);
    if (first.status) status = sg_fail(first.status, "%s", first.message);
out:
    close_shared(&s);
    if (status) {
        sg_montecarlo_delete(out);
        return status;
    }
    *result = out;
    return SG_OK;
}

sg_status sg_montecarlo_replay(const sg_montecarlo_plan *plan, int loss, int replicate, double *theta, double *se,
                               double *kl, sg_fit *fit) {
    sg_status status = SG_OK;
    shared s = {0};
    worker w = {0};
    sg_montecarlo_plan one = *plan;
    one.losses = 1;
    one.loss = plan->loss + loss;
    one.asymptotic = plan->asymptotic ? plan->asymptotic + loss : NULL;
    if ((status = open_shared(&one, &s))) goto out;
    if ((status = open_worker(&s, &w))) goto out;
    sg_source source = replicate_source(&s, &w, replicate);
    fit->theta = theta;
    if ((status = sg_fit_source(w.fitter[0], &source, SG_FIT_SANDWICH, fit))) goto out;
    status = finish(&s, &w, fit, se, kl);
out:
    close_worker(&one, &w);
    close_shared(&s);
    return status;
}
