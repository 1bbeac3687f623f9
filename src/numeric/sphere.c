/* Cubature on the unit sphere of R^d: the faces of a cube around it, or an axis and a rule of degree 5 across. */
#include <math.h>
#include <string.h>

#include "scoregap/numeric.h"

enum { B = 256, D = 3, FACES = 2 * D, DEPTH = 60 };
static const double FACE = M_PI_2; /* width of a face in its angles */
static const double TOL = 1e-15, ROUNDING = 0x1p-52;

/* --------------------------------------------------------------- both rules */

/* Evaluates the density at points y [d][B] in the frame; room in x [d][B]. */
static void evaluate_in_frame(const sg_density_sphere *q, int n, const double *y, double *x, double *logq,
                              double *test) {
    const int d = q->d;
    for (int b = 0; b < d; b++)
        for (int i = 0; i < n; i++) {
            double sum = 0;
            for (int a = 0; a < d; a++) sum += y[a * B + i] * q->axes[a * d + b];
            x[b * B + i] = sum;
        }
    q->evaluate(q->context, n, x, logq, test);
}

/* ---------------------------------------------------------------- the faces */

typedef struct {
    const sg_density_sphere *density;
    double *y, *x; /* [d][B] */
} faces;

/*
 * Coordinates u [d-1]: the faces lie one behind the other along the first.  Face f is around +-axis f/2; with angles
 * xi_k in (-pi/4, pi/4) its points are (+-1, tan xi)/r, r^2 = 1 + sum tan^2, and the surface has the density
 * r^-d prod sec^2 xi_k there, whose log is returned.
 */
static double face_point(int d, const double *u, double *y, int stride) {
    int face = (int)(u[0] / FACE);
    if (face > 2 * d - 1) face = 2 * d - 1;
    double tangent[D - 1], r2 = 1, log_area = 0;
    for (int k = 0; k < d - 1; k++) {
        tangent[k] = tan(k == 0 ? u[0] - (face + 0.5) * FACE : u[k]);
        r2 += tangent[k] * tangent[k];
        log_area += log1p(tangent[k] * tangent[k]);
    }
    const double inverse = 1 / sqrt(r2);
    y[face / 2 * stride] = face % 2 ? -inverse : inverse;
    for (int k = 0; k < d - 1; k++) y[(face / 2 + 1 + k) % d * stride] = tangent[k] * inverse;
    return log_area - 0.5 * d * log(r2);
}

static void evaluate_faces(const void *context, int n, const double *u, double *logq, double *test) {
    const faces *f = context;
    const int d = f->density->d;
    double log_area[B], own[D - 1];
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < d - 1; k++) own[k] = u[k * B + i];
        log_area[i] = face_point(d, own, f->y + i, B);
    }
    evaluate_in_frame(f->density, n, f->y, f->x, logq, test);
    for (int i = 0; i < n; i++) logq[i] += log_area[i];
}

/* From angles to points of the sphere, and from densities in the angles to those on the sphere. */
static sg_status lift(const sg_density_sphere *q, sg_cubature *c) {
    const int d = q->d;
    double *x = NULL, own[D - 1], y[D];
    sg_status status = sg_new(&x, (size_t)d * (size_t)c->n, sizeof *x);
    if (status) return status;
    for (long long i = 0; i < c->n; i++) {
        for (int k = 0; k < d - 1; k++) own[k] = c->x[k * c->n + i];
        ((double *)c->logp)[i] -= face_point(d, own, y, 1);
        for (int b = 0; b < d; b++)
            for (int a = 0; a < d; a++) x[b * c->n + i] += y[a] * q->axes[a * d + b];
    }
    sg_delete((double *)c->x);
    c->x = x, c->d = d;
    return SG_OK;
}

