/*
 * The Ising model: p(x) ~ exp(sum_e J_e x_i x_j + sum_i h_i x_i), x in {-1,+1}^n.  Its coordinates are all couplings
 * and all fields, or (free=tied) the two factors beta and h of given couplings and of the magnetization.
 */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/graph.h"
#include "family/spins.h"

enum { SITES_MOST = 64, CLASSES_MOST = 1 << 22 };

typedef struct {
    sg_spin_graph_keys graph;
    double beta, h;
    int couplings, coupling_seed;
} ising_keys;

typedef struct {
    bool tied;
    const sg_spin_graph *graph;
} ising;

/* Words of free= that belong to the coordinates (beta, h). */
static bool is_tied(const char *free_word) {
    char copy[SG_TEXT];
    snprintf(copy, sizeof copy, "%s", free_word);
    for (char *rest = copy, *word; (word = strsep(&rest, "/"));)
        if (strcmp(word, "tied") != 0 && strcmp(word, "beta") != 0 && strcmp(word, "h") != 0) return false;
    return true;
}

static sg_status settle(void *keys) {
    ising_keys *own = keys;
    sg_status status = sg_spin_graph_settle("ising", true, &own->graph);
    return status == SG_OK ? sg_spin_graph_check_couplings("ising", &own->graph, own->couplings) : status;
}

static bool idle(const void *keys, const char *key) {
    const ising_keys *own = keys;
    if (strcmp(key, "couplings") == 0) return own->graph.graph[0] == '@';
    if (strcmp(key, "coupling-seed") == 0) return own->couplings == 0; /* ferro: nothing is drawn */
    return sg_spin_graph_idle(&own->graph, key);
}

static double given_field(const sg_spin_graph *graph, int site) {
    return graph->field ? graph->field[site] : 0;
}

static void fill_truth(const ising *own, const ising_keys *key, double *truth) {
    const sg_spin_graph *graph = own->graph;
    if (own->tied) {
        truth[0] = key->beta;
        truth[1] = key->h;
        return;
    }
    for (int e = 0; e < graph->edges; e++) truth[e] = key->beta * sg_spin_graph_coupling(graph, e);
    for (int i = 0; i < graph->n; i++) truth[graph->edges + i] = key->h + given_field(graph, i);
}

static sg_status make(const void *keys, sg_model *model) {
    const ising_keys *key = keys;
    const bool tied = is_tied((const char *)keys + sizeof *key);
    const sg_spin_graph_weights weights = {
        .weighted = true, .couplings = key->couplings, .seed = key->coupling_seed, .touched = !tied};
    sg_spin_graph *graph;
    sg_status status = sg_spin_graph_new("ising", &key->graph, &weights, sizeof(ising), &model->own, &graph);
    if (status != SG_OK) return status;
    const long long all = (long long)graph->edges + graph->n;
    if (!tied && all > SG_SPIN_GRAPH_PARAMETERS)
        return sg_fail(SG_OUT_OF_RANGE,
                       "family ising has %lld couplings and fields here, at most %d can be parameters: "
                       "take free=tied",
                       all, (int)SG_SPIN_GRAPH_PARAMETERS);
    ising *own = model->own;
    *own = (ising){.tied = tied, .graph = graph};
    status = sg_spins_model(model, graph->n, tied ? 2 : (int)all);
    if (status == SG_OK) fill_truth(own, key, model->truth);
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    const ising *own = model->own;
    int i, j;
    if (own->tied) {
        snprintf(name, SG_NAME, "%s", index ? "h" : "beta");
    } else if (index >= own->graph->edges) {
        snprintf(name, SG_NAME, "h%d", index - own->graph->edges);
    } else {
        sg_spin_graph_edge(own->graph, index, &i, &j);
        snprintf(name, SG_NAME, "J%d-%d", i, j);
    }
}

static bool inside(const sg_model *model, const double *theta) {
    double sum = 0;
    for (int i = 0; i < model->full; i++) sum += fabs(theta[i]);
    return isfinite(sum);
}

