"""How closely two designs move together from draw to draw of one world: what makes their difference chance or more.

Designs fitted to the same people err alike, so that the difference of two estimates has a smaller error than either
would suggest. How alike is learnt from the audit, in which both answer the same draws.
"""

from itertools import combinations

import numpy as np
import pandas as pd
from scipy.special import ndtri

# The designs that the pipeline estimates beside its primary, for the effect of referral.
DESIGNS = ["empirical_bayes", "lagged_outcome_matched", "matched_sets", "sequential_trials"]
COLUMNS = ["world", "estimand", "estimator", "other", "n_replicates", "mean_difference", "sd_difference", "correlation", "share_apart"]
FEWEST = 3


def pair_designs(rows: pd.DataFrame, designs: list[str] = DESIGNS, estimand: str = "referral") -> pd.DataFrame:
    """Return one row per world and pair of `designs` (COLUMNS), from the audit's rows (pipeline.audit.run_replicate), sorted.

    correlation is that of the two estimates over the draws in which both answered; share_apart the share of those in which
    a test at 5 % with this correlation and the two errors of the draw calls them different. Both are missing where fewer
    than FEWEST draws have both.
    """
    kept = rows[rows["estimand"].eq(estimand) & rows["estimator"].isin(designs)]
    found = [
        pair(world, estimand, one, other, group)
        for world, group in kept.groupby("world", sort=True)
        for one, other in combinations(sorted(set(group["estimator"])), 2)
    ]
    return pd.DataFrame(found, columns=COLUMNS)


def pair(world: str, estimand: str, one: str, other: str, rows: pd.DataFrame) -> dict:
    """Return the row of one pair in one world."""
    wide = rows.pivot(index="replicate", columns="estimator", values=["estimate", "std_error"])
    wide = wide.loc[:, [(value, name) for value in ("estimate", "std_error") for name in (one, other)]]
    wide = wide[np.isfinite(wide).all(axis=1)]
    (first, second), (error, other_error) = (wide[value].to_numpy(float).T for value in ("estimate", "std_error"))
    key = dict(world=world, estimand=estimand, estimator=one, other=other, n_replicates=len(wide))
    if len(wide) < FEWEST or not (first.std() > 0 and second.std() > 0):
        return key
    difference, correlation = first - second, float(np.corrcoef(first, second)[0, 1])
    spread = difference_error(error, other_error, correlation)
    return key | dict(
        mean_difference=difference.mean(), sd_difference=difference.std(ddof=1), correlation=correlation, share_apart=float((np.abs(difference) > ndtri(0.975) * spread).mean())
    )


def difference_error(std_error, other_error, correlation):
    """Return the standard error of the difference of two estimates with these errors and this correlation."""
    variance = std_error**2 + other_error**2 - 2 * correlation * std_error * other_error
    return np.sqrt(np.maximum(variance, 0.0))
