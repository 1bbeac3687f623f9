#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/lens.h"
#include "scoregap/chain.h"

enum { DEFAULT_PAIRS = 64, CIRCLE_LEVEL = 3 /* its panels must be many for many pairs */ };

static sg_status allocate(int m, int count, sg_profile **out) {
    sg_status status = SG_OK;
    sg_profile *p = NULL;
    if ((status = sg_new(&p, 1, sizeof *p))) return status;
    *out = p;
    p->m = m, p->count = count;
    if ((status = sg_new(&p->eigenvalue, (size_t)count, sizeof(double)))) return status;
    if ((status = sg_new(&p->weight, (size_t)count * (size_t)m, sizeof(double)))) return status;
    double **vector[] = {&p->remainder,      &p->remainder_h,      &p->remainder_psi,
                         &p->ratio_spectral, &p->ratio_quadrature, &p->ratio_bound};
    for (int k = 0; k < 6; k++)
        if ((status = sg_new(vector[k], (size_t)m, sizeof(double)))) return status;
    return SG_OK;
}

void sg_profile_delete(sg_profile *p) {
    if (!p) return;
    double *array[] = {p->eigenvalue,    p->weight,         p->remainder,        p->remainder_h,
                       p->remainder_psi, p->ratio_spectral, p->ratio_quadrature, p->ratio_bound};
    for (int k = 0; k < 8; k++) sg_delete(array[k]);
    sg_delete(p);
}

/* S_j' at the nodes, [m][n]. */
static sg_status score_derivatives(const sg_model *model, const sg_loss *loss, const sg_panels *panels, double *out) {
    sg_status status = SG_OK;
    sg_chart *chart = NULL;
    sg_lens *lens = NULL;
    if ((status = sg_chart_new(model, model->truth, NULL, &chart))) goto out;
    if ((status = sg_lens_new(model, loss, chart, 0, SG_DT_DX, &lens))) goto out;
    for (int first = 0; first < panels->n; first += SG_BLOCK) {
        sg_lens_nodes(lens, panels, first);
        sg_lens_look(lens, NULL, NULL, model->truth, &lens->block, 0, SG_DT_DX);
        for (int j = 0; j < model->m; j++)
            memcpy(out + (size_t)j * panels->n + first, lens->jet.dt_dx + j * SG_BLOCK,
                   (size_t)lens->block.n * sizeof(double));
    }
out:
    sg_lens_delete(lens);
    sg_chart_delete(chart);
    return status;
}

static sg_status diffusion_pairs(const sg_model *model, const sg_loss *loss, int count, sg_spectrum **spectrum,
                                 double *coefficient) {
    sg_status status = SG_OK;
    sg_panels *panels = NULL;
    sg_prepared *prepared = NULL;
    double *log_d = NULL, *derivative = NULL;
    const bool circle = model->space.shape == SG_CIRCLE;
    if ((status = sg_model_panels(model, model->truth, circle ? CIRCLE_LEVEL : 0, &panels))) goto out;
    if ((status = sg_loss_prepare(loss, model, panels, &prepared))) goto out;
    if ((status = sg_new(&log_d, (size_t)panels->n, sizeof(double)))) goto out;
    if ((status = sg_loss_log_diffusion(loss, prepared, panels, log_d))) goto out;
    if ((status = sg_new(&derivative, (size_t)panels->n * (size_t)model->m, sizeof(double)))) goto out;
    if ((status = score_derivatives(model, loss, panels, derivative))) goto out;
    sg_status (*solve)(const sg_panels *, const double *, int, sg_spectrum **) =
        circle ? sg_circle_spectrum : sg_line_spectrum;
    /* the grid that resolves p need not resolve the highest pairs of a strong D: take those that it does */
    while ((status = solve(panels, log_d, count, spectrum)) == SG_NOT_CONVERGED && count > 8) count /= 2;
    if (status) goto out;
    status = sg_line_profile(panels, log_d, *spectrum, model->m, derivative, coefficient);
out:
    sg_delete(log_d);
    sg_delete(derivative);
    sg_loss_release(loss, prepared);
    sg_panels_delete(panels);
    return status;
}

/*
 * The spectral measure beyond the last pair lies above its eigenvalue, so the parts that the pairs leave must not be
 * negative and must grow at least by that factor: a wrong or missing pair breaks this.
 */
