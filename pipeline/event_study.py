"""Month by month around time zero: the referred against the weighted comparison people.

    estimate[k] = log(rate[referred, k] / rate[comparison, k]) - the same over the reference months

The reference months are those of the trigger, just before time zero. The odds weights were fitted on the months
before time zero, so closeness there is partly by construction: the joint test says that the weights did their
work within the spans they balance, and it has little power to find anything else (Roth 2022).
Builds on pipeline.contrasts and pipeline.effect (trials and draws) and pipeline.resampling.
"""

import numpy as np
import pandas as pd
from scipy.special import fdtrc

from pipeline.contrasts import DAYS_IN_MONTH, PRIMARY, Fit, Trials
from pipeline.effect import Draws
from pipeline.resampling import normal_interval

# A covariance of k months from fewer draws than this times k is too rough to invert.
DRAWS_PER_MONTH = 3


def monthly_values(panel: pd.DataFrame, trial_id: np.ndarray, column: str) -> pd.DataFrame:
    """Return `column` of the panel with one row per entry of `trial_id`, in its order, and one column per month."""
    wide = panel[["trial_id", "month", column]].pivot(index="trial_id", columns="month", values=column)
    return wide.reindex(trial_id).fillna(0).astype(float)


def monthly_rates(counts: np.ndarray, days: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return weighted contacts per person-month in each month (columns of `counts` and `days`); NaN without exposure."""
    exposed = weights @ days
    return np.divide(weights @ counts, exposed, out=np.full(exposed.shape, np.nan), where=exposed > 0) * DAYS_IN_MONTH


def study_months(panel: pd.DataFrame, trials: Trials, fit: Fit, draws: Draws, trigger_months: int, months_after: int, confidence: float) -> tuple[pd.DataFrame, dict]:
    """Return `event_study` and the joint test of the months before (see joint_test).

    Columns month, arm, n_people, contacts_per_person_month, estimate, std_error, ci_low, ci_high; the log ratio
    stands in the rows of the referred, missing in the reference months. `fit` is the contrast of the referred.
    """
    panel = panel[panel["month"] < months_after]
    counts, days = (monthly_values(panel, trials.trial_id, name) for name in (PRIMARY, "exposure_days"))
    months = counts.columns.to_numpy()
    is_reference = (months < 0) & (months >= -trigger_months)
    sides = {"referred": trials.is_referred, "not_yet_referred": ~trials.is_referred}
    values = {arm: (counts.to_numpy()[rows], days.to_numpy()[rows]) for arm, rows in sides.items()}

    def rates(weights: np.ndarray) -> dict:
        return {arm: monthly_rates(*values[arm], weights[rows]) for arm, rows in sides.items()}

    point = rates(fit.weights)
    estimates = relative_to_reference(point, is_reference)
    resampled = (rates(weights * often[trials.person]) for weights, often in zip(draws.weights, draws.multiplicities))
    drawn = np.stack([relative_to_reference(one, is_reference) for one in resampled])
    rows = []
    for position, month in enumerate(months):
        for arm, side in sides.items():
            n_people = len(np.unique(trials.person[side][values[arm][1][:, position] > 0]))
            row = dict(month=int(month), arm=arm, n_people=n_people, contacts_per_person_month=point[arm][position])
            if arm == "referred" and not is_reference[position]:
                interval = normal_interval(estimates[position], drawn[:, position], confidence)
                row |= dict(estimate=estimates[position]) | {name: interval[name] for name in ("std_error", "ci_low", "ci_high")}
            rows.append(row)
    before = (months < 0) & ~is_reference
    return pd.DataFrame(rows), joint_test(estimates[before], drawn[:, before], months[before])


def relative_to_reference(rates: dict, is_reference: np.ndarray) -> np.ndarray:
    """Return the log ratio of the arms' rates per month, less that of the reference months; NaN where a rate is zero."""
    referred, compared = rates["referred"], rates["not_yet_referred"]
    with np.errstate(divide="ignore", invalid="ignore"):
        ratios = np.log(referred) - np.log(compared)
        reference = np.log(np.nanmean(referred[is_reference])) - np.log(np.nanmean(compared[is_reference]))
    return np.where(np.isfinite(ratios), ratios - reference, np.nan)


def joint_test(estimates: np.ndarray, drawn: np.ndarray, months=()) -> dict:
    """Return statistic, p_value and n_months of Hotelling's test that all `estimates` are zero, and what its power turns on.

    The covariance is that of the draws (rows of `drawn`, n_draws of them); it and the `months` tested go with the test.
    NaN with too few draws for so many months.
    """
    is_usable = np.isfinite(estimates) & np.isfinite(drawn).all(axis=0)
    n_months, n_draws = int(is_usable.sum()), len(drawn)
    tested = dict(n_months=n_months, n_draws=n_draws, months=np.asarray(months)[is_usable] if len(months) else np.array([]))
    if n_months == 0 or n_draws < DRAWS_PER_MONTH * n_months:
        return dict(statistic=np.nan, p_value=np.nan, covariance=np.array([])) | tested
    kept = estimates[is_usable]
    covariance = np.atleast_2d(np.cov(drawn[:, is_usable], rowvar=False))
    statistic = float(kept @ np.linalg.pinv(covariance) @ kept)
    scaled = statistic * (n_draws - n_months) / (n_months * (n_draws - 1))
    return dict(statistic=statistic, p_value=float(fdtrc(n_months, n_draws - n_months, scaled)), covariance=covariance) | tested
