/*
 * What the cluster rows share.  A bond between two sites is satisfied where it adds to log p, and then open with
 * probability 1 - exp(-gain), the gain over two sites that do not satisfy it: 2|J_ij| where J_ij x_i x_j > 0 with two
 * states, J_ij where x_i = x_j with more, which must not be negative there.  The field at a site is a bond to a ghost
 * that stays at +1 (Edwards and Sokal 1988).  Sites that open bonds join form a cluster; that of the ghost never moves.
 */
#ifndef SG_DICTIONARY_CLUSTERS_H
#define SG_DICTIONARY_CLUSTERS_H

#include "scoregap/dictionary.h"

typedef struct {
    sg_pairs pairs;
    double *bond; /* [edges] the probability, with the sign of J */
    double *tie;  /* [n] the same of the bonds to the ghost; zero with more than two states */
    /* The neighbours of site i and the bonds to them, from start[i] to start[i + 1]. */
    int *start, *neighbour;
    double *link;
} sg_clusters;

/* A satisfied bond: of two sites in the states x and y. */
static inline bool sg_clusters_satisfied(double bond, double x, double y) {
    return x == y ? bond > 0 : bond < 0;
}

/* State x and `shift` states further on, 0 to q - 1; two states are turned. */
static inline double sg_clusters_shifted(int q, double x, int shift) {
    const double next = x + shift;
    return q == 2 ? (shift ? -x : x) : next >= q ? next - q : next;
}

/* Members of sg_row.  runs: sites with couplings of pairs, SG_MISFIT otherwise. */
SG_MUST_CHECK sg_status sg_clusters_run(const void *options, const sg_model *model);
int sg_clusters_roots(const sg_model *model);
int sg_clusters_jets(const sg_model *model, int want);
/* Errors: SG_OUT_OF_RANGE (a negative coupling and more than two states), those of the family's pairs. */
SG_MUST_CHECK sg_status sg_clusters_prepare(const void *options, const sg_model *model, const double *theta,
                                            const sg_panels *panels, sg_prepared **prepared);
void sg_clusters_release(sg_prepared *prepared);

/*
 * Updates every chain of the walk dt times, each time from a block of the stream of its own.  `update` moves one chain
 * and counts.
 */
void sg_clusters_step(void (*update)(const sg_clusters *clusters, sg_walk *walk, int chain),
                      const sg_prepared *prepared, sg_walk *walk);

/*
 * The transition matrix, from the clusters' laws in all subsets of sites.  `single`: Wolff's.  Two states: for every
 * state O(3^N) at most, less where few subsets are connected, N the sites and the ghost if there are fields; up to 4^n
 * numbers (512 MiB for 13 sites) are kept.  More states, where all bonds want the same: O(3^n) once, and Swendsen-Wang
 * between the partitions of the sites into at most q classes (9 sites of 3 states: 3281, 86 MB).  Entries P(x,y) have
 * an error of a few roundings, and of sum |J| roundings, of the probability that the satisfied bonds of x that y breaks
 * are all shut.  Errors: SG_REFUSED (more than SG_CLUSTERS_MOST sites), SG_NO_MEMORY.
 */
enum { SG_CLUSTERS_MOST = 13 };
SG_MUST_CHECK sg_status sg_clusters_kernel(const char *name, const sg_prepared *prepared, bool single, size_t memory,
                                           sg_kernel **kernel);
/* That of more than two states. */
SG_MUST_CHECK sg_status sg_clusters_colours(const char *name, const sg_pairs *pairs, bool single, size_t memory,
                                            sg_kernel **kernel);

#endif
