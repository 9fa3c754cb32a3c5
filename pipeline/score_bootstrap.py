"""A test and an interval for few people, from their scores (Kline & Santos 2012).

Under a ratio of exp(delta) the outcome model is fitted with delta held, and each person's score says how far their
contacts pull away from it. Signs dealt to people at random (weights 1 and -1: Davidson & Flachaire 2008) show how far
scores pull by chance when delta is right; the p-value is the share of deals that pull at least as far, and the
interval holds every delta that is not rejected. No model is fitted again in a deal. The odds weights are taken as
given, which errs towards a wider interval.

With a handful of people in an arm the test rejects less often than it should, not more (MacKinnon & Webb 2017).
Builds on pipeline.contrasts, pipeline.effect, pipeline.glm and pipeline.later_referral.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import PRIMARY, Fit, Trials
from pipeline.effect import Fits
from pipeline.glm import NotConverged, fit_poisson
from pipeline.later_referral import later_shares, net_ratio

# The interval is sought this many standard errors on either side, and its ends to this share of one.
REACH = 8.0
HALVINGS = 9


def scores_of_people(trials: Trials, fit: Fit, delta: float, outcome: str = PRIMARY) -> np.ndarray:
    """Return each person's score of the log ratio with `delta` held and the covariates fitted (people of `fit` only).

    Raises pipeline.glm.NotConverged where the held model has no finite fit.
    """
    used = (fit.weights > 0) & (trials.exposure[outcome] > 0)
    X, treated, weights = trials.design[used], fit.treated[used].astype(float), fit.weights[used]
    counts, offset = trials.outcomes[outcome][used], np.log(trials.exposure[outcome][used]) + delta * treated
    start = fit.coefficients[outcome][:-1] if np.isfinite(fit.coefficients[outcome]).all() else None
    mean = np.exp(X @ fit_poisson(X, counts, weights, offset, start) + offset)
    # What the covariates say of being treated is taken off, so that the score does not turn on their coefficients.
    information = (X * (weights * mean)[:, None]).T @ X
    rest = treated - X @ np.linalg.solve(information, X.T @ (weights * mean * treated))
    people = np.unique(trials.person[used], return_inverse=True)[1]
    return np.bincount(people, rest * weights * (counts - mean))


def deal_signs(n_people: int, deals: int, seed: int) -> np.ndarray:
    """Return `deals` rows of 1 or -1 for each person."""
    return np.random.default_rng(seed).integers(0, 2, (deals, n_people), dtype=np.int8) * 2 - 1


def score_p_value(scores: np.ndarray, signs: np.ndarray) -> float:
    """Return the share of deals in which the summed scores lie at least as far from nought as they do; the sample itself counts as one."""
    found = abs(scores.sum())
    # Rounding must not let a deal that only repeats the sample count as nearer.
    return float((1 + (np.abs(signs @ scores) >= found * (1 - 1e-9)).sum()) / (1 + len(signs)))


def score_test(trials: Trials, fit: Fit, delta: float, signs: np.ndarray) -> float:
    """Return the p-value of the hypothesis that the log ratio of referral is `delta`; NaN where the model cannot be fitted."""
    try:
        return score_p_value(scores_of_people(trials, fit, delta), signs)
    except NotConverged:
        return float("nan")


def score_interval(trials: Trials, fit: Fit, std_error: float, confidence: float, signs: np.ndarray) -> tuple[float, float]:
    """Return the least and greatest log ratio that the score test does not reject; infinite where none within REACH errors is rejected, NaN without an estimate."""
    point = fit.coefficients[PRIMARY][-1]
    if not (np.isfinite(point) and np.isfinite(std_error)):
        return float("nan"), float("nan")

    def end(direction: float) -> float:
        kept, rejected = point, point + direction * REACH * std_error
        if not score_test(trials, fit, rejected, signs) <= 1 - confidence:
            return direction * np.inf
        for _ in range(HALVINGS):
            middle = (kept + rejected) / 2
            if score_test(trials, fit, middle, signs) <= 1 - confidence:
                rejected = middle
            else:
                kept = middle
        return float(rejected)

    return end(-1.0), end(1.0)


def count_people(trials: Trials, fit: Fit) -> int:
    """Return how many people with a weight the contrast holds: the columns that `deal_signs` needs."""
    used = (fit.weights > 0) & (trials.exposure[PRIMARY] > 0)
    return len(np.unique(trials.person[used]))


def score_table(trials: Trials, fits: Fits, resampled: dict, diagnostics, seed: int, confidence: float) -> pd.DataFrame:
    """Return `score_bootstrap`, one row of the effect of referral: n_smaller_arm, is_few, p_value, ci_low, ci_high, and *_resampled beside them.

    `resampled` has std_error, p_value, ci_low and ci_high of the same log ratio from the resamples. Contacts of the
    comparison that follow a referral of their own are taken off the interval's ends, as `fits` ask.
    """
    fit = fits.referral
    share = later_shares(trials, fit.weights, [PRIMARY])[0] if fits.is_net else 0.0
    signs = deal_signs(count_people(trials, fit), diagnostics.score_deals, seed)
    low, high = (float(net_ratio(end, share)) for end in score_interval(trials, fit, resampled["std_error"], confidence, signs))
    smaller = min(len(np.unique(trials.person[side])) for side in (trials.is_referred, ~trials.is_referred))
    beside = {f"{name}_resampled": resampled[name] for name in ("p_value", "ci_low", "ci_high")}
    row = dict(n_smaller_arm=smaller, is_few=smaller < diagnostics.few_people, p_value=score_test(trials, fit, 0.0, signs), ci_low=low, ci_high=high)
    return pd.DataFrame([row | beside])
