# Weighted least squares on the castle doctrine panel with base R, as typed into tests/test_staggered.py.
# From the project's folder, with R 4.2.2 (Debian r-base-core, no further package):
#   python -c "import causaldata; causaldata.castle.load_pandas().data.to_csv('castle.csv', index=False)"
#   Rscript tests/references/castle.R castle.csv
table <- read.csv(commandArgs(trailingOnly = TRUE)[1])
for (weighted in c(TRUE, FALSE)) {
  table$w <- if (weighted) table$popwt else 1
  fit <- lm(l_homicide ~ post + factor(sid) + factor(year), table, weights = w)
  X <- model.matrix(fit)
  bread <- solve(crossprod(X * sqrt(table$w)))
  scores <- rowsum(X * table$w * residuals(fit), table$sid)
  n <- nrow(X); states <- length(unique(table$sid))
  # As Stata's xtreg and fixest: the state effects, nested in the clusters, are no parameters of the factor.
  k <- ncol(X) - (states - 1)
  factor <- states / (states - 1) * (n - 1) / (n - k)
  variance <- factor * bread %*% crossprod(scores) %*% bread
  cat(if (weighted) "weighted" else "unweighted", sprintf("%.10f %.10f", coef(fit)["post"], sqrt(variance["post", "post"])), "\n")
}
# Poisson: counts of homicides per 100,000 with state and year effects.
pois <- suppressWarnings(glm(homicide ~ post + factor(sid) + factor(year), poisson, table, control = list(epsilon = 1e-14)))
cat("poisson", sprintf("%.10f", coef(pois)["post"]), "\n")
