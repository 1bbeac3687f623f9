/*
 * The local losses: sum_y rho(u_y) over the states y one single-site move away from x, u_y = log p(y) - log p(x), with
 * rho' = factor * rate, so that psi = sum_y rho'(u_y) (F(y) - F(x)) = factor * L S (MPF, HYV, CSM, Besag 1975).  A row
 * is its rate and its rho.
 */
#ifndef SG_DICTIONARY_FLIP_LOSS_H
#define SG_DICTIONARY_FLIP_LOSS_H

#include "scoregap/dictionary.h"

enum { SG_ALL_SITES = -1 };

/*
 * sg_row.sites for the row's rate and rho: all sites, or the moves of site `site` alone.  Where the sites of the model
 * are alike, all sites are two kinds with multiplicities, also for blocks of points x.
 */
void sg_flip_loss(const sg_row *row, const sg_prepared *prepared, int site, const sg_local *local, sg_site_view *view,
                  sg_datum *datum);

/*
 * One site at a time: the loss of site `site` in the parameters that it touches alone, of which there are `datum->m`
 * and which sg_site_view_list names; datum->want of SG_VALUE, SG_PSI, SG_CURVATURE, SG_DIRICHLET.  psi = factor * L_i S
 * for the generator L_i that moves site i.  For node-wise fits (RISE: Vuffray et al. 2016).
 */
void sg_flip_loss_site(const sg_row *row, const sg_prepared *prepared, int site, sg_site_view *view, sg_datum *datum);

/*
 * All single moves of the points of the view's block, of sites that are alike one for each kind: log-ratios [SG_BLOCK]
 * and, if asked for, the changes [t][SG_BLOCK] of the t parameters `list` (NULL: of all).  A move that a point has not
 * has log-ratio 0.
 */
typedef void (*sg_flip_visit)(void *context, int n, const double *log_ratio, int t, const int *list,
                              const double *difference);
void sg_flip_moves(sg_site_view *view, bool difference, sg_flip_visit visit, void *context);

#endif
