#include "estimate/fold.h"

#include <cblas.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "estimate/direction.h"
#include "estimate/spread.h"

/* The tall matrices of one group. */
typedef struct {
    int n, m, roots;   /* roots 0: their Gram matrix is summed by the lens */
    bool bends;        /* curvature is kept */
    double *root;      /* [n*roots][m] column-major: sqrt(mass) root */
    double *psi;       /* [n][m] sqrt(mass)(psi - mean) */
    double *score;     /* [n][m] sqrt(mass)(S - mean) */
    double *curvature; /* [n][m(m+1)/2] sqrt(mass) times the Hessian of one datum; NULL: not kept */
    double *scale;     /* [n] sqrt(mass) */
    double *work;      /* for sg_qr_factor */
} tall;

static bool keeps_moment(int m) {
    return m <= SG_WHOLE_MOST;
}

static sg_status take_tall(tall *t) {
    sg_status status = SG_OK;
    size_t n = (size_t)t->n, m = (size_t)t->m, high = n * (size_t)t->roots;
    if ((status = sg_new(&t->root, high * m + 1, sizeof(double)))) return status;
    if ((status = sg_new(&t->psi, n * m, sizeof(double)))) return status;
    if ((status = sg_new(&t->score, n * m, sizeof(double)))) return status;
    if (t->bends && (status = sg_new(&t->curvature, n * m * (m + 1) / 2, sizeof(double)))) return status;
    if ((status = sg_new(&t->scale, n, sizeof(double)))) return status;
    return sg_new(&t->work, sg_qr_work((int)(high > n ? high : n), t->m), sizeof(double));
}

static void free_tall(tall *t) {
    double *array[] = {t->root, t->psi, t->score, t->curvature, t->scale, t->work};
    for (int k = 0; k < 6; k++) sg_delete(array[k]);
}

static sg_status new_rows(int m, sg_fold **rows) {
    sg_status status = SG_OK;
    const size_t square = (size_t)m * (size_t)m, pairs = (size_t)m * ((size_t)m + 1) / 2;
    if ((status = sg_new(rows, 1, sizeof **rows))) return status;
    sg_fold *r = *rows;
    r->m = m;
    double **matrix[] = {&r->root, &r->psi, &r->score, &r->noise, &r->noised, &r->hessian};
    double **vector[] = {&r->mean_psi, &r->mean_score, &r->square_psi};
    for (int k = 0; k < 6 && !status; k++) status = sg_new(matrix[k], square, sizeof(double));
    for (int k = 0; k < 3 && !status; k++) status = sg_new(vector[k], (size_t)m, sizeof(double));
    if (!status && keeps_moment(m)) status = sg_new(&r->moment, pairs * pairs, sizeof(double));
    return status;
}

void sg_fold_delete(sg_fold *r) {
    if (!r) return;
    double *array[] = {r->root,    r->psi,      r->score,      r->noise,      r->noised,
                       r->hessian, r->mean_psi, r->mean_score, r->square_psi, r->moment};
    for (int k = 0; k < 10; k++) sg_delete(array[k]);
    sg_delete(r);
}

/* ----------------------------------------------------------------- one group */

/* Hessian of one datum: given by the row, or the square of its roots where the loss is quadratic. */
static void copy_curvature(const tall *t, const sg_lens *lens, int first, int count) {
    const sg_datum *datum = &lens->datum;
    const double *scale = t->scale + first;
    bool given = datum->curvature != NULL;
    for (int j = 0, pair = 0; t->curvature && j < t->m; j++)
        for (int k = 0; k <= j; k++, pair++) {
            double *out = t->curvature + (size_t)pair * t->n + first;
            for (int i = 0; i < count; i++) {
                double a = given ? datum->curvature[pair * SG_BLOCK + i] : 0;
                for (int r = 0; !given && r < t->roots; r++)
                    a +=
                        datum->root[(j * t->roots + r) * SG_BLOCK + i] * datum->root[(k * t->roots + r) * SG_BLOCK + i];
                out[i] = scale[i] * a;
            }
        }
}

