/*
 * Exact transition matrices of Swendsen-Wang and Wolff, two states a site.  In state x let G be the graph of satisfied
 * bonds on the N nodes (sites, and the ghost if there are fields), v_e = exp(2|J_e|) - 1, and for a set C of nodes
 *     full(C) = sum over all subgraphs of C of prod v_e = exp(2 sum_{e in C} |J_e|),
 *     conn(C) = the same over those that connect C,
 *     half(C) = the same over all, each cluster counted 1/2.
 * By the cluster of the lowest node of C,
 *     full(C) = sum_B conn(B) full(C - B),      half(C) = sum_B conn(B) half(C - B)/2,
 * which is solved for conn(C), then gives half(C).  The bonds' law is prod v_e / full(all), so
 *     Swendsen-Wang:  P(x, x with D turned) = 2 half(all - D) half(D)/full(all),   D without the ghost,
 *     Wolff:          P(x, x with D turned) = |D|/n conn(D) full(all - D)/full(all).
 * Without fields the last site takes the ghost's place and Swendsen-Wang acts on even functions, odd ones go to 0.  All
 * three are kept times prod_{i in C} exp(-sum_j |J_ij|), j over satisfied bonds: then full(C) is exp(-cut/2), cut twice
 * the |J| that leave C, full(all) = 1, and the factors above come out by themselves without overflow.
 */
#include <omp.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/clusters.h"

enum { NODES = SG_CLUSTERS_MOST + 1, LANES = 8, LARGE = 1 << 20 /* entries that threads share */ };

typedef struct {
    sg_kernel base;
    bool single, ghost;
    uint32_t rows, entries; /* states of the sites but the last where there is no ghost; sets D */
    double *weight;         /* [rows][entries] */
} cluster_kernel;

typedef struct {
    int n, nodes;
    bool single;
    double J[NODES][NODES];
} problem;

/* Of one state; list [2^nodes]: the connected sets by their lowest node, in ascending order. */
typedef struct {
    uint32_t satisfied[NODES]; /* neighbours */
    double *full, *conn, *half, *sum;
    uint32_t *list;
    uint32_t count[NODES];
} table;

/* ------------------------------------------------------------------ one state */

static uint32_t bit(int i) {
    return UINT32_C(1) << i;
}

static void find_satisfied(const problem *p, uint32_t state, table *t) {
    for (int i = 0; i < p->nodes; i++) {
        t->satisfied[i] = 0;
        for (int j = 0; j < p->nodes; j++) {
            const bool same = (state >> i & 1) == (state >> j & 1);
            if (i != j && (same ? p->J[i][j] > 0 : p->J[i][j] < 0)) t->satisfied[i] |= bit(j);
        }
    }
}

static double strength(const problem *p, const table *t, int i, int j) {
    return t->satisfied[i] >> j & 1 ? fabs(p->J[i][j]) : 0;
}

/* log full(C), node after node: its bonds within C count twice, all of them are taken off once. */
static void fill_full(const problem *p, table *t) {
    double *log_full = t->full, *within = t->sum;
    log_full[0] = 0;
    for (int i = 0; i < p->nodes; i++) {
        within[0] = 0;
        for (int j = 0; j < p->nodes; j++) within[0] -= strength(p, t, i, j);
        for (int j = 0; j < i; j++)
            for (uint32_t c = 0; c < bit(j); c++) within[c + bit(j)] = within[c] + 2 * strength(p, t, i, j);
        for (uint32_t c = 0; c < bit(i); c++) log_full[c + bit(i)] = log_full[c] + within[c];
    }
    const int sets = 1 << p->nodes;
#pragma omp simd
    for (int c = 0; c < sets; c++) log_full[c] = exp(log_full[c]);
}

static bool connected(const table *t, uint32_t set) {
    uint32_t reached = set & -set, left = reached;
    while (left) {
        const uint32_t fresh = t->satisfied[__builtin_ctz(left)] & set & ~reached;
        left = (left & (left - 1)) | fresh;
        reached |= fresh;
    }
    return reached == set;
}

typedef struct {
    double full, half;
} sums;

