/*
 * Tensor-product elements: polynomials of degree N on boxes, the cells of a product of partitions; only those kept
 * belong to the mesh.  Mass and stiffness are integrated by Gauss rules with as many points as p needs, which costs
 * assembly but no unknowns, so that an element is as large as the eigenfunctions allow, not as p does: these are
 * smooth where p is not.  The nodes of a slab are those that suit p along it (rules.h).
 */
#ifndef SG_SPECTRUM_ELEMENTS_H
#define SG_SPECTRUM_ELEMENTS_H

#include "capacity.h"
#include "rules.h"
#include "scoregap/grid.h"

enum { SG_DIM = SG_GRID_DIMENSIONS, SG_SLABS = 512, SG_PACKED = SG_DIM * (SG_DIM + 1) / 2 };

/* Coordinates u of the elements: x = turn u, turn orthogonal [row][column]; exact where it is the identity. */
typedef struct {
    bool turned;
    double turn[SG_DIM][SG_DIM];
    double lo[SG_DIM], hi[SG_DIM]; /* the box of the u */
    double top;                    /* taken off log p */
    double deeper;                 /* what lies farther below the lowest pass, or the top, is not looked at */
} sg_frame;

/*
 * log p and, if `diffusion` is not NULL, D in the frame ([d(d+1)/2][n] packed) at points u[a * n + i], any n.  Outside
 * the problem's box log p is -INFINITY.
 */
void sg_frame_evaluate(const sg_frame *frame, const sg_grid_problem *problem, int n, const double *u, double *log_p,
                       double *diffusion);

/* f [functions][n] at the same points. */
void sg_frame_functions(const sg_frame *frame, const sg_grid_problem *problem, int n, const double *u, double *f);

typedef struct {
    int count[SG_DIM]; /* slabs a direction, 1 beyond the dimension */
    double edge[SG_DIM][SG_SLABS + 1];
    int degree[SG_DIM][SG_SLABS]; /* of polynomials that approximate p along the slab */
    int order[SG_DIM];            /* degree of the elements along each axis */
    bool open[SG_DIM][2];         /* the law goes on beyond the first or last edge */
} sg_partition_of_box;

/* A direction of one slab.  Beyond the dimension: one point, one node. */
typedef struct {
    int points;
    double half; /* width */
    double node[SG_ORDER + 1], point[SG_POINTS], weight[SG_POINTS];
    double *value, *slope; /* [points][order + 1], the slope per unit of u */
} sg_side;

typedef struct {
    int d, n, elements, local; /* nodes; elements kept; nodes an element */
    int nodes[SG_DIM];         /* along the sides of an element: degree + 1, 1 beyond the dimension */
    sg_partition_of_box slabs;
    sg_side *side[SG_DIM]; /* [slabs.count[a]] */
    int *element;          /* [elements][3] slab indices */
    int *node;             /* [elements][local] node numbers */
    size_t *first;         /* [elements + 1] point of each, the first coordinate running fastest */
    double *log_p;         /* at the points */
    double *tensor;        /* [d(d+1)/2][points] element by element, NULL for D = 1 */
    double *top;           /* [elements] the largest log p on it */
    bool mixed;            /* D has off-diagonal entries */
    double *tables;        /* of the sides */
    size_t most_points;    /* on an element */
    double *scratch;       /* of the functions below, [12][max(most_points, local)] */
    sg_form form;
} sg_mesh;

/*
 * `keep` [slabs] is nonzero for the elements of the mesh, the first coordinate running fastest; degrees are those of
 * the slabs less `lower`, at least 1.  Assembles the form.
 * Errors: SG_NO_MEMORY (also: the matrices take more than `memory` bytes), SG_REFUSED (log p NaN or +infinity, D not
 * positive definite).
 */
SG_MUST_CHECK sg_status sg_mesh_new(const sg_grid_problem *problem, const sg_frame *frame,
                                    const sg_partition_of_box *slabs, const uint8_t *keep, int lower, size_t memory,
                                    sg_mesh **mesh);
/* The same nodes with `more` points a direction, without the form: what a function's energy and variance change by is
 * the error of the quadrature. */
SG_MUST_CHECK sg_status sg_mesh_finer(const sg_grid_problem *problem, const sg_frame *frame, const sg_mesh *mesh,
                                      int more, sg_mesh **finer);
void sg_mesh_delete(sg_mesh *mesh);

/* The side of element e in direction a. */
static inline const sg_side *sg_mesh_side(const sg_mesh *m, int e, int a) {
    return m->side[a] + m->element[e * SG_DIM + a];
}

/* The points of one element, u[a * count + i]. */
void sg_mesh_points(const sg_mesh *mesh, int e, double *u);

/* Of one element at its points: weight p; f less its first node's value, which is returned; weight e^-shift p D grad u
 * . grad v.  The last returns false, and fills nothing, when u or v is constant there, exactly. */
void sg_mesh_mass_on(const sg_mesh *mesh, int e, double *out);
double sg_mesh_values_on(const sg_mesh *mesh, int e, const double *f, double *out);
bool sg_mesh_energy_on(const sg_mesh *mesh, int e, double shift, const double *u, const double *v, double *out);

/* e^-shift int p D grad g . grad g on one element, g the two highest terms of f's Legendre series along axis a: what
 * polynomials of two degrees less miss, at most. */
double sg_mesh_top_energy(const sg_mesh *mesh, int e, int a, double shift, const double *f);

double sg_mesh_energy(const void *mesh, double shift, const double *u, const double *v); /* of sg_form */
/* log of E(f,f)/Var f by the mesh's own points; the energy is summed times e^-shift. */
double sg_mesh_log_quotient(const sg_mesh *mesh, double shift, const double *f);

/*
 * E f phi of the problem's functions and of `count` functions phi [count][n] on the mesh, less their means and divided
 * by their standard deviations: coefficient [functions][16].  Errors: SG_NO_MEMORY.
 */
SG_MUST_CHECK sg_status sg_mesh_coefficients(const sg_grid_problem *problem, const sg_frame *frame, const sg_mesh *mesh,
                                             int count, const double *phi, double *coefficient);

/* Fills form.a and form.m, scaled by form.log_scale, which it sets. */
SG_MUST_CHECK sg_status sg_mesh_assemble(sg_mesh *mesh, size_t memory);

#endif
