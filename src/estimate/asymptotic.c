#include <cblas.h>
#include <float.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "estimate/asymptotic-finite.h"
#include "estimate/asymptotic-local.h"
#include "estimate/bounds.h"
#include "estimate/fold.h"
#include "estimate/worst-nodes.h"
#include "family/round.h"

enum { STATES_LISTED = 1 << 18 };

/* One grid's answers; the two grids of an sg_asymptotic are compared. */
typedef struct {
    double *gamma, *gamma_mle, *dirichlet, *fisher, *whiten, *metric_root, *cov_psi, *inefficiency, *noise,
        *gamma_mle_noised;
    double *mean_psi, *size_psi, *error_psi,
        *bias; /* [m] E psi, (E psi^2)^1/2, error of the mean by draws; -H^-1 E psi */
    double restricted, condition, rho, norm;
    bool sampled; /* nodes or what the loss draws */
} grid_values;

static sg_status new_matrices(int m, double **matrix[], int count) {
    for (int k = 0; k < count; k++) {
        sg_status status = sg_new(matrix[k], (size_t)m * (size_t)m, sizeof(double));
        if (status) return status;
    }
    return SG_OK;
}

static sg_status new_values(int m, grid_values *v) {
    double **vector[] = {&v->mean_psi, &v->size_psi, &v->error_psi, &v->bias};
    for (int k = 0; k < 4; k++) {
        sg_status status = sg_new(vector[k], (size_t)m, sizeof(double));
        if (status) return status;
    }
    double **matrix[] = {&v->gamma,       &v->gamma_mle, &v->dirichlet,    &v->fisher, &v->whiten,
                         &v->metric_root, &v->cov_psi,   &v->inefficiency, &v->noise,  &v->gamma_mle_noised};
    return new_matrices(m, matrix, 10);
}

static void delete_values(grid_values *v) {
    double *matrix[] = {v->gamma,       v->gamma_mle, v->dirichlet,    v->fisher, v->whiten,
                        v->metric_root, v->cov_psi,   v->inefficiency, v->noise,  v->gamma_mle_noised,
                        v->mean_psi,    v->size_psi,  v->error_psi,    v->bias};
    for (int k = 0; k < 14; k++) sg_delete(matrix[k]);
}

/* a^T a */
static void square(int m, const double *a, double *out) {
    sg_multiply_tn(m, a, a, out);
}

/* Fisher information, its root and inverse: from the scores in the free parameters themselves, which are well scaled.
 */
static sg_status information(const sg_model *model, const sg_fold *rows, grid_values *v) {
    sg_status status = SG_OK;
    int m = rows->m;
    double *inverse = NULL, condition;
    if ((status = sg_new(&inverse, (size_t)m * (size_t)m, sizeof(double)))) goto out;
    memcpy(v->metric_root, rows->score, (size_t)m * (size_t)m * sizeof(double));
    status = sg_invert(m, v->metric_root, inverse, &condition);
    if (status == SG_SINGULAR)
        status =
            sg_fail(SG_SINGULAR,
                    "the Fisher information of %s is singular: fix some of its parameters with free=", model->text);
    if (status) goto out;
    sg_multiply_nt(m, inverse, inverse, v->gamma_mle);
    square(m, v->metric_root, v->fisher);
out:
    sg_delete(inverse);
    return status;
}

/* H^-1 from the Dirichlet factor, or of a Hessian that is the loss's own: out = [m,m], symmetric or R^-1 R^-T. */
static sg_status inverse_hessian(const sg_fold *rows, const double *inverse, double *out) {
    double condition;
    if (rows->own_hessian) return sg_invert(rows->m, rows->hessian, out, &condition);
    sg_multiply_nt(rows->m, inverse, inverse, out);
    return SG_OK;
}

