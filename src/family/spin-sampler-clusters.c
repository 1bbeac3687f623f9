#include <math.h>
#include <string.h>

#include "family/spin-sampler-past.h"

enum { B = SG_BLOCK, TRIALS = 16 };
static const double WORK = 0x1p20; /* of a trial: sweeps times bonds */

/*
 * Nodes are the sites and behind them a ghost, which stays in state 1 and to which fields are bonds.  A bond whose ends
 * are joined without it is open with probability `joined`, otherwise with `apart` = joined / (joined + q (1 - joined)).
 */
struct sg_past_clusters {
    int d, q, bonds;
    int *i, *j;                    /* [bonds] */
    double *joined, *apart;        /* [bonds] */
    signed char *turned;           /* [d + 1] -1: state 1 is -1 there */
    int *start, *neighbour, *bond; /* [d + 3], [2 bonds] each */
    long long sweeps;              /* of the first run */
    sg_past_scratch scratch;
};

typedef struct {
    double *u;             /* [bonds + d + 1] */
    uint64_t *seen, label; /* [d + 1] */
    int *queue[2];         /* [d + 1] each */
    char *lower, *upper;   /* [bonds] which are open */
} scratch;

void sg_past_clusters_delete(sg_past_clusters *s) {
    if (!s) return;
    sg_delete(s->i);
    sg_delete(s->j);
    sg_delete(s->joined);
    sg_delete(s->apart);
    sg_delete(s->turned);
    sg_delete(s->start);
    sg_delete(s->neighbour);
    sg_delete(s->bond);
    sg_past_scratch_free(&s->scratch);
    sg_delete(s);
}

long long sg_past_clusters_sweeps(const sg_past_clusters *s) {
    return s->sweeps;
}

void sg_past_clusters_begin(sg_past_clusters *s, long long sweeps) {
    s->sweeps = sweeps;
}

/* ---------------------------------------------------------------- the bonds */

static size_t scratch_bytes(const sg_past_clusters *s) {
    const size_t nodes = (size_t)s->d + 1, bonds = (size_t)s->bonds;
    return (bonds + nodes) * sizeof(double) + nodes * sizeof(uint64_t) + 2 * nodes * sizeof(int) + 2 * bonds;
}

static scratch scratch_at(const sg_past_clusters *s, void *memory) {
    const size_t nodes = (size_t)s->d + 1, bonds = (size_t)s->bonds;
    scratch w = {.u = memory};
    w.seen = (uint64_t *)(w.u + bonds + nodes);
    w.queue[0] = (int *)(w.seen + nodes);
    w.queue[1] = w.queue[0] + nodes;
    w.lower = (char *)(w.queue[1] + nodes);
    w.upper = w.lower + bonds;
    memset(w.seen, 0, nodes * sizeof *w.seen);
    return w;
}

/* What equal states of the ends gain, in an Ising model on both sides of it; the rest goes to the fields. */
static sg_status split(const sg_spin_pairs *p, int e, double *field, double *gain) {
    if (p->q > 2) {
        *gain = p->gain[e];
        return SG_OK;
    }
    const double *t = p->table + 4 * (size_t)e;
    *gain = (t[0] + t[3] - t[1] - t[2]) / 2;
    field[p->i[e]] += (t[1] + t[3] - t[0] - t[2]) / 2;
    field[p->j[e]] += (t[2] + t[3] - t[0] - t[1]) / 2;
    return isfinite(*gain) ? SG_OK : sg_fail(SG_REFUSED, "clusters know no hard constraints");
}

static void add_bond(sg_past_clusters *s, int i, int j, double gain) {
    if (gain == 0) return;
    const int e = s->bonds++;
    s->i[e] = i;
    s->j[e] = j;
    s->joined[e] = copysign(-expm1(-fabs(gain)), gain);
}

static sg_status list_bonds(const sg_spin_pairs *p, double *field, sg_past_clusters *s) {
    for (int e = 0; e < p->count; e++) {
        double gain;
        sg_status status = split(p, e, field, &gain);
        if (status != SG_OK) return status;
        add_bond(s, p->i[e], p->j[e], gain);
    }
    for (int i = 0; i < s->d; i++) add_bond(s, i, s->d, field[i]);
    return SG_OK;
}