static sg_status by_faces(const sg_density_sphere *q, int level, sg_cubature **out) {
    const int d = q->d;
    double lo[D - 1], hi[D - 1], place[FACES * (D - 1)] = {0}, scale[FACES * (D - 1)], breaks[FACES];
    double y[D * B], x[D * B];
    faces f = {.density = q, .y = y, .x = x};
    for (int k = 0; k < d - 1; k++) lo[k] = k ? -FACE / 2 : 0, hi[k] = k ? FACE / 2 : 2 * d * FACE;
    for (int p = 0; p < 2 * d; p++) {
        place[p * (d - 1)] = (p + 0.5) * FACE;
        breaks[p] = p * FACE;
        for (int k = 0; k < d - 1; k++) scale[p * (d - 1) + k] = 1 / sqrt(1 + q->sharp);
    }
    const sg_density_space space = {.context = &f,
                                    .evaluate = evaluate_faces,
                                    .d = d - 1,
                                    .tests = q->tests,
                                    .lo = lo,
                                    .hi = hi,
                                    .places = 2 * d,
                                    .place = place,
                                    .scale = scale,
                                    .breaks = 2 * d,
                                    .at = breaks};
    sg_status status = sg_cubature_new(&space, TOL + ROUNDING * q->sharp, DEPTH, level, out);
    if (!status) status = lift(q, *out);
    return status;
}

/* ----------------------------------------------------------- an axis and across */

typedef struct {
    const sg_density_sphere *density;
    double *y, *x; /* [d][B] */
} meridian;

/* Along the meridian through the first axis, with the surface of what lies across. */
static void evaluate_meridian(const void *context, int n, const double *angle, double *logq, double *test) {
    const meridian *m = context;
    const int d = m->density->d;
    memset(m->y, 0, (size_t)d * B * sizeof *m->y);
    for (int i = 0; i < n; i++) m->y[i] = sin(angle[i]), m->y[(d - 1) * B + i] = cos(angle[i]);
    evaluate_in_frame(m->density, n, m->y, m->x, logq, test);
    for (int i = 0; i < n; i++) logq[i] += (d - 2) * log(m->y[i]);
}

/* Corner `u` of the cube in k dimensions: all corners, or the words of a linear code whose dual has distance 6. */
typedef struct {
    int k, bits, field; /* 2^bits corners; 2^field >= k; field 0: all */
    unsigned column[64];
} corners;

/* Products in the field of 2^m elements, m = 3, 4, 5, 6. */
static unsigned field_product(int m, unsigned a, unsigned b) {
    static const unsigned modulus[] = {0, 0, 7, 11, 19, 37, 67};
    unsigned sum = 0;
    for (int i = 0; i < m; i++)
        if (b >> i & 1) sum ^= a << i;
    for (int i = 2 * m - 2; i >= m; i--)
        if (sum >> i & 1) sum ^= modulus[m] << (i - m);
    return sum;
}

/* Columns (1, t, t^3), t in the field: any five are independent, so that in the words they span every five coordinates
 * take all signs equally often. */
static corners corners_of(int k) {
    corners c = {.k = k, .bits = k};
    int m = 2;
    while (1 << m < k) m++;
    if (2 * m + 1 >= k) return c;
    c.bits = 2 * m + 1, c.field = m;
    for (unsigned t = 0; t < (unsigned)k; t++)
        c.column[t] = 1 | t << 1 | field_product(m, t, field_product(m, t, t)) << (m + 1);
    return c;
}

static double sign_of(const corners *c, unsigned word, int coordinate) {
    const unsigned bit = c->field ? (unsigned)__builtin_parity(word & c->column[coordinate]) : word >> coordinate & 1;
    return bit ? -1 : 1;
}

/* Point p of the rule across, in k dimensions, and its weight; 2 k on the axes come first. */
static double across(const corners *c, long long p, double *w) {
    const int k = c->k;
    if (p < 2 * k) {
        for (int a = 0; a < k; a++) w[a] = a == p / 2 ? 1 - 2. * (p % 2) : 0;
        return 1 / (k * (k + 2.));
    }
    for (int a = 0; a < k; a++) w[a] = sign_of(c, (unsigned)(p - 2 * k), a) / sqrt(k);
    return ldexp(k / (k + 2.), -c->bits);
}

