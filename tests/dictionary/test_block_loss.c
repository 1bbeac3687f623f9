/*
 * Conditional blocks of sites: psi = L S and the Dirichlet matrix by enumeration, derivatives by differences, random
 * masks with their noise, counts where sites are alike, and the inefficiencies of random masks.
 */
#include "states.h"

#include <stdlib.h>
#include <unistd.h>

static const char *const models[] = {
    "ising:graph=complete,n=5,couplings=gauss,beta=0.6,h=0.3,coupling-seed=4",
    "ising:graph=complete,n=4,couplings=pm,beta=1.2,h=-0.7,free=J0-1/J2-3/h1",
    "ising:graph=ring,n=5,beta=-0.8,h=0.4,free=tied",
    "parity:n=5,k=3,J=0.8",
    "hardcore:graph=ring,n=5,lambda=1.7",
    "hardcore:graph=path,n=4,lambda=0.6",
};
enum { MODELS = sizeof models / sizeof *models };

/* The generator of masks K of k sites, all or runs, or of random ones (k = 0). */
static void generate_blocks(states *s, int k, double rate, bool contiguous) {
    double count = 0;
    memset(s->L, 0, sizeof s->L);
    for (int turn = 0; turn < 2; turn++)
        for (uint32_t mask = 1; mask < UINT32_C(1) << s->d; mask++) {
            const int sites = __builtin_popcount(mask);
            bool in = k == 0 || sites == k;
            for (int b = 0, runs = 0; contiguous && b < s->d; b++) {
                runs += (mask >> b & 1) && !(mask >> (b + s->d - 1) % s->d & 1);
                if (runs > 1) in = false;
            }
            if (!in) continue;
            if (turn) add_block(s, mask, k ? 1 / count : pow(rate, sites) * pow(1 - rate, s->d - sites));
            count += !turn;
        }
}

static void check_masked(states *s, int k, double rate, bool contiguous) {
    generate_blocks(s, k, rate, contiguous);
    check_generator(s, 1e-13);
}

static void losses_belong_to_their_generators(void **state) {
    (void)state;
    char text[64];
    for (int a = 0; a < MODELS; a++)
        for (int k = 0; k <= 4; k++) {
            const char *names[] = {"masked:k=%d", "masked:k=%d,blocks=contiguous", "masked-random:k=%d",
                                   "masked-random:rate=0.3"};
            for (int r = k ? 0 : 3; r < (k ? 3 : 4); r++) {
                snprintf(text, sizeof text, names[r], k);
                states *s = open_states(models[a], text);
                check_masked(s, k, 0.3, r == 1);
                close_states(s);
            }
        }
}

static void blocks_of_a_file(void **state) {
    (void)state;
    char name[] = "/tmp/scoregap-blocks-XXXXXX", text[64];
    const char *lines = "0 1 4\n2\n1 3\n";
    const int file = mkstemp(name);
    assert_true(file >= 0);
    assert_int_equal(write(file, lines, strlen(lines)), (int)strlen(lines));
    close(file);
    snprintf(text, sizeof text, "masked:blocks=@%s", name);
    states *s = open_states(models[0], text);
    unlink(name);
    memset(s->L, 0, sizeof s->L);
    const uint32_t masks[] = {1 | 2 | 16, 4, 2 | 8};
    for (int b = 0; b < 3; b++) add_block(s, masks[b], 1.0 / 3);
    check_generator(s, 1e-13);
    assert_false(s->loss->row->alike(s->loss->options, s->model));
    close_states(s);
}

static void derivatives_are_those_of_the_value(void **state) {
    (void)state;
    static const char *const losses[] = {"masked:k=2", "masked:k=3,blocks=contiguous", "masked-random:rate=0.4"};
    sg_stream stream;
    sg_stream_open(&stream, 12, SG_PURPOSE_TEST, 0);
    for (int a = 0; a < MODELS; a++)
        for (int k = 0; k < 3; k++) {
            states *s = open_states(models[a], losses[k]);
            double theta[64];
            draw_theta(s->model, &stream, 0.5, theta);
            check_derivatives(s, theta, 1e-9);
            close_states(s);
        }
}

