/*
 * What theory says of one (model, loss) pair: inequalities, bounds, the identity of loss and generator, the spectrum,
 * and models with fewer parameters.
 */
#ifndef SG_TESTS_ESTIMATE_PAIR_CHECKS_H
#define SG_TESTS_ESTIMATE_PAIR_CHECKS_H

#include "finite_checks.h"

/* --------------------------------------------------------------- inequalities */

/* E[L S] = 0; Gamma symmetric, positive, above Gamma_MLE; C_res <= C_P, all within the stated errors. */
static inline void check_inequalities(const couple *c) {
    const sg_asymptotic *a = c->a;
    double value[PROBE_M];
    if (!(a->mean_psi < 1e-9))
        fail_msg("%s %s: E psi is %.2g standard deviations", c->model->text, c->loss->text, a->mean_psi);
    for (int j = 0; j < a->m; j++)
        for (int k = 0; k < j; k++)
            assert_true(fabs(a->gamma[j + k * a->m] - a->gamma[k + j * a->m]) <= 1e-12 * sg_norm2(a->m, a->gamma));
    OK(sg_symmetric_eigen(a->m, a->gamma, value, NULL));
    assert_true(value[0] > -a->gamma_error - 1e-14 * value[a->m - 1]);
    const double error = a->inefficiency_error / a->inefficiency[a->m - 1];
    /* the least is known to eps of the largest, at best */
    below(c, "Gamma_MLE <= Gamma", 1, a->inefficiency[0], 1e-11 + error + 64 * DBL_EPSILON * a->inefficiency[a->m - 1]);
    if (c->gap.status == SG_NOT_ATTAINED) return; /* nothing bounds C_P then */
    if (c->gap.status) fail_msg("%s %s: gap: %s", c->model->text, c->loss->text, c->gap.message);
    below(c, "C_res <= C_P", a->restricted_poincare - a->restricted_poincare_error, 1 / c->gap.gap_lower, 1e-12);
}

/*
 * Kantorovich's bound and, since Cov L S <= l_max H, Gamma <= l_max C_res Gamma_MLE (for pseudolikelihood l_max <= n):
 * these are of the averaged generator; one random mask a datum has 1/gap in its place, and averages over sites have
 * none.  KHR's chain, term by term, with C_res and with C_P.
 */
static inline void check_bounds(const couple *c) {
    const double loose = 1e-6, worst = c->a->inefficiency[c->a->m - 1];
    sg_bounds b;
    if (c->gap.status) return;
    OK(sg_bounds_of(c->model, c->loss, c->a, &c->gap, &b));
    if (c->averaged) {
        assert_true(!isfinite(b.kantorovich));
    } else if (c->loss->row->tag) {
        below(c, "1/gap of random masks", worst, b.kantorovich, loose);
        below(c, "that bound", 1 / c->gap.gap * (1 - loose), b.kantorovich, loose);
        below(c, "is 1/gap", b.kantorovich, 1 / c->gap.gap_lower, loose);
    } else {
        below(c, "Kantorovich", worst, b.kantorovich, loose);
        if (!isfinite(b.kantorovich) && c->loss->row->kind != SG_DIFFUSION && c->loss->row->kind != SG_RESAMPLE)
            fail_msg("%s %s: Kantorovich's bound is %g", c->model->text, c->loss->text, b.kantorovich);
        if (c->finite) below(c, "Kantorovich", worst, sg_bound_kantorovich_upper(c->o.gap, c->o.top), rounding(&c->o));
        if (c->finite) below(c, "l_max C_res", worst, c->o.top * c->a->restricted_poincare, loose);
    }
    const sg_khr_chain *chains[] = {&b.khr_restricted, &b.khr_poincare};
    const double norm = sg_norm2(c->a->m, c->a->gamma);
    for (int k = 0; k < 2; k++) {
        const sg_khr_chain *chain = chains[k];
        assert_true(c->loss->row->kind == SG_DIFFUSION || !isfinite(chain->bound));
        if (!isfinite(chain->bound)) continue;
        below(c, "|Gamma| <= |H^-1|^2 |Cov psi|", norm, chain->step_inverse, loose);
        below(c, "|H^-1| <= C |Gamma_MLE|", chain->step_inverse, chain->step_poincare, loose);
        below(c, "|Cov psi| split", chain->step_poincare, chain->step_split, loose);
        below(c, "KHR's bound", chain->step_split, chain->bound, loose);
    }
}

