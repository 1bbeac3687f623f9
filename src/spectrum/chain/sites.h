/*
 * Jumps on d sites with q states each, of which nothing is stored but sqrt(p): products of the generator with vectors
 * from the states themselves, and the smallest eigenvalues by Lanczos' method.  Two states have a faster way (cube.h).
 */
#ifndef SG_SPECTRUM_CHAIN_SITES_H
#define SG_SPECTRUM_CHAIN_SITES_H

#include "scoregap/chain.h"
#include "spectrum/cube/cube.h"

/*
 * log_p [q^d] by codes, finite.  `blocks` of sites are drawn given the rest, or (NULL) one site moves from x to y at
 * rate(log p(y) - log p(x)), reversible: rate(u) = e^u rate(-u).
 */
typedef struct {
    int d, q;
    const double *log_p;
    const sg_site_blocks *blocks;
    sg_flip_rate rate;
    const void *context;
} sg_sites;

/*
 * The first values->count eigenvalues (NULL: the gap alone), each orthogonal to those before, so that multiple ones are
 * found; the enclosure is the Ritz value with its residual and rounding.  Memory: count + 3 vectors of q^d doubles
 * beside log_p, bounded by settings->memory.  Bits do not depend on the number of threads.  Where the gap is not
 * certified, chains of at most 1024 states and 4 million moves go to sg_chain_gap, which keeps relative accuracy.
 * Cost: a product takes about 5 ns a state and block of one site (3^12 states: 30 ms), or 10 ns a state, site and move
 * of single-site moves; 100 to 400 of them are needed where gap/top > 1e-3.
 * Errors: SG_OUT_OF_RANGE (log p spans more than 1300, is not finite; rates overflow), SG_REFUSED (a site in no block),
 * SG_NO_MEMORY, SG_STOPPED.
 */
SG_MUST_CHECK sg_status sg_sites_gap(const sg_sites *sites, const sg_spectrum_settings *settings, sg_gap *out,
                                     sg_eigenvalues *values);

/* The operator, ready for Lanczos' method: the caller fills sites and settings (NULL: plain ones), checks, opens. */
typedef struct {
    const sg_sites *sites;
    const sg_spectrum_settings *settings;
    size_t n;               /* states; from the check, as are the next two */
    double top, shift;      /* max log p; of the logs of amplitudes */
    double *root, *partial; /* amplitudes; sums of chunks */
    int threads;
    sg_lanczos lanczos;
} sg_sites_problem;
SG_MUST_CHECK sg_status sg_sites_check(sg_sites_problem *problem);
SG_MUST_CHECK sg_status sg_sites_open(sg_sites_problem *problem, int vectors); /* that the caller takes */
void sg_sites_close(sg_sites_problem *problem);
double sg_sites_floor(const sg_sites_problem *problem, double top); /* rounding of products */

/* The same dynamics as an explicit chain, whose arrays belong to the caller: from, to, log_rate by sg_new. */
SG_MUST_CHECK sg_status sg_sites_chain(const sg_sites *sites, sg_chain *chain, int **from, int **to, double **log_rate);
/* Its moves, as a double. */
double sg_sites_moves(const sg_sites *sites);

#endif
