/*
 * An experiment file (YAML) as a checked struct, and the plan of cells that it asks for.
 *
 * A cell is (family with its parameters, sample size) with all its losses: they read the same data.  Cells are ordered
 * by family, then grid (last key fastest), then sample size.
 */
#ifndef SCOREGAP_SIM_EXPERIMENT_H
#define SCOREGAP_SIM_EXPERIMENT_H

#include "base/yaml.h"
#include "sim.h"

#define SIM_EXPERIMENT_SCHEMA "scoregap-experiment-1"
#define SIM_AXES SG_RECORD_AXES
#define SIM_FIGURES 8
#define SIM_FIGURES_TEXT (SIM_FIGURES * 65 + 1)

/* Keys of an experiment file in the order of reading: name, reader in experiment.c, is it required, meaning. */
#define SIM_EXPERIMENT_KEYS(X)                                                                          \
    X(schema, read_schema, true, SIM_EXPERIMENT_SCHEMA)                                                 \
    X(name, read_name, true, "small letters, digits and -; the result goes to results/NAME.h5")         \
    X(claim, read_claim, true, "the sentence that the experiment supports")                             \
    X(seed, read_seed, true, "whole number from 0 to 2^64 - 1, decimal or 0x..")                        \
    X(family, read_family, true, "a name, or a list of {name, parameters, losses}")                     \
    X(parameters, read_parameters, false, "{key: value} held fixed, when family is one name")           \
    X(losses, read_losses, true, "list of losses; those of a family's own come on top")                 \
    X(grid, read_grid, false, "{mode: product|zip, key: list or {from, to, steps, scale: linear|log}}") \
    X(sample_sizes, read_sample_sizes, false, "list, or {from, to, steps, scale: linear|log}")          \
    X(replicates, read_replicates, false, "Monte Carlo replicates a cell")                              \
    X(measure, read_measure, true, "list of gap, efficiency, mixing, bounds, montecarlo, kl")           \
    X(mixing, read_mixing, false, "{epsilon: 0.25, start: worst, points: 101} of the measure mixing")   \
    X(figure, read_figure, false, "name of the figure that shows the result, or a list of such names")  \
    X(smoke, read_smoke, false, "{key: value} in place of the above with --smoke")

#define SIM_EXPERIMENT_HELP_LINE(name, reader, required, help) "  " #name ": " help "\n"
/* The list as text for `--help`. */
#define SIM_EXPERIMENT_HELP SIM_EXPERIMENT_KEYS(SIM_EXPERIMENT_HELP_LINE)

enum {
    SIM_GAP = 1 << 0,
    SIM_EFFICIENCY = 1 << 1,
    SIM_MIXING = 1 << 2,
    SIM_BOUNDS = 1 << 3,
    SIM_MONTECARLO = 1 << 4,
    SIM_KL = 1 << 5
};
#define SIM_MEASURES 6
extern const char *const sim_measure_names[SIM_MEASURES]; /* bit k is named [k] */

/* A value, where it stands in the file, and the number that it is (NaN for a word). */
typedef struct {
    char text[SG_TEXT];
    double number;
    const sg_yaml *at;
} sim_value;

typedef struct {
    const char *key;
    const sg_yaml *at;
    bool numeric;
    int count;
    sim_value *value; /* [count] */
} sim_axis;

typedef struct {
    sg_loss *loss;
    const sg_yaml *at;
} sim_loss_choice;

typedef struct {
    const char *name;
    const sg_yaml *at;
    int pairs, losses;
    sg_pair pair[SIM_PAIRS];
    const sg_yaml *pair_at[SIM_PAIRS];
    sim_loss_choice loss[SIM_LOSSES]; /* its own, after those of all */
} sim_family;

/* What the measure mixing asks for. */
typedef struct {
    double epsilon;
    const char *start;
    int points;        /* of the profile TV(t) */
    const sg_yaml *at; /* NULL: not given */
} sim_mixing;

typedef struct sim_experiment {
    char *path, *text; /* of the file; everything below points into the tree */
    sg_yaml *root;
    const char *name, *claim, *figure[SIM_FIGURES];
    const sg_yaml *figure_at[SIM_FIGURES];
    uint64_t seed;
    int families, losses, axes, sizes, replicates, figures;
    sim_family *family;
    sim_loss_choice loss[SIM_LOSSES];
    sim_axis axis[SIM_AXES];
    bool zip, smoke;
    long long *size; /* [sizes] */
    unsigned measure;
    sim_mixing mixing;
} sim_experiment;

/*
 * Reads a file, or a text that is called `path` in messages; with `smoke` its smoke values replace the others.
 * Errors, each with file and line: SG_CANNOT_READ, SG_BAD_SYNTAX, SG_UNKNOWN (with the nearest key), SG_BAD_TYPE,
 * SG_OUT_OF_RANGE, SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sim_experiment_read(const char *path, bool smoke, sim_experiment **experiment);
SG_MUST_CHECK sg_status sim_experiment_parse(const char *path, const char *text, bool smoke,
                                             sim_experiment **experiment);
void sim_experiment_delete(sim_experiment *experiment);
/* Its figures as one text: "sweep/heavy-tails"; empty if there is none. */
void sim_experiment_figures(const sim_experiment *experiment, char text[SIM_FIGURES_TEXT]);
/* Reads `grid`, and lists and ranges of numbers: grid.c. */
SG_MUST_CHECK sg_status sim_grid_read(sim_experiment *experiment, const sg_yaml *node);
SG_MUST_CHECK sg_status sim_values_read(const char *path, const char *what, const sg_yaml *node, int *count,
                                        sim_value **value);

/* One family with all its keys: what all sample sizes share. */
typedef struct {
    sg_model *model;
    int losses;
    const sg_loss *loss[SIM_LOSSES];
    const sim_mixing *mixing; /* of the experiment */
    double axis[SIM_AXES];    /* values of the numeric grid keys */
} sim_group;

typedef struct {
    int group, replicates;
    long long n;   /* 0: nothing is sampled */
    char *text;    /* everything that the cell's numbers depend on, apart from the program */
    char file[24]; /* name of its file */
} sim_cell;

typedef struct {
    const sim_experiment *experiment;
    int groups, cells, records;
    sim_group *group;
    sim_cell *cell;
} sim_plan;

/* Errors: those of models and losses with the place in the file; SG_MISFIT; SG_OUT_OF_RANGE (too many cells; two equal
 * cells). */
SG_MUST_CHECK sg_status sim_plan_new(const sim_experiment *experiment, sim_plan **plan);
void sim_plan_delete(sim_plan *plan);

#endif
