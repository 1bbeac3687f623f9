#include "args.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

typedef enum { AS_FLAG, AS_TEXT, AS_PAIR, AS_LOSS, AS_INT, AS_COUNT, AS_REAL, AS_REALS, AS_SEED, AS_BYTES } reading;

/* One table: option, value's name, what it needs of the command (0: every command takes it), how it is read, where it
 * goes, range. */
typedef struct {
    const char *name, *value;
    int takes;
    reading as;
    size_t offset;
    double lo, hi;
    const char *help;
} option;

#define AT(member) offsetof(sim_args, member)
static const option options[] = {
    {"-p", "KEY=VALUE", SIM_TAKES_P, AS_PAIR, 0, 0, 0,
     "key of the family; may be repeated (`scoregap list families` shows them)"},
    {"--loss", "LOSS", SIM_TAKES_LOSS, AS_LOSS, 0, 0, 0,
     "loss with its options, e.g. preconditioned:with=stein,direction=erf"},
    {"--dynamics", "NAME", SIM_TAKES_DYNAMICS, AS_TEXT, AT(dynamics), 0, 0,
     "sampler, in place of the loss that it is paired with"},
    {"--theta", "T1,T2,..", 0, AS_REALS, AT(theta), 0, 0, "replaces the truth (free parameters, or all of them)"},
    {"--data", "FILE", SIM_TAKES_DATA, AS_TEXT, AT(data), 0, 0, "CSV of numbers, one row a datum, or FILE.h5:/dataset"},
    {"--starts", "N", SIM_TAKES_STARTS, AS_INT, AT(starts), 1, 10000,
     "starting points of a fit that is not convex (default 8); the best estimate is kept"},
    {"-n", "N", SIM_TAKES_N, AS_COUNT, AT(n), 1, 1e12, "number of draws"},
    {"-o", "FILE", SIM_TAKES_OUTPUT, AS_TEXT, AT(output), 0, 0, "where to write"},
    {"--threads", "N", SIM_TAKES_THREADS, AS_INT, AT(threads), 1, 4096,
     "threads (default: all); results do not depend on it"},
    {"--smoke", NULL, SIM_TAKES_SMOKE, AS_FLAG, AT(smoke), 0, 0,
     "the small version that the experiment file describes"},
    {"--fresh", NULL, SIM_TAKES_FRESH, AS_FLAG, AT(fresh), 0, 0, "recompute cells that are already there"},
    {"--cell", "I", SIM_TAKES_CELL, AS_INT, AT(cell), 0, INT_MAX, "number of the cell, from 0"},
    {"--replicate", "R", SIM_TAKES_CELL, AS_INT, AT(replicate), 0, INT_MAX, "number of the replicate, from 0"},
    {"--step", "DT", SIM_TAKES_CHAIN | SIM_TAKES_TRAJECTORY, AS_REAL, AT(step), 0, 1e6,
     "time between states (default of sample: tuned to accept 57 %, of gap: by a pilot run)"},
    {"--thin", "K", SIM_TAKES_CHAIN, AS_INT, AT(thin), 1, INT_MAX, "keep every K-th state (default 1)"},
    {"--chains", "C", SIM_TAKES_CHAIN | SIM_TAKES_TRAJECTORY, AS_INT, AT(chains), 1, SG_BLOCK,
     "chains that run side by side (default of sample: 1, of gap: 32)"},
    {"--trajectory", "STEPS", SIM_TAKES_TRAJECTORY, AS_INT, AT(trajectory), 1, 1e8,
     "estimate the gap from trajectories of STEPS states each, with a 95 % confidence interval"},
    {"--figure", "NAME", SIM_TAKES_FIGURE, AS_TEXT, AT(figure), 0, 0, "figure to draw (`scoregap list figures`)"},
    {"--epsilon", "E", SIM_TAKES_EPSILON, AS_REAL, AT(epsilon), 0, 1, "total-variation distance (default 0.25)"},
    {"--start", "START", SIM_TAKES_EPSILON, AS_TEXT, AT(start), 0, 0,
     "worst (default), warm, x=NUMBER; on spins all-plus, all-minus, state:0101.., on sites with more states all-K, "
     "state:0120.."},
    {"--points", "N", SIM_TAKES_EPSILON, AS_INT, AT(points), 2, 100000,
     "print the distance at N times, to three mixing times"},
    {"--count", "K", SIM_TAKES_COUNT, AS_INT, AT(count), 1, 2000, "print the first K nonzero eigenvalues as well"},
    {"--bounds", NULL, SIM_TAKES_BOUNDS, AS_FLAG, AT(bounds), 0, 0,
     "print every bound on the gap and on the log-Sobolev constant"},
    {"--vary", "KEY=LO..HI,..", SIM_TAKES_DESIGN, AS_TEXT, AT(vary), 0, 0,
     "options of the loss that are searched, with their ranges (default: the loss's own)"},
    {"--max-relaxation", "T", SIM_TAKES_DESIGN, AS_REAL, AT(most_relaxation), 0, 1e300,
     "longest relaxation time of the process that is allowed, in its own time"},
    {"--evaluations", "N", SIM_TAKES_DESIGN, AS_INT, AT(evaluations), 3, 1e6,
     "losses that are looked at, at most (default 150)"},
    {"--seed", "S", 0, AS_SEED, AT(seed), 0, 0, "seed of everything that is drawn, decimal or 0x.."},
    {"--memory", "BYTES", 0, AS_BYTES, AT(memory), 0, 0,
     "data kept between passes, a thread (default 64M); vectors of `gap` (default 1G)"},
    {"--json", NULL, 0, AS_FLAG, AT(json), 0, 0, "one JSON object on standard output"},
    {"--version", NULL, 0, AS_FLAG, AT(version), 0, 0, "the version of the program"},
    {"--help", NULL, 0, AS_FLAG, AT(help), 0, 0, "this text"},
};
enum { OPTIONS = sizeof options / sizeof *options };

