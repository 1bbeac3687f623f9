/* Jets of mixtures of normals: every member is a sum of products of a few functions of z with their derivatives. */
#include <string.h>

#include "family/normals-pass.h"
#include "family/normals-two.h"

/* A function of z with its derivatives up to an order; rows that are 0 everywhere are marked and not kept. */
typedef struct {
    _Alignas(SG_ALIGN) sg_lanes value;
    sg_lanes slope[SG_NORMALS_Z], bend[SG_NORMALS_PAIRS];
    bool slopes[SG_NORMALS_Z], bends[SG_NORMALS_PAIRS];
} function;

static void all_rows(const sg_normals_pass *p, function *f) {
    memset(f->slopes, true, (size_t)p->z);
    memset(f->bends, true, (size_t)p->pairs);
}

static void no_rows(const sg_normals_pass *p, function *f) {
    memset(f->slopes, false, (size_t)p->z);
    memset(f->bends, false, (size_t)p->pairs);
}

/* out = or += x y; returns that out is something. */
static inline bool add_row(double *restrict out, bool begun, const double *restrict x, const double *restrict y) {
    if (begun)
        SG_EACH_LANE(i) out[i] += x[i] * y[i];
    else
        SG_EACH_LANE(i) out[i] = x[i] * y[i];
    return true;
}

static void multiply(const sg_normals_pass *p, int order, const function *f, const function *h, function *out) {
    add_row(out->value, false, f->value, h->value);
    for (int a = 0; a < p->z && order > 0; a++) {
        bool begun = false;
        if (f->slopes[a]) begun = add_row(out->slope[a], begun, f->slope[a], h->value);
        if (h->slopes[a]) begun = add_row(out->slope[a], begun, f->value, h->slope[a]);
        out->slopes[a] = begun;
    }
    for (int e = 0; e < p->pairs && order > 1; e++) {
        const int a = p->row[e], b = p->column[e];
        double *row = out->bend[e];
        bool begun = false;
        if (f->bends[e]) begun = add_row(row, begun, f->bend[e], h->value);
        if (h->bends[e]) begun = add_row(row, begun, f->value, h->bend[e]);
        if (f->slopes[a] && h->slopes[b]) begun = add_row(row, begun, f->slope[a], h->slope[b]);
        if (f->slopes[b] && h->slopes[a]) begun = add_row(row, begun, f->slope[b], h->slope[a]);
        out->bends[e] = begun;
    }
}

static void subtract_row(double *restrict out, bool begun, const double *restrict x) {
    if (begun)
        SG_EACH_LANE(i) out[i] -= x[i];
    else
        SG_EACH_LANE(i) out[i] = -x[i];
}

static void subtract(const sg_normals_pass *p, int order, const function *f, function *out) {
    subtract_row(out->value, true, f->value);
    for (int a = 0; a < p->z && order > 0; a++)
        if (f->slopes[a]) {
            subtract_row(out->slope[a], out->slopes[a], f->slope[a]);
            out->slopes[a] = true;
        }
    for (int e = 0; e < p->pairs && order > 1; e++)
        if (f->bends[e]) {
            subtract_row(out->bend[e], out->bends[e], f->bend[e]);
            out->bends[e] = true;
        }
}

/* ------------------------------------------------------- functions of weights */

/* r_k */
static void responsibility(const sg_normals_pass *p, int order, int k, function *out) {
    all_rows(p, out);
    memcpy(out->value, p->r[k], sizeof out->value);
    for (int a = 0; a < p->z && order > 0; a++) add_row(out->slope[a], false, p->r[k], p->g[k][a]);
    for (int e = 0; e < p->pairs && order > 1; e++) {
        sg_lanes bend;
        sg_normals_ratio_bend(p, k, e, bend);
        add_row(out->bend[e], false, p->r[k], bend);
    }
}

/* v = r (1 - r): v_a = (1 - 2r) r g_a, v_ab = r ((1 - 2r) G_ab - 2 r g_a g_b). */
static void spread(const sg_normals_pass *p, int order, int k, function *out) {
    const double *r = p->r[k], *rest = p->rest[k];
    all_rows(p, out);
    add_row(out->value, false, r, rest);
    for (int a = 0; a < p->z && order > 0; a++)
        SG_EACH_LANE(i) out->slope[a][i] = (rest[i] - r[i]) * (r[i] * p->g[k][a][i]);
    for (int e = 0; e < p->pairs && order > 1; e++) {
        const double *first = p->g[k][p->row[e]], *second = p->g[k][p->column[e]];
        sg_lanes bend;
        sg_normals_ratio_bend(p, k, e, bend);
        SG_EACH_LANE(i)
        out->bend[e][i] = r[i] * ((rest[i] - r[i]) * bend[i] - 2 * r[i] * (first[i] * second[i]));
    }
}

