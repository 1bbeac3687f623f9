/* What the rows on finite sets of sites have in common: which models they fit, and the option sites=. */
#ifndef SG_DICTIONARY_SITES_H
#define SG_DICTIONARY_SITES_H

#include "scoregap/dictionary.h"

/* A finite space of sites; `positive`: without forbidden states.  Errors: SG_MISFIT. */
SG_MUST_CHECK sg_status sg_sites_fits(const char *loss, const sg_model *model, bool positive);

/* Members of sg_row.  Rows that keep nothing are prepared to an address. */
int sg_sites_roots(const sg_model *model);
int sg_sites_jets(const sg_model *model, int want);
sg_status sg_sites_prepare(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                           sg_prepared **prepared);
void sg_sites_release(sg_prepared *prepared);
bool sg_sites_alike(const void *options, const sg_model *model);

/* ------------------------------------------------------------- option sites= */

/*
 * pooled: the sum of the losses of all sites; averaged: each parameter estimated at each of its sites and the estimates
 * averaged; I: the loss of site I alone.
 */
enum { SG_SITES_AVERAGED = -2, SG_SITES_POOLED = -1 };
typedef struct {
    char text[SG_TEXT];
    int site; /* I, or one of the two */
} sg_sites_choice;

#define SG_SITES_FIELD(options, member, usual)                                                                \
    {                                                                                                         \
        .key = "sites", .type = SG_FIELD_TEXT, .role = SG_OPTION, .offset = offsetof(options, member.text),   \
        .initial = usual,                                                                                     \
        .help = "pooled (the losses of all sites added) | averaged (each parameter estimated at each of its " \
                "sites, the estimates averaged) | I (site I alone)"                                           \
    }

/* Fills choice->site.  Errors: SG_OUT_OF_RANGE. */
SG_MUST_CHECK sg_status sg_sites_settle(const char *loss, sg_sites_choice *choice);
/* Errors: SG_MISFIT: there is no such site, or it does not touch all free parameters. */
SG_MUST_CHECK sg_status sg_sites_choice_fits(const char *loss, const sg_sites_choice *choice, const sg_model *model);
/* Errors: SG_MISFIT: a process that moves one site alone has no gap. */
SG_MUST_CHECK sg_status sg_sites_choice_runs(const char *loss, const sg_sites_choice *choice);

#endif
