#include "dictionary/site-view.h"

#include <math.h>
#include <string.h>

#include "dictionary/block-loss.h"

enum { B = SG_BLOCK };

bool sg_site_view_alike(const sg_model *model) {
    const sg_family *family = model->family;
    return family->exchangeable && family->counted && family->exchangeable(model);
}

/* ------------------------------------------------------------- sites' lists */

/* Touched coordinates of a site; all of them where the family has no list. */
static int touched(const sg_model *model, int site, const int **list) {
    int count = model->full;
    *list = model->family->touched ? model->family->touched(model, site, &count) : NULL;
    return count;
}

/* place [full]: which free parameter a coordinate is, -1 for none.  The lists of all sites, or their length alone. */
static long long write_lists(sg_site_view *v, const int *place, bool write) {
    long long used = 0;
    const bool same = !v->model->family->touched;
    for (int i = 0; i < v->d; i++) {
        const int *list, count = touched(v->model, i, &list);
        const long long start = same ? 0 : used;
        if (!same || i == 0)
            for (int a = 0; a < count; a++) {
                const int free = place[list ? list[a] : a];
                if (free < 0) continue;
                if (write) v->list[used] = free;
                if (write) v->row[used] = a;
                used++;
            }
        if (!write) continue;
        v->first[i] = (int)start;
        v->length[i] = (int)(used - start);
        if (v->length[i] > v->widest) v->widest = v->length[i];
    }
    return used;
}

static sg_status make_lists(sg_site_view *v) {
    const sg_model *model = v->model;
    int *place = NULL;
    sg_status status = sg_new(&place, (size_t)model->full, sizeof(int));
    if (status != SG_OK) goto out;
    for (int a = 0; a < model->full; a++) place[a] = -1;
    for (int j = 0; j < v->m; j++) place[model->free[j]] = j;
    const size_t room = (size_t)write_lists(v, place, false) + 1;
    if ((status = sg_new(&v->first, (size_t)v->d, sizeof(int)))) goto out;
    if ((status = sg_new(&v->length, (size_t)v->d, sizeof(int)))) goto out;
    if ((status = sg_new(&v->list, room, sizeof(int)))) goto out;
    if ((status = sg_new(&v->row, room, sizeof(int)))) goto out;
    write_lists(v, place, true);
out:
    sg_delete(place);
    return status;
}

int sg_site_view_list(const sg_site_view *view, int site, const int **list) {
    *list = view->list + view->first[site];
    return view->length[site];
}

/* ------------------------------------------------------------------- scratch */

static int touched_most(const sg_model *model) {
    const int *list;
    int most = 0;
    for (int i = 0; i < model->space.d; i++) {
        const int count = touched(model, i, &list);
        if (count > most) most = count;
    }
    return most;
}

/* Takes doubles from the arena, or counts their bytes while there is none. */
static double *take(sg_site_view *v, size_t *bytes, size_t count) {
    *bytes += count * sizeof(double) + SG_ALIGN;
    return v->arena ? sg_arena_take(v->arena, count, sizeof(double)) : NULL;
}

static sg_status take_jet(sg_site_view *v, size_t *bytes, int want, sg_jet *jet) {
    *bytes += sg_jet_bytes(v->model->full, v->d, want) + 2 * SG_ALIGN;
    return v->arena ? sg_jet_take(v->arena, v->model->full, v->d, want, jet) : SG_OK;
}

