/*
 * Conditional blocks of models whose sites are alike.  With r sites in state 1 outside a block of s sites, the number b
 * of those inside has p(b) ~ C(s,b) p(state with r + b); a random block at a state with k of them holds a = k - r by
 * the hypergeometric law.
 */
#include "dictionary/block-counts.h"

#include <math.h>
#include <string.h>

#include "dictionary/block-loss.h"
#include "dictionary/gram.h"
#include "dictionary/site-view.h"

enum { B = SG_BLOCK };

typedef struct {
    sg_site_view *view;
    sg_datum *datum;
    const double *count; /* [n] */
    int d, m, s;         /* sites, parameters, sites of the block */
    double *log_ways;    /* [s + 1] log C(s,b) */
    double *p;           /* [d + 1] of one law */
    double *log_sum;     /* [d + 1] by r: log sum_b C(s,b) p(r + b); NaN: not computed */
    double *mean;        /* [m][d + 1] by r: E F */
    double *spread;      /* [m(m+1)/2][d + 1] by r: Cov F, pairs j >= k */
    double *psi;         /* [m] at one point and block */
    double *total;       /* [m][B] psi */
} counting;

static size_t pairs_of(int m) {
    return (size_t)m * (size_t)(m + 1) / 2;
}

static size_t numbers_of(const sg_site_view *v) {
    const size_t states = (size_t)v->d + 1, m = (size_t)v->m;
    return states * (3 + m + pairs_of(v->m)) + m + m * B;
}

size_t sg_block_counts_bytes(const sg_site_view *view) {
    return view->count_theta ? numbers_of(view) * sizeof(double) + SG_ALIGN : 0;
}

static void open_counting(sg_site_view *v, sg_datum *datum, counting *c) {
    const size_t states = (size_t)v->d + 1, m = (size_t)v->m;
    double *room = sg_arena_take(v->arena, numbers_of(v), sizeof(double));
    *c = (counting){.view = v, .datum = datum, .count = sg_site_view_counts(v), .d = v->d, .m = v->m};
    c->log_ways = room;
    c->p = c->log_ways + states;
    c->log_sum = c->p + states;
    c->mean = c->log_sum + states;
    c->spread = c->mean + m * states;
    c->psi = c->spread + pairs_of(v->m) * states;
    c->total = c->psi + m;
    memset(c->total, 0, m * B * sizeof(double));
    if (datum->want & SG_VALUE) memset(datum->value, 0, B * sizeof(double));
}

/* -------------------------------------------------------- one law inside blocks */

static void set_size(counting *c, int s) {
    c->s = s;
    c->log_ways[0] = 0;
    for (int b = 0; b < s; b++) c->log_ways[b + 1] = c->log_ways[b] + log((double)(s - b) / (b + 1));
    for (int r = 0; r <= c->d; r++) c->log_sum[r] = NAN;
}

static double statistic(const counting *c, int j, int k) {
    return c->view->count_dt[(size_t)j * (size_t)(c->d + 1) + (size_t)k];
}

static void find_law(counting *c, int r) {
    const double *logp = c->view->count_logp + r;
    double most = -INFINITY, sum = 0;
    for (int b = 0; b <= c->s; b++) most = fmax(most, c->log_ways[b] + logp[b]);
    for (int b = 0; b <= c->s; b++) sum += c->p[b] = most > -INFINITY ? exp(c->log_ways[b] + logp[b] - most) : 0;
    for (int b = 0; b <= c->s && sum > 0; b++) c->p[b] /= sum;
    c->log_sum[r] = sum > 0 ? most + log(sum) : -INFINITY;
}

/* Moments about the state with none inside, so that what is common is not lost. */
static void find_moments(counting *c, int r) {
    const size_t states = (size_t)c->d + 1;
    size_t pair = 0;
    for (int j = 0; j < c->m; j++) {
        double sum = 0;
        for (int b = 1; b <= c->s; b++) sum += c->p[b] * (statistic(c, j, r + b) - statistic(c, j, r));
        c->mean[(size_t)j * states + (size_t)r] = statistic(c, j, r) + sum;
        for (int k = 0; k <= j; k++, pair++) {
            const double mj = c->mean[(size_t)j * states + (size_t)r], mk = c->mean[(size_t)k * states + (size_t)r];
            double product = 0;
            for (int b = 0; b <= c->s; b++)
                product += c->p[b] * (statistic(c, j, r + b) - mj) * (statistic(c, k, r + b) - mk);
            c->spread[pair * states + (size_t)r] = product;
        }
    }
}

static void need(counting *c, int r) {
    if (!isnan(c->log_sum[r])) return;
    find_law(c, r);
    find_moments(c, r);
}

/* ------------------------------------------------------------ one point, one r */

static void add_spread(const counting *c, double share, int r, double *sum) {
    const size_t states = (size_t)c->d + 1;
    size_t pair = 0;
    for (int j = 0; j < c->m; j++)
        for (int k = 0; k <= j; k++, pair++)
            sum[(size_t)j + (size_t)k * (size_t)c->m] += share * c->spread[pair * states + (size_t)r];
}

