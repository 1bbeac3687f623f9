#include <math.h>
#include <string.h>

#include "estimate/bounds.h"
#include "estimate/fold.h"
#include "estimate/gap-bounds-lifted.h"
#include "scoregap/chain.h"

/* What the KHR chain is made of at the nodes; each vector [m] a node, column-major [n][m]. */
typedef struct {
    int n, m;
    double *drift, *laplacian, *divergence; /* JF D s, tr(D Hess F), JF div D */
    double *jacobian2, *extended2;          /* [n] ||JF||^2, and with the base as one more statistic */
    double *score2;                         /* [n] |s|^2 */
    bool varying, scaled, base;
} khr_nodes;

static double operator_norm2(int m, int d, int i, const double *dt_dx) {
    double gram[64] = {0}, values[8], largest = 0;
    if (d > 8) return NAN;
    for (int a = 0; a < d; a++)
        for (int b = 0; b < d; b++)
            for (int j = 0; j < m; j++)
                gram[a + b * d] += dt_dx[(j * d + a) * SG_BLOCK + i] * dt_dx[(j * d + b) * SG_BLOCK + i];
    if (d == 1) return gram[0];
    if (d == 2) return 0.5 * (gram[0] + gram[3] + hypot(gram[0] - gram[3], 2 * gram[1]));
    if (sg_symmetric_eigen(d, gram, values, NULL)) return NAN;
    for (int a = 0; a < d; a++) largest = fmax(largest, values[a]);
    return largest;
}

/* D at the points of a block, and its divergence. */
typedef struct {
    sg_d_shape shape;
    double *D, *div;
} field;

/* Row of D that holds its entry (a, b), b <= a; NULL: that is zero. */
static const double *row_of(const field *f, int a, int b) {
    if (f->shape == SG_D_MATRIX) return f->D + (size_t)(a * (a + 1) / 2 + b) * SG_BLOCK;
    return a != b ? NULL : f->D + (size_t)(f->shape == SG_D_DIAGONAL ? a : 0) * SG_BLOCK;
}

static void note(khr_nodes *k, const field *f, int d, int n) {
    for (int a = 0; a < d; a++)
        for (int b = 0; b <= a; b++) {
            const double *D = row_of(f, a, b), *div = f->div + (size_t)a * SG_BLOCK;
            for (int i = 0; i < n && D; i++) {
                k->varying |= div[i] != 0;
                k->scaled |= D[i] != (a == b);
            }
        }
}

/* Second derivatives along axes a and b <= a of parameter j's member. */
static const double *second(const sg_jet *jet, int j, int a, int b) {
    const int row = jet->want & SG_DIAGONAL ? a : a * (a + 1) / 2 + b;
    return jet->dt_dxx + (size_t)(j * sg_jet_seconds(jet) + row) * SG_BLOCK;
}

static void add_product(int n, double factor, const double *restrict u, const double *restrict v, double *restrict to) {
    for (int i = 0; i < n; i++) to[i] += factor * u[i] * v[i];
}

/* Drift, Laplacian and divergence of parameter j at the points of a block, whose first is node `at`. */
static void differentiate(const khr_nodes *k, const sg_jet *jet, const field *f, int n, int j, size_t at) {
    const int d = jet->d;
    const size_t to = (size_t)j * k->n + at;
    for (int a = 0; a < d; a++) {
        const double *g = jet->dt_dx + (size_t)(j * d + a) * SG_BLOCK;
        add_product(n, 1, f->div + (size_t)a * SG_BLOCK, g, k->divergence + to);
        for (int b = 0; b <= a; b++) {
            const double *D = row_of(f, a, b), *h = jet->dt_dx + (size_t)(j * d + b) * SG_BLOCK;
            if (!D) continue;
            add_product(n, a == b ? 1 : 2, D, second(jet, j, a, b), k->laplacian + to);
            for (int i = 0; i < n; i++) {
                const double s = jet->dx[a * SG_BLOCK + i], t = a == b ? 0 : jet->dx[b * SG_BLOCK + i];
                k->drift[to + i] += D[i] * (h[i] * s + g[i] * t);
            }
        }
    }
}