static void copy_block(const tall *t, const sg_lens *lens, int first, int count) {
    const size_t high = (size_t)t->n * t->roots;
    const double *scale = t->scale + first;
    for (int j = 0; j < t->m; j++) {
        const double *dt = lens->jet.dt + j * SG_BLOCK, *psi = lens->datum.psi + j * SG_BLOCK;
        for (int i = 0; i < count; i++) {
            t->psi[(size_t)j * t->n + first + i] = psi[i];
            t->score[(size_t)j * t->n + first + i] = dt[i];
        }
        for (int r = 0; r < t->roots; r++) {
            const double *root = lens->datum.root + (j * t->roots + r) * SG_BLOCK;
            double *out = t->root + j * high + (size_t)r * t->n + first;
            for (int i = 0; i < count; i++) out[i] = scale[i] * root[i];
        }
    }
    copy_curvature(t, lens, first, count);
}

/* What likelihood must know at the origin of the chart. */
static sg_status make_local(const sg_model *model, const sg_loss *loss, const sg_chart *chart, const sg_nodes *nodes,
                            sg_partition **partition, sg_local *local) {
    sg_status status = SG_OK;
    size_t m = (size_t)chart->m;
    if (!loss->row->local) return SG_OK;
    double *zero = NULL;
    if ((status = sg_new(&local->gradient, m, sizeof(double)))) return status;
    if ((status = sg_new(&local->hessian, m * m, sizeof(double)))) return status;
    if ((status = sg_new(&zero, m, sizeof(double)))) return status;
    status = sg_partition_new(model, chart, nodes, partition);
    if (!status) status = sg_partition_at(*partition, zero, local);
    sg_delete(zero);
    return status;
}

void sg_fold_draws(const sg_model *model, const sg_loss *loss, sg_stream *stream) {
    char data[640], text[1024];
    sg_model_data_text(model, sizeof data, data);
    snprintf(text, sizeof text, "theory;%s;loss=%s", data, loss->row->name);
    sg_stream_open(stream, sg_hash64(text), SG_PURPOSE_LOSS, 0);
}

/* Fills the tall matrices, and the sums that the lens makes. */
static sg_status read_blocks(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                             const sg_chart *chart, const sg_nodes *nodes, long long first, long long count, tall *t,
                             sg_fold *r) {
    sg_status status = SG_OK;
    sg_lens *lens = NULL;
    sg_partition *partition = NULL;
    sg_local local = {0};
    sg_stream stream;
    sg_spread spread = {0};
    const bool linear = model->family->can & SG_LINEAR, square = linear && loss->row->fit == SG_QUADRATIC;
    const bool drawing = loss->row->spread != NULL;
    if (drawing) loss->row->spread(prepared, &spread);
    t->bends = (t->bends && keeps_moment(t->m) && sg_lens_bends(model, loss, chart)) || spread.own_hessian;
    int want = SG_PSI | (drawing ? SG_DIRICHLET | SG_NOISE : SG_ROOT);
    if (t->bends && (drawing || !square)) want |= SG_CURVATURE;
    if ((status = sg_lens_new(model, loss, chart, want, SG_DT, &lens))) goto out;
    if ((status = make_local(model, loss, chart, nodes, &partition, &local))) goto out;
    t->roots = drawing ? 0 : lens->roots;
    if ((status = take_tall(t))) goto out;
    if (drawing) {
        sg_fold_draws(model, loss, &stream);
        sg_lens_clear(lens);
        lens->theory = true;
        lens->score_sum = loss->row->more ? r->noised : NULL;
        lens->draws = spread.rule ? NULL : &stream;
        r->draws = spread.rule ? 0 : SG_SPREAD_DRAWS;
        r->own_hessian = spread.own_hessian;
    }
    for (long long b = first, at = 0; b < first + count; b++, at += SG_BLOCK) {
        const double *mass = nodes->mass + b * SG_BLOCK;
        sg_lens_nodes(lens, nodes, b);
        for (int i = 0; i < lens->block.n; i++) t->scale[at + i] = sqrt(mass[i]);
        if (drawing) sg_stream_seek(&stream, (uint32_t)b);
        lens->mass = mass;
        sg_lens_look(lens, prepared, &local, chart->origin, &lens->block, want, SG_DT);
        copy_block(t, lens, (int)at, lens->block.n);
    }
    for (int j = 0; drawing && j < t->m; j++)
        for (int k = 0; k <= j; k++) {
            const size_t below = (size_t)j + (size_t)k * (size_t)t->m, above = (size_t)k + (size_t)j * (size_t)t->m;
            const double unbiased = r->draws ? r->draws / (r->draws - 1.0) : 1;
            r->noise[below] = r->noise[above] = unbiased * lens->datum_all.noise_sum[below];
            r->root[below] = r->root[above] = lens->datum_all.dirichlet_sum[below];
            r->noised[above] = r->noised[below];
        }
out:
    sg_delete(local.gradient);
    sg_delete(local.hessian);
    sg_partition_delete(partition);
    sg_lens_delete(lens);
    return status;
}