/* Once to count bytes, once to take them. */
static sg_status lay_out(sg_site_view *v, size_t *bytes) {
    const sg_model *model = v->model;
    const size_t sites = (size_t)v->d, full = (size_t)model->full;
    const bool hook = model->family->move != NULL;
    const int want = SG_LOGP | (!hook || model->full <= SG_SITE_VIEW_STATISTICS ? SG_DT : 0);
    sg_status status = take_jet(v, bytes, want, &v->jet);
    v->log_ratio = take(v, bytes, B);
    v->difference = take(v, bytes, (size_t)(touched_most(model) + (sg_site_view_alike(model) ? v->m : 0)) * B);
    v->count = take(v, bytes, B);
    if (sites <= SG_BLOCK_SITES || v->q > 2 || !hook) v->copy = take(v, bytes, sites * B);
    if (!hook) v->moved = take(v, bytes, sites * B);
    if (status == SG_OK && !hook) status = take_jet(v, bytes, want, &v->other);
    if (sg_site_view_alike(model)) {
        v->count_theta = take(v, bytes, full);
        v->count_logp = take(v, bytes, sites + 1);
        v->count_dt = take(v, bytes, (size_t)v->m * (sites + 1));
        v->count_scratch = take(v, bytes, full * B);
    }
    *bytes += sg_block_loss_bytes(v) + (size_t)(v->m + 2) * B * sizeof(double);
    return status;
}

static sg_status fill(sg_site_view *v) {
    size_t bytes = 0;
    sg_status status = make_lists(v);
    if (status == SG_OK) status = lay_out(v, &bytes);
    if (status == SG_OK) status = sg_arena_new(bytes, &v->arena);
    if (status == SG_OK) status = lay_out(v, &bytes);
    if (status == SG_OK && v->count_theta) v->count_theta[0] = NAN;
    return status;
}

sg_status sg_site_view_new(const sg_model *model, sg_site_view **view) {
    sg_site_view *made = NULL;
    *view = NULL;
    if (model->space.shape != SG_FINITE || !model->family->jet || model->family->direction)
        return sg_fail(SG_REFUSED, "%s has no sites with statistics of their own: take a family such as ising",
                       model->text);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status != SG_OK) return status;
    made->model = model;
    made->d = model->space.d;
    made->q = model->space.q;
    made->m = model->m;
    status = fill(made);
    if (status != SG_OK) {
        sg_site_view_delete(made);
        return status;
    }
    *view = made;
    return SG_OK;
}

void sg_site_view_delete(sg_site_view *view) {
    if (!view) return;
    sg_delete(view->first);
    sg_delete(view->length);
    sg_delete(view->list);
    sg_delete(view->row);
    sg_arena_delete(view->arena);
    sg_delete(view);
}

void sg_site_view_at(sg_site_view *view, const double *theta, const sg_block *block) {
    view->theta = theta;
    view->block = block;
}

/* --------------------------------------------------------------------- moves */

void sg_site_move(int q, int move, int n, double *x) {
    if (q == 2)
        for (int i = 0; i < n; i++) x[i] = -x[i];
    else
        for (int i = 0; i < n; i++) {
            const double y = x[i] + move;
            x[i] = y >= q ? y - q : y;
        }
}

static void subtract(int n, const double *restrict a, const double *restrict b, double *restrict out) {
    for (int i = 0; i < n; i++) out[i] = a[i] - b[i];
}

/* By the jets at x and at y; where p(x) = 0 nothing moves. */
static void move_by_jets(sg_site_view *v, const sg_block *block, int site, int move, bool difference) {
    const int n = block->n, *row = v->row + v->first[site];
    const int want = difference ? SG_LOGP | SG_DT : SG_LOGP;
    sg_jet here = v->jet, there = v->other;
    sg_block y = {.n = n, .d = v->d, .draws = 1, .x = v->moved};
    here.want = there.want = want;
    for (int a = 0; a < v->d; a++)
        memcpy(v->moved + (size_t)a * B, block->x + (size_t)a * B, (size_t)n * sizeof(double));
    sg_site_move(v->q, move, n, v->moved + (size_t)site * B);
    v->model->family->jet(v->model, v->theta, block, &here);
    v->model->family->jet(v->model, v->theta, &y, &there);
    for (int i = 0; i < n; i++) v->log_ratio[i] = here.logp[i] > -INFINITY ? there.logp[i] - here.logp[i] : -INFINITY;
    if (!difference) return;
    int length = v->length[site];
    const int *all;
    touched(v->model, site, &all);
    for (int j = 0; j < length; j++) {
        const size_t a = (size_t)(all ? all[row[j]] : row[j]) * B;
        subtract(n, there.dt + a, here.dt + a, v->difference + (size_t)j * B);
    }
}