/* -r_k r_l */
static void overlap(const sg_normals_pass *p, int order, int k, int l, function *out) {
    all_rows(p, out);
    SG_EACH_LANE(i) out->value[i] = -(p->r[k][i] * p->r[l][i]);
    for (int a = 0; a < p->z && order > 0; a++)
        SG_EACH_LANE(i) out->slope[a][i] = out->value[i] * (p->g[k][a][i] + p->g[l][a][i]);
    for (int e = 0; e < p->pairs && order > 1; e++) {
        const int a = p->row[e], b = p->column[e];
        sg_lanes one, other;
        sg_normals_ratio_bend(p, k, e, one);
        sg_normals_ratio_bend(p, l, e, other);
        SG_EACH_LANE(i)
        out->bend[e][i] =
            out->value[i] * (one[i] + other[i] + p->g[k][a][i] * p->g[l][b][i] + p->g[l][a][i] * p->g[k][b][i]);
    }
}

/*
 * W = R_j - R_K, the derivative in weight j.  Of R_j Q^j - R_K Q^K, Q = g or G, the smaller R stands before the
 * difference of the Q, and W before that of the larger.
 */
static void weight_function(const sg_normals_pass *p, int order, int j, function *out) {
    const int last = p->law->count - 1;
    sg_lanes delta[SG_NORMALS_Z], least;
    all_rows(p, out);
    sg_normals_weight_row(p, j, out->value);
    if (order == 0) return;
    sg_normals_slopes_between(p, j, last, delta);
    SG_EACH_LANE(i) least[i] = p->R[j][i] < p->R[last][i] ? p->R[j][i] : p->R[last][i];
    for (int a = 0; a < p->z; a++) SG_EACH_LANE(i) {
            const double g = out->value[i] > 0 ? p->g[j][a][i] : p->g[last][a][i];
            out->slope[a][i] = least[i] * delta[a][i] + out->value[i] * g;
        }
    for (int e = 0; e < p->pairs && order > 1; e++) {
        const int a = p->row[e], b = p->column[e];
        sg_lanes one, other, between = {0};
        sg_normals_ratio_bend(p, j, e, one);
        sg_normals_ratio_bend(p, last, e, other);
        sg_normals_bend_between(p, j, last, e, between);
        SG_EACH_LANE(i) {
            const double G = out->value[i] > 0 ? one[i] : other[i];
            const double apart = delta[a][i] * p->g[j][b][i] + p->g[last][a][i] * delta[b][i] + between[i];
            out->bend[e][i] = least[i] * apart + out->value[i] * G;
        }
    }
}

/*
 * c with c u the derivative in weight j and a mean of component k: R_j - W r_j = R_j (1 - r_j) + R_K r_j for k = j, the
 * same with sign and roles changed for K, otherwise -W r_k.  c_a = c g_a - r W_a, c_ab = c G_ab - r (W_a g_b + W_b g_a
 * + W_ab).
 */
static void weight_and_mean(const sg_normals_pass *p, int order, int j, int k, const function *W, function *out) {
    const int last = p->law->count - 1;
    const double *r = p->r[k], *rest = p->rest[k], *R = p->R[k], *other = p->R[k == j ? last : j];
    const double sign = k == j ? 1 : -1;
    all_rows(p, out);
    if (k == j || k == last)
        SG_EACH_LANE(i) out->value[i] = sign * (R[i] * rest[i] + other[i] * r[i]);
    else
        SG_EACH_LANE(i) out->value[i] = -W->value[i] * r[i];
    for (int a = 0; a < p->z && order > 0; a++)
        SG_EACH_LANE(i) out->slope[a][i] = out->value[i] * p->g[k][a][i] - r[i] * W->slope[a][i];
    for (int e = 0; e < p->pairs && order > 1; e++) {
        const int a = p->row[e], b = p->column[e];
        sg_lanes bend;
        sg_normals_ratio_bend(p, k, e, bend);
        SG_EACH_LANE(i)
        out->bend[e][i] = out->value[i] * bend[i] -
                          r[i] * (W->slope[a][i] * p->g[k][b][i] + W->slope[b][i] * p->g[k][a][i] + W->bend[e][i]);
    }
}

/* --------------------------------------------------------- functions of means */

static void negate(double *out) {
    SG_EACH_LANE(i) out[i] = -out[i];
}

