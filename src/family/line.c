#include "family/line.h"

#include <math.h>
#include <stdalign.h>
#include <stdio.h>
#include <string.h>

enum { BISECTIONS = 60 };
static const double SPREAD = 6; /* the points of the search lie at radius * sinh(SPREAD t)/sinh(SPREAD) */

sg_status sg_line_model(sg_model *model, int full, const void *own, size_t size) {
    model->space = (sg_space){.shape = SG_LINE, .d = 1, .lo = -INFINITY, .hi = INFINITY};
    model->full = full;
    sg_status status = sg_new(&model->own, 1, size);
    if (status != SG_OK) return status;
    memcpy(model->own, own, size);
    return sg_new(&model->truth, (size_t)full, sizeof *model->truth);
}

void sg_line_name(const char *const *names, int index, char name[SG_NAME]) {
    snprintf(name, SG_NAME, "%s", names[index]);
}

bool sg_line_finite(int full, const double *theta) {
    for (int j = 0; j < full; j++)
        if (!isfinite(theta[j])) return false;
    return true;
}

void sg_line_mark(sg_landmarks *marks, double at, double scale) {
    if (!isfinite(at) || !(scale > 0) || !isfinite(scale) || marks->count == SG_LANDMARKS) return;
    marks->at[marks->count] = at;
    marks->scale[marks->count++] = scale;
}

/* log p and its derivatives at up to SG_BLOCK points. */
typedef struct {
    alignas(SG_ALIGN) double x[SG_BLOCK], logp[SG_BLOCK], dx[SG_BLOCK], dxx[SG_BLOCK];
} search;

static void evaluate(const sg_model *model, const double *theta, int n, search *s) {
    sg_block block = {.n = n, .d = 1, .draws = 1, .x = s->x};
    sg_jet jet = {
        .m = model->full, .d = 1, .want = SG_LOGP | SG_DX | SG_DXX, .logp = s->logp, .dx = s->dx, .dxx = s->dxx};
    for (int i = n; i < sg_line_points(n); i++) s->x[i] = s->x[0];
    model->family->jet(model, theta, &block, &jet);
}

/* Brackets of the zeros: the slope is positive at `up`, not at `down`; returns how many. */
static int brackets(const search *s, double *up, double *down) {
    int count = 0;
    for (int i = 0; i + 1 < SG_BLOCK; i++) {
        bool here = s->dx[i] > 0, next = s->dx[i + 1] > 0;
        if (here == next) continue;
        up[count] = here ? s->x[i] : s->x[i + 1];
        down[count++] = here ? s->x[i + 1] : s->x[i];
    }
    return count;
}

static void mark_highest(search *s, int count, double radius, sg_landmarks *marks) {
    for (int k = 0; k < count; k++) {
        int best = 0;
        for (int i = 1; i < count; i++)
            if (s->logp[i] > s->logp[best]) best = i;
        sg_line_mark(marks, s->x[best], fmin(1 / sqrt(fabs(s->dxx[best])), radius));
        s->logp[best] = -INFINITY;
    }
}

void sg_line_mark_critical(const sg_model *model, const double *theta, double radius, sg_landmarks *marks) {
    search s;
    double up[SG_BLOCK], down[SG_BLOCK];
    if (!(radius > 0) || !isfinite(radius)) return;
    for (int i = 0; i < SG_BLOCK; i++)
        s.x[i] = radius * sinh(SPREAD * (2.0 * i - (SG_BLOCK - 1)) / (SG_BLOCK - 1)) / sinh(SPREAD);
    evaluate(model, theta, SG_BLOCK, &s);
    int count = brackets(&s, up, down);
    if (count == 0) return;
    for (int step = 0; step <= BISECTIONS; step++) {
        for (int k = 0; k < count; k++) s.x[k] = 0.5 * up[k] + 0.5 * down[k];
        evaluate(model, theta, count, &s);
        for (int k = 0; k < count; k++) *(s.dx[k] > 0 ? &up[k] : &down[k]) = s.x[k];
    }
    mark_highest(&s, count, radius, marks);
}
