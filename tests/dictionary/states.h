/*
 * A model on few states and a loss on it, beside everything that the loss should be by plain enumeration: log p and the
 * statistics of all states by the family's jet, the generator as a matrix from the rates of its formula.
 */
#ifndef SG_TESTS_DICTIONARY_STATES_H
#define SG_TESTS_DICTIONARY_STATES_H

#include "setting.h"

enum { STATES = SG_BLOCK, FREE = 24, ALL_WANT = SG_VALUE | SG_PSI | SG_CURVATURE | SG_DIRICHLET | SG_NOISE | SG_SCORE };

typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_prepared *prepared;
    sg_site_view *view;
    sg_arena *arena;
    int d, q, m, states;
    double theta[64];
    double x[FREE * SG_BLOCK]; /* all states: state k is that of code k */
    double p[STATES], logp[STATES], S[FREE][STATES];
    double log_z, mean[FREE], hessian[FREE * FREE];
    double L[STATES][STATES]; /* of the generator */
    sg_datum datum;
} states;

static inline int digit(const states *s, int code, int site) {
    for (int i = 0; i < site; i++) code /= s->q;
    return code % s->q;
}

static inline int power_of(const states *s, int site) {
    int power = 1;
    for (int i = 0; i < site; i++) power *= s->q;
    return power;
}

/* The state with site `site` in state `to`. */
static inline int replaced(const states *s, int code, int site, int to) {
    return code + (to - digit(s, code, site)) * power_of(s, site);
}

static inline sg_block all_states(const states *s) {
    return (sg_block){.n = s->states, .d = s->d, .draws = 1, .x = (double *)s->x, .weight = s->p};
}

/* p, S, mean and covariance at theta. */
static inline void enumerate(states *s, const double *theta) {
    sg_arena *arena;
    sg_jet jet;
    double most = -INFINITY, sum = 0;
    sg_block block = all_states(s);
    memcpy(s->theta, theta, (size_t)s->model->full * sizeof(double));
    OK(sg_arena_new(sg_jet_bytes(s->model->full, s->d, SG_LOGP | SG_DT), &arena));
    OK(sg_jet_take(arena, s->model->full, s->d, SG_LOGP | SG_DT, &jet));
    s->model->family->jet(s->model, theta, &block, &jet);
    for (int k = 0; k < s->states; k++) most = fmax(most, s->logp[k] = jet.logp[k]);
    for (int k = 0; k < s->states; k++) sum += s->p[k] = exp(s->logp[k] - most);
    for (int k = 0; k < s->states; k++) s->p[k] /= sum;
    s->log_z = most + log(sum);
    for (int j = 0; j < s->m; j++) {
        const double *dt = jet.dt + s->model->free[j] * SG_BLOCK;
        s->mean[j] = 0;
        for (int k = 0; k < s->states; k++) s->mean[j] += s->p[k] * dt[k];
        for (int k = 0; k < s->states; k++) s->S[j][k] = dt[k] - s->mean[j];
    }
    for (int j = 0; j < s->m; j++)
        for (int l = 0; l < s->m; l++) {
            s->hessian[j + l * s->m] = 0;
            for (int k = 0; k < s->states; k++) s->hessian[j + l * s->m] += s->p[k] * s->S[j][k] * s->S[l][k];
        }
    sg_arena_delete(arena);
}

static inline states *open_states_of(sg_model *model, const char *loss) {
    states *s = NULL;
    OK(sg_new(&s, 1, sizeof *s));
    s->model = model;
    s->d = model->space.d;
    s->q = model->space.q;
    s->m = model->m;
    s->states = power_of(s, s->d);
    assert_true(s->states <= STATES && s->m <= FREE && s->d <= FREE && model->full <= 64);
    for (int k = 0; k < s->states; k++)
        for (int i = 0; i < s->d; i++) s->x[i * SG_BLOCK + k] = s->q == 2 ? 2 * digit(s, k, i) - 1 : digit(s, k, i);
    OK(sg_loss_new(loss, &s->loss));
    OK(sg_loss_fits(s->loss, model));
    OK(sg_loss_prepare(s->loss, model, NULL, &s->prepared));
    OK(sg_site_view_new(model, &s->view));
    OK(sg_arena_new(sg_datum_bytes(s->m, s->loss->row->roots(model), ALL_WANT), &s->arena));
    OK(sg_datum_take(s->arena, s->m, s->loss->row->roots(model), ALL_WANT, &s->datum));
    enumerate(s, model->truth);
    return s;
}

static inline states *open_states(const char *model, const char *loss) {
    return open_states_of(model_of(model), loss);
}