static double coupling_at(const ising *own, const double *theta, int edge) {
    return own->tied ? theta[0] * sg_spin_graph_coupling(own->graph, edge) : theta[edge];
}

static double field_at(const ising *own, const double *theta, int site) {
    return own->tied ? theta[1] + given_field(own->graph, site) : theta[own->graph->edges + site];
}

/* ------------------------------------------------------------------------- jet */

/* out += weight x_i x_j */
static void add_product(int n, double weight, const double *restrict a, const double *restrict b,
                        double *restrict out) {
#pragma omp simd
    for (int k = 0; k < n; k++) out[k] += weight * (a[k] * b[k]);
}

static void add_site(int n, double weight, const double *restrict a, double *restrict out) {
#pragma omp simd
    for (int k = 0; k < n; k++) out[k] += weight * a[k];
}

/* Equal couplings on the complete graph: sum_{i<j} x_i x_j = (m^2 - n)/2, m the sum of all. */
static bool by_magnetization(const ising *own) {
    return own->tied && !own->graph->J && own->graph->kind == SG_SPIN_GRAPH_COMPLETE;
}

static void add_complete(const sg_spin_graph *graph, const sg_block *block, double weight, double *restrict out) {
    double m[SG_BLOCK] = {0};
    for (int i = 0; i < graph->n; i++) add_site(block->n, 1, block->x + (size_t)i * SG_BLOCK, m);
#pragma omp simd
    for (int k = 0; k < block->n; k++) out[k] += weight * graph->coupling * (0.5 * (m[k] * m[k] - graph->n));
}

static void add_statistics(const ising *own, const sg_block *block, double *dt) {
    const sg_spin_graph *graph = own->graph;
    const bool complete = by_magnetization(own);
    if (complete) add_complete(graph, block, 1, dt);
    for (int e = 0, i, j; e < graph->edges && !complete; e++) {
        sg_spin_graph_edge(graph, e, &i, &j);
        add_product(block->n, own->tied ? sg_spin_graph_coupling(graph, e) : 1, block->x + i * SG_BLOCK,
                    block->x + j * SG_BLOCK, dt + (own->tied ? 0 : (size_t)e * SG_BLOCK));
    }
    for (int i = 0; i < graph->n; i++)
        add_site(block->n, 1, block->x + i * SG_BLOCK,
                 dt + (own->tied ? (size_t)1 : (size_t)graph->edges + (size_t)i) * SG_BLOCK);
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const ising *own = model->own;
    const sg_spin_graph *graph = own->graph;
    if (out->want & SG_DT) {
        memset(out->dt, 0, (size_t)model->full * SG_BLOCK * sizeof(double));
        add_statistics(own, block, out->dt);
    }
    if (!(out->want & SG_LOGP)) return;
    memset(out->logp, 0, SG_BLOCK * sizeof(double));
    const bool complete = by_magnetization(own);
    if (complete) add_complete(graph, block, theta[0], out->logp);
    for (int e = 0, i, j; e < graph->edges && !complete; e++) {
        sg_spin_graph_edge(graph, e, &i, &j);
        add_product(block->n, coupling_at(own, theta, e), block->x + i * SG_BLOCK, block->x + j * SG_BLOCK, out->logp);
    }
    for (int i = 0; i < graph->n; i++) add_site(block->n, field_at(own, theta, i), block->x + i * SG_BLOCK, out->logp);
}

/* -------------------------------------------------------------------- one flip */

static double local_field(const ising *own, const double *theta, const double *x, int site) {
    const sg_spin_graph *graph = own->graph;
    double sum = field_at(own, theta, site);
    if (graph->kind == SG_SPIN_GRAPH_LISTED) {
        for (int a = graph->start[site]; a < graph->start[site + 1]; a++)
            sum += coupling_at(own, theta, graph->incident[a]) * x[(size_t)graph->neighbour[a] * SG_BLOCK];
        return sum;
    }
    if (by_magnetization(own)) {
        double others = -x[(size_t)site * SG_BLOCK];
        for (int j = 0; j < graph->n; j++) others += x[(size_t)j * SG_BLOCK];
        return sum + theta[0] * graph->coupling * others;
    }
    for (int j = 0; j < graph->n; j++) {
        const int edge = j == site ? -1 : sg_spin_graph_edge_of(graph, site, j);
        if (edge >= 0) sum += coupling_at(own, theta, edge) * x[(size_t)j * SG_BLOCK];
    }
    return sum;
}

