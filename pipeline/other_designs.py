"""The effect of referral by every other design that the data allow, one tidy row each.

    matched_sets             trajectory-matched sets of near twins within index months, ratio of rates
    lagged_outcome_matched   Poisson regression on the trajectory in sets that may be less near
    empirical_bayes          what learnt persistence predicts for the referred, fitted where odds weights say they are
    fixed_effects            stacked fixed effects, the months just before time zero in the baseline: holds the spike
    fixed_effects_quiet      the same with a baseline before the trigger: a quiet time is taken for the person's level

The first three are net of the comparison people's own later referrals, as the primary is (pipeline.net_of_later). The
two fixed-effects rows err in opposite directions under selection on a spike and bracket nothing by themselves; the
audit says by how much. A design that cannot be fitted is a flagged row, the others stay.

Why two calipers: in worlds of known truth (pipeline.audit_worlds, short and long bursts, with and without an effect,
seeds 901 to 930) the plain ratio erred by +0.07 to +0.10 at 0.4 and by +0.20 at 0.75, because the nearest neighbours of
the heaviest callers are lighter; but at 0.4 three in ten of the referred, the heaviest, find nobody. The regression
erred by 0.01 at most at 0.75, where one in fifteen finds nobody, and its intervals held the truth in 93 to 100 %.
Builds on pipeline.contrasts, pipeline.matching, pipeline.empirical_bayes, pipeline.stacked_fixed_effects,
pipeline.weighting, pipeline.disclosure, pipeline.disclosure_rates and pipeline.estimates.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.contrasts import DAYS_IN_MONTH, PRIMARY, Fit, Trials
from pipeline.disclosure import control_counts
from pipeline.disclosure_rates import control_shares
from pipeline.empirical_bayes import estimate_with_persistence
from pipeline.estimates import Label, NotEstimable, row_or_flag, tidy
from pipeline.matching import MatchedSets, estimate_lagged_outcome, estimate_matched_sets, match_sets, trajectory
from pipeline.stacked_fixed_effects import estimate_fixed_effects, two_periods
from pipeline.weighting import balance_covariates, effective_size, lag_columns, standardised_difference

MATCHED_ON = ["n_recent", "n_last_days", "days_since_contact"]


class Design(NamedTuple):
    """The trials that the other designs use, with what is known of them."""

    rows: pd.DataFrame  # the cohort's rows of these trials, in their order
    twins: MatchedSets | None  # near twins, whose plain ratio is taken; None where nobody finds a match
    sets: MatchedSets | None  # sets for the regression, likewise


def design_sets(cohort: pd.DataFrame, trials: Trials, n_matches: int, caliper: float, caliper_alone: float) -> Design:
    """Return the trials with their matched sets: on all lags, the trigger's months, the last days and the days since the last contact.

    `caliper` is the largest distance between a referred person and a match, in standard deviations of the referred per
    span: the root of the mean square over the spans, so that it stays as strict however many spans there are.
    `caliper_alone` is that of the near twins.
    """
    rows = cohort.set_index("trial_id").loc[trials.trial_id].reset_index()
    names = [*lag_columns(rows), *(name for name in MATCHED_ON if name in rows and rows[name].notna().all())]
    places = trajectory(rows, names) / np.sqrt(len(names))

    def sets_within(distance: float) -> MatchedSets | None:
        try:
            return match_sets(places, trials.is_referred, trials.month, trials.person, n_matches, distance)
        except NotEstimable:
            return None

    return Design(rows, sets_within(caliper_alone), sets_within(caliper))


def estimate_other_designs(design: Design, panel: pd.DataFrame, trials: Trials, fit: Fit, is_net: bool, months_after: int, trigger_months: int, confidence: float) -> pd.DataFrame:
    """Return one row per design for all contacts (pipeline.estimates.COLUMNS and n_counted, the contacts of the referred behind the row).

    `fit` is the contrast of the referred; without `is_net` later referrals of comparison people are left in.
    """
    counted = trials.outcomes[PRIMARY]
    later = later_contacts(trials, is_net)

    def label(estimator: str) -> Label:
        return Label(PRIMARY, "not_yet_referred", estimator, "referral")

    def on_periods(one: Label, before: tuple[int, int]) -> dict:
        return estimate_fixed_effects(one, two_periods(design.rows, panel, PRIMARY, before, (0, months_after - 1)), confidence)

    table = tidy([
        row_or_flag(label("matched_sets"), estimate_on_sets, design.twins, estimate_matched_sets, trials, later, confidence),
        row_or_flag(label("lagged_outcome_matched"), estimate_on_sets, design.sets, estimate_lagged_outcome, trials, later, confidence, trials.design),
        row_or_flag(label("empirical_bayes"), estimate_with_persistence, daily_rates(design.rows), *arms_of(trials), confidence, fit.weights, later),
        row_or_flag(label("fixed_effects"), on_periods, (-months_after, -1)),
        row_or_flag(label("fixed_effects_quiet"), on_periods, (-months_after - trigger_months, -trigger_months - 1)),
    ])
    behind = [np.nan if sets is None else counted[sets.row] @ trials.is_referred[sets.row] for sets in (design.twins, design.sets)]
    return table.assign(n_counted=[*behind, *[counted @ trials.is_referred] * 3])


def arms_of(trials: Trials) -> tuple:
    """Return contacts, days, whether referred and person of each trial: what every estimator here takes."""
    return trials.outcomes[PRIMARY], trials.exposure[PRIMARY], trials.is_referred, trials.person


def later_contacts(trials: Trials, is_net: bool = True) -> np.ndarray:
    """Return, per trial, the contacts of a comparison person that follow a referral of their own; nought throughout without `is_net`."""
    return trials.later[PRIMARY] * (~trials.is_referred & is_net)


def estimate_on_sets(label: Label, sets: MatchedSets | None, estimate, trials: Trials, later: np.ndarray, confidence: float, *covariates) -> dict:
    """Return the row that `estimate` (of pipeline.matching) makes of `sets`; raise NotEstimable when nobody finds a match."""
    if sets is None:
        raise NotEstimable("no referred person has a comparison person with such a trajectory in the same month")
    return estimate(label, sets, *covariates, *arms_of(trials), confidence, later)


def describe_matches(design: Design, trials: Trials) -> pd.DataFrame:
    """Return the table `matched_sets`: estimator, measure, value, is_count, on the sizes of the sets and how comparison people are used again.

    A comparison person may stand in several sets: the effective number counts equally used people (Kish 1965), and the
    errors of both rows are clustered by person and by set. Without rows of an estimator for which nobody finds a match.
    """
    covariates = balance_covariates(design.rows)
    found = {"matched_sets": design.twins, "lagged_outcome_matched": design.sets}
    rows = [(estimator, *row) for estimator, sets in found.items() if sets is not None for row in measure_sets(sets, trials, covariates)]
    return pd.DataFrame(rows, columns=["estimator", "measure", "value", "is_count"]).astype({"estimator": "str", "measure": "str", "value": float, "is_count": bool})


def measure_sets(matched: MatchedSets, trials: Trials, covariates: pd.DataFrame) -> list[tuple[str, float, bool]]:
    """Return what describe_matches says of one kind of sets: measure, value, whether it counts people."""
    side, person = trials.is_referred[matched.row], trials.person[matched.row]
    uses = np.unique(person[~side], return_counts=True)[1]
    weights = np.bincount(matched.row, matched.weight, len(covariates))
    before, after = (max(abs(standardised_difference(covariates[name].to_numpy(), trials.is_referred, how)) for name in covariates) for how in (np.ones(len(weights)), weights))
    return [
        ("referred with a match", side.sum(), True), ("referred without a match", matched.n_unmatched, True), ("comparison people in the sets", len(uses), True),
        ("effective number of comparison people", effective_size(matched.weight[~side], person[~side]), True), ("comparison people per set", (~side).sum() / side.sum(), False),
        ("sets per comparison person", uses.mean(), False), ("share of comparison people in several sets", (uses > 1).mean(), False),
        ("largest difference before matching", before, False), ("largest difference after matching", after, False),
    ]  # fmt: skip


def control_matches(matched_sets: pd.DataFrame, threshold: int, rounding: int) -> pd.DataFrame:
    """Return `matched_sets` fit for publication: values that count people are rounded, or missing below the threshold, and shares of people those of rounded counts."""
    n_people = matched_sets["value"].where(matched_sets["measure"].eq("comparison people in the sets")).groupby(matched_sets["estimator"]).transform("max")
    shares = control_shares(matched_sets.assign(n=n_people), "value", "n", threshold, rounding, of_people=pd.Series(True, matched_sets.index))["value"]
    matched_sets = matched_sets.assign(value=matched_sets["value"].where(~matched_sets["measure"].str.startswith("share of"), shares))
    is_count = matched_sets["is_count"]
    counted = control_counts(matched_sets["value"].where(is_count).round(), threshold, rounding)
    return matched_sets.assign(value=matched_sets["value"].where(~is_count, counted.astype(float)))


def daily_rates(rows: pd.DataFrame) -> np.ndarray:
    """Return contacts per day in each span before time zero (the lag columns say which months)."""
    names = lag_columns(rows)
    months = np.array([int(name.split("_")[3]) - int(name.split("_")[2]) + 1 for name in names])
    return rows[names].to_numpy(float) / (months * DAYS_IN_MONTH)
