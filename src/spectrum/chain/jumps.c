#include "jumps.h"

#include <math.h>
#include <omp.h>

enum { CHUNK = 1 << 14 };

sg_status sg_jumps_open(const sg_model *model, const sg_loss *loss, sg_jumps *j) {
    *j = (sg_jumps){.model = model, .loss = loss};
    if (model->space.shape != SG_FINITE || loss->row->kind != SG_JUMP || !(loss->row->rate || loss->row->blocks))
        return sg_fail(SG_MISFIT, "%s has no jumps on %s", loss->text, model->text);
    return sg_loss_prepare(loss, model, NULL, &j->prepared);
}

void sg_jumps_close(sg_jumps *j) {
    if (j->prepared) sg_loss_release(j->loss, j->prepared);
    sg_delete(j->log_p);
}

/* log p of all states, and the largest. */
static sg_status list(const sg_model *model, int threads, double **log_p, double *top) {
    const long long states = llround(sg_model_states(model)), chunks = (states + CHUNK - 1) / CHUNK;
    double most = -INFINITY;
    sg_status status = sg_new(log_p, (size_t)states, sizeof(double));
    if (status) return status;
    double *out = *log_p;
#pragma omp parallel for schedule(static) num_threads(threads) reduction(max : most) if (chunks > 1)
    for (long long c = 0; c < chunks; c++) {
        const long long first = c * CHUNK;
        const int count = (int)(states - first < CHUNK ? states - first : CHUNK);
        model->family->states(model, model->truth, (uint64_t)first, count, out + first);
        for (int k = 0; k < count; k++) most = fmax(most, out[first + k]);
    }
    *top = most;
    return SG_OK;
}

sg_status sg_jumps_states(const sg_model *model, int threads, double **log_p) {
    double top;
    return list(model, threads > 0 ? threads : omp_get_max_threads(), log_p, &top);
}

sg_status sg_jumps_law(const sg_model *model, double **log_p) {
    const long long states = llround(sg_model_states(model)), chunks = (states + CHUNK - 1) / CHUNK;
    double *partial = NULL, top = 0;
    *log_p = NULL;
    sg_status status = list(model, omp_get_max_threads(), log_p, &top);
    if (!status) status = sg_new(&partial, (size_t)chunks, sizeof(double));
    if (status) {
        sg_delete(*log_p);
        *log_p = NULL;
        return status;
    }
    double *p = *log_p;
#pragma omp parallel for schedule(static) if (chunks > 1)
    for (long long c = 0; c < chunks; c++) {
        const long long first = c * CHUNK, end = first + CHUNK < states ? first + CHUNK : states;
        for (long long x = first; x < end; x++) partial[c] += exp(p[x] - top);
    }
    const double shift = top + log(sg_sum((size_t)chunks, partial));
#pragma omp parallel for simd schedule(static) if (chunks > 1)
    for (long long x = 0; x < states; x++) p[x] -= shift;
    sg_delete(partial);
    return SG_OK;
}

sg_status sg_jumps_list(sg_jumps *j) {
    j->states = (int)llround(sg_model_states(j->model));
    return sg_jumps_law(j->model, &j->log_p);
}

double sg_jumps_conductance(const sg_jumps *j, double u, double *rate) {
    const double up = fabs(u);
    double there;
    j->loss->row->rate(j->prepared, 1, &up, &there);
    *rate = u < 0 ? there * exp(-up) : there;
    return there * exp(-0.5 * up);
}

void sg_jumps_rate(const void *jumps, int n, const double *log_ratio, double *rate) {
    const sg_jumps *j = jumps;
    j->loss->row->rate(j->prepared, n, log_ratio, rate);
}

/* ------------------------------------------------------------------- the matrix */

static int power(int q, int k) {
    int p = 1;
    while (k-- > 0) p *= q;
    return p;
}

/* Single-site moves. */
static void add_moves(const sg_jumps *j, double *a) {
    const int q = j->model->space.q;
    const size_t n = (size_t)j->states;
    for (int site = 0, step = 1; site < j->model->space.d; site++, step *= q)
        for (int x = 0; x < j->states; x++)
            for (int move = 1; move < q; move++) {
                const int here = x / step % q, y = x + ((here + move) % q - here) * step;
                double rate;
                if (!(j->log_p[x] > -INFINITY)) continue;
                if (!(j->log_p[y] > -INFINITY)) continue;
                a[(size_t)x + (size_t)y * n] -= sg_jumps_conductance(j, j->log_p[y] - j->log_p[x], &rate);
                a[(size_t)x + (size_t)x * n] += rate;
            }
}

/* The states that agree with x outside of the block are x + offset, x being the first of them. */
static int fibre(const sg_jumps *j, uint32_t mask, int *offset) {
    const int q = j->model->space.q;
    int count = 1;
    offset[0] = 0;
    for (int site = 0; site < j->model->space.d; site++) {
        if (!(mask >> site & 1)) continue;
        const int step = power(q, site);
        for (int s = 1; s < q; s++)
            for (int k = 0; k < count; k++) offset[s * count + k] = offset[k] + s * step;
        count *= q;
    }
    return count;
}

static bool is_first(const sg_jumps *j, uint32_t mask, int x) {
    const int q = j->model->space.q;
    for (int site = 0; site < j->model->space.d; site++, x /= q)
        if (mask >> site & 1 && x % q) return false;
    return true;
}

