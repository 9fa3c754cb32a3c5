"""Resampling of persons: who is drawn how often, models refitted in each draw, intervals from the draws.

A person may stand behind several trials, referred and not yet referred; all rows of a person move together
(Cameron & Miller 2015, section VI). A draw gives each person a Poisson(1) count, the limit of drawing with
replacement, so that a resample is a set of frequency weights and no frame is ever copied. The models of a draw
start from the full sample's coefficients and go all the way: with a fixed number of steps (Andrews 2002) a draw
that took a heavy caller twice now and then stopped far from its optimum.
"""

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import expit
from scipy.stats import norm

# Twice what a step can still gain in likelihood, which is the squared distance to the optimum in (Poisson) standard
# errors: quadratic convergence leaves far less after the step. A separated column drifts without gain and stops nobody.
SMALLEST_GAIN = 1e-4
MOST_STEPS = 30
# Keeps a resample that drew nobody in some calendar quarter solvable: the empty column stays where it was.
RIDGE = 1e-7
# Keeps the mean of an overshooting step finite.
LARGEST_PREDICTOR = 50.0


def draw_multiplicities(n_persons: int, draws: int, seed: int) -> np.ndarray:
    """Return how often each of `n_persons` (columns) is drawn in each of `draws` resamples (rows), as small integers.

    Each draw has a seed of its own spawned from `seed`, so results do not depend on the number of processes.
    """
    seeds = np.random.SeedSequence(seed).spawn(draws)
    return np.stack([np.random.default_rng(one).poisson(1.0, n_persons).astype(np.uint8) for one in seeds])


def draws_of(multiplicities: np.ndarray, persons: pd.Index, person_id: pd.Series) -> np.ndarray:
    """Return how often each row of `person_id` (columns) was drawn in each resample (rows)."""
    return multiplicities[:, persons.get_indexer(person_id)].astype(np.float32)


def run_draws(estimate, multiplicities: np.ndarray, processes: int) -> list:
    """Return `estimate(multiplicity)` for each row of `multiplicities`, in order, over `processes` processes."""
    if processes == 1:
        return [estimate(row) for row in multiplicities]
    parts = np.array_split(multiplicities, processes)
    done = Parallel(n_jobs=processes)(delayed(run_draws)(estimate, part, 1) for part in parts)
    return [result for part in done for result in part]


def refit(family: str, X, X_single, y, weights, start, offset=0.0) -> np.ndarray:
    """Return the coefficients of a weighted `family` (logit or poisson) by Newton steps from `start`; NaN when they do not settle.

    A step that loses likelihood is halved. `X_single` is `X` in single precision, whose columns should be nearly
    orthogonal: the information matrix only steers the step, the score is exact.
    """
    beta, step, highest = np.array(start, float), np.zeros(len(start)), -np.inf
    for _ in range(MOST_STEPS):
        eta = X @ (beta + step) + offset
        mean = expit(eta) if family == "logit" else np.exp(np.minimum(eta, LARGEST_PREDICTOR))
        value = weights @ (y * eta - (np.logaddexp(0, eta) if family == "logit" else mean))
        if value < highest - 1e-10 * abs(highest):
            step = step / 2
            continue
        beta, highest = beta + step, value
        variance = mean * (1 - mean) if family == "logit" else mean
        scaled = X_single * (weights * variance).astype(X_single.dtype)[:, None]
        information = (scaled.T @ X_single).astype(float)
        information[np.diag_indices_from(information)] += RIDGE * np.trace(information) / len(beta)
        score = X.T @ (weights * (y - mean))
        step = np.linalg.solve(information, score)
        if score @ step < SMALLEST_GAIN:
            return beta + step
    if X_single is X:
        return np.full(len(beta), np.nan)
    return refit(family, X, X, y, weights, start, offset)  # single precision steered it astray


def normal_interval(estimate: float, draws: np.ndarray, confidence: float) -> dict:
    """Return std_error, ci_low, ci_high, p_value of a log ratio: the draws give the standard error, the normal the width.

    Everything is NaN where the estimate or a draw is not finite.
    """
    if not (np.isfinite(estimate) and np.isfinite(draws).all()):
        return dict(std_error=np.nan, ci_low=np.nan, ci_high=np.nan, p_value=np.nan)
    std_error = draws.std(ddof=1)
    width = norm.ppf(0.5 + confidence / 2) * std_error
    p_value = 2 * norm.sf(abs(estimate) / std_error) if std_error > 0 else np.nan
    return dict(std_error=std_error, ci_low=estimate - width, ci_high=estimate + width, p_value=p_value)


def percentile_interval(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the percentiles of `draws` that leave (1 - confidence) / 2 on either side; NaN where a draw is missing."""
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2]) if np.isfinite(draws).all() else (np.nan, np.nan)
    return float(low), float(high)