/* u_c = (P y)_c of component k: u_a = P_ca, u_t = -(P^2 y)_c, u_at = -(P^2)_ca, u_tt = 2 (P^3 y)_c. */
static void mean_function(const sg_normals_pass *p, int order, int k, int c, function *out) {
    no_rows(p, out);
    memcpy(out->value, p->u[k][c], sizeof out->value);
    if (order == 0) return;
    for (int a = 0; a < p->d; a++) out->slopes[a] = sg_normals_precision(p, k, 1, c, a, out->slope[a]);
    if (!p->heat) return;
    SG_EACH_LANE(i) out->slope[p->d][i] = -p->u2[k][c][i];
    out->slopes[p->d] = true;
    for (int e = 0; e < p->pairs && order > 1; e++) {
        const int a = p->column[e];
        if (p->row[e] < p->d) continue;
        out->bends[e] = a == p->d || sg_normals_precision(p, k, 2, c, a, out->bend[e]);
        SG_EACH_LANE(i) out->bend[e][i] = a == p->d ? 2 * p->u3[k][c][i] : -out->bend[e][i];
    }
}

/* P_bc as a function of t; false where it is 0. */
static bool precision_function(const sg_normals_pass *p, int order, int k, int b, int c, function *out) {
    no_rows(p, out);
    if (!sg_normals_precision(p, k, 1, b, c, out->value)) return false;
    if (!p->heat || order == 0) return true;
    out->slopes[p->d] = sg_normals_precision(p, k, 2, b, c, out->slope[p->d]);
    negate(out->slope[p->d]);
    if (order == 1) return true;
    const int e = p->pairs - 1; /* (t, t) */
    out->bends[e] = sg_normals_precision(p, k, 3, b, c, out->bend[e]);
    SG_EACH_LANE(i) out->bend[e][i] *= 2;
    return true;
}

/* ----------------------------------------------------------------- parameters */

/* Where a jet has the derivatives of one order in theta, and up to which order in z they are asked for. */
typedef struct {
    double *member[3];
    int order;
} target;

static target target_of(double *value, double *slope, double *bend) {
    return (target){{value, slope, bend}, bend ? 2 : slope ? 1 : value ? 0 : -1};
}

static void store(const sg_normals_pass *p, const target *to, int index, int first, const function *f) {
    const int rows[3] = {1, p->z, p->pairs};
    for (int n = 0; n <= to->order; n++) {
        if (!to->member[n]) continue;
        const sg_lanes *from = n == 0 ? &f->value : n == 1 ? f->slope : f->bend;
        const bool yes = true, *there = n == 0 ? &yes : n == 1 ? f->slopes : f->bends;
        double *out = to->member[n] + (size_t)index * (size_t)rows[n] * SG_BLOCK + first;
        for (int r = 0; r < rows[n]; r++, out += SG_BLOCK) {
            if (there[r])
                memcpy(out, from[r], sizeof(sg_lanes));
            else
                SG_EACH_LANE(i) out[i] = 0;
        }
    }
}

/* A parameter is the weight of `component`, axis -1, or its mean along `axis`. */
typedef struct {
    int component, axis;
} place;

static place place_of(const sg_normals_pass *p, const sg_jet *jet, int entry) {
    const int weights = p->law->count - 1, j = jet->parameter ? jet->parameter[entry] : entry;
    return j < weights ? (place){j, -1} : (place){(j - weights) / p->d, (j - weights) % p->d};
}

static void first_derivatives(const sg_normals_pass *p, const sg_jet *jet, const target *to, int first) {
    function weight, mean, out;
    int held = -1;
    for (int j = 0; j < jet->m; j++) {
        const place at = place_of(p, jet, j);
        if (at.axis < 0) {
            weight_function(p, to->order, at.component, &out);
        } else {
            if (at.component != held) responsibility(p, to->order, held = at.component, &weight);
            mean_function(p, to->order, held, at.axis, &mean);
            multiply(p, to->order, &weight, &mean, &out);
        }
        store(p, to, j, first, &out);
    }
}

/* What is kept from pair to pair of parameters. */
typedef struct {
    function row, column, weight, product, out; /* of the parameters of a row and a column; of their components */
    int held;                                   /* the component of the column that `weight` belongs to */
} pairing;

static void pair_of_weights(const sg_normals_pass *p, int order, place column, pairing *w) {
    weight_function(p, order, column.component, &w->column);
    multiply(p, order, &w->row, &w->column, &w->product);
    no_rows(p, &w->out);
    memset(w->out.value, 0, sizeof w->out.value);
    subtract(p, order, &w->product, &w->out);
}

