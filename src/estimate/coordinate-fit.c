#include "estimate/coordinate-fit.h"

#include <cblas.h>
#include <lapacke.h>
#include <math.h>
#include <string.h>

enum { B = SG_BLOCK, PARAMETERS_MOST = 1 << 14 };
static const double BYTES_MOST = 0x1p32;

struct sg_coordinate_fit {
    const sg_model *model;
    const sg_loss *loss;
    const sg_prepared *prepared;
    sg_d_shape shape;
    int d, m;
    bool linear;
    sg_coordinate_sums *sums;
    sg_coordinate_solver *solver;
    double *theta; /* [full] start, and then the estimate */
    sg_block block;
    sg_interactions f;    /* [d][B] each */
    double *D, *div;      /* [d][B] */
    double *slope, *bend; /* [d][B] d_j log p; what multiplies -g_k in psi of coordinate j */
    double *factor, *psi; /* [m,m], [m,B]: of sandwiches */
};

bool sg_coordinate_fit_may(const sg_model *model, const sg_loss *loss) {
    const sg_row *row = loss->row;
    if (!model->family->interactions || row->kind != SG_DIFFUSION || row->fit != SG_QUADRATIC) return false;
    return !row->spread && (row->by_coordinates ? row->by_coordinates(loss->options) : !row->diffusion);
}

sg_status sg_coordinate_fit_new(const sg_model *model, const sg_loss *loss, const sg_prepared *prepared,
                                const double *start, sg_coordinate_fit **out) {
    sg_coordinate_fit *f = NULL;
    const size_t d = (size_t)model->space.d, rows = d * B;
    const bool linear = (size_t)model->full > d * (d + 1) / 2;
    *out = NULL;
    if (8. * (double)d * (double)d * (double)d > BYTES_MOST)
        return sg_fail(SG_REFUSED, "a fit of %zu coordinates takes more than 4 GiB: take fewer", d);
    sg_status status = sg_new(&f, 1, sizeof *f);
    if (status) return status;
    f->model = model, f->loss = loss, f->prepared = prepared, f->d = model->space.d, f->m = model->m;
    f->linear = linear;
    f->shape = loss->row->shape ? loss->row->shape(prepared) : SG_D_SCALAR;
    double **row[] = {&f->block.x, &f->f.g, &f->f.g1, &f->f.g2,  &f->f.v1,
                      &f->f.v2,    &f->D,   &f->div,  &f->slope, &f->bend};
    for (size_t k = 0; k < sizeof row / sizeof *row && !status; k++) status = sg_new(row[k], rows, sizeof(double));
    if (!status) status = sg_new(&f->theta, (size_t)model->full, sizeof(double));
    if (!status) status = sg_coordinate_sums_new(f->d, linear, &f->sums);
    if (!status) status = sg_coordinate_solver_new(f->d, linear, f->m, model->free, &f->solver);
    if (status) {
        sg_coordinate_fit_delete(f);
        return status;
    }
    memcpy(f->theta, start, (size_t)model->full * sizeof(double));
    *out = f;
    return SG_OK;
}

void sg_coordinate_fit_delete(sg_coordinate_fit *f) {
    if (!f) return;
    double *row[] = {f->block.x, f->f.g,   f->f.g1, f->f.g2,  f->f.v1,   f->f.v2, f->D,
                     f->div,     f->slope, f->bend, f->theta, f->factor, f->psi};
    for (size_t k = 0; k < sizeof row / sizeof *row; k++) sg_delete(row[k]);
    sg_coordinate_sums_delete(f->sums);
    sg_coordinate_solver_delete(f->solver);
    sg_delete(f);
}

/* ---------------------------------------------------------------------- blocks */

/* D_j and (div D)_j of the block; a scalar D is copied to all coordinates. */
static void look_at(sg_coordinate_fit *f, const sg_source *source, long long b) {
    sg_source_block(source, b, &f->block);
    f->model->family->interactions(f->model, &f->block, &f->f);
    if (!f->loss->row->diffusion) {
        for (size_t k = 0; k < (size_t)f->d * B; k++) f->D[k] = 1, f->div[k] = 0;
        return;
    }
    f->loss->row->diffusion(f->prepared, &f->block, f->D, f->div);
    for (size_t j = 1; f->shape == SG_D_SCALAR && j < (size_t)f->d; j++) memcpy(f->D + j * B, f->D, B * sizeof(double));
}

void sg_coordinate_fit_sums(sg_coordinate_fit *f, const sg_source *source) {
    sg_coordinate_sums_clear(f->sums);
    for (long long b = 0; b < sg_source_blocks(source); b++) {
        look_at(f, source, b);
        sg_coordinate_sums_add(f->sums, f->block.n, &f->f, f->D, f->div);
    }
    sg_coordinate_sums_end(f->sums, (double)source->n);
}

const sg_coordinate_sums *sg_coordinate_fit_normal(const sg_coordinate_fit *f) {
    return f->sums;
}

sg_status sg_coordinate_fit_run(sg_coordinate_fit *f, const sg_source *source, double *theta,
                                sg_coordinate_report *report) {
    sg_coordinate_fit_sums(f, source);
    sg_status status = sg_coordinate_solve(f->solver, f->sums, f->theta, report);
    if (status) return status;
    for (int k = 0; k < f->m; k++) theta[k] = f->theta[f->model->free[k]];
    return SG_OK;
}

/* ------------------------------------------------------------------ the sandwich */

