#include "estimate/site-fits.h"

#include <cblas.h>
#include <math.h>
#include <string.h>

#include "dictionary/flip-loss.h"
#include "dictionary/site-view.h"
#include "estimate/fitter.h"
#include "estimate/node-sums.h"
#include "estimate/separation.h"
#include "estimate/source.h"

enum { B = SG_BLOCK };

struct sg_site_inverses {
    int d, m;
    size_t *first;   /* [d + 1] where each site's matrix is */
    double *inverse; /* of the matrices one after the other */
    double *share;   /* [m] one over the number of sites of a parameter */
    double *h;       /* [m,m] or NULL: the identity */
};

/* The loss of site `site` at the points of the lens' block: what `want` says, in the site's own parameters. */
static const sg_datum *look(sg_lens *lens, const sg_prepared *prepared, const double *theta, int site, int want) {
    const int *list, t = sg_site_view_list(lens->view, site, &list);
    sg_datum *datum = &lens->site;
    datum->m = t;
    datum->want = want;
    sg_site_view_at(lens->view, theta, &lens->block);
    sg_flip_loss_site(lens->loss->row, prepared, site, lens->view, datum);
    return datum;
}

void sg_site_inverses_delete(sg_site_inverses *s) {
    if (!s) return;
    sg_delete(s->first);
    sg_delete(s->inverse);
    sg_delete(s->share);
    sg_delete(s->h);
    sg_delete(s);
}

static sg_status new_inverses(const sg_site_view *view, bool whole, sg_site_inverses **out) {
    sg_status status;
    sg_site_inverses *s = NULL;
    const int *list;
    if ((status = sg_new(&s, 1, sizeof *s))) return status;
    *out = s;
    s->d = view->d, s->m = view->m;
    if ((status = sg_new(&s->first, (size_t)s->d + 1, sizeof *s->first))) return status;
    if ((status = sg_new(&s->share, (size_t)s->m, sizeof(double)))) return status;
    for (int i = 0; i < s->d; i++) {
        const int t = sg_site_view_list(view, i, &list);
        s->first[i + 1] = s->first[i] + (size_t)t * (size_t)t;
        for (int j = 0; j < t; j++) s->share[list[j]]++;
    }
    for (int j = 0; j < s->m; j++) s->share[j] = 1 / s->share[j];
    if (whole && (status = sg_new(&s->h, (size_t)s->m * (size_t)s->m, sizeof(double)))) return status;
    return sg_new(&s->inverse, s->first[s->d] + 1, sizeof(double));
}

/* Lower triangles of all sites, which `inverse` holds, become inverses. */
static sg_status invert_all(const sg_model *model, const sg_site_view *view, sg_site_inverses *s, double *square) {
    double condition;
    for (int i = 0; i < s->d; i++) {
        const int *list, t = sg_site_view_list(view, i, &list);
        double *a = s->inverse + s->first[i];
        for (int k = 0; k < t; k++)
            for (int j = k; j < t; j++) square[j + (size_t)k * t] = square[k + (size_t)j * t] = a[j + (size_t)k * t];
        if (t == 0) continue;
        sg_status status = sg_invert(t, square, a, &condition);
        if (status == SG_SINGULAR)
            return sg_fail(SG_SINGULAR,
                           "the loss of site %d of %s does not tell its parameters apart: fix one of them "
                           "with free=",
                           i, model->text);
        if (status) return status;
    }
    return SG_OK;
}

/* ------------------------------------------------------------------------ at nodes */

static void add_dirichlet(void *context, sg_lens *lens, double *scratch, double *sum) {
    const sg_node_stream *stream = context;
    size_t at = 0;
    (void)scratch;
    for (int i = 0; i < lens->view->d; i++) {
        const int *list, t = sg_site_view_list(lens->view, i, &list);
        memset(lens->site.dirichlet_sum, 0, (size_t)t * (size_t)t * sizeof(double));
        if (t) look(lens, stream->prepared, stream->model->truth, i, SG_DIRICHLET);
        for (int k = 0; k < t * t; k++) sum[at + (size_t)k] += lens->site.dirichlet_sum[k];
        at += (size_t)t * (size_t)t;
    }
}

