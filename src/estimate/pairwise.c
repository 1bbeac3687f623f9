#include "estimate/pairwise.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { CODED = 64, LISTED = 1024, ALL_STATES = 12, PROBES = 1024 };
static const double ROUNDING = 1e-10;

static void refuse(sg_pairwise_reading *out, const char *why) {
    out->is = false;
    snprintf(out->why, sizeof out->why, "%s", why);
}

static double log_p(const sg_model *model, uint64_t code) {
    double value;
    model->family->states(model, model->truth, code, 1, &value);
    return value;
}

static uint64_t bit(int i) {
    return (uint64_t)1 << i;
}

/* With l the log p of the states with pluses at the sites named: J_ij = (l_ij - l_i - l_j + l)/4, and l_i - l = 2 h_i -
 * 2 sum_j J_ij. */
static sg_status fill(const sg_model *model, double *J, double *h, double *size) {
    const int n = model->space.d;
    const double none = log_p(model, 0);
    double one[CODED];
    *size = fabs(none);
    for (int i = 0; i < n; i++) {
        one[i] = log_p(model, bit(i));
        *size = fmax(*size, fabs(one[i]));
        h[i] = 0.5 * (one[i] - none);
    }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < i; j++) {
            const double two = log_p(model, bit(i) | bit(j));
            *size = fmax(*size, fabs(two));
            double c = 0.25 * (two - one[i] - one[j] + none);
            if (fabs(c) < ROUNDING * 1e-4 * (1 + *size)) c = 0;
            J[i * n + j] = J[j * n + i] = c;
            h[i] += c;
            h[j] += c;
        }
    return SG_OK;
}

/* log p of a state by the couplings, up to a constant. */
static double energy(int n, const double *J, const double *h, uint64_t code) {
    double sum = 0;
    for (int i = 0; i < n; i++) {
        double local = h[i];
        for (int j = 0; j < i; j++) local += code >> j & 1 ? J[i * n + j] : -J[i * n + j];
        sum += code >> i & 1 ? local : -local;
    }
    return sum;
}

static bool agrees(const sg_model *model, const double *J, const double *h, double size) {
    const int n = model->space.d;
    const uint64_t all = n < 64 ? bit(n) - 1 : UINT64_MAX;
    const double base = log_p(model, 0) - energy(n, J, h, 0);
    const int looks = n <= ALL_STATES ? 1 << n : PROBES;
    uint32_t word[2];
    sg_stream stream;
    sg_stream_open(&stream, 1, SG_PURPOSE_TEST, 0);
    for (int k = 0; k < looks; k++) {
        uint64_t code = (uint64_t)k;
        if (n > ALL_STATES) {
            sg_stream_words(&stream, 2, word);
            code = ((uint64_t)word[1] << 32 | word[0]) & all;
        }
        const double truth = log_p(model, code), mine = base + energy(n, J, h, code);
        if (!(fabs(truth - mine) <= ROUNDING * (1 + size + fabs(mine)))) return false;
    }
    return true;
}

static sg_status from_states(const sg_model *model, sg_pairwise_reading *out) {
    const size_t n = (size_t)model->space.d;
    double size;
    sg_status status = sg_new(&out->memory, n * n + n, sizeof(double));
    if (status) return status;
    double *J = out->memory, *h = J + n * n;
    status = fill(model, J, h, &size);
    out->model = (sg_pairwise){.n = (int)n, .J = J, .h = h};
    out->is = isfinite(size) && agrees(model, J, h, size);
    if (!out->is) refuse(out, isfinite(size) ? "the law is not pairwise" : "some states are forbidden");
    return status;
}

/* The family says itself what its couplings are. */
static sg_status from_pairs(const sg_model *model, sg_pairwise_reading *out) {
    const size_t n = (size_t)model->space.d;
    sg_pairs pairs = {0};
    sg_status status = model->family->pairs(model, model->truth, &pairs);
    if (!status) status = sg_new(&out->memory, n * n + n, sizeof(double));
    if (status) goto out;
    double *J = out->memory, *h = J + n * n;
    for (int e = 0; e < pairs.edges; e++) {
        const size_t i = (size_t)pairs.i[e], j = (size_t)pairs.j[e];
        J[i * n + j] = J[j * n + i] = pairs.J[e];
    }
    memcpy(h, pairs.field, n * sizeof(double));
    out->model = (sg_pairwise){.n = (int)n, .J = J, .h = h};
    out->is = true;
out:
    sg_pairs_free(&pairs);
    return status;
}

static double log_binomial(int n, int k) {
    return lgamma(n + 1.0) - lgamma(k + 1.0) - lgamma(n - k + 1.0);
}

/* With k pluses log p = J (m^2 - n)/2 + h m, m = 2k - n: second differences 4 J. */
static void read_classes(int n, const sg_lumped *l, sg_pairwise_reading *out) {
    refuse(out, "its couplings are too many to be read, and it has no symmetry under all permutations");
    if (!l->path || l->classes != n + 1 || n < 3) return;
    for (int k = 0; k <= n; k++)
        if (!(fabs(l->log_size[k] - log_binomial(n, k)) <= 1e-9 * (1 + n))) return;
    const double J = 0.25 * (l->log_p[2] - 2 * l->log_p[1] + l->log_p[0]);
    const double h = 0.5 * (l->log_p[1] - l->log_p[0]) + (n - 1) * J;
    const double base = l->log_p[0] - J * ((double)n * n - n) / 2 + h * n;
    for (int k = 0; k <= n; k++) {
        const double m = 2.0 * k - n, mine = base + J * (m * m - n) / 2 + h * m;
        if (!(fabs(mine - l->log_p[k]) <= ROUNDING * (1 + n) * (1 + fabs(base) + fabs(mine)))) return;
    }
    out->is = true;
    out->model = (sg_pairwise){.n = n, .coupling = J, .field = h};
}

sg_status sg_pairwise_read(const sg_model *model, sg_pairwise_reading *out) {
    *out = (sg_pairwise_reading){0};
    sg_lumped *lumped = NULL;
    if (model->space.q != 2 || !model->family->states) {
        refuse(out, "its sites have more than two states");
        return SG_OK;
    }
    if (model->family->pairs && model->space.d <= CODED) return from_pairs(model, out);
    if (model->space.d <= CODED) return from_states(model, out);
    sg_status status = model->family->lump ? model->family->lump(model, model->truth, &lumped) : SG_REFUSED;
    if (!status) read_classes(model->space.d, lumped, out);
    if (status && status != SG_NO_MEMORY) {
        refuse(out, "it has more than 64 sites, and no symmetry that gives its couplings");
        status = SG_OK;
    }
    sg_lumped_delete(lumped);
    if (!status && !out->is && model->family->pairs && model->space.d <= LISTED) status = from_pairs(model, out);
    return status;
}
