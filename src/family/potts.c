/*
 * The Potts model: p(x) ~ exp(sum_e J_e 1{x_i = x_j}), q states a site.  Its coordinates are all couplings, or
 * (free=tied) the factor beta of given ones.  With two states it is the Ising model at half the couplings.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/codes.h"
#include "family/graph.h"
#include "family/potts-classes.h"

enum { SITES_MOST = SG_CODES_SITES, STATES_MOST = 10 };

typedef struct {
    sg_spin_graph_keys graph;
    int q;
    double beta;
    int couplings, coupling_seed;
} potts_keys;

typedef struct {
    bool tied;
    int q;
    const sg_spin_graph *graph;
} potts;

static bool is_tied(const char *free_word) {
    return strcmp(free_word, "tied") == 0 || strcmp(free_word, "beta") == 0;
}

static sg_status settle(void *keys) {
    potts_keys *own = keys;
    sg_status status = sg_spin_graph_settle("potts", true, &own->graph);
    return status == SG_OK ? sg_spin_graph_check_couplings("potts", &own->graph, own->couplings) : status;
}

static bool idle(const void *keys, const char *key) {
    const potts_keys *own = keys;
    if (strcmp(key, "couplings") == 0) return own->graph.graph[0] == '@';
    if (strcmp(key, "coupling-seed") == 0) return own->couplings == SG_COUPLINGS_FERRO; /* nothing is drawn */
    return sg_spin_graph_idle(&own->graph, key);
}

static sg_status check(const sg_spin_graph *graph, bool tied) {
    if (graph->field)
        return sg_fail(SG_BAD_DATA,
                       "family potts has no fields: leave the lines `i h_i` out of the graph file, or take loglinear");
    if (graph->edges < 1)
        return sg_fail(SG_OUT_OF_RANGE, "the graph of family potts has no edge, and so no parameter: take more sites");
    if (tied || graph->edges <= SG_SPIN_GRAPH_PARAMETERS) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "family potts has %d couplings here, at most %d can be parameters: take free=tied",
                   graph->edges, (int)SG_SPIN_GRAPH_PARAMETERS);
}

static sg_status make(const void *keys, sg_model *model) {
    const potts_keys *key = keys;
    const bool tied = is_tied((const char *)keys + sizeof *key);
    const sg_spin_graph_weights weights = {
        .weighted = true, .couplings = key->couplings, .seed = key->coupling_seed, .touched = !tied};
    sg_spin_graph *graph;
    sg_status status = sg_spin_graph_new("potts", &key->graph, &weights, sizeof(potts), &model->own, &graph);
    if (status == SG_OK) status = check(graph, tied);
    if (status != SG_OK) return status;
    *(potts *)model->own = (potts){.tied = tied, .q = key->q, .graph = graph};
    model->space = (sg_space){.shape = SG_FINITE, .d = graph->n, .q = key->q};
    model->full = tied ? 1 : graph->edges;
    status = sg_new(&model->truth, (size_t)model->full, sizeof *model->truth);
    if (status != SG_OK) return status;
    for (int e = 0; e < model->full; e++)
        model->truth[e] = tied ? key->beta : key->beta * sg_spin_graph_coupling(graph, e);
    return SG_OK;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    const potts *own = model->own;
    int i, j;
    if (own->tied) {
        snprintf(name, SG_NAME, "beta");
        return;
    }
    sg_spin_graph_edge(own->graph, index, &i, &j);
    snprintf(name, SG_NAME, "J%d-%d", i, j);
}

static bool inside(const sg_model *model, const double *theta) {
    double sum = 0;
    for (int i = 0; i < model->full; i++) sum += fabs(theta[i]);
    return isfinite(sum);
}

static double coupling_at(const potts *own, const double *theta, int edge) {
    return own->tied ? theta[0] * sg_spin_graph_coupling(own->graph, edge) : theta[edge];
}

/* Two states are -1 and +1. */
static double value_of(int q, int state) {
    return q == 2 ? 2 * state - 1 : state;
}

static int state_of(int q, double x) {
    return q == 2 ? x > 0 : (int)x;
}

/* ------------------------------------------------------------------------- jet */

/* out += weight 1{a = b} */
static void add_equal(int n, double weight, const double *restrict a, const double *restrict b, double *restrict out) {
#pragma omp simd
    for (int k = 0; k < n; k++) out[k] += a[k] == b[k] ? weight : 0.0;
}