static void list_neighbours(sg_past_clusters *s) {
    const int *end[] = {s->i, s->j};
    for (int e = 0; e < 2 * s->bonds; e++) s->start[end[e & 1][e / 2] + 2]++;
    for (int k = 0; k <= s->d; k++) s->start[k + 2] += s->start[k + 1];
    for (int e = 0; e < 2 * s->bonds; e++) {
        const int at = s->start[end[e & 1][e / 2] + 1]++;
        s->neighbour[at] = end[1 - (e & 1)][e / 2];
        s->bond[at] = e / 2;
    }
}

/* Signs by breadth first from the ghost, then from each site not yet reached, such that all bonds attract. */
static sg_status turn(sg_past_clusters *s, int *queue) {
    for (int root = s->d; root >= 0; root--) {
        if (s->turned[root]) continue;
        int count = 0;
        s->turned[root] = 1;
        queue[count++] = root;
        for (int k = 0; k < count; k++)
            for (int a = s->start[queue[k]]; a < s->start[queue[k] + 1]; a++) {
                const int y = s->neighbour[a], sign = s->turned[queue[k]] * (s->joined[s->bond[a]] > 0 ? 1 : -1);
                if (s->turned[y] && s->turned[y] != sign)
                    return sg_fail(SG_REFUSED, "its pairs, or its fields, contradict each other");
                if (s->turned[y]) continue;
                if (s->q > 2 && sign < 0) return sg_fail(SG_REFUSED, "some of its pairs repel");
                s->turned[y] = (signed char)sign;
                queue[count++] = y;
            }
    }
    for (int e = 0; e < s->bonds; e++) {
        const double p = s->joined[e] = fabs(s->joined[e]);
        s->apart[e] = p / (p + s->q * (1 - p));
    }
    return SG_OK;
}

static sg_status fill(const sg_spin_pairs *p, sg_past_clusters *s) {
    const size_t nodes = (size_t)p->d + 1, room = (size_t)p->count + (size_t)p->d + 1;
    double *field = NULL;
    s->d = p->d;
    s->q = p->q;
    sg_status status = sg_new(&s->i, room, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->j, room, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->joined, room, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->apart, room, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->turned, nodes, 1);
    if (status == SG_OK) status = sg_new(&s->start, nodes + 2, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->neighbour, 2 * room, sizeof(int));
    if (status == SG_OK) status = sg_new(&s->bond, 2 * room, sizeof(int));
    if (status == SG_OK) status = sg_new(&field, nodes, sizeof(double));
    if (status != SG_OK) goto out;
    if (p->field) memcpy(field, p->field, (size_t)p->d * sizeof(double));
    status = list_bonds(p, field, s);
    if (status == SG_OK) list_neighbours(s);
    if (status == SG_OK) status = sg_past_scratch_new(scratch_bytes(s), &s->scratch);
    if (status == SG_OK) status = turn(s, scratch_at(s, s->scratch.memory).queue[0]);
out:
    sg_delete(field);
    return status;
}

/* ------------------------------------------------------------------ a sweep */

/* Marks the neighbours of one node of a side; true: the sides meet. */
static bool widen(const sg_past_clusters *s, const char *open, int but, scratch *w, int side, int node, int *count) {
    for (int a = s->start[node]; a < s->start[node + 1]; a++) {
        const int y = s->neighbour[a];
        if (!open[s->bond[a]] || s->bond[a] == but || w->seen[y] == w->label + (uint64_t)side) continue;
        if (w->seen[y] == w->label + 1 - (uint64_t)side) return true;
        w->seen[y] = w->label + (uint64_t)side;
        w->queue[side][(*count)++] = y;
    }
    return false;
}

/* Are the ends of a bond joined by open ones without it?  From both ends, in turn. */
static bool joined(const sg_past_clusters *s, const char *open, int e, scratch *w) {
    int count[2] = {1, 1}, done = 0;
    w->label += 2;
    w->queue[0][0] = s->i[e];
    w->queue[1][0] = s->j[e];
    w->seen[s->i[e]] = w->label;
    w->seen[s->j[e]] = w->label + 1;
    for (; done < count[0] && done < count[1]; done++)
        for (int side = 0; side < 2; side++)
            if (widen(s, open, e, w, side, w->queue[side][done], &count[side])) return true;
    return false;
}

