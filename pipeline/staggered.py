"""A calendar panel with staggered starts, collapsed to cohorts and periods for the estimators of staggered adoption.

For panels whose timing the outcome did not trigger (a rollout by area or team). On people referred at their worst the
periods just before the start hold the spike, and every estimator built on this table inherits it (Ashenfelter 1978).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.errors import InputError
from pipeline.estimates import DAYS_IN_MONTH, Size

MONTHS_IN = {"month": 1, "quarter": 3, "half": 6}
# The cohort of people who are never treated: later than any period.
NEVER = np.iinfo(np.int32).max


class Staggered(NamedTuple):
    """Person-periods as aligned arrays, sorted by person and period, with nothing but exposed ones."""

    person: np.ndarray  # code of the person
    cohort: np.ndarray  # period of the person's start, NEVER without one
    period: np.ndarray  # number of the period since year 0
    counted: np.ndarray
    exposure: np.ndarray  # days, or months observed
    person_months: np.ndarray
    covariates: np.ndarray  # rows x k, constant within a person; k may be 0

    @property
    def is_treated(self) -> np.ndarray:
        """Whether the person's cohort has started."""
        return self.period >= self.cohort

    def keep(self, rows: np.ndarray) -> "Staggered":
        """Return the person-periods `rows` only, persons and all else unchanged."""
        return Staggered(*(values[rows] for values in self))

    def size(self) -> Size:
        """Return how many people and person-months these are."""
        return Size(len(np.unique(self.person)), self.person_months.sum())


def collapse(panel: pd.DataFrame, outcome: str, unit: str = "quarter", covariates: list[str] = (), in_days: bool = True) -> Staggered:
    """Return the calendar panel as person-periods of one `unit` (month, quarter, half).

    `panel`: person_id, index_month (NaT: never treated), month (dates), exposure_days and the column `outcome`; rows
    without exposure are left out, and months need not be complete. The period that holds index_month counts as
    treated, although part of it may lie before. Exposure is in days, or without `in_days` in months, a month counting as
    the share of its days that was exposed: publications that take means of monthly counts do that, and a February then
    weighs as much as a March.
    Raises InputError for a panel that is no such thing.
    """
    check_panel(panel, outcome, covariates)
    months = panel["month"].dt.year * 12 + panel["month"].dt.month - 1
    start = panel["index_month"].dt.year * 12 + panel["index_month"].dt.month - 1
    table = pd.DataFrame({
        "person": pd.factorize(panel["person_id"], sort=True)[0],
        "period": (months // MONTHS_IN[unit]).astype("int32").to_numpy(),
        "cohort": (start // MONTHS_IN[unit]).fillna(NEVER).astype("int64").to_numpy(),
        "counted": panel[outcome].to_numpy(float),
        "exposure": panel["exposure_days"].to_numpy(float) if in_days else exposed_months(panel),
        "person_months": panel["exposure_days"].to_numpy(float) / DAYS_IN_MONTH if in_days else exposed_months(panel),
        **{name: panel[name].to_numpy(float) for name in covariates},
    })
    table = table[table["exposure"] > 0]
    sums = table.groupby(["person", "cohort", "period", *covariates], as_index=False, sort=True)[["counted", "exposure", "person_months"]].sum()
    values = sums[list(covariates)].to_numpy(float).reshape(len(sums), len(covariates))
    return Staggered(*(sums[name].to_numpy() for name in ("person", "cohort", "period", "counted", "exposure", "person_months")), values)


def exposed_months(panel: pd.DataFrame) -> np.ndarray:
    """Return the share of each calendar month's days that was exposed."""
    return panel["exposure_days"].to_numpy(float) / panel["month"].dt.days_in_month.to_numpy(float)


def check_panel(panel: pd.DataFrame, outcome: str, covariates) -> None:
    """Raise InputError when the panel lacks a column, repeats a person-month, or gives a person two starts or covariates."""
    wanted = ["person_id", "index_month", "month", "exposure_days", outcome, *covariates]
    missing = [name for name in wanted if name not in panel]
    if missing:
        raise InputError(f"Table panel: no column {', '.join(missing)}.")
    kept = panel[["person_id", "index_month", *covariates]].drop_duplicates()
    constant = kept.groupby("person_id")[["index_month", *covariates]].nunique(dropna=False).max()
    InputError.collect([
        *(f"Table panel: the column {name} differs between the months of a person. It must be one value per person." for name in constant.index[constant > 1]),
        *(["Table panel: a person has two rows for one month. Add their counts first."] if panel.duplicated(["person_id", "month"]).any() else []),
        *(f"Table panel: the column {name} has missing values. Leave a month without observation out, or set exposure_days to 0."
          for name in ("person_id", "month", "exposure_days", outcome, *covariates) if panel[name].isna().any()),
    ])  # fmt: skip


def only_comparable(data: Staggered) -> tuple[Staggered, str]:
    """Return the person-periods that have a counterfactual, and a note of what was left out.

    Left out are cohorts whose start lies in or before the first period (never seen untreated) and periods in which
    nobody is untreated any more.
    """
    first = data.period.min() if len(data.period) else 0
    always = data.cohort <= first
    last_untreated = data.period[~data.is_treated].max(initial=-1)
    late = data.period > last_untreated
    notes = []
    if always.any():
        notes.append(f"{len(np.unique(data.person[always]))} people treated from the first period on left out")
    if (late & ~always).any():
        notes.append(f"{len(np.unique(data.period[late]))} periods without anybody untreated left out")
    return data.keep(~always & ~late), "; ".join(notes)
