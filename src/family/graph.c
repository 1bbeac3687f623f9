/* Graphs by name: rings, lattices, random regular graphs, ..., and the one block of memory that holds them. */
#include "family/graph.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { EDGES_MOST = 1 << 24, SIDES_MOST = 3, USUAL_SITES = 8, USUAL_DEGREE = 3, ATTEMPTS = 10000 };
enum { DENSE_MOST = 1 << 12 }; /* edges of a dense graph that are factors */
enum { PERIODIC, FREE };

/* Edges on the way to a graph. */
typedef struct {
    sg_spin_graph_entry *entry;
    int n, count;
} draft;

static bool is_file(const sg_spin_graph_keys *keys) {
    return keys->graph[0] == '@';
}

static bool named(const sg_spin_graph_keys *keys, const char *name) {
    return strcmp(keys->graph, name) == 0;
}

/* ------------------------------------------------------------------- settling */

static sg_status check_name(const char *family, const sg_spin_graph_keys *keys) {
    static const char *const names[] = {"ring",        "path",      "lattice", "complete",
                                        "curie-weiss", "bipartite", "regular", "tree"};
    enum { NAMES = sizeof names / sizeof *names };
    if (is_file(keys)) return SG_OK;
    for (int k = 0; k < NAMES; k++)
        if (named(keys, names[k])) return SG_OK;
    const char *nearest = sg_nearest(keys->graph, NAMES, names);
    return sg_fail(SG_UNKNOWN, "unknown graph '%.64s' of family %s%s%s%s (graphs: %s, @FILE)", keys->graph, family,
                   nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "",
                   SG_SPIN_GRAPH_WORDS);
}

static sg_status meaningless(const char *family, const sg_spin_graph_keys *keys, const char *key) {
    return sg_fail(SG_BAD_SYNTAX, "%s has no meaning beside graph=%.64s of family %s: leave it out", key, keys->graph,
                   family);
}

static sg_status check_company(const char *family, const sg_spin_graph_keys *keys) {
    const bool lattice = named(keys, "lattice");
    if (keys->shape[0] && !lattice) return meaningless(family, keys, "shape");
    if (keys->boundary != PERIODIC && !lattice) return meaningless(family, keys, "boundary");
    if (keys->degree != USUAL_DEGREE && !named(keys, "regular") && !named(keys, "tree"))
        return meaningless(family, keys, "degree");
    return SG_OK;
}

/* "4x4x3" to sides[3], which are 1 where there are fewer. */
static sg_status read_shape(const char *family, const sg_spin_graph_keys *keys, int *sides) {
    char copy[SG_TEXT];
    int count = 0;
    const int least = keys->boundary == PERIODIC ? 3 : 1;
    sides[0] = sides[1] = sides[2] = 1;
    snprintf(copy, sizeof copy, "%s", keys->shape);
    for (char *rest = copy, *word; (word = strsep(&rest, "x"));) {
        double side;
        if (count == SIDES_MOST || !sg_number_read(word, &side) || side != floor(side))
            return sg_fail(SG_BAD_TYPE,
                           "shape = '%.64s' of family %s cannot be read: give the sides, as in 4x4 or 3x3x2",
                           keys->shape, family);
        if (side < least || side > 1e6)
            return sg_fail(SG_OUT_OF_RANGE,
                           "shape = %.64s of family %s is out of range: sides must be in [%d, 1000000]%s", keys->shape,
                           family, least, least > 1 ? " where the boundary is periodic" : "");
        sides[count++] = (int)side;
    }
    if (count < 2)
        return sg_fail(SG_OUT_OF_RANGE,
                       "shape = '%.64s' of family %s is out of range: a lattice has 2 or 3 sides, as in 4x4",
                       keys->shape, family);
    return SG_OK;
}

static sg_status settle_sites(const char *family, sg_spin_graph_keys *keys, double sites, const char *what) {
    if (sites > 1e6)
        return sg_fail(SG_OUT_OF_RANGE, "the %s of family %s has %g sites: the most is 1000000", what, family, sites);
    if (keys->n && keys->n != (int)sites)
        return sg_fail(SG_OUT_OF_RANGE, "n = %d of family %s is not the %d sites of the %s: leave n out", keys->n,
                       family, (int)sites, what);
    keys->n = (int)sites;
    return SG_OK;
}

