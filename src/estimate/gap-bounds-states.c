/* Bounds for jumps on two-state sites. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/gap-bounds.h"
#include "estimate/pairwise.h"

enum { TESTS_MOST = 18, PATHS_MOST = 14, ENTROPY_MOST = 8 };

typedef struct {
    const sg_model *model;
    const sg_loss *loss;
    const sg_gap *gap;
    sg_prepared *prepared;
    double *log_p;      /* [2^n], NULL beyond TESTS_MOST sites */
    double log_compare; /* log of the least rate over that of the heat bath; NaN: unknown */
    double log_touch;   /* log of an upper bound on the gap: how often a site is resampled; NaN: unknown */
} problem;

static void rate_of(const void *context, int n, const double *log_ratio, double *rate) {
    const problem *p = context;
    p->loss->row->rate(p->prepared, n, log_ratio, rate);
}

static sg_status open(problem *p) {
    const int n = p->model->space.d;
    sg_status status = sg_loss_prepare(p->loss, p->model, NULL, &p->prepared);
    if (status || n > TESTS_MOST || p->model->space.q != 2 || !p->model->family->states) return status;
    status = sg_new(&p->log_p, (size_t)1 << n, sizeof(double));
    if (!status) p->model->family->states(p->model, p->model->truth, 0, 1 << n, p->log_p);
    return status;
}

/*
 * A row with rates r(u) >= c e^u/(1 + e^u) has a Dirichlet form of at least c times that of the heat bath.  By
 * reversibility the quotient is even in u; it is taken over all log-ratios that occur.
 */
static void compare_rates(problem *p) {
    const int n = p->model->space.d;
    p->log_compare = INFINITY;
    for (size_t z = 0; z < (size_t)1 << n; z++)
        for (int i = 0; i < n; i++) {
            double u = p->log_p[z ^ ((size_t)1 << i)] - p->log_p[z], r;
            if (!(u >= 0) || isinf(u)) continue;
            rate_of(p, 1, &u, &r);
            p->log_compare = fmin(p->log_compare, log(r) + log1p(exp(-u)));
        }
}

/* Blocks: the form of the single-site heat bath from below, and how often a site is touched from above. */
static sg_status compare_blocks(problem *p) {
    sg_site_blocks blocks = {0};
    sg_status status = p->loss->row->blocks(p->loss->options, p->model, &blocks);
    if (!status)
        p->log_compare = sg_bound_blocks(p->model->space.d, blocks.count, blocks.mask, blocks.rate, &p->log_touch);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status == SG_NO_MEMORY ? status : SG_OK; /* too many sites or blocks: nothing to compare with */
}

static sg_status compare(problem *p) {
    const sg_row *row = p->loss->row;
    p->log_touch = row->heat_bath ? 0 : NAN;
    p->log_compare = row->heat_bath ? 0 : NAN;
    if (row->heat_bath) return SG_OK;
    if (row->blocks && !row->rate) return compare_blocks(p);
    if (row->rate && p->log_p) compare_rates(p);
    return SG_OK;
}

/* ------------------------------------------------------- pairwise conditions */

static sg_status add_pairwise(const problem *p, const char *why, sg_gap_bounds *list, const char *name,
                              sg_bound_side side, sg_status code, double log_value, const char *note) {
    const double sign = side == SG_GAP_LOWER ? 1 : -1;
    sg_status status = sg_gap_bounds_add(list, name, side, code, log_value + sign * p->log_compare, "%s", note);
    if (!status && why) snprintf(list->bound[list->count - 1].note, sizeof list->bound->note, "%s", why);
    return status;
}

static void conclude(const problem *p, const char *number, double value, const char *condition, char note[128]) {
    snprintf(note, 128, "%s %.6g%s%s", number, value, condition,
             p->log_compare == 0  ? ""
             : p->loss->row->rate ? "; times the least rate over the heat bath's"
                                  : "; times the blocks' share of the single-site form");
}