static bool consistent(double last, double tolerance, const double total[3], const double rest[3]) {
    for (int k = 0; k < 3; k++)
        if (!(rest[k] >= -tolerance * total[k])) return false;
    for (int k = 0; k < 2; k++)
        if (!(rest[k + 1] + tolerance * total[k + 1] >= last * (rest[k] - tolerance * total[k]) * (1 - tolerance)))
            return false;
    return true;
}

static void compare(sg_profile *p, const sg_asymptotic *a, double tolerance) {
    int m = p->m;
    bool good = true;
    p->disagreement = 0;
    for (int j = 0; j < m; j++) {
        double total[3] = {a->fisher[j + j * m], a->dirichlet[j + j * m], a->cov_psi[j + j * m] - a->noise[j + j * m]};
        double sum[3] = {0}, rest[3];
        for (int k = p->count - 1; k >= 0; k--) {
            double w = p->weight[j * p->count + k], l = p->eigenvalue[k];
            sum[0] += w, sum[1] += l * w, sum[2] += l * l * w;
        }
        for (int k = 0; k < 3; k++) rest[k] = total[k] - sum[k];
        p->remainder[j] = rest[0], p->remainder_h[j] = rest[1], p->remainder_psi[j] = rest[2];
        p->ratio_quadrature[j] = total[0] * total[2] / (total[1] * total[1]);
        p->ratio_spectral[j] = sum[0] * sum[2] / (sum[1] * sum[1]);
        double missing = fmax(rest[0], 0) / total[0] + 2 * fmax(rest[1], 0) / sum[1] + fmax(rest[2], 0) / total[2];
        p->ratio_bound[j] = p->ratio_quadrature[j] * (missing * (1 + missing) + 4 * tolerance);
        double difference = fabs(p->ratio_spectral[j] - p->ratio_quadrature[j]);
        p->disagreement = fmax(p->disagreement, difference / p->ratio_quadrature[j]);
        if (!consistent(p->eigenvalue[p->count - 1], tolerance, total, rest) || !(difference <= p->ratio_bound[j]))
            good = false;
    }
    if (good) return;
    p->status = SG_UNCERTIFIED;
    snprintf(p->message, sizeof p->message,
             "spectral form and quadrature disagree by %.2g beyond the remainder of %d eigenpairs", p->disagreement,
             p->count);
}

/* Leading pairs whose eigenvalue the solver gives to 1e-6; at least one, whose error then shows in the tolerance. */
static int trusted(const sg_spectrum *spectrum) {
    int count = 0;
    while (count < spectrum->count && spectrum->value_error[count] <= 1e-6) count++;
    return count ? count : 1;
}

/* Resampling has one eigenvalue, 1, on everything that is not constant. */
static void resampling(sg_profile *p, const sg_asymptotic *a) {
    p->eigenvalue[0] = 1;
    for (int j = 0; j < p->m; j++) p->weight[j] = a->fisher[j + j * p->m];
}

/* ---------------------------------------------------------------- finite sets */

/* The statistics at all n states (or counts), out [m][n]; the row of likelihood gives them. */
static sg_status statistics(const sg_model *model, const sg_states_spectrum *spectrum, double *out) {
    sg_status status;
    sg_nodes *nodes = NULL;
    sg_loss *loss = NULL;
    sg_lens *lens = NULL;
    double weight[SG_BLOCK];
    if ((status = sg_nodes_new(model, model->truth, 0, spectrum->by_counts, &nodes))) goto out;
    if ((status = sg_loss_new("mle", &loss))) goto out;
    if ((status = sg_lens_new(model, loss, NULL, SG_SCORE, 0, &lens))) goto out;
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &lens->block, weight);
        sg_lens_look(lens, NULL, NULL, model->truth, &lens->block, SG_SCORE, 0);
        for (int j = 0; j < model->m; j++)
            memcpy(out + (size_t)j * (size_t)spectrum->n + (size_t)b * SG_BLOCK,
                   lens->datum.score + (size_t)j * SG_BLOCK, (size_t)lens->block.n * sizeof(double));
    }
out:
    sg_lens_delete(lens);
    sg_loss_delete(loss);
    sg_nodes_delete(nodes);
    return status;
}

static double coefficient_of(const sg_states_spectrum *s, int k, const double *score) {
    const double *f = s->function + (size_t)k * (size_t)s->n;
    double sum = 0;
    for (int x = 0; x < s->n; x++) sum += s->mass[x] * score[x] * f[x];
    return sum;
}

