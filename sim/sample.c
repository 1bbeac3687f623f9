#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "setting.h"

enum { TUNING_ROUNDS = 24, TUNING_STEPS = 60 };
static const double wanted_acceptance = 0.57;

/* One chain unless more are asked for. */
static int chains_of(const sim_args *args) {
    return args->chains ? args->chains : 1;
}

typedef struct {
    sim_setting setting;
    const sg_model *law; /* of what is drawn: the model's own, or that of the dynamics */
    sg_sampler *sampler;
    sg_walk *walk;
    bool dynamics;
    double step, acceptance;
} source;

/* One row a draw, coordinates (and the chain, if there are several) as columns; or the JSON array. */
typedef struct {
    FILE *file;
    json_t *array;
    int chains;
    bool failed;
} sink;

static void put_row(sink *out, int chain, int d, const double *x, int stride) {
    char text[SG_NUMBER_TEXT];
    if (out->array) {
        json_t *row = d > 1 ? json_array() : json_real(x[0]);
        for (int a = 0; d > 1 && a < d; a++) json_array_append_new(row, json_real(x[a * stride]));
        json_array_append_new(out->array, row);
        return;
    }
    if (out->chains > 1) fprintf(out->file, "%d,", chain);
    for (int a = 0; a < d; a++) {
        sg_number_text(x[a * stride], text);
        if (fputs(text, out->file) < 0 || fputc(a + 1 < d ? ',' : '\n', out->file) == EOF) out->failed = true;
    }
}

static void put_header(sink *out, const sg_space *space) {
    const int d = space->d, levels = space->tempered ? 1 : 0;
    if (out->array) return;
    if (out->chains > 1) fprintf(out->file, "chain,");
    for (int a = 0; a < d; a++) {
        if (a == d - levels)
            fprintf(out->file, "beta");
        else if (d == 1 + levels)
            fprintf(out->file, "x");
        else
            fprintf(out->file, "x%d", a + 1);
        fputc(a + 1 < d ? ',' : '\n', out->file);
    }
}

static sg_status exact_draws(const sim_args *args, source *s, sink *out) {
    sg_stream stream;
    sg_block block = {.d = s->setting.model->space.d, .draws = 1};
    sg_status status = sg_new(&block.x, (size_t)SG_BLOCK * (size_t)block.d, sizeof(double));
    if (status) return status;
    sg_stream_open(&stream, args->seed, SG_PURPOSE_DATA, 0);
    for (long long b = 0; b * SG_BLOCK < args->n && !out->failed; b++) {
        long long left = args->n - b * SG_BLOCK;
        block.n = left < SG_BLOCK ? (int)left : SG_BLOCK;
        sg_stream_seek(&stream, (uint32_t)b);
        sg_sampler_draw(s->sampler, &stream, &block);
        for (int i = 0; i < block.n; i++) put_row(out, 0, block.d, block.x + i, SG_BLOCK);
    }
    sg_delete(block.x);
    return SG_OK;
}

/* Resampling for ever: a new draw each time.  On finite sets steps are the process itself: a unit of its time. */
static double usual_step(const source *s) {
    if (s->setting.loss->row->kind == SG_RESAMPLE) return INFINITY;
    return s->setting.model->space.shape == SG_FINITE ? 1 : NAN;
}

/* Doubles or halves the step until it has passed the wanted acceptance, then by less at each turn, by throw-away walks.
 */
static sg_status tune(const sim_args *args, source *s) {
    double step = 0.1, factor = 2;
    bool longer = true, turned = false;
    s->step = args->step > 0 ? args->step : usual_step(s);
    if (s->step > 0) return SG_OK;
    for (int round = 0; round < TUNING_ROUNDS; round++) {
        sg_walk *walk = NULL;
        sg_status status =
            sg_walk_new(s->law, s->law->truth, s->sampler, 64, args->seed, (uint32_t)round + 1, step, &walk);
        if (status) return status;
        sg_walk_advance(s->setting.loss, s->setting.prepared, walk, TUNING_STEPS);
        double share = (double)walk->accepted / (double)(walk->proposed + (walk->proposed == 0));
        sg_walk_delete(walk);
        if (fabs(share - wanted_acceptance) < 0.03) break;
        const bool grow = share > wanted_acceptance;
        turned = turned || (round > 0 && grow != longer);
        longer = grow;
        if (turned) factor = fmax(1.02, sqrt(factor));
        step *= grow ? factor : 1 / factor;
    }
    s->step = step;
    return SG_OK;
}

static sg_status walk_draws(const sim_args *args, source *s, sink *out) {
    int d = s->law->space.d;
    sg_status status = tune(args, s);
    if (status) return status;
    status = sg_walk_new(s->law, s->law->truth, s->sampler, chains_of(args), args->seed, 0, s->step, &s->walk);
    if (status) return status;
    for (long long row = 0; row < args->n && !out->failed;) {
        sg_walk_advance(s->setting.loss, s->setting.prepared, s->walk, args->thin);
        for (int c = 0; c < chains_of(args) && row < args->n; c++, row++)
            put_row(out, c, d, s->walk->block.x + c, SG_BLOCK);
    }
    if (s->walk->proposed) s->acceptance = (double)s->walk->accepted / (double)s->walk->proposed;
    return SG_OK;
}

static const char *start_of(const source *s) {
    if (s->sampler)
        return sg_sampler_exact(s->sampler) ? "started from exact draws" : "started from draws that are not exact";
    if (s->setting.model->family->rates) return "started in state 0, not yet from the law";
    return s->setting.model->space.q == 2 ? "started with all sites at -1, not yet from the law"
                                          : "started with all sites in state 0, not yet from the law";
}