static sg_status pairwise(const problem *p, const sg_pairwise_reading *reading, sg_gap_bounds *list) {
    const char *why = reading->is ? isnan(p->log_compare)
                                        ? "for single flips, or blocks of up to 32 sites, to compare with the heat bath"
                                        : NULL
                                  : reading->why;
    double number = 0, value = NAN, entropy = NAN;
    char note[128] = "";
    sg_status code = SG_OK, status;
    if (!why) {
        code = sg_bound_dobrushin_lower(&reading->model, &number, &value);
        conclude(p, "influences of spectral radius", number, number < 1 ? " < 1" : ", not below 1", note);
    }
    if ((status = add_pairwise(p, why, list, "Dobrushin", SG_GAP_LOWER, code, value, note))) return status;
    if (!why) {
        code = sg_bound_spectral_lower(&reading->model, &number, &value);
        conclude(p, "lmax(J) - lmin(J) =", number, number < 1 ? " < 1" : ", not below 1", note);
    }
    if ((status = add_pairwise(p, why, list, "Eldan-Koehler-Zeitouni", SG_GAP_LOWER, code, value, note))) return status;
    if (!why) {
        code = sg_bound_tensorization_upper(&reading->model, &value, &entropy);
        conclude(p, "C_AT <=", exp(value), number < 1 ? "" : " (lmax - lmin not below 1)", note);
    }
    status = add_pairwise(p, why, list, "approximate tensorization", SG_ENTROPY_UPPER, code, entropy, note);
    if (status) return status;
    if (!why) snprintf(note, sizeof note, "sites flipped in order, through cuts of bounded weight");
    value = why ? NAN : sg_bound_paths_lower(&reading->model);
    return add_pairwise(p, why, list, "canonical paths, cuts", SG_GAP_LOWER, SG_OK, value, note);
}

/* --------------------------------------------------------------- all states */

static void heat_bath(const void *context, int n, const double *log_ratio, double *rate) {
    (void)context;
    for (int i = 0; i < n; i++) rate[i] = 1 / (1 + exp(-log_ratio[i]));
}

/* Of blocks by comparison. */
static sg_status congestion(const problem *p, sg_gap_bounds *list) {
    const int n = p->model->space.d;
    const bool blocks = !p->loss->row->rate;
    double value = NAN;
    if (n < 2 || n > PATHS_MOST || (blocks && isnan(p->log_compare))) return SG_OK;
    sg_status code = sg_bound_congestion_lower(n, p->log_p, blocks ? heat_bath : rate_of, p, &value);
    return sg_gap_bounds_add(list, "canonical paths", SG_GAP_LOWER, code, value + (blocks ? p->log_compare : 0),
                             "sites flipped in order, congestion over all states%s",
                             blocks ? "; times the blocks' share of the single-site form" : "");
}

static sg_status enumerated(const problem *p, sg_gap_bounds *list) {
    const int n = p->model->space.d;
    sg_test_functions tests = {NAN, NAN};
    if (!p->log_p) return SG_OK;
    sg_status status = congestion(p, list);
    if (status || !p->loss->row->rate) return status;
    sg_status code = sg_bound_test_functions_upper(n, p->log_p, rate_of, p, &tests);
    status = sg_gap_bounds_add(list, "linear functions", SG_GAP_UPPER, code, tests.log_linear, "the best sum a_i x_i");
    if (status) return status;
    return sg_gap_bounds_add(list, "magnetization cut", SG_GAP_UPPER, code, tests.log_cut,
                             "the best indicator of sum x_i < m");
}

/* Least mass of an allowed state. */
static double log_least_mass(int n, const double *log_p) {
    double most = -INFINITY, least = INFINITY, sum = 0;
    for (size_t z = 0; z < (size_t)1 << n; z++) most = fmax(most, log_p[z]);
    for (size_t z = 0; z < (size_t)1 << n; z++) {
        if (log_p[z] > -INFINITY) least = fmin(least, log_p[z]);
        sum += exp(log_p[z] - most);
    }
    return least - most - log(sum);
}

static sg_status least_mass(const problem *p, sg_gap_bounds *list) {
    const bool resampled = p->loss->row->kind == SG_RESAMPLE;
    if (!p->log_p || (!resampled && (!p->gap || p->gap->status != SG_OK))) return SG_OK;
    const double log_least = log_least_mass(p->model->space.d, p->log_p);
    const double log_c = resampled ? 0 : -log(p->gap->gap_lower);
    sg_status status =
        sg_gap_bounds_add(list, "least mass", SG_ENTROPY_UPPER, SG_OK, sg_bound_least_mass_upper(log_least, log_c),
                          "from C_P; log least mass %.6g", log_least);
    if (status || !resampled) return status;
    return sg_gap_bounds_add(list, "least mass", SG_ENTROPY_LOWER, SG_OK, sg_bound_two_point(log_least),
                             "functions of the lightest state alone");
}

/* ------------------------------------------------------------ C_LS itself */

/* Adds the rates at which block `mask` is drawn afresh from state x. */
static void resample(const double *log_p, size_t x, size_t mask, double rate, double *row) {
    double top = -INFINITY, sum = 0;
    for (size_t y = mask;; y = (y - 1) & mask) { /* all states of the block */
        top = fmax(top, log_p[(x & ~mask) | y]);
        if (y == 0) break;
    }
    for (size_t y = mask;; y = (y - 1) & mask) {
        sum += exp(log_p[(x & ~mask) | y] - top);
        if (y == 0) break;
    }
    for (size_t y = mask;; y = (y - 1) & mask) {
        const size_t z = (x & ~mask) | y;
        if (z != x) row[z] += rate * exp(log_p[z] - top) / sum;
        if (y == 0) break;
    }
}

