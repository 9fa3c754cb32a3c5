"""Roth & Sant'Anna's (2023) estimator for rollouts in random order, and the two that it contains.

    theta(beta) = theta_0 - beta X

theta_0 is the difference in means between people treated and not yet treated, X the same difference in the period before
the start, whose expectation is nought where the order is random. beta = 1 is Callaway & Sant'Anna, beta = 0 compares
means; the efficient beta is the regression coefficient of theta_0 on X, so that a noisy month before the start moves the
estimate no more than it deserves. Right only where the order was random or as good as random: parallel trends do not suffice.

All three are linear in the means of cohorts. Errors are Neyman's, from the variances within cohorts (`se_neyman` of R's
`staggered`), which are somewhat too large where effects differ between people. People observed in part only cannot
enter. Builds on pipeline.callaway_santanna, pipeline.staggered and pipeline.estimates.
"""

from typing import NamedTuple

import numpy as np

from pipeline.callaway_santanna import Wide
from pipeline.estimates import NotEstimable
from pipeline.staggered import NEVER


class Rollout(NamedTuple):
    """Balanced rates with the cohorts that have at least two people."""

    rates: np.ndarray  # people x periods
    cohort: np.ndarray  # position of each person's cohort in `starts`
    starts: np.ndarray  # rising; the last is the last to be treated, or NEVER
    sizes: np.ndarray
    periods: np.ndarray


def balance_rollout(wide: Wide) -> tuple[Rollout, str]:
    """Return people observed in full in every period, in cohorts of two or more, as rates; and a note of who was left out."""
    full = np.isclose(wide.exposure, wide.exposure.max(axis=0, initial=0)).all(axis=1)
    cohort = np.where(wide.cohort > wide.periods.max(initial=0), NEVER, wide.cohort)
    starts, position, sizes = np.unique(cohort[full], return_inverse=True, return_counts=True)
    alone = full.copy()
    alone[full] = sizes[position] < 2
    kept = full & ~alone
    notes = [f"{(~full).sum()} people not observed in full left out"] * bool((~full).any()) + [f"{alone.sum()} people who alone start in a period left out"] * bool(alone.any())
    if not kept.any():
        raise NotEstimable("nobody is observed in full")
    starts, position, sizes = np.unique(cohort[kept], return_inverse=True, return_counts=True)
    return Rollout(wide.counted[kept] / wide.exposure[kept], position, starts, sizes.astype(float), wide.periods), "; ".join(notes)


def cells_of(rollout: Rollout) -> np.ndarray:
    """Return (cohort's position, column) of every cell that is treated while somebody is not, with its base period in the panel."""
    first, last = rollout.periods[0], rollout.starts[-1]
    return np.array([
        (place, column) for place, start in enumerate(rollout.starts[:-1]) if start > first
        for column in np.flatnonzero((rollout.periods >= start) & (rollout.periods < last))
    ], dtype=int).reshape(-1, 2)  # fmt: skip


def weigh_cells(rollout: Rollout, cells: np.ndarray, by: str) -> np.ndarray:
    """Return what each cell weighs in an aggregate: simple by people; cohort means by people; calendar periods alike."""
    people = rollout.sizes[cells[:, 0]]
    if by == "simple":
        return people / people.sum()
    group = cells[:, 0] if by == "cohort" else cells[:, 1]
    names, place = np.unique(group, return_inverse=True)
    within = people / np.bincount(place, people)[place]
    if by == "calendar":
        return within / len(names)
    sizes = rollout.sizes[names]
    return within * (sizes / sizes.sum())[place]


def contrast(rollout: Rollout, cells: np.ndarray, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the weights (cohort x period) by which the means of cohorts become theta_0 and X."""
    after, before = (np.zeros((len(rollout.starts), len(rollout.periods))) for _ in range(2))
    for (place, column), weight in zip(cells, weights):
        others = rollout.starts > rollout.periods[column]
        shares = others * rollout.sizes / (others @ rollout.sizes)
        base = np.searchsorted(rollout.periods, rollout.starts[place]) - 1
        for matrix, at in ((after, column), (before, base)):
            matrix[place, at] += weight
            matrix[:, at] -= weight * shares
    return after, before


def estimate_rollout(rollout: Rollout, cells: np.ndarray, weights: np.ndarray, beta: float | None = None) -> tuple[float, float, float]:
    """Return the estimate, its error and beta, which is the efficient one unless given.

    Raises NotEstimable without a cell.
    """
    if not len(cells):
        raise NotEstimable("nobody is seen both before and after a start while others are untreated")
    scores = [(rollout.rates * matrix[rollout.cohort]).sum(axis=1) for matrix in contrast(rollout, cells, weights)]
    (theta, x), n = [(np.bincount(rollout.cohort, one) / rollout.sizes) for one in scores], rollout.sizes
    deviations = [one - mean[rollout.cohort] for one, mean in zip(scores, (theta, x))]
    products = [np.bincount(rollout.cohort, one * other) / (n - 1) / n for one, other in ((deviations[0], deviations[0]), (deviations[1], deviations[1]), (deviations[0], deviations[1]))]
    of_theta, of_x, both = (part.sum() for part in products)
    chosen = beta if beta is not None else both / of_x if of_x > 0 else 0.0
    variance = of_theta + chosen**2 * of_x - 2 * chosen * both
    return float(theta.sum() - chosen * x.sum()), float(np.sqrt(max(variance, 0.0))), float(chosen)
