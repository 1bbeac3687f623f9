/*
 * Pairwise interaction models with powers, "a-b models" (YDS):
 *     log p(x) = -(1/2a) (x^a)' K x^a + (1/b) eta' x^b,   log x in place of x^a/a and of x^b/b where a or b is 0,
 * on the orthant x > 0, or, a = b = 1, on R^d.  Coordinates are K_jk, k <= j, at j(j+1)/2 + k, and then eta_j.
 *
 * With g = x^a/sqrt(a) (or log x) and v = x^b/b (or log x): log p = -1/2 sum_jk K_jk g_j g_k + sum_j eta_j v_j.
 */
#include "family/ab-model.h"

#include <lapacke.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/vecmath.h"
#include "family/graph.h"
#include "family/line.h"

enum { B = SG_BLOCK, SMALL = 32 };
enum { ORTHANT, REALS };

typedef struct {
    int d, space, width, centred;
    double a, b, diagonal, coupling, eta;
    char graph[SG_TEXT];
} ab_keys;

/* --------------------------------------------------------------------- keys */

static sg_status settle(void *own) {
    static const char *const names[] = {"path", "ring", "complete", "banded"};
    ab_keys *c = own;
    int n, count;
    if (c->space == REALS && (c->a != 1 || c->b != 1))
        return sg_fail(SG_OUT_OF_RANGE, "family ab-model with space=reals is the normal law: a and b must be 1");
    if (c->a > 0 && !(c->b < 2 * c->a))
        return sg_fail(SG_OUT_OF_RANGE, "b = %g of family ab-model is out of range: it must be less than 2 a = %g",
                       c->b, 2 * c->a);
    if (c->a == 0 && c->b != 0)
        return sg_fail(SG_OUT_OF_RANGE, "b = %g of family ab-model is out of range: with a = 0 it must be 0", c->b);
    if (c->width != 1 && strcmp(c->graph, "banded") != 0)
        return sg_fail(SG_BAD_SYNTAX, "width has no meaning beside graph=%.64s of family ab-model: leave it out",
                       c->graph);
    if (c->centred && c->eta != 0)
        return sg_fail(SG_BAD_SYNTAX, "eta has no meaning beside centred=yes of family ab-model: leave it out");
    if (c->graph[0] == '@') {
        sg_spin_graph_entry *entries = NULL;
        char path[SG_TEXT];
        sg_status status = sg_file_seal("graph file", c->graph);
        if (status != SG_OK) return status;
        sg_file_path(c->graph, path);
        status = sg_spin_graph_read(path, true, &n, &count, &entries);
        sg_delete(entries);
        if (status == SG_OK && n > c->d)
            return sg_fail(SG_OUT_OF_RANGE, "the graph file of family ab-model has %d sites: d must be as many", n);
        return status;
    }
    for (int k = 0; k < 4; k++)
        if (strcmp(c->graph, names[k]) == 0) return SG_OK;
    const char *nearest = sg_nearest(c->graph, 4, names);
    return sg_fail(SG_UNKNOWN,
                   "unknown graph '%.64s' of family ab-model%s%s%s (graphs: path, ring, complete, banded, @FILE)",
                   c->graph, nearest ? "; the nearest is '" : "", nearest ? nearest : "", nearest ? "'" : "");
}

static bool idle(const void *own, const char *key) {
    const ab_keys *c = own;
    if (strcmp(key, "width") == 0) return strcmp(c->graph, "banded") != 0;
    return strcmp(key, "eta") == 0 && c->centred;
}

static bool joined(const ab_keys *c, int i, int j) {
    const int apart = i - j;
    if (strcmp(c->graph, "complete") == 0) return true;
    if (strcmp(c->graph, "ring") == 0) return apart == 1 || apart == c->d - 1;
    return apart <= c->width;
}

