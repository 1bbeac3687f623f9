#include <math.h>
#include <string.h>

#include "sim.h"

/* Nothing could be computed: the object says why. */
static void no_gap(sg_gap *gap, sg_status status) {
    *gap = (sg_gap){.gap = NAN,
                    .gap_lower = NAN,
                    .gap_upper = NAN,
                    .log10_gap = NAN,
                    .poincare = NAN,
                    .relaxation_time = NAN,
                    .method = "none",
                    .status = status};
    snprintf(gap->message, sizeof gap->message, "%s", sg_message());
}

/* One question and its answer. */
typedef struct {
    sg_model *model;
    sg_loss *loss;
    sg_gap gap;
    sg_eigenvalues *values; /* NULL: not asked for */
    sg_gap_bounds *bounds;  /* NULL: not asked for */
    double sweeps;          /* relaxation time in events a site (sg_loss_updates); NaN on continuous spaces */
    double seconds;
} answer;

/* ------------------------------------------------------------------- progress */

typedef struct {
    sim_progress *bar;
    double total;
} watch;

static void show(void *context, double done, double of) {
    watch *w = context;
    if (!w->bar) {
        w->bar = sim_progress_open("gap", " products", of);
        w->total = of;
    }
    sim_progress_at(w->bar, of > 0 ? done * w->total / of : 0, NULL);
}

static sg_status solve(const sim_args *args, answer *a) {
    watch w = {0};
    double updates = NAN;
    const sg_spectrum_settings settings = {
        .memory = args->memory_given ? args->memory : 0, .progress = show, .context = &w};
    sg_status status = args->count ? sg_eigenvalues_new(args->count, &a->values) : SG_OK;
    if (!status) status = sg_loss_updates(a->loss, a->model, &updates);
    if (!status) status = sg_spectrum_gap(a->model, a->loss, &settings, &a->gap, a->values);
    sim_progress_close(w.bar);
    a->sweeps = a->gap.relaxation_time * updates;
    return status;
}

/* ----------------------------------------------------------------------- text */

static void values_json(json_t *o, const sg_eigenvalues *values) {
    json_t *value = json_array(), *log10_value = json_array(), *error = json_array();
    for (int k = 0; k < values->count; k++) {
        const double number = exp(values->log_value[k]);
        json_array_append_new(value, sim_json_real(number > 0 ? number : NAN));
        json_array_append_new(log10_value, sim_json_real(values->log_value[k] / M_LN10));
        json_array_append_new(error, sim_json_real(values->error[k]));
    }
    json_object_set_new(o, "eigenvalues", value);
    json_object_set_new(o, "log10_eigenvalues", log10_value);
    json_object_set_new(o, "eigenvalue_errors", error);
}

static int print_json(const answer *a) {
    const sg_gap *gap = &a->gap;
    bool shown = gap->status == SG_OK || gap->status == SG_UNCERTIFIED || gap->status == SG_NOT_ATTAINED;
    double hidden = shown ? 1 : NAN;
    json_t *o = json_object();
    json_object_set_new(o, "family", json_string(a->model->text));
    json_object_set_new(o, "loss", json_string(a->loss->text));
    json_object_set_new(o, "dynamics", json_string(a->loss->row->dynamics));
    json_object_set_new(o, "gap", sim_json_real(gap->gap * hidden));
    json_object_set_new(o, "gap_lower", sim_json_real(gap->gap_lower * hidden));
    json_object_set_new(o, "gap_upper", sim_json_real(gap->gap_upper * hidden));
    json_object_set_new(o, "log10_gap", sim_json_real(gap->log10_gap));
    json_object_set_new(o, "poincare", sim_json_real(gap->poincare * hidden));
    json_object_set_new(o, "relaxation_time", sim_json_real(gap->relaxation_time * hidden));
    json_object_set_new(o, "reversible", json_boolean(!gap->irreversible));
    json_object_set_new(o, "decay_rate", sim_json_real((gap->irreversible ? gap->decay_rate : gap->gap) * hidden));
    if (a->model->space.shape == SG_FINITE)
        json_object_set_new(o, "relaxation_sweeps", sim_json_real(a->sweeps * hidden));
    if (a->values) values_json(o, a->values);
    if (a->bounds) sim_bounds_json(o, a->bounds, gap);
    json_object_set_new(o, "clock", json_string(a->loss->row->clock));
    json_object_set_new(o, "method", json_string(gap->method));
    json_object_set_new(o, "status", json_string(sg_status_name(gap->status)));
    json_object_set_new(o, "message", json_string(gap->message));
    json_object_set_new(o, "seconds", sim_json_real(a->seconds));
    return sim_json_print(o) ? 0 : 1;
}

static void print_values(const sg_eigenvalues *values) {
    for (int k = 0; k < values->count; k++) {
        const double value = exp(values->log_value[k]);
        printf("%-17s", k ? "" : "eigenvalues");
        if (value > 0)
            printf("%.12g", value);
        else
            printf("10^%.9g", values->log_value[k] / M_LN10);
        if (isfinite(values->error[k]))
            printf(" (relative error %.2g)\n", values->error[k]);
        else
            printf(" (error unknown)\n");
    }
}

