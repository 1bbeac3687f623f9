/*
 * Inside a sg_site_view: statistics and single-site moves in the free parameters of a model on a finite set, where each
 * parameter is a coordinate.  A family without `touched` or `move` is seen through its jets.
 */
#ifndef SG_DICTIONARY_SITE_VIEW_H
#define SG_DICTIONARY_SITE_VIEW_H

#include "scoregap/dictionary.h"

/* Coordinates of a model whose statistics are taken all at once: 2 KB each and thread. */
enum { SG_SITE_VIEW_STATISTICS = 1 << 16 };

struct sg_site_view {
    const sg_model *model;
    const double *theta;   /* [full] borrowed */
    const sg_block *block; /* borrowed */
    int d, q, m;
    int widest;            /* free parameters at one site, at most */
    int *first, *length;   /* [d] of each site's free parameters in `list` */
    int *list, *row;       /* free parameters, ascending, and their places among the touched coordinates */
    double *log_ratio;     /* [SG_BLOCK] of the last move */
    double *difference;    /* [widest][SG_BLOCK] of the last move */
    double *copy;          /* [d][SG_BLOCK] room for points that are moved; NULL: not for models of many sites */
    double *moved;         /* [d][SG_BLOCK] and */
    sg_jet other;          /* jets there, where the family has no hook for moves */
    sg_jet jet;            /* log p, and all statistics unless there are more than SG_SITE_VIEW_STATISTICS */
    double *count;         /* [SG_BLOCK] */
    double *count_theta;   /* [full] where the two tables are; NaN: nowhere; NULL: sites are not alike */
    double *count_logp;    /* [d + 1] log p of a state with k sites in state 1 */
    double *count_dt;      /* [m][d + 1] its free statistics */
    double *count_scratch; /* [full][SG_BLOCK] */
    sg_arena *arena;       /* room for sg_block_loss is free */
};

/* Sites are alike: sg_family.exchangeable and its counts. */
bool sg_site_view_alike(const sg_model *model);

/* How many free parameters site `site` touches, and which. */
int sg_site_view_list(const sg_site_view *view, int site, const int **list);

/*
 * The `move`-th move of site `site` at the points of `block`, any block: view->log_ratio, and, if asked,
 * view->difference of the site's list.  Where p = 0 at the point itself, the log-ratio is -INFINITY or finite.
 */
void sg_site_view_move(sg_site_view *view, const sg_block *block, int site, int move, bool difference);
/* The move itself, on one row of sites [n]. */
void sg_site_move(int q, int move, int n, double *x);

/*
 * Of models whose sites are alike: fills the tables at theta and gives the number of sites in state 1 [n] at the points
 * of the view's block, NULL for other models.
 */
const double *sg_site_view_counts(sg_site_view *view);

/* log p up to log Z [SG_BLOCK], and the free statistics minus local->gradient (NULL: minus nothing) [m][SG_BLOCK]. */
void sg_site_view_logp(sg_site_view *view, double *logp);
void sg_site_view_score(sg_site_view *view, const sg_local *local, double *score);

#endif