static double log_ratio(const sg_model *model, const double *theta, const sg_block *block, int point, int site) {
    const double *x = block->x + point;
    return -2 * x[(size_t)site * SG_BLOCK] * local_field(model->own, theta, x, site);
}

static const int *touched(const sg_model *model, int site, int *count) {
    static const int tied[] = {0, 1};
    const ising *own = model->own;
    *count = 2;
    return own->tied ? tied : sg_spin_graph_touched(own->graph, site, count);
}

/* local = sum_j J_ij x_j of the given couplings; equal ones multiply the sum. */
static void given_local(const sg_spin_graph *graph, const sg_block *block, int site, double *restrict local) {
    const int degree = sg_spin_graph_degree(graph, site), n = block->n;
    const int *edge = graph->incident ? graph->incident + graph->start[site] : NULL;
    for (int r = 0; r < degree; r++) {
        const int j = sg_spin_graph_neighbour(graph, site, r);
        const double weight = !graph->J ? 1 : graph->J[edge ? edge[r] : sg_spin_graph_edge_of(graph, site, j)];
        add_site(n, weight, block->x + (size_t)j * SG_BLOCK, local);
    }
    if (graph->J) return;
    for (int k = 0; k < n; k++) local[k] *= graph->coupling;
}

/* out = -2 x y, what the flip of x adds to x y. */
static void flip_product(int n, const double *restrict x, const double *restrict y, double *restrict out) {
    for (int k = 0; k < n; k++) out[k] = -2 * x[k] * y[k];
}

static void move(const sg_model *model, const double *theta, const sg_block *block, int site, int which,
                 double *restrict log_ratio, double *restrict difference) {
    const ising *own = model->own;
    const double *restrict x = block->x + (size_t)site * SG_BLOCK, field = field_at(own, theta, site);
    const double beta = own->tied ? theta[0] : 1;
    double local[SG_BLOCK] = {0};
    int count;
    const int *list = touched(model, site, &count), last = count - 1, n = block->n;
    (void)which;
    if (own->tied) {
        given_local(own->graph, block, site, local);
        if (difference) flip_product(n, x, local, difference);
    }
    for (int r = 0; r < last && !own->tied; r++) {
        const double *y = block->x + (size_t)sg_spin_graph_neighbour(own->graph, site, r) * SG_BLOCK;
        add_site(n, theta[list[r]], y, local);
        if (difference) flip_product(n, x, y, difference + (size_t)r * SG_BLOCK);
    }
    for (int k = 0; k < n; k++) log_ratio[k] = -2 * x[k] * (beta * local[k] + field);
    if (!difference) return;
    difference += (size_t)last * SG_BLOCK;
    for (int k = 0; k < n; k++) difference[k] = -2 * x[k];
}

/* --------------------------------------------------------- counts of the pluses */

static bool exchangeable(const sg_model *model) {
    const ising *own = model->own;
    return by_magnetization(own) && !own->graph->field;
}

static void counted(const sg_model *model, const double *theta, int n, const double *k, double *logp, double *dt) {
    const sg_spin_graph *graph = ((const ising *)model->own)->graph;
    for (int i = 0; i < n; i++) {
        const double m = 2 * k[i] - graph->n, pairs = graph->coupling * (0.5 * (m * m - graph->n));
        if (logp) logp[i] = theta[0] * pairs + theta[1] * m;
        if (!dt) continue;
        dt[i] = pairs;
        dt[SG_BLOCK + i] = m;
    }
}

/* ----------------------------------------------------------------- all states */

