#include "observables.h"

#include <math.h>
#include <stdio.h>

enum {
    B = SG_BLOCK,
    STATISTICS_MOST = 8,
    SITES_ALONE = 12,
    INDICATORS_MOST = 18,
    DIMENSIONS_MOST = 4,
    COLOURS_MOST = 10
};

static void name(sg_observables *o, const char *text) {
    snprintf(o->name[o->count++], SG_NAME, "%.31s", text);
}

/* ---------------------------------------------------------------------- names */

static void name_spins(sg_observables *o) {
    const int d = o->model->space.d;
    char text[SG_NAME];
    name(o, "magnetization");
    name(o, "magnetization^2");
    name(o, "magnetization^3");
    name(o, "log p");
    for (int i = 0; d <= SITES_ALONE && i < d; i++) {
        snprintf(text, sizeof text, "site %d", i);
        name(o, text);
    }
    if (d <= SITES_ALONE) return;
    for (int q = 0; q < 3; q++) {
        snprintf(text, sizeof text, "quarter %d", q);
        name(o, text);
    }
    name(o, "alternating");
    name(o, "cosine wave");
    name(o, "sine wave");
}

static bool all_indicators(const sg_model *model) {
    return model->space.d * (model->space.q - 1) <= INDICATORS_MOST;
}

static void name_colours(sg_observables *o) {
    const int d = o->model->space.d, q = o->model->space.q;
    char text[64];
    for (int s = 0; s < q; s++) {
        snprintf(text, sizeof text, "share of state %d", s);
        name(o, text);
    }
    name(o, "squares of shares");
    name(o, "cubes of shares");
    name(o, "log p");
    name(o, "equal in a row");
    for (int i = 0; all_indicators(o->model) && i < d; i++)
        for (int s = 0; s + 1 < q; s++) {
            snprintf(text, sizeof text, "site %d in state %d", i, s);
            name(o, text);
        }
    for (int k = 0; !all_indicators(o->model) && k < 3; k++) {
        snprintf(text, sizeof text, "state 0 in quarter %d", k);
        name(o, text);
    }
}

static void name_continuous(sg_observables *o) {
    const int d = o->model->space.d;
    char text[SG_NAME];
    if (o->model->space.shape == SG_CIRCLE) {
        static const char *const waves[] = {"cos x", "sin x", "cos 2x", "sin 2x"};
        for (int k = 0; k < 4; k++) name(o, waves[k]);
    } else if (d == 1) {
        static const char *const line[] = {"x", "x^2", "x^3", "tanh lower", "tanh median", "tanh upper"};
        for (int k = 0; k < 6; k++) name(o, line[k]);
    } else {
        for (int a = 0; a < d; a++) {
            snprintf(text, sizeof text, "x%d", a + 1);
            name(o, text);
            snprintf(text, sizeof text, "x%d^3", a + 1);
            name(o, text);
            for (int b = 0; b <= a; b++) {
                snprintf(text, sizeof text, "x%d x%d", b + 1, a + 1);
                name(o, text);
            }
        }
    }
}

static double quantile(const sg_panels *panels, double share) {
    int i = 0;
    while (i + 1 < panels->n && panels->log_below[i] < log(share)) i++;
    return panels->x[i];
}

static void place(sg_observables *o, const sg_panels *panels) {
    for (int k = 0; panels && k < 3; k++) o->place[k] = quantile(panels, 0.25 * (k + 1));
    o->scale = panels ? o->place[2] - o->place[0] : 1;
    if (!(o->scale > 0)) o->scale = 1;
}

static sg_status take_jet(sg_observables *o) {
    const sg_model *model = o->model;
    const int want = (model->space.shape == SG_FINITE ? SG_LOGP : 0) | (o->statistics ? SG_DT : 0);
    const int m = o->statistics ? model->full : 1;
    sg_status status = sg_arena_new(sg_jet_bytes(m, model->space.d, want) + SG_ALIGN, &o->arena);
    return status ? status : sg_jet_take(o->arena, m, model->space.d, want, &o->jet);
}

sg_status sg_observables_new(const sg_model *model, const sg_panels *panels, sg_observables **observables) {
    sg_observables *made = NULL;
    const bool sites = model->space.shape == SG_FINITE;
    *observables = NULL;
    if ((sites && !(model->family->can & SG_STATES)) || (!sites && model->space.d > DIMENSIONS_MOST) ||
        (sites && model->space.q > COLOURS_MOST))
        return sg_fail(SG_REFUSED, "no observables are known for trajectories of %s", model->text);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status) return status;
    made->model = model;
    made->statistics = model->full <= STATISTICS_MOST ? model->full : 0;
    place(made, panels);
    (!sites ? name_continuous : model->space.q == 2 ? name_spins : name_colours)(made);
    for (int k = 0; k < made->statistics; k++) {
        char text[SG_NAME], full[SG_NAME];
        model->family->parameter(model, k, text);
        snprintf(full, sizeof full, "F of %.26s", text);
        name(made, full);
    }
    if ((status = take_jet(made))) {
        sg_observables_delete(made);
        return status;
    }
    *observables = made;
    return SG_OK;
}