/* Three and four states a site, seen through jets: masks, and pseudolikelihood by blocks of one site. */
static void more_states_a_site(void **state) {
    (void)state;
    for (int q = 3; q <= 4; q++) {
        char text[64];
        for (int k = 1; k <= 3; k++) {
            snprintf(text, sizeof text, "masked:k=%d", k);
            states *s = open_states_of(jet_model(&plain_family, q == 3 ? 4 : 3, q), text);
            check_masked(s, k, 0, false);
            check_derivatives(s, s->theta, 1e-9);
            close_states(s);
        }
        states *s = open_states_of(jet_model(&plain_family, 4, q), "pseudolikelihood");
        memset(s->L, 0, sizeof s->L);
        for (int i = 0; i < 4; i++) add_block(s, UINT32_C(1) << i, 1);
        check_generator(s, 1e-13);
        check_derivatives(s, s->theta, 1e-9);
        close_states(s);
        s = open_states_of(jet_model(&plain_family, 4, q), "pseudolikelihood:sites=2");
        memset(s->L, 0, sizeof s->L);
        add_block(s, 4, 1);
        check_generator(s, 1e-13);
        close_states(s);
    }
}

/* Allowed states that are joined through forbidden ones alone. */
static void forbidden_states(void **state) {
    (void)state;
    char text[64];
    for (int q = 2; q <= 4; q++)
        for (int k = 1; k <= 5; k++)
            for (int r = 0; r < 4; r++) {
                const char *names[] = {"masked:k=%d", "masked:k=%d,blocks=contiguous", "masked-random:k=%d",
                                       "masked-random:rate=0.3"};
                sg_model *model = jet_model(&forbidding_family, q == 2 ? 6 : q == 3 ? 5 : 3, q);
                if (k > model->space.d || (q == 4 && k > 3)) {
                    sg_model_delete(model);
                    continue;
                }
                snprintf(text, sizeof text, names[r], k);
                states *s = open_states_of(model, text);
                check_masked(s, r < 3 ? k : 0, 0.3, r == 1);
                check_derivatives(s, s->theta, 1e-9);
                close_states(s);
            }
}

static void alike_sites_are_counted(void **state) {
    (void)state;
    static const char *const alike[] = {"ising:graph=curie-weiss,n=6,beta=1.3,h=0.2,free=tied",
                                        "ising:graph=complete,n=5,beta=-0.4,h=-0.3,free=h", "parity:n=6,k=6,J=0.9",
                                        "hardcore:graph=complete,n=6,lambda=1.4"};
    char text[64];
    for (int a = 0; a < 4; a++) {
        for (int k = 1; k <= 5; k++) {
            snprintf(text, sizeof text, "masked:k=%d", k);
            check_counts(alike[a], text);
            snprintf(text, sizeof text, "masked-random:k=%d", k);
            check_counts(alike[a], text);
        }
        check_counts(alike[a], "masked-random:rate=0.35");
        check_counts(alike[a], "masked-random:rate=1");
        check_counts(alike[a], "mle");
    }
}

static void fall_backs_equal_hooks(void **state) {
    (void)state;
    for (int a = 0; a < MODELS; a++) {
        sg_family family;
        states *s = open_states_of(stripped(models[a], &family), "masked-random:k=3");
        states *t = open_states(models[a], "masked-random:k=3");
        const sg_block block = all_states(s);
        look(s, s->theta, &block, ALL_WANT);
        look(t, s->theta, &block, ALL_WANT);
        const sums_of_block known = copy_sums(s);
        assert_all_sums(t, &known);
        for (int x = 0; x < s->states; x++)
            if (s->p[x] > 0) assert_point(t, x, s, x);
        close_states(s);
        close_states(t);
    }
}

/* --------------------------------------------------------------- random masks */

