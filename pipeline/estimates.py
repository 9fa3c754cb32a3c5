"""One tidy row for every estimator, and what readers are told from it.

An estimate that could not be had is a row like the others, with missing numbers and the reason in `status`: a table
never loses a row silently and never holds a number that nobody vouches for.
"""

from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.special import ndtr, ndtri

ESTIMATED = "estimated"
COLUMNS = [
    "outcome", "comparison", "estimator", "estimand", "estimate", "std_error", "ci_low", "ci_high", "p_value", "n_people", "n_person_months", "status",
]
# A log ratio beyond this (a factor of 3 million) or an error beyond it is a separated or empty side, not an effect.
LARGEST_LOG_RATIO = 15.0
DAYS_IN_MONTH = 365.25 / 12


class NotEstimable(ArithmeticError):
    """An estimate cannot be had; the message is the `status` of its row. It never holds a personal value."""


class Label(NamedTuple):
    """What an estimate is an estimate of."""

    outcome: str
    comparison: str
    estimator: str
    estimand: str


class Size(NamedTuple):
    """How many people and person-months stand behind an estimate, on both sides."""

    n_people: int
    n_person_months: float


def result_row(label: Label, estimate: float, std_error: float, size: Size, confidence: float, note: str = "") -> dict:
    """Return one tidy row (COLUMNS) with a normal interval and two-sided p-value of a log IRR.

    An estimate or error that is missing, infinite or absurdly large gives a flagged row instead. `note` says what an
    estimate left out (people, periods) and follows `estimated` in the status.
    """
    if not (np.isfinite(estimate) and np.isfinite(std_error)):
        return flagged_row(label, "not estimable: the estimate or its error is not finite", size)
    if std_error <= 0:
        return flagged_row(label, "not estimable: no variation between people", size)
    if max(abs(estimate), std_error) > LARGEST_LOG_RATIO:
        return flagged_row(label, "not estimable: one side has next to no contacts (separation)", size)
    width = ndtri(0.5 + confidence / 2) * std_error
    return label._asdict() | dict(
        estimate=float(estimate), std_error=float(std_error), ci_low=float(estimate - width), ci_high=float(estimate + width),
        p_value=float(2 * ndtr(-abs(estimate) / std_error)), n_people=int(size.n_people), n_person_months=float(size.n_person_months),
        status=f"{ESTIMATED}; {note}" if note else ESTIMATED,
    )  # fmt: skip


def flagged_row(label: Label, reason: str, size: Size = Size(0, 0.0)) -> dict:
    """Return a tidy row without numbers, `reason` as its status."""
    missing = dict.fromkeys(["estimate", "std_error", "ci_low", "ci_high", "p_value"], np.nan)
    return label._asdict() | missing | dict(n_people=int(size.n_people), n_person_months=float(size.n_person_months), status=reason)


def row_or_flag(label: Label, estimate, *arguments, **named) -> dict:
    """Return the row that `estimate(label, *arguments, **named)` makes, or a flagged row when it raises NotEstimable."""
    try:
        return estimate(label, *arguments, **named)
    except NotEstimable as reason:
        return flagged_row(label, f"not estimable: {reason}")


def tidy(rows: list[dict]) -> pd.DataFrame:
    """Return rows as a table with COLUMNS in order, n_people whole numbers."""
    return pd.DataFrame(rows, columns=COLUMNS).astype({"n_people": "int64", "n_person_months": float})


def add_status(rows: pd.DataFrame) -> pd.DataFrame:
    """Return rows of an estimator that knows no status with one, COLUMNS in order: whether there is an estimate, and whether it is bounded."""
    is_found = np.isfinite(rows["estimate"].astype(float))
    has_error = is_found & np.isfinite(rows["std_error"].astype(float))
    is_bounded = np.isfinite(rows[["ci_low", "ci_high"]].astype(float)).all(axis=1)
    status = np.select(
        [has_error & is_bounded, has_error, is_found], [ESTIMATED, f"{ESTIMATED}; interval unbounded", f"{ESTIMATED}; without an interval, because some resamples give none"],
        "not estimable: no finite estimate",
    )  # fmt: skip
    missing = rows[["estimate", "std_error", "ci_low", "ci_high", "p_value"]].astype(float).where(is_found)
    return rows.assign(**missing, status=status)[COLUMNS]


def is_estimated(results: pd.DataFrame) -> pd.Series:
    """Return which rows hold an estimate."""
    return results["status"].str.startswith(ESTIMATED)


def describe_change(results: pd.DataFrame, counted: pd.Series) -> pd.DataFrame:
    """Return `results` with percent_change and n_averted, each with _low and _high, derived from the log IRR.

    `counted` holds, per row, what was counted among the treated after time zero. percent_change is 100 (IRR - 1);
    n_averted is what would have been counted without treatment less what was: counted (1 / IRR - 1), negative where
    contacts rose. An unbounded IRR leaves nothing without treatment, so that n_averted ends at minus `counted`.
    """
    logs = results[["estimate", "ci_low", "ci_high"]].astype(float)
    percent = 100 * np.expm1(logs)
    averted = np.expm1(-logs).mul(counted.astype(float), axis=0)
    return results.assign(
        percent_change=percent["estimate"], percent_change_low=percent["ci_low"], percent_change_high=percent["ci_high"],
        n_averted=averted["estimate"], n_averted_low=averted["ci_high"], n_averted_high=averted["ci_low"],
    )  # fmt: skip


def clustered_error(influence: np.ndarray, person: np.ndarray | None = None, correct: bool = True) -> float:
    """Return the standard error of an estimate whose influence per row (or per person) is `influence`.

    The influences of a person are added before they are squared (Liang & Zeger 1986). `correct` multiplies the
    variance by n / (n - 1) people, as pyfixest, fixest and Stata do.
    """
    per_person = influence if person is None else np.bincount(person, influence)
    n_people = len(per_person) if person is None else np.count_nonzero(np.bincount(person))
    if n_people < 2:
        raise NotEstimable("fewer than two people")
    return float(np.sqrt(per_person @ per_person * (n_people / (n_people - 1) if correct else 1.0)))