static void add_outside(counting *c, int point, double share, int r) {
    const int want = c->datum->want, k = (int)c->count[point];
    const double *weight = c->view->block->weight, mass = share * (weight ? weight[point] : 1);
    need(c, r);
    if (want & SG_VALUE) c->datum->value[point] += share * (c->log_sum[r] - c->view->count_logp[k]);
    for (int j = 0; j < c->m; j++) {
        c->psi[j] = c->mean[(size_t)j * (size_t)(c->d + 1) + (size_t)r] - statistic(c, j, k);
        c->total[(size_t)j * B + (size_t)point] += share * c->psi[j];
    }
    if (want & SG_CURVATURE) add_spread(c, mass, r, c->datum->curvature_sum);
    if (want & SG_DIRICHLET) add_spread(c, mass, r, c->datum->dirichlet_sum);
    for (int j = 0; want & SG_NOISE && j < c->m; j++)
        for (int l = 0; l <= j; l++)
            c->datum->noise_sum[(size_t)j + (size_t)l * (size_t)c->m] += mass * c->psi[j] * c->psi[l];
}

static bool has_mass(const counting *c, int point) {
    return c->view->count_logp[(int)c->count[point]] > -INFINITY;
}

/*
 * The hypergeometric law of a: from its mode outwards by ratios of neighbours, so that nothing underflows that counts.
 */
static void fill_shares(counting *c, int k, int from, int to) {
    const int d = c->d, s = c->s;
    int mode = (int)((k + 1.0) * (s + 1.0) / (d + 2.0));
    double sum = 1;
    mode = mode < from ? from : mode > to ? to : mode;
    c->p[mode] = 1;
    for (int a = mode; a < to; a++)
        sum += c->p[a + 1] = c->p[a] * ((double)(k - a) * (s - a) / ((a + 1.0) * (d - k - s + a + 1.0)));
    for (int a = mode; a > from; a--)
        sum += c->p[a - 1] = c->p[a] * (a * (d - k - s + (double)a) / ((k - a + 1.0) * (s - a + 1.0)));
    for (int a = from; a <= to; a++) c->p[a] /= sum;
}

static void add_subsets(counting *c, int point, double share) {
    const int k = (int)c->count[point], s = c->s;
    const int from = s > c->d - k ? s - (c->d - k) : 0, to = k < s ? k : s;
    for (int a = from; a <= to; a++) need(c, k - a);
    fill_shares(c, k, from, to);
    for (int a = from; a <= to; a++) add_outside(c, point, share * c->p[a], k - a);
}

static void close_counting(counting *c, size_t mark, const sg_local *local) {
    if (c->datum->want & SG_PSI) memcpy(c->datum->psi, c->total, (size_t)c->m * B * sizeof(double));
    if (c->datum->want & SG_SCORE) sg_site_view_score(c->view, local, c->datum->score);
    sg_arena_rewind(c->view->arena, mark);
}

/* ----------------------------------------------------------------------- blocks */

void sg_block_loss_counted(const double *share, const sg_local *local, sg_site_view *view, sg_datum *datum) {
    const sg_block *block = view->block;
    const size_t mark = sg_arena_mark(view->arena);
    double off[B];
    counting c;
    open_counting(view, datum, &c);
    for (int s = 1; s <= c.d; s++) {
        if (!(share[s] > 0)) continue;
        set_size(&c, s);
        for (int i = 0; i < block->n; i++)
            if (has_mass(&c, i)) add_subsets(&c, i, share[s]);
    }
    for (int i = 0; i < block->n; i++) off[i] = block->weight ? -block->weight[i] : -1;
    if (datum->want & SG_NOISE) sg_gram_add(block->n, off, c.m, c.total, NULL, c.m, datum->noise_sum);
    close_counting(&c, mark, local);
}

static int inside(const sg_block *block, int point) {
    int a = 0;
    for (uint32_t rest = block->tag[point]; rest; rest &= rest - 1)
        a += block->x[(size_t)__builtin_ctz(rest) * B + (size_t)point] > 0;
    return a;
}

void sg_block_loss_counted_tagged(const sg_local *local, sg_site_view *view, sg_datum *datum) {
    const sg_block *block = view->block;
    const size_t mark = sg_arena_mark(view->arena);
    const int want = datum->want;
    counting c;
    open_counting(view, datum, &c);
    datum->want &= ~SG_NOISE;
    for (int s = 1; s <= c.d; s++) {
        bool set = false;
        for (int i = 0; i < block->n; i++) {
            if (__builtin_popcount(block->tag[i]) != s) continue;
            if (!set) set_size(&c, s);
            set = true;
            add_outside(&c, i, 1, (int)c.count[i] - inside(block, i));
        }
    }
    close_counting(&c, mark, local);
    datum->want = want;
}
