/*
 * Jumps on finite sets from their model.  With a symmetry that is known to keep the slowest mode, the gap is that of
 * the chain of its classes, at any number of sites; otherwise it needs all states.
 */
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "jumps.h"
#include "sites.h"
#include "spectrum/kinds.h"
#include "spectrum/mixing/states.h"

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_spectrum_settings *settings;
    sg_prepared *prepared;
} problem;

static void rate_of(const void *context, int n, const double *log_ratio, double *rate) {
    const problem *p = context;
    p->loss->row->rate(p->prepared, n, log_ratio, rate);
}

/* The most sites whose states are visited. */
static int sites_most(const sg_model *model) {
    int sites = 0;
    for (long long states = model->space.q; states <= SG_JUMPS_STATES; states *= model->space.q) sites++;
    return sites;
}

static bool too_many(const sg_model *model) {
    return model->space.d > sites_most(model);
}

/* -------------------------------------------------------------------- classes */

static int ascending(const void *a, const void *b) {
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/*
 * Single flips on an attractive law keep increasing functions increasing if the rates grow with the log-ratio.  The
 * edges have all log-ratios that occur.
 */
static sg_status rates_grow(const problem *p, const sg_lumped *lumped, bool *grow) {
    static const double rounding = 1e-12;
    const int edges = lumped->edges;
    double *u = NULL, *rate = NULL;
    *grow = p->loss->row->heat_bath;
    if (*grow) return SG_OK;
    sg_status status = sg_new(&u, (size_t)edges, sizeof(double));
    if (!status) status = sg_new(&rate, (size_t)edges, sizeof(double));
    if (status) goto out;
    for (int e = 0; e < edges; e++) u[e] = lumped->log_p[lumped->to[e]] - lumped->log_p[lumped->from[e]];
    qsort(u, (size_t)edges, sizeof *u, ascending);
    rate_of(p, edges, u, rate);
    *grow = true;
    for (int e = 1; e < edges; e++) *grow = *grow && rate[e] >= rate[e - 1] * (1 - rounding);
out:
    sg_delete(u);
    sg_delete(rate);
    return status;
}

static sg_status path_gap(const sg_lumped *lumped, const double *log_rate, sg_gap *out) {
    const int n = lumped->classes;
    double *up = NULL, *down = NULL;
    sg_status status = sg_new(&up, (size_t)n, sizeof(double));
    if (!status) status = sg_new(&down, (size_t)n, sizeof(double));
    if (status) goto out;
    for (int e = 0; e < lumped->edges; e++)
        if (lumped->to[e] > lumped->from[e])
            up[lumped->from[e]] = log_rate[e];
        else
            down[lumped->to[e]] = log_rate[e];
    const sg_birth_death chain = {.n = n, .log_up = up, .log_down = down};
    status = sg_birth_death_gap(&chain, out);
out:
    sg_delete(up);
    sg_delete(down);
    return status;
}

static sg_status chain_gap(const problem *p, const sg_lumped *lumped, const double *log_rate, sg_gap *out) {
    double *log_pi = NULL;
    sg_status status = sg_new(&log_pi, (size_t)lumped->classes, sizeof(double));
    if (status) return status;
    for (int a = 0; a < lumped->classes; a++) log_pi[a] = lumped->log_p[a] + lumped->log_size[a];
    const sg_chain chain = {.n = lumped->classes,
                            .edges = lumped->edges,
                            .from = lumped->from,
                            .to = lumped->to,
                            .log_rate = log_rate,
                            .log_pi = log_pi};
    status = sg_chain_gap(&chain, p->settings, out, NULL, NULL);
    sg_delete(log_pi);
    return status;
}

/* Says why the gap of the classes is that of all states. */
static void name_reason(const sg_lumped *lumped, bool monotone, sg_gap *out) {
    if (monotone)
        out->method = lumped->path
                          ? "birth-death chain of classes (attractive: the slowest mode is monotone, so symmetric)"
                          : "chain of classes (attractive: the slowest mode is monotone, so symmetric)";
    else
        out->method = lumped->path ? "birth-death chain of classes (the slowest mode has a symmetric copy)"
                                   : "chain of classes (the slowest mode has a symmetric copy)";
    if (out->status != SG_OK) return;
    snprintf(out->message, sizeof out->message, "classes under %.80s%s%.150s", lumped->symmetry, monotone ? "" : ": ",
             monotone ? "" : lumped->reason);
}

/* Symmetric functions alone: no mode of theirs is slower than the slowest. */
static void only_above(const problem *p, const sg_lumped *lumped, sg_gap *out) {
    const sg_gap classes = *out;
    *out = (sg_gap){.gap = NAN,
                    .gap_upper = classes.status == SG_UNDERFLOW ? DBL_MIN : classes.gap_upper,
                    .log10_gap = NAN,
                    .poincare = NAN,
                    .relaxation_time = NAN,
                    .iterations = classes.iterations,
                    .method = "chain of classes, an upper bound",
                    .status = SG_UNCERTIFIED};
    snprintf(
        out->message, sizeof out->message,
        "only an upper bound: the slowest mode need not be symmetric under %.80s, and all states are visited up to %d "
        "sites only",
        lumped->symmetry, sites_most(p->model));
}

/* *done: the gap of the classes is that of the model, or the best that there is. */
static sg_status by_classes(const problem *p, const sg_lumped *lumped, bool *done, sg_gap *out) {
    const bool reason = p->loss->row->heat_bath && lumped->reason[0];
    bool monotone = false;
    double *log_rate = NULL;
    sg_status status = lumped->attractive ? rates_grow(p, lumped, &monotone) : SG_OK;
    if (status) return status;
    *done = monotone || reason || too_many(p->model);
    if (!*done) return SG_OK;
    if ((status = sg_new(&log_rate, (size_t)lumped->edges, sizeof(double)))) return status;
    status = sg_jumps_class_rates(p->loss, p->prepared, lumped, log_rate);
    if (!status) status = lumped->path ? path_gap(lumped, log_rate, out) : chain_gap(p, lumped, log_rate, out);
    sg_delete(log_rate);
    if (status) return status;
    if (monotone || reason)
        name_reason(lumped, monotone, out);
    else
        only_above(p, lumped, out);
    return SG_OK;
}

static sg_status try_classes(const problem *p, bool *done, sg_gap *out) {
    const sg_family *family = p->model->family;
    sg_lumped *lumped = NULL;
    *done = false;
    if (!family->lump || !p->loss->row->rate) return SG_OK;
    sg_status status = family->lump(p->model, p->model->truth, &lumped);
    if (status == SG_REFUSED) return SG_OK;
    if (!status) status = by_classes(p, lumped, done, out);
    sg_lumped_delete(lumped);
    return status;
}

/* Blocks of all subsets of one size, in a law of the number of sites in state 1: pairs of such numbers have all modes.
 */
static sg_status try_pairs(const problem *p, bool *done, sg_gap *out) {
    const sg_states_problem of = {.model = p->model, .loss = p->loss, .n = p->model->space.d};
    sg_lumped *lumped = NULL;
    int block = 0;
    sg_status status = p->loss->row->blocks && p->model->space.q == 2 ? sg_states_block(&of, &block) : SG_OK;
    if (!status && block) status = sg_states_numbers(p->model, done, &lumped);
    if (!status && *done) {
        const sg_exchange dynamics = {.n = of.n, .block = block, .log_p = lumped->log_p};
        status = sg_exchange_gap(&dynamics, out);
        out->method = "pairs of numbers of sites in state 1 (they have a copy of every mode)";
    }
    sg_lumped_delete(lumped);
    return status;
}

/* ----------------------------------------------------------------- all states */

/* log_p is lost. */
static sg_status solve_cube(const problem *p, double *log_p, int count, sg_gap *out, sg_chain_spectrum **spectrum) {
    const sg_row *row = p->loss->row;
    sg_site_blocks blocks = {0};
    if (!row->blocks) return sg_flip_gap(p->model->space.d, log_p, rate_of, p, p->settings, count, out, spectrum);
    sg_status status = row->blocks(p->loss->options, p->model, &blocks);
    const sg_cube cube = {
        .n = p->model->space.d, .blocks = blocks.count, .block = blocks.mask, .weight = blocks.rate, .log_p = log_p};
    if (!status) status = sg_cube_gap_over(&cube, log_p, p->settings, count, out, spectrum);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

/* Fewer eigenvalues than asked for where there are fewer states. */
static int available(const problem *p, const double *log_p, int count) {
    const long long states = llround(sg_model_states(p->model));
    long long allowed = 0;
    for (long long x = 0; x < states && allowed <= count; x++) allowed += log_p[x] > -INFINITY;
    return allowed - 1 < count ? (int)(allowed > 2 ? allowed - 1 : 1) : count;
}

static sg_status two_states(const problem *p, double *log_p, sg_gap *out, sg_eigenvalues *values) {
    sg_chain_spectrum *spectrum = NULL;
    const int count = values ? available(p, log_p, values->count) : 1;
    sg_status status = solve_cube(p, log_p, count, out, &spectrum);
    if (!status && values) {
        values->count = spectrum->count < count ? spectrum->count : count;
        for (int k = 0; k < values->count; k++) {
            values->log_value[k] = log(spectrum->value[k]);
            values->error[k] = spectrum->error[k] / spectrum->value[k];
        }
    }
    sg_chain_spectrum_delete(spectrum);
    return status;
}

static sg_status more_states(const problem *p, double *log_p, sg_gap *out, sg_eigenvalues *values) {
    const sg_row *row = p->loss->row;
    sg_site_blocks blocks = {0};
    sg_status status = row->blocks ? row->blocks(p->loss->options, p->model, &blocks) : SG_OK;
    const sg_sites sites = {.d = p->model->space.d,
                            .q = p->model->space.q,
                            .log_p = log_p,
                            .blocks = row->blocks ? &blocks : NULL,
                            .rate = rate_of,
                            .context = p};
    if (!status) status = sg_sites_gap(&sites, p->settings, out, values);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

static sg_status by_states(const problem *p, sg_gap *out, sg_eigenvalues *values) {
    double *log_p = NULL;
    if (too_many(p->model))
        return sg_fail(SG_REFUSED,
                       "the gap of %s on %s needs all its states, and no symmetry is known that would do: %d sites are "
                       "too many, take n <= %d",
                       p->loss->text, p->model->text, p->model->space.d, sites_most(p->model));
    sg_status status = sg_jumps_states(p->model, p->settings->threads, &log_p);
    if (!status) status = (p->model->space.q == 2 ? two_states : more_states)(p, log_p, out, values);
    sg_delete(log_p);
    return status;
}

/* The first eigenvalue is the gap, which has its enclosure already. */
static void set_first(const sg_gap *gap, sg_eigenvalues *values) {
    values->log_value[0] = gap->log10_gap * M_LN10;
    values->error[0] = gap->status == SG_OK ? gap->gap_upper / gap->gap_lower - 1 : INFINITY;
}

sg_status sg_gap_on_states(const sg_model *model, const sg_loss *loss, const sg_spectrum_settings *settings,
                           sg_gap *out, sg_eigenvalues *values) {
    problem p = {.model = model, .loss = loss, .settings = settings};
    bool done = false;
    sg_status status = sg_loss_prepare(loss, model, NULL, &p.prepared);
    if (!status) status = try_classes(&p, &done, out);
    if (!status && !done && too_many(model)) status = try_pairs(&p, &done, out);
    if (!status && !done) {
        status = by_states(&p, out, values);
    } else if (!status && values) {
        sg_gap ignored;
        if (values->count > 1 && !too_many(model))
            status = by_states(&p, &ignored, values); /* beside the gap there are modes without the symmetry */
        else
            values->count = 1;
        if (!status) set_first(out, values);
    }
    sg_loss_release(loss, p.prepared);
    return status;
}