/* The mean over masks of what tagged points say is what points say without tags; the noise is its spread. */
static void check_tags(const char *model, const char *loss, bool without_counts) {
    static double value[SG_BLOCK], psi[FREE][SG_BLOCK], spread[FREE * FREE], curvature[FREE * FREE];
    sg_family family;
    states *s = without_counts ? open_states_of(stripped(model, &family), loss) : open_states(model, loss);
    const int m = s->m;
    sg_block block = all_states(s);
    uint32_t tag[SG_BLOCK];
    sg_site_blocks masks;
    OK(s->loss->row->blocks(s->loss->options, s->model, &masks));
    memset(value, 0, sizeof value);
    memset(psi, 0, sizeof psi);
    memset(spread, 0, sizeof spread);
    memset(curvature, 0, sizeof curvature);
    block.tag = tag;
    for (int b = 0; b < masks.count; b++) {
        for (int x = 0; x < s->states; x++) tag[x] = masks.mask[b];
        look(s, s->theta, &block, ALL_WANT);
        for (int x = 0; x < s->states; x++) {
            value[x] += masks.rate[b] * s->datum.value[x];
            for (int j = 0; j < m; j++) {
                psi[j][x] += masks.rate[b] * s->datum.psi[j * SG_BLOCK + x];
                for (int l = 0; l <= j; l++)
                    spread[j + l * m] +=
                        masks.rate[b] * s->p[x] * s->datum.psi[j * SG_BLOCK + x] * s->datum.psi[l * SG_BLOCK + x];
            }
        }
        for (int a = 0; a < m * m; a++) {
            curvature[a] += masks.rate[b] * s->datum.curvature_sum[a];
            assert_true(s->datum.noise_sum[a] == 0);
        }
    }
    double information[FREE * FREE];
    memcpy(information, spread, sizeof information);
    block.tag = NULL;
    look(s, s->theta, &block, ALL_WANT);
    for (int x = 0; x < s->states; x++) {
        if (!(s->p[x] > 0)) continue;
        assert_near(s->datum.value[x], value[x], 1e-13 * (1 + value[x]));
        for (int j = 0; j < m; j++) {
            assert_near(s->datum.psi[j * SG_BLOCK + x], psi[j][x], 1e-13 * (1 + fabs(psi[j][x])));
            for (int l = 0; l <= j; l++) spread[j + l * m] -= s->p[x] * psi[j][x] * psi[l][x];
        }
    }
    assert_sums(m, s->datum.curvature_sum, curvature, 1e-12);
    for (int j = 0; j < m; j++)
        for (int l = 0; l <= j; l++) {
            const int at = j + l * m;
            assert_near(s->datum.noise_sum[at], spread[at], 1e-13 * (1 + fabs(spread[at])));
            /* The information-matrix equality: E psi_K psi_K^T = H. */
            assert_near(information[at], s->datum.dirichlet_sum[at], 1e-12 * (1 + fabs(information[at])));
        }
    sg_delete(masks.mask);
    sg_delete(masks.rate);
    close_states(s);
}

static void tags_average_to_the_loss(void **state) {
    (void)state;
    static const char *const losses[] = {"masked-random:k=1", "masked-random:k=3", "masked-random:rate=0.25"};
    for (int k = 0; k < 3; k++) {
        for (int a = 0; a < MODELS; a++) check_tags(models[a], losses[k], false);
        check_tags("ising:graph=curie-weiss,n=6,beta=1.3,h=0.2,free=tied", losses[k], false);
        check_tags("ising:graph=curie-weiss,n=6,beta=1.3,h=0.2,free=tied", losses[k], true);
        check_tags("hardcore:graph=complete,n=5,lambda=1.4", losses[k], false);
    }
}

/* Masks mixed within a block, an empty one among them. */
static void every_point_has_its_mask(void **state) {
    (void)state;
    static double value[32][SG_BLOCK], psi[32][FREE * SG_BLOCK];
    states *s = open_states(models[0], "masked-random:rate=0.5");
    uint32_t tag[SG_BLOCK];
    sg_block block = all_states(s);
    block.tag = tag;
    for (uint32_t mask = 0; mask < 32; mask++) {
        for (int x = 0; x < s->states; x++) tag[x] = mask;
        look(s, s->theta, &block, SG_VALUE | SG_PSI);
        memcpy(value[mask], s->datum.value, sizeof value[mask]);
        memcpy(psi[mask], s->datum.psi, (size_t)s->m * SG_BLOCK * sizeof(double));
    }
    for (int x = 0; x < s->states; x++) tag[x] = (uint32_t)(7 * x * x + 3 * x) % 19;
    look(s, s->theta, &block, SG_VALUE | SG_PSI);
    for (int x = 0; x < s->states; x++) {
        assert_near(s->datum.value[x], value[tag[x]][x], 1e-15 * (1 + value[tag[x]][x]));
        for (int j = 0; j < s->m; j++)
            assert_near(s->datum.psi[j * SG_BLOCK + x], psi[tag[x]][j * SG_BLOCK + x], 1e-14);
        if (!tag[x]) assert_true(s->datum.value[x] == 0);
    }
    close_states(s);
}

