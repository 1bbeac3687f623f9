#include "family/spin-sampler-pairs.h"

#include <math.h>
#include <string.h>

void sg_spin_pairs_free(sg_spin_pairs *p) {
    sg_delete(p->i);
    sg_delete(p->j);
    sg_delete(p->table);
    sg_delete(p->field);
    sg_delete(p->gain);
    *p = (sg_spin_pairs){0};
}

static sg_status refuse(const sg_model *model, const char *why) {
    return sg_fail(SG_REFUSED, "log p of %s is %s", model->text, why);
}

static sg_status take(const sg_factors *f, sg_spin_pairs *p) {
    const size_t room = (size_t)f->count + 1;
    *p = (sg_spin_pairs){.d = f->d, .q = f->q};
    sg_status status = sg_new(&p->i, room, sizeof(int));
    if (status == SG_OK) status = sg_new(&p->j, room, sizeof(int));
    if (status == SG_OK && f->q > 2) return sg_new(&p->gain, room, sizeof(double));
    if (status == SG_OK) status = sg_new(&p->table, 4 * room, sizeof(double));
    if (status == SG_OK) status = sg_new(&p->field, (size_t)f->d, sizeof(double));
    return status;
}

/* Is a table over q x q states one number where they are equal and another elsewhere? */
static bool by_equality(int q, const double *table, double *gain) {
    for (int k = 0; k < q * q; k++)
        if (table[k] != table[k % (q + 1) ? 1 : 0]) return false;
    *gain = table[0] - table[1];
    return isfinite(*gain);
}

static sg_status add(const sg_model *model, const sg_factor *f, sg_spin_pairs *p) {
    if (f->sites == 0) return SG_OK;
    if (f->sites > 2) return refuse(model, "no sum over sites and pairs of sites");
    if (f->sites == 1 && p->q > 2) return refuse(model, "no sum of what pairs of sites gain in the same state");
    if (f->sites == 1) {
        p->field[f->site[0]] += f->log_p[1] - f->log_p[0];
        if (!isfinite(p->field[f->site[0]])) return refuse(model, "not finite at a single site");
        return SG_OK;
    }
    p->i[p->count] = f->site[0];
    p->j[p->count] = f->site[1];
    if (p->q == 2)
        memcpy(p->table + 4 * (size_t)p->count, f->log_p, 4 * sizeof(double));
    else if (!by_equality(p->q, f->log_p, &p->gain[p->count]))
        return refuse(model, "no sum of what pairs of sites gain in the same state");
    p->count++;
    return SG_OK;
}

sg_status sg_spin_pairs_new(const sg_model *model, const double *theta, sg_spin_pairs *pairs) {
    sg_factors *factors = NULL;
    *pairs = (sg_spin_pairs){0};
    sg_status status = sg_model_factors(model, theta, &factors);
    if (status == SG_OK) status = take(factors, pairs);
    for (int k = 0; status == SG_OK && k < factors->count; k++) status = add(model, &factors->factor[k], pairs);
    sg_factors_delete(factors);
    if (status != SG_OK) sg_spin_pairs_free(pairs);
    return status;
}
