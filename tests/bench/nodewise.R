# Node-wise fits of an Ising model by pseudolikelihood, 20 spins: glm at each node, equal states together, then the
# joint sandwich covariance as in nodewise.py.
#   Rscript nodewise.R DATA OUT     prints seconds; writes estimates and standard errors
argument <- commandArgs(TRUE)
spins <- 20
size <- file.info(argument[1])$size / spins
rows <- matrix(readBin(argument[1], "integer", size * spins, size = 1), ncol = spins, byrow = TRUE)
start <- proc.time()[["elapsed"]]
code <- as.vector((rows > 0) %*% 2^(0:(spins - 1)))
count <- as.vector(table(code))
x <- rows[match(sort(unique(code)), code), ] + 0
edges <- t(combn(spins, 2))
where <- matrix(0L, spins, spins)
where[edges] <- where[edges[, 2:1]] <- seq_len(nrow(edges))
diag(where) <- nrow(edges) + seq_len(spins)
estimate <- numeric(nrow(edges) + spins)
influence <- matrix(0, nrow(x), length(estimate))
for (node in seq_len(spins)) {
  z <- x
  z[, node] <- 1
  fit <- glm.fit(z, x[, node] > 0, weights = count, family = binomial(),
                 control = glm.control(epsilon = 1e-15, maxit = 25))
  share <- ifelse(seq_len(spins) == node, 1, 0.5)
  estimate[where[node, ]] <- estimate[where[node, ]] + share * fit$coefficients / 2
  inverse <- chol2inv(chol(crossprod(z * sqrt(count * fit$fitted.values * (1 - fit$fitted.values)))))
  score <- z * ((x[, node] > 0) - fit$fitted.values) * sqrt(count)
  influence[, where[node, ]] <- influence[, where[node, ]] + sweep(score %*% inverse, 2, share / 2, "*")
}
covariance <- crossprod(influence)
cat(proc.time()[["elapsed"]] - start, "\n")
result <- format(cbind(estimate, sqrt(diag(covariance))), digits = 17)
write.table(result, argument[2], quote = FALSE, row.names = FALSE, col.names = FALSE)