/* gamma, restricted Poincare constant and inefficiencies from whitened rows; W = v->whiten. */
static sg_status whitened_answers(const sg_model *model, const sg_fold *rows, int draws, grid_values *v) {
    sg_status status = SG_OK;
    int m = rows->m;
    double *middle = NULL, *inverse = NULL, *hessian = NULL, *a = NULL, *b = NULL, condition;
    double **matrix[] = {&middle, &inverse, &hessian, &a, &b};
    if ((status = new_matrices(m, matrix, 5))) goto out;
    if ((status = sg_fold_whitening(model, rows, inverse, &condition))) goto out;
    if ((status = sg_fold_middle(rows, draws, middle))) goto out;
    if (rows->own_hessian) {
        if ((status = inverse_hessian(rows, inverse, hessian))) goto out;
        sg_multiply(m, middle, hessian, b);
    } else {
        sg_multiply(m, middle, inverse, a);
        sg_multiply_nt(m, a, inverse, b); /* B = R_psi R^-1 R^-T in whitened coordinates */
    }
    sg_multiply_nt(m, b, rows->score, a);
    if ((status = sg_singular_values(m, a, v->inefficiency, NULL))) goto out;
    if (rows->noised[0] > 0) {
        /* the constant belongs to the score of the noised law, whose Dirichlet form H is */
        sg_multiply(m, rows->noised, inverse, a);
        sg_multiply_tn(m, inverse, a, hessian);
        v->restricted = sg_norm2(m, hessian);
    } else {
        sg_multiply(m, rows->score, inverse, a);
        v->restricted = sg_norm2(m, a) * sg_norm2(m, a);
    }
    sg_multiply_nt(m, b, v->whiten, a); /* B W^T */
    square(m, a, v->gamma);
    v->norm = sg_norm2(m, a) * sg_norm2(m, a);
    for (int j = 0; j < m; j++) v->inefficiency[j] *= v->inefficiency[j];
out:
    for (int k = 0; k < 5; k++) sg_delete(*matrix[k]);
    return status;
}

/* First pass in the free parameters: whitening, information, Cov psi, H. */
static sg_status plain_answers(const sg_model *model, const sg_fold *rows, int draws, grid_values *v) {
    sg_status status = SG_OK;
    int m = rows->m;
    double *factor = NULL;
    if ((status = sg_new(&factor, (size_t)m * (size_t)m, sizeof(double)))) return status;
    if ((status = information(model, rows, v))) goto out;
    if ((status = sg_fold_whitening(model, rows, v->whiten, &v->condition))) goto out;
    if ((status = sg_fold_middle(rows, draws, factor))) goto out;
    square(m, factor, v->cov_psi);
    for (int k = 0; k < m * m; k++) v->noise[k] = draws ? rows->noise[k] / draws : 0;
    if (rows->noised[0] > 0) {
        double condition;
        status = sg_invert(m, rows->noised, v->gamma_mle_noised, &condition);
    }
out:
    sg_delete(factor);
    return status;
}

/* Groups of blocks: for a jackknife where nodes are drawn, and to share work where the loss draws. */
enum { GROUPS = 16 };

static int groups_of(const sg_nodes *nodes, const sg_loss *loss) {
    const long long blocks = sg_nodes_blocks(nodes);
    if (nodes->drawn) return nodes->groups;
    if (!loss->row->spread) return 1;
    return blocks < GROUPS ? (int)blocks : GROUPS;
}

/* What one pass over the nodes says, in groups. */
typedef struct {
    int count;
    sg_fold *part[GROUPS], *all;
} grouped;

static void delete_grouped(grouped *g) {
    for (int k = 0; k < g->count; k++) sg_fold_delete(g->part[k]);
    if (g->count > 1) sg_fold_delete(g->all);
    *g = (grouped){0};
}

/*
 * The mean of psi, with what draws make of it: over groups of drawn nodes by the jackknife, of the loss's own draws at
 * given nodes at most (largest mass) E Var(psi of one draw | node)/draws; and how far the estimate is off by it.
 */
