#include <math.h>
#include <stdio.h>
#include <string.h>

#include "scoregap/dictionary.h"

enum { B = SG_BLOCK, ROWS_MOST = 64, PAIRS_MOST = 32, LIST_TEXT = 256 };

/* ------------------------------------------------------------------- datum */

/* Doubles of one member.  Sums over a block, on finite sets, are matrices. */
static size_t numbers_of(int m, int roots, int bit) {
    const size_t parameters = (size_t)m, pairs = parameters * (parameters + 1) / 2;
    switch (bit) {
    case SG_VALUE:
        return B;
    case SG_PSI:
    case SG_SCORE:
        return parameters * B;
    case SG_ROOT:
        return parameters * (size_t)roots * B;
    case SG_CURVATURE:
        return roots ? pairs * B : parameters * parameters;
    default:
        return parameters * parameters;
    }
}

static const int members[] = {SG_VALUE, SG_PSI, SG_ROOT, SG_CURVATURE, SG_DIRICHLET, SG_NOISE, SG_SCORE};
enum { MEMBERS = sizeof members / sizeof *members };

static size_t scratch_numbers(int roots) {
    return roots > 1 ? 2 * (size_t)roots * B : 0;
}

size_t sg_datum_bytes(int m, int roots, int want) {
    size_t bytes = scratch_numbers(roots) * sizeof(double);
    for (int k = 0; k < MEMBERS; k++)
        if (want & members[k])
            bytes += (numbers_of(m, roots, members[k]) * sizeof(double) + SG_ALIGN - 1) / SG_ALIGN * SG_ALIGN;
    return bytes;
}

sg_status sg_datum_take(sg_arena *arena, int m, int roots, int want, sg_datum *datum) {
    double **member[MEMBERS] = {&datum->value,         &datum->psi,       &datum->root, &datum->curvature,
                                &datum->dirichlet_sum, &datum->noise_sum, &datum->score};
    *datum = (sg_datum){.m = m, .roots = roots, .want = want};
    if (!roots) member[3] = &datum->curvature_sum;
    for (int k = 0; k < MEMBERS; k++) {
        if (!(want & members[k])) continue;
        const size_t count = numbers_of(m, roots, members[k]);
        *member[k] = sg_arena_take(arena, count, sizeof(double));
        if (!*member[k]) return sg_fail(SG_NO_MEMORY, "the arena is too small for a loss of %d parameters", m);
        memset(*member[k], 0, count * sizeof(double));
    }
    if (roots <= 1) return SG_OK;
    datum->scratch = sg_arena_take(arena, scratch_numbers(roots), sizeof(double));
    if (datum->scratch) return SG_OK;
    return sg_fail(SG_NO_MEMORY, "the arena is too small for the scratch of %d roots", roots);
}

/* ------------------------------------------------------------ reading a loss */

static sg_status unknown_loss(const char *name) {
    const char *names[ROWS_MOST];
    char list[LIST_TEXT] = "";
    int count = 0;
    for (size_t k = 0, used = 0; sg_rows[k] && count < ROWS_MOST; k++) {
        if (sg_rows[k]->sampler_only) continue;
        names[count] = sg_rows[k]->name;
        if (used < sizeof list)
            used += (size_t)snprintf(list + used, sizeof list - used, "%s%s", count ? ", " : "", names[count]);
        count++;
    }
    const char *nearest = sg_nearest(name, count, names);
    return sg_fail(SG_UNKNOWN, "unknown loss '%.64s'%s%s%s (losses: %s)", name, nearest ? "; the nearest is '" : "",
                   nearest ? nearest : "", nearest ? "'" : "", list);
}

static void owner_of(const sg_row *row, size_t size, char *owner) {
    snprintf(owner, size, "loss %s", row->name);
}

/* NAME, then the options that differ from their defaults, in the order of the row's list. */
static sg_status write_text(sg_loss *loss, const void *defaults) {
    const sg_row *row = loss->row;
    const size_t size = sizeof loss->text;
    size_t used = (size_t)snprintf(loss->text, size, "%s", row->name);
    char separator = ':';
    for (const sg_field *field = row->options; field->key && used < size; field++) {
        const sg_field alone[2] = {*field, {.key = NULL}};
        char value[SG_TEXT + SG_NAME], usual[SG_TEXT + SG_NAME];
        sg_fields_text(alone, loss->options, sizeof value, value);
        sg_fields_text(alone, defaults, sizeof usual, usual);
        if (strcmp(value, usual) == 0) continue;
        used += (size_t)snprintf(loss->text + used, size - used, "%c%s", separator, value);
        separator = ',';
    }
    if (used < size) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "the options of loss %s take more than %zu bytes when written out: shorten them",
                   row->name, size - 1);
}

