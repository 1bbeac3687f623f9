#include <math.h>
#include <string.h>

#include "base/vecmath.h"
#include "tensorization.h"

enum { STATES_MOST = 1 << 10, PAIRS_MOST = 1 << 18 };
static const double LIGHTEST = -600; /* u e^u of u = -log pi is then a number */
static const double NOWHERE = -1e300;

/* --------------------------------------------------------------------- set-up */

static sg_status check(int sites, int q, int blocks, const uint32_t *mask, const double *rate, int *states) {
    double count = 1;
    if (sites < 1 || sites > 32 || q < 2 || blocks < 1)
        return sg_fail(SG_OUT_OF_RANGE, "%d blocks on %d sites of %d states: take at least one block, 1 to 32 sites",
                       blocks, sites, q);
    for (int i = 0; i < sites; i++) count *= q;
    if (count > STATES_MOST || count * blocks > PAIRS_MOST)
        return sg_fail(SG_OUT_OF_RANGE,
                       "tensorization of entropy takes at most %d states and %d pairs of a block and a state, not %.4g "
                       "and %.4g: take fewer sites or blocks",
                       (int)STATES_MOST, (int)PAIRS_MOST, count, count * blocks);
    for (int b = 0; b < blocks; b++) {
        if (!(rate[b] > 0 && isfinite(rate[b])))
            return sg_fail(SG_OUT_OF_RANGE, "block %d has rate %g: rates must be positive", b, rate[b]);
        if (mask[b] == 0 || (sites < 32 && mask[b] >> sites))
            return sg_fail(SG_OUT_OF_RANGE, "block %d has no site, or one beyond the %d of the law", b, sites);
    }
    *states = (int)count;
    return SG_OK;
}

static sg_status normalized(sg_tensor *t, const double *log_p) {
    double top = -INFINITY, sum = 0;
    for (int x = 0; x < t->states; x++) top = fmax(top, log_p[x]);
    for (int x = 0; x < t->states; x++) sum += exp(log_p[x] - top);
    for (int x = 0; x < t->states; x++) {
        t->log_pi[x] = log_p[x] - top - log(sum);
        t->pi[x] = exp(t->log_pi[x]);
        if (log_p[x] - top < LIGHTEST && log_p[x] > -INFINITY)
            return sg_fail(
                SG_REFUSED,
                "tensorization of entropy needs states above e^%g of the heaviest, and state %d is at e^%.6g: "
                "take a weaker interaction",
                LIGHTEST, x, log_p[x] - top);
    }
    return SG_OK;
}

/* The code of state s of the sites in (or, `outside`, not in) the mask, zero elsewhere. */
static int spread(int s, int sites, int q, uint32_t mask, bool outside) {
    int code = 0, power = 1;
    for (int i = 0; i < sites; i++, power *= q)
        if ((mask >> i & 1) != outside) {
            code += s % q * power;
            s /= q;
        }
    return code;
}

static sg_status fill_block(const sg_tensor *t, int sites, int q, uint32_t mask, double rate, sg_tensor_block *b) {
    *b = (sg_tensor_block){.width = 1, .rate = rate};
    for (int i = 0; i < sites; i++)
        if (mask >> i & 1) b->width *= q;
    b->fibres = t->states / b->width;
    sg_status status = sg_new(&b->index, (size_t)t->states, sizeof *b->index);
    if (!status) status = sg_new(&b->given, (size_t)t->states, sizeof *b->given);
    if (!status) status = sg_new(&b->pi, (size_t)t->states, sizeof *b->pi);
    for (int j = 0; j < b->fibres && !status; j++) {
        const int base = spread(j, sites, q, mask, true);
        double top = NOWHERE, sum = 0;
        for (int s = 0; s < b->width; s++) {
            const int x = b->index[s * b->fibres + j] = base + spread(s, sites, q, mask, false);
            top = fmax(top, t->log_pi[x]);
        }
        for (int s = 0; s < b->width; s++)
            sum += b->given[s * b->fibres + j] = exp(t->log_pi[b->index[s * b->fibres + j]] - top);
        for (int s = 0; s < b->width && sum > 0; s++) b->given[s * b->fibres + j] /= sum;
        for (int s = 0; s < b->width; s++) b->pi[s * b->fibres + j] = t->pi[b->index[s * b->fibres + j]];
    }
    return status;
}

