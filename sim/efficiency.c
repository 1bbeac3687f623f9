#include <math.h>
#include <string.h>

#include "setting.h"

/* All that the command prints; members that could not be computed are NULL or NaN and `message` says why. */
typedef struct {
    sim_setting setting;
    sg_asymptotic *a;
    sg_profile *profile;
    sg_gap gap;
    sg_bounds bounds;
    sg_status status;
    char message[768];
} answer;

static void note(answer *w, sg_status status, const char *message) {
    size_t used = strlen(w->message);
    if (!status) return;
    if (!w->status && status != SG_UNDEFINED) w->status = status; /* what does not exist has not failed */
    snprintf(w->message + used, sizeof w->message - used, "%s%s", used ? "; " : "", message);
}

/* Where no solver gives a gap, the covariance and the bounds without it still stand. */
static sg_status read_gap(answer *w) {
    sg_status status = sg_spectrum_gap(w->setting.model, w->setting.loss, NULL, &w->gap, NULL);
    if (status == SG_NO_MEMORY || (status && sg_status_exit(status) == 2)) return status;
    if (status) {
        w->gap = (sg_gap){.status = status, .gap = NAN, .gap_lower = NAN, .gap_upper = NAN, .poincare = NAN};
        snprintf(w->gap.message, sizeof w->gap.message, "gap: %.240s", sg_message());
    }
    note(w, w->gap.status, w->gap.message);
    return SG_OK;
}

static sg_status compute(const sim_args *args, answer *w) {
    sim_setting *s = &w->setting;
    sg_status status;
    if ((status = sim_setting_open(args, s))) return status;
    if (s->model->family->can & SG_RATES)
        return sg_fail(SG_REFUSED, "%s has no density: `scoregap gap` takes it, this command does not", s->model->text);
    status = sg_asymptotic_new(s->model, s->loss, &w->a);
    if (status && (status == SG_NO_MEMORY || sg_status_exit(status) == 2)) return status;
    if (status)
        note(w, status, sg_message()); /* the gap and the bounds that need no covariance still stand */
    else
        note(w, w->a->status, w->a->message);
    if ((status = read_gap(w))) return status;
    const bool known = w->gap.status == SG_OK || w->gap.status == SG_UNCERTIFIED || w->gap.status == SG_NOT_ATTAINED;
    if ((status = sg_bounds_of(s->model, s->loss, w->a, known ? &w->gap : NULL, &w->bounds))) return status;
    if (!w->a) return SG_OK;
    status = sg_profile_new(s->model, s->loss, w->a, 0, &w->profile);
    if (status == SG_NO_MEMORY) return status;
    if (status)
        note(w, status, sg_message());
    else
        note(w, w->profile->status, w->profile->message);
    return SG_OK;
}

static json_t *profile_json(const sg_profile *p) {
    if (!p) return json_null();
    json_t *o = json_object(), *weights = json_array();
    for (int j = 0; j < p->m; j++)
        json_array_append_new(weights, sim_json_vector(p->count, p->weight + (size_t)j * p->count));
    json_object_set_new(o, "eigenvalues", sim_json_vector(p->count, p->eigenvalue));
    json_object_set_new(o, "weights", weights);
    json_object_set_new(o, "remainder", sim_json_vector(p->m, p->remainder));
    json_object_set_new(o, "remainder_mean", sim_json_vector(p->m, p->remainder_mean));
    json_object_set_new(o, "ratio_spectral", sim_json_vector(p->m, p->ratio_spectral));
    json_object_set_new(o, "ratio_quadrature", sim_json_vector(p->m, p->ratio_quadrature));
    json_object_set_new(o, "ratio_bound", sim_json_vector(p->m, p->ratio_bound));
    return o;
}

static json_t *chain_json(const sg_khr_chain *chain) {
    json_t *o = json_object();
    json_object_set_new(o, "step_inverse", sim_json_real(chain->step_inverse));
    json_object_set_new(o, "step_poincare", sim_json_real(chain->step_poincare));
    json_object_set_new(o, "step_split", sim_json_real(chain->step_split));
    json_object_set_new(o, "bound", sim_json_real(chain->bound));
    return o;
}