/* What a base measure says, and the norms of s and of JF. */
static void sizes(khr_nodes *k, const sg_model *model, const sg_jet *jet, int n, size_t at) {
    const int d = jet->d;
    _Alignas(SG_ALIGN) double rest[SG_BLOCK], base2[SG_BLOCK] = {0};
    for (int a = 0; a < d; a++) {
        const double *s = jet->dx + (size_t)a * SG_BLOCK;
        memcpy(rest, s, sizeof rest);
        for (int j = 0; j < k->m; j++) {
            const double theta = -model->named[model->free[j]], *g = jet->dt_dx + (size_t)(j * d + a) * SG_BLOCK;
            for (int i = 0; i < n; i++) rest[i] += theta * g[i];
        }
        add_product(n, 1, rest, rest, base2);
        add_product(n, 1, s, s, k->score2 + at);
    }
    for (int i = 0; i < n; i++) {
        if (base2[i] > 1e-18 * (k->score2[at + i] + 1)) k->base = true;
        k->jacobian2[at + i] = operator_norm2(k->m, d, i, jet->dt_dx);
        /* ||(JF; grad log h)||^2 <= ||JF||^2 + |grad log h|^2 */
        k->extended2[at + i] = k->jacobian2[at + i] + base2[i];
    }
}

/* On the sphere gradients are replaced by their parts along it, and the first of the second derivatives so that their
 * trace is the Laplacian of the sphere. */
static void to_sphere(const sg_block *block, sg_jet *jet) {
    const int d = jet->d, gradient = d * SG_BLOCK, hessian = d * (d + 1) / 2 * SG_BLOCK;
    for (int j = -1; j < jet->m; j++) {
        double *g = j < 0 ? jet->dx : jet->dt_dx + j * gradient, *h = j < 0 ? NULL : jet->dt_dxx + j * hessian;
        for (int i = 0; i < block->n; i++) {
            double across = 0, bend = 0;
            for (int a = 0; a < d; a++) across += block->x[a * SG_BLOCK + i] * g[a * SG_BLOCK + i];
            for (int a = 0, pair = 0; a < d && h; a++)
                for (int b = 0; b <= a; b++, pair++)
                    bend += (a == b ? 1 : 2) * h[pair * SG_BLOCK + i] * block->x[a * SG_BLOCK + i] *
                            block->x[b * SG_BLOCK + i];
            for (int a = 0; a < d; a++) g[a * SG_BLOCK + i] -= across * block->x[a * SG_BLOCK + i];
            if (h) h[i] -= bend + (d - 1) * across;
        }
    }
}

static sg_status collect(khr_nodes *k, const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                         const sg_nodes *nodes) {
    sg_status status = SG_OK;
    sg_chart *chart = NULL;
    sg_lens *lens = NULL;
    field f = {SG_D_SCALAR, NULL, NULL};
    const size_t d = (size_t)model->space.d;
    int jets = SG_DX | SG_DT_DX | SG_DT_DXX;
    if ((status = sg_chart_new(model, model->truth, NULL, &chart))) goto out;
    if ((status = sg_lens_new(model, loss, chart, 0, jets, &lens))) goto out;
    if (loss->row->shape) f.shape = loss->row->shape(prepared);
    if ((status = sg_new(&f.D, SG_BLOCK * (size_t)sg_d_rows(f.shape, (int)d), sizeof(double)))) goto out;
    if ((status = sg_new(&f.div, SG_BLOCK * d, sizeof(double)))) goto out;
    for (int i = 0; i < SG_BLOCK; i++) f.D[i] = 1;
    for (int first = 0; first < k->n; first += SG_BLOCK) {
        sg_lens_nodes(lens, nodes, first / SG_BLOCK);
        sg_lens_look(lens, prepared, NULL, model->truth, &lens->block, 0, jets);
        if (model->space.shape == SG_SPHERE) to_sphere(&lens->block, &lens->jet);
        if (loss->row->diffusion) loss->row->diffusion(prepared, &lens->block, f.D, f.div);
        note(k, &f, (int)d, lens->block.n);
        sizes(k, model, &lens->jet, lens->block.n, (size_t)first);
        for (int j = 0; j < k->m; j++) differentiate(k, &lens->jet, &f, lens->block.n, j, (size_t)first);
    }
out:
    sg_delete(f.D);
    sg_delete(f.div);
    sg_lens_delete(lens);
    sg_chart_delete(chart);
    return status;
}

