/*
 * A couple on a finite set: the program's matrices against those of the generator, the spectral sums, and the same law
 * in disguise.
 */
#ifndef SG_TESTS_ESTIMATE_FINITE_CHECKS_H
#define SG_TESTS_ESTIMATE_FINITE_CHECKS_H

#include "couple.h"

/* The program's matrices and covariances against the generator's, up to the rounding of the oracle's inverses. */
static inline void check_program(const couple *c) {
    const oracle *o = &c->o;
    const sg_asymptotic *a = c->a;
    const double loose = rounding(o);
    double root[SQUARE], inverse[SQUARE], difference[SQUARE], value[FREE];
    for (int i = 0; i < o->m * o->m; i++) {
        const int j = i % o->m, l = i / o->m;
        const double scale = sqrt(o->fisher[j + j * o->m] * o->fisher[l + l * o->m]);
        assert_near(a->fisher[i], o->fisher[i], 1e-13 * scale);
        assert_near(a->dirichlet[i], o->h[i], 1e-13 * (1 + o->top) * scale);
        if (!c->averaged)
            assert_near(a->cov_psi[i], o->k[i] + o->noise[i], 1e-12 * (1 + o->top) * (1 + o->top) * scale);
        difference[i] = a->gamma[i] - o->gamma[i];
    }
    agree(c, "C_res", a->restricted_poincare, o->restricted, loose);
    power(o->m, o->fisher, -1, inverse);
    for (int i = 0; i < o->m * o->m; i++) assert_near(a->gamma_mle[i], inverse[i], loose * sg_norm2(o->m, inverse));
    if (c->averaged) return; /* its Gamma: from the influences */
    power(o->m, o->gamma, -0.5, root);
    framed(o->m, root, difference, value);
    if (!(fabs(value[0]) <= loose && value[o->m - 1] <= loose))
        fail_msg("%s %s: Gamma is off by [%.2g, %.2g] of itself, tolerance %.2g", c->model->text, c->loss->text,
                 value[0], value[o->m - 1], loose);
    agree(c, "worst inefficiency", a->inefficiency[o->m - 1], o->worst, loose);
    agree(c, "least inefficiency", a->inefficiency[0], o->least, loose);
}

/* H and Cov L S from the spectrum; the spectral form of each parameter; Gamma = 1/H of random masks. */
static inline void check_spectral_sums(const couple *c) {
    const oracle *o = &c->o;
    const double loose = rounding(o);
    for (int j = 0; j < o->m; j++) {
        double w = 0, lw = 0, llw = 0;
        for (int k = 1; k < o->n; k++) {
            const double weight = o->weight[(size_t)j * (size_t)o->n + (size_t)k];
            w += weight;
            lw += o->value[k] * weight;
            llw += o->value[k] * o->value[k] * weight;
        }
        const double spread = o->top * w / lw, square = o->top * o->top * w / llw;
        agree(c, "sum w", w, o->fisher[j + j * o->m], 1e-11);
        agree(c, "sum l w", lw, o->h[j + j * o->m], 1e-11 * spread);
        agree(c, "sum l^2 w", llw, o->k[j + j * o->m], 1e-11 * square);
        if (c->averaged || c->loss->row->tag) continue;
        const double ratio =
            c->a->fisher[j + j * o->m] * c->a->cov_psi[j + j * o->m] / pow(c->a->dirichlet[j + j * o->m], 2);
        agree(c, "spectral form", ratio, w * llw / (lw * lw), 1e-11 * (spread + square));
    }
    if (!c->loss->row->tag || c->averaged) return;
    double root[SQUARE], value[FREE];
    power(o->m, o->h, 0.5, root);
    framed(o->m, root, o->gamma, value);
    assert_near(value[0], 1, loose);
    assert_near(value[o->m - 1], 1, loose);
    below(c, "inefficiency of random masks <= 1/gap", o->worst, 1 / o->gap, loose);
}

/* ------------------------------------------------------------------ disguises */

/*
 * The same law with its sites in another order and the states of each site turned by a constant, seen through a jet
 * and a list of states alone.
 */
static struct {
    const sg_family *family;
    const sg_model *model;
    int order[FREE], turn[FREE]; /* site i of the model is site order[i] here, turned back */
} mask;

static inline double turned(double x, int q, int turn) {
    if (q == 2) return turn ? -x : x;
    return x + turn >= q ? x + turn - q : x + turn;
}