static sg_status fill_from_file(const ab_keys *c, sg_model *model) {
    sg_spin_graph_entry *entries = NULL;
    char path[SG_TEXT];
    int n, count;
    sg_file_path(c->graph, path);
    sg_status status = sg_spin_graph_read(path, true, &n, &count, &entries);
    const size_t pairs = sg_ab_pair(c->d, 0);
    for (int e = 0; e < count && status == SG_OK; e++) {
        const sg_spin_graph_entry *entry = entries + e;
        if (entry->j >= 0)
            model->truth[sg_ab_pair(entry->i, entry->j)] = c->coupling * entry->value;
        else if (c->centred)
            status = sg_fail(SG_BAD_DATA, "%s, line %d: a model with centred=yes has no eta", path, entry->line);
        else
            model->truth[pairs + (size_t)entry->i] += entry->value;
    }
    sg_delete(entries);
    return status;
}

static sg_status make(const void *keys, sg_model *model) {
    const ab_keys *c = keys;
    const sg_ab own = {.a = c->a, .b = c->b, .centred = c->centred};
    const int pairs = (int)sg_ab_pair(c->d, 0);
    sg_status status = sg_line_model(model, pairs + (c->centred ? 0 : c->d), &own, sizeof own);
    if (status != SG_OK) return status;
    const bool reals = c->space == REALS;
    model->space =
        (sg_space){.shape = reals ? SG_RD : SG_ORTHANT, .d = c->d, .lo = reals ? -INFINITY : 0, .hi = INFINITY};
    for (int i = 0; i < c->d; i++) {
        model->truth[sg_ab_pair(i, i)] = c->diagonal;
        if (!c->centred) model->truth[pairs + i] = c->eta;
        for (int j = 0; j < i && c->graph[0] != '@'; j++)
            if (joined(c, i, j)) model->truth[sg_ab_pair(i, j)] = c->coupling;
    }
    return c->graph[0] == '@' ? fill_from_file(c, model) : SG_OK;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    const int pairs = (int)sg_ab_pair(model->space.d, 0);
    if (index >= pairs) {
        snprintf(name, SG_NAME, "eta%d", index - pairs);
        return;
    }
    int i = (int)((sqrt(8. * index + 1) - 1) / 2);
    while ((int)sg_ab_pair(i + 1, 0) <= index) i++;
    while ((int)sg_ab_pair(i, 0) > index) i--;
    snprintf(name, SG_NAME, "K%d-%d", index - (int)sg_ab_pair(i, 0), i);
}

/* ------------------------------------------------------------------- domain */

void sg_ab_matrix(const sg_model *model, const double *theta, double *K) {
    const int d = model->space.d;
    for (int i = 0; i < d; i++)
        for (int j = 0; j <= i; j++) K[i + (size_t)j * d] = K[j + (size_t)i * d] = theta[sg_ab_pair(i, j)];
}

static bool definite(const sg_model *model, const double *theta, bool cut, double *K) {
    const int d = model->space.d;
    sg_ab_matrix(model, theta, K);
    for (int i = 0; i < d && cut; i++)
        for (int j = 0; j < d; j++)
            if (i != j && K[i + (size_t)j * d] > 0) K[i + (size_t)j * d] = 0;
    return LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', d, K, d) == 0;
}

/*
 * On R^d and where a = 0: K positive definite, which is necessary too.  On the orthant it suffices that K is strictly
 * copositive (YDS); tested are two conditions sufficient for that: K positive definite, or positive
 * definite after its positive entries off the diagonal are put to 0 (exact for d <= 2).  b = 0: eta > -1.
 */
static bool inside(const sg_model *model, const double *theta) {
    const sg_ab *own = model->own;
    const size_t d = (size_t)model->space.d;
    double small[SMALL * SMALL], *K = small;
    if (!sg_line_finite(model->full, theta)) return false;
    for (size_t j = 0; j < d; j++)
        if (own->a > 0 && own->b == 0 && !(sg_ab_eta(model, theta, (int)j) > -1)) return false;
    if (d > SMALL && sg_new(&K, d * d, sizeof *K) != SG_OK) return false;
    const bool cone = model->space.shape == SG_ORTHANT && own->a > 0;
    const bool yes = definite(model, theta, false, K) || (cone && definite(model, theta, true, K));
    if (d > SMALL) sg_delete(K);
    return yes;
}

