/* The hardcore model: independent sets with weight lambda^size, theta = log lambda; site occupied = state 1. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/graph.h"
#include "family/spins.h"

enum { SITES_MOST = 64 };

typedef struct {
    sg_spin_graph_keys graph;
    double lambda;
} hardcore_keys;

typedef struct {
    const sg_spin_graph *graph;
} hardcore;

static sg_status settle(void *keys) {
    return sg_spin_graph_settle("hardcore", false, &((hardcore_keys *)keys)->graph);
}

static bool idle(const void *keys, const char *key) {
    return sg_spin_graph_idle(&((const hardcore_keys *)keys)->graph, key);
}

static sg_status make(const void *keys, sg_model *model) {
    const hardcore_keys *key = keys;
    const sg_spin_graph_weights plain = {.weighted = false, .couplings = SG_COUPLINGS_FERRO};
    sg_spin_graph *graph;
    sg_status status = sg_spin_graph_new("hardcore", &key->graph, &plain, sizeof(hardcore), &model->own, &graph);
    if (status != SG_OK) return status;
    ((hardcore *)model->own)->graph = graph;
    status = sg_spins_model(model, graph->n, 1);
    if (status == SG_OK) model->truth[0] = log(key->lambda);
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    (void)model, (void)index;
    snprintf(name, SG_NAME, "log-lambda");
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return isfinite(theta[0]);
}

/* ------------------------------------------------------------------------- jet */

static void count_occupied(const sg_block *block, int sites, double *count) {
    memset(count, 0, SG_BLOCK * sizeof(double));
    for (int a = 0; a < sites; a++)
        for (int i = 0; i < block->n; i++) count[i] += block->x[a * SG_BLOCK + i] > 0;
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const sg_spin_graph *graph = ((const hardcore *)model->own)->graph;
    double count[SG_BLOCK];
    count_occupied(block, graph->n, count);
    if (out->want & SG_DT) memcpy(out->dt, count, sizeof count);
    if (!(out->want & SG_LOGP)) return;
    for (int i = 0; i < block->n; i++) out->logp[i] = theta[0] * count[i];
    for (int e = 0, a, b; e < graph->edges; e++) {
        sg_spin_graph_edge(graph, e, &a, &b);
        const double *x = block->x + a * SG_BLOCK, *y = block->x + b * SG_BLOCK;
        for (int i = 0; i < block->n; i++)
            if (x[i] > 0 && y[i] > 0) out->logp[i] = -INFINITY;
    }
}

/* A site beside an occupied one stays empty. */
static double log_ratio(const sg_model *model, const double *theta, const sg_block *block, int point, int site) {
    const sg_spin_graph *graph = ((const hardcore *)model->own)->graph;
    const double *x = block->x + point;
    if (x[(size_t)site * SG_BLOCK] > 0) return -theta[0];
    if (graph->kind == SG_SPIN_GRAPH_LISTED) {
        for (int a = graph->start[site]; a < graph->start[site + 1]; a++)
            if (x[(size_t)graph->neighbour[a] * SG_BLOCK] > 0) return -INFINITY;
        return theta[0];
    }
    for (int j = 0; j < graph->n; j++)
        if (j != site && x[(size_t)j * SG_BLOCK] > 0 && sg_spin_graph_edge_of(graph, site, j) >= 0) return -INFINITY;
    return theta[0];
}

static const int *touched(const sg_model *model, int site, int *count) {
    static const int size[] = {0};
    (void)model, (void)site;
    *count = 1;
    return size;
}

/* `taken` counts the occupied neighbours: where there is one, the site cannot be filled. */
static void move(const sg_model *model, const double *theta, const sg_block *block, int site, int which,
                 double *restrict log_ratio, double *restrict difference) {
    const sg_spin_graph *graph = ((const hardcore *)model->own)->graph;
    const double *restrict x = block->x + (size_t)site * SG_BLOCK;
    const int n = block->n, degree = sg_spin_graph_degree(graph, site);
    double taken[SG_BLOCK] = {0};
    (void)which;
    for (int r = 0; r < degree; r++) {
        const double *restrict y = block->x + (size_t)sg_spin_graph_neighbour(graph, site, r) * SG_BLOCK;
        for (int i = 0; i < n; i++) taken[i] += y[i] > 0 ? 1.0 : 0.0;
    }
    const double weight = theta[0];
    for (int i = 0; i < n; i++) {
        const double fill = taken[i] > 0 ? -INFINITY : weight;
        log_ratio[i] = x[i] > 0 ? -weight : fill;
    }
    if (!difference) return;
    for (int i = 0; i < n; i++) difference[i] = x[i] > 0 ? -1.0 : 1.0;
}