sg_status sg_site_inverses_at_nodes(void *context, sg_site_inverses **out) {
    sg_node_stream *stream = context;
    const sg_site_view *view = stream->lens[0]->view;
    sg_site_inverses *s = NULL;
    sg_status status = new_inverses(view, true, &s);
    if (!status) status = sg_node_stream_sum(stream, s->first[s->d] + 1, 0, add_dirichlet, stream, s->inverse);
    for (int i = 0; !status && i < s->d; i++) {
        const int *list, t = sg_site_view_list(view, i, &list);
        for (int k = 0; k < t; k++)
            for (int j = 0; j < t; j++)
                s->h[list[j] + (size_t)list[k] * s->m] +=
                    s->inverse[s->first[i] + (j > k ? j + (size_t)k * t : k + (size_t)j * t)];
    }
    if (!status) status = invert_all(stream->model, view, s, stream->lens[0]->site.dirichlet_sum);
    if (status) {
        sg_site_inverses_delete(s);
        s = NULL;
    }
    *out = s;
    return status;
}

/* The mean over sites of A_i^-1 psi_i, the site's psi at its own theta where `thetas` [d][full] gives one. */
static void influence(const sg_site_inverses *s, sg_lens *lens, const sg_prepared *prepared, const double *theta,
                      size_t stride, double *out) {
    const int n = lens->block.n;
    memset(out, 0, (size_t)s->m * B * sizeof(double));
    for (int i = 0; i < s->d; i++) {
        const int *list, t = sg_site_view_list(lens->view, i, &list);
        const double *inverse = s->inverse + s->first[i];
        if (!t) continue;
        const double *psi = look(lens, prepared, theta + (size_t)i * stride, i, SG_PSI)->psi;
        for (int j = 0; j < t; j++) {
            double *to = out + (size_t)list[j] * B;
            for (int k = 0; k < t; k++) {
                const double a = inverse[j + (size_t)k * t] * s->share[list[j]], *from = psi + (size_t)k * B;
                for (int x = 0; x < n; x++) to[x] += a * from[x];
            }
        }
    }
}

void sg_site_inverses_influence(const sg_site_inverses *s, sg_lens *lens, const sg_prepared *prepared,
                                const double *theta, double *psi) {
    influence(s, lens, prepared, theta, 0, lens->influence);
    cblas_dgemm(CblasColMajor, CblasNoTrans, CblasNoTrans, lens->block.n, s->m, s->m, 1, lens->influence, B, s->h, s->m,
                0, psi, B);
}

/* ------------------------------------------------------------------------- the fit */

struct sg_site_fits {
    sg_site_inverses *inverses;
    double *theta;  /* [d][full] the estimate at each site */
    double *newton; /* work */
    double *x;      /* [m] */
    int site;       /* of the fit under way */
};

sg_status sg_site_fits_new(sg_fitter *f) {
    sg_status status;
    const size_t d = (size_t)f->model->space.d, full = (size_t)f->model->full, m = (size_t)f->m;
    if ((status = sg_new(&f->sites, 1, sizeof *f->sites))) return status;
    sg_site_fits *s = f->sites;
    if ((status = new_inverses(f->lens->view, false, &s->inverses))) return status;
    if ((status = sg_new(&s->theta, d * full, sizeof(double)))) return status;
    if ((status = sg_new(&s->newton, sg_newton_work(f->m), sizeof(double)))) return status;
    return sg_new(&s->x, 2 * m, sizeof(double));
}

void sg_site_fits_delete(sg_fitter *f) {
    sg_site_fits *s = f->sites;
    if (!s) return;
    sg_site_inverses_delete(s->inverses);
    sg_delete(s->theta);
    sg_delete(s->newton);
    sg_delete(s->x);
    sg_delete(s);
    f->sites = NULL;
}

/* theta [full] with the site's parameters at x. */
static double *place(const sg_fitter *f, const double *x) {
    sg_site_fits *s = f->sites;
    double *theta = s->theta + (size_t)s->site * (size_t)f->model->full;
    const int *list, t = sg_site_view_list(f->lens->view, s->site, &list);
    for (int j = 0; j < t; j++) theta[f->model->free[list[j]]] = x[j];
    return theta;
}

static double sum_of(const sg_block *block, const double *x) {
    double sum = 0;
    for (int i = 0; i < block->n; i++) sum += block->weight ? block->weight[i] * x[i] : x[i];
    return sum;
}

static sg_status objective(void *context, const double *x, double *value, double *gradient, double *hessian) {
    sg_fitter *f = context;
    sg_lens *lens = f->lens;
    const int *list, t = sg_site_view_list(lens->view, f->sites->site, &list);
    const int form = sg_source_form(f->source, lens->form);
    const double *theta = place(f, x), n = (double)f->source->n;
    double total = 0;
    f->passes++;
    for (int j = 0; j < t; j++) gradient[j] = 0;
    memset(lens->site.curvature_sum, 0, (size_t)t * (size_t)t * sizeof(double));
    for (long long b = 0; b < sg_source_form_blocks(f->source, form); b++) {
        sg_source_form_block(f->source, form, b, &lens->block);
        const sg_datum *datum = look(lens, f->prepared, theta, f->sites->site, SG_VALUE | SG_PSI | SG_CURVATURE);
        total += sum_of(&lens->block, datum->value);
        for (int j = 0; j < t; j++) gradient[j] += sum_of(&lens->block, datum->psi + (size_t)j * B);
    }
    if (value) *value = total / n;
    for (int j = 0; j < t; j++) gradient[j] /= n;
    for (int k = 0; hessian && k < t; k++)
        for (int j = k; j < t; j++)
            hessian[j + (size_t)k * t] = hessian[k + (size_t)j * t] = lens->site.curvature_sum[j + (size_t)k * t] / n;
    return SG_OK;
}

