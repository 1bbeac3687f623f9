/*
 * The pass down: from the probabilities of the sites that are left, and of the first site given these, those of each
 * table, and so the mean of each factor.  With the means of a few sums given the sites that are left go the means of
 * these sums given each table, and so their covariances with the factors.  Nothing is divided: what is passed on is
 * the mean given the sites times their probability.
 */
#include <math.h>
#include <string.h>

#include "family/elimination.h"

enum { AT_A_TIME = 64 };
static const double KEPT = 0x1p23; /* doubles that more than a few at a time may take */

typedef struct {
    const sg_elimination *plan;
    const sg_factors *factors;
    sg_elimination_pass pass;
    int *index;                     /* [sums] */
    double *probability, *weighted; /* [messages], [a][messages] of the sites that are left */
    double *below;                  /* [1 + a][largest] */
    double *small;                  /* of a factor */
    double *mean, *covariance;      /* [sums], [sums,sums] */
    int first, count;               /* sums whose covariances are being found */
} descent;

/* Probabilities of table k, and the means times these. */
static void fill_table(const descent *d, int k, size_t entries) {
    const sg_elimination *plan = d->plan;
    const size_t size = entries * (size_t)plan->q;
    const double *conditional = d->pass.conditional + plan->table[k], *left = d->probability + plan->message[k];
    for (size_t at = 0; at < size; at += entries) {
        const double *restrict w = conditional + at;
        double *restrict p = d->below + at;
#pragma omp simd
        for (size_t i = 0; i < entries; i++) p[i] = w[i] * left[i];
        for (int a = 0; a < d->count; a++) {
            const double *restrict x = d->pass.deviation + (size_t)a * plan->tables + plan->table[k] + at;
            const double *restrict rest = d->weighted + (size_t)a * plan->messages + plan->message[k];
            double *restrict y = d->below + (1 + (size_t)a) * plan->largest + at;
#pragma omp simd
            for (size_t i = 0; i < entries; i++) y[i] = p[i] * x[i] + w[i] * rest[i];
        }
    }
}

static void pass_on(const descent *d, int k) {
    const sg_elimination *plan = d->plan;
    for (int c = plan->child[k]; c >= 0; c = plan->next[c]) {
        sg_table_map map;
        sg_table_map_message(plan, k, c, &map);
        sg_table_gather(&map, d->below, d->probability + plan->message[c]);
        for (int a = 0; a < d->count; a++)
            sg_table_gather(&map, d->below + (1 + (size_t)a) * plan->largest,
                            d->weighted + (size_t)a * plan->messages + plan->message[c]);
    }
}