static bool taken(const sim_command *command, const option *o) {
    return !o->takes || (command->takes & o->takes);
}

void sim_args_describe(const sim_command *command, FILE *out) {
    fprintf(out, "Options:\n");
    for (int k = 0; k < OPTIONS; k++) {
        char left[40];
        if (!taken(command, &options[k])) continue;
        snprintf(left, sizeof left, "%s%s%s", options[k].name, options[k].value ? " " : "",
                 options[k].value ? options[k].value : "");
        fprintf(out, "  %-20s %s\n", left, options[k].help);
    }
}

static int read_pair(char *text, sim_args *args) {
    char *equals = strchr(text, '=');
    if (!equals || equals == text) return sim_complain(2, "-p takes key=value, not '%s'", text);
    if (args->pairs == SIM_PAIRS) return sim_complain(2, "more than %d -p options", SIM_PAIRS);
    *equals = 0;
    args->pair[args->pairs++] = (sg_pair){text, equals + 1};
    return 0;
}

static int read_number(const option *o, const char *text, double *value) {
    if (!sg_number_read(text, value)) return sim_complain(2, "%s takes a number, not '%s'", o->name, text);
    if (*value < o->lo || *value > o->hi || ((o->as == AS_REAL) && *value <= o->lo))
        return sim_complain(2, "%s %s is out of range: it must be %s %g and <= %g", o->name, text,
                            o->as == AS_REAL ? ">" : ">=", o->lo, o->hi);
    if (o->as != AS_REAL && *value != (double)(long long)*value)
        return sim_complain(2, "%s takes a whole number, not '%s'", o->name, text);
    return 0;
}

static int read_reals(const option *o, const char *text, sg_reals *reals) {
    char copy[4096];
    reals->n = 0;
    if (strlen(text) >= sizeof copy) return sim_complain(2, "%s is too long", o->name);
    strcpy(copy, text);
    for (char *rest = copy, *piece; (piece = strsep(&rest, ",/"));) {
        if (reals->n == SG_REALS) return sim_complain(2, "%s takes at most %d numbers", o->name, SG_REALS);
        if (!sg_number_read(piece, &reals->v[reals->n++]))
            return sim_complain(2, "%s takes numbers separated by commas; '%s' is none", o->name, piece);
    }
    return 0;
}

static int read_bytes(const option *o, const char *text, size_t *bytes) {
    char digits[64];
    size_t length = strlen(text);
    double value, unit = 1;
    if (length && length < sizeof digits) {
        char last = text[length - 1];
        unit = last == 'K' || last == 'k'   ? 1024.
               : last == 'M' || last == 'm' ? 1048576.
               : last == 'G' || last == 'g' ? 1073741824.
                                            : 1;
        snprintf(digits, sizeof digits, "%.*s", (int)(unit > 1 ? length - 1 : length), text);
        if (sg_number_read(digits, &value) && value >= 0 && value * unit < 1e15) {
            *bytes = (size_t)(value * unit);
            return 0;
        }
    }
    return sim_complain(2, "%s takes a number of bytes (K, M and G are understood), not '%s'", o->name, text);
}