static sg_status read_options(const sg_row *row, char *text, void *options) {
    sg_pair pairs[PAIRS_MOST];
    char owner[64];
    int count = 0;
    owner_of(row, sizeof owner, owner);
    sg_status status = sg_pairs_split(text, PAIRS_MOST, pairs, &count);
    if (status != SG_OK) return sg_fail_within(status, "%s", owner);
    status = sg_fields_read(row->options, owner, count, pairs, options);
    if (status == SG_OK && row->settle) status = row->settle(options);
    return status;
}

static sg_status fill_loss(const sg_row *row, char *text, sg_loss *loss) {
    void *defaults = NULL;
    char nothing[] = "";
    loss->row = row;
    sg_status status = sg_new(&loss->options, 1, row->options_size + 1);
    if (status != SG_OK) goto out;
    status = sg_new(&defaults, 1, row->options_size + 1);
    if (status != SG_OK) goto out;
    status = read_options(row, text, loss->options);
    if (status != SG_OK) goto out;
    status = read_options(row, nothing, defaults);
    if (status == SG_OK) status = write_text(loss, defaults);
out:
    sg_delete(defaults);
    return status;
}

sg_status sg_loss_new(const char *text, sg_loss **loss) {
    char *copy = NULL, nothing[] = "";
    sg_loss *made = NULL;
    *loss = NULL;
    sg_status status = sg_new(&copy, strlen(text) + 1, 1);
    if (status != SG_OK) goto out;
    strcpy(copy, text);
    char *colon = strchr(copy, ':');
    if (colon) *colon = '\0';
    const sg_row *row = sg_row_find(copy);
    if (!row) {
        status = unknown_loss(copy);
        goto out;
    }
    status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = fill_loss(row, colon ? colon + 1 : nothing, made);
    if (status != SG_OK) goto out;
    *loss = made;
    made = NULL;
out:
    sg_loss_delete(made);
    sg_delete(copy);
    return status;
}

void sg_loss_delete(sg_loss *loss) {
    if (!loss) return;
    sg_delete(loss->options);
    sg_delete(loss);
}

/* ------------------------------------------------------- a loss and a model */

sg_status sg_loss_fits(const sg_loss *loss, const sg_model *model) {
    if (loss->row->sampler_only)
        return sg_fail(SG_MISFIT, "%s has no loss: it is a process, for gap, mixing and sample", loss->row->name);
    return loss->row->fits(loss->options, model);
}

const char *sg_loss_theory_only(const sg_loss *loss) {
    return loss->row->theory_only ? loss->row->theory_only(loss->options) : NULL;
}

sg_status sg_loss_estimates(const sg_loss *loss, const sg_model *model) {
    sg_status status = sg_loss_fits(loss, model);
    const char *why = sg_loss_theory_only(loss);
    if (status || !why) return status;
    return sg_fail(SG_MISFIT, "loss %s is theory alone and estimates nothing: %s", loss->text, why);
}

sg_status sg_loss_runs(const sg_loss *loss, const sg_model *model) {
    return (loss->row->runs ? loss->row->runs : loss->row->fits)(loss->options, model);
}

sg_status sg_loss_law(const sg_loss *loss, const sg_prepared *prepared, const sg_model *model, const sg_model **law) {
    sg_spread spread = {0};
    *law = model;
    if (!loss->row->more) return SG_OK;
    loss->row->spread(prepared, &spread);
    *law = spread.law;
    if (spread.law) return SG_OK;
    return sg_fail(SG_MISFIT,
                   "%s has noise levels that do not move, each a diffusion of its own: take one level for a gap or for "
                   "draws",
                   loss->text);
}

