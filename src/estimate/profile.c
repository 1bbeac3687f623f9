#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/lens.h"
#include "scoregap/chain.h"
#include "scoregap/grid.h"

#define MOMENTS 1e-8   /* relative difference of moments by two ways */
#define ROUNDING 1e-13 /* of moments, over powers of the top of the spectrum */
enum { DEFAULT_PAIRS = 64, GRID_PAIRS = 6, CIRCLE_LEVEL = 3 /* its panels must be many for many pairs */ };

static sg_status allocate(int m, int count, sg_profile **out) {
    sg_status status = SG_OK;
    sg_profile *p = NULL;
    if ((status = sg_new(&p, 1, sizeof *p))) return status;
    *out = p;
    p->m = m, p->count = count;
    if ((status = sg_new(&p->eigenvalue, (size_t)count, sizeof(double)))) return status;
    if ((status = sg_new(&p->weight, (size_t)count * (size_t)m, sizeof(double)))) return status;
    double **vector[] = {&p->remainder,      &p->remainder_h,      &p->remainder_psi, &p->remainder_mean,
                         &p->ratio_spectral, &p->ratio_quadrature, &p->ratio_bound};
    for (int k = 0; k < 7; k++)
        if ((status = sg_new(vector[k], (size_t)m, sizeof(double)))) return status;
    return SG_OK;
}

void sg_profile_delete(sg_profile *p) {
    if (!p) return;
    double *array[] = {p->eigenvalue,     p->weight,         p->remainder,        p->remainder_h, p->remainder_psi,
                       p->remainder_mean, p->ratio_spectral, p->ratio_quadrature, p->ratio_bound};
    for (int k = 0; k < 9; k++) sg_delete(array[k]);
    sg_delete(p);
}

