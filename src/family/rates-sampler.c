#include "family/rates-sampler.h"

#include <math.h>
#include <string.h>

enum { B = SG_BLOCK, ELIMINATE_MOST = 3000 };
static const double BALANCE = 1e-10; /* relative, of flows */

/* Transitions by state: those of x are to[first[x]] .. to[first[x + 1] - 1], rates over the largest. */
typedef struct {
    int n;
    size_t *first;
    int *to;
    double *log_rate;
    double *log_p; /* [n] */
    int *queue;
    bool *seen;
} lists;

static void clear(lists *l) {
    sg_delete(l->first);
    sg_delete(l->to);
    sg_delete(l->log_rate);
    sg_delete(l->log_p);
    sg_delete(l->queue);
    sg_delete(l->seen);
}

static sg_status fill(const sg_rates *rates, lists *l) {
    const size_t n = (size_t)rates->n, edges = (size_t)rates->edges;
    double top = -INFINITY;
    l->n = rates->n;
    sg_status status = sg_new(&l->first, n + 2, sizeof *l->first);
    if (status == SG_OK) status = sg_new(&l->to, edges + 1, sizeof *l->to);
    if (status == SG_OK) status = sg_new(&l->log_rate, edges + 1, sizeof *l->log_rate);
    if (status == SG_OK) status = sg_new(&l->log_p, n, sizeof *l->log_p);
    if (status == SG_OK) status = sg_new(&l->queue, n, sizeof *l->queue);
    if (status == SG_OK) status = sg_new(&l->seen, n, sizeof *l->seen);
    if (status != SG_OK) return status;
    size_t *next = l->first + 1; /* counts, then ends of the lists so far */
    for (size_t e = 0; e < edges; e++) top = fmax(top, rates->log_rate[e]);
    for (size_t e = 0; e < edges; e++) next[rates->from[e] + 1]++;
    for (size_t x = 0; x < n; x++) next[x + 1] += next[x];
    for (size_t e = 0; e < edges; e++) {
        const size_t at = next[rates->from[e]]++;
        l->to[at] = rates->to[e];
        l->log_rate[at] = rates->log_rate[e] - top;
    }
    return SG_OK;
}

/* Log of the rate from x to y, -INFINITY: none. */
static double log_rate(const lists *l, int x, int y) {
    for (size_t a = l->first[x]; a < l->first[x + 1]; a++)
        if (l->to[a] == y) return l->log_rate[a];
    return -INFINITY;
}

static bool balanced(const lists *l) {
    for (int x = 0; x < l->n; x++)
        for (size_t a = l->first[x]; a < l->first[x + 1]; a++) {
            const double out = l->log_p[x] + l->log_rate[a], in = l->log_p[l->to[a]] + log_rate(l, l->to[a], x);
            if (!(fabs(out - in) <= BALANCE * (1 + fabs(out)))) return false;
        }
    return true;
}

/* From state to state; *reached counts those that state 0 leads to. */
static bool by_balance(lists *l, int *reached) {
    bool reversible = true;
    *reached = 1;
    l->seen[0] = true;
    for (int k = 0; k < *reached; k++)
        for (size_t a = l->first[l->queue[k]]; a < l->first[l->queue[k] + 1]; a++) {
            const int x = l->queue[k], y = l->to[a];
            if (l->seen[y]) continue;
            l->seen[y] = true;
            l->queue[(*reached)++] = y;
            l->log_p[y] = l->log_p[x] + l->log_rate[a] - log_rate(l, y, x);
            reversible = reversible && isfinite(l->log_p[y]);
        }
    return reversible && *reached == l->n && balanced(l);
}

