/*
 * What theory says of every (family, row) pair, on the line and on finite sets.  Models and losses are drawn from the
 * registries and the descriptors of their keys (draw.h, fixed seeds): a new family or row joins by its line in the
 * registry.
 */
#include "finite_checks.h"

#include <gsl/gsl_errno.h>
#include <unistd.h>

enum { MODELS = 8, VARIANTS = 5, DRAWS = 3, PAIRS_MOST = 16 };

/* Where keys of the line live, in place of their whole range: laws whose moments exist and whose wells can be told
 * apart. Integers are lo + step times a whole number. */
static const struct {
    const char *family;
    struct {
        const char *key;
        double lo, hi;
        int step; /* 0: real */
    } key[2];
    const char *free; /* NULL: as the family has it */
} ranges[] = {
    {"gaussian", {{"s", 0.05, 20, 0}}, NULL},
    {"bimodal", {{"a", 0.5, 6, 0}}, NULL},
    {"monomial", {{"k", 4, 16, 2}}, NULL},
    {"sinusoid", {{"omega", 0.1, 8, 0}}, NULL},
    {"polynomial", {{"degree", 3, 7, 2}, {"B", -2, 6, 0}}, NULL},
    {"sparse-cut", {{"a", 0.7, 3.5, 0}, {"g", 0.02, 1, 0}}, NULL},
    {"double-well", {{"h", 0.1, 25, 0}}, NULL},
    {"mixture", {{"m", 0.3, 4, 0}, {"w", 0.05, 0.95, 0}}, NULL},
    {"gaussian-mixture", {{"d", 1, 2, 1}, {"k", 2, 3, 1}}, NULL},
    {"mixture", {{"m", 0.6, 4, 0}, {"w", 0.05, 0.95, 0}}, "means"},
    {"mixture", {{"m", 0.6, 4, 0}, {"w", 0.05, 0.95, 0}}, "all"},
    {"student", {{"nu", 60, 200, 0}, {"scale", 0.1, 10, 0}}, NULL}, /* moments of L S under every weight below */
    {"truncated-gaussian", {{"lo", -3, 0, 0}, {"s", 0.3, 5, 0}}, NULL},
    {"von-mises", {{"kappa", 0, 30, 0}}, NULL},
    {"von-mises-fisher", {{"d", 2, 7, 1}, {"kappa", 0, 30, 0}}, NULL},
    {"bingham", {{"d", 2, 3, 1}, {"concentrations", -12, 12, 0}}, NULL}, /* others have drawn nodes */
    {"ab-model", {{"d", 1, 2, 1}, {"coupling", -0.5, 1.5, 0}}, NULL},
    {"product", {{"copies", 2, 2, 1}}, NULL},
};
enum { RANGES = sizeof ranges / sizeof *ranges };

/* Besides what is drawn. */
static const char *const weighted[] = {
    "preconditioned:with=constant,value=2.5", "preconditioned:with=power,exponent=-0.4",
    "preconditioned:with=power,exponent=-0.15", "preconditioned:with=exponential,exponent=1.5",
    "preconditioned:with=exponential,exponent=-0.8"};
enum { WEIGHTED = sizeof weighted / sizeof *weighted };

static char cliques[2][64]; /* files of log-linear models with functions of three sites */
static const char *const also[] = {"ising(graph=complete,n=4,couplings=sk,beta=1.3,h=0.2)",
                                   "ising(graph=complete,n=5,couplings=pm,beta=0.4,free=J0-1/J1-3/J2-4/h0/h3)",
                                   "ising(graph=curie-weiss,n=6,beta=1.4,h=0.1,free=tied)",
                                   "ising(graph=lattice,shape=2x3,boundary=free,couplings=gauss,beta=0.7,free=tied)",
                                   "potts(graph=ring,n=4,q=3,beta=1.2,couplings=pm,free=all)",
                                   "potts(graph=path,n=3,q=4,beta=0.9,free=tied)",
                                   "hardcore(graph=bipartite,n=6,lambda=3)",
                                   "bingham(concentrations=3/1)",
                                   "bingham(concentrations=-2/6,free=x1x1/x2x3)",
                                   "ab-model(d=2,space=reals,coupling=-0.4,eta=0.7)",
                                   "gaussian(d=2,rho=-0.6,condition=7,axes=turned)",
                                   "polynomial(d=2,B=1,free=x1^2/x1x2/x2^2)",
                                   "product(of=bimodal:a=1.5/double-well:h=1,copies=1)",
                                   "loglinear(model=@0)",
                                   "loglinear(model=@1,free=t0-1-2_1-1-1/t0-1-2_2-1-2/t1_2/t2-3_1-2)"};
