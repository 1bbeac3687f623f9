/*
 * The families that are mixtures of normals, in one and several dimensions: on the line against its own jets, smoothed
 * against numeric convolution, nodes against what is known, draws against moments, and keys.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <float.h>
#include <math.h>
#include <unistd.h>

#include "../model.h"
#include "corners.h"
#include "family/normals.h"

enum { MEMBERS = 9, DRAWS = 1 << 18 };

static double *member_of(const sg_jet *jet, int k) {
    double *const member[MEMBERS] = {jet->logp,   jet->dx,  jet->dxx,    jet->dt,     jet->dt_dx,
                                     jet->dt_dxx, jet->dtt, jet->dtt_dx, jet->dtt_dxx};
    return member[k];
}

typedef struct {
    sg_arena *arena;
    sg_block block;
    sg_jet jet;
} workspace;

static void open_workspace(workspace *w, int m, int d, int want) {
    OK(sg_arena_new(sg_jet_bytes(m, d, want) + (size_t)d * SG_BLOCK * sizeof(double), &w->arena));
    w->block = (sg_block){.n = SG_BLOCK, .d = d, .draws = 1, .x = sg_arena_take(w->arena, (size_t)d * SG_BLOCK, 8)};
    assert_non_null(w->block.x);
    OK(sg_jet_take(w->arena, m, d, want, &w->jet));
}

/* -------------------------------------------------------------- on the line */

/* Adds |v f_v| of every member to `size`, v one input: what a rounding error of it does, by a move of 2^-30. */
static void add_condition(const corner *at, double *v, workspace *moved, const sg_jet *jet, double *size) {
    const double was = *v;
    *v = was * (1 + 0x1p-30);
    at->model->family->jet(at->model, at->theta, &moved->block, &moved->jet);
    *v = was;
    for (int k = 0, at_row = 0; k < MEMBERS; k++)
        for (int row = 0; row < (k < 3 ? 1 : k < 6 ? 3 : 6); row++, at_row++)
            size[at_row] +=
                0x1p30 * fabs(member_of(&moved->jet, k)[row * SG_BLOCK] - member_of(jet, k)[row * SG_BLOCK]);
}

/* Two programs for the same derivatives, the family's own and that of any dimension, at corners. */
static void both_jets_of_the_line_agree(void **state) {
    sg_stream s;
    workspace fast, core, moved;
    (void)state;
    sg_stream_open(&s, 20261101, SG_PURPOSE_TEST, 0);
    open_workspace(&fast, 3, 1, SG_JET_ALL);
    open_workspace(&core, 3, 1, SG_JET_ALL);
    open_workspace(&moved, 3, 1, SG_JET_ALL);
    fast.block.n = core.block.n = moved.block.n = 1;
    for (int trial = 0; trial < 4000; trial++) {
        corner at;
        double size[30] = {0};
        OK(corner_new(&s, "mixture", &at));
        fast.block.x[0] = core.block.x[0] = moved.block.x[0] = corner_point(&s, &at);
        at.model->family->jet(at.model, at.theta, &fast.block, &fast.jet);
        sg_normals_jet(at.model->own, at.theta, &core.block, false, &core.jet);
        for (int j = 0; j < 3; j++) add_condition(&at, &at.theta[j], &moved, &fast.jet, size);
        add_condition(&at, moved.block.x, &moved, &fast.jet, size);
        for (int k = 0, at_row = 0; k < MEMBERS; k++)
            for (int row = 0; row < (k < 3 ? 1 : k < 6 ? 3 : 6); row++, at_row++) {
                const double x = member_of(&fast.jet, k)[row * SG_BLOCK], y = member_of(&core.jet, k)[row * SG_BLOCK];
                if (!(fabs(x - y) <= 32 * DBL_EPSILON * (fabs(x) + size[at_row]) + DBL_MIN))
                    fail_msg("%s, member %d row %d at %.17g: %.17g and %.17g", at.model->text, k, row, fast.block.x[0],
                             x, y);
            }
        sg_model_delete(at.model);
    }
    sg_arena_delete(fast.arena);
    sg_arena_delete(core.arena);
    sg_arena_delete(moved.arena);
}