static sg_status settle_file(const char *family, bool weighted, sg_spin_graph_keys *keys) {
    sg_spin_graph_entry *entries = NULL;
    char path[SG_TEXT];
    int n, count;
    sg_status status = sg_file_seal("graph file", keys->graph);
    if (status != SG_OK) return status;
    sg_file_path(keys->graph, path);
    status = sg_spin_graph_read(path, weighted, &n, &count, &entries);
    sg_delete(entries);
    return status != SG_OK ? status : settle_sites(family, keys, n, "graph file");
}

static sg_status check_sites(const char *family, const sg_spin_graph_keys *keys) {
    if (named(keys, "ring") && keys->n < 3)
        return sg_fail(SG_OUT_OF_RANGE, "n = %d of family %s is out of range: a ring has at least 3 sites", keys->n,
                       family);
    if (named(keys, "bipartite") && keys->n < 2)
        return sg_fail(SG_OUT_OF_RANGE, "n = %d of family %s is out of range: a bipartite graph has at least 2 sites",
                       keys->n, family);
    if (named(keys, "regular") && (keys->degree >= keys->n || (long long)keys->degree * keys->n % 2))
        return sg_fail(SG_OUT_OF_RANGE,
                       "degree = %d of family %s is out of range: it must be less than n = %d, and their product even",
                       keys->degree, family, keys->n);
    return SG_OK;
}

sg_status sg_spin_graph_settle(const char *family, bool weighted, sg_spin_graph_keys *keys) {
    int sides[SIDES_MOST];
    sg_status status = check_name(family, keys);
    if (status == SG_OK) status = check_company(family, keys);
    if (status != SG_OK) return status;
    if (is_file(keys)) return settle_file(family, weighted, keys);
    if (named(keys, "lattice")) {
        if ((status = read_shape(family, keys, sides))) return status;
        status = settle_sites(family, keys, (double)sides[0] * sides[1] * sides[2], "shape");
    }
    if (!keys->n) keys->n = USUAL_SITES;
    return status == SG_OK ? check_sites(family, keys) : status;
}

sg_status sg_spin_graph_check_couplings(const char *family, const sg_spin_graph_keys *keys, int couplings) {
    if (couplings != SG_COUPLINGS_SK || named(keys, "complete")) return SG_OK;
    return sg_fail(SG_BAD_SYNTAX,
                   "couplings=sk of family %s belongs to graph=complete, not to %.64s: take that graph, or gauss",
                   family, keys->graph);
}

/* --------------------------------------------------------------- listed graphs */

static sg_status room_for(const char *family, double edges, draft *d) {
    if (edges > EDGES_MOST)
        return sg_fail(SG_OUT_OF_RANGE, "the graph of family %s has %.0f edges: the most is %d", family, edges,
                       (int)EDGES_MOST);
    return sg_new(&d->entry, (size_t)edges, sizeof *d->entry);
}

static void join(draft *d, int a, int b) {
    d->entry[d->count++] = (sg_spin_graph_entry){.i = a < b ? a : b, .j = a < b ? b : a, .value = 1};
}

static void join_lattice(draft *d, const int *sides, bool periodic) {
    const int stride[SIDES_MOST] = {sides[1] * sides[2], sides[2], 1};
    for (int site = 0; site < d->n; site++)
        for (int a = 0; a < SIDES_MOST; a++) {
            const int at = site / stride[a] % sides[a];
            if (at + 1 < sides[a])
                join(d, site, site + stride[a]);
            else if (periodic && sides[a] > 1)
                join(d, site, site - at * stride[a]);
        }
}

/* ---- random regular graphs: suitable pairs of stubs, drawn until none is left (Steger and Wormald 1999) */

typedef struct {
    sg_stream stream;
    int n, degree, stubs;
    int *stub, *neighbour, *found; /* [n degree] [n][degree] [n] */
} pairing;

static int below(sg_stream *stream, int bound) {
    uint32_t word;
    sg_stream_words(stream, 1, &word);
    return (int)((uint64_t)word * (uint64_t)bound >> 32);
}