/* gamma += H^-1 noise H^-1, H^-1 = W W': what the values of the averaged loss do not have. */
static inline void add_draws(const sg_asymptotic *a, double *gamma) {
    double inverse[PROBE_SQUARE], half[PROBE_SQUARE], whole[PROBE_SQUARE];
    sg_multiply_nt(a->m, a->whiten, a->whiten, inverse);
    sg_multiply(a->m, inverse, a->noise, half);
    sg_multiply(a->m, half, inverse, whole);
    for (int k = 0; k < a->m * a->m; k++) gamma[k] += whole[k];
}

/*
 * Gamma from the values of the loss alone against H^-1 Cov(L S) H^-1 of the generator.  Differences in whitened
 * coordinates do not suffer from the condition of the statistics.
 */
static inline void check_identity(const couple *c) {
    const int m = c->model->m;
    const sg_asymptotic *a = c->a;
    double gamma[PROBE_SQUARE], product[PROBE_SQUARE], values[PROBE_M], *influence = NULL;
    probe p = {0};
    sg_site_blocks masks = {0};
    if (c->loss->row->tag) OK(c->loss->row->blocks(c->loss->options, c->model, &masks));
    const int points = (int)c->nodes->n * (masks.count ? masks.count : 1);
    sg_delete(masks.mask);
    sg_delete(masks.rate);
    OK(sg_new(&influence, (size_t)m * (size_t)points, sizeof(double)));
    if (c->averaged) {
        influence_of_sites(c, influence);
        p = (probe){.n = points, .mass = c->nodes->mass};
    } else {
        influence_of_values(c->model, c->loss, c->nodes, a, &p, influence);
    }
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++)
            gamma[j + k * m] =
                probe_product(&p, influence + (size_t)j * (size_t)points, influence + (size_t)k * (size_t)points);
    /* of nodes that are coarser here */
    const double stated =
        2 * fmax(a->inefficiency_error / a->inefficiency[m - 1], a->gamma_error / sg_norm2(m, a->gamma));
    const double tolerance = stated + (p.quadratic ? 1e-10 : 5e-7 + (c->averaged ? 0 : probe_noise(&p)));
    if (!c->averaged) probe_close(&p);
    sg_delete(influence);
    if (c->loss->row->spread) add_draws(a, gamma);
    sg_multiply(m, a->metric_root, gamma, product);
    sg_multiply_nt(m, product, a->metric_root, gamma);
    OK(sg_symmetric_eigen(m, gamma, values, NULL));
    for (int j = 0; j < m; j++)
        if (!(fabs(values[j] - a->inefficiency[j]) < tolerance * a->inefficiency[m - 1]))
            fail_msg("%s %s: inefficiency %.12g from the loss, %.12g from the generator", c->model->text, c->loss->text,
                     values[j], a->inefficiency[j]);
}

/* ------------------------------------------------------------------- spectrum */

/*
 * The first eigenvalue of another solver lies in the enclosure of the gap, and the spectral form gives the number of
 * the quadrature or sum: on the line by spectral elements, on finite sets by the dense generator.
 */