/* log of E over y of p of N(x - y; 0, t), with y at the nodes of panels of p. */
static double convolved(const sg_panels *panels, double *f, double x, double t) {
    for (long long i = 0; i < panels->n; i++)
        f[i] = exp(-(x - panels->x[i]) * (x - panels->x[i]) / (2 * t)) / sqrt(2 * M_PI * t);
    return log(sg_panels_mean(panels, f));
}

static void smoothing_is_convolution(void **state) {
    static const char *const texts[] = {"mixture:m=2,w=.3,free=all", "mixture:m=.1",
                                        "gaussian-mixture:d=1,means=-2/0/3,sd=.5/1/.2,weights=1/2/3"};
    (void)state;
    for (size_t n = 0; n < sizeof texts / sizeof *texts; n++) {
        sg_model *model = model_of(texts[n]);
        sg_panels *panels = NULL;
        double *f = NULL;
        workspace w;
        open_workspace(&w, model->full, 2, SG_LOGP);
        w.block.n = 60;
        for (int i = 0; i < 60; i++) {
            w.block.x[i] = -6 + i % 20 * 0.6;
            w.block.x[SG_BLOCK + i] = i < 20 ? 0.3 : i < 40 ? 1 : 7;
        }
        model->family->smooth(model, model->truth, &w.block, &w.jet);
        OK(sg_model_panels(model, model->truth, 1, &panels));
        OK(sg_new(&f, (size_t)panels->n, sizeof *f));
        for (int i = 0; i < 60; i++) {
            const double known = convolved(panels, f, w.block.x[i], w.block.x[SG_BLOCK + i]);
            if (!(fabs(w.jet.logp[i] - known) < 1e-12 * (1 + fabs(known))))
                fail_msg("%s at %g, t = %g: %.15g, not %.15g", model->text, w.block.x[i], w.block.x[SG_BLOCK + i],
                         w.jet.logp[i], known);
        }
        sg_delete(f);
        sg_panels_delete(panels);
        sg_arena_delete(w.arena);
        sg_model_delete(model);
    }
}

/* ------------------------------------------------------------------ the plane */

/* At nodes of cubature: log Z = 0, E F = 0, E F F' = -E dF/dtheta, E x and E x x' as composed. */
static void check_nodes(const char *text) {
    sg_model *model = model_of(text);
    const int d = model->space.d, full = model->full;
    sg_nodes *nodes = NULL;
    workspace w;
    double weight[SG_BLOCK], mean[SG_REALS] = {0}, square[SG_REALS] = {0}, cross[SG_REALS * SG_REALS] = {0};
    OK(sg_nodes_new(model, model->truth, 0, false, &nodes));
    assert_true(fabs(nodes->points->log_z) < 1e-9);
    open_workspace(&w, full, d, SG_DT | SG_DTT);
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &w.block, weight);
        model->family->jet(model, model->truth, &w.block, &w.jet);
        for (int j = 0, pair = 0; j < full; j++)
            for (int k = 0; k <= j; k++, pair++)
                for (int i = 0; i < w.block.n; i++) {
                    const double one = w.jet.dt[j * SG_BLOCK + i], other = w.jet.dt[k * SG_BLOCK + i];
                    if (k == 0) mean[j] += weight[i] * one;
                    if (k == j) square[j] += weight[i] * one * one;
                    cross[pair] += weight[i] * (one * other + w.jet.dtt[pair * SG_BLOCK + i]);
                }
    }
    for (int j = 0, pair = 0; j < full; j++) {
        if (!(fabs(mean[j]) < 1e-9 * sqrt(square[j]))) fail_msg("%s: E F_%d = %g", text, j, mean[j]);
        for (int k = 0; k <= j; k++, pair++)
            if (!(fabs(cross[pair]) < 1e-9 * sqrt(square[j] * square[k])))
                fail_msg("%s: E F_%d F_%d + E F_%d%d = %g", text, j, k, j, k, cross[pair]);
    }
    sg_arena_delete(w.arena);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