/* Over connected parts B of `set` with its lowest node, but the whole: conn(B) full(set - B), conn(B) half(set - B). */
static sums over_parts(const table *t, const uint32_t *list, uint32_t count, uint32_t set) {
    const uint32_t low = set & -set, rest = set ^ low;
    sums s = {0};
    if (count < bit(__builtin_popcount(rest))) {
        for (uint32_t k = 0; k < count; k++) {
            if (list[k] & ~set) continue;
            s.full += t->conn[list[k]] * t->full[set ^ list[k]];
            s.half += t->conn[list[k]] * t->half[set ^ list[k]];
        }
        return s;
    }
    for (uint32_t away = rest; away; away = (away - 1) & rest) {
        s.full += t->conn[set ^ away] * t->full[away];
        s.half += t->conn[set ^ away] * t->half[away];
    }
    return s;
}

static void fill_table(const problem *p, uint32_t state, table *t) {
    find_satisfied(p, state, t);
    fill_full(p, t);
    memset(t->count, 0, sizeof t->count);
    t->half[0] = 1;
    for (uint32_t set = 1; set < bit(p->nodes); set++) {
        const int low = __builtin_ctz(set);
        uint32_t *list = t->list + bit(p->nodes) - bit(p->nodes - low);
        const bool joined = connected(t, set);
        t->conn[set] = 0;
        if (!joined && p->single) continue;
        const sums s = over_parts(t, list, t->count[low], set);
        if (joined) {
            t->conn[set] = fmax(0, t->full[set] - s.full);
            list[t->count[low]++] = set;
        }
        if (!p->single) t->half[set] = 0.5 * (s.half + t->conn[set]);
    }
}

static void fill_row(const problem *p, const table *t, uint32_t entries, double *weight) {
    const uint32_t all = bit(p->nodes) - 1, ghost = p->nodes > p->n ? bit(p->n) : 0;
    if (!p->single) {
        for (uint32_t set = 0; set < entries; set++) weight[set] = 2 * t->half[all ^ set] * t->half[set];
        return;
    }
    weight[0] = 0;
    for (uint32_t set = 1; set <= all; set++) {
        const int sites = __builtin_popcount(set & ~ghost);
        const double mass = (double)sites / p->n * t->conn[set] * t->full[all ^ set];
        if (set & ghost)
            weight[0] += mass;
        else
            weight[set] = mass;
    }
}

/* ------------------------------------------------------------------ all states */

static size_t table_doubles(const problem *p) {
    return (size_t)9 << (p->nodes - 1); /* four arrays of numbers and one of half the size */
}

static void place_table(const problem *p, double *scratch, table *t) {
    const size_t sets = (size_t)1 << p->nodes;
    t->full = scratch;
    t->conn = scratch + sets;
    t->half = scratch + 2 * sets;
    t->sum = scratch + 3 * sets;
    t->list = (uint32_t *)(scratch + 4 * sets);
}

static void fill_rows(const problem *p, const cluster_kernel *k, double *scratch) {
    const bool large = (size_t)k->rows * k->entries >= LARGE;
#pragma omp parallel if (large)
    {
        table t;
        place_table(p, scratch + (size_t)omp_get_thread_num() * table_doubles(p), &t);
#pragma omp for schedule(dynamic, 8)
        for (uint32_t row = 0; row < k->rows; row++) {
            fill_table(p, row | bit(p->nodes - 1), &t);
            fill_row(p, &t, k->entries, k->weight + (size_t)row * k->entries);
        }
    }
}

/*
 * The sums over D of weight(D) f(state with D turned), states in groups of equal low bits q: with f's arguments turned
 * by q beforehand, eight sets D in a row find their values in a row.
 */
typedef struct {
    double value[2][1 << SG_CLUSTERS_MOST];
} turned;

static void turn(const cluster_kernel *k, const double *f, uint32_t q, turned *t) {
    const uint32_t states = bit(k->base.n), all = states - 1;
    const bool even = !k->ghost && !k->single;
    for (uint32_t x = 0; x < states; x++) {
        const double here = f[x ^ q], there = f[x ^ q ^ all];
        t->value[0][x] = even ? 0.5 * (here + there) : here;
        t->value[1][x] = there;
    }
}

static double product(const double *restrict weight, uint32_t entries, const double *restrict f, uint32_t base) {
    double sum[LANES] = {0};
    for (uint32_t set = 0; set < entries; set += LANES) {
        const double *restrict w = weight + set, *restrict g = f + (base ^ set);
#pragma omp simd
        for (int l = 0; l < LANES; l++) sum[l] += w[l] * g[l];
    }
    return ((sum[0] + sum[1]) + (sum[2] + sum[3])) + ((sum[4] + sum[5]) + (sum[6] + sum[7]));
}

