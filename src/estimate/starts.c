#include "estimate/starts.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/fitter.h"

enum { USUAL = 8, SCALES = 3, SHORTER_MOST = 60 };
/* Values of one minimum: it is found to 1e-10 in whitened coordinates, and value differences are squares of those. */
static const double same_value = 1e-9;
static const double flat = 1e-8; /* eigenvalues below this part of the largest count as much as it */

static bool convex(const sg_model *model, const sg_loss *loss) {
    sg_at at = SG_AT_TRUTH;
    sg_reals unused = {0};
    if (loss->row->reference) at = loss->row->reference(loss->options, &unused);
    return model->family->can & SG_LINEAR || model->space.shape == SG_FINITE || at == SG_AT_PILOT;
}

int sg_starts_usual(const sg_model *model, const sg_loss *loss) {
    return convex(model, loss) ? 1 : USUAL;
}

/* The root Q Lambda^-1/2 [m,m] of the inverse of the Gram matrix of the loss's roots at the first start, in f->b; the
 * identity where that is no matrix. */
static sg_status spread_of_starts(sg_fitter *f) {
    const int m = f->m;
    double *value = f->theta, top;
    memset(f->delta, 0, (size_t)m * sizeof(double));
    sg_fitter_gram(f, &f->origin, f->delta, f->a);
    for (int k = 0; k < m * m; k++)
        if (!isfinite(f->a[k])) {
            for (int i = 0; i < m * m; i++) f->b[i] = i % (m + 1) ? 0 : 1;
            return SG_OK;
        }
    sg_status status = sg_symmetric_eigen(m, f->a, value, f->b);
    if (status) return status;
    top = value[m - 1] > 0 ? value[m - 1] : 1;
    for (int k = 0; k < m; k++)
        for (int j = 0; j < m; j++) f->b[j + k * m] /= sqrt(fmax(value[k], flat * top));
    return SG_OK;
}

/* Start k: a normal vector of scale 1, 2 or 4, halved until it lies inside the parameter space; the first is 0. */
static void place(sg_fitter *f, const sg_starts_room *room, int k) {
    const int m = f->m;
    char text[64];
    sg_stream stream;
    memset(f->start, 0, (size_t)m * sizeof(double));
    if (k == 0) return;
    snprintf(text, sizeof text, "starts;key=%llu", (unsigned long long)room->key);
    sg_stream_open(&stream, sg_hash64(text), SG_PURPOSE_START, (uint32_t)k);
    sg_stream_normal(&stream, (size_t)m, f->theta);
    const double scale = 1 << (k - 1) % SCALES;
    for (int j = 0; j < m; j++)
        for (int i = 0; i < m; i++) f->start[j] += scale * f->b[j + i * m] * f->theta[i];
    for (int turn = 0; turn < SHORTER_MOST; turn++) {
        sg_chart_theta(f->chart, f->start, f->full);
        if (f->model->family->inside(f->model, f->full)) return;
        for (int j = 0; j < m; j++) f->start[j] /= 2;
    }
}

static sg_status value_at(sg_fitter *f, double *value) {
    if (f->partition) {
        sg_status status = sg_partition_at(f->partition, f->delta, &f->local);
        if (status) return status;
    }
    sg_fitter_pass(f, &f->local, f->delta, SG_VALUE, &f->means);
    *value = f->means.value;
    return isfinite(*value) ? SG_OK : sg_fail(SG_NOT_CONVERGED, "the loss is not finite at the estimate");
}

static void count(sg_starts *r, double value, bool *better) {
    const double near = same_value * fmax(1, fabs(value));
    *better = r->best == 0 || value < r->value - near;
    if (*better) {
        r->other += r->best;
        r->best = 1;
        r->value = value;
    } else if (value <= r->value + near) {
        r->best++;
    } else {
        r->other++;
    }
}

sg_status sg_starts_run(sg_fitter *f, const sg_starts_room *room, sg_status (*fit)(sg_fitter *f, int *iterations),
                        int *iterations) {
    const size_t bytes = (size_t)f->m * sizeof(double);
    const int starts = convex(f->model, f->loss) ? 1 : room->starts;
    double *spread = NULL, *best = NULL;
    sg_failure first = {0};
    sg_starts *r = room->report;
    sg_status status = sg_new(&best, (size_t)f->m, sizeof(double));
    if (!status) status = sg_new(&spread, (size_t)f->m * (size_t)f->m, sizeof(double));
    if (!status && starts > 1) status = spread_of_starts(f);
    if (status) goto out;
    memcpy(spread, f->b, (size_t)f->m * bytes);
    *r = (sg_starts){.starts = starts, .value = INFINITY};
    for (int k = 0; k < starts; k++) {
        double value = NAN;
        bool better;
        int steps = 0;
        memcpy(f->b, spread, (size_t)f->m * bytes);
        place(f, room, k);
        status = fit(f, &steps);
        if (!status && starts > 1) status = value_at(f, &value);
        if (status == SG_NO_MEMORY) goto out;
        if (status) {
            if (!first.status) sg_failure_keep(&first, status);
            r->failed++;
            continue;
        }
        count(r, value, &better);
        if (better) memcpy(best, f->delta, bytes), *iterations = steps;
    }
    memcpy(f->delta, best, bytes);
    status = r->best ? SG_OK : sg_fail(first.status, "%s", first.message);
out:
    memset(f->start, 0, bytes);
    sg_delete(spread);
    sg_delete(best);
    return status;
}