static double compensated(int n, const double *weight, const double *f) {
    double sum = 0, carry = 0;
    for (int i = 0; i < n; i++) {
        const double term = weight[i] * weight[i] * f[i], total = sum + term;
        carry += fabs(sum) >= fabs(term) ? (sum - total) + term : (term - total) + sum;
        sum = total;
    }
    return sum + carry;
}

/* Subtracts the mean under p and weighs the column; returns the mean. */
static double centre(const sg_nodes *nodes, const tall *t, double mass, double *column) {
    const double mean = t->n == nodes->n ? sg_nodes_mean(nodes, column) : compensated(t->n, t->scale, column) / mass;
    for (int i = 0; i < t->n; i++) column[i] = t->scale[i] * (column[i] - mean);
    return mean;
}

/* A root of a positive semidefinite matrix: diag(sqrt(lambda)) Q^T; negative eigenvalues, which are errors, count as 0.
 */
static sg_status symmetric_root(int m, const double *a, double *root) {
    double *value = NULL, *vector = NULL;
    const size_t square = (size_t)m * (size_t)m;
    sg_status status = sg_new(&value, (size_t)m, sizeof(double));
    if (!status) status = sg_new(&vector, square, sizeof(double));
    if (!status) status = sg_symmetric_eigen(m, a, value, vector);
    for (int k = 0; !status && k < m; k++)
        for (int j = 0; j < m; j++)
            root[k + (size_t)j * (size_t)m] = sqrt(fmax(value[k], 0)) * vector[j + (size_t)k * (size_t)m];
    sg_delete(value);
    sg_delete(vector);
    return status;
}

static sg_status factor_roots(tall *t, sg_fold *r) {
    if (t->roots) return sg_qr_factor(t->n * t->roots, t->m, t->root, r->root, t->work);
    double *gram = NULL;
    const size_t square = (size_t)t->m * (size_t)t->m;
    sg_status status = sg_new(&gram, square, sizeof(double));
    if (status) return status;
    memcpy(gram, r->root, square * sizeof(double));
    status = symmetric_root(t->m, gram, r->root);
    sg_delete(gram);
    return status;
}

/* Moments that nobody has summed are none. */
static void drop_moment(sg_fold *r) {
    sg_delete(r->moment);
    r->moment = NULL;
}

static void add_moments(const tall *t, sg_fold *r) {
    const int m = t->m, pairs = m * (m + 1) / 2;
    if (!t->curvature) drop_moment(r);
    for (int j = 0, p = 0; r->own_hessian && j < m; j++)
        for (int k = 0; k <= j; k++, p++) {
            double sum = 0;
            for (int i = 0; i < t->n; i++) sum += t->scale[i] * t->curvature[(size_t)p * t->n + i];
            r->hessian[j + (size_t)k * m] = r->hessian[k + (size_t)j * m] = sum;
        }
    if (!r->moment) return;
    cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, pairs, t->n, 1, t->curvature, t->n, 0, r->moment, pairs);
    for (int p = 0; p < pairs; p++)
        for (int q = 0; q < p; q++) r->moment[(size_t)p * pairs + q] = r->moment[p + (size_t)q * pairs];
}

