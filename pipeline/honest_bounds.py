"""How far the answer bends when both arms would not have moved alike after all (Rambachan & Roth 2023).

An event study gives coefficients of the months (or quarters) before and after, delta being what they would have been
without treatment. Two ways to say how bad delta may be after:

    smoothness            its slope changes by at most M from one period to the next
    relative magnitudes   it moves by at most Mbar times its largest move between two periods before

The first gives the shortest interval of fixed length (their section 4), the second the conditional test combined with
the least favourable one (C-LF, section 3), inverted over a grid.

Use it on the matched or weighted arms, never on clients alone: there the "pre-trend" is the spike that referred them.
Own code: diff-diff 3.13 departs from R's HonestDiD under relative magnitudes, moderndid 0.2 agrees but takes 20 seconds
a value of Mbar and pulls in a solver. The linear programmes of the paper are small here, so their dual vertices are
listed once and every test is a matrix product; tests hold the result to R's published example.
"""

from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from scipy.optimize import minimize
from scipy.special import log_ndtr, ndtri_exp
from scipy.stats import ncx2

from pipeline.errors import InputError

GRID_POINTS = 2000
# The grid reaches this many standard errors beyond nought and the estimate, as in R's HonestDiD.
GRID_REACH = 20.0
LEAST_FAVOURABLE_DRAWS = 1000
# The share of the size of the test that its first stage takes, as in R's HonestDiD.
FIRST_STAGE_SHARE = 0.1
MOST_VERTICES = 20_000
COLUMNS = ["restriction", "bound", "ci_low", "ci_high"]


def bound_smoothness(estimates, covariance, n_before: int, bounds, weights=None, confidence: float = 0.95) -> pd.DataFrame:
    """Return restriction, bound (M), ci_low, ci_high of the effect under smoothness.

    `estimates` and `covariance` are those of the event study without its reference period, the `n_before` periods
    before it first; `weights` say which mean of the periods after is meant (the first one when None).
    """
    estimates, covariance, weights = check_study(estimates, covariance, n_before, weights)
    rows = []
    for bound in bounds:
        direction, half = shortest_interval(covariance, n_before, weights, bound, 1 - confidence)
        middle = float(np.concatenate([direction, weights]) @ estimates)
        rows.append(("smoothness", float(bound), middle - half, middle + half))
    return pd.DataFrame(rows, columns=COLUMNS)


def bound_relative_magnitudes(estimates, covariance, n_before: int, bounds, weights=None, confidence: float = 0.95, seed: int = 0) -> pd.DataFrame:
    """Return restriction, bound (Mbar), ci_low, ci_high of the effect under relative magnitudes; arguments as in bound_smoothness.

    `seed` is that of the least favourable critical values. A limit that the grid does not reach is infinite, both are
    missing where no effect at all agrees with the periods before. Raises
    InputError with so many periods after that the programme is no longer small: join them (quarters, not months).
    """
    estimates, covariance, weights = check_study(estimates, covariance, n_before, weights)
    rows = []
    for bound in bounds:
        # The largest move before may be any of them, in either direction: the interval covers the union.
        found = [
            accepted_range(estimates, covariance, weights, restrictions(n_before, len(weights), bound, place, sign), n_before, 1 - confidence, seed)
            for place in range(n_before)
            for sign in (1.0, -1.0)
        ]
        low, high = min(low for low, _ in found), max(high for _, high in found)
        rows.append(("relative_magnitudes", float(bound), *((low, high) if low <= high else (np.nan, np.nan))))
    return pd.DataFrame(rows, columns=COLUMNS)


def last_bound_excluding(bounds: pd.DataFrame) -> float:
    """Return the breakdown value: the largest listed bound up to which every interval leaves out nought; NaN when not even the first does.

    `bounds` are rows of one restriction with bound and excludes_no_effect.
    """
    rows = bounds.sort_values("bound")
    kept = rows["bound"][rows["excludes_no_effect"].astype(bool).cumprod().astype(bool)]
    return float(kept.max()) if len(kept) else float("nan")