/* Elimination without subtraction, from the last state on: q [n][n] are the rates among those that are left. */
static sg_status eliminate(const lists *l, double *q, double *p) {
    const size_t n = (size_t)l->n;
    for (size_t x = 0; x < n; x++)
        for (size_t a = l->first[x]; a < l->first[x + 1]; a++) q[x * n + (size_t)l->to[a]] += exp(l->log_rate[a]);
    for (size_t k = n - 1; k > 0; k--) {
        double leave = 0;
        for (size_t j = 0; j < k; j++) leave += q[k * n + j];
        if (!(leave > 0))
            return sg_fail(SG_REFUSED, "the chain is reducible: state 0 cannot be reached from state %zu", k);
        for (size_t i = 0; i < k; i++) {
            const double part = q[i * n + k] /= leave;
            double *row = q + i * n;
            const double *last = q + k * n;
            if (part == 0) continue;
            for (size_t j = 0; j < k; j++) row[j] += part * last[j];
        }
    }
    p[0] = 1;
    for (size_t k = 1; k < n; k++) {
        p[k] = 0;
        for (size_t i = 0; i < k; i++) p[k] += p[i] * q[i * n + k];
    }
    return SG_OK;
}

static sg_status by_elimination(const lists *l, double *p) {
    const size_t n = (size_t)l->n;
    double *q = NULL;
    if (l->n > ELIMINATE_MOST)
        return sg_fail(SG_REFUSED,
                       "there are no exact draws from a chain of %d states that is not reversible: at most %d", l->n,
                       (int)ELIMINATE_MOST);
    sg_status status = sg_new(&q, n * n, sizeof *q);
    if (status == SG_OK) status = eliminate(l, q, p);
    sg_delete(q);
    return status;
}

sg_status sg_rates_law(const sg_rates *rates, double *p) {
    lists l = {0};
    int reached;
    double top = -INFINITY, sum = 0;
    sg_status status = fill(rates, &l);
    if (status != SG_OK) goto out;
    if (by_balance(&l, &reached)) {
        for (int x = 0; x < l.n; x++) top = fmax(top, l.log_p[x]);
        for (int x = 0; x < l.n; x++) p[x] = exp(l.log_p[x] - top);
    } else if (reached < l.n) {
        int lost = 0;
        while (l.seen[lost]) lost++;
        status = sg_fail(SG_REFUSED, "the chain is reducible: state %d cannot be reached from state 0", lost);
    } else {
        status = by_elimination(&l, p);
    }
    for (int x = 0; x < l.n && status == SG_OK; x++) sum += p[x];
    for (int x = 0; x < l.n && status == SG_OK; x++) p[x] /= sum;
out:
    clear(&l);
    return status;
}

/* ------------------------------------------------------------------- draws */

struct sg_rates_sampler {
    int n;
    double *cumulative; /* [n] */
};

void sg_rates_sampler_delete(sg_rates_sampler *s) {
    if (!s) return;
    sg_delete(s->cumulative);
    sg_delete(s);
}

sg_status sg_rates_sampler_new(const sg_model *model, const double *theta, sg_rates_sampler **sampler) {
    sg_rates_sampler *made = NULL;
    sg_rates rates;
    *sampler = NULL;
    model->family->rates(model, theta, &rates);
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (status == SG_OK) status = sg_new(&made->cumulative, (size_t)rates.n, sizeof(double));
    if (status == SG_OK) status = sg_rates_law(&rates, made->cumulative);
    if (status != SG_OK) {
        sg_rates_sampler_delete(made);
        return sg_fail_within(status, "%s", model->text);
    }
    made->n = rates.n;
    for (int x = 1; x < made->n; x++) made->cumulative[x] += made->cumulative[x - 1];
    *sampler = made;
    return SG_OK;
}

/* First state whose cumulative probability exceeds u; point i takes the same number however many points there are. */
void sg_rates_sampler_draw(const sg_rates_sampler *s, sg_stream *stream, sg_block *block) {
    double u[B];
    const uint32_t next = stream->index + B / 2;
    sg_stream_uniform(stream, (size_t)block->n, u);
    stream->index = next;
    for (int i = 0; i < block->n; i++) {
        int low = 0, high = s->n - 1;
        const double at = u[i] * s->cumulative[s->n - 1];
        while (low < high) {
            const int middle = low + (high - low) / 2;
            if (s->cumulative[middle] > at)
                high = middle;
            else
                low = middle + 1;
        }
        block->x[i] = low;
    }
}
