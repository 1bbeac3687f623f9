/*
 * Asymptotic covariances by elimination, by pairs of terms and by whole sums: against sums over all states for every
 * row and family, against closed forms and products of matrices on rings, and at sizes that no list of states reaches.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <gsl/gsl_errno.h>
#include <math.h>
#include <stdlib.h>
#include <unistd.h>

#include "../chain-file.h"
#include "../model.h"
#include "../tier.h"
#include "estimate/asymptotic-local.h"

static sg_loss *loss_of(const char *text) {
    sg_loss *loss = NULL;
    if (sg_loss_new(text, &loss)) fail_msg("%s: %s", text, sg_message());
    return loss;
}

/* An empty sg_asymptotic with its arrays. */
static sg_asymptotic *empty(int m) {
    sg_asymptotic *a = NULL;
    OK(sg_new(&a, 1, sizeof *a));
    double **matrix[] = {&a->theta,  &a->gamma,       &a->gamma_mle, &a->dirichlet,    &a->fisher,
                         &a->whiten, &a->metric_root, &a->cov_psi,   &a->inefficiency, &a->noise};
    for (int k = 0; k < 10; k++) OK(sg_new(matrix[k], (size_t)m * (size_t)m, sizeof(double)));
    a->m = m;
    return a;
}

static sg_asymptotic *local(const sg_model *model, const sg_loss *loss, sg_local_way way) {
    sg_asymptotic *a = empty(model->m);
    OK(sg_loss_fits(loss, model));
    if (sg_asymptotic_local(model, loss, way, a)) fail_msg("%s, %s: %s", model->text, loss->text, sg_message());
    assert_int_equal(a->status, SG_OK);
    return a;
}

/* ------------------------------------------------------------ against all states */

static void same(const char *model, const char *loss, const char *what, int n, const double *got, const double *want,
                 double tolerance) {
    double size = 0;
    for (int k = 0; k < n; k++) size = fmax(size, fabs(want[k]));
    for (int k = 0; k < n; k++)
        if (!(fabs(got[k] - want[k]) <= tolerance * size))
            fail_msg("%s, %s: %s [%d] is %.17g, by all states %.17g", model, loss, what, k, got[k], want[k]);
}

static void compare(const sg_model *model, const sg_loss *loss, const sg_asymptotic *got, const sg_asymptotic *want) {
    const int m = model->m, size = m * m;
    const double tolerance = 1e-11;
    const char *text = model->text, *name = loss->text;
    same(text, name, "Fisher", size, got->fisher, want->fisher, tolerance);
    same(text, name, "H", size, got->dirichlet, want->dirichlet, tolerance);
    same(text, name, "Cov psi", size, got->cov_psi, want->cov_psi, tolerance);
    same(text, name, "gamma", size, got->gamma, want->gamma, tolerance);
    same(text, name, "gamma_mle", size, got->gamma_mle, want->gamma_mle, tolerance);
    same(text, name, "inefficiency", m, got->inefficiency, want->inefficiency, tolerance);
    same(text, name, "C_res", 1, &got->restricted_poincare, &want->restricted_poincare, tolerance);
    double scale = 0;
    for (int k = 0; k < size; k++) scale = fmax(scale, fabs(want->cov_psi[k]));
    for (int k = 0; k < size; k++) assert_true(fabs(got->noise[k] - want->noise[k]) <= tolerance * scale);
    assert_true(got->mean_psi < 1e-12);
    assert_true(fabs(got->inefficiency[m - 1] - want->inefficiency[m - 1]) <=
                got->inefficiency_error + want->inefficiency_error);
}

/* rho is exact by whole sums, and by differences over all states; from draws it has an error of a
 * few per cent while it is small, and more where tails are heavy. */