/* d_j log p, and q_j = g'_j D_j d_j log p + D_j g''_j + div_j g'_j. */
static void fill_scores(sg_coordinate_fit *f) {
    const int n = f->block.n;
    for (int j = 0; j < f->d; j++) {
        const size_t at = (size_t)j * B;
        const double *restrict g1 = f->f.g1 + at, *restrict g2 = f->f.g2 + at, *restrict v1 = f->f.v1 + at;
        const double *restrict D = f->D + at, *restrict div = f->div + at;
        double *restrict slope = f->slope + at, *restrict bend = f->bend + at;
        memset(slope, 0, B * sizeof(double));
        for (int k = 0; k < f->d; k++) {
            const double K = f->theta[j > k ? j * (j + 1) / 2 + k : k * (k + 1) / 2 + j];
            const double *restrict g = f->f.g + (size_t)k * B;
            if (K == 0) continue;
            for (int i = 0; i < n; i++) slope[i] -= K * g[i];
        }
        const double eta = f->linear ? f->theta[f->d * (f->d + 1) / 2 + j] : 0;
        for (int i = 0; i < n; i++) slope[i] *= g1[i];
        for (int i = 0; i < n && f->linear; i++) slope[i] += eta * v1[i];
        for (int i = 0; i < n; i++) bend[i] = D[i] * (g1[i] * slope[i] + g2[i]) + div[i] * g1[i];
    }
}

/* psi of parameter `index`, a pair of coordinates i >= j. */
static void psi_pair(const sg_coordinate_fit *f, int i, int j, double *restrict psi) {
    const size_t a = (size_t)i * B, b = (size_t)j * B;
    const double *restrict gi = f->f.g + a, *restrict gj = f->f.g + b, *restrict g1 = f->f.g1 + a;
    const double *restrict qi = f->bend + a, *restrict qj = f->bend + b, *restrict D = f->D + a;
    if (i != j)
        for (int k = 0; k < f->block.n; k++) psi[k] = -(gj[k] * qi[k] + gi[k] * qj[k]);
    else
        for (int k = 0; k < f->block.n; k++) psi[k] = -(gi[k] * qi[k]) - D[k] * g1[k] * g1[k];
}

static void psi_linear(const sg_coordinate_fit *f, int j, double *restrict psi) {
    const size_t a = (size_t)j * B;
    const double *restrict v1 = f->f.v1 + a, *restrict v2 = f->f.v2 + a, *restrict slope = f->slope + a;
    const double *restrict D = f->D + a, *restrict div = f->div + a;
    for (int k = 0; k < f->block.n; k++) psi[k] = D[k] * (v1[k] * slope[k] + v2[k]) + div[k] * v1[k];
}

/* psi [m] of the data of the block, each a column. */
static void fill_psi(sg_coordinate_fit *f) {
    const int pairs = f->d * (f->d + 1) / 2;
    double row[B];
    fill_scores(f);
    for (int k = 0, i = 0; k < f->m; k++) {
        const int index = f->model->free[k];
        while (index < pairs && (i + 1) * (i + 2) / 2 <= index) i++;
        if (index < pairs)
            psi_pair(f, i, index - i * (i + 1) / 2, row);
        else
            psi_linear(f, index - pairs, row);
        cblas_dcopy(f->block.n, row, 1, f->psi + k, f->m);
    }
}

static sg_status open_sandwich(sg_coordinate_fit *f) {
    const size_t m = (size_t)f->m;
    if (m > PARAMETERS_MOST)
        return sg_fail(SG_REFUSED, "standard errors of %zu parameters are too many: the most is %d", m,
                       PARAMETERS_MOST);
    sg_status status = f->factor ? SG_OK : sg_new(&f->factor, m * m, sizeof(double));
    if (!status && !f->psi) status = sg_new(&f->psi, m * B, sizeof(double));
    if (status) return status;
    sg_coordinate_matrix(f->solver, f->sums, f->factor);
    if (LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'L', f->m, f->factor, f->m))
        return sg_fail(SG_SINGULAR, "the normal equations of %s have no factor: no standard errors", f->model->text);
    return SG_OK;
}

sg_status sg_coordinate_fit_sandwich(sg_coordinate_fit *f, const sg_source *source, double *covariance, double *se) {
    const size_t m = (size_t)f->m;
    const double n = (double)source->n;
    sg_status status = open_sandwich(f);
    if (status) return status;
    if (covariance) memset(covariance, 0, m * m * sizeof(double));
    if (se) memset(se, 0, m * sizeof(double));
    for (long long b = 0; b < sg_source_blocks(source); b++) {
        look_at(f, source, b);
        fill_psi(f);
        LAPACKE_dpotrs_work(LAPACK_COL_MAJOR, 'L', f->m, f->block.n, f->factor, f->m, f->psi, f->m);
        if (covariance)
            cblas_dsyrk(CblasColMajor, CblasLower, CblasNoTrans, f->m, f->block.n, 1 / (n * n), f->psi, f->m, 1,
                        covariance, f->m);
        for (int i = 0; i < f->block.n && se; i++)
            for (size_t k = 0; k < m; k++) se[k] += f->psi[k + (size_t)i * m] * f->psi[k + (size_t)i * m];
    }
    for (size_t k = 0; k < m && covariance; k++)
        for (size_t l = k + 1; l < m; l++) covariance[k + l * m] = covariance[l + k * m];
    for (size_t k = 0; k < m && se; k++) se[k] = sqrt(se[k]) / n;
    return SG_OK;
}
