"""One way of preparing the data, read in many ways: the models that specifications share, each fitted once.

Outcome, exposure, estimator, later referrals and the assumed effect of a referral nobody took up only change a column
or a formula: specifications of one cohort and follow-up share its weights, and those of one outcome and exposure its
models. Builds on pipeline.contrasts, pipeline.effect (the models), pipeline.jackknife (errors) and pipeline.specifications.
"""

from typing import NamedTuple

import numpy as np

from pipeline.contrasts import Fit, Trials, fit_contrast, fit_outcome
from pipeline.effect import fit_within
from pipeline.jackknife import Estimate, complier, group_total, log_interval, missing, net_against_comparison, net_of_later, rate_ratio, regression, share_of, sum_by_person, through_weights
from pipeline.specifications import Specification

AT_LIBERTY = "at_liberty"


class Contrast(NamedTuple):
    """A log IRR as it comes, and the share of its comparison's contacts that lie after a referral of their own."""

    log_ratio: Estimate
    share: Estimate


def estimate_together(trials: Trials, days_at_liberty: np.ndarray, wanted: list[Specification], confidence: float) -> dict[Specification, dict]:
    """Return estimate, std_error, ci_low, ci_high and n_people of each of `wanted` whose outcome there is.

    `days_at_liberty` are the trials' days after time zero less custody and hospital.
    """
    wanted = [one for one in wanted if one.outcome in trials.outcomes]
    fits = {"referral": fit_contrast(trials, trials.is_referred, [])}
    if any(one.estimator == "engaged_only" for one in wanted):
        fits["engaged_only"] = fit_contrast(trials, trials.is_engaged, [])
    found = {}
    for outcome, exposure in dict.fromkeys((one.outcome, one.exposure) for one in wanted):
        read = trials if exposure != AT_LIBERTY else trials._replace(exposure=trials.exposure | {outcome: days_at_liberty})
        members = [one for one in wanted if (one.outcome, one.exposure) == (outcome, exposure)]
        names = dict.fromkeys(["doubly_robust", *(one.estimator for one in members)])
        contrasts = {name: estimate_contrast(read, name, outcome, fits.get(name, fits["referral"])) for name in names}
        totals = [group_total(read, outcome, group) for group in (read.is_engaged, read.is_referred & ~read.is_engaged)]
        found |= {one: finish(read, one, contrasts, totals, confidence) for one in members}
    return found


def estimate_contrast(trials: Trials, estimator: str, outcome: str, fit: Fit | None) -> Contrast:
    """Return the contrast of an estimator.

    The share is that under the odds weights for the regression without weights too: what it holds against the referred is
    what the comparison would have made in their place.
    """
    if estimator == "lagged_outcome":
        return Contrast(within_referred(trials, outcome), missing(trials))
    if fit is None:
        return Contrast(missing(trials), missing(trials))
    share, own = share_of(trials.later[outcome], trials.outcomes[outcome], fit.weights * ~trials.is_referred)
    share = Estimate(share, through_weights(trials, fit, own))
    if estimator == "weights_only":
        value, own = rate_ratio(trials.outcomes[outcome], trials.exposure[outcome], fit.weights, trials.is_referred)
        return Contrast(Estimate(value, through_weights(trials, fit, own)), share)
    is_weighted = estimator != "outcome_regression"
    weights = fit.weights if is_weighted else np.ones(len(fit.weights))
    coefficients = fit_outcome(trials, fit.treated, weights, outcome)
    if np.isnan(coefficients).any():
        return Contrast(missing(trials), share)
    own = regression(trials, fit.treated, weights, coefficients, outcome)
    moved = through_weights(trials, fit, own) if is_weighted else sum_by_person(trials, own)
    return Contrast(Estimate(float(coefficients[-1]), moved), share)


def within_referred(trials: Trials, outcome: str) -> Estimate:
    """Return the log IRR of the engaged against the referred who never engaged, by regression on the trajectory."""
    coefficients = fit_within(trials, outcome)
    if coefficients is None:
        return missing(trials)
    return Estimate(float(coefficients[-1]), sum_by_person(trials, regression(trials, trials.is_engaged, trials.is_referred.astype(float), coefficients, outcome)))


def finish(trials: Trials, one: Specification, contrasts: dict[str, Contrast], totals: list[Estimate], confidence: float) -> dict:
    """Return the numbers of one specification's row: its contrast net of later referrals, then as the effect of engaging."""
    found, share = contrasts[one.estimator]
    if one.later_referrals == "removed" and one.is_of_referral():
        found = net_of_later(found, share)
    elif one.later_referrals == "removed" and one.estimator == "engaged_only":
        found = net_against_comparison(found, share, net_of_later(*contrasts["doubly_robust"]))
    used = trials.is_referred if one.comparison() == "never_engaged" else np.ones_like(trials.is_referred)
    is_complier = trials.knows_engaged and one.is_of_referral()
    numbers = log_interval(complier(found, *totals, one.unengaged_irr), confidence, is_inverse=True) if is_complier else log_interval(found, confidence)
    return numbers | dict(n_people=len(np.unique(trials.person[used])))