static uint64_t counter_of(const sg_past_clusters *s, long long time) {
    return (uint64_t)(s->d + 2) / 2 + (uint64_t)time * (uint64_t)((s->bonds + 1) / 2);
}

/* Each bond given the others, in both bounds (upper NULL: they have met). */
static void sweep(const sg_past_clusters *s, sg_past_numbers *r, long long time, char *lower, char *upper, scratch *w) {
    sg_past_uniform(r, counter_of(s, time), s->bonds, w->u);
    for (int e = 0; e < s->bonds; e++) {
        const double u = w->u[e];
        const bool sure = u < s->apart[e], ask = !sure && u < s->joined[e];
        lower[e] = sure || (ask && joined(s, lower, e, w));
        if (upper) upper[e] = lower[e] || (ask && joined(s, upper, e, w));
    }
}

static bool run(const sg_past_clusters *s, sg_past_numbers *r, long long sweeps, scratch *w) {
    const size_t bonds = (size_t)s->bonds;
    bool together = false;
    memset(w->lower, 0, bonds);
    memset(w->upper, 1, bonds);
    for (long long time = sweeps - 1; time >= 0; time--) {
        sweep(s, r, time, w->lower, together ? NULL : w->upper, w);
        together = together || memcmp(w->lower, w->upper, bonds) == 0;
    }
    return together;
}

/* ------------------------------------------------------------------- trials */

static sg_status try_draws(sg_past_clusters *s, scratch *w) {
    s->sweeps = 1;
    for (uint32_t k = 0; k < TRIALS; k++) {
        sg_past_numbers r = sg_past_numbers_trial(k);
        for (; !run(s, &r, s->sweeps, w); s->sweeps *= 2)
            if (2 * (double)s->sweeps * s->bonds > WORK)
                return sg_fail(SG_REFUSED,
                               "the bounds of %d bonds had not met after %lld sweeps, the most that are tried",
                               s->bonds, s->sweeps);
    }
    return SG_OK;
}

sg_status sg_past_clusters_new(const sg_spin_pairs *pairs, sg_past_clusters **sampler) {
    sg_past_clusters *made = NULL;
    *sampler = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = fill(pairs, made);
    if (status == SG_OK) {
        scratch w = scratch_at(made, made->scratch.memory);
        status = try_draws(made, &w);
    }
    if (status != SG_OK) {
        sg_past_clusters_delete(made);
        return status;
    }
    *sampler = made;
    return SG_OK;
}

/* -------------------------------------------------------------------- draws */

/* A state for each cluster, from the number of its first node. */
static void colour(const sg_past_clusters *s, sg_past_numbers *r, scratch *w, double *x) {
    int *queue = w->queue[0];
    const uint64_t label = w->label += 2;
    sg_past_uniform(r, 0, s->d + 1, w->u);
    for (int root = s->d; root >= 0; root--) {
        if (w->seen[root] == label) continue;
        const int state = root == s->d ? 1 : (int)(w->u[root] * s->q);
        int count = 0;
        w->seen[root] = label;
        queue[count++] = root;
        for (int k = 0; k < count; k++) {
            if (queue[k] < s->d) x[(size_t)queue[k] * B] = s->q > 2 ? state : s->turned[queue[k]] * (2 * state - 1);
            for (int a = s->start[queue[k]]; a < s->start[queue[k] + 1]; a++) {
                if (!w->lower[s->bond[a]] || w->seen[s->neighbour[a]] == label) continue;
                w->seen[s->neighbour[a]] = label;
                queue[count++] = s->neighbour[a];
            }
        }
    }
}

void sg_past_clusters_draw(const sg_past_clusters *s, sg_stream *stream, sg_block *block) {
    int which;
    scratch w = scratch_at(s, sg_past_scratch_take(&s->scratch, &which));
    for (int i = 0; i < block->n; i++) {
        sg_past_numbers r = sg_past_numbers_of(stream, (uint32_t)i);
        for (long long sweeps = s->sweeps; !run(s, &r, sweeps, &w);) sweeps *= 2;
        colour(s, &r, &w, block->x + i);
    }
    sg_past_scratch_give(&s->scratch, which);
    stream->index += B / 2;
}
