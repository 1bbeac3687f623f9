/*
 * sim.h - the program: what its commands share.  Only sim/ prints, exits and reads the environment.
 *
 * Exit status: 0 done; 1 the work failed; 2 the request was wrong; 130 or 143 stopped by a signal.
 * Results go to standard output, everything else to standard error.
 */
#ifndef SCOREGAP_SIM_H
#define SCOREGAP_SIM_H

#include <jansson.h>
#include <stdio.h>

#include "scoregap/estimate.h"
#include "scoregap/store.h"

#define SIM_PAIRS 64
#define SIM_LOSSES 32
#define SIM_POSITIONALS 64

/* Everything that a command line can say.  Texts point into argv. */
typedef struct {
    const char *positional[SIM_POSITIONALS]; /* after the command's name: FAMILY, FILE, ... */
    int positionals;
    sg_pair pair[SIM_PAIRS]; /* -p key=value, in order */
    int pairs;
    const char *loss[SIM_LOSSES];
    int losses;
    const char *vary, *dynamics, *data, *output, *figure, *start;
    long long n;
    uint64_t seed;
    sg_reals theta;                        /* n = 0: not given */
    size_t memory;                         /* bytes a thread */
    double epsilon, step, most_relaxation; /* 0: any */
    int evaluations, threads, cell, replicate, chains, thin, count, points,
        starts;     /* chains, .. starts = 0: not given */
    int trajectory; /* steps; 0: not given */
    bool json, smoke, fresh, bounds, seed_given, memory_given, help, version;
} sim_args;

/* Which options a command takes: bits of sim_command.takes. */
enum {
    SIM_TAKES_P = 1 << 0,
    SIM_TAKES_LOSS = 1 << 1,
    SIM_TAKES_DYNAMICS = 1 << 2,
    SIM_TAKES_DATA = 1 << 3,
    SIM_TAKES_OUTPUT = 1 << 4,
    SIM_TAKES_N = 1 << 5,
    SIM_TAKES_THREADS = 1 << 6,
    SIM_TAKES_SMOKE = 1 << 7,
    SIM_TAKES_FRESH = 1 << 8,
    SIM_TAKES_CELL = 1 << 9,   /* --cell and --replicate */
    SIM_TAKES_CHAIN = 1 << 13, /* --step, --thin, --chains */
    SIM_TAKES_FIGURE = 1 << 14,
    SIM_TAKES_EPSILON = 1 << 15, /* --epsilon, --start, --points */
    SIM_TAKES_COUNT = 1 << 16,
    SIM_TAKES_BOUNDS = 1 << 17,
    SIM_TAKES_TRAJECTORY = 1 << 18, /* and --step, --chains */
    SIM_TAKES_DESIGN = 1 << 19,     /* --vary, --max-relaxation, --evaluations */
    SIM_TAKES_STARTS = 1 << 20
};

typedef struct sim_command {
    const char *name;
    const char *usage;                /* "gap FAMILY [-p key=value]... [--loss LOSS | --dynamics NAME]" */
    const char *summary;              /* one line */
    const char *help;                 /* paragraphs: what is computed, what is printed, exit status */
    const char *example;              /* a command that works, with what it prints or makes */
    int takes, least, most;           /* option bits; number of positional arguments */
    int (*run)(const sim_args *args); /* returns the exit status */
} sim_command;

/* One table, in the order of the help: sim/main.c. */
extern const sim_command sim_command_list, sim_command_gap, sim_command_efficiency, sim_command_mixing, sim_command_fit,
    sim_command_compare, sim_command_design, sim_command_sample, sim_command_check, sim_command_run, sim_command_replay,
    sim_command_table, sim_command_plot;

/* Prints "scoregap: SENTENCE" with sg_message() (and the general sentence if that is empty) on standard error; returns
 * the exit status of `status`. */
int sim_fail(sg_status status);
/* The same with a sentence of the program's own; status 1 or 2. */
int sim_complain(int leave, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Model of args->positional[0] with the pairs and --theta. */
SG_MUST_CHECK sg_status sim_model(const sim_args *args, sg_model **model);
/* The loss asked for: --loss, or the one paired with --dynamics, or the default of the space. */
SG_MUST_CHECK sg_status sim_loss(const sim_args *args, const sg_model *model, sg_loss **loss);

/* `gap --trajectory`: runs, prints, returns the exit status. */
int sim_trajectory(const sim_args *args, const sg_model *model, const sg_loss *loss);

/* JSON: null for what is not finite. */
json_t *sim_json_real(double value);
json_t *sim_json_vector(int n, const double *value);
json_t *sim_json_matrix(int m, const double *value); /* [m,m] column-major -> rows */
json_t *sim_json_parameters(const sg_model *model);  /* names of the free ones */
/* Dumps the object with a final newline on standard output and releases it; false if writing failed. */
bool sim_json_print(json_t *object);

/* The bounds of a gap, as keys of an object and as a table. */
void sim_bounds_json(json_t *object, const sg_gap_bounds *bounds, const sg_gap *gap);
void sim_bounds_print(const sg_gap_bounds *bounds, const sg_gap *gap);

/* Colour and width of the terminal; NO_COLOR and pipes switch colour off. */
bool sim_colour(FILE *stream);
int sim_width(FILE *stream);

/* Seconds since some start, monotonic. */
double sim_now(void);

/*
 * Progress on standard error: on a terminal one line redrawn at most ten times a second (bar, share, rate, time left),
 * otherwise one plain line every five seconds.  Thread-safe under the caller's lock.  `unit` is "replicates" or the
 * like.
 */
typedef struct sim_progress sim_progress;
sim_progress *sim_progress_open(const char *title, const char *unit, double total);
void sim_progress_at(sim_progress *progress, double done, const char *note);
void sim_progress_close(sim_progress *progress);

/* Set by SIGINT and SIGTERM (its number); 0 otherwise.  Installed by sim_catch_signals. */
extern volatile int sim_stop;
void sim_catch_signals(void);

/* Directory of experiments or plots: beside the program's source tree (found from the executable), or
 * PREFIX/share/scoregap after installation.  Known by what it holds (style.gp, or an experiment), not by its name. */
const char *sim_share(const char *what);

#define SIM_VERSION "0.1.0"

#endif
