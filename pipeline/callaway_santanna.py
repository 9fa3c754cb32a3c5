"""Callaway & Sant'Anna's (2021) estimator for staggered adoption, from rates, without covariates.

    ATT(g, t) = (rate[g, t] - rate[g, b]) - (rate[controls, t] - rate[controls, b])        b = the last period before g

Controls are people not treated by t (or only the never treated), so that nobody treated already ever serves as one.
A rate is counted over exposed, so people may leave; with equal exposure it is the mean of the paper, to the last digit.
Summed over all treated cells with their exposure as weights ("simple" aggregation) it is reported as the ratio of sums

    IRR = counted in treated periods / (counted - sum of exposure x ATT)

Parallel trends are assumed in levels. Own code: one loop over cells on arrays; diff-diff 3.13 and R's did give the same
numbers (tests), but neither takes exposure, and monthly cohorts over 72 months take the former minutes.
Builds on pipeline.staggered and pipeline.estimates.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
import pandas as pd

from pipeline.estimates import Label, NotEstimable, clustered_error, result_row
from pipeline.staggered import NEVER, Staggered, only_comparable


class Wide(NamedTuple):
    """People in rows, periods in columns."""

    cohort: np.ndarray
    periods: np.ndarray
    counted: np.ndarray
    exposure: np.ndarray


class Aggregate(NamedTuple):
    """All treated cells added up; influences are per person."""

    cells: list[tuple[int, int, float, float]]  # cohort, period, ATT per unit of exposure, its error
    total: float  # sum of exposure x ATT
    total_influence: np.ndarray
    counted: np.ndarray  # per person, in treated cells
    exposed: np.ndarray


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


def add_cells(wide: Wide, controls: str = "not_yet") -> Aggregate:
    """Return every treated cell's ATT and their sum; raises NotEstimable when there is none."""
    n_people = len(wide.cohort)
    cells, total = [], 0.0
    influence, counted, exposed = np.zeros(n_people), np.zeros(n_people), np.zeros(n_people)
    for cell in treated_cells(wide, controls):
        time = cell.exposed.sum()
        total += time * cell.effect
        influence[cell.members] += time * cell.own + cell.exposed * cell.effect
        influence[cell.others] += time * cell.theirs
        counted[cell.members] += cell.counted
        exposed[cell.members] += cell.exposed
        cells.append((cell.cohort, cell.period, cell.effect, float(np.sqrt(cell.own @ cell.own + cell.theirs @ cell.theirs))))
    if not cells:
        raise NotEstimable("nobody is seen both before and after a start while others are untreated")
    return Aggregate(cells, total, influence, counted, exposed)


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


def mean_effects_by(wide: Wide, by: str, controls: str = "not_yet") -> pd.DataFrame:
    """Return the mean ATT per period since the start, per cohort or per calendar period: key, estimate, std_error, n_cells.

    `by` is event, cohort or calendar; within a key cells weigh by exposure, whose shares are random, as in R's did.
    The last row, key missing, is the overall mean: of cohorts by their size, of event times and calendar periods each alike.
    """
    sums = sum_cells_by(wide, KEYS[by], controls)
    if not sums:
        raise NotEstimable("nobody is seen both before and after a start while others are untreated")
    overall, influence = mean_over(sums, by)
    rows = [(key, mean, clustered_error(one, correct=False), sums[key].n_cells) for key, (mean, one) in zip(sums, map(mean_of, sums.values()))]
    rows.append((np.nan, overall, clustered_error(influence, correct=False), sum(row[3] for row in rows)))
    return pd.DataFrame(rows, columns=["key", "estimate", "std_error", "n_cells"])


def mean_effect(aggregate: Aggregate) -> tuple[float, float]:
    """Return the mean ATT per unit of exposure (a day, or a month observed) over all treated cells and its error; cohort shares are random, as in R's did."""
    mean = aggregate.total / aggregate.exposed.sum()
    influence = (aggregate.total_influence - mean * aggregate.exposed) / aggregate.exposed.sum()
    return float(mean), clustered_error(influence, correct=False)


def estimate_callaway_santanna(label: Label, data: Staggered, confidence: float, controls: str = "not_yet") -> dict:
    """Return the tidy row of the log ratio of sums; raises NotEstimable when there is nothing to compare or it is not positive."""
    data, note = only_comparable(data)
    aggregate = add_cells(widen(data), controls)
    observed = aggregate.counted.sum()
    predicted = observed - aggregate.total
    if not (observed > 0 and predicted > 0):
        raise NotEstimable("the treated have no contacts after their start" if not observed > 0 else "what is predicted without treatment is not positive")
    influence = aggregate.counted / observed - (aggregate.counted - aggregate.total_influence) / predicted
    return result_row(label, float(np.log(observed / predicted)), clustered_error(influence, correct=False), data.size(), confidence, note)
