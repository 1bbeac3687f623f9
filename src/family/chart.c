#include "scoregap/family.h"

#include <cblas.h>
#include <string.h>

sg_status sg_chart_new(const sg_model *model, const double *theta, const double *whiten, sg_chart **chart) {
    int full = model->full, m = model->m;
    size_t numbers = (size_t)full * (size_t)(m + 1);
    *chart = NULL;
    if (!model->direction)
        return sg_fail(SG_REFUSED,
                       "%s has %d free parameters, too many to estimate: name a few with free=", model->text, m);
    char *block = NULL;
    sg_status status = sg_new(&block, 1, SG_ALIGN + numbers * sizeof(double) + (size_t)full * sizeof(int));
    if (status != SG_OK) return status;
    _Static_assert(sizeof(sg_chart) <= SG_ALIGN, "a chart stands before its arrays");
    sg_chart *made = (sg_chart *)block;
    *made = (sg_chart){.full = full, .m = m, .origin = (double *)(block + SG_ALIGN)};
    made->basis = made->origin + full;
    made->parameter = (int *)(made->origin + numbers);
    memcpy(made->origin, theta, (size_t)full * sizeof(double));
    for (int i = 0; i < full; i++)
        for (int j = 0; j < m; j++)
            for (int k = 0; k < m; k++) {
                double scale = whiten ? whiten[k + j * m] : (double)(k == j);
                made->basis[i * m + j] += model->direction[i * m + k] * scale;
            }
    for (int i = 0; i < full; i++) {
        bool moves = false;
        for (int j = 0; j < m; j++) moves = moves || made->basis[i * m + j] != 0;
        if (moves) made->parameter[made->moved++] = i;
    }
    *chart = made;
    return SG_OK;
}

void sg_chart_delete(sg_chart *chart) {
    sg_delete(chart);
}

void sg_chart_theta(const sg_chart *chart, const double *delta, double *theta) {
    for (int i = 0; i < chart->full; i++) {
        const double *row = chart->basis + i * chart->m;
        double move = 0;
        for (int j = 0; j < chart->m; j++) move += row[j] * delta[j];
        theta[i] = chart->origin[i] + move;
    }
}

static bool some(const sg_model *model, const sg_chart *chart) {
    return model->family->can & SG_CHOICE && chart->moved < chart->full;
}

size_t sg_chart_raw_bytes(const sg_model *model, const sg_chart *chart, int d, int want) {
    return sg_jet_bytes(some(model, chart) ? chart->moved : chart->full, d, want);
}

sg_status sg_chart_raw_take(const sg_model *model, const sg_chart *chart, sg_arena *arena, int d, int want,
                            sg_jet *raw) {
    sg_status status = sg_jet_take(arena, some(model, chart) ? chart->moved : chart->full, d, want, raw);
    if (some(model, chart)) raw->parameter = chart->parameter;
    return status;
}

/* The row of the basis that belongs to entry i of a raw jet. */
static const double *row_of(const sg_chart *chart, const sg_jet *raw, int i) {
    return chart->basis + (raw->parameter ? raw->parameter[i] : i) * chart->m;
}

static bool is_identity(const sg_chart *chart, const sg_jet *raw) {
    if (chart->m != raw->m) return false;
    for (int i = 0; i < raw->m; i++)
        for (int j = 0; j < chart->m; j++)
            if (row_of(chart, raw, i)[j] != (double)(i == j)) return false;
    return true;
}

/*
 * A running linear combination of arrays of n numbers.  Terms are taken two at a time, which halves the traffic;
 * those with a zero coefficient are left out, so that what they multiply may be anything.
 */
typedef struct {
    double *out;
    const double *waiting; /* a term not added yet */
    double coefficient;
    int n;
    bool begun;
} combination;

static void add_two(combination *c, const double *restrict b, double beta) {
    const double *restrict a = c->waiting;
    double *restrict out = c->out;
    const double alpha = c->coefficient;
    if (c->begun)
        for (int i = 0; i < c->n; i++) out[i] += alpha * a[i] + beta * b[i];
    else
        for (int i = 0; i < c->n; i++) out[i] = alpha * a[i] + beta * b[i];
    c->begun = true;
    c->waiting = NULL;
}