static inline void close_states(states *s) {
    sg_site_view_delete(s->view);
    sg_arena_delete(s->arena);
    sg_loss_release(s->loss, s->prepared);
    sg_loss_delete(s->loss);
    sg_model_delete(s->model);
    sg_delete(s);
}

/* What the loss says of a block at theta; the sums start at zero. */
static inline void look(states *s, const double *theta, const sg_block *block, int want) {
    const size_t square = (size_t)s->m * (size_t)s->m * sizeof(double);
    sg_local local = {.log_z = s->log_z, .gradient = s->mean, .hessian = s->hessian};
    s->datum.want = want;
    memset(s->datum.curvature_sum, 0, square);
    memset(s->datum.dirichlet_sum, 0, square);
    memset(s->datum.noise_sum, 0, square);
    sg_site_view_at(s->view, theta, block);
    s->loss->row->sites(s->prepared, &local, s->view, &s->datum);
}

/* ---------------------------------------------------------------- generators */

/* Rate of x -> y, y one site away, at r = p(y)/p(x): the formulas of the table of generators. */
typedef double ratio_rate(double r);
static inline double flow_rate(double r) {
    return sqrt(r);
}
static inline double ratio_matching_rate(double r) {
    return 2 * r * r / pow(1 + r, 3);
}
static inline double concrete_rate(double r) {
    return 2 * (r * r + 1 / r);
}
static inline double bath_rate(double r) {
    return r / (1 + r);
}

static inline void generate_jumps(states *s, ratio_rate *rate, int only) {
    memset(s->L, 0, sizeof s->L);
    for (int x = 0; x < s->states; x++)
        for (int i = 0; i < s->d; i++)
            for (int to = 0; to < s->q; to++) {
                const int y = replaced(s, x, i, to);
                if (y == x || !(s->p[x] > 0) || (only >= 0 && i != only)) continue;
                const double r = rate(exp(s->logp[y] - s->logp[x]));
                s->L[x][y] += r;
                s->L[x][x] -= r;
            }
}

static inline bool same_outside(const states *s, int x, int y, uint32_t mask) {
    for (int i = 0; i < s->d; i++)
        if (!(mask >> i & 1) && digit(s, x, i) != digit(s, y, i)) return false;
    return true;
}

/* L += rate (E[f | x_-K] - f) */
static inline void add_block(states *s, uint32_t mask, double rate) {
    for (int x = 0; x < s->states; x++) {
        double sum = 0;
        for (int y = 0; y < s->states; y++) sum += same_outside(s, x, y, mask) ? s->p[y] : 0;
        for (int y = 0; y < s->states && s->p[x] > 0; y++)
            s->L[x][y] += rate * ((same_outside(s, x, y, mask) ? s->p[y] / sum : 0) - (y == x));
    }
}

/* (L S_j)(x), and the sum of its terms' sizes: what its rounding errors are proportional to. */
static inline double generated(const states *s, int j, int x, double *size) {
    double sum = 0;
    *size = 0;
    for (int y = 0; y < s->states; y++) {
        sum += s->L[x][y] * s->S[j][y];
        *size += fabs(s->L[x][y] * s->S[j][y]);
    }
    return sum;
}

/*
 * psi = factor L S state by state, E psi = 0, the mean of the Dirichlet sums and factor^-1 times that of the curvature
 * are -E S L S^T, and the score is S.  `tolerance`: times the sizes of the terms that are added here.
 */
static inline void check_generator(states *s, double tolerance) {
    const sg_block block = all_states(s);
    const double factor = s->loss->row->factor ? s->loss->row->factor : 1;
    look(s, s->theta, &block, ALL_WANT);
    for (int j = 0; j < s->m; j++) {
        double mean = 0, scale = 0, size;
        for (int x = 0; x < s->states; x++) {
            const double known = factor * generated(s, j, x, &size), psi = s->datum.psi[j * SG_BLOCK + x];
            if (!(s->p[x] > 0)) continue;
            assert_near(psi, known, tolerance * (1 + size));
            assert_near(s->datum.score[j * SG_BLOCK + x], s->S[j][x], tolerance);
            mean += s->p[x] * psi;
            scale += s->p[x] * size;
        }
        assert_near(mean, 0, tolerance * (1 + scale));
        for (int l = 0; l <= j; l++) {
            double H = 0, sizes = 1;
            for (int x = 0; x < s->states; x++) {
                if (!(s->p[x] > 0)) continue;
                H -= s->p[x] * s->S[l][x] * generated(s, j, x, &size);
                sizes += s->p[x] * fabs(s->S[l][x]) * size;
            }
            assert_near(s->datum.dirichlet_sum[j + l * s->m], H, tolerance * sizes);
            assert_near(s->datum.curvature_sum[j + l * s->m], factor * H, tolerance * sizes);
        }
    }
}

