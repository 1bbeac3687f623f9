#include <cblas.h>
#include <math.h>
#include <string.h>

#include "estimate/asymptotic-finite.h"
#include "estimate/fold.h"

enum { B = SG_BLOCK, DIRECTIONS_LEAST = 8 };
static const double nudge = 1e-4;    /* change of the largest parameter for differences */
static const double work_most = 4e9; /* single-site moves of one datum */

typedef struct {
    sg_node_stream *stream;
    int directions;
    const double *whiten;
    double *moved;        /* [2][directions][full] theta at both ends of each difference */
    double *step;         /* [directions] of the directions in the whitened coordinates */
    double *v;            /* [m][directions] them, in the free parameters */
    sg_site_blocks masks; /* what the loss draws; none: the mean over its draws */
} differences;

/* Directions are columns of `v` [m][count] in the free parameters. */
static sg_status place(differences *d) {
    const sg_model *model = d->stream->model;
    const int m = model->m, full = model->full;
    sg_status status = sg_new(&d->moved, 2 * (size_t)d->directions * (size_t)full, sizeof(double));
    if (!status) status = sg_new(&d->step, (size_t)d->directions, sizeof(double));
    for (int k = 0; k < d->directions && !status; k++) {
        double top = 0;
        for (int j = 0; j < m; j++) top = fmax(top, fabs(d->v[j + (size_t)k * m]));
        d->step[k] = nudge / top;
        for (int side = 0; side < 2; side++) {
            double *theta = d->moved + ((size_t)side * d->directions + k) * full;
            memcpy(theta, model->truth, (size_t)full * sizeof(double));
            for (int j = 0; j < m; j++) theta[model->free[j]] += (side ? -1 : 1) * d->step[k] * d->v[j + (size_t)k * m];
        }
    }
    return status;
}

/* A v of direction k at the points of the block, out [m][B] in the free parameters. */
static void along(const differences *d, sg_lens *lens, int k, double *out) {
    const int m = d->stream->m, full = d->stream->model->full, n = lens->block.n;
    for (int side = 0; side < 2; side++) {
        sg_node_psi(d->stream, lens, d->moved + ((size_t)side * d->directions + k) * full, SG_PSI);
        for (int j = 0; j < m; j++) {
            const double *psi = lens->datum.psi + (size_t)j * B;
            double *to = out + (size_t)j * B;
            for (int i = 0; i < n; i++) to[i] = side ? (to[i] - psi[i]) / (2 * d->step[k]) : psi[i];
        }
    }
}

/* Second moments of the packed Hessians [pairs,pairs] with these weights: `scratch` 2 m + pairs rows. */
static void add_whole(const differences *d, sg_lens *lens, const double *root, double *scratch, double *sum) {
    const int m = d->stream->m, n = lens->block.n, pairs = m * (m + 1) / 2;
    double *column = scratch, *turned = column + (size_t)m * B, *packed = turned + (size_t)m * B;
    memset(packed, 0, (size_t)pairs * B * sizeof(double));
    for (int k = 0; k < m; k++) {
        along(d, lens, k, column);
        cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, n, m, m, 1, column, B, d->whiten, m, 0, turned, B);
        for (int j = 0; j < m; j++) {
            double *to = packed + (size_t)(j > k ? j * (j + 1) / 2 + k : k * (k + 1) / 2 + j) * B;
            const double *from = turned + (size_t)j * B, share = j == k ? 1 : 0.5;
            for (int i = 0; i < n; i++) to[i] += share * root[i] * from[i];
        }
    }
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, pairs, n, 1, packed, B, 1, sum, pairs);
}

/* E v'Av and E (v'Av)^2 of each direction. */
static void add_directions(const differences *d, sg_lens *lens, const double *root, double *scratch, double *sum) {
    const int m = d->stream->m, n = lens->block.n;
    for (int k = 0; k < d->directions; k++) {
        double form[B] = {0};
        along(d, lens, k, scratch);
        for (int j = 0; j < m; j++) {
            const double v = d->v[j + (size_t)k * m];
            for (int i = 0; i < n; i++) form[i] += v * scratch[(size_t)j * B + i];
        }
        for (int i = 0; i < n; i++) {
            sum[2 * k] += root[i] * root[i] * form[i];
            sum[2 * k + 1] += root[i] * root[i] * form[i] * form[i];
        }
    }
}

