/*
 * scoregap.h - the whole library: how much a tractable loss loses against maximum likelihood, and how fast the Markov
 * process mixes that belongs to it.
 *
 * Every loss of the library belongs to one reversible generator L of the law p.  With the Fisher score S, the loss has
 * gradient L S at the truth, its estimator has asymptotic covariance
 *
 *     Gamma = H^-1 Cov(L S) H^-1,    H = E(S, S) the Dirichlet matrix,
 *
 * and L is also the generator of a sampler of p, whose relaxation time is one over its spectral gap.  Hence two axes: a
 * *family* (a parametric law) and a *row* of the dictionary (a generator: its loss, its spectrum, its dynamics).
 *
 *     base.h        status codes with messages, memory, counter-based random streams, keys read from text
 *     numeric.h     quadrature panels, inverse distribution tables, small linear algebra, Newton, moments with errors
 *     family.h      models: derivatives of log p, support, quadrature, exact samplers
 *     dictionary.h  rows: losses with their options, generators, Markov chains
 *     spectrum.h    the gap with a two-sided enclosure; eigenpairs; spectral profiles on the line and the circle
 *     chain.h       the same for birth-death chains, hypercubes and explicit chains
 *     grid.h        the same for diffusions in two and three dimensions
 *     mixing.h      total-variation mixing times
 *     entropy.h     logarithmic Sobolev constants
 *     trajectory.h  gaps estimated from long trajectories
 *     bound.h       bounds on gaps and asymptotic variances, each with its side in its name
 *     estimate.h    Gamma and Gamma_MLE by quadrature, fits with standard errors, Monte Carlo
 *     design.h      the options of a loss that give up least, within a relaxation time
 *     store.h       result files (HDF5)
 *
 * A program that prints the worst inefficiency of score matching and the gap of Langevin's diffusion for a bimodal law:
 *
 *     #include <scoregap.h>
 *     #include <stdio.h>
 *
 *     int main(void) {
 *         const sg_pair keys[] = {{"a", "3"}};
 *         sg_model *model = NULL;
 *         sg_loss *loss = NULL;
 *         sg_asymptotic *theory = NULL;
 *         sg_gap gap;
 *         sg_status status = sg_model_new("bimodal", 1, keys, &model);
 *         if (!status) status = sg_loss_new("score-matching", &loss);
 *         if (!status) status = sg_loss_fits(loss, model);
 *         if (!status) status = sg_asymptotic_new(model, loss, &theory);
 *         if (!status) status = sg_spectrum_gap(model, loss, NULL, &gap, NULL);
 *         if (status) fprintf(stderr, "%s\n", sg_message());
 *         else printf("inefficiency %.8f\ngap %.10g\n", theory->inefficiency[theory->m - 1], gap.gap);
 *         sg_asymptotic_delete(theory);
 *         sg_loss_delete(loss);
 *         sg_model_delete(model);
 *         return status ? 1 : 0;
 *     }
 *
 *     cc example.c $(pkg-config --cflags --libs scoregap) -o example
 *
 * Conventions: functions that can fail return sg_status, and sg_message() has the sentence.  Objects are made by
 * sg_THING_new and released by sg_THING_delete, which takes NULL.  Models and prepared rows are immutable and may be
 * shared by threads; fitters, walks and partitions belong to one thread.  Matrices are column-major.  The library never
 * prints, exits or reads the environment.  Results are equal to the last bit whatever the number of threads if OpenBLAS
 * is held to one (openblas_set_num_threads(1), or OPENBLAS_NUM_THREADS=1), as the program scoregap does.
 */
#ifndef SCOREGAP_H
#define SCOREGAP_H

#define SCOREGAP_VERSION "0.1.0"

#include "scoregap/base.h"
#include "scoregap/bound.h"
#include "scoregap/chain.h"
#include "scoregap/design.h"
#include "scoregap/dictionary.h"
#include "scoregap/entropy.h"
#include "scoregap/estimate.h"
#include "scoregap/family.h"
#include "scoregap/grid.h"
#include "scoregap/mixing.h"
#include "scoregap/numeric.h"
#include "scoregap/spectrum.h"
#include "scoregap/store.h"
#include "scoregap/trajectory.h"

#endif
