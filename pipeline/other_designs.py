"""The effect of referral by every other design that the data allow, one tidy row each.

    matched_sets             trajectory-matched sets within index months, ratio of rates
    lagged_outcome_matched   Poisson regression on the trajectory in those sets
    empirical_bayes          what learnt persistence predicts for the referred, fitted where odds weights say they are
    fixed_effects            stacked fixed effects, the months just before time zero in the baseline: holds the spike
    fixed_effects_quiet      the same with a baseline before the trigger: a quiet time is taken for the person's level

The two fixed-effects rows err in opposite directions under selection on a spike and bracket nothing by themselves; the
audit says by how much. A design that cannot be fitted is a flagged row, the others stay.
Builds on pipeline.contrasts, pipeline.matching, pipeline.empirical_bayes, pipeline.stacked_fixed_effects,
pipeline.weighting and pipeline.estimates.
"""

import numpy as np
import pandas as pd

from pipeline.contrasts import DAYS_IN_MONTH, PRIMARY, Fit, Trials
from pipeline.empirical_bayes import estimate_with_persistence
from pipeline.estimates import Label, row_or_flag, tidy
from pipeline.matching import describe_sets, estimate_lagged_outcome, estimate_matched_sets, match_sets, trajectory
from pipeline.stacked_fixed_effects import estimate_fixed_effects, two_periods
from pipeline.weighting import lag_columns

MATCHED_ON = ["n_recent", "days_since_contact"]


def estimate_other_designs(cohort: pd.DataFrame, panel: pd.DataFrame, trials: Trials, fit: Fit, months_after: int, trigger_months: int, n_matches: int, caliper: float, confidence: float) -> pd.DataFrame:
    """Return one row per design (pipeline.estimates.COLUMNS) for all contacts; `fit` is the contrast of the referred.

    `n_matches` and `caliper` are those of pipeline.matching.match_sets.
    """
    rows = cohort.set_index("trial_id").loc[trials.trial_id].reset_index()
    arms = (trials.outcomes[PRIMARY], trials.exposure[PRIMARY], trials.is_referred, trials.person, confidence)

    def label(estimator: str) -> Label:
        return Label(PRIMARY, "not_yet_referred", estimator, "referral")

    def on_sets(one: Label, estimate, *design) -> dict:
        return estimate(one, matched_sets(rows, trials, n_matches, caliper), *design, *arms)

    def on_periods(one: Label, before: tuple[int, int]) -> dict:
        return estimate_fixed_effects(one, two_periods(rows, panel, PRIMARY, before, (0, months_after - 1)), confidence)

    return tidy([
        row_or_flag(label("matched_sets"), on_sets, estimate_matched_sets),
        row_or_flag(label("lagged_outcome_matched"), on_sets, estimate_lagged_outcome, trials.design),
        row_or_flag(label("empirical_bayes"), estimate_with_persistence, daily_rates(rows), *arms, fit.weights),
        row_or_flag(label("fixed_effects"), on_periods, (-months_after, -1)),
        row_or_flag(label("fixed_effects_quiet"), on_periods, (-months_after - trigger_months, -trigger_months - 1)),
    ])


def matched_sets(rows: pd.DataFrame, trials: Trials, n_matches: int, caliper: float):
    """Return the matched sets of `trials` on all lags, the trigger's months and the days since the last contact."""
    places = trajectory(rows, [*lag_columns(rows), *MATCHED_ON])
    return match_sets(places, trials.is_referred, trials.month, trials.person, n_matches, caliper)


def describe_matches(cohort: pd.DataFrame, trials: Trials, n_matches: int, caliper: float) -> dict:
    """Return the sizes of the matched sets and the reuse of comparison people (pipeline.matching.describe_sets)."""
    rows = cohort.set_index("trial_id").loc[trials.trial_id].reset_index()
    return describe_sets(matched_sets(rows, trials, n_matches, caliper), trials.is_referred, trials.person)


def daily_rates(rows: pd.DataFrame) -> np.ndarray:
    """Return contacts per day in each span before time zero (the lag columns say which months)."""
    names = lag_columns(rows)
    months = np.array([int(name.split("_")[3]) - int(name.split("_")[2]) + 1 for name in names])
    return rows[names].to_numpy(float) / (months * DAYS_IN_MONTH)
