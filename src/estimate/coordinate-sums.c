#include "estimate/coordinate-sums.h"

#include <cblas.h>
#include <string.h>

enum { B = SG_BLOCK, CHUNK = SG_COORDINATE_CHUNK, PANEL = SG_COORDINATE_PANEL };

sg_status sg_coordinate_sums_new(int d, bool linear, sg_coordinate_sums **out) {
    sg_coordinate_sums *s = NULL;
    const size_t side = (size_t)d, pairs = side * (side + 1) / 2;
    *out = NULL;
    sg_status status = sg_new(&s, 1, sizeof *s);
    if (status) return status;
    *s = (sg_coordinate_sums){.d = d, .linear = linear, .pairs = pairs};
    const struct {
        double **array;
        size_t count;
    } want[] = {{&s->gram, pairs * side},   {&s->cross, side * side},
                {&s->square, side},         {&s->slope, side * side},
                {&s->shift, side},          {&s->g, side * CHUNK},
                {&s->weight, side * CHUNK}, {&s->mixed, side * CHUNK},
                {&s->bend, side * CHUNK},   {&s->product, (size_t)PANEL * CHUNK}};
    for (size_t k = 0; k < sizeof want / sizeof *want && !status; k++)
        status = sg_new(want[k].array, want[k].count, sizeof(double));
    if (status) {
        sg_coordinate_sums_delete(s);
        return status;
    }
    *out = s;
    return SG_OK;
}

void sg_coordinate_sums_delete(sg_coordinate_sums *s) {
    if (!s) return;
    double *array[] = {s->gram, s->cross,  s->square, s->slope, s->shift,
                       s->g,    s->weight, s->mixed,  s->bend,  s->product};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(s);
}

void sg_coordinate_sums_clear(sg_coordinate_sums *s) {
    const size_t d = (size_t)s->d;
    memset(s->gram, 0, s->pairs * d * sizeof(double));
    memset(s->cross, 0, d * d * sizeof(double));
    memset(s->square, 0, d * sizeof(double));
    memset(s->slope, 0, d * d * sizeof(double));
    memset(s->shift, 0, d * sizeof(double));
    s->filled = 0;
}

static double sum_of(int n, const double *x) {
    double part[4] = {0};
    int i = 0;
    for (; i + 4 <= n; i += 4)
        for (int k = 0; k < 4; k++) part[k] += x[i + k];
    for (; i < n; i++) part[0] += x[i];
    return (part[0] + part[1]) + (part[2] + part[3]);
}

/* Products g_k g_l of the pairs first .. first + count - 1, from pair (k, l) on. */
static void fill_products(const sg_coordinate_sums *s, int count, int *k, int *l) {
    const int n = s->filled;
    for (int p = 0; p < count; p++) {
        const double *restrict x = s->g + (size_t)*k * CHUNK, *restrict y = s->g + (size_t)*l * CHUNK;
        double *restrict out = s->product + (size_t)p * CHUNK;
        for (int i = 0; i < n; i++) out[i] = x[i] * y[i];
        if (++*l > *k) ++*k, *l = 0;
    }
}

/* C += a' b, a [rows] and b [d] rows of data. */
static void add_product(const sg_coordinate_sums *s, int rows, const double *a, const double *b, double *c, size_t ld) {
    cblas_dgemm(CblasColMajor, CblasTrans, CblasNoTrans, rows, s->d, s->filled, 1, a, CHUNK, b, CHUNK, 1, c, (int)ld);
}

static void reduce(sg_coordinate_sums *s) {
    const int pairs = (int)s->pairs, d = s->d;
    if (!s->filled) return;
    for (int first = 0, k = 0, l = 0; first < pairs; first += PANEL) {
        const int count = pairs - first < PANEL ? pairs - first : PANEL;
        fill_products(s, count, &k, &l);
        add_product(s, count, s->product, s->weight, s->gram + first, s->pairs);
    }
    add_product(s, d, s->g, s->bend, s->slope, (size_t)d);
    for (int j = 0; j < d; j++) s->slope[j + (size_t)j * d] -= sum_of(s->filled, s->weight + (size_t)j * CHUNK);
    if (s->linear) add_product(s, d, s->g, s->mixed, s->cross, (size_t)d);
    s->filled = 0;
}

static void add_rows(sg_coordinate_sums *s, int j, int n, const sg_interactions *f, const double *D,
                     const double *div) {
    const size_t from = (size_t)j * B, to = (size_t)j * CHUNK + (size_t)s->filled;
    const double *restrict g1 = f->g1 + from, *restrict g2 = f->g2 + from, *restrict h = D + from;
    double *restrict weight = s->weight + to, *restrict bend = s->bend + to;
    memcpy(s->g + to, f->g + from, (size_t)n * sizeof(double));
    for (int i = 0; i < n; i++) weight[i] = h[i] * g1[i] * g1[i];
    for (int i = 0; i < n; i++) bend[i] = -h[i] * g2[i];
    for (int i = 0; i < n && div; i++) bend[i] -= div[from + i] * g1[i];
}

static void add_linear(sg_coordinate_sums *s, int j, int n, const sg_interactions *f, const double *D,
                       const double *div) {
    const size_t from = (size_t)j * B;
    const double *restrict g1 = f->g1 + from, *restrict v1 = f->v1 + from, *restrict v2 = f->v2 + from;
    const double *restrict h = D + from;
    double *restrict mixed = s->mixed + (size_t)j * CHUNK + (size_t)s->filled, row[B] = {0};
    for (int i = 0; i < n; i++) mixed[i] = -h[i] * g1[i] * v1[i];
    for (int i = 0; i < n; i++) row[i] = h[i] * v1[i] * v1[i];
    s->square[j] += sum_of(n, row);
    for (int i = 0; i < n; i++) row[i] = h[i] * v2[i];
    for (int i = 0; i < n && div; i++) row[i] += div[from + i] * v1[i];
    s->shift[j] += sum_of(n, row);
}

void sg_coordinate_sums_add(sg_coordinate_sums *s, int n, const sg_interactions *f, const double *D,
                            const double *div) {
    if (s->filled + n > CHUNK) reduce(s);
    for (int j = 0; j < s->d; j++) {
        add_rows(s, j, n, f, D, div);
        if (s->linear) add_linear(s, j, n, f, D, div);
    }
    s->filled += n;
}

void sg_coordinate_sums_end(sg_coordinate_sums *s, double count) {
    const size_t d = (size_t)s->d;
    reduce(s);
    const struct {
        double *array;
        size_t count;
    } all[] = {{s->gram, s->pairs * d}, {s->cross, d * d}, {s->square, d}, {s->slope, d * d}, {s->shift, d}};
    for (size_t a = 0; a < sizeof all / sizeof *all; a++)
        for (size_t k = 0; k < all[a].count; k++) all[a].array[k] /= count;
}