/*
 * psi against central differences of the value of each state, and the curvature of all against those of psi, at theta:
 * Richardson's extrapolation of two steps.
 */
static inline void check_derivatives(states *s, const double *theta, double tolerance) {
    static double psi[FREE * SG_BLOCK], curvature[FREE * FREE], part[2][SG_BLOCK], sum[2][FREE];
    const sg_block block = all_states(s);
    look(s, theta, &block, SG_PSI | SG_CURVATURE);
    memcpy(psi, s->datum.psi, (size_t)s->m * SG_BLOCK * sizeof(double));
    memcpy(curvature, s->datum.curvature_sum, (size_t)(s->m * s->m) * sizeof(double));
    for (int j = 0; j < s->m; j++) {
        memset(part, 0, sizeof part);
        memset(sum, 0, sizeof sum);
        for (int side = 0; side < 4; side++) {
            double moved[64], h = side < 2 ? 1e-3 : 2e-3, sign = side % 2 ? -1 : 1;
            memcpy(moved, theta, sizeof moved);
            moved[s->model->free[j]] += sign * h;
            look(s, moved, &block, SG_VALUE | SG_PSI);
            for (int x = 0; x < s->states; x++) part[side / 2][x] += sign * s->datum.value[x] / (2 * h);
            for (int l = 0; l < s->m; l++)
                for (int x = 0; x < s->states; x++)
                    sum[side / 2][l] += sign * s->p[x] * s->datum.psi[l * SG_BLOCK + x] / (2 * h);
        }
        for (int x = 0; x < s->states; x++) {
            if (!(s->p[x] > 0)) continue;
            const double known = (4 * part[0][x] - part[1][x]) / 3;
            assert_near(psi[j * SG_BLOCK + x], known, tolerance * (1 + fabs(known)));
        }
        for (int l = j; l < s->m; l++) {
            const double known = (4 * sum[0][l] - sum[1][l]) / 3;
            assert_near(curvature[l + j * s->m], known, tolerance * (1 + fabs(known)));
        }
    }
}

/* Random theta of mixed signs. */
static inline void draw_theta(const sg_model *model, sg_stream *stream, double scale, double *theta) {
    double z;
    memcpy(theta, model->truth, (size_t)model->full * sizeof(double));
    for (int a = 0; a < model->full; a++) {
        sg_stream_normal(stream, 1, &z);
        theta[a] = scale * z;
    }
}

/* ------------------------------------------------------- hooks or none */

/* The same model without the hooks of its family: for comparison with the fall-backs. */
static inline sg_model *stripped(const char *text, sg_family *family) {
    sg_model *model = model_of(text);
    *family = *model->family;
    family->touched = NULL;
    family->move = NULL;
    family->exchangeable = NULL;
    family->counted = NULL;
    model->family = family;
    return model;
}

/* Lower triangles agree. */
static inline void assert_sums(int m, const double *got, const double *known, double relative) {
    for (int j = 0; j < m; j++)
        for (int l = 0; l <= j; l++) {
            const double scale = sqrt(fabs(known[j + j * m] * known[l + l * m]));
            assert_near(got[j + l * m], known[j + l * m], relative * (fabs(known[j + l * m]) + scale));
        }
}

typedef struct {
    double curvature[FREE * FREE], dirichlet[FREE * FREE], noise[FREE * FREE];
} sums_of_block;

static inline sums_of_block copy_sums(const states *s) {
    sums_of_block out;
    const size_t square = (size_t)(s->m * s->m) * sizeof(double);
    memcpy(out.curvature, s->datum.curvature_sum, square);
    memcpy(out.dirichlet, s->datum.dirichlet_sum, square);
    memcpy(out.noise, s->datum.noise_sum, square);
    return out;
}

static inline void assert_all_sums(const states *s, const sums_of_block *known) {
    assert_sums(s->m, s->datum.curvature_sum, known->curvature, 1e-12);
    assert_sums(s->m, s->datum.dirichlet_sum, known->dirichlet, 1e-12);
    for (int j = 0; j < s->m; j++)
        for (int l = 0; l <= j; l++) { /* differences of squares, whose mean is the Dirichlet matrix */
            const int at = j + l * s->m;
            const double scale = sqrt(known->dirichlet[j + j * s->m] * known->dirichlet[l + l * s->m]);
            assert_near(s->datum.noise_sum[at], known->noise[at], 1e-12 * scale);
        }
}

