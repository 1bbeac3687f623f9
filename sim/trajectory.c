/* `gap --trajectory`: the gap estimated from trajectories, with a confidence interval. */
#include "scoregap/trajectory.h"

#include <math.h>

#include "sim.h"

static json_t *estimate_json(const sg_gap_estimate *e) {
    json_t *o = json_object();
    json_object_set_new(o, "gap", sim_json_real(e->gap));
    json_object_set_new(o, "confidence_lower", sim_json_real(e->lower));
    json_object_set_new(o, "confidence_upper", sim_json_real(e->upper));
    return o;
}

static json_t *names_json(const sg_trajectory *t) {
    json_t *array = json_array();
    for (int k = 0; k < t->observables; k++) json_array_append_new(array, json_string(t->name[k]));
    return array;
}

static const char method[] = "trajectory: variational on observables, jackknife over chains";

static int print_json(const sg_model *model, const sg_loss *loss, const sg_trajectory *t, uint64_t seed) {
    json_t *o = json_object();
    const sg_gap_estimate *gap = &t->variational;
    json_object_set_new(o, "family", json_string(model->text));
    json_object_set_new(o, "loss", json_string(loss->text));
    json_object_set_new(o, "dynamics", json_string(loss->row->dynamics));
    json_object_set_new(o, "gap", sim_json_real(gap->gap));
    json_object_set_new(o, "gap_lower", json_null());
    json_object_set_new(o, "gap_upper", json_null());
    json_object_set_new(o, "confidence", json_real(0.95));
    json_object_set_new(o, "confidence_lower", sim_json_real(gap->lower));
    json_object_set_new(o, "confidence_upper", sim_json_real(gap->upper));
    json_object_set_new(o, "log10_gap", sim_json_real(gap->log_gap / M_LN10));
    json_object_set_new(o, "poincare", sim_json_real(1 / gap->gap));
    json_object_set_new(o, "relaxation_time", sim_json_real(1 / gap->gap));
    json_object_set_new(o, "integrated", estimate_json(&t->integrated));
    json_object_set_new(o, "integrated_time", sim_json_real(t->fine.integrated_time));
    json_object_set_new(o, "slowest_observable", t->slowest ? json_string(t->slowest) : json_null());
    json_object_set_new(o, "effective_samples", sim_json_real(t->fine.effective));
    json_object_set_new(o, "observables", names_json(t));
    json_object_set_new(o, "rank", json_integer(t->fine.rank));
    json_object_set_new(o, "lag", sim_json_real(t->lag));
    json_object_set_new(o, "chains", json_integer(t->chains));
    json_object_set_new(o, "steps", json_integer(t->records));
    json_object_set_new(o, "step", sim_json_real(t->step));
    json_object_set_new(o, "inner_step", sim_json_real(t->inner > 0 ? t->inner : NAN));
    json_object_set_new(o, "start", json_string(t->start));
    json_object_set_new(o, "seed", json_sprintf("%llu", (unsigned long long)seed));
    json_object_set_new(o, "clock", json_string(loss->row->clock));
    json_object_set_new(o, "method", json_string(method));
    json_object_set_new(o, "status", json_string(sg_status_name(t->status)));
    json_object_set_new(
        o, "message",
        json_string(t->status ? t->message : "an estimate with a 95 % confidence interval, no enclosure"));
    json_object_set_new(o, "seconds", sim_json_real(t->seconds));
    return sim_json_print(o) ? 0 : 1;
}

static void print_text(const sg_model *model, const sg_loss *loss, const sg_trajectory *t) {
    const sg_gap_estimate *gap = &t->variational, *above = &t->integrated;
    printf("%s, %s (dynamics of %s)\n", model->text, loss->row->dynamics, loss->text);
    printf("gap              %.6g (estimate)\n", gap->gap);
    printf("  95 %%           [%.6g, %.6g] (confidence, no enclosure)\n", gap->lower, gap->upper);
    printf("relaxation time  %.6g (unit of time: %s)\n", 1 / gap->gap, loss->row->clock);
    printf("integrated       %.6g in [%.6g, %.6g] (autocorrelation of %s: a number above the gap)\n", above->gap,
           above->lower, above->upper, t->slowest ? t->slowest : "none");
    printf("  effective      %.5g independent samples of it\n", t->fine.effective);
    printf("trajectories     %d chains of %d steps of %.6g; lag %.6g", t->chains, t->records, t->step, t->lag);
    if (t->inner > 0) printf("; inner steps %.4g and %.4g, extrapolated", t->inner, 4 * t->inner);
    printf("\nstart            %s\n", t->start);
    printf("observables      ");
    for (int k = 0; k < t->observables; k++) printf("%s%s", k ? ", " : "", t->name[k]);
    printf(" (rank %d)\n", t->fine.rank);
    printf("method           %s, %.2f s\n", method, t->seconds);
    printf("status           %s%s%s\n", sg_status_name(t->status), *t->message ? ": " : "", t->message);
}

static void no_estimate(sg_trajectory *t, sg_status status) {
    const sg_gap_estimate none = {NAN, NAN, NAN, NAN, NAN};
    *t = (sg_trajectory){.variational = none,
                         .integrated = none,
                         .fine = {.integrated_time = NAN, .effective = NAN},
                         .step = NAN,
                         .lag = NAN,
                         .status = status};
    snprintf(t->message, sizeof t->message, "%.255s", sg_message());
}

int sim_trajectory(const sim_args *args, const sg_model *model, const sg_loss *loss) {
    const sg_trajectory_settings settings = {.records = args->trajectory,
                                             .chains = args->chains,
                                             .step = args->step,
                                             .seed = args->seed,
                                             .memory = args->memory_given ? args->memory : 0,
                                             .stop = &sim_stop};
    sg_trajectory t;
    if (args->count || args->bounds)
        return sim_complain(2, "%s has no meaning beside --trajectory: leave it out",
                            args->count ? "--count" : "--bounds");
    const sg_status status = sg_trajectory_gap(model, loss, &settings, &t);
    if (status && !(args->json && sg_status_exit(status) == 1)) return sim_fail(status);
    if (status) no_estimate(&t, status);
    if (args->json) {
        const int leave = print_json(model, loss, &t, args->seed);
        return t.status ? 1 : leave;
    }
    print_text(model, loss, &t);
    return t.status ? 1 : 0;
}