/* A factor of few rows, or of none: zeros below. */
static sg_status factor_of(tall *t, double *a, double *factor) {
    if (t->n >= t->m) return sg_qr_factor(t->n, t->m, a, factor, t->work);
    for (int j = 0; j < t->m; j++)
        for (int i = 0; i < t->m; i++) factor[i + (size_t)j * t->m] = i < t->n ? a[i + (size_t)j * t->n] : 0;
    return SG_OK;
}

sg_status sg_fold_new(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared, const sg_chart *chart,
                      const sg_nodes *nodes, long long first, long long count, bool bends, sg_fold **out) {
    sg_status status = SG_OK;
    sg_fold *r = NULL;
    const long long at = first * SG_BLOCK, left = nodes->n - at, most = count * SG_BLOCK;
    tall t = {.n = (int)(left < most ? left : most), .m = chart->m, .bends = bends};
    *out = NULL;
    if ((status = new_rows(t.m, &r))) goto out;
    if ((status = read_blocks(model, loss, prepared, chart, nodes, first, count, &t, r))) goto out;
    for (int i = 0; i < t.n; i++) r->mass += nodes->mass[at + i];
    for (int j = 0; j < t.m; j++) {
        double *psi = t.psi + (size_t)j * t.n;
        for (int i = 0; i < t.n; i++) r->square_psi[j] += nodes->mass[at + i] * psi[i] * psi[i];
        r->mean_psi[j] = centre(nodes, &t, r->mass, psi);
        r->mean_score[j] = centre(nodes, &t, r->mass, t.score + (size_t)j * t.n);
    }
    add_moments(&t, r);
    if ((status = factor_roots(&t, r))) goto out;
    if ((status = factor_of(&t, t.psi, r->psi))) goto out;
    status = factor_of(&t, t.score, r->score);
out:
    free_tall(&t);
    if (status) {
        sg_fold_delete(r);
        return status;
    }
    *out = r;
    return SG_OK;
}

/* -------------------------------------------------------------------- groups */

static const double *factor_in(const sg_fold *r, int which) {
    return which == 0 ? r->root : which == 1 ? r->psi : r->score;
}

/* Factors below each other, and what the group means leave about the mean of all. */
static sg_status stack(int count, sg_fold *const *parts, int skip, int which, const double *mean, double *out) {
    const int m = parts[0]->m, tallest = count * (m + 1);
    double *a = NULL, *work = NULL;
    sg_status status = sg_new(&a, (size_t)tallest * (size_t)m, sizeof(double));
    if (!status) status = sg_new(&work, sg_qr_work(tallest, m), sizeof(double));
    for (int p = 0, row = 0; p < count && !status; p++, row += m + 1) {
        if (p == skip) continue;
        const double *factor = factor_in(parts[p], which), root = sqrt(parts[p]->mass);
        const double *own = which == 1 ? parts[p]->mean_psi : parts[p]->mean_score;
        for (int j = 0; j < m; j++) {
            memcpy(a + row + (size_t)j * tallest, factor + (size_t)j * m, (size_t)m * sizeof(double));
            if (mean) a[row + m + (size_t)j * tallest] = root * (own[j] - mean[j]);
        }
    }
    if (!status) status = sg_qr_factor(tallest, m, a, out, work);
    sg_delete(a);
    sg_delete(work);
    return status;
}

static void add_array(size_t count, double factor, const double *from, double *to) {
    for (size_t k = 0; from && to && k < count; k++) to[k] += factor * from[k];
}

static void add_part(const sg_fold *from, sg_fold *to) {
    const size_t m = (size_t)to->m, square = m * m, pairs = m * (m + 1) / 2;
    to->mass += from->mass;
    to->draws = from->draws;
    to->own_hessian = from->own_hessian;
    add_array(m, from->mass, from->mean_psi, to->mean_psi);
    add_array(m, from->mass, from->mean_score, to->mean_score);
    add_array(m, 1, from->square_psi, to->square_psi);
    add_array(square, 1, from->noise, to->noise);
    add_array(square, 1, from->noised, to->noised);
    add_array(square, 1, from->hessian, to->hessian);
    add_array(pairs * pairs, 1, from->moment, to->moment);
}

