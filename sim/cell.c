#include "cell.h"

#include "failures.h"

#include <math.h>
#include <string.h>

static double finite_or_nan(double value) {
    return isfinite(value) ? value : NAN;
}

/* Lengths were checked when the plan was made. */
static void set_text(size_t size, char *member, const char *text, size_t length) {
    memcpy(member, text, length < size ? length : size - 1);
}

static void set_status(char text[16], sg_status status) {
    snprintf(text, 16, "%s", sg_status_name(status));
}

/* ---------------------------------------------------------------- records */

static void record_names(const sim_group *group, const sim_cell *cell, int l, sg_record *out) {
    const char *text = group->model->text, *name = group->model->family->name;
    const sg_loss *loss = group->loss[l];
    set_text(sizeof out->family, out->family, name, strlen(name));
    set_text(sizeof out->parameters, out->parameters, text + strlen(name) + 1, strlen(text) - strlen(name) - 2);
    set_text(sizeof out->loss, out->loss, loss->text, strlen(loss->text));
    set_text(sizeof out->clock, out->clock, loss->row->clock, strlen(loss->row->clock));
    out->n = (int32_t)(cell->n < INT32_MAX ? cell->n : INT32_MAX);
    out->m = group->model->m;
    out->replicates = cell->replicates;
}

static void record_gap(const sim_reading *r, sg_record *out) {
    const sg_gap *gap = &r->gap;
    set_status(out->status_gap, r->gap_status);
    if (r->gap_status == SG_UNDERFLOW) out->log10_gap = gap->log10_gap;
    if (r->gap_status != SG_OK && r->gap_status != SG_UNCERTIFIED) return;
    out->gap = gap->gap;
    out->gap_lower = gap->gap_lower;
    out->gap_upper = gap->gap_upper;
    out->log10_gap = gap->log10_gap;
    out->poincare = finite_or_nan(gap->poincare);
    out->relaxation_time = finite_or_nan(gap->relaxation_time);
    out->relaxation_sweeps = finite_or_nan(gap->relaxation_time * r->updates);
}

static void record_mixing(const sim_reading *r, sg_record *out) {
    const sg_mixing *m = &r->mixing;
    set_status(out->status_mixing, r->mixing_status);
    set_text(sizeof out->mixing_start, out->mixing_start, m->start, strlen(m->start));
    if (r->mixing_status != SG_OK && r->mixing_status != SG_UNCERTIFIED) return;
    out->mixing_epsilon = m->epsilon;
    out->mixing_time = finite_or_nan(m->mixing_time);
    out->mixing_time_lower = finite_or_nan(m->mixing_time_lower);
    out->mixing_time_upper = finite_or_nan(m->mixing_time_upper);
    if (isnan(out->relaxation_time)) out->relaxation_time = finite_or_nan(m->relaxation_time);
}

/* Values without a correct digit are not stored; their error estimates are. */
static void record_efficiency(const sim_reading *r, sg_record *out) {
    const sg_asymptotic *a = r->asymptotic;
    set_status(out->status_efficiency, r->efficiency_status);
    set_status(out->status_profile, r->profile_status);
    if (!a) return;
    out->points = r->points;
    out->norm_gamma_mle = sg_norm2(a->m, a->gamma_mle);
    out->gamma_error = a->gamma_error;
    out->inefficiency_error = a->inefficiency_error;
    out->restricted_poincare_error = a->restricted_poincare_error;
    out->mean_psi = a->mean_psi;
    if (r->profile) out->profile_disagreement = r->profile->disagreement;
    if (!sg_asymptotic_known(a)) return;
    out->norm_gamma = sg_norm2(a->m, a->gamma);
    out->inefficiency_min = a->inefficiency[0];
    out->inefficiency_max = a->inefficiency[a->m - 1];
    out->restricted_poincare = a->restricted_poincare;
}

static void record_bounds(const sim_reading *r, sg_record *out) {
    const sg_bounds *b = &r->bounds;
    if (r->bounds_status != SG_OK) return;
    out->bound_khr = finite_or_nan(b->khr_poincare.bound);
    out->bound_khr_restricted = finite_or_nan(b->khr_restricted.bound);
    out->bound_khr_step_inverse = finite_or_nan(b->khr_restricted.step_inverse);
    out->bound_khr_step_poincare = finite_or_nan(b->khr_restricted.step_poincare);
    out->bound_khr_step_split = finite_or_nan(b->khr_restricted.step_split);
    out->bound_kantorovich = finite_or_nan(b->kantorovich);
    out->muckenhoupt_poincare_lower = finite_or_nan(exp(b->log_muckenhoupt_lower));
    out->muckenhoupt_poincare_upper = finite_or_nan(exp(b->log_muckenhoupt_upper));
    out->cheeger_gap_lower = finite_or_nan(exp(b->log_cheeger_gap_lower));
    out->cheeger_gap_upper = finite_or_nan(exp(b->log_cheeger_gap_upper));
    out->mixture_poincare_upper = finite_or_nan(exp(b->log_mixture_upper));
    out->scales_poincare_upper = finite_or_nan(exp(b->log_scales_upper));
    out->level_poincare_lower = finite_or_nan(exp(b->log_level_lower));
}