static void print_text(const answer *a) {
    const sg_gap *gap = &a->gap;
    printf("%s, %s (dynamics of %s)\n", a->model->text, a->loss->row->dynamics, a->loss->text);
    if (gap->status == SG_UNDERFLOW) {
        printf("gap              10^%.12g\n", gap->log10_gap);
        printf("relaxation time  10^%.12g (unit of time: %s)\n", -gap->log10_gap, a->loss->row->clock);
    } else {
        printf("gap              %.12g\n", gap->gap);
        printf("  enclosure      [%.15g, %.15g]\n", gap->gap_lower, gap->gap_upper);
        printf("log10 gap        %.12g\n", gap->log10_gap);
        printf("Poincare         %.12g\n", gap->poincare);
        printf("relaxation time  %.12g (unit of time: %s)\n", gap->relaxation_time, a->loss->row->clock);
    }
    if (isfinite(a->sweeps)) printf("  in sweeps      %.12g (updates or jumps a site)\n", a->sweeps);
    if (gap->irreversible) {
        printf("reversible       no: the gap is a real part\n");
        printf("decay rate       %.12g (in L2, from time 0 on)\n", gap->decay_rate);
    }
    if (a->values) print_values(a->values);
    if (a->bounds) sim_bounds_print(a->bounds, gap);
    printf("method           %s, %d iterations, %.4f s\n", gap->method, gap->iterations, a->seconds);
    printf("status           %s%s%s\n", sg_status_name(gap->status), *gap->message ? ": " : "", gap->message);
}

static sg_status bounds(answer *a) {
    sg_status status = sg_new(&a->bounds, 1, sizeof *a->bounds);
    return status ? status : sg_gap_bounds_of(a->model, a->loss, &a->gap, a->bounds);
}

static void close_answer(answer *a) {
    sg_eigenvalues_delete(a->values);
    sg_delete(a->bounds);
    sg_loss_delete(a->loss);
    sg_model_delete(a->model);
}

static int trajectory(const sim_args *args, answer *a) {
    const int leave = args->trajectory ? sim_trajectory(args, a->model, a->loss)
                                       : sim_complain(2, "--chains and --step belong to --trajectory: give its steps");
    close_answer(a);
    return leave;
}

static int run(const sim_args *args) {
    answer a = {.sweeps = NAN};
    double start = sim_now();
    sg_status status = sim_model(args, &a.model);
    if (!status) status = sim_loss(args, a.model, &a.loss);
    if (!status && (args->trajectory || args->chains || args->step > 0)) return trajectory(args, &a);
    if (!status) status = solve(args, &a);
    bool answered = (args->json || args->bounds) && a.loss && sg_status_exit(status) == 1;
    if (status && answered) {
        no_gap(&a.gap, status);
        sg_eigenvalues_delete(a.values);
        a.values = NULL;
        a.sweeps = NAN;
        status = SG_OK;
    }
    if (!status && args->bounds) status = bounds(&a);
    if (status) {
        close_answer(&a);
        return sim_fail(status);
    }
    a.seconds = sim_now() - start;
    int leave = 0;
    if (args->json)
        leave = print_json(&a);
    else
        print_text(&a);
    leave = a.gap.status ? 1 : leave;
    close_answer(&a);
    return leave;
}

const sim_command sim_command_gap = {
    .name = "gap",
    .usage = "gap FAMILY [-p key=value]... [--loss LOSS | --dynamics NAME] [--count K] [--bounds] "
             "[--trajectory STEPS [--chains C] [--step DT]] [--theta T1,..] [--json]",
    .summary = "spectral gap of the dynamics paired with a loss, with a two-sided enclosure",
    .help =
        "Computes the spectral gap of the generator of a loss at the family's truth (or at --theta), in the "
        "generator's own time.\n"
        "On the line the gap is the reciprocal of the largest eigenvalue of a positive integral operator, so that "
        "it has relative\n"
        "accuracy at any size; the enclosure holds the value whatever the iteration did.  When the gap cannot be "
        "certified the status\n"
        "says why and the exit status is 1.  On finite sets it is that of a birth-death chain where a symmetry is "
        "known to keep the\n"
        "slowest mode, otherwise that of all states (n <= 24); relaxation_sweeps is the relaxation time in updates a "
        "site.\n"
        "With --trajectory the gap is estimated from independent stationary chains, at any size: gap is the "
        "variational "
        "estimate on a\n"
        "basis of observables, confidence_lower and confidence_upper its 95 % confidence interval; gap_lower and "
        "gap_upper "
        "are null.\n"
        "Processes that are not reversible (underdamped, chain) have a gap in the sense of the real part; decay_rate "
        "is "
        "their L2 decay\n"
        "rate from time 0 on.",
    .example = "scoregap gap bimodal -p a=3",
    .takes =
        SIM_TAKES_P | SIM_TAKES_LOSS | SIM_TAKES_DYNAMICS | SIM_TAKES_COUNT | SIM_TAKES_BOUNDS | SIM_TAKES_TRAJECTORY,
    .least = 1,
    .most = 1,
    .run = run,
};