def check_study(estimates, covariance, n_before: int, weights) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return the event study as arrays; raise InputError when it has no period before or after or holds missing values."""
    estimates, covariance = np.asarray(estimates, float), np.asarray(covariance, float)
    n_after = len(estimates) - n_before
    weights = np.eye(max(n_after, 1))[0] if weights is None else np.asarray(weights, float)
    if n_before < 1 or n_after < 1 or len(weights) != n_after or covariance.shape != (len(estimates), len(estimates)):
        raise InputError("Event study: bounds need at least one period before the reference and one after, and a covariance of that size.")
    if not (np.isfinite(estimates).all() and np.isfinite(covariance).all()):
        raise InputError("Event study: a coefficient is missing, so that no bound can be given. Join its periods.")
    return estimates, covariance, weights


def folded_quantile(bias_in_errors: float, alpha: float) -> float:
    """Return the 1 - alpha quantile of the absolute value of a normal with this mean and variance 1."""
    return float(np.sqrt(ncx2.ppf(1 - alpha, 1, bias_in_errors**2)))


def shortest_interval(covariance: np.ndarray, n_before: int, weights: np.ndarray, bound: float, alpha: float) -> tuple[np.ndarray, float]:
    """Return what the periods before contribute to the best affine estimator under smoothness, and half its interval's length.

    The estimator ignores linear trends; a change of slope at period j <= 0 biases it by the sum over s < j of
    v[s] (j - s), one at j > 0 by the sum over t > j of weights[t] (t - j). The length is convex in v.
    """
    before, after = np.arange(-n_before, 0), np.arange(1, len(weights) + 1)
    fixed = sum(abs(np.clip(after - j, 0, None) @ weights) for j in range(1, len(weights)))
    moments = np.clip(np.arange(-n_before + 1, 1)[:, None] - before[None, :], 0, None).astype(float)  # w = moments v
    to_v = np.linalg.inv(moments)
    scale = np.sqrt(weights @ covariance[n_before:, n_before:] @ weights)

    def half_length(split: np.ndarray) -> float:
        v = to_v @ (split[:n_before] - split[n_before:])
        error = np.sqrt(np.concatenate([v, weights]) @ covariance @ np.concatenate([v, weights]))
        return folded_quantile(bound * (split.sum() + fixed) / error, alpha) * error / scale

    trend = np.concatenate([to_v.T @ before, -(to_v.T @ before)])
    target = -float(weights @ after)
    start = np.zeros(2 * n_before)
    start[n_before - 1 if target * trend[n_before - 1] > 0 else 2 * n_before - 1] = abs(target / trend[n_before - 1])
    found = minimize(
        half_length, start, method="SLSQP", bounds=[(0, None)] * (2 * n_before),
        constraints=[{"type": "eq", "fun": lambda split: trend @ split - target, "jac": lambda split: trend}], options={"maxiter": 1000, "ftol": 1e-12},
    )  # fmt: skip
    best = found.x if found.fun <= half_length(start) and abs(trend @ found.x - target) < 1e-6 else start
    return to_v @ (best[:n_before] - best[n_before:]), float(half_length(best) * scale)


def restrictions(n_before: int, n_after: int, bound: float, place: int, sign: float) -> np.ndarray:
    """Return A of A delta <= 0: moves before at most that at `place` (0: the earliest) times `sign`, moves after `bound` times that."""
    moves = np.diff(np.eye(n_before + n_after + 1), axis=0)
    largest = sign * moves[place]
    limits = np.vstack([np.tile(largest, (n_before, 1)), np.tile(bound * largest, (n_after, 1))])
    both = np.vstack([moves - limits, -moves - limits])
    without_reference = np.delete(both, n_before, axis=1)
    return without_reference[np.abs(without_reference).max(axis=1) > 1e-10]


def accepted_range(estimates, covariance, weights, A: np.ndarray, n_before: int, alpha: float, seed: int) -> tuple[float, float]:
    """Return the smallest and largest effect that the test does not reject; infinite at the end of the grid, empty as (inf, -inf)."""
    n_after = len(weights)
    if n_after > 1:  # restrictions on the periods before alone say nothing of the effect
        A = A[np.abs(A[:, n_before:]).max(axis=1) > 0]
    gamma = np.vstack([weights, np.eye(n_after)[np.arange(n_after) != np.argmax(np.abs(weights))]])
    turned = A[:, n_before:] @ np.linalg.inv(gamma)
    sigma = A @ covariance @ A.T
    vertices = dual_vertices(np.sqrt(np.diag(sigma)), turned[:, 1:])
    error = np.sqrt(weights @ covariance[n_before:, n_before:] @ weights)
    point = float(weights @ estimates[n_before:])
    grid = np.linspace(min(point, 0) - GRID_REACH * error, max(point, 0) + GRID_REACH * error, GRID_POINTS)
    moments = (A @ estimates)[:, None] - turned[:, :1] * grid[None, :]
    accepted = grid[is_accepted(moments, sigma, vertices, alpha, seed)]
    if not len(accepted):
        return np.inf, -np.inf
    return -np.inf if accepted[0] == grid[0] else float(accepted[0]), np.inf if accepted[-1] == grid[-1] else float(accepted[-1])


def dual_vertices(errors: np.ndarray, nuisance: np.ndarray) -> np.ndarray:
    """Return the vertices of {g >= 0, g' errors = 1, g' nuisance = 0}, one a row: the programme's value is the largest g' y."""
    n_rows, size = len(errors), nuisance.shape[1] + 1
    if comb(n_rows, size) > MOST_VERTICES:
        raise InputError("Event study: too many periods after the reference for bounds under relative magnitudes. Join months to quarters.")
    supports = np.array(list(combinations(range(n_rows), size)))
    equations = np.column_stack([errors, nuisance])
    systems = np.transpose(equations[supports], (0, 2, 1))
    solvable = np.linalg.cond(systems) < 1e10
    target = np.zeros((solvable.sum(), size, 1))
    target[:, 0] = 1.0
    solved = np.linalg.solve(systems[solvable], target)[:, :, 0]
    kept = (solved >= -1e-9).all(axis=1)
    vertices = np.zeros((kept.sum(), n_rows))
    np.put_along_axis(vertices, supports[solvable][kept], np.clip(solved[kept], 0, None), axis=1)
    return np.unique(vertices.round(12), axis=0)


def is_accepted(moments: np.ndarray, sigma: np.ndarray, vertices: np.ndarray, alpha: float, seed: int) -> np.ndarray:
    """Return which columns of `moments` pass the conditional test with a least favourable first stage (C-LF)."""
    first = FIRST_STAGE_SHARE * alpha
    root = np.linalg.cholesky(sigma + 1e-14 * np.trace(sigma) * np.eye(len(sigma)))
    drawn = root @ np.random.default_rng(seed).standard_normal((len(sigma), LEAST_FAVOURABLE_DRAWS))
    critical = np.quantile((vertices @ drawn).max(axis=0), 1 - first)
    values = vertices @ moments
    best = values.argmax(axis=0)
    top = values[best, np.arange(values.shape[1])]
    turned = vertices @ sigma
    variance = np.einsum("ij,ij->i", turned, vertices)
    error = np.sqrt(variance[best])
    # Given what is independent of the winner, it wins between these limits: each rival says one of them.
    slope = 1 - (turned @ vertices.T)[:, best] / variance[best][None, :]
    gap = top[None, :] - values
    with np.errstate(divide="ignore", invalid="ignore"):
        limit = top[None, :] - gap / slope
    low = np.where(slope > 1e-9, limit, -np.inf).max(axis=0)
    high = np.minimum(np.where(slope < -1e-9, limit, np.inf).min(axis=0), critical)
    level = 1 - (alpha - first) / (1 - first)
    cut = np.maximum(truncated_quantile(level, low / error, high / error), 0)
    return (top <= critical) & (top / error <= cut)


def truncated_quantile(level: float, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Return the quantile of a standard normal truncated to [low, high], exact in the upper tail, where limits lie far out."""
    upper = low > 0  # mirrored, so that probabilities are never differences of numbers next to one
    a, b, p = np.where(upper, -high, low), np.where(upper, -low, high), np.where(upper, 1 - level, level)
    b = np.maximum(a, b)
    with np.errstate(divide="ignore", invalid="ignore"):
        log_a, log_b = log_ndtr(a), log_ndtr(b)
        # log of (1 - p) Phi(a) + p Phi(b)
        found = ndtri_exp(np.logaddexp(np.log1p(-p) + log_a, np.log(p) + log_b))
    found = np.clip(found, a, b)
    return np.where(upper, -found, found)
