"""Diagnostics of the effect, each held against a pass mark that was set beforehand.

They are shown before any effect and change nothing: where one fails, the report says so in its first lines.
Builds on pipeline.contrasts, pipeline.effect and pipeline.later_referral (trials, fits and draws) and pipeline.disclosure.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import PRIMARY, Fit, Trials, fit_contrast
from pipeline.disclosure import control_counts
from pipeline.effect import Draws, complier_draws, detectable_difference
from pipeline.later_referral import later_shares, net_referral
from pipeline.resampling import percentile_interval

HEAVIEST = 10
COUNTS = ["effective comparisons", "clusters"]


def check_model(trials: Trials, fits, draws: Draws, balance: pd.DataFrame, effects: pd.DataFrame, pre_trend: dict, pass_marks, confidence: float) -> pd.DataFrame:
    """Return `model_checks`: check, value, pass_mark, passed, meaning.

    `balance` is that of stage 03, `effects` the rows of pipeline.effect, `pre_trend` the joint test of the event
    study, `pass_marks` anything with the values of that section of params.yaml as attributes. A value that could not
    be worked out fails; the two checks of engaging are left out where nothing says who engaged.
    """
    compared = balance[balance["treated"].eq("referred") & balance["comparison"].eq("not_yet_referred")]
    inverse = complier_draws(trials, fits, draws)[1]
    drawn = np.concatenate([draws.referral[PRIMARY], inverse if trials.knows_engaged else []])
    rows = [
        at_most("balance", compared["smd_after"].abs().max(), pass_marks.balance_at_most,
                "The largest standardised difference between the arms that weighting leaves."),
        at_least("effective comparisons", compared["n_effective"].min(), pass_marks.effective_comparisons_at_least,
                 "How many equally weighted people the comparison is worth."),
        at_least("overlap", overlap(trials, fits.referral), pass_marks.overlap_at_least,
                 "The share of the referred for whom comparison people with as high a probability of referral exist."),
        at_least("pre-trend", pre_trend["p_value"], pass_marks.pre_trend_p_at_least,
                 "The p-value of the joint test that both arms moved alike before time zero; the weights make them so in part."),
        *([describe_falsification(effects)] if trials.knows_engaged else []),
        at_most("later referred", later_shares(trials, fits.referral.weights, [PRIMARY])[0], pass_marks.later_referred_at_most,
                "The share of the comparison's contacts that follow a referral of their own. What they owe to it is taken off; the more there is, the more rests on "
                "a referral doing as much for them."),
        at_most("influence", influence(trials, fits.referral), pass_marks.influence_at_most,
                f"How far the log ratio of referral moves without the {HEAVIEST} heaviest callers together."),
        at_least("clusters", clusters(trials), pass_marks.clusters_at_least,
                 "The number of people behind the smaller arm: too few make an interval too narrow."),
        at_least("convergence", np.isfinite(drawn).mean(), pass_marks.converged_at_least,
                 "The share of resamples in which every model gave a number."),
        *([check_denominator(inverse, confidence)] if trials.knows_engaged else []),
        shown_value("dispersion", dispersion(trials, fits.referral),
                    "The variance of contacts over that of a Poisson count; intervals resample people and do not rest on it."),
    ]
    return pd.DataFrame(rows).astype({"value": float, "pass_mark": float, "passed": bool})


def describe_falsification(effects: pd.DataFrame) -> dict:
    """Return the row of the falsification test, with what it could find; it has no pass mark.

    A difference speaks about who engages and about what a referral alone does, not about the effect of being referred, and
    a test at the 5 % level would fail one sound evaluation in twenty: it is stated beside the effect on those who engaged.
    """
    falsification = effects[effects["estimand"] == "never_engaged"].iloc[0]
    detectable = np.exp(-detectable_difference(falsification["std_error"]))
    power = f"; it could find a ratio below {detectable:.2f} or above {1 / detectable:.2f}" if np.isfinite(detectable) else ""
    meaning = f"The p-value of the test that the referred who never engaged fared like the comparison people{power}."
    return shown_value("falsification", falsification["p_value"], meaning)


def check_denominator(inverse: np.ndarray, confidence: float) -> dict:
    """Return the row of the lower end of the complier inverse, from its draws."""
    meaning = "The lower end of the contacts that the engaged would have made without the scheme, per contact they made; at zero or below, the interval of engaging has no end."
    return at_least("complier denominator", percentile_interval(inverse, confidence)[0], 0.0, meaning)


def control_checks(model_checks: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `model_checks` fit for publication: values that count people are rounded, or missing below the threshold.

    The overlap is missing too, and its meaning says why, where fewer people than the threshold lie outside it: the share would count them.
    """
    is_count = model_checks["check"].isin(COUNTS)
    n_people = model_checks.loc[model_checks["check"].eq("clusters"), "value"].sum()
    is_told = model_checks["check"].eq("overlap") & model_checks["value"].notna() & ~((1 - model_checks["value"]) * n_people >= threshold)
    words = model_checks["meaning"] + f" Fewer than {threshold} people are left over, so the share is not shown."
    model_checks = model_checks.assign(value=model_checks["value"].mask(is_told), meaning=model_checks["meaning"].mask(is_told, words))
    counted = control_counts(model_checks["value"].where(is_count).round(), threshold, rounding)
    return model_checks.assign(value=model_checks["value"].where(~is_count, counted.astype(float)))