static bool suitable(const pairing *p, int a, int b) {
    for (int k = 0; k < p->found[a]; k++)
        if (p->neighbour[(size_t)a * (size_t)p->degree + (size_t)k] == b) return false;
    return a != b;
}

static bool any_suitable(const pairing *p) {
    for (int s = 0; s < p->stubs; s++)
        for (int t = 0; t < s; t++)
            if (suitable(p, p->stub[s], p->stub[t])) return true;
    return false;
}

static void accept(pairing *p, int s, int t) {
    const int a = p->stub[s], b = p->stub[t], high = s > t ? s : t, low = s > t ? t : s;
    p->neighbour[(size_t)a * (size_t)p->degree + (size_t)p->found[a]++] = b;
    p->neighbour[(size_t)b * (size_t)p->degree + (size_t)p->found[b]++] = a;
    p->stub[high] = p->stub[--p->stubs];
    p->stub[low] = p->stub[--p->stubs];
}

static bool attempt(pairing *p) {
    p->stubs = p->n * p->degree;
    for (int s = 0; s < p->stubs; s++) p->stub[s] = s / p->degree;
    memset(p->found, 0, (size_t)p->n * sizeof(int));
    for (int misses = 0; p->stubs;) {
        const int s = below(&p->stream, p->stubs), t = below(&p->stream, p->stubs);
        if (suitable(p, p->stub[s], p->stub[t])) {
            accept(p, s, t);
            misses = 0;
        } else if (++misses % 64 == 0 && p->stubs < 4 * p->degree * p->degree && !any_suitable(p)) {
            return false;
        }
    }
    return true;
}

/* The graph, or where there are fewer edges in it its complement. */
static void join_pairs(const pairing *p, bool complement, draft *d) {
    for (int a = 0; a < p->n; a++)
        for (int b = a + 1; b < p->n && complement; b++)
            if (suitable(p, a, b)) join(d, a, b);
    for (int a = 0; a < p->n && !complement; a++)
        for (int k = 0; k < p->degree; k++) {
            const int b = p->neighbour[(size_t)a * (size_t)p->degree + (size_t)k];
            if (a < b) join(d, a, b);
        }
}

static sg_status join_regular(const char *family, const sg_spin_graph_keys *keys, draft *d) {
    const bool complement = keys->degree > (keys->n - 1) / 2;
    pairing p = {.n = keys->n, .degree = complement ? keys->n - 1 - keys->degree : keys->degree};
    const size_t stubs = (size_t)p.n * (size_t)p.degree;
    char text[64];
    bool found = false;
    snprintf(text, sizeof text, "regular graph %d", keys->seed);
    sg_stream_open(&p.stream, sg_hash64(text), SG_PURPOSE_DATA, 0);
    sg_status status = sg_new(&p.stub, stubs, sizeof(int));
    if (status == SG_OK) status = sg_new(&p.neighbour, stubs, sizeof(int));
    if (status == SG_OK) status = sg_new(&p.found, (size_t)p.n, sizeof(int));
    for (uint32_t k = 0; status == SG_OK && !found && k < ATTEMPTS; k++) {
        sg_stream_seek(&p.stream, k);
        found = attempt(&p);
    }
    if (found) join_pairs(&p, complement, d);
    if (status == SG_OK && !found)
        status =
            sg_fail(SG_NOT_CONVERGED,
                    "no regular graph of degree %d on the %d sites of family %s was found: take another graph-seed",
                    keys->degree, keys->n, family);
    sg_delete(p.stub);
    sg_delete(p.neighbour);
    sg_delete(p.found);
    return status;
}

static int by_sites(const void *a, const void *b) {
    const sg_spin_graph_entry *x = a, *y = b;
    return x->i != y->i ? (x->i > y->i) - (x->i < y->i) : (x->j > y->j) - (x->j < y->j);
}