static sg_status mean_answers(const sg_nodes *nodes, const grouped *g, grid_values *v) {
    sg_status status = SG_OK;
    const sg_fold *all = g->all;
    const int m = all->m;
    double *hessian = NULL, condition, heaviest = 0;
    if ((status = sg_new(&hessian, (size_t)m * (size_t)m, sizeof(double)))) return status;
    for (long long i = 0; i < nodes->n; i++) heaviest = fmax(heaviest, nodes->mass[i]);
    v->sampled = nodes->drawn || all->draws > 0;
    for (int j = 0; j < m; j++) {
        double square = 0;
        for (int k = 0; nodes->drawn && k < g->count; k++) {
            const double share = g->part[k]->mass / (1 - g->part[k]->mass);
            const double change = share * (g->part[k]->mean_psi[j] - all->mean_psi[j]);
            square += (g->count - 1.0) / g->count * change * change;
        }
        if (!nodes->drawn && all->draws) square = heaviest * all->noise[j + (size_t)j * (size_t)m] / all->draws;
        v->mean_psi[j] = all->mean_psi[j];
        v->size_psi[j] = sqrt(all->square_psi[j] + DBL_MIN);
        v->error_psi[j] = sqrt(square);
    }
    if (all->own_hessian)
        status = sg_invert(m, all->hessian, hessian, &condition);
    else
        sg_multiply_nt(m, v->whiten, v->whiten, hessian);
    for (int j = 0; j < m && !status; j++)
        for (int k = 0; k < m; k++) v->bias[j] -= hessian[j + (size_t)k * (size_t)m] * v->mean_psi[k];
    sg_delete(hessian);
    return status;
}

/* H = W^-T W^-1: kept for readers; nothing is computed from it. */
static sg_status dirichlet_of(int m, grid_values *v) {
    double *inverse = NULL, condition;
    sg_status status = sg_new(&inverse, (size_t)m * (size_t)m, sizeof(double));
    if (!status) status = sg_invert(m, v->whiten, inverse, &condition);
    if (!status) square(m, inverse, v->dirichlet);
    sg_delete(inverse);
    return status;
}

/* Draws that the loss takes a datum, 0 for their mean or none. */
static int draws_of(const sg_loss *loss, const sg_prepared *prepared) {
    sg_spread spread = {0};
    if (loss->row->spread) loss->row->spread(prepared, &spread);
    return spread.draws;
}

static sg_status fold(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared, const sg_chart *chart,
                      const sg_nodes *nodes, bool bends, grouped *g) {
    const long long blocks = sg_nodes_blocks(nodes);
    const int count = groups_of(nodes, loss);
    sg_failure first = {0};
    *g = (grouped){.count = count};
#pragma omp parallel for schedule(dynamic) if (count > 1)
    for (int k = 0; k < count; k++) {
        const long long from = blocks * k / count, to = blocks * (k + 1) / count;
        sg_status status = sg_fold_new(model, loss, prepared, chart, nodes, from, to - from, bends, &g->part[k]);
        if (status) sg_failure_keep(&first, status);
    }
    if (first.status) return sg_fail(first.status, "%s", first.message);
    if (count > 1) return sg_fold_join(count, g->part, -1, &g->all);
    g->all = g->part[0];
    return SG_OK;
}

/*
 * Standard errors over groups of drawn nodes by the delete-a-group jackknife: se^2 = (G - 1)/G sum (value without group
 * - value)^2, into `spread`: norm (of the difference of gamma, for value), inefficiency, restricted.
 */
static sg_status jackknife(const sg_model *model, const grouped *g, int draws, const grid_values *v,
                           grid_values *spread) {
    sg_status status = SG_OK;
    const int m = model->m;
    const double share = (g->count - 1.0) / g->count;
    grid_values one = {0};
    double gamma2 = 0, worst2 = 0, restricted2 = 0;
    if ((status = new_values(m, &one))) goto out;
    memcpy(one.whiten, v->whiten, (size_t)m * (size_t)m * sizeof(double));
    for (int k = 0; k < g->count && !status; k++) {
        sg_fold *rest = NULL;
        status = sg_fold_join(g->count, g->part, k, &rest);
        if (!status) status = whitened_answers(model, rest, draws, &one);
        sg_fold_delete(rest);
        for (int i = 0; i < m * m; i++) spread->gamma[i] = one.gamma[i] - v->gamma[i];
        gamma2 += share * sg_norm2(m, spread->gamma) * sg_norm2(m, spread->gamma);
        worst2 += share * (one.inefficiency[0] - v->inefficiency[0]) * (one.inefficiency[0] - v->inefficiency[0]);
        restricted2 += share * (one.restricted - v->restricted) * (one.restricted - v->restricted);
    }
    spread->norm = sqrt(gamma2);
    spread->inefficiency[0] = sqrt(worst2);
    spread->restricted = sqrt(restricted2);
out:
    delete_values(&one);
    return status;
}