def at_most(check: str, value: float, pass_mark: float, meaning: str) -> dict:
    """Return a row that passes when `value` is at most `pass_mark`; a missing value fails."""
    return dict(check=check, value=float(value), pass_mark=pass_mark, passed=bool(value <= pass_mark), meaning=meaning)


def at_least(check: str, value: float, pass_mark: float, meaning: str) -> dict:
    """Return a row that passes when `value` is at least `pass_mark`; a missing value fails."""
    return dict(check=check, value=float(value), pass_mark=pass_mark, passed=bool(value >= pass_mark), meaning=meaning)


def shown_value(check: str, value: float, meaning: str) -> dict:
    """Return a row that is shown without a pass mark."""
    return dict(check=check, value=float(value), pass_mark=np.nan, passed=True, meaning=meaning)


def overlap(trials: Trials, fit: Fit) -> float:
    """Return the share of the referred whose propensity does not exceed every comparison trial's."""
    linear = trials.design @ fit.propensity
    return float((linear[trials.is_referred] <= linear[~trials.is_referred].max()).mean())


def influence(trials: Trials, fit: Fit) -> float:
    """Return by how much the log ratio of referral, net of later referrals, changes when the ten people with most weighted contacts after are left out."""
    contribution = np.bincount(trials.person, fit.weights * trials.outcomes[PRIMARY])
    kept = ~np.isin(trials.person, np.argsort(-contribution, kind="stable")[:HEAVIEST])
    without = fit_contrast(keep_trials(trials, kept), trials.is_referred[kept], [PRIMARY])
    return abs(net_referral(keep_trials(trials, kept), without) - net_referral(trials, fit))


def keep_trials(trials: Trials, kept: np.ndarray) -> Trials:
    """Return `trials` with the rows `kept` only; persons keep their positions."""
    aligned = {name: getattr(trials, name)[kept] for name in ("trial_id", "person", "month", "is_referred", "is_engaged", "design")}
    sums = {name: {outcome: values[kept] for outcome, values in getattr(trials, name).items()} for name in ("outcomes", "exposure", "later")}
    return trials._replace(**aligned, **sums)


def clusters(trials: Trials) -> int:
    """Return the number of people in the smaller arm."""
    return min(len(np.unique(trials.person[side])) for side in (trials.is_referred, ~trials.is_referred))


def dispersion(trials: Trials, fit: Fit) -> float:
    """Return the weighted Pearson dispersion of the fitted outcome model (McCullagh & Nelder 1989, section 6.2)."""
    X = np.column_stack([trials.design, trials.is_referred])
    expected = np.exp(X @ fit.coefficients[PRIMARY]) * trials.exposure[PRIMARY]
    return float(fit.weights @ ((trials.outcomes[PRIMARY] - expected) ** 2 / expected) / fit.weights.sum())