static sg_status draft_by_name(const char *family, const sg_spin_graph_keys *keys, draft *d) {
    const int n = keys->n;
    int sides[SIDES_MOST];
    sg_status status = SG_OK;
    if (named(keys, "ring") || named(keys, "path")) {
        if ((status = room_for(family, n, d))) return status;
        for (int k = 0; k + 1 < n; k++) join(d, k, k + 1);
        if (named(keys, "ring")) join(d, 0, n - 1);
    } else if (named(keys, "tree")) {
        if ((status = room_for(family, n, d))) return status;
        for (int k = 1; k < n; k++) join(d, (k - 1) / (keys->degree - 1), k);
    } else if (named(keys, "lattice")) {
        if ((status = read_shape(family, keys, sides))) return status;
        if ((status = room_for(family, (double)SIDES_MOST * n, d))) return status;
        join_lattice(d, sides, keys->boundary == PERIODIC);
    } else {
        if ((status = room_for(family, 0.5 * n * keys->degree, d))) return status;
        status = join_regular(family, keys, d);
    }
    qsort(d->entry, (size_t)d->count, sizeof *d->entry, by_sites);
    return status;
}

/* -------------------------------------------------------------------- the graph */

/* Lays the arrays out behind the caller's bytes. */
static sg_status lay_out(const sg_spin_graph *sizes, bool couplings, bool fields, bool touched, size_t lead,
                         char **block, sg_spin_graph **graph) {
    const size_t edges = (size_t)sizes->edges, n = (size_t)sizes->n,
                 listed = sizes->kind == SG_SPIN_GRAPH_LISTED ? edges : 0;
    const size_t start = (lead + SG_ALIGN - 1) / SG_ALIGN * SG_ALIGN, head = start + (sizeof **graph + 7) / 8 * 8;
    const size_t reals = (couplings ? edges : 0) + (fields ? n : 0);
    const size_t ints = listed ? 6 * listed + n + 1 : n + 1, lists = touched ? 2 * edges + n : 0;
    sg_status status = sg_new(block, 1, head + reals * sizeof(double) + (ints + lists) * sizeof(int));
    if (status != SG_OK) return status;
    double *real = (double *)(*block + head);
    *graph = (sg_spin_graph *)(*block + start);
    **graph = *sizes;
    (*graph)->J = couplings ? real : NULL;
    (*graph)->field = fields ? real + (couplings ? edges : 0) : NULL;
    (*graph)->i = listed ? (int *)(real + reals) : NULL;
    (*graph)->j = listed ? (*graph)->i + edges : NULL;
    (*graph)->touched = touched ? (int *)(real + reals) + ints : NULL;
    if (sizes->kind != SG_SPIN_GRAPH_LISTED) return SG_OK;
    (*graph)->start = (int *)(real + reals) + 2 * listed;
    (*graph)->neighbour = (*graph)->start + n + 1;
    (*graph)->incident = (*graph)->neighbour + 2 * listed;
    return SG_OK;
}

/* Edges sorted by their ends: start first counts, then moves. */
static void find_neighbours(sg_spin_graph *g) {
    const int *end[] = {g->i, g->j};
    for (int e = 0; e < g->edges; e++) {
        g->start[g->i[e] + 1]++;
        g->start[g->j[e] + 1]++;
    }
    for (int s = 0; s < g->n; s++) g->start[s + 1] += g->start[s];
    for (int e = 0; e < g->edges; e++)
        for (int side = 0; side < 2; side++) {
            const int at = g->start[end[side][e]]++;
            g->neighbour[at] = end[1 - side][e];
            g->incident[at] = e;
        }
    for (int s = g->n; s > 0; s--) g->start[s] = g->start[s - 1];
    g->start[0] = 0;
}

static int edge_at(const sg_spin_graph *graph, int site, int r) {
    if (graph->kind == SG_SPIN_GRAPH_LISTED) return graph->incident[graph->start[site] + r];
    return sg_spin_graph_edge_of(graph, site, sg_spin_graph_neighbour(graph, site, r));
}

static void list_touched(const sg_spin_graph *graph) {
    int *next = graph->touched;
    for (int site = 0; site < graph->n && next; site++) {
        const int degree = sg_spin_graph_degree(graph, site);
        for (int r = 0; r < degree; r++) *next++ = edge_at(graph, site, r);
        *next++ = graph->edges + site;
    }
}