/* Rates between all states, [states][states]. */
static sg_status rate_matrix(const problem *p, double *q) {
    const int n = p->model->space.d;
    const size_t states = (size_t)1 << n;
    const sg_row *row = p->loss->row;
    sg_site_blocks blocks = {0};
    sg_status status = row->rate ? SG_OK : row->blocks(p->loss->options, p->model, &blocks);
    for (int b = 0; b < blocks.count && !status; b++)
        for (size_t x = 0; x < states; x++)
            if (p->log_p[x] > -INFINITY) resample(p->log_p, x, blocks.mask[b], blocks.rate[b], q + x * states);
    for (size_t x = 0; x < states && row->rate; x++)
        for (int i = 0; i < n; i++) {
            const size_t y = x ^ ((size_t)1 << i);
            const double u = p->log_p[y] - p->log_p[x];
            if (isfinite(u)) rate_of(p, 1, &u, &q[x * states + y]);
        }
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

static sg_status chain_constant(const problem *p, size_t states, const double *q, sg_log_sobolev *out) {
    int *index = NULL, *from = NULL, *to = NULL;
    double *log_rate = NULL, *log_pi = NULL;
    sg_chain chain = {0};
    sg_status status = sg_new(&index, states, sizeof *index);
    if (!status) status = sg_new(&from, states * states, sizeof *from);
    if (!status) status = sg_new(&to, states * states, sizeof *to);
    if (!status) status = sg_new(&log_rate, states * states, sizeof *log_rate);
    if (!status) status = sg_new(&log_pi, states, sizeof *log_pi);
    if (status) goto out;
    for (size_t x = 0; x < states; x++)
        if (p->log_p[x] > -INFINITY) {
            log_pi[chain.n] = p->log_p[x];
            index[x] = chain.n++;
        }
    for (size_t x = 0; x < states; x++)
        for (size_t y = 0; y < states; y++) {
            if (!(q[x * states + y] > 0)) continue;
            from[chain.edges] = index[x];
            to[chain.edges] = index[y];
            log_rate[chain.edges++] = log(q[x * states + y]);
        }
    chain.from = from, chain.to = to, chain.log_rate = log_rate, chain.log_pi = log_pi;
    status = sg_chain_log_sobolev(&chain, out);
out:
    sg_delete(index);
    sg_delete(from);
    sg_delete(to);
    sg_delete(log_rate);
    sg_delete(log_pi);
    return status;
}

static sg_status constant_of(const problem *p, sg_gap_bounds *list) {
    double *q = NULL;
    sg_log_sobolev *entropy = &list->log_sobolev;
    if (!p->log_p || p->loss->row->kind != SG_JUMP || p->model->space.d > ENTROPY_MOST) return SG_OK;
    const size_t states = (size_t)1 << p->model->space.d;
    sg_status status = sg_new(&q, states * states, sizeof *q);
    if (!status) status = rate_matrix(p, q);
    if (!status) status = chain_constant(p, states, q, entropy);
    sg_delete(q);
    if (!status || status == SG_NO_MEMORY) return status;
    entropy->status = status;
    snprintf(entropy->message, sizeof entropy->message, "%s", sg_message());
    return SG_OK;
}

sg_status sg_gap_bounds_states(const sg_model *model, const sg_loss *loss, const sg_gap *gap, sg_gap_bounds *list) {
    problem p = {.model = model, .loss = loss, .gap = gap, .log_compare = NAN, .log_touch = NAN};
    sg_pairwise_reading reading = {0};
    sg_status status = open(&p);
    if (!status && loss->row->kind == SG_JUMP) {
        status = compare(&p);
        if (!status) status = sg_pairwise_read(model, &reading);
        if (!status) status = pairwise(&p, &reading, list);
        if (!status) status = enumerated(&p, list);
        if (!status && !loss->row->rate && !isnan(p.log_touch))
            status = sg_gap_bounds_add(list, "one site", SG_GAP_UPPER, SG_OK, p.log_touch,
                                       "functions of the site that is resampled least: the rate of its blocks");
    }
    if (!status) status = least_mass(&p, list);
    if (!status) status = constant_of(&p, list);
    sg_delete(reading.memory);
    sg_delete(p.log_p);
    sg_loss_release(loss, p.prepared);
    return status;
}
