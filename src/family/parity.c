/* k-parity: p(x) ~ exp(J prod_{i<k} x_i), x in {-1,+1}^n. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "family/spins.h"

enum { B = SG_BLOCK, FACTOR_MOST = 20 };

typedef struct {
    int n, k;
    double J;
} parity;

static sg_status settle(void *keys) {
    const parity *key = keys;
    if (key->k <= key->n) return SG_OK;
    return sg_fail(SG_OUT_OF_RANGE, "k = %d of family parity is out of range: it must be at most n = %d", key->k,
                   key->n);
}

static sg_status make(const void *keys, sg_model *model) {
    const parity *key = keys;
    parity *own = NULL;
    sg_status status = sg_new(&own, 1, sizeof *own);
    if (status != SG_OK) return status;
    *own = *key;
    model->own = own;
    status = sg_spins_model(model, key->n, 1);
    if (status == SG_OK) model->truth[0] = key->J;
    return status;
}

static void parameter(const sg_model *model, int index, char name[SG_NAME]) {
    (void)model, (void)index;
    snprintf(name, SG_NAME, "J");
}

static bool inside(const sg_model *model, const double *theta) {
    (void)model;
    return isfinite(theta[0]);
}

static void jet(const sg_model *model, const double *theta, const sg_block *block, sg_jet *out) {
    const parity *own = model->own;
    for (int i = 0; i < block->n; i++) {
        double product = 1;
        for (int a = 0; a < own->k; a++) product *= block->x[a * SG_BLOCK + i];
        if (out->want & SG_DT) out->dt[i] = product;
        if (out->want & SG_LOGP) out->logp[i] = theta[0] * product;
    }
}

static double log_ratio(const sg_model *model, const double *theta, const sg_block *block, int point, int site) {
    const parity *own = model->own;
    double product = 1;
    if (site >= own->k) return 0;
    for (int a = 0; a < own->k; a++) product *= block->x[(size_t)a * SG_BLOCK + (size_t)point];
    return -2 * theta[0] * product;
}

static const int *touched(const sg_model *model, int site, int *count) {
    static const int product[] = {0};
    *count = site < ((const parity *)model->own)->k;
    return product;
}

/* A flip changes the sign of the product, or at a site beside it nothing. */
static void move(const sg_model *model, const double *theta, const sg_block *block, int site, int which,
                 double *restrict log_ratio, double *restrict difference) {
    const parity *own = model->own;
    const int n = block->n;
    (void)which;
    for (int i = 0; i < n; i++) log_ratio[i] = site < own->k ? -2 : 0;
    for (int a = 0; a < own->k && site < own->k; a++) {
        const double *restrict x = block->x + (size_t)a * SG_BLOCK;
        for (int i = 0; i < n; i++) log_ratio[i] *= x[i];
    }
    if (difference && site < own->k) memcpy(difference, log_ratio, (size_t)n * sizeof(double));
    for (int i = 0; i < n; i++) log_ratio[i] *= theta[0];
}

static bool exchangeable(const sg_model *model) {
    const parity *own = model->own;
    return own->k == own->n;
}

static void counted(const sg_model *model, const double *theta, int n, const double *k, double *logp, double *dt) {
    for (int i = 0; i < n; i++) {
        const double product = fmod(model->space.d - k[i], 2) == 0 ? 1 : -1;
        if (logp) logp[i] = theta[0] * product;
        if (dt) dt[i] = product;
    }
}

/* The product is + when the number of minuses among the first k sites is even. */
static void states(const sg_model *model, const double *theta, uint64_t first, int count, double *logp) {
    const parity *own = model->own;
    const uint64_t mask = own->k < 64 ? (UINT64_C(1) << own->k) - 1 : UINT64_MAX;
    for (int i = 0; i < count; i++) logp[i] = __builtin_parityll(~(first + (uint64_t)i) & mask) ? -theta[0] : theta[0];
}

/* ------------------------------------------------------- any number of sites */

/* Z = 2^n cosh J */
static sg_status log_z(const sg_model *model, const double *theta, double *value, double *gradient, double *hessian) {
    const double J = fabs(theta[0]), rest = exp(-2 * J);
    *value = (model->space.d - 1) * log(2) + J + log1p(rest);
    if (gradient) gradient[0] = tanh(theta[0]);
    if (hessian) hessian[0] = 4 * rest / ((1 + rest) * (1 + rest));
    return SG_OK;
}

/* All sites but the last of the product are free; that one gives the product its sign. */
static void draw(const sg_model *model, const double *theta, sg_stream *stream, sg_block *block) {
    const parity *own = model->own;
    const int last = own->k - 1, n = block->n;
    const double up = 1 / (1 + exp(-2 * theta[0]));
    const uint32_t begin = stream->index;
    double u[B], product[B];
    for (int i = 0; i < n; i++) product[i] = 1;
    for (int a = 0; a < own->n; a++) {
        double *restrict x = block->x + (size_t)a * B;
        stream->index = begin + (uint32_t)a * (B / 2);
        sg_stream_uniform(stream, (size_t)n, u);
        for (int i = 0; i < n; i++) x[i] = u[i] < (a == last ? up : 0.5) ? 1 : -1;
        for (int i = 0; i < n && a == last; i++) x[i] *= product[i];
        for (int i = 0; i < n && a < last; i++) product[i] *= x[i];
    }
    stream->index = begin + (uint32_t)own->n * (B / 2);
}