static void draw_couplings(const sg_spin_graph_weights *weights, sg_spin_graph *graph) {
    double value[2];
    sg_stream stream;
    char text[64];
    snprintf(text, sizeof text, "couplings %d", weights->seed);
    const bool gauss = weights->couplings != SG_COUPLINGS_PM;
    const double scale = weights->couplings == SG_COUPLINGS_SK ? graph->coupling / sqrt(graph->n) : graph->coupling;
    sg_stream_open(&stream, sg_hash64(text), SG_PURPOSE_DATA, 0);
    for (int e = 0; e < graph->edges; e++) {
        if (e % 2 == 0 && gauss) sg_stream_normal(&stream, 2, value);
        if (e % 2 == 0 && !gauss) sg_stream_uniform(&stream, 2, value);
        graph->J[e] = scale * (gauss ? value[e % 2] : value[e % 2] < 0.5 ? -1 : 1);
    }
}

static sg_status fill_listed(const char *family, const sg_spin_graph_keys *keys, const sg_spin_graph_weights *weights,
                             size_t lead, char **block, sg_spin_graph **graph) {
    draft d = {.n = keys->n};
    char path[SG_TEXT];
    int edges = 0, fields = 0;
    sg_file_path(keys->graph, path);
    sg_status status = is_file(keys) ? sg_spin_graph_read(path, weights->weighted, &d.n, &d.count, &d.entry)
                                     : draft_by_name(family, keys, &d);
    if (status != SG_OK) goto out;
    if (d.n != keys->n) {
        status = sg_fail(SG_BAD_DATA, "the graph file %s changed while it was read: try again", path);
        goto out;
    }
    for (int k = 0; k < d.count; k++) *(d.entry[k].j < 0 ? &fields : &edges) += 1;
    const sg_spin_graph sizes = {.kind = SG_SPIN_GRAPH_LISTED, .n = d.n, .edges = edges, .coupling = 1};
    const bool weighted = is_file(keys) ? weights->weighted : weights->couplings != SG_COUPLINGS_FERRO;
    if ((status = lay_out(&sizes, weighted, fields > 0, weights->touched, lead, block, graph))) goto out;
    for (int k = 0, e = 0; k < d.count; k++) {
        const sg_spin_graph_entry *entry = &d.entry[k];
        if (entry->j < 0) {
            (*graph)->field[entry->i] = entry->value;
            continue;
        }
        (*graph)->i[e] = entry->i;
        (*graph)->j[e] = entry->j;
        if (weighted) (*graph)->J[e] = entry->value;
        e++;
    }
    if (weighted && !is_file(keys)) draw_couplings(weights, *graph);
    find_neighbours(*graph);
out:
    sg_delete(d.entry);
    return status;
}

/* Complete and bipartite graphs: the edges are known from their number. */
static sg_status fill_dense(const char *family, const sg_spin_graph_keys *keys, const sg_spin_graph_weights *weights,
                            size_t lead, char **block, sg_spin_graph **graph) {
    const double n = keys->n;
    const bool bipartite = named(keys, "bipartite"), listed = weights->couplings != SG_COUPLINGS_FERRO;
    const int left = bipartite ? keys->n / 2 : 0;
    const double edges = bipartite ? (double)left * (n - left) : 0.5 * n * (n - 1);
    if (edges > (listed ? EDGES_MOST : 2147483647.0))
        return sg_fail(SG_OUT_OF_RANGE, "the graph of family %s has %.0f edges: the most is %.0f", family, edges,
                       listed ? (double)EDGES_MOST : 2147483647.0);
    const sg_spin_graph sizes = {.kind = bipartite ? SG_SPIN_GRAPH_BIPARTITE : SG_SPIN_GRAPH_COMPLETE,
                                 .n = keys->n,
                                 .edges = (int)edges,
                                 .left = left,
                                 .coupling = named(keys, "curie-weiss") ? 1 / n : 1};
    const bool touched = weights->touched && edges + n <= SG_SPIN_GRAPH_PARAMETERS; /* the family refuses more */
    sg_status status = lay_out(&sizes, listed, false, touched, lead, block, graph);
    if (status == SG_OK && listed) draw_couplings(weights, *graph);
    return status;
}