/* Operator norm of the covariance of the columns x [n][m] under p. */
static sg_status covariance_norm(const sg_nodes *nodes, int m, const double *x, double *norm) {
    sg_status status = SG_OK;
    double *centred = NULL, *covariance = NULL;
    size_t n = (size_t)nodes->n;
    if ((status = sg_new(&centred, n * (size_t)m, sizeof(double)))) goto out;
    if ((status = sg_new(&covariance, (size_t)m * (size_t)m, sizeof(double)))) goto out;
    for (int j = 0; j < m; j++) {
        double mean = sg_nodes_mean(nodes, x + (size_t)j * n);
        for (size_t i = 0; i < n; i++) centred[(size_t)j * n + i] = x[(size_t)j * n + i] - mean;
    }
    for (int j = 0; j < m; j++)
        for (int k = 0; k <= j; k++) {
            double sum = 0;
            for (size_t i = 0; i < n; i++)
                sum += nodes->mass[i] * centred[(size_t)j * n + i] * centred[(size_t)k * n + i];
            covariance[j + k * m] = covariance[k + j * m] = sum;
        }
    *norm = sg_norm2(m, covariance);
out:
    sg_delete(centred);
    sg_delete(covariance);
    return status;
}

static double mean_square(const sg_nodes *nodes, int m, const double *x) {
    double sum = 0;
    for (int j = 0; j < m; j++)
        for (int i = 0; i < nodes->n; i++)
            sum += nodes->mass[i] * x[(size_t)j * nodes->n + i] * x[(size_t)j * nodes->n + i];
    return sum;
}

/* The expectations of the theorem that applies: KHR Theorem 2 for D = 1, QR Theorem 6 (covariance norms) otherwise. */
static void displayed(const sg_model *model, const sg_nodes *nodes, const khr_nodes *k, sg_khr_terms *out) {
    bool linear = model->family->can & SG_LINEAR;
    double theta2 = k->base ? 1 : 0, drift = 0;
    if (k->scaled || k->varying) {
        out->mean_drift = out->norm_cov_drift;
        out->mean_laplacian = out->norm_cov_laplacian;
        out->mean_divergence = out->norm_cov_divergence;
        return;
    }
    for (int j = 0; j < model->m; j++) theta2 += model->named[model->free[j]] * model->named[model->free[j]];
    for (int i = 0; i < nodes->n; i++)
        drift += nodes->mass[i] * k->jacobian2[i] *
                 (linear ? theta2 * (k->base ? k->extended2[i] : k->jacobian2[i]) : k->score2[i]);
    out->mean_drift = drift;
    out->mean_laplacian = mean_square(nodes, k->m, k->laplacian);
    out->mean_divergence = 0;
}

static void no_terms(sg_khr_terms *out) {
    double *real[] = {&out->norm_gamma,     &out->norm_gamma_mle,     &out->norm_h_inverse,      &out->norm_cov_psi,
                      &out->norm_cov_drift, &out->norm_cov_laplacian, &out->norm_cov_divergence, &out->mean_drift,
                      &out->mean_laplacian, &out->mean_divergence};
    for (int k = 0; k < 10; k++) *real[k] = NAN;
    out->varying = false;
}