static void bounds_json(json_t *o, const answer *w) {
    const sg_bounds *b = &w->bounds;
    json_object_set_new(o, "bound_kantorovich", sim_json_real(b->kantorovich));
    json_object_set_new(o, "bound_khr", sim_json_real(b->khr_poincare.bound));
    json_object_set_new(o, "bound_khr_restricted", sim_json_real(b->khr_restricted.bound));
    json_object_set_new(o, "khr_chain", chain_json(&b->khr_poincare));
    json_object_set_new(o, "khr_chain_restricted", chain_json(&b->khr_restricted));
    json_object_set_new(o, "muckenhoupt_lower", sim_json_real(exp(b->log_muckenhoupt_lower)));
    json_object_set_new(o, "muckenhoupt_upper", sim_json_real(exp(b->log_muckenhoupt_upper)));
    json_object_set_new(o, "cheeger_gap_lower", sim_json_real(exp(b->log_cheeger_gap_lower)));
    json_object_set_new(o, "cheeger_gap_upper", sim_json_real(exp(b->log_cheeger_gap_upper)));
    json_object_set_new(o, "mixture_upper", sim_json_real(exp(b->log_mixture_upper)));
    json_object_set_new(o, "scales_upper", sim_json_real(exp(b->log_scales_upper)));
    json_object_set_new(o, "level_lower", sim_json_real(exp(b->log_level_lower)));
}

/* Members of the asymptotic covariance; nulls where there is none or where no digit is left. */
static void covariance_json(json_t *o, const answer *w) {
    const sg_asymptotic *a = w->a;
    const sg_model *model = w->setting.model;
    bool digits = sg_asymptotic_known(a);
    json_t *theta = json_array();
    for (int j = 0; j < model->m; j++) json_array_append_new(theta, sim_json_real(model->named[model->free[j]]));
    json_object_set_new(o, "parameters", sim_json_parameters(model));
    json_object_set_new(o, "theta", theta);
    json_object_set_new(o, "gamma_mle", a ? sim_json_matrix(a->m, a->gamma_mle) : json_null());
    json_object_set_new(o, "gamma", digits ? sim_json_matrix(a->m, a->gamma) : json_null());
    json_object_set_new(o, "gamma_error", sim_json_real(a ? a->gamma_error : NAN));
    json_object_set_new(o, "inefficiency", digits ? sim_json_vector(a->m, a->inefficiency) : json_null());
    json_object_set_new(o, "inefficiency_error", sim_json_real(a ? a->inefficiency_error : NAN));
    json_object_set_new(o, "restricted_poincare", sim_json_real(digits ? a->restricted_poincare : NAN));
    json_object_set_new(o, "restricted_poincare_error", sim_json_real(a ? a->restricted_poincare_error : NAN));
    json_object_set_new(o, "norm_gamma", sim_json_real(digits ? sg_norm2(a->m, a->gamma) : NAN));
    json_object_set_new(o, "norm_gamma_mle", sim_json_real(a ? sg_norm2(a->m, a->gamma_mle) : NAN));
    json_object_set_new(o, "sampled", json_boolean(a && a->sampled));
    json_object_set_new(o, "mean_psi", sim_json_real(a ? a->mean_psi : NAN));
    json_object_set_new(o, "mean_psi_error", sim_json_real(a ? a->mean_psi_error : NAN));
    json_object_set_new(o, "bias", a ? sim_json_vector(a->m, a->bias) : json_null());
}

static int print_json(const answer *w, double seconds) {
    bool certified = w->gap.status == SG_OK;
    json_t *o = json_object();
    json_object_set_new(o, "family", json_string(w->setting.model->text));
    json_object_set_new(o, "loss", json_string(w->setting.loss->text));
    covariance_json(o, w);
    json_object_set_new(o, "poincare", sim_json_real(certified ? w->gap.poincare : NAN));
    json_object_set_new(o, "poincare_lower", sim_json_real(certified ? 1 / w->gap.gap_upper : NAN));
    json_object_set_new(o, "poincare_upper", sim_json_real(certified ? 1 / w->gap.gap_lower : NAN));
    bounds_json(o, w);
    json_object_set_new(o, "profile", profile_json(w->profile));
    json_object_set_new(o, "clock", json_string(w->setting.loss->row->clock));
    json_object_set_new(o, "status", json_string(sg_status_name(w->status)));
    json_object_set_new(o, "message", json_string(w->message));
    json_object_set_new(o, "seconds", sim_json_real(seconds));
    return sim_json_print(o) ? 0 : 1;
}

static void print_matrix(const char *title, const sg_model *model, int m, const double *a) {
    printf("%s\n", title);
    for (int i = 0; i < m; i++) {
        char name[SG_NAME];
        sg_model_parameter(model, i, name);
        printf("  %-12s", name);
        for (int j = 0; j < m; j++) printf(" %16.9g", a[i + j * m]);
        printf("\n");
    }
}

static void print_profile(const sg_profile *p) {
    if (!p) return;
    printf("spectral profile, the heaviest of %d eigenpairs (share of Var S on each, parameter by parameter)\n",
           p->count);
    for (int j = 0; j < p->m; j++) {
        double total = p->remainder[j];
        for (int k = 0; k < p->count; k++) total += p->weight[j * p->count + k];
        printf("  %d:", j + 1);
        for (int k = 0, shown = 0; k < p->count && shown < 6; k++) {
            double share = p->weight[j * p->count + k] / total;
            if (share < 0.01) continue;
            printf(" %.4g (%.1f %%)", p->eigenvalue[k], 100 * share);
            shown++;
        }
        if (!isnan(p->remainder_mean[j]))
            printf(" and beyond, %.4g in the mean, %.1f %%", p->remainder_mean[j], 100 * p->remainder[j] / total);
        printf("; inefficiency of this parameter alone %.9g, by the spectral form %.9g\n", p->ratio_quadrature[j],
               p->ratio_spectral[j]);
    }
}