/* The same sums in whitened coordinates: of losses that draw, whose many points a datum are not looked at twice. */
static sg_status turn(grouped *g, const double *whiten) {
    sg_status status = SG_OK;
    for (int k = 0; k < g->count && !status; k++) status = sg_fold_turn(g->part[k], whiten);
    if (g->count > 1 && !status) status = sg_fold_turn(g->all, whiten);
    return status;
}

/* Are there so many points a datum that they are looked at once alone?  Drawn nodes are, too: they leave few digits. */
static bool costly(const sg_loss *loss, const sg_prepared *prepared) {
    sg_spread spread = {0};
    if (loss->row->spread) loss->row->spread(prepared, &spread);
    return loss->row->spread && spread.rule != 1;
}

enum { STARTS = 4 };

/*
 * Directions in which the estimates of the worst combinations move, along v->whiten: of R_S gamma R_S^T y = l y it is
 * W^T R_S^T y, H being the identity there.
 */
static sg_status worst_directions(int m, int count, const grid_values *v, double *out) {
    double *a = NULL, *b = NULL, *values = NULL;
    double **matrix[] = {&a, &b};
    sg_status status = new_matrices(m, matrix, 2);
    if (!status) status = sg_new(&values, (size_t)m, sizeof(double));
    if (status) goto out;
    sg_multiply(m, v->metric_root, v->gamma, a);
    sg_multiply_nt(m, a, v->metric_root, b);
    if ((status = sg_symmetric_eigen(m, b, values, a))) goto out;
    sg_multiply(m, v->metric_root, v->whiten, b);
    for (int k = 0; k < count; k++)
        cblas_dgemv(CblasColMajor, CblasTrans, m, m, 1, b, m, a + (size_t)(m - 1 - k) * (size_t)m, 1, 0,
                    out + (size_t)k * (size_t)m, 1);
out:
    sg_delete(a);
    sg_delete(b);
    sg_delete(values);
    return status;
}

/* From moments of Hessians where they were taken, otherwise by ascent. */
static sg_status worst_hessian(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                               const sg_nodes *nodes, const sg_fold *rows, grid_values *v) {
    const int m = model->m, count = m < STARTS ? m : STARTS;
    double *start = NULL;
    v->rho = sg_fold_worst_hessian(rows);
    if (rows->moment) return SG_OK;
    sg_status status = sg_new(&start, (size_t)m * (size_t)count, sizeof(double));
    if (!status) status = worst_directions(m, count, v, start);
    if (!status) status = sg_worst_hessian_nodes(model, loss, prepared, nodes, v->whiten, count, start, &v->rho);
    sg_delete(start);
    return status;
}