static void record_summary(const sg_summary *s, const sg_asymptotic *a, sg_record *out) {
    int least = 0;
    out->used = s->used;
    sim_failures_record(s->failed, out);
    out->montecarlo_inefficiency = s->worst;
    out->montecarlo_inefficiency_se = s->worst_se;
    if (s->status == SG_OK) out->montecarlo_norm = sg_norm2(s->m, s->covariance);
    for (int j = 1; j < s->m; j++)
        if (s->coverage[j] < s->coverage[least]) least = j;
    out->coverage = s->coverage[least];
    out->coverage_se = s->coverage_se[least];
    for (int j = 0; a && j < s->m; j++) {
        double ratio = s->robust[j] / a->gamma_mle[j + j * s->m];
        if (!(out->montecarlo_robust >= ratio)) out->montecarlo_robust = ratio;
    }
}

static void record_kl(const sg_summary *s, sg_record *out) {
    out->kl_mean = s->kl_mean;
    out->kl_mean_se = s->kl_mean_se;
    out->kl_median = s->kl_median;
    out->kl_lo = s->kl_lo;
    out->kl_hi = s->kl_hi;
}

/* ----------------------------------------------------------------- arrays */

/* Adds the array if it is new and copies `count` numbers into the record's part. */
static sg_status put(sg_result *part, int l, const char *name, const char *description, int rank, const int *shape,
                     const double *value) {
    sg_array *array = sg_result_find(part, name);
    size_t count = 1;
    sg_status status = SG_OK;
    for (int k = 0; k < rank; k++) count *= (size_t)shape[k];
    if (!array) status = sg_result_array(part, name, "1", description, false, rank, shape, &array);
    if (status == SG_OK && value) memcpy(sg_array_record(array, l), value, count * sizeof *value);
    return status;
}

/* Profiles have as many pairs as their generator has, or as the solver trusts: the rest of the arrays stays NaN. */
static sg_status put_profile(sg_result *part, int l, int m, const sg_profile *p) {
    int weights[2] = {m, SIM_PROFILE_PAIRS}, pairs = p ? p->count : 0;
    sg_status status;
    if ((status = put(part, l, "profile/eigenvalues", "eigenvalues of the generator in its own time, ascending", 1,
                      weights + 1, NULL)))
        return status;
    if ((status = put(part, l, "profile/weights", "squared coefficients of each score on the eigenfunctions", 2,
                      weights, NULL)))
        return status;
    double *eigenvalue = sg_array_record(sg_result_find(part, "profile/eigenvalues"), l);
    double *weight = sg_array_record(sg_result_find(part, "profile/weights"), l);
    for (int k = 0; k < pairs && k < SIM_PROFILE_PAIRS; k++) {
        eigenvalue[k] = p->eigenvalue[k];
        for (int j = 0; j < m; j++) weight[j * SIM_PROFILE_PAIRS + k] = p->weight[j * pairs + k];
    }
    return put(part, l, "profile/remainder", "variance of each score that these eigenfunctions leave", 1, &m,
               p ? p->remainder : NULL);
}

static sg_status put_efficiency(sg_result *part, int l, int m, const sim_reading *r) {
    const sg_asymptotic *a = r->asymptotic;
    bool digits = sg_asymptotic_known(a);
    int square[2] = {m, m};
    sg_status status;
    if ((status = put(part, l, "gamma", "asymptotic covariance of sqrt(n) (theta_hat - theta)", 2, square,
                      digits ? a->gamma : NULL)))
        return status;
    if ((status = put(part, l, "gamma_mle", "the same of maximum likelihood", 2, square, a ? a->gamma_mle : NULL)))
        return status;
    if ((status = put(part, l, "inefficiency", "generalized eigenvalues of gamma against gamma_mle, ascending", 1,
                      square, digits ? a->inefficiency : NULL)))
        return status;
    return put_profile(part, l, m, r->profile);
}

