#include "estimate/pass.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/source.h"
#include "estimate/spread.h"

sg_status sg_pass_means_new(int m, sg_pass_means *means) {
    sg_status status = SG_OK;
    size_t count = (size_t)m, pairs = (size_t)m * ((size_t)m + 1) / 2;
    memset(means, 0, sizeof *means);
    if ((status = sg_new(&means->psi, count, sizeof(double)))) return status;
    if ((status = sg_new(&means->curvature, pairs, sizeof(double)))) return status;
    return sg_new(&means->psi2, pairs, sizeof(double));
}

void sg_pass_means_clear(sg_pass_means *means) {
    sg_delete(means->psi);
    sg_delete(means->curvature);
    sg_delete(means->psi2);
    memset(means, 0, sizeof *means);
}

/* Four vectors of four partial sums: one would wait for each addition to end. */
typedef double lanes __attribute__((vector_size(32)));

static inline double total(lanes a, lanes b, lanes c, lanes d) {
    lanes s = (a + b) + (c + d);
    return (s[0] + s[1]) + (s[2] + s[3]);
}

static inline double sum_of(int n, const double *x) {
    const lanes *v = (const lanes *)x;
    lanes a = {0}, b = {0}, c = {0}, d = {0};
    int i = 0;
    for (; i + 16 <= n; i += 16, v += 4) a += v[0], b += v[1], c += v[2], d += v[3];
    double rest = 0;
    for (; i < n; i++) rest += x[i];
    return total(a, b, c, d) + rest;
}

static inline double dot(int n, const double *x, const double *y) {
    const lanes *v = (const lanes *)x, *w = (const lanes *)y;
    lanes a = {0}, b = {0}, c = {0}, d = {0};
    int i = 0;
    for (; i + 16 <= n; i += 16, v += 4, w += 4) a += v[0] * w[0], b += v[1] * w[1], c += v[2] * w[2], d += v[3] * w[3];
    double rest = 0;
    for (; i < n; i++) rest += x[i] * y[i];
    return total(a, b, c, d) + rest;
}

/* Adds sum_i over `width` stacked rows of x_j x_k to the packed pairs. */
static void add_squares(int n, int m, int width, const double *x, double *packed) {
    for (int j = 0, pair = 0; j < m; j++)
        for (int k = 0; k <= j; k++, pair++)
            for (int r = 0; r < width; r++)
                packed[pair] += dot(n, x + (j * width + r) * SG_BLOCK, x + (k * width + r) * SG_BLOCK);
}

static void add_block(const sg_lens *lens, int n, int want, sg_pass_means *means) {
    const sg_datum *datum = &lens->datum;
    int m = lens->m, pairs = m * (m + 1) / 2;
    if (want & SG_VALUE) means->value += sum_of(n, datum->value);
    if (want & SG_PSI)
        for (int j = 0; j < m; j++) means->psi[j] += sum_of(n, datum->psi + j * SG_BLOCK);
    if (want & SG_PASS_SQUARES) add_squares(n, m, 1, datum->psi, means->psi2);
    if (want & SG_ROOT) add_squares(n, m, lens->roots, datum->root, means->curvature);
    if (want & SG_CURVATURE)
        for (int p = 0; p < pairs; p++) means->curvature[p] += sum_of(n, datum->curvature + p * SG_BLOCK);
}

/* Of losses that draw, whose points are summed as they are looked at. */
static void take_dirichlet(const sg_lens *lens, sg_pass_means *means) {
    for (int j = 0, p = 0; j < lens->m; j++)
        for (int k = 0; k <= j; k++, p++)
            means->curvature[p] = lens->datum_all.dirichlet_sum[j + (size_t)k * (size_t)lens->m];
}

static void clear_means(int m, sg_pass_means *means) {
    int pairs = m * (m + 1) / 2;
    means->value = 0;
    memset(means->psi, 0, (size_t)m * sizeof(double));
    memset(means->curvature, 0, (size_t)pairs * sizeof(double));
    memset(means->psi2, 0, (size_t)pairs * sizeof(double));
}

