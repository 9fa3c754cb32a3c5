"""Estimates that carry by how much each person moves them: standard errors without a resample, for tables of hundreds of rows.

The infinitesimal jackknife (Jaeckel 1972) as in pipeline.influence, but through everything that is fitted: the odds
weights are followed too (Lunceford & Davidian 2004), because a person moves the propensity, and with it every weight, and the
scale of the months of referral they appear in (pipeline.weighting.odds_weights). The sum of squares over people is the variance,
clustered by person. Tests hold the derivatives to refits and the errors to resamples.
Builds on pipeline.contrasts, pipeline.influence (degrees of freedom) and pipeline.later_referral.
"""

from typing import NamedTuple

import numpy as np
from scipy.special import expit, stdtrit

from pipeline.contrasts import Fit, Trials
from pipeline.influence import degrees_of_freedom
from pipeline.later_referral import net_ratio, net_slopes


class Estimate(NamedTuple):
    """A number and by how much each person, counted once more, moves it."""

    value: float
    influence: np.ndarray

    def error(self) -> float:
        """Return the standard error."""
        return float(np.sqrt((self.influence**2).sum()))


def count_people(trials: Trials) -> int:
    """Return the length of the list of people that `trials.person` points to, as far as it is used."""
    return int(trials.person.max()) + 1


def missing(trials: Trials) -> Estimate:
    """Return an estimate that cannot be had."""
    return Estimate(float("nan"), np.full(count_people(trials), np.nan))


def sum_by_person(trials: Trials, own: np.ndarray) -> np.ndarray:
    """Return `own` (an entry per trial) summed per person."""
    return np.bincount(trials.person, own, count_people(trials))


def through_weights(trials: Trials, fit: Fit, own: np.ndarray) -> np.ndarray:
    """Return the influence per person of an estimate to which each trial adds `own`, the odds weights of `fit` followed.

    `own` is the derivative by the log of a trial's weight or frequency, which are the same thing.
    """
    used = fit.treated | ~trials.is_referred
    X, side, month, added, weights = trials.design[used], fit.treated[used], trials.month[used], own[used], fit.weights[used]
    compared = np.where(side, 0.0, added)
    share = expit(X @ fit.propensity)
    information = (X * (share * (1 - share))[:, None]).T @ X
    weighted = np.where(side, 0.0, weights)
    in_month = np.maximum(np.bincount(month, weighted), 1e-300)
    # A person moves the propensity, and a month's scale follows the mean covariates of its weighted comparison trials.
    of_month = np.bincount(month, compared, len(in_month))
    scaled = weighted * (of_month / in_month)[month]
    slope = np.linalg.solve(information, X.T @ (compared - scaled))
    treated = np.maximum(np.bincount(month, side.astype(float), len(in_month)), 1e-300)
    moved = added + (side - share) * (X @ slope) - scaled + np.where(side, (of_month / treated)[month], 0.0)
    return np.bincount(trials.person[used], moved, count_people(trials))


def regression(trials: Trials, treated: np.ndarray, weights: np.ndarray, coefficients: np.ndarray, outcome: str) -> np.ndarray:
    """Return what each trial adds to the contrast (last coefficient) of a weighted Poisson regression."""
    exposure = trials.exposure[outcome]
    used = (weights > 0) & (exposure > 0)
    Z = np.column_stack([trials.design, treated])[used]
    mean = exposure[used] * np.exp(Z @ coefficients)
    information = (Z * (weights[used] * mean)[:, None]).T @ Z
    own = np.zeros(len(weights))
    own[used] = Z @ np.linalg.solve(information, np.eye(Z.shape[1])[-1]) * weights[used] * (trials.outcomes[outcome][used] - mean)
    return own