static sg_status put_mixing(sg_result *part, int l, int points, const sg_mixing *m) {
    const bool known = m->points == points;
    sg_status status = put(part, l, "tv/time", "times of the profile, in the time of the generator", 1, &points,
                           known ? m->time : NULL);
    if (status == SG_OK)
        status = put(part, l, "tv/distance", "total variation between the law at that time and p", 1, &points,
                     known ? m->distance : NULL);
    if (status != SG_OK) return status;
    return put(part, l, "tv/error", "its error estimate", 1, &points, known ? m->distance_error : NULL);
}

static sg_status put_summary(sg_result *part, int l, int m, const sg_summary *s) {
    int square[2] = {m, m}, quantiles[2] = {m, 5};
    sg_status status;
    if ((status = put(part, l, "gamma_montecarlo", "n times the covariance of theta_hat over replicates", 2, square,
                      s ? s->covariance : NULL)))
        return status;
    if ((status = put(part, l, "gamma_montecarlo_se", "its Monte Carlo standard error", 2, square,
                      s ? s->covariance_se : NULL)))
        return status;
    if ((status = put(part, l, "bias", "mean of theta_hat - theta over replicates", 1, square, s ? s->bias : NULL)))
        return status;
    if ((status = put(part, l, "bias_se", "its Monte Carlo standard error", 1, square, s ? s->bias_se : NULL)))
        return status;
    if ((status = put(part, l, "coverage", "share of 95 % sandwich intervals that hold theta", 1, square,
                      s ? s->coverage : NULL)))
        return status;
    if ((status = put(part, l, "coverage_se", "its binomial standard error", 1, square, s ? s->coverage_se : NULL)))
        return status;
    if ((status = put(part, l, "robust", "n (IQR/1.349)^2 of theta_hat", 1, square, s ? s->robust : NULL)))
        return status;
    return put(part, l, "quantiles", "quantiles .025 .25 .5 .75 .975 of sqrt(n) (theta_hat - theta)", 2, quantiles,
               s ? s->quantile : NULL);
}

static sg_status put_replicates(sg_result *part, int l, int m, int replicates, bool kl, const sg_replicates *r) {
    int shape[2] = {replicates, m};
    sg_array *bytes = sg_result_find(part, "status");
    sg_status status = put(part, l, "theta", "estimates; NaN where undefined", 2, shape, r ? r->theta : NULL);
    if (status == SG_OK)
        status = put(part, l, "se", "sandwich standard errors of the estimates", 2, shape, r ? r->se : NULL);
    if (status == SG_OK && kl) status = put(part, l, "kl", "KL(p || p_theta_hat) in nats", 1, shape, r ? r->kl : NULL);
    if (status == SG_OK && !bytes)
        status = sg_result_array(part, "status", "1", "status codes of the fits, 0 = ok; 255 where there is none", true,
                                 1, shape, &bytes);
    if (status == SG_OK && r) memcpy(sg_array_record_bytes(bytes, l), r->status, (size_t)replicates);
    return status;
}

/* ------------------------------------------------------------ Monte Carlo */

sg_montecarlo_plan sim_cell_montecarlo(const sim_plan *plan, const sim_cell *cell, const sim_analysis *analysis,
                                       const sim_how *how, const sg_asymptotic **slot) {
    const sim_group *group = &plan->group[cell->group];
    for (int l = 0; l < group->losses; l++) slot[l] = analysis->reading[l].asymptotic;
    return (sg_montecarlo_plan){.model = group->model,
                                .losses = group->losses,
                                .loss = group->loss,
                                .asymptotic = slot,
                                .n = cell->n,
                                .replicates = cell->replicates,
                                .key = sg_cell_key(plan->experiment->seed, group->model, cell->n),
                                .memory = how->memory,
                                .threads = how->threads,
                                .kl = plan->experiment->measure & SIM_KL,
                                .stop = how->stop,
                                .progress = how->progress,
                                .context = how->context};
}

static sg_status take_loss(const sg_montecarlo_plan *run, const sg_montecarlo *mc, int from, int l, sg_result *part) {
    sg_summary *s = NULL;
    sg_record *out = &part->record[l];
    sg_status status = sg_summary_new(run, mc, from, &s);
    if (status != SG_OK) {
        set_status(out->status_montecarlo, status);
        return status == SG_NO_MEMORY ? status
                                      : put_replicates(part, l, mc->m, mc->replicates, run->kl, &mc->loss[from]);
    }
    set_status(out->status_montecarlo, s->status);
    record_summary(s, run->asymptotic[from], out);
    if (run->kl) record_kl(s, out);
    status = put_summary(part, l, mc->m, s);
    if (status == SG_OK) status = put_replicates(part, l, mc->m, mc->replicates, run->kl, &mc->loss[from]);
    sg_summary_delete(s);
    return status;
}

