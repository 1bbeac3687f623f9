#include "dictionary/sites.h"

#include <stdio.h>
#include <string.h>

sg_status sg_sites_fits(const char *loss, const sg_model *model, bool positive) {
    const sg_space *space = &model->space;
    if (space->shape != SG_FINITE || space->q < 2 || !(model->family->can & SG_STATES))
        return sg_fail(SG_MISFIT, "%s needs a finite space of sites, such as ising: %s has none", loss, model->text);
    if (positive && model->family->can & SG_HARD)
        return sg_fail(SG_MISFIT,
                       "%s needs p > 0 at all neighbours of a state, and %s forbids some: take pseudolikelihood", loss,
                       model->text);
    return SG_OK;
}

/* No roots: their sums. */
int sg_sites_roots(const sg_model *model) {
    (void)model;
    return 0;
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

bool sg_sites_alike(const void *options, const sg_model *model) {
    (void)options, (void)model;
    return true;
}

/* -------------------------------------------------------------- option sites= */

sg_status sg_sites_settle(const char *loss, sg_sites_choice *choice) {
    double site;
    choice->site = strcmp(choice->text, "averaged") == 0 ? SG_SITES_AVERAGED : SG_SITES_POOLED;
    if (choice->site == SG_SITES_AVERAGED || strcmp(choice->text, "pooled") == 0) return SG_OK;
    if (!sg_number_read(choice->text, &site) || !(site >= 0) || site > 1e6 || site != (double)(int)site)
        return sg_fail(SG_OUT_OF_RANGE,
                       "sites = '%.64s' of loss %s is out of range: it must be pooled|averaged, or the number of a "
                       "site, from 0",
                       choice->text, loss);
    choice->site = (int)site;
    snprintf(choice->text, sizeof choice->text, "%d", choice->site);
    return SG_OK;
}

static bool is_free(const sg_model *model, int coordinate) {
    for (int j = 0; j < model->m; j++)
        if (model->free[j] == coordinate) return true;
    return false;
}

/* "J0-1/J0-7/h0", cut where it gets long. */
static void name_list(const sg_model *model, int count, const int *list, size_t size, char *text) {
    char name[SG_NAME];
    size_t used = 0;
    text[0] = '\0';
    for (int a = 0; a < count && used + SG_NAME + 4 < size; a++) {
        model->family->parameter(model, list[a], name);
        used += (size_t)snprintf(text + used, size - used, "%s%s", a ? "/" : "", name);
        if (a + 1 < count && used + SG_NAME + 4 >= size) snprintf(text + used, size - used, "/..");
    }
}

sg_status sg_sites_choice_fits(const char *loss, const sg_sites_choice *choice, const sg_model *model) {
    char names[256];
    int count = 0, free = 0;
    if (choice->site < 0) return SG_OK;
    if (choice->site >= model->space.d)
        return sg_fail(SG_MISFIT, "%s at site %d: %s has the sites 0 to %d", loss, choice->site, model->text,
                       model->space.d - 1);
    if (!model->family->touched) return SG_OK;
    const int *list = model->family->touched(model, choice->site, &count);
    for (int a = 0; a < count; a++) free += is_free(model, list[a]);
    if (free == model->m) return SG_OK;
    name_list(model, count, list, sizeof names, names);
    return sg_fail(SG_MISFIT, "%s at site %d sees only the parameters there, not all free ones of %s: take free=%s",
                   loss, choice->site, model->text, names);
}

sg_status sg_sites_choice_runs(const char *loss, const sg_sites_choice *choice) {
    if (choice->site < 0) return SG_OK;
    return sg_fail(SG_MISFIT, "the process of %s at site %d moves no other site, so it has no gap: take sites=pooled",
                   loss, choice->site);
}
