/* Losses that are estimated site by site and averaged, as the losses of one site that they are made of. */
#ifndef SG_TESTS_ESTIMATE_SITE_PARTS_H
#define SG_TESTS_ESTIMATE_SITE_PARTS_H

#include "../model.h"
#include "probe.h"
#include "scoregap/estimate.h"

/* The same model with other parameters free. */
static inline sg_model *with_free(const sg_model *model, int count, const int *list) {
    char text[1024], name[SG_NAME];
    double truth[64];
    const char *end = strstr(model->text, "free=");
    assert_true(end && model->full <= 64);
    size_t used = (size_t)snprintf(text, sizeof text, "%.*sfree=", (int)(end - model->text), model->text);
    for (int k = 0; k < count; k++) {
        model->family->parameter(model, list[k], name);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", k ? "/" : "", name);
    }
    snprintf(text + used, sizeof text - used, ")");
    sg_model *other = model_of(text);
    memcpy(truth, model->named, (size_t)model->full * sizeof(double));
    OK(sg_model_set_truth(other, other->full, truth));
    return other;
}

/* The loss of one site in the parameters that it touches. */
typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_asymptotic *a;
    int m, place[PROBE_M]; /* its parameters among those of the whole model */
    double sites[PROBE_M]; /* of these, how many sites each has */
} site_part;

/* Parameters of a site: *count of them, their places among the free ones and their numbers. */
static inline void list_site(const sg_model *model, int site, int *count, int place[PROBE_M], int all[PROBE_M]) {
    int touched = model->full;
    const int *list = model->family->touched ? model->family->touched(model, site, &touched) : NULL;
    *count = 0;
    for (int j = 0; j < model->m; j++)
        for (int k = 0; k < touched; k++)
            if ((list ? list[k] : k) == model->free[j]) place[*count] = j, all[(*count)++] = model->free[j];
}

static inline void each_site(const sg_model *model, const sg_row *row, void (*visit)(const site_part *, void *),
                             void *context) {
    site_part part = {0};
    int all[PROBE_M];
    char text[SG_TEXT];
    for (int i = 0; i < model->space.d; i++) {
        list_site(model, i, &part.m, part.place, all);
        for (int k = 0; k < part.m; k++) part.sites[part.place[k]]++;
    }
    for (int i = 0; i < model->space.d; i++) {
        list_site(model, i, &part.m, part.place, all);
        if (!part.m) continue;
        part.model = with_free(model, part.m, all);
        snprintf(text, sizeof text, "%s:sites=%d", row->name, i);
        OK(sg_loss_new(text, &part.loss));
        OK(sg_asymptotic_new(part.model, part.loss, &part.a));
        visit(&part, context);
        sg_asymptotic_delete(part.a);
        sg_loss_delete(part.loss);
        sg_model_delete(part.model);
    }
}

#endif