static int read_seed(const option *o, const char *text, sim_args *args) {
    char *end;
    errno = 0;
    unsigned long long seed = strtoull(text, &end, 0);
    if (errno || end == text || *end || strchr(text, '-'))
        return sim_complain(2, "%s takes a whole number from 0 to 2^64 - 1, not '%s'", o->name, text);
    args->seed = seed;
    args->seed_given = true;
    return 0;
}

static int read_value(const option *o, char *text, sim_args *args) {
    char *at = (char *)args + o->offset;
    double number;
    int leave;
    switch (o->as) {
    case AS_FLAG:
        *(bool *)at = true;
        return 0;
    case AS_TEXT:
        *(const char **)at = text;
        return 0;
    case AS_PAIR:
        return read_pair(text, args);
    case AS_LOSS:
        if (args->losses == SIM_LOSSES) return sim_complain(2, "more than %d --loss options", SIM_LOSSES);
        args->loss[args->losses++] = text;
        return 0;
    case AS_REALS:
        return read_reals(o, text, (sg_reals *)at);
    case AS_SEED:
        return read_seed(o, text, args);
    case AS_BYTES:
        args->memory_given = true;
        return read_bytes(o, text, (size_t *)at);
    case AS_INT:
    case AS_COUNT:
    case AS_REAL:
        break;
    }
    if ((leave = read_number(o, text, &number))) return leave;
    if (o->as == AS_INT) *(int *)at = (int)number;
    if (o->as == AS_COUNT) *(long long *)at = (long long)number;
    if (o->as == AS_REAL) *(double *)at = number;
    return 0;
}

static int unknown_option(const char *word, const sim_command *command) {
    const char *names[OPTIONS], *nearest;
    int count = 0;
    for (int k = 0; k < OPTIONS; k++) {
        if (!strcmp(options[k].name, word))
            return sim_complain(2, "`scoregap %s` does not take %s; see `scoregap %s --help`", command->name, word,
                                command->name);
        if (taken(command, &options[k])) names[count++] = options[k].name;
    }
    nearest = sg_nearest(word, count, names);
    if (nearest) return sim_complain(2, "unknown option '%s'; the nearest is '%s'", word, nearest);
    return sim_complain(2, "unknown option '%s'; see `scoregap %s --help`", word, command->name);
}

/* `--name=value` is split in place; *value is NULL when there is none. */
static const option *find_option(char *word, char **value, const sim_command *command) {
    *value = NULL;
    if (!strncmp(word, "--", 2) && (*value = strchr(word, '='))) *(*value)++ = 0;
    for (int k = 0; k < OPTIONS; k++)
        if (!strcmp(options[k].name, word) && taken(command, &options[k])) return &options[k];
    return NULL;
}

static void defaults(sim_args *args) {
    memset(args, 0, sizeof *args);
    args->memory = (size_t)64 << 20;
    args->epsilon = 0.25;
    args->cell = args->replicate = -1;
    args->thin = 1;
    args->evaluations = 150;
    args->seed = 1;
}

int sim_args_read(int count, char **word, const sim_command *command, sim_args *args) {
    bool only_positionals = false;
    defaults(args);
    for (int k = 0; k < count; k++) {
        char *text = word[k], *value;
        if (only_positionals || text[0] != '-' || !text[1]) {
            if (args->positionals == SIM_POSITIONALS) return sim_complain(2, "more than %d arguments", SIM_POSITIONALS);
            args->positional[args->positionals++] = text;
            continue;
        }
        if (!strcmp(text, "--")) {
            only_positionals = true;
            continue;
        }
        if (!strcmp(text, "-h")) text = "--help";
        const option *o = text == word[k] ? find_option(text, &value, command) : &options[OPTIONS - 1];
        if (text != word[k]) value = NULL;
        if (!o) return unknown_option(text, command);
        if (o->as == AS_FLAG && value) return sim_complain(2, "%s takes no value", o->name);
        if (o->as != AS_FLAG && !value) {
            if (++k == count) return sim_complain(2, "%s needs a value: %s", o->name, o->value);
            value = word[k];
        }
        int leave = read_value(o, value, args);
        if (leave) return leave;
    }
    if (args->help || args->version) return 0;
    if (args->positionals < command->least)
        return sim_complain(2, "too few arguments; usage: scoregap %s", command->usage);
    if (args->positionals > command->most)
        return sim_complain(2, "unexpected argument '%s'; usage: scoregap %s", args->positional[command->most],
                            command->usage);
    return 0;
}