/* S_j' at the nodes, [m][n]. */
static sg_status score_derivatives(const sg_model *model, const sg_loss *loss, const sg_panels *panels, double *out) {
    sg_status status = SG_OK;
    sg_chart *chart = NULL;
    sg_lens *lens = NULL;
    if ((status = sg_chart_new(model, model->truth, NULL, &chart))) goto out;
    if ((status = sg_lens_new(model, loss, chart, 0, SG_DT_DX, &lens))) goto out;
    const sg_nodes nodes = sg_nodes_of(model, panels);
    for (int first = 0; first < panels->n; first += SG_BLOCK) {
        sg_lens_nodes(lens, &nodes, first / SG_BLOCK);
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
        p->remainder_mean[j] = rest[0] > tolerance * total[0] ? rest[1] / rest[0] : NAN;
        p->ratio_quadrature[j] = total[0] * total[2] / (total[1] * total[1]);
        p->ratio_spectral[j] = sum[0] * sum[2] / (sum[1] * sum[1]);
        if (!(sum[1] > 0)) { /* nothing is on these pairs */
            p->ratio_spectral[j] = NAN;
            p->ratio_bound[j] = INFINITY;
            continue;
        }
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

static void place_weights(int m, int pairs, int sure, const double *coefficient, double *weight) {
    for (int j = 0; j < m; j++)
        for (int k = 0; k < sure; k++) {
            const double c = coefficient[(size_t)j * (size_t)pairs + (size_t)k];
            weight[(size_t)j * (size_t)sure + (size_t)k] = c * c;
        }
}

/* In the free parameters, from those of all of them: [m][pairs], [full][pairs]. */
static void along_free(const sg_model *model, int pairs, const double *all, double *coefficient) {
    memset(coefficient, 0, (size_t)(model->m * pairs) * sizeof *coefficient);
    for (int j = 0; j < model->m; j++)
        for (int i = 0; i < model->full; i++) {
            const double part = model->direction ? model->direction[i * model->m + j] : i == model->free[j];
            for (int k = 0; k < pairs && part != 0; k++) coefficient[j * pairs + k] += part * all[i * pairs + k];
        }
}

/* In the plane; pairs whose eigenvalue is not sure end the list. */
static sg_status grid_pairs(const sg_model *model, const sg_loss *loss, int count, sg_profile **p, double *tolerance) {
    sg_eigenvalues *values = NULL;
    double *all = NULL, *coefficient = NULL;
    int sure = 0;
    const int asked = count < GRID_PAIRS ? count : GRID_PAIRS;
    sg_status status = sg_eigenvalues_new(asked, &values);
    if (!status) status = sg_new(&all, (size_t)(model->full * asked), sizeof(double));
    if (!status) status = sg_new(&coefficient, (size_t)(model->m * asked), sizeof(double));
    if (!status) status = sg_grid_profile(model, loss, NULL, values, all);
    if (status) goto out;
    along_free(model, asked, all, coefficient);
    while (sure < values->count && values->error[sure] <= 1e-6) sure++;
    if (!sure) sure = 1;
    if ((status = allocate(model->m, sure, p))) goto out;
    for (int k = 0; k < sure; k++) {
        (*p)->eigenvalue[k] = exp(values->log_value[k]);
        *tolerance = fmax(*tolerance, 4 * values->error[k]);
    }
    place_weights(model->m, asked, sure, coefficient, (*p)->weight);
out:
    sg_eigenvalues_delete(values);
    sg_delete(all);
    sg_delete(coefficient);
    return status;
}

/* Resampling has one eigenvalue, 1, on everything that is not constant. */
static void resampling(sg_profile *p, const sg_asymptotic *a) {
    p->eigenvalue[0] = 1;
    for (int j = 0; j < p->m; j++) p->weight[j] = a->fisher[j + j * p->m];
}

/* ---------------------------------------------------------------- finite sets */

typedef struct {
    const sg_model *model;
    sg_nodes *nodes[2]; /* of states, of counts; NULL until needed */
} scores;

/* The statistics at all states (or counts), as sg_measured; the row of likelihood gives them. */
static sg_status statistics(void *context, bool by_counts, int first, int functions, double *out) {
    scores *s = context;
    sg_loss *loss = NULL;
    sg_lens *lens = NULL;
    double weight[SG_BLOCK];
    sg_status status = SG_OK;
    if (!s->nodes[by_counts]) status = sg_nodes_new(s->model, s->model->truth, 0, by_counts, &s->nodes[by_counts]);
    const sg_nodes *nodes = s->nodes[by_counts];
    if (!status) status = sg_loss_new("mle", &loss);
    if (!status) status = sg_lens_new(s->model, loss, NULL, SG_SCORE, 0, &lens);
    for (long long b = 0; !status && b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &lens->block, weight);
        sg_lens_look(lens, NULL, NULL, s->model->truth, &lens->block, SG_SCORE, 0);
        for (int j = 0; j < functions; j++)
            memcpy(out + (size_t)j * (size_t)nodes->n + (size_t)b * SG_BLOCK,
                   lens->datum.score + (size_t)(first + j) * SG_BLOCK, (size_t)lens->block.n * sizeof(double));
    }
    sg_lens_delete(lens);
    sg_loss_delete(loss);
    return status;
}

/* Relative to H: what the errors of the eigenvalues may change in it. */
static double error_of(const sg_measures *s, const sg_asymptotic *a) {
    double worst = 0;
    for (int j = 0; j < a->m; j++) {
        double sum = 0;
        for (int k = 0; k < s->count; k++) sum += s->weight[(size_t)j * (size_t)s->count + (size_t)k] * s->error[k];
        worst = fmax(worst, sum / a->dirichlet[j + j * a->m]);
    }
    return worst;
}

/* The moments by Lanczos' processes must be those of the covariance, up to the rounding of products. */
static void check_moments(const sg_measures *s, const sg_asymptotic *a, sg_profile *p) {
    for (int j = 0; s->moment && j < a->m; j++) {
        const int at = j + j * a->m;
        const double total[3] = {a->fisher[at], a->dirichlet[at], a->cov_psi[at] - a->noise[at]};
        for (int k = 0; k < 3; k++) {
            const double difference = fabs(s->moment[3 * j + k] - total[k]);
            if (difference <= MOMENTS * total[k] + ROUNDING * pow(s->top, k) * total[0]) continue;
            p->status = SG_UNCERTIFIED;
            snprintf(p->message, sizeof p->message,
                     "moment %d of the spectral measure of parameter %d is %.9g by Lanczos' process, %.9g by the "
                     "covariance",
                     k, j + 1, s->moment[3 * j + k], total[k]);
        }
    }
}

static sg_status jump_pairs(const sg_model *model, const sg_loss *loss, const sg_asymptotic *a, int count,
                            sg_profile **p, double *tolerance) {
    sg_measures *measures = NULL;
    scores s = {.model = model};
    const sg_row *row = loss->row;
    if (row->averaged && row->averaged(loss->options))
        return sg_fail(SG_UNDEFINED, "estimates averaged over sites have no generator, so the spectral profile is not "
                                     "defined for this loss: sites=pooled has one");
    sg_status status = sg_loss_runs(loss, model);
    if (!status) status = sg_measures_new(model, loss, model->m, statistics, &s, count, &measures);
    if (!status && !measures->count)
        status = sg_fail(SG_NOT_CONVERGED,
                         "no eigenvalue of %s on %s has converged in %d steps of Lanczos' processes: take fewer free "
                         "parameters or sites",
                         loss->text, model->text, measures->steps);
    if (!status) status = allocate(model->m, measures->count, p);
    if (!status) {
        memcpy((*p)->eigenvalue, measures->value, (size_t)measures->count * sizeof(double));
        memcpy((*p)->weight, measures->weight, (size_t)measures->count * (size_t)model->m * sizeof(double));
        *tolerance = fmax(*tolerance, 4 * error_of(measures, a));
        check_moments(measures, a, *p);
    }
    sg_measures_delete(measures);
    for (int k = 0; k < 2; k++) sg_nodes_delete(s.nodes[k]);
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
    const bool plane = model->space.shape == SG_RD && model->space.d == 2;
    if (loss->row->kind == SG_DIFFUSION &&
        ((model->space.d > 1 && !plane) || loss->row->more || model->space.shape == SG_ORTHANT)) {
        status = sg_fail(SG_UNDEFINED,
                         "spectral profiles of diffusions are computed on the line, the circle and in the plane only");
        goto out;
    }
    if (loss->row->kind == SG_RESAMPLE) {
        if ((status = allocate(m, 1, &p))) goto out;
        resampling(p, asymptotic);
    } else if (loss->row->kind == SG_DIFFUSION && model->space.d == 2) {
        if ((status = grid_pairs(model, loss, count, &p, &tolerance))) goto out;
    } else if (loss->row->kind == SG_DIFFUSION) {
        if ((status = sg_new(&coefficient, (size_t)count * (size_t)m, sizeof(double)))) goto out;
        if ((status = diffusion_pairs(model, loss, count, &spectrum, coefficient))) goto out;
        int sure = trusted(spectrum);
        if ((status = allocate(m, sure, &p))) goto out;
        for (int k = 0; k < sure; k++) {
            p->eigenvalue[k] = spectrum->value[k];
            tolerance = fmax(tolerance, 4 * spectrum->value_error[k]);
        }
        place_weights(m, spectrum->count, sure, coefficient, p->weight);
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