/* Couplings and fields as a matrix, and the energy of the low sites among themselves, [SG_SPINS_STATES]. */
typedef struct {
    int n;
    double field[SITES_MOST], J[SITES_MOST][SITES_MOST];
    double low[SG_SPINS_STATES];
} energy;

static double spin(uint64_t code, int site) {
    return code >> site & 1 ? 1 : -1;
}

/* f (c + 2^i) = f(c) + value, f(c) = f(c) - value for c < 2^i: one more site i whose part is value x_i. */
static void add_spin(int i, double value, double *f) {
    for (int c = 0; c < 1 << i; c++) {
        f[c + (1 << i)] = f[c] + value;
        f[c] -= value;
    }
}

/* Site after site: its local field at all states of those before it, and the energy that it adds. */
static void fill_low(energy *e) {
    double local[SG_SPINS_STATES];
    const int low = e->n < SG_SPINS_LOW ? e->n : SG_SPINS_LOW;
    e->low[0] = 0;
    for (int i = 0; i < low; i++) {
        local[0] = 0;
        for (int j = 0; j < i; j++) add_spin(j, e->J[i][j], local);
        for (int c = 0; c < 1 << i; c++) {
            e->low[c + (1 << i)] = e->low[c] + local[c];
            e->low[c] -= local[c];
        }
    }
    for (int c = 1 << low; c < SG_SPINS_STATES; c++) e->low[c] = 0; /* no states */
}

static void fill_energy(const ising *own, const double *theta, energy *e) {
    const int n = own->graph->n;
    e->n = n;
    memset(e->field, 0, sizeof e->field);
    for (int i = 0; i < n || i < SG_SPINS_LOW; i++) memset(e->J[i], 0, sizeof e->J[i]);
    for (int edge = 0, i, j; edge < own->graph->edges; edge++) {
        sg_spin_graph_edge(own->graph, edge, &i, &j);
        e->J[i][j] = e->J[j][i] = coupling_at(own, theta, edge);
    }
    for (int i = 0; i < n; i++) e->field[i] = field_at(own, theta, i);
    fill_low(e);
}

/* Energy of the high sites, and the fields that they and the given fields make at the low ones. */
static double split(const energy *e, uint64_t high, double field[SG_SPINS_LOW]) {
    double x[SITES_MOST], total = 0;
    for (int i = 0; i < SG_SPINS_LOW; i++) field[i] = e->field[i];
    for (int i = SG_SPINS_LOW; i < e->n; i++) {
        double local = e->field[i];
        x[i] = spin(high, i - SG_SPINS_LOW);
        for (int j = SG_SPINS_LOW; j < i; j++) local += e->J[i][j] * x[j];
        total += local * x[i];
        for (int l = 0; l < SG_SPINS_LOW; l++) field[l] += e->J[i][l] * x[i];
    }
    return total;
}

static void one_block(const void *context, uint64_t high, double *logp) {
    enum { HALF = SG_SPINS_LOW / 2, SIDE = 1 << HALF };
    const energy *e = context;
    double field[SG_SPINS_LOW], first[SIDE], second[SIDE];
    const double base = split(e, high, field);
    for (int c = 0; c < SIDE; c++) {
        first[c] = second[c] = 0;
        for (int l = 0; l < HALF; l++) {
            first[c] += field[l] * spin((uint64_t)c, l);
            second[c] += field[l + HALF] * spin((uint64_t)c, l);
        }
    }
    for (int b = 0; b < SIDE; b++) {
        const double *low = e->low + b * SIDE;
        double *out = logp + b * SIDE;
#pragma omp simd
        for (int a = 0; a < SIDE; a++) out[a] = base + second[b] + (low[a] + first[a]);
    }
}

static void states(const sg_model *model, const double *theta, uint64_t first, int count, double *logp) {
    energy e;
    fill_energy(model->own, theta, &e);
    sg_spins_states(one_block, &e, first, count, logp);
}

/* -------------------------------------------------------------------- factors */

