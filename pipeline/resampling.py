"""Resampling of persons: who is drawn how often, models refitted in each draw, intervals from the draws.

A person may stand behind several trials, referred and not yet referred; all rows of a person move together
(Cameron & Miller 2015, section VI). A draw gives each person a Poisson(1) count, the limit of drawing with
replacement, so that a resample is a set of frequency weights and no frame is ever copied. The models of a draw
start from the full sample's coefficients and go all the way: with a fixed number of steps (Andrews 2002) a draw
that took a heavy caller twice now and then stopped far from its optimum.

Models of one draw that share a design are refitted together, one column each. Their steps start from the inverse
information of the full sample, and what each step shows of the draw's own curvature corrects it (BFGS: Nocedal &
Wright 2006, equation 6.17): the information of a draw, the dear part of a Newton step, is never worked out.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from joblib import Parallel, delayed
from scipy.special import expit, stdtr, stdtrit

# Twice what a step can still gain in likelihood, which is the squared distance to the optimum in (Poisson) standard
# errors: quadratic convergence leaves far less after the step. A separated column drifts without gain and stops nobody.
SMALLEST_GAIN = 1e-4
MOST_STEPS = 30
# The same where the curvature is only approached: what is left after the last step is far below 0.001 standard errors.
SMALLEST_GAIN_TOGETHER = 1e-6
MOST_STEPS_TOGETHER = 60
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


class Start(NamedTuple):
    """Where the refits of one model start: the full sample's coefficients and inverse information."""

    coefficients: np.ndarray
    inverse: np.ndarray


def start_from(family: str, X, weights, coefficients) -> Start:
    """Return the Start of a fitted `family` (logit or poisson); for poisson `weights` include the exposure."""
    mean = mean_of(family, X @ coefficients)
    information = (X * (weights * (mean * (1 - mean) if family == "logit" else mean))[:, None]).T @ X
    information[np.diag_indices_from(information)] += RIDGE * np.trace(information) / len(coefficients)
    return Start(coefficients, np.linalg.inv(information))


def mean_of(family: str, eta: np.ndarray) -> np.ndarray:
    """Return the mean at the linear predictor `eta`."""
    return expit(eta) if family == "logit" else np.exp(np.minimum(eta, LARGEST_PREDICTOR))


def refit_together(family: str, X, events, time, starts: list[Start]) -> np.ndarray:
    """Return the coefficients of one `family` per row of `events` and `time`, all on the same design `X`; one row per model.

    `events` are weights times outcomes, `time` is weights times exposure (or weights alone), so that the score is
    X' (events - time * mean). Everything may be in single precision where the columns of `X` are nearly orthogonal:
    that moves a coefficient by some 1e-5 standard errors. A step that overshoots is halved; a model that does not
    settle is refitted by `refit`.
    """
    transposed = np.ascontiguousarray(X.T)

    def score_of(beta, events, time):
        mean = mean_of(family, beta.astype(X.dtype) @ transposed)
        mean *= time
        return (np.subtract(events, mean, out=mean) @ X).astype(float)

    found = np.full((len(starts), X.shape[1]), np.nan)
    models, left = np.arange(len(starts)), (events, time)
    beta, inverse = np.stack([start.coefficients for start in starts]), np.stack([start.inverse for start in starts])
    score = score_of(beta, *left)
    step = multiply(inverse, score)
    for _ in range(MOST_STEPS_TOGETHER):
        new_score = score_of(beta + step, *left)
        # Where the slope is steeper down than it was up, the step went too far beyond the top.
        climbs = (new_score * step).sum(axis=1) >= -(score * step).sum(axis=1)
        inverse[climbs] = learn_curvature(inverse[climbs], step[climbs], (score - new_score)[climbs])
        beta, score = np.where(climbs[:, None], beta + step, beta), np.where(climbs[:, None], new_score, score)
        step = np.where(climbs[:, None], multiply(inverse, score), step / 2)
        settled = climbs & ((score * step).sum(axis=1) < SMALLEST_GAIN_TOGETHER)
        if settled.any():
            found[models[settled]] = (beta + step)[settled]
            models, inverse, beta, score, step, *left = (kept[~settled] for kept in (models, inverse, beta, score, step, *left))
        if not len(models):
            return found
    for model in models:
        exact, often = X.astype(float), time[model].astype(float)
        rate = np.divide(events[model], often, out=np.zeros_like(often), where=often > 0)
        found[model] = refit(family, exact, rate, often, starts[model].coefficients)
    return found


