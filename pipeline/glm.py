"""Logit and Poisson regression by Newton's method, quick enough to be refitted in every resample.

statsmodels gives the same coefficients (a test holds them together to 1e-8) but builds results that a resample
throws away. Resampled persons enter as frequency weights, so that the design matrix is made once.
Iteratively reweighted least squares as in McCullagh & Nelder (1989), Generalized Linear Models, section 2.5.
"""

import numpy as np
from scipy.linalg import LinAlgError, cho_factor, cho_solve
from scipy.linalg.blas import dsyrk
from scipy.special import expit

ITERATIONS = 50
# Newton converges quadratically: a step this small leaves an error far below 1e-8, which the test asks for.
SMALLEST_STEP = 1e-7
HALVINGS = 30


class NotConverged(ArithmeticError):
    """The likelihood has no finite maximum that Newton's method reached: separation, or columns that depend on each other."""


def fit_logit(X, y, weights=None, start=None) -> np.ndarray:
    """Return the coefficients of a logistic regression of `y` (0 or 1, or a share) on the columns of `X`.

    `weights` are frequencies (1 throughout when None); `start` are coefficients to start from.
    Raises NotConverged under separation or dependent columns.
    """
    def likelihood(eta, y):
        return y * eta - np.logaddexp(0, eta)

    def moments(eta):
        mean = expit(eta)
        return mean, mean * (1 - mean)

    return maximise(np.asarray(X, float), np.asarray(y, float), weights, None, start, likelihood, moments)


def fit_poisson(X, y, weights=None, offset=None, start=None) -> np.ndarray:
    """Return the coefficients of a Poisson regression with log link of the counts `y` on the columns of `X`.

    `weights` multiply the log likelihood (frequencies, odds weights or their product); `offset` is log person-time;
    `start` are coefficients to start from. Without `start`, the first column is taken to be the intercept.
    Raises NotConverged when the maximum is not finite or columns depend on each other.
    """
    X, y = np.asarray(X, float), np.asarray(y, float)
    if start is None:
        w = np.ones(len(y)) if weights is None else np.asarray(weights, float)
        time = np.exp(offset) if offset is not None else np.ones(len(y))
        events = w @ y
        if not events > 0:
            raise NotConverged("no events")
        start = np.zeros(X.shape[1])
        start[0] = np.log(events / (w @ time))

    def likelihood(eta, y):
        return y * eta - np.exp(eta)

    def moments(eta):
        mean = np.exp(eta)
        return mean, mean

    return maximise(X, y, weights, offset, start, likelihood, moments)


def maximise(X, y, weights, offset, start, likelihood, moments) -> np.ndarray:
    """Return the coefficients that maximise the weighted sum of `likelihood`, by Newton steps halved until they climb."""
    weights = np.ones(len(y)) if weights is None else np.asarray(weights, float)
    offset = np.zeros(len(y)) if offset is None else np.asarray(offset, float)
    used = weights > 0
    if used.mean() < 0.8:  # persons a resample left out cost as much as those it drew
        X, y, weights, offset = X[used], y[used], weights[used], offset[used]
    beta = np.zeros(X.shape[1]) if start is None else np.array(start, float)
    with np.errstate(over="ignore", invalid="ignore"):
        eta = X @ beta + offset
        value = weights @ likelihood(eta, y)
        for _ in range(ITERATIONS):
            mean, variance = moments(eta)
            step = newton_step(X, weights * variance, X.T @ (weights * (y - mean)))
            for halving in range(HALVINGS):
                new_eta = X @ (beta + step) + offset
                new_value = weights @ likelihood(new_eta, y)
                # Rounding alone may move the likelihood by a few units in its last place at the maximum.
                if new_value >= value - 1e-11 * abs(value):
                    break
                step = step / 2
            else:
                raise NotConverged("no step climbs")
            beta, eta, value = beta + step, new_eta, new_value
            if np.max(np.abs(step)) < SMALLEST_STEP and halving == 0:
                return beta
    raise NotConverged(f"not converged after {ITERATIONS} steps")


def newton_step(X, information_weights, score) -> np.ndarray:
    """Return the Newton step: the score times the inverse of the weighted cross-product of `X`."""
    scaled = X * np.sqrt(information_weights)[:, None]
    information = dsyrk(1.0, scaled.T, lower=True)
    if not np.isfinite(information).all():
        raise NotConverged("the likelihood overflows")
    # Unit diagonal: whether columns depend on each other must not turn on their units.
    scale = np.sqrt(np.diag(information))
    if not (scale > 0).all():
        raise NotConverged("a column is empty")
    correlation = information / np.outer(scale, scale)
    try:
        factor = cho_factor(correlation, lower=True, check_finite=False)
    except LinAlgError:
        raise NotConverged("columns depend on each other") from None
    if np.min(np.diag(factor[0])) < 1e-7:
        raise NotConverged("columns depend on each other")
    return cho_solve(factor, score / scale, check_finite=False) / scale
