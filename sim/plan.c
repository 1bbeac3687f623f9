#include <math.h>
#include <string.h>

#include "experiment.h"
#include "scoregap/mixing.h"

enum { CELLS_MOST = 20000, CELL_TEXT = 8192 };

/* Everything that names one family of one grid point, with the places of its values. */
typedef struct {
    const sim_family *family;
    int pairs;
    sg_pair pair[SIM_PAIRS + SIM_AXES];
    const sg_yaml *at[SIM_PAIRS + SIM_AXES];
} naming;

static int combinations(const sim_experiment *e) {
    long long count = 1;
    if (e->zip && e->axes) return e->axis[0].count;
    for (int k = 0; k < e->axes; k++) {
        count *= e->axis[k].count;
        if (count > CELLS_MOST) return CELLS_MOST + 1;
    }
    return (int)count;
}

/* The last key runs fastest. */
static int value_index(const sim_experiment *e, int combination, int axis) {
    if (e->zip) return combination;
    for (int k = e->axes - 1; k > axis; k--) combination /= e->axis[k].count;
    return combination % e->axis[axis].count;
}

static void name_it(const sim_experiment *e, const sim_family *family, int combination, naming *n, double *axis_value) {
    int numeric = 0;
    n->family = family;
    n->pairs = family->pairs;
    for (int k = 0; k < family->pairs; k++) n->pair[k] = family->pair[k], n->at[k] = family->pair_at[k];
    for (int k = 0; k < SIM_AXES; k++) axis_value[k] = NAN;
    for (int k = 0; k < e->axes; k++) {
        const sim_value *value = &e->axis[k].value[value_index(e, combination, k)];
        n->at[n->pairs] = value->at;
        n->pair[n->pairs++] = (sg_pair){e->axis[k].key, value->text};
        if (e->axis[k].numeric) axis_value[numeric++] = value->number;
    }
}

/* The place of the failure in flight: the value whose addition to those before it brings the same message, or the
 * family. */
static sg_status locate(const sim_experiment *e, const naming *n, sg_status status) {
    char message[512];
    const sg_yaml *at = n->family->at;
    snprintf(message, sizeof message, "%s", sg_message());
    for (int k = 0; k < n->pairs; k++) {
        sg_model *model = NULL;
        sg_status before = sg_model_new(n->family->name, k + 1, n->pair, &model);
        sg_model_delete(model);
        if (before == SG_OK || strcmp(sg_message(), message)) continue;
        at = n->at[k];
        break;
    }
    return sg_yaml_fail(e->path, at, status, "%s", message);
}

static sg_status check_equal(const sim_experiment *e, const sim_plan *plan, const naming *n) {
    const sim_group *last = &plan->group[plan->groups - 1];
    for (int g = 0; g + 1 < plan->groups; g++)
        if (!strcmp(plan->group[g].model->text, last->model->text))
            return sg_yaml_fail(e->path, n->pairs ? n->at[n->pairs - 1] : n->family->at, SG_BAD_SYNTAX,
                                "%s stands twice in the plan: keep one", last->model->text);
    return SG_OK;
}

static sg_status check_texts(const sim_experiment *e, const sim_group *group, const naming *n) {
    const sg_record *record = NULL;
    size_t name = strlen(group->model->family->name);
    if (strlen(group->model->text) - name - 2 >= sizeof record->parameters)
        return sg_yaml_fail(e->path, n->family->at, SG_OUT_OF_RANGE,
                            "the keys of %.200s take more than %zu bytes: shorten them", group->model->text,
                            sizeof record->parameters - 1);
    for (int l = 0; l < group->losses; l++)
        if (strlen(group->loss[l]->text) >= sizeof record->loss)
            return sg_yaml_fail(e->path, NULL, SG_OUT_OF_RANGE, "the loss %.200s takes more than %zu bytes: shorten it",
                                group->loss[l]->text, sizeof record->loss - 1);
    return SG_OK;
}

static sg_status add_loss(const sim_experiment *e, const sim_loss_choice *choice, sim_group *group) {
    if (group->losses == SIM_LOSSES)
        return sg_yaml_fail(e->path, choice->at, SG_OUT_OF_RANGE, "a cell has more than %d losses", SIM_LOSSES);
    const bool fitted = e->measure & (SIM_EFFICIENCY | SIM_MONTECARLO);
    sg_status status = fitted ? sg_loss_fits(choice->loss, group->model) : sg_loss_runs(choice->loss, group->model);
    if (status == SG_OK && e->measure & SIM_MONTECARLO) status = sg_loss_estimates(choice->loss, group->model);
    if (status != SG_OK) {
        status = sg_fail_within(status, "%s with %s", choice->loss->text, group->model->text);
        return sg_yaml_within(e->path, choice->at, status);
    }
    group->loss[group->losses++] = choice->loss;
    return SG_OK;
}

static sg_status check_start(const sim_experiment *e, const sim_group *group) {
    if (!(e->measure & SIM_MIXING)) return SG_OK;
    sg_status status = sg_mixing_start_check(group->model, e->mixing.start);
    return status == SG_OK ? SG_OK : sg_yaml_within(e->path, e->mixing.at, status);
}