static void add_state(int n, double state, const double *restrict x, double *restrict count) {
#pragma omp simd
    for (int k = 0; k < n; k++) count[k] += x[k] == state ? 1.0 : 0.0;
}

/* Equal couplings on the complete graph: pairs of sites of the same state by the numbers of sites in each. */
static bool by_counts(const potts *own) {
    return own->tied && !own->graph->J && own->graph->kind == SG_SPIN_GRAPH_COMPLETE;
}

static void add_complete(const potts *own, const sg_block *block, double weight, double *restrict out) {
    const int n = block->n;
    for (int s = 0; s < own->q; s++) {
        double count[SG_BLOCK] = {0};
        for (int i = 0; i < own->graph->n; i++)
            add_state(n, value_of(own->q, s), block->x + (size_t)i * SG_BLOCK, count);
#pragma omp simd
        for (int k = 0; k < n; k++) out[k] += weight * own->graph->coupling * (0.5 * count[k] * (count[k] - 1));
    }
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const potts *own = model->own;
    const bool dt = out->want & SG_DT, logp = out->want & SG_LOGP, complete = by_counts(own);
    if (dt) memset(out->dt, 0, (size_t)model->full * SG_BLOCK * sizeof(double));
    if (logp) memset(out->logp, 0, SG_BLOCK * sizeof(double));
    if (dt && complete) add_complete(own, block, 1, out->dt);
    if (logp && complete) add_complete(own, block, theta[0], out->logp);
    for (int e = 0, i, j; e < own->graph->edges && !complete; e++) {
        sg_spin_graph_edge(own->graph, e, &i, &j);
        const double *a = block->x + (size_t)i * SG_BLOCK, *b = block->x + (size_t)j * SG_BLOCK;
        if (dt)
            add_equal(block->n, own->tied ? sg_spin_graph_coupling(own->graph, e) : 1, a, b,
                      out->dt + (own->tied ? 0 : (size_t)e * SG_BLOCK));
        if (logp) add_equal(block->n, coupling_at(own, theta, e), a, b, out->logp);
    }
}

/* -------------------------------------------------------------------- one site */

static int edge_at(const sg_spin_graph *graph, int site, int r) {
    if (graph->incident) return graph->incident[graph->start[site] + r];
    return sg_spin_graph_edge_of(graph, site, sg_spin_graph_neighbour(graph, site, r));
}

/* log p of the states of a site given its neighbours. */
static void conditional(const sg_model *model, const double *theta, const sg_block *block, int point, int site,
                        double *logp) {
    const potts *own = model->own;
    const int degree = sg_spin_graph_degree(own->graph, site);
    const double *x = block->x + point;
    for (int s = 0; s < own->q; s++) logp[s] = 0;
    for (int r = 0; r < degree; r++)
        logp[state_of(own->q, x[(size_t)sg_spin_graph_neighbour(own->graph, site, r) * SG_BLOCK])] +=
            own->tied && !own->graph->J ? theta[0] * own->graph->coupling
                                        : coupling_at(own, theta, edge_at(own->graph, site, r));
}

static double log_ratio(const sg_model *model, const double *theta, const sg_block *block, int point, int site) {
    double logp[STATES_MOST];
    const int here = block->x[(size_t)site * SG_BLOCK + (size_t)point] > 0;
    conditional(model, theta, block, point, site, logp);
    return logp[1 - here] - logp[here];
}

/* The graph's lists end with a coordinate of the site itself, which is none here. */
static const int *touched(const sg_model *model, int site, int *count) {
    static const int tied[] = {0};
    const potts *own = model->own;
    *count = 1;
    if (own->tied) return tied;
    const int *list = sg_spin_graph_touched(own->graph, site, count);
    --*count;
    return list;
}

static void move_site(int q, int which, int n, const double *restrict x, double *restrict y) {
    for (int k = 0; k < n; k++) {
        const double next = x[k] + which;
        y[k] = q == 2 ? -x[k] : next >= q ? next - q : next;
    }
}

/* out = weight (1{y = z} - 1{x = z}), or added to out. */
static void change(int n, double weight, bool add, const double *restrict x, const double *restrict y,
                   const double *restrict z, double *restrict out) {
#pragma omp simd
    for (int k = 0; k < n; k++) {
        const double gain = (y[k] == z[k] ? weight : 0.0) - (x[k] == z[k] ? weight : 0.0);
        out[k] = (add ? out[k] : 0) + gain;
    }
}