static sg_status place_given(const sg_loss *loss, const sg_model *model, const sg_reals *given, double *theta) {
    if (given->n == model->full)
        sg_model_coordinates(model, given->v, theta);
    else if (given->n == model->m)
        sg_model_expand(model, given->v, theta);
    else if (model->m == model->full)
        return sg_fail(SG_OUT_OF_RANGE, "the reference of loss %s has %d numbers: %s needs %d", loss->row->name,
                       given->n, model->text, model->full);
    else
        return sg_fail(SG_OUT_OF_RANGE,
                       "the reference of loss %s has %d numbers: %s needs %d (its free parameters) or %d (all)",
                       loss->row->name, given->n, model->text, model->m, model->full);
    if (model->family->inside(model, theta)) return SG_OK;
    return sg_fail(SG_NOT_INTEGRABLE, "the reference of loss %s is no density of %s: move it inside the domain",
                   loss->row->name, model->text);
}

sg_status sg_loss_reference(const sg_loss *loss, const sg_model *model, double *theta, sg_at *at) {
    sg_reals given = {0};
    sg_at from = loss->row->reference ? loss->row->reference(loss->options, &given) : SG_AT_TRUTH;
    if (at) *at = from;
    if (from == SG_AT_GIVEN) return place_given(loss, model, &given, theta);
    memcpy(theta, model->truth, (size_t)model->full * sizeof(double));
    return SG_OK;
}

sg_status sg_loss_prepare(const sg_loss *loss, const sg_model *model, const sg_panels *panels, sg_prepared **prepared) {
    double *theta = NULL;
    sg_panels *own = NULL;
    sg_at at;
    *prepared = NULL;
    sg_status status = sg_new(&theta, (size_t)model->full, sizeof(double));
    if (status != SG_OK) goto out;
    status = sg_loss_reference(loss, model, theta, &at);
    if (status != SG_OK) goto out;
    bool moved = memcmp(theta, model->truth, (size_t)model->full * sizeof(double)) != 0;
    if (moved && panels) status = sg_model_panels(model, theta, panels->level, &own);
    if (status == SG_OK) status = loss->row->prepare(loss->options, model, theta, moved ? own : panels, prepared);
out:
    sg_panels_delete(own);
    sg_delete(theta);
    return status;
}

void sg_loss_release(const sg_loss *loss, sg_prepared *prepared) {
    if (loss && prepared) loss->row->release(prepared);
}

int sg_loss_cuts(const sg_loss *loss, const sg_model *model, double at[SG_CUTS_MOST]) {
    return loss->row->cuts ? loss->row->cuts(loss->options, model, at) : 0;
}

sg_status sg_loss_points(const sg_loss *loss, const sg_model *model, double *points) {
    sg_prepared *prepared = NULL;
    sg_spread spread = {0};
    *points = 1;
    if (!loss->row->spread) return SG_OK;
    sg_status status = sg_loss_prepare(loss, model, NULL, &prepared);
    if (status) return status;
    loss->row->spread(prepared, &spread);
    *points = spread.draws ? spread.fixed + (double)spread.draws * spread.each : spread.rule;
    sg_loss_release(loss, prepared);
    return SG_OK;
}

static sg_status check_diffusion(const sg_loss *loss, const sg_block *block, const double *D) {
    for (int i = 0; i < block->n; i++) {
        if (D[i] > 0 && D[i] < INFINITY) continue;
        char x[SG_NUMBER_TEXT];
        sg_number_text(block->x[i], x);
        return sg_fail(SG_UNDERFLOW, "the diffusion of loss %s is beyond the range of double precision at x = %s",
                       loss->text, x);
    }
    return SG_OK;
}

sg_status sg_loss_log_diffusion(const sg_loss *loss, const sg_prepared *prepared, const sg_panels *panels,
                                double *log_d) {
    _Alignas(SG_ALIGN) double x[B], D[B], slope[B];
    sg_block block = {.d = 1, .draws = 1, .x = x};
    if (loss->row->kind != SG_DIFFUSION)
        return sg_fail(SG_MISFIT, "loss %s belongs to no diffusion: take score-matching or preconditioned", loss->text);
    if (!loss->row->diffusion) {
        memset(log_d, 0, (size_t)panels->n * sizeof(double));
        return SG_OK;
    }
    for (int start = 0; start < panels->n; start += B) {
        block.n = panels->n - start < B ? panels->n - start : B;
        memcpy(x, panels->x + start, (size_t)block.n * sizeof(double));
        loss->row->diffusion(prepared, &block, D, slope);
        sg_status status = check_diffusion(loss, &block, D);
        if (status != SG_OK) return status;
        for (int i = 0; i < block.n; i++) log_d[start + i] = log(D[i]);
    }
    return SG_OK;
}