static void nodes_know_the_law(void **state) {
    (void)state;
    check_nodes("mixture:d=2,m=2,w=.3,free=all");
    check_nodes("mixture:d=2,m=.2");
    check_nodes("gaussian-mixture:weights=1/2/3,sd=.5/1/1.5");
    check_nodes("gaussian-mixture:k=2,means=-1/0/1/0.5,sd=1/.7,correlation=-.5/.8");
}

/* ------------------------------------------------------------ some parameters */

static int rows_of(int m, int d, int k) {
    const int sets = k / 3 == 0 ? 1 : k / 3 == 1 ? m : m * (m + 1) / 2;
    return sets * (k % 3 == 0 ? 1 : k % 3 == 1 ? d : d * (d + 1) / 2);
}

/* Which set of rows of all parameters is set n of some. */
static int set_of(const int *parameter, int k, int n) {
    int j = 0;
    if (k < 6) return k < 3 ? 0 : parameter[n];
    while ((j + 1) * (j + 2) / 2 <= n) j++;
    return parameter[j] * (parameter[j] + 1) / 2 + parameter[n - j * (j + 1) / 2];
}

static void check_some(const char *text, int count, const int *parameter, bool heat) {
    sg_model *model = model_of(text);
    const int d = model->space.d + heat;
    sg_stream s;
    workspace all, some;
    open_workspace(&all, model->full, d, SG_JET_ALL);
    open_workspace(&some, count, d, SG_JET_ALL);
    some.jet.parameter = parameter;
    sg_stream_open(&s, 20261103, SG_PURPOSE_TEST, 0);
    for (int i = 0; i < d * SG_BLOCK; i++)
        all.block.x[i] = corner_uniform(&s, heat && i >= (d - 1) * SG_BLOCK ? 0 : -3, 3);
    memcpy(some.block.x, all.block.x, (size_t)d * SG_BLOCK * sizeof(double));
    (heat ? model->family->smooth : model->family->jet)(model, model->truth, &all.block, &all.jet);
    (heat ? model->family->smooth : model->family->jet)(model, model->truth, &some.block, &some.jet);
    for (int k = 0; k < MEMBERS; k++) {
        const int sets = k < 3 ? 1 : k < 6 ? count : count * (count + 1) / 2, each = rows_of(1, d, k);
        for (int n = 0; n < sets; n++)
            assert_memory_equal(member_of(&some.jet, k) + n * each * SG_BLOCK,
                                member_of(&all.jet, k) + set_of(parameter, k, n) * each * SG_BLOCK,
                                (size_t)each * SG_BLOCK * sizeof(double));
    }
    sg_arena_delete(all.arena);
    sg_arena_delete(some.arena);
    sg_model_delete(model);
}

/* Jets of some parameters have the bits of those of all. */
static void some_parameters_are_those_of_all(void **state) {
    static const int one[] = {0}, last[] = {2}, two[] = {0, 2}, many[] = {1, 3, 6};
    (void)state;
    for (int heat = 0; heat < 2; heat++) {
        check_some("mixture:m=1", 1, one, heat);
        check_some("mixture:m=1", 1, last, heat);
        check_some("mixture:m=1", 2, two, heat);
        check_some("mixture:d=3", 2, two, heat);
        check_some("gaussian-mixture:sd=1/2/3,correlation=.5", 3, many, heat);
    }
}

/* Row n of a member's second derivatives, d diagonal rows a set, among those of full triangles. */
static int row_of_diagonal(int d, int n) {
    const int a = n % d;
    return n / d * (d * (d + 1) / 2) + a * (a + 1) / 2 + a;
}

