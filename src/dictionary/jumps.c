/* The process of a chain that is given by its rates, reversible or not: a generator without a loss. */
#include <math.h>

#include "dictionary/numbers.h"

static const sg_field options[] = {{.key = NULL}};

static sg_status runs(const void *own, const sg_model *model) {
    (void)own;
    if (model->family->can & SG_RATES) return SG_OK;
    return sg_fail(SG_MISFIT, "jumps needs a chain that is given by its rates, such as family chain: %s is none",
                   model->text);
}

static int none(const sg_model *model) {
    (void)model;
    return 0;
}

static int no_jets(const sg_model *model, int want) {
    (void)model, (void)want;
    return 0;
}

/* Transitions by state: those of x are first[x] .. first[x + 1] - 1, with the sums of their rates so far. */
typedef struct {
    int n, *to;
    size_t *first;
    double *sum;
} lists;

static void release(sg_prepared *prepared) {
    lists *l = (lists *)prepared;
    if (!l) return;
    sg_delete(l->first);
    sg_delete(l->to);
    sg_delete(l->sum);
    sg_delete(l);
}

static void fill(const sg_rates *rates, lists *l) {
    const size_t edges = (size_t)rates->edges;
    size_t *next = l->first + 1; /* counts, then ends of the lists so far */
    l->n = rates->n;
    for (size_t e = 0; e < edges; e++) next[rates->from[e] + 1]++;
    for (int x = 0; x < rates->n; x++) next[x + 1] += next[x];
    for (size_t e = 0; e < edges; e++) {
        const size_t at = next[rates->from[e]]++;
        l->to[at] = rates->to[e];
        l->sum[at] = rates->speed * exp(rates->log_rate[e]);
    }
    for (int x = 0; x < rates->n; x++)
        for (size_t a = l->first[x] + 1; a < l->first[x + 1]; a++) l->sum[a] += l->sum[a - 1];
}

static sg_status prepare(const void *own, const sg_model *model, const double *theta, const sg_panels *panels,
                         sg_prepared **prepared) {
    sg_rates rates;
    lists *made = NULL;
    (void)own, (void)panels;
    if (*prepared) return SG_OK;
    model->family->rates(model, theta, &rates);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = sg_new(&made->first, (size_t)rates.n + 2, sizeof *made->first);
    if (status == SG_OK) status = sg_new(&made->to, (size_t)rates.edges + 1, sizeof *made->to);
    if (status == SG_OK) status = sg_new(&made->sum, (size_t)rates.edges + 1, sizeof *made->sum);
    if (status != SG_OK) {
        release((sg_prepared *)made);
        return status;
    }
    fill(&rates, made);
    *prepared = (sg_prepared *)made;
    return SG_OK;
}

/* The process over a time dt, jump by jump, without an error of the time step. */
static void step(const sg_prepared *prepared, sg_walk *walk) {
    const lists *l = (const lists *)prepared;
    for (int c = 0; c < walk->block.n; c++) {
        sg_numbers r;
        int x = (int)walk->block.x[c];
        sg_numbers_open(walk, c, &r);
        for (double left = walk->dt;;) {
            size_t low = l->first[x], high = l->first[x + 1];
            if (low == high) break;
            const double total = l->sum[--high];
            left += log(sg_numbers_draw(&r)) / total;
            if (!(left > 0)) break;
            const double at = sg_numbers_draw(&r) * total;
            while (low < high) {
                const size_t middle = low + (high - low) / 2;
                if (l->sum[middle] > at)
                    high = middle;
                else
                    low = middle + 1;
            }
            x = l->to[low];
            walk->proposed++;
            walk->accepted++;
        }
        walk->block.x[c] = x;
    }
}

const sg_row sg_row_jumps = {
    .name = "jumps",
    .dynamics = "jumps",
    .clock = "unit time of the rates that are given",
    .generator_formula = "sum_j rate(i,j) (f(j) - f(i))",
    .summary = "a chain by its rates, reversible or not: no loss",
    .options = options,
    .kind = SG_JUMP,
    .fit = SG_GENERAL,
    .roots = none,
    .jets = no_jets,
    .prepare = prepare,
    .release = release,
    .step = step,
    .runs = runs,
    .sampler_only = true,
};