static void add_one(combination *c) {
    const double *restrict a = c->waiting;
    double *restrict out = c->out;
    const double alpha = c->coefficient;
    if (c->begun)
        for (int i = 0; i < c->n; i++) out[i] += alpha * a[i];
    else
        for (int i = 0; i < c->n; i++) out[i] = alpha * a[i];
    c->begun = true;
    c->waiting = NULL;
}

static void add_term(combination *c, const double *term, double coefficient) {
    if (coefficient == 0) return;
    if (c->waiting) {
        add_two(c, term, coefficient);
    } else {
        c->waiting = term;
        c->coefficient = coefficient;
    }
}

static void add_end(combination *c) {
    if (c->waiting) add_one(c);
    if (!c->begun) memset(c->out, 0, (size_t)c->n * sizeof(double));
}

enum { MANY = 16 };

/* The rows of the basis that move, if they lie together. */
static const double *block_of(const sg_chart *chart) {
    if (!chart->moved) return NULL;
    const int first = chart->parameter[0], last = chart->parameter[chart->moved - 1];
    return last - first == chart->moved - 1 ? chart->basis + (size_t)first * (size_t)chart->m : NULL;
}

/* out_j = sum_i basis_ij in_i, each of `rows` rows of SG_BLOCK numbers of which the first n count. */
static void contract(const sg_chart *chart, const sg_jet *raw, int rows, int n, const double *in, double *out) {
    const int m = chart->m, stride = rows * SG_BLOCK;
    const double *block = m >= MANY && raw->m == chart->moved ? block_of(chart) : NULL;
    if (block) {
        cblas_dgemm(CblasRowMajor, CblasTrans, CblasNoTrans, m, stride, raw->m, 1, block, m, in, stride, 0, out,
                    stride);
        return;
    }
    for (int j = 0; j < m; j++) {
        for (int r = 0; r < rows; r++) {
            combination c = {.out = out + j * stride + r * SG_BLOCK, .n = n};
            for (int i = 0; i < raw->m; i++) add_term(&c, in + i * stride + r * SG_BLOCK, row_of(chart, raw, i)[j]);
            add_end(&c);
        }
    }
}

/* The same for packed symmetric pairs: out_jk = sum_il basis_ij basis_lk in_il. */
static void contract_pair(const sg_chart *chart, const sg_jet *raw, int j, int k, int rows, int n, const double *in,
                          double *out) {
    for (int r = 0; r < rows; r++) {
        combination c = {.out = out + r * SG_BLOCK, .n = n};
        const double *term = in + r * SG_BLOCK;
        for (int i = 0; i < raw->m; i++) {
            const double *first = row_of(chart, raw, i);
            for (int l = 0; l <= i; l++, term += rows * SG_BLOCK) {
                const double *second = row_of(chart, raw, l), product = first[j] * second[k];
                add_term(&c, term, l == i ? product : product + second[j] * first[k]);
            }
        }
        add_end(&c);
    }
}

static void contract_twice(const sg_chart *chart, const sg_jet *raw, int rows, int n, const double *in, double *out) {
    for (int j = 0; j < chart->m; j++)
        for (int k = 0; k <= j; k++, out += rows * SG_BLOCK) contract_pair(chart, raw, j, k, rows, n, in, out);
}

void sg_chart_jet(const sg_model *model, const sg_chart *chart, const double *theta, const sg_block *block, sg_jet *raw,
                  sg_jet *jet) {
    const int d = raw->d, seconds = sg_jet_seconds(raw), n = block->n;
    if (block->count)
        model->family->counted(model, theta, n, block->count, raw->logp, raw->dt);
    else
        model->family->jet(model, theta, block, raw);
    if (is_identity(chart, raw)) {
        *jet = *raw;
        return;
    }
    jet->logp = raw->logp;
    jet->dx = raw->dx;
    jet->dxx = raw->dxx;
    if (raw->dt) contract(chart, raw, 1, n, raw->dt, jet->dt);
    if (raw->dt_dx) contract(chart, raw, d, n, raw->dt_dx, jet->dt_dx);
    if (raw->dt_dxx) contract(chart, raw, seconds, n, raw->dt_dxx, jet->dt_dxx);
    if (raw->dtt) contract_twice(chart, raw, 1, n, raw->dtt, jet->dtt);
    if (raw->dtt_dx) contract_twice(chart, raw, d, n, raw->dtt_dx, jet->dtt_dx);
    if (raw->dtt_dxx) contract_twice(chart, raw, seconds, n, raw->dtt_dxx, jet->dtt_dxx);
}