/* One block drawn given the rest, at a rate. */
static void add_block(const sg_jumps *j, uint32_t mask, double rate, int *offset, double *a) {
    const int count = fibre(j, mask, offset);
    const size_t n = (size_t)j->states;
    for (int x = 0; x < j->states; x++) {
        double top = -INFINITY, sum = 0;
        if (!is_first(j, mask, x)) continue;
        for (int k = 0; k < count; k++) top = fmax(top, j->log_p[x + offset[k]]);
        if (!(top > -INFINITY)) continue;
        for (int k = 0; k < count; k++) sum += exp(j->log_p[x + offset[k]] - top);
        for (int k = 0; k < count; k++) {
            const int y = x + offset[k];
            if (!(j->log_p[y] > -INFINITY)) continue;
            a[(size_t)y + (size_t)y * n] += rate;
            for (int l = 0; l < count; l++) {
                const int z = x + offset[l];
                if (j->log_p[z] > -INFINITY)
                    a[(size_t)y + (size_t)z * n] -= rate * exp(0.5 * (j->log_p[y] + j->log_p[z]) - top) / sum;
            }
        }
    }
}

static sg_status add_blocks(const sg_jumps *j, double *a) {
    sg_site_blocks blocks = {0};
    int *offset = NULL;
    sg_status status = j->loss->row->blocks(j->loss->options, j->model, &blocks);
    if (!status) status = sg_new(&offset, (size_t)j->states, sizeof(int));
    for (int b = 0; b < blocks.count && !status; b++) add_block(j, blocks.mask[b], blocks.rate[b], offset, a);
    sg_delete(offset);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

sg_status sg_jumps_matrix(const sg_jumps *j, double *a) {
    if (j->loss->row->blocks) return add_blocks(j, a);
    add_moves(j, a);
    return SG_OK;
}

/* --------------------------------------------------------------- paths of counts */

void sg_jumps_path_close(sg_jumps_path *p) {
    sg_delete(p->up);
    sg_delete(p->down);
    sg_delete(p->conductance);
    sg_delete(p->exit);
}

static sg_status open_path(const sg_jumps *j, const sg_lumped *lumped, sg_jumps_path *p) {
    sg_status status;
    const size_t n = (size_t)lumped->classes;
    p->n = lumped->classes;
    if ((status = sg_new(&p->up, n, sizeof(double)))) return status;
    if ((status = sg_new(&p->down, n, sizeof(double)))) return status;
    if ((status = sg_new(&p->conductance, n, sizeof(double)))) return status;
    if ((status = sg_new(&p->exit, n, sizeof(double)))) return status;
    for (int e = 0; e < lumped->edges; e++) {
        const int from = lumped->from[e], to = lumped->to[e];
        const double u = lumped->log_p[to] - lumped->log_p[from];
        double rate, there = fabs(u);
        sg_jumps_conductance(j, u, &rate);
        p->exit[from] += lumped->flips[e] * rate;
        j->loss->row->rate(j->prepared, 1, &there, &rate);
        const double log_rate = log(lumped->flips[e]) + log(rate) + (u < 0 ? u : 0);
        *(to > from ? &p->up[from] : &p->down[to]) = log_rate;
    }
    for (int k = 0; k + 1 < p->n; k++) p->conductance[k] = exp(0.5 * (p->up[k] + p->down[k]));
    return SG_OK;
}

sg_status sg_jumps_path_find(const sg_jumps *j, bool *found, sg_jumps_path *p) {
    sg_lumped *lumped = NULL;
    *found = false;
    if (!j->model->family->lump || !j->loss->row->rate || j->model->space.q != 2 || !sg_model_exchangeable(j->model))
        return SG_OK;
    sg_status status = j->model->family->lump(j->model, j->model->truth, &lumped);
    if (status == SG_REFUSED) return SG_OK;
    *found = !status && lumped->path && lumped->counts;
    if (*found) status = open_path(j, lumped, p);
    sg_lumped_delete(lumped);
    return status;
}

/* ----------------------------------------------------------------------- classes */

/* Heat bath with several states: each of the sites of a class goes to a state with the probability that it has there.
 */
static void heat_bath_rates(const sg_lumped *lumped, double *log_rate) {
    const double *log_p = lumped->log_p;
    for (int e = 0, end; e < lumped->edges; e = end) {
        double top = log_p[lumped->from[e]], sum;
        for (end = e;
             end < lumped->edges && lumped->from[end] == lumped->from[e] && lumped->site[end] == lumped->site[e]; end++)
            top = fmax(top, log_p[lumped->to[end]]);
        sum = exp(log_p[lumped->from[e]] - top);
        for (int k = e; k < end; k++) sum += exp(log_p[lumped->to[k]] - top);
        for (int k = e; k < end; k++) log_rate[k] = log(lumped->flips[k]) + (log_p[lumped->to[k]] - top - log(sum));
    }
}

sg_status sg_jumps_class_rates(const sg_loss *loss, const sg_prepared *prepared, const sg_lumped *lumped,
                               double *log_rate) {
    const int edges = lumped->edges;
    double *u = NULL, *rate = NULL;
    if (lumped->site && loss->row->heat_bath) {
        heat_bath_rates(lumped, log_rate);
        return SG_OK;
    }
    sg_status status = sg_new(&u, (size_t)edges, sizeof(double));
    if (!status) status = sg_new(&rate, (size_t)edges, sizeof(double));
    if (status) goto out;
    for (int e = 0; e < edges; e++) u[e] = fabs(lumped->log_p[lumped->to[e]] - lumped->log_p[lumped->from[e]]);
    loss->row->rate(prepared, edges, u, rate); /* rate(u) = e^u rate(-u) */
    for (int e = 0; e < edges; e++) {
        const bool down = lumped->log_p[lumped->to[e]] < lumped->log_p[lumped->from[e]];
        log_rate[e] = log(lumped->flips[e]) + log(rate[e]) - (down ? u[e] : 0);
    }
out:
    sg_delete(u);
    sg_delete(rate);
    return status;
}
