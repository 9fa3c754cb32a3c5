"""Callaway & Sant'Anna's (2021) estimator for staggered adoption, from rates, without covariates.

    ATT(g, t) = (rate[g, t] - rate[g, b]) - (rate[controls, t] - rate[controls, b])        b = the last period before g

Controls are people not treated by t (or only the never treated), so that nobody treated already ever serves as one.
A rate is counted over exposed, so people may leave; with equal exposure it is the mean of the paper, to the last digit.
Summed over all treated cells with their exposure as weights ("simple" aggregation) it is reported as the ratio of sums

    IRR = counted in treated periods / (counted - sum of exposure x ATT)

Parallel trends are assumed in levels. Own code: one loop over cells on arrays; diff-diff 3.13 and R's did give the same
numbers (tests), but neither takes exposure, and monthly cohorts over 72 months take the former minutes.
Builds on pipeline.staggered.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from pipeline.staggered import NEVER, Staggered


class Wide(NamedTuple):
    """People in rows, periods in columns."""

    cohort: np.ndarray
    periods: np.ndarray
    counted: np.ndarray
    exposure: np.ndarray


def widen(data: Staggered) -> Wide:
    """Return the person-periods as matrices; what was not observed has no exposure."""
    people, row, = np.unique(data.person, return_inverse=True)
    periods, column = np.unique(data.period, return_inverse=True)
    cohort = np.full(len(people), NEVER, np.int64)
    cohort[row] = data.cohort
    counted, exposure = (np.zeros((len(people), len(periods))) for _ in range(2))
    counted[row, column], exposure[row, column] = data.counted, data.exposure
    return Wide(cohort, periods, counted, exposure)


def rate_and_influence(wide: Wide, people: np.ndarray, column: int) -> tuple[float, np.ndarray]:
    """Return the rate of `people` (positions) in a period and the influence of each of them on it."""
    counted, exposed = wide.counted[people, column], wide.exposure[people, column]
    total = exposed.sum()
    if not total > 0:
        return np.nan, np.zeros(len(people))
    rate = counted.sum() / total
    return rate, (counted - rate * exposed) / total


class Cell(NamedTuple):
    """One cohort in one treated period, against its controls."""

    cohort: int
    period: int
    effect: float  # ATT per unit of exposure
    members: np.ndarray  # positions of the people in the cohort
    others: np.ndarray  # positions of their controls
    own: np.ndarray  # influence of each member on the effect
    theirs: np.ndarray
    counted: np.ndarray  # of each member in this period
    exposed: np.ndarray


def treated_cells(wide: Wide, controls: str = "not_yet", leads: bool = False) -> Iterator[Cell]:
    """Yield every treated cell that has a base period and controls; `controls` is not_yet or never.

    With `leads` the periods before the base come too, against people untreated by the start (did's universal base).
    """
    for cohort in np.unique(wide.cohort[wide.cohort <= wide.periods.max(initial=0)]):
        base = np.searchsorted(wide.periods, cohort) - 1
        members = np.flatnonzero(wide.cohort == cohort)
        columns = [*(range(base) if leads else ()), *range(base + 1, len(wide.periods))] if base >= 0 else []
        for column in columns:
            untreated_by = max(wide.periods[column], cohort)
            others = np.flatnonzero(wide.cohort == NEVER if controls == "never" else wide.cohort > untreated_by)
            (after, d_after), (before, d_before) = (rate_and_influence(wide, members, at) for at in (column, base))
            (level, d_level), (start, d_start) = (rate_and_influence(wide, others, at) for at in (column, base))
            effect = (after - before) - (level - start)
            if np.isfinite(effect):
                yield Cell(
                    int(cohort), int(wide.periods[column]), effect, members, others, d_after - d_before, d_start - d_level,
                    wide.counted[members, column], wide.exposure[members, column],
                )  # fmt: skip


KEYS = {"event": lambda cell: cell.period - cell.cohort, "cohort": lambda cell: cell.cohort, "calendar": lambda cell: cell.period, "simple": lambda cell: 0}


class Sums(NamedTuple):
    """The cells of one key added up; arrays are per person."""

    total: float  # sum of exposure x ATT
    influence: np.ndarray  # of each person on total
    counted: np.ndarray
    exposed: np.ndarray
    members: np.ndarray  # positions of the people in the last cohort added
    n_cells: int


def sum_cells_by(wide: Wide, key, controls: str = "not_yet", leads: bool = False) -> dict[int, Sums]:
    """Return the cells of each value of `key` (a function of the cell) added up, in order; with `leads` periods before the start too."""
    totals, n_people = {}, len(wide.cohort)
    for cell in treated_cells(wide, controls, leads):
        name = key(cell)
        one = totals.get(name) or Sums(0.0, np.zeros(n_people), np.zeros(n_people), np.zeros(n_people), cell.members, 0)
        time = cell.exposed.sum()
        one.influence[cell.members] += time * cell.own + cell.exposed * cell.effect
        one.influence[cell.others] += time * cell.theirs
        one.counted[cell.members] += cell.counted
        one.exposed[cell.members] += cell.exposed
        totals[name] = one._replace(total=one.total + time * cell.effect, n_cells=one.n_cells + 1)
    return {name: totals[name] for name in sorted(totals)}


def mean_of(sums: Sums) -> tuple[float, np.ndarray]:
    """Return the mean ATT per unit of exposure and the influence of each person on it; shares of cohorts are random, as in R's did."""
    exposed = sums.exposed.sum()
    mean = sums.total / exposed
    return mean, (sums.influence - mean * sums.exposed) / exposed


def mean_over(sums: dict[int, Sums], by: str) -> tuple[float, np.ndarray]:
    """Return the mean over keys and the influence of each person on it: cohorts by their size, event times and calendar periods each alike."""
    means, influences = (np.array(part) for part in zip(*(mean_of(one) for one in sums.values())))
    shares = np.full(len(means), 1 / len(means))
    if by != "cohort":
        return float(shares @ means), shares @ influences
    sizes = np.array([len(one.members) for one in sums.values()], float)
    shares = sizes / sizes.sum()
    overall, influence = float(shares @ means), shares @ influences
    for one, mean in zip(sums.values(), means):  # who is in which cohort is random too
        influence[one.members] += (mean - overall) / sizes.sum()
    return overall, influence
