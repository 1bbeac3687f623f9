/*
 * What the cluster rows share.  A bond between sites i and j is satisfied where J_ij x_i x_j > 0 and then open with
 * probability 1 - exp(-2|J_ij|); the field at a site is a bond to a ghost that stays at +1 (Edwards and Sokal 1988).
 * Sites that open bonds join form a cluster; that of the ghost never moves.
 */
#ifndef SG_DICTIONARY_CLUSTERS_H
#define SG_DICTIONARY_CLUSTERS_H

#include "scoregap/dictionary.h"

typedef struct {
    sg_pairs pairs;
    double *bond; /* [edges] the probability, with the sign of J */
    double *tie;  /* [n] the same of the bonds to the ghost */
    /* The neighbours of site i and the bonds to them, from start[i] to start[i + 1]; NULL unless asked for. */
    int *start, *neighbour;
    double *link;
} sg_clusters;

/* Two-state sites with couplings of pairs.  Errors: SG_MISFIT. */
SG_MUST_CHECK sg_status sg_clusters_run(const char *name, const sg_model *model);
/* The bonds at theta; *clusters of the same model, if not NULL, is filled anew.  Errors: those of the family's pairs.
 */
SG_MUST_CHECK sg_status sg_clusters_prepare(const sg_model *model, const double *theta, bool neighbours,
                                            sg_clusters **clusters);
void sg_clusters_delete(sg_clusters *clusters);

/* Members of sg_row, for rows without a loss. */
int sg_clusters_roots(const sg_model *model);
int sg_clusters_jets(const sg_model *model, int want);
void sg_clusters_release(sg_prepared *prepared);

/*
 * Updates every chain of the walk dt times, each time from a block of the stream of its own.  `update` moves one chain
 * and counts.
 */
void sg_clusters_step(void (*update)(const sg_clusters *clusters, sg_walk *walk, int chain),
                      const sg_clusters *clusters, sg_walk *walk);

/*
 * The transition matrix, from the clusters' laws in all subsets of sites: for every state O(3^N) at most, less where
 * few subsets are connected, N the sites and the ghost if there are fields.  `single`: Wolff's.  Up to 4^n numbers (512
 * MiB for 13 sites) are kept.  Entries P(x,y) have an error of a few roundings, and of sum |J| roundings, of exp(-2 sum
 * |J_e|) over the satisfied bonds of x that y breaks.  Errors: SG_REFUSED (more than SG_CLUSTERS_MOST sites),
 * SG_NO_MEMORY.
 */
enum { SG_CLUSTERS_MOST = 13 };
SG_MUST_CHECK sg_status sg_clusters_kernel(const char *name, const sg_clusters *clusters, bool single, size_t memory,
                                           sg_kernel **kernel);

#endif
