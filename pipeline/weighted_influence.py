"""By how much each person moves an estimate, the odds weights being fitted again.

The infinitesimal jackknife (Jaeckel 1972; Newey & McFadden 1994, section 6, for estimates in two steps): a person who
is counted a little more often changes the propensity, the odds weights, their scale within a month and the outcome
model, and the sum of squares of these changes over people is a variance clustered by person. It costs one pass where
resamples cost hundreds, so that it serves where many small contrasts are fitted (subgroups, safety outcomes).
Builds on pipeline.contrasts and pipeline.jackknife.
"""

import numpy as np

from pipeline.contrasts import Fit, Trials
from pipeline.jackknife import share_of, through_weights


def influence_of_sum(trials: Trials, fit: Fit, values: np.ndarray, n_people: int) -> np.ndarray:
    """Return by how much each person, counted once more, moves the weighted sum of `values` (one per trial) under the weights of `fit`."""
    moved = through_weights(trials, fit, fit.weights * values)
    return np.pad(moved, (0, n_people - len(moved)))


def influence_of_ratio(trials: Trials, fit: Fit, outcome: str, n_people: int) -> np.ndarray:
    """Return by how much each person moves the log ratio of `outcome` that `fit` holds, treated against weighted comparison."""
    used = (fit.weights > 0) & (trials.exposure[outcome] > 0)
    # A model without covariates (pipeline.contrasts.fit_outcome) has the intercept alone beside the treatment.
    Z = np.column_stack([trials.design[:, : len(fit.coefficients[outcome]) - 1], fit.treated])
    mean = np.where(used, trials.exposure[outcome] * np.exp(Z @ fit.coefficients[outcome]), 0)
    information = (Z * (fit.weights * mean)[:, None]).T @ Z
    direction = np.linalg.solve(information, np.eye(Z.shape[1])[-1])
    return influence_of_sum(trials, fit, np.where(used, Z @ direction * (trials.outcomes[outcome] - mean), 0), n_people)


def influence_of_share(trials: Trials, fit: Fit, part: np.ndarray, whole: np.ndarray, n_people: int) -> tuple[float, np.ndarray]:
    """Return the weighted sum of `part` over that of `whole` among the comparison people, and by how much each person moves it."""
    compared = fit.weights * ~trials.is_referred
    if not compared @ whole > 0:
        return float("nan"), np.full(n_people, np.nan)
    share = share_of(part, whole, compared)[0]
    return share, influence_of_sum(trials, fit, np.where(trials.is_referred, 0, part - share * whole) / (compared @ whole), n_people)
