/*
 * Variable elimination on finite sets: the plan, and what is done with it.  Tables over an ordered list of sites have
 * the site that is eliminated first as the slowest digit of their index and the one that is eliminated last as the
 * fastest.
 */
#ifndef SG_FAMILY_ELIMINATION_H
#define SG_FAMILY_ELIMINATION_H

#include "scoregap/family.h"

/* --------------------------------------------------- orders, elimination-order.c */

/* Who meets whom in a factor: neighbours [start[n]] of each site, ascending. */
typedef struct {
    int n, q;
    int *start, *neighbour;
} sg_site_graph;
/* Errors: SG_REFUSED (a factor of more sites than any table may have), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_site_graph_new(const sg_factors *factors, sg_site_graph *graph);
void sg_site_graph_delete(sg_site_graph *graph);

/* Sites in the order in which they go, and with which others each of them then is tied, later[start[k]] ..., by order.
 */
typedef struct {
    int count;      /* of sites in the order */
    int *order;     /* [count] */
    int *position;  /* [n] its inverse, -1 for sites that are left out */
    int *start;     /* [count + 1] */
    int *later;     /* [start[count]] positions */
    size_t room;    /* of later */
    int width;      /* sites of the largest table, with its own */
    double entries; /* of all tables */
    double largest; /* entries of the largest */
} sg_site_order;
/*
 * An order of the sites that are not `cut` [n]: `way` = 0 .. SG_SITE_ORDERS - 1, or the cheapest of these, -1; entries
 * = INFINITY: none was found.  Errors: SG_NO_MEMORY.
 */
enum { SG_SITE_ORDERS = 5, SG_SITE_ORDER_ANY = -1 };
SG_MUST_CHECK sg_status sg_site_order_new(const sg_site_graph *graph, const bool *cut, int way, sg_site_order *order);
void sg_site_order_delete(sg_site_order *order);
/* Order by least fill, elimination-fill.c; *found: no table was too large.  order [n]. */
SG_MUST_CHECK sg_status sg_site_order_fill(const sg_site_graph *graph, const bool *cut, int *order, bool *found);
/* The most sites of a table. */
int sg_site_order_most(int q);

/* ------------------------------------------------------------ plan, elimination.c */

struct sg_elimination {
    int n, q, factors;
    int cuts, *cut;         /* [cuts] sites */
    double assignments;     /* q^cuts */
    sg_site_order order;    /* of the others */
    int *child, *next;      /* [count] first table that goes into this one, and the next into the same; -1 */
    int *first, *following; /* [count + 1], [factors] first factor of a table, and the next of the same; -1; the last
                               list: those on cut sites alone */
    size_t *slot,
        slots; /* [count] where its message stands, in a buffer that is used again, and the buffer's entries */
    size_t *table, tables;     /* [count] where a table stands when all are kept, and their entries */
    size_t *message, messages; /* the same of the messages */
    size_t largest;
};

/* Sums whose pairs all go up with the tables; more are done a few at a time, down again, which needs all tables. */
enum { SG_ELIMINATION_FEW = 12 };

/* With cuts where they save memory, or none.  Errors: SG_REFUSED, SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_elimination_plan(const sg_factors *factors, bool cuts, sg_elimination **plan);

static inline int sg_elimination_later(const sg_elimination *plan, int k) {
    return plan->order.start[k + 1] - plan->order.start[k];
}
/* q^count */
static inline size_t sg_elimination_power(int q, int count) {
    size_t power = 1;
    while (count-- > 0) power *= (size_t)q;
    return power;
}

/* -------------------------------------------- maps between tables, elimination-map.c */

enum { SG_MAP_LOW = 256, SG_MAP_DIGITS = 32 };
/* Where the entries of a large table stand in a small one: low digits by a list, the high ones by their strides. */
typedef struct {
    int q, digits, low; /* of the large table; low ones */
    size_t low_size, size, offset;
    size_t stride[SG_MAP_DIGITS]; /* in the small table, by digit of the large one, fastest first */
    int32_t list[SG_MAP_LOW];
    bool straight, constant; /* of the list: 0, 1, 2, ... or 0, 0, 0, ... */
} sg_table_map;
/* From table k to the message of table `child`. */
void sg_table_map_message(const sg_elimination *plan, int k, int child, sg_table_map *map);
/* From table k to a factor, cut sites in states given [n]; k = -1: all its sites are cut. */
void sg_table_map_factor(const sg_elimination *plan, int k, const sg_factor *factor, const int *given,
                         sg_table_map *map);