/* Sums over nodes of mass `mass` become means. */
static void normalize(sg_fold *r) {
    const size_t m = (size_t)r->m, square = m * m, pairs = m * (m + 1) / 2;
    const double whole = 1 / r->mass, root = sqrt(whole);
    double *factors[] = {r->root, r->psi, r->score}, *sums[] = {r->noise, r->noised, r->hessian};
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < square; i++) factors[k][i] *= root;
    for (int k = 0; k < 3; k++)
        for (size_t i = 0; i < square; i++) sums[k][i] *= whole;
    for (size_t i = 0; i < m; i++) r->square_psi[i] *= whole;
    for (size_t i = 0; r->moment && i < pairs * pairs; i++) r->moment[i] *= whole;
    r->mass = 1;
}

sg_status sg_fold_join(int count, sg_fold *const *parts, int skip, sg_fold **out) {
    sg_fold *r = NULL;
    *out = NULL;
    sg_status status = new_rows(parts[0]->m, &r);
    if (status) goto out;
    if (!parts[0]->moment) drop_moment(r);
    for (int p = 0; p < count; p++)
        if (p != skip) add_part(parts[p], r);
    for (int j = 0; j < r->m; j++) r->mean_psi[j] /= r->mass, r->mean_score[j] /= r->mass;
    if ((status = stack(count, parts, skip, 0, NULL, r->root))) goto out;
    if ((status = stack(count, parts, skip, 1, r->mean_psi, r->psi))) goto out;
    if ((status = stack(count, parts, skip, 2, r->mean_score, r->score))) goto out;
    normalize(r);
out:
    if (status) {
        sg_fold_delete(r);
        return status;
    }
    *out = r;
    return SG_OK;
}

/* -------------------------------------------------------------------- turning */

/* turn [pairs,pairs] row-major: how packed A goes over into packed W^T A W. */
static void fill_turn(int m, const double *w, double *turn) {
    const int pairs = m * (m + 1) / 2;
    for (int a = 0, p = 0; a < m; a++)
        for (int b = 0; b <= a; b++, p++)
            for (int j = 0, q = 0; j < m; j++)
                for (int k = 0; k <= j; k++, q++) {
                    const double both = w[j + a * m] * w[k + b * m];
                    turn[(size_t)p * pairs + q] = j == k ? both : both + w[k + a * m] * w[j + b * m];
                }
}

static sg_status turn_moment(sg_fold *r, const double *w) {
    const int pairs = r->m * (r->m + 1) / 2;
    double *turn = NULL, *half = NULL;
    const size_t square = (size_t)pairs * (size_t)pairs;
    sg_status status = sg_new(&turn, square, sizeof(double));
    if (!status) status = sg_new(&half, square, sizeof(double));
    if (!status) {
        fill_turn(r->m, w, turn);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, pairs, pairs, pairs, 1, turn, pairs, r->moment, pairs, 0,
                    half, pairs);
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, pairs, pairs, pairs, 1, half, pairs, turn, pairs, 0,
                    r->moment, pairs);
    }
    sg_delete(turn);
    sg_delete(half);
    return status;
}

sg_status sg_fold_turn(sg_fold *r, const double *w) {
    const int m = r->m;
    const size_t bytes = (size_t)m * (size_t)m * sizeof(double);
    double *half = NULL, *factors[] = {r->root, r->psi, r->score}, *forms[] = {r->noise, r->noised, r->hessian};
    double *vectors[] = {r->mean_psi, r->mean_score};
    sg_status status = sg_new(&half, (size_t)m * (size_t)m, sizeof(double));
    if (status) return status;
    for (int k = 0; k < 3; k++) {
        sg_multiply(m, factors[k], w, half);
        memcpy(factors[k], half, bytes);
    }
    for (int k = 0; k < 3; k++) {
        sg_multiply(m, forms[k], w, half);
        sg_multiply_tn(m, w, half, forms[k]);
    }
    for (int k = 0; k < 2; k++) {
        cblas_dgemv(CblasColMajor, CblasTrans, m, m, 1, w, m, vectors[k], 1, 0, half, 1);
        memcpy(vectors[k], half, (size_t)m * sizeof(double));
    }
    sg_delete(half);
    return r->moment ? turn_moment(r, w) : SG_OK;
}

/* ------------------------------------------------------------------- answers */

