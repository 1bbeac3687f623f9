/* Jumps on two-state sites by a list of all states: all eigenpairs, all starts. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "solve.h"
#include "states.h"

/* The states of positive probability. */
typedef struct {
    int count;
    int *number;    /* [2^n] of a state, -1: forbidden */
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

static void add_flips(const sg_states_problem *p, listing *l) {
    for (int x = 0; x < l->count; x++)
        for (int i = 0; i < p->n; i++) {
            const uint32_t there = l->code[x] ^ UINT32_C(1) << i;
            if (l->number[there] < 0) continue;
            l->rate[(size_t)x * (size_t)l->count + (size_t)l->number[there]] +=
                exp(sg_states_log_rate(p, p->log_p[there] - p->log_p[l->code[x]]));
        }
}

/* The states that agree outside a block, each from each at weight p(y | outside). */
static void add_block(const sg_states_problem *p, uint32_t mask, double weight, listing *l) {
    for (uint32_t base = 0; base < p->states; base++) {
        if (base & mask) continue;
        double top = -INFINITY, sum = 0;
        for (uint32_t part = mask;; part = (part - 1) & mask) {
            top = fmax(top, p->log_p[base | part]);
            if (!part) break;
        }
        if (top == -INFINITY) continue;
        for (uint32_t part = mask;; part = (part - 1) & mask) {
            sum += exp(p->log_p[base | part] - top);
            if (!part) break;
        }
        for (uint32_t a = mask;; a = (a - 1) & mask) {
            const int x = l->number[base | a];
            for (uint32_t b = mask; x >= 0; b = (b - 1) & mask) {
                const int y = l->number[base | b];
                if (y >= 0 && y != x)
                    l->rate[(size_t)x * (size_t)l->count + (size_t)y] += weight * exp(p->log_p[base | b] - top) / sum;
                if (!b) break;
            }
            if (!a) break;
        }
    }
}

static sg_status add_blocks(const sg_states_problem *p, listing *l) {
    sg_site_blocks blocks = {0};
    sg_status status = p->loss->row->blocks(p->loss->options, p->model, &blocks);
    for (int b = 0; !status && b < blocks.count; b++) add_block(p, blocks.mask[b], blocks.rate[b], l);
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
    if (p->loss->row->rate)
        add_flips(p, l);
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
    listing l = {0};
    double *law = NULL, *warm = NULL;
    sg_status status = sg_states_need_law(p);
    if (!status && p->start == SG_FROM_STATE) status = sg_states_check(p);
    if (!status) status = list_states(p, &l);
    if (!status) status = list_edges(&l);
    if (!status && p->start == SG_FROM_WARM) status = sg_new(&law, (size_t)l.count, sizeof(double));
    if (!status && law) status = sg_new(&warm, p->states, sizeof(double));
    if (status) goto out;
    if (law) {
        sg_states_warm(p->n, p->log_p, warm);
        for (int x = 0; x < l.count; x++) law[x] = warm[l.code[x]];
    }
    status = sg_chain_mixing(&l.chain, p->start == SG_FROM_STATE ? l.number[p->state] : -1, law, p->settings, out);
    if (law) strcpy(out->start, SG_WARM_TEXT);
    if (!status && out->state >= 0) {
        sg_states_name(p, p->start == SG_FROM_WORST ? "worst: " : "", l.code[out->state], out);
        out->state = (int)l.code[out->state];
    }
out:
    release_listing(&l);
    sg_delete(law);
    sg_delete(warm);
    return status;
}
