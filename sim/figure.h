/*
 * Figures: a figure is a gnuplot script plots/fig-NAME.gp, whose opening comments say what it draws and what it needs:
 *
 *     # x: axis            one curve a loss against a grid key; `n`: against the sample size;
 *                          `any`: against a grid key if there is one; `option k`: against that option of the losses
 *     # columns: A B       columns of the table cells of which at least one value must be there
 *     # arrays: A B        arrays that the result must have
 *     # also: A B          arrays that are drawn where the result has them
 *     # parameters: 2      cells with another number of free parameters are left out
 *     # size: 17 9.5       width and height in centimetres
 *
 * A chart is what one figure draws of its result files: tables as tab-separated text in a directory of their own, and
 * the definitions by which the script finds them.
 */
#ifndef SCOREGAP_SIM_FIGURE_H
#define SCOREGAP_SIM_FIGURE_H

#include <limits.h>

#include "experiment.h"

enum { SIM_FIGURE_NEEDS = 8 };

typedef enum { SIM_X_AXIS, SIM_X_SIZE, SIM_X_ANY, SIM_X_OPTION } sim_x;

typedef struct {
    char name[64], directory[PATH_MAX], path[PATH_MAX + 80];
    sim_x x;
    char option[16];                         /* of SIM_X_OPTION */
    int columns, arrays, extras, parameters; /* parameters 0: any number */
    char column[SIM_FIGURE_NEEDS][48], array[SIM_FIGURE_NEEDS][48], extra[SIM_FIGURE_NEEDS][48];
    double width, height; /* cm */
} sim_figure;

/* Finds the script and reads its opening comments.  Errors: SG_UNKNOWN (with the nearest), SG_BAD_SYNTAX,
 * SG_CANNOT_READ. */
SG_MUST_CHECK sg_status sim_figure_find(const char *name, sim_figure *figure);

/* Are the figures that an experiment names there?  A program that stands without its figures runs experiments all the
 * same.  Errors: SG_UNKNOWN with the place in the file. */
SG_MUST_CHECK sg_status sim_figure_known(const sim_experiment *experiment);

/* Offset of a real column in sg_record; -1 if there is none of that name. */
long sim_real_column(const char *name);
extern const char *const sim_real_columns[]; /* their names, NULL at the end */
double sim_real_value(const sg_record *record, long offset);

/* Has the result what the figure needs?  Errors: SG_BAD_DATA, one sentence that names file and what is missing. */
SG_MUST_CHECK sg_status sim_figure_accepts(const sim_figure *figure, const char *file, const sg_result *result);

/* The grid key along which the result is drawn: the first with more than one value, else the first; -1 if there is
 * none. */
int sim_figure_axis(const sg_result *result);

/* Value of a loss's option that is a number, and the text of the loss without it; NaN: the loss has none, or takes it
 * from another option. */
void sim_option_value(const char *loss, const char *option, double *value, char *without, size_t size);

/* One curve: cells of one file that differ in the grid key (or in n, or an option of the loss) alone.  Numbers count
 * from 0 in the lists of the chart. */
typedef struct {
    int file, variant, loss, family, n, cells;
    bool lead; /* the first sample size of this file, variant and loss: asymptotic values are drawn for it alone */
} sim_series;

typedef struct {
    const sim_figure *figure;
    int files, variants, losses, families, series, records;
    const char *const *file;
    sg_result *const *result;
    char **variant; /* family and the keys that do not run along x: family(key=value,...) */
    char **loss;    /* without the option that runs along x */
    const char **family;
    sim_series *one; /* [series] */
    int *home;       /* [records] of all files, one after the other: series, or -1 */
} sim_chart;

/* Sorts the records into series.  Errors: SG_BAD_DATA (nothing is left to draw), SG_NO_MEMORY. */
SG_MUST_CHECK sg_status sim_chart_new(const sim_figure *figure, int files, const char *const *file,
                                      sg_result *const *result, sim_chart **chart);
void sim_chart_delete(sim_chart *chart);

/* Writes DIRECTORY/series-I.tsv (rows of the table cells and a column x, I from 1) and DIRECTORY/F-ARRAY.tsv (slashes
 * as '_', F from 1). */
SG_MUST_CHECK sg_status sim_chart_write(const sim_chart *chart, const char *directory);

/* gnuplot statements, each ended by a zero byte, that define what plots/style.gp describes. */
void sim_chart_define(const sim_chart *chart, FILE *out);
/* 'TEXT' as a gnuplot string. */
void sim_put_quoted(FILE *out, const char *text);

/* Breaks a text at blanks into as few lines of about equal length as `most` letters a line need. */
void sim_wrap(char *text, size_t most);

#endif