static sg_status fit_site(sg_fitter *f, int *iterations) {
    const sg_newton_settings settings = {.tol = 1e-10, .most = 100, .radius = 10};
    sg_site_fits *s = f->sites;
    const int *list, t = sg_site_view_list(f->lens->view, s->site, &list);
    int steps = 0;
    for (int j = 0; j < t; j++) s->x[j] = f->chart->origin[f->model->free[list[j]]];
    sg_status status = sg_newton(t, objective, f, &settings, s->x, &steps, s->newton);
    if (steps > *iterations) *iterations = steps;
    for (int j = 0; j < t; j++) s->x[f->m + j] = s->newton[j + (size_t)j * t];
    if (sg_separation_suspected(status, t, s->x + f->m, f->source->n)) status = sg_separation_site(f, s->site, status);
    if (!status) place(f, s->x);
    return status;
}

sg_status sg_site_fits_run(sg_fitter *f, int *iterations, double *theta) {
    sg_site_fits *s = f->sites;
    const size_t full = (size_t)f->model->full;
    const int d = f->model->space.d;
    const int *list;
    *iterations = 0;
    for (int j = 0; j < f->m; j++) theta[j] = 0;
    for (s->site = 0; s->site < d; s->site++) {
        double *at = s->theta + (size_t)s->site * full;
        memcpy(at, f->chart->origin, full * sizeof(double));
        const int t = sg_site_view_list(f->lens->view, s->site, &list);
        if (!t) continue;
        sg_status status = fit_site(f, iterations);
        if (status) return status;
        for (int j = 0; j < t; j++) theta[list[j]] += s->inverses->share[list[j]] * at[f->model->free[list[j]]];
    }
    return SG_OK;
}

/* Matrices of all sites at their estimates. */
static sg_status find_inverses(sg_fitter *f) {
    sg_site_fits *s = f->sites;
    const int d = f->model->space.d;
    const int *list;
    double *gradient = s->x + f->m;
    for (s->site = 0; s->site < d; s->site++) {
        const int t = sg_site_view_list(f->lens->view, s->site, &list);
        const double *at = s->theta + (size_t)s->site * (size_t)f->model->full;
        for (int j = 0; j < t; j++) s->x[j] = at[f->model->free[list[j]]];
        if (t && objective(f, s->x, NULL, gradient, s->inverses->inverse + s->inverses->first[s->site]))
            return SG_SINGULAR;
    }
    return invert_all(f->model, f->lens->view, s->inverses, f->a);
}

void sg_site_fits_sandwich(sg_fitter *f, double *covariance) {
    sg_lens *lens = f->lens;
    const int m = f->m, form = sg_source_form(f->source, lens->form);
    const double n = (double)f->source->n;
    double *mean = f->sites->x;
    if (find_inverses(f)) return;
    memset(mean, 0, (size_t)m * sizeof(double));
    memset(f->b, 0, (size_t)m * (size_t)m * sizeof(double));
    f->passes++;
    for (long long b = 0; b < sg_source_form_blocks(f->source, form); b++) {
        sg_source_form_block(f->source, form, b, &lens->block);
        influence(f->sites->inverses, lens, f->prepared, f->sites->theta, (size_t)f->model->full, lens->influence);
        for (int j = 0; j < m; j++) {
            double *row = lens->influence + (size_t)j * B;
            mean[j] += sum_of(&lens->block, row) / n;
            for (int i = 0; lens->block.weight && i < lens->block.n; i++) row[i] *= sqrt(lens->block.weight[i]);
        }
        cblas_dsyrk(CblasColMajor, CblasLower, CblasTrans, m, lens->block.n, 1, lens->influence, B, 1, f->b, m);
    }
    for (int k = 0; k < m; k++)
        for (int j = k; j < m; j++)
            covariance[j + (size_t)k * m] = covariance[k + (size_t)j * m] =
                (f->b[j + (size_t)k * m] / n - mean[j] * mean[k]) / n;
}