static void print_covariance(const sg_model *model, const sg_asymptotic *a) {
    print_matrix("Gamma_MLE (n Cov of maximum likelihood)", model, a->m, a->gamma_mle);
    if (!sg_asymptotic_known(a)) return;
    print_matrix("Gamma (n Cov of this loss)", model, a->m, a->gamma);
    printf("  %s %.2g in operator norm\n", a->sampled ? "standard error" : "error estimate", a->gamma_error);
    printf("inefficiency         ");
    for (int j = 0; j < a->m; j++) printf(" %.10g", a->inefficiency[j]);
    printf("  (error of the largest %.2g)\n", a->inefficiency_error);
    printf("restricted Poincare   %.10g (error %.2g)\n", a->restricted_poincare, a->restricted_poincare_error);
    printf("check                 |E psi| is %.2g standard deviations", a->mean_psi);
    if (a->sampled) printf(" (standard error %.2g)", a->mean_psi_error);
    printf("\n");
}

static void print_bounds(const answer *w) {
    const sg_bounds *b = &w->bounds;
    if (isfinite(b->khr_poincare.bound))
        printf("bound on |Gamma|      %.6g with C_P, %.6g with C_res; |Gamma| is %.6g\n", b->khr_poincare.bound,
               b->khr_restricted.bound, w->a->khr.norm_gamma);
    if (isfinite(b->kantorovich))
        printf("%s %.6g on the inefficiency\n",
               w->setting.loss->row->tag ? "bound 1/gap          " : "Kantorovich bound    ", b->kantorovich);
    if (isfinite(b->log_muckenhoupt_lower))
        printf("Muckenhoupt           %.6g <= C_P <= %.6g\nCheeger               %.6g <= gap <= %.6g\n",
               exp(b->log_muckenhoupt_lower), exp(b->log_muckenhoupt_upper), exp(b->log_cheeger_gap_lower),
               exp(b->log_cheeger_gap_upper));
}

static void print_text(const answer *w, double seconds) {
    printf("%s, %s (%.3f s)\n", w->setting.model->text, w->setting.loss->text, seconds);
    if (w->a) print_covariance(w->setting.model, w->a);
    printf("Poincare              %.10g in [%.13g, %.13g]\n", w->gap.poincare, 1 / w->gap.gap_upper,
           1 / w->gap.gap_lower);
    print_bounds(w);
    print_profile(w->profile);
    printf("status                %s%s%s\n", sg_status_name(w->status), *w->message ? ": " : "", w->message);
}

static int run(const sim_args *args) {
    answer w = {0};
    double start = sim_now();
    int leave = 0;
    sg_status status = compute(args, &w);
    double seconds = sim_now() - start;
    if (status)
        leave = sim_fail(status);
    else if (args->json)
        leave = print_json(&w, seconds);
    else
        print_text(&w, seconds);
    if (!leave && w.status) leave = 1;
    sg_profile_delete(w.profile);
    sg_asymptotic_delete(w.a);
    sim_setting_close(&w.setting);
    return leave;
}

const sim_command sim_command_efficiency = {
    .name = "efficiency",
    .usage = "efficiency FAMILY [-p key=value]... --loss LOSS [--theta T1,..] [--json]",
    .summary = "asymptotic covariance of a loss against maximum likelihood, with bounds and spectral profile",
    .help = "Computes Gamma, the limit of n Cov(theta-hat) for the loss, by quadrature at the family's truth (or at "
            "--theta), and Gamma_MLE;\n"
            "the inefficiencies are the generalized eigenvalues of the one against the other.  Each value has an error "
            "estimate from a\n"
            "second grid; where nodes are drawn (JSON: sampled) gamma_error and the other errors are standard errors.  "
            "A mean of psi that\n"
            "is not 0 within them makes the estimate biased: it is printed (bias), and the status is uncertified.  "
            "Beside them: the Poincare constant and the restricted one, upper bounds, and the spectral "
            "profile of the score,\n"
            "which explains the inefficiency as 1 + (coefficient of variation of the eigenvalues under the profile)^2.",
    .example = "scoregap efficiency bimodal -p a=3 --loss score-matching",
    .takes = SIM_TAKES_P | SIM_TAKES_LOSS | SIM_TAKES_DYNAMICS,
    .least = 1,
    .most = 1,
    .run = run,
};
