/*
 * Sliced score matching (Song, Garg, Shi and Ermon 2019): v^T Hess log p v + (v . s)^2/2 for random directions v with
 * E v v^T = I, s = grad log p; averaged over them it is score matching, and its generator Langevin's.  With M
 * directions a datum the middle matrix gains (1/M) E Cov(L_v S | x), which has a closed form in
 *     A_i = Hess S_i + (s grad S_i^T + grad S_i s^T)/2,    psi_i = v^T A_i v:
 * 2 tr A_i A_j for normal v, 2 sum_{a != b} (A_i)_ab (A_j)_ab for signs, (2d tr A_i A_j - 2 tr A_i tr A_j)/(d + 2) on
 * the sphere of radius sqrt d.  reduced=yes: |s|^2/2 in place of (v . s)^2/2, A_i = Hess S_i.
 */
#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/diffusion.h"

enum { B = SG_BLOCK };
enum { GAUSS, RADEMACHER, SPHERE };

typedef struct {
    int draws, law, reduced;
} choices;

static const sg_field options[] = {
    {.key = "draws",
     .type = SG_FIELD_INT,
     .role = SG_OPTION,
     .offset = offsetof(choices, draws),
     .initial = "1",
     .lo = 1,
     .hi = 100000,
     .help = "random directions a datum"},
    {.key = "law",
     .type = SG_FIELD_WORD,
     .role = SG_OPTION,
     .offset = offsetof(choices, law),
     .initial = "rademacher",
     .choices = "gauss|rademacher|sphere",
     .help = "law of a direction: independent normals | independent signs | uniform on the sphere of radius sqrt d"},
    {.key = "reduced",
     .type = SG_FIELD_WORD,
     .role = SG_OPTION,
     .offset = offsetof(choices, reduced),
     .initial = "no",
     .choices = "no|yes",
     .help = "|grad log p|^2 in place of (v . grad log p)^2"},
    {.key = NULL},
};

typedef struct {
    choices c;
    const sg_model *model;
    bool linear;
    int d;
} constants;

static sg_status fits(const void *own, const sg_model *model) {
    (void)own;
    return sg_diffusion_fits("sliced", true, model);
}

static sg_status runs(const void *own, const sg_model *model) {
    (void)own;
    return sg_diffusion_runs("sliced", model);
}

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    (void)theta, (void)panels;
    constants *made = (constants *)*prepared;
    sg_status status = made ? SG_OK : sg_new(&made, 1, sizeof *made);
    if (status) return status;
    *made = (constants){*(const choices *)own, model, model->family->can & SG_LINEAR, model->space.d};
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

static void release(sg_prepared *prepared) {
    sg_delete(prepared);
}

/* ------------------------------------------------------------------ the draws */

static void spread(const sg_prepared *prepared, sg_spread *out) {
    const constants *own = (const constants *)prepared;
    const bool signs = own->c.law == RADEMACHER;
    *out = (sg_spread){.model = own->model,
                       .draws = own->c.draws,
                       .normals = signs ? 0 : own->d,
                       .uniforms = signs ? own->d : 0,
                       .each = 1,
                       .rule = 1,
                       .closed = true};
}

static void direction(const constants *own, const double *numbers, double *v) {
    const int d = own->d;
    _Alignas(SG_ALIGN) double size[B] = {0};
    for (int a = 0; a < d; a++) {
        const double *restrict u = numbers + (size_t)a * B;
        double *restrict to = v + (size_t)a * B;
        for (int i = 0; i < B; i++) to[i] = own->c.law != RADEMACHER ? u[i] : u[i] < 0.5 ? -1 : 1;
        for (int i = 0; i < B; i++) size[i] += to[i] * to[i];
    }
    for (int a = 0; own->c.law == SPHERE && a < d; a++)
        for (int i = 0; i < B; i++) v[(size_t)a * B + i] *= sqrt(d / size[i]);
}

static sg_point point(const sg_prepared *prepared, const sg_block *data, int k, const double *numbers, double *room,
                      sg_block *out) {
    const constants *own = (const constants *)prepared;
    (void)k;
    memcpy(out->x, data->x, (size_t)own->d * B * sizeof(double));
    if (numbers) {
        direction(own, numbers, room);
        out->along = room;
    }
    return (sg_point){.kind = SG_POINT_INNER, .weight = 1};
}

/* ------------------------------------------------------------------- the loss */

static int jets(const sg_model *model, int want) {
    const int noise = want & SG_NOISE ? SG_DX | SG_DT_DX | SG_DT_DXX : 0;
    return sg_diffusion_jets(model, want) | noise;
}

/* Those of the mean over directions. */
static void fill_roots(bool linear, const sg_block *block, const sg_jet *jet, const sg_datum *out) {
    sg_datum roots = *out;
    roots.want = SG_ROOT;
    sg_diffusion_datum(linear, NULL, block, jet, &roots);
}

/* v . g, g [d][B] */
static void along(int n, int d, const double *v, const double *g, double *restrict out) {
    for (int a = 0; a < d; a++) {
        const double *restrict x = v + (size_t)a * B, *restrict y = g + (size_t)a * B;
        for (int i = 0; i < n; i++) out[i] = (a ? out[i] : 0) + x[i] * y[i];
    }
}

/* v^T h v, h packed */
static void bend(int n, int d, const double *v, const double *h, double *restrict out) {
    for (int a = 0, row = 0; a < d; a++)
        for (int b = 0; b <= a; b++, row++) {
            const double *restrict x = v + (size_t)a * B, *restrict y = v + (size_t)b * B,
                                   *restrict z = h + (size_t)row * B;
            const double twice = a == b ? 1 : 2;
            for (int i = 0; i < n; i++) out[i] = (row ? out[i] : 0) + twice * (x[i] * y[i] * z[i]);
        }
}

