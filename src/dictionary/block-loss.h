/*
 * Conditional blocks: -log p(x_K | x_-K) for sets K of sites, with gradient psi = E[F | x_-K] - F(x) and curvature
 * Cov(F | x_-K), whose expectation is the Dirichlet matrix, so that it serves as both (LI; Besag 1975 for blocks of one
 * site).  The q^|K| states of a block are reached one from another by single-site moves.
 */
#ifndef SG_DICTIONARY_BLOCK_LOSS_H
#define SG_DICTIONARY_BLOCK_LOSS_H

#include "scoregap/dictionary.h"

enum { SG_BLOCK_STATES = 1 << 12, SG_BLOCK_SITES = 1 << 12 }; /* of one block, and of the model, at most */

/* Scratch that the functions below take from the view's arena. */
size_t sg_block_loss_bytes(const sg_site_view *view);

/* Errors: SG_MISFIT (a block of `sites` sites of the model has more than SG_BLOCK_STATES states, or the model more than
 * SG_BLOCK_SITES sites). */
SG_MUST_CHECK sg_status sg_block_loss_fits(const char *loss, const sg_model *model, int sites);

/*
 * sg_row.sites for sum_b rate[b] times the loss of block b; noise_sum: the spread of one block drawn with these rates,
 * which then sum to one with the empty block.  Cost: about 2 moves a state of each block for psi.
 */
void sg_block_loss(const sg_site_lists *blocks, const sg_local *local, sg_site_view *view, sg_datum *datum);
/* Blocks of one site each, `site` or all of them (SG_ALL_SITES), at rate one; any number of sites. */
void sg_block_loss_single(int site, const sg_local *local, sg_site_view *view, sg_datum *datum);
/* The block of each point is its tag.  noise_sum: nothing is added. */
void sg_block_loss_tagged(const sg_local *local, sg_site_view *view, sg_datum *datum);

/*
 * The same for models whose sites are alike (sg_site_view_alike), by counts: `share[s]` [d + 1] of all subsets of s
 * sites together, each as likely; or the tags.  No block is too large.  Cost: s states for each number of pluses
 * outside.
 */
void sg_block_loss_counted(const double *share, const sg_local *local, sg_site_view *view, sg_datum *datum);
void sg_block_loss_counted_tagged(const sg_local *local, sg_site_view *view, sg_datum *datum);

#endif