void sg_observables_delete(sg_observables *o) {
    if (!o) return;
    sg_arena_delete(o->arena);
    sg_delete(o);
}

/* --------------------------------------------------------------------- values */

static void wave(const double *x, int d, double *f) {
    double quarter[4] = {0}, alternating = 0, cosine = 0, sine = 0;
    const double turn = 2 * M_PI / d, c1 = cos(turn), s1 = sin(turn);
    for (int i = 0; i < d; i++) {
        quarter[4LL * i / d] += x[(size_t)i * B];
        alternating += i % 2 ? -x[(size_t)i * B] : x[(size_t)i * B];
    }
    double c = 1, s = 0;
    for (int i = 0; i < d; i++) {
        cosine += c * x[(size_t)i * B];
        sine += s * x[(size_t)i * B];
        const double next = c * c1 - s * s1;
        s = s * c1 + c * s1;
        c = next;
    }
    for (int q = 0; q < 3; q++) f[q] = quarter[q] / d;
    f[3] = alternating / d;
    f[4] = cosine / d;
    f[5] = sine / d;
}

static int record_spins(const sg_observables *o, const sg_block *block, int chain, double *f) {
    const int d = block->d;
    const double *x = block->x + chain;
    double m = 0;
    for (int i = 0; i < d; i++) m += x[(size_t)i * B];
    m /= d;
    f[0] = m;
    f[1] = m * m;
    f[2] = m * m * m;
    f[3] = o->jet.logp[chain];
    if (d > SITES_ALONE) {
        wave(x, d, f + 4);
        return 10;
    }
    for (int i = 0; i < d; i++) f[4 + i] = x[(size_t)i * B];
    return 4 + d;
}

static int record_colours(const sg_observables *o, const sg_block *block, int chain, double *f) {
    const int d = block->d, q = o->model->space.q;
    const double *x = block->x + chain;
    double quarter[4] = {0};
    int k = q + 4;
    for (int j = 0; j < k; j++) f[j] = 0;
    for (int i = 0; i < d; i++) {
        f[(int)x[(size_t)i * B]] += 1. / d;
        quarter[4LL * i / d] += (x[(size_t)i * B] == 0) / (double)d;
        f[q + 3] += i > 0 && x[(size_t)i * B] == x[(size_t)(i - 1) * B];
    }
    for (int s = 0; s < q; s++) {
        f[q] += f[s] * f[s];
        f[q + 1] += f[s] * f[s] * f[s];
    }
    f[q + 2] = o->jet.logp[chain];
    for (int i = 0; all_indicators(o->model) && i < d; i++)
        for (int s = 0; s + 1 < q; s++) f[k++] = x[(size_t)i * B] == s;
    for (int j = 0; !all_indicators(o->model) && j < 3; j++) f[k++] = quarter[j];
    return k;
}

static int record_continuous(const sg_observables *o, const sg_block *block, int chain, double *f) {
    const double *x = block->x + chain;
    int k = 0;
    if (o->model->space.shape == SG_CIRCLE) {
        const double angle = 2 * M_PI * (x[0] - o->model->space.lo) / (o->model->space.hi - o->model->space.lo);
        for (int turns = 1; turns <= 2; turns++) {
            f[k++] = cos(turns * angle);
            f[k++] = sin(turns * angle);
        }
    } else if (block->d == 1) {
        const double z = (x[0] - o->place[1]) / o->scale;
        f[k++] = z;
        f[k++] = z * z;
        f[k++] = z * z * z;
        for (int q = 0; q < 3; q++) f[k++] = tanh(2 * (x[0] - o->place[q]) / o->scale);
    } else {
        for (int a = 0; a < block->d; a++) {
            const double z = x[(size_t)a * B];
            f[k++] = z;
            f[k++] = z * z * z;
            for (int b = 0; b <= a; b++) f[k++] = x[(size_t)b * B] * z;
        }
    }
    return k;
}

void sg_observables_record(sg_observables *o, const sg_walk *walk, size_t stride, double *f) {
    const bool sites = o->model->space.shape == SG_FINITE;
    if (o->jet.want) o->model->family->jet(o->model, walk->theta, &walk->block, &o->jet);
    for (int c = 0; c < walk->block.n; c++) {
        double *out = f + (size_t)c * stride;
        int k = (!sites                   ? record_continuous
                 : o->model->space.q == 2 ? record_spins
                                          : record_colours)(o, &walk->block, c, out);
        for (int j = 0; j < o->statistics; j++) out[k++] = o->jet.dt[j * B + c];
    }
}