static void against_states(const char *text, const char *name) {
    sg_model *model = model_of(text);
    sg_loss *loss = loss_of(name);
    sg_asymptotic *want = NULL;
    if (sg_asymptotic_new(model, loss, &want)) fail_msg("%s, %s: %s", text, name, sg_message());
    for (sg_local_way way = SG_LOCAL_PAIRS; way <= SG_LOCAL_SUMS; way++) {
        sg_asymptotic *got = local(model, loss, way);
        const bool drawn = way == SG_LOCAL_PAIRS || loss->row->tag;
        compare(model, loss, got, want);
        if (model->m <= 2 && !(fabs(got->rho - want->rho) <= (drawn ? 0.2 * (1 + want->rho) : 1e-4) * want->rho + 1e-9))
            fail_msg("%s, %s: rho %.6g, by all states %.6g", text, name, got->rho, want->rho);
        if (model->m > 2) assert_true(got->rho <= (drawn ? 1.2 + 0.2 * want->rho : 1.0001) * want->rho + 1e-9);
        sg_asymptotic_delete(got);
    }
    sg_asymptotic_delete(want);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_spins(void **unused) {
    static const char *const models[] = {
        "ising:graph=ring,n=8,beta=0.6,free=tied",
        "ising:graph=path,n=10,beta=-0.7,h=0.1,free=tied",
        "ising:graph=lattice,shape=3x4,beta=0.3,free=h",
        "ising:graph=lattice,shape=3x3,boundary=free,beta=0.4,couplings=gauss,h=0.3,free=tied",
        "ising:graph=tree,n=11,degree=4,beta=0.8,free=tied",
        "ising:graph=path,n=6,beta=0.5,couplings=gauss",
    };
    static const char *const losses[] = {"mle",
                                         "pseudolikelihood",
                                         "pseudolikelihood:sites=averaged",
                                         "probability-flow",
                                         "rise",
                                         "rise:sites=pooled",
                                         "ratio-matching",
                                         "concrete-score",
                                         "masked:k=2",
                                         "masked:k=3,blocks=contiguous",
                                         "masked-random:k=2"};
    (void)unused;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++)
        for (size_t l = 0; l < sizeof losses / sizeof *losses; l++) against_states(models[k], losses[l]);
}

static void test_states(void **unused) {
    static const char *const models[] = {"potts:graph=ring,n=6,q=3,beta=0.6",
                                         "potts:graph=lattice,shape=2x4,boundary=free,q=3,beta=-0.8,free=tied",
                                         "potts:graph=tree,n=6,q=4,degree=3,beta=0.7,couplings=gauss,free=tied",
                                         "potts:graph=ring,n=9,q=2,beta=0.8,free=tied", "loglinear"};
    static const char *const losses[] = {"mle",
                                         "pseudolikelihood",
                                         "probability-flow",
                                         "rise",
                                         "ratio-matching",
                                         "concrete-score",
                                         "masked:k=2,blocks=contiguous",
                                         "masked:k=2",
                                         "masked-random:k=2"};
    char keys[64], text[80];
    (void)unused;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++)
        for (size_t l = 0; l < sizeof losses / sizeof *losses; l++) against_states(models[k], losses[l]);
    chain_write(4, 3, true, keys);
    snprintf(text, sizeof text, "loglinear:%s", keys);
    against_states(text, "pseudolikelihood");
    against_states(text, "masked:k=2,blocks=contiguous");
    chain_remove(keys);
}

/* States that are forbidden have no part in anything. */
static void test_hard(void **unused) {
    static const char *const models[] = {"hardcore:graph=lattice,shape=3x4,lambda=1.3",
                                         "hardcore:graph=tree,n=11,degree=4,lambda=0.6",
                                         "hardcore:graph=ring,n=10,lambda=5", "parity:n=9,k=4,J=0.7"};
    static const char *const losses[] = {
        "mle",        "pseudolikelihood", "pseudolikelihood:sites=averaged", "masked:k=3,blocks=contiguous",
        "masked:k=2", "masked-random:k=2"};
    (void)unused;
    for (size_t k = 0; k < sizeof models / sizeof *models; k++)
        for (size_t l = 0; l < sizeof losses / sizeof *losses; l++) against_states(models[k], losses[l]);
    against_states("parity:n=9,k=4,J=0.7", "ratio-matching");
}

/* One site, and blocks from a file, of which some fall apart. */
static void test_options(void **unused) {
    char name[] = "/tmp/scoregap-blocks-XXXXXX", text[80];
    static const char blocks[] = "0 1 2\n3 5\n4 8 9\n6\n7 10\n11 0\n";
    const int file = mkstemp(name);
    (void)unused;
    assert_int_equal(write(file, blocks, strlen(blocks)), (int)strlen(blocks));
    close(file);
    snprintf(text, sizeof text, "masked:blocks=@%s", name);
    against_states("ising:graph=ring,n=12,beta=0.4,h=0.2,free=tied", text);
    against_states("hardcore:graph=lattice,shape=3x4", text);
    unlink(name);
    against_states("ising:graph=ring,n=8,beta=0.6,free=tied", "pseudolikelihood:sites=3");
    against_states("ising:graph=ring,n=8,beta=0.6,free=tied", "rise:sites=3");
    against_states("potts:graph=ring,n=6,q=3,beta=0.6,free=tied", "pseudolikelihood:sites=0");
}