/* Of sites in state 0, -1, and 1, +1. */
static sg_status add_edge(const ising *own, const double *theta, int edge, sg_factors *factors) {
    int site[2], sum = own->tied ? 0 : edge;
    sg_factor *factor;
    sg_spin_graph_edge(own->graph, edge, &site[0], &site[1]);
    sg_status status = sg_factors_add(factors, 2, site, 1, &sum, &factor);
    const double unit = own->tied ? sg_spin_graph_coupling(own->graph, edge) : 1, J = coupling_at(own, theta, edge);
    for (int s = 0; s < 4 && status == SG_OK; s++) {
        const int sign = s == 0 || s == 3 ? 1 : -1;
        factor->value[s] = sign * unit;
        factor->log_p[s] = sign * J;
    }
    return status;
}

static sg_status add_field(const ising *own, const double *theta, int site, sg_factors *factors) {
    int sum = own->tied ? 1 : own->graph->edges + site;
    sg_factor *factor;
    sg_status status = sg_factors_add(factors, 1, &site, 1, &sum, &factor);
    for (int s = 0; s < 2 && status == SG_OK; s++) {
        factor->value[s] = 2 * s - 1;
        factor->log_p[s] = (2 * s - 1) * field_at(own, theta, site);
    }
    return status;
}

static sg_status factors(const sg_model *model, const double *theta, sg_factors **made) {
    const ising *own = model->own;
    const sg_spin_graph *graph = own->graph;
    const size_t edges = (size_t)graph->edges, n = (size_t)graph->n;
    *made = NULL;
    sg_status status = sg_spin_graph_factors(model, graph);
    if (status != SG_OK) return status;
    status =
        sg_factors_new(graph->n, 2, model->full, graph->edges + graph->n, 3 * edges + 2 * n, 8 * edges + 4 * n, made);
    for (int e = 0; e < graph->edges && status == SG_OK; e++) status = add_edge(own, theta, e, *made);
    for (int i = 0; i < graph->n && status == SG_OK; i++) status = add_field(own, theta, i, *made);
    if (status == SG_OK) return SG_OK;
    sg_factors_delete(*made);
    *made = NULL;
    return status;
}

/* -------------------------------------------------------------------- classes */

static bool same_couplings(const ising *own, const double *theta, double *J) {
    const int edges = own->graph->edges;
    *J = edges ? coupling_at(own, theta, 0) : 0;
    if (own->tied && !own->graph->J) return true;
    for (int e = 1; e < edges; e++)
        if (coupling_at(own, theta, e) != *J) return false;
    return true;
}

static bool same_fields(const ising *own, const double *theta, int from, int to, double *h) {
    *h = field_at(own, theta, from);
    for (int i = from + 1; i < to; i++)
        if (field_at(own, theta, i) != *h) return false;
    return true;
}