sg_status sg_tensor_new(int sites, int q, const double *log_p, int blocks, const uint32_t *mask, const double *rate,
                        sg_tensor *t) {
    uint32_t single[32];
    double one[32];
    for (int i = 0; i < 32; i++) single[i] = UINT32_C(1) << i, one[i] = 1;
    if (!mask) mask = single, rate = one, blocks = sites;
    *t = (sg_tensor){.blocks = 0};
    sg_status status = check(sites, q, blocks, mask, rate, &t->states);
    if (status) return status;
    double **array[] = {&t->log_pi, &t->pi, &t->gathered, &t->level, &t->near, &t->mass};
    for (size_t k = 0; !status && k < sizeof array / sizeof *array; k++)
        status = sg_new(array[k], (size_t)t->states, sizeof(double));
    if (!status) status = sg_new(&t->block, (size_t)blocks, sizeof *t->block);
    if (!status) status = normalized(t, log_p);
    for (int b = 0; b < blocks && !status; b++) {
        t->blocks = b + 1;
        t->total += rate[b];
        status = fill_block(t, sites, q, mask[b], rate[b], &t->block[b]);
    }
    return status;
}

void sg_tensor_clear(sg_tensor *t) {
    for (int b = 0; b < t->blocks; b++) {
        sg_delete(t->block[b].index);
        sg_delete(t->block[b].given);
        sg_delete(t->block[b].pi);
    }
    double *array[] = {t->log_pi, t->pi, t->gathered, t->level, t->near, t->mass};
    for (size_t k = 0; k < sizeof array / sizeof *array; k++) sg_delete(array[k]);
    sg_delete(t->block);
    *t = (sg_tensor){.blocks = 0};
}

bool sg_tensor_connected(const sg_tensor *t, double *mark) {
    int first = 0;
    while (!(t->pi[first] > 0)) first++;
    for (int x = 0; x < t->states; x++) mark[x] = x == first;
    for (bool more = true; more;) {
        more = false;
        for (int k = 0; k < t->blocks; k++) {
            const sg_tensor_block *b = &t->block[k];
            for (int j = 0; j < b->fibres; j++) {
                bool reached = false;
                for (int i = j; i < t->states; i += b->fibres) reached = reached || mark[b->index[i]] > 0;
                for (int i = j; reached && i < t->states; i += b->fibres) {
                    double *at = &mark[b->index[i]];
                    if (*at > 0 || !(b->given[i] > 0)) continue;
                    *at = 1;
                    more = true;
                }
            }
        }
    }
    for (int x = 0; x < t->states; x++)
        if (t->pi[x] > 0 && !(mark[x] > 0)) return false;
    return true;
}

/* ----------------------------------------------------------------- the quotient */

void sg_tensor_normalize(const sg_tensor *t, double *g) {
    double largest = 0, top = -INFINITY, near = 0, sum = 0, log_mean;
    for (int x = 0; x < t->states; x++) {
        if (!(t->pi[x] > 0)) continue;
        largest = fmax(largest, fabs(g[x]));
        top = fmax(top, g[x] + t->log_pi[x]);
    }
    for (int x = 0; x < t->states && largest < 0.5; x++)
        if (t->pi[x] > 0) near += t->pi[x] * expm1(g[x]);
    for (int x = 0; x < t->states && !(largest < 0.5); x++)
        if (t->pi[x] > 0) sum += exp(g[x] + t->log_pi[x] - top);
    log_mean = largest < 0.5 ? log1p(near) : top + log(sum);
    for (int x = 0; x < t->states; x++) g[x] = t->pi[x] > 0 ? g[x] - log_mean : NOWHERE;
}

/* e^u - 1 of exponential = e^u; to 14 digits. */
#pragma omp declare simd notinbranch
static inline double less_one(double u, double exponential) {
    const double series = u * (1 + u * (1. / 2 + u * (1. / 6 + u * (1. / 24 + u * (1. / 120 + u * (1. / 720))))));
    return fabs(u) < 0.01 ? series : exponential - 1;
}

/* psi(u) = u e^u - e^u + 1 >= 0, so that Ent f = F E psi(log f/F) with F = E f: no term cancels another. */
#pragma omp declare simd notinbranch
static inline double psi(double u) {
    const double high = 1. / 840 + u * (1. / 5760 + u * (1. / 45360 + u * (1. / 403200)));
    const double series = u * u * (1. / 2 + u * (1. / 3 + u * (1. / 8 + u * (1. / 30 + u * (1. / 144 + u * high)))));
    const double exponential = exp(u), direct = u * exponential - (exponential - 1);
    return fabs(u) < 0.1 ? series : direct;
}

/* level [fibres] = log E_b e^g, in terms of the largest g of the fibre. */
static void levels(sg_tensor *t, const sg_tensor_block *b, const double *g) {
    double *const at = t->gathered, *const top = t->level, *const near = t->near, *const sum = t->mass;
    const int n = b->fibres;
    for (int k = 0; k < t->states; k++) at[k] = g[b->index[k]];
    for (int j = 0; j < n; j++) top[j] = at[j], near[j] = sum[j] = 0;
    for (int s = 1; s < b->width; s++)
        for (int j = 0; j < n; j++) top[j] = at[s * n + j] > top[j] ? at[s * n + j] : top[j];
    for (int s = 0; s < b->width; s++) {
        const double *given = b->given + s * n;
#pragma omp simd
        for (int j = 0; j < n; j++) {
            const double step = at[s * n + j] - top[j];
            const double exponential = exp(step);
            near[j] += given[j] * less_one(step, exponential);
            sum[j] += given[j] * exponential;
        }
    }
#pragma omp simd
    for (int j = 0; j < n; j++) top[j] += near[j] > -0.5 ? log1p(near[j]) : log(sum[j] > 0 ? sum[j] : 1);
}