static bool exchangeable(const sg_model *model) {
    const sg_spin_graph *graph = ((const hardcore *)model->own)->graph;
    return graph->edges == graph->n * (graph->n - 1LL) / 2;
}

static void counted(const sg_model *model, const double *theta, int n, const double *k, double *logp, double *dt) {
    (void)model;
    for (int i = 0; i < n; i++) {
        if (logp) logp[i] = k[i] > 1 ? -INFINITY : theta[0] * k[i];
        if (dt) dt[i] = k[i];
    }
}

/* ----------------------------------------------------------------- all states */

typedef struct {
    int n;
    double theta;
    uint64_t neighbours[SITES_MOST];
    double low[SG_SPINS_STATES]; /* log p of the low sites alone */
} sets;

/* log p of an occupied set; the sites from `from` on are checked. */
static double log_weight(const sets *s, uint64_t code) {
    int size = 0;
    for (uint64_t rest = code; rest; rest &= rest - 1) {
        if (code & s->neighbours[__builtin_ctzll(rest)]) return -INFINITY;
        size++;
    }
    return s->theta * size;
}

static void fill_sets(const sg_spin_graph *graph, double theta, sets *s) {
    *s = (sets){.n = graph->n, .theta = theta};
    for (int e = 0, i, j; e < graph->edges; e++) {
        sg_spin_graph_edge(graph, e, &i, &j);
        s->neighbours[i] |= UINT64_C(1) << j;
        s->neighbours[j] |= UINT64_C(1) << i;
    }
    const int low = s->n < SG_SPINS_LOW ? s->n : SG_SPINS_LOW;
    for (int c = 0; c < 1 << low; c++) s->low[c] = log_weight(s, (uint64_t)c);
}

static void one_block(const void *context, uint64_t high, double *logp) {
    const sets *s = context;
    const uint64_t code = high << SG_SPINS_LOW;
    const double base = log_weight(s, code);
    unsigned taken = 0;
    for (uint64_t rest = code; rest; rest &= rest - 1)
        taken |= (unsigned)(s->neighbours[__builtin_ctzll(rest)] & (SG_SPINS_STATES - 1));
    for (unsigned c = 0; c < SG_SPINS_STATES; c++) logp[c] = c & taken ? -INFINITY : base + s->low[c];
}

static void states(const sg_model *model, const double *theta, uint64_t first, int count, double *logp) {
    sets s;
    fill_sets(((const hardcore *)model->own)->graph, theta[0], &s);
    sg_spins_states(one_block, &s, first, count, logp);
}

/* -------------------------------------------------------------------- factors */

/* A pair that is not occupied together, or an occupied site. */
static sg_status add_pair(const sg_spin_graph *graph, int edge, sg_factors *factors) {
    int site[2];
    sg_factor *factor;
    sg_spin_graph_edge(graph, edge, &site[0], &site[1]);
    sg_status status = sg_factors_add(factors, 2, site, 0, NULL, &factor);
    if (status == SG_OK) factor->log_p[3] = -INFINITY;
    return status;
}

static sg_status add_site(double theta, int site, sg_factors *factors) {
    const int size = 0;
    sg_factor *factor;
    sg_status status = sg_factors_add(factors, 1, &site, 1, &size, &factor);
    if (status != SG_OK) return status;
    factor->log_p[1] = theta;
    factor->value[1] = 1;
    return SG_OK;
}