static void pair_of_means(const sg_normals_pass *p, int order, place row, place column, pairing *w) {
    const bool same = row.component == column.component;
    if (column.component != w->held) {
        w->held = column.component;
        if (same)
            spread(p, order, w->held, &w->weight);
        else
            overlap(p, order, row.component, w->held, &w->weight);
    }
    mean_function(p, order, column.component, column.axis, &w->column);
    multiply(p, order, &w->row, &w->column, &w->product);
    multiply(p, order, &w->weight, &w->product, &w->out);
    if (!same || !precision_function(p, order, w->held, row.axis, column.axis, &w->column)) return;
    responsibility(p, order, w->held, &w->product);
    function precision;
    multiply(p, order, &w->product, &w->column, &precision);
    subtract(p, order, &precision, &w->out);
}

static void second_derivatives(const sg_normals_pass *p, const sg_jet *jet, const target *to, int first) {
    pairing w;
    for (int j = 0, index = 0; j < jet->m; j++) {
        const place row = place_of(p, jet, j);
        w.held = -1;
        if (row.axis < 0)
            weight_function(p, to->order, row.component, &w.row);
        else
            mean_function(p, to->order, row.component, row.axis, &w.row);
        for (int k = 0; k <= j; k++, index++) {
            const place column = place_of(p, jet, k);
            if (row.axis < 0) {
                pair_of_weights(p, to->order, column, &w);
            } else if (column.axis < 0) {
                weight_function(p, to->order, column.component, &w.column);
                weight_and_mean(p, to->order, column.component, row.component, &w.column, &w.weight);
                multiply(p, to->order, &w.weight, &w.row, &w.out);
            } else {
                pair_of_means(p, to->order, row, column, &w);
            }
            store(p, to, index, first, &w.out);
        }
    }
}

/* ------------------------------------------------------------------- the jet */

/* E of d_a l under the responsibilities, or of its second derivatives. */
static void mean_over_components(const sg_normals_pass *p, int order, int index, double *restrict out) {
    SG_EACH_LANE(i) out[i] = 0;
    for (int k = 0; k < p->law->count; k++) {
        sg_lanes one;
        const double *restrict r = p->r[k], *restrict u = p->u[k][order == 1 && index < p->d ? index : 0];
        if (order == 1 && index < p->d) {
            SG_EACH_LANE(i) out[i] -= r[i] * u[i];
            continue;
        }
        if (order == 1)
            sg_normals_slope(p, k, index, one);
        else
            sg_normals_bend(p, k, index, one);
        SG_EACH_LANE(i) out[i] += r[i] * one[i];
    }
}

static void log_density(const sg_normals_pass *p, const sg_jet *jet, int first) {
    if (jet->logp) memcpy(jet->logp + first, p->logp, sizeof p->logp);
    for (int a = 0; a < p->z && jet->dx; a++) mean_over_components(p, 1, a, jet->dx + a * SG_BLOCK + first);
    for (int e = 0; e < p->pairs && jet->dxx; e++) {
        double *restrict out = jet->dxx + e * SG_BLOCK + first;
        mean_over_components(p, 2, e, out);
        SG_EACH_LANE(i) out[i] += p->C[e][i];
    }
}

void sg_normals_jet(const sg_normals *law, const double *theta, const sg_block *block, bool heat, sg_jet *jet) {
    if (sg_normals_are_two(law))
        sg_normals_two_jet(law, theta, block, heat, jet);
    else
        sg_normals_many_jet(law, theta, block, heat, jet);
}

void sg_normals_many_jet(const sg_normals *law, const double *theta, const sg_block *block, bool heat, sg_jet *jet) {
    const target once = target_of(jet->dt, jet->dt_dx, jet->dt_dxx);
    const target twice = target_of(jet->dtt, jet->dtt_dx, jet->dtt_dxx);
    const bool bends = jet->dxx || once.order == 2 || twice.order == 2;
    sg_normals_pass p;
    sg_normals_open(law, theta, heat, jet->want & SG_DIAGONAL, &p);
    p.logp_wanted = jet->logp;
    for (int first = 0; first < block->n; first += SG_LANES) {
        sg_normals_load(&p, block, first);
        if (bends || once.order == 1 || twice.order == 1) sg_normals_slopes(&p, bends);
        log_density(&p, jet, first);
        if (once.order >= 0) first_derivatives(&p, jet, &once, first);
        if (twice.order >= 0) second_derivatives(&p, jet, &twice, first);
    }
}
