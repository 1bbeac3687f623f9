#include "dictionary/sites.h"

sg_status sg_sites_fits(const char *loss, const sg_model *model, bool positive) {
    const sg_space *space = &model->space;
    if (space->shape != SG_FINITE || space->q != 2 || !(model->family->can & SG_STATES))
        return sg_fail(SG_MISFIT, "%s needs a finite space of sites with two states, such as ising: %s has none", loss,
                       model->text);
    if (positive && model->family->can & SG_HARD)
        return sg_fail(SG_MISFIT,
                       "%s needs p > 0 at all neighbours of a state, and %s forbids some: take pseudolikelihood", loss,
                       model->text);
    return SG_OK;
}

/* One difference f(x^i) - f(x) a site. */
int sg_sites_roots(const sg_model *model) {
    return model->space.d;
}

int sg_sites_jets(const sg_model *model, int want) {
    (void)model, (void)want;
    return 0;
}

/* A prepared row is an address: the smallest that there is. */
sg_status sg_sites_prepare(const void *options, const sg_model *model, const double *theta, const sg_panels *panels,
                           sg_prepared **prepared) {
    (void)options, (void)model, (void)theta, (void)panels;
    return *prepared ? SG_OK : sg_new(prepared, 1, 1);
}

void sg_sites_release(sg_prepared *prepared) {
    sg_delete(prepared);
}
