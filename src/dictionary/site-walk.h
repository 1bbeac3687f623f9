/*
 * Steps of the processes on two-state sites: each is the process itself over a time dt, simulated event by event, so
 * without an error of the time step.  Chain i draws from counters of its own and does not depend on the other chains.
 * They need the family's log_ratio.
 */
#ifndef SG_DICTIONARY_SITE_WALK_H
#define SG_DICTIONARY_SITE_WALK_H

#include "scoregap/dictionary.h"

enum { SG_SITE_WALK_BLOCK = 16 }; /* sites of a block that is drawn as a whole */

size_t sg_site_walk_bytes(int d); /* of the walk's arena */

/* Every site is drawn given the others at rate 1.  O(d dt) single-site draws a chain. */
void sg_site_walk_heat_bath(sg_walk *walk);
/* Site i flips at rate(log p(x^i) - log p(x)).  All d rates are evaluated at every flip. */
void sg_site_walk_jumps(void (*rate)(const sg_prepared *prepared, int n, const double *log_ratio, double *rate),
                        const sg_prepared *prepared, sg_walk *walk);
/* Block b is drawn given the rest at rate[b]: 2^k log-ratios for k sites.  Nothing moves for k > SG_SITE_WALK_BLOCK. */
void sg_site_walk_blocks(const sg_site_blocks *blocks, sg_walk *walk);

#endif