/* Pairs of one eigenvalue are one, and those on which no score has any weight are left out. */
static void merge(const sg_states_spectrum *s, const double *score, const sg_asymptotic *a, sg_profile *p) {
    static const double none = 1e-24;
    const int m = p->m, room = p->count;
    p->count = 0;
    for (int k = 0, end; k < s->count; k = end) {
        double share = 0;
        for (end = k + 1; end < s->count && s->value[end] - s->value[end - 1] <= 4 * s->error; end++) {
        }
        for (int j = 0; j < m; j++) {
            double weight = 0;
            for (int i = k; i < end; i++) {
                const double c = coefficient_of(s, i, score + (size_t)j * (size_t)s->n);
                weight += c * c;
            }
            p->weight[(size_t)j * (size_t)room + (size_t)p->count] = weight;
            share = fmax(share, weight / a->fisher[j + j * m]);
        }
        if (share > none) p->eigenvalue[p->count++] = s->value[k];
    }
    for (int j = 1; j < m; j++)
        memmove(p->weight + (size_t)j * (size_t)p->count, p->weight + (size_t)j * (size_t)room,
                (size_t)p->count * sizeof(double));
}

static sg_status jump_pairs(const sg_model *model, const sg_loss *loss, const sg_asymptotic *a, int count,
                            sg_profile **p, double *tolerance) {
    sg_states_spectrum *spectrum = NULL;
    double *score = NULL;
    const sg_row *row = loss->row;
    if (row->averaged && row->averaged(loss->options))
        return sg_fail(SG_REFUSED, "estimates averaged over sites have no generator, so no spectral profile: take "
                                   "sites=pooled");
    sg_status status = sg_loss_runs(loss, model);
    if (!status) status = sg_states_spectrum_new(model, loss, count, &spectrum);
    if (!status) status = sg_new(&score, (size_t)model->m * (size_t)spectrum->n, sizeof(double));
    if (!status) status = statistics(model, spectrum, score);
    if (!status) status = allocate(model->m, spectrum->count, p);
    if (!status) merge(spectrum, score, a, *p);
    if (!status) *tolerance = fmax(*tolerance, 4 * spectrum->error / spectrum->value[0]);
    sg_delete(score);
    sg_states_spectrum_delete(spectrum);
    return status;
}

sg_status sg_profile_new(const sg_model *model, const sg_loss *loss, const sg_asymptotic *asymptotic, int count,
                         sg_profile **out) {
    sg_status status = SG_OK;
    sg_spectrum *spectrum = NULL;
    sg_profile *p = NULL;
    double *coefficient = NULL, tolerance = 1e-9;
    int m = model->m;
    *out = NULL;
    if (count <= 0) count = DEFAULT_PAIRS;
    if (loss->row->kind == SG_RESAMPLE) {
        if ((status = allocate(m, 1, &p))) goto out;
        resampling(p, asymptotic);
    } else if (loss->row->kind == SG_DIFFUSION) {
        if ((status = sg_new(&coefficient, (size_t)count * (size_t)m, sizeof(double)))) goto out;
        if ((status = diffusion_pairs(model, loss, count, &spectrum, coefficient))) goto out;
        int sure = trusted(spectrum);
        if ((status = allocate(m, sure, &p))) goto out;
        for (int k = 0; k < sure; k++) {
            p->eigenvalue[k] = spectrum->value[k];
            tolerance = fmax(tolerance, 4 * spectrum->value_error[k]);
        }
        for (int j = 0; j < m; j++)
            for (int k = 0; k < sure; k++) {
                double c = coefficient[(size_t)j * spectrum->count + k];
                p->weight[(size_t)j * sure + k] = c * c;
            }
    } else if (loss->row->kind == SG_JUMP && model->space.shape == SG_FINITE) {
        if ((status = jump_pairs(model, loss, asymptotic, count, &p, &tolerance))) goto out;
    } else {
        status = sg_fail(SG_REFUSED, "no spectral profile for this kind of generator");
        goto out;
    }
    compare(p, asymptotic, tolerance);
out:
    sg_delete(coefficient);
    sg_spectrum_delete(spectrum);
    if (status) {
        sg_profile_delete(p);
        return status;
    }
    *out = p;
    return SG_OK;
}