static void check_diagonal(const sg_model *model, bool heat) {
    const int d = model->space.d + heat, full = model->full;
    sg_stream s;
    workspace all, some;
    open_workspace(&all, full, d, SG_JET_ALL);
    open_workspace(&some, full, d, SG_JET_ALL | SG_DIAGONAL);
    sg_stream_open(&s, 20261123, SG_PURPOSE_TEST, 0);
    for (int i = 0; i < d * SG_BLOCK; i++) all.block.x[i] = corner_uniform(&s, i >= (d - 1) * SG_BLOCK ? 0 : -3, 3);
    memcpy(some.block.x, all.block.x, (size_t)d * SG_BLOCK * sizeof(double));
    (heat ? model->family->smooth : model->family->jet)(model, model->truth, &all.block, &all.jet);
    (heat ? model->family->smooth : model->family->jet)(model, model->truth, &some.block, &some.jet);
    for (int k = 0; k < MEMBERS; k++) {
        const int sets = k < 3 ? 1 : k < 6 ? full : full * (full + 1) / 2, rows = sets * (k % 3 ? d : 1);
        for (int n = 0; n < rows; n++)
            assert_memory_equal(member_of(&some.jet, k) + n * SG_BLOCK,
                                member_of(&all.jet, k) + (k % 3 == 2 ? row_of_diagonal(d, n) : n) * SG_BLOCK,
                                SG_BLOCK * sizeof(double));
    }
    sg_arena_delete(all.arena);
    sg_arena_delete(some.arena);
}

/* Jets with diagonals alone have the bits of full ones; so have those of the law on (x, beta), lambda not 1. */
static void diagonals_are_those_of_triangles(void **state) {
    static const char *const texts[] = {"mixture:m=1", "mixture:d=4,m=2,w=.3", "gaussian-mixture:d=1,k=2,sd=.5/2",
                                        "gaussian-mixture:sd=1/2/3,correlation=.5"};
    const sg_lift lift = {.lambda = 0.7, .beta_max = 5, .decay = 2, .power = 1};
    (void)state;
    for (int k = 0; k < 4; k++) {
        sg_model *model = model_of(texts[k]), *view = NULL;
        assert_true(model->family->can & SG_DIAGONALS);
        check_diagonal(model, false);
        check_diagonal(model, true);
        OK(sg_model_lift(model, &lift, &view));
        check_diagonal(view, false);
        sg_model_delete(view);
        sg_model_delete(model);
    }
}

/* A chart takes no more of the family than moves, and its jet is that of all parameters along it. */
static void charts_take_what_moves(void **state) {
    static const char *const texts[] = {"mixture:m=1", "mixture:d=2,free=mu1_2/mu2_1",
                                        "gaussian-mixture:free=w2/mu1_1/mu3_2"};
    const double whiten[] = {2, 0.5, -1, 0, 3, 0.25, 0, 0, 0.1};
    (void)state;
    for (size_t n = 0; n < 3; n++) {
        sg_model *model = model_of(texts[n]);
        const int d = model->space.d, m = model->m;
        double factor[9];
        sg_chart *chart = NULL;
        sg_arena *arena = NULL;
        sg_jet raw[2], jet[2];
        workspace w;
        for (int a = 0; a < m * m; a++) factor[a] = whiten[a / m * 3 + a % m];
        OK(sg_chart_new(model, model->truth, factor, &chart));
        assert_int_equal(chart->moved, m);
        assert_memory_equal(chart->parameter, model->free, (size_t)m * sizeof(int));
        assert_int_equal(sg_chart_raw_bytes(model, chart, d, SG_JET_ALL), sg_jet_bytes(m, d, SG_JET_ALL));
        open_workspace(&w, 1, d, SG_LOGP);
        for (int i = 0; i < d * SG_BLOCK; i++) w.block.x[i] = sin(i);
        OK(sg_arena_new(2 * sg_jet_bytes(m, d, SG_JET_ALL) + sg_chart_raw_bytes(model, chart, d, SG_JET_ALL) +
                            sg_jet_bytes(model->full, d, SG_JET_ALL),
                        &arena));
        OK(sg_chart_raw_take(model, chart, arena, d, SG_JET_ALL, &raw[0]));
        OK(sg_jet_take(arena, model->full, d, SG_JET_ALL, &raw[1]));
        for (int k = 0; k < 2; k++) {
            OK(sg_jet_take(arena, m, d, SG_JET_ALL, &jet[k]));
            sg_chart_jet(model, chart, model->truth, &w.block, &raw[k], &jet[k]);
        }
        for (int k = 0; k < MEMBERS; k++)
            for (int i = 0; i < rows_of(m, d, k) * SG_BLOCK; i++)
                assert_true(fabs(member_of(&jet[0], k)[i] - member_of(&jet[1], k)[i]) <= 0);
        sg_arena_delete(arena);
        sg_arena_delete(w.arena);
        sg_chart_delete(chart);
        sg_model_delete(model);
    }
}