static bool ends_the_work(sg_status status) {
    return status == SG_NO_MEMORY || status == SG_STOPPED;
}

/* One loss that cannot be set up must not take the others with it: they are run one by one then, on the same data. */
static sg_status sample_alone(const sg_montecarlo_plan *all, sg_result *part) {
    sg_status status = SG_OK;
    for (int l = 0; l < all->losses && status == SG_OK; l++) {
        sg_montecarlo *mc = NULL;
        sg_montecarlo_plan one = *all;
        one.losses = 1;
        one.loss = all->loss + l;
        one.asymptotic = all->asymptotic + l;
        one.progress = NULL;
        sg_status ran = sg_montecarlo_run(&one, &mc);
        if (ran == SG_OK)
            status = take_loss(&one, mc, 0, l, part);
        else if (ends_the_work(ran))
            status = ran;
        else
            set_status(part->record[l].status_montecarlo, ran);
        sg_montecarlo_delete(mc);
    }
    return status;
}

static sg_status sample(const sim_plan *plan, const sim_cell *cell, const sim_analysis *analysis, const sim_how *how,
                        sg_result *part) {
    const sg_asymptotic *slot[SIM_LOSSES];
    sg_montecarlo_plan run = sim_cell_montecarlo(plan, cell, analysis, how, slot);
    sg_montecarlo *mc = NULL;
    int m = run.model->m;
    sg_status status = put_summary(part, 0, m, NULL); /* the arrays are there even if every loss fails */
    if (status == SG_OK) status = put_replicates(part, 0, m, cell->replicates, run.kl, NULL);
    if (status != SG_OK) return status;
    status = sg_montecarlo_run(&run, &mc);
    if (status != SG_OK && !ends_the_work(status)) return sample_alone(&run, part);
    for (int l = 0; l < run.losses && status == SG_OK; l++) status = take_loss(&run, mc, l, l, part);
    sg_montecarlo_delete(mc);
    return status;
}

/* ------------------------------------------------------------------- cells */

static void record_validity(const sim_cell *cell, const sim_reading *r, sg_record *out) {
    if (!r->asymptotic || !cell->n) return;
    out->rho_over_n = finite_or_nan(r->asymptotic->rho / (double)cell->n);
    out->asymptotic = out->rho_over_n <= 0.01;
}

static sg_status put_truth(sg_result *part, int l, const sg_model *model) {
    double *truth = NULL;
    sg_status status = sg_new(&truth, (size_t)model->m, sizeof *truth);
    for (int j = 0; j < model->m && status == SG_OK; j++) truth[j] = model->truth[model->free[j]];
    if (status == SG_OK) status = put(part, l, "truth", "theta of the free parameters", 1, &model->m, truth);
    sg_delete(truth);
    return status;
}

sg_status sim_cell_compute(const sim_plan *plan, const sim_cell *cell, const sim_analysis *analysis, const sim_how *how,
                           sg_result **result) {
    const sim_group *group = &plan->group[cell->group];
    unsigned measure = plan->experiment->measure;
    sg_result *part = NULL;
    *result = NULL;
    sg_status status = sg_result_new(group->losses, &part);
    for (int l = 0; l < group->losses && status == SG_OK; l++) {
        const sim_reading *r = &analysis->reading[l];
        sg_record *out = &part->record[l];
        record_names(group, cell, l, out);
        if (measure & SIM_GAP) record_gap(r, out);
        if (measure & SIM_EFFICIENCY) record_efficiency(r, out);
        if (measure & SIM_BOUNDS) record_bounds(r, out);
        if (measure & SIM_MIXING) record_mixing(r, out);
        record_validity(cell, r, out);
        status = put_truth(part, l, group->model);
        if (status == SG_OK && (measure & SIM_EFFICIENCY)) status = put_efficiency(part, l, group->model->m, r);
        if (status == SG_OK && (measure & SIM_MIXING)) status = put_mixing(part, l, group->mixing->points, &r->mixing);
    }
    if (status == SG_OK && cell->replicates) status = sample(plan, cell, analysis, how, part);
    if (status != SG_OK) {
        sg_result_delete(part);
        return status;
    }
    *result = part;
    return SG_OK;
}
