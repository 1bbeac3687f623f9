/* The quotient Ent f/sum_b w_b E Ent_b f on all states, and the map that raises it. */
#ifndef SG_SPECTRUM_TENSORIZATION_H
#define SG_SPECTRUM_TENSORIZATION_H

#include "scoregap/entropy.h"

/* One block: entry [s * fibres + j] is the s-th state of the block with fibre j outside it. */
typedef struct {
    int width, fibres;
    double rate;
    int *index;    /* [width][fibres] codes */
    double *given; /* [width][fibres] p(block | rest); 0 where forbidden */
    double *pi;    /* [width][fibres] */
} sg_tensor_block;

/* Functions f are given by g = log f; on forbidden states g is whatever. */
typedef struct {
    int states, blocks;
    double total;                           /* sum of the rates */
    double *log_pi, *pi;                    /* [states] normalized */
    sg_tensor_block *block;                 /* [blocks] */
    double *gathered, *level, *near, *mass; /* [states] scratch */
} sg_tensor;

SG_MUST_CHECK sg_status sg_tensor_new(int sites, int q, const double *log_p, int blocks, const uint32_t *mask,
                                      const double *rate, sg_tensor *tensor);
void sg_tensor_clear(sg_tensor *tensor);

/* Do the blocks lead from every allowed state to every other?  `mark` is scratch [states]. */
bool sg_tensor_connected(const sg_tensor *tensor, double *mark);

/* Shifts g so that log E e^g = 0. */
void sg_tensor_normalize(const sg_tensor *tensor, double *g);
/* The quotient at g (normalized here); next [states] (NULL: not wanted) gets g after one step. */
double sg_tensor_look(sg_tensor *tensor, double *g, double *next);
/* Var f/sum_b w_b E Var_b f: the limit of the quotient at 1 + eps f. */
double sg_tensor_linear(sg_tensor *tensor, const double *f);
/* f = sum_b w_b E_b f / W, in place; `out` is scratch [states]. */
void sg_tensor_smooth(sg_tensor *tensor, double *f, double *out);
/* out += sum_b w_b times the projection of v onto sqrt(given) on each fibre: sum_b w_b E_b in the coordinates sqrt(pi)
 * f. */
void sg_tensor_project(sg_tensor *tensor, const double *v, double *out);
/* The quotient of the law on one state: log pi(x)/sum_b w_b log p(x_b | rest). */
void sg_tensor_points(const sg_tensor *tensor, double *quotient);

#endif
