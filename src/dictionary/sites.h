/* What the rows on two-state sites have in common: which models they fit; they keep no constants. */
#ifndef SG_DICTIONARY_SITES_H
#define SG_DICTIONARY_SITES_H

#include "scoregap/dictionary.h"

/* A finite space of two states a site; `positive`: without forbidden states.  Errors: SG_MISFIT. */
SG_MUST_CHECK sg_status sg_sites_fits(const char *loss, const sg_model *model, bool positive);

/* Members of sg_row. */
int sg_sites_roots(const sg_model *model);
int sg_sites_jets(const sg_model *model, int want);
sg_status sg_sites_prepare(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                           sg_prepared **prepared);
void sg_sites_release(sg_prepared *prepared);

#endif
