# Generalized score matching on the orthant by the package genscore (Yu, Drton and Shojaie): cut normal law with linear
# terms, h = min(x, 3), no penalty, K symmetric (the package's modes "and" and "or" take a transposed linear term).
#   Rscript orthant.R DATA P TIMES [OUT]   prints the fastest seconds of get_elts; with OUT writes K_jk, k <= j, and eta
suppressPackageStartupMessages(library(genscore))
argument <- commandArgs(TRUE)
p <- as.integer(argument[2])
numbers <- file.info(argument[1])$size / 8
x <- matrix(readBin(argument[1], "double", numbers), ncol = p, byrow = TRUE)
domain <- make_domain("R+", p = p)
h <- get_h_hp("min_pow", 1, 3)
fastest <- Inf
for (k in seq_len(as.integer(argument[3]))) {
  start <- proc.time()[["elapsed"]]
  elements <- get_elts(h, x, "gaussian", domain, centered = FALSE, profiled_if_noncenter = FALSE, scale = "")
  fastest <- min(fastest, proc.time()[["elapsed"]] - start)
}
cat(fastest, "\n")
if (length(argument) > 3) {
  result <- get_results(elements, symmetric = "symmetric", lambda1 = 0, lambda2 = 0, tol = 1e-14, maxit = 1e6)
  theta <- c(result$K[upper.tri(result$K, diag = TRUE)], result$eta)
  writeLines(format(theta, digits = 17), argument[4])
}