static void move(const sg_model *model, const double *theta, const sg_block *block, int site, int which,
                 double *restrict log_ratio, double *restrict difference) {
    const potts *own = model->own;
    const sg_spin_graph *graph = own->graph;
    const int n = block->n, degree = sg_spin_graph_degree(graph, site);
    const double *x = block->x + (size_t)site * SG_BLOCK;
    double y[SG_BLOCK];
    move_site(own->q, which, n, x, y);
    for (int k = 0; k < n; k++) log_ratio[k] = 0;
    for (int r = 0; r < degree; r++) {
        const double *z = block->x + (size_t)sg_spin_graph_neighbour(graph, site, r) * SG_BLOCK;
        const bool equal = own->tied && !graph->J;
        const int edge = equal ? 0 : edge_at(graph, site, r);
        change(n, equal ? 1 : own->tied ? graph->J[edge] : theta[edge], true, x, y, z, log_ratio);
        if (difference && !own->tied) change(n, 1, false, x, y, z, difference + (size_t)r * SG_BLOCK);
    }
    if (!own->tied) return;
    const double unit = graph->J ? 1 : graph->coupling, beta = theta[0];
    for (int k = 0; difference && k < n; k++) difference[k] = unit * log_ratio[k];
    for (int k = 0; k < n; k++) log_ratio[k] *= beta * unit;
}

/* ------------------------------------------- counts of the sites, of two states */

static bool exchangeable(const sg_model *model) {
    const potts *own = model->own;
    return own->q == 2 && by_counts(own);
}

static void counted(const sg_model *model, const double *theta, int n, const double *k, double *logp, double *dt) {
    const sg_spin_graph *graph = ((const potts *)model->own)->graph;
    for (int i = 0; i < n; i++) {
        const double up = k[i], down = graph->n - k[i];
        const double pairs = graph->coupling * (0.5 * up * (up - 1) + 0.5 * down * (down - 1));
        if (logp) logp[i] = theta[0] * pairs;
        if (dt) dt[i] = pairs;
    }
}

/* ----------------------------------------------------------------- all states */

typedef struct {
    sg_codes codes;
    double J[SITES_MOST][SITES_MOST];
    double low[SG_CODES_BLOCK]; /* of the low sites among themselves */
} energy;

/* Site after site: what it gains from those before it, at all their states. */
static void fill_low(energy *e) {
    const double zero[STATES_MOST] = {0};
    int state[SG_CODES_LOW];
    e->low[0] = 0;
    for (int i = 0, count = 1; i < e->codes.low; i++, count *= e->codes.q) {
        sg_codes_add_site(e->codes.q, count, zero, e->low);
        for (int c = 0; c < count; c++) {
            sg_codes_digits(e->codes.q, (uint64_t)c, i, state);
            for (int j = 0; j < i; j++) e->low[state[j] * count + c] += e->J[i][j];
        }
    }
}

static void fill_energy(const potts *own, const double *theta, energy *e) {
    e->codes = sg_codes_of(own->graph->n, own->q);
    for (int i = 0; i < own->graph->n; i++) memset(e->J[i], 0, sizeof e->J[i]);
    for (int edge = 0, i, j; edge < own->graph->edges; edge++) {
        sg_spin_graph_edge(own->graph, edge, &i, &j);
        e->J[i][j] = e->J[j][i] = coupling_at(own, theta, edge);
    }
    fill_low(e);
}

/* Energy of the high sites, and the fields that they make at the low ones. */
static void one_block(const void *context, uint64_t high, double *logp) {
    const energy *e = context;
    const int low = e->codes.low, q = e->codes.q, left = e->codes.d - low;
    double field[SG_CODES_LOW][STATES_MOST] = {{0}}, total = 0;
    int state[SITES_MOST];
    sg_codes_digits(q, high, left, state);
    for (int i = 0; i < left; i++) {
        const double *J = e->J[i + low];
        for (int l = 0; l < low; l++) field[l][state[i]] += J[l];
        for (int j = 0; j < i; j++) total += state[j] == state[i] ? J[j + low] : 0;
    }
    logp[0] = total;
    for (int l = 0, count = 1; l < low; l++, count *= q) sg_codes_add_site(q, count, field[l], logp);
#pragma omp simd
    for (int c = 0; c < e->codes.size; c++) logp[c] += e->low[c];
}