static const char *dynamics_of(const source *s) {
    if (s->dynamics) return s->setting.loss->row->dynamics;
    if (sg_sampler_exact(s->sampler)) return "exact";
    return s->setting.model->space.shape == SG_FINITE ? "heat-bath" : "mala";
}

static int print_json(const sim_args *args, const source *s, json_t *draws) {
    json_t *o = json_object();
    json_object_set_new(o, "family", json_string(s->setting.model->text));
    json_object_set_new(o, "dynamics", json_string(dynamics_of(s)));
    json_object_set_new(o, "sampler", s->sampler ? json_string(sg_sampler_method(s->sampler)) : json_null());
    json_object_set_new(o, "n", json_integer(args->n));
    json_object_set_new(o, "seed", json_sprintf("%llu", (unsigned long long)args->seed));
    json_object_set_new(o, "step", sim_json_real(s->dynamics ? s->step : NAN));
    json_object_set_new(o, "acceptance", sim_json_real(s->acceptance));
    json_object_set_new(o, "distribution_error", sim_json_real(s->sampler ? sg_sampler_error(s->sampler) : NAN));
    if (s->dynamics) json_object_set_new(o, "start", json_string(start_of(s)));
    json_object_set_new(o, "draws", draws ? draws : json_null());
    return sim_json_print(o) ? 0 : 1;
}

static int produce(const sim_args *args, source *s) {
    sink out = {.file = stdout, .chains = s->dynamics ? chains_of(args) : 1};
    sg_status status;
    if (args->output && !(out.file = fopen(args->output, "w")))
        return sim_complain(2, "%s cannot be created", args->output);
    if (args->json && !args->output) out.array = json_array();
    put_header(&out, &s->law->space);
    status = s->dynamics ? walk_draws(args, s, &out) : exact_draws(args, s, &out);
    if (args->output && fclose(out.file)) out.failed = true;
    if (status) return sim_fail(status);
    if (out.failed) return sim_complain(1, "writing %s failed", args->output ? args->output : "standard output");
    if (args->json) return print_json(args, s, out.array);
    if (!s->dynamics && (s->setting.model->space.shape == SG_FINITE || !sg_sampler_exact(s->sampler)))
        fprintf(stderr, "scoregap: draws by %s; error %.2g\n", sg_sampler_method(s->sampler),
                sg_sampler_error(s->sampler));
    if (s->dynamics && isfinite(s->acceptance))
        fprintf(stderr, "scoregap: %s, step %.4g, acceptance %.3f, %s\n", s->setting.loss->row->dynamics, s->step,
                s->acceptance, start_of(s));
    return 0;
}

/* Exact draws to give or to start from.  Larger spin models have none: their processes start all the same. */
static sg_status open_sampler(source *s) {
    const sg_row *row = s->setting.loss->row;
    sg_status status = SG_OK;
    s->law = s->setting.model;
    if (s->dynamics) status = sg_loss_law(s->setting.loss, s->setting.prepared, s->setting.model, &s->law);
    if (!status)
        status =
            sg_sampler_new(s->law, s->law->truth, s->law == s->setting.model ? s->setting.panels : NULL, &s->sampler);
    const bool starts = s->dynamics && s->setting.model->space.shape == SG_FINITE && row->kind != SG_RESAMPLE;
    return status == SG_REFUSED && starts ? SG_OK : status;
}

static int run(const sim_args *args) {
    source s = {.dynamics = args->losses || args->dynamics, .acceptance = NAN};
    int leave;
    if (!args->n) return sim_complain(2, "give the number of draws with -n");
    sg_status status = sim_setting_open(args, &s.setting);
    if (!status && s.dynamics) status = sg_walk_time(s.setting.loss, args->step > 0 ? args->step : 1);
    if (!status) status = open_sampler(&s);
    leave = status ? sim_fail(status) : produce(args, &s);
    sg_walk_delete(s.walk);
    sg_sampler_delete(s.sampler);
    sim_setting_close(&s.setting);
    return leave;
}

const sim_command sim_command_sample = {
    .name = "sample",
    .usage = "sample FAMILY [-p key=value]... [--loss LOSS | --dynamics NAME] -n N [-o FILE] [--json]",
    .summary = "exact draws, or draws by the dynamics that is paired with a loss",
    .help =
        "Writes N draws as CSV with a header line.  Without --loss and --dynamics they are exact and independent "
        "(inverse distribution\n"
        "function with an error below 1e-9, or exact composition).  With one of them they are the states of the "
        "paired Markov chain, a\n"
        "Metropolis-adjusted step that leaves the law exactly invariant, started from an exact draw; --chains runs "
        "several side by side.\n"
        "On finite sets a step is the process itself over a time --step (default 1; updates, for swendsen-wang and "
        "wolff); where\n"
        "all states are too many to draw from, it starts with all sites at -1, or in state 0.\n"
        "Losses on noised data have dynamics on noised data: tempered-langevin moves (x, beta), with the level beta "
        "as the last column,\n"
        "smoothed-langevin the noised x.  Given beta, x has the law p * N(0, lambda beta); draws of p are the mean "
        "of weights p(x)/p^beta(x).",
    .example = "scoregap sample bimodal -p a=3 --dynamics langevin -n 1000 --thin 10",
    .takes = SIM_TAKES_P | SIM_TAKES_LOSS | SIM_TAKES_DYNAMICS | SIM_TAKES_N | SIM_TAKES_OUTPUT | SIM_TAKES_CHAIN,
    .least = 1,
    .most = 1,
    .run = run,
};
