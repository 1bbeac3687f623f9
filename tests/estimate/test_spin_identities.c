/*
 * Every finite family with every row that has a loss there: identities of the theory are tested on the oracle, and the
 * program against the oracle.
 */
#include "spin_oracle.h"

#include <gsl/gsl_errno.h>

void openblas_set_num_threads(int threads);

static const char *const losses[] = {"mle",
                                     "pseudolikelihood",
                                     "masked:k=1",
                                     "masked:k=2",
                                     "masked:k=3",
                                     "masked:blocks=contiguous,k=2",
                                     "masked-random:k=1",
                                     "masked-random:k=2",
                                     "masked-random:k=3",
                                     "probability-flow",
                                     "ratio-matching",
                                     "concrete-score",
                                     "rise:sites=pooled"};
enum { LOSSES = sizeof losses / sizeof *losses };

static bool fits(const sg_model *model, const char *text) {
    sg_loss *loss;
    OK(sg_loss_new(text, &loss));
    const bool yes = sg_loss_fits(loss, model) == SG_OK;
    sg_loss_delete(loss);
    return yes;
}

/* ---------------------------------------------------------------- every pair */

/* Of the oracle's inverses of m x m matrices. */
static double rounding(const oracle *o) {
    return 256 * DBL_EPSILON * o->m * (1 + o->condition);
}

static void agree(const states *s, const char *what, double value, double known, double relative) {
    if (!(fabs(value - known) <= relative * fabs(known)))
        fail_msg("%s %s: %s is %.15g, by enumeration %.15g, tolerance %.2g", s->model->text, s->loss->text, what, value,
                 known, relative);
}

static void below(const states *s, const char *what, double value, double bound, double relative) {
    if (!(value <= bound * (1 + relative)))
        fail_msg("%s %s: %s: %.15g is above %.15g", s->model->text, s->loss->text, what, value, bound);
}

/* The same covariances, up to the rounding of the oracle's inverses. */
static void check_program(const states *s, const oracle *o, const sg_asymptotic *a) {
    const double loose = rounding(o);
    double root[SQUARE], inverse[SQUARE], difference[SQUARE], value[FREE];
    if (a->status) fail_msg("%s %s: %s", s->model->text, s->loss->text, a->message);
    for (int i = 0; i < o->m * o->m; i++) {
        const int j = i % o->m, l = i / o->m;
        const double scale = sqrt(o->fisher[j + j * o->m] * o->fisher[l + l * o->m]);
        assert_near(a->fisher[i], o->fisher[i], 1e-13 * scale);
        assert_near(a->dirichlet[i], o->h[i], 1e-13 * o->top * scale);
        difference[i] = a->gamma[i] - o->gamma[i];
    }
    power(o->m, o->gamma, -0.5, root);
    framed(o->m, root, difference, value);
    if (!(fabs(value[0]) <= loose && value[o->m - 1] <= loose))
        fail_msg("%s %s: Gamma is off by [%.2g, %.2g] of itself, tolerance %.2g", s->model->text, s->loss->text,
                 value[0], value[o->m - 1], loose);
    agree(s, "worst inefficiency", a->inefficiency[o->m - 1], o->worst, loose);
    agree(s, "least inefficiency", a->inefficiency[0], o->least, loose);
    agree(s, "C_res", a->restricted_poincare, o->restricted, loose);
    power(o->m, o->fisher, -1, inverse);
    for (int i = 0; i < o->m * o->m; i++) assert_near(a->gamma_mle[i], inverse[i], loose * sg_norm2(o->m, inverse));
}

/* Gamma >= Gamma_MLE; C_res <= C_P; Kantorovich; H and Cov L S from the spectrum; Gamma_PL <= n C_res Gamma_MLE. */
static void check_theory(const states *s, const oracle *o) {
    const double loose = rounding(o), n = s->d;
    const bool drawn = !strncmp(s->loss->text, "masked-random", 13);
    below(s, "Gamma_MLE <= Gamma", 1, o->least, loose);
    below(s, "C_res <= C_P", o->restricted, 1 / o->gap, loose);
    for (int j = 0; j < o->m; j++) {
        double w = 0, lw = 0, llw = 0;
        for (int k = 1; k < o->n; k++) {
            const double c = o->weight[(size_t)j * (size_t)o->n + (size_t)k];
            w += c;
            lw += o->value[k] * c;
            llw += o->value[k] * o->value[k] * c;
        }
        agree(s, "sum w", w, o->fisher[j + j * o->m], 1e-11);
        agree(s, "sum l w", lw, o->h[j + j * o->m], 1e-11 * o->top * w / lw);
        agree(s, "sum l^2 w", llw, o->k[j + j * o->m], 1e-11 * o->top * o->top * w / llw);
    }
    if (drawn) { /* Gamma = 1/H: the information-matrix equality */
        double root[SQUARE], value[FREE];
        power(o->m, o->h, 0.5, root);
        framed(o->m, root, o->gamma, value);
        assert_near(value[0], 1, loose);
        assert_near(value[o->m - 1], 1, loose);
        below(s, "inefficiency of random masks <= 1/gap_k", o->worst, 1 / o->gap, loose);
        return;
    }
    below(s, "Kantorovich", o->worst, sg_bound_kantorovich_upper(o->gap, o->top), loose);
    if (strcmp(s->loss->text, "pseudolikelihood") != 0) return;
    below(s, "top of Glauber <= n", o->top, n, 1e-12);
    below(s, "Gamma_PL <= n C_res Gamma_MLE", o->worst, n * o->restricted, loose);
    below(s, "Gamma_PL <= n C_P Gamma_MLE", o->worst, n / o->gap, loose);
}