static void states(const sg_model *model, const double *theta, uint64_t first, int count, double *logp) {
    energy e;
    fill_energy(model->own, theta, &e);
    sg_codes_states(&e.codes, one_block, &e, first, count, logp);
}

/* -------------------------------------------------------------------- factors */

static sg_status add_edge(const potts *own, const double *theta, int edge, sg_factors *factors) {
    int site[2], sum = own->tied ? 0 : edge;
    sg_factor *factor;
    sg_spin_graph_edge(own->graph, edge, &site[0], &site[1]);
    sg_status status = sg_factors_add(factors, 2, site, 1, &sum, &factor);
    for (int s = 0; s < own->q && status == SG_OK; s++) {
        const int at = s * (own->q + 1);
        factor->value[at] = own->tied ? sg_spin_graph_coupling(own->graph, edge) : 1;
        factor->log_p[at] = coupling_at(own, theta, edge);
    }
    return status;
}

static sg_status factors(const sg_model *model, const double *theta, sg_factors **made) {
    const potts *own = model->own;
    const size_t edges = (size_t)own->graph->edges, pairs = (size_t)own->q * (size_t)own->q;
    *made = NULL;
    sg_status status = sg_spin_graph_factors(model, own->graph);
    if (status != SG_OK) return status;
    status = sg_factors_new(own->graph->n, own->q, model->full, own->graph->edges, 3 * edges, 2 * pairs * edges, made);
    for (int e = 0; e < own->graph->edges && status == SG_OK; e++) status = add_edge(own, theta, e, *made);
    if (status == SG_OK) return SG_OK;
    sg_factors_delete(*made);
    *made = NULL;
    return status;
}

/* ---------------------------------------------------------------------- pairs */

static sg_status pairs(const sg_model *model, const double *theta, sg_pairs *out) {
    const potts *own = model->own;
    const int edges = own->graph->edges;
    sg_status status = sg_pairs_new(own->graph->n, own->q, edges, out);
    for (int e = 0; e < edges && status == SG_OK; e++) {
        sg_spin_graph_edge(own->graph, e, &out->i[e], &out->j[e]);
        out->J[e] = coupling_at(own, theta, e) * (own->q == 2 ? 0.5 : 1); /* 1{x = y} = (1 + x y)/2 */
    }
    return status;
}

/* -------------------------------------------------------------------- classes */

static bool same_couplings(const potts *own, const double *theta, double *J) {
    *J = coupling_at(own, theta, 0);
    if (own->tied && !own->graph->J) return true;
    for (int e = 1; e < own->graph->edges; e++)
        if (coupling_at(own, theta, e) != *J) return false;
    return true;
}

static sg_status lump(const sg_model *model, const double *theta, sg_lumped **lumped) {
    const potts *own = model->own;
    const long long n = own->graph->n;
    double J;
    *lumped = NULL;
    if (own->graph->edges == n * (n - 1) / 2 && same_couplings(own, theta, &J))
        return sg_potts_classes((int)n, own->q, J, lumped);
    return sg_fail(SG_REFUSED, "no symmetry of %s is known: equal couplings on a complete graph have one", model->text);
}

static const sg_field keys[] = {
    SG_SPIN_GRAPH_FIELDS(potts_keys, "ring|path|lattice|complete|curie-weiss|bipartite|regular|tree|@FILE"),
    {.key = "q",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(potts_keys, q),
     .initial = "3",
     .lo = 2,
     .hi = STATES_MOST,
     .help = "states of a site"},
    {.key = "beta",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(potts_keys, beta),
     .initial = "1",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "multiplies the couplings, which are 1, on curie-weiss 1/n, or those of the file"},
    SG_SPIN_GRAPH_COUPLINGS(potts_keys),
    {0},
};

static const char *const groups[] = {"tied", "beta", NULL};

const sg_family sg_family_potts = {
    .name = "potts",
    .summary = "p(x) ~ exp(sum_e beta J_e 1{x_i = x_j}), q states a site; free=tied: beta alone",
    .keys = keys,
    .keys_size = sizeof(potts_keys),
    .can = SG_LINEAR | SG_STATES,
    .free_initial = "all",
    .groups = groups,
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .states = states,
    .lump = lump,
    .settle = settle,
    .idle = idle,
    .log_ratio = log_ratio,
    .touched = touched,
    .move = move,
    .exchangeable = exchangeable,
    .counted = counted,
    .conditional = conditional,
    .factors = factors,
    .pairs = pairs,
};
