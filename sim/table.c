#include "table.h"

#include <math.h>
#include <string.h>

#include "failures.h"

static void put_real(FILE *out, double value) {
    char text[SG_NUMBER_TEXT];
    if (isnan(value)) {
        fputs("NaN", out);
        return;
    }
    sg_number_text(value, text);
    fputs(text, out);
}

/* Tabs and line ends inside a text would break the row. */
static void put_text(FILE *out, const char *text) {
    for (; *text; text++) {
        if (*text == '\t')
            fputs("\\t", out);
        else if (*text == '\n')
            fputs("\\n", out);
        else if (*text != '\r')
            fputc(*text, out);
    }
}

static void write_cells(const sg_result *result, FILE *out) {
#define NAME_TEXT(name, length, unit, description) fputs(#name "\t", out);
#define NAME_OTHER(name, unit, description) fputs(#name "\t", out);
    SG_RECORD_COLUMNS(NAME_TEXT, NAME_OTHER, NAME_OTHER, NAME_OTHER)
    for (int a = 0; a < result->axes && a < SG_RECORD_AXES; a++) fprintf(out, "%s\t", result->axis[a].column);
    fputs("record\n", out);
    for (int r = 0; r < result->records; r++) {
        const sg_record *record = &result->record[r];
#define PUT_TEXT(name, length, unit, description) put_text(out, record->name), fputc('\t', out);
#define PUT_COUNT(name, unit, description) fprintf(out, "%d\t", (int)record->name);
#define PUT_REAL(name, unit, description) put_real(out, record->name), fputc('\t', out);
        SG_RECORD_COLUMNS(PUT_TEXT, PUT_COUNT, PUT_REAL, PUT_COUNT)
        for (int a = 0; a < result->axes && a < SG_RECORD_AXES; a++) put_real(out, record->axis[a]), fputc('\t', out);
        fprintf(out, "%d\n", r);
    }
}

static void write_attributes(const sg_result *result, FILE *out) {
    fputs("name\tvalue\n", out);
    for (int k = 0; k < result->attributes; k++) {
        put_text(out, result->attribute[k].name);
        fputc('\t', out);
        put_text(out, result->attribute[k].value);
        fputc('\n', out);
    }
}

void sim_table_key(const sg_result *result, int r, FILE *out) {
    const sg_record *record = &result->record[r];
    fprintf(out, "%d\t%d\t%s\t%s\t%s\t%d\t", r, (int)record->cell, record->family, record->parameters, record->loss,
            (int)record->n);
    for (int a = 0; a < result->axes && a < SG_RECORD_AXES; a++) put_real(out, record->axis[a]), fputc('\t', out);
}

void sim_table_key_names(const sg_result *result, FILE *out) {
    fputs("record\tcell\tfamily\tparameters\tloss\tn\t", out);
    for (int a = 0; a < result->axes && a < SG_RECORD_AXES; a++) fprintf(out, "%s\t", result->axis[a].column);
}

/* Entries that are not there (NaN padding of smaller models, missing bytes) are left out. */
static void write_array(const sg_result *result, const sg_array *array, FILE *out) {
    int size = 1;
    sim_table_key_names(result, out);
    for (int k = 0; k < array->rank; k++) fprintf(out, "index%d\t", k + 1), size *= array->shape[k];
    fputs("value\n", out);
    for (int r = 0; r < result->records; r++)
        for (int i = 0; i < size; i++) {
            int rest = i, index[3] = {0};
            if (array->bytes ? sg_array_record_bytes(array, r)[i] == 255 : isnan(sg_array_record(array, r)[i]))
                continue;
            for (int k = array->rank - 1; k >= 0; k--) index[k] = rest % array->shape[k], rest /= array->shape[k];
            sim_table_key(result, r, out);
            for (int k = 0; k < array->rank; k++) fprintf(out, "%d\t", index[k]);
            if (array->bytes)
                fprintf(out, "%d", sg_array_record_bytes(array, r)[i]);
            else
                put_real(out, sg_array_record(array, r)[i]);
            fputc('\n', out);
        }
}