sg_status sg_khr_terms_of(const sg_model *model, const sg_loss *loss, const sg_nodes *nodes, const sg_asymptotic *a,
                          sg_khr_terms *out) {
    sg_status status = SG_OK;
    sg_prepared *prepared = NULL;
    khr_nodes k = {.n = nodes ? (int)nodes->n : 0, .m = model->m};
    size_t n = (size_t)k.n, m = (size_t)k.m;
    no_terms(out);
    if (loss->row->kind != SG_DIFFUSION || loss->row->more) return SG_OK;
    double **vectors[] = {&k.drift, &k.laplacian, &k.divergence}, **scalars[] = {&k.jacobian2, &k.extended2, &k.score2};
    for (int i = 0; i < 3; i++) {
        if ((status = sg_new(vectors[i], n * m, sizeof(double)))) goto out;
        if ((status = sg_new(scalars[i], n, sizeof(double)))) goto out;
    }
    if ((status = sg_loss_prepare(loss, model, nodes->panels, &prepared))) goto out;
    if ((status = collect(&k, model, loss, prepared, nodes))) goto out;
    if ((status = covariance_norm(nodes, k.m, k.drift, &out->norm_cov_drift))) goto out;
    if ((status = covariance_norm(nodes, k.m, k.laplacian, &out->norm_cov_laplacian))) goto out;
    if ((status = covariance_norm(nodes, k.m, k.divergence, &out->norm_cov_divergence))) goto out;
    out->varying = k.varying;
    out->norm_gamma = sg_norm2(k.m, a->gamma);
    out->norm_gamma_mle = sg_norm2(k.m, a->gamma_mle);
    double w = sg_norm2(k.m, a->whiten);
    out->norm_h_inverse = w * w;
    out->norm_cov_psi = sg_norm2(k.m, a->cov_psi);
    displayed(model, nodes, &k, out);
out:
    for (int i = 0; i < 3; i++) {
        sg_delete(*vectors[i]);
        sg_delete(*scalars[i]);
    }
    sg_loss_release(loss, prepared);
    return status;
}

static void clear(sg_bounds *out) {
    const sg_khr_chain none = {NAN, NAN, NAN, NAN};
    out->khr_poincare = out->khr_restricted = none;
    out->log_muckenhoupt_lower = out->log_muckenhoupt_upper = NAN;
    out->log_cheeger_gap_lower = out->log_cheeger_gap_upper = NAN;
    out->log_mixture_upper = out->log_scales_upper = out->log_level_lower = NAN;
}

static sg_status normals_bound(const sg_model *model, sg_bounds *out) {
    sg_components *c = NULL;
    sg_status status = model->family->components(model, model->truth, &c);
    if (status) return status;
    status = sg_bound_normals_upper(c->d, c->count, c->weight, c->mean, c->covariance, &out->log_mixture_upper);
    sg_delete(c);
    return status == SG_NO_DIGITS ? SG_OK : status;
}

/* At one level; several have no dynamics. */
static sg_status noised_bounds(const sg_model *model, const sg_loss *loss, sg_bounds *out) {
    sg_prepared *prepared = NULL;
    const sg_model *law;
    sg_status status = sg_loss_prepare(loss, model, NULL, &prepared);
    if (status) return status;
    if (!sg_loss_law(loss, prepared, model, &law)) status = normals_bound(law, out);
    sg_loss_release(loss, prepared);
    return status;
}

/* Of mixtures of normals; components that overlap too little for digits leave no bound. */
static sg_status mixture_bounds(const sg_model *model, const sg_loss *loss, sg_bounds *out) {
    sg_status status;
    if (loss->row->more) {
        sg_lifted_sides sides;
        if (!loss->row->diffusion) return noised_bounds(model, loss, out);
        if ((status = sg_lifted_sides_of(model, loss, &sides))) return status;
        out->log_mixture_upper = sides.log_decomposition_upper;
        out->log_scales_upper = sides.log_scales_upper;
        out->log_level_lower = sides.log_level_lower;
        return SG_OK;
    }
    return loss->row->diffusion ? SG_OK : normals_bound(model, out);
}