/* Hessians are looked at on one grid alone, the first. */
static sg_status on_grid(const sg_model *model, const sg_loss *loss, const sg_nodes *nodes, bool first, grid_values *v,
                         grid_values *spread) {
    sg_status status = SG_OK;
    sg_prepared *prepared = NULL;
    sg_chart *plain = NULL, *white = NULL;
    grouped g = {0};
    const bool drawing = loss->row->spread != NULL;
    if ((status = sg_loss_prepare(loss, model, nodes->panels ? nodes->panels : nodes->line, &prepared))) goto out;
    const int draws = draws_of(loss, prepared);
    if ((status = sg_chart_new(model, model->truth, NULL, &plain))) goto out;
    const bool bends = first && (!drawing || !draws);
    const bool once = nodes->drawn || costly(loss, prepared);
    if ((status = fold(model, loss, prepared, plain, nodes, once && bends, &g))) goto out;
    if ((status = plain_answers(model, g.all, draws, v))) goto out;
    if ((status = mean_answers(nodes, &g, v))) goto out;
    if ((status = dirichlet_of(model->m, v))) goto out;
    if (once) {
        status = turn(&g, v->whiten);
    } else {
        delete_grouped(&g);
        if ((status = sg_chart_new(model, model->truth, v->whiten, &white))) goto out;
        status = fold(model, loss, prepared, white, nodes, bends, &g);
    }
    if (status) goto out;
    if ((status = whitened_answers(model, g.all, draws, v))) goto out;
    if (first && (status = worst_hessian(model, loss, prepared, nodes, g.all, v))) goto out;
    if (spread) status = jackknife(model, &g, draws, v, spread);
out:
    delete_grouped(&g);
    sg_chart_delete(plain);
    sg_chart_delete(white);
    sg_loss_release(loss, prepared);
    return status;
}

/*
 * Nodes of the law, cut where D has kinks; of losses that draw, on the line, cut at e^-60, beyond which nothing is seen
 * by their rules, which cost thousands of points a node.
 */
static sg_status take_nodes(const sg_model *model, const sg_loss *loss, int level, sg_nodes **nodes) {
    sg_panels *panels = NULL;
    sg_status status;
    double cut[SG_CUTS_MOST];
    const int cuts = sg_loss_cuts(loss, model, cut);
    if (loss->row->round && model->space.d > 1) {
        status = sg_nodes_round(model, model->truth, loss->row->spread ? 60 : 200, level, nodes);
        if (status || *nodes) return status;
    }
    if (!loss->row->spread || model->space.d > 1 || model->space.shape != SG_LINE)
        return sg_nodes_cut(model, model->truth, level, cuts, cut, nodes);
    status = sg_model_panels_deep(model, model->truth, 60, level, &panels);
    if (!status) status = sg_new(nodes, 1, sizeof **nodes);
    if (status) {
        sg_panels_delete(panels);
        return status;
    }
    **nodes = sg_nodes_of(model, panels);
    return SG_OK;
}

static double norm_of_difference(int m, const double *a, const double *b, double *scratch) {
    for (int k = 0; k < m * m; k++) scratch[k] = a[k] - b[k];
    return sg_norm2(m, scratch);
}

/* A value that is all error is no value. */
static void judge_errors(sg_asymptotic *out, const grid_values *fine) {
    const double worst = fine->inefficiency[0];
    if (!(out->gamma_error < 0.1 * fine->norm && out->inefficiency_error < 0.1 * worst &&
          out->restricted_poincare_error < 0.1 * fine->restricted)) {
        out->status = SG_NO_DIGITS;
        snprintf(out->message, sizeof out->message,
                 "the error estimate leaves no digit (condition of the statistics %.2g): the modes are too far apart "
                 "for double precision",
                 fine->condition);
    }
}

/*
 * Differences of the grids, plus what rounding does to both alike: the statistics carry relative errors eps, which the
 * whitening multiplies by the condition of R; they enter the squares quadratically (independent of the main part), and
 * linearly at eps.
 */
static void estimate_errors(sg_asymptotic *out, bool squared, const grid_values *coarse, const grid_values *fine) {
    int m = out->m;
    double amplified = DBL_EPSILON * fine->condition, rounding = 16 * DBL_EPSILON + amplified * amplified;
    if (squared) rounding += amplified * fine->condition; /* H is a sum of squares, not a factor */
    double difference = norm_of_difference(m, fine->gamma, coarse->gamma, out->gamma);
    out->gamma_error = difference + rounding * fine->norm;
    double worst = fine->inefficiency[0];
    out->inefficiency_error = fabs(worst - coarse->inefficiency[0]) + rounding * worst;
    out->restricted_poincare_error = fabs(fine->restricted - coarse->restricted) + rounding * fine->restricted;
    judge_errors(out, fine);
}

