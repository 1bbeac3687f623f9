/* Jumps on sites by a list of all states: all eigenpairs, all starts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "spectrum/chain/fibres.h"
#include "states.h"

/* The states of positive probability. */
typedef struct {
    int count;
    int *number;    /* [q^n] of a state, -1: forbidden */
    uint32_t *code; /* [count] */
    double *rate;   /* [count][count] summed */
    sg_chain chain;
    int *from, *to;
    double *log_rate, *log_pi;
} listing;

static void release_listing(listing *l) {
    void *part[] = {l->number, l->code, l->rate, l->from, l->to, l->log_rate, l->log_pi};
    for (size_t k = 0; k < sizeof part / sizeof *part; k++) sg_delete(part[k]);
}

static void add_move(const sg_states_problem *p, int x, uint32_t there, listing *l) {
    const int y = l->number[there];
    if (y < 0) return;
    l->rate[(size_t)x * (size_t)l->count + (size_t)y] +=
        exp(sg_states_log_rate(p, p->log_p[there] - p->log_p[l->code[x]]));
}

static void add_moves(const sg_states_problem *p, listing *l) {
    const uint32_t q = (uint32_t)p->q;
    for (int x = 0; x < l->count; x++) {
        uint32_t step = 1;
        for (int i = 0; i < p->n; i++, step *= q) {
            const uint32_t here = l->code[x] / step % q, none = l->code[x] - here * step;
            for (uint32_t s = 0; s < q; s++)
                if (s != here) add_move(p, x, none + s * step, l);
        }
    }
}

/* The states of a fibre, each from each at weight p(y | outside). */
static void add_fibre(const sg_states_problem *p, int length, const int32_t *state, double weight, listing *l) {
    double top = -INFINITY, sum = 0;
    for (int e = 0; e < length; e++) top = fmax(top, p->log_p[state[e]]);
    if (top == -INFINITY) return;
    for (int e = 0; e < length; e++) sum += exp(p->log_p[state[e]] - top);
    for (int e = 0; e < length; e++) {
        const int x = l->number[state[e]];
        for (int g = 0; x >= 0 && g < length; g++) {
            const int y = l->number[state[g]];
            if (y >= 0 && y != x)
                l->rate[(size_t)x * (size_t)l->count + (size_t)y] += weight * exp(p->log_p[state[g]] - top) / sum;
        }
    }
}

static sg_status add_block(const sg_states_problem *p, uint32_t mask, double weight, listing *l) {
    sg_fibres f;
    int32_t *offset = NULL, *state = NULL, base;
    sg_fibres_of(p->n, p->q, mask, &f);
    sg_status status = sg_new(&offset, (size_t)f.length, sizeof *offset);
    if (!status) status = sg_new(&state, (size_t)f.length, sizeof *state);
    if (!status) sg_fibres_offsets(&f, 0, (int)f.length, offset);
    for (int64_t k = 0; k < f.count && !status; k++) {
        sg_fibres_bases(&f, k, 1, &base);
        for (int64_t e = 0; e < f.length; e++) state[e] = base + offset[e];
        add_fibre(p, (int)f.length, state, weight, l);
    }
    sg_delete(offset);
    sg_delete(state);
    return status;
}

static sg_status add_blocks(const sg_states_problem *p, listing *l) {
    sg_site_blocks blocks = {0};
    sg_status status = p->loss->row->blocks(p->loss->options, p->model, &blocks);
    for (int b = 0; !status && b < blocks.count; b++) status = add_block(p, blocks.mask[b], blocks.rate[b], l);
    sg_delete(blocks.mask);
    sg_delete(blocks.rate);
    return status;
}

static sg_status list_states(const sg_states_problem *p, listing *l) {
    sg_status status = sg_new(&l->number, p->states, sizeof *l->number);
    if (!status) status = sg_new(&l->code, p->states, sizeof *l->code);
    if (status) return status;
    for (size_t x = 0; x < p->states; x++) {
        l->number[x] = p->log_p[x] > -INFINITY ? l->count : -1;
        if (l->number[x] >= 0) l->code[l->count++] = (uint32_t)x;
    }
    const size_t n = (size_t)l->count;
    if (n < 2) return sg_fail(SG_REFUSED, "%s has one state only: nothing mixes", p->model->text);
    if (!status) status = sg_new(&l->rate, n * n, sizeof(double));
    if (!status) status = sg_new(&l->log_pi, n, sizeof(double));
    if (status) return status;
    if (sg_states_moves(p))
        add_moves(p, l);
    else
        status = add_blocks(p, l);
    for (size_t x = 0; x < n; x++) l->log_pi[x] = p->log_p[l->code[x]];
    return status;
}

static sg_status list_edges(listing *l) {
    const size_t n = (size_t)l->count;
    size_t edges = 0;
    for (size_t e = 0; e < n * n; e++) edges += l->rate[e] > 0;
    sg_status status = sg_new(&l->from, edges + 1, sizeof *l->from);
    if (!status) status = sg_new(&l->to, edges + 1, sizeof *l->to);
    if (!status) status = sg_new(&l->log_rate, edges + 1, sizeof *l->log_rate);
    if (status) return status;
    edges = 0;
    for (size_t x = 0; x < n; x++)
        for (size_t y = 0; y < n; y++) {
            if (!(l->rate[x * n + y] > 0)) continue;
            l->from[edges] = (int)x;
            l->to[edges] = (int)y;
            l->log_rate[edges++] = log(l->rate[x * n + y]);
        }
    sg_delete(l->rate); /* the solver needs the room */
    l->rate = NULL;
    l->chain = (sg_chain){l->count, (long long)edges, l->from, l->to, l->log_rate, l->log_pi};
    return SG_OK;
}

sg_status sg_states_by_listing(sg_states_problem *p, sg_mixing *out) {
    const sg_sites_start *start = p->start;
    listing l = {0};
    double *law = NULL, *warm = NULL;
    sg_status status = sg_states_need_law(p);
    if (!status && start->kind == SG_FROM_STATE) status = sg_states_check(p);
    if (!status) status = list_states(p, &l);
    if (!status) status = list_edges(&l);
    if (!status && start->kind == SG_FROM_WARM) status = sg_new(&law, (size_t)l.count, sizeof(double));
    if (!status && law) status = sg_new(&warm, p->states, sizeof(double));
    if (status) goto out;
    if (law) {
        sg_states_warm(p->n, p->q, p->log_p, warm);
        for (int x = 0; x < l.count; x++) law[x] = warm[l.code[x]];
    }
    status =
        sg_chain_mixing(&l.chain, start->kind == SG_FROM_STATE ? l.number[start->state] : -1, law, p->settings, out);
    if (law) sg_states_warm_text(p->q, out);
    if (!status && out->state >= 0) {
        const uint32_t code = l.code[out->state];
        sg_states_name(p->n, p->q, start->kind == SG_FROM_WORST ? "worst: " : "", code,
                       sg_states_same(p->n, p->q, code), out);
        out->state = (int)code;
    }
out:
    release_listing(&l);
    sg_delete(law);
    sg_delete(warm);
    return status;
}
