/*
 * Exact transition matrices of Swendsen-Wang and Wolff for more than two states a site, J >= 0.  Bonds join sites of
 * one state, so that what a set C of sites of one state does is a matter of C alone.  With in(C) = sum of J_e over the
 * bonds within C, and bonds open with probability 1 - exp(-J_e), conn(C) = P(the open bonds of C connect it), part(C) =
 * E q^-(number of clusters in C), by the cluster B of the lowest site of C, which has probability conn(B) exp(in(B) +
 * in(C-B) - in(C)): 1 = sum_B conn(B) exp(..),      part(C) = sum_B conn(B) exp(..) part(C-B)/q. With X_a the sites of
 * x in state a and B_ab those of them that are in state b in y, Swendsen-Wang:  P(x,y) = prod_ab part(B_ab)
 * exp(in(B_ab)) / prod_a exp(in(X_a)), Wolff:          P(x, x with C of X_a in state b) = |C|/n conn(C) exp(in(C) +
 * in(X_a-C) - in(X_a))/(q-1). No factor is above 1.  The first does not depend on how the states are named: it is kept
 * between partitions of the sites into at most q classes, and functions are averaged over names.
 */
#include <omp.h>
#include <string.h>

#include "base/vecmath.h"
#include "dictionary/clusters.h"

enum { SITES = SG_CLUSTERS_MOST, COLOURS = 16, LARGE = 1 << 18 /* states that threads share */ };

typedef struct {
    sg_kernel base;
    int q;
    uint32_t states;
    uint32_t *power; /* [2^n] sum of q^i over the sites of a set: what a step to the next state adds to the code */
    /* Swendsen-Wang: */
    uint32_t classes;
    uint32_t *class_of;     /* [states] */
    double *names, *weight; /* [classes] states of the class; [classes][classes] */
    double *sum;            /* [2 classes] scratch */
    /* Wolff: */
    uint32_t *first; /* [2^n] where the subsets of a set begin */
    double *share;   /* of each of its subsets, in ascending order */
} colour_kernel;

/* By sets of sites. */
typedef struct {
    int n, q;
    double *in, *conn, *part; /* [2^n] */
} tables;

static uint32_t bit(int i) {
    return UINT32_C(1) << i;
}

/* ------------------------------------------------------------------------ sets */

static void fill_in(const sg_pairs *pairs, tables *t) {
    for (int e = 0; e < pairs->edges; e++) t->in[bit(pairs->i[e]) | bit(pairs->j[e])] += pairs->J[e];
    for (int i = 0; i < t->n; i++) /* sums over subsets */
        for (uint32_t c = 0; c < bit(t->n); c++)
            if (c & bit(i)) t->in[c] += t->in[c ^ bit(i)];
}

/* Of the bonds between two parts of a set, none is open. */
static double apart(const tables *t, uint32_t whole, uint32_t part) {
    return exp(t->in[part] + t->in[whole ^ part] - t->in[whole]);
}

static void fill_tables(const sg_pairs *pairs, tables *t) {
    fill_in(pairs, t);
    t->part[0] = 1;
    for (uint32_t c = 1; c < bit(t->n); c++) {
        const uint32_t low = c & -c, rest = c ^ low;
        double others = 0, part = 0;
        for (uint32_t away = rest; away; away = (away - 1) & rest) {
            const double chance = t->conn[c ^ away] * apart(t, c, away);
            others += chance;
            part += chance * t->part[away];
        }
        t->conn[c] = fmax(0, 1 - others);
        t->part[c] = (part + t->conn[c]) / t->q;
    }
}

static void close_tables(tables *t) {
    sg_delete(t->in);
    sg_delete(t->conn);
    sg_delete(t->part);
}

static sg_status open_tables(const sg_pairs *pairs, tables *t) {
    *t = (tables){.n = pairs->n, .q = pairs->q};
    sg_status status = sg_new(&t->in, bit(t->n), sizeof(double));
    if (!status) status = sg_new(&t->conn, bit(t->n), sizeof(double));
    if (!status) status = sg_new(&t->part, bit(t->n), sizeof(double));
    if (!status) fill_tables(pairs, t);
    return status;
}

/* The sites in each state. */
static void sites_by_state(int n, int q, uint32_t code, uint32_t set[COLOURS]) {
    for (int a = 0; a < q; a++) set[a] = 0;
    for (int i = 0; i < n; i++, code /= (uint32_t)q) set[code % (uint32_t)q] |= bit(i);
}

