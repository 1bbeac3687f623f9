/* Which blocks of sites are resampled in which pass over the cube. */
#include "cube.h"

static int bits_of(uint32_t mask) {
    return __builtin_popcount(mask);
}

/* The bits of x at the places of the bits of mask. */
static uint32_t deposit(uint32_t x, uint32_t mask) {
    uint32_t out = 0;
    for (; mask; mask &= mask - 1, x >>= 1)
        if (x & 1) out |= mask & -mask;
    return out;
}

/* The inverse: the bits of x at the bits of mask, gathered. */
static uint32_t gather(uint32_t x, uint32_t mask) {
    uint32_t out = 0, bit = 1;
    for (; mask; mask &= mask - 1, bit <<= 1)
        if (x & mask & -mask) out |= bit;
    return out;
}

typedef struct {
    sg_cube_plan *plan;
    int blocks;
    const uint32_t *block;
    const double *weight;
    bool *done;
} planner;

static uint32_t run_mask(const sg_cube_plan *plan) {
    return ((uint32_t)1 << plan->run) - 1;
}

/* High bits for a pass: those of the first block that is not done, then of every other that still fits, then any. */
static uint32_t choose_high(const planner *p) {
    const sg_cube_plan *plan = p->plan;
    const int room = plan->bits - plan->run;
    uint32_t high = 0, low = run_mask(plan);
    for (int b = 0; b < p->blocks; b++) {
        uint32_t wanted = high | (p->block[b] & ~low);
        if (!p->done[b] && bits_of(wanted) <= room) high = wanted;
    }
    for (int bit = plan->run; bit < plan->n && bits_of(high) < room; bit++) high |= (uint32_t)1 << bit;
    return high;
}

static void add_terms(planner *p, sg_cube_pass *pass) {
    sg_cube_plan *plan = p->plan;
    uint32_t free = pass->high | run_mask(plan);
    pass->first = plan->terms;
    for (int b = 0; b < p->blocks; b++) {
        if (p->done[b] || (p->block[b] & ~free)) continue;
        p->done[b] = true;
        pass->weight += p->weight[b];
        plan->term[plan->terms++] = (sg_cube_term){gather(p->block[b], free), p->weight[b]};
    }
    pass->terms = plan->terms - pass->first;
}

static sg_status add_pass(planner *p) {
    sg_cube_plan *plan = p->plan;
    const uint32_t runs = (uint32_t)1 << (plan->bits - plan->run);
    sg_cube_pass *pass = &plan->pass[plan->passes];
    sg_status status = sg_new(&pass->offset, runs, sizeof(uint32_t));
    if (status) return status;
    plan->passes++;
    pass->high = choose_high(p);
    pass->run = pass->high == ((runs - 1) << plan->run) ? plan->bits : plan->run;
    for (uint32_t r = 0; r < runs; r++) pass->offset[r] = deposit(r, pass->high);
    add_terms(p, pass);
    return SG_OK;
}

static bool is_wide(const sg_cube_plan *plan, uint32_t block) {
    return bits_of(block & ~run_mask(plan)) > plan->bits - plan->run;
}

static sg_status fill(planner *p) {
    sg_cube_plan *plan = p->plan;
    for (int b = 0; b < p->blocks; b++) {
        if (!is_wide(plan, p->block[b])) continue;
        p->done[b] = true;
        plan->wide_term[plan->wide++] = (sg_cube_term){p->block[b], p->weight[b]};
    }
    for (int b = 0; b < p->blocks; b++) {
        sg_status status = p->done[b] ? SG_OK : add_pass(p);
        if (status) return status;
    }
    return SG_OK;
}

sg_status sg_cube_plan_new(int n, int blocks, const uint32_t *block, const double *weight, sg_cube_plan **made) {
    sg_cube_plan *plan = NULL;
    planner p = {.blocks = blocks, .block = block, .weight = weight};
    *made = NULL;
    sg_status status = sg_new(&plan, 1, sizeof *plan);
    if (status) goto out;
    p.plan = plan;
    plan->n = n;
    plan->bits = n < SG_CUBE_TILE_BITS ? n : SG_CUBE_TILE_BITS;
    plan->run = plan->bits < SG_CUBE_RUN_BITS ? plan->bits : SG_CUBE_RUN_BITS;
    if ((status = sg_new(&plan->pass, (size_t)blocks, sizeof *plan->pass))) goto out;
    if ((status = sg_new(&plan->term, (size_t)blocks, sizeof *plan->term))) goto out;
    if ((status = sg_new(&plan->wide_term, (size_t)blocks, sizeof *plan->wide_term))) goto out;
    if ((status = sg_new(&p.done, (size_t)blocks, sizeof *p.done))) goto out;
    if ((status = fill(&p))) goto out;
    *made = plan;
    plan = NULL;
out:
    sg_delete(p.done);
    sg_cube_plan_delete(plan);
    return status;
}

void sg_cube_plan_delete(sg_cube_plan *plan) {
    if (!plan) return;
    for (int k = 0; k < plan->passes; k++) sg_delete(plan->pass[k].offset);
    sg_delete(plan->pass);
    sg_delete(plan->term);
    sg_delete(plan->wide_term);
    sg_delete(plan);
}
