#include "estimate/separation.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#include "dictionary/flip-loss.h"
#include "dictionary/site-view.h"
#include "estimate/direction.h"
#include "estimate/no-minimum.h"
#include "estimate/source.h"

enum { B = SG_BLOCK };
static const double far = 1e9; /* a point beyond everything else */

/* Losses that hold the set of D: that of the fit, or pseudolikelihood; in the free parameters themselves, from zero. */
typedef struct {
    sg_fitter *f;
    int m, site; /* SG_ALL_SITES, or one site and its m parameters */
    const int *list;
    sg_loss *own;
    const sg_prepared *prepared;
    sg_prepared *made;
    sg_chart *chart;
    sg_lens *lens, *made_lens;
    sg_partition *partition; /* of likelihood */
    sg_local local;
    double *full, *direction, *sum; /* [full], [m], [m] */
} gauge;

static double largest(int m, const double *x) {
    double top = 0;
    for (int j = 0; j < m; j++) top = fmax(top, fabs(x[j]));
    return top;
}

bool sg_separation_suspected(sg_status status, int m, const double *variance, long long n) {
    bool yes = status;
    for (int j = 0; j < m; j++) yes = yes || !(variance[j] <= (double)n);
    return yes;
}

/* ------------------------------------------------------------------ the gauge */

/* Where the loss is that of one site, so is the gauge. */
static sg_status open_loss(gauge *g) {
    const sg_loss *loss = g->f->loss;
    char text[sizeof loss->text + 32];
    const char *sites = strstr(loss->text, "sites=");
    g->prepared = g->f->prepared;
    if (!loss->row->rho || loss->row->heat_bath) return SG_OK;
    snprintf(text, sizeof text, "pseudolikelihood%s%s", sites ? ":" : "", sites ? sites : "");
    sg_status status = sg_loss_new(text, &g->own);
    if (!status) status = sg_loss_prepare(g->own, g->f->model, g->f->panels, &g->made);
    g->prepared = g->made;
    return status;
}

static sg_status open_partition(gauge *g) {
    const size_t m = (size_t)g->m;
    if (!g->f->partition) return SG_OK;
    sg_status status = sg_new(&g->local.gradient, m, sizeof(double));
    return status ? status : sg_partition_new(g->f->model, g->chart, g->f->nodes, &g->partition);
}

static sg_status open_gauge(sg_fitter *f, gauge *g) {
    const sg_model *model = f->model;
    sg_status status;
    *g = (gauge){.f = f, .m = f->m, .site = SG_ALL_SITES};
    if ((status = sg_new(&g->full, (size_t)model->full, sizeof(double)))) return status;
    if ((status = sg_new(&g->direction, 2 * (size_t)f->m, sizeof(double)))) return status;
    g->sum = g->direction + f->m;
    if ((status = open_loss(g))) return status;
    if ((status = sg_chart_new(model, g->full, NULL, &g->chart))) return status;
    if ((status = open_partition(g))) return status;
    if ((status = sg_lens_new(model, g->own ? g->own : f->loss, g->chart, SG_PSI, 0, &g->made_lens))) return status;
    g->lens = g->made_lens;
    return sg_pass_open(g->lens, g->prepared, f->source);
}

static sg_status open_site(sg_fitter *f, int site, gauge *g) {
    *g = (gauge){.f = f, .site = site, .lens = f->lens, .prepared = f->prepared};
    g->m = sg_site_view_list(f->lens->view, site, &g->list);
    sg_status status = sg_new(&g->full, (size_t)f->model->full, sizeof(double));
    if (!status) status = sg_new(&g->direction, 2 * (size_t)f->m, sizeof(double));
    g->sum = g->direction + f->m;
    return status;
}

static void close_gauge(gauge *g) {
    sg_lens_delete(g->made_lens);
    if (g->made) sg_loss_release(g->own, g->made);
    sg_loss_delete(g->own);
    sg_partition_delete(g->partition);
    sg_chart_delete(g->chart);
    sg_delete(g->local.gradient);
    sg_delete(g->full);
    sg_delete(g->direction);
}

/* Moves the gauge's coordinates to `scale` times the direction [m]. */
static sg_status go(gauge *g, double scale, const double *direction) {
    const int *free = g->f->model->free;
    for (int j = 0; j < g->m; j++) g->full[free[g->list ? g->list[j] : j]] = scale * direction[j];
    if (!g->partition) return SG_OK;
    for (int j = 0; j < g->m; j++) g->direction[j] = scale * direction[j];
    return sg_partition_at(g->partition, g->direction, &g->local);
}

static long long blocks_of(const gauge *g) {
    return g->list ? sg_source_form_blocks(g->f->source, sg_source_form(g->f->source, g->lens->form))
                   : sg_pass_blocks(g->lens, g->f->source);
}