typedef struct {
    int n, d;
    bool reduced;
    const double *v, *score;
    _Alignas(SG_ALIGN) double slope[B]; /* v . s */
} sliced;

/* share (v . s)(v . g) + v^T h v, or with s . g. */
static void apply(const sliced *s, double share, const double *g, const double *h, double *restrict out) {
    _Alignas(SG_ALIGN) double product[B];
    bend(s->n, s->d, s->v, h, out);
    along(s->n, s->d, s->reduced ? s->score : s->v, g, product);
    for (int i = 0; i < s->n; i++) out[i] += share * product[i] * (s->reduced ? 1 : s->slope[i]);
}

static void fill_curvature(const sliced *s, bool linear, const sg_jet *jet, double *curvature) {
    const int gradient = s->d * B, hessian = s->d * (s->d + 1) / 2 * B;
    _Alignas(SG_ALIGN) double first[B], second[B];
    for (int j = 0, p = 0; j < jet->m; j++) {
        if (!s->reduced) along(s->n, s->d, s->v, jet->dt_dx + j * gradient, first);
        for (int k = 0; k <= j; k++, p++) {
            double *to = curvature + (size_t)p * B;
            if (linear)
                memset(to, 0, (size_t)s->n * sizeof *to);
            else
                apply(s, 1, jet->dtt_dx + p * gradient, jet->dtt_dxx + p * hessian, to);
            along(s->n, s->d, s->reduced ? jet->dt_dx + j * gradient : s->v, jet->dt_dx + k * gradient, second);
            for (int i = 0; i < s->n; i++) to[i] += s->reduced ? second[i] : first[i] * second[i];
        }
    }
}

/* Entry (a, b) of A_j. */
static inline double entry(const sliced *s, const sg_jet *jet, int j, int a, int b, int i) {
    const int row = a >= b ? a * (a + 1) / 2 + b : b * (b + 1) / 2 + a;
    const double *h = jet->dt_dxx + (size_t)j * (s->d * (s->d + 1) / 2) * B, *g = jet->dt_dx + (size_t)j * s->d * B;
    const double cross = s->score[a * B + i] * g[b * B + i] + s->score[b * B + i] * g[a * B + i];
    return h[row * B + i] + (s->reduced ? 0 : 0.5 * cross);
}

static double covariance(const sliced *s, int law, const sg_jet *jet, int j, int k, int i) {
    double product = 0, own = 0, first = 0, second = 0;
    for (int a = 0; a < s->d; a++)
        for (int b = 0; b <= a; b++) {
            const double x = entry(s, jet, j, a, b, i), y = entry(s, jet, k, a, b, i);
            product += (a == b ? 1 : 2) * x * y;
            if (a == b) own += x * y, first += x, second += y;
        }
    if (law == RADEMACHER) return 2 * (product - own);
    return law == GAUSS ? 2 * product : (2 * s->d * product - 2 * first * second) / (s->d + 2);
}

static void add_noise(const sliced *s, int law, const double *mass, const sg_jet *jet, double *sum) {
    for (int j = 0; j < jet->m; j++)
        for (int k = 0; k <= j; k++)
            for (int i = 0; i < s->n; i++) sum[j + k * jet->m] += mass[i] * covariance(s, law, jet, j, k, i);
}

static void datum(const sg_prepared *prepared, const sg_local *local, const sg_block *block, const sg_jet *jet,
                  sg_datum *out) {
    const constants *own = (const constants *)prepared;
    const int d = own->d, gradient = d * B, hessian = d * (d + 1) / 2 * B;
    sliced s = {.n = block->n, .d = d, .reduced = own->c.reduced, .v = block->along, .score = jet->dx};
    (void)local;
    if (!s.v) {
        sg_diffusion_datum(own->linear, NULL, block, jet, out);
        if (out->noise_sum) add_noise(&s, own->c.law, block->weight, jet, out->noise_sum);
        return;
    }
    if (out->root) fill_roots(own->linear, block, jet, out);
    if (jet->dx && !s.reduced) along(s.n, d, s.v, s.score, s.slope);
    if (out->value) apply(&s, 0.5, jet->dx, jet->dxx, out->value);
    for (int j = 0; out->psi && j < jet->m; j++)
        apply(&s, 1, jet->dt_dx + j * gradient, jet->dt_dxx + j * hessian, out->psi + (size_t)j * B);
    if (out->curvature) fill_curvature(&s, own->linear, jet, out->curvature);
}

static void step(const sg_prepared *prepared, sg_walk *walk) {
    sg_diffusion_step(NULL, SG_D_SCALAR, prepared, walk);
}

const sg_row sg_row_sliced = {
    .name = "sliced",
    .dynamics = "random-direction-langevin",
    .clock = "unit time of the diffusion dX = v (v . grad log p) dt + sqrt(2) v dB, v drawn afresh all the time",
    .generator_formula = "E_v[v^T Hess f v + (v . grad log p)(v . grad f)] = Lap f + grad log p . grad f",
    .summary = "score matching along random directions, M a datum",
    .options = options,
    .options_size = sizeof(choices),
    .kind = SG_DIFFUSION,
    .fit = SG_QUADRATIC,
    .fits = fits,
    .runs = runs,
    .roots = sg_diffusion_roots,
    .jets = jets,
    .prepare = prepare,
    .release = release,
    .datum = datum,
    .step = step,
    .spread = spread,
    .point = point,
};
