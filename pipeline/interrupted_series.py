"""Interrupted time series of a scheme's monthly totals: segmented quasi-Poisson with harmonics (Lopez Bernal et al. 2017).

    log E[count_t] = log(exposure_t) + b0 + b1 t + b2 after_t + b3 (t - start) after_t + harmonics of the year

It has nobody to compare with. A series of people who were referred at their worst must fall, and where starts are
staggered they rise and fall together with recruitment: this design is shown because reviewers ask for it, labelled as
UNABLE_TO_REMOVE says, and never enters a bracket.
Builds on pipeline.estimates and pipeline.demand; the model is statsmodels'.
"""

import warnings

import numpy as np
import pandas as pd
import statsmodels.api as sm
from statsmodels.tools.sm_exceptions import PerfectSeparationError

from pipeline.demand import incidents_of_people
from pipeline.estimates import Label, NotEstimable, Size, result_row, row_or_flag, tidy

UNABLE_TO_REMOVE = "cannot remove regression to the mean; bursts before the later referrals count as after the start"
# Fewer months on a side than this cannot tell a season from a step (Lopez Bernal et al. ask for more).
LEAST_MONTHS = 8


def series_design(month: pd.Series, start: pd.Timestamp, harmonics: int, with_slope: bool) -> pd.DataFrame:
    """Return the columns of the model: intercept, trend (years), step, slope after (years) and `harmonics` pairs of sine and cosine."""
    number = month.dt.year * 12 + month.dt.month - 1
    first = start.year * 12 + start.month - 1
    after = (number >= first).astype(float)
    columns = {"intercept": 1.0, "trend": (number - number.min()) / 12, "step": after}
    if with_slope:
        columns["slope_after"] = (number - first) / 12 * after
    for order in range(1, harmonics + 1):
        angle = 2 * np.pi * order * number / 12
        columns |= {f"sine_{order}": np.sin(angle), f"cosine_{order}": np.cos(angle)}
    return pd.DataFrame(columns, index=month.index)


def fit_series(series: pd.DataFrame, start: pd.Timestamp, harmonics: int = 2, with_slope: bool = True):
    """Return statsmodels' fitted quasi-Poisson of `series` (month, counted, exposure), errors scaled by Pearson's dispersion.

    Raises NotEstimable with too few months on a side of `start`, without counts on a side or without convergence.
    """
    after = series["month"] >= start
    if min(after.sum(), (~after).sum()) < LEAST_MONTHS:
        raise NotEstimable(f"{LEAST_MONTHS} months are needed before and after the start")
    if not (series.loc[after, "counted"].sum() > 0 and series.loc[~after, "counted"].sum() > 0 and (series["exposure"] > 0).all()):
        raise NotEstimable("a side of the start has no contacts, or a month no exposure")
    X = series_design(series["month"], start, harmonics, with_slope)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", RuntimeWarning)
            fit = sm.GLM(series["counted"], X, family=sm.families.Poisson(), offset=np.log(series["exposure"])).fit(scale="X2", maxiter=100)
    except (RuntimeWarning, PerfectSeparationError, np.linalg.LinAlgError) as error:
        raise NotEstimable(f"the series gives no estimate ({type(error).__name__})") from None
    if not fit.converged:
        raise NotEstimable("the series does not converge")
    return fit


def estimate_series(label: Label, series: pd.DataFrame, start: pd.Timestamp, n_people: int, confidence: float, harmonics: int = 2, with_slope: bool = True) -> dict:
    """Return the tidy row of the log of fitted over predicted counts in the months after, all of them together.

    Predicted is what the trend and season before would have given. Months missing from `series` are no hindrance.
    """
    fit = fit_series(series, start, harmonics, with_slope)
    X = fit.model.exog
    after = (series["month"] >= start).to_numpy()
    without = X.copy()
    without[:, [fit.model.exog_names.index(name) for name in fit.model.exog_names if name in ("step", "slope_after")]] = 0
    fitted, predicted = (series["exposure"].to_numpy() * np.exp(design @ fit.params.to_numpy()) for design in (X, without))
    slope = X[after].T @ fitted[after] / fitted[after].sum() - without[after].T @ predicted[after] / predicted[after].sum()
    error = float(np.sqrt(slope @ fit.cov_params().to_numpy() @ slope))
    estimate = float(np.log(fitted[after].sum() / predicted[after].sum()))
    return result_row(label, estimate, error, Size(n_people, float(n_people * len(series))), confidence, UNABLE_TO_REMOVE)


def count_months(links: pd.DataFrame, contact_facts: pd.DataFrame, person_id: pd.Series, first: str, last: str) -> pd.DataFrame:
    """Return month, counted, exposure of the people `person_id`, taken together, over all whole months from `first` to `last`.

    counted are contacts as everywhere (each incident once per person), exposure the people times the days of the month.
    Nobody leaves: a person who died counts on, as in the published way of counting.
    """
    months = pd.date_range(first, pd.Timestamp(last) + pd.Timedelta(days=1), freq="MS")[:-1]
    incidents = incidents_of_people(links[links["person_id"].isin(person_id)], contact_facts)
    counted = pd.to_datetime(incidents["received_on"]).dt.to_period("M").dt.to_timestamp().value_counts()
    return pd.DataFrame({"month": months, "counted": counted.reindex(months, fill_value=0).to_numpy(), "exposure": person_id.nunique() * months.days_in_month.to_numpy(float)})


def series_rows(links: pd.DataFrame, contact_facts: pd.DataFrame, person_id: pd.Series, first: str, last: str, start: str, confidence: float) -> pd.DataFrame:
    """Return the one row of `effects` for the monthly contacts of the people `person_id`, before and from `start` on, with n_counted.

    Flagged where the contacts are not at hand, as in a ready panel. `first` and `last` bound the contact extract.
    """
    label = Label("n_contacts", "none", "interrupted_series", "before_after")
    series = count_months(links, contact_facts, person_id, first, last)

    def estimate(one: Label) -> dict:
        if not series["counted"].any():
            raise NotEstimable("contacts by calendar month are not at hand")
        return estimate_series(one, series, pd.Timestamp(start), person_id.nunique(), confidence)

    return tidy([row_or_flag(label, estimate)]).assign(n_counted=float(series.loc[series["month"] >= pd.Timestamp(start), "counted"].sum()))
