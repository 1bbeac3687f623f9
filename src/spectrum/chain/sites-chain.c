/* Jumps on sites as an explicit chain: every move between two states with its rate. */
#include <math.h>

#include "fibres.h"
#include "sites.h"

typedef struct {
    const sg_sites *sites;
    long long edges;
    int *from, *to;
    double *log_rate;
} builder;

static double moves_of(const sg_fibres *f) {
    return (double)f->count * (double)f->length * (double)(f->length - 1);
}

static int blocks_of(const sg_sites *sites) {
    return sites->blocks ? sites->blocks->count : sites->d;
}

static uint32_t mask_of(const sg_sites *sites, int b) {
    return sites->blocks ? sites->blocks->mask[b] : UINT32_C(1) << b;
}

double sg_sites_moves(const sg_sites *sites) {
    double sum = 0;
    for (int b = 0; b < blocks_of(sites); b++) {
        sg_fibres f;
        sg_fibres_of(sites->d, sites->q, mask_of(sites, b), &f);
        sum += moves_of(&f);
    }
    return sum;
}

static void add(builder *b, int x, int y, double log_rate) {
    b->from[b->edges] = x;
    b->to[b->edges] = y;
    b->log_rate[b->edges++] = log_rate;
}

/* Drawn given the rest: x -> y at rate * p(y) / p(fibre). */
static void add_drawn(builder *b, int64_t length, const int32_t *state, double rate) {
    const double *log_p = b->sites->log_p;
    double top = -INFINITY, sum = 0;
    for (int64_t e = 0; e < length; e++) top = fmax(top, log_p[state[e]]);
    for (int64_t e = 0; e < length; e++) sum += exp(log_p[state[e]] - top);
    for (int64_t e = 0; e < length; e++)
        for (int64_t g = 0; g < length; g++)
            if (e != g) add(b, state[e], state[g], log(rate) + log_p[state[g]] - top - log(sum));
}

/* rate(u) = e^u rate(-u): that of u < 0 keeps its accuracy where it is small. */
static void add_moved(builder *b, int64_t length, const int32_t *state) {
    const sg_sites *sites = b->sites;
    for (int64_t e = 0; e < length; e++)
        for (int64_t g = 0; g < length; g++) {
            const double u = sites->log_p[state[g]] - sites->log_p[state[e]], up = fabs(u);
            double rate;
            if (e == g) continue;
            sites->rate(sites->context, 1, &up, &rate);
            add(b, state[e], state[g], log(rate) + (u < 0 ? u : 0));
        }
}

static sg_status add_block(builder *b, int block) {
    sg_fibres f;
    int32_t *offset = NULL, *state = NULL, base;
    sg_fibres_of(b->sites->d, b->sites->q, mask_of(b->sites, block), &f);
    sg_status status = sg_new(&offset, (size_t)f.length, sizeof *offset);
    if (!status) status = sg_new(&state, (size_t)f.length, sizeof *state);
    if (!status) sg_fibres_offsets(&f, 0, (int)f.length, offset);
    for (int64_t k = 0; k < f.count && !status; k++) {
        sg_fibres_bases(&f, k, 1, &base);
        for (int64_t e = 0; e < f.length; e++) state[e] = base + offset[e];
        if (b->sites->blocks)
            add_drawn(b, f.length, state, b->sites->blocks->rate[block]);
        else
            add_moved(b, f.length, state);
    }
    sg_delete(offset);
    sg_delete(state);
    return status;
}

sg_status sg_sites_chain(const sg_sites *sites, sg_chain *chain, int **from, int **to, double **log_rate) {
    builder b = {.sites = sites};
    const size_t room = (size_t)sg_sites_moves(sites);
    sg_status status = sg_new(&b.from, room, sizeof(int));
    if (!status) status = sg_new(&b.to, room, sizeof(int));
    if (!status) status = sg_new(&b.log_rate, room, sizeof(double));
    for (int k = 0; k < blocks_of(sites) && !status; k++) status = add_block(&b, k);
    *from = b.from;
    *to = b.to;
    *log_rate = b.log_rate;
    *chain = (sg_chain){.n = (int)pow(sites->q, sites->d),
                        .edges = b.edges,
                        .from = b.from,
                        .to = b.to,
                        .log_rate = b.log_rate,
                        .log_pi = sites->log_p};
    return status;
}