static double log_binomial(int n, int k) {
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

static void add_move(sg_lumped *lumped, int *edge, int from, int to, double flips) {
    lumped->from[*edge] = from;
    lumped->to[*edge] = to;
    lumped->flips[(*edge)++] = flips;
}

/* Complete graph: classes by the number k of pluses, sum_{i<j} x_i x_j = (m^2 - n)/2 with m = 2k - n. */
static sg_status lump_complete(int n, double J, double h, sg_lumped **lumped) {
    sg_status status = sg_lumped_new(n + 1, 2 * n, lumped);
    if (status != SG_OK) return status;
    sg_lumped *made = *lumped;
    for (int k = 0, edge = 0; k <= n; k++) {
        const double m = 2.0 * k - n;
        made->log_p[k] = J * ((m * m - n) / 2) + h * m;
        made->log_size[k] = log_binomial(n, k);
        if (k < n) add_move(made, &edge, k, k + 1, n - k);
        if (k > 0) add_move(made, &edge, k, k - 1, k);
    }
    made->path = made->counts = true;
    made->attractive = J >= 0;
    snprintf(made->symmetry, sizeof made->symmetry, "permutations of the sites");
    return SG_OK;
}

/* Complete bipartite graph: pluses (k, l) on its sides of a and b sites.  Turning one side makes J < 0 attractive. */
static sg_status lump_bipartite(int a, int b, double J, const double h[2], sg_lumped **lumped) {
    const long long classes = (a + 1LL) * (b + 1LL);
    if (classes > CLASSES_MOST)
        return sg_fail(SG_REFUSED, "the classes of the bipartite graph are %lld, more than %d: take a smaller n",
                       classes, (int)CLASSES_MOST);
    sg_status status = sg_lumped_new((int)classes, 2 * (a * (b + 1) + b * (a + 1)), lumped);
    if (status != SG_OK) return status;
    sg_lumped *made = *lumped;
    for (int k = 0, edge = 0; k <= a; k++)
        for (int l = 0; l <= b; l++) {
            const double s = 2.0 * k - a, t = 2.0 * l - b;
            const int at = k * (b + 1) + l;
            made->log_p[at] = J * (s * t) + h[0] * s + h[1] * t;
            made->log_size[at] = log_binomial(a, k) + log_binomial(b, l);
            if (k < a) add_move(made, &edge, at, at + b + 1, a - k);
            if (k > 0) add_move(made, &edge, at, at - b - 1, k);
            if (l < b) add_move(made, &edge, at, at + 1, b - l);
            if (l > 0) add_move(made, &edge, at, at - 1, l);
        }
    made->attractive = true;
    snprintf(made->symmetry, sizeof made->symmetry, "permutations within each side");
    return SG_OK;
}

static sg_status lump(const sg_model *model, const double *theta, sg_lumped **lumped) {
    const ising *own = model->own;
    const sg_spin_graph *graph = own->graph;
    const int n = graph->n, left = graph->left;
    const bool complete = graph->edges == (long long)n * (n - 1) / 2;
    double J, h[2];
    *lumped = NULL;
    if (complete && same_couplings(own, theta, &J) && same_fields(own, theta, 0, n, h))
        return lump_complete(n, J, h[0], lumped);
    if (graph->kind == SG_SPIN_GRAPH_BIPARTITE && same_couplings(own, theta, &J) &&
        same_fields(own, theta, 0, left, &h[0]) && same_fields(own, theta, left, n, &h[1]))
        return lump_bipartite(left, n - left, J, h, lumped);
    return sg_fail(SG_REFUSED,
                   "no symmetry of %s is known: equal couplings and fields on a complete or bipartite graph "
                   "have one",
                   model->text);
}

static sg_status pairs(const sg_model *model, const double *theta, sg_pairs *out) {
    const ising *own = model->own;
    sg_status status = sg_pairs_new(own->graph->n, 2, own->graph->edges, out);
    if (status != SG_OK) return status;
    for (int e = 0; e < out->edges; e++) {
        sg_spin_graph_edge(own->graph, e, &out->i[e], &out->j[e]);
        out->J[e] = coupling_at(own, theta, e);
    }
    for (int i = 0; i < out->n; i++) out->field[i] = field_at(own, theta, i);
    return SG_OK;
}

static const sg_field keys[] = {
    SG_SPIN_GRAPH_FIELDS(ising_keys, "ring|path|lattice|complete|curie-weiss|bipartite|regular|tree|@FILE"),
    {.key = "beta",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(ising_keys, beta),
     .initial = "1",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "multiplies the couplings, which are 1, on curie-weiss 1/n, or those of the file"},
    {.key = "h",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(ising_keys, h),
     .initial = "0",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "field at every site, beside those of the file"},
    SG_SPIN_GRAPH_COUPLINGS(ising_keys),
    {0},
};

static const char *const groups[] = {"tied", "beta/h", NULL};

const sg_family sg_family_ising = {
    .name = "ising",
    .summary = "p(x) ~ exp(sum_e beta J_e x_i x_j + h sum_i x_i), x_i = -1 or +1; free=tied: beta and h alone",
    .keys = keys,
    .keys_size = sizeof(ising_keys),
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
    .factors = factors,
    .pairs = pairs,
};