enum { ALSO = sizeof also / sizeof *also };

/* --------------------------------------------------------------- inequalities */

/* E[L S] = 0; Gamma symmetric, positive, above Gamma_MLE; C_res <= C_P, all within the stated errors. */
static void check_inequalities(const couple *c) {
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
static void check_bounds(const couple *c) {
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
static void add_draws(const sg_asymptotic *a, double *gamma) {
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
static void check_identity(const couple *c) {
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
static void check_spectrum(const couple *c) {
    const sg_gap *gap = &c->gap;
    sg_profile *profile = NULL;
    const double floor = c->finite ? 1e-12 * c->o.top : 1e-9 * gap->gap;
    if (gap->status == SG_NOT_ATTAINED) return; /* no eigenfunctions, or not of all of S */
    if (c->finite) {
        below(c, "lower end of the gap", gap->gap_lower, c->o.gap + floor, 1e-11);
        below(c, "the gap of the dense generator", c->o.gap, gap->gap_upper + floor, 1e-11);
    }
    if (c->averaged) return;
    const sg_status status = sg_profile_new(c->model, c->loss, c->a, 40, &profile);
    if (status == SG_UNDEFINED && c->model->space.d > 1 && !c->finite) return;
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

static void take_part(int m, const double *from, int count, const int *place, double *to) {
    for (int j = 0; j < count; j++)
        for (int k = 0; k < count; k++) to[j + k * count] = from[place[j] + place[k] * m];
}

/* Some parameters known: the matrices are parts of the whole ones, and Gamma follows from these. */
static void check_submodel(const couple *c, sg_stream *stream) {
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

/* ------------------------------------------------------------------ all pairs */

static void check_couple(sg_model *model, const char *text, sg_stream *stream) {
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

/* A row without a loss, or one that some other test knows by options of its own. */
static bool has_options(const sg_row *row) {
    return strcmp(row->name, "preconditioned") != 0;
}

static void check_model(sg_model *model, sg_stream *stream) {
    char text[SG_TEXT];
    for (int r = 0; sg_rows[r]; r++) {
        if (sg_rows[r]->sampler_only) continue;
        for (int v = 0; v < (has_options(sg_rows[r]) ? VARIANTS : 1); v++) {
            draw_loss(sg_rows[r], v, text);
            if (text[0]) check_couple(model, text, stream);
        }
    }
    for (int v = 0; v < WEIGHTED; v++) check_couple(model, weighted[v], stream);
}

static sg_model *in_range(int range, int draw) {
    sg_stream stream;
    char text[SG_TEXT];
    size_t used = (size_t)snprintf(text, sizeof text, "%s:", ranges[range].family);
    sg_stream_open(&stream, 20240229, SG_PURPOSE_TEST, (uint32_t)(range * DRAWS + draw));
    for (int k = 0; k < 2 && ranges[range].key[k].key; k++) {
        double value = draw_in(&stream, ranges[range].key[k].lo, ranges[range].key[k].hi);
        const int step = ranges[range].key[k].step;
        char number[SG_NUMBER_TEXT];
        if (step) value = ranges[range].key[k].lo + step * floor((value - ranges[range].key[k].lo) / step + 0.5);
        sg_number_text(value, number);
        used += (size_t)snprintf(text + used, sizeof text - used, "%s%s=%s", k ? "," : "", ranges[range].key[k].key,
                                 number);
    }
    if (ranges[range].free) snprintf(text + used, sizeof text - used, ",free=%s", ranges[range].free);
    return model_of(text);
}

/* Is the family one of those whose expectations are taken at nodes? */
static bool has_nodes(const sg_family *family) {
    return family->can & (SG_NODES | SG_STATES) && !(family->can & SG_RATES);
}

static void each_model(const sg_family *family, void (*visit)(sg_model *, sg_stream *)) {
    sg_stream stream;
    bool ranged = false;
    sg_stream_open(&stream, sg_hash64(family->name), SG_PURPOSE_TEST, 1000);
    for (int k = 0; k < RANGES; k++)
        for (int draw = 0; !strcmp(ranges[k].family, family->name) && draw < DRAWS; draw++) {
            sg_model *model = in_range(k, draw);
            ranged = true;
            visit(model, &stream);
            sg_model_delete(model);
        }
    for (int draw = 0; !ranged && draw < MODELS; draw++) {
        sg_model *model = draw_model(family, draw);
        if (!model) fail_msg("no model of %s can be drawn from its keys", family->name);
        visit(model, &stream);
        sg_model_delete(model);
    }
    for (int k = 0; k < ALSO; k++) {
        const size_t length = strcspn(also[k], "(");
        char text[SG_TEXT];
        const char *file = strchr(also[k], '@');
        if (strlen(family->name) != length || strncmp(also[k], family->name, length)) continue;
        snprintf(text, sizeof text, "%.*s%s%s", file ? (int)(file - also[k]) + 1 : SG_TEXT, also[k],
                 file ? cliques[file[1] - '0'] : "", file ? file + 2 : "");
        sg_model *model = model_of(text);
        visit(model, &stream);
        sg_model_delete(model);
    }
}

static void every_pair(void **state) {
    const sg_family *family = *state;
    checked = refused = 0;
    each_model(family, check_model);
    if (checked < DRAWS || refused > checked / 4)
        fail_msg("%s: %d pairs checked, %d refused", family->name, checked, refused);
}

/* ----------------------------------------------------------------- the program */

static const char *const clique_text[2] = {
    "n: 4\nq: 2\ncliques:\n  - {sites: [0, 1, 2], weight: 0.8}\n  - {sites: [1, 2, 3], weight: -0.5}\n"
    "  - {sites: [0, 3], weight: 0.3}\n  - {sites: [1], weight: 0.2}\n",
    "n: 4\nq: 3\ncliques:\n  - {sites: [0, 1, 2], table: [0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, .5, 0, 0, 0, 0, 0, 0, 0, 0, "
    "0, "
    "0, 0, 0, -.7, 0, 0]}\n  - {sites: [2, 3], table: [.4, 0, 0, 0, -.2, 0, 0, 0, .9]}\n"};

static int write_cliques(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) {
        snprintf(cliques[k], sizeof cliques[k], "/tmp/scoregap-cliques-XXXXXX");
        const int file = mkstemp(cliques[k]);
        const size_t length = strlen(clique_text[k]);
        if (file < 0 || write(file, clique_text[k], length) != (ssize_t)length || close(file)) return -1;
    }
    return 0;
}

static int remove_cliques(void **state) {
    (void)state;
    for (int k = 0; k < 2; k++) unlink(cliques[k]);
    return 0;
}

int main(void) {
    struct CMUnitTest tests[64];
    size_t count = 0;
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    for (int k = 0; sg_families[k] && count < 64; k++)
        if (has_nodes(sg_families[k]))
            tests[count++] = (struct CMUnitTest){sg_families[k]->name, every_pair, NULL, NULL, (void *)sg_families[k]};
    return _cmocka_run_group_tests("properties of every pair", tests, count, write_cliques, remove_cliques);
}