void sg_site_view_move(sg_site_view *view, const sg_block *block, int site, int move, bool difference) {
    const sg_family *family = view->model->family;
    const int *row = view->row + view->first[site];
    if (!family->move) {
        move_by_jets(view, block, site, move, difference);
        return;
    }
    family->move(view->model, view->theta, block, site, move, view->log_ratio, difference ? view->difference : NULL);
    for (int j = 0; difference && j < view->length[site]; j++)
        if (row[j] != j)
            memcpy(view->difference + (size_t)j * B, view->difference + (size_t)row[j] * B,
                   (size_t)block->n * sizeof(double));
}

/* -------------------------------------------------------------------- counts */

static void fill_tables(sg_site_view *v) {
    const sg_model *model = v->model;
    double k[B], logp[B];
    for (int start = 0; start <= v->d; start += B) {
        const int n = v->d + 1 - start < B ? v->d + 1 - start : B;
        for (int i = 0; i < n; i++) k[i] = start + i;
        model->family->counted(model, v->theta, n, k, logp, v->count_scratch);
        memcpy(v->count_logp + start, logp, (size_t)n * sizeof(double));
        for (int j = 0; j < v->m; j++)
            memcpy(v->count_dt + (size_t)j * (size_t)(v->d + 1) + start, v->count_scratch + (size_t)model->free[j] * B,
                   (size_t)n * sizeof(double));
    }
    memcpy(v->count_theta, v->theta, (size_t)model->full * sizeof(double));
}

static bool tables_are_there(const sg_site_view *v) {
    for (int a = 0; a < v->model->full; a++)
        if (!(v->count_theta[a] == v->theta[a])) return false;
    return true;
}

static void count_sites(const sg_block *block, int d, double *restrict count) {
    memset(count, 0, B * sizeof(double));
    for (int a = 0; a < d; a++) {
        const double *restrict x = block->x + (size_t)a * B;
#pragma omp simd
        for (int i = 0; i < block->n; i++) count[i] += x[i] > 0;
    }
}

const double *sg_site_view_counts(sg_site_view *view) {
    if (!view->count_theta) return NULL;
    if (!tables_are_there(view)) fill_tables(view);
    if (view->block->count) return view->block->count;
    count_sites(view->block, view->d, view->count);
    return view->count;
}

/* ---------------------------------------------------------------- statistics */

void sg_site_view_logp(sg_site_view *view, double *logp) {
    const int n = view->block->n;
    const double *k = sg_site_view_counts(view);
    sg_jet jet = view->jet;
    if (k) {
        for (int i = 0; i < n; i++) logp[i] = view->count_logp[(int)k[i]];
        return;
    }
    jet.want = SG_LOGP;
    view->model->family->jet(view->model, view->theta, view->block, &jet);
    memcpy(logp, jet.logp, (size_t)n * sizeof(double));
}

void sg_site_view_score(sg_site_view *view, const sg_local *local, double *score) {
    const int n = view->block->n;
    const double *k = sg_site_view_counts(view);
    sg_jet jet = view->jet;
    jet.want = SG_DT;
    if (!k && jet.dt) view->model->family->jet(view->model, view->theta, view->block, &jet);
    for (int j = 0; j < view->m; j++) {
        const double mean = local ? local->gradient[j] : 0;
        const double *table = k ? view->count_dt + (size_t)j * (size_t)(view->d + 1) : NULL;
        const double *dt = jet.dt ? jet.dt + (size_t)view->model->free[j] * B : NULL;
        double *out = score + (size_t)j * B;
        for (int i = 0; i < n; i++) out[i] = (table ? table[(int)k[i]] : dt ? dt[i] : NAN) - mean;
    }
}
