#include <math.h>
#include <string.h>

#include "setting.h"

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

static int print_json(const sim_setting *s, const sg_gap *gap, double seconds) {
    bool shown = gap->status == SG_OK || gap->status == SG_UNCERTIFIED;
    double hidden = shown ? 1 : NAN;
    json_t *o = json_object();
    json_object_set_new(o, "family", json_string(s->model->text));
    json_object_set_new(o, "loss", json_string(s->loss->text));
    json_object_set_new(o, "dynamics", json_string(s->loss->row->dynamics));
    json_object_set_new(o, "gap", sim_json_real(gap->gap * hidden));
    json_object_set_new(o, "gap_lower", sim_json_real(gap->gap_lower * hidden));
    json_object_set_new(o, "gap_upper", sim_json_real(gap->gap_upper * hidden));
    json_object_set_new(o, "log10_gap", sim_json_real(gap->log10_gap));
    json_object_set_new(o, "poincare", sim_json_real(gap->poincare * hidden));
    json_object_set_new(o, "relaxation_time", sim_json_real(gap->relaxation_time * hidden));
    json_object_set_new(o, "clock", json_string(s->loss->row->clock));
    json_object_set_new(o, "method", json_string(gap->method));
    json_object_set_new(o, "status", json_string(sg_status_name(gap->status)));
    json_object_set_new(o, "message", json_string(gap->message));
    json_object_set_new(o, "seconds", sim_json_real(seconds));
    return sim_json_print(o) ? 0 : 1;
}

static void print_text(const sim_setting *s, const sg_gap *gap, double seconds) {
    printf("%s, %s (dynamics of %s)\n", s->model->text, s->loss->row->dynamics, s->loss->text);
    printf("gap              %.12g\n", gap->gap);
    printf("  enclosure      [%.15g, %.15g]\n", gap->gap_lower, gap->gap_upper);
    printf("log10 gap        %.12g\n", gap->log10_gap);
    printf("Poincare         %.12g\n", gap->poincare);
    printf("relaxation time  %.12g (unit of time: %s)\n", gap->relaxation_time, s->loss->row->clock);
    printf("method           %s, %d iterations, %.4f s\n", gap->method, gap->iterations, seconds);
    printf("status           %s%s%s\n", sg_status_name(gap->status), *gap->message ? ": " : "", gap->message);
}

static int run(const sim_args *args) {
    sim_setting s;
    sg_gap gap;
    double start = sim_now();
    sg_status status = sim_setting_open(args, &s);
    if (!status) status = sg_spectrum_gap(s.model, s.loss, s.prepared, s.panels, &gap);
    bool answered = args->json && s.loss && sg_status_exit(status) == 1;
    if (status && answered) no_gap(&gap, status);
    if (status && !answered) {
        sim_setting_close(&s);
        return sim_fail(status);
    }
    double seconds = sim_now() - start;
    int leave = 0;
    if (args->json)
        leave = print_json(&s, &gap, seconds);
    else
        print_text(&s, &gap, seconds);
    sim_setting_close(&s);
    return gap.status ? 1 : leave;
}

const sim_command sim_command_gap = {
    .name = "gap",
    .usage = "gap FAMILY [-p key=value]... [--loss LOSS | --dynamics NAME] [--theta T1,..] [--json]",
    .summary = "spectral gap of the dynamics paired with a loss, with a two-sided enclosure",
    .help = "Computes the spectral gap of the generator of a loss at the family's truth (or at --theta), in the "
            "generator's own time.\n"
            "On the line the gap is the reciprocal of the largest eigenvalue of a positive integral operator, so that "
            "it has relative\n"
            "accuracy at any size; the enclosure holds the value whatever the iteration did.  When the gap cannot be "
            "certified the status\n"
            "says why and the exit status is 1.",
    .example = "scoregap gap bimodal -p a=3",
    .takes = SIM_TAKES_P | SIM_TAKES_LOSS | SIM_TAKES_DYNAMICS,
    .least = 1,
    .most = 1,
    .run = run,
};