static sg_status add_group(sim_plan *plan, const sim_family *family, int combination) {
    const sim_experiment *e = plan->experiment;
    sim_group *group = &plan->group[plan->groups];
    naming n;
    name_it(e, family, combination, &n, group->axis);
    sg_status status = sg_model_new(family->name, n.pairs, n.pair, &group->model);
    if (status != SG_OK) return locate(e, &n, status);
    plan->groups++;
    group->mixing = &e->mixing;
    status = check_equal(e, plan, &n);
    if (status == SG_OK) status = check_start(e, group);
    for (int k = 0; k < e->losses && status == SG_OK; k++) status = add_loss(e, &e->loss[k], group);
    for (int k = 0; k < family->losses && status == SG_OK; k++) status = add_loss(e, &family->loss[k], group);
    return status == SG_OK ? check_texts(e, group, &n) : status;
}

/* ------------------------------------------------------------------- cells */

static sg_status write_cell_text(const sim_plan *plan, sim_cell *cell) {
    const sim_experiment *e = plan->experiment;
    const sim_group *group = &plan->group[cell->group];
    char text[CELL_TEXT], hex[SG_SHA256_HEX];
    size_t used =
        (size_t)snprintf(text, sizeof text,
                         "schema=%s\nseed=0x%016llx\nfamily=%s\nn=%lld\nreplicates=%d\nmeasure=", SIM_EXPERIMENT_SCHEMA,
                         (unsigned long long)e->seed, group->model->text, cell->n, cell->replicates);
    for (int k = 0, many = 0; k < SIM_MEASURES; k++)
        if (e->measure & 1u << k)
            used += (size_t)snprintf(text + used, sizeof text - used, "%s%s", many++ ? "," : "", sim_measure_names[k]);
    if (e->measure & SIM_MIXING && used < sizeof text) {
        char epsilon[SG_NUMBER_TEXT];
        sg_number_text(e->mixing.epsilon, epsilon);
        used += (size_t)snprintf(text + used, sizeof text - used, "\nmixing=epsilon=%s,start=%s,points=%d", epsilon,
                                 e->mixing.start, e->mixing.points);
    }
    for (int l = 0; l < group->losses && used < sizeof text; l++)
        used += (size_t)snprintf(text + used, sizeof text - used, "\nloss=%s", group->loss[l]->text);
    if (used >= sizeof text) return sg_fail(SG_OUT_OF_RANGE, "%s: the losses of a cell take too many bytes", e->path);
    sg_sha256(text, used, hex);
    snprintf(cell->file, sizeof cell->file, "%.16s.h5", hex);
    sg_status status = sg_new(&cell->text, used + 1, 1);
    if (status == SG_OK) memcpy(cell->text, text, used);
    return status;
}

static sg_status add_cells(sim_plan *plan) {
    const sim_experiment *e = plan->experiment;
    bool sampled = (e->measure & SIM_MONTECARLO) && e->sizes;
    int sizes = sampled ? e->sizes : 1;
    if ((long long)plan->groups * sizes > CELLS_MOST)
        return sg_yaml_fail(e->path, NULL, SG_OUT_OF_RANGE, "the plan has more than %d cells", CELLS_MOST);
    sg_status status = sg_new(&plan->cell, (size_t)(plan->groups * sizes), sizeof *plan->cell);
    for (int g = 0; g < plan->groups && status == SG_OK; g++)
        for (int k = 0; k < sizes && status == SG_OK; k++) {
            sim_cell *cell = &plan->cell[plan->cells++];
            cell->group = g;
            cell->n = sampled ? e->size[k] : 0;
            cell->replicates = sampled ? e->replicates : 0;
            plan->records += plan->group[g].losses;
            status = write_cell_text(plan, cell);
        }
    return status;
}

sg_status sim_plan_new(const sim_experiment *e, sim_plan **result) {
    sim_plan *plan = NULL;
    int points = combinations(e);
    *result = NULL;
    if ((long long)points * e->families > CELLS_MOST)
        return sg_yaml_fail(e->path, NULL, SG_OUT_OF_RANGE, "the plan has more than %d cells", CELLS_MOST);
    sg_status status = sg_new(&plan, 1, sizeof *plan);
    if (status != SG_OK) return status;
    plan->experiment = e;
    status = sg_new(&plan->group, (size_t)(points * e->families), sizeof *plan->group);
    for (int f = 0; f < e->families && status == SG_OK; f++)
        for (int c = 0; c < points && status == SG_OK; c++) status = add_group(plan, &e->family[f], c);
    if (status == SG_OK) status = add_cells(plan);
    if (status != SG_OK) {
        sim_plan_delete(plan);
        return status;
    }
    *result = plan;
    return SG_OK;
}

void sim_plan_delete(sim_plan *plan) {
    if (!plan) return;
    for (int g = 0; g < plan->groups; g++) sg_model_delete(plan->group[g].model);
    for (int c = 0; c < plan->cells; c++) sg_delete(plan->cell[c].text);
    sg_delete(plan->group);
    sg_delete(plan->cell);
    sg_delete(plan);
}
