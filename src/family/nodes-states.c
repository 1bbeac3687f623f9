#include <math.h>

#include "base/vecmath.h"
#include "family/domain.h"
#include "family/nodes.h"

enum { CHUNK = 1 << 14, PART = 256 }; /* states a call of sg_family.states, and a sum in one piece */

double sg_model_states(const sg_model *model) {
    return model->space.shape == SG_FINITE ? pow(model->space.q, model->space.d) : INFINITY;
}

bool sg_model_exchangeable(const sg_model *model) {
    return model->family->exchangeable && model->family->exchangeable(model);
}

/* ----------------------------------------------------------------- all states */

static double largest(int n, const double *value) {
    double top = -INFINITY;
#pragma omp simd reduction(max : top)
    for (int i = 0; i < n; i++) top = value[i] > top ? value[i] : top;
    return top;
}

/* value = exp(value - top); returns their sum, of sums over short pieces. */
static double exponentials(int n, double top, double *value) {
    double total = 0;
    for (int from = 0; from < n; from += PART) {
        const int count = n - from < PART ? n - from : PART;
        double *restrict part = value + from, sum = 0;
#pragma omp simd
        for (int i = 0; i < count; i++) part[i] = exp(part[i] - top);
#pragma omp simd reduction(+ : sum)
        for (int i = 0; i < count; i++) sum += part[i];
        total += sum;
    }
    return total;
}

/* Chunk c in units of exp(its largest log p), while it is in the cache; where all is forbidden, zeros. */
static void fill_chunk(const sg_nodes *nodes, const double *theta, long long c, double *top, double *sum) {
    const long long first = c * CHUNK;
    const int count = (int)(nodes->n - first < CHUNK ? nodes->n - first : CHUNK);
    double *mass = nodes->mass + first;
    nodes->model->family->states(nodes->model, theta, (uint64_t)first, count, mass);
    *top = largest(count, mass);
    *sum = exponentials(count, *top > -INFINITY ? *top : 0, mass);
}

static void scale_chunk(const sg_nodes *nodes, long long c, double factor) {
    const long long first = c * CHUNK;
    const int count = (int)(nodes->n - first < CHUNK ? nodes->n - first : CHUNK);
    double *restrict mass = nodes->mass + first;
#pragma omp simd
    for (int i = 0; i < count; i++) mass[i] *= factor;
}

/* Chunks are the same for any number of threads, and so are the sums. */
static sg_status fill_all(const double *theta, sg_nodes *nodes) {
    const long long chunks = (nodes->n + CHUNK - 1) / CHUNK;
    double *top = NULL, *sum = NULL, most = -INFINITY, total;
    sg_status status = sg_new(&nodes->mass, (size_t)nodes->n, sizeof(double));
    if (status == SG_OK) status = sg_new(&top, (size_t)chunks, sizeof(double));
    if (status == SG_OK) status = sg_new(&sum, (size_t)chunks, sizeof(double));
    if (status != SG_OK) goto out;
#pragma omp parallel for schedule(static) if (chunks > 1)
    for (long long c = 0; c < chunks; c++) fill_chunk(nodes, theta, c, &top[c], &sum[c]);
    for (long long c = 0; c < chunks; c++) most = fmax(most, top[c]);
    if (!isfinite(most)) {
        status = sg_fail(SG_NOT_INTEGRABLE, "no state of %s has a finite positive probability", nodes->model->text);
        goto out;
    }
    for (long long c = 0; c < chunks; c++) sum[c] *= exp(top[c] - most);
    total = sg_sum((size_t)chunks, sum);
    nodes->log_z = most + log(total);
#pragma omp parallel for schedule(static) if (chunks > 1)
    for (long long c = 0; c < chunks; c++) scale_chunk(nodes, c, exp(top[c] - most) / total);
out:
    sg_delete(top);
    sg_delete(sum);
    return status;
}

/* --------------------------------------------------------------------- counts */

/*
 * log C(d,k) grows to d log 2, where doubles are coarse; a compensated sum of its increments in extended precision
 * keeps the relative accuracy of the masses.
 */
typedef struct {
    long double sum, carry;
} long_sum;

static void add_log(long double ratio, long_sum *s) {
    const long double term = logl(ratio), total = s->sum + term;
    s->carry += fabsl(s->sum) >= fabsl(term) ? (s->sum - total) + term : (term - total) + s->sum;
    s->sum = total;
}