/* -------------------------------------------------------------------- files */

/* A file of these lines, for the caller to unlink. */
static void write_file(const char *lines, char path[64]) {
    snprintf(path, 64, "/tmp/scoregap-components-XXXXXX");
    const int handle = mkstemp(path);
    assert_true(handle >= 0);
    assert_int_equal(write(handle, lines, strlen(lines)), (ssize_t)strlen(lines));
    close(handle);
}

static const char TWO[] = "# weight, mean, covariance\n"
                          "1, -1, 0, 1, 0.3, 0.5\n"
                          "\n"
                          "3, 2, 1, 0.25, -0.1, 2   # narrow\n";

/* The file's components are those of keys, to rounding; its contents are in the text. */
static void files_say_what_keys_say(void **state) {
    char path[64], keys[256], hex[SG_SHA256_HEX], seal[32];
    const double mean[] = {-1, 0, 2, 1};
    (void)state;
    write_file(TWO, path);
    snprintf(keys, sizeof keys, "gaussian-mixture:file=@%s", path);
    sg_model *model = model_of(keys);
    assert_int_equal(model->full, 5);
    assert_true(model->truth[0] == 0.25);
    assert_memory_equal(model->truth + 1, mean, sizeof mean);
    sg_sha256(TWO, strlen(TWO), hex);
    snprintf(seal, sizeof seal, "#%.16s,free=w1/", hex);
    assert_non_null(strstr(model->text, seal));
    assert_null(strstr(model->text, "sd="));
    sg_model_delete(model);
    check_nodes(keys);
    unlink(path);
    write_file("1,-1,0,.25,.1,.25\n3,2,1,4,-2.4,4\n", path);
    snprintf(keys, sizeof keys, "gaussian-mixture:file=@%s", path);
    sg_model *given = model_of(keys);
    model = model_of("gaussian-mixture:k=2,weights=.5/1.5,means=-1/0/2/1,sd=.5/2,correlation=.4/-.6");
    workspace one, other;
    open_workspace(&one, 5, 2, SG_JET_ALL);
    open_workspace(&other, 5, 2, SG_JET_ALL);
    one.block.n = other.block.n = 2;
    for (int a = 0; a < 2; a++)
        for (int i = 0; i < 2; i++) one.block.x[a * SG_BLOCK + i] = other.block.x[a * SG_BLOCK + i] = a - 0.7 * i;
    model->family->jet(model, model->truth, &one.block, &one.jet);
    given->family->jet(given, given->truth, &other.block, &other.jet);
    for (int k = 0; k < MEMBERS; k++)
        for (int i = 0; i < 2; i++) {
            const double x = member_of(&one.jet, k)[i], y = member_of(&other.jet, k)[i];
            assert_true(fabs(x - y) < 1e-13 * (1 + fabs(x)));
        }
    sg_arena_delete(one.arena);
    sg_arena_delete(other.arena);
    sg_model_delete(model);
    sg_model_delete(given);
    unlink(path);
}

/* -------------------------------------------------------------------- draws */

/* Weights, means, and covariances of the components of a law. */
typedef struct {
    double weight[4], mean[4][4], covariance[4][4][4];
} composition;

static void two_normals(double m, double w, int d, composition *c) {
    *c = (composition){.weight = {w, 1 - w}, .mean = {{-m}, {m}}};
    for (int k = 0; k < 2; k++)
        for (int a = 0; a < d; a++) c->covariance[k][a][a] = 1;
}

/* One sum of draws against its mean, in standard errors. */
static double deviation(double sum, double sum_of_squares, double known) {
    const double mean = sum / DRAWS, variance = sum_of_squares / DRAWS - mean * mean;
    return fabs(mean - known) / sqrt(variance / DRAWS);
}

/*
 * E x_a, E x_a x_b and E x_a^3 of 2^18 draws within 5.2 standard errors: for each of the fewer than 50 quantities here
 * a false alarm has probability 2e-7, 1e-5 in all.
 */