static inline void check_spectrum(const couple *c) {
    const sg_gap *gap = &c->gap;
    sg_profile *profile = NULL;
    const double floor = c->finite ? 1e-12 * c->o.top : 1e-9 * gap->gap;
    if (gap->status == SG_NOT_ATTAINED) return; /* no eigenfunctions, or not of all of S */
    if (c->finite) {
        below(c, "lower end of the gap", gap->gap_lower, c->o.gap + floor, 1e-11);
        below(c, "the gap of the dense generator", c->o.gap, gap->gap_upper + floor, 1e-11);
    }
    if (c->averaged) return;
    /* in the plane a second or two each: of one loss a model */
    if (!c->finite && c->model->space.d > 1 && strcmp(c->loss->text, "score-matching")) return;
    const sg_status status = sg_profile_new(c->model, c->loss, c->a, 40, &profile);
    if (status == SG_UNDEFINED && !c->finite && c->model->space.d + c->loss->row->more > 1) return;
    if (status) fail_msg("%s %s: %s", c->model->text, c->loss->text, sg_message());
    if (profile->status) fail_msg("%s %s: %s", c->model->text, c->loss->text, profile->message);
    if (!c->finite) {
        below(c, "lower end of the gap", gap->gap_lower, profile->eigenvalue[0] + floor, 0);
        below(c, "first eigenvalue", profile->eigenvalue[0], gap->gap_upper + floor, 0);
    }
    for (int j = 0; j < c->model->m; j++)
        below(c, "spectral form", fabs(profile->ratio_spectral[j] - profile->ratio_quadrature[j]),
              profile->ratio_bound[j], 0);
    sg_profile_delete(profile);
}

/* ----------------------------------------------------------------- sub-models */

static inline void take_part(int m, const double *from, int count, const int *place, double *to) {
    for (int j = 0; j < count; j++)
        for (int k = 0; k < count; k++) to[j + k * count] = from[place[j] + place[k] * m];
}

/* Some parameters known: the matrices are parts of the whole ones, and Gamma follows from these. */
static inline void check_submodel(const couple *c, sg_stream *stream) {
    const int m = c->model->m;
    int list[PROBE_M], place[PROBE_M], count = 0;
    double h[PROBE_SQUARE], middle[PROBE_SQUARE], fisher[PROBE_SQUARE], inverse[PROBE_SQUARE], product[PROBE_SQUARE];
    double condition;
    sg_loss *loss = NULL;
    sg_asymptotic *a = NULL;
    if (m < 2 || c->model->family->direction) return; /* parameters by name are no coordinates */
    const int keep = draw_below(stream, m);
    for (int j = 0; j < m; j++)
        if (j == keep || draw_uniform(stream) < 0.4) place[count] = j, list[count++] = c->model->free[j];
    sg_model *part = with_free(c->model, count, list);
    OK(sg_loss_new(c->loss->text, &loss));
    const sg_status status = sg_loss_fits(loss, part) ? SG_MISFIT : sg_asymptotic_new(part, loss, &a);
    if (!status && !a->status) {
        const double loose = c->finite ? rounding(&c->o) : 1e-9 * c->a->condition;
        take_part(m, c->a->fisher, count, place, fisher);
        take_part(m, c->a->dirichlet, count, place, h);
        take_part(m, c->a->cov_psi, count, place, middle);
        near_matrix(c, "Fisher of a part", count, a->fisher, fisher, 1e-11);
        near_matrix(c, "H of a part", count, a->dirichlet, h, 1e-9);
        if (!c->averaged) {
            near_matrix(c, "Cov psi of a part", count, a->cov_psi, middle, 1e-9);
            OK(sg_invert(count, h, inverse, &condition));
            sg_multiply(count, inverse, middle, product);
            sg_multiply(count, product, inverse, middle);
            near_matrix(c, "Gamma of a part", count, a->gamma, middle, loose * (1 + condition));
        }
    }
    sg_asymptotic_delete(a);
    sg_loss_delete(loss);
    sg_model_delete(part);
}

/* ------------------------------------------------------------------ all of them */

static inline void check_couple(sg_model *model, const char *text, sg_stream *stream) {
    couple c;
    if (open_couple(model, text, &c)) {
        check_inequalities(&c);
        check_bounds(&c);
        check_identity(&c);
        check_spectrum(&c);
        if (c.finite) {
            check_generator(c.s, 1e-12);
            check_program(&c);
            check_spectral_sums(&c);
            check_disguise(&c, stream);
        }
        check_submodel(&c, stream);
    }
    close_couple(&c);
}

#endif
