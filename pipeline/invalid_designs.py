"""Designs that readers know and that the audit of the method found invalid: shown apart, never part of a range.

    naive                before and after, no comparison
    fixed_effects        before and after of the engaged against that of the comparison pool (fixed effects of people in
                         two periods, whose Poisson estimate is this ratio of sums): the baseline holds the spike
    fixed_effects_quiet  the same with a baseline before the trigger's months: a quiet time is taken for the person's level
    matched_on_total        matched on the number of contacts in the year before alone, whatever their course: complier effect
    censored             the primary, comparison people followed only until a referral of their own: complier effect
    referred_later       against people known to be referred later, still before it: the future decides who is compared

Standard errors as everywhere in the table. Builds on pipeline.contrasts, pipeline.jackknife, pipeline.later_referral, pipeline.matching and pipeline.model_checks.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import PRIMARY, Trials, fit_contrast
from pipeline.estimates import NotEstimable
from pipeline.jackknife import Estimate, complier, group_total, log_interval, missing, rate_ratio, regression, sum_by_person, through_weights
from pipeline.later_referral import CENSORED, add_censored
from pipeline.matching import match_sets, trajectory
from pipeline.model_checks import keep_trials
from pipeline.weighting import lag_columns

INVALID = {
    "naive": "none", "fixed_effects": "not_yet_referred", "fixed_effects_quiet": "not_yet_referred", "matched_on_total": "not_yet_referred",
    "censored": "not_yet_referred", "referred_later": "referred_later",
}  # fmt: skip
# As many neighbours as matched sets have anywhere else, with no limit to their distance: a single number always finds some.
NEIGHBOURS = 5


def estimate_invalid(cohort: pd.DataFrame, months: pd.DataFrame, trials: Trials, months_after: int, trigger_months: int, confidence: float) -> dict[str, dict]:
    """Return the numbers of the row of each invalid design; `months` reach back to `months_after` + `trigger_months` before time zero."""
    trials = add_censored(trials)
    focus = trials.is_engaged if trials.knows_engaged else trials.is_referred
    after = counts_between(months, trials, 0, months_after - 1)
    before = counts_between(months, trials, -months_after, -1)
    quiet = counts_between(months, trials, -months_after - trigger_months, -trigger_months - 1)
    rows = cohort.set_index("trial_id").loc[trials.trial_id]
    is_later = (rows["next_referred_on"] > rows["index_on"] + pd.DateOffset(months=months_after)).to_numpy()
    everyone = np.ones_like(focus)
    found = {
        "naive": (change(trials, after, before, focus), False, focus),
        "fixed_effects": (difference(change(trials, after, before, focus), change(trials, after, before, ~trials.is_referred)), False, everyone),
        "fixed_effects_quiet": (difference(change(trials, after, quiet, focus), change(trials, after, quiet, ~trials.is_referred)), False, everyone),
        "matched_on_total": (as_engaging(trials, match_on_total(rows.reset_index(), trials)), trials.knows_engaged, everyone),
        "censored": (as_engaging(trials, regress(trials, trials.is_referred, CENSORED)), trials.knows_engaged, everyone),
        "referred_later": (regress(keep_trials(trials, focus | is_later), focus[focus | is_later], PRIMARY), False, focus | is_later),
    }
    return {
        name: log_interval(estimate, confidence, is_inverse) | dict(n_people=len(np.unique(trials.person[used])))
        for name, (estimate, is_inverse, used) in found.items()
    }


def counts_between(months: pd.DataFrame, trials: Trials, first: int, last: int) -> np.ndarray:
    """Return each trial's contacts from month `first` to month `last`."""
    within = months[months["month"].between(first, last)]
    return within.groupby("trial_id")[PRIMARY].sum().reindex(trials.trial_id, fill_value=0).to_numpy(float)


def change(trials: Trials, after: np.ndarray, before: np.ndarray, group: np.ndarray) -> Estimate:
    """Return the log of a group's contacts after over those before."""
    ends, starts = after * group, before * group
    if not (ends.any() and starts.any()):
        return missing(trials)
    return Estimate(float(np.log(ends.sum() / starts.sum())), sum_by_person(trials, ends / ends.sum() - starts / starts.sum()))


def difference(one: Estimate, other: Estimate) -> Estimate:
    """Return one log ratio less another."""
    return Estimate(one.value - other.value, one.influence - other.influence)


def regress(trials: Trials, treated: np.ndarray, outcome: str) -> Estimate:
    """Return the doubly robust log IRR of the `treated` against the not yet referred."""
    fit = fit_contrast(trials, treated, [outcome])
    if fit is None or np.isnan(fit.coefficients[outcome]).any():
        return missing(trials)
    own = regression(trials, treated, fit.weights, fit.coefficients[outcome], outcome)
    return Estimate(float(fit.coefficients[outcome][-1]), through_weights(trials, fit, own))


def match_on_total(rows: pd.DataFrame, trials: Trials) -> Estimate:
    """Return the log ratio of the referred to their neighbours in the number of contacts within a year before, and in nothing else."""
    near = [name for name in lag_columns(rows) if int(name.split("_")[3]) <= 12]
    places = trajectory(rows.assign(n_year=rows[near].sum(axis=1)), ["n_year"])
    try:
        sets = match_sets(places, trials.is_referred, trials.month, trials.person, NEIGHBOURS, np.inf)
    except NotEstimable:
        return missing(trials)
    value, own = rate_ratio(trials.outcomes[PRIMARY], trials.exposure[PRIMARY], np.bincount(sets.row, sets.weight, len(rows)), trials.is_referred)
    return Estimate(value, sum_by_person(trials, own))


def as_engaging(trials: Trials, referral: Estimate) -> Estimate:
    """Return the complier inverse of a log IRR of referral; the log IRR itself where nothing says who engaged."""
    if not trials.knows_engaged:
        return referral
    groups = trials.is_engaged, trials.is_referred & ~trials.is_engaged
    return complier(referral, *[group_total(trials, PRIMARY, group) for group in groups], 1.0)