static double product(size_t n, const double *a, const double *b) {
    double sum = 0;
    for (size_t i = 0; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void add_factor(const descent *d, int k, const sg_factor *factor) {
    const int sums = d->factors->sums;
    const size_t entries = sg_elimination_power(d->plan->q, factor->sites);
    sg_table_map map;
    if (!factor->sums) return;
    sg_table_map_factor(d->plan, k, factor, NULL, &map);
    for (int a = -1; a < d->count; a++) {
        if (a < 0 && d->count) continue; /* the means are known */
        memset(d->small, 0, entries * sizeof(double));
        sg_table_gather(&map, d->below + (size_t)(1 + a) * d->plan->largest, d->small);
        for (int s = 0; s < factor->sums; s++) {
            const double value = product(entries, factor->value + (size_t)s * entries, d->small);
            if (a < 0)
                d->mean[factor->sum[s]] += value;
            else
                d->covariance[(size_t)factor->sum[s] + (size_t)(d->first + a) * (size_t)sums] += value;
        }
    }
}

static void down(const descent *d) {
    const sg_elimination *plan = d->plan;
    memset(d->probability, 0, plan->messages * sizeof(double));
    if (d->count) memset(d->weighted, 0, (size_t)d->count * plan->messages * sizeof(double));
    for (int k = plan->order.count - 1; k >= 0; k--) {
        const size_t entries = sg_elimination_power(plan->q, sg_elimination_later(plan, k));
        if (entries == 1) d->probability[plan->message[k]] = 1;
        fill_table(d, k, entries);
        pass_on(d, k);
        for (int f = plan->first[k]; f >= 0; f = plan->following[f]) add_factor(d, k, &d->factors->factor[f]);
    }
}

static size_t largest_factor(const sg_factors *factors) {
    size_t most = 1;
    for (int f = 0; f < factors->count; f++) {
        const size_t entries = sg_elimination_power(factors->q, factors->factor[f].sites);
        most = entries > most ? entries : most;
    }
    return most;
}

/* Doubles of a sum. */
static double doubles_of(const sg_elimination *plan) {
    return (double)plan->tables + (double)plan->slots + (double)plan->messages + 2 * (double)plan->largest;
}

/* How many sums go together. */
static int together(const sg_elimination *plan, int sums) {
    const int most = (int)fmin(AT_A_TIME, fmax(1, KEPT / doubles_of(plan)));
    return sums < most ? sums : most;
}

static sg_status take(const sg_elimination *plan, const sg_factors *factors, int a, sg_elimination_scratch *s) {
    const size_t components = 1 + (size_t)a;
    const double doubles = (double)components * doubles_of(plan);
    if (s->components >= (int)components) return SG_OK;
    if (doubles * sizeof(double) > SG_ELIMINATION_BYTES)
        return sg_fail(SG_REFUSED,
                       "marginals of these %d sites need tables of %.3g GiB, more than 1: take a narrower graph or "
                       "fewer free parameters (free=tied)",
                       plan->n, doubles * sizeof(double) / 0x1p30);
    sg_elimination_scratch_free(s);
    sg_status status = sg_new(&s->message, plan->slots * components + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->table, (plan->largest + 1) * components, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->conditional, plan->tables + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->deviation, (size_t)a * plan->tables + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->probability, plan->messages + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->weighted, (size_t)a * plan->messages + 1, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->below, (plan->largest + 1) * components, sizeof(double));
    if (status == SG_OK) status = sg_new(&s->small, largest_factor(factors), sizeof(double));
    if (status == SG_OK) status = sg_new(&s->index, (size_t)factors->sums + 1, sizeof(int));
    if (status == SG_OK) s->components = (int)components;
    return status;
}

static void open_descent(const sg_elimination_scratch *s, descent *d) {
    d->index = s->index;
    d->probability = s->probability;
    d->weighted = s->weighted;
    d->below = s->below;
    d->small = s->small;
    d->pass = (sg_elimination_pass){.sum = s->index,
                                    .message = s->message,
                                    .table = s->table,
                                    .conditional = s->conditional,
                                    .deviation = s->deviation};
}

/* Covariances of all sums with those from `first` on. */
static void few(descent *d, int first, int most) {
    const int sums = d->factors->sums;
    double mean[AT_A_TIME], log_z;
    d->first = first;
    d->count = d->pass.a = sums - first < most ? sums - first : most;
    for (int s = 0; s < sums; s++) d->index[s] = s >= first && s < first + d->count ? s - first : -1;
    sg_elimination_up(d->plan, d->factors, &d->pass, &log_z, mean, NULL);
    down(d);
}

static void symmetrize(int n, double *matrix) {
    for (size_t j = 0; j < (size_t)n; j++)
        for (size_t i = 0; i < j; i++) {
            double *a = matrix + i + j * (size_t)n, *b = matrix + j + i * (size_t)n;
            *a = *b = 0.5 * (*a + *b);
        }
}

sg_status sg_elimination_marginals(const sg_elimination *plan, const sg_factors *factors,
                                   sg_elimination_scratch *scratch, double *log_z, double *mean, double *covariance) {
    const size_t sums = (size_t)factors->sums;
    const int most = covariance ? together(plan, factors->sums) : 0;
    descent d = {.plan = plan, .factors = factors, .mean = mean, .covariance = covariance};
    if (plan->cuts) return sg_fail(SG_INTERNAL, "marginals need a plan of elimination without cuts");
    sg_status status = take(plan, factors, most, scratch);
    if (status != SG_OK) return status;
    open_descent(scratch, &d);
    sg_elimination_up(plan, factors, &d.pass, log_z, NULL, NULL);
    if (!isfinite(*log_z))
        return sg_fail(SG_NOT_INTEGRABLE, "the sum over all states is not positive and finite: check log p of the "
                                          "factors");
    if (mean) {
        memset(mean, 0, sums * sizeof(double));
        down(&d);
    }
    if (!covariance) return SG_OK;
    memset(covariance, 0, sums * sums * sizeof(double));
    for (int first = 0; first < factors->sums; first += most) few(&d, first, most);
    symmetrize(factors->sums, covariance);
    return SG_OK;
}