def multiply(matrices: np.ndarray, rows: np.ndarray) -> np.ndarray:
    """Return each of `matrices` (models x k x k) times its row of `rows` (models x k)."""
    return np.matmul(matrices, rows[:, :, None])[:, :, 0]


def learn_curvature(inverse: np.ndarray, step: np.ndarray, fall: np.ndarray) -> np.ndarray:
    """Return the inverse informations (models x k x k) corrected by what the score fell (`fall`) over each `step` (models x k)."""
    curvature = (step * fall).sum(axis=1)
    rate = np.divide(1, curvature, out=np.zeros_like(curvature), where=curvature > 0)[:, None, None]
    turned = multiply(inverse, fall)
    cross = turned[:, :, None] * step[:, None, :]
    grown = rate * (1 + rate * (fall * turned).sum(axis=1)[:, None, None])
    return inverse + grown * step[:, :, None] * step[:, None, :] - rate * (cross + cross.transpose(0, 2, 1))


def refit(family: str, X, y, weights, start, offset=0.0) -> np.ndarray:
    """Return the coefficients of a weighted `family` (logit or poisson) by Newton steps from `start`; NaN when they do not settle.

    A step that loses likelihood is halved.
    """
    beta, step, highest = np.array(start, float), np.zeros(len(start)), -np.inf
    for _ in range(MOST_STEPS):
        eta = X @ (beta + step) + offset
        mean = mean_of(family, eta)
        value = weights @ (y * eta - (np.logaddexp(0, eta) if family == "logit" else mean))
        if value < highest - 1e-10 * abs(highest):
            step = step / 2
            continue
        beta, highest = beta + step, value
        variance = mean * (1 - mean) if family == "logit" else mean
        information = (X * (weights * variance)[:, None]).T @ X
        information[np.diag_indices_from(information)] += RIDGE * np.trace(information) / len(beta)
        score = X.T @ (weights * (y - mean))
        step = np.linalg.solve(information, score)
        if score @ step < SMALLEST_GAIN:
            return beta + step
    return np.full(len(beta), np.nan)


def normal_interval(estimate: float, draws: np.ndarray, confidence: float, df: float = np.inf) -> dict:
    """Return std_error, ci_low, ci_high, p_value of a log ratio: the draws give the standard error, t with `df` the width.

    Everything is NaN where the estimate or a draw is not finite.
    """
    if not (np.isfinite(estimate) and np.isfinite(draws).all()):
        return dict(std_error=np.nan, ci_low=np.nan, ci_high=np.nan, p_value=np.nan)
    std_error = draws.std(ddof=1)
    width = stdtrit(df, 0.5 + confidence / 2) * std_error
    p_value = 2 * stdtr(df, -abs(estimate) / std_error) if std_error > 0 else np.nan
    return dict(std_error=std_error, ci_low=estimate - width, ci_high=estimate + width, p_value=p_value)


def percentile_interval(draws: np.ndarray, confidence: float) -> tuple[float, float]:
    """Return the percentiles of `draws` that leave (1 - confidence) / 2 on either side; NaN where a draw is missing."""
    low, high = np.quantile(draws, [0.5 - confidence / 2, 0.5 + confidence / 2]) if np.isfinite(draws).all() else (np.nan, np.nan)
    return float(low), float(high)