/* Means of psi beyond these many errors are none of rounding, or of draws: 8 standard errors of a jackknife with 15
 * degrees of freedom are a false alarm with probability 1e-6. */
static const double FAR = 10, FAR_SAMPLED = 8;

static void judge_bias(const sg_model *model, const char *theory_only, sg_asymptotic *out, const grid_values *coarse,
                       const grid_values *fine) {
    bool biased = false;
    size_t used = 0;
    char list[160] = "";
    for (int j = 0; j < out->m; j++) {
        const double mean = fabs(fine->mean_psi[j]), size = fine->size_psi[j], drawn = fine->error_psi[j];
        const double error = 1e-9 * size + (coarse ? fabs(coarse->mean_psi[j] - fine->mean_psi[j]) : 0);
        biased = biased || mean > FAR * error + FAR_SAMPLED * drawn;
        if (!(mean / size <= out->mean_psi)) {
            out->mean_psi = mean / size;
            out->mean_psi_error = (fine->sampled ? drawn : error) / size;
        }
        out->bias[j] = fine->bias[j];
    }
    for (int j = 0; j < out->m && used + SG_NAME + 24 < sizeof list; j++) {
        char name[SG_NAME];
        sg_model_parameter(model, j, name);
        used += (size_t)snprintf(list + used, sizeof list - used, "%s%s %.3g", j ? ", " : "", name, out->bias[j]);
    }
    if (!biased || theory_only || out->status) return;
    out->status = SG_UNCERTIFIED;
    snprintf(
        out->message, sizeof out->message,
        "the estimate is biased, for E psi = 0 fails: by %s to first order, however large n; gamma is of its spread",
        list);
}

static void take(sg_asymptotic *out, grid_values *fine) {
    int m = out->m;
    size_t bytes = (size_t)m * (size_t)m * sizeof(double);
    memcpy(out->gamma, fine->gamma, bytes);
    memcpy(out->gamma_mle, fine->gamma_mle, bytes);
    memcpy(out->dirichlet, fine->dirichlet, bytes);
    memcpy(out->fisher, fine->fisher, bytes);
    memcpy(out->whiten, fine->whiten, bytes);
    memcpy(out->metric_root, fine->metric_root, bytes);
    memcpy(out->cov_psi, fine->cov_psi, bytes);
    memcpy(out->noise, fine->noise, bytes);
    memcpy(out->gamma_mle_noised, fine->gamma_mle_noised, bytes);
    for (int j = 0; j < m; j++) out->inefficiency[j] = fine->inefficiency[m - 1 - j];
    out->restricted_poincare = fine->restricted;
    out->condition = fine->condition;
    out->sampled = fine->sampled;
    out->rho = fine->rho;
}

/*
 * By counts, by all states, or by elimination, which is less work already where states are many and graphs are narrow;
 * all states keep more digits of ill-conditioned statistics, and name what is singular.
 */
static sg_status on_finite_set(const sg_model *model, const sg_loss *loss, sg_asymptotic *out) {
    const bool alike = sg_model_exchangeable(model) && loss->row->alike && loss->row->alike(loss->options, model);
    const double states = sg_model_states(model);
    if (alike || states <= STATES_LISTED) return sg_asymptotic_finite(model, loss, out);
    if (states > SG_STATES_MOST) return sg_asymptotic_local(model, loss, SG_LOCAL_CHEAPEST, out);
    sg_status status = sg_asymptotic_local(model, loss, SG_LOCAL_QUICK, out);
    if (status == SG_NO_MEMORY || (status == SG_OK && out->status == SG_OK)) return status;
    out->status = SG_OK;
    out->message[0] = '\0';
    return sg_asymptotic_finite(model, loss, out);
}