static inline void disguised_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *jet) {
    static double x[FREE * SG_BLOCK];
    const int q = model->space.q;
    for (int a = 0; a < model->space.d; a++)
        for (int i = 0; i < block->n; i++)
            x[a * SG_BLOCK + i] = turned(block->x[mask.order[a] * SG_BLOCK + i], q, mask.turn[a]);
    sg_block own = *block;
    own.x = x;
    mask.family->jet(mask.model, theta, &own, jet);
}

static inline void disguised_states(const sg_model *model, const double *theta, uint64_t first, int count,
                                    double *logp) {
    const int d = model->space.d, q = model->space.q;
    for (int k = 0; k < count; k++) {
        uint64_t code = 0;
        for (int a = d - 1; a >= 0; a--) {
            uint64_t rest = first + (uint64_t)k;
            for (int i = 0; i < mask.order[a]; i++) rest /= (uint64_t)q;
            code = code * (uint64_t)q + (rest % (uint64_t)q + (uint64_t)mask.turn[a]) % (uint64_t)q;
        }
        mask.family->states(mask.model, theta, code, 1, logp + k);
    }
}

/* Are the blocks the same after the sites have changed places? */
static inline bool keeps_blocks(const couple *c) {
    sg_site_blocks blocks;
    bool all = true;
    if (!c->loss->row->blocks) return true;
    OK(c->loss->row->blocks(c->loss->options, c->model, &blocks));
    for (int b = 0; b < blocks.count && all; b++) {
        uint32_t moved = 0;
        bool found = false;
        for (int i = 0; i < c->model->space.d; i++)
            if (blocks.mask[b] >> i & 1) moved |= UINT32_C(1) << mask.order[i];
        for (int k = 0; k < blocks.count; k++)
            found = found || (blocks.mask[k] == moved && blocks.rate[k] == blocks.rate[b]);
        all = found;
    }
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return all;
}

/* The parameters of a site are those that it has in the model. */
static const int *disguised_touched(const sg_model *model, int site, int *count) {
    int own = 0;
    while (mask.order[own] != site) own++;
    (void)model;
    return mask.family->touched(mask.model, own, count);
}

static inline void check_disguise(const couple *c, sg_stream *stream) {
    const int d = c->model->space.d;
    sg_family family = {.name = "disguised",
                        .can = c->model->family->can & (SG_LINEAR | SG_STATES | SG_HARD),
                        .jet = disguised_jet,
                        .states = disguised_states,
                        .inside = c->model->family->inside,
                        .touched = c->model->family->touched ? disguised_touched : NULL,
                        .parameter = c->model->family->parameter};
    sg_model other = *c->model;
    sg_asymptotic *a = NULL;
    sg_gap gap;
    mask.family = c->model->family;
    mask.model = c->model;
    other.family = &family;
    for (int i = 0; i < d; i++) mask.order[i] = i, mask.turn[i] = draw_below(stream, c->model->space.q);
    for (int i = d - 1; i > 0; i--) {
        const int k = draw_below(stream, i + 1), swap = mask.order[i];
        mask.order[i] = mask.order[k], mask.order[k] = swap;
    }
    if (!keeps_blocks(c))
        for (int i = 0; i < d; i++) mask.order[i] = i;
    if (sg_asymptotic_new(&other, c->loss, &a)) fail_msg("%s %s: %s", c->model->text, c->loss->text, sg_message());
    const double loose = rounding(&c->o);
    near_matrix(c, "Fisher in disguise", a->m, a->fisher, c->a->fisher, 1e-12);
    near_matrix(c, "H in disguise", a->m, a->dirichlet, c->a->dirichlet, 1e-12 * (1 + c->o.top * c->o.restricted));
    near_matrix(c, "Gamma in disguise", a->m, a->gamma, c->a->gamma, loose);
    if (c->o.n == c->s->states) { /* no hook tells what is forbidden */
        OK(sg_spectrum_gap(&other, c->loss, NULL, &gap, NULL));
        below(c, "gap in disguise", gap.gap_lower, c->gap.gap_upper + 1e-12 * c->o.top, 1e-11);
        below(c, "gap in disguise", c->gap.gap_lower, gap.gap_upper + 1e-12 * c->o.top, 1e-11);
    }
    sg_asymptotic_delete(a);
}

#endif