/* ---------------------------------------------------- rings by products of matrices */

/* A ring with the same weight exp(theta s(x, y)) w(x, y) of all neighbours, and one parameter. */
enum { Q = 4 };
typedef struct {
    int q;
    double theta, s[Q][Q], w[Q][Q];
} ring;

static double psi_of(const ring *r, int a, int b, int c) {
    double sum = 0, mean = 0;
    for (int y = 0; y < r->q; y++) {
        const double s = r->s[a][y] + r->s[y][c], p = r->w[a][y] * r->w[y][c] * exp(r->theta * s);
        sum += p;
        mean += p * s;
    }
    return mean / sum - (r->s[a][b] + r->s[b][c]);
}

static double spread_of(const ring *r, int a, int c) {
    double sum = 0, mean = 0, square = 0;
    for (int y = 0; y < r->q; y++) {
        const double s = r->s[a][y] + r->s[y][c], p = r->w[a][y] * r->w[y][c] * exp(r->theta * s);
        sum += p;
        mean += p * s;
        square += p * s * s;
    }
    return square / sum - mean / sum * (mean / sum);
}

/* Square matrices of pairs of neighbouring sites, [n,n] with n = q^2. */
typedef long double matrix[Q * Q][Q * Q];

static void multiply(int n, matrix a, matrix b, matrix out) {
    static matrix c;
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) {
            c[i][j] = 0;
            for (int k = 0; k < n; k++) c[i][j] += a[i][k] * b[k][j];
        }
    memcpy(out, c, sizeof c);
}

static long double trace_of(int n, matrix a, matrix b) {
    long double sum = 0;
    for (int i = 0; i < n; i++)
        for (int k = 0; k < n; k++) sum += a[i][k] * b[k][i];
    return sum;
}

/*
 * From the pair (a, b) to the pair (b, c).  H is the mean spread; Cov psi a sum over all distances, most of which the
 * theory says are zero; the information likewise.
 */
static void ring_moments(const ring *r, int sites, double *h, double *cov_psi, double *fisher) {
    static matrix t, f, g, power, rest;
    const int n = r->q * r->q;
    long double top = 0, z, first = 0, second = 0, mean = 0, info = 0;
    memset(t, 0, sizeof t);
    memset(f, 0, sizeof f);
    memset(g, 0, sizeof g);
    for (int a = 0; a < r->q; a++)
        for (int b = 0; b < r->q; b++)
            for (int c = 0; c < r->q; c++) {
                const long double w = r->w[b][c] * expl(r->theta * r->s[b][c]);
                t[a * r->q + b][b * r->q + c] = w;
                top = fmaxl(top, w);
            }
    for (int i = 0; i < n; i++)
        for (int j = 0; j < n; j++) t[i][j] /= top * r->q / 2; /* against overflow only */
    for (int a = 0; a < r->q; a++)
        for (int b = 0; b < r->q; b++)
            for (int c = 0; c < r->q; c++) {
                const int i = a * r->q + b, j = b * r->q + c;
                f[i][j] = t[i][j] * psi_of(r, a, b, c);
                g[i][j] = t[i][j] * r->s[b][c];
                power[i][j] = rest[i][j] = 0;
            }
    /* rest = t^(sites - 1), and the means of one function */
    memset(power, 0, sizeof power);
    for (int i = 0; i < n; i++) power[i][i] = 1;
    static matrix all[1024];
    for (int d = 0; d <= sites; d++) {
        memcpy(all[d], power, sizeof power);
        multiply(n, power, t, power);
    }
    z = trace_of(n, all[sites - 1], t);
    for (int a = 0; a < r->q; a++)
        for (int b = 0; b < r->q; b++)
            for (int c = 0; c < r->q; c++) {
                const int i = a * r->q + b, j = b * r->q + c;
                const long double p = t[i][j] * all[sites - 1][j][i] / z;
                first += p * spread_of(r, a, c);
                second += p * psi_of(r, a, b, c) * psi_of(r, a, b, c);
                mean += p * r->s[b][c];
                info += p * r->s[b][c] * r->s[b][c];
            }
    info -= mean * mean;
    for (int d = 1; d < sites; d++) {
        multiply(n, f, all[d - 1], rest);
        multiply(n, rest, f, rest);
        second += trace_of(n, rest, all[sites - d - 1]) / z;
        multiply(n, g, all[d - 1], rest);
        multiply(n, rest, g, rest);
        info += trace_of(n, rest, all[sites - d - 1]) / z - mean * mean;
    }
    *h = (double)(sites * first);
    *cov_psi = (double)(sites * second);
    *fisher = (double)(sites * info);
}