def rate_ratio(counts: np.ndarray, exposure: np.ndarray, weights: np.ndarray, side: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the log ratio of the weighted rates of `side` and the others, and what each trial adds to it; NaN where a rate is zero."""
    value, own = 0.0, np.zeros(len(counts))
    for arm, sign in ((side, 1.0), (~side, -1.0)):
        events, time = weights[arm] @ counts[arm], weights[arm] @ exposure[arm]
        if not (events > 0 and time > 0):
            return float("nan"), np.full(len(counts), np.nan)
        value += sign * np.log(events / time)
        own[arm] = sign * weights[arm] * (counts[arm] / events - exposure[arm] / time)
    return float(value), own


def share_of(part: np.ndarray, whole: np.ndarray, weights: np.ndarray) -> tuple[float, np.ndarray]:
    """Return the weighted share of `whole` that is `part`, and what each trial adds to it; 0 where there is nothing."""
    total = weights @ whole
    if not total > 0:
        return 0.0, np.zeros(len(whole))
    share = float(weights @ part / total)
    return share, weights * (part - share * whole) / total


def net_of_later(log_ratio: Estimate, share: Estimate) -> Estimate:
    """Return the log of theta = (ratio - s) / (1 - s), the later referrals of the comparison taken off; NaN where theta is not positive."""
    value = float(net_ratio(log_ratio.value, share.value))
    if np.isnan(value):
        return Estimate(value, np.full(len(log_ratio.influence), np.nan))
    by_ratio, by_share = net_slopes(log_ratio.value, share.value)
    return Estimate(value, by_ratio * log_ratio.influence + by_share * share.influence)


def net_against_comparison(log_ratio: Estimate, share: Estimate, referral: Estimate) -> Estimate:
    """Return the log ratio of another group to a comparison rid of its later referrals, whose log IRR is `referral` (pipeline.later_referral.net_against)."""
    undone = np.exp(-referral.value)
    left = 1 - share.value + share.value * undone
    moved = (undone - 1) * share.influence - share.value * undone * referral.influence
    return Estimate(float(log_ratio.value - np.log(left)), log_ratio.influence - moved / left)


def group_total(trials: Trials, outcome: str, group: np.ndarray) -> Estimate:
    """Return the contacts of `group` at the exposure of a full year, with the influence on its log (pipeline.effect.group_totals)."""
    counts, days = trials.outcomes[outcome] * group, trials.exposure[outcome] * group
    if not (counts.any() and days.any()):
        return Estimate(0.0, np.zeros(count_people(trials)))
    own = group / group.sum() + counts / counts.sum() - days / days.sum()
    return Estimate(float(group.sum() * counts.sum() / days.sum() * 365.25), sum_by_person(trials, own))


def complier(log_ratio: Estimate, engaged: Estimate, never: Estimate, unengaged_irr: float) -> Estimate:
    """Return 1 / IRR of engaging, (A0 - N / theta) / E, from the log IRR of referral (pipeline.effect.complier_inverse).

    `engaged` and `never` come from group_total.
    """
    E, N = engaged.value, never.value
    without = np.exp(-log_ratio.value)
    value = ((E + N) * without - N / unengaged_irr) / E if E > 0 else float("nan")
    by_groups = (E * engaged.influence + N * never.influence) * without - N * never.influence / unengaged_irr
    moved = (by_groups - (E + N) * without * log_ratio.influence) / E if E > 0 else np.full(len(log_ratio.influence), np.nan)
    return Estimate(float(value), moved - value * engaged.influence)


def log_interval(found: Estimate, confidence: float, is_inverse: bool = False) -> dict:
    """Return estimate, std_error, ci_low, ci_high of a log ratio, or of the log of what `found` is the inverse of.

    The width is that of t with the degrees of freedom that few heavy callers leave. An inverse whose own interval reaches zero has an interval without end; at zero or below it has no estimate either.
    """
    width, error = stdtrit(degrees_of_freedom(found.influence), 0.5 + confidence / 2), found.error()
    if not is_inverse:
        return dict(estimate=found.value, std_error=error, ci_low=found.value - width * error, ci_high=found.value + width * error)
    if np.isnan(found.value) or np.isnan(error):
        return dict(estimate=float("nan"), std_error=float("nan"), ci_low=float("nan"), ci_high=float("nan"))
    if found.value <= 0:
        return dict(estimate=np.inf, std_error=float("nan"), ci_low=float("nan"), ci_high=np.inf)
    value, relative = -float(np.log(found.value)), error / found.value
    return dict(estimate=value, std_error=relative, ci_low=value - width * relative, ci_high=np.inf if width * relative >= 1 else value + width * relative)