/* -------------------------------------------------------------- Swendsen-Wang */

/* The state of the class in which states are named in the order of their first sites. */
static uint32_t first_name(int n, int q, uint32_t code) {
    int name[COLOURS], used = 0;
    uint32_t out = 0, power = 1;
    for (int a = 0; a < q; a++) name[a] = -1;
    for (int i = 0; i < n; i++, code /= (uint32_t)q, power *= (uint32_t)q) {
        int *mine = &name[code % (uint32_t)q];
        if (*mine < 0) *mine = used++;
        out += (uint32_t)*mine * power;
    }
    return out;
}

/* The states that stand for their classes; representative [states], NULL: only counts them. */
static uint32_t list_classes(colour_kernel *k, uint32_t *representative) {
    uint32_t classes = 0;
    for (uint32_t x = 0; x < k->states; x++)
        if (first_name(k->base.n, k->q, x) == x) {
            if (representative) {
                representative[classes] = x;
                k->class_of[x] = classes;
            }
            classes++;
        }
    for (uint32_t x = 0; representative && x < k->states; x++) {
        const uint32_t class = k->class_of[first_name(k->base.n, k->q, x)];
        k->class_of[x] = class;
        k->names[class]++;
    }
    return classes;
}

static void fill_row(const tables *t, const double *log_part, uint32_t x, uint32_t classes, const uint32_t *y,
                     const double *names, double *weight) {
    uint32_t from[COLOURS], to[COLOURS];
    double within = 0;
    sites_by_state(t->n, t->q, x, from);
    for (int a = 0; a < t->q; a++) within += t->in[from[a]];
    for (uint32_t c = 0; c < classes; c++) {
        double sum = -within;
        sites_by_state(t->n, t->q, y[c], to);
        for (int a = 0; a < t->q && from[a]; a++) /* the first name: states without sites come last */
            for (int b = 0; b < t->q && to[b]; b++) sum += log_part[from[a] & to[b]];
        weight[c] = sum;
    }
#pragma omp simd
    for (uint32_t c = 0; c < classes; c++) weight[c] = names[c] * exp(weight[c]);
}

static sg_status fill_classes(colour_kernel *k, const tables *t) {
    uint32_t *representative = NULL;
    double *log_part = NULL;
    const size_t classes = k->classes;
    sg_status status = sg_new(&representative, k->classes, sizeof *representative);
    if (!status) status = sg_new(&log_part, bit(t->n), sizeof(double));
    if (!status) status = sg_new(&k->class_of, k->states, sizeof *k->class_of);
    if (!status) status = sg_new(&k->names, classes, sizeof(double));
    if (!status) status = sg_new(&k->sum, 2 * classes, sizeof(double));
    if (!status) status = sg_new(&k->weight, classes * classes, sizeof(double));
    if (!status) {
        (void)list_classes(k, representative);
        for (uint32_t c = 0; c < bit(t->n); c++) log_part[c] = log(t->part[c]) + t->in[c];
#pragma omp parallel for schedule(static) if (classes * classes >= LARGE)
        for (uint32_t c = 0; c < k->classes; c++)
            fill_row(t, log_part, representative[c], k->classes, representative, k->names, k->weight + c * classes);
    }
    sg_delete(representative);
    sg_delete(log_part);
    return status;
}

static void apply_classes(const sg_kernel *base, const double *f, double *image) {
    const colour_kernel *k = (const colour_kernel *)base;
    const size_t classes = k->classes;
    double *mean = k->sum, *out = mean + classes;
    memset(mean, 0, classes * sizeof(double));
    for (uint32_t x = 0; x < k->states; x++) mean[k->class_of[x]] += f[x];
    for (size_t c = 0; c < classes; c++) mean[c] /= k->names[c];
#pragma omp parallel for schedule(static) if (classes * classes >= LARGE)
    for (size_t c = 0; c < classes; c++) {
        const double *row = k->weight + c * classes;
        double sum = 0;
#pragma omp simd reduction(+ : sum)
        for (size_t d = 0; d < classes; d++) sum += row[d] * mean[d];
        out[c] = sum;
    }
    for (uint32_t x = 0; x < k->states; x++) image[x] = out[k->class_of[x]];
}

/* ----------------------------------------------------------------------- Wolff */

