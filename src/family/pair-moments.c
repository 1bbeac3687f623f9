/*
 * Means and products of all pairs of sites by folding lists of masses: the sum of the upper half minus that of the
 * lower half is the mean of the top site, and adding the halves sums that site out.
 *
 * States come in lists of the 2^LOW that share their high sites, and none is kept: what the products of low sites need
 * is the sum of all lists, what those of a low and a high site need are the first moments of each list, and those of
 * high sites need its mass.
 */
#include <math.h>

#include "base/vecmath.h"
#include "family/domain.h"
#include "family/nodes.h"

enum { LOW = 12, CHUNK = 1 << 14, SITES_MOST = 26, GROUPS = 16 };
_Static_assert(SG_STATES_MOST <= 1 << SITES_MOST, "the first moments of the lists have room for the high sites");

typedef struct {
    const sg_model *model;
    const double *theta;
    int n, low, high; /* sites, n = low + high */
    long long lists;  /* 2^high */
    int groups;       /* of consecutive lists, each summed in order: the same for any number of threads */
    double *top;      /* [groups] the unit of a group's sums is exp(top) */
    double *sum;      /* [groups][2^low] of its lists */
    double *moment;   /* [low + 1][lists] first moments of each list, and its mass */
    double *scratch;  /* [2^(most of low, high)] */
} folding;

/* sum = lower + upper; returns the sum of upper - lower. */
static double fold(int half, const double *lower, const double *upper, double *sum) {
    double mean = 0;
#pragma omp simd reduction(+ : mean)
    for (int k = 0; k < half; k++) {
        const double a = lower[k], b = upper[k];
        mean += b - a;
        sum[k] = a + b;
    }
    return mean;
}

/* E x_b of a list over `bits` sites, and its mass in mean[bits]; scratch [2^(bits - 1)]. */
static void first_moments(int bits, const double *list, double *scratch, double *mean) {
    for (int b = bits - 1; b >= 0; b--, list = scratch) mean[b] = fold(1 << b, list, list + (1 << b), scratch);
    mean[bits] = list[0];
}

/* upper - lower, and lower + upper in place of lower. */
static void split(int half, double *restrict lower, const double *restrict upper, double *restrict difference) {
#pragma omp simd
    for (int k = 0; k < half; k++) {
        const double a = lower[k], b = upper[k];
        difference[k] = b - a;
        lower[k] = a + b;
    }
}

/* E x_i and E x_i x_j, j < i, of a list, which is overwritten; scratch [2^bits]. Row and column i of site first + i. */
static void all_moments(int bits, double *list, double *scratch, int n, int first, double *mean, double *product) {
    double moment[SITES_MOST + 1];
    for (int i = bits - 1; i >= 0; i--) {
        const int half = 1 << i;
        split(half, list, list + half, scratch);
        first_moments(i, scratch, scratch + half, moment);
        mean[first + i] = moment[i];
        for (int j = 0; j < i; j++)
            product[(first + i) * n + first + j] = product[(first + j) * n + first + i] = moment[j];
    }
}

static double largest(int n, const double *value) {
    double top = -INFINITY;
#pragma omp simd reduction(max : top)
    for (int i = 0; i < n; i++) top = value[i] > top ? value[i] : top;
    return top;
}

/* A larger unit for the sums of a group, whose lists so far end at `end`. */
static void raise(const folding *f, int group, long long from, long long end, double top) {
    const double factor = exp(f->top[group] - top);
    double *restrict sum = f->sum + ((size_t)group << f->low);
    for (int k = 0; k < 1 << f->low; k++) sum[k] *= factor;
    for (int b = 0; b <= f->low; b++)
        for (long long list = from; list < end; list++) f->moment[b * f->lists + list] *= factor;
    f->top[group] = top;
}

/* The masses of one list, from log p in place. */
static void add_list(const folding *f, int group, long long list, double *restrict mass) {
    const int size = 1 << f->low;
    const double top = f->top[group];
    double half[1 << (LOW - 1)], moment[LOW + 1], *restrict sum = f->sum + ((size_t)group << f->low);
#pragma omp simd
    for (int k = 0; k < size; k++) mass[k] = exp(mass[k] - top);
#pragma omp simd
    for (int k = 0; k < size; k++) sum[k] += mass[k];
    first_moments(f->low, mass, half, moment);
    for (int b = 0; b <= f->low; b++) f->moment[b * f->lists + list] = moment[b];
}

static void read_group(const folding *f, int group) {
    const long long from = f->lists * group / f->groups, to = f->lists * (group + 1) / f->groups;
    const int together = CHUNK >> f->low;
    _Alignas(SG_ALIGN) double mass[CHUNK];
    for (long long list = from; list < to; list += together) {
        const int lists = (int)(to - list < together ? to - list : together), count = lists << f->low;
        f->model->family->states(f->model, f->theta, (uint64_t)list << f->low, count, mass);
        const double top = largest(count, mass);
        if (top > f->top[group]) raise(f, group, from, list, top);
        for (int k = 0; k < lists && f->top[group] > -INFINITY; k++) add_list(f, group, list + k, mass + (k << f->low));
    }
}

