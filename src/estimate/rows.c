#include "estimate/rows.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "estimate/direction.h"

static sg_status allocate(sg_rows_table *t) {
    sg_status status = SG_OK;
    size_t n = (size_t)t->n, m = (size_t)t->m, tall = n * (size_t)t->roots;
    if ((status = sg_new(&t->root, tall * m, sizeof(double)))) return status;
    if ((status = sg_new(&t->psi, n * m, sizeof(double)))) return status;
    if ((status = sg_new(&t->score, n * m, sizeof(double)))) return status;
    if ((status = sg_new(&t->curvature, n * m * (m + 1) / 2, sizeof(double)))) return status;
    if ((status = sg_new(&t->mean_psi, m, sizeof(double)))) return status;
    return sg_new(&t->work, sg_qr_work((int)tall, t->m), sizeof(double));
}

void sg_rows_table_delete(sg_rows_table *table) {
    if (!table) return;
    sg_delete(table->root);
    sg_delete(table->psi);
    sg_delete(table->score);
    sg_delete(table->curvature);
    sg_delete(table->mean_psi);
    sg_delete(table->work);
    sg_delete(table);
}

/* Hessian of one datum: given by the row, or the square of its roots where the loss is quadratic. */
static void copy_curvature(sg_rows_table *t, const sg_lens *lens, int first, int count, const double *scale) {
    const sg_datum *datum = &lens->datum;
    bool given = datum->curvature != NULL;
    for (int j = 0, pair = 0; j < t->m; j++)
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

static void copy_block(sg_rows_table *t, const sg_lens *lens, int first, int count, const double *scale) {
    size_t tall = (size_t)t->n * t->roots;
    for (int j = 0; j < t->m; j++) {
        const double *dt = lens->jet.dt + j * SG_BLOCK, *psi = lens->datum.psi + j * SG_BLOCK;
        for (int i = 0; i < count; i++) {
            t->psi[(size_t)j * t->n + first + i] = psi[i];
            t->score[(size_t)j * t->n + first + i] = dt[i];
        }
        for (int r = 0; r < t->roots; r++) {
            const double *root = lens->datum.root + (j * t->roots + r) * SG_BLOCK;
            double *out = t->root + j * tall + (size_t)r * t->n + first;
            for (int i = 0; i < count; i++) out[i] = scale[i] * root[i];
        }
    }
    copy_curvature(t, lens, first, count, scale);
}

/* Subtracts the mean under p and weighs the column; returns the mean. */
static double centre(const sg_nodes *nodes, const double *scale, double *column) {
    double mean = sg_nodes_mean(nodes, column);
    for (long long i = 0; i < nodes->n; i++) column[i] = scale[i] * (column[i] - mean);
    return mean;
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

sg_status sg_rows_table_new(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                            const sg_chart *chart, const sg_nodes *nodes, sg_rows_table **out) {
    sg_status status = SG_OK;
    sg_rows_table *t = NULL;
    sg_lens *lens = NULL;
    sg_partition *partition = NULL;
    sg_local local = {0};
    double *scale = NULL;
    *out = NULL;
    bool linear = model->family->can & SG_LINEAR;
    int want = SG_PSI | SG_ROOT | (linear && loss->row->fit == SG_QUADRATIC ? 0 : SG_CURVATURE);
    if ((status = sg_lens_new(model, loss, chart, want, SG_DT, &lens))) goto out;
    if ((status = make_local(model, loss, chart, nodes, &partition, &local))) goto out;
    if ((status = sg_new(&t, 1, sizeof *t))) goto out;
    t->n = (int)nodes->n, t->m = chart->m, t->roots = lens->roots;
    if ((status = allocate(t))) goto out;
    if ((status = sg_new(&scale, (size_t)nodes->n, sizeof(double)))) goto out;
    for (int i = 0; i < t->n; i++) scale[i] = sqrt(nodes->mass[i]);
    for (int first = 0; first < t->n; first += SG_BLOCK) {
        sg_lens_nodes(lens, nodes, first / SG_BLOCK);
        sg_lens_look(lens, prepared, &local, chart->origin, &lens->block, want, SG_DT);
        copy_block(t, lens, first, lens->block.n, scale + first);
    }
    for (int j = 0; j < t->m; j++) {
        t->mean_psi[j] = centre(nodes, scale, t->psi + (size_t)j * t->n);
        centre(nodes, scale, t->score + (size_t)j * t->n);
    }
out:
    sg_delete(scale);
    sg_delete(local.gradient);
    sg_delete(local.hessian);
    sg_partition_delete(partition);
    sg_lens_delete(lens);
    if (status) {
        sg_rows_table_delete(t);
        return status;
    }
    *out = t;
    return SG_OK;
}

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

sg_status sg_rows_whitening(const sg_model *model, sg_rows_table *t, double *whiten, double *condition) {
    sg_status status = SG_OK;
    double *factor = NULL;
    size_t m = (size_t)t->m;
    if ((status = sg_new(&factor, m * m, sizeof(double)))) return status;
    status = sg_qr_factor(t->n * t->roots, t->m, t->root, factor, t->work);
    if (!status) {
        status = sg_invert(t->m, factor, whiten, condition);
        if (status == SG_SINGULAR) status = name_direction(model, t->m, factor);
    }
    sg_delete(factor);
    return status;
}

/* Quartic form q(v) = E (v'Av)^2 and half its gradient, from the second moments of the packed Hessians. */
static double quartic(int m, const double *moment, const double *v, double *gradient) {
    int pairs = m * (m + 1) / 2;
    double outer[SG_REALS * 33], contracted, q = 0;
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
    double gradient[SG_REALS], best = 0;
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
    double v[SG_REALS], best = 0;
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

double sg_rows_worst_hessian(const sg_rows_table *t) {
    int m = t->m, pairs = m * (m + 1) / 2;
    double *moment = NULL;
    if (m > SG_REALS || sg_new(&moment, (size_t)pairs * pairs, sizeof(double))) return NAN;
    for (int p = 0; p < pairs; p++)
        for (int r = 0; r <= p; r++) {
            double sum = 0;
            for (int i = 0; i < t->n; i++)
                sum += t->curvature[(size_t)p * t->n + i] * t->curvature[(size_t)r * t->n + i];
            moment[(size_t)p * pairs + r] = moment[(size_t)r * pairs + p] = sum;
        }
    double best = sg_worst_quartic(m, moment);
    sg_delete(moment);
    return best;
}