static void visit(void *context, sg_lens *lens, double *scratch, double *sum) {
    const differences *d = context;
    const int count = d->masks.count ? d->masks.count : 1;
    double root[B];
    for (int b = 0; b < count; b++) {
        const double rate = d->masks.count ? d->masks.rate[b] : 1;
        for (int i = 0; d->masks.count && i < B; i++) lens->tag[i] = d->masks.mask[b];
        lens->block.tag = d->masks.count ? lens->tag : NULL;
        for (int i = 0; i < lens->block.n; i++) root[i] = sqrt(rate * lens->block.weight[i]);
        if (d->stream->m <= SG_WHOLE_MOST)
            add_whole(d, lens, root, scratch, sum);
        else
            add_directions(d, lens, root, scratch, sum);
    }
    lens->block.tag = NULL;
}

/* How many psi of all nodes there is time for. */
static double affordable(const sg_node_stream *s) {
    return work_most / ((double)s->nodes->n * s->model->space.d * (s->alike ? 1 : 8));
}

/* The draws of the loss one by one, where they can be listed and there is time for them. */
static sg_status list_masks(differences *d) {
    const sg_node_stream *s = d->stream;
    const int evaluations = 2 * (s->m <= SG_WHOLE_MOST ? s->m : DIRECTIONS_LEAST);
    if (!s->loss->row->tag || s->alike || !s->loss->row->blocks) return SG_OK;
    sg_status status = s->loss->row->blocks(s->loss->options, s->model, &d->masks);
    if (!status && d->masks.count * (double)evaluations <= affordable(s)) return SG_OK;
    sg_delete(d->masks.mask);
    sg_delete(d->masks.rate);
    d->masks = (sg_site_blocks){0};
    return status == SG_NO_MEMORY ? status : SG_OK;
}

/* The worst combinations first, then the parameters, as many as there is time for. */
static sg_status choose(differences *d, const double *worst) {
    const int m = d->stream->m;
    const double room = affordable(d->stream) / 2 / (d->masks.count ? d->masks.count : 1);
    const int most = room < DIRECTIONS_LEAST ? DIRECTIONS_LEAST : room > 2 * m ? 2 * m : (int)room;
    d->directions = m <= SG_WHOLE_MOST ? m : most;
    sg_status status = sg_new(&d->v, (size_t)m * (size_t)d->directions, sizeof(double));
    for (int k = 0; k < d->directions && !status; k++)
        for (int j = 0; j < m; j++) {
            double *to = &d->v[j + (size_t)k * m];
            if (m <= SG_WHOLE_MOST) *to = d->whiten[j + (size_t)k * m];
            if (m <= SG_WHOLE_MOST) continue;
            for (int l = 0; l < m && k < m; l++) *to += d->whiten[j + (size_t)l * m] * worst[l + (size_t)k * m];
            if (k >= m) *to = j == k - m;
        }
    return status;
}

static double largest(const differences *d, double *sum) {
    const int m = d->stream->m, pairs = m * (m + 1) / 2;
    double top = 0;
    if (m <= SG_WHOLE_MOST) {
        for (int p = 0; p < pairs; p++)
            for (int r = p + 1; r < pairs; r++) sum[p + (size_t)r * pairs] = sum[r + (size_t)p * pairs];
        return sg_worst_quartic(m, sum);
    }
    for (int k = 0; k < d->directions; k++) top = fmax(top, sum[2 * k + 1] / (sum[2 * k] * sum[2 * k]) - 1);
    return top;
}

sg_status sg_worst_hessian_finite(sg_node_stream *stream, const double *whiten, const double *worst, double *rho) {
    sg_status status;
    const size_t m = (size_t)stream->m, pairs = m * (m + 1) / 2;
    differences d = {.stream = stream, .whiten = whiten};
    double *sum = NULL;
    *rho = 0;
    if (stream->loss->row->fit == SG_SUFFICIENT) return SG_OK; /* the Hessian is the same for all data */
    if ((status = list_masks(&d))) goto out;
    if ((status = choose(&d, worst))) goto out;
    if ((status = place(&d))) goto out;
    const bool whole = m <= SG_WHOLE_MOST;
    const size_t numbers = whole ? pairs * pairs : 2 * (size_t)d.directions, rows = whole ? 2 * m + pairs : m;
    if ((status = sg_new(&sum, numbers, sizeof(double)))) goto out;
    if ((status = sg_node_stream_sum(stream, numbers, rows * B, visit, &d, sum))) goto out;
    *rho = largest(&d, sum);
out:
    sg_delete(sum);
    sg_delete(d.masks.mask);
    sg_delete(d.masks.rate);
    sg_delete(d.moved);
    sg_delete(d.step);
    sg_delete(d.v);
    return status;
}