/* A point of `s` against the state x of `t`. */
static inline void assert_point(const states *s, int point, const states *t, int x) {
    assert_near(s->datum.value[point], t->datum.value[x], 1e-12 * (1 + fabs(t->datum.value[x])));
    for (int j = 0; j < s->m; j++) {
        const double known = t->datum.psi[j * SG_BLOCK + x];
        assert_near(s->datum.psi[j * SG_BLOCK + point], known, 1e-12 * (1 + fabs(known)));
        assert_near(s->datum.score[j * SG_BLOCK + point], t->S[j][x], 1e-12);
    }
}

/* The same rows and sums whether sites are looked at one by one or counted, from x and as counts. */
static inline void check_counts(const char *model, const char *loss) {
    sg_family family;
    double p[SG_BLOCK] = {0}, count[SG_BLOCK];
    states *one = open_states_of(stripped(model, &family), loss), *all = open_states(model, loss);
    const sg_block block = all_states(one);
    assert_true(all->loss->row->alike(all->loss->options, all->model));
    look(one, one->theta, &block, ALL_WANT);
    look(all, one->theta, &block, ALL_WANT);
    const sums_of_block known = copy_sums(one);
    assert_all_sums(all, &known);
    for (int x = 0; x < one->states; x++) {
        p[__builtin_popcount((unsigned)x)] += one->p[x];
        if (one->p[x] > 0) assert_point(all, x, one, x);
    }
    for (int k = 0; k <= one->d; k++) count[k] = k;
    const sg_block counts = {.n = one->d + 1, .d = one->d, .draws = 1, .count = count, .weight = p};
    look(all, one->theta, &counts, ALL_WANT);
    assert_all_sums(all, &known);
    for (int k = 0; k <= one->d; k++)
        if (p[k] > 0) assert_point(all, k, one, (1 << k) - 1);
    close_states(one);
    close_states(all);
}

/* ------------------------------------------- a family without hooks, q states */

/*
 * p(x) ~ exp(theta_0 sum_i 1{x_i = x_i+1} + theta_1 sum_i i x_i^2 / 10 + theta_2 1{all sites in state 1}) on a path:
 * only a jet, so that it is seen through the fall-backs.
 */
static inline void plain_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    for (int k = 0; k < block->n; k++) {
        double f[3] = {0, 0, 1};
        for (int i = 0; i < model->space.d; i++) {
            const double x = block->x[i * SG_BLOCK + k];
            if (i) f[0] += x == block->x[(i - 1) * SG_BLOCK + k];
            f[1] += i * x * x / 10;
            if (x != 1) f[2] = 0;
        }
        if (out->want & SG_LOGP) out->logp[k] = theta[0] * f[0] + theta[1] * f[1] + theta[2] * f[2];
        for (int j = 0; out->want & SG_DT && j < 3; j++) out->dt[j * SG_BLOCK + k] = f[j];
    }
}

static inline bool plain_inside(const sg_model *model, const double *theta) {
    (void)model;
    return isfinite(theta[0] + theta[1] + theta[2]);
}

static const sg_family plain_family = {
    .name = "plain", .can = SG_LINEAR | SG_STATES, .jet = plain_jet, .inside = plain_inside};

/*
 * The same on fewer states: of two states, sites 0 and 1 are equal, and 2 and 3 too; of more, neighbours differ.  No
 * order of the sites leads from any allowed state to any other through allowed ones, and with q > 2 state 0 everywhere
 * is forbidden.
 */
static inline void forbidding_jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const int q = model->space.q;
    plain_jet(model, theta, block, out);
    for (int i = 1; i < model->space.d && out->want & SG_LOGP; i += q == 2 ? 2 : 1)
        for (int k = 0; k < block->n; k++)
            if ((block->x[i * SG_BLOCK + k] == block->x[(i - 1) * SG_BLOCK + k]) != (q == 2)) out->logp[k] = -INFINITY;
}

static const sg_family forbidding_family = {
    .name = "forbidding", .can = SG_LINEAR | SG_STATES | SG_HARD, .jet = forbidding_jet, .inside = plain_inside};

static inline sg_model *jet_model(const sg_family *family, int d, int q) {
    static const double truth[] = {0.7, -0.4, 1.1};
    sg_model *model;
    OK(sg_new(&model, 1, sizeof *model));
    *model = (sg_model){.family = family, .space = {.shape = SG_FINITE, .d = d, .q = q}, .full = 3, .m = 3};
    snprintf(model->text, sizeof model->text, "%s(d=%d,q=%d)", family->name, d, q);
    OK(sg_new(&model->free, 3, sizeof(int)));
    OK(sg_new(&model->truth, 3, sizeof(double)));
    for (int j = 0; j < 3; j++) {
        model->free[j] = j;
        model->truth[j] = truth[j];
    }
    return model;
}

#endif