/* All groups in the unit of the largest; the sums of the lists in the first. */
static double join_groups(const folding *f) {
    const double top = largest(f->groups, f->top);
    for (int g = 0; g < f->groups; g++) {
        const double factor = exp(f->top[g] - top), *restrict from = f->sum + ((size_t)g << f->low);
        for (int k = 0; k < 1 << f->low; k++) f->sum[k] = (g ? f->sum[k] : 0) + factor * from[k];
        for (int b = 0; b <= f->low; b++)
            for (long long list = f->lists * g / f->groups; list < f->lists * (g + 1) / f->groups; list++)
                f->moment[b * f->lists + list] *= factor;
    }
    return top;
}

static void across(const folding *f, double *product) {
    double moment[SITES_MOST + 1];
    for (int b = 0; b < f->low; b++) {
        first_moments(f->high, f->moment + b * f->lists, f->scratch, moment);
        for (int i = 0; i < f->high; i++) product[(f->low + i) * f->n + b] = product[b * f->n + f->low + i] = moment[i];
    }
}

static sg_status allocate(folding *f) {
    const int larger = f->high > f->low ? f->high : f->low;
    sg_status status = sg_new(&f->sum, (size_t)f->groups << f->low, sizeof(double));
    if (status == SG_OK) status = sg_new(&f->top, (size_t)f->groups, sizeof(double));
    if (status == SG_OK) status = sg_new(&f->moment, (size_t)(f->low + 1) << f->high, sizeof(double));
    if (status == SG_OK) status = sg_new(&f->scratch, (size_t)1 << larger, sizeof(double));
    for (int g = 0; g < f->groups && status == SG_OK; g++) f->top[g] = -INFINITY;
    return status;
}

static double total_of(int bits, const double *list, double *scratch) {
    double moment[SITES_MOST + 1];
    first_moments(bits, list, scratch, moment);
    return moment[bits];
}

static sg_status by_folding(const sg_model *model, const double *theta, double *log_z, double *mean, double *product) {
    const int n = model->space.d, low = n < LOW ? n : LOW;
    folding f = {.model = model, .theta = theta, .n = n, .low = low, .high = n - low, .lists = 1LL << (n - low)};
    f.groups = f.lists < GROUPS ? (int)f.lists : GROUPS;
    sg_status status = allocate(&f);
    if (status != SG_OK) goto out;
#pragma omp parallel for schedule(static) if (f.groups > 1)
    for (int g = 0; g < f.groups; g++) read_group(&f, g);
    const double top = join_groups(&f), total = total_of(low, f.sum, f.scratch);
    if (!isfinite(top)) {
        status = sg_fail(SG_NOT_INTEGRABLE, "no state of %s has a finite positive probability", model->text);
        goto out;
    }
    across(&f, product);
    all_moments(low, f.sum, f.scratch, n, 0, mean, product);
    all_moments(f.high, f.moment + low * f.lists, f.scratch, n, low, mean, product);
    for (int k = 0; k < n * n; k++) product[k] = k % (n + 1) ? product[k] / total : 1;
    for (int i = 0; i < n; i++) mean[i] /= total;
    *log_z = top + log(total);
out:
    sg_delete(f.sum);
    sg_delete(f.top);
    sg_delete(f.moment);
    sg_delete(f.scratch);
    return status;
}

/* All sites have the mean E m / d, all pairs E (m^2 - d) / (d (d - 1)), m = 2k - d. */
static sg_status by_counts(const sg_model *model, const double *theta, double *log_z, double *mean, double *product) {
    const size_t d = (size_t)model->space.d;
    double *log_mass = NULL, first = 0, second = 0;
    sg_status status = sg_new(&log_mass, d + 1, sizeof(double));
    if (status == SG_OK) status = sg_counts_log_mass(model, theta, log_mass, log_z);
    for (size_t k = 0; k <= d && status == SG_OK; k++) {
        const double mass = exp(log_mass[k]), n = (double)d, m = 2.0 * (double)k - n;
        first += mass * (m / n);
        second += d > 1 ? mass * ((m * m - n) / (n * (n - 1))) : 0;
    }
    for (size_t i = 0; i < d && status == SG_OK; i++) {
        mean[i] = first;
        for (size_t j = 0; j < d; j++) product[i * d + j] = i == j ? 1 : second;
    }
    sg_delete(log_mass);
    return status;
}

sg_status sg_model_moments(const sg_model *model, const double *theta, double *log_z, double *mean, double *product) {
    if (model->space.shape != SG_FINITE || model->space.q != 2 || !model->family->states)
        return sg_fail(SG_REFUSED, "%s has no pairs of two-state sites: their moments are those of x = -1 or +1",
                       model->text);
    sg_status status = sg_model_check(model, theta);
    if (status != SG_OK) return status;
    if (sg_model_exchangeable(model)) return by_counts(model, theta, log_z, mean, product);
    if (sg_model_states(model) <= SG_STATES_MOST) return by_folding(model, theta, log_z, mean, product);
    return sg_fail(SG_REFUSED, "%s has 2^%d states, more than the %d that are enumerated: take fewer sites",
                   model->text, model->space.d, (int)SG_STATES_MOST);
}