static sg_status factors(const sg_model *model, const double *theta, sg_factors **made) {
    const sg_spin_graph *graph = ((const hardcore *)model->own)->graph;
    const size_t edges = (size_t)graph->edges, n = (size_t)graph->n;
    *made = NULL;
    sg_status status = sg_spin_graph_factors(model, graph);
    if (status != SG_OK) return status;
    status = sg_factors_new(graph->n, 2, 1, graph->edges + graph->n, 2 * edges + 2 * n, 4 * edges + 4 * n, made);
    for (int e = 0; e < graph->edges && status == SG_OK; e++) status = add_pair(graph, e, *made);
    for (int i = 0; i < graph->n && status == SG_OK; i++) status = add_site(theta[0], i, *made);
    if (status == SG_OK) return SG_OK;
    sg_factors_delete(*made);
    *made = NULL;
    return status;
}

/* -------------------------------------------------------------------- classes */

static void add_step(sg_lumped *lumped, int *edge, int low, double up, double down) {
    for (int turn = 0; turn < 2; turn++, (*edge)++) {
        lumped->from[*edge] = turn ? low + 1 : low;
        lumped->to[*edge] = turn ? low : low + 1;
        lumped->flips[*edge] = turn ? down : up;
    }
}

/*
 * Complete graph: site 0 - empty - another site.  The states are the empty set and one orbit of the permutations, so
 * each mode has a copy that the permutations of the other sites keep fixed.
 */
static sg_status lump_complete(int n, double theta, sg_lumped **lumped) {
    const int classes = n > 1 ? 3 : 2;
    sg_status status = sg_lumped_new(classes, 2 * (classes - 1), lumped);
    if (status != SG_OK) return status;
    sg_lumped *made = *lumped;
    int edge = 0;
    for (int c = 0; c < classes; c++) made->log_p[c] = c == 1 ? 0 : theta;
    add_step(made, &edge, 0, 1, 1);
    if (classes == 3) {
        made->log_size[2] = log(n - 1);
        add_step(made, &edge, 1, n - 1, 1);
    }
    made->path = true;
    snprintf(made->symmetry, sizeof made->symmetry, "permutations of the sites other than 0");
    snprintf(made->reason, sizeof made->reason, "every mode has a copy that the permutations of the other sites keep");
    return SG_OK;
}

/* Complete bipartite graph: a .. 1 occupied on the left, none, 1 .. b on the right. */
static sg_status lump_bipartite(int a, int b, double theta, sg_lumped **lumped) {
    sg_status status = sg_lumped_new(a + b + 1, 2 * (a + b), lumped);
    if (status != SG_OK) return status;
    sg_lumped *made = *lumped;
    for (int c = 0, edge = 0; c <= a + b; c++) {
        const int size = c < a ? a - c : c - a, side = c < a ? a : b;
        made->log_p[c] = theta * size;
        made->log_size[c] = lgamma(side + 1.0) - lgamma(size + 1.0) - lgamma(side - size + 1.0);
        if (c < a) add_step(made, &edge, c, size, a - size + 1);
        if (c >= a && c < a + b) add_step(made, &edge, c, b - size, size + 1);
    }
    made->path = made->attractive = true;
    snprintf(made->symmetry, sizeof made->symmetry, "permutations within each side");
    return SG_OK;
}

static sg_status lump(const sg_model *model, const double *theta, sg_lumped **lumped) {
    const sg_spin_graph *graph = ((const hardcore *)model->own)->graph;
    const long long n = graph->n;
    *lumped = NULL;
    if (graph->kind == SG_SPIN_GRAPH_BIPARTITE)
        return lump_bipartite(graph->left, graph->n - graph->left, theta[0], lumped);
    if (graph->edges == n * (n - 1) / 2) return lump_complete(graph->n, theta[0], lumped);
    return sg_fail(SG_REFUSED, "no symmetry of %s is known: complete and bipartite graphs have one", model->text);
}

static const sg_field keys[] = {
    SG_SPIN_GRAPH_FIELDS(hardcore_keys, "ring|path|lattice|complete|bipartite|regular|tree|@FILE with lines `i j`"),
    {.key = "lambda",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(hardcore_keys, lambda),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "weight of an occupied site; the parameter is its logarithm"},
    {0},
};

const sg_family sg_family_hardcore = {
    .name = "hardcore",
    .summary = "p(x) ~ lambda^(sum_i x_i) on independent sets of a graph, x_i = 0 or 1",
    .keys = keys,
    .keys_size = sizeof(hardcore_keys),
    .can = SG_LINEAR | SG_STATES | SG_HARD,
    .free_initial = "all",
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
};