static void check_draws(const char *text, int count, const composition *c) {
    sg_model *model = model_of(text);
    const int d = model->space.d;
    sg_sampler *sampler = NULL;
    sg_stream s;
    workspace w;
    double one[4][2] = {{0}}, two[16][2] = {{0}}, three[4][2] = {{0}};
    OK(sg_sampler_new(model, model->truth, NULL, &sampler));
    assert_true(sg_sampler_error(sampler) == 0);
    open_workspace(&w, 1, d, SG_LOGP);
    sg_stream_open(&s, 20261102, SG_PURPOSE_TEST, 0);
    for (uint32_t b = 0; b < DRAWS / SG_BLOCK; b++) {
        sg_stream_seek(&s, b);
        sg_sampler_draw(sampler, &s, &w.block);
        for (int i = 0; i < SG_BLOCK; i++)
            for (int a = 0; a < d; a++) {
                const double x = w.block.x[a * SG_BLOCK + i], cube = x * x * x;
                one[a][0] += x, one[a][1] += x * x;
                three[a][0] += cube, three[a][1] += cube * cube;
                for (int e = 0; e <= a; e++) {
                    const double product = x * w.block.x[e * SG_BLOCK + i];
                    two[a * 4 + e][0] += product, two[a * 4 + e][1] += product * product;
                }
            }
    }
    for (int a = 0; a < d; a++) {
        double first = 0, third = 0;
        for (int k = 0; k < count; k++) {
            const double m = c->mean[k][a];
            first += c->weight[k] * m;
            third += c->weight[k] * (m * m * m + 3 * m * c->covariance[k][a][a]);
        }
        assert_true(deviation(one[a][0], one[a][1], first) < 5.2);
        assert_true(deviation(three[a][0], three[a][1], third) < 5.2);
        for (int e = 0; e <= a; e++) {
            double second = 0;
            for (int k = 0; k < count; k++)
                second += c->weight[k] * (c->covariance[k][a][e] + c->mean[k][a] * c->mean[k][e]);
            assert_true(deviation(two[a * 4 + e][0], two[a * 4 + e][1], second) < 5.2);
        }
    }
    sg_arena_delete(w.arena);
    sg_sampler_delete(sampler);
    sg_model_delete(model);
}

static void draws_have_the_moments(void **state) {
    composition c;
    (void)state;
    two_normals(2, 0.3, 1, &c);
    check_draws("mixture:m=2,w=.3", 2, &c);
    two_normals(1, 0.1, 3, &c);
    check_draws("mixture:d=3,m=1,w=.1", 2, &c);
    c = (composition){.weight = {1. / 6, 2. / 6, 3. / 6}, .mean = {{-1, 0}, {1, 2}, {0, -3}}};
    for (int k = 0; k < 3; k++)
        for (int a = 0; a < 2; a++)
            for (int b = 0; b < 2; b++) c.covariance[k][a][b] = pow(0.5 + k, 2) * (a == b ? 1 : k == 0 ? -0.8 : 0.5);
    check_draws("gaussian-mixture:weights=1/2/3,means=-1/0/1/2/0/-3,sd=.5/1.5/2.5,correlation=-.8/.5/.5", 3, &c);
    char path[64], keys[128];
    write_file(TWO, path);
    snprintf(keys, sizeof keys, "gaussian-mixture:file=@%s", path);
    c = (composition){
        .weight = {.25, .75}, .mean = {{-1, 0}, {2, 1}}, .covariance = {{{1, .3}, {.3, .5}}, {{.25, -.1}, {-.1, 2}}}};
    check_draws(keys, 2, &c);
    unlink(path);
}

/* --------------------------------------------------------------------- keys */

static void check_text(const char *keys, const char *canonical, int m) {
    sg_model *model = model_of(keys);
    assert_string_equal(model->text, canonical);
    assert_int_equal(model->m, m);
    sg_model_delete(model);
}