sg_status sg_spin_graph_new(const char *family, const sg_spin_graph_keys *keys, const sg_spin_graph_weights *weights,
                            size_t lead, void *block, sg_spin_graph **graph) {
    const bool dense = named(keys, "complete") || named(keys, "curie-weiss") || named(keys, "bipartite");
    char *made = NULL;
    *graph = NULL;
    sg_status status = dense ? fill_dense(family, keys, weights, lead, &made, graph)
                             : fill_listed(family, keys, weights, lead, &made, graph);
    if (status == SG_OK) list_touched(*graph);
    memcpy(block, &made, sizeof made);
    return status;
}

static long long row_start(const sg_spin_graph *graph, long long i) {
    return i * (2LL * graph->n - i - 1) / 2;
}

void sg_spin_graph_edge(const sg_spin_graph *graph, int edge, int *i, int *j) {
    if (graph->kind == SG_SPIN_GRAPH_LISTED) {
        *i = graph->i[edge];
        *j = graph->j[edge];
    } else if (graph->kind == SG_SPIN_GRAPH_BIPARTITE) {
        const int right = graph->n - graph->left;
        *i = edge / right;
        *j = graph->left + edge % right;
    } else {
        const double b = 2.0 * graph->n - 1;
        long long row = (long long)((b - sqrt(fmax(b * b - 8.0 * edge, 0))) / 2);
        while (row > 0 && row_start(graph, row) > edge) row--;
        while (row_start(graph, row + 1) <= edge) row++;
        *i = (int)row;
        *j = (int)(row + 1 + edge - row_start(graph, row));
    }
}

int sg_spin_graph_edge_of(const sg_spin_graph *graph, int i, int j) {
    const int low = i < j ? i : j, high = i < j ? j : i;
    if (graph->kind == SG_SPIN_GRAPH_BIPARTITE)
        return low < graph->left && high >= graph->left ? low * (graph->n - graph->left) + high - graph->left : -1;
    return (int)(row_start(graph, low) + high - low - 1);
}

int sg_spin_graph_degree(const sg_spin_graph *graph, int site) {
    if (graph->kind == SG_SPIN_GRAPH_LISTED) return graph->start[site + 1] - graph->start[site];
    if (graph->kind == SG_SPIN_GRAPH_COMPLETE) return graph->n - 1;
    return site < graph->left ? graph->n - graph->left : graph->left;
}

int sg_spin_graph_neighbour(const sg_spin_graph *graph, int site, int r) {
    if (graph->kind == SG_SPIN_GRAPH_LISTED) return graph->neighbour[graph->start[site] + r];
    if (graph->kind == SG_SPIN_GRAPH_COMPLETE) return r < site ? r : r + 1;
    return site < graph->left ? graph->left + r : r;
}

const int *sg_spin_graph_touched(const sg_spin_graph *graph, int site, int *count) {
    const size_t at = (size_t)site, n = (size_t)graph->n, left = (size_t)graph->left, right = n - left;
    *count = sg_spin_graph_degree(graph, site) + 1;
    if (graph->kind == SG_SPIN_GRAPH_LISTED) return graph->touched + graph->start[site] + site;
    if (graph->kind == SG_SPIN_GRAPH_COMPLETE) return graph->touched + at * n;
    if (at < left) return graph->touched + at * (right + 1);
    return graph->touched + left * (right + 1) + (at - left) * (left + 1);
}

bool sg_spin_graph_idle(const sg_spin_graph_keys *keys, const char *key) {
    const char *graph = keys->graph;
    if (strcmp(key, "shape") == 0) return keys->shape[0] == '\0';
    if (strcmp(key, "boundary") == 0) return strcmp(graph, "lattice") != 0;
    if (strcmp(key, "degree") == 0) return strcmp(graph, "regular") != 0 && strcmp(graph, "tree") != 0;
    if (strcmp(key, "graph-seed") == 0) return strcmp(graph, "regular") != 0;
    return false;
}

sg_status sg_spin_graph_factors(const sg_model *model, const sg_spin_graph *graph) {
    if (graph->kind == SG_SPIN_GRAPH_LISTED || graph->edges <= DENSE_MOST) return SG_OK;
    return sg_fail(SG_REFUSED, "%s has %d edges, too many for elimination", model->text, graph->edges);
}