/* p ~ x^eta where b = 0, and faster than any power where a = 0; slopes are x^(a-1) and x^(b-1). */
static void faces(const sg_model *model, const double *theta, double *density, double *slope) {
    const sg_ab *own = model->own;
    *density = own->a == 0 ? INFINITY : 0;
    for (int j = 0; j < model->space.d && own->a > 0 && own->b == 0; j++) {
        const double eta = sg_ab_eta(model, theta, j);
        if (j == 0 || eta < *density) *density = eta;
    }
    *slope = fmin(own->a, own->centred ? own->a : own->b) - 1;
}

/* ---------------------------------------------------------- functions of one x */

/* factor x^power */
static void power_row(int n, const double *restrict x, double factor, double power, double *restrict out) {
    if (factor == 0 || power == 0)
        for (int i = 0; i < n; i++) out[i] = factor;
    else if (power == 1)
        for (int i = 0; i < n; i++) out[i] = factor * x[i];
    else if (power == 2)
        for (int i = 0; i < n; i++) out[i] = factor * (x[i] * x[i]);
    else if (power == -1)
        for (int i = 0; i < n; i++) out[i] = factor / x[i];
    else if (power == -2)
        for (int i = 0; i < n; i++) out[i] = factor / (x[i] * x[i]);
    else if (power == 0.5)
        for (int i = 0; i < n; i++) out[i] = factor * sqrt(x[i]);
    else if (power == -0.5)
        for (int i = 0; i < n; i++) out[i] = factor / sqrt(x[i]);
    else
#pragma omp simd
        for (int i = 0; i < n; i++) out[i] = factor * exp(power * log(x[i]));
}

/* Derivative number `order` of factor x^power or, for power 0, of log x. */
static void function_row(int n, const double *x, double factor, double power, int order, double *out) {
    static const double of_log[] = {0, 1, -1};
    if (power > 0) {
        for (int k = 0; k < order; k++) factor *= power - k;
        power_row(n, x, factor, power - order, out);
    } else if (order) {
        power_row(n, x, of_log[order], -order, out);
    } else {
#pragma omp simd
        for (int i = 0; i < n; i++) out[i] = log(x[i]);
    }
}

static void g_row(const sg_ab *own, int n, const double *x, int order, double *out) {
    function_row(n, x, own->a > 0 ? 1 / sqrt(own->a) : 1, own->a, order, out);
}

static void v_row(const sg_ab *own, int n, const double *x, int order, double *out) {
    function_row(n, x, own->b > 0 ? 1 / own->b : 1, own->b, order, out);
}

static void interactions(const sg_model *model, const sg_block *block, sg_interactions *out) {
    const sg_ab *own = model->own;
    const int n = sg_line_points(block->n);
    for (size_t j = 0, at = 0; j < (size_t)model->space.d; j++, at += B) {
        const double *x = block->x + at;
        double *const g[] = {out->g + at, out->g1 + at, out->g2 + at};
        for (int k = 0; k < 3; k++) g_row(own, n, x, k, g[k]);
        if (own->centred) continue;
        v_row(own, n, x, 1, out->v1 + at);
        v_row(own, n, x, 2, out->v2 + at);
    }
}

/* --------------------------------------------------------------------- jets */

/* g, g^2/2, v and their derivatives of one coordinate. */
typedef struct {
    _Alignas(SG_ALIGN) double g[3][B], half[3][B], v[3][B];
} functions;

static void look(const sg_ab *own, int n, const double *x, functions *f) {
    for (int k = 0; k < 3; k++) {
        g_row(own, n, x, k, f->g[k]);
        v_row(own, n, x, k, f->v[k]);
        if (own->a > 0) function_row(n, x, 0.5 / own->a, 2 * own->a, k, f->half[k]);
    }
    for (int i = 0; i < n && own->a == 0; i++) {
        f->half[0][i] = 0.5 * (f->g[0][i] * f->g[0][i]);
        f->half[1][i] = f->g[0][i] * f->g[1][i];
        f->half[2][i] = f->g[0][i] * f->g[2][i] + f->g[1][i] * f->g[1][i];
    }
}