/* Fewer than LANES sets. */
static double short_product(const double *weight, uint32_t entries, const double *f, uint32_t state) {
    double sum = 0;
    for (uint32_t set = 0; set < entries; set++) sum += weight[set] * f[state ^ set];
    return sum;
}

static void apply(const sg_kernel *base, const double *f, double *image) {
    const cluster_kernel *k = (const cluster_kernel *)base;
    const uint32_t all = bit(base->n) - 1, last = k->ghost ? 0 : bit(base->n - 1);
    const uint32_t low = k->entries >= LANES && base->n > 3 ? LANES - 1 : 0;
    const int sides = k->single && !k->ghost ? 2 : 1; /* the image at a state, and at its opposite if that is another */
    const bool large = (size_t)k->rows * k->entries >= LARGE;
#pragma omp parallel if (large)
    {
        turned t;
        for (uint32_t q = 0; q <= low; q++) {
            turn(k, f, q, &t);
#pragma omp for schedule(static) nowait
            for (uint32_t row = q; row < k->rows; row += low + 1) {
                const double *weight = k->weight + (size_t)row * k->entries;
                const uint32_t state = row | last;
                double sum[2] = {0};
                for (int side = 0; side < sides; side++)
                    sum[side] = low ? product(weight, k->entries, t.value[side], state & ~low)
                                    : short_product(weight, k->entries, t.value[side], state);
                image[state] = sum[0];
                if (!k->ghost) image[state ^ all] = sum[sides - 1];
            }
        }
    }
}

static void release(sg_kernel *base) {
    sg_delete(((cluster_kernel *)base)->weight);
    sg_delete(base);
}

static bool any_field(const sg_pairs *pairs) {
    for (int i = 0; i < pairs->n; i++)
        if (pairs->field[i] != 0) return true;
    return false;
}

static void fill_problem(const sg_pairs *pairs, bool single, bool ghost, problem *p) {
    const int n = pairs->n;
    *p = (problem){.n = n, .nodes = n + ghost, .single = single};
    for (int e = 0; e < pairs->edges; e++)
        p->J[pairs->i[e]][pairs->j[e]] = p->J[pairs->j[e]][pairs->i[e]] = pairs->J[e];
    for (int i = 0; ghost && i < n; i++) p->J[i][n] = p->J[n][i] = pairs->field[i];
}

sg_status sg_clusters_kernel(const char *name, const sg_prepared *prepared, bool single, size_t memory,
                             sg_kernel **kernel) {
    const sg_clusters *clusters = (const sg_clusters *)prepared;
    const int n = clusters->pairs.n;
    if (clusters->pairs.q > 2) return sg_clusters_colours(name, &clusters->pairs, single, memory, kernel);
    const bool ghost = any_field(&clusters->pairs);
    cluster_kernel *made = NULL;
    double *scratch = NULL;
    problem p;
    *kernel = NULL;
    if (n > SG_CLUSTERS_MOST)
        return sg_fail(SG_REFUSED,
                       "the transition matrix of %s is computed for at most %d sites, these are %d: take a smaller n, "
                       "or sample by these dynamics",
                       name, (int)SG_CLUSTERS_MOST, n);
    fill_problem(&clusters->pairs, single, ghost, &p);
    const uint32_t rows = bit(p.nodes - 1), entries = single ? bit(n) : rows;
    const size_t threads = (size_t)omp_get_max_threads(), numbers = (size_t)rows * entries,
                 bytes = (numbers + threads * table_doubles(&p)) * sizeof(double);
    if (bytes > memory)
        return sg_fail(SG_NO_MEMORY, "the transition matrix of %s on %d sites takes %zu MiB: allow more, or take fewer",
                       name, n, (bytes >> 20) + 1);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (!status) status = sg_new(&made->weight, numbers, sizeof(double));
    if (!status) status = sg_new(&scratch, threads * table_doubles(&p), sizeof(double));
    if (!status) {
        made->base = (sg_kernel){.n = n, .q = 2, .apply = apply, .release = release};
        made->single = single;
        made->ghost = ghost;
        made->rows = rows;
        made->entries = entries;
        fill_rows(&p, made, scratch);
        *kernel = &made->base;
    } else if (made) {
        release(&made->base);
    }
    sg_delete(scratch);
    return status;
}
