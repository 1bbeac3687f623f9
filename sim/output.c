#include <math.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

#include "sim.h"

int sim_complain(int leave, const char *format, ...) {
    va_list list;
    fflush(stdout);
    fputs("scoregap: ", stderr);
    va_start(list, format);
    vfprintf(stderr, format, list);
    va_end(list);
    fputc('\n', stderr);
    return leave;
}

int sim_fail(sg_status status) {
    const char *message = sg_message();
    return sim_complain(sg_status_exit(status), "%s", *message ? message : sg_status_sentence(status));
}

sg_status sim_model(const sim_args *args, sg_model **model) {
    sg_status status = sg_model_new(args->positional[0], args->pairs, args->pair, model);
    if (!status && args->theta.n) {
        status = sg_model_set_truth(*model, args->theta.n, args->theta.v);
        if (status == SG_NOT_INTEGRABLE) { /* here the request is wrong, not a fit */
            char message[512];
            snprintf(message, sizeof message, "%s", sg_message());
            status = sg_fail(SG_OUT_OF_RANGE, "%s", message);
        }
        if (status) {
            sg_model_delete(*model);
            *model = NULL;
        }
    }
    return status;
}

static sg_status unknown_dynamics(const char *name) {
    const char *names[64], *nearest;
    int count = 0;
    for (int k = 0; sg_rows[k] && count < 64; k++) names[count++] = sg_rows[k]->dynamics;
    nearest = sg_nearest(name, count, names);
    if (nearest) return sg_fail(SG_UNKNOWN, "unknown dynamics '%s'; the nearest is '%s'", name, nearest);
    return sg_fail(SG_UNKNOWN, "unknown dynamics '%s'; `scoregap list dynamics` shows them", name);
}

sg_status sim_loss(const sim_args *args, const sg_model *model, sg_loss **loss) {
    const char *text = model->family->can & SG_RATES     ? "jumps"
                       : model->space.shape == SG_FINITE ? "pseudolikelihood"
                                                         : "score-matching";
    char named[512];
    sg_status status;
    *loss = NULL;
    if (args->losses && args->dynamics) return sg_fail(SG_BAD_SYNTAX, "give --loss or --dynamics, not both");
    if (args->losses > 1) return sg_fail(SG_BAD_SYNTAX, "give one --loss");
    if (args->losses) text = args->loss[0];
    if (args->dynamics) {
        const size_t length = strcspn(args->dynamics, ":");
        snprintf(named, sizeof named, "%.*s", (int)length, args->dynamics);
        const sg_row *row = sg_row_find_dynamics(named);
        if (!row) return unknown_dynamics(named);
        snprintf(named, sizeof named, "%s%s", row->name, args->dynamics + length);
        text = named;
    }
    if ((status = sg_loss_new(text, loss))) return status;
    status = sg_loss_runs(*loss, model); /* what estimates asks sg_loss_fits besides */
    if (status) {
        sg_loss_delete(*loss);
        *loss = NULL;
    }
    return status;
}

json_t *sim_json_real(double value) {
    return isfinite(value) ? json_real(value) : json_null();
}

json_t *sim_json_vector(int n, const double *value) {
    json_t *array = json_array();
    for (int i = 0; i < n; i++) json_array_append_new(array, sim_json_real(value[i]));
    return array;
}

json_t *sim_json_matrix(int m, const double *value) {
    json_t *rows = json_array();
    for (int i = 0; i < m; i++) {
        json_t *row = json_array();
        for (int j = 0; j < m; j++) json_array_append_new(row, sim_json_real(value[i + j * m]));
        json_array_append_new(rows, row);
    }
    return rows;
}

json_t *sim_json_parameters(const sg_model *model) {
    json_t *array = json_array();
    for (int j = 0; j < model->m; j++) {
        char name[SG_NAME];
        sg_model_parameter(model, j, name);
        json_array_append_new(array, json_string(name));
    }
    return array;
}

bool sim_json_print(json_t *object) {
    int failed = json_dumpf(object, stdout, JSON_INDENT(2) | JSON_PRESERVE_ORDER | JSON_REAL_PRECISION(17));
    json_decref(object);
    putchar('\n');
    return !failed && !ferror(stdout);
}

bool sim_colour(FILE *stream) {
    const char *no_colour = getenv("NO_COLOR"), *terminal = getenv("TERM");
    if (no_colour && *no_colour) return false;
    return isatty(fileno(stream)) && terminal && strcmp(terminal, "dumb");
}

int sim_width(FILE *stream) {
    struct winsize size;
    if (!isatty(fileno(stream)) || ioctl(fileno(stream), TIOCGWINSZ, &size) || size.ws_col < 20) return 80;
    return size.ws_col;
}

double sim_now(void) {
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + 1e-9 * (double)now.tv_nsec;
}
