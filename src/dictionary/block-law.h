/*
 * The law of a block of sites given the rest, at a few points together: its states are reached one from another by
 * single-site moves, a tree in which each has one parent.
 */
#ifndef SG_DICTIONARY_BLOCK_LAW_H
#define SG_DICTIONARY_BLOCK_LAW_H

#include "dictionary/block-loss.h"

enum {
    SG_BLOCK_LAW_SITES = 12,       /* 2^12 = SG_BLOCK_STATES */
    SG_BLOCK_LAW_NUMBERS = 1 << 16 /* states times points that are taken together */
};

/* States of the block are coded by the moves that lead to them from a root, x itself unless said otherwise, sum_l
 * move_l q^l. */
typedef struct {
    sg_site_view *view;
    sg_block points;     /* x = view->copy */
    int index[SG_BLOCK]; /* their places in the view's block */
    double *weight;      /* [SG_BLOCK] of the points, for the spread; set by the caller */
    int k, states, site[SG_BLOCK_LAW_SITES], power[SG_BLOCK_LAW_SITES];
    /*
     * Families that forbid states.  With moves, from state 0 of the whole block: it is allowed, and so is each state on
     * the way to an allowed one.  Without, allowed states may be joined by forbidden ones alone, and log p is that of
     * jets.
     */
    bool from_zero, by_jets;
    int stride;        /* of the rows of p */
    double *p;         /* [states][stride] log p(y) - log p(x), then p(y | rest) */
    int own[SG_BLOCK]; /* code of x */
    double *held;      /* [SG_BLOCK] its probability */
    int t, *free;      /* parameters that the block touches */
    int *place;        /* [m] where they are in that list; -1 elsewhere */
    double *root;      /* [t][SG_BLOCK] F(root) - F(x) */
    double *mean;      /* [t][SG_BLOCK] E F - F(x) */
    double *centred;   /* [t][SG_BLOCK] F(y) - E F */
    double *saved;     /* [SG_BLOCK_LAW_SITES][widest][SG_BLOCK] */
    double *below;     /* [SG_BLOCK_LAW_SITES + 1][SG_BLOCK] */
    double *value;     /* [SG_BLOCK] */
    double *gram;      /* [t][t] */
} sg_block_law;

/* Scratch from the view's arena. */
size_t sg_block_law_bytes(const sg_site_view *view);
void sg_block_law_open(sg_site_view *view, sg_block_law *law);

/* The block: k sites, ascending, at most SG_BLOCK_LAW_SITES.  How many points may be taken with `states` states. */
void sg_block_law_sites(sg_block_law *law, int k, const int *site);
int sg_block_law_points(int states);
/* The points index[0 .. n-1] of the view's block. */
void sg_block_law_gather(sg_block_law *law, int n);
/* Their sites of the block as they were gathered. */
void sg_block_law_restore(sg_block_law *law);

/* p and value = log sum_y p(y)/p(x), and, if asked, the mean.  A point without mass gets zeros. */
void sg_block_law_find(sg_block_law *law, bool mean);
/*
 * gram = sum over the points of weight Cov(F | rest), after the mean; points that agree outside the block are taken
 * together.  What was found is lost.
 */
void sg_block_law_spread(sg_block_law *law);

#endif
