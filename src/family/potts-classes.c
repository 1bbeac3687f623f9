#include "family/potts-classes.h"

#include <math.h>
#include <stdio.h>

enum { STATES_MOST = 10, CLASSES_MOST = 1 << 20 };

/* Ways to share n sites among r states. */
static double shares(int n, int r) {
    double ways = 1;
    for (int k = 1; k < r; k++) ways = ways * (n + k) / k;
    return ways;
}

/* The number of a class: those with fewer sites in state q - 1 come first, then in q - 2, ... */
static int class_of(int n, int q, const int *count) {
    double rank = 0;
    for (int s = q - 1; s > 0; s--) {
        rank += shares(n, s + 1) - shares(n - count[s], s + 1);
        n -= count[s];
    }
    return (int)(rank + 0.5);
}

/* The class after this one. */
static void next(int q, int *count) {
    int s = 1;
    while (s < q - 1 && !count[0]) {
        count[0] = count[s];
        count[s++] = 0;
    }
    count[0]--;
    count[s]++;
}

static int states_taken(int q, const int *count) {
    int taken = 0;
    for (int s = 0; s < q; s++) taken += count[s] > 0;
    return taken;
}

/* Sites in state a go to each other state b. */
static void add_moves(int n, int q, int class, int *count, int *edge, sg_lumped *out) {
    for (int a = 0; a < q; a++) {
        const int sites = count[a];
        for (int b = 0; b < q && sites; b++) {
            if (b == a) continue;
            count[a]--;
            count[b]++;
            out->from[*edge] = class;
            out->to[*edge] = class_of(n, q, count);
            out->flips[*edge] = sites;
            if (out->site) out->site[*edge] = a;
            count[a]++;
            count[b]--;
            ++*edge;
        }
    }
}

static void add_class(int n, int q, double J, int class, const int *count, sg_lumped *out) {
    double pairs = 0, ways = lgamma(n + 1.0);
    for (int s = 0; s < q; s++) {
        pairs += 0.5 * count[s] * (count[s] - 1.0);
        ways -= lgamma(count[s] + 1.0);
    }
    out->log_p[class] = J * pairs;
    out->log_size[class] = ways;
}

sg_status sg_potts_classes(int n, int q, double J, sg_lumped **lumped) {
    const double classes = shares(n, q);
    int count[STATES_MOST] = {n}, edges = 0, edge = 0;
    *lumped = NULL;
    if (classes > CLASSES_MOST)
        return sg_fail(SG_REFUSED, "the classes of %d sites with %d states are %.0f, more than %d: take a smaller n", n,
                       q, classes, (int)CLASSES_MOST);
    for (int k = 0; k < (int)classes; k++) {
        if (k) next(q, count);
        edges += states_taken(q, count) * (q - 1);
    }
    sg_status status = sg_lumped_new((int)classes, edges, lumped);
    if (status == SG_OK && q > 2) status = sg_new(&(*lumped)->site, (size_t)edges, sizeof(int));
    if (status == SG_OK && q > 2) status = sg_new(&(*lumped)->composition, (size_t)(classes * q), sizeof(int));
    if (status != SG_OK) {
        sg_lumped_delete(*lumped);
        *lumped = NULL;
        return status;
    }
    for (int s = 0; s < q; s++) count[s] = s ? 0 : n;
    for (int k = 0; k < (int)classes; k++) {
        if (k) next(q, count);
        add_class(n, q, J, k, count, *lumped);
        for (int s = 0; s < q && (*lumped)->composition; s++) (*lumped)->composition[k * q + s] = count[s];
        add_moves(n, q, k, count, &edge, *lumped);
    }
    (*lumped)->path = (*lumped)->counts = q == 2;
    (*lumped)->attractive = q == 2 && J >= 0;
    snprintf((*lumped)->symmetry, sizeof(*lumped)->symmetry, "permutations of the sites");
    return SG_OK;
}
