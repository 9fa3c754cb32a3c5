"""Person-months as a grid, one row per person or trial and one column per month, and what is read off it around time zero.

A ready panel comes at the resolution of months. In a grid every count around any time zero is a slice, so that cohort
and panel of tens of thousands of trials take a second. Months before time zero are counted back from the column
`before`, months after it on from the column `after` of a trial; between them may lie the month of referral, which
belongs to neither side.
Builds on pipeline.estimates (the length of a month).
"""

from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.estimates import DAYS_IN_MONTH


class Grid(NamedTuple):
    """Person-months as arrays of one shape; `exposure` is NaN where there is no row, and a count is 0 there."""

    exposure: np.ndarray
    outcomes: dict[str, np.ndarray]


def make_grid(row: np.ndarray, column: np.ndarray, months: pd.DataFrame, outcomes: list[str], shape: tuple[int, int]) -> Grid:
    """Return the Grid of `shape` in which each line of `months` (exposure_days and `outcomes`) stands at its `row` and `column`."""
    exposure = np.full(shape, np.nan)
    exposure[row, column] = months["exposure_days"].to_numpy(float)
    counts = {name: np.zeros(shape) for name in outcomes}
    for name, cells in counts.items():
        cells[row, column] = months[name].to_numpy(float)
    return Grid(exposure, counts)


def columns_around(trials: pd.DataFrame, months: np.ndarray) -> np.ndarray:
    """Return the grid's column of each of `months` (columns) from time zero of each trial (rows: `before`, `after`)."""
    before, after = (trials[name].to_numpy()[:, None] for name in ("before", "after"))
    return np.where(months < 0, before, after) + months


def take_around(cells: np.ndarray, trials: pd.DataFrame, months: np.ndarray) -> np.ndarray:
    """Return `cells` of each trial (its `row` of the grid) in each of `months` from time zero; NaN outside the grid."""
    columns = columns_around(trials, months)
    is_inside = (columns >= 0) & (columns < cells.shape[1])
    values = cells[trials["row"].to_numpy()[:, None], np.where(is_inside, columns, 0)]
    return np.where(is_inside, values, np.nan)


def build_month_panel(trials: pd.DataFrame, grid: Grid, months_before: int, months_after: int, washout_days: int) -> pd.DataFrame:
    """Return one row per trial_id and month, -months_before to months_after - 1: exposure_days and the grid's outcomes.

    Of each, the column with the ending _later is what lies in months after `own`, the grid's column of the month in which
    a comparison person is referred themselves (missing: never). A month without a row has no exposure and no counts. The washout leaves out whole months after time zero, as many as
    `washout_days` come nearest to.
    """
    ordered = trials.sort_values("trial_id", ignore_index=True)
    months = np.arange(-months_before, months_after)
    is_washout = (months >= 0) & (months < round(washout_days / DAYS_IN_MONTH))
    values = {"exposure_days": grid.exposure, **grid.outcomes}
    sliced = {name: np.where(is_washout, 0, np.nan_to_num(take_around(cells, ordered, months))).ravel() for name, cells in values.items()}
    own = ordered["own"].to_numpy(float) if "own" in ordered else np.full(len(ordered), np.nan)
    is_later = ((columns_around(ordered, months) > own[:, None]) & (months >= 0)).ravel()
    sliced |= {f"{name}_later": np.where(is_later, cells, 0) for name, cells in sliced.items()}
    ids = {"trial_id": np.repeat(ordered["trial_id"].to_numpy(), len(months)), "month": np.tile(months, len(ordered)).astype("int16")}
    return pd.DataFrame(ids | sliced)


def trajectories(trials: pd.DataFrame, grid: Grid, spans: list[tuple[str, int, int]], trigger_months: int, months_before: int) -> pd.DataFrame:
    """Return per row of `trials` what the months before time zero say, by the names of pipeline.cohort.trajectories.

    A column per span of `spans` (name, first, last month back), n_recent within trigger_months, n_last_days (missing), days_since_contact (counted
    from the end of the last month with a contact, plus one month; missing without any), and the shares of the
    contacts within months_before that were made as caller and by 101, missing where the panel does not count them.
    """
    back = np.arange(-months_before, 0)
    counts = np.nan_to_num(take_around(grid.outcomes["n_contacts"], trials, back))
    table = {name: counts[:, months_before - last : months_before - first + 1].sum(axis=1) for name, first, last in spans}
    table["n_recent"] = counts[:, months_before - trigger_months :].sum(axis=1)
    table["n_last_days"] = np.full(len(trials), np.nan)  # months do not know days
    steps = (counts[:, ::-1] > 0).argmax(axis=1) + 1
    table["days_since_contact"] = np.where(counts.any(axis=1), steps * DAYS_IN_MONTH, np.nan)
    total = counts.sum(axis=1)
    for share, name in (("share_caller", "n_caller"), ("share_101", "n_101")):
        part = np.nan_to_num(take_around(grid.outcomes[name], trials, back)).sum(axis=1) if name in grid.outcomes else np.full(len(trials), np.nan)
        table[share] = np.divide(part, total, out=np.full(len(trials), np.nan), where=total > 0)
    return pd.DataFrame(table, index=trials.index)