/* ------------------------------------------------------------------ finite sets */

static uint64_t tag_key(const sg_source *source, const sg_loss *loss) {
    char text[320];
    snprintf(text, sizeof text, "key=%llu;loss=%s", (unsigned long long)source->key, loss->text);
    return sg_hash64(text);
}

static void draw_tags(sg_lens *lens, const sg_prepared *prepared, const sg_source *source, long long b,
                      sg_block *block) {
    sg_stream stream;
    sg_stream_open(&stream, tag_key(source, lens->loss), SG_PURPOSE_LOSS, source->replicate);
    sg_stream_seek(&stream, (uint32_t)b);
    lens->loss->row->tag(prepared, &stream, block, lens->tag);
    block->tag = lens->tag;
}

typedef struct {
    sg_lens *lens;
    const sg_prepared *prepared;
} drawing;

static void draw_for(void *context, const sg_source *source, long long b, sg_block *block) {
    const drawing *d = context;
    draw_tags(d->lens, d->prepared, source, b, block);
}

sg_status sg_pass_open(sg_lens *lens, const sg_prepared *prepared, const sg_source *source) {
    drawing d = {.lens = lens, .prepared = prepared};
    if (lens->spread) return sg_spread_keep(lens, prepared, source);
    lens->pairs = lens->loss->row->tag && sg_drawn_can(source);
    return lens->pairs ? sg_drawn_fill(source, draw_for, &d, &lens->block, &lens->drawn) : SG_OK;
}

long long sg_pass_blocks(const sg_lens *lens, const sg_source *source) {
    return lens->pairs ? sg_drawn_blocks(lens->drawn)
                       : sg_source_form_blocks(source, sg_source_form(source, lens->form));
}

void sg_pass_block(sg_lens *lens, const sg_prepared *prepared, const sg_source *source, long long b) {
    if (lens->pairs) {
        sg_drawn_block(lens->drawn, source, b, &lens->block);
        return;
    }
    sg_source_form_block(source, sg_source_form(source, lens->form), b, &lens->block);
    if (lens->loss->row->tag) draw_tags(lens, prepared, source, b, &lens->block);
}

/* Sums in the free parameters: psi in `line`, its products in raw[0]. */
static void add_sites(sg_lens *lens, int want, double *root, sg_pass_means *means) {
    const sg_block *block = &lens->block;
    const double *weight = block->weight;
    const int n = block->n, m = lens->m;
    if (want & SG_VALUE) means->value += weight ? dot(n, weight, lens->datum.value) : sum_of(n, lens->datum.value);
    for (int j = 0; want & SG_PSI && j < m; j++) {
        const double *psi = lens->datum.psi + (size_t)j * SG_BLOCK;
        lens->line[j] += weight ? dot(n, weight, psi) : sum_of(n, psi);
    }
    if (!(want & SG_PASS_SQUARES)) return;
    for (int i = 0; weight && i < n; i++) root[i] = sqrt(weight[i]);
    for (int j = 0; weight && j < m; j++) {
        double *psi = lens->datum.psi + (size_t)j * SG_BLOCK;
        for (int i = 0; i < n; i++) psi[i] *= root[i];
    }
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, m, n, 1, lens->datum.psi, SG_BLOCK, 1, lens->raw[0], m);
}

/* A sum in the free parameters becomes packed pairs along the chart. */
static void pack(sg_lens *lens, double *sum, double *packed) {
    const int m = lens->m;
    sg_basis_matrix(m, lens->basis, sum, lens->raw[1]);
    for (int j = 0, p = 0; j < m; j++)
        for (int k = 0; k <= j; k++, p++) packed[p] = sum[j + (size_t)k * m];
}

