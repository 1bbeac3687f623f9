/*
 * What theory says of every (family, row) pair, on the line and on finite sets.  Models and losses are drawn from the
 * registries and the descriptors of their keys (draw.h, fixed seeds): a new family or row joins by its line in the
 * registry.
 */
#include "pair_checks.h"

#include <gsl/gsl_errno.h>
#include <unistd.h>

enum { MODELS = 8, VARIANTS = 5, FEWER = 2, DRAWS = 3, PAIRS_MOST = 16 }; /* FEWER: where a pair takes seconds */

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
    {"rotated-wells", {{"d", 2, 2, 1}, {"angle", -2, 2, 0}}, NULL}, /* a minute a pair in space */
    {"rotated-wells", {{"h", 0.3, 8, 0}, {"c", -1, 1, 0}}, NULL},
};
enum { RANGES = sizeof ranges / sizeof *ranges };

/* Besides what is drawn. */
static const char *const weighted[] = {
    "preconditioned:with=constant,value=2.5", "preconditioned:with=power,exponent=-0.4",
    "preconditioned:with=exponential,exponent=-0.8", "preconditioned:with=power,exponent=-0.15",
    "preconditioned:with=exponential,exponent=1.5"};
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

/* ------------------------------------------------------------------ all pairs */

/* A row without a loss, or one that some other test knows by options of its own. */
static bool has_options(const sg_row *row) {
    return strcmp(row->name, "preconditioned") != 0;
}

static void check_model(sg_model *model, sg_stream *stream) {
    const bool slow = model->space.d > 1 && model->space.shape != SG_FINITE;
    const int variants = slow ? FEWER : VARIANTS, first = slow ? WEIGHTED - FEWER : 0;
    char text[SG_TEXT];
    for (int r = 0; sg_rows[r]; r++) {
        if (sg_rows[r]->sampler_only || sg_rows[r]->more) continue; /* noised data: test_properties_noised.c */
        for (int v = 0; v < (has_options(sg_rows[r]) ? variants : 1); v++) {
            draw_loss(sg_rows[r], v, text);
            if (text[0]) check_couple(model, text, stream);
        }
    }
    for (int v = first; v < WEIGHTED; v++) check_couple(model, weighted[v], stream);
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