/* From a table over an ascending list of positions to one over some of them. */
void sg_table_map_lists(int q, int in, const int *large, int of, const int *small, sg_table_map *map);
/* From a table of `digits` digits to one in which digit d has the stride stride[d], 0 where it has no part. */
void sg_table_map_strides(int q, int digits, const size_t *stride, sg_table_map *map);
/* large += small; small += large. */
void sg_table_spread(const sg_table_map *map, const double *small, double *large);
void sg_table_gather(const sg_table_map *map, const double *large, double *small);

/* --------------------------------------------------- the pass up, elimination-up.c */

/*
 * Scratch of a pass.  A message is [1 + a + b][entries]: the log of its weights, then the means of a sums given the
 * sites that are left, then their covariances, packed.
 */
typedef struct {
    int a, b;                /* sums; their pairs, 0: no covariances */
    const int *sum;          /* [sums of the factors] index of a sum among the a, or -1; NULL: the same */
    const int *given;        /* [n] states of the cut sites */
    double *message, *table; /* [slots or messages][1 + a + b], [largest][1 + a + b] */
    /* To keep all tables: the probabilities of the first site given the others [tables] and the deviations of the a
     * sums from their means given these [a][tables]; NULL: not wanted. */
    double *conditional, *deviation;
} sg_elimination_pass;
/* log Z, and of the a sums the mean [a] and covariance [b] (packed). */
void sg_elimination_up(const sg_elimination *plan, const sg_factors *factors, const sg_elimination_pass *pass,
                       double *log_z, double *mean, double *covariance);

/* ------------------------------------------------------------------- solutions */

/*
 * Room for the solutions of one plan, all zero at first: it grows to what the largest of them needs and is used again
 * by those that need no more.
 */
typedef struct {
    int components, lanes;                  /* numbers an entry that there is room for, 0: none; passes side by side */
    int *given, *index;                     /* [n], [sums] */
    double *message, *table;                /* of a pass up */
    double *result;                         /* few sums: means and covariances */
    double *conditional, *deviation;        /* many sums: what a pass up keeps, */
    double *probability, *weighted, *below; /* [messages], [a][messages], [1 + a][largest] the pass down */
    double *small;                          /* of a factor */
} sg_elimination_scratch;
void sg_elimination_scratch_free(sg_elimination_scratch *scratch);

/* sg_elimination_covariance in scratch: without allocation once a call that wanted as much has been made. */
SG_MUST_CHECK sg_status sg_elimination_solve(const sg_elimination *plan, const sg_factors *factors,
                                             sg_elimination_scratch *scratch, double *log_z, double *mean,
                                             double *covariance);
/*
 * The same where there are too many sums for pairs of them at every entry, elimination-down.c: means from the marginals
 * of all tables, and covariances with a few sums at a time from the means of these given each table.  A plan without
 * cuts.
 */
SG_MUST_CHECK sg_status sg_elimination_marginals(const sg_elimination *plan, const sg_factors *factors,
                                                 sg_elimination_scratch *scratch, double *log_z, double *mean,
                                                 double *covariance);

/* ---------------------------------------------- the law, elimination-law.c */

/*
 * p as the product of the probabilities of each site given those that are summed out after it; immutable.  A plan
 * without cuts.
 */
typedef struct {
    sg_elimination *plan;
    double *conditional; /* [tables] */
    double *probability; /* [messages] of the sites that are left; NULL: not wanted */
} sg_elimination_law;
/* Errors: SG_REFUSED (no narrow order, or tables beyond SG_ELIMINATION_BYTES), SG_NOT_INTEGRABLE, SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sg_elimination_law_new(const sg_factors *factors, bool marginals, sg_elimination_law **law);
void sg_elimination_law_delete(sg_elimination_law *law);
/* Exact draws: site by site, in the reverse order.  Point i takes the same numbers however many points there are. */
void sg_elimination_law_draw(const sg_elimination_law *law, sg_stream *stream, sg_block *block);

/* ------------------------------------- the law of a few sites, elimination-sites.c */

/*
 * Of sites that need not stand together in a table: the tables between them are gone through from the one that all
 * paths lead to, and what is not asked for is summed out as soon as no further table needs it.
 */
typedef struct sg_elimination_sites sg_elimination_sites;
/* The law has marginals, and outlives it.  One a thread. */
SG_MUST_CHECK sg_status sg_elimination_sites_new(const sg_elimination_law *law, sg_elimination_sites **sites);
void sg_elimination_sites_delete(sg_elimination_sites *sites);
/*
 * p [q^count], entry sum_k s_k q^k where site[k] is in state s_k.  Errors: SG_REFUSED (a table between the sites has
 * more than 2^24 entries), SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_elimination_sites_at(sg_elimination_sites *sites, int count, const int *site, double *p);
/* How many entries are gone through for it; INFINITY where it is refused. */
double sg_elimination_sites_work(sg_elimination_sites *sites, int count, const int *site);

#endif