static void pass_sites(sg_lens *lens, const sg_prepared *prepared, const sg_local *local, const double *theta,
                       const sg_source *source, int want, sg_pass_means *means) {
    _Alignas(SG_ALIGN) double root[SG_BLOCK];
    const int m = lens->m;
    memset(lens->line, 0, (size_t)m * sizeof(double));
    memset(lens->raw[0], 0, (size_t)m * (size_t)m * sizeof(double));
    sg_lens_clear(lens);
    for (long long b = 0; b < sg_pass_blocks(lens, source); b++) {
        sg_pass_block(lens, prepared, source, b);
        sg_lens_look(lens, prepared, local, theta, &lens->block, want & ~SG_PASS_SQUARES, 0);
        add_sites(lens, want, root, means);
    }
    if (want & SG_PASS_SQUARES) pack(lens, lens->raw[0], means->psi2);
    if (want & SG_CURVATURE) pack(lens, lens->datum_all.curvature_sum, means->curvature);
    sg_basis_vector(m, lens->basis, lens->line, lens->raw[1]);
    memcpy(means->psi, lens->line, (size_t)m * sizeof(double));
}

/* ------------------------------------------------------------------------- both */

/* The numbers that the loss draws for the data of block b: the same in every pass.  NULL: it draws none. */
static sg_stream *open_draws(sg_lens *lens, const sg_prepared *prepared, const sg_source *source, long long b,
                             sg_stream *stream) {
    sg_spread s = {0};
    if (!lens->spread) return NULL;
    lens->loss->row->spread(prepared, &s);
    if (s.draws == 0) return NULL;
    sg_stream_open(stream, tag_key(source, lens->loss), SG_PURPOSE_LOSS, source->replicate);
    sg_stream_seek(stream, (uint32_t)b);
    sg_spread_turn(lens, b);
    return stream;
}

void sg_pass(sg_lens *lens, const sg_prepared *prepared, const sg_local *local, const double *theta,
             const sg_source *source, int want, sg_pass_means *means) {
    int m = lens->m, pairs = m * (m + 1) / 2;
    double scale = 1 / (double)source->n;
    _Alignas(SG_ALIGN) double one[SG_BLOCK];
    clear_means(m, means);
    if (want & SG_DIRICHLET) sg_lens_clear(lens);
    for (int i = 0; i < SG_BLOCK; i++) one[i] = 1;
    lens->mass = one;
    if (lens->view) pass_sites(lens, prepared, local, theta, source, want, means);
    for (long long b = 0; !lens->view && b < sg_source_blocks(source); b++) {
        sg_stream stream;
        sg_source_block(source, b, &lens->block);
        lens->draws = open_draws(lens, prepared, source, b, &stream);
        sg_lens_look(lens, prepared, local, theta, &lens->block, want & ~SG_PASS_SQUARES, 0);
        add_block(lens, lens->block.n, want, means);
    }
    lens->mass = NULL;
    if (want & SG_DIRICHLET) take_dirichlet(lens, means);
    means->value *= scale;
    for (int j = 0; j < m; j++) means->psi[j] *= scale;
    for (int p = 0; p < pairs; p++) means->curvature[p] *= scale, means->psi2[p] *= scale;
}

sg_status sg_pass_fold(sg_lens *lens, const sg_prepared *prepared, const sg_local *local, const double *theta,
                       const sg_source *source, double *stack, double *work, double *factor) {
    int m = lens->m, roots = lens->roots, rows = SG_BLOCK * roots + m;
    memset(factor, 0, (size_t)m * (size_t)m * sizeof(double));
    for (long long b = 0; b < sg_source_blocks(source); b++) {
        sg_source_block(source, b, &lens->block);
        sg_lens_look(lens, prepared, local, theta, &lens->block, SG_ROOT, 0);
        memset(stack, 0, (size_t)rows * (size_t)m * sizeof(double));
        for (int j = 0; j < m; j++) {
            for (int r = 0; r < roots; r++)
                memcpy(stack + (size_t)j * rows + r * SG_BLOCK, lens->datum.root + (j * roots + r) * SG_BLOCK,
                       (size_t)lens->block.n * sizeof(double));
            memcpy(stack + (size_t)j * rows + roots * SG_BLOCK, factor + (size_t)j * m, (size_t)m * sizeof(double));
        }
        sg_status status = sg_qr_factor(rows, m, stack, factor, work);
        if (status) return status;
    }
    return SG_OK;
}