static void check_matrices(const char *text, const ring *r, int sites) {
    sg_model *model = model_of(text);
    sg_loss *loss = loss_of("pseudolikelihood");
    double h, cov_psi, fisher;
    ring_moments(r, sites, &h, &cov_psi, &fisher);
    for (sg_local_way way = SG_LOCAL_CHEAPEST; way <= SG_LOCAL_SUMS; way++) {
        sg_asymptotic *a = local(model, loss, way);
        same(text, "matrices", "H", 1, a->dirichlet, &h, 1e-11);
        same(text, "matrices", "Cov psi", 1, a->cov_psi, &cov_psi, 1e-11);
        same(text, "matrices", "Fisher", 1, a->fisher, &fisher, 1e-11);
        const double gamma = cov_psi / (h * h), worst = gamma * fisher;
        same(text, "matrices", "Gamma", 1, a->gamma, &gamma, 1e-11);
        same(text, "matrices", "inefficiency", 1, a->inefficiency, &worst, 1e-11);
        sg_asymptotic_delete(a);
    }
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_matrices(void **unused) {
    (void)unused;
    for (int n = 30; n <= 480; n *= 4)
        for (int q = 2; q <= 4; q++) {
            char text[SG_TEXT];
            const double beta = q == 3 ? -0.9 : 0.8;
            ring r = {.q = q, .theta = beta};
            for (int a = 0; a < q; a++)
                for (int b = 0; b < q; b++) r.s[a][b] = a == b, r.w[a][b] = 1;
            snprintf(text, sizeof text, "potts:graph=ring,n=%d,q=%d,beta=%.17g,free=tied", n, q, beta);
            check_matrices(text, &r, n);
            /* Hardcore: half of each field on either side of a site. */
            ring hard = {.q = 2, .theta = log(1.7 * q), .s = {{0, 0.5}, {0.5, 1}}, .w = {{1, 1}, {1, 0}}};
            snprintf(text, sizeof text, "hardcore:graph=ring,n=%d,lambda=%.17g", n, 1.7 * q);
            check_matrices(text, &hard, n);
        }
}

/* --------------------------------------------------------------- closed forms, sizes */

/*
 * Pseudolikelihood on the ring in no field: the field parameter is efficient, 1/Gamma = I = n e^{2 beta} (1 - t^n)/(1 +
 * t^n), and the coupling at n = 8, beta = .6 has the efficiency .666580500219878.
 */
static void check_ring(int n, double beta) {
    char text[SG_TEXT];
    snprintf(text, sizeof text, "ising:graph=ring,n=%d,beta=%.17g,free=tied", n, beta);
    sg_model *model = model_of(text);
    sg_loss *loss = loss_of("pseudolikelihood");
    const double t = pow(tanh(beta), n), want = n * exp(2 * beta) * (1 - t) / (1 + t);
    for (sg_local_way way = SG_LOCAL_PAIRS; way <= SG_LOCAL_SUMS; way++) {
        sg_asymptotic *a = local(model, loss, way);
        if (!(fabs(a->fisher[3] - want) <= 1e-11 * want)) fail_msg("%s: I %.17g, not %.17g", text, a->fisher[3], want);
        if (!(fabs(a->gamma[3] * want - 1) <= 1e-11))
            fail_msg("%s: efficiency of h is %.17g", text, 1 / (a->gamma[3] * want));
        if (n == 8) assert_true(fabs(a->gamma_mle[0] / a->gamma[0] - .666580500219878) < 1e-13);
        sg_asymptotic_delete(a);
    }
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_ring(void **unused) {
    (void)unused;
    check_ring(8, 0.6);
    check_ring(50, -0.3);
    check_ring(2000, 0.6);
    check_ring(2000, 1.2);
}

/* Far from its ends every site of a ring is alike: Gamma n does not depend on n, to t^n. */
static void test_sizes(void **unused) {
    static const char *const losses[] = {"pseudolikelihood",
                                         "probability-flow",
                                         "ratio-matching",
                                         "concrete-score",
                                         "rise",
                                         "masked:k=3,blocks=contiguous",
                                         "masked:k=1"};
    (void)unused;
    for (size_t l = 0; l < sizeof losses / sizeof *losses; l++) {
        sg_loss *loss = loss_of(losses[l]);
        sg_model *small = model_of("ising:graph=ring,n=200,beta=0.5,h=0.1,free=tied"),
                 *large = model_of("ising:graph=ring,n=2000,beta=0.5,h=0.1,free=tied");
        sg_asymptotic *a = local(small, loss, SG_LOCAL_CHEAPEST), *b = local(large, loss, SG_LOCAL_CHEAPEST);
        for (int k = 0; k < 4; k++)
            if (!(fabs(b->gamma[k] / a->gamma[k] * 10 - 1) <= 1e-10))
                fail_msg("%s: gamma [%d] %.17g and %.17g", losses[l], k, a->gamma[k], 10 * b->gamma[k]);
        sg_asymptotic_delete(a);
        sg_asymptotic_delete(b);
        sg_model_delete(small);
        sg_model_delete(large);
        sg_loss_delete(loss);
    }
}

/*
 * Masks of one site are pseudolikelihood over n; a strip is the same along either side; whole sums where they are not
 * too wide agree with pairs of terms.  Twelve sites across, which no table over the sites that two terms see could
 * hold.
 */
static void test_strips(void **unused) {
    sg_model *model = model_of("ising:graph=lattice,shape=12x13,boundary=free,beta=0.35,h=0.1,free=tied"),
             *turned = model_of("ising:graph=lattice,shape=13x12,boundary=free,beta=0.35,h=0.1,free=tied");
    sg_loss *loss = loss_of("pseudolikelihood"), *single = loss_of("masked:k=1");
    sg_asymptotic *a = local(model, loss, SG_LOCAL_CHEAPEST), *b = local(turned, loss, SG_LOCAL_CHEAPEST),
                  *c = local(model, single, SG_LOCAL_CHEAPEST), *none = empty(2);
    (void)unused;
    compare(turned, loss, b, a);
    same(model->text, "masked:k=1", "gamma", 4, c->gamma, a->gamma, 1e-11);
    assert_true(a->rho > 0 && fabs(b->rho / a->rho - 1) < 0.2);
    assert_int_equal(sg_asymptotic_local(model, loss, SG_LOCAL_SUMS, none), SG_REFUSED);
    sg_asymptotic_delete(a);
    sg_asymptotic_delete(b);
    sg_asymptotic_delete(c);
    sg_asymptotic_delete(none);
    sg_model_delete(model);
    sg_model_delete(turned);
    sg_loss_delete(loss);
    sg_loss_delete(single);
}

static void check_ways(const char *text, const char *name) {
    sg_model *model = model_of(text);
    sg_loss *loss = loss_of(name);
    sg_asymptotic *a = local(model, loss, SG_LOCAL_PAIRS), *b = local(model, loss, SG_LOCAL_SUMS);
    compare(model, loss, a, b);
    sg_asymptotic_delete(a);
    sg_asymptotic_delete(b);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_ways(void **unused) {
    (void)unused;
    check_ways("ising:graph=lattice,shape=5x20,boundary=free,beta=0.4,couplings=gauss,h=0.2,free=tied",
               "ratio-matching");
    check_ways("hardcore:graph=lattice,shape=5x20,boundary=free,lambda=2", "pseudolikelihood");
    check_ways("potts:graph=lattice,shape=2x20,boundary=free,q=3,beta=0.7,free=tied", "concrete-score");
    check_ways("ising:graph=ring,n=120,beta=0.4,couplings=gauss", "pseudolikelihood:sites=averaged");
    check_ways("ising:graph=tree,n=100,degree=3,beta=0.6,h=0.1,free=tied", "masked:k=3,blocks=contiguous");
    check_ways("ising:graph=path,n=60,beta=0.6,h=0.1,free=tied", "masked:k=6,blocks=contiguous");
    check_ways("parity:n=200,k=5,J=0.7", "masked:k=2,blocks=contiguous");
    if (second_tier()) check_ways("ising:graph=ring,n=60,beta=0.4,h=0.1,free=tied", "masked:k=3");
}

/* Parity has a closed form: psi = -k S + k tanh(J) for each site of the product, whatever n. */
static void test_parity(void **unused) {
    sg_model *model = model_of("parity:n=200,k=5,J=0.7"), *wide = model_of("parity:n=300,k=250,J=0.7");
    sg_loss *loss = loss_of("pseudolikelihood"), *mle = loss_of("mle");
    sg_asymptotic *a = local(model, loss, SG_LOCAL_CHEAPEST), *b = local(wide, mle, SG_LOCAL_CHEAPEST);
    const double info = 1 / (cosh(0.7) * cosh(0.7));
    (void)unused;
    assert_true(fabs(a->gamma[0] * info - 1) < 1e-12 && fabs(a->dirichlet[0] / info - 5) < 1e-12);
    assert_true(fabs(b->gamma[0] * info - 1) < 1e-12);
    sg_asymptotic_delete(a);
    sg_asymptotic_delete(b);
    sg_model_delete(model);
    sg_model_delete(wide);
    sg_loss_delete(loss);
    sg_loss_delete(mle);
}

/* ---------------------------------------------------------------------- refusals */

static void refused(const char *text, const char *name, const char *part) {
    sg_model *model = model_of(text);
    sg_loss *loss = loss_of(name);
    sg_asymptotic *a = empty(model->m);
    const sg_status status = sg_asymptotic_local(model, loss, SG_LOCAL_CHEAPEST, a);
    if (status != SG_REFUSED || !strstr(sg_message(), part))
        fail_msg("%s, %s: %d, %s", text, name, status, sg_message());
    sg_asymptotic_delete(a);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_refused(void **unused) {
    (void)unused;
    refused("ising:graph=ring,n=600,beta=0.3", "pseudolikelihood", "free=tied");
    refused("ising:graph=complete,n=40,beta=0.01,free=tied", "pseudolikelihood", "sees 40 sites");
    refused("ising:graph=regular,n=400,beta=0.1,free=tied", "pseudolikelihood", "narrower graph");
    refused("ising:graph=lattice,shape=12x12,beta=0.1,free=tied", "pseudolikelihood", "narrower or a shorter graph");
    refused("parity:n=300,k=250", "pseudolikelihood", "product of 250 sites");
    refused("ising:graph=ring,n=100,beta=0.3,free=tied", "masked:k=12,blocks=contiguous", "smaller blocks");
}

static void check_memory(const char *text, const char *name, sg_local_way way) {
    sg_model *model = model_of(text);
    sg_loss *loss = loss_of(name);
    sg_asymptotic *a = empty(model->m);
    const long live = sg_memory_live();
    sg_status status = SG_NO_MEMORY;
    for (long k = 1; status != SG_OK; k++) {
        sg_memory_fail_after(k);
        status = sg_asymptotic_local(model, loss, way, a);
        sg_memory_fail_after(0);
        assert_true(status == SG_OK || status == SG_NO_MEMORY);
        assert_int_equal(sg_memory_live(), live);
    }
    sg_asymptotic_delete(a);
    sg_loss_delete(loss);
    sg_model_delete(model);
}

static void test_memory(void **unused) {
    (void)unused;
    check_memory("ising:graph=ring,n=9,beta=0.3,free=tied", "pseudolikelihood", SG_LOCAL_SUMS);
    check_memory("ising:graph=ring,n=9,beta=0.3,free=tied", "rise", SG_LOCAL_PAIRS);
    check_memory("hardcore:graph=path,n=5", "masked:k=2", SG_LOCAL_PAIRS);
    check_memory("potts:graph=path,n=4,q=3,free=tied", "masked-random:k=2", SG_LOCAL_CHEAPEST);
}

int main(void) {
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_spins),   cmocka_unit_test(test_states),   cmocka_unit_test(test_hard),
        cmocka_unit_test(test_options), cmocka_unit_test(test_matrices), cmocka_unit_test(test_ring),
        cmocka_unit_test(test_sizes),   cmocka_unit_test(test_strips),   cmocka_unit_test(test_ways),
        cmocka_unit_test(test_parity),  cmocka_unit_test(test_refused),  cmocka_unit_test(test_memory),
    };
    gsl_set_error_handler_off();
    return cmocka_run_group_tests_name("covariances without states", tests, NULL, NULL);
}
