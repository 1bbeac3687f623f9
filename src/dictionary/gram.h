/* Weighted Gram sums of a few rows of a block. */
#ifndef SG_DICTIONARY_GRAM_H
#define SG_DICTIONARY_GRAM_H

/*
 * sum_{a b} += sum_i coefficient_i row_j[i] row_k[i] for all pairs of the t rows [t][SG_BLOCK], a >= b being the
 * entries list[j] and list[k] (NULL: j and k themselves): the lower triangle of sum [m,m], column-major.  n points;
 * vectorized, four products to a load, nothing allocated.
 */
void sg_gram_add(int n, const double *coefficient, int t, const double *rows, const int *list, int m, double *sum);

#endif