static void groups_and_texts(void **state) {
    (void)state;
    check_text("mixture:d=1", "mixture(m=1,w=0.5,free=w)", 1);
    check_text("mixture:d=2,free=means", "mixture(d=2,m=1,w=0.5,free=mu1_1/mu1_2/mu2_1/mu2_2)", 4);
    check_text("mixture:d=2,free=w/mu2*", "mixture(d=2,m=1,w=0.5,free=w/mu2_1/mu2_2)", 3);
    check_text("mixture:d=32,free=means", "mixture(d=32,m=1,w=0.5,free=means)", 64);
    check_text("mixture:d=32", "mixture(d=32,m=1,w=0.5,free=w)", 1);
    check_text("gaussian-mixture:k=2,free=weights", "gaussian-mixture(d=2,k=2,sd=1,correlation=0,free=w1)", 1);
    check_text("gaussian-mixture:d=1,k=2,weights=1/3,means=0/2,free=means",
               "gaussian-mixture(d=1,k=2,weights=1/3,means=0/2,sd=1,correlation=0,free=mu1/mu2)", 2);
}

static void check_refused(const char *keys, sg_status code, const char *message) {
    char copy[512];
    sg_pair pairs[8];
    sg_model *model = NULL;
    int count = 0;
    const long live = sg_memory_live();
    snprintf(copy, sizeof copy, "%s", keys);
    OK(sg_pairs_split(copy, 8, pairs, &count));
    assert_int_equal(sg_model_new("gaussian-mixture", count, pairs, &model), code);
    if (!strstr(sg_message(), message)) fail_msg("%s: %s", keys, sg_message());
    assert_int_equal(sg_memory_live(), live);
}

static void check_file_refused(const char *lines, sg_status code, const char *message) {
    char path[64], keys[128];
    write_file(lines, path);
    snprintf(keys, sizeof keys, "file=@%s", path);
    check_refused(keys, code, message);
    unlink(path);
}

static void errors_say_what_to_change(void **state) {
    (void)state;
    check_refused("means=0/0/1/1/0/0", SG_OUT_OF_RANGE,
                  "components 1 and 3 of the mixture coincide: change the mean or the covariance of one");
    check_refused("weights=1/2", SG_OUT_OF_RANGE,
                  "weights of family gaussian-mixture has 2 numbers: it must have 3, one a component");
    check_refused("means=1", SG_OUT_OF_RANGE, "means of family gaussian-mixture has 1 number: it must have 6");
    check_refused("sd=1/2", SG_OUT_OF_RANGE, "it must have 3 (one a component), or one for all");
    check_refused("d=3,correlation=-.5", SG_OUT_OF_RANGE, "of any two of 3 coordinates it must be > -1/2");
    check_refused("file=x.csv", SG_OUT_OF_RANGE, "it must be @FILE.csv");
    check_refused("d=1,file=@x.csv", SG_BAD_SYNTAX, "leave out the other keys but free");
    check_refused("file=@/nowhere/x.csv", SG_CANNOT_READ, "cannot be read");
    check_file_refused("1,0,1\n", SG_BAD_DATA, "a mixture has at least two");
    check_file_refused("1,0,1,2\n", SG_BAD_DATA, "line 1: a row is the weight");
    check_file_refused("1,0,1\n1,2\n", SG_BAD_DATA, "line 2: this row is not as long as the first");
    check_file_refused("1,0,1\n1,2,x\n", SG_BAD_DATA, "line 2: a row is numbers separated by commas");
    check_file_refused("1,0,1\n0,2,1\n", SG_BAD_DATA, "line 2: the weight of a component must be positive");
    check_file_refused("1,0,0,1,0,1\n1,1,1,1,2,1\n", SG_OUT_OF_RANGE,
                       "the covariance of component 2 is not positive definite");
    check_file_refused("1,0,1\n2,0,1\n", SG_OUT_OF_RANGE, "components 1 and 2 of the mixture coincide");
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_jets_of_the_line_agree),
        cmocka_unit_test(smoothing_is_convolution),
        cmocka_unit_test(nodes_know_the_law),
        cmocka_unit_test(draws_have_the_moments),
        cmocka_unit_test(some_parameters_are_those_of_all),
        cmocka_unit_test(diagonals_are_those_of_triangles),
        cmocka_unit_test(charts_take_what_moves),
        cmocka_unit_test(files_say_what_keys_say),
        cmocka_unit_test(groups_and_texts),
        cmocka_unit_test(errors_say_what_to_change),
    };
    return cmocka_run_group_tests_name("mixtures of normals", tests, NULL, NULL);
}