/* psi [m][B] of a block of the data, which is left in the lens. */
static const double *look(gauge *g, long long b) {
    sg_lens *lens = g->lens;
    if (!g->list) {
        sg_pass_block(lens, g->prepared, g->f->source, b);
        sg_lens_look(lens, g->prepared, &g->local, g->full, &lens->block, SG_PSI, 0);
        return lens->datum.psi;
    }
    sg_source_form_block(g->f->source, sg_source_form(g->f->source, lens->form), b, &lens->block);
    sg_site_view_at(lens->view, g->full, &lens->block);
    lens->site.m = g->m;
    lens->site.want = SG_PSI;
    sg_flip_loss_site(sg_row_find("pseudolikelihood"), NULL, g->site, lens->view, &lens->site);
    return lens->site.psi;
}

/* ----------------------------------------------------------------- separation */

static sg_status add_up(gauge *g) {
    memset(g->sum, 0, (size_t)g->m * sizeof(double));
    sg_status status = go(g, 0, g->sum);
    for (long long b = 0; !status && b < blocks_of(g); b++) {
        const double *psi = look(g, b), *weight = g->lens->block.weight;
        for (int j = 0; j < g->m; j++)
            for (int i = 0; i < g->lens->block.n; i++)
                g->sum[j] += (weight ? weight[i] : 1) * psi[(size_t)j * B + (size_t)i];
    }
    return status;
}

/* The datum that resists the direction most. */
static sg_status support(void *context, const double *direction, double *vector) {
    gauge *g = context;
    double most = -INFINITY;
    sg_status status = go(g, far, direction);
    for (long long b = 0; !status && b < blocks_of(g); b++) {
        const double *psi = look(g, b);
        for (int i = 0; i < g->lens->block.n; i++) {
            double growth = 0;
            for (int j = 0; j < g->m; j++) growth += direction[j] * psi[(size_t)j * B + (size_t)i];
            if (!(growth > most)) continue;
            most = growth;
            for (int j = 0; j < g->m; j++) vector[j] = psi[(size_t)j * B + (size_t)i];
        }
    }
    return status;
}

/* The direction, its largest entry 1, as text; into f->theta, of all parameters. */
static void describe(gauge *g, const double *direction, size_t size, char *text) {
    double *all = g->f->theta;
    const double top = largest(g->m, direction);
    memset(all, 0, (size_t)g->f->m * sizeof(double));
    for (int j = 0; j < g->m; j++) all[g->list ? g->list[j] : j] = direction[j] / top;
    sg_direction_text(g->f->model, all, size, text);
}

static sg_status find_separation(gauge *g, bool *yes, char text[256]) {
    double *direction = NULL;
    *yes = false;
    sg_status status = sg_new(&direction, (size_t)g->m, sizeof(double));
    if (!status) status = add_up(g);
    if (!status) status = sg_cone_direction(g->m, g->sum, support, g, direction, yes);
    if (!status && *yes) describe(g, direction, 256, text);
    sg_delete(direction);
    return status;
}

/* --------------------------------------------------------------------- fits */

static sg_status no_minimum(gauge *g, const double *direction, bool endless) {
    char text[256];
    describe(g, direction, sizeof text, text);
    return sg_fail(SG_NO_MINIMUM,
                   "the loss has no minimum: far out along (%s) it falls for ever, %s, although the data are not "
                   "separated; take more data, or a convex loss such as pseudolikelihood",
                   text, endless ? "without bound" : "towards a limit");
}

sg_status sg_separation(sg_fitter *f, sg_status status) {
    gauge g = {0};
    char text[256], before[512];
    bool yes = false, endless = false, fall = false;
    snprintf(before, sizeof before, "%s", sg_message());
    sg_status looked = open_gauge(f, &g);
    if (!looked) looked = find_separation(&g, &yes, text);
    if (!looked && !yes) looked = sg_no_minimum(f, g.sum, &fall, &endless);
    if (looked == SG_NO_MEMORY)
        status = looked;
    else if (yes)
        status = sg_fail(SG_SEPARATED,
                         "the data are separated: the loss falls for ever along (%s), so that the estimate lies at "
                         "infinity; take more data, or fix parameters with free=",
                         text);
    else if (fall)
        status = no_minimum(&g, g.sum, endless);
    else if (status)
        status = sg_fail(status, "%s", before);
    close_gauge(&g);
    return status;
}

sg_status sg_separation_site(sg_fitter *f, int site, sg_status status) {
    gauge g = {0};
    char text[256], before[512];
    bool yes = false;
    snprintf(before, sizeof before, "%s", sg_message());
    sg_status looked = open_site(f, site, &g);
    if (!looked) looked = find_separation(&g, &yes, text);
    close_gauge(&g);
    if (looked == SG_NO_MEMORY) return looked;
    if (!yes) return status ? sg_fail(status, "%s", before) : SG_OK;
    return sg_fail(SG_SEPARATED,
                   "the data are separated at site %d: its loss falls for ever along (%s), so that the estimate lies "
                   "at infinity; take more data, or fix parameters with free=",
                   site, text);
}