/* The column that the factor cannot tell from the others, as a direction in the parameters. */
static sg_status name_direction(const sg_model *model, int m, const double *factor) {
    double values[8], vectors[64];
    char text[256];
    if (m > 8 || sg_singular_values(m, factor, values, vectors))
        return sg_fail(SG_SINGULAR,
                       "the Dirichlet matrix of the loss is singular: fix some of the parameters with free=");
    sg_direction_text(model, vectors + (size_t)(m - 1) * m, sizeof text, text);
    return sg_fail(SG_SINGULAR,
                   "the Dirichlet matrix of the loss is singular along (%s): fix one of them with free=", text);
}

sg_status sg_fold_whitening(const sg_model *model, const sg_fold *rows, double *whiten, double *condition) {
    sg_status status = sg_invert(rows->m, rows->root, whiten, condition);
    return status == SG_SINGULAR ? name_direction(model, rows->m, rows->root) : status;
}

sg_status sg_fold_middle(const sg_fold *rows, int draws, double *root) {
    const int m = rows->m;
    const size_t square = (size_t)m * (size_t)m;
    const double share = (draws ? 1.0 / draws : 0) - (rows->draws ? 1.0 / rows->draws : 0);
    double *covariance = NULL;
    if (share == 0) {
        memcpy(root, rows->psi, square * sizeof(double));
        return SG_OK;
    }
    sg_status status = sg_new(&covariance, square, sizeof(double));
    if (status) return status;
    sg_multiply_tn(m, rows->psi, rows->psi, covariance);
    for (size_t k = 0; k < square; k++) covariance[k] += share * rows->noise[k];
    status = symmetric_root(m, covariance, root);
    sg_delete(covariance);
    return status;
}

/* Quartic form q(v) = E (v'Av)^2 and half its gradient, from the second moments of the packed Hessians. */
static double quartic(int m, const double *moment, const double *v, double *gradient) {
    int pairs = m * (m + 1) / 2;
    double outer[SG_WHOLE_MOST * (SG_WHOLE_MOST + 1) / 2], contracted, q = 0;
    for (int j = 0, p = 0; j < m; j++)
        for (int k = 0; k <= j; k++, p++) outer[p] = v[j] * v[k] * (j == k ? 1 : 2);
    memset(gradient, 0, (size_t)m * sizeof(double));
    for (int j = 0, p = 0; j < m; j++)
        for (int k = 0; k <= j; k++, p++) {
            contracted = 0;
            for (int r = 0; r < pairs; r++) contracted += moment[(size_t)p * pairs + r] * outer[r];
            q += contracted * outer[p];
            gradient[j] += 2 * contracted * v[k];
            if (k != j) gradient[k] += 2 * contracted * v[j];
        }
    return q;
}

static double ascend(int m, const double *moment, double *v) {
    double gradient[SG_WHOLE_MOST], best = 0;
    for (int step = 0; step < 200; step++) {
        double norm = 0;
        for (int j = 0; j < m; j++) norm += v[j] * v[j];
        norm = sqrt(norm);
        for (int j = 0; j < m; j++) v[j] /= norm;
        double q = quartic(m, moment, v, gradient);
        bool done = fabs(q - best) <= 1e-12 * fabs(q);
        if (q > best) best = q;
        if (done) break;
        /* a mean of squares of quadratic forms, convex in v where A >= 0: there the power step never decreases it */
        memcpy(v, gradient, (size_t)m * sizeof(double));
    }
    return best;
}

double sg_worst_quartic(int m, const double *moment) {
    double v[SG_WHOLE_MOST], best = 0;
    for (int a = 0; a < m; a++)
        for (int b = 0; b <= a; b++)
            for (int sign = -1; sign <= 1; sign += 2) {
                for (int j = 0; j < m; j++) v[j] = 1e-3;
                v[a] += 1;
                if (b != a) v[b] += sign;
                double q = ascend(m, moment, v);
                if (q > best) best = q;
            }
    return best > 1 ? best - 1 : 0;
}

double sg_fold_worst_hessian(const sg_fold *rows) {
    return rows->moment ? sg_worst_quartic(rows->m, rows->moment) : NAN;
}
