/*
 * Graphs for the families on finite spaces: by name or from a file, with couplings on the edges and fields on the
 * sites. Edges are pairs i < j in lexicographic order, in a file in the order of its lines.
 */
#ifndef SG_FAMILY_GRAPH_H
#define SG_FAMILY_GRAPH_H

#include "scoregap/family.h"

/* The keys that describe a graph, as the user gives them. */
typedef struct {
    char graph[SG_TEXT], shape[SG_TEXT];
    int n, boundary, degree, seed;
} sg_spin_graph_keys;

#define SG_SPIN_GRAPH_WORDS "ring, path, lattice, complete, curie-weiss, bipartite, regular, tree"

/* Descriptors of these keys in a struct `holder` that holds them as `graph`; `words`, one line, names the graphs. */
#define SG_SPIN_GRAPH_FIELDS(holder, words)                                                                       \
    {.key = "graph",                                                                                              \
     .type = SG_FIELD_TEXT,                                                                                       \
     .role = SG_STRUCTURE,                                                                                        \
     .offset = offsetof(holder, graph.graph),                                                                     \
     .initial = "ring",                                                                                           \
     .help = words},                                                                                              \
        {.key = "n",                                                                                              \
         .type = SG_FIELD_INT,                                                                                    \
         .role = SG_STRUCTURE,                                                                                    \
         .offset = offsetof(holder, graph.n),                                                                     \
         .initial = "0",                                                                                          \
         .lo = 1,                                                                                                 \
         .hi = 1e6,                                                                                               \
         .help = "number of sites; not given: those of the shape or of the file, otherwise 8"},                   \
        {.key = "shape",                                                                                          \
         .type = SG_FIELD_TEXT,                                                                                   \
         .role = SG_STRUCTURE,                                                                                    \
         .offset = offsetof(holder, graph.shape),                                                                 \
         .initial = "",                                                                                           \
         .help = "sides of the lattice, LxL or LxLxL"},                                                           \
        {.key = "boundary",                                                                                       \
         .type = SG_FIELD_WORD,                                                                                   \
         .role = SG_STRUCTURE,                                                                                    \
         .offset = offsetof(holder, graph.boundary),                                                              \
         .initial = "periodic",                                                                                   \
         .choices = "periodic|free",                                                                              \
         .help = "of the lattice; periodic sides have at least 3 sites"},                                         \
        {.key = "degree",                                                                                         \
         .type = SG_FIELD_INT,                                                                                    \
         .role = SG_STRUCTURE,                                                                                    \
         .offset = offsetof(holder, graph.degree),                                                                \
         .initial = "3",                                                                                          \
         .lo = 2,                                                                                                 \
         .hi = 1e6,                                                                                               \
         .help = "neighbours of a site: of every site (regular), of an inner one (tree, filled level by level)"}, \
    {                                                                                                             \
        .key = "graph-seed", .type = SG_FIELD_INT, .role = SG_STRUCTURE, .offset = offsetof(holder, graph.seed),  \
        .initial = "1", .lo = 0, .hi = 2147483647, .help = "of the random regular graph"                          \
    }

/* Descriptors of the laws of couplings, members `couplings` and `coupling_seed` of `holder`. */
#define SG_SPIN_GRAPH_COUPLINGS(holder)                                                                                \
    {.key = "couplings",                                                                                               \
     .type = SG_FIELD_WORD,                                                                                            \
     .role = SG_STRUCTURE,                                                                                             \
     .offset = offsetof(holder, couplings),                                                                            \
     .initial = "ferro",                                                                                               \
     .choices = "ferro|pm|gauss|sk",                                                                                   \
     .help = "all 1, random signs, standard normal, or (complete graph) that over sqrt(n); not for a file"},           \
    {                                                                                                                  \
        .key = "coupling-seed", .type = SG_FIELD_INT, .role = SG_STRUCTURE, .offset = offsetof(holder, coupling_seed), \
        .initial = "1", .lo = 0, .hi = 2147483647, .help = "of the random couplings"                                   \
    }

/* Errors: SG_BAD_SYNTAX: SG_COUPLINGS_SK on another graph than the complete one. */
SG_MUST_CHECK sg_status sg_spin_graph_check_couplings(const char *family, const sg_spin_graph_keys *keys,
                                                      int couplings);

/* Has this key no meaning for that graph? */
bool sg_spin_graph_idle(const sg_spin_graph_keys *keys, const char *key);

