/*
 * Tensor-product spectral elements: polynomials of degree N on boxes, Gauss-Lobatto-Legendre nodes, whose quadrature
 * gives a diagonal mass matrix.  Elements are the cells of a product of partitions; only those kept belong to the mesh.
 */
#ifndef SG_SPECTRUM_ELEMENTS_H
#define SG_SPECTRUM_ELEMENTS_H

#include "capacity.h"
#include "scoregap/grid.h"

enum { SG_DIM = SG_GRID_DIMENSIONS, SG_ORDER = 24, SG_SLABS = 512 };

/* Coordinates u of the elements: x = turn u, turn orthogonal [row][column]; exact where it is the identity. */
typedef struct {
    bool turned;
    double turn[SG_DIM][SG_DIM];
    double lo[SG_DIM], hi[SG_DIM]; /* the box of the u */
    double top;                    /* taken off log p */
} sg_frame;

/*
 * log p and, if `diffusion` is not NULL, D in the frame ([d(d+1)/2][n] packed) at points u[a * n + i], any n.  Outside
 * the problem's box log p is -INFINITY.
 */
void sg_frame_evaluate(const sg_frame *frame, const sg_grid_problem *problem, int n, const double *u, double *log_p,
                       double *diffusion);

typedef struct {
    int order;
    double node[SG_ORDER + 1], weight[SG_ORDER + 1], slope[SG_ORDER + 1][SG_ORDER + 1]; /* slope[q][j] = l_j'(t_q) */
} sg_lobatto;
void sg_lobatto_fill(int order, sg_lobatto *rule);

typedef struct {
    int count[SG_DIM]; /* slabs a direction, 1 beyond the dimension */
    double edge[SG_DIM][SG_SLABS + 1];
} sg_partition_of_box;

typedef struct {
    int d, n, elements, local; /* nodes; elements kept; nodes an element */
    sg_lobatto rule;
    sg_partition_of_box slabs;
    int *element;     /* [elements][3] slab indices */
    int *node;        /* [elements][local] node numbers */
    double *u;        /* [d][n] */
    double *log_p;    /* [n], raised so that it falls by at most 20 on an element */
    double *tensor;   /* [d(d+1)/2][n] D, NULL for D = 1 */
    bool mixed;       /* D has off-diagonal entries */
    uint8_t *raised;  /* [n] */
    double *log_mass; /* [n] */
    double *scratch;  /* [2][local] */
    double *nodal;    /* [n] scratch */
    sg_form form;
} sg_mesh;

/* `keep` [slabs] is nonzero for the elements of the mesh, the first coordinate running fastest.  Assembles the form.
 * Errors: SG_NO_MEMORY, SG_REFUSED (log p or D not finite at a node, D not positive definite). */
SG_MUST_CHECK sg_status sg_mesh_new(const sg_grid_problem *problem, const sg_frame *frame,
                                    const sg_partition_of_box *slabs, const uint8_t *keep, int order, sg_mesh **mesh);
void sg_mesh_delete(sg_mesh *mesh);

/* Neighbours only, along the lines of each element: a sparser matrix on the same nodes, for preconditioning. */
SG_MUST_CHECK sg_status sg_mesh_coarse(const sg_mesh *mesh, sg_sparse **coarse);

/* e^-shift int p D grad u . grad v by the elements' quadrature; the same node by node, added to out [n]. */
void sg_mesh_energy_nodes(const sg_mesh *mesh, double shift, const double *u, const double *v, double *out);
double sg_mesh_energy(const void *mesh, double shift, const double *u, const double *v);

#endif