static sg_status factors(const sg_model *model, const double *theta, sg_factors **made) {
    const parity *own = model->own;
    const size_t entries = (size_t)1 << (own->k <= FACTOR_MOST ? own->k : 0);
    int site[FACTOR_MOST];
    const int sum = 0;
    sg_factor *factor;
    *made = NULL;
    if (own->k > FACTOR_MOST)
        return sg_fail(SG_REFUSED, "the product of %d sites of %s has no table: at most %d sites have one", own->k,
                       model->text, (int)FACTOR_MOST);
    for (int a = 0; a < own->k; a++) site[a] = a;
    sg_status status = sg_factors_new(own->n, 2, 1, 1, (size_t)own->k + 1, 2 * entries, made);
    if (status == SG_OK) status = sg_factors_add(*made, own->k, site, 1, &sum, &factor);
    for (size_t s = 0; s < entries && status == SG_OK; s++) {
        factor->value[s] = (own->k - __builtin_popcountll((unsigned long long)s)) % 2 ? -1 : 1;
        factor->log_p[s] = theta[0] * factor->value[s];
    }
    if (status == SG_OK) return SG_OK;
    sg_factors_delete(*made);
    *made = NULL;
    return status;
}

/*
 * Classes by the number m of pluses among the first k sites, the other sites being free.  The heat bath keeps each span
 * of x_S and x_{A \ S}, S in A = the first k (L x_S = -|S| x_S + |S| tanh(J) x_{A \ S}), with eigenvalues that depend
 * on |S| alone, so that the symmetric functions have them all, but where S is half of A: then they have
 * -|S| (1 - tanh J) alone, which is the slower one for J >= 0.  For two sites it is the slowest of all, and with J < 0
 * one of them is counted by its minus.  A site beside A adds 1 to the eigenvalues of S, which no gap exceeds.
 */
static sg_status lump(const sg_model *model, const double *theta, sg_lumped **lumped) {
    const parity *own = model->own;
    const int k = own->k;
    const bool turned = k == 2 && theta[0] < 0;
    const double even = turned ? -theta[0] : theta[0];
    sg_status status = sg_lumped_new(k + 1, 2 * k, lumped);
    if (status != SG_OK) return status;
    sg_lumped *made = *lumped;
    for (int m = 0, edge = 0; m <= k; m++) {
        made->log_p[m] = (k - m) % 2 ? -even : even;
        made->log_size[m] = lgamma(k + 1.0) - lgamma(m + 1.0) - lgamma(k - m + 1.0) + (own->n - k) * log(2);
        for (int to = m - 1; to <= m + 1; to += 2) {
            if (to < 0 || to > k) continue;
            made->from[edge] = m;
            made->to[edge] = to;
            made->flips[edge++] = to > m ? k - m : m;
        }
    }
    made->path = true;
    made->counts = k == own->n && !turned;
    snprintf(made->symmetry, sizeof made->symmetry, "permutations of the first %d sites%s", k,
             turned ? ", one of them turned" : "");
    snprintf(made->reason, sizeof made->reason,
             "x_S and its complement span a plane that L keeps, with eigenvalues that depend on |S| alone");
    return SG_OK;
}

static const sg_field keys[] = {
    {.key = "n",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(parity, n),
     .initial = "8",
     .lo = 1,
     .hi = 1e6,
     .help = "number of sites"},
    {.key = "k",
     .type = SG_FIELD_INT,
     .role = SG_STRUCTURE,
     .offset = offsetof(parity, k),
     .initial = "3",
     .lo = 1,
     .hi = 1e6,
     .help = "sites in the product, at most n"},
    {.key = "J",
     .type = SG_FIELD_REAL,
     .role = SG_TRUTH,
     .offset = offsetof(parity, J),
     .initial = "1",
     .lo = -INFINITY,
     .hi = INFINITY,
     .help = "weight of the product"},
    {0},
};

const sg_family sg_family_parity = {
    .name = "parity",
    .summary = "p(x) ~ exp(J x_0 x_1 .. x_{k-1}), x_i = -1 or +1",
    .keys = keys,
    .keys_size = sizeof(parity),
    .can = SG_LINEAR | SG_STATES,
    .free_initial = "all",
    .make = make,
    .parameter = parameter,
    .jet = jet,
    .inside = inside,
    .states = states,
    .lump = lump,
    .settle = settle,
    .log_ratio = log_ratio,
    .touched = touched,
    .move = move,
    .exchangeable = exchangeable,
    .counted = counted,
    .log_z = log_z,
    .draw = draw,
    .factors = factors,
};