static sg_status unknown_table(const sg_result *result, const char *name) {
    const char *names[67] = {"cells", "failures", "attributes"}, *nearest;
    char list[1024] = "cells, failures, attributes";
    int count = 3;
    for (int k = 0; k < result->arrays && count < 67; k++) {
        size_t used = strlen(list);
        names[count++] = result->array[k].name;
        snprintf(list + used, sizeof list - used, ", %s", result->array[k].name);
    }
    nearest = sg_nearest(name, count, names);
    if (nearest)
        return sg_fail(SG_UNKNOWN, "no table '%s' in this file; the nearest is '%s' (there are %.300s)", name, nearest,
                       list);
    return sg_fail(SG_UNKNOWN, "no table '%s' in this file; there are %.400s", name, list);
}

sg_status sim_table_write(const sg_result *result, const char *name, FILE *out) {
    if (!strcmp(name, "cells")) {
        write_cells(result, out);
    } else if (!strcmp(name, "failures")) {
        sim_failures_write(result, out);
    } else if (!strcmp(name, "attributes")) {
        write_attributes(result, out);
    } else {
        const sg_array *array = sg_result_find(result, name);
        if (!array) return unknown_table(result, name);
        write_array(result, array, out);
    }
    if (ferror(out)) return sg_fail(SG_CANNOT_WRITE, "writing the table failed");
    return SG_OK;
}

/* ---- the same as JSON: an object of columns, so that it loads as a data frame */

static json_t *cells_json(const sg_result *result) {
    json_t *o = json_object(), *column;
#define JSON_COLUMN(name, make)                                                                            \
    column = json_array();                                                                                 \
    for (int r = 0; r < result->records; r++) json_array_append_new(column, make(result->record[r].name)); \
    json_object_set_new(o, #name, column);
#define JSON_TEXT(name, length, unit, description) JSON_COLUMN(name, json_string)
#define JSON_COUNT(name, unit, description) JSON_COLUMN(name, json_integer)
#define JSON_REAL_(name, unit, description) JSON_COLUMN(name, sim_json_real)
    SG_RECORD_COLUMNS(JSON_TEXT, JSON_COUNT, JSON_REAL_, JSON_COUNT)
    for (int a = 0; a < result->axes && a < SG_RECORD_AXES; a++) {
        column = json_array();
        for (int r = 0; r < result->records; r++)
            json_array_append_new(column, sim_json_real(result->record[r].axis[a]));
        json_object_set_new(o, result->axis[a].column, column);
    }
    return o;
}

static int run(const sim_args *args) {
    sg_result *result = NULL;
    const char *name = args->positionals > 1 ? args->positional[1] : "cells";
    int leave = 0;
    sg_status status = sg_store_read(args->positional[0], &result);
    const bool cells = !strcmp(name, "cells");
    if (!status && args->json && !cells && strcmp(name, "failures"))
        leave = sim_complain(2, "--json prints the tables 'cells' and 'failures' only");
    else if (!status && args->json)
        leave = sim_json_print(cells ? cells_json(result) : sim_failures_json(result)) ? 0 : 1;
    else if (!status)
        status = sim_table_write(result, name, stdout);
    if (status) leave = sim_fail(status);
    sg_result_delete(result);
    return leave;
}

const sim_command sim_command_table = {
    .name = "table",
    .usage = "table FILE.h5 [NAME] [--json]",
    .summary = "a table of a result file as tab-separated text, names in the first row",
    .help = "Prints the table NAME (default: cells, one row a cell and loss).  Others: failures (the fits without an "
            "estimate, by kind, with what\n"
            "each means and what to do; the summaries in cells are of the other fits alone), attributes (where the "
            "file comes from), and\n"
            "every array of the file (theta, status, gamma, profile/weights, ...), one row an entry.  Undefined values "
            "print as NaN.",
    .example = "scoregap table results/bimodal-separation.h5 cells",
    .takes = 0,
    .least = 1,
    .most = 2,
    .run = run,
};