static void times(int n, double factor, const double *restrict f, const double *restrict g, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] = factor * (f[i] * g[i]);
}

static void add_times(int n, double factor, const double *restrict f, const double *restrict g, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] += factor * (f[i] * g[i]);
}

static void set_row(int n, double factor, const double *restrict f, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] = factor * f[i];
}

static void add_row(int n, double factor, const double *restrict f, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] += factor * f[i];
}

/* Statistic `index` = -g_i g_j and its derivatives, i > j. */
static void pair_statistic(int n, int i, int j, const functions *fi, const functions *fj, size_t index, sg_jet *out) {
    const size_t d = (size_t)out->d, seconds = d * (d + 1) / 2;
    if (out->dt) times(n, -1, fi->g[0], fj->g[0], out->dt + index * B);
    if (out->dt_dx) {
        double *row = out->dt_dx + index * d * B;
        times(n, -1, fi->g[1], fj->g[0], row + (size_t)i * B);
        times(n, -1, fi->g[0], fj->g[1], row + (size_t)j * B);
    }
    if (!out->dt_dxx) return;
    double *row = out->dt_dxx + index * seconds * B;
    times(n, -1, fi->g[2], fj->g[0], row + sg_ab_pair(i, i) * B);
    times(n, -1, fi->g[0], fj->g[2], row + sg_ab_pair(j, j) * B);
    times(n, -1, fi->g[1], fj->g[1], row + sg_ab_pair(i, j) * B);
}

/* The same for one that depends on x_j alone: factor f. */
static void single_statistic(int n, int j, double factor, const double (*f)[B], size_t index, sg_jet *out) {
    const size_t d = (size_t)out->d, seconds = d * (d + 1) / 2;
    if (out->dt) set_row(n, factor, f[0], out->dt + index * B);
    if (out->dt_dx) set_row(n, factor, f[1], out->dt_dx + (index * d + (size_t)j) * B);
    if (out->dt_dxx) set_row(n, factor, f[2], out->dt_dxx + (index * seconds + sg_ab_pair(j, j)) * B);
}

/* What K_ij, i > j, adds to log p and its derivatives. */
static void add_pair(int n, int i, int j, double K, const functions *fi, const functions *fj, sg_jet *out) {
    if (K == 0) return;
    if (out->logp) add_times(n, -K, fi->g[0], fj->g[0], out->logp);
    if (out->dx) {
        add_times(n, -K, fi->g[1], fj->g[0], out->dx + (size_t)i * B);
        add_times(n, -K, fi->g[0], fj->g[1], out->dx + (size_t)j * B);
    }
    if (!out->dxx) return;
    add_times(n, -K, fi->g[2], fj->g[0], out->dxx + sg_ab_pair(i, i) * B);
    add_times(n, -K, fi->g[1], fj->g[1], out->dxx + sg_ab_pair(i, j) * B);
    add_times(n, -K, fi->g[0], fj->g[2], out->dxx + sg_ab_pair(j, j) * B);
}

static void add_single(int n, int j, double factor, const double (*f)[B], sg_jet *out) {
    if (factor == 0) return;
    if (out->logp) add_row(n, factor, f[0], out->logp);
    if (out->dx) add_row(n, factor, f[1], out->dx + (size_t)j * B);
    if (out->dxx) add_row(n, factor, f[2], out->dxx + sg_ab_pair(j, j) * B);
}