/* Log of the surface of the unit sphere of R^k. */
static double log_surface(int k) {
    return M_LN2 + 0.5 * k * log(M_PI) - lgamma(0.5 * k);
}

static sg_status multiply(const sg_density_sphere *q, const sg_cubature *polar, int level, sg_cubature **out) {
    const int d = q->d, k = d - 1;
    const corners c = corners_of(k);
    const long long each = 2 * k + (1LL << c.bits), n = each * polar->n;
    sg_cubature *made = NULL;
    double w[64], *x = NULL, *mass = NULL, *logp = NULL;
    sg_status status = sg_new(&made, 1, sizeof *made);
    if (!status) status = sg_new(&x, (size_t)n * (size_t)d, sizeof *x);
    if (!status) status = sg_new(&mass, (size_t)n, sizeof *mass);
    if (!status) status = sg_new(&logp, (size_t)n, sizeof *logp);
    if (status) {
        sg_delete(made), sg_delete(x), sg_delete(mass), sg_delete(logp);
        return status;
    }
    *made = (sg_cubature){.d = d, .level = level, .n = n, .x = x, .mass = mass, .logp = logp, .error = polar->error};
    made->log_z = polar->log_z + log_surface(k);
    for (long long p = 0, at = 0; p < each; p++) {
        const double weight = across(&c, p, w);
        for (long long i = 0; i < polar->n; i++, at++) {
            const double angle = polar->x[i], sine = sin(angle), cosine = cos(angle);
            mass[at] = weight * polar->mass[i];
            logp[at] = polar->logp[i] - (d - 2) * log(sine) - log_surface(k);
            for (int b = 0; b < d; b++) x[b * n + at] = cosine * q->axes[k * d + b];
            for (int a = 0; a < k; a++)
                for (int b = 0; b < d && w[a] != 0; b++) x[b * n + at] += sine * w[a] * q->axes[a * d + b];
        }
    }
    *out = made;
    return SG_OK;
}

static sg_status by_axis(const sg_density_sphere *q, int level, sg_cubature **out) {
    const double lo = 0, hi = M_PI, place[] = {0, M_PI}, width = 1.5 / sqrt(q->d + q->sharp);
    const double scale[] = {width, width};
    meridian m = {.density = q};
    sg_cubature *polar = NULL;
    sg_status status = sg_new(&m.y, 2 * (size_t)q->d * B, sizeof *m.y);
    if (status) return status;
    m.x = m.y + q->d * B;
    const sg_density_space line = {.context = &m,
                                   .evaluate = evaluate_meridian,
                                   .d = 1,
                                   .tests = q->tests,
                                   .lo = &lo,
                                   .hi = &hi,
                                   .places = 2,
                                   .place = place,
                                   .scale = scale};
    status = sg_cubature_new(&line, TOL + ROUNDING * q->sharp, DEPTH, level, &polar);
    if (!status) status = multiply(q, polar, level, out);
    sg_cubature_delete(polar);
    sg_delete(m.y);
    return status;
}

sg_status sg_cubature_sphere(const sg_density_sphere *density, int level, sg_cubature **cubature) {
    const int d = density->d;
    *cubature = NULL;
    if (d < 2 || d > 64 || (!density->axial && d > D))
        return sg_fail(
            SG_OUT_OF_RANGE,
            "cubature on spheres is for those of R^2 and R^3, and for laws around an axis, not for that of R^%d", d);
    sg_status status = density->axial && d > 3 ? by_axis(density, level, cubature) : by_faces(density, level, cubature);
    if (!status) return SG_OK;
    sg_cubature_delete(*cubature);
    *cubature = NULL;
    return status;
}
