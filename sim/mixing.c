#include <math.h>
#include <string.h>

#include "scoregap/mixing.h"
#include "sim.h"

/* Nothing could be computed: the object says why. */
static void no_mixing(const sim_args *args, sg_mixing *m, sg_status status) {
    *m = (sg_mixing){.epsilon = args->epsilon,
                     .mixing_time = NAN,
                     .mixing_time_lower = NAN,
                     .mixing_time_upper = NAN,
                     .relaxation_time = NAN,
                     .sandwich_lower = NAN,
                     .sandwich_upper = NAN,
                     .method = "none",
                     .status = status};
    snprintf(m->start, sizeof m->start, "%s", args->start ? args->start : "worst");
    snprintf(m->message, sizeof m->message, "%s", sg_message());
}

static int print_json(const sg_model *model, const sg_loss *loss, const sg_mixing *m, double seconds) {
    json_t *o = json_object();
    json_object_set_new(o, "family", json_string(model->text));
    json_object_set_new(o, "loss", json_string(loss->text));
    json_object_set_new(o, "dynamics", json_string(loss->row->dynamics));
    json_object_set_new(o, "mixing_time", sim_json_real(m->mixing_time));
    json_object_set_new(o, "mixing_time_lower", sim_json_real(m->mixing_time_lower));
    json_object_set_new(o, "mixing_time_upper", sim_json_real(m->mixing_time_upper));
    json_object_set_new(o, "epsilon", sim_json_real(m->epsilon));
    json_object_set_new(o, "start", json_string(m->start));
    json_object_set_new(o, "relaxation_time", sim_json_real(m->relaxation_time));
    json_object_set_new(o, "sandwich_lower", sim_json_real(m->sandwich_lower));
    json_object_set_new(o, "sandwich_upper", sim_json_real(m->sandwich_upper));
    if (m->points) {
        json_object_set_new(o, "time", sim_json_vector(m->points, m->time));
        json_object_set_new(o, "distance", sim_json_vector(m->points, m->distance));
        json_object_set_new(o, "distance_error", sim_json_vector(m->points, m->distance_error));
    }
    json_object_set_new(o, "clock", json_string(loss->row->clock));
    json_object_set_new(o, "method", json_string(m->method));
    json_object_set_new(o, "status", json_string(sg_status_name(m->status)));
    json_object_set_new(o, "message", json_string(m->message));
    json_object_set_new(o, "seconds", sim_json_real(seconds));
    return sim_json_print(o) ? 0 : 1;
}

static void print_text(const sg_model *model, const sg_loss *loss, const sg_mixing *m, double seconds) {
    printf("%s, %s (dynamics of %s)\n", model->text, loss->row->dynamics, loss->text);
    printf("mixing time      %.12g (total variation %g; unit of time: %s)\n", m->mixing_time, m->epsilon,
           loss->row->clock);
    printf("  enclosure      [%.15g, %.15g]\n", m->mixing_time_lower, m->mixing_time_upper);
    printf("start            %s\n", m->start);
    printf("relaxation time  %.12g\n", m->relaxation_time);
    if (isfinite(m->sandwich_lower)) {
        printf("  it implies     at least %.12g", m->sandwich_lower);
        if (isfinite(m->sandwich_upper)) printf(", at most %.12g", m->sandwich_upper);
        printf(" from the worst start\n");
    }
    printf("method           %s, %.4f s\n", m->method, seconds);
    printf("status           %s%s%s\n", sg_status_name(m->status), *m->message ? ": " : "", m->message);
    if (m->points) printf("\ntime\tdistance\tdistance_error\n");
    for (int i = 0; i < m->points; i++)
        printf("%.10g\t%.10g\t%.2g\n", m->time[i], m->distance[i], m->distance_error[i]);
}

static int run(const sim_args *args) {
    const sg_mixing_settings settings = {
        .epsilon = args->epsilon, .points = args->points, .memory = args->memory_given ? args->memory : 0};
    const double begun = sim_now();
    sg_model *model = NULL;
    sg_loss *loss = NULL;
    sg_mixing m = {0};
    sg_status status = sim_model(args, &model);
    if (!status) status = sim_loss(args, model, &loss);
    if (!status && args->epsilon >= 1)
        status = sg_fail(SG_OUT_OF_RANGE, "--epsilon %g is out of range: it must be > 0 and < 1", args->epsilon);
    if (!status) status = sg_spectrum_mixing(model, loss, args->start, &settings, &m);
    bool answered = args->json && loss && sg_status_exit(status) == 1;
    int leave = 0;
    if (status && answered) no_mixing(args, &m, status);
    if (status && !answered)
        leave = sim_fail(status);
    else if (args->json)
        leave = print_json(model, loss, &m, sim_now() - begun);
    else
        print_text(model, loss, &m, sim_now() - begun);
    if (!leave && m.status) leave = 1;
    sg_mixing_clear(&m);
    sg_loss_delete(loss);
    sg_model_delete(model);
    return leave;
}

const sim_command sim_command_mixing = {
    .name = "mixing",
    .usage =
        "mixing FAMILY [-p key=value]... [--loss LOSS | --dynamics NAME] [--epsilon E] [--start START] [--points N] "
        "[--theta T1,..] [--json]",
    .summary = "total-variation mixing time of the dynamics paired with a loss, from a start",
    .help =
        "Computes the first time at which the law of the process is within total variation E of p, in the generator's "
        "own time, with an\n"
        "enclosure, and the relaxation time.  START is worst, warm (p restricted to its lower half), x=NUMBER on the "
        "line and the circle,\n"
        "all-plus, all-minus or state:0101.. (site 0 first) on spins, all-0, all-1, .. or state:0120.. on sites with "
        "more states, state:NUMBER on chains by their rates.  On the "
        "line the worst start may\n"
        "be infinitely far: then there is no finite answer unless the process comes down from infinity, the status "
        "says so and the exit\n"
        "status is 1.  On spins all starts are tried up to 11 sites, and at larger sizes where p is a function of the "
        "number of +1 sites;\n"
        "otherwise the status is uncertified and the enclosure bounds the worst start.",
    .example = "scoregap mixing gaussian --start x=3 --epsilon 0.1",
    .takes = SIM_TAKES_P | SIM_TAKES_LOSS | SIM_TAKES_DYNAMICS | SIM_TAKES_EPSILON,
    .least = 1,
    .most = 1,
    .run = run,
};