static sg_status line_bounds(const sg_model *model, const sg_loss *loss, sg_bounds *out) {
    sg_status status = SG_OK;
    sg_panels *panels = NULL;
    sg_prepared *prepared = NULL;
    double *log_d = NULL;
    sg_muckenhoupt muckenhoupt;
    sg_cheeger cheeger;
    if ((status = sg_model_panels(model, model->truth, 0, &panels))) goto out;
    if ((status = sg_loss_prepare(loss, model, panels, &prepared))) goto out;
    if ((status = sg_new(&log_d, (size_t)panels->n, sizeof(double)))) goto out;
    if ((status = sg_loss_log_diffusion(loss, prepared, panels, log_d))) goto out;
    if ((status = sg_bound_muckenhoupt(panels, log_d, &muckenhoupt))) goto out;
    if ((status = sg_bound_cheeger(panels, log_d, &cheeger))) goto out;
    out->log_muckenhoupt_lower = muckenhoupt.log_lower;
    out->log_muckenhoupt_upper = muckenhoupt.log_upper;
    out->log_cheeger_gap_lower = cheeger.log_gap_lower;
    out->log_cheeger_gap_upper = cheeger.log_gap_upper;
out:
    sg_delete(log_d);
    sg_loss_release(loss, prepared);
    sg_panels_delete(panels);
    return status;
}

/*
 * Kantorovich's is for psi = c L S.  One random block a datum has Gamma = H^-1 in its place; averages over sites have
 * no generator.
 */
static sg_status jump_bounds(const sg_model *model, const sg_loss *loss, const sg_gap *gap, sg_bounds *out) {
    const sg_row *row = loss->row;
    double top;
    if (!gap || !(gap->gap_lower > 0) || (row->averaged && row->averaged(loss->options))) return SG_OK;
    if (row->tag && row->blocks) out->kantorovich = sg_bound_random_blocks_upper(gap->gap_lower);
    if (row->tag) return SG_OK;
    sg_status status = sg_jumps_top(model, loss, &top);
    if (!status && isfinite(top)) out->kantorovich = sg_bound_kantorovich_upper(gap->gap_lower, top);
    return status;
}

sg_status sg_bounds_of(const sg_model *model, const sg_loss *loss, const sg_asymptotic *asymptotic, const sg_gap *gap,
                       sg_bounds *out) {
    clear(out);
    out->kantorovich = loss->row->kind == SG_RESAMPLE ? sg_bound_kantorovich_upper(1, 1) : INFINITY;
    if (loss->row->kind == SG_JUMP && model->space.shape == SG_FINITE) return jump_bounds(model, loss, gap, out);
    if (loss->row->kind != SG_DIFFUSION) return SG_OK;
    sg_status status = model->family->components ? mixture_bounds(model, loss, out) : SG_OK;
    if (status || loss->row->more) return status;
    if (asymptotic) {
        sg_bound_khr_upper(&asymptotic->khr, asymptotic->restricted_poincare, &out->khr_restricted);
        if (gap) sg_bound_khr_upper(&asymptotic->khr, 1 / gap->gap_lower, &out->khr_poincare);
    }
    const bool line = model->space.d == 1 && model->space.shape != SG_CIRCLE && model->space.shape != SG_ORTHANT;
    if (!line) return SG_OK; /* the bounds below are those of a line */
    status = line_bounds(model, loss, out);
    /* laws that are rough at 0 have no panels, and then none of these bounds */
    if (status && status != SG_NO_MEMORY && model->space.shape == SG_ORTHANT) return SG_OK;
    if (!status && gap &&
        gap->status == SG_NOT_ATTAINED) { /* on a truncated law these sides say nothing of the whole one */
        out->log_muckenhoupt_upper = INFINITY;
        out->log_cheeger_gap_lower = -INFINITY;
    }
    return status;
}