enum { DRAWN = 40000 };
/* Fills tags of DRAWN points in blocks of `together`. */
static void draw_tags(const char *text, int n, int together, uint32_t *tag) {
    char name[64];
    sg_loss *loss;
    sg_prepared *prepared;
    sg_stream stream;
    snprintf(name, sizeof name, "ising:n=%d,free=tied", n);
    sg_model *model = model_of(name);
    OK(sg_loss_new(text, &loss));
    OK(sg_loss_prepare(loss, model, NULL, &prepared));
    sg_stream_open(&stream, 77, SG_PURPOSE_LOSS, 3);
    for (int first = 0, b = 0; first < DRAWN; first += SG_BLOCK, b++) {
        const sg_block block = {.n = together < DRAWN - first ? together : DRAWN - first, .d = n, .draws = 1};
        sg_stream_seek(&stream, (uint32_t)b);
        loss->row->tag(prepared, &stream, &block, tag + first);
    }
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* Each frequency within 5 standard errors: 10 + 15 comparisons, a false alarm in 70 000 runs of new seeds. */
static void masks_are_drawn_as_they_should(void **state) {
    (void)state;
    static uint32_t tag[DRAWN], again[DRAWN];
    int count[32] = {0};
    draw_tags("masked-random:k=3", 5, SG_BLOCK, tag);
    for (int i = 0; i < DRAWN; i++) count[tag[i]]++;
    for (int mask = 0; mask < 32; mask++) {
        if (__builtin_popcount((unsigned)mask) != 3)
            assert_int_equal(count[mask], 0);
        else
            assert_near(count[mask], DRAWN * 0.1, 5 * sqrt(DRAWN * 0.1 * 0.9));
    }
    draw_tags("masked-random:k=3", 5, 100, again);
    for (int i = 0; i < DRAWN; i += SG_BLOCK) assert_memory_equal(tag + i, again + i, 64 * sizeof *tag);
    draw_tags("masked-random:rate=0.3", 32, SG_BLOCK, tag);
    for (int a = 0; a < 5; a++)
        for (int b = 0; b <= a; b++) {
            const double p = a == b ? 0.3 : 0.09;
            int both = 0;
            for (int i = 0; i < DRAWN; i++) both += (tag[i] >> 6 * a & 1) && (tag[i] >> 6 * b & 1);
            assert_near(both, DRAWN * p, 5 * sqrt(DRAWN * p * (1 - p)));
        }
}

/* ------------------------------------------------------------- inefficiencies */

/* Largest generalized eigenvalue of (Cov S, H). */
static double worst(states *s) {
    static double H[FREE * FREE], half[FREE * FREE], product[FREE * FREE], middle[FREE * FREE];
    double values[FREE];
    static double vectors[FREE * FREE];
    const int m = s->m;
    const sg_block block = all_states(s);
    look(s, s->theta, &block, SG_DIRICHLET);
    for (int j = 0; j < m; j++)
        for (int l = 0; l < m; l++) H[j + l * m] = s->datum.dirichlet_sum[(j > l ? j : l) + (j > l ? l : j) * m];
    OK(sg_symmetric_eigen(m, H, values, vectors));
    for (int j = 0; j < m; j++)
        for (int k = 0; k < m; k++) half[j + k * m] = vectors[j + k * m] / sqrt(values[k]);
    sg_multiply(m, s->hessian, half, product);
    sg_multiply_tn(m, half, product, middle);
    OK(sg_symmetric_eigen(m, middle, values, NULL));
    return values[m - 1];
}

/*
 * One random mask of k sites, all pairs and fields of four spins: Gamma = H^-1 by the information-matrix equality.
 * Values by enumeration with 40 digits.
 */
static void random_masks_have_their_inefficiencies(void **state) {
    (void)state;
    static const struct {
        double J, known[4];
    } table[] = {{0.1, {5.655111491511331, 2.551696860909408, 1.517232286969803, 1}},
                 {0.5, {47.93806117331523, 16.41476265271606, 6.138254217572021, 1}},
                 {1, {1193.765794259918, 357.2196995585215, 119.7398998528405, 1}}};
    for (int t = 0; t < 3; t++)
        for (int k = 1; k <= 4; k++) {
            char model[64], loss[64];
            snprintf(model, sizeof model, "ising:graph=complete,n=4,beta=%g,h=0", table[t].J);
            snprintf(loss, sizeof loss, "masked-random:k=%d", k);
            states *s = open_states(model, loss);
            assert_near(worst(s), table[t].known[k - 1], 1e-12 * table[t].known[k - 1]);
            close_states(s);
        }
}

/*
 * All ten sites masked is maximum likelihood, whose mean and covariance are taken over all states by the nodes: blocks
 * of 1024 states, at most 64 points of which are taken together.
 */
static void the_whole_masked_is_likelihood(void **state) {
    (void)state;
    enum { N = 10, POINTS = 150, M = 13 };
    sg_model *model = model_of("ising:graph=complete,n=10,couplings=gauss,beta=0.3,h=0.2,coupling-seed=7,"
                               "free=J0-1/J0-9/J2-3/J4-8/J5-6/J5-9/J7-8/h0/h3/h4/h6/h8/h9");
    sg_nodes *nodes;
    sg_site_view *view;
    sg_arena *arena;
    static double x[N * SG_BLOCK], weight[SG_BLOCK], mean[M], second[M * M], u[N * POINTS];
    uint32_t tag[SG_BLOCK];
    sg_jet jet;
    sg_stream stream;
    assert_int_equal(model->m, M);
    OK(sg_nodes_new(model, model->truth, 0, false, &nodes));
    OK(sg_site_view_new(model, &view));
    OK(sg_arena_new(sg_jet_bytes(model->full, N, SG_LOGP | SG_DT), &arena));
    OK(sg_jet_take(arena, model->full, N, SG_LOGP | SG_DT, &jet));
    sg_block block = {.d = N, .draws = 1, .x = x};
    for (long long b = 0; b < sg_nodes_blocks(nodes); b++) {
        sg_nodes_block(nodes, b, &block, weight);
        model->family->jet(model, model->truth, &block, &jet);
        for (int i = 0; i < block.n; i++)
            for (int j = 0; j < M; j++) {
                const double f = jet.dt[model->free[j] * SG_BLOCK + i];
                mean[j] += weight[i] * f;
                for (int l = 0; l <= j; l++) second[j + l * M] += weight[i] * f * jet.dt[model->free[l] * SG_BLOCK + i];
            }
    }
    sg_stream_open(&stream, 21, SG_PURPOSE_TEST, 0);
    sg_stream_uniform(&stream, N * POINTS, u);
    for (int i = 0; i < POINTS; i++) {
        for (int a = 0; a < N; a++) x[a * SG_BLOCK + i] = u[a * POINTS + i] < 0.6 ? 1 : -1;
        weight[i] = 1 + i % 3;
        tag[i] = (1 << N) - 1;
    }
    block = (sg_block){.n = POINTS, .d = N, .draws = 1, .x = x, .weight = weight};
    model->family->jet(model, model->truth, &block, &jet);
    double total = 0;
    for (int i = 0; i < POINTS; i++) total += weight[i];
    for (int turn = 0; turn < 3; turn++) {
        static const char *const names[] = {"masked:k=10", "masked-random:k=10", "masked-random:rate=1"};
        static double value[SG_BLOCK], psi[M * SG_BLOCK], curvature[M * M];
        sg_loss *loss;
        sg_prepared *prepared;
        sg_datum datum = {
            .m = M, .want = SG_VALUE | SG_PSI | SG_CURVATURE, .value = value, .psi = psi, .curvature_sum = curvature};
        memset(curvature, 0, sizeof curvature);
        block.tag = turn == 1 ? tag : NULL;
        OK(sg_loss_new(names[turn], &loss));
        OK(sg_loss_fits(loss, model));
        OK(sg_loss_prepare(loss, model, NULL, &prepared));
        sg_site_view_at(view, model->truth, &block);
        loss->row->sites(prepared, NULL, view, &datum);
        for (int i = 0; i < POINTS; i++) {
            assert_near(value[i], nodes->log_z - jet.logp[i], 1e-13 * (1 + fabs(nodes->log_z)));
            for (int j = 0; j < M; j++)
                assert_near(psi[j * SG_BLOCK + i], mean[j] - jet.dt[model->free[j] * SG_BLOCK + i], 1e-12);
        }
        for (int j = 0; j < M; j++)
            for (int l = 0; l <= j; l++)
                assert_near(curvature[j + l * M], total * (second[j + l * M] - mean[j] * mean[l]), 1e-12 * total);
        sg_loss_release(loss, prepared);
        sg_loss_delete(loss);
    }
    sg_arena_delete(arena);
    sg_site_view_delete(view);
    sg_nodes_delete(nodes);
    sg_model_delete(model);
}

/* Blocks of more sites than masks of bits have: one site each, in runs or from a file, is pseudolikelihood over n. */
static void any_number_of_sites(void **state) {
    enum { N = 70, D = N * SG_BLOCK };
    static const char *const wide[] = {"ising:graph=ring,n=70,beta=.4,h=.2,free=tied",
                                       "potts:graph=ring,n=70,q=3,beta=.7,free=tied", "hardcore:graph=ring,n=70"};
    static double x[D];
    char name[] = "/tmp/scoregap-blocks-XXXXXX", file[64];
    FILE *out = fdopen(mkstemp(name), "w");
    (void)state;
    for (int i = N - 1; i >= 0; i--) fprintf(out, "%d\n", i);
    fclose(out);
    snprintf(file, sizeof file, "masked:blocks=@%s", name);
    const char *const texts[] = {"pseudolikelihood", "masked:k=1,blocks=contiguous", file};
    for (int k = 0; k < 3; k++) {
        sg_model *model = model_of(wide[k]);
        sg_sampler *sampler;
        sg_stream stream;
        sg_block block = {.n = 200, .d = N, .draws = 1, .x = x};
        double value[3][SG_BLOCK], psi[3][2 * SG_BLOCK], curvature[3][4] = {{0}}, dirichlet[3][4] = {{0}};
        OK(sg_sampler_new(model, model->truth, NULL, &sampler));
        sg_stream_open(&stream, 3, SG_PURPOSE_TEST, 0);
        sg_sampler_draw(sampler, &stream, &block);
        for (int l = 0; l < 3; l++) {
            sg_loss *loss;
            sg_prepared *prepared;
            sg_site_view *view;
            sg_datum datum = {.m = model->m,
                              .want = SG_VALUE | SG_PSI | SG_CURVATURE | SG_DIRICHLET,
                              .value = value[l],
                              .psi = psi[l],
                              .curvature_sum = curvature[l],
                              .dirichlet_sum = dirichlet[l]};
            OK(sg_loss_new(texts[l], &loss));
            OK(sg_loss_fits(loss, model));
            OK(sg_loss_prepare(loss, model, NULL, &prepared));
            OK(sg_site_view_new(model, &view));
            sg_site_view_at(view, model->truth, &block);
            loss->row->sites(prepared, NULL, view, &datum);
            sg_site_view_delete(view);
            sg_loss_release(loss, prepared);
            sg_loss_delete(loss);
        }
        for (int l = 1; l < 3; l++) {
            for (int i = 0; i < block.n; i++) {
                assert_near(N * value[l][i], value[0][i], 1e-12 * N);
                for (int j = 0; j < model->m; j++)
                    assert_near(N * psi[l][j * SG_BLOCK + i], psi[0][j * SG_BLOCK + i], 1e-12 * N);
            }
            for (int j = 0; j < model->m; j++) {
                assert_near(N * curvature[l][j + j * model->m], curvature[0][j + j * model->m], 1e-10 * N);
                assert_true(dirichlet[l][j + j * model->m] > 0);
            }
        }
        sg_sampler_delete(sampler);
        sg_model_delete(model);
    }
    unlink(name);
}

/* A thousand spins that are alike, masks of three: E psi = 0 and H = -E psi S^T over the counts. */
static void a_thousand_sites(void **state) {
    (void)state;
    enum { N = 1000 };
    static double mass[N + 1], count[N + 1];
    sg_model *model = model_of("ising:graph=curie-weiss,n=1000,beta=1.1,h=0.01,free=tied");
    sg_loss *loss;
    sg_prepared *prepared;
    sg_site_view *view;
    double psi[2 * SG_BLOCK], score[2 * SG_BLOCK], dirichlet[4] = {0}, H[4] = {0}, mean[2] = {0}, center[2] = {0};
    double total = 0, most = -INFINITY;
    OK(sg_loss_new("masked:k=3", &loss));
    OK(sg_loss_fits(loss, model));
    OK(sg_loss_prepare(loss, model, NULL, &prepared));
    OK(sg_site_view_new(model, &view));
    for (int k = 0; k <= N; k++) {
        const double M = 2.0 * k - N, ways = lgamma(N + 1.0) - lgamma(k + 1.0) - lgamma(N - k + 1.0);
        count[k] = k;
        most = fmax(most, mass[k] = ways + 1.1 * (M * M - N) / (2.0 * N) + 0.01 * M);
    }
    for (int k = 0; k <= N; k++) total += mass[k] = exp(mass[k] - most);
    for (int k = 0; k <= N; k++) {
        const double M = 2.0 * k - N;
        mass[k] /= total;
        center[0] += mass[k] * (M * M - N) / (2.0 * N);
        center[1] += mass[k] * M;
    }
    const sg_local local = {.gradient = center};
    for (int first = 0; first <= N; first += SG_BLOCK) {
        const sg_block block = {.n = N + 1 - first < SG_BLOCK ? N + 1 - first : SG_BLOCK,
                                .d = N,
                                .draws = 1,
                                .count = count + first,
                                .weight = mass + first};
        sg_datum datum = {
            .m = 2, .want = SG_PSI | SG_SCORE | SG_DIRICHLET, .psi = psi, .score = score, .dirichlet_sum = dirichlet};
        sg_site_view_at(view, model->truth, &block);
        loss->row->sites(prepared, &local, view, &datum);
        for (int i = 0; i < block.n; i++)
            for (int j = 0; j < 2; j++) {
                mean[j] += block.weight[i] * psi[j * SG_BLOCK + i];
                for (int l = 0; l <= j; l++)
                    H[j + 2 * l] -= block.weight[i] * psi[j * SG_BLOCK + i] * score[l * SG_BLOCK + i];
            }
    }
    for (int j = 0; j < 2; j++) assert_near(mean[j], 0, 1e-11 * sqrt(dirichlet[3 * j]));
    assert_sums(2, dirichlet, H, 1e-9);
    sg_site_view_delete(view);
    sg_loss_release(loss, prepared);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

/* --------------------------------------------------------------------- refusals */

static void check_fit(const char *loss_text, const char *model_text, sg_status expected, const char *part) {
    sg_model *model = model_of(model_text);
    sg_loss *loss;
    OK(sg_loss_new(loss_text, &loss));
    const sg_status status = sg_loss_fits(loss, model);
    if (status != expected || (status && !strstr(sg_message(), part))) fail_msg("%d %s", status, sg_message());
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void what_costs_too_much_is_refused(void **state) {
    (void)state;
    check_fit("masked:k=12", "ising:n=13,free=tied", SG_OK, "");
    check_fit("masked:k=13", "ising:n=13,free=tied", SG_MISFIT, "8192 states of a block of 13 sites");
    check_fit("masked:k=13", "ising:graph=curie-weiss,n=13,free=tied", SG_OK, "");
    check_fit("masked:k=500", "ising:graph=curie-weiss,n=1000,free=tied", SG_OK, "");
    check_fit("masked:k=500", "ising:n=1000,free=tied", SG_OUT_OF_RANGE, "take another k");
    check_fit("masked:k=3,blocks=contiguous", "ising:n=1000,free=tied", SG_OK, "");
    check_fit("masked:k=2", "ising:n=100,free=tied", SG_OK, "");
    check_fit("masked:k=2,blocks=contiguous", "ising:n=5000,free=tied", SG_MISFIT, "at most 4096 sites");
    check_fit("masked:k=12", "ising:n=32,free=tied", SG_OUT_OF_RANGE, "take another k");
    check_fit("masked-random:k=12", "ising:n=16,free=tied", SG_OK, "");
    check_fit("masked-random:k=2", "ising:n=33,free=tied", SG_MISFIT, "at most 32 sites");
    check_fit("masked-random:rate=0.1", "ising:n=13,free=tied", SG_MISFIT, "take smaller blocks");
    check_fit("masked-random:rate=0.1", "ising:graph=curie-weiss,n=13,free=tied", SG_OK, "");
    check_fit("masked-random:k=9", "parity:n=8", SG_MISFIT, "at least as many sites");
    sg_loss *loss = NULL;
    assert_int_equal(sg_loss_new("masked-random:k=2,rate=0.1", &loss), SG_BAD_SYNTAX);
    assert_int_equal(sg_loss_new("masked-random:rate=1.1", &loss), SG_OUT_OF_RANGE);
}

static sg_site_blocks blocks_of(const char *text, const sg_model *model) {
    sg_loss *loss;
    sg_site_blocks blocks;
    OK(sg_loss_new(text, &loss));
    OK(loss->row->blocks(loss->options, model, &blocks));
    sg_loss_delete(loss);
    return blocks;
}

static void free_blocks(sg_site_blocks *blocks) {
    sg_delete(blocks->mask);
    sg_delete(blocks->rate);
}

/* The generator of k= is that of the average over masks; that of rate= has every mask but the empty one. */
static void random_masks_have_their_generator(void **state) {
    (void)state;
    sg_model *model = model_of("ising:n=7,free=tied");
    sg_loss *loss;
    double sum = 0, updates;
    sg_site_blocks one = blocks_of("masked:k=3", model), two = blocks_of("masked-random:k=3", model);
    assert_int_equal(one.count, two.count);
    assert_memory_equal(one.mask, two.mask, (size_t)one.count * sizeof *one.mask);
    assert_memory_equal(one.rate, two.rate, (size_t)one.count * sizeof *one.rate);
    free_blocks(&one);
    free_blocks(&two);
    one = blocks_of("masked-random:rate=0.2", model);
    assert_int_equal(one.count, 127);
    for (int b = 0; b < one.count; b++) sum += one.rate[b];
    assert_near(sum, 1 - pow(0.8, 7), 1e-14);
    free_blocks(&one);
    one = blocks_of("masked-random:rate=1", model);
    assert_true(one.count == 1 && one.mask[0] == 127 && one.rate[0] == 1);
    free_blocks(&one);
    OK(sg_loss_new("masked-random:rate=0.2", &loss));
    OK(sg_loss_updates(loss, model, &updates));
    assert_near(updates, 0.2, 1e-14);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(losses_belong_to_their_generators),
        cmocka_unit_test(blocks_of_a_file),
        cmocka_unit_test(derivatives_are_those_of_the_value),
        cmocka_unit_test(more_states_a_site),
        cmocka_unit_test(forbidden_states),
        cmocka_unit_test(alike_sites_are_counted),
        cmocka_unit_test(fall_backs_equal_hooks),
        cmocka_unit_test(tags_average_to_the_loss),
        cmocka_unit_test(every_point_has_its_mask),
        cmocka_unit_test(masks_are_drawn_as_they_should),
        cmocka_unit_test(random_masks_have_their_inefficiencies),
        cmocka_unit_test(the_whole_masked_is_likelihood),
        cmocka_unit_test(any_number_of_sites),
        cmocka_unit_test(a_thousand_sites),
        cmocka_unit_test(what_costs_too_much_is_refused),
        cmocka_unit_test(random_masks_have_their_generator),
    };
    return cmocka_run_group_tests_name("blocks of sites", tests, NULL, NULL);
}