sg_status sg_asymptotic_new(const sg_model *model, const sg_loss *loss, sg_asymptotic **result) {
    sg_status status = SG_OK;
    grid_values coarse = {0}, fine = {0};
    sg_nodes *nodes[2] = {NULL, NULL};
    sg_asymptotic *out = NULL;
    int m = model->m;
    *result = NULL;
    if ((status = sg_loss_fits(loss, model))) goto out;
    if ((status = sg_new(&out, 1, sizeof *out))) goto out;
    out->m = m;
    double **matrix[] = {&out->theta,        &out->gamma,  &out->gamma_mle,       &out->dirichlet,
                         &out->fisher,       &out->whiten, &out->metric_root,     &out->cov_psi,
                         &out->inefficiency, &out->noise,  &out->gamma_mle_noised};
    if ((status = new_matrices(m, matrix, 11))) goto out;
    if ((status = sg_new(&out->bias, (size_t)m, sizeof(double)))) goto out;
    for (int j = 0; j < m; j++) out->theta[j] = model->named[model->free[j]];
    if (model->space.shape == SG_FINITE) {
        status = on_finite_set(model, loss, out);
        if (!status) status = sg_khr_terms_of(model, loss, NULL, out, &out->khr);
        goto out;
    }
    if ((status = new_values(m, &coarse)) || (status = new_values(m, &fine))) goto out;
    if ((status = take_nodes(model, loss, 0, &nodes[0]))) goto out;
    if (nodes[0]->drawn) {
        if ((status = on_grid(model, loss, nodes[0], true, &fine, &coarse))) goto out;
        out->gamma_error = coarse.norm;
        out->inefficiency_error = coarse.inefficiency[0];
        out->restricted_poincare_error = coarse.restricted;
        judge_errors(out, &fine);
        take(out, &fine);
        judge_bias(model, sg_loss_theory_only(loss), out, NULL, &fine);
        goto terms;
    }
    if ((status = take_nodes(model, loss, 1, &nodes[1]))) goto out;
    if ((status = on_grid(model, loss, nodes[0], true, &coarse, NULL))) goto out;
    if ((status = on_grid(model, loss, nodes[1], false, &fine, NULL))) goto out;
    estimate_errors(out, loss->row->spread != NULL, &coarse, &fine);
    take(out, &fine);
    judge_bias(model, sg_loss_theory_only(loss), out, &coarse, &fine);
    out->rho = coarse.rho;
terms:
    status = sg_khr_terms_of(model, loss, nodes[nodes[1] ? 1 : 0], out, &out->khr);
out:
    delete_values(&coarse);
    delete_values(&fine);
    sg_nodes_delete(nodes[0]);
    sg_nodes_delete(nodes[1]);
    if (status) {
        sg_asymptotic_delete(out);
        return status;
    }
    *result = out;
    return SG_OK;
}

/* The largest inefficiency on one grid. */
static sg_status quick_on_nodes(const sg_model *model, const sg_loss *loss, double *worst) {
    grid_values v = {0};
    sg_nodes *nodes = NULL;
    sg_status status = new_values(model->m, &v);
    if (!status) status = take_nodes(model, loss, 0, &nodes);
    if (!status) status = on_grid(model, loss, nodes, false, &v, NULL);
    if (!status) *worst = v.inefficiency[0];
    sg_nodes_delete(nodes);
    delete_values(&v);
    return status;
}

sg_status sg_asymptotic_quick(const sg_model *model, const sg_loss *loss, double *worst) {
    sg_asymptotic *a = NULL;
    *worst = NAN;
    sg_status status = sg_loss_fits(loss, model);
    if (status) return status;
    if (model->space.shape != SG_FINITE) return quick_on_nodes(model, loss, worst);
    status = sg_asymptotic_new(model, loss, &a);
    if (!status && a->status == SG_OK) *worst = a->inefficiency[a->m - 1];
    sg_asymptotic_delete(a);
    return status;
}

void sg_asymptotic_delete(sg_asymptotic *a) {
    if (!a) return;
    double *matrix[] = {a->theta,       a->gamma,   a->gamma_mle,    a->dirichlet, a->fisher,           a->whiten,
                        a->metric_root, a->cov_psi, a->inefficiency, a->noise,     a->gamma_mle_noised, a->bias};
    for (int k = 0; k < 12; k++) sg_delete(matrix[k]);
    sg_delete(a);
}