/* E Ent_b e^g, after `levels`. */
static double spread_within(sg_tensor *t, const sg_tensor_block *b) {
    double *const mean = t->mass, *const sum = t->near, total = 0;
    const int n = b->fibres;
#pragma omp simd
    for (int j = 0; j < n; j++) {
        mean[j] = exp(t->level[j]);
        sum[j] = 0;
    }
    for (int s = 0; s < b->width; s++) {
        const double *at = t->gathered + s * n, *pi = b->pi + s * n;
#pragma omp simd
        for (int j = 0; j < n; j++) sum[j] += pi[j] * psi(at[j] - t->level[j]);
    }
    for (int j = 0; j < n; j++) total += mean[j] * sum[j];
    return total;
}

double sg_tensor_look(sg_tensor *t, double *g, double *next) {
    double entropy = 0, energy = 0;
    sg_tensor_normalize(t, g);
#pragma omp simd reduction(+ : entropy)
    for (int x = 0; x < t->states; x++) entropy += t->pi[x] * psi(t->pi[x] > 0 ? g[x] : 0);
    if (next) memset(next, 0, (size_t)t->states * sizeof *next);
    for (int k = 0; k < t->blocks; k++) {
        const sg_tensor_block *b = &t->block[k];
        levels(t, b, g);
        energy += b->rate * spread_within(t, b);
        for (int s = 0; next && s < b->width; s++)
            for (int j = 0; j < b->fibres; j++) next[b->index[s * b->fibres + j]] += b->rate * t->level[j];
    }
    const double quotient = entropy / energy, c = fmax(quotient, 1.001 / t->total), scale = c / (c * t->total - 1);
    for (int x = 0; next && x < t->states; x++) next[x] *= scale;
    if (next) sg_tensor_normalize(t, next);
    return quotient;
}

void sg_tensor_points(const sg_tensor *t, double *quotient) {
    for (int x = 0; x < t->states; x++) quotient[x] = 0;
    for (int k = 0; k < t->blocks; k++)
        for (int i = 0; i < t->states; i++)
            quotient[t->block[k].index[i]] -= t->block[k].rate * log(t->block[k].given[i]);
    for (int x = 0; x < t->states; x++) quotient[x] = t->pi[x] > 0 ? -t->log_pi[x] / quotient[x] : 0;
}

/* ------------------------------------------------------------- near constants */

/* level [fibres] = E_b f */
static void means(sg_tensor *t, const sg_tensor_block *b, const double *f) {
    for (int j = 0; j < b->fibres; j++) t->level[j] = 0;
    for (int s = 0; s < b->width; s++)
        for (int j = 0; j < b->fibres; j++) t->level[j] += b->given[s * b->fibres + j] * f[b->index[s * b->fibres + j]];
}

double sg_tensor_linear(sg_tensor *t, const double *f) {
    double mean = 0, variance = 0, energy = 0;
    for (int x = 0; x < t->states; x++) mean += t->pi[x] * f[x];
    for (int x = 0; x < t->states; x++) variance += t->pi[x] * (f[x] - mean) * (f[x] - mean);
    for (int k = 0; k < t->blocks; k++) {
        const sg_tensor_block *b = &t->block[k];
        means(t, b, f);
        for (int i = 0; i < t->states; i++) {
            const double d = f[b->index[i]] - t->level[i % b->fibres];
            energy += b->rate * t->pi[b->index[i]] * d * d;
        }
    }
    return variance / energy;
}

void sg_tensor_smooth(sg_tensor *t, double *f, double *out) {
    memset(out, 0, (size_t)t->states * sizeof *out);
    for (int k = 0; k < t->blocks; k++) {
        const sg_tensor_block *b = &t->block[k];
        means(t, b, f);
        for (int i = 0; i < t->states; i++) out[b->index[i]] += b->rate / t->total * t->level[i % b->fibres];
    }
    memcpy(f, out, (size_t)t->states * sizeof *f);
}

void sg_tensor_project(sg_tensor *t, const double *v, double *out) {
    for (int k = 0; k < t->blocks; k++) {
        const sg_tensor_block *b = &t->block[k];
        for (int j = 0; j < b->fibres; j++) t->level[j] = 0;
        for (int i = 0; i < t->states; i++) t->level[i % b->fibres] += sqrt(b->given[i]) * v[b->index[i]];
        for (int i = 0; i < t->states; i++) out[b->index[i]] += b->rate * sqrt(b->given[i]) * t->level[i % b->fibres];
    }
}