static void clear(const sg_model *model, sg_jet *out) {
    const size_t full = (size_t)model->full, d = (size_t)model->space.d, seconds = d * (d + 1) / 2;
    const size_t pairs = full * (full + 1) / 2;
    const struct {
        double *member;
        size_t rows;
    } all[] = {{out->logp, 1},
               {out->dx, d},
               {out->dxx, seconds},
               {out->dt_dx, full * d},
               {out->dt_dxx, full * seconds},
               {out->dtt, pairs},
               {out->dtt_dx, pairs * d},
               {out->dtt_dxx, pairs * seconds}};
    for (size_t k = 0; k < sizeof all / sizeof *all; k++)
        if (all[k].member) memset(all[k].member, 0, all[k].rows * B * sizeof(double));
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const sg_ab *own = model->own;
    const int n = sg_line_points(block->n), d = model->space.d;
    const bool statistics = out->dt || out->dt_dx || out->dt_dxx;
    functions fi, fj;
    clear(model, out);
    for (int i = 0; i < d; i++) {
        const size_t single = sg_ab_pair(i, i), linear = sg_ab_pair(d, 0) + (size_t)i;
        look(own, n, block->x + (size_t)i * B, &fi);
        for (int j = 0; j < i; j++) {
            const size_t at = sg_ab_pair(i, j);
            if (theta[at] == 0 && !statistics) continue;
            look(own, n, block->x + (size_t)j * B, &fj);
            pair_statistic(n, i, j, &fi, &fj, at, out);
            add_pair(n, i, j, theta[at], &fi, &fj, out);
        }
        single_statistic(n, i, -1, fi.half, single, out);
        add_single(n, i, -theta[single], fi.half, out);
        if (own->centred) continue;
        single_statistic(n, i, 1, fi.v, linear, out);
        add_single(n, i, theta[linear], fi.v, out);
    }
}

static const sg_field keys[] = {
    {.key = "d",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(ab_keys, d),
     .initial = "2",
     .lo = 1,
     .hi = SG_AB_MOST,
     .help = "dimension"},
    {.key = "space",
     .type = SG_FIELD_WORD,
     .role = SG_STRUCTURE,
     .offset = offsetof(ab_keys, space),
     .initial = "orthant",
     .choices = "orthant|reals",
     .help = "all x_j > 0, or R^d (a = b = 1: the normal law)"},
    {.key = "a",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(ab_keys, a),
     .initial = "1",
     .lo = 0,
     .hi = 16,
     .help = "power in the interactions; 0: log x"},
    {.key = "b",
     .type = SG_FIELD_REAL,
     .role = SG_STRUCTURE,
     .offset = offsetof(ab_keys, b),
     .initial = "1",
     .lo = 0,
     .hi = 32,
     .help = "power in the linear terms, below 2 a; 0: log x"},
    {.key = "centred",
     .type = SG_FIELD_WORD,
     .role = SG_STRUCTURE,
     .offset = offsetof(ab_keys, centred),
     .initial = "no",
     .choices = "no|yes",
     .help = "yes: without linear terms, eta = 0 is no parameter"},
    {.key = "graph",
     .type = SG_FIELD_TEXT,
     .role = SG_TRUTH,
     .offset = offsetof(ab_keys, graph),
     .initial = "path",
     .help = "path|ring|complete|banded|@FILE where the true K is not 0; lines `i j K_ij` and `i eta_i`"},
    {.key = "width",
     .type = SG_FIELD_INT,
     .role = SG_TRUTH,
     .offset = offsetof(ab_keys, width),
     .initial = "1",
     .lo = 1,
     .hi = SG_AB_MOST,
     .help = "of the band: K_ij is not 0 where i and j are at most so far apart"},
    {.key = "coupling",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(ab_keys, coupling),
     .initial = "0.3",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "true K_ij on the graph; multiplies those of a file"},
    {.key = "diagonal",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(ab_keys, diagonal),
     .initial = "1",
     .lo = 0,
     .lo_open = true,
     .hi = INFINITY,
     .help = "true K_jj"},
    {.key = "eta",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(ab_keys, eta),
     .initial = "0",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "true eta_j, beside those of the file"},
    {0},
};

const sg_family sg_family_ab_model = {
    .name = "ab-model",
    .summary = "p(x) ~ exp(-(x^a)' K x^a/(2a) + eta' x^b/b) on the orthant or R^d; a = b = 1: cut normal law",
    .keys = keys,
    .keys_size = sizeof(ab_keys),
    .can = SG_LINEAR | SG_NODES | SG_SAMPLER,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .places = sg_ab_places,
    .settle = settle,
    .idle = idle,
    .sampler = sg_ab_sampler_new,
    .interactions = interactions,
    .faces = faces,
};