sg_status sg_counts_log_mass(const sg_model *model, const double *theta, double *log_mass, double *log_z) {
    const int d = model->space.d;
    double k[SG_BLOCK], logp[SG_BLOCK];
    long double *value = NULL, most = -INFINITY, total = 0;
    long_sum binomial = {0};
    sg_status status = sg_new(&value, (size_t)d + 1, sizeof *value);
    if (status != SG_OK) return status;
    for (int first = 0; first <= d; first += SG_BLOCK) {
        const int count = d + 1 - first < SG_BLOCK ? d + 1 - first : SG_BLOCK;
        for (int i = 0; i < count; i++) k[i] = first + i;
        model->family->counted(model, theta, count, k, logp, NULL);
        for (int i = 0; i < count; i++) {
            if (first + i > 0) add_log((d + 1 - first - i) / (long double)(first + i), &binomial);
            value[first + i] = logp[i] + (binomial.sum + binomial.carry);
            most = fmaxl(most, value[first + i]);
        }
    }
    for (int i = 0; i <= d; i++) total += expl(value[i] - most);
    most += logl(total);
    for (int i = 0; i <= d; i++) log_mass[i] = (double)(value[i] - most);
    *log_z = (double)most;
    sg_delete(value);
    return status;
}

static sg_status fill_counts(const double *theta, sg_nodes *nodes) {
    sg_status status = sg_new(&nodes->mass, (size_t)nodes->n, sizeof(double));
    if (status == SG_OK) status = sg_counts_log_mass(nodes->model, theta, nodes->mass, &nodes->log_z);
    for (long long k = 0; k < nodes->n && status == SG_OK; k++) nodes->mass[k] = exp(nodes->mass[k]);
    return status;
}

sg_status sg_nodes_fill_states(const double *theta, sg_nodes *nodes) {
    const sg_model *model = nodes->model;
    sg_status status = sg_model_check(model, theta);
    if (status != SG_OK) return status;
    if (nodes->alike) {
        if (!sg_model_exchangeable(model))
            return sg_fail(SG_REFUSED, "the sites of %s are not alike: its states cannot be counted together",
                           model->text);
        nodes->n = model->space.d + 1LL;
        return fill_counts(theta, nodes);
    }
    if (!model->family->states)
        return sg_fail(SG_REFUSED, "%s has no density on its states: take a family that has one", model->text);
    if (!(sg_model_states(model) <= SG_STATES_MOST))
        return sg_fail(SG_REFUSED, "%s has %d^%d states, more than the %d that are enumerated: take fewer sites",
                       model->text, model->space.q, model->space.d, (int)SG_STATES_MOST);
    nodes->n = llround(sg_model_states(model));
    return fill_all(theta, nodes);
}

/* --------------------------------------------------------------------- blocks */

/* One coordinate of consecutive states from that where its site is in state `s` with `left` of them to come. */
static void fill_site(int n, int q, long long run, int s, long long left, double *x) {
    for (int i = 0; i < n;) {
        const int count = left < n - i ? (int)left : n - i;
        const double value = q == 2 ? 2 * s - 1 : s;
        for (int k = 0; k < count; k++) x[i + k] = value;
        i += count;
        s = s + 1 == q ? 0 : s + 1;
        left = run;
    }
}

/* Two states, sites that change within the block: the bits of its numbers. */
static void fill_bit(int n, int site, double *restrict x) {
#pragma omp simd
    for (int i = 0; i < n; i++) x[i] = (double)(2 * (i >> site & 1) - 1);
}

void sg_states_points(const sg_model *model, long long first, int n, double *x) {
    const int d = model->space.d, q = model->space.q;
    long long run = 1; /* q^a states in a row have site a in the same state */
    for (int a = 0; a < d; a++, run *= q, x += SG_BLOCK) {
        if (q == 2 && run < SG_BLOCK)
            fill_bit(n, a, x);
        else
            fill_site(n, q, run, (int)(first / run % q), run - first % run, x);
    }
}

void sg_nodes_states_block(const sg_nodes *nodes, long long b, sg_block *block, double weight[SG_BLOCK]) {
    const long long first = b * SG_BLOCK;
    const int rows = nodes->alike ? 1 : block->d;
    if (nodes->alike)
        for (int i = 0; i < block->n; i++) block->x[i] = (double)(first + i);
    else
        sg_states_points(nodes->model, first, block->n, block->x);
    for (int i = 0; i < SG_BLOCK; i++) weight[i] = i < block->n ? nodes->mass[first + i] : 0;
    for (int a = 0; a < rows; a++)
        for (int i = block->n; i < SG_BLOCK; i++) block->x[a * SG_BLOCK + i] = block->x[a * SG_BLOCK + block->n - 1];
    block->count = nodes->alike ? block->x : NULL;
}