/* One parameter alone: Gamma/Gamma_MLE = 1 + (coefficient of variation of l under w)^2, the program's profile beside
 * it. */
static void check_profile(const states *s, const oracle *o, const sg_asymptotic *a) {
    sg_profile *profile = NULL;
    OK(sg_profile_new(s->model, s->loss, a, 0, &profile));
    for (int j = 0; j < o->m; j++) {
        const double *c = o->weight + (size_t)j * (size_t)o->n;
        double w = 0, mean = 0, variance = 0;
        for (int k = 1; k < o->n; k++) w += c[k];
        for (int k = 1; k < o->n; k++) mean += o->value[k] * c[k] / w;
        for (int k = 1; k < o->n; k++) variance += (o->value[k] - mean) * (o->value[k] - mean) * c[k] / w;
        const double known = 1 + variance / (mean * mean), spread = o->top / mean;
        agree(s, "spectral form", profile->ratio_quadrature[j], known, 1e-11 * spread * spread);
        if (!profile->status) agree(s, "profile", profile->ratio_spectral[j], known, 1e-9 * spread * spread);
    }
    sg_profile_delete(profile);
}

/* The gap is in its enclosure. */
static void check_gap(const states *s, const oracle *o, const sg_gap *gap) {
    const double loose = 1e-12 * o->top / o->gap;
    below(s, "the gap and its enclosure", o->gap, gap->gap_upper, loose);
    below(s, "lower end of the gap", gap->gap_lower, o->gap, loose);
}

static void check_pair(int law, int draw, const char *loss) {
    oracle o;
    sg_asymptotic *a = NULL;
    sg_gap gap;
    states *s = open_states_of(random_model(law, draw), loss);
    open_oracle(s, loss, &o);
    check_generator(s, 1e-12);
    check_theory(s, &o);
    if (sg_asymptotic_new(s->model, s->loss, &a)) fail_msg("%s %s: %s", s->model->text, loss, sg_message());
    check_program(s, &o, a);
    if (strncmp(loss, "masked-random", 13)) check_profile(s, &o, a);
    OK(sg_spectrum_gap(s->model, s->loss, NULL, &gap, NULL));
    if (!gap.status) check_gap(s, &o, &gap);
    sg_asymptotic_delete(a);
    close_oracle(&o);
    close_states(s);
}

static void every_pair(void **state) {
    int pairs = 0;
    (void)state;
    for (int law = 0; law < LAWS; law++)
        for (int draw = 0; draw < draws(); draw++)
            for (int l = 0; l < LOSSES; l++) {
                sg_model *model = random_model(law, draw);
                const bool yes = fits(model, losses[l]);
                sg_model_delete(model);
                if (!yes) continue;
                check_pair(law, draw, losses[l]);
                pairs++;
            }
    assert_true(pairs > LAWS * draws() * 8);
}

static void every_family_and_row_is_listed(void **state) {
    (void)state;
    for (int k = 0; sg_families[k]; k++) {
        bool found = !(sg_families[k]->can & SG_STATES) || sg_families[k]->can & SG_RATES;
        for (int law = 0; law < LAWS; law++) found = found || !strcmp(laws[law].family, sg_families[k]->name);
        if (!found) fail_msg("family %s is missing from the identities of spins", sg_families[k]->name);
    }
    for (int k = 0; sg_rows[k]; k++) {
        bool found = !sg_rows[k]->sites;
        for (int l = 0; l < LOSSES; l++) {
            const size_t length = strcspn(losses[l], ":");
            found = found || (strlen(sg_rows[k]->name) == length && !strncmp(losses[l], sg_rows[k]->name, length));
        }
        if (!found) fail_msg("row %s is missing from the identities of spins", sg_rows[k]->name);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_family_and_row_is_listed),
        cmocka_unit_test(every_pair),
    };
    gsl_set_error_handler_off();
    openblas_set_num_threads(1);
    return cmocka_run_group_tests_name("identities of spins", tests, NULL, NULL);
}
