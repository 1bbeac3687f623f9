/*
 * Steps of the processes on finite sets of sites: each is the process itself over a time dt, simulated event by event,
 * so without an error of the time step.  Chain i draws from counters of its own and does not depend on the other
 * chains. Two states a site (x = -1 or +1) need the family's log_ratio, up to SG_SITE_WALK_STATES (x = 0 .. q - 1) its
 * conditional or its move; with more nothing moves.
 */
#ifndef SG_DICTIONARY_SITE_WALK_H
#define SG_DICTIONARY_SITE_WALK_H

#include "scoregap/dictionary.h"

enum { SG_SITE_WALK_BLOCK = 16, SG_SITE_WALK_STATES = 64 }; /* a block that is drawn as a whole has 2^16 states */

size_t sg_site_walk_bytes(int d); /* of the walk's arena */

/* Every site is drawn given the others at rate 1.  O(d dt) single-site draws a chain. */
void sg_site_walk_heat_bath(sg_walk *walk);
/*
 * Each move of one site, from x to y, at rate(log p(y) - log p(x)).  All rates are evaluated at every jump.  `rate` may
 * be asked for that of staying, which is left out.
 */
void sg_site_walk_jumps(void (*rate)(const sg_prepared *prepared, int n, const double *log_ratio, double *rate),
                        const sg_prepared *prepared, sg_walk *walk);
/*
 * Block b is drawn given the rest at rate[b]: q^k log-ratios for k sites.  A block of more than 2^SG_SITE_WALK_BLOCK
 * states does not move.
 */
void sg_site_walk_blocks(const sg_site_lists *blocks, sg_walk *walk);

#endif