/* Complete and bipartite graphs keep no list of edges. */
typedef enum { SG_SPIN_GRAPH_LISTED, SG_SPIN_GRAPH_COMPLETE, SG_SPIN_GRAPH_BIPARTITE } sg_spin_graph_kind;
typedef struct {
    sg_spin_graph_kind kind;
    int n, edges, left; /* left: sites 0 .. left-1 of the one side of a bipartite graph */
    double coupling;    /* of every edge, if J is NULL */
    int *i, *j;         /* [edges], NULL unless listed */
    double *J;          /* [edges] */
    double *field;      /* [n], NULL: none */
    /* Neighbours of site i and the edges to them, from start[i] to start[i + 1]; NULL unless listed. */
    int *start, *neighbour, *incident; /* [n + 1], [2 edges], [2 edges] */
    int *touched;                      /* [2 edges + n], NULL: not asked for; see sg_spin_graph_touched */
} sg_spin_graph;

enum { SG_SPIN_GRAPH_PARAMETERS = 1 << 24 }; /* couplings and fields that can be parameters */
enum { SG_COUPLINGS_FERRO, SG_COUPLINGS_PM, SG_COUPLINGS_GAUSS, SG_COUPLINGS_SK };
typedef struct {
    bool weighted;       /* is a file one of couplings and fields (`i j J_ij`, `i h_i`) or of edges only (`i j`)? */
    int couplings, seed; /* laws SG_COUPLINGS_..., for graphs by name */
    bool touched;        /* are lists of touched coordinates wanted? */
} sg_spin_graph_weights;

/*
 * Checks the keys against each other and fills in n.  Errors: SG_UNKNOWN (graph, with the nearest), SG_BAD_SYNTAX (a
 * key without meaning for this graph), SG_OUT_OF_RANGE, and those of reading a file.
 */
SG_MUST_CHECK sg_status sg_spin_graph_settle(const char *family, bool weighted, sg_spin_graph_keys *keys);

/*
 * The graph of settled keys in one block of memory that begins with `lead` bytes for the caller: *block, to be freed by
 * sg_delete.  Errors: SG_OUT_OF_RANGE (too many edges), SG_CANNOT_READ, SG_BAD_DATA (file, line), SG_NOT_CONVERGED (no
 * regular graph found), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_spin_graph_new(const char *family, const sg_spin_graph_keys *keys,
                                          const sg_spin_graph_weights *weights, size_t lead, void *block,
                                          sg_spin_graph **graph);

/* The sites i < j of an edge (in a file: as it stands there), and its coupling. */
void sg_spin_graph_edge(const sg_spin_graph *graph, int edge, int *i, int *j);
/* The edge of sites i != j of a complete or bipartite graph; -1: there is none. */
int sg_spin_graph_edge_of(const sg_spin_graph *graph, int i, int j);
/* How many neighbours a site has; the r-th of them, in the order of the edges to it. */
int sg_spin_graph_degree(const sg_spin_graph *graph, int site);
int sg_spin_graph_neighbour(const sg_spin_graph *graph, int site, int r);
/* Where each edge and each site has a coordinate, sites behind the edges: those of the edges at a site, ascending, and
 * its own; *count = degree + 1. */
const int *sg_spin_graph_touched(const sg_spin_graph *graph, int site, int *count);
static inline double sg_spin_graph_coupling(const sg_spin_graph *graph, int edge) {
    return graph->J ? graph->J[edge] : graph->coupling;
}

/* Are its edges few enough to be factors?  Lists are; dense graphs up to 2^12 edges.  Errors: SG_REFUSED. */
SG_MUST_CHECK sg_status sg_spin_graph_factors(const sg_model *model, const sg_spin_graph *graph);

/* ------------------------------------------------------- files, graph-file.c */

typedef struct {
    int i, j, line; /* j = -1: the field of site i */
    double value;
} sg_spin_graph_entry;

/*
 * Reads a graph file: `#` begins a comment; sites count from 0; no edge and no field stands twice.  *n is the largest
 * site + 1, *entries (freed by sg_delete) keep the order of the lines.  Errors: SG_CANNOT_READ; SG_BAD_DATA names the
 * file, the line and what to change.
 */
SG_MUST_CHECK sg_status sg_spin_graph_read(const char *path, bool weighted, int *n, int *count,
                                           sg_spin_graph_entry **entries);

#endif