static sg_status fill_shares(colour_kernel *k, const tables *t) {
    const uint32_t sets = bit(t->n);
    uint32_t at = 0;
    sg_status status = sg_new(&k->first, sets, sizeof *k->first);
    for (uint32_t x = 0; x < sets && !status; x++) {
        k->first[x] = at;
        at += bit(__builtin_popcount(x));
    }
    if (!status) status = sg_new(&k->share, at, sizeof(double));
    for (uint32_t x = 0; x < sets && !status; x++) {
        double *share = k->share + k->first[x];
        uint32_t c = 0;
        do *share++ = (double)__builtin_popcount(c) / t->n * t->conn[c] * apart(t, x, c) / (t->q - 1);
        while ((c = (c - x) & x));
    }
    return status;
}

static double moved(const colour_kernel *k, uint32_t code, const double *f) {
    uint32_t set[COLOURS];
    double sum = 0;
    sites_by_state(k->base.n, k->q, code, set);
    for (int a = 0; a < k->q; a++) {
        const double *share = k->share + k->first[set[a]];
        for (uint32_t c = 0; (c = (c - set[a]) & set[a]);) {
            const uint32_t step = k->power[c], none = code - (uint32_t)a * step;
            double others = 0;
            for (int b = 0; b < k->q; b++) others += b == a ? 0 : f[none + (uint32_t)b * step];
            sum += *++share * others;
        }
    }
    return sum;
}

static void apply_shares(const sg_kernel *base, const double *f, double *image) {
    const colour_kernel *k = (const colour_kernel *)base;
#pragma omp parallel for schedule(static) if (k->states >= LARGE >> 6)
    for (uint32_t x = 0; x < k->states; x++) image[x] = moved(k, x, f);
}

/* ---------------------------------------------------------------------- set-up */

static void release(sg_kernel *base) {
    colour_kernel *k = (colour_kernel *)base;
    void *part[] = {k->power, k->class_of, k->names, k->weight, k->sum, k->first, k->share};
    for (size_t i = 0; i < sizeof part / sizeof *part; i++) sg_delete(part[i]);
    sg_delete(k);
}

static sg_status check_memory(const char *name, const colour_kernel *k, bool single, size_t memory) {
    const double classes = k->classes, tables_of = 5 * (double)bit(k->base.n);
    const double numbers = single ? pow(3, k->base.n) : classes * classes + 2 * classes + 0.5 * k->states;
    const double bytes = (numbers + tables_of) * sizeof(double);
    if (bytes <= (double)memory) return SG_OK;
    return sg_fail(SG_NO_MEMORY, "the transition matrix of %s on %d sites takes %.0f MiB: allow more, or take fewer",
                   name, k->base.n, bytes / 0x1p20 + 1);
}

static sg_status fill(colour_kernel *k, const sg_pairs *pairs, bool single) {
    tables t;
    sg_status status = sg_new(&k->power, bit(pairs->n), sizeof *k->power);
    for (uint32_t c = 1, i; c < bit(pairs->n) && !status; c++) {
        uint32_t power = 1;
        for (i = 0; !(c >> i & 1); i++) power *= (uint32_t)k->q;
        k->power[c] = power + k->power[c & (c - 1)];
    }
    if (status) return status;
    status = open_tables(pairs, &t);
    if (!status) status = single ? fill_shares(k, &t) : fill_classes(k, &t);
    close_tables(&t);
    return status;
}

sg_status sg_clusters_colours(const char *name, const sg_pairs *pairs, bool single, size_t memory, sg_kernel **kernel) {
    colour_kernel *made = NULL;
    const double states = pow(pairs->q, pairs->n);
    *kernel = NULL;
    if (pairs->n > SITES || pairs->q > COLOURS || states > 1 << 24)
        return sg_fail(
            SG_REFUSED,
            "the transition matrix of %s is computed for at most %d sites and 2^24 states, these are %d sites "
            "of %d states: take a smaller n, or sample by these dynamics",
            name, (int)SITES, pairs->n, pairs->q);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status) return status;
    made->base = (sg_kernel){.n = pairs->n,
                             .q = pairs->q,

                             .apply = single ? apply_shares : apply_classes,
                             .release = release};
    made->q = pairs->q;
    made->states = (uint32_t)states;
    if (!single) made->classes = list_classes(made, NULL);
    status = check_memory(name, made, single, memory);
    if (!status) status = fill(made, pairs, single);
    if (status)
        release(&made->base);
    else
        *kernel = &made->base;
    return status;
}
